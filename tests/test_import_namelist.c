/* Import of name lists */
#include "import_support.h"

static void a_line_is_a_sequence_of_names(void **state)
{
    struct reading r;
    (void)state;
    read_fixture(&r, &stg_import_namelist, "namelist/lines.txt");
    assert_int_equal(r.n, 15);
    assert_int_equal(r.info.n_events, 9);
    assert_int_equal(r.info.n_skipped, 1);
    assert_true(r.info.has_sequences);
    assert_string_equal(name_of(&r, 1), "execve");
    assert_int_equal(r.events[4].kind, STG_EVENT_END);
    assert_string_equal(name_of(&r, 6), "open");
    assert_string_equal(name_of(&r, 8), "read");
    assert_string_equal(name_of(&r, 13), "exit_group");
    assert_int_equal(r.events[14].kind, STG_EVENT_END);
    reading_fini(&r);
}

static void a_file_of_a_directory_is_a_sequence(void **state)
{
    struct reading r;
    char path[512];
    (void)state;
    read_fixture(&r, &stg_import_namelist, "namelist/directory");
    assert_int_equal(count_kind(&r, STG_EVENT_BEGIN), 2);
    assert_int_equal(r.info.n_events, 5);
    assert_string_equal(name_of(&r, 3), "access");
    reading_fini(&r);
    assert_true(stg_import_namelist.probe(fixture(path, "namelist/directory"), NULL, 0) > 50);
    assert_int_equal(stg_import_intlist.probe(path, NULL, 0), 0);
}

/* Words are no trace; what is no word is refused with its place. */
static void other_text_is_refused(void **state)
{
    static const char words[] = "the trace was open\nfor a read\nof all that stands below\n";
    static const char call[] = "open close\nread(3, 4) = 4\n";
    struct reading r;
    (void)state;
    assert_int_equal(stg_import_namelist.probe("words", (const uint8_t *)words, sizeof words - 1), 0);
    assert_int_equal(stg_import_namelist.probe("call", (const uint8_t *)call, sizeof call - 1), 0);
    assert_int_equal(read_text(&r, &stg_import_namelist, call, sizeof call - 1), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "line 2: column 1: not a name"));
    reading_fini(&r);
    assert_int_equal(read_text(&r, &stg_import_namelist, "\n ,\n", 4), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "no name in it"));
    reading_fini(&r);
}

/* Keys that are no calls are read when they are asked for. */
static void other_keys_are_names(void **state)
{
    static const char keys[] = "E5 E22 E5\nE11 <unknown> 335\n";
    struct reading r;
    (void)state;
    assert_int_equal(stg_import_namelist.probe("keys", (const uint8_t *)keys, sizeof keys - 1), 0);
    assert_int_equal(read_text(&r, &stg_import_namelist, keys, sizeof keys - 1), STG_OK);
    assert_int_equal(r.info.n_events, 6);
    assert_string_equal(name_of(&r, 7), "<unknown>");
    reading_fini(&r);
}

static void the_probe_knows_its_text(void **state)
{
    (void)state;
    assert_probed(&stg_import_namelist, "namelist/lines.txt");
}

static void damage_is_survived(void **state)
{
    (void)state;
    read_damaged(&stg_import_namelist, "namelist/lines.txt", 400);
    read_without_memory(&stg_import_namelist, "namelist/lines.txt");
    read_without_memory(&stg_import_namelist, "namelist/directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_sequence_of_names), cmocka_unit_test(a_file_of_a_directory_is_a_sequence),
        cmocka_unit_test(other_text_is_refused),         cmocka_unit_test(other_keys_are_names),
        cmocka_unit_test(the_probe_knows_its_text),      cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
