/* The verdict on many sequences, and how facts are printed. */
#include "cli/facts.h"
#include "cli/input.h"

#include "base/memory.h"
#include "base/rng.h"
#include "detect/calibrate.h"
#include "detect/novel.h"
#include "detect/verdict.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_edges(void **state)
{
    (void)state;
    assert_int_equal(stg_verdict_rank(99, 0.01), 1);
    assert_int_equal(stg_verdict_rank(98, 0.01), 0);
    assert_int_equal(stg_verdict_rank(99, 0.29), 29); /* 0.29 × 100 is a little less in binary */
    assert_int_equal(stg_verdict_bound(0, 100, 1, 0.999), 0);
    assert_int_equal(stg_verdict_bound(1, 100, 1, 0.999), 0);   /* judged by its own p-value */
    assert_int_equal(stg_verdict_bound(1000, 50, 0, 0.999), 0); /* no p-value can be that small */
    assert_int_equal(stg_verdict_bound(10, 3, 4, 0.999), 10);
    /* 99 calibration sequences: a = 1, b = 99; P(0 of 2) = (99/100)(100/101), P(≤ 1) = 1 − (1/100)(2/101). */
    assert_int_equal(stg_verdict_bound(2, 99, 1, 0.98), 0);
    assert_int_equal(stg_verdict_bound(2, 99, 1, 0.99), 1);
    assert_int_equal(stg_verdict_bound(2, 99, 1, 0.9999), 2);
}

/* With much calibration data it is the binomial quantile: n = 1000, p = 0.01: 21 at 99.9 %. */
static void test_binomial_limit(void **state)
{
    (void)state;
    assert_int_equal(stg_verdict_bound(1000, 100000000, 1000000, 0.999), 21);
}

static int descending(const void *a_, const void *b_)
{
    const double a = *(const double *)a_, b = *(const double *)b_;
    return a > b ? -1 : a < b;
}

/* Known data passes the bound in about 1 of 1000 campaigns, calibration drawn anew each time; at most 8 of 2000 here
 * (expected 2 or less, Poisson). And it is not idle: it is passed at a level of 90 % in more than 5 %. */
static void test_rate(void **state)
{
    enum { N_CALIBRATION = 199, N = 100, ROUNDS = 2000 };
    struct stg_rng rng;
    double calibration[N_CALIBRATION];
    int n_strict = 0, n_loose = 0;
    (void)state;
    const uint64_t strict = stg_verdict_bound(N, N_CALIBRATION, 10, 0.999),
                   loose = stg_verdict_bound(N, N_CALIBRATION, 10, 0.9);
    stg_rng_seed(&rng, 7);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < N_CALIBRATION; i++) {
            calibration[i] = stg_rng_unit(&rng);
        }
        qsort(calibration, N_CALIBRATION, sizeof calibration[0], descending);
        uint64_t n_novel = 0;
        for (size_t i = 0; i < N; i++) {
            n_novel += stg_rng_unit(&rng) > calibration[9]; /* (1 + 9) / 200 ≤ 0.05: above the tenth highest */
        }
        n_strict += n_novel > strict;
        n_loose += n_novel > loose;
    }
    assert_in_range(n_strict, 0, 8);
    assert_in_range(n_loose, ROUNDS / 20, ROUNDS / 9);
}

/* The calibration has the scores 1 … n; sequences have so many above all of them, and so many at p = alpha, in a sea of
 * usual ones. */
static struct stg_verdict verdict_of(size_t n_calibration, size_t n, size_t n_beyond, size_t n_more, double alpha)
{
    struct stg_score *scores = calloc(n_calibration + n, sizeof *scores);
    struct stg_model m = {0};
    struct stg_verdict v;
    assert_non_null(scores);
    for (size_t i = 0; i < n_calibration; i++) {
        scores[i].value[STG_AGGREGATE_MEAN] = (float)(i + 1);
    }
    assert_int_equal(stg_calibrate(&m, scores, n_calibration), STG_OK);
    const size_t rank = stg_verdict_rank(n_calibration, alpha);
    for (size_t i = 0; i < n; i++) {
        scores[i].value[STG_AGGREGATE_MEAN] = (float)(i < n_beyond            ? n_calibration + 1
                                                      : i < n_beyond + n_more ? n_calibration + 2 - rank
                                                                              : 0);
    }
    stg_verdict_judge(&v, &m, scores, n, STG_AGGREGATE_MEAN, alpha);
    stg_mem_free(m.channels);
    stg_mem_free(m.calibration);
    stg_mem_free(m.stream);
    json_decref(m.record);
    free(scores);
    return v;
}

/* Few that are above all tell as much as many that are just novel. */
static void test_depth(void **state)
{
    (void)state;
    struct stg_verdict v = verdict_of(637, 217, 7, 2, 0.01);
    assert_true(v.calibrated && v.reachable);
    assert_int_equal(v.n_novel, 9);
    assert_int_equal(v.n_beyond, 7);
    assert_int_equal(v.bound, 10); /* half of what is allowed: 9 at 99.9 % */
    assert_int_equal(v.bound_beyond, 6);
    assert_true(v.novel);
    assert_false(verdict_of(637, 217, 6, 2, 0.01).novel);
    assert_true(verdict_of(637, 217, 0, 11, 0.01).novel);
    assert_false(verdict_of(637, 217, 0, 10, 0.01).novel);
    /* One is judged by its own p-value, and few calibration sequences by that above all of them alone. */
    assert_true(verdict_of(99, 1, 1, 0, 0.01).novel);
    assert_false(verdict_of(99, 1, 0, 0, 0.01).novel);
    v = verdict_of(20, 1, 1, 0, 0.01);
    assert_true(v.calibrated && !v.reachable && !v.novel);
    v = verdict_of(20, 40, 40, 0, 0.01);
    assert_true(!v.reachable && v.novel);
    assert_int_equal(v.n_novel, 0);
    assert_int_equal(v.n_beyond, 40);
    assert_false(verdict_of(20, 40, v.bound, 0, 0.01).novel);
    struct stg_model none = {0};
    struct stg_score score = {0};
    stg_verdict_judge(&v, &none, &score, 1, STG_AGGREGATE_MEAN, 0.01);
    assert_true(!v.calibrated && !v.novel);
}

/* A burst of requests that share their events is one incident; those of other processes are none of it. */
static void test_overlap(void **state)
{
    enum { N_CALIBRATION = 999, N = 400, BURST = 40 };
    static struct stg_score scores[N_CALIBRATION];
    struct stg_model m = {.recipe = {.scope = STG_SCOPE_SYSTEM}};
    struct stg_verdict v;
    (void)state;
    for (size_t i = 0; i < N_CALIBRATION; i++) {
        scores[i].value[STG_AGGREGATE_MEAN] = (float)(i + 1);
    }
    assert_int_equal(stg_calibrate(&m, scores, N_CALIBRATION), STG_OK);
    for (size_t i = 0; i < N; i++) {
        const bool burst = i >= 100 && i < 100 + BURST;
        scores[i] = (struct stg_score){.pid = (int32_t)i, .begin_ns = burst ? 100000 : (int64_t)i * 1000};
        scores[i].end_ns = scores[i].begin_ns + (burst ? 60000 : 1000);
        scores[i].value[STG_AGGREGATE_MEAN] = burst && i % 4 > 0 ? N_CALIBRATION + 1 : 0;
    }
    stg_verdict_judge(&v, &m, scores, N, STG_AGGREGATE_MEAN, 0.01);
    assert_int_equal(v.n_novel, BURST * 3 / 4);
    assert_int_equal(v.n_beyond, BURST * 3 / 4);
    assert_int_equal(v.n_apart, N - BURST - 20 + 1); /* 20 of the others began before the burst's end */
    assert_true(fabs(v.novel_apart - 0.5) < 1e-12 && fabs(v.beyond_apart - 0.5) < 1e-12); /* 30 of 60 */
    assert_false(v.novel);
    m.recipe.scope = STG_SCOPE_PROCESS;
    stg_verdict_judge(&v, &m, scores, N, STG_AGGREGATE_MEAN, 0.01);
    assert_int_equal(v.n_apart, N);
    assert_true(fabs(v.novel_apart - BURST * 0.75) < 1e-12);
    assert_true(v.novel);
    m.recipe.scope =
        STG_SCOPE_SYSTEM; /* one incident alone is judged like one sequence: by whether it is novel at all */
    stg_verdict_judge(&v, &m, scores + 100, BURST, STG_AGGREGATE_MEAN, 0.01);
    assert_int_equal(v.n_apart, 1);
    assert_int_equal(v.bound, 0);
    assert_false(v.novel);
    for (size_t i = 0; i < BURST; i++) {
        scores[100 + i].value[STG_AGGREGATE_MEAN] = N_CALIBRATION + 1;
    }
    stg_verdict_judge(&v, &m, scores + 100, BURST, STG_AGGREGATE_MEAN, 0.01);
    assert_true(v.novel);
    static struct stg_score few[20];
    for (size_t i = 0; i < 20; i++) {
        few[i].value[STG_AGGREGATE_MEAN] = (float)(i + 1);
    }
    assert_int_equal(stg_calibrate(&m, few, 20), STG_OK);
    stg_verdict_judge(&v, &m, scores + 100, BURST, STG_AGGREGATE_MEAN, 0.01);
    assert_true(v.n_apart == 1 && !v.reachable && v.n_beyond == BURST);
    assert_false(v.novel); /* alpha is out of its reach, as of one sequence's */
    stg_mem_free(m.channels);
    stg_mem_free(m.calibration);
    stg_mem_free(m.stream);
    json_decref(m.record);
}

/* What quarantine left out may all have been known, and widens every bound; a count between those that are always said
 * is said where it decides. */
static void test_left_out(void **state)
{
    enum { N_CALIBRATION = 637, N = 217, BEYOND = 8, BETWEEN = 10 };
    static struct stg_score known[N_CALIBRATION], scores[N];
    struct stg_model m = {0};
    struct stg_verdict v;
    (void)state;
    for (size_t i = 0; i < N_CALIBRATION; i++) {
        known[i].value[STG_AGGREGATE_MEAN] = (float)(i + 1);
    }
    for (size_t i = 0; i < N; i++) {
        scores[i] = (struct stg_score){.begin_ns = (int64_t)i, .end_ns = (int64_t)i + 1};
        scores[i].value[STG_AGGREGATE_MEAN] = i < BETWEEN ? N_CALIBRATION - 0.5f : 0;
    }
    assert_int_equal(stg_calibrate(&m, known, N_CALIBRATION), STG_OK);
    stg_verdict_judge(&v, &m, scores, N, STG_AGGREGATE_MEAN, 0.01);
    assert_true(v.novel && v.n_novel <= v.bound && v.n_beyond == 0);
    assert_int_equal(v.deciding_rank, 2); /* above all but one */
    assert_true(v.deciding_apart > (double)v.deciding_bound && fabs(v.deciding_apart - BETWEEN) < 1e-9);
    for (size_t i = 0; i < N; i++) {
        scores[i].value[STG_AGGREGATE_MEAN] = i < BEYOND ? N_CALIBRATION + 1 : 0;
    }
    stg_verdict_judge(&v, &m, scores, N, STG_AGGREGATE_MEAN, 0.01);
    assert_true(v.novel && v.deciding_rank == 0 && v.n_beyond > v.bound_beyond);
    json_t *out = json_array();
    for (int i = 0; i < 13; i++) {
        json_array_append_new(out, json_integer(i));
    }
    json_object_set_new(json_object_get(m.record, "calibration"), "quarantined", out);
    stg_verdict_judge(&v, &m, scores, N, STG_AGGREGATE_MEAN, 0.01);
    assert_false(v.novel);
    assert_int_equal(v.bound_beyond, stg_verdict_bound(N, N_CALIBRATION + 13, 1 + 13, 1 - 0.0005 / 3));
    stg_mem_free(m.channels);
    stg_mem_free(m.calibration);
    stg_mem_free(m.stream);
    json_decref(m.record);
}

/* Of 100 sequences the first 20 are above all; lost events touch some. Without those that are touched 20, 17, 2 or none
 * are left. */
static void test_lost(void **state)
{
    enum { N_CALIBRATION = 999, N = 100, ODD = 20 };
    static struct stg_score known[N_CALIBRATION], scores[N];
    static const size_t touched[] = {0, 3, ODD - 2, ODD, N};
    struct stg_model m = {0};
    struct stg_verdict v;
    (void)state;
    for (size_t i = 0; i < N_CALIBRATION; i++) {
        known[i].value[STG_AGGREGATE_MEAN] = (float)(i + 1);
    }
    assert_int_equal(stg_calibrate(&m, known, N_CALIBRATION), STG_OK);
    for (size_t k = 0; k < sizeof touched / sizeof touched[0]; k++) {
        for (size_t i = 0; i < N; i++) {
            scores[i] = (struct stg_score){.begin_ns = (int64_t)i, .end_ns = (int64_t)i + 1, .n_lost = i < touched[k]};
            scores[i].value[STG_AGGREGATE_MEAN] = i < ODD ? N_CALIBRATION + 1 : 0;
        }
        stg_verdict_judge(&v, &m, scores, N, STG_AGGREGATE_MEAN, 0.01);
        assert_true(v.novel && v.n_novel == ODD && v.n_apart == N); /* they count */
        assert_int_equal(v.n_touched, touched[k]);
        assert_int_equal(v.novel_touched, touched[k] < ODD ? touched[k] : ODD);
        assert_int_equal(v.rests_on_lost, touched[k] >= ODD - 2);
        assert_true(v.bound < ODD - 3 && v.deciding_rank == 0);
        stg_verdict_judge(&v, &m, scores, N, STG_AGGREGATE_MEAN, 1e-4); /* not reachable: those above all are told */
        assert_int_equal(v.novel_touched, touched[k] < ODD ? touched[k] : ODD);
        stg_verdict_judge(&v, &m, scores + ODD, N - ODD, STG_AGGREGATE_MEAN, 0.01);
        assert_false(v.novel || v.rests_on_lost);
    }
    stg_mem_free(m.channels);
    stg_mem_free(m.calibration);
    stg_mem_free(m.stream);
    json_decref(m.record);
}

/* Three runs calibrate; what is judged is as usual by the mean, and by the root of the mean square alone many are
 * beyond what any run has, unless one of the runs differs from the others as much. */
static void test_alone(void **state)
{
    enum { OF_RUN = 200, RUNS = 3, N = 100, ODD = 40 };
    static struct stg_score known[RUNS * OF_RUN], scores[N];
    const size_t offset[RUNS + 1] = {0, OF_RUN, 2 * OF_RUN, 3 * OF_RUN};
    (void)state;
    for (int differs = 0; differs < 2; differs++) {
        struct stg_model m = {0};
        struct stg_verdict v;
        for (size_t i = 0; i < RUNS * OF_RUN; i++) {
            const bool odd = differs && i >= 2 * OF_RUN && i % 5 == 0; /* a fifth of the last run */
            known[i] = (struct stg_score){.begin_ns = (int64_t)i, .end_ns = (int64_t)i + 1};
            known[i].value[STG_AGGREGATE_MEAN] = (float)(i * 7 % OF_RUN);
            known[i].value[STG_AGGREGATE_RMS] = (float)(i * 7 % OF_RUN) + (odd ? 1000 : (float)i * 1e-3f);
        }
        for (size_t i = 0; i < N; i++) {
            scores[i] = (struct stg_score){.begin_ns = (int64_t)i, .end_ns = (int64_t)i + 1};
            scores[i].value[STG_AGGREGATE_MEAN] = (float)i;
            scores[i].value[STG_AGGREGATE_RMS] = i < ODD ? 5000 : (float)i;
        }
        assert_int_equal(stg_calibrate_runs(&m, known, offset, RUNS), STG_OK);
        stg_verdict_judge(&v, &m, scores, N, STG_AGGREGATE_MEAN, 0.01);
        assert_false(v.novel);
        assert_int_equal(v.n_alone, differs ? 0 : 1);
        if (!differs) {
            assert_true(v.alone[0].aggregate == STG_AGGREGATE_RMS && v.alone[0].n_beyond == ODD);
            assert_in_range((int)(v.alone[0].most_known * 1000), 0, 30);
        }
        stg_verdict_judge(&v, &m, scores + ODD, N - ODD, STG_AGGREGATE_MEAN, 0.01);
        assert_int_equal(v.n_alone, 0);
        stg_mem_free(m.channels);
        stg_mem_free(m.calibration);
        stg_mem_free(m.stream);
        json_decref(m.record);
    }
}

/* A single sequence is novel where it counts as such in the verdict; above all calibration scores where alpha is out of
 * reach. */
static void test_novel(void **state)
{
    struct stg_score scores[99] = {0}, s = {0};
    struct stg_model m = {0};
    (void)state;
    assert_false(stg_is_beyond(&m, STG_AGGREGATE_MEAN, &s) ||
                 stg_is_novel(&m, STG_AGGREGATE_MEAN, &s, 0.01)); /* not calibrated */
    for (size_t n = 9; n <= 99; n += 90) {
        for (size_t i = 0; i < n; i++) {
            scores[i].value[STG_AGGREGATE_MEAN] = (float)(i + 1);
        }
        assert_int_equal(stg_calibrate(&m, scores, n), STG_OK);
        for (size_t rank = 1; rank <= 4; rank++) { /* above all, all but one … */
            s.value[STG_AGGREGATE_MEAN] = (float)(n + 1 - rank) + 0.5f;
            assert_int_equal(stg_is_beyond(&m, STG_AGGREGATE_MEAN, &s), rank == 1);
            assert_int_equal(stg_is_novel(&m, STG_AGGREGATE_MEAN, &s, 0.01), rank == 1);
            assert_int_equal(stg_is_novel(&m, STG_AGGREGATE_MEAN, &s, 0.021), n == 9 ? rank == 1 : rank <= 2);
        }
        stg_mem_free(m.channels);
        stg_mem_free(m.calibration);
        stg_mem_free(m.stream);
        json_decref(m.record);
        m = (struct stg_model){0};
    }
}

/* Known data passes one of the bounds about once in a thousand times: at most 9 of 3000 here (3 or fewer are expected,
 * Poisson). */
static void test_depth_rate(void **state)
{
    enum { N_CALIBRATION = 399, N = 200, ROUNDS = 3000 };
    struct stg_score scores[N_CALIBRATION + N];
    struct stg_rng rng;
    int n_novel = 0;
    (void)state;
    stg_rng_seed(&rng, 11);
    for (int round = 0; round < ROUNDS; round++) {
        struct stg_model m = {0};
        struct stg_verdict v;
        memset(scores, 0, sizeof scores);
        for (size_t i = 0; i < N_CALIBRATION + N; i++) {
            scores[i].value[STG_AGGREGATE_MEAN] = (float)stg_rng_unit(&rng);
        }
        assert_int_equal(stg_calibrate(&m, scores, N_CALIBRATION), STG_OK);
        stg_verdict_judge(&v, &m, scores + N_CALIBRATION, N, STG_AGGREGATE_MEAN, 0.05);
        n_novel += v.novel;
        stg_mem_free(m.channels);
        stg_mem_free(m.calibration);
        stg_mem_free(m.stream);
        json_decref(m.record);
    }
    assert_in_range(n_novel, 0, 9);
}

static void test_formats(void **state)
{
    char text[32];
    (void)state;
    stg_format_count(0, text, sizeof text);
    assert_string_equal(text, "0");
    stg_format_count(1234567, text, sizeof text);
    assert_string_equal(text, "1,234,567");
    stg_format_count(UINT64_MAX, text, sizeof text);
    assert_string_equal(text, "18,446,744,073,709,551,615");
    stg_format_ns(1290000, text, sizeof text);
    assert_string_equal(text, "1.29 ms");
    stg_format_ns(0, text, sizeof text);
    assert_string_equal(text, "0 ns");
    const int64_t sorted[] = {1, 2, 3, 4};
    assert_int_equal(stg_quantile_sorted(sorted, 4, 0), 1);
    assert_int_equal(stg_quantile_sorted(sorted, 4, 0.5), 3);
    assert_int_equal(stg_quantile_sorted(sorted, 4, 1), 4);
    assert_int_equal(stg_quantile_sorted(sorted, 0, 1), 0);
}

static void test_facts(void **state)
{
    struct stg_buffer out = STG_BUFFER_INIT;
    struct stg_strings *names = NULL;
    const uint64_t counts[] = {3, 9, 0};
    uint32_t id;
    (void)state;
    assert_int_equal(stg_strings_new(&names), STG_OK);
    assert_int_equal(stg_strings_put(names, "read", 4, &id), STG_OK);
    assert_int_equal(stg_strings_put(names, "w\xff", 2, &id), STG_OK);
    assert_int_equal(stg_strings_put(names, "never", 5, &id), STG_OK);
    json_t *facts =
        json_pack("{s:i, s:s, s:{s:i, s:i}}", "duration_ns", 1500, "kind", "trace", "length", "min", 1, "max", 20000);
    assert_int_equal(stg_facts_put(facts, "top_calls", stg_facts_top(counts, 3, 10, names)), STG_OK);
    assert_int_equal(stg_facts_text(&out, facts), STG_OK);
    assert_string_equal(
        out.data, "duration         1.5 µs\nkind             trace\nlength           min 1, max 20,000\ntop calls\n"
                  "                 9  w\xef\xbf\xbd\n                 3  read\n");
    stg_buffer_clear(&out);
    assert_int_equal(stg_facts_json(&out, "strange.test/1", facts), STG_OK);
    json_t *again = json_loads(out.data, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(again, "schema")), "strange.test/1");
    assert_int_equal(json_object_del(again, "schema"), 0);
    assert_true(json_equal(facts, again));
    json_decref(again);
    json_decref(facts);
    stg_strings_free(names);
    stg_buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),    cmocka_unit_test(test_binomial_limit), cmocka_unit_test(test_rate),
        cmocka_unit_test(test_depth),    cmocka_unit_test(test_overlap),        cmocka_unit_test(test_depth_rate),
        cmocka_unit_test(test_left_out), cmocka_unit_test(test_lost),           cmocka_unit_test(test_alone),
        cmocka_unit_test(test_novel),    cmocka_unit_test(test_formats),        cmocka_unit_test(test_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
