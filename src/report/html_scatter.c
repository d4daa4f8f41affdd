/* The score that is judged by, and the perplexity, against length and against duration: a dot is a sequence. */
#include "report/html.h"
#include "report/html_frame.h"

#include "detect/calibrate.h"
#include "report/words.h"

#define MAX_DOTS 400 /* of each kind */

/* What is drawn to the right. */
struct measure {
    const char *title, *axis;
    double (*of)(const struct stg_score *s); /* logarithm */
    html_tick *words;
};

static double score_of(const struct stg_scored_set *set, size_t i, enum stg_aggregate a)
{
    return (double)set->scores[i].value[a];
}

static void widen(const struct stg_scored_set *set, enum stg_aggregate a, const struct measure *m, struct frame *f)
{
    for (size_t i = 0; i < set->n; i++) {
        const double x = m->of(&set->scores[i]), y = score_of(set, i, a);
        f->x_low = fmin(f->x_low, x);
        f->x_high = fmax(f->x_high, x);
        if (isfinite(y)) {
            f->y_low = fmin(f->y_low, y);
            f->y_high = fmax(f->y_high, y);
        }
    }
}

/* All sets and the threshold, with a margin; something sensible for nothing at all. */
static struct frame frame_of(const struct stg_report *r, const struct measure *m, enum stg_aggregate a,
                             double threshold)
{
    struct frame f = {.left = 48,
                      .right = 708,
                      .top = 10,
                      .bottom = 250,
                      .x_low = INFINITY,
                      .x_high = -INFINITY,
                      .y_low = INFINITY,
                      .y_high = -INFINITY};
    widen(r->known, a, m, &f);
    for (size_t i = 0; i < r->n_novel; i++) {
        widen(&r->novel[i], a, m, &f);
    }
    if (isfinite(threshold)) {
        f.y_low = fmin(f.y_low, threshold);
        f.y_high = fmax(f.y_high, threshold);
    }
    const bool any_x = f.x_low <= f.x_high, any_y = f.y_low <= f.y_high;
    const double margin = any_y ? fmax((f.y_high - f.y_low) * 0.04, 0.005) : 0;
    f.x_low = any_x ? f.x_low - 0.05 : 0;
    f.x_high = any_x ? f.x_high + 0.05 : 1;
    f.y_low = any_y ? f.y_low - margin : 0;
    f.y_high = any_y ? f.y_high + margin : 1;
    return f;
}

/* Evenly spaced sequences of a set, never more than `most`; how many were drawn. */
static size_t put_dots(struct writer *w, const struct frame *f, const struct stg_scored_set *set, enum stg_aggregate a,
                       const struct measure *m, size_t most, const char *class)
{
    const size_t n = set->n < most ? set->n : most;
    writer_printf(w, "<g class=\"%s\">", class);
    for (size_t k = 0; k < n; k++) {
        const size_t i = k * set->n / n;
        const double y = score_of(set, i, a);
        writer_printf(w, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.4\"/>", x_of(f, m->of(&set->scores[i])),
                      y_of(f, isfinite(y) ? y : f->y_high));
    }
    writer_put(w, "</g>");
    return n;
}

/* exp(mean) of the finite scores of a set to the left of the middle of the axis, or to its right. */
struct half {
    double sum[2];
    size_t n[2];
};

static void add_half(struct half *h, const struct frame *f, const struct stg_scored_set *set, enum stg_aggregate a,
                     const struct measure *m)
{
    for (size_t i = 0; i < set->n; i++) {
        const int right = m->of(&set->scores[i]) > (f->x_low + f->x_high) / 2;
        const double y = score_of(set, i, a);
        h->sum[right] += isfinite(y) ? y : 0;
        h->n[right] += isfinite(y) ? 1 : 0;
    }
}

static void put_half(struct writer *w, const struct half *h, const char *which, const char *middle)
{
    char mean[2][32] = {"none", "none"};
    for (int k = 0; k < 2; k++) {
        if (h->n[k] > 0) {
            words_perplexity(h->sum[k] / (double)h->n[k], mean[k]);
        }
    }
    writer_printf(w, " Geometric mean of the %s ones: %s up to %s, %s beyond.", which, mean[0], middle, mean[1]);
}

/* What the cloud is looked at for, as text: whether it rises or falls. */
static void put_means(struct writer *w, const struct stg_report *r, const struct frame *f, enum stg_aggregate a,
                      const struct measure *m)
{
    struct half known = {0}, novel = {0};
    char middle[32];
    m->words((f->x_low + f->x_high) / 2, middle);
    add_half(&known, f, r->known, a, m);
    put_half(w, &known, "known", middle);
    for (size_t i = 0; i < r->n_novel; i++) {
        add_half(&novel, f, &r->novel[i], a, m);
    }
    if (r->n_novel > 0) {
        put_half(w, &novel, "novel", middle);
    }
}

static void put_scatter(struct writer *w, const struct stg_report *r, const struct measure *m, enum stg_aggregate a)
{
    const double threshold = stg_threshold(r->model, a, r->alpha);
    const struct frame f = frame_of(r, m, a, threshold);
    size_t n_novel = 0, all_novel = 0;
    writer_printf(
        w,
        "<figure><svg viewBox=\"0 0 716 290\" width=\"716\" role=\"img\"><title>%s against %s</title><desc>Dots are "
        "sequences: filled known, open novel.",
        words_scale_title(a), m->title);
    put_means(w, r, &f, a, m);
    writer_put(w, "</desc>");
    html_y_axis(w, &f);
    for (size_t i = 0; i < r->n_novel; i++) {
        n_novel += put_dots(w, &f, &r->novel[i], a, m, MAX_DOTS / r->n_novel + 1, "nd");
        all_novel += r->novel[i].n;
    }
    const size_t n_known = put_dots(w, &f, r->known, a, m, MAX_DOTS, "kd");
    if (isfinite(threshold)) {
        writer_printf(w, "<path class=\"limit\" d=\"M%.1f %.1fH%.1f\"/>", f.left, y_of(&f, threshold), f.right);
    }
    html_log_x_axis(w, &f, m->words, m->axis);
    writer_printf(
        w,
        "</svg><figcaption>%s upward, both axes logarithmic; dashed: the threshold. Filled: %zu of %zu known sequences",
        words_scale_title(a), n_known, r->known->n);
    if (r->n_novel > 0) {
        writer_printf(w, "; open: %zu of %zu novel ones", n_novel, all_novel);
    }
    writer_put(w, ", evenly sampled from each set.</figcaption></figure>\n");
}

/* Whether sequences last: what a source without a clock calls their times counts events. */
static bool has_durations(const struct stg_report *r)
{
    for (size_t k = 0; k < r->n_novel + 1; k++) {
        const struct stg_scored_set *set = k == 0 ? r->known : &r->novel[k - 1];
        for (size_t i = 0; i < set->n && (r->profiles == NULL || r->profiles[k].has_time); i++) {
            if (set->scores[i].end_ns > set->scores[i].begin_ns) {
                return true;
            }
        }
    }
    return false;
}

void html_scatter(struct writer *w, const struct stg_report *r)
{
    static const struct measure length = {"the number of events", "events of the sequence", html_length_of,
                                          html_tick_exp};
    static const struct measure duration = {"duration", "duration of the sequence", html_duration_of,
                                            html_tick_duration};
    writer_put(w, "<section id=\"lengths\" aria-labelledby=\"h-lengths\">\n<h2 id=\"h-lengths\">Score against length "
                  "and duration</h2>\n"
                  "<p>Where a score depends on how long a sequence is, long and short ones should not share a "
                  "threshold: look for a cloud that "
                  "rises or falls from left to right.</p>\n<div class=\"stack\">\n");
    const size_t n_scores = r->aggregate != STG_AGGREGATE_MEAN ? 2 : 1; /* the perplexity, too */
    for (size_t k = 0; k < n_scores; k++) {
        const enum stg_aggregate a = k == 0 ? r->aggregate : STG_AGGREGATE_MEAN;
        put_scatter(w, r, &length, a);
        if (has_durations(r)) {
            put_scatter(w, r, &duration, a);
        }
    }
    writer_put(w, "</div>\n</section>\n");
}
