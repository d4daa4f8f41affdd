#include "explain/diff.h"

#include "base/rng.h"
#include "event/syscalls.h"
#include "must.h"

#include <math.h>
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

static void made_init(struct made *m)
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

static void made_fini(struct made *m)
{
    stg_strings_free(m->source.names);
    stg_strings_free(m->source.comms);
    stg_strings_free(m->source.paths);
    free(m->events);
}

static void put(struct made *m, int32_t tid, uint32_t call, int64_t ret, uint64_t lasts)
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
static void rename_last(struct made *m, int32_t pid, int32_t tid, uint32_t comm)
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
static void fill(struct made *m, size_t n, uint64_t seed, const struct odd *odd)
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

static void comparison_init(struct comparison *c)
{
    made_init(&c->made);
    must(stg_diff_new(&c->diff));
}

static void comparison_fini(struct comparison *c)
{
    stg_diff_result_fini(&c->result);
    stg_diff_free(c->diff);
    made_fini(&c->made);
}

/* Events first to n of those made. */
static void give(struct comparison *c, int side, size_t first, size_t n)
{
    must(stg_diff_add_events(c->diff, side, &c->made.source, c->made.events + first, n - first));
}

/* Borrowed from c. */
static const struct stg_diff_result *result_of(struct comparison *c, bool waits)
{
    struct stg_diff_settings s;
    stg_diff_settings_default(&s);
    s.waits = waits;
    must(stg_diff_compare(&c->result, c->diff, &s));
    return &c->result;
}

/* A of n events as they are, B of n_b events that are odd; c is the caller's to end. */
static const struct stg_diff_result *compare(struct comparison *c, size_t n, size_t n_b, const struct odd *odd,
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

static void give_rhythm(struct comparison *c, int side, struct rhythm rhythm)
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

static const struct stg_diff_result *compare_rhythms(struct comparison *c, const struct rhythm sides[STG_DIFF_SIDES])
{
    comparison_init(c);
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        give_rhythm(c, side, sides[side]);
    }
    return result_of(c, false);
}

/* The same with one more run that is as A. */
static const struct stg_diff_result *with_like(struct comparison *c, struct rhythm like)
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

static const struct stg_diff_only *find_only(const struct stg_diff_result *r, const char *process, const char *call)
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

static const struct stg_diff_row *find(const struct stg_diff_result *r, enum stg_diff_facet facet, const char *call)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->rows[i].facet == facet && strcmp(call_of(r, &r->rows[i]), call) == 0) {
            return &r->rows[i];
        }
    }
    return NULL;
}

/* Another seed, and half as long: nothing has changed. */
static void test_same(void **state)
{
    (void)state;
    static const struct odd none;
    struct comparison c;
    const struct stg_diff_result *r = compare(&c, 16000, 8000, &none, true);
    assert_int_equal(r->n, 0);
    assert_false(r->too_short);
    assert_true(r->scale > 0.45 && r->scale < 0.55);
    comparison_fini(&c);
}

static void test_calls_and_transitions(void **state)
{
    (void)state;
    const struct odd odd = {.more_writes = 1, .execs = 0.05};
    struct comparison c;
    const struct stg_diff_result *r = compare(&c, 16000, 8000, &odd, false);
    const struct stg_diff_row *write = find(r, STG_DIFF_CALLS, "write");
    const struct stg_diff_only *exec = find_only(r, "web", "execve");
    assert_non_null(write);
    assert_true(write->ratio > 1.8 && write->ratio < 2.2);
    assert_true(write->z > 5);
    assert_non_null(exec);
    assert_null(find(r, STG_DIFF_CALLS, "execve"));
    assert_true(exec->side == STG_DIFF_B && exec->decides && exec->n_occasions > 10 && exec->n >= exec->n_occasions);
    assert_null(find(r, STG_DIFF_CALLS, "read"));
    assert_null(find(r, STG_DIFF_CALLS, "close"));
    assert_non_null(find(r, STG_DIFF_TRANSITIONS, "execve"));
    const struct stg_diff_row *refused = find(r, STG_DIFF_RESULTS, "execve");
    assert_non_null(refused);
    assert_int_equal(refused->other, 2 + 13);
    for (size_t i = 1; i < r->n; i++) { /* in order */
        assert_true(
            r->rows[i - 1].facet < r->rows[i].facet ||
            (r->rows[i - 1].facet == r->rows[i].facet && r->rows[i - 1].contribution >= r->rows[i].contribution));
    }
    comparison_fini(&c);
}

static void test_results(void **state)
{
    (void)state;
    const struct odd odd = {.errors = 0.1};
    struct comparison c;
    const struct stg_diff_result *r = compare(&c, 12000, 12000, &odd, false);
    assert_int_equal(r->n, 1);
    assert_int_equal(r->rows[0].facet, STG_DIFF_RESULTS);
    assert_string_equal(call_of(r, &r->rows[0]), "read");
    assert_int_equal(r->rows[0].other, 2 + 5);
    assert_int_equal(r->rows[0].size, 0);
    comparison_fini(&c);
}

/* Three times as long; a call that waits is told only when it is asked for. */
static void test_latencies(void **state)
{
    (void)state;
    const struct odd odd = {.times = 3};
    for (int waits = 0; waits < 2; waits++) {
        struct comparison c;
        const struct stg_diff_result *r = compare(&c, 12000, 12000, &odd, waits != 0);
        const struct stg_diff_row *read = find(r, STG_DIFF_LATENCIES, "read");
        assert_non_null(read);
        assert_true(read->ratio > 2.1 &&
                    read->ratio < 3.6); /* to a quarter of an octave, and the lesser of two quantiles */
        assert_true(read->median_ns[STG_DIFF_A] > 900 && read->median_ns[STG_DIFF_A] < 1400);
        assert_null(find(r, STG_DIFF_LATENCIES, "write"));
        assert_int_equal(find(r, STG_DIFF_LATENCIES, "futex") != NULL, waits);
        comparison_fini(&c);
    }
}

/* The contribution and the rates against a count by hand. */
static void test_by_hand(void **state)
{
    (void)state;
    const struct rhythm sides[] = {{4, 0}, {2, 0}}; /* B writes after every second read, A after every fourth */
    struct comparison c;
    const struct stg_diff_result *r = compare_rhythms(&c, sides);
    const struct stg_diff_row *write = find(r, STG_DIFF_CALLS, "write");
    assert_non_null(write);
    const double a = 750. / 3750, b = 1500. / 3750,
                 middle = (a + b) / 2; /* read is the commonest call, and as often on both sides */
    assert_true(fabs(r->scale - 1) < 1e-12);
    assert_true(fabs(write->contribution - (a * log2(a / middle) + b * log2(b / middle)) / 2) < 1e-12);
    assert_true(fabs(write->ratio - 2) < 1e-12);
    assert_true(fabs(write->rate[STG_DIFF_B] * r->n_units[STG_DIFF_B] - 1500) < 1e-6);
    assert_int_equal(r->n_calls[STG_DIFF_A], 3750);
    comparison_fini(&c);
}

/* Rates have one unit on both sides: calls, where one has no clock. */
static void test_one_clock(void **state)
{
    (void)state;
    for (int without = 0; without < STG_DIFF_SIDES; without++) {
        struct comparison c;
        comparison_init(&c);
        for (int side = 0; side < STG_DIFF_SIDES; side++) {
            c.made.n = 0;
            for (int i = 0; i < 6000; i++) {
                put(&c.made, 1, i % (side == STG_DIFF_A ? 5 : 3) == 0 ? WRITE : READ, 8, 100);
            }
            for (size_t i = 0; i < c.made.n && side == without; i++) {
                c.made.events[i].has &= (uint16_t)~STG_HAS_TIME;
            }
            give(&c, side, 0, c.made.n);
        }
        const struct stg_diff_row *write = find(result_of(&c, false), STG_DIFF_CALLS, "write");
        assert_non_null(write);
        assert_true(fabs(write->rate[STG_DIFF_A] - 1. / 5) < 1e-9 && fabs(write->rate[STG_DIFF_B] - 1. / 3) < 1e-9);
        comparison_fini(&c);
    }
}

/* What becomes less is a change as what becomes more is, and what is not there any more is gone. */
static void test_less(void **state)
{
    (void)state;
    const struct rhythm sides[] = {{2, 30}, {4, 0}}; /* half the writes, and no execve */
    struct comparison c;
    const struct stg_diff_result *r = compare_rhythms(&c, sides);
    const struct stg_diff_row *write = find(r, STG_DIFF_CALLS, "write");
    const struct stg_diff_only *gone = find_only(r, "web", "execve");
    assert_non_null(write);
    assert_true(fabs(write->ratio - 0.5) < 1e-12 && write->z < -5);
    assert_non_null(gone);
    assert_true(gone->side == STG_DIFF_A && gone->decides && gone->n == 100);
    assert_null(find(r, STG_DIFF_CALLS, "read"));
    assert_non_null(find(r, STG_DIFF_RESULTS, "execve"));
    assert_true(r->divergence[STG_DIFF_CALLS] >= write->contribution - 1e-12);
    comparison_fini(&c);
}

/* A burst in one place of B is no change: it is what the blocks are for. */
static void test_burst(void **state)
{
    (void)state;
    static const struct odd none;
    struct comparison c;
    comparison_init(&c);
    fill(&c.made, 8000, 1, &none);
    give(&c, STG_DIFF_A, 0, c.made.n);
    fill(&c.made, 8000, 2, &none);
    const size_t n = c.made.n, middle = n / 16 * 8;
    give(&c, STG_DIFF_B, 0, middle);
    for (size_t i = 0; i < 50; i++) {
        c.made.n = n;
        put(&c.made, 100, EXECVE, 0, 1000);
        give(&c, STG_DIFF_B, n, n + 2);
    }
    give(&c, STG_DIFF_B, middle, n);
    const struct stg_diff_result *r = result_of(&c, false);
    const struct stg_diff_only *exec = find_only(r, "web", "execve");
    assert_non_null(exec); /* told, all the same */
    assert_true(exec->n == 50 && exec->n_occasions == 1 && exec->chance >= 1 && !exec->decides);
    assert_false(r->changed);
    comparison_fini(&c);
}

/* Seven occasions are rare by chance, 1 in 64 times, but one call in five that are looked at (Holm); ten decide. */
static void test_occasions(void **state)
{
    (void)state;
    static const struct odd none;
    for (size_t occasions = 7; occasions <= 10; occasions += 3) {
        struct comparison c;
        comparison_init(&c);
        fill(&c.made, 8000, 1, &none);
        give(&c, STG_DIFF_A, 0, c.made.n);
        fill(&c.made, 8000, 2, &none);
        const size_t n = c.made.n;
        for (size_t i = 0; i < occasions; i++) {
            give(&c, STG_DIFF_B, n / occasions * i, i + 1 < occasions ? n / occasions * (i + 1) : n);
            c.made.n = n;
            put(&c.made, 100, EXECVE, 0, 1000);
            give(&c, STG_DIFF_B, n, n + 2);
        }
        const struct stg_diff_result *r = result_of(&c, false);
        const struct stg_diff_only *exec = find_only(r, "web", "execve");
        assert_non_null(exec);
        assert_int_equal(exec->n_occasions, occasions);
        assert_true(occasions > 7 || (exec->chance < 0.025 && exec->chance > 0.005));
        assert_int_equal(exec->decides, occasions == 10);
        comparison_fini(&c);
    }
}

/* Two equal sides; give_rare() adds to B, in its middle. */
static void begin_equal(struct comparison *c)
{
    static const struct odd none;
    comparison_init(c);
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        fill(&c->made, 8000, 1 + (uint64_t)side, &none);
        give(c, side, 0, c->made.n);
    }
}

/* Each of the first n rare calls once, by the process of the rest, in B. */
static void give_rare(struct comparison *c, uint32_t n)
{
    const size_t first = c->made.n;
    for (uint32_t i = 0; i < n; i++) {
        put(&c->made, 100, N_CALLS + i, 0, 1000);
    }
    give(c, STG_DIFF_B, first, c->made.n);
}

/* A program that only one side has is a change, though it made one call; the name of a thread is not. */
static void test_programs(void **state)
{
    (void)state;
    struct comparison c;
    begin_equal(&c);
    size_t first = c.made.n;
    put(&c.made, 100, READ, 0, 1000);
    rename_last(&c.made, 7, 200, WORKER);
    give(&c, STG_DIFF_B, first, c.made.n);
    const struct stg_diff_result *r = result_of(&c, false);
    const struct stg_diff_only *worker = find_only(r, "worker", NULL);
    assert_non_null(worker);
    assert_true(worker->kind == STG_DIFF_THREAD && worker->n_threads == 1 && !worker->decides);
    assert_false(r->changed);
    stg_diff_result_fini(&c.result);

    first = c.made.n;
    put(&c.made, 100, READ, 0, 1000);
    rename_last(&c.made, 300, 300, SHELL);
    give(&c, STG_DIFF_B, first, c.made.n);
    r = result_of(&c, false);
    const struct stg_diff_only *shell = find_only(r, "sh", NULL);
    assert_non_null(shell);
    assert_true(shell->kind == STG_DIFF_PROGRAM && shell->side == STG_DIFF_B && shell->n == 1 &&
                shell->n_processes == 1 && shell->decides);
    assert_ptr_equal(shell, r->only); /* programs come first */
    assert_true(r->changed && r->n_programs == 1 && r->n_deciding == 0);
    assert_null(find_only(r, "sh", "read")); /* its calls are the program's */
    comparison_fini(&c);
}

/* Eight sorts of call, each once, on one side only: equal runs hardly differ so. Three do. */
static void test_sorts(void **state)
{
    (void)state;
    for (uint32_t n = 3; n <= N_RARE; n += 5) {
        struct comparison c;
        begin_equal(&c);
        give_rare(&c, n);
        const struct stg_diff_result *r = result_of(&c, false);
        assert_int_equal(r->n_only, n);
        assert_int_equal(r->n_only_of[STG_DIFF_B], n);
        assert_int_equal(r->changed, n == N_RARE);
        assert_int_equal(r->n_deciding, n == N_RARE ? n : 0);
        assert_true(fabs(r->kinds_chance - 2 * pow(0.5, n)) < 0.01); /* as long as each other, nearly */
        comparison_fini(&c);
    }
}

/* As many sorts on the other side take that away; strictly, one is enough. */
static void test_sorts_of_both(void **state)
{
    (void)state;
    struct comparison c;
    begin_equal(&c);
    give_rare(&c, N_RARE / 2);
    const size_t first = c.made.n;
    for (uint32_t i = N_RARE / 2; i < N_RARE; i++) {
        put(&c.made, 100, N_CALLS + i, 0, 1000);
    }
    give(&c, STG_DIFF_A, first, c.made.n);
    const struct stg_diff_result *r = result_of(&c, false);
    assert_int_equal(r->n_only_of[STG_DIFF_A], N_RARE / 2);
    assert_true(r->kinds_chance > 0.9 && !r->changed);
    stg_diff_result_fini(&c.result);
    struct stg_diff_settings s;
    stg_diff_settings_default(&s);
    s.strict = true;
    must(stg_diff_compare(&c.result, c.diff, &s));
    assert_true(c.result.changed && c.result.n_deciding == N_RARE);
    comparison_fini(&c);
}

/* A call's file and the kind of its descriptor. */
static void test_objects(void **state)
{
    (void)state;
    struct comparison c;
    begin_equal(&c);
    c.made.n = 0;
    put(&c.made, 100, N_CALLS, 0, 1000);
    put(&c.made, 100, N_CALLS + 1, 0, 1000);
    c.made.events[0].has |= STG_HAS_PATH;
    c.made.events[2].has |= STG_HAS_FD;
    c.made.events[2].fd_kind = STG_FD_INET;
    give(&c, STG_DIFF_B, 0, c.made.n);
    const struct stg_diff_result *r = result_of(&c, false);
    const struct stg_diff_only *chdir = find_only(r, "web", "chdir"), *rename = find_only(r, "web", "rename");
    assert_non_null(chdir);
    assert_non_null(rename);
    assert_string_equal(chdir->path, "/tmp/evil");
    assert_true(chdir->fd_kinds == 0 && !chdir->more_paths && rename->path == NULL);
    assert_int_equal(rename->fd_kinds, UINT32_C(1) << STG_FD_INET);
    comparison_fini(&c);
}

/* Two execve at first, and one after each of the reads from first to last, of 3,000. */
static void give_phase(struct comparison *c, int side, int first, int last)
{
    c->made.n = 0;
    c->made.now_ns = 0;
    for (int i = 0; i < 3000; i++) {
        put(&c->made, 1, READ, 0, 100);
        put(&c->made, 1, CLOSE, 0, 100);
        for (int n = i == 0 ? 2 : i >= first && i<last; n> 0; n--) {
            put(&c->made, 1, EXECVE, -13, 100);
        }
        if (c->made.n + 16 > MAX_EVENTS || i == 2999) {
            give(c, side, 0, c->made.n);
            c->made.n = 0;
        }
    }
}

static const struct stg_diff_result *compare_phases(struct comparison *c, const int a[2], const int b[2])
{
    comparison_init(c);
    give_phase(c, STG_DIFF_A, a[0], a[1]);
    give_phase(c, STG_DIFF_B, b[0], b[1]);
    return result_of(c, false);
}

/* What one side hardly has, and the other has in a part of its run alone, where its halves and blocks differ by as much
 * as the sides do. */
static void test_part(void **state)
{
    (void)state;
    static const int none[2] = {0, 0}, parts[][2] = {{1500, 3000}, {0, 750}, {1000, 2000}};
    for (size_t i = 0; i < 2 * sizeof parts / sizeof parts[0]; i++) {
        const bool more = i % 2 != 0;
        struct comparison c;
        const struct stg_diff_result *r = compare_phases(&c, more ? none : parts[i / 2], more ? parts[i / 2] : none);
        const struct stg_diff_row *exec = find(r, STG_DIFF_CALLS, "execve");
        assert_non_null(exec);
        assert_true(more ? exec->ratio > 100 && exec->z >= 5 : exec->ratio < 0.01 && exec->z <= -5);
        assert_non_null(find(r, STG_DIFF_TRANSITIONS, "execve"));
        assert_non_null(find(r, STG_DIFF_RESULTS, "execve"));
        assert_null(find(r, STG_DIFF_CALLS, "read"));
        stg_diff_result_fini(&c.result);
        struct stg_diff_settings s;
        stg_diff_settings_default(&s);
        s.min_bits = 1; /* is not asked of it */
        must(stg_diff_compare(&c.result, c.diff, &s));
        assert_non_null(find(&c.result, STG_DIFF_CALLS, "execve"));
        comparison_fini(&c);
    }
}

/* A phase that comes at another time, and lasts a little longer, is none; nor is a burst, or what a run like A has. */
static void test_no_part(void **state)
{
    (void)state;
    static const int none[2] = {0, 0}, early[2] = {300, 1500}, late[2] = {1400, 3000}, burst[2] = {1000, 1100};
    struct comparison c;
    assert_false(compare_phases(&c, early, late)->changed);
    comparison_fini(&c);
    assert_false(compare_phases(&c, none, burst)->changed);
    comparison_fini(&c);
    assert_true(compare_phases(&c, none, late)->changed);
    stg_diff_result_fini(&c.result);
    give_phase(&c, STG_DIFF_LIKE, 100, 1300);
    must(stg_diff_end_like(c.diff));
    assert_false(result_of(&c, false)->changed);
    comparison_fini(&c);
}

static void put_fact(struct stg_strings *facts, const char *text)
{
    uint32_t id;
    must(stg_strings_put(facts, text, strlen(text), &id));
}

/* What the trace of a side says: its command has ended so, and all of it was recorded or not. */
static void give_facts(struct comparison *c, int side, const char *command, const char *end)
{
    struct stg_strings *facts = NULL;
    must(stg_strings_new(&facts));
    put_fact(facts, "hostname=here");
    put_fact(facts, command);
    put_fact(facts, end);
    const struct stg_source_info info = {.facts = facts};
    must(stg_diff_add_facts(c->diff, side, &info));
    stg_strings_free(facts);
}

/* A run of a command that failed early has the same rates as long as it goes, and less of everything. */
static void test_whole_runs(void **state)
{
    (void)state;
    static const struct odd none;
    struct comparison c;
    const struct stg_diff_result *r = compare(&c, 16000, 4000, &none, false);
    assert_false(r->changed);
    assert_true(r->total_ratio <= 0); /* of recordings that were stopped it means nothing */
    stg_diff_result_fini(&c.result);
    give_facts(&c, STG_DIFF_A, "command=exited 0", "recording_end=command-ended");
    give_facts(&c, STG_DIFF_B, "command=exited 0", "recording_end=stopped");
    r = result_of(&c, false);
    assert_false(r->changed);
    stg_diff_result_fini(&c.result);
    give_facts(&c, STG_DIFF_B, "command=exited 0", "recording_end=command-ended");
    r = result_of(&c, false);
    assert_true(r->changed && r->total_changed && !r->end_changed);
    assert_true(r->total_ratio > 0.24 && r->total_ratio < 0.26);
    stg_diff_result_fini(&c.result);
    give_facts(&c, STG_DIFF_B, "command=exited 2", "recording_end=stopped");
    r = result_of(&c, false);
    assert_true(r->changed && r->end_changed && !r->total_changed);
    assert_string_equal(r->run[STG_DIFF_B].ended, "exited 2");
    comparison_fini(&c);
}

/* A whole run has all that it ever does, so little is enough to miss something. */
static void test_short_runs(void **state)
{
    (void)state;
    static const struct odd none;
    struct comparison c;
    (void)compare(&c, 16000, 200, &none, false);
    stg_diff_result_fini(&c.result);
    give_facts(&c, STG_DIFF_A, "command=exited 0", "recording_end=command-ended");
    give_facts(&c, STG_DIFF_B, "command=exited 0", "recording_end=command-ended");
    put(&c.made, 300, READ, 0, 1000);
    rename_last(&c.made, 300, 300, SHELL);
    give(&c, STG_DIFF_A, c.made.n - 2, c.made.n);
    const struct stg_diff_result *r = result_of(&c, false);
    assert_true(r->too_short && r->changed && r->total_changed);
    assert_non_null(find_only(r, "sh", NULL));
    assert_int_equal(r->n, 0);
    comparison_fini(&c);
}

/* What a run like A differs in from A by as much as B does is not told; by a little, it is. */
static void test_like(void **state)
{
    (void)state;
    const struct rhythm sides[] = {{8, 0}, {2, 0}};
    struct comparison c;
    assert_non_null(find(compare_rhythms(&c, sides), STG_DIFF_CALLS, "write"));
    assert_non_null(find(with_like(&c, (struct rhythm){7, 0}), STG_DIFF_CALLS, "write"));
    const struct stg_diff_result *r = with_like(&c, (struct rhythm){2, 0});
    assert_null(find(r, STG_DIFF_CALLS, "write"));
    assert_int_equal(r->n_like, 2);
    assert_false(r->changed);
    comparison_fini(&c);
}

/* What is only in B is in no run like A; what is only in A is in all of them. */
static void test_like_and_only(void **state)
{
    (void)state;
    const struct rhythm more[] = {{4, 0}, {4, 30}}, less[] = {{4, 30}, {4, 0}};
    struct comparison c;
    (void)compare_rhythms(&c, more);
    const struct stg_diff_result *r = with_like(&c, (struct rhythm){4, 0});
    const struct stg_diff_only *exec = find_only(r, "web", "execve");
    assert_non_null(exec);
    const double share = (1. + 0) / 3; /* B's part of three equal runs */
    assert_true(fabs(exec->chance - pow(share, exec->n_occasions) - pow(1 - share, exec->n_occasions)) < 1e-6);
    r = with_like(&c, (struct rhythm){4, 30});
    assert_null(find_only(r, "web", "execve"));
    assert_false(r->changed);
    comparison_fini(&c);

    (void)compare_rhythms(&c, less);
    r = with_like(&c, (struct rhythm){4, 30});
    exec = find_only(r, "web", "execve");
    assert_non_null(exec);
    assert_true(exec->side == STG_DIFF_A && exec->decides && exec->n_occasions > 32); /* of both runs */
    r = with_like(&c, (struct rhythm){4, 0});
    assert_int_equal(r->n_only, 0);
    assert_false(r->changed);
    comparison_fini(&c);
}

/* Durations of the runs, and how they ended. */
static void test_like_durations_and_ends(void **state)
{
    (void)state;
    static const struct odd none;
    const struct odd odd = {.times = 3};
    struct comparison c;
    const struct stg_diff_result *r = compare(&c, 12000, 12000, &odd, false);
    assert_non_null(find(r, STG_DIFF_LATENCIES, "read"));
    give_facts(&c, STG_DIFF_A, "command=exited 0", "recording_end=command-ended");
    give_facts(&c, STG_DIFF_B, "command=exited 1", "recording_end=command-ended");
    for (int i = 0; i < 2; i++) { /* the second is as B */
        fill(&c.made, 12000, 3, i == 0 ? &none : &odd);
        give(&c, STG_DIFF_LIKE, 0, c.made.n);
        give_facts(&c, STG_DIFF_LIKE, i == 0 ? "command=exited 0" : "command=exited 1", "recording_end=command-ended");
        must(stg_diff_end_like(c.diff));
        stg_diff_result_fini(&c.result);
        r = result_of(&c, false);
        assert_int_equal(find(r, STG_DIFF_LATENCIES, "read") != NULL, i == 0);
        assert_int_equal(r->end_changed, i == 0);
        assert_int_equal(r->changed, i == 0);
    }
    comparison_fini(&c);
}

static void test_too_short(void **state)
{
    (void)state;
    static const struct odd none;
    struct comparison c;
    const struct stg_diff_result *r = compare(&c, 16000, 200, &none, false);
    assert_true(r->too_short);
    assert_int_equal(r->n, 0);
    comparison_fini(&c);
}

static void test_waiting_calls(void **state)
{
    (void)state;
    assert_true(stg_syscall_waits("accept"));
    assert_true(stg_syscall_waits("waitid"));
    assert_true(stg_syscall_waits("futex"));
    assert_false(stg_syscall_waits("write"));
    assert_false(stg_syscall_waits(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),          cmocka_unit_test(test_calls_and_transitions),
        cmocka_unit_test(test_results),       cmocka_unit_test(test_latencies),
        cmocka_unit_test(test_by_hand),       cmocka_unit_test(test_one_clock),
        cmocka_unit_test(test_less),          cmocka_unit_test(test_burst),
        cmocka_unit_test(test_occasions),     cmocka_unit_test(test_programs),
        cmocka_unit_test(test_sorts),         cmocka_unit_test(test_sorts_of_both),
        cmocka_unit_test(test_objects),       cmocka_unit_test(test_part),
        cmocka_unit_test(test_no_part),       cmocka_unit_test(test_whole_runs),
        cmocka_unit_test(test_short_runs),    cmocka_unit_test(test_like),
        cmocka_unit_test(test_like_and_only), cmocka_unit_test(test_like_durations_and_ends),
        cmocka_unit_test(test_too_short),     cmocka_unit_test(test_waiting_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
