/* The command: forked while the programs watch for it, held back until recording begins, run as the user who asked. */
#include "record/record_internal.h"

#include "base/memory.h"
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the child says when there is no command in its place. */
struct launch_failure {
    int32_t error; /* errno */
    bool of_user;  /* it could not become the user */
};

/* *out = NULL: stay who we are. */
static enum stg_status find_user(const char *name, struct passwd **out)
{
    if (name == NULL) {
        return stg_record_find_caller(out);
    }
    *out = getpwnam(name);
    return *out != NULL ? STG_OK : stg_fail(STG_ERR_USAGE, "--user: there is no user '%s'", name);
}

static int become(const struct passwd *user)
{
    if (user == NULL || user->pw_uid == geteuid()) {
        return 0;
    }
    if (initgroups(user->pw_name, user->pw_gid) != 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0) {
        return -1;
    }
    setenv("HOME", user->pw_dir, 1);
    setenv("USER", user->pw_name, 1);
    setenv("LOGNAME", user->pw_name, 1);
    return 0;
}

_Noreturn static void run_child(int go, int failed, char *const *command, const struct passwd *user)
{
    char file[4096], byte;
    struct launch_failure f = {0};
    extern char **environ;
    ssize_t n;
    do {
        n = read(go, &byte, 1);
    } while (n < 0 && errno == EINTR);
    if (n == 1) { /* else the recorder has gone */
        signal(SIGPIPE, SIG_DFL);
        signal(SIGXFSZ, SIG_DFL);
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        f.of_user = become(user) != 0;
        if (!f.of_user) {
            const bool found = stg_program_find(command[0], file, sizeof file);
            errno = ENOENT;
            if (found) { /* one execve() is recorded, not one for each directory of PATH */
                execve(file, command, environ);
            }
        }
        f.error = errno;
        if (write(failed, &f, sizeof f) != (ssize_t)sizeof f) {
            _exit(126);
        }
    }
    _exit(127);
}

static enum stg_status refuse_pipe(void)
{
    return errno == EMFILE ? stg_fail(STG_ERR_UNSUPPORTED, "record: cannot make a pipe: " STG_RECORD_FEW_FILES)
                           : stg_fail_errno("record: cannot make a pipe");
}

enum stg_status stg_launch_prepare(struct stg_record_launch *l, char *const *command, const char *user)
{
    int go[2], failed[2];
    struct passwd *who = NULL;
    STG_RETURN_IF_FAILED(find_user(user, &who));
    STG_RETURN_IF_FAILED(stg_mem_strdup(&l->name, command[0]));
    if (pipe2(go, O_CLOEXEC) != 0) {
        return refuse_pipe();
    }
    if (pipe2(failed, O_CLOEXEC) != 0) {
        close(go[0]);
        close(go[1]);
        return refuse_pipe();
    }
    const pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        close(failed[0]);
        run_child(go[0], failed[1], command, who);
    }
    close(go[0]);
    close(failed[1]);
    l->uid = who != NULL ? who->pw_uid : geteuid();
    l->go = go[1];
    l->failed = failed[0];
    l->status = -1;
    l->pid = pid > 0 ? pid : 0;
    return pid > 0 ? STG_OK : stg_fail_errno("record: cannot start a process for the command");
}

enum stg_status stg_launch_go(struct stg_record_launch *l)
{
    struct launch_failure f;
    ssize_t n;
    if (write(l->go, "", 1) != 1) {
        return stg_fail_errno("record: cannot start the command");
    }
    close(l->go);
    l->go = -1;
    do {
        n = read(l->failed, &f, sizeof f);
    } while (n < 0 && errno == EINTR);
    close(l->failed);
    l->failed = -1;
    if (n != (ssize_t)sizeof f) { /* the pipe was closed by execve() */
        return STG_OK;
    }
    if (!f.of_user && f.error == ENOEXEC) {
        return stg_fail(
            STG_ERR_USAGE,
            "%s: cannot run the command: it is no program of this machine, and as a script it lacks a first line "
            "like #!/bin/sh: add one, or run it as sh %s",
            l->name, l->name);
    }
    return f.of_user ? stg_fail(STG_ERR_USAGE, "%s: cannot run the command as user %u: %s", l->name, l->uid,
                                strerror(f.error))
                     : stg_fail(STG_ERR_USAGE, "%s: cannot run the command: %s", l->name, strerror(f.error));
}

void stg_launch_check(struct stg_record_launch *l)
{
    int status;
    if (l->pid > 0 && l->status == -1 && waitpid(l->pid, &status, WNOHANG) == l->pid) {
        l->status = status;
    }
}

void stg_launch_end(struct stg_record_launch *l)
{
    stg_launch_check(l);
    if (l->pid > 0 && l->status == -1) {
        l->refused = kill(l->pid, SIGTERM) != 0 && errno == EPERM;
        for (int i = 0; i < 100 && l->status == -1 && !l->refused; i++) { /* at most a second */
            const struct timespec pause = {.tv_nsec = 10000000};
            nanosleep(&pause, NULL);
            stg_launch_check(l);
        }
    }
}

bool stg_record_command_refused(const struct stg_record *r)
{
    return r->launch.refused;
}

void stg_launch_close(struct stg_record_launch *l)
{
    int status;
    if (l->go >= 0) { /* it waits still: the closed pipe lets it end */
        close(l->go);
        l->go = -1;
        if (l->pid > 0) {
            waitpid(l->pid, &status, 0);
            l->pid = 0;
        }
    }
    if (l->failed >= 0) {
        close(l->failed);
        l->failed = -1;
    }
    stg_mem_free(l->name);
    l->name = NULL;
}
