/* score MODEL DATA: how novel each sequence of a data set is, and the verdict on all of them. Memory: one score a
 * sequence. */
#include "score/score.h"
#include "base/memory.h"
#include "base/pool.h"
#include "dataset/dataset.h"
#include "detect/calibrate.h"
#include "detect/verdict.h"
#include "model/model.h"

#include <stdio.h>

static void print(const struct stg_model *m, const struct stg_score *scores, size_t n)
{
    const enum stg_aggregate judge = stg_aggregate_default(m);
    struct stg_verdict verdict;
    for (size_t i = 0; i < n; i++) {
        const double value = (double)scores[i].value[judge];
        printf("%zu %.6g %.6g\n", i, value, stg_p_value(m, judge, value));
    }
    stg_verdict_judge(&verdict, m, scores, n, judge, STG_ALPHA_DEFAULT);
    printf("%s: %zu of %zu\n", verdict.novel ? "novel" : "nothing novel", verdict.n_novel, n);
}

static enum stg_status score(const char *model_path, const char *data_path)
{
    enum stg_status status = STG_OK;
    struct stg_pool *pool = NULL;
    struct stg_model *m = NULL;
    struct stg_dataset *d = NULL;
    struct stg_score *scores = NULL;
    struct stg_corpus corpus;
    STG_TRY(stg_pool_new(&pool, 0)); /* one thread for each processor */
    STG_TRY(stg_model_open(&m, model_path));
    STG_TRY(stg_dataset_open(&d, data_path, pool));
    STG_TRY(stg_model_check_vocab(m, stg_dataset_vocab(d), data_path));
    stg_dataset_corpus(d, &corpus);
    STG_TRY(stg_mem_zeroed(&scores, corpus.n, sizeof *scores));
    STG_TRY(stg_score_corpus(m, &corpus, pool, NULL, scores));
    print(m, scores, corpus.n);
out:
    stg_mem_free(scores);
    stg_dataset_free(d);
    stg_model_free(m);
    stg_pool_free(pool);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: score MODEL DATA\n", stderr);
        return 2;
    }
    if (score(argv[1], argv[2]) != STG_OK) {
        fprintf(stderr, "score: %s\n", stg_status_message());
        return 2;
    }
    return 0;
}
