#include "report/html.h"

/* What the page may be before the rest is left out. */
#define PAGE_MOST 4500000

/* The policy forbids everything that this file could fetch or run, should a name from a trace ever get past escaping,
 * except the one script that has this hash. */
static void put_head(struct writer *w, const struct stg_report *r)
{
    writer_put(w, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                  "'unsafe-inline'; script-src '");
    writer_put(w, html_strip_hash());
    writer_put(
        w,
        "'\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"strange " STG_VERSION
        "\">\n<title>");
    writer_html(w, r->title);
    writer_put(w, "</title>\n<style>\n");
    writer_put(w, html_style);
    writer_put(
        w, "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#verdict\">Skip to the verdict</a>\n<header>\n<h1>");
    writer_html(w, r->title);
    writer_put(w, "</h1>\n<p class=\"meta\">Model <code>");
    writer_html(w, r->model_path);
    writer_put(w, "</code> · ");
    writer_html(w, r->date);
    writer_put(w, " · strange " STG_VERSION "</p>\n</header>\n");
}

static void put_link(struct writer *w, bool there, const char *id, const char *words)
{
    if (there) {
        writer_printf(w, "<li><a href=\"#%s\">%s</a></li>\n", id, words);
    }
}

static void put_contents(struct writer *w, const struct stg_report *r)
{
    writer_put(w, "<nav aria-label=\"Contents\"><ul>\n");
    put_link(w, true, "verdict", "Verdict");
    put_link(w, true, "figures", "Figures");
    put_link(w, true, "distributions", "Distributions");
    put_link(w, true, "timelines", "Course");
    put_link(w, r->profiles != NULL, "data", "Data sets");
    put_link(w, true, "lengths", "Length");
    put_link(w, true, "delays", "Delays");
    put_link(w, html_has_behaviours(r), "behaviours", "Behaviours");
    put_link(w, r->attention != NULL, "attention", "Attention");
    put_link(w, r->embedding != NULL, "embedding", "Embedding");
    put_link(w, r->n_trainings > 0, "training", "Training");
    put_link(w, r->n_explanations > 0, "explanations", "Explanations");
    put_link(w, r->extremes != NULL, "extremes", "Lowest and highest");
    put_link(w, true, "lost", "Lost events");
    put_link(w, true, "provenance", "Provenance");
    put_link(w, true, "glossary", "Glossary");
    writer_put(w, "</ul></nav>\n");
}

bool html_is_full(const struct writer *w)
{
    return w->out->len > PAGE_MOST;
}

static enum stg_status put_main(struct writer *w, const struct stg_report *r)
{
    size_t n_shown;
    html_verdict(w, r);
    if (r->evaluation != NULL && r->evaluation->n_rows > 0) {
        html_evaluation(w, r);
    } else {
        html_known_only(w, r);
    }
    STG_RETURN_IF_FAILED(html_distributions(w, r));
    STG_RETURN_IF_FAILED(html_timelines(w, r));
    STG_RETURN_IF_FAILED(html_profiles(w, r));
    html_scatter(w, r);
    html_delays(w, r);
    html_behaviours(w, r);
    html_attention(w, r);
    html_embedding(w, r);
    html_trainings(w, r);
    STG_RETURN_IF_FAILED(html_explanations(w, r, &n_shown));
    html_extremes(w, r, n_shown);
    html_lost(w, r);
    html_provenance(w, r);
    html_glossary(w);
    return STG_OK;
}

enum stg_status stg_report_html(struct stg_buffer *out, const struct stg_report *r)
{
    struct writer w = {out, STG_OK};
    put_head(&w, r);
    put_contents(&w, r);
    writer_put(&w, "<main>\n");
    STG_RETURN_IF_FAILED(put_main(&w, r));
    writer_put(&w, "</main>\n<footer><p>Novel does not mean bad: it means unlike the behaviour that the model was "
                   "trained on.</p></footer>\n");
    if (r->n_explanations > 0) {
        html_strip_script(&w);
    }
    writer_put(&w, "</body>\n</html>\n");
    return w.status;
}
