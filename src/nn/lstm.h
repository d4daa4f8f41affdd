/* LSTM language model: embeddings and sinusoids in, layers of LSTM (Hochreiter and Schmidhuber 1997), linear head, softmax.
 *
 * It knows rows of numbers, not system calls: a row has n_tables categorical fields, each with an embedding table, and n_waves
 * scalar fields, each shown as sinusoids (Vaswani et al. 2017, section 3.5, with base 1e6 as published in arXiv 2309.02206).
 * Parameters and equations are PyTorch's (gates i, f, g, o; two biases a layer), so that fixtures from there compare.
 *
 * Work is split over sequences: each thread runs its own part of a batch, packed by length, so there is no padding and no
 * barrier inside a pass. Gradients of the parts are added in a fixed order: results depend on the number of threads only. */
#ifndef STG_NN_LSTM_H
#define STG_NN_LSTM_H

#include "base/pool.h"
#include "base/rng.h"
#include "nn/params.h"

#include <stdbool.h>

#define STG_LSTM_MAX_TABLES 8
#define STG_LSTM_MAX_WAVES 8
#define STG_LSTM_MAX_LAYERS 8

struct stg_lstm_shape {
    size_t n_tables;
    size_t table_rows[STG_LSTM_MAX_TABLES]; /* ids of each field */
    size_t table_dim[STG_LSTM_MAX_TABLES];  /* width of its embedding */
    size_t n_waves, wave_dim;               /* scalar fields and the even number of sinusoids of each */
    size_t layers, hidden, outputs;         /* L, H, V */
    float dropout;                          /* between layers */
};

/* One sequence. Row t predicts target[t]; a target of STG_LSTM_UNSCORED is not predicted (context). */
#define STG_LSTM_UNSCORED UINT32_MAX
struct stg_lstm_sequence {
    size_t n;              /* rows, T */
    const uint32_t *ids;   /* (T, n_tables), each below table_rows */
    const double *scalars; /* (T, n_waves); may be NULL without waves */
    const uint32_t *target; /* (T), each below V or STG_LSTM_UNSCORED */
};

struct stg_lstm;

enum stg_status stg_lstm_new(struct stg_lstm **out, const struct stg_lstm_shape *shape, bool training) STG_MUST_USE;
void stg_lstm_free(struct stg_lstm *m);
/* PyTorch's initial values: LSTM and head uniform in ±1/√H, embeddings normal. */
void stg_lstm_init(struct stg_lstm *m, struct stg_rng *rng);
struct stg_params *stg_lstm_params(struct stg_lstm *m);
const struct stg_lstm_shape *stg_lstm_shape(const struct stg_lstm *m);
/* To be called after values changed and before the next pass, score or step: packs them anew. */
enum stg_status stg_lstm_updated(struct stg_lstm *m) STG_MUST_USE;

struct stg_lstm_loss {
    double loss, objective; /* summed over scored rows, nats; objective with label smoothing */
    uint64_t n, n_correct;  /* scored rows; those whose likeliest output was the target */
};

/* Gradients of objective / n_scored into params->gradient (stored, not added); backward false: loss only, without dropout.
 * Sequences longer than 2,048 rows are cut for the backward pass (truncated BPTT, Williams and Peng 1990); the state goes on. */
enum stg_status stg_lstm_pass(struct stg_lstm *m, const struct stg_lstm_sequence *sequences, size_t n, double label_smoothing,
                              uint64_t dropout_seed, bool backward, struct stg_pool *pool, struct stg_lstm_loss *out) STG_MUST_USE;

/* Working memory of one scoring thread. */
struct stg_lstm_run;
enum stg_status stg_lstm_run_new(const struct stg_lstm *m, struct stg_lstm_run **out) STG_MUST_USE;
void stg_lstm_run_free(struct stg_lstm_run *r);
/* surprisal[i] (n_i): −ln p(target) per row, 0 where unscored. Bounded memory whatever the lengths. */
enum stg_status stg_lstm_score(const struct stg_lstm *m, struct stg_lstm_run *r, const struct stg_lstm_sequence *sequences, size_t n,
                               float *const *surprisal) STG_MUST_USE;

/* State of a stream: h and c of every layer, (L,H) each. */
size_t stg_lstm_state_size(const struct stg_lstm *m); /* floats: 2 L H */
/* Feeds row i (ids (n, n_tables), scalars (n, n_waves)) to states[i], n of them together. */
enum stg_status stg_lstm_step(const struct stg_lstm *m, struct stg_lstm_run *r, float *const *states, size_t n, const uint32_t *ids,
                              const double *scalars) STG_MUST_USE;
/* log_p (n,V): ln of the probability of every output, from the states as they are. */
enum stg_status stg_lstm_predict(const struct stg_lstm *m, struct stg_lstm_run *r, const float *const *states, size_t n,
                                 float *log_p) STG_MUST_USE;

#endif
