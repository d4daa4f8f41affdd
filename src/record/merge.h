/* Merge: the rings of all CPUs to one stream in order of time.
 *
 * A program reads the clock and then reserves its place in the ring; what interrupts it in between comes first in the
 * ring and later in time. So events are held back until no older one can come: scan() notes how far the rings are
 * written, take() hands out what is older than a limit. Records stay in their ring until they are handed out, and
 * take() looks at each only shortly before, so that it comes into the reader's cache once. Each CPU's events come in
 * order of time in any case: one that comes too late for its place gets the time of its predecessor and is counted. A
 * gap is told of when there is room again, so that only its own CPU's events are in order with it. */
#ifndef STG_RECORD_MERGE_H
#define STG_RECORD_MERGE_H

#include "record/decode.h"
#include "record/ring.h"

#define STG_MERGE_REFS 3072 /* records of a lane that are noted at a time */

struct stg_merge_ref {
    uint64_t ts_ns;
    uint64_t at; /* position in the ring */
};

struct stg_lane {
    struct stg_ring ring;
    int32_t cpu;
    uint64_t noted;             /* position up to which records are in refs, or were */
    struct stg_merge_ref *refs; /* (STG_MERGE_REFS, once there are any) noted and not handed out: head … tail − 1,
                                   sorted by time; owned */
    size_t head, tail;
    uint64_t last_ns;           /* of the event last handed out */
    uint64_t n_records, n_told; /* handed out: records but gaps; events that gaps told of */
    size_t i_first;      /* the first lane of the same CPU, this one or one before: its last_ns is that of the CPU */
    bool shifted;        /* refs may be in another order than the ring … */
    uint64_t shifted_at; /* … up to this position */
};

struct stg_merge {
    struct stg_lane *lanes; /* (n_lanes), owned */
    size_t n_lanes;
    size_t *heap; /* (n_lanes) lanes that hold events, the oldest first; owned */
    size_t n_heap;
    uint64_t n_inverted; /* events that stood in a ring before older ones */
    uint64_t n_late;     /* events that came too late for their place */
};

/* n empty lanes, each of a CPU of its own; the caller maps their rings and names their CPUs. The ring of one that is
 * not its CPU's last may be missing (size 0). */
enum stg_status stg_merge_init(struct stg_merge *m, size_t n) STG_MUST_USE;
void stg_merge_fini(struct stg_merge *m); /* unmaps the rings */

/* Notes how much came into the rings since. *most = the largest part of a CPU's rings that is in use, 0 … 1. */
void stg_merge_scan(struct stg_merge *m, double *most);

/* events[0 … *n − 1] = the next at most cap events that are not newer than limit_ns, in order of time but for gaps.
 * *n = 0: there are none. */
enum stg_status stg_merge_take(struct stg_merge *m, struct stg_decoder *d, uint64_t limit_ns, struct stg_event *events,
                               size_t cap, size_t *n) STG_MUST_USE;

/* Of a CPU after the last take(): a record that was begun and never written hides itself and all behind it. */
struct stg_merge_rest {
    uint64_t n_hidden; /* records that are not handed out; 0: the rings are empty */
    uint64_t n_untold; /* lost events that hidden gaps tell of, or none does */
};

/* i_first: the first lane of the CPU; cpu: its counts. */
void stg_merge_rest(const struct stg_merge *m, size_t i_first, const struct stg_abi_cpu *cpu,
                    struct stg_merge_rest *out);

#endif
