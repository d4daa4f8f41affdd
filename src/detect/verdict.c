#include "detect/verdict.h"

#include "detect/calibrate.h"

#include <math.h>

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

static void count(struct within *w, const struct stg_model *m, const struct stg_score *scores, size_t n,
                  enum stg_aggregate a)
{
    size_t first = 0, before[MAX_RANKS] = {0};
    for (size_t i = 0; i < n; i++) {
        const size_t rank = stg_p_rank(m, a, (double)scores[i].value[a]);
        for (size_t k = 0; k < w->n_ranks; k++) {
            w->n[k] += rank <= w->ranks[k];
        }
        if (i + 1 < n && stg_score_overlap(m, &scores[first], &scores[i + 1])) {
            continue;
        }
        for (size_t k = 0; k < w->n_ranks; k++) {
            w->apart[k] += (double)(w->n[k] - before[k]) / (double)(i + 1 - first);
            before[k] = w->n[k];
        }
        w->n_apart++;
        first = i + 1;
    }
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
    count(&w, m, scores, n, a);
    const size_t last = w.n_ranks - 1;
    out->reachable = stg_verdict_rank(m->n_calibration, alpha) > 0;
    out->n_novel = out->reachable ? w.n[last] : 0;
    out->n_beyond = w.n[0];
    out->n_apart = w.n_apart;
    out->novel_apart = out->reachable ? w.apart[last] : 0;
    out->beyond_apart = w.apart[0];
    for (size_t k = 0; k < w.n_ranks && (out->reachable || w.n_apart > 1); k++) {
        const uint64_t bound = stg_verdict_bound(w.n_apart, m->n_calibration, w.ranks[k], level_of(k, w.n_ranks));
        out->bound_beyond = k == 0 ? bound : out->bound_beyond;
        out->bound = bound;
        out->novel |= w.apart[k] + ROUNDING >= (double)bound + 1;
    }
}
