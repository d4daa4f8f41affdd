#include "token/cut_parts.h"

#include "base/memory.h"

#include <string.h>

/* Linux never has more (PID_MAX_LIMIT is 2^22): a trace that does is damaged. */
#define MAX_THREADS (SIZE_C(1) << 22)
#define SIZE_C(x)   ((size_t)(x))

static size_t map_hash(int32_t id, size_t n_slots)
{
    return (size_t)(((uint32_t)id * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (n_slots - 1);
}

/* Makes room for one more of n entries; the caller places them all again when *grown. */
static enum stg_status map_reserve(struct cut_map *m, size_t n, bool *grown)
{
    *grown = false;
    if ((n + 1) * 2 <= m->n_slots) {
        return STG_OK;
    }
    const size_t bigger = m->n_slots == 0 ? 256 : m->n_slots * 2;
    uint32_t *slot = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&slot, bigger, sizeof *slot));
    stg_mem_free(m->slot);
    m->slot = slot;
    m->n_slots = bigger;
    *grown = true;
    return STG_OK;
}

static void map_place(struct cut_map *m, int32_t id, uint32_t index)
{
    size_t i = map_hash(id, m->n_slots);
    while (m->slot[i] != 0) {
        i = (i + 1) & (m->n_slots - 1);
    }
    m->slot[i] = index + 1;
}

static enum stg_status thread_add(struct stg_cutter *c, const struct stg_event *e, uint32_t *index)
{
    bool grown;
    if (c->n_threads >= MAX_THREADS) {
        return stg_fail(STG_ERR_MEMORY, "more than %zu threads in one trace: the trace is damaged", MAX_THREADS);
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&c->threads, &c->cap_threads, c->n_threads + 1, sizeof *c->threads));
    STG_RETURN_IF_FAILED(map_reserve(&c->thread_map, c->n_threads, &grown));
    for (size_t i = 0; grown && i < c->n_threads; i++) {
        map_place(&c->thread_map, c->threads[i].tid, (uint32_t)i);
    }
    *index = (uint32_t)c->n_threads;
    c->threads[c->n_threads++] = (struct cut_thread){.tid = e->tid, .call = CUT_NAME_NONE, .ring = CUT_NO_RING};
    map_place(&c->thread_map, e->tid, *index);
    return STG_OK;
}

enum stg_status cut_thread_get(struct stg_cutter *c, const struct stg_event *e, uint32_t *index)
{
    const struct cut_map *m = &c->thread_map;
    bool found = false;
    for (size_t i = m->n_slots > 0 ? map_hash(e->tid, m->n_slots) : 0; m->n_slots > 0 && m->slot[i] != 0;
         i = (i + 1) & (m->n_slots - 1)) {
        if (c->threads[m->slot[i] - 1].tid == e->tid) {
            *index = m->slot[i] - 1;
            found = true;
            break;
        }
    }
    if (!found) {
        STG_RETURN_IF_FAILED(thread_add(c, e, index));
    }
    struct cut_thread *t = &c->threads[*index];
    if ((e->has & STG_HAS_PID) && t->pid != e->pid) {
        t->pid = e->pid;
        if (c->recipe.scope == STG_SCOPE_PROCESS) {
            t->log = NULL;
            t->last = 0;
        }
    }
    return STG_OK;
}

static enum stg_status log_new(struct stg_cutter *c, struct cut_log **out)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, 1, sizeof **out));
    (*out)->end = 1;
    (*out)->next = c->logs;
    c->logs = *out;
    return STG_OK;
}

static enum stg_status process_log(struct stg_cutter *c, int32_t pid, struct cut_log **out)
{
    struct cut_map *m = &c->process_map;
    bool grown;
    STG_RETURN_IF_FAILED(map_reserve(m, c->n_processes, &grown));
    for (size_t i = 0; grown && i < c->n_processes; i++) {
        map_place(m, c->processes[i].pid, (uint32_t)i);
    }
    for (size_t i = map_hash(pid, m->n_slots); m->slot[i] != 0; i = (i + 1) & (m->n_slots - 1)) {
        if (c->processes[m->slot[i] - 1].pid == pid) {
            *out = c->processes[m->slot[i] - 1].log;
            return STG_OK;
        }
    }
    if (c->n_processes >= MAX_THREADS) {
        return stg_fail(STG_ERR_MEMORY, "more than %zu processes in one trace: the trace is damaged", MAX_THREADS);
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&c->processes, &c->cap_processes, c->n_processes + 1, sizeof *c->processes));
    STG_RETURN_IF_FAILED(log_new(c, out));
    c->processes[c->n_processes] = (struct cut_process){.pid = pid, .log = *out};
    map_place(m, pid, (uint32_t)c->n_processes);
    c->n_processes++;
    return STG_OK;
}

enum stg_status cut_log_get(struct stg_cutter *c, struct cut_thread *t, struct cut_log **out)
{
    if (t->log == NULL) {
        switch (c->recipe.scope) {
        case STG_SCOPE_SYSTEM:
            if (c->system == NULL) {
                STG_RETURN_IF_FAILED(log_new(c, &c->system));
            }
            t->log = c->system;
            break;
        case STG_SCOPE_PROCESS:
            STG_RETURN_IF_FAILED(process_log(c, t->pid, &t->log));
            break;
        case STG_SCOPE_THREAD:
            STG_RETURN_IF_FAILED(log_new(c, &t->log));
            break;
        }
    }
    *out = t->log;
    return STG_OK;
}

/* Gives the thread a ring: a new one, or at the bound the one that has been held longest. */
static enum stg_status ring_new(struct stg_cutter *c, uint32_t thread)
{
    const size_t n_context = c->recipe.n_context;
    const size_t fit = c->bound / 2 / (n_context * sizeof *c->rings);
    const size_t bound = fit > 0 ? fit : 1;
    size_t ring = c->n_rings;
    if (c->n_rings < bound) {
        STG_RETURN_IF_FAILED(stg_mem_grow(&c->ring_owner, &c->cap_owners, c->n_rings + 1, sizeof *c->ring_owner));
        STG_RETURN_IF_FAILED(stg_mem_grow(&c->rings, &c->cap_rings, (c->n_rings + 1) * n_context, sizeof *c->rings));
        c->n_rings++;
    } else {
        ring = c->next_ring;
        c->next_ring = (c->next_ring + 1) % bound;
        c->threads[c->ring_owner[ring]].ring = CUT_NO_RING;
        c->threads[c->ring_owner[ring]].ring_len = 0;
    }
    c->ring_owner[ring] = thread;
    c->threads[thread].ring = (uint32_t)ring;
    c->threads[thread].ring_len = c->threads[thread].ring_next = 0;
    return STG_OK;
}

enum stg_status cut_ring_put(struct stg_cutter *c, uint32_t thread, const struct cut_row *row)
{
    const size_t n_context = c->recipe.n_context;
    if (n_context == 0) {
        return STG_OK;
    }
    if (c->threads[thread].ring == CUT_NO_RING) {
        STG_RETURN_IF_FAILED(ring_new(c, thread));
    }
    struct cut_thread *t = &c->threads[thread];
    c->rings[(size_t)t->ring * n_context + t->ring_next] = *row;
    t->ring_next = (uint8_t)(t->ring_next + 1 == (int)n_context ? 0 : t->ring_next + 1);
    t->ring_len = (uint8_t)(t->ring_len < n_context ? t->ring_len + 1 : t->ring_len);
    return STG_OK;
}

size_t cut_ring_copy(const struct stg_cutter *c, const struct cut_thread *t, struct cut_row *out)
{
    if (t->ring == CUT_NO_RING || t->ring_len == 0) {
        return 0;
    }
    const size_t n_context = c->recipe.n_context;
    const struct cut_row *ring = c->rings + (size_t)t->ring * n_context;
    const size_t oldest = t->ring_len < n_context ? 0 : t->ring_next;
    for (size_t i = 0; i < t->ring_len; i++) {
        out[i] = ring[(oldest + i) % n_context];
    }
    return t->ring_len;
}

static void opens_free(struct stg_cutter *c)
{
    for (size_t i = 0; i < c->n_threads; i++) {
        while (c->threads[i].opens != NULL) {
            struct cut_open *open = c->threads[i].opens;
            c->threads[i].opens = open->next_of_thread;
            stg_mem_free(open);
        }
    }
    stg_mem_free(c->given);
    c->given = NULL;
    c->n_open = 0;
}

void cut_threads_reset(struct stg_cutter *c)
{
    opens_free(c);
    while (c->logs != NULL) {
        struct cut_log *log = c->logs;
        c->logs = log->next;
        cut_log_fini(log);
        stg_mem_free(log);
    }
    c->system = NULL;
    c->bytes = 0;
    c->n_threads = c->n_processes = 0;
    c->n_rings = c->next_ring = 0;
    if (c->thread_map.slot != NULL) {
        memset(c->thread_map.slot, 0, c->thread_map.n_slots * sizeof *c->thread_map.slot);
    }
    if (c->process_map.slot != NULL) {
        memset(c->process_map.slot, 0, c->process_map.n_slots * sizeof *c->process_map.slot);
    }
}

void cut_threads_fini(struct stg_cutter *c)
{
    cut_threads_reset(c);
    stg_mem_free(c->threads);
    stg_mem_free(c->processes);
    stg_mem_free(c->thread_map.slot);
    stg_mem_free(c->process_map.slot);
    stg_mem_free(c->rings);
    stg_mem_free(c->ring_owner);
}
