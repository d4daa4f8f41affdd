/* Speed of the n-gram: bench_ngram TRAIN.data TEST.data [order] [rounds]. Medians of tokens per second for estimation
 * and queries. */
#include "base/clock.h"
#include "base/memory.h"
#include "dataset/dataset.h"
#include "model/model.h"
#include "score/score.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_ROUNDS = 99 };

struct bench {
    struct stg_dataset *train, *test;
    struct stg_corpus train_corpus, test_corpus;
    struct stg_pool *pool;
    struct stg_score *scores;
    uint32_t order;
};

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

static enum stg_status fit(const struct bench *b, struct stg_model **out)
{
    struct stg_model_settings s;
    stg_model_settings_default(&s);
    s.order = b->order;
    s.fields = STG_FIELD_CALL;
    STG_RETURN_IF_FAILED(stg_model_new(out, &s, stg_dataset_recipe(b->train), stg_dataset_vocab(b->train)));
    return (*out)->ops->fit(*out, &b->train_corpus, b->pool, NULL);
}

static enum stg_status measure(struct bench *b, size_t n_rounds)
{
    double estimate[MAX_ROUNDS];
    double query[MAX_ROUNDS];
    const double n_train = (double)(stg_dataset_events(b->train) + b->train_corpus.n);
    const double n_test = (double)(stg_dataset_events(b->test) + b->test_corpus.n);
    for (size_t i = 0; i < n_rounds; i++) {
        struct stg_model *m = NULL;
        uint64_t start = stg_clock_ns();
        enum stg_status status = fit(b, &m);
        estimate[i] = n_train / ((double)(stg_clock_ns() - start) * 1e-9);
        start = stg_clock_ns();
        if (status == STG_OK) {
            status = stg_score_corpus(m, &b->test_corpus, b->pool, NULL, b->scores);
        }
        query[i] = n_test / ((double)(stg_clock_ns() - start) * 1e-9);
        stg_model_free(m);
        STG_RETURN_IF_FAILED(status);
    }
    printf("ngram order %u, %zu threads: estimation %.0f tokens/s, scoring %.0f tokens/s\n", b->order,
           stg_pool_threads(b->pool), median(estimate, n_rounds), median(query, n_rounds));
    return STG_OK;
}

int main(int argc, char **argv)
{
    enum stg_status status = STG_OK;
    struct bench b = {.order = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 5};
    size_t n_rounds = argc > 4 ? strtoul(argv[4], NULL, 10) : 5;
    n_rounds = n_rounds < 1 ? 1 : n_rounds > MAX_ROUNDS ? MAX_ROUNDS : n_rounds;
    if (argc < 3) {
        fprintf(stderr, "usage: bench_ngram TRAIN.data TEST.data [order] [rounds]\n");
        return 2;
    }
    STG_TRY(stg_dataset_open(&b.train, argv[1], NULL));
    STG_TRY(stg_dataset_open(&b.test, argv[2], NULL));
    stg_dataset_corpus(b.train, &b.train_corpus);
    stg_dataset_corpus(b.test, &b.test_corpus);
    STG_TRY(stg_mem_zeroed(&b.scores, b.test_corpus.n, sizeof *b.scores));
    STG_TRY(stg_pool_new(&b.pool, 0));
    STG_TRY(measure(&b, n_rounds));
out:
    if (status != STG_OK) {
        fprintf(stderr, "bench_ngram: %s\n", stg_status_message());
    }
    stg_pool_free(b.pool);
    stg_mem_free(b.scores);
    stg_dataset_free(b.train);
    stg_dataset_free(b.test);
    return status == STG_OK ? 0 : 2;
}
