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
        cmocka_unit_test(test_ends_together),
        cmocka_unit_test(test_execveat),
        cmocka_unit_test(test_numbers_beyond),
        cmocka_unit_test(test_gap_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
