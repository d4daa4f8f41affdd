#include "explain/delay.h"

#include "fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N_SEQS = 5 };

/* Two threads that take turns, 10 µs apart. */
static void two_threads(struct fake_seq *f, uint64_t id)
{
    memset(f, 0, sizeof *f);
    f->id = id;
    for (int i = 0; i < 4; i++) {
        fake_put(f, 101, FAKE_APACHE, FAKE_READ, STG_PHASE_ENTRY, STG_RET_ABSENT, 10);
        fake_put(f, 202, FAKE_PHP, FAKE_FUTEX, STG_PHASE_ENTRY, STG_RET_ABSENT, 10);
        fake_put(f, 101, FAKE_APACHE, FAKE_READ, STG_PHASE_EXIT, 512 + i, 10);
        fake_put(f, 202, FAKE_PHP, FAKE_FUTEX, STG_PHASE_EXIT, 100 + i, 10);
    }
}

/* The k-th row of a thread. */
static size_t row_of(const struct stg_seq *s, uint16_t thread, size_t k)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->thread[i] == thread && k-- == 0) {
            return i;
        }
    }
    fail();
    return 0;
}

/* Its thread goes on later, with its events in their order; the other one does not wait; rows are in order of time. */
static void test_inject(void **state)
{
    static const int64_t delays[] = {0, 1000, 15000, 1000000};
    (void)state;
    static struct fake_seq f;
    struct stg_seq s;
    two_threads(&f, 1);
    fake_seq_get(&f, &s);
    const size_t row = row_of(&s, 0, 2);
    for (size_t k = 0; k < sizeof delays / sizeof delays[0]; k++) {
        struct stg_delayed d;
        assert_int_equal(stg_delay_inject(&d, &s, row, delays[k]), STG_OK);
        assert_int_equal(d.seq.n, s.n);
        for (size_t i = 1; i < s.n; i++) {
            assert_true(d.seq.time_ns[i] >= d.seq.time_ns[i - 1]);
        }
        for (uint16_t thread = 0; thread < 2; thread++) {
            for (size_t i = 0; i < s.n / 2; i++) {
                const size_t before = row_of(&s, thread, i), after = row_of(&d.seq, thread, i);
                const bool waits = thread == 0 && i >= 2;
                assert_int_equal(d.seq.time_ns[after], s.time_ns[before] + (waits ? delays[k] : 0));
                assert_int_equal(d.seq.call[after], s.call[before]);
                assert_int_equal(d.seq.phase[after], s.phase[before]);
                assert_int_equal(d.seq.ret[after], s.ret[before]);
            }
        }
        const int64_t lasts = s.end_ns - s.begin_ns, last = d.seq.time_ns[s.n - 1];
        assert_int_equal(d.seq.begin_ns, s.begin_ns);
        assert_int_equal(d.seq.end_ns - s.begin_ns, last > lasts ? last : lasts);
        assert_true(delays[k] > 0 || memcmp(d.seq.thread, s.thread, s.n * sizeof *s.thread) == 0);
        stg_delayed_fini(&d);
    }
}

/* Rows of one moment keep their order, and no time is beyond the last that can be. */
static void test_limits(void **state)
{
    static struct fake_seq f;
    struct stg_delayed d;
    struct stg_seq s;
    (void)state;
    two_threads(&f, 1);
    for (size_t i = 0; i < f.n; i++) {
        f.time_ns[i] = i < 8 ? 5 : STG_TIME_MAX - 10;
    }
    fake_seq_get(&f, &s);
    s.end_ns = STG_TIME_MAX;
    assert_int_equal(stg_delay_inject(&d, &s, row_of(&s, 0, 1), 0), STG_OK);
    assert_memory_equal(d.seq.thread, s.thread, s.n * sizeof *s.thread);
    assert_memory_equal(d.seq.ret, s.ret, s.n * sizeof *s.ret);
    stg_delayed_fini(&d);
    assert_int_equal(stg_delay_inject(&d, &s, row_of(&s, 1, 1), 11), STG_OK);
    assert_int_equal(d.seq.time_ns[s.n - 1], STG_TIME_MAX);
    stg_delayed_fini(&d);
}

/* Calls that begin after another event of their thread, all of them now and then, and nothing else. */
static void test_place(void **state)
{
    (void)state;
    static struct fake_seq f;
    struct stg_seq s;
    struct stg_rng rng;
    size_t drawn[16] = {0};
    two_threads(&f, 1);
    fake_seq_get(&f, &s);
    stg_rng_seed(&rng, 1);
    for (int i = 0; i < 6000; i++) {
        const size_t row = stg_delay_place(&s, &rng);
        assert_true(row < s.n);
        drawn[row]++;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.phase[i] == STG_PHASE_ENTRY && i >= 2) {
            assert_in_range(drawn[i], 850, 1150); /* six of them */
        } else {
            assert_int_equal(drawn[i], 0);
        }
    }
    s.flags = STG_SEQ_NO_TIME;
    assert_int_equal(stg_delay_place(&s, &rng), s.n);
    s.flags = 0;
    s.n = 2; /* the first events of both threads */
    assert_int_equal(stg_delay_place(&s, &rng), s.n);
    s.n = 0;
    assert_int_equal(stg_delay_place(&s, &rng), 0);
}

/* Surprisal 1, and 5 for an event a millisecond or more after its thread's event before; the other thread's end, which
 * waits too, has 1. */
static enum stg_status score_pauses(const struct stg_model *m, struct stg_model_run *r, const struct stg_walk *walks,
                                    size_t n, float *const *surprisal)
{
    (void)m;
    (void)r;
    for (size_t k = 0; k < n; k++) {
        for (size_t i = walks[k].n_context; i < walks[k].n + (walks[k].end ? 1 : 0); i++) {
            surprisal[k][i - walks[k].n_context] = i < walks[k].n && walks[k].elapsed_ns[i] >= 1000000 ? 5 : 1;
        }
    }
    return STG_OK;
}

static void test_effect(void **state)
{
    (void)state;
    static struct fake_seq f[N_SEQS];
    struct fake_model model;
    struct stg_delay_effect effect;
    struct stg_model_ops ops = fake_ops;
    for (size_t i = 0; i < N_SEQS; i++) {
        two_threads(&f[i], i);
    }
    f[2].n = 1; /* has no place for a delay */
    assert_int_equal(fake_model_open(&model, f, N_SEQS, STG_ORDER_THREAD), STG_OK);
    assert_false(stg_delay_seen(&model.base));
    ops.columns = STG_WALK_ELAPSED;
    ops.score = score_pauses;
    model.base.ops = &ops;
    assert_true(stg_delay_seen(&model.base));
    const struct stg_corpus corpus = fake_corpus_of(f, N_SEQS);
    assert_int_equal(stg_delay_effect(&effect, &model.base, &corpus, 1, NULL), STG_OK);
    assert_int_equal(effect.n, N_SEQS - 1);
    assert_int_equal(effect.n_all, N_SEQS);
    struct stg_score score;
    struct stg_seq seq;
    fake_seq_get(&f[0], &seq);
    assert_int_equal(stg_score_sequence(&model.base, &seq, &score), STG_OK);
    for (size_t d = 0; d < STG_DELAYS; d++) {
        const struct stg_delay_range *range = &effect.range[STG_AGGREGATE_MEAN][d];
        const double pauses = stg_delay_ns[d] >= 1000000 ? 1 : 0;
        assert_true(fabs(range->median - (1 + 4 * pauses / score.n_tokens)) < 1e-6);
        assert_true(fabs(range->low - range->median) < 1e-9 &&
                    fabs(range->high - range->median) < 1e-9); /* all alike */
    }
    const struct stg_corpus none = fake_corpus_of(f + 2, 1);
    assert_int_equal(stg_delay_effect(&effect, &model.base, &none, 1, NULL), STG_OK);
    assert_int_equal(effect.n, 0);
    fake_model_close(&model);
}

static void test_lengths(void **state)
{
    (void)state;
    assert_int_equal(stg_delay_ns[0], 0);
    assert_int_equal(stg_delay_ns[1], 1000);
    for (size_t d = 2; d < STG_DELAYS; d++) {
        assert_int_equal(stg_delay_ns[d], 10 * stg_delay_ns[d - 1]);
    }
}

/* Sequences of one thread that are all alike. */
struct alike {
    uint16_t *call, *thread;
    uint8_t *phase;
    int64_t *ret, *time_ns;
    size_t n;
    size_t asked[500]; /* (sequences) how often */
};

static void alike_get(void *context, size_t i, struct stg_seq *out)
{
    static const int32_t tid = 7;
    static const uint16_t proc = FAKE_APACHE;
    struct alike *a = context;
    a->asked[i]++;
    *out = (struct stg_seq){.id = i,
                            .n = a->n,
                            .call = a->call,
                            .phase = a->phase,
                            .ret = a->ret,
                            .time_ns = a->time_ns,
                            .thread = a->thread,
                            .n_threads = 1,
                            .thread_tid = &tid,
                            .thread_pid = &tid,
                            .thread_proc = &proc,
                            .end_ns = a->time_ns[a->n - 1]};
}

static void alike_init(struct alike *a, size_t n)
{
    *a = (struct alike){.call = calloc(n, sizeof *a->call),
                        .thread = calloc(n, sizeof *a->thread),
                        .phase = calloc(n, 1),
                        .ret = calloc(n, sizeof *a->ret),
                        .time_ns = calloc(n, sizeof *a->time_ns),
                        .n = n};
    for (size_t i = 0; i < n; i++) {
        a->call[i] = FAKE_READ;
        a->phase[i] = STG_PHASE_ENTRY;
        a->ret[i] = STG_RET_ABSENT;
        a->time_ns[i] = (int64_t)i;
    }
}

static void alike_fini(struct alike *a)
{
    free(a->call);
    free(a->thread);
    free(a->phase);
    free(a->ret);
    free(a->time_ns);
}

/* Rises from walk to walk, whatever it is of. */
static enum stg_status score_rising(const struct stg_model *m, struct stg_model_run *r, const struct stg_walk *walks,
                                    size_t n, float *const *surprisal)
{
    static size_t n_scored;
    (void)m;
    (void)r;
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < walks[k].n + (walks[k].end ? 1 : 0); i++) {
            surprisal[k][i] = (float)(n_scored % STG_DELAY_SEQUENCES);
        }
        n_scored++;
    }
    return STG_OK;
}

/* At most 200, evenly spaced; of long ones as many as have half of what is allowed; none that is longer than that
 * alone. */
static void test_sample(void **state)
{
    enum { ALL = 500 };
    static struct fake_seq f[1];
    struct fake_model model;
    struct stg_delay_effect effect;
    struct stg_model_ops ops = fake_ops;
    struct alike a;
    (void)state;
    two_threads(f, 0);
    assert_int_equal(fake_model_open(&model, f, 1, STG_ORDER_THREAD), STG_OK);
    ops.score = score_rising;
    model.base.ops = &ops;
    struct stg_corpus corpus = {.n = ALL, .context = &a, .get = alike_get};
    alike_init(&a, 2);
    assert_int_equal(stg_delay_effect(&effect, &model.base, &corpus, 1, NULL), STG_OK);
    assert_int_equal(effect.n, STG_DELAY_SEQUENCES);
    for (size_t i = 0; i < ALL; i++) { /* once for its length, once if it is sampled */
        assert_int_equal(a.asked[i], i * 2 % 5 == 0 || i * 2 % 5 == 4 ? 2 : 1);
    }
    for (size_t d = 0; d < STG_DELAYS; d++) { /* of 0 to 199 */
        const struct stg_delay_range *range = &effect.range[STG_AGGREGATE_MEAN][d];
        assert_true(fabs(range->low - 10) < 1e-6 && fabs(range->median - 100) < 1e-6 && fabs(range->high - 189) < 1e-6);
    }
    alike_fini(&a);
    alike_init(&a, STG_DELAY_EVENTS / 100);
    corpus.n = 100;
    assert_int_equal(stg_delay_effect(&effect, &model.base, &corpus, 1, NULL), STG_OK);
    assert_int_equal(effect.n, 50);
    alike_fini(&a);
    alike_init(&a, STG_DELAY_EVENTS + 1);
    corpus.n = 1;
    assert_int_equal(stg_delay_effect(&effect, &model.base, &corpus, 1, NULL), STG_OK);
    assert_int_equal(effect.n, 0);
    alike_fini(&a);
    fake_model_close(&model);
}

static void test_memory_fails(void **state)
{
    (void)state;
    static struct fake_seq f[N_SEQS];
    struct fake_model model;
    enum stg_status status = STG_ERR_MEMORY;
    for (size_t i = 0; i < N_SEQS; i++) {
        two_threads(&f[i], i);
    }
    assert_int_equal(fake_model_open(&model, f, N_SEQS, STG_ORDER_THREAD), STG_OK);
    const struct stg_corpus corpus = fake_corpus_of(f, N_SEQS);
    for (uint64_t n = 1; status != STG_OK; n++) {
        struct stg_delay_effect effect;
        assert_true(n < 2000);
        stg_mem_fail_at(n);
        status = stg_delay_effect(&effect, &model.base, &corpus, 1, NULL);
        stg_mem_fail_at(0);
        assert_true(status == STG_OK || status == STG_ERR_MEMORY);
    }
    fake_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inject),       cmocka_unit_test(test_limits),  cmocka_unit_test(test_place),
        cmocka_unit_test(test_effect),       cmocka_unit_test(test_lengths), cmocka_unit_test(test_sample),
        cmocka_unit_test(test_memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
