/* Fast gradients of weights, in float and in bf16. Checked against products_plain.c. */
#ifndef STG_COMPUTE_PRODUCTS_BODY_H
#define STG_COMPUTE_PRODUCTS_BODY_H

#include "compute/kernels_internal.h"
#include "compute/panels_body.h"

#include <string.h>

enum {
    GRADIENT_ROWS = 192,         /* of x and dy that a tile of dw is updated from at once */
    GRADIENT_K = 256,            /* of x packed at once */
    GRADIENT_N = PANEL_VECS * VL /* of dy */
};

/* Asks for what a block of dw begins with while the one before is worked on, as dw is often in a far cache. */
INLINE void fetch_block(const float *dw, size_t ldw, size_t rows, const size_t parts)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < parts * PART; j += 16) {
            __builtin_prefetch(dw + r * ldw + j, 1, 3);
        }
    }
}

/* dw (K, width of a panel) += xᵀ·dy over n units, dy packed: unit (m,k) of x, k < ROWS, is x[m·ldx + k], and what follows is `next` behind. */
INLINE void gradient_panel(const int bf16, const size_t parts, float *dw, size_t ldw, const float *x, size_t ldx, size_t next, const float *dy,
                           size_t n, size_t K, size_t width)
{
    for (; K >= ROWS; K -= ROWS, dw += ROWS * ldw, x += next) {
        fetch_block(dw + ROWS * ldw, ldw, K - ROWS < ROWS ? K - ROWS : ROWS, parts);
        block(bf16, ROWS, parts, dw, ldw, (struct start){dw, ldw}, x, 1, ldx, dy, n, width);
    }
    if (ROWS > 4 && K >= 4) {
        block(bf16, 4, parts, dw, ldw, (struct start){dw, ldw}, x, 1, ldx, dy, n, width);
        K -= 4, dw += 4 * ldw, x += 4;
    }
    if (K >= 2) {
        block(bf16, 2, parts, dw, ldw, (struct start){dw, ldw}, x, 1, ldx, dy, n, width);
        K -= 2, dw += 2 * ldw, x += 2;
    }
    if (K > 0) {
        block(bf16, 1, parts, dw, ldw, (struct start){dw, ldw}, x, 1, ldx, dy, n, width);
    }
}

INLINE void any_gradient(const int bf16, size_t parts, float *dw, size_t ldw, const float *x, size_t ldx, size_t next, const float *dy, size_t n,
                         size_t K, size_t width)
{
#define DO(kind) gradient_panel(bf16, kind, dw, ldw, x, ldx, next, dy, n, K, width)
    WITH_PARTS(parts, DO)
#undef DO
}

/* from (n, columns) as groups of `width` columns, each (n/2 pairs of rows, width). Returns rows of a group. */
INLINE size_t gradient_pack(float *to, const float *from, size_t ld, size_t n, size_t columns, const size_t width)
{
    for (size_t c = 0; c < columns; c += width) {
        const size_t there = columns - c < width ? columns - c : width;
        for (size_t m = 0; m < n; m += 2, to += width) {
            const float *a = from + m * ld + c;
            pair_up_rows((uint32_t *)(void *)to, a, m + 1 < n ? a + ld : NULL, there, width);
        }
    }
    return (n + 1) / 2;
}

static void bf16_weight_gradient(float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t ldy, size_t M, size_t K,
                                 size_t N)
{
    float x_packed[GRADIENT_ROWS / 2 * GRADIENT_K] __attribute__((aligned(64)));
    float dy_packed[GRADIENT_ROWS / 2 * GRADIENT_N] __attribute__((aligned(64)));
    for (size_t m = 0; m < M; m += GRADIENT_ROWS) {
        const size_t rows = M - m < GRADIENT_ROWS ? M - m : GRADIENT_ROWS;
        for (size_t k = 0; k < K; k += GRADIENT_K) {
            const size_t k_there = K - k < GRADIENT_K ? K - k : GRADIENT_K;
            (void)gradient_pack(x_packed, x + m * ldx + k, ldx, rows, k_there, ROWS);
            for (size_t n0 = 0, wide = 0; n0 < N; n0 += wide) {
                const size_t parts = panel_parts(N - n0, PANEL_PARTS);
                wide = parts * PART;
                const size_t width = N - n0 < wide ? N - n0 : wide;
                const size_t n = gradient_pack(dy_packed, dy + m * ldy + n0, ldy, rows, width, wide);
                any_gradient(1, parts, dw + k * ldw + n0, ldw, x_packed, ROWS, n * ROWS, dy_packed, n, k_there, width);
            }
        }
    }
}

/* Rows of x are read where they stand: a tile uses half a line of each, and the next tile the other half. */
static void weight_gradient(float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t ldy, size_t M, size_t K, size_t N)
{
    float packed[GRADIENT_ROWS * GRADIENT_N] __attribute__((aligned(64)));
    for (size_t m = 0; m < M; m += GRADIENT_ROWS, x += GRADIENT_ROWS * ldx, dy += GRADIENT_ROWS * ldy) {
        const size_t rows = M - m < GRADIENT_ROWS ? M - m : GRADIENT_ROWS;
        for (size_t n0 = 0, wide = 0; n0 < N; n0 += wide) {
            const size_t parts = panel_parts(N - n0, PANEL_PARTS);
            wide = parts * PART;
            const size_t width = N - n0 < wide ? N - n0 : wide;
            for (size_t r = 0; r < rows; r++) {
                for (size_t j = 0; j < parts; j++) {
                    const size_t there = width <= j * PART ? 0 : width - j * PART < PART ? width - j * PART : PART;
                    *(part *)(packed + r * wide + j * PART) = load_part(dy + r * ldy + n0 + j * PART, there);
                }
            }
            any_gradient(0, parts, dw + n0, ldw, x, ldx, ROWS, packed, rows, K, width);
        }
    }
}

#endif
