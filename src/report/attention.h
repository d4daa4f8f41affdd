/* Attention maps, for people and as JSON (docs/formats/explain.md). Private to report/. */
#ifndef STG_REPORT_ATTENTION_H
#define STG_REPORT_ATTENTION_H

#include "explain/attention.h"
#include "explain/explain.h"

#include "base/buffer.h"
#include "report/words.h"

#include <jansson.h>

/* How far back a class of distances goes: "begin", "1", "3-4"; static. */
const char *stg_report_attention_distance(size_t d);
/* The event of that row of the sequence; NULL where no walk came to it. */
const struct stg_explained_event *stg_report_attention_event(const struct stg_explanation *x, uint32_t index);
/* What was looked at: "→ read", "the beginning", "its thread before the sequence". */
void stg_report_attended_words(const struct stg_explanation *x, const struct stg_attended *a, char out[WORDS_CALL]);

enum stg_status stg_report_attention_text(struct stg_buffer *out, const struct stg_explanation *x,
                                          const struct stg_attention_maps *a) STG_MUST_USE;
json_t *stg_report_attention_json(const struct stg_attention_maps *a); /* NULL when memory is out */

#endif
