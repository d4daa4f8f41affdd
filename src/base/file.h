/* Files: whole files mapped for reading, and files written so that the name appears only when all of it is on disk. */
#ifndef STG_BASE_FILE_H
#define STG_BASE_FILE_H

#include "base/status.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A read-only mapping of a regular file. */
struct stg_file_map {
    const uint8_t *data; /* NULL when size is 0 */
    size_t size;         /* bytes */
    int fd;
};

enum stg_status stg_file_map_open(struct stg_file_map *out, const char *path) STG_MUST_USE;
void stg_file_map_close(struct stg_file_map *map);
/* For the handler of SIGBUS: the path of the mapped file that has this address, of which the disk or the part behind
 * its new end cannot be read. False when none has it, or too many are open to be remembered. */
bool stg_file_map_find(const void *address, char *path, size_t cap);
/* The bytes from … to of a mapping were read and are not needed soon: they need not stay in memory. Reading them again
 * is allowed. */
void stg_file_map_release(const void *from, const void *to);
/* Hands the bytes from offset `from` to the end to visit(context, bytes, n), block by block: for one pass over all of a
 * file. Each block is let go of, so it takes no memory, and what cannot be read is a failure instead of a signal. */
enum stg_status stg_file_map_visit(const struct stg_file_map *map, size_t from,
                                   void (*visit)(void *, const void *, size_t), void *context) STG_MUST_USE;

/* An atomic writer: bytes go to a temporary file beside path (path + ".tmp-" + pid + serial); commit flushes it to
 * disk and renames it; free without commit removes it. Nothing half-written is ever seen under path. A link to a file
 * stays one: its target is written, beside which the temporary file then is. A link that leads nowhere becomes the
 * file. What replaces a file keeps its permissions, and its owner and group where that is allowed; but a file of
 * somebody else in a sticky directory, where anybody could have put it, is replaced by a new one. The temporary files
 * of writers that are open are remembered as temporaries (temporary.h). */
struct stg_file_writer;

enum stg_status stg_file_writer_open(struct stg_file_writer **out, const char *path) STG_MUST_USE;
enum stg_status stg_file_writer_put(struct stg_file_writer *w, const void *data, size_t n) STG_MUST_USE;
enum stg_status stg_file_writer_commit(struct stg_file_writer *w) STG_MUST_USE;
void stg_file_writer_free(struct stg_file_writer *w);
/* Fails as a writer would, before hours of work. What is there and no regular file is not tried: the reader of a pipe
 * would take the end of a trial for the end of the data. */
enum stg_status stg_file_writer_try(const char *path) STG_MUST_USE;

/* Spill: a temporary file without a name, for columns that are longer than memory should hold: in the directory of
 * path, or in $TMPDIR where path is a pipe, a device or open already. */
struct stg_file_spill;

enum stg_status stg_file_spill_open(struct stg_file_spill **out, const char *path) STG_MUST_USE;
enum stg_status stg_file_spill_put(struct stg_file_spill *s, const void *data, size_t n) STG_MUST_USE;
/* Hands all of the spill to visit(context, bytes, n), block by block. */
enum stg_status stg_file_spill_visit(struct stg_file_spill *s, void (*visit)(void *, const void *, size_t),
                                     void *context) STG_MUST_USE;
/* Appends all of the spill to the writer. */
enum stg_status stg_file_spill_copy(struct stg_file_spill *s, struct stg_file_writer *to) STG_MUST_USE;
void stg_file_spill_free(struct stg_file_spill *s);

/* Lines of a text file ("-" is standard input), of at most max_len bytes each; a longer one is STG_ERR_INPUT. */
struct stg_lines;

enum stg_status stg_lines_open(struct stg_lines **out, const char *path, size_t max_len) STG_MUST_USE;
/* *line = the next line without its newline, or carriage return and newline, and without the mark of UTF-8 in front of
 * the file (borrowed until the next call), NULL at the end. */
enum stg_status stg_lines_next(struct stg_lines *l, const char **line, size_t *len) STG_MUST_USE;
uint64_t stg_lines_number(const struct stg_lines *l); /* of the line last returned, from 1 */
uint64_t stg_lines_size(const struct stg_lines *l);   /* bytes of the file, 0 when unknown */
uint64_t stg_lines_offset(const struct stg_lines *l); /* bytes read */
/* Starts at the end and goes backwards (logs that are written newest first); not for standard input. */
enum stg_status stg_lines_open_reversed(struct stg_lines **out, const char *path, size_t max_len) STG_MUST_USE;
void stg_lines_free(struct stg_lines *l);

/* The directory in which path lies, with the slash at its end; "." where it has none. */
void stg_file_directory_of(const char *path, char out[PATH_MAX]);
bool stg_file_is_directory(const char *path);
/* There is something of that name, and it is no regular file: a directory, a pipe, a device. */
bool stg_file_is_special(const char *path);
/* Both are the same regular file, whatever their names. */
bool stg_file_is_same(const char *a, const char *b);

#endif
