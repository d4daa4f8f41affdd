#include "report/html.h"
#include "report/html_frame.h"

#include "base/memory.h"
#include "detect/calibrate.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>

#define N_BINS     56
#define ROC_POINTS 200

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

static double beyond(const struct stg_scored_set *set, enum stg_aggregate a, double threshold)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        n += value_of(set, i, a) >= threshold;
    }
    return set->n == 0 ? 0 : (double)n / (double)set->n;
}

static void put_distribution(struct writer *w, const struct stg_report *r, const struct stg_scored_set *novel,
                             enum stg_aggregate a)
{
    const double threshold = stg_threshold(r->model, a, r->alpha);
    struct frame f = {.left = 42, .right = 352, .top = 14, .bottom = 150};
    double known_share[N_BINS], novel_share[N_BINS] = {0};
    char known_beyond[32], novel_beyond[32];
    span(r->known, novel, a, threshold, &f.x_low, &f.x_high);
    const double top_known = histogram(r->known, a, &f, known_share);
    const double top_novel = novel == NULL ? 0 : histogram(novel, a, &f, novel_share);
    f.y_high = fmax(fmax(top_known, top_novel), 1e-9) * 1.12;
    words_percent(beyond(r->known, a, threshold), known_beyond);
    words_percent(novel == NULL ? 0 : beyond(novel, a, threshold), novel_beyond);
    writer_printf(w, "<svg viewBox=\"0 0 360 188\" width=\"360\" role=\"img\"><title>Distribution of %s",
                  words_scale(a));
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
    html_histogram(w, &f, known_share, N_BINS, "kf");
    if (novel != NULL) {
        html_histogram(w, &f, novel_share, N_BINS, "nf");
    }
    put_limit(w, &f, threshold);
    html_log_x_axis(w, &f, html_tick_exp, words_scale(a));
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

/* What is judged by, and below it the perplexity, where that is another score; row NULL: no novel set, and no curve. */
static enum stg_status put_plots(struct writer *w, const struct stg_report *r, const struct stg_scored_set *novel,
                                 const struct stg_evaluation_row *row)
{
    writer_put(w, "<div class=\"plots\">");
    put_distribution(w, r, novel, r->aggregate);
    if (row != NULL) {
        STG_RETURN_IF_FAILED(put_roc(w, r, novel, row));
    }
    writer_put(w, "</div>");
    if (r->aggregate != STG_AGGREGATE_MEAN) {
        writer_put(w, "<div class=\"plots\">");
        put_distribution(w, r, novel, STG_AGGREGATE_MEAN);
        writer_put(w, "</div>");
    }
    return STG_OK;
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
                  "shapes overlap, the better the behaviour is told apart. Heights are shares of each set.");
    writer_put(w, r->aggregate != STG_AGGREGATE_MEAN ? " The upper ones are of the score that is judged by, the lower "
                                                       "ones of the perplexity, which is of the calls alone.</p>\n"
                                                     : "</p>\n");
    put_legend(w, r->n_novel > 0, isfinite(threshold));
    writer_put(w, "<div class=\"grid\">\n");
    if (r->n_novel == 0 || r->evaluation == NULL) {
        writer_put(w, "<figure>");
        STG_RETURN_IF_FAILED(put_plots(w, r, NULL, NULL));
        char n[32];
        words_count(r->known->n, n);
        writer_printf(w, "<figcaption>%s sequence%s.</figcaption></figure>\n", n, r->known->n == 1 ? "" : "s");
    }
    for (size_t i = 0; i < r->n_novel && r->evaluation != NULL && i < r->evaluation->n_rows; i++) {
        const struct stg_evaluation_row *row = &r->evaluation->rows[i];
        writer_put(w, "<figure><h3 class=\"name\">");
        writer_html(w, r->novel[i].name);
        writer_put(w, "</h3>");
        STG_RETURN_IF_FAILED(put_plots(w, r, &r->novel[i], row));
        writer_printf(w, "<figcaption>%zu known and %zu novel sequences. ROC curve: area %.3f.</figcaption></figure>\n",
                      r->known->n, r->novel[i].n, row->auroc.value);
    }
    writer_put(w, "</div>\n</section>\n");
    return STG_OK;
}
