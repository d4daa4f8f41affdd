/* Neural models: walks of system calls as rows for a net (nn/net.h). One struct for all kinds; what a kind is (its net,
 * its defaults) is one entry of the table in neural_config.c. */
#ifndef STG_MODEL_NEURAL_H
#define STG_MODEL_NEURAL_H

#include "model/model.h"
#include "nn/net.h"

/* What a row shows of the token before the predicted one. */
enum stg_neural_input {
    STG_INPUT_PAPER,  /* call, process, entry, return class; pid, tid, elapsed, order as sinusoids (arXiv 2309.02206,
                         section 4) */
    STG_INPUT_SYMBOL, /* the predicted symbol, process, elapsed time in buckets of a factor of four; attention nets,
                       * which have no other sense of order, also the position as sinusoids */
};

enum { STG_NEURAL_MAX_TABLES = 4, STG_NEURAL_MAX_WAVES = 4, STG_NEURAL_BUCKETS = 20 };

struct stg_neural_kind;

struct stg_neural {
    struct stg_model base;
    const struct stg_neural_kind *kind;
    enum stg_neural_input input;
    struct stg_net_shape shape;
    struct stg_net *net; /* NULL before fit */
    uint64_t seed;
};

/* kind, input, shape (but for the sizes of the fields) and max_walk from settings. */
enum stg_status stg_neural_configure(struct stg_neural *n, const struct stg_model_settings *s) STG_MUST_USE;
/* Sizes of the fields from vocabulary and symbols. */
void stg_neural_size_fields(struct stg_neural *n, const struct stg_vocab *vocab, const struct stg_symbols *symbols);
const struct stg_net_ops *stg_neural_net(const struct stg_neural *n);
const struct stg_model_ops *stg_neural_ops(const struct stg_neural *n);
/* The configuration in the file's metadata, under the kind's name. */
enum stg_status stg_neural_save_config(const struct stg_neural *n, struct stg_tensors_writer *w) STG_MUST_USE;
enum stg_status stg_neural_load_config(struct stg_neural *n, const char *kind,
                                       const struct stg_tensors *t) STG_MUST_USE;
/* The parameters, their names after prefix. */
enum stg_status stg_neural_put(const struct stg_neural *n, const char *prefix,
                               struct stg_tensors_writer *w) STG_MUST_USE;
/* A model of that kind from the file's configuration and those parameters. */
enum stg_status stg_neural_get(struct stg_model **out, const char *kind, const char *prefix,
                               const struct stg_tensors *t, const struct stg_vocab *vocab,
                               const struct stg_symbols *symbols) STG_MUST_USE;
/* Whether both were made with the same settings (sizes of the data's fields apart), so that the parameters of one fit
 * the other and mean the same. */
bool stg_neural_alike(const struct stg_neural *a, const struct stg_neural *b);
/* A new object with the shape, for people. */
json_t *stg_neural_describe(const struct stg_neural *n);

#endif
