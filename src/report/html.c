#include "report/html.h"

/* The policy forbids everything that this file could fetch or run, should a name from a trace ever get past escaping, except the one
 * script that has this hash. */
static void put_head(struct writer *w, const struct stg_report *r)
{
    writer_put(
        w,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src '");
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

static void put_contents(struct writer *w, const struct stg_report *r)
{
    writer_put(w, "<nav aria-label=\"Contents\"><ul>\n<li><a href=\"#verdict\">Verdict</a></li>\n"
                  "<li><a href=\"#figures\">Figures</a></li>\n<li><a href=\"#distributions\">Distributions</a></li>\n"
                  "<li><a href=\"#timelines\">Course</a></li>\n"
                  "<li><a href=\"#lengths\">Length</a></li>\n");
    if (r->behaviours != NULL && r->behaviours->n > 0) {
        writer_put(w, "<li><a href=\"#behaviours\">Behaviours</a></li>\n");
    }
    if (r->n_explanations > 0) {
        writer_put(w, "<li><a href=\"#explanations\">Explanations</a></li>\n");
    }
    writer_put(w, "<li><a href=\"#lost\">Lost events</a></li>\n<li><a href=\"#provenance\">Provenance</a></li>\n"
                  "<li><a href=\"#glossary\">Glossary</a></li>\n</ul></nav>\n");
}

enum stg_status stg_report_html(struct stg_buffer *out, const struct stg_report *r)
{
    struct writer w = {out, STG_OK};
    put_head(&w, r);
    put_contents(&w, r);
    writer_put(&w, "<main>\n");
    html_verdict(&w, r);
    if (r->evaluation != NULL && r->evaluation->n_rows > 0) {
        html_evaluation(&w, r);
    } else {
        html_known_only(&w, r);
    }
    STG_RETURN_IF_FAILED(html_distributions(&w, r));
    STG_RETURN_IF_FAILED(html_timelines(&w, r));
    STG_RETURN_IF_FAILED(html_lengths(&w, r));
    html_behaviours(&w, r);
    STG_RETURN_IF_FAILED(html_explanations(&w, r));
    html_lost(&w, r);
    html_provenance(&w, r);
    html_glossary(&w);
    writer_put(&w, "</main>\n<footer><p>Novel does not mean bad: it means unlike the behaviour that the model was "
                   "trained on.</p></footer>\n");
    if (r->n_explanations > 0) {
        html_strip_script(&w);
    }
    writer_put(&w, "</body>\n</html>\n");
    return w.status;
}
