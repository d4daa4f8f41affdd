#include "base/utf8.h"

#include <stdbool.h>

size_t stg_utf8_decode(const void *text, size_t len, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *byte = text;
    const size_t n = byte[0] < 0x80   ? 1
                     : byte[0] < 0xC2 ? 0
                     : byte[0] < 0xE0 ? 2
                     : byte[0] < 0xF0 ? 3
                     : byte[0] < 0xF5 ? 4
                                      : 0;
    if (n < 2 || n > len) {
        *code = byte[0];
        return n == 1 ? 1 : 0;
    }
    uint32_t value = byte[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((byte[i] & 0xC0) != 0x80) {
            return 0;
        }
        value = value << 6 | (byte[i] & 0x3Fu);
    }
    *code = value;
    const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
    return value < least[n] || value > 0x10FFFF || surrogate ? 0 : n;
}
