/* strange train --learning-curve: whether there is enough known data. */
#ifndef STG_CLI_TRAIN_LEARNING_H
#define STG_CLI_TRAIN_LEARNING_H

#include "cli/input.h"
#include "cli/train_data.h"

/* Measures the learning curve (detect/learning.h), says it, and keeps it in the model's record, which is there. */
enum stg_status stg_train_learning(const struct stg_cli *cli, struct stg_model *m, struct stg_corpora *train,
                                   struct stg_corpora *held, struct stg_pool *pool) STG_MUST_USE;

#endif
