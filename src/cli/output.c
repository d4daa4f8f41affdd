#include "cli/output.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void stg_output_init(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
            /* Opened for the direction that the program does not use: open() returns the lowest free number, fd. */
            const int opened = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
            if (opened < 0) {
                return;
            }
        }
    }
}

enum stg_status stg_output_write(struct stg_buffer *b)
{
    for (size_t at = 0; at < b->len;) {
        const ssize_t n = write(STDOUT_FILENO, b->data + at, b->len - at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return stg_fail_errno("standard output: cannot write");
        }
        at += (size_t)n;
    }
    stg_buffer_clear(b);
    return STG_OK;
}

enum stg_status stg_output_flush_large(struct stg_buffer *b)
{
    return b->len >= 65536 ? stg_output_write(b) : STG_OK;
}

enum stg_status stg_output_write_file(struct stg_buffer *b, const char *path)
{
    enum stg_status status = STG_OK;
    struct stg_file_writer *w = NULL;
    if (strcmp(path, "-") == 0) {
        return stg_output_write(b);
    }
    STG_TRY(stg_file_writer_open(&w, path));
    STG_TRY(stg_file_writer_put(w, b->data, b->len));
    STG_TRY(stg_file_writer_commit(w));
out:
    stg_file_writer_free(w);
    return status;
}

enum stg_status stg_output_apart(const char *option, const char *path, const struct stg_list *inputs)
{
    for (size_t i = 0; path != NULL && i < inputs->n; i++) {
        if (stg_file_is_same(path, inputs->items[i])) {
            return stg_fail(STG_ERR_USAGE, "%s %s: is read, too, and would be lost: give the path of another file",
                            option, path);
        }
    }
    return STG_OK;
}

size_t stg_output_width(void)
{
    enum { LEAST = 60, USUAL = 80, MOST = 100 };
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return USUAL;
    }
    return size.ws_col < LEAST ? LEAST : size.ws_col > MOST ? MOST : size.ws_col;
}
