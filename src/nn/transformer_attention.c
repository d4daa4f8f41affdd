/* The attention sublayer: queries, keys and values of all rows, attention span by span, output projection. The first
 * n_global rows of a sequence have projections of their own and see each other only (causally); everyone else sees
 * their ordinary keys. */
#include "nn/transformer_internal.h"

#include <string.h>

struct stg_attention stg_transformer_view(const struct stg_transformer *m, size_t l, size_t T, size_t first_query)
{
    const struct stg_net_shape *s = &m->net.shape;
    const size_t d = s->hidden;
    const bool all = s->dilation[l] == 1 && s->window[l] >= T; /* the full form is the faster one */
    return (struct stg_attention){
        .T = T,
        .first_query = first_query,
        .heads = s->heads,
        .dim = d / s->heads,
        .ld_q = 3 * d,
        .ld_kv = 3 * d,
        .ld_out = d,
        .window = all ? 0 : s->window[l],
        .dilation = s->dilation[l],
        .n_global = all ? 0 : s->n_global,
    };
}

/* Among n global rows, each sees all before it. */
static struct stg_attention global_view(const struct stg_transformer *m, size_t n)
{
    struct stg_attention a = stg_transformer_view(m, 0, n, 0);
    a.window = a.n_global = 0;
    return a;
}

static void attend_global(const struct stg_transformer *m, const struct stg_transformer_activations *a,
                          const struct stg_transformer_span *span, float *scratch)
{
    const size_t d = m->net.shape.hidden;
    const struct stg_attention view = global_view(m, span->n_global);
    const float *q = a->global_qkv + span->global_at * 3 * d;
    stg_kernels()->attention_forward(a->attended + span->at * d, a->global_lse + span->global_at * view.heads, q, q + d,
                                     q + 2 * d, &view, scratch);
}

void stg_transformer_attention_forward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w,
                                       const float *in)
{
    const struct stg_transformer_layer *layer = &m->layer[l];
    const struct stg_transformer_activations *a = &w->layer[l];
    const struct stg_params *p = &m->net.params;
    const size_t d = m->net.shape.hidden;
    for (size_t i = 0; i < w->n_spans; i++) {
        const struct stg_transformer_span *span = &w->spans[i];
        memcpy(a->global_in + span->global_at * d, in + span->at * d, span->n_global * d * sizeof(float));
    }
    if (w->n_global > 0) {
        stg_linear_forward(&layer->global, p, a->global_qkv, a->global_in, w->n_global);
    }
    for (size_t i = 0; i < w->n_spans; i++) {
        const struct stg_transformer_span *span = &w->spans[i];
        if (span->state != NULL) {
            if (span->n == 1 && i + 1 < w->n_spans) {
                stg_transformer_fetch_stream(m, l, span + 1);
            }
            stg_transformer_attend_stream(m, l, w, span);
            continue;
        }
        struct stg_attention view = stg_transformer_view(m, l, span->n, 0);
        const float *q = a->qkv + span->at * 3 * d;
        view.bf16 = w->rounded;
        stg_kernels()->attention_forward(a->attended + span->at * d, a->lse + span->at * view.heads, q, q + d,
                                         q + 2 * d, &view, w->scratch);
        if (span->n_global > 0) {
            attend_global(m, a, span, w->scratch);
        }
    }
}

/* The gradient of the global rows goes into their own projections, and away from the ordinary ones. */
static void global_backward(const struct stg_transformer *m, struct stg_transformer_work *w,
                            const struct stg_transformer_activations *a, const struct stg_transformer_span *span,
                            float *d_attended)
{
    const size_t d = m->net.shape.hidden;
    const struct stg_attention view = global_view(m, span->n_global);
    const float *q = a->global_qkv + span->global_at * 3 * d;
    float *dq = w->d_global_qkv + span->global_at * 3 * d;
    float *dout = w->d_global + span->global_at * d;
    memcpy(dout, d_attended + span->at * d, span->n_global * d * sizeof(float));
    memset(d_attended + span->at * d, 0, span->n_global * d * sizeof(float));
    stg_kernels()->attention_backward(dq, dq + d, dq + 2 * d, dout, q, q + d, q + 2 * d, a->attended + span->at * d,
                                      a->global_lse + span->global_at * view.heads, &view, w->scratch);
}

void stg_transformer_attention_backward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w,
                                        const float *in)
{
    const struct stg_kernels *k = stg_kernels();
    const struct stg_transformer_layer *layer = &m->layer[l];
    const struct stg_transformer_activations *a = &w->layer[l];
    const struct stg_params *p = &m->net.params;
    const size_t d = m->net.shape.hidden;
    float *du = w->du;
    float *d_attended = du; /* until the end */
    float *d_qkv = w->d_wide;
    for (size_t i = 0; i < w->n_spans; i++) {
        const struct stg_transformer_span *span = &w->spans[i];
        struct stg_attention view = stg_transformer_view(m, l, span->n, 0);
        const float *q = a->qkv + span->at * 3 * d;
        view.bf16 = w->rounded;
        float *dq = d_qkv + span->at * 3 * d;
        if (span->n_global > 0) {
            global_backward(m, w, a, span, d_attended);
        }
        k->attention_backward(dq, dq + d, dq + 2 * d, d_attended + span->at * d, q, q + d, q + 2 * d,
                              a->attended + span->at * d, a->lse + span->at * view.heads, &view, w->scratch);
    }
    if (stg_transformer_looks_up(m, l)) {
        stg_transformer_first_backward(m, w, d_qkv);
        memset(du, 0, w->n_rows * d * sizeof(float));
    } else {
        stg_linear_backward(&layer->qkv, p, w->base.gradient, du, d_qkv, in, w->n_rows);
    }
    if (w->n_global > 0) {
        stg_linear_backward(&layer->global, p, w->base.gradient, w->d_global_in, w->d_global_qkv, a->global_in,
                            w->n_global);
    }
    for (size_t i = 0; i < w->n_spans; i++) {
        const struct stg_transformer_span *span = &w->spans[i];
        k->add(du + span->at * d, w->d_global_in + span->global_at * d, span->n_global * d);
    }
}
