/* Streams: what is kept of the rows so far, pieces of a long sequence, and steps of many streams together. */
#include "base/memory.h"
#include "nn/transformer_internal.h"

#include <math.h>
#include <string.h>

uint64_t stg_stream_count(const float *state)
{
    uint64_t count;
    memcpy(&count, state, sizeof count);
    return count;
}

void stg_transformer_advance(const struct stg_transformer_work *w)
{
    for (size_t i = 0; i < w->n_spans; i++) {
        if (w->spans[i].state != NULL) {
            const uint64_t count = w->spans[i].past + w->spans[i].n;
            memcpy(w->spans[i].state, &count, sizeof count);
        }
    }
}

/* Where a stream's keys and values stand: rows of 2d elements, in bf16 where products are. */
static bool is_half(const struct stg_transformer *m)
{
    return m->net.shape.precision == STG_PRECISION_BF16;
}

/* Floats that n rows take. */
static size_t room_of(const struct stg_transformer *m, size_t n)
{
    const size_t elements = n * 2 * m->net.shape.hidden;
    return is_half(m) ? elements / 2 : elements;
}

static size_t cache_size(const struct stg_transformer *m, size_t l)
{
    return room_of(m, 2 * m->net.shape.n_global + m->layer[l].ring);
}

/* Keys and values of the global rows, then the ring: (n_global + ring, 2d). */
static float *cache_of(const struct stg_transformer *m, float *state, size_t l)
{
    float *at = stg_stream_top(state) + m->net.shape.hidden;
    for (size_t i = 0; i < l; i++) {
        at += cache_size(m, i);
    }
    return at;
}

static float *global_cache_of(const struct stg_transformer *m, float *state, size_t l)
{
    return cache_of(m, state, l) + room_of(m, m->net.shape.n_global + m->layer[l].ring);
}

/* kv (2d) becomes the row. */
static void put_row(const struct stg_transformer *m, float *cache, size_t row, const float *kv)
{
    float *to = cache + room_of(m, row);
    if (is_half(m)) {
        stg_kernels()->to_bf16((void *)to, kv, 2 * m->net.shape.hidden);
    } else {
        memcpy(to, kv, 2 * m->net.shape.hidden * sizeof(float));
    }
}

/* n rows into kv (n, 2d). */
static void get_rows(const struct stg_transformer *m, float *kv, const float *cache, size_t row, size_t n)
{
    const float *from = cache + room_of(m, row);
    if (is_half(m)) {
        stg_kernels()->from_bf16(kv, (const void *)from, n * 2 * m->net.shape.hidden);
    } else {
        memcpy(kv, from, n * 2 * m->net.shape.hidden * sizeof(float));
    }
}

static void step_against(const struct stg_transformer *m, float *out, const float *q, const float *cache,
                         const struct stg_attention *view, size_t ring, float *scratch)
{
    const size_t d = m->net.shape.hidden;
    if (is_half(m)) {
        const uint16_t *half = (const void *)cache;
        stg_kernels()->bf16_attention_step(out, q, half, half + d, view, ring, scratch);
    } else {
        stg_kernels()->attention_step(out, q, cache, cache + d, view, ring, scratch);
    }
}

size_t stg_transformer_state_size(const struct stg_net *net)
{
    const struct stg_transformer *m = (const struct stg_transformer *)net;
    size_t size = STG_STREAM_HEADER + net->shape.hidden;
    for (size_t l = 0; l < net->shape.layers; l++) {
        size += cache_size(m, l);
    }
    return size;
}

void stg_transformer_state_reset(const struct stg_net *net, float *state)
{
    /* The caches are not read beyond the count. */
    memset(state, 0, (STG_STREAM_HEADER + net->shape.hidden) * sizeof(float));
}

void stg_transformer_top(const struct stg_net *net, float *h, const float *const *states, size_t n)
{
    const size_t d = net->shape.hidden;
    for (size_t i = 0; i < n; i++) {
        memcpy(h + i * d, states[i] + STG_STREAM_HEADER, d * sizeof(float));
    }
}

/* Where row t of a stream stands in its cache. */
static size_t slot(const struct stg_transformer *m, size_t l, size_t t)
{
    const size_t n_global = m->net.shape.n_global;
    return t < n_global ? t : n_global + (t - n_global) % m->layer[l].ring;
}

/* Keys and values of the span's last rows, as many as the ring holds, into the cache; of global rows always. */
static void keep(const struct stg_transformer *m, size_t l, float *cache, const float *qkv,
                 const struct stg_transformer_span *span)
{
    const size_t d = m->net.shape.hidden;
    for (size_t i = 0; i < span->n; i++) {
        const size_t t = span->past + i;
        if (t < m->net.shape.n_global || span->n - i <= m->layer[l].ring) {
            put_row(m, cache, slot(m, l, t), qkv + i * 3 * d + d);
        }
    }
}

/* Whether row t of layer l sees row s, which is not after it. */
static bool sees(const struct stg_net_shape *shape, size_t l, size_t t, size_t s)
{
    return s < shape->n_global ||
           ((t - s) % shape->dilation[l] == 0 && (t - s) / shape->dilation[l] < shape->window[l]);
}

static void softmax(float *x, size_t n)
{
    float sum = 0, most = -HUGE_VALF;
    for (size_t i = 0; i < n; i++) {
        most = fmaxf(most, x[i]);
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = expf(x[i] - most);
        sum += x[i];
    }
    for (size_t i = 0; i < n; i++) {
        x[i] /= sum;
    }
}

/* weights (heads, t + 1): the softmax of row t's scores, 0 for rows that it does not see. global: t is one of the
 * leading rows, which have projections and a cache of their own. kv (2d) is scratch. */
static void watch_row(const struct stg_transformer *m, size_t l, float *weights, const float *q, const float *cache,
                      size_t t, bool global, float *kv)
{
    const struct stg_net_shape *shape = &m->net.shape;
    const size_t dim = shape->hidden / shape->heads;
    for (size_t s = 0; s <= t; s++) {
        const bool seen = global || sees(shape, l, t, s);
        if (seen) {
            get_rows(m, kv, cache, global ? s : slot(m, l, s), 1);
        }
        for (size_t h = 0; h < shape->heads; h++) {
            float score = 0;
            for (size_t i = h * dim; i < (h + 1) * dim && seen; i++) {
                score += q[i] * kv[i];
            }
            weights[h * (t + 1) + s] = seen ? score / sqrtf((float)dim) : -HUGE_VALF;
        }
    }
    for (size_t h = 0; h < shape->heads; h++) {
        softmax(weights + h * (t + 1), t + 1);
    }
}

/* One row against the cache, which holds it already. Once the ring is full, rows are numbered within twice its size:
 * the kernel asks only for where they stand, and its scratch stays bounded. */
static void attend_row(const struct stg_transformer *m, size_t l, float *out, const float *q, const float *cache,
                       size_t t, float *scratch)
{
    const size_t d = m->net.shape.hidden;
    const size_t n_global = m->net.shape.n_global;
    const size_t ring = m->layer[l].ring;
    if (t >= n_global + 2 * ring) {
        t = n_global + ring + (t - n_global) % ring;
    }
    struct stg_attention view = stg_transformer_view(m, l, t + 1, 0);
    view.ld_kv = 2 * d;
    step_against(m, out, q, cache, &view, ring, scratch);
}

/* Several rows: past, if there is any, and present side by side, for the kernel that does many rows at once. */
static void attend_piece(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w, const float *cache,
                         const struct stg_transformer_span *span)
{
    const struct stg_transformer_activations *a = &w->layer[l];
    const size_t d = m->net.shape.hidden;
    const size_t n_global = m->net.shape.n_global;
    const size_t globals = span->past < n_global ? span->past : n_global;
    const size_t others = span->past - globals;
    const size_t kept = others < m->layer[l].ring - 1 ? others : m->layer[l].ring - 1;
    const float *qkv = a->qkv + span->at * 3 * d;
    struct stg_attention view = stg_transformer_view(m, l, globals + kept + span->n, globals + kept);
    const float *keys = qkv + d; /* of the first piece: where they stand */
    if (span->past > 0) {
        get_rows(m, w->keys, cache, 0, globals);
        for (size_t i = 0; i < kept; i++) {
            get_rows(m, w->keys + (globals + i) * 2 * d, cache, slot(m, l, span->past - kept + i), 1);
        }
        for (size_t i = 0; i < span->n; i++) {
            memcpy(w->keys + (globals + kept + i) * 2 * d, qkv + i * 3 * d + d, 2 * d * sizeof(float));
        }
        view.ld_kv = 2 * d;
        keys = w->keys;
    }
    stg_kernels()->attention_forward(a->attended + span->at * d, a->lse + span->at * view.heads, qkv, keys, keys + d,
                                     &view, w->scratch);
}

/* The span's global rows see those before them, through projections of their own. */
static void attend_globals(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w,
                           const struct stg_transformer_span *span)
{
    const struct stg_transformer_activations *a = &w->layer[l];
    const size_t d = m->net.shape.hidden;
    float *cache = global_cache_of(m, span->state, l);
    for (size_t i = 0; i < span->n_global; i++) {
        const float *q = a->global_qkv + (span->global_at + i) * 3 * d;
        const size_t t = span->past + i;
        put_row(m, cache, t, q + d);
        struct stg_attention view = stg_transformer_view(m, l, t + 1, 0);
        view.ld_kv = 2 * d;
        view.window = view.n_global = 0;
        step_against(m, a->attended + (span->at + i) * d, q, cache, &view, 0, w->scratch);
    }
}

void stg_transformer_attend_stream(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w,
                                   const struct stg_transformer_span *span)
{
    const struct stg_transformer_activations *a = &w->layer[l];
    const size_t d = m->net.shape.hidden;
    const float *qkv = a->qkv + span->at * 3 * d;
    float *cache = cache_of(m, span->state, l);
    if (span->n > 1) {
        attend_piece(m, l, w, cache, span); /* before the ring turns */
        keep(m, l, cache, qkv, span);
    } else {
        keep(m, l, cache, qkv, span);
        attend_row(m, l, a->attended + span->at * d, qkv, cache, span->past, w->scratch);
    }
    if (span->n_global > 0) {
        attend_globals(m, l, w, span);
    }
    if (w->watched != NULL) {
        float *weights = w->watched + l * m->net.shape.heads * (span->past + 1);
        const bool global = span->n_global > 0;
        watch_row(m, l, weights, global ? a->global_qkv : qkv, global ? global_cache_of(m, span->state, l) : cache,
                  span->past, global, w->keys);
    }
}

void stg_transformer_fetch_stream(const struct stg_transformer *m, size_t l, const struct stg_transformer_span *span)
{
    enum { LINE = 64 / sizeof(float), MOST_LINES = 1024 };
    const size_t rows = m->net.shape.n_global + m->layer[l].ring;
    const size_t there = span->past < rows ? span->past : rows;
    const float *cache = cache_of(m, span->state, l);
    size_t lines = room_of(m, there) / LINE;
    lines = lines < MOST_LINES ? lines : MOST_LINES;
    for (size_t i = 0; i < lines; i++) {
        __builtin_prefetch(cache + i * LINE, 0, 2);
    }
}

enum stg_status stg_transformer_step(const struct stg_net *net, struct stg_net_work *work, float *const *states,
                                     size_t n, const uint32_t *ids, const double *scalars)
{
    const struct stg_transformer *m = (const struct stg_transformer *)net;
    struct stg_transformer_work *w = (struct stg_transformer_work *)work;
    const struct stg_transformer_drop none = {0};
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->spans, &w->cap_spans, n, sizeof *w->spans));
    w->n_spans = w->n_rows = n;
    w->n_global = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t past = (size_t)stg_stream_count(states[i]);
        const size_t is_global = past < net->shape.n_global;
        w->spans[i] = (struct stg_transformer_span){
            .at = i, .n = 1, .past = past, .global_at = w->n_global, .n_global = is_global, .state = states[i]};
        w->n_global += is_global;
    }
    STG_RETURN_IF_FAILED(stg_transformer_reserve(m, w, false, true));
    for (size_t i = 0; i < n; i++) {
        const double *row = scalars == NULL ? NULL : scalars + i * net->shape.n_waves;
        stg_transformer_put_row(m, w, i, ids + i * net->shape.n_tables, row);
    }
    stg_transformer_project(m, w);
    stg_transformer_forward(m, w, &none);
    stg_transformer_advance(w);
    for (size_t i = 0; i < n; i++) {
        memcpy(stg_stream_top(states[i]), w->top + i * net->shape.hidden, net->shape.hidden * sizeof(float));
    }
    return STG_OK;
}

enum stg_status stg_transformer_step_watched(const struct stg_net *net, struct stg_net_work *work, float *state,
                                             const uint32_t *ids, const double *scalars, float *weights)
{
    struct stg_transformer_work *w = (struct stg_transformer_work *)work;
    w->watched = weights;
    const enum stg_status status = stg_transformer_step(net, work, &state, 1, ids, scalars);
    w->watched = NULL;
    return status;
}
