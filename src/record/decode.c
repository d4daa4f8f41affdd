#include "record/decode.h"

#include "base/memory.h"
#include "event/syscalls.h"

#include <stdio.h>
#include <string.h>

/* Tables of strings stay small whatever the machine does: names beyond this are left out of the events, and counted. */
#define MAX_STRINGS 1000000
/* No kernel has calls of such numbers, but a program may try all of them. */
#define MAX_BEYOND 1000

static enum stg_status put_text(struct stg_strings *s, const char *text, uint32_t *id)
{
    return stg_strings_put(s, text, strlen(text), id);
}

enum stg_status stg_decoder_init(struct stg_decoder *d, const char *const *markers, size_t n)
{
    static const char *const life[3] = {"sched_process_fork", "sched_process_exec", "sched_process_exit"};
    enum stg_status status = STG_OK;
    memset(d, 0, sizeof *d);
    d->max_strings = MAX_STRINGS;
    memset(d->calls, 0xff, sizeof d->calls);
    STG_TRY(stg_strings_new(&d->names));
    STG_TRY(stg_strings_new(&d->comms));
    STG_TRY(stg_strings_new(&d->paths));
    STG_TRY(stg_mem_zeroed(&d->markers, n, sizeof *d->markers));
    for (size_t i = 0; i < 3; i++) {
        STG_TRY(put_text(d->names, life[i], &d->life[i]));
    }
    for (size_t i = 0; i < n; i++) {
        STG_TRY(put_text(d->names, markers[i], &d->markers[i]));
    }
    d->n_markers = n;
    for (size_t i = 0; i < STG_DECODE_COMMS; i++) {
        d->cache[i].id = STG_NAME_NONE;
    }
out:
    if (status != STG_OK) {
        stg_decoder_fini(d);
    }
    return status;
}

void stg_decoder_fini(struct stg_decoder *d)
{
    stg_strings_free(d->names);
    stg_strings_free(d->comms);
    stg_strings_free(d->paths);
    stg_mem_free(d->markers);
    memset(d, 0, sizeof *d);
}

static enum stg_status name_call(struct stg_decoder *d, int32_t number, bool compat, uint32_t *id)
{
    char text[48];
    const char *name = compat ? stg_syscall_compat_name(number) : stg_syscall_name(number);
    if (name == NULL) {
        snprintf(text, sizeof text, number < 0 ? "%ssyscall_unknown" : "%ssyscall_%d", compat ? "compat_" : "", number);
        name = text;
    }
    if (number >= STG_ABI_MAX_CALLS && stg_strings_find(d->names, name, strlen(name)) == STG_STRINGS_NONE &&
        d->n_beyond++ >= MAX_BEYOND) {
        name = compat ? "compat_syscall_beyond" : "syscall_beyond";
    }
    return put_text(d->names, name, id);
}

static enum stg_status find_call(struct stg_decoder *d, int32_t number, bool compat, uint32_t *id)
{
    if (number < 0 || number >= STG_ABI_MAX_CALLS) {
        return name_call(d, number < 0 ? -1 : number, compat, id);
    }
    uint32_t *known = &d->calls[compat][number];
    if (*known == STG_NAME_NONE) {
        STG_RETURN_IF_FAILED(name_call(d, number, compat, known));
    }
    *id = *known;
    return STG_OK;
}

static enum stg_status find_comm(struct stg_decoder *d, const char comm[STG_ABI_COMM_SIZE], uint32_t *id)
{
    uint64_t text[2]; /* read word by word, as it is looked at */
    memcpy(&text[0], comm, 8);
    memcpy(&text[1], comm + 8, 8);
    const uint64_t hash = (text[0] ^ text[1] * 31) * 0x9e3779b97f4a7c15u;
    const size_t slot = hash >> 56 & (STG_DECODE_COMMS - 1);
    if (d->cache[slot].id == STG_NAME_NONE || d->cache[slot].text[0] != text[0] || d->cache[slot].text[1] != text[1]) {
        const size_t len = strnlen(comm, STG_ABI_COMM_SIZE);
        uint32_t found = stg_strings_find(d->comms, comm, len);
        if (found == STG_STRINGS_NONE) {
            if (stg_strings_count(d->comms) >= d->max_strings) {
                *id = STG_NAME_NONE;
                d->n_no_comm++;
                return STG_OK;
            }
            STG_RETURN_IF_FAILED(stg_strings_put(d->comms, comm, len, &found));
        }
        d->cache[slot].text[0] = text[0];
        d->cache[slot].text[1] = text[1];
        d->cache[slot].id = found;
    }
    *id = d->cache[slot].id;
    return STG_OK;
}

/* len: bytes of the record. */
static enum stg_status fill_path(struct stg_decoder *d, const uint8_t *record, size_t len, struct stg_event *out)
{
    const size_t from = offsetof(struct stg_abi_record, path);
    const char *path = (const char *)record + from;
    const size_t path_len = len > from ? strnlen(path, len - from) : 0;
    if (path_len == 0) {
        return STG_OK;
    }
    out->path = stg_strings_find(d->paths, path, path_len);
    if (out->path == STG_STRINGS_NONE) {
        if (stg_strings_count(d->paths) >= d->max_strings) {
            out->path = STG_NAME_NONE;
            d->n_no_path++;
            return STG_OK;
        }
        STG_RETURN_IF_FAILED(stg_strings_put(d->paths, path, path_len, &out->path));
    }
    out->has |= STG_HAS_PATH;
    return STG_OK;
}

/* Word by word: a copy of so few is sooner done than called. */
static void copy_args(struct stg_event *out, const uint64_t *args, unsigned n)
{
    out->n_args = (uint8_t)n;
    for (unsigned i = 0; i < STG_EVENT_MAX_ARGS; i++) {
        if (i < n) {
            out->args[i] = args[i];
        }
    }
}

_Static_assert(STG_ABI_RUNNABLE_MOST == STG_EVENT_MOST_RUNNABLE, "the programs count as far as events do");

static enum stg_status fill_call(struct stg_decoder *d, const struct stg_abi_head *head, const uint64_t *args,
                                 struct stg_event *out)
{
    const bool compat = (head->flags & STG_ABI_COMPAT) != 0;
    if (head->fd_kind > 0 && head->fd_kind <= STG_N_FD_KINDS) {
        out->fd_kind = (uint8_t)(head->fd_kind - 1);
        out->has |= STG_HAS_FD;
    }
    out->runnable = head->flags >> STG_ABI_RUNNABLE_SHIFT;
    out->has |= out->runnable > 0 ? STG_HAS_RUNNABLE : 0;
    if (head->kind == STG_ABI_ENTRY) {
        out->kind = STG_EVENT_ENTRY;
        copy_args(out, args, head->n_args);
    } else {
        out->kind = STG_EVENT_EXIT;
        out->ret = (int64_t)args[0];
        out->has |= STG_HAS_RET;
    }
    return find_call(d, head->id, compat, &out->name);
}

static void fill_marker(struct stg_event *out, uint32_t name, const uint64_t *args, uint8_t n_args)
{
    out->kind = STG_EVENT_MARKER;
    out->name = name;
    out->n_args = n_args;
    memcpy(out->args, args, sizeof *args * n_args);
}

static void fill_gap(struct stg_event *out, const uint64_t *args)
{
    out->kind = STG_EVENT_LOST;
    out->name = STG_NAME_NONE;
    out->n_lost = args[0];
    stg_event_set_gap_end(out, args[1]);
    out->has = STG_HAS_TIME | STG_HAS_CPU | STG_HAS_COUNT;
    out->comm = STG_NAME_NONE; /* whose events they were is not known */
    out->pid = out->tid = 0;
    out->cgroup_id = 0;
}

/* How many registers the kind has at least. */
static uint8_t min_args(uint8_t kind)
{
    switch (kind) {
    case STG_ABI_EXIT:
    case STG_ABI_EXEC:
        return 1;
    case STG_ABI_LOST:
    case STG_ABI_FORK:
    case STG_ABI_TASK_EXIT:
        return 2;
    default:
        return 0;
    }
}

static bool is_sound(const struct stg_decoder *d, const struct stg_abi_head *head, size_t len, const uint64_t *args)
{
    return head->kind >= STG_ABI_ENTRY && head->kind <= STG_ABI_TASK_EXIT && head->n_args <= STG_EVENT_MAX_ARGS &&
           head->n_args >= min_args(head->kind) && sizeof *head + sizeof *args * head->n_args <= len &&
           (head->kind != STG_ABI_MARKER || (head->id >= 0 && (size_t)head->id < d->n_markers)) &&
           (head->kind != STG_ABI_LOST || args[0] > 0) &&
           (head->kind == STG_ABI_LOST || (head->tid > 0 && head->tid <= INT32_MAX && head->pid <= INT32_MAX));
}

enum stg_status stg_decode(struct stg_decoder *d, const uint8_t *record, size_t len, int32_t cpu, struct stg_event *out,
                           bool *good)
{
    const struct stg_abi_head *head = (const void *)record;
    const uint64_t *args = (const void *)(record + sizeof *head);
    *good = len >= sizeof *head && is_sound(d, head, len, args);
    if (!*good) {
        d->n_damaged++;
        return STG_OK;
    }
    out->ts_ns = head->ts_ns;
    out->cgroup_id = head->cgroup_id;
    out->n_lost = 0;
    out->ret = 0;
    out->pid = (int32_t)head->pid;
    out->tid = (int32_t)head->tid;
    out->cpu = cpu;
    out->n_args = 0;
    out->fd_kind = 0;
    out->runnable = 0;
    out->path = STG_NAME_NONE;
    out->has = STG_HAS_TIME | STG_HAS_CPU | STG_HAS_PID | STG_HAS_TID | STG_HAS_CGROUP;
    if (head->kind == STG_ABI_LOST) {
        fill_gap(out, args);
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(find_comm(d, head->comm, &out->comm));
    out->has |= out->comm != STG_NAME_NONE ? STG_HAS_COMM : 0;
    switch (head->kind) {
    case STG_ABI_ENTRY:
    case STG_ABI_EXIT:
        if ((head->flags & STG_ABI_HAS_PATH) != 0) {
            STG_RETURN_IF_FAILED(fill_path(d, record, len, out));
        }
        return fill_call(d, head, args, out);
    case STG_ABI_MARKER:
        fill_marker(out, d->markers[head->id], args, head->n_args);
        return STG_OK;
    default:
        fill_marker(out, d->life[head->kind - STG_ABI_FORK], args, head->n_args);
        return STG_OK;
    }
}
