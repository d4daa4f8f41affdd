/* Discounts from the numbers of n-grams that occur once, twice …, however few there are. */
#include "model/ngram.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* By their numbers alone what is estimated may come to nothing for a count (6, 3, 4: for two). After a context whose
 * symbols all have that count nothing would be left for what is new. */
static void test_something_is_left(void **state)
{
    enum { MOST = 12 };
    (void)state;
    for (int code = 0; code < MOST * MOST * MOST * MOST; code++) {
        double n[5] = {0}, d[4];
        for (int i = 1, rest = code; i <= 4; i++, rest /= MOST) {
            n[i] = rest % MOST;
        }
        stg_ngram_discounts(n, d);
        for (int count = 1; count <= 3; count++) {
            if (!(d[count] > 1e-6 && d[count] <= count)) {
                fail_msg("%g, %g, %g, %g: %g off %d", n[1], n[2], n[3], n[4], d[count], count);
            }
        }
    }
}

/* Chen and Goodman 1998, equation 26, where there are enough. */
static void test_estimates(void **state)
{
    const double n[5] = {0, 100, 40, 20, 10}, y = 100.0 / 180;
    double d[4];
    (void)state;
    stg_ngram_discounts(n, d);
    for (int count = 1; count <= 3; count++) {
        const double expected = count - (count + 1) * y * n[count + 1] / n[count];
        assert_true(d[count] > expected - 1e-12 && d[count] < expected + 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_something_is_left),
        cmocka_unit_test(test_estimates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
