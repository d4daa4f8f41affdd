/* Walker: time order and thread order, contexts, ends, bounds. */
#include "base/memory.h"
#include "token/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

/* Threads 0 and 1 take turns; thread 0 has two context events, thread 1 none. */
static const uint16_t call[] = {5, 6, 7, 8, 9};
static const uint8_t phase[] = {1, 1, 2, 2, 1};
static const int64_t ret[] = {STG_RET_ABSENT, STG_RET_ABSENT, 3, -11, STG_RET_ABSENT};
static const int64_t time_ns[] = {10, 15, 30, 30, 50};
static const uint16_t thread[] = {0, 1, 0, 1, 0};
static const int32_t tids[] = {11, 12}, pids[] = {10, 10};
static const uint16_t procs[] = {5, 6};
static const uint64_t context_offset[] = {3, 5, 5}; /* rows of a larger table */
static const uint16_t context_call[] = {0, 0, 0, 20, 21};
static const uint8_t context_phase[] = {0, 0, 0, 1, 2};
static const int64_t context_ret[] = {0, 0, 0, STG_RET_ABSENT, 1};
static const int64_t context_time_ns[] = {0, 0, 0, -100, -40};

static struct stg_seq sequence(bool context)
{
    struct stg_seq s = {.n = 5,
                        .call = call,
                        .phase = phase,
                        .ret = ret,
                        .time_ns = time_ns,
                        .thread = thread,
                        .n_threads = 2,
                        .thread_tid = tids,
                        .thread_pid = pids,
                        .thread_proc = procs,
                        .begin_ns = 1000,
                        .end_ns = 1070,
                        .tid = 11};
    if (context) {
        s.context_offset = context_offset;
        s.context_call = context_call;
        s.context_phase = context_phase;
        s.context_ret = context_ret;
        s.context_time_ns = context_time_ns;
    }
    return s;
}

static struct stg_walker *walker;

static int set_up(void **state)
{
    (void)state;
    return stg_walker_new(&walker, STG_WALK_ALL) == STG_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    stg_walker_free(walker);
    return 0;
}

static size_t begin(const struct stg_seq *s, enum stg_order order, size_t max_len)
{
    size_t n = 99;
    assert_int_equal(stg_walker_begin(walker, s, order, max_len, &n), STG_OK);
    return n;
}

static void assert_rows(const struct stg_walk *w, size_t n, const uint16_t *calls, const int64_t *elapsed,
                        const uint32_t *index)
{
    assert_int_equal(w->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(w->call[i], calls[i]);
        assert_int_equal(w->elapsed_ns[i], elapsed[i]);
        assert_int_equal(w->index[i], index[i]);
    }
    assert_int_equal(w->elapsed_ns[n], elapsed[n]);
}

static void test_time_order(void **state)
{
    (void)state;
    struct stg_seq s = sequence(true);
    struct stg_walk w;
    assert_int_equal(begin(&s, STG_ORDER_TIME, 0), 1);
    stg_walker_get(walker, 0, &w);
    assert_rows(&w, 5, call, (const int64_t[]){10, 5, 15, 0, 20, 20}, (const uint32_t[]){0, 1, 2, 3, 4});
    assert_true(w.start);
    assert_true(w.end);
    assert_int_equal(w.n_context, 0);
    assert_int_equal(w.tid[1], 12);
    assert_int_equal(w.proc[1], 6);
    assert_int_equal(w.ret[3], -11);
    assert_int_equal(w.phase[3], 2);
}

static void test_thread_order_with_context(void **state)
{
    (void)state;
    struct stg_seq s = sequence(true);
    struct stg_walk w;
    assert_int_equal(begin(&s, STG_ORDER_THREAD, 0), 2);
    stg_walker_get(walker, 0, &w);
    assert_rows(&w, 5, (const uint16_t[]){20, 21, 5, 7, 9}, (const int64_t[]){0, 60, 50, 20, 20, 20},
                (const uint32_t[]){UINT32_MAX, UINT32_MAX, 0, 2, 4});
    assert_int_equal(w.n_context, 2);
    assert_false(w.start); /* the thread was there before */
    assert_true(w.end);    /* the cut rule saw the end on it */
    stg_walker_get(walker, 1, &w);
    assert_rows(&w, 2, (const uint16_t[]){6, 8}, (const int64_t[]){15, 15, 40}, (const uint32_t[]){1, 3});
    assert_true(w.start);
    assert_false(w.end); /* the thread goes on */
}

/* Thread 0 has another name, and so another row, from its second event on. */
static void test_rows_of_one_thread_are_one_walk(void **state)
{
    (void)state;
    static const uint16_t renamed[] = {0, 1, 2, 1, 2}, names[] = {5, 6, 7}, rows_back[] = {0, 0, 2};
    static const int32_t three_tids[] = {11, 12, 11}, three_pids[] = {10, 10, 10};
    static const uint64_t offsets[] = {3, 5, 5, 5};
    struct stg_seq s = sequence(true);
    struct stg_walk w;
    s.thread = renamed;
    s.n_threads = 3;
    s.thread_tid = three_tids;
    s.thread_pid = three_pids;
    s.thread_proc = names;
    s.thread_back = rows_back;
    s.context_offset = offsets;
    assert_int_equal(begin(&s, STG_ORDER_THREAD, 0), 2);
    stg_walker_get(walker, 0, &w);
    assert_rows(&w, 5, (const uint16_t[]){20, 21, 5, 7, 9}, (const int64_t[]){0, 60, 50, 20, 20, 20},
                (const uint32_t[]){UINT32_MAX, UINT32_MAX, 0, 2, 4});
    assert_int_equal(w.n_context, 2);
    assert_true(w.end && w.own && !w.start);
    assert_int_equal(w.proc[0], 5);
    assert_int_equal(w.proc[2], 5);
    assert_int_equal(w.proc[3], 7);
    assert_int_equal(w.tid[4], 11);
    stg_walker_get(walker, 1, &w);
    assert_rows(&w, 2, (const uint16_t[]){6, 8}, (const int64_t[]){15, 15, 40}, (const uint32_t[]){1, 3});
    assert_int_equal(begin(&s, STG_ORDER_TIME, 0), 1);
    s = sequence(true); /* the same walker, of a sequence whose rows are threads */
    assert_int_equal(begin(&s, STG_ORDER_THREAD, 0), 2);
    stg_walker_get(walker, 1, &w);
    assert_int_equal(w.n, 2);
}

static void test_thread_order_without_context(void **state)
{
    (void)state;
    struct stg_seq s = sequence(false);
    struct stg_walk w;
    assert_int_equal(begin(&s, STG_ORDER_THREAD, 0), 2);
    for (size_t i = 0; i < 2; i++) {
        stg_walker_get(walker, i, &w);
        assert_true(w.start);
        assert_true(w.end);
        assert_int_equal(w.n_context, 0);
    }
}

static void test_bounds_drop_the_end(void **state)
{
    (void)state;
    struct stg_seq s = sequence(true);
    struct stg_walk w;
    begin(&s, STG_ORDER_TIME, 4);
    stg_walker_get(walker, 0, &w);
    assert_int_equal(w.n, 4);
    assert_false(w.end);
    begin(&s, STG_ORDER_TIME, 5);
    stg_walker_get(walker, 0, &w);
    assert_true(w.end);
    begin(&s, STG_ORDER_THREAD, 2); /* counts what is scored, not the context */
    stg_walker_get(walker, 0, &w);
    assert_int_equal(w.n, 4);
    assert_int_equal(w.call[3], 7);
    assert_false(w.end);
    s.flags = STG_SEQ_TRUNCATED;
    begin(&s, STG_ORDER_TIME, 0);
    stg_walker_get(walker, 0, &w);
    assert_false(w.end);
    begin(&s, STG_ORDER_THREAD, 0);
    stg_walker_get(walker, 0, &w);
    assert_false(w.end);
}

static void test_empty_sequence(void **state)
{
    (void)state;
    const struct stg_seq s = {.begin_ns = 5, .end_ns = 9};
    struct stg_walk w;
    assert_int_equal(begin(&s, STG_ORDER_THREAD, 0), 0);
    assert_int_equal(begin(&s, STG_ORDER_TIME, 0), 1);
    stg_walker_get(walker, 0, &w);
    assert_int_equal(w.n, 0);
    assert_true(w.start && w.end);
    assert_int_equal(w.elapsed_ns[0], 4);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    struct stg_seq s = sequence(true);
    size_t n;
    for (uint64_t at = 1; at < 100; at++) {
        stg_mem_fail_at(at);
        const enum stg_status status = stg_walker_begin(walker, &s, STG_ORDER_THREAD, 0, &n);
        stg_mem_fail_at(0);
        if (status == STG_OK) {
            assert_true(at > 1);
            return;
        }
        assert_int_equal(status, STG_ERR_MEMORY);
        assert_int_equal(n, 0);
    }
    fail();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_time_order),
        TEST(test_thread_order_with_context),
        TEST(test_rows_of_one_thread_are_one_walk),
        TEST(test_thread_order_without_context),
        TEST(test_bounds_drop_the_end),
        TEST(test_empty_sequence),
        TEST(test_failing_allocations),
    };
    return cmocka_run_group_tests_name("token walk", tests, NULL, NULL);
}
