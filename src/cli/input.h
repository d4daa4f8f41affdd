/* Input: a data set, or a trace that is cut on the way in, as one thing to read sequences from. */
#ifndef STG_CLI_INPUT_H
#define STG_CLI_INPUT_H

#include "cli/options.h"

#include "dataset/dataset.h"
#include "model/model.h"
#include "score/score.h"

struct stg_input {
    const char *path;            /* as given, borrowed */
    struct stg_dataset *dataset; /* owned; a trace's has no name in the file system any more */
    struct stg_corpus corpus;    /* over dataset */
    uint64_t n_lost, n_gaps;     /* of its traces */
    bool is_trace;
};

/* Opens path, which is a data set made for m, or a trace, which is cut by m's recipe with m's vocabulary into a
 * temporary data set in $TMPDIR, which nobody else may read. Data of another vocabulary is STG_ERR_MISMATCH.
 * stg_input_close() also after a failure. */
enum stg_status stg_input_open(struct stg_input *out, const char *path, const struct stg_model *m,
                               struct stg_pool *pool, const struct stg_cli *cli) STG_MUST_USE;
void stg_input_close(struct stg_input *in);

/* What a path holds, by its first bytes. */
enum stg_kind { STG_KIND_TRACE, STG_KIND_DATASET, STG_KIND_MODEL, STG_KIND_CHECKPOINT };
/* A missing or unreadable file, and a safetensors file of another program, is a failure. */
enum stg_status stg_kind_of(const char *path, enum stg_kind *out) STG_MUST_USE;

/* Warns when data of another recipe is used with a model (or with other data: whose says which). */
void stg_input_warn_recipe(const struct stg_dataset *d, const char *whose, const struct stg_recipe *wanted);

/* Opens a model; what is not one says what it is. */
enum stg_status stg_input_model(struct stg_model **out, const char *path) STG_MUST_USE;
/* The same with a precision: "f32", "bf16", or NULL for the model's own. */
enum stg_status stg_input_model_in(struct stg_model **out, const char *path, const char *precision) STG_MUST_USE;

/* The progress to hand to a library call, or NULL when the command line says none. */
struct stg_progress *stg_cli_progress(const struct stg_cli *cli, struct stg_progress *p, const char *what,
                                      const char *unit, uint64_t total);

/* A range of time as people read it: "1.29 ms". */
void stg_format_ns(int64_t ns, char *out, size_t cap);
/* 1234567 as "1,234,567". */
void stg_format_count(uint64_t n, char *out, size_t cap);
/* The q-quantile (0 … 1) of n sorted values, nearest rank; 0 when n is 0. */
int64_t stg_quantile_sorted(const int64_t *sorted, size_t n, double q);
/* Path of the trace that a sequence was cut from; of a directory of lists, of the file in it. */
const char *stg_input_trace(const struct stg_input *in, const struct stg_seq *seq);

#endif
