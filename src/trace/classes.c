/* CTF writer: event classes, declared when the first event of them comes. */
#include "trace/ctf_internal.h"

#include "base/memory.h"
#include "event/syscalls.h"

#include <string.h>

#define U64 "integer { size = 64; align = 8; signed = 0; encoding = none; base = 16; }"
#define S64 "integer { size = 64; align = 8; signed = 1; encoding = none; base = 10; }"
#define S32 "integer { size = 32; align = 8; signed = 1; encoding = none; base = 10; }"

void trace_classes_fini(struct trace_classes *c)
{
    for (size_t i = 0; i < c->cap; i++) {
        stg_mem_free(c->rows[i]);
    }
    stg_mem_free(c->rows);
    stg_mem_free(c->items);
    stg_buffer_fini(&c->text);
    *c = (struct trace_classes){0};
}

enum stg_status trace_put_quoted(struct stg_buffer *b, const char *text)
{
    STG_RETURN_IF_FAILED(stg_buffer_put(b, "\"", 1));
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            STG_RETURN_IF_FAILED(stg_buffer_put(b, "\\", 1));
        }
        const char c = (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text;
        STG_RETURN_IF_FAILED(stg_buffer_put(b, &c, 1));
    }
    return stg_buffer_put(b, "\"", 1);
}

/* The event's name. A marker whose name would read as something else is told apart by a prefix, which the importer
 * takes off. */
static enum stg_status put_name(struct stg_buffer *b, const struct stg_event *e, const char *name)
{
    enum stg_status status = STG_OK;
    struct stg_buffer full = STG_BUFFER_INIT;
    const char *prefix = "", *rest = NULL;
    if (*name == '\0') {
        name = "unknown";
    }
    if (e->kind == STG_EVENT_ENTRY) {
        prefix = "syscall_entry_";
    } else if (e->kind == STG_EVENT_EXIT) {
        prefix = "syscall_exit_";
    } else if (e->kind == STG_EVENT_BEGIN || e->kind == STG_EVENT_END) {
        name = e->kind == STG_EVENT_BEGIN ? "strange:begin" : "strange:end";
    } else if (stg_syscall_classify(name, &rest) != STG_EVENT_MARKER || strcmp(name, "sched_switch") == 0 ||
               strcmp(name, "sched:sched_switch") == 0 || strncmp(name, "marker:", 7) == 0 ||
               strncmp(name, "strange:", 8) == 0) {
        prefix = "marker:";
    }
    STG_TRY(stg_buffer_printf(&full, "%s%s", prefix, name));
    STG_TRY(trace_put_quoted(b, full.data));
out:
    stg_buffer_fini(&full);
    return status;
}

static enum stg_status put_args(struct stg_buffer *b, const struct stg_event *e, const char *name)
{
    const char *const *names = e->kind == STG_EVENT_ENTRY ? stg_syscall_arg_names(name) : NULL;
    for (unsigned i = 0; i < e->n_args && i < STG_EVENT_MAX_ARGS; i++) {
        if (names != NULL && names[i] != NULL) {
            STG_RETURN_IF_FAILED(stg_buffer_printf(b, "\t\t" U64 " _%s;\n", names[i]));
            continue;
        }
        names = NULL; /* past the last one */
        STG_RETURN_IF_FAILED(
            stg_buffer_printf(b, "\t\t" U64 " _%s%u;\n", e->kind == STG_EVENT_ENTRY ? "register_" : "arg", i));
    }
    return STG_OK;
}

static enum stg_status put_class(struct stg_buffer *b, const struct stg_event *e, const char *name, uint32_t id)
{
    STG_RETURN_IF_FAILED(stg_buffer_printf(b, "event {\n\tname = "));
    STG_RETURN_IF_FAILED(put_name(b, e, name));
    STG_RETURN_IF_FAILED(stg_buffer_printf(b, ";\n\tid = %u;\n\tstream_id = 0;\n", id));
    if (e->kind <= STG_EVENT_MARKER && (e->has & (STG_HAS_FD | STG_HAS_PATH | STG_HAS_RUNNABLE)) != 0) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(b, "\tcontext := struct {\n%s%s%s\t};\n",
                                               (e->has & STG_HAS_RUNNABLE) != 0 ? "\t\tuint8_t _runnable;\n" : "",
                                               (e->has & STG_HAS_FD) != 0 ? "\t\tfd_kind_t _fd_kind;\n" : "",
                                               (e->has & STG_HAS_PATH) != 0 ? "\t\tstring _path;\n" : ""));
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(b, "\tfields := struct {\n"));
    if (e->kind == STG_EVENT_ENTRY || e->kind == STG_EVENT_MARKER) {
        STG_RETURN_IF_FAILED(put_args(b, e, name));
    } else if (e->kind == STG_EVENT_EXIT && (e->has & STG_HAS_RET) != 0) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(b, "\t\t" S64 " _ret;\n"));
    } else if (e->kind == STG_EVENT_EXIT && (e->has & STG_HAS_CLASS) != 0) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(b, "\t\t" S32 " _ret_class;\n"));
    }
    return stg_buffer_printf(b, "\t};\n};\n\n");
}

enum stg_status trace_classes_add(struct trace_classes *c, const struct stg_event *e, const struct stg_strings *names,
                                  uint32_t *id)
{
    const size_t i_row = e->name == STG_NAME_NONE ? 0 : (size_t)e->name + 1;
    const size_t before = c->cap;
    if (e->name != STG_NAME_NONE && e->name >= stg_strings_count(names)) {
        return stg_fail(STG_ERR_INTERNAL, "an event has the name %u, of %zu names", e->name, stg_strings_count(names));
    }
    if (c->n == TRACE_MAX_CLASSES) {
        return stg_fail(STG_ERR_UNSUPPORTED, "more than %d different events: CTF ids are at their end",
                        TRACE_MAX_CLASSES);
    }
    if (i_row >= c->cap) {
        STG_RETURN_IF_FAILED(stg_mem_grow(&c->rows, &c->cap, i_row + 1, sizeof *c->rows));
        memset(c->rows + before, 0, (c->cap - before) * sizeof *c->rows);
    }
    if (c->rows[i_row] == NULL) {
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->rows[i_row], TRACE_N_SHAPES, sizeof *c->rows[i_row]));
        memset(c->rows[i_row], 0xff, TRACE_N_SHAPES * sizeof *c->rows[i_row]);
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&c->items, &c->cap_items, c->n + 1, sizeof *c->items));
    const size_t text = c->text.len;
    const enum stg_status status =
        put_class(&c->text, e, e->name == STG_NAME_NONE ? "" : stg_strings_get(names, e->name), c->n);
    if (status != STG_OK) {
        c->text.len = text; /* no half declaration */
        return status;
    }
    c->items[c->n] = (struct trace_class){text, c->text.len, UINT64_MAX};
    *id = c->n++;
    c->rows[i_row][trace_shape(e)] = (uint16_t)*id;
    return STG_OK;
}
