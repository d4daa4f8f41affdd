/* HTML report: its sections. One file, no script, nothing from the network. Private to report/. */
#ifndef STG_REPORT_HTML_H
#define STG_REPORT_HTML_H

#include "report/report.h"
#include "report/writer.h"

extern const char *const html_style; /* the style sheet */

/* Figures as inline SVG; each has a title, a description and a caption. */
enum stg_status html_distributions(struct writer *w, const struct stg_report *r) STG_MUST_USE;
enum stg_status html_lengths(struct writer *w, const struct stg_report *r) STG_MUST_USE;

void html_verdict(struct writer *w, const struct stg_report *r);
void html_evaluation(struct writer *w, const struct stg_report *r);
void html_known_only(struct writer *w, const struct stg_report *r);
void html_lost(struct writer *w, const struct stg_report *r);
void html_provenance(struct writer *w, const struct stg_report *r);

enum stg_status html_explanations(struct writer *w, const struct stg_report *r) STG_MUST_USE;
/* The few behaviours that the novel sequences fall into. */
void html_behaviours(struct writer *w, const struct stg_report *r);
void html_glossary(struct writer *w);

#endif
