/* Tensor files: what is written comes back; what is cut, flipped or lies is refused with one line. */
#include "scratch.h"

#include "base/tensors.h"

#include "base/memory.h"
#include "must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64], damaged[64];
static uint8_t bytes[4096];
static size_t n_bytes;
static const float weights[6] = {1, 2, 3, -4, 0.5f, 0};

static enum stg_status write_file(void)
{
    enum stg_status status = STG_OK;
    struct stg_tensors_writer *w = NULL;
    const size_t dims[2] = {2, 3};
    const uint64_t offset = 1ull << 40;
    size_t column;
    STG_TRY(stg_tensors_writer_open(&w, path, "model", 3));
    STG_TRY(stg_tensors_writer_meta(w, "note", "caf\xe9"));
    STG_TRY(stg_tensors_writer_put(w, "weights", STG_F32, 2, dims, weights));
    STG_TRY(stg_tensors_writer_column(w, "column", STG_U8, &column));
    STG_TRY(stg_tensors_writer_put(w, "offset", STG_U64, 0, NULL, &offset));
    STG_TRY(stg_tensors_writer_append(w, column, "abc", 3));
    STG_TRY(stg_tensors_writer_append(w, column, "de", 2));
    STG_TRY(stg_tensors_writer_commit(w));
out:
    stg_tensors_writer_free(w);
    return status;
}

static int setup(void **state)
{
    (void)state;
    scratch_path(path, sizeof path, "tensors");
    scratch_path(damaged, sizeof damaged, "tensors-damaged");
    FILE *f;
    if (write_file() != STG_OK || (f = fopen(path, "rb")) == NULL) {
        return -1;
    }
    n_bytes = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return n_bytes > 0 && n_bytes < sizeof bytes ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    unlink(damaged);
    return 0;
}

/* Opens the bytes as a file; a failure has a message of one line that names the file. */
static enum stg_status open_bytes(const uint8_t *data, size_t n)
{
    struct stg_tensors *t = NULL;
    FILE *f = fopen(damaged, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    const enum stg_status status = stg_tensors_open(&t, damaged, "model", 3);
    if (status != STG_OK) {
        assert_null(t);
        assert_int_equal(status, STG_ERR_INPUT);
        assert_non_null(strstr(stg_status_message(), damaged));
        assert_null(strchr(stg_status_message(), '\n'));
    }
    stg_tensors_free(t);
    return status;
}

static void what_is_written_comes_back(void **state)
{
    (void)state;
    struct stg_tensors *t = NULL;
    const struct stg_tensor *tensor;
    must(stg_tensors_open(&t, path, "model", 3));
    assert_int_equal(stg_tensors_count(t), 3);
    assert_string_equal(stg_tensors_meta(t, "note"), "caf\xc3\xa9");
    assert_null(stg_tensors_meta(t, "absent"));
    must(stg_tensors_need(t, "weights", STG_F32, 6, &tensor));
    assert_int_equal(tensor->n_dims, 2);
    assert_int_equal(tensor->dims[0], 2);
    assert_int_equal(tensor->dims[1], 3);
    assert_memory_equal(tensor->data, weights, sizeof weights);
    must(stg_tensors_need(t, "column", STG_U8, 5, &tensor));
    assert_memory_equal(tensor->data, "abcde", 5);
    must(stg_tensors_need(t, "offset", STG_U64, 1, &tensor));
    assert_int_equal(*(const uint64_t *)tensor->data, 1ull << 40);
    assert_int_equal(stg_tensors_need(t, "weights", STG_F64, 6, &tensor), STG_ERR_INPUT);
    assert_int_equal(stg_tensors_need(t, "weights", STG_F32, 5, &tensor), STG_ERR_INPUT);
    assert_int_equal(stg_tensors_need(t, "absent", STG_F32, 5, &tensor), STG_ERR_INPUT);
    stg_tensors_free(t);
    assert_true(stg_tensors_probe(path));
    assert_false(stg_tensors_probe("/tmp"));
    assert_false(stg_tensors_probe("/nonexistent"));
}

static void other_formats_and_versions_are_refused(void **state)
{
    (void)state;
    struct stg_tensors *t = NULL;
    assert_int_equal(stg_tensors_open(&t, path, "dataset", 3), STG_ERR_INPUT);
    assert_int_equal(stg_tensors_open(&t, path, "model", 4), STG_ERR_INPUT);
    assert_int_equal(stg_tensors_open(&t, "/nonexistent", "model", 3), STG_ERR_IO);
    must(stg_tensors_open(&t, path, NULL, 3));
    stg_tensors_free(t);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < n_bytes; n++) {
        assert_int_equal(open_bytes(bytes, n), STG_ERR_INPUT);
    }
    assert_int_equal(open_bytes(bytes, n_bytes), STG_OK);
}

/* Where the name of the header's checksum begins and ends in the file. */
static void find_key(size_t *begin, size_t *end)
{
    static const char key[] = "strange.header";
    const uint8_t *at = memmem(bytes, n_bytes, key, sizeof key - 1);
    assert_non_null(at);
    *begin = (size_t)(at - bytes);
    *end = *begin + sizeof key - 1;
}

/* A flip is found wherever it is; one in the name of the header's checksum makes a file without that. */
static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    size_t begin, end;
    find_key(&begin, &end);
    for (size_t i = 0; i < n_bytes * 8; i++) {
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        const enum stg_status status = open_bytes(bytes, n_bytes);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        if (status != STG_ERR_INPUT && (i / 8 < begin || i / 8 >= end)) {
            fail_msg("a flip of bit %zu of byte %zu is not found", i % 8, i / 8);
        }
    }
}

/* The header's checksum is of what it says, not of its spelling; files of older versions have none. */
static void headers_are_read_however_they_are_spelled(void **state)
{
    (void)state;
    size_t begin, end, length = 0;
    uint8_t other[sizeof bytes + 64];
    find_key(&begin, &end);
    memcpy(other, bytes, n_bytes);
    other[begin] = 'S';
    assert_int_equal(open_bytes(other, n_bytes), STG_OK);
    for (size_t i = 0; i < 8; i++) {
        length |= (size_t)bytes[i] << (8 * i);
    }
    memset(other, ' ', 9 + 64); /* blanks in front of the first key */
    other[8] = '{';
    memcpy(other + 9 + 64, bytes + 9, n_bytes - 9);
    length += 64;
    for (size_t i = 0; i < 8; i++) {
        other[i] = (uint8_t)(length >> (8 * i));
    }
    assert_int_equal(open_bytes(other, n_bytes + 64), STG_OK);
    other[9 + 63] = '"';
    assert_int_equal(open_bytes(other, n_bytes + 64), STG_ERR_INPUT);
}

static enum stg_status open_header(uint64_t length, const char *header, size_t n_data)
{
    uint8_t file[2048] = {0};
    const size_t n = strlen(header);
    for (size_t i = 0; i < 8; i++) {
        file[i] = (uint8_t)(length >> (8 * i));
    }
    snprintf((char *)file + 8, sizeof file - 8, "%s", header);
    return open_bytes(file, 8 + n + n_data);
}

static void hostile_headers_are_refused(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {0, 1, 3, 100, 1ull << 31, 1ull << 32, 1ull << 63, UINT64_MAX, UINT64_MAX - 7};
    static const char *const headers[] = {
        "{}                      ",
        "{\"a\":1}",
        "{\"a\":{}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F99\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[7],\"data_offsets\":[0,7]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[7],\"data_offsets\":[1,8]}}",
        ("{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"U8\",\"shape\":[8],\"data_"
         "offsets\":[0,8]}}"),
        ("{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]},\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_"
         "offsets\":[0,8]}}"),
        "{\"a\\n\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]}}",
        "{\"__metadata__\":7,\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}",
        "{\"__metadata__\":{\"strange.format\":1},\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}",
    };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(open_header(lengths[i], "{\"a\":1}", 0), STG_ERR_INPUT);
    }
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        assert_int_equal(open_header(strlen(headers[i]), headers[i], 8), STG_ERR_INPUT);
    }
}

static void nothing_is_left_of_a_file_that_was_not_committed(void **state)
{
    (void)state;
    struct stg_tensors_writer *w = NULL;
    unlink(damaged);
    must(stg_tensors_writer_open(&w, damaged, "model", 3));
    stg_tensors_writer_free(w);
    assert_int_not_equal(access(damaged, F_OK), 0);
    assert_int_equal(stg_tensors_writer_open(&w, "/nonexistent/x", "model", 3), STG_ERR_IO);
    assert_null(w);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    enum stg_status status = STG_ERR_MEMORY;
    uint64_t n = 0;
    for (; status != STG_OK && n < 1000; n++) {
        struct stg_tensors *t = NULL;
        stg_mem_fail_at(n + 1);
        status = write_file();
        if (status == STG_OK) {
            status = stg_tensors_open(&t, path, "model", 3);
        }
        stg_mem_fail_at(0);
        stg_tensors_free(t);
        assert_true(status == STG_OK || status == STG_ERR_MEMORY);
    }
    assert_int_equal(status, STG_OK);
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(other_formats_and_versions_are_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(headers_are_read_however_they_are_spelled),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(nothing_is_left_of_a_file_that_was_not_committed),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
