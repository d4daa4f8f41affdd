/* Embedding: how a net sees the names of calls, as points of a plane. Calls that it learnt to treat alike lie
 * together. */
#ifndef STG_EXPLAIN_EMBEDDING_H
#define STG_EXPLAIN_EMBEDDING_H

#include "model/model.h"

struct stg_embedded_call {
    uint16_t call;    /* id in the model's vocabulary */
    uint64_t count;   /* as it was given */
    double x, y;      /* explain/projection.h */
    uint16_t nearest; /* the call whose embedding is most alike by the cosine, with all dimensions; the call itself
                         where it is alone */
    double likeness;  /* that cosine, −1 … 1 */
};

struct stg_embedding {
    struct stg_embedded_call *calls; /* (n) most frequent first; owned */
    size_t n, n_all;                 /* that are here; of which some are left out as too many */
    size_t dim;
    double share[2]; /* of the variance, of x and of y */
};

#define STG_EMBEDDING_CALLS 200
/* Whether the model is a net, or made of nets. */
bool stg_embedding_has(const struct stg_model *m);
/* Of the calls with a count above 0, (calls of the vocabulary), the STG_EMBEDDING_CALLS most frequent ones. Where the
 * net reads symbols instead of names, a call is the mean of its symbols that are no exit, or of all where there are
 * none. Of an ensemble: its first member's. STG_ERR_USAGE for a model that has none. */
enum stg_status stg_embedding_of(struct stg_embedding *out, const struct stg_model *m,
                                 const uint64_t *count) STG_MUST_USE;
void stg_embedding_fini(struct stg_embedding *e);

#endif
