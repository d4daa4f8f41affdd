/* The files that only one side's calls were given (diff.h says what decides, and which names are each other's).
 *
 * What is compared is a unit: one name of a process, or several that a pattern makes one. Names are gathered by a
 * pattern of numbers and hashes and by one of random characters, those of both sides before those of one, as what looks
 * like one side's numbered files may be in a directory whose name is drawn in each run (enum way). */
#include "base/memory.h"
#include "explain/diff_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NO_UNIT = UINT32_MAX,
    LEAST_RANDOM = 4 /* characters that differ between names made by chance */,
    LEAST_CHANGES = 2 /* of all of them (diff_name_changes) */
};

/* How names are gathered, in this order. */
enum way {
    BY_NUMBERS_OF_BOTH,
    BY_DIRECTORY, /* of both: random characters in the directory's name, and numbers behind */
    BY_NUMBERS,
    BY_CHARACTERS,
    N_WAYS
};

struct unit {
    struct diff_file sum;
    uint32_t n_occasions, n_occasions_done; /* blocks of the runs like A that have any of its names */
    uint32_t run, run_blocks, run_done;     /* the run at hand, and its blocks */
    uint16_t proc;
    uint32_t n_names[STG_DIFF_SIDES];
    const char *name; /* or pattern; borrowed */
};

/* The names of a process that have a pattern. */
struct group {
    uint32_t n_of_b, n_of_a, n_of_both; /* names by side_with_more() */
    uint32_t unit;
    uint32_t first;        /* item */
    size_t prefix, suffix; /* what the names begin and end with */
    size_t n_changes;      /* diff_name_changes() of where the names differ; of directories, once each */
    bool differs, plain;   /* the pattern is not the name; diff_name_is_plain() there */
    bool whole, temporary; /* compared as one whatever is in it; in a directory for temporary files */
};

/* What one side has in the same blocks. */
struct sort {
    uint32_t blocks, n_like;
    bool of_b;
};

struct finder {
    const struct stg_diff *d;
    struct stg_diff_result *out;
    const uint8_t *sides; /* by process */
    double share, level;
    uint32_t *unit_of;  /* (n files) NO_UNIT: none yet, or not compared */
    uint32_t *group_of; /* (n files) of the pattern at hand */
    struct unit *units; /* (n_units) at most n files */
    size_t n_units;
    struct group *groups; /* (n_groups) of the pattern at hand; at most n files */
    size_t n_groups;
    struct sort *sorts; /* (n_sorts) at most n_units */
    size_t n_sorts, n_candidates;
    uint64_t *unexplained; /* (n items, n sides) calls that were given names that only the side has */
};

static const char *name_of(const struct stg_diff *d, size_t i)
{
    return stg_strings_get(d->file_names, (uint32_t)d->files.key[i]);
}

static uint16_t proc_of(const struct stg_diff *d, size_t i)
{
    return (uint16_t)(d->files.key[i] >> 32);
}

static uint32_t n_runs(const struct stg_diff *d, uint64_t runs)
{
    return runs == diff_all_runs(d->n_like) ? d->n_like : (uint32_t)__builtin_popcountll(runs);
}

static bool has_b(const struct diff_file *f)
{
    return f->n[STG_DIFF_B] > 0;
}

static bool has_a(const struct diff_file *f) /* or a run like it */
{
    return f->n[STG_DIFF_A] > 0 || f->runs != 0;
}

/* Whether more came of it in B (1) or in A and the runs like it (-1): calls that were given it did not all fail, or
 * there were some. */
static int side_with_more(const struct diff_file *f)
{
    const int a = !has_a(f) ? 0 : f->done[STG_DIFF_A] == 0 && f->runs_done == 0 && f->error[STG_DIFF_A] != 0 ? 1 : 2;
    const int b = !has_b(f) ? 0 : f->done[STG_DIFF_B] == 0 && f->error[STG_DIFF_B] != 0 ? 1 : 2;
    return (b > a) - (b < a);
}

/* --- Which names are one --- */

static bool in_full_dir(const struct stg_diff *d, size_t i)
{
    return d->n_in_dir[d->dir_of[(uint32_t)d->files.key[i]]] >= DIFF_MAX_OF_DIR;
}

/* A directory that has too many is its own pattern. */
static bool mask(const struct stg_diff *d, size_t i, char out[DIFF_PATTERN_BUFFER])
{
    const char *name = name_of(d, i);
    if (!in_full_dir(d, i)) {
        diff_name_mask(name, out);
        return false;
    }
    snprintf(out, DIFF_PATTERN_BUFFER, "%.*s%s", (int)diff_name_dir_len(name), name, DIFF_REST);
    return true;
}

/* How much of the name random characters are looked for in. */
static size_t drawn_len(enum way way, const char *name)
{
    return way == BY_DIRECTORY ? diff_name_dir_len(name) : strlen(name);
}

static void widen_group(struct finder *x, struct group *g, enum way way, size_t i)
{
    const struct diff_file *f = &x->d->file[i];
    const char *name = name_of(x->d, i), *first = name_of(x->d, g->first);
    const size_t len = drawn_len(way, name), first_len = drawn_len(way, first);
    size_t n = 0;
    while (n < g->prefix && n < len && name[n] == first[n]) {
        n++;
    }
    g->prefix = n;
    for (n = 0; n < g->suffix && n < len && name[len - 1 - n] == first[first_len - 1 - n];) {
        n++;
    }
    g->suffix = n;
    const int more = side_with_more(f);
    *(more > 0 ? &g->n_of_b : more < 0 ? &g->n_of_a : &g->n_of_both) += 1;
}

/* What of the name is not in all names of the group; none where it has one. */
static size_t differing_len(const struct group *g, enum way way, const char *name)
{
    const size_t len = drawn_len(way, name);
    return len > g->prefix + g->suffix ? len - g->prefix - g->suffix : 0;
}

/* Returns whether it is a directory's pattern. */
static bool pattern_of(const struct finder *x, size_t i, enum way way, char out[DIFF_PATTERN_BUFFER])
{
    const char *name = name_of(x->d, i);
    char dir[DIFF_NAME_BUFFER + sizeof DIFF_REST], behind[DIFF_PATTERN_BUFFER];
    if (way == BY_CHARACTERS) {
        diff_name_shape(name, out);
        return false;
    }
    const bool whole = mask(x->d, i, out);
    if (way == BY_DIRECTORY) {
        snprintf(behind, sizeof behind, "%s", out + diff_name_dir_len(out));
        snprintf(dir, sizeof dir, "%.*s", (int)diff_name_dir_len(name), name);
        diff_name_shape(dir, out);
        const size_t n = strlen(out);
        snprintf(out + n, DIFF_PATTERN_BUFFER - n, "%s", behind);
    }
    return whole;
}

/* The group of the item's pattern, which begins with its process. */
static enum stg_status put_in_group(struct finder *x, struct stg_strings *patterns, size_t i, enum way way)
{
    char key[DIFF_PATTERN_BUFFER + 8], pattern[DIFF_PATTERN_BUFFER];
    const char *name = name_of(x->d, i);
    const bool whole = pattern_of(x, i, way, pattern);
    const int n = snprintf(key, sizeof key, "%04x%s", proc_of(x->d, i), pattern);
    STG_RETURN_IF_FAILED(stg_strings_put(patterns, key, (size_t)n, &x->group_of[i]));
    struct group *g = &x->groups[x->group_of[i]];
    if (x->group_of[i] == x->n_groups) {
        x->n_groups++;
        *g = (struct group){.unit = NO_UNIT,
                            .first = (uint32_t)i,
                            .prefix = drawn_len(way, name),
                            .suffix = drawn_len(way, name),
                            .whole = whole,
                            .plain = true,
                            .differs = strcmp(name, pattern) != 0,
                            .temporary = diff_name_is_temporary(name)};
    }
    widen_group(x, g, way, i);
    return STG_OK;
}

/* Whether the item is gathered: it is in no unit yet, and for random characters on one side only. */
static bool is_gathered(const struct finder *x, size_t i, enum way way)
{
    const struct diff_file *f = &x->d->file[i];
    return x->sides[proc_of(x->d, i)] == STG_DIFF_SIDES && x->unit_of[i] == NO_UNIT &&
           (way == BY_NUMBERS || way == BY_NUMBERS_OF_BOTH || side_with_more(f) != 0);
}

static bool is_of_both(const struct group *g)
{
    return g->n_of_a > 0 && g->n_of_b > 0;
}

/* Numbers and hashes: both sides have names of their own, or one has several and the other none. */
static bool is_renumbered(const struct group *g)
{
    const bool of_both = g->n_of_both > 0 || is_of_both(g);
    return g->differs && g->n_of_a + g->n_of_b + g->n_of_both > 1 &&
           (g->whole || is_of_both(g) || g->n_of_both == 0 || (g->temporary && of_both));
}

/* Whether what differs begins in a part of the name that begins as what mktemp(1) and Python's tempfile draw. */
static bool begins_as_drawn(const char *name, size_t prefix)
{
    size_t at = prefix;
    while (at > 0 && name[at - 1] != '/') {
        at--;
    }
    return prefix - at >= 3 && strncmp(name + at, "tmp", 3) == 0;
}

/* Where files are temporary, less is asked: eight small letters alone are drawn now and then, too. */
static bool is_drawn(const struct finder *x, const struct group *g, enum way way)
{
    const char *first = name_of(x->d, g->first);
    const bool random = g->temporary ? !g->plain || begins_as_drawn(first, g->prefix) : g->n_changes >= LEAST_CHANGES;
    return random && differing_len(g, way, first) >= LEAST_RANDOM;
}

static bool is_one(const struct finder *x, const struct group *g, enum way way)
{
    switch (way) {
    case BY_NUMBERS_OF_BOTH:
        return is_renumbered(g) && (g->n_of_both > 0 || is_of_both(g));
    case BY_DIRECTORY:
        return is_drawn(x, g, way) && is_of_both(g);
    case BY_NUMBERS:
        return is_renumbered(g);
    default:
        return is_drawn(x, g, way);
    }
}

static bool is_inside_character(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* A unit's name: the mask of its names, or what they begin and end with; of a directory, and the mask behind. */
static enum stg_status name_unit(struct finder *x, struct unit *u, const struct group *g, enum way way)
{
    char pattern[DIFF_PATTERN_BUFFER], behind[DIFF_PATTERN_BUFFER];
    const char *first = name_of(x->d, g->first);
    uint32_t id;
    (void)mask(x->d, g->first, pattern);
    if (way == BY_DIRECTORY || way == BY_CHARACTERS) {
        const char *stop = first + drawn_len(way, first), *end = stop - g->suffix;
        size_t prefix = g->prefix;
        snprintf(behind, sizeof behind, "%s", way == BY_DIRECTORY ? pattern + diff_name_dir_len(pattern) : "");
        while (prefix > 0 && is_inside_character(first[prefix])) {
            prefix--;
        }
        while (end < stop && is_inside_character(*end)) {
            end++;
        }
        snprintf(pattern, sizeof pattern, "%.*s*%.*s%.*s", (int)prefix, first, (int)(stop - end), end, DIFF_NAME_BUFFER,
                 behind);
    }
    STG_RETURN_IF_FAILED(stg_strings_put(x->out->patterns, pattern, strlen(pattern), &id));
    u->name = stg_strings_get(x->out->patterns, id);
    return STG_OK;
}

static void add_to_unit(struct finder *x, struct unit *u, size_t i)
{
    const struct diff_file *f = &x->d->file[i];
    struct diff_file *sum = &u->sum;
    u->proc = proc_of(x->d, i);
    x->unit_of[i] = (uint32_t)(u - x->units);
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        sum->blocks[side] |= f->blocks[side];
        sum->done[side] |= f->done[side];
        sum->more_calls[side] |=
            f->more_calls[side] || (f->n[side] > 0 && sum->n[side] > 0 && f->call[side] != sum->call[side]);
        sum->call[side] = sum->n[side] == 0 ? f->call[side] : sum->call[side];
        sum->error[side] = sum->error[side] == 0 ? f->error[side] : sum->error[side];
        sum->n[side] += f->n[side];
        u->n_names[side] += f->n[side] > 0;
    }
    sum->runs |= f->runs;
    sum->runs_done |= f->runs_done;
}

static struct unit *new_unit(struct finder *x)
{
    x->units[x->n_units] = (struct unit){0};
    return &x->units[x->n_units++];
}

/* What the names of each group look like where they differ. */
static enum stg_status look_at_differences(struct finder *x, enum way way)
{
    enum stg_status status = STG_OK;
    struct stg_keys seen = {0}; /* directories of groups */
    for (size_t i = 0; i < x->d->files.n; i++) {
        if (x->group_of[i] == NO_UNIT) {
            continue;
        }
        struct group *g = &x->groups[x->group_of[i]];
        const char *name = name_of(x->d, i);
        const size_t before = seen.n, len = differing_len(g, way, name);
        uint32_t k;
        if (way == BY_DIRECTORY) {
            const uint64_t dir = x->d->dir_of[(uint32_t)x->d->files.key[i]];
            STG_TRY(stg_keys_put(&seen, (uint64_t)x->group_of[i] << 32 | dir, DIFF_MAX_FILES, &k));
        }
        if (way != BY_DIRECTORY || seen.n > before) {
            g->n_changes += diff_name_changes(name + g->prefix, len);
            g->plain = g->plain && diff_name_is_plain(name + g->prefix, len);
        }
    }
out:
    stg_keys_fini(&seen);
    return status;
}

static enum stg_status gather(struct finder *x, enum way way)
{
    enum stg_status status = STG_OK;
    struct stg_strings *patterns = NULL;
    x->n_groups = 0;
    STG_TRY(stg_strings_new(&patterns));
    for (size_t i = 0; i < x->d->files.n; i++) {
        x->group_of[i] = NO_UNIT;
        if (is_gathered(x, i, way)) {
            STG_TRY(put_in_group(x, patterns, i, way));
        }
    }
    if (way == BY_DIRECTORY || way == BY_CHARACTERS) {
        STG_TRY(look_at_differences(x, way));
    }
    for (size_t i = 0; i < x->d->files.n; i++) {
        struct group *g = x->group_of[i] == NO_UNIT ? NULL : &x->groups[x->group_of[i]];
        if (g == NULL || !is_one(x, g, way)) {
            continue;
        }
        if (g->unit == NO_UNIT) {
            g->unit = (uint32_t)x->n_units;
            STG_TRY(name_unit(x, new_unit(x), g, way));
        }
        x->out->n_renewed += is_of_both(g) && side_with_more(&x->d->file[i]) != 0;
        add_to_unit(x, &x->units[g->unit], i);
    }
out:
    stg_strings_free(patterns);
    return status;
}

static void end_run(struct unit *u)
{
    u->n_occasions += (uint32_t)__builtin_popcount(u->run_blocks);
    u->n_occasions_done += (uint32_t)__builtin_popcount(u->run_done);
    u->run_blocks = u->run_done = 0;
}

/* A block of a run like A is one occasion, however many of a unit's names are in it. */
static void count_occasions(struct finder *x)
{
    for (size_t i = 0; i < x->d->n_like_files; i++) {
        const struct diff_like_file *f = &x->d->like_file[i];
        struct unit *u = x->unit_of[f->file] == NO_UNIT ? NULL : &x->units[x->unit_of[f->file]];
        if (u == NULL) {
            continue;
        }
        if (u->run != f->run) {
            end_run(u);
            u->run = f->run;
        }
        u->run_blocks |= f->blocks;
        u->run_done |= f->done;
    }
    for (size_t i = 0; i < x->n_units; i++) {
        end_run(&x->units[i]);
    }
}

static enum stg_status make_units(struct finder *x)
{
    for (size_t i = 0; i < x->d->files.n; i++) {
        x->unit_of[i] = NO_UNIT;
    }
    for (int way = 0; way < N_WAYS; way++) {
        STG_RETURN_IF_FAILED(gather(x, (enum way)way));
    }
    for (size_t i = 0; i < x->d->files.n; i++) {
        if (is_gathered(x, i, BY_NUMBERS)) {
            struct unit *u = new_unit(x);
            u->name = name_of(x->d, i);
            add_to_unit(x, u, i);
        }
    }
    count_occasions(x);
    return STG_OK;
}

/* --- What only one side has --- */

/* Which side has it alone; *done: both have the name, and calls with it succeed on that side alone. */
static int side_of(const struct finder *x, const struct unit *u, bool *done)
{
    const struct diff_file *f = &u->sum;
    const int alone = diff_side_alone(x->d, f->n[STG_DIFF_A], f->n[STG_DIFF_B], n_runs(x->d, f->runs));
    *done = false;
    if (alone != STG_DIFF_SIDES || !has_a(f) || !has_b(f)) {
        return alone;
    }
    const int side = diff_side_alone(x->d, f->done[STG_DIFF_A], f->done[STG_DIFF_B], n_runs(x->d, f->runs_done));
    *done = side != STG_DIFF_SIDES && f->n[1 - side] > 0 && f->error[1 - side] != 0;
    return *done ? side : STG_DIFF_SIDES;
}

/* Calls of the sort whose names are not known, on the other side beyond those of this one, were it as long; 0 where
 * that is within a standard error: a program some of whose names never are in memory has them on both sides. */
static double n_unnamed(const struct finder *x, const struct diff_item *item, int side)
{
    const double scale = x->out->scale,
                 to_here = side == STG_DIFF_B ? scale
                           : scale > 0        ? 1 / scale
                                              : 0,
                 here = item->n_nameless[side], there = to_here * item->n_nameless[1 - side];
    return there - here >= sqrt(to_here * there + here) ? there - here : 0;
}

static uint32_t call_item(const struct finder *x, const struct unit *u, int side)
{
    return u->sum.more_calls[side]
               ? STG_KEYS_NONE
               : stg_keys_find(&x->d->items, diff_key(STG_DIFF_CALLS, u->proc, u->sum.call[side], 0, 0));
}

static void count_unexplained(struct finder *x)
{
    for (size_t i = 0; i < x->n_units; i++) {
        bool done;
        const int side = side_of(x, &x->units[i], &done);
        const uint32_t item = side == STG_DIFF_SIDES || done ? STG_KEYS_NONE : call_item(x, &x->units[i], side);
        if (item != STG_KEYS_NONE) {
            x->unexplained[STG_DIFF_SIDES * item + (size_t)side] += x->units[i].sum.n[side];
        }
    }
}

/* The other side may have it, as it has calls of the sort whose names are not known. */
static bool may_be_unnamed(const struct finder *x, const struct unit *u, int side)
{
    const uint32_t item = call_item(x, u, side);
    return item != STG_KEYS_NONE &&
           (double)x->unexplained[STG_DIFF_SIDES * item + (size_t)side] <= n_unnamed(x, &x->d->item[item], side);
}

/* The call is one that the side has alone, and what is told of it names the file. */
static bool is_told_by_call(const struct finder *x, const struct unit *u, int side)
{
    const uint32_t i = call_item(x, u, side);
    if (i == STG_KEYS_NONE) {
        return false;
    }
    const struct diff_item *item = &x->d->item[i];
    const struct diff_object *o = &item->object[side];
    const uint64_t n_a = diff_sum(item->n[STG_DIFF_A], 0, DIFF_BLOCKS),
                   n_b = diff_sum(item->n[STG_DIFF_B], 0, DIFF_BLOCKS);
    return diff_side_alone(x->d, n_a, n_b, item->n_runs) == side && (o->kinds & DIFF_MORE_PATHS) == 0 && o->path > 0 &&
           strcmp(stg_strings_get(x->d->paths, o->path - 1), u->name) == 0;
}

static void put_sort(struct finder *x, bool of_b, uint32_t blocks, uint32_t n_like)
{
    x->sorts[x->n_sorts++] = (struct sort){blocks, n_like, of_b};
}

static void put_unit(struct finder *x, const struct unit *u, int side, bool done)
{
    const struct diff_file *f = &u->sum;
    const uint32_t blocks = diff_common_blocks(x->d, side, done ? f->done[side] : f->blocks[side]),
                   n_like = done ? u->n_occasions_done : u->n_occasions;
    const unsigned n_occasions = (unsigned)__builtin_popcount(blocks) + n_like;
    x->out->only[x->out->n_only++] = (struct stg_diff_only){.side = side,
                                                            .kind = STG_DIFF_FILE,
                                                            .proc = u->proc,
                                                            .call = f->call[side],
                                                            .n = f->n[side],
                                                            .n_occasions = n_occasions,
                                                            .chance = diff_chance(x->share, side, n_occasions),
                                                            .path = u->name,
                                                            .n_files = u->n_names[side],
                                                            .more_calls = f->more_calls[side],
                                                            .error = f->done[side] == 0 ? f->error[side] : 0,
                                                            .other_error = done ? f->error[1 - side] : 0};
    put_sort(x, side == STG_DIFF_B, blocks, n_like);
}

/* What only some of the runs like A have is not told, but for the sign test it is on one side. */
static void find_units(struct finder *x)
{
    for (size_t i = 0; i < x->n_units; i++) {
        const struct unit *u = &x->units[i];
        bool done;
        const int side = side_of(x, u, &done);
        x->n_candidates++;
        if (side == STG_DIFF_SIDES) {
            if (!has_b(&u->sum)) {
                put_sort(x, false, diff_common_blocks(x->d, STG_DIFF_A, u->sum.blocks[STG_DIFF_A]), u->n_occasions);
            }
        } else if (done || (!may_be_unnamed(x, u, side) && !is_told_by_call(x, u, side))) {
            put_unit(x, u, side, done);
        }
    }
}

static int by_blocks(const void *a_, const void *b_)
{
    const struct sort *a = a_, *b = b_;
    return a->of_b != b->of_b       ? a->of_b - b->of_b
           : a->blocks != b->blocks ? (a->blocks > b->blocks ? 1 : -1)
                                    : (a->n_like > b->n_like) - (a->n_like < b->n_like);
}

/* Sorts that differ in nothing are one. */
static void join_sorts(struct finder *x)
{
    size_t n = 0;
    if (x->n_sorts > 0) {
        qsort(x->sorts, x->n_sorts, sizeof *x->sorts, by_blocks);
    }
    for (size_t i = 0; i < x->n_sorts; i++) {
        if (i == 0 || by_blocks(&x->sorts[n - 1], &x->sorts[i]) != 0) {
            x->sorts[n++] = x->sorts[i];
        }
    }
    x->n_sorts = n;
}

/* Of more sorts than the sign test looks at it gets some of all, evenly thinned: the first are all of one side. */
static void decide(struct finder *x, size_t first)
{
    struct stg_diff_only *only = x->out->only + first;
    const size_t n = x->out->n_only - first;
    struct diff_signs signs;
    int side;
    diff_decide_singly(only, n, x->n_candidates, x->level);
    diff_signs_init(&signs, x->share);
    join_sorts(x);
    const size_t n_put = x->n_sorts < DIFF_MOST_SORTS ? x->n_sorts : DIFF_MOST_SORTS;
    for (size_t i = 0; i < n_put; i++) {
        const struct sort *s = &x->sorts[i * x->n_sorts / n_put];
        diff_signs_put(&signs, s->of_b, (unsigned)__builtin_popcount(s->blocks) + s->n_like);
    }
    x->out->files_chance = diff_signs_chance(&signs, &side);
    for (size_t i = 0; i < n && x->out->files_chance <= x->level; i++) {
        only[i].decides |= only[i].side == side;
    }
}

enum stg_status diff_find_files(struct stg_diff_result *out, const uint8_t *sides, double share, double level,
                                const struct stg_diff *d)
{
    enum stg_status status = STG_OK;
    struct finder x = {.d = d, .out = out, .sides = sides, .share = share, .level = level};
    const size_t first = out->n_only, n = d->files.n;
    if (n == 0) {
        return STG_OK;
    }
    STG_TRY(stg_strings_new(&out->patterns));
    STG_TRY(stg_mem_zeroed(&x.unit_of, n, sizeof *x.unit_of));
    STG_TRY(stg_mem_zeroed(&x.group_of, n, sizeof *x.group_of));
    STG_TRY(stg_mem_zeroed(&x.units, n, sizeof *x.units));
    STG_TRY(stg_mem_zeroed(&x.groups, n, sizeof *x.groups));
    STG_TRY(stg_mem_zeroed(&x.sorts, n, sizeof *x.sorts));
    STG_TRY(stg_mem_zeroed(&x.unexplained, STG_DIFF_SIDES * d->items.n, sizeof *x.unexplained));
    STG_TRY(make_units(&x));
    count_unexplained(&x);
    find_units(&x);
    decide(&x, first);
out:
    stg_mem_free(x.unit_of);
    stg_mem_free(x.group_of);
    stg_mem_free(x.units);
    stg_mem_free(x.groups);
    stg_mem_free(x.sorts);
    stg_mem_free(x.unexplained);
    return status;
}
