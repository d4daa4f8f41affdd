/* Unseen: what training had not, a program in each finding, and how many more programs there are. Private to report/.
 *
 * Known programs that newly make a call of consequence come first, as these are few and say most; then new programs
 * that make one, then the others. */
#ifndef STG_REPORT_UNSEEN_H
#define STG_REPORT_UNSEEN_H

#include "report/findings.h"

struct unseen {
    struct finding f[FINDINGS];
    size_t n;                  /* of these */
    size_t n_more;             /* programs that are not among them */
    char more[WORDS_SENTENCE]; /* "and 11 more: sh, whoami, …" of those; "" */
    float heaviest;            /* weight of all */
};

/* Beside what has been told. */
void unseen_make(struct unseen *out, const struct stg_behaviours *b, const struct findings_told *told);

/* As findings_unseen_leads(). */
bool unseen_leads(const struct stg_verdict *v, const struct unseen *u);

#endif
