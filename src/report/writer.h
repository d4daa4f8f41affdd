/* Writer: text that is put together piece by piece; the first failure is kept and later pieces are ignored. For
 * report/ and cli/. */
#ifndef STG_REPORT_WRITER_H
#define STG_REPORT_WRITER_H

#include "base/buffer.h"

#include <stddef.h>

struct writer {
    struct stg_buffer *out; /* borrowed */
    enum stg_status status;
};

void writer_put(struct writer *w, const char *text);
void writer_printf(struct writer *w, const char *fmt, ...) STG_PRINTF(2, 3);

/* Text from data, made safe to stand in HTML text and in quoted attributes: markup is escaped, control characters and
 * malformed UTF-8 become U+FFFD. */
void writer_html(struct writer *w, const char *text);
/* The same as a JSON string with its quotes, which may also stand in a script element. */
void writer_json(struct writer *w, const char *text);
/* The same for a terminal (control characters could drive it), padded with spaces to width columns (0: none). Columns
 * are counted as one per code point. */
void writer_plain(struct writer *w, const char *text, size_t width);
/* Columns that writer_plain() takes. */
size_t text_width(const char *text);
/* n spaces, or n times another piece of text. */
void writer_repeat(struct writer *w, const char *text, size_t n);

#endif
