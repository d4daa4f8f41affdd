#include "record/ring.h"

#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum stg_status stg_ring_map(struct stg_ring *out, int fd, size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    memset(out, 0, sizeof *out);
    /* The first page holds the consumer's position and is ours to write; then come the producer's position and the data. */
    void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (consumer == MAP_FAILED) {
        return stg_fail_errno("record: cannot map a ring");
    }
    void *producer = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, fd, (off_t)page);
    if (producer == MAP_FAILED) {
        munmap(consumer, page);
        return stg_fail_errno("record: cannot map a ring of %zu bytes: give a smaller --ring", size);
    }
    out->maps[0] = consumer;
    out->maps[1] = producer;
    out->map_sizes[0] = page;
    out->map_sizes[1] = page + 2 * size;
    out->consumer = consumer;
    out->producer = producer;
    out->data = (const uint8_t *)producer + page;
    out->size = size;
    return STG_OK;
}

void stg_ring_unmap(struct stg_ring *ring)
{
    for (size_t i = 0; i < 2; i++) {
        if (ring->maps[i] != NULL) {
            munmap(ring->maps[i], ring->map_sizes[i]);
        }
    }
    memset(ring, 0, sizeof *ring);
}

enum stg_ring_peek stg_ring_peek(const struct stg_ring *ring, uint64_t at, uint64_t producer, const uint8_t **record,
                                 uint32_t *len, uint64_t *next)
{
    if (at >= producer) {
        return STG_RING_EMPTY;
    }
    const uint8_t *header = ring->data + (at & (ring->size - 1));
    const uint32_t word = __atomic_load_n((const uint32_t *)(const void *)header, __ATOMIC_ACQUIRE);
    if ((word & BPF_RINGBUF_BUSY_BIT) != 0) {
        return STG_RING_EMPTY;
    }
    *len = word & ~(uint32_t)BPF_RINGBUF_DISCARD_BIT;
    const uint64_t whole = ((uint64_t)*len + STG_RING_HEADER + 7) / 8 * 8;
    if (whole > producer - at || whole > ring->size) {
        return STG_RING_DAMAGED;
    }
    *record = header + STG_RING_HEADER;
    *next = at + whole;
    return (word & BPF_RINGBUF_DISCARD_BIT) != 0 ? STG_RING_DISCARDED : STG_RING_RECORD;
}

uint64_t stg_ring_producer(const struct stg_ring *ring)
{
    return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
}

void stg_ring_release(struct stg_ring *ring, uint64_t at)
{
    __atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
}
