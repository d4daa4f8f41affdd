/* Fast gradients of weights, in float and in bf16. Checked against products_plain.c. */
#ifndef STG_COMPUTE_PRODUCTS_BODY_H
#define STG_COMPUTE_PRODUCTS_BODY_H

#include "compute/kernels_internal.h"
#include "compute/panels_body.h"

#include <stdbool.h>

enum {
    GRADIENT_ROWS = 384,      /* of x and dy that a panel of dw is updated from at once */
    GRADIENT_BF16_ROWS = 192, /* of x packed at once in bf16 */
    GRADIENT_UNITS =
        VL == 16 ? 96 : 192, /* of these that a tile is: packed dy and what it needs of x stay in the first cache */
    GRADIENT_K = 256,        /* of x that a panel of sums is of, and packed at once in bf16 */
    GRADIENT_LDX =
        GRADIENT_K +
        16, /* from row to row of it: not a power of two, whose rows would share few places of the first cache */
    GRADIENT_N = PANEL_VECS * VL, /* of dy */
    GRADIENT_AHEAD = 8            /* rows of dy and of dw that are asked for before their turn */
};

/* Rows of dy that are packed next: of them, a panel's columns. */
struct coming {
    const float *dy;
    size_t ldy, n;
};

/* Asks for some of them, into the second cache. */
INLINE void fetch_coming(struct coming *c, const size_t parts, size_t rows)
{
    for (; rows > 0 && c->n > 0; rows--, c->n--, c->dy += c->ldy) {
        for (size_t j = 0; j < parts * PART; j += 16) {
            __builtin_prefetch(c->dy + j, 0, 2);
        }
    }
}

/* sums (K, a panel) = start + xᵀ·dy over n units, dy packed: unit (m,k) of x is x[m·ldx + k]. Asks for the rows that
 * come next meanwhile, as they are in a far cache and too far apart for the processor to foresee. */
INLINE void gradient_panel(const int bf16, const size_t parts, float *sums, struct start start, const float *x,
                           size_t ldx, const float *dy, size_t n, size_t K, struct coming coming)
{
    const size_t wide = parts * PART;
    const size_t at_once = K < ROWS ? coming.n : (coming.n * ROWS + K - 1) / K;
    for (; K >= ROWS; K -= ROWS, sums += ROWS * wide, start = further(start, ROWS * wide), x += ROWS) {
        fetch_coming(&coming, parts, at_once);
        block(bf16, ROWS, parts, sums, wide, start, x, 1, ldx, dy, n, wide);
    }
    if (ROWS > 4 && K >= 4) {
        block(bf16, 4, parts, sums, wide, start, x, 1, ldx, dy, n, wide);
        K -= 4, sums += 4 * wide, start = further(start, 4 * wide), x += 4;
    }
    if (K >= 2) {
        block(bf16, 2, parts, sums, wide, start, x, 1, ldx, dy, n, wide);
        K -= 2, sums += 2 * wide, start = further(start, 2 * wide), x += 2;
    }
    if (K > 0) {
        block(bf16, 1, parts, sums, wide, start, x, 1, ldx, dy, n, wide);
    }
}

/* dw (K, width of a panel) += sums (K, a panel); dw is often in a far cache. */
INLINE void add_panel(const size_t parts, float *dw, size_t ldw, const float *sums, size_t K, size_t width)
{
    for (size_t k = 0; k < K; k++, dw += ldw, sums += parts * PART) {
        if (k + GRADIENT_AHEAD < K) {
            fetch_columns(dw + GRADIENT_AHEAD * ldw, parts);
        }
        struct sums row = load_sums(dw, parts, width);
        const struct sums more = load_units(sums, parts);
        UNROLL
        for (size_t j = 0; j < parts / PARTS; j++) {
            row.whole[j] += more.whole[j];
        }
        row.rest += more.rest;
        store_sums(dw, &row, parts, width);
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

/* dw (K, width of a panel) += xᵀ·dy over n rows of dy, which are packed some at a time; of x the units. K is at most
 * GRADIENT_K. What they add up to stands by itself until the end: rows of dw are far apart, often by a power of two, so
 * tiles of it would drive each other out of the first cache. */
INLINE void gradient_columns(const int bf16, const size_t parts, float *dw, size_t ldw, const float *x, size_t ldx,
                             const float *dy, size_t ldy, size_t n, size_t K, size_t width, bool last)
{
    float packed[GRADIENT_UNITS * GRADIENT_N] __attribute__((aligned(64)));
    float sums[GRADIENT_K * GRADIENT_N] __attribute__((aligned(64)));
    const size_t step = bf16 ? 2 : 1;
    for (size_t m = 0; m < n; m += GRADIENT_UNITS * step) {
        const size_t rows = n - m < GRADIENT_UNITS * step ? n - m : GRADIENT_UNITS * step;
        const struct start start = {m == 0 ? NULL : sums, m == 0 ? 0 : parts * PART};
        const size_t next = m + rows < n ? m + rows : 0;
        const size_t left = n - next < GRADIENT_UNITS * step ? n - next : GRADIENT_UNITS * step;
        const struct coming coming = {dy + next * ldy + (next == 0 ? parts * PART : 0), ldy,
                                      next == 0 && last ? 0 : left};
        pack_columns(bf16, parts, packed, dy + m * ldy, ldy, rows, width);
        gradient_panel(bf16, parts, sums, start, x + m / step * ldx, ldx, packed, (rows + step - 1) / step, K, coming);
    }
    add_panel(parts, dw, ldw, sums, K, width);
}

/* dw (K,N) += xᵀ·dy over n rows of dy; of x the units. K is at most GRADIENT_K. */
INLINE void gradient_panels(const int bf16, float *dw, size_t ldw, const float *x, size_t ldx, const float *dy,
                            size_t ldy, size_t n, size_t K, size_t N)
{
    for (size_t n0 = 0, wide = 0; n0 < N; n0 += wide) {
        const size_t parts = panel_parts(N - n0, PANEL_PARTS);
        wide = parts * PART;
        const size_t width = N - n0 < wide ? N - n0 : wide;
#define DO(kind) gradient_columns(bf16, kind, dw + n0, ldw, x, ldx, dy + n0, ldy, n, K, width, n0 + wide >= N)
        WITH_PARTS(parts, DO)
#undef DO
    }
}

static void bf16_weight_gradient(float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t ldy,
                                 size_t M, size_t K, size_t N)
{
    float pairs_of_x[GRADIENT_BF16_ROWS / 2 * GRADIENT_LDX] __attribute__((aligned(64)));
    for (size_t m = 0; m < M; m += GRADIENT_BF16_ROWS) {
        const size_t rows = M - m < GRADIENT_BF16_ROWS ? M - m : GRADIENT_BF16_ROWS;
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
    const size_t blocks = K > GRADIENT_K ? (K + GRADIENT_K - 1) / GRADIENT_K : 1; /* equal, but of whole tiles */
    const size_t at_once = ((K + blocks - 1) / blocks + ROWS - 1) / ROWS * ROWS;
    for (size_t m = 0; m < M; m += GRADIENT_ROWS) {
        const size_t rows = M - m < GRADIENT_ROWS ? M - m : GRADIENT_ROWS;
        for (size_t k = 0; k < K; k += at_once) {
            gradient_panels(0, dw + k * ldw, ldw, x + m * ldx + k, ldx, dy + m * ldy, ldy, rows,
                            K - k < at_once ? K - k : at_once, N);
        }
    }
}

#endif
