/* Pool and containers: tasks, failures carried across threads, names, buffers, random numbers, failing allocations. */
#include "base/pool.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/strings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static enum stg_status count(void *context, size_t i, size_t i_thread)
{
    atomic_uint *done = context;
    atomic_fetch_add(&done[i], 1);
    return i_thread < 4 ? STG_OK : STG_ERR_INTERNAL;
}

static enum stg_status fail_at_seven(void *context, size_t i, size_t i_thread)
{
    (void)context;
    (void)i_thread;
    return i == 7 ? stg_fail(STG_ERR_INPUT, "task %zu", i) : STG_OK;
}

static void every_task_runs_once_and_failures_are_carried(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 4; n++) {
        struct stg_pool *pool = NULL;
        assert_int_equal(stg_pool_new(&pool, n == 0 ? 1 : n), STG_OK);
        for (int round = 0; round < 50; round++) {
            atomic_uint done[20] = {0};
            assert_int_equal(stg_pool_run(n == 0 ? NULL : pool, 20, count, done), STG_OK);
            for (size_t i = 0; i < 20; i++) {
                assert_int_equal(done[i], 1);
            }
            assert_int_equal(stg_pool_run(pool, 20, fail_at_seven, NULL), STG_ERR_INPUT);
            assert_string_equal(stg_status_message(), "task 7");
        }
        stg_pool_free(pool);
    }
}

static void names_keep_their_ids(void **state)
{
    (void)state;
    struct stg_strings *s = NULL;
    char text[32];
    uint32_t id;
    assert_int_equal(stg_strings_new(&s), STG_OK);
    for (uint32_t i = 0; i < 2000; i++) {
        const int n = snprintf(text, sizeof text, "name%u", i % 1000);
        assert_int_equal(stg_strings_put(s, text, (size_t)n, &id), STG_OK);
        assert_int_equal(id, i % 1000);
        assert_string_equal(stg_strings_get(s, id), text);
    }
    assert_int_equal(stg_strings_count(s), 1000);
    assert_int_equal(stg_strings_find(s, "name1xyz", 5), 1);
    assert_int_equal(stg_strings_find(s, "absent", 6), STG_STRINGS_NONE);
    stg_strings_free(s);
}

static void buffers_grow(void **state)
{
    (void)state;
    struct stg_buffer b = STG_BUFFER_INIT;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(stg_buffer_printf(&b, "%02d", i), STG_OK);
    }
    assert_int_equal(b.len, 200);
    assert_memory_equal(b.data + 196, "9899", 5);
    stg_buffer_clear(&b);
    assert_string_equal(b.data, "");
    assert_int_equal(stg_buffer_put(&b, "x", SIZE_MAX), STG_ERR_MEMORY);
    stg_buffer_fini(&b);
}

static void random_numbers_repeat_and_stay_in_range(void **state)
{
    (void)state;
    struct stg_rng a;
    struct stg_rng b;
    double sum = 0;
    stg_rng_seed(&a, 42);
    stg_rng_seed(&b, 42);
    for (int i = 0; i < 10000; i++) {
        assert_true(stg_rng_next(&a) == stg_rng_next(&b));
        assert_true(stg_rng_below(&a, 7) < 7);
        const double unit = stg_rng_unit(&a);
        assert_true(unit >= 0 && unit < 1);
        sum += unit;
        b = a;
    }
    assert_true(sum > 4850 && sum < 5150); /* five standard deviations */
}

static void allocations_fail_when_told_and_when_impossible(void **state)
{
    (void)state;
    void *p = NULL;
    stg_mem_fail_at(2);
    assert_int_equal(stg_mem_zeroed(&p, 1, 8), STG_OK);
    stg_mem_free(p);
    assert_int_equal(stg_mem_zeroed(&p, 1, 8), STG_ERR_MEMORY);
    assert_null(p);
    assert_int_equal(stg_mem_zeroed(&p, SIZE_MAX, 2), STG_ERR_MEMORY);
    assert_int_equal(stg_mem_aligned(&p, SIZE_MAX, 1), STG_ERR_MEMORY);
    stg_mem_fail_at(0);
    assert_int_equal(stg_mem_aligned(&p, 3, 4), STG_OK);
    assert_int_equal((uintptr_t)p % 64, 0);
    stg_mem_free(p);
}

/* Around the sizes from which on memory comes in large pages: zeroed up to its end and the caller's, though it was
 * another's before. */
static void large_memory_is_zeroed_and_aligned(void **state)
{
    static const size_t sizes[] = {(1 << 20) - 65, 1 << 20, (2 << 20) - 1, 2 << 20,
                                   (2 << 20) + 1,  3 << 20, (5 << 20) + 64};
    (void)state;
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            unsigned char *p = NULL;
            assert_int_equal(stg_mem_aligned(&p, sizes[i], 1), STG_OK);
            assert_int_equal((uintptr_t)p % 64, 0);
            assert_true(p[0] == 0 && memcmp(p, p + 1, sizes[i] - 1) == 0);
            memset(p, 0xa5, sizes[i]);
            stg_mem_free(p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once_and_failures_are_carried),
        cmocka_unit_test(names_keep_their_ids),
        cmocka_unit_test(buffers_grow),
        cmocka_unit_test(random_numbers_repeat_and_stay_in_range),
        cmocka_unit_test(allocations_fail_when_told_and_when_impossible),
        cmocka_unit_test(large_memory_is_zeroed_and_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
