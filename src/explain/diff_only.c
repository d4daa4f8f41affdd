/* What only one side has: programs, names of threads, and calls of a program that both have (diff.h says what
 * decides); files are in diff_files_only.c. */
#include "base/memory.h"
#include "event/syscalls.h"
#include "explain/diff_internal.h"

#include <stdlib.h>
#include <string.h>

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
    struct diff_signs signs;
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

/* n_like: occasions in the runs like A, which have no blocks here. */
static void put_only(struct search *x, struct stg_diff_only only, uint32_t blocks, uint32_t n_like)
{
    only.n_occasions = (unsigned)__builtin_popcount(diff_common_blocks(x->d, only.side, blocks)) + n_like;
    only.chance = diff_chance(x->share, only.side, only.n_occasions);
    x->out->only[x->out->n_only++] = only;
    if (only.kind != STG_DIFF_PROGRAM) {
        diff_signs_put(&x->signs, only.side == STG_DIFF_B, only.n_occasions);
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
                                        .kind = is_program ? STG_DIFF_PROGRAM : STG_DIFF_THREAD,
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
                                    .kind = STG_DIFF_CALL,
                                    .proc = diff_proc_of(key),
                                    .call = diff_call_of(key),
                                    .n = diff_sum(item->n[side], 0, DIFF_BLOCKS),
                                    .path = o->path > 0 ? stg_strings_get(x->d->paths, o->path - 1) : NULL,
                                    .more_paths = (o->kinds & DIFF_MORE_PATHS) != 0,
                                    .consequence =
                                        stg_syscall_consequence(stg_strings_get(x->d->names.calls, diff_call_of(key))),
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
            const uint32_t blocks = diff_common_blocks(x->d, STG_DIFF_A, diff_blocks(item->n[STG_DIFF_A]));
            diff_signs_put(&x->signs, false, (unsigned)__builtin_popcount(blocks) + item->n_occasions);
        }
    }
}

/* Programs, then threads and calls, then files, first those that are not only looked for. Of calls on as many occasions
 * those that act on others come first: an attack is done once, and a reader looks at the first ones. */
static int rank_of(const struct stg_diff_only *o)
{
    return o->kind == STG_DIFF_PROGRAM ? 0 : o->kind != STG_DIFF_FILE ? 1 : o->error == 0 ? 2 : 3;
}

static int for_people(const void *a_, const void *b_)
{
    const struct stg_diff_only *a = a_, *b = b_;
    if (a->side != b->side || rank_of(a) != rank_of(b)) {
        return a->side != b->side ? a->side - b->side : rank_of(a) - rank_of(b);
    }
    if (a->n_occasions != b->n_occasions && a->kind != STG_DIFF_PROGRAM) {
        return a->n_occasions > b->n_occasions ? -1 : 1;
    }
    if (a->consequence != b->consequence) {
        return a->consequence > b->consequence ? -1 : 1;
    }
    if (a->n != b->n) {
        return a->n > b->n ? -1 : 1;
    }
    return a->proc != b->proc         ? a->proc - b->proc
           : a->kind != STG_DIFF_FILE ? a->call - b->call
                                      : strcmp(a->path, b->path);
}

/* Where the sign test speaks, all that the side with too many has decides. */
static void decide(struct search *x, double level)
{
    int side;
    diff_decide_singly(x->out->only, x->out->n_only, x->n_candidates, level);
    x->out->kinds_chance = diff_signs_chance(&x->signs, &side);
    for (size_t i = 0; i < x->out->n_only && x->out->kinds_chance <= level; i++) {
        x->out->only[i].decides |= x->out->only[i].side == side;
    }
}

/* Rows of a directory, in their order. */
static int by_dir(const void *a_, const void *b_)
{
    const struct stg_diff_only *a = *(struct stg_diff_only *const *)a_, *b = *(struct stg_diff_only *const *)b_;
    const size_t len_a = diff_name_dir_len(a->path), len_b = diff_name_dir_len(b->path);
    const int order = a->side != b->side   ? a->side - b->side
                      : a->proc != b->proc ? a->proc - b->proc
                      : len_a != len_b     ? (len_a > len_b ? 1 : -1)
                                           : memcmp(a->path, b->path, len_a);
    return order != 0 ? order : (a > b) - (a < b);
}

static bool same_dir(const struct stg_diff_only *a, const struct stg_diff_only *b)
{
    const size_t len = diff_name_dir_len(a->path);
    return a->side == b->side && a->proc == b->proc && len == diff_name_dir_len(b->path) &&
           memcmp(a->path, b->path, len) == 0;
}

static enum stg_status count_in_dirs(struct stg_diff_result *out)
{
    struct stg_diff_only **files = NULL;
    size_t n = 0;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&files, out->n_only, sizeof *files));
    for (size_t i = 0; i < out->n_only; i++) {
        if (out->only[i].kind == STG_DIFF_FILE) {
            files[n++] = &out->only[i];
        }
    }
    if (n > 0) {
        qsort(files, n, sizeof *files, by_dir);
    }
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first; end < n && same_dir(files[first], files[end]);) {
            end++;
        }
        for (size_t i = first; i < end; i++) {
            files[i]->n_in_dir = (uint32_t)(end - first);
            files[i]->is_first_in_dir = i == first;
        }
    }
    stg_mem_free(files);
    return STG_OK;
}

static void sum_up(struct stg_diff_result *out, bool strict)
{
    for (size_t i = 0; i < out->n_only; i++) {
        struct stg_diff_only *o = &out->only[i];
        o->decides |= o->kind == STG_DIFF_PROGRAM || strict;
        out->n_only_of[o->side]++;
        out->n_files_of[o->side] += o->kind == STG_DIFF_FILE;
        out->n_programs += o->kind == STG_DIFF_PROGRAM;
        *(o->kind == STG_DIFF_FILE ? &out->n_files_deciding : &out->n_deciding) +=
            o->decides && o->kind != STG_DIFF_PROGRAM;
    }
    if (out->n_only > 0) {
        qsort(out->only, out->n_only, sizeof *out->only, for_people);
    }
}

enum stg_status diff_find_only(struct stg_diff_result *out, uint8_t **sides, const struct stg_diff *d,
                               const struct stg_diff_settings *s)
{
    enum stg_status status = STG_OK;
    struct search x = {.d = d, .out = out, .n_procs = stg_strings_count(d->names.procs)};
    const double level = s->level / (d->files.n > 0 ? 4 : 2); /* of each test */
    x.share = out->scale / (1 + d->like_scale + out->scale);
    diff_signs_init(&x.signs, x.share);
    STG_TRY(stg_mem_zeroed(sides, x.n_procs, 1));
    x.sides = *sides;
    STG_TRY(stg_mem_zeroed(&x.totals, x.n_procs, sizeof *x.totals));
    STG_TRY(stg_mem_zeroed(&out->only, x.n_procs + d->items.n + d->files.n, sizeof *out->only));
    find_sides(&x);
    find_names(&x);
    find_calls(&x);
    decide(&x, level);
    STG_TRY(diff_find_files(out, *sides, x.share, level, d));
    sum_up(out, s->strict);
    STG_TRY(count_in_dirs(out));
out:
    stg_mem_free(x.totals);
    return status;
}
