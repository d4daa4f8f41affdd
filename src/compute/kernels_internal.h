/* What the variants share. */
#ifndef STG_COMPUTE_KERNELS_INTERNAL_H
#define STG_COMPUTE_KERNELS_INTERNAL_H

#include "compute/kernels.h"

#include <string.h>

extern const struct stg_kernels stg_kernels_plain, stg_kernels_avx2, stg_kernels_avx512, stg_kernels_avx512bf16;

/* The definitions that do not stand in kernels_plain.c. */
size_t stg_plain_bf16_packed_size(size_t K, size_t N);
void stg_plain_bf16_pack(uint16_t *packed, const float *w, size_t ldw, size_t K, size_t N);
void stg_plain_bf16_pack_transposed(uint16_t *packed, const float *w, size_t ldw, size_t K, size_t N);
void stg_plain_bf16_rows_product(float *out, size_t ld_out, const float *start, size_t ld_start, const float *x,
                                 size_t ldx, const uint16_t *packed, size_t B, size_t K, size_t N);
void stg_plain_weight_gradient(float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t ldy, size_t M,
                               size_t K, size_t N);
void stg_plain_bf16_weight_gradient(float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t ldy,
                                    size_t M, size_t K, size_t N);
void stg_plain_to_bf16(uint16_t *y, const float *x, size_t n);
void stg_plain_from_bf16(float *y, const uint16_t *x, size_t n);
size_t stg_plain_attention_scratch(const struct stg_attention *a);
void stg_plain_attention_forward(float *out, float *lse, const float *q, const float *k, const float *v,
                                 const struct stg_attention *a, float *scratch);
void stg_plain_attention_backward(float *dq, float *dk, float *dv, const float *dout, const float *q, const float *k,
                                  const float *v, const float *out, const float *lse, const struct stg_attention *a,
                                  float *scratch);
void stg_plain_attention_step(float *out, const float *q, const float *k, const float *v, const struct stg_attention *a,
                              size_t ring, float *scratch);
void stg_plain_bf16_attention_step(float *out, const float *q, const uint16_t *k, const uint16_t *v,
                                   const struct stg_attention *a, size_t ring, float *scratch);
void stg_plain_layer_norm_forward(float *y, float *mean, float *rstd, const float *x, const float *gamma,
                                  const float *beta, size_t N, size_t C, float epsilon);
void stg_plain_layer_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                   const float *mean, const float *rstd, const float *gamma, size_t N, size_t C);
void stg_plain_swiglu_forward(float *y, const float *x, size_t N, size_t C);
void stg_plain_swiglu_backward(float *dx, const float *dy, const float *x, size_t N, size_t C);
void stg_plain_gelu_forward(float *y, const float *x, size_t n);
void stg_plain_gelu_backward(float *dx, const float *dy, const float *x, size_t n);
void stg_plain_relu_forward(float *y, const float *x, size_t n);
void stg_plain_relu_backward(float *dx, const float *dy, const float *x_or_y, size_t n);
size_t stg_plain_split(float *below, float *above, size_t *n_above, const float *v, size_t n, float bound);
void stg_plain_waves(float *x, double v, const double *scale, size_t n);

/* bf16 is the upper half of a float: sign, 8 bits of exponent, 7 of mantissa. Rounding is to nearest, ties to even; a
 * NaN keeps one bit of its mantissa set so that it does not become infinite. */
static inline uint16_t stg_to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return (uint16_t)(bits >> 16 | 0x40u);
    }
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static inline float stg_from_bf16(uint16_t x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

/* Both are exact in integers, so that every variant drops the same elements. */
static inline uint32_t stg_dropout_hash(uint32_t i, uint32_t k0, uint32_t k1)
{
    uint32_t x = (i ^ k0) * 0x85ebca6bu + k1; /* finaliser of MurmurHash3 (Appleby 2011) over index and key */
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

static inline uint32_t stg_dropout_bound(float p)
{
    return (uint32_t)(p * 16777216.0f);
}

#endif
