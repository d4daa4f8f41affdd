#include "report/html.h"

#include "detect/calibrate.h"
#include "report/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const tags[] = {"poor", "fair", "good"}; /* by enum separation */

static void put_tile(struct writer *w, const char *label, const char *value, const char *below)
{
    writer_printf(w, "<div class=\"tile\"><dt>%s</dt><dd>", label);
    writer_html(w, value);
    writer_put(w, "<small>");
    writer_html(w, below);
    writer_put(w, "</small></dd></div>\n");
}

/* Names of the behaviours of one kind, "io, opcache and ssl"; how many there are. */
static size_t put_names(struct writer *w, const struct stg_evaluation *e, enum separation s, bool write)
{
    size_t n = 0, done = 0;
    for (size_t i = 0; i < e->n_rows; i++) {
        n += separation_of(&e->rows[i].auroc) == s;
    }
    for (size_t i = 0; i < e->n_rows && write; i++) {
        if (separation_of(&e->rows[i].auroc) == s) {
            writer_put(w, done == 0 ? "" : done + 1 == n ? " and " : ", ");
            writer_html(w, e->rows[i].name);
            done++;
        }
    }
    return n;
}

/* The behaviours by how well they are told apart. */
static void put_lists(struct writer *w, const struct stg_evaluation *e)
{
    static const char *const words[] = {"Not told apart sequence by sequence: ", "Partly: ", "Told apart: "};
    writer_put(w, "<p>");
    for (int s = SEPARATION_CLEAR; s >= SEPARATION_NONE; s--) {
        if (put_names(w, e, (enum separation)s, false) > 0) {
            writer_put(w, words[s]);
            put_names(w, e, (enum separation)s, true);
            writer_put(w, ". ");
        }
    }
    writer_put(w, "</p>\n");
}

static void put_caught(struct writer *w, const struct stg_evaluation *e)
{
    char share[32], alpha[32];
    words_percent(words_caught(e), share);
    words_percent(e->alpha, alpha);
    if (!isfinite(e->threshold)) {
        writer_put(
            w, "<p>No single sequence can be judged: the calibration sequences are too few for a false-alarm rate of ");
        writer_html(w, alpha);
        writer_put(w, ".</p>\n");
        return;
    }
    writer_put(w, "<p>Judged one by one at a false-alarm rate of ");
    writer_html(w, alpha);
    writer_put(w, ", ");
    writer_html(w, share);
    writer_put(w, e->n_rows > 1 ? " of the novel sequences are caught, on average over the behaviours.</p>\n"
                                : " of the novel sequences are caught.</p>\n");
}

/* Can a p-value be as small as alpha? */
static bool reachable(const struct stg_report *r)
{
    return stg_threshold(r->model, r->aggregate, r->alpha) < (double)INFINITY;
}

/* Behaviours that are not told apart, but of which more is novel than chance makes so: to score, they are novel. All of
 * them, or some. */
static void put_whole(struct writer *w, const struct stg_report *r, bool all)
{
    size_t n = 0;
    for (size_t i = 0; i < r->evaluation->n_rows && r->verdicts != NULL; i++) {
        const struct stg_evaluation_row *row = &r->evaluation->rows[i];
        const struct stg_verdict *v = &r->verdicts[1 + i];
        const bool is_all = (v->reachable ? v->n_novel : v->n_beyond) == row->n_novel;
        if (separation_of(&row->auroc) == SEPARATION_CLEAR || !v->novel || is_all != all) {
            continue;
        }
        writer_put(w, n++ == 0 ? "<p><strong>Novel as a whole: </strong>" : ", ");
        writer_html(w, row->name);
    }
    if (n > 0) {
        const char *novel = reachable(r) ? "novel" : "above all calibration scores";
        if (all) {
            writer_printf(w,
                          ": every sequence is %s, though too few of them, or too high ones among the known, keep the "
                          "interval of AUROC low.</p>\n",
                          novel);
        } else {
            writer_printf(w, ": more sequences are %s than chance explains, though others are like known ones.</p>\n",
                          novel);
        }
    }
}

static void put_headline(struct writer *w, const struct stg_report *r)
{
    const struct stg_evaluation *e = r->evaluation;
    const size_t clear = put_names(w, e, SEPARATION_CLEAR, false);
    writer_put(w, "<p class=\"headline\">");
    if (e->n_rows == 1 && clear == 0) {
        writer_printf(w, "The novel behaviour is %s%s from the known one.",
                      separation_words(separation_of(&e->rows[0].auroc)),
                      separation_of(&e->rows[0].auroc) == SEPARATION_PARTLY ? " told apart" : "");
    } else if (clear == e->n_rows) {
        writer_printf(w,
                      e->n_rows == 1 ? "The novel behaviour is told apart from the known one."
                                     : "All %zu novel behaviours are told apart from the known one.",
                      e->n_rows);
    } else {
        writer_printf(w, "%zu of %zu novel behaviours %s told apart from the known one.", clear, e->n_rows,
                      clear == 1 ? "is" : "are");
    }
    writer_put(w, "</p>\n");
    if (e->n_rows > 1) {
        put_lists(w, e);
    }
    put_whole(w, r, true);
    put_whole(w, r, false);
    put_caught(w, e);
}

/* Known data alone: the share that is called novel. */
static double novel_share(const struct stg_report *r, size_t *n_novel)
{
    *n_novel = html_novel(r, r->known);
    return r->known->n == 0 ? 0 : (double)*n_novel / (double)r->known->n;
}

static void put_alarm_tile(struct writer *w, const struct stg_report *r)
{
    char value[32], alpha[32], below[128];
    size_t n_novel = 0;
    const double share = novel_share(r, &n_novel);
    words_percent(share, value);
    words_percent(r->alpha, alpha);
    const char *label = r->n_novel > 0 ? "False alarms on known data" : "Novel sequences";
    if (!stg_calibrated(r->model)) {
        put_tile(w, label, "–", "the model is not calibrated");
        return;
    }
    if (!reachable(r)) {
        put_tile(w, label, "–", "too few calibration sequences to tell");
        return;
    }
    char n[32], all[32];
    words_count(n_novel, n);
    words_count(r->known->n, all);
    snprintf(below, sizeof below,
             r->n_novel > 0 ? "%s of %s known sequences; asked for: %s" : "%s of %s; of known ones about %s would be",
             n, all, alpha);
    put_tile(w, label, value, below);
}

static void put_threshold_tile(struct writer *w, const struct stg_report *r)
{
    char value[32] = "–", label[64];
    const char *below = "too few calibration sequences for one";
    snprintf(label, sizeof label, "Threshold (%s)", words_scale(r->aggregate));
    if (!stg_calibrated(r->model)) {
        below = "the model is not calibrated";
    } else if (reachable(r)) {
        words_perplexity(stg_threshold(r->model, r->aggregate, r->alpha), value);
        below = "from known data alone; no novel data needed";
    }
    put_tile(w, label, value, below);
}

/* Without novel data: how many of the sequences are novel, where that can be told. */
static void put_known_headline(struct writer *w, const struct stg_report *r)
{
    char alpha[32], n_novel[32], n[32];
    size_t novel = 0;
    novel_share(r, &novel);
    words_percent(r->alpha, alpha);
    words_count(novel, n_novel);
    words_count(r->known->n, n);
    if (!stg_calibrated(r->model)) {
        writer_put(w,
                   "<p class=\"headline\">No verdict: the model has not been calibrated on held-out known data.</p>\n");
    } else if (!reachable(r) && r->verdicts != NULL && r->verdicts[0].novel) {
        writer_printf(w,
                      "<p class=\"headline\">%s of %s sequences %s above all %zu calibration score%s: more than "
                      "chance explains.</p>\n",
                      n_novel, n, novel == 1 ? "is" : "are", r->model->n_calibration,
                      r->model->n_calibration == 1 ? "" : "s");
    } else if (!reachable(r)) {
        writer_printf(w,
                      "<p class=\"headline\">No verdict: %zu calibration sequence%s too few for a false-alarm rate of "
                      "%s.</p>\n",
                      r->model->n_calibration, r->model->n_calibration == 1 ? " is" : "s are", alpha);
    } else {
        writer_printf(w, "<p class=\"headline\">%s of %s sequences %s novel at a false-alarm rate of %s%s.</p>\n",
                      n_novel, n, novel == 1 ? "is" : "are", alpha,
                      r->verdicts == NULL     ? ""
                      : !r->verdicts[0].novel ? ": no more than chance explains"
                                              : ": more than chance explains");
    }
}

void html_verdict(struct writer *w, const struct stg_report *r)
{
    char value[32], below[96];
    writer_put(w, "<section id=\"verdict\" aria-labelledby=\"h-verdict\">\n<h2 id=\"h-verdict\">Verdict</h2>\n");
    if (r->evaluation != NULL && r->evaluation->n_rows > 0) {
        put_headline(w, r);
    } else {
        put_known_headline(w, r);
    }
    html_shifts(w, r);
    html_findings(w, r);
    writer_put(w, "<dl class=\"tiles\">\n");
    if (r->evaluation != NULL && r->evaluation->n_rows > 0) {
        words_share(r->evaluation->macro_auroc, value);
        snprintf(below, sizeof below, "over %zu behaviours; 0.5 is chance, 1 is perfect", r->evaluation->n_rows);
        put_tile(w, r->evaluation->n_rows > 1 ? "Mean AUROC" : "AUROC", value,
                 r->evaluation->n_rows > 1 ? below
                                           : "how often a novel one scores higher than a known one; 0.5 is chance");
    }
    put_alarm_tile(w, r);
    put_threshold_tile(w, r);
    words_count(r->n_lost, value);
    put_tile(w, "Lost events", value, r->n_lost == 0 ? "none that the recordings tell of" : "see Lost events");
    writer_put(w, "</dl>\n</section>\n");
}

/* Whether the streams have been looked at. */
static bool has_delays(const struct stg_evaluation *e)
{
    return !isnan(e->rows[0].shift_delay);
}

static void put_row(struct writer *w, const struct stg_evaluation *e, const struct stg_evaluation_row *row)
{
    const enum separation s = separation_of(&row->auroc);
    char count[32], caught[32], alarms[32];
    words_count(row->n_novel, count);
    words_percent(row->calibrated.tpr, caught);
    words_percent(row->calibrated.fpr, alarms);
    writer_put(w, "<tr><th scope=\"row\" class=\"name\">");
    writer_html(w, row->name);
    writer_printf(w,
                  "</th><td>%s</td><td>%.3f <span class=\"range\">[%.3f, "
                  "%.3f]</span></td><td>%.3f</td><td>%.3f</td><td>%.3f</td>",
                  count, row->auroc.value, row->auroc.low, row->auroc.high, row->auprc, row->calibrated.f1,
                  row->calibrated.accuracy);
    writer_put(w, "<td>");
    writer_html(w, caught);
    writer_put(w, "</td><td>");
    writer_html(w, alarms);
    if (has_delays(e)) {
        writer_put(w, "</td><td>");
        writer_printf(w, isfinite(row->shift_delay) ? "%.0f" : "–", row->shift_delay);
    }
    writer_printf(w, "</td><td class=\"l\"><span class=\"tag %s\">%s</span></td></tr>\n", tags[s], separation_words(s));
}

static void put_threshold_heading(struct writer *w, enum stg_aggregate a)
{
    writer_printf(w, "<th scope=\"col\">Threshold (%s)</th>", words_scale(a));
}

static void put_paper_table(struct writer *w, const struct stg_evaluation *e)
{
    bool any = false;
    for (size_t i = 0; i < e->n_rows; i++) {
        const struct stg_evaluation_row *row = &e->rows[i];
        char perplexity[32], caught[32], alarms[32];
        if (!row->has_paper) {
            continue;
        }
        if (!any) {
            writer_put(
                w,
                "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Figures at the paper's "
                "threshold\"><table>\n"
                "<caption>For comparison: the threshold of best F1, chosen with labelled novel validation data as in "
                "arXiv 2309.02206, applied to the test data.</caption>\n<thead><tr><th scope=\"col\">Behaviour</th>");
            put_threshold_heading(w, e->aggregate);
            writer_put(w, "<th scope=\"col\">F1</th><th scope=\"col\">Accuracy</th><th scope=\"col\">Caught</th><th "
                          "scope=\"col\">False alarms</th></tr></thead>\n<tbody>\n");
            any = true;
        }
        words_perplexity(row->paper_threshold, perplexity);
        words_percent(row->paper.tpr, caught);
        words_percent(row->paper.fpr, alarms);
        writer_put(w, "<tr><th scope=\"row\" class=\"name\">");
        writer_html(w, row->name);
        writer_printf(w, "</th><td>%s</td><td>%.3f</td><td>%.3f</td><td>", perplexity, row->paper.f1,
                      row->paper.accuracy);
        writer_html(w, caught);
        writer_put(w, "</td><td>");
        writer_html(w, alarms);
        writer_put(w, "</td></tr>\n");
    }
    writer_put(w, any ? "</tbody></table></div>\n" : "");
}

static void put_aggregates(struct writer *w, const struct stg_evaluation *e)
{
    writer_put(
        w, "<details><summary>AUROC by other ways to sum up a sequence</summary><div class=\"in scroll\" "
           "tabindex=\"0\" role=\"region\" "
           "aria-label=\"AUROC by other scores\">\n<table>\n"
           "<caption>Each column makes one score of a sequence's surprisals: their mean, their median, the highest "
           "mean of a "
           "window of 16 neighbours, their upper end (the 0.95 quantile), the root of their mean square (rms); and, "
           "where the model judges them, of the elapsed time, of the state of descriptors, of the pace (how many "
           "events come sooner than usual), of the load (threads that want to run), of migration (threads that stay "
           "on a processor), of the workers (threads that share the work: fewer are as novel as more, so that 0 tells "
           "apart as well as 1), "
           "and of all together (novelty).</caption>\n<thead><tr><th scope=\"col\">Behaviour</th>");
    for (int a = 0; a < STG_AGGREGATES; a++) {
        if (e->n_rows > 0 && !isnan(e->rows[0].auroc_by[a])) {
            writer_printf(w, "<th scope=\"col\">%s</th>", stg_aggregate_name((enum stg_aggregate)a));
        }
    }
    writer_put(w, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < e->n_rows; i++) {
        writer_put(w, "<tr><th scope=\"row\" class=\"name\">");
        writer_html(w, e->rows[i].name);
        writer_put(w, "</th>");
        for (int a = 0; a < STG_AGGREGATES; a++) {
            if (!isnan(e->rows[0].auroc_by[a])) {
                writer_printf(w, "<td>%.3f</td>", e->rows[i].auroc_by[a]);
            }
        }
        writer_put(w, "</tr>\n");
    }
    writer_put(w, "</tbody></table></div></details>\n");
}

static void put_delay_note(struct writer *w, const struct stg_evaluation *e)
{
    char interval[32], known[32];
    if (!has_delays(e)) {
        return;
    }
    words_count((uint64_t)(e->shift_interval + 0.5), interval);
    words_count(e->n_known, known);
    writer_printf(
        w,
        "<p class=\"note\">Noticed after: how many sequences of the behaviour come until the stream of them is "
        "seen to have shifted; the median over beginnings spread over the first half of its data (–: not before its "
        "end). At most one "
        "false alarm in %s sequences is asked for; the known ones have %zu in %s.</p>\n",
        interval, e->shift_alarms, known);
}

void html_evaluation(struct writer *w, const struct stg_report *r)
{
    const struct stg_evaluation *e = r->evaluation;
    char alpha[32], known[32];
    words_percent(e->alpha, alpha);
    words_count(e->n_known, known);
    writer_put(w, "<section id=\"figures\" aria-labelledby=\"h-figures\">\n<h2 id=\"h-figures\">Figures</h2>\n"
                  "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Figures by "
                  "behaviour\"><table>\n<caption>Each novel "
                  "behaviour against ");
    writer_printf(w, "%s known sequences. ", known);
    writer_put(w, isfinite(e->threshold)
                      ? "F1, accuracy, caught and false alarms are at the threshold that was calibrated on known data "
                        "alone for a false-alarm rate of "
                      : "There is no threshold, so nothing is called novel: F1, accuracy, caught and false alarms say "
                        "no more than that. The calibration sequences are too few for a false-alarm rate of ");
    writer_html(w, alpha);
    writer_put(w, ".</caption>\n<thead><tr><th scope=\"col\">Behaviour</th><th scope=\"col\">Sequences</th>"
                  "<th scope=\"col\">AUROC <span class=\"range\">[95 % interval]</span></th><th "
                  "scope=\"col\">AUPRC</th><th scope=\"col\">F1</th>"
                  "<th scope=\"col\">Accuracy</th><th scope=\"col\">Caught</th><th scope=\"col\">False alarms</th>");
    writer_put(w, has_delays(e) ? "<th scope=\"col\">Noticed after</th>" : "");
    writer_put(w, "<th scope=\"col\" class=\"l\">Verdict</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < e->n_rows; i++) {
        put_row(w, e, &e->rows[i]);
    }
    writer_put(w, "</tbody></table></div>\n<p class=\"note\">AUROC is how often a novel sequence is more surprising "
                  "than a known one: 1 is "
                  "always, 0.5 a coin toss. Told apart: its interval lies above 0.9; partly: above 0.6; else a single "
                  "sequence does not "
                  "show the difference.</p>\n");
    put_delay_note(w, e);
    put_paper_table(w, e);
    put_aggregates(w, e);
    writer_put(w, "</section>\n");
}

void html_known_only(struct writer *w, const struct stg_report *r)
{
    static const double alphas[] = {0.001, 0.005, 0.01, 0.05, 0.1};
    writer_put(w, "<section id=\"figures\" aria-labelledby=\"h-figures\">\n<h2 id=\"h-figures\">Figures</h2>\n");
    if (!stg_calibrated(r->model)) {
        writer_put(w, "<p>Without calibration there is no threshold. Train with held-out known data to get "
                      "one.</p>\n</section>\n");
        return;
    }
    writer_put(
        w, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Sequences beyond thresholds\"><table>\n"
           "<caption>How many sequences lie beyond the threshold of each false-alarm rate. For data that "
           "behaves like the "
           "calibration data, the two shares agree.</caption>\n<thead><tr><th scope=\"col\">False-alarm rate</th>");
    put_threshold_heading(w, r->aggregate);
    writer_put(w, "<th scope=\"col\">Sequences beyond</th><th "
                  "scope=\"col\">Share</th></tr>"
                  "</thead>\n<tbody>\n");
    bool beyond_reach = false;
    for (size_t k = 0; k < sizeof alphas / sizeof alphas[0]; k++) {
        const double threshold = stg_threshold(r->model, r->aggregate, alphas[k]);
        size_t n = 0;
        char limit[32], share[32], alpha[32];
        words_percent(alphas[k], alpha);
        if (!isfinite(threshold)) {
            writer_printf(w, "<tr><th scope=\"row\">%s</th><td>–</td><td>–</td><td>–</td></tr>\n", alpha);
            beyond_reach = true;
            continue;
        }
        for (size_t i = 0; i < r->known->n; i++) {
            n += (double)r->known->scores[i].value[r->aggregate] >= threshold;
        }
        words_perplexity(threshold, limit);
        words_percent(r->known->n == 0 ? 0 : (double)n / (double)r->known->n, share);
        writer_printf(w, "<tr><th scope=\"row\">%s</th><td>%s</td><td>%zu</td><td>", alpha, limit, n);
        writer_html(w, share);
        writer_put(w, "</td></tr>\n");
    }
    writer_put(w, "</tbody></table></div>\n");
    writer_put(w, beyond_reach ? "<p class=\"note\">–: too few calibration sequences for that rate.</p>\n" : "");
    writer_put(w, "</section>\n");
}

void html_lost(struct writer *w, const struct stg_report *r)
{
    char lost[32], gaps[32];
    words_count(r->n_lost, lost);
    words_count(r->n_gaps, gaps);
    writer_put(w, "<section id=\"lost\" aria-labelledby=\"h-lost\">\n<h2 id=\"h-lost\">Lost events</h2>\n");
    if (r->n_lost == 0 && r->n_gaps == 0) {
        writer_put(w,
                   "<p>None: the tracer kept every event of all inputs, as far as the traces tell.</p>\n</section>\n");
        return;
    }
    writer_printf(
        w,
        "<p>The tracer lost %s event%s in %s gap%s. Sequences that a gap touches look stranger or plainer than "
        "they were; read "
        "their scores with care.</p>\n",
        lost, r->n_lost == 1 ? "" : "s", gaps, r->n_gaps == 1 ? "" : "s");
    writer_put(w,
               "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Sequences touched by gaps\"><table>\n"
               "<caption>Sequences touched by gaps</caption>\n<thead><tr><th scope=\"col\">Set</th><th "
               "scope=\"col\">Sequences</th>"
               "<th scope=\"col\">Touched</th></tr></thead>\n<tbody>\n");
    for (size_t k = 0; k < r->n_novel + 1; k++) {
        const struct stg_scored_set *set = k == 0 ? r->known : &r->novel[k - 1];
        size_t touched = 0;
        for (size_t i = 0; i < set->n; i++) {
            touched += set->scores[i].n_lost > 0;
        }
        writer_put(w, "<tr><th scope=\"row\" class=\"name\">");
        writer_html(w, set->name);
        writer_printf(w, "</th><td>%zu</td><td>%zu</td></tr>\n", set->n, touched);
    }
    writer_put(w, "</tbody></table></div>\n</section>\n");
}

static void put_fact(struct writer *w, const char *label, const char *value)
{
    writer_printf(w, "<dt>%s</dt><dd>", label);
    writer_html(w, value);
    writer_put(w, "</dd>\n");
}

static void put_json(struct writer *w, const char *label, const json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (text != NULL) {
        writer_printf(w, "<details><summary>%s</summary><div class=\"in\"><pre>", label);
        for (char *line = text; line != NULL && *line != '\0';) { /* by line: escaping replaces control characters */
            char *end = line;
            while (*end != '\0' && *end != '\n') {
                end++;
            }
            const bool more = *end == '\n';
            *end = '\0';
            writer_html(w, line);
            writer_put(w, "\n");
            line = more ? end + 1 : NULL;
        }
        writer_put(w, "</pre></div></details>\n");
    }
    free(text);
}

static void put_recipe(struct writer *w, const struct stg_recipe *recipe)
{
    char text[512];
    snprintf(text, sizeof text,
             "%s, scope %s, %s order, at most %" PRIu64 " events, %" PRIu32 " context events per thread",
             stg_cut_name(recipe->cut), stg_scope_name(recipe->scope), stg_order_name(recipe->order), recipe->max_len,
             recipe->n_context);
    put_fact(w, "Cut", text);
    if (recipe->cut == STG_CUT_REQUEST) {
        snprintf(text, sizeof text, "%.127s … %.127s", recipe->begin, recipe->end);
        put_fact(w, "Request", text);
    }
}

void html_provenance(struct writer *w, const struct stg_report *r)
{
    const struct stg_model *m = r->model;
    char text[160], count[32];
    writer_put(w, "<section id=\"provenance\" aria-labelledby=\"h-provenance\">\n<h2 "
                  "id=\"h-provenance\">Provenance</h2>\n<dl class=\"facts\">\n");
    put_fact(w, "Report", r->date);
    put_fact(w, "Model", r->model_path);
    put_fact(w, "Kind", m->ops->kind);
    snprintf(text, sizeof text, "%zu symbols (call%s%s%s), %zu calls, %zu process names",
             stg_symbols_count(m->symbols) - STG_TOKEN_SPECIALS,
             stg_symbols_fields(m->symbols) & STG_FIELD_PHASE ? ", entry/exit" : "",
             stg_symbols_fields(m->symbols) & STG_FIELD_RET ? ", errno" : "",
             stg_symbols_fields(m->symbols) & STG_FIELD_SIZE ? ", size" : "",
             stg_strings_count(m->vocab.calls) - STG_TOKEN_SPECIALS,
             stg_strings_count(m->vocab.procs) - STG_TOKEN_SPECIALS);
    put_fact(w, "Vocabulary", text);
    put_recipe(w, &m->recipe);
    words_count(m->n_calibration, count);
    snprintf(text, sizeof text, "%s held-out known sequences", count);
    put_fact(w, "Calibration", text);
    snprintf(text, sizeof text, "%s, false-alarm rate %g", stg_report_score_words(r->aggregate), r->alpha);
    put_fact(w, "Score", text);
    for (size_t k = 0; k < r->n_novel + 1; k++) {
        const struct stg_scored_set *set = k == 0 ? r->known : &r->novel[k - 1];
        uint64_t n_events = 0;
        for (size_t i = 0; i < set->n; i++) {
            n_events += set->scores[i].n_events;
        }
        char events[32];
        words_count(set->n, count);
        words_count(n_events, events);
        writer_put(w, k == 0 ? "<dt>Known data</dt><dd>" : "<dt>Novel data</dt><dd>");
        writer_html(w, set->name);
        writer_printf(w, ": %s sequences, %s events</dd>\n", count, events);
    }
    writer_put(w, "</dl>\n");
    json_t *facts = m->ops->describe == NULL ? NULL : m->ops->describe(m);
    put_json(w, "The model", facts);
    json_decref(facts);
    put_json(w, "Its training record", m->record);
    writer_put(w, "</section>\n");
}
