#include "cli/info_trace.h"

#include "cli/facts.h"
#include "cli/input.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "import/import.h"

#include <string.h>

/* Linux's largest pid_max (PID_MAX_LIMIT); higher numbers share the last place. */
#define MAX_ID 4194304

struct id_set {
    uint8_t *bits; /* owned */
    uint64_t n;    /* different ids */
};

struct tally {
    uint64_t *calls, *comms, *markers; /* by id of the source's tables; owned; marker names share the table of calls */
    size_t cap_calls, cap_comms, cap_markers;
    uint64_t n_kind[STG_EVENT_END + 1];
    uint64_t n_failed, n_sequences, n_backward;
    uint64_t first_ns, last_ns, before_ns;
    bool has_time;
    struct id_set pids, tids;
    int32_t n_cpus;
};

static void id_put(struct id_set *set, int32_t id)
{
    const size_t i = id < 0 || id >= MAX_ID ? MAX_ID - 1 : (size_t)id;
    const uint8_t bit = (uint8_t)(1U << (i % 8));
    if ((set->bits[i / 8] & bit) == 0) {
        set->bits[i / 8] |= bit;
        set->n++;
    }
}

static enum stg_status count_name(uint64_t **counts, size_t *cap, uint32_t id)
{
    if (id >= *cap) {
        const size_t before = *cap;
        STG_RETURN_IF_FAILED(stg_mem_grow(counts, cap, (size_t)id + 1, sizeof **counts));
        memset(*counts + before, 0, (*cap - before) * sizeof **counts);
    }
    (*counts)[id]++;
    return STG_OK;
}

static void count_time(struct tally *t, const struct stg_event *e)
{
    if ((e->has & STG_HAS_TIME) == 0) {
        return;
    }
    if (!t->has_time || e->ts_ns < t->first_ns) {
        t->first_ns = e->ts_ns;
    }
    if (!t->has_time || e->ts_ns > t->last_ns) {
        t->last_ns = e->ts_ns;
    }
    t->n_backward += t->has_time && e->ts_ns < t->before_ns;
    t->before_ns = e->ts_ns;
    t->has_time = true;
}

static bool has_failed(const struct stg_event *e)
{
    return e->kind == STG_EVENT_EXIT &&
           ((e->has & STG_HAS_CLASS) ? e->ret < 0 : (e->has & STG_HAS_RET) && stg_event_failed(e->ret));
}

static enum stg_status count_event(struct tally *t, const struct stg_event *e)
{
    t->n_kind[e->kind <= STG_EVENT_END ? e->kind : 0]++;
    if (e->kind == STG_EVENT_LOST) {
        return STG_OK;
    }
    if (e->kind == STG_EVENT_BEGIN || e->kind == STG_EVENT_END) {
        t->n_sequences += e->kind == STG_EVENT_BEGIN;
        return STG_OK;
    }
    count_time(t, e);
    if (e->has & STG_HAS_PID) {
        id_put(&t->pids, e->pid);
    }
    if (e->has & STG_HAS_TID) {
        id_put(&t->tids, e->tid);
    }
    if ((e->has & STG_HAS_CPU) && e->cpu >= t->n_cpus && e->cpu < INT32_MAX) {
        t->n_cpus = e->cpu + 1;
    }
    t->n_failed += has_failed(e);
    if (e->kind == STG_EVENT_MARKER) {
        return e->name == STG_NAME_NONE ? STG_OK : count_name(&t->markers, &t->cap_markers, e->name);
    }
    if (e->name != STG_NAME_NONE && e->kind == STG_EVENT_ENTRY) {
        STG_RETURN_IF_FAILED(count_name(&t->calls, &t->cap_calls, e->name));
    }
    return (e->has & STG_HAS_COMM) && e->comm != STG_NAME_NONE ? count_name(&t->comms, &t->cap_comms, e->comm) : STG_OK;
}

static enum stg_status read_all(struct tally *t, struct stg_source *source, struct stg_progress *p)
{
    const struct stg_event *events = NULL;
    size_t n = 0;
    for (;;) {
        STG_RETURN_IF_FAILED(stg_interrupt_check());
        STG_RETURN_IF_FAILED(stg_source_next(source, &events, &n));
        if (n == 0) {
            return STG_OK;
        }
        for (size_t i = 0; i < n; i++) {
            STG_RETURN_IF_FAILED(count_event(t, &events[i]));
        }
        if (p != NULL) {
            struct stg_source_info info = {0};
            stg_source_info(source, &info);
            p->total = info.total;
            stg_progress_update(p, info.done);
        }
    }
}

/* Nothing, where no event says: none is not what the trace means. */
static enum stg_status put_if_known(json_t *facts, const char *key, uint64_t n)
{
    return n == 0 ? STG_OK : stg_facts_put(facts, key, json_integer((json_int_t)n));
}

static enum stg_status put_fact(void *recording, const char *key, const char *value)
{
    return stg_facts_put(recording, key, stg_facts_string(value));
}

/* What the trace says of its recording: host, kernel, filters, command line. Of several traces the last one's word. */
static enum stg_status put_recording(json_t *facts, const struct stg_source_info *info)
{
    if (info->facts == NULL || stg_strings_count(info->facts) == 0) {
        return STG_OK;
    }
    json_t *recording = json_object();
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "recording", recording));
    return stg_source_each_fact(info, put_fact, recording);
}

static enum stg_status put_facts(json_t *facts, const struct tally *t, const struct stg_source *source)
{
    struct stg_source_info info = {0};
    stg_source_info(source, &info);
    const uint64_t n_calls = t->n_kind[STG_EVENT_ENTRY] + t->n_kind[STG_EVENT_EXIT];
    const uint64_t duration = t->has_time ? t->last_ns - t->first_ns : 0;
    STG_RETURN_IF_FAILED(
        stg_facts_put(facts, "format", stg_facts_string(info.format == NULL ? source->ops->name : info.format)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "events", json_integer((json_int_t)info.n_events)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "entries", json_integer((json_int_t)t->n_kind[STG_EVENT_ENTRY])));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "exits", json_integer((json_int_t)t->n_kind[STG_EVENT_EXIT])));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "failed_exits", json_integer((json_int_t)t->n_failed)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "markers", json_integer((json_int_t)t->n_kind[STG_EVENT_MARKER])));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "lost", json_integer((json_int_t)info.n_lost)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "gaps", json_integer((json_int_t)info.n_gaps)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "skipped_records", json_integer((json_int_t)info.n_skipped)));
    if (info.has_sequences) {
        STG_RETURN_IF_FAILED(stg_facts_put(facts, "sequences", json_integer((json_int_t)t->n_sequences)));
    }
    STG_RETURN_IF_FAILED(put_recording(facts, &info));
    STG_RETURN_IF_FAILED(put_if_known(facts, "paths_left_out", info.n_no_path));
    if (t->has_time) {
        STG_RETURN_IF_FAILED(stg_facts_put(facts, "duration_ns", json_integer((json_int_t)duration)));
        STG_RETURN_IF_FAILED(stg_facts_put(facts, "backward_times", json_integer((json_int_t)t->n_backward)));
    }
    if (duration > 0) {
        STG_RETURN_IF_FAILED(
            stg_facts_put(facts, "events_per_s", json_real((double)n_calls / ((double)duration / 1e9))));
    }
    STG_RETURN_IF_FAILED(put_if_known(facts, "processes", t->pids.n));
    STG_RETURN_IF_FAILED(put_if_known(facts, "threads", t->tids.n));
    STG_RETURN_IF_FAILED(put_if_known(facts, "cpus", (uint64_t)t->n_cpus));
    const size_t n_names = stg_strings_count(source->names), n_comms = stg_strings_count(source->comms);
    STG_RETURN_IF_FAILED(
        stg_facts_put(facts, "top_calls",
                      stg_facts_top(t->calls, t->cap_calls < n_names ? t->cap_calls : n_names, 10, source->names)));
    STG_RETURN_IF_FAILED(
        stg_facts_put(facts, "top_processes",
                      stg_facts_top(t->comms, t->cap_comms < n_comms ? t->cap_comms : n_comms, 10, source->comms)));
    if (t->n_kind[STG_EVENT_MARKER] == 0) {
        return STG_OK;
    }
    return stg_facts_put(
        facts, "top_markers",
        stg_facts_top(t->markers, t->cap_markers < n_names ? t->cap_markers : n_names, 10, source->names));
}

enum stg_status stg_info_trace(json_t *facts, const char *path, const char *format, const struct stg_cli *cli)
{
    enum stg_status status = STG_OK;
    struct tally t = {0};
    struct stg_source *source = NULL;
    struct stg_progress progress;
    struct stg_progress *p = NULL;
    STG_TRY(stg_mem_zeroed(&t.pids.bits, MAX_ID / 8, 1));
    STG_TRY(stg_mem_zeroed(&t.tids.bits, MAX_ID / 8, 1));
    STG_TRY(stg_import_open(&source, path, format));
    p = stg_cli_progress(cli, &progress, "read", "", 0);
    STG_TRY(read_all(&t, source, p));
    STG_TRY(put_facts(facts, &t, source));
out:
    stg_progress_finish(p);
    stg_source_close(source);
    stg_mem_free(t.pids.bits);
    stg_mem_free(t.tids.bits);
    stg_mem_free(t.calls);
    stg_mem_free(t.comms);
    stg_mem_free(t.markers);
    return status;
}
