#include "explain/files_apart.h"

#include "base/memory.h"
#include "explain/diff_names.h"

#include <math.h>
#include <string.h>

enum { MOST_USES = 1 << 17, RARER = 8 };

/* How much apart two files may be and still be taken for as much. */
#define ABOUT 0.1

struct stg_files_apart_use {
    uint64_t members; /* that have it */
    uint32_t others;  /* calls of the others */
    uint32_t path;    /* of the source, the first that a member has */
    uint32_t dir;     /* its directory's use; STG_KEYS_NONE: it is one itself */
};

void stg_files_apart_fini(struct stg_files_apart *f)
{
    stg_strings_free(f->names);
    stg_keys_fini(&f->uses);
    stg_mem_free(f->use);
    stg_mem_free(f->name_of);
    *f = (struct stg_files_apart){0};
}

/* Without what is made anew in each run: numbers and hashes, and what mkstemp(3) and its like draw. */
static void fold(const char *path, char out[DIFF_PATTERN_BUFFER])
{
    char name[DIFF_NAME_BUFFER], drawn[DIFF_PATTERN_BUFFER];
    diff_name_keep(path, name);
    const char *base = name + diff_name_dir_len(name);
    const size_t len = strlen(base);
    const bool random =
        diff_name_is_temporary(name) ? !diff_name_is_plain(base, len) : diff_name_changes(base, len) >= 2;
    diff_name_mask(name, out);
    if (random) {
        diff_name_shape(name, drawn);
        memcpy(out, drawn, sizeof drawn);
    }
}

/* *id: plus one, of the folded name. */
static enum stg_status name_of(struct stg_files_apart *f, const struct stg_strings *paths, uint32_t path, uint32_t *id)
{
    const size_t before = f->cap_name_of;
    STG_RETURN_IF_FAILED(stg_mem_grow(&f->name_of, &f->cap_name_of, (size_t)path + 1, sizeof *f->name_of));
    memset(f->name_of + before, 0, (f->cap_name_of - before) * sizeof *f->name_of);
    if (f->name_of[path] == 0) {
        char name[DIFF_PATTERN_BUFFER];
        fold(stg_strings_get(paths, path), name);
        STG_RETURN_IF_FAILED(stg_strings_put(f->names, name, strlen(name), &f->name_of[path]));
        f->name_of[path]++;
    }
    *id = f->name_of[path];
    return STG_OK;
}

/* *i: the use of the name in the slot; STG_KEYS_NONE: there is no room. */
static enum stg_status use_of(struct stg_files_apart *f, uint32_t slot, uint32_t name, uint32_t *i)
{
    const size_t n = f->uses.n;
    STG_RETURN_IF_FAILED(stg_keys_put(&f->uses, (uint64_t)slot << 32 | name, MOST_USES, i));
    if (f->uses.n > n) {
        STG_RETURN_IF_FAILED(stg_mem_grow(&f->use, &f->cap_use, f->uses.n, sizeof *f->use));
        f->use[*i] = (struct stg_files_apart_use){.path = STG_STRINGS_NONE, .dir = STG_KEYS_NONE};
    }
    return STG_OK;
}

/* Directories are names that end with a slash, and files do not. */
static enum stg_status dir_of(struct stg_files_apart *f, uint32_t slot, uint32_t name, uint32_t *i)
{
    const char *text = stg_strings_get(f->names, name);
    uint32_t dir;
    STG_RETURN_IF_FAILED(stg_strings_put(f->names, text, diff_name_dir_len(text), &dir));
    return use_of(f, slot, dir, i);
}

static void count(struct stg_files_apart_use *u, uint32_t path, uint64_t members)
{
    u->path = u->members == 0 && members != 0 ? path : u->path;
    u->members |= members;
    u->others += members == 0;
}

enum stg_status stg_files_apart_add(struct stg_files_apart *f, uint32_t slot, const struct stg_strings *paths,
                                    uint32_t path, uint64_t members)
{
    uint32_t name, i, dir;
    if (f->names == NULL) {
        STG_RETURN_IF_FAILED(stg_strings_new(&f->names));
    }
    if (stg_strings_count(f->names) >= MOST_USES && (path >= f->cap_name_of || f->name_of[path] == 0)) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(name_of(f, paths, path, &name));
    STG_RETURN_IF_FAILED(use_of(f, slot, name - 1, &i));
    STG_RETURN_IF_FAILED(dir_of(f, slot, name - 1, &dir));
    if (i != STG_KEYS_NONE && dir != STG_KEYS_NONE) {
        f->use[i].dir = dir == i ? STG_KEYS_NONE : dir;
        count(&f->use[i], path, members);
        if (dir != i) {
            count(&f->use[dir], path, members);
        }
    }
    return STG_OK;
}

static bool is_of(const struct stg_files_apart *f, size_t i, uint32_t slot)
{
    return f->uses.key[i] >> 32 == slot && f->use[i].dir != STG_KEYS_NONE;
}

/* The share of the members that have it beyond that of the others: −1 where it does not tell them apart. */
static double apart(const struct stg_files_apart_use *u, size_t n_members, size_t n_others)
{
    const double with = (double)__builtin_popcountll(u->members) / (double)n_members,
                 without = (double)u->others / (double)n_others;
    return with >= 0.5 && without * RARER <= with ? with - without : -1;
}

bool stg_files_apart_find(const struct stg_files_apart *f, uint32_t slot, size_t n_members, size_t n_others,
                          uint32_t *path)
{
    double most = -1;
    uint64_t n_calls = 0;
    const struct stg_files_apart_use *found = NULL;
    if (n_members == 0 || n_others == 0) {
        return false;
    }
    for (size_t i = 0; i < f->uses.n; i++) {
        n_calls += is_of(f, i, slot) ? f->use[i].others : 0;
        most = is_of(f, i, slot) ? fmax(most, apart(&f->use[i], n_members, n_others)) : most;
    }
    if (n_calls == 0 || most < 0) {
        return false;
    }
    for (size_t i = 0; i < f->uses.n; i++) {
        const struct stg_files_apart_use *u = &f->use[i];
        if (is_of(f, i, slot) && apart(u, n_members, n_others) >= fmax(most - ABOUT, 0) &&
            (found == NULL || f->use[u->dir].others < f->use[found->dir].others)) {
            found = u;
        }
    }
    *path = found != NULL ? found->path : STG_STRINGS_NONE;
    return found != NULL;
}
