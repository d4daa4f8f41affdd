/* Segments: neighbours that are to blame together. Private to explain/. */
#ifndef STG_EXPLAIN_SEGMENTS_H
#define STG_EXPLAIN_SEGMENTS_H

#include "explain/explain.h"

/* Fills order and segments of an explanation whose events are ranked; these are the explanation's. */
enum stg_status segments_find(struct stg_explanation *out, enum stg_order order) STG_MUST_USE;

#endif
