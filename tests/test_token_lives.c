/* Cutting a stream of events: threads and processes that begin, end and take other names, and windows. */
#include "token/cut_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "cut_bench.h"

static void test_thread_cut_follows_lives(void **state)
{
    struct bench *b = *state;
    b->recipe.cut = STG_CUT_THREAD;
    entry(b, 1, 11, "a");
    entry(b, 2, 12, "b");
    entry(b, 3, 11, "exit");
    entry(b, 4, 11, "again"); /* the number is given to another thread */
    assert_string_equal(cut(b), "11:a,exit|12:b|11:again");
    b->recipe.max_len = 1; /* a life that was cut off does not silence the next one */
    assert_string_equal(cut(b), "11:a|12:b|11:again");
    b->recipe.max_len = 100;
    b->recipe.cut = STG_CUT_PROCESS;
    assert_string_equal(cut(b), "0:a,b,exit,again");
}

static void gone(struct bench *b, uint64_t ts, int tid, uint64_t first, uint64_t second)
{
    struct stg_event *e = add(b, ts, tid, STG_EVENT_MARKER, "sched_process_exit");
    e->args[0] = first;
    e->args[1] = second;
    e->n_args = 2;
}

static void test_exit_group_ends_threads_and_process(void **state)
{
    struct bench *b = *state;
    b->recipe.cut = STG_CUT_THREAD;
    entry(b, 1, 11, "a");
    entry(b, 2, 12, "futex");
    entry(b, 3, 13, "b");
    back(b, 4, 13, "b", 0);
    entry(b, 5, 21, "x");
    entry(b, 6, 11, "exit_group");
    back(b, 7, 12, "futex", -4); /* its way out: part of no sequence */
    entry(b, 8, 21, "y");
    back(b, 9, 12, "clone", 0); /* another process has that number now */
    back(b, 10, 13, "b", 0);
    entry(b, 11, 12, "exit");
    assert_string_equal(cut(b), "11:a,exit_group|12:futex|13:b,b'|12:clone',exit|21:x,y|13:b'");
    assert_int_equal(b->counts.n_orphan_exits, 2);
    assert_int_equal(b->counts.n_unfinished, 3); /* a, x, y */
    b->recipe.cut = STG_CUT_PROCESS;
    assert_string_equal(cut(b), "0:a,futex,b,b',exit_group|0:x,y|0:clone',b',exit");
    b->events[5].has &= (uint16_t)~STG_HAS_PID; /* whose process is not known ends alone */
    assert_string_equal(cut(b), "0:a,futex,b,b',exit_group,futex',clone',b',exit|0:x,y");
}

static void test_exit_markers_end_threads_and_processes(void **state)
{
    struct bench *b = *state;
    b->recipe.cut = STG_CUT_THREAD;
    entry(b, 1, 11, "a");
    entry(b, 2, 12, "b");
    gone(b, 3, 12, 9, 0);
    entry(b, 4, 12, "c");
    gone(b, 5, 13, 9, 0);  /* which made no event */
    gone(b, 6, 11, 11, 1); /* LTTng's: thread and priority */
    entry(b, 7, 11, "d");
    gone(b, 8, 11, 0, 1); /* the last one of the process */
    entry(b, 9, 12, "e");
    assert_string_equal(cut(b), "12:b|11:a|11:d|12:c|12:e");
    assert_int_equal(b->counts.n_unfinished, 5);
    b->recipe.cut = STG_CUT_PROCESS;
    assert_string_equal(cut(b), "0:a,b,c,d|0:e");
}

/* From its first event on. */
static void test_a_thread_that_came_again_ends_with_its_process(void **state)
{
    struct bench *b = *state;
    b->recipe.cut = STG_CUT_THREAD;
    entry(b, 1, 12, "a");
    entry(b, 2, 11, "exit_group");
    entry(b, 3, 12, "b");
    entry(b, 4, 13, "exit_group");
    entry(b, 5, 12, "c");
    assert_string_equal(cut(b), "12:a|11:exit_group|12:b|13:exit_group|12:c");
}

static void test_thread_of_another_process_is_another(void **state)
{
    struct bench *b = *state;
    b->recipe.cut = STG_CUT_THREAD;
    entry(b, 1, 11, "a");
    entry(b, 2, 11, "b");
    b->events[1].pid = 7;
    for (uint64_t i = 0; i < 2; i++) { /* events that do not say are no others' */
        entry(b, 3, i == 0 ? 11 : 12, "c");
        b->events[b->n - 1].has &= (uint16_t)~STG_HAS_PID;
    }
    entry(b, 4, 12, "d");
    assert_string_equal(cut(b), "11:a|11:b,c|12:c,d");
}

/* The way out of a thread whose process is over is not the next one's that has the number. */
static void test_a_way_out_is_in_no_later_life(void **state)
{
    struct bench *b = *state;
    b->recipe.cut = STG_CUT_WINDOW;
    b->recipe.window = 4;
    b->recipe.scope = STG_SCOPE_PROCESS;
    entry(b, 1, 12, "futex");
    entry(b, 2, 11, "exit_group");
    entry(b, 3, 13, "a");
    entry(b, 4, 13, "b");
    entry(b, 5, 13, "c");
    entry(b, 6, 13, "d");
    back(b, 7, 12, "futex", -4);
    entry(b, 8, 13, "e");
    assert_string_equal(cut(b), "0:futex,exit_group|0:a,b,c,d,e");
    b->recipe.cut = STG_CUT_PROCESS;
    assert_string_equal(cut(b), "0:futex,exit_group|0:a,b,c,d,e");
}

/* As after exit(): neither what is open goes on, nor does another one have its past. */
static void test_requests_end_with_their_process(void **state)
{
    struct bench *b = *state;
    b->recipe.n_context = 2;
    entry(b, 1, 12, "poll");
    enter(b, 2, 12, 1);
    enter(b, 3, 100, 1);
    entry(b, 4, 11, "exit_group");
    back(b, 5, 12, "poll", -4); /* still the old one's, with its past */
    leave(b, 6, 100);
    leave(b, 7, 12);
    assert_string_equal(cut(b), "100:exit_group,poll'");
    assert_string_equal(b->contexts, "11:|12:poll |");
    assert_int_equal(b->counts.n_open, 1);
    assert_int_equal(b->counts.n_unmatched_end, 1);
    enter(b, 8, 100, 1);
    entry(b, 9, 12, "new");
    leave(b, 10, 100);
    assert_string_equal(cut(b), "100:exit_group,poll'|100:new");
    assert_string_equal(b->contexts, "12:|");
}

static void named(struct bench *b, uint64_t ts, int tid, const char *name, const char *comm)
{
    add(b, ts, tid, STG_EVENT_ENTRY, name)->comm = intern(b->comms, comm);
}

/* A shell's child that becomes another program is told by both names, and is one thread. */
static void test_a_thread_with_two_names(void **state)
{
    struct bench *b = *state;
    b->recipe.cut = STG_CUT_PROCESS;
    named(b, 1, 11, "read", "sh");
    named(b, 2, 12, "execve", "sh");
    assert_string_equal(cut(b), "0:read,execve");
    assert_string_equal(b->threads, "11 sh -1|12 sh -1|");
    back(b, 3, 12, "execve", 0);
    b->events[b->n - 1].comm = intern(b->comms, "curl");
    named(b, 4, 11, "wait4", "sh");
    named(b, 5, 12, "connect", "curl");
    add(b, 6, 12, STG_EVENT_ENTRY, "close")->has &= (uint16_t)~STG_HAS_COMM; /* says nothing */
    named(b, 7, 12, "write", "sh");
    named(b, 8, 12, "poll", "curl");
    named(b, 9, 11, "open", "dash");
    assert_string_equal(cut(b), "0:read,execve,execve',wait4,connect,close,write,poll,open");
    assert_string_equal(b->threads, "11 sh 0|12 sh 0|12 curl 1|11 dash 3|");
}

/* A thread that calls itself something else all the time does not make rows without end. */
static void test_a_thread_with_many_names(void **state)
{
    struct bench *b = *state;
    char comm[16];
    b->recipe.cut = STG_CUT_THREAD;
    for (uint64_t i = 0; i < 1000; i++) {
        snprintf(comm, sizeof comm, "n%u", (unsigned)i % 100);
        named(b, 1 + i, 11, "prctl", comm);
    }
    (void)cut(b);
    assert_int_equal(b->last.n, 1000);
    assert_int_equal(b->last.n_threads, 16);
}

/* What a thread did before the sequence is that of its first row. */
static void test_contexts_of_a_thread_with_two_names(void **state)
{
    struct bench *b = *state;
    b->recipe.n_context = 2;
    named(b, 1, 11, "before", "sh");
    enter(b, 2, 11, 1);
    named(b, 3, 11, "execve", "sh");
    named(b, 4, 11, "brk", "curl");
    leave(b, 5, 11);
    assert_string_equal(cut(b), "11:execve,brk");
    assert_string_equal(b->threads, "11 sh 0|11 curl 1|");
    assert_string_equal(b->contexts, "11:[UNKNOWN] |11:|");
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
    assert_string_equal(cut(b), "0:a,b|0:c,d|0:e");
    b->recipe.scope = STG_SCOPE_THREAD;
    assert_string_equal(cut(b), "11:a,c|100:b,d|11:e");
    assert_int_equal(b->counts.n_open, 0);
}

/* n events of a thread, of which the last is `exit` when it ends; cut into windows of four. */
static const char *windows_of(struct bench *b, size_t n, bool ends)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    b->n = 0;
    for (size_t i = 0; i < n; i++) {
        entry(b, 1 + i, 11, ends && i + 1 == n ? "exit" : names[i]);
    }
    b->recipe.cut = STG_CUT_WINDOW;
    b->recipe.window = 4;
    return cut(b);
}

static void test_the_last_window_is_kept(void **state)
{
    struct bench *b = *state;
    assert_string_equal(windows_of(b, 1, false), "0:a"); /* nothing that it could join */
    assert_string_equal(windows_of(b, 4, false), "0:a,b,c,d");
    assert_string_equal(windows_of(b, 5, false), "0:a,b,c,d,e"); /* less than half a window */
    assert_int_equal(b->last.flags, 0);
    assert_int_equal(b->last.end_ns, 5);
    assert_string_equal(windows_of(b, 6, false), "0:a,b,c,d|0:e,f");
    assert_string_equal(windows_of(b, 9, false), "0:a,b,c,d|0:e,f,g,h,i");
    assert_string_equal(windows_of(b, 10, false), "0:a,b,c,d|0:e,f,g,h|0:i,j");
    assert_int_equal(b->counts.n_sequences, 3);
    b->recipe.window = 1;
    assert_string_equal(cut(b), "0:a|0:b|0:c|0:d|0:e|0:f|0:g|0:h|0:i|0:j");
}

/* Its number may be given to another thread, which is no part of the window. */
static void test_a_threads_last_window_ends_with_it(void **state)
{
    struct bench *b = *state;
    b->recipe.scope = STG_SCOPE_THREAD;
    (void)windows_of(b, 5, true);
    entry(b, 10, 12, "x");
    entry(b, 11, 11, "y");
    assert_string_equal(cut(b), "11:a,b,c,d,exit|12:x|11:y");
}

static void test_a_full_window_is_that_of_its_last_event(void **state)
{
    struct bench *b = *state;
    (void)windows_of(b, 4, false);
    struct stg_event *e = add(b, 5, 0, STG_EVENT_LOST, "lost");
    e->n_lost = 7;
    assert_string_equal(cut(b), "0:a,b,c,d");
    assert_int_equal(b->last.n_lost, 0);
    entry(b, 6, 11, "e");
    assert_string_equal(cut(b), "0:a,b,c,d,e");
    assert_int_equal(b->last.n_lost, 7);
}

/* No window is cut off for a rest that is too long to join it. */
static void test_a_rest_beyond_the_bounds_stands_alone(void **state)
{
    struct bench *b = *state;
    b->recipe.max_len = 1; /* is at least the window */
    assert_string_equal(windows_of(b, 5, false), "0:a,b,c,d|0:e");
    assert_int_equal(b->counts.n_truncated, 0);
}

/* What a window knows of each thread before it, though two of them are one. */
static void test_contexts_of_joined_windows(void **state)
{
    struct bench *b = *state;
    b->recipe.n_context = 2;
    (void)windows_of(b, 4, false);
    entry(b, 10, 12, "p");
    entry(b, 11, 11, "q");
    entry(b, 12, 11, "r");
    entry(b, 13, 11, "s");
    entry(b, 14, 12, "t");
    assert_string_equal(cut(b), "0:a,b,c,d|0:p,q,r,s,t");
    assert_string_equal(b->contexts, "12:|11:c d |");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_thread_cut_follows_lives),
        TEST(test_exit_group_ends_threads_and_process),
        TEST(test_exit_markers_end_threads_and_processes),
        TEST(test_a_thread_that_came_again_ends_with_its_process),
        TEST(test_thread_of_another_process_is_another),
        TEST(test_a_way_out_is_in_no_later_life),
        TEST(test_requests_end_with_their_process),
        TEST(test_a_thread_with_two_names),
        TEST(test_a_thread_with_many_names),
        TEST(test_contexts_of_a_thread_with_two_names),
        TEST(test_windows_per_scope),
        TEST(test_the_last_window_is_kept),
        TEST(test_a_threads_last_window_ends_with_it),
        TEST(test_a_full_window_is_that_of_its_last_event),
        TEST(test_a_rest_beyond_the_bounds_stands_alone),
        TEST(test_contexts_of_joined_windows),
    };
    return cmocka_run_group_tests_name("token lives", tests, NULL, NULL);
}
