/* UTF-8: what is well formed, and what only looks so. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void is(const char *text, size_t len, size_t n, uint32_t expected)
{
    uint32_t code = 0;
    assert_int_equal(stg_utf8_decode(text, len, &code), n);
    if (n > 0) {
        assert_int_equal(code, expected);
    }
}

static void test_well_formed(void **state)
{
    (void)state;
    is("a", 1, 1, 'a');
    is("\0", 1, 1, 0);
    is("\x7F", 1, 1, 0x7F);
    is("\xC2\x80", 2, 2, 0x80);
    is("\xDF\xBF", 2, 2, 0x7FF);
    is("\xE0\xA0\x80", 3, 3, 0x800);
    is("\xED\x9F\xBF", 3, 3, 0xD7FF);
    is("\xEE\x80\x80", 3, 3, 0xE000);
    is("\xEF\xBF\xBF", 3, 3, 0xFFFF);
    is("\xF0\x90\x80\x80", 4, 4, 0x10000);
    is("\xF4\x8F\xBF\xBF", 4, 4, 0x10FFFF);
    is("\xC3\xA4xyz", 5, 2, 0xE4); /* what follows is not looked at */
}

static void test_malformed(void **state)
{
    (void)state;
    is("\x80", 1, 0, 0);     /* continues nothing */
    is("\xC0\xAF", 2, 0, 0); /* overlong forms */
    is("\xC1\xBF", 2, 0, 0);
    is("\xE0\x9F\xBF", 3, 0, 0);
    is("\xF0\x8F\xBF\xBF", 4, 0, 0);
    is("\xED\xA0\x80", 3, 0, 0); /* surrogates */
    is("\xED\xBF\xBF", 3, 0, 0);
    is("\xF4\x90\x80\x80", 4, 0, 0); /* beyond U+10FFFF */
    is("\xF5\x80\x80\x80", 4, 0, 0);
    is("\xFF", 1, 0, 0);
    is("\xC3", 1, 0, 0); /* cut off by the length, and by a NUL before it */
    is("\xE2\x82", 2, 0, 0);
    is("\xE2\x82\0\x80", 4, 0, 0);
    is("\xC3(", 2, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_well_formed), cmocka_unit_test(test_malformed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
