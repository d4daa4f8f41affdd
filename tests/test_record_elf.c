/* record/elf: functions are found in real programs, and damaged ones do no harm. */
#include "base/memory.h"
#include "base/rng.h"
#include "record/elf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

/* The first bytes of this function are looked for at the place that the look-up gives. */
__attribute__((noinline, used)) int stg_test_elf_function(int x);
int stg_test_elf_function(int x)
{
    return x * 12345 + 678;
}

static void test_own_program(void **state)
{
    struct stg_file_map map;
    uint64_t offset = 0;
    (void)state;
    assert_int_equal(stg_elf_find_in_file("/proc/self/exe", "stg_test_elf_function", &offset), STG_OK);
    assert_int_equal(stg_file_map_open(&map, "/proc/self/exe"), STG_OK);
    assert_true(offset + 16 <= map.size);
    const uint8_t *code;
    int (*function)(int) = stg_test_elf_function;
    memcpy(&code, &function, sizeof code);
    assert_memory_equal(map.data + offset, code, 16);
    stg_file_map_close(&map);
}

static void test_refused(void **state)
{
    uint64_t offset;
    (void)state;
    assert_int_equal(stg_elf_find_in_file("/proc/self/exe", "no_such_function", &offset), STG_ERR_USAGE);
    assert_non_null(strstr(stg_status_message(), "no_such_function"));
    assert_int_equal(stg_elf_find_in_file("/proc/self/exe", "stdout", &offset), STG_ERR_USAGE); /* an object, not a function */
    assert_int_equal(stg_elf_find_in_file("/proc/self/exe", "", &offset), STG_ERR_USAGE);
    assert_int_equal(stg_elf_find_in_file("/etc/passwd", "main", &offset), STG_ERR_INPUT);
    assert_int_equal(stg_elf_find_in_file("/", "main", &offset), STG_ERR_INPUT);
    assert_int_equal(stg_elf_find_in_file("/dev/zero", "main", &offset), STG_ERR_INPUT);
    assert_int_equal(stg_elf_find_in_file("/no/such/file", "main", &offset), STG_ERR_IO);
}

/* A program with bytes changed at random, most of them in its headers and tables, in memory of exactly its length. */
static void test_damaged(void **state)
{
    struct stg_file_map map;
    struct stg_rng rng;
    const char *workload = getenv("STRANGE_WORKLOAD");
    uint8_t *copy = NULL;
    (void)state;
    assert_non_null(workload);
    stg_rng_seed(&rng, 1);
    assert_int_equal(stg_file_map_open(&map, workload), STG_OK);
    for (int i = 0; i < 2000; i++) {
        const size_t size = i % 2 == 0 ? map.size : stg_rng_below(&rng, map.size + 1);
        uint64_t offset = 0;
        assert_int_equal(stg_mem_dup(&copy, map.data, size), STG_OK);
        for (int k = 0; k < 1 + i % 40 && size > 0; k++) {
            const size_t where = k % 2 == 0 ? stg_rng_below(&rng, size < 1024 ? size : 1024) : size - 1 - stg_rng_below(&rng, size < 4096 ? size : 4096);
            copy[where] = (uint8_t)stg_rng_below(&rng, 256);
        }
        if (stg_elf_find(copy, size, "workload_mark", &offset) == STG_ELF_FOUND) {
            assert_true(offset < size);
        }
        stg_mem_free(copy);
    }
    stg_file_map_close(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_program),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
