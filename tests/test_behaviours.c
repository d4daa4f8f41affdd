#include "explain/behaviours.h"

#include "base/keys.h"
#include "base/memory.h"
#include "base/rng.h"
#include "detect/calibrate.h"
#include "explain/grouping.h"
#include "fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Every key keeps its number however many follow; one that has no room has none. */
static void test_keys(void **state)
{
    (void)state;
    struct stg_keys k = {0};
    uint32_t i;
    assert_int_equal(stg_keys_find(&k, 0), STG_KEYS_NONE);
    for (uint64_t n = 0; n < 5000; n++) {
        assert_int_equal(stg_keys_put(&k, n * n << 20, 5000, &i), STG_OK);
        assert_int_equal(i, n);
    }
    for (uint64_t n = 0; n < 5000; n++) {
        assert_int_equal(stg_keys_put(&k, n * n << 20, 5000, &i), STG_OK);
        assert_int_equal(i, n);
        assert_int_equal(stg_keys_find(&k, n * n << 20), n);
    }
    assert_int_equal(stg_keys_put(&k, 7, 5000, &i), STG_OK);
    assert_int_equal(i, STG_KEYS_NONE);
    stg_keys_clear(&k); /* numbers begin again */
    assert_int_equal(stg_keys_find(&k, 4 << 20), STG_KEYS_NONE);
    assert_int_equal(stg_keys_put(&k, 7, 5000, &i), STG_OK);
    assert_int_equal(i, 0);
    assert_int_equal(stg_keys_find(&k, 7), 0);
    stg_keys_fini(&k);
    stg_keys_clear(&k); /* so may an empty one be */
}

static void test_kinds(void **state)
{
    (void)state;
    struct stg_kind_of_call kind, back;
    assert_true(stg_usual_kind(&kind, 9, 7, STG_PHASE_ENTRY, 3, true));
    assert_int_equal(kind.phase, 0);
    assert_false(stg_usual_kind(&kind, 9, 7, STG_PHASE_EXIT, 100,
                                false)); /* success of a call that returns no count tells nothing */
    assert_true(stg_usual_kind(&kind, 9, 7, STG_PHASE_EXIT, -4095, false));
    assert_int_equal(kind.errno_class, 2 + 4095);
    stg_usual_unpack(stg_usual_key(&kind), &back);
    assert_memory_equal(&kind, &back, sizeof kind);
    assert_true(stg_usual_kind(&kind, 65535, 65534, STG_PHASE_EXIT, INT64_MAX, true));
    assert_int_equal(kind.size, 64);
    stg_usual_unpack(stg_usual_key(&kind), &back);
    assert_int_equal(back.call, 65535);
    assert_int_equal(back.proc, 65534);
    assert_int_equal(back.size, 64);
    assert_true(stg_usual_kind(&kind, 9, 7, STG_PHASE_EXIT, 0, true));
    assert_int_equal(kind.size, 1);
}

enum { N = 300 };

struct fixture {
    struct fake_seq seqs[N], odd[2 * N];
    struct fake_model model;
};

static int by_value(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* Against counting by hand, sequences without the call included. */
static void test_usual(void **state)
{
    struct fixture *f = *state;
    struct stg_corpus corpus = fake_corpus_of(f->seqs, N);
    const struct stg_corpus none = {.n = 0};
    const struct stg_kind_of_call kind = {.call = FAKE_WRITE, .proc = f->seqs[0].proc[0]};
    size_t counts[N], with = 0;
    struct stg_usual usual;
    assert_int_equal(stg_usual_fit(&f->model.base, &corpus, NULL, &none), STG_OK);
    for (size_t i = 0; i < N; i++) {
        counts[i] = 0;
        for (size_t k = 0; k < f->seqs[i].n; k++) {
            counts[i] += f->seqs[i].call[k] == FAKE_WRITE && f->seqs[i].phase[k] == STG_PHASE_ENTRY &&
                         f->seqs[i].proc[f->seqs[i].thread[k]] == kind.proc;
        }
        with += counts[i] > 0;
    }
    qsort(counts, N, sizeof counts[0], by_value);
    assert_true(stg_usual_find(&f->model.base, stg_usual_key(&kind), &usual));
    assert_int_equal((size_t)usual.low, counts[(size_t)(0.05 * (N - 1) + 0.5)]);
    assert_int_equal((size_t)usual.median, counts[(size_t)(0.5 * (N - 1) + 0.5)]);
    assert_int_equal((size_t)usual.high, counts[(size_t)(0.95 * (N - 1) + 0.5)]);
    assert_true(fabsf(usual.share - (float)with / N) < 1e-6f);
    assert_false(stg_usual_find(&f->model.base, UINT64_C(1) << 40, &usual));
}

/* What only the training has is known and not usual; what only sequences have that are left out is not known. */
static void test_usual_seen(void **state)
{
    struct fixture *f = *state;
    static struct fake_seq learnt[1], held_out[2];
    const struct stg_kind_of_call in_training = {.call = FAKE_WRITE, .proc = 7}, out = {.call = FAKE_WRITE, .proc = 8};
    const struct stg_corpus training = fake_corpus_of(learnt, 1), corpus = fake_corpus_of(held_out, 2);
    const uint32_t left_out[2] = {0, 1};
    struct stg_usual usual;
    memset(learnt, 0, sizeof learnt);
    memset(held_out, 0, sizeof held_out);
    while (stg_strings_count(f->model.base.vocab.procs) <= out.proc) {
        char name[8];
        uint32_t id;
        const int len = snprintf(name, sizeof name, "p%zu", stg_strings_count(f->model.base.vocab.procs));
        assert_int_equal(stg_strings_put(f->model.base.vocab.procs, name, (size_t)len, &id), STG_OK);
    }
    fake_put(&learnt[0], 1, in_training.proc, FAKE_WRITE, STG_PHASE_ENTRY, 0, 1);
    fake_put(&held_out[0], 1, 5, FAKE_WRITE, STG_PHASE_ENTRY, 0, 1);
    fake_put(&held_out[1], 1, out.proc, FAKE_WRITE, STG_PHASE_ENTRY, 0, 1);
    assert_int_equal(stg_usual_fit(&f->model.base, &corpus, left_out, &training), STG_OK);
    assert_true(stg_usual_is_complete(&f->model.base));
    assert_true(stg_usual_find(&f->model.base, stg_usual_key(&in_training), &usual));
    assert_true(usual.high < 0.5f && fabsf(usual.share - 0.5f) < 1e-6f);
    assert_false(stg_usual_find(&f->model.base, stg_usual_key(&out), &usual));
}

/* What a program usually does is that of the sequences that have it, where many have not. */
static void test_usual_of_process(void **state)
{
    struct fixture *f = *state;
    enum { OF_EACH = 4, RARE = 5, WRITES = 3 };
    static struct fake_seq seqs[10 * OF_EACH];
    const struct stg_kind_of_call rare = {.call = FAKE_WRITE, .proc = RARE}, common = {.call = FAKE_WRITE, .proc = 6};
    const struct stg_corpus corpus = fake_corpus_of(seqs, 10 * OF_EACH), none = {.n = 0};
    struct stg_usual usual;
    memset(seqs, 0, sizeof seqs);
    for (size_t i = 0; i < 10 * OF_EACH; i++) {
        fake_put(&seqs[i], 1, common.proc, FAKE_WRITE, STG_PHASE_ENTRY, 0, 1);
        for (size_t k = 0; k < WRITES && i % 10 == 0; k++) {
            fake_put(&seqs[i], 2, rare.proc, FAKE_WRITE, STG_PHASE_ENTRY, 0, 1);
        }
    }
    assert_int_equal(stg_usual_fit(&f->model.base, &corpus, NULL, &none), STG_OK);
    assert_true(stg_usual_find(&f->model.base, stg_usual_key(&rare), &usual));
    assert_true(usual.median < 0.5f && fabsf(usual.share - 0.1f) < 1e-6f);
    assert_true(stg_usual_find(&f->model.base, stg_usual_key(&rare) | STG_USUAL_OF_PROCESS, &usual));
    assert_true(fabsf(usual.low - WRITES) < 0.5f && fabsf(usual.high - WRITES) < 0.5f);
    assert_true(fabsf(usual.share - 0.1f) < 1e-6f); /* of all */
    assert_true(stg_usual_find(&f->model.base, stg_usual_turns(RARE), &usual));
    assert_true(fabsf(usual.share - 0.1f) < 1e-6f);
    assert_true(stg_usual_find(&f->model.base, stg_usual_key(&common), &usual));
    assert_false(stg_usual_find(&f->model.base, stg_usual_key(&common) | STG_USUAL_OF_PROCESS, &usual));
    assert_true(stg_usual_is_complete(&f->model.base));
}

/* A sequence may last longer than the 4.29 s that 32 bits of nanoseconds hold. */
static void test_usual_duration(void **state)
{
    struct fixture *f = *state;
    struct stg_usual_counts counts = {0};
    static struct stg_usual usual[STG_USUAL_MAX_KINDS];
    struct stg_seq seq;
    uint8_t counted[UINT16_MAX + 1] = {0};
    uint32_t kind;
    fake_seq_get(&f->seqs[0], &seq);
    seq.end_ns = seq.begin_ns + INT64_C(20000000000);
    assert_int_equal(stg_usual_add(&counts, &seq, NULL, NULL, counted), STG_OK);
    kind = stg_keys_find(&counts.kinds, STG_USUAL_DURATION);
    assert_int_not_equal(kind, STG_KEYS_NONE);
    assert_int_equal(stg_usual_quantiles(&counts, usual), STG_OK);
    assert_true(fabsf(usual[kind].median - 20e9f) < 1); /* which a float holds */
    stg_usual_counts_fini(&counts);
}

static struct grouping_vector vector(uint32_t a, uint32_t b, float share)
{
    return (struct grouping_vector){.n = 2, .feature = {a, b}, .weight = {sqrtf(1 - share), sqrtf(share)}};
}

/* Two directions that are mixed in the data, and one vector by itself; a vector of nothing is near to none. */
static void test_grouping(void **state)
{
    (void)state;
    struct grouping_vector v[102];
    uint32_t group[102];
    size_t n_groups, centre;
    for (uint32_t i = 0; i < 100; i++) {
        v[i] = vector(i % 3 == 0 ? 1 : 5, 2, (float)(i % 10) / 40);
    }
    v[100] = vector(7, 8, 0.5f);
    v[101] = (struct grouping_vector){0};
    assert_int_equal(grouping_find(v, 102, 9, 0.5, group, &n_groups), STG_OK);
    assert_int_equal(n_groups, 4);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(group[i], i % 3 == 0 ? 1 : 0); /* the larger one first */
    }
    assert_int_equal(group[100], 2);
    assert_int_equal(group[101], 3);
    v[101].rank = 1; /* of one size the one that ranks higher */
    assert_int_equal(grouping_find(v, 102, 9, 0.5, group, &n_groups), STG_OK);
    assert_int_equal(group[101], 2);
    assert_int_equal(group[100], 3);
    v[101].rank = 0;
    assert_int_equal(grouping_find(v, 102, 9, 0.5, group, &n_groups), STG_OK);
    assert_int_equal(grouping_centre(v, 102, 9, group, 2, &centre), STG_OK);
    assert_int_equal(centre, 100);
    assert_int_equal(grouping_find(v, 102, 9, 0.0, group, &n_groups), STG_OK);
    assert_int_equal(n_groups, 1);
}

/* Groups are bounded, not the vectors. */
static void test_many_groups(void **state)
{
    (void)state;
    enum { MANY = 600 };
    struct grouping_vector *v = calloc(MANY, sizeof *v);
    uint32_t *group = calloc(MANY, sizeof *group);
    size_t n_groups;
    for (uint32_t i = 0; i < MANY; i++) {
        v[i] = (struct grouping_vector){.n = 1, .feature = {i}, .weight = {1}};
    }
    assert_int_equal(grouping_find(v, MANY, MANY, 0.5, group, &n_groups), STG_OK);
    assert_in_range(n_groups, 1, GROUPING_MAX_GROUPS);
    free(v);
    free(group);
}

/* Of requests in which every read fails, in the second half of the data: what there is less of, what surprises, where
 * it stands, and when. */
static void check_parts(const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    size_t in_slices = 0, early = 0, in_items = b->n_rest;
    bool fewer = false, surprising = false;
    for (size_t i = 0; i < x->n_fewer; i++) {
        const struct stg_behaviour_change *c = &x->fewer[i];
        fewer |= c->kind.call == FAKE_READ && c->kind.phase == STG_PHASE_EXIT && c->kind.size > 0 && c->now < 1 &&
                 c->usual.median > 2;
    }
    for (size_t i = 0; i < x->n_surprises; i++) {
        const struct stg_behaviour_surprise *s = &x->surprises[i];
        assert_true(s->weight > 0 && (i == 0 || s->weight <= x->surprises[i - 1].weight));
        if (s->kind.call == FAKE_READ && s->kind.errno_class == 2 + 5) { /* an error where a success was expected */
            surprising |= s->before == FAKE_READ;
            assert_int_equal(s->ret, -5);
            assert_int_equal(s->expected, stg_symbols_find(m->symbols, FAKE_READ, STG_PHASE_EXIT, 4096));
            assert_true(s->expected_share > 0.5f && s->expected_share <= 1);
        }
    }
    for (size_t i = 0; i < STG_BEHAVIOUR_SLICES; i++) {
        in_slices += x->slices[i];
        early += i < STG_BEHAVIOUR_SLICES / 2 ? x->slices[i] : 0;
    }
    for (size_t i = 0; i < b->n; i++) {
        in_items += b->items[i].n;
    }
    assert_true(fewer && surprising);
    assert_true(x->highest == -1 && x->highest_known == -1); /* the model does not judge descriptors */
    assert_int_equal(in_slices, x->n);
    assert_true(early * 10 < x->n);
    assert_int_equal(in_items, b->n_examined);
    assert_true(fabs(x->n_estimated - (double)x->n) < 1e-9);
    assert_true(x->last >= N && x->last < 2 * N && x->index >= N);
    assert_true(x->scale >= 1 && x->scale <= 1); /* as long as usual */
    assert_true(x->events >= b->events.low && x->events <= b->events.high);
    assert_true(x->duration_ns >= b->duration.low && x->duration_ns <= b->duration.high);
    /* Between a read that fails and the next one, mostly. */
    assert_true(x->n_places > 0 && x->places[0].before == FAKE_READ && x->places[0].after == FAKE_READ);
    assert_true(x->places[0].share > 0.5f && x->places[0].share < 1);
}

/* Requests in which a read fails are one behaviour, those that write once more are another; what changed is told by
 * name and number. */
static void test_found(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 2 * N };
    static struct stg_score scores[MANY], known[N];
    struct stg_corpus corpus = fake_corpus_of(f->odd, MANY), usual = fake_corpus_of(f->seqs, N);
    struct stg_behaviours b = {0}, again = {0};
    struct stg_behaviours_settings s;
    struct stg_pool *pool = NULL;
    const struct stg_corpus none = {.n = 0};
    const struct stg_behaviour_input input = {&corpus, &f->model.base.vocab, scores};
    assert_int_equal(stg_pool_new(&pool, 3), STG_OK);
    assert_int_equal(stg_score_corpus(&f->model.base, &usual, NULL, NULL, known), STG_OK);
    assert_int_equal(stg_calibrate(&f->model.base, known, N), STG_OK);
    assert_int_equal(stg_usual_fit(&f->model.base, &usual, NULL, &none), STG_OK);
    assert_int_equal(stg_score_corpus(&f->model.base, &corpus, NULL, NULL, scores), STG_OK);
    for (size_t i = 0; i < MANY; i++) {
        scores[i].workers = (float)(20 + i % 21);
    }
    stg_behaviours_settings_default(&s, &f->model.base);
    assert_int_equal(stg_behaviours_find(&b, &f->model.base, &input, 1, &s, NULL), STG_OK);
    assert_int_equal(b.n_sequences, MANY);
    assert_in_range(b.n_novel, N, MANY);
    assert_in_range(b.n, 1, 8);
    const struct stg_behaviour *x = &b.items[0];
    assert_in_range(x->n, N / 2, MANY);
    size_t n_of_first = 0;
    for (size_t i = 0; i < b.n_members; i++) {
        n_of_first += b.members[i].behaviour == 0;
        assert_true(i == 0 || b.members[i].index > b.members[i - 1].index);
    }
    assert_int_equal(b.n_members, b.n_examined);
    assert_int_equal(n_of_first, x->n);
    assert_int_equal(x->trend, STG_TREND_GROWING); /* the second half of the data is odd */
    assert_true(fabsf(x->workers - 30) < 5);       /* the median */
    assert_true(x->n_more > 0);
    bool told = false;
    for (size_t i = 0; i < x->n_more; i++) {
        told |= x->more[i].kind.call == FAKE_READ && x->more[i].kind.errno_class == 2 + 5 && x->more[i].now >= 1 &&
                x->more[i].usual.median < 1;
    }
    assert_true(told);
    check_parts(&f->model.base, &b, x);
    /* On several threads, and again: the same. */
    assert_int_equal(stg_behaviours_find(&again, &f->model.base, &input, 1, &s, pool), STG_OK);
    assert_int_equal(again.n_groups, b.n_groups);
    for (size_t i = 0; i < b.n; i++) {
        assert_int_equal(again.items[i].n, b.items[i].n);
        assert_int_equal(again.items[i].index, b.items[i].index);
        assert_memory_equal(again.items[i].slices, b.items[i].slices, sizeof b.items[i].slices);
    }
    stg_behaviours_fini(&b);
    stg_behaviours_fini(&again);
    stg_pool_free(pool);
}

/* A call that known sequences never make is told when some of a group make it, however few; one in ten, that is. What
 * it returns, no known sequence has either. */
static void test_new_in_some(void **state)
{
    struct fixture *f = *state;
    static struct fake_seq seqs[N];
    static struct stg_score scores[N];
    const struct stg_corpus corpus = fake_corpus_of(seqs, N);
    const struct stg_behaviour_input input = {&corpus, &f->model.base.vocab, scores};
    struct stg_behaviours_settings s;
    stg_behaviours_settings_default(&s, &f->model.base);
    static const size_t all[] = {1, 5, 20};
    for (size_t k = 0; k < 3; k++) {
        const size_t every = all[k];
        struct stg_behaviours b = {0};
        bool told = false, result = false;
        memcpy(seqs, f->odd + N, sizeof seqs); /* those whose reads fail */
        for (size_t i = 0; i < N; i += every) {
            fake_put(&seqs[i], 101, FAKE_APACHE, FAKE_EPOLL, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
            fake_put(&seqs[i], 101, FAKE_APACHE, FAKE_EPOLL, STG_PHASE_EXIT, -11, 1);
        }
        assert_int_equal(stg_score_corpus(&f->model.base, &corpus, NULL, NULL, scores), STG_OK);
        assert_int_equal(stg_behaviours_find(&b, &f->model.base, &input, 1, &s, NULL), STG_OK);
        assert_true(b.n > 0 && b.items[0].n > N / 2);
        for (size_t i = 0; i < b.items[0].n_more; i++) {
            const struct stg_behaviour_change *c = &b.items[0].more[i];
            if (c->kind.call == FAKE_EPOLL) {
                told |= c->kind.phase == 0;
                result |= c->kind.phase == STG_PHASE_EXIT;
                assert_true((every == 1) == (c->now > 0.5f) && c->share > 0 && !(c->usual.share > 0));
                assert_true(every == 1 || c->share < 0.3f);
            }
            assert_int_equal(c->is_never, c->kind.call == FAKE_EPOLL); /* reads are known, those that fail are not */
        }
        assert_int_equal(told, every <= 5);
        assert_int_equal(result, every == 1);
        stg_behaviours_fini(&b);
    }
}

/* Calls and programs that the model has no name for are told of all sequences, in the order of the data, whatever the
 * scores say; how many there are, in how many sequences, and whether a program is but a thread. */
static void test_unseen(void **state)
{
    struct fixture *f = *state;
    static struct fake_seq seqs[N];
    static struct stg_score scores[N]; /* zeros: as usual as can be */
    const struct stg_corpus corpus = fake_corpus_of(seqs, N);
    struct stg_vocab names;
    const struct stg_behaviour_input input = {&corpus, &names, scores};
    struct stg_behaviours_settings s;
    struct stg_behaviours b = {0};
    uint16_t ptrace, shell;
    stg_behaviours_settings_default(&s, &f->model.base);
    memcpy(seqs, f->seqs, sizeof seqs);
    assert_int_equal(stg_vocab_copy(&names, &f->model.base.vocab), STG_OK);
    stg_vocab_extend(&names);
    assert_int_equal(stg_vocab_call(&names, "ptrace", &ptrace), STG_OK);
    assert_int_equal(stg_vocab_proc(&names, "sh", &shell), STG_OK);
    for (size_t i = 7; i < 10; i += 2) { /* 7 and 9 */
        for (int k = 0; k < 2; k++) {
            fake_put(&seqs[i], 101, FAKE_APACHE, ptrace, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
            fake_put(&seqs[i], 101, FAKE_APACHE, ptrace, STG_PHASE_EXIT, 0, 1);
        }
    }
    fake_put(&seqs[8], 999, shell, FAKE_READ, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    assert_int_equal(stg_behaviours_find(&b, &f->model.base, &input, 1, &s, NULL), STG_OK);
    assert_int_equal(b.n_novel, 0);
    assert_int_equal(b.n_unseen_sequences, 3);
    assert_int_equal(b.n_unseen, 2);
    const struct stg_behaviour_unseen *u = b.unseen;
    assert_true(u[0].call == ptrace && u[0].proc == FAKE_APACHE && !u[0].is_new_program && u[0].n == 4 &&
                u[0].n_sequences == 2);
    assert_true(u[0].index == 7 && u[0].last == 9);
    assert_true(u[1].call == FAKE_READ && u[1].proc == shell && u[1].is_new_program && u[1].n == 1 && u[1].index == 8);
    assert_true(u[1].is_thread); /* beside the first of its process */
    stg_behaviours_fini(&b);
    seqs[8].pid[seqs[8].n_threads - 1] = 999;
    assert_int_equal(stg_behaviours_find(&b, &f->model.base, &input, 1, &s, NULL), STG_OK);
    assert_false(b.unseen[1].is_thread);
    stg_behaviours_fini(&b);
    for (size_t i = 0; i < N; i++) {
        scores[i].value[s.aggregate] = 1e6; /* novel, but no behaviour is asked for */
    }
    s.most = 0;
    assert_int_equal(stg_behaviours_find(&b, &f->model.base, &input, 1, &s, NULL), STG_OK);
    assert_int_equal(b.n_unseen_sequences, 3);
    assert_true(b.n_sequences == N && b.n_novel == N && b.n == 0 && b.n_groups == 0);
    stg_behaviours_fini(&b);
    stg_vocab_fini(&names);
}

/* A hundred new calls of new programs do not hide what a known one does after them: those with most have some of no
 * consequence left out, each has one at least, and what stands there is counted right. */
static void test_unseen_flood(void **state)
{
    struct fixture *f = *state;
    enum { PROGRAMS = 5, CALLS = 30 };
    static struct fake_seq seqs[PROGRAMS + 1];
    static struct stg_score scores[PROGRAMS + 1];
    const struct stg_corpus corpus = fake_corpus_of(seqs, PROGRAMS + 1);
    struct stg_vocab names;
    const struct stg_behaviour_input input = {&corpus, &names, scores};
    struct stg_behaviours_settings s;
    struct stg_behaviours b = {0};
    uint16_t call[CALLS], proc[PROGRAMS], ptrace;
    size_t n_of[PROGRAMS] = {0}, n_ptrace = 0, n_execve = 0;
    stg_behaviours_settings_default(&s, &f->model.base);
    memset(seqs, 0, sizeof seqs);
    assert_int_equal(stg_vocab_copy(&names, &f->model.base.vocab), STG_OK);
    stg_vocab_extend(&names);
    for (int i = 0; i < CALLS; i++) {
        char name[16];
        snprintf(name, sizeof name, i == CALLS - 1 ? "execve" : "call%d", i);
        assert_int_equal(stg_vocab_call(&names, name, &call[i]), STG_OK);
    }
    assert_int_equal(stg_vocab_call(&names, "ptrace", &ptrace), STG_OK);
    for (int p = 0; p < PROGRAMS; p++) {
        char name[16];
        snprintf(name, sizeof name, "prog%d", p);
        assert_int_equal(stg_vocab_proc(&names, name, &proc[p]), STG_OK);
        for (int i = 0; i < 2 * CALLS; i++) {
            fake_put(&seqs[p], 200 + p, proc[p], call[i % CALLS], STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
        }
    }
    fake_put(&seqs[PROGRAMS], 101, FAKE_APACHE, ptrace, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    assert_int_equal(stg_behaviours_find(&b, &f->model.base, &input, 1, &s, NULL), STG_OK);
    assert_int_equal(b.n_unseen, STG_BEHAVIOUR_UNSEEN);
    assert_int_equal(b.n_unseen_sequences, PROGRAMS + 1);
    for (size_t i = 0; i < b.n_unseen; i++) {
        const struct stg_behaviour_unseen *u = &b.unseen[i];
        assert_true(i == 0 || u->index >= b.unseen[i - 1].index);
        n_ptrace += u->call == ptrace && u->proc == FAKE_APACHE && u->n == 1 && u->index == PROGRAMS;
        n_execve += u->call == call[CALLS - 1];
        assert_true(u->call == ptrace || (u->n == 2 && u->index == (size_t)(u->proc - proc[0])));
        n_of[u->proc >= proc[0] ? u->proc - proc[0] : 0] += u->call != ptrace;
    }
    assert_int_equal(n_ptrace, 1);
    assert_int_equal(n_execve, PROGRAMS);
    for (int p = 0; p < PROGRAMS; p++) {
        assert_in_range(n_of[p], CALLS / 2, CALLS);
    }
    stg_behaviours_fini(&b);
    stg_vocab_fini(&names);
}

/* Two sequences are as novel by their times; one has calls that the model has no name for, too, once each, and is not
 * the other's kind, although what it has no name for it is not surprised by. */
static void test_new_apart(void **state)
{
    struct fixture *f = *state;
    static struct fake_seq seqs[2];
    struct stg_score scores[2] = {{.n_tokens = 1}, {.n_tokens = 1}};
    const struct stg_corpus corpus = fake_corpus_of(seqs, 2);
    struct stg_vocab names;
    const struct stg_behaviour_input input = {&corpus, &names, scores};
    struct stg_behaviours_settings s;
    struct stg_behaviours b = {0};
    uint16_t call[2];
    stg_behaviours_settings_default(&s, &f->model.base);
    assert_int_equal(stg_vocab_copy(&names, &f->model.base.vocab), STG_OK);
    stg_vocab_extend(&names);
    assert_int_equal(stg_vocab_call(&names, "unshare", &call[0]), STG_OK);
    assert_int_equal(stg_vocab_call(&names, "setuid", &call[1]), STG_OK);
    for (size_t i = 0; i < 2; i++) {
        seqs[i] = f->seqs[1];
        scores[i].value[s.aggregate] = 1e6;
        scores[i].z[STG_CHANNEL_TIME] = 2.5f;
    }
    for (size_t k = 0; k < 2; k++) {
        fake_put(&seqs[1], 101, FAKE_APACHE, call[k], STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
        fake_put(&seqs[1], 101, FAKE_APACHE, call[k], STG_PHASE_EXIT, 0, 1);
    }
    assert_int_equal(stg_behaviours_find(&b, &f->model.base, &input, 1, &s, NULL), STG_OK);
    assert_int_equal(b.n_groups, 2);
    assert_true(b.items[0].n == 1 && b.items[1].n == 1);
    const struct stg_behaviour *x = &b.items[b.items[0].index == 1 ? 0 : 1];
    assert_int_equal(x->index, 1);
    size_t n_told = 0;
    for (size_t i = 0; i < x->n_surprises; i++) {
        n_told += x->surprises[i].kind.call == call[0] || x->surprises[i].kind.call == call[1];
        assert_int_equal(x->surprises[i].kind.phase, 0); /* what they return is no further news */
    }
    assert_int_equal(n_told, 2);
    stg_behaviours_fini(&b);
    stg_vocab_fini(&names);
}

/* A thread that ends where known ones go on: the end is what surprises, after which call, and what was expected. */
static void test_early_end(void **state)
{
    struct fixture *f = *state;
    static struct fake_seq seq;
    struct stg_score score = {.n_tokens = 1};
    const struct stg_corpus corpus = fake_corpus_of(&seq, 1);
    const struct stg_behaviour_input input = {&corpus, &f->model.base.vocab, &score};
    struct stg_behaviours_settings s;
    struct stg_behaviours b = {0};
    stg_behaviours_settings_default(&s, &f->model.base);
    memset(&seq, 0, sizeof seq);
    fake_put(&seq, 202, FAKE_MARIADB, FAKE_FUTEX, STG_PHASE_ENTRY, STG_RET_ABSENT, 0);
    fake_put(&seq, 202, FAKE_MARIADB, FAKE_FUTEX, STG_PHASE_EXIT, 0, 1); /* where it ends in training, too */
    fake_put(&seq, 101, FAKE_APACHE, FAKE_OPENAT, STG_PHASE_ENTRY, STG_RET_ABSENT, 0);
    fake_put(&seq, 101, FAKE_APACHE, FAKE_OPENAT, STG_PHASE_EXIT, 7, 12);
    score.value[s.aggregate] = 1e6;
    assert_int_equal(stg_behaviours_find(&b, &f->model.base, &input, 1, &s, NULL), STG_OK);
    assert_int_equal(b.n, 1);
    const struct stg_behaviour *x = &b.items[0];
    assert_int_equal(x->n_surprises, 1);
    assert_int_equal(x->surprises[0].kind.call, STG_TOKEN_END);
    assert_int_equal(x->surprises[0].kind.proc, FAKE_APACHE);
    assert_int_equal(x->surprises[0].before, FAKE_OPENAT);
    assert_true(x->surprises[0].weight > 0.99f);
    assert_int_equal(x->surprises[0].expected,
                     stg_symbols_find(f->model.base.symbols, FAKE_READ, STG_PHASE_ENTRY, STG_RET_ABSENT));
    assert_true(x->surprises[0].ret == STG_RET_ABSENT && x->surprises[0].expected_share > 0.5f);
    stg_behaviours_fini(&b);
    const enum stg_cut cut = f->model.base.recipe.cut;
    f->model.base.recipe.cut = STG_CUT_WINDOW; /* whose end is nobody's but the rule's */
    assert_int_equal(stg_behaviours_find(&b, &f->model.base, &input, 1, &s, NULL), STG_OK);
    f->model.base.recipe.cut = cut;
    assert_true(b.n == 1 && b.items[0].n_surprises == 0);
    stg_behaviours_fini(&b);
}

/* A request that opens files (some of them in vain) and closes some, and ends as every known one does. */
static void put_files(struct fake_seq *q, int opens, int fails, int closes)
{
    memset(q, 0, sizeof *q);
    for (int i = 0; i < opens + fails; i++) {
        fake_put(q, 101, FAKE_APACHE, FAKE_OPENAT, STG_PHASE_ENTRY, STG_RET_ABSENT, 0);
        fake_put(q, 101, FAKE_APACHE, FAKE_OPENAT, STG_PHASE_EXIT, i < opens ? 7 : -2, 12);
    }
    for (int i = 0; i < closes; i++) {
        fake_put(q, 101, FAKE_APACHE, FAKE_CLOSE, STG_PHASE_ENTRY, STG_RET_ABSENT, 2);
        fake_put(q, 101, FAKE_APACHE, FAKE_CLOSE, STG_PHASE_EXIT, 0, 1);
    }
    fake_put(q, 101, FAKE_APACHE, FAKE_WRITE, STG_PHASE_ENTRY, STG_RET_ABSENT, 2);
    fake_put(q, 101, FAKE_APACHE, FAKE_WRITE, STG_PHASE_EXIT, 15320, 9);
}

/* Whether it is said of the sequence that descriptors leak. */
static bool leaks(const struct fixture *f, struct fake_seq *seq, struct stg_behaviour *out)
{
    struct stg_vocab names;
    uint16_t id;
    assert_int_equal(stg_vocab_copy(&names, &f->model.base.vocab), STG_OK);
    assert_int_equal(stg_vocab_call(&names, "exit_group", &id), STG_OK);
    assert_int_equal(id, FAKE_CALLS);
    struct stg_score score = {.n_tokens = 1};
    const struct stg_corpus corpus = fake_corpus_of(seq, 1);
    const struct stg_behaviour_input input = {&corpus, &names, &score};
    struct stg_behaviours_settings s;
    struct stg_behaviours b = {0};
    stg_behaviours_settings_default(&s, &f->model.base);
    score.value[s.aggregate] = 1e6;
    assert_int_equal(stg_behaviours_find(&b, &f->model.base, &input, 1, &s, NULL), STG_OK);
    assert_int_equal(b.n, 1);
    *out = b.items[0];
    stg_behaviours_fini(&b);
    stg_vocab_fini(&names);
    return out->balance.leaks;
}

static void test_balance(void **state)
{
    struct fixture *f = *state;
    static struct fake_seq seq;
    struct stg_behaviour x;
    put_files(&seq, 3, 2, 1);
    assert_true(leaks(f, &seq, &x));
    assert_true(fabsf(x.balance.opened - 3) < 1e-6f && fabsf(x.balance.closed - 1) < 1e-6f);
    assert_true(fabsf(x.balance.usual_opened - 1) < 1e-6f && fabsf(x.balance.usual_closed - 1) < 1e-6f);
    put_files(&seq, 1, 0, 0); /* what is opened is as usual */
    assert_true(leaks(f, &seq, &x));
    put_files(&seq, 3, 0, 3);
    assert_false(leaks(f, &seq, &x));
    put_files(&seq, 1, 5, 1); /* failed calls open none */
    assert_false(leaks(f, &seq, &x));

    put_files(&seq, 3, 0, 1);
    seq.n_lost = 1; /* a close may be among what was lost */
    assert_false(leaks(f, &seq, &x));
    seq.n_lost = 0;
    seq.call[0] = FAKE_CALLS; /* exit_group closes all */
    assert_false(leaks(f, &seq, &x));
    seq.call[0] = FAKE_OPENAT;
    seq.n -= 2; /* it ends early: with its process, maybe */
    assert_false(leaks(f, &seq, &x));
    const enum stg_cut cut = f->model.base.recipe.cut;
    put_files(&seq, 3, 0, 1);
    f->model.base.recipe.cut = STG_CUT_PROCESS; /* whose end closes all */
    assert_false(leaks(f, &seq, &x));
    f->model.base.recipe.cut = STG_CUT_GIVEN;
    assert_false(leaks(f, &seq, &x));
    f->model.base.recipe.cut = cut;
    assert_true(leaks(f, &seq, &x));
}

/* Three sorts of call ten times as often are not every sort where they are the thread's own. */
static void test_own_scale(void **state)
{
    struct fixture *f = *state;
    static struct fake_seq seq;
    struct stg_behaviour x;
    const enum stg_scope scope = f->model.base.recipe.scope;
    put_files(&seq, 10, 0, 10);
    for (int i = 0; i < 9; i++) {
        fake_put(&seq, 101, FAKE_APACHE, FAKE_WRITE, STG_PHASE_ENTRY, STG_RET_ABSENT, 2);
        fake_put(&seq, 101, FAKE_APACHE, FAKE_WRITE, STG_PHASE_EXIT, 15320, 9);
    }
    f->model.base.recipe.scope = STG_SCOPE_SYSTEM;
    assert_false(leaks(f, &seq, &x));
    assert_true(fabsf(x.scale - 10) < 1e-6f && x.n_more == 0);
    f->model.base.recipe.scope = STG_SCOPE_THREAD;
    assert_false(leaks(f, &seq, &x));
    assert_true(fabsf(x.scale - 1) < 1e-6f);
    assert_int_equal(x.n_more, 3);
    f->model.base.recipe.scope = scope;
}

/* With too few calibration scores for alpha those above them all are novel, as the verdict counts them. */
static void test_few_calibrated(void **state)
{
    struct fixture *f = *state;
    static struct stg_score known[9], scores[N];
    const struct stg_corpus corpus = fake_corpus_of(f->seqs, N);
    const struct stg_behaviour_input input = {&corpus, &f->model.base.vocab, scores};
    struct stg_behaviours_settings s;
    struct stg_behaviours b = {0};
    for (size_t i = 0; i < 9; i++) {
        known[i].value[STG_AGGREGATE_MEAN] = (float)i;
    }
    for (size_t i = 0; i < N; i++) {
        scores[i].value[STG_AGGREGATE_MEAN] = i < 7 ? 9 : 8;
    }
    assert_int_equal(stg_calibrate(&f->model.base, known, 9), STG_OK);
    stg_behaviours_settings_default(&s, &f->model.base);
    s.aggregate = STG_AGGREGATE_MEAN;
    assert_int_equal(stg_behaviours_find(&b, &f->model.base, &input, 1, &s, NULL), STG_OK);
    assert_false(b.is_reachable);
    assert_int_equal(b.n_novel, 7);
    size_t n_beyond = 0;
    for (size_t i = 0; i < b.n; i++) {
        n_beyond += b.items[i].n_beyond;
    }
    assert_int_equal(n_beyond, 7);
    stg_behaviours_fini(&b);
    s.alpha = 0.2; /* two of ten: alpha is reachable, and 8 is within it */
    assert_int_equal(stg_behaviours_find(&b, &f->model.base, &input, 1, &s, NULL), STG_OK);
    assert_true(b.is_reachable);
    assert_int_equal(b.n_novel, N);
    stg_behaviours_fini(&b);
}

static int setup(void **state)
{
    static struct fixture f;
    struct stg_rng rng;
    stg_rng_seed(&rng, 3);
    for (size_t i = 0; i < N; i++) {
        fake_request(&f.seqs[i], i, &rng, i == 0 ? 0.5 : 0);
    }
    for (size_t i = 0; i < 2 * (size_t)N; i++) {
        fake_request(&f.odd[i], i, &rng, 0);
        for (size_t k = 0; k < f.odd[i].n && i >= N; k++) {
            const bool is_read = f.odd[i].call[k] == FAKE_READ && f.odd[i].phase[k] == STG_PHASE_EXIT;
            f.odd[i].ret[k] = is_read ? -5 : f.odd[i].ret[k];
        }
    }
    *state = &f;
    return fake_model_open(&f.model, f.seqs, N, STG_ORDER_THREAD) == STG_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fake_model_close(&((struct fixture *)*state)->model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_usual),
        cmocka_unit_test(test_usual_seen),
        cmocka_unit_test(test_usual_of_process),
        cmocka_unit_test(test_usual_duration),
        cmocka_unit_test(test_grouping),
        cmocka_unit_test(test_many_groups),
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_new_in_some), /* after test_found, which calibrates the model */
        cmocka_unit_test(test_unseen),
        cmocka_unit_test(test_unseen_flood),
        cmocka_unit_test(test_new_apart),
        cmocka_unit_test(test_early_end),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_own_scale),
        cmocka_unit_test(test_few_calibrated), /* the last: it calibrates anew */
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
