#include "explain/attention.h"

#include "base/interrupt.h"
#include "base/memory.h"

#include <string.h>

#define MOST_PATTERN 512 /* events of a sequence that a pattern is the mean of */

struct look {
    struct stg_attention_maps *out;
    const struct stg_walk *walk;
    uint32_t *event_of; /* (rows of the sequence) 1 + place among out->events, 0: not asked for */
    size_t every;       /* of the sequence's rows, one in so many goes into the pattern */
    float *mean;        /* (rows of a walk + 1) of all heads */
};

bool stg_attention_has(const struct stg_model *m)
{
    size_t n_layers;
    return m->ops->heads != NULL && m->ops->heads(m, &n_layers) > 0;
}

static size_t distance_class(size_t column, size_t back)
{
    size_t class = 1;
    if (column == 0) {
        return 0;
    }
    for (size_t limit = 1; class + 1 < STG_ATTENTION_DISTANCES && back > limit; limit *= 2) {
        class ++;
    }
    return class;
}

static struct stg_attended attended(const struct stg_walk *w, size_t at, size_t column, float weight)
{
    const uint32_t index = column == 0 ? STG_ATTENTION_START : w->index[column - 1];
    return (struct stg_attended){.index = column > 0 && index == UINT32_MAX ? STG_ATTENTION_CONTEXT : index,
                                 .back = (uint32_t)(at - column + 1),
                                 .weight = weight};
}

/* Puts a into most, which is sorted, if it belongs there. */
static void keep_most(struct stg_attended *most, size_t n, struct stg_attended a)
{
    for (size_t i = 0; i < n; i++) {
        if (a.weight > most[i].weight) {
            const struct stg_attended out = most[i];
            most[i] = a;
            a = out;
        }
    }
}

static void add_pattern(struct look *k, size_t at, const float *weights)
{
    for (size_t h = 0; h < k->out->n_heads; h++) {
        for (size_t c = 0; c <= at; c++) {
            k->out->pattern[h][distance_class(c, at - c + 1)] += weights[h * (at + 1) + c];
        }
    }
    k->out->n_pattern++;
}

static void put_event(struct look *k, struct stg_attention_event *e, size_t at, const float *weights)
{
    const size_t n_heads = k->out->n_heads;
    memset(k->mean, 0, (at + 1) * sizeof *k->mean);
    for (size_t h = 0; h < n_heads; h++) {
        for (size_t c = 0; c <= at; c++) {
            const float weight = weights[h * (at + 1) + c];
            k->mean[c] += weight / (float)n_heads;
            keep_most(&e->head[h], 1, attended(k->walk, at, c, weight));
        }
    }
    for (size_t c = 0; c <= at; c++) {
        keep_most(e->most, STG_ATTENDED, attended(k->walk, at, c, k->mean[c]));
    }
}

static bool is_sampled(const struct look *k, uint32_t index)
{
    return index % k->every == 0;
}

static enum stg_status visit(void *context, size_t at, const float *weights)
{
    struct look *k = context;
    const uint32_t index = k->walk->index[at];
    if (is_sampled(k, index)) {
        add_pattern(k, at, weights);
    }
    if (k->event_of[index] > 0) {
        put_event(k, &k->out->events[k->event_of[index] - 1], at, weights);
    }
    return STG_OK;
}

static enum stg_status look_at_walk(struct look *k, const struct stg_model *m, struct stg_model_run *run,
                                    const struct stg_walk *w)
{
    enum stg_status status = STG_OK;
    bool *wanted = NULL, any = false;
    k->walk = w;
    STG_TRY(stg_mem_zeroed(&wanted, w->n + 1, sizeof *wanted));
    STG_TRY(stg_mem_zeroed(&k->mean, w->n + 1, sizeof *k->mean));
    for (size_t i = w->n_context; i < w->n; i++) {
        const bool predicted = i > 0 || w->start; /* by something before it */
        wanted[i] = predicted && (is_sampled(k, w->index[i]) || k->event_of[w->index[i]] > 0);
        any |= wanted[i];
    }
    if (any) {
        STG_TRY(m->ops->attention(m, run, w, wanted, visit, k));
    }
out:
    stg_mem_free(wanted);
    stg_mem_free(k->mean);
    k->mean = NULL;
    return status;
}

static enum stg_status make_room(struct stg_attention_maps *out, struct look *k, const struct stg_seq *seq,
                                 const uint32_t *indices, size_t n)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->pattern, out->n_heads, sizeof *out->pattern));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->events, n, sizeof *out->events));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&k->event_of, seq->n, sizeof *k->event_of));
    for (; out->n_events < n; out->n_events++) {
        struct stg_attention_event *e = &out->events[out->n_events];
        e->index = indices[out->n_events];
        k->event_of[e->index] = (uint32_t)out->n_events + 1;
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&e->head, out->n_heads, sizeof *e->head));
    }
    return STG_OK;
}

enum stg_status stg_attention_of(struct stg_attention_maps *out, const struct stg_model *m, const struct stg_seq *seq,
                                 const uint32_t *indices, size_t n)
{
    enum stg_status status = STG_OK;
    struct look k = {.out = out, .every = 1 + seq->n / MOST_PATTERN};
    struct stg_walker *walker = NULL;
    struct stg_model_run *run = NULL;
    size_t n_walks;
    *out = (struct stg_attention_maps){0};
    if (!stg_attention_has(m)) {
        return stg_fail(STG_ERR_USAGE, "--attention: %s has no attention: choose a transformer or a longformer",
                        m->ops->kind);
    }
    out->n_heads = m->ops->heads(m, &out->n_layers);
    STG_TRY(make_room(out, &k, seq, indices, n));
    STG_TRY(stg_walker_new(&walker, STG_WALK_ALL));
    STG_TRY(stg_walker_begin(walker, seq, m->recipe.order, m->max_walk, &n_walks));
    STG_TRY(m->ops->run_new(m, &run));
    for (size_t i = 0; i < n_walks; i++) {
        struct stg_walk w;
        stg_walker_get(walker, i, &w);
        STG_TRY(stg_interrupt_check());
        STG_TRY(look_at_walk(&k, m, run, &w));
    }
    for (size_t h = 0; h < out->n_heads && out->n_pattern > 0; h++) {
        for (size_t d = 0; d < STG_ATTENTION_DISTANCES; d++) {
            out->pattern[h][d] /= (float)out->n_pattern;
        }
    }
out:
    if (run != NULL) {
        m->ops->run_free(run);
    }
    stg_walker_free(walker);
    stg_mem_free(k.event_of);
    if (status != STG_OK) {
        stg_attention_fini(out);
    }
    return status;
}

enum stg_status stg_attention_add(struct stg_attention_maps *sum, const struct stg_attention_maps *one)
{
    if (sum->pattern == NULL) {
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&sum->pattern, one->n_heads, sizeof *sum->pattern));
        sum->n_layers = one->n_layers;
        sum->n_heads = one->n_heads;
    }
    sum->n_pattern += one->n_pattern;
    const float share = sum->n_pattern == 0 ? 0 : (float)one->n_pattern / (float)sum->n_pattern;
    for (size_t h = 0; h < sum->n_heads; h++) {
        for (size_t d = 0; d < STG_ATTENTION_DISTANCES; d++) {
            sum->pattern[h][d] += share * (one->pattern[h][d] - sum->pattern[h][d]);
        }
    }
    return STG_OK;
}

void stg_attention_fini(struct stg_attention_maps *a)
{
    for (size_t i = 0; i < a->n_events; i++) {
        stg_mem_free(a->events[i].head);
    }
    stg_mem_free(a->events);
    stg_mem_free(a->pattern);
    *a = (struct stg_attention_maps){0};
}
