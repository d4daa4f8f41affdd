#include "explain/grouping.h"

#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct groups {
    size_t n_features, n;
    float *sum;                                              /* (256 × n_features) of each group's vectors */
    double norm[GROUPING_MAX_GROUPS];                        /* of sum */
    double cosine[GROUPING_MAX_GROUPS][GROUPING_MAX_GROUPS]; /* of the sums, while groups are merged */
    uint32_t merged[GROUPING_MAX_GROUPS];                    /* the group that it is part of now */
};

static float *sum_of(struct groups *g, size_t k)
{
    return g->sum + k * g->n_features;
}

static double dot_sparse(const struct grouping_vector *v, const float *sum)
{
    double dot = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        dot += (double)v->weight[i] * (double)sum[v->feature[i]];
    }
    return dot;
}

static double dot_sums(struct groups *g, size_t a, size_t b)
{
    const float *x = sum_of(g, a), *y = sum_of(g, b);
    double dot = 0;
    for (size_t i = 0; i < g->n_features; i++) {
        dot += (double)x[i] * (double)y[i];
    }
    return g->norm[a] > 0 && g->norm[b] > 0 ? dot / g->norm[a] / g->norm[b] : 0;
}

static double norm_of(struct groups *g, size_t k)
{
    double square = 0;
    for (size_t i = 0; i < g->n_features; i++) {
        square += (double)sum_of(g, k)[i] * (double)sum_of(g, k)[i];
    }
    return sqrt(square);
}

static uint32_t join(struct groups *g, const struct grouping_vector *v, double similarity)
{
    size_t best = 0;
    double nearest = -1;
    for (size_t k = 0; k < g->n; k++) {
        const double cosine = g->norm[k] > 0 ? dot_sparse(v, sum_of(g, k)) / g->norm[k] : 0;
        if (cosine > nearest) {
            nearest = cosine;
            best = k;
        }
    }
    if (nearest < similarity && g->n < GROUPING_MAX_GROUPS) {
        best = g->n++;
    }
    for (uint32_t i = 0; i < v->n; i++) {
        sum_of(g, best)[v->feature[i]] += v->weight[i];
    }
    g->norm[best] = norm_of(g, best);
    return (uint32_t)best;
}

static void merge_two(struct groups *g, size_t into, size_t from)
{
    for (size_t i = 0; i < g->n_features; i++) {
        sum_of(g, into)[i] += sum_of(g, from)[i];
    }
    g->norm[into] = norm_of(g, into);
    for (size_t k = 0; k < g->n; k++) {
        g->merged[k] = g->merged[k] == from ? (uint32_t)into : g->merged[k];
    }
    for (size_t k = 0; k < g->n; k++) {
        if (g->merged[k] == k && k != into) {
            g->cosine[into][k] = g->cosine[k][into] = dot_sums(g, into, k);
        }
    }
}

static void merge_near(struct groups *g, double similarity)
{
    for (size_t a = 0; a < g->n; a++) {
        g->merged[a] = (uint32_t)a;
        for (size_t b = 0; b < a; b++) {
            g->cosine[a][b] = g->cosine[b][a] = dot_sums(g, a, b);
        }
    }
    for (;;) {
        double nearest = similarity;
        size_t into = SIZE_MAX, from = SIZE_MAX;
        for (size_t a = 0; a < g->n; a++) {
            for (size_t b = 0; b < a && g->merged[a] == a; b++) {
                if (g->merged[b] == b && g->cosine[a][b] >= nearest &&
                    (into == SIZE_MAX || g->cosine[a][b] > nearest)) {
                    nearest = g->cosine[a][b];
                    into = b;
                    from = a;
                }
            }
        }
        if (into == SIZE_MAX) {
            return;
        }
        merge_two(g, into, from);
    }
}

/* Largest first, then the highest rank; groups came up in the order of their first vectors. */
static size_t renumber(const struct groups *g, const struct grouping_vector *vectors, uint32_t *group, size_t n)
{
    size_t size[GROUPING_MAX_GROUPS] = {0}, n_groups = 0;
    float rank[GROUPING_MAX_GROUPS] = {0};
    uint32_t number[GROUPING_MAX_GROUPS] = {0};
    bool done[GROUPING_MAX_GROUPS] = {false};
    for (size_t i = 0; i < n; i++) {
        group[i] = g->merged[group[i]];
        rank[group[i]] = size[group[i]]++ == 0 ? vectors[i].rank : fmaxf(rank[group[i]], vectors[i].rank);
    }
    for (;;) {
        size_t largest = SIZE_MAX;
        for (size_t k = 0; k < g->n; k++) {
            const bool larger =
                largest == SIZE_MAX || size[k] > size[largest] || (size[k] == size[largest] && rank[k] > rank[largest]);
            if (!done[k] && size[k] > 0 && larger) {
                largest = k;
            }
        }
        if (largest == SIZE_MAX) {
            break;
        }
        done[largest] = true;
        number[largest] = (uint32_t)n_groups++;
    }
    for (size_t i = 0; i < n; i++) {
        group[i] = number[group[i]];
    }
    return n_groups;
}

enum stg_status grouping_find(const struct grouping_vector *vectors, size_t n, size_t n_features, double similarity,
                              uint32_t *group, size_t *n_groups)
{
    enum stg_status status = STG_OK;
    struct groups *g = NULL;
    STG_TRY(stg_mem_zeroed(&g, 1, sizeof *g));
    g->n_features = n_features;
    STG_TRY(stg_mem_zeroed(&g->sum, GROUPING_MAX_GROUPS * n_features, sizeof *g->sum));
    for (size_t i = 0; i < n; i++) {
        group[i] = join(g, &vectors[i], similarity);
    }
    merge_near(g, similarity);
    *n_groups = renumber(g, vectors, group, n);
out:
    if (g != NULL) {
        stg_mem_free(g->sum);
    }
    stg_mem_free(g);
    return status;
}

enum stg_status grouping_centre(const struct grouping_vector *vectors, size_t n, size_t n_features,
                                const uint32_t *group, uint32_t which, size_t *centre)
{
    float *sum = NULL;
    double nearest = -1;
    *centre = SIZE_MAX;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&sum, n_features, sizeof *sum));
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < vectors[i].n && group[i] == which; k++) {
            sum[vectors[i].feature[k]] += vectors[i].weight[k];
        }
    }
    for (size_t i = 0; i < n; i++) {
        const double dot = group[i] == which ? dot_sparse(&vectors[i], sum) : -1;
        if (dot > nearest) {
            nearest = dot;
            *centre = i;
        }
    }
    stg_mem_free(sum);
    return STG_OK;
}
