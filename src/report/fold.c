#include "report/fold.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_BEFORE 2 /* neighbours of an event to blame */
#define N_AFTER  1

/* An event with less than half of the blame of the worst of its kind is not the same finding. */
#define ALIKE_SHARE 0.5f
#define MAX_PERIOD  16
#define MIN_TIMES   3

enum { MARK_NOT, MARK_NEIGHBOUR, MARK_BLAMED };

/* A kind of event: its call, phase and return class, whatever came before it; one with a strange pause or descriptor is
 * a kind apart. */
struct kind {
    float blame; /* of its worst event */
    bool chosen; /* among the n_top */
    uint32_t n;  /* events that are alike */
};

/* A block of period events that happens times in a row from order[at] on. */
struct run {
    uint32_t at, times, period;
    bool shown; /* its first block is shown whole */
};

struct folder {
    const struct stg_explanation *x;
    bool by_thread;
    uint32_t *order, *place; /* struct fold */
    uint64_t *key;           /* (n) by place */
    uint32_t *kind_of;       /* (n) by event */
    struct kind *kinds;      /* (n at most) */
    uint8_t *mark;           /* (n) by place */
    struct run *runs;        /* (n_runs) by `at`, not overlapping, within one walk each */
    size_t n_runs;
};

static const struct stg_explained_event *event_at(const struct folder *f, size_t place)
{
    return &f->x->events[f->order[place]];
}

static bool same_walk(const struct folder *f, size_t a, size_t b)
{
    return !f->by_thread || event_at(f, a)->tid == event_at(f, b)->tid;
}

static void put_keys(struct folder *f)
{
    for (size_t i = 0; i < f->x->n; i++) {
        const struct stg_explained_event *e = event_at(f, i);
        f->place[f->order[i]] = (uint32_t)i;
        f->key[i] = (uint64_t)e->call << 32 | (uint64_t)e->phase << 16 | stg_ret_errno_class(e->phase, e->ret);
    }
}

struct keyed {
    uint64_t key;
    uint32_t event;
};

static int compare_keys(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* Which kind each event is of, and the blame of each kind. */
static enum stg_status find_kinds(struct folder *f)
{
    struct keyed *keyed = NULL;
    uint32_t kind = 0;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&keyed, f->x->n, sizeof *keyed));
    for (size_t i = 0; i < f->x->n; i++) {
        const uint64_t field = event_at(f, i)->field;
        const bool apart = field == STG_FIELD_TO_BLAME_PAUSE || field == STG_FIELD_TO_BLAME_DESCRIPTOR;
        keyed[i] = (struct keyed){f->key[i] | (apart ? field << 56 : 0), f->order[i]};
    }
    qsort(keyed, f->x->n, sizeof *keyed, compare_keys);
    for (size_t i = 0; i < f->x->n; i++) {
        kind += i > 0 && keyed[i - 1].key != keyed[i].key;
        f->kind_of[keyed[i].event] = kind;
        f->kinds[kind].blame = fmaxf(f->kinds[kind].blame, f->x->events[keyed[i].event].blame);
    }
    stg_mem_free(keyed);
    return STG_OK;
}

/* Is the event one of a chosen kind's, to the same degree? */
static bool is_alike(const struct folder *f, uint32_t event)
{
    const struct kind *k = &f->kinds[f->kind_of[event]];
    return k->chosen && f->x->events[event].blame >= fmaxf(STG_BLAME_LEAST, ALIKE_SHARE * k->blame);
}

static void choose_kinds(struct folder *f, size_t n_top)
{
    size_t n = 0;
    const float worst = f->x->n > 0 ? f->x->events[f->x->ranked[0]].blame : 0;
    const float least = stg_blame_least(worst);
    for (size_t i = 0; i < f->x->n && n < n_top && f->x->events[f->x->ranked[i]].blame >= least; i++) {
        struct kind *k = &f->kinds[f->kind_of[f->x->ranked[i]]];
        n += !k->chosen;
        k->chosen = true;
    }
}

/* Counts the events of chosen kinds, and marks the first of each. */
static void mark_firsts(struct folder *f, struct fold *out)
{
    for (size_t i = 0; i < f->x->n; i++) {
        if (is_alike(f, f->order[i])) {
            struct kind *k = &f->kinds[f->kind_of[f->order[i]]];
            f->mark[i] = k->n == 0 ? MARK_BLAMED : MARK_NOT;
            out->n_kinds += k->n == 0;
            out->n_blamed++;
            k->n++;
        }
    }
}

/* The block that covers most from place i on, given for each period how long the events repeat themselves from
 * there. */
static struct run best_run(uint32_t at, const uint32_t repeats[MAX_PERIOD + 1])
{
    struct run best = {.at = at, .times = 1, .period = 1};
    for (uint32_t p = 1; p <= MAX_PERIOD; p++) {
        const uint32_t times = 1 + repeats[p] / p;
        if (times >= MIN_TIMES && times * p > best.times * best.period) {
            best = (struct run){.at = at, .times = times, .period = p};
        }
    }
    return best;
}

/* Finds blocks that happen several times in a row, leftmost and longest first. */
static enum stg_status find_runs(struct folder *f)
{
    const size_t n = f->x->n;
    uint32_t repeats[MAX_PERIOD + 1] = {0};
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&f->runs, n, sizeof *f->runs));
    for (size_t i = n; i-- > 0;) {
        for (size_t p = 1; p <= MAX_PERIOD; p++) {
            const bool repeated = i + p < n && same_walk(f, i, i + p) && f->key[i] == f->key[i + p];
            repeats[p] = repeated ? repeats[p] + 1 : 0;
        }
        f->runs[i] = best_run((uint32_t)i, repeats);
    }
    for (size_t i = 0; i < n;) {
        const struct run run = f->runs[i];
        if (run.times >= MIN_TIMES) {
            f->runs[f->n_runs++] = run; /* n_runs ≤ i: nothing that is still to be read is overwritten */
            i += (size_t)run.times * run.period;
        } else {
            i++;
        }
    }
    return STG_OK;
}

/* The first block is shown whole where anything of the run is. */
static void show_block(struct folder *f, struct run *run)
{
    const uint32_t end = run->at + run->times * run->period;
    for (uint32_t i = run->at; i < end; i++) {
        run->shown |= f->mark[i] == MARK_BLAMED;
    }
    /* As many again as a word on them would take. */
    const uint32_t n =
        run->times * run->period <= run->period + N_BEFORE + N_AFTER ? run->times * run->period : run->period;
    for (uint32_t i = run->at; run->shown && i < run->at + n; i++) {
        f->mark[i] = f->mark[i] == MARK_NOT ? MARK_NEIGHBOUR : f->mark[i];
    }
}

static void mark_neighbours(struct folder *f)
{
    for (size_t at = 0; at < f->x->n; at++) {
        const size_t first = at >= N_BEFORE ? at - N_BEFORE : 0;
        for (size_t i = first; f->mark[at] == MARK_BLAMED && i <= at + N_AFTER && i < f->x->n; i++) {
            if (same_walk(f, i, at) && f->mark[i] == MARK_NOT) {
                f->mark[i] = MARK_NEIGHBOUR;
            }
        }
    }
}

static bool is_shown_beside(const struct folder *f, size_t beside, size_t i)
{
    return beside < f->x->n && same_walk(f, beside, i) && f->mark[beside] != MARK_NOT;
}

/* A gap of one event takes as much room as the event. */
static void fill_gaps_of_one(struct folder *f)
{
    for (size_t i = 0; i < f->x->n; i++) {
        const bool first = i == 0 || !same_walk(f, i - 1, i), last = i + 1 == f->x->n || !same_walk(f, i, i + 1);
        const bool before = !first && is_shown_beside(f, i - 1, i), after = is_shown_beside(f, i + 1, i);
        if (f->mark[i] == MARK_NOT && (before || first) && (after || last) && (before || after)) {
            f->mark[i] = MARK_NEIGHBOUR;
        }
    }
}

/* Blocks of the run from place i on that have nothing of their own to show. */
static uint32_t blocks_alike(const struct folder *f, const struct run *run, size_t i)
{
    const size_t end = run->at + (size_t)run->times * run->period;
    uint32_t n = 0;
    for (size_t from = i; from + run->period <= end; from += run->period) {
        for (size_t k = from; k < from + run->period; k++) {
            if (f->mark[k] == MARK_BLAMED) {
                return n;
            }
        }
        n++;
    }
    return n;
}

/* What has been put out so far. */
struct emitter {
    struct fold_row *rows;
    size_t n;
    struct fold_row gap; /* not yet put out */
    bool walk_shown;     /* something of the walk has been put out */
};

static void flush_gap(struct emitter *e)
{
    if (e->gap.n > 0 || e->gap.starts_walk) {
        e->rows[e->n++] = e->gap;
    }
    e->gap = (struct fold_row){.kind = FOLD_GAP};
}

static void begin_walk(struct emitter *e)
{
    if (e->walk_shown) {
        flush_gap(e);
    }
    e->walk_shown = false;
    e->gap = (struct fold_row){.kind = FOLD_GAP, .starts_walk = e->n > 0};
}

static void emit_one(struct emitter *e, const struct folder *f, size_t i)
{
    const uint32_t event = f->order[i];
    if (f->mark[i] == MARK_NOT) {
        const bool alike = is_alike(f, event);
        e->gap.n++;
        e->gap.n_alike += alike;
        e->gap.n_surprising += !alike && f->x->events[event].blame >= STG_BLAME_SURPRISING;
        return;
    }
    flush_gap(e);
    e->walk_shown = true;
    const bool blamed = f->mark[i] == MARK_BLAMED;
    const uint32_t n = blamed ? f->kinds[f->kind_of[event]].n : 1;
    e->rows[e->n++] = (struct fold_row){.kind = FOLD_EVENT, .event = event, .blamed = blamed, .n = n};
}

/* rows: at most two for each event (itself, a gap before it) and one for each walk. */
static void emit(struct emitter *e, const struct folder *f)
{
    size_t i_run = 0;
    e->gap = (struct fold_row){.kind = FOLD_GAP};
    for (size_t i = 0; i < f->x->n; i++) {
        if (i > 0 && !same_walk(f, i - 1, i)) {
            begin_walk(e);
        }
        while (i_run < f->n_runs && i >= f->runs[i_run].at + (size_t)f->runs[i_run].times * f->runs[i_run].period) {
            i_run++;
        }
        const struct run *run = i_run < f->n_runs && i > f->runs[i_run].at ? &f->runs[i_run] : NULL;
        if (run != NULL && run->shown && (i - run->at) % run->period == 0) {
            const uint32_t n = blocks_alike(f, run, i);
            if (n * run->period > N_AFTER + N_BEFORE) {
                flush_gap(e);
                e->rows[e->n++] =
                    (struct fold_row){.kind = FOLD_REPEAT, .event = f->order[run->at], .n = n, .period = run->period};
                i += (size_t)n * run->period - 1;
                continue;
            }
        }
        emit_one(e, f, i);
    }
    if (e->walk_shown) {
        flush_gap(e);
    }
}

static void folder_fini(struct folder *f)
{
    stg_mem_free(f->key);
    stg_mem_free(f->kind_of);
    stg_mem_free(f->kinds);
    stg_mem_free(f->mark);
    stg_mem_free(f->runs);
}

enum stg_status fold_explanation(struct fold *out, const struct stg_model *m, const struct stg_explanation *x,
                                 size_t n_top)
{
    enum stg_status status = STG_OK;
    struct emitter e = {0};
    struct folder f = {.x = x, .by_thread = m->recipe.order == STG_ORDER_THREAD};
    memset(out, 0, sizeof *out);
    STG_TRY(stg_mem_zeroed(&out->order, x->n, sizeof *out->order));
    STG_TRY(stg_mem_zeroed(&out->place, x->n, sizeof *out->place));
    f.order = out->order;
    f.place = out->place;
    STG_TRY(stg_mem_zeroed(&f.key, x->n, sizeof *f.key));
    STG_TRY(stg_mem_zeroed(&f.kind_of, x->n, sizeof *f.kind_of));
    STG_TRY(stg_mem_zeroed(&f.kinds, x->n, sizeof *f.kinds));
    STG_TRY(stg_mem_zeroed(&f.mark, x->n, sizeof *f.mark));
    STG_TRY(stg_mem_zeroed(&out->rows, 3 * x->n + 1, sizeof *out->rows));
    STG_TRY(stg_explanation_order(x, m->recipe.order, out->order));
    put_keys(&f);
    STG_TRY(find_kinds(&f));
    choose_kinds(&f, n_top);
    mark_firsts(&f, out);
    STG_TRY(find_runs(&f));
    for (size_t i = 0; i < f.n_runs; i++) {
        show_block(&f, &f.runs[i]);
    }
    mark_neighbours(&f);
    fill_gaps_of_one(&f);
    e.rows = out->rows;
    emit(&e, &f);
    out->n = e.n;
out:
    folder_fini(&f);
    return status;
}

void fold_fini(struct fold *f)
{
    stg_mem_free(f->rows);
    stg_mem_free(f->order);
    stg_mem_free(f->place);
    memset(f, 0, sizeof *f);
}
