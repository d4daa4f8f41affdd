/* Temporaries: files and directories that are to vanish however the program ends. Those that are remembered here are
 * removed by stg_temporary_abandon_all(), for exits that a signal drives. */
#ifndef STG_BASE_TEMPORARY_H
#define STG_BASE_TEMPORARY_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Returns a number for stg_temporary_forget(); −1, which it takes too, when too many are remembered already. */
int stg_temporary_remember(const char *path);
void stg_temporary_forget(int number);
/* Async-signal-safe. Of a directory all files go, then itself. */
void stg_temporary_abandon_all(void);

/* Removes what writers of path (base/file.h) that were killed have left beside it: files of this user that are named
 * after a process that is no more, and were last written before that time (nanoseconds since 1970), as a process of
 * another machine or container is not seen. */
void stg_temporary_remove_dead(const char *path, int64_t before_ns);

/* $TMPDIR, or /tmp without it. */
const char *stg_temporary_root(void);

/* A directory in there for files, that nobody else may enter; remembered. */
struct stg_temporary_dir {
    char *path; /* owned; NULL: none */
    int number;
};

enum stg_status stg_temporary_dir_make(struct stg_temporary_dir *out) STG_MUST_USE;
/* Whether a path is in one of these: what is there vanishes with the program, and is not worth the wait for a disk. */
bool stg_temporary_holds(const char *path);
/* With the files in it. d may be {0}. */
void stg_temporary_dir_remove(struct stg_temporary_dir *d);

#endif
