#include "token/cut_parts.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

#define MAX_THREADS_OF_SEQUENCE 65535
#define MAX_NAMES_OF_THREAD     16 /* in a sequence; then it keeps the one it has */

void cut_columns_fini(struct cut_columns *k)
{
    void *const all[] = {k->call,        k->phase,          k->ret,         k->time_ns,        k->thread,
                         k->thread_tid,  k->thread_pid,     k->thread_proc, k->context_offset, k->context_from,
                         k->thread_back, k->thread_older,   k->thread_comm, k->context_call,   k->context_phase,
                         k->context_ret, k->context_time_ns};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        stg_mem_free(all[i]);
    }
    *k = (struct cut_columns){0};
}

struct column {
    void *array;
    size_t size;
};

static enum stg_status reserve(const struct column *columns, size_t n_columns, size_t *cap, size_t need)
{
    if (need <= *cap) {
        return STG_OK;
    }
    size_t reached = 0;
    for (size_t i = 0; i < n_columns; i++) {
        reached = *cap;
        STG_RETURN_IF_FAILED(stg_mem_grow(columns[i].array, &reached, need, columns[i].size));
    }
    *cap = reached;
    return STG_OK;
}

static enum stg_status reserve_events(struct cut_columns *k, size_t need)
{
    const struct column columns[] = {
        {&k->call, sizeof *k->call},       {&k->phase, sizeof *k->phase},   {&k->ret, sizeof *k->ret},
        {&k->time_ns, sizeof *k->time_ns}, {&k->thread, sizeof *k->thread},
    };
    return reserve(columns, 5, &k->cap, need);
}

static enum stg_status reserve_threads(struct cut_columns *k, size_t need)
{
    const struct column columns[] = {
        {&k->thread_tid, sizeof *k->thread_tid},     {&k->thread_pid, sizeof *k->thread_pid},
        {&k->thread_proc, sizeof *k->thread_proc},   {&k->context_offset, sizeof *k->context_offset},
        {&k->context_from, sizeof *k->context_from}, {&k->thread_back, sizeof *k->thread_back},
        {&k->thread_older, sizeof *k->thread_older}, {&k->thread_comm, sizeof *k->thread_comm},
    };
    return reserve(columns, sizeof columns / sizeof columns[0], &k->cap_threads, need);
}

static enum stg_status reserve_context(struct cut_columns *k, size_t need)
{
    const struct column columns[] = {
        {&k->context_call, sizeof *k->context_call},
        {&k->context_phase, sizeof *k->context_phase},
        {&k->context_ret, sizeof *k->context_ret},
        {&k->context_time_ns, sizeof *k->context_time_ns},
    };
    return reserve(columns, 4, &k->cap_context, need);
}

/* The vocabulary's id of a source's name. */
static enum stg_status resolve(struct stg_vocab *v, struct cut_ids *ids, const struct stg_strings *names, uint32_t name,
                               enum stg_status (*add)(struct stg_vocab *, const char *, uint16_t *), uint16_t *id)
{
    if (name < ids->cap && ids->id[name] != STG_TOKEN_MASK) {
        *id = ids->id[name];
        return STG_OK;
    }
    *id = STG_TOKEN_UNKNOWN;
    if (name >= stg_strings_count(names)) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(add(v, stg_strings_get(names, name), id));
    /* What is unknown now may be known later, while the vocabulary grows. */
    if (v->frozen || *id != STG_TOKEN_UNKNOWN) {
        const size_t before = ids->cap;
        STG_RETURN_IF_FAILED(stg_mem_grow(&ids->id, &ids->cap, (size_t)name + 1, sizeof *ids->id));
        memset(ids->id + before, 0, (ids->cap - before) * sizeof *ids->id);
        ids->id[name] = *id;
    }
    return STG_OK;
}

/* The call of a context row: a name that no sequence has had yet does not enter the vocabulary. */
static enum stg_status resolve_context(struct stg_cutter *c, uint32_t name, uint16_t *id)
{
    const bool frozen = c->vocab->frozen;
    c->vocab->frozen = true;
    const bool cached = name < c->calls.cap && c->calls.id[name] != STG_TOKEN_MASK;
    *id = cached ? c->calls.id[name] : STG_TOKEN_UNKNOWN;
    enum stg_status status = STG_OK;
    if (!cached && name < stg_strings_count(c->names)) {
        status = stg_vocab_call(c->vocab, stg_strings_get(c->names, name), id);
    }
    c->vocab->frozen = frozen;
    return status;
}

/* First event of a thread in the sequence, or (back > 0) of one of its names: the thread's first row is so many rows
 * back. */
static enum stg_status add_thread(struct stg_cutter *c, const struct cut_row *row, size_t back, size_t *n_threads)
{
    struct cut_columns *k = &c->columns;
    struct cut_thread *t = &c->threads[row->thread];
    const size_t i = *n_threads;
    STG_RETURN_IF_FAILED(reserve_threads(k, i + 2));
    k->thread_tid[i] = t->tid;
    k->thread_pid[i] = t->pid;
    STG_RETURN_IF_FAILED(resolve(c->vocab, &c->procs, c->comms, row->comm, stg_vocab_proc, &k->thread_proc[i]));
    k->thread_back[i] = (uint16_t)back;
    k->thread_older[i] = back > 0 ? t->newest : (uint16_t)i;
    k->thread_comm[i] = row->comm;
    k->context_offset[i] = back > 0 ? 0 : row->n_context; /* a length for now */
    k->context_from[i] = row->context;
    t->local = t->newest = (uint16_t)i;
    t->serial = c->serial;
    (*n_threads)++;
    return STG_OK;
}

/* The thread goes on under another name: that of a program which it executes, or one that it gives itself. */
static enum stg_status rename_thread(struct stg_cutter *c, const struct cut_row *row, struct stg_seq *seq)
{
    struct cut_columns *k = &c->columns;
    struct cut_thread *t = &c->threads[row->thread];
    size_t i = t->newest, n_names = 1;
    while (k->thread_comm[i] != row->comm && k->thread_back[i] > 0) {
        i = k->thread_older[i];
        n_names++;
    }
    if (k->thread_comm[i] == row->comm) {
        t->local = (uint16_t)i;
        return STG_OK;
    }
    if (n_names == MAX_NAMES_OF_THREAD || seq->n_threads == MAX_THREADS_OF_SEQUENCE) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(add_thread(c, row, seq->n_threads - i, &seq->n_threads)); /* i is the first row */
    seq->thread_back = k->thread_back;
    return STG_OK;
}

static enum stg_status build_events(struct stg_cutter *c, const struct cut_open *open, struct cut_row *rows,
                                    struct stg_seq *seq)
{
    struct cut_columns *k = &c->columns;
    STG_RETURN_IF_FAILED(reserve_events(k, seq->n));
    c->serial++;
    for (size_t i = 0; i < seq->n; i++) {
        struct cut_row *row = &rows[i];
        if (c->threads[row->thread].serial != c->serial) {
            if (seq->n_threads == MAX_THREADS_OF_SEQUENCE) {
                seq->n = i;
                seq->flags |= STG_SEQ_TRUNCATED;
                break;
            }
            STG_RETURN_IF_FAILED(add_thread(c, row, 0, &seq->n_threads));
        } else if (row->comm != k->thread_comm[c->threads[row->thread].local] && row->comm != CUT_NAME_NONE) {
            STG_RETURN_IF_FAILED(rename_thread(c, row, seq));
        }
        if (row->name < c->calls.cap && c->calls.id[row->name] != STG_TOKEN_MASK) {
            k->call[i] = c->calls.id[row->name];
        } else {
            STG_RETURN_IF_FAILED(resolve(c->vocab, &c->calls, c->names, row->name, stg_vocab_call, &k->call[i]));
        }
        c->counts.n_unknown += stg_vocab_is_new_call(c->vocab, k->call[i]);
        k->phase[i] = (uint8_t)row->phase;
        k->ret[i] = row->ret;
        k->time_ns[i] = row->ts_ns > open->begin_ns ? row->ts_ns - open->begin_ns : 0;
        k->thread[i] = c->threads[row->thread].local;
        c->counts.n_covered += !row->delivered;
        row->delivered = true;
    }
    c->counts.n_stored += seq->n;
    return STG_OK;
}

static enum stg_status build_context(struct stg_cutter *c, const struct cut_open *open, struct stg_seq *seq)
{
    struct cut_columns *k = &c->columns;
    const struct cut_log *log = open->log;
    const uint64_t base = log->context_end - log->context_len;
    size_t n = 0;
    STG_RETURN_IF_FAILED(reserve_threads(k, seq->n_threads + 1));
    for (size_t i = 0; i < seq->n_threads; i++) {
        const size_t len = (size_t)k->context_offset[i];
        const uint32_t from = len > 0 ? (uint32_t)(k->context_from[i] - base) : 0;
        const struct cut_row *rows = len > 0 ? log->context + log->context_head + from : NULL;
        STG_RETURN_IF_FAILED(reserve_context(k, n + len));
        k->context_offset[i] = n;
        for (size_t j = 0; j < len; j++, n++) {
            STG_RETURN_IF_FAILED(resolve_context(c, rows[j].name, &k->context_call[n]));
            k->context_phase[n] = (uint8_t)rows[j].phase;
            k->context_ret[n] = rows[j].ret;
            k->context_time_ns[n] = rows[j].ts_ns < open->begin_ns ? rows[j].ts_ns - open->begin_ns : 0;
        }
    }
    k->context_offset[seq->n_threads] = n;
    STG_RETURN_IF_FAILED(reserve_context(k, 1));
    seq->context_offset = k->context_offset;
    seq->context_call = k->context_call;
    seq->context_phase = k->context_phase;
    seq->context_ret = k->context_ret;
    seq->context_time_ns = k->context_time_ns;
    return STG_OK;
}

void cut_settle(const struct stg_cutter *c, struct cut_open *open)
{
    open->end = open->log->end;
    open->facts = (struct cut_facts){.n_lost = c->lost - open->lost};
    cut_load_describe(c, open, &open->facts);
    cut_workers_describe(c, open, &open->facts);
}

enum stg_status cut_deliver(struct stg_cutter *c, struct cut_open *open, int64_t end_ns)
{
    const struct cut_log *log = open->log;
    if (open->end == 0) {
        cut_settle(c, open);
    }
    const struct cut_facts *facts = &open->facts;
    struct cut_columns *k = &c->columns;
    struct cut_row *rows = log->row + log->head + (size_t)(open->begin - (log->end - log->len));
    struct stg_seq seq = {
        .id = c->n_delivered,
        .n = (size_t)(open->end - open->begin),
        .begin_ns = open->begin_ns,
        .tid = open->tid,
        .pid = open->pid,
        .n_lost = facts->n_lost,
        .runnable = facts->runnable,
        .alone = facts->alone,
        .stayed = facts->stayed,
        .workers = facts->workers,
        .trace = c->i_trace,
        .flags = open->flags,
    };
    if (seq.n > c->recipe.max_len) { /* the event that passes the bound is not part of it */
        seq.n = c->recipe.max_len;
        seq.flags |= STG_SEQ_TRUNCATED;
    }
    STG_RETURN_IF_FAILED(build_events(c, open, rows, &seq));
    if (c->recipe.n_context > 0) {
        STG_RETURN_IF_FAILED(build_context(c, open, &seq));
    }
    STG_RETURN_IF_FAILED(reserve_threads(k, 1));
    seq.call = k->call;
    seq.phase = k->phase;
    seq.ret = k->ret;
    seq.time_ns = k->time_ns;
    seq.thread = k->thread;
    seq.thread_tid = k->thread_tid;
    seq.thread_pid = k->thread_pid;
    seq.thread_proc = k->thread_proc;
    seq.thread_back = seq.thread_back != NULL ? k->thread_back : NULL; /* which may have moved since */
    const int64_t last_ns = open->begin_ns + (seq.n > 0 ? k->time_ns[seq.n - 1] : 0);
    seq.end_ns = (seq.flags & STG_SEQ_TRUNCATED) == 0 && end_ns > last_ns ? end_ns : last_ns;
    c->counts.n_truncated += (seq.flags & STG_SEQ_TRUNCATED) != 0;
    c->counts.n_sequences++;
    c->n_delivered++;
    return c->take(c->context, &seq);
}

enum stg_status cut_truncate(struct stg_cutter *c, struct cut_open *open)
{
    struct cut_log *log = open->log;
    enum stg_status status = STG_OK;
    open->flags |= open->end == 0 ? STG_SEQ_TRUNCATED : 0;
    if (cut_is_confirmed(c, open)) {
        status = cut_deliver(c, open, open->begin_ns);
    }
    if (open == &log->implicit) {
        log->muted = c->recipe.cut != STG_CUT_WINDOW;
    }
    cut_log_close(c, open);
    return status;
}
