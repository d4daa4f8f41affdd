/* Buffer: a growing run of bytes, always followed by a NUL that is not counted. */
#ifndef STG_BASE_BUFFER_H
#define STG_BASE_BUFFER_H

#include "base/status.h"

#include <stddef.h>

struct stg_buffer {
    char *data; /* owned; NULL while empty */
    size_t len; /* bytes in use */
    size_t cap; /* bytes allocated */
};

/* clang-format off */
#define STG_BUFFER_INIT {0}
/* clang-format on */

void stg_buffer_fini(struct stg_buffer *b);
void stg_buffer_clear(struct stg_buffer *b); /* keeps the memory */
enum stg_status stg_buffer_put(struct stg_buffer *b, const void *data, size_t n) STG_MUST_USE;
enum stg_status stg_buffer_printf(struct stg_buffer *b, const char *fmt, ...) STG_PRINTF(2, 3) STG_MUST_USE;

#endif
