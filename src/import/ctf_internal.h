/* CTF import, inside: babeltrace2 runs in a child process, because malformed traces make it abort or eat memory; the
 * child hands batches of events over in shared memory. ctf.c is the parent, ctf_graph.c and ctf_events.c are the
 * child. */
#ifndef STG_IMPORT_CTF_INTERNAL_H
#define STG_IMPORT_CTF_INTERNAL_H

#include "base/keys.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/temporary.h"
#include "event/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* --- Finding traces (ctf_find.c) --- */

#define CTF_MAX_TRACES 65536
/* Traces that are merged by time; the chunks of a rotating recording are read one after another. */
#define CTF_MAX_AT_ONCE 512
#define CTF_MAX_DEPTH   10
#define CTF_MAX_ENTRIES (1 << 20) /* directory entries looked at, all together */

struct ctf_trace {
    char *path;                        /* directory that holds `metadata`; owned */
    uint64_t size;                     /* bytes of its files but the metadata */
    struct stg_temporary_dir repaired; /* to read instead, where it has a path */
    uint64_t n_torn;                   /* streams whose end is missing there */
    bool is_chunk;    /* of a rotating recording: what comes before it in time is in the chunks before it */
    bool is_snapshot; /* of a flight recorder */
};

struct ctf_traces {
    struct ctf_trace *items;
    size_t n, cap;
    size_t n_entries;
    char *bare;      /* owned; the first directory that has streams and no metadata, NULL: there is none */
    bool one_by_one; /* all of them are chunks */
};

/* The trace directories at and below path, in name order, numbers by their value; STG_ERR_INPUT when there is neither
 * one nor a bare one. */
enum stg_status ctf_find(struct ctf_traces *out, const char *path) STG_MUST_USE;
void ctf_find_fini(struct ctf_traces *traces);

/* Sets trace->is_chunk, trace->is_snapshot, and trace->repaired where a stream's last packet is torn, in traces of this
 * project's writer (ctf_repair.c). */
enum stg_status ctf_repair(struct ctf_trace *trace) STG_MUST_USE;
void ctf_repair_fini(struct ctf_trace *trace);

/* The metadata file's frame; the contents are babeltrace2's to judge (ctf_metadata.c). */
enum stg_status ctf_metadata_check(const char *trace) STG_MUST_USE;

/* --- The ring of batches (ctf_ring.c) --- */

#define CTF_BATCHES      8
#define CTF_BATCH_EVENTS 4096
#define CTF_BATCH_TEXT   65536
#define CTF_MESSAGE_LEN  768
#define CTF_NAME_LEN     255  /* longest name that is kept, in bytes */
#define CTF_TEXT_LEN     4095 /* longest path or fact */

/* A string record of a batch is a table (one byte), a length (two, low first), then the bytes. Records come in the
 * order in which the child numbered the strings, so that the parent, adding them in the same order, gets the same
 * ids. */
enum { CTF_NAMES, CTF_COMMS, CTF_PATHS, CTF_FACTS, CTF_N_TABLES };
#define CTF_RECORD_HEAD 3

struct ctf_totals {
    uint64_t n_skipped;     /* records that are not events for us */
    uint64_t n_no_tid;      /* events before the first sched_switch of their CPU, in a trace without thread ids */
    uint64_t done;          /* nanoseconds of the traces' time that are read */
    uint64_t total;         /* nanoseconds that the traces last; 0 = not known */
    uint64_t has_clock;     /* 1: times are since 1970 */
    uint64_t has_sequences; /* 1: sequence marks can come */
    uint64_t n_no_path;     /* events whose path was left out because there were too many different ones */
};

struct ctf_batch {
    uint32_t n_events;
    uint32_t text_size; /* bytes of string records */
    uint32_t last;      /* 1: nothing follows, and status and message say how it ended */
    uint32_t status;    /* enum stg_status */
    struct ctf_totals totals;
    char message[CTF_MESSAGE_LEN];
    uint8_t text[CTF_BATCH_TEXT];
    struct stg_event events[CTF_BATCH_EVENTS];
};

struct ctf_ring {
    struct ctf_batch *batches; /* CTF_BATCHES of them, shared */
    int socket;                /* one byte per batch, in both directions; −1 closed */
    size_t at;                 /* batch in use on this side */
    size_t n_free;             /* child: batches that it may fill, the current one included */
    bool held;                 /* parent: batch `at` is with the consumer */
};

enum ctf_take { CTF_TAKEN, CTF_DIED, CTF_INTERRUPTED };

/* Maps the batches; *other is the socket for the child. */
enum stg_status ctf_ring_init(struct ctf_ring *r, int *other) STG_MUST_USE;
void ctf_ring_fini(struct ctf_ring *r);
/* Parent: gives the batch it holds back, then waits for the next. CTF_DIED: the child is gone. */
enum ctf_take ctf_ring_take(struct ctf_ring *r, const struct ctf_batch **out);
/* Child: the batch to fill. */
struct ctf_batch *ctf_ring_current(const struct ctf_ring *r);
/* Child: hands the current batch over and moves on to the next, waiting until it is free. False: the parent is gone. */
bool ctf_ring_publish(struct ctf_ring *r);
/* Child: hands the current batch over as the last one, with how it ended. */
void ctf_ring_finish(struct ctf_ring *r, enum stg_status status, const char *message);

/* --- The child --- */

/* Exit statuses of the child that are not the end of a trace. */
enum { CTF_EXIT_HANG = 97, CTF_EXIT_ORPHAN = 98 };

/* Reads the traces and fills the ring to the end. */
void ctf_child_run(struct ctf_ring *ring, const struct ctf_traces *traces);

/* Incremented for every message; the watchdog looks at it. */
extern volatile uint64_t ctf_child_steps;

/* --- A map from 64-bit keys to 32-bit values (ctf_map.c) --- */

struct ctf_map {
    struct stg_keys keys;
    uint32_t *value; /* (cap) by index of the key; owned */
    size_t cap;
};

#define CTF_MAP_NONE UINT32_MAX

void ctf_map_fini(struct ctf_map *m);
uint32_t ctf_map_get(const struct ctf_map *m, uint64_t key); /* CTF_MAP_NONE when absent */
enum stg_status ctf_map_put(struct ctf_map *m, uint64_t key, uint32_t value) STG_MUST_USE;

/* --- Filling batches (ctf_writer.c) --- */

struct ctf_writer {
    struct ctf_ring *ring;
    struct stg_strings *tables[CTF_N_TABLES]; /* owned */
    struct ctf_totals totals;                 /* copied into each batch */
};

#define CTF_MAX_NAMES 65536
#define CTF_MAX_COMMS (1 << 20)
#define CTF_MAX_PATHS (1 << 18)
#define CTF_MAX_FACTS 4096

enum stg_status ctf_writer_init(struct ctf_writer *w, struct ctf_ring *ring) STG_MUST_USE;
void ctf_writer_fini(struct ctf_writer *w);
/* The id of a text: cut to CTF_NAME_LEN or CTF_TEXT_LEN bytes, control characters and what is not UTF-8 replaced by
 * '?'. */
enum stg_status ctf_writer_string(struct ctf_writer *w, int table, const char *text, size_t len,
                                  uint32_t *id) STG_MUST_USE;
/* STG_ERR_INTERRUPTED: the parent is gone. */
enum stg_status ctf_writer_event(struct ctf_writer *w, const struct stg_event *event) STG_MUST_USE;

/* --- Event classes (ctf_class.c) --- */

struct bt_event;
struct bt_event_class;

enum ctf_kind {
    CTF_SKIP,         /* not an event for us */
    CTF_ENTRY,        /* entry with the name of its class */
    CTF_EXIT,         /* exit with the name of its class */
    CTF_EXIT_OPEN,    /* exit named after the thread's open entry (LTTng before 2.6) */
    CTF_NUMBER_ENTRY, /* the field `id` holds the number (raw_syscalls, LTTng's "unknown") */
    CTF_NUMBER_EXIT,
    CTF_MARKER,
    CTF_SWITCH, /* sched_switch: who runs on a CPU */
    CTF_BEGIN,  /* a sequence mark of the source that a trace was made from */
    CTF_END,
};

enum ctf_scope { CTF_NOWHERE, CTF_PACKET, CTF_COMMON, CTF_SPECIFIC, CTF_PAYLOAD };

enum ctf_type { CTF_UNSIGNED, CTF_SIGNED, CTF_STRING, CTF_ARRAY };

/* Where a value of an event is. */
struct ctf_where {
    uint8_t scope;  /* enum ctf_scope */
    uint8_t type;   /* enum ctf_type */
    uint8_t bits;   /* of an integer */
    uint32_t index; /* member of the scope's structure */
};

struct ctf_class {
    enum ctf_kind kind;
    const char *name; /* without prefix; borrowed from the class's name */
    uint32_t name_id; /* STG_NAME_NONE until first used */
    struct ctf_where tid, pid, comm, ret, number;
    struct ctf_where cgroup, runnable, fd_kind, path, ret_class; /* this project's own; path of LTTng, too */
    struct ctf_where prev_tid, prev_comm, next_tid, next_comm;
    struct ctf_where args[STG_EVENT_MAX_ARGS];
    uint8_t n_args;
    bool args_in_array; /* args[0] is an array of all of them */
};

/* What a trace is, from its environment. */
enum ctf_domain {
    CTF_DOMAIN_UNKNOWN,
    CTF_DOMAIN_KERNEL,
    CTF_DOMAIN_UST,
    CTF_DOMAIN_STRANGE, /* written by trace/: kernel events, and every other event is a marker */
};

/* What class means in a trace of that domain. */
void ctf_class_describe(struct ctf_class *out, const struct bt_event_class *class, enum ctf_domain domain);

/* True and *value, or false when the event has no such field. */
bool ctf_where_integer(const struct ctf_where *where, const struct bt_event *event, int64_t *value);
bool ctf_where_string(const struct ctf_where *where, const struct bt_event *event, const char **text, size_t *len);

/* --- Time ranges (ctf_range.c) --- */

struct bt_component_class_source;
struct bt_value;

#define CTF_RANGE_BYTES (UINT64_C(8) << 20) /* traces smaller than this are read before a progress bar would help */

/* Widens *begin … *end (nanoseconds) to the streams of the trace that params name. */
void ctf_range_add(const struct bt_component_class_source *class, const struct bt_value *params, int64_t *begin,
                   int64_t *end);

/* --- Events (ctf_events.c) --- */

struct bt_message;
struct bt_packet;
struct bt_stream;

/* One data stream: what is known of the packet that is being read. */
struct ctf_stream {
    uint32_t i_trace;
    uint32_t i_cpu; /* of reader.cpus; CTF_MAP_NONE when no CPU is known */
    bool has_time;
};

struct ctf_trace_state {
    enum ctf_domain domain;
    bool has_exit_open; /* exits take their names from the open entries */
};

/* Who runs on a CPU, from sched_switch. */
struct ctf_cpu {
    int32_t number;
    int32_t tid;
    uint32_t comm; /* STG_NAME_NONE when not known */
    bool known;
};

#define CTF_COMM_CACHE 1024
#define CTF_COMM_TEXT  16

/* The last name of a thread, to find its id without a table. */
struct ctf_comm_entry {
    int64_t tid;
    uint32_t id;
    uint32_t len;
    char text[CTF_COMM_TEXT];
};

struct ctf_reader {
    struct ctf_writer writer;
    struct ctf_map class_map, stream_map, trace_map, cpu_map;
    struct ctf_map open_calls; /* thread → name of its open entry */
    struct ctf_class *classes;
    struct ctf_stream *streams;
    struct ctf_trace_state *traces;
    struct ctf_cpu *cpus;
    size_t n_classes, n_streams, n_traces, n_cpus;
    size_t cap_classes, cap_streams, cap_traces, cap_cpus;
    const void *last_class, *last_stream;
    uint32_t i_last_class, i_last_stream;
    uint64_t n_messages; /* stands in for the time of streams without a clock */
    bool seen_time;
    bool skip_facts;          /* a chunk in the middle says nothing that the first and the last do not */
    int64_t begin_ns, end_ns; /* of all traces; end before begin: not known */
    struct ctf_comm_entry comms[CTF_COMM_CACHE];
};

enum stg_status ctf_reader_new(struct ctf_reader **out, struct ctf_ring *ring) STG_MUST_USE;
void ctf_reader_free(struct ctf_reader *r);
/* Forgets traces, streams and classes, whose addresses the next graph may use again. Strings and totals stay. */
void ctf_reader_forget(struct ctf_reader *r);
/* Takes one message. A failure's message is set; STG_ERR_INTERRUPTED: the parent is gone. */
enum stg_status ctf_reader_message(struct ctf_reader *r, const struct bt_message *message) STG_MUST_USE;

/* A stream, its trace and its classes as they appear (ctf_streams.c). */
enum stg_status ctf_reader_begin_stream(struct ctf_reader *r, const struct bt_stream *stream) STG_MUST_USE;
enum stg_status ctf_reader_begin_packet(struct ctf_reader *r, const struct bt_packet *packet) STG_MUST_USE;
enum stg_status ctf_reader_class(struct ctf_reader *r, const struct bt_event_class *class, uint32_t i_trace,
                                 uint32_t *i) STG_MUST_USE;

#endif
