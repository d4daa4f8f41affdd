/* CTF import: a map of pointers, thread ids and CPUs; nothing is ever taken out. */
#include "import/ctf_internal.h"

#include "base/memory.h"

#include <inttypes.h>

void ctf_map_fini(struct ctf_map *m)
{
    stg_keys_fini(&m->keys);
    stg_mem_free(m->value);
    *m = (struct ctf_map){0};
}

uint32_t ctf_map_get(const struct ctf_map *m, uint64_t key)
{
    const uint32_t i = stg_keys_find(&m->keys, key);
    return i == STG_KEYS_NONE ? CTF_MAP_NONE : m->value[i];
}

enum stg_status ctf_map_put(struct ctf_map *m, uint64_t key, uint32_t value)
{
    uint32_t i;
    STG_RETURN_IF_FAILED(stg_mem_grow(&m->value, &m->cap, m->keys.n + 1, sizeof *m->value));
    STG_RETURN_IF_FAILED(stg_keys_put(&m->keys, key, SIZE_MAX, &i));
    if (i == STG_KEYS_NONE) {
        return stg_fail(STG_ERR_MEMORY, "more than %" PRIu32 " threads, streams or classes of events",
                        STG_KEYS_NONE - 1);
    }
    m->value[i] = value;
    return STG_OK;
}
