#include "base/status.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[STG_STATUS_MESSAGE_SIZE] = "no error";

void stg_status_one_line(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        const bool second = c[0] == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0; /* a control character in UTF-8 */
        if (*c < ' ' || *c == 127 || second) {
            *c = '?';
            c[second] = '?';
        }
    }
}

void stg_status_set(const char *fmt, ...)
{
    char text[sizeof message];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    memcpy(message, text, sizeof message);
    stg_status_one_line(message);
}

enum stg_status stg_fail_errno(const char *fmt, ...)
{
    const int error = errno;
    char text[sizeof message - 128];
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
    char text[sizeof message / 2];
    char old[sizeof message];
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
