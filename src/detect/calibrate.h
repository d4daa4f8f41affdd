/* Calibration: what a score means, from held-out known data alone. */
#ifndef STG_DETECT_CALIBRATE_H
#define STG_DETECT_CALIBRATE_H

#include "model/model.h"
#include "score/score.h"

/* The false-alarm rate where none is asked for, of which the record of a training speaks. */
#define STG_ALPHA_DEFAULT 0.01

/* Stores the scores of known sequences in the model: sorted per aggregate, at most 65,536, thinned evenly beyond; and
 * as they came, run after run (m->stream), the first part of each run where they are more. Run k is scores[offset[k]] …
 * scores[offset[k + 1] − 1], in the order of the data; runs without a sequence have no number. */
enum stg_status stg_calibrate_runs(struct stg_model *m, const struct stg_score *scores, const size_t *offset,
                                   size_t n_runs) STG_MUST_USE;
/* Of one run. */
enum stg_status stg_calibrate(struct stg_model *m, const struct stg_score *scores, size_t n) STG_MUST_USE;
bool stg_calibrated(const struct stg_model *m);
/* Conformal p-value (Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005, section 2.3):
 * (1 + number of calibration scores ≥ score) / (n + 1). Known sequences that are exchangeable with the calibration data
 * get p ≤ alpha with probability at most alpha. */
double stg_p_value(const struct stg_model *m, enum stg_aggregate a, double score);
/* That of a calibration score by the others: number of calibration scores ≥ it, itself among them, / n. By stg_p_value
 * it would count twice, and a known sequence never have what a new one above all has. */
double stg_p_value_left_out(const struct stg_model *m, enum stg_aggregate a, double score);
/* Sequences that quarantine left out of the calibration (detect/quarantine.h), for as many as the model keeps of the
 * others; 0 where none was. */
size_t stg_quarantined(const struct stg_model *m);
/* The p-value where all of those were known, above every other: (rank + q) / (n + 1 + q), q = stg_quarantined(). What
 * promises a rate of false alarms rests on it, as known sequences have small stg_p_value too often when the highest of
 * their like do not calibrate. Without quarantine it is stg_p_value. */
double stg_p_value_most(const struct stg_model *m, enum stg_aggregate a, double score);
/* 1 + number of calibration scores ≥ score: the p-value is this part of n + 1. 1: above all of them. */
size_t stg_p_rank(const struct stg_model *m, enum stg_aggregate a, double score);
/* The smallest score whose p-value is ≤ alpha, +INFINITY when n is too small for that alpha (n + 1 < 1 / alpha). */
double stg_threshold(const struct stg_model *m, enum stg_aggregate a, double alpha);

#endif
