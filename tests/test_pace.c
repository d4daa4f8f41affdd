/* Pace: what is fast in the training data, what is counted of a sequence, and how a model keeps it; load beside it. */
#include "model/pace.h"

#include "fake_model.h"
#include "must.h"
#include "report/words.h"
#include "score/channels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_SEQUENCES = 400, N_EVENTS = 40, READ = STG_TOKEN_SPECIALS, WRITE, RARE, ENOUGH, N_CALLS };

static struct fake_seq seqs[N_SEQUENCES];
static const struct stg_corpus corpus = {.n = N_SEQUENCES, .context = seqs, .get = fake_corpus_get};

/* One thread: entries of read 1,000 to 2,000 ns after the event before, exits 10,000 to 20,000; the last event is one
 * of write. */
static void fill(struct fake_seq *s, uint64_t id, struct stg_rng *rng)
{
    int64_t now = 0;
    *s =
        (struct fake_seq){.id = id, .n = N_EVENTS, .n_threads = 1, .tid = {7}, .pid = {7}, .proc = {STG_TOKEN_UNKNOWN}};
    for (size_t i = 0; i < N_EVENTS; i++) {
        const int64_t scale = i % 2 == 0 ? 1 : 10;
        now += scale * (1000 + (int64_t)stg_rng_below(rng, 1000));
        s->time_ns[i] = now;
        s->call[i] = i + 1 < N_EVENTS ? READ : WRITE;
        s->phase[i] = i % 2 == 0 ? STG_PHASE_ENTRY : STG_PHASE_EXIT;
        s->ret[i] = i % 2 == 0 ? STG_RET_ABSENT : 1;
    }
    s->call[1] = id < STG_PACE_LEAST - 1 ? RARE : READ;                    /* one too few */
    s->call[3] = id >= N_SEQUENCES - STG_PACE_LEAST ? ENOUGH : s->call[3]; /* just as many as it takes */
}

static int setup(void **state)
{
    struct stg_rng rng;
    (void)state;
    stg_rng_seed(&rng, 5);
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        fill(&seqs[i], i, &rng);
    }
    return 0;
}

static int64_t fast(const struct stg_pace *p, uint16_t call, uint8_t phase)
{
    return p->fast[call * STG_PACE_PHASES + phase];
}

static void test_quantiles(void **state)
{
    struct stg_pace p = {0}, threads = {0};
    struct stg_pool *pool = NULL;
    (void)state;
    must(stg_pace_fit(&p, &corpus, N_CALLS, NULL));
    assert_int_equal(p.n_calls, N_CALLS);
    assert_in_range(fast(&p, READ, STG_PHASE_ENTRY), 1030,
                    1070); /* a twentieth of what is spread over 1,000 to 2,000 */
    assert_in_range(fast(&p, READ, STG_PHASE_EXIT), 10300, 10700);
    assert_in_range(fast(&p, WRITE, STG_PHASE_EXIT), 10200, 10800);
    assert_int_equal(fast(&p, WRITE, STG_PHASE_ENTRY), 0);
    assert_int_equal(fast(&p, RARE, STG_PHASE_EXIT), 0);
    assert_true(fast(&p, ENOUGH, STG_PHASE_EXIT) > 0);
    assert_true(stg_pace_is_fast(&p, READ, STG_PHASE_ENTRY, fast(&p, READ, STG_PHASE_ENTRY) - 1));
    assert_false(stg_pace_is_fast(&p, READ, STG_PHASE_ENTRY, fast(&p, READ, STG_PHASE_ENTRY)));
    assert_false(stg_pace_is_fast(&p, N_CALLS, STG_PHASE_ENTRY, 0)); /* a call that came later */
    assert_false(stg_pace_is_fast(&p, READ, STG_PACE_PHASES, 0));
    must(stg_pool_new(&pool, 3));
    must(stg_pace_fit(&threads, &corpus, N_CALLS, pool));
    assert_memory_equal(p.fast, threads.fast, N_CALLS * STG_PACE_PHASES * sizeof *p.fast);
    stg_pool_free(pool);
    stg_pace_fini(&p);
    stg_pace_fini(&threads);
}

/* n pairs of events, `pause` apart, fitted with the calls up to n_calls. */
static void fit_pairs(struct stg_pace *p, const int64_t *pause, size_t n, size_t n_calls)
{
    static struct fake_seq pairs[STG_PACE_LEAST];
    const struct stg_corpus c = {.n = n, .context = pairs, .get = fake_corpus_get};
    for (size_t i = 0; i < n; i++) {
        pairs[i] = (struct fake_seq){.n = 2, .n_threads = 1, .call = {WRITE, READ}, .time_ns = {0, pause[i]}};
    }
    must(stg_pace_fit(p, &c, n_calls, NULL));
}

/* Eighths of an octave, events spread evenly over each. */
static void test_bins(void **state)
{
    struct stg_pace p = {0};
    int64_t pause[STG_PACE_LEAST];
    (void)state;
    for (size_t i = 0; i < STG_PACE_LEAST; i++) {
        pause[i] = 1500;
    }
    fit_pairs(&p, pause, STG_PACE_LEAST, N_CALLS);
    assert_int_equal(fast(&p, READ, 0), 1408 + 128 / 20); /* between 1408 and 1536 */
    assert_int_equal(fast(&p, WRITE, 0), 0);              /* nothing is known of the time before the first event */
    for (size_t i = 0; i < STG_PACE_LEAST; i++) {
        pause[i] = i < STG_PACE_LEAST / 20 ? 1100 : 8300;
    }
    fit_pairs(&p, pause, STG_PACE_LEAST, N_CALLS);
    assert_int_equal(fast(&p, READ, 0),
                     8192); /* a twentieth is below: the quantile is at the edge of the next that came */
    fit_pairs(&p, pause, STG_PACE_LEAST, READ); /* calls that came later are not counted */
    assert_int_equal(p.n_calls, READ);
    stg_pace_fini(&p);
}

static void test_extremes(void **state)
{
    struct stg_pace p = {0};
    static struct fake_seq same[STG_PACE_LEAST];
    const struct stg_corpus few = {.n = STG_PACE_LEAST, .context = same, .get = fake_corpus_get},
                            none = {.get = fake_corpus_get};
    (void)state;
    for (size_t i = 0; i < STG_PACE_LEAST;
         i++) { /* no time passes before the second event, and 2^61 ns before the third */
        same[i] =
            (struct fake_seq){.n = 3, .n_threads = 1, .call = {READ, READ, WRITE}, .time_ns = {0, 0, INT64_C(1) << 61}};
    }
    must(stg_pace_fit(&p, &few, N_CALLS, NULL));
    assert_in_range(fast(&p, READ, 0), 0, 1);
    assert_true(fast(&p, WRITE, 0) >= INT64_C(1) << 61 && fast(&p, WRITE, 0) <= STG_TIME_MAX);
    must(stg_pace_fit(&p, &none, N_CALLS, NULL));
    assert_int_equal(fast(&p, READ, 0), 0);
    stg_pace_fini(&p);
}

static void test_counts(void **state)
{
    int64_t limits[N_CALLS * STG_PACE_PHASES] = {0};
    const struct stg_pace p = {.fast = limits, .n_calls = N_CALLS};
    const uint16_t call[] = {READ, READ, READ, WRITE, READ};
    const uint8_t phase[] = {1, 1, 1, 1, 2};
    const int64_t elapsed[] = {1, 1, 100, 1, 1, 1};
    struct stg_walk w = {.n = 5, .call = call, .phase = phase, .elapsed_ns = elapsed};
    size_t n_fast = 0, n_events = 0;
    (void)state;
    limits[READ * STG_PACE_PHASES + 1] = 100;
    stg_pace_count(&p, &w, &n_fast, &n_events); /* nothing is known of the time before the first event */
    assert_int_equal(n_fast, 1);
    assert_int_equal(n_events, 4);
    w.n_context = 1;
    stg_pace_count(&p, &w, &n_fast, &n_events); /* adds to what is there */
    assert_int_equal(n_fast, 2);
    assert_int_equal(n_events, 8);
    w.n_context = 3;
    stg_pace_count(&p, &w, &n_fast, &n_events);
    assert_int_equal(n_fast, 2);
    assert_int_equal(n_events, 10);
    w.n = 0;
    w.n_context = 0;
    stg_pace_count(&p, &w, &n_fast, &n_events);
    assert_int_equal(n_events, 10);
}

static struct stg_model *fitted(void)
{
    struct stg_vocab vocab;
    struct stg_recipe recipe;
    struct stg_model_settings s;
    struct stg_model *m = NULL;
    must(fake_vocab(&vocab, N_CALLS - READ));
    stg_recipe_default(&recipe);
    recipe.order = STG_ORDER_THREAD;
    stg_model_settings_default(&s);
    s.kind = "ngram";
    must(stg_model_new(&m, &s, &recipe, &vocab));
    must(m->ops->fit(m, &corpus, NULL, NULL));
    must(stg_model_fit_sides(m, &corpus, NULL, NULL));
    stg_vocab_fini(&vocab);
    return m;
}

/* A sequence whose events all come a little sooner, each still in the octave in which most of them come, is found by
 * its pace alone. */
static void test_channel(void **state)
{
    struct stg_model *m = fitted();
    struct fake_seq sooner;
    struct stg_seq seq;
    static struct stg_score scores[N_SEQUENCES];
    struct stg_score score;
    struct stg_rng rng;
    double mean = 0;
    (void)state;
    must(stg_score_corpus(m, &corpus, NULL, NULL, scores));
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        mean += (double)scores[i].value[STG_AGGREGATE_PACE] / N_SEQUENCES;
    }
    assert_true(mean > 0.9 && mean < 1.1);
    must(stg_channels_fit(m, scores, (const size_t[]){0, N_SEQUENCES}, 1));
    assert_true(stg_channel_has(m, STG_CHANNEL_PACE) && stg_aggregate_has(m, STG_AGGREGATE_PACE));
    stg_rng_seed(&rng, 6);
    fill(&sooner, N_SEQUENCES, &rng);
    for (size_t i = 0; i < N_EVENTS; i++) {
        sooner.time_ns[i] = (i == 0 ? 0 : sooner.time_ns[i - 1]) + (i % 2 == 0 ? 1025 : 10250);
    }
    fake_seq_get(&sooner, &seq);
    must(stg_score_sequence(m, &seq, &score));
    assert_true(fabs((double)score.value[STG_AGGREGATE_PACE] - 1 / STG_PACE_SHARE) < 1e-3);
    assert_string_equal(stg_channel_loudest(m, &score), "pace");
    assert_true(score.z[STG_CHANNEL_PACE] > 5 && score.z[STG_CHANNEL_TIME] < 2 && score.z[STG_CHANNEL_CONTENT] < 2);
    stg_model_free(m);
}

static double load_of(float runnable, float alone)
{
    const struct stg_seq seq = {.runnable = runnable, .alone = alone};
    return (double)stg_channels_load(&seq);
}

static void test_load_of_a_sequence(void **state)
{
    (void)state;
    assert_true(load_of(0, 0) == 0 && load_of(0, 1) == 0);
    assert_true(fabs(load_of(1, 1) - log(31 / 1.005)) < 1e-5);
    assert_true(fabs(load_of(2, 0) - log(31 / (2 * 0.005))) < 1e-5);
    assert_true(load_of(31, 1) > 0);                   /* the least there can be, and not the 0 of what is not known */
    assert_true(load_of(2, 0) > load_of(12, 0) + 1.5); /* somebody who always computes, and a queue */
    assert_true(load_of(2, 0) > load_of(1.7f, 0.3f) + 3);
}

static double migration_of(float stayed)
{
    const struct stg_seq seq = {.stayed = stayed};
    return (double)stg_channels_migration(&seq);
}

static void test_migration_of_a_sequence(void **state)
{
    (void)state;
    assert_true(migration_of(0) == 0); /* not known */
    assert_true(fabs(migration_of(1) - log(1000)) < 1e-4);
    assert_true(fabs(migration_of(0.99f) + log(0.011)) < 1e-4);
    assert_true(migration_of(1e-30f) > 0); /* all of them change */
}

/* Calibrates with sequences of alone, alone + step, … alone + 9 step in turn. */
static void fit_loads(struct stg_model *m, float runnable, float alone, float step, float stayed)
{
    static struct stg_score scores[N_SEQUENCES];
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        seqs[i].runnable = runnable;
        seqs[i].alone = alone + step * (float)(i % 10);
        seqs[i].stayed = stayed;
    }
    must(stg_score_corpus(m, &corpus, NULL, NULL, scores));
    must(stg_channels_fit(m, scores, (const size_t[]){0, N_SEQUENCES}, 1));
}

/* Other work on the same processors is a channel of its own, where the calibration's data and the sequence's tell of
 * it. */
static void test_load(void **state)
{
    struct stg_model *m = fitted();
    struct stg_seq seq;
    struct stg_score score;
    (void)state;
    assert_false(stg_channel_has(m, STG_CHANNEL_LOAD));
    fit_loads(m, 1.5f, 0.2f, 0.04f, 0);
    assert_true(stg_channel_has(m, STG_CHANNEL_LOAD) && stg_aggregate_has(m, STG_AGGREGATE_LOAD));
    fake_seq_get(&seqs[0], &seq);
    seq.runnable = 2;
    seq.alone = 0;
    struct stg_model *times = m->side[STG_SIDE_TIME];
    m->side[STG_SIDE_TIME] = NULL; /* a model of calls alone */
    assert_false(stg_channel_has(m, STG_CHANNEL_LOAD));
    m->side[STG_SIDE_TIME] = times;
    must(stg_score_sequence(m, &seq, &score));
    assert_true(score.value[STG_AGGREGATE_LOAD] == stg_channels_load(&seq));
    assert_true(score.runnable == 2 && score.alone == 0);
    assert_string_equal(stg_channel_loudest(m, &score), "load");
    assert_true(score.z[STG_CHANNEL_LOAD] > 5 && score.z[STG_CHANNEL_CONTENT] < 2);
    seq.runnable = 0; /* not known */
    must(stg_score_sequence(m, &seq, &score));
    assert_true(score.z[STG_CHANNEL_LOAD] == 0);
    fit_loads(m, 0, 0, 0, 0);
    assert_false(stg_channel_has(m, STG_CHANNEL_LOAD));
    seq.runnable = 2;
    must(stg_score_sequence(m, &seq, &score));
    assert_true(score.z[STG_CHANNEL_LOAD] == 0);
    stg_model_free(m);
}

/* Where known sequences are all alike, a little more is not much more. */
static void test_little_load(void **state)
{
    struct stg_model *m = fitted();
    struct stg_score score;
    struct stg_seq seq;
    (void)state;
    fit_loads(m, 1, 1, 0, 0);
    fake_seq_get(&seqs[0], &seq);
    seq.alone = (float)(1.005 * exp(-0.5) - 0.005);
    must(stg_score_sequence(m, &seq, &score));
    assert_true(fabs((double)score.z[STG_CHANNEL_LOAD] - 1) < 1e-3);
    stg_model_free(m);
}

/* Migrations count where either side does not tell how many threads could run. */
static void test_migration(void **state)
{
    char text[160];
    struct stg_model *m = fitted();
    struct stg_score score;
    struct stg_seq seq;
    (void)state;
    fit_loads(m, 0, 0, 0, 0.985f);
    assert_true(stg_channel_has(m, STG_CHANNEL_LOAD) && stg_aggregate_has(m, STG_AGGREGATE_MIGRATION));
    assert_false(stg_aggregate_has(m, STG_AGGREGATE_LOAD));
    fake_seq_get(&seqs[0], &seq);
    seq.stayed = 1;
    seq.runnable = 2;
    seq.alone = 0;
    must(stg_score_sequence(m, &seq, &score));
    assert_int_equal(stg_channels_load_by(m, &score), STG_AGGREGATE_MIGRATION);
    assert_true(fabs((double)score.z[STG_CHANNEL_LOAD] - log(16) / 0.5) <
                0.01); /* half a nat is a deviation, where none differs */
    assert_true(score.stayed == 1 && score.value[STG_AGGREGATE_MIGRATION] == stg_channels_migration(&seq));
    assert_true(words_load(m, &score, text));
    assert_non_null(strstr(text, "only at 0 % of the events around it a thread had changed the processor"));
    assert_string_equal(stg_channel_loudest(m, &score), "load");
    fit_loads(m, 1, 1, 0, 0.985f);
    must(stg_score_sequence(m, &seq, &score));
    assert_int_equal(stg_channels_load_by(m, &score), STG_AGGREGATE_LOAD);
    assert_true(words_load(m, &score, text));
    assert_non_null(
        strstr(text, "at 100 % of the events around it another thread wanted the same processor; 2.0 threads did"));
    seq.runnable = seq.alone = 1; /* as usual by the one that counts */
    must(stg_score_sequence(m, &seq, &score));
    assert_true(fabsf(score.z[STG_CHANNEL_LOAD]) < 1e-3f);
    seq.runnable = 0;
    must(stg_score_sequence(m, &seq, &score));
    assert_int_equal(stg_channels_load_by(m, &score), STG_AGGREGATE_MIGRATION);
    assert_true(score.z[STG_CHANNEL_LOAD] > 5);
    score.n_tokens = 0; /* nothing to judge */
    stg_channels_judge(m, &score);
    assert_true(score.z[STG_CHANNEL_LOAD] == 0);
    seq.stayed = 0;
    must(stg_score_sequence(m, &seq, &score));
    assert_int_equal(stg_channels_load_by(m, &score), STG_AGGREGATES);
    assert_true(score.z[STG_CHANNEL_LOAD] == 0);
    assert_false(words_load(m, &score, text));
    fit_loads(m, 1, 1, 0, 0); /* of migrations the calibration knows nothing */
    seq.stayed = 1;
    must(stg_score_sequence(m, &seq, &score));
    assert_int_equal(stg_channels_load_by(m, &score), STG_AGGREGATES);
    stg_model_free(m);
}

/* Fewer who share the work and more are novel alike, with the descriptors. */
static void test_workers(void **state)
{
    char text[160];
    static struct stg_score scores[N_SEQUENCES];
    struct stg_model *m = fitted();
    struct stg_score score;
    struct stg_seq seq;
    (void)state;
    fit_loads(m, 0, 0, 0, 0);
    assert_false(stg_aggregate_has(m, STG_AGGREGATE_WORKERS));
    assert_true(stg_channels_usual_workers(m) == 0);
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        seqs[i].workers = 100;
    }
    must(stg_score_corpus(m, &corpus, NULL, NULL, scores));
    must(stg_channels_fit(m, scores, (const size_t[]){0, N_SEQUENCES}, 1));
    assert_true(stg_aggregate_has(m, STG_AGGREGATE_WORKERS));
    assert_true(fabs(stg_channels_usual_workers(m) - 100) < 1e-3);
    for (int more = 0; more < 2; more++) {
        fake_seq_get(&seqs[0], &seq);
        seq.workers = more ? 200 : 50;
        must(stg_score_sequence(m, &seq, &score));
        assert_true(fabs((double)score.z[STG_CHANNEL_STATE] - (log(2) / 0.2 - 1)) <
                    1e-3); /* a fifth of a nat is a deviation, where none differs */
        assert_string_equal(stg_channel_loudest(m, &score), "state");
        assert_true(words_workers(m, score.z[STG_CHANNEL_STATE], score.workers, text));
        assert_string_equal(text, more
                                      ? "the work is shared by more threads than in known sequences: 200, usually 100"
                                      : "the work is shared by fewer threads than in known sequences: 50, usually 100");
    }
    seq.workers = 1; /* the least that is known */
    must(stg_score_sequence(m, &seq, &score));
    assert_true(score.value[STG_AGGREGATE_WORKERS] == 1 && score.z[STG_CHANNEL_STATE] > 20);
    seq.workers = 0;
    must(stg_score_sequence(m, &seq, &score));
    assert_true(score.z[STG_CHANNEL_STATE] < 2);
    assert_false(words_workers(m, 5, 0, text));
    assert_false(words_workers(m, 5, 130, text));
    assert_false(words_workers(m, 0.9f, 50, text));
    for (size_t i = 0; i < N_SEQUENCES; i++) { /* what lies below counts for the spread as well */
        seqs[i].workers = i % 4 == 0 ? 50 : 100;
    }
    must(stg_score_corpus(m, &corpus, NULL, NULL, scores));
    must(stg_channels_fit(m, scores, (const size_t[]){0, N_SEQUENCES}, 1));
    seq.workers = 200;
    must(stg_score_sequence(m, &seq, &score));
    assert_true(fabs((double)score.z[STG_CHANNEL_STATE] - (1.2816 - 1)) < 1e-3);
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        seqs[i].workers = 0;
    }
    stg_model_free(m);
}

static void refused(const struct stg_model *m, const char *path)
{
    struct stg_model *again = NULL;
    must(stg_model_save(m, path));
    assert_int_equal(stg_model_open(&again, path), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "tensor pace: is missing or damaged: train the model again"));
    assert_null(again);
}

static void test_file(void **state)
{
    char path[64];
    struct stg_model *m = fitted(), *again = NULL;
    (void)state;
    snprintf(path, sizeof path, "/tmp/strange-test-pace-%d.model", (int)getpid());
    must(stg_model_save(m, path));
    must(stg_model_open(&again, path));
    assert_int_equal(again->pace.n_calls, N_CALLS);
    assert_memory_equal(again->pace.fast, m->pace.fast, N_CALLS * STG_PACE_PHASES * sizeof *m->pace.fast);
    stg_model_free(again);
    m->pace.fast[READ] = -1;
    refused(m, path);
    m->pace.fast[READ] = 0;
    m->pace.n_calls--; /* not one row for each call */
    refused(m, path);
    stg_pace_fini(&m->pace);
    refused(m, path);
    must(stg_pace_fit(&m->pace, &corpus, N_CALLS, NULL));
    stg_model_free(m->side[STG_SIDE_TIME]); /* walks have no times for it */
    m->side[STG_SIDE_TIME] = NULL;
    refused(m, path);
    stg_model_free(m);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_bins),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_channel),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_load_of_a_sequence),
        cmocka_unit_test(test_little_load),
        cmocka_unit_test(test_migration_of_a_sequence),
        cmocka_unit_test(test_migration),
        cmocka_unit_test(test_workers),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
