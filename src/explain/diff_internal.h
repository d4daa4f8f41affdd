/* Diff: what counting and comparing share. Private to explain/. */
#ifndef STG_EXPLAIN_DIFF_INTERNAL_H
#define STG_EXPLAIN_DIFF_INTERNAL_H

#include "explain/diff.h"
#include "explain/diff_names.h"

enum {
    DIFF_MAX_ITEMS = 1 << 16,
    DIFF_MAX_LATENCIES = 1 << 12,
    DIFF_MAX_THREADS = 1 << 16,
    DIFF_BLOCKS = 32,
    DIFF_FIRST_BLOCK = 32, /* calls; doubled whenever all blocks are full */
    DIFF_BINS = 128,       /* quarters of an octave: up to 2^32 ns */
    DIFF_CHUNK = 1024,     /* calls that go to one half of a latency's histogram before the other half has its turn */
    DIFF_MAX_PATHS = 1 << 13,
    DIFF_MAX_FILES = 1 << 16,      /* names, and pairs of a process and a name */
    DIFF_MAX_LIKE_FILES = 1 << 18, /* and pairs of these and a run like A; beyond, occasions are too few */
    DIFF_MAX_OF_DIR = 1 << 11,     /* names of one directory; what is beyond counts as the directory's */
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

enum { DIFF_COUNTED = STG_DIFF_LIKE + 1, DIFF_QUANTILES = 2 }; /* .5 and .95 */

struct diff_item {
    uint32_t n[DIFF_COUNTED][DIFF_BLOCKS];
    struct diff_object object[STG_DIFF_SIDES]; /* of calls */
    uint32_t n_nameless[STG_DIFF_SIDES];       /* of calls: how often neither a name nor a descriptor is known of it */
    uint32_t n_runs, n_occasions;              /* runs like A that have it, and their blocks that do */
    float low, high, densest; /* on A's scale: its shares in these; the most in a block of diff_common_block() calls */
};

struct diff_latency {
    uint32_t n[DIFF_COUNTED][2][DIFF_BINS];
    float low[DIFF_QUANTILES], high[DIFF_QUANTILES]; /* of the runs like A, ns; 0: none has enough */
};

/* A name that calls of a process were given. It is done where a call that was given it did not fail. */
struct diff_file {
    uint32_t blocks[DIFF_COUNTED], done[DIFF_COUNTED]; /* a bit for each block */
    uint32_t n[STG_DIFF_SIDES];                        /* calls */
    uint64_t runs, runs_done;       /* runs like A: a bit each, the last one for all from the 64th on */
    uint16_t call[STG_DIFF_SIDES];  /* the first one */
    uint16_t error[STG_DIFF_SIDES]; /* class of the first failure (stg_ret_errno_class), 0: none */
    bool more_calls[STG_DIFF_SIDES];
};

/* The blocks of a run like A that have it: which of them several names share, the pattern of these decides later. */
struct diff_like_file {
    uint32_t file, run, blocks, done;
};

/* In how many of the runs like A a name is, and the last of them, counted from 1. */
struct diff_runs {
    uint32_t n, last;
};

/* What a thread of a trace, or of a sequence, has done last. */
struct diff_thread {
    uint64_t entry_ns;
    uint16_t last, open, proc; /* calls; STG_TOKEN_START: none */
    uint32_t file;             /* that the open call was given, by index plus one; 0: none */
    uint32_t item;             /* of the open call of a trace; STG_KEYS_NONE: there was no room */
    bool timed, nameless;      /* nameless: it is among the item's n_nameless */
};

struct diff_side {
    uint64_t n_calls, n_lost, block_len, n_sequences;
    uint32_t block; /* the one at hand */
    uint64_t n_in_block[DIFF_BLOCKS];
    uint64_t first_ns, last_ns;
    bool has_time;
    struct stg_diff_run run;
    struct stg_keys tids;    /* of a trace */
    struct stg_keys named;   /* threads with their names */
    struct diff_name *names; /* (cap_names) by common id */
    size_t cap_names;
    struct diff_thread *threads; /* by index of tids */
    size_t cap_threads;
    uint16_t *call_of, *proc_of; /* (cap) common ids of a source's names, 0: not asked yet */
    size_t cap_calls, cap_procs;
    uint32_t *file_of; /* (cap_files) ids in file_names plus one by those of the source's paths, 0: not asked yet */
    size_t cap_files;
};

struct stg_diff {
    struct stg_vocab names;
    struct stg_strings *paths;
    uint32_t call_item; /* of the call that was counted last; STG_KEYS_NONE: there was no room */
    uint8_t *traits;    /* (65536) DIFF_KNOWN and others, 0: not asked yet */
    struct stg_keys items, latencies;
    struct diff_item *item;
    struct diff_latency *latency;
    size_t cap_items, cap_latencies;
    struct stg_strings *file_names, *dirs;
    uint32_t *dir_of, *n_in_dir; /* (cap_file_names) by id in file_names; (cap_dirs) names by id in dirs */
    size_t cap_file_names, cap_dirs;
    struct stg_keys files;  /* diff_file_key() */
    struct diff_file *file; /* (cap_files) by index of files */
    size_t cap_files;
    struct diff_like_file *like_file; /* (n_like_files) run by run */
    size_t n_like_files, cap_like_files;
    struct diff_side side[DIFF_COUNTED];
    uint32_t n_like;             /* runs like A */
    double like_scale;           /* how many times as often as in A a call occurs in all of them */
    float like_low, like_high;   /* their calls by A's */
    float time_low, time_high;   /* their seconds; 0: no clock */
    bool like_ended_so;          /* the command of one of them ended as B's */
    struct diff_runs *name_runs; /* (cap_name_runs) by common id */
    size_t cap_name_runs;
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

static inline uint64_t diff_file_key(uint16_t proc, uint32_t name)
{
    return (uint64_t)proc << 32 | name;
}

/* The bit of a run like A, and those of n of them. */
static inline uint64_t diff_run_bit(uint32_t i)
{
    return UINT64_C(1) << (i < 63 ? i : 63);
}
static inline uint64_t diff_all_runs(uint32_t n)
{
    return n == 0 ? 0 : diff_run_bit(n - 1) | (diff_run_bit(n - 1) - 1);
}
#define DIFF_REST "…" /* in place of a name: those of a directory that are too many */

/* The same bits when blocks two by two become one. */
static inline uint32_t diff_halved(uint32_t blocks)
{
    uint32_t out = 0;
    for (size_t b = 0; b < DIFF_BLOCKS / 2; b++) {
        out |= (uint32_t)((blocks >> 2 * b & 3) != 0) << b;
    }
    return out;
}

/* A bit for each block in which there are any. */
static inline uint32_t diff_blocks(const uint32_t *n)
{
    uint32_t bits = 0;
    for (size_t b = 0; b < DIFF_BLOCKS; b++) {
        bits |= (uint32_t)(n[b] > 0) << b;
    }
    return bits;
}

/* What is known of a call. Traces of before had what uname(2) writes to as a name. */
enum { DIFF_KNOWN = 1 << 0, DIFF_RETURNS_COUNT = 1 << 1, DIFF_NAMES_NO_FILE = 1 << 2 };
uint8_t diff_traits(struct stg_diff *d, uint16_t call);

uint64_t diff_sum(const uint32_t *n, size_t from, size_t to);
/* How many times as often as in A a call occurs on the side. */
enum stg_status diff_scale(const struct stg_diff *d, int side, double *scale) STG_MUST_USE;
/* From the side's first event to its last, seconds; 0 without a clock. */
double diff_seconds(const struct diff_side *s);
/* The length of the blocks in which A and B, which are complete, can be compared. */
uint64_t diff_common_block(const struct stg_diff *d);
/* Blocks of the side, put together to that length: a burst is one occasion, though it fills many of a short side. */
uint32_t diff_common_blocks(const struct stg_diff *d, int side, uint32_t blocks);
/* The most of the counts n of the side in a block of len calls, or of its own if these are longer. */
double diff_densest(const struct diff_side *s, const uint32_t *n, uint64_t len);
/* Of a side's durations; false where there are too few. */
bool diff_quantiles(const struct diff_latency *l, int side, double out[DIFF_QUANTILES]);
/* Which side alone has what occurs so often in A and in B, and in so many of the runs like A; STG_DIFF_SIDES: neither.
 * What some of those have and others have not is no side's. */
static inline int diff_side_alone(const struct stg_diff *d, uint64_t n_a, uint64_t n_b, uint32_t n_runs)
{
    return n_a == 0 && n_runs == 0 && n_b > 0           ? STG_DIFF_B
           : n_a > 0 && n_runs == d->n_like && n_b == 0 ? STG_DIFF_A
                                                        : STG_DIFF_SIDES;
}

/* --- Files (diff_files.c) --- */

/* The call of thread t that has just been counted begins: its file, if the event has one. */
enum stg_status diff_begin_file(struct stg_diff *d, int side, const struct stg_source *source,
                                const struct stg_event *e, struct diff_thread *t) STG_MUST_USE;
/* The open call of thread t has returned. */
void diff_end_file(struct stg_diff *d, int side, struct diff_thread *t, int64_t ret);
/* Of the side, when its blocks two by two become one. */
void diff_halve_files(struct stg_diff *d, int side);
/* The run like A that was counted is complete. */
enum stg_status diff_fold_files(struct stg_diff *d) STG_MUST_USE;

/* --- Tests of what is on one side only (diff_tests.c) --- */

enum { DIFF_MOST_SORTS = 512 }; /* that the sign test looks at */

/* The sign test: law[k] is how likely it is that k of the n sorts are B's, each with its own probability. */
struct diff_signs {
    double share; /* of what both do, B's part */
    double law[DIFF_MOST_SORTS + 1];
    size_t n, n_of_b;
};
void diff_signs_init(struct diff_signs *signs, double share);
void diff_signs_put(struct diff_signs *signs, bool of_b, unsigned n_occasions);
/* Two-sided. *side: which has too many. */
double diff_signs_chance(const struct diff_signs *signs, int *side);
/* That so many occasions are all on this side, two-sided. */
double diff_chance(double share, int side, unsigned n_occasions);
/* Sorts what one side has (n), and lets decide what does by itself among so many candidates. */
void diff_decide_singly(struct stg_diff_only *only, size_t n, size_t n_candidates, double level);

/* Adds the files that only one side has to out->only, which has room for all (diff_files_only.c). */
enum stg_status diff_find_files(struct stg_diff_result *out, const uint8_t *sides, double share, double level,
                                const struct stg_diff *d) STG_MUST_USE;

/* Fills what only one side has (diff_only.c). *sides (by process) is the side that alone has a name, STG_DIFF_SIDES
 * where none does; the caller's to free. */
enum stg_status diff_find_only(struct stg_diff_result *out, uint8_t **sides, const struct stg_diff *d,
                               const struct stg_diff_settings *s) STG_MUST_USE;

#endif
