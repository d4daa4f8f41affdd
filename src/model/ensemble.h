/* Ensemble: trained neural models as one model. */
#ifndef STG_MODEL_ENSEMBLE_H
#define STG_MODEL_ENSEMBLE_H

#include "model/model.h"

/* A model of n trained models of one neural kind, on the same symbols. Takes the members (the array's elements become
 * NULL) on success only. */
enum stg_status stg_ensemble_new(struct stg_model **out, struct stg_model **members, size_t n) STG_MUST_USE;

#endif
