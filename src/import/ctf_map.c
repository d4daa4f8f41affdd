/* CTF import: an open-addressing map. Keys are pointers, thread ids and CPUs; nothing is ever taken out. */
#include "import/ctf_internal.h"

#include "base/memory.h"

void ctf_map_fini(struct ctf_map *m)
{
    stg_mem_free(m->keys);
    stg_mem_free(m->values);
    *m = (struct ctf_map){0};
}

/* The place of key, or the free one where it belongs. Fibonacci hashing: the upper bits of a product are well mixed. */
static size_t find(const struct ctf_map *m, uint64_t key)
{
    size_t i = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (m->cap - 1);
    while (m->keys[i] != 0 && m->keys[i] != key) {
        i = (i + 1) & (m->cap - 1);
    }
    return i;
}

uint32_t ctf_map_get(const struct ctf_map *m, uint64_t key)
{
    if (m->cap == 0) {
        return CTF_MAP_NONE;
    }
    const size_t i = find(m, key);
    return m->keys[i] == key ? m->values[i] : CTF_MAP_NONE;
}

static enum stg_status grow(struct ctf_map *m)
{
    enum stg_status status = STG_OK;
    struct ctf_map larger = {.cap = m->cap == 0 ? 64 : 2 * m->cap, .n = m->n};
    STG_TRY(stg_mem_zeroed(&larger.keys, larger.cap, sizeof *larger.keys));
    STG_TRY(stg_mem_zeroed(&larger.values, larger.cap, sizeof *larger.values));
    for (size_t i = 0; i < m->cap; i++) {
        if (m->keys[i] != 0) {
            const size_t to = find(&larger, m->keys[i]);
            larger.keys[to] = m->keys[i];
            larger.values[to] = m->values[i];
        }
    }
    ctf_map_fini(m);
    *m = larger;
    return STG_OK;
out:
    ctf_map_fini(&larger);
    return status;
}

enum stg_status ctf_map_put(struct ctf_map *m, uint64_t key, uint32_t value)
{
    if (2 * (m->n + 1) > m->cap) {
        STG_RETURN_IF_FAILED(grow(m));
    }
    const size_t i = find(m, key);
    if (m->keys[i] == 0) {
        m->keys[i] = key;
        m->n++;
    }
    m->values[i] = value;
    return STG_OK;
}
