/* Lines of text files, forwards and backwards, in bounded memory. */
#include "base/buffer.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 16 };

struct stg_lines {
    int fd;
    char *path;
    size_t max_len;
    uint64_t size, offset, number;
    bool reversed, at_end;
    off_t block_at;         /* reversed: file offset of block[0] */
    size_t begin, end;      /* unread part of block */
    struct stg_buffer line; /* a line that spans blocks; reversed: its bytes, last first */
    char block[BLOCK + 1];
};

static enum stg_status open_lines(struct stg_lines **out, const char *path, size_t max_len, bool reversed)
{
    enum stg_status status = STG_OK;
    struct stg_lines *l = NULL;
    struct stat st;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&l, 1, sizeof *l));
    l->fd = -1;
    l->max_len = max_len;
    l->reversed = reversed;
    STG_TRY(stg_mem_strdup(&l->path, path));
    do { /* a pipe is waited for until somebody writes into it */
        STG_TRY(stg_interrupt_check());
        l->fd = strcmp(path, "-") == 0 && !reversed ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    } while (l->fd < 0 && errno == EINTR);
    if (l->fd < 0 || fstat(l->fd, &st) != 0) {
        status = stg_fail_errno("%s: cannot open", path);
        goto out;
    }
    if (S_ISDIR(st.st_mode)) {
        status = stg_fail(STG_ERR_INPUT, "%s: is a directory: give the path of a file", path);
        goto out;
    }
    l->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    if (reversed && !S_ISREG(st.st_mode)) {
        status = stg_fail(STG_ERR_INPUT, "%s: only a regular file can be read from its end", path);
        goto out;
    }
    l->block_at = (off_t)l->size;
out:
    if (status != STG_OK) {
        stg_lines_free(l);
        return status;
    }
    *out = l;
    return STG_OK;
}

enum stg_status stg_lines_open(struct stg_lines **out, const char *path, size_t max_len)
{
    return open_lines(out, path, max_len, false);
}

enum stg_status stg_lines_open_reversed(struct stg_lines **out, const char *path, size_t max_len)
{
    return open_lines(out, path, max_len, true);
}

void stg_lines_free(struct stg_lines *l)
{
    if (l == NULL) {
        return;
    }
    if (l->fd >= 0) {
        close(l->fd);
    }
    stg_buffer_fini(&l->line);
    stg_mem_free(l->path);
    stg_mem_free(l);
}

static enum stg_status fail_shorter(const struct stg_lines *l)
{
    return stg_fail(STG_ERR_INPUT, "%s: became shorter while it was read: read a file that is finished", l->path);
}

/* Reads the block before the one that was read last: all of it, as its end is where the next line ends. */
static enum stg_status fill_backward(struct stg_lines *l)
{
    const size_t want = l->block_at < BLOCK ? (size_t)l->block_at : BLOCK;
    l->block_at -= (off_t)want;
    l->begin = 0;
    for (l->end = 0; l->end < want;) {
        const ssize_t k = pread(l->fd, l->block + l->end, want - l->end, l->block_at + (off_t)l->end);
        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k < 0) {
            return stg_fail_errno("%s: offset %lld: cannot read", l->path, (long long)l->block_at);
        }
        if (k == 0) {
            return fail_shorter(l);
        }
        l->end += (size_t)k;
    }
    return STG_OK;
}

/* The end is before where it was: the file was cut off or written anew meanwhile. Files of the kernel that have less in
 * them than their size says are as they were. */
static bool is_shorter(const struct stg_lines *l)
{
    struct stat st;
    return l->size > 0 && fstat(l->fd, &st) == 0 && (uint64_t)st.st_size < l->size &&
           lseek(l->fd, 0, SEEK_CUR) < (off_t)l->size;
}

/* What comes through a pipe may take its time, so that an interruption is asked for here, too. */
static enum stg_status fill_forward(struct stg_lines *l)
{
    ssize_t k;
    do {
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        k = read(l->fd, l->block, BLOCK);
    } while (k < 0 && errno == EINTR);
    if (k < 0) {
        return stg_fail_errno("%s: offset %llu: cannot read", l->path, (unsigned long long)l->offset);
    }
    l->begin = 0;
    l->end = (size_t)k;
    l->at_end = k == 0;
    return l->at_end && is_shorter(l) ? fail_shorter(l) : STG_OK;
}

static enum stg_status keep(struct stg_lines *l, const char *text, size_t n)
{
    if (l->line.len + n > l->max_len) {
        return stg_fail(STG_ERR_INPUT, "%s: line %llu: longer than %zu bytes: is it a text file?", l->path,
                        (unsigned long long)l->number + 1, l->max_len);
    }
    return stg_buffer_put(&l->line, text, n);
}

static enum stg_status next_forward(struct stg_lines *l, const char **line, size_t *len)
{
    stg_buffer_clear(&l->line);
    for (;;) {
        if (l->begin == l->end) {
            STG_RETURN_IF_FAILED(fill_forward(l));
        }
        if (l->at_end) {
            break;
        }
        char *from = l->block + l->begin;
        const char *newline = memchr(from, '\n', l->end - l->begin);
        const size_t n = newline != NULL ? (size_t)(newline - from) : l->end - l->begin;
        STG_RETURN_IF_FAILED(keep(l, from, n));
        l->begin += n + (newline != NULL);
        l->offset += n + (newline != NULL);
        if (newline != NULL) {
            l->number++;
            *line = l->line.data;
            *len = l->line.len;
            return STG_OK;
        }
    }
    if (l->line.len > 0) { /* a last line without newline */
        l->number++;
        *line = l->line.data;
        *len = l->line.len;
    }
    return STG_OK;
}

static void reverse(char *text, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        const char t = text[i];
        text[i] = text[n - 1 - i];
        text[n - 1 - i] = t;
    }
}

static enum stg_status next_backward(struct stg_lines *l, const char **line, size_t *len)
{
    stg_buffer_clear(&l->line);
    bool any = false;
    for (;;) {
        if (l->begin == l->end) {
            if (l->block_at == 0) {
                break;
            }
            STG_RETURN_IF_FAILED(fill_backward(l));
        }
        while (l->end > l->begin) {
            const char c = l->block[--l->end];
            l->offset++;
            if (c == '\n' && any) {
                goto done;
            }
            /* The newline that ends the last line of the file ends nothing here. */
            if (c == '\n' && l->offset == 1) {
                continue;
            }
            if (c == '\n') {
                goto done;
            }
            any = true;
            STG_RETURN_IF_FAILED(keep(l, &c, 1));
        }
    }
    /* The beginning of the file: its first line, empty or not, comes once. */
    if (l->at_end || l->size == 0) {
        return STG_OK;
    }
    l->at_end = true;
done:
    l->number++;
    if (l->line.data == NULL) {
        STG_RETURN_IF_FAILED(stg_buffer_put(&l->line, "", 0));
    }
    reverse(l->line.data, l->line.len);
    *line = l->line.data;
    *len = l->line.len;
    return STG_OK;
}

enum stg_status stg_lines_next(struct stg_lines *l, const char **line, size_t *len)
{
    *line = NULL;
    *len = 0;
    STG_RETURN_IF_FAILED(l->reversed ? next_backward(l, line, len) : next_forward(l, line, len));
    if (*len > 0 && l->line.data[*len - 1] == '\r') {
        l->line.data[--*len] = '\0';
    }
    if (*line != NULL && (l->reversed ? l->at_end : l->number == 1)) {
        const size_t mark = stg_utf8_mark_len(*line, *len); /* in front of the file */
        *line += mark;
        *len -= mark;
    }
    return STG_OK;
}

uint64_t stg_lines_number(const struct stg_lines *l)
{
    return l->number;
}

uint64_t stg_lines_size(const struct stg_lines *l)
{
    return l->size;
}

uint64_t stg_lines_offset(const struct stg_lines *l)
{
    return l->offset;
}
