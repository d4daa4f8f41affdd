/* What the tests of kernels share: arrays that end where memory ends, and comparison with a bound. */
#ifndef STG_TESTS_COMPUTE_SUPPORT_H
#define STG_TESTS_COMPUTE_SUPPORT_H

#include "base/rng.h"
#include "compute/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

/* Runs check(plain, variant) for every variant. */
static inline void each_variant(void (*check)(const struct stg_kernels *plain, const struct stg_kernels *k))
{
    const struct stg_kernels *const *all = stg_kernels_all();
    for (size_t i = 0; all[i] != NULL; i++) {
        check(all[0], all[i]);
    }
}

/* size bytes whose end is the end of a page, with an inaccessible page behind: one element too many is a fault. */
struct tail {
    void *map;
    size_t map_size;
};

static inline void *tail_new(struct tail *t, size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t usable = (size + page - 1) / page * page;
    t->map_size = usable + page;
    t->map = mmap(NULL, t->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(t->map, MAP_FAILED);
    assert_int_equal(mprotect((char *)t->map + usable, page, PROT_NONE), 0);
    return (char *)t->map + usable - size;
}

static inline void tail_free(struct tail *t)
{
    assert_int_equal(munmap(t->map, t->map_size), 0);
}

static inline void fill_normal(struct stg_rng *rng, float *to, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = (float)(stg_rng_normal(rng) * scale);
    }
}

/* |got − expected| <= absolute + relative·|expected| everywhere; NaN fails. */
static inline void assert_near(const char *variant, const char *what, const float *got, const float *expected, size_t n,
                               double relative, double absolute)
{
    for (size_t i = 0; i < n; i++) {
        const double e = (double)expected[i];
        if (!(fabs((double)got[i] - e) <= absolute + relative * fabs(e))) {
            fail_msg("%s: %s: element %zu of %zu: %.9g is not %.9g", variant, what, i, n, (double)got[i], e);
        }
    }
}

#endif
