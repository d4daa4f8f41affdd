/* A net as a model of system calls: how walks become rows, for every kind. */
#include "model/neural.h"
#include "base/memory.h"

#include <string.h>

struct stg_model_run {
    struct stg_net_work *work;
    struct stg_net_sequence *sequences;
    float **to;
    uint32_t *ids, *targets;
    double *scalars;
    float *surprisal, *log_p;
    float **states;
    size_t cap_sequences, cap_rows, cap_outputs, cap_states;
};

struct stg_model_state {
    bool begun;   /* something was fed */
    float *value; /* the net's state */
};

static const struct stg_neural *neural_of(const struct stg_model *m)
{
    return (const struct stg_neural *)m;
}

static uint32_t bucket(int64_t elapsed_ns)
{
    uint32_t b = 0;
    while (elapsed_ns > 0 && b < STG_NEURAL_BUCKETS - 1) {
        elapsed_ns >>= 2;
        b++;
    }
    return b;
}

static uint32_t symbol_of(const struct stg_model *m, const struct stg_model_token *t)
{
    return t->special != 0 ? t->special : stg_symbols_find(m->symbols, t->call, t->phase, t->ret);
}

static void fill_row(const struct stg_neural *l, const struct stg_model_token *t, uint32_t *ids, double *scalars)
{
    if (l->input == STG_INPUT_SYMBOL) {
        ids[0] = symbol_of(&l->base, t);
        ids[1] = stg_vocab_known(t->proc, l->shape.table_rows[1]);
        ids[2] = bucket(t->elapsed_ns);
        if (l->shape.n_waves > 0) {
            scalars[0] = (double)t->order;
        }
        return;
    }
    ids[0] = stg_vocab_known(t->call, l->shape.table_rows[0]);
    ids[1] = stg_vocab_known(t->proc, l->shape.table_rows[1]);
    ids[2] = t->phase;
    ids[3] = stg_ret_class(t->phase, t->ret);
    scalars[0] = (double)t->pid;
    scalars[1] = (double)t->tid;
    scalars[2] = (double)t->elapsed_ns;
    scalars[3] = (double)t->order;
}

static enum stg_status create(struct stg_model **out, const struct stg_model_settings *s)
{
    enum stg_status status = STG_OK;
    struct stg_neural *l = NULL;
    const unsigned all = STG_FIELD_CALL | STG_FIELD_PHASE | STG_FIELD_RET | STG_FIELD_SIZE;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&l, 1, sizeof *l));
    STG_TRY(stg_neural_configure(l, s));
    if (s->symbols != NULL) {
        STG_TRY(stg_symbols_copy(&l->base.symbols, s->symbols));
        *out = &l->base;
        return STG_OK;
    }
    STG_TRY(stg_symbols_new(&l->base.symbols, s->fields != 0                ? s->fields
                                              : l->input == STG_INPUT_PAPER ? STG_FIELD_CALL
                                                                            : all));
out:
    if (status != STG_OK) {
        stg_mem_free(l);
        return status;
    }
    *out = &l->base;
    return STG_OK;
}

static enum stg_status fit(struct stg_model *m, const struct stg_corpus *corpus, struct stg_pool *pool,
                           struct stg_progress *progress)
{
    struct stg_neural *l = (struct stg_neural *)m;
    struct stg_rng rng;
    (void)pool;
    (void)progress;
    if (stg_symbols_count(m->symbols) > STG_TOKEN_SPECIALS) {
        /* given by the settings */
    } else if (stg_symbols_fields(m->symbols) == STG_FIELD_CALL) {
        STG_RETURN_IF_FAILED(stg_symbols_from_vocab(m->symbols, &m->vocab));
    } else {
        STG_RETURN_IF_FAILED(stg_symbols_fit(m->symbols, corpus));
    }
    stg_neural_size_fields(l, &m->vocab, m->symbols);
    STG_RETURN_IF_FAILED(stg_net_new(&l->net, stg_neural_net(l), &l->shape, true));
    stg_rng_seed(&rng, l->seed);
    stg_net_init(l->net, &rng);
    return stg_net_updated(l->net);
}

static enum stg_status reserve(struct stg_model_run *r, size_t n_sequences, size_t n_rows)
{
    if (n_sequences > r->cap_sequences) {
        size_t cap = r->cap_sequences;
        STG_RETURN_IF_FAILED(stg_mem_grow(&r->to, &cap, n_sequences, sizeof *r->to));
        STG_RETURN_IF_FAILED(stg_mem_grow(&r->sequences, &r->cap_sequences, n_sequences, sizeof *r->sequences));
    }
    if (n_rows > r->cap_rows) {
        size_t cap = r->cap_rows;
        STG_RETURN_IF_FAILED(stg_mem_grow(&r->ids, &cap, n_rows, STG_NEURAL_MAX_TABLES * sizeof *r->ids));
        cap = r->cap_rows;
        STG_RETURN_IF_FAILED(stg_mem_grow(&r->targets, &cap, n_rows, sizeof *r->targets));
        cap = r->cap_rows;
        STG_RETURN_IF_FAILED(stg_mem_grow(&r->surprisal, &cap, n_rows, sizeof *r->surprisal));
        STG_RETURN_IF_FAILED(
            stg_mem_grow(&r->scalars, &r->cap_rows, n_rows, STG_NEURAL_MAX_WAVES * sizeof *r->scalars));
    }
    return STG_OK;
}

/* The row of the token before the first one: START, unless a context stands there. */
static ptrdiff_t first_row(const struct stg_walk *w)
{
    return w->start || w->n_context == 0 ? -1 : 0;
}

static size_t rows_of(const struct stg_walk *w)
{
    /* Row i predicts token i + 1; the last one predicts the end, or nothing and is left out. */
    const ptrdiff_t last = (ptrdiff_t)w->n - (w->end ? 1 : 2);
    const ptrdiff_t n = last - first_row(w) + 1;
    return n > 0 ? (size_t)n : 0;
}

/* Walks as sequences of the net: row i shows token i and predicts token i + 1. */
static enum stg_status make_sequences(const struct stg_neural *l, struct stg_model_run *r, const struct stg_walk *walks,
                                      size_t n)
{
    const struct stg_net_shape *s = &l->shape;
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += rows_of(&walks[i]);
    }
    STG_RETURN_IF_FAILED(reserve(r, n, total + 1));
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const struct stg_walk *w = &walks[i];
        const size_t rows = rows_of(w);
        const ptrdiff_t first = first_row(w);
        r->sequences[i] = (struct stg_net_sequence){.n = rows,
                                                    .ids = r->ids + at * s->n_tables,
                                                    .scalars = r->scalars + at * s->n_waves,
                                                    .target = r->targets + at};
        r->to[i] = r->surprisal + at;
        for (size_t k = 0; k < rows; k++, at++) {
            struct stg_model_token token;
            const ptrdiff_t row = first + (ptrdiff_t)k;
            stg_walk_token(w, row, &token);
            fill_row(l, &token, r->ids + at * s->n_tables, r->scalars + at * s->n_waves);
            stg_walk_token(w, row + 1, &token);
            r->targets[at] = row + 1 < (ptrdiff_t)w->n_context ? STG_NET_UNSCORED : symbol_of(&l->base, &token);
        }
    }
    return STG_OK;
}

static struct stg_params *params(struct stg_model *m)
{
    return stg_net_params(((struct stg_neural *)m)->net);
}

static enum stg_status run_new(const struct stg_model *m, struct stg_model_run **out);
static void run_free(struct stg_model_run *r);

static enum stg_status pass(struct stg_model *m, const struct stg_walk *walks, size_t n, double label_smoothing,
                            const struct stg_model_soft *soft, uint64_t dropout_seed, bool backward,
                            struct stg_pool *pool, struct stg_model_loss *out)
{
    enum stg_status status = STG_OK;
    struct stg_neural *l = (struct stg_neural *)m;
    struct stg_model_run *r = NULL;
    struct stg_net_loss loss;
    STG_TRY(run_new(m, &r));
    STG_TRY(make_sequences(l, r, walks, n));
    for (size_t i = 0; soft != NULL && i < n; i++) {
        r->sequences[i].soft = (struct stg_net_soft){.log_p = soft->log_p[i],
                                                     .first = r->sequences[i].n - stg_walk_scored(&walks[i]),
                                                     .weight = (float)soft->weight,
                                                     .temperature = (float)soft->temperature};
    }
    STG_TRY(stg_net_pass(l->net, r->sequences, n, label_smoothing, dropout_seed, backward, pool, &loss));
    *out = (struct stg_model_loss){loss.loss, loss.objective, loss.n, loss.n_correct};
out:
    run_free(r);
    return status;
}

static enum stg_status updated(struct stg_model *m)
{
    return stg_net_updated(((struct stg_neural *)m)->net);
}

static enum stg_status run_new(const struct stg_model *m, struct stg_model_run **out)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, 1, sizeof **out));
    const enum stg_status status = stg_net_work_new(neural_of(m)->net, &(*out)->work);
    if (status != STG_OK) {
        run_free(*out);
        *out = NULL;
    }
    return status;
}

static void run_free(struct stg_model_run *r)
{
    if (r == NULL) {
        return;
    }
    stg_net_work_free(r->work);
    stg_mem_free(r->sequences);
    stg_mem_free(r->to);
    stg_mem_free(r->ids);
    stg_mem_free(r->targets);
    stg_mem_free(r->scalars);
    stg_mem_free(r->surprisal);
    stg_mem_free(r->log_p);
    stg_mem_free(r->states);
    stg_mem_free(r);
}

static enum stg_status score(const struct stg_model *m, struct stg_model_run *r, const struct stg_walk *walks, size_t n,
                             float *const *surprisal)
{
    const struct stg_neural *l = neural_of(m);
    STG_RETURN_IF_FAILED(make_sequences(l, r, walks, n));
    STG_RETURN_IF_FAILED(stg_net_score(l->net, r->work, r->sequences, n, r->to));
    for (size_t i = 0; i < n; i++) {
        const size_t scored = stg_walk_scored(&walks[i]);
        /* The scored rows are the last ones. */
        memcpy(surprisal[i], r->to[i] + (r->sequences[i].n - scored), scored * sizeof(float));
    }
    return STG_OK;
}

static enum stg_status distributions(const struct stg_model *m, struct stg_model_run *r, const struct stg_walk *walks,
                                     size_t n, float *const *log_p)
{
    const struct stg_neural *l = neural_of(m);
    const size_t V = l->shape.outputs;
    size_t rows = 0;
    STG_RETURN_IF_FAILED(make_sequences(l, r, walks, n));
    for (size_t i = 0; i < n; i++) {
        rows += r->sequences[i].n;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->log_p, &r->cap_outputs, rows, V * sizeof *r->log_p));
    for (size_t i = 0, at = 0; i < n; at += r->sequences[i++].n) {
        r->to[i] = r->log_p + at * V;
    }
    STG_RETURN_IF_FAILED(stg_net_distributions(l->net, r->work, r->sequences, n, r->to));
    for (size_t i = 0; i < n; i++) {
        const size_t scored = stg_walk_scored(&walks[i]);
        memcpy(log_p[i], r->to[i] + (r->sequences[i].n - scored) * V, scored * V * sizeof(float));
        for (size_t k = 0; k < scored * V; k++) {
            log_p[i][k] = log_p[i][k] > STG_MODEL_LEAST_LOG_P ? log_p[i][k] : STG_MODEL_LEAST_LOG_P;
        }
    }
    return STG_OK;
}

static enum stg_status state_new(const struct stg_model *m, struct stg_model_state **out)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, 1, sizeof **out));
    const enum stg_status status = stg_mem_zeroed(&(*out)->value, stg_net_state_size(neural_of(m)->net), sizeof(float));
    if (status != STG_OK) {
        stg_mem_free(*out);
        *out = NULL;
    }
    return status;
}

static void state_reset(const struct stg_model *m, struct stg_model_state *s)
{
    s->begun = false;
    stg_net_state_reset(neural_of(m)->net, s->value);
}

static void state_free(struct stg_model_state *s)
{
    if (s != NULL) {
        stg_mem_free(s->value);
        stg_mem_free(s);
    }
}

static enum stg_status reserve_states(const struct stg_neural *l, struct stg_model_run *r, size_t n)
{
    STG_RETURN_IF_FAILED(reserve(r, 0, n));
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->states, &r->cap_states, n, sizeof *r->states));
    return stg_mem_grow(&r->log_p, &r->cap_outputs, n, l->shape.outputs * sizeof *r->log_p);
}

static enum stg_status step(const struct stg_model *m, struct stg_model_run *r, struct stg_model_state *const *states,
                            const struct stg_model_token *tokens, size_t n, float *surprisal)
{
    const struct stg_neural *l = neural_of(m);
    STG_RETURN_IF_FAILED(reserve_states(l, r, n));
    for (size_t i = 0; i < n; i++) {
        r->states[i] = states[i]->value;
    }
    STG_RETURN_IF_FAILED(stg_net_predict(l->net, r->work, (const float *const *)r->states, n, r->log_p));
    for (size_t i = 0; i < n; i++) {
        const bool scored = states[i]->begun && tokens[i].special != STG_TOKEN_START;
        surprisal[i] = scored ? -r->log_p[i * l->shape.outputs + symbol_of(m, &tokens[i])] : 0.0f;
        states[i]->begun = true;
        fill_row(l, &tokens[i], r->ids + i * l->shape.n_tables, r->scalars + i * l->shape.n_waves);
    }
    return stg_net_step(l->net, r->work, r->states, n, r->ids, r->scalars);
}

static enum stg_status predict(const struct stg_model *m, struct stg_model_run *r, const struct stg_model_state *s,
                               float *log_p)
{
    const float *states[1] = {s->value};
    return stg_net_predict(neural_of(m)->net, r->work, states, 1, log_p);
}

static size_t heads(const struct stg_model *m, size_t *n_layers)
{
    *n_layers = neural_of(m)->shape.layers;
    return stg_net_heads(neural_of(m)->net);
}

static enum stg_status attention(const struct stg_model *m, struct stg_model_run *r, const struct stg_walk *w,
                                 const bool *wanted, stg_attention_visit *visit, void *context)
{
    enum stg_status status = STG_OK;
    const struct stg_neural *l = neural_of(m);
    const size_t n_heads = stg_net_heads(l->net), skipped = (size_t)(first_row(w) + 1);
    float *state = NULL, *rows = NULL, *weights = NULL;
    STG_TRY(make_sequences(l, r, w, 1));
    const struct stg_net_sequence *s = &r->sequences[0];
    STG_TRY(stg_mem_zeroed(&state, stg_net_state_size(l->net), sizeof *state));
    STG_TRY(stg_mem_zeroed(&rows, n_heads * s->n, sizeof *rows));
    STG_TRY(stg_mem_zeroed(&weights, n_heads * (s->n + skipped), sizeof *weights));
    for (size_t i = 0; i < s->n; i++) {
        const size_t at = i + skipped; /* that this row of the net predicts */
        const uint32_t *ids = s->ids + i * l->shape.n_tables;
        const double *scalars = s->scalars + i * l->shape.n_waves;
        if (!wanted[at]) {
            STG_TRY(stg_net_step(l->net, r->work, &state, 1, ids, scalars));
            continue;
        }
        STG_TRY(stg_net_step_watched(l->net, r->work, state, ids, scalars, rows));
        for (size_t h = 0; h < n_heads; h++) {
            memset(weights + h * (at + 1), 0, skipped * sizeof *weights);
            memcpy(weights + h * (at + 1) + skipped, rows + h * (i + 1), (i + 1) * sizeof *rows);
        }
        STG_TRY(visit(context, at, weights));
    }
out:
    stg_mem_free(state);
    stg_mem_free(rows);
    stg_mem_free(weights);
    return status;
}

/* The first field of a row is what the token is, for every input. */
static const float *embedding(const struct stg_model *m, size_t *n, size_t *dim, bool *of_symbols)
{
    const struct stg_neural *l = neural_of(m);
    *n = l->shape.table_rows[0];
    *dim = l->shape.table_dim[0];
    *of_symbols = l->input == STG_INPUT_SYMBOL;
    return stg_params_value(stg_net_params(l->net), 0);
}

static enum stg_status set_precision(struct stg_model *m, enum stg_precision precision)
{
    enum stg_status status = STG_OK;
    struct stg_neural *l = (struct stg_neural *)m;
    struct stg_net_shape shape = l->shape;
    struct stg_net *net = NULL;
    shape.precision = precision;
    STG_TRY(stg_net_new(&net, stg_neural_net(l), &shape, false));
    const struct stg_params *from = stg_net_params(l->net);
    memcpy(stg_net_params(net)->value, from->value, from->size * sizeof *from->value);
    STG_TRY(stg_net_updated(net));
    stg_net_free(l->net);
    l->net = net;
    l->shape = shape;
    net = NULL;
out:
    stg_net_free(net);
    return status;
}

static enum stg_status save(const struct stg_model *m, struct stg_tensors_writer *w)
{
    const struct stg_neural *l = neural_of(m);
    STG_RETURN_IF_FAILED(stg_neural_save_config(l, w));
    return stg_neural_put(l, "", w);
}

enum stg_status stg_neural_put(const struct stg_neural *n, const char *prefix, struct stg_tensors_writer *w)
{
    const struct stg_params *p = stg_net_params(n->net);
    return stg_params_put(p, p->value, prefix, w);
}

static enum stg_status load(struct stg_model **out, const struct stg_tensors *t, const struct stg_vocab *vocab,
                            const struct stg_symbols *symbols)
{
    return stg_neural_get(out, stg_tensors_meta(t, "model.kind"), "", t, vocab,
                          symbols); /* the kind is there: it led here */
}

enum stg_status stg_neural_get(struct stg_model **out, const char *kind, const char *prefix,
                               const struct stg_tensors *t, const struct stg_vocab *vocab,
                               const struct stg_symbols *symbols)
{
    enum stg_status status = STG_OK;
    struct stg_neural *l = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&l, 1, sizeof *l));
    STG_TRY(stg_neural_load_config(l, kind, t));
    stg_neural_size_fields(l, vocab, symbols);
    STG_TRY(stg_net_new(&l->net, stg_neural_net(l), &l->shape, false));
    STG_TRY(stg_params_get(stg_net_params(l->net), stg_net_params(l->net)->value, prefix, t));
    STG_TRY(stg_net_updated(l->net));
out:
    if (status != STG_OK) {
        stg_net_free(l->net);
        stg_mem_free(l);
        return status == STG_ERR_USAGE ? stg_context(STG_ERR_INPUT, "%s: header", stg_tensors_path(t)) : status;
    }
    l->base.ops = stg_neural_ops(l);
    *out = &l->base;
    return STG_OK;
}

static json_t *describe(const struct stg_model *m)
{
    return stg_neural_describe(neural_of(m));
}

static void free_neural(struct stg_model *m)
{
    stg_net_free(((struct stg_neural *)m)->net);
    stg_mem_free(m);
}

static const struct stg_model_gradient_ops gradient = {.params = params, .pass = pass, .updated = updated};

/* The kinds differ in their net and its defaults only. */
#define NEURAL_MODEL(name, text)                       \
    const struct stg_model_ops stg_model_##name = {    \
        .kind = #name,                                 \
        .summary = (text),                             \
        .columns = STG_WALK_THREAD | STG_WALK_ELAPSED, \
        .create = create,                              \
        .fit = fit,                                    \
        .gradient = &gradient,                         \
        .run_new = run_new,                            \
        .run_free = run_free,                          \
        .score = score,                                \
        .state_new = state_new,                        \
        .state_reset = state_reset,                    \
        .state_free = state_free,                      \
        .step = step,                                  \
        .predict = predict,                            \
        .distributions = distributions,                \
        .heads = heads,                                \
        .attention = attention,                        \
        .embedding = embedding,                        \
        .set_precision = set_precision,                \
        .save = save,                                  \
        .load = load,                                  \
        .describe = describe,                          \
        .free = free_neural,                           \
    }
NEURAL_MODEL(lstm, "recurrent network; learns long contexts; trained for minutes");
NEURAL_MODEL(transformer, "attends to all of the last 2,048 events; trained for minutes");
NEURAL_MODEL(longformer,
             "attends to a window and the first event; time and memory grow with the length only; trained for minutes");
