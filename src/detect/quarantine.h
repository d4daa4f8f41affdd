/* Quarantine: calibration when the known data may hold some novelty.
 *
 * A few novel sequences among those that calibrate become the threshold, and hide all like them. So the share that is
 * most novel is left out before anything is calibrated (a trimmed calibration), and named, so that somebody can look at
 * it. The price: as many sequences that are known after all are missing at the top, and up to `share` more than alpha
 * of known sequences will be called novel. The verdict on many, groups and the stream allow for that: for them all that
 * was left out may have been known (stg_quarantined). What the training data holds is learnt, whatever is left out
 * here. */
#ifndef STG_DETECT_QUARANTINE_H
#define STG_DETECT_QUARANTINE_H

#include "model/model.h"
#include "score/score.h"

/* rank[i]: 1 for the most novel of scores by the model's default aggregate (of equal ones the later) up to floor(share
 * · n), which are in quarantine; 0 for the others. Runs as of stg_calibrate_runs(). What m knew to be usual is fitted
 * anew (score/channels.h); calibrate it next. share 0 … 0.5. */
enum stg_status stg_quarantine(struct stg_model *m, const struct stg_score *scores, const size_t *offset, size_t n_runs,
                               double share, uint32_t *rank) STG_MUST_USE;
/* Moves what is not in quarantine to the front, in order; offset (n_runs + 1) follows. How many are left. */
size_t stg_quarantine_leave_out(struct stg_score *scores, size_t *offset, size_t n_runs, const uint32_t *rank);

#endif
