/* record/ on the kernel that runs here: what is rare and happens all the same. Where this process may not record, each
 * test is skipped. */
#include "record_support.h"

#include "must.h"
#include "scratch.h"

#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

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

/* --- The file of a marker --- */

#define EMPTY_TABLES 300 /* of symbols that are none: what looks through them is at work for a while */
#define EMPTY_SIZE   (200000 * sizeof(Elf64_Sym))

static bool holds_symbols(const Elf64_Shdr *section)
{
    return section->sh_type == SHT_SYMTAB || section->sh_type == SHT_DYNSYM;
}

/* Read, as in memory that maps it another test may have a breakpoint: a marker of its recorder. */
static uint8_t *read_workload(size_t *size)
{
    struct stat about;
    uint8_t *bytes = NULL;
    const int fd = open(workload(), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &about) == 0);
    *size = (size_t)about.st_size;
    must(stg_mem_zeroed(&bytes, *size, 1));
    assert_int_equal(read(fd, bytes, *size), *size);
    close(fd);
    return bytes;
}

/* A copy of the workload whose symbols are found late: their sections come last, behind many without any. */
static void make_slow_copy(const char *path)
{
    Elf64_Ehdr head;
    size_t size;
    uint8_t *bytes = read_workload(&size);
    memcpy(&head, bytes, sizeof head);
    const size_t n = head.e_shnum, at = (size + 7) / 8 * 8, n_bytes = (2 * n + EMPTY_TABLES) * sizeof(Elf64_Shdr);
    Elf64_Shdr *sections = NULL;
    must(stg_mem_zeroed(&sections, 2 * n + EMPTY_TABLES, sizeof *sections));
    memcpy(sections, bytes + head.e_shoff, n * sizeof *sections);
    for (size_t i = 0; i < n + EMPTY_TABLES; i++) {
        Elf64_Shdr *s = &sections[i];
        if (i >= n) {
            *s = (Elf64_Shdr){.sh_type = SHT_SYMTAB, .sh_offset = at + n_bytes, .sh_size = EMPTY_SIZE};
        } else if (holds_symbols(s)) {
            sections[n + EMPTY_TABLES + i] = *s;
            s->sh_type = SHT_NULL;
        }
    }
    head.e_shoff = at;
    head.e_shnum = (uint16_t)(2 * n + EMPTY_TABLES);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(pwrite(fd, &head, sizeof head, 0), sizeof head);
    assert_int_equal(pwrite(fd, sections, n_bytes, (off_t)at), n_bytes);
    assert_int_equal(ftruncate(fd, (off_t)(at + n_bytes + EMPTY_SIZE)), 0);
    close(fd);
    stg_mem_free(sections);
    stg_mem_free(bytes);
}

/* A process that gives a file another one's name as soon as its parent has another child: what looks for symbols. */
static pid_t start_swapping(const char *from, const char *to)
{
    const pid_t parent = getpid(), swapper = fork();
    assert_true(swapper >= 0);
    if (swapper > 0) {
        return swapper;
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    while (getppid() == parent) {
        int first = 0, second = 0;
        FILE *file = fopen(path, "r");
        const int n = file == NULL ? 0 : fscanf(file, "%d %d", &first, &second);
        if (file != NULL) {
            fclose(file);
        }
        if (n == 2) {
            _exit(rename(from, to) == 0 ? 0 : 1);
        }
    }
    _exit(2);
}

/* The place that was looked up is one of the file in which it was, also where that has another one's name meanwhile: in
 * another program's file it may be in the middle of an instruction. */
static void test_marker_file_is_swapped(void **state)
{
    char dir[64], slow[80], program[80], other[80], text[128], script[256];
    struct stg_marker marker;
    struct stg_record_options o = {.markers = &marker, .n_markers = 1, .follow = true};
    struct recording r;
    int swapped = 0;
    (void)state;
    need_recorder();
    scratch_path(dir, sizeof dir, "swap-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(slow, sizeof slow, "%s/slow", dir);
    snprintf(program, sizeof program, "%s/program", dir);
    snprintf(other, sizeof other, "%s/other", dir);
    make_slow_copy(slow);
    assert_int_equal(symlink(slow, program), 0);
    assert_int_equal(symlink(workload(), other), 0);
    snprintf(text, sizeof text, "uprobe:%s:workload_mark=w:mark", program);
    must(stg_marker_parse(&marker, text, "--marker"));
    snprintf(script, sizeof script, "\"$STRANGE_WORKLOAD\" marks 5 && %s marks 3", slow);
    char *const command[] = {(char *)"/bin/sh", (char *)"-c", script, NULL};
    o.command = command;
    const pid_t swapper = start_swapping(other, program);
    recording_start(&r, &o);
    recording_finish(&r);
    assert_int_equal(waitpid(swapper, &swapped, 0), swapper);
    assert_true(WIFEXITED(swapped) && WEXITSTATUS(swapped) == 0);
    assert_int_equal(stg_record_command_status(r.record), 0);
    assert_int_equal(count_of(&r, STG_EVENT_MARKER, "w:mark", 0), 3);
    recording_fini(&r);
    assert_true(unlink(slow) == 0 && unlink(program) == 0 && rmdir(dir) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_together),  cmocka_unit_test(test_execveat),
        cmocka_unit_test(test_numbers_beyond), cmocka_unit_test(test_late_names),
        cmocka_unit_test(test_gap_time),       cmocka_unit_test(test_marker_file_is_swapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
