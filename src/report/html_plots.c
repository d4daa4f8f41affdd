#include "report/html.h"
#include "report/html_frame.h"

#include "base/memory.h"
#include "detect/calibrate.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>

#define N_BINS     56
#define ROC_POINTS 200
#define MAX_DOTS   400 /* of each kind in the scatter plot */

static double value_of(const struct stg_scored_set *set, size_t i, enum stg_aggregate a)
{
    return (double)set->scores[i].value[a];
}

static void widen(const struct stg_scored_set *set, enum stg_aggregate a, double *low, double *high)
{
    for (size_t i = 0; i < set->n; i++) {
        const double v = value_of(set, i, a);
        if (isfinite(v)) {
            *low = fmin(*low, v);
            *high = fmax(*high, v);
        }
    }
}

/* Both sets and the threshold, with a margin; something sensible for nothing at all. */
static void span(const struct stg_scored_set *known, const struct stg_scored_set *novel, enum stg_aggregate a,
                 double threshold, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    widen(known, a, low, high);
    if (novel != NULL) {
        widen(novel, a, low, high);
    }
    if (isfinite(threshold)) {
        *low = fmin(*low, threshold);
        *high = fmax(*high, threshold);
    }
    if (!(*low <= *high)) {
        *low = 0;
        *high = 1;
    }
    const double margin = fmax((*high - *low) * 0.04, 0.005);
    *low -= margin;
    *high += margin;
}

/* Ticks of a log axis of perplexities between exp(low) and exp(high): 1-2-5 steps per decade, or even steps where that
 * gives fewer than three. At most max. */
static size_t log_ticks(double low, double high, double *ticks, size_t max)
{
    static const double steps[] = {1, 1.5, 2, 3, 5, 7};
    size_t n = 0;
    const double first = floor(low / log(10));
    for (double decade = first; decade <= high / log(10) && decade < first + 16; decade++) {
        for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++) {
            const double at = decade * log(10) + log(steps[k]);
            const bool fine = high - low < log(10) * 1.2;
            const bool wanted = fine || steps[k] < 1.2 || (high - low < log(10) * 3 && (k == 2 || k == 4));
            if (at >= low && at <= high && wanted && n < max) {
                ticks[n++] = at;
            }
        }
    }
    if (n >= 3) {
        return n;
    }
    const double from = exp(low), to = exp(high), raw = (to - from) / 4;
    const double power = pow(10, floor(log10(raw)));
    const double step = power * (raw / power < 1.5 ? 1 : raw / power < 3.5 ? 2 : raw / power < 7.5 ? 5 : 10);
    n = 0;
    for (double at = ceil(from / step) * step; at <= to && n < max; at += step) {
        if (at > 0) {
            ticks[n++] = log(at);
        }
    }
    return n;
}

static void put_x_axis(struct writer *w, const struct frame *f, const char *label)
{
    double ticks[12];
    const size_t n = log_ticks(f->x_low, f->x_high, ticks, 12);
    writer_printf(w, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f", f->left, f->bottom, f->right);
    for (size_t i = 0; i < n; i++) {
        writer_printf(w, "M%.1f %.1fv4", x_of(f, ticks[i]), f->bottom);
    }
    writer_put(w, "\"/>");
    for (size_t i = 0; i < n; i++) {
        writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.4g</text>", x_of(f, ticks[i]),
                      f->bottom + 16, exp(ticks[i]));
    }
    writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>", (f->left + f->right) / 2,
                  f->bottom + 32, label);
}

static void put_limit(struct writer *w, const struct frame *f, double threshold)
{
    if (isfinite(threshold)) {
        const double x = x_of(f, threshold);
        const bool late = x > (f->left + f->right) / 2;
        writer_printf(w,
                      "<path class=\"limit\" d=\"M%.1f %.1fV%.1f\"/><text class=\"strong\" x=\"%.1f\" y=\"%.1f\" "
                      "text-anchor=\"%s\">threshold</text>",
                      x, f->top - 2, f->bottom, x + (late ? -4 : 4), f->top + 6, late ? "end" : "start");
    }
}

/* Share of the set in each bin; scores that are not finite count in the last one. Returns the largest share. */
static double histogram(const struct stg_scored_set *set, enum stg_aggregate a, const struct frame *f,
                        double share[N_BINS])
{
    double top = 0;
    for (size_t i = 0; i < N_BINS; i++) {
        share[i] = 0;
    }
    for (size_t i = 0; i < set->n; i++) {
        const double v = value_of(set, i, a);
        const double part = isfinite(v) ? (v - f->x_low) / (f->x_high - f->x_low) : 1;
        const size_t bin = part <= 0 ? 0 : part >= 1 ? N_BINS - 1 : (size_t)(part * N_BINS);
        share[bin] += 1.0 / (double)set->n;
    }
    for (size_t i = 0; i < N_BINS; i++) {
        top = fmax(top, share[i]);
    }
    return top;
}

/* One outline over all bins. */
static void put_histogram(struct writer *w, const struct frame *f, const double share[N_BINS], const char *class)
{
    const double width = (f->right - f->left) / N_BINS;
    writer_printf(w, "<path class=\"%s\" d=\"M%.1f %.1f", class, f->left, f->bottom);
    for (size_t i = 0; i < N_BINS; i++) {
        writer_printf(w, "V%.1fH%.1f", y_of(f, share[i]), f->left + width * (double)(i + 1));
    }
    writer_printf(w, "V%.1f\"/>", f->bottom);
}

static double beyond(const struct stg_scored_set *set, enum stg_aggregate a, double threshold)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        n += value_of(set, i, a) >= threshold;
    }
    return set->n == 0 ? 0 : (double)n / (double)set->n;
}

static void put_distribution(struct writer *w, const struct stg_report *r, const struct stg_scored_set *novel,
                             double threshold)
{
    struct frame f = {.left = 34, .right = 352, .top = 14, .bottom = 150};
    double known_share[N_BINS], novel_share[N_BINS] = {0};
    char known_beyond[32], novel_beyond[32];
    span(r->known, novel, r->aggregate, threshold, &f.x_low, &f.x_high);
    const double top_known = histogram(r->known, r->aggregate, &f, known_share);
    const double top_novel = novel == NULL ? 0 : histogram(novel, r->aggregate, &f, novel_share);
    f.y_high = fmax(fmax(top_known, top_novel), 1e-9) * 1.12;
    words_percent(beyond(r->known, r->aggregate, threshold), known_beyond);
    words_percent(novel == NULL ? 0 : beyond(novel, r->aggregate, threshold), novel_beyond);
    writer_put(w, "<svg viewBox=\"0 0 360 188\" width=\"360\" role=\"img\"><title>Distribution of scores");
    if (novel != NULL) {
        writer_put(w, ": known and ");
        writer_html(w, novel->name);
    }
    writer_put(w, "</title><desc>Beyond the threshold lie ");
    writer_html(w, known_beyond);
    writer_put(w, " of the known");
    if (novel != NULL) {
        writer_put(w, " and ");
        writer_html(w, novel_beyond);
        writer_put(w, " of the novel");
    }
    writer_put(w, " sequences.</desc>");
    const double half = f.y_high / 1.12;
    writer_printf(w, "<path class=\"gridline\" d=\"M%.1f %.1fH%.1fM%.1f %.1fH%.1f\"/>", f.left, y_of(&f, half), f.right,
                  f.left, y_of(&f, half / 2), f.right);
    writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.0f %%</text>", f.left - 4, y_of(&f, half) + 4,
                  half * 100);
    put_histogram(w, &f, known_share, "kf");
    if (novel != NULL) {
        put_histogram(w, &f, novel_share, "nf");
    }
    put_limit(w, &f, threshold);
    put_x_axis(w, &f, words_scale(r->aggregate));
    writer_put(w, "</svg>\n");
}

static enum stg_status values_of(double **out, const struct stg_scored_set *set, enum stg_aggregate a)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, set->n, sizeof **out));
    for (size_t i = 0; i < set->n; i++) {
        (*out)[i] = value_of(set, i, a);
    }
    return STG_OK;
}

static enum stg_status put_roc(struct writer *w, const struct stg_report *r, const struct stg_scored_set *novel,
                               const struct stg_evaluation_row *row)
{
    enum stg_status status = STG_OK;
    const struct frame f = {.left = 26, .right = 156, .top = 14, .bottom = 150, .x_high = 1, .y_high = 1};
    struct stg_roc_point points[ROC_POINTS];
    size_t n = 0;
    double *known_values = NULL, *novel_values = NULL;
    STG_TRY(values_of(&known_values, r->known, r->aggregate));
    STG_TRY(values_of(&novel_values, novel, r->aggregate));
    STG_TRY(stg_roc(known_values, r->known->n, novel_values, novel->n, ROC_POINTS, points, &n));
    writer_put(w, "<svg viewBox=\"0 0 164 188\" width=\"164\" role=\"img\"><title>ROC curve of ");
    writer_html(w, novel->name);
    writer_printf(w, "</title><desc>Caught against false alarms over all thresholds; the area is %.3f.</desc>",
                  row->auroc.value);
    writer_printf(
        w, "<path class=\"gridline\" d=\"M%.1f %.1fH%.1fV%.1f\"/><path class=\"axis\" d=\"M%.1f %.1fV%.1fH%.1f\"/>",
        f.left, f.top, f.right, f.bottom, f.left, f.top, f.bottom, f.right);
    writer_printf(w, "<path class=\"chance\" d=\"M%.1f %.1fL%.1f %.1f\"/><path class=\"roc\" d=\"", f.left, f.bottom,
                  f.right, f.top);
    for (size_t i = 0; i < n; i++) {
        writer_printf(w, "%c%.1f %.1f", i == 0 ? 'M' : 'L', x_of(&f, points[i].fpr), y_of(&f, points[i].tpr));
    }
    writer_printf(w,
                  "\"/><text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">1</text><text x=\"%.1f\" y=\"%.1f\" "
                  "text-anchor=\"end\">0</text>",
                  f.left - 5, f.top + 4, f.left - 5, f.bottom + 4);
    writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">1</text>", f.right, f.bottom + 16);
    writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">false alarms</text>", (f.left + f.right) / 2,
                  f.bottom + 32);
    writer_printf(w, "<text transform=\"rotate(-90)\" x=\"%.1f\" y=\"11\" text-anchor=\"middle\">caught</text>",
                  -(f.top + f.bottom) / 2);
    writer_put(w, "</svg>\n");
out:
    stg_mem_free(known_values);
    stg_mem_free(novel_values);
    return status;
}

static void put_legend(struct writer *w, bool novel, bool limit)
{
    writer_put(w, "<p class=\"legend\"><span><svg width=\"26\" height=\"14\" aria-hidden=\"true\"><rect class=\"kf\" "
                  "x=\"1\" y=\"1\" width=\"24\" "
                  "height=\"12\"/></svg>known</span>");
    writer_put(w, novel ? "<span><svg width=\"26\" height=\"14\" aria-hidden=\"true\"><rect class=\"nf\" x=\"1\" "
                          "y=\"1\" width=\"24\" "
                          "height=\"12\"/></svg>novel</span>"
                        : "");
    writer_put(w, limit ? "<span><svg width=\"26\" height=\"14\" aria-hidden=\"true\"><path class=\"limit\" d=\"M0 "
                          "7H26\"/></svg>threshold "
                          "from known data</span>"
                        : "");
    writer_put(w, "</p>\n");
}

enum stg_status html_distributions(struct writer *w, const struct stg_report *r)
{
    const double threshold = stg_threshold(r->model, r->aggregate, r->alpha);
    writer_put(w, "<section id=\"distributions\" aria-labelledby=\"h-distributions\">\n<h2 "
                  "id=\"h-distributions\">Distributions</h2>\n"
                  "<p>How surprising the sequences of each set are, on a logarithmic axis that is scaled to each "
                  "figure. The less the two "
                  "shapes overlap, the better the behaviour is told apart. Heights are shares of each set.</p>\n");
    put_legend(w, r->n_novel > 0, isfinite(threshold));
    writer_put(w, "<div class=\"grid\">\n");
    if (r->n_novel == 0 || r->evaluation == NULL) {
        writer_put(w, "<figure>");
        put_distribution(w, r, NULL, threshold);
        char n[32];
        words_count(r->known->n, n);
        writer_printf(w, "<figcaption>%s sequence%s.</figcaption></figure>\n", n, r->known->n == 1 ? "" : "s");
    }
    for (size_t i = 0; i < r->n_novel && r->evaluation != NULL && i < r->evaluation->n_rows; i++) {
        const struct stg_evaluation_row *row = &r->evaluation->rows[i];
        writer_put(w, "<figure><h3 class=\"name\">");
        writer_html(w, r->novel[i].name);
        writer_put(w, "</h3><div class=\"plots\">");
        put_distribution(w, r, &r->novel[i], threshold);
        STG_RETURN_IF_FAILED(put_roc(w, r, &r->novel[i], row));
        writer_printf(
            w, "</div><figcaption>%zu known and %zu novel sequences. ROC curve: area %.3f.</figcaption></figure>\n",
            r->known->n, r->novel[i].n, row->auroc.value);
    }
    writer_put(w, "</div>\n</section>\n");
    return STG_OK;
}

/* Evenly spaced sequences of a set, never more than `most`; how many were drawn. */
static size_t put_dots(struct writer *w, const struct frame *f, const struct stg_scored_set *set, enum stg_aggregate a,
                       size_t most, const char *class)
{
    const size_t n = set->n < most ? set->n : most;
    writer_printf(w, "<g class=\"%s\">", class);
    for (size_t k = 0; k < n; k++) {
        const size_t i = k * set->n / n;
        const double v = value_of(set, i, a);
        writer_printf(w, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.4\"/>", x_of(f, log(fmax(1, set->scores[i].n_events))),
                      y_of(f, isfinite(v) ? v : f->y_high));
    }
    writer_put(w, "</g>");
    return n;
}

void html_y_axis(struct writer *w, const struct frame *f)
{
    double ticks[12];
    const size_t n = log_ticks(f->y_low, f->y_high, ticks, 12);
    for (size_t i = 0; i < n; i++) {
        const double y = y_of(f, ticks[i]);
        writer_printf(w,
                      "<path class=\"gridline\" d=\"M%.1f %.1fH%.1f\"/><text x=\"%.1f\" y=\"%.1f\" "
                      "text-anchor=\"end\">%.4g</text>",
                      f->left, y, f->right, f->left - 5, y + 4, exp(ticks[i]));
    }
}

static void widen_lengths(const struct stg_scored_set *set, double *low, double *high)
{
    for (size_t i = 0; i < set->n; i++) {
        const double length = log(fmax(1, set->scores[i].n_events));
        *low = fmin(*low, length);
        *high = fmax(*high, length);
    }
}

enum stg_status html_lengths(struct writer *w, const struct stg_report *r)
{
    struct frame f = {.left = 48, .right = 708, .top = 10, .bottom = 250, .x_low = INFINITY, .x_high = -INFINITY};
    size_t n_known = 0, n_novel = 0, all_novel = 0;
    const double threshold = stg_threshold(r->model, r->aggregate, r->alpha);
    span(r->known, NULL, r->aggregate, threshold, &f.y_low, &f.y_high);
    widen_lengths(r->known, &f.x_low, &f.x_high);
    for (size_t i = 0; i < r->n_novel; i++) {
        widen(&r->novel[i], r->aggregate, &f.y_low, &f.y_high);
        widen_lengths(&r->novel[i], &f.x_low, &f.x_high);
    }
    f.x_low = fmin(f.x_low, f.x_high) - 0.05;
    f.x_high += 0.05;
    if (!(f.x_low < f.x_high)) {
        f.x_low = 0;
        f.x_high = 1;
    }
    writer_put(
        w, "<section id=\"lengths\" aria-labelledby=\"h-lengths\">\n<h2 id=\"h-lengths\">Score against length</h2>\n"
           "<p>Where a score depends on how long a sequence is, long and short ones should not share a "
           "threshold.</p>\n<figure>"
           "<svg viewBox=\"0 0 716 290\" width=\"716\" role=\"img\"><title>Score against the number of "
           "events</title><desc>Dots are "
           "sequences: filled known, open novel.</desc>");
    html_y_axis(w, &f);
    for (size_t i = 0; i < r->n_novel; i++) {
        n_novel += put_dots(w, &f, &r->novel[i], r->aggregate, MAX_DOTS / r->n_novel + 1, "nd");
        all_novel += r->novel[i].n;
    }
    n_known = put_dots(w, &f, r->known, r->aggregate, MAX_DOTS, "kd");
    if (isfinite(threshold)) {
        writer_printf(w, "<path class=\"limit\" d=\"M%.1f %.1fH%.1f\"/>", f.left, y_of(&f, threshold), f.right);
    }
    put_x_axis(w, &f, "events of the sequence");
    writer_printf(
        w,
        "</svg><figcaption>%s upward, both axes logarithmic; dashed: the threshold. Filled: %zu of %zu known sequences",
        words_scale_title(r->aggregate), n_known, r->known->n);
    if (r->n_novel > 0) {
        writer_printf(w, "; open: %zu of %zu novel ones", n_novel, all_novel);
    }
    writer_put(w, ", evenly sampled.</figcaption></figure>\n</section>\n");
    return STG_OK;
}
