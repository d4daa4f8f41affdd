#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
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
