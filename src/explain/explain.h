/* Explanation: which events of a sequence were unlikely, and what was expected instead. */
#ifndef STG_EXPLAIN_EXPLAIN_H
#define STG_EXPLAIN_EXPLAIN_H

#include "model/model.h"
#include "score/score.h"

#define STG_EXPLAIN_MAX_ALTERNATIVES 8

struct stg_alternative {
    uint32_t symbol;
    float probability;
};

struct stg_explained_event {
    uint32_t index;      /* row in the sequence, time order; UINT32_MAX = the end of the walk */
    uint32_t symbol;     /* what happened, as the model sees it */
    uint16_t call, proc; /* ids in explanation.names */
    uint8_t phase;
    int64_t ret;
    int64_t time_ns;     /* since the sequence began */
    int32_t pid, tid;
    float surprisal;     /* nats */
    float excess;        /* surprisal − expected surprisal (the entropy of the prediction), nats: the blame */
    int64_t elapsed_ns;     /* since the event before it on its walk; the first: since the sequence began */
    float side[STG_SIDES];  /* surprisal of its elapsed time and of its descriptor, nats; NAN: not judged */
    float disagreement;  /* of an ensemble's members over the surprisal, nats; NAN: the model is no ensemble */
    uint32_t n_alternatives;
    struct stg_alternative alternatives[STG_EXPLAIN_MAX_ALTERNATIVES]; /* other than what happened, likeliest first */
};

struct stg_explanation {
    uint64_t id;
    const struct stg_vocab *names; /* what the ids of the data stand for; borrowed */
    struct stg_score score;
    bool has_time; /* times are times; else they count events */
    struct stg_explained_event *events; /* (n) in time order, ends last; owned */
    size_t n;
    uint32_t *ranked; /* (n) indices into events, most to blame (highest excess) first; owned */
};

/* n_alternatives ≤ STG_EXPLAIN_MAX_ALTERNATIVES. names: the vocabulary of the data that seq is from, which begins with the model's. */
enum stg_status stg_explain(struct stg_explanation *out, const struct stg_model *m, const struct stg_seq *seq,
                            const struct stg_vocab *names, uint32_t n_alternatives) STG_MUST_USE;
void stg_explanation_fini(struct stg_explanation *e);

#endif
