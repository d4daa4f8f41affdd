#include "lab/session.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "lab/account.h"
#include "lab/process.h"
#include "lab/text.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TURN_NS    UINT64_C(250000000)
#define STOP_NS    UINT64_C(60000000000) /* the recorder has so long to write what it holds */
#define MIN_NS     UINT64_C(2000000000)  /* a window holds at least two bursts of the load */
#define N_SYNCS    16
#define SYNC_BYTES 4096

struct session {
    const struct stg_session_settings *s;
    const struct stg_run *run;
    const char *trace;
    struct stg_servers servers;
    pid_t load, recorder;
    double *values;
    char load_out[256], load_err[256], recorder_out[256], recorder_err[256], error_log[256];
};

/* Mean time of a small write with fdatasync() beside the servers' folder, in ms: how fast is the disk at this moment?
 * Not in that folder, which is not root's: a link there would say where root writes. gap_ns lies between two; it ends
 * early at end_ns. */
static enum stg_status sync_time(const char *top, uint64_t gap_ns, uint64_t end_ns, double *ms)
{
    char path[256], block[SYNC_BYTES] = {0};
    double sum = 0;
    enum stg_status status = STG_OK;
    snprintf(path, sizeof path, "%.200s/log/sync-probe", top);
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return stg_fail_errno("%s", path);
    }
    uint64_t start = stg_clock_ns();
    size_t n = 0;
    for (; n < N_SYNCS && status == STG_OK && (n == 0 || start < end_ns); n++) {
        start = stg_clock_ns();
        if (pwrite(fd, block, sizeof block, 0) != (ssize_t)sizeof block || fdatasync(fd) != 0) {
            status = stg_fail_errno("%s", path);
        }
        sum += (double)(stg_clock_ns() - start) / 1e6;
        if (gap_ns > 0) {
            stg_sleep_ns(gap_ns);
        }
        if (stg_interrupt_asked()) {
            status = stg_interrupt_check();
        }
    }
    close(fd);
    if (status == STG_OK) {
        *ms = sum / (double)n;
    }
    return status;
}

static enum stg_status start_load(struct session *x)
{
    char port[32], tls[16], path[160], rate[32], burst[32], connections[32], seed[40], status[32];
    const struct stg_session_settings *s = x->s;
    snprintf(port, sizeof port, "port=%u", x->servers.port);
    snprintf(tls, sizeof tls, "tls=%d", x->servers.tls);
    snprintf(path, sizeof path, "path=%s", x->servers.page);
    snprintf(rate, sizeof rate, "rate=%u", s->rate);
    snprintf(burst, sizeof burst, "burst=%u", s->burst);
    snprintf(connections, sizeof connections, "connections=%u", s->connections);
    snprintf(seed, sizeof seed, "seed=%llu", (unsigned long long)x->run->seed);
    snprintf(status, sizeof status, "status=%u", x->servers.scenario->status);
    const char *const argv[] = {s->stage->load, port, tls, path, rate, burst, connections, seed, status, NULL};
    const struct stg_process_settings p = {
        .argv = argv, .cgroup = s->stage->client_cgroup, .out = x->load_out, .err = x->load_err};
    return stg_process_start(&x->load, &p);
}

static bool same_tasks(const struct stg_tasks *a, const struct stg_tasks *b)
{
    return a->n_threads == b->n_threads && stg_tasks_new(a->threads, a->n_threads, b->threads, b->n_threads) == 0;
}

/* Load runs; waits until the servers' tasks stay the same. */
static enum stg_status settle(struct session *x)
{
    const struct stg_session_settings *s = x->s;
    const uint64_t start = stg_clock_ns();
    uint64_t changed = start, now = start;
    struct stg_tasks tasks = {0};
    enum stg_status status = STG_OK;
    while (now - start < s->warm_up_ns || now - changed < s->settle_ns) {
        struct stg_tasks seen;
        if (now - start > s->max_warm_ns) {
            status =
                stg_fail(STG_ERR_IO,
                         "the servers have not settled within %llu s: %zu processes and %zu threads now; see --settle",
                         (unsigned long long)(s->max_warm_ns / 1000000000), tasks.n_processes, tasks.n_threads);
            break;
        }
        stg_sleep_ns(TURN_NS);
        STG_TRY(stg_interrupt_check());
        STG_TRY(stg_servers_check(&x->servers));
        STG_TRY(stg_process_check(&x->load, "the load", x->load_err));
        STG_TRY(stg_cgroup_tasks(&seen, s->stage->server_cgroup));
        now = stg_clock_ns();
        if (!same_tasks(&tasks, &seen)) {
            changed = now;
        }
        stg_tasks_fini(&tasks);
        tasks = seen;
    }
    x->values[STG_MEASURE_SETTLED_AFTER] = (double)(now - start) / 1e9;
out:
    stg_tasks_fini(&tasks);
    return status;
}

static enum stg_status start_recorder(struct session *x)
{
    char begin[STG_LAB_PATH + 64], end[STG_LAB_PATH + 64], confirm[STG_LAB_PATH + 64];
    const struct stg_stage *st = x->s->stage;
    if (x->s->recorder == NULL) {
        return STG_OK;
    }
    snprintf(begin, sizeof begin, "uprobe:%s:ap_run_process_connection=httpd:enter_event_handler", st->apache);
    snprintf(end, sizeof end, "uretprobe:%s:ap_run_process_connection=httpd:exit_event_handler", st->apache);
    snprintf(confirm, sizeof confirm, "uprobe:%s:ap_process_async_request=httpd:process_request", st->apache);
    const char *const argv[] = {x->s->recorder, "record", "--json", "--cgroup", st->server_cgroup,
                                "--begin",      begin,    "--end",  end,        "--marker",
                                confirm,        "-o",     x->trace, NULL};
    const struct stg_process_settings p = {
        .argv = argv, .cgroup = st->tools_cgroup, .out = x->recorder_out, .err = x->recorder_err};
    return stg_process_start(&x->recorder, &p);
}

/* It makes the trace when all is attached. The first moments after that are recorded and skipped later. */
static enum stg_status wait_recorder(struct session *x)
{
    char made[1024];
    const uint64_t start = stg_clock_ns();
    if (x->recorder == 0) {
        return STG_OK;
    }
    snprintf(made, sizeof made, "%.1000s/metadata", x->trace);
    for (;;) {
        const bool ready = access(made, F_OK) == 0;
        stg_sleep_ns(ready ? x->s->lead_ns : TURN_NS / 4);
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        STG_RETURN_IF_FAILED(stg_process_check(&x->recorder, "strange record", x->recorder_err));
        if (ready) {
            return STG_OK;
        }
        if (stg_clock_ns() - start > STOP_NS) {
            return stg_fail(STG_ERR_IO, "strange record: has not begun after 60 s");
        }
    }
}

/* Stops it as Ctrl-C does, and takes what it says of lost events. */
static enum stg_status stop_recorder(struct session *x)
{
    int code = 0;
    char line[512];
    if (x->recorder == 0) {
        return STG_OK;
    }
    kill(x->recorder, SIGINT);
    STG_RETURN_IF_FAILED(stg_process_wait(x->recorder, STOP_NS, "strange record", &code));
    x->recorder = 0;
    if (code != 0) {
        stg_process_complaint(x->recorder_err, line, sizeof line);
        return stg_fail(STG_ERR_IO, "strange record: exit status %d: %s", code, line);
    }
    json_t *summary = stg_text_json(x->recorder_out);
    x->values[STG_MEASURE_LOST] = json_number_value(json_object_get(summary, "lost"));
    json_decref(summary);
    return STG_OK;
}

struct snapshot {
    struct stg_cpu_times times;
    struct stg_tasks tasks;
    uint64_t lab_ns, beside_ns, log_size, ns;
};

static enum stg_status take_snapshot(const struct session *x, struct snapshot *out)
{
    const struct stg_stage *st = x->s->stage;
    STG_RETURN_IF_FAILED(stg_cpu_read(&out->times));
    STG_RETURN_IF_FAILED(stg_cgroup_cpu(st->cgroup, &out->lab_ns));
    STG_RETURN_IF_FAILED(stg_cgroup_cpu(st->beside_cgroup, &out->beside_ns));
    STG_RETURN_IF_FAILED(stg_cgroup_tasks(&out->tasks, st->server_cgroup));
    out->log_size = stg_text_size(x->error_log);
    out->ns = stg_clock_ns();
    return STG_OK;
}

static void compare_snapshots(struct session *x, const struct snapshot *a, const struct snapshot *b)
{
    double *v = x->values;
    const double ns = (double)(b->ns - a->ns);
    const struct stg_cpu_shares shares = stg_cpu_share(&a->times, &b->times, b->lab_ns - a->lab_ns);
    v[STG_MEASURE_SECONDS] = ns / 1e9;
    v[STG_MEASURE_LAB_CPU_SHARE] = shares.lab;
    v[STG_MEASURE_FOREIGN_CPU_SHARE] = shares.foreign;
    v[STG_MEASURE_STEAL_CPU_SHARE] = shares.steal;
    v[STG_MEASURE_BESIDE_CPUS] = (double)(b->beside_ns - a->beside_ns) / ns;
    v[STG_MEASURE_NEW_PROCESSES] =
        (double)stg_tasks_new(a->tasks.processes, a->tasks.n_processes, b->tasks.processes, b->tasks.n_processes);
    v[STG_MEASURE_NEW_THREADS] =
        (double)stg_tasks_new(a->tasks.threads, a->tasks.n_threads, b->tasks.threads, b->tasks.n_threads);
    v[STG_MEASURE_LOG_BYTES_PER_REQUEST] =
        (double)(b->log_size - a->log_size); /* divided once the requests are known */
}

/* The window: the load counts from SIGUSR1 to SIGUSR2. */
static enum stg_status run_window(struct session *x)
{
    enum stg_status status = STG_OK;
    struct snapshot before = {0}, after = {0};
    double sync_ms = 0;
    const uint64_t asked = (uint64_t)x->run->requests * UINT64_C(1000000000) / x->s->rate;
    const uint64_t length = asked < MIN_NS ? MIN_NS : asked;
    const uint64_t gap = length / (N_SYNCS + 1) < 4 * TURN_NS ? length / (N_SYNCS + 1) : 4 * TURN_NS;
    STG_TRY(take_snapshot(x, &before));
    kill(x->load, SIGUSR1);
    STG_TRY(sync_time(x->s->stage->top, gap, before.ns + length, &sync_ms));
    while (stg_clock_ns() - before.ns < length) {
        const uint64_t left = length - (stg_clock_ns() - before.ns);
        stg_sleep_ns(left < TURN_NS ? left : TURN_NS);
        STG_TRY(stg_interrupt_check());
        STG_TRY(stg_servers_check(&x->servers));
        STG_TRY(stg_process_check(&x->load, "the load", x->load_err));
        STG_TRY(stg_process_check(&x->recorder, "strange record", x->recorder_err));
    }
    kill(x->load, SIGUSR2);
    STG_TRY(take_snapshot(x, &after));
    compare_snapshots(x, &before, &after);
    x->values[STG_MEASURE_SYNC_SLOWDOWN] =
        sync_ms / x->values[STG_MEASURE_SYNC_SLOWDOWN]; /* which held the time before */
out:
    stg_tasks_fini(&before.tasks);
    stg_tasks_fini(&after.tasks);
    return status;
}

static double count_of(const json_t *counts, const char *key)
{
    return json_number_value(json_object_get(counts, key));
}

static double ratio(double part, double of)
{
    return of > 0 ? part / of : 0;
}

static enum stg_status stop_load(struct session *x)
{
    int code = 0;
    double *v = x->values;
    kill(x->load, SIGTERM);
    STG_RETURN_IF_FAILED(stg_process_wait(x->load, STOP_NS, "the load", &code));
    x->load = 0;
    json_t *c = stg_text_json(x->load_out);
    if (c == NULL || code > 1) {
        char line[512];
        json_decref(c);
        stg_process_complaint(x->load_err, line, sizeof line);
        return stg_fail(STG_ERR_IO, "the load: exit status %d: %s", code, line);
    }
    const double answered = count_of(c, "answered"), due = count_of(c, "due");
    v[STG_MEASURE_REQUESTS] = answered;
    v[STG_MEASURE_RATE] = ratio(answered * 1e9, count_of(c, "ns"));
    v[STG_MEASURE_ANSWERED_SHARE] = ratio(answered, due);
    v[STG_MEASURE_FAILED_SHARE] = ratio(count_of(c, "failed") + count_of(c, "other_status"), due);
    v[STG_MEASURE_P50_MS] = count_of(c, "p50_ns") / 1e6;
    v[STG_MEASURE_P99_MS] = count_of(c, "p99_ns") / 1e6;
    v[STG_MEASURE_LATE_SHARE] = ratio(count_of(c, "late"), due);
    v[STG_MEASURE_IN_FLIGHT] = count_of(c, "in_flight_max");
    v[STG_MEASURE_CONNECTS_PER_REQUEST] = ratio(count_of(c, "connections"), answered);
    v[STG_MEASURE_CUT_CONNECTIONS] = 1000 * ratio(count_of(c, "closed_idle") + count_of(c, "retried"), answered);
    v[STG_MEASURE_TLS] = x->servers.tls && answered > 0 ? 1 : 0;
    v[STG_MEASURE_LOG_BYTES_PER_REQUEST] = ratio(v[STG_MEASURE_LOG_BYTES_PER_REQUEST], answered);
    json_decref(c);
    return STG_OK;
}

/* What PHP says of itself, and the page's size. */
static enum stg_status ask_facts(struct session *x)
{
    char path[256], page[160];
    struct stg_buffer text = STG_BUFFER_INIT;
    const char *top = x->s->stage->top; /* not the servers' folder: what root reads is what it wrote */
    snprintf(path, sizeof path, "%.200s/log/facts.out", top);
    STG_RETURN_IF_FAILED(stg_servers_ask(&x->servers, "/facts.php", 200, path));
    STG_RETURN_IF_FAILED(stg_text_read(&text, path));
    x->values[STG_MEASURE_OPCACHE] = strncmp(text.data, "opcache 1", 9) == 0 ? 1 : 0;
    stg_buffer_fini(&text);
    snprintf(path, sizeof path, "%.200s/log/page.out", top);
    snprintf(page, sizeof page, "%.140s1", x->servers.page);
    STG_RETURN_IF_FAILED(stg_servers_ask(&x->servers, page, x->servers.scenario->status, path));
    x->values[STG_MEASURE_PAGE_BYTES] = (double)stg_text_size(path);
    return STG_OK;
}

static enum stg_status run_steps(struct session *x, const struct stg_scenario *scenario)
{
    const struct stg_session_settings *s = x->s;
    STG_RETURN_IF_FAILED(stg_servers_start(&x->servers, s->stage, scenario));
    STG_RETURN_IF_FAILED(ask_facts(x));
    STG_RETURN_IF_FAILED(start_load(x));
    STG_RETURN_IF_FAILED(settle(x));
    STG_RETURN_IF_FAILED(start_recorder(x));
    STG_RETURN_IF_FAILED(wait_recorder(x));
    STG_RETURN_IF_FAILED(run_window(x));
    STG_RETURN_IF_FAILED(stop_recorder(x));
    return stop_load(x);
}

/* The disk as it is without the lab's servers. */
static enum stg_status sync_before(struct session *x)
{
    return sync_time(x->s->stage->top, TURN_NS / 8, UINT64_MAX, &x->values[STG_MEASURE_SYNC_SLOWDOWN]);
}

enum stg_status stg_session_run(const struct stg_session_settings *s, const struct stg_scenario *scenario,
                                const struct stg_run *run, const char *trace, double values[STG_MEASURES])
{
    struct session x = {.s = s, .run = run, .trace = trace, .values = values};
    const char *top = s->stage->top;
    memset(values, 0, STG_MEASURES * sizeof values[0]);
    snprintf(x.load_out, sizeof x.load_out, "%.100s/log/load.json", top);
    snprintf(x.load_err, sizeof x.load_err, "%.100s/log/load.err", top);
    snprintf(x.recorder_out, sizeof x.recorder_out, "%.100s/log/record.json", top);
    snprintf(x.recorder_err, sizeof x.recorder_err, "%.100s/log/record.err", top);
    snprintf(x.error_log, sizeof x.error_log, "%.100s/error.log", s->stage->run);
    enum stg_status status = sync_before(&x);
    if (status == STG_OK) {
        status = run_steps(&x, scenario);
    }
    if (x.recorder > 0) { /* it failed before its end: what was recorded is of no use */
        stg_process_kill(x.recorder);
    }
    if (x.load > 0) {
        stg_process_kill(x.load);
    }
    stg_servers_stop(&x.servers);
    return status;
}
