/* Steps of an octave: classes of a quantity whose width grows with it. */
#ifndef STG_BASE_OCTAVE_H
#define STG_BASE_OCTAVE_H

#include <stdint.h>

/* The number of value's step, counted from 0 at 1, where every octave has 2^bits of equal width: 2^bits floor(log2
 * value) + the bits that follow the highest. value > 0, bits below 32. */
static inline uint64_t stg_octave_step(uint64_t value, unsigned bits)
{
    const unsigned highest = 63 - (unsigned)__builtin_clzll(value);
    const uint64_t top = highest >= bits ? value >> (highest - bits) : value << (bits - highest);
    return ((uint64_t)highest << bits) + (top & ((UINT64_C(1) << bits) - 1));
}

#endif
