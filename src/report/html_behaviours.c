#include "report/behaviour_words.h"
#include "report/html.h"
#include "report/words.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>

static void put_fact(struct writer *w, const char *label, const char *text)
{
    writer_printf(w, "<dt>%c%s</dt><dd>", toupper((unsigned char)label[0]), label + 1);
    writer_html(w, text);
    writer_put(w, "</dd>");
}

void html_place(struct writer *w, const struct stg_behaviour_origin *from, size_t index)
{
    const char *file = behaviour_file(from, index);
    writer_printf(w, "%" PRIu64 " of <code>", from->input->scores[index].id);
    writer_html(w, from->path);
    writer_put(w, "</code>");
    if (file != NULL) {
        writer_put(w, " (<code>");
        writer_html(w, file);
        writer_put(w, "</code>)");
    }
}

static void put_seen(struct writer *w, const struct stg_behaviour_origin *origins, const struct stg_behaviour *x)
{
    char line[4 * STG_BEHAVIOUR_SLICES];
    behaviour_sparkline(x, line);
    writer_put(w, "<dt>Seen</dt><dd>first in sequence ");
    html_place(w, &origins[x->first_input], x->first);
    writer_put(w, ", last in ");
    html_place(w, &origins[x->last_input], x->last);
    writer_printf(w, "; %s <span class=\"slices\" title=\"how many in each tenth of the data\">[%s]</span></dd>",
                  behaviour_trend(x), line);
}

static void put_behaviour(struct writer *w, const struct stg_model *m, const struct stg_reported_behaviours *of,
                          const struct stg_behaviour *x)
{
    const struct stg_behaviours *b = of->found;
    char text[WORDS_SENTENCE], n[32];
    words_count((uint64_t)llround(x->n_estimated), n);
    writer_printf(w, "<h3>%s sequence%s like ", n, x->n == 1 ? "" : "s");
    html_place(w, &of->origins[x->input], x->index);
    writer_put(w, "</h3>\n<dl class=\"facts\">");
    unsigned at = 0;
    for (const char *label; (label = behaviour_next_fact(m, b, x, &at, text)) != NULL;) {
        put_fact(w, label, text);
    }
    put_seen(w, of->origins, x);
    writer_put(w, "</dl>\n");
}

static void put_set(struct writer *w, const struct stg_report *r, size_t i)
{
    const struct stg_behaviours *b = r->behaviours[i].found;
    char novel[32], all[32];
    if (b->n == 0) {
        return;
    }
    words_count(b->n_novel, novel);
    words_count(b->n_sequences, all);
    writer_printf(w, "<p>%s of %s sequences", novel, all);
    if (r->n_novel > 1) {
        writer_put(w, " of <code>");
        writer_html(w, r->novel[i].name);
        writer_put(w, "</code>");
    }
    writer_printf(w,
                  " are %s, and fall into %zu group%s by what surprises in them. Counts are medians over the sequences "
                  "of a group; what is usual is "
                  "the median over held-out known sequences.</p>\n",
                  b->is_reachable ? "novel" : "above all calibration scores", b->n_groups, b->n_groups == 1 ? "" : "s");
    for (size_t k = 0; k < b->n; k++) {
        put_behaviour(w, r->model, &r->behaviours[i], &b->items[k]);
    }
    if (b->n_groups > b->n) {
        writer_printf(w, "<p>%zu more groups with %zu sequences.</p>\n", b->n_groups - b->n, b->n_rest);
    }
}

bool html_has_behaviours(const struct stg_report *r)
{
    for (size_t i = 0; r->behaviours != NULL && i < (r->n_novel > 0 ? r->n_novel : 1); i++) {
        if (r->behaviours[i].found->n > 0) {
            return true;
        }
    }
    return false;
}

void html_behaviours(struct writer *w, const struct stg_report *r)
{
    if (!html_has_behaviours(r)) {
        return;
    }
    writer_put(
        w, "<section id=\"behaviours\" aria-labelledby=\"h-behaviours\">\n<h2 id=\"h-behaviours\">Behaviours</h2>\n");
    for (size_t i = 0; i < (r->n_novel > 0 ? r->n_novel : 1); i++) {
        put_set(w, r, i);
    }
    writer_put(w, "</section>\n");
}
