#include "detect/calibrate.h"
#include "report/findings.h"
#include "report/html.h"
#include "report/words.h"

#include <inttypes.h>
#include <math.h>

/* Behaviours of the first screen: with all their findings, or with the heaviest one where there are many sets. */
enum { SHOWN = 3, SHOWN_OF_SETS = 8 };

size_t html_novel(const struct stg_report *r, const struct stg_scored_set *set)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        n += stg_p_value(r->model, r->aggregate, (double)set->scores[i].value[r->aggregate]) <= r->alpha;
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

static void put_behaviour(struct writer *w, const struct stg_report *r, const struct stg_behaviour *x, size_t most)
{
    struct finding f[FINDINGS];
    char share[96];
    const size_t n = findings_make(r->model, r->behaviours, x, f);
    findings_share(r->behaviours, x, share);
    writer_put(w, "<p>In ");
    writer_html(w, share);
    writer_put(w, r->n_novel > 1 ? ", as in <code>" : "");
    writer_html(w, r->n_novel > 1 ? r->origins[x->input].path : "");
    writer_put(w, r->n_novel > 1 ? "</code>:</p>\n<ul>\n" : ":</p>\n<ul>\n");
    for (size_t i = 0; i < n && i < most; i++) {
        put_finding(w, &f[i]);
    }
    writer_put(w, "</ul>\n");
}

/* Sets of which no more is novel than chance explains: what their sequences are like together. */
static void put_even_set(struct writer *w, const struct stg_report *r, const struct stg_scored_set *set, size_t n_novel, uint64_t chance)
{
    char n[32], all[32], text[WORDS_SENTENCE];
    words_count(n_novel, n);
    words_count(set->n, all);
    writer_put(w, "<p><strong>Nothing that shows in single sequences");
    writer_put(w, r->n_novel > 1 ? " of " : "");
    writer_html(w, r->n_novel > 1 ? set->name : "");
    writer_printf(w, ".</strong> %s of %s %s novel, and chance makes up to %" PRIu64 " of known ones so. ", n, all, n_novel == 1 ? "is" : "are",
                  chance);
    findings_of_set(r->model, set->scores, set->n, text);
    writer_html(w, text);
    writer_put(w, "</p>\n");
}

void html_findings(struct writer *w, const struct stg_report *r)
{
    const struct stg_behaviours *b = r->behaviours;
    bool any = false;
    if (b == NULL || r->chance == NULL || !(stg_threshold(r->model, r->aggregate, r->alpha) < (double)INFINITY)) {
        return; /* no sequence can be novel: that none is says nothing */
    }
    const struct stg_scored_set *sets = r->n_novel > 0 ? r->novel : r->known;
    const uint64_t *chance = r->chance + (r->n_novel > 0 ? 1 : 0);
    const size_t n_sets = r->n_novel > 0 ? r->n_novel : 1;
    writer_put(w, "<h3>What is different</h3>\n");
    for (size_t i = 0; i < n_sets; i++) {
        any |= html_novel(r, &sets[i]) > chance[i];
    }
    for (size_t i = 0; i < b->n && i < (n_sets > 1 ? SHOWN_OF_SETS : SHOWN) && any; i++) {
        put_behaviour(w, r, &b->items[i], n_sets > 1 ? 1 : FINDINGS);
    }
    for (size_t i = 0; i < n_sets; i++) {
        const size_t n_novel = html_novel(r, &sets[i]);
        if (n_novel <= chance[i]) {
            put_even_set(w, r, &sets[i], n_novel, chance[i]);
        }
    }
    if (any) {
        writer_put(w, "<p class=\"note\">What is not bold is a rule of thumb. <a href=\"#behaviours\">All behaviours, with their figures</a>");
        writer_put(w, r->n_explanations > 0 ? "; <a href=\"#explanations\">single sequences, call by call</a>.</p>\n" : ".</p>\n");
    }
}
