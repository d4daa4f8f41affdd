/* Text import, inside: what the sources that read text have in common: lines in, batches of events out, and a cursor
 * over a line. A source of this kind is a struct that begins with struct stg_text and a `step` that puts a few events
 * at a time. */
#ifndef STG_IMPORT_TEXT_H
#define STG_IMPORT_TEXT_H

#include "base/file.h"
#include "event/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STG_TEXT_BATCH        1024              /* events per batch */
#define STG_TEXT_STEP         8                 /* events that one step may put */
#define STG_TEXT_MAX_NAMES    65536             /* different names (and, apart from them, thread names) of one source */
#define STG_TEXT_MAX_NAME_LEN 255               /* bytes; longer names are cut */
#define STG_TEXT_MAX_PATHS    (1 << 18)         /* different names of files of one source, as many as of CTF */
#define STG_TEXT_MAX_PATH_LEN 4095              /* bytes; longer ones are cut */
#define STG_TEXT_LINE_MAX     ((size_t)1 << 20) /* bytes of a line of a tracer's text */
#define STG_TEXT_SEQUENCE_MAX ((size_t)64 << 20) /* bytes of a line that holds a whole sequence */

/* Where a call has the first name of a file and the first descriptor: stg_syscall_path_index() and
 * stg_syscall_descriptor_index(). */
struct stg_text_places {
    bool known; /* the two are those of the call */
    int8_t path, descriptor;
};

struct stg_text {
    struct stg_source source;
    char *path;              /* as given; owned */
    const char *file;        /* the file being read, for messages; borrowed */
    struct stg_lines *lines; /* owned; NULL between files */
    bool reversed;           /* lines are read from the end: numbers in messages count from there */
    bool ended;              /* set by step: nothing follows */
    bool has_sequences, has_clock;
    struct stg_event *events; /* (STG_TEXT_BATCH) owned */
    size_t n;                 /* events in the batch */
    uint64_t n_events, n_lost, n_gaps, n_skipped, n_no_path;
    struct stg_text_places *places; /* (cap_places) by names' ids; owned */
    size_t cap_places;
    const char **files; /* (n_files) owned, what they point to is not: stg_source_info.files */
    size_t n_files, cap_files;
    uint64_t n_serial;    /* events so far, for sources without time */
    uint64_t done_before; /* bytes of the files that were read to their end */
    uint64_t total;       /* bytes of all files; 0: those of the open one */
    /* Puts at most STG_TEXT_STEP events. */
    enum stg_status (*step)(struct stg_text *t) STG_MUST_USE;
};

/* t is zeroed and part of the caller's allocation. On failure stg_text_fini() is still due. */
enum stg_status stg_text_init(struct stg_text *t, const struct stg_source_ops *ops, const char *path,
                              enum stg_status (*step)(struct stg_text *t)) STG_MUST_USE;
void stg_text_fini(struct stg_text *t);
/* The `next` and `info` of every source of this kind. */
enum stg_status stg_text_next(struct stg_source *s, const struct stg_event **events, size_t *n) STG_MUST_USE;
void stg_text_info(const struct stg_source *s, struct stg_source_info *out);

/* Whether path can be read twice: a regular file, not a pipe or standard input. */
enum stg_status stg_text_is_regular(const char *path, bool *out) STG_MUST_USE;

/* A zeroed event at the end of the batch, counted by its kind; NULL when a step puts more than it may. The fields are
 * the caller's to set before its step ends. */
struct stg_event *stg_text_put(struct stg_text *t, enum stg_event_kind kind, uint64_t n_lost);

/* The id of a name or thread name; STG_ERR_INPUT beyond STG_TEXT_MAX_NAMES different ones. */
enum stg_status stg_text_name(struct stg_text *t, const char *text, size_t len, uint32_t *id) STG_MUST_USE;
enum stg_status stg_text_comm(struct stg_text *t, const char *text, size_t len, uint32_t *id) STG_MUST_USE;
/* The name of a system-call number; "syscall_N" when it has none, "<unknown>" when N is negative. */
enum stg_status stg_text_number_name(struct stg_text *t, int64_t number, uint32_t *id) STG_MUST_USE;

/* Makes room for names of files, of a source whose events have some; after stg_text_init(). */
enum stg_status stg_text_keep_paths(struct stg_text *t) STG_MUST_USE;
/* The places of the call whose name has this id. */
enum stg_status stg_text_places(struct stg_text *t, uint32_t name, struct stg_text_places *out) STG_MUST_USE;
/* Gives an event the name of a file. An empty one is none, and beyond STG_TEXT_MAX_PATHS different ones new ones are
 * left out and counted. */
enum stg_status stg_text_path(struct stg_text *t, const char *text, size_t len, struct stg_event *e) STG_MUST_USE;

/* Notes that the next thread id, from 1, is of the open file, which stays named. */
enum stg_status stg_text_of_file(struct stg_text *t) STG_MUST_USE;

/* Fails with "FILE: line N: what" (what includes what to do). */
enum stg_status stg_text_fail(const struct stg_text *t, const char *fmt, ...) STG_PRINTF(2, 3);
/* Fails when the input ended without a line that the source knows. */
enum stg_status stg_text_check_known(const struct stg_text *t, bool any, const char *what) STG_MUST_USE;

/* --- A cursor over a line: every function moves `at` only when it succeeds --- */

struct stg_cursor {
    const char *at, *end;
};

static inline struct stg_cursor stg_cursor_of(const char *text, size_t len)
{
    return (struct stg_cursor){text, text + len};
}
static inline size_t stg_cursor_left(const struct stg_cursor *c)
{
    return (size_t)(c->end - c->at);
}

void stg_cursor_spaces(struct stg_cursor *c); /* skips blanks and tabs */
bool stg_cursor_text(struct stg_cursor *c, const char *text);
/* Decimal digits that fit. */
bool stg_cursor_u64(struct stg_cursor *c, uint64_t *out);
/* Hexadecimal digits that fit, without 0x. */
bool stg_cursor_hex(struct stg_cursor *c, uint64_t *out);
/* [-]decimal, 0x… or 0 followed by octal digits, as C writes them; a value above INT64_MAX keeps its bits. */
bool stg_cursor_integer(struct stg_cursor *c, int64_t *out);
/* 1 … INT32_MAX, a process or thread id. */
bool stg_cursor_id(struct stg_cursor *c, int32_t *out);
/* "SECONDS.FRACTION" with 1 to 9 digits behind the point, in ns. */
bool stg_cursor_seconds(struct stg_cursor *c, uint64_t *ns);
/* "HH:MM:SS.FRACTION", in ns since midnight. */
bool stg_cursor_daytime(struct stg_cursor *c, uint64_t *ns);
/* Letters, digits and underscores, at least one. */
bool stg_cursor_word(struct stg_cursor *c, const char **word, size_t *len);
/* True when the rest begins with text. */
bool stg_cursor_begins(const struct stg_cursor *c, const char *text);

/* Times of day become times of a clock that does not wrap: a jump back by more than half a day is midnight. */
struct stg_daytime {
    uint64_t last, days; /* ns of the day; whole days in ns */
};
uint64_t stg_daytime_unwrap(struct stg_daytime *d, uint64_t ns);

/* What a probe finds in the first bytes of a file, 0 … 100: lines that match, of those that are complete and not
 * blank. */
int stg_text_probe(const uint8_t *head, size_t n_head, bool (*match)(const char *line, size_t len));

#endif
