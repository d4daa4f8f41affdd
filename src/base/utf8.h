/* UTF-8, as names from traces may or may not be. */
#ifndef STG_BASE_UTF8_H
#define STG_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the well-formed code point that text (len > 0) begins with (Unicode 15, table 3-7), *code its value; 0 when
 * there is none. Stops at the first byte that cannot be part of it, so that of a text with a NUL at its end len may
 * be 4. */
size_t stg_utf8_decode(const void *text, size_t len, uint32_t *code);

/* Bytes of the mark that some editors put in front of a text (U+FEFF), 0 when there is none. */
static inline size_t stg_utf8_mark_len(const void *text, size_t len)
{
    return len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

#endif
