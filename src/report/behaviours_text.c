#include "report/behaviour_words.h"
#include "report/findings.h"
#include "report/report.h"
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

static void put_seen(struct writer *w, const struct stg_behaviour *x, const struct stg_behaviour_origin *origins)
{
    const struct stg_score *first = &origins[x->first_input].input->scores[x->first];
    const struct stg_score *last = &origins[x->last_input].input->scores[x->last];
    char line[4 * STG_BEHAVIOUR_SLICES];
    behaviour_sparkline(x, line);
    writer_printf(w, "   %-12s first sequence %" PRIu64, "seen", first->id);
    if (x->first_input != x->last_input) {
        writer_put(w, " of ");
        writer_plain(w, origins[x->first_input].path, 0);
    }
    writer_printf(w, ", last %" PRIu64, last->id);
    if (x->first_input != x->last_input) {
        writer_put(w, " of ");
        writer_plain(w, origins[x->last_input].path, 0);
    }
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
    writer_printf(w, "%s%zu. %s sequence%s like %" PRIu64 " of ", colour ? "\033[1m" : "", i + 1, n,
                  x->n == 1 ? "" : "s", origins[x->input].input->scores[x->index].id);
    writer_plain(w, origins[x->input].path, 0);
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

enum stg_status stg_report_findings_text(struct stg_buffer *out, const struct stg_model *m, const struct stg_behaviours *b,
                                         const struct stg_score *scores, uint64_t chance)
{
    enum { SHOWN = 2, OF_EACH = 3 };
    struct writer w = {out, STG_OK};
    char n[32], all[32], text[WORDS_SENTENCE];
    words_count(b->n_novel, n);
    words_count(b->n_sequences, all);
    writer_printf(&w, "%s of %s sequences %s novel, and chance makes up to %" PRIu64 " of known ones so\n", n, all, b->n_novel == 1 ? "is" : "are",
                  chance);
    for (size_t i = 0; i < b->n && i < SHOWN && b->n_novel > chance; i++) {
        struct finding f[FINDINGS];
        const size_t n_findings = findings_make(m, b, &b->items[i], f);
        findings_share(b, &b->items[i], text);
        writer_printf(&w, "in %s:\n", text);
        for (size_t k = 0; k < n_findings && k < OF_EACH; k++) {
            put_finding(&w, "  - ", &f[k]);
        }
    }
    if (b->n_novel <= chance) {
        findings_of_set(m, scores, b->n_sequences, text);
        writer_plain(&w, text, 0);
        writer_put(&w, text[0] != '\0' ? "\n" : "");
    } else if (b->n_groups > SHOWN) {
        writer_printf(&w, "and %zu more behaviours: see `strange explain --behaviours`\n", b->n_groups - SHOWN);
    }
    writer_put(&w, "\n");
    return w.status;
}

enum stg_status stg_report_behaviours_brief(struct stg_buffer *out, const struct stg_behaviours *b,
                                            const struct stg_behaviour_origin *origins)
{
    struct writer w = {out, STG_OK};
    for (size_t i = 0; i < b->n && i < 3; i++) {
        const struct stg_behaviour *x = &b->items[i];
        char text[WORDS_SENTENCE], n[32];
        words_count((uint64_t)llround(x->n_estimated), n);
        behaviour_sentence(b, x, text);
        writer_printf(&w, "  %s like %" PRIu64 " of ", n, origins[x->input].input->scores[x->index].id);
        writer_plain(&w, origins[x->input].path, 0);
        writer_put(&w, ": ");
        writer_plain(&w, text, 0);
        writer_put(&w, "\n");
    }
    if (b->n_groups > 3) {
        writer_printf(&w, "  and %zu more behaviours: see `strange explain --behaviours`\n", b->n_groups - 3);
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
    writer_printf(&w, "%s of %s sequences are novel, in %zu behaviour%s\n", n, all, b->n_groups,
                  b->n_groups == 1 ? "" : "s");
    if (b->n_examined < b->n_novel) {
        words_count(b->n_examined, n);
        writer_printf(&w, "%s of them were looked at, evenly thinned\n", n);
    }
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
