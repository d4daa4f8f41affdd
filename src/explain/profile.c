#include "explain/profile.h"

#include "base/interrupt.h"
#include "base/memory.h"

#include <string.h>

static enum stg_status tally_init(struct stg_tally *t)
{
    *t = (struct stg_tally){.names = NULL};
    return stg_strings_new(&t->names);
}

static enum stg_status tally_add(struct stg_tally *t, const char *name, uint64_t n)
{
    uint32_t id;
    const size_t before = stg_strings_count(t->names);
    STG_RETURN_IF_FAILED(stg_mem_grow(&t->count, &t->cap, before + 1, sizeof *t->count));
    STG_RETURN_IF_FAILED(stg_strings_put(t->names, name, strlen(name), &id));
    t->count[id] = (id == before ? 0 : t->count[id]) + n;
    return STG_OK;
}

static void tally_fini(struct stg_tally *t)
{
    stg_strings_free(t->names);
    stg_mem_free(t->count);
}

enum stg_status stg_profile_init(struct stg_profile *p)
{
    *p = (struct stg_profile){.n_calls = 0};
    STG_RETURN_IF_FAILED(tally_init(&p->calls));
    return tally_init(&p->procs);
}

void stg_profile_fini(struct stg_profile *p)
{
    tally_fini(&p->calls);
    tally_fini(&p->procs);
    *p = (struct stg_profile){.n_calls = 0};
}

static void count_sequence(struct stg_profile *p, const struct stg_seq *s, uint64_t *calls, uint64_t *procs)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->phase[i] != STG_PHASE_EXIT) {
            calls[s->call[i]]++;
            procs[s->thread_proc[s->thread[i]]]++;
            p->n_calls++;
        }
    }
    p->has_time |= (s->flags & STG_SEQ_NO_TIME) == 0;
    p->n_sequences++;
}

static enum stg_status put_counts(struct stg_tally *t, const struct stg_strings *names, const uint64_t *count)
{
    for (uint32_t id = 0; id < stg_strings_count(names); id++) {
        if (count[id] > 0) {
            STG_RETURN_IF_FAILED(tally_add(t, stg_strings_get(names, id), count[id]));
        }
    }
    return STG_OK;
}

enum stg_status stg_profile_add(struct stg_profile *p, const struct stg_corpus *corpus, const struct stg_vocab *names)
{
    enum stg_status status = STG_OK;
    uint64_t *calls = NULL, *procs = NULL;
    STG_TRY(stg_mem_zeroed(&calls, (size_t)UINT16_MAX + 1, sizeof *calls));
    STG_TRY(stg_mem_zeroed(&procs, (size_t)UINT16_MAX + 1, sizeof *procs));
    for (size_t i = 0; i < corpus->n; i++) {
        struct stg_seq seq;
        STG_TRY(stg_interrupt_check());
        stg_corpus_get(corpus, i, &seq);
        count_sequence(p, &seq, calls, procs);
    }
    STG_TRY(put_counts(&p->calls, names->calls, calls));
    STG_TRY(put_counts(&p->procs, names->procs, procs));
out:
    stg_mem_free(calls);
    stg_mem_free(procs);
    return status;
}

uint64_t stg_tally_of(const struct stg_tally *t, const char *name)
{
    const uint32_t id = stg_strings_find(t->names, name, strlen(name));
    return id == STG_STRINGS_NONE ? 0 : t->count[id];
}

static double share_of(const struct stg_tally *t, uint64_t n, const char *name)
{
    return t == NULL || n == 0 ? 0 : (double)stg_tally_of(t, name) / (double)n;
}

/* Puts the name into its place among the n that there are, most first. */
static size_t keep(const char **out, double *share, size_t n, size_t most, const char *name, double of)
{
    size_t at = n;
    while (at > 0 && (of > share[at - 1] || (!(of < share[at - 1]) && strcmp(name, out[at - 1]) < 0))) {
        at--;
    }
    if (at == most) {
        return n;
    }
    const size_t kept = n < most ? n : most - 1;
    memmove(&out[at + 1], &out[at], (kept - at) * sizeof out[0]);
    memmove(&share[at + 1], &share[at], (kept - at) * sizeof share[0]);
    out[at] = name;
    share[at] = of;
    return kept + 1;
}

size_t stg_tally_top(const struct stg_tally *a, uint64_t n_a, const struct stg_tally *b, uint64_t n_b, const char **out,
                     size_t most)
{
    double share[STG_TALLY_TOP];
    size_t n = 0;
    most = most < STG_TALLY_TOP ? most : STG_TALLY_TOP;
    for (uint32_t id = 0; most > 0 && id < stg_strings_count(a->names); id++) {
        const char *name = stg_strings_get(a->names, id);
        n = keep(out, share, n, most, name, share_of(a, n_a, name) + share_of(b, n_b, name));
    }
    for (uint32_t id = 0; most > 0 && b != NULL && id < stg_strings_count(b->names); id++) {
        const char *name = stg_strings_get(b->names, id);
        if (stg_tally_of(a, name) == 0) {
            n = keep(out, share, n, most, name, share_of(b, n_b, name));
        }
    }
    return n;
}
