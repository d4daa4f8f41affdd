/* cli/record_report: what is said of a recording when it has ended. */
#include "cli/record_report.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char said[8192];

/* said = what comes on standard error. */
static void say(const struct stg_record_report *r)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    const int before = dup(STDERR_FILENO);
    assert_true(before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    stg_record_say(r);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    rewind(file);
    const size_t n = fread(said, 1, sizeof said - 1, file);
    said[n] = '\0';
    fclose(file);
}

static void says(const char *text)
{
    if (strstr(said, text) == NULL) {
        fail_msg("'%s' is not in:\n%s", text, said);
    }
}

static void says_not(const char *text)
{
    if (strstr(said, text) != NULL) {
        fail_msg("'%s' is in:\n%s", text, said);
    }
}

static struct stg_record_report report_of(uint64_t n)
{
    struct stg_record_report r = {.path = "dir", .command_status = -1, .wall_ns = 1000000000, .busy_ns = 1000000000};
    r.record.n_events = r.record.n_by_kind[1] = n;
    r.record.n_lost = r.record.lost_by_cpu[2] = n;
    r.record.n_gaps = r.record.n_untracked = r.record.n_no_path = r.record.n_damaged = n;
    r.trace.n_removed_events = n;
    return r;
}

static void test_one(void **state)
{
    (void)state;
    const struct stg_record_report r = report_of(1);
    say(&r);
    says("dir: 1 event in");
    says("1 event was lost in 1 gap (CPU 2: 1)");
    says("the gap is in the trace");
    says("1 process could not be followed");
    says("names were left out of their events, 1 of a file and 0 of threads");
    says("1 record could not be read");
    says("1 older event was removed");
}

static void test_several(void **state)
{
    (void)state;
    struct stg_record_report r = report_of(1234);
    r.record.n_no_comm = 1;
    say(&r);
    says("dir: 1,234 events in");
    says("1234 events were lost in 1234 gaps (CPU 2: 1234)");
    says("the gaps are in the trace");
    says("1234 processes could not be followed");
    says("1234 of files and 1 of a thread");
    says("1234 records could not be read");
    says("1234 older events were removed");
    says_not("let no call pass");
}

/* Of more processors than there is room for, some are named, and that there are more is said. */
static void test_many_cpus(void **state)
{
    (void)state;
    struct stg_record_report r = report_of(0);
    for (size_t i = 0; i < 12; i++) {
        r.record.n_lost += r.record.lost_by_cpu[i] = 5;
    }
    r.record.n_gaps = 12;
    say(&r);
    says("(CPU 0: 5, CPU 1: 5, ");
    says(", CPU 11: 5): give");
    for (size_t i = 0; i < STG_RECORD_MAX_CPUS; i++) {
        r.record.n_lost += r.record.lost_by_cpu[i] = UINT64_MAX / STG_RECORD_MAX_CPUS;
    }
    say(&r);
    says("(CPU 0: 3");
    says(", …): give");
}

/* A recording without a call: which filter left out how many, and how to look at what it names. */
static void test_nothing_passed(void **state)
{
    enum { OWN, PROCESS, COMM, CGROUP, SAMPLE, CALL };
    static const struct {
        int filter;
        const char *counted, *look;
    } cases[] = {
        {PROCESS, "1,234 of other processes", "the processes of --pid, or of the command, made no call meanwhile"},
        {CGROUP, "1,234 outside of --cgroup", "/proc/PID/cgroup"},
        {COMM, "1,234 of threads with other names than --comm", "/proc/PID/comm"},
        {SAMPLE, "1,234 of processes that are not in the --sample", "a larger part"},
        {CALL, "1,234 of calls that --calls leaves out", "strace -c"},
    };
    (void)state;
    if (!stg_record_is_built()) {
        skip(); /* it names no filters */
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stg_record_report r = report_of(0);
        r.record.n_filtered[cases[i].filter] = 1234;
        r.record.n_filtered[OWN] = 77;
        r.record.n_filtered[PROCESS] += cases[i].filter == PROCESS ? 0 : 5; /* there always are others */
        say(&r);
        says("the filters let no call pass: ");
        says(cases[i].counted);
        says(cases[i].look);
        says_not("77");
        for (size_t k = 1; k < sizeof cases / sizeof cases[0]; k++) { /* what is at fault is the last one */
            if (k != i) {
                says_not(cases[k].look);
            }
        }
    }
    struct stg_record_report r = report_of(0);
    r.record.n_filtered[CGROUP] = 1;
    r.record.n_by_kind[3] = r.record.n_events = 2; /* markers are no calls */
    say(&r);
    says("1 outside of --cgroup");
    r.record.n_by_kind[2] = 1;
    say(&r);
    says_not("let no call pass");
    r = report_of(0); /* nor was anything left out: nothing happened */
    r.record.n_filtered[OWN] = 5;
    say(&r);
    says_not("let no call pass");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_many_cpus),
        cmocka_unit_test(test_nothing_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
