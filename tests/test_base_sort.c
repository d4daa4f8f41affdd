/* Sorting by digits. */
#include "base/sort.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MOST = 1000 };

struct record {
    uint64_t key;
    uint64_t place; /* before sorting */
};

/* Sorts n records whose keys are random where the mask has bits, and looks whether they rise and equal ones kept their
 * order. */
static void sort_and_check(size_t n, uint64_t mask, uint64_t rest)
{
    struct record records[MOST], room[MOST];
    struct stg_rng rng;
    uint64_t sum = 0, after = 0;
    stg_rng_seed(&rng, n ^ mask);
    for (size_t i = 0; i < n; i++) {
        records[i] = (struct record){(stg_rng_next(&rng) & mask) | rest, i};
        sum += records[i].key;
    }
    stg_sort_records(records, room, n, sizeof *records);
    for (size_t i = 0; i < n; i++) {
        after += records[i].key;
        if (i > 0) {
            assert_true(records[i - 1].key < records[i].key ||
                        (records[i - 1].key == records[i].key && records[i - 1].place < records[i].place));
        }
    }
    assert_true(sum == after);
}

static void keys_rise_and_equal_ones_keep_their_order(void **state)
{
    (void)state;
    static const uint64_t masks[] = {0, 0xF, 0xFF, 0x3FFFFFFF, 0xFF000000000000FF, UINT64_MAX};
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        for (size_t n = 0; n <= MOST; n = n * 3 + 1) {
            sort_and_check(n, masks[i], 0);
            sort_and_check(n, masks[i], ~masks[i]);
        }
    }
}

static void records_of_keys_alone(void **state)
{
    (void)state;
    uint64_t keys[] = {7, UINT64_MAX, 0, 256, 255, 7}, room[6];
    stg_sort_records(keys, room, 6, sizeof *keys);
    assert_true(keys[0] == 0 && keys[1] == 7 && keys[2] == 7 && keys[3] == 255 && keys[4] == 256 &&
                keys[5] == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_rise_and_equal_ones_keep_their_order),
        cmocka_unit_test(records_of_keys_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
