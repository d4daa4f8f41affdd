/* CTF import: traces, streams and event classes as they appear, and whether threads can be told apart at all. */
#include "import/ctf_internal.h"

#include "base/memory.h"

#include <babeltrace2/babeltrace.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint64_t key_of(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

static bool environment_is(const bt_trace *trace, const char *key, const char *text)
{
    const bt_value *value = bt_trace_borrow_environment_entry_value_by_name_const(trace, key);
    return value != NULL && bt_value_is_string(value) && strcmp(bt_value_string_get(value), text) == 0;
}

static enum ctf_domain domain_of(const bt_trace *trace)
{
    if (environment_is(trace, "tracer_name", "strange")) {
        return CTF_DOMAIN_STRANGE;
    }
    if (environment_is(trace, "domain", "kernel")) {
        return CTF_DOMAIN_KERNEL;
    }
    return environment_is(trace, "domain", "ust") ? CTF_DOMAIN_UST : CTF_DOMAIN_UNKNOWN;
}

/* The environment as "key=value"; what several traces say alike comes once. */
static enum stg_status take_facts(struct ctf_reader *r, const bt_trace *trace)
{
    const uint64_t n = bt_trace_get_environment_entry_count(trace);
    char text[CTF_TEXT_LEN + 1];
    for (uint64_t i = 0; i < n; i++) {
        const char *key = NULL;
        const bt_value *value = NULL;
        uint32_t id = 0;
        bt_trace_borrow_environment_entry_by_index_const(trace, i, &key, &value);
        const int len = bt_value_is_string(value)
                            ? snprintf(text, sizeof text, "%s=%s", key, bt_value_string_get(value))
                            : snprintf(text, sizeof text, "%s=%" PRId64, key, bt_value_integer_signed_get(value));
        if (len > 0) {
            STG_RETURN_IF_FAILED(ctf_writer_string(&r->writer, CTF_FACTS, text, strlen(text), &id));
        }
    }
    return STG_OK;
}

enum stg_status ctf_reader_class(struct ctf_reader *r, const struct bt_event_class *class, uint32_t i_trace,
                                 uint32_t *i)
{
    *i = ctf_map_get(&r->class_map, key_of(class));
    if (*i != CTF_MAP_NONE) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->classes, &r->cap_classes, r->n_classes + 1, sizeof *r->classes));
    ctf_class_describe(&r->classes[r->n_classes], class, r->traces[i_trace].domain);
    STG_RETURN_IF_FAILED(ctf_map_put(&r->class_map, key_of(class), (uint32_t)r->n_classes));
    *i = (uint32_t)r->n_classes++;
    return STG_OK;
}

/* What the classes of a trace offer. */
struct survey {
    bool has_switch;    /* sched_switch */
    bool has_exit_open; /* exit_syscall */
    bool has_blind;     /* system calls without a thread id */
};

static enum stg_status survey_classes(struct ctf_reader *r, const bt_trace *trace, uint32_t i_trace, struct survey *out)
{
    const bt_trace_class *trace_class = bt_trace_borrow_class_const(trace);
    const uint64_t n_streams = bt_trace_class_get_stream_class_count(trace_class);
    for (uint64_t i = 0; i < n_streams; i++) {
        const bt_stream_class *stream_class = bt_trace_class_borrow_stream_class_by_index_const(trace_class, i);
        const uint64_t n = bt_stream_class_get_event_class_count(stream_class);
        for (uint64_t j = 0; j < n; j++) {
            uint32_t at = 0;
            STG_RETURN_IF_FAILED(
                ctf_reader_class(r, bt_stream_class_borrow_event_class_by_index_const(stream_class, j), i_trace, &at));
            const struct ctf_class *c = &r->classes[at];
            const bool is_call = c->kind != CTF_SKIP && c->kind != CTF_MARKER && c->kind < CTF_SWITCH;
            out->has_switch = out->has_switch || c->kind == CTF_SWITCH;
            r->writer.totals.has_sequences |= c->kind == CTF_BEGIN;
            out->has_exit_open = out->has_exit_open || c->kind == CTF_EXIT_OPEN;
            out->has_blind = out->has_blind || (is_call && c->tid.scope == CTF_NOWHERE);
        }
    }
    return STG_OK;
}

static enum stg_status begin_trace(struct ctf_reader *r, const bt_trace *trace, uint32_t *i)
{
    struct survey survey = {0};
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->traces, &r->cap_traces, r->n_traces + 1, sizeof *r->traces));
    *i = (uint32_t)r->n_traces++;
    r->traces[*i] = (struct ctf_trace_state){.domain = domain_of(trace)};
    STG_RETURN_IF_FAILED(ctf_map_put(&r->trace_map, key_of(trace), *i));
    if (!r->skip_facts) {
        STG_RETURN_IF_FAILED(take_facts(r, trace));
    }
    STG_RETURN_IF_FAILED(survey_classes(r, trace, *i, &survey));
    r->traces[*i].has_exit_open = survey.has_exit_open;
    if (survey.has_blind && !survey.has_switch) {
        return stg_fail(STG_ERR_INPUT,
                        "no thread ids: the trace has neither a tid or vtid context nor sched_switch events: record it "
                        "after `lttng add-context -k -t tid -t pid -t procname`");
    }
    return STG_OK;
}

enum stg_status ctf_reader_begin_stream(struct ctf_reader *r, const struct bt_stream *stream)
{
    const bt_trace *trace = bt_stream_borrow_trace_const(stream);
    const bt_clock_class *clock =
        bt_stream_class_borrow_default_clock_class_const(bt_stream_borrow_class_const(stream));
    uint32_t i_trace = ctf_map_get(&r->trace_map, key_of(trace));
    if (i_trace == CTF_MAP_NONE) {
        STG_RETURN_IF_FAILED(begin_trace(r, trace, &i_trace));
    }
    if (clock == NULL || !bt_clock_class_origin_is_unix_epoch(clock)) {
        r->writer.totals.has_clock = 0;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->streams, &r->cap_streams, r->n_streams + 1, sizeof *r->streams));
    r->streams[r->n_streams] =
        (struct ctf_stream){.i_trace = i_trace, .i_cpu = CTF_MAP_NONE, .has_time = clock != NULL};
    r->last_stream = NULL;
    return ctf_map_put(&r->stream_map, key_of(stream), (uint32_t)r->n_streams++);
}

static enum stg_status find_cpu(struct ctf_reader *r, uint32_t i_trace, int32_t number, uint32_t *i)
{
    const uint64_t key = ((uint64_t)i_trace + 1) << 32 | (uint32_t)number;
    *i = ctf_map_get(&r->cpu_map, key);
    if (*i != CTF_MAP_NONE) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->cpus, &r->cap_cpus, r->n_cpus + 1, sizeof *r->cpus));
    r->cpus[r->n_cpus] = (struct ctf_cpu){.number = number, .comm = STG_NAME_NONE};
    STG_RETURN_IF_FAILED(ctf_map_put(&r->cpu_map, key, (uint32_t)r->n_cpus));
    *i = (uint32_t)r->n_cpus++;
    return STG_OK;
}

/* The packet's CPU. A member that is not there, or not an integer, leaves it unknown. */
enum stg_status ctf_reader_begin_packet(struct ctf_reader *r, const struct bt_packet *packet)
{
    const uint32_t i_stream = ctf_map_get(&r->stream_map, key_of(bt_packet_borrow_stream_const(packet)));
    const bt_field *context = bt_packet_borrow_context_field_const(packet);
    if (i_stream == CTF_MAP_NONE || context == NULL) {
        return STG_OK;
    }
    const bt_field *field = bt_field_structure_borrow_member_field_by_name_const(context, "cpu_id");
    if (field == NULL ||
        !bt_field_class_type_is(bt_field_get_class_type(field), BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER)) {
        return STG_OK;
    }
    const uint64_t number = bt_field_integer_unsigned_get_value(field);
    struct ctf_stream *s = &r->streams[i_stream];
    if (number > INT32_MAX) {
        s->i_cpu = CTF_MAP_NONE;
        return STG_OK;
    }
    return find_cpu(r, s->i_trace, (int32_t)number, &s->i_cpu);
}
