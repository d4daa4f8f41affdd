#include "train/train.h"

#include "base/clock.h"
#include "base/memory.h"
#include "model/neural.h"
#include "score/score.h"
#include "train/run.h"

#include <math.h>
#include <string.h>

void stg_train_settings_default(struct stg_train_settings *s, const char *kind)
{
    *s = (struct stg_train_settings){
        .rate = 8e-3,
        .beta1 = 0.9,
        .beta2 = 0.999,
        .epsilon = 1e-8,
        .decay = 0.01,
        .clip = 10,
        .warm_up = 100, /* the first steps of Adam are too large (Liu et al. 2020) */
        .schedule = STG_SCHEDULE_PLATEAU,
        .batch_tokens = 2048,
        .eval_every = 800,
        .patience = 5,
        .stop_after = 12,
        .min_gain = 0.001,
        .seed = 1,
        .valid_sequences = 500,
    };
    if (strcmp(kind, "transformer") == 0 || strcmp(kind, "longformer") == 0) {
        s->warm_up = 200;
        s->rate = 4e-3; /* with that and pre-norm; docs/measurements.md has what others gave */
    }
}

void stg_train_settings_paper(struct stg_train_settings *s, const char *kind)
{
    stg_train_settings_default(s, kind);
    s->rate = 1e-3;
    s->label_smoothing = 0.1;
    s->warm_up = 0;
    if (strcmp(kind, "transformer") == 0 || strcmp(kind, "longformer") == 0) {
        s->schedule = STG_SCHEDULE_INVERSE_SQRT;
        s->warm_up = strcmp(kind, "transformer") == 0 ? 5000 : 1000;
    }
    s->batch = 64;
    s->eval_every = 1000;
    s->stop_after = 20;
    s->valid_sequences = 0;
}

static enum stg_status check_teacher(const struct stg_teacher *t)
{
    if (t->model != NULL && !(t->weight >= 0 && t->weight <= 1 && t->temperature > 0)) {
        return stg_fail(STG_ERR_USAGE,
                        "soft targets of weight %g at temperature %g: use a weight of 0 to 1 and a temperature above 0",
                        t->weight, t->temperature);
    }
    return STG_OK;
}

static enum stg_status check_settings(const struct stg_train_settings *s)
{
    if (!(s->rate > 0) || s->eval_every == 0 || (s->batch == 0 && s->batch_tokens == 0)) {
        return stg_fail(STG_ERR_USAGE,
                        "the rate, the size of a batch and the updates between evaluations must be above 0");
    }
    return check_teacher(&s->teacher);
}

/* Without validation data only a bound ends a training. */
static enum stg_status check_end(const struct stg_corpus *valid, const struct stg_train_settings *s)
{
    if ((valid != NULL && valid->n > 0) || s->max_updates > 0 || s->max_epochs > 0 || s->budget_s > 0) {
        return STG_OK;
    }
    return stg_fail(STG_ERR_USAGE,
                    "nothing says when to stop: there is no validation data: give --valid, or a bound by "
                    "--budget, --updates or --epochs");
}

/* A model that was loaded for scoring has values only. */
static enum stg_status need_training_arrays(struct stg_params *p)
{
    float **arrays[] = {&p->gradient, &p->moment1, &p->moment2};
    for (size_t i = 0; i < 3; i++) {
        if (*arrays[i] == NULL) {
            STG_RETURN_IF_FAILED(stg_mem_aligned(arrays[i], p->size, sizeof(float)));
        }
    }
    return STG_OK;
}

static struct stg_train_run run_of(struct stg_model *m, const struct stg_corpus *train, const struct stg_corpus *valid,
                                   const struct stg_train_settings *s, struct stg_pool *pool)
{
    return (struct stg_train_run){.model = m,
                                  .params = m->ops->gradient->params(m),
                                  .train = train,
                                  .valid = valid != NULL && valid->n > 0 ? valid : NULL,
                                  .s = s,
                                  .pool = pool};
}

enum stg_status stg_train_fingerprint(struct stg_model *m, const struct stg_corpus *train,
                                      const struct stg_corpus *valid, const struct stg_train_settings *s,
                                      struct stg_pool *pool, uint64_t *out)
{
    const struct stg_train_run r = run_of(m, train, valid, s, pool);
    return stg_train_digest(&r, out);
}

static enum stg_status run_init(struct stg_train_run *r, struct stg_model *m, const struct stg_corpus *train,
                                const struct stg_corpus *valid, const struct stg_train_settings *s,
                                struct stg_pool *pool)
{
    *r = run_of(m, train, valid, s, pool);
    r->begin_ns = stg_clock_ns();
    r->optimizer = (struct stg_optimizer){.kind = s->optimizer,
                                          .rate = s->rate,
                                          .beta1 = s->beta1,
                                          .beta2 = s->beta2,
                                          .epsilon = s->epsilon,
                                          .clip = s->clip,
                                          .decay = s->decay};
    r->state.factor = 1;
    r->state.epoch = UINT64_MAX; /* next_epoch() makes it 0 */
    STG_RETURN_IF_FAILED(need_training_arrays(r->params));
    STG_RETURN_IF_FAILED(stg_optimizer_init(&r->optimizer, r->params));
    STG_RETURN_IF_FAILED(stg_mem_aligned(&r->best, r->params->size, sizeof *r->best));
    STG_RETURN_IF_FAILED(stg_batches_init(&r->batches, train, s->batch, s->batch_tokens, m->max_walk));
    return stg_train_digest(r, &r->digest);
}

static enum stg_status open_log(struct stg_train_run *r, bool append)
{
    if (r->s->log == NULL) {
        return STG_OK;
    }
    r->log = fopen(r->s->log, append ? "ae" : "we");
    return r->log != NULL ? STG_OK : stg_fail_errno("%s: cannot open the training log", r->s->log);
}

static enum stg_status run_fini(struct stg_train_run *r, enum stg_status status)
{
    if (r->log != NULL && fclose(r->log) != 0 && status == STG_OK) {
        status = stg_fail_errno("%s: cannot write the training log", r->s->log);
    }
    stg_batches_fini(&r->batches);
    stg_batch_walks_fini(&r->walks);
    stg_lesson_fini(&r->lesson);
    stg_optimizer_fini(&r->optimizer);
    stg_mem_free(r->best);
    return status;
}

/* Mean surprisal per token of the validation data under a counted model. */
static enum stg_status counted_loss(const struct stg_model *m, const struct stg_corpus *valid, struct stg_pool *pool,
                                    double *loss)
{
    enum stg_status status = STG_OK;
    struct stg_score *scores = NULL;
    STG_TRY(stg_mem_zeroed(&scores, valid->n, sizeof *scores));
    STG_TRY(stg_score_corpus_plain(m, valid, pool, NULL, scores));
    *loss = stg_score_loss(scores, valid->n);
out:
    stg_mem_free(scores);
    return status;
}

static enum stg_status train_counted(struct stg_model *m, const struct stg_corpus *train,
                                     const struct stg_corpus *valid, const struct stg_train_settings *s,
                                     struct stg_pool *pool, struct stg_train_result *out)
{
    const uint64_t begin_ns = stg_clock_ns();
    *out = (struct stg_train_result){.epochs = 1,
                                     .train_loss = (double)NAN,
                                     .valid_loss = (double)NAN,
                                     .valid_accuracy = (double)NAN,
                                     .stopped = "fitted"};
    if (s->teacher.model != NULL && m->ops->learn == NULL) {
        return stg_fail(STG_ERR_USAGE, "%s cannot learn from a teacher: train it from the data itself", m->ops->kind);
    }
    STG_RETURN_IF_FAILED(s->teacher.model != NULL ? m->ops->learn(m, train, &s->teacher, pool, s->progress)
                                                  : m->ops->fit(m, train, pool, s->progress));
    for (size_t i = 0; i < train->n; i++) {
        struct stg_seq seq;
        stg_corpus_get(train, i, &seq);
        out->n_tokens += seq.n;
    }
    if (valid != NULL && valid->n > 0) {
        STG_RETURN_IF_FAILED(counted_loss(m, valid, pool, &out->valid_loss));
    }
    out->seconds = (double)(stg_clock_ns() - begin_ns) / 1e9;
    return STG_OK;
}

enum stg_status stg_train(struct stg_model *m, const struct stg_corpus *train, const struct stg_corpus *valid,
                          const struct stg_train_settings *s, struct stg_pool *pool, struct stg_train_result *out)
{
    enum stg_status status = STG_OK;
    struct stg_train_run r = {0};
    if (m->ops->gradient == NULL) {
        STG_RETURN_IF_FAILED(check_teacher(&s->teacher));
        return train_counted(m, train, valid, s, pool, out);
    }
    STG_RETURN_IF_FAILED(check_settings(s));
    STG_RETURN_IF_FAILED(check_end(valid, s));
    STG_RETURN_IF_FAILED(m->ops->fit(m, train, pool, s->progress)); /* symbols and sizes */
    STG_TRY(run_init(&r, m, train, valid, s, pool));
    STG_TRY(open_log(&r, s->log_appends));
    STG_TRY(stg_train_run_loop(&r, out));
out:
    return run_fini(&r, status);
}

/* The batches of the epoch that the checkpoint was in. */
static enum stg_status restore_epoch(struct stg_train_run *r)
{
    struct stg_rng rng = r->state.epoch_rng;
    if (r->state.n_updates == 0) {
        return STG_OK; /* the first epoch has not begun */
    }
    stg_batches_shuffle(&r->batches, &rng);
    return r->state.i_batch <= r->batches.n
               ? STG_OK
               : stg_fail(STG_ERR_INPUT, "%s: damaged: batch %llu of %zu: train anew", r->s->checkpoint,
                          (unsigned long long)r->state.i_batch, r->batches.n);
}

static enum stg_status check_like(const struct stg_model *m, const struct stg_train_settings *s)
{
    const struct stg_model *like = s->like;
    if (like == NULL) {
        return STG_OK;
    }
    if (like->ops != m->ops || !stg_neural_alike((const struct stg_neural *)m, (const struct stg_neural *)like)) {
        return stg_fail(
            STG_ERR_MISMATCH,
            "%s: is of a model with other settings: resume with the options of the first call, or train anew",
            s->checkpoint);
    }
    /* The digest is of the data's numbers, which stand for these. */
    if (!stg_vocab_equal(&m->vocab, &like->vocab)) {
        return stg_fail(STG_ERR_MISMATCH,
                        "%s: is of data with other names: resume with the data of the first call, or train anew",
                        s->checkpoint);
    }
    return STG_OK;
}

enum stg_status stg_train_resume(struct stg_model **m, const struct stg_corpus *train, const struct stg_corpus *valid,
                                 const struct stg_train_settings *s, struct stg_pool *pool,
                                 struct stg_train_result *out)
{
    enum stg_status status = STG_OK;
    struct stg_train_run r = {0};
    struct stg_tensors *file = NULL;
    *m = NULL;
    if (s->checkpoint == NULL) {
        return stg_fail(STG_ERR_USAGE, "no checkpoint to resume from");
    }
    STG_RETURN_IF_FAILED(check_settings(s));
    STG_RETURN_IF_FAILED(check_end(valid, s));
    STG_TRY(stg_checkpoint_open(s->checkpoint, m, &file));
    STG_TRY(check_like(*m, s));
    STG_TRY(run_init(&r, *m, train, valid, s, pool));
    STG_TRY(stg_checkpoint_restore(&r, file));
    r.optimizer.n_steps = r.state.n_adam_steps;
    STG_TRY(restore_epoch(&r));
    r.evaluated = r.state.sum_tokens == 0;
    STG_TRY(open_log(&r, true));
    STG_TRY(stg_train_run_loop(&r, out));
out:
    stg_tensors_free(file);
    return run_fini(&r, status);
}
