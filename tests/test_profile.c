#include "explain/extremes.h"
#include "explain/profile.h"

#include "fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CALLS = 4 };

/* Corpora without a clock. */
static void get_timeless(void *context, size_t i, struct stg_seq *out)
{
    fake_corpus_get(context, i, out);
    out->flags = STG_SEQ_NO_TIME;
}

/* Calls of two vocabularies add up by name; exits do not count. */
static void test_tallies(void **state)
{
    (void)state;
    static struct fake_seq f[2];
    struct stg_vocab first, other;
    struct stg_profile p, none;
    uint16_t id;
    assert_int_equal(fake_vocab(&first, CALLS), STG_OK);
    assert_int_equal(stg_vocab_init(&other), STG_OK);
    assert_int_equal(stg_vocab_call(&other, "another", &id), STG_OK);
    assert_int_equal(stg_vocab_call(&other, "call1", &id),
                     STG_OK); /* 6, as in the first; "another" is 5, which is call0 there */
    assert_int_equal(stg_vocab_proc(&first, "php", &id), STG_OK);
    assert_int_equal(stg_vocab_proc(&other, "web", &id), STG_OK);
    assert_int_equal(stg_vocab_proc(&other, "db", &id), STG_OK);
    for (int i = 0; i < 3; i++) {
        fake_put(&f[0], 1, 5, 5, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
        fake_put(&f[0], 1, 5, 5, STG_PHASE_EXIT, 0, 1);
    }
    fake_put(&f[0], 1, 5, 6, STG_PHASE_NONE, STG_RET_ABSENT, 1);
    fake_put(&f[1], 1, 5, 5, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    fake_put(&f[1], 2, 6, 6, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    const struct stg_corpus a = fake_corpus_of(f, 1);
    struct stg_corpus b = fake_corpus_of(f + 1, 1);
    b.get = get_timeless;
    assert_int_equal(stg_profile_init(&p), STG_OK);
    assert_int_equal(stg_profile_add(&p, &b, &other), STG_OK);
    assert_false(p.has_time);
    assert_int_equal(stg_profile_add(&p, &a, &first), STG_OK);
    assert_true(p.has_time);
    assert_int_equal(p.n_calls, 6);
    assert_int_equal(p.n_sequences, 2);
    assert_int_equal(stg_tally_of(&p.calls, "call0"), 3);
    assert_int_equal(stg_tally_of(&p.calls, "call1"), 2);
    assert_int_equal(stg_tally_of(&p.calls, "another"), 1);
    assert_int_equal(stg_tally_of(&p.calls, "call2"), 0);
    assert_int_equal(stg_tally_of(&p.procs, "php"), 4);
    assert_int_equal(stg_tally_of(&p.procs, "web"), 1);
    assert_int_equal(stg_tally_of(&p.procs, "db"), 1);
    const char *top[3];
    assert_int_equal(stg_tally_top(&p.calls, p.n_calls, NULL, 0, top, 2), 2);
    assert_string_equal(top[0], "call0");
    assert_string_equal(top[1], "call1");
    assert_int_equal(stg_profile_init(&none), STG_OK);
    assert_int_equal(stg_tally_top(&none.calls, 0, &p.calls, p.n_calls, top, 3), 3);
    assert_string_equal(top[2], "another");
    assert_int_equal(stg_tally_top(&p.calls, p.n_calls, &none.calls, 0, top, 3), 3); /* the other way round */
    assert_string_equal(top[0], "call0");
    stg_profile_fini(&p);
    stg_profile_fini(&none);
    stg_vocab_fini(&first);
    stg_vocab_fini(&other);
}

/* By shares, not by counts: what is rare in the larger set but frequent in the smaller one comes first. */
static void test_top_by_shares(void **state)
{
    (void)state;
    static struct fake_seq f[3];
    struct stg_vocab v;
    struct stg_profile p[3];
    const char *top[CALLS];
    assert_int_equal(fake_vocab(&v, CALLS), STG_OK);
    for (int i = 0; i < 100; i++) {
        fake_put(&f[0], 1, STG_TOKEN_UNKNOWN,
                 (uint16_t)(i < 40   ? 5
                            : i < 75 ? 6
                                     : 7),
                 STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    }
    fake_put(&f[1], 1, STG_TOKEN_UNKNOWN, 8, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    fake_put(&f[1], 1, STG_TOKEN_UNKNOWN, 7, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    for (uint16_t c = 5; c < 8; c++) {
        fake_put(&f[2], 1, STG_TOKEN_UNKNOWN, c, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    }
    for (size_t k = 0; k < 3; k++) {
        const struct stg_corpus c = fake_corpus_of(&f[k], 1);
        assert_int_equal(stg_profile_init(&p[k]), STG_OK);
        assert_int_equal(stg_profile_add(&p[k], &c, &v), STG_OK);
    }
    assert_int_equal(stg_tally_top(&p[0].calls, p[0].n_calls, &p[1].calls, p[1].n_calls, top, CALLS), CALLS);
    assert_string_equal(top[0], "call2"); /* ¼ and ½ */
    assert_string_equal(top[1], "call3"); /* ½ */
    assert_string_equal(top[2], "call0");
    assert_string_equal(top[3], "call1");
    assert_int_equal(stg_tally_top(&p[0].calls, p[0].n_calls, &p[1].calls, p[1].n_calls, top, 1), 1);
    assert_string_equal(top[0], "call2");
    assert_int_equal(stg_tally_top(&p[2].calls, p[2].n_calls, NULL, 0, top, CALLS), 3);
    assert_string_equal(top[0], "call0"); /* as often, each: by name */
    assert_string_equal(top[2], "call2");
    for (size_t k = 0; k < 3; k++) {
        stg_profile_fini(&p[k]);
    }
    stg_vocab_fini(&v);
}

static void test_top_of_many(void **state)
{
    enum { MANY = STG_TALLY_TOP + 20 };
    static struct fake_seq f;
    struct stg_vocab v;
    struct stg_profile p;
    const char *top[MANY];
    (void)state;
    assert_int_equal(fake_vocab(&v, MANY), STG_OK);
    for (int c = 0; c < MANY; c++) {
        fake_put(&f, 1, STG_TOKEN_UNKNOWN, (uint16_t)(STG_TOKEN_SPECIALS + c), STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    }
    const struct stg_corpus c = fake_corpus_of(&f, 1);
    assert_int_equal(stg_profile_init(&p), STG_OK);
    assert_int_equal(stg_profile_add(&p, &c, &v), STG_OK);
    assert_int_equal(stg_tally_top(&p.calls, p.n_calls, NULL, 0, top, MANY), STG_TALLY_TOP);
    assert_string_equal(top[0], "call0");
    assert_int_equal(stg_tally_top(&p.calls, p.n_calls, NULL, 0, top, 0), 0);
    stg_profile_fini(&p);
    stg_vocab_fini(&v);
}

static void test_pick(void **state)
{
    static const float values[] = {3, 1, 2, 2, 5, 4, 0};
    struct stg_score scores[7];
    struct stg_extremes e;
    (void)state;
    memset(scores, 0, sizeof scores);
    for (size_t i = 0; i < 7; i++) {
        scores[i].value[STG_AGGREGATE_MEAN] = values[i];
    }
    struct stg_scored_set set = {"known", scores, 7};
    assert_int_equal(stg_extremes_pick(&e, &set, STG_AGGREGATE_MEAN, 3), STG_OK);
    assert_int_equal(e.n_low, 3);
    assert_int_equal(e.n_high, 3);
    static const size_t want[] = {6, 1, 2, 4, 5, 0};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(e.items[i].i, want[i]);
    }
    stg_extremes_fini(&e);
    assert_int_equal(stg_extremes_pick(&e, &set, STG_AGGREGATE_MEAN, 10), STG_OK); /* no sequence twice */
    assert_int_equal(e.n_high, 4);
    assert_int_equal(e.n_low, 3);
    assert_int_equal(e.items[3].i, 4);
    assert_int_equal(e.items[6].i, 2); /* of the two 2 the first one of the set */
    assert_int_equal(e.items[2].i, 3);
    stg_extremes_fini(&e);
    for (size_t i = 0; i < 7; i++) {
        scores[i].value[STG_AGGREGATE_MEAN] = 1;
    }
    set.n = 5;
    assert_int_equal(stg_extremes_pick(&e, &set, STG_AGGREGATE_MEAN, 2), STG_OK);
    assert_int_equal(e.items[0].i, 2);
    assert_int_equal(e.items[1].i, 3);
    assert_int_equal(e.items[2].i, 0);
    assert_int_equal(e.items[3].i, 1);
    stg_extremes_fini(&e);
    set.n = 1;
    assert_int_equal(stg_extremes_pick(&e, &set, STG_AGGREGATE_MEAN, 10), STG_OK);
    assert_int_equal(e.n_high, 1);
    assert_int_equal(e.n_low, 0);
    stg_extremes_fini(&e);
    set.n = 0;
    assert_int_equal(stg_extremes_pick(&e, &set, STG_AGGREGATE_MEAN, 10), STG_OK);
    assert_int_equal(e.n_high + e.n_low, 0);
    stg_extremes_fini(&e);
}

static void test_blame(void **state)
{
    (void)state;
    static struct fake_seq f[40];
    struct fake_model model;
    struct stg_explanation x;
    struct stg_extreme e = {.i = 0};
    struct stg_rng rng;
    struct stg_seq seq;
    stg_rng_seed(&rng, 1);
    for (size_t i = 0; i < 40; i++) {
        fake_request(&f[i], i, &rng, 0);
    }
    assert_int_equal(fake_model_open(&model, f, 40, STG_ORDER_THREAD), STG_OK);
    f[3].call[6] = FAKE_EPOLL; /* never seen */
    fake_seq_get(&f[3], &seq);
    assert_int_equal(stg_extreme_blame(&e, &model.base, &seq, &model.base.vocab), STG_OK);
    assert_ptr_equal(e.names, &model.base.vocab);
    assert_true(e.has_time);
    assert_int_equal(stg_explain(&x, &model.base, &seq, &model.base.vocab, 0), STG_OK);
    assert_int_equal(e.blamed.index, x.events[x.ranked[0]].index);
    assert_in_range(e.blamed.index, 6, 8);
    stg_explanation_fini(&x);
    fake_model_close(&model);
}

/* What is too long is not searched, and told by names that are not there. */
static void test_blame_long(void **state)
{
    enum { N = STG_EXTREME_EVENTS + 1 };
    static uint16_t call[N], thread[N];
    static uint8_t phase[N];
    static int64_t ret[N], time_ns[N];
    static const int32_t tid = 1;
    static const uint16_t proc = FAKE_PHP;
    static struct fake_seq f;
    struct fake_model model;
    struct stg_extreme e = {.i = 0};
    struct stg_seq seq = {.n = N,
                          .call = call,
                          .phase = phase,
                          .ret = ret,
                          .time_ns = time_ns,
                          .thread = thread,
                          .n_threads = 1,
                          .thread_tid = &tid,
                          .thread_pid = &tid,
                          .thread_proc = &proc,
                          .end_ns = N};
    (void)state;
    for (size_t i = 0; i < N; i++) {
        call[i] = FAKE_READ;
        phase[i] = STG_PHASE_ENTRY;
        ret[i] = STG_RET_ABSENT;
        time_ns[i] = (int64_t)i;
    }
    fake_put(&f, 1, FAKE_PHP, FAKE_READ, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    assert_int_equal(fake_model_open(&model, &f, 1, STG_ORDER_THREAD), STG_OK);
    assert_int_equal(stg_extreme_blame(&e, &model.base, &seq, &model.base.vocab), STG_OK);
    assert_null(e.names);
    seq.n = STG_EXTREME_EVENTS;
    assert_int_equal(stg_extreme_blame(&e, &model.base, &seq, &model.base.vocab), STG_OK);
    assert_ptr_equal(e.names, &model.base.vocab);
    fake_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tallies), cmocka_unit_test(test_top_by_shares), cmocka_unit_test(test_top_of_many),
        cmocka_unit_test(test_pick),    cmocka_unit_test(test_blame),         cmocka_unit_test(test_blame_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
