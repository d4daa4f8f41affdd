/* Event: one traced record. What a source cannot know is marked absent, never invented. Lost events are events too. */
#ifndef STG_EVENT_EVENT_H
#define STG_EVENT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stg_event_kind {
    STG_EVENT_ENTRY = 1, /* a system call begins */
    STG_EVENT_EXIT,      /* a system call returns */
    STG_EVENT_MARKER,    /* anything else with a name: a UST event, a uprobe; cut rules look for them */
    STG_EVENT_LOST, /* a gap: n_lost events are missing from this time to stg_event_gap_end(), where that is known; else
                       at or before it */
    STG_EVENT_BEGIN, /* the source's own sequences (data.txt, integer lists): one begins … */
    STG_EVENT_END,   /* … and ends; between the two every event belongs to it */
};

/* Bits of stg_event.has */
enum {
    STG_HAS_TIME = 1 << 0, /* ts_ns is a real time; without it ts_ns counts events and durations mean nothing */
    STG_HAS_CPU = 1 << 1,
    STG_HAS_PID = 1 << 2,
    STG_HAS_TID = 1 << 3,
    STG_HAS_COMM = 1 << 4,
    STG_HAS_RET = 1 << 5, /* ret is the call's return value (exit) */
    STG_HAS_CGROUP = 1 << 6,
    STG_HAS_CLASS = 1 << 7, /* only the class of ret is known: 0 success, −1 failure (data.txt) */
    STG_HAS_COUNT = 1 << 8, /* n_lost is a count; without it a gap of unknown size (n_lost = 1) */
    STG_HAS_FD =
        1 << 9, /* fd_kind says what the call's descriptor is: of an entry its argument, of an exit what it returned */
    STG_HAS_PATH = 1 << 10,     /* path is the file name that the call was given: of an entry, or of the exit where it
                                   was not known at the entry. Of a call that is given none it is that of the file of
                                   its descriptor, where a tracer's text tells it */
    STG_HAS_RUNNABLE = 1 << 11, /* runnable is known */
};

/* What a file descriptor refers to. The numbers are in traces: new kinds go to the end. */
enum stg_fd_kind {
    STG_FD_OTHER = 0, /* none of these */
    STG_FD_FILE,      /* regular file */
    STG_FD_DIRECTORY,
    STG_FD_CHAR, /* character device, terminal */
    STG_FD_BLOCK,
    STG_FD_PIPE,   /* pipe or FIFO */
    STG_FD_SOCKET, /* of a family that is not listed */
    STG_FD_INET,   /* IPv4 or IPv6, stream */
    STG_FD_DGRAM,  /* IPv4 or IPv6, datagram */
    STG_FD_UNIX,
    STG_FD_NETLINK,
    STG_FD_EPOLL,
    STG_FD_EVENTFD,
    STG_FD_TIMERFD,
    STG_FD_SIGNALFD,
    STG_FD_INOTIFY,
    STG_FD_PIDFD,
    STG_FD_MEMFD,
    STG_FD_IO_URING,
    STG_FD_BPF,
    STG_FD_PERF,
    STG_FD_PROC, /* below /proc */
    STG_FD_BAD,  /* not an open descriptor */
    STG_N_FD_KINDS,
};

#define STG_EVENT_MAX_ARGS      6
#define STG_EVENT_MOST_RUNNABLE 31
#define STG_NAME_NONE           UINT32_MAX

struct stg_event {
    uint64_t ts_ns;     /* nanoseconds of the source's clock; may be equal to or before the previous event's */
    uint64_t cgroup_id; /* cgroup v2 id */
    uint64_t n_lost;    /* STG_EVENT_LOST: how many */
    int64_t ret;        /* exit: the return value, −4095 … −1 is −errno */
    uint64_t args[STG_EVENT_MAX_ARGS]; /* raw registers of an entry; markers: integer fields in order */
    uint32_t name;    /* id in the source's names: system call without prefix ("read"), or the marker's whole name;
                         STG_NAME_NONE of the other kinds */
    uint32_t comm;    /* id in the source's comms: the thread's name; STG_NAME_NONE when absent */
    uint32_t path;    /* id in the source's paths, with STG_HAS_PATH */
    int32_t pid, tid; /* process (thread group) and thread; 0 when absent */
    int32_t cpu;
    uint16_t has;     /* STG_HAS_* */
    uint8_t kind;     /* enum stg_event_kind */
    uint8_t n_args;   /* valid entries of args */
    uint8_t fd_kind;  /* enum stg_fd_kind, with STG_HAS_FD */
    uint8_t runnable; /* threads that could run on the event's CPU then, its own included, with STG_HAS_RUNNABLE: 1 …
                         STG_EVENT_MOST_RUNNABLE, more count as that */
};

/* When the last event of a gap was lost: the only argument of such an event. Without it, as with one event or where
 * nobody knows, it is the gap's own time. */
static inline uint64_t stg_event_gap_end(const struct stg_event *e)
{
    return e->n_args > 0 ? e->args[0] : e->ts_ns;
}

static inline void stg_event_set_gap_end(struct stg_event *e, uint64_t end_ns)
{
    if (end_ns > e->ts_ns) {
        e->n_args = 1;
        e->args[0] = end_ns;
    }
}

/* −4095 ≤ ret < 0: Linux returns −errno (include/linux/err.h, MAX_ERRNO). */
static inline bool stg_event_failed(int64_t ret)
{
    return ret < 0 && ret >= -4095;
}

#endif
