#include "record/merge.h"

#include "base/memory.h"

#include <string.h>

/* How far an event may stand from its place: what interrupts a program is a handful of events. */
#define MAX_SHIFT 1024
_Static_assert(STG_MERGE_REFS > MAX_SHIFT, "noting more makes progress");

enum stg_status stg_merge_init(struct stg_merge *m, size_t n)
{
    memset(m, 0, sizeof *m);
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&m->lanes, n, sizeof *m->lanes));
    const enum stg_status status = stg_mem_zeroed(&m->heap, n, sizeof *m->heap);
    m->n_lanes = status == STG_OK ? n : 0;
    for (size_t i = 0; i < m->n_lanes; i++) {
        m->lanes[i].i_first = i;
    }
    return status;
}

void stg_merge_fini(struct stg_merge *m)
{
    for (size_t i = 0; i < m->n_lanes; i++) {
        stg_ring_unmap(&m->lanes[i].ring);
        stg_mem_free(m->lanes[i].refs);
    }
    stg_mem_free(m->lanes);
    stg_mem_free(m->heap);
    memset(m, 0, sizeof *m);
}

/* Adds a record at its place by time. */
static void note(struct stg_merge *m, struct stg_lane *l, uint64_t ts_ns, uint64_t at)
{
    size_t i = l->tail++;
    const size_t first = i - l->head > MAX_SHIFT ? i - MAX_SHIFT : l->head;
    for (; i > first && l->refs[i - 1].ts_ns > ts_ns; i--) {
        l->refs[i] = l->refs[i - 1];
    }
    if (i + 1 < l->tail) {
        l->shifted = true;
        l->shifted_at = at;
        m->n_inverted++;
    }
    l->refs[i] = (struct stg_merge_ref){ts_ns, at};
}

static enum stg_status make_room(struct stg_lane *l)
{
    if (l->refs == NULL) {
        return stg_mem_zeroed(&l->refs, STG_MERGE_REFS, sizeof *l->refs);
    }
    memmove(l->refs, l->refs + l->head, (l->tail - l->head) * sizeof *l->refs);
    l->tail -= l->head;
    l->head = 0;
    return STG_OK;
}

/* Notes records until there are so many that none behind them belongs before the first, or all that are written. */
static enum stg_status note_more(struct stg_merge *m, struct stg_lane *l)
{
    if (l->tail - l->head >= MAX_SHIFT || l->noted >= l->ring.end) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(make_room(l));
    while (l->tail < STG_MERGE_REFS) {
        const uint8_t *record;
        uint64_t len, next, ts_ns;
        switch (stg_ring_peek(&l->ring, l->noted, l->ring.end, &record, &len, &next)) {
        case STG_RING_EMPTY:
            return STG_OK;
        case STG_RING_DAMAGED:
            return stg_fail(STG_ERR_INTERNAL, "record: the ring of CPU %d holds a record of impossible length", l->cpu);
        case STG_RING_RECORD:
            break;
        }
        ts_ns = 0; /* too short for a time: handed out at once, and counted by the decoder */
        memcpy(&ts_ns, record, len < sizeof ts_ns ? 0 : sizeof ts_ns);
        note(m, l, ts_ns, l->noted);
        l->noted = next;
    }
    return STG_OK;
}

void stg_merge_scan(struct stg_merge *m, double *most)
{
    uint64_t used = 0, size = 0;
    *most = 0;
    for (size_t i = 0; i < m->n_lanes; i++) {
        struct stg_lane *l = &m->lanes[i];
        if (l->i_first == i) {
            used = size = 0;
        }
        if (l->ring.size == 0) {
            continue; /* a near one: the last of a CPU is there */
        }
        used += stg_ring_look(&l->ring) - *l->ring.consumer;
        size += l->ring.size;
        if ((i + 1 == m->n_lanes || m->lanes[i + 1].i_first == i + 1) && (double)used > *most * (double)size) {
            *most = (double)used / (double)size;
        }
    }
}

static uint64_t oldest(const struct stg_merge *m, size_t i)
{
    const struct stg_lane *l = &m->lanes[m->heap[i]];
    return l->refs[l->head].ts_ns;
}

static void sift_down(struct stg_merge *m, size_t i)
{
    const size_t lane = m->heap[i];
    const uint64_t ts_ns = oldest(m, i);
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < m->n_heap && oldest(m, child + 1) < oldest(m, child)) {
            child++;
        }
        if (child >= m->n_heap || oldest(m, child) >= ts_ns) {
            break;
        }
        m->heap[i] = m->heap[child];
        i = child;
    }
    m->heap[i] = lane;
}

static enum stg_status build_heap(struct stg_merge *m)
{
    m->n_heap = 0;
    for (size_t i = 0; i < m->n_lanes; i++) {
        if (m->lanes[i].ring.size > 0) {
            STG_RETURN_IF_FAILED(note_more(m, &m->lanes[i]));
        }
        if (m->lanes[i].head < m->lanes[i].tail) {
            m->heap[m->n_heap++] = i;
        }
    }
    for (size_t i = m->n_heap / 2; i-- > 0;) {
        sift_down(m, i);
    }
    return STG_OK;
}

/* Gives back to the kernel what was handed out. */
static void release(struct stg_lane *l)
{
    uint64_t at = l->noted;
    for (size_t i = l->head; i < l->tail; i++) {
        at = l->refs[i].at < at ? l->refs[i].at : at;
        if (!l->shifted) {
            break; /* the first is the first in the ring */
        }
    }
    l->shifted = l->shifted && at <= l->shifted_at;
    stg_ring_release(&l->ring, at);
}

static enum stg_status take_one(struct stg_merge *m, struct stg_lane *l, struct stg_decoder *d, struct stg_event *out,
                                bool *good)
{
    const struct stg_merge_ref ref = l->refs[l->head++];
    const uint8_t *word = stg_ring_at(&l->ring, ref.at);
    const uint64_t len = stg_ring_len(&l->ring, word, ref.at);
    STG_RETURN_IF_FAILED(stg_decode(d, word + STG_ABI_WORD_SIZE, len, l->cpu, out, good));
    const bool gap = *good && out->kind == STG_EVENT_LOST;
    l->n_records += !gap;
    l->n_told += gap ? out->n_lost : 0;
    uint64_t *last_ns = &m->lanes[l->i_first].last_ns;
    if (*good && out->ts_ns < *last_ns) {
        out->ts_ns = *last_ns;
        m->n_late++;
    }
    *last_ns = *good ? out->ts_ns : *last_ns;
    return STG_OK;
}

/* From the lane that has the oldest event, what is not newer than the limit and the oldest of the other lanes: CPUs
 * make calls in bursts, and while one's lasts the heap stays as it is. */
static enum stg_status take_burst(struct stg_merge *m, struct stg_decoder *d, uint64_t limit_ns,
                                  struct stg_event *events, size_t cap, size_t *n)
{
    struct stg_lane *l = &m->lanes[m->heap[0]];
    for (size_t child = 1; child <= 2 && child < m->n_heap; child++) {
        limit_ns = oldest(m, child) < limit_ns ? oldest(m, child) : limit_ns;
    }
    while (*n < cap && l->head < l->tail && l->refs[l->head].ts_ns <= limit_ns) {
        bool good;
        STG_RETURN_IF_FAILED(take_one(m, l, d, &events[*n], &good));
        *n += good;
        STG_RETURN_IF_FAILED(note_more(m, l));
    }
    if (l->head == l->tail) {
        m->heap[0] = m->heap[--m->n_heap];
    }
    if (m->n_heap > 0) {
        sift_down(m, 0);
    }
    return STG_OK;
}

enum stg_status stg_merge_take(struct stg_merge *m, struct stg_decoder *d, uint64_t limit_ns, struct stg_event *events,
                               size_t cap, size_t *n)
{
    *n = 0;
    STG_RETURN_IF_FAILED(build_heap(m));
    while (*n < cap && m->n_heap > 0 && oldest(m, 0) <= limit_ns) {
        STG_RETURN_IF_FAILED(take_burst(m, d, limit_ns, events, cap, n));
    }
    for (size_t i = 0; i < m->n_lanes; i++) {
        if (m->lanes[i].ring.size > 0) {
            release(&m->lanes[i]);
        }
    }
    return STG_OK;
}

void stg_merge_rest(const struct stg_merge *m, size_t i_first, const struct stg_abi_cpu *cpu,
                    struct stg_merge_rest *out)
{
    uint64_t n_records = 0, n_told = 0;
    bool hides = false;
    for (size_t i = i_first; i < m->n_lanes && m->lanes[i].i_first == i_first; i++) {
        const struct stg_lane *l = &m->lanes[i];
        hides = hides ||
                (l->ring.size > 0 &&
                 l->noted < __atomic_load_n(l->ring.reserved, __ATOMIC_ACQUIRE)); /* the last look may be before it */
        n_records += l->n_records;
        n_told += l->n_told;
    }
    /* The programs count without a lock: at least the one that is not written is known. */
    const uint64_t n_hidden = cpu->n_put > n_records ? cpu->n_put - n_records : 1;
    *out = (struct stg_merge_rest){.n_hidden = hides ? n_hidden : 0,
                                   .n_untold = cpu->n_lost > n_told ? cpu->n_lost - n_told : 0};
}
