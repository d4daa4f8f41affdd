/* Calls and programs that training had not: whatever the scores say, each is a fact with a name. */
#include "explain/behaviours_internal.h"

#include "base/interrupt.h"

struct names {
    size_t n_calls, n_procs; /* of the model; ids from these on are unseen */
};

static bool is_unseen(const struct names *known, uint16_t call, uint16_t proc)
{
    return call >= known->n_calls || proc >= known->n_procs;
}

/* The entry of call and proc, a new one where there is none and room is left; NULL: no room. */
static struct stg_behaviour_unseen *entry_of(struct stg_behaviours *b, const struct names *known, uint16_t call,
                                             uint16_t proc)
{
    for (size_t i = 0; i < b->n_unseen; i++) {
        if (b->unseen[i].call == call && b->unseen[i].proc == proc) {
            return &b->unseen[i];
        }
    }
    if (b->n_unseen == STG_BEHAVIOUR_UNSEEN) {
        return NULL;
    }
    struct stg_behaviour_unseen *u = &b->unseen[b->n_unseen++];
    *u = (struct stg_behaviour_unseen){
        .call = call, .proc = proc, .is_new_program = proc >= known->n_procs, .is_thread = true};
    return u;
}

static void add(struct stg_behaviour_unseen *u, const struct stg_seq *seq, uint16_t thread, size_t input, size_t index)
{
    u->n_sequences += u->n == 0 || u->last_input != input || u->last != index;
    if (u->n++ == 0) {
        u->input = input;
        u->index = index;
    }
    u->last_input = input;
    u->last = index;
    u->is_thread &= seq->thread_pid[thread] != 0 && seq->thread_tid[thread] != seq->thread_pid[thread];
}

static bool look_at(struct behaviour_search *s, const struct names *known, const struct stg_seq *seq, size_t input,
                    size_t index)
{
    bool any = false;
    for (size_t i = 0; i < seq->n; i++) {
        const uint16_t thread = seq->thread[i], call = s->call_of[input][seq->call[i]],
                       proc = s->proc_of[input][seq->thread_proc[thread]];
        if (seq->phase[i] == STG_PHASE_EXIT || call < STG_TOKEN_SPECIALS || !is_unseen(known, call, proc)) {
            continue;
        }
        struct stg_behaviour_unseen *u = entry_of(s->out, known, call, proc);
        any = true;
        if (u != NULL) {
            add(u, seq, thread, input, index);
        }
    }
    return any;
}

enum stg_status behaviour_find_unseen(struct behaviour_search *s)
{
    struct stg_behaviours *b = s->out;
    const struct names known = {stg_strings_count(s->model->vocab.calls), stg_strings_count(s->model->vocab.procs)};
    if (stg_strings_count(b->names.calls) <= known.n_calls && stg_strings_count(b->names.procs) <= known.n_procs) {
        return STG_OK; /* no input has a name more than the model */
    }
    for (size_t k = 0; k < s->n_inputs; k++) {
        for (size_t i = 0; i < s->inputs[k].corpus->n; i++) {
            struct stg_seq seq;
            STG_RETURN_IF_FAILED(stg_interrupt_check());
            stg_corpus_get(s->inputs[k].corpus, i, &seq);
            b->n_unseen_sequences += look_at(s, &known, &seq, k, i);
        }
    }
    return STG_OK;
}
