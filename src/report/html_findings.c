#include "detect/novel.h"
#include "report/findings.h"
#include "report/html.h"
#include "report/unseen.h"
#include "report/words.h"

#include <inttypes.h>
#include <string.h>

/* Behaviours of the first screen: with all their findings, or fewer of each set with the heaviest one where there are
 * several. */
enum { SHOWN = 3, SHOWN_OF_SETS = 2, OF_SETS = 1 };

size_t html_novel(const struct stg_report *r, const struct stg_scored_set *set)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        n += stg_is_novel(r->model, r->aggregate, &set->scores[i], r->alpha);
    }
    return n;
}

static void put_finding(struct writer *w, const struct finding *f)
{
    writer_put(w, "<li><strong>");
    writer_html(w, f->what);
    writer_put(w, "</strong>");
    if (f->means[0] != '\0') {
        writer_put(w, ": ");
        writer_html(w, f->means);
    }
    writer_put(w, "</li>\n");
}

static void put_list(struct writer *w, const struct finding *f, size_t n)
{
    writer_put(w, ":</p>\n<ul>\n");
    for (size_t i = 0; i < n; i++) {
        put_finding(w, &f[i]);
    }
    writer_put(w, "</ul>\n");
}

/* " of <code>io</code>": where there are several. */
static void put_set(struct writer *w, const struct stg_report *r, const struct stg_scored_set *set)
{
    if (r->n_novel > 1) {
        writer_put(w, " of <code>");
        writer_html(w, set->name);
        writer_put(w, "</code>");
    }
}

/* Of which the first `most` findings are said. */
struct said {
    struct finding f[FINDINGS];
    size_t n;
};

static void say(struct said *out, const struct stg_report *r, const struct stg_behaviours *b,
                const struct stg_behaviour *x, size_t most)
{
    const size_t n = findings_make(r->model, b, x, out->f);
    out->n = n < most ? n : most;
}

static bool is_same(const struct said *a, const struct said *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++) {
        same = strcmp(a->f[i].what, b->f[i].what) == 0 && strcmp(a->f[i].means, b->f[i].means) == 0;
    }
    return same;
}

/* Behaviour k of those that are shown, with later ones of which the same is said; not where it was said with an earlier
 * one. */
static void put_behaviour(struct writer *w, const struct stg_report *r, const struct stg_scored_set *set,
                          const struct stg_behaviours *b, const struct stg_verdict *v, size_t k, size_t most,
                          struct findings_told *told)
{
    const size_t n_shown = r->n_novel > 1 ? SHOWN_OF_SETS : SHOWN;
    struct stg_behaviour all = b->items[k];
    struct said own, other;
    char share[96];
    say(&own, r, b, &b->items[k], most);
    for (size_t i = 0; i < b->n && i < n_shown; i++) {
        say(&other, r, b, &b->items[i], most);
        if (i == k || !findings_is_shown(v, &b->items[i]) || !is_same(&own, &other)) {
            continue;
        }
        if (i < k) {
            return;
        }
        all.n_estimated += b->items[i].n_estimated;
        findings_tell(told, b, &b->items[i], other.f, other.n);
    }
    findings_share(b, &all, share);
    writer_put(w, "<p>In ");
    writer_html(w, share);
    put_set(w, r, set);
    put_list(w, own.f, own.n);
    findings_tell(told, b, &b->items[k], own.f, own.n);
}

/* What training had not, beside what has been told. */
static void put_unseen(struct writer *w, const struct stg_reported_behaviours *of, const struct findings_told *told,
                       const struct unseen *u)
{
    char where[WORDS_SENTENCE];
    if (u->n == 0) {
        if (findings_unseen_all(of->found, where)) {
            writer_printf(w, "<p>W%s.</p>\n", where + 1); /* a sentence begins */
        }
        return;
    }
    const struct stg_behaviour_unseen *first = &of->found->unseen[findings_unseen_first(of->found, told, where)];
    writer_put(w, "<p>W"); /* a sentence begins */
    writer_html(w, where + 1);
    writer_put(w, ", first in ");
    html_place(w, &of->origins[first->input], first->index);
    put_list(w, u->f, u->n);
    if (u->n_more > 0) {
        writer_put(w, "<p>");
        writer_html(w, u->more);
        writer_put(w, "</p>\n");
    }
}

/* Of sets of which no more is novel than chance explains: how many are, and of those that are like known ones what they
 * are like together. */
static void put_even_set(struct writer *w, const struct stg_report *r, size_t i, const struct stg_scored_set *set,
                         const struct stg_behaviours *b, const struct stg_verdict *v)
{
    char text[WORDS_SENTENCE];
    const size_t k = r->n_novel > 0 ? 1 + i : 0;
    const bool shifted = html_has_shift(r, k) && r->shifts[k].shifted;
    const bool nothing = b->n_unseen_sequences == 0 && v->n_beyond == 0 && v->n_alone == 0 && !shifted;
    writer_put(w, nothing ? "<p><strong>Nothing that shows in single sequences" : "<p><strong>Little that is novel");
    put_set(w, r, set);
    writer_put(w, nothing ? ".</strong> " : ", but look at it.</strong> ");
    findings_counts(r->model, b, v, text);
    writer_html(w, text);
    if (findings_beyond(r->model, v, text)) {
        writer_put(w, "; ");
        writer_html(w, text);
    }
    writer_put(w, ". ");
    if (findings_alone(v, set->n, text)) {
        writer_put(w, "<strong>B");
        writer_html(w, text + 1); /* a sentence begins */
        writer_put(w, ".</strong> ");
    }
    if (shifted) {
        writer_put(w, "<strong>Its stream shifted.</strong> "); /* html_shifts() says where */
    }
    if (b->n_unseen_sequences == 0 && v->n_beyond == 0) {
        findings_of_set(r->model, set->scores, set->n, v, text);
        writer_html(w, text);
    }
    writer_put(w, "</p>\n");
}

/* What one channel says of a set that is novel, where it says much more than all of them together. */
static void put_alone(struct writer *w, const struct stg_report *r, const struct stg_scored_set *set,
                      const struct stg_verdict *v)
{
    char text[WORDS_SENTENCE];
    if (!findings_alone(v, set->n, text)) {
        return;
    }
    if (r->n_novel > 1) {
        writer_put(w, "<p>Of <code>");
        writer_html(w, set->name);
        writer_put(w, "</code>");
    } else {
        writer_put(w, "<p>Of all sequences");
    }
    writer_put(w, ", ");
    writer_html(w, text);
    writer_put(w, ".</p>\n");
}

/* "<p>Of <code>io</code>, lost events", where there are several sets; else "<p>Lost events". */
static void put_sentence_of(struct writer *w, const struct stg_report *r, const struct stg_scored_set *set,
                            const char *text)
{
    writer_put(w, "<p>");
    if (r->n_novel > 1) {
        writer_put(w, "Of <code>");
        writer_html(w, set->name);
        writer_put(w, "</code>, ");
        writer_html(w, text);
    } else {
        writer_printf(w, "%c", text[0] - 'a' + 'A'); /* a sentence begins */
        writer_html(w, text + 1);
    }
}

/* What makes the verdict on a set less sure, but for what html_findings() says of all of them. */
static void put_doubts(struct writer *w, const struct stg_report *r, const struct stg_scored_set *set,
                       const struct stg_verdict *v)
{
    char text[WORDS_SENTENCE];
    if (findings_lost(v, set->n, text)) {
        put_sentence_of(w, r, set, text);
        if (findings_rests(v) != NULL) {
            writer_put(w, "; <strong>");
            writer_put(w, findings_rests(v));
            writer_put(w, "</strong>");
        }
        writer_put(w, ".</p>\n");
    }
    if (findings_runs_differ(r->model, (struct stg_judged_by){r->aggregate, r->alpha}, v, set->n, text)) {
        put_sentence_of(w, r, set, text);
        writer_put(w, ".</p>\n");
    }
}

/* The known data is judged like any other: what is wrong with it is wrong with every comparison. */
static void put_known_signs(struct writer *w, const struct stg_report *r)
{
    const struct stg_verdict *v = &r->verdicts[0];
    char text[WORDS_SENTENCE], n[32], all[32];
    const bool alone = findings_alone(v, r->known->n, text);
    if (r->n_novel == 0 || !(v->novel || alone)) {
        return;
    }
    writer_put(w, "<p><strong>Look at the known data</strong>, with which the others are compared: ");
    if (v->novel) {
        words_count(v->reachable ? v->n_novel : v->n_beyond, n);
        words_count(r->known->n, all);
        writer_printf(w, "%s of %s are %s, more than chance explains", n, all,
                      v->reachable ? "novel" : "above all calibration scores");
    }
    writer_put(w, v->novel && alone ? "; " : "");
    writer_html(w, text);
    if (findings_rests(v) != NULL) {
        writer_printf(w, "; %zu of the %zu that lost events touch %s, and ", v->novel_touched, v->n_touched,
                      v->novel_touched == 1 ? "is" : "are");
        writer_put(w, findings_rests(v));
    }
    writer_put(w, ".</p>\n");
}

/* Once for all sets. */
static void put_one_run(struct writer *w, const struct stg_report *r)
{
    for (size_t i = 0; i < 1 + r->n_novel; i++) {
        if (findings_one_run(r->model, &r->verdicts[i])) {
            writer_put(w, "<p>One run alone calibrated the model, so how far known runs differ is not known: if one "
                          "that is novel here is known, calibrate with it, too.</p>\n");
            return;
        }
    }
}

/* All that is to be said of one set; false where it is like known ones. */
static bool put_set_findings(struct writer *w, const struct stg_report *r, size_t i)
{
    const struct stg_scored_set *set = r->n_novel > 0 ? &r->novel[i] : r->known;
    const struct stg_behaviours *b = r->behaviours[i].found;
    const struct stg_verdict *v = &r->verdicts[r->n_novel > 0 ? 1 + i : 0];
    const size_t most = r->n_novel > 1 ? SHOWN_OF_SETS : SHOWN;
    struct unseen unseen;
    struct findings_told told = {.any = false};
    unseen_make(&unseen, b, &told);
    const bool first = unseen_leads(v, &unseen);
    size_t n = 0;
    if (!v->novel) {
        put_even_set(w, r, i, set, b, v);
    }
    if (v->novel) {
        put_alone(w, r, set, v);
    }
    put_doubts(w, r, set, v);
    if (first) {
        put_unseen(w, &r->behaviours[i], &told, &unseen);
    }
    for (size_t k = 0; k < b->n && n < most; k++) {
        if (findings_is_shown(v, &b->items[k])) {
            put_behaviour(w, r, set, b, v, k, r->n_novel > 1 ? OF_SETS : FINDINGS, &told);
            n++;
        }
    }
    if (!first) { /* then what they say need not be said again */
        unseen_make(&unseen, b, &told);
        put_unseen(w, &r->behaviours[i], &told, &unseen);
    }
    return n > 0 || b->n_unseen_sequences > 0;
}

void html_findings(struct writer *w, const struct stg_report *r)
{
    bool any = false;
    if (r->behaviours == NULL || r->verdicts == NULL) {
        return;
    }
    const size_t n = r->n_novel > 0 ? r->n_novel : 1;
    bool says = false; /* with too few calibration scores that nothing is novel says nothing */
    for (size_t i = 0; i < n; i++) {
        const struct stg_verdict *v = &r->verdicts[r->n_novel > 0 ? 1 + i : 0];
        says |= v->reachable || v->novel || r->behaviours[i].found->n_unseen_sequences > 0;
    }
    if (!says) {
        return;
    }
    writer_put(w, "<h3>What is different</h3>\n");
    put_one_run(w, r);
    put_known_signs(w, r);
    for (size_t i = 0; i < n; i++) {
        any |= put_set_findings(w, r, i);
    }
    if (!any) {
        return;
    }
    writer_put(w, "<p class=\"note\">What is not bold is a rule of thumb. ");
    if (html_has_behaviours(r)) {
        writer_put(w, "<a href=\"#behaviours\">All behaviours, with their figures</a>");
        writer_put(w, r->n_explanations > 0 ? "; <a href=\"#explanations\">single sequences, call by call</a>." : ".");
    } else if (r->n_explanations > 0) {
        writer_put(w, "<a href=\"#explanations\">Single sequences, call by call</a>.");
    }
    writer_put(w, "</p>\n");
}
