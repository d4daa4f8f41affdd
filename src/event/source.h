/* Source and sink: where events come from and go to. Adding a source = one file and one line in stg_import_list. */
#ifndef STG_EVENT_SOURCE_H
#define STG_EVENT_SOURCE_H

#include "base/status.h"
#include "base/strings.h"
#include "event/event.h"

#include <stddef.h>
#include <stdint.h>

struct stg_source;

/* What a source says of itself, complete after the last event; before, what is known so far. */
struct stg_source_info {
    const char *format; /* "ctf", "strace", … */
    const char *path;   /* as given */
    uint64_t n_events;  /* delivered, gaps and sequence marks not counted */
    uint64_t n_lost;    /* sum of the gaps */
    uint64_t n_gaps;
    uint64_t n_skipped;       /* records of the input that are not events for us (other tracepoints, signals) */
    uint64_t n_no_path;       /* events whose path was left out, as there were too many different ones to keep */
    uint64_t done, total;     /* input position for progress, in any one unit (bytes, nanoseconds); total 0 = unknown */
    int has_sequences;        /* delivers STG_EVENT_BEGIN/END: the natural cut is `given` */
    int no_markers;           /* never delivers STG_EVENT_MARKER */
    int has_clock;            /* ts_ns are wall-clock nanoseconds since 1970; else of an unknown origin */
    const char *const *files; /* (n_files) of a source that reads a directory of lists: the file that the thread with
                                 id i + 1 is from; borrowed */
    size_t n_files;
    const struct stg_strings
        *facts; /* what the trace says of its recording, as "key=value"; borrowed, NULL when it says nothing */
};

struct stg_source_ops {
    const char *name;    /* "ctf" */
    const char *summary; /* one line for `strange help prepare` */
    /* 0 = certainly not mine … 100 = certainly mine, from the path and its first bytes; never fails. */
    int (*probe)(const char *path, const uint8_t *head, size_t n_head);
    /* *out owned by the caller. Bad input found here or by next() is STG_ERR_INPUT with file, offset, what, what to
     * do. */
    enum stg_status (*open)(struct stg_source **out, const char *path) STG_MUST_USE;
    /* *events = the next *n events, borrowed until the next call; *n = 0 at the end (and at every later call). */
    enum stg_status (*next)(struct stg_source *s, const struct stg_event **events, size_t *n) STG_MUST_USE;
    void (*info)(const struct stg_source *s, struct stg_source_info *out);
    void (*close)(struct stg_source *s);
};

/* Every implementation begins with this. The tables grow while events are read; ids are stable. */
struct stg_source {
    const struct stg_source_ops *ops;
    struct stg_strings *names; /* system calls and markers */
    struct stg_strings *comms; /* thread names */
    struct stg_strings *paths; /* file names; NULL when no event has one */
};

static inline enum stg_status stg_source_next(struct stg_source *s, const struct stg_event **events, size_t *n)
{
    return s->ops->next(s, events, n);
}

static inline void stg_source_info(const struct stg_source *s, struct stg_source_info *out)
{
    s->ops->info(s, out);
}

static inline void stg_source_close(struct stg_source *s)
{
    if (s != NULL) {
        s->ops->close(s);
    }
}

/* What the trace says of its recording: put() for every key and value, up to the first failure. */
enum stg_status stg_source_each_fact(const struct stg_source_info *info,
                                     enum stg_status (*put)(void *context, const char *key, const char *value),
                                     void *context) STG_MUST_USE;

struct stg_sink;

/* A sink takes events in time order; names and comms are the tables that their ids index. */
struct stg_sink_ops {
    const char *name;
    enum stg_status (*put)(struct stg_sink *s, const struct stg_event *events, size_t n) STG_MUST_USE;
    enum stg_status (*close)(struct stg_sink *s, int commit) STG_MUST_USE; /* commit 0: leave nothing behind */
};

struct stg_sink {
    const struct stg_sink_ops *ops;
    const struct stg_strings *names, *comms, *paths;
};

static inline STG_MUST_USE enum stg_status stg_sink_put(struct stg_sink *s, const struct stg_event *events, size_t n)
{
    return s->ops->put(s, events, n);
}

/* Frees the sink, whatever comes back. s may be NULL. */
static inline STG_MUST_USE enum stg_status stg_sink_close(struct stg_sink *s, int commit)
{
    return s == NULL ? STG_OK : s->ops->close(s, commit);
}

#endif
