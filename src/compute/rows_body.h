/* Fast normalisation and activations: loops that the compiler turns into vectors. Checked against rows_plain.c. */
#ifndef STG_COMPUTE_ROWS_BODY_H
#define STG_COMPUTE_ROWS_BODY_H

#include "compute/vector_body.h"

/* Before a loop whose arrays are the same or apart, never shifted against each other. */
#ifdef __clang__
#define IN_PLACE _Pragma("clang loop vectorize(assume_safety)")
#else
#define IN_PLACE _Pragma("GCC ivdep")
#endif

static void layer_norm_forward(float *y, float *mean, float *rstd, const float *x, const float *gamma, const float *beta, size_t N,
                               size_t C, float epsilon)
{
    for (size_t n = 0; n < N; n++, x += C, y += C) {
        float sum = 0.0f;
        float squares = 0.0f;
        for (size_t c = 0; c < C; c++) {
            sum += x[c];
        }
        const float middle = sum / (float)C;
        for (size_t c = 0; c < C; c++) {
            squares += (x[c] - middle) * (x[c] - middle);
        }
        const float scale = 1.0f / sqrtf(squares / (float)C + epsilon);
        IN_PLACE
        for (size_t c = 0; c < C; c++) {
            y[c] = (x[c] - middle) * scale * gamma[c] + beta[c];
        }
        mean[n] = middle;
        rstd[n] = scale;
    }
}

/* Both means that dx needs, and the row's part of dgamma and dbeta. */
static void layer_norm_sums(float *restrict dgamma, float *restrict dbeta, float *restrict sums, const float *restrict dy,
                            const float *restrict x, const float *restrict gamma, float mean, float rstd, size_t C)
{
    float sum = 0.0f;
    float sum_z = 0.0f;
    for (size_t c = 0; c < C; c++) {
        const float z = (x[c] - mean) * rstd;
        const float g = dy[c] * gamma[c];
        sum += g;
        sum_z += g * z;
        dgamma[c] += dy[c] * z;
        dbeta[c] += dy[c];
    }
    sums[0] = sum / (float)C;
    sums[1] = sum_z / (float)C;
}

static void layer_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x, const float *mean,
                                const float *rstd, const float *gamma, size_t N, size_t C)
{
    for (size_t n = 0; n < N; n++, x += C, dx += C, dy += C) {
        float sums[2];
        const float middle = mean[n];
        const float scale = rstd[n];
        layer_norm_sums(dgamma, dbeta, sums, dy, x, gamma, middle, scale, C);
        IN_PLACE
        for (size_t c = 0; c < C; c++) {
            dx[c] = scale * (dy[c] * gamma[c] - sums[0] - (x[c] - middle) * scale * sums[1]);
        }
    }
}

static void swiglu_forward(float *y, const float *x, size_t N, size_t C)
{
    for (size_t n = 0; n < N; n++, x += 2 * C, y += C) {
        for (size_t j = 0; j * VL < C; j++) {
            const vec gate = load_columns(x, j, C);
            store_columns(y, j, C, gate * vsigmoid(gate) * load_columns(x + C, j, C));
        }
    }
}

static void swiglu_backward(float *dx, const float *dy, const float *x, size_t N, size_t C)
{
    for (size_t n = 0; n < N; n++, x += 2 * C, dx += 2 * C, dy += C) {
        for (size_t j = 0; j * VL < C; j++) {
            const vec gate = load_columns(x, j, C);
            const vec value = load_columns(x + C, j, C);
            const vec d = load_columns(dy, j, C);
            const vec g = vmax(-vmax(-gate, (vec){0} - 80.0f), (vec){0} - 80.0f); /* beyond, the slope is 1 or 0; gate·e would overflow */
            const vec e = vexp(-g);
            const vec s = inverse(1.0f + e);
            store_columns(dx, j, C, d * value * s * (1.0f + g * e * s)); /* e·s is 1 − s without its cancellation */
            store_columns(dx + C, j, C, d * gate * s);
        }
    }
}

/* Φ(x) of the normal distribution and e^(−x²/2): erfc by Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7. */
INLINE float normal_below(float x, float *bell)
{
    const float t = 1.0f / (1.0f + 0.3275911f * 0.70710678f * fabsf(x));
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    *bell = exp_fast(-0.5f * x * x);
    const float tail = 0.5f * p * t * *bell;
    return x < 0.0f ? tail : 1.0f - tail;
}

static void gelu_forward(float *y, const float *x, size_t n)
{
    IN_PLACE
    for (size_t i = 0; i < n; i++) {
        float bell;
        y[i] = x[i] * normal_below(x[i], &bell);
    }
}

static void gelu_backward(float *dx, const float *dy, const float *x, size_t n)
{
    IN_PLACE
    for (size_t i = 0; i < n; i++) {
        float bell;
        const float below = normal_below(x[i], &bell);
        dx[i] = dy[i] * (below + x[i] * 0.39894228f * bell);
    }
}

static void relu_forward(float *y, const float *x, size_t n)
{
    IN_PLACE
    for (size_t i = 0; i < n; i++) {
        y[i] = fmaxf(x[i], 0.0f);
    }
}

static void relu_backward(float *dx, const float *dy, const float *x_or_y, size_t n)
{
    IN_PLACE
    for (size_t i = 0; i < n; i++) {
        dx[i] = x_or_y[i] > 0.0f ? dy[i] : 0.0f;
    }
}

static void add_rows(float *y, const float *x, size_t N, size_t C)
{
    for (size_t n = 0; n < N; n++, y += C) {
        IN_PLACE
        for (size_t c = 0; c < C; c++) {
            y[c] += x[c];
        }
    }
}

#endif
