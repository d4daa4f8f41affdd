/* Run: the state of one training by gradients; shared by the loop, the evaluation and the checkpoint. */
#ifndef STG_TRAIN_RUN_H
#define STG_TRAIN_RUN_H

#include "nn/optim.h"
#include "nn/params.h"
#include "train/batches.h"
#include "train/lesson.h"
#include "train/train.h"

#include <stdio.h>

/* What a checkpoint stores beside the parameters. */
struct stg_train_state {
    struct stg_rng epoch_rng; /* the generator when the epoch began: its batches follow from it */
    uint64_t epoch;           /* epochs begun, less one */
    uint64_t i_batch;         /* batches of the epoch done */
    uint64_t n_updates, n_tokens, n_adam_steps;
    uint64_t n_stale;      /* evaluations since the last gain: for stopping */
    uint64_t n_stale_rate; /* … since the last gain or change of the rate: for the plateau */
    uint64_t has_best;
    uint64_t sum_tokens, sum_correct; /* since the last evaluation */
    double sum_loss;                  /* nats, since the last evaluation */
    double factor;                    /* plateau's factor on the rate */
    double best_loss, best_accuracy;  /* of the best evaluation */
    double train_loss;                /* nats per token up to the last evaluation */
    double seconds;                   /* spent in earlier sittings */
};

struct stg_train_run {
    struct stg_model *model;
    struct stg_params *params;              /* the model's */
    const struct stg_corpus *train, *valid; /* valid NULL: none */
    const struct stg_train_settings *s;
    struct stg_pool *pool;
    struct stg_train_state state;
    struct stg_optimizer optimizer;
    struct stg_batches batches;
    struct stg_batch_walks walks;
    struct stg_lesson lesson; /* of the batch, from the teacher if there is one */
    float *best;              /* (params->size) parameters of the best evaluation; owned */
    FILE *log;                /* owned; NULL = none */
    uint64_t begin_ns;        /* of this sitting */
    double eval_seconds;      /* the last evaluation took so long; a budget keeps that for the final one */
    uint64_t digest;          /* of the settings and corpora that shape the run */
    double sum_norm;          /* of the gradients since the last evaluation, or since a resume */
    uint64_t n_norms;
    bool evaluated; /* nothing was updated since the last evaluation */
};

/* Goes on until something says stop. The state must be that of a new run or of a checkpoint. */
enum stg_status stg_train_run_loop(struct stg_train_run *r, struct stg_train_result *out) STG_MUST_USE;

/* Loss on the validation data, nats per token, and share of tokens whose likeliest symbol was right. */
enum stg_status stg_train_evaluate(struct stg_train_run *r, double *loss, double *accuracy) STG_MUST_USE;

/* Checkpoint file (docs/formats/checkpoint.md); atomic. */
enum stg_status stg_checkpoint_save(const struct stg_train_run *r, const char *path) STG_MUST_USE;
/* Loads the model alone; *file stays open for stg_checkpoint_restore(). On failure both are NULL. */
enum stg_status stg_checkpoint_open(const char *path, struct stg_model **model, struct stg_tensors **file) STG_MUST_USE;
/* Moments, best parameters and state into r, whose model is the checkpoint's; another digest is STG_ERR_MISMATCH. */
enum stg_status stg_checkpoint_restore(struct stg_train_run *r, const struct stg_tensors *file) STG_MUST_USE;
/* Digest of all that decides the result of a run but not when it stops. */
enum stg_status stg_train_digest(const struct stg_train_run *r, uint64_t *out) STG_MUST_USE;

#endif
