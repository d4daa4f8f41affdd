/* The parts of the LSTM. Rows of a batch are packed in time order: at step t the first width[t] sequences (longest
 * first) are running, and row (t, j) stands at start[t] + j. */
#ifndef STG_NN_LSTM_INTERNAL_H
#define STG_NN_LSTM_INTERNAL_H

#include "nn/first_layer.h"
#include "nn/net_internal.h"

/* Rows that the products of a training work on at once: as many as stay in the third cache, and whole tiles of a
 * gradient of weights. */
enum { STG_LSTM_CHUNK = 384 };

/* Sequences longer than this are cut for the backward pass (truncated BPTT, Williams and Peng 1990); the state goes
 * on. */
enum { STG_LSTM_BPTT = 2048 };

struct stg_lstm {
    struct stg_net net;
    struct stg_lstm_layer {
        size_t w_input, w_hidden, b_input, b_hidden; /* (I,4H) (H,4H) (4H) (4H) */
        size_t inputs;                               /* I of this layer */
        struct stg_product input, hidden;            /* packed w_input, w_hidden; owned */
        float *bias;                                 /* (4H) sum of both; owned */
    } layer[STG_NET_MAX_LAYERS];
    struct stg_first_layer first; /* the first one's input, by tables */
};

/* A segment of a batch: rows from `first` on, at most max_steps, of sequences ordered by length. */
struct stg_lstm_pack {
    size_t n_rows, n_steps, n_sequences;
    size_t *start, *width; /* (n_steps) */
    uint32_t *order;       /* (n_sequences) index of the j-th longest */
    size_t cap_steps, cap_sequences;
};
/* order is by length, longest first, ties by index. */
enum stg_status stg_lstm_pack_order(struct stg_lstm_pack *p, const struct stg_net_sequence *sequences,
                                    size_t n) STG_MUST_USE;
/* Lays out rows first … first + max_steps − 1; n_rows 0 when no sequence is that long. */
enum stg_status stg_lstm_pack_segment(struct stg_lstm_pack *p, const struct stg_net_sequence *sequences, size_t first,
                                      size_t max_steps) STG_MUST_USE;
void stg_lstm_pack_fini(struct stg_lstm_pack *p);

/* Activations of one layer over a segment. */
struct stg_lstm_activations {
    float *gates; /* (N,4H) activations; in backward the gradient of the pre-activations */
    float *c;     /* (N,H) */
    float *h;     /* (N,H) */
};

/* All that one part of a pass, or one scoring thread, works on. Grown on demand, reused. */
struct stg_lstm_work {
    struct stg_net_work base;
    struct stg_lstm_pack pack;
    float *x; /* (N,I) */
    struct stg_lstm_activations layer[STG_NET_MAX_LAYERS];
    float *d;     /* (N,max(I,H)) gradient of a layer's h, then of its input */
    float *chunk; /* (CHUNK,H) rows that are made again when they are read */
    struct stg_first_layer_sums first;
    float *h0, *c0;      /* (L,B,H) state that a segment begins with, in pack order */
    float *h1, *c1;      /* (L,B,H) state after it */
    float *dc, *dh_next; /* (B,H) */
    size_t cap_rows, cap_sequences;
    bool backward;
};
enum stg_status stg_lstm_work_reserve(const struct stg_lstm *m, struct stg_lstm_work *w, size_t n_rows,
                                      size_t n_sequences, bool backward) STG_MUST_USE;
void stg_lstm_work_fini(struct stg_net_work *w);

/* Input rows of the packed segment into w->x (N,I), and what they add to the first layer's gates where that is looked
 * up; returns what the first layer reads: NULL then, else the rows. first: of the sequences. */
const float *stg_lstm_input_forward(const struct stg_lstm *m, struct stg_lstm_work *w,
                                    const struct stg_net_sequence *sequences, size_t first);

/* What a layer of a training reads: rows of the input or of the layer below, after dropout, which is made when they are
 * read. */
struct stg_lstm_input {
    const float *x; /* (N,I) before dropout */
    float dropout;  /* 0: none */
    uint64_t key;   /* of its mask */
};
/* a->gates = what the input adds, row by row as it is dropped. */
void stg_lstm_layer_input(const struct stg_lstm *m, size_t l, struct stg_lstm_work *w, const struct stg_lstm_input *in);

/* One layer over the segment: a is filled from x (N,I), or where x is NULL from a->gates, which hold what the input
 * adds. h0, c0 (B,H) are the state before and receive the state after. */
void stg_lstm_layer_forward(const struct stg_lstm *m, size_t l, const struct stg_lstm_activations *a, const float *x,
                            const struct stg_lstm_pack *p, float *h0, float *c0);
/* w->d from the gradient of h (N,H) to that of the input (N,I) before dropout; gradients of weights are added into w's.
 * h0, c0: the state before. */
void stg_lstm_layer_backward(const struct stg_lstm *m, size_t l, struct stg_lstm_work *w,
                             const struct stg_lstm_input *in, const float *h0, const float *c0);

/* The net's operations. */
enum stg_status stg_lstm_part(const struct stg_net *net, struct stg_net_work *work, const struct stg_net_pass *pass,
                              size_t i_part, const struct stg_net_sequence *sequences, size_t n,
                              struct stg_net_loss *loss) STG_MUST_USE;
enum stg_status stg_lstm_score(const struct stg_net *net, struct stg_net_work *work,
                               const struct stg_net_sequence *sequences, size_t n, float *const *to,
                               bool all) STG_MUST_USE;
size_t stg_lstm_state_size(const struct stg_net *net); /* h and c of every layer, (L,H) each: 2 L H */
void stg_lstm_state_reset(const struct stg_net *net, float *state);
enum stg_status stg_lstm_step(const struct stg_net *net, struct stg_net_work *work, float *const *states, size_t n,
                              const uint32_t *ids, const double *scalars) STG_MUST_USE;
void stg_lstm_top(const struct stg_net *net, float *h, const float *const *states, size_t n);

#endif
