#include "explain/diff_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_kept(const char *path, const char *wanted)
{
    char out[DIFF_NAME_BUFFER];
    diff_name_keep(path, out);
    assert_string_equal(out, wanted);
}

/* Below /proc, whole components of digits are numbers of processes, threads and descriptors; names with digits stay. */
static void test_keep(void **state)
{
    (void)state;
    assert_kept("/proc/4711/task/4712/stat", "/proc/<n>/task/<n>/stat");
    assert_kept("/proc/self/fd/7", "/proc/self/fd/<n>");
    assert_kept("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_forward");
    assert_kept("/dev/pts/3", "/dev/pts/<n>");
    assert_kept("/process/1", "/process/1");
    assert_kept("out/12.log", "out/12.log");
    assert_kept("", "");
    assert_kept("/", "/");
    assert_kept("//a//", "//a//");
}

/* Of a long name the end is kept, from a slash on, so that no character is cut. */
static void test_keep_long(void **state)
{
    (void)state;
    char path[4096], out[DIFF_NAME_BUFFER];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    diff_name_keep(path, out);
    assert_string_equal(out, "…");
    memcpy(path + sizeof path - 12, "/\xc3\xa9/end.txt", 12);
    diff_name_keep(path, out);
    assert_string_equal(out, "…/\xc3\xa9/end.txt");
    for (size_t i = 0; i + 2 < sizeof path; i += 2) { /* placeholders are longer than what they are for */
        memcpy(path + i, i == 0 ? "/proc/" : "/1", i == 0 ? 6 : 2);
    }
    memcpy(path, "/proc", 5);
    diff_name_keep(path, out);
    assert_true(strlen(out) < sizeof out);
}

static void assert_masked(const char *name, const char *wanted)
{
    char out[DIFF_PATTERN_BUFFER];
    diff_name_mask(name, out);
    assert_string_equal(out, wanted);
}

static void test_mask(void **state)
{
    (void)state;
    assert_masked("/var/log/app.2214", "/var/log/app.<n>");
    assert_masked("/var/log/app-2026-11-27T05:22.log", "/var/log/app-<n>-<n>-<n>T<n>:<n>.log");
    assert_masked("/var/log/app.1", "/var/log/app.1"); /* people give names with one digit */
    assert_masked("a/config2.ini", "a/config2.ini");
    assert_masked("/home/u/.venv/lib/python3.11/x.py", "/home/u/.venv/lib/python3.11/x.py");
    assert_masked("/srv/d41d8cd98f00b204.dat", "/srv/<n>.dat");
    assert_masked("/run/6ba7b810-9dad-11d1-80b4-00c04fd430c8/x", "/run/<n>/x");
    assert_masked("/run/abcdefab-cdef-abcd-efab-cdefabcdefab", "/run/<n>"); /* a UUID without a digit */
    assert_masked(".git/objects/3f/a1b2c3d4e5f60718293a4b5c6d7e8f9012345678", ".git/objects/<n>/<n>");
    assert_masked(".git/objects/3f", ".git/objects/<n>");
    assert_masked("lib/de/strings", "lib/de/strings");
    assert_masked("#sql_1a2b_0.MAI", "#sql_<n>_0.MAI");
    assert_masked("deadbeef", "deadbeef"); /* a word */
}

/* What a system is installed from is told by its numbers, apart from those that are of a process or a hash. */
static void test_mask_fixed(void **state)
{
    (void)state;
    assert_masked("/usr/lib/x86_64-linux-gnu/libssl.so.3", "/usr/lib/x86_64-linux-gnu/libssl.so.3");
    assert_masked("/usr/lib/gcc/x86_64-linux-gnu/12/cc1", "/usr/lib/gcc/x86_64-linux-gnu/12/cc1");
    assert_masked("/etc/app/10-first.conf", "/etc/app/10-first.conf");
    assert_masked("/etc/passwd.12345", "/etc/passwd.<n>");
    assert_masked("/etc/ssl/certs/5ad8a5d6.0", "/etc/ssl/certs/<n>.0");
    assert_masked("/usrlocal/10.txt", "/usrlocal/<n>.txt");
}

static bool same_shape(const char *a, const char *b)
{
    char x[DIFF_PATTERN_BUFFER], y[DIFF_PATTERN_BUFFER];
    diff_name_shape(a, x);
    diff_name_shape(b, y);
    return strcmp(x, y) == 0;
}

static void test_shape(void **state)
{
    (void)state;
    assert_true(same_shape("/tmp/ccLpD2vq.s", "/tmp/ccArhr2h.s"));
    assert_false(same_shape("/tmp/ccLpD2vq.s", "/tmp/ccLpD2vq.o"));
    assert_false(same_shape("/tmp/ccLpD2vq.s", "/tmp/ccLpD2v.s"));
    assert_true(same_shape("/tmp/fwmfczg5", "/tmp/msqwemc0"));
    assert_true(same_shape("/tmp/tmp.X1b2c3d4e5", "/tmp/tmp.aBcDeFgHiJ")); /* too long for a suffix */
    assert_true(same_shape("/var/tmp/pip-x8d7f6/a.txt", "/var/tmp/pip-AbCdEf/a.txt"));
    assert_false(same_shape("/var/tmp/pip-x8d7f6/a.txt", "/var/tmp/pip-AbCdEf/b.txt"));
    assert_true(same_shape("repo/sedvEPMRP", "repo/sedkEEYOP"));
    assert_false(same_shape("repo/sedvEPMRP", "repo/tarkEEYOP"));
    assert_false(same_shape("a.conf", "b.conf")); /* too short for one */
    assert_true(same_shape(".git/objects/e6/tmp_obj_aBcDeF", ".git/objects/4b/tmp_obj_GhIjKl"));
}

static void test_changes(void **state)
{
    (void)state;
    assert_int_equal(diff_name_changes("fooBar", 6), 0);
    assert_int_equal(diff_name_changes("FooBarBaz", 9), 0);
    assert_int_equal(diff_name_changes("foo-Bar_baz", 11), 0);
    assert_int_equal(diff_name_changes("fo0bAR", 6), 3);
    assert_int_equal(diff_name_changes("config1", 7), 1);
    assert_int_equal(diff_name_changes("qRtXcu", 6), 1);
    assert_int_equal(diff_name_changes("JSDtjj", 6), 1);
    assert_int_equal(diff_name_changes("", 0), 0);
    assert_true(diff_name_is_plain("some-name.txt", 13));
    assert_false(diff_name_is_plain("some1", 5));
    assert_false(diff_name_is_plain("Some", 4));
}

static void test_directories(void **state)
{
    (void)state;
    assert_true(diff_name_is_temporary("/tmp/x"));
    assert_true(diff_name_is_temporary("/dev/shm/x"));
    assert_false(diff_name_is_temporary("/tmpfiles/x"));
    assert_false(diff_name_is_temporary("tmp/x"));
    assert_int_equal(diff_name_dir_len("/etc/passwd"), 5);
    assert_int_equal(diff_name_dir_len("passwd"), 0);
    assert_int_equal(diff_name_dir_len("a/"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep),        cmocka_unit_test(test_keep_long), cmocka_unit_test(test_mask),
        cmocka_unit_test(test_mask_fixed),  cmocka_unit_test(test_shape),     cmocka_unit_test(test_changes),
        cmocka_unit_test(test_directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
