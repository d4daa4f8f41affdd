/* Scoring without gradients, and stepping streams one row at a time. */
#include "base/memory.h"
#include "nn/lstm_internal.h"

#include <string.h>

enum { STEPS = 128 }; /* steps of a segment: bounds memory, long enough for large products */

struct stg_lstm_run {
    struct stg_lstm_work work;
};

enum stg_status stg_lstm_run_new(const struct stg_lstm *m, struct stg_lstm_run **out)
{
    (void)m;
    return stg_mem_zeroed(out, 1, sizeof **out);
}

void stg_lstm_run_free(struct stg_lstm_run *r)
{
    /* The work is the run's first member and only content. */
    stg_lstm_work_free(r == NULL ? NULL : &r->work);
}

static void log_p_rows(const struct stg_lstm *m, float *log_p, const float *h, size_t n)
{
    const struct stg_kernels *k = stg_kernels();
    const size_t H = m->shape.hidden;
    const size_t V = m->shape.outputs;
    if (n > 64) {
        stg_gemm(0, 0, n, V, H, h, H, stg_params_value(&m->params, m->p_head_weight), V, 0.0f, log_p, V);
    } else {
        k->rows_product(log_p, V, h, H, m->packed_head, n, H, V, 0);
    }
    for (size_t i = 0; i < n; i++) {
        k->add(log_p + i * V, stg_params_value(&m->params, m->p_head_bias), V);
        k->log_softmax(log_p + i * V, V);
    }
}

/* The surprisals of the packed rows. */
static void score_rows(const struct stg_lstm *m, struct stg_lstm_work *w, const struct stg_lstm_sequence *sequences, size_t first,
                       float *const *surprisal)
{
    const struct stg_lstm_pack *p = &w->pack;
    const size_t H = m->shape.hidden;
    const float *h = w->layer[m->shape.layers - 1].h;
    size_t t = 0;
    size_t j = 0;
    for (size_t from = 0; from < p->n_rows; from += STG_LSTM_HEAD_ROWS) {
        const size_t n = p->n_rows - from < STG_LSTM_HEAD_ROWS ? p->n_rows - from : STG_LSTM_HEAD_ROWS;
        log_p_rows(m, w->logits, h + from * H, n);
        for (size_t i = 0; i < n; i++) {
            const uint32_t target = sequences[p->order[j]].target[first + t];
            surprisal[p->order[j]][first + t] = target == STG_LSTM_UNSCORED ? 0.0f : -w->logits[i * m->shape.outputs + target];
            if (++j == p->width[t]) {
                j = 0;
                t++;
            }
        }
    }
}

enum stg_status stg_lstm_score(const struct stg_lstm *m, struct stg_lstm_run *r, const struct stg_lstm_sequence *sequences, size_t n,
                               float *const *surprisal)
{
    struct stg_lstm_work *w = &r->work;
    STG_RETURN_IF_FAILED(stg_lstm_pack_order(&w->pack, sequences, n));
    const size_t longest = n == 0 ? 0 : sequences[w->pack.order[0]].n;
    for (size_t first = 0; first < longest; first += STEPS) {
        STG_RETURN_IF_FAILED(stg_lstm_pack_segment(&w->pack, sequences, first, STEPS));
        STG_RETURN_IF_FAILED(stg_lstm_work_reserve(m, w, w->pack.n_rows, first == 0 ? n : 0, false));
        const size_t block = w->cap_sequences * m->shape.hidden;
        if (first == 0) {
            memset(w->h0, 0, m->shape.layers * block * sizeof(float));
            memset(w->c0, 0, m->shape.layers * block * sizeof(float));
        }
        stg_lstm_input_forward(m, w->x, &w->pack, sequences, first);
        const float *input = w->x;
        for (size_t l = 0; l < m->shape.layers; l++) {
            stg_lstm_layer_forward(m, l, &w->layer[l], input, &w->pack, w->h0 + l * block, w->c0 + l * block);
            input = w->layer[l].h;
        }
        score_rows(m, w, sequences, first, surprisal);
    }
    return STG_OK;
}

size_t stg_lstm_state_size(const struct stg_lstm *m)
{
    return 2 * m->shape.layers * m->shape.hidden;
}

enum stg_status stg_lstm_step(const struct stg_lstm *m, struct stg_lstm_run *r, float *const *states, size_t n, const uint32_t *ids,
                              const double *scalars)
{
    const struct stg_kernels *k = stg_kernels();
    struct stg_lstm_work *w = &r->work;
    const size_t H = m->shape.hidden;
    STG_RETURN_IF_FAILED(stg_lstm_work_reserve(m, w, n, n, false));
    for (size_t i = 0; i < n; i++) {
        const double *row = scalars == NULL ? NULL : scalars + i * m->shape.n_waves;
        stg_lstm_input_row(m, w->x + i * m->input, ids + i * m->shape.n_tables, row);
    }
    const float *input = w->x;
    for (size_t l = 0; l < m->shape.layers; l++) {
        const struct stg_lstm_activations *a = &w->layer[l];
        for (size_t i = 0; i < n; i++) {
            memcpy(w->h0 + i * H, states[i] + 2 * l * H, H * sizeof(float));
            memcpy(w->c0 + i * H, states[i] + (2 * l + 1) * H, H * sizeof(float));
        }
        k->rows_product(a->gates, 4 * H, input, m->layer[l].inputs, m->layer[l].packed_input, n, m->layer[l].inputs, 4 * H, 0);
        k->rows_product(a->gates, 4 * H, w->h0, H, m->layer[l].packed_hidden, n, H, 4 * H, 1);
        k->gates_forward(a->h, a->c, a->gates, m->layer[l].bias, w->c0, n, H);
        for (size_t i = 0; i < n; i++) {
            memcpy(states[i] + 2 * l * H, a->h + i * H, H * sizeof(float));
            memcpy(states[i] + (2 * l + 1) * H, a->c + i * H, H * sizeof(float));
        }
        input = a->h;
    }
    return STG_OK;
}

enum stg_status stg_lstm_predict(const struct stg_lstm *m, struct stg_lstm_run *r, const float *const *states, size_t n, float *log_p)
{
    const size_t H = m->shape.hidden;
    struct stg_lstm_work *w = &r->work;
    STG_RETURN_IF_FAILED(stg_lstm_work_reserve(m, w, n, n, false));
    for (size_t i = 0; i < n; i++) {
        memcpy(w->h0 + i * H, states[i] + 2 * (m->shape.layers - 1) * H, H * sizeof(float));
    }
    log_p_rows(m, log_p, w->h0, n);
    return STG_OK;
}
