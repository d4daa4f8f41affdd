/* Text: small files, folders and waits that the lab's parts share. */
#ifndef STG_LAB_TEXT_H
#define STG_LAB_TEXT_H

#include "base/buffer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Appends a file of at most 16 MiB, also one of /proc whose size is not known. Root reads what the servers' user has
 * written and may have replaced: a link is not followed, a pipe not waited for. */
enum stg_status stg_text_read(struct stg_buffer *out, const char *path) STG_MUST_USE;
/* Writes a file as a whole or not at all. */
enum stg_status stg_text_write(const char *path, const char *text, size_t n) STG_MUST_USE;
/* Bytes of a file, 0 when there is none; a link is none. */
uint64_t stg_text_size(const char *path);

/* The JSON in a file, owned by the caller; NULL when there is none. */
json_t *stg_text_json(const char *path);
/* A string of an object, "" when it has none of that key. Borrowed. */
const char *stg_text_of(const json_t *object, const char *key);

/* Makes a folder, parents included; there already is fine. */
enum stg_status stg_folder_make(const char *path) STG_MUST_USE;
/* Gives a folder and all below it to a user. Links are not followed. */
enum stg_status stg_folder_give(const char *path, uid_t uid) STG_MUST_USE;
/* Removes a folder and all below it, on its file system only. Not there is fine. */
enum stg_status stg_folder_remove(const char *path) STG_MUST_USE;

/* Sleeps; a signal that asks for a stop ends it. */
void stg_sleep_ns(uint64_t ns);

#endif
