/* Fold: the part of an explanation that is worth reading. Each kind of event to blame is shown once, its first one in
 * full and with its neighbours; what repeats it is counted, and what went as expected is left out and counted. JSON
 * keeps everything. Private to report/. */
#ifndef STG_REPORT_FOLD_H
#define STG_REPORT_FOLD_H

#include "explain/explain.h"

#include <stdbool.h>
#include <stddef.h>

enum fold_kind {
    FOLD_EVENT,  /* an event in full */
    FOLD_REPEAT, /* the `period` events above happen `n` more times in a row */
    FOLD_GAP,    /* `n` events that are not shown; 0 only where another walk begins */
};

struct fold_row {
    enum fold_kind kind;
    uint32_t event;        /* EVENT: index into explanation.events; REPEAT: that of the first event that is repeated */
    bool blamed;           /* EVENT: most to blame, not a mere neighbour */
    uint32_t n;            /* EVENT, blamed: events of its kind, itself included; others: as above */
    uint32_t period;       /* REPEAT: events of the block, which are neighbours in the walk */
    uint32_t n_alike;      /* GAP: of which are of a kind that is shown elsewhere */
    uint32_t n_surprising; /* GAP: of which are surprising otherwise */
    bool starts_walk;      /* GAP: another thread's events follow */
};

/* Rows of a walk (a thread, in thread order) follow each other in time order. */
struct fold {
    struct fold_row *rows; /* (n) owned */
    size_t n;
    size_t n_kinds, n_blamed; /* kinds that are shown, and events of these kinds */
    uint32_t *order;          /* (explanation.n) events walk by walk; owned */
    uint32_t *place;          /* (explanation.n) where an event stands in order; owned */
};

/* n_top: kinds to show, most to blame first. fold_fini() also after a failure. */
enum stg_status fold_explanation(struct fold *out, const struct stg_model *m, const struct stg_explanation *x,
                                 size_t n_top) STG_MUST_USE;
void fold_fini(struct fold *f);

#endif
