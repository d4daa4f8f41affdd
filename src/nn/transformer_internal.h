/* The parts of the attention nets. A group is a run of packed rows (N,d): the rows of several whole sequences, the next
 * rows of several streams, or a piece of one long sequence; each of them is a span. Products run over all rows of a
 * group, attention span by span, so nothing is padded and no memory grows with the square of a length. */
#ifndef STG_NN_TRANSFORMER_INTERNAL_H
#define STG_NN_TRANSFORMER_INTERNAL_H

#include "nn/first_layer.h"
#include "nn/net_internal.h"

/* The two sublayers of a layer, in order. */
enum { STG_SUBLAYER_ATTENTION, STG_SUBLAYER_FF, STG_SUBLAYERS };

/* Gain and bias of a layer norm, (d) each: indices into params. */
struct stg_transformer_norm {
    size_t gain, bias;
};

struct stg_transformer_layer {
    struct stg_linear qkv, out; /* (d,3d): queries, keys, values side by side; (d,d) */
    struct stg_linear
        global; /* (d,3d): those of the global rows, which see each other only; without them not declared */
    struct stg_linear ff_in;  /* (d,f), or (d,2f) for SwiGLU: gate, value */
    struct stg_linear ff_out; /* (f,d) */
    struct stg_transformer_norm norm[STG_SUBLAYERS];
    size_t ring; /* rows of a stream that a new one may look back on, itself included, beside the global ones */
};

struct stg_transformer {
    struct stg_net net;
    bool projects;             /* the input row is not d wide */
    struct stg_linear project; /* (I,d), if it projects */
    /* What reads the input row by tables: the projection, or queries, keys and values of the first layer unless that is
     * normed before. */
    struct stg_first_layer first;
    struct stg_transformer_layer layer[STG_NET_MAX_LAYERS];
    struct stg_transformer_norm norm; /* before the head; none without norms */
};

/* A stream: 16 floats that hold the number of rows so far, then what the head reads (d), then for each layer the cache
 * of keys and values (n_global + ring, 2d) and that of the global rows' own ones (n_global, 2d), in bf16 where products
 * are. All zero before the first row. */
enum { STG_STREAM_HEADER = 16 };
static inline float *stg_stream_top(float *state)
{
    return state + STG_STREAM_HEADER;
}
uint64_t stg_stream_count(const float *state);

struct stg_transformer_span {
    size_t at, n;           /* rows at … at + n − 1 of the group */
    size_t past;            /* rows of the sequence before them */
    size_t global_at;       /* its first n_global rows' place among the group's global rows */
    size_t n_global;        /* how many of these rows are global */
    size_t sequence, first; /* rows first … of that sequence of the batch; of no meaning for streams that are stepped */
    float *state;           /* where the past is kept; NULL: the span is a whole sequence */
};

/* Activations of one layer over a group of N rows, of which G are global. Where no backward reads them, R =
 * STG_LINEAR_ROWS rows of some are enough, those at hand: row i is at i % R. Else R = N. */
struct stg_transformer_activations {
    float *aux[STG_SUBLAYERS];  /* post-norm (R,d): what is normed; pre-norm (N,d): the normed input; without norms
                                   unused */
    float *mean[STG_SUBLAYERS]; /* (N) of the norm */
    float *rstd[STG_SUBLAYERS]; /* (N) */
    float *middle;              /* (R,d) what the first sublayer gives the second */
    float *qkv;                 /* (N,3d) */
    float *attended;            /* (N,d) */
    float *lse;                 /* (heads,n) span after span */
    float *global_in;           /* (G,d) */
    float *global_qkv;          /* (G,3d) */
    float *global_lse;          /* (heads,n_global) span after span */
    float *wide;                /* (R,f) or (R,2f) before the activation; in backward its gradient */
    float *act;                 /* (R,f) */
};

struct stg_transformer_work {
    struct stg_net_work base;
    float *arena; /* all that follows up to scratch; owned */
    size_t arena_size;
    float *input;                     /* (N,I) if it projects, else x[0] */
    float *x[STG_NET_MAX_LAYERS + 1]; /* (N,d) input of each layer, then the last one's output */
    float *top;                       /* (N,d) what the head reads */
    float *mean, *rstd;               /* (N) of the last norm */
    struct stg_transformer_activations
        layer[STG_NET_MAX_LAYERS];                /* all the same memory unless backward needs every one */
    float *dy, *du;                               /* (N,d) gradients: of a sublayer's output, of what it reads */
    float *df;                                    /* (STG_LINEAR_BACKWARD_ROWS,d) … of its function, where it drops */
    float *d_wide;                                /* (N,3d) or, some rows at a time, (STG_LINEAR_BACKWARD_ROWS,f) */
    float *d_global, *d_global_qkv, *d_global_in; /* (G,d) (G,3d) (G,d) */
    float *d_input;                               /* (N,I) if it projects */
    float *keys;                                  /* (n_global + ring − 1 + N, 2d) of a piece, past too, or (1, 2d) */
    float *scratch;                               /* of the attention kernels */
    bool rounded; /* attention in bf16: in training only, so that a stream's surprisals equal those of a batch */
    struct stg_net_goal *goals; /* (cap_goals) owned */
    size_t cap_goals;
    uint32_t *ids; /* (N,n_tables) of the input rows, where they are looked up; owned */
    size_t cap_ids;
    struct stg_first_layer_sums first;
    struct stg_transformer_span *spans; /* (n_spans) of the group; owned */
    size_t n_spans, cap_spans, n_rows, n_global;
    size_t near_rows; /* R of the activations */
    float *state;     /* of the long sequence that is being cut; owned; NULL before there was one */
    float *watched;   /* where a step of one stream writes what its row looks at (stg_net_step_watched); NULL: nowhere.
                         Borrowed */
};

/* Places the group's arrays in the arena: for n_rows rows of which n_global are global. pieces: spans have a past. */
enum stg_status stg_transformer_reserve(const struct stg_transformer *m, struct stg_transformer_work *w, bool backward,
                                        bool pieces) STG_MUST_USE;
void stg_transformer_work_fini(struct stg_net_work *w);

/* The attention kernel's view of a span of layer l: T keys, of which the first T − n are past. */
struct stg_attention stg_transformer_view(const struct stg_transformer *m, size_t l, size_t T, size_t first_query);

/* From qkv of layer l to attended, over w's group; in (N,d) is what qkv was made from. */
void stg_transformer_attention_forward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w,
                                       const float *in);
/* to (n,d) = the feed-forward sublayer's function at in (n,d): rows from … from + n − 1 of the group, at most
 * STG_LINEAR_ROWS, and from is a multiple of these. */
void stg_transformer_ff_forward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w, float *to,
                                const float *in, size_t from, size_t n);
/* w->du (N,d), the gradient of attended, becomes that of in (N,d); parameters' gradients are added. For whole
 * sequences. */
void stg_transformer_attention_backward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w,
                                        const float *in);
/* du (n,d) from df (n,d), for the rows of forward, but at most STG_LINEAR_BACKWARD_ROWS; parameters' gradients are
 * added. */
void stg_transformer_ff_backward(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w, float *du,
                                 const float *df, const float *in, size_t from, size_t n);
/* Asks for a stream's keys and values of layer l, before its turn: those of many streams are in no cache, and memory
 * answers many questions at once better than one after another. */
void stg_transformer_fetch_stream(const struct stg_transformer *m, size_t l, const struct stg_transformer_span *span);
/* Attention of one span with a past; its keys and values are kept for what comes. */
void stg_transformer_attend_stream(const struct stg_transformer *m, size_t l, struct stg_transformer_work *w,
                                   const struct stg_transformer_span *span);

/* Where dropout of this run of rows takes its masks from; p 0: no dropout. */
struct stg_transformer_drop {
    uint64_t seed;
    size_t part, run;
    float p;
};
/* All layers from w->x[0] to w->top, and back: from dy, the gradient of top, to that of x[0], which replaces it. */
void stg_transformer_forward(const struct stg_transformer *m, struct stg_transformer_work *w,
                             const struct stg_transformer_drop *drop);
void stg_transformer_backward(const struct stg_transformer *m, struct stg_transformer_work *w,
                              const struct stg_transformer_drop *drop);
/* Row i of the group's input, once there is room for the group (stg_transformer_reserve). scalars may be NULL without
 * waves. */
void stg_transformer_put_row(const struct stg_transformer *m, struct stg_transformer_work *w, size_t i,
                             const uint32_t *ids, const double *scalars);
/* All input rows are put: fills x[0]. */
void stg_transformer_project(const struct stg_transformer *m, struct stg_transformer_work *w);
/* Of the rows of the group, dy (N,O) that of what the first layer by tables gives, adds its gradients. */
void stg_transformer_first_backward(const struct stg_transformer *m, struct stg_transformer_work *w, const float *dy);
/* Whether the first layer by tables makes the queries, keys and values of layer l. */
bool stg_transformer_looks_up(const struct stg_transformer *m, size_t l);

/* The net's operations (transformer_pass.c, transformer_stream.c). */
enum stg_status stg_transformer_part(const struct stg_net *net, struct stg_net_work *work,
                                     const struct stg_net_pass *pass, size_t i_part,
                                     const struct stg_net_sequence *sequences, size_t n,
                                     struct stg_net_loss *loss) STG_MUST_USE;
enum stg_status stg_transformer_score(const struct stg_net *net, struct stg_net_work *work,
                                      const struct stg_net_sequence *sequences, size_t n, float *const *to,
                                      bool all) STG_MUST_USE;
size_t stg_transformer_state_size(const struct stg_net *net);
void stg_transformer_state_reset(const struct stg_net *net, float *state);
enum stg_status stg_transformer_step(const struct stg_net *net, struct stg_net_work *work, float *const *states,
                                     size_t n, const uint32_t *ids, const double *scalars) STG_MUST_USE;
enum stg_status stg_transformer_step_watched(const struct stg_net *net, struct stg_net_work *work, float *state,
                                             const uint32_t *ids, const double *scalars, float *weights) STG_MUST_USE;
void stg_transformer_top(const struct stg_net *net, float *h, const float *const *states, size_t n);
/* Counts the group's rows as past ones of their streams. */
void stg_transformer_advance(const struct stg_transformer_work *w);

#endif
