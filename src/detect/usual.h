/* Usual: how often each kind of call occurs in a known sequence, so that what a novel one has more or less of can be
 * said in numbers.
 *
 * Kinds are counted at two grains: every call of a process ("apache2: write"), by its entries, and every result of it
 * that tells something ("apache2: write, 128-255 bytes", "… EAGAIN"), by its exits. Of held-out known sequences the
 * quantiles of each count are kept in the model; a call that a process makes neither in them nor in the training has no
 * row, and no result that they have not. */
#ifndef STG_DETECT_USUAL_H
#define STG_DETECT_USUAL_H

#include "base/keys.h"
#include "model/model.h"
#include "token/token.h"

/* A kind packed into 64 bits: 0–15 call, 16–31 process (vocabulary ids), 32–33 phase (0 the call itself, STG_PHASE_EXIT
 * a result of it), 34–47 the result's class (stg_ret_errno_class), 48–54 its size (0 none, 1 zero, else 2 +
 * floor(log2)). */
struct stg_kind_of_call {
    uint16_t call, proc;
    uint8_t phase, size;
    uint16_t errno_class;
};
uint64_t stg_usual_key(const struct stg_kind_of_call *kind);
void stg_usual_unpack(uint64_t key, struct stg_kind_of_call *kind);
/* The kind of an event; counted: its call returns a count (stg_syscall_returns_count). False for an event that is
 * counted with another (the exit of a call that succeeded and returns no count). */
bool stg_usual_kind(struct stg_kind_of_call *out, uint16_t call, uint16_t proc, uint8_t phase, int64_t ret,
                    bool counted);

/* Rows of the table that are not of a call: the length of a sequence in events and in nanoseconds (0 without times),
 * and how often a process has its turn in it. */
#define STG_USUAL_EVENTS   UINT64_C(0)
#define STG_USUAL_DURATION (UINT64_C(1) << 16)
uint64_t stg_usual_turns(uint16_t proc);
/* A key with this bit is of the sequences alone in which the process has a turn: where many have none, the .95 quantile
 * of all says nothing of what a program usually does. There is such a row where fewer than STG_USUAL_NEARLY_ALL have.
 */
#define STG_USUAL_OF_PROCESS (UINT64_C(1) << 63)
#define STG_USUAL_NEARLY_ALL 0.95f

/* How many of a kind sequences have. */
struct stg_usual {
    float low, median, high; /* the .05, .5 and .95 quantile */
    float share;             /* of the sequences that have one at all; of a call that only other known ones have, one
                                of all of these */
};

/* Pairs of a kind's index (upper half) and its count in one sequence, for quantiles over sequences that mostly lack
 * most kinds. */
struct stg_usual_counts {
    struct stg_keys kinds;
    uint64_t *pairs; /* (n) owned */
    size_t n, cap;
    size_t n_sequences;
    uint64_t *count;   /* (STG_USUAL_MAX_KINDS) of the sequence at hand, by kind; zeros between sequences */
    uint32_t *touched; /* (STG_USUAL_MAX_KINDS) kinds of the sequence at hand */
};
#define STG_USUAL_MAX_KINDS ((size_t)1 << 15) /* of further ones nothing is known */
#define STG_USUAL_MAX_PAIRS ((size_t)1 << 22) /* 32 MiB; later sequences are left out */
/* Adds a sequence. call_of, proc_of: what the sequence's ids are called by; NULL: as they are. counted (by the ids
 * after that): see stg_usual_kind(). */
enum stg_status stg_usual_add(struct stg_usual_counts *c, const struct stg_seq *seq, const uint16_t *call_of,
                              const uint16_t *proc_of, const uint8_t *counted) STG_MUST_USE;
/* out (kinds.n): quantiles over all sequences. Sorts the pairs. */
enum stg_status stg_usual_quantiles(struct stg_usual_counts *c, struct stg_usual *out) STG_MUST_USE;
void stg_usual_counts_fini(struct stg_usual_counts *c);

/* counted (calls of v): whether each returns a count; owned by the caller. */
enum stg_status stg_usual_counted(uint8_t **counted, const struct stg_vocab *v) STG_MUST_USE;

/* What is usual goes into m: quantiles from held-out known sequences (at most 4,096 of them, evenly thinned), and which
 * calls each process makes at all from all of them and those of the training. left_out (held_out->n): sequences that
 * are not 0 count for nothing; NULL: none. The corpora share the ids of m's vocabulary. */
enum stg_status stg_usual_fit(struct stg_model *m, const struct stg_corpus *held_out, const uint32_t *left_out,
                              const struct stg_corpus *training) STG_MUST_USE;
/* False, and zeros, when no known sequence has it; or, where the table is not complete, when nothing is known of it. */
bool stg_usual_find(const struct stg_model *m, uint64_t key, struct stg_usual *out);
/* Whether there was room for every kind that known sequences have. */
bool stg_usual_is_complete(const struct stg_model *m);

#endif
