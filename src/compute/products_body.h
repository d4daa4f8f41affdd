/* Fast products in bf16 and gradients of weights. Checked against products_plain.c.
 *
 * bf16 operands go in pairs of neighbours along the dimension that is summed over, because that is what the processor's instruction
 * multiplies: two products and their sum in each 32-bit element. Without the instruction both halves are widened to floats. */
#ifndef STG_COMPUTE_PRODUCTS_BODY_H
#define STG_COMPUTE_PRODUCTS_BODY_H

#include "compute/kernels_internal.h"
#include "compute/vector_body.h"

#include <string.h>

enum {
    BF16_PANEL = 2 * VL,
    BF16_BUFFER = 1 << 14, /* pairs: rows of x rounded, in the second cache's reach at worst */
    GRADIENT_ROWS = 192,   /* of x and dy that a tile of dw is updated from at once */
    GRADIENT_K = 256,      /* of x packed at once */
    GRADIENT_N = 3 * VL    /* of dy */
};

/* Weights in panels: PANEL_VECS vectors of columns, and at the end what is left of them. */
enum {
    PANEL_VECS = 3,
    PANEL = PANEL_VECS * VL,
    PANEL_DEPTH = 192 /* rows of a panel that stay in the first cache while rows of x pass by */
};

/* Vectors of the next panel where `columns` are left; four make two and two, as one would wait for its sums. */
INLINE size_t panel_vecs(size_t columns)
{
    const size_t left = (columns + VL - 1) / VL;
    return left == 4 ? 2 : left < PANEL_VECS ? left : PANEL_VECS;
}

static void to_bf16(uint16_t *restrict y, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = stg_to_bf16(x[i]);
    }
}

static void from_bf16(float *restrict y, const uint16_t *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = stg_from_bf16(x[i]);
    }
}

static size_t bf16_packed_size(size_t K, size_t N)
{
    return (N + BF16_PANEL - 1) / BF16_PANEL * BF16_PANEL * ((K + 1) / 2 * 2);
}

/* Panels of BF16_PANEL columns; within a panel, for each pair of k, the columns' pairs. Element (k,n) of w is w[k·row + n·column]. */
INLINE void bf16_pack_any(uint16_t *packed, const float *w, size_t row, size_t column, size_t K, size_t N)
{
    for (size_t n0 = 0; n0 < N; n0 += BF16_PANEL) {
        for (size_t k = 0; k < K; k += 2) {
            for (size_t n = n0; n < n0 + BF16_PANEL; n++, packed += 2) {
                packed[0] = n < N ? stg_to_bf16(w[k * row + n * column]) : 0;
                packed[1] = n < N && k + 1 < K ? stg_to_bf16(w[(k + 1) * row + n * column]) : 0;
            }
        }
    }
}

static void bf16_pack(uint16_t *packed, const float *w, size_t ldw, size_t K, size_t N)
{
    bf16_pack_any(packed, w, ldw, 1, K, N);
}

static void bf16_pack_transposed(uint16_t *packed, const float *w, size_t ldw, size_t K, size_t N)
{
    bf16_pack_any(packed, w, 1, ldw, K, N);
}

/* Rows of x (n, K), rounded, as pairs: element (r,k) in the pair r·stride + k/2. An odd K gets a zero neighbour. */
static void bf16_rows(float *to, size_t stride, const float *x, size_t ldx, size_t n, size_t K)
{
    for (size_t r = 0; r < n; r++) {
        uint16_t *row = (uint16_t *)(void *)(to + r * stride);
        size_t k = 0;
#if HAS_BF16
        for (; k + 2 * VL <= K; k += 2 * VL) {
            *(pairs *)(row + k) = neighbours(*(const vec *)(x + r * ldx + k), *(const vec *)(x + r * ldx + k + VL));
        }
#endif
        to_bf16(row + k, x + r * ldx + k, K - k);
        if (K % 2 != 0) {
            row[K] = 0;
        }
    }
}

/* out (rows, width <= BF16_PANEL) = [out +] x·panel; x: rows of n pairs, n apart. rows is a constant at each call. */
INLINE void bf16_block(const size_t rows, float *out, size_t ld_out, const float *x, const float *panel, size_t n, size_t width,
                       int accumulate)
{
    float narrow[ROWS * BF16_PANEL];
    float *to = width < BF16_PANEL ? narrow : out;
    const size_t ld = width < BF16_PANEL ? BF16_PANEL : ld_out;
    vec acc[ROWS][2];
    for (size_t r = 0; r < rows && accumulate && width < BF16_PANEL; r++) {
        memset(narrow + r * BF16_PANEL, 0, BF16_PANEL * sizeof(float));
        memcpy(narrow + r * BF16_PANEL, out + r * ld_out, width * sizeof(float));
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        acc[r][0] = accumulate ? *(const vec *)(to + r * ld) : (vec){0};
        acc[r][1] = accumulate ? *(const vec *)(to + r * ld + VL) : (vec){0};
    }
    for (size_t k = 0; k < n; k++, panel += BF16_PANEL) {
        const pairs w0 = *(const pairs *)panel;
        const pairs w1 = *(const pairs *)(panel + VL);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            const pairs v = (pairs)spread(x[r * n + k]);
            acc[r][0] = add_pairs(acc[r][0], v, w0);
            acc[r][1] = add_pairs(acc[r][1], v, w1);
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        *(vec *)(to + r * ld) = acc[r][0];
        *(vec *)(to + r * ld + VL) = acc[r][1];
    }
    for (size_t r = 0; r < rows && width < BF16_PANEL; r++) {
        memcpy(out + r * ld_out, narrow + r * BF16_PANEL, width * sizeof(float));
    }
}

/* Whole groups of rows with the wide block, the rest with the narrowest ones that hold them. */
static void bf16_panel(float *out, size_t ld_out, const float *x, const float *panel, size_t rows, size_t n, size_t width,
                       int accumulate)
{
    while (rows > 0) {
        size_t done = 1;
        if (rows >= ROWS) {
            done = ROWS;
            bf16_block(ROWS, out, ld_out, x, panel, n, width, accumulate);
        } else if (rows >= 4) {
            done = 4;
            bf16_block(4, out, ld_out, x, panel, n, width, accumulate);
        } else if (rows >= 2) {
            done = 2;
            bf16_block(2, out, ld_out, x, panel, n, width, accumulate);
        } else {
            bf16_block(1, out, ld_out, x, panel, n, width, accumulate);
        }
        out += done * ld_out;
        x += done * n;
        rows -= done;
    }
}

/* One row by four panels, panel_stride apart, as block_of_one_row() does. */
static void bf16_one_row(float *out, const float *x, const float *panels, size_t panel_stride, size_t n, int accumulate)
{
    vec acc[4][2];
    UNROLL
    for (size_t p = 0; p < 4; p++) {
        acc[p][0] = accumulate ? *(const vec *)(out + p * BF16_PANEL) : (vec){0};
        acc[p][1] = accumulate ? *(const vec *)(out + p * BF16_PANEL + VL) : (vec){0};
    }
    for (size_t k = 0; k < n; k++) {
        const pairs v = (pairs)spread(x[k]);
        UNROLL
        for (size_t p = 0; p < 4; p++) {
            const float *w = panels + p * panel_stride + k * BF16_PANEL;
            acc[p][0] = add_pairs(acc[p][0], v, *(const pairs *)w);
            acc[p][1] = add_pairs(acc[p][1], v, *(const pairs *)(w + VL));
        }
    }
    UNROLL
    for (size_t p = 0; p < 4; p++) {
        *(vec *)(out + p * BF16_PANEL) = acc[p][0];
        *(vec *)(out + p * BF16_PANEL + VL) = acc[p][1];
    }
}

static void bf16_rows_product(float *out, size_t ld_out, const float *x, size_t ldx, const uint16_t *packed, size_t B, size_t K, size_t N,
                              int accumulate)
{
    float buffer[BF16_BUFFER] __attribute__((aligned(64)));
    const size_t n_pairs = (K + 1) / 2;
    const size_t depth = n_pairs < BF16_BUFFER / ROWS ? n_pairs : BF16_BUFFER / ROWS; /* pairs summed over at once */
    for (size_t k = 0; k < n_pairs; k += depth) {
        const size_t n = n_pairs - k < depth ? n_pairs - k : depth;
        const size_t most = BF16_BUFFER / n / ROWS * ROWS;
        for (size_t b = 0; b < B; b += most) {
            const size_t rows = B - b < most ? B - b : most;
            bf16_rows(buffer, n, x + b * ldx + 2 * k, ldx, rows, K - 2 * k < 2 * n ? K - 2 * k : 2 * n);
            const float *panel = (const float *)(const void *)packed + k * BF16_PANEL;
            size_t n0 = 0;
            for (; rows == 1 && n0 + 4 * BF16_PANEL <= N; n0 += 4 * BF16_PANEL, panel += 4 * n_pairs * BF16_PANEL) {
                bf16_one_row(out + b * ld_out + n0, buffer, panel, n_pairs * BF16_PANEL, n, accumulate || k > 0);
            }
            for (; n0 < N; n0 += BF16_PANEL, panel += n_pairs * BF16_PANEL) {
                const size_t width = N - n0 < BF16_PANEL ? N - n0 : BF16_PANEL;
                bf16_panel(out + b * ld_out + n0, ld_out, buffer, panel, rows, n, width, accumulate || k > 0);
            }
        }
    }
}

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
            const size_t vecs = panel_vecs(N - n0);
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
