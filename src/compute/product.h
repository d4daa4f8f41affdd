/* A linear layer's products with weights w (K,N) that change once per update: packed then, used for many rows. In float
 * or, for twice the speed where the processor multiplies bf16 and half the memory everywhere, with both operands
 * rounded to bf16 and sums in float. The caller keeps the weights themselves in float. Used from many threads at once,
 * each call on its own thread. */
#ifndef STG_COMPUTE_PRODUCT_H
#define STG_COMPUTE_PRODUCT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum stg_precision { STG_PRECISION_F32, STG_PRECISION_BF16 };
const char *stg_precision_name(enum stg_precision precision); /* "f32", "bf16" */
/* False, and *out stays, where none has that name. */
bool stg_precision_named(const char *name, enum stg_precision *out);

struct stg_product {
    size_t K, N;
    enum stg_precision precision;
    void *packed, *packed_transposed; /* for forward and for backward; the former owned, the latter behind it, or NULL
                                         if there is no backward */
};

/* On failure there is nothing to free. */
enum stg_status stg_product_init(struct stg_product *p, size_t K, size_t N, enum stg_precision precision,
                                 bool backward) STG_MUST_USE;
void stg_product_fini(struct stg_product *p);
/* After the weights have changed; ldw: elements from row to row of w. */
void stg_product_pack(struct stg_product *p, const float *w, size_t ldw);

/* y (M,N) = [y +] x (M,K)·w. A row's result depends neither on M nor on the other rows. */
void stg_product_forward(const struct stg_product *p, float *y, size_t ldy, const float *x, size_t ldx, size_t M,
                         bool accumulate);
/* y (M,N) = bias (N) + x·w, likewise. */
void stg_product_affine(const struct stg_product *p, float *y, size_t ldy, const float *bias, const float *x,
                        size_t ldx, size_t M);
/* dx (M,K) = [dx +] dy (M,N)·wᵀ */
void stg_product_backward(const struct stg_product *p, float *dx, size_t ldx, const float *dy, size_t ldy, size_t M,
                          bool accumulate);
/* dw (K,N) += xᵀ·dy */
void stg_product_gradient(const struct stg_product *p, float *dw, size_t ldw, const float *x, size_t ldx,
                          const float *dy, size_t ldy, size_t M);

#endif
