#include "cli/prepare_traces.h"

#include "cli/input.h"

#include "base/clock.h"
#include "dataset/prepare.h"
#include "import/import.h"

static enum stg_status prepare_one(struct stg_dataset_writer *w, struct stg_source *source,
                                   const struct stg_recipe *recipe, struct stg_vocab *vocab,
                                   struct stg_cut_counts *counts, const struct stg_cli *cli)
{
    struct stg_progress progress;
    struct stg_progress *p = stg_cli_progress(cli, &progress, "cut", "", 0);
    const enum stg_status status = stg_prepare_source(w, recipe, vocab, source, p, counts);
    stg_progress_finish(p);
    return status;
}

enum stg_status stg_prepare_traces(const char *out, const char *const *paths, size_t n, const char *format,
                                   struct stg_recipe *recipe, struct stg_vocab *vocab, struct stg_cut_counts *counts,
                                   const struct stg_cli *cli)
{
    enum stg_status status = STG_OK;
    struct stg_dataset_writer *w = NULL;
    struct stg_source *source = NULL;
    char date[21];
    stg_clock_date(date);
    STG_TRY(stg_prepare_resolve(recipe, stg_import_open, paths[0], format, &source));
    STG_TRY(stg_dataset_writer_open(&w, out, recipe));
    STG_TRY(stg_dataset_writer_meta(w, "command", cli->line == NULL ? "" : cli->line));
    STG_TRY(stg_dataset_writer_meta(w, "date", date));
    STG_TRY(stg_dataset_writer_meta(w, "version", STG_VERSION));
    for (size_t i = 0; i < n; i++) {
        if (source == NULL) {
            STG_TRY(stg_import_open(&source, paths[i], format));
        }
        STG_TRY(prepare_one(w, source, recipe, vocab, counts == NULL ? NULL : &counts[i], cli));
        stg_source_close(source);
        source = NULL;
    }
    STG_TRY(stg_dataset_writer_commit(w, vocab));
out:
    stg_source_close(source);
    stg_dataset_writer_free(w);
    return status;
}
