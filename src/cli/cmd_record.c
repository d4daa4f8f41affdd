/* strange record: this machine's system calls into a trace. */
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/record_report.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/progress.h"
#include "event/syscalls.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_MARKERS 32
#define MAX_NUMBER  0x3fffffff /* of a call: the bit above is the door of x32 */
#define LOOK_NS     100000000u /* how long one poll may wait: how soon a signal or the end of --duration is seen */

struct settings {
    bool json, no_children, plain;
    const char *out, *user, *calls, *begin, *end, *ring, *max_size, *rotate_size, *flight_size, *trigger;
    struct stg_list cgroup, pid, comm, marker;
    int64_t duration_ns, rotate_ns, flight_ns;
    double sample;
};

static volatile sig_atomic_t snapshot_asked;

static void on_snapshot(int number)
{
    (void)number;
    snapshot_asked = 1;
}

/* What the option strings say, in the recorder's terms. */
struct plan {
    struct stg_record_options record;
    struct stg_ctf_settings trace;
    struct stg_marker *markers;
    int32_t *pids;
};

static enum stg_status add_marker(struct plan *p, const char *text, const char *what)
{
    if (text == NULL) {
        return STG_OK;
    }
    if (p->record.n_markers == MAX_MARKERS) {
        return stg_fail(STG_ERR_USAGE, "%s: at most %d markers in all", what, MAX_MARKERS);
    }
    return stg_marker_parse(&p->markers[p->record.n_markers++], text, what);
}

static enum stg_status plan_markers(struct plan *p, const struct settings *s)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&p->markers, MAX_MARKERS, sizeof *p->markers));
    p->record.markers = p->markers;
    if ((s->begin == NULL) != (s->end == NULL)) {
        return stg_fail(STG_ERR_USAGE, "--begin and --end go together: give both or neither");
    }
    STG_RETURN_IF_FAILED(add_marker(p, s->begin, "--begin"));
    STG_RETURN_IF_FAILED(add_marker(p, s->end, "--end"));
    if (s->begin != NULL && strcmp(p->markers[0].name, p->markers[1].name) == 0) {
        return stg_fail(STG_ERR_USAGE,
                        "--begin and --end are both called '%s', so that prepare could not tell them apart: give two "
                        "markers, or names with =NAME",
                        p->markers[0].name);
    }
    for (size_t i = 0; i < s->marker.n; i++) {
        STG_RETURN_IF_FAILED(add_marker(p, s->marker.items[i], "--marker"));
    }
    return STG_OK;
}

static enum stg_status plan_pids(struct plan *p, const struct settings *s)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&p->pids, s->pid.n, sizeof *p->pids));
    for (size_t i = 0; i < s->pid.n; i++) {
        uint64_t pid;
        STG_RETURN_IF_FAILED(stg_parse_u64(s->pid.items[i], "--pid", &pid));
        if (pid == 0 || pid > INT32_MAX) {
            return stg_fail(STG_ERR_USAGE, "--pid %s: there is no process of that number", s->pid.items[i]);
        }
        p->pids[i] = (int32_t)pid;
    }
    p->record.pids = p->pids;
    p->record.n_pids = s->pid.n;
    return STG_OK;
}

static enum stg_status plan_sizes(struct plan *p, const struct settings *s)
{
    uint64_t ring = 0;
    STG_RETURN_IF_FAILED(stg_parse_size(s->ring, "--ring", &ring));
    STG_RETURN_IF_FAILED(stg_parse_size(s->max_size, "--max-size", &p->trace.max_size));
    STG_RETURN_IF_FAILED(stg_parse_size(s->rotate_size, "--rotate-size", &p->trace.rotate_size));
    STG_RETURN_IF_FAILED(stg_parse_size(s->flight_size, "--flight-size", &p->trace.flight_size));
    if (ring > (uint64_t)1 << 30) {
        return stg_fail(STG_ERR_USAGE, "--ring: %s is more than 1G for each CPU", s->ring);
    }
    p->record.ring_size = ring;
    p->trace.rotate_ns = (uint64_t)s->rotate_ns;
    p->trace.flight_ns = (uint64_t)s->flight_ns;
    return STG_OK;
}

static enum stg_status check_flight(const struct settings *s)
{
    if (s->flight_ns == 0 && (s->trigger != NULL || s->flight_size != NULL)) {
        return stg_fail(STG_ERR_USAGE, s->trigger != NULL
                                           ? "--trigger writes what --flight keeps: give --flight TIME too"
                                           : "--flight-size is what --flight may take: give --flight TIME too");
    }
    if (s->flight_ns > 0 && (s->max_size != NULL || s->rotate_size != NULL || s->rotate_ns > 0)) {
        return stg_fail(STG_ERR_USAGE,
                        "--flight keeps the last TIME only: leave out --max-size, --rotate-size and --rotate-time");
    }
    return STG_OK;
}

static enum stg_status make_plan(struct plan *p, const struct settings *s, const struct stg_cli *cli)
{
    if (s->out == NULL) {
        return stg_fail(STG_ERR_USAGE, "-o DIR is missing: say where to write the trace");
    }
    if (cli->has_dashes &&
        cli->n_operands ==
            0) { /* an empty variable of a script; without a command all of the machine would be recorded */
        return stg_fail(STG_ERR_USAGE,
                        "there is no command behind --: give one, or leave -- out to record without a command");
    }
    stg_ctf_settings_default(&p->trace);
    p->record.command = cli->n_operands > 0 ? (char *const *)cli->operands : NULL;
    p->record.user = s->user;
    p->record.follow = !s->no_children;
    p->record.comms = s->comm.items;
    p->record.n_comms = s->comm.n;
    p->record.cgroups = s->cgroup.items;
    p->record.n_cgroups = s->cgroup.n;
    p->record.calls = s->calls;
    p->record.sample = s->sample;
    p->record.no_fd_kinds = p->record.no_paths = s->plain;
    STG_RETURN_IF_FAILED(plan_sizes(p, s));
    STG_RETURN_IF_FAILED(check_flight(s));
    STG_RETURN_IF_FAILED(plan_pids(p, s));
    return plan_markers(p, s);
}

static void free_plan(struct plan *p)
{
    stg_mem_free(p->markers);
    stg_mem_free(p->pids);
}

/* The recording under way. */
struct session {
    const struct settings *settings;
    struct stg_record *record;
    struct stg_ctf_writer *trace;
    struct stg_record_report report;
    struct stg_progress progress;
    uint64_t start_ns, ticked_ns;
    uint64_t triggered_ns; /* when the trigger last wrote a snapshot; 0: never */
    uint64_t n_failed;     /* snapshots that could not be written */
};

static int64_t offset_of_wall_clock(void)
{
    const int64_t mono = (int64_t)stg_clock_ns();
    return stg_clock_real_ns() - mono;
}

static enum stg_status put_list(struct stg_buffer *b, const char *option, const struct stg_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(b, "%s--%s %s", b->len > 0 ? " " : "", option, list->items[i]));
    }
    return STG_OK;
}

/* What was recorded, in the words of the options. */
static enum stg_status set_filters(struct session *x, const struct stg_cli *cli)
{
    enum stg_status status = STG_OK;
    struct stg_buffer b = STG_BUFFER_INIT;
    const struct settings *s = x->settings;
    STG_TRY(put_list(&b, "cgroup", &s->cgroup));
    STG_TRY(put_list(&b, "pid", &s->pid));
    STG_TRY(put_list(&b, "comm", &s->comm));
    if (s->calls != NULL) {
        STG_TRY(stg_buffer_printf(&b, "%s--calls %s", b.len > 0 ? " " : "", s->calls));
    }
    if (s->sample > 0) {
        STG_TRY(stg_buffer_printf(&b, "%s--sample %g", b.len > 0 ? " " : "", s->sample));
    }
    if (cli->n_operands > 0) {
        STG_TRY(stg_buffer_printf(&b, "%s-- %s", b.len > 0 ? " " : "", cli->operands[0]));
    }
    STG_TRY(stg_ctf_writer_set(x->trace, "filters", b.len == 0 ? "none" : b.data));
out:
    stg_buffer_fini(&b);
    return status;
}

static enum stg_status open_trace(struct session *x, struct plan *p, const struct stg_cli *cli)
{
    const struct stg_source *source = stg_record_source(x->record);
    struct stg_record_stats stats;
    stg_record_stats(x->record, &stats);
    p->trace.n_cpus = stats.n_cpus;
    p->trace.path = x->settings->out;
    p->trace.names = source->names;
    p->trace.comms = source->comms;
    p->trace.paths = source->paths;
    p->trace.has_clock = true;
    p->trace.last = &x->report.trace;
    p->trace.clock_offset_ns = offset_of_wall_clock();
    STG_RETURN_IF_FAILED(stg_ctf_writer_open(&x->trace, &p->trace));
    STG_RETURN_IF_FAILED(stg_ctf_writer_set_host(x->trace));
    STG_RETURN_IF_FAILED(stg_ctf_writer_set(x->trace, "command_line", cli->line));
    STG_RETURN_IF_FAILED(set_filters(x, cli));
    if (x->settings->begin != NULL) {
        STG_RETURN_IF_FAILED(stg_ctf_writer_set(x->trace, STG_MARKER_FACT_BEGIN, p->markers[0].name));
        STG_RETURN_IF_FAILED(stg_ctf_writer_set(x->trace, STG_MARKER_FACT_END, p->markers[1].name));
    }
    return stg_ctf_writer_set(x->trace, "strange_version", STG_VERSION);
}

static enum stg_status write_snapshot(struct session *x)
{
    char path[4096];
    const int len =
        snprintf(path, sizeof path, "%s/%06llu", x->settings->out, (unsigned long long)x->report.n_snapshots + 1);
    if (len < 0 || (size_t)len >= sizeof path) {
        return stg_fail(STG_ERR_USAGE, "-o: the path is too long");
    }
    STG_RETURN_IF_FAILED(stg_ctf_writer_snapshot(x->trace, path));
    x->report.n_snapshots++;
    stg_log(STG_LOG_INFO, "%s: written", path);
    return STG_OK;
}

/* What is kept is worth as much after a failure as before: the recording goes on, and the last snapshot may succeed. */
static void try_snapshot(struct session *x)
{
    if (write_snapshot(x) != STG_OK) {
        stg_log(STG_LOG_WARN, "%s: recording goes on", stg_status_message());
        x->n_failed++;
    }
}

static enum stg_status look_after(struct session *x, uint64_t now_ns)
{
    if (now_ns - x->ticked_ns >= 200000000) {
        x->ticked_ns = now_ns;
        STG_RETURN_IF_FAILED(stg_ctf_writer_tick(x->trace, now_ns));
        struct stg_record_stats stats;
        stg_record_stats(x->record, &stats);
        snprintf(x->progress.note, sizeof x->progress.note, "%llu lost", (unsigned long long)stats.n_lost);
        stg_progress_update(&x->progress, stats.n_events);
    }
    if (snapshot_asked && x->settings->flight_ns > 0) {
        snapshot_asked = 0;
        try_snapshot(x);
    }
    return STG_OK;
}

/* "syscall_600", "compat_syscall_600": calls are called so that have no name. */
static bool is_numbered(const char *name)
{
    char text[32];
    const bool compat = strncmp(name, "compat_", 7) == 0;
    const char *rest = name + (compat ? 7 : 0);
    if (strncmp(rest, "syscall_", 8) != 0) {
        return false;
    }
    const unsigned long long number = strtoull(rest + 8, NULL, 10);
    snprintf(text, sizeof text, "%ssyscall_%llu", compat ? "compat_" : "", number);
    return strcmp(text, name) == 0 && number <= MAX_NUMBER &&
           (compat ? stg_syscall_compat_name((int64_t)number) : stg_syscall_name((int64_t)number)) == NULL;
}

/* A trigger that no event can have would be noticed when it is needed. */
static enum stg_status check_trigger(const struct session *x)
{
    const char *name = x->settings->trigger;
    if (name == NULL || stg_strings_find(stg_record_source(x->record)->names, name, strlen(name)) != STG_STRINGS_NONE) {
        return STG_OK;
    }
    if (!is_numbered(name) && !stg_syscall_is_known(name)) {
        return stg_fail(STG_ERR_USAGE, "--trigger: there is no system call and no marker '%s'", name);
    }
    return stg_record_passes_call(x->record, name)
               ? STG_OK
               : stg_fail(STG_ERR_USAGE, "--trigger %s: --calls %s leaves this call out: add it", name,
                          x->settings->calls);
}

/* An event of the trigger's name writes what led to it; another one does so when none of that is in the next snapshot
 * again. */
static void look_for_trigger(struct session *x, const struct stg_event *events, size_t n, uint64_t now_ns)
{
    const char *trigger = x->settings->trigger;
    const bool armed = x->triggered_ns == 0 || now_ns - x->triggered_ns > (uint64_t)x->settings->flight_ns;
    if (trigger == NULL || !armed) {
        return;
    }
    const struct stg_strings *names = stg_record_source(x->record)->names;
    const char *synonym = stg_syscall_synonym(trigger);
    const uint32_t id = stg_strings_find(names, trigger, strlen(trigger));
    const uint32_t other = synonym == NULL ? id : stg_strings_find(names, synonym, strlen(synonym));
    for (size_t i = 0; (id != STG_STRINGS_NONE || other != STG_STRINGS_NONE) && i < n; i++) {
        const bool is_call_or_marker = events[i].kind == STG_EVENT_ENTRY || events[i].kind == STG_EVENT_MARKER;
        if (is_call_or_marker && (events[i].name == id || events[i].name == other)) {
            x->triggered_ns = now_ns;
            try_snapshot(x);
            return;
        }
    }
}

static enum stg_status record_all(struct session *x)
{
    const uint64_t duration_ns = (uint64_t)x->settings->duration_ns;
    enum stg_record_end end = STG_RECORD_GOES_ON;
    bool stopped = false;
    while (end == STG_RECORD_GOES_ON) {
        const struct stg_event *events;
        size_t n;
        const uint64_t now_ns = stg_clock_ns();
        const bool over = duration_ns > 0 && now_ns - x->start_ns >= duration_ns;
        if (!stopped && (over || stg_interrupt_asked())) {
            stopped = true;
            stg_record_stop(x->record);
        }
        STG_RETURN_IF_FAILED(look_after(x, now_ns));
        const uint64_t left_ns = duration_ns > 0 && !over ? x->start_ns + duration_ns - now_ns : LOOK_NS;
        STG_RETURN_IF_FAILED(stg_record_poll(x->record, left_ns < LOOK_NS ? left_ns : LOOK_NS, &events, &n, &end));
        STG_RETURN_IF_FAILED(stg_sink_put(stg_ctf_writer_sink(x->trace), events, n));
        look_for_trigger(x, events, n, now_ns);
    }
    x->report.end = end;
    return STG_OK;
}

static uint64_t own_cpu_ns(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0 ? (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec : 0;
}

static void fill_report(struct session *x, uint64_t cpu_ns, bool has_command)
{
    x->report.path = x->settings->out;
    x->report.cpu_ns = own_cpu_ns() - cpu_ns;
    x->report.busy_ns = stg_clock_ns() - x->start_ns;
    x->report.command_status = stg_record_command_status(x->record);
    x->report.command_runs = has_command && x->report.command_status == -1;
    x->report.command_refused = stg_record_command_refused(x->record);
    stg_record_stats(x->record, &x->report.record);
    x->report.wall_ns = x->report.record.recorded_ns;
}

/* The trace of what was recorded stays in any case. After a failure a command does not go on unrecorded. */
static enum stg_status finish(struct session *x, enum stg_status status, uint64_t cpu_ns, bool has_command)
{
    char message[STG_STATUS_MESSAGE_SIZE];
    snprintf(message, sizeof message, "%s", stg_status_message());
    if (status != STG_OK) {
        stg_record_stop(x->record);
        x->report.end = STG_RECORD_STOPPED;
    }
    fill_report(x, cpu_ns, has_command);
    enum stg_status last = stg_record_set_facts(x->trace, &x->report);
    if (last == STG_OK && x->settings->flight_ns > 0) {
        last = write_snapshot(x);
    }
    if (last == STG_OK && x->n_failed > 0) {
        last = stg_fail(STG_ERR_IO, "%s: %llu snapshot%s could not be written: a warning of each says why",
                        x->settings->out, (unsigned long long)x->n_failed, x->n_failed == 1 ? "" : "s");
    }
    const enum stg_status closed = stg_sink_close(stg_ctf_writer_sink(x->trace), 1);
    x->trace = NULL;
    if (status != STG_OK) {
        return stg_fail(status, "%s", message);
    }
    return last != STG_OK ? last : closed;
}

static enum stg_status run_session(struct session *x, const struct stg_cli *cli)
{
    const uint64_t cpu_ns = own_cpu_ns();
    x->start_ns = x->ticked_ns = stg_clock_ns();
    STG_RETURN_IF_FAILED(stg_interrupt_check());       /* asked to stop while it attached: the command does not run */
    STG_RETURN_IF_FAILED(stg_record_start(x->record)); /* a command that does not run leaves no trace */
    stg_progress_start(&x->progress, "record", "events", 0);
    x->progress.enabled = x->progress.enabled && !cli->no_progress;
    stg_log(STG_LOG_INFO, "recording to %s; Ctrl-C ends it", x->settings->out);
    enum stg_status status = record_all(x);
    stg_progress_finish(&x->progress);
    status = finish(x, status, cpu_ns, cli->n_operands > 0);
    if (status != STG_OK) {
        stg_record_say_command(&x->report);
        return status;
    }
    stg_record_say(&x->report);
    return x->settings->json ? stg_record_print_json(&x->report) : STG_OK;
}

static void install_snapshot_signal(void)
{
    struct sigaction action = {.sa_handler = on_snapshot};
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
}

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    struct session x = {.settings = context};
    struct plan p = {0};
    enum stg_status status = STG_OK;
    (void)exit_code;
    STG_TRY(make_plan(&p, x.settings, cli));
    install_snapshot_signal();
    STG_TRY(stg_record_open(&x.record, &p.record));
    STG_TRY(check_trigger(&x));
    STG_TRY(stg_record_drop_privileges(x.record));
    STG_TRY(open_trace(&x, &p, cli));
    STG_TRY(run_session(&x, cli));
out:
    if (x.trace != NULL && stg_sink_close(stg_ctf_writer_sink(x.trace), 0) != STG_OK) {
        status = status == STG_OK ? STG_ERR_IO : status;
    }
    stg_record_close(x.record);
    free_plan(&p);
    return status;
}

#define GROUP_WHAT   "What to record (kinds given together must all agree)"
#define GROUP_MARKER "Markers"
#define GROUP_HOW    "How long, and how much to keep"

static const struct stg_option options[] = {
    {.name = "output",
     .letter = 'o',
     .arg = "DIR",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, out),
     .help = "where to write the trace; the directory is made, or is empty"},
    STG_OPTION_JSON(struct settings, "print the summary as one JSON object"),
    {.name = "cgroup",
     .arg = "PATH…",
     .type = STG_OPTION_LIST,
     .offset = offsetof(struct settings, cgroup),
     .group = GROUP_WHAT,
     .help = "the threads in this cgroup (v2) and below"},
    {.name = "pid",
     .arg = "PID…",
     .type = STG_OPTION_LIST,
     .offset = offsetof(struct settings, pid),
     .group = GROUP_WHAT,
     .help = "these processes, and the children that they have from now on"},
    {.name = "comm",
     .arg = "NAME…",
     .type = STG_OPTION_LIST,
     .offset = offsetof(struct settings, comm),
     .group = GROUP_WHAT,
     .help = "threads of this name, or whose process has it"},
    {.name = "no-children",
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct settings, no_children),
     .group = GROUP_WHAT,
     .help = "do not follow the children of --pid and of the command"},
    {.name = "calls",
     .arg = "LIST",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, calls),
     .group = GROUP_WHAT,
     .fallback = "all",
     .help = "system calls, with commas: read,write for these only, !futex,!poll for all but these"},
    {.name = "sample",
     .arg = "PART",
     .type = STG_OPTION_DOUBLE,
     .offset = offsetof(struct settings, sample),
     .min = 0.0001,
     .max = 1,
     .group = GROUP_WHAT,
     .fallback = "1",
     .help = "this part of the processes, each of them whole"},
    {.name = "user",
     .arg = "NAME",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, user),
     .group = GROUP_WHAT,
     .fallback = "who called sudo, else the caller",
     .help = "run the command as this user"},
    {.name = "begin",
     .arg = "MARKER",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, begin),
     .group = GROUP_MARKER,
     .help = "where a request begins: uprobe:PATH:SYMBOL, uretprobe:PATH:SYMBOL or usdt:PATH:PROVIDER:NAME, each with "
             "=NAME for the "
             "name of its events"},
    {.name = "end",
     .arg = "MARKER",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, end),
     .group = GROUP_MARKER,
     .help = "where it ends"},
    {.name = "marker",
     .arg = "MARKER…",
     .type = STG_OPTION_LIST,
     .offset = offsetof(struct settings, marker),
     .group = GROUP_MARKER,
     .help = "other points to record"},
    {.name = "duration",
     .arg = "TIME",
     .type = STG_OPTION_DURATION,
     .not_0 = true,
     .offset = offsetof(struct settings, duration_ns),
     .group = GROUP_HOW,
     .fallback = "until SIGINT, SIGTERM, SIGHUP or the end of what is recorded",
     .help = "stop after this long"},
    {.name = "ring",
     .arg = "SIZE",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, ring),
     .group = GROUP_HOW,
     .fallback = "16M, less on machines with more than 16 CPUs",
     .help = "bytes of a CPU's ring buffer (64K, 16M)"},
    {.name = "max-size",
     .arg = "SIZE",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, max_size),
     .group = GROUP_HOW,
     .help = "bytes of the trace at most: the oldest part is removed"},
    {.name = "rotate-size",
     .arg = "SIZE",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, rotate_size),
     .group = GROUP_HOW,
     .help = "begin a new part of the trace after so many bytes"},
    {.name = "rotate-time",
     .arg = "TIME",
     .type = STG_OPTION_DURATION,
     .not_0 = true,
     .offset = offsetof(struct settings, rotate_ns),
     .group = GROUP_HOW,
     .help = "begin a new part of the trace after this long"},
    {.name = "flight",
     .arg = "TIME",
     .type = STG_OPTION_DURATION,
     .not_0 = true,
     .offset = offsetof(struct settings, flight_ns),
     .group = GROUP_HOW,
     .help = "flight recorder: keep the last TIME in memory and write it into DIR on SIGUSR1 and at the end"},
    {.name = "flight-size",
     .arg = "SIZE",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, flight_size),
     .group = GROUP_HOW,
     .fallback = "256M",
     .help = "memory that --flight may take"},
    {.name = "trigger",
     .arg = "EVENT",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, trigger),
     .group = GROUP_HOW,
     .help = "also write it when a marker or system call of this name occurs, at most once in the TIME of --flight"},
    {.name = "plain",
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct settings, plain),
     .group = GROUP_HOW,
     .help = "leave out what descriptors refer to and the names of files: less work for each call"},
};

static const char *const description[] = {
    "Records entry and exit of system calls with arguments, return value, process, thread and cgroup, by eBPF, into a "
    "CTF trace that "
    "prepare, babeltrace2 and Trace Compass read. Without a filter it records the whole machine but for itself. Needs "
    "root, or CAP_BPF and "
    "CAP_PERFMON; `strange doctor` says what is missing.",
    "A command runs as the user who called sudo. The recording ends with the last of its processes; its exit status is "
    "said on standard "
    "error and stored in the trace. With --pid or --cgroup it ends when the last of these has ended or is gone.",
    "What the ring buffers have no room for is counted by CPU and is a gap in the trace, where it happened.",
    NULL,
};

static const struct stg_example examples[] = {
    {"sudo strange record -o good-run -- make test", "a command and its descendants"},
    {"sudo strange record --cgroup /sys/fs/cgroup/system.slice/nginx.service --duration 30s -o nginx",
     "a service for half a minute"},
    {"sudo strange record --pid 1234 --begin uprobe:/usr/sbin/apache2:ap_run_process_connection --end "
     "uretprobe:/usr/sbin/apache2:ap_run_process_connection -o web",
     "with markers, by which prepare cuts requests"},
    {"sudo strange record --flight 30s -o incident",
     "keep the last half minute; `pkill -USR1 -f '^strange record'` writes it"},
    {NULL, NULL},
};

const struct stg_command stg_command_record = {
    .name = "record",
    .summary = "record this machine's system calls into a trace (eBPF)",
    .operands = "-o DIR [-- COMMAND…]",
    .n_max = SIZE_MAX,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .exit_status = "0 recorded (whatever the command returned), 2 failure",
    .ends_in_order = true, /* the rings hold events */
    .settings_size = sizeof(struct settings),
    .run = run,
};
