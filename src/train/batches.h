/* Batches: the order in which an epoch visits the sequences, and the walks of one batch. */
#ifndef STG_TRAIN_BATCHES_H
#define STG_TRAIN_BATCHES_H

#include "base/rng.h"
#include "token/token.h"

#include <stdint.h>

/* An epoch is shuffled, then sorted by length within pools of many batches and cut into batches, whose order is
 * shuffled again: the sequences of a batch have about the same length, so little time goes into padding, and still
 * every epoch differs. All of it follows from the generator's state when the epoch began. */
struct stg_batches {
    const struct stg_corpus *corpus;
    uint32_t *lengths;          /* (corpus->n) tokens, owned */
    uint32_t *order;            /* (corpus->n) sequences, batch after batch, owned */
    uint32_t *begin;            /* (n + 1) first place of each batch in order, owned */
    uint32_t *visit;            /* (n) order of the batches, owned */
    size_t n;                   /* batches of the epoch */
    uint32_t sequences, tokens; /* bounds of a batch; sequences 0 = by tokens */
};

/* Reads the lengths; every sequence counts at most max_walk tokens when that is not 0. At most 2^32 − 2 sequences. */
enum stg_status stg_batches_init(struct stg_batches *b, const struct stg_corpus *corpus, uint32_t sequences,
                                 uint32_t tokens, size_t max_walk) STG_MUST_USE;
void stg_batches_fini(struct stg_batches *b);
void stg_batches_shuffle(struct stg_batches *b, struct stg_rng *rng); /* begins an epoch */
/* The sequences of the i-th batch of the epoch: *n of them at the returned address, borrowed. */
const uint32_t *stg_batches_get(const struct stg_batches *b, size_t i, size_t *n);

/* The walks of one batch; memory is reused from batch to batch. */
struct stg_batch_walks {
    struct stg_walker **walkers; /* (cap_walkers) one per sequence, as their arrays must live together; owned */
    size_t n_walkers, cap_walkers;
    struct stg_walk *walks; /* (n) owned */
    size_t n, cap;
};

enum stg_status stg_batch_walks_fill(struct stg_batch_walks *w, const struct stg_corpus *corpus,
                                     const uint32_t *sequences, size_t n, enum stg_order order,
                                     size_t max_walk) STG_MUST_USE;
void stg_batch_walks_fini(struct stg_batch_walks *w);

#endif
