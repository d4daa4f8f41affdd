/* Cut, parts: what cut.c (rules), cut_log.c (events kept), cut_threads.c (threads and processes), cut_lives.c (their
 * ends), cut_load.c (how busy the machine is), cut_workers.c (who works) and cut_build.c (columns) share. Private to
 * token/. */
#ifndef STG_TOKEN_CUT_PARTS_H
#define STG_TOKEN_CUT_PARTS_H

#include "base/keys.h"
#include "token/cut.h"

#define CUT_NAME_NONE \
    UINT32_C(0xFFFFFF) /* interning tables hold at most 2^24 names; ids fit 24 bits, this one is free */

/* One system-call event as it is kept: 32 bytes. */
struct cut_row {
    int64_t ts_ns;      /* never before the row before it in its log */
    int64_t ret;        /* as stored in a data set */
    uint32_t thread;    /* index into the cutter's threads */
    uint32_t name : 24; /* id in the source's names */
    uint32_t phase : 7;
    uint32_t delivered : 1; /* with a sequence already */
    uint32_t comm : 24;     /* id in the source's comms */
    uint32_t n_context : 8; /* rows of context saved before this event, from cut_log.context[context - context_base] */
    uint32_t context;       /* position modulo 2^32 */
};
_Static_assert(sizeof(struct cut_row) == 32, "the bounds of cut.h count 32 bytes per event");

/* Sums over events: how busy the machine was. */
struct cut_load {
    double n, ln_runnable, alone; /* events that say how many threads could run */
    double n_placed, stayed;      /* events whose CPU is known, and that of their thread's event before */
};

/* Threads of one name. Instead of letting all weights shrink with each event, the gain of the next grows. */
struct cut_group {
    double gain;         /* what the last event counted; 0 = none yet */
    double sum, entropy; /* of the threads' weights w: sum of w, of w ln w */
};

/* What surrounded a sequence up to its last event. */
struct cut_facts {
    uint64_t n_lost;
    float runnable, alone, stayed, workers; /* as in struct stg_seq */
};

/* A sequence under way: the rows of its log from position `begin` on. */
struct cut_open {
    struct cut_open *prev, *next; /* in its log, oldest first; unlinked once discarded or delivered early */
    struct cut_open *next_of_thread;
    struct cut_log *log; /* NULL when it keeps no events: skipped, or delivered early */
    uint64_t begin;      /* position */
    uint64_t end;        /* position after its last event, which settled its facts; 0 = it still takes events */
    struct cut_facts facts;
    uint64_t context;       /* position in the log's context rows */
    uint64_t lost;          /* the cutter's lost count at its beginning */
    uint64_t serial;        /* thread, process and window cuts: number by beginning */
    struct cut_load before; /* the cutter's recent − total at its beginning: with total added, what counts of it */
    int64_t begin_ns;
    int64_t key; /* accept: the descriptor */
    int32_t tid, pid;
    uint32_t flags; /* STG_SEQ_* */
    bool confirmed; /* the marker that confirms it was seen */
};

/* Lists of logs by the memory that they hold; what has been in a list longest is first. */
enum cut_held {
    CUT_HELD_NOTHING = 0, /* in no list */
    CUT_HELD_IDLE,        /* no sequence needs it */
    CUT_HELD_OPEN,        /* with sequences: 2^n rows and more are in list CUT_HELD_OPEN + n */
    CUT_HELD_LISTS = CUT_HELD_OPEN + 64
};

struct cut_held_list {
    struct cut_log *first, *last;
};

/* Recent events of one scope. Positions count all its events, kept or not, from 1. */
struct cut_log {
    struct cut_row *row; /* (cap) rows head … head + len − 1 are kept */
    size_t cap, head, len;
    uint64_t end;            /* position of the next event; row[head] has position end − len */
    struct cut_row *context; /* (context_cap) saved context rows, as above */
    size_t context_cap, context_head, context_len;
    uint64_t context_end;
    int64_t now_ns;                           /* largest time so far */
    struct cut_open *first, *last;            /* open sequences that keep events, oldest first */
    struct cut_log *next;                     /* list of all logs */
    struct cut_log *held_before, *held_after; /* those that hold as much */
    uint8_t held;                             /* enum cut_held, or more: which list that is */
    struct cut_open implicit;                 /* the open one of thread, process and window cuts */
    struct cut_open full; /* window cut: the one before it, until it is known whether a rest joins it */
    bool muted;           /* its implicit sequence has been cut off: nothing more is taken */
};

struct cut_thread {
    int32_t tid, pid;
    struct cut_log *log;    /* of its scope; NULL until needed */
    struct cut_open *opens; /* that its begin markers or accepts opened */
    uint64_t last;          /* position in log after its last event; 0 = none */
    uint32_t call;          /* name of the system call that it is in; CUT_NAME_NONE = none */
    uint32_t ring;          /* context ring, CUT_NO_RING = none */
    uint8_t ring_len, ring_next;
    int32_t cpu;            /* of its last event, < 0 = not known */
    uint32_t group;         /* its name's, CUT_NAME_NONE = none */
    double weight, entropy; /* in the group: w, and w ln w */
    uint32_t process, next,
        previous;           /* index of its process, and those of the threads beside it there; see CUT_NO_PROCESS */
    bool dying;             /* its process is over: all that may come is the return from its call */
    uint16_t local, newest; /* row in the sequence being built, and its last one, when serial is that of the build */
    uint64_t serial;
};

#define CUT_NO_RING    UINT32_MAX
#define CUT_NO_THREAD  UINT32_MAX
#define CUT_NO_PROCESS UINT32_MAX /* not known, or the thread is over */

/* Threads that live, in order of their first event. */
struct cut_process {
    uint32_t first, last;
    struct cut_log *log; /* only in the scope of processes; NULL until needed */
};

enum cut_name_kind {
    CUT_NAME_NEW = 0,
    CUT_NAME_OTHER,
    CUT_NAME_BEGIN,
    CUT_NAME_END,
    CUT_NAME_CONFIRM,
    CUT_NAME_ACCEPT,
    CUT_NAME_CLOSE,
    CUT_NAME_EXIT,
    CUT_NAME_EXIT_GROUP,
    CUT_NAME_GONE
};

/* What a name means to the cut rule. */
struct cut_name {
    uint8_t kind;      /* enum cut_name_kind */
    int8_t descriptor; /* register of its descriptor argument, < 0 = it has none */
};

/* Columns of the sequence being delivered; memory is reused. */
struct cut_columns {
    uint16_t *call;
    uint8_t *phase;
    int64_t *ret, *time_ns;
    uint16_t *thread;
    size_t cap;
    int32_t *thread_tid, *thread_pid;
    uint16_t *thread_proc;
    uint16_t *thread_back;  /* as in struct stg_seq */
    uint16_t *thread_older; /* the row of the thread's name before */
    uint32_t *thread_comm;  /* id of the name in the source's comms */
    uint64_t *context_offset;
    uint64_t *context_from; /* first context row of each thread, as a position in the log's context */
    size_t cap_threads;
    uint16_t *context_call;
    uint8_t *context_phase;
    int64_t *context_ret, *context_time_ns;
    size_t cap_context;
};

/* Ids of one source's names in the vocabulary, looked up once each. */
struct cut_ids {
    uint16_t *id; /* (cap) STG_TOKEN_MASK = not looked up; with a vocabulary that grows, UNKNOWN is not kept either */
    size_t cap;
};

struct stg_cutter {
    struct stg_recipe recipe; /* settled */
    struct stg_vocab *vocab;
    stg_cut_take take;
    void *context;
    const struct stg_strings *names, *comms; /* of the trace; NULL between traces */
    uint32_t i_trace;
    uint64_t n_delivered, n_implicit;

    struct stg_keys tids;       /* → index of a thread */
    struct cut_thread *threads; /* (n_threads) */
    size_t n_threads, cap_threads;
    struct stg_keys pids;          /* → index of a process */
    struct cut_process *processes; /* (n_processes) */
    size_t n_processes, cap_processes;
    struct cut_log *logs; /* list of all */
    struct cut_log *system;
    struct cut_open *given; /* STG_CUT_GIVEN: the open one */
    size_t n_open;
    size_t bytes, bound; /* held by logs, and what they may hold; rings may hold half of that */
    struct cut_held_list held[CUT_HELD_LISTS];
    uint64_t n_steps; /* lists and logs looked at to find one that gives up memory; tests count them */

    struct cut_row *rings;                            /* (n_rings × n_context) */
    uint32_t *ring_owner;                             /* (n_rings) thread index */
    size_t n_rings, cap_rings, cap_owners, next_ring; /* once the bound is reached, rings are taken over in turn */

    struct cut_name *name_kind; /* (cap_kinds) by name id */
    size_t cap_kinds;
    struct cut_ids calls, procs;
    struct cut_columns columns;
    uint64_t serial;

    bool started;         /* first_ns is set */
    bool finishing;       /* the trace is over: its end closes what still is open */
    bool tells_processes; /* an event of the trace had a process id */
    int64_t first_ns;     /* the first begin marker, or event */
    int64_t previous_ns;  /* of the previous event, to count what goes backwards */
    uint64_t lost;        /* lost events of the trace so far */
    uint64_t gap;         /* of these, those of the gaps that last until gap_end_ns */
    int64_t gap_end_ns;
    double ln[STG_EVENT_MOST_RUNNABLE + 1]; /* logarithms of numbers of threads */
    struct cut_group *groups;               /* (cap_groups) by id of the threads' name */
    size_t cap_groups;
    struct cut_load total;  /* of the trace so far */
    struct cut_load recent; /* the same, what is longer ago counts less */
    struct stg_cut_counts counts;
};

/* Sequences that begin by themselves, with the first event of their scope. */
static inline bool cut_is_implicit(enum stg_cut cut)
{
    return cut == STG_CUT_THREAD || cut == STG_CUT_PROCESS || cut == STG_CUT_WINDOW;
}
/* cut.c: what the log's implicit sequence has so far is all of it. */
enum stg_status cut_implicit_close(struct stg_cutter *c, struct cut_log *log) STG_MUST_USE;
/* A sequence that is not delivered. */
void cut_discard(struct stg_cutter *c, struct cut_open *open);

/* cut_lives.c: the thread makes no further event; the next one with its number is another one's. */
enum stg_status cut_thread_end(struct stg_cutter *c, uint32_t thread) STG_MUST_USE;
/* All threads of the process end, and so does its sequence. A thread in a call may still return from it: it is
 * dying. */
enum stg_status cut_process_end(struct stg_cutter *c, int32_t pid) STG_MUST_USE;
/* An event of a thread that was dying: *late, the return from its call, which belongs to no life's sequence, or another
 * thread's first. */
enum stg_status cut_thread_revive(struct stg_cutter *c, uint32_t thread, const struct stg_event *e,
                                  bool *late) STG_MUST_USE;
/* The kernel's word that a thread is gone. */
enum stg_status cut_thread_gone(struct stg_cutter *c, const struct stg_event *e) STG_MUST_USE;

/* cut_threads.c: a thread that comes with another process than before is another one, whose number was given again. */
enum stg_status cut_thread_get(struct stg_cutter *c, const struct stg_event *e, uint32_t *index) STG_MUST_USE;
enum stg_status cut_log_get(struct stg_cutter *c, struct cut_thread *t, struct cut_log **out) STG_MUST_USE;
/* Takes the thread out of its process. */
void cut_process_leave(struct stg_cutter *c, uint32_t thread);
/* Remembers an event of the thread for later sequences. */
enum stg_status cut_ring_put(struct stg_cutter *c, uint32_t thread, const struct cut_row *row) STG_MUST_USE;
/* Copies the thread's ring, oldest first, to out (n_context rows); returns how many. */
size_t cut_ring_copy(const struct stg_cutter *c, const struct cut_thread *t, struct cut_row *out);
void cut_threads_reset(struct stg_cutter *c); /* forgets all threads, processes and logs */
void cut_threads_fini(struct stg_cutter *c);

/* cut_load.c */
void cut_load_init(struct stg_cutter *c);
/* Counts the event, of the thread. */
void cut_load_put(struct stg_cutter *c, struct cut_thread *t, const struct stg_event *e);
/* A sequence begins. */
void cut_load_open(const struct stg_cutter *c, struct cut_open *open);
/* Of a sequence that ends now. */
void cut_load_describe(const struct stg_cutter *c, const struct cut_open *open, struct cut_facts *facts);

/* cut_workers.c: the thread, which may have another name than before, makes the event. */
enum stg_status cut_workers_put(struct stg_cutter *c, uint32_t thread, const struct stg_event *e) STG_MUST_USE;
void cut_workers_describe(const struct stg_cutter *c, const struct cut_open *open, struct cut_facts *facts);

/* cut_log.c */
enum stg_status cut_log_push(struct stg_cutter *c, struct cut_log *log, struct cut_row *row) STG_MUST_USE;
void cut_log_open(struct stg_cutter *c, struct cut_log *log, struct cut_open *open);
/* Takes open out of its log and lets go of rows that nothing needs. */
void cut_log_close(struct stg_cutter *c, struct cut_open *open);
void cut_log_fini(struct cut_log *log);

/* cut_build.c. The event before was open's last one. */
void cut_settle(const struct stg_cutter *c, struct cut_open *open);
/* Delivers rows begin … end of open, which is settled now unless it is. */
enum stg_status cut_deliver(struct stg_cutter *c, struct cut_open *open, int64_t end_ns) STG_MUST_USE;
/* False: it needs a confirmation and has none; counted. Such a one is not to be delivered. */
bool cut_is_confirmed(struct stg_cutter *c, const struct cut_open *open);
/* Delivers open before its end and takes it out of its log; a full window is delivered as it is, and nothing joins
 * it. */
enum stg_status cut_truncate(struct stg_cutter *c, struct cut_open *open) STG_MUST_USE;
void cut_columns_fini(struct cut_columns *columns);

#endif
