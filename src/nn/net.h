/* Net: one interface for the neural language models. A net reads rows of numbers, not system calls: a row has n_tables
 * categorical fields, each with an embedding table, and n_waves scalar fields, each shown as sinusoids (Vaswani et al.
 * 2017, section 3.5, with base 1e6 as published in arXiv 2309.02206); what they become is linear, then a softmax over
 * the outputs.
 *
 * Work is split over sequences: each thread runs its own part of a batch, without padding and without a barrier inside
 * a pass. Gradients of the parts are added in a fixed order: results depend on the number of threads only.
 *
 * Adding a net = one file with a struct stg_net_ops (nn/net_internal.h) and one line at the end of this file. */
#ifndef STG_NN_NET_H
#define STG_NN_NET_H

#include "base/pool.h"
#include "base/rng.h"
#include "compute/product.h"
#include "nn/params.h"

#include <stdbool.h>

#define STG_NET_MAX_TABLES   8
#define STG_NET_MAX_WAVES    8
#define STG_NET_MAX_WAVE_DIM 64
#define STG_NET_MAX_LAYERS   16
#define STG_NET_MAX_GLOBAL   16

enum stg_activation { STG_ACTIVATION_RELU, STG_ACTIVATION_GELU, STG_ACTIVATION_SWIGLU };

/* Where layer norm stands: after the residual sum (published), before the sublayer (Xiong et al. 2020), or nowhere,
 * with the initial values of T-Fixup instead (Huang et al. 2020). */
enum stg_norm { STG_NORM_POST, STG_NORM_PRE, STG_NORM_NONE };

/* Sizes and options; a net ignores what is not for it and refuses what it cannot do. */
struct stg_net_shape {
    size_t n_tables;
    size_t table_rows[STG_NET_MAX_TABLES]; /* ids of each field */
    size_t table_dim[STG_NET_MAX_TABLES];  /* width of its embedding */
    size_t n_waves, wave_dim;              /* scalar fields and the even number of sinusoids of each */
    size_t layers, hidden, outputs; /* L, H, V. Attention nets: H is the width of a row (d); the input is projected to
                                     * it when its own width differs */
    enum stg_precision precision;   /* of products' operands; sums, weights and their gradients are always float */
    float dropout;                  /* LSTM: between layers; attention nets: on what a sublayer adds */

    /* Attention nets */
    size_t heads, ff; /* heads divide H; ff: width inside the feed-forward sublayer */
    enum stg_activation activation;
    enum stg_norm norm;
    size_t
        window[STG_NET_MAX_LAYERS]; /* row t attends to rows t − j · dilation, j < window: itself and those before it */
    size_t dilation[STG_NET_MAX_LAYERS]; /* at least 1 */
    size_t n_global;                     /* leading rows that every later row attends to; 0: none */
    bool recompute; /* backward computes each layer's activations again instead of keeping them: a third more work,
                     * memory for one layer instead of all. A choice of the moment: it changes no result and is not
                     * saved. */
};

/* What a teacher says of each row of a sequence (soft targets; compute/kernels.h, soft_cross_entropy). */
struct stg_net_soft {
    const float *log_p;        /* (T − first,V) ln p of every output, finite; NULL: no teacher */
    size_t first;              /* the row that log_p begins with: those before it have no target */
    float weight, temperature; /* share of the objective, 0 … 1; of the comparison, above 0 */
};

/* One sequence. Row t predicts target[t]; a target of STG_NET_UNSCORED is not predicted (context). */
#define STG_NET_UNSCORED UINT32_MAX
struct stg_net_sequence {
    size_t n;                 /* rows, T */
    const uint32_t *ids;      /* (T, n_tables), each below table_rows */
    const double *scalars;    /* (T, n_waves); may be NULL without waves */
    const uint32_t *target;   /* (T), each below V or STG_NET_UNSCORED */
    struct stg_net_soft soft; /* read in passes; zeroed: none */
};

struct stg_net;
struct stg_net_ops;

enum stg_status stg_net_new(struct stg_net **out, const struct stg_net_ops *ops, const struct stg_net_shape *shape,
                            bool training) STG_MUST_USE;
void stg_net_free(struct stg_net *m);
void stg_net_init(struct stg_net *m, struct stg_rng *rng); /* random initial values */
struct stg_params *stg_net_params(struct stg_net *m);
const struct stg_net_shape *stg_net_shape(const struct stg_net *m);
/* To be called after values changed and before the next pass, score or step: packs them anew. */
enum stg_status stg_net_updated(struct stg_net *m) STG_MUST_USE;

struct stg_net_loss {
    double loss, objective; /* summed over scored rows, nats; objective with label smoothing and soft targets */
    uint64_t n, n_correct;  /* scored rows; those whose likeliest output was the target */
};

/* Gradients of objective / n_scored into params->gradient (stored, not added); backward false: loss only, without
 * dropout. */
enum stg_status stg_net_pass(struct stg_net *m, const struct stg_net_sequence *sequences, size_t n,
                             double label_smoothing, uint64_t dropout_seed, bool backward, struct stg_pool *pool,
                             struct stg_net_loss *out) STG_MUST_USE;

/* Working memory of one thread. */
struct stg_net_work;
enum stg_status stg_net_work_new(const struct stg_net *m, struct stg_net_work **out) STG_MUST_USE;
void stg_net_work_free(struct stg_net_work *w);
/* surprisal[i] (n_i): −ln p(target) per row, 0 where unscored. Bounded memory whatever the lengths. */
enum stg_status stg_net_score(const struct stg_net *m, struct stg_net_work *w, const struct stg_net_sequence *sequences,
                              size_t n, float *const *surprisal) STG_MUST_USE;

/* log_p[i] (n_i,V): ln p of every output per row, whatever the target. */
enum stg_status stg_net_distributions(const struct stg_net *m, struct stg_net_work *w,
                                      const struct stg_net_sequence *sequences, size_t n,
                                      float *const *log_p) STG_MUST_USE;

/* State of a stream: what the rows so far have left behind, in memory of bounded size that the caller owns. Zeroed
 * memory is the state before the first row; reset brings a used one back to it. */
size_t stg_net_state_size(const struct stg_net *m); /* floats */
void stg_net_state_reset(const struct stg_net *m, float *state);
/* Memory for the states of n streams before their first rows: state i begins at *memory + i · *stride floats. The
 * caller frees *memory with stg_mem_free(). Small states stand side by side in large pages (stg_mem_aligned), as those
 * of many streams are in no cache and a step would wait for translations of addresses; one of STG_NET_LARGE_STATE bytes
 * or more, a Transformer's of thousands of rows, takes memory as far as it is used. */
#define STG_NET_LARGE_STATE (1 << 20)
enum stg_status stg_net_states_new(const struct stg_net *m, size_t n, float **memory, size_t *stride) STG_MUST_USE;
/* A stream gives the surprisals of a batch (stg_net_score): an LSTM's to the bit, in float and in bf16; an attention
 * net's within 1e-4 nats in float, as its sums are made in another order, and 0.05 in bf16, where a stream keeps its
 * keys and values rounded: half the memory, and half of what a step reads. Those in bf16 differ from those in float, of
 * the same weights, by less than this (nats, any one row of the tests' nets; trained nets: docs/measurements.md). */
#define STG_NET_BF16_TOLERANCE 0.1
/* Feeds row i (ids (n, n_tables), scalars (n, n_waves)) to states[i], n of them together. */
enum stg_status stg_net_step(const struct stg_net *m, struct stg_net_work *w, float *const *states, size_t n,
                             const uint32_t *ids, const double *scalars) STG_MUST_USE;
/* Attention nets: heads in all layers, 0 for other nets. */
size_t stg_net_heads(const struct stg_net *m);
/* stg_net_step() of one stream that also tells what the row looks at: weights (layers, heads, rows so far + 1), each
 * head's sum to 1, 0 for rows that it does not see. STG_ERR_INTERNAL for a net without heads. */
enum stg_status stg_net_step_watched(const struct stg_net *m, struct stg_net_work *w, float *state, const uint32_t *ids,
                                     const double *scalars, float *weights) STG_MUST_USE;
/* log_p (n,V): ln of the probability of every output, from the states as they are. */
enum stg_status stg_net_predict(const struct stg_net *m, struct stg_net_work *w, const float *const *states, size_t n,
                                float *log_p) STG_MUST_USE;

extern const struct stg_net_ops stg_net_lstm; /* nn/lstm.c */
extern const struct stg_net_ops
    stg_net_transformer; /* nn/transformer.c; with windows and global rows it is a Longformer */

#endif
