/* The frame of a plot: axes, histograms and what is shown of an axis. Private to the figures of report/. */
#ifndef STG_REPORT_HTML_FRAME_H
#define STG_REPORT_HTML_FRAME_H

#include "report/writer.h"
#include "score/score.h"

#include <math.h>

/* A plot's frame within its SVG, and what its axes span. Scores are in nats: a perplexity axis is logarithmic. */
struct frame {
    double left, right, top, bottom; /* pixels */
    double x_low, x_high, y_low, y_high;
};

static inline double x_of(const struct frame *f, double x)
{
    return f->left + (fmin(fmax(x, f->x_low), f->x_high) - f->x_low) / (f->x_high - f->x_low) * (f->right - f->left);
}

static inline double y_of(const struct frame *f, double y)
{
    return f->bottom - (fmin(fmax(y, f->y_low), f->y_high) - f->y_low) / (f->y_high - f->y_low) * (f->bottom - f->top);
}

/* The words at a tick. */
typedef void html_tick(double value, char out[32]);
html_tick html_tick_exp;      /* exp(value); "120 k" from 100,000 on */
html_tick html_tick_duration; /* exp(value) in nanoseconds: "10 µs" */
html_tick html_tick_count;    /* value itself: "120 k" */
html_tick html_tick_percent;  /* a share: "50 %" */

/* Ticks of a logarithmic axis between exp(low) and exp(high), as logarithms; of a linear one. At most max; how many. */
size_t html_log_ticks(double low, double high, double *ticks, size_t max);
size_t html_linear_ticks(double low, double high, double *ticks, size_t max);
#define HTML_MOST_TICKS 12

/* The axis at the bottom with n ticks and its label (HTML). */
void html_x_axis(struct writer *w, const struct frame *f, const double *ticks, size_t n, html_tick *words,
                 const char *label);
/* Grid lines and their words at the left. */
void html_y_grid(struct writer *w, const struct frame *f, const double *ticks, size_t n, html_tick *words);
/* Both for logarithmic axes that show exp of their values. */
void html_log_x_axis(struct writer *w, const struct frame *f, html_tick *words, const char *label);
void html_y_axis(struct writer *w, const struct frame *f);

/* One outline over n bins of equal width. */
void html_histogram(struct writer *w, const struct frame *f, const double *share, size_t n, const char *class);

/* Where a sequence stands on a logarithmic axis: its events, at least one; its nanoseconds, at least one. */
double html_length_of(const struct stg_score *s);
double html_duration_of(const struct stg_score *s);

/* A name that has n columns in a picture: cut, with … at its end. */
void html_short_name(struct writer *w, const char *name, size_t n);

#endif
