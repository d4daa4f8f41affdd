/* Channels: symbols of sizes, times and descriptors, side models, and what is made of their surprisals. */
#include "score/channels.h"

#include "detect/calibrate.h"
#include "explain/explain.h"
#include "fake_model.h"
#include "must.h"
#include "report/words.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_SEQUENCES = 400, N_EVENTS = 12, READ = STG_TOKEN_SPECIALS, CLONE };

struct fixture {
    struct stg_vocab vocab;
    struct stg_recipe recipe;
    struct fake_seq *seqs;
    struct stg_corpus corpus;
    struct stg_model *model;
};

/* Two threads that read by turns, each 1 to 2 us after its event before; the first, which the cut followed, from
 * descriptors 3 to 6. */
static void fill(struct fake_seq *s, uint64_t id, struct stg_rng *rng)
{
    *s = (struct fake_seq){.id = id,
                           .n = N_EVENTS,
                           .n_threads = 2,
                           .tid = {7, 8},
                           .pid = {7, 7},
                           .proc = {STG_TOKEN_UNKNOWN, STG_TOKEN_UNKNOWN}};
    const int64_t descriptor = 3 + (int64_t)stg_rng_below(rng, 4);
    int64_t now = 0;
    for (size_t i = 0; i < N_EVENTS; i++) {
        now += 500 + (int64_t)stg_rng_below(rng, 500);
        s->time_ns[i] = now;
        s->call[i] = READ;
        s->thread[i] = (uint16_t)(i % 2);
        s->phase[i] = i / 2 % 2 == 0 ? STG_PHASE_ENTRY : STG_PHASE_EXIT;
        s->ret[i] = s->phase[i] == STG_PHASE_EXIT ? 100 + (int64_t)stg_rng_below(rng, 20)
                    : i % 2 == 0                  ? descriptor
                                                  : 40;
    }
}

static int setup(void **state)
{
    static struct fixture f;
    struct stg_rng rng;
    uint16_t id;
    f = (struct fixture){0};
    must(stg_vocab_init(&f.vocab));
    must(stg_vocab_call(&f.vocab, "read", &id));
    must(stg_vocab_call(&f.vocab, "clone", &id));
    stg_recipe_default(&f.recipe);
    f.recipe.order = STG_ORDER_THREAD;
    f.seqs = calloc(N_SEQUENCES, sizeof *f.seqs);
    stg_rng_seed(&rng, 3);
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        fill(&f.seqs[i], i, &rng);
    }
    f.corpus = (struct stg_corpus){.n = N_SEQUENCES, .context = f.seqs, .get = fake_corpus_get};
    struct stg_model_settings s;
    stg_model_settings_default(&s);
    s.kind = "ngram";
    must(stg_model_new(&f.model, &s, &f.recipe, &f.vocab));
    must(f.model->ops->fit(f.model, &f.corpus, NULL, NULL));
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stg_model_free(f->model);
    stg_vocab_fini(&f->vocab);
    free(f->seqs);
    return 0;
}

/* What a table of those fields makes of the walk of the followed thread, or of the other one. */
static void map(const struct fixture *f, const struct stg_symbols *s, const struct fake_seq *seq, size_t walk,
                uint32_t *out)
{
    struct stg_walker *walker = NULL;
    struct stg_walk w;
    struct stg_seq view;
    size_t n;
    fake_seq_get(seq, &view);
    must(stg_walker_new(&walker, STG_WALK_ELAPSED));
    must(stg_walker_begin(walker, &view, f->recipe.order, 0, &n));
    stg_walker_get(walker, walk, &w);
    assert_int_equal(w.own, walk == 0);
    assert_int_equal(w.n, N_EVENTS / 2);
    stg_symbols_map(s, &w, out);
    stg_walker_free(walker);
}

static void test_sizes(void **state)
{
    struct fixture *f = *state;
    struct stg_symbols *s = NULL;
    char text[64];
    must(stg_symbols_new(&s, STG_FIELD_CALL | STG_FIELD_PHASE | STG_FIELD_RET | STG_FIELD_SIZE));
    must(stg_symbols_bind(s, &f->vocab));
    must(stg_symbols_fit(s, &f->corpus));
    const uint32_t some = stg_symbols_find(s, READ, STG_PHASE_EXIT, 100); /* the fixture's are 100 … 119 */
    assert_int_not_equal(some, STG_TOKEN_UNKNOWN);
    assert_int_equal(stg_symbols_find(s, READ, STG_PHASE_EXIT, 103), some);
    assert_int_equal(stg_symbols_find(s, READ, STG_PHASE_EXIT, 95), STG_TOKEN_UNKNOWN);
    assert_int_equal(stg_symbols_find(s, READ, STG_PHASE_EXIT, 120), STG_TOKEN_UNKNOWN);
    assert_int_equal(stg_symbols_find(s, READ, STG_PHASE_EXIT, 0), STG_TOKEN_UNKNOWN);
    assert_int_equal(stg_symbols_find(s, READ, STG_PHASE_EXIT, -EAGAIN), STG_TOKEN_UNKNOWN);
    /* The descriptor of an entry is no size. */
    assert_int_equal(stg_symbols_find(s, READ, STG_PHASE_ENTRY, 3), stg_symbols_find(s, READ, STG_PHASE_ENTRY, 1000));
    stg_symbols_describe(s, &f->vocab, some, text, sizeof text);
    assert_string_equal(text, "read exit 96-103");
    stg_symbols_free(s);
    /* What clone returns is a thread, not a count. */
    f->seqs[0].call[2] = CLONE;
    must(stg_symbols_new(&s, STG_FIELD_CALL | STG_FIELD_PHASE | STG_FIELD_RET | STG_FIELD_SIZE));
    must(stg_symbols_bind(s, &f->vocab));
    must(stg_symbols_fit(s, &f->corpus));
    assert_int_not_equal(stg_symbols_find(s, CLONE, STG_PHASE_EXIT, 5), STG_TOKEN_UNKNOWN);
    assert_int_equal(stg_symbols_find(s, CLONE, STG_PHASE_EXIT, 5), stg_symbols_find(s, CLONE, STG_PHASE_EXIT, 70000));
    stg_symbols_free(s);
}

/* Every size lies in the class that its symbol is described by: those below 16 alone, larger ones with less than an
 * eighth more. */
static void test_size_classes(void **state)
{
    struct fixture *f = *state;
    const int64_t sizes[] = {1, 2, 3, 7, 8, 15, 16, 17, 89, 111, 709, 735, 4096, INT64_C(1) << 40, INT64_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct stg_symbols *s = NULL;
        char text[64];
        unsigned long long least, most;
        f->seqs[0].call[2] = READ;
        f->seqs[0].phase[2] = STG_PHASE_EXIT;
        f->seqs[0].ret[2] = sizes[i];
        must(stg_symbols_new(&s, STG_FIELD_CALL | STG_FIELD_PHASE | STG_FIELD_RET | STG_FIELD_SIZE));
        must(stg_symbols_bind(s, &f->vocab));
        must(stg_symbols_fit(s, &f->corpus));
        const uint32_t id = stg_symbols_find(s, READ, STG_PHASE_EXIT, sizes[i]);
        assert_int_not_equal(id, STG_TOKEN_UNKNOWN);
        stg_symbols_describe(s, &f->vocab, id, text, sizeof text);
        const int n = sscanf(text, "read exit %llu-%llu", &least, &most);
        assert_true(n == 2 || (n == 1 && sizes[i] < 16));
        most = n == 2 ? most : least;
        assert_true(least <= (unsigned long long)sizes[i] && (unsigned long long)sizes[i] <= most);
        assert_true(most - least <= least / 8);
        stg_symbols_free(s);
    }
}

static void test_times(void **state)
{
    struct fixture *f = *state;
    struct stg_symbols *s = NULL;
    uint32_t out[N_EVENTS];
    char text[64];
    must(stg_symbols_new(&s, STG_FIELD_ELAPSED));
    must(stg_symbols_fit(s, &f->corpus));
    assert_int_equal(stg_symbols_count(s), STG_TOKEN_SPECIALS + 64); /* whatever occurred */
    struct fake_seq seq = f->seqs[0];
    const int64_t times[] = {0, 1, 3, 1027, INT64_C(1) << 40, INT64_C(1) << 40}; /* of the first thread's events */
    for (size_t i = 0; i < N_EVENTS; i++) {
        seq.time_ns[i] = times[i / 2];
    }
    map(f, s, &seq, 0, out);
    const uint32_t zero = STG_TOKEN_SPECIALS; /* then 1, 2–3, 4–7 … */
    assert_int_equal(out[0], zero);
    assert_int_equal(out[1], zero + 1);
    assert_int_equal(out[2], zero + 2);
    assert_int_equal(out[3], zero + 11); /* 1024 */
    assert_int_equal(out[4], zero + 40); /* 2^40 − 1027 */
    assert_int_equal(out[5], zero);
    stg_symbols_describe(s, &f->vocab, zero + 11, text, sizeof text);
    assert_string_equal(text, "1.02 us");
    stg_symbols_free(s);
}

static void test_descriptors(void **state)
{
    struct fixture *f = *state;
    struct stg_symbols *s = NULL;
    uint32_t out[N_EVENTS];
    char text[64];
    must(stg_symbols_new(&s, STG_FIELD_DESCRIPTOR));
    must(stg_symbols_fit(s, &f->corpus));
    assert_int_equal(stg_symbols_count(s), STG_TOKEN_SPECIALS + 1); /* 3 to 6, and 40 of the other thread: one class */
    struct fake_seq seq = f->seqs[0];
    seq.ret[0] = 5;
    seq.ret[4] = 99;
    seq.ret[8] = STG_RET_ABSENT;
    map(f, s, &seq, 0, out);
    stg_symbols_describe(s, &f->vocab, out[0], text, sizeof text);
    assert_string_equal(text, "descriptor 3 to 63");
    assert_int_equal(out[1], STG_TOKEN_MASK); /* an exit */
    assert_int_equal(out[2], STG_TOKEN_UNKNOWN);
    assert_int_equal(out[4], STG_TOKEN_MASK); /* an entry without */
    map(f, s, &seq, 1, out);
    for (size_t i = 0; i < N_EVENTS / 2; i++) {
        assert_int_equal(out[i], STG_TOKEN_MASK); /* another thread's */
    }
    stg_symbols_free(s);
}

/* Side models are made where the data has what they look at. */
static void test_sides_need_data(void **state)
{
    struct fixture *f = *state;
    must(stg_model_fit_sides(f->model, &f->corpus, NULL, NULL));
    assert_non_null(f->model->side[STG_SIDE_TIME]);
    assert_non_null(f->model->side[STG_SIDE_STATE]);
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        for (size_t k = 0; k < N_EVENTS; k++) {
            f->seqs[i].ret[k] = f->seqs[i].phase[k] == STG_PHASE_ENTRY ? STG_RET_ABSENT : f->seqs[i].ret[k];
        }
    }
    must(stg_model_fit_sides(f->model, &f->corpus, NULL, NULL));
    assert_non_null(f->model->side[STG_SIDE_TIME]);
    assert_null(f->model->side[STG_SIDE_STATE]);
    f->model->recipe.order = STG_ORDER_TIME;
    must(stg_model_fit_sides(f->model, &f->corpus, NULL, NULL));
    assert_null(f->model->side[STG_SIDE_TIME]);
    f->model->recipe.order = STG_ORDER_THREAD;
}

static struct stg_score *calibrated(struct fixture *f)
{
    struct stg_score *scores = calloc(N_SEQUENCES, sizeof *scores);
    must(stg_model_fit_sides(f->model, &f->corpus, NULL, NULL));
    must(stg_score_corpus(f->model, &f->corpus, NULL, NULL, scores));
    assert_false(stg_aggregate_has(f->model, STG_AGGREGATE_NOVELTY));
    must(stg_calibrate(f->model, scores, N_SEQUENCES));
    assert_true(stg_aggregate_has(f->model, STG_AGGREGATE_NOVELTY));
    must(stg_score_corpus(f->model, &f->corpus, NULL, NULL, scores));
    return scores;
}

static double p_value(const struct fixture *f, const struct fake_seq *seq, struct stg_score *out)
{
    struct stg_seq view;
    fake_seq_get(seq, &view);
    must(stg_score_sequence(f->model, &view, out));
    return stg_p_value(f->model, STG_AGGREGATE_NOVELTY, (double)out->value[STG_AGGREGATE_NOVELTY]);
}

/* The event with the highest surprisal of a side model, which is named as the reason. */
static uint32_t blamed(const struct fixture *f, const struct fake_seq *seq, enum stg_side side, const char *reason)
{
    struct stg_explanation x;
    struct stg_seq view;
    char text[512];
    size_t worst = 0;
    fake_seq_get(seq, &view);
    must(stg_explain(&x, f->model, &view, &f->vocab, 2));
    for (size_t i = 0; i < x.n; i++) {
        worst = x.events[i].side[side] > x.events[worst].side[side] ? i : worst;
    }
    const uint32_t index = x.events[worst].index;
    assert_true(words_side(f->model, &x, side, text));
    if (strstr(text, reason) == NULL) {
        fail_msg("no '%s' in '%s'", reason, text);
    }
    assert_false(words_side(f->model, &x, side == STG_SIDE_TIME ? STG_SIDE_STATE : STG_SIDE_TIME, text));
    stg_explanation_fini(&x);
    return index;
}

/* Descriptors that are all usual are unusual by their number; a negative one is the working directory. */
static void test_words_of_descriptors(void **state)
{
    struct fixture *f = *state;
    struct stg_explained_event events[4] = {{.ret = 3}, {.ret = -100}, {.ret = 4}, {.ret = 2}};
    struct stg_explanation x = {.n = 4, .events = events};
    char text[512];
    must(stg_model_fit_sides(f->model, &f->corpus, NULL, NULL));
    for (size_t i = 0; i < 4; i++) {
        events[i].call = STG_TOKEN_SPECIALS;
        events[i].phase = STG_PHASE_ENTRY;
        events[i].side[STG_SIDE_STATE] = i == 2 ? 0 : 1; /* that has none */
    }
    x.names = &f->vocab;
    x.score.z[STG_CHANNEL_STATE] = 1.9f;
    assert_false(words_side(f->model, &x, STG_SIDE_STATE, text));
    x.score.z[STG_CHANNEL_STATE] = 2;
    assert_true(words_side(f->model, &x, STG_SIDE_STATE, text));
    assert_string_equal(
        text, "used 3 times on its thread, more than in known sequences of its length; none of them is unusual");
    float usual[STG_MODEL_CHANNEL_COLUMNS] = {[0] = 100, [13] = 1 + logf(50)};
    f->model->channels = usual;
    f->model->n_channel_bins = 1;
    x.score.workers = 5;
    assert_false(words_side(f->model, &x, STG_SIDE_STATE, text)); /* fewer threads share the work: that is why */
    f->model->channels = NULL;
    f->model->n_channel_bins = 0;
    events[1].side[STG_SIDE_STATE] = 4;
    assert_true(words_side(f->model, &x, STG_SIDE_STATE, text));
    assert_non_null(strstr(text, "the working directory in → read at"));
    assert_null(strstr(text, "descriptor 3"));
    events[3].side[STG_SIDE_STATE] = 2.5f;
    assert_true(words_side(f->model, &x, STG_SIDE_STATE, text));
    assert_non_null(strstr(text, "; descriptor 2 in → read at"));
}

/* Each kind of change is found, and by its own channel. */
static void test_the_right_channel_speaks(void **state)
{
    struct fixture *f = *state;
    struct stg_score score;
    free(calibrated(f));
    struct fake_seq seq = f->seqs[5];
    assert_true(p_value(f, &seq, &score) > 0.01);
    for (size_t i = 6; i < N_EVENTS; i++) {
        seq.time_ns[i] += 50000000;
    }
    assert_true(p_value(f, &seq, &score) <= 0.01);
    assert_string_equal(stg_channel_loudest(f->model, &score), "time");
    assert_in_range(blamed(f, &seq, STG_SIDE_TIME, "50.00"), 6, 7); /* each thread's first one after it */
    seq = f->seqs[5];
    seq.ret[0] = seq.ret[4] = seq.ret[8] = 77;
    assert_true(p_value(f, &seq, &score) <= 0.01);
    assert_string_equal(stg_channel_loudest(f->model, &score), "state");
    assert_int_equal(blamed(f, &seq, STG_SIDE_STATE, "descriptor 77 in → read"), 0);
    seq = f->seqs[5];
    seq.ret[6] = 1 << 20; /* an exit of the first thread */
    assert_true(p_value(f, &seq, &score) <= 0.01);
    assert_string_equal(stg_channel_loudest(f->model, &score), "content");
}

/* The reason that is given is what brings most to the novelty, in which times count half. */
static void test_the_reason(void **state)
{
    struct fixture *f = *state;
    struct stg_score score = {.z = {[STG_CHANNEL_CONTENT] = 4, [STG_CHANNEL_TIME] = 7, [STG_CHANNEL_STATE] = -1}};
    free(calibrated(f));
    assert_string_equal(stg_channel_loudest(f->model, &score), "content");
    score.z[STG_CHANNEL_TIME] = 9;
    assert_string_equal(stg_channel_loudest(f->model, &score), "time");
}

/* Novelty is what the header says. */
static void test_novelty_by_hand(void **state)
{
    struct stg_model side = {0}, m = {.side = {&side, NULL}, .recipe = {.order = STG_ORDER_THREAD}};
    struct stg_score scores[200], s;
    (void)state;
    for (size_t i = 0; i < 200;
         i++) { /* short ones: 0 … 99 in steps of 0.01, 0.02 for time; long ones ten times that */
        const size_t step = i / 2;
        const float x = (float)step / 100;
        scores[i] = (struct stg_score){.n_events = i % 2 == 0 ? 10 : 90, .n_tokens = 1};
        scores[i].value[STG_AGGREGATE_RMS] = i % 2 == 0 ? x : 10 * x;
        scores[i].value[STG_AGGREGATE_TIME] = 2 * x;
    }
    must(stg_channels_fit(&m, scores, (const size_t[]){0, 200}, 1));
    assert_int_equal(m.n_channel_bins, 2);
    s = (struct stg_score){
        .n_events = 10, .n_tokens = 1, .value = {[STG_AGGREGATE_RMS] = 2.0f, [STG_AGGREGATE_TIME] = 0.1f}};
    stg_channels_judge(&m, &s);
    const double spread =
        (0.89 - 0.5) / 1.2816; /* the 0.9 quantile of 100 is the 90th, and further out the distance is smaller */
    assert_true(fabs((double)s.z[STG_CHANNEL_CONTENT] - 1.5 / spread) < 1e-3);
    assert_true(s.z[STG_CHANNEL_TIME] < 0);
    assert_true(s.z[STG_CHANNEL_STATE] >= 0 && s.z[STG_CHANNEL_STATE] <= 0);
    assert_true(fabs((double)s.value[STG_AGGREGATE_NOVELTY] - log(1 + 1.5 / spread)) < 1e-4);
    s.value[STG_AGGREGATE_TIME] = 3;
    s.value[STG_AGGREGATE_PACE] = 0.08f; /* always 0 among the known, so that its spread is the least */
    int64_t fast = 0;
    m.pace.fast = &fast;
    stg_channels_judge(&m, &s);
    assert_true(fabs((double)s.value[STG_AGGREGATE_NOVELTY] -
                     log(1 + 1.5 / spread + 0.5 * (3 - 1.0) / (2 * spread) + 0.25 * 8)) < 1e-3);
    m.pace.fast = NULL;
    s.n_events = 1000; /* longer than all: judged with the longest */
    stg_channels_judge(&m, &s);
    assert_true(s.z[STG_CHANNEL_CONTENT] <= 0);
    /* Equal lengths stay together; too few leave the model without. */
    for (size_t i = 0; i < 200; i++) {
        scores[i].n_events = 10;
    }
    must(stg_channels_fit(&m, scores, (const size_t[]){0, 200}, 1));
    assert_int_equal(m.n_channel_bins, 1);
    scores[3].value[STG_AGGREGATE_TIME] = INFINITY; /* is left out */
    must(stg_channels_fit(&m, scores, (const size_t[]){0, STG_CHANNELS_LEAST}, 1));
    assert_int_equal(m.n_channel_bins, 0);
    /* Calls alone have a channel, too. */
    m.side[0] = NULL;
    must(stg_channels_fit(&m, scores, (const size_t[]){0, 200}, 1));
    assert_int_equal(m.n_channel_bins, 1);
    s = (struct stg_score){
        .n_events = 10, .n_tokens = 1, .value = {[STG_AGGREGATE_MEAN] = 9, [STG_AGGREGATE_RMS] = 20}};
    stg_channels_judge(&m, &s);
    assert_true(fabsf(s.z[STG_CHANNEL_CONTENT] - (20 - m.channels[1]) / m.channels[2]) < 1e-4f);
    m.recipe.order = STG_ORDER_TIME; /* the paper's */
    must(stg_channels_fit(&m, scores, (const size_t[]){0, 200}, 1));
    assert_int_equal(m.n_channel_bins, 0);
    s.value[STG_AGGREGATE_MEAN] = 3;
    stg_channels_judge(&m, &s);
    assert_true(fabs((double)s.value[STG_AGGREGATE_NOVELTY] - 3) < 1e-6);
}

/* What differs from run to run tells little of a sequence. */
static void test_runs_that_differ(void **state)
{
    enum { RUNS = 4, OF_EACH = 100, FEW = 3 };
    struct stg_model side = {0}, m = {.side = {&side, NULL}, .recipe = {.order = STG_ORDER_THREAD}};
    static struct stg_score scores[RUNS * OF_EACH + FEW];
    static const size_t runs[] = {0,           OF_EACH,     OF_EACH,          2 * OF_EACH,
                                  3 * OF_EACH, 4 * OF_EACH, 4 * OF_EACH + FEW}; /* one without a sequence */
    const size_t n = runs[RUNS + 2], rms = 1, time = 3, descriptors = 5; /* columns of a row: median, then spread */
    (void)state;
    for (size_t i = 0; i < n; i++) {
        const size_t run = i / OF_EACH;
        scores[i] = (struct stg_score){.n_events = 10, .n_tokens = 1};
        scores[i].value[STG_AGGREGATE_RMS] =
            (float)(i % OF_EACH) / 100 + (float)run; /* each run one above the one before */
        scores[i].value[STG_AGGREGATE_STATE] = scores[i].value[STG_AGGREGATE_RMS];
        scores[i].value[STG_AGGREGATE_TIME] = (float)(i % OF_EACH >= 97 ? run : 0); /* … above its .98 quantile */
    }
    must(stg_channels_fit(&m, scores, (const size_t[]){0, n}, 1));
    const double within_rms = (double)m.channels[rms + 1], within_time = (double)m.channels[time + 1];
    must(stg_channels_fit(&m, scores, runs, RUNS + 2)); /* the last is too short for a quantile */
    assert_int_equal(m.n_channel_bins, 1);
    const double of_four = (2 + 4.0 / 3) * sqrt(5.0 / 3); /* 0, 1, 2, 3: the squares about 1.5 are 5 */
    assert_true(fabs((double)m.channels[rms + 1] - hypot(within_rms, of_four)) < 1e-4);
    assert_true(fabs((double)m.channels[time + 1] - hypot(within_time, of_four)) < 1e-4);
    assert_true(fabs((double)m.channels[descriptors + 1] - 1.5 * (double)m.channels[rms + 1]) < 1e-4);
    for (size_t i = 0; i < OF_EACH; i++) {
        scores[i].value[STG_AGGREGATE_STATE] = 7; /* always the same */
    }
    must(stg_channels_fit(&m, scores, runs, 1));
    assert_true(fabs((double)m.channels[descriptors + 1] - 1.5 * 0.3) < 1e-4);
    must(stg_channels_fit(&m, scores, (const size_t[]){0, 2 * OF_EACH}, 1));
    const double within_two = (double)m.channels[rms + 1];
    must(stg_channels_fit(&m, scores, runs, 3)); /* fewer tell less: 0 and 1 */
    assert_true(fabs((double)m.channels[rms + 1] - hypot(within_two, 6 * sqrt(0.5))) < 1e-4);
    stg_mem_free(m.channels);
}

/* The few that are much longer than the others do not say what is usual of these. */
static void test_bins_by_length(void **state)
{
    struct stg_model side = {0}, m = {.side = {&side, NULL}, .recipe = {.order = STG_ORDER_THREAD}};
    static struct stg_score scores[1000];
    static const struct {
        size_t end;
        uint32_t length;
    } parts[] = {{600, 100}, {800, 140}, {880, 1000}, {980, 9000}, {1000, 20000}};
    (void)state;
    for (size_t i = 0, part = 0; i < 1000; i++) {
        part += i == parts[part].end;
        scores[i] = (struct stg_score){.n_events = parts[part].length, .n_tokens = 1};
    }
    must(stg_channels_fit(&m, scores, (const size_t[]){0, 1000}, 1));
    static const float longest[] = {100, 140, 20000}; /* eighty are too few for a bin of their own, and so are twenty */
    assert_int_equal(m.n_channel_bins, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(fabsf(m.channels[i * STG_MODEL_CHANNEL_COLUMNS] - longest[i]) < 1);
    }
    stg_mem_free(m.channels);
}

/* A few short ones, unlike all others in what they do, too, take nothing from these. */
static void test_bins_without_the_few_short(void **state)
{
    enum { FEW = 11, MANY = 1000 };
    struct stg_model side = {0}, m = {.side = {&side, NULL}, .recipe = {.order = STG_ORDER_THREAD}};
    static struct stg_score scores[MANY];
    struct stg_score s = {.n_events = 342, .n_tokens = 1, .value = {[STG_AGGREGATE_RMS] = 1}};
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        scores[i] = (struct stg_score){.n_events = i < FEW ? 20 : 340 + (uint32_t)i / 20, .n_tokens = 1};
        scores[i].value[STG_AGGREGATE_RMS] = i < FEW ? 9 : 0.5f + 0.001f * (float)(i % 100);
    }
    must(stg_channels_fit(&m, scores, (const size_t[]){0, MANY}, 1));
    stg_channels_judge(&m, &s);
    assert_true(s.z[STG_CHANNEL_CONTENT] > 10);
    /* Of their own length too little is known for certainty. */
    s.n_events = 25;
    s.value[STG_AGGREGATE_RMS] = 9;
    stg_channels_judge(&m, &s);
    assert_true(s.z[STG_CHANNEL_CONTENT] > 0 && s.z[STG_CHANNEL_CONTENT] < 3);
    stg_mem_free(m.channels);
}

/* From the file the same model comes, and none whose parts do not go together. */
static void test_file(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/strange-channels-XXXXXX";
    struct stg_model *loaded = NULL;
    struct stg_score *scores = calibrated(f), *again = calloc(N_SEQUENCES, sizeof *again);
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    must(stg_model_save(f->model, path));
    must(stg_model_open(&loaded, path));
    must(stg_score_corpus(loaded, &f->corpus, NULL, NULL, again));
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        assert_memory_equal(scores[i].value, again[i].value, sizeof scores[i].value);
        assert_memory_equal(scores[i].z, again[i].z, sizeof scores[i].z);
    }
    stg_model_free(loaded);
    loaded = NULL;
    /* The two side models in each other's place. */
    struct stg_model *time = f->model->side[STG_SIDE_TIME];
    f->model->side[STG_SIDE_TIME] = f->model->side[STG_SIDE_STATE];
    f->model->side[STG_SIDE_STATE] = time;
    must(stg_model_save(f->model, path));
    assert_int_equal(stg_model_open(&loaded, path), STG_ERR_INPUT);
    assert_null(loaded);
    f->model->side[STG_SIDE_STATE] = f->model->side[STG_SIDE_TIME];
    f->model->side[STG_SIDE_TIME] = time;
    f->model->channels[2] = 0; /* a spread */
    must(stg_model_save(f->model, path));
    assert_int_equal(stg_model_open(&loaded, path), STG_ERR_INPUT);
    f->model->channels[2] = NAN;
    must(stg_model_save(f->model, path));
    assert_int_equal(stg_model_open(&loaded, path), STG_ERR_INPUT);
    unlink(path);
    free(scores);
    free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_size_classes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sides_need_data, setup, teardown),
        cmocka_unit_test_setup_teardown(test_words_of_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_right_channel_speaks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_reason, setup, teardown),
        cmocka_unit_test(test_novelty_by_hand),
        cmocka_unit_test(test_runs_that_differ),
        cmocka_unit_test(test_bins_by_length),
        cmocka_unit_test(test_bins_without_the_few_short),
        cmocka_unit_test_setup_teardown(test_file, setup, teardown),
    };
    return cmocka_run_group_tests_name("channels", tests, NULL, NULL);
}
