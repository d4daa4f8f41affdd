#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int threshold = STG_LOG_INFO;

void stg_log_set_level(enum stg_log_level level)
{
    atomic_store(&threshold, (int)level);
}

bool stg_log_is_screen(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

bool stg_log_may_colour(int fd)
{
    const char *no_color = getenv("NO_COLOR");
    return (no_color == NULL || *no_color == '\0') && stg_log_is_screen(fd);
}

void stg_log(enum stg_log_level level, const char *fmt, ...)
{
    static const char *const names[] = {"error: ", "warning: ", "", "debug: "};
    static const char *const colours[] = {"\033[31m", "\033[33m", "", "\033[2m"};
    if ((int)level > atomic_load(&threshold)) {
        return;
    }
    char text[STG_STATUS_MESSAGE_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    stg_status_one_line(text);
    const bool colour = stg_log_may_colour(STDERR_FILENO);
    const char *clear = stg_log_is_screen(STDERR_FILENO) ? "\r\033[K" : "";
    fprintf(stderr, "%sstrange: %s%s%s%s\n", clear, colour ? colours[level] : "", names[level], colour ? "\033[0m" : "",
            text);
}
