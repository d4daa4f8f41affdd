/* One LSTM layer over a packed segment, forward and backward. */
#include "nn/lstm_internal.h"

#include <string.h>

void stg_lstm_layer_forward(const struct stg_lstm *m, size_t l, const struct stg_lstm_activations *a, const float *x,
                            const struct stg_lstm_pack *p, float *h0, float *c0)
{
    const struct stg_kernels *k = stg_kernels();
    const size_t H = m->net.shape.hidden;
    if (x != NULL) { /* all inputs at once, then the recurrence step by step */
        stg_product_forward(&m->layer[l].input, a->gates, 4 * H, x, m->layer[l].inputs, p->n_rows, false);
    }
    const float *h_previous = h0;
    const float *c_previous = c0;
    for (size_t t = 0; t < p->n_steps; t++) {
        const size_t at = p->start[t];
        const size_t B = p->width[t];
        stg_product_forward(&m->layer[l].hidden, a->gates + at * 4 * H, 4 * H, h_previous, H, B, true);
        k->gates_forward(a->h + at * H, a->c + at * H, a->gates + at * 4 * H, m->layer[l].bias, c_previous, B, H);
        h_previous = a->h + at * H;
        c_previous = a->c + at * H;
    }
    /* The last row of each sequence is the state that the next segment begins with. */
    for (size_t t = 0; t < p->n_steps; t++) {
        const size_t next = t + 1 < p->n_steps ? p->width[t + 1] : 0;
        for (size_t j = next; j < p->width[t]; j++) {
            memcpy(h0 + j * H, a->h + (p->start[t] + j) * H, H * sizeof(float));
            memcpy(c0 + j * H, a->c + (p->start[t] + j) * H, H * sizeof(float));
        }
    }
}

/* previous (N,H): the h that each row's recurrence read. */
static void gather_previous(float *previous, const float *h, const float *h0, const struct stg_lstm_pack *p, size_t H)
{
    for (size_t t = 0; t < p->n_steps; t++) {
        const float *from = t == 0 ? h0 : h + p->start[t - 1] * H;
        memcpy(previous + p->start[t] * H, from, p->width[t] * H * sizeof(float));
    }
}

void stg_lstm_layer_backward(const struct stg_lstm *m, size_t l, struct stg_lstm_work *w, float *dx, const float *dh, const float *x,
                             const float *h0, const float *c0)
{
    const struct stg_kernels *k = stg_kernels();
    const struct stg_lstm_pack *p = &w->pack;
    const struct stg_lstm_activations *a = &w->layer[l];
    const struct stg_params *params = &m->net.params;
    const size_t H = m->net.shape.hidden;
    const size_t I = m->layer[l].inputs;
    memset(w->dc, 0, p->width[0] * H * sizeof(float));
    memset(w->dh_next, 0, p->width[0] * H * sizeof(float));
    for (size_t t = p->n_steps; t-- > 0;) {
        const size_t at = p->start[t];
        const size_t B = p->width[t];
        const float *c_previous = t == 0 ? c0 : a->c + p->start[t - 1] * H;
        k->gates_backward(a->gates + at * 4 * H, w->dc, dh + at * H, w->dh_next, a->c + at * H, c_previous, B, H);
        if (t > 0) { /* sequences that end here have no step after, so their rows of dh_next are still zero */
            stg_product_backward(&m->layer[l].hidden, w->dh_next, H, a->gates + at * 4 * H, 4 * H, B, false);
        }
    }
    gather_previous(w->previous, a->h, h0, p, H);
    float *dw_hidden = w->base.gradient + params->table[m->layer[l].w_hidden].offset;
    float *dw_input = w->base.gradient + params->table[m->layer[l].w_input].offset;
    stg_product_gradient(&m->layer[l].hidden, dw_hidden, 4 * H, w->previous, H, a->gates, 4 * H, p->n_rows);
    stg_product_gradient(&m->layer[l].input, dw_input, 4 * H, x, I, a->gates, 4 * H, p->n_rows);
    float *d_bias = w->base.gradient + params->table[m->layer[l].b_input].offset;
    k->column_sums(d_bias, a->gates, 4 * H, p->n_rows, 4 * H);
    stg_product_backward(&m->layer[l].input, dx, I, a->gates, 4 * H, p->n_rows, false);
}
