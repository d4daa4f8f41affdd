/* Training data: several data sets as one corpus, and parts held out of them. */
#ifndef STG_CLI_TRAIN_DATA_H
#define STG_CLI_TRAIN_DATA_H

#include "cli/options.h"

#include "dataset/dataset.h"

/* Sequences of several data sets, one after another. */
struct stg_corpora {
    const struct stg_list *paths;     /* borrowed */
    struct stg_dataset **sets;        /* (n) owned unless borrowed */
    struct stg_slice *slices;         /* (n) the part of each that is used */
    uint32_t **index;                 /* (n) of slices, owned; NULL: they have none */
    double *spread;                   /* (n) the part that was held out of each evenly; 0: none was */
    struct stg_corpus *whole, *parts; /* (n) */
    size_t *offset;                   /* (n + 1) first sequence of each */
    size_t n;
    bool borrowed;
};

/* Opens every path as a data set whose vocabulary begins with that of like (NULL: of the first one). _fini also after a
 * failure. */
enum stg_status stg_corpora_open(struct stg_corpora *out, const struct stg_list *paths, const struct stg_dataset *like,
                                 struct stg_pool *pool) STG_MUST_USE;
/* Moves a part (0 … 1) of every data set from `from` to held, which borrows from it. Every data set keeps one sequence.
 *
 * Of data with times it is the last part: neighbours in time are alike, so a random split would flatter. Lists without
 * times stand in the order of their files' names or of whoever wrote them, by program, say, and the last of them are of
 * what training would then never see: a part is spread over them evenly, and neighbours of one thread (windows of one
 * file) stay together. Where there are too few threads for that, it is the last part, too. */
enum stg_status stg_corpora_hold_out(struct stg_corpora *held, struct stg_corpora *from, double part) STG_MUST_USE;
/* Leaves what an even part holds out of data set i. */
enum stg_status stg_corpora_restrict_spread(struct stg_corpora *c, size_t i, double part) STG_MUST_USE;
/* Leaves sequences first … first + n − 1 of data set i, as far as it has them. */
void stg_corpora_restrict(struct stg_corpora *c, size_t i, size_t first, size_t n);
/* The whole as one corpus, borrowed. */
void stg_corpora_corpus(struct stg_corpora *c, struct stg_corpus *out);
size_t stg_corpora_count(const struct stg_corpora *c); /* sequences */
/* Runs of these: traces of data sets. */
size_t stg_corpora_runs(const struct stg_corpora *c);
void stg_corpora_fini(struct stg_corpora *c);

#endif
