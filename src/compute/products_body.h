/* Fast gradients of weights, in float and in bf16. Checked against products_plain.c. */
#ifndef STG_COMPUTE_PRODUCTS_BODY_H
#define STG_COMPUTE_PRODUCTS_BODY_H

#include "compute/kernels_internal.h"
#include "compute/panels_body.h"

enum {
    GRADIENT_ROWS = 192, /* of x and dy that a panel of dw is updated from at once */
    GRADIENT_UNITS =
        VL == 16 ? 96 : 192, /* of these that a tile is: packed dy and what it needs of x stay in the first cache */
    GRADIENT_K = 256,        /* of x packed at once */
    GRADIENT_LDX =
        GRADIENT_K +
        16, /* from row to row of it: not a power of two, whose rows would share few places of the first cache */
    GRADIENT_N = PANEL_VECS * VL, /* of dy */
    GRADIENT_AHEAD = 8            /* rows of dy that are asked for before their turn */
};

/* dw (K, width of a panel) += xᵀ·dy over n units, dy packed: unit (m,k) of x is x[m·ldx + k]. Asks for what a block of
 * dw begins with while the one before is worked on, as dw is often in a far cache. */
INLINE void gradient_panel(const int bf16, const size_t parts, float *dw, size_t ldw, const float *x, size_t ldx,
                           const float *dy, size_t n, size_t K, size_t width)
{
    for (; K >= ROWS; K -= ROWS, dw += ROWS * ldw, x += ROWS) {
        for (size_t r = ROWS; r < 2 * ROWS && r < K; r++) {
            fetch_columns(dw + r * ldw, parts);
        }
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

/* The `width` columns of a panel that exist of n rows of dy, as units. Whole panels are told apart as their width is a
 * constant. Rows stand far apart, so the processor does not see by itself which one comes next. */
INLINE void pack_columns(const int bf16, const size_t parts, float *to, const float *dy, size_t ldy, size_t n,
                         size_t width)
{
    const size_t wide = parts * PART;
    const size_t step = bf16 ? 2 : 1;
    for (size_t m = 0; m < n; m += step, to += wide, dy += step * ldy) {
        for (size_t r = GRADIENT_AHEAD; r < GRADIENT_AHEAD + step && m + r < n; r++) {
            fetch_columns(dy + r * ldy, parts);
        }
        const float *next = m + 1 < n ? dy + ldy : NULL;
        if (!bf16) {
            const struct sums row = load_sums(dy, parts, width);
            store_sums(to, &row, parts, wide);
        } else if (width == wide && next != NULL) {
            pair_up_rows((uint32_t *)(void *)to, dy, next, wide, wide);
        } else {
            pair_up_rows((uint32_t *)(void *)to, dy, next, width, wide);
        }
    }
}

/* dw (K,N) += xᵀ·dy over n rows of dy, at most GRADIENT_ROWS, which are packed panel by panel; of x the units. */
INLINE void gradient_panels(const int bf16, float *dw, size_t ldw, const float *x, size_t ldx, const float *dy,
                            size_t ldy, size_t n, size_t K, size_t N)
{
    float packed[GRADIENT_UNITS * GRADIENT_N] __attribute__((aligned(64)));
    const size_t step = bf16 ? 2 : 1;
    for (size_t n0 = 0, wide = 0; n0 < N; n0 += wide) {
        const size_t parts = panel_parts(N - n0, PANEL_PARTS);
        wide = parts * PART;
        const size_t width = N - n0 < wide ? N - n0 : wide;
        for (size_t m = 0; m < n; m += GRADIENT_UNITS * step) {
            const size_t rows = n - m < GRADIENT_UNITS * step ? n - m : GRADIENT_UNITS * step;
            const size_t units = (rows + step - 1) / step;
            const float *at = x + m / step * ldx;
#define DO(kind)                                                           \
    pack_columns(bf16, kind, packed, dy + m * ldy + n0, ldy, rows, width); \
    gradient_panel(bf16, kind, dw + n0, ldw, at, ldx, packed, units, K, width)
            WITH_PARTS(parts, DO)
#undef DO
        }
    }
}

static void bf16_weight_gradient(float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t ldy,
                                 size_t M, size_t K, size_t N)
{
    float pairs_of_x[GRADIENT_ROWS / 2 * GRADIENT_LDX] __attribute__((aligned(64)));
    for (size_t m = 0; m < M; m += GRADIENT_ROWS) {
        const size_t rows = M - m < GRADIENT_ROWS ? M - m : GRADIENT_ROWS;
        for (size_t k = 0; k < K; k += GRADIENT_K) {
            const size_t k_there = K - k < GRADIENT_K ? K - k : GRADIENT_K;
            for (size_t r = 0; r < rows; r += 2) {
                const float *row = x + (m + r) * ldx + k;
                uint32_t *to = (uint32_t *)(void *)(pairs_of_x + r / 2 * GRADIENT_LDX);
                pair_up_rows(to, row, r + 1 < rows ? row + ldx : NULL, k_there, k_there);
            }
            gradient_panels(1, dw + k * ldw, ldw, pairs_of_x, GRADIENT_LDX, dy + m * ldy, ldy, rows, k_there, N);
        }
    }
}

/* Rows of x are read where they stand: a tile uses half a line of each, and the next tile the other half. */
static void weight_gradient(float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t ldy, size_t M,
                            size_t K, size_t N)
{
    for (size_t m = 0; m < M; m += GRADIENT_ROWS) {
        const size_t rows = M - m < GRADIENT_ROWS ? M - m : GRADIENT_ROWS;
        gradient_panels(0, dw, ldw, x + m * ldx, ldx, dy + m * ldy, ldy, rows, K, N);
    }
}

#endif
