/* trace/: what stands in the places where a trace is to be written, the order in which its parts are read,
 * and where gaps end. */
#include "trace_support.h"

#include <sys/stat.h>

/* The parts of a recording that has more of them than its numbers have digits. */
static void test_order_of_chunks(void **state)
{
    static const char *const chunks[] = {"many/000999", "many/001000", "many/999999", "many/1000000"};
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct reading r;
    (void)state;
    tables_init(&t);
    assert_int_equal(mkdir(in_work("many"), 0755), 0);
    for (size_t i = N_OF(chunks); i-- > 0;) {
        const struct stg_event e = {.ts_ns = 100 + i,
                                    .name = STG_NAME_NONE,
                                    .comm = STG_NAME_NONE,
                                    .has = STG_HAS_TIME | STG_HAS_CPU,
                                    .kind = STG_EVENT_BEGIN};
        settings_init(&settings, &t, in_work(chunks[i]));
        write_events(&settings, &e, 1, &stats);
    }
    must_read_trace(&r, in_work("many"));
    assert_int_equal(r.n, N_OF(chunks));
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(r.events[i].ts_ns, 100 + i);
    }
    reading_fini(&r);
    tables_fini(&t);
}

/* Snapshots of a flight recorder share events or leave a hole: together they are refused, each is read alone. */
static void test_snapshots(void **state)
{
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_writer *w = NULL;
    struct stg_event *events = random_events(300, 9);
    struct reading r;
    (void)state;
    tables_init(&t);
    settings_init(&settings, &t, NULL);
    settings.flight_ns = UINT64_C(1) << 62;
    assert_int_equal(mkdir(in_work("flight"), 0755), 0);
    must(stg_ctf_writer_open(&w, &settings));
    must(stg_sink_put(stg_ctf_writer_sink(w), events, 100));
    must(stg_ctf_writer_snapshot(w, in_work("flight/000001")));
    must_read_trace(&r, in_work("flight")); /* one snapshot may be named by its directory */
    assert_int_equal(r.n, 100);
    reading_fini(&r);
    must(stg_sink_put(stg_ctf_writer_sink(w), events + 100, 200));
    must(stg_ctf_writer_snapshot(w, in_work("flight/000002")));
    must(stg_sink_close(stg_ctf_writer_sink(w), 1));
    assert_int_equal(reading_init(&r, &stg_import_ctf, in_work("flight")), STG_ERR_INPUT);
    assert_message("2 snapshots of a flight recorder, each a trace of its own: give one of them, as ");
    assert_message("/flight/000002");
    must_read_trace(&r, in_work("flight/000002"));
    assert_same_events(events, 300, &t, &r);
    reading_fini(&r);
    free(events);
    tables_fini(&t);
}

/* What stands where a draft is to be made is neither written nor followed. */
static void test_planted_links(void **state)
{
    static const char *const planted[] = {".metadata", ".channel0_0"};
    const struct stg_event e = {.ts_ns = 5,
                                .name = STG_NAME_NONE,
                                .comm = STG_NAME_NONE,
                                .has = STG_HAS_TIME | STG_HAS_CPU,
                                .kind = STG_EVENT_BEGIN};
    struct tables t;
    struct stg_ctf_settings settings;
    (void)state;
    tables_init(&t);
    ctf_write_file(work, "victim", "kept", 4);
    for (size_t i = 0; i < 2; i++) {
        struct stg_ctf_writer *w = NULL;
        char name[64], link[512];
        size_t size = 0;
        (void)snprintf(name, sizeof name, "planted-%zu", i);
        settings_init(&settings, &t, in_work(name));
        must(stg_ctf_writer_open(&w, &settings));
        (void)snprintf(link, sizeof link, "%s/%s", in_work(name), planted[i]);
        assert_int_equal(symlink(in_work("victim"), link), 0);
        must(stg_sink_put(stg_ctf_writer_sink(w), &e, 1));
        assert_int_equal(stg_sink_close(stg_ctf_writer_sink(w), 1), STG_ERR_IO);
        assert_message("cannot create: File exists");
        uint8_t *victim = ctf_read_file(work, "victim", &size);
        assert_true(size == 4 && memcmp(victim, "kept", 4) == 0);
        free(victim);
    }
    tables_fini(&t);
}

/* Root takes no directory that is not its own alone, whatever mode it is in: others could put files into the trace. */
static void test_others_directory(void **state)
{
    static const struct {
        mode_t mode;
        uid_t owner;
    } all[] = {{0755, 65534}, {01777, 0}, {0775, 0}};
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_writer *w = NULL;
    const char *path = in_work("of-others");
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    tables_init(&t);
    settings_init(&settings, &t, NULL);
    assert_int_equal(mkdir(path, 0755), 0);
    for (size_t i = 0; i < 3 * N_OF(all); i++) {
        settings.rotate_size = i % 3 == 1 ? 1 << 20 : 0;
        settings.flight_ns = i % 3 == 2 ? 1 : 0;
        assert_int_equal(chown(path, all[i / 3].owner, 0), 0);
        assert_int_equal(chmod(path, all[i / 3].mode), 0);
        refused(&settings, path, STG_ERR_USAGE, "others than root may write");
    }
    assert_int_equal(chmod(path, 0755), 0);
    settings.flight_ns = 0;
    must(stg_ctf_writer_open(&w, &settings));
    must(stg_sink_close(stg_ctf_writer_sink(w), 1));
    tables_fini(&t);
}

/* That the machine's CPUs are too many is known before the first event of the last one. */
static void test_size_for_cpus(void **state)
{
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_writer *w = NULL;
    (void)state;
    tables_init(&t);
    settings_init(&settings, &t, NULL);
    settings.max_size = 1 << 17;
    settings.n_cpus = 5;
    refused(&settings, in_work("cpus"), STG_ERR_USAGE, "too small for 5 CPUs: allow at least 327680");
    assert_int_not_equal(access(in_work("cpus"), F_OK), 0);
    settings.n_cpus = 2;
    must(stg_ctf_writer_open(&w, &settings));
    must(stg_sink_close(stg_ctf_writer_sink(w), 1));
    tables_fini(&t);
}

/* Events of many names below a small bound. */
static void check_many_classes(const char *name, const char *pattern, uint8_t n_args)
{
    enum { N_NAMES = 800, N = 20000, MAX = 1 << 17 };
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct stg_ctf_writer *w = NULL;
    struct reading r;
    struct stg_rng rng;
    uint32_t names[N_NAMES];
    tables_init(&t);
    stg_rng_seed(&rng, 3);
    for (size_t i = 0; i < N_NAMES; i++) {
        char text[128];
        const int len = snprintf(text, sizeof text, "%s_%zu", pattern, i);
        must(stg_strings_put(t.names, text, (size_t)len, &names[i]));
    }
    settings_init(&settings, &t, in_work(name));
    settings.max_size = MAX;
    settings.n_cpus = 2;
    settings.last = &stats;
    must(stg_ctf_writer_open(&w, &settings));
    for (size_t i = 0; i < N; i++) {
        struct stg_event e = {.ts_ns = 1000 + i,
                              .has = STG_HAS_TIME | STG_HAS_CPU,
                              .kind = STG_EVENT_MARKER,
                              .n_args = n_args,
                              .cpu = (int32_t)(i % 2),
                              .comm = STG_NAME_NONE,
                              .name = names[stg_rng_below(&rng, N_NAMES)]};
        must(stg_sink_put(stg_ctf_writer_sink(w), &e, 1));
        stg_ctf_writer_stats(w, &stats);
        assert_true(stats.n_bytes <= MAX);
    }
    must(stg_sink_close(stg_ctf_writer_sink(w), 1));
    assert_true(bytes_below(settings.path) <= MAX);
    assert_true(stats.n_removed_events > 0 && stats.n_removed_events < N);
    must_read_trace(&r, settings.path);
    assert_int_equal(r.info.n_events + stats.n_removed_events, N);
    reading_fini(&r);
    tables_fini(&t);
}

/* A small bound holds for metadata, too: a chunk declares what is in it, not all that ever came. */
static void test_size_of_many_classes(void **state)
{
    (void)state;
    check_many_classes("classes", "provider:with_a_name_that_is_long", 6);
}

/* What a packet of short events has to declare takes more than the packet, and both have to find room. */
static void test_size_of_many_classes_at_once(void **state)
{
    (void)state;
    check_many_classes("at-once",
                       "provider:with_a_name_that_is_so_long_that_what_declares_it_is_longer_than_its_events", 0);
}

/* A gap's end is read as it was written, where it goes on until the next event of its CPU and where it does not. */
static void test_gap_ends(void **state)
{
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct reading r;
    struct stg_event events[4];
    (void)state;
    tables_init(&t);
    for (size_t i = 0; i < N_OF(events); i++) {
        events[i] = (struct stg_event){.ts_ns = 1000 + 10 * i,
                                       .has = STG_HAS_TIME | STG_HAS_CPU,
                                       .kind = i % 2 == 0 ? STG_EVENT_LOST : STG_EVENT_MARKER,
                                       .name = i % 2 == 0 ? STG_NAME_NONE : 0,
                                       .comm = STG_NAME_NONE};
        if (i % 2 == 0) {
            events[i].has |= STG_HAS_COUNT;
            events[i].n_lost = 3 + i;
            stg_event_set_gap_end(&events[i], events[i].ts_ns + (i == 0 ? 10 : 4));
        }
    }
    settings_init(&settings, &t, in_work("gap-ends"));
    write_events(&settings, events, N_OF(events), &stats);
    assert_int_equal(stats.n_clamped, 0);
    must_read_trace(&r, settings.path);
    assert_same_events(events, N_OF(events), &t, &r);
    assert_int_equal(stg_event_gap_end(&r.events[0]), 1010);
    assert_int_equal(stg_event_gap_end(&r.events[2]), 1024);
    reading_fini(&r);
    tables_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_chunks),
        cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_planted_links),
        cmocka_unit_test(test_others_directory),
        cmocka_unit_test(test_gap_ends),
        cmocka_unit_test(test_size_for_cpus),
        cmocka_unit_test(test_size_of_many_classes),
        cmocka_unit_test(test_size_of_many_classes_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
