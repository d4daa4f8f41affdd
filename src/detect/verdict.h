/* Verdict: from the p-values of many sequences to one answer.
 *
 * The p-value of a sequence is its rank among the N calibration scores: of rank r it is above all but r − 1 of them,
 * and p = r / (N + 1). Many that pass alpha a little, and few that are above all of them, are novel alike. So several
 * ranks are looked at: ⌊alpha (N + 1)⌋, which has half of what false alarms are allowed, and 1, 2, 4 … below it, which
 * share the other half (Bonferroni). More sequences within one of these than chance explains make the whole novel.
 *
 * Sequences that overlap share events (stg_score_overlap): one burst of requests that wait for a lock is one incident,
 * though all of them are novel. So those that overlap the first of them count as one together, by the part of them that
 * is within the rank. A sum of such parts spreads less than as many whole ones would, whose mean is theirs (a convex
 * function of a part lies below its chord: Hoeffding, "Probability inequalities for sums of bounded random variables",
 * 1963, theorem 1), so the bound serves for it.
 *
 * Lost events make a sequence look stranger or plainer than it is, as the law above knows nothing of: whether the whole
 * is novel without the sequences that they touch is told, too. They count, or whoever can have events lost would not
 * be seen.
 *
 * Where q sequences were left out of the calibration (detect/quarantine.h), all of them may have been known, and then a
 * sequence of rank r among those left is of rank r + q at most: the bounds are those of N + q and r + q. */
#ifndef STG_DETECT_VERDICT_H
#define STG_DETECT_VERDICT_H

#include "model/model.h"
#include "score/score.h"

#include <stddef.h>
#include <stdint.h>

/* What one channel says alone. In the novelty each channel is measured by how it differs from run to run, and some
 * count for less, so a change of the times alone may not show there, however many sequences have it. So the share of
 * sequences within rank ⌊alpha (N + 1)⌋ by one channel's own score is compared with that of each run of the calibration
 * when the others calibrate. What is STG_ALONE_TIMES the largest of these, and more than chance explains, is said; it
 * is no verdict, as a few runs do not tell how far runs differ. */
#define STG_ALONE_TIMES 4

struct stg_alone {
    enum stg_aggregate aggregate; /* rms, time or state */
    size_t n_beyond;              /* of the sequences */
    double most_known;            /* largest share of a run of the calibration */
};
enum { STG_ALONE_MOST = 3 };

/* The level of the verdict on many sequences: known data passes it once in a thousand by chance. */
#define STG_VERDICT_LEVEL 0.999

struct stg_verdict {
    bool calibrated;          /* else all that follows is 0 */
    bool reachable;           /* there are enough calibration sequences for a p-value of alpha */
    size_t n_novel, n_beyond; /* p ≤ alpha; above every calibration score */
    size_t n_apart;           /* sequences, those that overlap counted as one; so counted, too: */
    double novel_apart, beyond_apart;
    uint64_t bound;        /* as much of novel_apart as chance explains; of beyond_apart where alpha is not reachable */
    uint64_t bound_beyond; /* as much of beyond_apart as chance explains */
    bool novel;            /* more of either, or of a rank between them */
    size_t deciding_rank;  /* the lowest rank between them that says so, where neither does; else 0 */
    double deciding_apart; /* as many are within it */
    uint64_t deciding_bound;
    size_t n_touched, novel_touched; /* sequences that lost events touch; of n_novel, or n_beyond where not reachable */
    bool rests_on_lost;              /* novel, and not without the sequences that lost events touch */
    struct stg_alone alone[STG_ALONE_MOST]; /* (n_alone) where the calibration has three runs or more */
    size_t n_alone;
};

/* Of n sequences, in the order of their stream. With fewer than 1 / alpha calibration sequences no p-value is alpha:
 * many that are all above them can still be too many for chance, a single one cannot. */
void stg_verdict_judge(struct stg_verdict *out, const struct stg_model *m, const struct stg_score *scores, size_t n,
                       enum stg_aggregate a, double alpha);

/* How many of n known sequences are within the highest `rank` of calibration and sequence (p ≤ rank / (n_calibration +
 * 1)) with probability `level`: the quantile of the beta-binomial law with a = rank and b = n_calibration + 1 − rank,
 * which is the law of that number for exchangeable sequences (Vovk, "Conditional validity of inductive conformal
 * predictors", 2012, section 2: the error rate given the calibration set is beta distributed). More than that is novel.
 * 0 for n ≤ 1: a single sequence is judged by its own p-value. */
uint64_t stg_verdict_bound(uint64_t n, size_t n_calibration, size_t rank, double level);
/* ⌊alpha (n_calibration + 1)⌋: the rank up to which a sequence is novel; 0: no p-value is that small. */
size_t stg_verdict_rank(size_t n_calibration, double alpha);

#endif
