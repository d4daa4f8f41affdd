/* event/marker: what the command line names as a point in a program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "event/marker.h"

static void test_forms(void **state)
{
    static const struct {
        const char *text;
        enum stg_marker_kind kind;
        const char *path, *provider, *symbol, *name;
    } all[] = {
        {"uprobe:/usr/sbin/httpd:ap_run", STG_MARKER_UPROBE, "/usr/sbin/httpd", "", "ap_run", "httpd:ap_run"},
        {"uretprobe:/usr/sbin/httpd:ap_run", STG_MARKER_URETPROBE, "/usr/sbin/httpd", "", "ap_run",
         "httpd:ap_run__return"},
        {"usdt:/usr/sbin/mysqld:mysql:query__start", STG_MARKER_USDT, "/usr/sbin/mysqld", "mysql", "query__start",
         "mysql:query__start"},
        {"uprobe:httpd:f=x:begin", STG_MARKER_UPROBE, "httpd", "", "f", "x:begin"},
        {"uprobe:/a=b/c:d/e:f", STG_MARKER_UPROBE, "/a=b/c:d/e", "", "f", "e:f"},
        {"usdt:/a=b/c:p:n=m", STG_MARKER_USDT, "/a=b/c", "p", "n", "m"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct stg_marker m;
        assert_true(stg_marker_is(all[i].text));
        assert_int_equal(stg_marker_parse(&m, all[i].text, "--marker"), STG_OK);
        assert_int_equal(m.kind, all[i].kind);
        assert_string_equal(m.path, all[i].path);
        assert_string_equal(m.provider, all[i].provider);
        assert_string_equal(m.symbol, all[i].symbol);
        assert_string_equal(m.name, all[i].name);
    }
}

static void test_refused(void **state)
{
    static const char *const all[] = {
        "",           "httpd:f",       "uprobe:",        "uprobe:/bin/x", "uprobe::f",       "uprobe:/bin/x:",
        "kprobe:x:y", "usdt:/bin/x:n", "usdt:/bin/x:p:", "usdt::p:n",     "uprobe:/bin/x:f="};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct stg_marker m;
        if (stg_marker_parse(&m, all[i], "--begin") != STG_ERR_USAGE ||
            strncmp(stg_status_message(), "--begin: ", 9) != 0) {
            fail_msg("'%s': %s", all[i], stg_status_message());
        }
    }
}

static void test_long(void **state)
{
    char text[6000], symbol[600];
    struct stg_marker m;
    (void)state;
    memset(symbol, 's', sizeof symbol);
    symbol[300] = '\0';
    snprintf(text, sizeof text, "uprobe:/bin/x:%s", symbol);
    assert_int_equal(stg_marker_parse(&m, text, "--begin"), STG_ERR_USAGE); /* the event's name */
    assert_non_null(strstr(stg_status_message(), "add =NAME"));
    snprintf(text, sizeof text, "uprobe:/bin/x:%s=short", symbol);
    assert_int_equal(stg_marker_parse(&m, text, "--begin"), STG_OK);
    memset(symbol, 's', sizeof symbol - 1);
    symbol[sizeof symbol - 1] = '\0';
    snprintf(text, sizeof text, "uprobe:/bin/x:%s=short", symbol);
    assert_int_equal(stg_marker_parse(&m, text, "--begin"), STG_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
