/* LSTM as a model of system calls: which fields its rows show, and how walks become rows. */
#include "base/memory.h"
#include "model/model.h"
#include "nn/lstm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a row shows of the token before the predicted one. */
enum input {
    INPUT_PAPER,  /* call, process, entry, return class; pid, tid, elapsed, order as sinusoids (arXiv 2309.02206, section 4) */
    INPUT_SYMBOL, /* the predicted symbol, process, elapsed time in buckets of a factor of four */
};

enum { MAX_TABLES = 4, MAX_WAVES = 4, BUCKETS = 20 };

struct lstm {
    struct stg_model base;
    enum input input;
    struct stg_lstm_shape shape;
    struct stg_lstm *net; /* NULL before fit */
    uint64_t seed;
};

struct stg_model_run {
    struct stg_lstm_run *run;
    struct stg_lstm_sequence *sequences;
    float **to;
    uint32_t *ids, *targets;
    double *scalars;
    float *surprisal, *log_p;
    float **states;
    size_t cap_sequences, cap_rows, cap_outputs, cap_states;
};

struct stg_model_state {
    bool begun; /* something was fed */
    size_t size;
    float *value; /* h and c of every layer */
};

static const struct lstm *lstm_of(const struct stg_model *m)
{
    return (const struct lstm *)m;
}

static uint32_t bucket(int64_t elapsed_ns)
{
    uint32_t b = 0;
    while (elapsed_ns > 0 && b < BUCKETS - 1) {
        elapsed_ns >>= 2;
        b++;
    }
    return b;
}

static uint32_t symbol_of(const struct stg_model *m, const struct stg_model_token *t)
{
    return t->special != 0 ? t->special : stg_symbols_find(m->symbols, t->call, t->phase, t->ret);
}

static void fill_row(const struct lstm *l, const struct stg_model_token *t, uint32_t *ids, double *scalars)
{
    if (l->input == INPUT_SYMBOL) {
        ids[0] = symbol_of(&l->base, t);
        ids[1] = stg_vocab_known(t->proc, l->shape.table_rows[1]);
        ids[2] = bucket(t->elapsed_ns);
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
    struct lstm *l = NULL;
    const bool paper = s->preset != NULL && strcmp(s->preset, "paper") == 0;
    *out = NULL;
    if (s->preset != NULL && !paper) {
        return stg_fail(STG_ERR_USAGE, "unknown preset '%.40s': use paper", s->preset);
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&l, 1, sizeof *l));
    const unsigned all = STG_FIELD_CALL | STG_FIELD_PHASE | STG_FIELD_RET;
    const enum stg_status status = stg_symbols_new(&l->base.symbols, s->fields != 0 ? s->fields : paper ? STG_FIELD_CALL : all);
    l->base.ops = &stg_model_lstm;
    l->input = paper ? INPUT_PAPER : INPUT_SYMBOL;
    l->seed = s->seed;
    l->shape.layers = s->layers != 0 ? s->layers : 2;
    l->shape.hidden = s->hidden != 0 ? s->hidden : paper ? 256 : 128;
    l->shape.dropout = s->dropout >= 0 ? (float)s->dropout : 0.05f;
    l->base.max_walk = 0;
    if (status != STG_OK) {
        stg_mem_free(l);
        return status;
    }
    *out = &l->base;
    return STG_OK;
}

/* Sizes of the fields from vocabulary and symbols. */
static void size_fields(struct lstm *l, const struct stg_vocab *v, const struct stg_symbols *symbols)
{
    struct stg_lstm_shape *s = &l->shape;
    s->outputs = stg_symbols_count(symbols);
    if (l->input == INPUT_PAPER) {
        const size_t rows[] = {stg_strings_count(v->calls), stg_strings_count(v->procs), 3, 3};
        const size_t dims[] = {48, 48, 12, 12};
        s->n_tables = 4;
        s->n_waves = 4;
        s->wave_dim = 12;
        memcpy(s->table_rows, rows, sizeof rows);
        memcpy(s->table_dim, dims, sizeof dims);
        return;
    }
    const size_t rows[] = {s->outputs, stg_strings_count(v->procs), BUCKETS};
    const size_t dims[] = {64, 16, 16};
    s->n_tables = 3;
    s->n_waves = 0;
    memcpy(s->table_rows, rows, sizeof rows);
    memcpy(s->table_dim, dims, sizeof dims);
}

static enum stg_status fit(struct stg_model *m, const struct stg_corpus *corpus, struct stg_pool *pool, struct stg_progress *progress)
{
    struct lstm *l = (struct lstm *)m;
    struct stg_rng rng;
    (void)pool;
    (void)progress;
    if (stg_symbols_fields(m->symbols) == STG_FIELD_CALL) {
        STG_RETURN_IF_FAILED(stg_symbols_from_vocab(m->symbols, &m->vocab));
    } else {
        STG_RETURN_IF_FAILED(stg_symbols_fit(m->symbols, corpus));
    }
    size_fields(l, &m->vocab, m->symbols);
    STG_RETURN_IF_FAILED(stg_lstm_new(&l->net, &l->shape, true));
    stg_rng_seed(&rng, l->seed);
    stg_lstm_init(l->net, &rng);
    return stg_lstm_updated(l->net);
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
        STG_RETURN_IF_FAILED(stg_mem_grow(&r->ids, &cap, n_rows, MAX_TABLES * sizeof *r->ids));
        cap = r->cap_rows;
        STG_RETURN_IF_FAILED(stg_mem_grow(&r->targets, &cap, n_rows, sizeof *r->targets));
        cap = r->cap_rows;
        STG_RETURN_IF_FAILED(stg_mem_grow(&r->surprisal, &cap, n_rows, sizeof *r->surprisal));
        STG_RETURN_IF_FAILED(stg_mem_grow(&r->scalars, &r->cap_rows, n_rows, MAX_WAVES * sizeof *r->scalars));
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
static enum stg_status make_sequences(const struct lstm *l, struct stg_model_run *r, const struct stg_walk *walks, size_t n)
{
    const struct stg_lstm_shape *s = &l->shape;
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
        r->sequences[i] = (struct stg_lstm_sequence){rows, r->ids + at * s->n_tables, r->scalars + at * s->n_waves, r->targets + at};
        r->to[i] = r->surprisal + at;
        for (size_t k = 0; k < rows; k++, at++) {
            struct stg_model_token token;
            const ptrdiff_t row = first + (ptrdiff_t)k;
            stg_walk_token(w, row, &token);
            fill_row(l, &token, r->ids + at * s->n_tables, r->scalars + at * s->n_waves);
            stg_walk_token(w, row + 1, &token);
            r->targets[at] = row + 1 < (ptrdiff_t)w->n_context ? STG_LSTM_UNSCORED : symbol_of(&l->base, &token);
        }
    }
    return STG_OK;
}

static struct stg_params *params(struct stg_model *m)
{
    return stg_lstm_params(((struct lstm *)m)->net);
}

static enum stg_status run_new(const struct stg_model *m, struct stg_model_run **out);
static void run_free(struct stg_model_run *r);

static enum stg_status pass(struct stg_model *m, const struct stg_walk *walks, size_t n, double label_smoothing, uint64_t dropout_seed,
                            bool backward, struct stg_pool *pool, struct stg_model_loss *out)
{
    enum stg_status status = STG_OK;
    struct lstm *l = (struct lstm *)m;
    struct stg_model_run *r = NULL;
    struct stg_lstm_loss loss;
    STG_TRY(run_new(m, &r));
    STG_TRY(make_sequences(l, r, walks, n));
    STG_TRY(stg_lstm_pass(l->net, r->sequences, n, label_smoothing, dropout_seed, backward, pool, &loss));
    *out = (struct stg_model_loss){loss.loss, loss.objective, loss.n, loss.n_correct};
out:
    run_free(r);
    return status;
}

static enum stg_status updated(struct stg_model *m)
{
    return stg_lstm_updated(((struct lstm *)m)->net);
}

static enum stg_status run_new(const struct stg_model *m, struct stg_model_run **out)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, 1, sizeof **out));
    const enum stg_status status = stg_lstm_run_new(lstm_of(m)->net, &(*out)->run);
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
    stg_lstm_run_free(r->run);
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
    const struct lstm *l = lstm_of(m);
    STG_RETURN_IF_FAILED(make_sequences(l, r, walks, n));
    STG_RETURN_IF_FAILED(stg_lstm_score(l->net, r->run, r->sequences, n, r->to));
    for (size_t i = 0; i < n; i++) {
        const size_t scored = stg_walk_scored(&walks[i]);
        /* The scored rows are the last ones. */
        memcpy(surprisal[i], r->to[i] + (r->sequences[i].n - scored), scored * sizeof(float));
    }
    return STG_OK;
}

static enum stg_status state_new(const struct stg_model *m, struct stg_model_state **out)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, 1, sizeof **out));
    (*out)->size = stg_lstm_state_size(lstm_of(m)->net);
    const enum stg_status status = stg_mem_zeroed(&(*out)->value, (*out)->size, sizeof(float));
    if (status != STG_OK) {
        stg_mem_free(*out);
        *out = NULL;
    }
    return status;
}

static void state_reset(const struct stg_model *m, struct stg_model_state *s)
{
    (void)m;
    s->begun = false;
    memset(s->value, 0, s->size * sizeof(float));
}

static void state_free(struct stg_model_state *s)
{
    if (s != NULL) {
        stg_mem_free(s->value);
        stg_mem_free(s);
    }
}

static enum stg_status reserve_states(const struct lstm *l, struct stg_model_run *r, size_t n)
{
    STG_RETURN_IF_FAILED(reserve(r, 0, n));
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->states, &r->cap_states, n, sizeof *r->states));
    return stg_mem_grow(&r->log_p, &r->cap_outputs, n, l->shape.outputs * sizeof *r->log_p);
}

static enum stg_status step(const struct stg_model *m, struct stg_model_run *r, struct stg_model_state *const *states,
                            const struct stg_model_token *tokens, size_t n, float *surprisal)
{
    const struct lstm *l = lstm_of(m);
    STG_RETURN_IF_FAILED(reserve_states(l, r, n));
    for (size_t i = 0; i < n; i++) {
        r->states[i] = states[i]->value;
    }
    STG_RETURN_IF_FAILED(stg_lstm_predict(l->net, r->run, (const float *const *)r->states, n, r->log_p));
    for (size_t i = 0; i < n; i++) {
        const bool scored = states[i]->begun && tokens[i].special != STG_TOKEN_START;
        surprisal[i] = scored ? -r->log_p[i * l->shape.outputs + symbol_of(m, &tokens[i])] : 0.0f;
        states[i]->begun = true;
        fill_row(l, &tokens[i], r->ids + i * l->shape.n_tables, r->scalars + i * l->shape.n_waves);
    }
    return stg_lstm_step(l->net, r->run, r->states, n, r->ids, r->scalars);
}

static enum stg_status predict(const struct stg_model *m, struct stg_model_run *r, const struct stg_model_state *s, float *log_p)
{
    const float *states[1] = {s->value};
    return stg_lstm_predict(lstm_of(m)->net, r->run, states, 1, log_p);
}

static enum stg_status save(const struct stg_model *m, struct stg_tensors_writer *w)
{
    const struct lstm *l = lstm_of(m);
    char text[160];
    snprintf(text, sizeof text, "{\"input\":\"%s\",\"layers\":%zu,\"hidden\":%zu,\"dropout\":%.9g,\"seed\":%llu}",
             l->input == INPUT_PAPER ? "paper" : "symbol", l->shape.layers, l->shape.hidden, (double)l->shape.dropout,
             (unsigned long long)l->seed);
    STG_RETURN_IF_FAILED(stg_tensors_writer_meta(w, "lstm", text));
    const struct stg_params *p = stg_lstm_params(l->net);
    return stg_params_put(p, p->value, "", w);
}

static enum stg_status load_config(struct lstm *l, const struct stg_tensors *t)
{
    const char *text = stg_tensors_meta(t, "lstm");
    json_t *config = text == NULL ? NULL : json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *input = NULL;
    json_int_t layers = 0;
    json_int_t hidden = 0;
    json_int_t seed = 0;
    double dropout = 0;
    const bool ok = config != NULL && json_unpack(config, "{s:s, s:I, s:I, s:F, s:I}", "input", &input, "layers", &layers, "hidden",
                                                  &hidden, "dropout", &dropout, "seed", &seed) == 0;
    const bool paper = ok && strcmp(input, "paper") == 0;
    const bool valid = ok && (paper || strcmp(input, "symbol") == 0) && layers > 0 && hidden > 0;
    json_decref(config);
    if (!valid) {
        return stg_fail(STG_ERR_INPUT, "%s: header: configuration of the LSTM is damaged: train the model again", stg_tensors_path(t));
    }
    l->input = paper ? INPUT_PAPER : INPUT_SYMBOL;
    l->seed = (uint64_t)seed;
    l->shape.layers = (size_t)layers;
    l->shape.hidden = (size_t)hidden;
    l->shape.dropout = (float)dropout;
    return STG_OK;
}

static enum stg_status load(struct stg_model **out, const struct stg_tensors *t, const struct stg_vocab *vocab,
                            const struct stg_symbols *symbols)
{
    enum stg_status status = STG_OK;
    struct lstm *l = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&l, 1, sizeof *l));
    STG_TRY(load_config(l, t));
    size_fields(l, vocab, symbols);
    STG_TRY(stg_lstm_new(&l->net, &l->shape, false));
    STG_TRY(stg_params_get(stg_lstm_params(l->net), stg_lstm_params(l->net)->value, "", t));
    STG_TRY(stg_lstm_updated(l->net));
out:
    if (status != STG_OK) {
        stg_lstm_free(l->net);
        stg_mem_free(l);
        return status == STG_ERR_USAGE ? stg_context(STG_ERR_INPUT, "%s: header", stg_tensors_path(t)) : status;
    }
    *out = &l->base;
    return STG_OK;
}

static json_t *describe(const struct stg_model *m)
{
    const struct lstm *l = lstm_of(m);
    return json_pack("{s:I, s:I, s:I, s:I, s:s}", "parameters", (json_int_t)stg_lstm_params(l->net)->n_values, "layers",
                     (json_int_t)l->shape.layers, "hidden", (json_int_t)l->shape.hidden, "symbols", (json_int_t)l->shape.outputs, "input",
                     l->input == INPUT_PAPER ? "paper" : "symbol");
}

static void free_lstm(struct stg_model *m)
{
    stg_lstm_free(((struct lstm *)m)->net);
    stg_mem_free(m);
}

static const struct stg_model_gradient_ops gradient = {.params = params, .pass = pass, .updated = updated};

const struct stg_model_ops stg_model_lstm = {
    .kind = "lstm",
    .summary = "recurrent network; learns long contexts; trained for minutes",
    .columns = STG_WALK_THREAD | STG_WALK_ELAPSED,
    .create = create,
    .fit = fit,
    .gradient = &gradient,
    .run_new = run_new,
    .run_free = run_free,
    .score = score,
    .state_new = state_new,
    .state_reset = state_reset,
    .state_free = state_free,
    .step = step,
    .predict = predict,
    .save = save,
    .load = load,
    .describe = describe,
    .free = free_lstm,
};
