#include "cli/prepare_markers.h"

#include "base/buffer.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/memory.h"
#include "import/import.h"

#include <string.h>

#define MAX_EVENTS 1000000
#define MAX_NAMED  8

/* The option whose marker occurs in none of the traces, and the name that was looked for; NULL when all occur. */
static const char *missing(const struct stg_recipe *r, const struct stg_cut_counts *c, const char **name)
{
    if (r->cut != STG_CUT_REQUEST) {
        return NULL;
    }
    *name = c->n_begins == 0 ? r->begin : c->n_ends == 0 ? r->end : r->confirm;
    return c->n_begins == 0                              ? "--begin"
           : c->n_ends == 0                              ? "--end"
           : c->n_confirms == 0 && r->confirm[0] != '\0' ? "--confirm"
                                                         : NULL;
}

/* Names of markers, in the order in which they occur first. */
static enum stg_status collect(struct stg_strings *markers, struct stg_source *source)
{
    for (size_t n_seen = 0, n; n_seen < MAX_EVENTS; n_seen += n) {
        const struct stg_event *events;
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        STG_RETURN_IF_FAILED(stg_source_next(source, &events, &n));
        if (n == 0) {
            break;
        }
        for (size_t i = 0; i < n; i++) {
            uint32_t id;
            if (events[i].kind == STG_EVENT_MARKER && events[i].name < stg_strings_count(source->names)) {
                const char *name = stg_strings_get(source->names, events[i].name);
                STG_RETURN_IF_FAILED(stg_strings_put(markers, name, strlen(name), &id));
            }
        }
    }
    return STG_OK;
}

static enum stg_status list(struct stg_buffer *out, const struct stg_strings *markers)
{
    const size_t n = stg_strings_count(markers);
    if (n == 0) {
        return stg_buffer_printf(out, "the trace has no markers; try another --cut");
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "the trace has "));
    for (size_t i = 0; i < n && i < MAX_NAMED; i++) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%s%s", i > 0 ? ", " : "", stg_strings_get(markers, (uint32_t)i)));
    }
    return n > MAX_NAMED ? stg_buffer_printf(out, " and %zu more", n - MAX_NAMED) : STG_OK;
}

enum stg_status stg_prepare_check_markers(const struct stg_recipe *recipe, const struct stg_cut_counts *counts,
                                          const char *path, const char *format, bool *said)
{
    enum stg_status status = STG_OK;
    struct stg_source *source = NULL;
    struct stg_strings *markers = NULL;
    struct stg_buffer text = STG_BUFFER_INIT;
    const char *name = NULL;
    const char *option = missing(recipe, counts, &name);
    *said = option != NULL;
    if (option == NULL) {
        return STG_OK;
    }
    STG_TRY(stg_strings_new(&markers));
    if (strcmp(path, "-") != 0) { /* a pipe has been read; and what comes through one has no markers */
        STG_TRY(stg_import_open(&source, path, format));
        STG_TRY(collect(markers, source));
    }
    STG_TRY(list(&text, markers));
    stg_log(STG_LOG_WARN, "%s: the marker %s does not occur: %s", option, name, text.data);
out:
    stg_source_close(source);
    stg_strings_free(markers);
    stg_buffer_fini(&text);
    return status;
}
