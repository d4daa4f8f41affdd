#include "model/model.h"

const struct stg_model_ops *const stg_model_list[] = {
    &stg_model_stide,
    &stg_model_ngram,
    &stg_model_lstm,
    &stg_model_transformer,
    &stg_model_longformer,
    &stg_model_ensemble,
    NULL,
};
