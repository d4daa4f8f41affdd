/* The kinds of neural models: defaults, presets, and their configuration in the model file. */
#include "model/neural.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct stg_neural_kind {
    const char *name;
    const struct stg_model_ops *ops;
    const struct stg_net_ops *net;
    bool attends;                        /* has heads, a feed-forward width, windows */
    bool paper_cut;                      /* the paper's preset cuts walks at its 2,048 tokens */
    size_t layers, hidden, paper_hidden; /* hidden 0: the width of the input row */
    double dropout, paper_dropout;
    size_t window, n_global;
};

/* A Transformer sees its last 2,048 rows: as far as the published one was trained, and a stream's memory stays
 * bounded. */
enum { PAPER_MAX_WALK = 2048 };
static const struct stg_neural_kind kinds[] = {
    {.name = "lstm",
     .ops = &stg_model_lstm,
     .net = &stg_net_lstm,
     .layers = 2,
     .hidden = 128,
     .paper_hidden = 256,
     .dropout = 0.05,
     .paper_dropout = 0.05},
    {.name = "transformer",
     .ops = &stg_model_transformer,
     .net = &stg_net_transformer,
     .attends = true,
     .paper_cut = true,
     .layers = 2,
     .hidden = 128,
     .dropout = 0.01,
     .paper_dropout = 0.01,
     .window = PAPER_MAX_WALK},
    {.name = "longformer",
     .ops = &stg_model_longformer,
     .net = &stg_net_transformer,
     .attends = true,
     .layers = 2,
     .hidden = 128,
     .dropout = 0.01,
     .paper_dropout = 0.01,
     .window = 32,
     .n_global = 1},
};
enum { MAX_NUMBER = 1 << 20 }; /* of a size in a file; nets have closer bounds */
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

static const char *const activation_names[] = {"relu", "gelu", "swiglu"};
static const char *const norm_names[] = {"post", "pre", "none"};
enum { N_NAMES = 3 };

static const struct stg_neural_kind *find_kind(const char *name)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

const struct stg_net_ops *stg_neural_net(const struct stg_neural *n)
{
    return n->kind->net;
}

const struct stg_model_ops *stg_neural_ops(const struct stg_neural *n)
{
    return n->kind->ops;
}

/* Index of name; N_NAMES when it is none of them. */
static size_t find_name(const char *const names[N_NAMES], const char *name)
{
    size_t i = 0;
    while (i < N_NAMES && strcmp(names[i], name) != 0) {
        i++;
    }
    return i;
}

/* "32" for all layers or "32,64" for one each. */
static enum stg_status parse_layers(size_t out[STG_NET_MAX_LAYERS], const char *text, size_t layers, const char *what)
{
    size_t n = 0; /* values: those beyond the most layers are counted, too */
    for (const char *at = text;; at++) {
        char *end;
        const unsigned long long value = strtoull(at, &end, 10);
        if (*at < '0' || *at > '9' || value == 0 || value > UINT32_MAX || (*end != ',' && *end != '\0')) {
            return stg_fail(STG_ERR_USAGE, "%s '%.40s': give a number above 0, or one for each layer, as in 32,64",
                            what, text);
        }
        if (n < STG_NET_MAX_LAYERS) {
            out[n] = (size_t)value;
        }
        n++;
        at = end;
        if (*at == '\0') {
            break;
        }
    }
    if (n != 1 && n != layers) {
        return stg_fail(STG_ERR_USAGE, "%s '%.40s': %zu values for %zu layers: give one, or one for each", what, text,
                        n, layers);
    }
    for (size_t i = n; i < STG_NET_MAX_LAYERS; i++) {
        out[i] = out[n - 1];
    }
    return STG_OK;
}

static size_t or_default(uint32_t given, size_t fallback)
{
    return given != 0 ? given : fallback;
}

static enum stg_status configure_attention(struct stg_neural *n, const struct stg_model_settings *s, bool paper)
{
    struct stg_net_shape *shape = &n->shape;
    shape->heads = or_default(s->heads, 4);
    shape->ff = or_default(
        s->ff, paper ? 448 : shape->hidden * 8 / 3 / 16 * 16); /* SwiGLU's three matrices weigh as two of 4 d */
    const size_t activation = find_name(activation_names, s->activation != NULL ? s->activation : "swiglu");
    const size_t norm = find_name(norm_names, s->norm != NULL ? s->norm : paper ? "post" : "pre");
    if (activation == N_NAMES || norm == N_NAMES) {
        return stg_fail(STG_ERR_USAGE, "unknown activation or norm: use relu, gelu or swiglu; post, pre or none");
    }
    shape->activation = (enum stg_activation)activation;
    shape->norm = (enum stg_norm)norm;
    shape->n_global = s->n_global >= 0 ? (size_t)s->n_global : n->kind->n_global;
    for (size_t l = 0; l < STG_NET_MAX_LAYERS; l++) {
        shape->window[l] = n->kind->window;
        shape->dilation[l] = 1;
    }
    if (s->window != NULL) {
        STG_RETURN_IF_FAILED(parse_layers(shape->window, s->window, shape->layers, "window"));
    }
    if (s->dilation != NULL) {
        STG_RETURN_IF_FAILED(parse_layers(shape->dilation, s->dilation, shape->layers, "dilation"));
    }
    return STG_OK;
}

enum stg_status stg_neural_configure(struct stg_neural *n, const struct stg_model_settings *s)
{
    const bool paper = s->preset != NULL && strcmp(s->preset, "paper") == 0;
    n->kind = find_kind(s->kind);
    if (n->kind == NULL) {
        return stg_fail(STG_ERR_INTERNAL, "'%.40s' is not a neural model", s->kind);
    }
    if (s->preset != NULL && !paper) {
        return stg_fail(STG_ERR_USAGE, "unknown preset '%.40s': use paper", s->preset);
    }
    n->input = paper ? STG_INPUT_PAPER : STG_INPUT_SYMBOL;
    n->seed = s->seed;
    n->shape.layers = or_default(s->layers, n->kind->layers);
    n->shape.hidden = or_default(s->hidden, paper ? n->kind->paper_hidden : n->kind->hidden);
    n->shape.dropout = (float)(s->dropout >= 0 ? s->dropout : paper ? n->kind->paper_dropout : n->kind->dropout);
    n->shape.recompute = s->recompute;
    if (s->precision != NULL && !stg_precision_named(s->precision, &n->shape.precision)) {
        return stg_fail(STG_ERR_USAGE, "unknown precision '%.40s': use f32 or bf16", s->precision);
    }
    n->base.max_walk = paper && n->kind->paper_cut ? PAPER_MAX_WALK : 0;
    return n->kind->attends ? configure_attention(n, s, paper) : STG_OK;
}

/* The dimensions of a symbol row's fields sum to the width of an attention net's rows, so that no projection is
 * needed. */
static void size_symbol_fields(struct stg_net_shape *s, bool attends, size_t procs)
{
    const size_t H = s->hidden;
    size_t wave = H / 8 * 2;
    wave = wave > STG_NET_MAX_WAVE_DIM ? STG_NET_MAX_WAVE_DIM : wave;
    const size_t small = attends ? H / 8 : 16;
    s->n_tables = 3;
    s->n_waves = attends ? 1 : 0;
    s->wave_dim = attends ? wave : 0;
    s->table_rows[0] = s->outputs;
    s->table_rows[1] = procs;
    s->table_rows[2] = STG_NEURAL_BUCKETS;
    s->table_dim[0] = attends ? H - 2 * small - wave : 64;
    s->table_dim[1] = s->table_dim[2] = small;
}

void stg_neural_size_fields(struct stg_neural *n, const struct stg_vocab *vocab, const struct stg_symbols *symbols)
{
    struct stg_net_shape *s = &n->shape;
    s->outputs = stg_symbols_count(symbols);
    if (n->input == STG_INPUT_SYMBOL) {
        size_symbol_fields(s, n->kind->attends, stg_strings_count(vocab->procs));
        return;
    }
    const size_t rows[] = {stg_strings_count(vocab->calls), stg_strings_count(vocab->procs), 3, 3};
    const size_t dims[] = {48, 48, 12, 12};
    s->n_tables = 4;
    s->n_waves = 4;
    s->wave_dim = 12;
    memcpy(s->table_rows, rows, sizeof rows);
    memcpy(s->table_dim, dims, sizeof dims);
}

static const char *input_name(const struct stg_neural *n)
{
    return n->input == STG_INPUT_PAPER ? "paper" : "symbol";
}

static json_t *layer_list(const size_t *values, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n && list != NULL; i++) {
        if (json_array_append_new(list, json_integer((json_int_t)values[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Adds what only attention nets have; 0 when done. */
static int pack_attention(json_t *to, const struct stg_net_shape *s)
{
    json_t *more = json_pack("{s:I, s:I, s:s, s:s, s:I, s:o, s:o}", "heads", (json_int_t)s->heads, "ff",
                             (json_int_t)s->ff, "activation", activation_names[s->activation], "norm",
                             norm_names[s->norm], "global", (json_int_t)s->n_global, "window",
                             layer_list(s->window, s->layers), "dilation", layer_list(s->dilation, s->layers));
    const int failed = more == NULL ? -1 : json_object_update(to, more);
    json_decref(more);
    return failed;
}

enum stg_status stg_neural_save_config(const struct stg_neural *n, struct stg_tensors_writer *w)
{
    const struct stg_net_shape *s = &n->shape;
    json_t *config =
        json_pack("{s:s, s:I, s:I, s:f, s:I}", "input", input_name(n), "layers", (json_int_t)s->layers, "hidden",
                  (json_int_t)s->hidden, "dropout", (double)s->dropout, "seed", (json_int_t)n->seed);
    char *text = NULL;
    if (config != NULL && s->precision != STG_PRECISION_F32 &&
        json_object_set_new(config, "precision", json_string(stg_precision_name(s->precision))) != 0) {
        json_decref(config);
        config = NULL;
    }
    if (config != NULL && (!n->kind->attends || pack_attention(config, s) == 0)) {
        text = json_dumps(config, JSON_COMPACT | JSON_REAL_PRECISION(9));
    }
    json_decref(config);
    if (text == NULL) {
        return stg_fail(STG_ERR_MEMORY, "out of memory: free memory");
    }
    const enum stg_status status = stg_tensors_writer_meta(w, n->kind->name, text);
    free(text);
    return status;
}

/* One positive number for each layer. */
static bool read_layers(size_t out[STG_NET_MAX_LAYERS], const json_t *list, size_t layers)
{
    if (json_array_size(list) != layers || layers > STG_NET_MAX_LAYERS) {
        return false;
    }
    for (size_t i = 0; i < layers; i++) {
        const json_int_t value = json_integer_value(json_array_get(list, i));
        if (value <= 0 || value > UINT32_MAX) {
            return false;
        }
        out[i] = (size_t)value;
    }
    return true;
}

static bool read_attention(struct stg_net_shape *s, json_t *config)
{
    json_int_t heads = 0;
    json_int_t ff = 0;
    json_int_t n_global = -1;
    const char *activation = "";
    const char *norm = "";
    if (json_unpack(config, "{s:I, s:I, s:s, s:s, s:I}", "heads", &heads, "ff", &ff, "activation", &activation, "norm",
                    &norm, "global", &n_global) != 0 ||
        heads <= 0 || ff <= 0 || n_global < 0 || find_name(activation_names, activation) == N_NAMES ||
        find_name(norm_names, norm) == N_NAMES) {
        return false;
    }
    s->heads = (size_t)heads;
    s->ff = (size_t)ff;
    s->n_global = (size_t)n_global;
    s->activation = (enum stg_activation)find_name(activation_names, activation);
    s->norm = (enum stg_norm)find_name(norm_names, norm);
    return read_layers(s->window, json_object_get(config, "window"), s->layers) &&
           read_layers(s->dilation, json_object_get(config, "dilation"), s->layers);
}

static bool read_config(struct stg_neural *n, json_t *config)
{
    const char *input = NULL;
    json_int_t layers = 0;
    json_int_t hidden = 0;
    json_int_t seed = 0;
    double dropout = 0;
    if (json_unpack(config, "{s:s, s:I, s:I, s:F, s:I}", "input", &input, "layers", &layers, "hidden", &hidden,
                    "dropout", &dropout, "seed", &seed) != 0) {
        return false;
    }
    const bool paper = strcmp(input, "paper") == 0;
    n->input = paper ? STG_INPUT_PAPER : STG_INPUT_SYMBOL;
    n->seed = (uint64_t)seed;
    n->shape.layers = (size_t)layers;
    n->shape.hidden = (size_t)hidden;
    n->shape.dropout = (float)dropout;
    const char *precision =
        json_string_value(json_object_get(config, "precision")); /* absent: f32, as in all older files */
    return (precision == NULL || stg_precision_named(precision, &n->shape.precision)) &&
           (paper || strcmp(input, "symbol") == 0) && layers > 0 && layers <= STG_NET_MAX_LAYERS &&
           (hidden > 0 || (hidden == 0 && paper && n->kind->attends)) &&
           (!n->kind->attends || read_attention(&n->shape, config));
}

/* Whether the file can hold the matrices of such a net: a damaged number must not make us allocate gigabytes for it. */
static bool fits_file(const struct stg_neural *n, const struct stg_tensors *t)
{
    const struct stg_net_shape *s = &n->shape;
    size_t held = 0;
    for (size_t i = 0; i < stg_tensors_count(t); i++) {
        held += stg_tensors_at(t, i)->n;
    }
    if (s->hidden > MAX_NUMBER || s->ff > MAX_NUMBER) {
        return false;
    }
    return s->layers * (4 * s->hidden * s->hidden + 2 * s->hidden * s->ff) <= held;
}

enum stg_status stg_neural_load_config(struct stg_neural *n, const char *kind, const struct stg_tensors *t)
{
    n->kind = find_kind(kind);
    const char *text = n->kind == NULL ? NULL : stg_tensors_meta(t, n->kind->name);
    json_t *config = text == NULL ? NULL : json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const bool valid = config != NULL && read_config(n, config) && fits_file(n, t);
    json_decref(config);
    return valid ? STG_OK
                 : stg_fail(STG_ERR_INPUT, "%s: header: configuration of the %s is damaged: train the model again",
                            stg_tensors_path(t), n->kind == NULL ? "net" : n->kind->name);
}

bool stg_neural_alike(const struct stg_neural *a, const struct stg_neural *b)
{
    const struct stg_net_shape *s = &a->shape;
    const struct stg_net_shape *t = &b->shape;
    if (a->kind != b->kind || a->input != b->input ||
        stg_symbols_fields(a->base.symbols) != stg_symbols_fields(b->base.symbols) || s->layers != t->layers ||
        s->hidden != t->hidden || s->precision != t->precision || s->dropout < t->dropout || s->dropout > t->dropout) {
        return false;
    }
    return !a->kind->attends ||
           (s->heads == t->heads && s->ff == t->ff && s->activation == t->activation && s->norm == t->norm &&
            s->n_global == t->n_global && memcmp(s->window, t->window, s->layers * sizeof s->window[0]) == 0 &&
            memcmp(s->dilation, t->dilation, s->layers * sizeof s->dilation[0]) == 0);
}

json_t *stg_neural_describe(const struct stg_neural *n)
{
    const struct stg_net_shape *s = stg_net_shape(n->net);
    json_t *facts = json_pack("{s:I, s:I, s:I, s:I, s:s, s:s}", "parameters",
                              (json_int_t)stg_net_params(n->net)->n_values, "layers", (json_int_t)s->layers, "hidden",
                              (json_int_t)s->hidden, "symbols", (json_int_t)(s->outputs - STG_TOKEN_SPECIALS), "input",
                              input_name(n), "precision", stg_precision_name(s->precision));
    if (facts != NULL && n->kind->attends && pack_attention(facts, s) != 0) {
        json_decref(facts);
        return NULL;
    }
    return facts;
}
