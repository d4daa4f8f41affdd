/* Import, inside: text from a trace as it is kept. */
#ifndef STG_IMPORT_CLEAN_H
#define STG_IMPORT_CLEAN_H

#include <stddef.h>

/* Bytes that were put to `to`, at most max_len and none of them a part of a character: text with a '?' for each byte
 * that is no UTF-8 and for what terminals obey. */
size_t stg_import_clean(char *to, size_t max_len, const char *text, size_t len);

#endif
