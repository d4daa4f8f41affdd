/* trace/: what is written is what is read, in every shape a recording can have. */
#include "trace_support.h"

#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>

static bool has_fact(const struct reading *r, const char *fact)
{
    return stg_strings_find(r->info.facts, fact, strlen(fact)) != STG_STRINGS_NONE;
}

/* Everything but gaps. */
static uint64_t count_events(const struct reading *r)
{
    uint64_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        n += r->events[i].kind != STG_EVENT_LOST;
    }
    return n;
}

/* --- All kinds of events --- */

static void test_random(void **state)
{
    enum { N = 20000 };
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct tables t;
        struct stg_ctf_settings settings;
        struct stg_ctf_stats stats;
        struct reading r;
        char name[32];
        tables_init(&t);
        struct stg_event *events = random_events(N, seed);
        (void)snprintf(name, sizeof name, "random-%d", (int)seed);
        settings_init(&settings, &t, in_work(name));
        write_events(&settings, events, N, &stats);
        must_read_trace(&r, settings.path);
        assert_same_events(events, N, &t, &r);
        assert_int_equal(r.info.n_gaps, stats.n_gaps);
        assert_int_equal(r.info.n_lost, stats.n_lost);
        assert_int_equal(stats.n_clamped, 0);
        assert_true(stats.n_packets > 100);
        assert_int_equal(r.info.has_sequences, 1);
        assert_int_equal(r.info.has_clock, 0);
        assert_int_equal(r.info.n_skipped, 0);
        reading_fini(&r);
        free(events);
        tables_fini(&t);
    }
}

/* What babeltrace2 itself makes of the text: lines per event, times per CPU. */
struct text_counts {
    uint64_t last[16];
    long n_entry, n_exit, n_marker, n_backward;
};

static void count_line(void *context, const char *line)
{
    struct text_counts *c = context;
    const uint64_t cycles = strtoull(line + 1, NULL, 10);
    const char *cpu = strstr(line, "cpu_id = ");
    assert_non_null(cpu);
    const size_t i = strtoul(cpu + 9, NULL, 10) == UINT32_MAX ? 15 : strtoul(cpu + 9, NULL, 10);
    assert_true(i < 16);
    c->n_backward += cycles < c->last[i];
    c->last[i] = cycles;
    const char *name = strchr(line, ')');
    c->n_entry += name != NULL && strncmp(name + 2, "syscall_entry_", 14) == 0;
    c->n_exit += name != NULL && strncmp(name + 2, "syscall_exit_", 13) == 0;
}

static void test_babeltrace(void **state)
{
    enum { N = 5000 };
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct text_counts counts = {0};
    long n_entry = 0, n_exit = 0, n_lost = 0;
    (void)state;
    if (!has_babeltrace()) {
        skip();
    }
    tables_init(&t);
    struct stg_event *events = random_events(N, 9);
    settings_init(&settings, &t, in_work("text"));
    write_events(&settings, events, N, &stats);
    for (size_t i = 0; i < N; i++) {
        n_entry += events[i].kind == STG_EVENT_ENTRY;
        n_exit += events[i].kind == STG_EVENT_EXIT;
        n_lost += events[i].kind == STG_EVENT_LOST;
    }
    assert_int_equal(babeltrace_lines(settings.path, count_line, &counts), N - n_lost);
    assert_int_equal(counts.n_entry, n_entry);
    assert_int_equal(counts.n_exit, n_exit);
    assert_int_equal(counts.n_backward, 0);
    free(events);
    tables_fini(&t);
}

/* --- Fields beside the events' own --- */

static union stg_ctf_value field_value(size_t i_field, uint64_t i)
{
    return i_field == 0   ? (union stg_ctf_value){.real = i % 7 == 0 ? (double)NAN : (double)i * -0.25}
           : i_field == 1 ? (union stg_ctf_value){.number = i}
                          : (union stg_ctf_value){.number = i % 3 == 0};
}

/* Line i of babeltrace2 carries what was put; counts those that do. */
static void check_fields(void *context, const char *line)
{
    const char *real = strstr(line, "real_field = "), *number = strstr(line, " number = "),
               *label = strstr(line, " label = ");
    assert_true(real != NULL && number != NULL && label != NULL);
    const uint64_t i = strtoull(number + 10, NULL, 10);
    const double is = strtod(real + 13, NULL), wanted = field_value(0, i).real;
    assert_true(isnan(wanted) ? isnan(is) : fabs(is - wanted) < 1e-9);
    assert_non_null(strstr(label, i % 3 == 0 ? "\"it is\"" : "\"not\""));
    ++*(long *)context;
}

static void test_fields(void **state)
{
    enum { N = 2000 };
    static const char *const labels[] = {"not", "it is"};
    static const struct stg_ctf_field fields[] = {
        {.name = "real_field", .type = STG_CTF_REAL},
        {.name = "number", .type = STG_CTF_NUMBER},
        {.name = "label", .type = STG_CTF_LABEL, .labels = labels, .n_labels = 2}};
    struct tables t;
    struct reading r;
    struct stg_ctf_settings settings;
    struct stg_ctf_writer *w = NULL;
    long n_lost = 0, n_checked = 0;
    (void)state;
    tables_init(&t);
    struct stg_event *events = random_events(N, 21);
    settings_init(&settings, &t, in_work("fields"));
    settings.fields = fields;
    settings.n_fields = 3;
    must(stg_ctf_writer_open(&w, &settings));
    for (size_t i = 0; i < N; i++) {
        const union stg_ctf_value values[] = {field_value(0, i), field_value(1, i), field_value(2, i)};
        must(stg_ctf_writer_put_valued(w, &events[i], values));
        n_lost += events[i].kind == STG_EVENT_LOST;
    }
    must(stg_sink_close(stg_ctf_writer_sink(w), 1));
    must_read_trace(&r, settings.path); /* the events themselves are as ever */
    assert_same_events(events, N, &t, &r);
    reading_fini(&r);
    if (has_babeltrace()) {
        assert_int_equal(babeltrace_lines(settings.path, check_fields, &n_checked), N - n_lost);
        assert_int_equal(n_checked, N - n_lost);
    }
    free(events);
    tables_fini(&t);
}

/* --- Time --- */

static struct stg_event plain(uint64_t ns, int32_t cpu, uint64_t arg)
{
    return (struct stg_event){.ts_ns = ns,
                              .args = {arg},
                              .comm = 0,
                              .name = (uint32_t)N_OF(test_markers), /* read */
                              .pid = 7,
                              .tid = 7,
                              .cpu = cpu,
                              .has = STG_HAS_TIME | STG_HAS_CPU | STG_HAS_PID | STG_HAS_TID | STG_HAS_COMM,
                              .kind = STG_EVENT_ENTRY,
                              .n_args = 1};
}

static void test_clock(void **state)
{
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct reading r;
    (void)state;
    tables_init(&t);
    settings_init(&settings, &t, in_work("clock"));
    settings.has_clock = true;
    settings.clock_offset_ns = INT64_C(1700000000123456789);
    const struct stg_event events[] = {plain(1, 0, 1), plain(876543211, 0, 2)};
    write_events(&settings, events, 2, &stats);
    must_read_trace(&r, settings.path);
    assert_int_equal(r.info.has_clock, 1);
    assert_int_equal(r.events[0].ts_ns, INT64_C(1700000000123456790));
    assert_int_equal(r.events[1].ts_ns, INT64_C(1700000001000000000));
    reading_fini(&r);
    tables_fini(&t);
}

static void test_clamped(void **state)
{
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct reading r;
    (void)state;
    tables_init(&t);
    settings_init(&settings, &t, in_work("clamped"));
    const struct stg_event events[] = {plain(100, 0, 0), plain(90, 1, 1), plain(95, 0, 2), plain(110, 0, 3)};
    write_events(&settings, events, 4, &stats);
    assert_int_equal(stats.n_clamped, 1); /* CPU 1 may be behind CPU 0 */
    must_read_trace(&r, settings.path);
    assert_int_equal(r.n, 4);
    assert_int_equal(r.events[0].ts_ns, 90);
    assert_int_equal(r.events[2].ts_ns, 100);
    assert_int_equal(r.events[2].args[0], 2);
    assert_true(has_fact(&r, "clamped_events=1"));
    reading_fini(&r);
    tables_fini(&t);
}

/* Without times there is one stream, and its order is kept. */
static void test_no_time(void **state)
{
    enum { N = 3000 };
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct reading r;
    (void)state;
    tables_init(&t);
    struct stg_event *events = random_events(N, 4);
    for (size_t i = 0; i < N; i++) {
        events[i].has &= (uint16_t) ~(STG_HAS_TIME | STG_HAS_CPU);
        events[i].cpu = 0;
        events[i].ts_ns = i;
    }
    settings_init(&settings, &t, in_work("timeless"));
    settings.has_time = false;
    write_events(&settings, events, N, &stats);
    must_read_trace(&r, settings.path);
    assert_int_equal(r.n, N);
    for (size_t i = 0; i < N; i++) {
        assert_true(i == 0 || r.events[i].ts_ns > r.events[i - 1].ts_ns);
        r.events[i].ts_ns = i; /* a count of another thing */
    }
    assert_same_events(events, N, &t, &r);
    reading_fini(&r);
    free(events);
    tables_fini(&t);
}

/* --- Rotation --- */

static size_t count_chunks(const char *path, uint64_t most)
{
    size_t n = 0;
    for (uint64_t i = 1; i <= most; i++) {
        char chunk[600];
        (void)snprintf(chunk, sizeof chunk, "%s/%06llu/metadata", path, (unsigned long long)i);
        n += access(chunk, F_OK) == 0;
    }
    return n;
}

static void check_rotation(struct stg_ctf_settings *settings, const struct tables *t, size_t n_chunks_min)
{
    enum { N = 20000 };
    struct stg_ctf_stats stats;
    struct reading r;
    struct stg_event *events = random_events(N, 6);
    size_t n = 0;
    write_events(settings, events, N, &stats);
    assert_true(stats.n_chunks >= n_chunks_min);
    assert_int_equal(count_chunks(settings->path, stats.n_chunks), stats.n_chunks);
    must_read_trace(&r, settings->path);
    assert_same_events(events, N, t, &r);
    reading_fini(&r);
    for (uint64_t i = 1; i <= stats.n_chunks; i++) {
        char chunk[600];
        (void)snprintf(chunk, sizeof chunk, "%s/%06llu", settings->path, (unsigned long long)i);
        must_read_trace(&r, chunk);
        n += r.n;
        assert_true(has_fact(&r, "complete=1"));
        reading_fini(&r);
    }
    assert_int_equal(n, N);
    free(events);
}

static void test_rotate_size(void **state)
{
    struct tables t;
    struct stg_ctf_settings settings;
    (void)state;
    tables_init(&t);
    settings_init(&settings, &t, in_work("by-size"));
    settings.rotate_size = 200000;
    check_rotation(&settings, &t, 5);
    tables_fini(&t);
}

static void test_rotate_time(void **state)
{
    struct tables t;
    struct stg_ctf_settings settings;
    (void)state;
    tables_init(&t);
    settings_init(&settings, &t, in_work("by-time"));
    settings.rotate_ns = UINT64_C(40) << 30;
    check_rotation(&settings, &t, 5);
    tables_fini(&t);
}

/* More chunks than can be open at once: they are read one after another. */
static void test_many_chunks(void **state)
{
    enum { N = 100000 };
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct reading r;
    (void)state;
    tables_init(&t);
    struct stg_event *events = calloc(N, sizeof *events);
    assert_non_null(events);
    for (size_t i = 0; i < N; i++) {
        events[i] = plain(1000 + i, (int32_t)(i % 2), i);
    }
    settings_init(&settings, &t, in_work("row"));
    settings.rotate_size = 8000;
    write_events(&settings, events, N, &stats);
    assert_true(stats.n_chunks > 250);
    must_read_trace(&r, settings.path);
    assert_int_equal(r.n, N);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(r.events[i].args[0], i);
    }
    assert_true(has_fact(&r, "complete=1"));
    reading_fini(&r);
    free(events);
    tables_fini(&t);
}

/* Writes events (n) below a bound and reads what is left, which the last figures tell: closing may remove more. */
static void check_bounded(const struct stg_event *events, size_t n, struct tables *t, const char *name)
{
    enum { MAX = 1 << 20 };
    struct stg_ctf_settings settings;
    struct stg_ctf_stats before = {0}, last;
    struct stg_ctf_writer *w = NULL;
    struct reading r;
    char fact[64];
    settings_init(&settings, t, in_work(name));
    settings.max_size = MAX;
    settings.packet_size = MAX / 16; /* so that closing has much to write */
    settings.last = &last;
    must(stg_ctf_writer_open(&w, &settings));
    for (size_t i = 0; i < n; i += 100) {
        must(stg_sink_put(stg_ctf_writer_sink(w), events + i, n - i < 100 ? n - i : 100));
        stg_ctf_writer_stats(w, &before);
        assert_true(before.n_bytes <= MAX);
    }
    must(stg_sink_close(stg_ctf_writer_sink(w), 1));
    assert_true(bytes_below(settings.path) <= MAX);
    assert_true(last.n_removed_events > 0);
    must_read_trace(&r, settings.path);
    assert_int_equal(count_events(&r) + last.n_removed_events, last.n_events);
    (void)snprintf(fact, sizeof fact, "removed_events=%llu", (unsigned long long)last.n_removed_events);
    assert_true(has_fact(&r, fact));
    assert_true(last.n_removed_events >= before.n_removed_events);
    reading_fini(&r);
}

static void test_max_size(void **state)
{
    enum { N = 50000, RUNS = 4, STEP = 1500 };
    struct tables t;
    (void)state;
    tables_init(&t);
    struct stg_event *events = random_events(N + RUNS * STEP, 7);
    for (size_t i = 0; i < RUNS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "bounded-%zu", i);
        check_bounded(events, N + i * STEP, &t, name);
    }
    free(events);
    tables_fini(&t);
}

static void test_max_size_too_small(void **state)
{
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_writer *w = NULL;
    enum stg_status status = STG_OK;
    (void)state;
    tables_init(&t);
    settings_init(&settings, &t, in_work("narrow"));
    settings.max_size = 1000;
    assert_int_equal(stg_ctf_writer_open(&w, &settings), STG_ERR_USAGE);
    assert_message("at least");
    settings.max_size = 16 * 8192;
    must(stg_ctf_writer_open(&w, &settings));
    for (int cpu = 0; cpu < 64 && status == STG_OK; cpu++) {
        const struct stg_event e = plain(1, cpu, 0);
        status = stg_sink_put(stg_ctf_writer_sink(w), &e, 1);
    }
    assert_int_equal(status, STG_ERR_USAGE);
    assert_message("too small for");
    assert_int_equal(stg_sink_close(stg_ctf_writer_sink(w), 0), STG_OK);
    assert_int_not_equal(access(settings.path, F_OK), 0);
    tables_fini(&t);
}

/* --- Flight recorder --- */

static void check_window(const char *path, const struct stg_event *events, size_t n, uint64_t from_ns)
{
    struct reading r;
    must_read_trace(&r, path);
    assert_true(r.n > 0 && r.n <= n);
    /* One CPU: all events from the window's begin on, up to the last, and whole packets before. */
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(r.events[r.n - 1 - i].args[0], events[n - 1 - i].args[0]);
        assert_int_equal(r.events[r.n - 1 - i].ts_ns, events[n - 1 - i].ts_ns);
    }
    assert_true(r.events[0].ts_ns <= from_ns);
    assert_true(from_ns - r.events[0].ts_ns < 1000000); /* no more than a packet too much */
    assert_int_equal(r.info.n_gaps, 0);
    reading_fini(&r);
}

static void test_flight(void **state)
{
    enum { N = 100000 };
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct stg_ctf_writer *w = NULL;
    (void)state;
    tables_init(&t);
    settings_init(&settings, &t, NULL);
    settings.flight_ns = 10000000;
    struct stg_event *events = calloc(N, sizeof *events);
    assert_non_null(events);
    for (size_t i = 0; i < N; i++) {
        events[i] = plain(1000000000 + i * 1000, 0, i);
    }
    must(stg_ctf_writer_open(&w, &settings));
    must(stg_sink_put(stg_ctf_writer_sink(w), events, N / 2));
    must(stg_ctf_writer_snapshot(w, in_work("first")));
    check_window(in_work("first"), events, N / 2, events[N / 2 - 1].ts_ns - settings.flight_ns);
    must(stg_sink_put(stg_ctf_writer_sink(w), events + N / 2, N / 2));
    must(stg_ctf_writer_snapshot(w, in_work("second")));
    check_window(in_work("second"), events, N, events[N - 1].ts_ns - settings.flight_ns);
    assert_int_equal(stg_ctf_writer_snapshot(w, in_work("second")), STG_ERR_USAGE);
    assert_message("already there");
    assert_int_equal(stg_ctf_writer_snapshot(w, in_work("no/such/place")), STG_ERR_IO);
    stg_ctf_writer_stats(w, &stats);
    assert_true(stats.n_removed_events > N / 2 && stats.n_removed_events < N);
    assert_true(stats.n_bytes < 2000000);
    must(stg_ctf_writer_tick(w, events[N - 1].ts_ns + 2 * settings.flight_ns)); /* time goes on without events */
    stg_ctf_writer_stats(w, &stats);
    assert_int_equal(stats.n_removed_events, N);
    assert_int_equal(stats.n_bytes, 0);
    must(stg_sink_close(stg_ctf_writer_sink(w), 1));
    free(events);
    tables_fini(&t);
}

/* The memory has a bound too; what is written after it was reached is whole, with the gaps that lie inside. */
static void test_flight_size(void **state)
{
    enum { N = 60000 };
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct stg_ctf_writer *w = NULL;
    struct reading r;
    uint64_t n_backward = 0;
    (void)state;
    tables_init(&t);
    struct stg_event *events = random_events(N, 12);
    settings_init(&settings, &t, NULL);
    settings.flight_ns = UINT64_MAX / 2;
    settings.flight_size = 300000;
    must(stg_ctf_writer_open(&w, &settings));
    for (size_t i = 0; i < N; i += 1000) {
        must(stg_sink_put(stg_ctf_writer_sink(w), events + i, 1000));
        stg_ctf_writer_stats(w, &stats);
        assert_true(stats.n_bytes <= settings.flight_size);
    }
    must(stg_ctf_writer_snapshot(w, in_work("large")));
    stg_ctf_writer_stats(w, &stats);
    must_read_trace(&r, in_work("large"));
    assert_int_equal(count_events(&r) + stats.n_removed_events, stats.n_events);
    for (size_t i = 1; i < r.n; i++) {
        n_backward += r.events[i].ts_ns < r.events[i - 1].ts_ns;
    }
    assert_int_equal(n_backward, 0);
    for (size_t i = 0; i < r.n; i++) { /* no count of what was lost before the window */
        assert_true(r.events[i].kind != STG_EVENT_LOST || r.events[i].n_lost <= 1000);
    }
    reading_fini(&r);
    must(stg_sink_close(stg_ctf_writer_sink(w), 1));
    free(events);
    tables_fini(&t);
}

/* --- Age, facts --- */

static void test_tick(void **state)
{
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_writer *w = NULL;
    struct reading r;
    (void)state;
    tables_init(&t);
    settings_init(&settings, &t, in_work("ticking"));
    must(stg_ctf_writer_open(&w, &settings));
    const struct stg_event events[] = {plain(1000, 0, 0), plain(1000000000, 1, 1)};
    must(stg_sink_put(stg_ctf_writer_sink(w), events, 2));
    must(stg_ctf_writer_tick(w, 1000001000));
    must_read_trace(&r, settings.path); /* while it is written */
    assert_int_equal(r.n, 1);
    assert_true(has_fact(&r, "complete=0"));
    reading_fini(&r);
    must(stg_ctf_writer_tick(w, 2000000000));
    must_read_trace(&r, settings.path);
    assert_int_equal(r.n, 2);
    reading_fini(&r);
    must(stg_sink_close(stg_ctf_writer_sink(w), 1));
    must_read_trace(&r, settings.path);
    assert_int_equal(r.n, 2);
    assert_true(has_fact(&r, "complete=1"));
    reading_fini(&r);
    tables_fini(&t);
}

static void test_facts(void **state)
{
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_writer *w = NULL;
    struct reading r;
    char longest[5000], cut[4200];
    (void)state;
    tables_init(&t);
    settings_init(&settings, &t, in_work("facts"));
    settings.name = "a name";
    must(stg_ctf_writer_open(&w, &settings));
    must(stg_ctf_writer_set_host(w));
    must(stg_ctf_writer_set(w, "command_line", "strange record -- sh -c 'echo \"hi\\n\"'"));
    must(stg_ctf_writer_set(w, "event", "a keyword"));
    must(stg_ctf_writer_set(w, "domain", "mine"));
    must(stg_ctf_writer_set(w, "per cpu-loss", "1"));
    must(stg_ctf_writer_set(w, "9lives", "2"));
    must(stg_ctf_writer_set(w, "filters", "first"));
    must(stg_ctf_writer_set(w, "filters", "second\nline"));
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    must(stg_ctf_writer_set(w, "long", longest));
    const struct stg_event e = plain(1, 0, 0);
    must(stg_sink_put(stg_ctf_writer_sink(w), &e, 1));
    must(stg_ctf_writer_set(w, "exit_status", "0"));
    must(stg_sink_close(stg_ctf_writer_sink(w), 1));
    must_read_trace(&r, settings.path);
    assert_true(has_fact(&r, "trace_name=a name"));
    assert_true(has_fact(&r, "command_line=strange record -- sh -c 'echo \"hi\\n\"'"));
    assert_true(has_fact(&r, "_event=a keyword"));
    assert_true(has_fact(&r, "source_domain=mine"));
    assert_true(has_fact(&r, "domain=kernel"));
    assert_true(has_fact(&r, "per_cpu_loss=1"));
    assert_true(has_fact(&r, "_9lives=2"));
    assert_true(has_fact(&r, "filters=second?line"));
    assert_true(has_fact(&r, "exit_status=0"));
    (void)snprintf(cut, sizeof cut, "_long=%.*s", 4089, longest); /* a reader keeps 4,095 bytes of it */
    assert_true(has_fact(&r, cut));
    reading_fini(&r);
    tables_fini(&t);
}

/* --- Refusals and leaving nothing behind --- */

static void test_refused(void **state)
{
    struct tables t;
    struct stg_ctf_settings settings;
    int how = 0;
    (void)state;
    tables_init(&t);
    settings_init(&settings, &t, NULL);
    assert_int_equal(mkdir(in_work("full"), 0755), 0);
    ctf_write_file(in_work("full"), "file", "x", 1);
    for (int rotate = 0; rotate < 2; rotate++) {
        settings.rotate_size = rotate ? 1 << 20 : 0;
        refused(&settings, in_work("full"), STG_ERR_USAGE, "not empty");
        refused(&settings, in_work("full/file"), STG_ERR_IO, "full/file");
        refused(&settings, in_work("no/parent"), STG_ERR_IO, "cannot make the directory");
        refused(&settings, "", STG_ERR_USAGE, "empty or too long");
    }
    settings.packet_size = 100;
    refused(&settings, in_work("packets"), STG_ERR_USAGE, "a packet of 100 bytes");
    settings.packet_size = 8192;
    /* Without privilege: a directory of someone else. */
    const pid_t child = fork();
    if (child == 0) {
        struct stg_ctf_writer *w = NULL;
        settings.path = in_work("full/mine");
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) {
            _exit(3);
        }
        const bool one_line =
            stg_ctf_writer_open(&w, &settings) == STG_ERR_IO && strchr(stg_status_message(), '\n') == NULL;
        _exit(one_line || access(in_work("full"), W_OK) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    tables_fini(&t);
}

static void test_abandoned(void **state)
{
    enum { N = 5000 };
    struct tables t;
    struct stg_ctf_settings settings;
    (void)state;
    tables_init(&t);
    struct stg_event *events = random_events(N, 3);
    for (int i = 0; i < 4; i++) {
        struct stg_ctf_writer *w = NULL;
        const bool there = i >= 2;
        settings_init(&settings, &t, in_work("gone"));
        settings.rotate_size = i % 2 ? 50000 : 0;
        assert_true(!there || mkdir(settings.path, 0755) == 0);
        must(stg_ctf_writer_open(&w, &settings));
        must(stg_sink_put(stg_ctf_writer_sink(w), events, N));
        must(stg_sink_close(stg_ctf_writer_sink(w), 0));
        assert_int_equal(access(in_work("gone"), F_OK) == 0, there);
        assert_true(!there || rmdir(in_work("gone")) == 0);
    }
    must(stg_sink_close(NULL, 1));
    free(events);
    tables_fini(&t);
}

/* --- Many names --- */

static void test_many_classes(void **state)
{
    enum { N = 3000 };
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_writer *w = NULL;
    struct reading r;
    (void)state;
    tables_init(&t);
    settings_init(&settings, &t, in_work("many"));
    must(stg_ctf_writer_open(&w, &settings));
    for (int i = 0; i < N; i++) {
        char name[32];
        struct stg_event e = plain((uint64_t)i, 0, 0);
        const int len = snprintf(name, sizeof name, "probe:number_%d", i);
        must(stg_strings_put(t.names, name, (size_t)len, &e.name)); /* tables grow while events come */
        e.kind = STG_EVENT_MARKER;
        must(stg_sink_put(stg_ctf_writer_sink(w), &e, 1));
    }
    must(stg_sink_close(stg_ctf_writer_sink(w), 1));
    must_read_trace(&r, settings.path);
    assert_int_equal(r.n, N);
    assert_string_equal(name_of(&r, N - 1), "probe:number_2999");
    reading_fini(&r);
    tables_fini(&t);
}

/* --- Memory --- */

/* *ended: the failure, if any, was that of close(1), which leaves what is there. */
static enum stg_status small_run(const struct stg_ctf_settings *settings, const struct stg_event *events, size_t n,
                                 bool *ended)
{
    struct stg_ctf_writer *w = NULL;
    enum stg_status status = stg_ctf_writer_open(&w, settings);
    *ended = false;
    if (status != STG_OK) {
        return status;
    }
    status = stg_ctf_writer_set(w, "command_line", "test");
    if (status == STG_OK) {
        status = stg_sink_put(stg_ctf_writer_sink(w), events, n);
    }
    if (status == STG_OK && settings->flight_ns > 0) {
        status = stg_ctf_writer_snapshot(w, in_work("memory"));
    }
    *ended = status == STG_OK;
    const enum stg_status closed = stg_sink_close(stg_ctf_writer_sink(w), status == STG_OK);
    return status == STG_OK ? closed : status;
}

static void check_no_memory(const struct stg_ctf_settings *settings, const struct stg_event *events, size_t n_events,
                            uint64_t i)
{
    struct reading r;
    bool ended = false;
    stg_mem_fail_at(i);
    const enum stg_status status = small_run(settings, events, n_events, &ended);
    stg_mem_fail_at(0);
    assert_int_equal(status, STG_ERR_MEMORY);
    if (ended) {
        must_read_trace(&r, in_work("memory"));
        reading_fini(&r);
    }
    assert_true(ended || access(in_work("memory"), F_OK) != 0);
    ctf_remove_directory(in_work("memory"));
}

static void test_no_memory(void **state)
{
    enum { N = 300 };
    struct tables t;
    struct stg_ctf_settings settings;
    bool ended = false;
    (void)state;
    tables_init(&t);
    struct stg_event *events = random_events(N, 5);
    for (int mode = 0; mode < 3; mode++) {
        settings_init(&settings, &t, mode == 2 ? NULL : in_work("memory"));
        settings.rotate_size = mode == 1 ? 20000 : 0;
        settings.flight_ns = mode == 2 ? UINT64_MAX / 2 : 0;
        const uint64_t before = stg_mem_count();
        must(small_run(&settings, events, N, &ended));
        const uint64_t n = stg_mem_count() - before;
        ctf_remove_directory(in_work("memory"));
        assert_true(n > 20);
        for (uint64_t i = 1; i <= n; i++) {
            check_no_memory(&settings, events, N, i);
        }
    }
    free(events);
    tables_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),       cmocka_unit_test(test_babeltrace),
        cmocka_unit_test(test_fields),       cmocka_unit_test(test_clock),
        cmocka_unit_test(test_clamped),      cmocka_unit_test(test_no_time),
        cmocka_unit_test(test_rotate_size),  cmocka_unit_test(test_rotate_time),
        cmocka_unit_test(test_max_size),     cmocka_unit_test(test_max_size_too_small),
        cmocka_unit_test(test_flight),       cmocka_unit_test(test_flight_size),
        cmocka_unit_test(test_tick),         cmocka_unit_test(test_facts),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_many_classes), cmocka_unit_test(test_many_chunks),
        cmocka_unit_test(test_no_memory),

    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
