/* The sequences with the lowest and the highest scores of each set: where to look first, and what the model finds most
 * usual. */
#include "report/html.h"

#include "detect/calibrate.h"
#include "detect/novel.h"
#include "report/words.h"

#include <inttypes.h>
#include <string.h>

/* The explanation of the sequence among the first n; n where there is none. */
static size_t explanation_of(const struct stg_report *r, const char *set, const struct stg_score *s, size_t n)
{
    size_t i = 0;
    for (; i < n; i++) {
        const struct stg_score *other = &r->explanations[i].score;
        if (other->id == s->id && other->begin_ns == s->begin_ns && other->stream == s->stream &&
            other->tid == s->tid && strcmp(r->explanation_sets[i], set) == 0) {
            break;
        }
    }
    return i;
}

static void put_number(struct writer *w, const struct stg_report *r, const char *set, const struct stg_score *s,
                       size_t n_shown)
{
    const size_t i = explanation_of(r, set, s, n_shown);
    if (i < n_shown) {
        writer_printf(w,
                      "<tr><th scope=\"row\"><a href=\"#x%zu\" aria-label=\"Sequence %" PRIu64 ", explained\">%" PRIu64
                      "</a></th>",
                      i, s->id, s->id);
    } else {
        writer_printf(w, "<tr><th scope=\"row\">%" PRIu64 "</th>", s->id);
    }
}

static void put_verdict(struct writer *w, const struct stg_report *r, double score)
{
    if (!stg_calibrated(r->model)) {
        writer_put(w, "<td>–</td><td class=\"l\">–</td>");
        return;
    }
    const double p = stg_p_value(r->model, r->aggregate, score);
    writer_printf(w, "<td>%.3g</td><td class=\"l\">%s</td>", p,
                  !stg_is_judged(r->model, r->alpha) ? "–"
                  : p <= r->alpha                    ? "<b>novel</b>"
                                                     : "not novel");
}

static void put_blamed(struct writer *w, const struct stg_extreme *e)
{
    const struct stg_explanation of = {.names = e->names, .has_time = e->has_time};
    char call[WORDS_CALL], time[40];
    writer_put(w, "<td class=\"l wrap\">");
    if (e->names == NULL || e->blamed.blame < STG_BLAME_LEAST) {
        writer_put(w, "–</td>");
        return;
    }
    words_event(&of, &e->blamed, call, sizeof call);
    words_time(&of, &e->blamed, time);
    writer_put(w, "<span class=\"call\">");
    writer_html(w, call);
    writer_printf(w, "</span> %s", time);
    if (e->blamed.field != STG_FIELD_TO_BLAME_CALL) {
        writer_printf(w, " (its %s)", stg_field_name((enum stg_field)e->blamed.field));
    }
    writer_put(w, "</td>");
}

static void put_row(struct writer *w, const struct stg_report *r, const struct stg_scored_set *set,
                    const struct stg_extreme *e, size_t n_shown, bool has_time)
{
    const struct stg_score *s = &set->scores[e->i];
    const double score = (double)s->value[r->aggregate];
    char text[48];
    put_number(w, r, set->name, s, n_shown);
    words_moment(s->begin_ns, text);
    writer_printf(w, "<td>%s</td>", has_time ? text : "–");
    words_count(s->n_events, text);
    writer_printf(w, "<td>%s</td>", text);
    words_duration(s->end_ns - s->begin_ns, text);
    writer_printf(w, "<td>%s</td>", has_time ? text : "–");
    words_perplexity(score, text);
    writer_printf(w, "<td>%s</td>", text);
    put_verdict(w, r, score);
    put_blamed(w, e);
    writer_put(w, "<td class=\"l wrap\"><code>");
    writer_html(w, e->trace == NULL ? "–" : e->trace);
    writer_put(w, "</code></td></tr>\n");
}

static void put_rows(struct writer *w, const struct stg_report *r, size_t k, size_t first, size_t n, const char *what,
                     size_t n_shown)
{
    const struct stg_scored_set *set = k == 0 ? r->known : &r->novel[k - 1];
    const bool has_time = r->profiles == NULL || r->profiles[k].has_time;
    writer_printf(w, "<tbody>\n<tr><th scope=\"rowgroup\" colspan=\"9\" class=\"l\">%s</th></tr>\n", what);
    for (size_t i = first; i < first + n; i++) {
        put_row(w, r, set, &r->extremes[k].items[i], n_shown, has_time);
    }
    writer_put(w, "</tbody>");
}

static void put_set(struct writer *w, const struct stg_report *r, size_t k, size_t n_shown)
{
    const struct stg_scored_set *set = k == 0 ? r->known : &r->novel[k - 1];
    const struct stg_extremes *e = &r->extremes[k];
    char n[32];
    words_count(set->n, n);
    writer_put(w, k == (r->n_novel > 0 ? 1 : 0) ? "<details open><summary>" : "<details><summary>");
    writer_html(w, set->name);
    writer_printf(w,
                  " <span class=\"sub\">· %zu of %s sequences</span></summary><div class=\"in scroll\" tabindex=\"0\" "
                  "role=\"region\" aria-label=\"Lowest and highest of ",
                  e->n_low + e->n_high, n);
    writer_html(w, set->name);
    writer_printf(w,
                  "\"><table class=\"extremes\">\n<caption>%s, and the event that is most to blame. A number that is a "
                  "link leads to the sequence's strip. "
                  "Times are UTC, or the trace's own clock. No event is named for sequences of more than %d "
                  "events.</caption>\n<thead><tr><th scope=\"col\">Sequence</th><th scope=\"col\">Begins</th><th "
                  "scope=\"col\">Events</th><th scope=\"col\">Lasts</th><th scope=\"col\">%s</th><th "
                  "scope=\"col\">p-value</th><th scope=\"col\" "
                  "class=\"l\">Verdict</th><th scope=\"col\" class=\"l\">Most to blame</th><th scope=\"col\" "
                  "class=\"l\">Trace</th></tr></thead>\n",
                  words_scale_title(r->aggregate), STG_EXTREME_EVENTS, words_scale_title(r->aggregate));
    put_rows(w, r, k, e->n_low, e->n_high, "Highest", n_shown);
    put_rows(w, r, k, 0, e->n_low, "Lowest", n_shown);
    writer_put(w, "</table></div></details>\n");
}

/* Room beyond which even these are left out. */
#define PAGE_LAST 4800000

void html_extremes(struct writer *w, const struct stg_report *r, size_t n_shown)
{
    if (r->extremes == NULL) {
        return;
    }
    writer_put(w, "<section id=\"extremes\" aria-labelledby=\"h-extremes\">\n<h2 id=\"h-extremes\">Lowest and "
                  "highest</h2>\n<p>The sequences of each "
                  "set with the highest and the lowest scores: look whether the highest known ones should be known at "
                  "all, and whether the "
                  "lowest novel ones are novel.</p>\n");
    for (size_t k = 0; k < r->n_novel + 1; k++) {
        if (w->out->len > PAGE_LAST) {
            writer_printf(w, "<p>%zu more sets are left out to keep the page small.</p>\n", r->n_novel + 1 - k);
            break;
        }
        put_set(w, r, k, n_shown);
    }
    writer_put(w, "</section>\n");
}
