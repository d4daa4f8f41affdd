#include "cli/verdict.h"

#include <math.h>

static double log_beta(double a, double b)
{
    return lgamma(a) + lgamma(b) - lgamma(a + b);
}

uint64_t stg_verdict_bound(uint64_t n, size_t n_calibration, double alpha, double level)
{
    const double total = (double)n_calibration + 1;
    /* 1e-9: 0.01 × 100 must not become 0.99… and floor to 0. */
    const double a = floor(alpha * total + 1e-9), b = total - a;
    if (n <= 1 || a < 1) {
        return 0; /* a < 1: no p-value is that small, so nothing is called novel */
    }
    if (b < 1) {
        return n; /* alpha ≥ 1: everything is */
    }
    const double n_ = (double)n;
    double cumulated = 0;
    for (uint64_t x = 0; x < n; x++) {
        const double x_ = (double)x;
        const double log_choose = lgamma(n_ + 1) - lgamma(x_ + 1) - lgamma(n_ - x_ + 1);
        cumulated += exp(log_choose + log_beta(x_ + a, n_ - x_ + b) - log_beta(a, b));
        if (cumulated >= level) {
            return x;
        }
    }
    return n;
}
