/* Speed of the kernels on the models' shapes, every variant on one thread: bench_kernels [seconds of each] [name part].
 * One line per kernel and variant: time of a call, GFLOP/s (multiplications and additions counted apart), GB/s where
 * memory may be what limits, and its part of the limit: multiply-adds in registers or reading as much memory again and
 * again, both measured here. With STRANGE_CPU only that variant. */
#include "bench/nets.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "compute/kernels.h"

#ifdef STG_BENCH_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { T = 1100, D = 168, HEADS = 4, WIDE = 896, MAX = T * WIDE + 65536 };

/* What the measured calls work on; filled once with numbers of variance 1. */
struct work {
    float *a, *b, *c, *d, *scratch; /* (MAX) */
    const struct stg_kernels *k;
    struct stg_attention attention;
    size_t B, K, N; /* of products */
};

struct kernel {
    const char *name;
    void (*call)(struct work *w);
    double flop, bytes; /* of a call; 0: not told */
    struct stg_attention attention;
    size_t B, K, N;
};

/* Processor time of this thread, so that waiting for a processor that others use does not count. */
static uint64_t used_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void run_attention_forward(struct work *w)
{
    w->k->attention_forward(w->b, w->c, w->a, w->a + D, w->a + 2 * D, &w->attention, w->scratch);
}

static void run_attention_backward(struct work *w)
{
    float *dqkv = w->d;
    w->k->attention_backward(dqkv, dqkv + D, dqkv + 2 * D, w->b, w->a, w->a + D, w->a + 2 * D, w->b, w->c,
                             &w->attention, w->scratch);
}

static void run_attention_step(struct work *w)
{
    w->k->attention_step(w->b, w->a, w->a + D, w->a + 2 * D, &w->attention, 0, w->scratch);
}

static void run_layer_norm_forward(struct work *w)
{
    w->k->layer_norm_forward(w->b, w->c, w->c + T, w->a, w->a, w->a, T, D, 1e-5f);
}

static void run_layer_norm_backward(struct work *w)
{
    w->k->layer_norm_backward(w->d, w->d + T * D, w->d + T * D + D, w->b, w->a, w->c, w->c + T, w->a, T, D);
}

static void run_swiglu_forward(struct work *w)
{
    w->k->swiglu_forward(w->b, w->a, T, WIDE / 2);
}

static void run_swiglu_backward(struct work *w)
{
    w->k->swiglu_backward(w->d, w->b, w->a, T, WIDE / 2);
}

static void run_gelu_forward(struct work *w)
{
    w->k->gelu_forward(w->b, w->a, T * 4 * D);
}

static void run_gelu_backward(struct work *w)
{
    w->k->gelu_backward(w->d, w->b, w->a, T * 4 * D);
}

static void run_dropout(struct work *w)
{
    w->k->dropout(w->d, w->a, T * D, 0, 77, 0.01f);
}

static void run_cross_entropy(struct work *w)
{
    float loss;
    float objective;
    for (size_t t = 0; t < T; t++) {
        w->k->cross_entropy(w->d + t * 95, &loss, &objective, 95, t % 95, 0.1f, 1.0f);
    }
}

static void run_soft_cross_entropy(struct work *w)
{
    float loss;
    float objective;
    for (size_t t = 0; t < T; t++) {
        w->k->soft_cross_entropy(w->d + t * 95, &loss, &objective, w->a + t * 95, 95, t % 95, 0.1f, 0.9f, 2.0f, 1.0f);
    }
}

static void run_gates_forward(struct work *w)
{
    w->k->gates_forward(w->b, w->c, w->d, w->a, w->a, w->B, w->N);
}

static void run_gates_backward(struct work *w)
{
    w->k->gates_backward(w->d, w->c, w->a, w->a, w->b, w->b, w->B, w->N);
}

static void run_rows_product(struct work *w)
{
    w->k->rows_product(w->b, w->N, NULL, 0, w->a, w->K, w->c, w->B, w->K, w->N);
}

static void run_bf16_rows_product(struct work *w)
{
    w->k->bf16_rows_product(w->b, w->N, NULL, 0, w->a, w->K, (const uint16_t *)(const void *)w->c, w->B, w->K, w->N);
}

static void run_weight_gradient(struct work *w)
{
    w->k->weight_gradient(w->d, w->N, w->a, w->K, w->b, w->N, w->B, w->K, w->N);
}

static void run_bf16_weight_gradient(struct work *w)
{
    w->k->bf16_weight_gradient(w->d, w->N, w->a, w->K, w->b, w->N, w->B, w->K, w->N);
}

#ifdef STG_BENCH_ONEDNN
/* Debian's oneDNN threads with OpenMP; each call is to stay on its thread. A oneDNN built without it needs nothing. */
extern void omp_set_num_threads(int n) __attribute__((weak));

static void gemm(char transposed, const struct work *w, size_t M, size_t N, size_t K, const float *b, float beta,
                 float *c)
{
    if (omp_set_num_threads != NULL) {
        omp_set_num_threads(1);
    }
    (void)dnnl_sgemm(transposed, 'N', (dnnl_dim_t)M, (dnnl_dim_t)N, (dnnl_dim_t)K, 1.0f, w->a, (dnnl_dim_t)w->K, b,
                     (dnnl_dim_t)N, beta, c, (dnnl_dim_t)N);
}

static void run_gemm_gradient(struct work *w)
{
    gemm('T', w, w->K, w->N, w->B, w->b, 1.0f, w->d);
}

static void run_gemm(struct work *w)
{
    gemm('N', w, w->B, w->N, w->K, w->c, 0.0f, w->b);
}
#endif

#define ATTENTION(bf16, window, n_global)                                  \
    {                                                                      \
        T, 0, HEADS, D / HEADS, 3 * D, 3 * D, D, window, 1, n_global, bf16 \
    }
#define PAIRS(window) (D * ((window) == 0 ? T * (T + 1.0) / 2 : (double)T * (window)))

static const struct kernel kernels[] = {
    {"attention_forward 1100", run_attention_forward, 4 * PAIRS(0), 0, ATTENTION(0, 0, 0), 0, 0, 0},
    {"attention_backward 1100", run_attention_backward, 10 * PAIRS(0), 0, ATTENTION(0, 0, 0), 0, 0, 0},
    {"attention_forward 1100 window 32 global 1", run_attention_forward, 4 * PAIRS(33), 0, ATTENTION(0, 32, 1), 0, 0,
     0},
    {"attention_backward 1100 window 32 global 1", run_attention_backward, 10 * PAIRS(33), 0, ATTENTION(0, 32, 1), 0, 0,
     0},
    {"attention_forward bf16 1100", run_attention_forward, 4 * PAIRS(0), 0, ATTENTION(1, 0, 0), 0, 0, 0},
    {"attention_backward bf16 1100", run_attention_backward, 10 * PAIRS(0), 0, ATTENTION(1, 0, 0), 0, 0, 0},
    {"attention_forward bf16 1100 window 32 global 1", run_attention_forward, 4 * PAIRS(33), 0, ATTENTION(1, 32, 1), 0,
     0, 0},
    {"attention_backward bf16 1100 window 32 global 1", run_attention_backward, 10 * PAIRS(33), 0, ATTENTION(1, 32, 1),
     0, 0, 0},
    {"attention_step 1100", run_attention_step, 4.0 * T *D, 8.0 * T *D, ATTENTION(0, 0, 0), 0, 0, 0},
    {"attention_step window 32 global 1", run_attention_step, 4.0 * 33 * D, 8.0 * 33 * D, ATTENTION(0, 32, 1), 0, 0, 0},
    {"layer_norm_forward 1100x168", run_layer_norm_forward, 0, 8.0 * T *D, {0}, 0, 0, 0},
    {"layer_norm_backward 1100x168", run_layer_norm_backward, 0, 12.0 * T *D, {0}, 0, 0, 0},
    {"swiglu_forward 1100x448", run_swiglu_forward, 0, 6.0 * T *WIDE, {0}, 0, 0, 0},
    {"swiglu_backward 1100x448", run_swiglu_backward, 0, 10.0 * T *WIDE, {0}, 0, 0, 0},
    {"gelu_forward 1100x672", run_gelu_forward, 0, 32.0 * T *D, {0}, 0, 0, 0},
    {"gelu_backward 1100x672", run_gelu_backward, 0, 48.0 * T *D, {0}, 0, 0, 0},
    {"dropout 1100x168", run_dropout, 0, 8.0 * T *D, {0}, 0, 0, 0},
    {"cross_entropy 1100x95", run_cross_entropy, 0, 8.0 * T * 95, {0}, 0, 0, 0},
    {"soft_cross_entropy 1100x95", run_soft_cross_entropy, 0, 12.0 * T * 95, {0}, 0, 0, 0},
    {"gates_forward 8x256", run_gates_forward, 0, 48.0 * 8 * 256, {0}, 8, 0, 256},
    {"gates_backward 8x256", run_gates_backward, 0, 56.0 * 8 * 256, {0}, 8, 0, 256},
    {"rows_product 1x256x1024", run_rows_product, 2.0 * 256 * 1024, 4.0 * 256 * 1024, {0}, 1, 256, 1024},
    {"rows_product 8x256x1024", run_rows_product, 16.0 * 256 * 1024, 4.0 * 256 * 1024, {0}, 8, 256, 1024},
    {"rows_product 16x256x1024", run_rows_product, 32.0 * 256 * 1024, 4.0 * 256 * 1024, {0}, 16, 256, 1024},
    {"rows_product 8x1024x256", run_rows_product, 16.0 * 256 * 1024, 4.0 * 256 * 1024, {0}, 8, 1024, 256},
    {"bf16_rows_product 1x256x1024", run_bf16_rows_product, 2.0 * 256 * 1024, 2.0 * 256 * 1024, {0}, 1, 256, 1024},
    {"bf16_rows_product 8x256x1024", run_bf16_rows_product, 16.0 * 256 * 1024, 2.0 * 256 * 1024, {0}, 8, 256, 1024},
    {"bf16_rows_product 8x1024x256", run_bf16_rows_product, 16.0 * 256 * 1024, 2.0 * 256 * 1024, {0}, 8, 1024, 256},
    {"rows_product 1100x168x504", run_rows_product, 2.0 * 1100 * 168 * 504, 0, {0}, 1100, 168, 504},
    {"rows_product 1100x168x168", run_rows_product, 2.0 * 1100 * 168 * 168, 0, {0}, 1100, 168, 168},
    {"rows_product 1100x168x896", run_rows_product, 2.0 * 1100 * 168 * 896, 0, {0}, 1100, 168, 896},
    {"rows_product 1100x448x168", run_rows_product, 2.0 * 1100 * 448 * 168, 0, {0}, 1100, 448, 168},
    {"rows_product 1100x168x95", run_rows_product, 2.0 * 1100 * 168 * 95, 0, {0}, 1100, 168, 95},
    {"bf16_rows_product 1100x168x504", run_bf16_rows_product, 2.0 * 1100 * 168 * 504, 0, {0}, 1100, 168, 504},
    {"bf16_rows_product 1100x168x168", run_bf16_rows_product, 2.0 * 1100 * 168 * 168, 0, {0}, 1100, 168, 168},
    {"bf16_rows_product 1100x168x896", run_bf16_rows_product, 2.0 * 1100 * 168 * 896, 0, {0}, 1100, 168, 896},
    {"bf16_rows_product 1100x448x168", run_bf16_rows_product, 2.0 * 1100 * 448 * 168, 0, {0}, 1100, 448, 168},
    {"bf16_rows_product 1100x168x95", run_bf16_rows_product, 2.0 * 1100 * 168 * 95, 0, {0}, 1100, 168, 95},
#ifdef STG_BENCH_ONEDNN
    {"oneDNN gemm 1100x168x504", run_gemm, 2.0 * 1100 * 168 * 504, 0, {0}, 1100, 168, 504},
    {"oneDNN gemm 1100x168x168", run_gemm, 2.0 * 1100 * 168 * 168, 0, {0}, 1100, 168, 168},
    {"oneDNN gemm 1100x168x896", run_gemm, 2.0 * 1100 * 168 * 896, 0, {0}, 1100, 168, 896},
    {"oneDNN gemm 1100x448x168", run_gemm, 2.0 * 1100 * 448 * 168, 0, {0}, 1100, 448, 168},
    {"oneDNN gemm 1100x168x95", run_gemm, 2.0 * 1100 * 168 * 95, 0, {0}, 1100, 168, 95},
#endif
    {"weight_gradient 1100x168x504", run_weight_gradient, 2.0 * 1100 * 168 * 504, 0, {0}, 1100, 168, 504},
    {"weight_gradient 1100x168x896", run_weight_gradient, 2.0 * 1100 * 168 * 896, 0, {0}, 1100, 168, 896},
    {"weight_gradient 1100x448x168", run_weight_gradient, 2.0 * 1100 * 448 * 168, 0, {0}, 1100, 448, 168},
    {"bf16_weight_gradient 1100x168x504", run_bf16_weight_gradient, 2.0 * 1100 * 168 * 504, 0, {0}, 1100, 168, 504},
    {"bf16_weight_gradient 1100x168x896", run_bf16_weight_gradient, 2.0 * 1100 * 168 * 896, 0, {0}, 1100, 168, 896},
    {"bf16_weight_gradient 1100x448x168", run_bf16_weight_gradient, 2.0 * 1100 * 448 * 168, 0, {0}, 1100, 448, 168},
#ifdef STG_BENCH_ONEDNN
    {"oneDNN gemm_gradient 1100x168x504", run_gemm_gradient, 2.0 * 1100 * 168 * 504, 0, {0}, 1100, 168, 504},
    {"oneDNN gemm_gradient 1100x168x896", run_gemm_gradient, 2.0 * 1100 * 168 * 896, 0, {0}, 1100, 168, 896},
    {"oneDNN gemm_gradient 1100x448x168", run_gemm_gradient, 2.0 * 1100 * 448 * 168, 0, {0}, 1100, 448, 168},
#endif
};

/* The fastest of calls over the given seconds, in ns: others' work on the machine only ever adds. Short calls are timed
 * together. */
static double best_of(struct work *w, const struct kernel *kernel, double seconds)
{
    double best = 1e30;
    w->attention = kernel->attention;
    w->B = kernel->B;
    w->K = kernel->K;
    w->N = kernel->N;
    kernel->call(w); /* makes code and touches memory */
    const uint64_t begin = stg_clock_ns();
    size_t n = 1;
    do {
        const uint64_t start = used_ns();
        for (size_t i = 0; i < n; i++) {
            kernel->call(w);
        }
        const double ns = (double)(used_ns() - start) / (double)n;
        best = ns < best ? ns : best;
        n = ns * (double)n < 1e5 ? n * 2 : n;
    } while ((double)(stg_clock_ns() - begin) < seconds * 1e9);
    return best;
}

/* Time that the kernel needs at least, ns: its arithmetic or its memory, whichever takes longer (the roofline of
 * Williams et al. 2009). */
static double least_ns(const struct kernel *kernel, const double peak[2])
{
    const double gflops = peak[strstr(kernel->name, "bf16") != NULL];
    const double by_arithmetic = kernel->flop > 0 && gflops > 0 ? kernel->flop / gflops : 0;
    const double by_memory = kernel->bytes > 0 ? kernel->bytes / bench_read_gbs((size_t)kernel->bytes) : 0;
    return by_arithmetic > by_memory ? by_arithmetic : by_memory;
}

/* peak: GFLOP/s in float and in bf16; 0: not known. */
static void measure(struct work *w, const struct kernel *kernel, double seconds, const double peak[2])
{
    const double ns = best_of(w, kernel, seconds);
    const double least = least_ns(kernel, peak);
    printf("%-47s %-10s %10.2f us", kernel->name, w->k->name, ns * 1e-3);
    if (kernel->flop > 0) {
        printf(" %7.1f GFLOP/s", kernel->flop / ns);
    }
    if (kernel->bytes > 0) {
        printf(" %7.1f GB/s", kernel->bytes / ns);
    }
    if (least > 0) {
        printf(" %3.0f %% of the limit", 100 * least / ns);
    }
    printf("\n");
}

static enum stg_status work_init(struct work *w)
{
    struct stg_rng rng;
    float **all[] = {&w->a, &w->b, &w->c, &w->d, &w->scratch};
    stg_rng_seed(&rng, 1);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        STG_RETURN_IF_FAILED(stg_mem_aligned(all[i], MAX, sizeof(float)));
        for (size_t j = 0; j < MAX; j++) {
            (*all[i])[j] = (float)(stg_rng_unit(&rng) - 0.5) * 3.46f; /* variance 1 */
        }
    }
    return STG_OK;
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.5;
    const char *only = argc > 2 ? argv[2] : "";
    const struct stg_kernels *const *all = stg_kernels_all();
    struct work w = {.a = NULL};
    if (work_init(&w) != STG_OK) {
        fprintf(stderr, "bench_kernels: %s\n", stg_status_message());
        return 2;
    }
    for (size_t v = 0; all[v] != NULL; v++) {
        if (getenv("STRANGE_CPU") != NULL && all[v] != stg_kernels()) {
            continue;
        }
        const double peak[2] = {bench_peak_gflops(all[v]->name, STG_PRECISION_F32),
                                bench_peak_gflops(all[v]->name, STG_PRECISION_BF16)};
        printf("%s: %.1f GFLOP/s in float, %.1f in bf16, %.1f GB/s of 1 MiB, %.1f GB/s of 256 MiB, on one thread\n",
               all[v]->name, peak[0], peak[1], bench_read_gbs(1 << 20), bench_read_gbs(1 << 28));
        w.k = all[v];
        for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
            if (strstr(kernels[i].name, only) != NULL) {
                measure(&w, &kernels[i], seconds, peak);
            }
        }
    }
    float *arrays[] = {w.a, w.b, w.c, w.d, w.scratch};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        stg_mem_free(arrays[i]);
    }
    return 0;
}
