/* What only one side has: programs, names of threads, and calls of a program that both have (diff.h says what
 * decides). */
#include "base/memory.h"
#include "explain/diff_internal.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_SORTS = 512 }; /* that the sign test looks at: so many on one side are a change whatever the others are */

/* The calls of a name. */
struct total {
    uint64_t n[STG_DIFF_SIDES];
    uint32_t blocks[STG_DIFF_SIDES]; /* a bit for each block in which there are any */
    uint32_t n_occasions;            /* in the runs like A, of the call that has most */
};

struct search {
    const struct stg_diff *d;
    struct stg_diff_result *out;
    struct total *totals; /* (n_procs) owned */
    uint8_t *sides;       /* (n_procs) */
    size_t n_procs, n_candidates;
    double share; /* of what both do, B's part: calls that are new would make a side look longer than it is */
    /* The sign test: law[k] is how likely it is that k of the n sorts are B's, each with its own probability. */
    double law[MOST_SORTS + 1];
    size_t n_sorts, n_of_b;
};

static bool is_call(const struct search *x, size_t i)
{
    return diff_facet_of(x->d->items.key[i]) == STG_DIFF_CALLS;
}

static uint32_t runs_of_name(const struct stg_diff *d, size_t proc)
{
    return proc < d->cap_name_runs ? d->name_runs[proc].n : 0;
}

static void find_sides(struct search *x)
{
    for (size_t i = 0; i < x->d->items.n; i++) {
        const struct diff_item *item = &x->d->item[i];
        struct total *t = &x->totals[diff_proc_of(x->d->items.key[i])];
        for (int side = 0; side < STG_DIFF_SIDES && is_call(x, i); side++) {
            t->n[side] += diff_sum(item->n[side], 0, DIFF_BLOCKS);
            t->blocks[side] |= diff_blocks(item->n[side]);
            t->n_occasions = item->n_occasions > t->n_occasions ? item->n_occasions : t->n_occasions;
        }
    }
    for (size_t p = 0; p < x->n_procs; p++) {
        const struct total *t = &x->totals[p];
        const bool known = p >= STG_TOKEN_SPECIALS && *stg_strings_get(x->d->names.procs, (uint32_t)p) != '\0';
        x->sides[p] = known ? (uint8_t)diff_side_alone(x->d, t->n[STG_DIFF_A], t->n[STG_DIFF_B], runs_of_name(x->d, p))
                            : (uint8_t)STG_DIFF_SIDES;
    }
}

static void put_sort(struct search *x, bool of_b, unsigned n_occasions)
{
    const double b = pow(x->share, n_occasions), a = pow(1 - x->share, n_occasions), q = b > 0 ? b / (a + b) : 0;
    if (x->n_sorts == MOST_SORTS) {
        return;
    }
    x->n_of_b += of_b;
    x->n_sorts++;
    x->law[x->n_sorts] = 0;
    for (size_t k = x->n_sorts; k > 0; k--) {
        x->law[k] = x->law[k] * (1 - q) + x->law[k - 1] * q;
    }
    x->law[0] *= 1 - q;
}

/* n_like: occasions in the runs like A, which have no blocks here. */
static void put_only(struct search *x, struct stg_diff_only only, uint32_t blocks, uint32_t n_like)
{
    only.n_occasions = (unsigned)__builtin_popcount(blocks) + n_like;
    only.chance = fmin(1, pow(x->share, only.n_occasions) + pow(1 - x->share, only.n_occasions));
    x->out->n_only_of[only.side]++;
    x->out->only[x->out->n_only++] = only;
    if (!only.is_program) {
        put_sort(x, only.side == STG_DIFF_B, only.n_occasions);
    }
}

static void find_names(struct search *x)
{
    for (size_t p = STG_TOKEN_SPECIALS; p < x->n_procs; p++) {
        const int side = x->sides[p];
        if (side == STG_DIFF_SIDES) {
            continue;
        }
        const struct diff_side *s = &x->d->side[side];
        const struct diff_name name = p < s->cap_names ? s->names[p] : (struct diff_name){0};
        const bool is_program = name.n_processes > 0;
        x->n_candidates += !is_program;
        put_only(x,
                 (struct stg_diff_only){.side = side,
                                        .proc = (uint16_t)p,
                                        .call = STG_TOKEN_START,
                                        .is_program = is_program,
                                        .n = x->totals[p].n[side],
                                        .n_processes = name.n_processes,
                                        .n_threads = name.n_threads},
                 x->totals[p].blocks[side], x->totals[p].n_occasions);
    }
}

static void put_call(struct search *x, size_t i, int side)
{
    const uint64_t key = x->d->items.key[i];
    const struct diff_item *item = &x->d->item[i];
    const struct diff_object *o = &item->object[side];
    put_only(x,
             (struct stg_diff_only){.side = side,
                                    .proc = diff_proc_of(key),
                                    .call = diff_call_of(key),
                                    .n = diff_sum(item->n[side], 0, DIFF_BLOCKS),
                                    .path = o->path > 0 ? stg_strings_get(x->d->paths, o->path - 1) : NULL,
                                    .more_paths = (o->kinds & DIFF_MORE_PATHS) != 0,
                                    .fd_kinds = o->kinds & ~DIFF_MORE_PATHS},
             diff_blocks(item->n[side]), item->n_occasions);
}

/* What only some of the runs that are as A have is not told, but for the sign test it is on one side. */
static void find_calls(struct search *x)
{
    for (size_t i = 0; i < x->d->items.n; i++) {
        const struct diff_item *item = &x->d->item[i];
        const uint64_t n_a = diff_sum(item->n[STG_DIFF_A], 0, DIFF_BLOCKS),
                       n_b = diff_sum(item->n[STG_DIFF_B], 0, DIFF_BLOCKS);
        if (!is_call(x, i) || x->sides[diff_proc_of(x->d->items.key[i])] != STG_DIFF_SIDES) {
            continue;
        }
        const int side = diff_side_alone(x->d, n_a, n_b, item->n_runs);
        x->n_candidates++;
        if (side != STG_DIFF_SIDES) {
            put_call(x, i, side);
        } else if (n_b == 0) {
            put_sort(x, false, (unsigned)__builtin_popcount(diff_blocks(item->n[STG_DIFF_A])) + item->n_occasions);
        }
    }
}

/* Programs come last: they need no test. */
static int by_chance(const void *a_, const void *b_)
{
    const struct stg_diff_only *a = a_, *b = b_;
    return a->is_program != b->is_program ? a->is_program - b->is_program
                                          : (a->chance > b->chance) - (a->chance < b->chance);
}

static int for_people(const void *a_, const void *b_)
{
    const struct stg_diff_only *a = a_, *b = b_;
    if (a->side != b->side || a->is_program != b->is_program) {
        return a->side != b->side ? a->side - b->side : b->is_program - a->is_program;
    }
    if (a->n_occasions != b->n_occasions && !a->is_program) {
        return a->n_occasions > b->n_occasions ? -1 : 1;
    }
    if (a->n != b->n) {
        return a->n > b->n ? -1 : 1;
    }
    return a->proc != b->proc ? a->proc - b->proc : a->call - b->call;
}

/* Holm: the smallest of m chances at level / m, the next at level / (m − 1) … up to the first that is above. */
static void decide_singly(struct search *x, double level)
{
    bool goes_on = true;
    for (size_t i = 0; i < x->out->n_only; i++) {
        struct stg_diff_only *o = &x->out->only[i];
        goes_on = goes_on && !o->is_program && o->chance <= level / (double)(x->n_candidates - i);
        o->decides = goes_on;
    }
}

/* The sign test, two-sided. Where it speaks, all that the side with too many has decides. */
static void decide_together(struct search *x, double level)
{
    double up_to = 0, from = 0;
    for (size_t k = 0; k <= x->n_sorts; k++) {
        up_to += k <= x->n_of_b ? x->law[k] : 0;
        from += k >= x->n_of_b ? x->law[k] : 0;
    }
    x->out->kinds_chance = fmin(1, 2 * fmin(up_to, from));
    const int side = from < up_to ? STG_DIFF_B : STG_DIFF_A;
    for (size_t i = 0; i < x->out->n_only && x->out->kinds_chance <= level; i++) {
        x->out->only[i].decides |= x->out->only[i].side == side;
    }
}

static void decide(struct search *x, const struct stg_diff_settings *s)
{
    qsort(x->out->only, x->out->n_only, sizeof *x->out->only, by_chance);
    decide_singly(x, s->level / 2);
    decide_together(x, s->level / 2);
    for (size_t i = 0; i < x->out->n_only; i++) {
        struct stg_diff_only *o = &x->out->only[i];
        o->decides |= o->is_program || s->strict;
        x->out->n_programs += o->is_program;
        x->out->n_deciding += o->decides && !o->is_program;
    }
    qsort(x->out->only, x->out->n_only, sizeof *x->out->only, for_people);
}

enum stg_status diff_find_only(struct stg_diff_result *out, uint8_t **sides, const struct stg_diff *d,
                               const struct stg_diff_settings *s)
{
    enum stg_status status = STG_OK;
    struct search x = {.d = d, .out = out, .n_procs = stg_strings_count(d->names.procs), .law = {1}};
    x.share = out->scale / (1 + d->like_scale + out->scale);
    STG_TRY(stg_mem_zeroed(sides, x.n_procs, 1));
    x.sides = *sides;
    STG_TRY(stg_mem_zeroed(&x.totals, x.n_procs, sizeof *x.totals));
    STG_TRY(stg_mem_zeroed(&out->only, x.n_procs + d->items.n, sizeof *out->only));
    find_sides(&x);
    find_names(&x);
    find_calls(&x);
    decide(&x, s);
out:
    stg_mem_free(x.totals);
    return status;
}
