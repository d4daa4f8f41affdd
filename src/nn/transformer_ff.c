/* The feed-forward sublayer: d → f, an activation, f → d. */
#include "nn/transformer_internal.h"

void stg_transformer_ff_forward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w, float *to, const float *in)
{
    const struct stg_kernels *k = stg_kernels();
    const struct stg_params *p = &m->net.params;
    const struct stg_transformer_activations *a = &w->layer[l];
    const size_t f = m->net.shape.ff;
    stg_linear_forward(&m->layer[l].ff_in, p, a->wide, in, w->n_rows);
    switch (m->net.shape.activation) {
    case STG_ACTIVATION_RELU:
        k->relu_forward(a->act, a->wide, w->n_rows * f);
        break;
    case STG_ACTIVATION_GELU:
        k->gelu_forward(a->act, a->wide, w->n_rows * f);
        break;
    case STG_ACTIVATION_SWIGLU:
        k->swiglu_forward(a->act, a->wide, w->n_rows, f);
        break;
    }
    stg_linear_forward(&m->layer[l].ff_out, p, to, a->act, w->n_rows);
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
