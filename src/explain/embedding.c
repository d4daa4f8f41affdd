#include "explain/embedding.h"

#include "base/memory.h"
#include "explain/projection.h"

#include <math.h>
#include <stdlib.h>

bool stg_embedding_has(const struct stg_model *m)
{
    return m->ops->embedding != NULL;
}

static int by_count(const void *a_, const void *b_)
{
    const struct stg_embedded_call *a = a_, *b = b_;
    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    return (a->call > b->call) - (a->call < b->call);
}

/* The most frequent calls that have a row of their own. */
static enum stg_status choose(struct stg_embedding *out, const struct stg_model *m, const uint64_t *count)
{
    const size_t n_calls = stg_strings_count(m->vocab.calls);
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->calls, n_calls, sizeof *out->calls));
    for (size_t c = STG_TOKEN_SPECIALS; c < n_calls; c++) {
        if (count[c] > 0) {
            out->calls[out->n_all++] =
                (struct stg_embedded_call){.call = (uint16_t)c, .count = count[c], .nearest = (uint16_t)c};
        }
    }
    qsort(out->calls, out->n_all, sizeof *out->calls, by_count);
    out->n = out->n_all < STG_EMBEDDING_CALLS ? out->n_all : STG_EMBEDDING_CALLS;
    return STG_OK;
}

/* Mean of the rows of the call's symbols; false where it has none of that kind. */
static bool mean_of_symbols(float *row, const struct stg_model *m, const float *table, size_t n, size_t dim,
                            uint16_t call, bool exits)
{
    size_t n_found = 0;
    for (size_t d = 0; d < dim; d++) {
        row[d] = 0;
    }
    for (uint32_t s = STG_TOKEN_SPECIALS; s < n; s++) {
        const struct stg_symbol_parts parts = stg_symbols_parts(m->symbols, s);
        if (parts.call != call || (!exits && parts.phase == STG_PHASE_EXIT)) {
            continue;
        }
        n_found++;
        for (size_t d = 0; d < dim; d++) {
            row[d] += (table[(size_t)s * dim + d] - row[d]) / (float)n_found;
        }
    }
    return n_found > 0;
}

/* (n, dim) of the chosen calls; one that the net has no row for is left out. */
static void fill_rows(struct stg_embedding *out, float *rows, const struct stg_model *m, const float *table,
                      size_t n_table, bool of_symbols)
{
    const size_t dim = out->dim;
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++) {
        const uint16_t call = out->calls[i].call;
        float *row = rows + n * dim;
        bool found = !of_symbols && call < n_table;
        for (size_t d = 0; d < dim && found; d++) {
            row[d] = table[(size_t)call * dim + d];
        }
        found = found || (of_symbols && (mean_of_symbols(row, m, table, n_table, dim, call, false) ||
                                         mean_of_symbols(row, m, table, n_table, dim, call, true)));
        out->calls[n] = out->calls[i];
        n += found;
    }
    out->n = n;
}

static double cosine(const float *a, const float *b, size_t dim)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t d = 0; d < dim; d++) {
        ab += (double)a[d] * (double)b[d];
        aa += (double)a[d] * (double)a[d];
        bb += (double)b[d] * (double)b[d];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static void find_nearest(struct stg_embedding *out, const float *rows)
{
    for (size_t i = 0; i < out->n; i++) {
        double most = -2;
        for (size_t k = 0; k < out->n; k++) {
            const double of = k == i ? -2 : cosine(rows + i * out->dim, rows + k * out->dim, out->dim);
            if (of > most) {
                most = of;
                out->calls[i].nearest = out->calls[k].call;
            }
        }
        out->calls[i].likeness = out->n > 1 ? most : 1;
    }
}

enum stg_status stg_embedding_of(struct stg_embedding *out, const struct stg_model *m, const uint64_t *count)
{
    enum stg_status status = STG_OK;
    float *rows = NULL;
    double(*points)[2] = NULL;
    bool of_symbols = false;
    size_t n_table = 0;
    *out = (struct stg_embedding){.calls = NULL};
    if (!stg_embedding_has(m)) {
        return stg_fail(STG_ERR_USAGE, "%s has no embeddings: choose a neural model", m->ops->kind);
    }
    const float *table = m->ops->embedding(m, &n_table, &out->dim, &of_symbols);
    STG_TRY(choose(out, m, count));
    STG_TRY(stg_mem_zeroed(&rows, out->n * out->dim, sizeof *rows));
    STG_TRY(stg_mem_zeroed(&points, out->n, sizeof *points));
    fill_rows(out, rows, m, table, n_table, of_symbols);
    find_nearest(out, rows);
    STG_TRY(stg_projection(rows, out->n, out->dim, points, out->share));
    for (size_t i = 0; i < out->n; i++) {
        out->calls[i].x = points[i][0];
        out->calls[i].y = points[i][1];
    }
out:
    stg_mem_free(rows);
    stg_mem_free(points);
    if (status != STG_OK) {
        stg_embedding_fini(out);
    }
    return status;
}

void stg_embedding_fini(struct stg_embedding *e)
{
    stg_mem_free(e->calls);
    *e = (struct stg_embedding){.calls = NULL};
}
