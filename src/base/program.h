/* Programs: the file that the name of one means. */
#ifndef STG_BASE_PROGRAM_H
#define STG_BASE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/* A regular file, which a directory of that name is not, that may be executed. */
bool stg_program_is(const char *path);
/* out = the file that name means, as the shell finds it in $PATH (/usr/local/bin:/usr/bin:/bin where that is not set);
 * a name with a slash is one already, whatever it is. False: there is none, or cap is too small. */
bool stg_program_find(const char *name, char *out, size_t cap);

#endif
