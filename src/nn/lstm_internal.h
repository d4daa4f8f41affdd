/* The parts of the LSTM engine. Rows of a batch are packed in time order: at step t the first width[t] sequences (longest first)
 * are running, and row (t, j) stands at start[t] + j. */
#ifndef STG_NN_LSTM_INTERNAL_H
#define STG_NN_LSTM_INTERNAL_H

#include "nn/lstm.h"

#include "compute/kernels.h"

enum { STG_LSTM_BPTT = 2048, STG_LSTM_MAX_WAVE_DIM = 64 };

struct stg_lstm {
    struct stg_lstm_shape shape;
    struct stg_params params;
    size_t input;                              /* I: width of the input row */
    double wave_scale[STG_LSTM_MAX_WAVE_DIM / 2]; /* 1 / base^(2i/dim) */
    size_t p_table[STG_LSTM_MAX_TABLES];       /* indices into params */
    struct {
        size_t w_input, w_hidden, b_input, b_hidden; /* (I,4H) (H,4H) (4H) (4H) */
        size_t inputs;                               /* I of this layer */
        float *packed_input, *packed_hidden, *packed_hidden_t; /* panels; owned */
        float *bias;                                           /* (4H) sum of both; owned */
    } layer[STG_LSTM_MAX_LAYERS];
    size_t p_head_weight, p_head_bias; /* (H,V) (V) */
    float *packed_head;                /* owned */
    struct stg_lstm_work **work;       /* (n_work) of the parts of a pass; owned */
    size_t n_work;
};

/* A segment of a batch: rows from `first` on, at most max_steps, of sequences ordered by length. */
struct stg_lstm_pack {
    size_t n_rows, n_steps, n_sequences;
    size_t *start, *width;  /* (n_steps) */
    uint32_t *order;        /* (n_sequences) index of the j-th longest */
    size_t cap_steps, cap_sequences;
};
/* order is by length, longest first, ties by index. */
enum stg_status stg_lstm_pack_order(struct stg_lstm_pack *p, const struct stg_lstm_sequence *sequences, size_t n) STG_MUST_USE;
/* Lays out rows first … first + max_steps − 1; n_rows 0 when no sequence is that long. */
enum stg_status stg_lstm_pack_segment(struct stg_lstm_pack *p, const struct stg_lstm_sequence *sequences, size_t first,
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
    struct stg_lstm_pack pack;
    float *x;                                             /* (N,I) */
    struct stg_lstm_activations layer[STG_LSTM_MAX_LAYERS];
    float *dropped;                                       /* (L−1,N,H): the input of layers 1 …, after dropout */
    float *dh, *dx;                                       /* (N,H) (N,max(I,H)) */
    float *previous;                                      /* (N,H) h of the step before, for the weight gradient */
    float *logits;                                        /* (HEAD_ROWS,V) */
    float *gradient;                                      /* like params; owned */
    float *h0, *c0;                                       /* (L,B,H) state that a segment begins with, in pack order */
    float *h1, *c1;                                       /* (L,B,H) state after it */
    float *dc, *dh_next;                                  /* (B,H) */
    size_t cap_rows, cap_sequences;
    bool backward;
};
enum { STG_LSTM_HEAD_ROWS = 1024 };
enum stg_status stg_lstm_work_reserve(const struct stg_lstm *m, struct stg_lstm_work *w, size_t n_rows, size_t n_sequences,
                                      bool backward) STG_MUST_USE;
void stg_lstm_work_free(struct stg_lstm_work *w);

/* Input rows and their gradient, for the packed segment. */
void stg_lstm_input_forward(const struct stg_lstm *m, float *x, const struct stg_lstm_pack *p,
                            const struct stg_lstm_sequence *sequences, size_t first);
void stg_lstm_input_backward(const struct stg_lstm *m, float *gradient, const float *dx, const struct stg_lstm_pack *p,
                             const struct stg_lstm_sequence *sequences, size_t first);
void stg_lstm_input_row(const struct stg_lstm *m, float *x, const uint32_t *ids, const double *scalars);

/* One layer over the segment: a is filled from x (N,I). h0, c0 (B,H) are the state before and receive the state after. */
void stg_lstm_layer_forward(const struct stg_lstm *m, size_t l, const struct stg_lstm_activations *a, const float *x,
                            const struct stg_lstm_pack *p, float *h0, float *c0);
/* dh (N,H) from above; gradients are added into gradient; dx (N,I) is written. h0, c0: the state before. */
void stg_lstm_layer_backward(const struct stg_lstm *m, size_t l, struct stg_lstm_work *w, float *dx, const float *dh, const float *x,
                             const float *h0, const float *c0);

#endif
