/* Behaviour words: how a behaviour is said to people, the same in the terminal and on the page. Private to report/. */
#ifndef STG_REPORT_BEHAVIOUR_WORDS_H
#define STG_REPORT_BEHAVIOUR_WORDS_H

#include "explain/behaviours.h"

#include <stdbool.h>
#include <stddef.h>

#define WORDS_SENTENCE 1024 /* bytes that a sentence gets; a longer one is cut */

/* All return whether there is anything to say; out is "" otherwise. */

/* "apache2: 58 write (usually 0; most return 128-255), …, between read and writev" */
bool behaviour_more(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[WORDS_SENTENCE]);
/* The first of what there is to say of what is more, fewer, surprising. Always something. */
void behaviour_sentence(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[WORDS_SENTENCE]);
/* "apache2: 0 read returning 64-127 (usually 1)" */
bool behaviour_fewer(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[WORDS_SENTENCE]);
/* "apache2 → gettid after getpid 32 %, …; descriptors 40 %; times 1 %": what the surprisal is made of. */
bool behaviour_surprises(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[WORDS_SENTENCE]);
/* "apache2: 2, 7" */
bool behaviour_descriptors(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[WORDS_SENTENCE]);
/* "content 48.8, state 15.5, time 2 deviations above the usual" */
bool behaviour_channels(const struct stg_model *m, const struct stg_behaviour *x, char out[WORDS_SENTENCE]);
/* "lasts 4.1 ms (usually 1.2 ms), 8.2 times as many calls of every sort"; where it is not as usual. */
bool behaviour_length(const struct stg_behaviours *b, const struct stg_behaviour *x, char out[WORDS_SENTENCE]);
/* "steady", "growing", "fading" */
const char *behaviour_trend(const struct stg_behaviour *x);
/* "▁▁▃█": how many there are in each tenth of the data. */
void behaviour_sparkline(const struct stg_behaviour *x, char out[4 * STG_BEHAVIOUR_SLICES]);
/* "read returning 64-127", "read EAGAIN", "write" */
void behaviour_kind(const struct stg_vocab *names, const struct stg_kind_of_call *kind, char *out, size_t cap);
const char *behaviour_call(const struct stg_vocab *names, uint16_t call);
const char *behaviour_process(const struct stg_vocab *names, uint16_t proc);

#endif
