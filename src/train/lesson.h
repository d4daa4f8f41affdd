/* Lesson: a teacher's distributions for the walks of one batch, made as they are needed, so that memory is bounded by
 * the batch. */
#ifndef STG_TRAIN_LESSON_H
#define STG_TRAIN_LESSON_H

#include "train/train.h"

/* Memory is reused from batch to batch; a zeroed one is ready. */
struct stg_lesson {
    const struct stg_model *model; /* whose runs these are */
    struct stg_model_run **runs;   /* (n_runs) one per thread; owned */
    size_t n_runs;
    float *log_p;    /* (scored tokens, symbols); owned */
    float **of_walk; /* (walks) where each one's begin; owned */
    size_t cap_log_p, cap_walks;
};

/* *out borrows from the lesson and lives until its next use. What changes with the number of threads
 * is rounding. */
enum stg_status stg_lesson_prepare(struct stg_lesson *l, const struct stg_teacher *t, const struct stg_walk *walks,
                                   size_t n, struct stg_pool *pool, struct stg_model_soft *out) STG_MUST_USE;
void stg_lesson_fini(struct stg_lesson *l);

#endif
