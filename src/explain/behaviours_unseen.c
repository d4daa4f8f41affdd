/* Calls and programs that training had not: whatever the scores say, each is a fact with a name. */
#include "explain/behaviours_internal.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "event/syscalls.h"

#include <string.h>

struct table {
    struct stg_behaviours *b;
    size_t n_calls, n_procs; /* names of the model; ids from these on are unseen */
    uint8_t *n_of;           /* (65536) entries of each program; owned */
    struct stg_keys gone;    /* key_of() what was given up or refused: it never comes again, so counts are whole */
};
_Static_assert(STG_BEHAVIOUR_UNSEEN <= UINT8_MAX, "n_of");

static bool is_unseen(const struct table *t, uint16_t call, uint16_t proc)
{
    return call >= t->n_calls || proc >= t->n_procs;
}

enum { MOST_GONE = 1 << 16 };

static uint64_t key_of(uint16_t call, uint16_t proc)
{
    return (uint64_t)proc << 16 | call;
}

static unsigned consequence_of(const struct table *t, uint16_t call)
{
    return stg_syscall_consequence(stg_strings_get(t->b->names.calls, call));
}

/* The last entry of least consequence of a program. */
static size_t least_of(const struct table *t, uint16_t proc)
{
    const struct stg_behaviour_unseen *u = t->b->unseen;
    size_t least = STG_BEHAVIOUR_UNSEEN;
    for (size_t i = 0; i < t->b->n_unseen; i++) {
        if (u[i].proc == proc &&
            (least == STG_BEHAVIOUR_UNSEEN || consequence_of(t, u[i].call) <= consequence_of(t, u[least].call))) {
            least = i;
        }
    }
    return least;
}

/* The program with most entries gives one up, unless proc would have as many then: what does much that is new must not
 * hide what comes after it. Else proc itself does, for a call of more consequence. Returns what goes;
 * STG_BEHAVIOUR_UNSEEN: nothing. */
static size_t find_room(const struct table *t, uint16_t call, uint16_t proc)
{
    const struct stg_behaviour_unseen *u = t->b->unseen;
    size_t largest = 0;
    for (size_t i = 0; i < t->b->n_unseen; i++) {
        largest = t->n_of[u[i].proc] > t->n_of[u[largest].proc] ? i : largest;
    }
    if (t->n_of[u[largest].proc] > t->n_of[proc] + 1) {
        return least_of(t, u[largest].proc);
    }
    const size_t own = least_of(t, proc);
    return own < STG_BEHAVIOUR_UNSEEN && consequence_of(t, u[own].call) < consequence_of(t, call)
               ? own
               : (size_t)STG_BEHAVIOUR_UNSEEN;
}

/* *made: whether there is room now. */
static enum stg_status make_room(struct table *t, uint16_t call, uint16_t proc, bool *made)
{
    struct stg_behaviour_unseen *u = t->b->unseen;
    uint32_t i = STG_KEYS_NONE;
    *made = false;
    if (t->gone.n == MOST_GONE || stg_keys_find(&t->gone, key_of(call, proc)) != STG_KEYS_NONE) {
        return STG_OK;
    }
    const size_t goes = find_room(t, call, proc);
    if (goes == STG_BEHAVIOUR_UNSEEN) {
        return stg_keys_put(&t->gone, key_of(call, proc), MOST_GONE, &i);
    }
    STG_RETURN_IF_FAILED(stg_keys_put(&t->gone, key_of(u[goes].call, u[goes].proc), MOST_GONE, &i));
    t->n_of[u[goes].proc]--;
    t->b->n_unseen--;
    memmove(&u[goes], &u[goes + 1], (t->b->n_unseen - goes) * sizeof *u);
    *made = true;
    return STG_OK;
}

/* *out: the entry of call and proc, a new one where there is none and room is left or made; NULL: no room. */
static enum stg_status entry_of(struct table *t, uint16_t call, uint16_t proc, struct stg_behaviour_unseen **out)
{
    struct stg_behaviours *b = t->b;
    bool has_room = b->n_unseen < STG_BEHAVIOUR_UNSEEN;
    *out = NULL;
    for (size_t i = 0; i < b->n_unseen; i++) {
        if (b->unseen[i].call == call && b->unseen[i].proc == proc) {
            *out = &b->unseen[i];
            return STG_OK;
        }
    }
    if (!has_room) {
        STG_RETURN_IF_FAILED(make_room(t, call, proc, &has_room));
    }
    if (has_room) {
        *out = &b->unseen[b->n_unseen++];
        **out = (struct stg_behaviour_unseen){
            .call = call, .proc = proc, .is_new_program = proc >= t->n_procs, .is_thread = true};
        t->n_of[proc]++;
    }
    return STG_OK;
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

/* *any: whether the sequence has any. */
static enum stg_status look_at(struct table *t, const struct behaviour_search *s, const struct stg_seq *seq,
                               size_t input, size_t index, bool *any)
{
    *any = false;
    for (size_t i = 0; i < seq->n; i++) {
        const uint16_t thread = seq->thread[i], call = s->call_of[input][seq->call[i]],
                       proc = s->proc_of[input][seq->thread_proc[thread]];
        struct stg_behaviour_unseen *u = NULL;
        if (seq->phase[i] == STG_PHASE_EXIT || call < STG_TOKEN_SPECIALS || !is_unseen(t, call, proc)) {
            continue;
        }
        *any = true;
        STG_RETURN_IF_FAILED(entry_of(t, call, proc, &u));
        if (u != NULL) {
            add(u, seq, thread, input, index);
        }
    }
    return STG_OK;
}

enum stg_status behaviour_find_unseen(struct behaviour_search *s)
{
    enum stg_status status = STG_OK;
    struct stg_behaviours *b = s->out;
    struct table t = {.b = b,
                      .n_calls = stg_strings_count(s->model->vocab.calls),
                      .n_procs = stg_strings_count(s->model->vocab.procs)};
    if (stg_strings_count(b->names.calls) <= t.n_calls && stg_strings_count(b->names.procs) <= t.n_procs) {
        return STG_OK; /* no input has a name more than the model */
    }
    STG_TRY(stg_mem_zeroed(&t.n_of, (size_t)UINT16_MAX + 1, sizeof *t.n_of));
    for (size_t k = 0; k < s->n_inputs; k++) {
        for (size_t i = 0; i < s->inputs[k].corpus->n; i++) {
            struct stg_seq seq;
            bool any = false;
            STG_TRY(stg_interrupt_check());
            stg_corpus_get(s->inputs[k].corpus, i, &seq);
            STG_TRY(look_at(&t, s, &seq, k, i, &any));
            b->n_unseen_sequences += any;
        }
    }
out:
    stg_mem_free(t.n_of);
    stg_keys_fini(&t.gone);
    return status;
}
