#include "compute/kernels.h"

#include "compute/kernels_internal.h"

#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Debian's oneDNN threads with OpenMP; work is already split over our own threads, so each call stays on its thread. The
 * runtime is looked up weakly: a oneDNN built without it needs nothing. */
extern void omp_set_num_threads(int n) __attribute__((weak));

static const struct stg_kernels *available[5]; /* NULL-terminated */
static const struct stg_kernels *chosen;

static void choose(void)
{
    size_t n = 0;
    available[n++] = &stg_kernels_plain;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        available[n++] = &stg_kernels_avx2;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw")) {
        available[n++] = &stg_kernels_avx512;
        if (__builtin_cpu_supports("avx512bf16")) {
            available[n++] = &stg_kernels_avx512bf16;
        }
    }
#endif
    chosen = available[n - 1];
    const char *forced = getenv("STRANGE_CPU");
    for (size_t i = 0; i < n && forced != NULL; i++) {
        if (strcmp(available[i]->name, forced) == 0) {
            chosen = available[i];
        }
    }
}

static void choose_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, choose);
}

const struct stg_kernels *stg_kernels(void)
{
    choose_once();
    return chosen;
}

const struct stg_kernels *const *stg_kernels_all(void)
{
    choose_once();
    return available;
}

void stg_gemm(int ta, int tb, size_t M, size_t N, size_t K, const float *A, size_t lda, const float *B, size_t ldb, float beta,
              float *C, size_t ldc)
{
    static _Thread_local int alone;
    if (!alone) {
        if (omp_set_num_threads != NULL) {
            omp_set_num_threads(1);
        }
        alone = 1;
    }
    if (M == 0 || N == 0) {
        return;
    }
    /* oneDNN 2.6.3 corrupts the heap when a signal handler runs during its AVX-512 products (test_nn_signals shows it), so signals
     * wait until the product is done. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    /* The only failures are bad arguments, which the callers' shapes rule out. */
    (void)dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', (dnnl_dim_t)M, (dnnl_dim_t)N, (dnnl_dim_t)K, 1.0f, A, (dnnl_dim_t)lda, B,
                     (dnnl_dim_t)ldb, beta, C, (dnnl_dim_t)ldc);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}
