/* Layers of LSTM as the operator of that name, whose equations are ours: its gates stand in the order i, o, f, c, ours
 * in the order i, f, g, o (g is c), and its matrices are the transposes of ours. The state before the first row is
 * zero. */
#include "onnx/net.h"

#include "base/memory.h"

#include <string.h>

enum { GATES = 4 };
static const size_t our_gate[GATES] = {0, 3, 1, 2};

/* (I,4H) of ours as (1,4H,I). */
static enum stg_status put_matrix(const struct onnx_net *n, struct onnx_value out, struct onnx_value name)
{
    const struct stg_param *p = onnx_find_param(n, name);
    const size_t H = n->shape->hidden;
    float *turned = NULL;
    if (p == NULL) {
        return STG_OK; /* the graph knows */
    }
    const size_t dims[] = {1, p->cols, p->rows};
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&turned, p->rows * p->cols, sizeof *turned));
    for (size_t row = 0; row < GATES * H; row++) {
        const float *from = n->params->value + p->offset + our_gate[row / H] * H + row % H;
        for (size_t i = 0; i < p->rows; i++) {
            turned[row * p->rows + i] = from[i * p->cols];
        }
    }
    (void)onnx_tensor(n->graph, out, ONNX_FLOAT, dims, 3, turned);
    stg_mem_free(turned);
    return STG_OK;
}

/* Both biases, one after the other: (1,8H). */
static enum stg_status put_bias(const struct onnx_net *n, struct onnx_value out, size_t layer)
{
    const struct stg_param *const biases[] = {onnx_find_param(n, onnx_name("lstm.%zu.bias_input", layer)),
                                              onnx_find_param(n, onnx_name("lstm.%zu.bias_hidden", layer))};
    const size_t H = n->shape->hidden, dims[] = {1, 2 * GATES * H};
    float *both = NULL;
    if (biases[0] == NULL || biases[1] == NULL) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&both, dims[1], sizeof *both));
    for (size_t i = 0; i < 2 * GATES; i++) {
        const float *from = n->params->value + biases[i / GATES]->offset + our_gate[i % GATES] * H;
        memcpy(both + i * H, from, H * sizeof *both);
    }
    (void)onnx_tensor(n->graph, out, ONNX_FLOAT, dims, 2, both);
    stg_mem_free(both);
    return STG_OK;
}

static struct onnx_value put_layer(const struct onnx_net *n, size_t layer, struct onnx_value x)
{
    static const int64_t batch[] = {1}, directions[] = {1, 2};
    struct onnx_graph *g = n->graph;
    const struct onnx_attribute hidden = {
        .name = "hidden_size", .type = ONNX_ATTRIBUTE_INT, .integer = (int64_t)n->shape->hidden};
    const struct onnx_value out = onnx_name("lstm.%zu.steps", layer);
    const struct onnx_value in[] = {onnx_axes(g, "Unsqueeze", onnx_name("lstm.%zu.input", layer), x, batch, 1),
                                    onnx_name("lstm.%zu.W", layer), onnx_name("lstm.%zu.R", layer),
                                    onnx_name("lstm.%zu.B", layer)};
    enum stg_status status = put_matrix(n, in[1], onnx_name("lstm.%zu.weight_input", layer));
    status = status == STG_OK ? put_matrix(n, in[2], onnx_name("lstm.%zu.weight_hidden", layer)) : status;
    status = status == STG_OK ? put_bias(n, in[3], layer) : status;
    g->tensors.status = g->tensors.status == STG_OK ? status : g->tensors.status;
    onnx_node(g, "LSTM", &out, 1, in, 4, &hidden, 1);
    return onnx_axes(g, "Squeeze", onnx_name("lstm.%zu", layer), out, directions, 2);
}

struct onnx_value onnx_lstm(const struct onnx_net *n, struct onnx_value x, struct onnx_value any)
{
    (void)any;
    for (size_t l = 0; l < n->shape->layers; l++) {
        x = put_layer(n, l, x);
    }
    return x;
}
