/* CTF import: the trace directories of a recording session. A trace is a directory with a regular file `metadata`;
 * nothing below one is another trace (LTTng keeps its index there). Links to directories are not followed. Streams
 * without metadata are remembered: beside other traces they would be missing from what is read. */
#include "import/ctf_internal.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void ctf_find_fini(struct ctf_traces *traces)
{
    for (size_t i = 0; i < traces->n; i++) {
        ctf_repair_fini(&traces->items[i]);
        stg_mem_free(traces->items[i].path);
    }
    stg_mem_free(traces->items);
    stg_mem_free(traces->bare);
    *traces = (struct ctf_traces){0};
}

/* full = path/name and *info what it is; st_mode is 0 when there is no such file (any more). Whatever else keeps a file
 * from being looked at is a failure: no trace is left out silently. */
static enum stg_status look_at(const char *path, const char *name, bool follow, char full[PATH_MAX], struct stat *info)
{
    const int len = snprintf(full, PATH_MAX, "%s/%s", path, name);
    if (len < 0 || len >= PATH_MAX) {
        return stg_fail(STG_ERR_INPUT, "%s: the path of a file in it is too long: move it up", path);
    }
    if ((follow ? stat(full, info) : lstat(full, info)) == 0) {
        return STG_OK;
    }
    *info = (struct stat){0};
    return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? STG_OK : stg_fail_errno("%s", full);
}

/* Numbers by their value: the chunks of a long recording are 999999 and then 1000000. */
static int by_name(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

/* The entries of a directory but hidden ones, sorted. */
static enum stg_status list_directory(struct ctf_traces *traces, const char *path, char ***names, size_t *n)
{
    enum stg_status status = STG_OK;
    size_t cap = 0;
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return stg_fail_errno("%s", path);
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            STG_TRY(errno == 0 ? STG_OK : stg_fail_errno("%s: cannot list the directory", path));
            break;
        }
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (++traces->n_entries > CTF_MAX_ENTRIES) {
            STG_TRY(stg_fail(STG_ERR_INPUT, "%s: more than %d directory entries: name the trace directory itself", path,
                             CTF_MAX_ENTRIES));
        }
        STG_TRY(stg_mem_grow(names, &cap, *n + 1, sizeof **names));
        STG_TRY(stg_mem_strdup(&(*names)[*n], entry->d_name));
        (*n)++;
    }
    if (*n > 1) {
        qsort(*names, *n, sizeof **names, by_name);
    }
out:
    closedir(directory);
    return status;
}

static void free_names(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        stg_mem_free(names[i]);
    }
    stg_mem_free(names);
}

static enum stg_status add_trace(struct ctf_traces *traces, const char *path, char **names, size_t n)
{
    if (traces->n == CTF_MAX_TRACES) {
        return stg_fail(STG_ERR_INPUT, "%s: more than %d traces below one directory: name a smaller one", path,
                        CTF_MAX_TRACES);
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&traces->items, &traces->cap, traces->n + 1, sizeof *traces->items));
    struct ctf_trace *trace = &traces->items[traces->n];
    *trace = (struct ctf_trace){0};
    STG_RETURN_IF_FAILED(stg_mem_strdup(&trace->path, path));
    traces->n++;
    for (size_t i = 0; i < n; i++) {
        char full[PATH_MAX];
        struct stat info;
        STG_RETURN_IF_FAILED(look_at(path, names[i], true, full, &info));
        if (strcmp(names[i], "metadata") != 0 && S_ISREG(info.st_mode)) {
            trace->size += (uint64_t)info.st_size;
        }
    }
    return STG_OK;
}

/* Whether the file begins as a packet of events does, in either byte order. */
static bool is_stream(const char *path)
{
    static const uint8_t magic[2][4] = {{0xC1, 0x1F, 0xFC, 0xC1}, {0xC1, 0xFC, 0x1F, 0xC1}};
    uint8_t head[4];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    const bool is = read(fd, head, sizeof head) == (ssize_t)sizeof head &&
                    (memcmp(head, magic[0], sizeof head) == 0 || memcmp(head, magic[1], sizeof head) == 0);
    close(fd);
    return is;
}

static enum stg_status search(struct ctf_traces *traces, const char *path, int depth)
{
    enum stg_status status = STG_OK;
    char **names = NULL, full[PATH_MAX];
    struct stat info;
    size_t n = 0;
    STG_TRY(list_directory(traces, path, &names, &n));
    STG_TRY(look_at(path, "metadata", true, full, &info));
    if (S_ISREG(info.st_mode)) {
        STG_TRY(add_trace(traces, path, names, n));
        goto out;
    }
    for (size_t i = 0; i < n && depth < CTF_MAX_DEPTH; i++) {
        STG_TRY(look_at(path, names[i], false, full, &info));
        if (S_ISDIR(info.st_mode)) {
            STG_TRY(search(traces, full, depth + 1));
        } else if (S_ISREG(info.st_mode) && traces->bare == NULL && is_stream(full)) {
            STG_TRY(stg_mem_strdup(&traces->bare, path));
        }
    }
out:
    free_names(names, n);
    return status;
}

enum stg_status ctf_find(struct ctf_traces *out, const char *path)
{
    enum stg_status status = STG_OK;
    struct stat info;
    *out = (struct ctf_traces){0};
    if (stat(path, &info) != 0) {
        return stg_fail_errno("%s", path);
    }
    if (!S_ISDIR(info.st_mode)) {
        return stg_fail(STG_ERR_INPUT,
                        "%s: not a directory: give the directory that holds the CTF trace's file `metadata`", path);
    }
    char clean[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof clean) {
        return stg_fail(STG_ERR_INPUT, "%s: the path is too long", path);
    }
    memcpy(clean, path, len + 1);
    while (len > 1 && clean[len - 1] == '/') {
        clean[--len] = '\0';
    }
    STG_TRY(search(out, clean, 0));
    if (out->n == 0 && out->bare == NULL) {
        STG_TRY(stg_fail(STG_ERR_INPUT,
                         "%s: no CTF trace: neither this directory nor one below it has a file `metadata`", path));
    }
out:
    if (status != STG_OK) {
        ctf_find_fini(out);
    }
    return status;
}
