/* The parts of a net as parts of a graph. A row of the net is a row of the graph's values: x (T,width). */
#ifndef STG_ONNX_NET_H
#define STG_ONNX_NET_H

#include "nn/net.h"
#include "onnx/graph.h"

struct onnx_net {
    struct onnx_graph *graph;
    const struct stg_net_shape *shape; /* of the net itself, which knows what was left to it */
    const struct stg_params *params;
};

/* A parameter by its name (docs/formats/model.md): a matrix (rows, cols), or a vector (cols). */
const struct stg_param *onnx_find_param(const struct onnx_net *n, struct onnx_value name);
struct onnx_value onnx_matrix(const struct onnx_net *n, struct onnx_value name);
struct onnx_value onnx_vector(const struct onnx_net *n, struct onnx_value name);
/* x W + b with the parameters NAME.weight and NAME.bias; the result is named NAME. */
struct onnx_value onnx_linear(const struct onnx_net *n, struct onnx_value name, struct onnx_value x);

/* The input row (T,I): tables[f] is the id of the f-th embedding, waves[f] the f-th scalar, (T) of int64 each. */
struct onnx_value onnx_input_rows(const struct onnx_net *n, const struct onnx_value *tables,
                                  const struct onnx_value *waves);
/* What is between input rows x (T,I) and head: (T,H). any is a value (T), for its length. */
struct onnx_value onnx_lstm(const struct onnx_net *n, struct onnx_value x, struct onnx_value any);
struct onnx_value onnx_transformer(const struct onnx_net *n, struct onnx_value x, struct onnx_value any);

#endif
