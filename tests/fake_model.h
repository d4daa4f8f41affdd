/* A model for tests: a bigram table over symbols whose probabilities the test knows, and sequences made by hand. */
#ifndef STG_TESTS_FAKE_MODEL_H
#define STG_TESTS_FAKE_MODEL_H

#include "base/memory.h"
#include "base/rng.h"
#include "model/model.h"

#include <math.h>
#include <string.h>

enum { FAKE_MAX_EVENTS = 512, FAKE_MAX_THREADS = 8, FAKE_MAX_CONTEXT = 8 };

struct fake_seq {
    uint64_t id, n_lost;
    size_t n, n_threads;
    uint16_t call[FAKE_MAX_EVENTS];
    uint8_t phase[FAKE_MAX_EVENTS];
    int64_t ret[FAKE_MAX_EVENTS], time_ns[FAKE_MAX_EVENTS];
    uint16_t thread[FAKE_MAX_EVENTS];
    int32_t tid[FAKE_MAX_THREADS], pid[FAKE_MAX_THREADS];
    uint16_t proc[FAKE_MAX_THREADS];
    float runnable, alone, stayed, workers;
};

struct fake_corpus {
    struct fake_seq *seqs; /* (n) */
    struct stg_corpus corpus;
};

struct fake_model {
    struct stg_model base;
    size_t n_symbols;
    float *log_p; /* (n_symbols, n_symbols) ln p of the column after the row */
};

struct stg_model_run {
    int unused;
};

struct stg_model_state {
    uint32_t last;
};

static inline void fake_seq_get(const struct fake_seq *f, struct stg_seq *out)
{
    *out = (struct stg_seq){
        .id = f->id,
        .n = f->n,
        .call = f->call,
        .phase = f->phase,
        .ret = f->ret,
        .time_ns = f->time_ns,
        .thread = f->thread,
        .n_threads = f->n_threads,
        .thread_tid = f->tid,
        .thread_pid = f->pid,
        .thread_proc = f->proc,
        .begin_ns = 12345678901 + (int64_t)f->id * 1000000000,
        .n_lost = f->n_lost,
        .runnable = f->runnable,
        .alone = f->alone,
        .stayed = f->stayed,
        .workers = f->workers,
        .tid = f->n_threads > 0 ? f->tid[0] : 0,
        .pid = f->n_threads > 0 ? f->pid[0] : 0,
    };
    out->end_ns = out->begin_ns + (f->n > 0 ? f->time_ns[f->n - 1] + 1000 : 0);
}

/* A vocabulary of the calls "call0" … */
static inline enum stg_status fake_vocab(struct stg_vocab *v, int n_calls)
{
    STG_RETURN_IF_FAILED(stg_vocab_init(v));
    for (int i = 0; i < n_calls; i++) {
        char name[16];
        uint16_t id;
        snprintf(name, sizeof name, "call%d", i);
        STG_RETURN_IF_FAILED(stg_vocab_call(v, name, &id));
    }
    return STG_OK;
}

static inline void fake_corpus_get(void *context, size_t i, struct stg_seq *out)
{
    fake_seq_get(&((struct fake_seq *)context)[i], out);
}

static inline struct stg_corpus fake_corpus_of(struct fake_seq *seqs, size_t n)
{
    return (struct stg_corpus){.n = n, .context = seqs, .get = fake_corpus_get};
}

/* One more event of a thread (added when new), 1 µs × step after the one before. */
static inline void fake_put(struct fake_seq *f, int32_t tid, uint16_t proc, uint16_t call, uint8_t phase, int64_t ret,
                            int64_t step)
{
    size_t t = 0;
    while (t < f->n_threads && f->tid[t] != tid) {
        t++;
    }
    if (t == f->n_threads) {
        f->tid[t] = tid;
        f->pid[t] = 1000;
        f->proc[t] = proc;
        f->n_threads++;
    }
    f->call[f->n] = call;
    f->phase[f->n] = phase;
    f->ret[f->n] = ret;
    f->time_ns[f->n] = (f->n > 0 ? f->time_ns[f->n - 1] : 0) + step * 1000;
    f->thread[f->n] = (uint16_t)t;
    f->n++;
}

static inline enum stg_status fake_run_new(const struct stg_model *m, struct stg_model_run **out)
{
    (void)m;
    return stg_mem_zeroed(out, 1, sizeof **out);
}

static inline void fake_run_free(struct stg_model_run *r)
{
    stg_mem_free(r);
}

static inline uint32_t fake_symbol(const struct stg_model *m, const struct stg_walk *w, size_t i)
{
    return stg_symbols_find(m->symbols, w->call[i], w->phase[i], w->ret[i]);
}

static inline enum stg_status fake_score(const struct stg_model *m, struct stg_model_run *r,
                                         const struct stg_walk *walks, size_t n, float *const *surprisal)
{
    const struct fake_model *f = (const struct fake_model *)m;
    (void)r;
    for (size_t k = 0; k < n; k++) {
        uint32_t last = walks[k].start ? STG_TOKEN_START : STG_TOKEN_UNKNOWN;
        for (size_t i = 0; i <= walks[k].n; i++) {
            if (i == walks[k].n && !walks[k].end) {
                break;
            }
            const uint32_t id = i == walks[k].n ? STG_TOKEN_END : fake_symbol(m, &walks[k], i);
            if (i >= walks[k].n_context) {
                surprisal[k][i - walks[k].n_context] = -f->log_p[last * f->n_symbols + id];
            }
            last = id;
        }
    }
    return STG_OK;
}

static inline enum stg_status fake_state_new(const struct stg_model *m, struct stg_model_state **out)
{
    (void)m;
    return stg_mem_zeroed(out, 1, sizeof **out);
}

static inline void fake_state_reset(const struct stg_model *m, struct stg_model_state *s)
{
    (void)m;
    s->last = STG_TOKEN_UNKNOWN;
}

static inline void fake_state_free(struct stg_model_state *s)
{
    stg_mem_free(s);
}

static inline enum stg_status fake_step(const struct stg_model *m, struct stg_model_run *r,
                                        struct stg_model_state *const *states, const struct stg_model_token *tokens,
                                        size_t n, float *surprisal)
{
    const struct fake_model *f = (const struct fake_model *)m;
    (void)r;
    for (size_t i = 0; i < n; i++) {
        const struct stg_model_token *t = &tokens[i];
        const uint32_t id = t->special != 0 ? t->special : stg_symbols_find(m->symbols, t->call, t->phase, t->ret);
        surprisal[i] = id == STG_TOKEN_START ? 0 : -f->log_p[states[i]->last * f->n_symbols + id];
        states[i]->last = id;
    }
    return STG_OK;
}

static inline enum stg_status fake_predict(const struct stg_model *m, struct stg_model_run *r,
                                           const struct stg_model_state *s, float *log_p)
{
    const struct fake_model *f = (const struct fake_model *)m;
    (void)r;
    memcpy(log_p, &f->log_p[s->last * f->n_symbols], f->n_symbols * sizeof *log_p);
    return STG_OK;
}

static inline json_t *fake_describe(const struct stg_model *m)
{
    return json_pack("{s:I}", "symbols", (json_int_t)((const struct fake_model *)m)->n_symbols);
}

static const struct stg_model_ops fake_ops = {
    .kind = "fake",
    .summary = "a bigram table for tests",
    .run_new = fake_run_new,
    .run_free = fake_run_free,
    .score = fake_score,
    .state_new = fake_state_new,
    .state_reset = fake_state_reset,
    .state_free = fake_state_free,
    .step = fake_step,
    .predict = fake_predict,
    .describe = fake_describe,
};

/* ln p from counts of bigrams in the corpus plus `add` each; [MASK] and START never follow. */
static inline void fake_fit(struct fake_model *f, struct fake_seq *seqs, size_t n, double add)
{
    const struct stg_model *m = &f->base;
    double *count = NULL;
    if (stg_mem_zeroed(&count, f->n_symbols * f->n_symbols, sizeof *count) != STG_OK) {
        return;
    }
    struct stg_walker *walker = NULL;
    if (stg_walker_new(&walker, STG_WALK_ALL) != STG_OK) {
        stg_mem_free(count);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct stg_seq seq;
        size_t n_walks = 0;
        fake_seq_get(&seqs[i], &seq);
        if (stg_walker_begin(walker, &seq, m->recipe.order, 0, &n_walks) != STG_OK) {
            break;
        }
        for (size_t k = 0; k < n_walks; k++) {
            struct stg_walk w;
            stg_walker_get(walker, k, &w);
            uint32_t last = STG_TOKEN_START;
            for (size_t j = 0; j <= w.n; j++) {
                const uint32_t id = j == w.n ? STG_TOKEN_END : fake_symbol(m, &w, j);
                count[last * f->n_symbols + id]++;
                last = id;
            }
        }
    }
    for (size_t a = 0; a < f->n_symbols; a++) {
        double sum = 0;
        for (size_t b = 0; b < f->n_symbols; b++) {
            const bool never = b == STG_TOKEN_MASK || b == STG_TOKEN_START || b == STG_TOKEN_TRUNCATE;
            count[a * f->n_symbols + b] = never ? 0 : count[a * f->n_symbols + b] + add;
            sum += count[a * f->n_symbols + b];
        }
        for (size_t b = 0; b < f->n_symbols; b++) {
            f->log_p[a * f->n_symbols + b] = (float)log(count[a * f->n_symbols + b] / sum);
        }
    }
    stg_walker_free(walker);
    stg_mem_free(count);
}

/* Calls 5 … (read, write, openat, close, futex, epoll_wait) and processes 5 … (apache2, php-fpm, mariadbd). */
enum { FAKE_READ = STG_TOKEN_SPECIALS, FAKE_WRITE, FAKE_OPENAT, FAKE_CLOSE, FAKE_FUTEX, FAKE_EPOLL, FAKE_CALLS };
enum { FAKE_APACHE = STG_TOKEN_SPECIALS, FAKE_PHP, FAKE_MARIADB };

static inline enum stg_status fake_model_open(struct fake_model *f, struct fake_seq *seqs, size_t n,
                                              enum stg_order order)
{
    static const char *const calls[] = {"read", "write", "openat", "close", "futex", "epoll_wait"};
    static const char *const procs[] = {"apache2", "php-fpm", "mariadbd"};
    uint16_t id;
    memset(f, 0, sizeof *f);
    f->base.ops = &fake_ops;
    stg_recipe_default(&f->base.recipe);
    f->base.recipe.order = order;
    STG_RETURN_IF_FAILED(stg_vocab_init(&f->base.vocab));
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        STG_RETURN_IF_FAILED(stg_vocab_call(&f->base.vocab, calls[i], &id));
    }
    for (size_t i = 0; i < sizeof procs / sizeof procs[0]; i++) {
        STG_RETURN_IF_FAILED(stg_vocab_proc(&f->base.vocab, procs[i], &id));
    }
    STG_RETURN_IF_FAILED(stg_symbols_new(&f->base.symbols, STG_FIELD_CALL | STG_FIELD_PHASE | STG_FIELD_RET));
    const struct stg_corpus corpus = fake_corpus_of(seqs, n);
    STG_RETURN_IF_FAILED(stg_symbols_fit(f->base.symbols, &corpus));
    f->n_symbols = stg_symbols_count(f->base.symbols);
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&f->log_p, f->n_symbols * f->n_symbols, sizeof *f->log_p));
    fake_fit(f, seqs, n, 0.02);
    return STG_OK;
}

static inline void fake_model_close(struct fake_model *f)
{
    stg_vocab_fini(&f->base.vocab);
    stg_symbols_free(f->base.symbols);
    stg_mem_free(f->log_p);
    stg_mem_free(f->base.calibration);
    stg_mem_free(f->base.stream);
    stg_mem_free(f->base.usual_key);
    stg_mem_free(f->base.usual);
    json_decref(f->base.record);
}

/* A request as a web server might serve it: open, reads until done, close, write; another thread waits on futexes
 * between. strange > 0: that share of reads fails with EIO (errno 5), which the others never do. */
static inline void fake_request(struct fake_seq *f, uint64_t id, struct stg_rng *rng, double strange)
{
    memset(f, 0, sizeof *f);
    f->id = id;
    fake_put(f, 101, FAKE_APACHE, FAKE_OPENAT, STG_PHASE_ENTRY, STG_RET_ABSENT, 0);
    fake_put(f, 101, FAKE_APACHE, FAKE_OPENAT, STG_PHASE_EXIT, 7, 12);
    const size_t n = 3 + stg_rng_below(rng, 12);
    for (size_t i = 0; i < n; i++) {
        const bool fails = stg_rng_unit(rng) < strange;
        fake_put(f, 101, FAKE_APACHE, FAKE_READ, STG_PHASE_ENTRY, STG_RET_ABSENT, 3);
        if (stg_rng_below(rng, 3) == 0) {
            fake_put(f, 202, FAKE_MARIADB, FAKE_FUTEX, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
            fake_put(f, 202, FAKE_MARIADB, FAKE_FUTEX, STG_PHASE_EXIT, stg_rng_below(rng, 2) == 0 ? 0 : -11, 5);
        }
        fake_put(f, 101, FAKE_APACHE, FAKE_READ, STG_PHASE_EXIT, fails ? -5 : 4096, 20);
    }
    fake_put(f, 101, FAKE_APACHE, FAKE_CLOSE, STG_PHASE_ENTRY, STG_RET_ABSENT, 2);
    fake_put(f, 101, FAKE_APACHE, FAKE_CLOSE, STG_PHASE_EXIT, 0, 1);
    fake_put(f, 101, FAKE_APACHE, FAKE_WRITE, STG_PHASE_ENTRY, STG_RET_ABSENT, 2);
    fake_put(f, 101, FAKE_APACHE, FAKE_WRITE, STG_PHASE_EXIT, 15320, 9);
}

#endif
