/* Process: a program of the lab: in a cgroup, as a user, in a session of its own, with its output in files. */
#ifndef STG_LAB_PROCESS_H
#define STG_LAB_PROCESS_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct stg_process_settings {
    const char *const *argv; /* NULL-terminated; argv[0] is a path */
    const char *const *env;  /* NULL-terminated; NULL: PATH and LANG alone */
    const char *cgroup;      /* joined before the program starts; NULL: the caller's */
    uid_t uid;               /* user and group; 0: the caller's */
    const char *in, *out,
        *err;           /* files; NULL: /dev/null. The same for out and err is allowed. Written from their beginning */
    const char *folder; /* working directory; NULL: / */
};

/* Starts it. Fails with the reason when it cannot be executed, too. It dies with the caller's thread. */
enum stg_status stg_process_start(pid_t *out, const struct stg_process_settings *s) STG_MUST_USE;
/* Has it ended? *code is its exit status, or 128 + the signal. */
enum stg_status stg_process_poll(pid_t pid, bool *ended, int *code) STG_MUST_USE;
/* STG_ERR_IO with what its log complains of when it has ended (*pid is 0 then); *pid 0: nothing to look at. */
enum stg_status stg_process_check(pid_t *pid, const char *what, const char *log) STG_MUST_USE;
/* Waits up to timeout_ns (0: for ever) for its end; STG_ERR_IO `what: …` when it does not come, STG_ERR_INTERRUPTED
 * when a stop is asked for. */
enum stg_status stg_process_wait(pid_t pid, uint64_t timeout_ns, const char *what, int *code) STG_MUST_USE;
/* Ends it and takes its status, whatever it is doing; pid 0 or less: nothing. */
void stg_process_kill(pid_t pid);

/* Runs it to its end. An exit status other than 0 is STG_ERR_IO with what the file err complains of. When a
 * stop is asked for, it gets SIGTERM. */
enum stg_status stg_process_run(const struct stg_process_settings *s, const char *what) STG_MUST_USE;
/* Of a file, the last line that speaks of an error; of one that does not, the last that says something; "" when there
 * is none. Lines by which servers only say that they end count where there is no other. */
void stg_process_complaint(const char *path, char *out, size_t cap);

/* *out = the path of a program: name as it is when it has a slash, else from PATH and the sbin folders; "" when there
 * is none. */
void stg_process_find(const char *name, char *out, size_t cap);

#endif
