/* From counts to probabilities. */
#include "base/memory.h"
#include "model/ngram.h"

#include <math.h>

/* What is summed over the continuations of a context. */
struct context {
    uint64_t total; /* of the (adjusted) counts */
    uint32_t n[3];  /* continuations with count 1, 2, 3 or more */
};

struct discounts {
    double d[4]; /* for counts 0, 1, 2, 3 or more */
};

/* What is taken off the known is what is left for the new: nothing, of few n-grams by chance, would make that
 * impossible. More than 0, as it is rounded. */
#define LEAST_DISCOUNT 1e-6

/* Highest order and n-grams that begin a sequence: occurrences, as nothing stands before them; otherwise the number of
 * different symbols to the left. A context that was cut short leaves occurrences at lower orders: whichever is
 * larger. */
static uint64_t adjusted(const struct stg_counts *c, uint32_t node)
{
    if (c->length[node] == c->order || (c->flags[node] & STG_COUNTS_BEGINS) != 0) {
        return c->raw[node];
    }
    return c->left[node] > c->raw[node] ? c->left[node] : c->raw[node];
}

void stg_ngram_discounts(const double n[5], double out[4])
{
    const double y = n[1] / (n[1] + 2.0 * n[2]);
    double d[4] = {0};
    bool usable = n[1] >= 0.5 && n[2] >= 0.5 && n[3] >= 0.5;
    for (int i = 1; i <= 3 && usable; i++) {
        d[i] = i - (i + 1) * y * n[i + 1] / n[i];
        usable = d[i] > LEAST_DISCOUNT && d[i] <= i;
    }
    for (int i = 0; i <= 3; i++) {
        out[i] = usable ? d[i] : 0.5 * i;
    }
}

static void estimate_discounts(const struct stg_counts *c, struct discounts *out)
{
    double n[STG_COUNTS_MAX_ORDER + 1][5] = {{0}};
    for (uint32_t i = 1; i < c->n; i++) {
        const uint64_t a = adjusted(c, i);
        if (a >= 1 && a <= 4) {
            n[c->length[i]][a]++;
        }
    }
    for (uint32_t k = 1; k <= c->order; k++) {
        stg_ngram_discounts(n[k], out[k].d);
    }
}

static enum stg_status sum_contexts(const struct stg_counts *c, struct context **out)
{
    struct context *x = NULL;
    STG_RETURN_IF_FAILED(stg_mem_aligned(&x, c->n, sizeof *x));
    for (uint32_t i = 1; i < c->n; i++) {
        const uint64_t a = adjusted(c, i);
        if (a == 0) {
            continue;
        }
        struct context *parent = &x[c->parent[i]];
        parent->total += a;
        parent->n[a >= 3 ? 2 : a - 1]++;
    }
    *out = x;
    return STG_OK;
}

static double weight_of(const struct context *x, const struct discounts *d)
{
    if (x->total == 0) {
        return 1.0;
    }
    return (d->d[1] * x->n[0] + d->d[2] * x->n[1] + d->d[3] * x->n[2]) / (double)x->total;
}

/* A node's parent and suffix have smaller ids, so that what a node needs is done before it. */
static enum stg_status kneser_ney(const struct stg_counts *c, size_t n_symbols, float *log_p, float *backoff)
{
    struct context *x = NULL;
    struct discounts d[STG_COUNTS_MAX_ORDER + 1] = {0};
    double *p = NULL;
    enum stg_status status = STG_OK;
    STG_TRY(stg_mem_zeroed(&p, c->n, sizeof *p));
    STG_TRY(sum_contexts(c, &x));
    estimate_discounts(c, d);
    for (uint32_t i = 1; i < c->n; i++) {
        const uint32_t length = c->length[i];
        const struct context *parent = &x[c->parent[i]];
        const double lower = length == 1 ? 1.0 / (double)stg_ngram_outcomes(n_symbols) : p[c->suffix[i]];
        const uint64_t a = adjusted(c, i);
        const double own = parent->total == 0 ? 0.0 : ((double)a - d[length].d[a >= 3 ? 3 : a]) / (double)parent->total;
        p[i] = own + weight_of(parent, &d[length]) * lower;
    }
    for (uint32_t i = 0; i < c->n; i++) {
        const bool possible = i > 0 && stg_ngram_predictable(c->symbol[i]);
        log_p[i] = possible ? (float)log(p[i]) : STG_NGRAM_IMPOSSIBLE;
        const double weight = c->length[i] < c->order ? weight_of(&x[i], &d[c->length[i] + 1]) : 1.0;
        backoff[i] = weight > 0.0 ? (float)log(weight) : STG_NGRAM_IMPOSSIBLE;
    }
out:
    stg_mem_free(p);
    stg_mem_free(x);
    return status;
}

static enum stg_status paper(const struct stg_counts *c, size_t n_symbols, float *log_p, float *backoff)
{
    uint64_t *total = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&total, c->n, sizeof *total));
    for (uint32_t i = 1; i < c->n; i++) {
        total[c->parent[i]] += c->raw[i];
    }
    const float unseen = (float)-log((double)stg_ngram_outcomes(n_symbols));
    for (uint32_t i = 0; i < c->n; i++) {
        log_p[i] = i > 0 && c->raw[i] > 0 ? (float)log((double)c->raw[i] / (double)total[c->parent[i]]) : unseen;
        backoff[i] = 0;
    }
    stg_mem_free(total);
    return STG_OK;
}

static void stide(const struct stg_counts *c, float *log_p, float *backoff)
{
    for (uint32_t i = 0; i < c->n; i++) {
        log_p[i] = (float)log(i > 0 && c->raw[i] > 0 ? 1.0 - STG_STIDE_UNKNOWN : STG_STIDE_UNKNOWN);
        backoff[i] = 0;
    }
}

enum stg_status stg_ngram_estimate(enum stg_ngram_kind kind, const struct stg_counts *counts, size_t n_symbols,
                                   float *log_p, float *backoff)
{
    switch (kind) {
    case STG_NGRAM_KNESER_NEY:
        return kneser_ney(counts, n_symbols, log_p, backoff);
    case STG_NGRAM_PAPER:
        return paper(counts, n_symbols, log_p, backoff);
    case STG_NGRAM_EXPECTED:
        break; /* ngram_expected.c */
    case STG_NGRAM_STIDE:
        stide(counts, log_p, backoff);
        return STG_OK;
    }
    return stg_fail(STG_ERR_INTERNAL, "unknown smoothing");
}

enum stg_status stg_ngram_index(struct stg_ngram_table *t)
{
    STG_RETURN_IF_FAILED(stg_mem_aligned(&t->node, t->n, sizeof *t->node));
    for (size_t i = 0; i < t->n; i++) {
        t->node[i] =
            (struct stg_ngram_node){t->parent[i], t->suffix[i], t->symbol[i] & 0xFFFFFF, t->length[i], t->log_p[i]};
    }
    return STG_OK;
}

static uint32_t find(const struct stg_ngram_table *t, uint32_t parent, uint32_t symbol)
{
    for (size_t i = stg_counts_hash((uint64_t)parent << 32 | symbol, t->n_slots);; i = (i + 1) & (t->n_slots - 1)) {
        const uint32_t node = t->slot[i];
        if (node == 0) {
            return STG_COUNTS_NONE;
        }
        if (t->node[node].parent == parent && t->node[node].symbol == symbol) {
            return node;
        }
    }
}

float stg_ngram_advance(enum stg_ngram_kind kind, const struct stg_ngram_table *t, uint32_t order, size_t n_symbols,
                        uint32_t *state, uint32_t symbol)
{
    float log_p = 0;
    uint32_t at = *state;
    uint32_t node = find(t, at, symbol);
    if (stg_ngram_interpolated(kind)) {
        while (node == STG_COUNTS_NONE && at != 0) {
            log_p += t->backoff[at];
            at = t->node[at].suffix;
            node = find(t, at, symbol);
        }
        if (node == STG_COUNTS_NONE) { /* not even alone */
            *state = 0;
            return stg_ngram_predictable(symbol) ? log_p + t->backoff[0] - logf((float)stg_ngram_outcomes(n_symbols))
                                                 : STG_NGRAM_IMPOSSIBLE;
        }
        log_p += t->node[node].log_p;
    } else {
        if (node != STG_COUNTS_NONE) {
            log_p = t->node[node].log_p;
        } else if (kind == STG_NGRAM_PAPER) {
            log_p = -logf((float)stg_ngram_outcomes(n_symbols));
        } else {
            log_p = logf((float)STG_STIDE_UNKNOWN);
        }
        while (node == STG_COUNTS_NONE && at != 0) {
            at = t->node[at].suffix;
            node = find(t, at, symbol);
        }
        if (node == STG_COUNTS_NONE) {
            *state = 0;
            return log_p;
        }
    }
    *state = t->node[node].length < order ? node : t->node[node].suffix;
    return log_p;
}
