/* What clang-tidy reads before each test (tests/.clang-tidy) and nobody else: cmocka does not declare that a failed
 * assertion does not come back, so that what was asserted would not be known from there on. */
#ifndef STG_TESTS_ANALYZED_H
#define STG_TESTS_ANALYZED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#undef assert_true
#undef assert_false
#undef assert_null
#undef assert_non_null
#undef assert_int_equal
#undef fail
#undef skip
#define assert_true(c)         ((c) ? (void)0 : abort())
#define assert_false(c)        ((c) ? abort() : (void)0)
#define assert_null(p)         ((p) == NULL ? (void)0 : abort())
#define assert_non_null(p)     ((p) != NULL ? (void)0 : abort())
#define assert_int_equal(a, b) ((a) == (b) ? (void)0 : abort())
#define fail()                 abort()
#define skip()                 abort()

#endif
