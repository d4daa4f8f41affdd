/* Lists, inside: sequences of values, one per line or per file, for the sources that differ in what a value is. */
#ifndef STG_IMPORT_INTLIST_H
#define STG_IMPORT_INTLIST_H

#include "event/source.h"
#include "import/text.h"

struct stg_list_kind {
    const struct stg_source_ops *ops;
    const char *what;     /* "integer", where there is none */
    const char *expected; /* what is said of a value that is none */
    /* Moves c over the value at its front; what follows it is not looked at. */
    bool (*value)(struct stg_cursor *c);
};

enum stg_status stg_list_open(struct stg_source **out, const char *path, const struct stg_list_kind *kind) STG_MUST_USE;
void stg_list_close(struct stg_source *s);

/* Between values stand blanks, commas and bars. */
bool stg_list_is_separator(char ch);
void stg_list_skip(struct stg_cursor *c);
/* True when all of the line is values, at least one. */
bool stg_list_is_line(const struct stg_list_kind *kind, const char *line, size_t len);
/* The first bytes of path itself, or of a file in the directory, where it is one: *head is moved to `room`
 * (STG_FILES_HEAD bytes) then. */
size_t stg_list_head(const char *path, const uint8_t **head, size_t n_head, uint8_t *room);

/* An integer of at most 64 bits. */
bool stg_list_integer(struct stg_cursor *c);

#endif
