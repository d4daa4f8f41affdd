/* Delay: what a pause in front of one call does to the score of a known sequence, by the length of the pause. It tells
 * how long something must hang before the model notices; the pauses are made, so what is measured needs no novel
 * data. */
#ifndef STG_EXPLAIN_DELAY_H
#define STG_EXPLAIN_DELAY_H

#include "base/pool.h"
#include "base/rng.h"
#include "score/score.h"

/* A sequence with a pause in it. The columns of its events are its own, the rest is borrowed from the original. */
struct stg_delayed {
    struct stg_seq seq;
    uint16_t *call, *thread; /* (n) owned, as are the next */
    uint8_t *phase;
    int64_t *ret, *time_ns;
};

/* The row's thread goes on ns ≥ 0 later from that row on; other threads do not wait for it, so rows may change their
 * order. stg_delayed_fini() also after a failure. */
enum stg_status stg_delay_inject(struct stg_delayed *out, const struct stg_seq *seq, size_t row,
                                 int64_t ns) STG_MUST_USE;
void stg_delayed_fini(struct stg_delayed *d);
/* A row to delay, each with the same chance: a call that begins, after another event of its thread. seq->n where there
 * is none, or where the sequence has no times. */
size_t stg_delay_place(const struct stg_seq *seq, struct stg_rng *rng);

#define STG_DELAYS 6
/* Sequences that are sampled at most; fewer where they would have half of these events together. */
#define STG_DELAY_SEQUENCES 200
#define STG_DELAY_EVENTS    200000             /* of all of them together; one that does not fit any more is left out */
extern const int64_t stg_delay_ns[STG_DELAYS]; /* none, then 1 µs … 10 ms */

/* Of the scores of the sampled sequences, nats: .05, .5 and .95 quantile (nearest rank). */
struct stg_delay_range {
    double low, median, high;
};

struct stg_delay_effect {
    size_t n, n_all;                                          /* sequences that were sampled; that there are */
    struct stg_delay_range range[STG_AGGREGATES][STG_DELAYS]; /* zeros where n is 0 */
};

/* Whether the model, or a side model, sees elapsed times. */
bool stg_delay_seen(const struct stg_model *m);
/* Of evenly spaced sequences, each delayed in one place, the same for every length; the places follow from the seed.
 * Memory: 60 bytes for each sampled event. */
enum stg_status stg_delay_effect(struct stg_delay_effect *out, const struct stg_model *m,
                                 const struct stg_corpus *known, uint64_t seed, struct stg_pool *pool) STG_MUST_USE;

#endif
