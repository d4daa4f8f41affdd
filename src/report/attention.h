/* Attention maps, for people and as JSON (docs/formats/explain.md). Private to report/. */
#ifndef STG_REPORT_ATTENTION_H
#define STG_REPORT_ATTENTION_H

#include "explain/attention.h"
#include "explain/explain.h"

#include "base/buffer.h"

#include <jansson.h>

enum stg_status stg_report_attention_text(struct stg_buffer *out, const struct stg_explanation *x,
                                          const struct stg_attention_maps *a) STG_MUST_USE;
json_t *stg_report_attention_json(const struct stg_attention_maps *a); /* NULL when memory is out */

#endif
