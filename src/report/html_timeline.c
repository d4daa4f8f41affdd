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

static enum stg_status put_course(struct writer *w, const struct stg_report *r, const struct stg_scored_set *set,
                                  const struct frame *f, double threshold)
{
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
                  "order in which they began, in %zu spans: the median, and dotted the highest of each.</desc>",
                  n, c.n_spans);
    html_y_axis(w, f);
    if (isfinite(threshold)) {
        writer_printf(w, "<path class=\"limit\" d=\"M%.1f %.1fH%.1f\"/>", f->left, y_of(f, threshold), f->right);
    }
    if (set->n > 0) {
        put_line(w, f, &c, 1, "course-most");
        put_line(w, f, &c, 0.5, set == r->known ? "course-known" : "course-novel");
    }
    writer_printf(w, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/><text x=\"%.1f\" y=\"%.1f\">first</text>", f->left,
                  f->bottom, f->right, f->left, f->bottom + 16);
    writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s, last</text></svg></figure>\n", f->right,
                  f->bottom + 16, n);
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

enum stg_status html_timelines(struct writer *w, const struct stg_report *r)
{
    const double threshold = stg_threshold(r->model, r->aggregate, r->alpha);
    struct frame f = {
        .left = 44, .right = 352, .top = 10, .bottom = 130, .x_high = 1, .y_low = INFINITY, .y_high = -INFINITY};
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
                  "beginning; one that becomes so, from then on.</p>\n<div class=\"grid\">\n",
                  words_scale_title(r->aggregate));
    STG_RETURN_IF_FAILED(put_course(w, r, r->known, &f, threshold));
    for (size_t i = 0; i < r->n_novel; i++) {
        STG_RETURN_IF_FAILED(put_course(w, r, &r->novel[i], &f, threshold));
    }
    writer_put(w,
               "</div>\n<p class=\"meta\">Line: the median of each span. Dotted: its highest score.</p>\n</section>\n");
    return STG_OK;
}
