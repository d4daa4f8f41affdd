/* The training loop. */
#include "train/run.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

static double elapsed(const struct stg_train_run *r)
{
    return r->state.seconds + (double)(stg_clock_ns() - r->begin_ns) / 1e9;
}

static double epochs_done(const struct stg_train_run *r)
{
    if (r->state.epoch == UINT64_MAX) {
        return 0; /* the first one has not begun */
    }
    return (double)r->state.epoch + (r->batches.n == 0 ? 0 : (double)r->state.i_batch / (double)r->batches.n);
}

/* Share of the training that is done, by whichever bound is nearest; 0 when there is none. */
static double share_done(const struct stg_train_run *r)
{
    const struct stg_train_settings *s = r->s;
    const double updates = s->max_updates > 0 ? (double)r->state.n_updates / (double)s->max_updates : 0;
    const double epochs = s->max_epochs > 0 ? epochs_done(r) / s->max_epochs : 0;
    const double time = s->budget_s > 0 ? elapsed(r) / s->budget_s : 0;
    return fmin(fmax(updates, fmax(epochs, time)), 1);
}

/* The factor on the rate for the next update; the inverse square root as in Vaswani et al. 2017, section 5.3, scaled to
 * 1 at its peak. */
static double rate_factor(const struct stg_train_run *r)
{
    const double t = (double)r->state.n_updates + 1;
    double warm_up = (double)r->s->warm_up;
    if (r->s->schedule == STG_SCHEDULE_LINEAR && r->s->max_updates > 0) { /* a short training is not all rise */
        warm_up = fmin(warm_up, (double)r->s->max_updates / 10);
    }
    const double rising = warm_up > 0 && t < warm_up ? t / warm_up : 1;
    if (r->s->schedule == STG_SCHEDULE_INVERSE_SQRT) {
        const double from = warm_up > 0 ? warm_up : 1;
        return t < from ? rising : sqrt(from / t);
    }
    if (r->s->schedule == STG_SCHEDULE_LINEAR) {
        return rising * (1 - share_done(r));
    }
    return rising * r->state.factor;
}

/* A seed of its own for every update, so that a resumed run drops the same activations. */
static uint64_t dropout_seed(const struct stg_train_run *r)
{
    struct stg_rng rng;
    stg_rng_seed(&rng, r->s->seed ^ (0x9e3779b97f4a7c15U * (r->state.n_updates + 1)));
    return stg_rng_next(&rng);
}

static enum stg_status update(struct stg_train_run *r)
{
    struct stg_train_state *state = &r->state;
    const struct stg_model_gradient_ops *ops = r->model->ops->gradient;
    struct stg_model_loss loss = {0};
    double norm = 0;
    size_t n = 0;
    const uint32_t *sequences = stg_batches_get(&r->batches, (size_t)state->i_batch, &n);
    STG_RETURN_IF_FAILED(
        stg_batch_walks_fill(&r->walks, r->train, sequences, n, r->model->recipe.order, r->model->max_walk));
    state->i_batch++;
    if (r->walks.n == 0) {
        return STG_OK; /* empty sequences only */
    }
    struct stg_model_soft soft;
    if (r->s->teacher.model != NULL) {
        STG_RETURN_IF_FAILED(
            stg_lesson_prepare(&r->lesson, &r->s->teacher, r->walks.walks, r->walks.n, r->pool, &soft));
    }
    STG_RETURN_IF_FAILED(ops->pass(r->model, r->walks.walks, r->walks.n, r->s->label_smoothing,
                                   r->s->teacher.model != NULL ? &soft : NULL, dropout_seed(r), true, r->pool, &loss));
    r->optimizer.rate = r->s->rate * rate_factor(r);
    STG_RETURN_IF_FAILED(stg_optimizer_update(&r->optimizer, r->params, &norm));
    r->sum_norm += norm;
    r->n_norms++;
    STG_RETURN_IF_FAILED(ops->updated(r->model));
    state->n_adam_steps = r->optimizer.n_steps;
    state->n_updates++;
    state->n_tokens += loss.n_tokens;
    state->sum_tokens += loss.n_tokens;
    state->sum_correct += loss.n_correct;
    state->sum_loss += loss.loss;
    r->evaluated = false;
    return STG_OK;
}

static enum stg_status write_log(struct stg_train_run *r, double valid_loss, double valid_accuracy)
{
    if (r->log == NULL) {
        return STG_OK;
    }
    const struct stg_train_state *state = &r->state;
    const off_t begin = ftello(r->log);
    const double train_accuracy = state->sum_tokens == 0 ? 0 : (double)state->sum_correct / (double)state->sum_tokens;
    fprintf(r->log,
            "{\"update\": %llu, \"epoch\": %.4f, \"tokens\": %llu, \"seconds\": %.3f, \"rate\": %.6g, \"train_loss\": "
            "%.6f, "
            "\"train_accuracy\": %.6f",
            (unsigned long long)state->n_updates, epochs_done(r), (unsigned long long)state->n_tokens, elapsed(r),
            r->optimizer.rate, state->train_loss, train_accuracy);
    if (r->n_norms > 0) {
        fprintf(r->log, ", \"gradient_norm\": %.6g", r->sum_norm / (double)r->n_norms);
    }
    if (isfinite(valid_loss)) {
        fprintf(r->log, ", \"valid_loss\": %.6f, \"valid_accuracy\": %.6f", valid_loss, valid_accuracy);
    }
    fprintf(r->log, "}\n");
    if (fflush(r->log) == 0 && ferror(r->log) == 0) {
        return STG_OK;
    }
    /* Whole lines are left, which a resumed training goes on with. */
    const enum stg_status status =
        stg_fail_errno("%s: cannot write the training log%s", r->s->log,
                       errno == ENOSPC ? " (free space or write elsewhere, and go on with --resume)" : "");
    __fpurge(r->log);
    (void)!ftruncate(fileno(r->log), begin);
    return status;
}

static void note_result(struct stg_train_run *r, double loss, double accuracy)
{
    struct stg_train_state *state = &r->state;
    if (state->has_best != 0 && !(loss < state->best_loss - r->s->min_gain)) {
        state->n_stale++;
        state->n_stale_rate++;
    } else {
        state->n_stale = state->n_stale_rate = 0;
    }
    if (state->has_best == 0 || loss < state->best_loss) { /* a gain too small to go on for is still a better model */
        memcpy(r->best, r->params->value, r->params->size * sizeof *r->best);
        state->has_best = 1;
        state->best_loss = loss;
        state->best_accuracy = accuracy;
    }
    if (r->s->schedule == STG_SCHEDULE_PLATEAU && r->s->patience > 0 && state->n_stale_rate >= r->s->patience) {
        state->factor /= 10;
        state->n_stale_rate = 0;
    }
}

/* Evaluates, logs and saves. */
static enum stg_status milestone(struct stg_train_run *r)
{
    double loss = (double)NAN, accuracy = (double)NAN;
    if (r->state.sum_tokens > 0) {
        r->state.train_loss = r->state.sum_loss / (double)r->state.sum_tokens;
    }
    if (r->valid != NULL) {
        const uint64_t begin_ns = stg_clock_ns();
        STG_RETURN_IF_FAILED(stg_train_evaluate(r, &loss, &accuracy));
        r->eval_seconds = (double)(stg_clock_ns() - begin_ns) / 1e9;
        if (!isfinite(loss)) {
            return stg_fail(STG_ERR_INPUT, "the loss is not finite after %llu updates: lower --rate or --clip",
                            (unsigned long long)r->state.n_updates);
        }
        note_result(r, loss, accuracy);
    }
    STG_RETURN_IF_FAILED(write_log(r, loss, accuracy));
    r->state.sum_tokens = r->state.sum_correct = 0;
    r->state.sum_loss = r->sum_norm = 0;
    r->n_norms = 0;
    r->evaluated = true;
    return r->s->checkpoint == NULL ? STG_OK : stg_checkpoint_save(r, r->s->checkpoint);
}

/* NULL, or why training is over. */
static const char *stop_reason(const struct stg_train_run *r)
{
    const struct stg_train_settings *s = r->s;
    if (s->max_updates > 0 && r->state.n_updates >= s->max_updates) {
        return "updates";
    }
    if (s->max_epochs > 0 && epochs_done(r) >= s->max_epochs) {
        return "epochs";
    }
    if (s->budget_s > 0 && elapsed(r) + (r->evaluated ? 0 : r->eval_seconds) >= s->budget_s) {
        return "budget";
    }
    if (s->stop_after > 0 && r->state.n_stale >= s->stop_after) {
        return "patience";
    }
    return NULL;
}

static void show(struct stg_train_run *r)
{
    struct stg_progress *p = r->s->progress;
    if (p == NULL) {
        return;
    }
    const double tokens = (double)(r->state.sum_tokens == 0 ? 1 : r->state.sum_tokens);
    char valid[32] = "";
    if (r->state.has_best) {
        snprintf(valid, sizeof valid, ", valid %.3f", r->state.best_loss);
    }
    snprintf(p->note, sizeof p->note, "update %llu, epoch %.2f, loss %.3f%s, %.1f %% right",
             (unsigned long long)r->state.n_updates, epochs_done(r), r->state.sum_loss / tokens, valid,
             100 * (double)r->state.sum_correct / tokens);
    const double share = share_done(r);
    p->total = share > 0 ? (uint64_t)((double)r->state.n_tokens / share) : 0;
    stg_progress_update(p, r->state.n_tokens);
}

static enum stg_status next_epoch(struct stg_train_run *r)
{
    struct stg_rng rng;
    /* A generator per epoch, as the one before has no state to carry on from after a resume. */
    r->state.epoch++;
    stg_rng_seed(&rng, r->s->seed ^ (0xd1b54a32d192ed03U * (r->state.epoch + 1)));
    r->state.epoch_rng = rng;
    stg_batches_shuffle(&r->batches, &rng);
    r->state.i_batch = 0;
    return r->batches.n > 0 ? STG_OK : stg_fail(STG_ERR_INPUT, "no sequences to train on");
}

static void fill_result(const struct stg_train_run *r, const char *stopped, struct stg_train_result *out)
{
    *out = (struct stg_train_result){
        .n_updates = r->state.n_updates,
        .n_tokens = r->state.n_tokens,
        .seconds = elapsed(r),
        .epochs = epochs_done(r),
        .train_loss = r->state.n_updates == 0 ? (double)NAN : r->state.train_loss,
        .valid_loss = r->state.has_best ? r->state.best_loss : (double)NAN,
        .valid_accuracy = r->state.has_best ? r->state.best_accuracy : (double)NAN,
        .stopped = stopped,
    };
}

static enum stg_status interrupted(struct stg_train_run *r)
{
    if (r->s->checkpoint != NULL) {
        r->state.seconds = elapsed(r);
        r->begin_ns = stg_clock_ns();
        STG_RETURN_IF_FAILED(stg_checkpoint_save(r, r->s->checkpoint));
    }
    return stg_fail(STG_ERR_INTERRUPTED, "interrupted after %llu updates", (unsigned long long)r->state.n_updates);
}

enum stg_status stg_train_run_loop(struct stg_train_run *r, struct stg_train_result *out)
{
    const char *stopped = NULL;
    for (;;) {
        /* Before anything else, as a run may be interrupted while it evaluates and must do that again when resumed. */
        if (!r->evaluated && r->state.n_updates > 0 && r->state.n_updates % r->s->eval_every == 0) {
            const enum stg_status status = milestone(r);
            if (status == STG_ERR_INTERRUPTED) {
                return interrupted(r);
            }
            STG_RETURN_IF_FAILED(status);
        }
        stopped = stop_reason(r);
        if (stopped != NULL) {
            break;
        }
        if (stg_interrupt_asked()) {
            return interrupted(r);
        }
        if (r->state.i_batch >= r->batches.n) {
            STG_RETURN_IF_FAILED(next_epoch(r));
        }
        STG_RETURN_IF_FAILED(update(r));
        show(r);
    }
    if (!r->evaluated && r->state.n_updates > 0) {
        STG_RETURN_IF_FAILED(milestone(r));
    }
    if (r->state.has_best) {
        memcpy(r->params->value, r->best, r->params->size * sizeof *r->best);
        STG_RETURN_IF_FAILED(r->model->ops->gradient->updated(r->model));
    }
    fill_result(r, stopped, out);
    return STG_OK;
}
