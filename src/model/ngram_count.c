/* Counting a corpus, fast: the last `order` symbols fit into one 64-bit key nearly always, so that each thread keeps a
 * histogram of keys (no token waits for the look-up of the one before), and only the different n-grams become nodes of
 * the trie. Where they do not fit, the definition counts: stg_counts_put(), symbol by symbol. Both give the same
 * counts; the order of nodes depends on neither the number of threads nor the order of the corpus in the first case. */
#include "model/ngram.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/sort.h"

#include <stdatomic.h>
#include <string.h>

enum { FIRST_SLOTS = 4096, TASK_SEQUENCES = 64 };

#define SCATTER 0x9E3779B97F4A7C15 /* 2^64 / golden ratio (Knuth, The Art of Computer Programming 3, 6.4), odd */

struct histogram {
    struct stg_ngram_count *slot; /* (n_slots) key 0 = free */
    size_t n, n_slots;            /* n_slots is a power of two, at most 3/4 full */
};

/* What one thread works on. */
struct worker {
    struct stg_walker *walker;
    struct histogram histogram;
    uint32_t *symbols;
    size_t cap_symbols;
};

struct job {
    const struct stg_model *model;
    const struct stg_corpus *corpus;
    struct stg_progress *progress;
    struct worker *workers;
    struct stg_counts *counts; /* the definition counts straight into it; NULL: histograms */
    struct stg_ngram_packing packing;
    atomic_size_t n_done; /* sequences */
};

static enum stg_status grow(struct histogram *h)
{
    struct histogram bigger = {.n = h->n, .n_slots = h->n_slots == 0 ? FIRST_SLOTS : h->n_slots * 2};
    STG_RETURN_IF_FAILED(stg_mem_aligned(&bigger.slot, bigger.n_slots, sizeof *bigger.slot));
    for (size_t i = 0; i < h->n_slots; i++) {
        if (h->slot[i].key != 0) {
            size_t k = stg_counts_hash(h->slot[i].key, bigger.n_slots);
            while (bigger.slot[k].key != 0) {
                k = (k + 1) & (bigger.n_slots - 1);
            }
            bigger.slot[k] = h->slot[i];
        }
    }
    stg_mem_free(h->slot);
    *h = bigger;
    return STG_OK;
}

static inline void count(struct histogram *h, uint64_t key, uint64_t times)
{
    size_t i = stg_counts_hash(key, h->n_slots);
    while (h->slot[i].key != key) {
        if (h->slot[i].key == 0) {
            h->slot[i].key = key;
            h->n++;
            break;
        }
        i = (i + 1) & (h->n_slots - 1);
    }
    h->slot[i].times += times;
}

/* Room for n more keys. */
static enum stg_status reserve(struct histogram *h, size_t n)
{
    while ((h->n + n) * 4 > h->n_slots * 3) {
        STG_RETURN_IF_FAILED(grow(h));
    }
    return STG_OK;
}

static enum stg_status count_packed(struct histogram *h, struct stg_ngram_packing p, const uint32_t *symbols,
                                    const struct stg_walk *w)
{
    enum { STRETCH = 1024 }; /* rows between two looks at the room that is left */
    uint64_t key = 0;
    STG_RETURN_IF_FAILED(reserve(h, 2));
    if (w->start || w->n_context == 0) {
        key = stg_ngram_pack(p, key, STG_TOKEN_START);
        count(h, key, 0);
    }
    for (size_t from = 0; from < w->n; from += STRETCH) {
        const size_t to = w->n - from < STRETCH ? w->n : from + STRETCH;
        STG_RETURN_IF_FAILED(reserve(h, to - from + 1));
        for (size_t i = from; i < to; i++) {
            if (symbols[i] != STG_TOKEN_MASK) {
                key = stg_ngram_pack(p, key, symbols[i]);
                count(h, key, i >= w->n_context);
            }
        }
    }
    if (w->end) {
        count(h, stg_ngram_pack(p, key, STG_TOKEN_END), 1);
    }
    return STG_OK;
}

static enum stg_status count_plain(struct stg_counts *c, const uint32_t *symbols, const struct stg_walk *w)
{
    uint32_t state = 0;
    if (w->start || w->n_context == 0) {
        STG_RETURN_IF_FAILED(stg_counts_put(c, &state, STG_TOKEN_START, false));
    }
    for (size_t i = 0; i < w->n; i++) {
        if (symbols[i] != STG_TOKEN_MASK) {
            STG_RETURN_IF_FAILED(stg_counts_put(c, &state, symbols[i], i >= w->n_context));
        }
    }
    return w->end ? stg_counts_put(c, &state, STG_TOKEN_END, true) : STG_OK;
}

static enum stg_status count_sequence(struct job *job, struct worker *w, const struct stg_seq *seq)
{
    const struct stg_model *m = job->model;
    size_t n_walks;
    STG_RETURN_IF_FAILED(stg_walker_begin(w->walker, seq, m->recipe.order, m->max_walk, &n_walks));
    for (size_t k = 0; k < n_walks; k++) {
        struct stg_walk walk;
        stg_walker_get(w->walker, k, &walk);
        STG_RETURN_IF_FAILED(stg_mem_grow(&w->symbols, &w->cap_symbols, walk.n, sizeof *w->symbols));
        stg_symbols_map(m->symbols, &walk, w->symbols);
        STG_RETURN_IF_FAILED(job->counts != NULL ? count_plain(job->counts, w->symbols, &walk)
                                                 : count_packed(&w->histogram, job->packing, w->symbols, &walk));
    }
    return STG_OK;
}

static enum stg_status count_task(void *context, size_t i_task, size_t i_thread)
{
    struct job *job = context;
    struct worker *w = &job->workers[i_thread];
    const size_t from = i_task * TASK_SEQUENCES;
    const size_t to = job->corpus->n - from < TASK_SEQUENCES ? job->corpus->n : from + TASK_SEQUENCES;
    STG_RETURN_IF_FAILED(stg_interrupt_check());
    if (w->walker == NULL) {
        STG_RETURN_IF_FAILED(stg_walker_new(&w->walker, stg_model_columns(job->model)));
    }
    for (size_t i = from; i < to; i++) {
        struct stg_seq seq;
        stg_corpus_get(job->corpus, i, &seq);
        STG_RETURN_IF_FAILED(count_sequence(job, w, &seq));
    }
    stg_corpus_release(job->corpus, from, to);
    const size_t done = atomic_fetch_add(&job->n_done, to - from) + to - from;
    if (i_thread == 0) {
        stg_progress_update(job->progress, done);
    }
    return STG_OK;
}

/* All histograms into the first one, whose slots become (*n) n-grams in the order of their keys. In the order of the
 * slots, which is that of their hashes, keys would fill one stretch of it after another, each to the brim and beyond
 * before it grows: they come in another order. */
static enum stg_status merge(struct worker *workers, size_t n_workers, size_t *n)
{
    struct histogram *to = &workers[0].histogram;
    struct stg_ngram_count *room = NULL;
    for (size_t k = 1; k < n_workers; k++) {
        struct histogram *from = &workers[k].histogram;
        for (size_t j = 0; j < from->n_slots; j++) {
            const size_t i = (j * SCATTER) & (from->n_slots - 1);
            if (from->slot[i].key != 0) {
                STG_RETURN_IF_FAILED(reserve(to, 1));
                count(to, from->slot[i].key, from->slot[i].times);
            }
        }
        stg_mem_free(from->slot);
        *from = (struct histogram){0};
    }
    *n = 0;
    for (size_t i = 0; i < to->n_slots; i++) {
        if (to->slot[i].key != 0) {
            to->slot[(*n)++] = to->slot[i];
        }
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&room, *n, sizeof *room));
    stg_sort_records(to->slot, room, *n, sizeof *room);
    stg_mem_free(room);
    return STG_OK;
}

/* Neighbours in the order of keys share their first symbols, and so the nodes of those. */
static enum stg_status make_nodes(struct stg_counts *c, struct stg_ngram_packing p,
                                  const struct stg_ngram_count *ngrams, size_t n)
{
    uint32_t path[STG_COUNTS_MAX_ORDER + 1] = {0}; /* nodes of the n-gram before, by length */
    uint32_t symbols[STG_COUNTS_MAX_ORDER + 1] = {0};
    uint32_t known = 0;                            /* length of that */
    STG_RETURN_IF_FAILED(stg_counts_expect(c, n)); /* each is a node, and few are more than these */
    for (size_t i = 0; i < n; i++) {
        uint32_t length = 0;
        uint32_t shared = 0;
        while (length < p.order && ngrams[i].key >> (p.bits * length) != 0) {
            length++;
        }
        for (uint32_t k = 1; k <= length; k++) {
            const uint32_t symbol = stg_ngram_packed(p, ngrams[i].key, length - k);
            shared = shared == k - 1 && k <= known && symbols[k] == symbol ? k : shared;
            symbols[k] = symbol;
        }
        /* The last symbol is where the count goes, shared or not. */
        for (uint32_t k = shared < length ? shared + 1 : length; k <= length; k++) {
            STG_RETURN_IF_FAILED(
                stg_counts_add(c, path[k - 1], symbols[k], k == length ? ngrams[i].times : 0, &path[k]));
        }
        known = length;
    }
    return STG_OK;
}

enum stg_status stg_ngram_count(struct stg_counts *c, const struct stg_model *m, const struct stg_corpus *corpus,
                                struct stg_pool *pool, struct stg_progress *progress)
{
    enum stg_status status = STG_OK;
    struct job job = {.model = m, .corpus = corpus, .progress = progress};
    const bool packed = stg_ngram_packing(&job.packing, c->order, stg_symbols_count(m->symbols));
    const size_t n_tasks = (corpus->n + TASK_SEQUENCES - 1) / TASK_SEQUENCES;
    const size_t n_workers = packed ? stg_pool_threads(pool) : 1;
    size_t n = 0;
    job.counts = packed ? NULL : c;
    STG_TRY(stg_mem_zeroed(&job.workers, n_workers, sizeof *job.workers));
    STG_TRY(stg_pool_run(packed ? pool : NULL, n_tasks, count_task, &job));
    if (packed) {
        STG_TRY(merge(job.workers, n_workers, &n));
        STG_TRY(make_nodes(c, job.packing, job.workers[0].histogram.slot, n));
    }
out:
    for (size_t i = 0; job.workers != NULL && i < n_workers; i++) {
        stg_walker_free(job.workers[i].walker);
        stg_mem_free(job.workers[i].histogram.slot);
        stg_mem_free(job.workers[i].symbols);
    }
    stg_mem_free(job.workers);
    return status;
}
