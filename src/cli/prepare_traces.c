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

/* Who names the marker that confirms requests wants requests, and the automatic rule found none. */
static enum stg_status check_confirm(const struct stg_recipe *r, bool was_auto, const char *path)
{
    if (!was_auto || r->confirm[0] == '\0' || r->cut == STG_CUT_REQUEST) {
        return STG_OK;
    }
    return r->cut == STG_CUT_GIVEN
               ? stg_fail(STG_ERR_INPUT, "%s: has sequences of its own, not requests: leave --confirm out", path)
               : stg_fail(STG_ERR_INPUT,
                          "%s: has no requests to confirm, as none of its first million events is the marker %s: name "
                          "another one with --begin and --end, or leave --confirm out",
                          path, r->begin);
}

enum stg_status stg_prepare_traces(const char *out, const char *const *paths, size_t n, const char *format,
                                   struct stg_recipe *recipe, struct stg_vocab *vocab, struct stg_cut_counts *counts,
                                   const struct stg_cli *cli)
{
    enum stg_status status = STG_OK;
    struct stg_dataset_writer *w = NULL;
    struct stg_source *source = NULL;
    char date[21];
    const bool was_auto = recipe->cut == STG_CUT_AUTO;
    stg_clock_date(date);
    STG_TRY(stg_prepare_resolve(recipe, stg_import_open, paths[0], format, &source));
    STG_TRY(check_confirm(recipe, was_auto, paths[0]));
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
