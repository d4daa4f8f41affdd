/* Random numbers: xoshiro256** seeded through splitmix64 (Blackman and Vigna, "Scrambled Linear Pseudorandom Number
 * Generators", 2021). The whole state is the struct, so a checkpoint stores it as it is. Not for secrets. */
#ifndef STG_BASE_RNG_H
#define STG_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct stg_rng {
    uint64_t s[4];
};

void stg_rng_seed(struct stg_rng *r, uint64_t seed);
uint64_t stg_rng_next(struct stg_rng *r);
uint64_t stg_rng_below(struct stg_rng *r, uint64_t n); /* uniform in 0 … n−1, n > 0 */
double stg_rng_unit(struct stg_rng *r);                /* uniform in [0, 1) */
double stg_rng_normal(struct stg_rng *r);              /* mean 0, variance 1 */
void stg_rng_shuffle(struct stg_rng *r, uint32_t *items, size_t n);

#endif
