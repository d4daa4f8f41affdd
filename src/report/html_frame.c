/* Axes, and what stands at their ticks. */
#include "report/html_frame.h"

#include <stdio.h>

/* The step of about `raw` that reads well. */
static double even_step(double raw)
{
    const double power = pow(10, floor(log10(raw)));
    return power * (raw / power < 1.5 ? 1 : raw / power < 3.5 ? 2 : raw / power < 7.5 ? 5 : 10);
}

/* 1-2-5 steps per decade, or even steps where that gives fewer than three. */
size_t html_log_ticks(double low, double high, double *ticks, size_t max)
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
    const double from = exp(low), to = exp(high), step = even_step((to - from) / 4);
    n = 0;
    for (double at = ceil(from / step) * step; at <= to && n < max; at += step) {
        if (at > 0) {
            ticks[n++] = log(at);
        }
    }
    return n;
}

size_t html_linear_ticks(double low, double high, double *ticks, size_t max)
{
    const double step = even_step((high - low) / 4);
    size_t n = 0;
    for (double k = ceil(low / step); k * step <= high && n < max; k++) {
        ticks[n++] = k * step + 0; /* not −0 */
    }
    return n;
}

void html_tick_duration(double value, char out[32])
{
    const double ns = exp(value) * (1 + 1e-9); /* a decade's logarithm may come back a little short of it */
    const struct {
        double ns;
        const char *unit;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}};
    size_t i = 0;
    while (i < 3 && ns < units[i].ns) {
        i++;
    }
    snprintf(out, 32, "%.4g %s", ns / units[i].ns, units[i].unit);
}

void html_tick_count(double value, char out[32])
{
    static const struct {
        double of;
        const char *unit;
    } units[] = {{1e9, " G"}, {1e6, " M"}, {1e3, " k"}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (value >= units[i].of) {
            snprintf(out, 32, "%.4g%s", value / units[i].of, units[i].unit);
            return;
        }
    }
    snprintf(out, 32, "%.4g", value);
}

/* What is large is short, as a picture has room for five figures beside its axis. */
void html_tick_exp(double value, char out[32])
{
    const double v = exp(value) * (1 + 1e-9); /* a decade's logarithm may come back a little short of it */
    if (v >= 1e12) {                          /* 1.5e12 */
        const int power = (int)floor(log10(v));
        snprintf(out, 32, "%.2ge%d", v / pow(10, power), power);
    } else if (v >= 1e5) {
        html_tick_count(v, out);
    } else {
        snprintf(out, 32, v >= 1e4 ? "%.0f" : "%.4g", v);
    }
}

void html_tick_percent(double value, char out[32])
{
    snprintf(out, 32, "%.3g %%", value * 100);
}

/* Words under ticks, from left to right: none lies over another, and the last one stays in the picture. */
static void put_tick_words(struct writer *w, const struct frame *f, const double *ticks, size_t n, html_tick *words)
{
    double end = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        char text[32];
        words(ticks[i], text);
        const double half = 3.6 * (double)text_width(text), x = fmin(x_of(f, ticks[i]), f->right + 8 - half);
        if (x - half > end + 4) {
            writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>", x, f->bottom + 16, text);
            end = x + half;
        }
    }
}

void html_x_axis(struct writer *w, const struct frame *f, const double *ticks, size_t n, html_tick *words,
                 const char *label)
{
    writer_printf(w, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f", f->left, f->bottom, f->right);
    for (size_t i = 0; i < n; i++) {
        writer_printf(w, "M%.1f %.1fv4", x_of(f, ticks[i]), f->bottom);
    }
    writer_put(w, "\"/>");
    put_tick_words(w, f, ticks, n, words);
    writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>", (f->left + f->right) / 2,
                  f->bottom + 32, label);
}

void html_y_grid(struct writer *w, const struct frame *f, const double *ticks, size_t n, html_tick *words)
{
    for (size_t i = 0; i < n; i++) {
        const double y = y_of(f, ticks[i]);
        char text[32];
        words(ticks[i], text);
        writer_printf(w,
                      "<path class=\"gridline\" d=\"M%.1f %.1fH%.1f\"/><text x=\"%.1f\" y=\"%.1f\" "
                      "text-anchor=\"end\">%s</text>",
                      f->left, y, f->right, f->left - 5, y + 4, text);
    }
}

void html_log_x_axis(struct writer *w, const struct frame *f, html_tick *words, const char *label)
{
    double ticks[HTML_MOST_TICKS];
    html_x_axis(w, f, ticks, html_log_ticks(f->x_low, f->x_high, ticks, HTML_MOST_TICKS), words, label);
}

void html_y_axis(struct writer *w, const struct frame *f)
{
    double ticks[HTML_MOST_TICKS];
    html_y_grid(w, f, ticks, html_log_ticks(f->y_low, f->y_high, ticks, HTML_MOST_TICKS), html_tick_exp);
}

void html_histogram(struct writer *w, const struct frame *f, const double *share, size_t n, const char *class)
{
    const double width = (f->right - f->left) / (double)n;
    writer_printf(w, "<path class=\"%s\" d=\"M%.1f %.1f", class, f->left, f->bottom);
    for (size_t i = 0; i < n; i++) {
        writer_printf(w, "V%.1fH%.1f", y_of(f, share[i]), f->left + width * (double)(i + 1));
    }
    writer_printf(w, "V%.1f\"/>", f->bottom);
}

double html_length_of(const struct stg_score *s)
{
    return log(fmax(1, s->n_events));
}

double html_duration_of(const struct stg_score *s)
{
    return log(fmax(1, (double)(s->end_ns - s->begin_ns)));
}

void html_short_name(struct writer *w, const char *name, size_t n)
{
    char text[256];
    size_t len = 0, columns = 0;
    if (text_width(name) <= n) {
        writer_html(w, name);
        return;
    }
    while (name[len] != '\0' && len < sizeof text - 1) {
        columns += ((unsigned char)name[len] & 0xc0) != 0x80; /* a new character begins */
        if (columns == n) {
            break;
        }
        text[len] = name[len];
        len++;
    }
    text[len] = '\0';
    writer_html(w, text);
    writer_put(w, "…");
}
