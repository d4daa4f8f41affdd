#include "record/ring.h"

#include <string.h>
#include <sys/mman.h>

size_t stg_ring_blocks(size_t size)
{
    return (size + STG_ABI_BLOCK_SIZE - 1) / STG_ABI_BLOCK_SIZE;
}

enum stg_status stg_ring_map(struct stg_ring *out, int fd, size_t i_first, size_t size)
{
    memset(out, 0, sizeof *out);
    const size_t map_size = stg_ring_blocks(size) * sizeof(struct stg_abi_block);
    void *map = mmap(NULL, map_size, PROT_READ, MAP_SHARED, fd, (off_t)(i_first * sizeof(struct stg_abi_block)));
    if (map == MAP_FAILED) {
        return stg_fail_errno("record: cannot map a ring of %zu bytes: give a smaller --ring", size);
    }
    out->map = map;
    out->map_size = map_size;
    out->data = map;
    out->size = size;
    return STG_OK;
}

void stg_ring_unmap(struct stg_ring *ring)
{
    if (ring->map != NULL) {
        munmap(ring->map, ring->map_size);
    }
    memset(ring, 0, sizeof *ring);
}

uint64_t stg_ring_look(struct stg_ring *ring)
{
    ring->end = __atomic_load_n(ring->reserved, __ATOMIC_ACQUIRE);
    return ring->end;
}

bool stg_ring_is_written(const struct stg_ring *ring, uint64_t at)
{
    const uint8_t *record;
    uint64_t len;
    while (stg_ring_peek(ring, at, ring->end, &record, &len, &at) == STG_RING_RECORD) {
    }
    return at >= ring->end;
}

void stg_ring_release(struct stg_ring *ring, uint64_t at)
{
    __atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
}
