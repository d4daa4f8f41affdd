/* Further runs of A's kind: each is counted as a side of its own, and then only how far such runs are apart is kept. */
#include "base/memory.h"
#include "explain/diff_internal.h"

#include <math.h>
#include <string.h>

static void widen(float *low, float *high, bool first, double value)
{
    *low = first ? (float)value : fminf(*low, (float)value);
    *high = first ? (float)value : fmaxf(*high, (float)value);
}

static enum stg_status fold_names(struct stg_diff *d)
{
    const size_t before = d->cap_name_runs;
    STG_RETURN_IF_FAILED(
        stg_mem_grow(&d->name_runs, &d->cap_name_runs, stg_strings_count(d->names.procs), sizeof *d->name_runs));
    memset(d->name_runs + before, 0, (d->cap_name_runs - before) * sizeof *d->name_runs);
    for (size_t i = 0; i < d->items.n; i++) {
        struct diff_runs *r = &d->name_runs[diff_proc_of(d->items.key[i])];
        const bool is_call = diff_facet_of(d->items.key[i]) == STG_DIFF_CALLS;
        if (is_call && diff_blocks(d->item[i].n[STG_DIFF_LIKE]) != 0 && r->last != d->n_like + 1) {
            r->last = d->n_like + 1;
            r->n++;
        }
    }
    return STG_OK;
}

static void fold_items(struct stg_diff *d, double scale)
{
    const struct diff_side *s = &d->side[STG_DIFF_LIKE];
    const uint64_t len = diff_common_block(d);
    const double n_a = fmax(1, (double)d->side[STG_DIFF_A].n_calls);
    for (size_t i = 0; i < d->items.n; i++) {
        struct diff_item *item = &d->item[i];
        uint32_t *n = item->n[STG_DIFF_LIKE];
        if (diff_blocks(n) != 0) {
            widen(&item->low, &item->high, item->n_runs == 0, (double)diff_sum(n, 0, DIFF_BLOCKS) / n_a / scale);
            item->densest = fmaxf(item->densest, (float)(diff_densest(s, n, len) * (double)s->n_calls / n_a / scale));
            item->n_runs++;
            item->n_occasions += (uint32_t)__builtin_popcount(diff_common_blocks(d, STG_DIFF_LIKE, diff_blocks(n)));
            memset(n, 0, DIFF_BLOCKS * sizeof *n);
        }
    }
}

static void fold_latencies(struct stg_diff *d)
{
    for (size_t i = 0; i < d->latencies.n; i++) {
        struct diff_latency *l = &d->latency[i];
        double quantiles[DIFF_QUANTILES];
        if (diff_quantiles(l, STG_DIFF_LIKE, quantiles)) {
            for (size_t q = 0; q < DIFF_QUANTILES; q++) {
                widen(&l->low[q], &l->high[q], !(l->high[q] > 0), quantiles[q]);
            }
        }
        memset(l->n[STG_DIFF_LIKE], 0, sizeof l->n[STG_DIFF_LIKE]);
    }
}

/* The next run is of another source. */
static void begin_anew(struct diff_side *s)
{
    stg_keys_fini(&s->tids);
    stg_keys_fini(&s->named);
    stg_mem_free(s->threads);
    stg_mem_free(s->names);
    stg_mem_free(s->call_of);
    stg_mem_free(s->proc_of);
    stg_mem_free(s->file_of);
    *s = (struct diff_side){.block_len = DIFF_FIRST_BLOCK};
}

enum stg_status stg_diff_end_like(struct stg_diff *d)
{
    struct diff_side *s = &d->side[STG_DIFF_LIKE];
    const struct diff_side *a = &d->side[STG_DIFF_A], *b = &d->side[STG_DIFF_B];
    double scale = 1;
    if (s->n_calls == 0) {
        return stg_fail(STG_ERR_INPUT, "no system calls: no run like A");
    }
    STG_RETURN_IF_FAILED(diff_scale(d, STG_DIFF_LIKE, &scale));
    STG_RETURN_IF_FAILED(fold_names(d));
    fold_items(d, scale);
    fold_latencies(d);
    STG_RETURN_IF_FAILED(diff_fold_files(d));
    widen(&d->like_low, &d->like_high, d->n_like == 0, (double)s->n_calls / fmax(1, (double)a->n_calls));
    widen(&d->time_low, &d->time_high, d->n_like == 0, diff_seconds(s));
    d->like_ended_so |= strcmp(s->run.ended, b->run.ended) == 0;
    d->like_scale += scale;
    d->n_like++;
    begin_anew(s);
    return STG_OK;
}
