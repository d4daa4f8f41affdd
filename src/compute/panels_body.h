/* Fast products of rows by weights in panels, in float and in bf16. Checked against kernels_plain.c and products_plain.c.
 *
 * bf16 operands go in pairs of neighbours along the dimension that is summed over, because that is what the processor's instruction
 * multiplies: two products and their sum in each 32-bit element. Without the instruction both halves are widened to floats. What is summed
 * over one by one is a unit: a number in float, a pair in bf16. */
#ifndef STG_COMPUTE_PANELS_BODY_H
#define STG_COMPUTE_PANELS_BODY_H

#include "compute/kernels_internal.h"
#include "compute/vector_body.h"

#include <string.h>

/* Weights in panels: PANEL_VECS vectors of columns, and at the end what is left of them. In bf16 narrower ones where the halves that are
 * widened take registers, too, and there are few. */
enum {
    PANEL_VECS = 3,
    BF16_VECS = VL == 16 ? 3 : 2,
    PANEL_DEPTH = 192,     /* units of a panel that stay in the first cache while rows of x pass by */
    PANELS_AT_ONCE = 4,    /* of one row */
    BF16_BUFFER = 1 << 14, /* pairs: rows of x rounded, in the second cache's reach at worst */
};

/* Vectors of the next panel where `columns` are left, `most` wide; one that would be left over is divided with the panel before it, as it
 * would wait for its sums. */
INLINE size_t panel_vecs(size_t columns, size_t most)
{
    const size_t left = (columns + VL - 1) / VL;
    return left == most + 1 ? (left + 1) / 2 : left < most ? left : most;
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

static size_t packed_size(size_t K, size_t N)
{
    return (N + VL - 1) / VL * VL * K;
}

static void pack(float *packed, const float *w, size_t ldw, size_t K, size_t N)
{
    for (size_t n0 = 0, wide = 0; n0 < N; n0 += wide) {
        wide = panel_vecs(N - n0, PANEL_VECS) * VL;
        const size_t width = N - n0 < wide ? N - n0 : wide;
        for (size_t k = 0; k < K; k++, packed += wide) {
            memcpy(packed, w + k * ldw + n0, width * sizeof(float));
            memset(packed + width, 0, (wide - width) * sizeof(float));
        }
    }
}

static void pack_transposed(float *packed, const float *w, size_t ldw, size_t K, size_t N)
{
    for (size_t n0 = 0, wide = 0; n0 < N; n0 += wide) {
        wide = panel_vecs(N - n0, PANEL_VECS) * VL;
        const size_t width = N - n0 < wide ? N - n0 : wide;
        for (size_t k = 0; k < K; k++, packed += wide) {
            for (size_t n = 0; n < wide; n++) {
                packed[n] = n < width ? w[(n0 + n) * ldw + k] : 0.0f;
            }
        }
    }
}

static size_t bf16_packed_size(size_t K, size_t N)
{
    return (N + VL - 1) / VL * VL * ((K + 1) / 2 * 2);
}

/* Within a panel, for each pair of k, the columns' pairs. Element (k,n) of w is w[k·row + n·column]. */
INLINE void bf16_pack_any(uint16_t *packed, const float *w, size_t row, size_t column, size_t K, size_t N)
{
    for (size_t n0 = 0, wide = 0; n0 < N; n0 += wide) {
        wide = panel_vecs(N - n0, BF16_VECS) * VL;
        for (size_t k = 0; k < K; k += 2) {
            for (size_t n = n0; n < n0 + wide; n++, packed += 2) {
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

/* acc + the unit x by the units w. */
INLINE vec add_unit(const int bf16, vec acc, vec x, vec w)
{
    if (bf16) {
        return add_pairs(acc, (pairs)x, (pairs)w);
    }
    return acc + x * w;
}

/* Vector j of vecs of a row of a panel's output: `width` ends in the last of them. */
INLINE vec load_sum(const float *out, size_t j, const size_t vecs, size_t width)
{
    return j + 1 < vecs ? *(const vec *)(out + j * VL) : load_columns(out, j, width);
}

INLINE void store_sum(float *out, size_t j, const size_t vecs, size_t width, vec sum)
{
    if (j + 1 < vecs) {
        *(vec *)(out + j * VL) = sum;
    } else {
        store_columns(out, j, width, sum);
    }
}

/* out (rows, width) = [out +] x·panel over n units; width ends in the last of the panel's vectors. rows and vecs are constants at each call,
 * so that the accumulators stay in registers. */
INLINE void block(const int bf16, const size_t rows, const size_t vecs, float *out, size_t ld_out, const float *x, size_t ldx,
                  const float *panel, size_t n, size_t width, int accumulate)
{
    vec acc[ROWS][PANEL_VECS];
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            acc[r][j] = accumulate ? load_sum(out + r * ld_out, j, vecs, width) : (vec){0};
        }
    }
    for (size_t k = 0; k < n; k++, panel += vecs * VL) {
        vec w[PANEL_VECS];
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            w[j] = *(const vec *)(panel + j * VL);
        }
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            const vec v = spread(x[r * ldx + k]);
            UNROLL
            for (size_t j = 0; j < vecs; j++) {
                acc[r][j] = add_unit(bf16, acc[r][j], v, w[j]);
            }
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            store_sum(out + r * ld_out, j, vecs, width, acc[r][j]);
        }
    }
}

INLINE void block_of(const int bf16, const size_t vecs, size_t rows, float *out, size_t ld_out, const float *x, size_t ldx, const float *panel,
                     size_t n, size_t width, int accumulate)
{
    switch (rows) {
    case 1:
        block(bf16, 1, vecs, out, ld_out, x, ldx, panel, n, width, accumulate);
        break;
    case 2:
        block(bf16, 2, vecs, out, ld_out, x, ldx, panel, n, width, accumulate);
        break;
    case 3:
        block(bf16, 3, vecs, out, ld_out, x, ldx, panel, n, width, accumulate);
        break;
    case 4:
        block(bf16, 4, vecs, out, ld_out, x, ldx, panel, n, width, accumulate);
        break;
#if ROWS >= 8
    case 5:
        block(bf16, 5, vecs, out, ld_out, x, ldx, panel, n, width, accumulate);
        break;
    case 6:
        block(bf16, 6, vecs, out, ld_out, x, ldx, panel, n, width, accumulate);
        break;
    case 7:
        block(bf16, 7, vecs, out, ld_out, x, ldx, panel, n, width, accumulate);
        break;
    case 8:
        block(bf16, 8, vecs, out, ld_out, x, ldx, panel, n, width, accumulate);
        break;
#endif
    default:
        break;
    }
}

/* out (B, width) = [out +] x·panel for n units of a panel. */
INLINE void blocks_of(const int bf16, size_t vecs, float *out, size_t ld_out, const float *x, size_t ldx, const float *panel, size_t B, size_t n,
                      size_t width, int accumulate)
{
    for (size_t b = 0; b < B; b += ROWS, out += ROWS * ld_out, x += ROWS * ldx) {
        const size_t rows = B - b < ROWS ? B - b : ROWS;
        if (vecs == 3) {
            block_of(bf16, 3, rows, out, ld_out, x, ldx, panel, n, width, accumulate);
        } else if (vecs == 2) {
            block_of(bf16, 2, rows, out, ld_out, x, ldx, panel, n, width, accumulate);
        } else {
            block_of(bf16, 1, rows, out, ld_out, x, ldx, panel, n, width, accumulate);
        }
    }
}

/* In a function of their own, so that what stands around them takes no registers. */
static __attribute__((noinline)) void float_blocks(size_t vecs, float *out, size_t ld_out, const float *x, size_t ldx, const float *panel,
                                                   size_t B, size_t n, size_t width, int accumulate)
{
    blocks_of(0, vecs, out, ld_out, x, ldx, panel, B, n, width, accumulate);
}

static __attribute__((noinline)) void bf16_blocks(size_t vecs, float *out, size_t ld_out, const float *x, size_t ldx, const float *panel,
                                                  size_t B, size_t n, size_t width, int accumulate)
{
    blocks_of(1, vecs, out, ld_out, x, ldx, panel, B, n, width, accumulate);
}

/* One row by some panels of vecs vectors, `stride` apart: a single one would wait for its sums, and memory answers several at once. `width`
 * ends in the last vector of the last panel. The order of each sum is that of block(), so a row's result does not depend on how many rows
 * there are. */
INLINE void one_row(const int bf16, const size_t panels, const size_t vecs, float *out, const float *x, const float *panel, size_t stride,
                    size_t n, size_t width, int accumulate)
{
    vec acc[PANELS_AT_ONCE][PANEL_VECS];
    UNROLL
    for (size_t p = 0; p < panels; p++) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            acc[p][j] = accumulate ? load_sum(out, p * vecs + j, panels * vecs, width) : (vec){0};
        }
    }
    for (size_t k = 0; k < n; k++) {
        const vec v = spread(x[k]);
        UNROLL
        for (size_t p = 0; p < panels; p++) {
            UNROLL
            for (size_t j = 0; j < vecs; j++) {
                acc[p][j] = add_unit(bf16, acc[p][j], v, *(const vec *)(panel + p * stride + k * vecs * VL + j * VL));
            }
        }
    }
    UNROLL
    for (size_t p = 0; p < panels; p++) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            store_sum(out, p * vecs + j, panels * vecs, width, acc[p][j]);
        }
    }
}

/* How many panels of that many vectors come next, at most PANELS_AT_ONCE. */
INLINE size_t alike(size_t columns, size_t vecs, size_t most)
{
    size_t n = 1;
    while (n < PANELS_AT_ONCE && columns > n * vecs * VL && panel_vecs(columns - n * vecs * VL, most) == vecs) {
        n++;
    }
    return n;
}

/* One row by the next panels of K units, of which n from `first` on are summed over; returns how many columns are done. */
INLINE size_t panels_of_row(const int bf16, size_t most, float *out, const float *x, const float *panel, size_t K, size_t first, size_t n,
                            size_t columns, int accumulate)
{
    const size_t vecs = panel_vecs(columns, most);
    const size_t panels = alike(columns, vecs, most);
    const size_t wide = panels * vecs * VL;
    const size_t width = columns < wide ? columns : wide;
    const size_t stride = vecs * VL * K;
    panel += first * vecs * VL;
    if (vecs == 3 && panels == 4) {
        one_row(bf16, 4, 3, out, x, panel, stride, n, width, accumulate);
    } else if (vecs == 3 && panels == 3) {
        one_row(bf16, 3, 3, out, x, panel, stride, n, width, accumulate);
    } else if (vecs == 3 && panels == 2) {
        one_row(bf16, 2, 3, out, x, panel, stride, n, width, accumulate);
    } else if (vecs == 3) {
        one_row(bf16, 1, 3, out, x, panel, stride, n, width, accumulate);
    } else if (vecs == 2 && panels == 4) {
        one_row(bf16, 4, 2, out, x, panel, stride, n, width, accumulate);
    } else if (vecs == 2 && panels == 3) {
        one_row(bf16, 3, 2, out, x, panel, stride, n, width, accumulate);
    } else if (vecs == 2 && panels == 2) {
        one_row(bf16, 2, 2, out, x, panel, stride, n, width, accumulate);
    } else if (vecs == 2) {
        one_row(bf16, 1, 2, out, x, panel, stride, n, width, accumulate);
    } else {
        one_row(bf16, 1, 1, out, x, panel, stride, n, width, accumulate);
    }
    return wide;
}

/* out (B,N) = [out +] x (B,n)·packed over n of the K units of each panel, from `first` on. */
INLINE void products(const int bf16, const size_t most, float *out, size_t ld_out, const float *x, size_t ldx, const float *packed, size_t B,
                     size_t K, size_t first, size_t n, size_t N, int accumulate)
{
    const size_t parts = B > ROWS && n > PANEL_DEPTH ? (n + PANEL_DEPTH - 1) / PANEL_DEPTH : 1;
    for (size_t n0 = 0, wide = 0; n0 < N; n0 += wide, packed += wide * K) {
        if (B == 1) {
            wide = panels_of_row(bf16, most, out + n0, x, packed, K, first, n, N - n0, accumulate);
            continue;
        }
        const size_t vecs = panel_vecs(N - n0, most);
        wide = vecs * VL;
        for (size_t part = 0; part < parts; part++) {
            const size_t k = n * part / parts;
            (bf16 ? bf16_blocks : float_blocks)(vecs, out + n0, ld_out, x + k, ldx, packed + (first + k) * wide, B, n * (part + 1) / parts - k,
                                                N - n0 < wide ? N - n0 : wide, accumulate || part > 0);
        }
    }
}

static void rows_product(float *out, size_t ld_out, const float *x, size_t ldx, const float *packed, size_t B, size_t K, size_t N,
                         int accumulate)
{
    products(0, PANEL_VECS, out, ld_out, x, ldx, packed, B, K, 0, K, N, accumulate);
}

static void bf16_rows_product(float *out, size_t ld_out, const float *x, size_t ldx, const uint16_t *packed, size_t B, size_t K, size_t N,
                              int accumulate)
{
    float buffer[BF16_BUFFER] __attribute__((aligned(64)));
    const size_t n_pairs = (K + 1) / 2;
    const size_t depth = n_pairs < BF16_BUFFER / ROWS ? n_pairs : BF16_BUFFER / ROWS; /* pairs summed over at once */
    for (size_t k = 0; k < n_pairs; k += depth) {
        const size_t n = n_pairs - k < depth ? n_pairs - k : depth;
        const size_t rows = BF16_BUFFER / n / ROWS * ROWS;
        for (size_t b = 0; b < B; b += rows) {
            const size_t there = B - b < rows ? B - b : rows;
            bf16_rows(buffer, n, x + b * ldx + 2 * k, ldx, there, K - 2 * k < 2 * n ? K - 2 * k : 2 * n);
            products(1, BF16_VECS, out + b * ld_out, ld_out, buffer, n, (const float *)(const void *)packed, there, n_pairs, k, n,
                     N, accumulate || k > 0);
        }
    }
}

#endif
