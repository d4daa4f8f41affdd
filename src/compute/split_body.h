/* Splitting by a bound. The including file defines VL (vector_body.h). */
#ifndef STG_COMPUTE_SPLIT_BODY_H
#define STG_COMPUTE_SPLIT_BODY_H

#include "compute/vector_body.h"

#if VL == 16
/* A compressed vector is stored whole: what lies behind its elements is room, or was read already. */
static size_t split_by(float *below, float *above, size_t *n_above, const float *v, size_t n, float bound)
{
    const __m512 to = _mm512_set1_ps(bound);
    size_t low = 0, high = 0;
    for (size_t i = 0; i < n; i += VL) {
        const __mmask16 some = n - i < VL ? (__mmask16)((1u << (n - i)) - 1) : (__mmask16)0xffff;
        const __m512 x = _mm512_maskz_loadu_ps(some, v + i);
        const __mmask16 less = _mm512_mask_cmp_ps_mask(some, x, to, _CMP_LT_OQ),
                        more = _mm512_mask_cmp_ps_mask(some, x, to, _CMP_GT_OQ);
        _mm512_storeu_ps(below + low, _mm512_maskz_compress_ps(less, x));
        _mm512_storeu_ps(above + high, _mm512_maskz_compress_ps(more, x));
        low += (size_t)__builtin_popcount(less);
        high += (size_t)__builtin_popcount(more);
    }
    *n_above = high;
    return low;
}
#else
#define split_by \
    stg_plain_split /* packing what was chosen takes a table, and then no less time than element by element */
#endif

#endif
