/* The definition of products in bf16 and of weight gradients. */
#include "compute/kernels_internal.h"

size_t stg_plain_bf16_packed_size(size_t K, size_t N)
{
    return K * N;
}

void stg_plain_bf16_pack(uint16_t *packed, const float *w, size_t ldw, size_t K, size_t N)
{
    for (size_t k = 0; k < K; k++) {
        stg_plain_to_bf16(packed + k * N, w + k * ldw, N);
    }
}

void stg_plain_bf16_pack_transposed(uint16_t *packed, const float *w, size_t ldw, size_t K, size_t N)
{
    for (size_t k = 0; k < K; k++) {
        for (size_t n = 0; n < N; n++) {
            packed[k * N + n] = stg_to_bf16(w[n * ldw + k]);
        }
    }
}

void stg_plain_bf16_rows_product(float *out, size_t ld_out, const float *start, size_t ld_start, const float *x,
                                 size_t ldx, const uint16_t *packed, size_t B, size_t K, size_t N)
{
    for (size_t b = 0; b < B; b++) {
        float *row = out + b * ld_out;
        for (size_t n = 0; n < N; n++) {
            row[n] = start == NULL ? 0.0f : start[b * ld_start + n];
        }
        for (size_t k = 0; k < K; k++) {
            const float factor = stg_from_bf16(stg_to_bf16(x[b * ldx + k]));
            for (size_t n = 0; n < N; n++) {
                row[n] += factor * stg_from_bf16(packed[k * N + n]);
            }
        }
    }
}

void stg_plain_weight_gradient(float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t ldy, size_t M,
                               size_t K, size_t N)
{
    for (size_t m = 0; m < M; m++) {
        for (size_t k = 0; k < K; k++) {
            for (size_t n = 0; n < N; n++) {
                dw[k * ldw + n] += x[m * ldx + k] * dy[m * ldy + n];
            }
        }
    }
}

void stg_plain_bf16_weight_gradient(float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t ldy,
                                    size_t M, size_t K, size_t N)
{
    for (size_t m = 0; m < M; m++) {
        for (size_t k = 0; k < K; k++) {
            const float factor = stg_from_bf16(stg_to_bf16(x[m * ldx + k]));
            for (size_t n = 0; n < N; n++) {
                dw[k * ldw + n] += factor * stg_from_bf16(stg_to_bf16(dy[m * ldy + n]));
            }
        }
    }
}

void stg_plain_to_bf16(uint16_t *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = stg_to_bf16(x[i]);
    }
}

void stg_plain_from_bf16(float *y, const uint16_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = stg_from_bf16(x[i]);
    }
}
