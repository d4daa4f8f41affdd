/* Cut: from events to sequences, streaming, in bounded memory. */
#ifndef STG_TOKEN_CUT_H
#define STG_TOKEN_CUT_H

#include "base/tensors.h"
#include "event/source.h"
#include "token/token.h"
#include "token/vocab.h"

enum stg_cut {
    STG_CUT_AUTO, /* `given` where the source has sequences, else `request` where begin and end are known, else `thread`
                   */
    STG_CUT_GIVEN,   /* the source's own sequences */
    STG_CUT_REQUEST, /* begin … end markers of a thread */
    STG_CUT_ACCEPT,  /* accept/accept4 that succeeds … close/shutdown of that descriptor on the thread */
    STG_CUT_THREAD,  /* a thread's whole life in the trace */
    STG_CUT_PROCESS, /* a process's */
    STG_CUT_WINDOW,  /* every N events of the scope; a last rest of less than half as many joins the window before it */
};

enum stg_scope {
    STG_SCOPE_SYSTEM,  /* all events while it is open (the paper's) */
    STG_SCOPE_PROCESS, /* those of the process of the thread that opened it */
    STG_SCOPE_THREAD,  /* those of that thread */
};

/* The recipe: all that decides how a trace becomes a data set; stored in data sets and models, so that a trace given
 * where a data set is expected is cut the same way. */
struct stg_recipe {
    enum stg_cut cut;
    enum stg_scope scope;
    enum stg_order order;  /* the order in which models walk it; contexts are stored for STG_ORDER_THREAD */
    uint64_t window;       /* STG_CUT_WINDOW: events */
    uint64_t max_len;      /* events of a sequence; what is longer is cut off and flagged. Default 65,536 */
    uint32_t n_context;    /* context events kept per thread. Default 16 in thread order, 0 in time order */
    int64_t skip_first_ns; /* drop sequences that begin earlier than this after the first begin marker (or event) */
    char begin[128],
        end[128];      /* names of the marker events. Default httpd:enter_event_handler / httpd:exit_event_handler */
    char confirm[128]; /* request: name of a marker that has to occur on the thread in between; "" = none has to */
    uint32_t
        skip_state[8]; /* request: first integer field of the begin marker at which the request is not one (6, 7) */
    uint32_t n_skip_state;
    bool own_markers; /* nobody chose begin and end: a trace that says which are its own is cut by those
                         (dataset/prepare.h); not stored */
};

#define STG_RECIPE_MAX_LEN     16777216u
#define STG_RECIPE_MAX_CONTEXT 255u

const char *stg_cut_name(enum stg_cut cut);       /* "request"; "window" without its number */
const char *stg_scope_name(enum stg_scope scope); /* "system" */
const char *stg_order_name(enum stg_order order); /* "thread" */
/* From the command line ("window:1000" also sets *window); STG_ERR_USAGE naming the choices. */
enum stg_status stg_cut_parse(const char *text, enum stg_cut *cut, uint64_t *window) STG_MUST_USE;
enum stg_status stg_scope_parse(const char *text, enum stg_scope *out) STG_MUST_USE;
enum stg_status stg_order_parse(const char *text, enum stg_order *out) STG_MUST_USE;

/* STG_ERR_USAGE when a field is out of its range. */
enum stg_status stg_recipe_check(const struct stg_recipe *r) STG_MUST_USE;
/* Another begin and end, whose fields are no connection states: none is skipped, unless they are the default's. False
 * when a name is too long. */
bool stg_recipe_set_markers(struct stg_recipe *r, const char *begin, const char *end) STG_MUST_USE;
/* Makes fields agree that depend on each other: `thread`, `process` and `given` have one scope and no context; max_len
 * is at least the window. */
void stg_recipe_settle(struct stg_recipe *r);
/* What makes sequences cut by a and by b no match for each other: "cut", "scope", "window", "markers", "order",
 * "context"; NULL when nothing does. A source's own sequences (given) are what their maker says, so that only the order
 * counts. */
const char *stg_recipe_difference(const struct stg_recipe *a, const struct stg_recipe *b);

/* Cut auto, scope system, thread order with 16 context events, the trace's own markers or else Apache's, connection
 * states 6 and 7 skipped. */
void stg_recipe_default(struct stg_recipe *r);
/* The paper's: system, time order, skip connection_state 6 and 7; the cut is settled by the source (requests, or the
 * given sequences). */
void stg_recipe_paper(struct stg_recipe *r);
/* Metadata key `recipe` (JSON). */
enum stg_status stg_recipe_save(const struct stg_recipe *r, struct stg_tensors_writer *w) STG_MUST_USE;
enum stg_status stg_recipe_load(struct stg_recipe *out, const struct stg_tensors *t) STG_MUST_USE;

struct stg_cut_counts {
    uint64_t n_events;       /* system-call events seen */
    uint64_t n_lost, n_gaps; /* lost events seen */
    uint64_t n_sequences;    /* delivered */
    uint64_t n_skipped;      /* before skip_first, of a skipped state, or not confirmed */
    uint64_t n_open; /* still open at the end of the trace, or of their thread: not sequences (request, accept) */
    uint64_t n_unmatched_end, n_reopened; /* end without begin; begin while open (the earlier one is dropped) */
    uint64_t n_orphan_exits; /* exits without an entry in the trace (calls under way, new threads): normal */
    uint64_t n_unfinished;   /* entries without exit */
    uint64_t n_backward;     /* timestamps before their predecessor's */
    uint64_t n_unknown;      /* events whose call is not in the vocabulary that is frozen or extended */
    uint64_t n_truncated;    /* sequences cut off: at max_len, or … */
    uint64_t n_relieved;     /* … for memory: so many of them */
    uint64_t n_covered;      /* events that are in a sequence */
    uint64_t n_stored;       /* events of all sequences: one that is in two counts twice */
    uint64_t n_begins, n_ends, n_confirms; /* markers of the recipe's names seen (request) */
};

/* Called for each finished sequence; seq is borrowed for the call. */
typedef enum stg_status (*stg_cut_take)(void *context, const struct stg_seq *seq);

struct stg_cutter;

/* recipe is copied; its cut must not be STG_CUT_AUTO (dataset/prepare.h resolves it). vocab is borrowed and grows
 * unless frozen: only names that occur in delivered sequences enter, in order of first appearance; names that occur in
 * stored context alone do not, they are UNKNOWN there.
 *
 * Events are kept once however many sequences are open: each scope (the system, a process, a thread) has a log of its
 * recent events, and an open sequence is a range of it. A sequence that reaches max_len is delivered at once, flagged,
 * and ends there. Peak memory: open sequences' logs × 2 × max_len × 32 bytes, at most 512 MiB in all, beyond which the
 * oldest sequence of one of the longest logs is delivered early, flagged and counted as relieved; plus 100 bytes per
 * thread (560 with a log for each, or for each process) and at most 256 MiB of contexts.
 *
 * A thread's or process's number that comes again after its end (docs/formats/dataset.md) is another one's. Sequences
 * that end with their process are delivered in order of their threads' first events.
 *
 * Sequences are delivered in order of their end in the stream of events, full windows when half of another one has
 * followed in their scope (so that a window's log has one and a half). What still is open at the end of a trace is
 * dropped and counted (request, accept, given), or delivered in order of its beginning (thread, process, window;
 * windows of a thread when it exits). A rest joins the window before it only where both together are within max_len and
 * the bound on memory. */
enum stg_status stg_cutter_new(struct stg_cutter **out, const struct stg_recipe *recipe, struct stg_vocab *vocab,
                               stg_cut_take take, void *context) STG_MUST_USE;
void stg_cutter_free(struct stg_cutter *c);
/* Another bound on the logs than 512 MiB (contexts: half of it), for tests and small machines. */
void stg_cutter_limit(struct stg_cutter *c, size_t bytes);
/* Begins a trace, after finishing the one before. names and comms are borrowed until the trace is finished. */
enum stg_status stg_cutter_begin(struct stg_cutter *c, uint32_t i_trace, const struct stg_strings *names,
                                 const struct stg_strings *comms) STG_MUST_USE;
enum stg_status stg_cutter_put(struct stg_cutter *c, const struct stg_event *events, size_t n) STG_MUST_USE;
enum stg_status stg_cutter_finish(struct stg_cutter *c) STG_MUST_USE; /* end of the trace */
/* Sums over all traces so far. */
void stg_cutter_counts(const struct stg_cutter *c, struct stg_cut_counts *out);
/* Whether an event of the trace had a process id. Where none had, all threads are of one process. */
bool stg_cutter_tells_processes(const struct stg_cutter *c);

#endif
