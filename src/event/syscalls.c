/* System-call names: table look-ups, and what the prefixes of tracepoint names mean. */
#include "event/syscalls.h"

#include "event/errno_table.h"
#include "event/syscall_table.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct prefix {
    const char *text;
    enum stg_event_kind kind;
};

/* In the order in which they are tried: a longer prefix before one that it begins with. */
static const struct prefix prefixes[] = {
    {"syscall_entry_", STG_EVENT_ENTRY},
    {"syscall_exit_", STG_EVENT_EXIT},
    {"compat_syscall_entry_", STG_EVENT_ENTRY},
    {"compat_syscall_exit_", STG_EVENT_EXIT},
    {"sys_enter_", STG_EVENT_ENTRY},
    {"sys_exit_", STG_EVENT_EXIT},
    {"compat_sys_", STG_EVENT_ENTRY},
    {"sys_", STG_EVENT_ENTRY},
};

/* Errors with a second name on Linux. */
static const struct {
    const char *name;
    int error;
} errno_aliases[] = {{"EWOULDBLOCK", 11}, {"EDEADLOCK", 35}, {"ENOTSUP", 95}};

const char *stg_syscall_name(int64_t number)
{
    if (number < 0 || number >= STG_SYSCALL_TABLE_LEN) {
        return NULL;
    }
    return stg_syscall_table[number];
}

const char *stg_syscall_compat_name(int64_t number)
{
    if (number >= 0 && number < STG_SYSCALL_COMPAT_LEN) {
        return stg_syscall_compat_table[number];
    }
    return stg_syscall_name(number); /* these have one number everywhere */
}

/* Each row is one call of x86-64: the kernel's tracepoint (LTTng, ftrace), and what asm/unistd_64.h (strace, perf) or
 * sysdig call it. The last row is a call that the tracer could not tell. */
static const char *const synonyms[][2] = {
    {"newstat", "stat"},      {"newfstat", "fstat"},      {"newlstat", "lstat"}, {"newfstatat", "fstatat"},
    {"newuname", "uname"},    {"sendfile64", "sendfile"}, {"umount", "umount2"}, {"sysctl", "_sysctl"},
    {"pread64", "pread"},     {"pwrite64", "pwrite"},     {"llseek", "_llseek"}, {"prlimit64", "prlimit"},
    {"unknown", "<unknown>"},
};

const char *stg_syscall_synonym(const char *name)
{
    for (size_t i = 0; i < sizeof synonyms / sizeof synonyms[0]; i++) {
        for (size_t k = 0; k < 2; k++) {
            if (strcmp(synonyms[i][k], name) == 0) {
                return synonyms[i][1 - k];
            }
        }
    }
    return NULL;
}

bool stg_syscall_is_known(const char *name)
{
    const char *other = stg_syscall_synonym(name);
    for (int64_t i = 0; i < STG_SYSCALL_TABLE_LEN || i < STG_SYSCALL_COMPAT_LEN; i++) {
        const char *const names[2] = {stg_syscall_name(i), stg_syscall_compat_name(i)};
        for (size_t k = 0; k < 2; k++) {
            if (names[k] != NULL && (strcmp(names[k], name) == 0 || (other != NULL && strcmp(names[k], other) == 0))) {
                return true;
            }
        }
    }
    return false;
}

/* Bisects a sorted list. */
static bool is_listed(const char *const *names, size_t n, const char *name)
{
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = strcmp(name, names[middle]);
        if (order == 0) {
            return true;
        }
        low = order > 0 ? middle + 1 : low;
        high = order < 0 ? middle : high;
    }
    return false;
}

bool stg_syscall_returns_count(const char *name)
{
    static const char *const names[] = {
        "copy_file_range",
        "epoll_pwait",
        "epoll_pwait2",
        "epoll_wait",
        "flistxattr",
        "getdents",
        "getdents64",
        "getrandom",
        "getxattr",
        "io_getevents",
        "io_submit",
        "listxattr",
        "mq_timedreceive",
        "msgrcv",
        "poll",
        "ppoll",
        "pread",
        "pread64",
        "preadv",
        "preadv2",
        "process_vm_readv",
        "process_vm_writev",
        "pselect6",
        "pwrite",
        "pwrite64",
        "pwritev",
        "pwritev2",
        "read",
        "readlink",
        "readlinkat",
        "readv",
        "recv",
        "recvfrom",
        "recvmmsg",
        "recvmsg",
        "select",
        "send",
        "sendfile",
        "sendfile64",
        "sendmmsg",
        "sendmsg",
        "sendto",
        "splice",
        "tee",
        "vmsplice",
        "write",
        "writev",
    };
    return is_listed(names, sizeof names / sizeof names[0], name);
}

bool stg_syscall_waits(const char *name)
{
    static const char *const names[] = {
        "accept",          "accept4",         "clock_nanosleep", "epoll_pwait",     "epoll_pwait2",  "epoll_wait",
        "futex",           "futex_wait",      "futex_waitv",     "io_getevents",    "io_pgetevents", "io_uring_enter",
        "mq_timedreceive", "msgrcv",          "nanosleep",       "pause",           "poll",          "ppoll",
        "pselect6",        "restart_syscall", "rt_sigsuspend",   "rt_sigtimedwait", "select",        "semop",
        "semtimedop",      "wait4",           "waitid",
    };
    return is_listed(names, sizeof names / sizeof names[0], name);
}

unsigned stg_syscall_consequence(const char *name)
{
    /* clang-format off */
    static const char *const most[] = {
        "accept", "accept4", "acct", "add_key", "bind", "bpf", "capset", "chdir", "chmod", "chown", "chroot",
        "clock_settime", "clone", "clone3", "connect", "delete_module", "execve", "execveat", "fanotify_init", "fchdir",
        "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat", "fdatasync", "finit_module", "fork", "fremovexattr",
        "fsetxattr", "fsmount", "fsopen", "fsync", "ftruncate", "init_module", "io_uring_setup", "ioperm", "iopl",
        "kexec_file_load", "kexec_load", "keyctl", "kill", "lchown", "link", "linkat", "listen", "lremovexattr",
        "lsetxattr", "memfd_create", "memfd_secret", "mkdir", "mkdirat", "mknod", "mknodat", "modify_ldt", "mount",
        "mount_setattr", "move_mount", "open_by_handle_at", "open_tree", "perf_event_open", "pidfd_getfd",
        "pidfd_send_signal", "pivot_root", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace",
        "reboot", "removexattr", "rename", "renameat", "renameat2", "request_key", "rmdir", "rt_sigqueueinfo",
        "rt_tgsigqueueinfo", "setdomainname", "setfsgid", "setfsuid", "setgid", "setgroups", "sethostname", "setns",
        "setregid", "setresgid", "setresuid", "setreuid", "settimeofday", "setuid", "setxattr", "socket", "swapoff",
        "swapon", "symlink", "symlinkat", "sync", "syncfs", "tgkill", "tkill", "truncate", "umount", "umount2",
        "unlink", "unlinkat", "unshare", "userfaultfd", "vfork",
    };
    static const char *const least[] = {
        "brk", "clock_getres", "clock_gettime", "futex", "getcwd", "getegid", "geteuid", "getgid", "getgroups",
        "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresuid", "getrlimit",
        "getrusage", "getsid", "getsockname", "getsockopt", "gettid", "gettimeofday", "getuid", "lseek", "madvise",
        "mmap", "mprotect", "mremap", "munmap", "prlimit64", "restart_syscall", "rseq", "rt_sigaction",
        "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "set_robust_list", "set_tid_address",
        "sigaltstack", "sysinfo", "time", "times", "uname",
    };
    /* clang-format on */
    return is_listed(most, sizeof most / sizeof most[0], name)      ? 2
           : is_listed(least, sizeof least / sizeof least[0], name) ? 0
                                                                    : 1;
}

int stg_syscall_opens(const char *name)
{
    /* clang-format off */
    static const char *const one[] = {
        "accept", "accept4", "creat", "dup", "epoll_create", "epoll_create1",
        "eventfd", "eventfd2", "fanotify_init", "inotify_init", "inotify_init1", "io_uring_setup",
        "memfd_create", "memfd_secret", "open", "open_by_handle_at", "openat", "openat2",
        "perf_event_open", "pidfd_getfd", "pidfd_open", "socket", "timerfd_create", "userfaultfd",
    };
    /* clang-format on */
    static const char *const two[] = {"pipe", "pipe2", "socketpair"};
    return is_listed(one, sizeof one / sizeof one[0], name)   ? 1
           : is_listed(two, sizeof two / sizeof two[0], name) ? 2
           : strcmp(name, "close") == 0                       ? -1
                                                              : 0;
}

const char *stg_errno_name(int error)
{
    if (error <= 0 || error >= STG_ERRNO_TABLE_LEN) {
        return NULL;
    }
    return stg_errno_table[error];
}

const char *stg_fd_kind_name(unsigned kind)
{
    static const char *const names[STG_N_FD_KINDS] = {
        [STG_FD_OTHER] = "other",       [STG_FD_FILE] = "file",       [STG_FD_DIRECTORY] = "directory",
        [STG_FD_CHAR] = "char",         [STG_FD_BLOCK] = "block",     [STG_FD_PIPE] = "pipe",
        [STG_FD_SOCKET] = "socket",     [STG_FD_INET] = "inet",       [STG_FD_DGRAM] = "dgram",
        [STG_FD_UNIX] = "unix",         [STG_FD_NETLINK] = "netlink", [STG_FD_EPOLL] = "epoll",
        [STG_FD_EVENTFD] = "eventfd",   [STG_FD_TIMERFD] = "timerfd", [STG_FD_SIGNALFD] = "signalfd",
        [STG_FD_INOTIFY] = "inotify",   [STG_FD_PIDFD] = "pidfd",     [STG_FD_MEMFD] = "memfd",
        [STG_FD_IO_URING] = "io_uring", [STG_FD_BPF] = "bpf",         [STG_FD_PERF] = "perf",
        [STG_FD_PROC] = "proc",         [STG_FD_BAD] = "bad",
    };
    return kind < STG_N_FD_KINDS ? names[kind] : NULL;
}

static bool same_name(const char *known, const char *name, size_t len)
{
    return strlen(known) == len && memcmp(known, name, len) == 0;
}

int stg_errno_number(const char *name, size_t len)
{
    if (name == NULL || len == 0) {
        return 0;
    }
    for (int i = 1; i < STG_ERRNO_TABLE_LEN; i++) {
        if (stg_errno_table[i] != NULL && same_name(stg_errno_table[i], name, len)) {
            return i;
        }
    }
    for (size_t i = 0; i < sizeof errno_aliases / sizeof errno_aliases[0]; i++) {
        if (same_name(errno_aliases[i].name, name, len)) {
            return errno_aliases[i].error;
        }
    }
    return 0;
}

static int by_call(const void *name, const void *args)
{
    return strcmp(name, ((const struct stg_syscall_args *)args)->call);
}

const char *const *stg_syscall_arg_names(const char *call)
{
    const struct stg_syscall_args *found =
        bsearch(call, stg_syscall_args_table, STG_SYSCALL_ARGS_LEN, sizeof stg_syscall_args_table[0], by_call);
    return found == NULL ? NULL : found->args;
}

int stg_syscall_arg_index(const char *call, const char *arg)
{
    const char *const *names = stg_syscall_arg_names(call);
    if (names == NULL) {
        return STG_SYSCALL_ARG_UNKNOWN_CALL;
    }
    for (int i = 0; i < STG_EVENT_MAX_ARGS && names[i] != NULL; i++) {
        if (strcmp(names[i], arg) == 0) {
            return i;
        }
    }
    return STG_SYSCALL_ARG_NONE;
}

/* The call by the name that its arguments are known by; NULL when there is none. */
static const char *with_arguments(const char *call)
{
    if (stg_syscall_arg_names(call) != NULL) {
        return call;
    }
    call = stg_syscall_synonym(call);
    return call != NULL && stg_syscall_arg_names(call) != NULL ? call : NULL;
}

int stg_syscall_descriptor_index(const char *call)
{
    static const char *const names[] = {"fd",    "fildes", "oldfd", "epfd", "dfd",   "olddfd",
                                        "fd_in", "in_fd",  "fdin",  "ufd",  "pidfd", "mqdes"};
    int found = STG_SYSCALL_ARG_NONE;
    call = with_arguments(call);
    if (call == NULL) {
        return STG_SYSCALL_ARG_UNKNOWN_CALL;
    }
    if (strncmp(call, "pipe", 4) == 0) {
        return STG_SYSCALL_ARG_NONE; /* its "fildes" is where to put two */
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const int at = stg_syscall_arg_index(call, names[i]);
        found = at >= 0 && (found < 0 || at < found) ? at : found;
    }
    return found;
}

int stg_syscall_path_index(const char *call)
{
    static const char *const names[] = {"filename", "pathname", "path", "oldname", "name"};
    static const char *const of_files[] = {"acct", "name_to_handle_at", "umount"}; /* whose "name" is a file's */
    int found = STG_SYSCALL_ARG_NONE;
    size_t n_names = sizeof names / sizeof names[0] - 1; /* the last is one of those alone */
    call = with_arguments(call);
    if (call == NULL) {
        return STG_SYSCALL_ARG_UNKNOWN_CALL;
    }
    for (size_t i = 0; i < sizeof of_files / sizeof of_files[0]; i++) {
        n_names += strcmp(call, of_files[i]) == 0;
    }
    for (size_t i = 0; i < n_names; i++) {
        const int at = stg_syscall_arg_index(call, names[i]);
        found = at >= 0 && (found < 0 || at < found) ? at : found;
    }
    return found;
}

/* "raw_syscalls:" or "syscalls:", the subsystems that perf puts in front; 0 when neither is there. */
static size_t subsystem_len(const char *event_name)
{
    static const char *const subsystems[] = {"raw_syscalls:", "syscalls:"};
    for (size_t i = 0; i < 2; i++) {
        const size_t len = strlen(subsystems[i]);
        if (strncmp(event_name, subsystems[i], len) == 0) {
            return len;
        }
    }
    return 0;
}

enum stg_event_kind stg_syscall_classify(const char *event_name, const char **name)
{
    const char *at = event_name + subsystem_len(event_name);
    const char *const end = at + strlen(at);
    if (strcmp(at, "exit_syscall") == 0 || strcmp(at, "sys_exit") == 0) {
        *name = end;
        return STG_EVENT_EXIT;
    }
    if (strcmp(at, "sys_enter") == 0) {
        *name = end;
        return STG_EVENT_ENTRY;
    }
    /* LTTng before 2.6: the entry of exit_group(). No call is named "group", so that it cannot be perf's sys_exit_X. */
    if (strcmp(at, "sys_exit_group") == 0) {
        *name = at + strlen("sys_");
        return STG_EVENT_ENTRY;
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        const size_t len = strlen(prefixes[i].text);
        if (strncmp(at, prefixes[i].text, len) == 0 && at[len] != '\0') {
            *name = at + len;
            return prefixes[i].kind;
        }
    }
    *name = event_name;
    return STG_EVENT_MARKER;
}
