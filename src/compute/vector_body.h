/* Vectors and the functions of one number that the fast kernels share; VL is defined by the including file. */
#ifndef STG_COMPUTE_VECTOR_BODY_H
#define STG_COMPUTE_VECTOR_BODY_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(VL * 4), aligned(4), may_alias));

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
    const union {
        int32_t i;
        float f;
    } power = {.i = ((int32_t)f + 127) << 23};
    return p * power.f;
}

INLINE float sigmoid(float x)
{
    return 1.0f / (1.0f + exp_fast(-x));
}

INLINE float tanh_fast(float x)
{
    return 2.0f / (1.0f + exp_fast(-2.0f * x)) - 1.0f;
}

#endif
