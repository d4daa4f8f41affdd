#include "token/cut_parts.h"

#include "base/memory.h"

#include <string.h>

/* Linux never has more (PID_MAX_LIMIT is 2^22): a trace that does is damaged. */
#define MAX_THREADS (SIZE_C(1) << 22)
#define SIZE_C(x)   ((size_t)(x))

/* Room comes first, so that the table of keys never has one more than there are threads. */
static enum stg_status thread_add(struct stg_cutter *c, int32_t tid, uint32_t *index)
{
    STG_RETURN_IF_FAILED(stg_mem_grow(&c->threads, &c->cap_threads, c->n_threads + 1, sizeof *c->threads));
    STG_RETURN_IF_FAILED(stg_keys_put(&c->tids, (uint32_t)tid, MAX_THREADS, index));
    if (*index == STG_KEYS_NONE) {
        return stg_fail(STG_ERR_MEMORY, "more than %zu threads in one trace: the trace is damaged", MAX_THREADS);
    }
    c->threads[c->n_threads++] = (struct cut_thread){.tid = tid,
                                                     .call = CUT_NAME_NONE,
                                                     .ring = CUT_NO_RING,
                                                     .cpu = -1,
                                                     .group = CUT_NAME_NONE,
                                                     .process = CUT_NO_PROCESS};
    return STG_OK;
}

/* The process of that number. */
static enum stg_status process_get(struct stg_cutter *c, int32_t pid, uint32_t *index)
{
    *index = stg_keys_find(&c->pids, (uint32_t)pid);
    if (*index != STG_KEYS_NONE) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&c->processes, &c->cap_processes, c->n_processes + 1, sizeof *c->processes));
    STG_RETURN_IF_FAILED(stg_keys_put(&c->pids, (uint32_t)pid, MAX_THREADS, index));
    if (*index == STG_KEYS_NONE) {
        return stg_fail(STG_ERR_MEMORY, "more than %zu processes in one trace: the trace is damaged", MAX_THREADS);
    }
    c->processes[c->n_processes++] = (struct cut_process){.first = CUT_NO_THREAD, .last = CUT_NO_THREAD};
    return STG_OK;
}

void cut_process_leave(struct stg_cutter *c, uint32_t thread)
{
    struct cut_thread *t = &c->threads[thread];
    if (t->process == CUT_NO_PROCESS) {
        return;
    }
    struct cut_process *p = &c->processes[t->process];
    *(t->previous != CUT_NO_THREAD ? &c->threads[t->previous].next : &p->first) = t->next;
    *(t->next != CUT_NO_THREAD ? &c->threads[t->next].previous : &p->last) = t->previous;
    t->process = CUT_NO_PROCESS;
}

static enum stg_status process_join(struct stg_cutter *c, uint32_t thread, int32_t pid)
{
    uint32_t process;
    STG_RETURN_IF_FAILED(process_get(c, pid, &process));
    struct cut_thread *t = &c->threads[thread];
    c->tells_processes = true;
    if (t->pid != pid) {
        if (t->dying || (c->recipe.cut == STG_CUT_THREAD && t->process != CUT_NO_PROCESS)) {
            STG_RETURN_IF_FAILED(cut_thread_end(c, thread));
        }
        cut_process_leave(c, thread);
        t->pid = pid;
        if (c->recipe.scope == STG_SCOPE_PROCESS) {
            t->log = NULL;
            t->last = 0;
        }
    }
    struct cut_process *p = &c->processes[process];
    t->process = process;
    t->previous = p->last;
    t->next = CUT_NO_THREAD;
    *(p->last != CUT_NO_THREAD ? &c->threads[p->last].next : &p->first) = thread;
    p->last = thread;
    return STG_OK;
}

enum stg_status cut_thread_get(struct stg_cutter *c, const struct stg_event *e, uint32_t *index)
{
    *index = stg_keys_find(&c->tids, (uint32_t)e->tid);
    if (*index == STG_KEYS_NONE) {
        STG_RETURN_IF_FAILED(thread_add(c, e->tid, index));
    }
    const struct cut_thread *t = &c->threads[*index];
    const bool joins = (e->has & STG_HAS_PID) != 0 && (t->pid != e->pid || t->process == CUT_NO_PROCESS);
    return joins ? process_join(c, *index, e->pid) : STG_OK;
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
    uint32_t index;
    STG_RETURN_IF_FAILED(process_get(c, pid, &index));
    if (c->processes[index].log == NULL) {
        STG_RETURN_IF_FAILED(log_new(c, &c->processes[index].log));
    }
    *out = c->processes[index].log;
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
    memset(c->held, 0, sizeof c->held);
    c->system = NULL;
    c->bytes = 0;
    c->n_threads = c->n_processes = 0;
    c->n_rings = c->next_ring = 0;
    stg_keys_clear(&c->tids);
    stg_keys_clear(&c->pids);
}

void cut_threads_fini(struct stg_cutter *c)
{
    cut_threads_reset(c);
    stg_mem_free(c->threads);
    stg_mem_free(c->processes);
    stg_keys_fini(&c->tids);
    stg_keys_fini(&c->pids);
    stg_mem_free(c->rings);
    stg_mem_free(c->ring_owner);
}
