/* Ring: what the programs of one CPU wrote, read in place. Records stay where they are until they are released. */
#ifndef STG_RECORD_RING_H
#define STG_RECORD_RING_H

#include "base/status.h"
#include "record/record_abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct stg_ring {
    const uint8_t *data;      /* blocks of record_abi.h, as many as size takes; borrowed unless mapped here */
    uint64_t size;            /* power of 2 */
    uint64_t key;             /* of the words in front of records */
    const uint64_t *reserved; /* see struct stg_abi_positions; borrowed, like the next */
    uint64_t *consumer;       /* position up to which the programs may overwrite */
    uint64_t end;             /* position up to which records were reserved at the last look */
    void *map;                /* NULL: not mapped */
    size_t map_size;
};

enum stg_ring_peek { STG_RING_RECORD, STG_RING_EMPTY, STG_RING_DAMAGED };

/* Maps the data of a ring: fd is the map of all rings, in which it begins with block i_first. */
enum stg_status stg_ring_map(struct stg_ring *out, int fd, size_t i_first, size_t size) STG_MUST_USE;
void stg_ring_unmap(struct stg_ring *ring);
/* How many blocks a ring of this size takes; 0 has none. */
size_t stg_ring_blocks(size_t size);

/* Where the record at this position lies, from its length on. */
static inline const uint8_t *stg_ring_at(const struct stg_ring *ring, uint64_t at)
{
    const uint64_t in_ring = at & (ring->size - 1);
    return ring->data + in_ring / STG_ABI_BLOCK_SIZE * sizeof(struct stg_abi_block) + in_ring % STG_ABI_BLOCK_SIZE;
}

/* Bytes of the record behind its word at position at; more than 255 while it is not written. */
static inline uint64_t stg_ring_len(const struct stg_ring *ring, const uint8_t *word, uint64_t at)
{
    return STG_ABI_WORD(ring->key, at, __atomic_load_n((const uint64_t *)(const void *)word, __ATOMIC_ACQUIRE));
}

/* What stands at position at: EMPTY at position end or behind it, and where a record is not written yet, for which
 * those behind it wait; DAMAGED when the length cannot be. *record, *len and *next (the position behind it) are set for
 * RECORD. */
static inline enum stg_ring_peek stg_ring_peek(const struct stg_ring *ring, uint64_t at, uint64_t end,
                                               const uint8_t **record, uint64_t *len, uint64_t *next)
{
    if (at >= end) {
        return STG_RING_EMPTY;
    }
    const uint8_t *word = stg_ring_at(ring, at);
    *len = stg_ring_len(ring, word, at);
    if (*len > UINT8_MAX) {
        return STG_RING_EMPTY;
    }
    const uint64_t whole = (*len + STG_ABI_WORD_SIZE + 7) & ~UINT64_C(7);
    if (*len > sizeof(struct stg_abi_record) || whole > end - at) {
        return STG_RING_DAMAGED;
    }
    *record = word + STG_ABI_WORD_SIZE;
    *next = at + whole;
    return STG_RING_RECORD;
}

/* Sets and returns end. */
uint64_t stg_ring_look(struct stg_ring *ring);
/* Whether all records from position at to the end are written. */
bool stg_ring_is_written(const struct stg_ring *ring, uint64_t at);
/* All before position at may be overwritten. */
void stg_ring_release(struct stg_ring *ring, uint64_t at);

#endif
