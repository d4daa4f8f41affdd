/* Disagreement: how far the members of an ensemble are apart. Of an event: the standard deviation, over the members, of
 * its surprisal. Of a sequence: the standard deviation, over the members, of its mean surprisal. Both in nats; the
 * deviation is that of the members themselves, as they are (divided by their number). It says how much of a score
 * depends on the seed. */
#ifndef STG_SCORE_DISAGREEMENT_H
#define STG_SCORE_DISAGREEMENT_H

#include "model/model.h"

/* Sums over the tokens of a sequence so far; zeroed: none. The same in batch and in a stream, whose memory it is: 528
 * bytes. */
struct stg_disagreement {
    size_t n_members; /* 0: nothing was added, or by a model that is no ensemble */
    uint64_t n_tokens;
    double sum[STG_MODEL_MAX_MEMBERS]; /* each member's surprisals */
};

/* Adds tokens first … first + n − 1 of what the last score() or step() of the run said, and writes the disagreement of
 * each to event (n) unless that is NULL. A model that is no ensemble adds nothing and writes NAN. */
void stg_disagreement_add(struct stg_disagreement *d, const struct stg_model *m, const struct stg_model_run *run,
                          size_t first, size_t n, float *event);
/* Of the sequence; NAN without members, and where a member's surprisal was infinite. */
double stg_disagreement_of(const struct stg_disagreement *d);

#endif
