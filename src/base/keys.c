#include "base/keys.h"

#include "base/memory.h"

#include <string.h>

void stg_keys_fini(struct stg_keys *k)
{
    stg_mem_free(k->key);
    stg_mem_free(k->slot);
    memset(k, 0, sizeof *k);
}

void stg_keys_clear(struct stg_keys *k)
{
    if (k->n > 0) {
        memset(k->slot, 0, k->n_slots * sizeof *k->slot);
    }
    k->n = 0;
}

/* The place of the key, or the free one where it would go. */
static size_t place_of(const struct stg_keys *k, uint64_t key)
{
    size_t at = (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (k->n_slots - 1);
    while (k->slot[at] != 0 && k->key[k->slot[at] - 1] != key) {
        at = (at + 1) & (k->n_slots - 1);
    }
    return at;
}

uint32_t stg_keys_find(const struct stg_keys *k, uint64_t key)
{
    const uint32_t found = k->n_slots == 0 ? 0 : k->slot[place_of(k, key)];
    return found == 0 ? STG_KEYS_NONE : found - 1;
}

static enum stg_status grow(struct stg_keys *k)
{
    const size_t n_slots = k->n_slots == 0 ? 64 : k->n_slots * 2;
    uint32_t *slot = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&slot, n_slots, sizeof *slot));
    stg_mem_free(k->slot);
    k->slot = slot;
    k->n_slots = n_slots;
    for (size_t i = 0; i < k->n; i++) {
        k->slot[place_of(k, k->key[i])] = (uint32_t)i + 1;
    }
    return STG_OK;
}

enum stg_status stg_keys_put(struct stg_keys *k, uint64_t key, size_t max, uint32_t *index)
{
    *index = stg_keys_find(k, key);
    if (*index != STG_KEYS_NONE || k->n >= max || k->n >= STG_KEYS_NONE - 1) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&k->key, &k->cap, k->n + 1, sizeof *k->key));
    if ((k->n + 1) * 2 > k->n_slots) {
        STG_RETURN_IF_FAILED(grow(k));
    }
    *index = (uint32_t)k->n;
    k->slot[place_of(k, key)] = (uint32_t)k->n + 1;
    k->key[k->n++] = key;
    return STG_OK;
}
