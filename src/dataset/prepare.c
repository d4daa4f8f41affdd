#include "dataset/prepare.h"

#include "base/interrupt.h"
#include "base/log.h"
#include "event/marker.h"

#include <string.h>

#define RESOLVE_EVENTS 1000000

/* The markers between which a trace says that its requests are. */
struct own_markers {
    char begin[STG_MARKER_NAME_SIZE], end[STG_MARKER_NAME_SIZE];
};

static enum stg_status put_fact(void *context, const char *key, const char *value)
{
    struct own_markers *own = context;
    char *to = strcmp(key, STG_MARKER_FACT_BEGIN) == 0 ? own->begin
               : strcmp(key, STG_MARKER_FACT_END) == 0 ? own->end
                                                       : NULL;
    if (to != NULL && strlen(value) < STG_MARKER_NAME_SIZE) {
        memcpy(to, value, strlen(value) + 1);
    }
    return STG_OK;
}

static enum stg_status take_own_markers(struct stg_recipe *recipe, const struct stg_source *source)
{
    struct stg_source_info info;
    struct own_markers own = {{0}, {0}};
    stg_source_info(source, &info);
    STG_RETURN_IF_FAILED(stg_source_each_fact(&info, put_fact, &own));
    const bool good = own.begin[0] != '\0' && own.end[0] != '\0' && strcmp(own.begin, own.end) != 0;
    if (good && !stg_recipe_set_markers(recipe, own.begin, own.end)) {
        return stg_fail(STG_ERR_INTERNAL, "a marker's name is longer than a recipe has room for");
    }
    return STG_OK;
}

/* What the first events, and what comes with them, say about the cut rule. */
static enum stg_status detect(struct stg_source *source, struct stg_recipe *recipe)
{
    const bool wants_rule = recipe->cut == STG_CUT_AUTO;
    uint32_t wanted = STG_STRINGS_NONE;
    size_t n_seen = 0;
    recipe->cut = wants_rule ? STG_CUT_THREAD : recipe->cut;
    while (n_seen < RESOLVE_EVENTS) {
        const struct stg_event *events;
        size_t n;
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        STG_RETURN_IF_FAILED(stg_source_next(source, &events, &n));
        if (n_seen == 0 && recipe->own_markers) {
            STG_RETURN_IF_FAILED(take_own_markers(recipe, source));
        }
        if (n == 0 || !wants_rule) {
            break;
        }
        if (wanted == STG_STRINGS_NONE) {
            wanted = stg_strings_find(source->names, recipe->begin, strlen(recipe->begin));
        }
        for (size_t i = 0; i < n; i++) {
            if (events[i].kind == STG_EVENT_BEGIN) {
                recipe->cut = STG_CUT_GIVEN;
                return STG_OK;
            }
            if (events[i].kind == STG_EVENT_MARKER && events[i].name == wanted && wanted != STG_STRINGS_NONE) {
                recipe->cut = STG_CUT_REQUEST;
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
    if (recipe->cut == STG_CUT_AUTO || (recipe->cut == STG_CUT_REQUEST && recipe->own_markers)) {
        struct stg_source_info info;
        STG_TRY(open(&source, path, format));
        stg_source_info(source, &info);
        if (info.has_sequences || info.no_markers) {
            recipe->cut = recipe->cut != STG_CUT_AUTO ? recipe->cut
                          : info.has_sequences        ? STG_CUT_GIVEN
                                                      : STG_CUT_THREAD;
            *opened = source;
            source = NULL;
        } else {
            STG_TRY(detect(source, recipe));
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

/* What was asked for by process is not what came. */
static void say_one_process(const struct stg_recipe *r, const struct stg_cutter *cutter, const char *path)
{
    struct stg_cut_counts counts;
    stg_cutter_counts(cutter, &counts);
    const bool by_process = r->cut == STG_CUT_PROCESS || (r->scope == STG_SCOPE_PROCESS && r->cut != STG_CUT_GIVEN);
    if (by_process && counts.n_events > 0 && !stg_cutter_tells_processes(cutter)) {
        stg_log(STG_LOG_WARN,
                "%s: has no process ids, so all its threads count as one process: record them (perf script -F +pid, "
                "lttng add-context -k -t pid), or take %s",
                path, r->cut == STG_CUT_PROCESS ? "--cut thread" : "--scope thread");
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
    say_one_process(recipe, cutter, info.path);
    trace.path = info.path;
    trace.format = info.format;
    trace.files = info.files;
    trace.n_files = info.n_files;
    stg_cutter_counts(cutter, &trace.counts);
    STG_TRY(stg_dataset_writer_trace(w, &trace));
    if (counts != NULL) {
        *counts = trace.counts;
    }
out:
    stg_cutter_free(cutter);
    return status;
}
