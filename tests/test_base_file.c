/* Files: atomic writing, spills, full disks, lines forwards and backwards. */
#include "base/file.h"
#include "base/interrupt.h"
#include "must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[64];
enum { SIZE = 3 * (1 << 19) + 12345 };

static void write_text(const char *text, size_t n)
{
    struct stg_file_writer *w = NULL;
    must(stg_file_writer_open(&w, path));
    must(stg_file_writer_put(w, text, n));
    must(stg_file_writer_commit(w));
    stg_file_writer_free(w);
}

static void a_file_appears_whole_or_not_at_all(void **state)
{
    (void)state;
    struct stg_file_writer *w = NULL;
    struct stg_file_map map;
    unlink(path);
    must(stg_file_writer_open(&w, path));
    must(stg_file_writer_put(w, "half", 4));
    assert_int_not_equal(access(path, F_OK), 0);
    stg_file_writer_free(w);
    assert_int_not_equal(access(path, F_OK), 0);
    write_text("whole", 5);
    must(stg_file_map_open(&map, path));
    assert_int_equal(map.size, 5);
    assert_memory_equal(map.data, "whole", 5);
    stg_file_map_close(&map);
    assert_int_equal(stg_file_map_open(&map, "/nonexistent"), STG_ERR_IO);
    assert_int_equal(stg_file_map_open(&map, "/tmp"), STG_ERR_INPUT);
    assert_int_equal(stg_file_writer_open(&w, "/tmp"), STG_ERR_USAGE);
    assert_true(stg_file_is_directory("/tmp"));
}

struct seen {
    size_t n;
    bool differs;
};

static void compare_block(void *context, const void *block, size_t n)
{
    struct seen *s = context;
    for (size_t i = 0; i < n; i++, s->n++) {
        s->differs = s->differs || ((const unsigned char *)block)[i] != (unsigned char)(s->n * 7 >> 8);
    }
}

/* Block by block from anywhere, and up to where a file ends that became shorter. */
static void a_visit_shows_every_byte_once(void **state)
{
    (void)state;
    static const size_t begins[] = {0, 1, 4096, 123457, 1 << 19, (1 << 19) + 1, SIZE - 1, SIZE};
    static char text[SIZE];
    struct stg_file_map map;
    for (size_t i = 0; i < SIZE; i++) {
        text[i] = (char)(unsigned char)(i * 7 >> 8);
    }
    write_text(text, SIZE);
    must(stg_file_map_open(&map, path));
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        struct seen seen = {.n = begins[i]};
        must(stg_file_map_visit(&map, begins[i], compare_block, &seen));
        assert_true(seen.n == SIZE && !seen.differs);
    }
    struct seen seen = {.n = 10};
    const size_t left = (1 << 19) + 5000;
    assert_int_equal(truncate(path, (off_t)left), 0);
    assert_int_equal(stg_file_map_visit(&map, 10, compare_block, &seen), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "became shorter"));
    assert_true(seen.n == left && !seen.differs);
    stg_file_map_close(&map);
}

/* As /dev/stdout is where standard output goes into a file. */
static void what_is_open_is_added_to(void **state)
{
    (void)state;
    char open_file[64], link[80], held[16] = "";
    struct stg_file_writer *w = NULL;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(fputs("a", file) >= 0 && fflush(file) == 0);
    snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", fileno(file));
    snprintf(link, sizeof link, "%s.link", path);
    assert_int_equal(symlink(open_file, link), 0);
    const char *const names[] = {open_file, link};
    for (size_t i = 0; i < 2; i++) {
        must(stg_file_writer_open(&w, names[i]));
        must(stg_file_writer_put(w, "bc", 2));
        must(stg_file_writer_commit(w));
        stg_file_writer_free(w);
    }
    assert_true(readlink(link, held, sizeof held) > 0); /* still a link */
    assert_int_equal(pread(fileno(file), held, sizeof held, 0), 5);
    assert_memory_equal(held, "abcbc", 5);
    unlink(link);
    fclose(file);
}

static off_t size_of(const char *name)
{
    struct stat st;
    return lstat(name, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : -1;
}

/* A link to a link, in another directory, to a file: the file changes, atomically, and both stay links. */
static void a_link_leads_to_what_is_written(void **state)
{
    char directory[80], first[128], second[128], held[256];
    struct stg_file_writer *w = NULL;
    (void)state;
    snprintf(directory, sizeof directory, "%s.folder", path);
    snprintf(first, sizeof first, "%s/first", directory);
    snprintf(second, sizeof second, "%s.second", path);
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_int_equal(symlink(path, first), 0);
    assert_int_equal(symlink(first, second), 0);
    write_text("old", 3);
    must(stg_file_writer_open(&w, second));
    must(stg_file_writer_put(w, "newer", 5));
    assert_int_equal(size_of(path), 3);
    must(stg_file_writer_commit(w));
    stg_file_writer_free(w);
    assert_int_equal(size_of(path), 5);
    assert_true(readlink(first, held, sizeof held) > 0 && readlink(second, held, sizeof held) > 0);
    unlink(path); /* now it leads nowhere */
    must(stg_file_writer_open(&w, first));
    must(stg_file_writer_put(w, "here", 4));
    must(stg_file_writer_commit(w));
    stg_file_writer_free(w);
    assert_int_equal(size_of(first), 4);
    assert_true(unlink(first) == 0 && unlink(second) == 0 && rmdir(directory) == 0); /* nothing else is left */
}

static mode_t mode_of(const char *name)
{
    struct stat st;
    assert_int_equal(stat(name, &st), 0);
    return st.st_mode & 07777;
}

/* A private file stays private, also while it is written; a new one is as the umask says. */
static void permissions_are_kept(void **state)
{
    static const mode_t modes[] = {0600, 0640, 0666, 0400};
    struct stg_file_writer *w = NULL;
    char temporary[96];
    (void)state;
    const mode_t umask_before = umask(022);
    unlink(path);
    write_text("new", 3);
    assert_int_equal(mode_of(path), 0644);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        must(stg_file_writer_open(&w, path));
        glob_t found;
        snprintf(temporary, sizeof temporary, "%s.tmp-*", path);
        assert_true(glob(temporary, 0, NULL, &found) == 0 && found.gl_pathc == 1);
        assert_int_equal(mode_of(found.gl_pathv[0]), modes[i]);
        globfree(&found);
        must(stg_file_writer_put(w, "newer", 5));
        must(stg_file_writer_commit(w));
        stg_file_writer_free(w);
        assert_int_equal(mode_of(path), modes[i]);
        assert_int_equal(size_of(path), 5);
    }
    umask(umask_before);
    unlink(path);
}

/* Root leaves a user's file to the user; but what a user has put where everybody may is root's from then on. */
static void an_owner_is_kept(void **state)
{
    char directory[80], file[128];
    struct stat st;
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    snprintf(directory, sizeof directory, "%s.folder", path);
    snprintf(file, sizeof file, "%s/file", directory);
    assert_int_equal(mkdir(directory, 0700), 0);
    for (int planted = 0; planted < 2; planted++) {
        struct stg_file_writer *w = NULL;
        assert_int_equal(chmod(directory, planted ? 01777 : 0755), 0);
        must(stg_file_writer_open(&w, file)); /* as a file of somebody has to be there */
        must(stg_file_writer_commit(w));
        stg_file_writer_free(w);
        assert_true(chown(file, 33, 34) == 0 && chmod(file, 0660) == 0);
        must(stg_file_writer_open(&w, file));
        must(stg_file_writer_commit(w));
        stg_file_writer_free(w);
        assert_int_equal(stat(file, &st), 0);
        assert_int_equal(st.st_uid, planted ? 0 : 33);
        assert_int_equal(st.st_gid, planted ? getegid() : 34);
        assert_true(planted || (st.st_mode & 07777) == 0660);
        assert_int_equal(unlink(file), 0);
    }
    assert_int_equal(rmdir(directory), 0);
}

/* Who may not keep the group gives its rights to nobody. */
static void another_group_gets_nothing(void **state)
{
    char directory[80], file[128];
    struct stat st;
    int ended = 0;
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    snprintf(directory, sizeof directory, "%s.folder", path);
    snprintf(file, sizeof file, "%s/file", directory);
    assert_true(mkdir(directory, 0777) == 0 && chmod(directory, 0777) == 0);
    const int fd = creat(file, 0600);
    assert_true(fd >= 0 && fchown(fd, 0, 34) == 0 && fchmod(fd, 0664) == 0 && close(fd) == 0);
    const pid_t child = fork();
    if (child == 0) {
        struct stg_file_writer *w = NULL;
        const bool done = setgroups(0, NULL) == 0 && setresgid(33, 33, 33) == 0 && setresuid(33, 33, 33) == 0 &&
                          stg_file_writer_open(&w, file) == STG_OK && stg_file_writer_commit(w) == STG_OK;
        _exit(done ? 0 : 1);
    }
    assert_true(child > 0 && waitpid(child, &ended, 0) == child && ended == 0);
    assert_int_equal(stat(file, &st), 0);
    assert_true(st.st_uid == 33 && st.st_gid == 33);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_true(unlink(file) == 0 && rmdir(directory) == 0);
}

static void a_full_disk_is_reported(void **state)
{
    (void)state;
    struct stg_file_writer *w = NULL;
    must(stg_file_writer_open(&w, "/dev/full"));
    must(stg_file_writer_put(w, "x", 1));
    assert_int_equal(stg_file_writer_commit(w), STG_ERR_IO);
    assert_non_null(strstr(stg_status_message(), "/dev/full"));
    stg_file_writer_free(w);
}

static void a_spill_comes_back_in_order(void **state)
{
    (void)state;
    struct stg_file_spill *s = NULL;
    struct stg_file_writer *w = NULL;
    struct stg_file_map map;
    must(stg_file_spill_open(&s, path));
    for (uint32_t i = 0; i < 50000; i++) {
        must(stg_file_spill_put(s, &i, sizeof i));
    }
    must(stg_file_writer_open(&w, path));
    must(stg_file_spill_copy(s, w));
    must(stg_file_writer_commit(w));
    stg_file_writer_free(w);
    stg_file_spill_free(s);
    must(stg_file_map_open(&map, path));
    assert_int_equal(map.size, 200000);
    for (uint32_t i = 0; i < 50000; i++) {
        assert_memory_equal(map.data + i * 4, &i, 4);
    }
    stg_file_map_close(&map);
}

/* Beside a pipe or what is open there is no place for it. */
static void a_spill_of_what_is_no_file_lies_elsewhere(void **state)
{
    int ends[2];
    char name[64], back[2] = "";
    struct stg_file_spill *s = NULL;
    struct stg_file_writer *w = NULL;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", ends[1]);
    must(stg_file_spill_open(&s, name));
    must(stg_file_spill_put(s, "ab", 2));
    must(stg_file_writer_open(&w, name));
    must(stg_file_spill_copy(s, w));
    must(stg_file_writer_commit(w));
    assert_int_equal(read(ends[0], back, 2), 2);
    assert_memory_equal(back, "ab", 2);
    stg_file_writer_free(w);
    stg_file_spill_free(s);
    close(ends[0]);
    close(ends[1]);
}

static void check_lines(const char *text, const char *const *expected, size_t n)
{
    write_text(text, strlen(text));
    for (int reversed = 0; reversed < 2; reversed++) {
        struct stg_lines *l = NULL;
        const char *line;
        size_t len;
        must((reversed ? stg_lines_open_reversed : stg_lines_open)(&l, path, 100));
        for (size_t i = 0; i < n; i++) {
            must(stg_lines_next(l, &line, &len));
            assert_non_null(line);
            assert_string_equal(line, expected[reversed ? n - 1 - i : i]);
            assert_int_equal(stg_lines_number(l), i + 1);
        }
        for (int i = 0; i < 2; i++) {
            must(stg_lines_next(l, &line, &len));
            assert_null(line);
        }
        stg_lines_free(l);
    }
}

static void lines_are_the_same_in_both_directions(void **state)
{
    (void)state;
    check_lines("", NULL, 0);
    check_lines("\n", (const char *const[]){""}, 1);
    check_lines("a\nbc\n", (const char *const[]){"a", "bc"}, 2);
    check_lines("a\nbc", (const char *const[]){"a", "bc"}, 2);
    check_lines("\n\na\n\n", (const char *const[]){"", "", "a", ""}, 4);
    check_lines("a\r\n\r\nb\rc\r\n\r\r\n", (const char *const[]){"a", "", "b\rc", "\r"}, 4);
    check_lines("a\nb\r", (const char *const[]){"a", "b"}, 2);
    check_lines("\xEF\xBB\xBF"
                "a\n\xEF\xBB\xBF"
                "b\n",
                (const char *const[]){"a", "\xEF\xBB\xBF"
                                           "b"},
                2);
    check_lines("\xEF\xBB\xBF\r\n\xEF\xBB", (const char *const[]){"", "\xEF\xBB"}, 2);
}

static void long_lines_are_refused(void **state)
{
    (void)state;
    struct stg_lines *l = NULL;
    const char *line;
    size_t len;
    write_text("0123456789\n", 11);
    must(stg_lines_open(&l, path, 9));
    assert_int_equal(stg_lines_next(l, &line, &len), STG_ERR_INPUT);
    stg_lines_free(l);
    must(stg_lines_open_reversed(&l, path, 9));
    assert_int_equal(stg_lines_next(l, &line, &len), STG_ERR_INPUT);
    stg_lines_free(l);
}

/* Not taken for its end: what went is told as missing. */
static void a_file_that_becomes_shorter_is_refused(void **state)
{
    static char text[200000];
    (void)state;
    memset(text, '\n', sizeof text);
    for (int reversed = 0; reversed < 2; reversed++) {
        enum stg_status status;
        struct stg_lines *l = NULL;
        const char *line;
        size_t len;
        write_text(text, sizeof text);
        must((reversed ? stg_lines_open_reversed : stg_lines_open)(&l, path, 100));
        must(stg_lines_next(l, &line, &len));
        assert_int_equal(truncate(path, 100), 0);
        do {
            status = stg_lines_next(l, &line, &len);
        } while (status == STG_OK && line != NULL);
        assert_int_equal(status, STG_ERR_INPUT);
        assert_non_null(strstr(stg_status_message(), "became shorter"));
        stg_lines_free(l);
    }
}

static int quiet_pipe[2];

/* A wait that does not end is ended by the end of the pipe. */
static void interrupt(int number)
{
    static volatile sig_atomic_t ticks;
    (void)number;
    stg_interrupt_ask();
    if (ticks++ == 50) {
        close(quiet_pipe[1]);
    }
}

/* In a process of its own: it stays interrupted. */
static void read_quiet_pipe(void)
{
    char name[64];
    struct stg_lines *l = NULL;
    const char *line;
    size_t len;
    struct sigaction action = {.sa_handler = interrupt};
    const struct itimerval every = {{0, 20000}, {0, 20000}};
    snprintf(name, sizeof name, "/proc/self/fd/%d", quiet_pipe[0]);
    if (stg_lines_open(&l, name, 100) != STG_OK || sigaction(SIGALRM, &action, NULL) != 0 ||
        setitimer(ITIMER_REAL, &every, NULL) != 0) {
        _exit(99);
    }
    const enum stg_status status = stg_lines_next(l, &line, &len);
    stg_lines_free(l);
    _exit((int)status);
}

static void waiting_for_a_line_can_be_interrupted(void **state)
{
    int how = 0;
    (void)state;
    assert_int_equal(pipe(quiet_pipe), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        read_quiet_pipe();
    }
    close(quiet_pipe[1]);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), STG_ERR_INTERRUPTED);
    close(quiet_pipe[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_appears_whole_or_not_at_all),
        cmocka_unit_test(a_visit_shows_every_byte_once),
        cmocka_unit_test(what_is_open_is_added_to),
        cmocka_unit_test(a_link_leads_to_what_is_written),
        cmocka_unit_test(permissions_are_kept),
        cmocka_unit_test(an_owner_is_kept),
        cmocka_unit_test(another_group_gets_nothing),
        cmocka_unit_test(a_full_disk_is_reported),
        cmocka_unit_test(a_spill_comes_back_in_order),
        cmocka_unit_test(a_spill_of_what_is_no_file_lies_elsewhere),
        cmocka_unit_test(lines_are_the_same_in_both_directions),
        cmocka_unit_test(long_lines_are_refused),
        cmocka_unit_test(a_file_that_becomes_shorter_is_refused),
        cmocka_unit_test(waiting_for_a_line_can_be_interrupted),
    };
    snprintf(path, sizeof path, "/tmp/strange-file-%ld", (long)getpid());
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
