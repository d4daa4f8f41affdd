/* Sides: side models in a model's file. Private to model/. */
#ifndef STG_MODEL_SIDES_H
#define STG_MODEL_SIDES_H

#include "model/model.h"

/* The model in the scope of t; it borrows from t, which stays the caller's. with_sides false: a side has none. */
enum stg_status stg_model_read(struct stg_model **out, struct stg_tensors *t, bool with_sides) STG_MUST_USE;
enum stg_status stg_model_put_sides(const struct stg_model *m, struct stg_tensors_writer *w) STG_MUST_USE;
/* m has its vocabulary and symbols already. */
enum stg_status stg_model_get_sides(struct stg_model *m, struct stg_tensors *t) STG_MUST_USE;

#endif
