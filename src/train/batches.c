#include "train/batches.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define POOL_BATCHES 50 /* batches' worth of sequences that are sorted together */

enum stg_status stg_batches_init(struct stg_batches *b, const struct stg_corpus *corpus, uint32_t sequences,
                                 uint32_t tokens, size_t max_walk)
{
    memset(b, 0, sizeof *b);
    if (corpus->n >= UINT32_MAX - 1) {
        return stg_fail(STG_ERR_UNSUPPORTED, "more than 4,294,967,293 sequences: train on fewer");
    }
    b->corpus = corpus;
    b->sequences = sequences;
    b->tokens = tokens == 0 ? 1 : tokens;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->lengths, corpus->n, sizeof *b->lengths));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->order, corpus->n, sizeof *b->order));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->begin, corpus->n + 1, sizeof *b->begin));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->visit, corpus->n, sizeof *b->visit));
    for (size_t i = 0; i < corpus->n; i++) {
        struct stg_seq seq;
        stg_corpus_get(corpus, i, &seq);
        size_t n = seq.n + 1;
        n = max_walk != 0 && n > max_walk ? max_walk : n;
        b->lengths[i] = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    }
    return STG_OK;
}

void stg_batches_fini(struct stg_batches *b)
{
    stg_mem_free(b->lengths);
    stg_mem_free(b->order);
    stg_mem_free(b->begin);
    stg_mem_free(b->visit);
    memset(b, 0, sizeof *b);
}

/* Longest first, so that a batch's first sequence sets its width; equal ones by number, so that the order is one. */
static int by_length(const void *a_, const void *b_, void *lengths_)
{
    const uint32_t a = *(const uint32_t *)a_, b = *(const uint32_t *)b_, *lengths = lengths_;
    if (lengths[a] != lengths[b]) {
        return lengths[a] > lengths[b] ? -1 : 1;
    }
    return a < b ? -1 : a > b;
}

/* Whether a batch with these totals is full before another sequence of `length` tokens. */
static bool is_full(const struct stg_batches *b, size_t n, uint64_t tokens, uint32_t length)
{
    return n > 0 && (b->sequences > 0 ? n >= b->sequences : tokens + length > b->tokens);
}

/* The end of the pool that begins at `at`. */
static size_t pool_end(const struct stg_batches *b, size_t at)
{
    if (b->sequences > 0) {
        const size_t n = (size_t)b->sequences * POOL_BATCHES;
        return n < b->corpus->n - at ? at + n : b->corpus->n;
    }
    uint64_t tokens = 0;
    while (at < b->corpus->n && tokens < (uint64_t)b->tokens * POOL_BATCHES) {
        tokens += b->lengths[b->order[at++]];
    }
    return at;
}

static void cut_pool(struct stg_batches *b, size_t first, size_t end)
{
    uint64_t tokens = 0;
    size_t n = 0;
    for (size_t i = first; i < end; i++) {
        const uint32_t length = b->lengths[b->order[i]];
        if (n == 0 || is_full(b, n, tokens, length)) {
            b->begin[b->n++] = (uint32_t)i;
            tokens = 0;
            n = 0;
        }
        tokens += length;
        n++;
    }
}

void stg_batches_shuffle(struct stg_batches *b, struct stg_rng *rng)
{
    const size_t n = b->corpus->n;
    for (size_t i = 0; i < n; i++) {
        b->order[i] = (uint32_t)i;
    }
    stg_rng_shuffle(rng, b->order, n);
    b->n = 0;
    for (size_t at = 0; at < n;) {
        const size_t end = pool_end(b, at);
        qsort_r(b->order + at, end - at, sizeof *b->order, by_length, b->lengths);
        cut_pool(b, at, end);
        at = end;
    }
    b->begin[b->n] = (uint32_t)n;
    for (size_t i = 0; i < b->n; i++) {
        b->visit[i] = (uint32_t)i;
    }
    stg_rng_shuffle(rng, b->visit, b->n);
}

const uint32_t *stg_batches_get(const struct stg_batches *b, size_t i, size_t *n)
{
    const uint32_t batch = b->visit[i];
    *n = b->begin[batch + 1] - b->begin[batch];
    return b->order + b->begin[batch];
}

static enum stg_status add_walks(struct stg_batch_walks *w, struct stg_walker *walker, const struct stg_seq *seq,
                                 enum stg_order order, size_t max_walk)
{
    size_t n = 0;
    STG_RETURN_IF_FAILED(stg_walker_begin(walker, seq, order, max_walk, &n));
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->walks, &w->cap, w->n + n, sizeof *w->walks));
    for (size_t i = 0; i < n; i++) {
        stg_walker_get(walker, i, &w->walks[w->n++]);
    }
    return STG_OK;
}

enum stg_status stg_batch_walks_fill(struct stg_batch_walks *w, const struct stg_corpus *corpus,
                                     const uint32_t *sequences, size_t n, enum stg_order order, size_t max_walk)
{
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->walkers, &w->cap_walkers, n, sizeof *w->walkers));
    w->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct stg_seq seq;
        if (i == w->n_walkers) {
            STG_RETURN_IF_FAILED(stg_walker_new(&w->walkers[i], STG_WALK_ALL));
            w->n_walkers++;
        }
        stg_corpus_get(corpus, sequences[i], &seq);
        STG_RETURN_IF_FAILED(add_walks(w, w->walkers[i], &seq, order, max_walk));
    }
    return STG_OK;
}

void stg_batch_walks_fini(struct stg_batch_walks *w)
{
    for (size_t i = 0; i < w->n_walkers; i++) {
        stg_walker_free(w->walkers[i]);
    }
    stg_mem_free(w->walkers);
    stg_mem_free(w->walks);
    memset(w, 0, sizeof *w);
}
