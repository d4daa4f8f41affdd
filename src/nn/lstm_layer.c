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

/* Rows from … from + n − 1 of the layer's input, after dropout: where they stand, or made in the chunk. */
static const float *input_rows(struct stg_lstm_work *w, const struct stg_lstm_input *in, size_t I, size_t from,
                               size_t n)
{
    if (in->dropout == 0.0f) {
        return in->x + from * I;
    }
    stg_net_drop(w->chunk, in->x + from * I, from, n, I, in->key, in->dropout);
    return w->chunk;
}

/* The h that the recurrence of rows from … from + n − 1 read: that of the step before, in the chunk. */
static const float *previous_rows(struct stg_lstm_work *w, const float *h, const float *h0, size_t H, size_t from,
                                  size_t n)
{
    const struct stg_lstm_pack *p = &w->pack;
    size_t t = 0;
    for (size_t row = from; row < from + n;) {
        while (row >= p->start[t] + p->width[t]) {
            t++;
        }
        const size_t end = p->start[t] + p->width[t] < from + n ? p->start[t] + p->width[t] : from + n;
        const float *before = t == 0 ? h0 : h + p->start[t - 1] * H;
        memcpy(w->chunk + (row - from) * H, before + (row - p->start[t]) * H, (end - row) * H * sizeof(float));
        row = end;
    }
    return w->chunk;
}

void stg_lstm_layer_input(const struct stg_lstm *m, size_t l, struct stg_lstm_work *w, const struct stg_lstm_input *in)
{
    const size_t G = 4 * m->net.shape.hidden;
    const size_t I = m->layer[l].inputs;
    for (size_t from = 0; from < w->pack.n_rows; from += STG_LSTM_CHUNK) {
        const size_t n = w->pack.n_rows - from < STG_LSTM_CHUNK ? w->pack.n_rows - from : STG_LSTM_CHUNK;
        stg_product_forward(&m->layer[l].input, w->layer[l].gates + from * G, G, input_rows(w, in, I, from, n), I, n,
                            false);
    }
}

/* From the gradients of the gates' pre-activations to those of the weights and of the input: chunk by chunk, as all
 * four read them. */
static void gates_to_weights(const struct stg_lstm *m, size_t l, struct stg_lstm_work *w,
                             const struct stg_lstm_input *in, const float *h0)
{
    const struct stg_lstm_layer *layer = &m->layer[l];
    const struct stg_param *table = m->net.params.table;
    const size_t H = m->net.shape.hidden;
    const size_t I = layer->inputs;
    float *gradient = w->base.gradient;
    for (size_t from = 0; from < w->pack.n_rows; from += STG_LSTM_CHUNK) {
        const size_t n = w->pack.n_rows - from < STG_LSTM_CHUNK ? w->pack.n_rows - from : STG_LSTM_CHUNK;
        const float *gates = w->layer[l].gates + from * 4 * H;
        const float *previous = previous_rows(w, w->layer[l].h, h0, H, from, n);
        stg_product_gradient(&layer->hidden, gradient + table[layer->w_hidden].offset, 4 * H, previous, H, gates, 4 * H,
                             n);
        if (l == 0 && m->first.looked_up) {
            stg_first_layer_waves_backward(&m->first, &m->net, gradient, gates, in->x + from * I, n);
            continue;
        }
        const float *x = input_rows(w, in, I, from, n);
        stg_product_gradient(&layer->input, gradient + table[layer->w_input].offset, 4 * H, x, I, gates, 4 * H, n);
        stg_kernels()->column_sums(gradient + table[layer->b_input].offset, gates, 4 * H, n, 4 * H);
        float *dx = w->d + from * I;
        stg_product_backward(&layer->input, dx, I, gates, 4 * H, n, false);
        if (in->dropout > 0.0f) {
            stg_net_drop(dx, dx, from, n, I, in->key, in->dropout);
        }
    }
}

void stg_lstm_layer_backward(const struct stg_lstm *m, size_t l, struct stg_lstm_work *w,
                             const struct stg_lstm_input *in, const float *h0, const float *c0)
{
    const struct stg_kernels *k = stg_kernels();
    const struct stg_lstm_pack *p = &w->pack;
    const struct stg_lstm_activations *a = &w->layer[l];
    const size_t H = m->net.shape.hidden;
    memset(w->dc, 0, p->width[0] * H * sizeof(float));
    memset(w->dh_next, 0, p->width[0] * H * sizeof(float));
    for (size_t t = p->n_steps; t-- > 0;) {
        const size_t at = p->start[t];
        const size_t B = p->width[t];
        const float *c_previous = t == 0 ? c0 : a->c + p->start[t - 1] * H;
        k->gates_backward(a->gates + at * 4 * H, w->dc, w->d + at * H, w->dh_next, a->c + at * H, c_previous, B, H);
        if (t > 0) { /* sequences that end here have no step after, so their rows of dh_next are still zero */
            stg_product_backward(&m->layer[l].hidden, w->dh_next, H, a->gates + at * 4 * H, 4 * H, B, false);
        }
    }
    gates_to_weights(m, l, w, in, h0);
}
