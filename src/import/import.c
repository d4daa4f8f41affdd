/* Import: the list of sources, and the choice of one for a path. */
#include "import/import.h"

#include "base/file.h"
#include "base/utf8.h"
#include "import/files.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_LEN 65536 /* bytes of a file that probes see */

const struct stg_source_ops *const stg_import_list[] = {
    &stg_import_ctf,      &stg_import_perf,  &stg_import_strace,
    &stg_import_sysdig,   &stg_import_paper, &stg_import_intlist,
    &stg_import_namelist, &stg_import_pairs, NULL,
};

/* "ctf, perf, …" */
static const char *known_formats(char out[128])
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; stg_import_list[i] != NULL && n < 128; i++) {
        n += (size_t)snprintf(out + n, 128 - n, "%s%s", i == 0 ? "" : ", ", stg_import_list[i]->name);
    }
    return out;
}

static enum stg_status find_by_name(const char *format, const struct stg_source_ops **out)
{
    char known[128];
    for (size_t i = 0; stg_import_list[i] != NULL; i++) {
        if (strcmp(stg_import_list[i]->name, format) == 0) {
            *out = stg_import_list[i];
            return STG_OK;
        }
    }
    return stg_fail(STG_ERR_USAGE, "unknown trace format `%s`: use one of %s", format, known_formats(known));
}

/* The first bytes of a regular file; none of anything else. */
static enum stg_status read_head(const char *path, uint8_t *head, size_t *n)
{
    struct stat info;
    *n = 0;
    if (stat(path, &info) != 0 || access(path, R_OK) != 0) {
        return stg_fail_errno("%s: cannot open", path);
    }
    if (!S_ISREG(info.st_mode)) {
        return STG_OK;
    }
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return stg_fail_errno("%s", path);
    }
    *n = fread(head, 1, HEAD_LEN, file);
    const bool failed = ferror(file) != 0;
    fclose(file);
    if (failed) {
        return stg_fail_errno("%s", path);
    }
    return *n > 0 ? STG_OK : stg_fail(STG_ERR_INPUT, "%s: the file is empty: copy or record the trace again", path);
}

/* What people give that no source reads, by its first bytes, and what makes a trace of it. */
static const struct stranger {
    size_t at, len;
    const char *bytes, *what, *remedy;
    bool packed;
} strangers[] = {
    {0, 4, "\x28\xB5\x2F\xFD", "compressed (zstd)",
     "unpack it first: zstd -d, or zstd -dc FILE | tar -xf - of an archive", true},
    {0, 2, "\x1F\x8B", "compressed (gzip)", "unpack it first: gunzip, or tar -xzf of an archive", true},
    {0, 6,
     "\xFD"
     "7zXZ\0",
     "compressed (xz)", "unpack it first: unxz, or tar -xJf of an archive", true},
    {0, 3, "BZh", "compressed (bzip2)", "unpack it first: bunzip2, or tar -xjf of an archive", true},
    {0, 4, "PK\3\4", "a zip archive", "unpack it first: unzip", true},
    {257, 5, "ustar", "a tar archive", "unpack it first: tar -xf", true},
    {0, 8, "PERFILE2", "perf's binary recording",
     "give the output of perf script -i FILE, or perf data convert --to-ctf DIR", false},
    {0, 10, "\x17\x08\x44tracing", "trace-cmd's binary recording", "record with perf, LTTng or strace instead", false},
    {0, 4, "\x0A\x0D\x0D\x0A", "a binary capture", "give the text that sysdig -r FILE prints", false},
    {2, 9, "\x12\x07strange", "an ONNX net that `strange export` wrote",
     "`strange info MODEL` describes the model that it was written from", false},
    {0, 4, "\xC1\x1F\xFC\xC1", "a stream of a CTF trace", "give the directory that it is in, with its file `metadata`",
     false},
};

/* NULL: none of them. */
static const struct stranger *stranger_of(const uint8_t *head, size_t n)
{
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        if (n >= strangers[i].at + strangers[i].len &&
            memcmp(head + strangers[i].at, strangers[i].bytes, strangers[i].len) == 0) {
            return &strangers[i];
        }
    }
    return NULL;
}

enum stg_status stg_import_refuse_stranger(const char *path, const uint8_t *head, size_t n)
{
    const struct stranger *s = stranger_of(head, n);
    return s == NULL ? STG_OK : stg_fail(STG_ERR_INPUT, "%s: %s: %s", path, s->what, s->remedy);
}

/* A directory of files as they are published. */
static enum stg_status refuse_packed(const char *directory)
{
    uint8_t head[STG_FILES_HEAD];
    const struct stranger *s = stranger_of(head, stg_files_head(directory, head));
    if (s == NULL || !s->packed) {
        return STG_OK;
    }
    return stg_fail(STG_ERR_INPUT, "%s: a file in it is %s: unpack them first", directory, s->what);
}

static enum stg_status find_by_content(const char *path, const struct stg_source_ops **out)
{
    static _Thread_local uint8_t head[HEAD_LEN];
    size_t n = 0;
    int surest = 0;
    char known[128];
    if (strcmp(path, "-") == 0 || (stg_file_is_special(path) && !stg_file_is_directory(path))) {
        return stg_fail(STG_ERR_USAGE,
                        "%s: what comes through a pipe or a device is not recognised: cut it with `strange prepare "
                        "--format FORMAT` (%s)",
                        strcmp(path, "-") == 0 ? "standard input" : path, known_formats(known));
    }
    STG_RETURN_IF_FAILED(read_head(path, head, &n));
    STG_RETURN_IF_FAILED(stg_import_refuse_stranger(path, head, n));
    const size_t mark = stg_utf8_mark_len(head, n);
    *out = NULL;
    for (size_t i = 0; stg_import_list[i] != NULL; i++) {
        const int sure = stg_import_list[i]->probe(path, head + mark, n - mark);
        if (sure > surest) {
            surest = sure;
            *out = stg_import_list[i];
        }
    }
    if (*out == NULL && n > 0) {
        return stg_fail(STG_ERR_INPUT, "%s: not a trace of a known format: name the right one with --format (%s)", path,
                        known_formats(known));
    }
    if (*out == NULL) {
        STG_RETURN_IF_FAILED(refuse_packed(path));
        return stg_fail(STG_ERR_INPUT,
                        "%s: no trace: a CTF trace directory has a file `metadata` in it or below, one of integer "
                        "lists holds files of integers only, and one of name lists files of names of calls; files of "
                        "other text are given one by one (DIRECTORY/*)",
                        path);
    }
    return STG_OK;
}

enum stg_status stg_import_open(struct stg_source **out, const char *path, const char *format)
{
    const struct stg_source_ops *ops = NULL;
    STG_RETURN_IF_FAILED(format != NULL ? find_by_name(format, &ops) : find_by_content(path, &ops));
    return ops->open(out, path);
}
