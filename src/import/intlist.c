/* Integer lists: sequences of numbers that stand for calls, as ADFA-LD and the HDFS session keys come. Lists of names
 * (namelist.c) are read by the same.
 *
 * A file holds one sequence per line; in a directory every file, however its values are broken into lines, is one
 * sequence. The numbers' texts are the names: which table they belong to is not written anywhere. */
#include "import/intlist.h"

#include "base/log.h"
#include "base/memory.h"
#include "import/files.h"
#include "import/import.h"

#include <inttypes.h>
#include <string.h>

struct list {
    struct stg_text text;
    const struct stg_list_kind *kind;
    bool any;  /* a value was read */
    bool open; /* between BEGIN and END */

    struct stg_cursor rest; /* of the line */
    const char *line;
    struct stg_files files;
    uint64_t n_sequences;
    uint64_t n_values; /* of the sequence */
    bool longer;       /* a sequence of another length than two was there */
};

/* --- Reading --- */

bool stg_list_is_separator(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\f' || ch == '\v' || ch == ',' || ch == '|';
}

void stg_list_skip(struct stg_cursor *c)
{
    while (c->at < c->end && stg_list_is_separator(*c->at)) {
        c->at++;
    }
}

/* The value at the front of c and what separates it from the next. */
static bool take_value(const struct stg_list_kind *kind, struct stg_cursor *c, struct stg_cursor *value)
{
    struct stg_cursor at = *c;
    if (!kind->value(&at) || (at.at < at.end && !stg_list_is_separator(*at.at))) {
        return false;
    }
    *value = (struct stg_cursor){c->at, at.at};
    *c = at;
    stg_list_skip(c);
    return true;
}

static struct stg_event *put(struct list *s, enum stg_event_kind kind)
{
    struct stg_event *e = stg_text_put(&s->text, kind, 0);
    if (e != NULL) {
        /* Thread ids are positive and 31 bits wide; sequences beyond that many begin again at 1. */
        e->tid = (int32_t)((s->n_sequences - 1) % INT32_MAX) + 1;
        e->has = STG_HAS_TID;
        e->ts_ns = s->text.n_serial;
    }
    return e;
}

static enum stg_status put_mark(struct list *s, bool begin)
{
    s->open = begin;
    s->n_sequences += begin ? 1 : 0;
    s->longer = s->longer || (!begin && s->n_values != 2);
    s->n_values = 0;
    STG_RETURN_IF_FAILED(begin && s->files.directory ? stg_text_of_file(&s->text) : STG_OK);
    if (put(s, begin ? STG_EVENT_BEGIN : STG_EVENT_END) == NULL) {
        return stg_fail(STG_ERR_INTERNAL, "list: a step gave too many events");
    }
    return STG_OK;
}

/* What is said of a value that is none. In a directory it may be a file that does not belong there. */
static enum stg_status refuse(const struct list *s)
{
    STG_RETURN_IF_FAILED(s->files.directory ? stg_files_refuse_stranger(s->text.file) : STG_OK);
    return stg_text_fail(&s->text, "column %td: %s%s", s->rest.at - s->line + 1, s->kind->expected,
                         s->files.directory ? ", in every file of the directory" : "");
}

/* Reads the value at the front of the rest. */
static enum stg_status put_value(struct list *s)
{
    struct stg_text *t = &s->text;
    struct stg_cursor value;
    uint32_t name;
    if (!take_value(s->kind, &s->rest, &value)) {
        return refuse(s);
    }
    STG_RETURN_IF_FAILED(stg_text_name(t, value.at, stg_cursor_left(&value), &name));
    struct stg_event *e = put(s, STG_EVENT_ENTRY);
    if (e == NULL) {
        return stg_fail(STG_ERR_INTERNAL, "list: a step gave too many events");
    }
    e->name = name;
    s->n_values++;
    t->n_serial++;
    s->any = true;
    return STG_OK;
}

/* Lines of a process and its call (pairs.c) that are too few to be found as such, or asked for as lists. */
static void warn_pairs(const struct list *s)
{
    if (!s->files.directory && !s->longer && s->n_sequences > 1) {
        stg_log(STG_LOG_WARN,
                "%s: every line holds two numbers and is read as a sequence of two calls; if they are a process and "
                "its call, prepare it with --format pairs",
                s->text.path);
    }
}

/* Opens the next file of the directory; ends the source behind the last. */
static enum stg_status next_file(struct list *s)
{
    struct stg_text *t = &s->text;
    STG_RETURN_IF_FAILED(stg_files_next(&s->files, t, STG_TEXT_SEQUENCE_MAX));
    if (t->ended) {
        warn_pairs(s);
        return stg_text_check_known(t, s->any, s->kind->what);
    }
    return STG_OK;
}

static enum stg_status next_line(struct list *s)
{
    struct stg_text *t = &s->text;
    size_t len;
    if (t->lines == NULL) {
        return next_file(s);
    }
    STG_RETURN_IF_FAILED(stg_lines_next(t->lines, &s->line, &len));
    if (s->line == NULL) {
        s->rest = (struct stg_cursor){NULL, NULL};
        if (s->open) {
            STG_RETURN_IF_FAILED(put_mark(s, false));
        } else if (s->files.directory) {
            t->n_skipped++; /* a file without a value */
        }
        return next_file(s);
    }
    s->rest = stg_cursor_of(s->line, len);
    stg_list_skip(&s->rest);
    if (s->rest.at == s->rest.end) {
        t->n_skipped += s->files.directory ? 0 : 1;
        return STG_OK;
    }
    return s->open ? STG_OK : put_mark(s, true);
}

static enum stg_status step(struct stg_text *t)
{
    struct list *s = (struct list *)t;
    if (s->rest.at < s->rest.end) {
        return put_value(s);
    }
    if (s->open && !s->files.directory) {
        return put_mark(s, false);
    }
    return next_line(s);
}

/* --- The source --- */

bool stg_list_is_line(const struct stg_list_kind *kind, const char *line, size_t len)
{
    struct stg_cursor c = stg_cursor_of(line, len), value;
    stg_list_skip(&c);
    if (c.at == c.end) {
        return false;
    }
    while (c.at < c.end) {
        if (!take_value(kind, &c, &value)) {
            return false;
        }
    }
    return true;
}

size_t stg_list_head(const char *path, const uint8_t **head, size_t n_head, uint8_t *room)
{
    if (!stg_file_is_directory(path)) {
        return n_head;
    }
    *head = room;
    return stg_files_head(path, room);
}

void stg_list_close(struct stg_source *source)
{
    struct list *s = (struct list *)source;
    stg_files_fini(&s->files);
    stg_text_fini(&s->text);
    stg_mem_free(s);
}

enum stg_status stg_list_open(struct stg_source **out, const char *path, const struct stg_list_kind *kind)
{
    enum stg_status status;
    struct list *s = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s, 1, sizeof *s));
    s->kind = kind;
    STG_TRY(stg_text_init(&s->text, kind->ops, path, step));
    s->text.has_sequences = true;
    STG_TRY(stg_files_open(&s->files, &s->text, path, STG_TEXT_SEQUENCE_MAX));
    *out = &s->text.source;
    return STG_OK;
out:
    stg_list_close(&s->text.source);
    return status;
}

/* --- Integers --- */

bool stg_list_integer(struct stg_cursor *c)
{
    uint64_t value;
    (void)stg_cursor_text(c, "-");
    return stg_cursor_u64(c, &value);
}

static const struct stg_list_kind integers = {
    .ops = &stg_import_intlist,
    .what = "integer",
    .expected = "not an integer of at most 64 bits: expected integers separated by blanks, commas or bars",
    .value = stg_list_integer,
};

static bool matches(const char *line, size_t len)
{
    return stg_list_is_line(&integers, line, len);
}

/* All of the head is integers; a number cut off at its end is one too. */
static int intlist_probe(const char *path, const uint8_t *head, size_t n_head)
{
    uint8_t room[STG_FILES_HEAD];
    const size_t n = stg_list_head(path, &head, n_head, room);
    return stg_text_probe(head, n, matches) >= 90 ? 90 : 0;
}

static enum stg_status intlist_open(struct stg_source **out, const char *path)
{
    return stg_list_open(out, path, &integers);
}

const struct stg_source_ops stg_import_intlist = {
    .name = "intlist",
    .summary = "integer lists: one sequence per line, or per file of a directory",
    .probe = intlist_probe,
    .open = intlist_open,
    .next = stg_text_next,
    .info = stg_text_info,
    .close = stg_list_close,
};
