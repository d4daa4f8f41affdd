/* Fast products of rows by weights in panels, in float and in bf16. Checked against kernels_plain.c and
 * products_plain.c.
 *
 * bf16 operands go in pairs of neighbours along the dimension that is summed over, because that is what the processor's
 * instruction multiplies: two products and their sum in each 32-bit element. Without the instruction both halves are
 * widened to floats. What is summed over one by one is a unit: a number in float, a pair in bf16. */
#ifndef STG_COMPUTE_PANELS_BODY_H
#define STG_COMPUTE_PANELS_BODY_H

#include "compute/kernels_internal.h"
#include "compute/vector_body.h"

#include <string.h>

/* Weights in panels: PANEL_VECS vectors of columns at most, counted in parts. In bf16 narrower ones where the halves
 * that are widened take registers, too, and there are few. */
enum {
    PANEL_VECS = 3,
    PANEL_PARTS = PANEL_VECS * PARTS,
    BF16_PARTS = VL == 16 ? PANEL_PARTS : 2,
    PANEL_DEPTH = 192,     /* units of a panel that stay in the first cache while rows of x pass by */
    PANELS_AT_ONCE = 4,    /* of one row */
    BF16_BUFFER = 1 << 14, /* pairs: rows of x rounded, in the second cache's reach at worst */
    UNITS_AHEAD = 16,      /* units of x that are asked for before their turn where each stands in a row of its own */
};

/* Parts of the next panel where `columns` are left, `most` wide: the widest one of as few as there can be, all as wide
 * as the others or a part less, as a narrow one would wait for its sums. Narrow ones have whole vectors, so that there
 * are fewer kinds. */
INLINE size_t panel_parts(size_t columns, size_t most)
{
    const size_t left = (columns + PART - 1) / PART;
    const size_t panels = (left + most - 1) / most;
    const size_t parts = (left + panels - 1) / panels;
    return parts % PARTS != 0 && parts < PANEL_PARTS - 1 ? parts + 1 : parts;
}

/* DO(parts) with the parts of a panel as a constant: all that panel_parts() gives. */
#if VL == 16
#define WITH_PARTS(parts, DO) \
    switch (parts) {          \
    case 2:                   \
        DO(2);                \
        break;                \
    case 4:                   \
        DO(4);                \
        break;                \
    case 5:                   \
        DO(5);                \
        break;                \
    case 6:                   \
        DO(6);                \
        break;                \
    default:                  \
        break;                \
    }
#else
#define WITH_PARTS(parts, DO) \
    switch (parts) {          \
    case 1:                   \
        DO(1);                \
        break;                \
    case 2:                   \
        DO(2);                \
        break;                \
    case 3:                   \
        DO(3);                \
        break;                \
    default:                  \
        break;                \
    }
#endif

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
        wide = panel_parts(N - n0, PANEL_PARTS) * PART;
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
        wide = panel_parts(N - n0, PANEL_PARTS) * PART;
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

#if HAS_BF16
/* At most 2·VL neighbours in a row as pairs; an odd last one gets zero. */
INLINE void pair_some(float *to, const float *x, size_t n)
{
    const size_t first = n < VL ? n : VL;
    store_columns(to, 0, (n + 1) / 2,
                  (vec)neighbours(load_columns(x, 0, first), load_columns(x + first, 0, n - first)));
}
#endif

/* Rows of x (n, K), rounded, as pairs: element (r,k) in the pair r·stride + k/2. An odd K gets a zero neighbour. */
static void bf16_rows(float *to, size_t stride, const float *x, size_t ldx, size_t n, size_t K)
{
    for (size_t r = 0; r < n; r++, to += stride, x += ldx) {
#if HAS_BF16
        for (size_t k = 0; k < K; k += 2 * VL) {
            pair_some(to + k / 2, x + k, K - k < 2 * VL ? K - k : 2 * VL);
        }
#else
        uint16_t *row = (uint16_t *)(void *)to;
        to_bf16(row, x, K);
        if (K % 2 != 0) {
            row[K] = 0;
        }
#endif
    }
}

#if HAS_BF16
/* Two rows of n elements as pairs; n is a multiple of PART. */
INLINE void pair_rows(float *to, const float *a, const float *b, size_t n)
{
    size_t j = 0;
    for (; j + VL <= n; j += VL) {
        *(pairs *)(to + j) = pair(*(const vec *)(a + j), *(const vec *)(b + j));
    }
    if (j < n) {
        const __m256i both = (__m256i)_mm256_cvtne2ps_pbh(_mm256_loadu_ps(b + j), _mm256_loadu_ps(a + j));
        const __m256i order = _mm256_setr_epi16(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
        _mm256_storeu_si256((__m256i *)(void *)(to + j), _mm256_permutexvar_epi16(order, both));
    }
}
#endif

/* The row a of `there` elements and its neighbour b (NULL: zeros) as pairs, and zeros up to `width`, a multiple of
 * PART. */
INLINE void pair_up_rows(uint32_t *to, const float *a, const float *b, size_t there, size_t width)
{
    size_t j = 0;
#if HAS_BF16
    if (b != NULL) {
        j = there / PART * PART;
        pair_rows((float *)(void *)to, a, b, j);
    }
#endif
    for (; j < there; j++) {
        to[j] = stg_to_bf16(a[j]) | (b == NULL ? 0 : (uint32_t)stg_to_bf16(b[j]) << 16);
    }
    for (; j < width; j++) {
        to[j] = 0;
    }
}

/* Within a panel, for each pair of k, the columns' pairs; of w (K,N). */
static void bf16_pack(uint16_t *packed, const float *w, size_t ldw, size_t K, size_t N)
{
    uint32_t *to = (uint32_t *)(void *)packed;
    for (size_t n0 = 0, wide = 0; n0 < N; n0 += wide) {
        wide = panel_parts(N - n0, BF16_PARTS) * PART;
        for (size_t k = 0; k < K; k += 2, to += wide) {
            const float *row = w + k * ldw + n0;
            pair_up_rows(to, row, k + 1 < K ? row + ldw : NULL, N - n0 < wide ? N - n0 : wide, wide);
        }
    }
}

/* Of w (N,K) transposed: a few of its rows are rounded, then written as columns. */
static void bf16_pack_transposed(uint16_t *packed, const float *w, size_t ldw, size_t K, size_t N)
{
    enum { DEPTH = 256 };
    float rounded[PANEL_VECS * VL * DEPTH] __attribute__((aligned(64)));
    float *to = (float *)(void *)packed;
    for (size_t n0 = 0, wide = 0; n0 < N; n0 += wide) {
        wide = panel_parts(N - n0, BF16_PARTS) * PART;
        const size_t width = N - n0 < wide ? N - n0 : wide;
        memset(rounded + width * DEPTH, 0, (wide - width) * DEPTH * sizeof(float));
        for (size_t k = 0; k < K; k += 2 * DEPTH) {
            const size_t n = K - k < 2 * DEPTH ? K - k : 2 * DEPTH;
            bf16_rows(rounded, DEPTH, w + n0 * ldw + k, ldw, width, n);
            for (size_t i = 0; i < (n + 1) / 2; i++, to += wide) {
                for (size_t j = 0; j < wide; j++) {
                    to[j] = rounded[j * DEPTH + i];
                }
            }
        }
    }
}

/* Sums of a row of a panel: whole vectors, and the part behind them. `parts` is a constant wherever it is passed, so
 * that sums stay in registers. `width` columns exist of the panel: it ends in its last vector or part. */
struct sums {
    vec whole[PANEL_VECS];
    part rest;
};

/* Vectors of a panel, the last of which may be a part. */
INLINE size_t panel_vecs(const size_t parts)
{
    return (parts + PARTS - 1) / PARTS;
}

INLINE struct sums load_sums(const float *x, const size_t parts, size_t width)
{
    struct sums s;
    UNROLL
    for (size_t j = 0; j < parts / PARTS; j++) {
        s.whole[j] = j + 1 < panel_vecs(parts) ? *(const vec *)(x + j * VL) : load_columns(x, j, width);
    }
    s.rest = parts % PARTS != 0 ? load_part(x + parts / PARTS * VL, width - parts / PARTS * VL) : (part){0};
    return s;
}

INLINE void store_sums(float *x, const struct sums *s, const size_t parts, size_t width)
{
    UNROLL
    for (size_t j = 0; j < parts / PARTS; j++) {
        if (j + 1 < panel_vecs(parts)) {
            *(vec *)(x + j * VL) = s->whole[j];
        } else {
            store_columns(x, j, width, s->whole[j]);
        }
    }
    if (parts % PARTS != 0) {
        store_part(x + parts / PARTS * VL, width - parts / PARTS * VL, s->rest);
    }
}

/* A row of a panel itself, which has all of its columns. */
INLINE struct sums load_units(const float *panel, const size_t parts)
{
    struct sums s;
    UNROLL
    for (size_t j = 0; j < parts / PARTS; j++) {
        s.whole[j] = *(const vec *)(panel + j * VL);
    }
    s.rest = parts % PARTS != 0 ? *(const part *)(panel + parts / PARTS * VL) : (part){0};
    return s;
}

/* s += the unit x by the units w. */
INLINE void add_units(const int bf16, const size_t parts, struct sums *s, vec x, const struct sums *w)
{
    UNROLL
    for (size_t j = 0; j < parts / PARTS; j++) {
        if (bf16) {
            s->whole[j] = add_pairs(s->whole[j], (pairs)x, (pairs)w->whole[j]);
        } else {
            s->whole[j] += x * w->whole[j];
            __asm__("" : "+v"(s->whole[j])); /* or the compiler moves sums from register to register */
        }
    }
    if (parts % PARTS != 0 && bf16) {
        s->rest = add_part_of_pairs(s->rest, first_part(x), w->rest);
    } else if (parts % PARTS != 0) {
        s->rest += first_part(x) * w->rest;
    }
}

/* Asks for a panel's columns of a row, which will be written. */
INLINE void fetch_columns(const float *row, const size_t parts)
{
    for (size_t j = 0; j < parts * PART; j += 16) {
        __builtin_prefetch(row + j, 1, 3);
    }
    __builtin_prefetch(row + parts * PART - 1, 1, 3); /* rows seldom begin with a cache line */
}

/* What sums begin with: row r of it is at + r·ld. Zeros if at is NULL. */
struct start {
    const float *at;
    size_t ld;
};

INLINE struct start further(struct start s, size_t n)
{
    return (struct start){s.at == NULL ? NULL : s.at + n, s.ld};
}

/* out (rows, width) = start + x·panel over n units: unit (r,k) of x is x[r·row + k·column]. rows and parts are
 * constants at each call. What is written but not read first is asked for at once, or the stores would wait for it. */
INLINE void block(const int bf16, const size_t rows, const size_t parts, float *out, size_t ld_out, struct start start,
                  const float *x, size_t row, size_t column, const float *panel, size_t n, size_t width)
{
    struct sums acc[ROWS];
    for (size_t r = 0; r < rows && start.at != out; r++) {
        fetch_columns(out + r * ld_out, parts);
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        acc[r] = start.at == NULL ? (struct sums){.rest = {0}} : load_sums(start.at + r * start.ld, parts, width);
    }
    for (size_t k = 0; k < n; k++, x += column, panel += parts * PART) {
        const struct sums w = load_units(panel, parts);
        if (!bf16 && row == 1) {
            __builtin_prefetch(x + UNITS_AHEAD * column, 0, 3);
        }
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            add_units(bf16, parts, &acc[r], spread(x[r * row]), &w);
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        store_sums(out + r * ld_out, &acc[r], parts, width);
    }
}

INLINE void block_of(const int bf16, const size_t parts, size_t rows, float *out, size_t ld_out, struct start start,
                     const float *x, size_t ldx, const float *panel, size_t n, size_t width)
{
    switch (rows) {
    case 1:
        block(bf16, 1, parts, out, ld_out, start, x, ldx, 1, panel, n, width);
        break;
    case 2:
        block(bf16, 2, parts, out, ld_out, start, x, ldx, 1, panel, n, width);
        break;
    case 3:
        block(bf16, 3, parts, out, ld_out, start, x, ldx, 1, panel, n, width);
        break;
    case 4:
        block(bf16, 4, parts, out, ld_out, start, x, ldx, 1, panel, n, width);
        break;
#if ROWS >= 8
    case 5:
        block(bf16, 5, parts, out, ld_out, start, x, ldx, 1, panel, n, width);
        break;
    case 6:
        block(bf16, 6, parts, out, ld_out, start, x, ldx, 1, panel, n, width);
        break;
    case 7:
        block(bf16, 7, parts, out, ld_out, start, x, ldx, 1, panel, n, width);
        break;
    case 8:
        block(bf16, 8, parts, out, ld_out, start, x, ldx, 1, panel, n, width);
        break;
#endif
    default:
        break;
    }
}

/* out (B, width) = start + x·panel for n units of a panel. */
INLINE void blocks_of(const int bf16, const size_t parts, float *out, size_t ld_out, struct start start, const float *x,
                      size_t ldx, const float *panel, size_t B, size_t n, size_t width)
{
    for (size_t b = 0; b < B;
         b += ROWS, out += ROWS * ld_out, x += ROWS * ldx, start = further(start, ROWS * start.ld)) {
        block_of(bf16, parts, B - b < ROWS ? B - b : ROWS, out, ld_out, start, x, ldx, panel, n, width);
    }
}

INLINE void any_blocks(const int bf16, size_t parts, float *out, size_t ld_out, struct start start, const float *x,
                       size_t ldx, const float *panel, size_t B, size_t n, size_t width)
{
#define DO(kind) blocks_of(bf16, kind, out, ld_out, start, x, ldx, panel, B, n, width)
    WITH_PARTS(parts, DO)
#undef DO
}

/* In a function of their own, so that what stands around them takes no registers. */
static __attribute__((noinline)) void float_blocks(size_t parts, float *out, size_t ld_out, struct start start,
                                                   const float *x, size_t ldx, const float *panel, size_t B, size_t n,
                                                   size_t width)
{
    any_blocks(0, parts, out, ld_out, start, x, ldx, panel, B, n, width);
}

static __attribute__((noinline)) void bf16_blocks(size_t parts, float *out, size_t ld_out, struct start start,
                                                  const float *x, size_t ldx, const float *panel, size_t B, size_t n,
                                                  size_t width)
{
    any_blocks(1, parts, out, ld_out, start, x, ldx, panel, B, n, width);
}

/* One row by some panels of as many parts, `stride` apart: a single one would wait for its sums, and memory answers
 * several at once. `width` ends in the last part of the last panel. The order of each sum is that of block(), so a
 * row's result does not depend on how many rows there are. */
INLINE void one_row(const int bf16, const size_t panels, const size_t parts, float *out, const float *start,
                    const float *x, const float *panel, size_t stride, size_t n, size_t width)
{
    const size_t wide = parts * PART;
    struct sums acc[PANELS_AT_ONCE];
    UNROLL
    for (size_t p = 0; p < panels; p++) {
        const size_t there = p + 1 < panels ? wide : width - p * wide;
        acc[p] = start == NULL ? (struct sums){.rest = {0}} : load_sums(start + p * wide, parts, there);
    }
    for (size_t k = 0; k < n; k++) {
        const vec v = spread(x[k]);
        UNROLL
        for (size_t p = 0; p < panels; p++) {
            const struct sums w = load_units(panel + p * stride + k * wide, parts);
            add_units(bf16, parts, &acc[p], v, &w);
        }
    }
    UNROLL
    for (size_t p = 0; p < panels; p++) {
        store_sums(out + p * wide, &acc[p], parts, p + 1 < panels ? wide : width - p * wide);
    }
}

/* How many panels of that many parts come next, at most PANELS_AT_ONCE. */
INLINE size_t alike(size_t columns, size_t parts, size_t most)
{
    size_t n = 1;
    while (n < PANELS_AT_ONCE && columns > n * parts * PART && panel_parts(columns - n * parts * PART, most) == parts) {
        n++;
    }
    return n;
}

INLINE void some_panels(const int bf16, size_t panels, const size_t parts, float *out, const float *start,
                        const float *x, const float *panel, size_t stride, size_t n, size_t width)
{
    if (panels == 4) {
        one_row(bf16, 4, parts, out, start, x, panel, stride, n, width);
    } else if (panels == 3) {
        one_row(bf16, 3, parts, out, start, x, panel, stride, n, width);
    } else if (panels == 2) {
        one_row(bf16, 2, parts, out, start, x, panel, stride, n, width);
    } else {
        one_row(bf16, 1, parts, out, start, x, panel, stride, n, width);
    }
}

/* One row by the next panels of K units, of which n from `first` on are summed over; returns how many columns are
 * done. */
INLINE size_t panels_of_row(const int bf16, size_t most, float *out, const float *start, const float *x,
                            const float *panel, size_t K, size_t first, size_t n, size_t columns)
{
    const size_t parts = panel_parts(columns, most);
    const size_t panels = alike(columns, parts, most);
    const size_t wide = panels * parts * PART;
    const size_t width = columns < wide ? columns : wide;
    const size_t stride = parts * PART * K;
    panel += first * parts * PART;
#define DO(kind) some_panels(bf16, panels, kind, out, start, x, panel, stride, n, width)
    WITH_PARTS(parts, DO)
#undef DO
    return wide;
}

/* out (B,N) = start + x (B,n)·packed over n of the K units of each panel, from `first` on. */
INLINE void products(const int bf16, const size_t most, float *out, size_t ld_out, struct start start, const float *x,
                     size_t ldx, const float *packed, size_t B, size_t K, size_t first, size_t n, size_t N)
{
    const size_t pieces = B > ROWS && n > PANEL_DEPTH ? (n + PANEL_DEPTH - 1) / PANEL_DEPTH : 1;
    for (size_t n0 = 0, wide = 0; n0 < N; n0 += wide, packed += wide * K) {
        const struct start here = further(start, n0);
        if (B == 1) {
            wide = panels_of_row(bf16, most, out + n0, here.at, x, packed, K, first, n, N - n0);
            continue;
        }
        const size_t parts = panel_parts(N - n0, most);
        wide = parts * PART;
        for (size_t i = 0; i < pieces; i++) {
            const size_t k = n * i / pieces;
            (bf16 ? bf16_blocks : float_blocks)(
                parts, out + n0, ld_out, i == 0 ? here : (struct start){out + n0, ld_out}, x + k, ldx,
                packed + (first + k) * wide, B, n * (i + 1) / pieces - k, N - n0 < wide ? N - n0 : wide);
        }
    }
}

static void rows_product(float *out, size_t ld_out, const float *start, size_t ld_start, const float *x, size_t ldx,
                         const float *packed, size_t B, size_t K, size_t N)
{
    products(0, PANEL_PARTS, out, ld_out, (struct start){start, ld_start}, x, ldx, packed, B, K, 0, K, N);
}

static void bf16_rows_product(float *out, size_t ld_out, const float *start, size_t ld_start, const float *x,
                              size_t ldx, const uint16_t *packed, size_t B, size_t K, size_t N)
{
    float buffer[BF16_BUFFER] __attribute__((aligned(64)));
    const float *panels = (const float *)(const void *)packed;
    const size_t n_pairs = (K + 1) / 2;
    const size_t depth = n_pairs < BF16_BUFFER / ROWS ? n_pairs : BF16_BUFFER / ROWS; /* pairs summed over at once */
    for (size_t k = 0; k < n_pairs; k += depth) {
        const size_t n = n_pairs - k < depth ? n_pairs - k : depth;
        const size_t rows = BF16_BUFFER / n / ROWS * ROWS;
        for (size_t b = 0; b < B; b += rows) {
            const size_t there = B - b < rows ? B - b : rows;
            const struct start from = k == 0 ? further((struct start){start, ld_start}, b * ld_start)
                                             : (struct start){out + b * ld_out, ld_out};
            bf16_rows(buffer, n, x + b * ldx + 2 * k, ldx, there, K - 2 * k < 2 * n ? K - 2 * k : 2 * n);
            products(1, BF16_PARTS, out + b * ld_out, ld_out, from, buffer, n, panels, there, n_pairs, k, n, N);
        }
    }
}

#endif
