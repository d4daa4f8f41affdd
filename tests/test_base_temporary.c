/* Temporaries: closed to others, and gone after an exit that a signal drives. */
#include "base/file.h"
#include "base/temporary.h"
#include "must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
    stg_temporary_dir_remove(&d);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_is_of_its_owner_alone),
        cmocka_unit_test(all_is_abandoned),
        cmocka_unit_test(what_is_forgotten_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
