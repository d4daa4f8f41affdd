/* Findings: what calls were about, and what for. */
#include "report/findings_internal.h"

#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What calls are made for, those that act on others first. Calls that are made for everything (read) are not here. */
static const struct {
    const char *calls, *means;
} purposes[] = {
    {" clone clone3 fork vfork execve execveat wait4 waitid ", "starts processes or threads"},
    {" ptrace process_vm_readv process_vm_writev ", "looks into other processes"},
    {" kill tkill tgkill pidfd_send_signal ", "sends signals"},
    {" setuid setgid setresuid setresgid setreuid setregid setfsuid setfsgid setgroups capset chroot pivot_root "
     "unshare setns mount move_mount umount umount2 "
     "bpf init_module finit_module delete_module ",
     "changes its rights or its surroundings"},
    {" accept accept4 connect shutdown socket bind listen ", "opens or ends connections"},
    {" unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat mkdir mkdirat rmdir mknod mknodat ",
     "changes names of files"},
    {" chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat setxattr truncate ftruncate ",
     "changes files or who may use them"},
    {" chdir fchdir ", "goes to another directory"},
    {" fsync fdatasync sync syncfs ", "has what it wrote put onto the disk"},
    {" open openat openat2 creat stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents "
     "getdents64 ",
     "looks up or opens files that it otherwise does not need to"},
    {" getpid gettid getppid getuid geteuid getgid getegid ",
     "asks who it is, as programs do for each line of a log and for each new secure connection"},
    {" write pwrite64 pwritev pwritev2 ", "writes more, as to a log or a file"},
    {" ", "sends more, or in smaller pieces"}, /* a write to a socket or a pipe */
    {" getrandom ", "draws random numbers, as for keys"},
    {" nanosleep clock_nanosleep pause ", "waits on purpose"},
    {" poll ppoll select pselect6 epoll_wait epoll_pwait epoll_pwait2 ", "asks whether something is ready"},
    {" sched_yield ", "gives up the processor, as where a program spins for a lock"},
    {" futex futex_wait futex_waitv ", "waits for other threads or wakes them, as at a lock"},
    {" mmap munmap mremap brk mprotect madvise ",
     "takes and returns memory"}, /* the last: it follows from most of the others */
};
enum { PURPOSES = sizeof purposes / sizeof purposes[0], LOOKS_UP = 9, WRITES = 11, SENDS = 12, RANDOM = 13 };

/* Of a program that training had not, where there is nothing usual to compare with. */
static const char *const of_new[PURPOSES] = {
    [LOOKS_UP] = "looks up or opens files",
    [WRITES] = "writes, as to a log or a file",
    [SENDS] = "sends to others",
};

static bool is_message_kind(unsigned kind)
{
    return kind == STG_FD_SOCKET || kind == STG_FD_INET || kind == STG_FD_DGRAM || kind == STG_FD_UNIX ||
           kind == STG_FD_PIPE;
}

bool finding_is_socket(const char *call, const struct stg_behaviour_object *o)
{
    static const char only[] = " connect accept accept4 recvfrom recvmsg recvmmsg sendto sendmsg sendmmsg ";
    char word[72];
    snprintf(word, sizeof word, " %.64s ", call);
    return strstr(only, word) != NULL || (is_message_kind(o->fd_kind) && o->fd_kind != STG_FD_PIPE);
}

bool finding_is_message(const struct stg_behaviour_object *o)
{
    for (unsigned k = 0; k < STG_N_FD_KINDS; k++) {
        if (o->of_kind[k] > 0 && !is_message_kind(k)) {
            return false;
        }
    }
    return is_message_kind(o->fd_kind);
}

/* Four in five, or the commonest kind where no kinds are counted. */
static bool is_mostly_message(const struct stg_behaviour_object *o)
{
    uint64_t messages = 0, all = 0;
    for (unsigned k = 0; k < STG_N_FD_KINDS; k++) {
        all += o->of_kind[k];
        messages += is_message_kind(k) ? o->of_kind[k] : 0;
    }
    return all > 0 ? messages * 5 >= all * 4 : is_message_kind(o->fd_kind);
}

void finding_purpose(unsigned *found, const char *call, const struct stg_behaviour_object *o, float each,
                     enum finding_program program)
{
    char word[72];
    snprintf(word, sizeof word, " %.64s ", call);
    for (unsigned i = 0; i < PURPOSES; i++) {
        /* The C library draws once as each program starts. */
        const bool is_start = i == RANDOM && (each <= 1 || program == FINDING_PROGRAM_NEW);
        if (strstr(purposes[i].calls, word) != NULL && !is_start) {
            *found |= 1U << (i == WRITES && is_mostly_message(o) ? (unsigned)SENDS : i);
        }
    }
}

void finding_put_purposes(struct finding *f, unsigned found, enum finding_program program)
{
    bool first = true;
    for (unsigned i = 0; i < PURPOSES; i++) {
        if (found & 1U << i && (first || i + 1 < PURPOSES)) {
            const bool is_new = program != FINDING_PROGRAM_KNOWN && of_new[i] != NULL;
            words_append(f->means, sizeof f->means, "%s%s", first ? "it " : "; it ",
                         is_new ? of_new[i] : purposes[i].means);
            first = false;
        }
    }
}

const char *finding_kind(unsigned kind)
{
    static const char *const kinds[STG_N_FD_KINDS] = {
        [STG_FD_FILE] = "a file",       [STG_FD_DIRECTORY] = "a directory", [STG_FD_CHAR] = "a terminal or device",
        [STG_FD_BLOCK] = "a disk",      [STG_FD_PIPE] = "a pipe",           [STG_FD_SOCKET] = "a socket",
        [STG_FD_INET] = "a TCP socket", [STG_FD_DGRAM] = "a UDP socket",    [STG_FD_UNIX] = "a Unix socket",
        [STG_FD_NETLINK] = "netlink",   [STG_FD_EPOLL] = "an epoll set",    [STG_FD_EVENTFD] = "an eventfd",
        [STG_FD_TIMERFD] = "a timer",   [STG_FD_SIGNALFD] = "a signalfd",   [STG_FD_INOTIFY] = "inotify",
        [STG_FD_PIDFD] = "a process",   [STG_FD_MEMFD] = "shared memory",   [STG_FD_IO_URING] = "an io_uring",
        [STG_FD_BPF] = "a BPF object",  [STG_FD_PERF] = "a perf event",     [STG_FD_PROC] = "a file of /proc",
    };
    return kind < STG_N_FD_KINDS ? kinds[kind] : NULL;
}

/* ", 16 on a TCP socket, 2 on a file": of as many as are told of, by the parts that were looked at. The commonest kind
 * has what the others leave. */
static void put_kinds(struct finding *f, const struct stg_behaviour_object *o, const char *before, float many,
                      uint32_t all)
{
    uint64_t of_kind[STG_N_FD_KINDS], left = (uint64_t)llroundf(many);
    for (unsigned k = 0; k < STG_N_FD_KINDS; k++) {
        of_kind[k] = k == o->fd_kind ? 0 : (uint64_t)llroundf(many * (float)o->of_kind[k] / (float)all);
        left -= of_kind[k] < left ? of_kind[k] : left;
    }
    of_kind[o->fd_kind] = left;
    for (unsigned k = 0; k < STG_N_FD_KINDS; k++) {
        if (of_kind[k] > 0 && finding_kind(k) != NULL) {
            char text[32];
            words_count(of_kind[k], text);
            words_append(f->what, sizeof f->what, "%s %s on %s", before, text, finding_kind(k));
        }
    }
}

void finding_object(struct finding *f, const struct stg_behaviour_object *o, const char *before, float many)
{
    uint32_t all = 0, most = 0;
    for (unsigned k = 0; k < STG_N_FD_KINDS; k++) {
        all += o->of_kind[k];
        most = o->of_kind[k] > most ? o->of_kind[k] : most;
    }
    if (most < all && (float)(all - most) * many >= 0.5f * (float)all) {
        put_kinds(f, o, before, many, all);
    } else if (finding_kind(o->fd_kind) != NULL) {
        words_append(f->what, sizeof f->what, "%s on %s", before, finding_kind(o->fd_kind));
    }
    if (o->path[0] != '\0') {
        words_append(f->what, sizeof f->what, "%s as of %s", before, o->path);
    }
}
