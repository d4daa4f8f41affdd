/* The course of the scores: whether a run was novel throughout, from some point on, or now and then. */
#include "report/html.h"
#include "report/html_frame.h"

#include "base/memory.h"
#include "base/sort.h"
#include "detect/calibrate.h"
#include "report/words.h"

#include <stdlib.h>

#define MAX_SPANS 60 /* of a run; each gives one point of a line */

/* Sequences of a set in the order in which they began. */
struct course {
    const struct stg_score **order; /* (n) owned */
    float *sorted;                  /* (n) scores of a span; owned */
    size_t n, n_spans;
    enum stg_aggregate aggregate;
};

static int by_begin(const void *a, const void *b)
{
    const struct stg_score *const *x = a, *const *y = b;
    if ((*x)->stream != (*y)->stream) {
        return (*x)->stream < (*y)->stream ? -1 : 1;
    }
    if ((*x)->begin_ns != (*y)->begin_ns) {
        return (*x)->begin_ns < (*y)->begin_ns ? -1 : 1;
    }
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static enum stg_status course_of(struct course *c, const struct stg_scored_set *set, enum stg_aggregate aggregate)
{
    *c = (struct course){.n = set->n, .n_spans = set->n < MAX_SPANS ? set->n : MAX_SPANS, .aggregate = aggregate};
    STG_RETURN_IF_FAILED(stg_mem_zeroed((void *)&c->order, set->n, sizeof *c->order));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->sorted, set->n, sizeof *c->sorted));
    for (size_t i = 0; i < set->n; i++) {
        c->order[i] = &set->scores[i];
    }
    qsort((void *)c->order, c->n, sizeof *c->order, by_begin);
    return STG_OK;
}

static void course_fini(struct course *c)
{
    stg_mem_free((void *)c->order);
    stg_mem_free(c->sorted);
}

/* The q quantile of the scores of span i. */
static double span_quantile(struct course *c, size_t i, double q)
{
    const size_t from = c->n * i / c->n_spans, to = c->n * (i + 1) / c->n_spans;
    for (size_t k = from; k < to; k++) {
        c->sorted[k - from] = c->order[k]->value[c->aggregate];
    }
    stg_sort_floats(c->sorted, to - from);
    return (double)c->sorted[(size_t)(q * (double)(to - from - 1) + 0.5)];
}

static void put_line(struct writer *w, const struct frame *f, struct course *c, double q, const char *class)
{
    writer_printf(w, "<path class=\"%s\" d=\"", class);
    for (size_t i = 0; i < c->n_spans; i++) {
        const double y = span_quantile(c, i, q);
        writer_printf(w, "%c%.1f %.1f", i == 0 ? 'M' : 'L', x_of(f, ((double)i + 0.5) / (double)c->n_spans),
                      y_of(f, isfinite(y) ? y : f->y_high));
    }
    writer_put(w, "\"/>");
}

/* The line as text. */
static void put_medians(struct writer *w, struct course *c)
{
    double low = INFINITY, high = -INFINITY;
    char text[4][32];
    for (size_t i = 0; i < c->n_spans; i++) {
        const double y = span_quantile(c, i, 0.5);
        low = fmin(low, y);
        high = fmax(high, y);
    }
    if (c->n_spans == 0) {
        return;
    }
    words_perplexity(span_quantile(c, 0, 0.5), text[0]);
    words_perplexity(span_quantile(c, c->n_spans - 1, 0.5), text[1]);
    words_perplexity(low, text[2]);
    words_perplexity(high, text[3]);
    writer_printf(w, " The median is %s in the first span and %s in the last, %s at least and %s at most.", text[0],
                  text[1], text[2], text[3]);
}

/* Where a sequence of the set is among those in order; n where it is not. */
static size_t place_in(const struct course *c, const struct stg_score *s)
{
    size_t i = 0;
    while (i < c->n && c->order[i] != s) {
        i++;
    }
    return i;
}

/* An upright line with its word at the top, on the side where there is room. */
static void put_upright(struct writer *w, const struct frame *f, const struct course *c, const struct stg_score *s,
                        const char *class, const char *word)
{
    const double part = ((double)place_in(c, s) + 0.5) / (double)c->n, x = x_of(f, part);
    writer_printf(w, "<path class=\"%s\" d=\"M%.1f %.1fV%.1f\"/>", class, x, f->top - 4, f->bottom);
    if (word != NULL) {
        writer_printf(w, "<text class=\"strong\" x=\"%.1f\" y=\"%.1f\"%s>%s</text>", part > 0.5 ? x - 3 : x + 3,
                      f->top - 5, part > 0.5 ? " text-anchor=\"end\"" : "", word);
    }
}

static void put_shift_marks(struct writer *w, const struct stg_report *r, size_t k, const struct stg_scored_set *set,
                            const struct frame *f, const struct course *c)
{
    if (html_has_shift(r, k) && r->shifts[k].shifted) {
        put_upright(w, f, c, &set->scores[r->shifts[k].noticed], "noticed", NULL);
        put_upright(w, f, c, &set->scores[r->shifts[k].began], "shifted", "shifted");
    }
}

/* "The stream shifted at sequence 12, noticed at 81, after 70 sequences, of which the first began at 1.234 s." */
static void put_shift_caption(struct writer *w, const struct stg_report *r, size_t k, const struct stg_scored_set *set)
{
    char moment[48], n[32];
    if (!html_has_shift(r, k)) {
        return;
    }
    const struct stg_shift *s = &r->shifts[k];
    writer_put(w, r->shifts[k].shifted ? "<figcaption>The stream shifted" : "<figcaption>No shift of the stream");
    html_shift(w, r, k);
    if (s->shifted) {
        words_count(s->noticed - s->began + 1, n);
        writer_printf(w, ", after %s sequence%s", n, s->noticed == s->began ? "" : "s");
    }
    if (s->shifted && r->profiles != NULL && r->profiles[k].has_time) {
        words_moment(set->scores[s->began].begin_ns, moment);
        writer_printf(w, ", of which the first began at %s", moment);
    }
    writer_put(w, ".</figcaption>");
}

static enum stg_status put_course(struct writer *w, const struct stg_report *r, size_t k, const struct frame *f,
                                  double threshold)
{
    const struct stg_scored_set *set = k == 0 ? r->known : &r->novel[k - 1];
    enum stg_status status = STG_OK;
    struct course c;
    char n[32];
    STG_TRY(course_of(&c, set, r->aggregate));
    words_count(set->n, n);
    writer_put(w, "<figure><h3 class=\"name\">");
    writer_html(w, set->name);
    writer_printf(w,
                  "</h3><svg viewBox=\"0 0 360 160\" width=\"360\" role=\"img\"><title>Course of the "
                  "scores</title><desc>%s sequences in the "
                  "order in which they began, in %zu spans: the median, and dotted the highest of each.",
                  n, c.n_spans);
    put_medians(w, &c);
    writer_put(w, "</desc>");
    html_y_axis(w, f);
    if (isfinite(threshold)) {
        writer_printf(w, "<path class=\"limit\" d=\"M%.1f %.1fH%.1f\"/>", f->left, y_of(f, threshold), f->right);
    }
    if (set->n > 0) {
        put_line(w, f, &c, 1, "course-most");
        put_line(w, f, &c, 0.5, set == r->known ? "course-known" : "course-novel");
    }
    put_shift_marks(w, r, k, set, f, &c);
    writer_printf(w, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/><text x=\"%.1f\" y=\"%.1f\">first</text>", f->left,
                  f->bottom, f->right, f->left, f->bottom + 16);
    writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s, last</text></svg>", f->right, f->bottom + 16,
                  n);
    put_shift_caption(w, r, k, set);
    writer_put(w, "</figure>\n");
out:
    course_fini(&c);
    return status;
}

static void widen(const struct stg_scored_set *set, enum stg_aggregate a, struct frame *f)
{
    for (size_t i = 0; i < set->n; i++) {
        const double v = (double)set->scores[i].value[a];
        if (isfinite(v)) {
            f->y_low = fmin(f->y_low, v);
            f->y_high = fmax(f->y_high, v);
        }
    }
}

static void put_stream_words(struct writer *w, const struct stg_report *r)
{
    char interval[32];
    if (r->shifts == NULL) {
        return;
    }
    words_count((uint64_t)(r->interval + 0.5), interval);
    writer_printf(
        w,
        "<p>The sequences are also taken as a stream, in the order of the data and counted from 0 over all data of a "
        "set: it "
        "shifted where they became more surprising and stayed so, each perhaps only a little. Of runs that are like "
        "the calibration's, a false shift comes once in %s sequences.</p>\n",
        interval);
}

enum stg_status html_timelines(struct writer *w, const struct stg_report *r)
{
    const double threshold = stg_threshold(r->model, r->aggregate, r->alpha);
    struct frame f = {
        .left = 44, .right = 352, .top = 18, .bottom = 130, .x_high = 1, .y_low = INFINITY, .y_high = -INFINITY};
    widen(r->known, r->aggregate, &f);
    for (size_t i = 0; i < r->n_novel; i++) {
        widen(&r->novel[i], r->aggregate, &f);
    }
    if (isfinite(threshold)) {
        f.y_low = fmin(f.y_low, threshold);
        f.y_high = fmax(f.y_high, threshold);
    }
    f.y_low = f.y_low <= f.y_high ? f.y_low - 0.05 : 0;
    f.y_high = f.y_high > f.y_low ? f.y_high + 0.05 : 1;
    writer_printf(w,
                  "<section id=\"timelines\" aria-labelledby=\"h-timelines\">\n<h2 id=\"h-timelines\">Course of the "
                  "scores</h2>\n<p>%s upward, the "
                  "sequences of a run in the order in which they began. A run that is novel throughout lies above the "
                  "threshold (dashed) from its "
                  "beginning; one that becomes so, from then on.</p>\n",
                  words_scale_title(r->aggregate));
    put_stream_words(w, r);
    writer_put(w, "<div class=\"grid\">\n");
    bool any = false;
    for (size_t k = 0; k <= r->n_novel; k++) {
        STG_RETURN_IF_FAILED(put_course(w, r, k, &f, threshold));
        any |= html_has_shift(r, k) && r->shifts[k].shifted;
    }
    writer_put(w, "</div>\n<p class=\"meta\">Line: the median of each span. Dotted: its highest score.");
    writer_put(w,
               any ? " Upright: the sequence at which the stream shifted, and dotted the one at which that was noticed."
                   : "");
    writer_put(w, "</p>\n</section>\n");
    return STG_OK;
}
