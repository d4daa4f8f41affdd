/* Strings: an interning table. Each different string gets the next id, from 0; ids index names in order of arrival. */
#ifndef STG_BASE_STRINGS_H
#define STG_BASE_STRINGS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct stg_strings;

#define STG_STRINGS_NONE UINT32_MAX

enum stg_status stg_strings_new(struct stg_strings **out) STG_MUST_USE;
void stg_strings_free(struct stg_strings *s);

/* *id of the len bytes at text, added when new. At most 2^24 strings of at most 4096 bytes, else STG_ERR_MEMORY. */
enum stg_status stg_strings_put(struct stg_strings *s, const char *text, size_t len, uint32_t *id) STG_MUST_USE;
/* The id, or STG_STRINGS_NONE. */
uint32_t stg_strings_find(const struct stg_strings *s, const char *text, size_t len);
/* Borrowed for the table's life (the address does not move); NUL-terminated. id must be < stg_strings_count(). */
const char *stg_strings_get(const struct stg_strings *s, uint32_t id);
size_t stg_strings_count(const struct stg_strings *s);

#endif
