/* One walk of one sequence and a corpus of just that, for tests of nets: what a net says of it can be asked in batch,
 * event by event, and of what a net was exported to. */
#ifndef TESTS_ONE_WALK_H
#define TESTS_ONE_WALK_H

#include "base/rng.h"
#include "model/model.h"
#include "must.h"

#include <stdio.h>

/* LENGTH events, of which CONTEXT at the beginning only condition. SCORED: the rest and the end. */
enum { LENGTH = 60, CONTEXT = 4, CALLS = 7, SCORED = LENGTH - CONTEXT + 1 };

struct one_walk {
    uint16_t call[LENGTH], proc[LENGTH];
    uint8_t phase[LENGTH];
    int64_t ret[LENGTH], elapsed_ns[LENGTH + 1];
    int32_t pid[LENGTH], tid[LENGTH];
    uint32_t index[LENGTH];
    uint16_t thread[LENGTH]; /* 0, as in a sequence there is but one */
    int64_t time_ns[LENGTH];
    struct stg_vocab vocab;
};

static inline void one_walk_vocab(struct one_walk *d, int n_procs)
{
    char name[16];
    uint16_t id;
    must(stg_vocab_init(&d->vocab));
    for (int i = 0; i < n_procs; i++) {
        snprintf(name, sizeof name, "proc%d", i);
        must(stg_vocab_proc(&d->vocab, name, &id));
    }
    for (int i = 0; i < CALLS; i++) {
        snprintf(name, sizeof name, "call%d", i);
        must(stg_vocab_call(&d->vocab, name, &id));
    }
}

/* Calls and processes at random, entries and exits in turn; d's vocabulary is the caller's to free. */
static inline void one_walk_init(struct one_walk *d, int n_procs, struct stg_rng *rng)
{
    *d = (struct one_walk){.call = {0}};
    one_walk_vocab(d, n_procs);
    for (size_t i = 0; i < LENGTH; i++) {
        d->call[i] = (uint16_t)(STG_TOKEN_SPECIALS + stg_rng_below(rng, CALLS));
        d->proc[i] = (uint16_t)(STG_TOKEN_SPECIALS + stg_rng_below(rng, (uint64_t)n_procs));
        d->phase[i] = i % 2 == 0 ? STG_PHASE_ENTRY : STG_PHASE_EXIT;
        d->ret[i] = i % 2 == 0 ? STG_RET_ABSENT : (int64_t)stg_rng_below(rng, 3) - 1;
        d->elapsed_ns[i] = (int64_t)stg_rng_below(rng, 1000000);
        d->pid[i] = d->tid[i] = 7;
        d->index[i] = i < CONTEXT ? UINT32_MAX : (uint32_t)i - CONTEXT;
    }
}

static inline int one_walk_teardown(void **state)
{
    struct one_walk *d = *state;
    stg_vocab_fini(&d->vocab);
    return 0;
}

/* Borrows d. */
static inline struct stg_walk one_walk_of(const struct one_walk *d)
{
    return (struct stg_walk){.n = LENGTH,
                             .n_context = CONTEXT,
                             .start = true,
                             .end = true,
                             .call = d->call,
                             .phase = d->phase,
                             .ret = d->ret,
                             .proc = d->proc,
                             .pid = d->pid,
                             .tid = d->tid,
                             .elapsed_ns = d->elapsed_ns,
                             .index = d->index};
}

/* The same events as a sequence, whose times do not matter. */
static inline void one_walk_get(void *context, size_t i, struct stg_seq *out)
{
    static const int32_t id = 7;
    const struct one_walk *d = context;
    *out = (struct stg_seq){.id = i,
                            .n = LENGTH,
                            .call = d->call,
                            .phase = d->phase,
                            .ret = d->ret,
                            .time_ns = d->time_ns,
                            .thread = d->thread,
                            .n_threads = 1,
                            .thread_tid = &id,
                            .thread_pid = &id,
                            .thread_proc = d->proc,
                            .end_ns = LENGTH,
                            .tid = id};
}

static inline struct stg_corpus one_walk_corpus(struct one_walk *d)
{
    return (struct stg_corpus){.n = 1, .context = d, .get = one_walk_get};
}

#endif
