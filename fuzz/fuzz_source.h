/* A source fuzzed through a file (in memory, but where others lie beside it): probed, opened, read to its end, asked
 * for its info. */
#ifndef STG_FUZZ_SOURCE_H
#define STG_FUZZ_SOURCE_H

#include "import/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What every source promises of an event; a broken promise is a finding. */
static inline void fuzz_check_event(const struct stg_source *s, const struct stg_event *e)
{
    const int named = e->kind != STG_EVENT_LOST && e->kind != STG_EVENT_BEGIN && e->kind != STG_EVENT_END;
    if (e->kind < STG_EVENT_ENTRY || e->kind > STG_EVENT_END || e->n_args > STG_EVENT_MAX_ARGS ||
        (named ? e->name >= stg_strings_count(s->names) : e->name != STG_NAME_NONE) ||
        ((e->has & STG_HAS_COMM) != 0) != (e->comm != STG_NAME_NONE) ||
        (e->comm != STG_NAME_NONE && e->comm >= stg_strings_count(s->comms)) ||
        ((e->has & STG_HAS_PATH) != 0 && (s->paths == NULL || e->path >= stg_strings_count(s->paths))) ||
        ((e->has & STG_HAS_TID) != 0) != (e->tid > 0) || (e->kind == STG_EVENT_LOST && e->n_lost == 0)) {
        abort();
    }
}

/* path: a file that holds the data. */
static inline void fuzz_source_file(const struct stg_source_ops *ops, const char *path, const uint8_t *data,
                                    size_t size)
{
    struct stg_source *s = NULL;
    const struct stg_event *events;
    struct stg_source_info info;
    size_t n = 1;
    const int score = ops->probe(path, data, size < 4096 ? size : 4096);
    if (score < 0 || score > 100) {
        abort();
    }
    if (ops->open(&s, path) == STG_OK) {
        while (n > 0 && stg_source_next(s, &events, &n) == STG_OK) {
            for (size_t i = 0; i < n; i++) {
                fuzz_check_event(s, &events[i]);
            }
        }
        stg_source_info(s, &info);
        stg_source_close(s);
    }
}

static inline void fuzz_source(const struct stg_source_ops *ops, const uint8_t *data, size_t size)
{
    char path[64];
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    fuzz_source_file(ops, path, data, size);
    close(fd);
}

#endif
