/* CTF writer, inside. classes.c and metadata.c make the metadata, stream.c fills packets, file.c puts them on disk so
 * that a file is valid at any moment, chunk.c knows the directories, flight.c the packets that are only kept. */
#ifndef STG_TRACE_CTF_INTERNAL_H
#define STG_TRACE_CTF_INTERNAL_H

#include "trace/ctf_writer.h"

#include "base/buffer.h"

#include <sys/types.h>

/* --- The packet's header and context: all values little endian, at these byte offsets --- */

#define TRACE_MAGIC 0xc1fc1fc1u
enum {
    TRACE_AT_MAGIC = 0,
    TRACE_AT_UUID = 4,
    TRACE_AT_STREAM_CLASS = 20,
    TRACE_AT_STREAM = 24, /* stream_instance_id */
    TRACE_AT_BEGIN = 32,
    TRACE_AT_END = 40,
    TRACE_AT_CONTENT_SIZE = 48, /* bits */
    TRACE_AT_PACKET_SIZE =
        56, /* bits; aligned to eight bytes, as packets are, so that it is written whole or not at all */
    TRACE_AT_SEQUENCE = 64,
    TRACE_AT_DISCARDED = 72,
    TRACE_AT_CPU = 80,
    TRACE_HEADER_SIZE = 84,
};

#define TRACE_MIN_PACKET ((size_t)8 << 10)
#define TRACE_MAX_PACKET ((size_t)16 << 20)
#define TRACE_MAX_CPUS   65536
#define TRACE_NO_CPU     UINT32_MAX
#define TRACE_COMM_SIZE  16
#define TRACE_MAX_PATH   4095
/* Extended header, contexts, descriptor kind, path, six arguments; settings.fields come on top. */
#define TRACE_MAX_EVENT (14 + TRACE_COMM_SIZE + 16 + 2 + TRACE_MAX_PATH + 1 + 8 * STG_EVENT_MAX_ARGS)

/* --- Event classes (classes.c) --- */

/* A class is a name, a kind and a shape: how many arguments, which return value, with or without descriptor kind,
 * path and number of runnable threads. */
enum {
    TRACE_SHAPE_ENTRY = 0,
    TRACE_SHAPE_EXIT = 56,
    TRACE_SHAPE_MARKER = 80,
    TRACE_SHAPE_BEGIN = 136,
    TRACE_SHAPE_END,
    TRACE_N_SHAPES
};
enum { TRACE_RET_NONE, TRACE_RET_VALUE, TRACE_RET_CLASS };

#define TRACE_NO_CLASS    UINT16_MAX
#define TRACE_MAX_CLASSES 65535 /* ids 0 … 65534: 65535 announces an extended header */

struct trace_class {
    size_t begin, end; /* of its declaration in the text */
    uint64_t chunk;    /* the last one whose metadata have to declare it, counted as stats.n_chunks */
};

struct trace_classes {
    uint16_t **rows; /* by name id + 1 (0: events without a name): TRACE_N_SHAPES class ids each, or NULL; owned */
    size_t cap;
    uint32_t n;
    struct stg_buffer text;    /* their declarations */
    struct trace_class *items; /* (n) owned */
    size_t cap_items;
};

static inline unsigned trace_shape_of_return(const struct stg_event *e)
{
    return (e->has & STG_HAS_RET) != 0     ? TRACE_RET_VALUE
           : (e->has & STG_HAS_CLASS) != 0 ? TRACE_RET_CLASS
                                           : TRACE_RET_NONE;
}

static inline unsigned trace_shape(const struct stg_event *e)
{
    const unsigned extras = ((e->has & STG_HAS_FD) != 0 ? 1u : 0u) | ((e->has & STG_HAS_PATH) != 0 ? 2u : 0u) |
                            ((e->has & STG_HAS_RUNNABLE) != 0 ? 4u : 0u);
    const unsigned n_args = e->n_args < STG_EVENT_MAX_ARGS ? e->n_args : STG_EVENT_MAX_ARGS;
    switch (e->kind) {
    case STG_EVENT_ENTRY:
        return TRACE_SHAPE_ENTRY + n_args * 8 + extras;
    case STG_EVENT_EXIT:
        return TRACE_SHAPE_EXIT + 8 * trace_shape_of_return(e) + extras;
    case STG_EVENT_BEGIN:
        return TRACE_SHAPE_BEGIN;
    case STG_EVENT_END:
        return TRACE_SHAPE_END;
    default:
        return TRACE_SHAPE_MARKER + n_args * 8 + extras;
    }
}

void trace_classes_fini(struct trace_classes *c);
/* Declares the class of e, which is not there yet. names: the table of its name. */
enum stg_status trace_classes_add(struct trace_classes *c, const struct stg_event *e, const struct stg_strings *names,
                                  uint32_t *id) STG_MUST_USE;

/* *id of e's class; *is_new when it was declared now. */
static inline STG_MUST_USE enum stg_status trace_classes_find(struct trace_classes *c, const struct stg_event *e,
                                                              const struct stg_strings *names, uint32_t *id)
{
    const size_t row = e->name == STG_NAME_NONE ? 0 : (size_t)e->name + 1;
    if (row < c->cap && c->rows[row] != NULL) {
        *id = c->rows[row][trace_shape(e)];
        if (*id != TRACE_NO_CLASS) {
            return STG_OK;
        }
    }
    return trace_classes_add(c, e, names, id);
}

/* text in quotes, as TSDL wants it. */
enum stg_status trace_put_quoted(struct stg_buffer *b, const char *text) STG_MUST_USE;

/* --- Facts: the environment (facts.c) --- */

struct trace_facts {
    struct trace_fact {
        char *key, *value; /* owned */
    } * items;
    size_t n, cap;
};

void trace_facts_fini(struct trace_facts *f);
enum stg_status trace_facts_set(struct trace_facts *f, const char *key, const char *value) STG_MUST_USE;
enum stg_status trace_facts_set_host(struct trace_facts *f) STG_MUST_USE;

/* --- Streams (stream.c) --- */

/* A stream file. Its last packet claims all space up to the end of the file, so that what is being written behind its
 * content is padding to a reader until the claim is reduced (file.c). */
struct trace_file {
    int fd;                            /* −1: not there yet */
    uint64_t size;                     /* bytes of the file */
    uint64_t used;                     /* bytes of packets */
    uint64_t i_last;                   /* offset of the last packet */
    uint64_t allocated;                /* bytes for which the disk has room; UINT64_MAX: not known */
    uint8_t header[TRACE_HEADER_SIZE]; /* of the last packet */
};

struct trace_stream {
    uint32_t cpu;    /* TRACE_NO_CPU: not known */
    uint8_t *packet; /* settings.packet_size; owned */
    size_t used;     /* bytes of the packet, its header included */
    uint64_t n_events;
    uint64_t begin_ns;              /* of the packet */
    uint64_t last_ns;               /* of the last event or gap of the stream */
    uint64_t n_discarded, i_packet; /* of the chunk, as the next packet will say */
    bool has_packet;                /* the chunk has one of this stream */
    bool owes;                      /* a gap that no packet has told yet */
    uint32_t comm;                  /* whose bytes are in comm_bytes */
    bool comm_cut;
    uint8_t comm_bytes[TRACE_COMM_SIZE];
    struct trace_file file;
};

/* Whether settings.max_size does for so many streams. */
enum stg_status trace_streams_check(const struct stg_ctf_writer *w, size_t n) STG_MUST_USE;
/* values: (settings.n_fields), NULL without fields. */
enum stg_status trace_stream_put(struct stg_ctf_writer *w, const struct stg_event *e,
                                 const union stg_ctf_value *values) STG_MUST_USE;
/* Ends the packet; an empty one is made only for a gap that is owed. */
enum stg_status trace_stream_flush(struct stg_ctf_writer *w, struct trace_stream *s) STG_MUST_USE;
enum stg_status trace_streams_flush(struct stg_ctf_writer *w) STG_MUST_USE;
void trace_streams_fini(struct stg_ctf_writer *w);
void trace_put_u64(uint8_t *to, uint64_t value);
uint64_t trace_get_u64(const uint8_t *from);

/* --- Files (file.c) --- */

/* A directory under way. */
struct trace_dir {
    char *path; /* owned */
    int fd;     /* −1: closed */
};

enum stg_status trace_dir_make(struct trace_dir *d, const char *path, bool may_exist, bool *made) STG_MUST_USE;
void trace_dir_fini(struct trace_dir *d);
/* Writes `metadata` so that it is either the old or the new one. */
enum stg_status trace_dir_metadata(const struct trace_dir *d, const struct stg_buffer *text) STG_MUST_USE;
/* Removes what the writer makes in a directory, then the directory itself if `all`. Best effort: false when something
 * stayed. */
bool trace_dir_remove(const char *path, bool all);

/* How stream files become longer. */
struct trace_growth {
    size_t step;    /* their sizes are multiples of it, in whole pages */
    uint64_t ahead; /* for so many bytes more the disk is asked to have room; 0: it is not asked */
    uint8_t *pages; /* (n_pages) empty packets; owned */
    uint64_t n_pages;
};

void trace_growth_fini(struct trace_growth *g);
/* Appends a packet of size bytes (a multiple of eight). A file that is too short for it is made longer. */
enum stg_status trace_file_append(struct trace_file *f, const struct trace_dir *d, uint32_t cpu, uint8_t *packet,
                                  size_t size, struct trace_growth *g) STG_MUST_USE;
/* Cuts the file to its packets and closes it. */
enum stg_status trace_file_finish(struct trace_file *f, const struct trace_dir *d, uint32_t cpu) STG_MUST_USE;

/* --- Metadata (metadata.c) --- */

enum stg_status trace_metadata_put(struct stg_buffer *b, const struct stg_ctf_writer *w, const uint8_t uuid[16],
                                   bool complete) STG_MUST_USE;
void trace_uuid_make(uint8_t uuid[16]);

/* --- Chunks (chunk.c) --- */

struct trace_chunk {
    uint64_t number;
    uint64_t n_bytes; /* of its files */
    uint64_t n_packet_bytes, n_events;
};

enum stg_status trace_chunk_begin(struct stg_ctf_writer *w) STG_MUST_USE;
enum stg_status trace_chunk_end(struct stg_ctf_writer *w) STG_MUST_USE; /* streams were flushed */
enum stg_status trace_chunk_write(struct stg_ctf_writer *w, struct trace_stream *s, size_t size,
                                  uint64_t n_events) STG_MUST_USE;
/* What is on disk of the chunk, and its metadata as they will be, leave no room for more under max_size. */
bool trace_chunk_is_full(const struct stg_ctf_writer *w);
enum stg_status trace_chunk_rotate(struct stg_ctf_writer *w) STG_MUST_USE;
/* Removes everything that was written. */
void trace_chunk_abandon(struct stg_ctf_writer *w);

/* --- Flight recorder (flight.c) --- */

struct trace_kept {
    uint8_t *data; /* owned */
    size_t size;
    uint32_t i_stream; /* index in streams */
    uint64_t end_ns, n_events;
};

/* A queue, oldest first. */
struct trace_flight {
    struct trace_kept *items; /* (cap, a power of two) */
    size_t first, n, cap;
    uint64_t n_bytes, newest_ns;
};

enum stg_status trace_flight_add(struct stg_ctf_writer *w, uint32_t i_stream, size_t size,
                                 uint64_t n_events) STG_MUST_USE;
void trace_flight_forget(struct stg_ctf_writer *w, uint64_t now_ns);
enum stg_status trace_flight_write(struct stg_ctf_writer *w, const char *path) STG_MUST_USE;
void trace_flight_fini(struct trace_flight *f);

/* --- The writer (ctf_writer.c) --- */

struct stg_ctf_writer {
    struct stg_sink base;
    struct stg_ctf_settings settings; /* path and name are owned copies */
    struct stg_ctf_stats stats;
    struct trace_classes classes;
    struct trace_facts facts;
    struct trace_stream **streams; /* in order of appearance; owned */
    uint32_t *by_cpu;              /* CPU + 1 → index in streams + 1, 0 = none; owned */
    size_t n_streams, cap_streams, cap_by_cpu;
    struct trace_growth growth;
    size_t packet_limit; /* bytes at which a packet ends: packet_size, or less when max_size is small */
    uint8_t clock_uuid[16];

    struct trace_dir dir; /* of the chunk */
    bool made_root;       /* settings.path was made here */
    uint8_t uuid[16];     /* of the chunk */
    struct trace_chunk chunk;
    struct trace_chunk *finished; /* still on disk, oldest first; owned */
    size_t n_finished, cap_finished;
    uint64_t finished_bytes; /* their sum: a recording of days has a million */
    uint64_t metadata_size;
    uint64_t bare_size, needed_size; /* of the chunk's metadata: without classes, and the classes that it needs */
    bool metadata_stale;             /* what is on disk does not hold all that is known */
    bool chunk_has_time;
    bool rotate_due;
    uint64_t rotate_at_ns;

    struct trace_flight flight;
    bool failed; /* the disk refused; nothing is written any more */
    enum stg_status failure;
    char *failure_message; /* owned */
};

#endif
