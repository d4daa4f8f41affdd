/* One part of a pass: segments of bounded length. */
#include "base/memory.h"
#include "nn/lstm_internal.h"

#include <string.h>

static void free_rows(struct stg_lstm_work *w)
{
    for (size_t l = 0; l < STG_NET_MAX_LAYERS; l++) {
        stg_mem_free(w->layer[l].gates);
        stg_mem_free(w->layer[l].c);
        stg_mem_free(w->layer[l].h);
        w->layer[l] = (struct stg_lstm_activations){0};
    }
    float **rows[] = {&w->x, &w->d, &w->chunk};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stg_mem_free(*rows[i]);
        *rows[i] = NULL;
    }
    w->cap_rows = 0;
}

static void free_states(struct stg_lstm_work *w)
{
    float **states[] = {&w->h0, &w->c0, &w->h1, &w->c1, &w->dc, &w->dh_next};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        stg_mem_free(*states[i]);
        *states[i] = NULL;
    }
    w->cap_sequences = 0;
}

void stg_lstm_work_fini(struct stg_net_work *work)
{
    struct stg_lstm_work *w = (struct stg_lstm_work *)work;
    free_rows(w);
    free_states(w);
    stg_first_layer_sums_fini(&w->first);
    stg_lstm_pack_fini(&w->pack);
}

static enum stg_status reserve_rows(const struct stg_lstm *m, struct stg_lstm_work *w, size_t n, bool backward)
{
    const size_t H = m->net.shape.hidden;
    const size_t widest = m->net.input > H ? m->net.input : H;
    if (n <= w->cap_rows && (w->backward || !backward)) {
        return STG_OK;
    }
    n = n < w->cap_rows ? w->cap_rows : n;
    free_rows(w);
    STG_RETURN_IF_FAILED(stg_mem_aligned(&w->x, n, m->net.input * sizeof(float)));
    for (size_t l = 0; l < m->net.shape.layers; l++) {
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->layer[l].gates, n, 4 * H * sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->layer[l].c, n, H * sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->layer[l].h, n, H * sizeof(float)));
    }
    if (backward) {
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->d, n, widest * sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->chunk, STG_LSTM_CHUNK, H * sizeof(float)));
    }
    w->cap_rows = n;
    w->backward = backward;
    return STG_OK;
}

enum stg_status stg_lstm_work_reserve(const struct stg_lstm *m, struct stg_lstm_work *w, size_t n_rows,
                                      size_t n_sequences, bool backward)
{
    const size_t H = m->net.shape.hidden;
    STG_RETURN_IF_FAILED(reserve_rows(m, w, n_rows, backward));
    if (n_sequences > w->cap_sequences) {
        free_states(w);
        float **states[] = {&w->h0, &w->c0, &w->h1, &w->c1, &w->dc, &w->dh_next};
        for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
            STG_RETURN_IF_FAILED(stg_mem_aligned(states[i], n_sequences * m->net.shape.layers, H * sizeof(float)));
        }
        w->cap_sequences = n_sequences;
    }
    return STG_OK;
}

const float *stg_lstm_input_forward(const struct stg_lstm *m, struct stg_lstm_work *w,
                                    const struct stg_net_sequence *sequences, size_t first)
{
    const struct stg_lstm_pack *p = &w->pack;
    const size_t G = 4 * m->net.shape.hidden;
    float *gates = w->layer[0].gates;
    for (size_t t = 0; t < p->n_steps; t++) {
        for (size_t j = 0; j < p->width[t]; j++) {
            const struct stg_net_sequence *s = &sequences[p->order[j]];
            const size_t row = p->start[t] + j;
            stg_net_sequence_row(&m->net, w->x + row * m->net.input, s, first + t);
            if (m->first.looked_up) {
                stg_first_layer_row(&m->first, &m->net, gates + row * G, s->ids + (first + t) * m->net.shape.n_tables);
            }
        }
    }
    if (!m->first.looked_up) {
        return w->x;
    }
    stg_first_layer_waves(&m->first, &m->net, gates, w->x, p->n_rows);
    return NULL;
}

static void input_backward(const struct stg_lstm *m, struct stg_lstm_work *w, const struct stg_net_sequence *sequences,
                           size_t first)
{
    const struct stg_lstm_pack *p = &w->pack;
    for (size_t t = 0; t < p->n_steps; t++) {
        for (size_t j = 0; j < p->width[t]; j++) {
            const uint32_t *ids = sequences[p->order[j]].ids + (first + t) * m->net.shape.n_tables;
            const size_t row = p->start[t] + j;
            if (m->first.looked_up) {
                const float *d_gates = w->layer[0].gates + row * 4 * m->net.shape.hidden;
                stg_first_layer_row_backward(&m->first, &m->net, &w->first, d_gates, ids);
            } else {
                stg_net_input_row_backward(&m->net, w->base.gradient, w->d + row * m->net.input, ids);
            }
        }
    }
}

/* One part of a pass over a batch. */
struct part {
    const struct stg_lstm *m;
    struct stg_lstm_work *w;
    const struct stg_net_pass *pass;
    size_t i_part;
    const struct stg_net_sequence *sequences;
    struct stg_net_loss *loss;
};

/* Head over the top layer's h (N,H); its gradient is written to w->d in backward. */
static void head(const struct part *s, size_t first)
{
    struct stg_lstm_work *w = s->w;
    const struct stg_lstm_pack *p = &w->pack;
    const size_t H = s->m->net.shape.hidden;
    const float *h = w->layer[s->m->net.shape.layers - 1].h;
    struct stg_net_goal goals[STG_NET_HEAD_ROWS];
    size_t t = 0;
    size_t j = 0;
    for (size_t from = 0; from < p->n_rows; from += STG_NET_HEAD_ROWS) {
        const size_t n = p->n_rows - from < STG_NET_HEAD_ROWS ? p->n_rows - from : STG_NET_HEAD_ROWS;
        for (size_t i = 0; i < n; i++) {
            goals[i] = stg_net_goal_of(&s->sequences[p->order[j]], first + t, s->m->net.shape.outputs);
            if (++j == p->width[t]) {
                j = 0;
                t++;
            }
        }
        float *dh = s->pass->backward ? w->d + from * H : NULL;
        stg_net_head_pass(&s->m->net, &w->base, s->pass, dh, h + from * H, goals, n, s->loss);
    }
}

static void segment_backward(const struct part *s, size_t first, const struct stg_lstm_input *inputs)
{
    struct stg_lstm_work *w = s->w;
    const size_t block = w->cap_sequences * s->m->net.shape.hidden;
    for (size_t l = s->m->net.shape.layers; l-- > 0;) {
        stg_lstm_layer_backward(s->m, l, w, &inputs[l], w->h0 + l * block, w->c0 + l * block);
    }
    input_backward(s->m, w, s->sequences, first);
}

static void swap(float **a, float **b)
{
    float *t = *a;
    *a = *b;
    *b = t;
}

static void run_segment(const struct part *s, size_t first, size_t segment)
{
    const struct stg_lstm *m = s->m;
    struct stg_lstm_work *w = s->w;
    const size_t L = m->net.shape.layers;
    const size_t H = m->net.shape.hidden;
    const size_t block = w->cap_sequences * H;
    const float dropout = s->pass->backward ? m->net.shape.dropout : 0.0f;
    struct stg_lstm_input inputs[STG_NET_MAX_LAYERS] = {{.x = w->x}};
    memcpy(w->h1, w->h0, L * block * sizeof(float));
    memcpy(w->c1, w->c0, L * block * sizeof(float));
    const float *x = stg_lstm_input_forward(m, w, s->sequences, first);
    for (size_t l = 0; l < L; l++) {
        if (l > 0) {
            inputs[l] = (struct stg_lstm_input){w->layer[l - 1].h, dropout,
                                                stg_net_drop_key(s->pass->seed, s->i_part, segment, l)};
        }
        if (inputs[l].dropout > 0.0f) {
            stg_lstm_layer_input(m, l, w, &inputs[l]);
            x = NULL;
        } else if (l > 0) {
            x = inputs[l].x;
        }
        stg_lstm_layer_forward(m, l, &w->layer[l], x, &w->pack, w->h1 + l * block, w->c1 + l * block);
    }
    head(s, first);
    if (s->pass->backward) {
        segment_backward(s, first, inputs);
    }
    swap(&w->h0, &w->h1);
    swap(&w->c0, &w->c1);
}

/* Both biases are added before anything else happens to them, so their gradients are the same. */
static void copy_bias_gradients(const struct stg_lstm *m, float *gradient)
{
    const struct stg_param *table = m->net.params.table;
    for (size_t l = 0; l < m->net.shape.layers; l++) {
        memcpy(gradient + table[m->layer[l].b_hidden].offset, gradient + table[m->layer[l].b_input].offset,
               4 * m->net.shape.hidden * sizeof(float));
    }
}

enum stg_status stg_lstm_part(const struct stg_net *net, struct stg_net_work *work, const struct stg_net_pass *pass,
                              size_t i_part, const struct stg_net_sequence *sequences, size_t n,
                              struct stg_net_loss *loss)
{
    const struct stg_lstm *m = (const struct stg_lstm *)net;
    struct stg_lstm_work *w = (struct stg_lstm_work *)work;
    const struct part s = {m, w, pass, i_part, sequences, loss};
    const size_t limit = pass->backward ? STG_LSTM_BPTT : 256;
    const bool sums = pass->backward && m->first.looked_up;
    if (sums) {
        STG_RETURN_IF_FAILED(stg_first_layer_begin(&m->first, &w->first));
    }
    STG_RETURN_IF_FAILED(stg_lstm_pack_order(&w->pack, sequences, n));
    const size_t longest = n == 0 ? 0 : sequences[w->pack.order[0]].n;
    for (size_t first = 0, segment = 0; first < longest; first += limit, segment++) {
        STG_RETURN_IF_FAILED(stg_lstm_pack_segment(&w->pack, sequences, first, limit));
        STG_RETURN_IF_FAILED(stg_lstm_work_reserve(m, w, w->pack.n_rows, first == 0 ? n : 0, pass->backward));
        if (first == 0) {
            const size_t size = w->cap_sequences * net->shape.layers * net->shape.hidden * sizeof(float);
            memset(w->h0, 0, size);
            memset(w->c0, 0, size);
        }
        run_segment(&s, first, segment);
    }
    if (sums) {
        stg_first_layer_end(&m->first, net, &w->first, w->base.gradient);
    }
    if (pass->backward) {
        copy_bias_gradients(m, w->base.gradient);
    }
    return STG_OK;
}
