/* What the variants share. */
#ifndef STG_COMPUTE_KERNELS_INTERNAL_H
#define STG_COMPUTE_KERNELS_INTERNAL_H

#include "compute/kernels.h"

extern const struct stg_kernels stg_kernels_plain, stg_kernels_avx2, stg_kernels_avx512;

/* The definitions that do not stand in kernels_plain.c. */
size_t stg_plain_attention_scratch(const struct stg_attention *a);
void stg_plain_attention_forward(float *out, float *lse, const float *q, const float *k, const float *v, const struct stg_attention *a,
                                 float *scratch);
void stg_plain_attention_backward(float *dq, float *dk, float *dv, const float *dout, const float *q, const float *k, const float *v,
                                  const float *out, const float *lse, const struct stg_attention *a, float *scratch);
void stg_plain_attention_step(float *out, const float *q, const float *k, const float *v, const struct stg_attention *a, size_t ring,
                              float *scratch);
void stg_plain_layer_norm_forward(float *y, float *mean, float *rstd, const float *x, const float *gamma, const float *beta, size_t N,
                                  size_t C, float epsilon);
void stg_plain_layer_norm_backward(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x, const float *mean,
                                   const float *rstd, const float *gamma, size_t N, size_t C);
void stg_plain_swiglu_forward(float *y, const float *x, size_t N, size_t C);
void stg_plain_swiglu_backward(float *dx, const float *dy, const float *x, size_t N, size_t C);
void stg_plain_gelu_forward(float *y, const float *x, size_t n);
void stg_plain_gelu_backward(float *dx, const float *dy, const float *x, size_t n);
void stg_plain_relu_forward(float *y, const float *x, size_t n);
void stg_plain_relu_backward(float *dx, const float *dy, const float *x_or_y, size_t n);
void stg_plain_add_rows(float *y, const float *x, size_t N, size_t C);

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
