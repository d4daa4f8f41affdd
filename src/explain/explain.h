/* Explanation: which events of a sequence were unlikely, and what was expected instead.
 *
 * Every channel (score/channels.h) has its say on an event: its excess is the surprisal beyond what the model itself
 * was unsure of,
 *
 *     excess = −ln p(what happened) − H,   H = −Σ p ln p of the prediction (Shannon 1948)
 *
 * so that what cannot be foreseen is nobody's fault, and a channel that is noisy by nature must be louder to be heard.
 * The largest excess of an event over all channels is its blame, and the field that it is about comes with it: one
 * ranking for calls, errors, sizes, pauses and descriptors. */
#ifndef STG_EXPLAIN_EXPLAIN_H
#define STG_EXPLAIN_EXPLAIN_H

#include "model/model.h"
#include "score/score.h"

#define STG_EXPLAIN_MAX_ALTERNATIVES 8

/* What of an event is to blame. */
enum stg_field {
    STG_FIELD_TO_BLAME_CALL,
    STG_FIELD_TO_BLAME_SIZE,  /* what was returned */
    STG_FIELD_TO_BLAME_ERRNO, /* that it failed, or did not */
    STG_FIELD_TO_BLAME_PAUSE, /* the time since the thread's event before */
    STG_FIELD_TO_BLAME_DESCRIPTOR,
    STG_FIELDS_TO_BLAME,
};

const char *stg_field_name(enum stg_field f); /* "call", "size", "errno", "pause", "descriptor" */

struct stg_alternative {
    uint32_t symbol;
    float probability;
};

struct stg_explained_event {
    uint32_t index;      /* row in the sequence, time order; UINT32_MAX = the end of the walk */
    uint32_t symbol;     /* what happened, as the model sees it */
    uint16_t call, proc; /* ids in explanation.names */
    uint8_t phase;
    uint8_t field; /* enum stg_field: what the blame is about */
    int64_t ret;
    int64_t time_ns; /* since the sequence began */
    int32_t pid, tid;
    float surprisal;                /* nats */
    float excess;                   /* surprisal − expected surprisal (the entropy of the prediction), nats */
    int64_t elapsed_ns;             /* since the event before it on its walk; the first: since the sequence began */
    float side[STG_SIDES];          /* surprisal of its elapsed time and of its descriptor, nats; NAN: not judged */
    float side_expected[STG_SIDES]; /* entropy of the prediction of each, nats; NAN: not judged */
    float side_excess[STG_SIDES];   /* as excess, of these; NAN: not judged */
    int64_t usual_ns; /* the likeliest elapsed time: the least of its class [usual_ns, 2 usual_ns); −1: not judged */
    float blame;      /* the largest excess of a channel, nats */
    float disagreement; /* of an ensemble's members over the surprisal, nats; NAN: the model is no ensemble */
    uint32_t n_alternatives;
    struct stg_alternative alternatives[STG_EXPLAIN_MAX_ALTERNATIVES]; /* other than what happened, likeliest first */
};

/* Neighbours on one walk that are to blame together; an event between two of them that is not counts too (the return of
 * a strange call is what follows from it). */
struct stg_segment {
    uint32_t first, n; /* explanation.order[first] … [first + n − 1] */
    uint32_t n_blamed; /* of which are to blame */
    uint32_t worst;    /* index into events: the most to blame */
    unsigned fields;   /* 1 << enum stg_field of those to blame */
    float blame;       /* of the worst */
};

struct stg_explanation {
    uint64_t id;
    const struct stg_vocab *names; /* what the ids of the data stand for; borrowed */
    struct stg_score score;
    bool has_time;                      /* times are times; else they count events */
    struct stg_explained_event *events; /* (n) in time order, ends last; owned */
    size_t n;
    uint32_t *ranked;             /* (n) indices into events, most to blame (highest blame) first; owned */
    uint32_t *order;              /* (n) indices into events, walk by walk; owned */
    struct stg_segment *segments; /* (n_segments) most to blame first; owned */
    size_t n_segments;
};

/* n_alternatives ≤ STG_EXPLAIN_MAX_ALTERNATIVES. names: the vocabulary of the data that seq is from, which begins with
 * the model's. Memory: about 400 bytes an event. */
enum stg_status stg_explain(struct stg_explanation *out, const struct stg_model *m, const struct stg_seq *seq,
                            const struct stg_vocab *names, uint32_t n_alternatives) STG_MUST_USE;
/* out (x->n): the events walk by walk, each walk in time order. */
enum stg_status stg_explanation_order(const struct stg_explanation *x, enum stg_order order,
                                      uint32_t *out) STG_MUST_USE;
void stg_explanation_fini(struct stg_explanation *e);

/* The blame from which on an event counts, given that of the worst. Below a tenth of a nat it is no news: what the
 * model itself was unsure of. Nor is less than a fifth of the worst, unless it is surprising, which is a whole nat. */
#define STG_BLAME_LEAST      0.1f
#define STG_BLAME_SURPRISING 1.0f
float stg_blame_least(float worst);

#endif
