/* learn KNOWN NEW [FORMAT]: learns what is normal in one trace and shows, of another, the sequence that is most novel
 * and the events that are to blame for it. Both are what `strange prepare` reads, of the format that is named or found
 * by itself. Writes known.data, new.data and learnt.model. */
#include "base/memory.h"
#include "base/pool.h"
#include "dataset/dataset.h"
#include "dataset/prepare.h"
#include "detect/calibrate.h"
#include "explain/explain.h"
#include "import/import.h"
#include "model/model.h"
#include "score/score.h"
#include "train/train.h"

#include <stdio.h>

/* Cuts a trace into a data set at path. With first, the data goes with a model of it: the same vocabulary and the same
 * cut. */
static enum stg_status prepare(const char *path, const char *trace, const char *format, const struct stg_dataset *first)
{
    enum stg_status status = STG_OK;
    struct stg_vocab vocab = {0};
    struct stg_recipe recipe;
    struct stg_source *source = NULL;
    struct stg_dataset_writer *writer = NULL;
    if (first != NULL) {
        recipe = *stg_dataset_recipe(first);
        STG_TRY(stg_vocab_copy(&vocab, stg_dataset_vocab(first)));
        stg_vocab_extend(&vocab);
    } else {
        stg_recipe_default(&recipe);
        recipe.cut = STG_CUT_WINDOW; /* every trace has windows; docs/howto/cut.md says what is better where */
        recipe.window = 50;
        STG_TRY(stg_vocab_init(&vocab));
    }
    STG_TRY(stg_prepare_resolve(&recipe, stg_import_open, trace, format, &source));
    if (source == NULL) {
        STG_TRY(stg_import_open(&source, trace, format));
    }
    STG_TRY(stg_dataset_writer_open(&writer, path, &recipe));
    STG_TRY(stg_prepare_source(writer, &recipe, &vocab, source, NULL, NULL));
    STG_TRY(stg_dataset_writer_commit(writer, &vocab));
out:
    stg_dataset_writer_free(writer);
    stg_source_close(source);
    stg_vocab_fini(&vocab);
    return status;
}

/* An n-gram of the first three quarters of d; the rest says how surprising known sequences get. */
static enum stg_status learn(struct stg_model **out, const struct stg_dataset *d, struct stg_pool *pool)
{
    enum stg_status status = STG_OK;
    struct stg_score *scores = NULL;
    struct stg_corpus all, part;
    struct stg_model_settings settings;
    struct stg_train_settings how;
    struct stg_train_result result;
    stg_dataset_corpus(d, &all);
    struct stg_slice slice = {.corpus = &all, .n = all.n * 3 / 4};
    stg_model_settings_default(&settings); /* an n-gram */
    stg_train_settings_default(&how, settings.kind);
    STG_TRY(stg_model_new(out, &settings, stg_dataset_recipe(d), stg_dataset_vocab(d)));
    stg_slice_corpus(&slice, &part);
    STG_TRY(stg_train(*out, &part, NULL, &how, pool, &result));
    slice = (struct stg_slice){.corpus = &all, .first = slice.n, .n = all.n - slice.n};
    stg_slice_corpus(&slice, &part);
    STG_TRY(stg_mem_zeroed(&scores, part.n, sizeof *scores));
    STG_TRY(stg_score_corpus(*out, &part, pool, NULL, scores));
    STG_TRY(stg_calibrate(*out, scores, part.n));
    STG_TRY(stg_model_save(*out, "learnt.model"));
out:
    stg_mem_free(scores);
    return status;
}

/* The three events that are most to blame. */
static enum stg_status explain(const struct stg_model *m, const struct stg_dataset *d, size_t i)
{
    struct stg_seq seq;
    struct stg_explanation why;
    stg_dataset_get(d, i, &seq);
    STG_RETURN_IF_FAILED(stg_explain(&why, m, &seq, stg_dataset_vocab(d), 1));
    for (size_t k = 0; k < why.n && k < 3; k++) {
        const struct stg_explained_event *e = &why.events[why.ranked[k]];
        const char *call = e->index == UINT32_MAX ? "the end" : stg_strings_get(why.names->calls, e->call);
        printf("  %s (%s): %.2f nats\n", call, stg_field_name((enum stg_field)e->field), (double)e->blame);
    }
    stg_explanation_fini(&why);
    return STG_OK;
}

static enum stg_status judge(const struct stg_model *m, const struct stg_dataset *d, struct stg_pool *pool)
{
    enum stg_status status = STG_OK;
    const enum stg_aggregate by = stg_aggregate_default(m);
    struct stg_score *scores = NULL;
    struct stg_corpus corpus;
    size_t worst = 0;
    stg_dataset_corpus(d, &corpus);
    STG_TRY(stg_mem_zeroed(&scores, corpus.n, sizeof *scores));
    STG_TRY(stg_score_corpus(m, &corpus, pool, NULL, scores));
    for (size_t i = 1; i < corpus.n; i++) {
        worst = scores[i].value[by] > scores[worst].value[by] ? i : worst;
    }
    if (corpus.n > 0) {
        printf("sequence %zu of %zu: p-value %.3g\n", worst, corpus.n,
               stg_p_value(m, by, (double)scores[worst].value[by]));
        STG_TRY(explain(m, d, worst));
    }
out:
    stg_mem_free(scores);
    return status;
}

static enum stg_status run(const char *known, const char *new_one, const char *format)
{
    enum stg_status status = STG_OK;
    struct stg_pool *pool = NULL;
    struct stg_dataset *first = NULL, *second = NULL;
    struct stg_model *m = NULL;
    STG_TRY(stg_pool_new(&pool, 0)); /* one thread for each processor */
    STG_TRY(prepare("known.data", known, format, NULL));
    STG_TRY(stg_dataset_open(&first, "known.data", pool));
    STG_TRY(learn(&m, first, pool));
    STG_TRY(prepare("new.data", new_one, format, first));
    STG_TRY(stg_dataset_open(&second, "new.data", pool));
    STG_TRY(judge(m, second, pool));
out:
    stg_model_free(m);
    stg_dataset_free(second);
    stg_dataset_free(first);
    stg_pool_free(pool);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4) {
        fputs("usage: learn KNOWN NEW [FORMAT]\n", stderr);
        return 2;
    }
    if (run(argv[1], argv[2], argc == 4 ? argv[3] : NULL) != STG_OK) {
        fprintf(stderr, "learn: %s\n", stg_status_message());
        return 2;
    }
    return 0;
}
