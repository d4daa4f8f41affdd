/* Segments: neighbours that are to blame together. Private to explain/. */
#ifndef STG_EXPLAIN_SEGMENTS_H
#define STG_EXPLAIN_SEGMENTS_H

#include "explain/explain.h"

/* Blame below this (nats) is no news: what the model itself was unsure of. Nor is less than a fifth of the worst,
 * unless it is surprising. report/fold.c shows by the same measure. */
#define STG_BLAME_LEAST      0.1f
#define STG_BLAME_SHARE      0.2f
#define STG_BLAME_SURPRISING 1.0f

/* The blame from which on an event counts, given that of the worst. */
float stg_blame_least(float worst);

/* Fills order and segments of an explanation whose events are ranked; these are the explanation's. */
enum stg_status segments_find(struct stg_explanation *out, enum stg_order order) STG_MUST_USE;

#endif
