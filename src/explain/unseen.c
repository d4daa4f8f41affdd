#include "explain/unseen.h"

#include "base/interrupt.h"

enum stg_status stg_unseen_init(struct stg_unseen *u)
{
    *u = (struct stg_unseen){.n_sequences = 0};
    STG_RETURN_IF_FAILED(stg_tally_init(&u->calls));
    return stg_tally_init(&u->programs);
}

void stg_unseen_fini(struct stg_unseen *u)
{
    stg_tally_fini(&u->calls);
    stg_tally_fini(&u->programs);
}

/* Adds one to the name of an id that is not below n_known. */
static enum stg_status add(struct stg_tally *t, const struct stg_strings *names, size_t n_known, uint16_t id, bool *any)
{
    if (id < n_known) {
        return STG_OK;
    }
    *any = true;
    return stg_tally_add(t, stg_strings_get(names, id), 1);
}

static enum stg_status add_sequence(struct stg_unseen *u, const struct stg_seq *s, const struct stg_vocab *names,
                                    size_t n_calls, size_t n_procs)
{
    bool any = false;
    for (size_t i = 0; i < s->n; i++) {
        if (s->phase[i] != STG_PHASE_EXIT) {
            STG_RETURN_IF_FAILED(add(&u->calls, names->calls, n_calls, s->call[i], &any));
        }
    }
    for (size_t i = 0; i < s->n_threads; i++) {
        STG_RETURN_IF_FAILED(add(&u->programs, names->procs, n_procs, s->thread_proc[i], &any));
    }
    u->n_sequences += any;
    return STG_OK;
}

enum stg_status stg_unseen_add(struct stg_unseen *u, const struct stg_corpus *corpus, const struct stg_vocab *names,
                               const struct stg_vocab *known)
{
    const size_t n_calls = stg_strings_count(known->calls), n_procs = stg_strings_count(known->procs);
    if (stg_strings_count(names->calls) <= n_calls && stg_strings_count(names->procs) <= n_procs) {
        return STG_OK;
    }
    for (size_t i = 0; i < corpus->n; i++) {
        struct stg_seq seq;
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        stg_corpus_get(corpus, i, &seq);
        STG_RETURN_IF_FAILED(add_sequence(u, &seq, names, n_calls, n_procs));
    }
    return STG_OK;
}
