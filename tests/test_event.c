/* event/: system-call names, errno names, and what tracepoint names mean. */
#include "event/syscall_table.h"
#include "event/syscalls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

static void test_syscall_names(void **state)
{
    (void)state;
    assert_string_equal(stg_syscall_name(0), "read");
    assert_string_equal(stg_syscall_name(59), "execve");
    assert_string_equal(stg_syscall_name(257), "openat");
    assert_string_equal(stg_syscall_name(335), "uretprobe");
    assert_string_equal(stg_syscall_name(435), "clone3");
    assert_true(stg_syscall_is_known("read") && stg_syscall_is_known("clone3"));
    assert_true(stg_syscall_is_known("newfstat") && stg_syscall_is_known("fstat")); /* both spellings */
    assert_true(stg_syscall_is_known("waitpid"));                                   /* 32-bit alone */
    assert_false(stg_syscall_is_known("reed") || stg_syscall_is_known(""));
    assert_null(stg_syscall_name(-1));
    assert_null(stg_syscall_name(400)); /* a hole in the table */
    assert_null(stg_syscall_name(100000));
    assert_null(stg_syscall_name(INT64_MIN));
    assert_null(stg_syscall_name(INT64_MAX));
}

static void test_errno_names(void **state)
{
    (void)state;
    assert_string_equal(stg_errno_name(EAGAIN), "EAGAIN");
    assert_string_equal(stg_errno_name(ENOENT), "ENOENT");
    assert_string_equal(stg_errno_name(ECONNREFUSED), "ECONNREFUSED");
    assert_string_equal(stg_errno_name(512), "ERESTARTSYS");
    assert_null(stg_errno_name(0));
    assert_null(stg_errno_name(-2));
    assert_null(stg_errno_name(41)); /* a hole */
    assert_null(stg_errno_name(4095));
    for (int i = 1; i < 4096; i++) {
        const char *name = stg_errno_name(i);
        if (name != NULL) {
            assert_int_equal(stg_errno_number(name, strlen(name)), i);
        }
    }
    assert_int_equal(stg_errno_number("EWOULDBLOCK", 11), EWOULDBLOCK);
    assert_int_equal(stg_errno_number("EAGAIN (Resource", 6), EAGAIN);
    assert_int_equal(stg_errno_number("EAGAI", 5), 0);
    assert_int_equal(stg_errno_number("EIO\0X", 5), 0);
    assert_int_equal(stg_errno_number("", 0), 0);
    assert_int_equal(stg_errno_number(NULL, 0), 0);
}

static void check(const char *event, enum stg_event_kind kind, const char *name)
{
    const char *found = NULL;
    assert_int_equal(stg_syscall_classify(event, &found), kind);
    assert_string_equal(found, name);
}

static void test_classify(void **state)
{
    (void)state;
    check("syscall_entry_read", STG_EVENT_ENTRY, "read");
    check("syscall_exit_exit_group", STG_EVENT_EXIT, "exit_group");
    check("compat_syscall_entry_open", STG_EVENT_ENTRY, "open");
    check("compat_syscall_exit_open", STG_EVENT_EXIT, "open");
    check("sys_open", STG_EVENT_ENTRY, "open");
    check("compat_sys_open", STG_EVENT_ENTRY, "open");
    check("sys_exit_group", STG_EVENT_ENTRY, "exit_group");
    check("exit_syscall", STG_EVENT_EXIT, "");
    check("syscalls:sys_enter_futex", STG_EVENT_ENTRY, "futex");
    check("sys_enter_exit", STG_EVENT_ENTRY, "exit");
    check("syscalls:sys_exit_futex", STG_EVENT_EXIT, "futex");
    check("syscalls:sys_exit_exit_group", STG_EVENT_EXIT, "exit_group");
    check("raw_syscalls:sys_enter", STG_EVENT_ENTRY, "");
    check("raw_syscalls:sys_exit", STG_EVENT_EXIT, "");
    check("sys_enter", STG_EVENT_ENTRY, "");
    check("sched_switch", STG_EVENT_MARKER, "sched_switch");
    check("httpd:enter_event_handler", STG_EVENT_MARKER, "httpd:enter_event_handler");
    check("syscall_entry_", STG_EVENT_MARKER, "syscall_entry_");
    check("", STG_EVENT_MARKER, "");
}

static void test_failed(void **state)
{
    (void)state;
    assert_true(stg_event_failed(-1));
    assert_true(stg_event_failed(-4095));
    assert_false(stg_event_failed(-4096));
    assert_false(stg_event_failed(0));
}

static void test_arg_index(void **state)
{
    (void)state;
    assert_int_equal(stg_syscall_arg_index("read", "fd"), 0);
    assert_int_equal(stg_syscall_arg_index("read", "count"), 2);
    assert_int_equal(stg_syscall_arg_index("openat", "flags"), 2);
    assert_int_equal(stg_syscall_arg_index("read", "size"), STG_SYSCALL_ARG_NONE);
    assert_int_equal(stg_syscall_arg_index("getpid", "x"), STG_SYSCALL_ARG_UNKNOWN_CALL);
    assert_int_equal(stg_syscall_arg_index("nothing", "fd"), STG_SYSCALL_ARG_UNKNOWN_CALL);
    for (int i = 1; i < STG_SYSCALL_ARGS_LEN; i++) {
        assert_true(strcmp(stg_syscall_args_table[i - 1].call, stg_syscall_args_table[i].call) < 0);
    }
}

/* The first argument that names a file; other names are not a file's. */
static void test_path_index(void **state)
{
    (void)state;
    assert_int_equal(stg_syscall_path_index("openat"), 1);
    assert_int_equal(stg_syscall_path_index("stat"), 0); /* the kernel's newstat */
    assert_int_equal(stg_syscall_path_index("rename"), 0);
    assert_int_equal(stg_syscall_path_index("getxattr"), 0);
    assert_int_equal(stg_syscall_path_index("umount2"), 0);
    assert_int_equal(stg_syscall_path_index("inotify_add_watch"), 1);
    assert_int_equal(stg_syscall_path_index("read"), STG_SYSCALL_ARG_NONE);
    assert_int_equal(stg_syscall_path_index("uname"), STG_SYSCALL_ARG_NONE); /* where to write it */
    assert_int_equal(stg_syscall_path_index("sethostname"), STG_SYSCALL_ARG_NONE);
    assert_int_equal(stg_syscall_path_index("fgetxattr"), STG_SYSCALL_ARG_NONE);
    assert_int_equal(stg_syscall_path_index("no_such_call"), STG_SYSCALL_ARG_UNKNOWN_CALL);
}

static void test_descriptor_index(void **state)
{
    (void)state;
    assert_int_equal(stg_syscall_descriptor_index("read"), 0);
    assert_int_equal(stg_syscall_descriptor_index("fstat"), 0); /* the kernel's newfstat */
    assert_int_equal(stg_syscall_descriptor_index("newfstat"), 0);
    assert_int_equal(stg_syscall_descriptor_index("mmap"), 4);
    assert_int_equal(stg_syscall_descriptor_index("sendfile64"), 1); /* in_fd */
    assert_int_equal(stg_syscall_descriptor_index("dup"), 0);
    assert_int_equal(stg_syscall_descriptor_index("pidfd_getfd"), 0);
    assert_int_equal(stg_syscall_descriptor_index("pipe"), STG_SYSCALL_ARG_NONE); /* an address */
    assert_int_equal(stg_syscall_descriptor_index("pipe2"), STG_SYSCALL_ARG_NONE);
    assert_int_equal(stg_syscall_descriptor_index("brk"), STG_SYSCALL_ARG_NONE);
    assert_int_equal(stg_syscall_descriptor_index("no such call"), STG_SYSCALL_ARG_UNKNOWN_CALL);
}

/* The lists are sorted: each name is found, and what is in none is between. */
static void test_consequence(void **state)
{
    static const char *const most[] = {"accept",          "accept4",        "bpf",
                                       "chdir",           "clone",          "clone3",
                                       "connect",         "execve",         "fdatasync",
                                       "finit_module",    "fork",           "fsync",
                                       "init_module",     "io_uring_setup", "kexec_load",
                                       "keyctl",          "kill",           "memfd_create",
                                       "mount",           "open_tree",      "perf_event_open",
                                       "pidfd_getfd",     "pivot_root",     "process_vm_writev",
                                       "ptrace",          "rename",         "renameat2",
                                       "rt_sigqueueinfo", "setns",          "setuid",
                                       "socket",          "unlink",         "unshare",
                                       "userfaultfd",     "vfork"};
    static const char *const least[] = {"brk",    "futex",   "getcwd", "getpeername", "getpid",
                                        "gettid", "madvise", "mmap",   "uname"};
    (void)state;
    for (size_t i = 0; i < sizeof most / sizeof most[0]; i++) {
        assert_int_equal(stg_syscall_consequence(most[i]), STG_CONSEQUENCES - 1);
    }
    for (size_t i = 0; i < sizeof least / sizeof least[0]; i++) {
        assert_int_equal(stg_syscall_consequence(least[i]), 0);
    }
    assert_int_equal(stg_syscall_consequence("read"), 1);
    assert_int_equal(stg_syscall_consequence("newfstatat"), 1);
    assert_int_equal(stg_syscall_consequence("no_such_call"), 1);
}

static void test_opens(void **state)
{
    (void)state;
    static const char *const one[] = {"accept",     "accept4",      "creat",      "dup",    "epoll_create1",
                                      "eventfd2",   "memfd_create", "open",       "openat", "openat2",
                                      "pidfd_open", "socket",       "userfaultfd"};
    static const char *const none[] = {"dup2", "dup3", "fcntl", "read", "connect", "close_range", "no_such_call"};
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++) {
        assert_int_equal(stg_syscall_opens(one[i]), 1);
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(stg_syscall_opens(none[i]), 0);
    }
    assert_int_equal(stg_syscall_opens("pipe"), 2);
    assert_int_equal(stg_syscall_opens("pipe2"), 2);
    assert_int_equal(stg_syscall_opens("socketpair"), 2);
    assert_int_equal(stg_syscall_opens("close"), -1);
}

static void test_returns_count(void **state)
{
    static const char *const counts[] = {"copy_file_range", "getdents64", "read", "recvfrom", "splice",
                                         "write",           "writev",     "poll", "pread"};
    static const char *const others[] = {"",       "accept4", "brk",    "clone", "close",
                                         "getpid", "mmap",    "openat", "reads", "zzz"};
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        assert_true(stg_syscall_returns_count(counts[i]));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(stg_syscall_returns_count(others[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syscall_names), cmocka_unit_test(test_errno_names),
        cmocka_unit_test(test_classify),      cmocka_unit_test(test_arg_index),
        cmocka_unit_test(test_path_index),    cmocka_unit_test(test_descriptor_index),
        cmocka_unit_test(test_returns_count), cmocka_unit_test(test_consequence),
        cmocka_unit_test(test_opens),         cmocka_unit_test(test_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
