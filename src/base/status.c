#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_SIZE = 1024 };

static _Thread_local char message[MESSAGE_SIZE] = "no error";

/* A message is one line: names from hostile input may hold anything. */
static void keep_to_one_line(void)
{
    for (char *c = message; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 127) {
            *c = '?';
        }
    }
}

enum stg_status stg_fail(enum stg_status code, const char *fmt, ...)
{
    char text[MESSAGE_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    memcpy(message, text, sizeof message);
    keep_to_one_line();
    return code;
}

enum stg_status stg_fail_errno(const char *fmt, ...)
{
    const int error = errno;
    char text[MESSAGE_SIZE - 128];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    char reason[128];
    const char *name = strerror_r(error, reason, sizeof reason);
    return stg_fail(error == ENOMEM ? STG_ERR_MEMORY : STG_ERR_IO, "%s: %s", text, name);
}

enum stg_status stg_context(enum stg_status code, const char *fmt, ...)
{
    char text[MESSAGE_SIZE / 2];
    char old[MESSAGE_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    memcpy(old, message, sizeof old);
    return stg_fail(code, "%s: %.*s", text, (int)(sizeof message - sizeof text), old);
}

const char *stg_status_message(void)
{
    return message;
}

const char *stg_status_name(enum stg_status code)
{
    static const char *const names[] = {"ok",     "usage",       "input",       "mismatch", "io",
                                        "memory", "unsupported", "interrupted", "internal"};
    return (size_t)code < sizeof names / sizeof names[0] ? names[code] : "unknown";
}
