/* Fast attention: scores are made, used and forgotten in tiles that stay in the first cache, as in FlashAttention (Dao et al. 2022; Dao
 * 2023). Checked against attention_plain.c.
 *
 * A dilated window is a plain one over every dilation-th row, so rows are worked on class by class, each the rows of one residue
 * ("step" apart), and within a class every row sees
 *   span BAND     the class's keys from i − window + 1 (or 0) to i itself,
 *   span OWN      the class's global keys that lie before the band,
 *   span FOREIGN  the global keys of the other classes, packed apart.
 * Both ends of each span only grow with i, so that what a group of rows sees goes from the begin of its first to the end of its last.
 *
 * Operands are packed once a head and class:
 *   left    (n, wide)           to be read element by element; wide is dim rounded up to whole vectors, zeros behind
 *   right   (n, wide)           of products over the rows
 *   panels  (n/VL, dim, VL)     VL rows transposed: of products over dim
 * In bf16 two neighbours along what is summed over are one unit of 32 bits: left (n, wide/2), right (n/2, wide), panels (n/VL, dim/2, VL). */
#ifndef STG_COMPUTE_ATTENTION_BODY_H
#define STG_COMPUTE_ATTENTION_BODY_H

#include "compute/kernels.h"
#include "compute/vector_body.h"

#include <float.h>
#include <string.h>

enum { GROUP = ROWS, QUERIES = 4 * GROUP, KEYS = 6 * VL }; /* rows of a tile: for registers, of a block; keys of a block */

enum span { BAND, OWN, FOREIGN, N_SPANS };

struct range {
    size_t from, to;
};

/* One head's rows of one class. Pointers go to the packed operands; those of FOREIGN keys are in `foreign`. */
struct keys {
    size_t n;
    float *panels, *v_panels; /* k and v transposed */
    float *right, *v_right;
};

struct head {
    const struct stg_attention *a;
    size_t residue, step;       /* row of the sequence = residue + i·step */
    size_t first, n_queries;    /* queries are first … first + n_queries − 1 */
    size_t window;              /* at most all rows of the class */
    size_t n_own, wide;         /* global rows of the class; dim rounded up to whole vectors */
    size_t at;                  /* element of the head in a row */
    struct keys own, foreign;
    size_t unit;                /* elements of a unit: 2 in bf16, else 1 */
    float *q_left, *q_right, *dout_left, *dout_right, *dq; /* queries, whole groups; q is scaled by 1/√dim */
};

INLINE size_t up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

INLINE size_t least(size_t x, size_t y)
{
    return x < y ? x : y;
}

/* What row i of the class sees of the span. */
static struct range seen(const struct head *h, enum span span, size_t i)
{
    const size_t band = i < h->window ? 0 : i + 1 - h->window;
    switch (span) {
    case BAND:
        return (struct range){band, i + 1};
    case OWN:
        return (struct range){0, least(h->n_own, band)};
    default:
        return (struct range){0, least(h->residue + i * h->step + 1, h->a->n_global) - least(i + 1, h->n_own)};
    }
}

static const struct keys *keys_of(const struct head *h, enum span span)
{
    return span == FOREIGN ? &h->foreign : &h->own;
}

/* What rows i … i + n − 1 see of the block of keys that begins at block. */
static struct range seen_of_block(const struct head *h, enum span span, size_t i, size_t n, size_t block)
{
    const size_t from = seen(h, span, i).from;
    const size_t to = seen(h, span, i + n - 1).to;
    const struct range r = {from > block ? from - block : 0, to > block ? least(to - block, KEYS) : 0};
    return r.from < r.to ? r : (struct range){0, 0};
}

/* c (GROUP, vecs·VL) = [c +] a·b over n units: unit (r,k) of a is a[r·row + k·column], vector j of row k of b at b + k·ldb + j·next. */
INLINE void tile_of(const int bf16, const size_t vecs, float *c, size_t ldc, const float *a, const size_t row, const size_t column, const float *b,
                    size_t ldb, size_t next, size_t n, int accumulate)
{
    vec acc[GROUP][3];
    UNROLL
    for (size_t r = 0; r < GROUP; r++) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            acc[r][j] = accumulate ? *(const vec *)(c + r * ldc + j * VL) : (vec){0};
        }
    }
    for (size_t k = 0; k < n; k++, a += column, b += ldb) {
        vec w[3];
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            w[j] = *(const vec *)(b + j * next);
        }
        UNROLL
        for (size_t r = 0; r < GROUP; r++) {
            const vec v = spread(a[r * row]);
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
    for (size_t r = 0; r < GROUP; r++) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            *(vec *)(c + r * ldc + j * VL) = acc[r][j];
        }
    }
}

/* The same for any number of vectors, at most three at a time. */
INLINE void tiles_of(const int bf16, size_t vecs, float *c, size_t ldc, const float *a, const size_t row, const size_t column, const float *b, size_t ldb,
                     size_t next, size_t n, int accumulate)
{
    while (vecs > 0) {
        const size_t width = vecs == 4 ? 2 : least(vecs, 3);
        if (width == 3) {
            tile_of(bf16, 3, c, ldc, a, row, column, b, ldb, next, n, accumulate);
        } else if (width == 2) {
            tile_of(bf16, 2, c, ldc, a, row, column, b, ldb, next, n, accumulate);
        } else {
            tile_of(bf16, 1, c, ldc, a, row, column, b, ldb, next, n, accumulate);
        }
        c += width * VL;
        b += width * next;
        vecs -= width;
    }
}

/* Whether a head's operands are in bf16: a constant where the processor cannot multiply it. */
INLINE int in_bf16(const struct head *h)
{
    return HAS_BF16 && h->unit == 2;
}

/* c (GROUP, vecs·VL; KEYS apart) = a·bᵀ over dim: a left, b in panels. */
static __attribute__((noinline)) void scores_tile(const struct head *h, float *c, const float *a, const float *panels, size_t vecs)
{
    const size_t depth = up(h->a->dim, h->unit) / h->unit;
    if (in_bf16(h)) {
        tiles_of(1, vecs, c, KEYS, a, h->wide / 2, 1, panels, VL, depth * VL, depth, 0);
    } else {
        tiles_of(0, vecs, c, KEYS, a, h->wide, 1, panels, VL, depth * VL, depth, 0);
    }
}

/* c (GROUP, wide) += a (GROUP, n units; KEYS apart) · b right */
static __attribute__((noinline)) void values_tile(const struct head *h, float *c, const float *a, const float *right, size_t n)
{
    if (in_bf16(h)) {
        tiles_of(1, h->wide / VL, c, h->wide, a, KEYS, 1, right, h->wide, VL, n, 1);
    } else {
        tiles_of(0, h->wide / VL, c, h->wide, a, KEYS, 1, right, h->wide, VL, n, 1);
    }
}

/* c (GROUP, wide) += aᵀ·b with a (n units, GROUP; KEYS apart), b right */
static __attribute__((noinline)) void transposed_tile(const struct head *h, float *c, const float *a, const float *right, size_t n)
{
    if (in_bf16(h)) {
        tiles_of(1, h->wide / VL, c, h->wide, a, 1, KEYS, right, h->wide, VL, n, 1);
    } else {
        tiles_of(0, h->wide / VL, c, h->wide, a, 1, KEYS, right, h->wide, VL, n, 1);
    }
}

/* n rows of `width` (whole vectors), two and two into pairs; to may be x. An odd last row gets zeros. */
INLINE void pair_up(float *to, const float *x, size_t n, size_t width)
{
#if HAS_BF16
    for (size_t i = 0; i < n; i += 2, to += width, x += 2 * width) {
        for (size_t j = 0; j < width; j += VL) {
            *(pairs *)(to + j) = pair(*(const vec *)(x + j), i + 1 < n ? *(const vec *)(x + width + j) : (vec){0});
        }
    }
#else
    (void)to, (void)x, (void)n, (void)width;
#endif
}

/* n elements (whole vectors), neighbours into pairs; to may be x. */
INLINE void halve(float *to, const float *x, size_t n)
{
#if HAS_BF16
    for (; n >= 2 * VL; n -= 2 * VL, to += VL, x += 2 * VL) {
        *(pairs *)to = neighbours(*(const vec *)x, *(const vec *)(x + VL));
    }
    if (n > 0) {
        _mm256_storeu_si256((__m256i *)(void *)to, (__m256i)_mm512_cvtneps_pbh(*(const vec *)x));
    }
#else
    (void)to, (void)x, (void)n;
#endif
}

#if VL == 16
/* x (VL,VL) transposed: at each distance d, blocks of d by d change places. */
INLINE void transpose(vec x[VL])
{
    UNROLL
    for (int d = VL / 2; d > 0; d /= 2) {
        const ivec j = IOTA;
        const ivec odd = (j & d) != 0;
        const ivec low = (odd & (j - d + VL)) | (~odd & j);
        const ivec high = (odd & (j + VL)) | (~odd & (j + d));
        UNROLL
        for (int i = 0; i < VL; i++) {
            if ((i & d) == 0) {
                const vec a = x[i];
                x[i] = _mm512_permutex2var_ps(a, (__m512i)low, x[i + d]);
                x[i + d] = _mm512_permutex2var_ps(a, (__m512i)high, x[i + d]);
            }
        }
    }
}

/* A panel of at most VL rows with dim >= VL: whole squares, the last one overlapping the one before. */
static void pack_panel(float *to, const float *from, size_t stride, size_t rows, size_t dim)
{
    for (size_t begin = 0; begin < dim; begin += VL) {
        const size_t j = least(begin, dim - VL);
        vec x[VL];
        UNROLL
        for (size_t r = 0; r < VL; r++) {
            x[r] = r < rows ? *(const vec *)(from + r * stride + j) : (vec){0};
        }
        transpose(x);
        UNROLL
        for (size_t r = 0; r < VL; r++) {
            *(vec *)(to + (j + r) * VL) = x[r];
        }
    }
}
#endif

/* n rows of dim elements, stride apart, into panels. */
static void pack_panels(float *to, const float *from, size_t stride, size_t n, size_t dim)
{
    for (size_t i = 0; i < n; i += VL, to += dim * VL, from += VL * stride) {
        const size_t rows = least(n - i, VL);
#if VL == 16
        if (dim >= VL) {
            pack_panel(to, from, stride, rows, dim);
            continue;
        }
#endif
        for (size_t r = 0; r < rows; r++) {
            for (size_t j = 0; j < dim; j++) {
                to[j * VL + r] = from[r * stride + j];
            }
        }
        for (size_t j = 0; j < dim && rows < VL; j++) {
            memset(to + j * VL + rows, 0, (VL - rows) * sizeof(float));
        }
    }
}

/* The same into rows of `wide` times scale, up to a whole number of groups. */
static void pack_rows(float *to, const float *from, size_t stride, size_t n, size_t dim, size_t wide, float scale)
{
    for (size_t i = 0; i < n; i++, to += wide, from += stride) {
        *(vec *)(to + wide - VL) = (vec){0};
        if (dim < VL) {
            for (size_t j = 0; j < dim; j++) {
                to[j] = from[j] * scale;
            }
            continue;
        }
        for (size_t j = 0; j + VL <= dim; j += VL) {
            *(vec *)(to + j) = *(const vec *)(from + j) * scale;
        }
        *(vec *)(to + dim - VL) = *(const vec *)(from + dim - VL) * scale; /* overlaps the last one */
    }
    memset(to, 0, (up(n, GROUP) - n) * wide * sizeof(float));
}

static float *take(float **scratch, size_t n)
{
    float *taken = *scratch;
    *scratch += up(n, 16);
    return taken;
}

static size_t attention_scratch(const struct stg_attention *a)
{
    const size_t step = a->window == 0 ? 1 : a->dilation;
    const size_t wide = up(a->dim, VL);
    const size_t own = up(up(a->T, step) / step, VL); /* rows of the largest class */
    const size_t foreign = step > 1 ? up(a->n_global, VL) : 0;
    /* Backward needs most: three packs of keys (six of foreign ones, because they are gathered first) and five of queries; a block's dk
     * and dv; lse and dout·out; two tiles of scores and of a group's; what rounding adds. attention_step needs the scores of one row. */
    const size_t packs = (8 * own + 6 * foreign + 2 * KEYS) * wide + 2 * own + 2 * (QUERIES + GROUP) * KEYS + 20 * 16;
    const size_t scores = a->heads * (up(a->T, VL) + VL);
    return packs > scores ? packs : scores;
}

static void head_init(struct head *h, const struct stg_attention *a, size_t i_head, size_t residue)
{
    const size_t step = a->window == 0 ? 1 : a->dilation;
    const size_t n_global = a->window == 0 ? 0 : least(a->n_global, a->T);
    const size_t first = a->first_query > residue ? up(a->first_query - residue, step) / step : 0;
    *h = (struct head){.a = a, .residue = residue, .step = step, .first = first, .wide = up(a->dim, VL), .at = i_head * a->dim};
    h->unit = HAS_BF16 && a->bf16 ? 2 : 1;
    h->own.n = (a->T - residue + step - 1) / step;
    h->n_queries = h->own.n - first;
    h->window = a->window == 0 ? h->own.n : least(a->window, h->own.n);
    h->n_own = n_global > residue ? (n_global - residue + step - 1) / step : 0;
    h->foreign.n = n_global - h->n_own;
}

/* Row of q, dq, out, dout of query i (from 0), stride apart. */
INLINE size_t query_row(const struct head *h, size_t i)
{
    return h->residue + (h->first + i) * h->step - h->a->first_query;
}

/* The global rows of other classes as rows of `dim`, gathered, before they are packed. */
static void gather_foreign(const struct head *h, float *to, const float *from)
{
    for (size_t g = 0; h->foreign.n > 0 && g < least(h->a->n_global, h->a->T); g++) {
        if (g % h->step != h->residue) {
            memcpy(to, from + g * h->a->ld_kv + h->at, h->a->dim * sizeof(float));
            to += h->a->dim;
        }
    }
}

/* Both forms of an operand by rows; in float they are the same. */
static float *pack_left(const struct head *h, float *packed, size_t n)
{
    if (in_bf16(h)) {
        halve(packed, packed, up(n, GROUP) * h->wide);
    }
    return packed;
}

static float *pack_right(const struct head *h, const float *from, size_t stride, size_t n, float scale, float **scratch)
{
    float *packed = take(scratch, up(n, GROUP) * h->wide);
    pack_rows(packed, from, stride, n, h->a->dim, h->wide, scale);
    if (in_bf16(h)) {
        pair_up(packed, packed, up(n, GROUP), h->wide);
    }
    return packed;
}

static void pack_both(const struct head *h, float **left, float **right, const float *from, size_t stride, size_t n, float scale,
                      float **scratch)
{
    *left = *right = take(scratch, up(n, GROUP) * h->wide);
    pack_rows(*left, from, stride, n, h->a->dim, h->wide, scale);
    if (in_bf16(h)) {
        *right = take(scratch, up(n, GROUP) * h->wide);
        pair_up(*right, *left, up(n, GROUP), h->wide);
        *left = pack_left(h, *left, n);
    }
}

static float *pack_across(const struct head *h, const float *from, size_t stride, size_t n, float **scratch)
{
    const size_t dim = h->a->dim;
    float *packed = take(scratch, up(n, VL) * dim);
    pack_panels(packed, from, stride, n, dim);
    for (size_t i = 0; in_bf16(h) && i < up(n, VL) / VL; i++) {
        pair_up(packed + i * up(dim, 2) / 2 * VL, packed + i * dim * VL, dim, VL);
    }
    return packed;
}

static void pack_keys(const struct head *h, struct keys *keys, const float *k, const float *v, size_t stride, int backward, float **scratch)
{
    keys->panels = pack_across(h, k, stride, keys->n, scratch);
    if (backward) {
        keys->v_panels = pack_across(h, v, stride, keys->n, scratch);
        keys->right = pack_right(h, k, stride, keys->n, 1.0f, scratch);
    } else {
        keys->v_right = pack_right(h, v, stride, keys->n, 1.0f, scratch);
    }
}

static void head_pack(struct head *h, const float *q, const float *k, const float *v, int backward, float **scratch)
{
    const struct stg_attention *a = h->a;
    const size_t begin = h->residue * a->ld_kv + h->at;
    const float scale = 1.0f / sqrtf((float)a->dim);
    const float *from = q + query_row(h, 0) * a->ld_q + h->at;
    pack_keys(h, &h->own, k + begin, v + begin, h->step * a->ld_kv, backward, scratch);
    pack_both(h, &h->q_left, &h->q_right, from, h->step * a->ld_q, h->n_queries, scale, scratch);
    if (h->foreign.n > 0) { /* gathered behind where they are packed to; that part of scratch is free until later */
        float *gathered = *scratch + 4 * up(h->foreign.n, VL) * h->wide;
        gather_foreign(h, gathered, k);
        gather_foreign(h, gathered + h->foreign.n * a->dim, v);
        pack_keys(h, &h->foreign, gathered, gathered + h->foreign.n * a->dim, a->dim, backward, scratch);
    }
}

/* The running softmax of a group of rows: o = Σ e^(s − max) v, sum = Σ e^(s − max), whose vectors are summed up at the end. */
struct running {
    float max[GROUP];
    vec sum[GROUP];
    float *o; /* (GROUP, wide) */
};

static void running_begin(struct running *s, float *o, size_t wide)
{
    s->o = o;
    memset(o, 0, GROUP * wide * sizeof(float));
    for (size_t r = 0; r < GROUP; r++) {
        s->max[r] = -FLT_MAX;
        s->sum[r] = (vec){0};
    }
}

/* Scores outside r, within whole vectors, become so low that their weight is 0. */
INLINE void hide(float *s, struct range r, struct range vectors)
{
    const vec lowest = (vec){0} - FLT_MAX;
    for (size_t j = vectors.from; j < r.from; j += VL) {
        *(vec *)(s + j) = choose(within(j, r.from, r.to), *(vec *)(s + j), lowest);
    }
    for (size_t j = r.to / VL * VL; j < vectors.to; j += VL) {
        *(vec *)(s + j) = choose(within(j, r.from, r.to), *(vec *)(s + j), lowest);
    }
}

/* Scores s of one row become weights; only r of the whole vectors is seen, the rest becomes 0. */
INLINE void softmax_row(struct running *g, size_t i, float *s, struct range r, struct range vectors, size_t wide)
{
    if (r.from >= r.to) {
        for (size_t j = vectors.from; j < vectors.to; j += VL) {
            *(vec *)(s + j) = (vec){0};
        }
        return;
    }
    hide(s, r, vectors);
    vec top = *(const vec *)(s + vectors.from);
    for (size_t j = vectors.from + VL; j < vectors.to; j += VL) {
        top = vmax(top, *(const vec *)(s + j));
    }
    const float max = vmax_of(top);
    if (max > g->max[i]) {
        const vec shrink = vexp((vec){0} + (g->max[i] - max));
        g->sum[i] *= shrink;
        for (size_t j = 0; j < wide; j += VL) {
            *(vec *)(g->o + i * wide + j) *= shrink;
        }
        g->max[i] = max;
    }
    vec sum = g->sum[i];
    for (size_t j = vectors.from; j < vectors.to; j += VL) {
        const vec p = vexp(*(const vec *)(s + j) - g->max[i]);
        *(vec *)(s + j) = p;
        sum += p;
    }
    g->sum[i] = sum;
}

/* A group of queries, i the first's index in its class, against what it sees of a block of keys. s: (GROUP, KEYS) */
static void attend_group(const struct head *h, enum span span, size_t i, size_t block, struct running *g, float *s)
{
    const struct keys *keys = keys_of(h, span);
    const size_t depth = up(h->a->dim, h->unit) / h->unit;
    const size_t rows = least(h->first + h->n_queries - i, GROUP);
    const struct range r = seen_of_block(h, span, i, rows, block);
    if (r.from == r.to) {
        return;
    }
    const struct range vectors = {r.from / VL * VL, up(r.to, VL)};
    scores_tile(h, s + vectors.from, h->q_left + (i - h->first) * h->wide / h->unit, keys->panels + (block + vectors.from) * depth,
                (vectors.to - vectors.from) / VL);
    for (size_t j = 0; j < rows; j++) {
        float *row = s + j * KEYS;
        softmax_row(g, j, row, seen_of_block(h, span, i + j, 1, block), vectors, h->wide);
        if (in_bf16(h)) {
            halve(row + vectors.from / 2, row + vectors.from, vectors.to - vectors.from);
        }
    }
    const struct range units = {r.from / h->unit, up(r.to, h->unit) / h->unit};
    values_tile(h, g->o, s + units.from, keys->v_right + (block / h->unit + units.from) * h->wide, units.to - units.from);
}

static void forward_queries(const struct head *h, float *out, float *lse, size_t begin, size_t n, float *o, float *s)
{
    const struct stg_attention *a = h->a;
    struct running groups[QUERIES / GROUP];
    for (size_t g = 0; g < n; g += GROUP) {
        running_begin(&groups[g / GROUP], o + g * h->wide, h->wide);
    }
    for (int span = 0; span < N_SPANS; span++) {
        const size_t to = seen(h, (enum span)span, begin + n - 1).to;
        for (size_t block = seen(h, (enum span)span, begin).from / VL * VL; block < to; block += KEYS) {
            for (size_t g = 0; g < n; g += GROUP) {
                attend_group(h, (enum span)span, begin + g, block, &groups[g / GROUP], s);
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        const struct running *g = &groups[i / GROUP];
        const size_t row = query_row(h, begin - h->first + i);
        const float sum = vsum(g->sum[i % GROUP]);
        float *to = out + row * a->ld_out + h->at;
        for (size_t j = 0; j < a->dim; j++) {
            to[j] = g->o[i % GROUP * h->wide + j] / sum;
        }
        lse[h->at / a->dim * (a->T - a->first_query) + row] = g->max[i % GROUP] + logf(sum);
    }
}

static void attention_forward(float *out, float *lse, const float *q, const float *k, const float *v, const struct stg_attention *a,
                              float *scratch)
{
    const size_t step = a->window == 0 ? 1 : a->dilation;
    for (size_t i = 0; i < a->heads * least(step, a->T); i++) {
        struct head h;
        float *free = scratch;
        head_init(&h, a, i % a->heads, i / a->heads);
        if (h.n_queries == 0) {
            continue;
        }
        float *o = take(&free, QUERIES * h.wide);
        float *s = take(&free, GROUP * KEYS);
        head_pack(&h, q, k, v, 0, &free);
        for (size_t begin = 0; begin < h.n_queries; begin += QUERIES) {
            forward_queries(&h, out, lse, h.first + begin, least(h.n_queries - begin, QUERIES), o, s);
        }
    }
}

/* Tiles of backward over a block of queries and a block of keys: p the weights, ds the gradients of the scores. */
struct tiles {
    float *p, *ds;                  /* (QUERIES, KEYS), in bf16 (QUERIES/2, KEYS) */
    float *p_group, *ds_group;      /* (GROUP, KEYS) of bf16, before they are rounded */
    float *dk, *dv;                 /* (KEYS, wide) of the block of keys */
    const float *lse, *mean;        /* (n_queries) of the class; mean = dout·out */
};

/* One row's scores become weights, its products dout·v gradients; what r does not hold becomes 0. */
INLINE void weights_of(float *p, float *ds, struct range r, struct range vectors, float lse, float mean)
{
    const vec zero = {0};
    for (size_t j = 0; j < KEYS; j += VL) {
        if (j < vectors.from || j >= vectors.to) {
            *(vec *)(p + j) = *(vec *)(ds + j) = zero;
            continue;
        }
        vec weight = vexp(*(const vec *)(p + j) - lse);
        vec gradient = weight * (*(const vec *)(ds + j) - mean);
        if (j < r.from || j + VL > r.to) {
            const ivec mask = within(j, r.from, r.to);
            weight = choose(mask, weight, zero);
            gradient = choose(mask, gradient, zero);
        }
        *(vec *)(p + j) = weight;
        *(vec *)(ds + j) = gradient;
    }
}

/* A group of queries: its rows of the tiles p and ds, and its dq. Returns whether it sees anything of the block. */
static int backward_group(const struct head *h, enum span span, size_t i, size_t block, const struct tiles *t, float *p, float *ds)
{
    const struct keys *keys = keys_of(h, span);
    const size_t depth = up(h->a->dim, h->unit) / h->unit;
    const size_t at = i - h->first;
    const size_t rows = least(h->n_queries - at, GROUP);
    const struct range r = seen_of_block(h, span, i, rows, block);
    if (r.from == r.to) {
        memset(p, 0, GROUP / h->unit * KEYS * sizeof(float));
        memset(ds, 0, GROUP / h->unit * KEYS * sizeof(float));
        return 0;
    }
    float *s = in_bf16(h) ? t->p_group : p;
    float *d = in_bf16(h) ? t->ds_group : ds;
    const struct range vectors = {r.from / VL * VL, up(r.to, VL)};
    const size_t n = (vectors.to - vectors.from) / VL;
    scores_tile(h, s + vectors.from, h->q_left + at * h->wide / h->unit, keys->panels + (block + vectors.from) * depth, n);
    scores_tile(h, d + vectors.from, h->dout_left + at * h->wide / h->unit, keys->v_panels + (block + vectors.from) * depth, n);
    for (size_t j = 0; j < GROUP; j++) {
        const struct range row = j < rows ? seen_of_block(h, span, i + j, 1, block) : (struct range){0, 0};
        weights_of(s + j * KEYS, d + j * KEYS, row, vectors, j < rows ? t->lse[at + j] : 0.0f, j < rows ? t->mean[at + j] : 0.0f);
    }
    if (in_bf16(h)) { /* two queries are a unit of the tiles, two keys one of what dq is made from */
        pair_up(p, s, GROUP, KEYS);
        pair_up(ds, d, GROUP, KEYS);
        for (size_t j = 0; j < GROUP; j++) {
            halve(d + j * KEYS + vectors.from / 2, d + j * KEYS + vectors.from, vectors.to - vectors.from);
        }
    }
    const struct range units = {r.from / h->unit, up(r.to, h->unit) / h->unit};
    values_tile(h, h->dq + at * h->wide, d + units.from, keys->right + (block / h->unit + units.from) * h->wide, units.to - units.from);
    return 1;
}

/* The queries begin … begin + n − 1 (at most QUERIES, indices in the class) against a block of n_keys keys. */
static void backward_queries(const struct head *h, enum span span, size_t begin, size_t n, size_t block, size_t n_keys,
                             const struct tiles *t)
{
    int any = 0;
    for (size_t g = 0; g < n; g += GROUP) {
        any |= backward_group(h, span, begin + g, block, t, t->p + g / h->unit * KEYS, t->ds + g / h->unit * KEYS);
    }
    const size_t at = begin - h->first;
    for (size_t k = 0; any && k < n_keys; k += GROUP) {
        size_t from = 0;
        size_t to = n;
        if (span == BAND) { /* only the queries from the group's first key to window − 1 behind its last see any of it */
            const size_t end = block + k + GROUP - 1 + h->window;
            from = block + k > begin ? block + k - begin : 0;
            to = end > begin ? least(n, end - begin) : 0;
        }
        if (from < to) {
            const struct range units = {from / h->unit, up(to, h->unit) / h->unit};
            const size_t row = (at / h->unit + units.from) * h->wide;
            transposed_tile(h, t->dv + k * h->wide, t->p + units.from * KEYS + k, h->dout_right + row, units.to - units.from);
            transposed_tile(h, t->dk + k * h->wide, t->ds + units.from * KEYS + k, h->q_right + row, units.to - units.from);
        }
    }
}

/* dk and dv of a block of keys go to the rows of the sequence; several classes add to a global row. */
static void add_keys(const struct head *h, enum span span, float *dk, float *dv, const struct tiles *t, size_t block, size_t n)
{
    const struct stg_attention *a = h->a;
    for (size_t i = 0; i < n; i++) {
        size_t row = h->residue + (block + i) * h->step;
        if (span == FOREIGN) { /* the (block + i)-th number that is not of the class */
            const size_t g = block + i;
            row = g / (h->step - 1) * h->step + g % (h->step - 1);
            row += g % (h->step - 1) >= h->residue;
        }
        float *to_k = dk + row * a->ld_kv + h->at;
        float *to_v = dv + row * a->ld_kv + h->at;
        for (size_t j = 0; j < a->dim; j++) {
            to_k[j] += t->dk[i * h->wide + j];
            to_v[j] += t->dv[i * h->wide + j];
        }
    }
}

static void backward_keys(const struct head *h, enum span span, float *dk, float *dv, const struct tiles *t)
{
    const size_t end = h->first + h->n_queries;
    const size_t n = span == BAND ? h->own.n : span == OWN ? h->n_own : h->foreign.n;
    for (size_t block = 0; block < n; block += KEYS) {
        const size_t n_keys = least(n - block, KEYS);
        size_t from = h->first;
        size_t to = end;
        if (span == BAND) { /* the queries that see any of these keys */
            from += block > from ? (block - from) / GROUP * GROUP : 0;
            to = least(end, block + n_keys - 1 + h->window);
        }
        memset(t->dk, 0, KEYS * h->wide * sizeof(float));
        memset(t->dv, 0, KEYS * h->wide * sizeof(float));
        for (size_t i = from; i < to; i += QUERIES) {
            backward_queries(h, span, i, least(to - i, QUERIES), block, n_keys, t);
        }
        add_keys(h, span, dk, dv, t, block, n_keys);
    }
}

/* dout packed, and lse and dout·out of the class's queries in order. */
static void backward_pack(struct head *h, float *lse_to, float *mean, const float *dout, const float *out, const float *lse,
                          float **scratch)
{
    const struct stg_attention *a = h->a;
    const size_t n = h->n_queries;
    const float *from = dout + query_row(h, 0) * a->ld_out + h->at;
    h->dq = take(scratch, up(n, GROUP) * h->wide);
    pack_both(h, &h->dout_left, &h->dout_right, from, h->step * a->ld_out, n, 1.0f, scratch);
    memset(h->dq, 0, up(n, GROUP) * h->wide * sizeof(float));
    for (size_t i = 0; i < n; i++) {
        const size_t row = query_row(h, i);
        float sum = 0.0f;
        for (size_t j = 0; j < a->dim; j++) {
            sum += dout[row * a->ld_out + h->at + j] * out[row * a->ld_out + h->at + j];
        }
        mean[i] = sum;
        lse_to[i] = lse[h->at / a->dim * (a->T - a->first_query) + row];
    }
}

static void attention_backward(float *dq, float *dk, float *dv, const float *dout, const float *q, const float *k, const float *v,
                               const float *out, const float *lse, const struct stg_attention *a, float *scratch)
{
    const size_t step = a->window == 0 ? 1 : a->dilation;
    for (size_t s = 0; s < a->T; s++) {
        memset(dk + s * a->ld_kv, 0, a->heads * a->dim * sizeof(float));
        memset(dv + s * a->ld_kv, 0, a->heads * a->dim * sizeof(float));
    }
    for (size_t i = 0; i < a->heads * least(step, a->T); i++) {
        struct head h;
        float *free = scratch;
        head_init(&h, a, i % a->heads, i / a->heads);
        if (h.n_queries == 0) {
            continue;
        }
        float *of_row = take(&free, 2 * up(h.n_queries, 16));
        struct tiles t = {.lse = of_row, .mean = of_row + h.n_queries};
        t.p = take(&free, QUERIES * KEYS);
        t.ds = take(&free, QUERIES * KEYS);
        t.p_group = take(&free, GROUP * KEYS);
        t.ds_group = take(&free, GROUP * KEYS);
        t.dk = take(&free, KEYS * h.wide);
        t.dv = take(&free, KEYS * h.wide);
        head_pack(&h, q, k, v, 1, &free);
        backward_pack(&h, of_row, of_row + h.n_queries, dout, out, lse, &free);
        for (int span = 0; span < N_SPANS; span++) {
            backward_keys(&h, (enum span)span, dk, dv, &t);
        }
        const float scale = 1.0f / sqrtf((float)a->dim);
        for (size_t j = 0; j < h.n_queries; j++) {
            float *to = dq + query_row(&h, j) * a->ld_q + h.at;
            for (size_t c = 0; c < a->dim; c++) {
                to[c] = h.dq[j * h.wide + c] * scale;
            }
        }
    }
}

#endif
