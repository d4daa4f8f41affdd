#include "lab/process.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/program.h"
#include "lab/text.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TURN_NS    UINT64_C(10000000) /* between two looks at a child */
#define TERM_NS    UINT64_C(5000000000)
#define FULL_BELOW 65536 /* bytes that are left */

static const char *const default_env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C",
                                          NULL};

/* Logs are opened by root, and lie where the servers' user may put a link, a pipe, or a second name of a file. */
static int open_log(const char *path)
{
    struct stat st;
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (fd < 0 || fstat(fd, &st) != 0) {
        return -1;
    }
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
        errno = S_ISREG(st.st_mode) ? EMLINK : ENXIO;
        return -1;
    }
    return ftruncate(fd, 0) == 0 ? fd : -1;
}

static int open_output(const char *path)
{
    return path == NULL ? open("/dev/null", O_WRONLY) : open_log(path);
}

/* In the child: what failed, as the step's name; NULL when all is set. */
static const char *redirect(const struct stg_process_settings *s)
{
    const int in_fd = open(s->in == NULL ? "/dev/null" : s->in, O_RDONLY);
    if (in_fd < 0 || dup2(in_fd, 0) < 0) {
        return "input";
    }
    const int out_fd = open_output(s->out);
    if (out_fd < 0 || dup2(out_fd, 1) < 0) {
        return "output";
    }
    const bool same = s->out != NULL && s->err != NULL && strcmp(s->out, s->err) == 0;
    const int err_fd = same ? 1 : open_output(s->err);
    return err_fd < 0 || dup2(err_fd, 2) < 0 ? "output" : NULL;
}

static const char *join_cgroup(const char *path)
{
    char name[1024];
    snprintf(name, sizeof name, "%s/cgroup.procs", path);
    const int fd = open(name, O_WRONLY | O_CLOEXEC);
    const bool good = fd >= 0 && write(fd, "0", 1) == 1;
    return good ? NULL : "control group";
}

static const char *become(uid_t uid)
{
    if (uid == 0) {
        return NULL;
    }
    if (setgroups(0, NULL) != 0 || setresgid((gid_t)uid, (gid_t)uid, (gid_t)uid) != 0 ||
        setresuid(uid, uid, uid) != 0) {
        return "user";
    }
    return NULL;
}

static const char *prepare_child(const struct stg_process_settings *s, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    setsid(); /* a key that interrupts the lab is not for its servers */
    const char *failed = redirect(s);
    if (failed == NULL && s->cgroup != NULL) {
        failed = join_cgroup(s->cgroup);
    }
    if (failed == NULL && chdir(s->folder == NULL ? "/" : s->folder) != 0) {
        failed = "working directory";
    }
    if (failed == NULL) {
        failed = become(s->uid);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* after the change of user, which clears it */
    return failed == NULL && getppid() != parent ? "parent" : failed;
}

struct failure {
    int error;
    char step[32];
};

static _Noreturn void run_child(const struct stg_process_settings *s, pid_t parent, int report)
{
    struct failure f = {0};
    const char *failed = prepare_child(s, parent);
    if (failed == NULL) {
        execve(s->argv[0], (char *const *)s->argv, (char *const *)(s->env == NULL ? default_env : s->env));
        failed = "program";
    }
    f.error = errno;
    snprintf(f.step, sizeof f.step, "%s", failed);
    (void)!write(report, &f, sizeof f);
    _exit(127);
}

enum stg_status stg_process_start(pid_t *out, const struct stg_process_settings *s)
{
    int report[2];
    struct failure f;
    const pid_t parent = getpid();
    *out = 0;
    if (pipe2(report, O_CLOEXEC) != 0) {
        return stg_fail_errno("%s: cannot be started", s->argv[0]);
    }
    const pid_t pid = fork();
    if (pid == 0) {
        close(report[0]);
        run_child(s, parent, report[1]);
    }
    close(report[1]);
    if (pid < 0) {
        close(report[0]);
        return stg_fail_errno("%s: cannot be started", s->argv[0]);
    }
    ssize_t n;
    do {
        n = read(report[0], &f, sizeof f);
    } while (n < 0 && errno == EINTR);
    close(report[0]);
    if (n == (ssize_t)sizeof f) {
        waitpid(pid, NULL, 0);
        return stg_fail(STG_ERR_IO, "%s: cannot be started: %s: %s", s->argv[0], f.step, strerror(f.error));
    }
    *out = pid;
    return STG_OK;
}

enum stg_status stg_process_poll(pid_t pid, bool *ended, int *code)
{
    int raw;
    const pid_t got = waitpid(pid, &raw, WNOHANG);
    *ended = got == pid;
    if (got < 0 && errno != EINTR) {
        return stg_fail_errno("process %d", (int)pid);
    }
    if (got == pid && code != NULL) {
        *code = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    }
    return STG_OK;
}

enum stg_status stg_process_wait(pid_t pid, uint64_t timeout_ns, const char *what, int *code)
{
    const uint64_t start = stg_clock_ns();
    bool ended = false;
    for (;;) {
        STG_RETURN_IF_FAILED(stg_process_poll(pid, &ended, code));
        if (ended) {
            return STG_OK;
        }
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        if (timeout_ns > 0 && stg_clock_ns() - start > timeout_ns) {
            return stg_fail(STG_ERR_IO, "%s: does not end within %llu s", what,
                            (unsigned long long)(timeout_ns / 1000000000));
        }
        stg_sleep_ns(TURN_NS);
    }
}

void stg_process_kill(pid_t pid)
{
    if (pid > 0) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
}

/* 3: speaks of an error; 2: of anything; 1: says only that something ended the program, as the servers do behind the
 * cause; 0: nothing. */
static int weight_of(const char *line)
{
    static const char *const ends[] = {"FPM initialization failed", "failed to load configuration file",
                                       "[ERROR] Aborting"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (strstr(line, ends[i]) != NULL) {
            return 1;
        }
    }
    return line[0] == '\0' ? 0 : strcasestr(line, "error") == NULL ? 2 : 3;
}

void stg_process_complaint(const char *path, char *out, size_t cap)
{
    struct stg_buffer text = STG_BUFFER_INIT;
    int most = 1;
    out[0] = '\0';
    const char *end = path != NULL && stg_text_read(&text, path) == STG_OK ? text.data : "";
    while (*end != '\0') {
        char line[401];
        const char *const begin = end + strspn(end, "\n ");
        end = begin + strcspn(begin, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(end - begin), begin);
        const int weight = weight_of(line);
        if (weight >= most) {
            snprintf(out, cap, "%s", line);
            most = weight;
        }
    }
    stg_buffer_fini(&text);
}

enum stg_status stg_process_check(pid_t *pid, const char *what, const char *log)
{
    bool ended = false;
    int code = 0;
    char line[512];
    if (*pid <= 0) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_process_poll(*pid, &ended, &code));
    if (!ended) {
        return STG_OK;
    }
    *pid = 0;
    stg_process_complaint(log, line, sizeof line);
    return stg_fail(STG_ERR_IO, "%s has ended by itself with exit status %d: %s", what, code,
                    line[0] != '\0' ? line : "it said nothing");
}

/* The program was asked to stop: it may save its state and remove what is half-written. */
static void let_go(pid_t pid)
{
    bool ended = false;
    const uint64_t start = stg_clock_ns();
    kill(pid, SIGTERM);
    while (!ended && stg_clock_ns() - start < TERM_NS) {
        if (stg_process_poll(pid, &ended, NULL) != STG_OK) {
            return;
        }
        struct timespec turn = {.tv_nsec = (long)TURN_NS};
        nanosleep(&turn, NULL);
    }
    if (!ended) {
        stg_process_kill(pid);
    }
}

/* Programs on a full disk cannot even say so in their log. */
static bool is_full(const char *path)
{
    struct statvfs fs;
    return path != NULL && statvfs(path, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < FULL_BELOW;
}

enum stg_status stg_process_run(const struct stg_process_settings *s, const char *what)
{
    pid_t pid;
    int code = 0;
    char line[512];
    STG_RETURN_IF_FAILED(stg_process_start(&pid, s));
    const enum stg_status status = stg_process_wait(pid, 0, what, &code);
    if (status != STG_OK) {
        let_go(pid);
        return status;
    }
    if (code == 0) {
        return STG_OK;
    }
    if (is_full(s->err)) {
        return stg_fail(STG_ERR_IO,
                        "%s: exit status %d: no space is left on the disk of %s (free space or write elsewhere)", what,
                        code, s->err);
    }
    stg_process_complaint(s->err, line, sizeof line);
    return stg_fail(STG_ERR_IO, "%s: exit status %d: %s", what, code, line[0] != '\0' ? line : "it said nothing");
}

void stg_process_find(const char *name, char *out, size_t cap)
{
    static const char *const folders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                          "/usr/bin",        "/sbin",          "/bin"};
    out[0] = '\0';
    if (strchr(name, '/') != NULL) {
        snprintf(out, cap, "%s", stg_program_is(name) ? name : "");
        return;
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char pattern[512];
        glob_t found;
        snprintf(pattern, sizeof pattern, "%s/%s", folders[i], name); /* php-fpm8.2: the version is part of the name */
        if (glob(pattern, 0, NULL, &found) == 0) {
            const char *last = found.gl_pathv[found.gl_pathc - 1];
            if (stg_program_is(last)) {
                snprintf(out, cap, "%s", last);
            }
            globfree(&found);
            if (out[0] != '\0') {
                return;
            }
        }
    }
}
