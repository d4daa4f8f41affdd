/* Runs: what calibration on several of them can promise of one that is new.
 *
 * Load, latency and the machine's state differ from run to run, and the sequences of a run share them. The p-value of a
 * pooled calibration (detect/calibrate.h) is one of a sequence of a run like those given, on the average over such
 * runs: Dunn, Wasserman, Ramdas, "Distribution-free prediction sets for two-layer hierarchical models", 2023, pooling.
 * Any one run may have more false alarms or fewer, and how many is what leaving each out in turn shows. One run shows
 * nothing of that. */
#ifndef STG_DETECT_RUNS_H
#define STG_DETECT_RUNS_H

#include "model/model.h"
#include "score/score.h"

/* False-alarm rate (0 … 1) at alpha, by the model's default aggregate, of each run when it is left out and the others
 * calibrate; of more than STG_RUNS_LEFT_OUT about so many, spread evenly. NAN for the others, for a run without
 * sequences and where the others have fewer than 1/alpha − 1. rate has room for n_runs
 * ≥ 2; runs as of stg_calibrate_runs(). m is not changed. Memory: a copy of the scores and their calibration. */
#define STG_RUNS_LEFT_OUT 100
enum stg_status stg_runs_left_out(const struct stg_model *m, const struct stg_score *scores, const size_t *offset,
                                  size_t n_runs, double alpha, double *rate) STG_MUST_USE;

/* Runs of the calibration (m's stream); 0 where it is not calibrated. */
size_t stg_runs_count(const struct stg_model *m);
/* The highest of those rates that m's record has, which are at STG_ALPHA_DEFAULT; 0 where it has none. */
double stg_runs_most(const struct stg_model *m);

#endif
