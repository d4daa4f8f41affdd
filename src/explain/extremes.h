/* Extremes: the sequences of a set with the lowest and the highest scores, and the event most to blame in each. */
#ifndef STG_EXPLAIN_EXTREMES_H
#define STG_EXPLAIN_EXTREMES_H

#include "detect/evaluate.h"
#include "explain/explain.h"

struct stg_extreme {
    size_t i;                          /* in the set */
    const char *trace;                 /* path of the trace it is from, borrowed; NULL: not known */
    const struct stg_vocab *names;     /* what the ids of `blamed` stand for, borrowed; NULL: nothing is known of it */
    struct stg_explained_event blamed; /* the most to blame */
    bool has_time;                     /* its time is a time; else it counts events */
};

struct stg_extremes {
    struct stg_extreme *items; /* (n_low + n_high) the lowest first, rising; then the highest first, falling; owned */
    size_t n_low, n_high;
};

/* At most k of each; no sequence is in both. Of equal ones the first of the set comes first, among the lowest and
 * among the highest. */
enum stg_status stg_extremes_pick(struct stg_extremes *out, const struct stg_scored_set *set, enum stg_aggregate a,
                                  size_t k) STG_MUST_USE;
void stg_extremes_fini(struct stg_extremes *e);

#define STG_EXTREME_EVENTS 16384 /* longer sequences are not searched: memory 7 MiB */
/* Finds the event most to blame in seq, which is item e. names as for stg_explain(). */
enum stg_status stg_extreme_blame(struct stg_extreme *e, const struct stg_model *m, const struct stg_seq *seq,
                                  const struct stg_vocab *names) STG_MUST_USE;

#endif
