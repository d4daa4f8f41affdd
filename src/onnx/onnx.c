#include "onnx/onnx.h"

#include "model/neural.h"
#include "onnx/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IR_VERSION = 8, OPSET = 17, FORMAT_VERSION = 1 };
enum {
    MODEL_IR = 1,
    MODEL_PRODUCER = 2,
    MODEL_PRODUCER_VERSION = 3,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_METADATA = 14
};
enum { OPSET_DOMAIN = 1, OPSET_VERSION = 2, ENTRY_KEY = 1, ENTRY_VALUE = 2 };

/* --- Which net --- */

static enum stg_status net_of(const struct stg_model *m, const struct stg_neural **out)
{
    if (m->ops == &stg_model_ensemble) {
        return stg_fail(
            STG_ERR_UNSUPPORTED,
            "an ensemble is several nets, and an ONNX file holds one: distill it into one (strange distill), "
            "or train one without --ensemble");
    }
    if (m->ops != &stg_model_lstm && m->ops != &stg_model_transformer && m->ops != &stg_model_longformer) {
        return stg_fail(
            STG_ERR_UNSUPPORTED,
            "a model of the kind %s is no net: train an lstm, a transformer or a longformer (strange train --model)",
            m->ops->kind);
    }
    *out = (const struct stg_neural *)m;
    return STG_OK;
}

/* --- Inputs: what model/neural.c shows of an event --- */

/* The number of powers of four that are not above the time, which is at most the last bucket. */
static struct onnx_value bucket(struct onnx_graph *g, struct onnx_value elapsed)
{
    static const int64_t last[] = {1};
    int64_t from[STG_NEURAL_BUCKETS - 1];
    for (size_t i = 0; i < STG_NEURAL_BUCKETS - 1; i++) {
        from[i] = INT64_C(1) << (2 * i);
    }
    const struct onnx_value column = onnx_axes(g, "Unsqueeze", onnx_name("elapsed.column"), elapsed, last, 1);
    const struct onnx_value above =
        onnx_binary(g, "GreaterOrEqual", onnx_name("elapsed.above"), column,
                    onnx_integers(g, onnx_name("elapsed.from"), from, STG_NEURAL_BUCKETS - 1));
    const struct onnx_attribute gone = {.name = "keepdims", .type = ONNX_ATTRIBUTE_INT, .integer = 0};
    const struct onnx_value in[] = {onnx_cast(g, onnx_name("elapsed.counted"), above, ONNX_INT64),
                                    onnx_integers(g, onnx_name("elapsed.axes"), last, 1)};
    const struct onnx_value out = onnx_name("elapsed.bucket");
    onnx_node(g, "ReduceSum", &out, 1, in, 2, &gone, 1);
    return out;
}

#define DOC_PROCESS "process: its place in vocab.procs"
#define DOC_ELAPSED "nanoseconds since the event before, of the walk"
#define DOC_ORDER   "place in the walk; START has 0"

static struct onnx_value paper_rows(const struct onnx_net *n)
{
    struct onnx_graph *g = n->graph;
    const struct onnx_value tables[] = {onnx_input(g, "call", "call: its place in vocab.calls"),
                                        onnx_input(g, "process", DOC_PROCESS),
                                        onnx_input(g, "phase", "0 none, 1 entry, 2 exit"),
                                        onnx_input(g, "return_class", "0 none, 1 success, 2 failure")};
    const struct onnx_value waves[] = {onnx_input(g, "pid", "process id"), onnx_input(g, "tid", "thread id"),
                                       onnx_input(g, "elapsed_ns", DOC_ELAPSED), onnx_input(g, "order", DOC_ORDER)};
    return onnx_input_rows(n, tables, waves);
}

static struct onnx_value symbol_rows(const struct onnx_net *n)
{
    struct onnx_graph *g = n->graph;
    struct onnx_value tables[] = {onnx_input(g, "symbol", "call with phase, result and size: its place in symbols"),
                                  onnx_input(g, "process", DOC_PROCESS), onnx_input(g, "elapsed_ns", DOC_ELAPSED)};
    struct onnx_value waves[1] = {{""}};
    tables[2] = bucket(g, tables[2]);
    if (n->shape->n_waves > 0) {
        waves[0] = onnx_input(g, "order", DOC_ORDER);
    }
    return onnx_input_rows(n, tables, waves);
}

static enum stg_status put_net(struct onnx_wire *to, const struct stg_neural *m)
{
    struct onnx_graph g = {0};
    const struct onnx_net n = {.graph = &g, .shape = stg_net_shape(m->net), .params = stg_net_params(m->net)};
    const struct onnx_value rows = m->input == STG_INPUT_PAPER ? paper_rows(&n) : symbol_rows(&n);
    const struct onnx_value any = onnx_name("process"); /* every net has this input */
    const struct onnx_value top =
        stg_neural_net(m) == &stg_net_lstm ? onnx_lstm(&n, rows, any) : onnx_transformer(&n, rows, any);
    const struct onnx_value log_p =
        onnx_softmax(&g, "LogSoftmax", onnx_name("log_p"), onnx_linear(&n, onnx_name("head"), top));
    onnx_output(&g, log_p, n.shape->outputs, "ln of the probability of every symbol in the place after each row");
    const enum stg_status status = onnx_graph_status(&g);
    if (status == STG_OK) {
        onnx_graph_put(&g, to, MODEL_GRAPH, m->base.ops->kind);
    }
    onnx_graph_fini(&g);
    return status == STG_OK ? to->status : status;
}

/* --- Metadata --- */

static void put_fact(struct onnx_wire *to, const char *key, const char *value)
{
    struct onnx_wire entry = {0};
    onnx_wire_string(&entry, ENTRY_KEY, key);
    onnx_wire_string(&entry, ENTRY_VALUE, value);
    onnx_wire_message(to, MODEL_METADATA, &entry);
}

/* Takes the value, which is NULL when memory is out. */
static void put_json(struct onnx_wire *to, const char *key, json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(value);
    if (text != NULL) {
        put_fact(to, key, text);
    } else if (to->status == STG_OK) {
        to->status = stg_fail(STG_ERR_MEMORY, "out of memory: free memory");
    }
    free(text);
}

static json_t *append(json_t *list, const char *text)
{
    if (list != NULL && json_array_append_new(list, json_string(text)) != 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *names_of(const struct stg_strings *names)
{
    json_t *list = json_array();
    for (size_t i = 0; i < stg_strings_count(names) && list != NULL; i++) {
        list = append(list, stg_strings_get(names, (uint32_t)i));
    }
    return list;
}

static json_t *symbols_of(const struct stg_model *m)
{
    char text[320];
    json_t *list = json_array();
    for (size_t i = 0; i < stg_symbols_count(m->symbols) && list != NULL; i++) {
        stg_symbols_describe(m->symbols, &m->vocab, (uint32_t)i, text, sizeof text);
        list = append(list, text);
    }
    return list;
}

static json_t *cut_of(const struct stg_recipe *r)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s}", "cut", stg_cut_name(r->cut), "scope",
                     stg_scope_name(r->scope), "order", stg_order_name(r->order), "window", (json_int_t)r->window,
                     "max_len", (json_int_t)r->max_len, "n_context", (json_int_t)r->n_context, "skip_first_ns",
                     (json_int_t)r->skip_first_ns, "begin", r->begin, "end", r->end);
}

static void put_metadata(struct onnx_wire *to, const struct stg_neural *n, const struct stg_onnx_fact *facts,
                         size_t n_facts)
{
    const struct stg_model *m = &n->base;
    char number[32];
    snprintf(number, sizeof number, "%d", FORMAT_VERSION);
    put_fact(to, "strange.format", "onnx");
    put_fact(to, "strange.version", number);
    put_fact(to, "model.kind", m->ops->kind);
    snprintf(number, sizeof number, "%zu", m->max_walk);
    put_fact(to, "model.max_walk", number);
    put_fact(to, "model.input", n->input == STG_INPUT_PAPER ? "paper" : "symbol");
    put_fact(to, "model.precision", stg_precision_name(n->shape.precision));
    put_json(to, "recipe", cut_of(&m->recipe));
    put_json(to, "vocab.calls", names_of(m->vocab.calls));
    put_json(to, "vocab.procs", names_of(m->vocab.procs));
    put_json(to, "symbols", symbols_of(m));
    put_json(to, "record", json_incref(m->record));
    for (size_t i = 0; i < n_facts; i++) {
        put_fact(to, facts[i].key, facts[i].value);
    }
}

enum stg_status stg_onnx_put(struct stg_buffer *out, const struct stg_model *m, const struct stg_onnx_fact *facts,
                             size_t n_facts)
{
    struct onnx_wire w = {.bytes = *out}, opset = {0};
    const struct stg_neural *n = NULL;
    STG_RETURN_IF_FAILED(net_of(m, &n));
    onnx_wire_integer(&w, MODEL_IR, IR_VERSION);
    onnx_wire_string(&w, MODEL_PRODUCER, "strange");
    onnx_wire_string(&w, MODEL_PRODUCER_VERSION, STG_VERSION);
    onnx_wire_string(&opset, OPSET_DOMAIN, ""); /* the operators of ONNX itself */
    onnx_wire_integer(&opset, OPSET_VERSION, OPSET);
    onnx_wire_message(&w, MODEL_OPSET, &opset);
    put_metadata(&w, n, facts, n_facts);
    const enum stg_status status = put_net(&w, n);
    *out = w.bytes;
    return status;
}
