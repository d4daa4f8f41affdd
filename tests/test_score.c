#include "score/score.h"

#include "fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance)) {
        print_error("%.9g is not %.9g\n", a, b);
        fail();
    }
}

static void test_names(void **state)
{
    enum stg_aggregate a;
    int64_t fast = 0;
    float usual[STG_MODEL_CHANNEL_COLUMNS];
    for (int i = 0; i < STG_MODEL_CHANNEL_COLUMNS; i++) {
        usual[i] = 1;
    }
    struct stg_model bare = {0}, side = {0},
                     full = {.side = {&side, &side}, .pace = {.fast = &fast}, .n_channel_bins = 1, .channels = usual};
    (void)state;
    for (int i = 0; i < STG_AGGREGATES; i++) {
        const char *name = stg_aggregate_name((enum stg_aggregate)i);
        assert_int_equal(stg_aggregate_parse(name, &full, &a), STG_OK);
        assert_int_equal(a, i);
        assert_int_equal(stg_aggregate_parse(name, &bare, &a), i < STG_AGGREGATE_TIME ? STG_OK : STG_ERR_USAGE);
    }
    assert_int_equal(stg_aggregate_parse("maximum", &full, &a), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "window"));
    /* The choices are those that the model has. */
    struct stg_model timed = {.side = {&side, NULL}};
    assert_int_equal(stg_aggregate_parse("state", &timed, &a), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "choose mean, median, window, upper, rms or time"));
    assert_int_equal(stg_aggregate_parse("maximum", &timed, &a), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "choose mean, median, window, upper, rms or time"));
    assert_int_equal(stg_aggregate_parse(NULL, &full, &a), STG_OK);
    assert_int_equal(a, STG_AGGREGATE_NOVELTY);
    assert_int_equal(stg_aggregate_parse(NULL, &bare, &a), STG_OK);
    assert_int_equal(a, STG_AGGREGATE_MEAN);
}

/* Of one scope and trace, and open at the same time. */
static void test_overlap(void **state)
{
    (void)state;
    static const struct {
        int32_t pid, tid;
        uint32_t stream;
        int64_t begin, end;
        bool system, process, thread;
    } others[] = {
        {1, 1, 0, 150, 250, true, true, true},      {1, 1, 0, 50, 150, true, true, true},
        {1, 1, 0, 120, 130, true, true, true},      {1, 2, 0, 150, 250, true, true, false},
        {2, 2, 0, 150, 250, true, false, false},    {1, 1, 1, 150, 250, false, false, false},
        {1, 1, 0, 200, 250, false, false, false},   {1, 1, 0, 50, 100, false, false, false},
        {1, 1, 0, 1000, 2000, false, false, false}, {1, 1, 0, 10, 20, false, false, false},
    };
    const struct stg_score a = {.pid = 1, .tid = 1, .begin_ns = 100, .end_ns = 200};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const struct stg_score b = {.pid = others[i].pid,
                                    .tid = others[i].tid,
                                    .stream = others[i].stream,
                                    .begin_ns = others[i].begin,
                                    .end_ns = others[i].end};
        struct stg_model m = {.recipe = {.scope = STG_SCOPE_SYSTEM}};
        assert_int_equal(stg_score_overlap(&m, &a, &b), others[i].system);
        m.recipe.scope = STG_SCOPE_PROCESS;
        assert_int_equal(stg_score_overlap(&m, &a, &b), others[i].process);
        m.recipe.scope = STG_SCOPE_THREAD;
        assert_int_equal(stg_score_overlap(&m, &a, &b), others[i].thread);
    }
}

static void test_values(void **state)
{
    const float v[] = {1, 2, 3, 4, 10};
    const size_t len[] = {2, 0, 3};
    float out[STG_AGGREGATES];
    (void)state;
    assert_int_equal(stg_aggregate_values(v, len, 3, true, out), STG_OK);
    near((double)out[STG_AGGREGATE_MEAN], 4, 0);
    near((double)out[STG_AGGREGATE_MEDIAN], 3, 0);
    near((double)out[STG_AGGREGATE_UPPER], 8.8, 1e-6); /* 0.95 × 4 = 3.8: 4 + 0.8 × 6 */
    near((double)out[STG_AGGREGATE_RMS], sqrt(130.0 / 5), 1e-6);
    near((double)out[STG_AGGREGATE_WINDOW], 17.0 / 5,
         1e-6); /* the second walk, over all 5 tokens as they are fewer than 16 */
}

static void test_window_is_sixteen_of_one_walk(void **state)
{
    float v[60] = {0};
    const size_t len[] = {20, 40};
    float out[STG_AGGREGATES];
    (void)state;
    for (size_t i = 12; i < 28; i++) {
        v[i] = 2; /* 8 at the end of the first walk, 8 at the start of the second: no window holds more than 8 */
    }
    assert_int_equal(stg_aggregate_values(v, len, 2, true, out), STG_OK);
    near((double)out[STG_AGGREGATE_WINDOW], 1, 1e-6);
    const size_t one[] = {60};
    assert_int_equal(stg_aggregate_values(v, one, 1, true, out), STG_OK);
    near((double)out[STG_AGGREGATE_WINDOW], 2, 1e-6);
}

static void test_values_at_the_edges(void **state)
{
    const float v[] = {1, INFINITY, 1};
    const float bad[] = {1, NAN};
    const size_t len[] = {3}, bad_len[] = {2}, none[] = {0};
    float out[STG_AGGREGATES] = {9, 9, 9, 9};
    (void)state;
    assert_int_equal(stg_aggregate_values(v, none, 1, true, out), STG_OK);
    near((double)out[STG_AGGREGATE_MEAN], 0, 0);
    assert_int_equal(stg_aggregate_values(v, len, 1, true, out), STG_OK);
    assert_true(isinf(out[STG_AGGREGATE_MEAN]) && isinf(out[STG_AGGREGATE_WINDOW]) && isinf(out[STG_AGGREGATE_UPPER]) &&
                isinf(out[STG_AGGREGATE_RMS]));
    near((double)out[STG_AGGREGATE_MEDIAN], 1, 0);
    assert_int_equal(stg_aggregate_values(bad, bad_len, 1, true, out), STG_ERR_INTERNAL);
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The quantiles by selection are those of the sorted values, whatever the order and however many are equal. */
static void test_quantiles_against_sorting(void **state)
{
    struct stg_rng rng;
    static float v[3000], sorted[3000];
    (void)state;
    stg_rng_seed(&rng, 7);
    for (int round = 0; round < 600; round++) {
        const size_t n = 1 + stg_rng_below(&rng, round < 500 ? 40 : 3000);
        const uint64_t kinds = 1 + stg_rng_below(&rng, round % 3 == 0 ? 3 : 5000);
        float out[STG_AGGREGATES];
        for (size_t i = 0; i < n; i++) {
            v[i] = round % 5 == 1   ? (float)i
                   : round % 5 == 2 ? (float)(n - i)
                                    : (float)stg_rng_below(&rng, kinds) / 7.0f;
            sorted[i] = v[i];
        }
        qsort(sorted, n, sizeof *sorted, compare_floats);
        assert_int_equal(stg_aggregate_values(v, &n, 1, true, out), STG_OK);
        const double q[] = {0.5, 0.95};
        const int at[] = {STG_AGGREGATE_MEDIAN, STG_AGGREGATE_UPPER};
        for (int k = 0; k < 2; k++) {
            const double position = q[k] * (double)(n - 1);
            const size_t low = (size_t)position, high = low + 1 < n ? low + 1 : low;
            const double want =
                (double)sorted[low] + (position - (double)low) * ((double)sorted[high] - (double)sorted[low]);
            assert_true(out[at[k]] == (float)want);
        }
    }
}

/* Every pivot is the second smallest value that is left: the one at the front is smaller, the one at the end larger. */
static void test_quantiles_of_the_worst_order(void **state)
{
    enum { N = 600 };
    static float v[N];
    size_t n = 0;
    float out[STG_AGGREGATES];
    (void)state;
    while (n < N) {
        memmove(v + 1, v, n * sizeof *v);
        n++;
        v[0] = (float)(N - n - 1);
        const size_t middle = (n + 1) / 2;
        memmove(v + middle + 1, v + middle, (n - middle) * sizeof *v);
        n++;
        v[middle] = (float)(N - n + 1);
    }
    assert_int_equal(stg_aggregate_values(v, &n, 1, true, out), STG_OK);
    assert_true(out[STG_AGGREGATE_MEDIAN] == 299.5f && out[STG_AGGREGATE_UPPER] == 569.05f);
}

struct fixture {
    struct fake_seq *seqs;
    size_t n;
    struct fake_model model;
    struct stg_corpus corpus;
};

static int setup(void **state)
{
    static struct fixture f;
    struct stg_rng rng;
    f.n = 1500;
    stg_rng_seed(&rng, 3);
    f.seqs = calloc(f.n, sizeof *f.seqs);
    for (size_t i = 0; i < f.n; i++) {
        fake_request(&f.seqs[i], i, &rng, i % 10 == 0 ? 0.3 : 0);
    }
    f.seqs[17].n = 0; /* an empty sequence */
    f.seqs[17].n_threads = 0;
    f.seqs[18].n_lost = 5;
    f.seqs[19].call[3] = STG_TOKEN_UNKNOWN;
    f.corpus = fake_corpus_of(f.seqs, f.n);
    *state = &f;
    return fake_model_open(&f.model, f.seqs, f.n, STG_ORDER_THREAD) == STG_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fake_model_close(&f->model);
    free(f->seqs);
    return 0;
}

static void test_corpus_by_hand(void **state)
{
    struct fixture *f = *state;
    struct stg_score *scores = calloc(f->n, sizeof *scores);
    assert_int_equal(stg_score_corpus(&f->model.base, &f->corpus, NULL, NULL, scores), STG_OK);
    for (size_t i = 0; i < 40; i++) {
        const struct fake_seq *s = &f->seqs[i];
        double sum = 0;
        size_t n = 0;
        uint32_t last[FAKE_MAX_THREADS];
        for (size_t t = 0; t < s->n_threads; t++) {
            last[t] = STG_TOKEN_START;
        }
        for (size_t k = 0; k < s->n; k++) {
            const uint32_t id = stg_symbols_find(f->model.base.symbols, s->call[k], s->phase[k], s->ret[k]);
            sum -= (double)f->model.log_p[last[s->thread[k]] * f->model.n_symbols + id];
            last[s->thread[k]] = id;
            n++;
        }
        for (size_t t = 0; t < s->n_threads; t++) {
            sum -= (double)f->model.log_p[last[t] * f->model.n_symbols + STG_TOKEN_END];
            n++;
        }
        assert_int_equal(scores[i].n_tokens, n);
        assert_int_equal(scores[i].n_events, s->n);
        assert_int_equal(scores[i].id, i);
        near((double)scores[i].value[STG_AGGREGATE_MEAN], n == 0 ? 0 : sum / (double)n, 1e-5);
    }
    assert_int_equal(scores[18].n_lost, 5);
    assert_int_equal(scores[19].n_unknown, 1);
    assert_int_equal(scores[20].tid, 101);
    free(scores);
}

static void test_plain_lacks_quantiles_alone(void **state)
{
    struct fixture *f = *state;
    struct stg_score *all = calloc(f->n, sizeof *all), *plain = calloc(f->n, sizeof *plain);
    assert_int_equal(stg_score_corpus(&f->model.base, &f->corpus, NULL, NULL, all), STG_OK);
    assert_int_equal(stg_score_corpus_plain(&f->model.base, &f->corpus, NULL, NULL, plain), STG_OK);
    for (size_t i = 0; i < f->n; i++) {
        for (int a = 0; a < STG_AGGREGATES; a++) {
            const bool quantile = a == STG_AGGREGATE_MEDIAN || a == STG_AGGREGATE_UPPER;
            assert_true(!isnan(all[i].value[a]));
            if (quantile && all[i].n_tokens > 0) {
                assert_true(isnan(plain[i].value[a]));
            } else {
                assert_true(plain[i].value[a] == all[i].value[a]);
            }
        }
    }
    free(all);
    free(plain);
}

static void test_threads_do_not_matter(void **state)
{
    struct fixture *f = *state;
    struct stg_score *one = calloc(f->n, sizeof *one), *four = calloc(f->n, sizeof *four);
    struct stg_pool *pool = NULL;
    struct stg_progress progress = {0};
    assert_int_equal(stg_score_corpus(&f->model.base, &f->corpus, NULL, &progress, one), STG_OK);
    assert_int_equal(progress.done, f->corpus.n);
    assert_int_equal(stg_score_corpus(&f->model.base, &f->corpus, NULL, &progress, one), STG_OK);
    assert_int_equal(progress.done, 2 * f->corpus.n); /* of two inputs */
    assert_int_equal(stg_pool_new(&pool, 4), STG_OK);
    assert_int_equal(stg_score_corpus(&f->model.base, &f->corpus, pool, NULL, four), STG_OK);
    for (size_t i = 0; i < f->n; i++) {
        assert_memory_equal(one[i].value, four[i].value, sizeof one[i].value);
        assert_int_equal(one[i].id, four[i].id);
    }
    stg_pool_free(pool);
    free(one);
    free(four);
}

static void test_events(void **state)
{
    struct fixture *f = *state;
    struct stg_seq seq;
    struct stg_score score;
    float surprisal[FAKE_MAX_EVENTS];
    double end = 0, sum = 0;
    for (size_t i = 0; i < 30; i++) {
        struct stg_corpus single = fake_corpus_of(&f->seqs[i], 1);
        fake_seq_get(&f->seqs[i], &seq);
        assert_int_equal(stg_score_events(&f->model.base, &seq, surprisal, &end), STG_OK);
        assert_int_equal(stg_score_corpus(&f->model.base, &single, NULL, NULL, &score), STG_OK);
        sum = end;
        for (size_t k = 0; k < seq.n; k++) {
            sum += (double)surprisal[k];
        }
        near(sum, (double)score.value[STG_AGGREGATE_MEAN] * score.n_tokens, 1e-3);
    }
}

static void test_truncated_walk(void **state)
{
    struct fixture *f = *state;
    struct stg_seq seq;
    float surprisal[FAKE_MAX_EVENTS];
    double end = 1;
    f->model.base.max_walk = 4;
    fake_seq_get(&f->seqs[0], &seq);
    const enum stg_status status = stg_score_events(&f->model.base, &seq, surprisal, &end);
    f->model.base.max_walk = 0;
    assert_int_equal(status, STG_OK);
    assert_true(!isnan(surprisal[0]));
    assert_true(isnan(surprisal[seq.n - 1])); /* the long walk was cut */
}

static void test_memory_fails(void **state)
{
    struct fixture *f = *state;
    struct stg_corpus few = fake_corpus_of(f->seqs, 3);
    struct stg_score scores[3];
    enum stg_status status = STG_ERR_MEMORY;
    for (uint64_t n = 1; status != STG_OK; n++) {
        assert_true(n < 1000);
        stg_mem_fail_at(n);
        status = stg_score_corpus(&f->model.base, &few, NULL, NULL, scores);
        stg_mem_fail_at(0);
        assert_true(status == STG_OK || status == STG_ERR_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_window_is_sixteen_of_one_walk),
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_values_at_the_edges),
        cmocka_unit_test(test_quantiles_against_sorting),
        cmocka_unit_test(test_quantiles_of_the_worst_order),
        cmocka_unit_test(test_corpus_by_hand),
        cmocka_unit_test(test_plain_lacks_quantiles_alone),
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_truncated_walk),
        cmocka_unit_test(test_memory_fails),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
