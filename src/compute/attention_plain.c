/* The definition of attention, row by row. */
#include "compute/kernels_internal.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* The first row from s on that row t sees; beyond t if there is none. */
static size_t seen_from(const struct stg_attention *a, size_t t, size_t s)
{
    if (s > t || a->window == 0 || s < a->n_global) {
        return s;
    }
    const size_t d = a->dilation;
    const size_t first = t / d < a->window ? t % d : t - d * (a->window - 1); /* of the band */
    return s <= first ? first : s + (t - s) % d;
}

size_t stg_plain_attention_scratch(const struct stg_attention *a)
{
    return a->T;
}

/* Element i of rows in float or, half, in bf16. */
static float element(bool half, const void *rows, size_t i)
{
    return half ? stg_from_bf16(((const uint16_t *)rows)[i]) : ((const float *)rows)[i];
}

static float dot(const float *x, const float *y, size_t n)
{
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) {
        sum += x[i] * y[i];
    }
    return sum;
}

static void add_scaled(float *y, float scale, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] += scale * x[i];
    }
}

/* Where row s stands in the cache of attention_step. */
static size_t cached(const struct stg_attention *a, size_t ring, size_t s)
{
    const size_t n_global = a->window == 0 ? 0 : a->n_global;
    return ring == 0 || s < n_global ? s : n_global + (s - n_global) % ring;
}

/* One head of one row: out (dim) from q (dim) of row t and from element `at` of the rows k, v on; returns ln Σ exp of
 * the scores. scores: (T) scratch. */
static float attend(bool half, float *out, const float *q, const void *k, const void *v, size_t at,
                    const struct stg_attention *a, size_t ring, size_t t, float *scores)
{
    const float scale = 1.0f / sqrtf((float)a->dim);
    float max = -HUGE_VALF;
    float sum = 0.0f;
    for (size_t s = seen_from(a, t, 0); s <= t; s = seen_from(a, t, s + 1)) {
        scores[s] = 0.0f;
        for (size_t i = 0; i < a->dim; i++) {
            scores[s] += q[i] * element(half, k, at + cached(a, ring, s) * a->ld_kv + i);
        }
        scores[s] *= scale;
        max = fmaxf(max, scores[s]);
    }
    memset(out, 0, a->dim * sizeof(float));
    for (size_t s = seen_from(a, t, 0); s <= t; s = seen_from(a, t, s + 1)) {
        const float p = expf(scores[s] - max);
        sum += p;
        for (size_t i = 0; i < a->dim; i++) {
            out[i] += p * element(half, v, at + cached(a, ring, s) * a->ld_kv + i);
        }
    }
    for (size_t i = 0; i < a->dim; i++) {
        out[i] /= sum;
    }
    return max + logf(sum);
}

void stg_plain_attention_forward(float *out, float *lse, const float *q, const float *k, const float *v,
                                 const struct stg_attention *a, float *scratch)
{
    const size_t n = a->T - a->first_query;
    for (size_t i = 0; i < n; i++) {
        for (size_t h = 0; h < a->heads; h++) {
            const size_t at = h * a->dim;
            lse[h * n + i] = attend(false, out + i * a->ld_out + at, q + i * a->ld_q + at, k, v, at, a, 0,
                                    a->first_query + i, scratch);
        }
    }
}

/* With p the weights, o = Σ p v and ds the gradient of a score: dv = p·do, ds = p (do·v − do·o), dq = ds·k/√dim, dk =
 * ds·q/√dim. */
static void attend_backward(float *dq, float *dk, float *dv, const float *dout, const float *q, const float *k,
                            const float *v, const float *out, float lse, const struct stg_attention *a, size_t t)
{
    const float scale = 1.0f / sqrtf((float)a->dim);
    const float mean = dot(dout, out, a->dim);
    memset(dq, 0, a->dim * sizeof(float));
    for (size_t s = seen_from(a, t, 0); s <= t; s = seen_from(a, t, s + 1)) {
        const size_t at = s * a->ld_kv;
        const float p = expf(scale * dot(q, k + at, a->dim) - lse);
        const float ds = p * (dot(dout, v + at, a->dim) - mean) * scale;
        add_scaled(dv + at, p, dout, a->dim);
        add_scaled(dq, ds, k + at, a->dim);
        add_scaled(dk + at, ds, q, a->dim);
    }
}

void stg_plain_attention_backward(float *dq, float *dk, float *dv, const float *dout, const float *q, const float *k,
                                  const float *v, const float *out, const float *lse, const struct stg_attention *a,
                                  float *scratch)
{
    const size_t n = a->T - a->first_query;
    const size_t width = a->heads * a->dim;
    (void)scratch;
    for (size_t s = 0; s < a->T; s++) {
        memset(dk + s * a->ld_kv, 0, width * sizeof(float));
        memset(dv + s * a->ld_kv, 0, width * sizeof(float));
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t at = 0; at < width; at += a->dim) {
            attend_backward(dq + i * a->ld_q + at, dk + at, dv + at, dout + i * a->ld_out + at, q + i * a->ld_q + at,
                            k + at, v + at, out + i * a->ld_out + at, lse[at / a->dim * n + i], a, a->first_query + i);
        }
    }
}

void stg_plain_attention_step(float *out, const float *q, const float *k, const float *v, const struct stg_attention *a,
                              size_t ring, float *scratch)
{
    for (size_t at = 0; at < a->heads * a->dim; at += a->dim) {
        (void)attend(false, out + at, q + at, k, v, at, a, ring, a->T - 1, scratch);
    }
}

void stg_plain_bf16_attention_step(float *out, const float *q, const uint16_t *k, const uint16_t *v,
                                   const struct stg_attention *a, size_t ring, float *scratch)
{
    for (size_t at = 0; at < a->heads * a->dim; at += a->dim) {
        (void)attend(true, out + at, q + at, k, v, at, a, ring, a->T - 1, scratch);
    }
}
