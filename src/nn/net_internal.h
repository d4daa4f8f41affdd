/* What an implementation of a net begins with, and the parts that all of them share. */
#ifndef STG_NN_NET_INTERNAL_H
#define STG_NN_NET_INTERNAL_H

#include "nn/linear.h"
#include "nn/net.h"

#include "compute/kernels.h"

/* Every net's struct begins with this. */
struct stg_net {
    const struct stg_net_ops *ops;
    struct stg_net_shape shape;
    struct stg_params params;
    size_t input;                                /* I: width of the input row */
    double wave_scale[STG_NET_MAX_WAVE_DIM / 2]; /* 1 / base^(2i/dim) */
    size_t p_table[STG_NET_MAX_TABLES];          /* indices into params */
    struct stg_linear head;                      /* (H,V) */
    struct stg_net_work **work;                  /* (n_work) of the parts of a pass; owned */
    size_t n_work;
};

/* Every net's working memory begins with this: that of one part of a pass, or of one scoring thread. */
struct stg_net_work {
    const struct stg_net_ops *ops;
    float *logits;   /* (HEAD_ROWS,max(V,H)); owned */
    float *gradient; /* like params; owned; NULL without backward */
};
enum { STG_NET_HEAD_ROWS = 1024 };

/* What is the same for every part of a pass. */
struct stg_net_pass {
    double smoothing;
    float scale; /* 1 / scored rows of the batch */
    uint64_t seed;
    bool backward;
};

struct stg_net_ops {
    const char *name;                                                         /* in messages */
    size_t size;                                                              /* of the net's struct */
    size_t work_size;                                                         /* of its working memory's */
    enum stg_status (*check)(const struct stg_net_shape *shape) STG_MUST_USE; /* beyond what all nets share */
    enum stg_status (*declare)(struct stg_net *m) STG_MUST_USE; /* parameters between embeddings and head */
    enum stg_status (*alloc)(struct stg_net *m) STG_MUST_USE;   /* packed copies */
    void (*fini)(struct stg_net *m);
    void (*init)(struct stg_net *m, struct stg_rng *rng);
    void (*updated)(struct stg_net *m);
    void (*work_fini)(struct stg_net_work *w);
    /* One part of a pass: adds to *loss, and in backward to w->gradient, which is zero before. n may be 0. */
    enum stg_status (*part)(const struct stg_net *m, struct stg_net_work *w, const struct stg_net_pass *pass,
                            size_t i_part, const struct stg_net_sequence *sequences, size_t n,
                            struct stg_net_loss *loss) STG_MUST_USE;
    /* to[i] is what stg_net_put_log_p() writes to. */
    enum stg_status (*score)(const struct stg_net *m, struct stg_net_work *w, const struct stg_net_sequence *sequences,
                             size_t n, float *const *to, bool all) STG_MUST_USE;
    size_t (*state_size)(const struct stg_net *m);
    void (*state_reset)(const struct stg_net *m, float *state);
    enum stg_status (*step)(const struct stg_net *m, struct stg_net_work *w, float *const *states, size_t n,
                            const uint32_t *ids, const double *scalars) STG_MUST_USE;
    /* stg_net_step_watched(); NULL for nets without attention. */
    enum stg_status (*step_watched)(const struct stg_net *m, struct stg_net_work *w, float *state, const uint32_t *ids,
                                    const double *scalars, float *weights) STG_MUST_USE;
    /* h (n,H): what the head reads in each state. */
    void (*top)(const struct stg_net *m, float *h, const float *const *states, size_t n);
};

/* Uniform in ±bound over parameter i. */
void stg_net_init_uniform(struct stg_net *m, size_t i, double bound, struct stg_rng *rng);
void stg_net_init_normal(struct stg_net *m, size_t i, double deviation, struct stg_rng *rng);

/* --- Input rows (net_input.c) --- */
/* x (I) from ids (n_tables), scalars (n_waves). */
void stg_net_input_row(const struct stg_net *m, float *x, const uint32_t *ids, const double *scalars);
/* The scalars of row t of a sequence; NULL without waves. */
const double *stg_net_scalars_of(const struct stg_net *m, const struct stg_net_sequence *s, size_t t);
/* Row t of a sequence. */
void stg_net_sequence_row(const struct stg_net *m, float *x, const struct stg_net_sequence *s, size_t t);
/* Adds dx (I) to the gradients of the embeddings that the row showed. */
void stg_net_input_row_backward(const struct stg_net *m, float *gradient, const float *dx, const uint32_t *ids);

/* What a row is to predict. */
struct stg_net_goal {
    uint32_t target;          /* or STG_NET_UNSCORED */
    struct stg_net_soft soft; /* log_p (V) of this row, or NULL */
};

/* --- Head (net_head.c): at most STG_NET_HEAD_ROWS rows a call --- */
/* Adds the losses of rows h (n,H) to *loss; in backward the head's gradients to w->gradient, and writes dh (n,H). */
void stg_net_head_pass(const struct stg_net *m, struct stg_net_work *w, const struct stg_net_pass *pass, float *dh,
                       const float *h, const struct stg_net_goal *goals, size_t n, struct stg_net_loss *loss);
/* log_p (n,V) of rows h (n,H). */
void stg_net_head_log_p(const struct stg_net *m, float *log_p, const float *h, size_t n);
/* What score says of a row whose ln p is log_p (V): all of them to row t of to (T,V), or the target's surprisal to
 * to[t], 0 without. */
void stg_net_put_log_p(float *to, size_t t, const float *log_p, size_t V, uint32_t target, bool all);
/* The goal of row t of s, in a net of V outputs. */
struct stg_net_goal stg_net_goal_of(const struct stg_net_sequence *s, size_t t, size_t V);

/* Dropout of (rows,H), which are rows first … of those that the key is for: the same for the same key, however they are
 * divided. */
void stg_net_drop(float *y, const float *x, size_t first, size_t rows, size_t H, uint64_t key, float p);
/* A key for one place of a net in one run of rows of one part. */
uint64_t stg_net_drop_key(uint64_t seed, size_t part, size_t run, size_t place);

/* Indices of the sequences by length, longest first, ties by index. */
enum stg_status stg_net_longest_first(uint32_t *order, const struct stg_net_sequence *sequences, size_t n) STG_MUST_USE;
enum stg_status stg_net_work_logits(const struct stg_net *m, struct stg_net_work *w) STG_MUST_USE;

#endif
