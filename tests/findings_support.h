/* For the tests of findings: behaviours that are made by hand. */
#ifndef TESTS_FINDINGS_SUPPORT_H
#define TESTS_FINDINGS_SUPPORT_H

#include "report/findings.h"

#include "fake_model.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture {
    struct stg_model model;
    struct stg_behaviours b;
    struct stg_behaviour x;
    struct finding f[FINDINGS];
    size_t n;
};

static inline uint16_t call_of(struct fixture *t, const char *name)
{
    uint16_t id;
    assert_int_equal(stg_vocab_call(&t->b.names, name, &id), STG_OK);
    return id;
}

/* A model that knows reads that return 104 to 111, and 8. */
static inline int setup(void **state)
{
    static struct fixture t;
    static struct fake_seq seq;
    struct stg_corpus corpus = fake_corpus_of(&seq, 1);
    uint16_t id;
    memset(&t, 0, sizeof t);
    memset(&seq, 0, sizeof seq);
    assert_int_equal(stg_vocab_init(&t.model.vocab), STG_OK);
    assert_int_equal(stg_vocab_call(&t.model.vocab, "read", &id), STG_OK);
    assert_int_equal(stg_vocab_proc(&t.model.vocab, "apache2", &id), STG_OK);
    assert_int_equal(
        stg_symbols_new(&t.model.symbols, STG_FIELD_CALL | STG_FIELD_PHASE | STG_FIELD_RET | STG_FIELD_SIZE), STG_OK);
    assert_int_equal(stg_symbols_bind(t.model.symbols, &t.model.vocab), STG_OK);
    fake_put(&seq, 1, FAKE_APACHE, FAKE_READ, STG_PHASE_EXIT, 108, 1);
    fake_put(&seq, 1, FAKE_APACHE, FAKE_READ, STG_PHASE_EXIT, 8, 1);
    fake_put(&seq, 1, FAKE_APACHE, FAKE_READ, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    assert_int_equal(stg_symbols_fit(t.model.symbols, &corpus), STG_OK);
    assert_int_equal(stg_vocab_copy(&t.b.names, &t.model.vocab), STG_OK);
    t.b.n_novel = t.b.n_examined = 10;
    t.b.n_sequences = 20;
    t.b.n_groups = 1;
    *state = &t;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *t = *state;
    stg_vocab_fini(&t->model.vocab);
    stg_vocab_fini(&t->b.names);
    stg_symbols_free(t->model.symbols);
    return 0;
}

static inline void begin(struct fixture *t)
{
    t->x = (struct stg_behaviour){.n = 10, .n_estimated = 10, .scale = 1, .highest = -1, .highest_known = -1};
    t->b.duration = (struct stg_usual){0};
}

static inline void make(struct fixture *t)
{
    memset(t->f, 0, sizeof t->f);
    t->n = findings_make(&t->model, &t->b, &t->x, t->f);
    assert_in_range(t->n, 1, FINDINGS);
}

static inline struct stg_behaviour_change *more(struct fixture *t, const char *call, float now, float share,
                                                float usual)
{
    struct stg_behaviour_change *c = &t->x.more[t->x.n_more++];
    *c = (struct stg_behaviour_change){.kind = {.call = call_of(t, call), .proc = FAKE_APACHE},
                                       .now = now,
                                       .share = share,
                                       .low = now,
                                       .high = now,
                                       .weight = 0.1f};
    c->usual = (struct stg_usual){usual, usual, usual, usual > 0 ? 1 : 0};
    return c;
}

/* The size class of what was returned (detect/usual.h). */
static inline uint8_t class_of(int64_t ret)
{
    return ret < 0 ? 0 : ret == 0 ? 1 : (uint8_t)(65 - __builtin_clzll((uint64_t)ret));
}

/* Fewer, or more, reads that return about that than usual. */
static inline struct stg_behaviour_change *reads(struct stg_behaviour_change *list, size_t *n, int64_t about, float now,
                                                 float usual)
{
    struct stg_behaviour_change *c = &list[(*n)++];
    *c = (struct stg_behaviour_change){.kind = {.call = FAKE_READ,
                                                .proc = FAKE_APACHE,
                                                .phase = STG_PHASE_EXIT,
                                                .errno_class = 1,
                                                .size = class_of(about)},
                                       .now = now,
                                       .share = now > 0 ? 1 : 0,
                                       .low = now,
                                       .high = now,
                                       .weight = 0.2f,
                                       .usual = {usual, usual, usual, usual > 0 ? 1 : 0}};
    return c;
}

static inline struct stg_behaviour_surprise *surprise(struct fixture *t, const char *call, uint8_t phase, int64_t ret,
                                                      int64_t expected)
{
    struct stg_behaviour_surprise *s = &t->x.surprises[t->x.n_surprises++];
    *s = (struct stg_behaviour_surprise){
        .kind = {.call = call_of(t, call), .proc = FAKE_APACHE, .phase = phase, .size = class_of(ret)},
        .weight = 0.4f,
        .before = FAKE_READ,
        .ret = ret,
        .expected = stg_symbols_find(t->model.symbols, FAKE_READ, STG_PHASE_EXIT, expected),
        .expected_share = 0.9f};
    return s;
}

static inline void assert_says(const struct finding *f, const char *what, const char *means)
{
    assert_string_equal(f->what, what);
    assert_string_equal(f->means, means);
}

static inline void put_unseen(struct fixture *t, const char *call, uint16_t proc, size_t n, size_t n_sequences)
{
    t->b.unseen[t->b.n_unseen++] = (struct stg_behaviour_unseen){.call = call_of(t, call),
                                                                 .proc = proc,
                                                                 .is_new_program = proc != FAKE_APACHE,
                                                                 .n = n,
                                                                 .n_sequences = n_sequences};
}

#endif
