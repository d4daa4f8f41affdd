/* Passes and scores over a batch: groups of bounded size, one after the other. */
#include "base/memory.h"
#include "nn/transformer_internal.h"

#include <string.h>

/* Rows of a group: enough for the products, few enough that the activations of a layer stay near the processor.
 * Backward needs sequences whole, so a longer one is a group of its own; otherwise it is cut into pieces, and memory is
 * bounded. */
enum { GROUP_ROWS = 1024 };

/* Where in the batch the next group begins. */
struct cursor {
    const struct stg_net_sequence *sequences;
    size_t n;    /* sequences */
    size_t i, t; /* the next row: of sequence i */
};

/* Rows past … past + n − 1 that are global. */
static size_t count_global(const struct stg_transformer *m, size_t past, size_t n)
{
    const size_t most = m->net.shape.n_global;
    return past >= most ? 0 : most - past < n ? most - past : n;
}

static enum stg_status add_span(const struct stg_transformer *m, struct stg_transformer_work *w, const struct cursor *c,
                                size_t rows, float *state)
{
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->spans, &w->cap_spans, w->n_spans + 1, sizeof *w->spans));
    w->spans[w->n_spans] = (struct stg_transformer_span){.at = w->n_rows,
                                                         .n = rows,
                                                         .past = c->t,
                                                         .global_at = w->n_global,
                                                         .n_global = count_global(m, c->t, rows),
                                                         .sequence = c->i,
                                                         .first = c->t,
                                                         .state = state};
    w->n_rows += rows;
    w->n_global += w->spans[w->n_spans].n_global;
    w->n_spans++;
    return STG_OK;
}

/* The next piece of a sequence that is longer than a group. */
static enum stg_status next_piece(const struct stg_transformer *m, struct stg_transformer_work *w, struct cursor *c)
{
    const size_t left = c->sequences[c->i].n - c->t;
    if (w->state == NULL) {
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&w->state, stg_transformer_state_size(&m->net), sizeof(float)));
    }
    if (c->t == 0) {
        stg_transformer_state_reset(&m->net, w->state);
    }
    const size_t rows = left < GROUP_ROWS ? left : GROUP_ROWS;
    STG_RETURN_IF_FAILED(add_span(m, w, c, rows, w->state));
    c->t += rows;
    if (c->t == c->sequences[c->i].n) {
        c->i++;
        c->t = 0;
    }
    return STG_OK;
}

/* Fills w's spans; no rows when the batch is done. */
static enum stg_status next_group(const struct stg_transformer *m, struct stg_transformer_work *w, struct cursor *c,
                                  bool backward)
{
    w->n_spans = w->n_rows = w->n_global = 0;
    for (; c->i < c->n; c->i++) {
        const size_t rows = c->sequences[c->i].n;
        if (w->n_rows > 0 && w->n_rows + rows > GROUP_ROWS) {
            break;
        }
        if (rows > GROUP_ROWS && !backward) {
            return next_piece(m, w, c);
        }
        if (rows > 0) {
            STG_RETURN_IF_FAILED(add_span(m, w, c, rows, NULL));
        }
    }
    return STG_OK;
}

/* Everything up to w->top. */
static enum stg_status run_forward(const struct stg_transformer *m, struct stg_transformer_work *w,
                                   const struct stg_net_sequence *sequences, const struct stg_transformer_drop *drop,
                                   bool backward)
{
    STG_RETURN_IF_FAILED(stg_transformer_reserve(m, w, backward, w->spans[0].state != NULL));
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->goals, &w->cap_goals, w->n_rows, sizeof *w->goals));
    for (size_t i = 0; i < w->n_spans; i++) {
        const struct stg_transformer_span *span = &w->spans[i];
        const struct stg_net_sequence *s = &sequences[span->sequence];
        for (size_t t = 0; t < span->n; t++) {
            w->goals[span->at + t] = stg_net_goal_of(s, span->first + t, m->net.shape.outputs);
            stg_transformer_put_row(m, w, span->at + t, s->ids + (span->first + t) * m->net.shape.n_tables,
                                    stg_net_scalars_of(&m->net, s, span->first + t));
        }
    }
    stg_transformer_project(m, w);
    stg_transformer_forward(m, w, drop);
    stg_transformer_advance(w);
    return STG_OK;
}

static void input_backward(const struct stg_transformer *m, struct stg_transformer_work *w,
                           const struct stg_net_sequence *sequences)
{
    const float *dx = m->projects ? w->d_input : w->dy;
    if (m->projects && m->first.looked_up) {
        return; /* all at the end, by id */
    }
    for (size_t i = 0; i < w->n_spans; i++) {
        const struct stg_transformer_span *span = &w->spans[i];
        const uint32_t *ids = sequences[span->sequence].ids + span->first * m->net.shape.n_tables;
        for (size_t t = 0; t < span->n; t++) {
            stg_net_input_row_backward(&m->net, w->base.gradient, dx + (span->at + t) * m->net.input,
                                       ids + t * m->net.shape.n_tables);
        }
    }
}

enum stg_status stg_transformer_part(const struct stg_net *net, struct stg_net_work *work,
                                     const struct stg_net_pass *pass, size_t i_part,
                                     const struct stg_net_sequence *sequences, size_t n, struct stg_net_loss *loss)
{
    const struct stg_transformer *m = (const struct stg_transformer *)net;
    struct stg_transformer_work *w = (struct stg_transformer_work *)work;
    const size_t d = net->shape.hidden;
    struct cursor c = {.sequences = sequences, .n = n};
    struct stg_transformer_drop drop = {
        .seed = pass->seed, .part = i_part, .p = pass->backward ? net->shape.dropout : 0.0f};
    const bool sums = pass->backward && m->first.looked_up;
    if (sums) {
        STG_RETURN_IF_FAILED(stg_first_layer_begin(&m->first, &w->first));
    }
    for (;; drop.run++) {
        STG_RETURN_IF_FAILED(next_group(m, w, &c, pass->backward));
        if (w->n_rows == 0) {
            break;
        }
        STG_RETURN_IF_FAILED(run_forward(m, w, sequences, &drop, pass->backward));
        for (size_t from = 0; from < w->n_rows; from += STG_NET_HEAD_ROWS) {
            const size_t rows = w->n_rows - from < STG_NET_HEAD_ROWS ? w->n_rows - from : STG_NET_HEAD_ROWS;
            float *dh = pass->backward ? w->dy + from * d : NULL;
            stg_net_head_pass(net, work, pass, dh, w->top + from * d, w->goals + from, rows, loss);
        }
        if (pass->backward) {
            stg_transformer_backward(m, w, &drop);
            input_backward(m, w, sequences);
        }
    }
    if (sums) {
        stg_first_layer_end(&m->first, net, &w->first, w->base.gradient);
    }
    return STG_OK;
}

/* What score says of rows from … from + n − 1 of the group, whose ln p are in the work's logits. */
static void put_rows(const struct stg_transformer_work *w, size_t V, size_t from, size_t n, float *const *to, bool all)
{
    for (size_t i = 0; i < w->n_spans; i++) {
        const struct stg_transformer_span *span = &w->spans[i];
        for (size_t row = span->at; row < span->at + span->n; row++) {
            if (row >= from && row < from + n) {
                stg_net_put_log_p(to[span->sequence], span->first + row - span->at, w->base.logits + (row - from) * V,
                                  V, w->goals[row].target, all);
            }
        }
    }
}

enum stg_status stg_transformer_score(const struct stg_net *net, struct stg_net_work *work,
                                      const struct stg_net_sequence *sequences, size_t n, float *const *to, bool all)
{
    const struct stg_transformer *m = (const struct stg_transformer *)net;
    struct stg_transformer_work *w = (struct stg_transformer_work *)work;
    const struct stg_transformer_drop none = {0};
    struct cursor c = {.sequences = sequences, .n = n};
    for (;;) {
        STG_RETURN_IF_FAILED(next_group(m, w, &c, false));
        if (w->n_rows == 0) {
            return STG_OK;
        }
        STG_RETURN_IF_FAILED(run_forward(m, w, sequences, &none, false));
        for (size_t from = 0; from < w->n_rows; from += STG_NET_HEAD_ROWS) {
            const size_t rows = w->n_rows - from < STG_NET_HEAD_ROWS ? w->n_rows - from : STG_NET_HEAD_ROWS;
            stg_net_head_log_p(net, work->logits, w->top + from * net->shape.hidden, rows);
            put_rows(w, net->shape.outputs, from, rows, to, all);
        }
    }
}
