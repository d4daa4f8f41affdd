/* Counterfactual: the fewest segments to blame without which a sequence would have been judged normal.
 *
 * A segment is taken back by giving its events, and the few after it that were predicted from it, the surprisal that
 * events of known sequences have, calls and times the median of held-out means, descriptors the entropy of their
 * prediction; what would have happened instead is not guessed at. What a set of segments takes off the score is a sum
 * over channels of min(z, sum over segments), monotone and submodular, so taking the segment that takes off most, again
 * and again, is the greedy rule for submodular cover (Wolsey, An analysis of the greedy algorithm for the submodular
 * set covering problem, Combinatorica 2, 1982). No set of fewer than `at_least` segments would do, as what a set takes
 * off is at most the sum of what its segments take off alone. */
#ifndef STG_EXPLAIN_COUNTERFACTUAL_H
#define STG_EXPLAIN_COUNTERFACTUAL_H

#include "explain/explain.h"

struct stg_counterfactual {
    bool novel;         /* p ≤ alpha; else there is nothing to take back and the rest is 0 */
    bool enough;        /* without the segments it would be normal; false: not even without all of them */
    uint32_t *segments; /* (n) indices into explanation.segments, the one that takes off most first; owned */
    size_t n, at_least; /* at_least: 0 where it is not enough */
    double p_before, p_after;
};

/* By the model's default aggregate. An uncalibrated model says of nothing that it is novel. Time O(n_segments²), memory
 * 40 bytes a segment. */
enum stg_status stg_counterfactual(struct stg_counterfactual *out, const struct stg_model *m,
                                   const struct stg_explanation *x, double alpha) STG_MUST_USE;
void stg_counterfactual_fini(struct stg_counterfactual *c);

#endif
