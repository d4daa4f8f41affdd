#include "detect/verdict.h"

#include "detect/calibrate.h"
#include "detect/runs.h"

#include <math.h>
#include <string.h>

/* What is left after 1/N has been added, multiplied and floored: 0.01 × 100 must not become 0.99… */
#define ROUNDING 1e-9

enum { MAX_RANKS = 32 }; /* 2^31 calibration sequences are more than a model stores */

static double log_beta(double a, double b)
{
    return lgamma(a) + lgamma(b) - lgamma(a + b);
}

uint64_t stg_verdict_bound(uint64_t n, size_t n_calibration, size_t rank, double level)
{
    const double a = (double)rank, b = (double)n_calibration + 1 - a;
    if (n <= 1 || rank == 0) {
        return 0;
    }
    if (b < 1) {
        return n; /* every sequence is within that rank */
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

size_t stg_verdict_rank(size_t n_calibration, double alpha)
{
    return (size_t)floor(alpha * ((double)n_calibration + 1) + ROUNDING);
}

/* The ranks that are looked at, from the highest; how many. */
static size_t ranks_of(size_t n_calibration, double alpha, size_t ranks[MAX_RANKS])
{
    const size_t top = stg_verdict_rank(n_calibration, alpha);
    size_t n = 0;
    for (size_t rank = 1; rank < top && n < MAX_RANKS - 1; rank *= 2) {
        ranks[n++] = rank;
    }
    ranks[n++] = top > 0 ? top : 1; /* fewer than 1/alpha: that above all of them remains */
    return n;
}

/* With which probability known data stays within the bound of rank i of n. */
static double level_of(size_t i, size_t n)
{
    const double allowed = 1 - STG_VERDICT_LEVEL;
    return 1 - (n == 1 ? allowed : i + 1 == n ? allowed / 2 : allowed / 2 / (double)(n - 1));
}

/* Sequences within each rank, and by parts of those that overlap. */
struct within {
    size_t ranks[MAX_RANKS], n_ranks;
    size_t n[MAX_RANKS], n_apart;
    double apart[MAX_RANKS];
};

/* Those that overlap are one more, by parts; before: what was within each rank before them. */
static void end_burst(struct within *w, size_t before[MAX_RANKS], size_t n_burst)
{
    for (size_t k = 0; k < w->n_ranks; k++) {
        w->apart[k] += (double)(w->n[k] - before[k]) / (double)n_burst;
        before[k] = w->n[k];
    }
    w->n_apart++;
}

/* whole: without the sequences that lost events touch. */
static void count(struct within *w, const struct stg_model *m, const struct stg_score *scores, size_t n,
                  enum stg_aggregate a, bool whole)
{
    size_t first = 0, n_burst = 0, before[MAX_RANKS] = {0};
    for (size_t i = 0; i < n; i++) {
        if (whole && scores[i].n_lost > 0) {
            continue;
        }
        if (n_burst > 0 && !stg_score_overlap(m, &scores[first], &scores[i])) {
            end_burst(w, before, n_burst);
            n_burst = 0;
        }
        first = n_burst++ == 0 ? i : first;
        const size_t rank = stg_p_rank(m, a, (double)scores[i].value[a]);
        for (size_t k = 0; k < w->n_ranks; k++) {
            w->n[k] += rank <= w->ranks[k];
        }
    }
    if (n_burst > 0) {
        end_burst(w, before, n_burst);
    }
}

/* --- One channel alone --- */

static double value_of(const struct stg_model *m, size_t row, enum stg_aggregate a)
{
    return (double)m->stream[row * STG_MODEL_STREAM_COLUMNS + STG_STREAM_VALUES + (size_t)a];
}

static size_t run_of(const struct stg_model *m, size_t row)
{
    return (size_t)m->stream[row * STG_MODEL_STREAM_COLUMNS + STG_STREAM_RUN];
}

/* Calibration sequences of the run, or of the others, that have the value or more. */
static size_t n_from(const struct stg_model *m, enum stg_aggregate a, size_t run, bool others, double value)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_stream; i++) {
        n += (run_of(m, i) != run) == others && value_of(m, i, a) >= value;
    }
    return n;
}

/* Share of the run's sequences that are novel by a when the other runs calibrate; 0 where these are too few. */
static double left_out(const struct stg_model *m, enum stg_aggregate a, size_t run, double alpha)
{
    const size_t n_run = n_from(m, a, run, false, -(double)INFINITY);
    const size_t rank = stg_verdict_rank(m->n_stream - n_run, alpha);
    size_t low = 0, high = m->n_calibration; /* of the sorted scores, the first that fewer than rank others have */
    if (rank == 0 || n_run == 0) {
        return 0;
    }
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const double value = (double)m->calibration[middle * STG_AGGREGATES + (size_t)a];
        if (n_from(m, a, run, true, value) < rank) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low == m->n_calibration
               ? 0
               : (double)n_from(m, a, run, false, (double)m->calibration[low * STG_AGGREGATES + (size_t)a]) /
                     (double)n_run;
}

static void judge_alone(struct stg_verdict *out, const struct stg_model *m, const struct stg_score *scores, size_t n,
                        double alpha)
{
    static const enum stg_aggregate channels[STG_ALONE_MOST] = {STG_AGGREGATE_RMS, STG_AGGREGATE_TIME,
                                                                STG_AGGREGATE_STATE};
    enum { LEAST_RUNS = 3 };
    const size_t n_runs = stg_runs_count(m);
    for (size_t c = 0; c < STG_ALONE_MOST && n_runs >= LEAST_RUNS && out->reachable; c++) {
        struct within w = {.ranks = {stg_verdict_rank(m->n_calibration, alpha)}, .n_ranks = 1};
        double most = 0;
        if (!stg_aggregate_has(m, channels[c])) {
            continue;
        }
        count(&w, m, scores, n, channels[c], false);
        const size_t more = stg_quarantined(m);
        const uint64_t bound =
            stg_verdict_bound(w.n_apart, m->n_calibration + more, w.ranks[0] + more, STG_VERDICT_LEVEL);
        const double share = w.n_apart == 0 ? 0 : w.apart[0] / (double)w.n_apart;
        if (w.n_apart < 2 || w.apart[0] < (double)bound + 1 || share < STG_ALONE_TIMES * alpha) {
            continue;
        }
        for (size_t k = 0; k < n_runs; k++) {
            most = fmax(most, left_out(m, channels[c], k, alpha));
        }
        if (share >= STG_ALONE_TIMES * most) {
            out->alone[out->n_alone++] = (struct stg_alone){channels[c], w.n[0], most};
        }
    }
}

/* --- All --- */

/* Whether more are within some rank than chance explains; the bounds, and which decides. */
static bool decide(struct stg_verdict *out, const struct stg_model *m, const struct within *w, bool reachable)
{
    const size_t last = w->n_ranks - 1, more = stg_quarantined(m);
    bool novel = false;
    for (size_t k = 0; k < w->n_ranks && (reachable || w->n_apart > 1); k++) {
        const uint64_t bound =
            stg_verdict_bound(w->n_apart, m->n_calibration + more, w->ranks[k] + more, level_of(k, w->n_ranks));
        const bool passed = w->apart[k] + ROUNDING >= (double)bound + 1;
        out->bound_beyond = k == 0 ? bound : out->bound_beyond;
        out->bound = bound;
        if (passed && !novel && k > 0) {
            out->deciding_rank = w->ranks[k];
            out->deciding_apart = w->apart[k];
            out->deciding_bound = bound;
        }
        out->deciding_rank = passed && k == last ? 0 : out->deciding_rank; /* that count is always said */
        novel |= passed;
    }
    return novel;
}

/* What lost events have to do with it. */
static void judge_lost(struct stg_verdict *out, const struct stg_model *m, const struct within *all,
                       const struct stg_score *scores, size_t n, enum stg_aggregate a)
{
    struct within w = {.n_ranks = all->n_ranks};
    struct stg_verdict without = {.novel = false};
    for (size_t i = 0; i < n; i++) {
        out->n_touched += scores[i].n_lost > 0;
    }
    if (out->n_touched == 0) {
        return;
    }
    memcpy(w.ranks, all->ranks, sizeof w.ranks);
    count(&w, m, scores, n, a, true);
    const size_t k = out->reachable ? w.n_ranks - 1 : 0;
    out->novel_touched = all->n[k] - w.n[k];
    out->rests_on_lost = out->novel && !decide(&without, m, &w, out->reachable);
}

void stg_verdict_judge(struct stg_verdict *out, const struct stg_model *m, const struct stg_score *scores, size_t n,
                       enum stg_aggregate a, double alpha)
{
    struct within w = {.n_ranks = 0};
    *out = (struct stg_verdict){.calibrated = stg_calibrated(m)};
    if (!out->calibrated) {
        return;
    }
    w.n_ranks = ranks_of(m->n_calibration, alpha, w.ranks);
    count(&w, m, scores, n, a, false);
    const size_t last = w.n_ranks - 1;
    out->reachable = stg_verdict_rank(m->n_calibration, alpha) > 0;
    out->n_novel = out->reachable ? w.n[last] : 0;
    out->n_beyond = w.n[0];
    out->n_apart = w.n_apart;
    out->novel_apart = out->reachable ? w.apart[last] : 0;
    out->beyond_apart = w.apart[0];
    out->novel = decide(out, m, &w, out->reachable);
    judge_lost(out, m, &w, scores, n, a);
    judge_alone(out, m, scores, n, alpha);
}
