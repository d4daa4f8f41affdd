/* Files of a directory, inside: what the sources that read a directory of lists have in common. */
#ifndef STG_IMPORT_FILES_H
#define STG_IMPORT_FILES_H

#include "base/status.h"
#include "import/text.h"

#include <stddef.h>
#include <stdint.h>

#define STG_FILES_MAX  ((size_t)1 << 20)
#define STG_FILES_HEAD 4096 /* bytes of a file that stg_files_head() takes */

struct stg_files {
    bool directory;
    char **paths; /* (n) owned; in their byte order; of a directory */
    size_t n, cap;
    size_t next;        /* of these */
    uint64_t size;      /* bytes of all */
    uint64_t n_skipped; /* what is neither file nor directory, or too deep, and links back to a directory above */
};

/* Begins a text that is a file, of lines of at most max_line bytes, or the regular files of a directory and of those
 * down to four below; names that begin with a dot are passed over. f is zeroed; stg_files_fini() is due after a
 * failure, too. */
enum stg_status stg_files_open(struct stg_files *f, struct stg_text *t, const char *path, size_t max_line) STG_MUST_USE;
/* Goes on to the next file of a directory; behind the last t->ended is set, and no file is open. */
enum stg_status stg_files_next(struct stg_files *f, struct stg_text *t, size_t max_line) STG_MUST_USE;
void stg_files_fini(struct stg_files *f);

/* The first bytes of one of these files, whichever is found first; 0: of none. head has STG_FILES_HEAD bytes. */
size_t stg_files_head(const char *directory, uint8_t *head);
/* Refuses a file that is an archive or another program's recording: one of a directory was not looked at before. */
enum stg_status stg_files_refuse_stranger(const char *path) STG_MUST_USE;

#endif
