/* Is the known data enough? What it has not shown yet will raise false alarms. */
#ifndef STG_DETECT_LEARNING_H
#define STG_DETECT_LEARNING_H

#include "model/model.h"

#define STG_LEARNING_POINTS 4

struct stg_learning_point {
    size_t n_sequences; /* learnt: those of the training data that begin first */
    double surprisal;   /* of the held-out data, mean over its tokens, nats */
    double unknown; /* part of those tokens that are of a kind (call, phase, result: m's fields) that did not occur in
                     * what was learnt: the vocabulary's coverage is the rest */
    double unseen;  /* part of the held-out data's windows, one for each token, that did not occur in what was learnt */
};

/* The learning curve of the known data: an n-gram and STIDE with m's symbols (model/model.h), whatever m is, learn the
 * first eighth, quarter, half and all of train, by when its sequences begin, and score held, which is other known data.
 * The first is the surprisal, the second the unseen windows (Forrest, Hofmeyr, Somayaji, Longstaff 1996: normal data is
 * enough when new normal data stops bringing new windows). Parts that come to no sequence are left out; *n ≤
 * STG_LEARNING_POINTS. Memory and time of two counted models at a time, and 16 bytes a sequence. */
enum stg_status stg_learning_curve(const struct stg_model *m, const struct stg_corpus *train,
                                   const struct stg_corpus *held, struct stg_pool *pool, struct stg_progress *progress,
                                   struct stg_learning_point out[STG_LEARNING_POINTS], size_t *n) STG_MUST_USE;

/* Fall of the surprisal by the last doubling of the data, as a part of it; NAN with less than two points. */
double stg_learning_gain(const struct stg_learning_point *points, size_t n);
/* Whether more of the same would hardly change what is known: a gain below 2 % and less than 0.1 % of the windows
 * unseen. */
bool stg_learning_enough(const struct stg_learning_point *points, size_t n);

#endif
