/* Model: one interface for everything that gives a next event a probability: STIDE, n-gram and the neural nets.
 *
 * A model is fitted on a corpus, then frozen. It scores walks (token/token.h) in batch, or steps one token at a time
 * with a state of bounded size; both give the same surprisals. Surprisal is −ln p in nats. Scoring is const and may run
 * on several threads, each with its own struct
 * stg_model_run. */
#ifndef STG_MODEL_MODEL_H
#define STG_MODEL_MODEL_H

#include "base/pool.h"
#include "base/progress.h"
#include "base/tensors.h"
#include "compute/product.h"
#include "model/pace.h"
#include "token/cut.h"
#include "token/token.h"
#include "token/vocab.h"

#include <jansson.h>

#define STG_MODEL_FORMAT  "model"
#define STG_MODEL_VERSION 9

struct stg_model;
struct stg_model_run;   /* working memory of one scoring thread; defined by each kind */
struct stg_model_state; /* what a stream of events has left behind; defined by each kind */
struct stg_params;      /* nn/params.h */

/* Side models: n-grams of what the model itself does not look at, fitted on the same data and scored beside it, so that
 * an unusual delay and an unusual descriptor have a surprisal of their own, whatever the kind of the model. They score
 * walks only: step() knows neither the walk's own thread nor events without a symbol. */
enum stg_side {
    STG_SIDE_TIME,  /* 5-gram of STG_FIELD_ELAPSED: the rhythm of each thread */
    STG_SIDE_STATE, /* unigram of STG_FIELD_DESCRIPTOR: standard ones, and how many the process has open, roughly */
    STG_SIDES,
};

/* One token of a stream. */
struct stg_model_token {
    uint8_t special; /* STG_TOKEN_START, STG_TOKEN_END, or 0 for an event */
    uint8_t phase;
    uint16_t call, proc;
    int32_t pid, tid;
    uint32_t order; /* position in its walk, START = 0 */
    int64_t ret, elapsed_ns;
};

/* Settings of a new model; a kind ignores what is not for it and refuses what it cannot do. */
struct stg_model_settings {
    const char *kind;                  /* "stide", "ngram", "lstm", "transformer", "longformer" */
    const char *preset;                /* NULL or "paper" */
    const struct stg_symbols *symbols; /* what is predicted, as a student predicts what its teacher does; NULL: fields
                                        * of the training data. Borrowed until stg_model_new() returns */
    unsigned fields;                   /* STG_FIELD_* that make up a symbol; 0 = the kind's default */
    uint32_t order;                    /* n of an n-gram, window of STIDE; 0 = default */
    const char *smoothing;             /* ngram: "kneser-ney" (default) or "paper" */
    uint32_t layers, hidden;           /* neural; 0 = default */
    double dropout;                    /* neural; < 0 = default */
    const char *precision;  /* neural: "f32" (default) or "bf16", of the products' operands; NULL = default */
    uint32_t heads, ff;     /* attention nets: heads, width inside the feed-forward sublayer; 0 = default */
    const char *activation; /* attention nets: "relu", "gelu", "swiglu"; NULL = default */
    const char *norm;       /* attention nets: "post", "pre", "none"; NULL = default */
    const char *window;     /* attention nets: rows attended to, "32" or one for each layer, "32,64"; NULL = default */
    const char *dilation;   /* attention nets: distance between them, as window */
    int32_t n_global;       /* attention nets: first rows that every row attends to; < 0 = default */
    bool recompute;         /* attention nets: less memory in training for more time */
    uint64_t seed;
};

void stg_model_settings_default(struct stg_model_settings *s);

/* Result of one pass of a gradient-trained model. */
struct stg_model_loss {
    double loss;        /* cross-entropy summed over tokens, nats, without label smoothing */
    double objective;   /* what was differentiated, summed over tokens: with label smoothing */
    uint64_t n_tokens;  /* scored tokens */
    uint64_t n_correct; /* of which the likeliest symbol was the right one */
};

/* Soft targets: what a teacher says of the scored tokens of the walks of a pass (Hinton, Vinyals, Dean 2015). A token's
 * objective is (1 − weight)·(label-smoothed cross-entropy) + weight·T²·KL(teacher ‖ student), both distributions at
 * temperature T. */
struct stg_model_soft {
    float *const *log_p; /* as stg_model_distributions() writes it */
    double weight, temperature;
};

/* Distillation: the model learns what another says of the training data beside the data itself. The student must have
 * the teacher's symbols. */
struct stg_teacher {
    const struct stg_model *model; /* borrowed; NULL: none */
    double weight, temperature;    /* share of the objective, or of what is counted, 0 … 1; above 0 */
};

/* For models trained by gradients. */
struct stg_model_gradient_ops {
    struct stg_params *(*params)(struct stg_model *m);
    /* Forward and backward over n walks: gradients of objective / (scored tokens of all n walks) are stored (not added)
     * in params. Deterministic for given walks, seed and number of threads. backward false: loss only, no dropout. soft
     * may be NULL: none. */
    enum stg_status (*pass)(struct stg_model *m, const struct stg_walk *walks, size_t n, double label_smoothing,
                            const struct stg_model_soft *soft, uint64_t dropout_seed, bool backward,
                            struct stg_pool *pool, struct stg_model_loss *out) STG_MUST_USE;
    /* Called after the optimiser has changed the parameters (packed copies are stale). */
    enum stg_status (*updated)(struct stg_model *m) STG_MUST_USE;
};

/* weights (heads, at + 1), borrowed for the call: column 0 is START, where the walk has one, column 1 + k row k; each
 * head's sum to 1. */
typedef enum stg_status stg_attention_visit(void *context, size_t at, const float *weights);

struct stg_model_ops {
    const char *kind;
    const char *summary; /* one line for help */
    unsigned columns;    /* STG_WALK_* that fit, score and pass read of a walk, beyond call, phase and ret */
    /* A new, unfitted model. recipe and vocab of the training data are copied into the base by stg_model_new() after
     * this. */
    enum stg_status (*create)(struct stg_model **out, const struct stg_model_settings *s) STG_MUST_USE;
    /* Called once with the training data: the model fixes its symbols and sizes; counted models fit completely. */
    enum stg_status (*fit)(struct stg_model *m, const struct stg_corpus *corpus, struct stg_pool *pool,
                           struct stg_progress *progress) STG_MUST_USE;
    /* Adds more known data to a fitted or loaded model: as if both had been fitted together, but with the symbols of
     * the first. NULL for a kind that cannot; calibration is stale afterwards. */
    enum stg_status (*update)(struct stg_model *m, const struct stg_corpus *corpus, struct stg_pool *pool,
                              struct stg_progress *progress) STG_MUST_USE;
    /* Instead of fit, on what a teacher says of the corpus beside the corpus itself. NULL for kinds that cannot, and
     * for those trained by gradients, which learn in passes. */
    enum stg_status (*learn)(struct stg_model *m, const struct stg_corpus *corpus, const struct stg_teacher *teacher,
                             struct stg_pool *pool, struct stg_progress *progress) STG_MUST_USE;
    const struct stg_model_gradient_ops *gradient; /* NULL for counted models */

    enum stg_status (*run_new)(const struct stg_model *m, struct stg_model_run **out) STG_MUST_USE;
    void (*run_free)(struct stg_model_run *r);
    /* surprisal[i] points at walks[i].n − n_context + end floats: rows after the context, then the end. */
    enum stg_status (*score)(const struct stg_model *m, struct stg_model_run *r, const struct stg_walk *walks, size_t n,
                             float *const *surprisal) STG_MUST_USE;

    enum stg_status (*state_new)(const struct stg_model *m,
                                 struct stg_model_state **out) STG_MUST_USE; /* nothing seen */
    void (*state_reset)(const struct stg_model *m, struct stg_model_state *s);
    void (*state_free)(struct stg_model_state *s);
    /* Feeds tokens[i] to states[i] (all different); surprisal[i] = that of the token given what the state had seen; 0
     * for START. */
    enum stg_status (*step)(const struct stg_model *m, struct stg_model_run *r, struct stg_model_state *const *states,
                            const struct stg_model_token *tokens, size_t n, float *surprisal) STG_MUST_USE;
    /* Ensembles; NULL for the others: what each member said in the last score() or step() of this run, (*n_members, *n)
     * surprisals, where a member's n stand as those of the whole: walk after walk, or stream after stream. Borrowed
     * until the next call. */
    const float *(*members)(const struct stg_model_run *r, size_t *n_members, size_t *n);
    /* log_p (symbols): ln of the probability of every next symbol, which sum to one. An ensemble's: the mean of its
     * members' ln p, normalised, which is above the surprisal's −ln p by the same amount for every symbol. */
    enum stg_status (*predict)(const struct stg_model *m, struct stg_model_run *r, const struct stg_model_state *s,
                               float *log_p) STG_MUST_USE;

    /* stg_model_distributions() for kinds that can do better than step by step; NULL otherwise. */
    enum stg_status (*distributions)(const struct stg_model *m, struct stg_model_run *r, const struct stg_walk *walks,
                                     size_t n, float *const *log_p) STG_MUST_USE;

    /* Attention nets: heads in all of *n_layers layers, layer by layer; 0 or NULL for the others. */
    size_t (*heads)(const struct stg_model *m, size_t *n_layers);
    /* Goes through the walk and says for each row `at` with wanted[at] (w->n: its end) that it predicts what the heads
     * looked at. */
    enum stg_status (*attention)(const struct stg_model *m, struct stg_model_run *r, const struct stg_walk *w,
                                 const bool *wanted, stg_attention_visit *visit, void *context) STG_MUST_USE;

    /* Nets: what stands for a call in the input, a table (*n, *dim), borrowed: a row for each symbol where *of_symbols,
     * else for each call of the vocabulary. An ensemble's: its first member's. NULL for the others. */
    const float *(*embedding)(const struct stg_model *m, size_t *n, size_t *dim, bool *of_symbols);

    /* stg_model_set_precision(); NULL for kinds that multiply nothing. */
    enum stg_status (*set_precision)(struct stg_model *m, enum stg_precision precision) STG_MUST_USE;

    /* The kind's own tensors and metadata; the base (recipe, vocabulary, symbols, extras) is done by model.c. */
    enum stg_status (*save)(const struct stg_model *m, struct stg_tensors_writer *w) STG_MUST_USE;
    /* vocab and symbols (borrowed) are those of the file, already checked; sizes must fit them. */
    enum stg_status (*load)(struct stg_model **out, const struct stg_tensors *t, const struct stg_vocab *vocab,
                            const struct stg_symbols *symbols) STG_MUST_USE;
    /* *facts: a new JSON object (sizes, parameters, order); NULL when memory is out. */
    json_t *(*describe)(const struct stg_model *m);
    void (*free)(struct stg_model *m); /* its own part and m itself; the base was freed by model.c */
};

/* Every implementation begins with this. */
struct stg_model {
    const struct stg_model_ops *ops;
    struct stg_recipe recipe;          /* how its data was cut: a trace is cut the same way */
    struct stg_vocab vocab;            /* frozen */
    struct stg_symbols *symbols;       /* frozen; owned */
    size_t max_walk;                   /* longest walk in events, 0 = any */
    json_t *record;                    /* training record and calibration facts; owned; metadata key `record` */
    struct stg_tensors *file;          /* the mapping that a loaded model borrows from; NULL otherwise */
    struct stg_model *side[STG_SIDES]; /* owned; NULL = none. Their recipes and vocabularies are the model's */
    struct stg_pace pace;              /* of the training data; empty where there is no STG_SIDE_TIME */
    float *calibration; /* (n_calibration × STG_MODEL_AGGREGATES) scores of held-out known sequences; NULL before */
    size_t n_calibration;
    float *stream; /* (n_stream × STG_MODEL_STREAM_COLUMNS) the same scores as they came, with their run
                      (detect/calibrate.h); NULL before */
    size_t n_stream;
    float *channels; /* (n_channel_bins × STG_MODEL_CHANNEL_COLUMNS) what is usual, by length (score/channels.h); NULL
                        before */
    size_t n_channel_bins;
    uint64_t *usual_key; /* (n_usual) kinds of calls, rising; NULL before. detect/usual.h says what both hold */
    float *usual;        /* (n_usual × STG_MODEL_USUAL_COLUMNS) how many of each a known sequence has */
    size_t n_usual;
};

/* Members of an ensemble at most. */
#define STG_MODEL_MAX_MEMBERS 64

/* Aggregates of a sequence's surprisals that are calibrated (score/score.h defines them). */
#define STG_MODEL_AGGREGATES      12
#define STG_MODEL_CHANNEL_COLUMNS 15
#define STG_MODEL_STREAM_COLUMNS  (STG_STREAM_VALUES + STG_MODEL_AGGREGATES)
#define STG_MODEL_USUAL_COLUMNS   4

/* Columns of a stream. */
enum {
    STG_STREAM_RUN,      /* its number, from 0 */
    STG_STREAM_TOGETHER, /* 1: overlaps the last row before it that has 0 (stg_score_overlap) */
    STG_STREAM_VALUES,   /* from here on */
};

/* NULL-terminated list of kinds. Adding one = one file and one line. */
extern const struct stg_model_ops *const stg_model_list[];
extern const struct stg_model_ops stg_model_stide, stg_model_ngram, stg_model_lstm, stg_model_transformer,
    stg_model_longformer, stg_model_ensemble;

const char *stg_side_name(enum stg_side side); /* "time", "state" */
/* Fits side models to the training data, those of m before are gone: none where the data has no times, or no
 * descriptors on the threads that the cut rule followed, or where threads are interleaved. */
enum stg_status stg_model_fit_sides(struct stg_model *m, const struct stg_corpus *corpus, struct stg_pool *pool,
                                    struct stg_progress *progress) STG_MUST_USE;
/* STG_WALK_* that scoring reads, of the model and its sides. */
unsigned stg_model_columns(const struct stg_model *m);

/* A new model for data of this recipe and vocabulary (both copied; the vocabulary is frozen in the model). */
enum stg_status stg_model_new(struct stg_model **out, const struct stg_model_settings *s,
                              const struct stg_recipe *recipe, const struct stg_vocab *vocab) STG_MUST_USE;
void stg_model_free(struct stg_model *m);
enum stg_status stg_model_save(const struct stg_model *m, const char *path) STG_MUST_USE; /* atomic */
enum stg_status stg_model_open(struct stg_model **out, const char *path) STG_MUST_USE;
/* As save/open, inside a file of another format (a checkpoint holds a model and the optimiser's state). */
enum stg_status stg_model_put(const struct stg_model *m, struct stg_tensors_writer *w) STG_MUST_USE;
enum stg_status stg_model_get(struct stg_model **out, struct stg_tensors *t) STG_MUST_USE; /* takes t on success */

/* log_p[i] (stg_walk_scored(walks[i]), symbols): ln of the probability of every symbol in the place of each scored
 * token, at least STG_MODEL_LEAST_LOG_P; an ensemble's are what its predict() gives. */
enum stg_status stg_model_distributions(const struct stg_model *m, struct stg_model_run *r,
                                        const struct stg_walk *walks, size_t n, float *const *log_p) STG_MUST_USE;
#define STG_MODEL_LEAST_LOG_P (-100.0f)

/* Scores and steps with operands of this precision from now on, whatever the model was trained with. Its calibration
 * stays as it is: surprisals move by little (nn/net.h). Before any run or state was made of it; not for training.
 * STG_ERR_USAGE for models that are not neural. */
enum stg_status stg_model_set_precision(struct stg_model *m, enum stg_precision precision) STG_MUST_USE;

/* STG_ERR_MISMATCH with what to do when data of that vocabulary cannot be scored by this model: it must be the model's,
 * or extend it. Ids that are not below the model's counts are UNKNOWN to it (stg_vocab_known where they would be rows
 * of a table). */
enum stg_status stg_model_check_vocab(const struct stg_model *m, const struct stg_vocab *vocab,
                                      const char *path) STG_MUST_USE;

/* Helpers for kinds. */
/* Floats that score() writes for a walk. */
static inline size_t stg_walk_scored(const struct stg_walk *w)
{
    return w->n - w->n_context + (w->end ? 1 : 0);
}
/* Row i of a walk as a token; i = −1 is START, i = n is END. */
void stg_walk_token(const struct stg_walk *w, ptrdiff_t i, struct stg_model_token *out);

#endif
