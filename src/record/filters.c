/* From options to what the programs look at. */
#include "record/record_internal.h"

#include "base/memory.h"
#include "event/syscalls.h"
#include "record/bpf_object.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static void set_bit(uint64_t *bits, size_t i, bool on)
{
    const uint64_t bit = (uint64_t)1 << (i % 64);
    bits[i / 64] = on ? bits[i / 64] | bit : bits[i / 64] & ~bit;
}

static bool is_call(const char *known, const char *name, size_t len)
{
    return known != NULL && strlen(known) == len && memcmp(known, name, len) == 0;
}

/* Whether number i of the 64-bit calls, or of the compat ones, has this name or its synonym. */
static bool has_name(int i, bool compat, const char *name, size_t len)
{
    const char *own = compat ? stg_syscall_compat_name(i) : stg_syscall_name(i);
    const char *other = compat || own == NULL ? NULL : stg_syscall_synonym(own);
    return is_call(own, name, len) || is_call(other, name, len);
}

/* Switches a call on or off by any of its names; false when there is none of that name. */
static bool set_call(struct stg_abi_config *c, const char *name, size_t len, bool on)
{
    bool found = false;
    for (int i = 0; i < 2 * STG_ABI_MAX_CALLS; i++) {
        const bool compat = i >= STG_ABI_MAX_CALLS;
        const int number = i % STG_ABI_MAX_CALLS;
        if (has_name(number, compat, name, len)) {
            set_bit((uint64_t *)(compat ? c->compat_calls : c->calls), (size_t)number, on);
            found = true;
        }
    }
    return found;
}

bool stg_record_passes_call(const struct stg_record *r, const char *name)
{
    const struct stg_abi_config *c = (const struct stg_abi_config *)&r->bpf->rodata->config;
    bool named = false, passes = false;
    for (int i = 0; i < 2 * STG_ABI_MAX_CALLS; i++) {
        const bool compat = i >= STG_ABI_MAX_CALLS;
        const int number = i % STG_ABI_MAX_CALLS;
        if (has_name(number, compat, name, strlen(name))) {
            named = true;
            passes |= ((compat ? c->compat_calls : c->calls)[number / 64] >> (number % 64) & 1) != 0;
        }
    }
    return c->by_call == 0 || (named ? passes : c->by_call == STG_ABI_CALLS_BUT);
}

static enum stg_status set_calls(struct stg_abi_config *c, const char *list)
{
    const bool but = list[0] == '!';
    if (list[0] == '\0') {
        return stg_fail(STG_ERR_USAGE, "--calls: names no system call: give names with commas between them");
    }
    memset((void *)c->calls, but ? 0xff : 0, sizeof c->calls);
    memset((void *)c->compat_calls, but ? 0xff : 0, sizeof c->compat_calls);
    c->by_call = but ? STG_ABI_CALLS_BUT : STG_ABI_CALLS_ONLY;
    for (const char *at = list; *at != '\0';) {
        const size_t len = strcspn(at, ",");
        const bool negated = at[0] == '!';
        if (negated != but) {
            return stg_fail(STG_ERR_USAGE,
                            "--calls: '%s' mixes names with and without !: give either what to record or what not",
                            list);
        }
        if (!set_call(c, at + negated, len - negated, !negated)) {
            return stg_fail(STG_ERR_USAGE, "--calls: there is no system call '%.*s'", (int)(len - negated),
                            at + negated);
        }
        at += len + (at[len] == ',');
    }
    return STG_OK;
}

/* What the names of the arguments say: how many there are, which is a descriptor, which a path. */
static void set_args(struct stg_abi_config *c, bool fd_kinds, bool paths)
{
    /* What they return is a descriptor whatever their arguments are, which is not so of fcntl, bpf or seccomp. */
    static const char *const makers[] = {"dup",    "fspick",  "openat2",     "userfaultfd",   "inotify_init1",
                                         "dup2",   "openat",  "eventfd2",    "epoll_create",  "io_uring_setup",
                                         "dup3",   "socket",  "signalfd",    "inotify_init",  "open_tree_attr",
                                         "open",   "accept4", "open_tree",   "memfd_create",  "timerfd_create",
                                         "creat",  "eventfd", "signalfd4",   "memfd_secret",  "perf_event_open",
                                         "accept", "fsmount", "pidfd_open",  "epoll_create1", "open_by_handle_at",
                                         "fsopen", "mq_open", "pidfd_getfd", "fanotify_init"};
    for (int i = 0; i < STG_ABI_MAX_CALLS; i++) {
        const char *name = stg_syscall_name(i);
        const char *const *args = name == NULL ? NULL : stg_syscall_arg_names(name);
        if (args == NULL && name != NULL && stg_syscall_synonym(name) != NULL) {
            args = stg_syscall_arg_names(stg_syscall_synonym(name));
        }
        struct stg_abi_call *call = &c->by_number[i];
        call->n_args = name == NULL ? 6 : 0;
        for (size_t f = 0; fd_kinds && name != NULL && f < sizeof makers / sizeof makers[0]; f++) {
            call->returns_fd |= strcmp(name, makers[f]) == 0;
        }
        const int fd_at = fd_kinds && name != NULL ? stg_syscall_descriptor_index(name) : STG_SYSCALL_ARG_NONE;
        call->fd_arg = fd_at >= 0 ? (uint8_t)(fd_at + 1) : 0;
        const int path_at = paths && name != NULL ? stg_syscall_path_index(name) : STG_SYSCALL_ARG_NONE;
        call->path_arg = path_at >= 0 ? (uint8_t)(path_at + 1) : 0;
        for (uint8_t k = 0; args != NULL && k < 6 && args[k] != NULL; k++) {
            call->n_args = (uint8_t)(k + 1);
        }
    }
}

enum stg_status stg_record_configure(struct stg_abi_config *c, const struct stg_record_options *o)
{
    if (o->n_comms > STG_ABI_MAX_COMMS) {
        return stg_fail(STG_ERR_USAGE, "--comm: %zu names are too many: give at most %d", o->n_comms,
                        STG_ABI_MAX_COMMS);
    }
    if (o->n_cgroups > STG_ABI_MAX_CGROUPS) {
        return stg_fail(STG_ERR_USAGE, "--cgroup: %zu are too many: give at most %d", o->n_cgroups,
                        STG_ABI_MAX_CGROUPS);
    }
    for (size_t i = 0; i < o->n_comms; i++) {
        const size_t len = strlen(o->comms[i]);
        if (len == 0) { /* an empty variable of a script */
            return stg_fail(STG_ERR_USAGE,
                            "--comm: a name is empty: give that of a thread or process (ps -eL -o comm)");
        }
        memcpy(c->comms[i], o->comms[i], len < STG_ABI_COMM_SIZE - 1 ? len : STG_ABI_COMM_SIZE - 1);
    }
    c->n_comms = (uint32_t)o->n_comms;
    c->n_cgroups = (uint32_t)o->n_cgroups;
    c->by_process = o->n_pids > 0 || o->command != NULL;
    c->follow_forks = o->follow;
    if (o->sample < 0 || o->sample > 1) {
        return stg_fail(STG_ERR_USAGE, "--sample: %g is not a part: give a number above 0 and up to 1", o->sample);
    }
    c->sample_below = o->sample == 0 || o->sample == 1 ? 0 : (uint32_t)(o->sample * 4294967295.0) + 1;
    c->fd_kinds = !o->no_fd_kinds;
    c->paths = !o->no_paths;
    set_args(c, c->fd_kinds, c->paths);
    return o->calls == NULL ? STG_OK : set_calls(c, o->calls);
}

/* A pidfd that is readable is of a process that has ended. */
static bool has_ended(int pid_fd)
{
    struct pollfd p = {.fd = pid_fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* The process whose thread has this number, 0 when none has. */
static int32_t process_of(int32_t tid)
{
    char path[64], line[128];
    int32_t pid = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", tid);
    FILE *file = fopen(path, "re");
    while (file != NULL && pid == 0 && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Tgid: %d", &pid) != 1) {
            pid = 0;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return pid;
}

/* Why there is no pidfd of it. */
static enum stg_status refuse_pid(int32_t pid, size_t n)
{
    if (errno == EMFILE) {
        return stg_fail(STG_ERR_UNSUPPORTED, "--pid %d: it may not have so many files open: ulimit -n %zu", pid,
                        1024 + n);
    }
    if (errno == ENFILE || errno == ENOMEM) {
        return stg_fail_errno("--pid %d", pid);
    }
    const int32_t process = process_of(pid);
    return process > 0 && process != pid
               ? stg_fail(STG_ERR_USAGE, "--pid %d: is a thread of process %d: give that, or --comm for some threads",
                          pid, process)
               : stg_fail(STG_ERR_USAGE, "--pid %d: there is no process of that number", pid);
}

static enum stg_status open_pid(struct stg_record *r, int32_t pid, size_t n)
{
    const uint32_t key = (uint32_t)pid;
    const uint8_t state = STG_ABI_FOLLOWED;
    const int map = bpf_map__fd(r->bpf->maps.procs);
    const int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        return refuse_pid(pid, n);
    }
    r->pid_fds[r->n_pids++] = fd;
    if (bpf_map_update_elem(map, &key, &state, BPF_NOEXIST) != 0) {
        return errno == EEXIST ? STG_OK : stg_fail_errno("--pid %d: cannot follow it", pid);
    }
    __atomic_fetch_add(&r->bpf->bss->control.n_procs, 1, __ATOMIC_ACQ_REL);
    /* It may have ended before the programs could see that. */
    if (has_ended(fd) && bpf_map_delete_elem(map, &key) == 0) {
        __atomic_fetch_sub(&r->bpf->bss->control.n_procs, 1, __ATOMIC_ACQ_REL);
    }
    return STG_OK;
}

enum stg_status stg_record_open_pids(struct stg_record *r, const struct stg_record_options *o)
{
    if (o->n_pids > 0 && r->bpf->bss->control.own_tgid != (uint32_t)getpid()) {
        return stg_fail(STG_ERR_UNSUPPORTED,
                        "--pid: this is a pid namespace of its own, where processes have other numbers than for "
                        "the kernel: record by --cgroup or --comm");
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&r->pid_fds, o->n_pids, sizeof *r->pid_fds));
    for (size_t i = 0; i < o->n_pids; i++) {
        STG_RETURN_IF_FAILED(open_pid(r, o->pids[i], o->n_pids));
    }
    return STG_OK;
}

/* What the programs look at is kept by the kernel; what stays open here is a file of the group that every group has, as
 * the user who called sudo may not be allowed to look into its directory. */
static enum stg_status open_cgroup(struct stg_record *r, const char *path)
{
    enum stg_status status = STG_OK;
    struct statfs fs;
    const uint32_t key = (uint32_t)r->n_cgroups;
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == EMFILE) {
        return stg_fail(STG_ERR_UNSUPPORTED, "--cgroup %s: " STG_RECORD_FEW_FILES, path);
    }
    if (fd < 0) {
        return stg_fail_errno("--cgroup %s: cannot open it: give the directory of a cgroup", path);
    }
    if (fstatfs(fd, &fs) != 0 || fs.f_type != CGROUP2_SUPER_MAGIC) {
        STG_TRY(stg_fail(
            STG_ERR_USAGE,
            "--cgroup %s: not a cgroup v2 directory: give one below the mount of type cgroup2 (findmnt -t cgroup2)",
            path));
    }
    const int file = openat(fd, "cgroup.controllers", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        STG_TRY(stg_fail_errno("--cgroup %s: cannot open its cgroup.controllers", path));
    }
    r->cgroup_fds[r->n_cgroups++] = file;
    if (bpf_map_update_elem(bpf_map__fd(r->bpf->maps.cgroups), &key, &fd, BPF_ANY) != 0) {
        status = stg_fail_errno("--cgroup %s: the kernel does not take it", path);
    }
out:
    close(fd);
    return status;
}

enum stg_status stg_record_open_cgroups(struct stg_record *r, const struct stg_record_options *o)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&r->cgroup_fds, o->n_cgroups, sizeof *r->cgroup_fds));
    for (size_t i = 0; i < o->n_cgroups; i++) {
        STG_RETURN_IF_FAILED(open_cgroup(r, o->cgroups[i]));
    }
    return STG_OK;
}

/* A file of a removed group has no device any more. Any other failure says nothing of the group. */
bool stg_record_cgroups_alive(const struct stg_record *r)
{
    char byte;
    for (size_t i = 0; i < r->n_cgroups; i++) {
        if (pread(r->cgroup_fds[i], &byte, 1, 0) >= 0 || errno != ENODEV) {
            return true;
        }
    }
    return false;
}
