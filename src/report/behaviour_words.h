/* Behaviour words: how a behaviour is said to people, the same in the terminal and on the page. Private to report/. */
#ifndef STG_REPORT_BEHAVIOUR_WORDS_H
#define STG_REPORT_BEHAVIOUR_WORDS_H

#include "explain/behaviours.h"
#include "report/report.h"

#include <stdbool.h>
#include <stddef.h>

#define WORDS_SENTENCE 1024 /* bytes that a sentence gets; a longer one is cut */

/* The first of what there is to say of what is more, fewer, surprising. Always something. */
void behaviour_sentence(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[WORDS_SENTENCE]);
/* What there is to say of a behaviour, fact after fact: *at begins as 0. Its label, "more"; NULL at the end. */
const char *behaviour_next_fact(const struct stg_model *m, const struct stg_behaviours *b,
                                const struct stg_behaviour *x, unsigned *at, char out[WORDS_SENTENCE]);
/* "steady", "growing", "fading" */
const char *behaviour_trend(const struct stg_behaviour *x);
/* "▁▁▃█": how many there are in each tenth of the data. */
void behaviour_sparkline(const struct stg_behaviour *x, char out[4 * STG_BEHAVIOUR_SLICES]);
/* "read returning 64-127", "read EAGAIN", "write" */
void behaviour_kind(const struct stg_vocab *names, const struct stg_kind_of_call *kind, char *out, size_t cap);
const char *behaviour_call(const struct stg_vocab *names, uint16_t call);
/* The file of a directory of lists that a sequence is from, borrowed; NULL: it is of none. */
const char *behaviour_file(const struct stg_behaviour_origin *from, size_t index);
const char *behaviour_process(const struct stg_vocab *names, uint16_t proc);

#endif
