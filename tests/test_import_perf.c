/* perf import: fixtures are output of perf 6.1 on Linux 6.18. */
#include "import_support.h"

static void raw_events_have_names_arguments_and_returns(void **state)
{
    struct reading r;
    (void)state;
    read_fixture(&r, &stg_import_perf, "perf/raw.txt");
    assert_int_equal(r.n, 40);
    assert_int_equal(r.info.n_events, 40);
    assert_int_equal(r.info.n_skipped, 0);
    assert_string_equal(name_of(&r, 0), "execve"); /* an exit without its entry */
    assert_int_equal(r.events[0].kind, STG_EVENT_EXIT);
    const struct stg_event *e = &r.events[1];
    assert_int_equal(e->kind, STG_EVENT_ENTRY);
    assert_string_equal(name_of(&r, 1), "brk");
    assert_string_equal(comm_of(&r, 1), "sh");
    assert_int_equal(e->ts_ns, UINT64_C(4909133334000));
    assert_int_equal(e->n_args, 6);
    assert_int_equal(e->args[1], 0x7ffe9354a02c);
    assert_int_equal(e->tid, 16365);
    assert_int_equal(e->has, STG_HAS_TIME | STG_HAS_CPU | STG_HAS_TID | STG_HAS_COMM);
    assert_int_equal(r.events[2].ret, INT64_C(94325491781632));
    assert_int_equal(r.events[6].ret, -2);
    assert_int_equal(r.events[6].has & STG_HAS_RET, STG_HAS_RET);
    reading_fini(&r);
}

static void named_events_are_read_too(void **state)
{
    struct reading r;
    size_t n_failed = 0;
    (void)state;
    read_fixture(&r, &stg_import_perf, "perf/named.txt");
    assert_int_equal(r.n, 80);
    for (size_t i = 0; i < r.n; i++) {
        n_failed += r.events[i].kind == STG_EVENT_EXIT && r.events[i].ret == -2;
        assert_true(strcmp(name_of(&r, i), "read") == 0 || strcmp(name_of(&r, i), "openat") == 0);
    }
    assert_true(n_failed > 3); /* 0xfffffffffffffffe */
    assert_int_equal(r.events[0].args[0], 0xffffff9c);
    assert_int_equal(r.events[0].n_args, 4);
    reading_fini(&r);
}

static void names_of_threads_may_look_like_other_fields(void **state)
{
    struct reading r;
    (void)state;
    read_fixture(&r, &stg_import_perf, "perf/spaces.txt");
    assert_int_equal(r.n, 8);
    assert_string_equal(comm_of(&r, 2), "my app 7 [001]");
    assert_int_equal(r.events[2].cpu, 0);
    assert_int_equal(r.events[2].tid, 20719);
    assert_string_equal(name_of(&r, 2), "prctl");
    reading_fini(&r);
    read_fixture(&r, &stg_import_perf, "perf/pid.txt");
    assert_int_equal(r.n, 4);
    assert_int_equal(r.events[0].pid, 20719);
    assert_int_equal(r.events[0].ts_ns, UINT64_C(5666460155336));
    assert_int_equal(r.events[0].has & STG_HAS_PID, STG_HAS_PID);
    reading_fini(&r);
}

static void lost_events_are_gaps(void **state)
{
    static const char text[] = "LOST 12 events!\n a 1 [000] 5.000001: raw_syscalls:sys_exit: NR 999 = 0\n"
                               " a 1 [000] 5.000002: PERF_RECORD_LOST_SAMPLES lost 7\n a 1 [000] 6.0: cycles: 12\n";
    struct reading r;
    (void)state;
    read_fixture(&r, &stg_import_perf, "perf/lost.txt");
    assert_int_equal(r.n, 7);
    assert_int_equal(r.events[3].kind, STG_EVENT_LOST);
    assert_int_equal(r.events[3].n_lost, 3341);
    assert_int_equal(r.events[3].has & STG_HAS_COUNT, STG_HAS_COUNT);
    assert_int_equal(r.info.n_lost, 3341);
    assert_int_equal(r.info.n_events, 6);
    reading_fini(&r);
    assert_int_equal(read_text(&r, &stg_import_perf, text, sizeof text - 1), STG_OK);
    assert_int_equal(r.info.n_gaps, 2);
    assert_int_equal(r.info.n_lost, 19);
    assert_int_equal(r.info.n_skipped, 1);
    assert_string_equal(name_of(&r, 1), "syscall_999");
    reading_fini(&r);
}

/* A gap whose size perf does not say is one event at least, and no count. */
static void a_loss_without_a_count(void **state)
{
    static const char text[] = " a 1 [000] 5.000001: raw_syscalls:sys_exit: NR 0 = 0\n"
                               " a 1 [000] 5.000002: PERF_RECORD_LOST lost\n";
    struct reading r;
    (void)state;
    assert_int_equal(read_text(&r, &stg_import_perf, text, sizeof text - 1), STG_OK);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.events[1].kind, STG_EVENT_LOST);
    assert_int_equal(r.events[1].n_lost, 1);
    assert_int_equal(r.events[1].has & STG_HAS_COUNT, 0);
    reading_fini(&r);
}

/* -F +misc and -F +period */
static void further_fields_are_passed_over(void **state)
{
    static const char text[] = " my app 7 [001] 7/8 [003] KE    5.000001:          1 raw_syscalls:sys_exit: NR 0 = 0\n"
                               " K 8 [003]  5.000002:  1 syscalls:sys_exit_read: 0x5\n"
                               " U 8 [003] U      5.000003: syscalls:sys_exit_read: 0x5\n";
    static const char *const comms[] = {"my app 7 [001]", "K", "U"};
    struct reading r;
    (void)state;
    assert_true(stg_import_perf.probe("x", (const uint8_t *)text, sizeof text - 1) > 50);
    assert_int_equal(read_text(&r, &stg_import_perf, text, sizeof text - 1), STG_OK);
    assert_int_equal(r.n, 3);
    for (size_t i = 0; i < r.n; i++) {
        assert_string_equal(comm_of(&r, i), comms[i]);
        assert_int_equal(r.events[i].tid, 8);
        assert_int_equal(r.events[i].cpu, 3);
        assert_int_equal(r.events[i].ts_ns, 5000001000 + 1000 * i);
    }
    reading_fini(&r);
}

/* --deltatime, of few lines and of many; the same times in order are none. */
static void times_between_lines_are_refused(void **state)
{
    (void)state;
    for (int n = 20; n <= 2000; n *= 100) {
        for (int delta = 0; delta < 2; delta++) {
            struct reading r;
            char *text = NULL;
            size_t len = 0;
            FILE *f = open_memstream(&text, &len);
            assert_non_null(f);
            for (int i = 0; i < n; i++) {
                fprintf(f, " a 1 [000] 0.%09d: raw_syscalls:sys_exit: NR 0 = 0\n", delta ? i * 7 % 13 : i);
            }
            assert_int_equal(fclose(f), 0);
            assert_int_equal(read_text(&r, &stg_import_perf, text, len), delta ? STG_ERR_INPUT : STG_OK);
            assert_true(!delta || strstr(stg_status_message(), "without --deltatime") != NULL);
            reading_fini(&r);
            free(text);
        }
    }
}

static void text_without_events_is_refused(void **state)
{
    struct reading r;
    (void)state;
    assert_int_equal(read_text(&r, &stg_import_perf, "hello\n", 6), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "no raw_syscalls or syscalls event"));
    reading_fini(&r);
    assert_int_equal(read_text(&r, &stg_import_perf, "", 0), STG_ERR_INPUT);
    reading_fini(&r);
    assert_int_equal(reading_init(&r, &stg_import_perf, "/nonexistent"), STG_ERR_IO);
    reading_fini(&r);
}

/* A server of a thread for each request may give each a name of its own: nothing is wrong with the file. */
static void the_number_of_thread_names_is_bounded(void **state)
{
    enum { THREADS = 65537, LINE = 64 };
    struct reading r;
    char *text = malloc((size_t)THREADS * LINE);
    size_t len = 0;
    (void)state;
    assert_non_null(text);
    for (int i = 0; i < THREADS; i++) {
        len += (size_t)snprintf(text + len, LINE, "t-%d 7 [000] 1.000001: raw_syscalls:sys_exit: NR 0 = 0\n", i);
    }
    assert_int_equal(read_text(&r, &stg_import_perf, text, len), STG_ERR_INPUT);
    free(text);
    assert_non_null(strstr(stg_status_message(), "line 65537: more than 65536 different thread names"));
    assert_null(strstr(stg_status_message(), "damaged"));
    reading_fini(&r);
}

static void the_probe_knows_its_text(void **state)
{
    (void)state;
    assert_probed(&stg_import_perf, "perf/raw.txt");
    assert_probed(&stg_import_perf, "perf/named.txt");
    assert_probed(&stg_import_perf, "perf/spaces.txt");
}

static void damage_is_survived(void **state)
{
    (void)state;
    read_damaged(&stg_import_perf, "perf/spaces.txt", 800);
    read_without_memory(&stg_import_perf, "perf/raw.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_events_have_names_arguments_and_returns),
        cmocka_unit_test(named_events_are_read_too),
        cmocka_unit_test(names_of_threads_may_look_like_other_fields),
        cmocka_unit_test(lost_events_are_gaps),
        cmocka_unit_test(a_loss_without_a_count),
        cmocka_unit_test(further_fields_are_passed_over),
        cmocka_unit_test(times_between_lines_are_refused),
        cmocka_unit_test(text_without_events_is_refused),
        cmocka_unit_test(the_number_of_thread_names_is_bounded),
        cmocka_unit_test(the_probe_knows_its_text),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
