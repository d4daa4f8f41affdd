#include "explain/diff.h"

#include "base/memory.h"
#include "event/syscalls.h"
#include "explain/diff_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_IDS = UINT16_MAX + 1 };

const char *stg_diff_facet_name(enum stg_diff_facet f)
{
    static const char *const names[] = {"calls", "transitions", "results", "latencies"};
    return names[f];
}

void stg_diff_settings_default(struct stg_diff_settings *s)
{
    *s = (struct stg_diff_settings){.z = 5, .min_change = 0.5, .min_latency = 2, .min_bits = 0.001, .level = 0.05};
}

enum stg_status stg_diff_new(struct stg_diff **out)
{
    enum stg_status status = STG_OK;
    struct stg_diff *d = NULL;
    *out = NULL;
    STG_TRY(stg_mem_zeroed(&d, 1, sizeof *d));
    STG_TRY(stg_vocab_init(&d->names));
    stg_vocab_extend(&d->names); /* names beyond 65,535 are UNKNOWN instead of a failure */
    STG_TRY(stg_mem_zeroed(&d->traits, N_IDS, 1));
    STG_TRY(stg_strings_new(&d->paths));
    STG_TRY(stg_strings_new(&d->file_names));
    STG_TRY(stg_strings_new(&d->dirs));
    for (int side = 0; side < DIFF_COUNTED; side++) {
        d->side[side].block_len = DIFF_FIRST_BLOCK;
    }
    *out = d;
    d = NULL;
out:
    stg_diff_free(d);
    return status;
}

void stg_diff_free(struct stg_diff *d)
{
    if (d == NULL) {
        return;
    }
    for (int side = 0; side < DIFF_COUNTED; side++) {
        stg_keys_fini(&d->side[side].tids);
        stg_keys_fini(&d->side[side].named);
        stg_mem_free(d->side[side].names);
        stg_mem_free(d->side[side].threads);
        stg_mem_free(d->side[side].call_of);
        stg_mem_free(d->side[side].proc_of);
        stg_mem_free(d->side[side].file_of);
    }
    stg_keys_fini(&d->items);
    stg_keys_fini(&d->latencies);
    stg_mem_free(d->item);
    stg_mem_free(d->latency);
    stg_mem_free(d->traits);
    stg_mem_free(d->name_runs);
    stg_keys_fini(&d->files);
    stg_mem_free(d->file);
    stg_mem_free(d->like_file);
    stg_mem_free(d->dir_of);
    stg_mem_free(d->n_in_dir);
    stg_strings_free(d->file_names);
    stg_strings_free(d->dirs);
    stg_strings_free(d->paths);
    stg_vocab_fini(&d->names);
    stg_mem_free(d);
}

/* --- Counting --- */

/* *i: where; STG_KEYS_NONE when there is no room. */
static enum stg_status count(struct stg_diff *d, int side, uint64_t key, uint32_t *i)
{
    const size_t n = d->items.n;
    STG_RETURN_IF_FAILED(stg_keys_put(&d->items, key, DIFF_MAX_ITEMS, i));
    if (*i == STG_KEYS_NONE) {
        d->n_left_out++;
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&d->item, &d->cap_items, d->items.n, sizeof *d->item));
    if (d->items.n > n) {
        d->item[*i] = (struct diff_item){0};
    }
    d->item[*i].n[side][d->side[side].block]++;
    return STG_OK;
}

/* Blocks two by two become one, and the second half is free again. */
static void halve_blocks(struct stg_diff *d, int side)
{
    struct diff_side *s = &d->side[side];
    for (size_t b = 0; b < DIFF_BLOCKS / 2; b++) {
        s->n_in_block[b] = s->n_in_block[2 * b] + s->n_in_block[2 * b + 1];
    }
    memset(s->n_in_block + DIFF_BLOCKS / 2, 0, sizeof s->n_in_block / 2);
    for (size_t i = 0; i < d->items.n; i++) {
        uint32_t *n = d->item[i].n[side];
        for (size_t b = 0; b < DIFF_BLOCKS / 2; b++) {
            n[b] = n[2 * b] + n[2 * b + 1];
        }
        memset(n + DIFF_BLOCKS / 2, 0, DIFF_BLOCKS / 2 * sizeof *n);
    }
    diff_halve_files(d, side);
    s->block = DIFF_BLOCKS / 2;
    s->block_len *= 2;
}

static enum stg_status put_call(struct stg_diff *d, int side, uint16_t proc, uint16_t call, uint16_t before)
{
    struct diff_side *s = &d->side[side];
    if (s->n_in_block[s->block] >= s->block_len && ++s->block == DIFF_BLOCKS) {
        halve_blocks(d, side);
    }
    s->n_in_block[s->block]++;
    s->n_calls++;
    STG_RETURN_IF_FAILED(count(d, side, diff_key(STG_DIFF_CALLS, proc, call, 0, 0), &d->call_item));
    if (before == STG_TOKEN_START) {
        return STG_OK;
    }
    uint32_t i;
    return count(d, side, diff_key(STG_DIFF_TRANSITIONS, proc, before, call, 0), &i);
}

uint8_t diff_traits(struct stg_diff *d, uint16_t call)
{
    if (d->traits[call] == 0) {
        const char *name = call >= STG_TOKEN_SPECIALS ? stg_strings_get(d->names.calls, call) : "";
        d->traits[call] = (uint8_t)(DIFF_KNOWN | (stg_syscall_returns_count(name) ? DIFF_RETURNS_COUNT : 0) |
                                    (stg_syscall_path_index(name) == STG_SYSCALL_ARG_NONE ? DIFF_NAMES_NO_FILE : 0));
    }
    return d->traits[call];
}

static enum stg_status put_result(struct stg_diff *d, int side, uint16_t proc, uint16_t call, int64_t ret)
{
    const uint16_t class = stg_ret_errno_class(STG_PHASE_EXIT, ret);
    const bool sized = ret >= 0 && (diff_traits(d, call) & DIFF_RETURNS_COUNT) != 0;
    if (class <= 1 && !sized) {
        return STG_OK; /* a success says no more than the call */
    }
    const uint8_t size = !sized ? 0 : ret == 0 ? 1 : (uint8_t)(65 - __builtin_clzll((uint64_t)ret));
    uint32_t i;
    return count(d, side, diff_key(STG_DIFF_RESULTS, proc, call, class, size), &i);
}

static size_t bin_of(uint64_t ns)
{
    const double quarter = ns < 2 ? 0 : 4 * log2((double)ns);
    return quarter < DIFF_BINS - 1 ? (size_t)quarter : DIFF_BINS - 1;
}

static enum stg_status put_latency(struct stg_diff *d, int side, uint16_t proc, uint16_t call, uint64_t ns)
{
    uint32_t i;
    const size_t n = d->latencies.n;
    STG_RETURN_IF_FAILED(
        stg_keys_put(&d->latencies, diff_key(STG_DIFF_LATENCIES, proc, call, 0, 0), DIFF_MAX_LATENCIES, &i));
    if (i == STG_KEYS_NONE) {
        d->n_left_out++;
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&d->latency, &d->cap_latencies, d->latencies.n, sizeof *d->latency));
    if (d->latencies.n > n) {
        d->latency[i] = (struct diff_latency){0};
    }
    d->latency[i].n[side][d->side[side].n_calls / DIFF_CHUNK % 2][bin_of(ns)]++;
    return STG_OK;
}

/* One event of a thread, whatever it comes from. Events without a phase are calls of which nothing more is known. */
static enum stg_status put_event(struct stg_diff *d, int side, struct diff_thread *t, uint16_t call, uint8_t phase,
                                 int64_t ret, uint64_t ns, bool timed)
{
    if (phase != STG_PHASE_EXIT) {
        STG_RETURN_IF_FAILED(put_call(d, side, t->proc, call, t->last));
        t->last = t->open = call;
        t->entry_ns = ns;
        t->timed = timed && phase == STG_PHASE_ENTRY;
        return STG_OK;
    }
    if (ret != STG_RET_ABSENT) {
        STG_RETURN_IF_FAILED(put_result(d, side, t->proc, call, ret));
    }
    if (t->open == call && t->timed && timed && ns >= t->entry_ns) {
        STG_RETURN_IF_FAILED(put_latency(d, side, t->proc, call, ns - t->entry_ns));
    }
    t->open = STG_TOKEN_START;
    return STG_OK;
}

/* A thread has, or takes, a name. The main thread of a process makes it a program's; where no process is known, any. */
static enum stg_status note_name(struct stg_diff *d, int side, int32_t pid, int32_t tid, uint16_t proc)
{
    struct diff_side *s = &d->side[side];
    const size_t before = s->cap_names, n = s->named.n;
    uint32_t i;
    STG_RETURN_IF_FAILED(stg_keys_put(&s->named, (uint32_t)tid | (uint64_t)proc << 32, DIFF_MAX_THREADS, &i));
    STG_RETURN_IF_FAILED(stg_mem_grow(&s->names, &s->cap_names, (size_t)proc + 1, sizeof *s->names));
    memset(s->names + before, 0, (s->cap_names - before) * sizeof *s->names);
    if (i == STG_KEYS_NONE || s->named.n > n) { /* those that are too many to know are new ones */
        *(pid <= 0 || pid == tid ? &s->names[proc].n_processes : &s->names[proc].n_threads) += 1;
    }
    return STG_OK;
}

/* --- Sequences --- */

/* The common id of a name, looked up once for each id of the input's. */
static enum stg_status common_id(uint16_t **map, size_t *cap, uint32_t id, const struct stg_strings *names,
                                 struct stg_vocab *common,
                                 enum stg_status (*find)(struct stg_vocab *v, const char *name, uint16_t *id),
                                 uint16_t *out)
{
    if (id >= *cap) {
        const size_t before = *cap;
        STG_RETURN_IF_FAILED(stg_mem_grow(map, cap, (size_t)id + 1, sizeof **map));
        memset(*map + before, 0, (*cap - before) * sizeof **map);
    }
    if ((*map)[id] == 0) {
        (*map)[id] = STG_TOKEN_UNKNOWN;
        if (id < stg_strings_count(names)) {
            STG_RETURN_IF_FAILED(find(common, stg_strings_get(names, id), &(*map)[id]));
        }
    }
    *out = (*map)[id];
    return STG_OK;
}

static enum stg_status begin_threads(struct stg_diff *d, int side, const struct stg_seq *seq,
                                     const struct stg_vocab *names)
{
    struct diff_side *s = &d->side[side];
    STG_RETURN_IF_FAILED(stg_mem_grow(&s->threads, &s->cap_threads, seq->n_threads, sizeof *s->threads));
    for (size_t t = 0; t < seq->n_threads; t++) {
        s->threads[t] = (struct diff_thread){.last = STG_TOKEN_START, .open = STG_TOKEN_START};
        STG_RETURN_IF_FAILED(common_id(&s->proc_of, &s->cap_procs, seq->thread_proc[t], names->procs, &d->names,
                                       stg_vocab_proc, &s->threads[t].proc));
        STG_RETURN_IF_FAILED(note_name(d, side, seq->thread_pid[t], seq->thread_tid[t], s->threads[t].proc));
        if (seq->context_offset != NULL && seq->context_offset[t + 1] > seq->context_offset[t]) {
            const uint16_t call = seq->context_call[seq->context_offset[t + 1] - 1];
            STG_RETURN_IF_FAILED(common_id(&s->call_of, &s->cap_calls, call, names->calls, &d->names, stg_vocab_call,
                                           &s->threads[t].last));
        }
    }
    return STG_OK;
}

enum stg_status stg_diff_add_sequence(struct stg_diff *d, int side, const struct stg_seq *seq,
                                      const struct stg_vocab *names)
{
    struct diff_side *s = &d->side[side];
    const bool timed = (seq->flags & STG_SEQ_NO_TIME) == 0;
    s->n_sequences++;
    s->n_lost += seq->n_lost;
    STG_RETURN_IF_FAILED(begin_threads(d, side, seq, names));
    for (size_t i = 0; i < seq->n; i++) {
        uint16_t call;
        STG_RETURN_IF_FAILED(
            common_id(&s->call_of, &s->cap_calls, seq->call[i], names->calls, &d->names, stg_vocab_call, &call));
        STG_RETURN_IF_FAILED(put_event(d, side, &s->threads[seq->thread[i]], call, seq->phase[i], seq->ret[i],
                                       (uint64_t)seq->time_ns[i], timed));
    }
    return STG_OK;
}

/* --- Traces --- */

static enum stg_status thread_of(struct stg_diff *d, int side, const struct stg_source *source,
                                 const struct stg_event *e, struct diff_thread **out)
{
    struct diff_side *s = &d->side[side];
    uint32_t i;
    const size_t n = s->tids.n;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_keys_put(&s->tids, (uint32_t)e->tid, DIFF_MAX_THREADS, &i));
    if (i == STG_KEYS_NONE) {
        d->n_left_out++;
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&s->threads, &s->cap_threads, s->tids.n, sizeof *s->threads));
    if (s->tids.n > n) {
        s->threads[i] =
            (struct diff_thread){.last = STG_TOKEN_START, .open = STG_TOKEN_START, .proc = STG_TOKEN_UNKNOWN};
    }
    if ((e->has & STG_HAS_COMM) != 0) { /* a thread may change its name */
        const uint16_t before = s->threads[i].proc;
        STG_RETURN_IF_FAILED(common_id(&s->proc_of, &s->cap_procs, e->comm, source->comms, &d->names, stg_vocab_proc,
                                       &s->threads[i].proc));
        if (s->threads[i].proc != before) {
            STG_RETURN_IF_FAILED(
                note_name(d, side, (e->has & STG_HAS_PID) != 0 ? e->pid : 0, e->tid, s->threads[i].proc));
        }
    }
    *out = &s->threads[i];
    return STG_OK;
}

static enum stg_status keep_path(struct stg_diff *d, const char *path, uint32_t *id)
{
    char text[DIFF_NAME_BUFFER];
    diff_name_keep_end(path, text);
    STG_RETURN_IF_FAILED(stg_strings_put(d->paths, text, strlen(text), id));
    *id += 1;
    return STG_OK;
}

/* A call of the item was given the name. */
static enum stg_status put_name(struct stg_diff *d, int side, const struct stg_source *source,
                                const struct stg_event *e, uint32_t item)
{
    struct diff_object *o = &d->item[item].object[side];
    if (o->path != 0) {
        o->kinds |= o->source != e->path ? DIFF_MORE_PATHS : 0;
        return STG_OK;
    }
    o->source = e->path;
    return stg_strings_count(d->paths) < DIFF_MAX_PATHS
               ? keep_path(d, stg_strings_get(source->paths, e->path), &o->path)
               : STG_OK;
}

/* What the call that begins was given. */
static enum stg_status put_object(struct stg_diff *d, int side, const struct stg_source *source,
                                  const struct stg_event *e, const struct diff_thread *t)
{
    if (t->item == STG_KEYS_NONE || side == STG_DIFF_LIKE) { /* what those have is not told */
        return STG_OK;
    }
    if ((e->has & STG_HAS_FD) != 0 && e->fd_kind < STG_N_FD_KINDS) {
        d->item[t->item].object[side].kinds |= UINT32_C(1) << e->fd_kind;
    }
    return (e->has & STG_HAS_PATH) == 0 || (diff_traits(d, t->open) & DIFF_NAMES_NO_FILE) != 0
               ? STG_OK
               : put_name(d, side, source, e, t->item);
}

/* The name that comes with a call's exit, as it was not in memory before. */
static enum stg_status put_late_name(struct stg_diff *d, int side, const struct stg_source *source,
                                     const struct stg_event *e, struct diff_thread *t)
{
    if ((e->has & STG_HAS_PATH) == 0 || t->file != 0 || (diff_traits(d, t->open) & DIFF_NAMES_NO_FILE) != 0) {
        return STG_OK;
    }
    if (t->item != STG_KEYS_NONE && side != STG_DIFF_LIKE) {
        d->item[t->item].n_nameless[side] -= t->nameless;
        STG_RETURN_IF_FAILED(put_name(d, side, source, e, t->item));
    }
    return diff_begin_file(d, side, source, e, t);
}

static int64_t ret_of(const struct stg_event *e)
{
    return (e->has & STG_HAS_RET) != 0     ? e->ret
           : (e->has & STG_HAS_CLASS) == 0 ? STG_RET_ABSENT
           : e->ret < 0                    ? STG_RET_FAILED
                                           : STG_RET_SUCCEEDED;
}

enum stg_status stg_diff_add_events(struct stg_diff *d, int side, const struct stg_source *source,
                                    const struct stg_event *events, size_t n)
{
    struct diff_side *s = &d->side[side];
    for (size_t i = 0; i < n; i++) {
        const struct stg_event *e = &events[i];
        const bool timed = (e->has & STG_HAS_TIME) != 0;
        struct diff_thread *t = NULL;
        uint16_t call;
        if (e->kind == STG_EVENT_LOST || e->kind == STG_EVENT_BEGIN) {
            s->n_lost += e->kind == STG_EVENT_LOST ? e->n_lost : 0;
            for (size_t k = 0; k < s->tids.n; k++) { /* what comes next need not follow what came last */
                s->threads[k].last = s->threads[k].open = STG_TOKEN_START;
            }
        }
        if (e->kind != STG_EVENT_ENTRY && e->kind != STG_EVENT_EXIT) {
            continue;
        }
        s->first_ns = timed && (!s->has_time || e->ts_ns < s->first_ns) ? e->ts_ns : s->first_ns;
        s->last_ns = timed && e->ts_ns > s->last_ns ? e->ts_ns : s->last_ns;
        s->has_time |= timed;
        STG_RETURN_IF_FAILED(
            common_id(&s->call_of, &s->cap_calls, e->name, source->names, &d->names, stg_vocab_call, &call));
        STG_RETURN_IF_FAILED(thread_of(d, side, source, e, &t));
        if (t != NULL) {
            const uint8_t phase = e->kind == STG_EVENT_ENTRY ? STG_PHASE_ENTRY : STG_PHASE_EXIT;
            if (phase == STG_PHASE_EXIT && t->open == call) {
                STG_RETURN_IF_FAILED(put_late_name(d, side, source, e, t));
                diff_end_file(d, side, t, ret_of(e));
            }
            STG_RETURN_IF_FAILED(put_event(d, side, t, call, phase, ret_of(e), e->ts_ns, timed));
            if (phase == STG_PHASE_ENTRY) {
                t->item = d->call_item;
                STG_RETURN_IF_FAILED(put_object(d, side, source, e, t));
                STG_RETURN_IF_FAILED(diff_begin_file(d, side, source, e, t));
            }
        }
    }
    return STG_OK;
}

/* --- Facts --- */

struct facts {
    struct stg_diff_run *run;
    bool command_ended, cut;
};

static enum stg_status take_fact(void *context, const char *key, const char *value)
{
    struct facts *f = context;
    if (strcmp(key, "command") == 0) {
        snprintf(f->run->ended, sizeof f->run->ended, "%s", value);
    }
    f->command_ended |= strcmp(key, "recording_end") == 0 && strcmp(value, "command-ended") == 0;
    f->cut |= strcmp(key, "removed_events") == 0; /* the oldest went for --max-size or --flight */
    return STG_OK;
}

enum stg_status stg_diff_add_facts(struct stg_diff *d, int side, const struct stg_source_info *info)
{
    struct facts f = {.run = &d->side[side].run};
    STG_RETURN_IF_FAILED(stg_source_each_fact(info, take_fact, &f));
    f.run->whole = f.command_ended && !f.cut && f.run->ended[0] != '\0';
    return STG_OK;
}
