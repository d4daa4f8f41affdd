/* The n-gram and STIDE as models. */
#include "model/ngram.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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
    struct stg_ngram_answers *answers; /* NULL when the symbols do not fit into a key */
    uint32_t *symbols;
    size_t cap_symbols;
};

struct stg_model_state {
    bool begun;
    uint32_t node;
};

static const struct ngram *ngram_of(const struct stg_model *m)
{
    return (const struct ngram *)m;
}

static enum stg_status create_kind(struct stg_model **out, const struct stg_model_settings *s,
                                   const struct stg_model_ops *ops, enum stg_ngram_kind kind, uint32_t order,
                                   unsigned fields)
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
    const enum stg_status status = s->symbols != NULL
                                       ? stg_symbols_copy(&g->base.symbols, s->symbols)
                                       : stg_symbols_new(&g->base.symbols, s->fields != 0 ? s->fields : fields);
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
                       preset ? STG_FIELD_CALL : ALL_FIELDS | STG_FIELD_SIZE);
}

static enum stg_status create_stide(struct stg_model **out, const struct stg_model_settings *s)
{
    return create_kind(out, s, &stg_model_stide, STG_NGRAM_STIDE, 6, s->preset != NULL ? STG_FIELD_CALL : ALL_FIELDS);
}

static void point_table(struct ngram *g)
{
    const struct stg_counts *c = &g->counts;
    g->table = (struct stg_ngram_table){c->n,      c->n_slots, c->parent, c->suffix,  c->symbol, c->raw,
                                        c->length, c->slot,    g->log_p,  g->backoff, NULL};
}

/* Probabilities of the counts as they are. */
static enum stg_status estimate(struct ngram *g)
{
    stg_mem_free(g->log_p);
    stg_mem_free(g->backoff);
    stg_mem_free(g->table.node);
    g->log_p = g->backoff = NULL;
    g->table.node = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&g->log_p, g->counts.n, sizeof *g->log_p));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&g->backoff, g->counts.n, sizeof *g->backoff));
    STG_RETURN_IF_FAILED(stg_ngram_estimate(g->kind, &g->counts, g->n_symbols, g->log_p, g->backoff));
    point_table(g);
    return stg_ngram_index(&g->table);
}

static enum stg_status fit_symbols(struct stg_model *m, const struct stg_corpus *corpus)
{
    struct ngram *g = (struct ngram *)m;
    if (stg_symbols_count(m->symbols) > STG_TOKEN_SPECIALS) {
        /* given by the settings */
    } else if (stg_symbols_fields(m->symbols) == STG_FIELD_CALL) {
        STG_RETURN_IF_FAILED(stg_symbols_from_vocab(m->symbols, &m->vocab));
    } else {
        STG_RETURN_IF_FAILED(stg_symbols_fit(m->symbols, corpus));
    }
    g->n_symbols = stg_symbols_count(m->symbols);
    return stg_counts_init(&g->counts, g->order);
}

static enum stg_status fit(struct stg_model *m, const struct stg_corpus *corpus, struct stg_pool *pool,
                           struct stg_progress *progress)
{
    struct ngram *g = (struct ngram *)m;
    STG_RETURN_IF_FAILED(fit_symbols(m, corpus));
    STG_RETURN_IF_FAILED(stg_ngram_count(&g->counts, m, corpus, pool, progress));
    return estimate(g);
}

static enum stg_status learn(struct stg_model *m, const struct stg_corpus *corpus, const struct stg_teacher *teacher,
                             struct stg_pool *pool, struct stg_progress *progress)
{
    struct ngram *g = (struct ngram *)m;
    if (g->kind != STG_NGRAM_KNESER_NEY) {
        return stg_fail(STG_ERR_USAGE,
                        "an n-gram that learns from a teacher has a smoothing of its own: leave --smoothing out");
    }
    g->kind = STG_NGRAM_EXPECTED;
    STG_RETURN_IF_FAILED(fit_symbols(m, corpus));
    STG_RETURN_IF_FAILED(stg_ngram_learn(&g->counts, m, corpus, teacher, pool, progress, &g->log_p, &g->backoff));
    point_table(g);
    return stg_ngram_index(&g->table);
}

/* The counts of a model that came from a file. */
static enum stg_status take_counts(struct ngram *g)
{
    enum stg_status status = STG_OK;
    const struct stg_ngram_table *t = &g->table;
    uint32_t *map = NULL;
    STG_TRY(stg_counts_init(&g->counts, g->order));
    STG_TRY(stg_mem_zeroed(&map, t->n, sizeof *map));
    for (size_t i = 1; i < t->n; i++) { /* a parent's number is smaller */
        STG_TRY(stg_counts_add(&g->counts, map[t->parent[i]], t->symbol[i], t->raw[i], &map[i]));
    }
out:
    stg_mem_free(map);
    return status;
}

static enum stg_status update(struct stg_model *m, const struct stg_corpus *corpus, struct stg_pool *pool,
                              struct stg_progress *progress)
{
    struct ngram *g = (struct ngram *)m;
    if (g->kind == STG_NGRAM_EXPECTED) {
        return stg_fail(STG_ERR_USAGE,
                        "an n-gram that learned from a teacher cannot be added to: distil it again with all data");
    }
    if (g->counts.n == 0) {
        STG_RETURN_IF_FAILED(take_counts(g));
    }
    STG_RETURN_IF_FAILED(stg_ngram_count(&g->counts, m, corpus, pool, progress));
    return estimate(g);
}

static void run_free(struct stg_model_run *r)
{
    if (r != NULL) {
        stg_ngram_answers_free(r->answers);
        stg_mem_free(r->symbols);
        stg_mem_free(r);
    }
}

static enum stg_status run_new(const struct stg_model *m, struct stg_model_run **out)
{
    const struct ngram *g = ngram_of(m);
    enum stg_status status = STG_OK;
    struct stg_model_run *r = NULL;
    *out = NULL;
    STG_TRY(stg_mem_zeroed(&r, 1, sizeof *r));
    STG_TRY(stg_ngram_answers_new(&r->answers, g->kind, &g->table, g->order, g->n_symbols));
    *out = r;
    r = NULL;
out:
    run_free(r);
    return status;
}

static float advance(const struct ngram *g, uint32_t *state, uint32_t symbol)
{
    return -stg_ngram_advance(g->kind, &g->table, g->order, g->n_symbols, state, symbol);
}

/* As stg_ngram_answers_score(), symbol by symbol. */
static void score_plain(const struct ngram *g, const struct stg_model_run *r, size_t n, size_t from, float *out)
{
    uint32_t state = 0;
    for (size_t i = 0; i < n; i++) {
        const float s = r->symbols[i] == STG_TOKEN_MASK ? 0 : advance(g, &state, r->symbols[i]);
        if (i >= from) {
            out[i - from] = s;
        }
    }
}

static enum stg_status score(const struct stg_model *m, struct stg_model_run *r, const struct stg_walk *walks, size_t n,
                             float *const *surprisal)
{
    const struct ngram *g = ngram_of(m);
    for (size_t k = 0; k < n; k++) {
        const struct stg_walk *w = &walks[k];
        size_t n_symbols = 0;
        STG_RETURN_IF_FAILED(stg_mem_grow(&r->symbols, &r->cap_symbols, w->n + 2, sizeof *r->symbols));
        if (w->start || w->n_context == 0) {
            r->symbols[n_symbols++] = STG_TOKEN_START;
        }
        const size_t from = n_symbols + w->n_context;
        stg_symbols_map(m->symbols, w, r->symbols + n_symbols);
        n_symbols += w->n;
        if (w->end) {
            r->symbols[n_symbols++] = STG_TOKEN_END;
        }
        if (r->answers != NULL) {
            STG_RETURN_IF_FAILED(stg_ngram_answers_score(r->answers, r->symbols, n_symbols, from, surprisal[k]));
        } else {
            score_plain(g, r, n_symbols, from, surprisal[k]);
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

static enum stg_status predict(const struct stg_model *m, struct stg_model_run *r, const struct stg_model_state *s,
                               float *log_p)
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

static const char *const kind_names[] = {"kneser-ney", "paper", "expected", "stide"};

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
    if (g->kind != STG_NGRAM_EXPECTED) {
        STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "ngram.count", STG_U64, 1, &t->n, t->raw));
    }
    STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "ngram.length", STG_U8, 1, &t->n, t->length));
    STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "ngram.log_p", STG_F32, 1, &t->n, t->log_p));
    STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, "ngram.backoff", STG_F32, 1, &t->n, t->backoff));
    return stg_tensors_writer_put(w, "ngram.slot", STG_U32, 1, &t->n_slots, t->slot);
}

/* Everything that a query follows: ids in range, chains that end, a free slot that stops every search. */
static bool table_is_sound(const struct stg_ngram_table *t, uint32_t order, size_t n_symbols)
{
    size_t n_used = 0;
    if (t->n == 0 || t->length[0] != 0 || t->n_slots < 2 || (t->n_slots & (t->n_slots - 1)) != 0) {
        return false;
    }
    for (size_t i = 1; i < t->n; i++) {
        if (t->parent[i] >= i || t->suffix[i] >= t->n || t->symbol[i] >= n_symbols || t->length[i] > order ||
            t->length[i] != t->length[t->parent[i]] + 1 || t->length[t->suffix[i]] + 1 != t->length[i] ||
            !isfinite(t->log_p[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < t->n; i++) {
        if (!isfinite(t->backoff[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < t->n_slots; i++) {
        if (t->slot[i] >= t->n) {
            return false;
        }
        n_used += t->slot[i] != 0;
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
    if (g->kind != STG_NGRAM_EXPECTED) {
        STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.count", STG_U64, to->n, &x));
        to->raw = x->data;
    }
    STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.length", STG_U8, to->n, &x));
    to->length = x->data;
    STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.log_p", STG_F32, to->n, &x));
    to->log_p = x->data;
    STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.backoff", STG_F32, to->n, &x));
    to->backoff = x->data;
    STG_RETURN_IF_FAILED(stg_tensors_need(t, "ngram.slot", STG_U32, SIZE_MAX, &x));
    to->n_slots = x->n;
    to->slot = x->data;
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
    for (int i = 0; i < (int)(sizeof kind_names / sizeof kind_names[0]); i++) {
        if (smoothing != NULL && strcmp(kind_names[i], smoothing) == 0) {
            g->kind = (enum stg_ngram_kind)i;
            known = true;
        }
    }
    STG_TRY(load_table(g, t));
    if (!known || g->order < 1 || g->order > STG_COUNTS_MAX_ORDER ||
        !table_is_sound(&g->table, g->order, g->n_symbols)) {
        status =
            stg_fail(STG_ERR_INPUT, "%s: tables of the n-gram are damaged: train the model again", stg_tensors_path(t));
        goto out;
    }
    STG_TRY(stg_ngram_index(&g->table));
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
                     (json_int_t)(g->n_symbols - STG_TOKEN_SPECIALS), "ngrams", orders);
}

static void free_ngram(struct stg_model *m)
{
    struct ngram *g = (struct ngram *)m;
    stg_counts_fini(&g->counts);
    stg_mem_free(g->log_p);
    stg_mem_free(g->backoff);
    stg_mem_free(g->table.node);
    stg_mem_free(g);
}

#define SHARED_OPS                                                                                                  \
    .fit = fit, .update = update, .run_new = run_new, .run_free = run_free, .score = score, .state_new = state_new, \
    .state_reset = state_reset, .state_free = state_free, .step = step, .predict = predict, .save = save,           \
    .load = load, .describe = describe, .free = free_ngram

const struct stg_model_ops stg_model_ngram = {
    .kind = "ngram",
    .summary = "counts of short runs of calls, smoothed; trained in seconds",
    .create = create_ngram,
    .learn = learn,
    SHARED_OPS,
};

const struct stg_model_ops stg_model_stide = {
    .kind = "stide",
    .summary = "set of known windows of calls: the classic baseline",
    .create = create_stide,
    SHARED_OPS,
};
