/* What a pause before one call does to the score: how long something must hang before it shows. */
#include "report/html.h"
#include "report/html_frame.h"

#include "detect/calibrate.h"
#include "report/words.h"

#include <stdio.h>

static void words_delay(size_t d, char out[32])
{
    if (d == 0) {
        snprintf(out, 32, "none");
    } else {
        html_tick_duration(log((double)stg_delay_ns[d]), out);
    }
}

static struct frame frame_of(const struct stg_delay_range range[STG_DELAYS], double threshold)
{
    struct frame f = {.left = 48,
                      .right = 400,
                      .top = 10,
                      .bottom = 200,
                      .x_low = -0.5,
                      .x_high = STG_DELAYS - 0.5,
                      .y_low = INFINITY,
                      .y_high = -INFINITY};
    for (size_t d = 0; d < STG_DELAYS; d++) {
        f.y_low = fmin(f.y_low, range[d].low);
        f.y_high = fmax(f.y_high, range[d].high);
    }
    if (isfinite(threshold)) {
        f.y_low = fmin(f.y_low, threshold);
        f.y_high = fmax(f.y_high, threshold);
    }
    f.y_high = isfinite(f.y_high) ? f.y_high : f.y_low + 1; /* a score beyond all stands at the top */
    f.y_low = isfinite(f.y_low) ? f.y_low : f.y_high - 1;
    const double margin = fmax((f.y_high - f.y_low) * 0.06, 0.005);
    f.y_low -= margin;
    f.y_high += margin;
    return f;
}

/* Ticks at the delays, which are a decade apart each. */
static void put_x_axis(struct writer *w, const struct frame *f)
{
    writer_printf(w, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/>", f->left, f->bottom, f->right);
    for (size_t d = 0; d < STG_DELAYS; d++) {
        char text[32];
        words_delay(d, text);
        writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>", x_of(f, (double)d),
                      f->bottom + 16, text);
    }
    writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">delay before one call</text>",
                  (f->left + f->right) / 2, f->bottom + 32);
}

static void put_picture(struct writer *w, const struct stg_delay_range range[STG_DELAYS], enum stg_aggregate a,
                        double threshold)
{
    const struct frame f = frame_of(range, threshold);
    writer_printf(w,
                  "<svg viewBox=\"0 0 410 240\" width=\"410\" role=\"img\"><title>%s against an injected "
                  "delay</title><desc>The figures stand in the "
                  "table below the picture.</desc>",
                  words_scale_title(a));
    html_y_axis(w, &f);
    if (isfinite(threshold)) {
        writer_printf(w, "<path class=\"limit\" d=\"M%.1f %.1fH%.1f\"/>", f.left, y_of(&f, threshold), f.right);
    }
    writer_put(w, "<path class=\"span\" d=\"");
    for (size_t d = 0; d < STG_DELAYS; d++) {
        const double x = x_of(&f, (double)d), low = y_of(&f, range[d].low), high = y_of(&f, range[d].high);
        writer_printf(w, "M%.1f %.1fV%.1fM%.1f %.1fh12M%.1f %.1fh12", x, low, high, x - 6, low, x - 6, high);
    }
    writer_put(w, "\"/><path class=\"course-known\" d=\"");
    for (size_t d = 0; d < STG_DELAYS; d++) {
        writer_printf(w, "%c%.1f %.1f", d == 0 ? 'M' : 'L', x_of(&f, (double)d), y_of(&f, range[d].median));
    }
    writer_put(w, "\"/><g class=\"pt\">");
    for (size_t d = 0; d < STG_DELAYS; d++) {
        writer_printf(w, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>", x_of(&f, (double)d), y_of(&f, range[d].median));
    }
    writer_put(w, "</g>");
    put_x_axis(w, &f);
    writer_put(w, "</svg>\n");
}

static void put_table(struct writer *w, const struct stg_delay_range range[STG_DELAYS])
{
    writer_put(w, "<details><summary>The same as a table</summary><div class=\"in scroll\" tabindex=\"0\" "
                  "role=\"region\" aria-label=\"Scores by delay\"><table>\n<caption>Scores of the "
                  "sampled sequences, exp of "
                  "nats.</caption>\n<thead><tr><th scope=\"col\">Delay</th><th scope=\"col\">Median</th><th "
                  "scope=\"col\">5 %</th><th "
                  "scope=\"col\">95 %</th></tr></thead>\n<tbody>\n");
    for (size_t d = 0; d < STG_DELAYS; d++) {
        char delay[32], median[32], low[32], high[32];
        words_delay(d, delay);
        words_perplexity(range[d].median, median);
        words_perplexity(range[d].low, low);
        words_perplexity(range[d].high, high);
        writer_printf(w, "<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td>%s</td></tr>\n", delay, median, low,
                      high);
    }
    writer_put(w, "</tbody></table></div></details>\n");
}

static void put_figure(struct writer *w, const struct stg_report *r, enum stg_aggregate a)
{
    const struct stg_delay_range *range = r->delays->range[a];
    writer_printf(w, "<figure><h3>%s</h3>", words_scale_title(a));
    put_picture(w, range, a, stg_threshold(r->model, a, r->alpha));
    writer_put(w, "<figcaption>Dots: the median. Bars: 90 % of the sequences. Dashed: the threshold.");
    if (a == STG_AGGREGATE_MEAN && (r->model->ops->columns & STG_WALK_ELAPSED) == 0) {
        writer_put(w, " The perplexity is of the calls alone, which this model predicts without their times.");
    }
    writer_put(w, "</figcaption>\n");
    put_table(w, range);
    writer_put(w, "</figure>\n");
}

void html_delays(struct writer *w, const struct stg_report *r)
{
    const struct stg_delay_effect *e = r->delays;
    char n[32], all[32];
    writer_put(w, "<section id=\"delays\" aria-labelledby=\"h-delays\">\n<h2 id=\"h-delays\">Injected delays</h2>\n");
    if (!stg_delay_seen(r->model)) {
        writer_put(w, "<p>The model does not see elapsed times: a delay cannot change its scores.</p>\n</section>\n");
        return;
    }
    if (e == NULL || e->n == 0) {
        writer_put(w, "<p>No known sequence has times and a call that could be delayed.</p>\n</section>\n");
        return;
    }
    words_count(e->n, n);
    words_count(e->n_all, all);
    writer_printf(w,
                  "<p>The same known sequences with a delay before one call, chosen at random: look from which delay "
                  "on the scores leave those without "
                  "one, and whether they come to the threshold. %s of %s known sequences, evenly sampled from those "
                  "with a call to delay.</p>\n<div class=\"grid\">\n",
                  n, all);
    put_figure(w, r, r->aggregate);
    if (r->aggregate != STG_AGGREGATE_MEAN) {
        put_figure(w, r, STG_AGGREGATE_MEAN);
    }
    writer_put(w, "</div>\n</section>\n");
}
