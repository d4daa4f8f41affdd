#include "report/training.h"

#include "scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GOOD                                                                                                    \
    "{\"update\": 5, \"epoch\": 0.5, \"tokens\": 100, \"seconds\": 1.5, \"rate\": 0.001, \"train_loss\": 2.5, " \
    "\"train_accuracy\": 0.25"

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void test_read(void **state)
{
    char path[256];
    struct stg_training_log log;
    (void)state;
    scratch_path(path, sizeof path, "training.log");
    put_file(path,
             GOOD "}\n" GOOD
                  ", \"gradient_norm\": 3, \"valid_loss\": 2.25, \"valid_accuracy\": 0.5, \"more\": \"later\"}\n");
    assert_int_equal(stg_training_log_read(&log, path), STG_OK);
    assert_int_equal(log.n, 2);
    assert_int_equal(log.points[0].update, 5);
    assert_int_equal(log.points[0].tokens, 100);
    assert_true(fabs(log.points[0].train_loss - 2.5) < 1e-12);
    assert_true(fabs(log.points[0].train_accuracy - 0.25) < 1e-12);
    assert_true(fabs(log.points[0].rate - 0.001) < 1e-12);
    assert_true(isnan(log.points[0].valid_loss) && isnan(log.points[0].valid_accuracy) &&
                isnan(log.points[0].gradient_norm));
    assert_true(fabs(log.points[1].valid_loss - 2.25) < 1e-12);
    assert_true(fabs(log.points[1].valid_accuracy - 0.5) < 1e-12);
    assert_true(fabs(log.points[1].gradient_norm - 3) < 1e-12);
    stg_training_log_fini(&log);
    put_file(path, "");
    assert_int_equal(stg_training_log_read(&log, path), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "no line"));
    stg_training_log_fini(&log);
    put_file(path, GOOD "}\n" GOOD);
    assert_int_equal(stg_training_log_read(&log, path), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "training.log: line 2: "));
    stg_training_log_fini(&log);
    unlink(path);
    assert_int_equal(stg_training_log_read(&log, path), STG_ERR_IO);
    stg_training_log_fini(&log);
}

static void test_bad_lines(void **state)
{
    /* NOLINTBEGIN(bugprone-suspicious-missing-comma): GOOD is a beginning */
    static const char *const bad[] = {
        "",
        "[]",
        "7",
        "{}",
        "{\"update\": 1}",
        GOOD,
        GOOD "} x",
        GOOD ", \"tokens\": 5}",
        "{\"update\": -1, \"tokens\": 1, \"train_loss\": 1}",
        "{\"update\": 1.5, \"tokens\": 1, \"train_loss\": 1}",
        "{\"update\": 1, \"tokens\": \"1\", \"train_loss\": 1}",
        "{\"update\": 1, \"tokens\": 1}",
        "{\"update\": 1, \"tokens\": 1, \"train_loss\": null}",
        "{\"update\": 1, \"tokens\": 1, \"train_loss\": nan}",
        "{\"update\": 1, \"tokens\": 1, \"train_loss\": 1, \"valid_loss\": []}",
    };
    /* NOLINTEND(bugprone-suspicious-missing-comma) */
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct stg_training_log log = {.path = "a.log"};
        if (stg_training_log_add(&log, bad[i], strlen(bad[i]), 7) != STG_ERR_INPUT) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_non_null(strstr(stg_status_message(), "a.log: line 7: "));
        assert_int_equal(log.n, 0);
        stg_training_log_fini(&log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_bad_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
