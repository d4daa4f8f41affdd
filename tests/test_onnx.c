/* onnx/: graphs of every kind of net. A small reader of Protocol Buffers checks what each file holds against the model;
 * where ONNX Runtime is there (STRANGE_ONNXRUNTIME names a directory with node_modules/onnxruntime-node), it computes
 * what the model computes. */
#include "onnx/onnx.h"

#include "base/memory.h"
#include "model/ensemble.h"
#include "model/neural.h"
#include "one_walk.h"
#include "onnx/net.h"
#include "scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PROCS = 3 };
#define TOLERANCE "1e-4" /* nats */

static const struct {
    const char *kind, *preset, *window, *dilation, *norm, *activation;
    int32_t n_global;
    uint32_t hidden;
} kinds[] = {
    {"lstm", NULL, NULL, NULL, NULL, NULL, -1, 0},
    {"lstm", "paper", NULL, NULL, NULL, NULL, -1, 0},
    {"transformer", NULL, NULL, NULL, NULL, NULL, -1, 0},
    {"transformer", "paper", NULL, NULL, NULL, NULL, -1, 0},
    {"longformer", NULL, NULL, NULL, NULL, NULL, -1, 0},
    {"longformer", "paper", NULL, NULL, NULL, NULL, -1, 0},
    {"longformer", NULL, "8,4", "1,3", "post", "gelu", 3, 32},
    {"longformer", NULL, "8,8", "2,3", "post", "relu", 1,
     32}, /* layers that see different rows through windows of one length */
    {"transformer", NULL, "16", NULL, "none", "relu", -1, 32},
    {"transformer", "paper", "5", NULL, "pre", "gelu", -1, 64}, /* rows are projected */
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

/* Elapsed times of every size, as sinusoids of large ones show what is not reckoned in double. */
static int64_t some_time(struct stg_rng *rng)
{
    return (int64_t)stg_rng_below(rng, UINT64_C(1) << stg_rng_below(rng, 44));
}

static int setup(void **state)
{
    static struct one_walk d;
    struct stg_rng rng;
    stg_rng_seed(&rng, 4);
    one_walk_init(&d, PROCS, &rng);
    for (size_t i = 0; i < LENGTH; i++) {
        d.elapsed_ns[i] = some_time(&rng);
        d.pid[i] = 7 + (int32_t)stg_rng_below(&rng, 4000000);
        d.tid[i] = d.pid[i] + (int32_t)stg_rng_below(&rng, 100);
    }
    *state = &d;
    return 0;
}

/* A net of random parameters, none at a value where a mistake would not show (biases of zero, gains of one). */
static struct stg_model *fitted(struct one_walk *d, size_t k)
{
    const struct stg_corpus corpus = one_walk_corpus(d);
    struct stg_model_settings s;
    struct stg_recipe recipe;
    struct stg_model *m = NULL;
    struct stg_rng rng;
    stg_model_settings_default(&s);
    s.kind = kinds[k].kind;
    s.preset = kinds[k].preset;
    s.window = kinds[k].window;
    s.dilation = kinds[k].dilation;
    s.norm = kinds[k].norm;
    s.activation = kinds[k].activation;
    s.n_global = kinds[k].n_global;
    s.hidden = kinds[k].hidden;
    stg_recipe_default(&recipe);
    must(stg_model_new(&m, &s, &recipe, &d->vocab));
    must(m->ops->fit(m, &corpus, NULL, NULL));
    stg_rng_seed(&rng, k);
    struct stg_params *p = m->ops->gradient->params(m);
    for (size_t i = 0; i < p->size; i++) {
        p->value[i] += 0.05f * (float)stg_rng_normal(&rng);
    }
    must(m->ops->gradient->updated(m));
    return m;
}

/* --- A reader of Protocol Buffers --- */

struct message {
    const uint8_t *at, *end;
};

struct field {
    uint32_t number;
    uint64_t value;         /* of an integer */
    struct message content; /* of what has a length */
};

static uint64_t varint(struct message *m)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        assert_true(m->at < m->end);
        value |= (uint64_t)(*m->at & 0x7f) << shift;
        if ((*m->at++ & 0x80) == 0) {
            return value;
        }
    }
    fail_msg("an integer of more than ten bytes");
    return 0;
}

static bool next(struct message *m, struct field *f)
{
    if (m->at == m->end) {
        return false;
    }
    const uint64_t tag = varint(m);
    *f = (struct field){.number = (uint32_t)(tag >> 3)};
    uint64_t n = 0;
    switch (tag & 7) {
    case 0:
        f->value = varint(m);
        return true;
    case 2:
        n = varint(m);
        break;
    case 5:
        n = 4;
        break;
    default:
        fail_msg("wire type %d", (int)(tag & 7));
    }
    assert_true(n <= (uint64_t)(m->end - m->at));
    f->content = (struct message){m->at, m->at + n};
    m->at += n;
    return true;
}

static size_t size_of(const struct message *m)
{
    return (size_t)(m->end - m->at);
}

static bool is_text(const struct message *m, const char *text)
{
    return size_of(m) == strlen(text) && memcmp(m->at, text, size_of(m)) == 0;
}

static void copy_text(const struct message *m, char *out, size_t size)
{
    assert_true(size_of(m) < size);
    if (size_of(m) > 0) {
        memcpy(out, m->at, size_of(m));
    }
    out[size_of(m)] = '\0';
}

/* The first field of that number. */
static bool find(struct message m, uint32_t number, struct field *f)
{
    while (next(&m, f)) {
        if (f->number == number) {
            return true;
        }
    }
    return false;
}

static struct message within(struct message m, uint32_t number)
{
    struct field f;
    assert_true(find(m, number, &f));
    return f.content;
}

/* --- What a graph holds --- */

struct tensor {
    char name[64];
    uint64_t dims[4];
    size_t n_dims;
    uint64_t type;
    struct message raw;
};

struct value {
    char name[64];
    uint64_t type;
    uint64_t columns; /* 0: (T) */
};

enum { MAX_ITEMS = 1024 };
struct graph {
    struct tensor tensors[MAX_ITEMS];
    struct value inputs[16], outputs[16];
    char known[4 * MAX_ITEMS][64]; /* inputs, tensors and what nodes gave so far */
    char ops[MAX_ITEMS][32];
    size_t n_tensors, n_inputs, n_outputs, n_known, n_nodes;
};

static bool is_known(const struct graph *g, const char *name)
{
    for (size_t i = 0; i < g->n_known; i++) {
        if (strcmp(g->known[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void learn(struct graph *g, const char *name)
{
    if (is_known(g, name)) {
        fail_msg("%s is made twice", name);
    }
    assert_true(g->n_known < 4 * MAX_ITEMS);
    assert_true(strlen(name) < sizeof g->known[0]);
    memcpy(g->known[g->n_known++], name, strlen(name) + 1);
}

static void read_tensor(struct graph *g, struct message m)
{
    struct field f;
    struct tensor *t = &g->tensors[g->n_tensors++];
    uint64_t n = 1;
    assert_true(g->n_tensors <= MAX_ITEMS);
    memset(t, 0, sizeof *t);
    while (next(&m, &f)) {
        if (f.number == 1) {
            assert_true(t->n_dims < 4);
            t->dims[t->n_dims++] = f.value;
            n *= f.value;
        } else if (f.number == 2) {
            t->type = f.value;
        } else if (f.number == 8) {
            copy_text(&f.content, t->name, sizeof t->name);
        } else if (f.number == 9) {
            t->raw = f.content;
        }
    }
    assert_true(t->type == ONNX_FLOAT || t->type == ONNX_DOUBLE || t->type == ONNX_INT64);
    assert_int_equal(size_of(&t->raw), n * (t->type == ONNX_FLOAT ? 4 : 8));
    learn(g, t->name);
}

/* (T), or (T,columns) */
static void read_value(struct value *v, struct message m)
{
    struct field f;
    const struct message tensor = within(within(m, 2), 1);
    struct message shape = within(tensor, 2);
    size_t n = 0;
    memset(v, 0, sizeof *v);
    const struct message name = within(m, 1), says = within(m, 3);
    copy_text(&name, v->name, sizeof v->name);
    assert_true(size_of(&says) > 0); /* what it is, for people */
    assert_true(find(tensor, 1, &f));
    v->type = f.value;
    for (struct field dim; next(&shape, &dim); n++) {
        assert_true(n < 2 && find(dim.content, n == 0 ? 2 : 1, &f));
        if (n == 0) {
            assert_true(is_text(&f.content, "T"));
        } else {
            v->columns = f.value;
        }
    }
    assert_true(n > 0);
}

/* Nodes stand in an order in which each reads what was made before, as ONNX asks. */
static void read_node(struct graph *g, struct message m)
{
    struct field f;
    char name[64];
    struct message outputs = m;
    const struct message own = within(m, 3), first = within(m, 2);
    copy_text(&first, name, sizeof name);
    assert_true(is_text(&own, name)); /* its name is that of the first that it gives */
    while (next(&m, &f)) {
        if (f.number == 1) {
            copy_text(&f.content, name, sizeof name);
            if (!is_known(g, name)) {
                fail_msg("a node reads %s, which is not there", name);
            }
        } else if (f.number == 4) {
            assert_true(g->n_nodes < MAX_ITEMS);
            copy_text(&f.content, g->ops[g->n_nodes++], sizeof g->ops[0]);
        }
    }
    while (next(&outputs, &f)) {
        if (f.number == 2) {
            copy_text(&f.content, name, sizeof name);
            learn(g, name);
        }
    }
}

static void read_graph(struct graph *g, struct message m)
{
    struct field f;
    memset(g, 0, sizeof *g);
    for (struct message rest = m; next(&rest, &f);) {
        if (f.number == 5) {
            read_tensor(g, f.content);
        } else if (f.number == 11) {
            assert_true(g->n_inputs < 16);
            read_value(&g->inputs[g->n_inputs], f.content);
            learn(g, g->inputs[g->n_inputs++].name);
        } else if (f.number == 12) {
            assert_true(g->n_outputs < 16);
            read_value(&g->outputs[g->n_outputs++], f.content);
        }
    }
    for (struct message rest = m; next(&rest, &f);) {
        if (f.number == 1) {
            read_node(g, f.content);
        }
    }
}

static const struct tensor *tensor_of(const struct graph *g, const char *name)
{
    for (size_t i = 0; i < g->n_tensors; i++) {
        if (strcmp(g->tensors[i].name, name) == 0) {
            return &g->tensors[i];
        }
    }
    return NULL;
}

static size_t count_ops(const struct graph *g, const char *op)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_nodes; i++) {
        n += strcmp(g->ops[i], op) == 0;
    }
    return n;
}

/* --- Structure --- */

static void check_inputs(const struct graph *g, const struct stg_neural *n)
{
    static const char *const paper[] = {"call", "process", "phase",      "return_class",
                                        "pid",  "tid",     "elapsed_ns", "order"};
    static const char *const symbol[] = {"symbol", "process", "elapsed_ns", "order"};
    const bool is_paper = n->input == STG_INPUT_PAPER;
    assert_int_equal(g->n_inputs, is_paper ? 8 : n->shape.n_waves > 0 ? 4 : 3);
    for (size_t i = 0; i < g->n_inputs; i++) {
        assert_string_equal(g->inputs[i].name, is_paper ? paper[i] : symbol[i]);
        assert_int_equal(g->inputs[i].type, ONNX_INT64);
        assert_int_equal(g->inputs[i].columns, 0);
    }
    assert_int_equal(g->n_outputs, 1);
    assert_string_equal(g->outputs[0].name, "log_p");
    assert_int_equal(g->outputs[0].type, ONNX_FLOAT);
    assert_int_equal(g->outputs[0].columns, stg_symbols_count(n->base.symbols));
    assert_true(is_known(g, "log_p"));
}

/* LSTM's matrices are turned and their gates in another order: i, o, f, c instead of i, f, g, o. */
static void check_gates(const struct graph *g, const struct stg_param *p, const float *value, const char *name,
                        size_t H)
{
    static const size_t place[] = {0, 2, 3, 1}; /* of our gates in ONNX's order */
    const struct tensor *t = tensor_of(g, name);
    assert_non_null(t);
    assert_int_equal(t->n_dims, 3);
    assert_int_equal(t->dims[1], p->cols);
    assert_int_equal(t->dims[2], p->rows);
    for (size_t i = 0; i < p->rows; i++) {
        for (size_t j = 0; j < p->cols; j++) {
            float is;
            memcpy(&is, t->raw.at + ((place[j / H] * H + j % H) * p->rows + i) * sizeof is, sizeof is);
            assert_true(is == value[i * p->cols + j]);
        }
    }
}

/* Every parameter is there, with its shape and values. */
static void check_params(const struct graph *g, const struct stg_neural *n)
{
    const struct stg_params *params = stg_net_params(n->net);
    const size_t H = n->shape.hidden;
    for (size_t i = 0; i < params->n; i++) {
        const struct stg_param *p = &params->table[i];
        const float *value = params->value + p->offset;
        char name[64];
        size_t layer;
        if (sscanf(p->name, "lstm.%zu.weight", &layer) == 1 && strstr(p->name, ".weight_") != NULL) {
            snprintf(name, sizeof name, "lstm.%zu.%s", layer, strstr(p->name, "_input") != NULL ? "W" : "R");
            check_gates(g, p, value, name, H);
            continue;
        }
        if (strncmp(p->name, "lstm.", 5) == 0) {
            snprintf(name, sizeof name, "%.*s.B", (int)(strrchr(p->name, '.') - p->name), p->name);
            assert_int_equal(tensor_of(g, name)->dims[1], 2 * p->cols);
            continue;
        }
        const struct tensor *t = tensor_of(g, p->name);
        if (t == NULL) {
            fail_msg("no tensor %s", p->name);
            return;
        }
        const bool is_vector = t->n_dims == 1;
        assert_int_equal(t->dims[is_vector ? 0 : 1], p->cols);
        assert_int_equal(is_vector ? 1 : t->dims[0], p->rows);
        assert_memory_equal(t->raw.at, value, p->rows * p->cols * sizeof *value);
    }
}

static void metadata(struct message model, const char *key, char *out, size_t size)
{
    struct field f;
    while (next(&model, &f)) {
        if (f.number == 14) {
            const struct message name = within(f.content, 1), value = within(f.content, 2);
            if (is_text(&name, key)) {
                copy_text(&value, out, size);
                return;
            }
        }
    }
    fail_msg("no metadata %s", key);
}

static void has_fact(struct message model, const char *key, const char *value)
{
    char text[64];
    metadata(model, key, text, sizeof text);
    assert_string_equal(text, value);
}

/* A list of so many texts, of which this is one. */
static void has_list(struct message model, const char *key, size_t n, size_t at, const char *text)
{
    static char all[1 << 16];
    metadata(model, key, all, sizeof all);
    json_t *list = json_loads(all, 0, NULL);
    assert_int_equal(json_array_size(list), n);
    assert_string_equal(json_string_value(json_array_get(list, at)), text);
    json_decref(list);
}

static void has_object(struct message model, const char *key, const char *member, const json_t *value)
{
    static char all[1 << 16];
    metadata(model, key, all, sizeof all);
    json_t *object = json_loads(all, 0, NULL);
    assert_true(json_equal(member == NULL ? object : json_object_get(object, member), value));
    json_decref(object);
}

static void check_metadata(struct message model, const struct stg_model *m)
{
    const struct stg_neural *n = (const struct stg_neural *)m;
    char text[320];
    has_fact(model, "strange.format", "onnx");
    has_fact(model, "strange.version", "1");
    has_fact(model, "model.kind", m->ops->kind);
    has_fact(model, "model.input", n->input == STG_INPUT_PAPER ? "paper" : "symbol");
    has_fact(model, "model.precision", "f32");
    has_fact(model, "export.model", "a.model");
    has_fact(model, "export.date", "today");
    snprintf(text, sizeof text, "%zu", m->max_walk);
    has_fact(model, "model.max_walk", text);
    has_list(model, "vocab.calls", STG_TOKEN_SPECIALS + CALLS, STG_TOKEN_SPECIALS + 2, "call2");
    has_list(model, "vocab.procs", STG_TOKEN_SPECIALS + PROCS, STG_TOKEN_SPECIALS + 1, "proc1");
    stg_symbols_describe(m->symbols, &m->vocab, STG_TOKEN_SPECIALS + 1, text, sizeof text);
    has_list(model, "symbols", stg_symbols_count(m->symbols), STG_TOKEN_SPECIALS + 1, text);
    has_object(model, "record", NULL, m->record);
    json_t *order = json_string(stg_order_name(m->recipe.order));
    has_object(model, "recipe", "order", order);
    json_decref(order);
}

static void make_file(struct stg_buffer *out, const struct stg_model *m)
{
    static const struct stg_onnx_fact facts[] = {{"export.model", "a.model"}, {"export.date", "today"}};
    must(stg_onnx_put(out, m, facts, 2));
}

static void structure(void **state)
{
    static struct graph g;
    for (size_t k = 0; k < N_KINDS; k++) {
        struct stg_model *m = fitted(*state, k);
        const struct stg_neural *n = (const struct stg_neural *)m;
        struct stg_buffer file = STG_BUFFER_INIT;
        struct field f;
        make_file(&file, m);
        const struct message model = {(const uint8_t *)file.data, (const uint8_t *)file.data + file.len};
        assert_true(find(model, 1, &f));
        assert_int_equal(f.value, 8);
        assert_true(find(model, 2, &f) && is_text(&f.content, "strange"));
        assert_true(find(model, 3, &f) && is_text(&f.content, STG_VERSION));
        assert_true(find(within(model, 8), 2, &f));
        assert_int_equal(f.value, 17);
        read_graph(&g, within(model, 7));
        check_inputs(&g, n);
        check_params(&g, n);
        check_metadata(model, m);
        assert_int_equal(count_ops(&g, "LSTM"), strcmp(m->ops->kind, "lstm") == 0 ? n->shape.layers : 0);
        assert_int_equal(count_ops(&g, "Softmax"),
                         n->shape.heads == 0 ? 0 : n->shape.layers * (n->shape.n_global > 0 ? 2 : 1));
        assert_int_equal(count_ops(&g, "LogSoftmax"), 1);
        stg_buffer_fini(&file);
        stg_model_free(m);
    }
}

/* The examples of the format's description, and what they leave out. */
static void wire(void **state)
{
    static const uint8_t wanted[] = {0x08, 0x96, 0x01,                                    /* 1: 150 */
                                     0x12, 0x07, 't',  'e',  's',  't',  'i',  'n',  'g', /* 2: "testing" */
                                     0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, /* 3: −1 */
                                     0x25, 0x00, 0x00, 0xc0, 0x3f,                                     /* 4: 1.5 */
                                     0xa2, 0x01, 0x03, 0x08, 0x96, 0x01}; /* 20: {1: 150} */
    struct onnx_wire w = {0}, inner = {0};
    (void)state;
    onnx_wire_integer(&w, 1, 150);
    onnx_wire_string(&w, 2, "testing");
    onnx_wire_integer(&w, 3, -1);
    onnx_wire_float(&w, 4, 1.5f);
    onnx_wire_integer(&inner, 1, 150);
    onnx_wire_message(&w, 20, &inner);
    must(w.status);
    assert_int_equal(w.bytes.len, sizeof wanted);
    assert_memory_equal(w.bytes.data, wanted, sizeof wanted);
    assert_int_equal(onnx_wire_size(20, 3), 6);
    assert_int_equal(onnx_wire_size(1, 128), 1 + 2 + 128);
    onnx_wire_fini(&w);
}

/* One too large by itself, and one that is too large beside what is there, of which nothing but the length need be. */
static void too_large(void **state)
{
    const size_t most = (size_t)INT32_MAX - ((size_t)64 << 20);
    const float row[100] = {0};
    const size_t huge[] = {most / 4 + 1}, small[] = {100};
    (void)state;
    for (int beside = 0; beside < 2; beside++) {
        struct onnx_graph g = {0};
        g.tensors.bytes.len = beside ? most - sizeof row + 1 : 0;
        (void)onnx_tensor(&g, onnx_name("t"), ONNX_FLOAT, beside ? small : huge, 1, row);
        assert_int_equal(onnx_graph_status(&g), STG_ERR_UNSUPPORTED);
        assert_non_null(strstr(stg_status_message(), "2 GiB"));
        g.tensors.bytes.len = 0;
        onnx_graph_fini(&g);
    }
}

/* A net that is not what its kind's graph reads is a mistake of the project, and told. */
static void no_parameter(void **state)
{
    struct onnx_graph g = {0};
    struct stg_model *m = fitted(*state, 0);
    const struct stg_neural *neural = (const struct stg_neural *)m;
    const struct onnx_net n = {.graph = &g, .shape = stg_net_shape(neural->net), .params = stg_net_params(neural->net)};
    (void)onnx_linear(&n, onnx_name("nothing"), onnx_name("x"));
    assert_int_equal(onnx_graph_status(&g), STG_ERR_INTERNAL);
    assert_non_null(strstr(stg_status_message(), "no parameter nothing.weight")); /* the first */
    onnx_graph_fini(&g);
    stg_model_free(m);
}

/* --- ONNX Runtime --- */

static json_t *list_of(json_t *to, const char *name)
{
    json_t *list = json_array();
    assert_int_equal(json_object_set_new(to, name, list), 0);
    return list;
}

static void add(json_t *inputs, const char *name, int64_t value)
{
    json_t *list = json_object_get(inputs, name);
    list = list != NULL ? list : list_of(inputs, name);
    assert_int_equal(json_array_append_new(list, json_integer(value)), 0);
}

/* Row i of the walk as docs/formats/onnx.md says, START for −1. */
static void add_row(json_t *inputs, const struct stg_neural *n, const struct one_walk *d, ptrdiff_t i)
{
    const bool start = i < 0;
    add(inputs, "process", start ? STG_TOKEN_START : d->proc[i]);
    add(inputs, "elapsed_ns", start ? 0 : d->elapsed_ns[i]);
    if (n->input == STG_INPUT_PAPER || n->shape.n_waves > 0) {
        add(inputs, "order", i + 1);
    }
    if (n->input == STG_INPUT_SYMBOL) {
        add(inputs, "symbol",
            start ? STG_TOKEN_START : stg_symbols_find(n->base.symbols, d->call[i], d->phase[i], d->ret[i]));
        return;
    }
    add(inputs, "call", start ? STG_TOKEN_START : d->call[i]);
    add(inputs, "phase", start ? 0 : d->phase[i]);
    add(inputs, "return_class", start ? 0 : stg_ret_class(d->phase[i], d->ret[i]));
    add(inputs, "pid", d->pid[start ? 0 : i]);
    add(inputs, "tid", d->tid[start ? 0 : i]);
}

/* What the model itself says: the last rows of the graph's. */
static json_t *expected(const struct stg_model *m, const struct one_walk *d)
{
    const struct stg_walk walk = one_walk_of(d);
    const size_t V = stg_symbols_count(m->symbols);
    struct stg_model_run *run = NULL;
    float *log_p = NULL;
    json_t *list = json_array();
    must(stg_mem_zeroed(&log_p, SCORED * V, sizeof *log_p));
    must(m->ops->run_new(m, &run));
    must(stg_model_distributions(m, run, &walk, 1, &log_p));
    for (size_t i = 0; i < SCORED * V; i++) {
        assert_int_equal(json_array_append_new(list, json_real((double)log_p[i])), 0);
    }
    m->ops->run_free(run);
    stg_mem_free(log_p);
    return list;
}

static void put_file(const char *path, const struct stg_buffer *bytes)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes->data, 1, bytes->len, out), bytes->len);
    assert_int_equal(fclose(out), 0);
}

/* A file of kind k, and an entry of the list of what to compare. */
static void add_case(json_t *cases, const char *directory, struct one_walk *d, size_t k)
{
    char path[512], name[64];
    struct stg_buffer file = STG_BUFFER_INIT;
    struct stg_model *m = fitted(d, k);
    json_t *entry = json_object(), *inputs = json_object();
    make_file(&file, m);
    snprintf(path, sizeof path, "%s/%zu.onnx", directory, k);
    snprintf(name, sizeof name, "%s%s%s%s", kinds[k].kind, kinds[k].preset != NULL ? " paper" : "",
             kinds[k].hidden > 0 ? ", other options " : "", kinds[k].hidden > 0 ? kinds[k].norm : "");
    put_file(path, &file);
    for (ptrdiff_t i = -1; i < LENGTH; i++) {
        add_row(inputs, (const struct stg_neural *)m, d, i);
    }
    json_object_set_new(entry, "name", json_string(name));
    json_object_set_new(entry, "file", json_string(path));
    json_object_set_new(entry, "inputs", inputs);
    json_object_set_new(entry, "columns", json_integer((json_int_t)stg_symbols_count(m->symbols)));
    json_object_set_new(entry, "log_p", expected(m, d));
    json_array_append_new(cases, entry);
    stg_buffer_fini(&file);
    stg_model_free(m);
}

/* Where ONNX Runtime for Node.js is, or NULL. */
static const char *runtime(void)
{
    static char path[512];
    char inside[600];
    const char *given = getenv("STRANGE_ONNXRUNTIME"), *source = getenv("STRANGE_SOURCE");
    snprintf(path, sizeof path, "%s", given != NULL ? given : "");
    if (given == NULL) {
        snprintf(path, sizeof path, "%s/out/bench/onnx", source != NULL ? source : "."); /* where tools/bench puts it */
    }
    snprintf(inside, sizeof inside, "%s/node_modules/onnxruntime-node/package.json", path);
    return access(inside, R_OK) == 0 && system("command -v node >/dev/null 2>&1") == 0 ? path : NULL;
}

static void onnx_runtime(void **state)
{
    char directory[256], path[512], command[2048];
    const char *source = getenv("STRANGE_SOURCE"), *where = runtime();
    if (where == NULL) {
        print_message("without ONNX Runtime for Node.js (STRANGE_ONNXRUNTIME): its results are not compared\n");
        skip();
    }
    json_t *cases = json_array();
    scratch_path(directory, sizeof directory, "onnx-XXXXXX");
    assert_non_null(mkdtemp(directory));
    for (size_t k = 0; k < N_KINDS; k++) {
        add_case(cases, directory, *state, k);
    }
    snprintf(path, sizeof path, "%s/cases.json", directory);
    assert_int_equal(json_dump_file(cases, path, JSON_REAL_PRECISION(17)), 0);
    json_decref(cases);
    snprintf(command, sizeof command, "node '%s/tests/onnx_compare.js' '%s' '%s' %s", source != NULL ? source : ".",
             where, path, TOLERANCE);
    const int rc = system(command);
    unlink(path);
    for (size_t k = 0; k < N_KINDS; k++) {
        snprintf(path, sizeof path, "%s/%zu.onnx", directory, k);
        unlink(path);
    }
    rmdir(directory);
    assert_int_equal(rc, 0);
}

/* --- What cannot be --- */

static void refused(void **state)
{
    struct one_walk *d = *state;
    const struct stg_corpus corpus = one_walk_corpus(d);
    struct stg_buffer out = STG_BUFFER_INIT;
    struct stg_model *members[2] = {fitted(d, 0), fitted(d, 0)}, *m = NULL;
    struct stg_model_settings s;
    struct stg_recipe recipe;
    must(stg_ensemble_new(&m, members, 2));
    assert_int_equal(stg_onnx_put(&out, m, NULL, 0), STG_ERR_UNSUPPORTED);
    assert_non_null(strstr(stg_status_message(), "distill"));
    assert_null(strchr(stg_status_message(), '\n'));
    stg_model_free(m);
    stg_model_settings_default(&s);
    stg_recipe_default(&recipe);
    must(stg_model_new(&m, &s, &recipe, &d->vocab));
    must(m->ops->fit(m, &corpus, NULL, NULL));
    assert_int_equal(stg_onnx_put(&out, m, NULL, 0), STG_ERR_UNSUPPORTED);
    assert_non_null(strstr(stg_status_message(), "ngram is no net"));
    assert_int_equal(out.len, 0);
    stg_model_free(m);
}

/* Every allocation fails once. */
static void no_memory(void **state)
{
    const size_t some[] = {0, 6};
    for (size_t k = 0; k < sizeof some / sizeof some[0]; k++) {
        struct stg_model *m = fitted(*state, some[k]);
        struct stg_buffer out = STG_BUFFER_INIT;
        const uint64_t before = stg_mem_count();
        must(stg_onnx_put(&out, m, NULL, 0));
        const uint64_t n = stg_mem_count() - before;
        stg_buffer_fini(&out);
        for (uint64_t i = 1; i <= n; i++) {
            stg_mem_fail_at(i);
            assert_int_equal(stg_onnx_put(&out, m, NULL, 0), STG_ERR_MEMORY);
            stg_buffer_fini(&out);
        }
        stg_mem_fail_at(0);
        stg_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wire),         cmocka_unit_test(structure),    cmocka_unit_test(too_large),
        cmocka_unit_test(no_parameter), cmocka_unit_test(onnx_runtime), cmocka_unit_test(refused),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, setup, one_walk_teardown);
}
