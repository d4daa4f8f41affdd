/* Merge: the rings of all CPUs to one stream in order of time.
 *
 * A program reads the clock and then reserves its place in the ring; what interrupts it in between comes first in the ring and later in
 * time. So events are held back until no older one can come: scan() notes what is in the rings, take() hands out what is older than a
 * limit. Records stay in their ring until they are handed out. Each CPU's events come in order of time in any case: one that comes too
 * late for its place gets the time of its predecessor and is counted. */
#ifndef STG_RECORD_MERGE_H
#define STG_RECORD_MERGE_H

#include "record/decode.h"
#include "record/ring.h"

struct stg_merge_ref {
    uint64_t ts_ns;
    uint64_t at; /* position in the ring */
};

struct stg_lane {
    struct stg_ring ring;
    int32_t cpu;
    uint64_t scanned;           /* position up to which records are noted */
    struct stg_merge_ref *refs; /* (cap) noted and not handed out: head … tail − 1, sorted by time */
    size_t head, tail, cap;
    uint64_t last_ns;           /* of the event last handed out */
    size_t i_first;             /* the first lane of the same CPU, this one or one before: its last_ns is that of the CPU */
    bool shifted;               /* refs may be in another order than the ring */
};

struct stg_merge {
    struct stg_lane *lanes; /* (n_lanes), owned */
    size_t n_lanes;
    size_t *heap;           /* (n_lanes) lanes that hold events, the oldest first; owned */
    size_t n_heap;
    uint64_t n_inverted;    /* events that stood in a ring before older ones */
    uint64_t n_late;        /* events that came too late for their place */
};

/* n empty lanes, each of a CPU of its own; the caller maps their rings and names their CPUs. The ring of one that is not its CPU's last may be missing
 * (size 0). */
enum stg_status stg_merge_init(struct stg_merge *m, size_t n) STG_MUST_USE;
void stg_merge_fini(struct stg_merge *m); /* unmaps the rings */

/* Notes what came into the rings since. *most = the largest part of a CPU's rings that is in use, 0 … 1. */
enum stg_status stg_merge_scan(struct stg_merge *m, double *most) STG_MUST_USE;

/* events[0 … *n − 1] = the next at most cap events that are not newer than limit_ns, in order of time. *n = 0: there are none. */
enum stg_status stg_merge_take(struct stg_merge *m, struct stg_decoder *d, uint64_t limit_ns, struct stg_event *events,
                               size_t cap, size_t *n) STG_MUST_USE;

#endif
