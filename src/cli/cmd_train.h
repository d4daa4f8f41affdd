/* strange train: the option values, shared by the table and the run. */
#ifndef STG_CLI_CMD_TRAIN_H
#define STG_CLI_CMD_TRAIN_H

#include "cli/options.h"

#include "train/train.h"

/* Values that were not given: defaults of the model or of its preset hold. */
#define STG_NOT_GIVEN_U32    UINT32_MAX
#define STG_NOT_GIVEN_DOUBLE (-1.0)

struct stg_train_options {
    bool json, resume, recompute, learning_curve;
    const char *out, *model, *preset, *fields, *channels, *smoothing, *schedule, *log, *checkpoint, *activation, *norm,
        *window, *dilation, *optimizer, *precision;
    struct stg_list valid, calibrate;
    uint32_t ngram_order, ensemble, hidden, layers, heads, ff, n_global, batch, batch_tokens, warm_up, eval_every,
        patience, stop_after;
    uint64_t seed, updates;
    int64_t budget_ns;
    double dropout, rate, decay, label_smoothing, clip, epochs, hold_out, quarantine;
};

void stg_train_options_default(void *options);

/* The model that another one is to learn from. */
struct stg_train_teacher {
    struct stg_teacher teacher;
    const char *path;
};

/* Trains on the data sets at paths and writes the model. With a teacher (NULL: none) the model has its recipe,
 * vocabulary and symbols. */
enum stg_status stg_train_with(struct stg_cli *cli, const struct stg_train_options *o,
                               const struct stg_train_teacher *teacher, const struct stg_list *paths) STG_MUST_USE;
enum stg_status stg_train_run(struct stg_cli *cli, void *options, int *exit_code) STG_MUST_USE;

#endif
