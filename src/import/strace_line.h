/* strace import, inside: one line taken apart. */
#ifndef STG_IMPORT_STRACE_LINE_H
#define STG_IMPORT_STRACE_LINE_H

#include "event/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum strace_time {
    STRACE_TIME_NONE,  /* none, or one that says too little (-t, -r) */
    STRACE_TIME_EPOCH, /* -ttt: seconds since 1970 */
    STRACE_TIME_DAY,   /* -tt: time of day */
};

enum strace_what {
    STRACE_CALL,       /* whole */
    STRACE_UNFINISHED, /* its beginning */
    STRACE_BROKEN,     /* its beginning, cut by a message of strace; the next line goes on where it stopped */
    STRACE_RESUMED,    /* its end */
};

struct strace_line {
    enum strace_what what;
    enum strace_time time;
    uint64_t ts_ns, duration_ns;
    const char *name; /* borrowed from the line */
    size_t name_len;
    int32_t tid;      /* 0: no prefix */
    int32_t heir;     /* the thread under whose number the call goes on: an execve() of another thread; 0: its own */
    bool bracketed;   /* the prefix is "[pid N]" */
    const char *comm; /* the thread's name in the prefix (-Y), borrowed from the line; NULL: none */
    size_t comm_len;
    bool has_exit;           /* the call returned */
    bool has_ret, ret_class; /* ret is known; only its class is */
    bool has_duration;
    int64_t ret;
    uint64_t args[STG_EVENT_MAX_ARGS];
    uint8_t n_args;
    const char *text; /* the arguments as they stand, borrowed from the line; NULL where the line has none */
    size_t text_len;
};

/* True when the line is a system call or a part of one. Arguments are read up to the first that is not an integer. */
bool strace_line_read(struct strace_line *out, const char *line, size_t len);
/* True when the line is the rest of one that was STRACE_BROKEN and its call returned; only the result is set. */
bool strace_line_continue(struct strace_line *out, const char *line, size_t len);
/* What a line that is no call says of threads. */
struct strace_end {
    int32_t gone;    /* the thread that has ended, 0 when it says nothing of the kind */
    bool superseded; /* what it does goes on under the number of its process's first thread: it executes a program */
    int32_t heir;    /* that thread, 0 when the line has no prefix */
};
/* True when it is another line that strace writes: "+++ exited", "--- SIGCHLD", "strace: Process". */
bool strace_line_known(struct strace_end *out, const char *line, size_t len);
/* True when the call makes a thread or process, whose number it returns. */
bool strace_line_makes_thread(const struct strace_line *l);
/* The name that the call gives its thread when it succeeds (execve: the last part of the path; prctl: PR_SET_NAME),
 * with its length; NULL for any other call. Linux keeps 15 bytes. */
const char *strace_line_comm(const struct strace_line *l, size_t *len);
#define STRACE_PATH_SIZE 4096
/* The name of a file that stands in quotes as the argument at index (0: the first), unescaped, with its length; at most
 * STRACE_PATH_SIZE bytes of it. False when there is none or it is cut short. */
bool strace_line_path(const struct strace_line *l, int index, char out[STRACE_PATH_SIZE], size_t *len);
/* The same of the file that the descriptor at index is of (-y). */
bool strace_line_descriptor_path(const struct strace_line *l, int index, char out[STRACE_PATH_SIZE], size_t *len);
/* The thread of "strace: Process N attached" anywhere in the line, 0 when there is none. */
int32_t strace_line_attached(const char *line, size_t len);
/* The thread of a "[pid N]" prefix, 0 when there is none. */
int32_t strace_line_bracketed(const char *line, size_t len);

#endif
