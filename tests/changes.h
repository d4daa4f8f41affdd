/* Changes: a known sequence with one thing about it changed, at a known place, or with events taken out. What an
 * explanation should find is then no matter of opinion. Shared by the test and the benchmark of explanations. */
#ifndef STG_TESTS_CHANGES_H
#define STG_TESTS_CHANGES_H

#include "base/memory.h"
#include "base/rng.h"
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

enum change { CHANGE_FOREIGN, CHANGE_DELAY, CHANGE_ERROR, CHANGE_DOUBLED, CHANGES };

enum { CHANGE_ROWS = 2, CHANGE_ERRNO = 5 }; /* EIO */
#define CHANGE_DELAY_NS INT64_C(50000000)

static const char *const change_names[CHANGES] = {"foreign call", "delay 50 ms", "error return", "doubled write"};

/* One row while it is being moved about. */
struct changed_row {
    int64_t time_ns, ret;
    uint32_t place; /* among rows of equal time */
    uint16_t call, thread;
    uint8_t phase;
    bool changed;
};

/* Its sequence borrows threads and context from the original. */
struct changed {
    struct stg_seq seq;
    struct changed_row *rows; /* (n) owned, as are the columns of seq */
    size_t n;
    uint16_t *call, *thread;
    uint8_t *phase;
    int64_t *ret, *time_ns;
};

static inline void changed_fini(struct changed *c)
{
    stg_mem_free(c->rows);
    stg_mem_free(c->call);
    stg_mem_free(c->thread);
    stg_mem_free(c->phase);
    stg_mem_free(c->ret);
    stg_mem_free(c->time_ns);
}

/* changed_fini() also after a failure. */
static inline enum stg_status changed_init(struct changed *c, const struct stg_seq *seq)
{
    const size_t cap = seq->n + CHANGE_ROWS;
    *c = (struct changed){.seq = *seq, .n = seq->n};
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->rows, cap, sizeof *c->rows));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->call, cap, sizeof *c->call));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->thread, cap, sizeof *c->thread));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->phase, cap, sizeof *c->phase));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->ret, cap, sizeof *c->ret));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->time_ns, cap, sizeof *c->time_ns));
    for (size_t i = 0; i < seq->n; i++) {
        c->rows[i] = (struct changed_row){.time_ns = seq->time_ns[i],
                                          .ret = seq->ret[i],
                                          .place = (uint32_t)i,
                                          .call = seq->call[i],
                                          .thread = seq->thread[i],
                                          .phase = seq->phase[i]};
    }
    return STG_OK;
}

static inline int changed_compare(const void *a, const void *b)
{
    const struct changed_row *x = a, *y = b;
    if (x->time_ns != y->time_ns) {
        return x->time_ns < y->time_ns ? -1 : 1;
    }
    return (x->place > y->place) - (x->place < y->place);
}

/* Makes the columns of the rows, in time order. */
static inline void changed_finish(struct changed *c)
{
    qsort(c->rows, c->n, sizeof *c->rows, changed_compare);
    for (size_t i = 0; i < c->n; i++) {
        c->call[i] = c->rows[i].call;
        c->thread[i] = c->rows[i].thread;
        c->phase[i] = c->rows[i].phase;
        c->ret[i] = c->rows[i].ret;
        c->time_ns[i] = c->rows[i].time_ns;
    }
    if (c->n > 0 && c->time_ns[c->n - 1] > c->seq.end_ns - c->seq.begin_ns) {
        c->seq.end_ns = c->seq.begin_ns + c->time_ns[c->n - 1];
    }
    c->seq.n = c->n;
    c->seq.call = c->call;
    c->seq.thread = c->thread;
    c->seq.phase = c->phase;
    c->seq.ret = c->ret;
    c->seq.time_ns = c->time_ns;
}

/* The events of the row's thread wait from the row on; others do not. */
static inline void changed_wait(struct changed *c, size_t row, int64_t ns)
{
    const uint16_t thread = c->rows[row].thread;
    for (size_t i = row; i < c->n; i++) {
        c->rows[i].time_ns += c->rows[i].thread == thread ? ns : 0;
    }
}

/* A call on the row's thread just before the row, which waits for it. */
static inline void changed_put(struct changed *c, size_t row, uint16_t call, int64_t descriptor, int64_t ret,
                               int64_t before_ns, int64_t lasts_ns)
{
    const struct changed_row at = c->rows[row];
    const uint32_t place = (uint32_t)c->n;
    changed_wait(c, row, before_ns + lasts_ns);
    c->rows[c->n++] = (struct changed_row){.time_ns = at.time_ns,
                                           .ret = descriptor,
                                           .place = place,
                                           .call = call,
                                           .thread = at.thread,
                                           .phase = STG_PHASE_ENTRY,
                                           .changed = true};
    c->rows[c->n++] = (struct changed_row){.time_ns = at.time_ns + lasts_ns,
                                           .ret = ret,
                                           .place = place + 1,
                                           .call = call,
                                           .thread = at.thread,
                                           .phase = STG_PHASE_EXIT,
                                           .changed = true};
}

/* The row before on the same thread, or `row` itself where there is none. */
static inline size_t changed_before(const struct stg_seq *s, size_t row)
{
    for (size_t i = row; i-- > 0;) {
        if (s->thread[i] == s->thread[row]) {
            return i;
        }
    }
    return row;
}

static inline size_t changed_after(const struct stg_seq *s, size_t row)
{
    for (size_t i = row + 1; i < s->n; i++) {
        if (s->thread[i] == s->thread[row]) {
            return i;
        }
    }
    return row;
}

static inline bool changed_is_write(const struct stg_vocab *v, uint16_t call)
{
    static const char *const names[] = {"write", "writev", "pwrite64", "sendto", "sendmsg"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && call < stg_strings_count(v->calls); i++) {
        if (strcmp(stg_strings_get(v->calls, call), names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the change can be made at the row. */
static inline bool change_fits(enum change what, const struct stg_seq *s, const struct stg_vocab *v, size_t row)
{
    const size_t before = changed_before(s, row);
    const bool between_calls = s->phase[row] == STG_PHASE_ENTRY && before != row && s->phase[before] == STG_PHASE_EXIT;
    switch (what) {
    case CHANGE_FOREIGN:
        return between_calls;
    case CHANGE_DELAY:
        return before != row;
    case CHANGE_ERROR:
        return s->phase[row] == STG_PHASE_EXIT && s->ret[row] >= 0;
    default:
        if (!between_calls || !changed_is_write(v, s->call[before])) {
            return false;
        }
        const size_t entry = changed_before(s, before);
        return entry != before && s->phase[entry] == STG_PHASE_ENTRY && s->call[entry] == s->call[before] &&
               s->ret[before] > 0;
    }
}

/* A call of the vocabulary that the sequence has not; [UNKNOWN] where it has all. */
static inline uint16_t change_foreign_call(const struct stg_seq *s, const struct stg_vocab *v, struct stg_rng *rng)
{
    const uint16_t n = (uint16_t)stg_strings_count(v->calls);
    for (int tries = 0; tries < 100 && n > STG_TOKEN_SPECIALS; tries++) {
        const uint16_t call = (uint16_t)(STG_TOKEN_SPECIALS + stg_rng_below(rng, (uint64_t)(n - STG_TOKEN_SPECIALS)));
        size_t i = 0;
        while (i < s->n && s->call[i] != call) {
            i++;
        }
        if (i == s->n) {
            return call;
        }
    }
    return STG_TOKEN_UNKNOWN;
}

static inline void change_row(struct changed *c, enum change what, const struct stg_seq *s, const struct stg_vocab *v,
                              size_t row, struct stg_rng *rng)
{
    const size_t before = changed_before(s, row);
    switch (what) {
    case CHANGE_FOREIGN:
        changed_put(c, row, change_foreign_call(s, v, rng), STG_RET_ABSENT, 0, s->time_ns[row] - s->time_ns[before],
                    2000);
        break;
    case CHANGE_DELAY:
        changed_wait(c, row, CHANGE_DELAY_NS);
        c->rows[row].changed = true;
        break;
    case CHANGE_ERROR:
        c->rows[row].ret = -CHANGE_ERRNO;
        c->rows[row].changed = true;
        break;
    default: {
        const size_t entry = changed_before(s, before);
        changed_put(c, row, s->call[entry], s->ret[entry], s->ret[before], s->time_ns[row] - s->time_ns[before],
                    s->time_ns[before] - s->time_ns[entry]);
        break;
    }
    }
    changed_finish(c);
}

/* Makes the change somewhere; *made is false where the sequence has no place for it. changed_fini() in any case. */
static inline enum stg_status change_somewhere(struct changed *c, enum change what, const struct stg_seq *s,
                                               const struct stg_vocab *v, struct stg_rng *rng, bool *made)
{
    size_t n_fit = 0, row = 0;
    *made = false;
    for (size_t i = 0; i < s->n; i++) { /* each with the same chance */
        if (change_fits(what, s, v, i) && stg_rng_below(rng, ++n_fit) == 0) {
            row = i;
        }
    }
    STG_RETURN_IF_FAILED(changed_init(c, s));
    if (n_fit > 0) {
        change_row(c, what, s, v, row, rng);
        *made = true;
    }
    return STG_OK;
}

/* The row that belongs to the same call: an entry's exit, an exit's entry; the row itself where it stands alone. */
static inline size_t changed_partner(const struct stg_seq *s, size_t row)
{
    const size_t other = s->phase[row] == STG_PHASE_ENTRY ? changed_after(s, row) : changed_before(s, row);
    return s->call[other] == s->call[row] && s->phase[other] != s->phase[row] ? other : row;
}

/* Takes out the rows that are marked, (n) of the original, with the time that they took on their thread. */
static inline void changed_remove(struct changed *c, const bool *marked)
{
    size_t n = 0;
    for (size_t i = c->n; i-- > 0;) { /* from the end, as what comes before is still where it was */
        const size_t before = changed_before(&c->seq, i);
        if (marked[i] && before != i) {
            changed_wait(c, i, c->rows[before].time_ns - c->rows[i].time_ns);
        }
    }
    for (size_t i = 0; i < c->n; i++) {
        if (!marked[i]) {
            c->rows[n++] = c->rows[i];
        }
    }
    c->n = n;
    changed_finish(c);
}

#endif
