/* Fast attention of one row against a cache: what limits is reading the keys and values. Checked against
 * attention_plain.c. */
#ifndef STG_COMPUTE_ATTENTION_STEP_BODY_H
#define STG_COMPUTE_ATTENTION_STEP_BODY_H

#include "compute/attention_body.h"
#include "compute/kernels_internal.h"

/* n rows of the cache: row, row + stride, … */
struct run {
    size_t row, stride, n;
};

enum { MAX_RUNS = 3 };

/* What the last row sees: the global rows, then the rest of its band up to the end of the ring and from its begin
 * on. */
static void runs_of(struct run runs[MAX_RUNS], const struct stg_attention *a, size_t ring)
{
    const size_t t = a->T - 1;
    const size_t step = a->window == 0 ? 1 : a->dilation;
    const size_t n_global = a->window == 0 ? 0 : a->n_global;
    const size_t rows = a->window == 0 ? t + 1 : least(a->window, t / step + 1); /* of the band */
    const size_t begin = t - (rows - 1) * step;
    const size_t skipped = begin < n_global ? least(rows, up(n_global - begin, step) / step) : 0; /* global as well */
    const size_t n = rows - skipped;
    const size_t first = begin + skipped * step;
    runs[0] = (struct run){0, 1, least(n_global, a->T)};
    runs[1] = (struct run){first, step, n};
    runs[2] = (struct run){0, step, 0};
    if (ring > 0 && n > 0) {
        const size_t at = (first - n_global) % ring;
        const size_t before_end = (ring - at + step - 1) / step;
        runs[1] = (struct run){n_global + at, step, least(n, before_end)};
        if (n > before_end) {
            runs[2] = (struct run){n_global + at + before_end * step - ring, step, n - before_end};
        }
    }
}

/* Rows of a cache, in float or (half, a constant) in bf16: vector and element i, and where row i begins. */
INLINE vec vector_at(const int half, const void *rows, size_t i)
{
    return half ? widened((const uint16_t *)rows + i) : *(const vec *)((const float *)rows + i);
}

INLINE float element_at(const int half, const void *rows, size_t i)
{
    return half ? stg_from_bf16(((const uint16_t *)rows)[i]) : ((const float *)rows)[i];
}

INLINE const void *rows_from(const int half, const void *rows, size_t i)
{
    return half ? (const void *)((const uint16_t *)rows + i) : (const void *)((const float *)rows + i);
}

/* q·k over dim, k from element `at` of rows on; tail is q from dim − VL on, without what whole vectors have covered
 * (dim >= VL). */
INLINE float dot_head(const int half, const float *q, const float *tail, const void *rows, size_t at, size_t dim)
{
    vec sum = {0};
    size_t j = 0;
    if (dim < VL) {
        float short_sum = 0.0f;
        for (; j < dim; j++) {
            short_sum += q[j] * element_at(half, rows, at + j);
        }
        return short_sum;
    }
    for (; j + VL <= dim; j += VL) {
        sum += *(const vec *)(q + j) * vector_at(half, rows, at + j);
    }
    if (j < dim) {
        sum += *(const vec *)tail * vector_at(half, rows, at + dim - VL);
    }
    return vsum(sum);
}

/* Scores of a run, head by head ld apart. */
INLINE void step_scores(const int half, float *scores, size_t ld, const float *q, const float *tails, const void *k,
                        const struct stg_attention *a, struct run run)
{
    const size_t dim = a->dim;
    for (size_t i = 0; i < run.n; i++) {
        const size_t row = (run.row + i * run.stride) * a->ld_kv;
        for (size_t h = 0; h < a->heads; h++) {
            scores[h * ld + i] = dot_head(half, q + h * dim, tails + h * VL, k, row + h * dim, dim);
        }
    }
}

/* out (vecs·VL, the last vector at last) += Σ p·v of one head; two rows at once, for their sums do not wait for each
 * other. */
INLINE void add_values(const int half, const size_t vecs, float *out, size_t last, const float *p, const void *v,
                       size_t stride, size_t n)
{
    vec acc[2][3];
    size_t at[3];
    UNROLL
    for (size_t j = 0; j < vecs; j++) {
        at[j] = j + 1 < vecs ? j * VL : last;
        acc[0][j] = *(const vec *)(out + at[j]);
        acc[1][j] = (vec){0};
    }
    size_t i = 0;
    for (; i + 2 <= n; i += 2, v = rows_from(half, v, 2 * stride)) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            acc[0][j] += p[i] * vector_at(half, v, at[j]);
            acc[1][j] += p[i + 1] * vector_at(half, v, stride + at[j]);
        }
    }
    UNROLL
    for (size_t j = 0; j < vecs; j++) {
        if (i < n) {
            acc[0][j] += p[i] * vector_at(half, v, at[j]);
        }
    }
    UNROLL
    for (size_t j = 0; j < vecs; j++) { /* where the last vector overlaps the one before, both hold the same */
        *(vec *)(out + at[j]) = acc[0][j] + acc[1][j];
    }
}

/* out (dim) += Σ p·v of one head over a run. */
INLINE void step_values(const int half, float *out, const float *p, const void *v, const struct stg_attention *a,
                        struct run run)
{
    const size_t stride = run.stride * a->ld_kv;
    const size_t dim = a->dim;
    size_t j = 0;
    v = rows_from(half, v, run.row * a->ld_kv);
    if (dim < VL) {
        for (size_t i = 0; i < run.n; i++) {
            for (size_t c = 0; c < dim; c++) {
                out[c] += p[i] * element_at(half, v, i * stride + c);
            }
        }
        return;
    }
    for (; j + 3 * VL < dim; j += 2 * VL) {
        add_values(half, 2, out + j, VL, p, rows_from(half, v, j), stride, run.n);
    }
    const size_t left = dim - j; /* at most three vectors */
    if (left > 2 * VL) {
        add_values(half, 3, out + j, left - VL, p, rows_from(half, v, j), stride, run.n);
    } else if (left > VL) {
        add_values(half, 2, out + j, left - VL, p, rows_from(half, v, j), stride, run.n);
    } else if (left == VL) {
        add_values(half, 1, out + j, 0, p, rows_from(half, v, j), stride, run.n);
    }
}

/* Scores (n, up to whole vectors) become e^(scale·(score − max)); returns their sum. */
static float step_softmax(float *scores, size_t n, float scale)
{
    const size_t whole = n / VL * VL;
    vec top = (vec){0} - FLT_MAX;
    vec sum = {0};
    if (whole < n) {
        *(vec *)(scores + whole) = choose(within(whole, 0, n), *(const vec *)(scores + whole), top);
    }
    for (size_t j = 0; j < n; j += VL) {
        top = vmax(top, *(const vec *)(scores + j));
    }
    const float max = vmax_of(top);
    for (size_t j = 0; j < n; j += VL) {
        const vec p = vexp((*(const vec *)(scores + j) - max) * scale);
        *(vec *)(scores + j) = p;
        sum += p;
    }
    return vsum(sum);
}

INLINE void step_against(const int half, float *out, const float *q, const void *k, const void *v,
                         const struct stg_attention *a, size_t ring, float *scratch)
{
    struct run runs[MAX_RUNS];
    const size_t ld = up(a->T, VL);
    float *tails = scratch + a->heads * ld;
    size_t n = 0;
    runs_of(runs, a, ring);
    for (size_t h = 0; h < a->heads && a->dim >= VL; h++) {
        const vec whole = *(const vec *)(q + (h + 1) * a->dim - VL);
        *(vec *)(tails + h * VL) = choose(within(0, VL - a->dim % VL, VL), whole, (vec){0});
    }
    for (size_t i = 0; i < MAX_RUNS; i++) {
        step_scores(half, scratch + n, ld, q, tails, k, a, runs[i]);
        n += runs[i].n;
    }
    memset(out, 0, a->heads * a->dim * sizeof(float));
    for (size_t h = 0; h < a->heads; h++) {
        float *weights = scratch + h * ld;
        float *to = out + h * a->dim;
        const float sum = step_softmax(weights, n, 1.0f / sqrtf((float)a->dim));
        for (size_t i = 0; i < MAX_RUNS; weights += runs[i++].n) {
            step_values(half, to, weights, rows_from(half, v, h * a->dim), a, runs[i]);
        }
        for (size_t j = 0; j < a->dim; j++) {
            to[j] /= sum;
        }
    }
}

static void attention_step(float *out, const float *q, const float *k, const float *v, const struct stg_attention *a,
                           size_t ring, float *scratch)
{
    step_against(0, out, q, k, v, a, ring, scratch);
}

static void bf16_attention_step(float *out, const float *q, const uint16_t *k, const uint16_t *v,
                                const struct stg_attention *a, size_t ring, float *scratch)
{
    step_against(1, out, q, k, v, a, ring, scratch);
}

#endif
