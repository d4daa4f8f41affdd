/* Import of lines of a process and its call */
#include "import_support.h"

static void a_process_is_a_thread(void **state)
{
    struct reading r;
    (void)state;
    read_fixture(&r, &stg_import_pairs, "pairs/lines.int");
    assert_int_equal(r.n, 20);
    assert_false(r.info.has_sequences);
    assert_int_equal(r.events[0].kind, STG_EVENT_ENTRY);
    assert_int_equal(r.events[0].tid, 552);
    assert_int_equal(r.events[4].tid, 553);
    assert_string_equal(name_of(&r, 4), "8");
    assert_int_equal(r.events[19].ts_ns, 19);
    assert_int_equal(r.events[19].has, STG_HAS_TID);
    assert_int_equal(r.info.done, r.info.total);
    reading_fini(&r);
}

/* A number comes again in the next file, and is another process. */
static void processes_of_files_are_apart(void **state)
{
    static const int32_t tids[] = {1, 2, 1, 3};
    struct reading r;
    (void)state;
    read_fixture(&r, &stg_import_pairs, "pairs/directory");
    assert_int_equal(r.n, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(r.events[i].tid, tids[i]);
    }
    assert_int_equal(r.info.n_files, 3);
    assert_string_equal(r.info.files[0], r.info.files[1]);
    assert_non_null(strstr(r.info.files[2], "b.int"));
    assert_int_equal(r.info.n_skipped, 1);
    assert_int_equal(r.info.done, r.info.total);
    reading_fini(&r);
}

static void other_lines_are_refused(void **state)
{
    static const char *const lines[] = {"552 5\n552\n", "552 5\n552 5 6\n", "552 5\nread 5\n", "552 5\n552 5x\n",
                                        "552 5\n-552 5\n"};
    struct reading r;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(read_text(&r, &stg_import_pairs, lines[i], strlen(lines[i])), STG_ERR_INPUT);
        assert_non_null(strstr(stg_status_message(), "line 2: not a process and its call"));
        reading_fini(&r);
    }
    assert_int_equal(read_text(&r, &stg_import_pairs, "0 5\n", 4), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "line 1: a process is a number from 1"));
    reading_fini(&r);
    assert_int_equal(read_text(&r, &stg_import_pairs, "\n", 1), STG_ERR_INPUT);
    reading_fini(&r);
}

/* What integer lists are, too, is found to be pairs when it has nothing else; a few lines are not enough. */
static void the_probe_is_surer_than_that_of_lists(void **state)
{
    static const char few[] = "552 5\n552 6\n553 5\n";
    char path[512];
    uint8_t head[4096];
    (void)state;
    FILE *f = fopen(fixture(path, "pairs/lines.int"), "rb");
    assert_non_null(f);
    const size_t n = fread(head, 1, sizeof head, f);
    fclose(f);
    assert_true(stg_import_pairs.probe(path, head, n) > stg_import_intlist.probe(path, head, n));
    assert_int_equal(stg_import_pairs.probe("few", (const uint8_t *)few, sizeof few - 1), 0);
    head[1] = ' '; /* three values in the first line */
    assert_int_equal(stg_import_pairs.probe(path, head, n), 0);
}

/* Two keys on each line, the first too large for a process: these are integer lists. */
static void keys_are_no_processes(void **state)
{
    char text[20 * 16] = "";
    (void)state;
    for (int i = 0; i < 20; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "3000000000 %d\n", i);
    }
    assert_int_equal(stg_import_pairs.probe("keys", (const uint8_t *)text, strlen(text)), 0);
    assert_true(stg_import_intlist.probe("keys", (const uint8_t *)text, strlen(text)) > 0);
    for (int i = 0; i < 20; i++) {
        memcpy(strstr(text, "3000000000"), "2000000000", 10);
    }
    assert_true(stg_import_pairs.probe("keys", (const uint8_t *)text, strlen(text)) > 0);
}

static void damage_is_survived(void **state)
{
    (void)state;
    read_damaged(&stg_import_pairs, "pairs/lines.int", 100);
    read_without_memory(&stg_import_pairs, "pairs/lines.int");
    read_without_memory(&stg_import_pairs, "pairs/directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_is_a_thread),   cmocka_unit_test(processes_of_files_are_apart),
        cmocka_unit_test(other_lines_are_refused), cmocka_unit_test(the_probe_is_surer_than_that_of_lists),
        cmocka_unit_test(keys_are_no_processes),   cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
