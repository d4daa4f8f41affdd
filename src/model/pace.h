/* Pace: which elapsed times are fast, call by call.
 *
 * The model of times (STG_SIDE_TIME) predicts the class of an elapsed time from those before it, so a thread that is
 * fast from its first event to its last surprises it once; and what is fast is probable, so it hardly surprises at all.
 * What the context explains away is judged here without it: an event is fast when it comes sooner than all but
 * STG_PACE_SHARE of the training data's events of its call and phase, and
 *
 *     pace = fast events / (STG_PACE_SHARE × events)
 *
 * of a sequence is 1 on average where nothing has changed. What is slow is rare, and surprises the model of times. A
 * machine whose processors are never idle answers sooner (docs/measurements.md). */
#ifndef STG_MODEL_PACE_H
#define STG_MODEL_PACE_H

#include "base/pool.h"
#include "token/token.h"

#define STG_PACE_SHARE  0.05
#define STG_PACE_PHASES 3
#define STG_PACE_LEAST  200 /* events of a call and phase in the training data; of rarer ones none is fast */

struct stg_pace {
    int64_t *fast; /* (n_calls × STG_PACE_PHASES) ns: an event of fewer is fast; 0: none is. Owned; NULL: unknown */
    size_t n_calls;
};

/* From the threads of the corpus (STG_ORDER_THREAD), whose sequences all have times. Memory: 6 KiB a call and thread of
 * the pool. */
enum stg_status stg_pace_fit(struct stg_pace *p, const struct stg_corpus *corpus, size_t n_calls,
                             struct stg_pool *pool) STG_MUST_USE;
void stg_pace_fini(struct stg_pace *p);

/* Adds a walk's events to those counted before: walk rows of which the time before is known, that are not context.
 * Reads elapsed_ns. */
void stg_pace_count(const struct stg_pace *p, const struct stg_walk *w, size_t *n_fast, size_t *n_events);
/* The first row of the walk that counts. */
static inline size_t stg_pace_first(const struct stg_walk *w)
{
    return w->n_context > 0 ? w->n_context : 1;
}
static inline bool stg_pace_is_fast(const struct stg_pace *p, uint16_t call, uint8_t phase, int64_t elapsed_ns)
{
    return call < p->n_calls && phase < STG_PACE_PHASES && elapsed_ns < p->fast[(size_t)call * STG_PACE_PHASES + phase];
}

#endif
