/* Evaluations of several models, as of one training with several seeds: means and how much they differ. */
#ifndef STG_CLI_EVAL_MODELS_H
#define STG_CLI_EVAL_MODELS_H

#include "base/buffer.h"
#include "detect/evaluate.h"

#include <jansson.h>

/* Adds the figures of one model to all, an object that is empty before the first. The behaviours are those of the
 * first. */
enum stg_status stg_eval_models_add(json_t *all, const struct stg_evaluation *e) STG_MUST_USE;
/* When all models are added: one line of schema strange.eval.models/1 (docs/formats/eval.md). */
enum stg_status stg_eval_models_json(struct stg_buffer *out, const json_t *all) STG_MUST_USE;
/* A table: mean ± sample standard deviation of each figure. */
enum stg_status stg_eval_models_text(struct stg_buffer *out, const json_t *all) STG_MUST_USE;

#endif
