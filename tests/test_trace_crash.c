/* trace/: what is left of a recording when its process is killed, when the disk is full, and when a file is cut short:
 * a trace that opens up to the last packet. */
#include "effort.h"
#include "faults.h"
#include "trace_support.h"

#include "base/log.h"

#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

/* Calls that are tried per script: all when there are no more, else evenly spread ones. STRANGE_FAULTS=N sets another
 * number. */
static uint64_t max_points(void)
{
    const char *asked = getenv("STRANGE_FAULTS");
    return asked == NULL ? 30 : strtoull(asked, NULL, 10);
}

/* --- Killed at every call --- */

struct script {
    size_t n;
    size_t packet_size; /* 0: the smallest */
    bool large;         /* all on one CPU, each with a path of 4,000 bytes */
    uint64_t rotate_size;
};

static struct stg_event *script_events(const struct script *s, struct tables *t)
{
    struct stg_event *events = random_events(s->n, 77);
    char path[4001];
    uint32_t id = 0;
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    must(stg_strings_put(t->paths, path, sizeof path - 1, &id));
    for (size_t i = 0; s->large && i < s->n; i++) {
        events[i].cpu = 0;
        events[i].has |= STG_HAS_CPU;
        if (events[i].kind <= STG_EVENT_MARKER) {
            events[i].has |= STG_HAS_PATH;
            events[i].path = id;
        }
    }
    return events;
}

static enum stg_status run_script(const struct script *s, const struct tables *t, const struct stg_event *events,
                                  int commit)
{
    struct stg_ctf_settings settings;
    struct stg_ctf_writer *w = NULL;
    settings_init(&settings, t, in_work("trace"));
    settings.rotate_size = s->rotate_size;
    settings.packet_size = s->packet_size > 0 ? s->packet_size : settings.packet_size;
    enum stg_status status = stg_ctf_writer_open(&w, &settings);
    if (status != STG_OK) {
        return status;
    }
    for (size_t i = 0; i < s->n && status == STG_OK; i += 50) {
        status = stg_sink_put(stg_ctf_writer_sink(w), events + i, s->n - i < 50 ? s->n - i : 50);
    }
    const enum stg_status closed = stg_sink_close(stg_ctf_writer_sink(w), commit);
    return status == STG_OK ? closed : status;
}

/* Each CPU's events are the first ones that were put. Returns their number; 0 when there is no stream yet. */
static size_t assert_prefix(const char *path, const struct stg_event *events, size_t n, const struct tables *t)
{
    struct reading r;
    const enum stg_status status = reading_init(&r, &stg_import_ctf, path);
    if (status != STG_OK) {
        const char *message = stg_status_message();
        const bool nothing_yet = strstr(message, "nothing was recorded") != NULL ||
                                 strstr(message, "no CTF trace") != NULL || strstr(message, "No such file") != NULL;
        if (!nothing_yet) {
            fail_msg("%s", message);
        }
        reading_fini(&r);
        return 0;
    }
    const struct tables read = {r.source->names, r.source->comms, r.source->paths};
    for (int cpu = -1; cpu < 3 * N_TEST_CPUS; cpu++) {
        char *put = describe_cpu(events, n, t, cpu), *got = describe_cpu(r.events, r.n, &read, cpu);
        if (strncmp(put, got, strlen(got)) != 0) {
            fail_msg("CPU %d does not have the first events: %.300s", cpu, got);
        }
        stg_mem_free(put);
        stg_mem_free(got);
    }
    const size_t n_read = r.n;
    reading_fini(&r);
    return n_read;
}

static void wait_killed(pid_t child)
{
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
}

/* Every state is valid for babeltrace2 itself. */
static void kill_everywhere(const struct script *s, uint64_t most)
{
    struct tables t;
    size_t before = 0;
    tables_init(&t);
    struct stg_event *events = script_events(s, &t);
    faults_arm(FAULT_KILL, 0, 0);
    must(run_script(s, &t, events, 1));
    const uint64_t n_calls = faults_count();
    faults_arm(FAULT_NONE, 0, 0);
    ctf_remove_directory(in_work("trace"));
    assert_true(n_calls > 50);
    const uint64_t points = n_calls < most ? n_calls : most;
    for (uint64_t k = 0; k < points; k++) {
        const uint64_t i = k + 1 == points ? n_calls : 1 + k * n_calls / points;
        const pid_t child = fork();
        if (child == 0) {
            faults_arm(FAULT_KILL, i, 0);
            (void)run_script(s, &t, events, 1);
            _exit(1);
        }
        wait_killed(child);
        const size_t n = assert_prefix(in_work("trace"), events, s->n, &t);
        if (n < before) {
            fail_msg("call %llu: %zu events, %zu before", (unsigned long long)i, n, before);
        }
        before = n;
        if (n > 0 && has_babeltrace() && babeltrace_lines(in_work("trace"), NULL, NULL) < 0) {
            fail_msg("call %llu of %llu: babeltrace2 cannot open what is left", (unsigned long long)i,
                     (unsigned long long)n_calls);
        }
        ctf_remove_directory(in_work("trace"));
    }
    assert_true(before > s->n / 2);
    free(events);
    tables_fini(&t);
}

static void test_killed_at_calls(void **state)
{
    (void)state;
    const struct script s = {.n = 600};
    kill_everywhere(&s, max_points());
}

static void test_killed_while_growing(void **state)
{
    (void)state;
    const struct script s = {.n = 150, .large = true, .packet_size = 65536};
    kill_everywhere(&s, max_points());
}

static void test_killed_while_rotating(void **state)
{
    (void)state;
    const struct script s = {.n = 300, .rotate_size = 10000};
    kill_everywhere(&s, max_points());
}

/* --- Killed at random moments --- */

static _Noreturn void write_for_ever(const char *path, const struct tables *t, uint64_t rotate_size,
                                     _Atomic uint64_t *n_put)
{
    struct stg_ctf_settings settings;
    struct stg_ctf_writer *w = NULL;
    settings_init(&settings, t, path);
    settings.rotate_size = rotate_size;
    if (stg_ctf_writer_open(&w, &settings) != STG_OK) {
        _exit(1);
    }
    for (uint64_t i = 0; i < 5000000; i++) {
        const struct stg_event e = {.ts_ns = 1000 + i * 100,
                                    .args = {i},
                                    .name = (uint32_t)N_OF(test_markers),
                                    .pid = 1,
                                    .tid = 1,
                                    .cpu = (int32_t)(i % 4),
                                    .has = STG_HAS_TIME | STG_HAS_CPU | STG_HAS_PID | STG_HAS_TID,
                                    .kind = STG_EVENT_ENTRY,
                                    .n_args = 1};
        if (stg_sink_put(stg_ctf_writer_sink(w), &e, 1) != STG_OK) {
            _exit(1);
        }
        atomic_store(n_put, i + 1);
    }
    for (;;) {
        (void)pause();
    }
}

/* Without a hole, from the first, and not more than a packet of each CPU missing. */
static void check_killed(const char *path, uint64_t n_put)
{
    struct reading r;
    uint64_t next[4] = {0, 1, 2, 3};
    must_read_trace(&r, path);
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(r.events[i].kind, STG_EVENT_ENTRY);
        assert_int_equal(r.events[i].args[0], next[r.events[i].cpu]);
        next[r.events[i].cpu] += 4;
    }
    assert_true(r.n + 4 * (8192 / 46) >= n_put); /* 46 bytes an event */
    if (has_babeltrace()) {
        assert_int_equal(babeltrace_lines(path, NULL, NULL), r.n);
    }
    reading_fini(&r);
}

static void kill_at_random(size_t kills)
{
    struct tables t;
    struct stg_rng rng;
    _Atomic uint64_t *n_put = mmap(NULL, sizeof *n_put, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(n_put != MAP_FAILED);
    tables_init(&t);
    stg_rng_seed(&rng, (uint64_t)getpid());
    for (size_t i = 0; i < kills; i++) {
        atomic_store(n_put, 0);
        const pid_t child = fork();
        if (child == 0) {
            write_for_ever(in_work("killed"), &t, i % 2 ? 300000 : 0, n_put);
        }
        while (atomic_load(n_put) < 2000) { /* some packets */
            usleep(1000);
        }
        usleep((useconds_t)stg_rng_below(&rng, 20000));
        assert_int_equal(kill(child, SIGKILL), 0);
        wait_killed(child);
        check_killed(in_work("killed"), atomic_load(n_put));
        ctf_remove_directory(in_work("killed"));
    }
    munmap(n_put, sizeof *n_put);
    tables_fini(&t);
}

static void test_killed_at_random(void **state)
{
    (void)state;
    kill_at_random(effort_times(20, 6));
}

/* --- Where files are not in memory --- */

static char work_in_memory[sizeof work];

/* To the file system that has the build. */
static int to_disk(void **state)
{
    const char *binary = getenv("STRANGE_BINARY");
    const char *slash = binary == NULL ? NULL : strrchr(binary, '/');
    (void)state;
    memcpy(work_in_memory, work, sizeof work);
    (void)snprintf(work, sizeof work, "%.*s/trace-crash-XXXXXX", slash == NULL ? 1 : (int)(slash - binary),
                   slash == NULL ? "." : binary);
    return mkdtemp(work) != NULL ? 0 : -1;
}

static int from_disk(void **state)
{
    (void)state;
    ctf_remove_directory(work);
    memcpy(work, work_in_memory, sizeof work);
    return 0;
}

static void test_killed_on_disk(void **state)
{
    struct statfs info;
    const struct script s = {.n = 300, .rotate_size = 10000};
    (void)state;
    assert_int_equal(statfs(work, &info), 0);
    if (info.f_type == TMPFS_MAGIC) {
        print_message("the build is in memory, too\n");
        skip();
    }
    kill_everywhere(&s, 10);
    kill_at_random(4);
}

/* --- Files that are cut short --- */

static struct stg_event *plain_events(size_t n)
{
    struct stg_event *events = calloc(n, sizeof *events);
    assert_non_null(events);
    for (size_t i = 0; i < n; i++) {
        events[i] = (struct stg_event){.ts_ns = 1000 + i,
                                       .args = {i},
                                       .name = (uint32_t)N_OF(test_markers),
                                       .cpu = 0,
                                       .has = STG_HAS_TIME | STG_HAS_CPU,
                                       .kind = STG_EVENT_ENTRY,
                                       .n_args = 1};
    }
    return events;
}

/* n whole events, then a gap if something is missing. */
static void assert_cut(size_t n, bool gap)
{
    struct reading r;
    must_read_trace(&r, in_work("cut"));
    assert_int_equal(r.info.n_events, n);
    assert_int_equal(r.info.n_gaps, gap);
    assert_int_equal(r.n, n + gap);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(r.events[i].args[0], i);
    }
    if (gap) {
        assert_int_equal(r.events[n].kind, STG_EVENT_LOST);
        assert_int_equal(r.events[n].ts_ns, r.events[n - 1].ts_ns);
    }
    reading_fini(&r);
}

static size_t packet_size_at(const uint8_t *data)
{
    uint64_t bits;
    memcpy(&bits, data + 56, sizeof bits);
    return (size_t)(bits / 8);
}

static void test_cut_short(void **state)
{
    enum { N = 352 }; /* two packets of 175 and a short one */
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct reading r;
    size_t size = 0, i_last = 0, n_packets = 0, last_size = 0;
    (void)state;
    tables_init(&t);
    struct stg_event *events = plain_events(N);
    settings_init(&settings, &t, in_work("cut"));
    write_events(&settings, events, N, &stats);
    uint8_t *data = ctf_read_file(in_work("cut"), "channel0_0", &size);
    for (size_t at = 0; at < size; at += packet_size_at(data + at)) {
        i_last = at;
        n_packets++;
        last_size = packet_size_at(data + at);
    }
    assert_int_equal(n_packets, 3);
    assert_int_equal(i_last + last_size, size);
    const size_t n_last = (last_size - 84) / 46; /* bytes of an event with its header */
    for (size_t cut = i_last; cut <= size; cut += size - cut <= effort_step(2) ? 1 : effort_step(1)) {
        ctf_write_file(in_work("cut"), "channel0_0", data, cut);
        const bool whole = size - cut < 8 && cut >= i_last + 84 + n_last * 46; /* padding may be missing */
        assert_cut(whole ? N : N - n_last, !whole && cut > i_last);
    }
    /* Zeros, as a file system leaves them when the machine goes down. */
    uint8_t *zeroed = calloc(1, size + 10000);
    assert_non_null(zeroed);
    memcpy(zeroed, data, i_last);
    ctf_write_file(in_work("cut"), "channel0_0", zeroed, size + 10000);
    assert_cut(N - n_last, false);
    /* A last packet that claims more than there is: killed while the file grew. */
    memcpy(zeroed, data, size);
    const uint64_t bits = (last_size + 4096) * 8;
    memcpy(zeroed + i_last + 56, &bits, sizeof bits);
    ctf_write_file(in_work("cut"), "channel0_0", zeroed, size);
    assert_cut(N, false);
    /* Nothing whole at all. */
    ctf_write_file(in_work("cut"), "channel0_0", data, 100);
    assert_int_equal(reading_init(&r, &stg_import_ctf, in_work("cut")), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "nothing was recorded"));
    reading_fini(&r);
    free(zeroed);
    free(data);
    free(events);
    tables_fini(&t);
}

/* --- No room --- */

/* Writes until it fails; then the trace must be there up to the last packet. */
static void fill_up(const char *path, const struct tables *t, const char *part)
{
    enum { STEP = 1000 };
    struct stg_ctf_settings settings;
    struct stg_ctf_writer *w = NULL;
    struct reading r;
    char first[600];
    enum stg_status status = STG_OK;
    settings_init(&settings, t, path);
    must(stg_ctf_writer_open(&w, &settings));
    struct stg_event *events = plain_events(STEP * 200);
    size_t n = 0;
    for (; n < 200 && status == STG_OK; n++) {
        status = stg_sink_put(stg_ctf_writer_sink(w), events + n * STEP, STEP);
    }
    assert_int_equal(status, STG_ERR_IO);
    (void)snprintf(first, sizeof first, "%s", stg_status_message());
    if (strstr(first, part) == NULL || strstr(first, path) == NULL || strchr(first, '\n') != NULL) {
        fail_msg("not one line with a path and '%s': %s", part, first);
    }
    assert_int_equal(stg_sink_put(stg_ctf_writer_sink(w), events, 1), STG_ERR_IO);
    assert_string_equal(stg_status_message(), first);
    assert_int_equal(stg_sink_close(stg_ctf_writer_sink(w), 1), STG_ERR_IO);
    assert_string_equal(stg_status_message(), first);
    must_read_trace(&r, path);
    assert_true(r.n > 1000 && r.n < n * STEP);
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(r.events[i].args[0], i);
    }
    if (has_babeltrace()) {
        assert_int_equal(babeltrace_lines(path, NULL, NULL), r.n);
    }
    reading_fini(&r);
    free(events);
}

static void test_disk_full(void **state)
{
    struct tables t;
    (void)state;
    assert_int_equal(mkdir(in_work("disk"), 0755), 0);
    if (mount("none", in_work("disk"), "tmpfs", 0, "size=1m") != 0) {
        skip(); /* needs the privilege to mount */
    }
    tables_init(&t);
    fill_up(in_work("disk/trace"), &t, "No space left on device");
    assert_int_equal(umount(in_work("disk")), 0);
    tables_fini(&t);
}

static void test_file_too_large(void **state)
{
    struct tables t;
    struct rlimit was;
    (void)state;
    tables_init(&t);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    const struct rlimit limit = {1 << 20, was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    fill_up(in_work("limited"), &t, "File too large");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    tables_fini(&t);
}

/* --- Each call fails in turn --- */

static void check_fault(const struct script *s, const struct tables *t, const struct stg_event *events, uint64_t i,
                        int commit)
{
    faults_arm(FAULT_ERROR, i, i % 2 ? EIO : ENOSPC);
    const enum stg_status status = run_script(s, t, events, commit);
    const char *met = faults_met();
    faults_arm(FAULT_NONE, 0, 0);
    const char *message = stg_status_message();
    if (status != STG_OK && (strchr(message, '\n') != NULL || strstr(message, "Success") != NULL)) {
        fail_msg("fault %llu: %s", (unsigned long long)i, message);
    }
    assert_true(status == STG_OK || status == STG_ERR_IO || status == STG_ERR_MEMORY);
    if (commit) {
        const size_t n = assert_prefix(in_work("trace"), events, s->n, t);
        assert_true(status != STG_OK || n == s->n);
    } else if (access(in_work("trace"), F_OK) == 0 && (met == NULL || strcmp(met, "opendir") != 0)) {
        fail_msg("fault %llu (%s): left behind", (unsigned long long)i,
                 met); /* opendir: it was the removal that failed */
    }
    ctf_remove_directory(in_work("trace"));
}

static void test_faults(void **state)
{
    const struct script s = {.n = 300, .rotate_size = 10000};
    struct tables t;
    (void)state;
    tables_init(&t);
    struct stg_event *events = script_events(&s, &t);
    faults_arm(FAULT_ERROR, 0, 0);
    must(run_script(&s, &t, events, 1));
    const uint64_t n = faults_count();
    ctf_remove_directory(in_work("trace"));
    assert_true(n > 50);
    const uint64_t points = n < max_points() ? n : max_points();
    for (uint64_t k = 0; k < points; k++) {
        const uint64_t i = 1 + k * n / points;
        check_fault(&s, &t, events, i, 1);
        check_fault(&s, &t, events, i, 0);
    }
    for (enum fault fault = FAULT_INTERRUPT; fault <= FAULT_SHORT; fault++) {
        faults_arm(fault, 0, 0);
        must(run_script(&s, &t, events, 1));
        const uint64_t n_transfers = faults_count();
        ctf_remove_directory(in_work("trace"));
        for (uint64_t i = 1; i <= n_transfers; i += 1 + 4 * n_transfers / max_points()) {
            faults_arm(fault, i, 0);
            must(run_script(&s, &t, events, 1));
            faults_arm(FAULT_NONE, 0, 0);
            assert_int_equal(assert_prefix(in_work("trace"), events, s.n, &t), s.n);
            ctf_remove_directory(in_work("trace"));
        }
    }
    free(events);
    tables_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_calls),
        cmocka_unit_test(test_killed_while_growing),
        cmocka_unit_test(test_killed_while_rotating),
        cmocka_unit_test(test_killed_at_random),
        cmocka_unit_test_setup_teardown(test_killed_on_disk, to_disk, from_disk),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_file_too_large),
        cmocka_unit_test(test_faults),
    };
    stg_log_set_level(STG_LOG_ERROR); /* repaired traces are meant to be */
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
