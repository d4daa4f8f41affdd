/* Pairs: lines of a process and its call, as the traces of the University of New Mexico come.
 *
 *     552 5
 *     552 45
 *     553 5
 *
 * The processes of a file are threads to us; a process of another file of a directory is another one. There is neither
 * time nor an end: which process is over, only the end of the trace tells. */
#include "base/log.h"
#include "base/memory.h"
#include "import/files.h"
#include "import/import.h"
#include "import/intlist.h"

#include <inttypes.h>

#define LINE_MAX_SIZE 4096
#define PROBED_LINES  16 /* that many lines of two integers are no sequences of two calls */

struct pairs {
    struct stg_text text;
    bool any;
    struct stg_files files;
    struct stg_strings *processes; /* of the open file of a directory; owned */
    uint64_t n_before;             /* processes of the files before it */
};

/* --- Reading --- */

/* Opens the next file of the directory; ends the source behind the last. */
static enum stg_status next_file(struct pairs *s)
{
    struct stg_text *t = &s->text;
    STG_RETURN_IF_FAILED(stg_files_next(&s->files, t, LINE_MAX_SIZE));
    if (t->ended) {
        return stg_text_check_known(t, s->any, "line of a process and its call");
    }
    s->n_before += s->processes == NULL ? 0 : stg_strings_count(s->processes);
    stg_strings_free(s->processes);
    s->processes = NULL;
    return stg_strings_new(&s->processes);
}

/* The number of a process: its own, or in a directory, where they come again, that in order of appearance. */
static enum stg_status number_of(struct pairs *s, const struct stg_cursor *process, int32_t *tid)
{
    struct stg_cursor c = *process;
    uint32_t id;
    if (!s->files.directory) {
        return stg_cursor_id(&c, tid)
                   ? STG_OK
                   : stg_text_fail(
                         &s->text,
                         "a process is a number from 1 to 2147483647: the file is damaged or of another format");
    }
    STG_RETURN_IF_FAILED(stg_strings_put(s->processes, process->at, stg_cursor_left(process), &id));
    if (s->n_before + id >= INT32_MAX) {
        return stg_text_fail(&s->text, "more than %d processes: give a directory of fewer", INT32_MAX);
    }
    STG_RETURN_IF_FAILED(s->n_before + id == s->text.n_files ? stg_text_of_file(&s->text) : STG_OK);
    *tid = (int32_t)(s->n_before + id) + 1;
    return STG_OK;
}

/* The two integers of a line. */
static bool read_pair(const char *line, size_t len, struct stg_cursor *process, struct stg_cursor *call)
{
    struct stg_cursor c = stg_cursor_of(line, len);
    uint64_t value;
    stg_list_skip(&c);
    const char *first = c.at;
    if (!stg_cursor_u64(&c, &value) || c.at == c.end || !stg_list_is_separator(*c.at)) {
        return false;
    }
    *process = (struct stg_cursor){first, c.at};
    stg_list_skip(&c);
    const char *second = c.at;
    if (!stg_list_integer(&c)) {
        return false;
    }
    *call = (struct stg_cursor){second, c.at};
    const char *end = c.at;
    stg_list_skip(&c);
    return c.at == c.end && (end == c.end || stg_list_is_separator(*end));
}

static enum stg_status step(struct stg_text *t)
{
    struct pairs *s = (struct pairs *)t;
    struct stg_cursor process, call;
    const char *line;
    size_t len;
    uint32_t name;
    int32_t tid = 0;
    if (t->lines == NULL) {
        return next_file(s);
    }
    STG_RETURN_IF_FAILED(stg_lines_next(t->lines, &line, &len));
    if (line == NULL) {
        return next_file(s);
    }
    struct stg_cursor rest = stg_cursor_of(line, len);
    stg_list_skip(&rest);
    if (rest.at == rest.end) {
        t->n_skipped++;
        return STG_OK;
    }
    if (!read_pair(line, len, &process, &call)) {
        STG_RETURN_IF_FAILED(s->files.directory ? stg_files_refuse_stranger(t->file) : STG_OK);
        return stg_text_fail(t, "not a process and its call: expected two integers on each line%s",
                             s->files.directory ? ", in every file of the directory" : "");
    }
    STG_RETURN_IF_FAILED(number_of(s, &process, &tid));
    STG_RETURN_IF_FAILED(stg_text_name(t, call.at, stg_cursor_left(&call), &name));
    struct stg_event *e = stg_text_put(t, STG_EVENT_ENTRY, 0);
    if (e == NULL) {
        return stg_fail(STG_ERR_INTERNAL, "pairs: a line gave too many events");
    }
    e->name = name;
    e->tid = tid;
    e->has = STG_HAS_TID;
    e->ts_ns = t->n_serial++;
    s->any = true;
    return STG_OK;
}

/* --- The source --- */

static bool matches(const char *line, size_t len)
{
    struct stg_cursor process, call;
    return read_pair(line, len, &process, &call);
}

/* Of one file the first is the number of a process, too: else these are sequences of two keys. */
static bool matches_file(const char *line, size_t len)
{
    struct stg_cursor process, call;
    int32_t tid;
    return read_pair(line, len, &process, &call) && stg_cursor_id(&process, &tid);
}

/* More than what a file of integer lists is found by. */
static int pairs_probe(const char *path, const uint8_t *head, size_t n_head)
{
    uint8_t room[STG_FILES_HEAD];
    const size_t n = stg_list_head(path, &head, n_head, room);
    const bool of_directory = head == room;
    size_t n_lines = 0;
    for (size_t i = 0; i < n; i++) {
        n_lines += head[i] == '\n' ? 1 : 0;
    }
    return n_lines >= PROBED_LINES && stg_text_probe(head, n, of_directory ? matches : matches_file) >= 95 ? 92 : 0;
}

static void pairs_close(struct stg_source *source)
{
    struct pairs *s = (struct pairs *)source;
    stg_files_fini(&s->files);
    stg_strings_free(s->processes);
    stg_text_fini(&s->text);
    stg_mem_free(s);
}

static enum stg_status pairs_open(struct stg_source **out, const char *path)
{
    enum stg_status status;
    struct pairs *s = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s, 1, sizeof *s));
    STG_TRY(stg_text_init(&s->text, &stg_import_pairs, path, step));
    STG_TRY(stg_files_open(&s->files, &s->text, path, LINE_MAX_SIZE));
    *out = &s->text.source;
    return STG_OK;
out:
    pairs_close(&s->text.source);
    return status;
}

const struct stg_source_ops stg_import_pairs = {
    .name = "pairs",
    .summary = "lines of a process and its call, of a file or of all files of a directory",
    .probe = pairs_probe,
    .open = pairs_open,
    .next = stg_text_next,
    .info = stg_text_info,
    .close = pairs_close,
};
