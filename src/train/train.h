/* Training: from a corpus to a fitted model; checkpoints that resume to the same bits. */
#ifndef STG_TRAIN_TRAIN_H
#define STG_TRAIN_TRAIN_H

#include "base/pool.h"
#include "base/progress.h"
#include "model/model.h"
#include "nn/optim.h"

#include <stdbool.h>

/* docs/formats/checkpoint.md */
#define STG_CHECKPOINT_FORMAT  "checkpoint"
#define STG_CHECKPOINT_VERSION 3

/* LINEAR falls to zero at the nearest of max_updates, max_epochs and budget_s, which then shape the run: the last
 * updates of a training of known length average what the first found. Without any of the three it is constant. */
enum stg_train_schedule { STG_SCHEDULE_CONSTANT, STG_SCHEDULE_PLATEAU, STG_SCHEDULE_INVERSE_SQRT, STG_SCHEDULE_LINEAR };

struct stg_train_settings {
    struct stg_teacher teacher;        /* default none */
    enum stg_optimizer_kind optimizer; /* default ADAM */
    double rate;                       /* learning rate. Default 8e-3, attention nets 4e-3 */
    double beta1, beta2, epsilon;      /* 0.9, 0.999, 1e-8 */
    double decay;                      /* of weights, for AdamW. Default 0.01 */
    double clip;                       /* bound of the global gradient norm; 0 = none. Default 10 */
    double label_smoothing;            /* default 0; published 0.1 */
    enum stg_train_schedule schedule;  /* default PLATEAU; of a training of known length LINEAR is better */
    uint32_t warm_up; /* updates of linear warm-up; LINEAR: at most a tenth of max_updates. Default 100, attention nets
                         200 */
    uint32_t batch;   /* sequences of an update; 0 = by batch_tokens */
    uint32_t batch_tokens; /* tokens of an update */
    uint32_t eval_every;   /* updates between evaluations on valid */
    uint32_t patience;     /* evaluations without min_gain before the rate is divided by 10 */
    uint32_t stop_after;   /* … before training stops */
    double min_gain;       /* nats per token */
    uint64_t max_updates;  /* 0 = no bound */
    double max_epochs;     /* 0 = no bound */
    double budget_s;       /* wall-clock seconds, 0 = no bound; the time spent before a resume counts */
    uint64_t seed;
    uint32_t valid_sequences;     /* at most this many of valid, evenly spaced, per evaluation; 0 = all */
    const struct stg_model *like; /* stg_train_resume(): a new model of the settings and the names that were asked
                                   * for, which the checkpoint's must have; borrowed, NULL = any */
    const char
        *checkpoint;  /* path, NULL = none; written at every evaluation and on interruption, removed by the caller */
    const char *log;  /* NDJSON training log, NULL = none; appended on resume */
    bool log_appends; /* … and always: it has other trainings, too */
    struct stg_progress
        *progress; /* started by the caller in tokens, NULL = none; its total is set here when it is known */
};

/* For a kind of model; what is not for it is not read. */
void stg_train_settings_default(struct stg_train_settings *s, const char *kind);
/* The published settings (batch 64, evaluation every 1000 updates, patience 5, stop 20, min_gain 0.001, Adam 1e-3, clip
 * 10; Transformer and Longformer: inverse square root after a warm-up of 5000 and 1000 updates). */
void stg_train_settings_paper(struct stg_train_settings *s, const char *kind);

struct stg_train_result {
    uint64_t n_updates, n_tokens;
    double seconds, epochs;
    double train_loss, valid_loss; /* nats per token; NAN when none */
    double valid_accuracy;
    const char *stopped; /* "budget", "patience", "updates", "epochs", "fitted": static text */
};

/* Of all that decides the result of a training of m, which has been fitted or comes from a file, but not when it stops:
 * what a resume must agree with. */
enum stg_status stg_train_fingerprint(struct stg_model *m, const struct stg_corpus *train,
                                      const struct stg_corpus *valid, const struct stg_train_settings *s,
                                      struct stg_pool *pool, uint64_t *out) STG_MUST_USE;

/* Fits m on train: one call for counted models, the loop for gradient-trained ones, where the parameters of the best
 * evaluation are the result. valid may be NULL (no early stopping), which needs a bound. Interrupted:
 * STG_ERR_INTERRUPTED, checkpoint written. */
enum stg_status stg_train(struct stg_model *m, const struct stg_corpus *train, const struct stg_corpus *valid,
                          const struct stg_train_settings *s, struct stg_pool *pool,
                          struct stg_train_result *out) STG_MUST_USE;

/* Goes on from the checkpoint s->checkpoint: *m is its model, owned by the caller (NULL on failures before it is
 * loaded). The corpora, the settings that shape the run and the number of threads must be those of the first call (a
 * digest is checked, STG_ERR_MISMATCH otherwise); the result is the same to the bit. What only says when to stop
 * (stop_after; budget_s, max_updates and max_epochs unless the schedule is LINEAR) may differ. */
enum stg_status stg_train_resume(struct stg_model **m, const struct stg_corpus *train, const struct stg_corpus *valid,
                                 const struct stg_train_settings *s, struct stg_pool *pool,
                                 struct stg_train_result *out) STG_MUST_USE;

#endif
