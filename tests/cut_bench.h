/* A trace under construction for tests of the cutter. */
#ifndef STG_TESTS_CUT_BENCH_H
#define STG_TESTS_CUT_BENCH_H

#include "base/memory.h"
#include "must.h"
#include "token/cut.h"

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* A trace under construction, and the sequences that came out as text: "tid:call,call|tid:…" */
struct bench {
    struct stg_strings *names, *comms;
    struct stg_vocab vocab;
    struct stg_recipe recipe;
    struct stg_cut_counts counts;
    struct stg_event events[4096];
    size_t n;
    char out[8192];
    struct stg_seq last; /* scalars of the last sequence */
    size_t n_out;
    uint64_t lost[8]; /* of the first sequences */
    int64_t time_ns[4096];
    char contexts[1024]; /* of the last sequence, per thread: "tid:call call|" */
    char threads[1024];  /* of the last sequence, rows of threads: "tid name back|" */
};

static inline int set_up(void **state)
{
    struct bench *b = test_calloc(1, sizeof *b);
    must(stg_strings_new(&b->names));
    must(stg_strings_new(&b->comms));
    must(stg_vocab_init(&b->vocab));
    stg_recipe_default(&b->recipe);
    b->recipe.cut = STG_CUT_REQUEST;
    b->recipe.n_context = 0;
    *state = b;
    return 0;
}

static inline int tear_down(void **state)
{
    struct bench *b = *state;
    stg_strings_free(b->names);
    stg_strings_free(b->comms);
    stg_vocab_fini(&b->vocab);
    test_free(b);
    return 0;
}

static inline uint32_t intern(struct stg_strings *s, const char *text)
{
    uint32_t id;
    must(stg_strings_put(s, text, strlen(text), &id));
    return id;
}

static inline struct stg_event *add(struct bench *b, uint64_t ts, int tid, enum stg_event_kind kind, const char *name)
{
    struct stg_event *e = &b->events[b->n++];
    *e = (struct stg_event){.ts_ns = ts,
                            .tid = tid,
                            .pid = tid / 10 * 10,
                            .kind = (uint8_t)kind,
                            .name = intern(b->names, name),
                            .comm = intern(b->comms, tid >= 100 ? "other" : "main"),
                            .has = STG_HAS_TIME | STG_HAS_TID | STG_HAS_PID | STG_HAS_COMM};
    return e;
}

static inline void enter(struct bench *b, uint64_t ts, int tid, uint64_t connection_state)
{
    struct stg_event *e = add(b, ts, tid, STG_EVENT_MARKER, "httpd:enter_event_handler");
    e->args[0] = connection_state;
    e->n_args = 1;
}

static inline void leave(struct bench *b, uint64_t ts, int tid)
{
    add(b, ts, tid, STG_EVENT_MARKER, "httpd:exit_event_handler");
}

static inline void entry(struct bench *b, uint64_t ts, int tid, const char *name)
{
    add(b, ts, tid, STG_EVENT_ENTRY, name);
}

static inline void back(struct bench *b, uint64_t ts, int tid, const char *name, int64_t ret)
{
    struct stg_event *e = add(b, ts, tid, STG_EVENT_EXIT, name);
    e->ret = ret;
    e->has |= STG_HAS_RET;
}

static inline enum stg_status take(void *context, const struct stg_seq *s)
{
    struct bench *b = context;
    size_t at = strlen(b->out);
    at += (size_t)snprintf(b->out + at, sizeof b->out - at, "%s%d:", at > 0 ? "|" : "", s->tid);
    for (size_t k = 0; k < s->n && at < sizeof b->out; k++) {
        at += (size_t)snprintf(b->out + at, sizeof b->out - at, "%s%s%s", k > 0 ? "," : "",
                               stg_strings_get(b->vocab.calls, s->call[k]), s->phase[k] == STG_PHASE_EXIT ? "'" : "");
        b->time_ns[k] = s->time_ns[k];
    }
    b->last = *s;
    if (b->n_out < sizeof b->lost / sizeof b->lost[0]) {
        b->lost[b->n_out++] = s->n_lost;
    }
    for (size_t i = 0, n = 0; i < s->n_threads && n < sizeof b->threads; i++) {
        n += (size_t)snprintf(b->threads + n, sizeof b->threads - n, "%d %s %d|", s->thread_tid[i],
                              stg_strings_get(b->vocab.procs, s->thread_proc[i]),
                              s->thread_back != NULL ? s->thread_back[i] : -1);
    }
    b->contexts[0] = '\0';
    for (size_t i = 0, n = 0; s->context_offset != NULL && i < s->n_threads; i++) {
        n += (size_t)snprintf(b->contexts + n, sizeof b->contexts - n, "%d:", s->thread_tid[i]);
        for (uint64_t k = s->context_offset[i]; k < s->context_offset[i + 1]; k++) {
            assert_true(s->context_time_ns[k] <= 0);
            n += (size_t)snprintf(b->contexts + n, sizeof b->contexts - n, "%s%s ",
                                  stg_strings_get(b->vocab.calls, s->context_call[k]),
                                  s->context_phase[k] == STG_PHASE_EXIT ? "'" : "");
        }
        n += (size_t)snprintf(b->contexts + n, sizeof b->contexts - n, "|");
    }
    return STG_OK;
}

/* Cuts all events, in two batches to exercise the boundary. */
static inline const char *cut(struct bench *b)
{
    struct stg_cutter *c = NULL;
    b->out[0] = '\0';
    b->n_out = 0;
    must(stg_cutter_new(&c, &b->recipe, &b->vocab, take, b));
    must(stg_cutter_begin(c, 0, b->names, b->comms));
    must(stg_cutter_put(c, b->events, b->n / 2));
    must(stg_cutter_put(c, b->events + b->n / 2, b->n - b->n / 2));
    must(stg_cutter_finish(c));
    stg_cutter_counts(c, &b->counts);
    stg_cutter_free(c);
    return b->out;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
