#include "nn/lstm.h"

#include "base/memory.h"
#include "nn/lstm_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static enum stg_status check_shape(const struct stg_lstm_shape *s)
{
    if (s->n_tables > STG_LSTM_MAX_TABLES || s->n_waves > STG_LSTM_MAX_WAVES || s->n_tables + s->n_waves == 0) {
        return stg_fail(STG_ERR_USAGE, "LSTM: %zu embeddings and %zu scalars: at least one, at most %d of each", s->n_tables, s->n_waves,
                        STG_LSTM_MAX_TABLES);
    }
    if (s->layers == 0 || s->layers > STG_LSTM_MAX_LAYERS || s->hidden == 0 || s->hidden > 4096 || s->hidden % 8 != 0) {
        return stg_fail(STG_ERR_USAGE, "LSTM: %zu layers of %zu units: use 1 to %d layers of 8 to 4096 units, a multiple of 8", s->layers,
                        s->hidden, STG_LSTM_MAX_LAYERS);
    }
    if (s->outputs < 2 || s->outputs > 1 << 20 || !(s->dropout >= 0.0f && s->dropout < 1.0f)) {
        return stg_fail(STG_ERR_USAGE, "LSTM: %zu outputs, dropout %g: use 2 to 1048576 outputs and a dropout in [0, 1)", s->outputs,
                        (double)s->dropout);
    }
    if (s->n_waves > 0 && (s->wave_dim < 2 || s->wave_dim > STG_LSTM_MAX_WAVE_DIM || s->wave_dim % 2 != 0)) {
        return stg_fail(STG_ERR_USAGE, "LSTM: %zu sinusoids a scalar: use an even number up to %d", s->wave_dim, STG_LSTM_MAX_WAVE_DIM);
    }
    return STG_OK;
}

static enum stg_status declare_layer(struct stg_lstm *m, size_t l)
{
    const size_t H = m->shape.hidden;
    const size_t I = l == 0 ? m->input : H;
    struct stg_params *p = &m->params;
    char name[48];
    m->layer[l].inputs = I;
    snprintf(name, sizeof name, "lstm.%zu.weight_input", l);
    STG_RETURN_IF_FAILED(stg_params_add(p, name, I, 4 * H, &m->layer[l].w_input));
    snprintf(name, sizeof name, "lstm.%zu.weight_hidden", l);
    STG_RETURN_IF_FAILED(stg_params_add(p, name, H, 4 * H, &m->layer[l].w_hidden));
    snprintf(name, sizeof name, "lstm.%zu.bias_input", l);
    STG_RETURN_IF_FAILED(stg_params_add(p, name, 1, 4 * H, &m->layer[l].b_input));
    snprintf(name, sizeof name, "lstm.%zu.bias_hidden", l);
    return stg_params_add(p, name, 1, 4 * H, &m->layer[l].b_hidden);
}

static enum stg_status declare(struct stg_lstm *m)
{
    const struct stg_lstm_shape *s = &m->shape;
    char name[48];
    m->input = s->n_waves * s->wave_dim;
    for (size_t f = 0; f < s->n_tables; f++) {
        snprintf(name, sizeof name, "embed.%zu", f);
        STG_RETURN_IF_FAILED(stg_params_add(&m->params, name, s->table_rows[f], s->table_dim[f], &m->p_table[f]));
        m->input += s->table_dim[f];
    }
    for (size_t l = 0; l < s->layers; l++) {
        STG_RETURN_IF_FAILED(declare_layer(m, l));
    }
    STG_RETURN_IF_FAILED(stg_params_add(&m->params, "head.weight", s->hidden, s->outputs, &m->p_head_weight));
    return stg_params_add(&m->params, "head.bias", 1, s->outputs, &m->p_head_bias);
}

static enum stg_status allocate_packed(struct stg_lstm *m)
{
    const struct stg_kernels *k = stg_kernels();
    const size_t H = m->shape.hidden;
    for (size_t l = 0; l < m->shape.layers; l++) {
        STG_RETURN_IF_FAILED(stg_mem_aligned(&m->layer[l].packed_input, k->packed_size(m->layer[l].inputs, 4 * H), sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&m->layer[l].packed_hidden, k->packed_size(H, 4 * H), sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&m->layer[l].packed_hidden_t, k->packed_size(4 * H, H), sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&m->layer[l].bias, 4 * H, sizeof(float)));
    }
    return stg_mem_aligned(&m->packed_head, k->packed_size(H, m->shape.outputs), sizeof(float));
}

enum stg_status stg_lstm_new(struct stg_lstm **out, const struct stg_lstm_shape *shape, bool training)
{
    enum stg_status status = STG_OK;
    struct stg_lstm *m = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(check_shape(shape));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&m, 1, sizeof *m));
    m->shape = *shape;
    for (size_t i = 0; i < shape->wave_dim / 2; i++) {
        m->wave_scale[i] = pow(1e6, -2.0 * (double)i / (double)shape->wave_dim);
    }
    STG_TRY(declare(m));
    STG_TRY(stg_params_alloc(&m->params, training));
    STG_TRY(allocate_packed(m));
out:
    if (status != STG_OK) {
        stg_lstm_free(m);
        return status;
    }
    *out = m;
    return STG_OK;
}

void stg_lstm_free(struct stg_lstm *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t l = 0; l < STG_LSTM_MAX_LAYERS; l++) {
        stg_mem_free(m->layer[l].packed_input);
        stg_mem_free(m->layer[l].packed_hidden);
        stg_mem_free(m->layer[l].packed_hidden_t);
        stg_mem_free(m->layer[l].bias);
    }
    for (size_t i = 0; i < m->n_work; i++) {
        stg_lstm_work_free(m->work[i]);
    }
    stg_mem_free(m->work);
    stg_mem_free(m->packed_head);
    stg_params_fini(&m->params);
    stg_mem_free(m);
}

void stg_lstm_init(struct stg_lstm *m, struct stg_rng *rng)
{
    const double bound = 1.0 / sqrt((double)m->shape.hidden);
    for (size_t i = 0; i < m->params.n; i++) {
        const struct stg_param *e = &m->params.table[i];
        float *value = m->params.value + e->offset;
        for (size_t j = 0; j < e->rows * e->cols; j++) {
            value[j] = (float)(i < m->shape.n_tables ? stg_rng_normal(rng) : (2.0 * stg_rng_unit(rng) - 1.0) * bound);
        }
    }
}

struct stg_params *stg_lstm_params(struct stg_lstm *m)
{
    return &m->params;
}

const struct stg_lstm_shape *stg_lstm_shape(const struct stg_lstm *m)
{
    return &m->shape;
}

enum stg_status stg_lstm_updated(struct stg_lstm *m)
{
    const struct stg_kernels *k = stg_kernels();
    const size_t H = m->shape.hidden;
    for (size_t l = 0; l < m->shape.layers; l++) {
        const float *wx = stg_params_value(&m->params, m->layer[l].w_input);
        const float *wh = stg_params_value(&m->params, m->layer[l].w_hidden);
        k->pack(m->layer[l].packed_input, wx, 4 * H, m->layer[l].inputs, 4 * H);
        k->pack(m->layer[l].packed_hidden, wh, 4 * H, H, 4 * H);
        k->pack_transposed(m->layer[l].packed_hidden_t, wh, 4 * H, 4 * H, H);
        memcpy(m->layer[l].bias, stg_params_value(&m->params, m->layer[l].b_input), 4 * H * sizeof(float));
        k->add(m->layer[l].bias, stg_params_value(&m->params, m->layer[l].b_hidden), 4 * H);
    }
    k->pack(m->packed_head, stg_params_value(&m->params, m->p_head_weight), m->shape.outputs, H, m->shape.outputs);
    return STG_OK;
}
