/* CTF writer: events into packets. */
#include "trace/ctf_internal.h"

#include "base/memory.h"

#include <endian.h>
#include <string.h>

void trace_put_u64(uint8_t *to, uint64_t value)
{
    value = htole64(value);
    memcpy(to, &value, sizeof value);
}

uint64_t trace_get_u64(const uint8_t *from)
{
    uint64_t value = 0;
    memcpy(&value, from, sizeof value);
    return le64toh(value);
}

static uint8_t *put_u16(uint8_t *to, uint16_t value)
{
    value = htole16(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

static uint8_t *put_u32(uint8_t *to, uint32_t value)
{
    value = htole32(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

static uint8_t *put_u64(uint8_t *to, uint64_t value)
{
    trace_put_u64(to, value);
    return to + sizeof value;
}

/* --- Streams --- */

static void free_stream(struct trace_stream *s)
{
    if (s != NULL) {
        stg_mem_free(s->packet);
        stg_mem_free(s);
    }
}

void trace_streams_fini(struct stg_ctf_writer *w)
{
    for (size_t i = 0; i < w->n_streams; i++) {
        free_stream(w->streams[i]);
    }
    stg_mem_free(w->streams);
    stg_mem_free(w->by_cpu);
}

static uint64_t share_of(const struct stg_ctf_writer *w, size_t n_streams)
{
    return w->settings.max_size / 8 / n_streams;
}

enum stg_status trace_streams_check(const struct stg_ctf_writer *w, size_t n)
{
    if (w->settings.max_size == 0 || n == 0 || share_of(w, n) >= TRACE_MIN_PACKET) {
        return STG_OK;
    }
    return stg_fail(STG_ERR_USAGE, "a maximum size of %llu bytes is too small for %zu CPUs: allow at least %zu",
                    (unsigned long long)w->settings.max_size, n, TRACE_MIN_PACKET * 8 * n);
}

/* Where max_size is small for so many CPUs, packets become smaller, so that all of them together stay a part of it. */
static enum stg_status limit_packets(struct stg_ctf_writer *w, size_t n_streams)
{
    const uint64_t share = share_of(w, n_streams);
    if (w->settings.max_size == 0 || share >= w->packet_limit) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(trace_streams_check(w, n_streams));
    w->packet_limit = (size_t)share;
    return STG_OK;
}

static enum stg_status add_stream(struct stg_ctf_writer *w, uint32_t cpu, size_t slot)
{
    enum stg_status status = STG_OK;
    struct trace_stream *s = NULL;
    const size_t before = w->cap_by_cpu;
    STG_TRY(limit_packets(w, w->n_streams + 1));
    STG_TRY(stg_mem_grow(&w->by_cpu, &w->cap_by_cpu, slot + 1, sizeof *w->by_cpu));
    memset(w->by_cpu + before, 0, (w->cap_by_cpu - before) * sizeof *w->by_cpu);
    STG_TRY(stg_mem_grow(&w->streams, &w->cap_streams, w->n_streams + 1, sizeof *w->streams));
    STG_TRY(stg_mem_zeroed(&s, 1, sizeof *s));
    STG_TRY(stg_mem_aligned(&s->packet, w->settings.packet_size, 1));
    s->cpu = cpu;
    s->used = TRACE_HEADER_SIZE;
    s->comm = STG_NAME_NONE;
    s->file.fd = -1;
    w->streams[w->n_streams++] = s;
    w->by_cpu[slot] = (uint32_t)w->n_streams;
    s = NULL;
out:
    free_stream(s);
    return status;
}

static enum stg_status find_stream(struct stg_ctf_writer *w, const struct stg_event *e, struct trace_stream **out)
{
    const bool has_cpu = (e->has & STG_HAS_CPU) != 0 && e->cpu >= 0 && w->settings.has_time;
    const size_t slot = has_cpu ? (size_t)e->cpu + 1 : 0;
    if (slot >= w->cap_by_cpu || w->by_cpu[slot] == 0) {
        if (slot > TRACE_MAX_CPUS) {
            return stg_fail(STG_ERR_UNSUPPORTED, "an event is of CPU %d: at most %d can be written", e->cpu,
                            TRACE_MAX_CPUS);
        }
        STG_RETURN_IF_FAILED(add_stream(w, has_cpu ? (uint32_t)e->cpu : TRACE_NO_CPU, slot));
    }
    *out = w->streams[w->by_cpu[slot] - 1];
    return STG_OK;
}

/* --- Packets --- */

static void begin_packet(struct trace_stream *s, uint64_t ns)
{
    s->used = TRACE_HEADER_SIZE;
    s->n_events = 0;
    s->begin_ns = ns;
}

static size_t fill_header(struct stg_ctf_writer *w, struct trace_stream *s)
{
    uint8_t *p = s->packet;
    const size_t size = (s->used + 7) & ~(size_t)7;
    memset(p + s->used, 0, size - s->used);
    (void)put_u32(p + TRACE_AT_MAGIC, TRACE_MAGIC);
    memcpy(p + TRACE_AT_UUID, w->uuid, 16);
    (void)put_u32(p + TRACE_AT_STREAM_CLASS, 0);
    trace_put_u64(p + TRACE_AT_STREAM, s->cpu);
    trace_put_u64(p + TRACE_AT_BEGIN, s->begin_ns);
    trace_put_u64(p + TRACE_AT_END, s->last_ns);
    trace_put_u64(p + TRACE_AT_CONTENT_SIZE, (uint64_t)s->used * 8);
    trace_put_u64(p + TRACE_AT_PACKET_SIZE, (uint64_t)size * 8);
    trace_put_u64(p + TRACE_AT_SEQUENCE, s->i_packet);
    trace_put_u64(p + TRACE_AT_DISCARDED, s->n_discarded);
    (void)put_u32(p + TRACE_AT_CPU, s->cpu);
    return size;
}

/* Writes the packet, even an empty one. */
static enum stg_status end_packet(struct stg_ctf_writer *w, struct trace_stream *s)
{
    const size_t size = fill_header(w, s);
    const uint64_t n_events = s->n_events;
    if (w->settings.flight_ns > 0) {
        STG_RETURN_IF_FAILED(
            trace_flight_add(w, w->by_cpu[s->cpu == TRACE_NO_CPU ? 0 : (size_t)s->cpu + 1] - 1, size, n_events));
    } else {
        STG_RETURN_IF_FAILED(trace_chunk_write(w, s, size, n_events));
    }
    w->stats.n_packets++;
    s->i_packet++;
    s->has_packet = true;
    s->owes = false;
    begin_packet(s, s->last_ns);
    return STG_OK;
}

enum stg_status trace_stream_flush(struct stg_ctf_writer *w, struct trace_stream *s)
{
    if (s->n_events == 0) {
        if (!s->owes) {
            return STG_OK;
        }
        begin_packet(s, s->last_ns);
    }
    return end_packet(w, s);
}

enum stg_status trace_streams_flush(struct stg_ctf_writer *w)
{
    for (size_t i = 0; i < w->n_streams; i++) {
        STG_RETURN_IF_FAILED(trace_stream_flush(w, w->streams[i]));
    }
    return STG_OK;
}

/* --- Gaps --- */

/* A gap lies between the ends of two packets, and its count is the difference of theirs: so there must be a packet
 * before, which ends where the gap begins, and an empty one that ends with it. */
static enum stg_status put_gap(struct stg_ctf_writer *w, struct trace_stream *s, const struct stg_event *e, uint64_t ns)
{
    if (s->n_events == 0) {
        begin_packet(s, s->has_packet ? s->last_ns : ns);
    }
    s->last_ns = ns;
    STG_RETURN_IF_FAILED(end_packet(w, s));
    w->stats.n_gaps++;
    w->stats.n_lost += e->n_lost;
    if ((e->has & STG_HAS_COUNT) == 0) {
        s->i_packet++; /* a packet is missing; nobody knows what was in it */
        s->owes = true;
        return STG_OK;
    }
    const uint64_t end_ns = stg_event_gap_end(e);
    s->n_discarded += e->n_lost;
    s->last_ns = w->settings.has_time && end_ns > ns ? end_ns : ns;
    begin_packet(s, s->last_ns);
    return end_packet(w, s);
}

/* --- Events --- */

static void load_comm(struct stg_ctf_writer *w, struct trace_stream *s, uint32_t comm)
{
    const char *text = comm < stg_strings_count(w->base.comms) ? stg_strings_get(w->base.comms, comm) : "";
    const size_t len = strnlen(text, TRACE_COMM_SIZE);
    s->comm = comm;
    s->comm_cut = len == TRACE_COMM_SIZE;
    memset(s->comm_bytes, 0, sizeof s->comm_bytes);
    memcpy(s->comm_bytes, text, s->comm_cut ? TRACE_COMM_SIZE - 1 : len);
}

static uint8_t *put_context(struct stg_ctf_writer *w, struct trace_stream *s, const struct stg_event *e,
                            const union stg_ctf_value *values, uint8_t *to)
{
    const uint32_t comm = (e->has & STG_HAS_COMM) != 0 ? e->comm : STG_NAME_NONE;
    if (comm != s->comm) {
        load_comm(w, s, comm);
    }
    w->stats.n_cut_comms += s->comm_cut;
    memcpy(to, s->comm_bytes, TRACE_COMM_SIZE);
    to = put_u32(to + TRACE_COMM_SIZE, (e->has & STG_HAS_PID) != 0 ? (uint32_t)e->pid : UINT32_MAX);
    to = put_u32(to, (e->has & STG_HAS_TID) != 0 ? (uint32_t)e->tid : UINT32_MAX);
    to = put_u64(to, (e->has & STG_HAS_CGROUP) != 0 ? e->cgroup_id : 0);
    for (size_t i = 0; i < w->settings.n_fields; i++) {
        to = put_u64(to, values[i].number); /* a real's bits as well */
    }
    return to;
}

static uint8_t *put_path(const struct stg_ctf_writer *w, const struct stg_event *e, uint8_t *to)
{
    const bool known = w->base.paths != NULL && e->path < stg_strings_count(w->base.paths);
    const char *text = known ? stg_strings_get(w->base.paths, e->path) : "";
    const size_t len = strnlen(text, TRACE_MAX_PATH);
    memcpy(to, text, len);
    to[len] = 0;
    return to + len + 1;
}

static uint8_t *put_payload(struct stg_ctf_writer *w, const struct stg_event *e, uint8_t *to)
{
    if (e->kind == STG_EVENT_BEGIN || e->kind == STG_EVENT_END) {
        return to;
    }
    if ((e->has & STG_HAS_RUNNABLE) != 0) {
        *to++ = e->runnable;
    }
    if ((e->has & STG_HAS_FD) != 0) {
        *to++ = e->fd_kind;
    }
    if ((e->has & STG_HAS_PATH) != 0) {
        to = put_path(w, e, to);
    }
    if (e->kind == STG_EVENT_EXIT) {
        if ((e->has & STG_HAS_RET) != 0) {
            return put_u64(to, (uint64_t)e->ret);
        }
        return (e->has & STG_HAS_CLASS) != 0 ? put_u32(to, (uint32_t)e->ret) : to;
    }
    for (unsigned i = 0; i < e->n_args && i < STG_EVENT_MAX_ARGS; i++) {
        to = put_u64(to, e->args[i]);
    }
    return to;
}

/* The low half of the time is enough while less than 2^32 ns pass from one event to the next. */
static uint8_t *put_header(uint32_t id, uint64_t before_ns, uint64_t ns, uint8_t *to)
{
    if (ns - before_ns <= UINT32_MAX) {
        return put_u32(put_u16(to, (uint16_t)id), (uint32_t)ns);
    }
    return put_u64(put_u32(put_u16(to, UINT16_MAX), id), ns);
}

/* Each chunk declares what is in it: all that the recording ever had would outgrow a small chunk. */
static void need_class(struct stg_ctf_writer *w, struct trace_class *c)
{
    if (c->chunk != w->stats.n_chunks) {
        c->chunk = w->stats.n_chunks;
        w->needed_size += c->end - c->begin;
        w->metadata_stale = true;
    }
}

enum stg_status trace_stream_put(struct stg_ctf_writer *w, const struct stg_event *e, const union stg_ctf_value *values)
{
    struct trace_stream *s = NULL;
    uint32_t id = 0;
    uint64_t ns = w->settings.has_time ? e->ts_ns : w->stats.n_events;
    STG_RETURN_IF_FAILED(find_stream(w, e, &s));
    if (ns < s->last_ns) {
        ns = s->last_ns;
        w->stats.n_clamped++;
    }
    if (e->kind == STG_EVENT_LOST) {
        return put_gap(w, s, e, ns);
    }
    if (values == NULL && w->settings.n_fields > 0) {
        return stg_fail(STG_ERR_INTERNAL, "an event of a trace with fields was put without them");
    }
    const size_t most = TRACE_MAX_EVENT + w->settings.n_fields * sizeof *values;
    STG_RETURN_IF_FAILED(trace_classes_find(&w->classes, e, w->base.names, &id));
    need_class(w, &w->classes.items[id]);
    if (s->used + most > w->packet_limit && s->n_events > 0) {
        /* Nearly full: for an event without a path the room is known better. */
        const size_t need = (e->has & STG_HAS_PATH) != 0 ? most : most - TRACE_MAX_PATH - 1;
        if (s->used + need + 8 > w->packet_limit) {
            STG_RETURN_IF_FAILED(end_packet(w, s));
        }
    }
    if (s->n_events == 0) {
        begin_packet(s, ns);
        s->last_ns = ns;
    }
    uint8_t *to = put_header(id, s->last_ns, ns, s->packet + s->used);
    to = put_context(w, s, e, values, to);
    to = put_payload(w, e, to);
    s->used = (size_t)(to - s->packet);
    s->n_events++;
    s->last_ns = ns;
    w->stats.n_events++;
    return STG_OK;
}
