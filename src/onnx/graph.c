#include "onnx/graph.h"

#include <stdio.h>
#include <string.h>

/* Numbers of fields in onnx.proto. */
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_TENSOR = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP = 4, NODE_ATTRIBUTE = 5 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_FLOAT = 2, ATTRIBUTE_INT = 3, ATTRIBUTE_INTS = 8, ATTRIBUTE_TYPE = 20 };
enum { TENSOR_DIM = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9 };
enum {
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    VALUE_DOC = 3,
    TYPE_TENSOR = 1,
    TYPE_ELEMENT = 1,
    TYPE_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1,
    DIM_NAME = 2
};

/* What a reader of Protocol Buffers takes is below 2 GiB; the rest of a graph is small beside this margin. */
#define MAX_TENSORS ((size_t)INT32_MAX - ((size_t)64 << 20))

struct onnx_value onnx_name(const char *fmt, ...)
{
    struct onnx_value out;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(out.name, sizeof out.name, fmt, args);
    va_end(args);
    return out;
}

void onnx_graph_fini(struct onnx_graph *g)
{
    onnx_wire_fini(&g->nodes);
    onnx_wire_fini(&g->tensors);
    onnx_wire_fini(&g->inputs);
    onnx_wire_fini(&g->outputs);
}

enum stg_status onnx_graph_status(const struct onnx_graph *g)
{
    const enum stg_status all[] = {g->nodes.status, g->tensors.status, g->inputs.status, g->outputs.status};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        STG_RETURN_IF_FAILED(all[i]);
    }
    return STG_OK;
}

/* --- Nodes --- */

static void put_attribute(struct onnx_wire *node, const struct onnx_attribute *a)
{
    struct onnx_wire w = {0};
    onnx_wire_string(&w, ATTRIBUTE_NAME, a->name);
    if (a->type == ONNX_ATTRIBUTE_FLOAT) {
        onnx_wire_float(&w, ATTRIBUTE_FLOAT, a->real);
    } else if (a->type == ONNX_ATTRIBUTE_INT) {
        onnx_wire_integer(&w, ATTRIBUTE_INT, a->integer);
    }
    for (size_t i = 0; a->type == ONNX_ATTRIBUTE_INTS && i < a->n; i++) {
        onnx_wire_integer(&w, ATTRIBUTE_INTS, a->integers[i]);
    }
    onnx_wire_integer(&w, ATTRIBUTE_TYPE, a->type);
    onnx_wire_message(node, NODE_ATTRIBUTE, &w);
}

void onnx_node(struct onnx_graph *g, const char *op, const struct onnx_value *out, size_t n_out,
               const struct onnx_value *in, size_t n_in, const struct onnx_attribute *attributes, size_t n_attributes)
{
    struct onnx_wire node = {0};
    for (size_t i = 0; i < n_in; i++) {
        onnx_wire_string(&node, NODE_INPUT, in[i].name);
    }
    for (size_t i = 0; i < n_out; i++) {
        onnx_wire_string(&node, NODE_OUTPUT, out[i].name);
    }
    onnx_wire_string(&node, NODE_NAME, out[0].name);
    onnx_wire_string(&node, NODE_OP, op);
    for (size_t i = 0; i < n_attributes; i++) {
        put_attribute(&node, &attributes[i]);
    }
    onnx_wire_message(&g->nodes, GRAPH_NODE, &node);
}

struct onnx_value onnx_unary(struct onnx_graph *g, const char *op, struct onnx_value out, struct onnx_value a)
{
    onnx_node(g, op, &out, 1, &a, 1, NULL, 0);
    return out;
}

struct onnx_value onnx_binary(struct onnx_graph *g, const char *op, struct onnx_value out, struct onnx_value a,
                              struct onnx_value b)
{
    const struct onnx_value in[] = {a, b};
    onnx_node(g, op, &out, 1, in, 2, NULL, 0);
    return out;
}

static struct onnx_value with_integer(struct onnx_graph *g, const char *op, struct onnx_value out,
                                      const struct onnx_value *in, size_t n_in, const char *name, int64_t value)
{
    const struct onnx_attribute a = {.name = name, .type = ONNX_ATTRIBUTE_INT, .integer = value};
    onnx_node(g, op, &out, 1, in, n_in, &a, 1);
    return out;
}

struct onnx_value onnx_softmax(struct onnx_graph *g, const char *op, struct onnx_value out, struct onnx_value a)
{
    return with_integer(g, op, out, &a, 1, "axis", -1);
}

struct onnx_value onnx_cast(struct onnx_graph *g, struct onnx_value out, struct onnx_value a, enum onnx_type type)
{
    return with_integer(g, "Cast", out, &a, 1, "to", (int64_t)type);
}

struct onnx_value onnx_concat(struct onnx_graph *g, struct onnx_value out, const struct onnx_value *in, size_t n_in,
                              int64_t axis)
{
    return with_integer(g, "Concat", out, in, n_in, "axis", axis);
}

struct onnx_value onnx_transpose(struct onnx_graph *g, struct onnx_value out, struct onnx_value a,
                                 const int64_t permutation[3])
{
    const struct onnx_attribute attribute = {
        .name = "perm", .type = ONNX_ATTRIBUTE_INTS, .integers = permutation, .n = 3};
    onnx_node(g, "Transpose", &out, 1, &a, 1, &attribute, 1);
    return out;
}

struct onnx_value onnx_reshape(struct onnx_graph *g, struct onnx_value out, struct onnx_value a, const int64_t *dims,
                               size_t n)
{
    return onnx_binary(g, "Reshape", out, a, onnx_integers(g, onnx_name("%.56s.shape", out.name), dims, n));
}

struct onnx_value onnx_axes(struct onnx_graph *g, const char *op, struct onnx_value out, struct onnx_value a,
                            const int64_t *axes, size_t n)
{
    return onnx_binary(g, op, out, a, onnx_integers(g, onnx_name("%.56s.axes", out.name), axes, n));
}

struct onnx_value onnx_slice(struct onnx_graph *g, struct onnx_value out, struct onnx_value a, int64_t from, int64_t to,
                             size_t n_axes)
{
    const int64_t starts[2] = {from, from}, ends[2] = {to, to}, axes[2] = {0, 1};
    const struct onnx_value in[] = {a, onnx_integers(g, onnx_name("%.56s.starts", out.name), starts, n_axes),
                                    onnx_integers(g, onnx_name("%.56s.ends", out.name), ends, n_axes),
                                    onnx_integers(g, onnx_name("%.56s.axes", out.name), axes, n_axes)};
    onnx_node(g, "Slice", &out, 1, in, 4, NULL, 0);
    return out;
}

void onnx_split(struct onnx_graph *g, const struct onnx_value *out, size_t n_out, struct onnx_value a)
{
    const struct onnx_attribute axis = {.name = "axis", .type = ONNX_ATTRIBUTE_INT, .integer = 1};
    onnx_node(g, "Split", out, n_out, &a, 1, &axis, 1);
}

/* --- Tensors --- */

static size_t type_size(enum onnx_type type)
{
    return type == ONNX_FLOAT ? sizeof(float) : sizeof(int64_t);
}

/* The message's length is put before it by reckoning, so that large tensors are copied once. */
struct onnx_value onnx_tensor(struct onnx_graph *g, struct onnx_value out, enum onnx_type type, const size_t *dims,
                              size_t n_dims, const void *data)
{
    struct onnx_wire head = {0};
    struct onnx_wire *w = &g->tensors;
    size_t n = type_size(type);
    for (size_t i = 0; i < n_dims; i++) {
        onnx_wire_integer(&head, TENSOR_DIM, (int64_t)dims[i]);
        n *= dims[i];
    }
    onnx_wire_integer(&head, TENSOR_TYPE, (int64_t)type);
    onnx_wire_string(&head, TENSOR_NAME, out.name);
    if (w->status == STG_OK && (n > MAX_TENSORS || w->bytes.len > MAX_TENSORS - n)) {
        w->status =
            stg_fail(STG_ERR_UNSUPPORTED,
                     "the net is larger than the 2 GiB that an ONNX file can hold: distill it into a smaller one "
                     "(strange distill)");
    }
    w->status = w->status == STG_OK ? head.status : w->status;
    onnx_wire_begin(w, GRAPH_TENSOR, head.bytes.len + onnx_wire_size(TENSOR_RAW, n));
    onnx_wire_append(w, head.bytes.data, head.bytes.len);
    onnx_wire_bytes(w, TENSOR_RAW, data, n);
    onnx_wire_fini(&head);
    return out;
}

struct onnx_value onnx_integer(struct onnx_graph *g, struct onnx_value out, int64_t value)
{
    return onnx_tensor(g, out, ONNX_INT64, NULL, 0, &value);
}

struct onnx_value onnx_real(struct onnx_graph *g, struct onnx_value out, float value)
{
    return onnx_tensor(g, out, ONNX_FLOAT, NULL, 0, &value);
}

struct onnx_value onnx_integers(struct onnx_graph *g, struct onnx_value out, const int64_t *values, size_t n)
{
    return onnx_tensor(g, out, ONNX_INT64, &n, 1, values);
}

/* --- Inputs, outputs, the whole --- */

/* (T), or (T,columns). */
static void put_value(struct onnx_wire *to, uint32_t field, const char *name, enum onnx_type type, size_t columns,
                      const char *doc)
{
    struct onnx_wire value = {0}, kind = {0}, tensor = {0}, shape = {0}, dim = {0};
    onnx_wire_string(&dim, DIM_NAME, "T");
    onnx_wire_message(&shape, SHAPE_DIM, &dim);
    if (columns > 0) {
        onnx_wire_integer(&dim, DIM_VALUE, (int64_t)columns);
        onnx_wire_message(&shape, SHAPE_DIM, &dim);
    }
    onnx_wire_integer(&tensor, TYPE_ELEMENT, (int64_t)type);
    onnx_wire_message(&tensor, TYPE_SHAPE, &shape);
    onnx_wire_message(&kind, TYPE_TENSOR, &tensor);
    onnx_wire_string(&value, VALUE_NAME, name);
    onnx_wire_message(&value, VALUE_TYPE, &kind);
    onnx_wire_string(&value, VALUE_DOC, doc);
    onnx_wire_message(to, field, &value);
}

struct onnx_value onnx_input(struct onnx_graph *g, const char *name, const char *doc)
{
    put_value(&g->inputs, GRAPH_INPUT, name, ONNX_INT64, 0, doc);
    return onnx_name("%s", name);
}

void onnx_output(struct onnx_graph *g, struct onnx_value value, size_t columns, const char *doc)
{
    put_value(&g->outputs, GRAPH_OUTPUT, value.name, ONNX_FLOAT, columns, doc);
}

void onnx_graph_put(struct onnx_graph *g, struct onnx_wire *to, uint32_t field, const char *name)
{
    struct onnx_wire *const parts[] = {&g->nodes, &g->tensors, &g->inputs, &g->outputs};
    const size_t n_parts = sizeof parts / sizeof parts[0];
    size_t n = onnx_wire_size(GRAPH_NAME, strlen(name));
    for (size_t i = 0; i < n_parts; i++) {
        to->status = to->status == STG_OK ? parts[i]->status : to->status;
        n += parts[i]->bytes.len;
    }
    onnx_wire_begin(to, field, n);
    onnx_wire_string(to, GRAPH_NAME, name);
    for (size_t i = 0; i < n_parts; i++) {
        onnx_wire_append(to, parts[i]->bytes.data, parts[i]->bytes.len);
        onnx_wire_fini(parts[i]);
    }
}
