/* What all nets share: their life, and the way from the interface to the implementation. */
#include "nn/net.h"

#include "base/memory.h"
#include "nn/net_internal.h"

#include <math.h>
#include <stdio.h>

static enum stg_status check_shape(const struct stg_net_ops *ops, const struct stg_net_shape *s)
{
    if (s->n_tables > STG_NET_MAX_TABLES || s->n_waves > STG_NET_MAX_WAVES || s->n_tables + s->n_waves == 0) {
        return stg_fail(STG_ERR_USAGE, "%s: %zu embeddings and %zu scalars: at least one, at most %d of each",
                        ops->name, s->n_tables, s->n_waves, STG_NET_MAX_TABLES);
    }
    if (s->layers == 0 || s->layers > STG_NET_MAX_LAYERS) {
        return stg_fail(STG_ERR_USAGE, "%s: %zu layers: use 1 to %d", ops->name, s->layers, STG_NET_MAX_LAYERS);
    }
    if (s->outputs < 2 || s->outputs > 1 << 20 || !(s->dropout >= 0.0f && s->dropout < 1.0f)) {
        return stg_fail(STG_ERR_USAGE, "%s: %zu outputs, dropout %g: use 2 to 1048576 outputs and a dropout in [0, 1)",
                        ops->name, s->outputs, (double)s->dropout);
    }
    if (s->n_waves > 0 && (s->wave_dim < 2 || s->wave_dim > STG_NET_MAX_WAVE_DIM || s->wave_dim % 2 != 0)) {
        return stg_fail(STG_ERR_USAGE, "%s: %zu sinusoids a scalar: use an even number up to %d", ops->name,
                        s->wave_dim, STG_NET_MAX_WAVE_DIM);
    }
    return ops->check(s);
}

static enum stg_status declare(struct stg_net *m)
{
    const struct stg_net_shape *s = &m->shape;
    char name[48];
    m->input = s->n_waves * s->wave_dim;
    for (size_t f = 0; f < s->n_tables; f++) {
        snprintf(name, sizeof name, "embed.%zu", f);
        STG_RETURN_IF_FAILED(stg_params_add(&m->params, name, s->table_rows[f], s->table_dim[f], &m->p_table[f]));
        m->input += s->table_dim[f];
    }
    STG_RETURN_IF_FAILED(m->ops->declare(m));
    return stg_linear_declare(&m->head, &m->params, "head", m->shape.hidden, s->outputs);
}

enum stg_status stg_net_new(struct stg_net **out, const struct stg_net_ops *ops, const struct stg_net_shape *shape,
                            bool training)
{
    enum stg_status status = STG_OK;
    struct stg_net *m = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(check_shape(ops, shape));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&m, 1, ops->size));
    m->ops = ops;
    m->shape = *shape;
    for (size_t i = 0; i < shape->wave_dim / 2; i++) {
        m->wave_scale[i] = pow(1e6, -2.0 * (double)i / (double)shape->wave_dim);
    }
    STG_TRY(declare(m));
    STG_TRY(stg_params_alloc(&m->params, training));
    STG_TRY(stg_linear_alloc(&m->head, shape->precision));
    STG_TRY(ops->alloc(m));
out:
    if (status != STG_OK) {
        stg_net_free(m);
        return status;
    }
    *out = m;
    return STG_OK;
}

void stg_net_free(struct stg_net *m)
{
    if (m == NULL) {
        return;
    }
    m->ops->fini(m);
    for (size_t i = 0; i < m->n_work; i++) {
        stg_net_work_free(m->work[i]);
    }
    stg_mem_free(m->work);
    stg_linear_fini(&m->head);
    stg_params_fini(&m->params);
    stg_mem_free(m);
}

void stg_net_init_uniform(struct stg_net *m, size_t i, double bound, struct stg_rng *rng)
{
    const struct stg_param *e = &m->params.table[i];
    float *value = stg_params_value(&m->params, i);
    for (size_t j = 0; j < e->rows * e->cols; j++) {
        value[j] = (float)((2.0 * stg_rng_unit(rng) - 1.0) * bound);
    }
}

void stg_net_init_normal(struct stg_net *m, size_t i, double deviation, struct stg_rng *rng)
{
    const struct stg_param *e = &m->params.table[i];
    float *value = stg_params_value(&m->params, i);
    for (size_t j = 0; j < e->rows * e->cols; j++) {
        value[j] = (float)(deviation * stg_rng_normal(rng));
    }
}

void stg_net_init(struct stg_net *m, struct stg_rng *rng)
{
    m->ops->init(m, rng);
}

struct stg_params *stg_net_params(struct stg_net *m)
{
    return &m->params;
}

const struct stg_net_shape *stg_net_shape(const struct stg_net *m)
{
    return &m->shape;
}

enum stg_status stg_net_updated(struct stg_net *m)
{
    stg_linear_updated(&m->head, &m->params);
    m->ops->updated(m);
    return STG_OK;
}

enum stg_status stg_net_work_new(const struct stg_net *m, struct stg_net_work **out)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, 1, m->ops->work_size));
    (*out)->ops = m->ops;
    return STG_OK;
}

void stg_net_work_free(struct stg_net_work *w)
{
    if (w == NULL) {
        return;
    }
    w->ops->work_fini(w);
    stg_mem_free(w->logits);
    stg_mem_free(w->gradient);
    stg_mem_free(w);
}

enum stg_status stg_net_work_logits(const struct stg_net *m, struct stg_net_work *w)
{
    const size_t wider = m->shape.outputs > m->shape.hidden ? m->shape.outputs : m->shape.hidden;
    return w->logits != NULL ? STG_OK : stg_mem_aligned(&w->logits, STG_NET_HEAD_ROWS, wider * sizeof(float));
}

enum stg_status stg_net_score(const struct stg_net *m, struct stg_net_work *w, const struct stg_net_sequence *sequences,
                              size_t n, float *const *surprisal)
{
    STG_RETURN_IF_FAILED(stg_net_work_logits(m, w));
    return m->ops->score(m, w, sequences, n, surprisal, false);
}

enum stg_status stg_net_distributions(const struct stg_net *m, struct stg_net_work *w,
                                      const struct stg_net_sequence *sequences, size_t n, float *const *log_p)
{
    STG_RETURN_IF_FAILED(stg_net_work_logits(m, w));
    return m->ops->score(m, w, sequences, n, log_p, true);
}

size_t stg_net_state_size(const struct stg_net *m)
{
    return m->ops->state_size(m);
}

void stg_net_state_reset(const struct stg_net *m, float *state)
{
    m->ops->state_reset(m, state);
}

enum stg_status stg_net_states_new(const struct stg_net *m, size_t n, float **memory, size_t *stride)
{
    *stride = (stg_net_state_size(m) + 15) / 16 * 16; /* whole cache lines */
    const size_t size = *stride * sizeof(float);
    return size < STG_NET_LARGE_STATE ? stg_mem_aligned(memory, n, size) : stg_mem_zeroed(memory, n, size);
}

enum stg_status stg_net_step(const struct stg_net *m, struct stg_net_work *w, float *const *states, size_t n,
                             const uint32_t *ids, const double *scalars)
{
    return m->ops->step(m, w, states, n, ids, scalars);
}

size_t stg_net_heads(const struct stg_net *m)
{
    return m->ops->step_watched == NULL ? 0 : m->shape.layers * m->shape.heads;
}

enum stg_status stg_net_step_watched(const struct stg_net *m, struct stg_net_work *w, float *state, const uint32_t *ids,
                                     const double *scalars, float *weights)
{
    if (stg_net_heads(m) == 0) {
        return stg_fail(STG_ERR_INTERNAL, "a net without attention looks at nothing in particular");
    }
    return m->ops->step_watched(m, w, state, ids, scalars, weights);
}

enum stg_status stg_net_predict(const struct stg_net *m, struct stg_net_work *w, const float *const *states, size_t n,
                                float *log_p)
{
    STG_RETURN_IF_FAILED(stg_net_work_logits(m, w));
    for (size_t from = 0; from < n; from += STG_NET_HEAD_ROWS) {
        const size_t rows = n - from < STG_NET_HEAD_ROWS ? n - from : STG_NET_HEAD_ROWS;
        m->ops->top(m, w->logits, states + from, rows); /* the result has memory of its own, so this one is free */
        stg_net_head_log_p(m, log_p + from * m->shape.outputs, w->logits, rows);
    }
    return STG_OK;
}
