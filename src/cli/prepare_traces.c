#include "cli/prepare_traces.h"

#include "cli/input.h"

#include "base/clock.h"
#include "dataset/prepare.h"
#include "import/import.h"

static enum stg_status prepare_one(struct stg_dataset_writer *w, const char *path, const char *format,
                                   const struct stg_recipe *recipe, struct stg_vocab *vocab,
                                   struct stg_cut_counts *counts, const struct stg_cli *cli)
{
    struct stg_source *source = NULL;
    struct stg_progress progress;
    STG_RETURN_IF_FAILED(stg_import_open(&source, path, format));
    struct stg_progress *p = stg_cli_progress(cli, &progress, "cut", "", 0);
    const enum stg_status status = stg_prepare_source(w, recipe, vocab, source, p, counts);
    stg_progress_finish(p);
    stg_source_close(source);
    return status;
}

enum stg_status stg_prepare_traces(const char *out, const char *const *paths, size_t n, const char *format,
                                   struct stg_recipe *recipe, struct stg_vocab *vocab, struct stg_cut_counts *counts,
                                   const struct stg_cli *cli)
{
    enum stg_status status = STG_OK;
    struct stg_dataset_writer *w = NULL;
    char date[21];
    stg_clock_date(date);
    STG_TRY(stg_prepare_resolve(recipe, stg_import_open, paths[0], format));
    STG_TRY(stg_dataset_writer_open(&w, out, recipe));
    STG_TRY(stg_dataset_writer_meta(w, "command", cli->line == NULL ? "" : cli->line));
    STG_TRY(stg_dataset_writer_meta(w, "date", date));
    STG_TRY(stg_dataset_writer_meta(w, "version", STG_VERSION));
    for (size_t i = 0; i < n; i++) {
        STG_TRY(prepare_one(w, paths[i], format, recipe, vocab, counts == NULL ? NULL : &counts[i], cli));
    }
    STG_TRY(stg_dataset_writer_commit(w, vocab));
out:
    stg_dataset_writer_free(w);
    return status;
}
