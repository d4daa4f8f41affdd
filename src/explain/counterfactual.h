/* Counterfactual: few segments to blame without which a sequence would have been judged normal.
 *
 * A segment is taken back by giving its events, and the few after it that were predicted from it, the surprisal that
 * events of known sequences have: calls and times the median of held-out means, descriptors the entropy of their
 * prediction. What would have happened instead is not guessed at. The search is greedy: it takes back the segment that
 * takes most off the score, again and again; then it gives back, from the first on, what is not needed beside the rest.
 *
 * `at_least` is its bound. What a set takes off the sum of squares is the sum of what its segments take off, and the
 * root falls the faster the more is taken: by no more for each square than on the average over all segments. With
 * content along that line what a set takes off is at most the sum of what its segments take off alone, so no set does
 * whose segments, however they are chosen, do not add up to what is needed. */
#ifndef STG_EXPLAIN_COUNTERFACTUAL_H
#define STG_EXPLAIN_COUNTERFACTUAL_H

#include "explain/explain.h"

#define STG_COUNTERFACTUAL_MOST 256 /* segments that are taken back before the search gives up */

struct stg_counterfactual {
    enum stg_aggregate aggregate; /* that judges */
    bool novel;                   /* p ≤ alpha; else there is nothing to take back and the rest is 0 */
    bool enough; /* without the segments it would be normal; false: not without those, and more take nothing off or are
                    too many */
    uint32_t *segments; /* (n) indices into explanation.segments, in the order in which they were taken; owned */
    size_t n, at_least; /* at_least: 0 where it is not enough */
    double p_before, p_after;
};

/* Whether it can be asked by this aggregate: what a segment takes off adds up to a bound for the mean, the root mean
 * square, the times, the descriptors, the pace, and the novelty that is made of these; not for quantiles and windows,
 * and what a sequence has as a whole (load, workers) no segment takes off. */
bool stg_counterfactual_can(enum stg_aggregate a);
/* By such an aggregate. An uncalibrated model says of nothing that it is novel. Time: of the segments, and of those
 * taken, the product; memory: a byte an event and 60 a segment. */
enum stg_status stg_counterfactual(struct stg_counterfactual *out, const struct stg_model *m,
                                   const struct stg_explanation *x, enum stg_aggregate aggregate,
                                   double alpha) STG_MUST_USE;
void stg_counterfactual_fini(struct stg_counterfactual *c);

#endif
