/* What the data sets are made of: how long their sequences are, in events and in time, and which calls and processes
 * they have. A novel set is drawn over the known one, on the same axes. */
#include "report/html.h"
#include "report/html_frame.h"

#include "base/memory.h"
#include "base/sort.h"
#include "report/words.h"

#include <string.h>

#define N_BINS     32
#define N_BARS     10
#define BAR_HEIGHT 17
#define NAME_MOST  14 /* columns beside a bar */

/* A pair of sets; novel NULL: the known one alone. */
struct pair {
    const struct stg_scored_set *known, *novel;
    const struct stg_profile *known_profile, *novel_profile;
};

static void widen(const struct stg_scored_set *set, double (*of)(const struct stg_score *), struct frame *f)
{
    for (size_t i = 0; set != NULL && i < set->n; i++) {
        f->x_low = fmin(f->x_low, of(&set->scores[i]));
        f->x_high = fmax(f->x_high, of(&set->scores[i]));
    }
}

/* Share of the set in each bin; the largest. */
static double bins_of(const struct stg_scored_set *set, double (*of)(const struct stg_score *), const struct frame *f,
                      double share[N_BINS])
{
    double top = 0;
    for (size_t i = 0; i < N_BINS; i++) {
        share[i] = 0;
    }
    for (size_t i = 0; set != NULL && i < set->n; i++) {
        const double part = (of(&set->scores[i]) - f->x_low) / (f->x_high - f->x_low);
        const size_t bin = part <= 0 ? 0 : part >= 1 ? N_BINS - 1 : (size_t)(part * N_BINS);
        share[bin] += 1.0 / (double)set->n;
        top = fmax(top, share[bin]);
    }
    return top;
}

static void begin_picture(struct writer *w, double height, const char *what, const struct pair *p)
{
    writer_printf(w, "<svg viewBox=\"0 0 264 %.0f\" width=\"264\" role=\"img\"><title>%s: known", height, what);
    if (p->novel != NULL) {
        writer_put(w, " and ");
        writer_html(w, p->novel->name);
    }
    writer_put(w, "</title><desc>The figures stand in the table below the pictures.</desc>");
}

static void put_lengths(struct writer *w, const struct pair *p, const char *what,
                        double (*of)(const struct stg_score *), html_tick *words)
{
    struct frame f = {.left = 42, .right = 252, .top = 10, .bottom = 130, .x_low = INFINITY, .x_high = -INFINITY};
    double known[N_BINS], novel[N_BINS], ticks[HTML_MOST_TICKS];
    widen(p->known, of, &f);
    widen(p->novel, of, &f);
    f.x_low = f.x_low <= f.x_high ? f.x_low - 0.05 : 0;
    f.x_high = f.x_high > f.x_low ? f.x_high + 0.05 : 1;
    const double top_known = bins_of(p->known, of, &f, known), top_novel = bins_of(p->novel, of, &f, novel);
    f.y_high = fmax(fmax(top_known, top_novel), 1e-9) * 1.1;
    begin_picture(w, 166, what, p);
    html_y_grid(w, &f, ticks, html_linear_ticks(0, f.y_high, ticks, HTML_MOST_TICKS), html_tick_percent);
    html_histogram(w, &f, known, N_BINS, "kf");
    if (p->novel != NULL) {
        html_histogram(w, &f, novel, N_BINS, "nf");
    }
    html_log_x_axis(w, &f, words, what);
    writer_put(w, "</svg>\n");
}

/* One of the two tallies of a profile. */
static const struct stg_tally *tally_of(const struct stg_profile *p, bool procs)
{
    return p == NULL ? NULL : procs ? &p->procs : &p->calls;
}

static double share_of(const struct stg_profile *p, bool procs, const char *name)
{
    return p == NULL || p->n_calls == 0 ? 0 : (double)stg_tally_of(tally_of(p, procs), name) / (double)p->n_calls;
}

static size_t top_of(const struct pair *p, bool procs, const char *names[N_BARS])
{
    return stg_tally_top(tally_of(p->known_profile, procs), p->known_profile->n_calls,
                         tally_of(p->novel_profile, procs), p->novel_profile == NULL ? 0 : p->novel_profile->n_calls,
                         names, N_BARS);
}

/* What the source gave no name. */
static const char *shown(const char *name)
{
    return name[0] == '\0' || strcmp(name, "[UNKNOWN]") == 0 ? "(no name)" : name;
}

static void put_bar(struct writer *w, const struct frame *f, double y, double height, double share, const char *class)
{
    if (share > 0) {
        writer_printf(w, "<path class=\"%s\" d=\"M%.1f %.1fH%.1fv%.1fH%.1fz\"/>", class, f->left, y, x_of(f, share),
                      height, f->left);
    }
}

static void put_bars(struct writer *w, const struct pair *p, bool procs, const char *what)
{
    struct frame f = {.left = 104, .right = 252, .top = 6};
    const char *names[N_BARS];
    double ticks[HTML_MOST_TICKS];
    const size_t n = top_of(p, procs, names);
    for (size_t i = 0; i < n; i++) {
        f.x_high = fmax(f.x_high,
                        fmax(share_of(p->known_profile, procs, names[i]), share_of(p->novel_profile, procs, names[i])));
    }
    f.x_high = fmax(f.x_high, 1e-9) * 1.02;
    f.bottom = f.top + BAR_HEIGHT * (double)n + 2;
    begin_picture(w, f.bottom + 36, what, p);
    for (size_t i = 0; i < n; i++) {
        const double y = f.top + BAR_HEIGHT * (double)i;
        writer_printf(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", f.left - 5, y + 11.5);
        html_short_name(w, shown(names[i]), NAME_MOST);
        writer_put(w, "</text>");
        put_bar(w, &f, y + 1, BAR_HEIGHT - 4, share_of(p->known_profile, procs, names[i]), "kf");
        put_bar(w, &f, y + 3, BAR_HEIGHT - 8, share_of(p->novel_profile, procs, names[i]), "nf");
    }
    html_x_axis(w, &f, ticks, html_linear_ticks(0, f.x_high, ticks, HTML_MOST_TICKS), html_tick_percent, what);
    writer_put(w, "</svg>\n");
}

/* "812 (120 to 4,031)": median, and the .05 and .95 quantile. */
static enum stg_status put_quantiles(struct writer *w, const struct stg_scored_set *set,
                                     double (*of)(const struct stg_score *), html_tick *words)
{
    static const double qs[] = {0.5, 0.05, 0.95};
    double *sorted = NULL;
    char text[3][32];
    if (set->n == 0) {
        writer_put(w, "<td>–</td>");
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&sorted, set->n, sizeof *sorted));
    for (size_t i = 0; i < set->n; i++) {
        sorted[i] = of(&set->scores[i]);
    }
    stg_sort_doubles(sorted, set->n);
    for (size_t k = 0; k < 3; k++) {
        words(sorted[lround(qs[k] * (double)(set->n - 1))], text[k]);
    }
    stg_mem_free(sorted);
    writer_printf(w, "<td>%s <span class=\"range\">(%s to %s)</span></td>", text[0], text[1], text[2]);
    return STG_OK;
}

/* The table has room for all figures. */
static void whole_count(double value, char out[32])
{
    words_count((uint64_t)llround(exp(value)), out);
}

static enum stg_status put_lasting(struct writer *w, const struct pair *p, const char *what,
                                   double (*of)(const struct stg_score *), html_tick *words)
{
    writer_printf(w, "<tr><th scope=\"row\">%s, median <span class=\"range\">(5 %% to 95 %%)</span></th>", what);
    STG_RETURN_IF_FAILED(put_quantiles(w, p->known, of, words));
    if (p->novel != NULL) {
        STG_RETURN_IF_FAILED(put_quantiles(w, p->novel, of, words));
    }
    writer_put(w, "</tr>\n");
    return STG_OK;
}

static void put_share(struct writer *w, const struct stg_profile *profile, bool procs, const char *name)
{
    char share[32];
    if (profile != NULL) {
        words_percent(share_of(profile, procs, name), share);
        writer_put(w, "<td>");
        writer_html(w, share);
        writer_put(w, "</td>");
    }
}

static void put_shares(struct writer *w, const struct pair *p, bool procs, const char *what)
{
    const char *names[N_BARS];
    const size_t n = top_of(p, procs, names);
    for (size_t i = 0; i < n; i++) {
        writer_printf(w, "<tr><th scope=\"row\" class=\"name\">%s <span class=\"call\">", what);
        writer_html(w, shown(names[i]));
        writer_put(w, "</span></th>");
        put_share(w, p->known_profile, procs, names[i]);
        put_share(w, p->novel_profile, procs, names[i]);
        writer_put(w, "</tr>\n");
    }
}

static bool has_time(const struct pair *p)
{
    return p->known_profile->has_time && (p->novel_profile == NULL || p->novel_profile->has_time);
}

/* The same as a table. */
static enum stg_status put_table(struct writer *w, const struct pair *p)
{
    writer_put(w, "<details><summary>The same as a table</summary><div class=\"in scroll\" tabindex=\"0\" "
                  "role=\"region\" aria-label=\"Figures of "
                  "the data set\"><table>\n<caption>Shares are of all calls of the set.</caption>\n<thead><tr><th "
                  "scope=\"col\">What</th><th "
                  "scope=\"col\">Known</th>");
    if (p->novel != NULL) {
        writer_put(w, "<th scope=\"col\" class=\"name\">");
        writer_html(w, p->novel->name);
        writer_put(w, "</th>");
    }
    writer_put(w, "</tr></thead>\n<tbody>\n");
    STG_RETURN_IF_FAILED(put_lasting(w, p, "Events", html_length_of, whole_count));
    if (has_time(p)) {
        STG_RETURN_IF_FAILED(put_lasting(w, p, "Duration", html_duration_of, html_tick_duration));
    }
    put_shares(w, p, false, "Call");
    put_shares(w, p, true, "Process");
    writer_put(w, "</tbody></table></div></details>\n");
    return STG_OK;
}

static enum stg_status put_set(struct writer *w, const struct pair *p)
{
    char known[32], novel[32];
    writer_put(w, "<figure><h3 class=\"name\">");
    writer_html(w, p->novel != NULL ? p->novel->name : p->known->name);
    writer_put(w, "</h3><div class=\"quarters\">\n");
    put_lengths(w, p, "events of a sequence", html_length_of, html_tick_exp);
    if (has_time(p)) {
        put_lengths(w, p, "duration of a sequence", html_duration_of, html_tick_duration);
    }
    put_bars(w, p, false, "share of the calls, by call");
    put_bars(w, p, true, "share of the calls, by process");
    words_count(p->known->n, known);
    writer_printf(w, "</div><figcaption>%s known", known);
    if (p->novel != NULL) {
        words_count(p->novel->n, novel);
        writer_printf(w, " and %s novel", novel);
    }
    writer_printf(w, " sequences, all of them counted.%s</figcaption>\n",
                  has_time(p) ? "" : " There are no durations, as the data has no clock.");
    STG_RETURN_IF_FAILED(put_table(w, p));
    writer_put(w, "</figure>\n");
    return STG_OK;
}

enum stg_status html_profiles(struct writer *w, const struct stg_report *r)
{
    if (r->profiles == NULL) {
        return STG_OK;
    }
    writer_put(w, "<section id=\"data\" aria-labelledby=\"h-data\">\n<h2 id=\"h-data\">The data sets</h2>\n<p>What "
                  "each set is made of");
    writer_put(w, r->n_novel > 0
                      ? ", the novel one outlined over the known one: a call, a process or a length that only one of "
                        "them has tells "
                        "them apart before any model does.</p>\n<div class=\"stack\">\n"
                      : ": look for lengths and calls that you did not expect.</p>\n<div class=\"stack\">\n");
    for (size_t i = 0; i < (r->n_novel > 0 ? r->n_novel : 1); i++) {
        const struct pair p = {.known = r->known,
                               .novel = r->n_novel > 0 ? &r->novel[i] : NULL,
                               .known_profile = &r->profiles[0],
                               .novel_profile = r->n_novel > 0 ? &r->profiles[i + 1] : NULL};
        if (html_is_full(w)) {
            writer_printf(w, "<p>%zu more sets are left out to keep the page small.</p>\n", r->n_novel - i);
            break;
        }
        STG_RETURN_IF_FAILED(put_set(w, &p));
    }
    writer_put(w, "</div>\n</section>\n");
    return STG_OK;
}
