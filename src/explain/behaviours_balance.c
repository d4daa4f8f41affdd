/* Descriptors that stay open: how many a group opens and closes, against what is usual. Failed calls open none. Nothing
 * is concluded where closing is not seen: at the end of a process or of threads that end early, in what is executed, in
 * ranges, beyond lost events, nor where known sequences do not close what they open either. */
#include "base/memory.h"
#include "base/sort.h"
#include "event/syscalls.h"
#include "explain/behaviours_internal.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#define CLOSES_UNSEEN INT_MIN /* of a call: what it closes cannot be counted */

/* out (calls of v): stg_syscall_opens(), or CLOSES_UNSEEN; owned by the caller. */
static enum stg_status list_calls(int **out, const struct stg_vocab *v)
{
    static const char *const unseen[] = {"close_range", "execve", "execveat", "exit_group"};
    const size_t n = stg_strings_count(v->calls);
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, n, sizeof **out));
    for (size_t call = STG_TOKEN_SPECIALS; call < n; call++) {
        const char *name = stg_strings_get(v->calls, (uint32_t)call);
        (*out)[call] = stg_syscall_opens(name);
        for (size_t i = 0; i < sizeof unseen / sizeof unseen[0]; i++) {
            (*out)[call] = strcmp(name, unseen[i]) == 0 ? CLOSES_UNSEEN : (*out)[call];
        }
    }
    return STG_OK;
}

/* Counted as stg_usual_kind() has it: calls by their entries, failures by their exits. False where not all that is
 * closed is seen. */
static bool count(const struct behaviour_search *s, const struct behaviour_member *m, const int *opens, float *opened,
                  float *closed)
{
    struct stg_seq seq;
    stg_corpus_get(s->inputs[m->input].corpus, m->index, &seq);
    *opened = *closed = 0;
    bool all = seq.n_lost == 0 && (seq.flags & STG_SEQ_TRUNCATED) == 0;
    for (size_t i = 0; i < seq.n; i++) {
        const int n = opens[s->call_of[m->input][seq.call[i]]];
        const uint16_t proc = s->proc_of[m->input][seq.thread_proc[seq.thread[i]]];
        if (n == 0 || proc >= stg_strings_count(s->model->vocab.procs)) {
            continue;
        }
        all &= n != CLOSES_UNSEEN;
        if (n > 0 && (seq.phase[i] != STG_PHASE_EXIT || stg_ret_errno_class(seq.phase[i], seq.ret[i]) > 1)) {
            *opened += (float)(seq.phase[i] == STG_PHASE_EXIT ? -n : n);
        } else if (n == -1 && seq.phase[i] != STG_PHASE_EXIT) {
            *closed += 1;
        }
    }
    return all;
}

/* What is usual: the medians, how many known sequences open at most and close at least. */
static void find_usual(struct stg_behaviour *out, const struct behaviour_search *s, const struct behaviour_counts *c,
                       const int *opens, float *most, float *least)
{
    const struct stg_model *m = s->model;
    *most = *least = 0;
    for (size_t i = 0; i < m->n_usual && m->usual_key[i] < STG_USUAL_OF_PROCESS; i++) {
        struct stg_kind_of_call kind;
        struct stg_usual usual;
        stg_usual_unpack(m->usual_key[i], &kind);
        const int n =
            kind.call >= STG_TOKEN_SPECIALS && kind.call < stg_strings_count(m->vocab.calls) ? opens[kind.call] : 0;
        if (n == 0 || n == CLOSES_UNSEEN || !behaviour_usual_of(m, c, m->usual_key[i], &usual)) {
            continue;
        }
        if (n > 0 && (kind.phase == 0 || kind.errno_class > 1)) {
            out->balance.usual_opened += (float)(kind.phase == 0 ? n : -n) * usual.median;
            *most += kind.phase == 0 ? (float)n * usual.high : -(float)n * usual.low;
        } else if (n == -1 && kind.phase == 0) {
            out->balance.usual_closed += usual.median;
            *least += usual.low;
        }
    }
}

static bool ends_early(const struct stg_behaviour *x)
{
    for (size_t i = 0; i < x->n_surprises; i++) {
        if (x->surprises[i].kind.call == STG_TOKEN_END) {
            return true;
        }
    }
    return false;
}

enum stg_status behaviour_find_balance(const struct behaviour_search *s, uint32_t group,
                                       const struct behaviour_counts *c, struct stg_behaviour *out)
{
    enum stg_status status = STG_OK;
    enum { OPENED, CLOSED, BALANCE, N };
    float *values[N] = {NULL}, most, least;
    int *opens = NULL;
    size_t seen = 0, n = 0;
    STG_TRY(list_calls(&opens, &s->out->names));
    for (int k = 0; k < N; k++) {
        STG_TRY(stg_mem_zeroed(&values[k], BEHAVIOUR_MAX_COUNTED, sizeof *values[k]));
    }
    for (size_t i = 0; i < s->n; i++) {
        if (s->group[i] == group && behaviour_is_chosen(seen++, out->n, n, BEHAVIOUR_MAX_COUNTED)) {
            const bool all = count(s, &s->members[i], opens, &values[OPENED][n], &values[CLOSED][n]);
            values[BALANCE][n] = all ? values[OPENED][n] - values[CLOSED][n] : 0;
            n++;
        }
    }
    for (int k = 0; k < N; k++) {
        stg_sort_floats(values[k], n);
    }
    out->balance.opened = values[OPENED][n / 2];
    out->balance.closed = values[CLOSED][n / 2];
    find_usual(out, s, c, opens, &most, &least);
    const enum stg_cut cut = s->model->recipe.cut; /* the end of a process closes all; a given sequence may be one */
    const bool odd = out->balance.opened > most * fmaxf(out->scale, 1) + 0.5f ||
                     out->balance.closed < least * fminf(out->scale, 1) - 0.5f;
    out->balance.leaks = cut != STG_CUT_PROCESS && cut != STG_CUT_GIVEN && odd && !ends_early(out) &&
                         values[BALANCE][n / 20] >= 1 && out->balance.usual_opened <= out->balance.usual_closed;
out:
    for (int k = 0; k < N; k++) {
        stg_mem_free(values[k]);
    }
    stg_mem_free(opens);
    return status;
}
