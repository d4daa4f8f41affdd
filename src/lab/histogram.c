#include "lab/histogram.h"

/* Values below 32 have a bucket each; above, the top five bits below the leading one choose it. */
static uint32_t bucket_of(uint64_t ns)
{
    if (ns < STG_HISTOGRAM_SUB) {
        return (uint32_t)ns;
    }
    const uint32_t top = 63U - (uint32_t)__builtin_clzll(ns);
    const uint32_t sub = (uint32_t)(ns >> (top - 5U)) & (STG_HISTOGRAM_SUB - 1U);
    return (top - 4U) * STG_HISTOGRAM_SUB + sub;
}

/* The highest value of a bucket. */
static uint64_t end_of(uint32_t bucket)
{
    if (bucket < STG_HISTOGRAM_SUB) {
        return bucket;
    }
    const uint32_t shift = bucket / STG_HISTOGRAM_SUB - 1U;
    const uint64_t first = (uint64_t)(STG_HISTOGRAM_SUB + bucket % STG_HISTOGRAM_SUB) << shift;
    return first + ((UINT64_C(1) << shift) - 1U);
}

void stg_histogram_put(struct stg_histogram *h, uint64_t ns)
{
    h->count[bucket_of(ns)]++;
    h->n++;
    h->sum_ns += ns;
    h->max_ns = ns > h->max_ns ? ns : h->max_ns;
}

uint64_t stg_histogram_quantile(const struct stg_histogram *h, double q)
{
    if (h->n == 0) {
        return 0;
    }
    uint64_t rank = (uint64_t)(q * (double)h->n), seen = 0;
    rank = rank >= h->n ? h->n - 1 : rank;
    for (uint32_t i = 0; i < STG_HISTOGRAM_BUCKETS; i++) {
        seen += h->count[i];
        if (seen > rank) {
            const uint64_t end = end_of(i);
            return end < h->max_ns ? end : h->max_ns;
        }
    }
    return h->max_ns;
}
