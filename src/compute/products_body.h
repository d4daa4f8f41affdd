/* Fast gradients of weights, in float and in bf16. Checked against products_plain.c. */
#ifndef STG_COMPUTE_PRODUCTS_BODY_H
#define STG_COMPUTE_PRODUCTS_BODY_H

#include "compute/kernels_internal.h"
#include "compute/panels_body.h"

#include <string.h>

enum {
    GRADIENT_ROWS = 192,   /* of x and dy that a tile of dw is updated from at once */
    GRADIENT_K = 256,      /* of x packed at once */
    GRADIENT_N = 3 * VL    /* of dy */
};

/* c (rows, width) += xᵀ·dy: element r of row m of x at x[m·ldx + r], rows of dy packed, ld_dy apart; width ends in the last of the vectors. */
INLINE void gradient_tile(const int bf16, const size_t rows, const size_t vecs, float *c, size_t ldc, const float *x, size_t ldx, const float *dy,
                          const size_t ld_dy, size_t n, size_t width)
{
    vec acc[ROWS][3];
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            acc[r][j] = j + 1 < vecs ? *(const vec *)(c + r * ldc + j * VL) : load_columns(c + r * ldc, j, width);
        }
    }
    for (size_t m = 0; m < n; m++, x += ldx, dy += ld_dy) {
        vec w[3];
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            w[j] = *(const vec *)(dy + j * VL);
        }
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            const vec v = spread(x[r]);
            UNROLL
            for (size_t j = 0; j < vecs; j++) {
                if (bf16) {
                    acc[r][j] = add_pairs(acc[r][j], (pairs)v, (pairs)w[j]);
                } else {
                    acc[r][j] += v * w[j];
                }
            }
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            if (j + 1 < vecs) {
                *(vec *)(c + r * ldc + j * VL) = acc[r][j];
            } else {
                store_columns(c + r * ldc, j, width, acc[r][j]);
            }
        }
    }
}

/* The same in bf16 for a tile of packed x (n, ROWS) of which only rows and columns exist. */
static __attribute__((noinline)) void gradient_edge(float *c, size_t ldc, const float *x, const float *dy, size_t n, size_t rows,
                                                    size_t columns)
{
    float whole[ROWS * GRADIENT_N] = {0};
    const size_t vecs = (columns + VL - 1) / VL;
    if (vecs == 1) {
        gradient_tile(1, ROWS, 1, whole, GRADIENT_N, x, ROWS, dy, GRADIENT_N, n, VL);
    } else if (vecs == 2) {
        gradient_tile(1, ROWS, 2, whole, GRADIENT_N, x, ROWS, dy, GRADIENT_N, n, 2 * VL);
    } else {
        gradient_tile(1, ROWS, 3, whole, GRADIENT_N, x, ROWS, dy, GRADIENT_N, n, GRADIENT_N);
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < columns; j++) {
            c[r * ldc + j] += whole[r * GRADIENT_N + j];
        }
    }
}

#if HAS_BF16
/* Two rows of `width` elements as pairs. */
INLINE void pair_rows(float *to, const float *a, const float *b, const size_t width)
{
    if (width == VL / 2) {
        const __m256i both = (__m256i)_mm256_cvtne2ps_pbh(_mm256_loadu_ps(b), _mm256_loadu_ps(a));
        const __m256i order = _mm256_setr_epi16(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
        _mm256_storeu_si256((__m256i *)(void *)to, _mm256_permutexvar_epi16(order, both));
        return;
    }
    UNROLL
    for (size_t j = 0; j < width; j += VL) {
        *(pairs *)(to + j) = pair(*(const vec *)(a + j), *(const vec *)(b + j));
    }
}
#endif

/* One row of `width` elements, of which `there` exist: a and its neighbour b (NULL: zeros). */
INLINE void gradient_pack_row(float *to, const float *a, const float *b, size_t there, const size_t width)
{
    uint32_t *bits = (uint32_t *)(void *)to;
    if (there > width) {
        there = width;
    }
    for (size_t j = there; j < width; j++) {
        bits[j] = 0;
    }
#if HAS_BF16
    if (there == width && b != NULL) {
        pair_rows(to, a, b, width);
        return;
    }
#endif
    for (size_t j = 0; j < there; j++) {
        bits[j] = stg_to_bf16(a[j]) | (b == NULL ? 0 : (uint32_t)stg_to_bf16(b[j]) << 16);
    }
}

/* from (n, columns) into groups of `width` columns, each (n/2 pairs of rows, width). Returns rows of a group. */
INLINE size_t gradient_pack(float *to, const float *from, size_t ld, size_t n, size_t columns, const size_t width)
{
    for (size_t c = 0; c < columns; c += width) {
        for (size_t m = 0; m < n; m += 2, to += width) {
            const float *a = from + m * ld + c;
            const float *b = m + 1 < n ? a + ld : NULL;
            if (columns - c >= width && b != NULL) {
                gradient_pack_row(to, a, b, width, width);
            } else {
                gradient_pack_row(to, a, b, columns - c, width);
            }
        }
    }
    return (n + 1) / 2;
}

static void bf16_weight_gradient(float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t ldy, size_t M, size_t K,
                                 size_t N)
{
    float x_packed[GRADIENT_ROWS * GRADIENT_K] __attribute__((aligned(64)));
    float dy_packed[GRADIENT_ROWS * GRADIENT_N] __attribute__((aligned(64)));
    for (size_t m = 0; m < M; m += GRADIENT_ROWS) {
        const size_t rows = M - m < GRADIENT_ROWS ? M - m : GRADIENT_ROWS;
        for (size_t k0 = 0; k0 < K; k0 += GRADIENT_K) {
            const size_t k_there = K - k0 < GRADIENT_K ? K - k0 : GRADIENT_K;
            (void)gradient_pack(x_packed, x + m * ldx + k0, ldx, rows, k_there, ROWS);
            for (size_t n0 = 0; n0 < N; n0 += GRADIENT_N) {
                const size_t n_there = N - n0 < GRADIENT_N ? N - n0 : GRADIENT_N;
                const size_t n = gradient_pack(dy_packed, dy + m * ldy + n0, ldy, rows, n_there, GRADIENT_N);
                for (size_t k = 0; k < k_there; k += ROWS) {
                    float *c = dw + (k0 + k) * ldw + n0;
                    if (k_there - k >= ROWS && n_there == GRADIENT_N) {
                        gradient_tile(1, ROWS, 3, c, ldw, x_packed + k * n, ROWS, dy_packed, GRADIENT_N, n, GRADIENT_N);
                    } else {
                        gradient_edge(c, ldw, x_packed + k * n, dy_packed, n, k_there - k < ROWS ? k_there - k : ROWS, n_there);
                    }
                }
            }
        }
    }
}

/* dw (K, width of vecs vectors) += xᵀ·dy, dy packed. Rows of x are read where they stand: a tile uses half a line of each, and the next tile
 * the other half. */
INLINE void gradient_panel(const size_t vecs, float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t n, size_t K, size_t width)
{
    for (; K >= ROWS; K -= ROWS, dw += ROWS * ldw, x += ROWS) {
        gradient_tile(0, ROWS, vecs, dw, ldw, x, ldx, dy, vecs * VL, n, width);
    }
    if (ROWS > 4 && K >= 4) {
        gradient_tile(0, 4, vecs, dw, ldw, x, ldx, dy, vecs * VL, n, width);
        K -= 4, dw += 4 * ldw, x += 4;
    }
    if (K >= 2) {
        gradient_tile(0, 2, vecs, dw, ldw, x, ldx, dy, vecs * VL, n, width);
        K -= 2, dw += 2 * ldw, x += 2;
    }
    if (K > 0) {
        gradient_tile(0, 1, vecs, dw, ldw, x, ldx, dy, vecs * VL, n, width);
    }
}

static void weight_gradient(float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t ldy, size_t M, size_t K, size_t N)
{
    float packed[GRADIENT_ROWS * GRADIENT_N] __attribute__((aligned(64)));
    for (size_t m = 0; m < M; m += GRADIENT_ROWS, x += GRADIENT_ROWS * ldx, dy += GRADIENT_ROWS * ldy) {
        const size_t rows = M - m < GRADIENT_ROWS ? M - m : GRADIENT_ROWS;
        for (size_t n0 = 0, wide = 0; n0 < N; n0 += wide) {
            const size_t vecs = panel_vecs(N - n0, PANEL_VECS);
            wide = vecs * VL;
            const size_t width = N - n0 < wide ? N - n0 : wide;
            for (size_t r = 0; r < rows; r++) {
                for (size_t j = 0; j < vecs; j++) {
                    *(vec *)(packed + r * wide + j * VL) = load_columns(dy + r * ldy + n0, j, width);
                }
            }
            if (vecs == 3) {
                gradient_panel(3, dw + n0, ldw, x, ldx, packed, rows, K, width);
            } else if (vecs == 2) {
                gradient_panel(2, dw + n0, ldw, x, ldx, packed, rows, K, width);
            } else {
                gradient_panel(1, dw + n0, ldw, x, ldx, packed, rows, K, width);
            }
        }
    }
}

#endif
