/* The progress line: on a terminal only, with rate and time left, cleared in the end. The terminal is a
 * pseudo-terminal. */
#include "base/progress.h"

#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

static int terminal = -1; /* the side that reads what the program writes */
static int kept_err = -1;

static int set_up(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    terminal = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) {
        return -1;
    }
    const int program_side = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    kept_err = dup(STDERR_FILENO);
    if (program_side < 0 || kept_err < 0 || dup2(program_side, STDERR_FILENO) < 0) {
        return -1;
    }
    close(program_side);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dup2(kept_err, STDERR_FILENO);
    close(kept_err);
    return close(terminal);
}

/* What was written to the terminal since the last call. */
static const char *written(void)
{
    static char text[4096];
    const ssize_t n = read(terminal, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static void test_line(void **state)
{
    struct stg_progress p = {.enabled = 1};
    (void)state;
    stg_progress_start(&p, "train", "tokens", 40000000);
    assert_int_equal(p.enabled, 1);
    stg_progress_update(&p, 1);
    assert_string_equal(written(), "");       /* not more often than ten times a second */
    p.start_ns -= UINT64_C(100) * 1000000000; /* as if it had begun 100 s ago */
    p.drawn_ns = 0;
    snprintf(p.note, sizeof p.note, "loss 0.8");
    stg_progress_update(&p, 10000000);
    const char *line = written();
    assert_non_null(strstr(line, "train [#####...............] 10 M tokens"));
    assert_non_null(strstr(line, "100 k/s, 5:0"));
    assert_non_null(strstr(line, "left  loss 0.8"));
    p.drawn_ns = 0;
    stg_progress_update(&p, 50000000); /* more than was announced */
    line = written();
    assert_non_null(strstr(line, "[####################]"));
    assert_non_null(strstr(line, "0:00 left"));
    stg_progress_finish(&p);
    assert_string_equal(written(), "\r\033[K");
}

static void test_without_total(void **state)
{
    struct stg_progress p = {.enabled = 1};
    (void)state;
    stg_progress_start(&p, "read", "bytes", 0);
    p.drawn_ns = 0;
    stg_progress_update(&p, 77);
    const char *line = written();
    assert_non_null(strstr(line, "read [....................] 77 bytes"));
    assert_null(strstr(line, "left"));
    stg_progress_finish(&p);
    (void)written();
}

/* A line that is broken by the terminal could not be cleared. */
static void test_narrow(void **state)
{
    const struct winsize size = {.ws_row = 24, .ws_col = 20};
    struct stg_progress p = {.enabled = 1};
    (void)state;
    assert_int_equal(ioctl(STDERR_FILENO, TIOCSWINSZ, &size), 0);
    stg_progress_start(&p, "na\nme \xC3\xA4", "bytes", 0);
    p.drawn_ns = 0;
    stg_progress_update(&p, 77);
    assert_string_equal(written(), "\r\033[Kna?me \xC3\xA4 [..........");
    stg_progress_finish(&p);
    (void)written();
}

static void test_dumb_terminal(void **state)
{
    struct stg_progress p = {.enabled = 1};
    (void)state;
    setenv("TERM", "dumb", 1);
    stg_progress_start(&p, "read", "bytes", 10);
    p.drawn_ns = 0;
    stg_progress_update(&p, 5);
    stg_progress_finish(&p);
    stg_log(STG_LOG_WARN, "%s", "careful");
    assert_string_equal(written(), "strange: warning: careful\r\n");
}

static void test_silent(void **state)
{
    struct stg_progress p = {.enabled = 0};
    (void)state;
    stg_progress_start(&p, "read", "bytes", 10);
    p.drawn_ns = 0;
    stg_progress_update(&p, 5);
    stg_progress_finish(&p);
    assert_string_equal(written(), "");
    stg_progress_start(NULL, "read", "bytes", 10); /* none is wanted */
    stg_progress_update(NULL, 5);
    stg_progress_finish(NULL);
}

static void test_messages(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    stg_log(STG_LOG_WARN, "%s", "careful");
    assert_string_equal(written(), "\r\033[Kstrange: \033[33mwarning: \033[0mcareful\r\n"); /* over the progress line */
    setenv("NO_COLOR", "1", 1);
    stg_log(STG_LOG_WARN, "%s", "careful");
    assert_string_equal(written(), "\r\033[Kstrange: warning: careful\r\n");
    stg_log(STG_LOG_DEBUG, "%s", "detail");
    assert_string_equal(written(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_total, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_narrow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dumb_terminal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_messages, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("base_progress", tests, NULL, NULL);
}
