/* The lab without servers: scenario files, templates, the plan, checks of effects, accounting, HTTP replies,
 * latencies. */
#include "cli/lab_report.h"
#include "lab/account.h"
#include "lab/campaign.h"
#include "lab/cgroup.h"
#include "lab/histogram.h"
#include "lab/measure.h"
#include "lab/plan.h"
#include "lab/process.h"
#include "lab/reply.h"
#include "lab/scenario.h"
#include "lab/servers.h"
#include "lab/template.h"
#include "lab/text.h"
#include "must.h"
#include "scratch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* Fails with that code and a message that has the text in it. */
static void refused(enum stg_status status, enum stg_status code, const char *text)
{
    assert_int_equal(status, code);
    if (strstr(stg_status_message(), text) == NULL) {
        fail_msg("'%s' is not in '%s'", text, stg_status_message());
    }
}

static const char base_text[] = "# the base\n"
                                "description = known\n"
                                "set.WORKERS = 400\n"
                                "set.TLS=on\n"
                                "  set.DUMP =  off  \n"
                                "\n"
                                "check.tls = == 1\n"
                                "check.rate = >= 1.5\n";

static enum stg_status parse(struct stg_scenario *s, const char *text, const struct stg_scenario *base)
{
    return stg_scenario_parse(s, "test", "test.conf", text, strlen(text), base);
}

static void test_scenarios_replace_what_the_base_says(void **state)
{
    struct stg_scenario base, s;
    (void)state;
    must(parse(&base, base_text, NULL));
    must(parse(&s, "set.TLS = off\ncheck.tls = <1\ncheck.lost= == 0\nbeside = cmd a=b  c\nstatus = 500", &base));
    assert_string_equal(stg_scenario_get(&s, "WORKERS"), "400");
    assert_string_equal(stg_scenario_get(&s, "DUMP"), "off");
    assert_true(stg_scenario_on(&base, "TLS"));
    assert_false(stg_scenario_on(&s, "TLS"));
    assert_false(stg_scenario_on(&s, "DUMP"));
    assert_false(stg_scenario_on(&s, "NOTHING"));
    assert_null(stg_scenario_get(&s, "NOTHING"));
    assert_null(s.description); /* what a file does not say of itself is not said */
    assert_string_equal(s.beside, "cmd a=b  c");
    assert_int_equal(s.status, 500);
    assert_int_equal(base.status, 200);
    assert_int_equal(s.n_checks, 3);
    assert_int_equal(s.checks[0].op, STG_CHECK_LESS);
    assert_true(s.checks[1].value == 1.5);
    stg_scenario_fini(&s);
    stg_scenario_fini(&base);
}

static void test_scenarios_that_are_none(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"hello", "test.conf:1: 'hello' is no line"},
        {"\n\nsets.A = 1", "test.conf:3: unknown key 'sets.A'"},
        {"set.NEW = 1", "known.conf has no such setting"},
        {"set. = 1", "unknown key"},
        {"set.a = 1", "unknown key"},
        {"check.tls = 1", "is no bound"},
        {"check.tls = =< 1", "is no bound"},
        {"check.tls = == 1x", "is no bound"},
        {"check.tls = == nan", "is no bound"},
        {"check.tls = >=", "is no bound"},
        {"status = 99", "is no HTTP status"},
        {"status = 2000", "is no HTTP status"},
        {"description = a\tb\x01", "a control character"},
        {"\ndescription = caf\xe9", "test.conf:2: byte 18 is not UTF-8"},
        {"description = \xc3", "test.conf:1: byte 15 is not UTF-8"},
    };
    struct stg_scenario base, s;
    (void)state;
    must(parse(&base, base_text, NULL));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refused(parse(&s, cases[i].text, &base), STG_ERR_INPUT, cases[i].message);
        stg_scenario_fini(&s);
    }
    char *text = calloc(1, 6000);
    memset(text, 'a', 5999);
    refused(parse(&s, text, &base), STG_ERR_INPUT, "longer than 4095 bytes");
    stg_scenario_fini(&s);
    refused(stg_scenario_parse(&s, "test", "test.conf", "a\0b", 3, &base), STG_ERR_INPUT, "with a NUL");
    stg_scenario_fini(&s);
    text[0] = '\0';
    for (int i = 0; i < 70; i++) {
        sprintf(text + strlen(text), "set.S%d = 1\n", i);
    }
    refused(parse(&s, text, NULL), STG_ERR_INPUT, "test.conf:65: more than 64 settings");
    stg_scenario_fini(&s);
    free(text);
    refused(stg_scenario_load(&s, "/x/Odd Name.conf", &base), STG_ERR_INPUT, "a scenario's name has");
    refused(stg_scenario_load(&s, "/x/name.txt", &base), STG_ERR_INPUT, "is called NAME.conf");
    refused(stg_scenario_load(&s, "/nowhere/name.conf", &base), STG_ERR_IO, "/nowhere/name.conf");
    stg_scenario_fini(&s);
    must(parse(&s, "description = caf\u00e9 \u2192", &base));
    assert_string_equal(s.description, "caf\u00e9 \u2192");
    stg_scenario_fini(&s);
    stg_scenario_fini(&base);
}

/* The scenarios that come with the project. */
static void test_scenarios_of_the_project(void **state)
{
    static const char *const names[] = {"connection", "cpu",  "io",   "opcache",   "socket",
                                        "ssl",        "disk", "page", "sql-error", "update"};
    const char *source = getenv("STRANGE_SOURCE");
    struct stg_scenario known, s;
    struct stg_buffer out = STG_BUFFER_INIT;
    char path[512];
    (void)state;
    assert_non_null(source);
    snprintf(path, sizeof path, "%s/lab/scenarios/known.conf", source);
    must(stg_scenario_load(&known, path, NULL));
    must(stg_measure_check_names(&known));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n_changed = 0;
        snprintf(path, sizeof path, "%s/lab/scenarios/%s.conf", source, names[i]);
        must(stg_scenario_load(&s, path, &known));
        must(stg_measure_check_names(&s));
        assert_non_null(s.description);
        for (size_t k = 0; k < known.n_settings; k++) {
            n_changed += strcmp(known.settings[k].value, stg_scenario_get(&s, known.settings[k].name)) != 0;
        }
        assert_int_equal(n_changed + (s.beside != NULL), 1); /* one thing differs, no more */
        stg_scenario_fini(&s);
    }
    static const char *const places[] = {"TOP", "RUN", "WWW", "PORT", "APACHE_MODULES"};
    static const char *const templates[] = {"httpd.conf", "php-fpm.conf", "php.ini", "my.cnf"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        must(stg_scenario_set(&known, places[i], "x"));
    }
    for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++) {
        struct stg_buffer text = STG_BUFFER_INIT;
        snprintf(path, sizeof path, "%s/lab/templates/%s", source, templates[i]);
        must(stg_text_read(&text, path));
        must(stg_template_expand(&out, path, text.data, text.len, &known)); /* names no setting that is not there */
        stg_buffer_fini(&text);
    }
    assert_non_null(strstr(out.data, "MaxRequestWorkers 400\n"));
    assert_null(strstr(out.data, "dumpio"));
    stg_buffer_fini(&out);
    stg_scenario_fini(&known);
}

static void test_templates(void **state)
{
    struct stg_scenario s;
    struct stg_buffer out = STG_BUFFER_INIT;
    static const char text[] =
        "Workers @WORKERS@@WORKERS@\n@TLS?@ssl on\n@DUMP?@dump\n@TLS?@@DUMP?@both\na@b @lower@ 50@ @\n@TLS?@";
    (void)state;
    must(parse(&s, base_text, NULL));
    must(stg_template_expand(&out, "t", text, strlen(text), &s));
    assert_string_equal(out.data, "Workers 400400\nssl on\na@b @lower@ 50@ @\n\n");
    stg_buffer_clear(&out);
    refused(stg_template_expand(&out, "t", "a\nb @ODD@", 9, &s), STG_ERR_INPUT, "t:2: @ODD@ is no setting");
    refused(stg_template_expand(&out, "t", "@ODD?@x", 7, &s), STG_ERR_INPUT, "t:1: @ODD@ is no setting");
    stg_buffer_fini(&out);
    stg_scenario_fini(&s);
}

static const char *const plan_names[] = {"known", "io", "ssl"};

static struct stg_plan_settings plan_settings(uint64_t seed)
{
    return (struct stg_plan_settings){
        .scenarios = plan_names, .n_scenarios = 3, .requests = 1200, .n_calibrate = 6, .n_test = 2, .seed = seed};
}

static const struct stg_run *find_run(const struct stg_plan *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->runs[i].name, name) == 0) {
            return &p->runs[i];
        }
    }
    fail_msg("no run %s", name);
    return NULL;
}

static void test_plans_follow_from_the_seed(void **state)
{
    struct stg_plan a, b, c;
    struct stg_plan_settings s1 = plan_settings(1), s2 = plan_settings(2);
    bool moved = false;
    (void)state;
    must(stg_plan_make(&a, &s1));
    must(stg_plan_make(&b, &s1));
    must(stg_plan_make(&c, &s2));
    assert_int_equal(a.n, 1 + 1 + 6 + 2 + 2 * 2);
    assert_int_equal(c.n, a.n);
    for (size_t i = 0; i < a.n; i++) {
        assert_string_equal(a.runs[i].name, b.runs[i].name);
        assert_int_equal(a.runs[i].seed, b.runs[i].seed);
        moved = moved || strcmp(a.runs[i].name, c.runs[i].name) != 0;
        assert_int_not_equal(a.runs[i].seed, find_run(&c, a.runs[i].name)->seed);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(a.runs[i].seed, a.runs[k].seed);
        }
    }
    assert_true(moved);
    assert_int_equal(find_run(&a, "known-train")->requests, 1200);
    assert_int_equal(find_run(&a, "known-calibrate-6")->requests, 200);
    assert_int_equal(find_run(&a, "ssl-valid")->requests, 150);
    assert_int_equal(find_run(&a, "ssl-valid")->i_scenario, 2);
    assert_int_equal(find_run(&a, "known-test-2")->role, STG_ROLE_TEST);
    /* A run is the same whatever others there are. */
    struct stg_plan_settings fewer = plan_settings(1);
    struct stg_plan d;
    fewer.n_scenarios = 2;
    must(stg_plan_make(&d, &fewer));
    assert_int_equal(find_run(&d, "io-test")->seed, find_run(&a, "io-test")->seed);
    stg_plan_fini(&a);
    stg_plan_fini(&b);
    stg_plan_fini(&c);
    stg_plan_fini(&d);
}

static void test_effects_are_checked(void **state)
{
    struct stg_scenario s;
    double values[STG_MEASURES] = {0};
    (void)state;
    must(parse(&s, base_text, NULL));
    must(stg_measure_check_names(&s));
    values[STG_MEASURE_TLS] = 1;
    values[STG_MEASURE_RATE] = 1.5;
    must(stg_measure_check(&s, values));
    values[STG_MEASURE_RATE] = 1.49;
    refused(stg_measure_check(&s, values), STG_ERR_INPUT, "did not have its effect: rate is 1.49, and not >= 1.5");
    stg_scenario_fini(&s);
    must(parse(&s, "check.typo = > 1", NULL));
    refused(stg_measure_check_names(&s), STG_ERR_INPUT, "check.typo: no such measure");
    stg_scenario_fini(&s);
}

/* Two repeats: three attempts. Effect or not, disturbed or not. */
static void test_attempts(void **state)
{
    struct stg_campaign_settings settings;
    struct stg_scenario s;
    struct stg_judgement is;
    double odd[STG_MEASURES] = {0};
    (void)state;
    stg_campaign_settings_default(&settings);
    assert_int_equal(settings.repeats, 2);
    must(parse(&s, "check.rate = >= 5\n", NULL));
    double good[STG_MEASURES] = {[STG_MEASURE_RATE] = 5,
                                 [STG_MEASURE_ANSWERED_SHARE] = 0.8,
                                 [STG_MEASURE_FOREIGN_CPU_SHARE] = 0.06,
                                 [STG_MEASURE_STEAL_CPU_SHARE] = 0.03};
    must(stg_campaign_judge(&is, &settings, &s, good, 1));
    assert_false(is.again);
    assert_null(is.disturbed);
    memcpy(odd, good, sizeof odd);
    odd[STG_MEASURE_RATE] = 4;
    for (uint32_t attempt = 1; attempt <= 3; attempt++) {
        refused(stg_campaign_judge(&is, &settings, &s, odd, attempt), STG_ERR_INPUT,
                "did not have its effect: rate is 4, and not >= 5");
        assert_int_equal(is.again, attempt < 3);
        assert_null(is.disturbed);
    }
    static const struct {
        enum stg_measure measure;
        double value;
        const char *why;
    } disturbances[] = {
        {STG_MEASURE_FOREIGN_CPU_SHARE, 0.08, "other programs took too much"}, /* with 0.03 stolen */
        {STG_MEASURE_STEAL_CPU_SHARE, 0.05, "other programs took too much"},
        {STG_MEASURE_NEW_PROCESSES, 1, "a process of the servers was born"},
        {STG_MEASURE_ANSWERED_SHARE, 0.79, "did not keep up"},
    };
    for (size_t i = 0; i < sizeof disturbances / sizeof disturbances[0]; i++) {
        for (uint32_t attempt = 1; attempt <= 3; attempt++) {
            memcpy(odd, good, sizeof odd);
            odd[disturbances[i].measure] = disturbances[i].value;
            must(stg_campaign_judge(&is, &settings, &s, odd, attempt)); /* the last one is kept and marked */
            assert_int_equal(is.again, attempt < 3);
            assert_non_null(strstr(is.disturbed, disturbances[i].why));
            odd[STG_MEASURE_RATE] = 4;
            refused(stg_campaign_judge(&is, &settings, &s, odd, attempt), STG_ERR_INPUT,
                    attempt < 3 ? "did not have" : disturbances[i].why);
            assert_int_equal(is.again, attempt < 3);
        }
    }
    settings.repeats = 0;
    must(stg_campaign_judge(&is, &settings, &s, good, 1));
    refused(stg_campaign_judge(&is, &settings, &s, odd, 1), STG_ERR_INPUT, "did not have its effect");
    assert_false(is.again);
    stg_scenario_fini(&s);
}

static void test_cpu_accounts(void **state)
{
    static const char before_text[] = "cpu  100 0 50 1000 10 5 5 0 0 0\ncpu0 1 2\ncpu1 1 2\nintr 5\n";
    static const char after_text[] = "cpu  200 0 100 1030 10 5 5 10 7 0\ncpu0 1 2\ncpu1 1 2\nintr 5\n";
    struct stg_cpu_times before, after;
    uint64_t ns;
    const uint64_t tick = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
    (void)state;
    must(stg_cpu_parse(&before, before_text, strlen(before_text)));
    must(stg_cpu_parse(&after, after_text, strlen(after_text)));
    assert_int_equal(before.n_cpus, 2);
    assert_int_equal(before.busy, 160 * tick);
    assert_int_equal(before.idle, 1010 * tick);
    /* 150 ticks busy, of them 110 the lab's; 30 idle; 10 stolen. */
    const struct stg_cpu_shares s = stg_cpu_share(&before, &after, 110 * tick);
    assert_true(s.lab > 0.5789 && s.lab < 0.5790);                        /* 110 / 190 */
    assert_true(s.foreign > 0.2105 && s.foreign < 0.2106);                /* 40 / 190 */
    assert_true(s.steal > 0.0526 && s.steal < 0.0527);                    /* 10 / 190 */
    assert_true(stg_cpu_share(&before, &after, 160 * tick).foreign == 0); /* finer clocks may say more than ticks do */
    assert_true(stg_cpu_share(&before, &before, 0).foreign == 0);
    refused(stg_cpu_parse(&before, "cpu  1 2 3\ncpu0 1\n", 19), STG_ERR_INPUT, "/proc/stat");
    refused(stg_cpu_parse(&before, "", 0), STG_ERR_INPUT, "/proc/stat");
    assert_true(stg_cpu_of_stat("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 20 0", &ns));
    assert_int_equal(ns, (11 + 12 + 13 + 14) * tick);
    assert_false(stg_cpu_of_stat("7 (a S 1", &ns));
    assert_false(stg_cpu_of_stat("7 (a) S 1 2", &ns));
    must(stg_cpu_read(&before));
    assert_true(before.n_cpus > 0 && before.busy > 0);
}

static void test_cgroup_mounts_and_tasks(void **state)
{
    static const char mounts[] = "proc /proc proc rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"
                                 "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";
    const pid_t before[] = {3, 5, 9}, after[] = {1, 3, 9, 10};
    char path[64];
    (void)state;
    must(stg_cgroup_mount(path, sizeof path, mounts, strlen(mounts)));
    assert_string_equal(path, "/sys/fs/cgroup/unified");
    refused(stg_cgroup_mount(path, sizeof path, mounts, 60), STG_ERR_UNSUPPORTED, "cgroup v2 is not mounted");
    refused(stg_cgroup_mount(path, 8, mounts, strlen(mounts)), STG_ERR_UNSUPPORTED, "cgroup v2");
    assert_int_equal(stg_tasks_new(before, 3, after, 4), 2);
    assert_int_equal(stg_tasks_new(NULL, 0, after, 4), 4);
    assert_int_equal(stg_tasks_new(before, 3, before, 3), 0);
    must(stg_cgroup_remove("/sys/fs/cgroup/no/such/group"));
}

/* Feeds the response in pieces of n bytes. */
static enum stg_status feed(struct stg_reply *r, const char *text, size_t n, size_t *used)
{
    const size_t len = strlen(text);
    *used = 0;
    stg_reply_begin(r);
    for (size_t at = 0; at < len && r->state != STG_REPLY_DONE;) {
        size_t took;
        STG_RETURN_IF_FAILED(stg_reply_put(r, text + at, len - at < n ? len - at : n, &took));
        *used += took;
        at += took;
    }
    return STG_OK;
}

static void keep_body(void *context, const char *data, size_t n)
{
    strncat(context, data, n);
}

static void test_replies_in_pieces(void **state)
{
    char body[64];
    static struct stg_reply r;
    size_t used;
    (void)state;
    r.body = keep_body;
    r.context = body;
    for (size_t n = 1; n < 200; n = n < 40 ? n + 1 : n * 2) {
        static const char chunked[] =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            "4;x=y\r\nabcd\r\n3\r\nefg\r\n0\r\nTrailer: 1\r\n\r\nHTTP/1.1";
        body[0] = '\0';
        must(feed(&r, chunked, n, &used));
        assert_int_equal(r.state, STG_REPLY_DONE);
        assert_int_equal(r.code, 200);
        assert_int_equal(used, strlen(chunked) - 8); /* what follows belongs to the next one */
        assert_string_equal(body, "abcdefg");
        assert_false(r.close);
        body[0] = '\0';
        must(feed(&r, "HTTP/1.1 500 No\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", n, &used));
        assert_int_equal(r.state, STG_REPLY_DONE);
        assert_int_equal(r.code, 500);
        assert_true(r.close);
        body[0] = '\0';
        must(feed(&r, "HTTP/1.0 200 OK\n\nto the end", n, &used));
        assert_int_equal(r.state, STG_REPLY_UNTIL_CLOSE);
        assert_true(stg_reply_end(&r));
        assert_string_equal(body, "to the end");
    }
    must(feed(&r, "HTTP/1.1 304 Same\r\n\r\n", 100, &used));
    assert_int_equal(r.state, STG_REPLY_DONE);
    must(feed(&r, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", 100, &used));
    assert_false(stg_reply_end(&r));
}

static void test_replies_that_are_none(void **state)
{
    static const char *const bad[] = {
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 99 Low\r\n",
        "HTTP/1.1 20\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
    };
    static struct stg_reply r;
    static char line[2 * STG_REPLY_MAX_LINE];
    size_t used;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(feed(&r, bad[i], 7, &used), STG_ERR_INPUT);
    }
    memset(line, 'a', sizeof line - 1);
    refused(feed(&r, line, 1000, &used), STG_ERR_INPUT, "longer than");
}

static void test_latencies(void **state)
{
    static struct stg_histogram h;
    (void)state;
    assert_int_equal(stg_histogram_quantile(&h, 0.5), 0);
    for (uint64_t i = 1; i <= 1000; i++) {
        stg_histogram_put(&h, i * 1000);
    }
    assert_in_range(stg_histogram_quantile(&h, 0.5), 501000, 501000 * 1.04);
    assert_in_range(stg_histogram_quantile(&h, 0.99), 991000, 1000000);
    assert_int_equal(stg_histogram_quantile(&h, 1), 1000000);
    stg_histogram_put(&h, UINT64_MAX);
    stg_histogram_put(&h, 0);
    assert_int_equal(stg_histogram_quantile(&h, 1), UINT64_MAX);
    assert_int_equal(stg_histogram_quantile(&h, 0), 0);
}

static void test_processes(void **state)
{
    char out[128], line[512];
    int code = -1;
    bool ended = true;
    pid_t pid;
    (void)state;
    scratch_path(out, sizeof out, "process.out");
    const char *const fails[] = {"/bin/sh", "-c", "echo one >&2; echo 'two three' >&2; exit 3", NULL};
    struct stg_process_settings s = {.argv = fails, .out = out, .err = out};
    refused(stg_process_run(&s, "a thing"), STG_ERR_IO, "a thing: exit status 3: two three");
    stg_process_complaint(out, line, sizeof line);
    assert_string_equal(line, "two three");
    const char *const explains[] = {
        "/bin/sh", "-c", "echo 'FATAL ERROR: no such tool'; echo; echo 'see the manual'; echo; exit 1", NULL};
    s.argv = explains;
    refused(stg_process_run(&s, "a thing"), STG_ERR_IO, "a thing: exit status 1: FATAL ERROR: no such tool");
    stg_process_complaint("/nowhere", line, sizeof line);
    assert_string_equal(line, "");
    const char *const missing[] = {"/nowhere/program", NULL};
    s.argv = missing;
    refused(stg_process_start(&pid, &s), STG_ERR_IO, "cannot be started: program: No such file");
    const char *const sleeps[] = {"/bin/sleep", "60", NULL};
    s.argv = sleeps;
    s.folder = "/nowhere";
    refused(stg_process_start(&pid, &s), STG_ERR_IO, "working directory");
    s.folder = NULL;
    s.cgroup = "/nowhere";
    refused(stg_process_start(&pid, &s), STG_ERR_IO, "control group");
    s.cgroup = NULL;
    must(stg_process_start(&pid, &s));
    must(stg_process_poll(pid, &ended, &code));
    assert_false(ended);
    refused(stg_process_wait(pid, 30000000, "sleep", &code), STG_ERR_IO, "sleep: does not end");
    kill(pid, SIGTERM);
    must(stg_process_wait(pid, 0, "sleep", &code));
    assert_int_equal(code, 128 + SIGTERM);
    unlink(out);
    /* A log that is a link by now: what it leads to stays as it is. */
    char victim[128];
    scratch_path(victim, sizeof victim, "process.victim");
    FILE *file = fopen(victim, "we");
    assert_true(file != NULL && fputs("kept\n", file) >= 0 && fclose(file) == 0);
    assert_int_equal(symlink(victim, out), 0);
    s.argv = fails;
    refused(stg_process_start(&pid, &s), STG_ERR_IO, "cannot be started: output: Too many levels");
    s.out = NULL;
    refused(stg_process_start(&pid, &s), STG_ERR_IO, "cannot be started: output: Too many levels");
    stg_process_complaint(victim, line, sizeof line);
    assert_string_equal(line, "kept");
    stg_process_complaint(out, line, sizeof line); /* nor is it told what is in it */
    assert_string_equal(line, "");
    assert_int_equal(unlink(out), 0);
    assert_int_equal(link(victim, out), 0); /* a second name of the same file */
    refused(stg_process_start(&pid, &s), STG_ERR_IO, "cannot be started: output: Too many links");
    stg_process_complaint(victim, line, sizeof line);
    assert_string_equal(line, "kept");
    assert_true(unlink(out) == 0 && unlink(victim) == 0);
    assert_int_equal(mkfifo(out, 0666), 0); /* nobody reads it: this is not waited for */
    refused(stg_process_start(&pid, &s), STG_ERR_IO, "cannot be started: output: No such device");
    stg_process_complaint(out, line, sizeof line);
    assert_string_equal(line, "");
    assert_int_equal(unlink(out), 0);
    stg_process_find("sh", line, sizeof line);
    assert_non_null(strstr(line, "/bin/sh"));
    stg_process_find("/tmp", line, sizeof line);
    assert_string_equal(line, ""); /* a directory may be executed, too */
    stg_process_find("no-such-program-of-all", line, sizeof line);
    assert_string_equal(line, "");
}

/* The cause stands before the line that only says that there is one. */
static void test_causes_of_ends(void **state)
{
    char out[128], line[512];
    (void)state;
    scratch_path(out, sizeof out, "cause.log");
    static const struct {
        const char *log, *cause;
    } logs[] = {
        {"[1] ERROR: [f.conf:7] unable to parse value for entry 'pm.max_children'\n"
         "[1] ERROR: failed to load configuration file 'f.conf'\n[1] ERROR: FPM initialization failed\n",
         "[1] ERROR: [f.conf:7] unable to parse value for entry 'pm.max_children'"},
        {"[1] NOTICE: configuration file f.conf\n[1] ERROR: unable to bind listening socket for address '/s'\n"
         "[1] ERROR: FPM initialization failed\n",
         "[1] ERROR: unable to bind listening socket for address '/s'"},
        {"0 [Warning] Could not increase\nmariadbd: Can't change dir to '/nowhere/' (Errcode: 2)\n0 [ERROR] Aborting\n",
         "mariadbd: Can't change dir to '/nowhere/' (Errcode: 2)"},
        {"0 [ERROR] mysql.plugin\n0 [ERROR] mariadbd: unknown variable 'x=3'\n0 [ERROR] Aborting",
         "0 [ERROR] mariadbd: unknown variable 'x=3'"},
        {"0 [ERROR] Aborting\n\n", "0 [ERROR] Aborting"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        must(stg_text_write(out, logs[i].log, strlen(logs[i].log)));
        stg_process_complaint(out, line, sizeof line);
        assert_string_equal(line, logs[i].cause);
    }
    unlink(out);
}

static void test_folders(void **state)
{
    char top[128], path[300];
    (void)state;
    scratch_path(top, sizeof top, "folders");
    snprintf(path, sizeof path, "%s/a/b/c", top);
    must(stg_folder_make(path));
    must(stg_folder_make(path));
    snprintf(path, sizeof path, "%s/a/link", top);
    assert_int_equal(symlink("/etc", path), 0); /* is removed itself, not what it leads to */
    snprintf(path, sizeof path, "%s/a/file", top);
    must(stg_text_write(path, "text", 4));
    assert_int_equal(stg_text_size(path), 4);
    struct stg_buffer text = STG_BUFFER_INIT;
    must(stg_text_read(&text, path));
    assert_string_equal(text.data, "text");
    char link[400];
    snprintf(link, sizeof link, "%s/a/to-file", top);
    assert_int_equal(symlink(path, link), 0);
    refused(stg_text_read(&text, link), STG_ERR_IO, "cannot open");
    assert_int_equal(stg_text_size(link), 0);
    snprintf(link, sizeof link, "%s/a/pipe", top);
    assert_int_equal(mkfifo(link, 0666), 0);
    refused(stg_text_read(&text, link), STG_ERR_INPUT, "not a regular file");
    assert_int_equal(text.len, 4);
    stg_buffer_fini(&text);
    refused(stg_folder_make(path), STG_ERR_IO, "no folder");
    must(stg_folder_remove(top));
    assert_int_equal(access(top, F_OK), -1);
    assert_int_equal(access("/etc", F_OK), 0);
    must(stg_folder_remove(top));
}

static void test_intervals(void **state)
{
    const double values[] = {0.7, 0.8, 0.9}, high_ones[] = {0.99, 1};
    double low, high;
    (void)state;
    assert_false(stg_lab_interval(values, 1, &low, &high));
    assert_true(stg_lab_interval(values, 3, &low, &high)); /* 0.8 ± 4.303 × 0.1 / √3 */
    assert_true(low > 0.5515 && low < 0.5516 && high == 1);
    assert_true(stg_lab_interval(high_ones, 2, &low, &high)); /* 0.995 ± 12.706 × 0.00707 / √2 */
    assert_true(low > 0.9314 && low < 0.9315 && high == 1);
}

static void test_campaigns_that_are_none(void **state)
{
    char dir[128], path[256];
    json_t *facts;
    (void)state;
    scratch_path(dir, sizeof dir, "campaign");
    must(stg_folder_make(dir));
    refused(stg_campaign_read(&facts, dir), STG_ERR_INPUT, "no campaign there");
    refused(stg_campaign_clean(dir), STG_ERR_INPUT, "no campaign there");
    snprintf(path, sizeof path, "%s/campaign.json", dir);
    must(stg_text_write(path, "{\"schema\": \"other\"}", 19));
    refused(stg_campaign_read(&facts, dir), STG_ERR_INPUT, "not a campaign's file");
    must(stg_folder_remove(dir));
}

/* What is recorded is what is in the servers' group or below: neither the clients nor what runs beside is. */
static void test_groups_that_are_not_recorded(void **state)
{
    (void)state;
    static struct stg_stage st;
    const enum stg_status status = stg_stage_name(&st, 7, "/tmp");
    if (status == STG_ERR_UNSUPPORTED) {
        skip(); /* no control groups here */
    }
    must(status);
    const char *const others[] = {st.beside_cgroup, st.client_cgroup, st.tools_cgroup};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_memory_equal(others[i], st.cgroup, strlen(st.cgroup));
        assert_int_not_equal(strncmp(others[i], st.server_cgroup, strlen(st.server_cgroup)), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scenarios_replace_what_the_base_says),
        cmocka_unit_test(test_scenarios_that_are_none),
        cmocka_unit_test(test_scenarios_of_the_project),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_plans_follow_from_the_seed),
        cmocka_unit_test(test_effects_are_checked),
        cmocka_unit_test(test_attempts),
        cmocka_unit_test(test_cpu_accounts),
        cmocka_unit_test(test_cgroup_mounts_and_tasks),
        cmocka_unit_test(test_replies_in_pieces),
        cmocka_unit_test(test_replies_that_are_none),
        cmocka_unit_test(test_latencies),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_causes_of_ends),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_campaigns_that_are_none),
        cmocka_unit_test(test_groups_that_are_not_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
