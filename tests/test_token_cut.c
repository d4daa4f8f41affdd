/* Cutter: rules, scopes, contexts, and what traces do that they should not. Synthetic events. */
#include "base/memory.h"
#include "base/rng.h"
#include "must.h"
#include "token/cut.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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
    int64_t time_ns[4096];
    char contexts[1024]; /* of the last sequence, per thread: "tid:call call|" */
};

static int set_up(void **state)
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

static int tear_down(void **state)
{
    struct bench *b = *state;
    stg_strings_free(b->names);
    stg_strings_free(b->comms);
    stg_vocab_fini(&b->vocab);
    test_free(b);
    return 0;
}

static uint32_t intern(struct stg_strings *s, const char *text)
{
    uint32_t id;
    must(stg_strings_put(s, text, strlen(text), &id));
    return id;
}

static struct stg_event *add(struct bench *b, uint64_t ts, int tid, enum stg_event_kind kind, const char *name)
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

static void enter(struct bench *b, uint64_t ts, int tid, uint64_t connection_state)
{
    struct stg_event *e = add(b, ts, tid, STG_EVENT_MARKER, "httpd:enter_event_handler");
    e->args[0] = connection_state;
    e->n_args = 1;
}

static void leave(struct bench *b, uint64_t ts, int tid)
{
    add(b, ts, tid, STG_EVENT_MARKER, "httpd:exit_event_handler");
}

static void entry(struct bench *b, uint64_t ts, int tid, const char *name)
{
    add(b, ts, tid, STG_EVENT_ENTRY, name);
}

static void back(struct bench *b, uint64_t ts, int tid, const char *name, int64_t ret)
{
    struct stg_event *e = add(b, ts, tid, STG_EVENT_EXIT, name);
    e->ret = ret;
    e->has |= STG_HAS_RET;
}

static enum stg_status take(void *context, const struct stg_seq *s)
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
static const char *cut(struct bench *b)
{
    struct stg_cutter *c = NULL;
    b->out[0] = '\0';
    must(stg_cutter_new(&c, &b->recipe, &b->vocab, take, b));
    must(stg_cutter_begin(c, 0, b->names, b->comms));
    must(stg_cutter_put(c, b->events, b->n / 2));
    must(stg_cutter_put(c, b->events + b->n / 2, b->n - b->n / 2));
    must(stg_cutter_finish(c));
    stg_cutter_counts(c, &b->counts);
    stg_cutter_free(c);
    return b->out;
}

/* Two requests that overlap; another process works beside them. */
static void two_requests(struct bench *b)
{
    entry(b, 1, 100, "before");
    enter(b, 10, 11, 1);
    entry(b, 11, 11, "read");
    enter(b, 12, 12, 1);
    entry(b, 13, 100, "poll");
    back(b, 14, 11, "read", 5);
    leave(b, 15, 11);
    entry(b, 16, 12, "write");
    leave(b, 20, 12);
    entry(b, 21, 11, "after");
}

static void test_requests_overlap_and_hold_all_threads(void **state)
{
    struct bench *b = *state;
    two_requests(b);
    assert_string_equal(cut(b), "11:read,poll,read'|12:poll,read',write");
    assert_int_equal(b->counts.n_sequences, 2);
    assert_int_equal(b->counts.n_events, 6);
    assert_int_equal(b->last.begin_ns, 12);
    assert_int_equal(b->last.end_ns, 20);
    assert_int_equal(b->last.n_threads, 3);
    assert_int_equal(b->time_ns[0], 1);
    assert_int_equal(b->time_ns[2], 4);
    /* Only names of delivered sequences enter the vocabulary, in order of appearance. */
    assert_int_equal(stg_strings_count(b->vocab.calls), STG_TOKEN_SPECIALS + 3);
    assert_string_equal(stg_strings_get(b->vocab.calls, STG_TOKEN_SPECIALS), "read");
    assert_string_equal(stg_strings_get(b->vocab.procs, STG_TOKEN_SPECIALS), "main");
    assert_string_equal(stg_strings_get(b->vocab.procs, STG_TOKEN_SPECIALS + 1), "other");
}

static void test_scope_process_and_thread(void **state)
{
    struct bench *b = *state;
    two_requests(b);
    b->recipe.scope = STG_SCOPE_PROCESS;
    assert_string_equal(cut(b), "11:read,read'|12:read',write");
    b->recipe.scope = STG_SCOPE_THREAD;
    assert_string_equal(cut(b), "11:read,read'|12:write");
}

static void test_skipped_states_and_first_second(void **state)
{
    struct bench *b = *state;
    enter(b, 100, 11, 6); /* starts the clock of skip_first, though it is no request */
    entry(b, 101, 11, "test");
    leave(b, 102, 11);
    enter(b, 199, 11, 1); /* too early */
    entry(b, 201, 11, "early");
    leave(b, 203, 11);
    enter(b, 200, 12, 1);
    entry(b, 204, 12, "late");
    leave(b, 205, 12);
    enter(b, 206, 12, 7);
    leave(b, 207, 12);
    b->recipe.skip_first_ns = 100;
    assert_string_equal(cut(b), "12:late");
    assert_int_equal(b->counts.n_skipped, 3);
    assert_int_equal(b->counts.n_unmatched_end, 0);
    assert_int_equal(b->counts.n_backward, 1);
}

static void test_open_reopened_and_unmatched(void **state)
{
    struct bench *b = *state;
    leave(b, 1, 11);
    enter(b, 2, 11, 1);
    entry(b, 3, 11, "lost");
    enter(b, 4, 11, 1);
    entry(b, 5, 11, "kept");
    leave(b, 6, 11);
    enter(b, 7, 12, 1);
    entry(b, 8, 12, "open");
    assert_string_equal(cut(b), "11:kept");
    assert_int_equal(b->counts.n_unmatched_end, 1);
    assert_int_equal(b->counts.n_reopened, 1);
    assert_int_equal(b->counts.n_open, 1);
    assert_int_equal(stg_strings_count(b->vocab.calls), STG_TOKEN_SPECIALS + 1);
}

static void test_only_confirmed_requests_are_kept(void **state)
{
    struct bench *b = *state;
    snprintf(b->recipe.confirm, sizeof b->recipe.confirm, "served");
    add(b, 0, 11, STG_EVENT_MARKER, "served"); /* nothing is open yet */
    enter(b, 1, 11, 1);
    entry(b, 2, 11, "handshake");
    leave(b, 3, 11);
    enter(b, 4, 11, 1);
    enter(b, 5, 12, 1);
    add(b, 6, 11, STG_EVENT_MARKER, "served"); /* of thread 11 alone */
    add(b, 7, 11, STG_EVENT_MARKER, "served");
    entry(b, 8, 11, "answer");
    leave(b, 9, 11);
    leave(b, 10, 12);
    assert_string_equal(cut(b), "11:answer");
    assert_int_equal(b->counts.n_skipped, 2);
    assert_int_equal(stg_strings_count(b->vocab.calls), STG_TOKEN_SPECIALS + 1); /* "handshake" is not in it */
}

static void test_long_requests_are_confirmed_by_then_or_dropped(void **state)
{
    struct bench *b = *state;
    snprintf(b->recipe.confirm, sizeof b->recipe.confirm, "served");
    b->recipe.max_len = 3;
    enter(b, 1, 11, 1);
    add(b, 2, 11, STG_EVENT_MARKER, "served");
    enter(b, 3, 12, 1);
    for (uint64_t i = 0; i < 5; i++) {
        entry(b, 4 + i, 13, "a");
    }
    add(b, 10, 12, STG_EVENT_MARKER, "served"); /* too late */
    leave(b, 11, 12);
    leave(b, 12, 11);
    assert_string_equal(cut(b), "11:a,a,a");
    assert_int_equal(b->counts.n_skipped, 1);
    assert_int_equal(b->last.flags, STG_SEQ_TRUNCATED);
}

static void test_lost_events_mark_what_is_open(void **state)
{
    struct bench *b = *state;
    enter(b, 1, 11, 1);
    leave(b, 2, 11);
    enter(b, 3, 11, 1);
    struct stg_event *e = add(b, 4, 0, STG_EVENT_LOST, "lost");
    e->n_lost = 7;
    leave(b, 5, 11);
    assert_string_equal(cut(b), "11:|11:");
    assert_int_equal(b->last.n_lost, 7);
    assert_int_equal(b->counts.n_lost, 7);
    assert_int_equal(b->counts.n_gaps, 1);
}

static void test_backward_and_equal_times(void **state)
{
    struct bench *b = *state;
    enter(b, 100, 11, 1);
    entry(b, 110, 11, "a");
    back(b, 105, 11, "a", 0);
    entry(b, 110, 11, "b");
    back(b, UINT64_MAX, 11, "b", -11);
    leave(b, 90, 11);
    assert_string_equal(cut(b), "11:a,a',b,b'");
    assert_int_equal(b->time_ns[0], 10);
    assert_int_equal(b->time_ns[1], 10);
    assert_int_equal(b->time_ns[2], 10);
    assert_int_equal(b->time_ns[3], STG_TIME_MAX - 100);
    assert_int_equal(b->last.end_ns, STG_TIME_MAX);
    assert_int_equal(b->counts.n_backward, 2);
}

static void test_entries_and_exits_that_do_not_pair(void **state)
{
    struct bench *b = *state;
    back(b, 1, 11, "read", 0); /* under way when the recording began */
    entry(b, 2, 11, "a");
    entry(b, 3, 11, "b");   /* a has no exit */
    back(b, 4, 11, "c", 0); /* neither has b */
    entry(b, 5, 11, "d");   /* runs on */
    cut(b);
    assert_int_equal(b->counts.n_orphan_exits, 2);
    assert_int_equal(b->counts.n_unfinished, 3);
}

static void test_contexts_are_those_before_the_beginning(void **state)
{
    struct bench *b = *state;
    b->recipe.n_context = 2;
    entry(b, 1, 100, "poll");
    entry(b, 2, 11, "x");
    entry(b, 3, 11, "y");
    entry(b, 4, 11, "z");
    enter(b, 10, 11, 1);
    entry(b, 11, 11, "read");
    enter(b, 12, 12, 1);
    back(b, 13, 11, "read", 1);
    entry(b, 14, 100, "poll");
    entry(b, 15, 12, "write");
    leave(b, 20, 11);
    assert_string_equal(cut(b), "11:read,read',poll,write");
    /* y and z occur in no sequence: they do not enter the vocabulary. */
    assert_string_equal(b->contexts, "11:[UNKNOWN] [UNKNOWN] |100:poll |12:|");
    leave(b, 21, 12);
    /* The same thread, seen from the later request: what the first one had belongs to its past. */
    assert_string_equal(cut(b), "11:read,read',poll,write|12:read',poll,write");
    assert_string_equal(b->contexts, "11:[UNKNOWN] read |100:poll |12:|");
}

static void test_thread_cut_follows_lives(void **state)
{
    struct bench *b = *state;
    b->recipe.cut = STG_CUT_THREAD;
    entry(b, 1, 11, "a");
    entry(b, 2, 12, "b");
    entry(b, 3, 11, "exit");
    entry(b, 4, 11, "again"); /* the number is given to another thread */
    assert_string_equal(cut(b), "11:a,exit|12:b|11:again");
    b->recipe.cut = STG_CUT_PROCESS;
    assert_string_equal(cut(b), "0:a,b,exit,again");
}

static void test_windows_per_scope(void **state)
{
    struct bench *b = *state;
    b->recipe.cut = STG_CUT_WINDOW;
    b->recipe.window = 2;
    entry(b, 1, 11, "a");
    entry(b, 2, 100, "b");
    entry(b, 3, 11, "c");
    entry(b, 4, 100, "d");
    entry(b, 5, 11, "e");
    assert_string_equal(cut(b), "0:a,b|0:c,d");
    b->recipe.scope = STG_SCOPE_THREAD;
    assert_string_equal(cut(b), "11:a,c|100:b,d");
}

static void test_accept_to_close(void **state)
{
    struct bench *b = *state;
    b->recipe.cut = STG_CUT_ACCEPT;
    b->recipe.scope = STG_SCOPE_THREAD;
    back(b, 1, 11, "accept4", 7);
    entry(b, 2, 11, "read");
    back(b, 3, 11, "accept4", -11);
    back(b, 4, 11, "accept4", 8);
    entry(b, 5, 11, "close");
    b->events[b->n - 1].args[0] = UINT64_C(0xdead00000007); /* garbage in the upper half */
    b->events[b->n - 1].n_args = 1;
    entry(b, 6, 11, "shutdown");
    b->events[b->n - 1].args[0] = 8;
    b->events[b->n - 1].n_args = 1;
    assert_string_equal(cut(b), "11:accept4',read,accept4',accept4',close|11:accept4',close,shutdown");
}

/* What a sequence of the last n_in calls says of the machine's load, by its definition. NAN: nothing. */
static void load_by_definition(const struct bench *b, size_t n_calls, size_t n_in, double out[3])
{
    double n = 0, ln_runnable = 0, alone = 0, n_placed = 0, stayed = 0, weight = 1;
    for (size_t seen = 0, k = b->n; k-- > 0;) { /* from the last */
        const struct stg_event *e = &b->events[k];
        if (e->kind == STG_EVENT_MARKER) {
            continue;
        }
        weight = seen++ <= n_in ? 1 : weight * (1 - 1.0 / STG_SEQ_LOAD_EVENTS);
        if ((e->has & STG_HAS_RUNNABLE) != 0) {
            n += weight;
            ln_runnable += weight * log(e->runnable > STG_EVENT_MOST_RUNNABLE ? STG_EVENT_MOST_RUNNABLE : e->runnable);
            alone += e->runnable == 1 ? weight : 0;
        }
        const struct stg_event *before = NULL;
        for (size_t i = k; i-- > 0 && before == NULL;) {
            const struct stg_event *x = &b->events[i];
            before = x->tid == e->tid && x->kind != STG_EVENT_MARKER && (x->has & STG_HAS_CPU) != 0 ? x : NULL;
        }
        if ((e->has & STG_HAS_CPU) != 0 && before != NULL) {
            n_placed += weight;
            stayed += before->cpu == e->cpu ? weight : 0;
        }
    }
    assert_true(n_calls > n_in);
    out[0] = n >= STG_SEQ_LOAD_LEAST ? exp(ln_runnable / n) : 0;
    out[1] = n >= STG_SEQ_LOAD_LEAST ? alone / n : 0;
    out[2] = n_placed >= STG_SEQ_LOAD_LEAST ? stayed / n_placed : 0;
}

/* How many threads could run and how often they changed the CPU, in the whole trace around a sequence. */
static void test_load_around(void **state)
{
    static const struct {
        size_t n_before, n_in;
        bool queue, place; /* the trace tells */
    } cases[] = {{900, 20, true, true},  {1100, 20, true, true}, {3000, 20, true, true},  {3000, 0, true, true},
                 {20, 3000, true, true}, {3000, 5, false, true}, {3000, 5, true, false}, {3000, 5, false, false}};
    struct bench *b = *state;
    struct stg_rng rng;
    stg_rng_seed(&rng, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t n_calls = cases[i].n_before + cases[i].n_in;
        double expected[3];
        b->n = 0;
        for (size_t k = 0; k < n_calls; k++) {
            if (k == cases[i].n_before) {
                enter(b, k, 11, 1);
            }
            entry(b, k, k % 3 == 0 ? 11 : 21, "r"); /* another process's events count, too */
            struct stg_event *e = &b->events[b->n - 1];
            e->runnable = (uint8_t)(k < 2000 ? 1 + stg_rng_below(&rng, 3) : stg_rng_below(&rng, 2) * 39 + 1);
            e->cpu = stg_rng_below(&rng, k < 2000 ? 40 : 4) == 0;
            e->has |= (cases[i].queue && k % 7 != 0 ? STG_HAS_RUNNABLE : 0) | (cases[i].place && k % 5 != 0 ? STG_HAS_CPU : 0);
        }
        if (cases[i].n_in == 0) {
            enter(b, n_calls, 11, 1);
        }
        leave(b, n_calls, 11);
        b->recipe.scope = STG_SCOPE_THREAD;
        cut(b);
        assert_int_equal(b->counts.n_sequences, 1);
        load_by_definition(b, n_calls, cases[i].n_in, expected);
        assert_true((expected[0] > 0) == (cases[i].queue && n_calls > 1000 + STG_SEQ_LOAD_LEAST / 5));
        assert_true(fabs((double)b->last.runnable - expected[0]) < 1e-5);
        assert_true(fabs((double)b->last.alone - expected[1]) < 1e-5);
        assert_true(fabs((double)b->last.stayed - expected[2]) < 1e-5);
    }
}

/* A number that a new thread gets: where the thread before was is nothing to it. Threads that nobody tells apart are on every CPU. */
static void test_places_of_threads(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < 3000; i++) {
        entry(b, i, 11, i % 2 == 0 ? "read" : "exit");
        b->events[i].has |= STG_HAS_CPU;
        b->events[i].cpu = i % 4 >= 2; /* with each new one */
    }
    enter(b, 3000, 12, 1);
    leave(b, 3001, 12);
    cut(b);
    assert_true(b->last.stayed == 1);
    for (size_t i = 0; i < 3000; i++) {
        b->events[i].name = b->events[0].name;
    }
    cut(b);
    assert_true(fabs((double)b->last.stayed - 0.5) < 1e-3);
    for (size_t i = 0; i < 3000; i++) {
        b->events[i].has &= (uint16_t)~STG_HAS_TID;
    }
    cut(b);
    assert_true(b->last.stayed == 0);
}

/* What one trace tells is nothing to the next. */
static void test_load_of_each_trace(void **state)
{
    struct bench *b = *state;
    struct stg_cutter *c = NULL;
    for (size_t i = 0; i < 2000; i++) {
        entry(b, i, 12, "read");
        b->events[i].runnable = 2;
        b->events[i].has |= STG_HAS_RUNNABLE | STG_HAS_CPU;
    }
    enter(b, 2000, 11, 1);
    entry(b, 2001, 11, "read");
    leave(b, 2002, 11);
    must(stg_cutter_new(&c, &b->recipe, &b->vocab, take, b));
    must(stg_cutter_begin(c, 0, b->names, b->comms));
    must(stg_cutter_put(c, b->events, b->n));
    must(stg_cutter_finish(c));
    assert_true(fabs((double)b->last.runnable - 2) < 1e-6 && b->last.stayed == 1);
    must(stg_cutter_begin(c, 1, b->names, b->comms));
    must(stg_cutter_put(c, b->events + 2000, 3));
    must(stg_cutter_finish(c));
    stg_cutter_free(c);
    assert_int_equal(b->last.trace, 1);
    assert_true(b->last.runnable == 0 && b->last.stayed == 0 && b->last.workers == 0);
}

/* As many workers as make the events, however many others there are; by what they make, the later the more. */
static void test_workers(void **state)
{
    struct bench *b = *state;
    double weight[8] = {0}, sum = 0, entropy = 0;
    for (size_t i = 0; i < 4000; i++) {
        const size_t k = i % 10 < 7 ? 0 : 1 + i % 7; /* one works most */
        entry(b, i, i % 100 == 99 ? 200 : 11 + (int)k, "read"); /* a thread of another name */
        for (size_t j = 0; j < 8 && i % 100 != 99; j++) {
            weight[j] = weight[j] * (1 - 1.0 / STG_SEQ_LOAD_EVENTS) + (j == k);
        }
    }
    for (size_t j = 0; j < 8; j++) {
        sum += weight[j];
        entropy += weight[j] > 0 ? weight[j] * log(weight[j]) : 0;
    }
    enter(b, 4000, 11, 1);
    leave(b, 4001, 11);
    cut(b);
    assert_true(fabs((double)b->last.workers - exp(log(sum) - entropy / sum)) < 1e-4);
    assert_true(b->last.workers > 1 && b->last.workers < 8);
    for (size_t i = 0; i < 4000; i++) { /* all alike */
        b->events[i].tid = 11 + (int)(i % 8);
        b->events[i].comm = b->events[0].comm;
    }
    cut(b);
    assert_true(fabs((double)b->last.workers - 8) < 1e-3);
    for (size_t i = 3000; i < 4000; i++) { /* one takes another name: it leaves the group, and comes back as a new one */
        b->events[i].comm = b->events[i].tid == 18 ? intern(b->comms, "other") : b->events[0].comm;
    }
    cut(b);
    assert_true(fabs((double)b->last.workers - 7) < 1e-3);
    b->n = 1000; /* too few */
    enter(b, 4000, 11, 1);
    leave(b, 4001, 11);
    cut(b);
    assert_true(b->last.workers == 0);
}

/* Of a long trace: weights are made small again, which changes nothing. */
static void test_workers_of_a_long_trace(void **state)
{
    struct bench *b = *state;
    struct stg_cutter *c = NULL;
    for (size_t i = 0; i < 4000; i++) {
        entry(b, 1, 11 + (int)(i % 5), "read");
    }
    enter(b, 1, 11, 1);
    leave(b, 1, 11);
    must(stg_cutter_new(&c, &b->recipe, &b->vocab, take, b));
    must(stg_cutter_begin(c, 0, b->names, b->comms));
    for (size_t i = 0; i < 300; i++) { /* 1.2 million events */
        must(stg_cutter_put(c, b->events, 4000));
    }
    for (size_t i = 0; i < 100; i++) { /* two of the five go on: the others are forgotten */
        for (size_t k = 0; k < 4000 && i == 0; k++) {
            b->events[k].tid = 11 + (int)(k % 2);
        }
        must(stg_cutter_put(c, b->events, 4000));
    }
    must(stg_cutter_put(c, b->events + 4000, 2));
    must(stg_cutter_finish(c));
    stg_cutter_free(c);
    assert_true(fabs((double)b->last.workers - 2) < 1e-4);
}

static void test_given_sequences(void **state)
{
    struct bench *b = *state;
    b->recipe.cut = STG_CUT_GIVEN;
    b->recipe.n_context = 4;
    for (uint64_t i = 0; i < 2; i++) {
        add(b, 10 - i * 10, 0, STG_EVENT_BEGIN, "begin")->has = 0;
        entry(b, 11 - i * 10, 0, i == 0 ? "a" : "b");
        add(b, 12 - i * 10, 0, STG_EVENT_END, "end");
    }
    assert_string_equal(cut(b), "0:a|0:b");
    assert_int_equal(b->time_ns[0], 1);
    assert_int_equal(b->last.flags, STG_SEQ_NO_TIME);
    assert_null(b->last.context_offset);
}

static void test_long_sequences_are_cut_off(void **state)
{
    struct bench *b = *state;
    b->recipe.max_len = 3;
    enter(b, 1, 11, 1);
    for (uint64_t i = 0; i < 5; i++) {
        entry(b, 2 + i, 11, "a");
    }
    enter(b, 8, 12, 1);
    leave(b, 9, 11);
    for (uint64_t i = 0; i < 3; i++) {
        entry(b, 10 + i, 12, "b");
    }
    leave(b, 20, 12);
    assert_string_equal(cut(b), "11:a,a,a|12:b,b,b");
    assert_int_equal(b->counts.n_truncated, 1);
    assert_int_equal(b->counts.n_unmatched_end, 0);
    assert_int_equal(b->last.flags, 0);
}

static void test_frozen_vocabulary(void **state)
{
    struct bench *b = *state;
    uint16_t id;
    must(stg_vocab_call(&b->vocab, "read", &id));
    b->vocab.frozen = true;
    enter(b, 1, 11, 1);
    entry(b, 2, 11, "read");
    entry(b, 3, 11, "[START]");
    entry(b, 4, 11, "new");
    leave(b, 5, 11);
    assert_string_equal(cut(b), "11:read,[UNKNOWN],[UNKNOWN]");
    assert_int_equal(b->counts.n_unknown, 2);
}

static void test_extended_vocabulary(void **state)
{
    struct bench *b = *state;
    uint16_t id;
    must(stg_vocab_call(&b->vocab, "read", &id));
    stg_vocab_extend(&b->vocab);
    enter(b, 1, 11, 1);
    entry(b, 2, 11, "read");
    entry(b, 3, 11, "[START]");
    entry(b, 4, 11, "new");
    leave(b, 5, 11);
    assert_string_equal(cut(b), "11:read,[UNKNOWN],new");
    assert_int_equal(b->counts.n_unknown, 2); /* unknown to what it extends */
}

static void test_ids_that_are_none(void **state)
{
    struct bench *b = *state;
    enter(b, 1, 11, 1);
    entry(b, 2, 11, "x");
    b->events[b->n - 1].name = 999;
    b->events[b->n - 1].comm = 999;
    entry(b, 3, 11, "x");
    b->events[b->n - 1].name = STG_NAME_NONE;
    b->events[b->n - 1].comm = STG_NAME_NONE;
    b->events[b->n - 1].kind = 77;
    leave(b, 4, 11);
    assert_string_equal(cut(b), "11:[UNKNOWN]");
    assert_int_equal(b->last.n_threads, 1);
}

static void test_each_trace_has_its_own_ids(void **state)
{
    struct bench *b = *state;
    struct stg_cutter *c = NULL;
    enter(b, 1, 11, 1);
    entry(b, 2, 11, "read");
    leave(b, 3, 11);
    must(stg_cutter_new(&c, &b->recipe, &b->vocab, take, b));
    must(stg_cutter_begin(c, 0, b->names, b->comms));
    must(stg_cutter_put(c, b->events, b->n));
    struct stg_strings *other = NULL;
    must(stg_strings_new(&other));
    intern(other, "httpd:enter_event_handler");
    intern(other, "write"); /* where the first trace has "read" */
    intern(other, "httpd:exit_event_handler");
    must(stg_cutter_begin(c, 1, other, b->comms));
    must(stg_cutter_put(c, b->events, b->n));
    must(stg_cutter_finish(c));
    assert_string_equal(b->out, "11:read|11:write");
    assert_int_equal(b->last.trace, 1);
    assert_int_equal(b->last.id, 1);
    stg_cutter_free(c);
    stg_strings_free(other);
}

struct tally {
    size_t n, events, truncated;
};

static enum stg_status count(void *context, const struct stg_seq *s)
{
    struct tally *tally = context;
    tally->n++;
    tally->events += s->n;
    tally->truncated += (s->flags & STG_SEQ_TRUNCATED) != 0;
    return STG_OK;
}

/* Eight threads of 3000 events each need 768 KiB; they get 256. */
static void test_bounded_memory(void **state)
{
    struct bench *b = *state;
    struct stg_cutter *c = NULL;
    struct tally tally = {0};
    b->recipe.cut = STG_CUT_THREAD;
    for (int i = 0; i < 8; i++) {
        entry(b, 1, 11 + i, "a");
    }
    must(stg_cutter_new(&c, &b->recipe, &b->vocab, count, &tally));
    stg_cutter_limit(c, (size_t)256 << 10);
    must(stg_cutter_begin(c, 0, b->names, b->comms));
    for (int i = 0; i < 3000; i++) {
        must(stg_cutter_put(c, b->events, b->n));
    }
    must(stg_cutter_finish(c));
    stg_cutter_counts(c, &b->counts);
    assert_int_equal(tally.n, 8);
    assert_true(tally.truncated > 0);
    assert_int_equal(b->counts.n_truncated, tally.truncated);
    assert_true(tally.events > 4000 && tally.events < 24000);
    stg_cutter_free(c);
}

/* More threads than there is room for contexts: those who have had theirs longest lose it, nobody gets another's. */
static void test_bounded_contexts(void **state)
{
    struct bench *b = *state;
    struct stg_cutter *c = NULL;
    b->recipe.n_context = 255;
    entry(b, 1, 11, "x");
    entry(b, 2, 12, "y");
    entry(b, 3, 13, "z");
    enter(b, 4, 11, 1);
    entry(b, 5, 13, "z");
    entry(b, 6, 11, "x");
    entry(b, 7, 12, "y");
    leave(b, 8, 11);
    must(stg_cutter_new(&c, &b->recipe, &b->vocab, take, b));
    stg_cutter_limit(c, 2 * 2 * 255 * 32); /* room for two threads */
    must(stg_cutter_begin(c, 0, b->names, b->comms));
    must(stg_cutter_put(c, b->events, b->n));
    must(stg_cutter_finish(c));
    stg_cutter_free(c);
    assert_string_equal(b->out, "11:z,x,y");
    assert_string_equal(b->contexts, "13:z |11:|12:|");
}

/* Every allocation fails in turn: an error, no crash, nothing leaked. */
static void test_failing_allocations(void **state)
{
    struct bench *b = *state;
    b->recipe.n_context = 2;
    two_requests(b);
    for (uint64_t at = 1;; at++) {
        struct stg_cutter *c = NULL;
        b->out[0] = '\0';
        stg_mem_fail_at(at);
        enum stg_status status = stg_cutter_new(&c, &b->recipe, &b->vocab, take, b);
        status = status != STG_OK ? status : stg_cutter_begin(c, 0, b->names, b->comms);
        status = status != STG_OK ? status : stg_cutter_put(c, b->events, b->n);
        status = status != STG_OK ? status : stg_cutter_finish(c);
        stg_mem_fail_at(0);
        stg_cutter_free(c);
        if (status == STG_OK) {
            assert_true(at > 5);
            break;
        }
        assert_int_equal(status, STG_ERR_MEMORY);
    }
    assert_string_equal(b->out, "11:read,poll,read'|12:poll,read',write");
}

static void test_refused_recipes(void **state)
{
    struct bench *b = *state;
    struct stg_cutter *c = NULL;
    b->recipe.cut = STG_CUT_AUTO;
    assert_int_equal(stg_cutter_new(&c, &b->recipe, &b->vocab, take, b), STG_ERR_USAGE);
    b->recipe.cut = STG_CUT_WINDOW;
    b->recipe.window = 0;
    assert_int_equal(stg_cutter_new(&c, &b->recipe, &b->vocab, take, b), STG_ERR_USAGE);
    b->recipe.window = 5;
    b->recipe.max_len = 0;
    assert_int_equal(stg_cutter_new(&c, &b->recipe, &b->vocab, take, b), STG_ERR_USAGE);
    stg_recipe_default(&b->recipe);
    b->recipe.cut = STG_CUT_REQUEST;
    snprintf(b->recipe.confirm, sizeof b->recipe.confirm, "%s", b->recipe.end);
    assert_int_equal(stg_cutter_new(&c, &b->recipe, &b->vocab, take, b), STG_ERR_USAGE);
    assert_null(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_requests_overlap_and_hold_all_threads),
        TEST(test_scope_process_and_thread),
        TEST(test_skipped_states_and_first_second),
        TEST(test_open_reopened_and_unmatched),
        TEST(test_only_confirmed_requests_are_kept),
        TEST(test_long_requests_are_confirmed_by_then_or_dropped),
        TEST(test_lost_events_mark_what_is_open),
        TEST(test_backward_and_equal_times),
        TEST(test_entries_and_exits_that_do_not_pair),
        TEST(test_contexts_are_those_before_the_beginning),
        TEST(test_thread_cut_follows_lives),
        TEST(test_windows_per_scope),
        TEST(test_accept_to_close),
        TEST(test_load_around),
        TEST(test_places_of_threads), TEST(test_load_of_each_trace), TEST(test_workers), TEST(test_workers_of_a_long_trace), TEST(test_given_sequences),
        TEST(test_long_sequences_are_cut_off),
        TEST(test_frozen_vocabulary),
        TEST(test_extended_vocabulary),
        TEST(test_ids_that_are_none),
        TEST(test_each_trace_has_its_own_ids),
        TEST(test_bounded_memory),
        TEST(test_bounded_contexts),
        TEST(test_failing_allocations),
        TEST(test_refused_recipes),
    };
    return cmocka_run_group_tests_name("token cut", tests, NULL, NULL);
}
