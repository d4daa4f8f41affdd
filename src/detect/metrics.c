#include "detect/metrics.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/sort.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* Equal scores of both sets, ascending by score. Everything here is a sweep over groups. */
struct group {
    double score;
    size_t n_known, n_novel;
};

struct merged {
    struct group *groups; /* owned */
    size_t n;
    size_t n_known, n_novel;
    uint32_t *group_of; /* (n_known + n_novel) group of each item, known ones first; owned */
};

struct item {
    double score;
    size_t index; /* known: 0 … n_known−1, novel: from n_known */
};

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return (x->score > y->score) - (x->score < y->score);
}

static void merged_fini(struct merged *m)
{
    stg_mem_free(m->groups);
    stg_mem_free(m->group_of);
}

static void put_groups(struct merged *m, const struct item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || items[i].score > items[i - 1].score) {
            m->groups[m->n++].score = items[i].score;
        }
        struct group *g = &m->groups[m->n - 1];
        m->group_of[items[i].index] = (uint32_t)(m->n - 1);
        if (items[i].index < m->n_known) {
            g->n_known++;
        } else {
            g->n_novel++;
        }
    }
}

static enum stg_status merge(struct merged *out, const double *known, size_t n_known, const double *novel,
                             size_t n_novel)
{
    enum stg_status status = STG_OK;
    struct item *items = NULL;
    const size_t n = n_known + n_novel;
    *out = (struct merged){.n_known = n_known, .n_novel = n_novel};
    if (n >= UINT32_MAX) {
        return stg_fail(STG_ERR_MEMORY, "%zu scores: too many to compare", n);
    }
    STG_TRY(stg_mem_zeroed(&items, n, sizeof *items));
    STG_TRY(stg_mem_zeroed(&out->groups, n, sizeof *out->groups));
    STG_TRY(stg_mem_zeroed(&out->group_of, n, sizeof *out->group_of));
    for (size_t i = 0; i < n; i++) {
        items[i] = (struct item){.score = i < n_known ? known[i] : novel[i - n_known], .index = i};
        if (isnan(items[i].score)) {
            status = stg_fail(STG_ERR_INPUT, "score %zu of %zu is not a number", i, n);
            goto out;
        }
    }
    qsort(items, n, sizeof *items, compare_items);
    put_groups(out, items, n);
out:
    stg_mem_free(items);
    return status;
}

/* P(novel > known) + ½ P(equal) from counts per group. */
static double area(const struct group *groups, size_t n, size_t n_known, size_t n_novel)
{
    double wins = 0, below = 0;
    for (size_t i = 0; i < n; i++) {
        wins += (double)groups[i].n_novel * (below + 0.5 * (double)groups[i].n_known);
        below += (double)groups[i].n_known;
    }
    return n_known == 0 || n_novel == 0 ? (double)NAN : wins / ((double)n_known * (double)n_novel);
}

enum stg_status stg_auroc(const double *known, size_t n_known, const double *novel, size_t n_novel, double *out)
{
    struct merged m;
    enum stg_status status = STG_OK;
    *out = (double)NAN;
    STG_TRY(merge(&m, known, n_known, novel, n_novel));
    *out = area(m.groups, m.n, n_known, n_novel);
out:
    merged_fini(&m);
    return status;
}

enum stg_status stg_auprc(const double *known, size_t n_known, const double *novel, size_t n_novel, double *out)
{
    struct merged m;
    enum stg_status status = STG_OK;
    double sum = 0;
    size_t tp = 0, called = 0;
    *out = (double)NAN;
    STG_TRY(merge(&m, known, n_known, novel, n_novel));
    for (size_t i = m.n; i-- > 0;) {
        tp += m.groups[i].n_novel;
        called += m.groups[i].n_novel + m.groups[i].n_known;
        sum += (double)m.groups[i].n_novel * ((double)tp / (double)called);
    }
    if (n_known > 0 && n_novel > 0) {
        *out = sum / (double)n_novel;
    }
out:
    merged_fini(&m);
    return status;
}

static double ratio(size_t part, size_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

enum stg_status stg_tpr_at(const double *known, size_t n_known, const double *novel, size_t n_novel,
                           const double *rates, size_t n_rates, double *tpr)
{
    struct merged m;
    enum stg_status status = STG_OK;
    size_t tp = 0, fp = 0;
    STG_TRY(merge(&m, known, n_known, novel, n_novel));
    size_t i = m.n;
    for (size_t k = 0; k < n_rates; k++) {
        const double most = rates[k] * (double)n_known * (1 + 1e-9); /* .01 of 100 is 1 */
        while (i > 0 && (double)(fp + m.groups[i - 1].n_known) <= most) {
            fp += m.groups[i - 1].n_known;
            tp += m.groups[i - 1].n_novel;
            i--;
        }
        tpr[k] = most >= 1 && n_novel > 0 ? ratio(tp, n_novel) : (double)NAN;
    }
out:
    merged_fini(&m);
    return status;
}

void stg_confusion_at(const double *known, size_t n_known, const double *novel, size_t n_novel, double threshold,
                      struct stg_confusion *out)
{
    *out = (struct stg_confusion){0};
    for (size_t i = 0; i < n_known; i++) {
        out->fp += known[i] >= threshold;
    }
    for (size_t i = 0; i < n_novel; i++) {
        out->tp += novel[i] >= threshold;
    }
    out->tn = n_known - out->fp;
    out->fn = n_novel - out->tp;
    out->f1 = ratio(2 * out->tp, 2 * out->tp + out->fp + out->fn);
    out->accuracy = ratio(out->tp + out->tn, n_known + n_novel);
    out->fpr = ratio(out->fp, n_known);
    out->tpr = ratio(out->tp, n_novel);
}

static void widen(const double *values, size_t n, double *low, double *high)
{
    for (size_t i = 0; i < n; i++) {
        *low = isfinite(values[i]) ? fmin(*low, values[i]) : *low;
        *high = isfinite(values[i]) ? fmax(*high, values[i]) : *high;
    }
}

double stg_threshold_paper(const double *known, size_t n_known, const double *novel, size_t n_novel)
{
    enum { STEPS = 100 };
    double low = INFINITY, high = -INFINITY, best_f1 = -1, best = (double)INFINITY;
    widen(known, n_known, &low, &high);
    widen(novel, n_novel, &low, &high);
    for (int i = 0; i < STEPS && low <= high; i++) {
        const double threshold = i == STEPS - 1 ? high : low + (high - low) * i / (STEPS - 1);
        struct stg_confusion c;
        stg_confusion_at(known, n_known, novel, n_novel, threshold, &c);
        if (c.f1 > best_f1) {
            best_f1 = c.f1;
            best = threshold;
        }
    }
    return best;
}

/* One resample of both sets as counts per group; its area. */
static double resample(const struct merged *m, struct group *counts, struct stg_rng *rng)
{
    for (size_t i = 0; i < m->n; i++) {
        counts[i] = (struct group){0};
    }
    for (size_t i = 0; i < m->n_known; i++) {
        counts[m->group_of[stg_rng_below(rng, m->n_known)]].n_known++;
    }
    for (size_t i = 0; i < m->n_novel; i++) {
        counts[m->group_of[m->n_known + stg_rng_below(rng, m->n_novel)]].n_novel++;
    }
    return area(counts, m->n, m->n_known, m->n_novel);
}

/* The lowest area that sets of these sizes do not rule out when they separate completely. */
static double least_of_separated(size_t n_known, size_t n_novel, double tail)
{
    return pow(tail, 1 / (double)(n_known < n_novel ? n_known : n_novel));
}

enum stg_status stg_auroc_interval(const double *known, size_t n_known, const double *novel, size_t n_novel,
                                   size_t n_resamples, double level, struct stg_rng *rng, double *low, double *high)
{
    struct merged m;
    enum stg_status status = STG_OK;
    struct group *counts = NULL;
    double *areas = NULL;
    *low = *high = (double)NAN;
    STG_TRY(merge(&m, known, n_known, novel, n_novel));
    if (n_known == 0 || n_novel == 0 || n_resamples == 0) {
        goto out;
    }
    STG_TRY(stg_mem_zeroed(&counts, m.n, sizeof *counts));
    STG_TRY(stg_mem_zeroed(&areas, n_resamples, sizeof *areas));
    for (size_t i = 0; i < n_resamples; i++) {
        STG_TRY(stg_interrupt_check());
        areas[i] = resample(&m, counts, rng);
    }
    stg_sort_doubles(areas, n_resamples);
    const double tail = (1 - level) / 2 * (double)(n_resamples - 1);
    const double least = least_of_separated(n_known, n_novel, (1 - level) / 2);
    *low = fmin(areas[(size_t)floor(tail)], least);
    *high = fmax(areas[n_resamples - 1 - (size_t)floor(tail)], 1 - least);
out:
    stg_mem_free(counts);
    stg_mem_free(areas);
    merged_fini(&m);
    return status;
}

enum stg_status stg_roc(const double *known, size_t n_known, const double *novel, size_t n_novel, size_t max_points,
                        struct stg_roc_point *points, size_t *n_points)
{
    struct merged m;
    enum stg_status status = STG_OK;
    size_t tp = 0, fp = 0, n = 0;
    double drawn = 0;
    *n_points = 0;
    STG_TRY(merge(&m, known, n_known, novel, n_novel));
    if (max_points < 2 || n_known == 0 || n_novel == 0) {
        goto out;
    }
    /* Its length along the axes is 2, so steps of 2 / (max − 1) leave room for the ends; thinner than that is not
     * drawn. */
    const double step = m.n + 1 <= max_points ? 0 : 2.0 / (double)(max_points - 1);
    points[n++] = (struct stg_roc_point){0, 0};
    for (size_t i = m.n; i-- > 1;) {
        tp += m.groups[i].n_novel;
        fp += m.groups[i].n_known;
        const struct stg_roc_point p = {.fpr = ratio(fp, n_known), .tpr = ratio(tp, n_novel)};
        if (p.fpr + p.tpr >= drawn + step && n + 1 < max_points) {
            points[n++] = p;
            drawn = p.fpr + p.tpr;
        }
    }
    points[n++] = (struct stg_roc_point){1, 1};
    *n_points = n;
out:
    merged_fini(&m);
    return status;
}
