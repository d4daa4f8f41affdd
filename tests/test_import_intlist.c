/* Import of integer lists */
#include "import_support.h"
#include "scratch.h"

static void a_line_is_a_sequence(void **state)
{
    struct reading r;
    (void)state;
    read_fixture(&r, &stg_import_intlist, "intlist/lines.txt");
    assert_int_equal(r.n, 16);
    assert_int_equal(r.info.n_events, 10);
    assert_int_equal(r.info.n_skipped, 1);
    assert_true(r.info.total > 0);
    assert_int_equal(r.info.done, r.info.total);
    assert_true(r.info.has_sequences);
    assert_int_equal(r.info.n_files, 0);
    assert_int_equal(r.events[0].kind, STG_EVENT_BEGIN);
    assert_int_equal(r.events[1].kind, STG_EVENT_ENTRY);
    assert_string_equal(name_of(&r, 3), "22");
    assert_int_equal(r.events[5].kind, STG_EVENT_END);
    assert_int_equal(r.events[5].tid, 1);
    assert_int_equal(r.events[6].tid, 2);
    assert_string_equal(name_of(&r, 13), "-3");
    assert_int_equal(r.events[13].ts_ns, 8);
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(r.events[i].has, STG_HAS_TID);
    }
    reading_fini(&r);
}

static void a_file_of_a_directory_is_a_sequence(void **state)
{
    struct reading r;
    char path[512];
    (void)state;
    read_fixture(&r, &stg_import_intlist, "intlist/directory");
    assert_int_equal(r.n, 9);
    assert_int_equal(count_kind(&r, STG_EVENT_BEGIN), 2);
    assert_string_equal(name_of(&r, 1), "168"); /* b.txt comes before sub/a.txt */
    assert_string_equal(name_of(&r, 3), "265");
    assert_int_equal(r.events[4].kind, STG_EVENT_END);
    assert_string_equal(name_of(&r, 6), "3");
    assert_int_equal(r.info.n_files, 2);
    assert_non_null(strstr(r.info.files[0], "intlist/directory/b.txt"));
    assert_non_null(strstr(r.info.files[1], "intlist/directory/sub/a.txt"));
    assert_int_equal(r.info.total, 16);
    assert_int_equal(r.info.done, 16);
    reading_fini(&r);
    assert_true(stg_import_intlist.probe(fixture(path, "intlist/directory"), NULL, 0) > 50);
    assert_int_equal(stg_import_intlist.probe(fixture(path, "strace"), NULL, 0), 0);
}

/* Blank lines and blank files are skipped, and so they are where the format is looked for. */
static void blanks_hide_no_format(void **state)
{
    static const char text[] = "1 2\n \n\n\t\r\n3\n";
    char directory[64], path[2][80];
    struct reading r;
    (void)state;
    assert_true(stg_import_intlist.probe("x", (const uint8_t *)text, sizeof text - 1) > 50);
    assert_int_equal(stg_import_intlist.probe("x", (const uint8_t *)" \n\n", 3), 0);
    scratch_path(directory, sizeof directory, "lists-XXXXXX");
    assert_non_null(mkdtemp(directory));
    for (int blank = 0; blank < 2; blank++) { /* whichever of the files a directory lists first */
        for (int i = 0; i < 2; i++) {
            snprintf(path[i], sizeof path[i], "%s/%d", directory, i);
            FILE *file = fopen(path[i], "w");
            assert_non_null(file);
            assert_true(fputs(i == blank ? " \n\n" : "1 2\n", file) >= 0);
            assert_int_equal(fclose(file), 0);
        }
        assert_true(stg_import_intlist.probe(directory, NULL, 0) > 50);
        assert_int_equal(reading_init(&r, &stg_import_intlist, directory), STG_OK);
        assert_int_equal(count_kind(&r, STG_EVENT_BEGIN), 1);
        assert_int_equal(r.info.n_skipped, 1);
        reading_fini(&r);
    }
    unlink(path[0]);
    unlink(path[1]);
    rmdir(directory);
}

/* A link back to where it lies makes nothing of what is there a second time. */
static void a_link_back_is_passed_by(void **state)
{
    char directory[] = "/tmp/strange-test-XXXXXX", path[64], link[64];
    struct reading r;
    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/a", directory);
    snprintf(link, sizeof link, "%s/back", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("1 2 3\n", file) >= 0);
    fclose(file);
    assert_int_equal(symlink(".", link), 0);
    assert_int_equal(reading_init(&r, &stg_import_intlist, directory), STG_OK);
    assert_int_equal(r.n, 5);
    assert_int_equal(r.info.n_skipped, 1);
    reading_fini(&r);
    unlink(link);
    unlink(path);
    rmdir(directory);
}

static void what_is_no_integer_is_named_with_its_place(void **state)
{
    struct reading r;
    (void)state;
    assert_int_equal(read_text(&r, &stg_import_intlist, "1 2\n3 4x 5\n", 11), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "line 2: column 3: not an integer"));
    reading_fini(&r);
    assert_int_equal(read_text(&r, &stg_import_intlist, "99999999999999999999999\n", 24), STG_ERR_INPUT);
    reading_fini(&r);
    assert_int_equal(read_text(&r, &stg_import_intlist, "\n \n", 3), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "no integer in it"));
    reading_fini(&r);
}

/* Commas and bars separate, too; such lines are not taken for those of data.txt, whose columns end with a semicolon. */
static void commas_and_bars_separate(void **state)
{
    static const char text[] = "5,6, 7,5,6,7,5,6,7,8\n9|10|\n";
    struct reading r;
    (void)state;
    assert_int_equal(read_text(&r, &stg_import_intlist, text, sizeof text - 1), STG_OK);
    assert_int_equal(r.info.n_events, 12);
    assert_string_equal(name_of(&r, 14), "10");
    reading_fini(&r);
    static const char lists[] = "5,6,7,5,6,7,5,6,7,8\n9,10,9,10,9,10,9,10,9,10,9\n";
    assert_true(stg_import_intlist.probe("lists", (const uint8_t *)lists, sizeof lists - 1) >= 90);
    assert_int_equal(stg_import_paper.probe("lists", (const uint8_t *)lists, sizeof lists - 1), 0);
}

static void the_number_of_names_is_bounded(void **state)
{
    struct reading r;
    static char text[70000 * 7];
    size_t len = 0;
    (void)state;
    for (int i = 0; i < 70000; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%d ", i);
    }
    assert_int_equal(read_text(&r, &stg_import_intlist, text, len), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "more than 65536 different"));
    reading_fini(&r);
}

static void the_probe_knows_its_text(void **state)
{
    (void)state;
    assert_probed(&stg_import_intlist, "intlist/lines.txt");
}

static void damage_is_survived(void **state)
{
    (void)state;
    read_damaged(&stg_import_intlist, "intlist/lines.txt", 400);
    read_without_memory(&stg_import_intlist, "intlist/lines.txt");
    read_without_memory(&stg_import_intlist, "intlist/directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_sequence),
        cmocka_unit_test(a_file_of_a_directory_is_a_sequence),
        cmocka_unit_test(blanks_hide_no_format),
        cmocka_unit_test(a_link_back_is_passed_by),
        cmocka_unit_test(what_is_no_integer_is_named_with_its_place),
        cmocka_unit_test(commas_and_bars_separate),
        cmocka_unit_test(the_number_of_names_is_bounded),
        cmocka_unit_test(the_probe_knows_its_text),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
