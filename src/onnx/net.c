/* What all nets share: parameters, linear layers, input rows. */
#include "onnx/net.h"

#include <math.h>
#include <string.h>

const struct stg_param *onnx_find_param(const struct onnx_net *n, struct onnx_value name)
{
    for (size_t i = 0; i < n->params->n; i++) {
        if (strcmp(n->params->table[i].name, name.name) == 0) {
            return &n->params->table[i];
        }
    }
    if (n->graph->tensors.status == STG_OK) {
        n->graph->tensors.status = stg_fail(STG_ERR_INTERNAL, "the net has no parameter %s", name.name);
    }
    return NULL;
}

struct onnx_value onnx_matrix(const struct onnx_net *n, struct onnx_value name)
{
    const struct stg_param *p = onnx_find_param(n, name);
    if (p == NULL) {
        return name;
    }
    const size_t dims[] = {p->rows, p->cols};
    return onnx_tensor(n->graph, name, ONNX_FLOAT, dims, 2, n->params->value + p->offset);
}

struct onnx_value onnx_vector(const struct onnx_net *n, struct onnx_value name)
{
    const struct stg_param *p = onnx_find_param(n, name);
    return p == NULL ? name : onnx_tensor(n->graph, name, ONNX_FLOAT, &p->cols, 1, n->params->value + p->offset);
}

struct onnx_value onnx_linear(const struct onnx_net *n, struct onnx_value name, struct onnx_value x)
{
    const struct onnx_value weight = onnx_matrix(n, onnx_name("%.50s.weight", name.name));
    const struct onnx_value bias = onnx_vector(n, onnx_name("%.50s.bias", name.name));
    const struct onnx_value product = onnx_binary(n->graph, "MatMul", onnx_name("%.50s.product", name.name), x, weight);
    return onnx_binary(n->graph, "Add", name, product, bias);
}

/* sin and cos of v / base^(2i/dim) in turn, (T,dim), reckoned in double like the net's own (nn/net_input.c). ONNX
 * Runtime has Sin but not Cos in double, so cos a is 1 − 2 sin² (a/2), which loses nothing: halving is exact. */
static struct onnx_value waves(const struct onnx_net *n, struct onnx_value scalar, struct onnx_value scale)
{
    struct onnx_graph *g = n->graph;
    const char *name = scalar.name;
    const int64_t last[] = {1}, inner[] = {2}, rows[] = {-1, (int64_t)n->shape->wave_dim};
    const double half = 0.5, one = 1, two = 2;
    const struct onnx_value value = onnx_cast(g, onnx_name("%.40s.real", name), scalar, ONNX_DOUBLE);
    const struct onnx_value column = onnx_axes(g, "Unsqueeze", onnx_name("%.40s.column", name), value, last, 1);
    const struct onnx_value angle = onnx_binary(g, "Mul", onnx_name("%.40s.angle", name), column, scale);
    const struct onnx_value halved =
        onnx_binary(g, "Mul", onnx_name("%.40s.half", name), angle,
                    onnx_tensor(g, onnx_name("%.40s.const.half", name), ONNX_DOUBLE, NULL, 0, &half));
    const struct onnx_value sine = onnx_unary(g, "Sin", onnx_name("%.40s.half.sin", name), halved);
    const struct onnx_value square = onnx_binary(g, "Mul", onnx_name("%.40s.half.square", name), sine, sine);
    const struct onnx_value twice =
        onnx_binary(g, "Mul", onnx_name("%.40s.half.twice", name), square,
                    onnx_tensor(g, onnx_name("%.40s.const.two", name), ONNX_DOUBLE, NULL, 0, &two));
    const struct onnx_value pair[] = {
        onnx_axes(g, "Unsqueeze", onnx_name("%.40s.sin.pair", name),
                  onnx_unary(g, "Sin", onnx_name("%.40s.sin", name), angle), inner, 1),
        onnx_axes(g, "Unsqueeze", onnx_name("%.40s.cos.pair", name),
                  onnx_binary(g, "Sub", onnx_name("%.40s.cos", name),
                              onnx_tensor(g, onnx_name("%.40s.const.one", name), ONNX_DOUBLE, NULL, 0, &one), twice),
                  inner, 1)};
    const struct onnx_value pairs = onnx_concat(g, onnx_name("%.40s.pairs", name), pair, 2, 2);
    return onnx_cast(g, onnx_name("%.40s.waves", name), onnx_reshape(g, onnx_name("%.40s.flat", name), pairs, rows, 2),
                     ONNX_FLOAT);
}

struct onnx_value onnx_input_rows(const struct onnx_net *n, const struct onnx_value *tables,
                                  const struct onnx_value *scalars)
{
    const struct stg_net_shape *s = n->shape;
    struct onnx_graph *g = n->graph;
    struct onnx_value parts[STG_NET_MAX_TABLES + STG_NET_MAX_WAVES];
    double scale[STG_NET_MAX_WAVE_DIM / 2];
    size_t n_parts = 0;
    for (size_t f = 0; f < s->n_tables; f++) {
        const struct onnx_value table = onnx_matrix(n, onnx_name("embed.%zu", f));
        parts[n_parts++] = onnx_binary(g, "Gather", onnx_name("%.40s.embedded", tables[f].name), table, tables[f]);
    }
    if (s->n_waves > 0) {
        const size_t dims[] = {1, s->wave_dim / 2};
        for (size_t i = 0; i < dims[1]; i++) {
            scale[i] = pow(1e6, -2.0 * (double)i / (double)s->wave_dim);
        }
        const struct onnx_value scales = onnx_tensor(g, onnx_name("waves.scale"), ONNX_DOUBLE, dims, 2, scale);
        for (size_t f = 0; f < s->n_waves; f++) {
            parts[n_parts++] = waves(n, scalars[f], scales);
        }
    }
    return onnx_concat(g, onnx_name("rows"), parts, n_parts, 1);
}
