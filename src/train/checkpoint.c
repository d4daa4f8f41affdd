/* Checkpoints: a model file's content plus what the loop and the optimiser carry. */
#include "train/run.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <xxhash.h>

/* The state's numbers in file order. */
enum { N_WHOLE = 14, N_REAL = 6 };

static void pack_state(const struct stg_train_state *s, uint64_t whole[N_WHOLE], double real[N_REAL])
{
    const uint64_t all[N_WHOLE] = {s->epoch_rng.s[0], s->epoch_rng.s[1], s->epoch_rng.s[2], s->epoch_rng.s[3],
                                   s->epoch,          s->i_batch,        s->n_updates,      s->n_tokens,
                                   s->n_adam_steps,   s->n_stale,        s->n_stale_rate,   s->has_best,
                                   s->sum_tokens,     s->sum_correct};
    memcpy(whole, all, sizeof all);
    real[0] = s->sum_loss;
    real[1] = s->factor;
    real[2] = s->best_loss;
    real[3] = s->best_accuracy;
    real[4] = s->train_loss;
    real[5] = s->seconds;
}

static bool unpack_state(struct stg_train_state *s, const uint64_t whole[N_WHOLE], const double real[N_REAL])
{
    for (size_t i = 0; i < N_REAL; i++) {
        if (!isfinite(real[i])) {
            return false;
        }
    }
    memcpy(s->epoch_rng.s, whole, sizeof s->epoch_rng.s);
    s->epoch = whole[4];
    s->i_batch = whole[5];
    s->n_updates = whole[6];
    s->n_tokens = whole[7];
    s->n_adam_steps = whole[8];
    s->n_stale = whole[9];
    s->n_stale_rate = whole[10];
    s->has_best = whole[11];
    s->sum_tokens = whole[12];
    s->sum_correct = whole[13];
    s->sum_loss = real[0];
    s->factor = real[1];
    s->best_loss = real[2];
    s->best_accuracy = real[3];
    s->train_loss = real[4];
    s->seconds = real[5];
    return real[5] >= 0 && real[1] > 0;
}

/* For people and `strange info`: the same facts in words; resuming reads the tensors. */
static enum stg_status put_words(const struct stg_train_run *r, const struct stg_train_state *s,
                                 struct stg_tensors_writer *w)
{
    enum stg_status status = STG_OK;
    struct stg_buffer text = STG_BUFFER_INIT;
    STG_TRY(stg_buffer_printf(
        &text, "{\"updates\": %" PRIu64 ", \"epoch\": %" PRIu64 ", \"tokens\": %" PRIu64 ", \"seconds\": %.1f",
        s->n_updates, s->epoch == UINT64_MAX ? 0 : s->epoch, s->n_tokens, s->seconds));
    if (s->has_best) {
        STG_TRY(stg_buffer_printf(&text, ", \"best_valid_loss\": %.6f", s->best_loss));
    }
    STG_TRY(stg_buffer_printf(&text, "}"));
    STG_TRY(stg_tensors_writer_meta(w, "train.state", text.data));
    stg_buffer_clear(&text);
    STG_TRY(stg_buffer_printf(&text, "%016" PRIx64, r->digest));
    STG_TRY(stg_tensors_writer_meta(w, "train.digest", text.data));
out:
    stg_buffer_fini(&text);
    return status;
}

enum stg_status stg_checkpoint_save(const struct stg_train_run *r, const char *path)
{
    enum stg_status status = STG_OK;
    struct stg_tensors_writer *w = NULL;
    struct stg_train_state state = r->state;
    uint64_t whole[N_WHOLE];
    double real[N_REAL];
    const size_t n_whole = N_WHOLE, n_real = N_REAL;
    state.seconds += (double)(stg_clock_ns() - r->begin_ns) / 1e9;
    pack_state(&state, whole, real);
    STG_TRY(stg_tensors_writer_open(&w, path, STG_CHECKPOINT_FORMAT, STG_CHECKPOINT_VERSION));
    STG_TRY(stg_model_put(r->model, w));
    STG_TRY(put_words(r, &state, w));
    STG_TRY(stg_tensors_writer_put(w, "train.whole", STG_U64, 1, &n_whole, whole));
    STG_TRY(stg_tensors_writer_put(w, "train.real", STG_F64, 1, &n_real, real));
    STG_TRY(stg_params_put(r->params, r->params->moment1, "adam.moment1.", w));
    STG_TRY(stg_params_put(r->params, r->params->moment2, "adam.moment2.", w));
    if (r->optimizer.slow != NULL) {
        STG_TRY(stg_params_put(r->params, r->optimizer.slow, "lookahead.", w));
    }
    if (r->state.has_best) {
        STG_TRY(stg_params_put(r->params, r->best, "best.", w));
    }
    STG_TRY(stg_tensors_writer_commit(w));
out:
    stg_tensors_writer_free(w);
    return status == STG_OK ? STG_OK : stg_context(status, "checkpoint");
}

enum stg_status stg_checkpoint_open(const char *path, struct stg_model **model, struct stg_tensors **file)
{
    struct stg_tensors *for_model = NULL;
    *model = NULL;
    *file = NULL;
    /* Opened twice, as the model keeps the one it was loaded from. */
    enum stg_status status = stg_tensors_open(&for_model, path, STG_CHECKPOINT_FORMAT, STG_CHECKPOINT_VERSION);
    if (status == STG_OK) {
        status = stg_model_get(model, for_model);
        if (status != STG_OK) {
            stg_tensors_free(for_model);
            *model = NULL;
        } else if ((*model)->ops->gradient == NULL) {
            status = stg_fail(STG_ERR_INPUT, "%s: a checkpoint of a model that is not trained by gradients: train anew",
                              path);
        }
    }
    if (status == STG_OK) {
        status = stg_tensors_open(file, path, STG_CHECKPOINT_FORMAT, STG_CHECKPOINT_VERSION);
    }
    if (status != STG_OK) {
        stg_model_free(*model);
        *model = NULL;
    }
    return status;
}

static enum stg_status check_digest(const struct stg_train_run *r, const struct stg_tensors *file)
{
    char own[24];
    const char *stored = stg_tensors_meta(file, "train.digest");
    snprintf(own, sizeof own, "%016" PRIx64, r->digest);
    if (stored == NULL || strcmp(stored, own) != 0) {
        return stg_fail(
            STG_ERR_MISMATCH,
            "%s: made with other data, options or number of threads: resume with those of the first call, or train "
            "without --resume",
            stg_tensors_path(file));
    }
    return STG_OK;
}

enum stg_status stg_checkpoint_restore(struct stg_train_run *r, const struct stg_tensors *file)
{
    const struct stg_tensor *whole = NULL, *real = NULL;
    uint64_t whole_values[N_WHOLE];
    double real_values[N_REAL];
    STG_RETURN_IF_FAILED(check_digest(r, file));
    STG_RETURN_IF_FAILED(stg_tensors_need(file, "train.whole", STG_U64, N_WHOLE, &whole));
    STG_RETURN_IF_FAILED(stg_tensors_need(file, "train.real", STG_F64, N_REAL, &real));
    memcpy(whole_values, whole->data, sizeof whole_values);
    memcpy(real_values, real->data, sizeof real_values);
    if (!unpack_state(&r->state, whole_values, real_values)) {
        return stg_fail(STG_ERR_INPUT, "%s: the state of the training is damaged: train anew", stg_tensors_path(file));
    }
    STG_RETURN_IF_FAILED(stg_params_get(r->params, r->params->moment1, "adam.moment1.", file));
    STG_RETURN_IF_FAILED(stg_params_get(r->params, r->params->moment2, "adam.moment2.", file));
    if (r->optimizer.slow != NULL) {
        STG_RETURN_IF_FAILED(stg_params_get(r->params, r->optimizer.slow, "lookahead.", file));
    }
    return r->state.has_best ? stg_params_get(r->params, r->best, "best.", file) : STG_OK;
}

static void hash_corpus(XXH3_state_t *hash, const struct stg_corpus *corpus)
{
    const uint64_t n = corpus == NULL ? UINT64_MAX : corpus->n;
    XXH3_64bits_update(hash, &n, sizeof n);
    for (size_t i = 0; corpus != NULL && i < corpus->n; i++) {
        struct stg_seq seq;
        stg_corpus_get(corpus, i, &seq);
        const uint64_t facts[4] = {seq.id, seq.n, seq.n_threads, (uint64_t)seq.begin_ns};
        XXH3_64bits_update(hash, facts, sizeof facts);
        XXH3_64bits_update(hash, seq.call, seq.n * sizeof *seq.call);
        XXH3_64bits_update(hash, seq.phase, seq.n * sizeof *seq.phase);
        XXH3_64bits_update(hash, seq.ret, seq.n * sizeof *seq.ret);
        XXH3_64bits_update(hash, seq.thread, seq.n * sizeof *seq.thread);
        XXH3_64bits_update(hash, seq.time_ns, seq.n * sizeof *seq.time_ns);
    }
}

/* A teacher is known by what it says of the first sequence. */
static enum stg_status hash_teacher(XXH3_state_t *hash, const struct stg_train_run *r)
{
    enum stg_status status = STG_OK;
    struct stg_batch_walks walks = {0};
    struct stg_lesson lesson = {0};
    struct stg_model_soft soft;
    const uint32_t first = 0;
    if (r->s->teacher.model == NULL || r->train->n == 0) {
        return STG_OK;
    }
    const size_t V = stg_symbols_count(r->s->teacher.model->symbols);
    STG_TRY(stg_batch_walks_fill(&walks, r->train, &first, 1, r->model->recipe.order, r->model->max_walk));
    STG_TRY(stg_lesson_prepare(&lesson, &r->s->teacher, walks.walks, walks.n, NULL, &soft));
    for (size_t i = 0; i < walks.n; i++) {
        XXH3_64bits_update(hash, soft.log_p[i], stg_walk_scored(&walks.walks[i]) * V * sizeof(float));
    }
out:
    stg_lesson_fini(&lesson);
    stg_batch_walks_fini(&walks);
    return status;
}

enum stg_status stg_train_digest(const struct stg_train_run *r, uint64_t *out)
{
    const struct stg_train_settings *s = r->s;
    const bool linear = s->schedule == STG_SCHEDULE_LINEAR; /* what bounds the run then shapes it */
    const double real[] = {s->rate,
                           s->beta1,
                           s->beta2,
                           s->epsilon,
                           s->clip,
                           s->label_smoothing,
                           s->min_gain,
                           s->decay,
                           s->teacher.weight,
                           s->teacher.temperature,
                           linear ? s->max_epochs : 0,
                           linear ? s->budget_s : 0};
    const uint64_t whole[] = {(uint64_t)s->schedule,
                              (uint64_t)s->optimizer,
                              s->warm_up,
                              s->batch,
                              s->batch_tokens,
                              s->eval_every,
                              s->patience,
                              s->seed,
                              s->valid_sequences,
                              linear ? s->max_updates : 0,
                              stg_pool_threads(r->pool),
                              (uint64_t)r->model->recipe.order,
                              r->model->max_walk,
                              r->params->size,
                              r->params->n};
    XXH3_state_t *hash = XXH3_createState();
    if (hash == NULL) {
        return stg_fail(STG_ERR_MEMORY, "out of memory: free memory");
    }
    XXH3_64bits_reset(hash);
    XXH3_64bits_update(hash, real, sizeof real);
    XXH3_64bits_update(hash, whole, sizeof whole);
    hash_corpus(hash, r->train);
    hash_corpus(hash, r->valid);
    const enum stg_status status = hash_teacher(hash, r);
    *out = XXH3_64bits_digest(hash);
    XXH3_freeState(hash);
    return status;
}
