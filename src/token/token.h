/* Token: what a model sees of an event, and how sequences of tokens are walked.
 *
 * A *sequence* is what a cut rule makes of a trace: the events of one request, thread, process or window. Its events
 * are stored once, in time order, as columns (struct stg_seq). A model sees it as one or more *walks* (struct
 * stg_walk):
 *   - time order: one walk over all events, threads interleaved (the paper's);
 *   - thread order: one walk per thread. A walk may be preceded by context events, the thread's last ones before the
 *     sequence began; they condition the first events and are not scored.
 * Special tokens are not stored: a walk that begins with its thread or sequence has `start`, one that ends with it
 * `end`, and the end is scored like an
 * event. */
#ifndef STG_TOKEN_TOKEN_H
#define STG_TOKEN_TOKEN_H

#include "base/status.h"
#include "event/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ids of the special tokens in every vocabulary (the published order). */
enum { STG_TOKEN_MASK = 0, STG_TOKEN_UNKNOWN, STG_TOKEN_START, STG_TOKEN_END, STG_TOKEN_TRUNCATE, STG_TOKEN_SPECIALS };

/* Phases and return classes as stored (the published values of `entry` and of `ret`). */
enum { STG_PHASE_NONE = 0, STG_PHASE_ENTRY = 1, STG_PHASE_EXIT = 2 };
enum { STG_RET_NONE = 0, STG_RET_SUCCESS = 1, STG_RET_FAILURE = 2 };

/* Stored in the ret column where the value is unknown or there is none (entries). */
#define STG_RET_ABSENT INT64_MIN
/* Stored where only failure is known, not its errno. */
#define STG_RET_FAILED (INT64_MIN + 1)
/* Stored where only success is known, not the value. */
#define STG_RET_SUCCEEDED (INT64_MIN + 2)

/* Times and durations stay within ±2^62 ns (146 years), so that their differences never overflow. */
#define STG_TIME_MAX (INT64_C(1) << 62)

enum stg_order { STG_ORDER_TIME, STG_ORDER_THREAD };

/* Which fields make up the symbol that a model predicts: CALL with any of PHASE, RET and SIZE, or one of the last two
 * alone. */
enum {
    STG_FIELD_CALL = 1 << 0,  /* the name */
    STG_FIELD_PHASE = 1 << 1, /* entry or exit */
    STG_FIELD_RET = 1 << 2,   /* none, success, or the errno */
    STG_FIELD_SIZE =
        1 << 3, /* what a call returned that returns a count (stg_syscall_returns_count), in eighths of an octave */
    STG_FIELD_ELAPSED = 1 << 4, /* log2 of the time since the walk's event before */
    STG_FIELD_DESCRIPTOR =
        1 << 5, /* of entries on the thread that the cut rule followed; other events have no symbol */
    STG_FIELD_ALL = (1 << 6) - 1,
};

/* Sequence flags */
enum {
    STG_SEQ_TRUNCATED = 1 << 0, /* longer than the bound: the rest was cut off */
    STG_SEQ_NO_TIME = 1 << 1,   /* the source has no clock: times count events */
};

#define STG_SEQ_LOAD_EVENTS 16384 /* some tenths of a second of a busy server */
#define STG_SEQ_LOAD_LEAST  1024  /* fewer events that tell are not enough */

/* One sequence: borrowed columns, in time order. */
struct stg_seq {
    uint64_t id;          /* number in its data set, from 0 */
    size_t n;             /* events */
    const uint16_t *call; /* (n) vocabulary id of the call */
    const uint8_t *phase; /* (n) STG_PHASE_* */
    const int64_t *ret;   /* (n) exits: raw return value, STG_RET_ABSENT, STG_RET_FAILED or STG_RET_SUCCEEDED; entries:
                           * the descriptor that the call is about (−100 is AT_FDCWD), STG_RET_ABSENT when there is none
                           * or it is not known */
    const int64_t *time_ns; /* (n) time since the sequence began; never decreases */
    const uint16_t
        *thread; /* (n) index of the event's row among those of threads, by first appearance in the sequence */

    size_t n_threads;            /* rows: of each thread one for every name that it has here */
    const int32_t *thread_tid;   /* (n_threads) */
    const int32_t *thread_pid;   /* (n_threads) */
    const uint16_t *thread_proc; /* (n_threads) vocabulary id of the thread's name */
    const uint16_t
        *thread_back; /* (n_threads) how many rows before it the thread's first row is, whose walk this one's events are
                       * in; NULL: every row is a thread of its own. Context is that of first rows */
    const uint64_t *context_offset; /* (n_threads + 1) into context_*: rows [k], [k+1]; NULL without stored context */
    const uint16_t *context_call;   /* whole column of the data set, indexed through context_offset */
    const uint8_t *context_phase;
    const int64_t *context_ret;
    const int64_t *context_time_ns; /* negative: before the sequence began */

    int64_t begin_ns, end_ns; /* on the trace's clock */
    int32_t tid, pid;         /* the thread that the cut rule followed; 0 when none */
    uint64_t n_lost;          /* lost events that touch it; those between the events of its context are not counted */
    /* How busy the machine was, over all events of the trace from its begin to its end and, as if they were
     * STG_SEQ_LOAD_EVENTS, those before it, of which each counts by 1 − 1/STG_SEQ_LOAD_EVENTS less than the one after
     * it. */
    float runnable; /* threads that could run on the CPU of an event, its own included (STG_EVENT_MOST_RUNNABLE at
                       most): geometric mean; 0: not known */
    float alone;    /* part of the events, of those for which that is known, at which no other thread could */
    float stayed;  /* part of the events that came on the CPU of their thread's event before: the others are migrations;
                      0: not known */
    float workers; /* how many threads do the work of those that have the name of the thread that the cut rule followed
                      (cut_workers.c); 0: not known, or the sequence is a thread's whole life or closed by the end of
                      the trace alone */
    uint32_t trace; /* index into the data set's traces */
    uint32_t flags; /* STG_SEQ_* */
};

static inline uint8_t stg_ret_class(uint8_t phase, int64_t ret)
{
    if (phase != STG_PHASE_EXIT || ret == STG_RET_ABSENT) {
        return STG_RET_NONE;
    }
    return ret == STG_RET_FAILED || (ret < 0 && ret >= -4095) ? STG_RET_FAILURE : STG_RET_SUCCESS;
}

/* 0 none, 1 success, 2 failure of unknown errno, 2 + errno otherwise. */
static inline uint16_t stg_ret_errno_class(uint8_t phase, int64_t ret)
{
    if (phase != STG_PHASE_EXIT || ret == STG_RET_ABSENT) {
        return 0;
    }
    if (ret == STG_RET_FAILED) {
        return 2;
    }
    return ret < 0 && ret >= -4095 ? (uint16_t)(2 - ret) : 1;
}

/* Columns of a walk beyond call, phase and ret; a walker fills those it was made for, the others are NULL. */
enum {
    STG_WALK_THREAD = 1 << 0,  /* proc, pid, tid */
    STG_WALK_ELAPSED = 1 << 1, /* elapsed_ns */
    STG_WALK_INDEX = 1 << 2,   /* index */
    STG_WALK_ALL = 7,
};

/* One walk. Rows 0 … n_context−1 condition, rows n_context … n−1 are scored, then the end if `end`. The arrays belong
 * to the walker that filled it and live until its next use; in time order call, phase and ret are the sequence's
 * own. */
struct stg_walk {
    size_t n, n_context;
    bool start;               /* a START comes before row 0 */
    bool end;                 /* an END comes after the last row and is scored */
    bool own;                 /* of the thread that the cut rule followed */
    const uint16_t *call;     /* (n) */
    const uint8_t *phase;     /* (n) */
    const int64_t *ret;       /* (n) */
    const uint16_t *proc;     /* (n) */
    const int32_t *pid, *tid; /* (n) */
    const int64_t
        *elapsed_ns; /* (n + 1) since the previous row (row 0: since the sequence began, 0 for context); [n]: of END */
    const uint32_t *index; /* (n) row in the sequence's time order; UINT32_MAX for context */
};

/* Walker: memory reused from sequence to sequence; one per thread of the program. */
struct stg_walker;

enum stg_status stg_walker_new(struct stg_walker **out, unsigned columns) STG_MUST_USE; /* STG_WALK_* */
void stg_walker_free(struct stg_walker *w);
/* Prepares the walks of seq; *n_walks ≥ 1 unless the sequence is empty in thread order. max_len > 0 bounds a walk: the
 * rest of a longer one is dropped (and its end with it), as the published code truncates. */
enum stg_status stg_walker_begin(struct stg_walker *w, const struct stg_seq *seq, enum stg_order order, size_t max_len,
                                 size_t *n_walks) STG_MUST_USE;
void stg_walker_get(const struct stg_walker *w, size_t i_walk, struct stg_walk *out);

/* Corpus: random access to sequences, safe from several threads at once. A data set is one; tests make others. */
struct stg_corpus {
    size_t n; /* sequences */
    void *context;
    void (*get)(void *context, size_t i, struct stg_seq *out); /* borrowed from the corpus */
    void (*release)(void *context, size_t first, size_t end);  /* see stg_corpus_release(); NULL: nothing to do */
};

static inline void stg_corpus_get(const struct stg_corpus *c, size_t i, struct stg_seq *out)
{
    c->get(c->context, i, out);
}

/* The events of sequences first … end − 1 were read and are not needed soon: what comes from a file need not stay in
 * memory. Who reads a whole corpus in order says so as it goes. What was got stays valid. */
static inline void stg_corpus_release(const struct stg_corpus *c, size_t first, size_t end)
{
    if (c->release != NULL) {
        c->release(c->context, first, end);
    }
}

#endif
