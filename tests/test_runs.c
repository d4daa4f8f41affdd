#include "detect/runs.h"

#include "detect/calibrate.h"
#include "fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 400, RUNS = 4 };

static const size_t offset[RUNS + 1] = {0, N, 2 * N, 2 * N, 3 * N}; /* the third has no sequence */
static struct stg_score scores[3 * N];

/* Scores 0 … N−1 in every run, those of the last higher by shift. */
static void fill(float shift)
{
    for (size_t i = 0; i < (size_t)3 * N; i++) {
        scores[i] = (struct stg_score){.id = i % N};
        scores[i].value[STG_AGGREGATE_MEAN] = (float)(i % N) + (i >= 2 * N ? shift : 0);
    }
}

static void test_rates(void **state)
{
    const struct stg_model m = {0};
    double rate[RUNS];
    (void)state;
    fill(0);
    assert_int_equal(stg_runs_left_out(&m, scores, offset, RUNS, 0.05, rate), STG_OK);
    /* 801 × .05: at most 40 of the calibration, which has each score twice, and the score itself: 19 highest ones. */
    assert_true(fabs(rate[0] - 19.0 / N) < 1e-12 && fabs(rate[1] - 19.0 / N) < 1e-12 &&
                fabs(rate[3] - 19.0 / N) < 1e-12);
    assert_true(isnan(rate[2]));
    fill(100); /* of the last one all above N are beyond the others */
    assert_int_equal(stg_runs_left_out(&m, scores, offset, RUNS, 0.05, rate), STG_OK);
    assert_true(rate[3] > 100.0 / N && rate[0] < 0.01 && rate[1] < 0.01);
    assert_int_equal(stg_runs_left_out(&m, scores, offset, RUNS, 0.001, rate), STG_OK);
    assert_true(isnan(rate[0])); /* 800 are too few */
}

/* Of many runs some are left out, from the first to near the last. */
static void test_many(void **state)
{
    enum { MANY = 3 * N };
    static size_t each[MANY + 1];
    static double rate[MANY];
    const struct stg_model m = {0};
    size_t n = 0, last = 0;
    (void)state;
    fill(0);
    for (size_t i = 0; i <= MANY; i++) {
        each[i] = i;
    }
    assert_int_equal(stg_runs_left_out(&m, scores, each, MANY, 0.05, rate), STG_OK);
    for (size_t i = 0; i < MANY; i++) {
        n += isfinite(rate[i]);
        last = isfinite(rate[i]) ? i : last;
    }
    assert_in_range(n, STG_RUNS_LEFT_OUT / 2, STG_RUNS_LEFT_OUT);
    assert_true(isfinite(rate[0]) && last > MANY * 9 / 10);
}

static void test_memory_fails(void **state)
{
    const struct stg_model m = {0};
    double rate[RUNS];
    enum stg_status status = STG_ERR_MEMORY;
    (void)state;
    fill(0);
    for (uint64_t n = 1; status != STG_OK; n++) {
        assert_true(n < 100);
        stg_mem_fail_at(n);
        status = stg_runs_left_out(&m, scores, offset, RUNS, 0.05, rate);
        stg_mem_fail_at(0);
        assert_true(status == STG_OK || status == STG_ERR_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rates), cmocka_unit_test(test_many),
                                       cmocka_unit_test(test_memory_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
