#include "detect/fisher.h"

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
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
