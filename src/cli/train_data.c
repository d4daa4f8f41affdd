#include "cli/train_data.h"

#include "cli/input.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

static enum stg_status allocate(struct stg_corpora *c, size_t n)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->sets, n, sizeof *c->sets));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->slices, n, sizeof *c->slices));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->whole, n, sizeof *c->whole));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->parts, n, sizeof *c->parts));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->index, n, sizeof *c->index));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->spread, n, sizeof *c->spread));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->offset, n + 1, sizeof *c->offset));
    c->n = n;
    return STG_OK;
}

/* Slices and offsets after `first` and `n` of the slices have changed. */
static void lay_out(struct stg_corpora *c)
{
    for (size_t i = 0; i < c->n; i++) {
        stg_slice_corpus(&c->slices[i], &c->parts[i]);
        c->offset[i + 1] = c->offset[i] + c->slices[i].n;
    }
}

/* The vocabulary of the file, which may be no data set. */
static enum stg_status load_vocab(struct stg_vocab *out, const char *path)
{
    struct stg_tensors *t = NULL;
    STG_RETURN_IF_FAILED(stg_tensors_open_unverified(&t, path, STG_DATASET_FORMAT, STG_DATASET_VERSION));
    const enum stg_status status = stg_vocab_load(out, t);
    stg_tensors_free(t);
    return status;
}

/* Of all paths, the first whose vocabulary both others begin with; NULL when there is none. */
static const char *find_common(const struct stg_list *paths, const struct stg_vocab *a, const struct stg_vocab *b)
{
    for (size_t i = 0; i < paths->n; i++) {
        struct stg_vocab v = {0};
        const bool common =
            load_vocab(&v, paths->items[i]) == STG_OK && stg_vocab_begins_with(a, &v) && stg_vocab_begins_with(b, &v);
        stg_vocab_fini(&v);
        if (common) {
            return paths->items[i];
        }
    }
    return NULL;
}

/* d does not go with first. paths: the list whose first one that is, so that another order may help; NULL: it is not in
 * a list. */
static enum stg_status refuse(const struct stg_dataset *d, const struct stg_dataset *first,
                              const struct stg_list *paths)
{
    const char *path = stg_dataset_path(d), *first_path = stg_dataset_path(first);
    const struct stg_vocab *v = stg_dataset_vocab(d), *of_first = stg_dataset_vocab(first);
    const char *common = paths == NULL ? NULL : find_common(paths, v, of_first);
    if (common != NULL) {
        return stg_fail(STG_ERR_MISMATCH,
                        "%s: its vocabulary differs from that of %s; both begin with that of %s: give this one first",
                        path, first_path, common);
    }
    if (paths != NULL && stg_vocab_same_base(v, of_first)) {
        return stg_fail(STG_ERR_MISMATCH,
                        "%s: its vocabulary differs from that of %s; both extend that of their --vocab: give data with "
                        "that one first, or prepare "
                        "this again with --vocab %s",
                        path, first_path, first_path);
    }
    return stg_fail(STG_ERR_MISMATCH, "%s: its vocabulary differs from that of %s: prepare it with --vocab %s", path,
                    first_path, first_path);
}

static enum stg_status open_one(struct stg_dataset **out, const char *path, const struct stg_dataset *like,
                                const struct stg_list *paths, struct stg_pool *pool)
{
    enum stg_kind kind;
    STG_RETURN_IF_FAILED(stg_kind_of(path, &kind));
    if (kind == STG_KIND_TRACE) {
        return stg_fail(STG_ERR_INPUT, "%s: not a data set: cut the trace with `strange prepare` first", path);
    }
    STG_RETURN_IF_FAILED(stg_dataset_open(out, path, pool));
    if (like != NULL && !stg_vocab_begins_with(stg_dataset_vocab(*out), stg_dataset_vocab(like))) {
        return refuse(*out, like, paths);
    }
    if (like != NULL) {
        stg_input_warn_recipe(*out, stg_dataset_path(like), stg_dataset_recipe(like));
    }
    return STG_OK;
}

enum stg_status stg_corpora_open(struct stg_corpora *out, const struct stg_list *paths, const struct stg_dataset *like,
                                 struct stg_pool *pool)
{
    memset(out, 0, sizeof *out);
    out->paths = paths;
    STG_RETURN_IF_FAILED(allocate(out, paths->n));
    for (size_t i = 0; i < paths->n; i++) {
        STG_RETURN_IF_FAILED(open_one(&out->sets[i], paths->items[i],
                                      like != NULL ? like
                                      : i > 0      ? out->sets[0]
                                                   : NULL,
                                      like != NULL ? NULL : paths, pool));
        stg_dataset_corpus(out->sets[i], &out->whole[i]);
        out->slices[i] = (struct stg_slice){.corpus = &out->whole[i], .first = 0, .n = out->whole[i].n};
    }
    lay_out(out);
    return STG_OK;
}

/* --- What is held out --- */

/* Windows of one file, say. */
static bool is_same_thread(const struct stg_corpus *whole, size_t i, size_t k)
{
    struct stg_seq a, b;
    stg_corpus_get(whole, i, &a);
    stg_corpus_get(whole, k, &b);
    return a.trace == b.trace && a.n_threads > 0 && b.n_threads > 0 && a.thread_tid[0] == b.thread_tid[0];
}

/* Each stretch of one thread is held out where that comes nearer to the part of all until its end. index (whole->n):
 * what is held out, or with rest what is not; *n of it. */
static void spread(const struct stg_corpus *whole, double part, bool rest, uint32_t *index, size_t *n)
{
    size_t n_held = 0;
    *n = 0;
    for (size_t i = 0, end; i < whole->n; i = end) {
        end = i + 1;
        while (end < whole->n && is_same_thread(whole, i, end)) {
            end++;
        }
        const bool held = (double)n_held + 0.5 * (double)(end - i) <= part * (double)end;
        n_held += held ? end - i : 0;
        for (size_t k = i; k < end && held != rest; k++) {
            index[(*n)++] = (uint32_t)k;
        }
    }
}

static bool has_time(const struct stg_corpus *whole)
{
    struct stg_seq seq;
    stg_corpus_get(whole, 0, &seq);
    return (seq.flags & STG_SEQ_NO_TIME) == 0;
}

static enum stg_status use_spread(struct stg_corpora *c, size_t i, double part, bool rest)
{
    struct stg_slice *slice = &c->slices[i];
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->index[i], c->whole[i].n, sizeof *c->index[i]));
    spread(&c->whole[i], part, rest, c->index[i], &slice->n);
    slice->corpus = &c->whole[i];
    slice->index = c->index[i];
    slice->first = slice->n > 0 ? slice->index[0] : 0;
    c->spread[i] = part;
    return STG_OK;
}

static void use_all(struct stg_corpora *c, size_t i)
{
    stg_mem_free(c->index[i]);
    c->index[i] = NULL;
    c->spread[i] = 0;
    c->slices[i] = (struct stg_slice){.corpus = &c->whole[i], .n = c->whole[i].n};
}

/* *done: false where stretches are too long to come near the part, and nothing is changed. */
static enum stg_status hold_out_spread(struct stg_corpora *held, struct stg_corpora *from, size_t i, double part,
                                       bool *done)
{
    *done = false;
    const size_t all = from->whole[i].n;
    if (all < 2 || from->slices[i].n < all || has_time(&from->whole[i])) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(use_spread(held, i, part, false));
    STG_RETURN_IF_FAILED(use_spread(from, i, part, true));
    const double wanted = part * (double)all;
    *done = held->slices[i].n > 0 && from->slices[i].n > 0 && fabs((double)held->slices[i].n - wanted) <= wanted / 2;
    if (!*done) {
        use_all(held, i);
        use_all(from, i);
    }
    return STG_OK;
}

enum stg_status stg_corpora_hold_out(struct stg_corpora *held, struct stg_corpora *from, double part)
{
    memset(held, 0, sizeof *held);
    held->borrowed = true;
    held->paths = from->paths;
    STG_RETURN_IF_FAILED(allocate(held, from->n));
    for (size_t i = 0; i < from->n; i++) {
        struct stg_slice *slice = &from->slices[i];
        bool done;
        held->sets[i] = from->sets[i];
        held->whole[i] = from->whole[i];
        STG_RETURN_IF_FAILED(hold_out_spread(held, from, i, part, &done));
        if (done) {
            continue;
        }
        size_t n = (size_t)((double)slice->n * part + 0.5);
        n = slice->n >= 2 && n == 0 ? 1 : n;
        n = n > 0 && n >= slice->n ? slice->n - 1 : n;
        slice->n -= n;
        held->slices[i] = (struct stg_slice){.corpus = &held->whole[i], .first = slice->first + slice->n, .n = n};
    }
    lay_out(held);
    lay_out(from);
    return STG_OK;
}

enum stg_status stg_corpora_restrict_spread(struct stg_corpora *c, size_t i, double part)
{
    use_all(c, i);
    STG_RETURN_IF_FAILED(use_spread(c, i, part, false));
    lay_out(c);
    return STG_OK;
}

void stg_corpora_restrict(struct stg_corpora *c, size_t i, size_t first, size_t n)
{
    const size_t all = c->whole[i].n;
    first = first < all ? first : all;
    c->slices[i].first = first;
    c->slices[i].n = n < all - first ? n : all - first;
    lay_out(c);
}

size_t stg_corpora_runs(const struct stg_corpora *c)
{
    size_t n = 0;
    for (size_t k = 0; k < c->n; k++) {
        uint32_t last = 0;
        for (size_t i = 0; i < c->parts[k].n; i++) {
            struct stg_seq seq;
            stg_corpus_get(&c->parts[k], i, &seq);
            n += i == 0 || seq.trace != last;
            last = seq.trace;
        }
    }
    return n;
}

/* The last part that begins at or before sequence i. */
static size_t part_of(const struct stg_corpora *c, size_t i)
{
    size_t low = 0, high = c->n;
    while (high - low > 1) { /* the last k with offset[k] ≤ i */
        const size_t middle = low + (high - low) / 2;
        if (c->offset[middle] <= i) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static void get(void *context, size_t i, struct stg_seq *out)
{
    const struct stg_corpora *c = context;
    const size_t part = part_of(c, i);
    stg_corpus_get(&c->parts[part], i - c->offset[part], out);
}

static void release(void *context, size_t first, size_t end)
{
    const struct stg_corpora *c = context;
    for (size_t part = part_of(c, first); first < end; part++) {
        const size_t to = end < c->offset[part + 1] ? end : c->offset[part + 1];
        if (to > first) {
            stg_corpus_release(&c->parts[part], first - c->offset[part], to - c->offset[part]);
        }
        first = to;
    }
}

void stg_corpora_corpus(struct stg_corpora *c, struct stg_corpus *out)
{
    *out = (struct stg_corpus){.n = stg_corpora_count(c), .context = c, .get = get, .release = release};
}

size_t stg_corpora_count(const struct stg_corpora *c)
{
    return c->n == 0 ? 0 : c->offset[c->n];
}

void stg_corpora_fini(struct stg_corpora *c)
{
    for (size_t i = 0; i < c->n && !c->borrowed; i++) {
        stg_dataset_free(c->sets[i]);
    }
    for (size_t i = 0; c->index != NULL && i < c->n; i++) {
        stg_mem_free(c->index[i]);
    }
    stg_mem_free(c->index);
    stg_mem_free(c->spread);
    stg_mem_free(c->sets);
    stg_mem_free(c->slices);
    stg_mem_free(c->whole);
    stg_mem_free(c->parts);
    stg_mem_free(c->offset);
    memset(c, 0, sizeof *c);
}
