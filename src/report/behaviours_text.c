#include "report/behaviour_words.h"
#include "report/findings.h"
#include "report/report.h"
#include "report/unseen.h"
#include "report/words.h"
#include "report/writer.h"

#include <inttypes.h>
#include <math.h>

static void put_line(struct writer *w, const char *label, const char *text)
{
    writer_printf(w, "   %-12s ", label);
    writer_plain(w, text, 0);
    writer_put(w, "\n");
}

/* "269 of attacks (attacks/one.txt)"; the second where it is known, the first but where `bare`. */
static void put_place(struct writer *w, const struct stg_behaviour_origin *from, size_t index, bool bare)
{
    const char *file = behaviour_file(from, index);
    writer_printf(w, "%" PRIu64, from->input->scores[index].id);
    if (!bare) {
        writer_put(w, " of ");
        writer_plain(w, from->path, 0);
    }
    if (file != NULL) {
        writer_put(w, " (");
        writer_plain(w, file, 0);
        writer_put(w, ")");
    }
}

static void put_seen(struct writer *w, const struct stg_behaviour *x, const struct stg_behaviour_origin *origins)
{
    const bool bare = x->first_input == x->last_input; /* it is said of the one that it is like */
    char line[4 * STG_BEHAVIOUR_SLICES];
    behaviour_sparkline(x, line);
    writer_printf(w, "   %-12s first sequence ", "seen");
    put_place(w, &origins[x->first_input], x->first, bare);
    writer_put(w, ", last ");
    put_place(w, &origins[x->last_input], x->last, bare);
    writer_printf(w, "; %s [%s]\n", behaviour_trend(x), line);
}

static void put_finding(struct writer *w, const char *before, const struct finding *f)
{
    writer_put(w, before);
    writer_plain(w, f->what, 0);
    writer_put(w, f->means[0] != '\0' ? ": " : "");
    writer_plain(w, f->means, 0);
    writer_put(w, "\n");
}

static void put_behaviour(struct writer *w, const struct stg_model *m, const struct stg_behaviours *b, size_t i,
                          const struct stg_behaviour_origin *origins, bool colour)
{
    const struct stg_behaviour *x = &b->items[i];
    char text[WORDS_SENTENCE], n[32];
    words_count((uint64_t)llround(x->n_estimated), n);
    writer_printf(w, "%s%zu. %s sequence%s like ", colour ? "\033[1m" : "", i + 1, n, x->n == 1 ? "" : "s");
    put_place(w, &origins[x->input], x->index, false);
    writer_put(w, colour ? "\033[0m\n" : "\n");
    struct finding f[FINDINGS];
    const size_t n_findings = findings_make(m, b, x, f);
    for (size_t k = 0; k < n_findings; k++) {
        put_finding(w, k == 0 ? "   in short     " : "                ", &f[k]);
    }
    unsigned at = 0;
    for (const char *label; (label = behaviour_next_fact(m, b, x, &at, text)) != NULL;) {
        put_line(w, label, text);
    }
    put_seen(w, x, origins);
}

/* What training had not, beside what has been told. */
static void put_unseen(struct writer *w, const struct stg_behaviours *b, const struct stg_behaviour_origin *origins,
                       const struct findings_told *told, const struct unseen *u)
{
    char where[WORDS_SENTENCE];
    if (u->n == 0) {
        if (findings_unseen_all(b, where)) {
            writer_printf(w, "%s\n", where);
        }
        return;
    }
    const struct stg_behaviour_unseen *first = &b->unseen[findings_unseen_first(b, told, where)];
    writer_printf(w, "%s, first in ", where);
    put_place(w, &origins[first->input], first->index, false);
    writer_put(w, ":\n");
    for (size_t k = 0; k < u->n; k++) {
        put_finding(w, "  - ", &u->f[k]);
    }
    if (u->n_more > 0) {
        writer_put(w, "    ");
        writer_plain(w, u->more, 0);
        writer_put(w, "\n");
    }
}

/* The findings of the largest behaviours that are told first; how many there are of these. */
static size_t put_first(struct writer *w, const struct stg_model *m, const struct stg_behaviours *b,
                        const struct stg_verdict *v, size_t most, struct findings_told *told)
{
    enum { OF_EACH = 3 };
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct finding f[FINDINGS];
        char share[96];
        if (!findings_is_shown(v, &b->items[i]) || n == most) {
            continue;
        }
        n++;
        const size_t n_findings = findings_make(m, b, &b->items[i], f);
        findings_share(b, &b->items[i], share);
        writer_printf(w, "in %s:\n", share);
        for (size_t k = 0; k < n_findings && k < OF_EACH; k++) {
            put_finding(w, "  - ", &f[k]);
        }
        findings_tell(told, b, &b->items[i], f, n_findings < OF_EACH ? n_findings : OF_EACH);
    }
    return n;
}

static void put_doubts(struct writer *w, const struct stg_model *m, struct stg_judged_by by,
                       const struct stg_verdict *v, size_t n)
{
    char text[WORDS_SENTENCE];
    if (findings_lost(v, n, text)) {
        writer_printf(w, "%s\n", text);
    }
    if (findings_rests(v) != NULL) {
        writer_printf(w, "%s\n", findings_rests(v));
    }
    if (findings_one_run(m, v)) {
        writer_put(w, "calibrated on one run, so how far known runs differ is not known: if this one is known, "
                      "calibrate with it, too\n");
    } else if (findings_runs_differ(m, by, v, n, text)) {
        writer_printf(w, "%s\n", text);
    }
}

enum stg_status stg_report_doubts(struct stg_buffer *out, const struct stg_model *m, struct stg_judged_by by,
                                  const struct stg_verdict *v, size_t n)
{
    struct writer w = {out, STG_OK};
    put_doubts(&w, m, by, v, n);
    return w.status;
}

enum stg_status stg_report_findings_text(struct stg_buffer *out, const struct stg_model *m,
                                         const struct stg_behaviours *b, const struct stg_behaviour_origin *origins,
                                         const struct stg_score *scores, const struct stg_verdict *v,
                                         struct stg_judged_by by)
{
    enum { SHOWN = 2 };
    struct writer w = {out, STG_OK};
    struct unseen unseen;
    char text[WORDS_SENTENCE];
    struct findings_told told = {.any = false};
    unseen_make(&unseen, b, &told);
    const bool first = unseen_leads(v, &unseen);
    findings_counts(m, b, v, text);
    writer_printf(&w, "%s\n", text);
    if (findings_beyond(m, v, text)) {
        writer_printf(&w, "%s\n", text);
    }
    put_doubts(&w, m, by, v, b->n_sequences);
    if (findings_alone(v, b->n_sequences, text)) {
        writer_printf(&w, "%s\n", text);
    }
    if (first) {
        put_unseen(&w, b, origins, &told, &unseen);
    }
    const size_t n_shown = put_first(&w, m, b, v, SHOWN, &told);
    if (n_shown == 0 && b->n_unseen_sequences == 0) {
        findings_of_set(m, scores, b->n_sequences, v, text);
        writer_plain(&w, text, 0);
        writer_put(&w, text[0] != '\0' ? "\n" : "");
    } else if (b->n_groups > n_shown && n_shown > 0) {
        writer_printf(&w, "and %zu more behaviour%s: see `strange explain --behaviours`\n", b->n_groups - n_shown,
                      b->n_groups - n_shown == 1 ? "" : "s");
    }
    if (!first) { /* then what they say need not be said again */
        unseen_make(&unseen, b, &told);
        put_unseen(&w, b, origins, &told, &unseen);
    }
    writer_put(&w, "\n");
    return w.status;
}

/* All that is known of the first n behaviours is said. */
static struct findings_told tell_first(const struct stg_behaviours *b, size_t n)
{
    struct findings_told told = {.any = false};
    for (size_t i = 0; i < b->n && i < n; i++) {
        findings_tell_all(&told, b, &b->items[i]);
    }
    return told;
}

enum stg_status stg_report_alone(struct stg_buffer *out, const struct stg_verdict *v, size_t n)
{
    char text[WORDS_SENTENCE];
    return findings_alone(v, n, text) ? stg_buffer_printf(out, "%s\n", text) : STG_OK;
}

enum stg_status stg_report_unseen(struct stg_buffer *out, const struct stg_behaviours *b,
                                  const struct stg_behaviour_origin *origins, size_t n_shown)
{
    struct writer w = {out, STG_OK};
    struct unseen unseen;
    const struct findings_told told = tell_first(b, n_shown);
    unseen_make(&unseen, b, &told);
    put_unseen(&w, b, origins, &told, &unseen);
    return w.status;
}

enum stg_status stg_report_behaviours_brief(struct stg_buffer *out, const struct stg_behaviours *b,
                                            const struct stg_behaviour_origin *origins)
{
    struct writer w = {out, STG_OK};
    for (size_t i = 0; i < b->n && i < STG_REPORT_BRIEF; i++) {
        const struct stg_behaviour *x = &b->items[i];
        char text[WORDS_SENTENCE], n[32];
        words_count((uint64_t)llround(x->n_estimated), n);
        behaviour_sentence(b, x, text);
        writer_printf(&w, "  %s like ", n);
        put_place(&w, &origins[x->input], x->index, false);
        writer_put(&w, ": ");
        writer_plain(&w, text, 0);
        writer_put(&w, "\n");
    }
    if (b->n_groups > STG_REPORT_BRIEF) {
        writer_printf(&w, "  and %zu more behaviours: see `strange explain --behaviours`\n",
                      b->n_groups - STG_REPORT_BRIEF);
    }
    return w.status;
}

enum stg_status stg_report_behaviours_text(struct stg_buffer *out, const struct stg_model *m,
                                           const struct stg_behaviours *b, const struct stg_behaviour_origin *origins,
                                           bool colour)
{
    struct writer w = {out, STG_OK};
    char n[32], all[32];
    words_count(b->n_novel, n);
    words_count(b->n_sequences, all);
    writer_printf(&w, "%s of %s sequences %s %s, in %zu behaviour%s\n", n, all, b->n_novel == 1 ? "is" : "are",
                  b->is_reachable ? "novel"
                                  : "above all calibration scores, which are too few to call single ones novel",
                  b->n_groups, b->n_groups == 1 ? "" : "s");
    if (b->n_examined < b->n_novel) {
        words_count(b->n_examined, n);
        writer_printf(&w, "%s of them were looked at, evenly thinned\n", n);
    }
    struct unseen unseen;
    const struct findings_told told = tell_first(b, b->n);
    unseen_make(&unseen, b, &told);
    put_unseen(&w, b, origins, &told, &unseen);
    for (size_t i = 0; i < b->n; i++) {
        writer_put(&w, "\n");
        put_behaviour(&w, m, b, i, origins, colour);
    }
    if (b->n_groups > b->n) {
        writer_printf(&w, "\n%zu more behaviour%s with %zu sequence%s\n", b->n_groups - b->n,
                      b->n_groups - b->n == 1 ? "" : "s", b->n_rest, b->n_rest == 1 ? "" : "s");
    }
    if (b->n > 0 && !b->has_usual) {
        writer_put(&w, "\nWhat is more or less than usual is not known: train the model again.\n");
    }
    return w.status;
}
