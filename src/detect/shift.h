/* Shift: has a stream of sequences changed, and since when?
 *
 * Every sequence's p-value (stg_p_value_most of detect/calibrate.h, which holds after a quarantine, too) is a bet
 * against "still known": E = ½ p^(−½), whose mean is at most 1 for p-values of known sequences (Vovk, Wang, "E-values:
 * calibration, combination and applications", 2021, section 2). What happens once surprises in many: requests that are
 * open at the same time share events (stg_score_overlap), and what makes one slow makes the next ones slow. So
 * STG_SHIFT_BET or more that follow each other, and all that overlap, make one bet, the mean of their E, which is one
 * whatever depends on what (section 3 there). Where the calibration shows that its sequences do not depend on each
 * other, only those that overlap do. Bets multiply, and begin anew where they have lost:
 *
 *     level = max(level, 0) + ln E        (Page 1954; as e-detector: Shin, Ramdas, Rinaldo 2023, "E-CUSUM")
 *
 * A level of at least ln(interval) then comes once in `interval` known sequences or more rarely, whatever the law of
 * the scores, where each p-value is valid given those before. It is not on a busy system: load comes and goes, and
 * surprising sequences come together. So the threshold is raised to what the calibration's own runs show: the peaks of
 * their excursions above 0 have an exponential tail (Siegmund, Sequential Analysis, 1985, chapter 10), whose rate is
 * estimated from the highest STG_SHIFT_PEAKS:
 *
 *     threshold = max(ln(interval), u + s · ln(STG_SHIFT_PEAKS · interval / sequences)),   s = max(1, mean excess of
 * those peaks over u)
 *
 * with u the next lower peak. That extrapolates, and knows only how the calibration's runs differ: with one run, a run
 * that is another's like in all but its load may pass for a shift. */
#ifndef STG_DETECT_SHIFT_H
#define STG_DETECT_SHIFT_H

#include "model/model.h"
#include "score/score.h"

#define STG_SHIFT_PEAKS    10
#define STG_SHIFT_BET      16      /* chosen on known runs (docs/measurements.md, Groups, shifts, runs) */
#define STG_SHIFT_INTERVAL 10000.0 /* default: known sequences from one false alarm to the next */

/* The caller's storage, of fixed size; nothing to free. A bet is open until a sequence comes that has no part in it. */
struct stg_shift {
    const struct stg_model *model; /* borrowed */
    enum stg_aggregate aggregate;
    double threshold; /* nats */
    double level;     /* nats, ≥ 0 */
    uint64_t n;       /* sequences so far, those of the open bet not among them */
    uint64_t since;   /* number (from 0) of the first sequence of the present excursion; n where level is 0 */
    bool shifted;     /* the threshold was reached */
    uint64_t noticed; /* number of the last sequence of the bet that reached it */
    uint64_t began;   /* since, at that time: the likeliest beginning */
    uint64_t least;   /* sequences of a bet: STG_SHIFT_BET or 1 */
    struct {
        double sum;             /* of the E of its sequences */
        uint64_t n;             /* sequences; 0: none is open */
        struct stg_score first; /* of those that overlap, which the latest belongs to */
    } open;
};

/* m must be calibrated and outlive s. interval > 1. A model without stream, or with few excursions, leaves the
 * threshold at ln(interval). */
void stg_shift_init(struct stg_shift *s, const struct stg_model *m, enum stg_aggregate a, double interval);
/* The next sequence, in the order of the stream. True once: when a bet that this one ends reaches the threshold.
 * O(log calibration). */
bool stg_shift_add(struct stg_shift *s, const struct stg_score *score);
/* A sequence that overlaps none, by its p-value, 0 < p ≤ 1. */
bool stg_shift_add_p(struct stg_shift *s, double p);
/* Ends the open bet, if there is one: nothing comes that may have a part in it. True as above. */
bool stg_shift_end(struct stg_shift *s);
/* A whole stream of n sequences, from its beginning to its end, which is what is told of a recording. Nothing shifts by
 * a model that is not calibrated. */
void stg_shift_judge(struct stg_shift *s, const struct stg_model *m, enum stg_aggregate a, double interval,
                     const struct stg_score *scores, size_t n);
/* The stream is taken to be known again, as after an alarm was dealt with; n and the open bet go on. */
void stg_shift_reset(struct stg_shift *s);

#endif
