/* Vectors and the functions of one number that the fast kernels share; VL is defined by the including file. */
#ifndef STG_COMPUTE_VECTOR_BODY_H
#define STG_COMPUTE_VECTOR_BODY_H

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

/* Before a loop of constant length over accumulators, which stay in registers only if the loop is unrolled. */
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef float vec __attribute__((vector_size(VL * 4), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(VL * 4), aligned(4), may_alias));

/* What columns are counted in where a whole vector of them would have lanes without use: half of a long vector, which
 * costs half of it on processors that do a long one in two passes; a short one is not divided. */
enum { PART = 8, PARTS = VL / PART };
typedef float part __attribute__((vector_size(PART * 4), aligned(4), may_alias));

#if VL == 16
#define IOTA                                                 \
    {                                                        \
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 \
    }
INLINE vec vmax(vec x, vec y)
{
    return _mm512_max_ps(x, y);
}
/* Whether any element has all bits set. */
INLINE int any_of(ivec mask)
{
    return _mm512_movepi32_mask((__m512i)mask) != 0;
}
/* The first n elements, n < VL, and no others; of what is loaded the others are 0. */
INLINE vec load_first(const float *x, size_t n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), x);
}
INLINE void store_first(float *x, size_t n, vec v)
{
    _mm512_mask_storeu_ps(x, (__mmask16)((1u << n) - 1), v);
}
INLINE part first_part(vec x)
{
    return _mm512_castps512_ps256(x);
}
/* The first n elements, n <= PART, and no others; of what is loaded the others are 0. */
INLINE part load_part(const float *x, size_t n)
{
    return _mm256_maskz_loadu_ps((__mmask8)((1u << n) - 1), x);
}
INLINE void store_part(float *x, size_t n, part v)
{
    _mm256_mask_storeu_ps(x, (__mmask8)((1u << n) - 1), v);
}
#else
#define IOTA                   \
    {                          \
        0, 1, 2, 3, 4, 5, 6, 7 \
    }
INLINE vec vmax(vec x, vec y)
{
    return _mm256_max_ps(x, y);
}
INLINE int any_of(ivec mask)
{
    return _mm256_movemask_ps((__m256)mask) != 0;
}
INLINE vec load_first(const float *x, size_t n)
{
    return _mm256_maskload_ps(x, (__m256i)((ivec)IOTA < (int32_t)n));
}
INLINE void store_first(float *x, size_t n, vec v)
{
    _mm256_maskstore_ps(x, (__m256i)((ivec)IOTA < (int32_t)n), v);
}
INLINE part first_part(vec x)
{
    return x;
}
INLINE part load_part(const float *x, size_t n)
{
    return load_first(x, n);
}
INLINE void store_part(float *x, size_t n, part v)
{
    store_first(x, n, v);
}
#endif

/* All elements x, in a register: without the empty instruction the compiler loads x again for each use. */
INLINE vec spread(float x)
{
    vec v = (vec){0} + x;
    __asm__("" : "+v"(v));
    return v;
}

/* x, of which the compiler knows nothing. */
INLINE float opaque(float x)
{
    __asm__("" : "+x"(x));
    return x;
}

INLINE float vmax_of(vec x)
{
    float max = x[0];
    UNROLL
    for (size_t i = 1; i < VL; i++) {
        max = fmaxf(max, x[i]);
    }
    return max;
}

INLINE float vsum(vec x)
{
    float sum = 0.0f;
    UNROLL
    for (size_t i = 0; i < VL; i++) {
        sum += x[i];
    }
    return sum;
}

/* All bits set where from <= i < to, for the VL elements from i on. */
INLINE ivec within(size_t i, size_t from, size_t to)
{
    const ivec index = (ivec)IOTA + (int32_t)i;
    return (index >= (int32_t)from) & (index < (int32_t)to);
}

INLINE vec choose(ivec mask, vec x, vec y)
{
    return (vec)(((ivec)x & mask) | ((ivec)y & ~mask));
}

/* Vector j of a row with `width` elements: what exists of it. */
INLINE vec load_columns(const float *x, size_t j, size_t width)
{
    return width >= (j + 1) * VL ? *(const vec *)(x + j * VL) : load_first(x + j * VL, width - j * VL);
}

INLINE void store_columns(float *x, size_t j, size_t width, vec v)
{
    if (width >= (j + 1) * VL) {
        *(vec *)(x + j * VL) = v;
    } else {
        store_first(x + j * VL, width - j * VL, v);
    }
}

/* exp for x <= 88, exactly 0 far below (−104 at most), relative error below 2e-7 + 1e-7·|x|: 2^(whole part) × a
 * polynomial on [0, 1) of relative error 9e-8 (Remez 1934). */
INLINE vec vexp(vec x)
{
    vec y = x * 1.44269504f;
#if VL == 16
    const vec r = _mm512_reduce_ps(y, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#else
    const ivec kept = y > -126.0f;
    y = vmax(y, (vec){0} - 126.0f);
    const vec n = _mm256_round_ps(y, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    const vec r = y - n;
#endif
    vec p = r * 1.8775766948e-3f + 8.9893396944e-3f;
    p = p * r + 5.5826317519e-2f;
    p = p * r + 2.4015361071e-1f;
    p = p * r + 6.9315308332e-1f;
    p = p * r + 9.9999994040e-1f;
#if VL == 16
    return _mm512_scalef_ps(p, y);
#else
    const ivec power = (__builtin_convertvector(n, ivec) + 127) << 23;
    return (vec)((ivec)(p * (vec)power) & kept);
#endif
}

/* 1 / x of a normal number whose inverse is one, relative error below 1e-7. */
INLINE vec inverse(vec x)
{
#if VL == 16
    const vec r = _mm512_rcp14_ps(x);
    return r * (2.0f - x * r);
#else
    return 1.0f / x;
#endif
}

/* 1 / (1 + e^−x), absolute error below 1e-7. */
INLINE vec vsigmoid(vec x)
{
    return inverse(1.0f + vexp(-vmax((vec){0} - 88.0f, x)));
}

/* Absolute error below 3e-7. */
INLINE vec vtanh(vec x)
{
    return 2.0f * vsigmoid(2.0f * x) - 1.0f;
}

/* Two bf16 in each 32-bit element; the low half is the even neighbour. */
typedef uint32_t pairs __attribute__((vector_size(VL * 4), aligned(4), may_alias));

/* VL floats from bf16. */
INLINE vec widened(const uint16_t *x)
{
#if VL == 16
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)x)), 16);
#else
    return (vec)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)x)), 16);
#endif
}

/* acc += x.even·w.even + x.odd·w.odd */
INLINE vec add_pairs(vec acc, pairs x, pairs w)
{
#if HAS_BF16
    return _mm512_dpbf16_ps(acc, (__m512bh)x, (__m512bh)w);
#else
    acc += (vec)(x << 16) * (vec)(w << 16);
#if VL == 16
    __asm__(""
            : "+v"(acc)); /* or the compiler adds both products first: an instruction more, but fewer registers, which
                             AVX2 lacks */
#endif
    return acc + (vec)(x & 0xffff0000u) * (vec)(w & 0xffff0000u);
#endif
}

INLINE part add_part_of_pairs(part acc, part x, part w)
{
#if HAS_BF16
    return _mm256_dpbf16_ps(acc, (__m256bh)x, (__m256bh)w);
#else
    typedef uint32_t bits __attribute__((vector_size(PART * 4)));
    acc += (part)((bits)x << 16) * (part)((bits)w << 16);
    return acc + (part)((bits)x & 0xffff0000u) * (part)((bits)w & 0xffff0000u);
#endif
}

#if HAS_BF16
/* Element i rounded from even[i] and odd[i]. What is smaller than the smallest normal number becomes 0, as products
 * take it anyway. */
INLINE pairs pair(vec even, vec odd)
{
    const pairs both = (pairs)_mm512_cvtne2ps_pbh(odd, even); /* all of even, then all of odd */
    const ivec order = (ivec)IOTA | ((ivec)IOTA + VL) << 16;
    return (pairs)_mm512_permutexvar_epi16((__m512i)order, (__m512i)both);
}

/* 2·VL neighbours in a row: x, then y. */
INLINE pairs neighbours(vec x, vec y)
{
    return (pairs)_mm512_cvtne2ps_pbh(y, x);
}
#endif

/* exp for |x| up to the range of float, relative error below 3e-7: 2^n × polynomial on [−ln 2 / 2, ln 2 / 2]. */
INLINE float exp_fast(float x)
{
    x = fmaxf(fminf(x, 88.0f), -87.0f);
    const float f = rintf(x * 1.44269504f);
    const float r = (x - f * 0.693359375f) + f * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    /* 2^f: f stands in the last bits of the sum; a number that is none is not converted, which would have no
     * meaning. */
    union {
        float f;
        uint32_t bits;
    } power = {.f = f + 12582912.0f};
    power.bits = (power.bits + 127) << 23;
    return p * power.f;
}

#endif
