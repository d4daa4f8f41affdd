/* Findings: what a behaviour is, in words for people who know the system and nothing of models. Private to report/.
 *
 * Each finding has two parts: what is different, with its figures, and what that usually is a sign of. The second is a
 * rule of thumb by the kind of call (findings_objects.c has the table); it names no cause that the trace does not show.
 */
#ifndef STG_REPORT_FINDINGS_H
#define STG_REPORT_FINDINGS_H

#include "detect/verdict.h"
#include "report/behaviour_words.h"
#include "report/report.h"

#define FINDINGS      4 /* of one behaviour, the heaviest first */
#define FINDING_MEANS 320

struct finding {
    float weight;              /* what it is ordered by: about the share of the behaviour's surprisal */
    bool is_calls;             /* of which calls a process makes more; all new ones of proc are named */
    uint16_t proc;             /* that process, of stg_behaviours.names */
    char what[WORDS_SENTENCE]; /* "apache2 makes calls that known sequences never make: getpid (34 in each)" */
    char means[FINDING_MEANS]; /* "it asks for its own number, as for a line of a log"; "" when nothing can be said */
};

/* How many there are; always one at least. x is one of b's, which were found with m. */
size_t findings_make(const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x,
                     struct finding out[FINDINGS]);

/* What of b->unseen has been said. Where some behaviour was told (any), a call of a known program that acts on nobody
 * needs no word beside it. */
struct findings_told {
    bool any, unseen[STG_BEHAVIOUR_UNSEEN];
};
/* The n findings of x, or all that is known of x, have been said. */
void findings_tell(struct findings_told *told, const struct stg_behaviours *b, const struct stg_behaviour *x,
                   const struct finding *f, size_t n);
void findings_tell_all(struct findings_told *told, const struct stg_behaviours *b, const struct stg_behaviour *x);

/* What training had not, a program in each, those that matter most first; beside what has been told. */
size_t findings_unseen(const struct stg_behaviours *b, const struct findings_told *told, struct finding out[FINDINGS]);

/* Whether these n are said before the behaviours: where no more is novel than chance explains, and where there is a new
 * program among them. */
bool findings_unseen_leads(const struct stg_verdict *v, const struct finding *f, size_t n);
/* In front of these: "what training had not, in 3 of 206 sequences". Which of b->unseen has the first
 * of the sequences. */
size_t findings_unseen_first(const struct stg_behaviours *b, const struct findings_told *told,
                             char out[WORDS_SENTENCE]);

/* "what training had not is in 300 of 301 sequences, novel or not": where the findings of those that are novel tell it
 * all, and not how many others have it; false where it needs no word. */
bool findings_unseen_all(const struct stg_behaviours *b, char out[WORDS_SENTENCE]);

/* "by the times between calls alone 156 of 301 would be novel, of a run of the calibration at most 3.0 %": what one
 * channel says of n sequences where by all together far fewer are novel. false, and "", where none does. */
bool findings_alone(const struct stg_verdict *v, size_t n, char out[WORDS_SENTENCE]);

/* "lost events touch 43 of 300 sequences, 2 of which are novel: …"; false where they touch none. */
bool findings_lost(const struct stg_verdict *v, size_t n, char out[WORDS_SENTENCE]);
/* Behind it, where the verdict rests on them: "without these it would not be novel: …"; else NULL. */
const char *findings_rests(const struct stg_verdict *v);
/* Whether it is to be said that how far known runs differ is not known. */
bool findings_one_run(const struct stg_model *m, const struct stg_verdict *v);
/* "known runs differ, too: …", where by as much as the n sequences do; else false. */
bool findings_runs_differ(const struct stg_model *m, struct stg_judged_by by, const struct stg_verdict *v, size_t n,
                          char out[WORDS_SENTENCE]);

/* Whether a behaviour is told first: where the whole is novel all are, else those of which something is above every
 * calibration score. */
bool findings_is_shown(const struct stg_verdict *v, const struct stg_behaviour *x);

/* "5 of 206 sequences are novel, and chance makes up to 10 of known ones so" */
void findings_counts(const struct stg_model *m, const struct stg_behaviours *b, const struct stg_verdict *v,
                     char out[WORDS_SENTENCE]);
/* "2 of them are above all 637 calibration scores, and chance makes up to 6 so"; false, and "", where the count above
 * says enough. */
bool findings_beyond(const struct stg_model *m, const struct stg_verdict *v, char out[WORDS_SENTENCE]);

/* "222 of 329 novel sequences" */
void findings_share(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[96]);

/* What many sequences are like together, channel by channel, and how long they last: for sequences none of which needs
 * to be novel; but for what findings_alone() says. "" where the model knows nothing of the kind. */
void findings_of_set(const struct stg_model *m, const struct stg_score *scores, size_t n, const struct stg_verdict *v,
                     char out[WORDS_SENTENCE]);

#endif
