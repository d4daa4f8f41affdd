/* Threads and processes end. Their numbers are given to others, who inherit nothing. */
#include "token/cut_parts.h"

/* What is open on the thread has no end. */
static void drop_opens(struct stg_cutter *c, struct cut_thread *t)
{
    while (t->opens != NULL) {
        struct cut_open *open = t->opens;
        t->opens = open->next_of_thread;
        c->counts.n_open += open->log != NULL;
        cut_discard(c, open);
    }
}

/* The sequence that goes on as long as the thread or process, or its last window: the next event of the log is another
 * life's. */
static enum stg_status end_sequence(struct stg_cutter *c, struct cut_log *log, enum stg_scope scope)
{
    if (!cut_is_implicit(c->recipe.cut) || c->recipe.scope != scope || log == NULL) {
        return STG_OK;
    }
    log->muted = false;
    return cut_implicit_close(c, log);
}

enum stg_status cut_thread_end(struct stg_cutter *c, uint32_t thread)
{
    struct cut_thread *t = &c->threads[thread];
    cut_process_leave(c, thread);
    drop_opens(c, t);
    c->counts.n_unfinished += t->call != CUT_NAME_NONE;
    t->call = CUT_NAME_NONE;
    t->ring_len = t->ring_next = 0;
    t->cpu = -1;
    t->dying = false;
    return end_sequence(c, t->log, STG_SCOPE_THREAD);
}

enum stg_status cut_process_end(struct stg_cutter *c, int32_t pid)
{
    const uint32_t process = stg_keys_find(&c->pids, (uint32_t)pid);
    if (process == STG_KEYS_NONE) {
        return STG_OK;
    }
    while (c->processes[process].first != CUT_NO_THREAD) {
        const uint32_t thread = c->processes[process].first;
        struct cut_thread *t = &c->threads[thread];
        cut_process_leave(c, thread);
        drop_opens(c, t);
        t->dying = true;
        STG_RETURN_IF_FAILED(end_sequence(c, t->log, STG_SCOPE_THREAD));
    }
    return end_sequence(c, c->processes[process].log, STG_SCOPE_PROCESS);
}

enum stg_status cut_thread_revive(struct stg_cutter *c, uint32_t thread, const struct stg_event *e, bool *late)
{
    const struct cut_thread *t = &c->threads[thread];
    *late = e->kind == STG_EVENT_EXIT && t->call != CUT_NAME_NONE && (t->call == e->name || e->name >= CUT_NAME_NONE);
    return *late ? STG_OK : cut_thread_end(c, thread);
}

enum stg_status cut_thread_gone(struct stg_cutter *c, const struct stg_event *e)
{
    const uint32_t thread = stg_keys_find(&c->tids, (uint32_t)e->tid);
    if ((e->has & STG_HAS_TID) == 0) {
        return STG_OK;
    }
    if (thread != STG_KEYS_NONE) {
        STG_RETURN_IF_FAILED(cut_thread_end(c, thread));
    }
    const bool last =
        e->n_args == 2 && e->args[1] == 1 && e->args[0] != (uint64_t)e->tid; /* LTTng's has thread id and priority */
    return last && (e->has & STG_HAS_PID) != 0 ? cut_process_end(c, e->pid) : STG_OK;
}
