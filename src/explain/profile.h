/* Profile: which calls and which processes the sequences of a data set are made of, by name, as sets may have different
 * vocabularies. */
#ifndef STG_EXPLAIN_PROFILE_H
#define STG_EXPLAIN_PROFILE_H

#include "token/vocab.h"

/* How often each of several names occurs. */
struct stg_tally {
    struct stg_strings *names; /* owned */
    uint64_t *count;           /* (strings of names) owned */
    size_t cap;
};

struct stg_profile {
    struct stg_tally calls; /* calls that begin */
    struct stg_tally procs; /* the same, by the name of their thread */
    uint64_t n_calls;
    size_t n_sequences;
    bool has_time; /* some sequence has times */
};

/* stg_profile_fini() also after a failure. */
enum stg_status stg_profile_init(struct stg_profile *p) STG_MUST_USE;
/* Adds every sequence of the corpus, whose ids are of that vocabulary. Memory: 8 bytes for each name. */
enum stg_status stg_profile_add(struct stg_profile *p, const struct stg_corpus *corpus,
                                const struct stg_vocab *names) STG_MUST_USE;
void stg_profile_fini(struct stg_profile *p);

/* 0 for a name that does not occur. */
uint64_t stg_tally_of(const struct stg_tally *t, const char *name);
#define STG_TALLY_TOP 256
/* The most frequent names of two tallies together (b NULL: of a alone), by their shares of n_a and of n_b; ties in the
 * order of the names. out (most) is borrowed from them; how many there are, STG_TALLY_TOP at most. */
size_t stg_tally_top(const struct stg_tally *a, uint64_t n_a, const struct stg_tally *b, uint64_t n_b, const char **out,
                     size_t most);

#endif
