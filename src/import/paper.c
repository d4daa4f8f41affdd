/* Paper import: data.txt of arXiv 2309.02206. One request per line, its columns separated by ';', their values by ',':
 *
 *     call;entry;duration;proc;pid;tid;ret[;req_ms]
 *     2,5,5,3;0,1,2,0;0,12,340,9;2,5,5,3;0,71,71,0;0,71,71,0;0,0,1,0;0.932
 *
 * call and proc are ids of dict_sys.txt and dict_proc.txt (beside the file or one directory up); entry is 1 for an
 * entry, 2 for an exit, 0 for [START], [END] and the like, which are no events; duration is the time since the previous
 * value in ns; ret is 1 for success, 2 for failure, 0 for none. A line is walked with one cursor per column, so that
 * memory is that of the line. */
#include "base/memory.h"
#include "import/import.h"
#include "import/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_IDS       65536
#define DICT_LINE_MAX 4096

enum column { CALL, ENTRY, DURATION, PROC, PID, TID, RET, N_COLUMNS };

static const char *const column_names[N_COLUMNS] = {"call", "entry", "duration", "proc", "pid", "tid", "ret"};

/* From the file's ids to ours. */
struct dict {
    char **texts; /* (n) owned; NULL where the dictionary has no such id */
    size_t n, cap;
    bool there;
};

struct paper {
    struct stg_text text;
    struct dict calls, procs;
    struct stg_cursor columns[N_COLUMNS]; /* of the line; at == NULL: value list is used up */
    bool open;
    bool any;
    uint64_t now_ns;
    uint64_t n_values; /* of the line so far */
};

/* --- Dictionaries --- */

static enum stg_status dict_put(struct dict *d, uint64_t id, const char *text, size_t len)
{
    const size_t need = (size_t)id + 1;
    char *copy = NULL;
    STG_RETURN_IF_FAILED(stg_mem_grow(&d->texts, &d->cap, need, sizeof *d->texts));
    for (; d->n < need; d->n++) {
        d->texts[d->n] = NULL;
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&copy, len + 1, 1));
    memcpy(copy, text, len);
    stg_mem_free(d->texts[id]);
    d->texts[id] = copy;
    return STG_OK;
}

static void dict_fini(struct dict *d)
{
    for (size_t i = 0; i < d->n; i++) {
        stg_mem_free(d->texts[i]);
    }
    stg_mem_free(d->texts);
}

static enum stg_status dict_read(struct dict *d, const char *path)
{
    enum stg_status status;
    struct stg_lines *lines = NULL;
    const char *line;
    size_t len;
    STG_TRY(stg_lines_open(&lines, path, DICT_LINE_MAX));
    for (;;) {
        uint64_t id;
        STG_TRY(stg_lines_next(lines, &line, &len));
        if (line == NULL) {
            break;
        }
        struct stg_cursor c = stg_cursor_of(line, len);
        stg_cursor_spaces(&c);
        if (c.at == c.end) {
            continue;
        }
        if (!stg_cursor_u64(&c, &id) || id >= MAX_IDS || !stg_cursor_text(&c, "\t") || c.at == c.end) {
            status = stg_fail(STG_ERR_INPUT,
                              "%s: line %" PRIu64 ": expected `ID<tab>NAME` with an id below %d: repair it or "
                              "move it away to use the numbers as names",
                              path, stg_lines_number(lines), MAX_IDS);
            goto out;
        }
        STG_TRY(dict_put(d, id, c.at, stg_cursor_left(&c)));
    }
    d->there = true;
    status = STG_OK;
out:
    stg_lines_free(lines);
    return status;
}

/* Reads DIRECTORY/name or DIRECTORY/../name, whichever is there; neither is no error. */
static enum stg_status dict_find(struct dict *d, const char *path, const char *name)
{
    static const char *const ways[] = {"", "../"};
    const char *slash = strrchr(path, '/');
    const int n_directory = slash == NULL ? 0 : (int)(slash - path) + 1;
    for (size_t i = 0; i < 2 && !d->there; i++) {
        char *file = NULL;
        if (asprintf(&file, "%.*s%s%s", n_directory, path, ways[i], name) < 0) {
            return stg_fail(STG_ERR_MEMORY, "%s: out of memory", path);
        }
        const enum stg_status status = access(file, F_OK) == 0 ? dict_read(d, file) : STG_OK;
        free(file);
        STG_RETURN_IF_FAILED(status);
    }
    return STG_OK;
}

/* The text of an id: the dictionary's, or the number itself. made[24] is the caller's. */
static const char *dict_text(const struct dict *d, uint64_t id, char *made)
{
    if (id < d->n && d->texts[id] != NULL) {
        return d->texts[id];
    }
    snprintf(made, 24, "%" PRIu64, id);
    return made;
}

/* --- Lines --- */

/* Cuts the line into columns; at least seven. */
static enum stg_status split(struct paper *p, const char *line, size_t len)
{
    const char *at = line;
    const char *const end = line + len;
    for (size_t i = 0; i < N_COLUMNS; i++) {
        if (at == NULL) {
            return stg_text_fail(&p->text,
                                 "%zu columns where at least %d are expected "
                                 "(call;entry;duration;proc;pid;tid;ret): the line is cut off or not of this format",
                                 i, N_COLUMNS);
        }
        const char *stop = memchr(at, ';', (size_t)(end - at));
        p->columns[i] = (struct stg_cursor){at, stop == NULL ? end : stop};
        at = stop == NULL ? NULL : stop + 1;
    }
    return STG_OK;
}

/* Takes the next value of a column, and the ',' behind it. A fraction is dropped. */
static bool take_value(struct stg_cursor *c, uint64_t *value)
{
    stg_cursor_spaces(c);
    if (!stg_cursor_u64(c, value)) {
        return false;
    }
    if (stg_cursor_text(c, ".")) {
        while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
            c->at++;
        }
    }
    stg_cursor_spaces(c);
    if (c->at == c->end) {
        c->at = NULL;
        return true;
    }
    return stg_cursor_text(c, ",");
}

static enum stg_status take_values(struct paper *p, uint64_t values[N_COLUMNS])
{
    p->n_values++;
    for (size_t i = 0; i < N_COLUMNS; i++) {
        if (!take_value(&p->columns[i], &values[i])) {
            return stg_text_fail(&p->text, "value %" PRIu64 " of column `%s` is not a number: the line is damaged",
                                 p->n_values, column_names[i]);
        }
        if ((p->columns[i].at == NULL) != (p->columns[0].at == NULL)) {
            return stg_text_fail(&p->text, "columns `call` and `%s` have different lengths: the line is damaged",
                                 column_names[i]);
        }
    }
    if (values[DURATION] > (uint64_t)INT64_MAX - p->now_ns) {
        return stg_text_fail(
            &p->text, "value %" PRIu64 " of column `duration` goes beyond 292 years: the line is damaged", p->n_values);
    }
    if (values[ENTRY] > 2 || values[RET] > 2 || values[PID] > INT32_MAX || values[TID] > INT32_MAX) {
        return stg_text_fail(&p->text,
                             "value %" PRIu64 ": entry and ret must be 0, 1 or 2, pid and tid below 2^31: the line is "
                             "damaged or of another format",
                             p->n_values);
    }
    return STG_OK;
}

static enum stg_status put_event(struct paper *p, const uint64_t values[N_COLUMNS])
{
    struct stg_text *t = &p->text;
    uint32_t name, comm;
    char made[24];
    const char *text = dict_text(&p->calls, values[CALL], made);
    STG_RETURN_IF_FAILED(stg_text_name(t, text, strlen(text), &name));
    text = dict_text(&p->procs, values[PROC], made);
    STG_RETURN_IF_FAILED(stg_text_comm(t, text, strlen(text), &comm));
    struct stg_event *e = stg_text_put(t, values[ENTRY] == 1 ? STG_EVENT_ENTRY : STG_EVENT_EXIT, 0);
    if (e == NULL) {
        return stg_fail(STG_ERR_INTERNAL, "paper: a step gave too many events");
    }
    e->ts_ns = p->now_ns;
    e->name = name;
    e->comm = comm;
    e->pid = (int32_t)values[PID];
    e->tid = (int32_t)values[TID];
    e->has = STG_HAS_TIME | STG_HAS_COMM;
    e->has |= (uint16_t)((e->pid > 0 ? STG_HAS_PID : 0) | (e->tid > 0 ? STG_HAS_TID : 0));
    if (e->kind == STG_EVENT_EXIT && values[RET] != 0) {
        e->ret = values[RET] == 1 ? 0 : -1;
        e->has |= STG_HAS_CLASS;
    }
    return STG_OK;
}

static enum stg_status put_mark(struct paper *p, bool begin)
{
    struct stg_event *e = stg_text_put(&p->text, begin ? STG_EVENT_BEGIN : STG_EVENT_END, 0);
    if (e == NULL) {
        return stg_fail(STG_ERR_INTERNAL, "paper: a step gave too many events");
    }
    e->ts_ns = p->now_ns;
    e->has = STG_HAS_TIME;
    p->open = begin;
    if (!begin) {
        p->now_ns++; /* the next request lies behind */
    }
    return STG_OK;
}

static enum stg_status next_line(struct paper *p)
{
    struct stg_text *t = &p->text;
    const char *line;
    size_t len;
    STG_RETURN_IF_FAILED(stg_lines_next(t->lines, &line, &len));
    if (line == NULL) {
        t->ended = true;
        return stg_text_check_known(t, p->any, "request of the form call;entry;duration;proc;pid;tid;ret");
    }
    struct stg_cursor c = stg_cursor_of(line, len);
    stg_cursor_spaces(&c);
    if (c.at == c.end) {
        t->n_skipped++;
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(split(p, line, len));
    p->any = true;
    p->n_values = 0;
    return put_mark(p, true);
}

static enum stg_status step(struct stg_text *t)
{
    struct paper *p = (struct paper *)t;
    uint64_t values[N_COLUMNS];
    if (!p->open) {
        return next_line(p);
    }
    if (p->columns[CALL].at == NULL) {
        return put_mark(p, false);
    }
    STG_RETURN_IF_FAILED(take_values(p, values));
    p->now_ns += values[DURATION];
    return values[ENTRY] == 0 ? STG_OK : put_event(p, values);
}

/* --- The source --- */

#define LONG_HEAD 16384 /* bytes of a head that shows nothing but the first list of a long line */

/* The head of a line: a list of numbers with commas, and a ';' behind it where that is within sight. Whole lines
 * without one are integer lists, and those of single numbers that are fewer than the columns are neither. */
static bool matches(const char *line, size_t len)
{
    size_t n_commas = 0, n_columns = 0;
    for (size_t i = 0; i < len; i++) {
        const char ch = line[i];
        if (ch == ';') {
            n_columns++;
        } else if (ch == ',') {
            n_commas++;
        } else if ((ch < '0' || ch > '9') && n_columns == 0) {
            return false;
        }
    }
    return n_columns == 0 ? n_commas >= 8 && len >= LONG_HEAD
                          : line[0] >= '0' && line[0] <= '9' && (n_commas > 0 || n_columns + 1 >= N_COLUMNS);
}

static int paper_probe(const char *path, const uint8_t *head, size_t n_head)
{
    (void)path;
    const int score = stg_text_probe(head, n_head, matches);
    return score >= 90 ? 90 : 0;
}

static void paper_close(struct stg_source *source)
{
    struct paper *p = (struct paper *)source;
    dict_fini(&p->calls);
    dict_fini(&p->procs);
    stg_text_fini(&p->text);
    stg_mem_free(p);
}

static enum stg_status paper_open(struct stg_source **out, const char *path)
{
    enum stg_status status;
    struct paper *p = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&p, 1, sizeof *p));
    STG_TRY(stg_text_init(&p->text, &stg_import_paper, path, step));
    p->text.has_sequences = true;
    STG_TRY(stg_lines_open(&p->text.lines, path, STG_TEXT_SEQUENCE_MAX));
    if (strcmp(path, "-") != 0) {
        STG_TRY(dict_find(&p->calls, path, "dict_sys.txt"));
        STG_TRY(dict_find(&p->procs, path, "dict_proc.txt"));
    }
    *out = &p->text.source;
    return STG_OK;
out:
    paper_close(&p->text.source);
    return status;
}

const struct stg_source_ops stg_import_paper = {
    .name = "paper",
    .summary = "data.txt of arXiv 2309.02206, one request per line",
    .probe = paper_probe,
    .open = paper_open,
    .next = stg_text_next,
    .info = stg_text_info,
    .close = paper_close,
};
