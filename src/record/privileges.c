/* Giving up privileges: once the programs are attached, only the rings are read and a trace is written, for which none
 * is needed. */
#include "record/probe.h"
#include "record/record_internal.h"

#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum stg_status stg_record_find_caller(struct passwd **out)
{
    const char *text = getenv("SUDO_UID");
    char *rest = NULL;
    *out = NULL;
    if (geteuid() != 0 || text == NULL) {
        return STG_OK;
    }
    errno = 0;
    const unsigned long uid = strtoul(text, &rest, 10);
    *out = errno == 0 && rest != text && *rest == '\0' ? getpwuid((uid_t)uid) : NULL;
    return *out != NULL
               ? STG_OK
               : stg_fail(STG_ERR_USAGE, "SUDO_UID '%s' is no user of this machine: unset it to stay root", text);
}

enum stg_status stg_record_check_caller(void)
{
    if (getuid() == geteuid()) {
        return STG_OK;
    }
    return stg_fail(STG_ERR_USAGE, "record: " STG_RECORD_SET_USER_ID);
}

/* What writing a trace, waiting, and ending the command and the programs takes. */
static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(pwrite64),
    SCMP_SYS(writev),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(lseek),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(sync_file_range),
    SCMP_SYS(syncfs),
    SCMP_SYS(fcntl),
    SCMP_SYS(flock),
    SCMP_SYS(ioctl),
    SCMP_SYS(umask),
    SCMP_SYS(fchmod),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(msync),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(wait4),
    SCMP_SYS(waitid),
    SCMP_SYS(kill),
    SCMP_SYS(tgkill),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getcwd),
    SCMP_SYS(getrandom),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getcpu),
    SCMP_SYS(membarrier),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(prlimit64),
};

#ifdef STG_RECORD_NO_SECCOMP
#define RESTRICTS 0 /* a build with sanitizers, which make calls at the end that no list could name */
#else
#define RESTRICTS 1
#endif

/* Other calls fail with EPERM. */
static enum stg_status restrict_calls(void)
{
    if (!RESTRICTS) {
        return STG_OK;
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int error = filter == NULL ? -ENOMEM : 0;
    for (size_t i = 0; error == 0 && i < sizeof allowed / sizeof allowed[0]; i++) {
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    }
    error = error == 0 ? seccomp_load(filter) : error;
    seccomp_release(filter);
    errno = -error;
    return error == 0 ? STG_OK : stg_fail_errno("record: cannot restrict its own system calls");
}

/* A command of another user is ended with SIGTERM, which takes CAP_KILL. Who may not keep it says so in the end. */
static bool keeps_kill(const struct stg_record *r, const struct passwd *caller)
{
    const uid_t own = caller != NULL ? caller->pw_uid : geteuid();
    capng_get_caps_process();
    return r->launch.pid > 0 && r->launch.uid != own && capng_have_capability(CAPNG_PERMITTED, CAP_KILL);
}

static int select_capabilities(bool keep_kill)
{
    capng_clear(CAPNG_SELECT_BOTH);
    return keep_kill ? capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_KILL) : 0;
}

static int drop_capabilities(bool keep_kill)
{
    if (select_capabilities(keep_kill) != 0) {
        return -1;
    }
    /* The bounding set takes CAP_SETPCAP, which a program with file capabilities need not have. */
    if (geteuid() == 0 && capng_apply(CAPNG_SELECT_BOUNDS) != 0) {
        return -1;
    }
    return capng_apply(CAPNG_SELECT_CAPS);
}

static int become(const struct passwd *user, bool keep_kill)
{
    if (user == NULL || user->pw_uid == geteuid()) {
        return drop_capabilities(keep_kill);
    }
    return select_capabilities(keep_kill) != 0
               ? -1
               : capng_change_id((int)user->pw_uid, (int)user->pw_gid, CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
}

/* As the kernel has it: CAP_KILL where it is to be kept, and nothing else. */
static bool only_kept_is_left(bool keep_kill)
{
    capng_get_caps_process();
    if (keep_kill && (!capng_have_capability(CAPNG_EFFECTIVE, CAP_KILL) ||
                      capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_KILL) != 0)) {
        return false;
    }
    return capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE;
}

/* Who had capabilities by its file is its caller's process like any other without them, to be traced with the rings and
 * programs that it still holds: it is kept from that before. */
enum stg_status stg_record_drop_privileges(struct stg_record *r)
{
    struct passwd *caller = NULL;
    STG_RETURN_IF_FAILED(stg_record_find_caller(&caller));
    const bool keep_kill = keeps_kill(r, caller);
    if (RESTRICTS && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return stg_fail_errno("record: cannot keep other processes of its user off");
    }
    errno = 0;
    if (become(caller, keep_kill) != 0) {
        return errno != 0
                   ? stg_fail_errno("record: cannot give up its privileges")
                   : stg_fail(STG_ERR_UNSUPPORTED, "record: cannot give up its privileges: the kernel does not let it");
    }
    if (!only_kept_is_left(keep_kill) || (caller != NULL && caller->pw_uid != 0 && setuid(0) == 0)) {
        return stg_fail(STG_ERR_INTERNAL, "record: privileges are left that should be gone");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return stg_fail_errno("record: cannot give up gaining privileges");
    }
    return restrict_calls();
}
