#include "detect/evaluate.h"

#include "detect/calibrate.h"
#include "fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 1000 };

struct fixture {
    struct stg_model model;
    struct stg_score known[N], calibration[N], far[N], same[N], valid_known[N], valid_far[N];
};

static void fill(struct stg_rng *rng, struct stg_score *s, double shift)
{
    for (int i = 0; i < N; i++) {
        for (int a = 0; a < STG_AGGREGATES; a++) {
            s[i].value[a] = (float)(2 + 0.2 * stg_rng_normal(rng) + (a == STG_AGGREGATE_MEDIAN ? 0 : shift));
        }
    }
}

static void number(struct stg_score *s)
{
    for (int i = 0; i < N; i++) {
        s[i].id = (uint64_t)i;
    }
}

static int setup(void **state)
{
    static struct fixture f;
    struct stg_rng rng;
    stg_rng_seed(&rng, 4);
    fill(&rng, f.known, 0);
    fill(&rng, f.calibration, 0);
    fill(&rng, f.far, 1.5);
    fill(&rng, f.same, 0);
    fill(&rng, f.valid_known, 0);
    fill(&rng, f.valid_far, 1.5);
    *state = &f;
    return stg_calibrate(&f.model, f.calibration, N) == STG_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stg_mem_free(f->model.calibration);
    stg_mem_free(f->model.stream);
    json_decref(f->model.record);
    return 0;
}

static void test_rows(void **state)
{
    struct fixture *f = *state;
    const struct stg_scored_set known = {"known", f->known, N}, valid_known = {"known", f->valid_known, N};
    const struct stg_scored_set novel[] = {{"same", f->same, N}, {"far", f->far, N}};
    const struct stg_scored_set valid[] = {{"other", f->same, N}, {"far", f->valid_far, N}};
    struct stg_evaluate_settings s;
    struct stg_evaluation e;
    stg_evaluate_settings_default(&s);
    s.n_resamples = 200;
    assert_int_equal(stg_evaluate(&e, &f->model, &known, novel, 2, &valid_known, valid, 2, &s), STG_OK);
    assert_int_equal(e.n_rows, 2);
    assert_int_equal(e.n_known, N);
    assert_true(e.known_fpr < 0.03);
    assert_true(fabs(e.rows[0].auroc.value - 0.5) < 0.06);
    assert_true(e.rows[0].auroc.low < e.rows[0].auroc.value && e.rows[0].auroc.value < e.rows[0].auroc.high);
    assert_false(e.rows[0].has_paper);
    assert_true(e.rows[1].auroc.value > 0.999);
    assert_true(e.rows[1].calibrated.tpr > 0.99 && e.rows[1].calibrated.f1 > 0.97);
    assert_true(e.rows[1].has_paper && e.rows[1].paper.f1 > 0.99);
    assert_true(e.rows[1].paper_threshold > 2.3 && e.rows[1].paper_threshold < 3.2);
    assert_true(fabs(e.rows[1].auroc_by[STG_AGGREGATE_MEDIAN] - 0.5) < 0.06);
    assert_true(fabs(e.macro_auroc - (e.rows[0].auroc.value + e.rows[1].auroc.value) / 2) < 1e-12);
    const struct stg_evaluation_row far = e.rows[1];
    stg_evaluation_fini(&e);
    /* A row does not depend on the other ones. */
    assert_int_equal(stg_evaluate(&e, &f->model, &known, novel + 1, 1, NULL, NULL, 0, &s), STG_OK);
    assert_true(e.rows[0].auroc.low <= far.auroc.low && e.rows[0].auroc.low >= far.auroc.low);
    assert_false(e.rows[0].has_paper);
    stg_evaluation_fini(&e);
}

/* What hardly shows in one sequence shows in many. */
static void test_groups(void **state)
{
    struct fixture *f = *state;
    static struct stg_score near[N];
    struct stg_rng rng;
    struct stg_evaluate_settings s;
    struct stg_evaluation e;
    stg_rng_seed(&rng, 9);
    fill(&rng, near, 0.18);
    number(f->known);
    number(f->same);
    number(near);
    const struct stg_scored_set known = {"known", f->known, N}, novel[] = {{"near", near, N}, {"same", f->same, N}};
    stg_evaluate_settings_default(&s);
    s.n_resamples = 10;
    s.group = 20;
    s.alpha = 0.05;
    assert_int_equal(stg_evaluate(&e, &f->model, &known, novel, 2, NULL, NULL, 0, &s), STG_OK);
    assert_int_equal(e.group, 20);
    assert_int_equal(e.n_known_groups, N / 20);
    assert_int_equal(e.rows[0].n_groups, N / 20);
    assert_true(e.rows[0].auroc.value < 0.8 && e.rows[0].group_auroc > 0.98 && e.rows[0].group_tpr > 0.8);
    assert_int_equal(e.shift_alarms, 0);
    assert_true(e.rows[0].shift_delay > 5 && e.rows[0].shift_delay < 120);
    assert_true(isinf(e.rows[1].shift_delay));
    assert_true(e.rows[1].group_auroc < 0.75 && e.rows[1].group_tpr < 0.25 && e.group_fpr < 0.25);
    stg_evaluation_fini(&e);
    /* The end of a set ends its last bet. */
    fill(&rng, near, 9);
    number(near);
    const struct stg_scored_set four = {"four", near, 4}, five = {"five", near, 5};
    assert_int_equal(stg_evaluate(&e, &f->model, &four, &five, 1, NULL, NULL, 0, &s), STG_OK);
    assert_int_equal(e.shift_alarms, 1);
    assert_true(e.rows[0].shift_delay > 3.5 &&
                e.rows[0].shift_delay < 4.5); /* from the first two of three beginnings */
    stg_evaluation_fini(&e);
    s.alpha = 0.01; /* 50 groups of the calibration are too few */
    assert_int_equal(stg_evaluate(&e, &f->model, &known, novel, 1, NULL, NULL, 0, &s), STG_OK);
    assert_true(isnan(e.group_fpr) && isnan(e.rows[0].group_tpr) && e.rows[0].group_auroc > 0.98);
    stg_evaluation_fini(&e);
    s.group = 0;
    assert_int_equal(stg_evaluate(&e, &f->model, &known, novel, 1, NULL, NULL, 0, &s), STG_OK);
    assert_true(isnan(e.rows[0].group_auroc));
    stg_evaluation_fini(&e);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    const struct stg_scored_set known = {"known", f->known, N}, empty = {"nothing", f->known, 0};
    struct stg_evaluate_settings s;
    struct stg_evaluation e;
    stg_evaluate_settings_default(&s);
    assert_int_equal(stg_evaluate(&e, &f->model, &known, &empty, 1, NULL, NULL, 0, &s), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "nothing"));
    assert_int_equal(stg_evaluate(&e, &f->model, &empty, &known, 1, NULL, NULL, 0, &s), STG_ERR_USAGE);
    s.alpha = 0;
    assert_int_equal(stg_evaluate(&e, &f->model, &known, &known, 1, NULL, NULL, 0, &s), STG_ERR_USAGE);
}

static void test_memory_fails(void **state)
{
    struct fixture *f = *state;
    const struct stg_scored_set known = {"known", f->known, N}, far = {"far", f->far, N},
                                valid = {"far", f->valid_far, N};
    struct stg_evaluate_settings s;
    struct stg_evaluation e;
    enum stg_status status = STG_ERR_MEMORY;
    stg_evaluate_settings_default(&s);
    s.n_resamples = 5;
    s.group = 10;
    for (uint64_t n = 1; status != STG_OK; n++) {
        assert_true(n < 1000);
        stg_mem_fail_at(n);
        status = stg_evaluate(&e, &f->model, &known, &far, 1, &known, &valid, 1, &s);
        stg_mem_fail_at(0);
        assert_true(status == STG_OK || status == STG_ERR_MEMORY);
    }
    stg_evaluation_fini(&e);
}

static void the_highest_of_a_trace(void **state)
{
    static const struct {
        uint32_t stream;
        float mean, rms;
    } given[] = {{4, 1, 5}, {4, 3, 2}, {4, 2, NAN}, {7, 0, 0}, {4, 9, 1}};
    struct stg_score scores[5] = {0};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        scores[i].id = i;
        scores[i].stream = given[i].stream;
        scores[i].value[STG_AGGREGATE_MEAN] = given[i].mean;
        scores[i].value[STG_AGGREGATE_RMS] = given[i].rms;
    }
    assert_int_equal(stg_scores_per_trace(scores, 5), 3);
    assert_true(scores[0].value[STG_AGGREGATE_MEAN] == 3 && scores[0].value[STG_AGGREGATE_RMS] == 5);
    assert_int_equal(scores[0].id, 0);
    assert_int_equal(scores[1].id, 3);
    assert_true(scores[2].value[STG_AGGREGATE_MEAN] == 9); /* what does not stand together is not one trace */
    assert_int_equal(stg_scores_per_trace(scores, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory_fails),
        cmocka_unit_test(the_highest_of_a_trace),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
