/* An n-gram that learns from a teacher: counts that are expected instead of seen.
 *
 * At each token of the training data, after the history that was really there, a symbol counts with the probability
 *   (1 − weight)·[it is what happened] + weight·teacher's(T),
 * so the count of an n-gram is a sum of independent coin flips, one for each token that its context stands before.
 * Modified Kneser-Ney needs the distribution of such a count, not only its mean: how likely it is 1, 2, 3 or more
 * (Zhang and Chiang 2014, Kneser-Ney Smoothing on Expected Counts): discounts come from the expected numbers of n-grams
 * with count 1, 2, 3, 4, an n-gram is discounted by the expected discount, and it is one of the symbols' left
 * neighbours with the probability that its count is not 0. With weight 0 every coin is certain, and the result is that
 * of ngram_estimate.c. */
#include "model/ngram.h"

#include "base/interrupt.h"
#include "base/memory.h"

#include <math.h>

enum {
    PIECE_TOKENS = 4096,   /* that a thread asks the teacher about at once, or one sequence */
    LONG_TOKENS = 1 << 16, /* a sequence of more is asked about token by token, so that memory is bounded */
};

/* A number of coin flips that came up: its mean, and how likely it is 0 … 4. */
struct chance {
    double mean;
    float p[5];
};

/* One thread's piece of the corpus: sequences first … first + n − 1, and what the teacher says of their walks. */
struct piece {
    size_t first, n, n_walks;
    bool is_long; /* the teacher was not asked yet */
    struct stg_walker *walker[PIECE_TOKENS / 8 + 1];
    struct stg_walk *walks;
    float *log_p, **of_walk;
    size_t cap_walks, cap_log_p, cap_of_walk;
    struct stg_model_run *run; /* the teacher's; NULL until it is asked */
};

struct learning {
    const struct stg_model *model;
    const struct stg_corpus *corpus;
    const struct stg_teacher *teacher;
    struct stg_counts *counts;
    struct chance *direct; /* (cap_direct) of each node: as the longest n-gram at a token */
    float *missing;        /* (cap_missing) of each context: expected continuations that are no n-gram */
    size_t cap_direct, cap_missing;
    struct piece *pieces; /* (n_pieces) one per thread */
    size_t n_pieces;
    float *mixed; /* (V) probabilities at a token */
    uint32_t *symbols;
    size_t cap_symbols;
};

static void flip(struct chance *c, double q)
{
    const float come = (float)q;
    c->mean += q;
    for (int r = 4; r > 0; r--) {
        c->p[r] = c->p[r] * (1.0f - come) + c->p[r - 1] * come;
    }
    c->p[0] *= 1.0f - come;
    for (int r = 0; r < 5; r++) {
        c->p[r] = c->p[r] < 1e-30f ? 0.0f : c->p[r]; /* denormal numbers are slow and say nothing */
    }
}

/* The nodes that were added since are there with nothing counted. */
static enum stg_status follow(struct learning *l)
{
    size_t from = l->cap_direct;
    STG_RETURN_IF_FAILED(stg_mem_grow(&l->direct, &l->cap_direct, l->counts->n, sizeof *l->direct));
    for (; from < l->cap_direct; from++) {
        l->direct[from] = (struct chance){.p = {1.0f}};
    }
    from = l->cap_missing;
    STG_RETURN_IF_FAILED(stg_mem_grow(&l->missing, &l->cap_missing, l->counts->n, sizeof *l->missing));
    for (; from < l->cap_missing; from++) {
        l->missing[from] = 0.0f;
    }
    return STG_OK;
}

/* l->mixed from the teacher's ln p (NULL: it is not asked), with `symbol` what happened. */
static void mix(struct learning *l, const float *log_p, uint32_t symbol)
{
    const size_t V = stg_symbols_count(l->model->symbols);
    const float weight = log_p == NULL ? 0.0f : (float)l->teacher->weight;
    const float scale = (float)(1 / l->teacher->temperature);
    float sum = 0.0f;
    float most = 0.0f; /* of a temperature of 1 and more every power is a number that float has */
    for (size_t v = 0; v < V && log_p != NULL && scale > 1.0f; v++) {
        most = v == 0 || log_p[v] > most ? log_p[v] : most;
    }
    for (size_t v = 0; v < V; v++) {
        l->mixed[v] = log_p == NULL ? 0.0f : expf((log_p[v] - most) * scale);
        sum += l->mixed[v];
    }
    for (size_t v = 0; v < V && log_p != NULL; v++) {
        l->mixed[v] *= weight / sum;
    }
    l->mixed[symbol] += 1.0f - weight;
}

/* Counts a token after the context *state and goes on to the context that it leaves. */
static enum stg_status put(struct learning *l, const float *log_p, uint32_t *state, uint32_t symbol)
{
    struct stg_counts *c = l->counts;
    const uint32_t context = *state;
    const uint32_t V = (uint32_t)stg_symbols_count(l->model->symbols);
    float missing = 1.0f;
    mix(l, log_p, symbol);
    STG_RETURN_IF_FAILED(stg_counts_put(c, state, symbol, false));
    for (uint32_t v = 0; v < V; v++) {
        uint32_t node;
        if ((l->mixed[v] < STG_NGRAM_LEAST && v != symbol) || !stg_ngram_predictable(v)) {
            continue;
        }
        STG_RETURN_IF_FAILED(stg_counts_add(c, context, v, 0, &node));
        STG_RETURN_IF_FAILED(follow(l));
        flip(&l->direct[node], (double)fminf(l->mixed[v], 1.0f));
        missing -= l->mixed[v];
    }
    l->missing[context] += missing > 1e-6f ? missing : 0.0f;
    return STG_OK;
}

/* Token i of a walk happened. */
static enum stg_status tell(const struct stg_model *teacher, struct stg_model_run *run, struct stg_model_state *stream,
                            const struct stg_walk *w, ptrdiff_t i)
{
    struct stg_model_token token;
    float ignored;
    stg_walk_token(w, i, &token);
    return teacher->ops->step(teacher, run, &stream, &token, 1, &ignored);
}

/* Counts a walk with its distributions, or asks for them token by token where they are NULL. */
static enum stg_status count_walk(struct learning *l, struct piece *p, const struct stg_walk *w, const float *log_p,
                                  struct stg_model_state *stream)
{
    const struct stg_model *t = l->teacher->model;
    const size_t V = stg_symbols_count(l->model->symbols);
    uint32_t state = 0;
    STG_RETURN_IF_FAILED(stg_mem_grow(&l->symbols, &l->cap_symbols, w->n, sizeof *l->symbols));
    stg_symbols_map(l->model->symbols, w, l->symbols);
    if (w->start || w->n_context == 0) {
        STG_RETURN_IF_FAILED(stg_counts_put(l->counts, &state, STG_TOKEN_START, false));
    }
    if (stream != NULL) {
        t->ops->state_reset(t, stream);
        STG_RETURN_IF_FAILED(w->start ? tell(t, p->run, stream, w, -1) : STG_OK);
    }
    for (size_t i = 0; i < w->n + (w->end ? 1 : 0); i++) {
        const uint32_t symbol = i < w->n ? l->symbols[i] : STG_TOKEN_END;
        if (i >= w->n_context && stream != NULL) {
            STG_RETURN_IF_FAILED(t->ops->predict(t, p->run, stream, p->log_p));
        }
        const float *row = stream != NULL || log_p == NULL ? log_p : log_p + (i - w->n_context) * V;
        STG_RETURN_IF_FAILED(i < w->n_context ? stg_counts_put(l->counts, &state, symbol, false)
                                              : put(l, stream != NULL ? p->log_p : row, &state, symbol));
        STG_RETURN_IF_FAILED(stream != NULL ? tell(t, p->run, stream, w, (ptrdiff_t)i) : STG_OK);
    }
    return STG_OK;
}

/* What the piece's sequences are as walks, and what the teacher says of them. */
static enum stg_status ask(void *context, size_t i_task, size_t i_thread)
{
    struct learning *l = context;
    struct piece *p = &l->pieces[i_task];
    const struct stg_model *m = l->model;
    const struct stg_model *t = l->teacher->model;
    const size_t V = stg_symbols_count(m->symbols);
    size_t tokens = 0;
    (void)i_thread;
    STG_RETURN_IF_FAILED(stg_interrupt_check());
    p->n_walks = 0;
    for (size_t i = 0; i < p->n; i++) {
        struct stg_seq seq;
        size_t n;
        stg_corpus_get(l->corpus, p->first + i, &seq);
        if (p->walker[i] == NULL) {
            STG_RETURN_IF_FAILED(stg_walker_new(&p->walker[i], STG_WALK_ALL));
        }
        STG_RETURN_IF_FAILED(stg_walker_begin(p->walker[i], &seq, m->recipe.order, m->max_walk, &n));
        STG_RETURN_IF_FAILED(stg_mem_grow(&p->walks, &p->cap_walks, p->n_walks + n, sizeof *p->walks));
        for (size_t k = 0; k < n; k++) {
            stg_walker_get(p->walker[i], k, &p->walks[p->n_walks]);
            tokens += stg_walk_scored(&p->walks[p->n_walks++]);
        }
    }
    p->is_long = tokens > LONG_TOKENS;
    if (!(l->teacher->weight > 0)) {
        return STG_OK;
    }
    if (p->run == NULL) {
        STG_RETURN_IF_FAILED(t->ops->run_new(t, &p->run));
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&p->log_p, &p->cap_log_p, p->is_long ? 1 : tokens + 1, V * sizeof *p->log_p));
    STG_RETURN_IF_FAILED(stg_mem_grow(&p->of_walk, &p->cap_of_walk, p->n_walks + 1, sizeof *p->of_walk));
    for (size_t k = 0, at = 0; k < p->n_walks; at += stg_walk_scored(&p->walks[k++])) {
        p->of_walk[k] = p->log_p + (p->is_long ? 0 : at * V);
    }
    return p->is_long ? STG_OK : stg_model_distributions(t, p->run, p->walks, p->n_walks, p->of_walk);
}

static enum stg_status count_piece(struct learning *l, struct piece *p)
{
    enum stg_status status = STG_OK;
    const struct stg_model *t = l->teacher->model;
    const bool asked = l->teacher->weight > 0;
    struct stg_model_state *stream = NULL;
    if (asked && p->is_long) {
        STG_TRY(t->ops->state_new(t, &stream));
    }
    for (size_t k = 0; k < p->n_walks; k++) {
        STG_TRY(count_walk(l, p, &p->walks[k], asked ? p->of_walk[k] : NULL, stream));
    }
out:
    if (stream != NULL) {
        t->ops->state_free(stream);
    }
    return status;
}

/* The sequences of the next piece, from `first` on. */
static void cut_piece(const struct learning *l, struct piece *p, size_t first)
{
    size_t tokens = 0;
    p->first = first;
    p->n = 0;
    while (first + p->n < l->corpus->n && p->n < PIECE_TOKENS / 8) {
        struct stg_seq seq;
        stg_corpus_get(l->corpus, first + p->n, &seq);
        tokens += seq.n + seq.n_threads;
        if (p->n > 0 && tokens > PIECE_TOKENS) {
            break;
        }
        p->n++;
    }
}

/* Threads ask the teacher, piece by piece; counting is done in the order of the corpus, so that nothing depends on how
 * many there are. */
static enum stg_status count_corpus(struct learning *l, struct stg_pool *pool, struct stg_progress *progress)
{
    STG_RETURN_IF_FAILED(follow(l));
    for (size_t at = 0; at < l->corpus->n;) {
        size_t n = 0;
        for (; n < l->n_pieces && at < l->corpus->n; n++) {
            cut_piece(l, &l->pieces[n], at);
            at += l->pieces[n].n;
        }
        STG_RETURN_IF_FAILED(stg_pool_run(pool, n, ask, l));
        for (size_t i = 0; i < n; i++) {
            STG_RETURN_IF_FAILED(count_piece(l, &l->pieces[i]));
        }
        stg_progress_update(progress, at);
    }
    return STG_OK;
}

static void learning_fini(struct learning *l)
{
    for (size_t i = 0; l->pieces != NULL && i < l->n_pieces; i++) {
        struct piece *p = &l->pieces[i];
        for (size_t k = 0; k < sizeof p->walker / sizeof p->walker[0]; k++) {
            stg_walker_free(p->walker[k]);
        }
        if (p->run != NULL) {
            l->teacher->model->ops->run_free(p->run);
        }
        stg_mem_free(p->walks);
        stg_mem_free(p->log_p);
        stg_mem_free(p->of_walk);
    }
    stg_mem_free(l->pieces);
    stg_mem_free(l->direct);
    stg_mem_free(l->missing);
    stg_mem_free(l->mixed);
    stg_mem_free(l->symbols);
}

/* What is summed over the continuations of a context. */
struct context {
    double total, discounted; /* mean counts, and what was taken off them */
};

/* In the place of each node's direct count, its adjusted one: as adjusted() of ngram_estimate.c, of which this is the
 * expectation. A longer n-gram is done before the shorter one whose left neighbours it is one of. */
static enum stg_status adjust(const struct learning *l)
{
    const struct stg_counts *c = l->counts;
    struct chance *left = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&left, c->n, sizeof *left));
    for (uint32_t i = 0; i < c->n; i++) {
        left[i].p[0] = 1.0f;
    }
    for (uint32_t length = c->order; length > 0; length--) {
        for (uint32_t i = 1; i < c->n; i++) {
            if (c->length[i] != length) {
                continue;
            }
            struct chance *own = &l->direct[i];
            const double seen = 1.0 - (double)own->p[0] * (double)left[i].p[0];
            if (length > 1 && seen > 0) {
                flip(&left[c->suffix[i]], seen);
            }
            const bool begins = (c->flags[i] & STG_COUNTS_BEGINS) != 0;
            *own = length < c->order && !begins && left[i].mean > own->mean ? left[i] : *own;
        }
    }
    stg_mem_free(left);
    return STG_OK;
}

static double discount_of(const struct chance *a, const double d[4])
{
    const double more = 1.0 - (double)a->p[0] - (double)a->p[1] - (double)a->p[2];
    return fmin(a->mean, d[1] * (double)a->p[1] + d[2] * (double)a->p[2] + d[3] * fmax(more, 0));
}

static enum stg_status estimate(const struct learning *l, float *log_p, float *backoff)
{
    enum stg_status status = STG_OK;
    const struct stg_counts *c = l->counts;
    const double outcomes = (double)stg_ngram_outcomes(stg_symbols_count(l->model->symbols));
    double n[STG_COUNTS_MAX_ORDER + 1][5] = {{0}};
    double d[STG_COUNTS_MAX_ORDER + 1][4] = {{0}};
    struct context *x = NULL;
    double *p = NULL;
    STG_TRY(stg_mem_zeroed(&x, c->n, sizeof *x));
    STG_TRY(stg_mem_zeroed(&p, c->n, sizeof *p));
    for (uint32_t i = 1; i < c->n; i++) {
        for (int r = 1; r <= 4; r++) {
            n[c->length[i]][r] += (double)l->direct[i].p[r];
        }
    }
    for (uint32_t k = 1; k <= c->order; k++) {
        stg_ngram_discounts(n[k], d[k]);
    }
    for (uint32_t i = 1; i < c->n; i++) {
        struct context *parent = &x[c->parent[i]];
        parent->total += l->direct[i].mean;
        parent->discounted += discount_of(&l->direct[i], d[c->length[i]]);
    }
    for (uint32_t i = 0; i < c->n;
         i++) { /* only where continuations are counted themselves is it known what is missing */
        if (x[i].total > 0 && (c->length[i] + 1u == c->order || (c->flags[i] & STG_COUNTS_BEGINS) != 0)) {
            x[i].total += (double)l->missing[i];
            x[i].discounted += (double)l->missing[i];
        }
    }
    for (uint32_t length = 1; length <= c->order; length++) { /* shorter ones first, as a suffix is */
        for (uint32_t i = 1; i < c->n; i++) {
            if (c->length[i] != length) {
                continue;
            }
            const struct context *parent = &x[c->parent[i]];
            const double lower = length == 1 ? 1.0 / outcomes : p[c->suffix[i]];
            const double own = l->direct[i].mean - discount_of(&l->direct[i], d[length]);
            p[i] = parent->total > 0 ? (own + parent->discounted * lower) / parent->total : lower;
        }
    }
    for (uint32_t i = 0; i < c->n; i++) {
        const bool possible = i > 0 && stg_ngram_predictable(c->symbol[i]) && p[i] > 0;
        const double weight = x[i].total > 0 ? x[i].discounted / x[i].total : 1.0;
        log_p[i] = possible ? (float)log(p[i]) : STG_NGRAM_IMPOSSIBLE;
        backoff[i] = weight > 0 ? (float)log(weight) : STG_NGRAM_IMPOSSIBLE;
    }
out:
    stg_mem_free(x);
    stg_mem_free(p);
    return status;
}

enum stg_status stg_ngram_learn(struct stg_counts *c, const struct stg_model *m, const struct stg_corpus *corpus,
                                const struct stg_teacher *teacher, struct stg_pool *pool, struct stg_progress *progress,
                                float **log_p, float **backoff)
{
    enum stg_status status = STG_OK;
    struct learning l = {
        .model = m, .corpus = corpus, .teacher = teacher, .counts = c, .n_pieces = stg_pool_threads(pool)};
    STG_TRY(stg_mem_zeroed(&l.pieces, l.n_pieces, sizeof *l.pieces));
    STG_TRY(stg_mem_zeroed(&l.mixed, stg_symbols_count(m->symbols), sizeof *l.mixed));
    STG_TRY(count_corpus(&l, pool, progress));
    STG_TRY(adjust(&l));
    STG_TRY(stg_mem_zeroed(log_p, c->n, sizeof **log_p));
    STG_TRY(stg_mem_zeroed(backoff, c->n, sizeof **backoff));
    STG_TRY(estimate(&l, *log_p, *backoff));
out:
    learning_fini(&l);
    return status;
}
