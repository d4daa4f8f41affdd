/* The definition of what Transformers do row by row between their products: normalisation and activations. */
#include "compute/kernels_internal.h"

#include <math.h>

void stg_plain_layer_norm_forward(float *y, float *mean, float *rstd, const float *x, const float *gamma,
                                  const float *beta, size_t N, size_t C, float epsilon)
{
    for (size_t n = 0; n < N; n++) {
        const float *row = x + n * C;
        float sum = 0.0f;
        float squares = 0.0f;
        for (size_t c = 0; c < C; c++) {
            sum += row[c];
        }
        mean[n] = sum / (float)C;
        for (size_t c = 0; c < C; c++) {
            squares += (row[c] - mean[n]) * (row[c] - mean[n]);
        }
        rstd[n] = 1.0f / sqrtf(squares / (float)C + epsilon);
        for (size_t c = 0; c < C; c++) {
            y[n * C + c] = (row[c] - mean[n]) * rstd[n] * gamma[c] + beta[c];
        }
    }
}

/* With z the normalised row and g = dy·gamma: dx = rstd (g − mean(g) − z·mean(g·z)). */
void stg_plain_layer_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                   const float *mean, const float *rstd, const float *gamma, size_t N, size_t C)
{
    for (size_t n = 0; n < N; n++) {
        float sum = 0.0f;
        float sum_z = 0.0f;
        for (size_t c = 0; c < C; c++) {
            const float z = (x[n * C + c] - mean[n]) * rstd[n];
            sum += dy[n * C + c] * gamma[c];
            sum_z += dy[n * C + c] * gamma[c] * z;
            dgamma[c] += dy[n * C + c] * z;
            dbeta[c] += dy[n * C + c];
        }
        for (size_t c = 0; c < C; c++) {
            const float z = (x[n * C + c] - mean[n]) * rstd[n];
            dx[n * C + c] = rstd[n] * (dy[n * C + c] * gamma[c] - sum / (float)C - z * sum_z / (float)C);
        }
    }
}

static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

void stg_plain_swiglu_forward(float *y, const float *x, size_t N, size_t C)
{
    for (size_t n = 0; n < N; n++) {
        for (size_t c = 0; c < C; c++) {
            const float gate = x[n * 2 * C + c];
            y[n * C + c] = gate * sigmoid(gate) * x[n * 2 * C + C + c];
        }
    }
}

void stg_plain_swiglu_backward(float *dx, const float *dy, const float *x, size_t N, size_t C)
{
    for (size_t n = 0; n < N; n++) {
        for (size_t c = 0; c < C; c++) {
            const float gate = x[n * 2 * C + c];
            const float value = x[n * 2 * C + C + c];
            const float s = sigmoid(gate);
            dx[n * 2 * C + c] = dy[n * C + c] * value * s * (1.0f + gate * (1.0f - s));
            dx[n * 2 * C + C + c] = dy[n * C + c] * gate * s;
        }
    }
}

/* Φ(x), the distribution function of the standard normal distribution. */
static float normal_below(float x)
{
    return 0.5f * (1.0f + erff(x * 0.70710678f));
}

void stg_plain_gelu_forward(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = x[i] * normal_below(x[i]);
    }
}

/* dΦ/dx = e^(−x²/2) / √(2π) */
void stg_plain_gelu_backward(float *dx, const float *dy, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dx[i] = dy[i] * (normal_below(x[i]) + x[i] * 0.39894228f * expf(-0.5f * x[i] * x[i]));
    }
}

void stg_plain_relu_forward(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = x[i] > 0.0f ? x[i] : 0.0f;
    }
}

void stg_plain_relu_backward(float *dx, const float *dy, const float *x_or_y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dx[i] = x_or_y[i] > 0.0f ? dy[i] : 0.0f;
    }
}

void stg_plain_waves(float *x, double v, const double *scale, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double s;
        double c;
        sincos(v * scale[i], &s, &c);
        x[2 * i] = (float)s;
        x[2 * i + 1] = (float)c;
    }
}
