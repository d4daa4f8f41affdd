/* Spans: when the sequences of an input were and whose they are, so that an event of its trace finds those that it is
 * in. */
#ifndef STG_CLI_BEHAVIOUR_SPANS_H
#define STG_CLI_BEHAVIOUR_SPANS_H

#include "cli/groups.h"

#include "event/event.h"
#include "explain/behaviours.h"

/* begin > end: not known. */
struct stg_span {
    int64_t begin, end;
    int32_t tid, pid; /* nobody else's events are in it; 0: anybody's may be */
};

/* Of the index-th sequence of the group's i_input-th input. */
struct stg_span stg_span_of(const struct stg_model *m, const struct stg_group *g, size_t i_input, size_t index);
bool stg_span_has(const struct stg_span *s, const struct stg_event *e);

/* The sequences of an input as its events go by: those of each behaviour, and those that are not novel. */
struct stg_spans {
    struct stg_spans_one *all; /* (n) by their beginnings; owned */
    size_t n, n_begun;
    uint32_t *open;    /* (n_open) of all: have begun and not ended; owned */
    size_t n_open;     /* no more than are looked through for an event: what begins beyond is in none */
    int64_t first_end; /* of those that are open */
    size_t *n_members; /* (behaviours) how many of each have begun, STG_FILES_APART_MEMBERS at most; owned */
    size_t n_known;    /* how many that are not novel have */
};

/* The group has been scored; b->items [i].input and b->members count inputs as `input`. _fini also after a failure. */
enum stg_status stg_spans_init(struct stg_spans *out, const struct stg_behaviours *b, const struct stg_model *m,
                               const struct stg_group *g, size_t i_input, size_t input) STG_MUST_USE;
void stg_spans_fini(struct stg_spans *s);
/* Events come in the order of their times. */
void stg_spans_advance(struct stg_spans *s, const struct stg_event *e);
/* *members: a bit for each of the behaviour's sequences that the event is in. False where it is in none of these, nor
 * in one that is not novel. */
bool stg_spans_find(const struct stg_spans *s, size_t behaviour, const struct stg_event *e, uint64_t *members);

#endif
