/* Histogram of latencies: 32 buckets per power of two, so that a quantile is at most 3 % off; memory does not grow. */
#ifndef STG_LAB_HISTOGRAM_H
#define STG_LAB_HISTOGRAM_H

#include <stdint.h>

#define STG_HISTOGRAM_SUB     32
#define STG_HISTOGRAM_BUCKETS (STG_HISTOGRAM_SUB * 60)

struct stg_histogram {
    uint64_t count[STG_HISTOGRAM_BUCKETS];
    uint64_t n, sum_ns, max_ns;
};

void stg_histogram_put(struct stg_histogram *h, uint64_t ns);
/* The q-quantile (0 … 1) in ns, nearest rank, rounded up to the end of its bucket but never beyond the maximum; 0 when
 * empty. */
uint64_t stg_histogram_quantile(const struct stg_histogram *h, double q);

#endif
