/* Import of the paper's data.txt */
#include "import_support.h"
#include "scratch.h"

static void requests_become_sequences(void **state)
{
    static const enum stg_event_kind kinds[] = {STG_EVENT_BEGIN, STG_EVENT_ENTRY, STG_EVENT_EXIT,
                                                STG_EVENT_ENTRY, STG_EVENT_END,   STG_EVENT_BEGIN,
                                                STG_EVENT_ENTRY, STG_EVENT_EXIT,  STG_EVENT_END};
    static const uint64_t times[] = {0, 100, 440, 449, 456, 457, 462, 468, 468};
    struct reading r;
    (void)state;
    read_fixture(&r, &stg_import_paper, "paper/data.txt");
    assert_int_equal(r.n, 9);
    assert_int_equal(r.info.n_events, 5);
    assert_int_equal(r.info.n_skipped, 1);
    assert_true(r.info.has_sequences);
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(r.events[i].kind, kinds[i]);
        assert_int_equal(r.events[i].ts_ns, times[i]);
        assert_int_equal(r.events[i].has & STG_HAS_TIME, STG_HAS_TIME);
    }
    assert_string_equal(name_of(&r, 1), "read");
    assert_string_equal(comm_of(&r, 1), "apache2");
    assert_string_equal(name_of(&r, 3), "[UNKNOWN]"); /* a call outside the publisher's vocabulary is still a call */
    assert_string_equal(comm_of(&r, 3), "php-fpm8.2");
    assert_int_equal(r.events[3].pid, 80);
    assert_int_equal(r.events[3].tid, 81);
    assert_int_equal(r.events[1].has & STG_HAS_CLASS, 0);
    assert_int_equal(r.events[2].ret, -1);
    assert_int_equal(r.events[2].has & STG_HAS_CLASS, STG_HAS_CLASS);
    assert_int_equal(r.events[7].ret, 0);
    assert_int_equal(r.events[7].has & STG_HAS_CLASS, STG_HAS_CLASS);
    assert_int_equal(r.events[7].has & STG_HAS_RET, 0);
    reading_fini(&r);
}

static void dictionaries_may_lie_one_directory_up_or_nowhere(void **state)
{
    static const char text[] = "2,6,3;0,1,0;0,5,0;2,5,3;0,70,0;0,71,0;0,0,0\n";
    struct reading r;
    (void)state;
    read_fixture(&r, &stg_import_paper, "paper/runs/below.txt");
    assert_string_equal(name_of(&r, 6), "write");
    reading_fini(&r);
    assert_int_equal(read_text(&r, &stg_import_paper, text, sizeof text - 1), STG_OK);
    assert_string_equal(name_of(&r, 1), "6");
    assert_string_equal(comm_of(&r, 1), "5");
    reading_fini(&r);
}

static void put_file(const char *directory, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Reads a request of a call 6 beside a dictionary of calls. */
static enum stg_status read_beside(struct reading *r, const char *dictionary)
{
    char directory[64], path[80];
    scratch_path(directory, sizeof directory, "paper-XXXXXX");
    assert_non_null(mkdtemp(directory));
    put_file(directory, "dict_sys.txt", dictionary);
    put_file(directory, "data.txt", "2,6,3;0,1,0;0,5,0;2,5,3;0,70,0;0,71,0;0,0,0\r\n");
    snprintf(path, sizeof path, "%s/data.txt", directory);
    const enum stg_status status = reading_init(r, &stg_import_paper, path);
    unlink(path);
    snprintf(path, sizeof path, "%s/dict_sys.txt", directory);
    unlink(path);
    rmdir(directory);
    return status;
}

static void dictionaries_are_checked(void **state)
{
    static const char *const good[] = {"6\twrite\n", "6\twrite", "\r\n5\tread\r\n6\twrite\r\n",
                                       "  6\twrite\n65535\tx\n"};
    static const char *const bad[] = {"6\n",        "6 write\n",   "6\t\n",     "6\t\r\n",
                                      "65536\tx\n", "-6\twrite\n", "write\t6\n"};
    struct reading r;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(read_beside(&r, good[i]), STG_OK);
        assert_string_equal(name_of(&r, 1), "write");
        reading_fini(&r);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(read_beside(&r, bad[i]), STG_ERR_INPUT);
        assert_non_null(strstr(stg_status_message(), "dict_sys.txt: line 1: expected `ID<tab>NAME`"));
        reading_fini(&r);
    }
}

static void refuse(const char *text, const char *because)
{
    struct reading r;
    assert_int_equal(read_text(&r, &stg_import_paper, text, strlen(text)), STG_ERR_INPUT);
    if (strstr(stg_status_message(), because) == NULL) {
        fail_msg("%s: not about %s", stg_status_message(), because);
    }
    reading_fini(&r);
}

static void damaged_lines_are_named(void **state)
{
    (void)state;
    refuse("", "no request");
    refuse("\n2,6,3;0,1,0;0,5,0\n", "line 2: 3 columns");
    refuse("2,6,3;0,1,0;0,5,0;2,5,3;0,70,0;0,71,0;0,0\n", "`call` and `ret` have different lengths");
    refuse("2,6,3;0,1,0;0,x,0;2,5,3;0,70,0;0,71,0;0,0,0\n", "value 2 of column `duration`");
    refuse("2,6,3;0,3,0;0,5,0;2,5,3;0,70,0;0,71,0;0,0,0\n", "entry and ret");
    refuse("2,6,3;0,1,0;0,9223372036854775807,1;2,5,3;0,70,0;0,71,0;0,0,0\n", "292 years");
    refuse("2,6,3;0,1,0;0,5,0;2,5,3;0,99999999999,0;0,71,0;0,0,0\n", "below 2^31");
}

static void the_probe_knows_its_text(void **state)
{
    (void)state;
    assert_probed(&stg_import_paper, "paper/data.txt");
}

static void damage_is_survived(void **state)
{
    (void)state;
    read_damaged(&stg_import_paper, "paper/data.txt", 400);
    read_without_memory(&stg_import_paper, "paper/data.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_become_sequences), cmocka_unit_test(dictionaries_may_lie_one_directory_up_or_nowhere),
        cmocka_unit_test(dictionaries_are_checked),  cmocka_unit_test(damaged_lines_are_named),
        cmocka_unit_test(the_probe_knows_its_text),  cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
