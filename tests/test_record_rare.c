/* record/ on the kernel that runs here: what is rare and happens all the same. Where this process may not record, each
 * test is skipped. */
#include "record_support.h"

#include <sched.h>

/* Each thread's end is there, and one of them was the last of its process, also where two end at the same time. */
static void test_ends_together(void **state)
{
    enum { N = 400 };
    (void)state;
    need_recorder();
    struct stg_record_options o = {0};
    struct recording r;
    uint64_t n_last = 0;
    record_workload(&r, &o, "ends", "400");
    assert_int_equal(r.stats.n_lost, 0);
    assert_true(count_of(&r, STG_EVENT_MARKER, "sched_process_fork", 0) >= 2 * N);
    for (size_t i = 0; i < r.n; i++) {
        const struct stg_event *e = &r.events[i];
        if (strcmp(event_name(&r, e), "sched_process_fork") == 0) {
            assert_int_equal(count_of(&r, STG_EVENT_MARKER, "sched_process_exit", (int32_t)e->args[0]), 1);
        }
        n_last += strcmp(event_name(&r, e), "sched_process_exit") == 0 && e->args[1] == 1;
    }
    assert_int_equal(n_last, N + 1); /* the workload itself, too */
    recording_fini(&r);
}

/* The exit of an execveat() that succeeds has the number of execve(), and the thread that made it another number. */
static void test_execveat(void **state)
{
    (void)state;
    need_recorder();
    struct stg_record_options o = {0};
    struct recording r;
    record_workload(&r, &o, "exec", "10");
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "execveat", 0), 2);
    assert_int_equal(count_of(&r, STG_EVENT_EXIT, "execveat", 0), 2);
    assert_int_equal(count_of(&r, STG_EVENT_EXIT, "execve", 0), 1);
    assert_int_equal(count_of(&r, STG_EVENT_EXIT, "getppid", 0), 10);
    recording_fini(&r);
}

/* Calls that the kernel does not have, yet: a list of what to record leaves them out, a list of what not does not. */
static void test_numbers_beyond(void **state)
{
    (void)state;
    need_recorder();
    struct stg_record_options o = {.calls = "getppid"};
    struct recording r;
    for (int but = 0; but < 2; but++) {
        o.calls = but ? "!getppid" : "getppid";
        record_workload(&r, &o, "numbers", "5");
        assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", 0), but ? 0 : 5);
        assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "syscall_600", 0), but ? 5 : 0);
        assert_int_equal(count_of(&r, STG_EVENT_EXIT, "syscall_700", 0), but ? 5 : 0);
        recording_fini(&r);
    }
}

static const char *path_of(const struct recording *r, const struct stg_event *e)
{
    return (e->has & STG_HAS_PATH) != 0 ? stg_strings_get(stg_record_source(r->record)->paths, e->path) : "";
}

/* Appends the names that calls of the child had, at entry and exit. */
static void list_names(const struct recording *r, char *text, size_t size)
{
    int32_t child = 0;
    bool executed = false;
    text[0] = '\0';
    for (size_t i = 0; i < r->n; i++) {
        const struct stg_event *e = &r->events[i];
        const char *name = event_name(r, e);
        child = strcmp(name, "sched_process_fork") == 0 ? (int32_t)e->args[0] : child;
        executed |= strcmp(name, "sched_process_exec") == 0 && e->tid == child;
        if (e->kind > STG_EVENT_EXIT || e->tid != child) {
            continue;
        }
        if (executed) { /* the exit of execve() is the last of interest */
            child = -1;
        }
        if (e->path == STG_NAME_NONE || (executed && strcmp(name, "execve") != 0)) {
            continue;
        }
        const size_t len = strlen(text);
        snprintf(text + len, size - len, "%s %s %.20s %zu\n", e->kind == STG_EVENT_ENTRY ? "entry" : "exit", name,
                 path_of(r, e), strlen(path_of(r, e)));
    }
}

/* A name whose page was not in memory when the call began is that of its exit, once. */
static void test_late_names(void **state)
{
    (void)state;
    need_recorder();
    static const char all[] = "exit openat /no/such/late 13\n"
                              "entry openat /no/such/late 13\n"
                              "exit access /no/such/xxxxxxxxxxx 127\n"
                              "exit execve /no/such/program 16\n";
    static const struct {
        const char *calls, *names;
        bool no_paths;
    } cases[] = {{NULL, all, false}, {NULL, "", true}, {"access", "exit access /no/such/xxxxxxxxxxx 127\n", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stg_record_options o = {.calls = cases[i].calls, .no_paths = cases[i].no_paths};
        struct recording r;
        char text[4096];
        record_workload(&r, &o, "late", NULL);
        list_names(&r, text, sizeof text);
        assert_string_equal(text, cases[i].names);
        assert_int_equal(r.stats.n_damaged, 0);
        recording_fini(&r);
    }
}

/* What is lost before a CPU idles is told of when there is an event again, but with the time at which it was lost. */
static void test_gap_time(void **state)
{
    (void)state;
    need_recorder();
    struct stg_record_options o = {.ring_size = 4096};
    struct recording r;
    cpu_set_t before, one;
    size_t cpu = 0, n_early = 0;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    while (!CPU_ISSET(cpu, &before)) {
        cpu++;
    }
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    record_workload(&r, &o, "bursts", "20000");
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    for (size_t i = 0; i < r.n; i++) {
        const struct stg_event *e = &r.events[i];
        const uint64_t end_ns = stg_event_gap_end(e);
        if (e->kind != STG_EVENT_LOST) {
            continue;
        }
        assert_true(end_ns >= e->ts_ns);
        size_t next = i + 1;
        while (next < r.n && r.events[next].cpu != e->cpu) {
            next++;
        }
        assert_true(next == r.n || r.events[next].ts_ns >= end_ns);
        n_early += next < r.n && r.events[next].ts_ns > end_ns + 50000000;
    }
    assert_int_equal(r.stats.n_late, 0);
    assert_true(r.stats.n_lost > 1000);
    assert_true(n_early > 0);
    recording_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_together), cmocka_unit_test(test_execveat), cmocka_unit_test(test_numbers_beyond),
        cmocka_unit_test(test_late_names),    cmocka_unit_test(test_gap_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
