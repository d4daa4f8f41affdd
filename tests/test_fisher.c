#include "detect/fisher.h"

#include "base/rng.h"
#include "detect/calibrate.h"
#include "fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 999 };

/* Scores 0 … N−1 of known sequences, in order, in runs of 500 and 499. */
static void calibrated(struct stg_model *m)
{
    static struct stg_score s[N];
    for (size_t i = 0; i < N; i++) {
        s[i] = (struct stg_score){.id = i};
        s[i].value[STG_AGGREGATE_MEAN] = (float)i;
    }
    memset(m, 0, sizeof *m);
    assert_int_equal(stg_calibrate_runs(m, s, (const size_t[]){0, 500, N}, 2), STG_OK);
}

static void drop(struct stg_model *m)
{
    stg_mem_free(m->calibration);
    stg_mem_free(m->stream);
    stg_mem_free(m->channels);
    json_decref(m->record);
}

static void test_stream(void **state)
{
    struct stg_model m;
    (void)state;
    calibrated(&m);
    assert_int_equal(m.n_stream, N);
    for (size_t i = 0; i < N; i++) {
        const float *row = m.stream + i * STG_MODEL_STREAM_COLUMNS;
        assert_int_equal((int)row[STG_STREAM_RUN], i >= 500);
        assert_int_equal((int)row[STG_STREAM_VALUES + STG_AGGREGATE_MEAN], (int)i);
    }
    drop(&m);
}

/* Groups end with a trace and with a data set, and their value is the mean of ln(1/p). */
static void test_groups(void **state)
{
    struct stg_model m;
    struct stg_fisher f;
    struct stg_score s[12] = {0};
    const uint64_t id[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2};
    (void)state;
    calibrated(&m);
    for (size_t i = 0; i < 12; i++) {
        s[i].id = id[i];
        s[i].stream = i >= 4 && i < 9;
        s[i].value[STG_AGGREGATE_MEAN] = 899.5f; /* 99 known ones are higher: p = .1 */
    }
    s[9].value[STG_AGGREGATE_MEAN] = 5000; /* p = .001 */
    assert_int_equal(stg_fisher_groups(&f, &m, STG_AGGREGATE_MEAN, s, 12, 3), STG_OK);
    assert_int_equal(f.n, 3); /* 0–2, 4–6, 9–11 */
    assert_int_equal(f.first[0], 0);
    assert_int_equal(f.first[1], 4);
    assert_int_equal(f.first[2], 9);
    assert_true(fabs(f.value[0] + log(0.1)) < 1e-12);
    assert_true(fabs(f.value[2] + (2 * log(0.1) + log(0.001)) / 3) < 1e-12);
    stg_fisher_fini(&f);
    for (size_t i = 4; i < 12; i++) {
        s[i].stream = 1; /* ids that begin anew are another data set's, too */
    }
    assert_int_equal(stg_fisher_groups(&f, &m, STG_AGGREGATE_MEAN, s, 12, 3), STG_OK);
    assert_int_equal(f.n, 3);
    assert_int_equal(f.first[2], 9);
    stg_fisher_fini(&f);
    drop(&m);
}

static void test_known(void **state)
{
    struct stg_model m;
    struct stg_fisher f;
    (void)state;
    calibrated(&m);
    assert_int_equal(stg_fisher_known(&f, &m, STG_AGGREGATE_MEAN, 100), STG_OK);
    assert_int_equal(f.n, 5 + 4); /* none lies in two runs */
    for (size_t i = 1; i < f.n; i++) {
        assert_true(f.value[i - 1] <= f.value[i]);
    }
    assert_true(fabs(stg_fisher_p(&f, 1e9) - 0.1) < 1e-12);
    assert_true(fabs(stg_fisher_p(&f, f.value[8]) - 0.2) < 1e-12);
    assert_true(fabs(stg_fisher_p(&f, -1) - 1) < 1e-12);
    assert_true(stg_fisher_reaches(&f, 0.1));
    assert_false(stg_fisher_reaches(&f, 0.09));
    stg_fisher_fini(&f);
    m.n_stream = 0; /* a model without */
    assert_int_equal(stg_fisher_known(&f, &m, STG_AGGREGATE_MEAN, 100), STG_OK);
    assert_int_equal(f.n, 0);
    assert_false(stg_fisher_reaches(&f, 0.5));
    stg_fisher_fini(&f);
    drop(&m);
}

/* A known sequence is ranked as it would be by the others: one that is above them all has the p-value of a new one. */
static void test_known_are_left_out(void **state)
{
    struct stg_model m;
    struct stg_fisher f;
    (void)state;
    calibrated(&m);
    assert_true(fabs(stg_p_value_left_out(&m, STG_AGGREGATE_MEAN, N - 1) - 1.0 / N) < 1e-12);
    assert_true(fabs(stg_p_value_left_out(&m, STG_AGGREGATE_MEAN, 0) - 1) < 1e-12);
    assert_true(fabs(stg_p_value_left_out(&m, STG_AGGREGATE_MEAN, N) - 1.0 / (N + 1)) < 1e-12);
    assert_int_equal(stg_fisher_known(&f, &m, STG_AGGREGATE_MEAN, 1), STG_OK);
    assert_int_equal(f.n, N);
    for (size_t i = 0; i < N; i++) {
        assert_true(fabs(f.value[i] - log((double)N / (double)(N - i))) < 1e-12);
    }
    stg_fisher_fini(&f);
    drop(&m);
}

/* Of a new sequence all that are in quarantine may be known and above it; the groups of the calibration have none. */
static void test_quarantine(void **state)
{
    enum { LEFT_OUT = 50 };
    struct stg_model m;
    struct stg_fisher f;
    struct stg_score s = {.id = 0};
    json_t *out = json_array();
    (void)state;
    calibrated(&m);
    for (size_t i = 0; i < LEFT_OUT; i++) {
        json_array_append_new(out, json_object());
    }
    json_object_set_new(json_object_get(m.record, "calibration"), "quarantined", out);
    s.value[STG_AGGREGATE_MEAN] = N; /* above all */
    assert_true(fabs(stg_p_value(&m, STG_AGGREGATE_MEAN, N) - 1.0 / (N + 1)) < 1e-12);
    assert_true(fabs(stg_p_value_most(&m, STG_AGGREGATE_MEAN, N) - 51.0 / (N + 51)) < 1e-12);
    assert_true(fabs(stg_p_value_most(&m, STG_AGGREGATE_MEAN, -1) - 1) < 1e-12);
    assert_int_equal(stg_fisher_groups(&f, &m, STG_AGGREGATE_MEAN, &s, 1, 1), STG_OK);
    assert_true(fabs(f.value[0] - log((N + 51) / 51.0)) < 1e-12);
    stg_fisher_fini(&f);
    assert_int_equal(stg_fisher_known(&f, &m, STG_AGGREGATE_MEAN, 1), STG_OK);
    assert_true(fabs(f.value[N - 1] - log((double)N)) < 1e-12);
    stg_fisher_fini(&f);
    drop(&m);
}

enum { MOST = 500, NEW_GROUPS = 10, CALIBRATIONS = 3000 };

/* How often new groups of a size are novel at alpha by n known sequences, where all are alike and independent. */
static double rate_of_groups(size_t n, size_t size, double alpha)
{
    static struct stg_score s[MOST];
    struct stg_rng rng;
    size_t novel = 0, all = 0;
    stg_rng_seed(&rng, n);
    for (size_t k = 0; k < CALIBRATIONS; k++) {
        struct stg_model m = {0};
        struct stg_fisher known, given;
        for (size_t i = 0; i < MOST; i++) {
            s[i] = (struct stg_score){.id = i};
            s[i].value[STG_AGGREGATE_MEAN] = (float)stg_rng_normal(&rng);
        }
        assert_int_equal(stg_calibrate(&m, s, n), STG_OK);
        for (size_t i = 0; i < NEW_GROUPS * size; i++) {
            s[i].value[STG_AGGREGATE_MEAN] = (float)stg_rng_normal(&rng);
        }
        assert_int_equal(stg_fisher_known(&known, &m, STG_AGGREGATE_MEAN, size), STG_OK);
        assert_int_equal(stg_fisher_groups(&given, &m, STG_AGGREGATE_MEAN, s, NEW_GROUPS * size, size), STG_OK);
        for (size_t i = 0; i < given.n; i++, all++) {
            novel += stg_fisher_p(&known, given.value[i]) <= alpha * (1 + 1e-9);
        }
        stg_fisher_fini(&known);
        stg_fisher_fini(&given);
        drop(&m);
    }
    return (double)novel / (double)all;
}

/* 30,000 groups, whose share has a standard deviation of about .0007 for .01 and .0015 for .05; the draws are the same
 * in each run. */
static void test_rate(void **state)
{
    static const struct {
        size_t n, size;
        double alpha, least;
    } cases[] = {{198, 2, 0.01, 0.004}, {40, 2, 0.05, 0.02}, {495, 5, 0.01, 0.004}, {400, 20, 0.05, 0.02}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double rate = rate_of_groups(cases[i].n, cases[i].size, cases[i].alpha);
        print_message("%zu known sequences, groups of %zu, alpha %g: %.4f\n", cases[i].n, cases[i].size, cases[i].alpha,
                      rate);
        assert_true(rate <= cases[i].alpha && rate >= cases[i].least);
    }
}

static void test_memory_fails(void **state)
{
    struct stg_model m;
    struct stg_fisher f;
    (void)state;
    calibrated(&m);
    for (uint64_t n = 1; n <= 2; n++) {
        stg_mem_fail_at(n);
        assert_int_equal(stg_fisher_known(&f, &m, STG_AGGREGATE_MEAN, 10), STG_ERR_MEMORY);
        stg_mem_fail_at(0);
        stg_fisher_fini(&f);
    }
    drop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),       cmocka_unit_test(test_groups),
        cmocka_unit_test(test_known),        cmocka_unit_test(test_known_are_left_out),
        cmocka_unit_test(test_quarantine),   cmocka_unit_test(test_rate),
        cmocka_unit_test(test_memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
