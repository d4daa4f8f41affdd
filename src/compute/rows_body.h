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

enum { NORM_ROWS = 4 };

/* Of `rows` rows side by side, as a single one would wait for its sums. */
INLINE void norm_rows(const size_t rows, float *y, float *mean, float *rstd, const float *x, const float *gamma,
                      const float *beta, size_t C, float epsilon)
{
    vec sum[NORM_ROWS] = {{0}};
    vec squares[NORM_ROWS] = {{0}};
    for (size_t j = 0; j * VL < C; j++) {
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            sum[r] += load_columns(x + r * C, j, C);
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        mean[r] = vsum(sum[r]) / (float)C;
    }
    for (size_t j = 0; j * VL < C; j++) {
        const ivec there = within(j * VL, 0, C);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            const vec d = choose(there, load_columns(x + r * C, j, C) - mean[r], (vec){0});
            squares[r] += d * d;
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        rstd[r] = 1.0f / sqrtf(vsum(squares[r]) / (float)C + epsilon);
    }
    for (size_t j = 0; j * VL < C; j++) {
        const vec gain = load_columns(gamma, j, C);
        const vec shift = load_columns(beta, j, C);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            store_columns(y + r * C, j, C, (load_columns(x + r * C, j, C) - mean[r]) * rstd[r] * gain + shift);
        }
    }
}

static void layer_norm_forward(float *y, float *mean, float *rstd, const float *x, const float *gamma,
                               const float *beta, size_t N, size_t C, float epsilon)
{
    for (; N >= NORM_ROWS;
         N -= NORM_ROWS, y += NORM_ROWS * C, x += NORM_ROWS * C, mean += NORM_ROWS, rstd += NORM_ROWS) {
        norm_rows(NORM_ROWS, y, mean, rstd, x, gamma, beta, C, epsilon);
    }
    for (; N > 0; N--, y += C, x += C, mean++, rstd++) {
        norm_rows(1, y, mean, rstd, x, gamma, beta, C, epsilon);
    }
}

/* Both means that dx needs, and the row's part of dgamma and dbeta. */
static void layer_norm_sums(float *restrict dgamma, float *restrict dbeta, float *restrict sums,
                            const float *restrict dy, const float *restrict x, const float *restrict gamma, float mean,
                            float rstd, size_t C)
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

static void layer_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                const float *mean, const float *rstd, const float *gamma, size_t N, size_t C)
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
            const vec g = vmax(-vmax(-gate, (vec){0} - 80.0f),
                               (vec){0} - 80.0f); /* beyond, the slope is 1 or 0; gate·e would overflow */
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

#endif
