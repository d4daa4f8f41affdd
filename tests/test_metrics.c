#include "detect/metrics.h"

#include "base/clock.h"
#include "base/interrupt.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance)) {
        print_error("%.12g is not %.12g\n", a, b);
        fail();
    }
}

/* The definition, over all pairs. */
static double auroc_by_pairs(const double *known, size_t n_known, const double *novel, size_t n_novel)
{
    double wins = 0;
    for (size_t i = 0; i < n_known; i++) {
        for (size_t j = 0; j < n_novel; j++) {
            wins += novel[j] > known[i] ? 1 : novel[j] < known[i] ? 0 : 0.5;
        }
    }
    return wins / ((double)n_known * (double)n_novel);
}

/* The definition: precision at every distinct threshold, weighted by the gain of recall. */
static double auprc_by_thresholds(const double *known, size_t n_known, const double *novel, size_t n_novel)
{
    double sum = 0, threshold = INFINITY, recall = 0;
    while (true) {
        double next = -INFINITY;
        for (size_t i = 0; i < n_known; i++) {
            next = known[i] < threshold ? fmax(next, known[i]) : next;
        }
        for (size_t i = 0; i < n_novel; i++) {
            next = novel[i] < threshold ? fmax(next, novel[i]) : next;
        }
        if (isinf(next)) {
            return sum;
        }
        threshold = next;
        struct stg_confusion c;
        stg_confusion_at(known, n_known, novel, n_novel, threshold, &c);
        sum += (c.tpr - recall) * ((double)c.tp / (double)(c.tp + c.fp));
        recall = c.tpr;
    }
}

static void fill(struct stg_rng *rng, double *v, size_t n, uint64_t kinds, double shift)
{
    for (size_t i = 0; i < n; i++) {
        v[i] = (double)stg_rng_below(rng, kinds) + shift;
    }
}

static void test_against_definitions(void **state)
{
    struct stg_rng rng;
    double known[200], novel[150], got = 0;
    (void)state;
    stg_rng_seed(&rng, 5);
    for (int round = 0; round < 60; round++) {
        const size_t n_known = 1 + stg_rng_below(&rng, 200), n_novel = 1 + stg_rng_below(&rng, 150);
        const uint64_t kinds = 1 + stg_rng_below(&rng, round % 2 == 0 ? 5 : 1000);
        fill(&rng, known, n_known, kinds, 0);
        fill(&rng, novel, n_novel, kinds, (double)stg_rng_below(&rng, 3));
        assert_int_equal(stg_auroc(known, n_known, novel, n_novel, &got), STG_OK);
        near(got, auroc_by_pairs(known, n_known, novel, n_novel), 1e-12);
        assert_int_equal(stg_auprc(known, n_known, novel, n_novel, &got), STG_OK);
        near(got, auprc_by_thresholds(known, n_known, novel, n_novel), 1e-12);
    }
}

static void test_edges(void **state)
{
    const double low[] = {1, 2}, high[] = {3, INFINITY}, bad[] = {1, (double)NAN};
    double got = 0;
    (void)state;
    assert_int_equal(stg_auroc(low, 2, high, 2, &got), STG_OK);
    near(got, 1, 0);
    assert_int_equal(stg_auroc(high, 2, low, 2, &got), STG_OK);
    near(got, 0, 0);
    assert_int_equal(stg_auroc(low, 2, high, 0, &got), STG_OK);
    assert_true(isnan(got));
    assert_int_equal(stg_auprc(low, 0, high, 2, &got), STG_OK);
    assert_true(isnan(got));
    assert_int_equal(stg_auroc(low, 2, bad, 2, &got), STG_ERR_INPUT);
}

static void test_confusion(void **state)
{
    const double known[] = {1, 2, 3, 4}, novel[] = {3, 4, 5};
    struct stg_confusion c;
    (void)state;
    stg_confusion_at(known, 4, novel, 3, 4, &c);
    assert_int_equal(c.tp, 2);
    assert_int_equal(c.fn, 1);
    assert_int_equal(c.fp, 1);
    assert_int_equal(c.tn, 3);
    near(c.f1, 4.0 / 6, 1e-12);
    near(c.accuracy, 5.0 / 7, 1e-12);
    near(c.fpr, 0.25, 1e-12);
    near(c.tpr, 2.0 / 3, 1e-12);
    stg_confusion_at(known, 4, novel, 3, INFINITY, &c);
    near(c.f1, 0, 0);
    stg_confusion_at(known, 0, novel, 0, 1, &c);
    near(c.accuracy, 0, 0);
}

static void test_threshold_paper(void **state)
{
    const double known[] = {0, 1, 2, 3}, novel[] = {50, 60, 99};
    (void)state;
    const double t = stg_threshold_paper(known, 4, novel, 3);
    near(t, 4, 1e-9); /* steps of 1 from 0 to 99: the first that leaves all known ones below */
}

static void test_interval(void **state)
{
    enum { N = 400 };
    struct stg_rng rng, again;
    double known[N], novel[N], value = 0, low = 0, high = 0, low2 = 0, high2 = 0;
    (void)state;
    stg_rng_seed(&rng, 9);
    for (int i = 0; i < N; i++) {
        known[i] = stg_rng_normal(&rng);
        novel[i] = stg_rng_normal(&rng) + 1;
    }
    assert_int_equal(stg_auroc(known, N, novel, N, &value), STG_OK);
    again = rng;
    assert_int_equal(stg_auroc_interval(known, N, novel, N, 1000, 0.95, &rng, &low, &high), STG_OK);
    assert_int_equal(stg_auroc_interval(known, N, novel, N, 1000, 0.95, &again, &low2, &high2), STG_OK);
    near(low, low2, 0);
    near(high, high2, 0);
    assert_true(low < value && value < high);
    /* Hanley and McNeil's standard error of an area. */
    const double q1 = value / (2 - value), q2 = 2 * value * value / (1 + value);
    const double se =
        sqrt((value * (1 - value) + (N - 1) * (q1 - value * value) + (N - 1) * (q2 - value * value)) / ((double)N * N));
    near(high - low, 2 * 1.96 * se, 0.25 * 2 * 1.96 * se);
    assert_int_equal(stg_auroc_interval(known, N, known, 0, 10, 0.95, &rng, &low, &high), STG_OK);
    assert_true(isnan(low) && isnan(high));
}

/* The interval of n_known scores below n_novel others, or of all of them equal. */
static void interval_of(size_t n_known, size_t n_novel, double known, double novel, double *low, double *high)
{
    double a[100], b[100];
    struct stg_rng rng;
    stg_rng_seed(&rng, 1);
    for (size_t i = 0; i < 100; i++) {
        a[i] = known;
        b[i] = novel;
    }
    assert_int_equal(stg_auroc_interval(a, n_known, b, n_novel, 200, 0.95, &rng, low, high), STG_OK);
}

/* Scores that do not overlap say the less the fewer they are, though all resamples are alike. */
static void test_interval_of_separated(void **state)
{
    static const struct {
        size_t n_known, n_novel;
        double low;
    } cases[] = {{1, 1, 0.025},    {1, 100, 0.025},     {2, 2, 0.1581139},    {5, 5, 0.4781763},
                 {5, 3, 0.292402}, {36, 36, 0.9026062}, {100, 100, 0.9637833}};
    double low, high;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        interval_of(cases[i].n_known, cases[i].n_novel, 1, 2, &low, &high);
        near(low, cases[i].low, 1e-6);
        near(high, 1, 0);
        interval_of(cases[i].n_known, cases[i].n_novel, 2, 1, &low, &high);
        near(low, 0, 0);
        near(high, 1 - cases[i].low, 1e-6);
    }
    interval_of(1, 1, 1, 1, &low, &high);
    near(low, 0.025, 1e-12);
    near(high, 0.975, 1e-12);
}

/* One known score is one, however many novel ones there are and though the sets overlap. */
static void test_interval_of_one(void **state)
{
    const double known = 3.5;
    double novel[100], low, high;
    struct stg_rng rng;
    (void)state;
    stg_rng_seed(&rng, 1);
    for (int i = 0; i < 100; i++) {
        novel[i] = 1 + i;
    }
    assert_int_equal(stg_auroc_interval(&known, 1, novel, 100, 200, 0.95, &rng, &low, &high), STG_OK);
    near(low, 0.025, 1e-12);
    assert_true(high > 0.98);
}

static void test_interval_is_fast(void **state)
{
    enum { KNOWN = 2000, NOVEL = 1500 };
    static double known[KNOWN], novel[NOVEL];
    struct stg_rng rng;
    double low = 0, high = 0;
    (void)state;
    stg_rng_seed(&rng, 1);
    for (int i = 0; i < KNOWN; i++) {
        known[i] = stg_rng_normal(&rng);
        novel[i % NOVEL] = stg_rng_normal(&rng);
    }
    const uint64_t start = stg_clock_ns();
    assert_int_equal(stg_auroc_interval(known, KNOWN, novel, NOVEL, 1000, 0.95, &rng, &low, &high), STG_OK);
    const double seconds = (double)(stg_clock_ns() - start) * 1e-9;
    print_message("bootstrap, 1000 × (2000 + 1500): %.3f s\n", seconds);
    assert_true(seconds < 10); /* a slip into O(n²) would be minutes; the figure is printed */
}

static void test_roc(void **state)
{
    enum { N = 3000, MAX = 100 };
    static double known[N], novel[N];
    struct stg_roc_point p[MAX];
    struct stg_rng rng;
    size_t n = 0;
    double area = 0, value = 0;
    (void)state;
    stg_rng_seed(&rng, 2);
    for (int i = 0; i < N; i++) {
        known[i] = stg_rng_normal(&rng);
        novel[i] = stg_rng_normal(&rng) + 1.5;
    }
    assert_int_equal(stg_roc(known, N, novel, N, MAX, p, &n), STG_OK);
    assert_true(n > MAX / 2 && n <= MAX);
    near(p[0].fpr + p[0].tpr, 0, 0);
    near(p[n - 1].fpr + p[n - 1].tpr, 2, 0);
    for (size_t i = 1; i < n; i++) {
        assert_true(p[i].fpr >= p[i - 1].fpr && p[i].tpr >= p[i - 1].tpr);
        area += (p[i].fpr - p[i - 1].fpr) * (p[i].tpr + p[i - 1].tpr) / 2;
    }
    assert_int_equal(stg_auroc(known, N, novel, N, &value), STG_OK);
    near(area, value, 0.005);
    const double a[] = {1, 1}, b[] = {1, 2};
    assert_int_equal(stg_roc(a, 2, b, 2, MAX, p, &n), STG_OK);
    assert_int_equal(n, 3); /* (0,0), (0,½), (1,1) */
    near(p[1].tpr, 0.5, 0);
    near(p[1].fpr, 0, 0);
}

/* The last test: nothing takes the request back. */
static void test_interval_is_interrupted(void **state)
{
    (void)state;
    const double known[] = {1, 2, 3}, novel[] = {2, 3, 4};
    double low, high;
    struct stg_rng rng;
    stg_rng_seed(&rng, 1);
    stg_interrupt_ask();
    assert_int_equal(stg_auroc_interval(known, 3, novel, 3, 1000000, 0.95, &rng, &low, &high), STG_ERR_INTERRUPTED);
}

/* A tie with a known score is passed with it, or not at all. */
static void test_tpr_at(void **state)
{
    static const double rates[] = {0.01, 0.1, 0.2, 0.5, 1};
    static const double known[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, novel[] = {4, 9, 10, 11, 12};
    double tpr[5];
    (void)state;
    assert_int_equal(stg_tpr_at(known, 10, novel, 5, rates, 5, tpr), STG_OK);
    assert_true(isnan(tpr[0])); /* of ten none is one in a hundred */
    near(tpr[1], 0.6, 1e-12);
    near(tpr[2], 0.8, 1e-12);
    near(tpr[3], 0.8, 1e-12);
    near(tpr[4], 1, 1e-12);
    static const double alike[] = {3, 3, 3, 3};
    assert_int_equal(stg_tpr_at(alike, 4, alike, 4, rates, 5, tpr), STG_OK);
    near(tpr[3], 0, 1e-12);
    near(tpr[4], 1, 1e-12);
    assert_int_equal(stg_tpr_at(known, 10, novel, 0, rates, 5, tpr), STG_OK);
    assert_true(isnan(tpr[4]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_definitions),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_confusion),
        cmocka_unit_test(test_threshold_paper),
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_interval_of_separated),
        cmocka_unit_test(test_interval_of_one),
        cmocka_unit_test(test_interval_is_fast),
        cmocka_unit_test(test_roc),
        cmocka_unit_test(test_tpr_at),
        cmocka_unit_test(test_interval_is_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
