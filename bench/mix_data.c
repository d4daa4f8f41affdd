/* mix_data OUT DATA FIRST N [DATA FIRST N]…: a data set of N sequences from FIRST on of each of the given ones, which
 * share a vocabulary: known data with something novel among it, for the benchmark of contamination. */
#include "base/pool.h"
#include "dataset/dataset.h"

#include <stdio.h>
#include <stdlib.h>

static enum stg_status add(struct stg_dataset_writer *w, const struct stg_dataset *from, size_t first, size_t n)
{
    struct stg_dataset_trace trace = {.path = stg_dataset_path(from), .format = "data set"};
    for (size_t i = first; i < first + n && i < stg_dataset_count(from); i++) {
        struct stg_seq seq;
        stg_dataset_get(from, i, &seq);
        seq.trace = stg_dataset_writer_traces(w);
        STG_RETURN_IF_FAILED(stg_dataset_writer_put(w, &seq));
        trace.counts.n_events += seq.n;
        trace.counts.n_sequences++;
    }
    return stg_dataset_writer_trace(w, &trace);
}

static enum stg_status run(int argc, char **argv)
{
    enum stg_status status = STG_OK;
    struct stg_pool *pool = NULL;
    struct stg_dataset *known = NULL;
    struct stg_dataset *d = NULL;
    struct stg_dataset_writer *w = NULL;
    STG_TRY(stg_pool_new(&pool, 1));
    STG_TRY(stg_dataset_open(&known, argv[2], pool));
    STG_TRY(stg_dataset_writer_open(&w, argv[1], stg_dataset_recipe(known)));
    for (int i = 2; i + 2 < argc; i += 3) {
        STG_TRY(stg_dataset_open(&d, argv[i], pool));
        STG_TRY(add(w, d, strtoull(argv[i + 1], NULL, 10), strtoull(argv[i + 2], NULL, 10)));
        stg_dataset_free(d);
        d = NULL;
    }
    STG_TRY(stg_dataset_writer_commit(w, stg_dataset_vocab(known)));
out:
    stg_dataset_writer_free(w);
    stg_dataset_free(d);
    stg_dataset_free(known);
    stg_pool_free(pool);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 5 || (argc - 2) % 3 != 0) {
        fprintf(stderr, "usage: mix_data OUT DATA FIRST N [DATA FIRST N]…\n");
        return 2;
    }
    const enum stg_status status = run(argc, argv);
    if (status != STG_OK) {
        fprintf(stderr, "mix_data: %s\n", stg_status_message());
    }
    return status == STG_OK ? 0 : 2;
}
