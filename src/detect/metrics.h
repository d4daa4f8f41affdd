/* Metrics of a detector; novel is the positive class, a higher score is more novel. */
#ifndef STG_DETECT_METRICS_H
#define STG_DETECT_METRICS_H

#include "base/rng.h"
#include "base/status.h"

#include <stddef.h>

/* Area under the ROC curve = P(novel > known) + ½ P(equal) (Hanley and McNeil 1982), by ranks, O(n log n). NAN when
 * either is empty. */
enum stg_status stg_auroc(const double *known, size_t n_known, const double *novel, size_t n_novel,
                          double *out) STG_MUST_USE;
/* Area under the precision-recall curve as average precision, ties taken together. */
enum stg_status stg_auprc(const double *known, size_t n_known, const double *novel, size_t n_novel,
                          double *out) STG_MUST_USE;
/* tpr[i] = the largest share of the novel scores that some threshold calls novel, of those that call at most rates[i]
 * of the known ones so: the ROC curve at that rate. It is read off the test data itself, unlike what a calibrated
 * threshold does to it. rates ascend. NAN where fewer than 1 / rate known scores cannot tell that rate from none. */
enum stg_status stg_tpr_at(const double *known, size_t n_known, const double *novel, size_t n_novel,
                           const double *rates, size_t n_rates, double *tpr) STG_MUST_USE;

struct stg_confusion {
    size_t tp, fn, fp, tn;
    double f1, accuracy, fpr, tpr; /* accuracy is the plain one over both sets */
};
/* score ≥ threshold is called novel. */
void stg_confusion_at(const double *known, size_t n_known, const double *novel, size_t n_novel, double threshold,
                      struct stg_confusion *out);
/* The paper's rule: the best F1 among 100 even steps between the lowest and the highest score. */
double stg_threshold_paper(const double *known, size_t n_known, const double *novel, size_t n_novel);

/* Percentile bootstrap over both sets (Efron and Tibshirani 1993, section 13.3); level e.g. .95.
 *
 * Resamples of a few scores are too much alike, and of sets that do not overlap they are all the same: [1, 1] of one
 * score against one. So the interval reaches at least as far as it does for sets that separate completely. n disjoint
 * pairs of a known and a novel score, n the size of the smaller set, are independent (Hoeffding, "Probability
 * inequalities for sums of bounded random variables", 1963, section 5), so all of them are ordered with a chance of at
 * most AUROC^n, whatever the law; that n of n successes have a chance of at least (1 − level) / 2 is the bound of
 * Clopper and Pearson, "The use of confidence or fiducial limits", 1934:
 *
 *     low ≤ ((1 − level) / 2)^(1/n),   high ≥ 1 − that
 *
 * At level .95 that is .025 for n = 1, .158 for 2, .478 for 5, .964 for 100, and above .9 from 36 on. */
enum stg_status stg_auroc_interval(const double *known, size_t n_known, const double *novel, size_t n_novel,
                                   size_t n_resamples, double level, struct stg_rng *rng, double *low,
                                   double *high) STG_MUST_USE;

/* ROC curve as at most max_points points (fpr, tpr), from (0,0) to (1,1). */
struct stg_roc_point {
    double fpr, tpr;
};
enum stg_status stg_roc(const double *known, size_t n_known, const double *novel, size_t n_novel, size_t max_points,
                        struct stg_roc_point *points, size_t *n_points) STG_MUST_USE;

#endif
