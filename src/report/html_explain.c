#include "report/html.h"

#include "base/memory.h"
#include "detect/calibrate.h"
#include "detect/novel.h"
#include "report/words.h"
#include "score/channels.h"

#include <inttypes.h>
#include <math.h>

#define N_TOP 12

static void put_alternatives(struct writer *w, const struct stg_model *m, const struct stg_explained_event *e,
                             uint32_t times)
{
    const char *note = words_note(m, e);
    char other[128];
    if (times > 1) {
        writer_printf(w, "<b>×%" PRIu32 "</b> ", times);
    }
    words_other_field(e, other);
    if (other[0] != '\0') {
        writer_html(w, other);
        return;
    }
    writer_put(w, note);
    for (uint32_t i = 0; i < e->n_alternatives && e->alternatives[i].probability >= 0.005f; i++) {
        char name[WORDS_CALL], share[32];
        words_symbol(m, e->alternatives[i].symbol, name, sizeof name);
        words_percent((double)e->alternatives[i].probability, share);
        writer_put(w, i > 0 ? ", " : note[0] != '\0' ? "; " : "");
        writer_put(w, "<span class=\"call\">");
        writer_html(w, name);
        writer_put(w, "</span> ");
        writer_html(w, share);
    }
}

/* After the surprisal, where there are members to disagree. */
static void put_disagreement(struct writer *w, const struct stg_model *m, const struct stg_explained_event *e)
{
    if (m->ops->members != NULL) {
        writer_printf(w, "<td>±%.2f</td>", (double)e->disagreement);
    }
}

static void put_event(struct writer *w, const struct stg_model *m, const struct stg_explanation *x,
                      const struct fold_row *row, double scale, bool has_process)
{
    const struct stg_explained_event *e = &x->events[row->event];
    const double surprisal = (double)(row->blamed ? words_surprisal(e) : e->surprisal);
    char call[WORDS_CALL], time[40], odds[48];
    words_event(x, e, call, sizeof call);
    words_time(x, e, time);
    words_odds(surprisal, odds);
    writer_printf(w, "<tr class=\"%s\"><td>%s</td><td>%" PRId32 "</td>", row->blamed ? "blamed" : "near", time, e->tid);
    if (has_process) {
        writer_put(w, "<td class=\"l name\">");
        writer_html(w, words_process(x, e));
        writer_put(w, "</td>");
    }
    writer_put(w, "<td class=\"l call\">");
    writer_html(w, call);
    writer_printf(w,
                  "</td><td>%s</td><td>%.2f<span class=\"bar\" aria-hidden=\"true\"><i "
                  "style=\"width:%.0f%%\"></i></span></td>",
                  odds, surprisal, 100 * fmin(1, fmax(0, surprisal / scale)));
    put_disagreement(w, m, e);
    writer_put(w, "<td class=\"l wrap\">");
    if (row->blamed) {
        put_alternatives(w, m, e, row->n);
    }
    writer_put(w, "</td></tr>\n");
}

static enum stg_status put_events(struct writer *w, const struct stg_model *m, const struct stg_explanation *x)
{
    enum stg_status status = STG_OK;
    struct fold f = {0};
    double scale = 1e-9;
    char text[1024];
    STG_TRY(fold_explanation(&f, m, x, N_TOP));
    for (size_t i = 0; i < f.n; i++) {
        if (f.rows[i].kind == FOLD_EVENT) {
            const struct stg_explained_event *e = &x->events[f.rows[i].event];
            scale = fmax(scale, (double)(f.rows[i].blamed ? words_surprisal(e) : e->surprisal));
        }
    }
    const bool has_process = words_has_process(x, &f);
    words_caption(m, x, &f, " (highlighted)", text);
    writer_printf(w,
                  "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Events of sequence %" PRIu64
                  "\"><table class=\"events\">\n",
                  x->id);
    writer_printf(w, "<caption>%s.</caption>\n", text);
    writer_printf(w, "<thead><tr><th scope=\"col\">%s</th><th scope=\"col\">Thread</th>%s",
                  x->has_time ? "Time" : "Event", has_process ? "<th scope=\"col\" class=\"l\">Process</th>" : "");
    writer_put(w,
               "<th scope=\"col\" class=\"l\">Call</th><th scope=\"col\">Chance</th><th scope=\"col\">Surprisal</th>");
    writer_put(w, m->ops->members != NULL
                      ? "<th scope=\"col\"><abbr title=\"standard deviation over the ensemble's members, "
                        "nats\">±</abbr></th>"
                      : "");
    writer_put(w, "<th scope=\"col\" class=\"l\">Expected instead</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < f.n; i++) {
        if (f.rows[i].kind == FOLD_EVENT) {
            put_event(w, m, x, &f.rows[i], scale, has_process);
            continue;
        }
        words_fold(x, &f, &f.rows[i], text, sizeof text);
        writer_printf(w, "<tr class=\"gap\"><td colspan=\"%d\">⋯ ",
                      6 + (has_process ? 1 : 0) + (m->ops->members != NULL ? 1 : 0));
        writer_html(w, text);
        writer_put(w, " ⋯</td></tr>\n");
    }
    writer_put(w, "</tbody></table></div>\n");
out:
    fold_fini(&f);
    return status;
}

/* " · novelty 8.42 (load) · perplexity 1.22": what is judged, then how the calls alone are. */
static void put_score(struct writer *w, const struct stg_report *r, const struct stg_score *s)
{
    const char *loudest = r->aggregate == STG_AGGREGATE_NOVELTY ? stg_channel_loudest(r->model, s) : NULL;
    char text[32];
    if (r->aggregate != STG_AGGREGATE_MEAN) {
        words_perplexity((double)s->value[r->aggregate], text);
        writer_printf(w, "· %s %s%s%s%s ", words_scale(r->aggregate), text, loudest != NULL ? " (" : "",
                      loudest != NULL ? loudest : "", loudest != NULL ? ")" : "");
    }
    words_perplexity((double)s->value[STG_AGGREGATE_MEAN], text);
    writer_printf(w, "· perplexity %s", text);
}

static void put_summary(struct writer *w, const struct stg_report *r, size_t i, bool open)
{
    const struct stg_explanation *x = &r->explanations[i];
    const double p = stg_p_value(r->model, r->aggregate, (double)x->score.value[r->aggregate]);
    writer_put(w, open ? "<details open><summary>" : "<details><summary>");
    writer_html(w, r->explanation_sets[i]);
    writer_printf(w, ", sequence %" PRIu64 " <span class=\"sub\">", x->id);
    put_score(w, r, &x->score);
    if (stg_calibrated(r->model)) {
        writer_printf(w, " · p-value %.3g · %s", p,
                      !stg_is_judged(r->model, r->alpha) ? "–"
                      : p <= r->alpha                    ? "novel"
                                                         : "not novel");
    }
    writer_printf(w, "</span></summary><div class=\"in\" id=\"x%zu\">\n", i); /* a link to what is inside opens it */
}

static void put_segments(struct writer *w, const struct stg_explanation *x)
{
    if (x->n_segments == 0) {
        return;
    }
    writer_put(w, "<dt>To blame</dt><dd><ol class=\"segments\">");
    for (size_t i = 0; i < x->n_segments && i < WORDS_SEGMENTS; i++) {
        char text[512];
        words_segment(x, &x->segments[i], text, sizeof text);
        writer_put(w, "<li>");
        writer_html(w, text);
        writer_put(w, "</li>");
    }
    writer_put(w, "</ol>");
    if (x->n_segments > WORDS_SEGMENTS) {
        writer_printf(w, "and %zu more", x->n_segments - WORDS_SEGMENTS);
    }
    writer_put(w, "</dd>");
}

static void put_facts(struct writer *w, const struct stg_report *r, size_t i)
{
    const struct stg_score *s = &r->explanations[i].score;
    char text[160], process[256], count[32], names[256], side[512];
    writer_put(w, "<dl class=\"facts\"><dt>Trace</dt><dd><code>");
    writer_html(w, r->explanation_traces[i]);
    writer_put(w, "</code></dd>");
    if (s->tid != 0) {
        words_thread(s, text);
        writer_printf(w, "<dt>Thread</dt><dd>%s</dd>", text);
    }
    if (words_whole_process(&r->explanations[i], process)) {
        writer_put(w, "<dt>Process</dt><dd>");
        writer_html(w, process);
        writer_put(w, "</dd>");
    }
    if (r->explanations[i].has_time) {
        words_begin(s, text);
        writer_printf(w, "<dt>Begins</dt><dd>%s</dd>", text);
    }
    words_count(s->n_events, count);
    writer_printf(w, "<dt>Events</dt><dd>%s, %" PRIu32 " of a kind never seen in training", count, s->n_unknown);
    words_unknown_calls(r->model, &r->explanations[i], names);
    if (names[0] != '\0') {
        writer_put(w, " (unknown to the model: <span class=\"call\">");
        writer_html(w, names);
        writer_put(w, "</span>)");
    }
    writer_printf(w, "; %" PRIu64 " lost</dd>", s->n_lost);
    if (words_channels(r->model, s, text)) {
        writer_printf(w, "<dt>Unusual</dt><dd>%s</dd>", text);
    }
    if (words_side(r->model, &r->explanations[i], STG_SIDE_TIME, side)) {
        writer_put(w, "<dt>Pauses</dt><dd>");
        writer_html(w, side);
        writer_put(w, "</dd>");
    }
    if (words_pace(r->model, s, text)) {
        writer_printf(w, "<dt>Pace</dt><dd>%s</dd>", text);
    }
    if (words_load(r->model, s, text)) {
        writer_printf(w, "<dt>Load</dt><dd>%s</dd>", text);
    }
    if (words_workers(r->model, s->z[STG_CHANNEL_STATE], s->workers, text)) {
        writer_printf(w, "<dt>Workers</dt><dd>%s</dd>", text);
    }
    if (words_side(r->model, &r->explanations[i], STG_SIDE_STATE, side)) {
        writer_put(w, "<dt>Descriptors</dt><dd>");
        writer_html(w, side);
        writer_put(w, "</dd>");
    }
    if (r->model->ops->members != NULL) {
        words_disagreement(s->disagreement, text);
        writer_printf(w, "<dt>Members</dt><dd>%s</dd>", text);
    }
    put_segments(w, &r->explanations[i]);
    words_p_value(r->model, stg_p_value(r->model, r->aggregate, (double)s->value[r->aggregate]), text);
    writer_put(w, "<dt>p-value</dt><dd>");
    writer_html(w, text);
    writer_put(w, "</dd></dl>\n");
}

/* The most novel of all, which is open when the page is. */
static size_t most_novel(const struct stg_report *r)
{
    size_t worst = 0;
    for (size_t i = 1; i < r->n_explanations; i++) {
        if (r->explanations[i].score.value[r->aggregate] > r->explanations[worst].score.value[r->aggregate]) {
            worst = i;
        }
    }
    return worst;
}

enum stg_status html_explanations(struct writer *w, const struct stg_report *r, size_t *n_shown)
{
    *n_shown = 0;
    if (r->n_explanations == 0) {
        return STG_OK;
    }
    const size_t worst = most_novel(r);
    writer_put(w, "<section id=\"explanations\" aria-labelledby=\"h-explanations\">\n<h2 "
                  "id=\"h-explanations\">Explanations</h2>\n"
                  "<p>The most novel sequences of each set: which calls were unlikely, and what the model "
                  "expected instead; the most novel of all is open. → a call begins, ← it returns. The strip shows the "
                  "surprisal of every event of the sequence in time order; where scripts run, each thread has a lane "
                  "and the pointer or the "
                  "arrow keys say what happened and what was expected.");
    writer_put(w, r->aggregate == STG_AGGREGATE_NOVELTY
                      ? " Behind the novelty stands the channel that brings most of it.</p>\n"
                      : "</p>\n");
    for (size_t i = 0; i < r->n_explanations; i++) {
        if (html_is_full(w)) {
            writer_printf(w,
                          "<p>%zu more sequences would be explained; they are left out to keep the page small. "
                          "<code>strange explain</code> "
                          "explains them.</p>\n",
                          r->n_explanations - i);
            break;
        }
        put_summary(w, r, i, i == worst);
        put_facts(w, r, i);
        STG_RETURN_IF_FAILED(html_strip(w, r->model, &r->explanations[i], html_strip_events(r->n_explanations)));
        STG_RETURN_IF_FAILED(put_events(w, r->model, &r->explanations[i]));
        writer_put(w, "</div></details>\n");
        ++*n_shown;
    }
    writer_put(w, "</section>\n");
    return STG_OK;
}
