/* Integer lists: sequences of numbers that stand for calls, as ADFA-LD and the HDFS session keys come.
 *
 * A file holds one sequence per line; in a directory every file, however its numbers are broken into lines, is one
 * sequence. The numbers' texts are the names: which table they belong to is not written anywhere. */
#include "base/log.h"
#include "base/memory.h"
#include "import/import.h"
#include "import/text.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILES ((size_t)1 << 20)
#define MAX_DEPTH 4 /* directories below the given one */
#define HEAD_SIZE 4096

struct intlist {
    struct stg_text text;
    bool directory;
    bool any;  /* a number was read */
    bool open; /* between BEGIN and END */

    struct stg_cursor rest; /* of the line */
    const char *line;
    char **files; /* (n_files) owned; directory only */
    struct {
        dev_t device;
        ino_t inode;
    } above[MAX_DEPTH + 1]; /* the directories that are being listed */
    size_t n_files, cap_files, i_file;
    uint64_t n_sequences;
    uint64_t n_numbers; /* of the sequence */
    bool longer;        /* a sequence of another length than two was there */
};

/* --- Directories --- */

static enum stg_status add_file(struct intlist *s, const char *path, uint64_t size)
{
    if (s->n_files == MAX_FILES) {
        return stg_fail(STG_ERR_INPUT, "%s: more than %zu files: give a directory of fewer", s->text.path, MAX_FILES);
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&s->files, &s->cap_files, s->n_files + 1, sizeof *s->files));
    STG_RETURN_IF_FAILED(stg_mem_strdup(&s->files[s->n_files], path));
    s->n_files++;
    s->text.total += size;
    return STG_OK;
}

static enum stg_status list_directory(struct intlist *s, const char *path, int depth);

static enum stg_status list_entry(struct intlist *s, const char *directory, const char *name, int depth)
{
    enum stg_status status = STG_OK;
    struct stat st;
    char *path = NULL;
    if (name[0] == '.') {
        return STG_OK;
    }
    if (asprintf(&path, "%s/%s", directory, name) < 0) {
        return stg_fail(STG_ERR_MEMORY, "%s: out of memory while listing it", directory);
    }
    if (stat(path, &st) != 0) {
        status = stg_fail_errno("%s: cannot look at it", path);
    } else if (S_ISREG(st.st_mode)) {
        status = add_file(s, path, (uint64_t)st.st_size);
    } else if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) {
        status = list_directory(s, path, depth + 1);
    } else {
        s->text.n_skipped++;
    }
    free(path);
    return status;
}

/* True for a link back to a directory that is being listed: its files would come again. */
static bool is_above(struct intlist *s, const struct stat *directory, int depth)
{
    for (int i = 0; i < depth; i++) {
        if (s->above[i].device == directory->st_dev && s->above[i].inode == directory->st_ino) {
            return true;
        }
    }
    s->above[depth].device = directory->st_dev;
    s->above[depth].inode = directory->st_ino;
    return false;
}

static enum stg_status list_directory(struct intlist *s, const char *path, int depth)
{
    enum stg_status status = STG_OK;
    struct stat st;
    DIR *d = opendir(path);
    if (d == NULL || fstat(dirfd(d), &st) != 0) {
        status = stg_fail_errno("%s: cannot list the directory", path);
        goto out;
    }
    if (is_above(s, &st, depth)) {
        s->text.n_skipped++;
        goto out;
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(d);
        if (entry == NULL) {
            status = errno == 0 ? STG_OK : stg_fail_errno("%s: cannot list the directory", path);
            break;
        }
        status = list_entry(s, path, entry->d_name, depth);
        if (status != STG_OK) {
            break;
        }
    }
out:
    if (d != NULL) {
        closedir(d);
    }
    return status;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* --- Reading --- */

static bool is_blank(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\f' || ch == '\v';
}

static void skip_blanks(struct stg_cursor *c)
{
    while (c->at < c->end && is_blank(*c->at)) {
        c->at++;
    }
}

static struct stg_event *put(struct intlist *s, enum stg_event_kind kind)
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

static enum stg_status put_mark(struct intlist *s, bool begin)
{
    s->open = begin;
    s->n_sequences += begin ? 1 : 0;
    s->longer = s->longer || (!begin && s->n_numbers != 2);
    s->n_numbers = 0;
    if (put(s, begin ? STG_EVENT_BEGIN : STG_EVENT_END) == NULL) {
        return stg_fail(STG_ERR_INTERNAL, "intlist: a step gave too many events");
    }
    return STG_OK;
}

/* Reads the number at the front of the rest. */
static enum stg_status put_number(struct intlist *s)
{
    struct stg_text *t = &s->text;
    struct stg_cursor c = s->rest;
    uint64_t value;
    uint32_t name;
    const char *begin = c.at;
    (void)stg_cursor_text(&c, "-");
    if (!stg_cursor_u64(&c, &value) || (c.at < c.end && !is_blank(*c.at))) {
        return stg_text_fail(t, "column %td: not an integer of at most 64 bits: expected integers separated by blanks",
                             begin - s->line + 1);
    }
    STG_RETURN_IF_FAILED(stg_text_name(t, begin, (size_t)(c.at - begin), &name));
    struct stg_event *e = put(s, STG_EVENT_ENTRY);
    if (e == NULL) {
        return stg_fail(STG_ERR_INTERNAL, "intlist: a step gave too many events");
    }
    e->name = name;
    s->n_numbers++;
    t->n_serial++;
    s->any = true;
    s->rest = c;
    skip_blanks(&s->rest);
    return STG_OK;
}

/* Traces are also published as lines of a process and its call: read as sequences, they say nothing. */
static void warn_pairs(const struct intlist *s)
{
    if (!s->directory && !s->longer && s->n_sequences > 1) {
        stg_log(STG_LOG_WARN,
                "%s: every line holds two numbers and is read as a sequence of two calls; if they are a process and "
                "its call, make a line "
                "of each process first (docs/formats/intlist.md)",
                s->text.path);
    }
}

/* Opens the next file of the directory; ends the source behind the last. */
static enum stg_status next_file(struct intlist *s)
{
    struct stg_text *t = &s->text;
    if (t->lines != NULL) {
        t->done_before += stg_lines_offset(t->lines);
        t->total = s->directory ? t->total : stg_lines_size(t->lines);
        stg_lines_free(t->lines);
        t->lines = NULL;
    }
    if (!s->directory || s->i_file == s->n_files) {
        t->file = t->path;
        t->ended = true;
        warn_pairs(s);
        return stg_text_check_known(t, s->any, "integer");
    }
    t->file = s->files[s->i_file++];
    return stg_lines_open(&t->lines, t->file, STG_TEXT_SEQUENCE_MAX);
}

static enum stg_status next_line(struct intlist *s)
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
        } else if (s->directory) {
            t->n_skipped++; /* a file without a number */
        }
        return next_file(s);
    }
    s->rest = stg_cursor_of(s->line, len);
    skip_blanks(&s->rest);
    if (s->rest.at == s->rest.end) {
        t->n_skipped += s->directory ? 0 : 1;
        return STG_OK;
    }
    return s->open ? STG_OK : put_mark(s, true);
}

static enum stg_status step(struct stg_text *t)
{
    struct intlist *s = (struct intlist *)t;
    if (s->rest.at < s->rest.end) {
        return put_number(s);
    }
    if (s->open && !s->directory) {
        return put_mark(s, false);
    }
    return next_line(s);
}

/* --- The source --- */

static bool matches(const char *line, size_t len)
{
    struct stg_cursor c = stg_cursor_of(line, len);
    uint64_t value;
    skip_blanks(&c);
    if (c.at == c.end) {
        return false;
    }
    while (c.at < c.end) {
        (void)stg_cursor_text(&c, "-");
        if (!stg_cursor_u64(&c, &value) || (c.at < c.end && !is_blank(*c.at))) {
            return false;
        }
        skip_blanks(&c);
    }
    return true;
}

/* All of the head is integers; a number cut off at its end is one too. */
static int probe_head(const uint8_t *head, size_t n_head)
{
    const int score = stg_text_probe(head, n_head, matches);
    return score >= 90 ? 90 : 0;
}

static size_t file_head(const char *path, uint8_t *head)
{
    FILE *f = fopen(path, "rbe");
    if (f == NULL) {
        return 0;
    }
    const size_t n = fread(head, 1, HEAD_SIZE, f);
    fclose(f);
    return n;
}

/* The head of a regular file of a directory, or of one of its directories; gives up after *budget entries. */
static size_t directory_head(const char *path, uint8_t *head, int depth, int *budget)
{
    size_t n = 0;
    DIR *d = opendir(path);
    const struct dirent *entry;
    while (d != NULL && n == 0 && *budget > 0 && (entry = readdir(d)) != NULL) {
        char *below = NULL;
        struct stat st;
        (*budget)--;
        if (entry->d_name[0] == '.' || asprintf(&below, "%s/%s", path, entry->d_name) < 0) {
            continue;
        }
        const mode_t mode = stat(below, &st) == 0 ? st.st_mode : 0;
        if (S_ISREG(mode)) {
            n = file_head(below, head);
        } else if (S_ISDIR(mode) && depth < MAX_DEPTH) {
            n = directory_head(below, head, depth + 1, budget);
        }
        free(below);
    }
    if (d != NULL) {
        closedir(d);
    }
    return n;
}

static int intlist_probe(const char *path, const uint8_t *head, size_t n_head)
{
    if (!stg_file_is_directory(path)) {
        return probe_head(head, n_head);
    }
    uint8_t first[HEAD_SIZE];
    int budget = 256;
    return probe_head(first, directory_head(path, first, 0, &budget));
}

static void intlist_close(struct stg_source *source)
{
    struct intlist *s = (struct intlist *)source;
    for (size_t i = 0; i < s->n_files; i++) {
        stg_mem_free(s->files[i]);
    }
    stg_mem_free(s->files);
    stg_text_fini(&s->text);
    stg_mem_free(s);
}

static enum stg_status intlist_open(struct stg_source **out, const char *path)
{
    enum stg_status status;
    struct intlist *s = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s, 1, sizeof *s));
    STG_TRY(stg_text_init(&s->text, &stg_import_intlist, path, step));
    s->text.has_sequences = true;
    s->directory = stg_file_is_directory(path);
    if (s->directory) {
        STG_TRY(list_directory(s, path, 0));
        if (s->n_files > 0) {
            qsort(s->files, s->n_files, sizeof *s->files, by_path);
        }
    } else {
        STG_TRY(stg_lines_open(&s->text.lines, path, STG_TEXT_SEQUENCE_MAX));
    }
    *out = &s->text.source;
    return STG_OK;
out:
    intlist_close(&s->text.source);
    return status;
}

const struct stg_source_ops stg_import_intlist = {
    .name = "intlist",
    .summary = "integer lists: one sequence per line, or per file of a directory",
    .probe = intlist_probe,
    .open = intlist_open,
    .next = stg_text_next,
    .info = stg_text_info,
    .close = intlist_close,
};
