/* The recorder as a source: opens, waits for events without spinning, ends without losing any. */
#include "record/record_internal.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "record/bpf_object.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Longer than an interrupt or the host keeps a CPU away from a program that has read the clock and not yet written its
 * record. */
#define SLACK_NS    20000000ull
#define PAUSE_NS    25000000ull
#define FULL_RATE   100e6 /* bytes per second into one ring: more than a CPU can produce */
#define DRAIN_LOOKS 200   /* of 1 ms: how long the end waits for a program that is still writing */

size_t stg_record_ring_size(size_t n_cpus)
{
    size_t size = (size_t)16 << 20;
    while (size > (size_t)1 << 20 && size * n_cpus > (size_t)256 << 20) {
        size /= 2;
    }
    return size;
}

const char *stg_record_filter_name(size_t i)
{
    static const char *const names[STG_RECORD_N_FILTERS] = {"own",    "process", "comm",    "cgroup",
                                                            "sample", "call",    "artefact"};
    _Static_assert(STG_ABI_N_FILTERS == STG_RECORD_N_FILTERS, "one name for each");
    return i < STG_RECORD_N_FILTERS ? names[i] : "unknown";
}

bool stg_record_is_built(void)
{
    return true;
}

static uint64_t pause_for(size_t ring_size)
{
    const double fill_ns = (double)ring_size / 4 / FULL_RATE * 1e9;
    return fill_ns > (double)PAUSE_NS ? PAUSE_NS : fill_ns < 1e6 ? 1000000 : (uint64_t)fill_ns;
}

static enum stg_status open_all(struct stg_record *r, const struct stg_record_options *o)
{
    enum stg_status status = STG_OK;
    const char **names = NULL;
    STG_TRY(stg_mem_zeroed(&names, o->n_markers, sizeof *names));
    for (size_t i = 0; i < o->n_markers; i++) {
        names[i] = o->markers[i].name;
    }
    STG_TRY(stg_decoder_init(&r->decoder, names, o->n_markers));
    r->source.names = r->decoder.names;
    r->source.comms = r->decoder.comms;
    r->source.paths = r->decoder.paths;
    STG_TRY(stg_record_load(r, o));
    STG_TRY(stg_record_attach(r, o));
    STG_TRY(stg_record_open_cgroups(r, o));
    STG_TRY(stg_record_open_pids(r, o));
    if (o->command != NULL) {
        r->bpf->bss->control.arm_children = 1;
        status = stg_launch_prepare(&r->launch, o->command, o->user);
        r->bpf->bss->control.arm_children = 0;
    }
out:
    stg_mem_free(names);
    return status;
}

static const struct stg_source_ops source_ops;

enum stg_status stg_record_open(struct stg_record **out, const struct stg_record_options *options)
{
    struct stg_record *r = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_record_check_caller());
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&r, 1, sizeof *r));
    r->source.ops = &source_ops;
    r->launch.go = r->launch.failed = r->launch.status = -1;
    const enum stg_status status = open_all(r, options);
    if (status != STG_OK) {
        stg_record_close(r);
        return status;
    }
    r->pause_ns = pause_for(r->ring_size);
    *out = r;
    return STG_OK;
}

void stg_record_close(struct stg_record *r)
{
    if (r == NULL) {
        return;
    }
    stg_launch_close(&r->launch);
    stg_record_detach(r);
    stg_merge_fini(&r->merge);
    stg_record_unload(r);
    stg_decoder_fini(&r->decoder);
    for (size_t i = 0; i < r->n_pids; i++) {
        close(r->pid_fds[i]);
    }
    for (size_t i = 0; i < r->n_cgroups; i++) {
        close(r->cgroup_fds[i]);
    }
    stg_mem_free(r->pid_fds);
    stg_mem_free(r->cgroup_fds);
    stg_mem_free(r);
}

struct stg_source *stg_record_source(struct stg_record *r)
{
    return &r->source;
}

enum stg_status stg_record_start(struct stg_record *r)
{
    __atomic_store_n(&r->bpf->bss->control.enabled, 1, __ATOMIC_RELEASE);
    r->started = true;
    r->start_ns = stg_clock_ns();
    return r->launch.pid > 0 ? stg_launch_go(&r->launch) : STG_OK;
}

static void end(struct stg_record *r, enum stg_record_end why)
{
    if (!r->stopped) {
        r->stopped = true;
        r->end = why;
        r->end_ns = stg_clock_ns();
        stg_record_detach(r);
    }
}

void stg_record_stop(struct stg_record *r)
{
    end(r, STG_RECORD_STOPPED);
    stg_launch_end(&r->launch);
}

/* Whether what was to be recorded has ended. */
static void look_for_end(struct stg_record *r, uint64_t now_ns)
{
    stg_launch_check(&r->launch);
    if (r->launch.pid > 0 && r->launch.status != -1 && r->bpf->bss->control.n_procs == 0) {
        end(r, STG_RECORD_COMMAND_DONE);
    }
    if (r->n_pids > 0 && r->launch.pid == 0 && r->bpf->bss->control.n_procs == 0) {
        end(r, STG_RECORD_TARGET_GONE);
    }
    if (r->n_cgroups > 0 && now_ns - r->looked_ns > 500000000) {
        r->looked_ns = now_ns;
        if (!stg_record_cgroups_alive(r)) {
            end(r, STG_RECORD_TARGET_GONE);
        }
    }
}

static void sleep_ns(uint64_t ns)
{
    const struct timespec time = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    nanosleep(&time, NULL); /* a signal ends it early, which is welcome */
}

/* Looks at the rings. What is older than the look by the slack has no older event to come; when a ring is getting full,
 * the order among CPUs counts less than losing nothing. */
static void look(struct stg_record *r, uint64_t now_ns)
{
    double used;
    stg_merge_scan(&r->merge, &used);
    r->stats.most_used = used > r->stats.most_used ? used : r->stats.most_used;
    const uint64_t slack_ns = used > 0.25 ? SLACK_NS / 20 : SLACK_NS;
    r->limit_ns = now_ns > slack_ns ? now_ns - slack_ns : 0;
}

static bool rings_are_written(const struct stg_record *r)
{
    for (size_t i = 0; i < r->merge.n_lanes; i++) {
        const struct stg_lane *l = &r->merge.lanes[i];
        if (l->ring.size > 0 && !stg_ring_is_written(&l->ring, l->noted)) {
            return false;
        }
    }
    return true;
}

/* After detaching: programs that were running finish their records, then all is handed out. */
static void drain(struct stg_record *r)
{
    sleep_ns(1000000);
    for (int i = 0; i < DRAIN_LOOKS; i++) {
        look(r, stg_clock_ns());
        if (rings_are_written(r)) {
            break;
        }
        sleep_ns(1000000);
    }
    r->limit_ns = UINT64_MAX;
    r->drained = true;
}

/* Gaps after which no record came that could tell of them. What a program had begun and did not get to write within the
 * time of draining, and what is behind it in the ring, is lost as well. */
static void put_last_gaps(struct stg_record *r, size_t *n)
{
    for (; r->i_gap < r->n_cpus && *n < STG_RECORD_BATCH; r->i_gap++) {
        struct stg_abi_cpu *cpu = &r->bpf->bss->cpus[r->i_gap];
        struct stg_merge_rest rest;
        uint64_t gap = __atomic_exchange_n(&cpu->gap, 0, __ATOMIC_ACQ_REL);
        uint64_t since_ns = cpu->gap_ns, until_ns = cpu->gap_end_ns;
        stg_merge_rest(&r->merge, 2 * r->i_gap, cpu, &rest);
        if (rest.n_hidden > 0) {
            const uint64_t last_ns = r->merge.lanes[2 * r->i_gap].last_ns;
            r->hidden_by_cpu[r->i_gap] = rest.n_hidden;
            gap = rest.n_hidden + rest.n_untold;
            since_ns = last_ns > r->start_ns ? last_ns : r->start_ns;
            until_ns = r->end_ns;
        }
        if (gap > 0) {
            struct stg_event *e = &r->batch[(*n)++];
            *e = (struct stg_event){
                .kind = STG_EVENT_LOST,
                .has = STG_HAS_TIME | STG_HAS_CPU | STG_HAS_COUNT,
                .ts_ns = since_ns,
                .cpu = (int32_t)r->i_gap,
                .n_lost = gap,
                .name = STG_NAME_NONE,
                .comm = STG_NAME_NONE,
                .path = STG_NAME_NONE,
            };
            stg_event_set_gap_end(e, until_ns);
        }
    }
}

static void count(struct stg_record *r, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct stg_event *e = &r->batch[i];
        r->stats.n_by_kind[e->kind]++;
        r->stats.n_gaps += e->kind == STG_EVENT_LOST;
    }
    r->stats.n_events =
        r->stats.n_by_kind[STG_EVENT_ENTRY] + r->stats.n_by_kind[STG_EVENT_EXIT] + r->stats.n_by_kind[STG_EVENT_MARKER];
}

static enum stg_status take(struct stg_record *r, size_t *n)
{
    STG_RETURN_IF_FAILED(stg_merge_take(&r->merge, &r->decoder, r->limit_ns, r->batch, STG_RECORD_BATCH, n));
    if (*n == 0 && r->drained) {
        put_last_gaps(r, n);
    }
    count(r, *n);
    return STG_OK;
}

enum stg_status stg_record_poll(struct stg_record *r, uint64_t wait_ns, const struct stg_event **events, size_t *n,
                                enum stg_record_end *end_out)
{
    const uint64_t until_ns = stg_clock_ns() + wait_ns;
    *events = r->batch;
    *end_out = STG_RECORD_GOES_ON;
    for (;;) {
        STG_RETURN_IF_FAILED(take(r, n));
        if (*n > 0) {
            return STG_OK;
        }
        if (r->drained) {
            *end_out = r->end;
            return STG_OK;
        }
        const uint64_t now_ns = stg_clock_ns();
        look_for_end(r, now_ns);
        if (r->stopped) {
            drain(r);
            continue;
        }
        if (now_ns >= until_ns) {
            return STG_OK;
        }
        sleep_ns(until_ns - now_ns < r->pause_ns ? until_ns - now_ns : r->pause_ns);
        look(r, stg_clock_ns());
        if (stg_interrupt_asked() && !r->stopped) {
            return take(r, n);
        }
    }
}

int stg_record_command_status(const struct stg_record *r)
{
    return r->launch.status;
}

void stg_record_stats(const struct stg_record *r, struct stg_record_stats *out)
{
    *out = r->stats;
    out->n_cpus = r->n_cpus;
    out->recorded_ns = r->start_ns == 0 ? 0 : (r->end_ns == 0 ? stg_clock_ns() : r->end_ns) - r->start_ns;
    out->n_inverted = r->merge.n_inverted;
    out->n_late = r->merge.n_late;
    out->n_damaged = r->decoder.n_damaged;
    out->n_no_comm = r->decoder.n_no_comm;
    out->n_no_path = r->decoder.n_no_path;
    for (size_t i = 0; i < STG_ABI_MAX_CPUS; i++) {
        const struct stg_abi_cpu *cpu = &r->bpf->bss->cpus[i];
        out->n_put += cpu->n_put;
        out->lost_by_cpu[i] = cpu->n_lost + r->hidden_by_cpu[i];
        out->n_lost += out->lost_by_cpu[i];
        out->n_untracked += cpu->n_untracked;
        for (size_t k = 0; k < STG_RECORD_N_FILTERS; k++) {
            out->n_filtered[k] += cpu->n_filtered[k];
        }
    }
}

/* The source interface. */

static enum stg_status source_next(struct stg_source *s, const struct stg_event **events, size_t *n)
{
    struct stg_record *r = (struct stg_record *)s;
    enum stg_record_end why = STG_RECORD_GOES_ON;
    if (!r->started) {
        STG_RETURN_IF_FAILED(stg_record_start(r));
    }
    do {
        if (stg_interrupt_asked()) {
            stg_record_stop(r);
        }
        STG_RETURN_IF_FAILED(stg_record_poll(r, 1000000000, events, n, &why));
    } while (*n == 0 && why == STG_RECORD_GOES_ON);
    return STG_OK;
}

static void source_info(const struct stg_source *s, struct stg_source_info *out)
{
    struct stg_record_stats stats;
    stg_record_stats((const struct stg_record *)s, &stats);
    memset(out, 0, sizeof *out);
    out->format = "record";
    out->path = "";
    out->n_events = stats.n_events;
    out->n_lost = stats.n_lost;
    out->n_gaps = stats.n_gaps;
    out->n_no_path = stats.n_no_path;
}

static void source_close(struct stg_source *s)
{
    (void)s; /* stg_record_close() */
}

static const struct stg_source_ops source_ops = {
    .name = "record",
    .summary = "this machine, by eBPF",
    .next = source_next,
    .info = source_info,
    .close = source_close,
};
