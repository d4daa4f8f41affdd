/* Temporaries: closed to others, and gone after an exit that a signal drives. */
#include "base/clock.h"
#include "base/file.h"
#include "base/temporary.h"
#include "must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void put_file(const char *directory, const char *name)
{
    char path[1024];
    assert_true(snprintf(path, sizeof path, "%s/%s", directory, name) < (int)sizeof path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fclose(file);
}

static void a_directory_is_of_its_owner_alone(void **state)
{
    struct stg_temporary_dir d = {0};
    struct stat info;
    char path[512];
    (void)state;
    stg_temporary_dir_remove(&d); /* none */
    umask(0);
    must(stg_temporary_dir_make(&d));
    snprintf(path, sizeof path, "%s", d.path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    put_file(path, "a");
    char inside[1024], beside[1024];
    snprintf(inside, sizeof inside, "%s/a", path);
    snprintf(beside, sizeof beside, "%sa/a", path);
    assert_true(stg_temporary_holds(inside));
    assert_false(stg_temporary_holds(beside));
    assert_false(stg_temporary_holds(path));
    stg_temporary_dir_remove(&d);
    assert_false(stg_temporary_holds(inside));
    assert_null(d.path);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* More names than are read at a time, and what a writer has under way. */
static void all_is_abandoned(void **state)
{
    struct stg_temporary_dir d[2] = {{0}};
    struct stg_file_writer *w = NULL;
    char path[512];
    (void)state;
    must(stg_temporary_dir_make(&d[0]));
    must(stg_temporary_dir_make(&d[1]));
    for (int i = 0; i < 500; i++) {
        char name[64];
        snprintf(name, sizeof name, "a-name-that-is-not-short-at-all-%d", i);
        put_file(d[0].path, name);
    }
    snprintf(path, sizeof path, "%s/half", d[1].path);
    must(stg_file_writer_open(&w, path));
    stg_temporary_abandon_all();
    assert_int_not_equal(access(d[0].path, F_OK), 0);
    assert_int_not_equal(access(d[1].path, F_OK), 0);
    stg_file_writer_free(w);
    stg_temporary_dir_remove(&d[0]);
    stg_temporary_dir_remove(&d[1]);
}

static void what_is_forgotten_stays(void **state)
{
    struct stg_temporary_dir d = {0};
    (void)state;
    must(stg_temporary_dir_make(&d));
    stg_temporary_forget(d.number);
    stg_temporary_abandon_all();
    assert_int_equal(access(d.path, F_OK), 0);
    d.number = -1;
    stg_temporary_dir_remove(&d);
    setenv("TMPDIR", "/nowhere", 1);
    assert_int_equal(stg_temporary_dir_make(&d), STG_ERR_IO);
    assert_non_null(strstr(stg_status_message(), "set TMPDIR"));
    unsetenv("TMPDIR");
}

/* Of what is beside a file only that goes which a writer of it left that is dead: not what a process that lives has
 * under way, nor what is called otherwise, was written since, or is no file. */
static void what_the_dead_left_goes(void **state)
{
    struct stg_temporary_dir d = {0};
    char dead[64], path[2048], target[600], link[600];
    static const struct {
        const char *before, *after; /* the number of the process */
    } others[] = {{"out.tmp-1-0", NULL}, {"out.tmp-", ""},    {"out.tmp-", "-"},
                  {"out.tmp-", "-0x"},   {"out.tmp--", "-0"}, {"xout.tmp-", "-0"},
                  {"out.tmp-", "-0-0"},  {"out2.tmp-", "-0"}, {"out.tmp- ", "-0"}};
    const pid_t child = fork();
    (void)state;
    if (child == 0) {
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    snprintf(dead, sizeof dead, "%d", (int)child);
    must(stg_temporary_dir_make(&d));
    snprintf(target, sizeof target, "%s/out", d.path);
    snprintf(link, sizeof link, "%s/link", d.path);
    assert_int_equal(symlink(target, link), 0);
    for (int round = 0; round < 4; round++) {
        const int64_t before = stg_clock_real_ns() + (round == 0 ? -1 : 1) * INT64_C(1000000000);
        char name[128], other[sizeof others / sizeof others[0]][128];
        snprintf(name, sizeof name, "out.tmp-%s-12", dead);
        put_file(d.path, name);
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
            const bool named = others[i].after != NULL;
            snprintf(other[i], sizeof other[i], "%s%s%s", others[i].before, named ? dead : "",
                     named ? others[i].after : "");
            put_file(d.path, other[i]);
        }
        if (round == 3) {
            put_file(d.path, "out");
        }
        stg_temporary_remove_dead(round == 3 ? link : target, before);
        snprintf(path, sizeof path, "%s/%s", d.path, name);
        assert_int_equal(access(path, F_OK) == 0, round == 0);
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
            snprintf(path, sizeof path, "%s/%s", d.path, other[i]);
            assert_int_equal(access(path, F_OK), 0);
        }
    }
    snprintf(path, sizeof path, "%s/out.tmp-%s-7", d.path, dead);
    assert_int_equal(mkdir(path, 0700), 0);
    stg_temporary_remove_dead(target, INT64_MAX);
    assert_int_equal(rmdir(path), 0);
    stg_temporary_remove_dead("/nowhere/out", INT64_MAX);
    stg_temporary_dir_remove(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_is_of_its_owner_alone),
        cmocka_unit_test(all_is_abandoned),
        cmocka_unit_test(what_is_forgotten_stays),
        cmocka_unit_test(what_the_dead_left_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
