/* A graph of ONNX operators under way: nodes, the tensors that they read, inputs and outputs. The numbers of fields,
 * types and attributes are those of onnx.proto (github.com/onnx/onnx), what the operators compute stands in
 * Operators.md there. Failures are kept (wire.h). */
#ifndef STG_ONNX_GRAPH_H
#define STG_ONNX_GRAPH_H

#include "onnx/wire.h"

enum onnx_type { ONNX_FLOAT = 1, ONNX_INT64 = 7, ONNX_DOUBLE = 11 }; /* TensorProto.DataType */

/* What a node gives, or a tensor or input holds: nodes refer to each other by names, each of which one node writes. */
struct onnx_value {
    char name[64];
};
struct onnx_value onnx_name(const char *fmt, ...) STG_PRINTF(1, 2);

struct onnx_attribute {
    const char *name;
    enum {
        ONNX_ATTRIBUTE_FLOAT = 1,
        ONNX_ATTRIBUTE_INT = 2,
        ONNX_ATTRIBUTE_INTS = 7
    } type; /* AttributeProto.AttributeType */
    float real;
    int64_t integer;
    const int64_t *integers; /* (n) borrowed */
    size_t n;
};

/* The fields of a GraphProto, each kind for itself; zeroed at the start. */
struct onnx_graph {
    struct onnx_wire nodes, tensors, inputs, outputs;
};

void onnx_graph_fini(struct onnx_graph *g);
enum stg_status onnx_graph_status(const struct onnx_graph *g) STG_MUST_USE; /* the first failure */

/* A node; it is named like its first output. Each function below returns its output, out. */
void onnx_node(struct onnx_graph *g, const char *op, const struct onnx_value *out, size_t n_out,
               const struct onnx_value *in, size_t n_in, const struct onnx_attribute *attributes, size_t n_attributes);
struct onnx_value onnx_unary(struct onnx_graph *g, const char *op, struct onnx_value out, struct onnx_value a);
struct onnx_value onnx_binary(struct onnx_graph *g, const char *op, struct onnx_value out, struct onnx_value a,
                              struct onnx_value b);
/* Softmax and LogSoftmax over the last axis. */
struct onnx_value onnx_softmax(struct onnx_graph *g, const char *op, struct onnx_value out, struct onnx_value a);
struct onnx_value onnx_cast(struct onnx_graph *g, struct onnx_value out, struct onnx_value a, enum onnx_type type);
struct onnx_value onnx_concat(struct onnx_graph *g, struct onnx_value out, const struct onnx_value *in, size_t n_in,
                              int64_t axis);
struct onnx_value onnx_transpose(struct onnx_graph *g, struct onnx_value out, struct onnx_value a,
                                 const int64_t permutation[3]);
struct onnx_value onnx_reshape(struct onnx_graph *g, struct onnx_value out, struct onnx_value a, const int64_t *dims,
                               size_t n);
/* Unsqueeze and Squeeze: axes of length one come and go. */
struct onnx_value onnx_axes(struct onnx_graph *g, const char *op, struct onnx_value out, struct onnx_value a,
                            const int64_t *axes, size_t n);
/* Indices from … to − 1 of each of the first n_axes axes; what is beyond the end is left out. */
struct onnx_value onnx_slice(struct onnx_graph *g, struct onnx_value out, struct onnx_value a, int64_t from, int64_t to,
                             size_t n_axes);
/* out (n_out): n_out equal parts along axis 1. */
void onnx_split(struct onnx_graph *g, const struct onnx_value *out, size_t n_out, struct onnx_value a);

/* Tensors that are given; data is copied. */
struct onnx_value onnx_tensor(struct onnx_graph *g, struct onnx_value out, enum onnx_type type, const size_t *dims,
                              size_t n_dims, const void *data);
struct onnx_value onnx_integer(struct onnx_graph *g, struct onnx_value out, int64_t value); /* a scalar */
struct onnx_value onnx_real(struct onnx_graph *g, struct onnx_value out, float value);      /* a scalar */
struct onnx_value onnx_integers(struct onnx_graph *g, struct onnx_value out, const int64_t *values, size_t n); /* (n) */

/* An input (T) of int64. */
struct onnx_value onnx_input(struct onnx_graph *g, const char *name, const char *doc);
/* The value as an output (T,columns) of float. */
void onnx_output(struct onnx_graph *g, struct onnx_value value, size_t columns, const char *doc);
/* All of it as a GraphProto, field `field` of *to; the graph is empty afterwards. */
void onnx_graph_put(struct onnx_graph *g, struct onnx_wire *to, uint32_t field, const char *name);

#endif
