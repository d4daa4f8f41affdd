/* record/ on the kernel that runs here: what a program does is what is recorded, filtered as asked, and what is lost is
 * counted. Where this process may not record, each test is skipped. */
#include "record_support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void test_calls(void **state)
{
    (void)state;
    need_recorder();
    struct stg_record_options o = {0};
    struct recording r;
    record_workload(&r, &o, "calls", "1000");
    assert_int_equal(r.stats.n_lost, 0);
    assert_int_equal(r.stats.n_damaged, 0);
    assert_int_equal(r.stats.n_put, r.n);
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "execve", 0), 1);
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", 0), 1000);
    assert_int_equal(count_of(&r, STG_EVENT_EXIT, "getppid", 0), 1000);
    uint64_t n_writes = 0, n_failed = 0;
    for (size_t i = 0; i < r.n; i++) {
        const struct stg_event *e = &r.events[i];
        assert_true(i == 0 || e->ts_ns >= r.events[i - 1].ts_ns);
        assert_true((e->has & (STG_HAS_PID | STG_HAS_TID | STG_HAS_COMM | STG_HAS_CPU | STG_HAS_CGROUP)) ==
                    (STG_HAS_PID | STG_HAS_TID | STG_HAS_COMM | STG_HAS_CPU | STG_HAS_CGROUP));
        assert_true(e->pid == r.events[0].pid);
        assert_true(e->cgroup_id > 0);
        if (strcmp(event_name(&r, e), "write") == 0 && e->kind == STG_EVENT_ENTRY) {
            assert_int_equal(e->n_args, 3);
            n_writes += e->args[2] == 1;
        }
        n_failed += strcmp(event_name(&r, e), "close") == 0 && e->kind == STG_EVENT_EXIT && e->ret == -EBADF;
        if (strcmp(event_name(&r, e), "getppid") == 0) {
            assert_string_equal(event_comm(&r, e), "record_workload");
            assert_true(e->kind == STG_EVENT_ENTRY || e->ret == getpid());
        }
    }
    assert_int_equal(n_writes, 1000);
    assert_int_equal(n_failed, 1000);
    recording_fini(&r);
}

static void test_descendants(void **state)
{
    (void)state;
    need_recorder();
    struct stg_record_options o = {0};
    struct recording r;
    record_workload(&r, &o, "family", "500");
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", 0), 4 * 500); /* three children and a thread */
    assert_int_equal(count_of(&r, STG_EVENT_EXIT, "getppid", 0), 4 * 500);
    assert_int_equal(count_of(&r, STG_EVENT_MARKER, "sched_process_fork", 0), 4);
    assert_int_equal(count_of(&r, STG_EVENT_MARKER, "sched_process_exec", 0), 1);
    assert_int_equal(count_of(&r, STG_EVENT_MARKER, "sched_process_exit", r.events[0].tid),
                     1);               /* a sanitizer's thread may end, too */
    for (size_t i = 0; i < r.n; i++) { /* each child that a fork names was recorded */
        const struct stg_event *e = &r.events[i];
        if (strcmp(event_name(&r, e), "sched_process_fork") == 0) {
            assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", (int32_t)e->args[0]), 500);
            assert_int_equal(count_of(&r, STG_EVENT_MARKER, "sched_process_exit", (int32_t)e->args[0]), 1);
            assert_true(e->args[0] == e->args[1] ||
                        (int32_t)e->args[1] == e->pid); /* a process, or a thread of the forker's */
        }
    }
    recording_fini(&r);
}

static void test_no_children(void **state)
{
    (void)state;
    need_recorder();
    char *const command[] = {(char *)workload(), (char *)"family", (char *)"500", NULL};
    struct stg_record_options o = {.command = command, .follow = false};
    struct recording r;
    recording_start(&r, &o);
    recording_finish(&r);
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", 0), 500); /* the thread only */
    recording_fini(&r);
}

static int32_t tid_of_execve(const struct recording *r)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->events[i].kind == STG_EVENT_ENTRY && strcmp(event_name(r, &r->events[i]), "execve") == 0) {
            return r->events[i].tid;
        }
    }
    fail_msg("no execve");
    return 0;
}

/* Calls of `strace -f -c`, which counts what returns; of the one thread of the command, as a thread that a sanitizer
 * starts in the fork of this process is a descendant, too, until execve ends it. */
static void compare_with_strace(const struct recording *r, FILE *counts)
{
    char line[256];
    uint64_t n_theirs = 0, n_ours = 0;
    const int32_t tid = tid_of_execve(r);
    while (fgets(line, sizeof line, counts) != NULL) {
        char name[64];
        double percent, seconds;
        unsigned long long usecs, calls, errors;
        if (sscanf(line, "%lf %lf %llu %llu %llu %63s", &percent, &seconds, &usecs, &calls, &errors, name) != 6 &&
            sscanf(line, "%lf %lf %llu %llu %63s", &percent, &seconds, &usecs, &calls, name) != 5) {
            continue;
        }
        if (strcmp(name, "total") == 0) {
            continue;
        }
        const uint64_t ours = count_of(r, STG_EVENT_ENTRY, name, tid);
        if (ours != calls) {
            fail_msg("%s: strace counts %llu, we %llu", name, calls, (unsigned long long)ours);
        }
        n_theirs += calls;
    }
    for (size_t i = 0; i < r->n; i++) {
        const char *name = event_name(r, &r->events[i]);
        n_ours += r->events[i].kind == STG_EVENT_ENTRY && r->events[i].tid == tid && strcmp(name, "exit") != 0 &&
                  strcmp(name, "exit_group") != 0;
    }
    assert_true(n_theirs > 100);
    assert_int_equal(n_ours, n_theirs);
}

static void test_strace_agrees(void **state)
{
    (void)state;
    need_recorder();
    char command[512];
    snprintf(command, sizeof command, "strace -f -c -o /dev/stdout '%s' calls 700 2>/dev/null", workload());
    if (system("strace -o /dev/null true >/dev/null 2>&1") != 0) {
        print_message("no strace, or it may not trace\n");
        skip();
    }
    struct stg_record_options o = {0};
    struct recording r;
    record_workload(&r, &o, "calls", "700");
    FILE *counts = popen(command, "r");
    assert_non_null(counts);
    compare_with_strace(&r, counts);
    pclose(counts);
    recording_fini(&r);
}

static void test_pid(void **state)
{
    (void)state;
    need_recorder();
    struct held wanted, other;
    held_start(&wanted, "300", NULL, NULL);
    held_start(&other, "300", NULL, NULL);
    const int32_t pids[] = {wanted.pid};
    struct stg_record_options o = {.pids = pids, .n_pids = 1, .follow = true};
    struct recording r;
    recording_start(&r, &o);
    held_ask(&wanted);
    held_ask(&other);
    held_end(&wanted);
    recording_finish(&r); /* it ends with the process */
    assert_int_equal(r.end, STG_RECORD_TARGET_GONE);
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", wanted.pid), 300);
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", 0), 300);
    assert_true(r.stats.n_filtered[1] >= 600); /* the other's entries and exits */
    recording_fini(&r);
    held_end(&other);
}

static void test_pid_that_is_none(void **state)
{
    (void)state;
    need_recorder();
    const int32_t pids[] = {4194304 - 1};
    struct stg_record_options o = {.pids = pids, .n_pids = 1};
    struct stg_record *r = NULL;
    assert_int_equal(stg_record_open(&r, &o), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "there is no process"));
    assert_null(r);
}

static int wait_for_byte(void *from)
{
    char byte;
    return read(*(int *)from, &byte, 1) == 1 ? 0 : 1;
}

/* What top -H and ps -L show is the number of a thread. This one is made without the library, which starts none in this
 * program. */
static void test_pid_of_a_thread(void **state)
{
    (void)state;
    need_recorder();
    static char stack[65536] __attribute__((aligned(16)));
    char expected[64];
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const int32_t pids[] = {
        clone(wait_for_byte, stack + sizeof stack, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FILES, &ends[0])};
    struct stg_record_options o = {.pids = pids, .n_pids = 1};
    struct stg_record *r = NULL;
    assert_true(pids[0] > 0);
    const enum stg_status status = stg_record_open(&r, &o);
    assert_int_equal(write(ends[1], "", 1), 1);
    assert_int_equal(status, STG_ERR_USAGE);
    (void)snprintf(expected, sizeof expected, "--pid %d: is a thread of process %d: give that", pids[0], getpid());
    assert_non_null(strstr(stg_status_message(), expected));
    while (syscall(SYS_tgkill, getpid(), pids[0], 0) == 0) { /* it uses the pipe */
        usleep(1000);
    }
    close(ends[0]);
    close(ends[1]);
}

/* Each takes a descriptor: that there are not enough is no word on the processes. */
static void test_too_many_pids(void **state)
{
    (void)state;
    need_recorder();
    struct rlimit before, low;
    int32_t pids[64];
    for (size_t i = 0; i < 64; i++) {
        pids[i] = getpid();
    }
    struct stg_record_options o = {.pids = pids, .n_pids = 64};
    struct stg_record *r = NULL;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = (struct rlimit){64, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(stg_record_open(&r, &o), STG_ERR_UNSUPPORTED);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_non_null(strstr(stg_status_message(), "it may not have so many files open: ulimit -n 1088"));
}

/* An empty variable of a script: a name that nothing has would record nothing. */
static void test_comm_that_is_none(void **state)
{
    (void)state;
    need_recorder();
    const char *const comms[] = {"record_workload", ""};
    struct stg_record_options o = {.comms = comms, .n_comms = 2};
    struct stg_record *r = NULL;
    assert_int_equal(stg_record_open(&r, &o), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "--comm: a name is empty"));
    assert_null(r);
}

/* Records two held workloads, asks both, and stops. */
static void record_two(struct recording *r, const struct stg_record_options *o, struct held *a, struct held *b)
{
    recording_start(r, o);
    held_ask(a);
    held_ask(b);
    stg_record_stop(r->record);
    recording_finish(r);
    assert_int_equal(r->end, STG_RECORD_STOPPED);
    held_end(a);
    held_end(b);
}

static void rename_to(void *name)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/%s", (const char *)name);
    unlink(path);
    if (symlink(workload(), path) == 0) {
        execl(path, (const char *)name, "hold", "200", (char *)NULL);
    }
    _exit(127);
}

static void test_comm(void **state)
{
    (void)state;
    need_recorder();
    char name[16];
    snprintf(name, sizeof name, "stg%ld", (long)getpid());
    struct held wanted, other;
    held_start(&wanted, "", rename_to, name);
    held_start(&other, "200", NULL, NULL);
    const char *comms[] = {"no-such-name", name};
    struct stg_record_options o = {.comms = comms, .n_comms = 2};
    struct recording r;
    record_two(&r, &o, &wanted, &other);
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", 0), 200);
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", wanted.pid), 200);
    recording_fini(&r);
    char path[64];
    snprintf(path, sizeof path, "/tmp/%s", name);
    unlink(path);
}

/* The mount of cgroup v2, "" when there is none that lets us make groups. */
static void find_cgroup(char *out, size_t cap)
{
    static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    out[0] = '\0';
    for (size_t i = 0; i < 2; i++) {
        char procs[128];
        snprintf(procs, sizeof procs, "%s/cgroup.procs", mounts[i]);
        if (access(procs, W_OK) == 0) {
            snprintf(out, cap, "%s/strange-test-%ld", mounts[i], (long)getpid());
            return;
        }
    }
}

static void enter_cgroup(void *path)
{
    char procs[256];
    snprintf(procs, sizeof procs, "%s/cgroup.procs", (const char *)path);
    FILE *file = fopen(procs, "w");
    if (file == NULL || fprintf(file, "%ld", (long)getpid()) < 0 || fclose(file) != 0) {
        _exit(126);
    }
}

static void test_cgroup(void **state)
{
    char above[128], below[160];
    (void)state;
    need_recorder();
    find_cgroup(above, sizeof above);
    snprintf(below, sizeof below, "%s/below", above);
    if (above[0] == '\0' || mkdir(above, 0755) != 0 || mkdir(below, 0755) != 0) {
        print_message("no cgroup v2 in which to make a group\n");
        skip();
    }
    struct held wanted, other;
    held_start(&wanted, "250", enter_cgroup, below);
    held_start(&other, "250", NULL, NULL);
    const char *cgroups[] = {above};
    struct stg_record_options o = {.cgroups = cgroups, .n_cgroups = 1};
    struct recording r;
    record_two(&r, &o, &wanted, &other);
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", wanted.pid),
                     250); /* in a descendant of the cgroup that was named */
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", 0), 250);
    recording_fini(&r);
    /* It ends by itself when the cgroup is removed. */
    recording_start(&r, &o);
    rmdir(below);
    assert_int_equal(rmdir(above), 0);
    recording_finish(&r);
    assert_int_equal(r.end, STG_RECORD_TARGET_GONE);
    recording_fini(&r);
}

static void test_cgroup_that_is_none(void **state)
{
    (void)state;
    need_recorder();
    const char *cgroups[] = {"/tmp"};
    struct stg_record_options o = {.cgroups = cgroups, .n_cgroups = 1};
    struct stg_record *r = NULL;
    assert_int_equal(stg_record_open(&r, &o), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "not a cgroup v2 directory"));
    cgroups[0] = "/no/such/cgroup";
    assert_int_equal(stg_record_open(&r, &o), STG_ERR_IO);
}

static void test_call_filter(void **state)
{
    (void)state;
    need_recorder();
    struct stg_record_options o = {.calls = "getppid,close"};
    struct recording r;
    record_workload(&r, &o, "calls", "400");
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", 0), 400);
    assert_int_equal(count_of(&r, STG_EVENT_EXIT, "write", 0), 0);
    for (size_t i = 0; i < r.n; i++) {
        const char *name = event_name(&r, &r.events[i]);
        assert_true(r.events[i].kind == STG_EVENT_MARKER || strcmp(name, "getppid") == 0 || strcmp(name, "close") == 0);
    }
    recording_fini(&r);
    o.calls = "!getppid,!close";
    record_workload(&r, &o, "calls", "400");
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", 0), 0);
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "write", 0), 400);
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "execve", 0), 1);
    recording_fini(&r);
    struct stg_record *none = NULL;
    o.calls = "getppid,no_such_call";
    assert_int_equal(stg_record_open(&none, &o), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "no_such_call"));
    o.calls = "getppid,!close";
    assert_int_equal(stg_record_open(&none, &o), STG_ERR_USAGE);
}

/* Processes are recorded whole or not at all. */
static void test_sample(void **state)
{
    enum { N = 24 };
    (void)state;
    need_recorder();
    struct stg_record_options o = {.sample = 0.5, .calls = "getppid"};
    struct recording r;
    struct held held[N];
    size_t n_whole = 0;
    for (size_t i = 0; i < N; i++) {
        held_start(&held[i], "50", NULL, NULL);
    }
    recording_start(&r, &o);
    for (size_t i = 0; i < N; i++) {
        held_ask(&held[i]);
    }
    stg_record_stop(r.record);
    recording_finish(&r);
    for (size_t i = 0; i < N; i++) {
        const uint64_t n = count_of(&r, STG_EVENT_ENTRY, "getppid", held[i].pid);
        assert_true(n == 0 || n == 50);
        n_whole += n == 50;
        held_end(&held[i]);
    }
    assert_true(n_whole > N / 6 && n_whole < N - N / 6);
    recording_fini(&r);
}

/* What is produced is received or counted as lost, to the event, and the gaps of each CPU say the same as its
 * counter. */
static void test_tiny_ring(void **state)
{
    (void)state;
    need_recorder();
    struct stg_record_options o = {.ring_size = 4096};
    struct recording r;
    record_workload(&r, &o, "calls", "20000");
    uint64_t in_gaps = 0, by_cpu[STG_RECORD_MAX_CPUS] = {0};
    for (size_t i = 0; i < r.n; i++) {
        if (r.events[i].kind == STG_EVENT_LOST) {
            in_gaps += r.events[i].n_lost;
            by_cpu[r.events[i].cpu] += r.events[i].n_lost;
        }
    }
    assert_true(r.stats.n_lost > 1000);
    assert_int_equal(in_gaps, r.stats.n_lost);
    for (size_t i = 0; i < r.stats.n_cpus; i++) {
        assert_int_equal(by_cpu[i], r.stats.lost_by_cpu[i]);
    }
    assert_int_equal(r.n - r.stats.n_gaps, r.stats.n_put);
    const uint64_t produced = r.stats.n_put + r.stats.n_lost;
    recording_fini(&r);
    o.ring_size = 64 << 20; /* the same again, with room for all of it */
    record_workload(&r, &o, "calls", "20000");
    assert_int_equal(r.stats.n_lost, 0);
    assert_int_equal(r.n, produced);
    recording_fini(&r);
}

static void test_uprobes(void **state)
{
    char texts[2][600];
    struct stg_marker markers[2];
    (void)state;
    need_recorder();
    snprintf(texts[0], sizeof texts[0], "uprobe:%s:workload_mark=w:begin", workload());
    snprintf(texts[1], sizeof texts[1], "uretprobe:%s:workload_mark", workload());
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(stg_marker_parse(&markers[i], texts[i], "--marker"), STG_OK);
    }
    struct stg_record_options o = {.markers = markers, .n_markers = 2};
    struct recording r;
    record_workload(&r, &o, "marks", "300");
    assert_int_equal(count_of(&r, STG_EVENT_MARKER, "w:begin", 0), 300);
    assert_int_equal(count_of(&r, STG_EVENT_MARKER, "record_workload:workload_mark__return", 0), 300);
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", 0), 300);
    int64_t i_mark = 0;
    bool open = false;
    for (size_t i = 0; i < r.n; i++) {
        const struct stg_event *e = &r.events[i];
        const char *name = event_name(&r, e);
        assert_true(strstr(name, "uprobe") == NULL && strstr(name, "uretprobe") == NULL &&
                    strstr(name, "unknown") == NULL);
        if (strcmp(name, "w:begin") == 0) {
            assert_false(open);
            open = true;
        } else if (strcmp(name, "record_workload:workload_mark__return") == 0) {
            assert_true(open);
            open = false;
            assert_int_equal(e->n_args, 1);
            assert_int_equal((int32_t)e->args[0], getpid() + i_mark++); /* what the function returns */
        } else if (strcmp(name, "getppid") == 0) {
            assert_true(open);
        }
    }
    recording_fini(&r);
}

/* The n-th time that the workload passed a static probe: what it had to say. */
static void check_tick(const struct stg_event *e, uint64_t n)
{
    assert_int_equal(e->n_args, 1);
    assert_int_equal(e->args[0], n);
}

static void check_kinds(const struct stg_event *e, uint64_t n)
{
    assert_int_equal(e->n_args, 4);
    assert_int_equal((int64_t)e->args[0], (signed char)-(int64_t)n);
    assert_int_equal(e->args[1], 42);
    assert_int_equal(e->args[2], (uint16_t)(n * 257));
    assert_int_equal(e->args[3], n * 1000003);
}

static void test_usdt(void **state)
{
    static const char *const names[] = {"strange_test:tick", "strange_test:kinds"};
    char text[600];
    struct stg_marker markers[2];
    const char *has_usdt = getenv("STRANGE_WORKLOAD_USDT");
    (void)state;
    need_recorder();
    if (has_usdt == NULL || has_usdt[0] == '\0') {
        print_message("sys/sdt.h (systemtap-sdt-dev) was not there when the workload was built\n");
        skip();
    }
    for (size_t i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "usdt:%s:%s", workload(), names[i]);
        assert_int_equal(stg_marker_parse(&markers[i], text, "--marker"), STG_OK);
    }
    struct stg_record_options o = {.markers = markers, .n_markers = 2};
    struct recording r;
    record_workload(&r, &o, "marks", "200");
    uint64_t n[2] = {0};
    for (size_t i = 0; i < r.n; i++) {
        if (strcmp(event_name(&r, &r.events[i]), names[0]) == 0) {
            check_tick(&r.events[i], n[0]++);
        } else if (strcmp(event_name(&r, &r.events[i]), names[1]) == 0) {
            check_kinds(&r.events[i], n[1]++);
        }
    }
    assert_int_equal(n[0], 200);
    assert_int_equal(n[1], 200); /* it is passed only while its counter says that it is watched */
    recording_fini(&r);
}

static void test_marker_that_is_none(void **state)
{
    char text[600];
    struct stg_marker marker;
    struct stg_record *r = NULL;
    (void)state;
    need_recorder();
    snprintf(text, sizeof text, "uprobe:%s:no_such_function", workload());
    assert_int_equal(stg_marker_parse(&marker, text, "--marker"), STG_OK);
    struct stg_record_options o = {.markers = &marker, .n_markers = 1};
    assert_int_equal(stg_record_open(&r, &o), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "no_such_function"));
    snprintf(text, sizeof text, "usdt:%s:strange_test:no_such_probe", workload());
    assert_int_equal(stg_marker_parse(&marker, text, "--marker"), STG_OK);
    assert_int_equal(stg_record_open(&r, &o), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "no static probe strange_test:no_such_probe"));
    assert_int_equal(stg_marker_parse(&marker, "uprobe:/no/such/program:f", "--marker"), STG_OK);
    assert_int_equal(stg_record_open(&r, &o), STG_ERR_IO);
    assert_int_equal(stg_marker_parse(&marker, "uprobe:/etc/passwd:f", "--marker"), STG_OK);
    assert_int_not_equal(stg_record_open(&r, &o), STG_OK);
    assert_null(strchr(stg_status_message(), '\n'));
}

static void test_descriptors(void **state)
{
    static const enum stg_fd_kind wanted[] = {STG_FD_FILE,  STG_FD_DIRECTORY, STG_FD_CHAR,    STG_FD_PIPE,
                                              STG_FD_INET,  STG_FD_DGRAM,     STG_FD_UNIX,    STG_FD_NETLINK,
                                              STG_FD_EPOLL, STG_FD_EVENTFD,   STG_FD_TIMERFD, STG_FD_INOTIFY,
                                              STG_FD_MEMFD, STG_FD_PROC,      STG_FD_BAD};
    (void)state;
    need_recorder();
    struct stg_record_options o = {0};
    struct recording r;
    size_t n = 0, n_paths = 0, n_returned = 0, n_taken = 0, n_refused = 0;
    record_workload(&r, &o, "files", NULL);
    for (size_t i = 0; i < r.n; i++) {
        const struct stg_event *e = &r.events[i];
        const char *name = event_name(&r, e);
        if (e->kind == STG_EVENT_ENTRY && strcmp(name, "fcntl") == 0) {
            assert_true(n < sizeof wanted / sizeof wanted[0]);
            assert_true((e->has & STG_HAS_FD) != 0);
            assert_int_equal(e->fd_kind, wanted[n++]);
        }
        n_returned += e->kind == STG_EVENT_EXIT && (e->has & STG_HAS_FD) != 0 && strcmp(name, "eventfd2") == 0 &&
                      e->fd_kind == STG_FD_EVENTFD;
        if (e->kind == STG_EVENT_EXIT && strcmp(name, "pidfd_getfd") == 0) {
            n_taken += e->ret >= 0 && (e->has & STG_HAS_FD) != 0 && e->fd_kind == STG_FD_FILE;
            n_refused += e->ret < 0; /* a container may not let it */
        }
        n_paths += (e->has & STG_HAS_PATH) != 0 && strcmp(name, "access") == 0 &&
                   strcmp(stg_strings_get(stg_record_source(r.record)->paths, e->path), "/no/such/file") == 0;
    }
    assert_int_equal(n, sizeof wanted / sizeof wanted[0]);
    assert_int_equal(n_paths, 1);
    assert_int_equal(n_returned, 1);
    assert_int_equal(n_taken + n_refused, 1);
    recording_fini(&r);
    o.no_fd_kinds = o.no_paths = true;
    record_workload(&r, &o, "files", NULL);
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(r.events[i].has & (STG_HAS_FD | STG_HAS_PATH), 0);
    }
    recording_fini(&r);
}

/* A thread that computes on the CPU of the recorded one could run whenever that does. */
static void test_runnable(void **state)
{
    (void)state;
    need_recorder();
    struct stg_record_options o = {0};
    struct recording r;
    cpu_set_t before, one;
    size_t n_known = 0, n_crowded = 0, n_calls = 0;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &before)) {
        cpu++;
    }
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0); /* handed on to children */
    const pid_t busy = fork();
    if (busy == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (volatile unsigned n = 0;; n++) {
        }
    }
    record_workload(&r, &o, "calls", "1000");
    kill(busy, SIGKILL);
    waitpid(busy, NULL, 0);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    for (size_t i = 0; i < r.n; i++) {
        const struct stg_event *e = &r.events[i];
        if (strcmp(event_name(&r, e), "getppid") == 0) {
            n_calls++;
            n_known += (e->has & STG_HAS_RUNNABLE) != 0;
            n_crowded += e->runnable >= 2;
        }
    }
    recording_fini(&r);
    if (n_known == 0) {
        skip(); /* a kernel without groups of threads does not tell */
    }
    assert_int_equal(n_known, n_calls);
    assert_true(n_crowded * 10 > n_calls * 9);
}

/* The whole machine: everything but this process. */
static void test_not_oneself(void **state)
{
    (void)state;
    need_recorder();
    struct held other;
    held_start(&other, "100", NULL, NULL);
    struct stg_record_options o = {0};
    struct recording r;
    recording_start(&r, &o);
    for (int i = 0; i < 50; i++) {
        (void)getppid();
    }
    held_ask(&other);
    stg_record_stop(r.record);
    recording_finish(&r);
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getppid", other.pid), 100);
    for (size_t i = 0; i < r.n; i++) {
        assert_true(r.events[i].kind == STG_EVENT_LOST || r.events[i].pid != getpid());
    }
    assert_true(r.stats.n_filtered[0] > 100);
    recording_fini(&r);
    held_end(&other);
}

static void test_command_that_is_none(void **state)
{
    (void)state;
    need_recorder();
    char *const command[] = {(char *)"/no/such/command", NULL};
    struct stg_record_options o = {.command = command};
    struct stg_record *r = NULL;
    assert_int_equal(stg_record_open(&r, &o), STG_OK);
    assert_int_equal(stg_record_start(r), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "cannot run"));
    stg_record_close(r);
    o.user = "no-such-user";
    assert_int_equal(stg_record_open(&r, &o), STG_ERR_USAGE);
}

/* A signal handler's return has no number of its own at its exit. */
static void test_sigreturn(void **state)
{
    (void)state;
    need_recorder();
    char *const command[] = {(char *)"/bin/sh", (char *)"-c",
                             (char *)"trap : USR1; kill -USR1 $$; kill -USR1 $$; exit 3", NULL};
    struct stg_record_options o = {.command = command, .follow = true};
    struct recording r;
    recording_start(&r, &o);
    recording_finish(&r);
    assert_int_equal(WEXITSTATUS(stg_record_command_status(r.record)), 3);
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "rt_sigreturn", 0), 2);
    assert_int_equal(count_of(&r, STG_EVENT_EXIT, "rt_sigreturn", 0), 2);
    assert_int_equal(count_of(&r, STG_EVENT_EXIT, "syscall_unknown", 0), 0);
    recording_fini(&r);
}

static void test_compat(void **state)
{
    (void)state;
    need_recorder();
    /* int $0x80 from 64-bit code enters by the 32-bit door: no 32-bit libraries are needed to see it. */
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* what it gets where that door is closed; it is no failure of the test */
        long ret = 20;            /* getpid there, writev here */
        __asm__ volatile("int $0x80" : "+a"(ret) : : "memory", "r8", "r9", "r10", "r11");
        _exit(ret == getpid() ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        print_message("32-bit calls (CONFIG_IA32_EMULATION) are off on this kernel\n");
        skip();
    }
    struct stg_record_options o = {0};
    struct recording r;
    record_workload(&r, &o, "compat", "10");
    assert_int_equal(count_of(&r, STG_EVENT_ENTRY, "getpid", 0), 10);
    assert_int_equal(count_of(&r, STG_EVENT_EXIT, "getpid", 0), 10);
    recording_fini(&r);
}

static void test_unprivileged(void **state)
{
    (void)state;
    if (!stg_record_is_built() || geteuid() != 0) {
        skip();
    }
    const pid_t child = fork();
    if (child == 0) {
        struct stg_record *r = NULL;
        const struct stg_record_options o = {0};
        if (setgid(65534) != 0 || setuid(65534) != 0) {
            _exit(2);
        }
        const bool good = stg_record_open(&r, &o) == STG_ERR_UNSUPPORTED &&
                          strstr(stg_status_message(), "CAP_BPF") != NULL && strchr(stg_status_message(), '\n') == NULL;
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_descendants),
        cmocka_unit_test(test_no_children),
        cmocka_unit_test(test_strace_agrees),
        cmocka_unit_test(test_pid),
        cmocka_unit_test(test_pid_that_is_none),
        cmocka_unit_test(test_pid_of_a_thread),
        cmocka_unit_test(test_too_many_pids),
        cmocka_unit_test(test_comm_that_is_none),
        cmocka_unit_test(test_comm),
        cmocka_unit_test(test_cgroup),
        cmocka_unit_test(test_cgroup_that_is_none),
        cmocka_unit_test(test_call_filter),
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_tiny_ring),
        cmocka_unit_test(test_uprobes),
        cmocka_unit_test(test_usdt),
        cmocka_unit_test(test_marker_that_is_none),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_runnable),
        cmocka_unit_test(test_not_oneself),
        cmocka_unit_test(test_command_that_is_none),
        cmocka_unit_test(test_sigreturn),
        cmocka_unit_test(test_compat),
        cmocka_unit_test(test_unprivileged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
