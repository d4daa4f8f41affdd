#include "token/token.h"

#include "base/memory.h"

#include <string.h>

enum { CUT_OFF = UINT32_MAX }; /* in `row`: the event is beyond the bound of its walk */

struct walk_range {
    size_t first;  /* row */
    size_t thread; /* the first row of its thread among those of the sequence's threads */
    size_t n, n_context;
    int64_t last_ns; /* time of its last row so far */
    bool start, end, own;
};

/* Rows of all walks of one sequence, one walk after another. */
struct stg_walker {
    unsigned columns; /* STG_WALK_* */

    /* Time order shows the sequence's own columns, thread order the copies below. */
    const uint16_t *call;
    const uint8_t *phase;
    const int64_t *ret;

    uint16_t *own_call;
    uint8_t *own_phase;
    int64_t *own_ret;
    uint16_t *proc;
    int32_t *pid, *tid;
    int64_t *elapsed; /* one more row per walk, for END */
    uint32_t *index;
    size_t cap; /* rows of each own column */

    uint32_t *row; /* (events) the row of each event of the sequence, or CUT_OFF */
    size_t cap_row;
    struct walk_range *range; /* (n_range) */
    size_t n_range, cap_range;
    uint16_t *walk_of; /* (n_threads) the walk of a row of the sequence's threads, where is_mapped; else it has the
                          row's number */
    size_t cap_walk_of;
    bool is_mapped;
};

enum stg_status stg_walker_new(struct stg_walker **out, unsigned columns)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, 1, sizeof **out));
    (*out)->columns = columns;
    return STG_OK;
}

void stg_walker_free(struct stg_walker *w)
{
    if (w == NULL) {
        return;
    }
    stg_mem_free(w->own_call);
    stg_mem_free(w->own_phase);
    stg_mem_free(w->own_ret);
    stg_mem_free(w->proc);
    stg_mem_free(w->pid);
    stg_mem_free(w->tid);
    stg_mem_free(w->elapsed);
    stg_mem_free(w->index);
    stg_mem_free(w->row);
    stg_mem_free(w->range);
    stg_mem_free(w->walk_of);
    stg_mem_free(w);
}

/* Room for that many rows in every column that may be filled; all of them have the same capacity. */
static enum stg_status reserve(struct stg_walker *w, size_t rows)
{
    const struct {
        void *array;
        size_t size;
        unsigned wanted;
    } columns[] = {
        {&w->own_call, sizeof *w->own_call, 0},
        {&w->own_phase, sizeof *w->own_phase, 0},
        {&w->own_ret, sizeof *w->own_ret, 0},
        {&w->proc, sizeof *w->proc, STG_WALK_THREAD},
        {&w->pid, sizeof *w->pid, STG_WALK_THREAD},
        {&w->tid, sizeof *w->tid, STG_WALK_THREAD},
        {&w->elapsed, sizeof *w->elapsed, STG_WALK_ELAPSED},
        {&w->index, sizeof *w->index, STG_WALK_INDEX},
    };
    if (rows >= CUT_OFF) {
        return stg_fail(STG_ERR_UNSUPPORTED, "a sequence of %zu events: cut it shorter", rows);
    }
    if (rows <= w->cap) {
        return STG_OK;
    }
    size_t reached = 0;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        size_t cap = w->cap;
        if (columns[i].wanted == 0 || (columns[i].wanted & w->columns) != 0) {
            STG_RETURN_IF_FAILED(stg_mem_grow(columns[i].array, &cap, rows, columns[i].size));
            reached = cap;
        }
    }
    w->cap = reached;
    return STG_OK;
}

static struct walk_range *range_of(const struct stg_walker *w, size_t thread)
{
    return &w->range[w->is_mapped ? w->walk_of[thread] : thread];
}

static void fill_context(struct stg_walker *w, struct walk_range *r, const struct stg_seq *seq)
{
    const size_t thread = r->thread;
    const uint64_t begin = seq->context_offset[thread];
    const size_t n = (size_t)(seq->context_offset[thread + 1] - begin);
    for (size_t i = 0; i < n; i++) {
        const size_t row = r->first + i;
        w->own_call[row] = seq->context_call[begin + i];
        w->own_phase[row] = seq->context_phase[begin + i];
        w->own_ret[row] = seq->context_ret[begin + i];
        if (w->columns & STG_WALK_THREAD) {
            w->proc[row] = seq->thread_proc[thread];
            w->pid[row] = seq->thread_pid[thread];
            w->tid[row] = seq->thread_tid[thread];
        }
        if (w->columns & STG_WALK_ELAPSED) {
            w->elapsed[row] = i == 0 ? 0 : seq->context_time_ns[begin + i] - seq->context_time_ns[begin + i - 1];
        }
        if (w->columns & STG_WALK_INDEX) {
            w->index[row] = UINT32_MAX;
        }
    }
    r->n = r->n_context = n;
    r->last_ns = n > 0 ? seq->context_time_ns[begin + n - 1] : 0;
}

/* Columns of the sequence's events at the rows that `row` names. */
static void fill_columns(struct stg_walker *w, const struct stg_seq *seq, enum stg_order order)
{
    for (size_t k = 0; k < seq->n && order == STG_ORDER_THREAD; k++) {
        if (w->row[k] != CUT_OFF) {
            w->own_call[w->row[k]] = seq->call[k];
            w->own_phase[w->row[k]] = seq->phase[k];
            w->own_ret[w->row[k]] = seq->ret[k];
        }
    }
    for (size_t k = 0; k < seq->n && (w->columns & STG_WALK_THREAD) != 0; k++) {
        if (w->row[k] != CUT_OFF) {
            const size_t thread = seq->thread[k];
            w->proc[w->row[k]] = seq->thread_proc[thread];
            w->pid[w->row[k]] = seq->thread_pid[thread];
            w->tid[w->row[k]] = seq->thread_tid[thread];
        }
    }
    for (size_t k = 0; k < seq->n && (w->columns & STG_WALK_INDEX) != 0; k++) {
        if (w->row[k] != CUT_OFF) {
            w->index[w->row[k]] = (uint32_t)k;
        }
    }
}

static void fill_elapsed(struct stg_walker *w, const struct stg_seq *seq, enum stg_order order)
{
    for (size_t k = 0; k < seq->n; k++) {
        struct walk_range *r = order == STG_ORDER_TIME ? w->range : range_of(w, seq->thread[k]);
        if (w->row[k] != CUT_OFF) {
            w->elapsed[w->row[k]] = seq->time_ns[k] - r->last_ns;
            r->last_ns = seq->time_ns[k];
        }
    }
    for (size_t i = 0; i < w->n_range; i++) {
        const struct walk_range *r = &w->range[i];
        const int64_t elapsed = seq->end_ns - seq->begin_ns - r->last_ns;
        w->elapsed[r->first + r->n] = elapsed > 0 ? elapsed : 0;
    }
}

static enum stg_status fill(struct stg_walker *w, const struct stg_seq *seq, enum stg_order order, size_t rows)
{
    const bool copies = order == STG_ORDER_THREAD;
    const bool borrowed = !copies && w->columns == 0;
    if (!borrowed) {
        STG_RETURN_IF_FAILED(reserve(w, rows));
    }
    w->call = copies ? w->own_call : seq->call;
    w->phase = copies ? w->own_phase : seq->phase;
    w->ret = copies ? w->own_ret : seq->ret;
    for (size_t i = 0; i < w->n_range && copies && seq->context_offset != NULL; i++) {
        fill_context(w, &w->range[i], seq);
    }
    if (borrowed) {
        w->range[0].n = rows - 1;
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->row, &w->cap_row, seq->n, sizeof *w->row));
    for (size_t k = 0; k < seq->n; k++) {
        struct walk_range *r = copies ? range_of(w, seq->thread[k]) : w->range;
        const size_t next = r->first + r->n;
        const bool fits = next + 1 < (r == &w->range[w->n_range - 1] ? rows : r[1].first);
        w->row[k] = fits ? (uint32_t)next : CUT_OFF;
        r->n += fits;
    }
    fill_columns(w, seq, order);
    if (w->columns & STG_WALK_ELAPSED) {
        fill_elapsed(w, seq, order);
    }
    return STG_OK;
}

static enum stg_status begin_time(struct stg_walker *w, const struct stg_seq *seq, size_t max_len)
{
    const size_t n = max_len > 0 && seq->n > max_len ? max_len : seq->n;
    w->range[0] = (struct walk_range){.start = true, .end = n == seq->n && (seq->flags & STG_SEQ_TRUNCATED) == 0};
    return fill(w, seq, STG_ORDER_TIME, n + 1);
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
    size_t rows = 0;
    for (size_t i = seq->n_threads;
         i-- > 0;) { /* so that the first row of a thread is the last one to say that it is one */
        *range_of(w, i) = (struct walk_range){.thread = i};
    }
    for (size_t k = 0; k < seq->n; k++) {
        range_of(w, seq->thread[k])->n++;
    }
    for (size_t i = 0; i < w->n_range; i++) {
        struct walk_range *r = &w->range[i];
        const size_t thread = r->thread;
        const size_t context =
            seq->context_offset == NULL ? 0 : seq->context_offset[thread + 1] - seq->context_offset[thread];
        const size_t events = max_len > 0 && r->n > max_len ? max_len : r->n;
        *r = (struct walk_range){
            .first = rows, .thread = thread, .start = context == 0, .end = events == r->n && thread_ends(seq, thread)};
        r->own = seq->tid != 0 && seq->thread_tid[thread] == seq->tid;
        rows += context + events + 1;
    }
    return fill(w, seq, STG_ORDER_THREAD, rows);
}

/* Which rows of threads make one walk; *n = how many walks there are. */
static enum stg_status map_threads(struct stg_walker *w, const struct stg_seq *seq, size_t *n)
{
    w->is_mapped = seq->thread_back != NULL;
    *n = seq->n_threads;
    if (!w->is_mapped) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->walk_of, &w->cap_walk_of, seq->n_threads, sizeof *w->walk_of));
    *n = 0;
    for (size_t i = 0; i < seq->n_threads; i++) {
        w->walk_of[i] = seq->thread_back[i] == 0 ? (uint16_t)(*n)++ : w->walk_of[i - seq->thread_back[i]];
    }
    return STG_OK;
}

enum stg_status stg_walker_begin(struct stg_walker *w, const struct stg_seq *seq, enum stg_order order, size_t max_len,
                                 size_t *n_walks)
{
    *n_walks = 0;
    w->n_range = 0;
    size_t walks = 1;
    if (order == STG_ORDER_THREAD) {
        STG_RETURN_IF_FAILED(map_threads(w, seq, &walks));
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->range, &w->cap_range, walks > 0 ? walks : 1, sizeof *w->range));
    w->n_range = walks;
    STG_RETURN_IF_FAILED(order == STG_ORDER_TIME ? begin_time(w, seq, max_len) : begin_threads(w, seq, max_len));
    *n_walks = walks;
    return STG_OK;
}

void stg_walker_get(const struct stg_walker *w, size_t i_walk, struct stg_walk *out)
{
    const struct walk_range *r = &w->range[i_walk];
    const bool thread = (w->columns & STG_WALK_THREAD) != 0;
    *out = (struct stg_walk){
        .n = r->n,
        .n_context = r->n_context,
        .start = r->start,
        .end = r->end,
        .own = r->own,
        .call = w->call + r->first,
        .phase = w->phase + r->first,
        .ret = w->ret + r->first,
        .proc = thread ? w->proc + r->first : NULL,
        .pid = thread ? w->pid + r->first : NULL,
        .tid = thread ? w->tid + r->first : NULL,
        .elapsed_ns = w->columns & STG_WALK_ELAPSED ? w->elapsed + r->first : NULL,
        .index = w->columns & STG_WALK_INDEX ? w->index + r->first : NULL,
    };
}
