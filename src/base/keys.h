/* Keys: a table from 64-bit keys to dense indices, in order of first appearance. What it counts is the caller's, in
 * arrays by index. */
#ifndef STG_BASE_KEYS_H
#define STG_BASE_KEYS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct stg_keys {
    uint64_t *key; /* (n) owned */
    size_t n, cap;
    uint32_t *slot; /* (n_slots) index + 1, 0 = free; owned */
    size_t n_slots; /* a power of two, at least twice n */
};

#define STG_KEYS_NONE UINT32_MAX

/* A zeroed table is an empty one. _fini frees what it holds and leaves an empty one. */
void stg_keys_fini(struct stg_keys *k);
/* Forgets all keys and keeps the memory for others. */
void stg_keys_clear(struct stg_keys *k);
/* *index of the key, which is added when it is new; STG_KEYS_NONE when there are max of them and it is none of
 * those. */
enum stg_status stg_keys_put(struct stg_keys *k, uint64_t key, size_t max, uint32_t *index) STG_MUST_USE;
/* STG_KEYS_NONE when it is not there. */
uint32_t stg_keys_find(const struct stg_keys *k, uint64_t key);

#endif
