/* How the fast attention lays out what it multiplies: rows, panels, and pairs of bf16. */
#ifndef STG_COMPUTE_ATTENTION_PACK_BODY_H
#define STG_COMPUTE_ATTENTION_PACK_BODY_H

#include "compute/vector_body.h"

#include <string.h>

INLINE size_t up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

INLINE size_t least(size_t x, size_t y)
{
    return x < y ? x : y;
}

/* Rows or keys from … to − 1. */
struct range {
    size_t from, to;
};

/* How many rows of the class `residue` come before row `end` of the sequence. */
INLINE size_t rows_before(size_t end, size_t residue, size_t step)
{
    return end > residue ? up(end - residue, step) / step : 0;
}

static float *take(float **scratch, size_t n)
{
    float *taken = *scratch;
    *scratch += up(n, 16);
    return taken;
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
static void pack_panel(float *to, const float *from, size_t stride, size_t rows, size_t dim, float scale)
{
    for (size_t begin = 0; begin < dim; begin += VL) {
        const size_t j = least(begin, dim - VL);
        vec x[VL];
        UNROLL
        for (size_t r = 0; r < VL; r++) {
            x[r] = r < rows ? *(const vec *)(from + r * stride + j) : (vec){0};
            x[r] *= scale;
        }
        transpose(x);
        UNROLL
        for (size_t r = 0; r < VL; r++) {
            *(vec *)(to + (j + r) * VL) = x[r];
        }
    }
}

/* The way back: elements of from (dim, a vector each, ld apart) times scale become rows. */
static void unpack_panel(float *to, size_t stride, const float *from, size_t ld, vec scale, size_t rows, size_t dim)
{
    for (size_t begin = 0; begin < dim; begin += VL) {
        const size_t j = least(begin, dim - VL);
        vec x[VL];
        UNROLL
        for (size_t r = 0; r < VL; r++) {
            x[r] = *(const vec *)(from + (j + r) * ld) * scale;
        }
        transpose(x);
        UNROLL
        for (size_t r = 0; r < VL; r++) {
            if (r < rows) {
                *(vec *)(to + r * stride + j) = x[r];
            }
        }
    }
}
#endif

/* n rows of dim elements, stride apart, times scale into panels. */
static void pack_panels(float *to, const float *from, size_t stride, size_t n, size_t dim, float scale)
{
    for (size_t i = 0; i < n; i += VL, to += dim * VL, from += VL * stride) {
        const size_t rows = least(n - i, VL);
#if VL == 16
        if (dim >= VL) {
            pack_panel(to, from, stride, rows, dim, scale);
            continue;
        }
#endif
        for (size_t r = 0; r < rows; r++) {
            for (size_t j = 0; j < dim; j++) {
                to[j * VL + r] = from[r * stride + j] * scale;
            }
        }
        for (size_t j = 0; j < dim && rows < VL; j++) {
            memset(to + j * VL + rows, 0, (VL - rows) * sizeof(float));
        }
    }
}

/* n rows, at most VL, from one vector of lanes each: element j of row r = from[j·ld + r]·scale[r]. */
static void unpack_rows(float *to, size_t stride, const float *from, size_t ld, vec scale, size_t n, size_t dim)
{
#if VL == 16
    if (dim >= VL) {
        unpack_panel(to, stride, from, ld, scale, n, dim);
        return;
    }
#endif
    for (size_t r = 0; r < n; r++) {
        for (size_t j = 0; j < dim; j++) {
            to[r * stride + j] = from[j * ld + r] * scale[r];
        }
    }
}

/* n rows of dim elements, stride apart, times scale into rows of `wide` (whole vectors), up to a whole number of
 * ROWS. */
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
    memset(to, 0, (up(n, ROWS) - n) * wide * sizeof(float));
}

#endif
