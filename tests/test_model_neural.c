/* Neural models of every kind, with both inputs: a stream gives the surprisals of a batch, nothing is seen of the
 * future, a saved model is the same one, settings that cannot be are refused. */
#include "base/memory.h"
#include "explain/explain.h"
#include "model/ensemble.h"
#include "nn/net.h"
#include "one_walk.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct {
    const char *kind, *preset, *window, *dilation, *norm;
} kinds[] = {
    {"lstm", NULL, NULL, NULL, NULL},          {"lstm", "paper", NULL, NULL, NULL},
    {"transformer", NULL, NULL, NULL, NULL},   {"transformer", "paper", NULL, NULL, NULL},
    {"longformer", NULL, "8,4", "1,3", NULL},  {"longformer", "paper", NULL, NULL, NULL},
    {"transformer", NULL, "16", NULL, "none"},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

static int setup(void **state)
{
    static struct one_walk d;
    struct stg_rng rng;
    stg_rng_seed(&rng, 4);
    one_walk_init(&d, 1, &rng);
    *state = &d;
    return 0;
}

static struct stg_model_settings settings_of(size_t k)
{
    struct stg_model_settings s;
    stg_model_settings_default(&s);
    s.kind = kinds[k].kind;
    s.preset = kinds[k].preset;
    s.hidden = s.preset == NULL ? 32 : 0;
    s.window = kinds[k].window;
    s.dilation = kinds[k].dilation;
    s.norm = kinds[k].norm;
    return s;
}

static struct stg_model *fitted(struct one_walk *d, size_t k, uint64_t seed)
{
    const struct stg_corpus corpus = one_walk_corpus(d);
    struct stg_model_settings s = settings_of(k);
    struct stg_recipe recipe;
    struct stg_model *m = NULL;
    s.seed = seed;
    stg_recipe_default(&recipe);
    must(stg_model_new(&m, &s, &recipe, &d->vocab));
    must(m->ops->fit(m, &corpus, NULL, NULL));
    return m;
}

static void score(const struct stg_model *m, const struct one_walk *d, float out[SCORED])
{
    struct stg_model_run *run = NULL;
    const struct stg_walk walk = one_walk_of(d);
    must(m->ops->run_new(m, &run));
    must(m->ops->score(m, run, &walk, 1, &out));
    m->ops->run_free(run);
}

/* An ensemble of three, with seeds 1, 2, 3. */
static struct stg_model *ensemble_of(struct one_walk *d, size_t k)
{
    struct stg_model *members[3];
    struct stg_model *m = NULL;
    for (size_t i = 0; i < 3; i++) {
        members[i] = fitted(d, k, i + 1);
    }
    must(stg_ensemble_new(&m, members, 3));
    assert_null(members[0]);
    return m;
}

static void check_stream(const struct stg_model *m, const struct one_walk *d)
{
    const struct stg_walk walk = one_walk_of(d);
    const size_t V = stg_symbols_count(m->symbols);
    struct stg_model_run *run = NULL;
    struct stg_model_state *stream = NULL;
    float batch[SCORED];
    float *log_p = NULL;
    must(stg_mem_zeroed(&log_p, V, sizeof *log_p));
    score(m, d, batch);
    must(m->ops->run_new(m, &run));
    must(m->ops->state_new(m, &stream));
    for (int again = 0; again < 2; again++) { /* the second time after a reset */
        for (ptrdiff_t i = -1; i <= LENGTH; i++) {
            struct stg_model_token token;
            float surprisal = 0;
            stg_walk_token(&walk, i, &token);
            must(m->ops->predict(m, run, stream, log_p));
            must(m->ops->step(m, run, &stream, &token, 1, &surprisal));
            if (i >= CONTEXT && fabs((double)(surprisal - batch[i - CONTEXT])) > 1e-4) {
                fail_msg("%s: event %td: %g in the stream, %g in the batch", m->ops->kind, i, (double)surprisal,
                         (double)batch[i - CONTEXT]);
            }
            if (i == LENGTH) { /* what an ensemble predicts is normalised, its score is not */
                const double above = (double)(surprisal + log_p[STG_TOKEN_END]);
                assert_true(m->ops->members == NULL ? fabs(above) < 1e-6 : above > 1e-4);
            }
        }
        m->ops->state_reset(m, stream);
    }
    stg_mem_free(log_p);
    m->ops->state_free(stream);
    m->ops->run_free(run);
}

static void streams_and_batches_agree(void **state)
{
    struct one_walk *d = *state;
    for (size_t k = 0; k < N_KINDS; k++) {
        struct stg_model *m = fitted(d, k, 1);
        check_stream(m, d);
        stg_model_free(m);
        m = ensemble_of(d, k);
        check_stream(m, d);
        stg_model_free(m);
    }
}

/* The same model, asked for its distributions in batch and step by step. */
static void check_distributions(struct stg_model *m, const struct one_walk *d)
{
    enum { LEAST_SYMBOLS = STG_TOKEN_SPECIALS + CALLS };
    const struct stg_walk walk = one_walk_of(d);
    const struct stg_model_ops *ops = m->ops;
    struct stg_model_ops plain = *ops;
    struct stg_model_run *run = NULL;
    const size_t V = stg_symbols_count(m->symbols);
    float *log_p[2] = {NULL, NULL};
    float surprisal[SCORED];
    assert_true(V >= LEAST_SYMBOLS);
    plain.distributions = NULL;
    must(ops->run_new(m, &run));
    for (size_t i = 0; i < 2; i++) {
        must(stg_mem_zeroed(&log_p[i], SCORED * V, sizeof(float)));
        m->ops = i == 0 ? ops : &plain;
        must(stg_model_distributions(m, run, &walk, 1, &log_p[i]));
    }
    m->ops = ops;
    for (size_t i = 0; i < SCORED * V; i++) {
        if (fabs((double)(log_p[0][i] - log_p[1][i])) > 1e-4) {
            fail_msg("%s: symbol %zu of token %zu: %g in batch, %g step by step", ops->kind, i % V, i / V,
                     (double)log_p[0][i], (double)log_p[1][i]);
        }
    }
    score(m, d, surprisal);
    for (size_t t = 0; t < SCORED; t++) {
        const size_t i = CONTEXT + t;
        const uint32_t symbol =
            i == LENGTH ? STG_TOKEN_END : stg_symbols_find(m->symbols, d->call[i], d->phase[i], d->ret[i]);
        const double above = (double)(surprisal[t] + log_p[0][t * V + symbol]);
        assert_true(m->ops->members == NULL ? fabs(above) < 1e-5 : above > 0);
        double sum = 0;
        for (size_t v = 0; v < V; v++) {
            sum += exp((double)log_p[0][t * V + v]);
        }
        assert_true(fabs(sum - 1) < 1e-4);
    }
    ops->run_free(run);
    stg_mem_free(log_p[0]);
    stg_mem_free(log_p[1]);
}

static void distributions_are_those_of_the_stream(void **state)
{
    struct one_walk *d = *state;
    const struct stg_corpus corpus = one_walk_corpus(d);
    struct stg_recipe recipe;
    struct stg_model_settings s;
    struct stg_model *m = NULL;
    for (size_t k = 0; k < N_KINDS; k++) {
        m = fitted(d, k, 1);
        check_distributions(m, d);
        stg_model_free(m);
        m = ensemble_of(d, k);
        check_distributions(m, d);
        stg_model_free(m);
    }
    stg_recipe_default(&recipe);
    stg_model_settings_default(&s);
    must(stg_model_new(&m, &s, &recipe, &d->vocab)); /* an n-gram, which has only the steps */
    must(m->ops->fit(m, &corpus, NULL, NULL));
    check_distributions(m, d);
    stg_model_free(m);
}

/* Taught by itself, a model has nothing to learn: the distributions stand beside the tokens that they are of, after a
 * context too. */
static void a_model_agrees_with_itself(void **state)
{
    struct one_walk *d = *state;
    const struct stg_walk walk = one_walk_of(d);
    for (size_t k = 0; k < N_KINDS; k++) {
        struct stg_model *m = fitted(d, k, 1);
        struct stg_model_run *run = NULL;
        struct stg_model_loss loss[2];
        float *log_p = NULL;
        must(stg_mem_zeroed(&log_p, SCORED * stg_symbols_count(m->symbols), sizeof *log_p));
        must(m->ops->run_new(m, &run));
        must(stg_model_distributions(m, run, &walk, 1, &log_p));
        const struct stg_model_soft soft = {.log_p = &log_p, .weight = 0.25, .temperature = 3};
        must(m->ops->gradient->pass(m, &walk, 1, 0, &soft, 0, false, NULL, &loss[0]));
        must(m->ops->gradient->pass(m, &walk, 1, 0, NULL, 0, false, NULL, &loss[1]));
        assert_true(fabs(loss[0].objective - 0.75 * loss[1].objective) < 1e-3); /* the events have the rest */
        assert_true(fabs(loss[0].loss - loss[1].loss) < 1e-5 * loss[1].loss);
        assert_int_equal(loss[0].n_tokens, SCORED);
        m->ops->run_free(run);
        stg_mem_free(log_p);
        stg_model_free(m);
    }
}

/* A model that is given symbols predicts those, whatever the data it is fitted on. */
static void given_symbols_are_kept(void **state)
{
    struct one_walk *d = *state;
    const struct stg_corpus none = {.context = d, .get = one_walk_get};
    struct stg_model *first = fitted(d, 0, 1);
    struct stg_model_settings s = settings_of(2);
    struct stg_model *m = NULL;
    s.symbols = first->symbols;
    must(stg_model_new(&m, &s, &first->recipe, &first->vocab));
    must(m->ops->fit(m, &none, NULL, NULL));
    assert_int_equal(stg_symbols_count(m->symbols), stg_symbols_count(first->symbols));
    for (size_t i = 0; i < LENGTH; i++) {
        const uint32_t id = stg_symbols_find(first->symbols, d->call[i], d->phase[i], d->ret[i]);
        assert_true(id >= STG_TOKEN_SPECIALS);
        assert_int_equal(stg_symbols_find(m->symbols, d->call[i], d->phase[i], d->ret[i]), id);
    }
    stg_model_free(m);
    stg_model_free(first);
}

/* What an ensemble says is the mean of what its members say, and they differ. */
static void an_ensemble_is_the_mean_of_its_members(void **state)
{
    struct one_walk *d = *state;
    for (size_t k = 0; k < N_KINDS; k++) {
        float mean[SCORED] = {0};
        float one[SCORED];
        for (size_t i = 0; i < 3; i++) {
            struct stg_model *m = fitted(d, k, i + 1);
            score(m, d, one);
            stg_model_free(m);
            for (size_t t = 0; t < SCORED; t++) {
                mean[t] += one[t] / 3.0f;
            }
        }
        assert_true(fabs((double)(mean[5] - one[5])) > 1e-3);
        struct stg_model *m = ensemble_of(d, k);
        score(m, d, one);
        for (size_t t = 0; t < SCORED; t++) {
            assert_true(fabs((double)(mean[t] - one[t])) < 1e-5);
        }
        stg_model_free(m);
    }
}

static json_int_t parameters_of(const struct stg_model *m)
{
    json_t *facts = m->ops->describe(m);
    const json_int_t n = json_integer_value(json_object_get(facts, "parameters"));
    json_decref(facts);
    return n;
}

/* … and has the parameters of all of them. */
static void an_ensemble_is_as_large_as_its_members(void **state)
{
    struct stg_model *one = fitted(*state, 0, 1);
    struct stg_model *m = ensemble_of(*state, 0);
    assert_true(parameters_of(one) > 0);
    assert_int_equal(parameters_of(m), 3 * parameters_of(one));
    stg_model_free(m);
    stg_model_free(one);
}

/* … and what it predicts is the mean of what they predict, more by the same for every symbol. */
static void an_ensemble_predicts_the_mean_of_its_members(void **state)
{
    struct one_walk *d = *state;
    const struct stg_walk walk = one_walk_of(d);
    struct stg_model *m[4] = {fitted(d, 0, 1), fitted(d, 0, 2), fitted(d, 0, 3), ensemble_of(d, 0)};
    const size_t V = stg_symbols_count(m[0]->symbols);
    float *log_p[4] = {NULL};
    for (size_t k = 0; k < 4; k++) {
        struct stg_model_run *run = NULL;
        must(m[k]->ops->run_new(m[k], &run));
        must(stg_mem_zeroed(&log_p[k], SCORED * V, sizeof(float)));
        must(stg_model_distributions(m[k], run, &walk, 1, &log_p[k]));
        m[k]->ops->run_free(run);
        stg_model_free(m[k]);
    }
    for (size_t t = 0; t < SCORED; t++) {
        double first = 0;
        for (size_t v = 0; v < V; v++) {
            const size_t i = t * V + v;
            const double above =
                (double)log_p[3][i] - ((double)log_p[0][i] + (double)log_p[1][i] + (double)log_p[2][i]) / 3;
            first = v == 0 ? above : first;
            assert_true(above > 0 && fabs(above - first) < 1e-4);
        }
    }
    for (size_t k = 0; k < 4; k++) {
        stg_mem_free(log_p[k]);
    }
}

static double deviation_of_three(double a, double b, double c)
{
    const double mean = (a + b + c) / 3;
    return sqrt(((a - mean) * (a - mean) + (b - mean) * (b - mean) + (c - mean) * (c - mean)) / 3);
}

/* The same in batch and step by step, and what the members say by themselves. */
static void members_disagree(void **state)
{
    struct one_walk *d = *state;
    const struct stg_corpus corpus = one_walk_corpus(d);
    struct stg_seq seq;
    one_walk_get(d, 0, &seq);
    for (size_t k = 0; k < N_KINDS; k++) {
        struct stg_model *m = ensemble_of(d, k);
        struct stg_explanation x;
        struct stg_score score;
        float one[3][LENGTH];
        double mean[3];
        must(stg_score_corpus(m, &corpus, NULL, NULL, &score));
        must(stg_explain(&x, m, &seq, &d->vocab, 0));
        assert_int_equal(x.n, LENGTH + 1);
        for (size_t i = 0; i < 3; i++) {
            struct stg_model *member = fitted(d, k, i + 1);
            struct stg_score alone;
            double end;
            must(stg_score_corpus(member, &corpus, NULL, NULL, &alone));
            must(stg_score_events(member, &seq, one[i], &end));
            assert_true(isnan(alone.disagreement));
            mean[i] = (double)alone.value[STG_AGGREGATE_MEAN];
            stg_model_free(member);
        }
        const double of_sequence = deviation_of_three(mean[0], mean[1], mean[2]);
        assert_true(of_sequence > 1e-3);
        assert_true(fabs(score.disagreement - of_sequence) < 1e-5);
        assert_true(fabs(x.score.disagreement - of_sequence) < 1e-4);
        for (size_t i = 0; i < LENGTH; i++) {
            const double of_event = deviation_of_three((double)one[0][i], (double)one[1][i], (double)one[2][i]);
            assert_true(fabs((double)x.events[i].disagreement - of_event) < 1e-4);
        }
        stg_explanation_fini(&x);
        stg_model_free(m);
    }
}

static void equal_members_agree(void **state)
{
    struct one_walk *d = *state;
    const struct stg_corpus corpus = one_walk_corpus(d);
    struct stg_model *members[2] = {fitted(d, 0, 5), fitted(d, 0, 5)};
    struct stg_model *m = NULL;
    struct stg_score score;
    must(stg_ensemble_new(&m, members, 2));
    must(stg_score_corpus(m, &corpus, NULL, NULL, &score));
    assert_true(fabs(score.disagreement) == 0);
    stg_model_free(m);
}

static void the_future_changes_nothing_before_it(void **state)
{
    struct one_walk *d = *state;
    enum { CUT = 30 };
    for (size_t k = 0; k < N_KINDS; k++) {
        struct one_walk changed = *d;
        struct stg_model *m = fitted(d, k, 1);
        float before[SCORED];
        float after[SCORED];
        for (size_t i = CUT; i < LENGTH; i++) {
            changed.call[i] = changed.call[i] == STG_TOKEN_SPECIALS ? STG_TOKEN_SPECIALS + 1 : STG_TOKEN_SPECIALS;
            changed.elapsed_ns[i] += 999;
        }
        score(m, d, before);
        score(m, &changed, after);
        assert_memory_equal(before, after, (CUT - CONTEXT) * sizeof *before);
        assert_true(before[CUT - CONTEXT] != after[CUT - CONTEXT]);
        stg_model_free(m);
    }
}

/* In bf16 and back; scores move, by less than the nets' tolerance, and come back to the bit. */
static void precision_can_be_chosen(void **state)
{
    struct one_walk *d = *state;
    for (size_t k = 0; k < 2 * N_KINDS; k++) {
        struct stg_model *m = k < N_KINDS ? fitted(d, k, 1) : ensemble_of(d, k - N_KINDS);
        float before[SCORED];
        float rounded[SCORED];
        float after[SCORED];
        double worst = 0;
        score(m, d, before);
        must(stg_model_set_precision(m, STG_PRECISION_BF16));
        score(m, d, rounded);
        must(stg_model_set_precision(m, STG_PRECISION_F32));
        score(m, d, after);
        for (size_t t = 0; t < SCORED; t++) {
            worst = fmax(worst, fabs((double)(rounded[t] - before[t])));
        }
        assert_true(worst > 0 && worst < STG_NET_BF16_TOLERANCE);
        assert_memory_equal(before, after, sizeof before);
        stg_model_free(m);
    }
}

static void a_saved_model_is_the_same(void **state)
{
    struct one_walk *d = *state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/strange-neural-%ld", (long)getpid());
    for (size_t k = 0; k < 2 * N_KINDS; k++) { /* each alone, then as an ensemble */
        struct stg_model *m = k < N_KINDS ? fitted(d, k, 1) : ensemble_of(d, k - N_KINDS);
        struct stg_model *loaded = NULL;
        float before[SCORED];
        float after[SCORED];
        must(stg_model_save(m, path));
        must(stg_model_open(&loaded, path));
        score(m, d, before);
        score(loaded, d, after);
        assert_memory_equal(before, after, sizeof before);
        assert_string_equal(loaded->ops->kind, k < N_KINDS ? kinds[k].kind : "ensemble");
        assert_int_equal(loaded->max_walk, m->max_walk);
        json_t *a = m->ops->describe(m);
        json_t *b = loaded->ops->describe(loaded);
        assert_true(json_equal(a, b));
        json_decref(a);
        json_decref(b);
        stg_model_free(m);
        stg_model_free(loaded);
    }
    unlink(path);
}

static void impossible_settings_are_refused(void **state)
{
    struct one_walk *d = *state;
    struct stg_recipe recipe;
    stg_recipe_default(&recipe);
    for (int i = 0; i < 8; i++) {
        struct stg_model *m = NULL;
        struct stg_model_settings s = settings_of(4);
        s.layers = i >= 6 ? 16 : s.layers; /* as many as a net may have */
        s.dilation = i >= 6 ? NULL : s.dilation;
        s.window = i == 0 ? "8,4,2" : i == 1 ? "0" : i == 2 ? "8,x" : s.window;
        s.dilation = i == 3 ? "" : s.dilation;
        s.norm = i == 4 ? "sometimes" : s.norm;
        s.activation = i == 5 ? "sine" : s.activation;
        s.window = i == 6 ? "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17" : s.window;
        s.window = i == 7 ? "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,x" : s.window;
        assert_int_equal(stg_model_new(&m, &s, &recipe, &d->vocab), STG_ERR_USAGE);
        assert_null(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_and_batches_agree),
        cmocka_unit_test(distributions_are_those_of_the_stream),
        cmocka_unit_test(a_model_agrees_with_itself),
        cmocka_unit_test(given_symbols_are_kept),
        cmocka_unit_test(an_ensemble_is_the_mean_of_its_members),
        cmocka_unit_test(an_ensemble_is_as_large_as_its_members),
        cmocka_unit_test(an_ensemble_predicts_the_mean_of_its_members),
        cmocka_unit_test(members_disagree),
        cmocka_unit_test(equal_members_agree),
        cmocka_unit_test(the_future_changes_nothing_before_it),
        cmocka_unit_test(precision_can_be_chosen),
        cmocka_unit_test(a_saved_model_is_the_same),
        cmocka_unit_test(impossible_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, one_walk_teardown);
}
