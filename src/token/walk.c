#include "token/token.h"

#include "base/memory.h"

#include <string.h>

/* Rows of all walks of one sequence, one walk after another. */
struct stg_walker {
    uint16_t *call;
    uint8_t *phase;
    int64_t *ret;
    uint16_t *proc;
    int32_t *pid, *tid;
    int64_t *elapsed; /* one more row per walk, for END */
    uint32_t *index;
    size_t cap; /* rows of each column above */

    struct walk_range *range; /* (n_walks) */
    size_t n_range, cap_range;
};

struct walk_range {
    size_t first; /* row */
    size_t n, n_context;
    size_t left; /* events that still fit while filling */
    int64_t last_ns;
    bool start, end;
};

enum stg_status stg_walker_new(struct stg_walker **out)
{
    return stg_mem_zeroed(out, 1, sizeof **out);
}

void stg_walker_free(struct stg_walker *w)
{
    if (w == NULL) {
        return;
    }
    stg_mem_free(w->call);
    stg_mem_free(w->phase);
    stg_mem_free(w->ret);
    stg_mem_free(w->proc);
    stg_mem_free(w->pid);
    stg_mem_free(w->tid);
    stg_mem_free(w->elapsed);
    stg_mem_free(w->index);
    stg_mem_free(w->range);
    stg_mem_free(w);
}

static enum stg_status reserve(struct stg_walker *w, size_t rows)
{
    const struct {
        void *array;
        size_t size;
    } columns[] = {
        {&w->call, sizeof *w->call},   {&w->phase, sizeof *w->phase},     {&w->ret, sizeof *w->ret},
        {&w->proc, sizeof *w->proc},   {&w->pid, sizeof *w->pid},         {&w->tid, sizeof *w->tid},
        {&w->index, sizeof *w->index}, {&w->elapsed, sizeof *w->elapsed},
    };
    if (rows <= w->cap) {
        return STG_OK;
    }
    size_t reached = 0;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        size_t cap = w->cap;
        STG_RETURN_IF_FAILED(stg_mem_grow(columns[i].array, &cap, rows, columns[i].size));
        reached = cap;
    }
    w->cap = reached;
    return STG_OK;
}

/* Row k of the sequence as the next row of walk r. */
static void put_event(struct stg_walker *w, struct walk_range *r, const struct stg_seq *seq, size_t k)
{
    const size_t thread = seq->thread[k];
    const size_t row = r->first + r->n++;
    w->call[row] = seq->call[k];
    w->phase[row] = seq->phase[k];
    w->ret[row] = seq->ret[k];
    w->proc[row] = seq->thread_proc[thread];
    w->pid[row] = seq->thread_pid[thread];
    w->tid[row] = seq->thread_tid[thread];
    w->elapsed[row] = seq->time_ns[k] - r->last_ns;
    w->index[row] = (uint32_t)k;
    r->last_ns = seq->time_ns[k];
}

static void put_context(struct stg_walker *w, struct walk_range *r, const struct stg_seq *seq, size_t thread)
{
    const uint64_t begin = seq->context_offset[thread];
    const uint64_t end = seq->context_offset[thread + 1];
    for (uint64_t k = begin; k < end; k++) {
        const size_t row = r->first + r->n++;
        w->call[row] = seq->context_call[k];
        w->phase[row] = seq->context_phase[k];
        w->ret[row] = seq->context_ret[k];
        w->proc[row] = seq->thread_proc[thread];
        w->pid[row] = seq->thread_pid[thread];
        w->tid[row] = seq->thread_tid[thread];
        w->elapsed[row] = k == begin ? 0 : seq->context_time_ns[k] - seq->context_time_ns[k - 1];
        w->index[row] = UINT32_MAX;
    }
    r->n_context = r->n;
    if (end > begin) {
        r->last_ns = seq->context_time_ns[end - 1];
    }
}

static void finish_range(struct stg_walker *w, struct walk_range *r, const struct stg_seq *seq)
{
    const int64_t elapsed = seq->end_ns - seq->begin_ns - r->last_ns;
    w->elapsed[r->first + r->n] = elapsed > 0 ? elapsed : 0;
}

static enum stg_status begin_time(struct stg_walker *w, const struct stg_seq *seq, size_t max_len)
{
    const size_t n = max_len > 0 && seq->n > max_len ? max_len : seq->n;
    STG_RETURN_IF_FAILED(reserve(w, n + 1));
    w->n_range = 1;
    struct walk_range *r = &w->range[0];
    *r = (struct walk_range){.start = true, .end = n == seq->n && (seq->flags & STG_SEQ_TRUNCATED) == 0};
    for (size_t k = 0; k < n; k++) {
        put_event(w, r, seq, k);
    }
    finish_range(w, r, seq);
    return STG_OK;
}

/* Whether a thread's walk ends with the sequence. Without stored context every thread's part stands for itself and has
 * both ends. With context a thread goes on after the sequence, except that the cut rule saw the end on the thread it
 * followed. */
static bool thread_ends(const struct stg_seq *seq, size_t thread)
{
    if (seq->flags & STG_SEQ_TRUNCATED) {
        return false;
    }
    return seq->context_offset == NULL || (seq->tid != 0 && seq->thread_tid[thread] == seq->tid);
}

static enum stg_status begin_threads(struct stg_walker *w, const struct stg_seq *seq, size_t max_len)
{
    w->n_range = seq->n_threads;
    size_t rows = 0;
    for (size_t i = 0; i < seq->n_threads; i++) {
        w->range[i] = (struct walk_range){0};
    }
    for (size_t k = 0; k < seq->n; k++) {
        w->range[seq->thread[k]].left++;
    }
    for (size_t i = 0; i < seq->n_threads; i++) {
        struct walk_range *r = &w->range[i];
        r->first = rows;
        const size_t context = seq->context_offset == NULL ? 0 : seq->context_offset[i + 1] - seq->context_offset[i];
        r->start = context == 0;
        r->end = thread_ends(seq, i) && (max_len == 0 || r->left <= max_len);
        r->left = max_len > 0 && r->left > max_len ? max_len : r->left;
        rows += context + r->left + 1;
    }
    STG_RETURN_IF_FAILED(reserve(w, rows));
    for (size_t i = 0; i < seq->n_threads && seq->context_offset != NULL; i++) {
        put_context(w, &w->range[i], seq, i);
    }
    for (size_t k = 0; k < seq->n; k++) {
        struct walk_range *r = &w->range[seq->thread[k]];
        if (r->left > 0) {
            r->left--;
            put_event(w, r, seq, k);
        }
    }
    for (size_t i = 0; i < seq->n_threads; i++) {
        finish_range(w, &w->range[i], seq);
    }
    return STG_OK;
}

enum stg_status stg_walker_begin(struct stg_walker *w, const struct stg_seq *seq, enum stg_order order, size_t max_len,
                                 size_t *n_walks)
{
    *n_walks = 0;
    w->n_range = 0;
    const size_t walks = order == STG_ORDER_TIME ? 1 : seq->n_threads;
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->range, &w->cap_range, walks > 0 ? walks : 1, sizeof *w->range));
    STG_RETURN_IF_FAILED(order == STG_ORDER_TIME ? begin_time(w, seq, max_len) : begin_threads(w, seq, max_len));
    *n_walks = walks;
    return STG_OK;
}

void stg_walker_get(const struct stg_walker *w, size_t i_walk, struct stg_walk *out)
{
    const struct walk_range *r = &w->range[i_walk];
    *out = (struct stg_walk){
        .n = r->n,
        .n_context = r->n_context,
        .start = r->start,
        .end = r->end,
        .call = w->call + r->first,
        .phase = w->phase + r->first,
        .ret = w->ret + r->first,
        .proc = w->proc + r->first,
        .pid = w->pid + r->first,
        .tid = w->tid + r->first,
        .elapsed_ns = w->elapsed + r->first,
        .index = w->index + r->first,
    };
}
