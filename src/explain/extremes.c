#include "explain/extremes.h"

#include "base/memory.h"

#include <stdlib.h>

struct ranked {
    float value;
    size_t i;
};

/* The lowest first; of equal ones the first of the set. */
static int by_value(const void *a_, const void *b_)
{
    const struct ranked *a = a_, *b = b_;
    if (a->value != b->value) {
        return a->value < b->value ? -1 : 1;
    }
    return (a->i > b->i) - (a->i < b->i);
}

/* The highest first; of equal ones the first of the set, here too. */
static int by_falling_value(const void *a_, const void *b_)
{
    const struct ranked *a = a_, *b = b_;
    return a->value == b->value ? by_value(a, b) : by_value(b, a);
}

enum stg_status stg_extremes_pick(struct stg_extremes *out, const struct stg_scored_set *set, enum stg_aggregate a,
                                  size_t k)
{
    enum stg_status status = STG_OK;
    struct ranked *ranked = NULL;
    const size_t half = (set->n + 1) / 2, n_high = k < half ? k : half, rest = set->n - n_high;
    *out = (struct stg_extremes){.n_low = k < rest ? k : rest, .n_high = n_high};
    STG_TRY(stg_mem_zeroed(&ranked, set->n, sizeof *ranked));
    STG_TRY(stg_mem_zeroed(&out->items, out->n_low + n_high, sizeof *out->items));
    for (size_t i = 0; i < set->n; i++) {
        ranked[i] = (struct ranked){set->scores[i].value[a], i};
    }
    qsort(ranked, set->n, sizeof *ranked, by_falling_value);
    for (size_t i = 0; i < n_high; i++) {
        out->items[out->n_low + i].i = ranked[i].i;
    }
    if (rest > 0) { /* of those that are left, so that no sequence is in both */
        qsort(ranked + n_high, rest, sizeof *ranked, by_value);
    }
    for (size_t i = 0; i < out->n_low; i++) {
        out->items[i].i = ranked[n_high + i].i;
    }
out:
    stg_mem_free(ranked);
    if (status != STG_OK) {
        stg_extremes_fini(out);
    }
    return status;
}

void stg_extremes_fini(struct stg_extremes *e)
{
    stg_mem_free(e->items);
    *e = (struct stg_extremes){.items = NULL};
}

enum stg_status stg_extreme_blame(struct stg_extreme *e, const struct stg_model *m, const struct stg_seq *seq,
                                  const struct stg_vocab *names)
{
    struct stg_explanation x;
    if (seq->n > STG_EXTREME_EVENTS) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_explain(&x, m, seq, names, 0));
    if (x.n > 0) {
        e->blamed = x.events[x.ranked[0]];
        e->names = names;
        e->has_time = x.has_time;
    }
    stg_explanation_fini(&x);
    return STG_OK;
}
