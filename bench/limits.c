/* The limits of the machine: what a roofline is drawn with. */
#include "bench/nets.h"

#include "base/memory.h"
#include "compute/kernels.h"

#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

static double thread_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

enum { TRIES = 40, STEPS = 200000, SUMS = 12 };

#if defined(__x86_64__)
typedef float vec512 __attribute__((vector_size(64)));
typedef float vec256 __attribute__((vector_size(32)));

/* Twelve sums that depend on themselves alone: enough to keep two units busy that take four to five cycles. */
#define LOOP(name, type, isa, step)                                    \
    __attribute__((target(isa), noinline)) static float name(size_t n) \
    {                                                                  \
        type acc[SUMS];                                                \
        type x;                                                        \
        for (size_t i = 0; i < sizeof x / sizeof(float); i++) {        \
            x[i] = (float)(n % 3) * 0.3f;                              \
        }                                                              \
        for (size_t i = 0; i < SUMS; i++) {                            \
            acc[i] = x + (float)i;                                     \
        }                                                              \
        for (size_t k = 0; k < n; k++) {                               \
            _Pragma("GCC unroll 12") for (size_t i = 0; i < SUMS; i++) \
            {                                                          \
                acc[i] = step;                                         \
            }                                                          \
        }                                                              \
        for (size_t i = 1; i < SUMS; i++) {                            \
            acc[0] += acc[i];                                          \
        }                                                              \
        return acc[0][0];                                              \
    }
LOOP(fma_512, vec512, "avx512f", acc[i] * x + x)
LOOP(fma_256, vec256, "avx2,fma", acc[i] * x + x)
LOOP(dot_bf16, vec512, "avx512f,avx512bf16", (vec512)_mm512_dpbf16_ps((__m512)acc[i], (__m512bh)x, (__m512bh)x))
#endif

double bench_peak_gflops(const char *variant, enum stg_precision precision)
{
    volatile float sink = 0;
    double best = 0;
#if defined(__x86_64__)
    const bool wide = strncmp(variant, "avx512", 6) == 0;
    const bool pairs = precision == STG_PRECISION_BF16 && strcmp(variant, "avx512bf16") == 0;
    float (*loop)(size_t n) = pairs ? dot_bf16 : wide ? fma_512 : strcmp(variant, "avx2") == 0 ? fma_256 : NULL;
    const double flop = (double)SUMS * 2 * (wide ? 16 : 8) * (pairs ? 2 : 1) * STEPS;
    for (size_t i = 0; i < TRIES && loop != NULL; i++) {
        const double begin = thread_ns();
        sink = sink + loop(STEPS);
        const double rate = flop / (thread_ns() - begin);
        best = rate > best ? rate : best;
    }
#endif
    (void)variant;
    (void)precision;
    return best;
}

#if defined(__x86_64__)
__attribute__((target("avx512f"), noinline)) static float read_512(const float *x, size_t n)
{
    vec512 sum[8] = {{0}};
    for (size_t i = 0; i < n; i += 8 * 16) {
        _Pragma("GCC unroll 8") for (size_t k = 0; k < 8; k++)
        {
            sum[k] += *(const vec512 *)(const void *)(x + i + k * 16);
        }
    }
    for (size_t k = 1; k < 8; k++) {
        sum[0] += sum[k];
    }
    return sum[0][0];
}
#endif

static float read_plain(const float *x, size_t n)
{
    float sum[8] = {0};
    for (size_t i = 0; i < n; i += 8) {
        for (size_t k = 0; k < 8; k++) {
            sum[k] += x[i + k];
        }
    }
    return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

double bench_read_gbs(size_t bytes)
{
    float *x = NULL;
    volatile float sink = 0;
    double best = 0;
    const size_t n = bytes / 512 * 128;
    const size_t times = n == 0 ? 0 : 1 + ((size_t)1 << 24) / bytes;
    if (n == 0 || stg_mem_aligned(&x, n, sizeof *x) != STG_OK) {
        return 0;
    }
    float (*read)(const float *, size_t) = read_plain;
#if defined(__x86_64__)
    read = strncmp(stg_kernels()->name, "avx512", 6) == 0 ? read_512 : read_plain;
#endif
    for (size_t i = 0; i < TRIES; i++) {
        const double begin = thread_ns();
        for (size_t k = 0; k < times; k++) {
            sink = sink + read(x, n);
        }
        const double rate = (double)(times * n * sizeof *x) / (thread_ns() - begin);
        best = rate > best ? rate : best;
    }
    stg_mem_free(x);
    return best;
}
