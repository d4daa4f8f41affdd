#include "compute/kernels.h"

#include "compute/kernels_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

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
#if defined(__x86_64__)
    if (chosen == &stg_kernels_avx512bf16 && __builtin_cpu_is("intel")) {
        chosen = &stg_kernels_avx512; /* whose float multiply-adds do twice as much as the bf16 ones */
    }
#endif
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
