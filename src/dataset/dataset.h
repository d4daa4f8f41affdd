/* Data set: sequences in one safetensors file (docs/formats/dataset.md), memory-mapped; memory does not grow with its
 * size. */
#ifndef STG_DATASET_DATASET_H
#define STG_DATASET_DATASET_H

#include "base/pool.h"
#include "base/progress.h"
#include "event/source.h"
#include "token/cut.h"
#include "token/token.h"
#include "token/vocab.h"

#define STG_DATASET_FORMAT  "dataset"
#define STG_DATASET_VERSION 1

struct stg_dataset_trace {
    const char *path, *format;    /* as it was given */
    struct stg_cut_counts counts; /* of this trace */
    const char *const *files;     /* (n_files) as of a source (event/source.h); of a data set that was opened,
                                     stg_dataset_file() tells */
    size_t n_files;
};

struct stg_dataset;

/* Checks all that is in the file, on the threads of pool (NULL: the caller's). */
enum stg_status stg_dataset_open(struct stg_dataset **out, const char *path, struct stg_pool *pool) STG_MUST_USE;
void stg_dataset_free(struct stg_dataset *d);
const char *stg_dataset_path(const struct stg_dataset *d);
size_t stg_dataset_count(const struct stg_dataset *d);    /* sequences */
uint64_t stg_dataset_events(const struct stg_dataset *d); /* events in all sequences */
void stg_dataset_get(const struct stg_dataset *d, size_t i, struct stg_seq *out);
const struct stg_vocab *stg_dataset_vocab(const struct stg_dataset *d);
const struct stg_recipe *stg_dataset_recipe(const struct stg_dataset *d);
size_t stg_dataset_traces(const struct stg_dataset *d);
const struct stg_dataset_trace *stg_dataset_trace(const struct stg_dataset *d, size_t i);
/* The file of a directory of lists that a sequence, or its first event, is from; NULL: it is not told. */
const char *stg_dataset_file(const struct stg_dataset *d, const struct stg_seq *seq);
/* Provenance: who wrote it, when, with which command line. */
const char *stg_dataset_meta(const struct stg_dataset *d, const char *key);
/* A corpus over all sequences; borrowed from the data set. */
void stg_dataset_corpus(const struct stg_dataset *d, struct stg_corpus *out);

/* A corpus over sequences first … first + n − 1 of another one (which must outlive it), or over those of an index. */
struct stg_slice {
    const struct stg_corpus *corpus;
    size_t first, n;
    const uint32_t *index; /* (n) rising, borrowed; NULL: as they follow each other */
};
void stg_slice_corpus(struct stg_slice *slice, struct stg_corpus *out);

/* Writer: streams sequences to disk; the file appears at commit. */
struct stg_dataset_writer;

/* recipe is settled and copied. */
enum stg_status stg_dataset_writer_open(struct stg_dataset_writer **out, const char *path,
                                        const struct stg_recipe *recipe) STG_MUST_USE;
/* Provenance (`command`, `date`): the keys of docs/formats/dataset.md are the writer's own. */
enum stg_status stg_dataset_writer_meta(struct stg_dataset_writer *w, const char *key, const char *value) STG_MUST_USE;
/* Appends a sequence; its id is ignored, its trace is that of a stg_dataset_writer_trace() call to come. */
enum stg_status stg_dataset_writer_put(struct stg_dataset_writer *w, const struct stg_seq *seq) STG_MUST_USE;
/* Records a trace, after its sequences. Copied. */
enum stg_status stg_dataset_writer_trace(struct stg_dataset_writer *w,
                                         const struct stg_dataset_trace *trace) STG_MUST_USE;
uint32_t stg_dataset_writer_traces(const struct stg_dataset_writer *w); /* recorded so far = index of the next one */
enum stg_status stg_dataset_writer_commit(struct stg_dataset_writer *w, const struct stg_vocab *vocab) STG_MUST_USE;
void stg_dataset_writer_free(struct stg_dataset_writer *w);

#endif
