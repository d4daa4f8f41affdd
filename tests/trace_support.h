/* What the tests of the CTF writer have in common: random events with their tables, what a reader must find of them,
 * and babeltrace2. */
#ifndef STG_TESTS_TRACE_SUPPORT_H
#define STG_TESTS_TRACE_SUPPORT_H

#include "import_support.h"
#include "test_import_ctf_support.h"

#include "base/buffer.h"
#include "base/rng.h"
#include "must.h"
#include "trace/ctf_writer.h"

#define N_TEST_CPUS 5

static char work[256]; /* a directory for the traces that are made here */

static inline int set_up(void **state)
{
    (void)state;
    ctf_make_directory(work, sizeof work);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    ctf_remove_directory(work);
    return 0;
}

/* A path in it; the last four stay valid. */
static inline const char *in_work(const char *name)
{
    static char paths[4][512];
    static int at;
    at = (at + 1) % 4;
    (void)snprintf(paths[at], sizeof paths[at], "%s/%s", work, name);
    return paths[at];
}

struct tables {
    struct stg_strings *names, *comms, *paths;
};

/* Names that a careless writer or reader would get wrong. */
static const char *const test_markers[] = {"httpd:enter_event_handler",
                                           "uprobe:/usr/sbin/httpd:ap_run_process_connection",
                                           "sys_like",
                                           "syscall_entry_read",
                                           "a \"quoted\" \\ name",
                                           "marker:marker:x",
                                           "sched_switch",
                                           "strange:begin",
                                           "raw_syscalls:sys_enter",
                                           "exit_syscall",
                                           "äöü"};
static const char *const test_calls[] = {"read",        "write",      "openat",       "getpid", "execve",
                                         "syscall_335", "exit_group", "no_such_call", "futex"};
static const char *const test_comms[] = {"apache2", "a", "fifteen_letters", "php-fpm8.2", "kworker/0:1-ev"};
static const char *const test_paths[] = {"/etc/passwd", "", "relative/path with space", "/ä/\"q\"", "/tmp/x"};

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline void put_names(struct stg_strings *to, const char *const *names, size_t n)
{
    uint32_t id;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(stg_strings_put(to, names[i], strlen(names[i]), &id), STG_OK);
    }
}

static inline void tables_init(struct tables *t)
{
    assert_int_equal(stg_strings_new(&t->names), STG_OK);
    assert_int_equal(stg_strings_new(&t->comms), STG_OK);
    assert_int_equal(stg_strings_new(&t->paths), STG_OK);
    put_names(t->names, test_markers, N_OF(test_markers));
    put_names(t->names, test_calls, N_OF(test_calls));
    put_names(t->comms, test_comms, N_OF(test_comms));
    put_names(t->paths, test_paths, N_OF(test_paths));
}

static inline void tables_fini(struct tables *t)
{
    stg_strings_free(t->names);
    stg_strings_free(t->comms);
    stg_strings_free(t->paths);
}

static inline void random_call(struct stg_event *e, struct stg_rng *rng)
{
    const bool entry = stg_rng_below(rng, 2) == 0;
    e->kind = entry ? STG_EVENT_ENTRY : STG_EVENT_EXIT;
    e->name = (uint32_t)(N_OF(test_markers) + stg_rng_below(rng, N_OF(test_calls)));
    if (!entry) {
        const uint64_t form = stg_rng_below(rng, 8);
        e->has |= form == 0 ? 0 : form == 1 ? STG_HAS_CLASS : STG_HAS_RET;
        e->ret = form == 0   ? 0
                 : form == 1 ? -(int64_t)stg_rng_below(rng, 2)
                             : (int64_t)stg_rng_next(rng) >> stg_rng_below(rng, 64);
    }
    if (stg_rng_below(rng, 2) == 0) {
        e->has |= STG_HAS_RUNNABLE;
        e->runnable = (uint8_t)(1 + stg_rng_below(rng, 31));
    }
    if (stg_rng_below(rng, 3) == 0) {
        e->has |= STG_HAS_FD;
        e->fd_kind = (uint8_t)stg_rng_below(rng, STG_N_FD_KINDS);
    }
    if (stg_rng_below(rng, 5) == 0) {
        e->has |= STG_HAS_PATH;
        e->path = (uint32_t)stg_rng_below(rng, N_OF(test_paths));
    }
}

static inline void random_event(struct stg_event *e, struct stg_rng *rng, uint64_t ns)
{
    *e = (struct stg_event){
        .ts_ns = ns, .comm = STG_NAME_NONE, .has = STG_HAS_TIME, .cpu = (int32_t)stg_rng_below(rng, N_TEST_CPUS)};
    const uint64_t what = stg_rng_below(rng, 100);
    e->has |= e->cpu == N_TEST_CPUS - 1 ? 0 : STG_HAS_CPU; /* the last one stands for events without a CPU */
    e->cpu = e->cpu == N_TEST_CPUS - 1 ? 0 : e->cpu * 3;
    if (what < 4) {
        e->kind = STG_EVENT_LOST;
        e->name = STG_NAME_NONE;
        e->has |= what == 0 ? 0 : STG_HAS_COUNT;
        e->n_lost = what == 0 ? 1 : 1 + stg_rng_below(rng, 1000);
        return;
    }
    if (what < 8) {
        e->kind = what < 6 ? STG_EVENT_BEGIN : STG_EVENT_END;
        e->name = STG_NAME_NONE;
    } else if (what < 20) {
        e->kind = STG_EVENT_MARKER;
        e->name = (uint32_t)stg_rng_below(rng, N_OF(test_markers));
    } else {
        random_call(e, rng);
    }
    if (e->kind == STG_EVENT_ENTRY || e->kind == STG_EVENT_MARKER) {
        e->n_args = (uint8_t)stg_rng_below(rng, STG_EVENT_MAX_ARGS + 1);
        for (int i = 0; i < e->n_args; i++) {
            e->args[i] = stg_rng_next(rng);
        }
    }
    const uint64_t known = stg_rng_next(rng);
    if (known & 3) {
        e->has |= STG_HAS_PID | STG_HAS_TID;
        e->pid = (int32_t)(known >> 40 & 0x3fffff);
        e->tid = e->pid == 0 ? 0 : e->pid + 1;
    }
    if (known & 12) {
        e->has |= STG_HAS_COMM;
        e->comm = (uint32_t)stg_rng_below(rng, N_OF(test_comms));
    }
    if (known & 16) {
        e->has |= STG_HAS_CGROUP;
        e->cgroup_id = 1 + (known >> 8 & 0xffff);
    }
}

/* n events in time order, with steps from 0 to more than 2^32 ns. */
static inline struct stg_event *random_events(size_t n, uint64_t seed)
{
    struct stg_rng rng;
    uint64_t ns = 5000000000;
    struct stg_event *events = calloc(n, sizeof *events);
    assert_non_null(events);
    stg_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) {
        const uint64_t step = stg_rng_below(&rng, 1000);
        ns += step < 5     ? 0
              : step < 990 ? step * 7
              : step < 996 ? UINT64_C(1) << (20 + step - 990)
                           : UINT32_MAX - 1 + (step - 996);
        random_event(&events[i], &rng, ns);
    }
    return events;
}

static inline uint64_t bytes_below(const char *path)
{
    char command[600];
    unsigned long long n = 0;
    (void)snprintf(command, sizeof command,
                   "find '%s' -type f -name '[!.]*' -printf '%%s\\n' | awk '{ n += $1 } END { print n + 0 }'", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%llu", &n), 1);
    pclose(pipe);
    return n;
}

/* One line per event, the same for what was put and what was read. */
static inline void describe(struct stg_buffer *b, const struct stg_event *e, const struct stg_strings *names,
                            const struct stg_strings *comms, const struct stg_strings *paths)
{
    enum stg_status status =
        stg_buffer_printf(b, "%llu k%d cpu%d has%x '%s' '%s' p%d t%d g%llu r%lld l%llu fd%d run%d '%s'",
                          (unsigned long long)e->ts_ns, e->kind, (e->has & STG_HAS_CPU) ? e->cpu : -1, e->has,
                          e->name == STG_NAME_NONE ? "-" : stg_strings_get(names, e->name),
                          (e->has & STG_HAS_COMM) ? stg_strings_get(comms, e->comm) : "-", e->pid, e->tid,
                          (unsigned long long)e->cgroup_id, (long long)e->ret, (unsigned long long)e->n_lost,
                          e->fd_kind, e->runnable, (e->has & STG_HAS_PATH) ? stg_strings_get(paths, e->path) : "-");
    for (int i = 0; status == STG_OK && i < e->n_args; i++) {
        status = stg_buffer_printf(b, " %llx", (unsigned long long)e->args[i]);
    }
    assert_int_equal(status, STG_OK);
    assert_int_equal(stg_buffer_put(b, "\n", 1), STG_OK);
}

/* The events of one CPU as text; −1: those without. Events of different CPUs with the same time have no order in
 * CTF. */
static inline char *describe_cpu(const struct stg_event *events, size_t n, const struct tables *t, int cpu)
{
    struct stg_buffer b = STG_BUFFER_INIT;
    assert_int_equal(stg_buffer_put(&b, "", 0), STG_OK);
    for (size_t i = 0; i < n; i++) {
        if (((events[i].has & STG_HAS_CPU) != 0 ? events[i].cpu : -1) == cpu) {
            describe(&b, &events[i], t->names, t->comms, t->paths);
        }
    }
    return b.data;
}

static inline void assert_same_events(const struct stg_event *put, size_t n_put, const struct tables *t,
                                      const struct reading *r)
{
    const struct tables read = {r->source->names, r->source->comms, r->source->paths};
    assert_int_equal(r->n, n_put);
    for (int cpu = -1; cpu < 3 * N_TEST_CPUS; cpu++) {
        char *a = describe_cpu(put, n_put, t, cpu), *b = describe_cpu(r->events, r->n, &read, cpu);
        for (size_t i = 0; a[i] != '\0' || b[i] != '\0'; i++) {
            if (a[i] != b[i]) {
                const size_t from = i < 300 ? 0 : i - 300;
                print_error("CPU %d, put:\n%.500s\nread:\n%.500s\n", cpu, a + from, b + from);
                fail();
            }
        }
        stg_mem_free(a);
        stg_mem_free(b);
    }
}

static inline void settings_init(struct stg_ctf_settings *s, const struct tables *t, const char *path)
{
    stg_ctf_settings_default(s);
    s->path = path;
    s->names = t->names;
    s->comms = t->comms;
    s->paths = t->paths;
    s->packet_size = 8192;
}

static inline void assert_message(const char *part)
{
    const char *message = stg_status_message();
    if (strstr(message, part) == NULL || strchr(message, '\n') != NULL) {
        fail_msg("got: %s; wanted one line with: %s", message, part);
    }
}

/* A writer for path is refused with one line that has this part. */
static inline void refused(struct stg_ctf_settings *settings, const char *path, enum stg_status wanted,
                           const char *part)
{
    struct stg_ctf_writer *w = NULL;
    settings->path = path;
    assert_int_equal(stg_ctf_writer_open(&w, settings), wanted);
    assert_null(w);
    assert_message(part);
}

static inline void write_events(const struct stg_ctf_settings *s, const struct stg_event *events, size_t n,
                                struct stg_ctf_stats *stats)
{
    struct stg_ctf_writer *w = NULL;
    must(stg_ctf_writer_open(&w, s));
    for (size_t i = 0; i < n; i += 100) {
        must(stg_sink_put(stg_ctf_writer_sink(w), events + i, n - i < 100 ? n - i : 100));
    }
    stg_ctf_writer_stats(w, stats);
    must(stg_sink_close(stg_ctf_writer_sink(w), 1));
}

static inline void must_read_trace(struct reading *r, const char *path)
{
    must(reading_init(r, &stg_import_ctf, path));
}

/* Lines that babeltrace2 prints for a trace, −1 when it fails; *visit per line may be NULL. */
static inline long babeltrace_lines(const char *path, void (*visit)(void *, const char *), void *context)
{
    char command[600], line[8192];
    long n = 0;
    (void)snprintf(command, sizeof command, "babeltrace2 --clock-cycles '%s' 2>/dev/null", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fgets(line, sizeof line, pipe) != NULL) {
        n++;
        if (visit != NULL) {
            visit(context, line);
        }
    }
    return pclose(pipe) == 0 ? n : -1;
}

static inline bool has_babeltrace(void)
{
    return system("command -v babeltrace2 >/dev/null 2>&1") == 0;
}

#endif
