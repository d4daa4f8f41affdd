/* Counts: all n-grams of a corpus up to an order, as a trie in a hash table. It is an automaton too: every n-gram knows
 * its longest proper suffix, so a stream needs one look-up per token and no look-back.
 *
 * Node 0 is the empty n-gram. A node's id is larger than those of its parent (the n-gram without its last symbol) and
 * its suffix (without its first). */
#ifndef STG_MODEL_COUNTS_H
#define STG_MODEL_COUNTS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STG_COUNTS_MAX_ORDER 8
#define STG_COUNTS_NONE      UINT32_MAX

struct stg_counts {
    uint32_t order;   /* length of the longest n-grams */
    size_t n, cap;    /* nodes */
    uint32_t *parent; /* (n) the n-gram without its last symbol */
    uint32_t *suffix; /* (n) the n-gram without its first symbol */
    uint32_t *symbol; /* (n) last symbol */
    uint32_t *left;   /* (n) different symbols that were seen before it: the adjusted count of Kneser and Ney */
    uint64_t *raw;    /* (n) occurrences, counted for the longest n-gram at each position only */
    uint8_t *length;  /* (n) */
    uint8_t *flags;   /* (n) STG_COUNTS_* */
    uint32_t *slot;   /* (n_slots) node by parent and symbol, 0 = free; n_slots is a power of two, at most half full */
    size_t n_slots;
};

enum {
    STG_COUNTS_SEEN = 1,   /* its last symbol was predicted after the rest; else it is only a context */
    STG_COUNTS_BEGINS = 2, /* its first symbol is START: nothing can stand before it */
};

enum stg_status stg_counts_init(struct stg_counts *c, uint32_t order) STG_MUST_USE;
void stg_counts_fini(struct stg_counts *c);

/* Room for n more nodes than the empty n-gram at once, instead of twice as many again and again. */
enum stg_status stg_counts_expect(struct stg_counts *c, size_t n) STG_MUST_USE;

/* The place of a key in n_slots (a power of two, at least 2): the highest bits of a product, as only those depend on
 * all of the key (Knuth, The Art of Computer Programming 3, section 6.4: multiplicative hashing). */
static inline size_t stg_counts_hash(uint64_t key, size_t n_slots)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> (__builtin_clzll(n_slots) + 1));
}

/* The n-gram parent + symbol, or STG_COUNTS_NONE. parents, symbols and slots are the arrays of that name. */
static inline uint32_t stg_counts_find(const uint32_t *parents, const uint32_t *symbols, const uint32_t *slots,
                                       size_t n_slots, uint32_t parent, uint32_t symbol)
{
    for (size_t i = stg_counts_hash((uint64_t)parent << 32 | symbol, n_slots);; i = (i + 1) & (n_slots - 1)) {
        const uint32_t node = slots[i];
        if (node == 0) {
            return STG_COUNTS_NONE;
        }
        if (parents[node] == parent && symbols[node] == symbol) {
            return node;
        }
    }
}

/* Goes on from the context *state (at most order − 1 long) with a symbol; predict false: it only becomes context. This
 * is the definition of counting; ngram_count.c does the same faster. */
enum stg_status stg_counts_put(struct stg_counts *c, uint32_t *state, uint32_t symbol, bool predict) STG_MUST_USE;
/* The n-gram parent + symbol, made when new with all its suffixes; its parent's suffixes must be there, which they are
 * when n-grams are made symbol by symbol. times: occurrences to add. */
enum stg_status stg_counts_add(struct stg_counts *c, uint32_t parent, uint32_t symbol, uint64_t times,
                               uint32_t *node) STG_MUST_USE;

#endif
