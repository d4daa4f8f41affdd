#include "report/writer.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD"

void writer_put(struct writer *w, const char *text)
{
    if (w->status == STG_OK) {
        w->status = stg_buffer_put(w->out, text, strlen(text));
    }
}

void writer_printf(struct writer *w, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n >= (int)sizeof text) {
        char *longer = NULL;
        va_start(args, fmt);
        const int len = vasprintf(&longer, fmt, args);
        va_end(args);
        if (len < 0) {
            w->status = w->status == STG_OK ? stg_fail(STG_ERR_MEMORY, "report: out of memory") : w->status;
            return;
        }
        writer_put(w, longer);
        free(longer);
        return;
    }
    writer_put(w, text);
}

void writer_repeat(struct writer *w, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        writer_put(w, text);
    }
}

/* Control characters, and those that reorder or hide text. */
static bool is_unsafe(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x200B && code <= 0x200F) ||
           (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

/* The next piece of text as it may be shown; *text moves on. */
static const char *next_piece(const char **text, char piece[8])
{
    uint32_t code = 0;
    const size_t n = stg_utf8_decode(*text, 4, &code);
    if (n == 0 || is_unsafe(code)) {
        *text += n == 0 ? 1 : n;
        return REPLACEMENT;
    }
    memcpy(piece, *text, n);
    piece[n] = '\0';
    *text += n;
    return piece;
}

void writer_html(struct writer *w, const char *text)
{
    char piece[8];
    while (*text != '\0') {
        const char *shown = next_piece(&text, piece);
        switch (shown[0]) {
        case '&':
            writer_put(w, "&amp;");
            break;
        case '<':
            writer_put(w, "&lt;");
            break;
        case '>':
            writer_put(w, "&gt;");
            break;
        case '"':
            writer_put(w, "&quot;");
            break;
        case '\'':
            writer_put(w, "&#39;");
            break;
        default:
            writer_put(w, shown);
        }
    }
}

void writer_json(struct writer *w, const char *text)
{
    char piece[8];
    writer_put(w, "\"");
    while (*text != '\0') {
        const char *shown = next_piece(&text, piece);
        const char *escaped = shown[0] == '"'    ? "\\\""
                              : shown[0] == '\\' ? "\\\\"
                              : shown[0] == '<'  ? "\\u003c"
                              : shown[0] == '>'  ? "\\u003e"
                              : shown[0] == '&'  ? "\\u0026"
                                                 : shown;
        writer_put(w, escaped);
    }
    writer_put(w, "\"");
}

void writer_plain(struct writer *w, const char *text, size_t width)
{
    char piece[8];
    size_t n = 0;
    for (; *text != '\0'; n++) {
        writer_put(w, next_piece(&text, piece));
    }
    if (n < width) {
        writer_repeat(w, " ", width - n);
    }
}

size_t text_width(const char *text)
{
    char piece[8];
    size_t n = 0;
    for (; *text != '\0'; n++) {
        next_piece(&text, piece);
    }
    return n;
}
