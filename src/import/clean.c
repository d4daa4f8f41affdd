/* Import: text from a trace as it is kept. */
#include "import/clean.h"

#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the character at text, 0 when it is none or one that terminals obey. */
static size_t character_len(const uint8_t *text, size_t len)
{
    uint32_t code;
    const size_t n = stg_utf8_decode(text, len, &code);
    return n == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0) ? 0 : n;
}

size_t stg_import_clean(char *to, size_t max_len, const char *text, size_t len)
{
    const uint8_t *from = (const uint8_t *)text;
    size_t n = 0;
    for (size_t i = 0; i < len && n < max_len;) {
        const size_t n_char = character_len(from + i, len - i);
        if (n_char == 0) {
            to[n++] = '?';
            i++;
            continue;
        }
        if (n + n_char > max_len) {
            break;
        }
        memcpy(to + n, text + i, n_char);
        n += n_char;
        i += n_char;
    }
    return n;
}
