/* Cutter: rules, scopes, contexts, and what traces do that they should not. Synthetic events. */
#include "token/cut_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "cut_bench.h"

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
    assert_int_equal(b->counts.n_covered, 4); /* "before" and "after" are in none */
    assert_int_equal(b->counts.n_stored, 6);
    assert_int_equal(b->counts.n_begins, 2);
    assert_int_equal(b->counts.n_ends, 2);
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

/* Where times count events, a second means nothing. */
static void test_first_second_needs_times(void **state)
{
    struct bench *b = *state;
    struct stg_cutter *c = NULL;
    static const enum stg_cut cuts[] = {STG_CUT_GIVEN, STG_CUT_REQUEST, STG_CUT_THREAD};
    b->recipe.skip_first_ns = 100;
    for (size_t i = 0; i < 3; i++) {
        b->n = 0;
        b->recipe.cut = cuts[i];
        enter(b, 1, 11, 1);
        b->events[0].kind = cuts[i] == STG_CUT_GIVEN ? STG_EVENT_BEGIN : STG_EVENT_MARKER;
        entry(b, 2, 11, "a");
        for (size_t k = 0; k < b->n; k++) {
            b->events[k].has &= (uint16_t)~STG_HAS_TIME;
        }
        must(stg_cutter_new(&c, &b->recipe, &b->vocab, NULL, NULL));
        must(stg_cutter_begin(c, 0, b->names, b->comms));
        assert_int_equal(stg_cutter_put(c, b->events, b->n), STG_ERR_USAGE);
        assert_non_null(strstr(stg_status_message(), "--skip-first"));
        stg_cutter_free(c);
    }
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
    assert_int_equal(b->counts.n_confirms, 3);
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

/* What begins while a gap lasts may miss some of it, what begins later none; gaps of two processors overlap. */
static void test_lost_events_mark_what_begins_among_them(void **state)
{
    struct bench *b = *state;
    enter(b, 1, 11, 1);
    struct stg_event *e = add(b, 2, 0, STG_EVENT_LOST, "lost");
    e->n_lost = 7;
    stg_event_set_gap_end(e, 8);
    leave(b, 3, 11);
    enter(b, 4, 12, 1);
    e = add(b, 5, 0, STG_EVENT_LOST, "lost");
    e->n_lost = 2;
    stg_event_set_gap_end(e, 6);
    leave(b, 5, 12);
    enter(b, 8, 13, 1);
    leave(b, 9, 13);
    enter(b, 9, 14, 1);
    leave(b, 10, 14);
    assert_string_equal(cut(b), "11:|12:|13:|14:");
    assert_int_equal(b->lost[0], 7);
    assert_int_equal(b->lost[1], 9);
    assert_int_equal(b->lost[2], 9); /* of an overlap the parts are not told apart */
    assert_int_equal(b->lost[3], 0);
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
    assert_int_equal(b->counts.n_relieved, tally.truncated);
    assert_true(tally.events > 4000 && tally.events < 24000);
    stg_cutter_free(c);
}

/* With 64 KiB, for which the events of one thread's number are put, n threads one after the other. */
static void cut_many(struct bench *b, int n, struct tally *tally)
{
    struct stg_cutter *c = NULL;
    *tally = (struct tally){0};
    must(stg_cutter_new(&c, &b->recipe, &b->vocab, count, tally));
    stg_cutter_limit(c, (size_t)64 << 10);
    must(stg_cutter_begin(c, 0, b->names, b->comms));
    for (int i = 0; i < n; i++) {
        for (size_t k = 0; k < b->n; k++) {
            b->events[k].tid = b->events[k].pid = 1 + i;
        }
        must(stg_cutter_put(c, b->events, b->n));
    }
    must(stg_cutter_finish(c));
    stg_cutter_counts(c, &b->counts);
    stg_cutter_free(c);
}

/* Each has 3,200 bytes of events. */
static void test_memory_of_what_is_over_is_free(void **state)
{
    struct bench *b = *state;
    struct tally tally;
    enter(b, 1, 0, 1);
    for (int i = 0; i < 99; i++) {
        entry(b, 2, 0, "a");
    }
    leave(b, 3, 0);
    entry(b, 4, 0, "exit");
    b->recipe.cut = STG_CUT_THREAD; /* threads that have exited */
    cut_many(b, 500, &tally);
    assert_int_equal(tally.events, 50000);
    assert_int_equal(tally.truncated, 0);
    b->recipe.max_len = 99; /* processes that are cut off already */
    b->recipe.cut = STG_CUT_PROCESS;
    cut_many(b, 500, &tally);
    assert_int_equal(tally.events, 49500);
    assert_int_equal(b->counts.n_truncated, 500);
    assert_int_equal(b->counts.n_relieved, 0);
    b->recipe.max_len = 65536; /* threads that have no request any more */
    b->recipe.cut = STG_CUT_REQUEST;
    b->recipe.scope = STG_SCOPE_THREAD;
    b->recipe.n_context = 4;
    cut_many(b, 500, &tally);
    assert_int_equal(tally.events, 49500);
    assert_int_equal(tally.truncated, 0);
}

/* Each event of many threads is one too many: who gives way is known without a look at all of them. */
static void test_many_threads_cost_few_steps(void **state)
{
    struct bench *b = *state;
    struct stg_cutter *c = NULL;
    struct tally tally = {0};
    const int n = 20000;
    entry(b, 1, 11, "a");
    b->recipe.cut = STG_CUT_THREAD;
    must(stg_cutter_new(&c, &b->recipe, &b->vocab, count, &tally));
    stg_cutter_limit(c, (size_t)16 << 10);
    must(stg_cutter_begin(c, 0, b->names, b->comms));
    for (int i = 0; i < 2 * n; i++) { /* each thread once, and then once more */
        b->events[0].tid = 1 + i % n;
        must(stg_cutter_put(c, b->events, 1));
        assert_true(c->bytes <= c->bound);
    }
    assert_true(c->n_steps > 0 && c->n_steps <= 2 * (uint64_t)n * CUT_HELD_LISTS);
    must(stg_cutter_finish(c));
    stg_cutter_counts(c, &b->counts);
    stg_cutter_free(c);
    assert_int_equal(tally.n, n);
    assert_true(tally.events >= n && tally.events < n + 100); /* those that were left go on */
    assert_int_equal(b->counts.n_relieved, tally.truncated);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_requests_overlap_and_hold_all_threads),
        TEST(test_scope_process_and_thread),
        TEST(test_skipped_states_and_first_second),
        TEST(test_first_second_needs_times),
        TEST(test_open_reopened_and_unmatched),
        TEST(test_only_confirmed_requests_are_kept),
        TEST(test_long_requests_are_confirmed_by_then_or_dropped),
        TEST(test_lost_events_mark_what_is_open),
        TEST(test_lost_events_mark_what_begins_among_them),
        TEST(test_backward_and_equal_times),
        TEST(test_entries_and_exits_that_do_not_pair),
        TEST(test_contexts_are_those_before_the_beginning),
        TEST(test_accept_to_close),
        TEST(test_given_sequences),
        TEST(test_long_sequences_are_cut_off),
        TEST(test_frozen_vocabulary),
        TEST(test_extended_vocabulary),
        TEST(test_ids_that_are_none),
        TEST(test_each_trace_has_its_own_ids),
        TEST(test_bounded_memory),
        TEST(test_memory_of_what_is_over_is_free),
        TEST(test_many_threads_cost_few_steps),
        TEST(test_bounded_contexts),
        TEST(test_failing_allocations),
        TEST(test_refused_recipes),
    };
    return cmocka_run_group_tests_name("token cut", tests, NULL, NULL);
}
