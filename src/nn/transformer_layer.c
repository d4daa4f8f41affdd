/* Layers: sublayers with their residual sum, dropout and norm, forward and backward. With x the input and F the
 * function: post-norm  y = norm(x + drop(F(x)))      pre-norm  y = x + drop(F(norm(x)))      none  y = x +
 * drop(F(x)) */
#include "nn/transformer_internal.h"

#include <string.h>

#define EPSILON 1e-5f /* of the norms; PyTorch's */

static void norm_forward(const struct stg_transformer *m, const struct stg_transformer_norm *norm, float *y,
                         float *mean, float *rstd, const float *x, size_t n)
{
    const struct stg_params *p = &m->net.params;
    stg_kernels()->layer_norm_forward(y, mean, rstd, x, stg_params_value(p, norm->gain),
                                      stg_params_value(p, norm->bias), n, m->net.shape.hidden, EPSILON);
}

/* In place: the gradient of the norm's output becomes that of its input x. */
static void norm_backward(const struct stg_transformer *m, const struct stg_transformer_norm *norm, float *gradient,
                          float *dy, const float *mean, const float *rstd, const float *x, size_t n)
{
    const struct stg_params *p = &m->net.params;
    stg_kernels()->layer_norm_backward(dy, gradient + p->table[norm->gain].offset,
                                       gradient + p->table[norm->bias].offset, dy, x, mean, rstd,
                                       stg_params_value(p, norm->gain), n, m->net.shape.hidden);
}

static uint64_t drop_key(const struct stg_transformer_drop *drop, size_t l, size_t sub)
{
    return stg_net_drop_key(drop->seed, drop->part, drop->run, l * STG_SUBLAYERS + sub);
}

/* What the function of a sublayer reads of rows from … from + n − 1, whose input is x (n,d). */
static const float *sublayer_input(const struct stg_transformer *m, size_t l, size_t sub,
                                   struct stg_transformer_work *w, const float *x, size_t from, size_t n)
{
    const struct stg_transformer_activations *a = &w->layer[l];
    float *normed = a->aux[sub] + from * m->net.shape.hidden;
    if (m->net.shape.norm != STG_NORM_PRE) {
        return x;
    }
    norm_forward(m, &m->layer[l].norm[sub], normed, a->mean[sub] + from, a->rstd[sub] + from, x, n);
    return normed;
}

/* Where the function writes, and what becomes the sum. */
static float *sublayer_sum(const struct stg_transformer *m, size_t l, size_t sub, const struct stg_transformer_work *w,
                           float *y, size_t from)
{
    return m->net.shape.norm == STG_NORM_POST ? w->layer[l].aux[sub] + from % w->near_rows * m->net.shape.hidden : y;
}

/* y (n,d) from what the function wrote, and x (n,d). */
static void sublayer_output(const struct stg_transformer *m, size_t l, size_t sub, struct stg_transformer_work *w,
                            float *y, const float *x, const struct stg_transformer_drop *drop, size_t from, size_t n)
{
    const struct stg_transformer_activations *a = &w->layer[l];
    const size_t d = m->net.shape.hidden;
    float *sum = sublayer_sum(m, l, sub, w, y, from);
    if (drop->p > 0.0f) {
        stg_net_drop(sum, sum, from, n, d, drop_key(drop, l, sub), drop->p);
    }
    stg_kernels()->add(sum, x, n * d);
    if (m->net.shape.norm == STG_NORM_POST) {
        norm_forward(m, &m->layer[l].norm[sub], y, a->mean[sub] + from, a->rstd[sub] + from, sum, n);
    }
}

/* Of rows from … from + n − 1, what the gradient w->dy of the output is to what the function wrote; at most
 * STG_LINEAR_BACKWARD_ROWS. */
static const float *output_backward(const struct stg_transformer *m, size_t l, size_t sub,
                                    struct stg_transformer_work *w, const struct stg_transformer_drop *drop,
                                    size_t from, size_t n)
{
    const struct stg_transformer_activations *a = &w->layer[l];
    const size_t d = m->net.shape.hidden;
    float *dy = w->dy + from * d;
    if (m->net.shape.norm == STG_NORM_POST) {
        norm_backward(m, &m->layer[l].norm[sub], w->base.gradient, dy, a->mean[sub] + from, a->rstd[sub] + from,
                      a->aux[sub] + from * d, n);
    }
    if (drop->p <= 0.0f) {
        return dy;
    }
    stg_net_drop(w->df, dy, from, n, d, drop_key(drop, l, sub), drop->p);
    return w->df;
}

/* The same rows of w->dy become the gradient of the sublayer's input x (N,d): du is that of what the function read. */
static void input_backward(const struct stg_transformer *m, size_t l, size_t sub, struct stg_transformer_work *w,
                           const float *x, size_t from, size_t n)
{
    const struct stg_transformer_activations *a = &w->layer[l];
    const size_t d = m->net.shape.hidden;
    float *du = w->du + from * d;
    if (m->net.shape.norm == STG_NORM_PRE) {
        norm_backward(m, &m->layer[l].norm[sub], w->base.gradient, du, a->mean[sub] + from, a->rstd[sub] + from,
                      x + from * d, n);
    }
    stg_kernels()->add(w->dy + from * d, du, n * d);
}

/* w->dy: from the gradient of the output to that of the input x. As in forward, some rows at a time from end to end,
 * but for attention. */
static void ff_backward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w, const float *x,
                        const struct stg_transformer_drop *drop)
{
    const size_t d = m->net.shape.hidden;
    const float *in = m->net.shape.norm == STG_NORM_PRE ? w->layer[l].aux[STG_SUBLAYER_FF] : x;
    for (size_t from = 0; from < w->n_rows; from += STG_LINEAR_BACKWARD_ROWS) {
        const size_t n = w->n_rows - from < STG_LINEAR_BACKWARD_ROWS ? w->n_rows - from : STG_LINEAR_BACKWARD_ROWS;
        const float *df = output_backward(m, l, STG_SUBLAYER_FF, w, drop, from, n);
        stg_transformer_ff_backward(m, l, w, w->du + from * d, df, in + from * d, from, n);
        input_backward(m, l, STG_SUBLAYER_FF, w, x, from, n);
    }
}

static void attention_backward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w,
                               const float *x, const struct stg_transformer_drop *drop)
{
    const size_t d = m->net.shape.hidden;
    const struct stg_transformer_activations *a = &w->layer[l];
    for (size_t from = 0; from < w->n_rows; from += STG_LINEAR_BACKWARD_ROWS) {
        const size_t n = w->n_rows - from < STG_LINEAR_BACKWARD_ROWS ? w->n_rows - from : STG_LINEAR_BACKWARD_ROWS;
        const float *df = output_backward(m, l, STG_SUBLAYER_ATTENTION, w, drop, from, n);
        stg_linear_backward(&m->layer[l].out, &m->net.params, w->base.gradient, w->du + from * d, df,
                            a->attended + from * d, n);
    }
    stg_transformer_attention_backward(m, l, w, m->net.shape.norm == STG_NORM_PRE ? a->aux[STG_SUBLAYER_ATTENTION] : x);
    input_backward(m, l, STG_SUBLAYER_ATTENTION, w, x, 0, w->n_rows);
}

void stg_transformer_put_row(const struct stg_transformer *m, struct stg_transformer_work *w, size_t i,
                             const uint32_t *ids, const double *scalars)
{
    const size_t n_tables = m->net.shape.n_tables;
    if (m->first.looked_up) {
        memcpy(w->ids + i * n_tables, ids, n_tables * sizeof *ids);
    }
    stg_net_input_row(&m->net, w->input + i * m->net.input, ids, scalars);
}

bool stg_transformer_looks_up(const struct stg_transformer *m, size_t l)
{
    return l == 0 && m->first.looked_up && !m->projects;
}

void stg_transformer_first_backward(const struct stg_transformer *m, struct stg_transformer_work *w, const float *dy)
{
    const size_t n_tables = m->net.shape.n_tables;
    for (size_t from = 0; from < w->n_rows; from += STG_LINEAR_BACKWARD_ROWS) {
        const size_t n = w->n_rows - from < STG_LINEAR_BACKWARD_ROWS ? w->n_rows - from : STG_LINEAR_BACKWARD_ROWS;
        const float *rows = dy + from * m->first.product->N;
        for (size_t i = 0; i < n; i++) {
            stg_first_layer_row_backward(&m->first, &m->net, &w->first, rows + i * m->first.product->N,
                                         w->ids + (from + i) * n_tables);
        }
        stg_first_layer_waves_backward(&m->first, &m->net, w->base.gradient, rows, w->input + from * m->net.input, n);
    }
}

/* Only attention looks at other rows. All before it and all behind it is done some rows at a time from end to end, so
 * that what one step writes the next reads from a near cache. */
static void layer_forward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w,
                          const struct stg_transformer_drop *drop)
{
    const struct stg_transformer_activations *a = &w->layer[l];
    const size_t d = m->net.shape.hidden;
    for (size_t from = 0; from < w->n_rows; from += STG_LINEAR_ROWS) {
        const size_t n = w->n_rows - from < STG_LINEAR_ROWS ? w->n_rows - from : STG_LINEAR_ROWS;
        const float *in = sublayer_input(m, l, STG_SUBLAYER_ATTENTION, w, w->x[l] + from * d, from, n);
        if (stg_transformer_looks_up(m, l)) {
            stg_first_layer_forward(&m->first, &m->net, a->qkv + from * 3 * d, w->ids + from * m->net.shape.n_tables,
                                    in, n);
        } else {
            stg_linear_forward(&m->layer[l].qkv, &m->net.params, a->qkv + from * 3 * d, in, n);
        }
    }
    stg_transformer_attention_forward(m, l, w,
                                      m->net.shape.norm == STG_NORM_PRE ? a->aux[STG_SUBLAYER_ATTENTION] : w->x[l]);
    for (size_t from = 0; from < w->n_rows; from += STG_LINEAR_ROWS) {
        const size_t n = w->n_rows - from < STG_LINEAR_ROWS ? w->n_rows - from : STG_LINEAR_ROWS;
        float *middle = a->middle + from % w->near_rows * d;
        float *y = w->x[l + 1] + from * d;
        float *sum = sublayer_sum(m, l, STG_SUBLAYER_ATTENTION, w, middle, from);
        stg_linear_forward(&m->layer[l].out, &m->net.params, sum, a->attended + from * d, n);
        sublayer_output(m, l, STG_SUBLAYER_ATTENTION, w, middle, w->x[l] + from * d, drop, from, n);
        const float *in = sublayer_input(m, l, STG_SUBLAYER_FF, w, middle, from, n);
        stg_transformer_ff_forward(m, l, w, sublayer_sum(m, l, STG_SUBLAYER_FF, w, y, from), in, from, n);
        sublayer_output(m, l, STG_SUBLAYER_FF, w, y, middle, drop, from, n);
    }
}

void stg_transformer_project(const struct stg_transformer *m, struct stg_transformer_work *w)
{
    if (m->projects && m->first.looked_up) {
        stg_first_layer_forward(&m->first, &m->net, w->x[0], w->ids, w->input, w->n_rows);
    } else if (m->projects) {
        stg_linear_forward(&m->project, &m->net.params, w->x[0], w->input, w->n_rows);
    }
}

void stg_transformer_forward(const struct stg_transformer *m, struct stg_transformer_work *w,
                             const struct stg_transformer_drop *drop)
{
    const size_t L = m->net.shape.layers;
    for (size_t l = 0; l < L; l++) {
        layer_forward(m, l, w, drop);
    }
    if (m->net.shape.norm == STG_NORM_NONE) {
        memcpy(w->top, w->x[L], w->n_rows * m->net.shape.hidden * sizeof(float));
    } else {
        norm_forward(m, &m->norm, w->top, w->mean, w->rstd, w->x[L], w->n_rows);
    }
}

void stg_transformer_backward(const struct stg_transformer *m, struct stg_transformer_work *w,
                              const struct stg_transformer_drop *drop)
{
    const size_t L = m->net.shape.layers;
    if (m->net.shape.norm != STG_NORM_NONE) {
        norm_backward(m, &m->norm, w->base.gradient, w->dy, w->mean, w->rstd, w->x[L], w->n_rows);
    }
    for (size_t l = L; l-- > 0;) {
        if (m->net.shape.recompute && l + 1 < L) {
            layer_forward(m, l, w, drop); /* its activations gave way to those of the layers above */
        }
        ff_backward(m, l, w, w->layer[l].middle, drop);
        attention_backward(m, l, w, w->x[l], drop);
    }
    if (m->projects && m->first.looked_up) {
        stg_transformer_first_backward(m, w, w->dy);
    } else if (m->projects) {
        stg_linear_backward(&m->project, &m->net.params, w->base.gradient, w->d_input, w->dy, w->input, w->n_rows);
    }
}
