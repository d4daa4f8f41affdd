/* import/ctf*.c: traces of every layout that is understood, and of many that are broken. */
#include "import/import.h"

#include "base/memory.h"
#include "effort.h"
#include "test_import_ctf_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_EVENTS 1024

/* All of a trace, with names looked up. */
struct reading {
    struct stg_event events[MAX_EVENTS];
    const char *names[MAX_EVENTS], *comms[MAX_EVENTS];
    size_t n;
    struct stg_source *source;
    struct stg_source_info info;
};

static char work[256]; /* a directory for the traces that are made here */

static int set_up(void **state)
{
    (void)state;
    ctf_make_directory(work, sizeof work);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ctf_remove_directory(work);
    return 0;
}

static void take(struct reading *r, const struct stg_event *events, size_t n)
{
    for (size_t i = 0; i < n && r->n < MAX_EVENTS; i++) {
        const struct stg_event *e = &events[i];
        r->events[r->n] = *e;
        r->names[r->n] = e->name == STG_NAME_NONE ? "" : stg_strings_get(r->source->names, e->name);
        r->comms[r->n] = e->comm == STG_NAME_NONE ? "" : stg_strings_get(r->source->comms, e->comm);
        r->n++;
    }
}

static enum stg_status read_all(struct reading *r, const char *path)
{
    const struct stg_event *events = NULL;
    size_t n = 0;
    memset(r, 0, sizeof *r);
    enum stg_status status = stg_import_ctf.open(&r->source, path);
    if (status != STG_OK) {
        return status;
    }
    do {
        status = stg_source_next(r->source, &events, &n);
        take(r, events, n);
    } while (status == STG_OK && n > 0);
    stg_source_info(r->source, &r->info);
    return status;
}

static struct reading *must_read(const char *path)
{
    static struct reading r;
    const enum stg_status status = read_all(&r, path);
    if (status != STG_OK) {
        print_error("%s\n", stg_status_message());
    }
    assert_int_equal(status, STG_OK);
    return &r;
}

static void assert_message(const char *part)
{
    const char *message = stg_status_message();
    if (strstr(message, part) == NULL || strchr(message, '\n') != NULL) {
        print_error("got: %s\nwanted one line with: %s\n", message, part);
        fail();
    }
}

static const char *in_work(const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", work, name);
    return path;
}

/* --- A recording of a web server, LTTng's layout, kernel and user space. Made by
 * tools/ctf_cut.py --skip 1.0 --requests 2 --packet-bytes 4096 --lost 7 known-test tests/data/ctf-web --- */

static void test_web(void **state)
{
    char path[512];
    (void)state;
    const char *data = getenv("STRANGE_TEST_DATA");
    (void)snprintf(path, sizeof path, "%s/ctf-web", data != NULL ? data : "tests/data");
    struct reading *r = must_read(path);
    uint64_t n_kind[8] = {0};
    for (size_t i = 0; i < r->n; i++) {
        n_kind[r->events[i].kind]++;
        assert_true(i == 0 || r->events[i].ts_ns >= r->events[i - 1].ts_ns);
        assert_true(r->events[i].has & STG_HAS_TIME);
    }
    assert_int_equal(r->info.n_events, 427);
    assert_int_equal(n_kind[STG_EVENT_ENTRY], 211);
    assert_int_equal(n_kind[STG_EVENT_EXIT], 212);
    assert_int_equal(n_kind[STG_EVENT_MARKER], 4);
    assert_int_equal(r->info.n_gaps, 2);
    assert_int_equal(r->info.n_lost, 14);
    assert_int_equal(r->info.n_skipped, 0);
    assert_int_equal(r->info.has_clock, 0);
    size_t i_begin = 0;
    while (r->events[i_begin].kind != STG_EVENT_MARKER) {
        i_begin++;
    }
    assert_string_equal(r->names[i_begin], "httpd:enter_event_handler");
    assert_int_equal(r->events[i_begin].n_args, 1);
    assert_int_equal(r->events[i_begin].args[0], 1);
    assert_true(r->events[i_begin].has & STG_HAS_TID);
    assert_int_equal(r->events[0].ts_ns, 1674148811722);
    assert_string_equal(r->names[0], "writev");
    assert_int_equal(r->events[0].kind, STG_EVENT_EXIT);
    assert_int_equal(r->events[0].ret, 344);
    assert_int_equal(r->events[0].pid, 11221);
    assert_int_equal(r->events[0].tid, 11238);
    assert_string_equal(r->comms[0], "apache2");
    assert_string_equal(r->names[1], "write");
    assert_int_equal(r->events[1].n_args, 3);
    assert_int_equal(r->events[1].args[2], 0x4d);
    stg_source_close(r->source);
}

/* --- LTTng before 2.6: sys_X, exit_syscall --- */

#define CONTEXT_TID CTF_COMM("_procname") CTF_I32("_tid") CTF_I32("_pid")

static void put_context(struct ctf_maker *m, uint16_t id, uint64_t ts_ns, const char *comm, int32_t tid, int32_t pid)
{
    ctf_make_event(m, id, ts_ns);
    ctf_make_comm(m, comm);
    ctf_make_i32(m, tid);
    ctf_make_i32(m, pid);
}

static void test_old_names(void **state)
{
    struct ctf_maker m;
    (void)state;
    ctf_make(&m, in_work("old"), "kernel", CONTEXT_TID,
             CTF_EVENT(0, "sys_read", CTF_I32("_fd") CTF_I64("_count")) CTF_EVENT(1, "sys_exit", CTF_I32("_error_code"))
                 CTF_EVENT(2, "exit_syscall", CTF_I64("_ret")) CTF_EVENT(3, "sched_wakeup", CTF_I32("_tid")));
    ctf_make_packet(&m, 3, 0);
    put_context(&m, 2, 100, "a", 7, 1);
    ctf_make_i64(&m, 5);
    put_context(&m, 0, 110, "a", 7, 1);
    ctf_make_i32(&m, 9);
    ctf_make_i64(&m, 4096);
    put_context(&m, 1, 120, "b\033[2J", 8, 1);
    ctf_make_i32(&m, 0);
    put_context(&m, 3, 125, "b", 8, 1);
    ctf_make_i32(&m, 7);
    put_context(&m, 2, 130, "a", 7, 1);
    ctf_make_i64(&m, -11);
    ctf_make_stream(&m, "channel0_3");
    struct reading *r = must_read(in_work("old"));
    assert_int_equal(r->n, 4);
    assert_int_equal(r->info.n_skipped, 1);
    assert_string_equal(r->names[0], "unknown"); /* an exit whose entry came before the recording */
    assert_int_equal(r->events[0].ret, 5);
    assert_string_equal(r->names[1], "read");
    assert_int_equal(r->events[1].kind, STG_EVENT_ENTRY);
    assert_int_equal(r->events[1].args[0], 9);
    assert_int_equal(r->events[1].n_args, 3); /* the tracer leaves buf out */
    assert_int_equal(r->events[1].args[2], 4096);
    assert_int_equal(r->events[1].cpu, 3);
    assert_string_equal(r->names[2], "exit");
    assert_int_equal(r->events[2].kind, STG_EVENT_ENTRY);
    assert_string_equal(r->comms[2], "b?[2J"); /* no escape sequence comes through */
    assert_string_equal(r->names[3], "read");
    assert_int_equal(r->events[3].kind, STG_EVENT_EXIT);
    assert_int_equal(r->events[3].ret, -11);
    stg_source_close(r->source);
}

/* --- No thread ids in the context --- */

#define SWITCH CTF_COMM("_prev_comm") CTF_I32("_prev_tid") CTF_COMM("_next_comm") CTF_I32("_next_tid")

static void put_switch(struct ctf_maker *m, uint64_t ts_ns, int32_t prev, int32_t next)
{
    ctf_make_event(m, 2, ts_ns);
    ctf_make_comm(m, "before");
    ctf_make_i32(m, prev);
    ctf_make_comm(m, "after");
    ctf_make_i32(m, next);
}

static void put_return(struct ctf_maker *m, uint16_t id, uint64_t ts_ns, int64_t value)
{
    ctf_make_event(m, id, ts_ns);
    ctf_make_i64(m, value);
}

/* Reads it; said = what comes on standard error. */
static struct reading *read_aloud(const char *path, char *said, size_t cap)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    const int before = dup(STDERR_FILENO);
    assert_true(before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    struct reading *r = must_read(path);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    rewind(file);
    said[fread(said, 1, cap - 1, file)] = '\0';
    fclose(file);
    return r;
}

static void test_sched_switch(void **state)
{
    struct ctf_maker m;
    char said[1024];
    (void)state;
    ctf_make(&m, in_work("switch"), "kernel", "",
             CTF_EVENT(0, "syscall_entry_read", CTF_I64("_fd")) CTF_EVENT(1, "syscall_exit_read", CTF_I64("_ret"))
                 CTF_EVENT(2, "sched_switch", SWITCH));
    ctf_make_packet(&m, 0, 0);
    put_return(&m, 0, 100, 3);
    put_switch(&m, 110, 41, 42);
    put_return(&m, 1, 120, 0);
    ctf_make_stream(&m, "c_0");
    ctf_make_packet(&m, 1, 0);
    put_return(&m, 1, 105, 8);
    ctf_make_stream(&m, "c_1");
    struct reading *r = read_aloud(in_work("switch"), said, sizeof said);
    assert_non_null(strstr(said, ": 1 event has no thread id: it came before the first sched_switch of its CPU\n"));
    assert_int_equal(r->n, 3);
    assert_int_equal(r->info.n_skipped, 1);
    assert_true(r->events[0].has & STG_HAS_TID); /* prev_tid of the first switch */
    assert_int_equal(r->events[0].tid, 41);
    assert_string_equal(r->comms[0], "before");
    assert_false(r->events[1].has & STG_HAS_TID); /* CPU 1 never switches */
    assert_int_equal(r->events[2].tid, 42);
    assert_string_equal(r->comms[2], "after");
    assert_false(r->events[2].has & STG_HAS_PID);
    stg_source_close(r->source);
}

/* LTTng has the text of the names of files; some tracers have addresses there. */
static void test_names_of_files(void **state)
{
    static const char *const files[] = {"/srv/../\xff\033[m", "", "/tmp/x"};
    struct ctf_maker m;
    (void)state;
    ctf_make(&m, in_work("files"), "kernel", CONTEXT_TID,
             CTF_EVENT(0, "syscall_entry_openat", CTF_I32("_dfd") "string _filename;" CTF_I32("_flags"))
                 CTF_EVENT(1, "syscall_entry_umount2", "string _name;")
                     CTF_EVENT(2, "syscall_entry_read", "string _filename;")
                         CTF_EVENT(3, "syscall_entry_unlink", CTF_I64("_pathname")));
    ctf_make_packet(&m, 0, 0);
    for (size_t i = 0; i < 2; i++) {
        put_context(&m, 0, 100 + i, "a", 7, 1);
        ctf_make_i32(&m, -100);
        ctf_make_bytes(&m, files[i], strlen(files[i]) + 1);
        ctf_make_i32(&m, 1);
    }
    put_context(&m, 1, 110, "a", 7, 1);
    ctf_make_bytes(&m, files[2], strlen(files[2]) + 1);
    put_context(&m, 2, 120, "a", 7, 1);
    ctf_make_bytes(&m, files[2], strlen(files[2]) + 1);
    put_context(&m, 3, 130, "a", 7, 1);
    ctf_make_i64(&m, 4096);
    ctf_make_stream(&m, "channel0_0");
    struct reading *r = must_read(in_work("files"));
    assert_int_equal(r->n, 5);
    for (size_t i = 0; i < r->n; i++) {
        assert_int_equal((r->events[i].has & STG_HAS_PATH) != 0, i == 0 || i == 2);
    }
    assert_string_equal(stg_strings_get(r->source->paths, r->events[0].path), "/srv/../??[m");
    assert_string_equal(stg_strings_get(r->source->paths, r->events[2].path), "/tmp/x");
    assert_int_equal(r->events[0].args[2], 1);
    stg_source_close(r->source);
}

static void test_no_thread(void **state)
{
    struct ctf_maker m;
    struct reading r;
    (void)state;
    ctf_make(&m, in_work("blind"), "kernel", "", CTF_EVENT(0, "syscall_entry_read", CTF_I64("_fd")));
    ctf_make_packet(&m, 0, 0);
    put_return(&m, 0, 100, 3);
    ctf_make_stream(&m, "c_0");
    assert_int_equal(read_all(&r, in_work("blind")), STG_ERR_INPUT);
    assert_message("no thread ids");
    assert_message("lttng add-context");
}

/* --- perf data convert --to-ctf --- */

static void put_perf(struct ctf_maker *m, uint16_t id, uint64_t ts_ns, int64_t number)
{
    ctf_make_event(m, id, ts_ns);
    ctf_make_i32(m, 12);
    ctf_make_i32(m, 11);
    ctf_make_i64(m, number);
}

static void test_perf(void **state)
{
    struct ctf_maker m;
    (void)state;
    ctf_make(
        &m, in_work("perf"), "kernel", "",
        CTF_EVENT(0, "raw_syscalls:sys_enter",
                  CTF_I32("perf_tid") CTF_I32("perf_pid") CTF_I64("id") "uint64_t args[6];")
            CTF_EVENT(1, "raw_syscalls:sys_exit", CTF_I32("perf_tid") CTF_I32("perf_pid") CTF_I64("id") CTF_I64("ret"))
                CTF_EVENT(2, "probe_libc:malloc", CTF_I32("perf_tid") CTF_I32("perf_pid") CTF_I64("bytes")));
    ctf_make_packet(&m, 0, 0);
    put_perf(&m, 0, 100, 257);
    for (int i = 1; i <= 6; i++) {
        ctf_make_i64(&m, i);
    }
    put_perf(&m, 1, 110, 257);
    ctf_make_i64(&m, -2);
    put_perf(&m, 1, 120, 100000);
    ctf_make_i64(&m, 0);
    put_perf(&m, 2, 130, 64);
    ctf_make_stream(&m, "perf_stream_0");
    struct reading *r = must_read(in_work("perf"));
    assert_int_equal(r->n, 4);
    assert_string_equal(r->names[0], "openat");
    assert_int_equal(r->events[0].tid, 12);
    assert_int_equal(r->events[0].pid, 11);
    assert_int_equal(r->events[0].n_args, 6);
    assert_int_equal(r->events[0].args[5], 6);
    assert_string_equal(r->names[1], "openat");
    assert_int_equal(r->events[1].ret, -2);
    assert_string_equal(r->names[2], "syscall_100000");
    assert_int_equal(r->events[3].kind, STG_EVENT_MARKER);
    assert_string_equal(r->names[3], "probe_libc:malloc");
    stg_source_close(r->source);
}

/* --- Several traces, gaps, user space --- */

static void test_session(void **state)
{
    struct ctf_maker m;
    (void)state;
    assert_int_equal(mkdir(in_work("session"), 0755), 0);
    assert_int_equal(mkdir(in_work("session/ust"), 0755), 0);
    ctf_make(&m, in_work("session/kernel"), "kernel", CTF_I32("_vtid") CTF_I32("_tid"),
             CTF_EVENT(0, "syscall_exit_mmap", CTF_U32("_ret")));
    ctf_make_packet(&m, 0, 0);
    ctf_make_event(&m, 0, 100);
    ctf_make_i32(&m, 1);
    ctf_make_i32(&m, 501);
    ctf_make_i32(&m, -12);
    ctf_make_packet(&m, 0, 9);
    ctf_make_event(&m, 0, 300);
    ctf_make_i32(&m, 1);
    ctf_make_i32(&m, 501);
    ctf_make_i32(&m, 77);
    ctf_make_stream(&m, "c_0");
    ctf_make(&m, in_work("session/ust/uid"), "ust", CTF_I32("_vtid") CTF_I32("_tid"),
             CTF_EVENT(0, "sys_like", CTF_I32("_x")));
    ctf_make_packet(&m, 0, 0);
    ctf_make_event(&m, 0, 200);
    ctf_make_i32(&m, 2);
    ctf_make_i32(&m, 502);
    ctf_make_i32(&m, 6);
    ctf_make_stream(&m, "c_0");
    struct reading *r = must_read(in_work("session"));
    assert_int_equal(r->n, 4);
    assert_int_equal(r->events[0].tid, 501);
    assert_int_equal(r->events[0].ret, -12); /* 32 bits, unsigned */
    assert_int_equal(r->events[1].kind, STG_EVENT_LOST);
    assert_int_equal(r->events[1].n_lost, 9);
    assert_true(r->events[1].has & STG_HAS_COUNT);
    assert_int_equal(r->events[1].ts_ns, 100);
    assert_int_equal(r->events[2].kind, STG_EVENT_MARKER); /* a user-space event is no system call, whatever its name */
    assert_string_equal(r->names[2], "sys_like");
    assert_int_equal(r->events[2].tid, 2);
    assert_int_equal(r->events[3].ret, 77);
    assert_int_equal(r->info.n_events, 3);
    assert_int_equal(r->info.n_lost, 9);
    stg_source_close(r->source);
}

/* --- Paths that are no traces --- */

static void test_bad_paths(void **state)
{
    struct reading r;
    (void)state;
    assert_int_equal(read_all(&r, in_work("nowhere")), STG_ERR_IO);
    assert_message("nowhere");
    assert_int_equal(mkdir(in_work("empty"), 0755), 0);
    assert_int_equal(read_all(&r, in_work("empty")), STG_ERR_INPUT);
    assert_message("no CTF trace");
    ctf_write_file(work, "file", "x", 1);
    assert_int_equal(read_all(&r, in_work("file")), STG_ERR_INPUT);
    assert_message("not a directory");
    ctf_write_file(in_work("empty"), "metadata", "", 0);
    assert_int_equal(read_all(&r, in_work("empty")), STG_ERR_INPUT);
    assert_message("the file is empty");
    ctf_write_file(in_work("empty"), "metadata", "hello", 5);
    assert_int_equal(read_all(&r, in_work("empty")), STG_ERR_INPUT);
    assert_message("not CTF 1.8");
    ctf_write_file(in_work("empty"), "metadata", "/* CTF 1.8 */ trace {", 21);
    assert_int_equal(read_all(&r, in_work("empty")), STG_ERR_INPUT);
    assert_message("metadata cannot be parsed");
}

/* --- Broken traces --- */

static const char small_events[] =
    CTF_EVENT(0, "syscall_entry_read", CTF_I64("_fd")) CTF_EVENT(1, "syscall_exit_read", CTF_I64("_ret"));

static void make_small(const char *path, int n_events)
{
    struct ctf_maker m;
    ctf_make(&m, path, "kernel", CONTEXT_TID, small_events);
    ctf_make_packet(&m, 0, 0);
    for (int i = 0; i < n_events; i++) {
        if (i > 0 && i % 1000 == 0) {
            ctf_make_packet(&m, 0, 0);
        }
        put_context(&m, (uint16_t)(i % 2), 100 + (uint64_t)i, "worker", 7, 1);
        ctf_make_i64(&m, i);
    }
    ctf_make_stream(&m, "c_0");
}

/* Of a session, too, no trace is left out because nothing says how to read it. */
static void test_streams_without_metadata(void **state)
{
    static const uint8_t packets[2][6] = {{0xC1, 0x1F, 0xFC, 0xC1, 1, 2}, {0xC1, 0xFC, 0x1F, 0xC1, 1, 2}};
    struct reading r;
    (void)state;
    assert_int_equal(mkdir(in_work("bare"), 0755), 0);
    assert_int_equal(mkdir(in_work("bare/kernel"), 0755), 0);
    make_small(in_work("bare/ust"), 3);
    ctf_write_file(in_work("bare/kernel"), "notes", "about this", 10);
    ctf_write_file(in_work("bare/kernel"), "short", packets[0], 3);
    assert_int_equal(read_all(&r, in_work("bare")), STG_OK);
    stg_source_close(r.source);
    for (size_t i = 0; i < 2; i++) {
        ctf_write_file(in_work("bare/kernel"), "channel0_0", packets[i], sizeof packets[i]);
        assert_int_equal(read_all(&r, in_work("bare")), STG_ERR_INPUT);
        assert_message("bare/kernel: streams of a CTF trace without their file `metadata`");
        assert_int_equal(read_all(&r, in_work("bare/kernel")), STG_ERR_INPUT);
        assert_message("bare/kernel: streams of a CTF trace without their file `metadata`");
    }
    assert_int_equal(stg_import_ctf.probe(in_work("bare"), NULL, 0), 100); /* open says what is wrong */
}

/* Reads to the end: either good or one line. */
static void read_hostile(const char *path, const char *what, size_t at)
{
    static struct reading r;
    const enum stg_status status = read_all(&r, path);
    if (status != STG_OK) {
        const char *message = stg_status_message();
        if (status != STG_ERR_INPUT || strchr(message, '\n') != NULL || strlen(message) < 10) {
            print_error("%s at %zu: status %d: %s\n", what, at, (int)status, message);
            fail();
        }
    }
    stg_source_close(r.source);
}

static void truncate_everywhere(const char *path, const char *name, size_t step)
{
    size_t n = 0;
    uint8_t *data = ctf_read_file(path, name, &n);
    for (size_t i = 0; i < n; i += effort_step(step)) {
        ctf_write_file(path, name, data, i);
        read_hostile(path, "truncated", i);
    }
    ctf_write_file(path, name, data, n);
    free(data);
}

static void test_truncated(void **state)
{
    (void)state;
    make_small(in_work("short"), 3);
    truncate_everywhere(in_work("short"), "c_0", 1);
    truncate_everywhere(in_work("short"), "metadata", 7);
    struct reading *r = must_read(in_work("short"));
    assert_int_equal(r->n, 3);
    stg_source_close(r->source);
}

static void test_bit_flips(void **state)
{
    static const char *const names[] = {"c_0", "metadata"};
    (void)state;
    make_small(in_work("flip"), 3);
    for (size_t i_name = 0; i_name < 2; i_name++) {
        size_t n = 0;
        uint8_t *data = ctf_read_file(in_work("flip"), names[i_name], &n);
        for (size_t i = 0; i < 8 * n; i += effort_step(i_name == 0 ? 5 : 61)) {
            data[i / 8] ^= (uint8_t)(1u << (i % 8));
            ctf_write_file(in_work("flip"), names[i_name], data, n);
            read_hostile(in_work("flip"), names[i_name], i);
            data[i / 8] ^= (uint8_t)(1u << (i % 8));
        }
        ctf_write_file(in_work("flip"), names[i_name], data, n);
        free(data);
    }
}

/* --- The child --- */

/* The one child of this process. */
static pid_t find_child(void)
{
    char path[64];
    long child = 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%ld", &child) != 1) {
        child = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return (pid_t)child;
}

static void test_killed_child(void **state)
{
    struct stg_source *source = NULL;
    const struct stg_event *events = NULL;
    size_t n = 0;
    uint64_t n_events = 0;
    (void)state;
    make_small(in_work("long"), 100000);
    assert_int_equal(stg_import_ctf.open(&source, in_work("long")), STG_OK);
    const pid_t child = find_child();
    if (child == 0) {
        stg_source_close(source);
        skip(); /* a kernel without /proc/…/children */
    }
    usleep(200000); /* the ring is full: it waits */
    assert_int_equal(kill(child, SIGKILL), 0);
    enum stg_status status = STG_OK;
    do {
        status = stg_source_next(source, &events, &n);
        n_events += n;
    } while (status == STG_OK && n > 0);
    assert_int_equal(status, STG_ERR_INPUT);
    assert_message("crashed (signal 9)");
    assert_true(n_events > 0 && n_events < 100000);
    stg_source_close(source);
}

static void test_early_close(void **state)
{
    struct stg_source *source = NULL;
    const struct stg_event *events = NULL;
    size_t n = 0;
    (void)state;
    make_small(in_work("close"), 100000);
    assert_int_equal(stg_import_ctf.open(&source, in_work("close")), STG_OK);
    assert_int_equal(stg_source_next(source, &events, &n), STG_OK);
    assert_true(n > 0);
    assert_int_equal(events[0].ts_ns, 100);
    stg_source_close(source);
    assert_int_equal(find_child(), 0);
}

/* All batches of a long trace arrive, in order. */
static void test_long(void **state)
{
    struct stg_source *source = NULL;
    const struct stg_event *events = NULL;
    size_t n = 0;
    uint64_t expected = 100;
    (void)state;
    make_small(in_work("all"), 100000);
    assert_int_equal(stg_import_ctf.open(&source, in_work("all")), STG_OK);
    do {
        assert_int_equal(stg_source_next(source, &events, &n), STG_OK);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(events[i].ts_ns, expected++);
        }
    } while (n > 0);
    assert_int_equal(expected, 100100);
    assert_int_equal(stg_source_next(source, &events, &n), STG_OK);
    assert_int_equal(n, 0);
    stg_source_close(source);
}

/* Each allocation of the parent fails in turn. */
static void test_no_memory(void **state)
{
    (void)state;
    make_small(in_work("memory"), 3);
    const uint64_t before = stg_mem_count();
    struct reading *r = must_read(in_work("memory"));
    stg_source_close(r->source);
    const uint64_t n = stg_mem_count() - before;
    for (uint64_t i = 1; i <= n; i++) {
        stg_mem_fail_at(i);
        const enum stg_status status = read_all(r, in_work("memory"));
        stg_mem_fail_at(0);
        assert_true(status == STG_OK || status == STG_ERR_MEMORY);
        stg_source_close(r->source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_web),
        cmocka_unit_test(test_old_names),
        cmocka_unit_test(test_sched_switch),
        cmocka_unit_test(test_names_of_files),
        cmocka_unit_test(test_no_thread),
        cmocka_unit_test(test_perf),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_bit_flips),
        cmocka_unit_test(test_killed_child),
        cmocka_unit_test(test_early_close),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_streams_without_metadata),
    };
    return cmocka_run_group_tests_name("import_ctf", tests, set_up, tear_down);
}
