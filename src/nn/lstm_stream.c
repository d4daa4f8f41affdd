/* Scoring without gradients, and stepping streams one row at a time. */
#include "base/memory.h"
#include "nn/lstm_internal.h"

#include <string.h>

/* A segment has about SEGMENT_ROWS rows, so that what one layer writes is still in the cache when the next one reads
 * it, and enough for products of many rows. */
enum { SEGMENT_ROWS = 512, LEAST_STEPS = 8, MOST_STEPS = 128 };

static size_t steps_of(size_t n_sequences)
{
    const size_t steps = n_sequences == 0 ? MOST_STEPS : SEGMENT_ROWS / n_sequences;
    return steps < LEAST_STEPS ? LEAST_STEPS : steps > MOST_STEPS ? MOST_STEPS : steps;
}

/* What the net says of the packed rows. */
static void score_rows(const struct stg_lstm *m, struct stg_lstm_work *w, const struct stg_net_sequence *sequences,
                       size_t first, float *const *to, bool all)
{
    const struct stg_lstm_pack *p = &w->pack;
    const size_t H = m->net.shape.hidden;
    const size_t V = m->net.shape.outputs;
    const float *h = w->layer[m->net.shape.layers - 1].h;
    size_t t = 0;
    size_t j = 0;
    for (size_t from = 0; from < p->n_rows; from += STG_NET_HEAD_ROWS) {
        const size_t n = p->n_rows - from < STG_NET_HEAD_ROWS ? p->n_rows - from : STG_NET_HEAD_ROWS;
        stg_net_head_log_p(&m->net, w->base.logits, h + from * H, n);
        for (size_t i = 0; i < n; i++) {
            const uint32_t target = sequences[p->order[j]].target[first + t];
            stg_net_put_log_p(to[p->order[j]], first + t, w->base.logits + i * V, V, target, all);
            if (++j == p->width[t]) {
                j = 0;
                t++;
            }
        }
    }
}

enum stg_status stg_lstm_score(const struct stg_net *net, struct stg_net_work *work,
                               const struct stg_net_sequence *sequences, size_t n, float *const *to, bool all)
{
    const struct stg_lstm *m = (const struct stg_lstm *)net;
    struct stg_lstm_work *w = (struct stg_lstm_work *)work;
    const size_t L = net->shape.layers;
    STG_RETURN_IF_FAILED(stg_lstm_pack_order(&w->pack, sequences, n));
    const size_t longest = n == 0 ? 0 : sequences[w->pack.order[0]].n;
    const size_t steps = steps_of(n);
    for (size_t first = 0; first < longest; first += steps) {
        STG_RETURN_IF_FAILED(stg_lstm_pack_segment(&w->pack, sequences, first, steps));
        STG_RETURN_IF_FAILED(stg_lstm_work_reserve(m, w, w->pack.n_rows, first == 0 ? n : 0, false));
        const size_t block = w->cap_sequences * net->shape.hidden;
        if (first == 0) {
            memset(w->h0, 0, L * block * sizeof(float));
            memset(w->c0, 0, L * block * sizeof(float));
        }
        const float *input = stg_lstm_input_forward(m, w, sequences, first);
        for (size_t l = 0; l < L; l++) {
            stg_lstm_layer_forward(m, l, &w->layer[l], input, &w->pack, w->h0 + l * block, w->c0 + l * block);
            input = w->layer[l].h;
        }
        score_rows(m, w, sequences, first, to, all);
    }
    return STG_OK;
}

size_t stg_lstm_state_size(const struct stg_net *net)
{
    return 2 * net->shape.layers * net->shape.hidden;
}

void stg_lstm_state_reset(const struct stg_net *net, float *state)
{
    memset(state, 0, stg_lstm_state_size(net) * sizeof(float));
}

enum stg_status stg_lstm_step(const struct stg_net *net, struct stg_net_work *work, float *const *states, size_t n,
                              const uint32_t *ids, const double *scalars)
{
    const struct stg_kernels *k = stg_kernels();
    const struct stg_lstm *m = (const struct stg_lstm *)net;
    struct stg_lstm_work *w = (struct stg_lstm_work *)work;
    const size_t H = net->shape.hidden;
    STG_RETURN_IF_FAILED(stg_lstm_work_reserve(m, w, n, n, false));
    for (size_t i = 0; i < n; i++) {
        const double *row = scalars == NULL ? NULL : scalars + i * net->shape.n_waves;
        stg_net_input_row(net, w->x + i * net->input, ids + i * net->shape.n_tables, row);
    }
    const float *input = w->x;
    for (size_t l = 0; l < net->shape.layers; l++) {
        const struct stg_lstm_activations *a = &w->layer[l];
        const struct stg_lstm_layer *layer = &m->layer[l];
        for (size_t i = 0; i < n; i++) {
            memcpy(w->h0 + i * H, states[i] + 2 * l * H, H * sizeof(float));
            memcpy(w->c0 + i * H, states[i] + (2 * l + 1) * H, H * sizeof(float));
        }
        if (l == 0 && m->first.looked_up) {
            stg_first_layer_forward(&m->first, net, a->gates, ids, w->x, n);
        } else {
            stg_product_forward(&layer->input, a->gates, 4 * H, input, layer->inputs, n, false);
        }
        stg_product_forward(&layer->hidden, a->gates, 4 * H, w->h0, H, n, true);
        k->gates_forward(a->h, a->c, a->gates, layer->bias, w->c0, n, H);
        for (size_t i = 0; i < n; i++) {
            memcpy(states[i] + 2 * l * H, a->h + i * H, H * sizeof(float));
            memcpy(states[i] + (2 * l + 1) * H, a->c + i * H, H * sizeof(float));
        }
        input = a->h;
    }
    return STG_OK;
}

void stg_lstm_top(const struct stg_net *net, float *h, const float *const *states, size_t n)
{
    const size_t H = net->shape.hidden;
    for (size_t i = 0; i < n; i++) {
        memcpy(h + i * H, states[i] + 2 * (net->shape.layers - 1) * H, H * sizeof(float));
    }
}
