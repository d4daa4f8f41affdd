/* What the tests of diff have in common: made-up runs of two threads, compared, and what is found in the result. */
#ifndef STG_TESTS_DIFF_SUPPORT_H
#define STG_TESTS_DIFF_SUPPORT_H

#include "explain/diff.h"

#include "base/rng.h"
#include "must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    READ,
    WRITE,
    CLOSE,
    FUTEX,
    EXECVE,
    N_CALLS,
    N_RARE = 8,
    MAX_EVENTS = 16384
}; /* calls from N_CALLS on are rare ones */
enum { WEB, SHELL, WORKER, N_NAMES };

/* A source of made-up events. */
struct made {
    struct stg_source source;
    struct stg_event *events;
    size_t n;
    uint64_t now_ns;
};

static inline void made_init(struct made *m)
{
    static const char *const names[N_CALLS + N_RARE] = {"read",  "write",     "close",  "futex",  "execve",
                                                        "chdir", "rename",    "getcwd", "unlink", "lseek",
                                                        "fsync", "fdatasync", "clone"};
    static const char *const comms[N_NAMES] = {"web", "sh", "worker"};
    uint32_t id;
    memset(m, 0, sizeof *m);
    must(stg_strings_new(&m->source.names));
    must(stg_strings_new(&m->source.comms));
    must(stg_strings_new(&m->source.paths));
    for (uint32_t i = 0; i < N_CALLS + N_RARE; i++) {
        must(stg_strings_put(m->source.names, names[i], strlen(names[i]), &id));
    }
    for (uint32_t i = 0; i < N_NAMES; i++) {
        must(stg_strings_put(m->source.comms, comms[i], strlen(comms[i]), &id));
    }
    must(stg_strings_put(m->source.paths, "/tmp/evil", 9, &id));
    m->events = calloc(MAX_EVENTS, sizeof *m->events);
}

static inline void made_fini(struct made *m)
{
    stg_strings_free(m->source.names);
    stg_strings_free(m->source.comms);
    stg_strings_free(m->source.paths);
    free(m->events);
}

static inline void put(struct made *m, int32_t tid, uint32_t call, int64_t ret, uint64_t lasts)
{
    assert_true(m->n + 2 <= MAX_EVENTS);
    struct stg_event e = {.ts_ns = m->now_ns,
                          .name = call,
                          .tid = tid,
                          .pid = 7,
                          .has = STG_HAS_TIME | STG_HAS_TID | STG_HAS_PID | STG_HAS_COMM,
                          .kind = STG_EVENT_ENTRY};
    m->events[m->n++] = e;
    e.ts_ns += lasts;
    e.kind = STG_EVENT_EXIT;
    e.has |= STG_HAS_RET;
    e.ret = ret;
    m->events[m->n++] = e;
    m->now_ns = e.ts_ns + 500;
}

/* The call that was put last is by another thread, named so. */
static inline void rename_last(struct made *m, int32_t pid, int32_t tid, uint32_t comm)
{
    for (size_t i = m->n - 2; i < m->n; i++) {
        m->events[i].pid = pid;
        m->events[i].tid = tid;
        m->events[i].comm = comm;
    }
}

struct odd {
    double more_writes, execs, errors; /* chance of each, in a round */
    uint64_t times;                    /* as long; 0: once */
};

/* About n events of rounds "read, sometimes write, close" by two threads. */
static inline void fill(struct made *m, size_t n, uint64_t seed, const struct odd *odd)
{
    struct stg_rng rng;
    stg_rng_seed(&rng, seed);
    m->n = 0;
    while (m->n + 16 < n) {
        const int32_t tid = 100 + (int32_t)stg_rng_below(&rng, 2);
        const uint64_t times = odd->times > 0 ? odd->times : 1;
        put(m, tid, READ,
            (double)stg_rng_below(&rng, 1000) < 1000 * odd->errors ? -5 : 100 + (int64_t)stg_rng_below(&rng, 20),
            (1000 + stg_rng_below(&rng, 300)) * times);
        if (stg_rng_below(&rng, 2) == 0 || (double)stg_rng_below(&rng, 1000) < 1000 * odd->more_writes) {
            put(m, tid, WRITE, 60, 900 + stg_rng_below(&rng, 300));
        }
        if ((double)stg_rng_below(&rng, 1000) < 1000 * odd->execs) {
            put(m, tid, EXECVE, -13, 5000);
        }
        put(m, tid, FUTEX, 0, (2000 + stg_rng_below(&rng, 300)) * times * times);
        put(m, tid, CLOSE, 0, 400 + stg_rng_below(&rng, 100));
    }
}

/* Two sides made one after the other, and what differs. */
struct comparison {
    struct made made;
    struct stg_diff *diff;
    struct stg_diff_result result;
};

static inline void comparison_init(struct comparison *c)
{
    made_init(&c->made);
    must(stg_diff_new(&c->diff));
}

static inline void comparison_fini(struct comparison *c)
{
    stg_diff_result_fini(&c->result);
    stg_diff_free(c->diff);
    made_fini(&c->made);
}

/* Events first to n of those made. */
static inline void give(struct comparison *c, int side, size_t first, size_t n)
{
    must(stg_diff_add_events(c->diff, side, &c->made.source, c->made.events + first, n - first));
}

/* Borrowed from c. */
static inline const struct stg_diff_result *result_of(struct comparison *c, bool waits)
{
    struct stg_diff_settings s;
    stg_diff_settings_default(&s);
    s.waits = waits;
    must(stg_diff_compare(&c->result, c->diff, &s));
    return &c->result;
}

/* A of n events as they are, B of n_b events that are odd; c is the caller's to end. */
static inline const struct stg_diff_result *compare(struct comparison *c, size_t n, size_t n_b, const struct odd *odd,
                                                    bool waits)
{
    static const struct odd none;
    comparison_init(c);
    fill(&c->made, n, 1, &none);
    give(c, STG_DIFF_A, 0, c->made.n);
    fill(&c->made, n_b, 2, odd);
    give(c, STG_DIFF_B, 0, c->made.n);
    return result_of(c, waits);
}

/* After how many of 3,000 reads each comes (0: never). */
struct rhythm {
    int write, execve;
};

static inline void give_rhythm(struct comparison *c, int side, struct rhythm rhythm)
{
    c->made.n = 0;
    c->made.now_ns = 0;
    for (int i = 0; i < 3000; i++) {
        put(&c->made, 1, READ, 0, 100);
        if (i % rhythm.write == 0) {
            put(&c->made, 1, WRITE, 8, 100);
        }
        if (rhythm.execve > 0 && i % rhythm.execve == 0) {
            put(&c->made, 1, EXECVE, -13, 100);
        }
    }
    give(c, side, 0, c->made.n);
}

static inline const struct stg_diff_result *compare_rhythms(struct comparison *c,
                                                            const struct rhythm sides[STG_DIFF_SIDES])
{
    comparison_init(c);
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        give_rhythm(c, side, sides[side]);
    }
    return result_of(c, false);
}

/* The same with one more run that is as A. */
static inline const struct stg_diff_result *with_like(struct comparison *c, struct rhythm like)
{
    stg_diff_result_fini(&c->result);
    give_rhythm(c, STG_DIFF_LIKE, like);
    must(stg_diff_end_like(c->diff));
    return result_of(c, false);
}

static const char *call_of(const struct stg_diff_result *r, const struct stg_diff_row *row)
{
    return stg_strings_get(r->names->calls, row->call);
}

static inline const struct stg_diff_only *find_only(const struct stg_diff_result *r, const char *process,
                                                    const char *call)
{
    for (size_t i = 0; i < r->n_only; i++) {
        const struct stg_diff_only *o = &r->only[i];
        const bool same = o->kind == STG_DIFF_FILE ? false
                          : call == NULL           ? o->call == STG_TOKEN_START
                                                   : strcmp(stg_strings_get(r->names->calls, o->call), call) == 0;
        if (same && strcmp(stg_strings_get(r->names->procs, o->proc), process) == 0) {
            return o;
        }
    }
    return NULL;
}

static inline const struct stg_diff_row *find(const struct stg_diff_result *r, enum stg_diff_facet facet,
                                              const char *call)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->rows[i].facet == facet && strcmp(call_of(r, &r->rows[i]), call) == 0) {
            return &r->rows[i];
        }
    }
    return NULL;
}

#endif
