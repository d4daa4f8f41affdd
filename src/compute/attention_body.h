/* Fast attention: scores are made, used and forgotten in tiles that stay in the first cache, as in FlashAttention (Dao
 * et al. 2022; Dao 2023). Checked against attention_plain.c.
 *
 * Queries are the lanes of vectors, LANES of them at a time, and keys the rows of a tile: what a softmax does of one
 * query, it does of a vector of them, and nothing is summed across a vector. Keys and values are read element by
 * element, so that neither scores nor outputs (which stand transposed until the end) have lanes without use, whatever
 * dim is; only the gradients of keys and values have.
 *
 * A dilated window is a plain one over every dilation-th row, so rows are worked on class by class, each the rows of
 * one residue
 * ("step" apart), and within a class every row sees
 *   span BAND     the class's keys from i − window + 1 (or 0) to i itself,
 *   span OWN      the class's global keys that lie before the band,
 *   span FOREIGN  the global keys of the other classes.
 * Both ends of each span only grow with i, so that what a block of rows sees goes from the begin of its first to the
 * end of its last.
 *
 * With a window, a sequence is worked on stretch by stretch, for all classes and heads: rows of it are fetched once and
 * what is packed of them stays in the second cache. Without one there is a single stretch, as every row sees all keys
 * before it.
 *
 * Operands are packed once a stretch, class and head; keys of each span apart:
 *   rows     (n, wide)          wide is dim rounded up to whole vectors, zeros behind
 *   panels   (n/VL, dim, VL)    VL rows transposed
 * In bf16 two neighbours along what is summed over are one unit of 32 bits: of rows, along dim (n, wide/2) or across
 * rows (n/2, wide); panels are (n/VL, dim/2, VL). In float a unit is one number, and both kinds of rows are the
 * same. */
#ifndef STG_COMPUTE_ATTENTION_BODY_H
#define STG_COMPUTE_ATTENTION_BODY_H

#include "compute/attention_pack_body.h"
#include "compute/kernels.h"

#include <float.h>
#include <string.h>

enum { VECS = 3, LANES = VECS * VL, KEYS = 6 * VL }; /* vectors and queries of a block; keys of a block */
enum { STRETCH = 144 };                              /* queries of a class in a stretch, at least: whole blocks */

enum span { BAND, OWN, FOREIGN, N_SPANS };

/* Keys and values of one head that a stretch sees of a span: first … first + n − 1 of the class's rows, or of the
 * foreign ones. */
struct keys {
    size_t first, n;
    float *k_along, *k_across; /* rows: for what is summed over dim, over keys */
    float *v_along;
    const float *v_across; /* in float: where v stands, which is read without what pads rows */
    size_t v_row;          /* from row to row of v_across */
};

struct head {
    const struct stg_attention *a;
    size_t residue, step;    /* row of the sequence = residue + i·step */
    size_t n, n_own;         /* rows of the class; global ones of these */
    size_t first, n_queries; /* the stretch's queries are first … first + n_queries − 1 of them */
    size_t window;           /* at most all rows of the class */
    size_t wide;             /* dim rounded up to whole vectors */
    size_t at;               /* element of the head in a row */
    struct keys keys[N_SPANS];
    size_t unit;                                            /* elements of a unit: 2 in bf16, else 1 */
    float *q_panels, *q_across, *dout_panels, *dout_across; /* queries; q is scaled by 1/√dim */
    float *dq;                                              /* (blocks, dim, LANES) */
};

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
        return (struct range){0, least(h->residue + i * h->step + 1, h->n_own + h->keys[FOREIGN].n) -
                                     least(i + 1, h->n_own)};
    }
}

/* Row of the sequence of the g-th global row that is not of the class. */
static size_t foreign_row(const struct head *h, size_t g)
{
    const size_t row = g / (h->step - 1) * h->step + g % (h->step - 1);
    return row + (g % (h->step - 1) >= h->residue);
}

/* Rows of the class that see key j of the span: the other way round. */
static struct range seen_by(const struct head *h, enum span span, size_t j)
{
    const size_t all = h->n;
    if (span == BAND) {
        return (struct range){j, least(j + h->window, all)};
    }
    if (span == OWN) {
        return (struct range){least(j + h->window, all), all};
    }
    return (struct range){least(rows_before(foreign_row(h, j), h->residue, h->step), all), all};
}

/* Of a block of n queries from i on, the lanes that see any of the keys. */
static struct range lanes_of(const struct head *h, enum span span, size_t i, size_t n, struct range keys)
{
    const size_t from = seen_by(h, span, keys.from).from;
    const size_t to = seen_by(h, span, keys.to - 1).to;
    const struct range r = {from > i ? from - i : 0, to > i ? least(to - i, n) : 0};
    return r.from < r.to ? r : (struct range){0, 0};
}

/* Keys that the same vectors of lanes see. */
struct piece {
    struct range keys, vectors;
};

static struct range vectors_of(const struct head *h, enum span span, size_t i, size_t n, struct range keys)
{
    const struct range lanes = lanes_of(h, span, i, n, keys);
    return (struct range){lanes.from / VL, up(lanes.to, VL) / VL};
}

/* The piece that begins with key k, for the block of n queries from i on; it ends before `end`, and has KEYS at
 * most. */
static struct piece next_piece(const struct head *h, enum span span, size_t i, size_t n, size_t k, size_t end)
{
    struct piece p = {.keys = {k, least(k + VL, end)}};
    p.vectors = vectors_of(h, span, i, n, p.keys);
    while (p.keys.to < end && p.keys.to + VL <= k + KEYS) {
        const struct range more = {p.keys.to, least(p.keys.to + VL, end)};
        const struct range vectors = vectors_of(h, span, i, n, more);
        if (vectors.from != p.vectors.from || vectors.to != p.vectors.to) {
            break;
        }
        p.keys.to = more.to;
    }
    return p;
}

/* c (rows, vecs·VL; ldc apart) = [c +] a·b over n units: unit (r,k) of a is a[r·row + k·column], vector j of row k of b
 * at b + k·ldb + j·next. */
INLINE void tile_of(const int bf16, const size_t rows, const size_t vecs, float *c, size_t ldc, const float *a,
                    const size_t row, const size_t column, const float *b, const size_t ldb, const size_t next,
                    size_t n, const int accumulate)
{
    vec acc[ROWS][VECS];
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            acc[r][j] = accumulate ? *(const vec *)(c + r * ldc + j * VL) : (vec){0};
        }
    }
    for (size_t k = 0; k < n; k++, a += column, b += ldb) {
        vec w[VECS];
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            w[j] = *(const vec *)(b + j * next);
        }
        UNROLL
        for (size_t r = 0; r < rows; r++) {
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
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            *(vec *)(c + r * ldc + j * VL) = acc[r][j];
        }
    }
}

/* The same for one to three vectors. */
INLINE void tile_any(const int bf16, const size_t rows, size_t vecs, float *c, size_t ldc, const float *a,
                     const size_t row, const size_t column, const float *b, const size_t ldb, const size_t next,
                     size_t n, const int accumulate)
{
    if (vecs == 3) {
        tile_of(bf16, rows, 3, c, ldc, a, row, column, b, ldb, next, n, accumulate);
    } else if (vecs == 2) {
        tile_of(bf16, rows, 2, c, ldc, a, row, column, b, ldb, next, n, accumulate);
    } else {
        tile_of(bf16, rows, 1, c, ldc, a, row, column, b, ldb, next, n, accumulate);
    }
}

/* Whether a head's operands are in bf16: a constant where the processor cannot multiply it. */
INLINE int in_bf16(const struct head *h)
{
    return HAS_BF16 && h->unit == 2;
}

/* c (n up to whole ROWS, vecs·VL; LANES apart) = a·b over dim: a rows, b panels. */
static __attribute__((noinline)) void products_of_rows(const struct head *h, float *c, size_t n, size_t vecs,
                                                       const float *a, const float *panels)
{
    const size_t depth = up(h->a->dim, h->unit) / h->unit;
    for (size_t k = 0; k < n; k += ROWS, c += ROWS * LANES) {
        if (in_bf16(h)) {
            tile_any(1, ROWS, vecs, c, LANES, a + k * h->wide / 2, h->wide / 2, 1, panels, VL, depth * VL, depth, 0);
        } else {
            tile_any(0, ROWS, vecs, c, LANES, a + k * h->wide, h->wide, 1, panels, VL, depth * VL, depth, 0);
        }
    }
}

/* c (dim, vecs·VL; LANES apart) += aᵀ·b over n units of keys: a rows, `row` apart, b LANES apart. */
INLINE void sums_of(const int bf16, size_t dim, float *c, size_t vecs, const float *a, size_t row, const float *b,
                    size_t n)
{
    for (; dim >= ROWS; dim -= ROWS, c += ROWS * LANES, a += ROWS) {
        tile_any(bf16, ROWS, vecs, c, LANES, a, 1, row, b, LANES, VL, n, 1);
    }
    if (ROWS > 4 && dim >= 4) {
        tile_any(bf16, 4, vecs, c, LANES, a, 1, row, b, LANES, VL, n, 1);
        dim -= 4, c += 4 * LANES, a += 4;
    }
    if (dim >= 2) {
        tile_any(bf16, 2, vecs, c, LANES, a, 1, row, b, LANES, VL, n, 1);
        dim -= 2, c += 2 * LANES, a += 2;
    }
    if (dim > 0) {
        tile_any(bf16, 1, vecs, c, LANES, a, 1, row, b, LANES, VL, n, 1);
    }
}

static __attribute__((noinline)) void sums_over_keys(const struct head *h, float *c, size_t vecs, const float *a,
                                                     size_t row, const float *b, size_t n)
{
    if (in_bf16(h)) {
        sums_of(1, h->a->dim, c, vecs, a, row, b, n);
    } else {
        sums_of(0, h->a->dim, c, vecs, a, row, b, n);
    }
}

/* c (ROWS, wide) += a·b over n units of queries: a (ROWS, units; LANES/unit apart), b rows. */
static __attribute__((noinline)) void sums_over_queries(const struct head *h, float *c, const float *a, const float *b,
                                                        size_t n)
{
    size_t left = h->wide / VL;
    while (left > 0) {
        const size_t vecs = left == 4 ? 2 : least(left, VECS);
        if (in_bf16(h)) {
            tile_any(1, ROWS, vecs, c, h->wide, a, LANES / 2, 1, b, h->wide, VL, n, 1);
        } else {
            tile_any(0, ROWS, vecs, c, h->wide, a, LANES, 1, b, h->wide, VL, n, 1);
        }
        c += vecs * VL;
        b += vecs * VL;
        left -= vecs;
    }
}

INLINE size_t step_of(const struct stg_attention *a)
{
    return a->window == 0 ? 1 : a->dilation;
}

/* Queries of a class in a stretch. */
INLINE size_t stretch_of(const struct stg_attention *a)
{
    return a->window == 0 ? a->T : a->window < STRETCH ? STRETCH : up(a->window, LANES);
}

static size_t attention_scratch(const struct stg_attention *a)
{
    const size_t step = step_of(a);
    const size_t wide = up(a->dim, VL);
    const size_t rows = up(a->T, step) / step; /* of the largest class */
    const size_t queries = up(least(rows, stretch_of(a)), LANES);
    const size_t band = up(least(rows, queries + a->window + VL), VL);
    const size_t global = a->window == 0 ? 0 : up(a->n_global, VL);
    /* Backward needs most: four packs of keys (six of foreign ones, because they are gathered first), five of queries;
     * a block's dk and dv; lse and dout·out; four tiles. attention_step needs the scores of one row. */
    const size_t packs =
        (4 * band + 5 * queries + 10 * global + 2 * KEYS) * wide + 2 * queries + 4 * KEYS * LANES + 24 * 16;
    const size_t scores = a->heads * (up(a->T, VL) + VL);
    return packs > scores ? packs : scores;
}

/* A head's queries of one class among rows `from` to `to` (excluded) of the sequence. */
static void head_init(struct head *h, const struct stg_attention *a, size_t i_head, size_t residue, size_t from,
                      size_t to)
{
    const size_t step = step_of(a);
    const size_t n_global = a->window == 0 ? 0 : least(a->n_global, a->T);
    *h = (struct head){.a = a, .residue = residue, .step = step, .wide = up(a->dim, VL), .at = i_head * a->dim};
    h->unit = HAS_BF16 && a->bf16 ? 2 : 1;
    h->n = rows_before(a->T, residue, step);
    h->n_own = rows_before(n_global, residue, step);
    h->first = rows_before(from, residue, step);
    h->n_queries = rows_before(to, residue, step) - h->first;
    h->window = a->window == 0 ? h->n : least(a->window, h->n);
    h->keys[FOREIGN].n = n_global - h->n_own;
    if (h->n_queries > 0) {
        const size_t end = h->first + h->n_queries;
        h->keys[BAND].first = seen(h, BAND, h->first).from / VL * VL;
        h->keys[BAND].n = end - h->keys[BAND].first;
        h->keys[OWN].n = seen(h, OWN, end - 1).to;
    }
}

/* Row of q, dq, out, dout of query i (from 0), stride apart. */
INLINE size_t query_row(const struct head *h, size_t i)
{
    return h->residue + (h->first + i) * h->step - h->a->first_query;
}

/* The global rows of other classes as rows of `dim`, gathered, before they are packed. */
static void gather_foreign(const struct head *h, float *to, const float *from)
{
    for (size_t g = 0; g < h->keys[FOREIGN].n; g++, to += h->a->dim) {
        memcpy(to, from + foreign_row(h, g) * h->a->ld_kv + h->at, h->a->dim * sizeof(float));
    }
}

/* Rows for what is summed along them and, unless across is NULL, across them; in float they are the same. */
static void pack_operand(const struct head *h, float **along, float **across, const float *from, size_t stride,
                         size_t n, float scale, float **scratch)
{
    const size_t rows = up(n, ROWS);
    float *packed = take(scratch, rows * h->wide);
    pack_rows(packed, from, stride, n, h->a->dim, h->wide, scale);
    *along = packed;
    if (across != NULL) {
        *across = packed;
    }
    if (in_bf16(h)) {
        if (across != NULL) {
            *across = take(scratch, rows * h->wide);
            pair_up(*across, packed, rows, h->wide);
        }
        halve(packed, packed, rows * h->wide);
    }
}

static void pack_keys(const struct head *h, struct keys *keys, const float *k, const float *v, size_t stride,
                      int backward, float **scratch)
{
    if (backward) {
        pack_operand(h, &keys->k_along, &keys->k_across, k, stride, keys->n, 1.0f, scratch);
        pack_operand(h, &keys->v_along, NULL, v, stride, keys->n, 1.0f, scratch);
    } else {
        pack_operand(h, &keys->k_along, NULL, k, stride, keys->n, 1.0f, scratch);
        keys->v_across = v;
        keys->v_row = stride;
        if (in_bf16(h)) {
            float *packed = take(scratch, up(keys->n, ROWS) * h->wide);
            pack_rows(packed, v, stride, keys->n, h->a->dim, h->wide, 1.0f);
            pair_up(packed, packed, up(keys->n, ROWS), h->wide);
            keys->v_across = packed;
            keys->v_row = h->wide;
        }
    }
}

/* The class's queries, or the gradients of their outputs: panels and, unless across is NULL, rows for what is summed
 * across them. */
static void pack_queries(const struct head *h, float **panels, float **across, const float *from, size_t stride,
                         float scale, float **scratch)
{
    const size_t dim = h->a->dim;
    const size_t n = h->n_queries;
    *panels = take(scratch, up(n, VL) * dim);
    pack_panels(*panels, from, stride, n, dim, scale);
    if (across != NULL) {
        *across = take(scratch, up(n, ROWS) * h->wide);
        pack_rows(*across, from, stride, n, dim, h->wide, scale);
    }
    if (in_bf16(h)) {
        for (size_t i = 0; i < up(n, VL) / VL; i++) {
            pair_up(*panels + i * up(dim, 2) / 2 * VL, *panels + i * dim * VL, dim, VL);
        }
        if (across != NULL) {
            pair_up(*across, *across, up(n, ROWS), h->wide);
        }
    }
}

static void head_pack(struct head *h, const float *q, const float *k, const float *v, int backward, float **scratch)
{
    const struct stg_attention *a = h->a;
    const float *from = q + query_row(h, 0) * a->ld_q + h->at;
    pack_queries(h, &h->q_panels, backward ? &h->q_across : NULL, from, h->step * a->ld_q, 1.0f / sqrtf((float)a->dim),
                 scratch);
    for (int span = BAND; span <= OWN; span++) {
        const size_t begin = (h->residue + h->keys[span].first * h->step) * a->ld_kv + h->at;
        pack_keys(h, &h->keys[span], k + begin, v + begin, h->step * a->ld_kv, backward, scratch);
    }
    const size_t n = h->keys[FOREIGN].n;
    if (n >
        0) { /* gathered behind where they are packed to; forward takes no more of scratch, and backward packs both */
        float *gathered = *scratch + 4 * up(n, VL) * h->wide;
        gather_foreign(h, gathered, k);
        gather_foreign(h, gathered + n * a->dim, v);
        pack_keys(h, &h->keys[FOREIGN], gathered, gathered + n * a->dim, a->dim, backward, scratch);
    }
}

/* Units of panels before query `at` (from 0), a multiple of VL. */
INLINE size_t panel_at(const struct head *h, size_t at)
{
    return at * (up(h->a->dim, h->unit) / h->unit);
}

#define LOWEST (-1e30f) /* a score that is none */

/* A block of queries and its running softmax: o = Σ e^(s − max) v transposed, sum = Σ e^(s − max). */
struct block {
    size_t i, n; /* the first one's index in the class; LANES at most */
    vec max[VECS], sum[VECS];
    float *o; /* (dim, LANES) */
};

/* Scores x of a piece (its keys, LANES) become so low where a lane does not see the key that their weight is 0. */
INLINE void hide(const struct head *h, enum span span, const struct block *b, const struct piece *p, float *x)
{
    const struct range lanes = {p->vectors.from * VL, least(p->vectors.to * VL, b->n)};
    const struct range first = seen_by(h, span, p->keys.from);
    const struct range last = seen_by(h, span, p->keys.to - 1);
    if (last.from <= b->i + lanes.from && first.to >= b->i + lanes.to) {
        return;
    }
    for (size_t k = p->keys.from; k < p->keys.to; k++, x += LANES) {
        const struct range r = lanes_of(h, span, b->i, b->n, (struct range){k, k + 1});
        for (size_t j = p->vectors.from * VL; j < p->vectors.to * VL; j += VL) {
            if (r.from > j || r.to < j + VL) {
                *(vec *)(x + j) = choose(within(j, r.from, r.to), *(const vec *)(x + j), (vec){0} + LOWEST);
            }
        }
    }
}

/* The running maximum of `vecs` vectors grows to what n rows of scores need: where it is too low by more than SLACK, as
 * the rows before were weighted by it. Less does not overflow. */
#define SLACK 8.0f
INLINE void raise(struct block *b, const size_t v, const size_t vecs, const float *s, size_t n, size_t dim)
{
    vec top[VECS];
    ivec low = {0};
    UNROLL
    for (size_t j = 0; j < vecs; j++) {
        top[j] = *(const vec *)(s + j * VL);
    }
    for (size_t k = 1; k < n; k++) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            top[j] = vmax(top[j], *(const vec *)(s + k * LANES + j * VL));
        }
    }
    UNROLL
    for (size_t j = 0; j < vecs; j++) {
        low |= top[j] > b->max[v + j] + SLACK;
    }
    if (!any_of(low)) {
        return;
    }
    for (size_t j = 0; j < vecs; j++) {
        const vec max = vmax(b->max[v + j], top[j]);
        const vec shrink = vexp(b->max[v + j] - max);
        b->max[v + j] = max;
        b->sum[v + j] *= shrink;
        for (size_t d = 0; d < dim; d++) {
            *(vec *)(b->o + d * LANES + (v + j) * VL) *= shrink;
        }
    }
}

/* n rows of scores of `vecs` vectors become weights. */
INLINE void soften(struct block *b, const size_t v, const size_t vecs, float *s, size_t n, size_t dim)
{
    vec max[VECS];
    vec sum[VECS];
    raise(b, v, vecs, s, n, dim);
    UNROLL
    for (size_t j = 0; j < vecs; j++) {
        max[j] = vmax(b->max[v + j], (vec){0} + LOWEST * 0.5f); /* of a lane that saw nothing yet: its weights are 0 */
        sum[j] = b->sum[v + j];
    }
    for (size_t k = 0; k < n; k++) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            float *at = s + k * LANES + j * VL;
            const vec p = vexp(*(const vec *)at - max[j]);
            *(vec *)at = p;
            sum[j] += p;
        }
    }
    UNROLL
    for (size_t j = 0; j < vecs; j++) {
        b->sum[v + j] = sum[j];
    }
}

/* A block of queries against a piece of the keys. s: (KEYS, LANES) */
static void attend(const struct head *h, enum span span, struct block *b, const struct piece *p, float *s)
{
    const struct keys *keys = &h->keys[span];
    const size_t key = p->keys.from - keys->first;
    const size_t v = p->vectors.from;
    const size_t vecs = p->vectors.to - v;
    const size_t n = p->keys.to - p->keys.from;
    const size_t dim = h->a->dim;
    products_of_rows(h, s + v * VL, n, vecs, keys->k_along + key * h->wide / h->unit,
                     h->q_panels + panel_at(h, b->i - h->first + v * VL));
    hide(h, span, b, p, s);
    if (vecs == 3) {
        soften(b, v, 3, s + v * VL, n, dim);
    } else if (vecs == 2) {
        soften(b, v, 2, s + v * VL, n, dim);
    } else {
        soften(b, v, 1, s + v * VL, n, dim);
    }
    if (in_bf16(h)) {
        pair_up(s, s, n, LANES);
    }
    sums_over_keys(h, b->o + v * VL, vecs, keys->v_across + key / h->unit * keys->v_row, keys->v_row, s + v * VL,
                   up(n, h->unit) / h->unit);
}

/* What the block's rows have become goes out. */
static void put_block(const struct head *h, float *out, float *lse, const struct block *b)
{
    const struct stg_attention *a = h->a;
    for (size_t i = 0; i < b->n; i += VL) {
        const size_t n = least(b->n - i, VL);
        const vec sum = b->sum[i / VL];
        const vec max = b->max[i / VL];
        const size_t row = query_row(h, b->i - h->first + i);
        unpack_rows(out + row * a->ld_out + h->at, h->step * a->ld_out, b->o + i, LANES, 1.0f / sum, n, a->dim);
        for (size_t r = 0; r < n; r++) {
            lse[h->at / a->dim * (a->T - a->first_query) + row + r * h->step] = max[r] + logf(sum[r]);
        }
    }
}

static void forward_block(const struct head *h, float *out, float *lse, struct block *b, float *s)
{
    memset(b->o, 0, h->a->dim * LANES * sizeof(float));
    for (size_t j = 0; j < VECS; j++) {
        b->max[j] = (vec){0} + LOWEST;
        b->sum[j] = (vec){0};
    }
    for (int span = 0; span < N_SPANS; span++) {
        const size_t end = seen(h, (enum span)span, b->i + b->n - 1).to;
        for (size_t k = seen(h, (enum span)span, b->i).from / VL * VL; k < end;) {
            const struct piece p = next_piece(h, (enum span)span, b->i, b->n, k, end);
            if (p.vectors.from < p.vectors.to) {
                attend(h, (enum span)span, b, &p, s);
            }
            k = p.keys.to;
        }
    }
    put_block(h, out, lse, b);
}

/* Forward of one head's queries of one class in a stretch. */
static void forward_head(struct head *h, float *out, float *lse, const float *q, const float *k, const float *v,
                         float *free)
{
    float *s = take(&free, KEYS * LANES);
    struct block b = {.o = take(&free, LANES * h->a->dim)};
    head_pack(h, q, k, v, 0, &free);
    for (size_t begin = 0; begin < h->n_queries; begin += LANES) {
        b.i = h->first + begin;
        b.n = least(h->n_queries - begin, LANES);
        forward_block(h, out, lse, &b, s);
    }
}

static void attention_forward(float *out, float *lse, const float *q, const float *k, const float *v,
                              const struct stg_attention *a, float *scratch)
{
    const size_t rows = stretch_of(a) * step_of(a);
    for (size_t from = a->first_query; from < a->T; from += rows) {
        for (size_t i = 0; i < a->heads * least(step_of(a), a->T); i++) {
            struct head h;
            head_init(&h, a, i % a->heads, i / a->heads, from, least(from + rows, a->T));
            if (h.n_queries > 0) {
                forward_head(&h, out, lse, q, k, v, scratch);
            }
        }
    }
}

/* What backward makes of a block of keys and a block of queries: p the weights, ds the gradients of the scores. */
struct tiles {
    float *p, *ds;           /* (KEYS, LANES/unit) */
    float *p_wide, *ds_wide; /* (KEYS, LANES) before they are rounded; in float the same */
    float *dk, *dv;          /* (KEYS, wide) of the block of keys */
    float *lse, *mean;       /* (n_queries, up to whole vectors) of the class; mean = dout·out */
};

/* n rows of scores of `vecs` vectors become weights, of products dout·v gradients. */
INLINE void weigh(float *p, float *ds, const size_t vecs, const float *lse, const float *mean, size_t n)
{
    vec low[VECS];
    vec middle[VECS];
    UNROLL
    for (size_t j = 0; j < vecs; j++) {
        low[j] = *(const vec *)(lse + j * VL);
        middle[j] = *(const vec *)(mean + j * VL);
    }
    for (size_t k = 0; k < n; k++, p += LANES, ds += LANES) {
        UNROLL
        for (size_t j = 0; j < vecs; j++) {
            const vec weight = vexp(*(const vec *)(p + j * VL) - low[j]);
            *(vec *)(p + j * VL) = weight;
            *(vec *)(ds + j * VL) = weight * (*(const vec *)(ds + j * VL) - middle[j]);
        }
    }
}

/* A block of queries against a piece of the block of keys that begins at `begin`: its rows of p and ds, and what it
 * adds to dq. */
static void backward_piece(const struct head *h, enum span span, const struct block *b, const struct piece *piece,
                           size_t begin, const struct tiles *t)
{
    const struct keys *keys = &h->keys[span];
    const size_t key = piece->keys.from - keys->first;
    const size_t v = piece->vectors.from * VL;
    const size_t vecs = piece->vectors.to - piece->vectors.from;
    const size_t n = piece->keys.to - piece->keys.from;
    const size_t at = b->i - h->first;
    const size_t row = piece->keys.from - begin;
    float *p = t->p_wide + row * LANES;
    float *ds = t->ds_wide + row * LANES;
    products_of_rows(h, p + v, n, vecs, keys->k_along + key * h->wide / h->unit, h->q_panels + panel_at(h, at + v));
    products_of_rows(h, ds + v, n, vecs, keys->v_along + key * h->wide / h->unit, h->dout_panels + panel_at(h, at + v));
    hide(h, span, b, piece, p);
    if (vecs == 3) {
        weigh(p + v, ds + v, 3, t->lse + at + v, t->mean + at + v, n);
    } else if (vecs == 2) {
        weigh(p + v, ds + v, 2, t->lse + at + v, t->mean + at + v, n);
    } else {
        weigh(p + v, ds + v, 1, t->lse + at + v, t->mean + at + v, n);
    }
    if (in_bf16(h)) { /* two queries are a unit of p and ds, two keys one of what dq is made from */
        for (size_t k = 0; k < n; k++) {
            halve(t->p + (row + k) * LANES / 2 + v / 2, p + k * LANES + v, vecs * VL);
            halve(t->ds + (row + k) * LANES / 2 + v / 2, ds + k * LANES + v, vecs * VL);
        }
        pair_up(ds, ds, n, LANES);
    }
    sums_over_keys(h, h->dq + at * h->a->dim + v, vecs, keys->k_across + key / h->unit * h->wide, h->wide, ds + v,
                   up(n, h->unit) / h->unit);
}

/* A block of queries against a block of keys. */
static void backward_block(const struct head *h, enum span span, const struct block *b, struct range keys,
                           const struct tiles *t)
{
    const size_t at = b->i - h->first;
    for (size_t k = keys.from; k < keys.to;) {
        const struct piece p = next_piece(h, span, b->i, b->n, k, keys.to);
        if (p.vectors.from < p.vectors.to) {
            backward_piece(h, span, b, &p, keys.from, t);
        }
        k = p.keys.to;
    }
    for (size_t k = keys.from; k < keys.to; k += ROWS) { /* only by the lanes that see any of the rows */
        const struct range lanes = lanes_of(h, span, b->i, b->n, (struct range){k, least(k + ROWS, keys.to)});
        if (lanes.from < lanes.to) {
            const struct range units = {lanes.from / h->unit, up(lanes.to, h->unit) / h->unit};
            const size_t to = (k - keys.from) * h->wide;
            const size_t from = (k - keys.from) * (LANES / h->unit) + units.from;
            const size_t row = (at / h->unit + units.from) * h->wide;
            sums_over_queries(h, t->dv + to, t->p + from, h->dout_across + row, units.to - units.from);
            sums_over_queries(h, t->dk + to, t->ds + from, h->q_across + row, units.to - units.from);
        }
    }
}

/* dk and dv of a block of keys go to the rows of the sequence; several stretches add to a row of both, and several
 * classes to a global one. */
static void add_keys(const struct head *h, enum span span, float *dk, float *dv, const struct tiles *t,
                     struct range keys)
{
    const struct stg_attention *a = h->a;
    for (size_t i = 0; i < keys.to - keys.from; i++) {
        const size_t row = span == FOREIGN ? foreign_row(h, keys.from + i) : h->residue + (keys.from + i) * h->step;
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
    const size_t last = h->keys[span].first + h->keys[span].n;
    for (size_t begin = h->keys[span].first; begin < last; begin += KEYS) {
        const struct range keys = {begin, least(begin + KEYS, last)};
        const size_t from = seen_by(h, span, keys.from).from;
        const size_t to = least(end, seen_by(h, span, keys.to - 1).to);
        memset(t->dk, 0, KEYS * h->wide * sizeof(float));
        memset(t->dv, 0, KEYS * h->wide * sizeof(float));
        for (size_t i = h->first + (from > h->first ? (from - h->first) / LANES * LANES : 0); i < to; i += LANES) {
            backward_block(h, span, &(struct block){.i = i, .n = least(end - i, LANES)}, keys, t);
        }
        add_keys(h, span, dk, dv, t, keys);
    }
}

/* dout packed, and lse and dout·out of the class's queries in order; those behind the last one get no weight. */
static void backward_pack(struct head *h, const struct tiles *t, const float *dout, const float *out, const float *lse,
                          float **scratch)
{
    const struct stg_attention *a = h->a;
    const size_t n = h->n_queries;
    h->dq = take(scratch, up(n, LANES) * a->dim);
    memset(h->dq, 0, up(n, LANES) * a->dim * sizeof(float));
    pack_queries(h, &h->dout_panels, &h->dout_across, dout + query_row(h, 0) * a->ld_out + h->at, h->step * a->ld_out,
                 1.0f, scratch);
    for (size_t i = 0; i < up(n, VL); i++) {
        const size_t row = query_row(h, i);
        float sum = 0.0f;
        for (size_t j = 0; j < a->dim && i < n; j++) {
            sum += dout[row * a->ld_out + h->at + j] * out[row * a->ld_out + h->at + j];
        }
        t->mean[i] = sum;
        t->lse[i] = i < n ? lse[h->at / a->dim * (a->T - a->first_query) + row] : -LOWEST;
    }
}

static void backward_head(struct head *h, float *dq, float *dk, float *dv, const struct tiles *t)
{
    const struct stg_attention *a = h->a;
    const vec scale = (vec){0} + 1.0f / sqrtf((float)a->dim);
    for (int span = 0; span < N_SPANS; span++) {
        backward_keys(h, (enum span)span, dk, dv, t);
    }
    for (size_t i = 0; i < h->n_queries; i += VL) {
        const float *from = h->dq + i / LANES * LANES * a->dim + i % LANES;
        unpack_rows(dq + query_row(h, i) * a->ld_q + h->at, h->step * a->ld_q, from, LANES, scale,
                    least(h->n_queries - i, VL), a->dim);
    }
}

/* Rows `from` to `to` (excluded) of what backward adds to. */
static void clear_rows(float *dk, float *dv, const struct stg_attention *a, size_t from, size_t to)
{
    for (size_t row = from; row < to; row++) {
        memset(dk + row * a->ld_kv, 0, a->heads * a->dim * sizeof(float));
        memset(dv + row * a->ld_kv, 0, a->heads * a->dim * sizeof(float));
    }
}

static void tiles_init(struct tiles *t, const struct head *h, float **scratch)
{
    t->lse = take(scratch, up(h->n_queries, VL));
    t->mean = take(scratch, up(h->n_queries, VL));
    t->p = t->p_wide = take(scratch, KEYS * LANES);
    t->ds = t->ds_wide = take(scratch, KEYS * LANES);
    if (in_bf16(h)) {
        t->p_wide = take(scratch, KEYS * LANES);
        t->ds_wide = take(scratch, KEYS * LANES);
    }
    t->dk = take(scratch, KEYS * h->wide);
    t->dv = take(scratch, KEYS * h->wide);
}

static void attention_backward(float *dq, float *dk, float *dv, const float *dout, const float *q, const float *k,
                               const float *v, const float *out, const float *lse, const struct stg_attention *a,
                               float *scratch)
{
    const size_t rows = stretch_of(a) * step_of(a);
    clear_rows(dk, dv, a, 0, a->first_query);
    for (size_t from = a->first_query; from < a->T; from += rows) {
        const size_t to = least(from + rows, a->T);
        clear_rows(dk, dv, a, from, to); /* no query before them sees these keys */
        for (size_t i = 0; i < a->heads * least(step_of(a), a->T); i++) {
            struct head h;
            struct tiles t;
            float *free = scratch;
            head_init(&h, a, i % a->heads, i / a->heads, from, to);
            if (h.n_queries == 0) {
                continue;
            }
            tiles_init(&t, &h, &free);
            head_pack(&h, q, k, v, 1, &free);
            backward_pack(&h, &t, dout, out, lse, &free);
            backward_head(&h, dq, dk, dv, &t);
        }
    }
}

#endif
