/* trace/: other people's traces, read, written and read again, are the same. */
#include "trace_support.h"

static bool differs(const struct reading *a, const struct reading *b, size_t i, size_t j)
{
    struct stg_buffer x = STG_BUFFER_INIT, y = STG_BUFFER_INIT;
    describe(&x, &a->events[i], a->source->names, a->source->comms, a->source->paths);
    describe(&y, &b->events[j], b->source->names, b->source->comms, b->source->paths);
    const bool different = strcmp(x.data, y.data) != 0;
    if (different) {
        print_error("was: %sis:  %s", x.data, y.data);
    }
    stg_buffer_fini(&x);
    stg_buffer_fini(&y);
    return different;
}

static void check_again(const char *path)
{
    struct reading r, again;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    must_read_trace(&r, path);
    const struct tables t = {r.source->names, r.source->comms, r.source->paths};
    settings_init(&settings, &t, in_work("again"));
    settings.has_clock = r.info.has_clock;
    write_events(&settings, r.events, r.n, &stats);
    must_read_trace(&again, settings.path);
    assert_int_equal(again.n, r.n);
    assert_int_equal(again.info.n_events, r.info.n_events);
    assert_int_equal(again.info.n_lost, r.info.n_lost);
    assert_int_equal(again.info.has_clock, r.info.has_clock);
    size_t next[64] = {0};
    for (size_t i = 0; i < r.n; i++) { /* event by event of each CPU */
        const int cpu = (r.events[i].has & STG_HAS_CPU) != 0 ? r.events[i].cpu + 1 : 0;
        assert_in_range(cpu, 0, 63);
        size_t *j = &next[cpu];
        while (*j < again.n && ((again.events[*j].has & STG_HAS_CPU) != 0 ? again.events[*j].cpu + 1 : 0) != cpu) {
            (*j)++;
        }
        assert_true(*j < again.n);
        assert_false(differs(&r, &again, i, *j));
        (*j)++;
    }
    reading_fini(&r);
    reading_fini(&again);
    ctf_remove_directory(in_work("again"));
}

static void test_web(void **state)
{
    char path[512];
    (void)state;
    check_again(fixture(path, "ctf-web/kernel"));
    check_again(fixture(path, "ctf-web"));
}

static void test_samples(void **state)
{
    static const char *const names[] = {"known-valid", "ssl-test", "io-test"};
    const char *source = getenv("STRANGE_SOURCE");
    char command[1200];
    (void)state;
    if (source == NULL || system("command -v zstd >/dev/null 2>&1") != 0) {
        skip();
    }
    for (size_t i = 0; i < N_OF(names); i++) {
        (void)snprintf(command, sizeof command, "zstd -qdc '%s/samples/web/%s.tar.zst' | tar -xf - -C '%s'", source,
                       names[i], work);
        assert_int_equal(system(command), 0);
        check_again(in_work(names[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_web), cmocka_unit_test(test_samples)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
