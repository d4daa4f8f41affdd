/* What the tests of text sources have in common: a source read to its end, and temporary files. */
#ifndef STG_TESTS_IMPORT_SUPPORT_H
#define STG_TESTS_IMPORT_SUPPORT_H

#include "base/memory.h"
#include "import/import.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct reading {
    struct stg_source *source; /* kept open for its names */
    struct stg_event *events;
    size_t n, cap;
    struct stg_source_info info;
};

static inline const char *fixture(char out[512], const char *name)
{
    const char *data = getenv("STRANGE_TEST_DATA");
    snprintf(out, 512, "%s/%s", data != NULL ? data : "tests/data", name);
    return out;
}

/* The status of reading path to its end; what was read lies in r, which reading_fini() frees in every case. */
static inline enum stg_status reading_init(struct reading *r, const struct stg_source_ops *ops, const char *path)
{
    const struct stg_event *events;
    size_t n;
    memset(r, 0, sizeof *r);
    enum stg_status status = ops->open(&r->source, path);
    while (status == STG_OK) {
        status = stg_source_next(r->source, &events, &n);
        if (status != STG_OK || n == 0) {
            break;
        }
        status = stg_mem_grow(&r->events, &r->cap, r->n + n, sizeof *r->events);
        if (status == STG_OK) {
            memcpy(r->events + r->n, events, n * sizeof *events);
            r->n += n;
        }
    }
    if (r->source != NULL) {
        stg_source_info(r->source, &r->info);
    }
    return status;
}

static inline void reading_fini(struct reading *r)
{
    stg_source_close(r->source);
    stg_mem_free(r->events);
}

static inline void read_fixture(struct reading *r, const struct stg_source_ops *ops, const char *name)
{
    char path[512];
    const enum stg_status status = reading_init(r, ops, fixture(path, name));
    if (status != STG_OK) {
        fail_msg("%s: %s", name, stg_status_message());
    }
}

/* Writes text to a new temporary file; path[64] is the caller's, who unlinks it. */
static inline void write_temporary(char path[64], const char *text, size_t len)
{
    snprintf(path, 64, "/tmp/strange-test-XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    close(fd);
}

static inline enum stg_status read_text(struct reading *r, const struct stg_source_ops *ops, const char *text,
                                        size_t len)
{
    char path[64];
    write_temporary(path, text, len);
    const enum stg_status status = reading_init(r, ops, path);
    unlink(path);
    return status;
}

/* "entry read" and the like; BEGIN and END have no name. */
static inline const char *name_of(const struct reading *r, size_t i)
{
    assert_true(i < r->n);
    const uint32_t name = r->events[i].name;
    return name == STG_NAME_NONE ? "" : stg_strings_get(r->source->names, name);
}

static inline const char *comm_of(const struct reading *r, size_t i)
{
    assert_true(i < r->n);
    const uint32_t comm = r->events[i].comm;
    return comm == STG_NAME_NONE ? "" : stg_strings_get(r->source->comms, comm);
}

static inline size_t count_kind(const struct reading *r, enum stg_event_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        n += r->events[i].kind == kind;
    }
    return n;
}

/* The probe of the source that ops names must be above all others of the text sources for the fixture, and for the same
 * with carriage returns. */
static inline void assert_probed(const struct stg_source_ops *ops, const char *name)
{
    static const struct stg_source_ops *const all[] = {&stg_import_perf,  &stg_import_strace,  &stg_import_sysdig,
                                                       &stg_import_paper, &stg_import_intlist, &stg_import_namelist,
                                                       &stg_import_pairs};
    char path[512];
    uint8_t head[4096], other[2 * sizeof head];
    size_t n = 0, n_other = 0;
    FILE *f = fopen(fixture(path, name), "rb");
    assert_non_null(f);
    n = fread(head, 1, sizeof head, f);
    fclose(f);
    for (size_t i = 0; i < n; i++) {
        if (head[i] == '\n') {
            other[n_other++] = '\r';
        }
        other[n_other++] = head[i];
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const int score = all[i]->probe(path, head, n);
        if (all[i] == ops) {
            assert_true(score >= 50);
        } else {
            assert_int_equal(score, 0);
        }
        assert_int_equal(all[i]->probe(path, other, n_other), score);
    }
}

/* Every prefix of the file and every file with one bit flipped must end with a status, not a crash. Which, is free. */
static inline void read_damaged(const struct stg_source_ops *ops, const char *name, size_t max_len)
{
    char path[512], damaged[64];
    static char text[16384];
    FILE *f = fopen(fixture(path, name), "rb");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    n = n > max_len ? max_len : n;
    for (size_t i = 0; i < 2 * n; i++) {
        struct reading r;
        char *at = &text[i / 2];
        *at = (char)(i % 2 == 0 ? *at : *at ^ (1 << (i / 2 % 8)));
        write_temporary(damaged, text, i % 2 == 0 ? i / 2 : n);
        const enum stg_status status = reading_init(&r, ops, damaged);
        assert_true(status == STG_OK || status == STG_ERR_INPUT);
        reading_fini(&r);
        unlink(damaged);
        *at = (char)(i % 2 == 0 ? *at : *at ^ (1 << (i / 2 % 8)));
    }
}

/* Every allocation on the way fails once: STG_ERR_MEMORY, and nothing leaks (a sanitizer or valgrind tells). */
static inline void read_without_memory(const struct stg_source_ops *ops, const char *name)
{
    char path[512];
    struct reading r;
    fixture(path, name);
    const uint64_t before = stg_mem_count();
    assert_int_equal(reading_init(&r, ops, path), STG_OK);
    const uint64_t n = stg_mem_count() - before;
    reading_fini(&r);
    assert_true(n > 3);
    for (uint64_t i = 1; i <= n; i++) {
        stg_mem_fail_at(i);
        assert_int_equal(reading_init(&r, ops, path), STG_ERR_MEMORY);
        stg_mem_fail_at(0);
        reading_fini(&r);
    }
}

#endif
