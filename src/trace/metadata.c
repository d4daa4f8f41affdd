/* CTF writer: the metadata, as text (TSDL). The layout is LTTng's: its readers recognise it. */
#include "trace/ctf_internal.h"

#include "event/syscalls.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NS_PER_S INT64_C(1000000000)

void trace_uuid_make(uint8_t uuid[16])
{
    memset(uuid, 0, 16);
    if (getrandom(uuid, 16, GRND_NONBLOCK) != 16) {
        /* An early-boot kernel without random numbers: two traces of the same time would only look like one. */
        (void)snprintf((char *)uuid, 16, "%p", (void *)uuid);
    }
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* version 4 */
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

static enum stg_status put_uuid(struct stg_buffer *b, const uint8_t uuid[16])
{
    for (int i = 0; i < 16; i++) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(b, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]));
    }
    return STG_OK;
}

static enum stg_status put_types(struct stg_buffer *b)
{
    STG_RETURN_IF_FAILED(stg_buffer_printf(b,
                                           "/* CTF 1.8 */\n\n"
                                           "typealias integer { size = 8; align = 8; signed = false; } := uint8_t;\n"
                                           "typealias integer { size = 16; align = 8; signed = false; } := uint16_t;\n"
                                           "typealias integer { size = 32; align = 8; signed = false; } := uint32_t;\n"
                                           "typealias integer { size = 64; align = 8; signed = false; } := uint64_t;\n"
                                           "typealias enum : uint8_t {\n"));
    for (unsigned i = 0; i < STG_N_FD_KINDS; i++) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(b, "\t\"%s\" = %u,\n", stg_fd_kind_name(i), i));
    }
    return stg_buffer_printf(b, "} := fd_kind_t;\n\n");
}

static enum stg_status put_trace(struct stg_buffer *b, const uint8_t uuid[16])
{
    STG_RETURN_IF_FAILED(stg_buffer_printf(b, "trace {\n\tmajor = 1;\n\tminor = 8;\n\tuuid = \""));
    STG_RETURN_IF_FAILED(put_uuid(b, uuid));
    return stg_buffer_printf(b, "\";\n\tbyte_order = le;\n"
                                "\tpacket.header := struct {\n"
                                "\t\tuint32_t magic;\n"
                                "\t\tuint8_t uuid[16];\n"
                                "\t\tuint32_t stream_id;\n"
                                "\t\tuint64_t stream_instance_id;\n"
                                "\t};\n};\n\n");
}

static enum stg_status put_text(struct stg_buffer *b, const char *key, const char *value)
{
    STG_RETURN_IF_FAILED(stg_buffer_printf(b, "\t%s = ", key));
    STG_RETURN_IF_FAILED(trace_put_quoted(b, value));
    return stg_buffer_printf(b, ";\n");
}

static enum stg_status put_number(struct stg_buffer *b, const char *key, uint64_t value)
{
    return stg_buffer_printf(b, "\t%s = %" PRIu64 ";\n", key, value);
}

/* What the writer itself knows. */
static enum stg_status put_own_facts(struct stg_buffer *b, const struct stg_ctf_writer *w, bool complete)
{
    const struct stg_ctf_stats *s = &w->stats;
    STG_RETURN_IF_FAILED(put_number(b, "complete", complete));
    if (complete) {
        STG_RETURN_IF_FAILED(put_number(b, "lost_events", s->n_lost));
        STG_RETURN_IF_FAILED(put_number(b, "clamped_events", s->n_clamped));
        STG_RETURN_IF_FAILED(put_number(b, "cut_thread_names", s->n_cut_comms));
    }
    if (w->settings.flight_ns > 0) {
        STG_RETURN_IF_FAILED(put_number(b, "flight_ns", w->settings.flight_ns));
    }
    if (w->settings.max_size > 0) {
        STG_RETURN_IF_FAILED(put_number(b, "max_size", w->settings.max_size));
    }
    if (s->n_removed_events > 0 || s->n_removed_chunks > 0) {
        STG_RETURN_IF_FAILED(put_number(b, "removed_events", s->n_removed_events));
        STG_RETURN_IF_FAILED(put_number(b, "removed_bytes", s->n_removed_bytes));
    }
    return w->chunk.number == 0 ? STG_OK : put_number(b, "chunk", w->chunk.number);
}

static enum stg_status put_env(struct stg_buffer *b, const struct stg_ctf_writer *w, bool complete)
{
    STG_RETURN_IF_FAILED(stg_buffer_printf(b, "env {\n"));
    STG_RETURN_IF_FAILED(put_text(b, "domain", "kernel"));
    STG_RETURN_IF_FAILED(put_text(b, "sysname", "Linux"));
    STG_RETURN_IF_FAILED(put_text(b, "tracer_name", "strange"));
    char *rest = NULL;
    STG_RETURN_IF_FAILED(put_number(b, "tracer_major", strtoul(STG_VERSION, &rest, 10)));
    STG_RETURN_IF_FAILED(put_number(b, "tracer_minor", *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0));
    STG_RETURN_IF_FAILED(put_text(b, "tracer_version", STG_VERSION));
    STG_RETURN_IF_FAILED(put_number(b, "format_version", 1));
    STG_RETURN_IF_FAILED(put_text(b, "trace_name", w->settings.name));
    for (size_t i = 0; i < w->facts.n; i++) {
        STG_RETURN_IF_FAILED(put_text(b, w->facts.items[i].key, w->facts.items[i].value));
    }
    STG_RETURN_IF_FAILED(put_own_facts(b, w, complete));
    return stg_buffer_printf(b, "};\n\n");
}

/* A clock that is not absolute can be compared with those of the same UUID only. */
static enum stg_status put_clock(struct stg_buffer *b, const struct stg_ctf_writer *w)
{
    const int64_t offset = w->settings.has_clock ? w->settings.clock_offset_ns : 0;
    /* Towards minus infinity, as the second part counts up. */
    const int64_t seconds = offset / NS_PER_S - (offset % NS_PER_S < 0);
    STG_RETURN_IF_FAILED(stg_buffer_printf(b, "clock {\n\tname = \"monotonic\";\n\tuuid = \""));
    STG_RETURN_IF_FAILED(put_uuid(b, w->clock_uuid));
    return stg_buffer_printf(b,
                             "\";\n\tdescription = \"Monotonic Clock\";\n\tfreq = 1000000000;\n"
                             "\toffset_s = %" PRId64 ";\n\toffset = %" PRId64 ";\n\tabsolute = %s;\n};\n\n",
                             seconds, offset - seconds * NS_PER_S, w->settings.has_clock ? "true" : "false");
}

/* The members of the common context that are not the events' own. */
static enum stg_status put_fields(struct stg_buffer *b, const struct stg_ctf_settings *s)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct stg_ctf_field *f = &s->fields[i];
        if (f->type == STG_CTF_REAL) {
            STG_RETURN_IF_FAILED(
                stg_buffer_printf(b, "\t\tfloating_point { exp_dig = 11; mant_dig = 53; align = 8; }"));
        } else if (f->type == STG_CTF_NUMBER) {
            STG_RETURN_IF_FAILED(stg_buffer_printf(b, "\t\tuint64_t"));
        } else {
            STG_RETURN_IF_FAILED(stg_buffer_printf(b, "\t\tenum : uint64_t { "));
            for (size_t k = 0; k < f->n_labels; k++) {
                STG_RETURN_IF_FAILED(trace_put_quoted(b, f->labels[k]));
                STG_RETURN_IF_FAILED(stg_buffer_printf(b, " = %zu, ", k));
            }
            STG_RETURN_IF_FAILED(stg_buffer_printf(b, "}"));
        }
        STG_RETURN_IF_FAILED(stg_buffer_printf(b, " _%s;\n", f->name));
    }
    return STG_OK;
}

/* Without times the members keep their places, under names that mean nothing to readers. */
static enum stg_status put_stream(struct stg_buffer *b, const struct stg_ctf_settings *s)
{
    const bool has_time = s->has_time;
    const char *map = has_time ? " map = clock.monotonic.value;" : "";
    STG_RETURN_IF_FAILED(
        stg_buffer_printf(b,
                          "typealias integer { size = 32; align = 8; signed = false;%s } := uint32_clock_t;\n"
                          "typealias integer { size = 64; align = 8; signed = false;%s } := uint64_clock_t;\n\n",
                          map, map));
    const char *time = has_time ? "timestamp" : "position";
    STG_RETURN_IF_FAILED(stg_buffer_printf(
        b,
        "struct packet_context {\n"
        "\tuint64_clock_t %s_begin;\n"
        "\tuint64_clock_t %s_end;\n"
        "\tuint64_t content_size;\n"
        "\tuint64_t packet_size;\n"
        "\tuint64_t packet_seq_num;\n"
        "\tuint64_t events_discarded;\n"
        "\tuint32_t cpu_id;\n"
        "};\n\n"
        "struct event_header_large {\n"
        "\tenum : uint16_t { compact = 0 ... 65534, extended = 65535 } id;\n"
        "\tvariant <id> {\n"
        "\t\tstruct { uint32_clock_t %s; } compact;\n"
        "\t\tstruct { uint32_t id; uint64_clock_t %s; } extended;\n"
        "\t} v;\n"
        "} align(8);\n\n"
        "stream {\n\tid = 0;\n"
        "\tevent.header := struct event_header_large;\n"
        "\tpacket.context := struct packet_context;\n"
        "\tevent.context := struct {\n"
        "\t\tinteger { size = 8; align = 8; signed = 1; encoding = UTF8; base = 10; } _procname[16];\n"
        "\t\tinteger { size = 32; align = 8; signed = 1; base = 10; } _pid;\n"
        "\t\tinteger { size = 32; align = 8; signed = 1; base = 10; } _tid;\n"
        "\t\tinteger { size = 64; align = 8; signed = 0; base = 10; } _cgroup_id;\n",
        time, time, time, time));
    STG_RETURN_IF_FAILED(put_fields(b, s));
    return stg_buffer_printf(b, "\t};\n};\n\n");
}

enum stg_status trace_metadata_put(struct stg_buffer *b, const struct stg_ctf_writer *w, const uint8_t uuid[16],
                                   bool complete)
{
    STG_RETURN_IF_FAILED(put_types(b));
    STG_RETURN_IF_FAILED(put_trace(b, uuid));
    STG_RETURN_IF_FAILED(put_env(b, w, complete));
    if (w->settings.has_time) {
        STG_RETURN_IF_FAILED(put_clock(b, w));
    }
    STG_RETURN_IF_FAILED(put_stream(b, &w->settings));
    for (uint32_t i = 0; i < w->classes.n; i++) {
        const struct trace_class *c = &w->classes.items[i];
        if (c->chunk == w->stats.n_chunks) { /* a flight recorder has one chunk */
            STG_RETURN_IF_FAILED(stg_buffer_put(b, w->classes.text.data + c->begin, c->end - c->begin));
        }
    }
    return STG_OK;
}
