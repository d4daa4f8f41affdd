/* Diff: what counting and comparing share. Private to explain/. */
#ifndef STG_EXPLAIN_DIFF_INTERNAL_H
#define STG_EXPLAIN_DIFF_INTERNAL_H

#include "explain/diff.h"

enum {
    DIFF_MAX_ITEMS = 1 << 16,
    DIFF_MAX_LATENCIES = 1 << 12,
    DIFF_MAX_THREADS = 1 << 16,
    DIFF_BLOCKS = 32,
    DIFF_FIRST_BLOCK = 32, /* calls; doubled whenever all blocks are full */
    DIFF_BINS = 128,       /* quarters of an octave: up to 2^32 ns */
    DIFF_CHUNK = 1024,     /* calls that go to one half of a latency's histogram before the other half has its turn */
    DIFF_MAX_PATHS = 1 << 13,
    DIFF_PATH_SIZE = 200, /* bytes that are kept of a path, its end */
};

/* What a call was given on one side. */
struct diff_object {
    uint32_t path;   /* id in paths, plus one; 0: none yet */
    uint32_t source; /* its id in the source's paths */
    uint32_t kinds;  /* a bit for each enum stg_fd_kind, and DIFF_MORE_PATHS */
};
#define DIFF_MORE_PATHS (UINT32_C(1) << 31)
_Static_assert(STG_N_FD_KINDS <= 31, "kinds of descriptors have a bit each");

/* Who has a name, on one side. */
struct diff_name {
    uint32_t n_processes, n_threads;
};

struct diff_item {
    uint32_t n[STG_DIFF_SIDES][DIFF_BLOCKS];
    struct diff_object object[STG_DIFF_SIDES]; /* of calls */
};

struct diff_latency {
    uint32_t n[STG_DIFF_SIDES][2][DIFF_BINS];
};

/* What a thread of a trace, or of a sequence, has done last. */
struct diff_thread {
    uint64_t entry_ns;
    uint16_t last, open, proc; /* calls; STG_TOKEN_START: none */
    bool timed;
};

struct diff_side {
    uint64_t n_calls, n_lost, block_len, n_sequences;
    uint32_t block; /* the one at hand */
    uint64_t n_in_block[DIFF_BLOCKS];
    uint64_t first_ns, last_ns;
    bool has_time;
    struct stg_diff_run run;
    struct stg_keys tids;        /* of a trace */
    struct stg_keys named;       /* threads with their names */
    struct diff_name *names;     /* (cap_names) by common id */
    size_t cap_names;
    struct diff_thread *threads; /* by index of tids */
    size_t cap_threads;
    uint16_t *call_of, *proc_of; /* (cap) common ids of a source's names, 0: not asked yet */
    size_t cap_calls, cap_procs;
};

struct stg_diff {
    struct stg_vocab names;
    struct stg_strings *paths;
    uint32_t call_item; /* of the call that was counted last; STG_KEYS_NONE: there was no room */
    uint8_t *counted; /* (65536) 0: not asked yet, 1: the call returns no count, 2: it does */
    struct stg_keys items, latencies;
    struct diff_item *item;
    struct diff_latency *latency;
    size_t cap_items, cap_latencies;
    struct diff_side side[STG_DIFF_SIDES];
    uint64_t n_left_out;
};

/* Keys: 0–15 call, 16–31 process, 32–47 next call or class, 48–54 size, 60–61 facet. */
static inline uint64_t diff_key(enum stg_diff_facet facet, uint16_t proc, uint16_t call, uint16_t other, uint8_t size)
{
    return (uint64_t)call | (uint64_t)proc << 16 | (uint64_t)other << 32 | (uint64_t)size << 48 | (uint64_t)facet << 60;
}

static inline enum stg_diff_facet diff_facet_of(uint64_t key)
{
    return (enum stg_diff_facet)(key >> 60);
}
static inline uint16_t diff_call_of(uint64_t key)
{
    return (uint16_t)key;
}
static inline uint16_t diff_proc_of(uint64_t key)
{
    return (uint16_t)(key >> 16);
}

uint64_t diff_sum(const uint32_t *n, size_t from, size_t to);

/* Fills what only one side has (diff_only.c). *sides (by process) is the side that alone has a name, STG_DIFF_SIDES
 * where both have it; the caller's to free. */
enum stg_status diff_find_only(struct stg_diff_result *out, uint8_t **sides, const struct stg_diff *d,
                               const struct stg_diff_settings *s) STG_MUST_USE;

#endif
