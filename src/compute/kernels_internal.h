/* What the variants share. */
#ifndef STG_COMPUTE_KERNELS_INTERNAL_H
#define STG_COMPUTE_KERNELS_INTERNAL_H

#include "compute/kernels.h"

extern const struct stg_kernels stg_kernels_plain, stg_kernels_avx2, stg_kernels_avx512;

/* Both are exact in integers, so that every variant drops the same elements. */
static inline uint32_t stg_dropout_hash(uint32_t i, uint32_t k0, uint32_t k1)
{
    uint32_t x = (i ^ k0) * 0x85ebca6bu + k1; /* finaliser of MurmurHash3 (Appleby 2011) over index and key */
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

static inline uint32_t stg_dropout_bound(float p)
{
    return (uint32_t)(p * 16777216.0f);
}

#endif
