/* Files of a directory: listed with those below, in the order of their paths. */
#include "import/files.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "import/import.h"
#include "import/intlist.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH  4   /* directories below the given one */
#define HEAD_TRIES 256 /* entries that are looked at for a head */

struct listing {
    struct stg_files *files;
    const char *directory; /* the given one */
    struct {
        dev_t device;
        ino_t inode;
    } above[MAX_DEPTH + 1]; /* the directories that are being listed */
};

static enum stg_status add_file(struct listing *l, const char *path, uint64_t size)
{
    struct stg_files *f = l->files;
    if (f->n == STG_FILES_MAX) {
        return stg_fail(STG_ERR_INPUT, "%s: more than %zu files: give a directory of fewer", l->directory,
                        STG_FILES_MAX);
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&f->paths, &f->cap, f->n + 1, sizeof *f->paths));
    STG_RETURN_IF_FAILED(stg_mem_strdup(&f->paths[f->n], path));
    f->n++;
    f->size += size;
    return STG_OK;
}

static enum stg_status list_directory(struct listing *l, const char *path, int depth);

static enum stg_status list_entry(struct listing *l, const char *directory, const char *name, int depth)
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
        status = add_file(l, path, (uint64_t)st.st_size);
    } else if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) {
        status = list_directory(l, path, depth + 1);
    } else {
        l->files->n_skipped++;
    }
    free(path);
    return status;
}

/* True for a link back to a directory that is being listed: its files would come again. */
static bool is_above(struct listing *l, const struct stat *directory, int depth)
{
    for (int i = 0; i < depth; i++) {
        if (l->above[i].device == directory->st_dev && l->above[i].inode == directory->st_ino) {
            return true;
        }
    }
    l->above[depth].device = directory->st_dev;
    l->above[depth].inode = directory->st_ino;
    return false;
}

static enum stg_status list_directory(struct listing *l, const char *path, int depth)
{
    enum stg_status status = STG_OK;
    struct stat st;
    DIR *d = opendir(path);
    if (d == NULL || fstat(dirfd(d), &st) != 0) {
        status = stg_fail_errno("%s: cannot list the directory", path);
        goto out;
    }
    if (is_above(l, &st, depth)) {
        l->files->n_skipped++;
        goto out;
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(d);
        if (entry == NULL) {
            status = errno == 0 ? STG_OK : stg_fail_errno("%s: cannot list the directory", path);
            break;
        }
        status = list_entry(l, path, entry->d_name, depth);
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

static enum stg_status list(struct stg_files *f, const char *directory)
{
    struct listing l = {.files = f, .directory = directory};
    STG_RETURN_IF_FAILED(list_directory(&l, directory, 0));
    if (f->n > 0) {
        qsort(f->paths, f->n, sizeof *f->paths, by_path);
    }
    return STG_OK;
}

void stg_files_fini(struct stg_files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        stg_mem_free(f->paths[i]);
    }
    stg_mem_free(f->paths);
    *f = (struct stg_files){0};
}

enum stg_status stg_files_open(struct stg_files *f, struct stg_text *t, const char *path, size_t max_line)
{
    f->directory = stg_file_is_directory(path);
    if (!f->directory) {
        return stg_lines_open(&t->lines, path, max_line);
    }
    STG_RETURN_IF_FAILED(list(f, path));
    t->total = f->size;
    t->n_skipped = f->n_skipped;
    return STG_OK;
}

enum stg_status stg_files_next(struct stg_files *f, struct stg_text *t, size_t max_line)
{
    if (t->lines != NULL) {
        t->done_before += stg_lines_offset(t->lines);
        t->total = f->directory ? t->total : stg_lines_size(t->lines);
        stg_lines_free(t->lines);
        t->lines = NULL;
    }
    if (f->next == f->n) {
        t->file = t->path;
        t->ended = true;
        return STG_OK;
    }
    t->file = f->paths[f->next++];
    return stg_lines_open(&t->lines, t->file, max_line);
}

/* Without the mark of UTF-8; none of a file of blanks, which has no sequence. */
static size_t file_head(const char *path, uint8_t *head)
{
    FILE *f = fopen(path, "rbe");
    if (f == NULL) {
        return 0;
    }
    size_t n = fread(head, 1, STG_FILES_HEAD, f), at = stg_utf8_mark_len(head, n);
    fclose(f);
    n -= at;
    memmove(head, head + at, n);
    at = 0;
    while (at < n && (stg_list_is_separator((char)head[at]) || head[at] == '\n')) {
        at++;
    }
    return at < n ? n : 0;
}

/* Gives up after *budget entries. */
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

size_t stg_files_head(const char *directory, uint8_t *head)
{
    int budget = HEAD_TRIES;
    return directory_head(directory, head, 0, &budget);
}

enum stg_status stg_files_refuse_stranger(const char *path)
{
    uint8_t head[STG_FILES_HEAD];
    return stg_import_refuse_stranger(path, head, file_head(path, head));
}
