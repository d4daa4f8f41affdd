/* A step that a test needs and that is not what it tests: where it fails, the test does, with the library's message and
 * the line that asked. */
#ifndef TESTS_MUST_H
#define TESTS_MUST_H

#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static inline void must_at(enum stg_status status, const char *file, int line)
{
    if (status != STG_OK) {
        print_error("%s\n", stg_status_message());
        _fail(file, line);
    }
}

#define must(step) must_at((step), __FILE__, __LINE__)

#endif
