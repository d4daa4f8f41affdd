/* Verdict: from the p-values of many sequences to one answer. */
#ifndef STG_CLI_VERDICT_H
#define STG_CLI_VERDICT_H

#include <stddef.h>
#include <stdint.h>

/* The level of the verdict on many sequences: known data passes it once in a thousand by chance. */
#define STG_VERDICT_LEVEL 0.999

/* How many of n known sequences chance alone may call novel (p ≤ alpha) with probability `level`, when the threshold
 * comes from n_calibration known sequences: the quantile of the beta-binomial law with a = ⌊alpha (n_calibration + 1)⌋
 * and b = n_calibration + 1 − a, which is the law of that number for exchangeable sequences (Vovk, "Conditional
 * validity of inductive conformal predictors", 2012, section 2: the error rate given the calibration set is beta
 * distributed). More than that is novel. 0 for n ≤ 1: a single sequence is judged by its own p-value. */
uint64_t stg_verdict_bound(uint64_t n, size_t n_calibration, double alpha, double level);

#endif
