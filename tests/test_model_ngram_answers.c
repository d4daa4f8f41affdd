/* Answers of an n-gram by key against the trie, which is the definition. */
#include "base/memory.h"
#include "base/rng.h"
#include "model/ngram.h"
#include "must.h"

#include <stdlib.h>

enum { LONG = 30000, SHORT = 40, ORDER = 6, CALLS = 6, SYMBOLS = STG_TOKEN_SPECIALS + CALLS };

struct fixture {
    struct stg_counts counts;
    struct stg_ngram_table table;
    float *log_p, *backoff;
    struct stg_rng rng;
    uint32_t symbols[LONG];
};

/* The next symbol depends on the one before, now and then it does not, and some are passed over. */
static size_t fill(struct fixture *f, size_t n, uint64_t odd)
{
    size_t at = 0;
    f->symbols[at++] = STG_TOKEN_START;
    for (; at < n; at++) {
        const uint32_t next = STG_TOKEN_SPECIALS + (f->symbols[at - 1] * 7 + 3) % CALLS;
        f->symbols[at] =
            stg_rng_below(&f->rng, odd) == 0 ? STG_TOKEN_SPECIALS + (uint32_t)stg_rng_below(&f->rng, CALLS) : next;
        f->symbols[at] = stg_rng_below(&f->rng, 50) == 0 ? STG_TOKEN_MASK : f->symbols[at];
    }
    return n;
}

static void fit(struct fixture *f, enum stg_ngram_kind kind)
{
    stg_rng_seed(&f->rng, 5);
    must(stg_counts_init(&f->counts, ORDER));
    for (size_t i = 0; i < 200; i++) {
        uint32_t state = 0;
        const size_t n = fill(f, 2 + stg_rng_below(&f->rng, SHORT), 4);
        for (size_t k = 0; k < n; k++) {
            if (f->symbols[k] != STG_TOKEN_MASK) {
                must(stg_counts_put(&f->counts, &state, f->symbols[k], k > 0));
            }
        }
    }
    const struct stg_counts *c = &f->counts;
    must(stg_mem_zeroed(&f->log_p, c->n, sizeof *f->log_p));
    must(stg_mem_zeroed(&f->backoff, c->n, sizeof *f->backoff));
    must(stg_ngram_estimate(kind, c, SYMBOLS, f->log_p, f->backoff));
    f->table = (struct stg_ngram_table){c->n,      c->n_slots, c->parent, c->suffix,  c->symbol, c->raw,
                                        c->length, c->slot,    f->log_p,  f->backoff, NULL};
    must(stg_ngram_index(&f->table));
}

static void expect_same(const struct fixture *f, enum stg_ngram_kind kind, struct stg_ngram_answers *answers, size_t n,
                        size_t from)
{
    float *out = NULL; /* as long as it need be, so that what goes over its end is found */
    uint32_t state = 0;
    must(stg_mem_zeroed(&out, n - from, sizeof *out));
    must(stg_ngram_answers_score(answers, f->symbols, n, from, out));
    for (size_t i = 0; i < n; i++) {
        const bool masked = f->symbols[i] == STG_TOKEN_MASK;
        const float expected = masked ? 0 : -stg_ngram_advance(kind, &f->table, ORDER, SYMBOLS, &state, f->symbols[i]);
        assert_true(i < from || out[i - from] == expected);
    }
    stg_mem_free(out);
}

/* Before all are taken and after, with contexts of many lengths, and where more different n-grams come than there is
 * room for. */
static void answers_are_those_of_the_trie(void **state)
{
    static struct fixture f;
    (void)state;
    for (enum stg_ngram_kind kind = STG_NGRAM_KNESER_NEY; kind <= STG_NGRAM_STIDE; kind++) {
        struct stg_ngram_answers *answers = NULL;
        if (kind == STG_NGRAM_EXPECTED) {
            continue; /* its probabilities come from a teacher */
        }
        f = (struct fixture){0};
        fit(&f, kind);
        must(stg_ngram_answers_new(&answers, kind, &f.table, ORDER, SYMBOLS));
        assert_non_null(answers);
        for (size_t i = 0; i < 300; i++) {
            const size_t n = fill(&f, i == 150 ? LONG : 2 + stg_rng_below(&f.rng, 4 * SHORT), i == 150 ? 1 : 4);
            expect_same(&f, kind, answers, n, i % 2 == 0 ? 1 : stg_rng_below(&f.rng, n));
        }
        stg_ngram_answers_free(answers);
        stg_mem_free(f.table.node);
        stg_mem_free(f.log_p);
        stg_mem_free(f.backoff);
        stg_counts_fini(&f.counts);
    }
}

static void a_key_is_not_too_wide(void **state)
{
    const struct stg_ngram_table none = {0};
    struct stg_ngram_answers *answers = NULL;
    (void)state;
    must(stg_ngram_answers_new(&answers, STG_NGRAM_STIDE, &none, 8, 256));
    assert_non_null(answers);
    stg_ngram_answers_free(answers);
    must(stg_ngram_answers_new(&answers, STG_NGRAM_STIDE, &none, 8, 257));
    assert_null(answers);
    stg_ngram_answers_free(answers);
}

/* Each allocation in turn: without room nothing is kept, and the next call goes on. */
static void memory_fails(void **state)
{
    static struct fixture f;
    struct stg_ngram_answers *answers = NULL;
    float out[LONG];
    (void)state;
    fit(&f, STG_NGRAM_KNESER_NEY);
    for (uint64_t n = 1; n <= 2; n++) {
        stg_mem_fail_at(n);
        assert_int_equal(stg_ngram_answers_new(&answers, STG_NGRAM_KNESER_NEY, &f.table, ORDER, SYMBOLS),
                         STG_ERR_MEMORY);
        assert_null(answers);
    }
    must(stg_ngram_answers_new(&answers, STG_NGRAM_KNESER_NEY, &f.table, ORDER, SYMBOLS));
    const size_t n = fill(&f, LONG, 1);
    must(stg_ngram_answers_score(answers, f.symbols, n, 1, out));
    for (uint64_t k = 1; k <= 2; k++) {
        stg_mem_fail_at(k);
        assert_int_equal(stg_ngram_answers_score(answers, f.symbols, n, 1, out), STG_ERR_MEMORY);
    }
    stg_mem_fail_at(0);
    expect_same(&f, STG_NGRAM_KNESER_NEY, answers, n, 1);
    stg_ngram_answers_free(answers);
    stg_mem_free(f.table.node);
    stg_mem_free(f.log_p);
    stg_mem_free(f.backoff);
    stg_counts_fini(&f.counts);
}

/* Where there is no room for all n-grams none is taken: of this table, whose numbers are not there, none could be read.
 * That they do not fit was a key of each in every thread. */
static void too_many_are_not_taken(void **state)
{
    const uint32_t no_slots[2] = {0};
    const uint8_t no_lengths[1] = {0};
    const float no_backoff[1] = {0};
    struct stg_ngram_node root = {0};
    const struct stg_ngram_table many = {
        .n = 1 << 20, .n_slots = 2, .slot = no_slots, .length = no_lengths, .backoff = no_backoff, .node = &root};
    static struct fixture f;
    static float out[LONG];
    struct stg_ngram_answers *answers = NULL;
    (void)state;
    stg_rng_seed(&f.rng, 6);
    must(stg_ngram_answers_new(&answers, STG_NGRAM_STIDE, &many, 8, 256));
    for (size_t k = 0; k < 4; k++) {
        for (size_t i = 0; i < LONG; i++) {
            f.symbols[i] = STG_TOKEN_SPECIALS + (uint32_t)stg_rng_below(&f.rng, 256 - STG_TOKEN_SPECIALS);
        }
        must(stg_ngram_answers_score(answers, f.symbols, LONG, 0, out));
        assert_true(out[LONG - 1] > 6); /* unknown */
    }
    stg_ngram_answers_free(answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_trie),
        cmocka_unit_test(a_key_is_not_too_wide),
        cmocka_unit_test(memory_fails),
        cmocka_unit_test(too_many_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
