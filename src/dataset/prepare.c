#include "dataset/prepare.h"

#include "base/interrupt.h"


#include <string.h>

#define RESOLVE_EVENTS 1000000

/* What the first events say about the cut rule. */
static enum stg_status detect(struct stg_source *source, const char *begin, enum stg_cut *cut)
{
    uint32_t wanted = STG_STRINGS_NONE;
    size_t n_seen = 0;
    *cut = STG_CUT_THREAD;
    while (n_seen < RESOLVE_EVENTS) {
        const struct stg_event *events;
        size_t n;
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        STG_RETURN_IF_FAILED(stg_source_next(source, &events, &n));
        if (n == 0) {
            break;
        }
        if (wanted == STG_STRINGS_NONE) {
            wanted = stg_strings_find(source->names, begin, strlen(begin));
        }
        for (size_t i = 0; i < n; i++) {
            if (events[i].kind == STG_EVENT_BEGIN) {
                *cut = STG_CUT_GIVEN;
                return STG_OK;
            }
            if (events[i].kind == STG_EVENT_MARKER && events[i].name == wanted && wanted != STG_STRINGS_NONE) {
                *cut = STG_CUT_REQUEST;
                return STG_OK;
            }
        }
        n_seen += n;
    }
    return STG_OK;
}

enum stg_status stg_prepare_resolve(struct stg_recipe *recipe, stg_prepare_open open, const char *path,
                                    const char *format, struct stg_source **opened)
{
    enum stg_status status = STG_OK;
    struct stg_source *source = NULL;
    *opened = NULL;
    if (recipe->cut == STG_CUT_AUTO) {
        struct stg_source_info info;
        STG_TRY(open(&source, path, format));
        stg_source_info(source, &info);
        if (info.has_sequences || info.no_markers) {
            recipe->cut = info.has_sequences ? STG_CUT_GIVEN : STG_CUT_THREAD;
            *opened = source;
            source = NULL;
        } else {
            STG_TRY(detect(source, recipe->begin, &recipe->cut));
        }
    }
    stg_recipe_settle(recipe);
out:
    stg_source_close(source);
    return status;
}

static enum stg_status take(void *context, const struct stg_seq *seq)
{
    return stg_dataset_writer_put(context, seq);
}

static enum stg_status drive(struct stg_cutter *cutter, struct stg_source *source, struct stg_progress *progress)
{
    for (;;) {
        const struct stg_event *events;
        size_t n;
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        STG_RETURN_IF_FAILED(stg_source_next(source, &events, &n));
        if (n == 0) {
            return stg_cutter_finish(cutter);
        }
        STG_RETURN_IF_FAILED(stg_cutter_put(cutter, events, n));
        if (progress != NULL) {
            struct stg_source_info info;
            stg_source_info(source, &info);
            progress->total = info.total;
            stg_progress_update(progress, info.done);
        }
    }
}

enum stg_status stg_prepare_source(struct stg_dataset_writer *w, const struct stg_recipe *recipe,
                                   struct stg_vocab *vocab, struct stg_source *source, struct stg_progress *progress,
                                   struct stg_cut_counts *counts)
{
    enum stg_status status;
    struct stg_cutter *cutter = NULL;
    struct stg_source_info info;
    struct stg_dataset_trace trace = {0};
    STG_TRY(stg_cutter_new(&cutter, recipe, vocab, take, w));
    STG_TRY(stg_cutter_begin(cutter, stg_dataset_writer_traces(w), source->names, source->comms));
    STG_TRY(drive(cutter, source, progress));
    stg_source_info(source, &info);
    trace.path = info.path;
    trace.format = info.format;
    stg_cutter_counts(cutter, &trace.counts);
    STG_TRY(stg_dataset_writer_trace(w, &trace));
    if (counts != NULL) {
        *counts = trace.counts;
    }
out:
    stg_cutter_free(cutter);
    return status;
}
