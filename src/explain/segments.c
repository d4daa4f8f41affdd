#include "explain/segments.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

#define SHARE 0.2f /* of the worst */

float stg_blame_least(float worst)
{
    return fminf(STG_BLAME_SURPRISING, fmaxf(STG_BLAME_LEAST, SHARE * worst));
}

struct slot {
    int32_t tid;
    uint32_t event;
};

static int compare_slots(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    if (x->tid != y->tid) {
        return x->tid < y->tid ? -1 : 1;
    }
    return (x->event > y->event) - (x->event < y->event);
}

enum stg_status stg_explanation_order(const struct stg_explanation *x, enum stg_order order, uint32_t *out)
{
    struct slot *slots = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&slots, x->n, sizeof *slots));
    for (size_t i = 0; i < x->n; i++) {
        slots[i] = (struct slot){order == STG_ORDER_THREAD ? x->events[i].tid : 0, (uint32_t)i};
    }
    qsort(slots, x->n, sizeof *slots, compare_slots);
    for (size_t i = 0; i < x->n; i++) {
        out[i] = slots[i].event;
    }
    stg_mem_free(slots);
    return STG_OK;
}

static bool same_walk(const struct stg_explanation *x, enum stg_order order, size_t a, size_t b)
{
    return order != STG_ORDER_THREAD || x->events[x->order[a]].tid == x->events[x->order[b]].tid;
}

/* The segment from place `at`, which is to blame, on. */
static struct stg_segment grow(const struct stg_explanation *x, enum stg_order order, size_t at, float least)
{
    struct stg_segment s = {.first = (uint32_t)at, .worst = x->order[at], .blame = -INFINITY};
    for (size_t i = at; i < x->n && same_walk(x, order, at, i); i++) {
        const struct stg_explained_event *e = &x->events[x->order[i]];
        if (e->blame >= least) {
            s.n = (uint32_t)(i - at + 1);
            s.n_blamed++;
            s.fields |= 1U << e->field;
            s.worst = e->blame > s.blame ? x->order[i] : s.worst;
            s.blame = fmaxf(s.blame, e->blame);
        } else if (i >= at + s.n + 1) {
            break; /* the second in a row that is not to blame */
        }
    }
    return s;
}

static int compare_segments(const void *a, const void *b)
{
    const struct stg_segment *x = a, *y = b;
    if (x->blame < y->blame || x->blame > y->blame) {
        return x->blame < y->blame ? 1 : -1;
    }
    return (x->first > y->first) - (x->first < y->first);
}

enum stg_status segments_find(struct stg_explanation *out, enum stg_order order)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->order, out->n, sizeof *out->order));
    STG_RETURN_IF_FAILED(stg_explanation_order(out, order, out->order));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->segments, out->n, sizeof *out->segments));
    const float least = out->n > 0 ? stg_blame_least(out->events[out->ranked[0]].blame) : 0;
    for (size_t i = 0; i < out->n; i++) {
        if (out->events[out->order[i]].blame >= least) {
            out->segments[out->n_segments++] = grow(out, order, i, least);
            i += out->segments[out->n_segments - 1].n - 1;
        }
    }
    qsort(out->segments, out->n_segments, sizeof *out->segments, compare_segments);
    return STG_OK;
}
