/* Ring: one BPF ring buffer, read in place. Records stay where the kernel put them until they are released. */
#ifndef STG_RECORD_RING_H
#define STG_RECORD_RING_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct stg_ring {
    const uint8_t *data;      /* size bytes, mapped twice in a row, so that no record is cut in two */
    uint64_t size;            /* power of 2 */
    uint64_t *consumer;       /* position up to which the kernel may overwrite */
    const uint64_t *producer; /* position up to which there is data */
    void *maps[2];
    size_t map_sizes[2];
};

/* Bytes in front of each record: its length and two flags. */
#define STG_RING_HEADER 8

enum stg_ring_peek { STG_RING_RECORD, STG_RING_EMPTY, STG_RING_DISCARDED, STG_RING_DAMAGED };

enum stg_status stg_ring_map(struct stg_ring *out, int fd, size_t size) STG_MUST_USE;
void stg_ring_unmap(struct stg_ring *ring);

/* What stands at position at: EMPTY at the producer's position or where a record is not finished; DAMAGED when the length cannot be.
 * *record and *len are set for RECORD, *next (the position behind it) for RECORD and DISCARDED. */
enum stg_ring_peek stg_ring_peek(const struct stg_ring *ring, uint64_t at, uint64_t producer, const uint8_t **record,
                                 uint32_t *len, uint64_t *next);
uint64_t stg_ring_producer(const struct stg_ring *ring);
/* All before position at may be overwritten. */
void stg_ring_release(struct stg_ring *ring, uint64_t at);

#endif
