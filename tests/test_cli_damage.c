/* Data sets and models that are cut off at every byte, or have a bit flipped: refused with a message,
 * never a crash. */
#include "effort.h"
#include "scratch.h"

#include "cli/commands.h"

#include "base/memory.h"
#include "dataset/dataset.h"
#include "model/model.h"
#include "score/score.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static const char *in_dir(const char *name)
{
    static char path[4][256];
    static int i;
    i = (i + 1) % 4;
    snprintf(path[i], sizeof path[i], "%s/%s", dir, name);
    return path[i];
}

static int run(const char *a, const char *b, const char *c, const char *d, const char *e, const char *f)
{
    const char *all[] = {"strange", "-q", a, b, c, d, e, f, NULL};
    char *argv[10];
    int argc = 0;
    for (; all[argc] != NULL; argc++) {
        argv[argc] = (char *)all[argc];
    }
    argv[argc] = NULL;
    return stg_cli_main(argc, argv);
}

static int make_files(void **state)
{
    (void)state;
    scratch_path(dir, sizeof dir, "damage-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    FILE *file = fopen(in_dir("list.txt"), "w");
    if (file == NULL) {
        return -1;
    }
    for (int i = 0; i < 30; i++) {
        fprintf(file, "3 4 5 %d 6 3 4 7 8\n", 3 + i % 4);
    }
    fclose(file);
    if (run("prepare", "--format=intlist", "-o", in_dir("list.data"), in_dir("list.txt"), NULL) != 0 ||
        run("train", "--ngram-order=3", "-o", in_dir("ngram.model"), in_dir("list.data"), NULL) != 0) {
        return -1;
    }
    return run("train", "--model=stide", "-o", in_dir("stide.model"), in_dir("list.data"), NULL);
}

static int remove_files(void **state)
{
    static const char *const names[] = {"list.txt", "list.data", "ngram.model", "stide.model", "damaged"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unlink(in_dir(names[i]));
    }
    return rmdir(dir);
}

static uint8_t *read_all(const char *path, size_t *size)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    *size = (size_t)info.st_size;
    uint8_t *bytes = malloc(*size + 1);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, bytes, *size), *size);
    close(fd);
    return bytes;
}

static void write_damaged(const uint8_t *bytes, size_t size)
{
    unlink(in_dir("damaged")); /* a new file: a file system may flush one that is truncated and written again */
    const int fd = open(in_dir("damaged"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

/* Opens it and reads everything in it. */
static enum stg_status use_dataset(const char *path)
{
    struct stg_dataset *d = NULL;
    STG_RETURN_IF_FAILED(stg_dataset_open(&d, path, NULL));
    uint64_t sum = 0;
    for (size_t i = 0; i < stg_dataset_count(d); i++) {
        struct stg_seq seq;
        stg_dataset_get(d, i, &seq);
        for (size_t k = 0; k < seq.n; k++) {
            sum += seq.call[k] + seq.phase[k] + (uint64_t)seq.ret[k] + (uint64_t)seq.time_ns[k] +
                   seq.thread_proc[seq.thread[k]];
        }
    }
    assert_true(sum + 1 > 0);
    stg_dataset_free(d);
    return STG_OK;
}

/* Opens it and scores sound data with it. */
static enum stg_status use_model(const char *path)
{
    enum stg_status status = STG_OK;
    struct stg_model *m = NULL;
    struct stg_dataset *d = NULL;
    struct stg_corpus corpus;
    struct stg_score *scores = NULL;
    STG_TRY(stg_model_open(&m, path));
    assert_int_equal(stg_dataset_open(&d, in_dir("list.data"), NULL), STG_OK);
    STG_TRY(stg_model_check_vocab(m, stg_dataset_vocab(d), "list.data"));
    stg_dataset_corpus(d, &corpus);
    STG_TRY(stg_mem_zeroed(&scores, corpus.n, sizeof *scores));
    STG_TRY(stg_score_corpus(m, &corpus, NULL, NULL, scores));
out:
    stg_mem_free(scores);
    stg_dataset_free(d);
    stg_model_free(m);
    return status;
}

/* Cut at every step-th byte, and at every one of the first 64 and of the last. */
static void check_truncated(const char *name, size_t every, enum stg_status (*use)(const char *path))
{
    const size_t step = effort_step(every);
    size_t size;
    uint8_t *bytes = read_all(in_dir(name), &size);
    write_damaged(bytes, size);
    assert_int_equal(use(in_dir("damaged")), STG_OK);
    for (size_t n = 0; n < size; n += n < 64 || n + step >= size ? 1 : step) {
        write_damaged(bytes, n);
        const enum stg_status status = use(in_dir("damaged"));
        if (status != STG_ERR_INPUT || strstr(stg_status_message(), "damaged") == NULL) {
            fail_msg("%s cut to %zu of %zu bytes: status %d, '%s'", name, n, size, (int)status, stg_status_message());
        }
    }
    free(bytes);
}

/* A flipped bit is found by a checksum: in the name of the header's own it leaves a file that has none, as older ones
 * have not. */
static void check_flipped(const char *name, size_t every, enum stg_status (*use)(const char *path))
{
    static const char key[] = "strange.header";
    const size_t step = effort_step(every);
    size_t size;
    uint8_t *bytes = read_all(in_dir(name), &size);
    const uint8_t *at = memmem(bytes, size, key, sizeof key - 1);
    assert_non_null(at);
    const size_t begin = (size_t)(at - bytes), end = begin + sizeof key - 1;
    for (size_t i = 0; i < size; i += step) {
        const uint8_t was = bytes[i];
        bytes[i] = (uint8_t)(was ^ (1U << (i % 8)));
        write_damaged(bytes, size);
        bytes[i] = was;
        const enum stg_status status = use(in_dir("damaged"));
        if (status != STG_ERR_INPUT && (status != STG_OK || i < begin || i >= end)) {
            fail_msg("%s: a flipped bit in byte %zu is not found: status %d", name, i, (int)status);
        }
    }
    free(bytes);
}

static void test_dataset(void **state)
{
    (void)state;
    check_truncated("list.data", 1, use_dataset);
    check_flipped("list.data", 1, use_dataset);
}

static void test_ngram(void **state)
{
    (void)state;
    check_truncated("ngram.model", 1, use_model);
    check_flipped("ngram.model", 3, use_model);
}

static void test_stide(void **state)
{
    (void)state;
    check_truncated("stide.model", 3, use_model);
    check_flipped("stide.model", 3, use_model);
}

/* Header lengths near the ends of what a number can hold. */
static void test_hostile_lengths(void **state)
{
    static const uint64_t lengths[] = {
        0, 1, 7, UINT64_MAX, UINT64_MAX - 7, UINT64_MAX - 8, (uint64_t)1 << 63, (uint64_t)1 << 32, 100000001};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t bytes[64] = {[8] = '{', '}'};
        memcpy(bytes, &lengths[i], sizeof lengths[i]);
        write_damaged(bytes, sizeof bytes);
        assert_int_equal(use_dataset(in_dir("damaged")), STG_ERR_INPUT);
        assert_int_equal(use_model(in_dir("damaged")), STG_ERR_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dataset),
        cmocka_unit_test(test_ngram),
        cmocka_unit_test(test_stide),
        cmocka_unit_test(test_hostile_lengths),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
