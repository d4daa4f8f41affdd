/* What STIDE and the n-gram share: a table of n-grams with a probability each, queried as an automaton. */
#ifndef STG_MODEL_NGRAM_H
#define STG_MODEL_NGRAM_H

#include "model/counts.h"
#include "model/model.h"

enum stg_ngram_kind {
    STG_NGRAM_KNESER_NEY, /* interpolated, modified (Chen and Goodman 1998, section 3) */
    STG_NGRAM_PAPER,      /* maximum likelihood, 1/V for the unseen, as the baseline of arXiv 2309.02206 */
    STG_NGRAM_EXPECTED,   /* kneser-ney, of counts expected by a teacher (ngram_expected.c) */
    STG_NGRAM_STIDE,      /* only whether the window was seen (Hofmeyr, Forrest and Somayaji 1998) */
};

static inline bool stg_ngram_interpolated(enum stg_ngram_kind kind)
{
    return kind == STG_NGRAM_KNESER_NEY || kind == STG_NGRAM_EXPECTED;
}

/* What a query reads of a node, in one place: one cache line a step. */
struct stg_ngram_node {
    uint32_t parent, suffix;
    uint32_t symbol : 24, length : 8; /* there are at most 2^24 symbols */
    float log_p;
};

/* The frozen model: arrays borrowed from counts (after fit) or from the file (after load). */
struct stg_ngram_table {
    size_t n, n_slots;
    const uint32_t *parent, *suffix, *symbol;
    const uint64_t *raw;
    const uint8_t *length;
    const uint32_t *slot;        /* (n_slots) as in struct stg_counts */
    const float *log_p;          /* (n) ln p(last symbol | rest); kneser-ney: interpolated */
    const float *backoff;        /* (n) ln of the weight of the shorter context; 0 when the context was never seen */
    struct stg_ngram_node *node; /* (n) of the above; owned */
};

/* Makes table->node from the other arrays. */
enum stg_status stg_ngram_index(struct stg_ngram_table *t) STG_MUST_USE;

/* Probabilities from counts, for symbols 0 … n_symbols − 1; log_p and backoff have room for counts->n. */
enum stg_status stg_ngram_estimate(enum stg_ngram_kind kind, const struct stg_counts *counts, size_t n_symbols,
                                   float *log_p, float *backoff) STG_MUST_USE;

/* Chen and Goodman 1998, equation 26, from the numbers n[1 … 4] of n-grams of one length that occur so often (expected
 * ones too): Y = n1 / (n1 + 2 n2), D_i = i − (i + 1) Y n_{i+1} / n_i. Where too few are there to estimate them, or what
 * is estimated leaves nothing for the new: 0.5, 1 and 1.5. */
void stg_ngram_discounts(const double n[5], double out[4]);

/* Fills c, which is new, with n-grams of the corpus and of what the teacher expects instead, and makes their
 * probabilities: *log_p and *backoff (c->n), the caller's to free, also after a failure. Does not depend on the number
 * of threads. */
enum stg_status stg_ngram_learn(struct stg_counts *c, const struct stg_model *m, const struct stg_corpus *corpus,
                                const struct stg_teacher *teacher, struct stg_pool *pool, struct stg_progress *progress,
                                float **log_p, float **backoff) STG_MUST_USE;

/* ln p(symbol | *state); *state becomes the longest known context that ends with it, at most order − 1 long. */
float stg_ngram_advance(enum stg_ngram_kind kind, const struct stg_ngram_table *t, uint32_t order, size_t n_symbols,
                        uint32_t *state, uint32_t symbol);

/* The last `order` symbols as one key, the newest in the lowest bits; 0 where there are fewer, as no symbol is 0
 * ([MASK] never happens). */
struct stg_ngram_packing {
    uint32_t order, bits; /* bits of a symbol; order × bits ≤ 64 */
    uint64_t mask;        /* of a key */
};

/* Answers by key (ngram_answers.c): some megabytes at most; one of them serves one thread. */
struct stg_ngram_answers;

/* The table is borrowed. *out is NULL, which is no failure, where n_symbols different symbols do not fit into a key. */
enum stg_status stg_ngram_answers_new(struct stg_ngram_answers **out, enum stg_ngram_kind kind,
                                      const struct stg_ngram_table *table, uint32_t order,
                                      size_t n_symbols) STG_MUST_USE;
void stg_ngram_answers_free(struct stg_ngram_answers *r);
/* The surprisals of symbols[0 … n), those from row `from` on into out: of each what stg_ngram_advance() says after
 * those before, 0 of [MASK], which is passed over. */
enum stg_status stg_ngram_answers_score(struct stg_ngram_answers *r, const uint32_t *symbols, size_t n, size_t from,
                                        float *out) STG_MUST_USE;

struct stg_ngram_count {
    uint64_t key, times; /* sorted by the key, which comes first (base/sort.h) */
};

/* False when n_symbols different symbols do not fit. */
static inline bool stg_ngram_packing(struct stg_ngram_packing *p, uint32_t order, size_t n_symbols)
{
    uint32_t bits = 1;
    while (bits < 32 && (n_symbols - 1) >> bits != 0) {
        bits++;
    }
    const uint32_t all = order * bits;
    *p = (struct stg_ngram_packing){order, bits, all >= 64 ? UINT64_MAX : (UINT64_C(1) << all) - 1};
    return all <= 64;
}
static inline uint64_t stg_ngram_pack(struct stg_ngram_packing p, uint64_t key, uint32_t symbol)
{
    return (key << p.bits | symbol) & p.mask;
}
/* The symbol that is i from the end. */
static inline uint32_t stg_ngram_packed(struct stg_ngram_packing p, uint64_t key, uint32_t i)
{
    return (uint32_t)(key >> (p.bits * i) & ((UINT64_C(1) << p.bits) - 1));
}

/* Adds every walk of the corpus to c. */
enum stg_status stg_ngram_count(struct stg_counts *c, const struct stg_model *m, const struct stg_corpus *corpus,
                                struct stg_pool *pool, struct stg_progress *progress) STG_MUST_USE;

/* Symbols that can follow: all but [MASK], [START] and [TRUNCATE]. */
static inline size_t stg_ngram_outcomes(size_t n_symbols)
{
    return n_symbols - 3;
}
static inline bool stg_ngram_predictable(uint32_t symbol)
{
    return symbol != STG_TOKEN_MASK && symbol != STG_TOKEN_START && symbol != STG_TOKEN_TRUNCATE;
}

/* What a teacher expects with a smaller probability, after mixing, is no n-gram: the shorter context has it. */
#define STG_NGRAM_LEAST 0.01f
/* STIDE: surprisal of an unknown window is −ln of this, of a known one −ln(1 − this). */
#define STG_STIDE_UNKNOWN 1e-3
/* ln p of what cannot follow: small enough to be nothing, finite so that sums stay numbers. */
#define STG_NGRAM_IMPOSSIBLE (-100.0f)

#endif
