#include "compute/product.h"

#include "base/memory.h"
#include "compute/kernels.h"

#include <string.h>

/* Rows done at once: those of x stay in the second cache while the panels of weights pass by. */
enum { ROWS_AT_ONCE = 128 };

const char *stg_precision_name(enum stg_precision precision)
{
    return precision == STG_PRECISION_BF16 ? "bf16" : "f32";
}

bool stg_precision_named(const char *name, enum stg_precision *out)
{
    for (enum stg_precision p = STG_PRECISION_F32; p <= STG_PRECISION_BF16; p++) {
        if (strcmp(name, stg_precision_name(p)) == 0) {
            *out = p;
            return true;
        }
    }
    return false;
}

/* Bytes of one of a product's two packs, in whole cache lines. */
static size_t pack_size(size_t K, size_t N, enum stg_precision precision)
{
    const struct stg_kernels *k = stg_kernels();
    const size_t size = precision == STG_PRECISION_BF16 ? k->bf16_packed_size(K, N) * sizeof(uint16_t)
                                                        : k->packed_size(K, N) * sizeof(float);
    return (size + 63) / 64 * 64;
}

/* Both packs are one allocation: large enough for large pages the sooner. */
enum stg_status stg_product_init(struct stg_product *p, size_t K, size_t N, enum stg_precision precision, bool backward)
{
    const size_t forward_size = pack_size(K, N, precision);
    *p = (struct stg_product){.K = K, .N = N, .precision = precision};
    STG_RETURN_IF_FAILED(stg_mem_aligned(&p->packed, forward_size + (backward ? pack_size(N, K, precision) : 0), 1));
    p->packed_transposed = backward ? (char *)p->packed + forward_size : NULL;
    return STG_OK;
}

void stg_product_fini(struct stg_product *p)
{
    stg_mem_free(p->packed);
    p->packed = p->packed_transposed = NULL;
}

void stg_product_pack(struct stg_product *p, const float *w, size_t ldw)
{
    const struct stg_kernels *k = stg_kernels();
    if (p->precision == STG_PRECISION_BF16) {
        k->bf16_pack(p->packed, w, ldw, p->K, p->N);
        if (p->packed_transposed != NULL) {
            k->bf16_pack_transposed(p->packed_transposed, w, ldw, p->N, p->K);
        }
    } else {
        k->pack(p->packed, w, ldw, p->K, p->N);
        if (p->packed_transposed != NULL) {
            k->pack_transposed(p->packed_transposed, w, ldw, p->N, p->K);
        }
    }
}

/* out (M,N) = start + x (M,K)·packed */
static void multiply(enum stg_precision precision, float *out, size_t ld_out, const float *start, size_t ld_start,
                     const float *x, size_t ldx, const void *packed, size_t M, size_t K, size_t N)
{
    const struct stg_kernels *k = stg_kernels();
    for (size_t m = 0; m < M; m += ROWS_AT_ONCE) {
        const size_t n = M - m < ROWS_AT_ONCE ? M - m : ROWS_AT_ONCE;
        const float *from = start == NULL ? NULL : start + m * ld_start;
        if (precision == STG_PRECISION_BF16) {
            k->bf16_rows_product(out + m * ld_out, ld_out, from, ld_start, x + m * ldx, ldx, packed, n, K, N);
        } else {
            k->rows_product(out + m * ld_out, ld_out, from, ld_start, x + m * ldx, ldx, packed, n, K, N);
        }
    }
}

void stg_product_forward(const struct stg_product *p, float *y, size_t ldy, const float *x, size_t ldx, size_t M,
                         bool accumulate)
{
    multiply(p->precision, y, ldy, accumulate ? y : NULL, ldy, x, ldx, p->packed, M, p->K, p->N);
}

void stg_product_affine(const struct stg_product *p, float *y, size_t ldy, const float *bias, const float *x,
                        size_t ldx, size_t M)
{
    multiply(p->precision, y, ldy, bias, 0, x, ldx, p->packed, M, p->K, p->N);
}

void stg_product_backward(const struct stg_product *p, float *dx, size_t ldx, const float *dy, size_t ldy, size_t M,
                          bool accumulate)
{
    multiply(p->precision, dx, ldx, accumulate ? dx : NULL, ldx, dy, ldy, p->packed_transposed, M, p->N, p->K);
}

void stg_product_gradient(const struct stg_product *p, float *dw, size_t ldw, const float *x, size_t ldx,
                          const float *dy, size_t ldy, size_t M)
{
    const struct stg_kernels *k = stg_kernels();
    if (p->precision == STG_PRECISION_BF16) {
        k->bf16_weight_gradient(dw, ldw, x, ldx, dy, ldy, M, p->K, p->N);
    } else {
        k->weight_gradient(dw, ldw, x, ldx, dy, ldy, M, p->K, p->N);
    }
}
