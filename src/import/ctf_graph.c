/* CTF import: the child process. It runs babeltrace2's graph — a source.ctf.fs per trace, filter.utils.muxer, our sink
 * — under limits, so that a malformed trace can hurt nobody but the child. */
#include "import/ctf_internal.h"

#include <babeltrace2/babeltrace.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* The watchdog ticks on processor time, so that waiting for the parent does not count. */
#define TICK_SECONDS 2
#define STALE_TICKS  5

volatile uint64_t ctf_child_steps;

struct child {
    const struct ctf_traces *traces;
    struct ctf_reader *reader;
    enum stg_status status; /* of the sink */
    bt_graph *graph;
    const bt_plugin *ctf, *utils;
    const bt_component_filter *muxer;
    uint64_t n_muxed; /* ports of the muxer in use */
    uint64_t n_bytes; /* of all traces */
};

/* --- Watchdog --- */

static void tick(int signal_number)
{
    static uint64_t seen;
    static int n_stale;
    (void)signal_number;
    n_stale = ctf_child_steps == seen ? n_stale + 1 : 0;
    seen = ctf_child_steps;
    if (n_stale >= STALE_TICKS) {
        _exit(CTF_EXIT_HANG);
    }
}

static void start_watchdog(void)
{
    const struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    const struct itimerval interval = {{TICK_SECONDS, 0}, {TICK_SECONDS, 0}};
    (void)sigaction(SIGPROF, &action, NULL);
    (void)setitimer(ITIMER_PROF, &interval, NULL);
}

/* --- babeltrace2's errors as one line --- */

/* First causes that have a better wording. */
static const struct {
    const char *part, *text;
} wordings[] = {
    {"timestamp is less than muxer",
     "the time of an event goes back within the trace: it is malformed and cannot be read in order"},
    {"not correlatable", "the clocks of the traces have nothing in common: import them one by one"},
    {"Clock class's UUID", "the clocks of the traces differ: import them one by one"},
    {"Unexpected clock class", "the clocks of the traces differ: import them one by one"},
    {"Failed to parse metadata", "its metadata cannot be parsed: it is truncated or malformed"},
    {"Cannot create trace for", "its metadata cannot be parsed: it is truncated or malformed"},
    {"is in an unexpected state", "a packet ends inside an event: the trace is truncated or malformed"},
    {"Cannot decode packetized metadata", "its metadata cannot be decoded: it is truncated or malformed"},
    {"Failed to allocate memory", "babeltrace2 ran out of memory: the trace is malformed"},
};

static const char *find_wording(const char *cause)
{
    for (size_t i = 0; i < sizeof wordings / sizeof wordings[0]; i++) {
        if (strstr(cause, wordings[i].part) != NULL) {
            return wordings[i].text;
        }
    }
    return NULL;
}

/* Appends a cause without line breaks and without the `name=value` pairs that mean something to babeltrace2's authors
 * only. */
static void append_cause(char *to, size_t size, const char *cause)
{
    size_t n = strlen(to);
    const char *details = strchr(cause, '=');
    while (details != NULL && details > cause && *details != ':') {
        details--;
    }
    const size_t len = details == NULL || details == cause ? strlen(cause) : (size_t)(details - cause);
    for (size_t i = 0; i < len && n + 1 < size; i++) {
        const char c = cause[i];
        if (c == '\n' || c == ' ') {
            if (n > 0 && to[n - 1] != ' ') {
                to[n++] = ' ';
            }
        } else if ((unsigned char)c >= 0x20 && c != 0x7f) {
            to[n++] = c;
        }
    }
    while (n > 0 && (to[n - 1] == '.' || to[n - 1] == ' ' || to[n - 1] == ':')) {
        n--;
    }
    to[n] = '\0';
}

/* The trace whose component a cause is of; components are named by the trace's number. */
static const char *cause_path(const struct ctf_traces *traces, const bt_error_cause *cause)
{
    const char *name = NULL;
    switch (bt_error_cause_get_actor_type(cause)) {
    case BT_ERROR_CAUSE_ACTOR_TYPE_COMPONENT:
        name = bt_error_cause_component_actor_get_component_name(cause);
        break;
    case BT_ERROR_CAUSE_ACTOR_TYPE_MESSAGE_ITERATOR:
        name = bt_error_cause_message_iterator_actor_get_component_name(cause);
        break;
    default:
        return NULL;
    }
    char *end = NULL;
    const unsigned long i = strtoul(name, &end, 10);
    return end != name && *end == '\0' && i < traces->n ? traces->items[i].path : NULL;
}

/* Takes the thread's error; the first cause is the one where it went wrong. */
static void describe_error(const struct ctf_traces *traces, const char *otherwise, char *out, size_t size)
{
    const bt_error *error = bt_current_thread_take_error();
    const uint64_t n = error == NULL ? 0 : bt_error_get_cause_count(error);
    const char *path = NULL;
    const char *wording = NULL;
    char cause[400] = "";
    for (uint64_t i = 0; i < n; i++) {
        const bt_error_cause *at = bt_error_borrow_cause_by_index(error, i);
        const char *text = bt_error_cause_get_message(at);
        path = path != NULL ? path : cause_path(traces, at);
        if (i == 0) {
            wording = find_wording(text);
            append_cause(cause, sizeof cause, text);
        }
    }
    if (path == NULL && traces->n == 1) {
        path = traces->items[0].path;
    }
    const char *what = cause[0] == '\0' ? otherwise : cause;
    (void)snprintf(out, size, "%s%s%s%s%s", path == NULL ? "" : path, path == NULL ? "" : ": ",
                   wording != NULL ? "" : "babeltrace2: ", wording != NULL ? wording : what,
                   wording != NULL ? "" : ": the trace is truncated or malformed");
    if (error != NULL) {
        bt_error_release(error);
    }
}

/* --- The sink --- */

static bt_graph_simple_sink_component_consume_func_status consume(bt_message_iterator *iterator, void *user_data)
{
    struct child *child = user_data;
    bt_message_array_const messages = NULL;
    uint64_t n = 0;
    const bt_message_iterator_next_status next = bt_message_iterator_next(iterator, &messages, &n);
    if (next != BT_MESSAGE_ITERATOR_NEXT_STATUS_OK) {
        return (bt_graph_simple_sink_component_consume_func_status)next; /* the values are the same by design */
    }
    for (uint64_t i = 0; i < n; i++) {
        if (child->status == STG_OK) {
            child->status = ctf_reader_message(child->reader, messages[i]);
        }
        bt_message_put_ref(messages[i]);
    }
    ctf_child_steps += n;
    return child->status == STG_OK ? BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_OK
                                   : BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_END;
}

/* --- The graph --- */

static bool find_plugin(const char *name, const bt_plugin **out)
{
    return bt_plugin_find(name, BT_TRUE, BT_FALSE, BT_TRUE, BT_TRUE, BT_FALSE, out) == BT_PLUGIN_FIND_STATUS_OK;
}

static enum stg_status graph_failure(struct child *c, const char *what)
{
    char message[CTF_MESSAGE_LEN];
    describe_error(c->traces, what, message, sizeof message);
    return stg_fail(STG_ERR_INPUT, "%s", message);
}

static enum stg_status connect_source(struct child *c, const bt_component_source *source)
{
    const uint64_t n = bt_component_source_get_output_port_count(source);
    for (uint64_t i = 0; i < n; i++) {
        const bt_port_output *from = bt_component_source_borrow_output_port_by_index_const(source, i);
        /* The muxer adds a port whenever its last one is taken. */
        const bt_port_input *to = bt_component_filter_borrow_input_port_by_index_const(c->muxer, c->n_muxed);
        if (bt_graph_connect_ports(c->graph, from, to, NULL) != BT_GRAPH_CONNECT_PORTS_STATUS_OK) {
            return graph_failure(c, "its streams cannot be connected");
        }
        c->n_muxed++;
    }
    return STG_OK;
}

static enum stg_status add_source(struct child *c, size_t i)
{
    const bt_component_class_source *class = bt_plugin_borrow_source_component_class_by_name_const(c->ctf, "fs");
    enum stg_status status = STG_OK;
    const bt_component_source *source = NULL;
    bt_value *inputs = NULL;
    const char *repaired = c->traces->items[i].repaired.path;
    char name[24];
    bt_value *params = bt_value_map_create();
    (void)snprintf(name, sizeof name, "%zu", i);
    if (params == NULL || class == NULL ||
        bt_value_map_insert_empty_array_entry(params, "inputs", &inputs) != BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK ||
        bt_value_array_append_string_element(inputs, repaired != NULL ? repaired : c->traces->items[i].path) !=
            BT_VALUE_ARRAY_APPEND_ELEMENT_STATUS_OK ||
        bt_graph_add_source_component(c->graph, class, name, params, BT_LOGGING_LEVEL_NONE, &source) !=
            BT_GRAPH_ADD_COMPONENT_STATUS_OK) {
        status = graph_failure(c, "it cannot be opened");
        if (strstr(stg_status_message(), c->traces->items[i].path) == NULL) {
            status = stg_context(status, "%s", c->traces->items[i].path);
        }
    } else {
        if (c->n_bytes >= CTF_RANGE_BYTES && !c->traces->one_by_one) {
            ctf_range_add(class, params, &c->reader->begin_ns, &c->reader->end_ns);
        }
        status = connect_source(c, source);
    }
    bt_value_put_ref(params);
    return status;
}

static enum stg_status add_sink(struct child *c)
{
    const bt_component_sink *sink = NULL;
    if (bt_graph_add_simple_sink_component(c->graph, "events", NULL, consume, NULL, c, &sink) !=
        BT_GRAPH_ADD_COMPONENT_STATUS_OK) {
        return graph_failure(c, "the sink cannot be added");
    }
    const bt_port_output *from = bt_component_filter_borrow_output_port_by_index_const(c->muxer, 0);
    const bt_port_input *to = bt_component_sink_borrow_input_port_by_index_const(sink, 0);
    if (bt_graph_connect_ports(c->graph, from, to, NULL) != BT_GRAPH_CONNECT_PORTS_STATUS_OK) {
        return graph_failure(c, "the sink cannot be connected");
    }
    return STG_OK;
}

/* Of the traces from … to − 1. */
static enum stg_status build_graph(struct child *c, size_t from, size_t to)
{
    const bt_component_class_filter *muxer = bt_plugin_borrow_filter_component_class_by_name_const(c->utils, "muxer");
    c->graph = bt_graph_create(0);
    if (c->graph == NULL || muxer == NULL ||
        bt_graph_add_filter_component(c->graph, muxer, "muxer", NULL, BT_LOGGING_LEVEL_NONE, &c->muxer) !=
            BT_GRAPH_ADD_COMPONENT_STATUS_OK) {
        return graph_failure(c, "the graph cannot be made");
    }
    for (size_t i = from; i < to; i++) {
        STG_RETURN_IF_FAILED(add_source(c, i));
    }
    if (c->reader->end_ns > c->reader->begin_ns) {
        c->reader->writer.totals.total = (uint64_t)c->reader->end_ns - (uint64_t)c->reader->begin_ns;
    }
    return c->n_muxed == 0 ? STG_OK : add_sink(c);
}

static enum stg_status run_graph(struct child *c)
{
    for (;;) {
        const bt_graph_run_status run = bt_graph_run(c->graph);
        if (c->status != STG_OK) {
            return c->status;
        }
        if (run == BT_GRAPH_RUN_STATUS_OK) {
            return STG_OK;
        }
        if (run != BT_GRAPH_RUN_STATUS_AGAIN) {
            return graph_failure(c, "reading failed");
        }
    }
}

/* A progress by bytes, as the times of what comes are not known yet. */
static enum stg_status read_one_by_one(struct child *c)
{
    bool any = false;
    c->reader->writer.totals.total = c->n_bytes;
    for (size_t i = 0; i < c->traces->n; i++) {
        c->reader->skip_facts = i > 0 && i + 1 < c->traces->n;
        c->n_muxed = 0;
        STG_RETURN_IF_FAILED(build_graph(c, i, i + 1));
        if (c->n_muxed > 0) { /* the last chunk may have nothing yet */
            STG_RETURN_IF_FAILED(run_graph(c));
            any = true;
        }
        bt_graph_put_ref(c->graph);
        c->graph = NULL;
        ctf_reader_forget(c->reader);
        c->reader->writer.totals.done += c->traces->items[i].size;
        ctf_child_steps++;
    }
    return any ? STG_OK : stg_fail(STG_ERR_INPUT, "no stream files: nothing was recorded");
}

static enum stg_status read_all(struct child *c)
{
    if (!find_plugin("ctf", &c->ctf) || !find_plugin("utils", &c->utils)) {
        return stg_fail(STG_ERR_UNSUPPORTED,
                        "babeltrace2's plugins `ctf` and `utils` are not installed: install babeltrace2");
    }
    for (size_t i = 0; i < c->traces->n; i++) {
        c->n_bytes += c->traces->items[i].size;
    }
    if (c->traces->one_by_one) {
        return read_one_by_one(c);
    }
    STG_RETURN_IF_FAILED(build_graph(c, 0, c->traces->n));
    if (c->n_muxed == 0) {
        return stg_fail(STG_ERR_INPUT, "%s: no stream files: nothing was recorded", c->traces->items[0].path);
    }
    return run_graph(c);
}

void ctf_child_run(struct ctf_ring *ring, const struct ctf_traces *traces)
{
    struct child c = {.traces = traces, .status = STG_OK};
    /* No interpreter inside: plugins written in Python are not ours to run. */
    (void)setenv("LIBBABELTRACE2_DISABLE_PYTHON_PLUGINS", "1", 1);
    bt_logging_set_global_level(BT_LOGGING_LEVEL_NONE);
    start_watchdog();
    if (ctf_reader_new(&c.reader, ring) != STG_OK) {
        ctf_ring_finish(ring, STG_ERR_MEMORY, stg_status_message());
        return;
    }
    const enum stg_status status = read_all(&c);
    if (c.status == STG_ERR_INTERRUPTED) {
        _exit(CTF_EXIT_ORPHAN);
    }
    char message[CTF_MESSAGE_LEN];
    (void)snprintf(message, sizeof message, "%s", status == STG_OK ? "" : stg_status_message());
    ctf_ring_current(ring)->totals = c.reader->writer.totals;
    ctf_ring_finish(ring, status, message);
    /* The graph is left to the end of the process: taking a malformed trace apart is one more chance to crash. */
}
