/* Counts: all n-grams of a corpus up to an order, as a trie in a hash table. It is an automaton too: every n-gram knows its longest
 * proper suffix, so a stream needs one look-up per token and no look-back.
 *
 * Node 0 is the empty n-gram. A node's id is larger than its parent's (the n-gram without its last symbol). */
#ifndef STG_MODEL_COUNTS_H
#define STG_MODEL_COUNTS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STG_COUNTS_MAX_ORDER 8
#define STG_COUNTS_NONE UINT32_MAX

struct stg_counts {
    uint32_t order;      /* length of the longest n-grams */
    size_t n, cap;       /* nodes */
    uint32_t *parent;    /* (n) the n-gram without its last symbol */
    uint32_t *suffix;    /* (n) the n-gram without its first symbol */
    uint32_t *symbol;    /* (n) last symbol */
    uint32_t *first;     /* (n) first symbol */
    uint64_t *raw;       /* (n) occurrences, counted for the longest n-gram at each position only */
    uint64_t *left;      /* (n) different symbols that were seen before it: the adjusted count of Kneser and Ney */
    uint8_t *length;     /* (n) */
    uint8_t *seen;       /* (n) its last symbol was predicted after the rest; else it is only a context */
    uint64_t *slot_key;  /* (n_slots) parent << 32 | symbol */
    uint32_t *slot_node; /* (n_slots) node, 0 = free; n_slots is a power of two, at most half full */
    size_t n_slots;
};

enum stg_status stg_counts_init(struct stg_counts *c, uint32_t order) STG_MUST_USE;
void stg_counts_fini(struct stg_counts *c);

static inline size_t stg_counts_hash(uint64_t key, size_t n_slots)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 24) & (n_slots - 1);
}

/* The n-gram parent + symbol, or STG_COUNTS_NONE. */
static inline uint32_t stg_counts_find(const uint64_t *slot_key, const uint32_t *slot_node, size_t n_slots, uint32_t parent,
                                       uint32_t symbol)
{
    const uint64_t key = (uint64_t)parent << 32 | symbol;
    for (size_t i = stg_counts_hash(key, n_slots);; i = (i + 1) & (n_slots - 1)) {
        if (slot_node[i] == 0) {
            return STG_COUNTS_NONE;
        }
        if (slot_key[i] == key) {
            return slot_node[i];
        }
    }
}

/* Goes on from the context *state (at most order − 1 long) with a symbol; predict false: it only becomes context. */
enum stg_status stg_counts_put(struct stg_counts *c, uint32_t *state, uint32_t symbol, bool predict) STG_MUST_USE;
/* Adds all of from; the same result as counting both corpora in turn. */
enum stg_status stg_counts_merge(struct stg_counts *c, const struct stg_counts *from) STG_MUST_USE;

#endif
