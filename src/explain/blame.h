/* Blame: what the channels say of events, in one ranking. Private to explain/. */
#ifndef STG_EXPLAIN_BLAME_H
#define STG_EXPLAIN_BLAME_H

#include "explain/explain.h"

/* −Σ p ln p over n outcomes, nats. */
double blame_entropy(const float *log_p, size_t n);

/* Which part of its symbol makes an event surprising, given the prediction log_p over the model's symbols: the call,
 * or, where the call was expected, what it returned. */
enum stg_field blame_field(const struct stg_model *m, const struct stg_explained_event *e, const float *log_p);

/* Fills side, side_excess and usual_ns of the events. */
enum stg_status blame_sides(struct stg_explanation *out, const struct stg_model *m,
                            const struct stg_seq *seq) STG_MUST_USE;

/* Fills blame and field of each event, ranked, order and segments; these are the explanation's. */
enum stg_status blame_rank(struct stg_explanation *out, const struct stg_model *m) STG_MUST_USE;

#endif
