/* sysdig import */
#include "import_support.h"

static void newest_first_is_read_from_the_end(void **state)
{
    struct reading r;
    (void)state;
    read_fixture(&r, &stg_import_sysdig, "sysdig/newest.txt");
    assert_int_equal(r.n, 9);
    for (size_t i = 1; i < r.n; i++) {
        assert_true(r.events[i - 1].ts_ns < r.events[i].ts_ns);
    }
    assert_int_equal(r.events[0].kind, STG_EVENT_ENTRY);
    assert_string_equal(name_of(&r, 0), "read");
    assert_int_equal(r.events[0].n_args, 1);
    assert_int_equal(r.events[0].args[0], 5);
    assert_int_equal(r.events[0].tid, 11990);
    assert_int_equal(r.events[1].ret, -11);
    assert_int_equal(r.events[1].has & STG_HAS_RET, STG_HAS_RET);
    assert_string_equal(name_of(&r, 2), "<unknown>");
    assert_string_equal(name_of(&r, 5), "writev");
    assert_int_equal(r.events[4].n_args, 0); /* a size is not the call's first register */
    assert_int_equal(r.events[5].has & STG_HAS_RET, 0);
    assert_true(r.info.has_clock);
    reading_fini(&r);
}

static void oldest_first_is_read_forwards(void **state)
{
    static const char text[] =
        "1602667846000000001 | 0 | 7 | > | read |  | 1\n1602667846000000001 | 0 | 8 | > | read |  | 1\n"
        "1602667846000000005 | 4 | 7 | < | read |  | 1\n";
    struct reading r;
    (void)state;
    assert_int_equal(read_text(&r, &stg_import_sysdig, text, sizeof text - 1), STG_OK);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.events[0].tid, 7);
    assert_int_equal(r.events[1].tid, 8);
    assert_int_equal(r.events[2].kind, STG_EVENT_EXIT);
    reading_fini(&r);
}

static void default_form_has_cpu_process_and_midnight(void **state)
{
    struct reading r;
    (void)state;
    read_fixture(&r, &stg_import_sysdig, "sysdig/default.txt");
    assert_int_equal(r.n, 8); /* without the switch */
    assert_int_equal(r.info.n_skipped, 1);
    assert_string_equal(comm_of(&r, 0), "httpd");
    assert_int_equal(r.events[0].cpu, 2);
    assert_int_equal(r.events[1].ret, 5); /* open's exit: fd=5 */
    assert_string_equal(comm_of(&r, 2), "my (odd) app");
    assert_int_equal(r.events[2].tid, 88);
    assert_int_equal(r.events[3].ret, -11);
    assert_int_equal(r.events[3].ts_ns - r.events[2].ts_ns, 800000000); /* across midnight */
    assert_int_equal(r.events[5].ret, -2);
    assert_int_equal(r.events[6].kind, STG_EVENT_LOST);
    assert_int_equal(r.events[6].has & STG_HAS_COUNT, 0);
    assert_int_equal(r.events[7].ret, 0);
    assert_false(r.info.has_clock);
    reading_fini(&r);
}

/* The forms of the published recordings LID-DS 2019 and 2021. */
static void published_forms_have_a_user(void **state)
{
    struct reading r;
    (void)state;
    read_fixture(&r, &stg_import_sysdig, "sysdig/lidds-2019.txt");
    assert_int_equal(r.n, 3);
    assert_string_equal(comm_of(&r, 0), "nginx");
    assert_string_equal(name_of(&r, 0), "recvfrom");
    assert_int_equal(r.events[0].kind, STG_EVENT_ENTRY);
    assert_int_equal(r.events[0].tid, 16840);
    assert_int_equal(r.events[0].cpu, 2);
    assert_int_equal(r.events[0].args[0], 13);
    assert_int_equal(r.events[1].ret, -11);
    assert_int_equal(r.events[1].ts_ns - r.events[0].ts_ns, 2000);
    assert_string_equal(comm_of(&r, 2), "my odd app");
    assert_string_equal(name_of(&r, 2), "close");
    assert_int_equal(r.info.n_skipped, 1);
    reading_fini(&r);
    read_fixture(&r, &stg_import_sysdig, "sysdig/lidds-2021.txt");
    assert_int_equal(r.n, 6);
    assert_true(r.info.has_clock);
    assert_string_equal(comm_of(&r, 0), "apache2");
    assert_string_equal(name_of(&r, 0), "close");
    assert_int_equal(r.events[0].kind, STG_EVENT_ENTRY);
    assert_int_equal(r.events[0].tid, 12850);
    assert_int_equal(r.events[0].pid, 12849);
    assert_int_equal(r.events[0].args[0], 11);
    assert_int_equal(r.events[1].kind, STG_EVENT_EXIT);
    assert_int_equal(r.events[1].has & STG_HAS_RET, STG_HAS_RET);
    assert_int_equal(r.events[1].ret, 0);
    assert_int_equal(r.events[1].ts_ns, 1631209047761484708);
    assert_string_equal(comm_of(&r, 2), "my odd app");
    assert_string_equal(name_of(&r, 2), "<unknown>");
    assert_int_equal(r.events[2].has & STG_HAS_PID, 0);
    assert_string_equal(comm_of(&r, 3), "php");
    assert_int_equal(r.events[3].ret, 5);
    reading_fini(&r);
}

/* The default form of newer versions, and what calls return that return addresses, by older and newer ones. */
static void newer_versions_tell_processes(void **state)
{
    static const char text[] =
        "1833 14:31:23.530876301 1 my (odd) ls (1409.1410) > brk addr=0\n"
        "1834 14:31:23.530876795 1 my (odd) ls (1409.1410) < brk res=564000520000 vm_size=524 vm_rss=128 vm_swap=0\n"
        "1835 14:31:23.530876895 1 ls (1409.1410) < brk res=10665984\n"
        "1851 14:31:23.532014171 1 ls (1409.1410) < mmap res=140714228027392 vm_size=540 vm_rss=128 vm_swap=0\n"
        "1852 14:31:23.532014271 1 ls (1410) < mmap res=7F8250DC3000 vm_size=540 vm_rss=128 vm_swap=0\n"
        "1853 14:31:23.532014371 1 ls (1409.1410) < mmap res=FFFFFFFFFFFFFFF4 vm_size=540\n"
        "1854 14:31:23.532014471 1 <NA> (-1.-1) < read res=12 data=BEEF\n"
        "1855 14:31:23.532014571 1 <NA> (0.7) < read res=-11(EAGAIN) data=\n";
    static const int64_t rets[] = {0, 0x564000520000, 10665984, 140714228027392, 0x7F8250DC3000, -12, 12, -11};
    struct reading r;
    (void)state;
    assert_true(stg_import_sysdig.probe("x", (const uint8_t *)text, sizeof text - 1) > 50);
    assert_int_equal(read_text(&r, &stg_import_sysdig, text, sizeof text - 1), STG_OK);
    assert_int_equal(r.n, 8);
    assert_string_equal(comm_of(&r, 0), "my (odd) ls");
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(r.events[i].ret, rets[i]);
        assert_int_equal(r.events[i].tid, i < 6 ? 1410 : i == 6 ? 0 : 7);
        assert_int_equal(r.events[i].pid, i < 6 && i != 4 ? 1409 : 0);
        assert_int_equal((r.events[i].has & STG_HAS_PID) != 0, i < 6 && i != 4);
    }
    reading_fini(&r);
}

/* -pc */
static void containers_are_no_part_of_the_name(void **state)
{
    static const char text[] = "7 14:31:23.530876301 1 host (host) my (odd) app (1410:1410) > close fd=3 \n"
                               "8 14:31:23.530876302 1 web (3ad7b26ded6d) nginx (1409.1410:1.4) > close fd=3 \n";
    struct reading r;
    (void)state;
    assert_true(stg_import_sysdig.probe("x", (const uint8_t *)text, sizeof text - 1) > 50);
    assert_int_equal(read_text(&r, &stg_import_sysdig, text, sizeof text - 1), STG_OK);
    assert_int_equal(r.n, 2);
    assert_string_equal(comm_of(&r, 0), "my (odd) app");
    assert_int_equal(r.events[0].tid, 1410);
    assert_int_equal(r.events[0].has & STG_HAS_PID, 0);
    assert_string_equal(comm_of(&r, 1), "nginx");
    assert_int_equal(r.events[1].tid, 1410);
    assert_int_equal(r.events[1].pid, 1409);
    reading_fini(&r);
}

/* Times since the line before (-t d), of few lines and of many; times since the first line are none. */
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
                fprintf(f, "%d 0.%09d 1 ls (7) > close fd=3\n", i, delta ? i * 7 % 13 : i);
            }
            assert_int_equal(fclose(f), 0);
            assert_int_equal(read_text(&r, &stg_import_sysdig, text, len), delta ? STG_ERR_INPUT : STG_OK);
            assert_true(!delta || strstr(stg_status_message(), "without -t d") != NULL);
            reading_fini(&r);
            free(text);
        }
    }
}

/* The arguments of one line each, and the name that its event must have, NULL: none. */
static void names_of_files_are_read(void **state)
{
    static const struct {
        const char *rest, *path;
    } cases[] = {
        {"> openat dirfd=-100(AT_FDCWD) name=/etc/passwd flags=1(O_RDONLY) mode=0 ", "/etc/passwd"},
        {"< openat fd=3(<f>/root/a b) dirfd=-100(AT_FDCWD) name=a b(/root/a b) flags=1(O_RDONLY) ", "a b"},
        {"< open fd=-2(ENOENT) name=/a(/b) flags=1(O_RDONLY) mode=0 ", "/a(/b)"},
        {"< open fd=-2(ENOENT) name= flags=1(O_RDONLY) mode=0 ", NULL},
        {"> execve filename=/bin/ls ", "/bin/ls"},
        {"> execve filename=<NA> ", NULL},
        {"< execve res=0 exe=ls args=name=/x tid=5(ls) ", NULL},
        {"< unlink res=0 path=/tmp/x", "/tmp/x"},
        {"< rename res=0 oldpath=/a newpath=/b ", "/a"},
        {"< rename res=0 oldpath=/anewpath=/b ", "/a"},
        {"< chmod res=0 filename=/x mode=0777 ", "/x"},
        {"> read fd=3(<f>/etc/pass wd (deleted)) size=10 ", "/etc/pass wd (deleted)"},
        {"> read fd=3(<f>/etc/passwd)", "/etc/passwd"},
        {"> read fd=3(<4t>10.0.0.1:80->10.0.0.2:81) size=10 ", NULL},
        {"> read fd=3(<p>) size=10 ", NULL},
        {"> read fd=3 size=10 ", NULL},
        {"> read fd=3(<f>/ size=10 ", NULL},
        {"< read res=12 data=name=/x path=/x ", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        struct reading r;
        const int len = snprintf(text, sizeof text, "7 14:31:23.530876301 1 ls (9.10) %s\n", cases[i].rest);
        assert_int_equal(read_text(&r, &stg_import_sysdig, text, (size_t)len), STG_OK);
        assert_int_equal(r.n, 1);
        assert_int_equal((r.events[0].has & STG_HAS_PATH) != 0, cases[i].path != NULL);
        if (cases[i].path != NULL) {
            assert_string_equal(stg_strings_get(r.source->paths, r.events[0].path), cases[i].path);
        }
        reading_fini(&r);
    }
}

/* What cannot be read from its end is refused once the direction is clear. */
static void newest_first_on_standard_input_is_refused(void **state)
{
    struct reading r;
    char path[64];
    char text[300 * 64];
    size_t len = 0;
    (void)state;
    for (int i = 0; i < 300; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%lld | 0 | 7 | > | read |  | 1\n",
                                1602667846000000900LL - i);
    }
    write_temporary(path, text, len);
    const int saved = dup(STDIN_FILENO);
    assert_non_null(freopen(path, "r", stdin));
    assert_int_equal(reading_init(&r, &stg_import_sysdig, "-"), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "newest first"));
    dup2(saved, STDIN_FILENO);
    close(saved);
    unlink(path);
    reading_fini(&r);
    assert_int_equal(read_text(&r, &stg_import_sysdig, text, len), STG_OK);
    assert_int_equal(r.events[0].ts_ns, 1602667846000000900LL - 299);
    reading_fini(&r);
}

static void other_text_is_refused(void **state)
{
    struct reading r;
    (void)state;
    assert_int_equal(read_text(&r, &stg_import_sysdig, "1 | 2 | 3\n", 10), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "no system call as sysdig prints it"));
    reading_fini(&r);
}

static void the_probe_knows_its_text(void **state)
{
    (void)state;
    assert_probed(&stg_import_sysdig, "sysdig/newest.txt");
    assert_probed(&stg_import_sysdig, "sysdig/default.txt");
    assert_probed(&stg_import_sysdig, "sysdig/lidds-2019.txt");
    assert_probed(&stg_import_sysdig, "sysdig/lidds-2021.txt");
}

static void damage_is_survived(void **state)
{
    (void)state;
    read_damaged(&stg_import_sysdig, "sysdig/lidds-2019.txt", 400);
    read_damaged(&stg_import_sysdig, "sysdig/lidds-2021.txt", 400);
    read_damaged(&stg_import_sysdig, "sysdig/default.txt", 900);
    read_damaged(&stg_import_sysdig, "sysdig/newest.txt", 300);
    read_without_memory(&stg_import_sysdig, "sysdig/newest.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_first_is_read_from_the_end),
        cmocka_unit_test(oldest_first_is_read_forwards),
        cmocka_unit_test(default_form_has_cpu_process_and_midnight),
        cmocka_unit_test(published_forms_have_a_user),
        cmocka_unit_test(newer_versions_tell_processes),
        cmocka_unit_test(containers_are_no_part_of_the_name),
        cmocka_unit_test(times_between_lines_are_refused),
        cmocka_unit_test(names_of_files_are_read),
        cmocka_unit_test(newest_first_on_standard_input_is_refused),
        cmocka_unit_test(other_text_is_refused),
        cmocka_unit_test(the_probe_knows_its_text),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
