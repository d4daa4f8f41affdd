/* The feed-forward sublayer: d → f, an activation, f → d. */
#include "nn/transformer_internal.h"

static void activate(enum stg_activation activation, float *act, const float *wide, size_t n, size_t f)
{
    const struct stg_kernels *k = stg_kernels();
    switch (activation) {
    case STG_ACTIVATION_RELU:
        k->relu_forward(act, wide, n * f);
        break;
    case STG_ACTIVATION_GELU:
        k->gelu_forward(act, wide, n * f);
        break;
    case STG_ACTIVATION_SWIGLU:
        k->swiglu_forward(act, wide, n, f);
        break;
    }
}

/* Some rows at a time from end to end, so that what is as wide as f is read where it was just written. */
void stg_transformer_ff_forward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w, float *to, const float *in)
{
    const struct stg_params *p = &m->net.params;
    const struct stg_transformer_layer *layer = &m->layer[l];
    const struct stg_transformer_activations *a = &w->layer[l];
    const size_t d = m->net.shape.hidden;
    const size_t f = m->net.shape.ff;
    for (size_t from = 0; from < w->n_rows; from += STG_LINEAR_ROWS) {
        const size_t n = w->n_rows - from < STG_LINEAR_ROWS ? w->n_rows - from : STG_LINEAR_ROWS;
        float *wide = a->wide + from * layer->ff_in.outputs;
        float *act = a->act + from * f;
        stg_linear_forward(&layer->ff_in, p, wide, in + from * d, n);
        activate(m->net.shape.activation, act, wide, n, f);
        stg_linear_forward(&layer->ff_out, p, to + from * d, act, n);
    }
}

void stg_transformer_ff_backward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w, float *du, const float *df,
                                 const float *in)
{
    const struct stg_kernels *k = stg_kernels();
    const struct stg_params *p = &m->net.params;
    const struct stg_transformer_activations *a = &w->layer[l];
    const size_t f = m->net.shape.ff;
    float *d_act = w->d_wide;
    stg_linear_backward(&m->layer[l].ff_out, p, w->base.gradient, d_act, df, a->act, w->n_rows);
    switch (m->net.shape.activation) {
    case STG_ACTIVATION_RELU:
        k->relu_backward(a->wide, d_act, a->act, w->n_rows * f);
        break;
    case STG_ACTIVATION_GELU:
        k->gelu_backward(a->wide, d_act, a->wide, w->n_rows * f);
        break;
    case STG_ACTIVATION_SWIGLU:
        k->swiglu_backward(a->wide, d_act, a->wide, w->n_rows, f);
        break;
    }
    stg_linear_backward(&m->layer[l].ff_in, p, w->base.gradient, du, a->wide, in, w->n_rows);
}
