/* HTML report: its sections. One file, one script that is the program's own, nothing from the network. Private to
 * report/. */
#ifndef STG_REPORT_HTML_H
#define STG_REPORT_HTML_H

#include "report/report.h"
#include "report/writer.h"

extern const char *const html_style; /* the style sheet */

/* Whether the page has the size from which on what there is more of is left out, and said to be: it stays below 5
 * MB. */
bool html_is_full(const struct writer *w);

/* Figures as inline SVG; each has a title, a description and a caption. Those of more than a few numbers have them as a
 * table, too. */
enum stg_status html_distributions(struct writer *w, const struct stg_report *r) STG_MUST_USE;
enum stg_status html_timelines(struct writer *w, const struct stg_report *r) STG_MUST_USE;
void html_scatter(struct writer *w, const struct stg_report *r);
enum stg_status html_profiles(struct writer *w, const struct stg_report *r) STG_MUST_USE;
void html_delays(struct writer *w, const struct stg_report *r);
void html_trainings(struct writer *w, const struct stg_report *r);
void html_attention(struct writer *w, const struct stg_report *r);
void html_embedding(struct writer *w, const struct stg_report *r);

void html_verdict(struct writer *w, const struct stg_report *r);
void html_evaluation(struct writer *w, const struct stg_report *r);
void html_known_only(struct writer *w, const struct stg_report *r);
void html_lost(struct writer *w, const struct stg_report *r);
void html_provenance(struct writer *w, const struct stg_report *r);

/* The first *n_shown have a place: explanation i that of id x<i>. */
enum stg_status html_explanations(struct writer *w, const struct stg_report *r, size_t *n_shown) STG_MUST_USE;
/* The lowest and the highest of each set, with links to explanations that are shown. */
void html_extremes(struct writer *w, const struct stg_report *r, size_t n_shown);
/* Whether set k, the known one first, is told as a stream: one sequence is none. */
bool html_has_shift(const struct stg_report *r, size_t k);
/* " at sequence 12, noticed at 81"; nothing where the stream of set k has not shifted. */
void html_shift(struct writer *w, const struct stg_report *r, size_t k);
/* Since when the streams have shifted: a part of the verdict. */
void html_shifts(struct writer *w, const struct stg_report *r);
/* What is different, for people who know the system and nothing of models: a part of the verdict. */
void html_findings(struct writer *w, const struct stg_report *r);
/* How many sequences of a set are novel at the report's alpha. */
size_t html_novel(const struct stg_report *r, const struct stg_scored_set *set);
/* The few behaviours that the novel sequences fall into. */
/* "269 of <code>attacks</code> (<code>attacks/one.txt</code>)"; the second where it is known. */
void html_place(struct writer *w, const struct stg_behaviour_origin *from, size_t index);
/* Whether there is any to be shown. */
bool html_has_behaviours(const struct stg_report *r);
void html_behaviours(struct writer *w, const struct stg_report *r);
void html_glossary(struct writer *w);

/* The strip of a sequence: a still picture of all its events, and at most `most` of them for the script, those most to
 * blame among them. */
enum stg_status html_strip(struct writer *w, const struct stg_model *m, const struct stg_explanation *x,
                           size_t most) STG_MUST_USE;
/* How many events the strip of each of n sequences may have, so that all of them are a part of the page. */
size_t html_strip_events(size_t n);
void html_strip_script(struct writer *w);
const char *html_strip_hash(void); /* of the script, for the policy */

#endif
