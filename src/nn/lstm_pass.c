/* One pass over a batch: parts on threads, segments of bounded length within a part. */
#include "base/memory.h"
#include "nn/lstm_internal.h"

#include <string.h>

static void free_rows(struct stg_lstm_work *w)
{
    for (size_t l = 0; l < STG_LSTM_MAX_LAYERS; l++) {
        stg_mem_free(w->layer[l].gates);
        stg_mem_free(w->layer[l].c);
        stg_mem_free(w->layer[l].h);
        w->layer[l] = (struct stg_lstm_activations){0};
    }
    float **rows[] = {&w->x, &w->dropped, &w->dh, &w->dx, &w->previous};
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

void stg_lstm_work_free(struct stg_lstm_work *w)
{
    if (w == NULL) {
        return;
    }
    free_rows(w);
    free_states(w);
    stg_mem_free(w->logits);
    stg_mem_free(w->gradient);
    stg_lstm_pack_fini(&w->pack);
    stg_mem_free(w);
}

static enum stg_status reserve_rows(const struct stg_lstm *m, struct stg_lstm_work *w, size_t n, bool backward)
{
    const size_t H = m->shape.hidden;
    const size_t widest = m->input > H ? m->input : H;
    if (n <= w->cap_rows && (w->backward || !backward)) {
        return STG_OK;
    }
    n = n < w->cap_rows ? w->cap_rows : n;
    free_rows(w);
    STG_RETURN_IF_FAILED(stg_mem_aligned(&w->x, n, m->input * sizeof(float)));
    for (size_t l = 0; l < m->shape.layers; l++) {
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->layer[l].gates, n, 4 * H * sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->layer[l].c, n, H * sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->layer[l].h, n, H * sizeof(float)));
    }
    if (backward) {
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->dropped, n * (m->shape.layers - 1), H * sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->dh, n, H * sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->dx, n, widest * sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->previous, n, H * sizeof(float)));
        if (w->gradient == NULL) {
            STG_RETURN_IF_FAILED(stg_mem_aligned(&w->gradient, m->params.size, sizeof(float)));
        }
    }
    if (w->logits == NULL) {
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->logits, STG_LSTM_HEAD_ROWS, m->shape.outputs * sizeof(float)));
    }
    w->cap_rows = n;
    w->backward = backward;
    return STG_OK;
}

enum stg_status stg_lstm_work_reserve(const struct stg_lstm *m, struct stg_lstm_work *w, size_t n_rows, size_t n_sequences, bool backward)
{
    const size_t H = m->shape.hidden;
    STG_RETURN_IF_FAILED(reserve_rows(m, w, n_rows, backward));
    if (n_sequences > w->cap_sequences) {
        free_states(w);
        float **states[] = {&w->h0, &w->c0, &w->h1, &w->c1, &w->dc, &w->dh_next};
        for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
            STG_RETURN_IF_FAILED(stg_mem_aligned(states[i], n_sequences * m->shape.layers, H * sizeof(float)));
        }
        w->cap_sequences = n_sequences;
    }
    return STG_OK;
}

struct pass {
    struct stg_lstm *m;
    const struct stg_lstm_sequence **part; /* (n_parts) borrowed runs of `sorted` */
    size_t *part_n;
    double smoothing;
    float scale;
    uint64_t seed;
    bool backward;
    struct stg_lstm_loss *loss; /* (n_parts) */
};

static size_t likeliest(const float *row, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        best = row[i] > row[best] ? i : best;
    }
    return best;
}

/* Targets of the packed rows from `from` on; unscored rows get a zero gradient. */
static void head_rows(const struct pass *s, float *logits, const uint32_t *targets, size_t n, struct stg_lstm_loss *sum)
{
    const struct stg_kernels *k = stg_kernels();
    const size_t V = s->m->shape.outputs;
    const float *bias = stg_params_value(&s->m->params, s->m->p_head_bias);
    for (size_t i = 0; i < n; i++) {
        float *row = logits + i * V;
        if (targets[i] == STG_LSTM_UNSCORED) {
            memset(row, 0, V * sizeof(float));
            continue;
        }
        float loss;
        float objective;
        k->add(row, bias, V);
        sum->n_correct += likeliest(row, V) == targets[i];
        k->cross_entropy(row, &loss, &objective, V, targets[i], (float)s->smoothing, s->scale);
        sum->loss += (double)loss;
        sum->objective += (double)objective;
        sum->n++;
    }
}

/* Head over the top layer's h (N,H); dh (N,H) is written in backward. */
static void head(const struct pass *s, struct stg_lstm_work *w, const float *h, const struct stg_lstm_sequence *sequences, size_t first,
                 struct stg_lstm_loss *sum)
{
    const struct stg_kernels *k = stg_kernels();
    const struct stg_lstm *m = s->m;
    const struct stg_lstm_pack *p = &w->pack;
    const size_t H = m->shape.hidden;
    const size_t V = m->shape.outputs;
    const float *weight = stg_params_value(&m->params, m->p_head_weight);
    uint32_t targets[STG_LSTM_HEAD_ROWS];
    size_t t = 0;
    size_t j = 0;
    for (size_t from = 0; from < p->n_rows; from += STG_LSTM_HEAD_ROWS) {
        const size_t n = p->n_rows - from < STG_LSTM_HEAD_ROWS ? p->n_rows - from : STG_LSTM_HEAD_ROWS;
        for (size_t i = 0; i < n; i++) {
            targets[i] = sequences[p->order[j]].target[first + t];
            if (++j == p->width[t]) {
                j = 0;
                t++;
            }
        }
        stg_gemm(0, 0, n, V, H, h + from * H, H, weight, V, 0.0f, w->logits, V);
        head_rows(s, w->logits, targets, n, sum);
        if (s->backward) {
            stg_gemm(1, 0, H, V, n, h + from * H, H, w->logits, V, 1.0f, w->gradient + m->params.table[m->p_head_weight].offset, V);
            k->column_sums(w->gradient + m->params.table[m->p_head_bias].offset, w->logits, V, n, V);
            stg_gemm(0, 1, n, H, V, w->logits, V, weight, V, 0.0f, w->dh + from * H, H);
        }
    }
}

static uint64_t dropout_key(uint64_t seed, size_t part, size_t segment, size_t layer)
{
    uint64_t x = seed ^ (0x9e3779b97f4a7c15u * (part * 1048576u + segment * 16u + layer + 1u));
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    return x ^ x >> 31;
}

/* Dropout in runs of rows, so that the 32-bit index of the kernel never wraps. */
static void drop(float *y, const float *x, size_t rows, size_t H, uint64_t key, float p)
{
    for (size_t from = 0; from < rows; from += 65536) {
        const size_t n = rows - from < 65536 ? rows - from : 65536;
        stg_kernels()->dropout(y + from * H, x + from * H, n * H, key + from, p);
    }
}

static void segment_backward(const struct pass *s, struct stg_lstm_work *w, const struct stg_lstm_sequence *sequences, size_t first,
                             const float *const *inputs, size_t part, size_t segment)
{
    const struct stg_lstm *m = s->m;
    const size_t H = m->shape.hidden;
    const size_t block = w->cap_sequences * H;
    for (size_t l = m->shape.layers; l-- > 0;) {
        stg_lstm_layer_backward(m, l, w, w->dx, w->dh, inputs[l], w->h0 + l * block, w->c0 + l * block);
        if (l == 0) {
            break;
        }
        if (m->shape.dropout > 0.0f) {
            drop(w->dh, w->dx, w->pack.n_rows, H, dropout_key(s->seed, part, segment, l), m->shape.dropout);
        } else {
            memcpy(w->dh, w->dx, w->pack.n_rows * H * sizeof(float));
        }
    }
    stg_lstm_input_backward(m, w->gradient, w->dx, &w->pack, sequences, first);
}

static void run_segment(const struct pass *s, struct stg_lstm_work *w, const struct stg_lstm_sequence *sequences, size_t first,
                        size_t part, size_t segment)
{
    const struct stg_lstm *m = s->m;
    const size_t L = m->shape.layers;
    const size_t H = m->shape.hidden;
    const size_t block = w->cap_sequences * H;
    const float *inputs[STG_LSTM_MAX_LAYERS] = {w->x};
    memcpy(w->h1, w->h0, L * block * sizeof(float));
    memcpy(w->c1, w->c0, L * block * sizeof(float));
    stg_lstm_input_forward(m, w->x, &w->pack, sequences, first);
    for (size_t l = 0; l < L; l++) {
        if (l > 0 && s->backward && m->shape.dropout > 0.0f) {
            float *dropped = w->dropped + (l - 1) * w->cap_rows * H;
            drop(dropped, w->layer[l - 1].h, w->pack.n_rows, H, dropout_key(s->seed, part, segment, l), m->shape.dropout);
            inputs[l] = dropped;
        } else if (l > 0) {
            inputs[l] = w->layer[l - 1].h;
        }
        stg_lstm_layer_forward(m, l, &w->layer[l], inputs[l], &w->pack, w->h1 + l * block, w->c1 + l * block);
    }
    head(s, w, w->layer[L - 1].h, sequences, first, &s->loss[part]);
    if (s->backward) {
        segment_backward(s, w, sequences, first, inputs, part, segment);
    }
    float *t = w->h0;
    w->h0 = w->h1;
    w->h1 = t;
    t = w->c0;
    w->c0 = w->c1;
    w->c1 = t;
}

static enum stg_status run_part(void *context, size_t i_part, size_t i_thread)
{
    const struct pass *s = context;
    const struct stg_lstm *m = s->m;
    struct stg_lstm_work *w = m->work[i_part];
    const struct stg_lstm_sequence *sequences = s->part[i_part];
    const size_t n = s->part_n[i_part];
    const size_t limit = s->backward ? STG_LSTM_BPTT : 256;
    (void)i_thread;
    STG_RETURN_IF_FAILED(stg_lstm_pack_order(&w->pack, sequences, n));
    const size_t longest = n == 0 ? 0 : sequences[w->pack.order[0]].n;
    for (size_t first = 0, segment = 0; first < longest || first == 0; first += limit, segment++) {
        STG_RETURN_IF_FAILED(stg_lstm_pack_segment(&w->pack, sequences, first, limit));
        STG_RETURN_IF_FAILED(stg_lstm_work_reserve(m, w, w->pack.n_rows, first == 0 ? n : 0, s->backward));
        if (first == 0) {
            const size_t size = w->cap_sequences * m->shape.layers * m->shape.hidden * sizeof(float);
            if (size > 0) { /* a part without sequences has no state */
                memset(w->h0, 0, size);
                memset(w->c0, 0, size);
            }
            if (s->backward) {
                memset(w->gradient, 0, m->params.size * sizeof(float));
            }
        }
        if (w->pack.n_rows > 0) {
            run_segment(s, w, sequences, first, i_part, segment);
        }
    }
    return STG_OK;
}

static enum stg_status reserve_parts(struct stg_lstm *m, size_t n_parts)
{
    if (n_parts <= m->n_work) {
        return STG_OK;
    }
    struct stg_lstm_work **grown = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&grown, n_parts, sizeof *grown));
    if (m->n_work > 0) {
        memcpy(grown, m->work, m->n_work * sizeof *grown);
    }
    stg_mem_free(m->work);
    m->work = grown;
    while (m->n_work < n_parts) {
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&m->work[m->n_work], 1, sizeof **m->work));
        m->n_work++;
    }
    return STG_OK;
}

/* Deals the sequences out, longest first, each to the part with the fewest rows: the same parts every time. */
static enum stg_status deal(struct stg_lstm_sequence *sorted, struct pass *s, const struct stg_lstm_sequence *sequences, size_t n,
                            size_t n_parts)
{
    enum stg_status status = STG_OK;
    struct stg_lstm_pack order = {0};
    size_t *part_of = NULL;
    size_t *rows = NULL;
    STG_TRY(stg_lstm_pack_order(&order, sequences, n));
    STG_TRY(stg_mem_zeroed(&part_of, n, sizeof *part_of));
    STG_TRY(stg_mem_zeroed(&rows, n_parts, sizeof *rows));
    for (size_t i = 0; i < n; i++) {
        size_t best = 0;
        for (size_t k = 1; k < n_parts; k++) {
            best = rows[k] < rows[best] ? k : best;
        }
        part_of[i] = best;
        rows[best] += sequences[order.order[i]].n;
        s->part_n[best]++;
    }
    struct stg_lstm_sequence *to = sorted;
    for (size_t k = 0; k < n_parts; k++) {
        s->part[k] = to;
        for (size_t i = 0; i < n; i++) {
            if (part_of[i] == k) {
                *to++ = sequences[order.order[i]];
            }
        }
    }
out:
    stg_lstm_pack_fini(&order);
    stg_mem_free(part_of);
    stg_mem_free(rows);
    return status;
}

static void add_up(struct stg_lstm *m, struct pass *s, size_t n_parts, struct stg_lstm_loss *out)
{
    *out = (struct stg_lstm_loss){0};
    for (size_t k = 0; k < n_parts; k++) {
        out->loss += s->loss[k].loss;
        out->objective += s->loss[k].objective;
        out->n += s->loss[k].n;
        out->n_correct += s->loss[k].n_correct;
        if (s->backward && k == 0) {
            memcpy(m->params.gradient, m->work[0]->gradient, m->params.size * sizeof(float));
        } else if (s->backward) {
            stg_kernels()->add(m->params.gradient, m->work[k]->gradient, m->params.size);
        }
    }
    for (size_t l = 0; l < m->shape.layers && s->backward; l++) {
        /* Both biases are added before anything else happens to them, so their gradients are the same. */
        memcpy(m->params.gradient + m->params.table[m->layer[l].b_hidden].offset,
               m->params.gradient + m->params.table[m->layer[l].b_input].offset, 4 * m->shape.hidden * sizeof(float));
    }
}

enum stg_status stg_lstm_pass(struct stg_lstm *m, const struct stg_lstm_sequence *sequences, size_t n, double label_smoothing,
                              uint64_t dropout_seed, bool backward, struct stg_pool *pool, struct stg_lstm_loss *out)
{
    enum stg_status status = STG_OK;
    const size_t n_parts = stg_pool_threads(pool);
    struct stg_lstm_sequence *sorted = NULL;
    uint64_t n_scored = 0;
    struct pass s = {.m = m, .smoothing = label_smoothing, .seed = dropout_seed, .backward = backward};
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < sequences[i].n; t++) {
            n_scored += sequences[i].target[t] != STG_LSTM_UNSCORED;
        }
    }
    s.scale = n_scored == 0 ? 0.0f : (float)(1.0 / (double)n_scored);
    STG_TRY(stg_mem_zeroed(&sorted, n, sizeof *sorted));
    STG_TRY(stg_mem_zeroed(&s.part, n_parts, sizeof *s.part));
    STG_TRY(stg_mem_zeroed(&s.part_n, n_parts, sizeof *s.part_n));
    STG_TRY(stg_mem_zeroed(&s.loss, n_parts, sizeof *s.loss));
    STG_TRY(deal(sorted, &s, sequences, n, n_parts));
    STG_TRY(reserve_parts(m, n_parts));
    STG_TRY(stg_pool_run(pool, n_parts, run_part, &s));
    add_up(m, &s, n_parts, out);
out:
    stg_mem_free(sorted);
    stg_mem_free(s.part);
    stg_mem_free(s.part_n);
    stg_mem_free(s.loss);
    return status;
}
