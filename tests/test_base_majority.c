/* Majority votes. */
#include "base/majority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint32_t winner(const uint32_t *votes, const float *weights, size_t n)
{
    struct stg_majority m = {0};
    for (size_t i = 0; i < n; i++) {
        stg_majority_vote(&m, votes[i], weights[i]);
        assert_true(m.lead >= 0);
    }
    return m.candidate;
}

static void the_majority_wins(void **state)
{
    (void)state;
    static const float one[] = {1, 1, 1, 1, 1};
    assert_int_equal(winner((const uint32_t[]){7, 0, 7, 0, 7}, one, 5), 7);
    assert_int_equal(winner((const uint32_t[]){0, 7, 0, 7, 0}, one, 5), 0);
    assert_int_equal(winner((const uint32_t[]){1, 2, 3, 3, 3}, one, 5), 3);
}

static void by_weight(void **state)
{
    (void)state;
    assert_int_equal(winner((const uint32_t[]){1, 1, 2}, (const float[]){1, 1, 3}, 3), 2);
    assert_int_equal(winner((const uint32_t[]){2, 1, 1}, (const float[]){3, 1, 1}, 3), 2);
}

static void nothing_leads_without_a_majority(void **state)
{
    (void)state;
    struct stg_majority m = {0};
    stg_majority_vote(&m, 4, 1);
    assert_true(m.candidate == 4 && m.lead > 0);
    stg_majority_vote(&m, 5, 1);
    assert_true(m.lead <= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_majority_wins),
        cmocka_unit_test(by_weight),
        cmocka_unit_test(nothing_leads_without_a_majority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
