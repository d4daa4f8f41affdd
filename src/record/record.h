/* Record: the system calls of this machine as they happen, by eBPF. The only module that knows libbpf; without it (a
 * build option) every function is there and open() says what is missing.
 *
 * Use: options, open (loads and attaches, records nothing yet), drop_privileges, start, then poll() until it says that
 * the recording has ended; stop() ends it. Or the source interface, which polls by itself. One thread at a time. */
#ifndef STG_RECORD_RECORD_H
#define STG_RECORD_RECORD_H

#include "event/marker.h"
#include "event/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What to record. Kinds of filters that are given must all agree; within a kind any one may. All pointers are borrowed
 * until open() returns; but for them: zero is everything, with the default ring. */
struct stg_record_options {
    const int32_t *pids; /* processes, and with follow their children from now on */
    size_t n_pids;
    char *const *command;     /* run this, and record it and its descendants; NULL-terminated. SIGCHLD is not ignored
                               * then, or its end would not be seen */
    const char *user;         /* as whom the command runs; NULL: who called sudo, else the caller */
    bool follow;              /* children of pids and of the command too */
    const char *const *comms; /* names of threads or of their process */
    size_t n_comms;
    const char *const *cgroups; /* directories of cgroup v2, with all below */
    size_t n_cgroups;
    const char *calls; /* "read,write" only these, "!futex,!poll" all but these; NULL = all */
    double sample;     /* part of the processes, chosen by their number; 0 or 1 = all */
    const struct stg_marker *markers;
    size_t n_markers;
    size_t ring_size;           /* bytes of a CPU's ring, rounded up to a power of 2; 0 = stg_record_ring_size() */
    bool no_fd_kinds, no_paths; /* do not resolve descriptors, do not copy file names */
};

/* Why a recording ended. */
enum stg_record_end {
    STG_RECORD_GOES_ON,
    STG_RECORD_STOPPED,      /* by stop() */
    STG_RECORD_COMMAND_DONE, /* the command and all of its descendants have ended */
    STG_RECORD_TARGET_GONE,  /* the last of the pids has ended, the cgroup was removed */
};

#define STG_RECORD_N_FILTERS 7
#define STG_RECORD_MAX_CPUS  512

struct stg_record_stats {
    uint64_t n_events;                         /* delivered, gaps not counted */
    uint64_t n_by_kind[7];                     /* … by enum stg_event_kind */
    uint64_t n_put;                            /* records that the programs put into the rings, gaps not counted */
    uint64_t n_lost;                           /* that found no room, or were not written when recording ended */
    uint64_t n_gaps;                           /* in which these were lost */
    uint64_t n_inverted;                       /* events that were in a ring before older ones, and were put right */
    uint64_t n_late;                           /* events that came too late to be put right */
    uint64_t n_damaged;                        /* records that could not be read: none, or a defect */
    uint64_t n_no_comm, n_no_path;             /* events without their thread's or file's name: there were too many */
    uint64_t n_untracked;                      /* children for which the table of processes had no room */
    uint64_t n_filtered[STG_RECORD_N_FILTERS]; /* events that were left out, by stg_record_filter_name() */
    double most_used;                          /* the fullest that a CPU's rings were seen, 0 … 1 */
    uint64_t recorded_ns;                      /* from start() to the end of recording, or until now */
    size_t n_cpus;
    uint64_t lost_by_cpu[STG_RECORD_MAX_CPUS];
};

struct stg_record;

/* Bytes of a CPU's ring by default: 16 MiB, less on machines with many CPUs so that all together take 256 MiB at most,
 * but at least 1 MiB each. One that is larger has a ring of 1 MiB before it, which comes on top. */
size_t stg_record_ring_size(size_t n_cpus);
const char *stg_record_filter_name(size_t i); /* i < STG_RECORD_N_FILTERS */
/* Whether this build can record at all. */
bool stg_record_is_built(void);

/* *out owned by the caller, ended by stg_record_close(). A command is started but waits. STG_ERR_UNSUPPORTED: the
 * build, kernel or privileges do not do; STG_ERR_USAGE: an option that names what is not there. */
enum stg_status stg_record_open(struct stg_record **out, const struct stg_record_options *options) STG_MUST_USE;
void stg_record_close(struct stg_record *r); /* r may be NULL */
/* Borrowed; its close() does nothing. */
struct stg_source *stg_record_source(struct stg_record *r);

/* Gives up what is not needed any more: becomes the user who called sudo, drops all capabilities (but CAP_KILL where
 * the command is another user's) and allows itself only the system calls that writing a trace takes. Any part that
 * fails is a failure. */
enum stg_status stg_record_drop_privileges(struct stg_record *r) STG_MUST_USE;

/* Begins to record; the command runs. */
enum stg_status stg_record_start(struct stg_record *r) STG_MUST_USE;
/* *events = the next *n events, borrowed until the next call; waits at most wait_ns for some. *end is set when all has
 * been delivered (*n = 0). */
enum stg_status stg_record_poll(struct stg_record *r, uint64_t wait_ns, const struct stg_event **events, size_t *n,
                                enum stg_record_end *end) STG_MUST_USE;
/* Detaches; poll() delivers what is in the rings and then ends. A command that still runs gets SIGTERM. */
void stg_record_stop(struct stg_record *r);

/* Whether the options let calls of this name pass; one without a name (syscall_600) does not where they say what to
 * record. */
bool stg_record_passes_call(const struct stg_record *r, const char *name);

/* Of the command, after the end: as waitpid() has it, −1 when there is none or it still runs. */
int stg_record_command_status(const struct stg_record *r);
/* It runs still, as it is another user's by now and may not be sent SIGTERM. */
bool stg_record_command_refused(const struct stg_record *r);
void stg_record_stats(const struct stg_record *r, struct stg_record_stats *out);

#endif
