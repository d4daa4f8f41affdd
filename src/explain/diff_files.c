/* The files that calls are given, counted: by process and name, in which blocks. */
#include "base/memory.h"
#include "explain/diff_internal.h"

#include <string.h>

enum { NO_ROOM = UINT32_MAX };

/* Takes the name in: of a directory that has too many, as the directory's. *id: plus one; NO_ROOM. */
static enum stg_status name_file(struct stg_diff *d, const char *path, uint32_t *id)
{
    char name[DIFF_NAME_BUFFER + sizeof DIFF_REST];
    uint32_t dir;
    diff_name_keep(path, name);
    size_t len = strlen(name);
    *id = stg_strings_find(d->file_names, name, len);
    if (*id == STG_STRINGS_NONE && stg_strings_count(d->file_names) < DIFF_MAX_FILES) {
        const size_t dir_len = diff_name_dir_len(name);
        STG_RETURN_IF_FAILED(stg_strings_put(d->dirs, name, dir_len, &dir));
        const size_t before = d->cap_dirs;
        STG_RETURN_IF_FAILED(stg_mem_grow(&d->n_in_dir, &d->cap_dirs, (size_t)dir + 1, sizeof *d->n_in_dir));
        memset(d->n_in_dir + before, 0, (d->cap_dirs - before) * sizeof *d->n_in_dir);
        if (d->n_in_dir[dir] < DIFF_MAX_OF_DIR) {
            d->n_in_dir[dir]++;
        } else {
            memcpy(name + dir_len, DIFF_REST, sizeof DIFF_REST);
            len = strlen(name);
        }
        STG_RETURN_IF_FAILED(stg_strings_put(d->file_names, name, len, id));
        STG_RETURN_IF_FAILED(
            stg_mem_grow(&d->dir_of, &d->cap_file_names, stg_strings_count(d->file_names), sizeof *d->dir_of));
        d->dir_of[*id] = dir;
    }
    *id = *id == STG_STRINGS_NONE ? (uint32_t)NO_ROOM : *id + 1;
    return STG_OK;
}

/* The same by the id that the source has for it, asked once each. */
static enum stg_status id_of(struct stg_diff *d, int side, const struct stg_source *source, uint32_t path, uint32_t *id)
{
    struct diff_side *s = &d->side[side];
    const size_t before = s->cap_files;
    STG_RETURN_IF_FAILED(stg_mem_grow(&s->file_of, &s->cap_files, (size_t)path + 1, sizeof *s->file_of));
    memset(s->file_of + before, 0, (s->cap_files - before) * sizeof *s->file_of);
    if (s->file_of[path] == 0) {
        STG_RETURN_IF_FAILED(name_file(d, stg_strings_get(source->paths, path), &s->file_of[path]));
    }
    *id = s->file_of[path];
    return STG_OK;
}

/* A name that is not in memory when the call begins comes with its exit, if at all; a call on a descriptor alone has
 * none. */
static void note_nameless(struct stg_diff *d, int side, const struct stg_event *e, struct diff_thread *t)
{
    if (side < STG_DIFF_SIDES && t->item != STG_KEYS_NONE && (e->has & STG_HAS_FD) == 0) {
        d->item[t->item].n_nameless[side]++;
        t->nameless = true;
    }
}

enum stg_status diff_begin_file(struct stg_diff *d, int side, const struct stg_source *source,
                                const struct stg_event *e, struct diff_thread *t)
{
    uint32_t id, i = STG_KEYS_NONE;
    const size_t n = d->files.n;
    t->file = 0;
    t->nameless = false;
    if ((diff_traits(d, t->open) & DIFF_NAMES_NO_FILE) != 0) {
        return STG_OK;
    }
    if ((e->has & STG_HAS_PATH) == 0) {
        note_nameless(d, side, e, t);
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(id_of(d, side, source, e->path, &id));
    if (id != NO_ROOM) {
        STG_RETURN_IF_FAILED(stg_keys_put(&d->files, diff_file_key(t->proc, id - 1), DIFF_MAX_FILES, &i));
    }
    if (i == STG_KEYS_NONE) {
        d->n_left_out++;
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&d->file, &d->cap_files, d->files.n, sizeof *d->file));
    struct diff_file *f = &d->file[i];
    if (d->files.n > n) {
        *f = (struct diff_file){0};
    }
    f->blocks[side] |= UINT32_C(1) << d->side[side].block;
    if (side < STG_DIFF_SIDES) {
        f->call[side] = f->n[side] == 0 ? t->open : f->call[side];
        f->more_calls[side] |= f->call[side] != t->open;
        f->n[side]++;
    }
    t->file = i + 1;
    return STG_OK;
}

/* Where it is not known how a call ended, it did not fail. */
void diff_end_file(struct stg_diff *d, int side, struct diff_thread *t, int64_t ret)
{
    const uint16_t class = stg_ret_errno_class(STG_PHASE_EXIT, ret);
    if (t->file == 0) {
        return;
    }
    struct diff_file *f = &d->file[t->file - 1];
    if (class <= 1) {
        f->done[side] |= UINT32_C(1) << d->side[side].block;
    } else if (side < STG_DIFF_SIDES && f->error[side] == 0) {
        f->error[side] = class;
    }
    t->file = 0;
}

void diff_halve_files(struct stg_diff *d, int side)
{
    for (size_t i = 0; i < d->files.n; i++) {
        d->file[i].blocks[side] = diff_halved(d->file[i].blocks[side]);
        d->file[i].done[side] = diff_halved(d->file[i].done[side]);
    }
}

enum stg_status diff_fold_files(struct stg_diff *d)
{
    for (size_t i = 0; i < d->files.n; i++) {
        struct diff_file *f = &d->file[i];
        const uint32_t blocks = diff_common_blocks(d, STG_DIFF_LIKE, f->blocks[STG_DIFF_LIKE]),
                       done = diff_common_blocks(d, STG_DIFF_LIKE, f->done[STG_DIFF_LIKE]);
        if (blocks == 0) {
            continue;
        }
        f->runs |= diff_run_bit(d->n_like);
        f->runs_done |= done != 0 ? diff_run_bit(d->n_like) : 0;
        f->blocks[STG_DIFF_LIKE] = f->done[STG_DIFF_LIKE] = 0;
        if (d->n_like_files < DIFF_MAX_LIKE_FILES) {
            STG_RETURN_IF_FAILED(
                stg_mem_grow(&d->like_file, &d->cap_like_files, d->n_like_files + 1, sizeof *d->like_file));
            d->like_file[d->n_like_files++] = (struct diff_like_file){(uint32_t)i, d->n_like, blocks, done};
        }
    }
    return STG_OK;
}
