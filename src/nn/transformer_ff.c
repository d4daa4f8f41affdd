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

void stg_transformer_ff_forward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w, float *to,
                                const float *in, size_t from, size_t n)
{
    const struct stg_params *p = &m->net.params;
    const struct stg_transformer_layer *layer = &m->layer[l];
    const size_t f = m->net.shape.ff;
    float *wide = w->layer[l].wide + from % w->near_rows * layer->ff_in.outputs;
    float *act = w->layer[l].act + from % w->near_rows * f;
    stg_linear_forward(&layer->ff_in, p, wide, in, n);
    activate(m->net.shape.activation, act, wide, n, f);
    stg_linear_forward(&layer->ff_out, p, to, act, n);
}

/* From the gradient of the activation, d_act (n,f), to that of what it read; wide and act of these rows. */
static void activate_backward(enum stg_activation activation, float *wide, const float *d_act, const float *act,
                              size_t n, size_t f)
{
    const struct stg_kernels *k = stg_kernels();
    switch (activation) {
    case STG_ACTIVATION_RELU:
        k->relu_backward(wide, d_act, act, n * f);
        break;
    case STG_ACTIVATION_GELU:
        k->gelu_backward(wide, d_act, wide, n * f);
        break;
    case STG_ACTIVATION_SWIGLU:
        k->swiglu_backward(wide, d_act, wide, n, f);
        break;
    }
}

void stg_transformer_ff_backward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w, float *du,
                                 const float *df, const float *in, size_t from, size_t n)
{
    const struct stg_params *p = &m->net.params;
    const struct stg_transformer_layer *layer = &m->layer[l];
    const size_t f = m->net.shape.ff;
    float *gradient = w->base.gradient;
    float *wide = w->layer[l].wide + from * layer->ff_in.outputs;
    const float *act = w->layer[l].act + from * f;
    stg_linear_backward(&layer->ff_out, p, gradient, w->d_wide, df, act, n);
    activate_backward(m->net.shape.activation, wide, w->d_wide, act, n, f);
    stg_linear_backward(&layer->ff_in, p, gradient, du, wide, in, n);
}
