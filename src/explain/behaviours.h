/* Behaviours: novel sequences grouped into a few, each with what its sequences have in common.
 *
 * A sequence becomes a vector over kinds of calls (detect/usual.h): the surprisal of its events beyond one in a
 * hundred, summed by kind, and beside them that of its threads' ends by process, that of its descriptors by process,
 * and the deviations of its times; square roots tame what repeats. Of each call that the model has no name for the
 * first counts whole: that it is there at all tells sequences apart, however likely the model takes unknown calls to
 * be. Vectors are grouped by their cosine: each joins the nearest of the groups so far, or begins one (leader
 * clustering; Hartigan, Clustering Algorithms, 1975, chapter 3), then the nearest groups are merged while their means
 * are near (centroid linkage). The order is that of the data, so the result is always the same.
 *
 * What a group has more or less of is told from the medians of its counts against those of known sequences; a call that
 * no known sequence makes is told when one in ten of the group has it. What was expected instead is told from the
 * representative. Sequences that take in what other threads do have more of everything when they last longer: what lies
 * between the usual and `scale` times it, the median ratio of what every known sequence has (of a thread's own events
 * the lower quartile), is no change.
 *
 * Calls that the model has no name for, or whose program it has none for, are told of all sequences, novel or not: how
 * rare they are is no matter of scores.
 *
 * Memory: at most 4,096 sequences are looked at, evenly thinned (64 components of each), 256 groups while grouping, and
 * the counts of 512 sequences. */
#ifndef STG_EXPLAIN_BEHAVIOURS_H
#define STG_EXPLAIN_BEHAVIOURS_H

#include "base/pool.h"
#include "detect/usual.h"
#include "event/event.h"
#include "model/model.h"
#include "score/score.h"

/* One data set with its scores; all borrowed. */
struct stg_behaviour_input {
    const struct stg_corpus *corpus;
    const struct stg_vocab *names;  /* what the ids of its sequences stand for; begins with the model's */
    const struct stg_score *scores; /* (corpus->n) */
};

struct stg_behaviours_settings {
    enum stg_aggregate aggregate;
    double alpha;      /* which sequences are novel: stg_is_novel() */
    double similarity; /* least cosine of what belongs together; default .5 */
    uint32_t most; /* behaviours that are described, largest first; default 8; 0: none is looked for, only calls that
                    * the model has no name for */
};
void stg_behaviours_settings_default(struct stg_behaviours_settings *s, const struct stg_model *m);

/* What a call was about, as the trace tells (cli/behaviour_objects.h): sequences do not have it. */
#define STG_BEHAVIOUR_PATH 96
struct stg_behaviour_object {
    uint8_t
        fd_kind; /* enum stg_fd_kind of its descriptor, the commonest; STG_FD_OTHER: not known, or none of the kinds */
    uint32_t of_kind[STG_N_FD_KINDS]; /* how many of the calls that were looked at had a descriptor of each kind */
    char path[STG_BEHAVIOUR_PATH];    /* the file name that tells, or the commonest, that it was given, its end where it
                                         is longer; "": not known */
};

/* A kind of call of which there are more or fewer than usual, or that is new: then `now` may be 0, as not every
 * sequence has it. */
struct stg_behaviour_change {
    struct stg_kind_of_call kind; /* ids in stg_behaviours.names */
    float now, share;             /* median count; share of the sequences that have one */
    float low, high;              /* .05 and .95 quantile of the count */
    struct stg_usual usual;       /* of known sequences, of those with the process where these are fewer; share 0: never
                                     seen */
    float weight;  /* share of the behaviour's surprisal that this call has, entry and results together */
    uint8_t size;  /* of a call: the usual size class of what more of it return; 0: none */
    bool is_never; /* no known sequence makes the call, so none has this result of it either */
    struct stg_behaviour_object object;
};

/* A kind of event that is surprising in itself. */
struct stg_behaviour_surprise {
    struct stg_kind_of_call kind; /* call STG_TOKEN_END: that a sequence ends on a thread of the process */
    float weight;                 /* share of the behaviour's surprisal */
    uint16_t before;              /* the call that most often comes before it on its thread; STG_TOKEN_START: none */
    int64_t ret;          /* of the most surprising such event of the representative; STG_RET_ABSENT: it has none */
    uint32_t expected;    /* the symbol of the model that was likeliest there; STG_TOKEN_MASK: not known */
    float expected_share; /* its probability */
    struct stg_behaviour_object object;
    struct stg_behaviour_object expected_object; /* of those of the call that return what was expected: their
                                                    descriptors may be of another kind */
};

/* A call that the model has no name for, or that a program or thread makes whose name it does not have. */
struct stg_behaviour_unseen {
    uint16_t call, proc;                   /* ids in stg_behaviours.names */
    bool is_new_program;                   /* the model has no name for proc … */
    bool is_thread;                        /* … and all that have it are threads beside another, not programs */
    size_t n, n_sequences;                 /* how many there are, in how many sequences */
    size_t input, index, last_input, last; /* the first sequence, and the last one */
    struct stg_behaviour_object object;
};

/* The calls around what is new, on its thread (STG_TOKEN_START, STG_TOKEN_END: none). */
struct stg_behaviour_place {
    uint16_t before, after;
    float share; /* of all places where something is new */
};

#define STG_BEHAVIOUR_PLACES      3
#define STG_BEHAVIOUR_CHANGES     6
#define STG_BEHAVIOUR_SURPRISES   5
#define STG_BEHAVIOUR_DESCRIPTORS 6
#define STG_BEHAVIOUR_SLICES      10
#define STG_BEHAVIOUR_UNSEEN      96

/* Second half of the data against the first, by a two-sided test of a proportion at .001; but ended is what has none in
 * the last tenth, if by chance there is none after its last one in a thousandth of the cases. */
enum stg_trend { STG_TREND_STEADY, STG_TREND_GROWING, STG_TREND_FADING, STG_TREND_ENDED };

struct stg_behaviour {
    size_t n;                                    /* sequences that were looked at */
    size_t n_beyond;                             /* of these, above every calibration score */
    double n_estimated;                          /* of all novel ones: n, unless they were thinned */
    size_t input, index;                         /* the representative: nearest to the mean of the group */
    size_t first_input, first, last_input, last; /* first and last one in the order of the data */
    uint32_t slices[STG_BEHAVIOUR_SLICES];       /* how many are in each tenth of the data */
    enum stg_trend trend;
    float z[STG_CHANNELS];     /* medians of the channels' deviations */
    float duration_ns, events; /* medians */
    float workers;             /* median of how many threads share the work (token/token.h); 0: not known */
    float scale;               /* see above; 1: as long as usual */
    struct {
        uint16_t proc; /* a process that nearly all have; 0: none of which that can be said */
        float known;   /* … and so few of known sequences */
    } rare;
    struct {
        float opened, closed;             /* descriptors, by programs that the model knows: medians */
        float usual_opened, usual_closed; /* of known sequences */
        bool leaks; /* in nearly all more are opened than closed, and known ones close what they open */
    } balance;      /* zeros where nothing is usual */
    struct stg_behaviour_change more[STG_BEHAVIOUR_CHANGES], fewer[STG_BEHAVIOUR_CHANGES]; /* heaviest first */
    size_t n_more, n_fewer;
    struct stg_behaviour_surprise surprises[STG_BEHAVIOUR_SURPRISES]; /* heaviest first */
    size_t n_surprises;
    struct stg_behaviour_place places[STG_BEHAVIOUR_PLACES]; /* where what is new stands, the commonest first */
    size_t n_places;
    struct {
        uint16_t proc;
        int64_t number;
        float weight;  /* share of the behaviour's surprisal by descriptors */
        uint16_t call; /* that most often uses it */
        struct stg_behaviour_object object;
    } descriptors[STG_BEHAVIOUR_DESCRIPTORS];
    size_t n_descriptors;
    int64_t highest;       /* descriptor of the sequences that were looked at; -1: they have none */
    int64_t highest_known; /* of the training data at most (stg_symbols_highest_descriptor); -1: not judged */
    float weight_beyond;   /* share of the behaviour's surprisal by descriptors that lies beyond highest_known */
    float weight_descriptors, weight_time; /* shares of the behaviour's surprisal */
};

/* Which sequence is of which behaviour. */
struct stg_behaviour_member {
    size_t input, index;
    uint32_t behaviour; /* of items; n or more: one that is not described */
};

struct stg_behaviours {
    struct stg_vocab names;      /* the model's and what the inputs add; owned */
    struct stg_behaviour *items; /* (n) largest first, of one size the most novel; owned */
    size_t n, n_groups;          /* n_groups ≥ n: with those that are not described */
    size_t n_sequences, n_novel, n_examined;
    struct stg_behaviour_member *members; /* (n_members) the examined sequences, in the order of the data; owned */
    size_t n_members;
    enum stg_aggregate aggregate; /* by which sequences are novel … */
    double alpha;                 /* … and at which rate of false alarms */
    size_t n_unseen;
    size_t n_unseen_sequences; /* that have any of these, even if there was no room to list it */
    struct stg_behaviour_unseen unseen[STG_BEHAVIOUR_UNSEEN]; /* (n_unseen) in the order of the data; where there is no
                                                                 room, the programs with most have fewer than they do */
    size_t n_rest;                                            /* examined sequences that are in none of items */
    bool is_reachable; /* there are enough calibration scores for alpha; else what is called novel is above them all */
    bool has_usual;    /* the model knows what is usual; else `more` and `fewer` are empty */
    struct stg_usual events, duration; /* of known sequences; zeros when not known */
};

/* STG_ERR_INPUT when the model is not calibrated. _fini also after a failure. */
enum stg_status stg_behaviours_find(struct stg_behaviours *out, const struct stg_model *m,
                                    const struct stg_behaviour_input *inputs, size_t n_inputs,
                                    const struct stg_behaviours_settings *s, struct stg_pool *pool) STG_MUST_USE;
void stg_behaviours_fini(struct stg_behaviours *b);

#endif
