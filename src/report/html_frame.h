/* The frame of a plot. Private to the figures of report/. */
#ifndef STG_REPORT_HTML_FRAME_H
#define STG_REPORT_HTML_FRAME_H

#include "report/writer.h"

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

/* Grid lines and their exp(y). */
void html_y_axis(struct writer *w, const struct frame *f);

#endif
