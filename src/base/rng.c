#include "base/rng.h"

#include <math.h>

void stg_rng_seed(struct stg_rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u; /* splitmix64 */
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        r->s[i] = z ^ (z >> 31);
    }
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t stg_rng_next(struct stg_rng *r)
{
    const uint64_t result = rotl(r->s[1] * 5, 7) * 9;
    const uint64_t t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rotl(r->s[3], 45);
    return result;
}

uint64_t stg_rng_below(struct stg_rng *r, uint64_t n)
{
    const uint64_t biased = -n % n; /* 2^64 mod n values at the bottom would come up once too often */
    uint64_t x;
    do {
        x = stg_rng_next(r);
    } while (x < biased);
    return x % n;
}

double stg_rng_unit(struct stg_rng *r)
{
    return (double)(stg_rng_next(r) >> 11) * 0x1p-53;
}

double stg_rng_normal(struct stg_rng *r)
{
    /* Box and Muller 1958; the second value is not kept so that the state is the four words alone. */
    const double u = 1.0 - stg_rng_unit(r);
    const double v = stg_rng_unit(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

void stg_rng_shuffle(struct stg_rng *r, uint32_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        const size_t j = (size_t)stg_rng_below(r, i);
        const uint32_t t = items[i - 1];
        items[i - 1] = items[j];
        items[j] = t;
    }
}
