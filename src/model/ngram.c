/* The n-gram and STIDE as models. */
#include "model/ngram.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PARTS = 8 }; /* of the corpus, counted in parallel; fixed, so that the model does not depend on the number of threads */

struct ngram {
    struct stg_model base;
    enum stg_ngram_kind kind;
    uint32_t order;
    size_t n_symbols;
    struct stg_counts counts; /* after fit; empty after load */
    float *log_p, *backoff;   /* after fit; owned */
    struct stg_ngram_table table;
};

struct stg_model_run {
    int unused;
};

struct stg_model_state {
    bool begun;
    uint32_t node;
};

static const struct ngram *ngram_of(const struct stg_model *m)
{
    return (const struct ngram *)m;
}

static enum stg_status create_kind(struct stg_model **out, const struct stg_model_settings *s, const struct stg_model_ops *ops,
                                   enum stg_ngram_kind kind, uint32_t order, unsigned fields)
{
    struct ngram *g = NULL;
    *out = NULL;
    order = s->order != 0 ? s->order : order;
    if (order > STG_COUNTS_MAX_ORDER) {
        return stg_fail(STG_ERR_USAGE, "order %u: use 1 to %d", order, STG_COUNTS_MAX_ORDER);
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&g, 1, sizeof *g));
    g->base.ops = ops;
    g->kind = kind;
    g->order = order;
    const enum stg_status status = stg_symbols_new(&g->base.symbols, s->fields != 0 ? s->fields : fields);
    if (status != STG_OK) {
        stg_mem_free(g);
        return status;
    }
    *out = &g->base;
    return STG_OK;
}

enum { ALL_FIELDS = STG_FIELD_CALL | STG_FIELD_PHASE | STG_FIELD_RET };

static enum stg_status create_ngram(struct stg_model **out, const struct stg_model_settings *s)
{
    const bool preset = s->preset != NULL && strcmp(s->preset, "paper") == 0;
    if (s->preset != NULL && !preset) {
        return stg_fail(STG_ERR_USAGE, "unknown preset '%.40s': use paper", s->preset);
    }
    const char *smoothing = s->smoothing != NULL ? s->smoothing : preset ? "paper" : "kneser-ney";
    const bool paper = strcmp(smoothing, "paper") == 0;
    if (!paper && strcmp(smoothing, "kneser-ney") != 0) {
        return stg_fail(STG_ERR_USAGE, "unknown smoothing '%.40s': use kneser-ney or paper", smoothing);
    }
    return create_kind(out, s, &stg_model_ngram, paper ? STG_NGRAM_PAPER : STG_NGRAM_KNESER_NEY, preset ? 3 : 5,
                       preset ? STG_FIELD_CALL : ALL_FIELDS);
}

static enum stg_status create_stide(struct stg_model **out, const struct stg_model_settings *s)
{
    return create_kind(out, s, &stg_model_stide, STG_NGRAM_STIDE, 6, s->preset != NULL ? STG_FIELD_CALL : ALL_FIELDS);
}

struct part {
    struct ngram *g;
    const struct stg_corpus *corpus;
    struct stg_counts counts[PARTS];
    struct stg_progress *progress;
};

static enum stg_status count_walk(const struct stg_model *m, struct stg_counts *c, const struct stg_walk *w)
{
    uint32_t state = 0;
    if (w->start || w->n_context == 0) {
        STG_RETURN_IF_FAILED(stg_counts_put(c, &state, STG_TOKEN_START, false));
    }
    for (size_t i = 0; i < w->n; i++) {
        const uint32_t symbol = stg_symbols_find(m->symbols, w->call[i], w->phase[i], w->ret[i]);
        STG_RETURN_IF_FAILED(stg_counts_put(c, &state, symbol, i >= w->n_context));
    }
    return w->end ? stg_counts_put(c, &state, STG_TOKEN_END, true) : STG_OK;
}

static enum stg_status count_part(void *context, size_t i_part, size_t i_thread)
{
    struct part *p = context;
    const struct stg_model *m = &p->g->base;
    struct stg_walker *walker = NULL;
    enum stg_status status = STG_OK;
    const size_t from = p->corpus->n * i_part / PARTS;
    const size_t to = p->corpus->n * (i_part + 1) / PARTS;
    STG_TRY(stg_counts_init(&p->counts[i_part], p->g->order));
    STG_TRY(stg_walker_new(&walker));
    for (size_t i = from; i < to; i++) {
        struct stg_seq seq;
        size_t n_walks;
        STG_TRY(stg_pool_check());
        stg_corpus_get(p->corpus, i, &seq);
        STG_TRY(stg_walker_begin(walker, &seq, m->recipe.order, m->max_walk, &n_walks));
        for (size_t k = 0; k < n_walks; k++) {
            struct stg_walk walk;
            stg_walker_get(walker, k, &walk);
            STG_TRY(count_walk(m, &p->counts[i_part], &walk));
        }
        if (i_thread == 0) {
            stg_progress_update(p->progress, i + 1);
        }
    }
out:
    stg_walker_free(walker);
    return status;
}

static void point_table(struct ngram *g)
{
    const struct stg_counts *c = &g->counts;
    g->table = (struct stg_ngram_table){c->n,      c->n_slots, c->parent,   c->suffix,    c->symbol, c->raw,
                                        c->length, c->slot_key, c->slot_node, g->log_p,    g->backoff};
}

static enum stg_status fit(struct stg_model *m, const struct stg_corpus *corpus, struct stg_pool *pool, struct stg_progress *progress)
{
    enum stg_status status = STG_OK;
    struct ngram *g = (struct ngram *)m;
    struct part *p = NULL;
    if (stg_symbols_fields(m->symbols) == STG_FIELD_CALL) {
        STG_RETURN_IF_FAILED(stg_symbols_from_vocab(m->symbols, &m->vocab));
    } else {
        STG_RETURN_IF_FAILED(stg_symbols_fit(m->symbols, corpus));
    }
    g->n_symbols = stg_symbols_count(m->symbols);
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&p, 1, sizeof *p));
    p->g = g;
    p->corpus = corpus;
    p->progress = progress;
    STG_TRY(stg_pool_run(pool, PARTS, count_part, p));
    g->counts = p->counts[0];
    p->counts[0] = (struct stg_counts){0};
    for (size_t i = 1; i < PARTS; i++) {
        STG_TRY(stg_counts_merge(&g->counts, &p->counts[i]));
        stg_counts_fini(&p->counts[i]);
    }
    STG_TRY(stg_mem_zeroed(&g->log_p, g->counts.n, sizeof *g->log_p));
    STG_TRY(stg_mem_zeroed(&g->backoff, g->counts.n, sizeof *g->backoff));
    STG_TRY(stg_ngram_estimate(g->kind, &g->counts, g->n_symbols, g->log_p, g->backoff));
    point_table(g);
out:
    for (size_t i = 0; i < PARTS; i++) {
        stg_counts_fini(&p->counts[i]);
    }
    stg_mem_free(p);
    return status;
}

static enum stg_status run_new(const struct stg_model *m, struct stg_model_run **out)
{
    (void)m;
    return stg_mem_zeroed(out, 1, sizeof **out);
}

static void run_free(struct stg_model_run *r)
{
    stg_mem_free(r);
}

static float advance(const struct ngram *g, uint32_t *state, uint32_t symbol)
{
    return -stg_ngram_advance(g->kind, &g->table, g->order, g->n_symbols, state, symbol);
}

static enum stg_status score(const struct stg_model *m, struct stg_model_run *r, const struct stg_walk *walks, size_t n,
                             float *const *surprisal)
{
    const struct ngram *g = ngram_of(m);
    (void)r;
    for (size_t k = 0; k < n; k++) {
        const struct stg_walk *w = &walks[k];
        float *out = surprisal[k];
        uint32_t state = 0;
        if (w->start || w->n_context == 0) {
            (void)advance(g, &state, STG_TOKEN_START);
        }
        for (size_t i = 0; i < w->n; i++) {
            const float s = advance(g, &state, stg_symbols_find(m->symbols, w->call[i], w->phase[i], w->ret[i]));
            if (i >= w->n_context) {
                *out++ = s;
            }
        }
        if (w->end) {
            *out = advance(g, &state, STG_TOKEN_END);
        }
    }
    return STG_OK;
}

static enum stg_status state_new(const struct stg_model *m, struct stg_model_state **out)
{
    (void)m;
    return stg_mem_zeroed(out, 1, sizeof **out);
}

static void state_reset(const struct stg_model *m, struct stg_model_state *s)
{
    (void)m;
    *s = (struct stg_model_state){0};
}

static void state_free(struct stg_model_state *s)
{
    stg_mem_free(s);
}

static enum stg_status step(const struct stg_model *m, struct stg_model_run *r, struct stg_model_state *const *states,
                            const struct stg_model_token *tokens, size_t n, float *surprisal)
{
    const struct ngram *g = ngram_of(m);
    (void)r;
    for (size_t i = 0; i < n; i++) {
        const struct stg_model_token *t = &tokens[i];
        const uint32_t symbol = t->special != 0 ? t->special : stg_symbols_find(m->symbols, t->call, t->phase, t->ret);
        const float s = advance(g, &states[i]->node, symbol);
        surprisal[i] = states[i]->begun && symbol != STG_TOKEN_START ? s : 0.0f;
        states[i]->begun = true;
    }
    return STG_OK;
}

static enum stg_status predict(const struct stg_model *m, struct stg_model_run *r, const struct stg_model_state *s, float *log_p)
{
    const struct ngram *g = ngram_of(m);
    size_t n_known = 0;
    (void)r;
    for (uint32_t v = 0; v < g->n_symbols; v++) {
        uint32_t state = s->node;
        log_p[v] = stg_ngram_predictable(v) ? -advance(g, &state, v) : STG_NGRAM_IMPOSSIBLE;
        n_known += g->kind == STG_NGRAM_STIDE && log_p[v] > -0.5f;
    }
    /* STIDE knows windows, not calls: the known continuations share what is known evenly, the others the rest. */
    const double n_other = (double)stg_ngram_outcomes(g->n_symbols) - (double)n_known;
    for (uint32_t v = 0; v < g->n_symbols && g->kind == STG_NGRAM_STIDE; v++) {
        if (stg_ngram_predictable(v)) {
            const double known = n_known == 0 ? 0.0 : n_other == 0 ? 1.0 : 1.0 - STG_STIDE_UNKNOWN;
            log_p[v] = (float)log(log_p[v] > -0.5f ? known / (double)n_known : (1.0 - known) / n_other);
        }
    }
    return STG_OK;
}

static const char *const kind_names[] = {"kneser-ney", "paper", "stide"};

static enum stg_status save(const struct stg_model *m, struct stg_tensors_writer *w)
{
    const struct ngram *g = ngram_of(m);
    const struct stg_ngram_table *t = &g->table;
    char number[16];
    snprintf(number, sizeof number, "%u", g->order);
    STG_RETURN_IF_FAILED(stg_tensors_writer_meta(w, "ngram.order", number));
    STG_RETURN_IF_FAILED(stg_tensors_writer_meta(w, "ngram.smoothing", kind_names[g->kind]));
    STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "ngram.parent", STG_U32, 1, &t->n, t->parent));
    STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "ngram.suffix", STG_U32, 1, &t->n, t->suffix));
    STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "ngram.symbol", STG_U32, 1, &t->n, t->symbol));
    STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "ngram.count", STG_U64, 1, &t->n, t->raw));
    STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "ngram.length", STG_U8, 1, &t->n, t->length));
    STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "ngram.log_p", STG_F32, 1, &t->n, t->log_p));
    STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "ngram.backoff", STG_F32, 1, &t->n, t->backoff));
    STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "ngram.slot_key", STG_U64, 1, &t->n_slots, t->slot_key));
    return stg_tensors_writer_put(w, "ngram.slot_node", STG_U32, 1, &t->n_slots, t->slot_node);
}

/* Everything that a query follows: ids in range, chains that end, a free slot that stops every search. */
static bool table_is_sound(const struct stg_ngram_table *t, uint32_t order, size_t n_symbols)
{
    size_t n_used = 0;
    if (t->n == 0 || t->length[0] != 0 || t->n_slots == 0 || (t->n_slots & (t->n_slots - 1)) != 0) {
        return false;
    }
    for (size_t i = 1; i < t->n; i++) {
        if (t->parent[i] >= i || t->suffix[i] >= t->n || t->symbol[i] >= n_symbols || t->length[i] > order ||
            t->length[i] != t->length[t->parent[i]] + 1 || t->length[t->suffix[i]] + 1 != t->length[i] || !isfinite(t->log_p[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < t->n; i++) {
        if (!isfinite(t->backoff[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < t->n_slots; i++) {
        const uint32_t node = t->slot_node[i];
        if (node == 0) {
            continue;
        }
        if (node >= t->n || t->slot_key[i] != ((uint64_t)t->parent[node] << 32 | t->symbol[node])) {
            return false;
        }
        n_used++;
    }
    return n_used < t->n_slots;
}

static enum stg_status load_table(struct ngram *g, const struct stg_tensors *t)
{
    struct stg_ngram_table *to = &g->table;
    const struct stg_tensor *x;
    STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.parent", STG_U32, SIZE_MAX, &x));
    to->n = x->n;
    to->parent = x->data;
    STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.suffix", STG_U32, to->n, &x));
    to->suffix = x->data;
    STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.symbol", STG_U32, to->n, &x));
    to->symbol = x->data;
    STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.count", STG_U64, to->n, &x));
    to->raw = x->data;
    STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.length", STG_U8, to->n, &x));
    to->length = x->data;
    STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.log_p", STG_F32, to->n, &x));
    to->log_p = x->data;
    STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.backoff", STG_F32, to->n, &x));
    to->backoff = x->data;
    STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.slot_key", STG_U64, SIZE_MAX, &x));
    to->n_slots = x->n;
    to->slot_key = x->data;
    STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.slot_node", STG_U32, to->n_slots, &x));
    to->slot_node = x->data;
    return STG_OK;
}

static enum stg_status load(struct stg_model **out, const struct stg_tensors *t, const struct stg_vocab *vocab,
                            const struct stg_symbols *symbols)
{
    enum stg_status status = STG_OK;
    struct ngram *g = NULL;
    const char *order = stg_tensors_meta(t, "ngram.order");
    const char *smoothing = stg_tensors_meta(t, "ngram.smoothing");
    (void)vocab;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&g, 1, sizeof *g));
    g->n_symbols = stg_symbols_count(symbols);
    g->order = order == NULL ? 0 : (uint32_t)(order[0] - '0');
    bool known = false;
    for (int i = 0; i < 3; i++) {
        if (smoothing != NULL && strcmp(kind_names[i], smoothing) == 0) {
            g->kind = (enum stg_ngram_kind)i;
            known = true;
        }
    }
    STG_TRY(load_table(g, t));
    if (!known || g->order < 1 || g->order > STG_COUNTS_MAX_ORDER || !table_is_sound(&g->table, g->order, g->n_symbols)) {
        status = stg_fail(STG_ERR_INPUT, "%s: tables of the n-gram are damaged: train the model again", stg_tensors_path(t));
    }
out:
    if (status != STG_OK) {
        stg_mem_free(g);
        return status;
    }
    *out = &g->base;
    return STG_OK;
}

static json_t *describe(const struct stg_model *m)
{
    const struct ngram *g = ngram_of(m);
    json_int_t by_order[STG_COUNTS_MAX_ORDER + 1] = {0};
    for (size_t i = 1; i < g->table.n; i++) {
        by_order[g->table.length[i]]++;
    }
    json_t *orders = json_array();
    for (uint32_t k = 1; k <= g->order; k++) {
        if (json_array_append_new(orders, json_integer(by_order[k])) != 0) {
            json_decref(orders);
            return NULL;
        }
    }
    return json_pack("{s:I, s:s, s:I, s:o}", "order", (json_int_t)g->order, "smoothing", kind_names[g->kind], "symbols",
                     (json_int_t)g->n_symbols, "ngrams", orders);
}

static void free_ngram(struct stg_model *m)
{
    struct ngram *g = (struct ngram *)m;
    stg_counts_fini(&g->counts);
    stg_mem_free(g->log_p);
    stg_mem_free(g->backoff);
    stg_mem_free(g);
}

#define SHARED_OPS                                                                                                                 \
    .fit = fit, .run_new = run_new, .run_free = run_free, .score = score, .state_new = state_new, .state_reset = state_reset,      \
    .state_free = state_free, .step = step, .predict = predict, .save = save, .load = load, .describe = describe, .free = free_ngram

const struct stg_model_ops stg_model_ngram = {
    .kind = "ngram",
    .summary = "counts of short runs of calls, smoothed; trained in seconds",
    .create = create_ngram,
    SHARED_OPS,
};

const struct stg_model_ops stg_model_stide = {
    .kind = "stide",
    .summary = "set of known windows of calls: the classic baseline",
    .create = create_stide,
    SHARED_OPS,
};
