#include "base/buffer.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

void stg_buffer_fini(struct stg_buffer *b)
{
    stg_mem_free(b->data);
    *b = (struct stg_buffer)STG_BUFFER_INIT;
}

void stg_buffer_clear(struct stg_buffer *b)
{
    b->len = 0;
    if (b->data != NULL) {
        b->data[0] = '\0';
    }
}

static enum stg_status reserve(struct stg_buffer *b, size_t n)
{
    if (n > SIZE_MAX - b->len - 1) {
        return stg_fail(STG_ERR_MEMORY, "out of memory: a buffer of %zu bytes cannot grow by %zu", b->len, n);
    }
    return stg_mem_grow(&b->data, &b->cap, b->len + n + 1, 1);
}

enum stg_status stg_buffer_put(struct stg_buffer *b, const void *data, size_t n)
{
    STG_RETURN_IF_FAILED(reserve(b, n));
    if (n > 0) {
        memcpy(b->data + b->len, data, n);
    }
    b->len += n;
    b->data[b->len] = '\0';
    return STG_OK;
}

enum stg_status stg_buffer_printf(struct stg_buffer *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) {
        return stg_fail(STG_ERR_INTERNAL, "a format could not be printed: %s", fmt);
    }
    STG_RETURN_IF_FAILED(reserve(b, (size_t)n));
    va_start(args, fmt);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, args);
    va_end(args);
    b->len += (size_t)n;
    return STG_OK;
}
