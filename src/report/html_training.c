/* Learning curves: the course of trainings, from their logs. */
#include "report/html.h"
#include "report/html_frame.h"

#include "report/words.h"

#include <inttypes.h>

#define MAX_POINTS 400 /* of a line */
#define N_COLOURS  6   /* lines beyond are dashed */

#define MOST_NUMBERS 32 /* of lines; pixels of each: */
#define NUMBER_WIDE  16.0
#define NUMBER_HIGH  11.0

/* A column of a log. */
struct column {
    size_t offset; /* of the double in struct stg_training_point */
    bool thin;     /* beside another one of the same plot */
};

struct plot {
    const char *title, *caption;
    struct column columns[2];
    size_t n_columns;
    bool logarithmic;
    html_tick *words; /* at the left */
};

static double value_of(const struct stg_training_point *p, const struct plot *plot, size_t c)
{
    const double value = *(const double *)((const char *)p + plot->columns[c].offset);
    return !plot->logarithmic ? value : value > 0 ? log(value) : (double)NAN;
}

static struct frame frame_of(const struct stg_report *r, const struct plot *plot)
{
    struct frame f = {.left = 52, .right = 350, .top = 10, .bottom = 180, .y_low = INFINITY, .y_high = -INFINITY};
    for (size_t i = 0; i < r->n_trainings; i++) {
        const struct stg_training_log *log = &r->trainings[i];
        for (size_t k = 0; k < log->n; k++) {
            f.x_high = fmax(f.x_high, (double)log->points[k].tokens);
            for (size_t c = 0; c < plot->n_columns; c++) { /* fmin and fmax pass over NAN */
                f.y_low = fmin(f.y_low, value_of(&log->points[k], plot, c));
                f.y_high = fmax(f.y_high, value_of(&log->points[k], plot, c));
            }
        }
    }
    const bool any = f.y_low <= f.y_high;
    const double margin = any ? fmax((f.y_high - f.y_low) * 0.05, 1e-6 + fabs(f.y_high) * 0.01) : 0;
    f.x_high = fmax(f.x_high, 1);
    f.y_low = any ? f.y_low - margin : 0;
    f.y_high = any ? f.y_high + margin : 1;
    return f;
}

static size_t drawn_of(const struct stg_training_log *log)
{
    return log->n < MAX_POINTS ? log->n : MAX_POINTS;
}

/* Evenly spaced evaluations and the last one; where tokens fall back another training begins, or one that was taken up
 * again. */
static void put_line(struct writer *w, const struct frame *f, const struct stg_training_log *log,
                     const struct plot *plot, size_t c, size_t i)
{
    const size_t n = drawn_of(log);
    bool on = false;
    uint64_t before = 0;
    writer_printf(w, "<path class=\"curve c%zu%s%s\" d=\"", i % N_COLOURS, plot->columns[c].thin ? " thin" : "",
                  i >= N_COLOURS ? " dash" : "");
    for (size_t k = 0; k < n; k++) {
        const struct stg_training_point *p = &log->points[n > 1 ? k * (log->n - 1) / (n - 1) : 0];
        const double y = value_of(p, plot, c);
        if (isnan(y)) {
            on = false;
            continue;
        }
        on = on && p->tokens >= before;
        before = p->tokens;
        writer_printf(w, "%c%.1f %.1f", on ? 'L' : 'M', x_of(f, (double)p->tokens), y_of(f, y));
        on = true;
    }
    writer_put(w, n == 1 && on ? "h4\"/>" : "\"/>"); /* a single evaluation is a dash, to be seen at all */
}

/* Where the number of a line stands. */
struct place {
    double x, y;
};

/* The end of the first column of a log that has one. */
static bool end_of(const struct frame *f, const struct stg_training_log *log, const struct plot *plot,
                   struct place *out)
{
    for (size_t c = 0; c < plot->n_columns; c++) {
        for (size_t k = log->n; k > 0; k--) {
            const double y = value_of(&log->points[k - 1], plot, c);
            if (!isnan(y)) {
                *out = (struct place){x_of(f, (double)log->points[k - 1].tokens), y_of(f, y)};
                return true;
            }
        }
    }
    return false;
}

static bool is_free(const struct place *places, size_t n, double x, double y)
{
    for (size_t i = 0; i < n; i++) {
        if (fabs(places[i].x - x) < NUMBER_WIDE && fabs(places[i].y - y) < NUMBER_HIGH) {
            return false;
        }
    }
    return true;
}

/* The number of each line at its end, as colours alone do not tell lines apart for everyone: over the end, or as near
 * to it as there is room, first leftward and then downward. */
static void put_numbers(struct writer *w, const struct frame *f, const struct stg_report *r, const struct plot *plot)
{
    struct place places[MOST_NUMBERS];
    size_t n = 0;
    writer_put(w, "<g class=\"ends\">");
    for (size_t i = 0; i < r->n_trainings && n < MOST_NUMBERS; i++) {
        struct place at;
        if (!end_of(f, &r->trainings[i], plot, &at)) {
            continue;
        }
        at.y = fmax(at.y - 4, f->top + NUMBER_HIGH);
        for (const double x = at.x; !is_free(places, n, at.x, at.y);) {
            at.x -= NUMBER_WIDE;
            if (at.x < f->left + NUMBER_WIDE) {
                at = (struct place){x, at.y + NUMBER_HIGH};
            }
        }
        writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%zu</text>", at.x, at.y, i + 1);
        places[n++] = at;
    }
    writer_put(w, "</g>");
}

static void put_plot(struct writer *w, const struct stg_report *r, const struct plot *plot)
{
    const struct frame f = frame_of(r, plot);
    double ticks[HTML_MOST_TICKS];
    writer_printf(w,
                  "<figure><h3>%s</h3><svg viewBox=\"0 0 360 216\" width=\"360\" role=\"img\"><title>%s against "
                  "tokens</title><desc>A line for each log, with its number at the end; "
                  "the table below has how each ended.</desc>",
                  plot->title, plot->title);
    if (plot->logarithmic) {
        html_y_axis(w, &f);
    } else {
        html_y_grid(w, &f, ticks, html_linear_ticks(f.y_low, f.y_high, ticks, HTML_MOST_TICKS), plot->words);
    }
    for (size_t i = 0; i < r->n_trainings; i++) {
        for (size_t c = 0; c < plot->n_columns; c++) {
            put_line(w, &f, &r->trainings[i], plot, c, i);
        }
    }
    put_numbers(w, &f, r, plot);
    html_x_axis(w, &f, ticks, html_linear_ticks(0, f.x_high, ticks, HTML_MOST_TICKS), html_tick_count, "tokens");
    writer_printf(w, "</svg><figcaption>%s</figcaption></figure>\n", plot->caption);
}

static void put_legend(struct writer *w, const struct stg_report *r)
{
    writer_put(w, "<p class=\"legend\">");
    for (size_t i = 0; i < r->n_trainings; i++) {
        writer_printf(w,
                      "<span><svg width=\"26\" height=\"10\" aria-hidden=\"true\"><path class=\"curve c%zu%s\" d=\"M0 "
                      "5H26\"/></svg><b>%zu</b> <code>",
                      i % N_COLOURS, i >= N_COLOURS ? " dash" : "", i + 1);
        writer_html(w, r->trainings[i].path);
        writer_put(w, "</code></span>");
    }
    writer_put(w, "</p>\n");
}

/* "–" for what no line has. */
static void put_cell(struct writer *w, double value, const char *form, double scale)
{
    writer_put(w, "<td>");
    if (isnan(value)) {
        writer_put(w, "–");
    } else {
        writer_printf(w, form, value * scale);
    }
    writer_put(w, "</td>");
}

static void put_row(struct writer *w, const struct stg_training_log *log, size_t i)
{
    const struct stg_training_point *last = &log->points[log->n - 1], *best = last;
    char evaluations[32], drawn[32], updates[32], tokens[32];
    for (size_t k = 0; k < log->n; k++) {
        best = log->points[k].valid_loss < best->valid_loss || isnan(best->valid_loss) ? &log->points[k] : best;
    }
    words_count(log->n, evaluations);
    words_count(drawn_of(log), drawn);
    words_count(last->update, updates);
    words_count(last->tokens, tokens);
    writer_printf(w, "<tr><th scope=\"row\" class=\"name\">%zu: ", i + 1);
    writer_html(w, log->path);
    writer_printf(w, "</th><td>%s</td><td>%s</td><td>%s of %s</td>", updates, tokens, drawn, evaluations);
    put_cell(w, last->train_loss, "%.4f", 1);
    put_cell(w, last->valid_loss, "%.4f", 1);
    put_cell(w, best->valid_loss, "%.4f", 1);
    put_cell(w, best->valid_accuracy, "%.1f %%", 100);
    put_cell(w, last->gradient_norm, "%.3g", 1);
    writer_put(w, "</tr>\n");
}

static void put_table(struct writer *w, const struct stg_report *r)
{
    writer_put(w, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Trainings\"><table>\n<caption>How "
                  "each training ended: losses in nats "
                  "per token and the gradient's norm of the last evaluation; the best is the lowest validation loss. "
                  "Drawn: evaluations of the log.</caption>\n<thead><tr><th scope=\"col\">Log</th><th "
                  "scope=\"col\">Updates</th><th scope=\"col\">Tokens</th><th scope=\"col\">Drawn</th><th "
                  "scope=\"col\">Loss</th><th "
                  "scope=\"col\">Validation</th><th scope=\"col\">Best</th><th scope=\"col\">Its accuracy</th><th "
                  "scope=\"col\">Gradient norm</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < r->n_trainings; i++) {
        put_row(w, &r->trainings[i], i);
    }
    writer_put(w, "</tbody></table></div>\n");
}

#define AT(field) offsetof(struct stg_training_point, field)

void html_trainings(struct writer *w, const struct stg_report *r)
{
    static const struct plot plots[] = {
        {"Loss",
         "Nats per token on the validation data; thin and dotted: on the training data, with dropout.",
         {{AT(valid_loss), false}, {AT(train_loss), true}},
         2,
         false,
         html_tick_count},
        {"Accuracy",
         "How often the likeliest symbol was right, on the validation data; thin and dotted: on the training data.",
         {{AT(valid_accuracy), false}, {AT(train_accuracy), true}},
         2,
         false,
         html_tick_percent},
        {"Gradient norm",
         "Mean since the evaluation before, without clipping; logarithmic.",
         {{AT(gradient_norm), false}},
         1,
         true,
         html_tick_exp},
    };
    if (r->n_trainings == 0) {
        return;
    }
    writer_put(w, "<section id=\"training\" aria-labelledby=\"h-training\">\n<h2 id=\"h-training\">Learning "
                  "curves</h2>\n<p>How the model learned: look "
                  "for a validation loss that has become flat (it is done) or rises while the training loss falls (it "
                  "learns by heart), and for a "
                  "gradient norm that jumps (the rate is too high).</p>\n");
    put_legend(w, r);
    writer_put(w, "<div class=\"thirds\">\n");
    for (size_t i = 0; i < sizeof plots / sizeof plots[0]; i++) {
        put_plot(w, r, &plots[i]);
    }
    writer_put(w, "</div>\n");
    put_table(w, r);
    writer_put(w, "</section>\n");
}
