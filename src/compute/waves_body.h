/* Fast sinusoids: the argument less a multiple of π/2, in parts as in Cody and Waite (1980), then polynomials, all in
 * double. Products and sums of the reduction are fused and spelt out, so that none is reordered. Checked against
 * rows_plain.c. */
#ifndef STG_COMPUTE_WAVES_BODY_H
#define STG_COMPUTE_WAVES_BODY_H

#include "compute/kernels_internal.h"
#include "compute/vector_body.h"

#include <stdbool.h>

#define WAVES (VL / 2) /* doubles of a vector */

typedef double dvec __attribute__((vector_size(VL * 4), aligned(8), may_alias));
typedef int64_t lvec __attribute__((vector_size(VL * 4), aligned(8), may_alias));

/* Below it the multiple of π/2 is a whole number in double, and what the parts of π/2 leave out is below 1e-17. */
#define WAVES_LIMIT 0x1p50

#if VL == 16
INLINE dvec minus_product(dvec x, dvec k, double y)
{
    return _mm512_fnmadd_pd(k, _mm512_set1_pd(y), x);
}
INLINE dvec nearest(dvec x)
{
    return _mm512_roundscale_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
INLINE dvec floor_of(dvec x)
{
    return _mm512_roundscale_pd(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
INLINE bool all_of(lvec mask)
{
    return _mm512_movepi64_mask((__m512i)mask) == 0xff;
}
/* The first n elements, others 0. */
INLINE dvec first_of(const double *x, size_t n)
{
    return _mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), x);
}
/* The first n elements of s and c in turn. */
INLINE void put_in_turn(float *x, dvec s, dvec c, size_t n)
{
    const __m512i order = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512 sines = _mm512_castps256_ps512(_mm512_cvtpd_ps(s));
    const __m512 cosines = _mm512_castps256_ps512(_mm512_cvtpd_ps(c));
    _mm512_mask_storeu_ps(x, (__mmask16)((1u << 2 * n) - 1), _mm512_permutex2var_ps(sines, order, cosines));
}
#else
INLINE dvec minus_product(dvec x, dvec k, double y)
{
    return _mm256_fnmadd_pd(k, _mm256_set1_pd(y), x);
}
INLINE dvec nearest(dvec x)
{
    return _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
INLINE dvec floor_of(dvec x)
{
    return _mm256_round_pd(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
INLINE bool all_of(lvec mask)
{
    return _mm256_movemask_pd((dvec)mask) == 0xf;
}
INLINE dvec first_of(const double *x, size_t n)
{
    const lvec wanted = (lvec){0, 1, 2, 3} < (int64_t)n;
    return _mm256_maskload_pd(x, (__m256i)wanted);
}
INLINE void put_in_turn(float *x, dvec s, dvec c, size_t n)
{
    const __m128 sines = _mm256_cvtpd_ps(s);
    const __m128 cosines = _mm256_cvtpd_ps(c);
    const __m256 both = _mm256_set_m128(_mm_unpackhi_ps(sines, cosines), _mm_unpacklo_ps(sines, cosines));
    _mm256_maskstore_ps(x, (__m256i)within(0, 0, 2 * n), both);
}
#endif

INLINE dvec choose_of(lvec mask, dvec x, dvec y)
{
    return (dvec)(((lvec)x & mask) | ((lvec)y & ~mask));
}

INLINE dvec negate_where(lvec mask, dvec x)
{
    return (dvec)((lvec)x ^ (mask & INT64_MIN));
}

/* sin and cos of r, |r| <= π/4, to 1e-10: Taylor's series. */
INLINE dvec sine(dvec r, dvec r2)
{
    dvec p = r2 * (-1.0 / 39916800) + 1.0 / 362880;
    p = p * r2 - 1.0 / 5040;
    p = p * r2 + 1.0 / 120;
    p = p * r2 - 1.0 / 6;
    return r + r * r2 * p;
}

INLINE dvec cosine(dvec r2)
{
    dvec p = r2 * (1.0 / 479001600) - 1.0 / 3628800;
    p = p * r2 + 1.0 / 40320;
    p = p * r2 - 1.0 / 720;
    p = p * r2 + 1.0 / 24;
    p = p * r2 - 1.0 / 2;
    return p * r2 + 1.0;
}

static void waves(float *x, double v, const double *scale, size_t n)
{
    for (; n > 0; x += 2 * WAVES) {
        const size_t now = n < WAVES ? n : WAVES;
        const dvec y = first_of(scale, now) * v;
        const lvec near = (y < WAVES_LIMIT) & (y > -WAVES_LIMIT);
        if (!all_of(near)) {
            stg_plain_waves(x, v, scale, now); /* far numbers, and those that are none */
        } else {
            const dvec k = nearest(y * 0x1.45f306dc9c883p-1); /* 2/π */
            dvec r =
                minus_product(y, k, 0x1.921fb54442d18p0); /* π/2 in two doubles, each the nearest to what is left */
            r = minus_product(r, k, 0x1.1a62633145c07p-54);
            const dvec quarter = minus_product(k, floor_of(k * 0.25), 4.0);
            const dvec s = sine(r, r * r);
            const dvec c = cosine(r * r);
            const lvec odd = (quarter == 1.0) | (quarter == 3.0);
            put_in_turn(x, negate_where(quarter >= 2.0, choose_of(odd, c, s)),
                        negate_where((quarter == 1.0) | (quarter == 2.0), choose_of(odd, s, c)), now);
        }
        scale += now;
        n -= now;
    }
}

#endif
