/* CTF import: babeltrace2's messages to events. */
#include "import/ctf_internal.h"

#include "base/memory.h"
#include "event/syscalls.h"

#include <babeltrace2/babeltrace.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Times before this (2001-09-09) are no wall-clock times, whatever the clock says of itself: tracers that write the
 * monotonic clock without its offset look like 1970. */
#define EARLIEST_WALL_NS UINT64_C(1000000000000000000)

/* Keys of open calls: threads by id, and CPUs whose thread is not known yet. */
#define KEY_TID(tid) (UINT64_C(1) << 33 | (uint32_t)(tid))
#define KEY_CPU(i)   (UINT64_C(1) << 34 | (i))

enum stg_status ctf_reader_new(struct ctf_reader **out, struct ctf_ring *ring)
{
    struct ctf_reader *r = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&r, 1, sizeof *r));
    const enum stg_status status = ctf_writer_init(&r->writer, ring);
    if (status != STG_OK) {
        ctf_reader_free(r);
        return status;
    }
    r->writer.totals.has_clock = 1;
    r->begin_ns = INT64_MAX;
    r->end_ns = INT64_MIN;
    for (size_t i = 0; i < CTF_COMM_CACHE; i++) {
        r->comms[i].tid = INT64_MIN;
    }
    *out = r;
    return STG_OK;
}

void ctf_reader_forget(struct ctf_reader *r)
{
    ctf_map_fini(&r->class_map);
    ctf_map_fini(&r->stream_map);
    ctf_map_fini(&r->trace_map);
    ctf_map_fini(&r->cpu_map);
    r->n_classes = r->n_streams = r->n_traces = r->n_cpus = 0;
    r->last_class = r->last_stream = NULL;
}

void ctf_reader_free(struct ctf_reader *r)
{
    if (r == NULL) {
        return;
    }
    ctf_writer_fini(&r->writer);
    ctf_reader_forget(r);
    ctf_map_fini(&r->open_calls);
    stg_mem_free(r->classes);
    stg_mem_free(r->streams);
    stg_mem_free(r->traces);
    stg_mem_free(r->cpus);
    stg_mem_free(r);
}

/* --- Names --- */

static enum stg_status comm_id(struct ctf_reader *r, int64_t tid, const char *text, size_t len, uint32_t *id)
{
    struct ctf_comm_entry *e = &r->comms[(uint64_t)tid % CTF_COMM_CACHE];
    if (e->tid == tid && e->len == len && memcmp(e->text, text, len) == 0) {
        *id = e->id;
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(ctf_writer_string(&r->writer, CTF_COMMS, text, len, id));
    if (len <= CTF_COMM_TEXT) {
        *e = (struct ctf_comm_entry){.tid = tid, .id = *id, .len = (uint32_t)len};
        memcpy(e->text, text, len);
    }
    return STG_OK;
}

static enum stg_status class_name(struct ctf_reader *r, struct ctf_class *c, uint32_t *id)
{
    if (c->name_id == STG_NAME_NONE) {
        STG_RETURN_IF_FAILED(ctf_writer_string(&r->writer, CTF_NAMES, c->name, strlen(c->name), &c->name_id));
    }
    *id = c->name_id;
    return STG_OK;
}

static enum stg_status number_name(struct ctf_reader *r, int64_t number, uint32_t *id)
{
    char text[32];
    const char *name = stg_syscall_name(number);
    if (name == NULL && number >= 0) {
        (void)snprintf(text, sizeof text, "syscall_%" PRId64, number);
        name = text;
    } else if (name == NULL) {
        name = "unknown"; /* −1: the kernel says that no call was under way */
    }
    return ctf_writer_string(&r->writer, CTF_NAMES, name, strlen(name), id);
}

/* --- Threads --- */

static enum stg_status fill_thread(struct ctf_reader *r, const struct ctf_class *c, const struct ctf_stream *s,
                                   const bt_event *event, struct stg_event *e)
{
    int64_t value = 0;
    const char *text = NULL;
    size_t len = 0;
    if (s->i_cpu != CTF_MAP_NONE) {
        const struct ctf_cpu *cpu = &r->cpus[s->i_cpu];
        e->cpu = cpu->number;
        e->has |= STG_HAS_CPU;
        if (c->tid.scope == CTF_NOWHERE && cpu->known) {
            e->tid = cpu->tid;
            e->comm = cpu->comm;
            e->has |= (uint16_t)(STG_HAS_TID | (cpu->comm == STG_NAME_NONE ? 0 : STG_HAS_COMM));
        }
    }
    if (ctf_where_integer(&c->tid, event, &value) && value >= 0) {
        e->tid = (int32_t)value;
        e->has |= STG_HAS_TID;
    }
    if (ctf_where_integer(&c->pid, event, &value) && value >= 0) {
        e->pid = (int32_t)value;
        e->has |= STG_HAS_PID;
    }
    if (ctf_where_integer(&c->cgroup, event, &value) && value != 0) {
        e->cgroup_id = (uint64_t)value;
        e->has |= STG_HAS_CGROUP;
    }
    if (ctf_where_string(&c->comm, event, &text, &len) && len > 0) {
        STG_RETURN_IF_FAILED(comm_id(r, e->tid, text, len, &e->comm));
        e->has |= STG_HAS_COMM;
    }
    return STG_OK;
}

/* The first sched_switch of a CPU says who ran before: events that wait in the current batch can still be told. */
static void name_the_waiting(struct ctf_reader *r, const struct ctf_cpu *cpu, int32_t tid, uint32_t comm)
{
    struct ctf_batch *b = ctf_ring_current(r->writer.ring);
    if (r->n_traces != 1) {
        return; /* the batch does not say which trace an event is from */
    }
    for (uint32_t i = 0; i < b->n_events; i++) {
        struct stg_event *e = &b->events[i];
        if (e->kind == STG_EVENT_LOST || e->cpu != cpu->number ||
            (e->has & (STG_HAS_TID | STG_HAS_CPU)) != STG_HAS_CPU) {
            continue;
        }
        e->tid = tid;
        e->comm = comm;
        e->has |= (uint16_t)(STG_HAS_TID | (comm == STG_NAME_NONE ? 0 : STG_HAS_COMM));
        r->writer.totals.n_no_tid--;
    }
}

static enum stg_status take_switch(struct ctf_reader *r, const struct ctf_class *c, const struct ctf_stream *s,
                                   const bt_event *event)
{
    int64_t prev = 0;
    int64_t next = 0;
    const char *text = NULL;
    size_t len = 0;
    r->writer.totals.n_skipped++;
    if (s->i_cpu == CTF_MAP_NONE || !ctf_where_integer(&c->next_tid, event, &next)) {
        return STG_OK;
    }
    struct ctf_cpu *cpu = &r->cpus[s->i_cpu];
    if (!cpu->known && ctf_where_integer(&c->prev_tid, event, &prev)) {
        uint32_t comm = STG_NAME_NONE;
        if (ctf_where_string(&c->prev_comm, event, &text, &len) && len > 0) {
            STG_RETURN_IF_FAILED(comm_id(r, prev, text, len, &comm));
        }
        name_the_waiting(r, cpu, (int32_t)prev, comm);
        const uint32_t open = ctf_map_get(&r->open_calls, KEY_CPU(s->i_cpu));
        if (open != CTF_MAP_NONE) {
            STG_RETURN_IF_FAILED(ctf_map_put(&r->open_calls, KEY_TID(prev), open));
        }
    }
    cpu->known = true;
    cpu->tid = (int32_t)next;
    cpu->comm = STG_NAME_NONE;
    if (ctf_where_string(&c->next_comm, event, &text, &len) && len > 0) {
        STG_RETURN_IF_FAILED(comm_id(r, next, text, len, &cpu->comm));
    }
    return STG_OK;
}

/* --- Calls --- */

static void fill_args(const struct ctf_class *c, const bt_event *event, struct stg_event *e)
{
    if (c->args_in_array) {
        const bt_field *payload = bt_event_borrow_payload_field_const(event);
        const bt_field *array = bt_field_structure_borrow_member_field_by_index_const(payload, c->args[0].index);
        const uint64_t n = bt_field_array_get_length(array);
        for (uint64_t i = 0; i < n && i < STG_EVENT_MAX_ARGS; i++) {
            const bt_field *item = bt_field_array_borrow_element_field_by_index_const(array, i);
            if (!bt_field_class_type_is(bt_field_get_class_type(item), BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER)) {
                break;
            }
            e->args[e->n_args++] = bt_field_integer_unsigned_get_value(item);
        }
        return;
    }
    for (; e->n_args < c->n_args; e->n_args++) {
        int64_t value = 0;
        (void)ctf_where_integer(&c->args[e->n_args], event, &value);
        e->args[e->n_args] = (uint64_t)value;
    }
}

/* What, but for names of files, only this project's own traces have. */
static enum stg_status fill_extras(struct ctf_reader *r, const struct ctf_class *c, const bt_event *event,
                                   struct stg_event *e)
{
    int64_t value = 0;
    const char *text = NULL;
    size_t len = 0;
    if (ctf_where_integer(&c->runnable, event, &value) && value > 0 && value <= UINT8_MAX) {
        e->runnable = (uint8_t)value;
        e->has |= STG_HAS_RUNNABLE;
    }
    if (ctf_where_integer(&c->fd_kind, event, &value)) {
        e->fd_kind = value < STG_N_FD_KINDS ? (uint8_t)value : STG_FD_OTHER; /* a kind of a later version */
        e->has |= STG_HAS_FD;
    }
    /* An argument that is empty is no name; what this project's traces have comes back as it was. */
    if (ctf_where_string(&c->path, event, &text, &len) && (len > 0 || c->path.scope != CTF_PAYLOAD)) {
        STG_RETURN_IF_FAILED(ctf_writer_string(&r->writer, CTF_PATHS, text, len, &e->path));
        e->has |= e->path == STG_STRINGS_NONE ? 0 : STG_HAS_PATH;
        e->path = e->path == STG_STRINGS_NONE ? 0 : e->path;
    }
    return STG_OK;
}

/* Some tracers write a 32-bit return value as unsigned. */
static void fill_return(const struct ctf_class *c, const bt_event *event, struct stg_event *e)
{
    if (!ctf_where_integer(&c->ret, event, &e->ret)) {
        e->has |= ctf_where_integer(&c->ret_class, event, &e->ret) ? STG_HAS_CLASS : 0;
        return;
    }
    if (c->ret.type == CTF_UNSIGNED && c->ret.bits == 32 && e->ret >= (int64_t)UINT32_MAX - 4094) {
        e->ret -= INT64_C(1) << 32;
    }
    e->has |= STG_HAS_RET;
}

/* For exits that do not say of which call they are. */
static enum stg_status pair_calls(struct ctf_reader *r, const struct ctf_class *c, const struct ctf_stream *s,
                                  struct stg_event *e)
{
    const uint64_t key = (e->has & STG_HAS_TID) != 0 ? KEY_TID(e->tid) : KEY_CPU(s->i_cpu);
    if (e->kind == STG_EVENT_ENTRY) {
        return ctf_map_put(&r->open_calls, key, e->name);
    }
    const uint32_t open = ctf_map_get(&r->open_calls, key);
    if (open == CTF_MAP_NONE) {
        return STG_OK;
    }
    if (c->kind == CTF_EXIT_OPEN) {
        e->name = open;
    }
    return ctf_map_put(&r->open_calls, key, CTF_MAP_NONE);
}

static enum stg_status fill_call(struct ctf_reader *r, struct ctf_class *c, const struct ctf_stream *s,
                                 const bt_event *event, struct stg_event *e)
{
    const bool entry = c->kind == CTF_ENTRY || c->kind == CTF_NUMBER_ENTRY;
    int64_t number = -1;
    e->kind = entry ? STG_EVENT_ENTRY : STG_EVENT_EXIT;
    if (c->kind == CTF_NUMBER_ENTRY || c->kind == CTF_NUMBER_EXIT) {
        (void)ctf_where_integer(&c->number, event, &number);
        STG_RETURN_IF_FAILED(number_name(r, number, &e->name));
    } else {
        STG_RETURN_IF_FAILED(class_name(r, c, &e->name));
    }
    if (entry) {
        fill_args(c, event, e);
    } else {
        fill_return(c, event, e);
    }
    return r->traces[s->i_trace].has_exit_open ? pair_calls(r, c, s, e) : STG_OK;
}

/* --- Messages --- */

static enum stg_status take_time(struct ctf_reader *r, const bt_clock_snapshot *snapshot, struct stg_event *e)
{
    int64_t ns = 0;
    e->ts_ns = r->n_messages;
    if (snapshot == NULL) {
        return STG_OK;
    }
    if (bt_clock_snapshot_get_ns_from_origin(snapshot, &ns) != BT_CLOCK_SNAPSHOT_GET_NS_FROM_ORIGIN_STATUS_OK) {
        bt_current_thread_clear_error();
        return stg_fail(STG_ERR_INPUT, "a time does not fit into 64 bits of nanoseconds: the trace is malformed");
    }
    e->ts_ns = ns < 0 ? 0 : (uint64_t)ns;
    e->has |= STG_HAS_TIME;
    if (r->end_ns > r->begin_ns && ns >= r->begin_ns) {
        r->writer.totals.done = (uint64_t)ns - (uint64_t)r->begin_ns;
    }
    if (!r->seen_time) {
        r->seen_time = true;
        r->writer.totals.has_clock &= e->ts_ns >= EARLIEST_WALL_NS;
    }
    return STG_OK;
}

/* NULL for a stream that did not begin. */
static struct ctf_stream *find_stream(struct ctf_reader *r, const bt_stream *stream)
{
    if (r->last_stream != stream) {
        r->i_last_stream = ctf_map_get(&r->stream_map, (uint64_t)(uintptr_t)stream);
        r->last_stream = stream;
    }
    return r->i_last_stream == CTF_MAP_NONE ? NULL : &r->streams[r->i_last_stream];
}

static enum stg_status find_class(struct ctf_reader *r, const bt_event *event, uint32_t i_trace, struct ctf_class **out)
{
    const bt_event_class *class = bt_event_borrow_class_const(event);
    if (r->last_class != class) {
        STG_RETURN_IF_FAILED(ctf_reader_class(r, class, i_trace, &r->i_last_class));
        r->last_class = class;
    }
    *out = &r->classes[r->i_last_class];
    return STG_OK;
}

static enum stg_status take_event(struct ctf_reader *r, const bt_message *message)
{
    const bt_event *event = bt_message_event_borrow_event_const(message);
    const struct ctf_stream *s = find_stream(r, bt_event_borrow_stream_const(event));
    struct ctf_class *c = NULL;
    if (s == NULL) {
        return stg_fail(STG_ERR_INTERNAL, "an event of a stream that did not begin");
    }
    STG_RETURN_IF_FAILED(find_class(r, event, s->i_trace, &c));
    if (c->kind == CTF_SKIP) {
        r->writer.totals.n_skipped++;
        return STG_OK;
    }
    if (c->kind == CTF_SWITCH) {
        return take_switch(r, c, s, event);
    }
    struct stg_event e = {.comm = STG_NAME_NONE, .kind = STG_EVENT_MARKER};
    STG_RETURN_IF_FAILED(
        take_time(r, s->has_time ? bt_message_event_borrow_default_clock_snapshot_const(message) : NULL, &e));
    STG_RETURN_IF_FAILED(fill_thread(r, c, s, event, &e));
    if (c->runnable.scope != CTF_NOWHERE || c->fd_kind.scope != CTF_NOWHERE || c->path.scope != CTF_NOWHERE) {
        STG_RETURN_IF_FAILED(fill_extras(r, c, event, &e));
    }
    if (c->kind == CTF_BEGIN || c->kind == CTF_END) {
        e.kind = c->kind == CTF_BEGIN ? STG_EVENT_BEGIN : STG_EVENT_END;
        e.name = STG_NAME_NONE;
    } else if (c->kind == CTF_MARKER) {
        STG_RETURN_IF_FAILED(class_name(r, c, &e.name));
        fill_args(c, event, &e);
    } else {
        STG_RETURN_IF_FAILED(fill_call(r, c, s, event, &e));
        r->writer.totals.n_no_tid += (e.has & STG_HAS_TID) == 0 && c->tid.scope == CTF_NOWHERE;
    }
    return ctf_writer_event(&r->writer, &e);
}

/* A gap is reported where it begins: that keeps the order of time, and what comes after it is what it touched. Where it
 * ends only our own traces say: others' packet that tells of it goes on behind it. */
static enum stg_status take_gap(struct ctf_reader *r, const bt_stream *stream, const bt_clock_snapshot *begin,
                                const bt_clock_snapshot *end, uint64_t count)
{
    int64_t end_ns = 0;
    struct stg_event e = {.comm = STG_NAME_NONE, .name = STG_NAME_NONE, .kind = STG_EVENT_LOST, .n_lost = 1};
    const struct ctf_stream *s = find_stream(r, stream);
    if (count > 0) {
        e.n_lost = count;
        e.has |= STG_HAS_COUNT;
    }
    if (s != NULL && s->i_cpu != CTF_MAP_NONE) {
        e.cpu = r->cpus[s->i_cpu].number;
        e.has |= STG_HAS_CPU;
    }
    STG_RETURN_IF_FAILED(take_time(r, begin, &e));
    if (end != NULL && s != NULL && r->traces[s->i_trace].domain == CTF_DOMAIN_STRANGE) {
        if (bt_clock_snapshot_get_ns_from_origin(end, &end_ns) != BT_CLOCK_SNAPSHOT_GET_NS_FROM_ORIGIN_STATUS_OK) {
            bt_current_thread_clear_error();
        }
        stg_event_set_gap_end(&e, end_ns < 0 ? 0 : (uint64_t)end_ns);
    }
    return ctf_writer_event(&r->writer, &e);
}

static enum stg_status take_discarded_events(struct ctf_reader *r, const bt_message *message)
{
    const bt_stream *stream = bt_message_discarded_events_borrow_stream_const(message);
    const bt_clock_snapshot *begin = NULL, *end = NULL;
    uint64_t count = 0;
    if (bt_stream_class_discarded_events_have_default_clock_snapshots(bt_stream_borrow_class_const(stream))) {
        begin = bt_message_discarded_events_borrow_beginning_default_clock_snapshot_const(message);
        end = bt_message_discarded_events_borrow_end_default_clock_snapshot_const(message);
    }
    if (bt_message_discarded_events_get_count(message, &count) != BT_PROPERTY_AVAILABILITY_AVAILABLE) {
        count = 0;
    }
    return take_gap(r, stream, begin, end, count);
}

/* How many events were in a lost packet is not known. */
static enum stg_status take_discarded_packets(struct ctf_reader *r, const bt_message *message)
{
    const bt_stream *stream = bt_message_discarded_packets_borrow_stream_const(message);
    const bt_clock_snapshot *begin = NULL;
    if (bt_stream_class_discarded_packets_have_default_clock_snapshots(bt_stream_borrow_class_const(stream))) {
        begin = bt_message_discarded_packets_borrow_beginning_default_clock_snapshot_const(message);
    }
    return take_gap(r, stream, begin, NULL, 0);
}

enum stg_status ctf_reader_message(struct ctf_reader *r, const struct bt_message *message)
{
    r->n_messages++;
    switch (bt_message_get_type(message)) {
    case BT_MESSAGE_TYPE_EVENT:
        return take_event(r, message);
    case BT_MESSAGE_TYPE_STREAM_BEGINNING:
        return ctf_reader_begin_stream(r, bt_message_stream_beginning_borrow_stream_const(message));
    case BT_MESSAGE_TYPE_PACKET_BEGINNING:
        return ctf_reader_begin_packet(r, bt_message_packet_beginning_borrow_packet_const(message));
    case BT_MESSAGE_TYPE_DISCARDED_EVENTS:
        return take_discarded_events(r, message);
    case BT_MESSAGE_TYPE_DISCARDED_PACKETS:
        return take_discarded_packets(r, message);
    default:
        return STG_OK;
    }
}
