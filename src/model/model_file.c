/* The model file: what all kinds share, then the kind's own (docs/formats/model.md). */
#include "base/memory.h"
#include "model/model.h"
#include "model/sides.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CALIBRATION = 1 << 24, MAX_BINS = 1024, MAX_USUAL = 1 << 16 };

static enum stg_status put_json(struct stg_tensors_writer *w, const char *key, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL) {
        return stg_fail(STG_ERR_MEMORY, "out of memory: free memory");
    }
    const enum stg_status status = stg_tensors_writer_meta(w, key, text);
    free(text);
    return status;
}

enum stg_status stg_model_put(const struct stg_model *m, struct stg_tensors_writer *w)
{
    char number[32];
    STG_RETURN_IF_FAILED(stg_tensors_writer_meta(w, "model.kind", m->ops->kind));
    snprintf(number, sizeof number, "%zu", m->max_walk);
    STG_RETURN_IF_FAILED(stg_tensors_writer_meta(w, "model.max_walk", number));
    STG_RETURN_IF_FAILED(stg_recipe_save(&m->recipe, w));
    STG_RETURN_IF_FAILED(stg_vocab_save(&m->vocab, w));
    if (m->symbols == NULL) {
        return stg_fail(STG_ERR_INTERNAL, "a model that was not fitted cannot be saved");
    }
    STG_RETURN_IF_FAILED(stg_symbols_save(m->symbols, w));
    STG_RETURN_IF_FAILED(put_json(w, "record", m->record));
    if (m->n_calibration > 0) {
        const size_t dims[2] = {m->n_calibration, STG_MODEL_AGGREGATES};
        STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "calibration", STG_F32, 2, dims, m->calibration));
    }
    if (m->n_stream > 0) {
        const size_t dims[2] = {m->n_stream, STG_MODEL_STREAM_COLUMNS};
        STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "stream", STG_F32, 2, dims, m->stream));
    }
    if (m->n_channel_bins > 0) {
        const size_t dims[2] = {m->n_channel_bins, STG_MODEL_CHANNEL_COLUMNS};
        STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "channels", STG_F32, 2, dims, m->channels));
    }
    if (m->n_usual > 0) {
        const size_t dims[2] = {m->n_usual, STG_MODEL_USUAL_COLUMNS};
        STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "usual.key", STG_U64, 1, dims, m->usual_key));
        STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "usual", STG_F32, 2, dims, m->usual));
    }
    STG_RETURN_IF_FAILED(m->ops->save(m, w));
    return stg_model_put_sides(m, w);
}

enum stg_status stg_model_save(const struct stg_model *m, const char *path)
{
    struct stg_tensors_writer *w = NULL;
    STG_RETURN_IF_FAILED(stg_tensors_writer_open(&w, path, STG_MODEL_FORMAT, STG_MODEL_VERSION));
    enum stg_status status = stg_model_put(m, w);
    if (status == STG_OK) {
        status = stg_tensors_writer_commit(w);
    }
    stg_tensors_writer_free(w);
    return status;
}

static enum stg_status load_calibration(struct stg_model *m, const struct stg_tensors *t)
{
    const struct stg_tensor *c = stg_tensors_find(t, "calibration");
    if (c == NULL) {
        return STG_OK;
    }
    if (c->dtype != STG_F32 || c->n_dims != 2 || c->dims[1] != STG_MODEL_AGGREGATES || c->dims[0] > MAX_CALIBRATION) {
        return stg_fail(STG_ERR_INPUT, "%s: tensor calibration: has another shape: train the model again",
                        stg_tensors_path(t));
    }
    const float *v = c->data;
    for (size_t i = 0; i < c->n; i++) {
        /* Sorted by column; a NaN would break every comparison that follows. */
        if (isnan(v[i]) || (i >= STG_MODEL_AGGREGATES && v[i] < v[i - STG_MODEL_AGGREGATES])) {
            return stg_fail(STG_ERR_INPUT, "%s: tensor calibration: is not sorted: train the model again",
                            stg_tensors_path(t));
        }
    }
    STG_RETURN_IF_FAILED(stg_mem_dup(&m->calibration, c->data, c->n * sizeof(float)));
    m->n_calibration = c->dims[0];
    return STG_OK;
}

static bool equal(float a, float b)
{
    return a >= b && a <= b;
}

static enum stg_status load_stream(struct stg_model *m, const struct stg_tensors *t)
{
    const struct stg_tensor *c = stg_tensors_find(t, "stream");
    if (c == NULL) {
        return STG_OK;
    }
    if (c->dtype != STG_F32 || c->n_dims != 2 || c->dims[1] != STG_MODEL_STREAM_COLUMNS ||
        c->dims[0] > MAX_CALIBRATION) {
        return stg_fail(STG_ERR_INPUT, "%s: tensor stream: has another shape: train the model again",
                        stg_tensors_path(t));
    }
    const float *v = c->data;
    float run = -1; /* of the row before: numbers count up by one */
    for (size_t i = 0; i < c->n; i += STG_MODEL_STREAM_COLUMNS) {
        const bool same = i > 0 && equal(v[i + STG_STREAM_RUN], run), next = equal(v[i + STG_STREAM_RUN], run + 1),
                   together = equal(v[i + STG_STREAM_TOGETHER], 1), alone = equal(v[i + STG_STREAM_TOGETHER], 0);
        bool sound = (same && together) || ((same || next) && alone);
        for (size_t k = STG_STREAM_VALUES; k < STG_MODEL_STREAM_COLUMNS; k++) {
            sound = sound && !isnan(v[i + k]);
        }
        if (!sound) {
            return stg_fail(STG_ERR_INPUT, "%s: tensor stream: is damaged: train the model again", stg_tensors_path(t));
        }
        run = v[i + STG_STREAM_RUN];
    }
    STG_RETURN_IF_FAILED(stg_mem_dup(&m->stream, c->data, c->n * sizeof(float)));
    m->n_stream = c->dims[0];
    return STG_OK;
}

static enum stg_status load_channels(struct stg_model *m, const struct stg_tensors *t)
{
    const struct stg_tensor *c = stg_tensors_find(t, "channels");
    if (c == NULL) {
        return STG_OK;
    }
    if (c->dtype != STG_F32 || c->n_dims != 2 || c->dims[1] != STG_MODEL_CHANNEL_COLUMNS || c->dims[0] == 0 ||
        c->dims[0] > MAX_BINS) {
        return stg_fail(STG_ERR_INPUT, "%s: tensor channels: has another shape: train the model again",
                        stg_tensors_path(t));
    }
    const float *v = c->data;
    for (size_t i = 0; i < c->n; i++) {
        const size_t column = i % STG_MODEL_CHANNEL_COLUMNS;
        const bool spread = column > 0 && column % 2 == 0; /* what is divided by */
        if (!isfinite(v[i]) || (spread && !(v[i] > 0))) {
            return stg_fail(STG_ERR_INPUT, "%s: tensor channels: is damaged: train the model again",
                            stg_tensors_path(t));
        }
    }
    STG_RETURN_IF_FAILED(stg_mem_dup(&m->channels, c->data, c->n * sizeof(float)));
    m->n_channel_bins = c->dims[0];
    return STG_OK;
}

static enum stg_status load_usual(struct stg_model *m, const struct stg_tensors *t)
{
    const struct stg_tensor *k = stg_tensors_find(t, "usual.key"), *v = stg_tensors_find(t, "usual");
    if (k == NULL && v == NULL) {
        return STG_OK;
    }
    if (k == NULL || v == NULL || k->dtype != STG_U64 || v->dtype != STG_F32 || k->n_dims != 1 || v->n_dims != 2 ||
        k->dims[0] == 0 || k->dims[0] > MAX_USUAL || v->dims[0] != k->dims[0] ||
        v->dims[1] != STG_MODEL_USUAL_COLUMNS) {
        return stg_fail(STG_ERR_INPUT, "%s: tensor usual: has another shape: train the model again",
                        stg_tensors_path(t));
    }
    const uint64_t *key = k->data;
    const float *value = v->data;
    for (size_t i = 0; i < v->n; i++) {
        if (!isfinite(value[i]) || value[i] < 0 || (i > 0 && i < k->n && key[i] <= key[i - 1])) {
            return stg_fail(STG_ERR_INPUT, "%s: tensor usual: is damaged: train the model again", stg_tensors_path(t));
        }
    }
    STG_RETURN_IF_FAILED(stg_mem_dup(&m->usual_key, key, k->n * sizeof *key));
    STG_RETURN_IF_FAILED(stg_mem_dup(&m->usual, value, v->n * sizeof *value));
    m->n_usual = k->n;
    return STG_OK;
}

static enum stg_status load_base(struct stg_model *m, const struct stg_tensors *t)
{
    const char *max_walk = stg_tensors_meta(t, "model.max_walk");
    const char *record = stg_tensors_meta(t, "record");
    m->max_walk = max_walk == NULL ? 0 : (size_t)strtoull(max_walk, NULL, 10);
    m->record = record == NULL ? NULL : json_loads(record, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(m->record)) {
        return stg_fail(STG_ERR_INPUT, "%s: header: training record is damaged: train the model again",
                        stg_tensors_path(t));
    }
    STG_RETURN_IF_FAILED(stg_recipe_load(&m->recipe, t));
    STG_RETURN_IF_FAILED(load_channels(m, t));
    STG_RETURN_IF_FAILED(load_stream(m, t));
    STG_RETURN_IF_FAILED(load_usual(m, t));
    return load_calibration(m, t);
}

enum stg_status stg_model_read(struct stg_model **out, struct stg_tensors *t, bool with_sides)
{
    enum stg_status status = STG_OK;
    struct stg_model *m = NULL;
    const struct stg_model_ops *ops = NULL;
    const char *kind = stg_tensors_meta(t, "model.kind");
    struct stg_vocab vocab = {0};
    struct stg_symbols *symbols = NULL;
    *out = NULL;
    if (kind == NULL) {
        return stg_fail(STG_ERR_INPUT, "%s: header: names no kind of model: train it again", stg_tensors_path(t));
    }
    for (size_t i = 0; stg_model_list[i] != NULL; i++) {
        ops = strcmp(stg_model_list[i]->kind, kind) == 0 ? stg_model_list[i] : ops;
    }
    if (ops == NULL) {
        return stg_fail(STG_ERR_INPUT, "%s: header: kind of model '%.40s' is unknown: made by a newer version?",
                        stg_tensors_path(t), kind);
    }
    /* Vocabulary and symbols first: the kinds check their sizes against them. */
    STG_TRY(stg_vocab_load(&vocab, t));
    STG_TRY(stg_symbols_load(&symbols, t));
    STG_TRY(ops->load(&m, t, &vocab, symbols));
    m->ops = ops;
    m->vocab = vocab;
    vocab = (struct stg_vocab){0};
    m->symbols = symbols;
    symbols = NULL;
    STG_TRY(stg_symbols_bind(m->symbols, &m->vocab));
    STG_TRY(load_base(m, t));
    STG_TRY(with_sides ? stg_model_get_sides(m, t) : STG_OK);
out:
    stg_vocab_fini(&vocab);
    stg_symbols_free(symbols);
    if (status != STG_OK) {
        stg_model_free(m);
        return status;
    }
    *out = m;
    return STG_OK;
}

enum stg_status stg_model_get(struct stg_model **out, struct stg_tensors *t)
{
    STG_RETURN_IF_FAILED(stg_model_read(out, t, true));
    (*out)->file = t;
    return STG_OK;
}

enum stg_status stg_model_open(struct stg_model **out, const char *path)
{
    struct stg_tensors *t = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_tensors_open(&t, path, STG_MODEL_FORMAT, STG_MODEL_VERSION));
    const enum stg_status status = stg_model_get(out, t);
    if (status != STG_OK) {
        stg_tensors_free(t);
    }
    return status;
}
