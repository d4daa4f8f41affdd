/* Score: the surprisals of a sequence and what is made of them. */
#ifndef STG_SCORE_SCORE_H
#define STG_SCORE_SCORE_H

#include "base/pool.h"
#include "base/progress.h"
#include "model/model.h"
#include "token/token.h"

/* Values of a sequence. The first four are aggregates of the surprisals (nats) of its scored tokens: which of them
 * tells best differs between data sets, so several are kept. The others need side models (model/model.h) and are 0
 * without. */
enum stg_aggregate {
    STG_AGGREGATE_MEAN, /* its exp is the perplexity, the paper's score */
    STG_AGGREGATE_MEDIAN,
    STG_AGGREGATE_WINDOW, /* highest mean of 16 consecutive tokens of a walk; a shorter walk counts as if followed by
                             tokens of surprisal 0, unless the whole sequence is shorter */
    STG_AGGREGATE_UPPER,  /* 0.95 quantile, interpolated (Hyndman and Fan 1996, type 7) */
    STG_AGGREGATE_RMS,    /* root of the mean square: between the mean and the most surprising token */
    STG_AGGREGATE_TIME,   /* mean surprisal of the elapsed times, nats */
    STG_AGGREGATE_STATE,  /* sum of the surprisals of the descriptors, nats; the last that is one */
    STG_AGGREGATE_PACE,   /* fast events for each that is expected (model/pace.h) */
    STG_AGGREGATE_LOAD,   /* other work on the CPUs of its events, by how many threads could run (score/channels.h); 0
                             where the trace does not tell */
    STG_AGGREGATE_MIGRATION, /* the same, by how rarely threads change the CPU; 0 where the trace does not tell */
    STG_AGGREGATE_WORKERS,   /* 1 + the logarithm of how many threads share the work (token/token.h); 0 where the trace
                                does not tell */
    STG_AGGREGATE_NOVELTY,   /* of all channels together (score/channels.h) */
    STG_AGGREGATES,
};

/* A surprisal, or made of several: in nats. Pace, load, migration and workers are ratios, and novelty has no unit. */
bool stg_aggregate_is_surprisal(enum stg_aggregate a);
const char *stg_aggregate_name(enum stg_aggregate a); /* "mean", "median", "window", "upper", "rms", "time", "state",
                                                         "pace", "load", "migration", "workers", "novelty" */
/* Whether the model gives it: time and state need side models, load and novelty a model that knows what is usual. */
bool stg_aggregate_has(const struct stg_model *m, enum stg_aggregate a);
/* Novelty, where m gives it, else mean. */
enum stg_aggregate stg_aggregate_default(const struct stg_model *m);
/* STG_ERR_USAGE naming the choices when there is none of that name, or m does not give it. NULL: the default. */
enum stg_status stg_aggregate_parse(const char *name, const struct stg_model *m, enum stg_aggregate *out) STG_MUST_USE;

enum stg_channel {
    STG_CHANNEL_CONTENT, /* the model's own symbols */
    STG_CHANNEL_TIME,    /* STG_SIDE_TIME */
    STG_CHANNEL_STATE,   /* STG_SIDE_STATE, and how many threads share the work */
    STG_CHANNEL_PACE,    /* model/pace.h */
    STG_CHANNEL_LOAD,    /* how busy the machine is */
    STG_CHANNELS,
};

struct stg_score {
    uint64_t id; /* the sequence */
    float value[STG_AGGREGATES];
    float z[STG_CHANNELS]; /* deviations above what is usual (score/channels.h); 0 where nothing is known */
    uint32_t n_tokens;     /* scored tokens */
    uint32_t n_unknown;    /* of which the symbol was UNKNOWN */
    uint64_t n_lost;
    int64_t begin_ns, end_ns;
    uint32_t n_events, trace;
    uint32_t stream; /* the trace's number among those of all inputs */
    int32_t tid, pid;
    float runnable, alone, stayed, workers; /* of the sequence (token/token.h) */
    double disagreement; /* of an ensemble's members, nats (disagreement.h); NAN: the model is no ensemble */
};

/* All of a score but values, tokens and disagreement (NAN), from the sequence. */
void stg_score_describe(struct stg_score *out, const struct stg_seq *seq);

/* Whether both have the events of a time at which both were open: sequences of one trace and scope that overlap. */
bool stg_score_overlap(const struct stg_model *m, const struct stg_score *a, const struct stg_score *b);

/* Mean surprisal per token of n sequences, nats; NAN when they have no token. */
double stg_score_loss(const struct stg_score *scores, size_t n);

/* Scores every sequence of the corpus on the pool's threads. scores has room for corpus->n; order = corpus order; the
 * result does not depend on the number of threads. Memory: one batch of at most 32,768 tokens (or one sequence) per
 * thread. progress (NULL: none) counts sequences, on from where it stands. */
enum stg_status stg_score_corpus(const struct stg_model *m, const struct stg_corpus *corpus, struct stg_pool *pool,
                                 struct stg_progress *progress, struct stg_score *scores) STG_MUST_USE;

/* The same with NAN for median and upper, which are a tenth of a counted model's work. */
enum stg_status stg_score_corpus_plain(const struct stg_model *m, const struct stg_corpus *corpus,
                                       struct stg_pool *pool, struct stg_progress *progress,
                                       struct stg_score *scores) STG_MUST_USE;

/* The score of one sequence. */
enum stg_status stg_score_sequence(const struct stg_model *m, const struct stg_seq *seq,
                                   struct stg_score *out) STG_MUST_USE;

/* Surprisal of every event of one sequence in time order, (n) floats, NAN where a walk was cut short; *end_sum the
 * surprisal of the END tokens, summed (0 without). */
enum stg_status stg_score_events(const struct stg_model *m, const struct stg_seq *seq, float *surprisal,
                                 double *end_sum) STG_MUST_USE;

/* Mean, window and rms of surprisals (one walk after another, lengths in walk_len), and median and upper too where
 * `quantiles`, else NAN; the others are 0; all 0 when there are no surprisals. STG_ERR_INTERNAL for one that is not a
 * number. */
enum stg_status stg_aggregate_values(const float *surprisal, const size_t *walk_len, size_t n_walks, bool quantiles,
                                     float out[STG_AGGREGATES]) STG_MUST_USE;

#endif
