#include "detect/shift.h"

#include "detect/calibrate.h"
#include "fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A threshold of ln(interval): nothing is known of the calibration. */
static void plain(struct stg_shift *s, double interval)
{
    static const struct stg_model m = {0};
    stg_shift_init(s, &m, STG_AGGREGATE_MEAN, interval);
    assert_true(fabs(s->threshold - log(interval)) < 1e-12);
}

/* A bet of one sequence. */
static bool bet(struct stg_shift *s, double p)
{
    assert_false(stg_shift_add_p(s, p));
    return stg_shift_end(s);
}

static double uniform(struct stg_rng *rng)
{
    return 1 - stg_rng_unit(rng);
}

/* What the bets are, in closed form: p = 1 loses half, p = 1/16 doubles. */
static void test_levels(void **state)
{
    struct stg_shift s;
    (void)state;
    plain(&s, 7);
    assert_false(bet(&s, 1));
    assert_true(s.level <= 0);
    assert_int_equal(s.since, 1);
    assert_false(bet(&s, 1.0 / 16));
    assert_true(fabs(s.level - log(2)) < 1e-12);
    assert_false(bet(&s, 1.0 / 16));
    assert_true(bet(&s, 1.0 / 16)); /* 8 ≥ 7 */
    assert_true(s.shifted);
    assert_int_equal(s.noticed, 3);
    assert_int_equal(s.began, 1);
    assert_false(bet(&s, 1e-6)); /* said once */
    assert_int_equal(s.noticed, 3);
    stg_shift_reset(&s);
    assert_false(s.shifted);
    assert_int_equal(s.since, 5);
    assert_false(bet(&s, 1.0 / 16));
}

/* Uniform p-values: at most one false alarm in `interval`. 400 intervals: three deviations are 60. */
static void test_interval(void **state)
{
    enum { INTERVAL = 1000, N = 400 * INTERVAL };
    struct stg_shift s;
    struct stg_rng rng;
    size_t n = 0;
    (void)state;
    stg_rng_seed(&rng, 11);
    plain(&s, INTERVAL);
    for (size_t i = 0; i < N; i++) {
        if (bet(&s, uniform(&rng))) {
            n++;
            stg_shift_reset(&s);
        }
    }
    assert_in_range(n, 20, 400); /* it keeps the promise, and not by never saying anything */
}

/* p = U^5 makes the mean of ln E ln ½ + 5/2 = 1.81: ln(10000) takes 5.1 and what it overshoots. */
static void test_delay(void **state)
{
    enum { RUNS = 500, BEFORE = 200 };
    struct stg_shift s;
    struct stg_rng rng;
    size_t late = 0, off = 0, early = 0;
    (void)state;
    stg_rng_seed(&rng, 12);
    for (size_t i = 0; i < RUNS; i++) {
        plain(&s, STG_SHIFT_INTERVAL);
        for (size_t t = 0; t < BEFORE + 40 && !s.shifted; t++) {
            bet(&s, t < BEFORE ? uniform(&rng) : pow(uniform(&rng), 5));
        }
        early += s.shifted && s.noticed < BEFORE;
        late += !s.shifted || s.noticed >= BEFORE + 15;
        off += s.began + 25 < BEFORE || s.began > BEFORE + 5;
    }
    assert_in_range(early, 0, 20);
    assert_in_range(late, 0, RUNS / 20);
    assert_in_range(off, 0, RUNS / 10);
}

static void calibrate(struct stg_model *m, double (*value)(struct stg_rng *rng, size_t i))
{
    enum { N = 16000 };
    static struct stg_score s[N];
    struct stg_rng rng;
    stg_rng_seed(&rng, 13);
    for (size_t i = 0; i < N; i++) {
        s[i] = (struct stg_score){.id = i};
        s[i].value[STG_AGGREGATE_MEAN] = (float)value(&rng, i);
    }
    memset(m, 0, sizeof *m);
    assert_int_equal(stg_calibrate_runs(m, s, (const size_t[]){0, N / 2, N}, 2), STG_OK);
}

static void drop(struct stg_model *m)
{
    stg_mem_free(m->calibration);
    stg_mem_free(m->stream);
    json_decref(m->record);
}

static double alone(struct stg_rng *rng, size_t i)
{
    (void)i;
    return stg_rng_normal(rng);
}

/* Load that comes and goes: 160 sequences, ten bets, are as surprising as each other. */
static double together(struct stg_rng *rng, size_t i)
{
    static double load;
    load = i % 160 == 0 ? stg_rng_normal(rng) : load;
    return load + 0.3 * stg_rng_normal(rng);
}

static size_t alarms(const struct stg_model *m, double threshold, double (*value)(struct stg_rng *rng, size_t i),
                     size_t n)
{
    struct stg_shift s;
    struct stg_rng rng;
    size_t found = 0;
    stg_rng_seed(&rng, 14);
    stg_shift_init(&s, m, STG_AGGREGATE_MEAN, STG_SHIFT_INTERVAL);
    s.threshold = threshold > 0 ? threshold : s.threshold;
    for (size_t i = 0; i < n; i++) {
        struct stg_score x = {.id = i};
        x.value[STG_AGGREGATE_MEAN] = (float)value(&rng, i);
        if (stg_shift_add(&s, &x)) {
            found++;
            stg_shift_reset(&s);
        }
    }
    return found;
}

static double high(struct stg_rng *rng, size_t i)
{
    (void)i;
    return 3 + stg_rng_normal(rng);
}

static void quarantined(struct stg_model *m, size_t n)
{
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(out, json_object());
    }
    json_object_set_new(json_object_get(m->record, "calibration"), "quarantined", out);
}

static void test_threshold(void **state)
{
    struct stg_model m;
    struct stg_shift s;
    (void)state;
    calibrate(&m, alone);
    stg_shift_init(&s, &m, STG_AGGREGATE_MEAN, STG_SHIFT_INTERVAL);
    assert_true(s.threshold >= log(STG_SHIFT_INTERVAL) && s.threshold < 1.5 * log(STG_SHIFT_INTERVAL));
    assert_int_equal(s.least, 1);
    m.n_stream =
        2 * 16 * STG_SHIFT_BET; /* 31 pairs of stretches, for lack of a run's end; with less they do not tell */
    stg_shift_init(&s, &m, STG_AGGREGATE_MEAN, STG_SHIFT_INTERVAL);
    assert_int_equal(s.least, 1);
    m.n_stream = 30 * STG_SHIFT_BET;
    stg_shift_init(&s, &m, STG_AGGREGATE_MEAN, STG_SHIFT_INTERVAL);
    assert_int_equal(s.least, STG_SHIFT_BET);
    m.n_stream = 16000;
    assert_in_range(alarms(&m, 0, alone, 100000), 0, 10);
    drop(&m);
    calibrate(&m, together);
    stg_shift_init(&s, &m, STG_AGGREGATE_MEAN, STG_SHIFT_INTERVAL);
    assert_int_equal(s.least, STG_SHIFT_BET);
    assert_true(s.threshold > 1.5 * log(STG_SHIFT_INTERVAL));
    assert_in_range(alarms(&m, 0, together, 100000), 0, 20);
    assert_true(alarms(&m, log(STG_SHIFT_INTERVAL), together, 100000) > 30); /* what it would be without */
    m.n_stream = 0;                                                          /* a model without: the plain threshold */
    stg_shift_init(&s, &m, STG_AGGREGATE_MEAN, STG_SHIFT_INTERVAL);
    assert_true(fabs(s.threshold - log(STG_SHIFT_INTERVAL)) < 1e-12);
    drop(&m);
}

/* Where the highest twentieth of known sequences is in quarantine, known ones keep the interval, and novel ones are
 * noticed. */
static void test_quarantine(void **state)
{
    enum { N = 2000, LEFT_OUT = N / 20 };
    static struct stg_score s[N];
    struct stg_model m = {0};
    struct stg_rng rng;
    size_t n = 0;
    (void)state;
    stg_rng_seed(&rng, 17);
    while (n < N - LEFT_OUT) {
        const double value = stg_rng_normal(&rng);
        if (value < 1.645) { /* the .95 quantile */
            s[n] = (struct stg_score){.id = n};
            s[n++].value[STG_AGGREGATE_MEAN] = (float)value;
        }
    }
    assert_int_equal(stg_calibrate(&m, s, n), STG_OK);
    assert_true(alarms(&m, 0, alone, 100000) > 100); /* what it would be without */
    quarantined(&m, LEFT_OUT);
    assert_int_equal(stg_quarantined(&m), LEFT_OUT);
    assert_in_range(alarms(&m, 0, alone, 100000), 0, 10);
    assert_in_range(alarms(&m, 0, high, 1000), 10, 1000);
    drop(&m);
}

/* A bet is of 16 sequences and all that overlap the last of them: their mean E. It is made when another begins. */
static void test_bets(void **state)
{
    enum { N = STG_SHIFT_BET + 4 };
    static struct stg_score scores[99];
    struct stg_model m = {.recipe = {.scope = STG_SCOPE_SYSTEM}};
    struct stg_shift s;
    (void)state;
    for (size_t i = 0; i < 99; i++) {
        scores[i].value[STG_AGGREGATE_MEAN] = (float)(i + 1);
    }
    assert_int_equal(stg_calibrate(&m, scores, 99), STG_OK);
    const double best = 0.5 / sqrt(0.01), worst = 0.5;
    for (int process = 0; process < 2; process++) {
        m.recipe.scope = process == 1 ? STG_SCOPE_PROCESS : STG_SCOPE_SYSTEM;
        stg_shift_init(&s, &m, STG_AGGREGATE_MEAN, STG_SHIFT_INTERVAL);
        s.threshold = 1.5;
        for (int32_t i = 0; i < N; i++) { /* the last eight begin at the same time; of the first two one is usual */
            struct stg_score x = {.id = (uint64_t)i, .pid = i, .begin_ns = (int64_t)(i < N - 8 ? i : N - 8) * 10};
            x.end_ns = x.begin_ns + 10;
            x.value[STG_AGGREGATE_MEAN] = i == 1 ? 0 : 100;
            assert_int_equal(stg_shift_add(&s, &x), process == 1 && i == STG_SHIFT_BET);
        }
        if (process == 1) {
            assert_int_equal(s.noticed, STG_SHIFT_BET - 1);
            assert_true(fabs(s.level - log((15 * best + worst) / 16)) < 1e-12);
            continue;
        }
        assert_int_equal(s.n, 0);
        struct stg_score next = {.id = N, .begin_ns = (N - 7) * 10, .end_ns = (N - 6) * 10};
        next.value[STG_AGGREGATE_MEAN] = 0;
        assert_true(stg_shift_add(&s, &next));
        assert_true(fabs(s.level - log(((N - 1) * best + worst) / N)) < 1e-12);
        assert_int_equal(s.n, N);
        assert_int_equal(s.noticed, N - 1);
        assert_int_equal(s.began, 0);
        assert_false(stg_shift_end(&s)); /* a bet of one, that loses */
        assert_int_equal(s.n, N + 1);
        assert_false(stg_shift_end(&s)); /* nothing is open */
        assert_int_equal(s.n, N + 1);
    }
    drop(&m);
}

/* What overlaps is told by the first of it: a chain of which each overlaps the next only is pairs. */
static void test_chain(void **state)
{
    enum { N = 40, OF_RUN = 24, RUNS = 100 };
    static struct stg_score s[RUNS * OF_RUN];
    static size_t runs[RUNS + 1];
    struct stg_model m = {.recipe = {.scope = STG_SCOPE_SYSTEM}};
    struct stg_shift shift;
    struct stg_rng rng;
    (void)state;
    stg_rng_seed(&rng, 16);
    for (size_t i = 0; i < RUNS * OF_RUN; i++) {
        s[i] = (struct stg_score){.id = i, .begin_ns = (int64_t)i * 10, .end_ns = (int64_t)i * 10 + 15};
        s[i].value[STG_AGGREGATE_MEAN] = (float)stg_rng_normal(&rng);
        runs[i / OF_RUN] = i / OF_RUN * OF_RUN;
    }
    runs[RUNS] = (size_t)RUNS * OF_RUN;
    assert_int_equal(stg_calibrate_runs(&m, s, runs, RUNS), STG_OK);
    for (size_t i = 0; i < RUNS * OF_RUN; i++) {
        assert_true(fabsf(m.stream[i * STG_MODEL_STREAM_COLUMNS + STG_STREAM_TOGETHER] - (float)(i % 2)) < 0.1f);
    }
    stg_shift_init(&shift, &m, STG_AGGREGATE_MEAN, STG_SHIFT_INTERVAL);
    assert_int_equal(shift.least,
                     STG_SHIFT_BET); /* no run has two stretches of 16, so nothing is known of neighbours */
    for (size_t i = 0; i < N; i++) {
        stg_shift_add(&shift, &s[i]);
        assert_int_equal(shift.n, i / STG_SHIFT_BET * STG_SHIFT_BET);
    }
    drop(&m);
}

/* The calibration's bursts are one bet each, too: the threshold stays that of what comes alone. */
static void test_threshold_of_bursts(void **state)
{
    enum { N = 16000, BURST = 160 };
    static struct stg_score s[N];
    struct stg_model m = {.recipe = {.scope = STG_SCOPE_SYSTEM}};
    struct stg_shift shift;
    struct stg_rng rng;
    float value = 0;
    (void)state;
    stg_rng_seed(&rng, 15);
    for (size_t i = 0; i < N; i++) {
        value = i % BURST == 0 ? (float)stg_rng_normal(&rng) : value;
        s[i] = (struct stg_score){.id = i, .begin_ns = (int64_t)(i / BURST) * 100};
        s[i].end_ns = s[i].begin_ns + 50;
        s[i].value[STG_AGGREGATE_MEAN] = value;
    }
    assert_int_equal(stg_calibrate_runs(&m, s, (const size_t[]){0, N / 2, N}, 2), STG_OK);
    for (size_t i = 0; i < N; i++) {
        const float *row = m.stream + i * STG_MODEL_STREAM_COLUMNS;
        assert_true(fabsf(row[STG_STREAM_RUN] - (float)(i >= N / 2)) < 0.1f);
        assert_true(fabsf(row[STG_STREAM_TOGETHER] - (float)(i % BURST > 0)) < 0.1f);
    }
    stg_shift_init(&shift, &m, STG_AGGREGATE_MEAN, STG_SHIFT_INTERVAL);
    const double together = shift.threshold;
    for (size_t i = 0; i < N; i++) { /* as if each were alone */
        m.stream[i * STG_MODEL_STREAM_COLUMNS + STG_STREAM_TOGETHER] = 0;
    }
    stg_shift_init(&shift, &m, STG_AGGREGATE_MEAN, STG_SHIFT_INTERVAL);
    assert_true(together < 1.5 * log(STG_SHIFT_INTERVAL) && shift.threshold > 1.3 * together);
    drop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),     cmocka_unit_test(test_interval),
        cmocka_unit_test(test_delay),      cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_quarantine), cmocka_unit_test(test_bets),
        cmocka_unit_test(test_chain),      cmocka_unit_test(test_threshold_of_bursts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
