#include "detect/quarantine.h"

#include "base/memory.h"
#include "detect/calibrate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 100, RUNS = 3 };

static struct stg_score scores[N];
static uint32_t rank[N];
static const size_t runs[RUNS + 1] = {0, 40, 40, N}; /* one without a sequence */

/* Sequence i scores i, but for those of every 25th, which score a thousand. */
static void make_scores(void)
{
    for (size_t i = 0; i < N; i++) {
        scores[i] = (struct stg_score){.id = i, .n_events = 10, .n_tokens = 10};
        scores[i].value[STG_AGGREGATE_MEAN] = i % 25 == 24 ? 1000 : (float)i / N;
    }
}

static void test_the_most_novel_are_left_out(void **state)
{
    struct stg_model m = {.recipe = {.order = STG_ORDER_TIME}}; /* judged by the mean */
    size_t offset[RUNS + 1];
    (void)state;
    make_scores();
    assert_int_equal(stg_quarantine(&m, scores, runs, RUNS, 0.049, rank), STG_OK); /* four, as part of one is none */
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(rank[i], i % 25 == 24 ? (N - i + 24) / 25 : 0); /* equal: the later is the more novel */
    }
    memcpy(offset, runs, sizeof runs);
    assert_int_equal(stg_quarantine_leave_out(scores, offset, RUNS, rank), N - 4);
    const size_t want[RUNS + 1] = {0, 39, 39, N - 4};
    assert_memory_equal(offset, want, sizeof want);
    for (size_t i = 0, id = 0; i < N - 4; i++, id++) {
        id += id % 25 == 24;
        assert_int_equal(scores[i].id, id);
    }
}

static void test_of_equal_ones_the_later(void **state)
{
    struct stg_model m = {.recipe = {.order = STG_ORDER_TIME}};
    (void)state;
    for (size_t i = 0; i < N; i++) {
        scores[i] = (struct stg_score){.id = i, .n_events = 10, .n_tokens = 10};
    }
    assert_int_equal(stg_quarantine(&m, scores, runs, RUNS, 0.02, rank), STG_OK);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(rank[i], i >= N - 2 ? N - i : 0);
    }
    assert_int_equal(stg_quarantine(&m, scores, runs, RUNS, 0, rank), STG_OK);
    assert_int_equal(rank[N - 1], 0);
    assert_int_equal(stg_quarantine(&m, scores, (const size_t[]){0, 0}, 1, 0.5, rank), STG_OK);
}

/* By all channels where the model has them: what is novel in one is found, although its calls are as usual. */
static void test_by_the_default_aggregate(void **state)
{
    struct stg_model side = {0}, m = {.side = {&side, NULL}, .recipe = {.order = STG_ORDER_THREAD}};
    (void)state;
    make_scores();
    for (size_t i = 0; i < N; i++) {
        scores[i].value[STG_AGGREGATE_MEAN] = (float)(i * 7 % N) / (100 * N); /* hardly differ */
        scores[i].value[STG_AGGREGATE_TIME] = i == 30 ? 50 : (float)(i * 11 % N) / N;
    }
    assert_int_equal(stg_quarantine(&m, scores, runs, RUNS, 0.01, rank), STG_OK);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(rank[i], i == 30);
    }
    stg_mem_free(m.channels);
}

/* What differs from run to run is usual, for the quarantine, too. */
static void test_runs_that_differ(void **state)
{
    struct stg_model side = {0}, m = {.side = {&side, NULL}, .recipe = {.order = STG_ORDER_THREAD}};
    static const size_t column = 2; /* the spread of content */
    (void)state;
    for (size_t i = 0; i < N; i++) {
        scores[i] = (struct stg_score){.id = i, .n_events = 10, .n_tokens = 10};
        scores[i].value[STG_AGGREGATE_RMS] = (float)(i * 7 % N) / N + (i < N / 2 ? 0 : 1);
    }
    assert_int_equal(stg_quarantine(&m, scores, (const size_t[]){0, N}, 1, 0, rank), STG_OK);
    const float pooled = m.channels[column];
    assert_int_equal(stg_quarantine(&m, scores, (const size_t[]){0, N / 2, N}, 2, 0, rank), STG_OK);
    const float by_run = m.channels[column];
    assert_true(by_run > 1.5f * pooled);
    assert_int_equal(stg_calibrate_runs(&m, scores, (const size_t[]){0, N / 2, N}, 2), STG_OK);
    assert_true(fabsf(m.channels[column] - by_run) < 1e-6f);
    json_decref(m.record);
    stg_mem_free(m.channels);
    stg_mem_free(m.calibration);
    stg_mem_free(m.stream);
}

/* What hid behind them is novel again. */
static void test_threshold_comes_down(void **state)
{
    struct stg_model m = {.recipe = {.order = STG_ORDER_TIME}};
    size_t offset[2] = {0, N};
    (void)state;
    make_scores();
    assert_int_equal(stg_calibrate(&m, scores, N), STG_OK);
    assert_true(stg_threshold(&m, STG_AGGREGATE_MEAN, 0.04) > 900);
    assert_int_equal(stg_quarantine(&m, scores, offset, 1, 0.04, rank), STG_OK);
    assert_int_equal(stg_calibrate(&m, scores, stg_quarantine_leave_out(scores, offset, 1, rank)), STG_OK);
    assert_true(stg_threshold(&m, STG_AGGREGATE_MEAN, 0.04) < 1);
    stg_mem_free(m.calibration);
    stg_mem_free(m.stream);
    json_decref(m.record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_most_novel_are_left_out), cmocka_unit_test(test_of_equal_ones_the_later),
        cmocka_unit_test(test_by_the_default_aggregate),    cmocka_unit_test(test_runs_that_differ),
        cmocka_unit_test(test_threshold_comes_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
