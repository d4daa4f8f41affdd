/* Unseen: calls and programs that the training data does not have. However surprising they are, how many sequences have
 * them is no matter of chance that a calibration knows: they are facts of their own, each with its name. */
#ifndef STG_EXPLAIN_UNSEEN_H
#define STG_EXPLAIN_UNSEEN_H

#include "explain/profile.h"

struct stg_unseen {
    struct stg_tally calls;    /* calls that begin, of names that the model does not know */
    struct stg_tally programs; /* threads of a sequence, by names that the model does not know */
    size_t n_sequences;        /* that have any of them */
};

/* stg_unseen_fini() also after a failure. */
enum stg_status stg_unseen_init(struct stg_unseen *u) STG_MUST_USE;
/* Adds the sequences of a corpus whose vocabulary, names, extends that of the model, known. Reads them only where it
 * has more names. */
enum stg_status stg_unseen_add(struct stg_unseen *u, const struct stg_corpus *corpus, const struct stg_vocab *names,
                               const struct stg_vocab *known) STG_MUST_USE;
void stg_unseen_fini(struct stg_unseen *u);

#endif
