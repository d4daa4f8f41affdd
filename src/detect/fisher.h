/* Groups: what consecutive sequences say together.
 *
 * A change that moves every sequence a little shows in none by itself. The statistic of a group is Fisher's, as a mean
 * (Fisher, Statistical Methods for Research Workers, 4th ed. 1932, section 21.1):
 *
 *     F = (1/N) Σ ln(1/p),   p = stg_p_value_most (detect/calibrate.h) of each sequence
 *
 * Its chi-square law holds for independent sequences; those of a busy system are not, as load comes and goes. So the
 * law is that of groups of N in the calibration stream, whose sequences have the p-values that the others of the
 * calibration give them (stg_p_value_left_out), and the group's p-value is made of these as that of a sequence is.
 * docs/measurements.md compares other statistics. */
#ifndef STG_DETECT_FISHER_H
#define STG_DETECT_FISHER_H

#include "model/model.h"
#include "score/score.h"

/* Statistics of groups of a size. A group is that many sequences one after another in the order of the data, of one
 * trace of one data set; what is left over at the end of a trace is in none. */
struct stg_fisher {
    double *value; /* (n) nats, in the order of the data; owned */
    size_t *first; /* (n) first sequence of each; owned */
    size_t n;
};

/* The groups of scores, which are in the order of the data: where the number of the sequence does not rise or the trace
 * changes, another data set or trace begins. size > 0. _fini also after a failure. */
enum stg_status stg_fisher_groups(struct stg_fisher *out, const struct stg_model *m, enum stg_aggregate a,
                                  const struct stg_score *scores, size_t n, size_t size) STG_MUST_USE;
/* Those of the calibration, within its runs, sorted by value; first is not filled. None where the model has no
 * stream. */
enum stg_status stg_fisher_known(struct stg_fisher *out, const struct stg_model *m, enum stg_aggregate a,
                                 size_t size) STG_MUST_USE;
void stg_fisher_fini(struct stg_fisher *f);

/* (1 + known groups ≥ value) / (known groups + 1). known is sorted. A group that is exchangeable with the known ones
 * has p ≤ alpha about as often as alpha says, not exactly: a known sequence is ranked among the others of its group,
 * too, a new one among the calibration alone. Independent ones have it in .85 to .95 % of the groups for .01
 * (tests/test_fisher.c). */
double stg_fisher_p(const struct stg_fisher *known, double value);
/* Whether a p-value can be alpha. */
bool stg_fisher_reaches(const struct stg_fisher *known, double alpha);

#endif
