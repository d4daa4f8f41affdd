/* What the heads of an attention net look at: how far back, and at what for the events most to blame. */
#include "report/html.h"

#include "report/attention.h"
#include "report/words.h"

#include <inttypes.h>
#include <string.h>

#define MOST_EVENTS 30

/* A cell is shaded in five steps, and has its number too. */
static int shade_of(double share)
{
    static const double from[] = {0.02, 0.1, 0.25, 0.5};
    int shade = 0;
    while (shade < 4 && share >= from[shade]) {
        shade++;
    }
    return shade;
}

static void put_head(struct writer *w, const struct stg_attention_maps *a, size_t h)
{
    const size_t per_layer = a->n_heads / a->n_layers;
    writer_printf(w, "<tr><th scope=\"row\">layer %zu, head %zu</th>", h / per_layer + 1, h % per_layer + 1);
    for (size_t d = 0; d < STG_ATTENTION_DISTANCES; d++) {
        const double share = (double)a->pattern[h][d];
        writer_printf(w, "<td class=\"h%d\">%.1f</td>", shade_of(share), 100 * share);
    }
    writer_put(w, "</tr>\n");
}

static void put_map(struct writer *w, const struct stg_report *r)
{
    const struct stg_attention_maps *a = r->attention;
    char events[32];
    words_count(a->n_pattern, events);
    writer_printf(w,
                  "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Attention by distance\"><table "
                  "class=\"heat\">\n<caption>Attention in "
                  "%%, by how many events back it goes: mean over %s events of %zu of %zu known sequences, evenly "
                  "sampled, of at most %d events each. The stronger "
                  "the colour, the more.</caption>\n<thead><tr><th scope=\"col\">Head</th>",
                  events, r->n_attention, r->known->n, STG_ATTENTION_EVENTS);
    for (size_t d = 0; d < STG_ATTENTION_DISTANCES; d++) {
        writer_put(w, "<th scope=\"col\">");
        writer_html(w, stg_report_attention_distance(d));
        writer_put(w, "</th>");
    }
    writer_put(w, "</tr></thead>\n<tbody>\n");
    for (size_t h = 0; h < a->n_heads; h++) {
        put_head(w, a, h);
    }
    writer_put(w, "</tbody></table></div>\n");
}

static void put_looked_at(struct writer *w, const struct stg_explanation *x, const struct stg_attention_event *e)
{
    writer_put(w, "<td class=\"l wrap\">");
    for (size_t i = 0; i < STG_ATTENDED && e->most[i].weight > 0; i++) {
        char call[WORDS_CALL], share[32];
        stg_report_attended_words(x, &e->most[i], call);
        words_percent((double)e->most[i].weight, share);
        writer_put(w, i > 0 ? ", <span class=\"call\">" : "<span class=\"call\">");
        writer_html(w, call);
        writer_put(w, "</span> ");
        if (e->most[i].index != STG_ATTENTION_START) {
            writer_printf(w, "(%" PRIu32 " back) ", e->most[i].back);
        }
        writer_html(w, share);
    }
    writer_put(w, e->most[0].weight > 0 ? "</td>" : "nothing: it is the first of its thread</td>");
}

static void put_event(struct writer *w, const struct stg_report *r, size_t i)
{
    const struct stg_explanation *x = &r->explanations[i];
    const struct stg_attention_event *e = &r->attention_worst[i].events[0];
    const struct stg_explained_event *what = stg_report_attention_event(x, e->index);
    char call[WORDS_CALL], time[40];
    if (what == NULL) {
        return;
    }
    words_event(x, what, call, sizeof call);
    words_time(x, what, time);
    writer_put(w, "<tr><th scope=\"row\" class=\"name\">");
    writer_html(w, r->explanation_sets[i]);
    writer_printf(w, ", %" PRIu64 "</th><td>%s</td><td class=\"l call\">", x->id, time);
    writer_html(w, call);
    writer_printf(w, "</td><td>%.2f</td>", (double)words_surprisal(what));
    put_looked_at(w, x, e);
    writer_put(w, "</tr>\n");
}

static void put_events(struct writer *w, const struct stg_report *r)
{
    size_t n = 0, done = 0;
    for (size_t i = 0; i < r->n_explanations; i++) {
        n += r->attention_worst[i].n_events > 0;
    }
    if (n == 0) {
        return;
    }
    writer_printf(w,
                  "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Attention of "
                  "events\"><table>\n<caption>What the event most to blame "
                  "was predicted from, mean over all heads: %zu of %zu explained sequences.</caption>\n<thead><tr><th "
                  "scope=\"col\">Sequence</th><th "
                  "scope=\"col\">Time</th><th scope=\"col\" class=\"l\">Event</th><th scope=\"col\">Surprisal</th><th "
                  "scope=\"col\" class=\"l\">Looked "
                  "at</th></tr></thead>\n<tbody>\n",
                  n < MOST_EVENTS ? n : MOST_EVENTS, r->n_explanations);
    for (size_t i = 0; i < r->n_explanations && done < MOST_EVENTS; i++) {
        if (r->attention_worst[i].n_events > 0) {
            put_event(w, r, i);
            done++;
        }
    }
    writer_put(w, "</tbody></table></div>\n");
}

void html_attention(struct writer *w, const struct stg_report *r)
{
    if (r->attention == NULL) {
        return;
    }
    writer_put(w, "<section id=\"attention\" aria-labelledby=\"h-attention\">\n<h2 "
                  "id=\"h-attention\">Attention</h2>\n<p>Where predictions come from: "
                  "look for heads that see the last call only, and for those that reach far back. It tells what the "
                  "model reads, not why a sequence is "
                  "novel.</p>\n");
    put_map(w, r);
    if (r->attention_worst != NULL) {
        put_events(w, r);
    }
    writer_put(w, "</section>\n");
}
