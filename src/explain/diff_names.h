/* Names of files that are made anew in every run: which names are the same but for numbers, hashes and random
 * characters. Private to explain/.
 *
 * A name by itself does not say whether its numbers mean something: /etc/app/10-first.conf does, /var/log/app.2214 does
 * not. So names are counted as they are, apart from numbers below /proc, and patterns only say which names of two runs
 * may be each other's (diff_files_only.c). */
#ifndef STG_EXPLAIN_DIFF_NAMES_H
#define STG_EXPLAIN_DIFF_NAMES_H

#include <stdbool.h>
#include <stddef.h>

enum {
    DIFF_NAME_SIZE = 200,                  /* bytes that are kept of a name, its end */
    DIFF_NAME_BUFFER = DIFF_NAME_SIZE + 8, /* of a name as it is kept */
    DIFF_PATTERN_BUFFER =
        3 * DIFF_NAME_BUFFER /* of a pattern: a placeholder is three bytes for two of the name or more */
};

/* The name; of a long one the end, which tells more than its beginning. */
void diff_name_keep_end(const char *path, char out[DIFF_NAME_BUFFER]);

/* The same as it is counted. Below /proc, numbers are processes, threads and descriptors: "/proc/<n>/stat". */
void diff_name_keep(const char *path, char out[DIFF_NAME_BUFFER]);

/* The name with a placeholder, "<n>", for what is counted or dated: numbers of two digits or more, four or more
 * hexadecimal digits, UUIDs, and the directories of one or two of them that hashes are kept in. Versions stay ("3.11"),
 * and so do the numbers of programs, libraries and configuration (/usr, /etc …) up to four digits. */
void diff_name_mask(const char *name, char out[DIFF_PATTERN_BUFFER]);

/* The same for two names of equal length if they have the same suffixes, and the same first two characters of every
 * component: what mkstemp(3) and its like make. In directories for temporary files the first two count for nothing. */
void diff_name_shape(const char *name, char out[DIFF_PATTERN_BUFFER]);

/* How often letters of both cases and digits change within the words of n bytes, but for capitals that begin
 * words of three or more ("fooBar" has none, "fo0bAR" three): names that are drawn by chance have some. */
size_t diff_name_changes(const char *text, size_t n);

/* No digit and no capital is in it. */
bool diff_name_is_plain(const char *text, size_t n);

/* In a directory for temporary files (/tmp, /var/tmp, /dev/shm). */
bool diff_name_is_temporary(const char *name);

/* Length of the name's directory, with its slash; 0 when it has none. */
size_t diff_name_dir_len(const char *name);

#endif
