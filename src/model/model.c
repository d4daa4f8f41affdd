#include "model/model.h"

#include "base/memory.h"

#include <string.h>

void stg_model_settings_default(struct stg_model_settings *s)
{
    *s = (struct stg_model_settings){.kind = "ngram", .dropout = -1.0, .n_global = -1, .seed = 1};
}

static enum stg_status find_ops(const char *kind, const struct stg_model_ops **out)
{
    for (size_t i = 0; stg_model_list[i] != NULL; i++) {
        if (strcmp(stg_model_list[i]->kind, kind) == 0) {
            *out = stg_model_list[i];
            return STG_OK;
        }
    }
    return stg_fail(STG_ERR_USAGE, "unknown kind of model '%.40s': use stide, ngram, lstm, transformer or longformer",
                    kind);
}

enum stg_status stg_model_new(struct stg_model **out, const struct stg_model_settings *s,
                              const struct stg_recipe *recipe, const struct stg_vocab *vocab)
{
    enum stg_status status = STG_OK;
    const struct stg_model_ops *ops = NULL;
    struct stg_model *m = NULL;
    *out = NULL;
    STG_TRY(find_ops(s->kind, &ops));
    STG_TRY(ops->create(&m, s));
    m->ops = ops;
    m->recipe = *recipe;
    STG_TRY(stg_vocab_copy(&m->vocab, vocab));
    m->vocab.frozen = true;
    m->vocab.base_calls = m->vocab.base_procs = 0; /* all of it is the model's */
    if (m->symbols != NULL) {
        STG_TRY(stg_symbols_bind(m->symbols, &m->vocab));
    }
    m->record = json_object();
    if (m->record == NULL) {
        status = stg_fail(STG_ERR_MEMORY, "out of memory: free memory");
        goto out;
    }
out:
    if (status != STG_OK) {
        stg_model_free(m);
        return status;
    }
    *out = m;
    return STG_OK;
}

void stg_model_free(struct stg_model *m)
{
    if (m == NULL) {
        return;
    }
    struct stg_tensors *file = m->file;
    stg_vocab_fini(&m->vocab);
    stg_symbols_free(m->symbols);
    json_decref(m->record);
    stg_mem_free(m->calibration);
    stg_mem_free(m->stream);
    stg_mem_free(m->channels);
    stg_mem_free(m->usual_key);
    stg_mem_free(m->usual);
    stg_pace_fini(&m->pace);
    for (int i = 0; i < STG_SIDES; i++) {
        stg_model_free(m->side[i]);
    }
    m->ops->free(m);
    stg_tensors_free(file); /* last: the model may have borrowed from it */
}

/* Feeds token i of a walk. */
static enum stg_status feed(const struct stg_model *m, struct stg_model_run *r, struct stg_model_state *state,
                            const struct stg_walk *w, ptrdiff_t i)
{
    struct stg_model_token token;
    float surprisal;
    stg_walk_token(w, i, &token);
    return m->ops->step(m, r, &state, &token, 1, &surprisal);
}

static enum stg_status predict_walk(const struct stg_model *m, struct stg_model_run *r, struct stg_model_state *state,
                                    const struct stg_walk *w, float *log_p)
{
    const size_t V = stg_symbols_count(m->symbols);
    const size_t n = w->n + (w->end ? 1 : 0);
    m->ops->state_reset(m, state);
    if (w->start) {
        STG_RETURN_IF_FAILED(feed(m, r, state, w, -1));
    }
    for (size_t i = 0; i < n; i++) {
        if (i >= w->n_context) {
            STG_RETURN_IF_FAILED(m->ops->predict(m, r, state, log_p));
            for (size_t v = 0; v < V; v++) {
                log_p[v] = log_p[v] > STG_MODEL_LEAST_LOG_P ? log_p[v] : STG_MODEL_LEAST_LOG_P;
            }
            log_p += V;
        }
        STG_RETURN_IF_FAILED(feed(m, r, state, w, (ptrdiff_t)i));
    }
    return STG_OK;
}

enum stg_status stg_model_distributions(const struct stg_model *m, struct stg_model_run *r,
                                        const struct stg_walk *walks, size_t n, float *const *log_p)
{
    enum stg_status status = STG_OK;
    struct stg_model_state *state = NULL;
    if (m->ops->distributions != NULL) {
        return m->ops->distributions(m, r, walks, n, log_p);
    }
    STG_TRY(m->ops->state_new(m, &state));
    for (size_t i = 0; i < n; i++) {
        STG_TRY(predict_walk(m, r, state, &walks[i], log_p[i]));
    }
out:
    m->ops->state_free(state);
    return status;
}

enum stg_status stg_model_set_precision(struct stg_model *m, enum stg_precision precision)
{
    if (m->ops->set_precision == NULL) {
        return stg_fail(STG_ERR_USAGE, "--precision: %s multiplies nothing: leave it out", m->ops->kind);
    }
    return m->ops->set_precision(m, precision);
}

enum stg_status stg_model_check_vocab(const struct stg_model *m, const struct stg_vocab *vocab, const char *path)
{
    if (stg_vocab_begins_with(vocab, &m->vocab)) {
        return STG_OK;
    }
    return stg_fail(
        STG_ERR_MISMATCH,
        "%s: vocabulary is not the model's: prepare it again with --vocab and the model or its training data", path);
}

void stg_walk_token(const struct stg_walk *w, ptrdiff_t i, struct stg_model_token *out)
{
    const bool start = i < 0;
    const bool end = i >= (ptrdiff_t)w->n;
    *out = (struct stg_model_token){.order = (uint32_t)(i + 1)};
    if (start || end) {
        out->special = start ? STG_TOKEN_START : STG_TOKEN_END;
        out->call = out->proc = out->special;
        out->ret = STG_RET_ABSENT;
        out->elapsed_ns = end ? w->elapsed_ns[w->n] : 0;
        if (w->n > 0) {
            out->pid = w->pid[start ? 0 : w->n - 1];
            out->tid = w->tid[start ? 0 : w->n - 1];
        }
        return;
    }
    out->call = w->call[i];
    out->phase = w->phase[i];
    out->proc = w->proc[i];
    out->ret = w->ret[i];
    out->pid = w->pid[i];
    out->tid = w->tid[i];
    out->elapsed_ns = w->elapsed_ns[i];
}
