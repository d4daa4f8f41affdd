#include "detect/calibrate.h"

#include "score/channels.h"

#include "fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct stg_score *make_scores(size_t n, uint64_t seed)
{
    struct stg_score *s = calloc(n, sizeof *s);
    struct stg_rng rng;
    stg_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) {
        for (int a = 0; a < STG_AGGREGATES; a++) {
            s[i].value[a] = (float)(stg_rng_below(&rng, n) + (uint64_t)a * n) / 8; /* with ties */
        }
    }
    return s;
}

static void calibrate(struct stg_model *m, struct stg_score *s, size_t n)
{
    memset(m, 0, sizeof *m);
    assert_int_equal(stg_calibrate(m, s, n), STG_OK);
    for (size_t i = 0; i < n; i++) {
        stg_channels_judge(m, &s[i]);
    }
}

static void drop(struct stg_model *m)
{
    stg_mem_free(m->channels);
    stg_mem_free(m->calibration);
    stg_mem_free(m->stream);
    json_decref(m->record);
}

static void test_uncalibrated(void **state)
{
    struct stg_model m = {0};
    (void)state;
    assert_false(stg_calibrated(&m));
    assert_true(stg_p_value(&m, STG_AGGREGATE_MEAN, 3) >= 1);
    assert_true(isinf(stg_threshold(&m, STG_AGGREGATE_MEAN, 0.01)));
}

static void test_p_value_by_counting(void **state)
{
    enum { N = 333 };
    struct stg_model m;
    struct stg_score *s = make_scores(N, 1);
    (void)state;
    calibrate(&m, s, N);
    assert_true(stg_calibrated(&m));
    for (int a = 0; a < STG_AGGREGATES; a++) {
        for (size_t k = 0; k < N; k++) {
            const double probes[] = {(double)s[k].value[a], (double)s[k].value[a] + 0.01, (double)s[k].value[a] - 0.01};
            for (int q = 0; q < 3; q++) {
                size_t n = 0;
                for (size_t i = 0; i < N; i++) {
                    n += (double)s[i].value[a] >= probes[q];
                }
                const double want = (double)(n + 1) / (N + 1);
                assert_true(fabs(stg_p_value(&m, (enum stg_aggregate)a, probes[q]) - want) < 1e-15);
            }
        }
    }
    drop(&m);
    free(s);
}

/* At the threshold the p-value is at most alpha, at the float below it is above. */
static void test_threshold_agrees_with_p_value(void **state)
{
    static const size_t sizes[] = {1, 9, 19, 99, 100, 1234};
    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct stg_model m;
        struct stg_score *s = make_scores(sizes[k], k);
        calibrate(&m, s, sizes[k]);
        for (int i = 1; i < 100; i++) {
            const double alpha = i / 100.0;
            const double t = stg_threshold(&m, STG_AGGREGATE_WINDOW, alpha);
            if (isinf(t)) {
                assert_true(1 / (double)(sizes[k] + 1) > alpha);
                continue;
            }
            assert_true(stg_p_value(&m, STG_AGGREGATE_WINDOW, t) <= alpha);
            assert_true(stg_p_value(&m, STG_AGGREGATE_WINDOW, (double)nextafterf((float)t, -INFINITY)) > alpha);
        }
        drop(&m);
        free(s);
    }
}

/* Known data that is like the calibration data raises false alarms at the rate that was asked for. */
static void test_false_alarm_rate(void **state)
{
    enum { N = 2000, ROUNDS = 20 };
    struct stg_rng rng;
    size_t alarms = 0;
    (void)state;
    stg_rng_seed(&rng, 11);
    for (int round = 0; round < ROUNDS; round++) {
        struct stg_model m;
        struct stg_score *s = calloc(2 * N, sizeof *s);
        for (size_t i = 0; i < 2 * N; i++) {
            s[i].value[0] = (float)exp(stg_rng_normal(&rng));
        }
        calibrate(&m, s, N);
        for (size_t i = N; i < 2 * N; i++) {
            alarms += stg_p_value(&m, STG_AGGREGATE_MEAN, (double)s[i].value[0]) <= 0.05;
        }
        drop(&m);
        free(s);
    }
    const double rate = (double)alarms / (N * ROUNDS);
    assert_true(rate > 0.045 && rate < 0.055);
}

static void test_thinned(void **state)
{
    const size_t n = 200000;
    struct stg_model m;
    struct stg_score *s = make_scores(n, 2);
    (void)state;
    calibrate(&m, s, n);
    assert_int_equal(m.n_calibration, 65536);
    for (size_t i = 1; i < m.n_calibration; i++) {
        assert_true(m.calibration[i * STG_AGGREGATES + 2] >= m.calibration[(i - 1) * STG_AGGREGATES + 2]);
    }
    size_t beyond = 0;
    const double t = stg_threshold(&m, STG_AGGREGATE_MEAN, 0.01);
    for (size_t i = 0; i < n; i++) {
        beyond += (double)s[i].value[0] >= t;
    }
    assert_true(fabs((double)beyond / (double)n - 0.01) < 0.0002);
    drop(&m);
    free(s);
}

static void test_not_a_number(void **state)
{
    struct stg_model m = {0};
    struct stg_score s = {.value = {1, NAN, 1, 1}};
    (void)state;
    assert_int_equal(stg_calibrate(&m, &s, 1), STG_ERR_INTERNAL);
    assert_null(m.calibration);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uncalibrated),
        cmocka_unit_test(test_p_value_by_counting),
        cmocka_unit_test(test_threshold_agrees_with_p_value),
        cmocka_unit_test(test_false_alarm_rate),
        cmocka_unit_test(test_thinned),
        cmocka_unit_test(test_not_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
