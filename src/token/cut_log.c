#include "token/cut_parts.h"

#include "base/memory.h"

#include <string.h>

/* A log that holds no sequence, and will hold others, keeps up to so many rows of memory: until all logs hold too
 * much. */
#define KEEP_ROWS 4096

void cut_log_fini(struct cut_log *log)
{
    stg_mem_free(log->row);
    stg_mem_free(log->context);
    log->row = log->context = NULL;
    log->cap = log->context_cap = 0;
}

/* Room for n more rows behind head + len: by moving to the front when half is free, else by growing. */
static enum stg_status reserve(struct stg_cutter *c, struct cut_row **rows, size_t *cap, size_t *head, size_t len,
                               size_t n)
{
    if (*head + len + n <= *cap) {
        return STG_OK;
    }
    if (*head > 0 && *head >= *cap / 2 && len + n <= *cap) {
        memmove(*rows, *rows + *head, len * sizeof **rows);
        *head = 0;
        return STG_OK;
    }
    const size_t before = *cap;
    STG_RETURN_IF_FAILED(stg_mem_grow(rows, cap, *head + len + n, sizeof **rows));
    c->bytes += (*cap - before) * sizeof **rows;
    return STG_OK;
}

static void unlist(struct stg_cutter *c, struct cut_log *log)
{
    struct cut_held_list *list = &c->held[log->held];
    *(log->held_before != NULL ? &log->held_before->held_after : &list->first) = log->held_after;
    *(log->held_after != NULL ? &log->held_after->held_before : &list->last) = log->held_before;
    log->held_before = log->held_after = NULL;
    log->held = CUT_HELD_NOTHING;
}

/* Puts the log in the list that it belongs to, after its memory or its sequences changed. */
static void enlist(struct stg_cutter *c, struct cut_log *log)
{
    const size_t rows = log->cap + log->context_cap;
    const unsigned held = rows == 0            ? CUT_HELD_NOTHING
                          : log->first == NULL ? CUT_HELD_IDLE
                                               : CUT_HELD_OPEN + 63U - (unsigned)__builtin_clzll(rows);
    if (held == log->held) {
        return;
    }
    if (log->held != CUT_HELD_NOTHING) {
        unlist(c, log);
    }
    if (held != CUT_HELD_NOTHING) {
        struct cut_held_list *list = &c->held[held];
        log->held = (uint8_t)held;
        log->held_before = list->last;
        *(list->last != NULL ? &list->last->held_after : &list->first) = log;
        list->last = log;
    }
}

static void release(struct stg_cutter *c, struct cut_log *log)
{
    c->bytes -= (log->cap + log->context_cap) * sizeof *log->row;
    cut_log_fini(log);
    enlist(c, log);
}

/* Drops rows in front that no open sequence needs. */
static void trim(struct stg_cutter *c, struct cut_log *log)
{
    const uint64_t keep = log->first == NULL ? log->end : log->first->begin;
    const uint64_t keep_context = log->first == NULL ? log->context_end : log->first->context;
    const size_t drop = log->len - (size_t)(log->end - keep);
    const size_t drop_context = log->context_len - (size_t)(log->context_end - keep_context);
    log->head = log->len == drop ? 0 : log->head + drop;
    log->len -= drop;
    log->context_head = log->context_len == drop_context ? 0 : log->context_head + drop_context;
    log->context_len -= drop_context;
    if (log->len == 0 && log->cap > KEEP_ROWS && c->recipe.scope != STG_SCOPE_SYSTEM) {
        release(c, log);
    }
}

void cut_log_open(struct stg_cutter *c, struct cut_log *log, struct cut_open *open)
{
    open->log = log;
    open->begin = log->end;
    open->context = log->context_end;
    open->lost = c->lost - (c->previous_ns <= c->gap_end_ns ? c->gap : 0); /* it begins in the gap */
    cut_load_open(c, open);
    open->prev = log->last;
    open->next = NULL;
    if (log->last != NULL) {
        log->last->next = open;
    } else {
        log->first = open;
    }
    log->last = open;
    enlist(c, log);
}

void cut_log_close(struct stg_cutter *c, struct cut_open *open)
{
    struct cut_log *log = open->log;
    if (log == NULL) {
        return;
    }
    if (open->prev != NULL) {
        open->prev->next = open->next;
    } else {
        log->first = open->next;
    }
    if (open->next != NULL) {
        open->next->prev = open->prev;
    } else {
        log->last = open->prev;
    }
    open->log = NULL;
    open->prev = open->next = NULL;
    trim(c, log);
    /* With its sequence a thread or process is over for this log: most numbers never come again. */
    if (open == &log->implicit && c->recipe.cut != STG_CUT_WINDOW) {
        release(c, log);
    }
    enlist(c, log);
}

/* Gives memory back where more than half of it is free. */
static enum stg_status shrink(struct stg_cutter *c, struct cut_row **rows, size_t *cap, size_t *head, size_t len)
{
    if (len * 2 > *cap || *cap == 0) {
        return STG_OK;
    }
    struct cut_row *smaller = NULL;
    size_t smaller_cap = 0;
    STG_RETURN_IF_FAILED(stg_mem_grow(&smaller, &smaller_cap, len + 1, sizeof *smaller));
    if (len > 0) {
        memcpy(smaller, *rows + *head, len * sizeof *smaller);
    }
    c->bytes -= *cap * sizeof *smaller;
    c->bytes += smaller_cap * sizeof *smaller;
    stg_mem_free(*rows);
    *rows = smaller;
    *cap = smaller_cap;
    *head = 0;
    return STG_OK;
}

/* Ends the log's oldest sequence to have its memory. */
static enum stg_status give_up(struct stg_cutter *c, struct cut_log *log)
{
    const uint64_t before = c->counts.n_truncated;
    STG_RETURN_IF_FAILED(cut_truncate(c, log->first));
    c->counts.n_relieved += c->counts.n_truncated - before;
    STG_RETURN_IF_FAILED(shrink(c, &log->row, &log->cap, &log->head, log->len));
    STG_RETURN_IF_FAILED(shrink(c, &log->context, &log->context_cap, &log->context_head, log->context_len));
    enlist(c, log);
    return STG_OK;
}

/* Of the logs that hold most, to a factor of two, the one that has done so longest; one without sequences before all
 * others. */
static struct cut_log *next_to_relieve(struct stg_cutter *c)
{
    struct cut_log *log = c->held[CUT_HELD_IDLE].first;
    c->n_steps++;
    for (unsigned held = CUT_HELD_LISTS; log == NULL && held-- > CUT_HELD_OPEN;) {
        log = c->held[held].first;
        c->n_steps++;
    }
    return log;
}

/* The bound on all logs: those without sequences let go of their memory, then one that is long gives up its oldest
 * sequence. */
static enum stg_status relieve(struct stg_cutter *c)
{
    while (c->bytes > c->bound) {
        struct cut_log *log = next_to_relieve(c);
        if (log == NULL) {
            return STG_OK;
        }
        if (log->first == NULL) {
            release(c, log);
        } else {
            STG_RETURN_IF_FAILED(give_up(c, log));
        }
    }
    return STG_OK;
}

/* Saves what the thread did before, for sequences that began after its last event: this is its first one in them. */
static enum stg_status save_context(struct stg_cutter *c, struct cut_log *log, struct cut_row *row)
{
    const struct cut_thread *t = &c->threads[row->thread];
    if (c->recipe.n_context == 0 || t->last > log->last->begin) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(
        reserve(c, &log->context, &log->context_cap, &log->context_head, log->context_len, c->recipe.n_context));
    const size_t n = cut_ring_copy(c, t, log->context + log->context_head + log->context_len);
    row->context = (uint32_t)log->context_end;
    row->n_context = (uint32_t)n & 0xFF;
    log->context_len += n;
    log->context_end += n;
    return STG_OK;
}

enum stg_status cut_log_push(struct stg_cutter *c, struct cut_log *log, struct cut_row *row)
{
    const size_t before = c->bytes;
    if (log->first != NULL) {
        STG_RETURN_IF_FAILED(save_context(c, log, row));
        STG_RETURN_IF_FAILED(reserve(c, &log->row, &log->cap, &log->head, log->len, 1));
        log->row[log->head + log->len] = *row;
        log->len++;
    }
    if (c->bytes != before) {
        enlist(c, log);
    }
    log->end++;
    c->threads[row->thread].last = log->end;
    while (log->first != NULL && log->end - log->first->begin > c->recipe.max_len) {
        STG_RETURN_IF_FAILED(cut_truncate(c, log->first));
    }
    return c->bytes > c->bound ? relieve(c) : STG_OK;
}
