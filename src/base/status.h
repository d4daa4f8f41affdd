/* Status: the one way in which this project reports that something failed.
 *
 * A fallible function returns enum stg_status. The message for people is set once, where the cause is known, with
 * stg_fail(); callers that know more about where it happened put that in front with stg_context(). The message is
 * kept per thread; it is valid until the next stg_fail() of that thread. A worker's message is carried to its caller
 * by the thread pool. The form of a message is `file: offset: what: what to
 * do`. */
#ifndef STG_BASE_STATUS_H
#define STG_BASE_STATUS_H

#include <stdarg.h>

enum stg_status {
    STG_OK = 0,
    STG_ERR_USAGE,       /* the caller's options or arguments are wrong */
    STG_ERR_INPUT,       /* the data is malformed, truncated or of another version */
    STG_ERR_MISMATCH,    /* two valid inputs do not belong together (another vocabulary) */
    STG_ERR_IO,          /* the system refused: missing file, permission, full disk */
    STG_ERR_MEMORY,      /* an allocation failed or a stated bound would be passed */
    STG_ERR_UNSUPPORTED, /* valid, but this build or machine cannot do it */
    STG_ERR_INTERRUPTED, /* SIGINT, SIGTERM or SIGHUP asked for a stop; state was saved where there is any */
    STG_ERR_INTERNAL,    /* a defect of this program */
};

#define STG_MUST_USE                __attribute__((warn_unused_result))
#define STG_PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))

/* Room for a message: a path and what is said of it. Longer ones are cut off. */
#define STG_STATUS_MESSAGE_SIZE 5120

/* Sets the thread's message. */
void stg_status_set(const char *fmt, ...) STG_PRINTF(1, 2);

/* stg_fail(code, fmt, …) sets the thread's message; its value is code. A macro, so that where it stands the compiler
 * and the analyzer see a code that is not STG_OK. */
#define stg_fail(code, ...) (stg_status_set(__VA_ARGS__), (enum stg_status)(code))

/* stg_fail() with ": <strerror(errno)>" appended; the code is STG_ERR_MEMORY for ENOMEM, else STG_ERR_IO. */
enum stg_status stg_fail_errno(const char *fmt, ...) STG_PRINTF(1, 2);

/* Puts "<text>: " in front of the thread's message and returns code unchanged, so that it can stand in a return. */
enum stg_status stg_context(enum stg_status code, const char *fmt, ...) STG_PRINTF(2, 3);

/* The thread's message; never NULL. Borrowed until the next stg_fail() of this thread. */
const char *stg_status_message(void);

/* Makes of text one line that a terminal shows and does not obey: names from hostile input may hold anything. */
void stg_status_one_line(char *text);

/* Leaves a function that owns things through its one `out:` label. Needs `enum stg_status status` and `out:`. */
#define STG_TRY(expression)     \
    do {                        \
        status = (expression);  \
        if (status != STG_OK) { \
            goto out;           \
        }                       \
    } while (0)

/* Leaves a function that owns nothing. */
#define STG_RETURN_IF_FAILED(expression)                 \
    do {                                                 \
        const enum stg_status status_of_ = (expression); \
        if (status_of_ != STG_OK) {                      \
            return status_of_;                           \
        }                                                \
    } while (0)

#endif
