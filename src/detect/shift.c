#include "detect/shift.h"

#include "detect/calibrate.h"

#include <math.h>

/* The highest peaks, highest first, and the one below them. */
struct peaks {
    double value[STG_SHIFT_PEAKS + 1];
    size_t n;
};

static void keep(struct peaks *k, double peak)
{
    size_t i = k->n < STG_SHIFT_PEAKS + 1 ? k->n++ : STG_SHIFT_PEAKS;
    if (i == STG_SHIFT_PEAKS && k->value[i] >= peak) {
        return;
    }
    for (; i > 0 && k->value[i - 1] < peak; i--) {
        k->value[i] = k->value[i - 1];
    }
    k->value[i] = peak;
}

/* A sequence with that p-value comes; apart: it overlaps none before it. True when the bet that it ends reaches the
 * threshold. */
static bool add(struct stg_shift *s, double p, bool apart)
{
    const bool reached = apart && s->open.n >= s->least && stg_shift_end(s);
    s->open.sum += 0.5 / sqrt(p);
    s->open.n++;
    return reached;
}

/* An excursion ends where the level falls to 0. */
static void follow(struct peaks *k, const struct stg_shift *s, double *peak)
{
    *peak = fmax(*peak, s->level);
    if (s->level <= 0 && *peak > 0) {
        keep(k, *peak);
        *peak = 0;
    }
}

/* The peaks of the calibration's excursions, which end with their run, too. */
static void find_peaks(struct peaks *k, const struct stg_shift *from)
{
    const struct stg_model *m = from->model;
    struct stg_shift s = *from;
    double peak = 0;
    s.threshold = (double)INFINITY;
    for (size_t i = 0; i < m->n_stream; i++) {
        const float *row = m->stream + i * STG_MODEL_STREAM_COLUMNS;
        if (i > 0 && row[STG_STREAM_RUN] > row[STG_STREAM_RUN - STG_MODEL_STREAM_COLUMNS]) {
            stg_shift_end(&s);
            follow(k, &s, &peak);
            stg_shift_reset(&s);
        }
        add(&s, stg_p_value(m, s.aggregate, (double)row[STG_STREAM_VALUES + (size_t)s.aggregate]),
            row[STG_STREAM_TOGETHER] <= 0);
        follow(k, &s, &peak);
    }
    stg_shift_end(&s);
    follow(k, &s, &peak);
    if (peak > 0) {
        keep(k, peak);
    }
}

/* Pairs of numbers, for Pearson's correlation. */
struct pairs {
    double n, x, y, xx, yy, xy; /* sums */
};

static void pair(struct pairs *p, double x, double y)
{
    p->n++;
    p->x += x;
    p->y += y;
    p->xx += x * x;
    p->yy += y * y;
    p->xy += x * y;
}

/* Whether surprise comes together in the calibration: stretches of STG_SHIFT_BET sequences are like the next one of
 * their run by more than two standard errors of a correlation, or are too few to tell. */
static bool comes_together(const struct stg_model *m, enum stg_aggregate a)
{
    enum { LEAST = 30 };
    struct pairs p = {0};
    double before = 0, stretch = 0;
    size_t of_run = 0; /* sequences so far */
    for (size_t i = 0; i < m->n_stream; i++) {
        const float *row = m->stream + i * STG_MODEL_STREAM_COLUMNS;
        if (i > 0 && row[STG_STREAM_RUN] > row[STG_STREAM_RUN - STG_MODEL_STREAM_COLUMNS]) {
            of_run = 0;
        }
        stretch = of_run % STG_SHIFT_BET == 0 ? 0 : stretch;
        stretch -= log(stg_p_value(m, a, (double)row[STG_STREAM_VALUES + (size_t)a]));
        if (++of_run % STG_SHIFT_BET == 0) {
            if (of_run > STG_SHIFT_BET) {
                pair(&p, before, stretch);
            }
            before = stretch;
        }
    }
    if (p.n < LEAST) {
        return true;
    }
    const double covariance = p.xy - p.x * p.y / p.n;
    const double variances = (p.xx - p.x * p.x / p.n) * (p.yy - p.y * p.y / p.n);
    return covariance * sqrt(p.n) > 2 * sqrt(variances);
}

void stg_shift_init(struct stg_shift *s, const struct stg_model *m, enum stg_aggregate a, double interval)
{
    struct peaks k = {.n = 0};
    *s = (struct stg_shift){.model = m, .aggregate = a, .threshold = log(interval)};
    s->least = comes_together(m, a) ? STG_SHIFT_BET : 1;
    find_peaks(&k, s);
    if (k.n <= STG_SHIFT_PEAKS) {
        return;
    }
    const double u = k.value[STG_SHIFT_PEAKS];
    double excess = 0;
    for (size_t i = 0; i < STG_SHIFT_PEAKS; i++) {
        excess += (k.value[i] - u) / STG_SHIFT_PEAKS;
    }
    excess = fmax(excess, 1); /* that of independent p-values: no tail is taken to be thinner */
    s->threshold = fmax(s->threshold, u + excess * log(STG_SHIFT_PEAKS * interval / (double)m->n_stream));
}

bool stg_shift_end(struct stg_shift *s)
{
    if (s->open.n == 0) {
        return false;
    }
    s->level += log(s->open.sum / (double)s->open.n);
    s->n += s->open.n;
    s->open.sum = 0;
    s->open.n = 0;
    if (s->level <= 0) {
        s->level = 0;
        s->since = s->n;
    }
    if (s->shifted || s->level < s->threshold) {
        return false;
    }
    s->shifted = true;
    s->noticed = s->n - 1;
    s->began = s->since;
    return true;
}

bool stg_shift_add_p(struct stg_shift *s, double p)
{
    return add(s, p, true);
}

bool stg_shift_add(struct stg_shift *s, const struct stg_score *score)
{
    const bool apart = s->open.n == 0 || !stg_score_overlap(s->model, &s->open.first, score);
    if (apart) {
        s->open.first = *score;
    }
    return add(s, stg_p_value_most(s->model, s->aggregate, (double)score->value[s->aggregate]), apart);
}

void stg_shift_judge(struct stg_shift *s, const struct stg_model *m, enum stg_aggregate a, double interval,
                     const struct stg_score *scores, size_t n)
{
    stg_shift_init(s, m, a, interval);
    for (size_t i = 0; i < n && stg_calibrated(m); i++) {
        stg_shift_add(s, &scores[i]);
    }
    stg_shift_end(s);
}

void stg_shift_reset(struct stg_shift *s)
{
    s->level = 0;
    s->since = s->n;
    s->shifted = false;
}
