/* From where on a sequence is novel, by each aggregate that a model has. */
#ifndef STG_CLI_NOVEL_FROM_H
#define STG_CLI_NOVEL_FROM_H

#include "model/model.h"

#include <jansson.h>

/* Adds `novel_from` to a model's record, at STG_ALPHA_DEFAULT: under the keys of `score --json` and in their units. It
 * takes the place of `thresholds`, which older versions wrote in the units that the calibration is stored in. */
enum stg_status stg_novel_from_put(json_t *record, const struct stg_model *m) STG_MUST_USE;

#endif
