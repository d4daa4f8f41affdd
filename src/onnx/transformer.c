/* Layers of attention and feed-forward functions (nn/transformer_*.c), each row with those that it sees: as the whole
 * matrix of scores with what is not seen left out, so memory grows with the square of the sequence's length. */
#include "onnx/net.h"

#include <math.h>

#define EPSILON 1e-5f    /* of the norms */
#define UNSEEN  (-1e30f) /* a score whose exponential is zero, whatever the others are */

struct rows {
    struct onnx_value row, column; /* (T,1), (1,T): 0 … T − 1 */
    struct onnx_value back;        /* (T,T) row − column */
    struct onnx_value causal;      /* (T,T) column ≤ row */
};

static struct onnx_value compare(const struct onnx_net *n, const char *op, struct onnx_value out, struct onnx_value a,
                                 int64_t with)
{
    return onnx_binary(n->graph, op, out, a, onnx_integer(n->graph, onnx_name("%.50s.than", out.name), with));
}

static struct rows make_rows(const struct onnx_net *n, struct onnx_value any)
{
    static const int64_t first[] = {0}, second[] = {1};
    struct onnx_graph *g = n->graph;
    struct rows r;
    const struct onnx_value length =
        onnx_axes(g, "Squeeze", onnx_name("length"), onnx_unary(g, "Shape", onnx_name("length.shape"), any), first, 1);
    const struct onnx_value range[] = {onnx_integer(g, onnx_name("row.first"), 0), length,
                                       onnx_integer(g, onnx_name("row.step"), 1)};
    const struct onnx_value number = onnx_name("row.number");
    onnx_node(g, "Range", &number, 1, range, 3, NULL, 0);
    r.row = onnx_axes(g, "Unsqueeze", onnx_name("row.row"), number, second, 1);
    r.column = onnx_axes(g, "Unsqueeze", onnx_name("row.column"), number, first, 1);
    r.back = onnx_binary(g, "Sub", onnx_name("row.back"), r.row, r.column);
    r.causal = compare(n, "GreaterOrEqual", onnx_name("row.causal"), r.back, 0);
    return r;
}

/* (T,T): what the rows of layer l see: the last `window` rows, `dilation` apart, and the global ones. */
static struct onnx_value seen_by(const struct onnx_net *n, size_t l, const struct rows *r)
{
    const struct stg_net_shape *s = n->shape;
    struct onnx_graph *g = n->graph;
    for (size_t k = 0; k < l; k++) {
        if (s->window[k] == s->window[l] && s->dilation[k] == s->dilation[l]) {
            return onnx_name("layer.%zu.seen", k);
        }
    }
    const int64_t dilation = (int64_t)s->dilation[l], reach = dilation * ((int64_t)s->window[l] - 1);
    struct onnx_value seen = compare(n, "LessOrEqual", onnx_name("layer.%zu.near", l), r->back, reach);
    if (dilation > 1) {
        const struct onnx_value rest = compare(n, "Mod", onnx_name("layer.%zu.rest", l), r->back, dilation);
        seen = onnx_binary(g, "And", onnx_name("layer.%zu.near.dilated", l), seen,
                           compare(n, "Equal", onnx_name("layer.%zu.rest.none", l), rest, 0));
    }
    if (s->n_global > 0) {
        seen =
            onnx_binary(g, "Or", onnx_name("layer.%zu.near.global", l), seen,
                        compare(n, "Less", onnx_name("layer.%zu.global.column", l), r->column, (int64_t)s->n_global));
    }
    return onnx_binary(g, "And", onnx_name("layer.%zu.seen", l), seen, r->causal);
}

/* Heads side by side (n,d) as (heads,n,d/heads), or by `turned` as (heads,d/heads,n). */
static struct onnx_value by_head(const struct onnx_net *n, struct onnx_value x, bool turned)
{
    static const int64_t straight[] = {1, 0, 2}, across[] = {1, 2, 0};
    const int64_t dims[] = {-1, (int64_t)n->shape->heads, (int64_t)(n->shape->hidden / n->shape->heads)};
    const struct onnx_value split = onnx_reshape(n->graph, onnx_name("%.50s.split", x.name), x, dims, 3);
    return onnx_transpose(n->graph, onnx_name("%.50s.heads", x.name), split, turned ? across : straight);
}

/* softmax(q kᵀ / √(d/heads)) v over what is seen: (n,d) from qkv (n,3d) and seen (n,n). */
static struct onnx_value attend(const struct onnx_net *n, struct onnx_value prefix, struct onnx_value qkv,
                                struct onnx_value seen)
{
    static const int64_t back[] = {1, 0, 2};
    const char *name = prefix.name;
    struct onnx_graph *g = n->graph;
    const int64_t dims[] = {-1, (int64_t)n->shape->hidden};
    const struct onnx_value part[] = {onnx_name("%.40s.q", name), onnx_name("%.40s.k", name),
                                      onnx_name("%.40s.v", name)};
    onnx_split(g, part, 3, qkv);
    const struct onnx_value dot =
        onnx_binary(g, "MatMul", onnx_name("%.40s.dot", name), by_head(n, part[0], false), by_head(n, part[1], true));
    const size_t per_head = n->shape->hidden / n->shape->heads;
    const float scale = 1.0f / sqrtf((float)per_head);
    const struct onnx_value score =
        onnx_binary(g, "Mul", onnx_name("%.40s.score", name), dot, onnx_real(g, onnx_name("%.40s.scale", name), scale));
    const struct onnx_value in[] = {seen, score, onnx_real(g, onnx_name("%.40s.unseen", name), UNSEEN)};
    const struct onnx_value masked = onnx_name("%.40s.masked", name);
    onnx_node(g, "Where", &masked, 1, in, 3, NULL, 0);
    const struct onnx_value weight = onnx_softmax(g, "Softmax", onnx_name("%.40s.weight", name), masked);
    const struct onnx_value sum =
        onnx_binary(g, "MatMul", onnx_name("%.40s.sum", name), weight, by_head(n, part[2], false));
    const struct onnx_value joined = onnx_transpose(g, onnx_name("%.40s.joined", name), sum, back);
    return onnx_reshape(g, onnx_name("%.40s.attended", name), joined, dims, 2);
}

/* The first n_global rows see each other only, by projections of their own. */
static struct onnx_value replace_global(const struct onnx_net *n, size_t l, struct onnx_value in,
                                        struct onnx_value attended, const struct rows *r)
{
    struct onnx_graph *g = n->graph;
    const int64_t n_global = (int64_t)n->shape->n_global;
    const struct onnx_value x = onnx_slice(g, onnx_name("layer.%zu.global.input", l), in, 0, n_global, 1);
    const struct onnx_value qkv = onnx_linear(n, onnx_name("layer.%zu.global", l), x);
    const struct onnx_value seen = onnx_slice(g, onnx_name("layer.%zu.global.seen", l), r->causal, 0, n_global, 2);
    const struct onnx_value parts[] = {
        attend(n, onnx_name("layer.%zu.among", l), qkv, seen),
        onnx_slice(g, onnx_name("layer.%zu.local", l), attended, n_global, INT64_MAX, 1)};
    return onnx_concat(g, onnx_name("layer.%zu.all", l), parts, 2, 0);
}

static struct onnx_value attention(const struct onnx_net *n, size_t l, struct onnx_value x, const struct rows *r)
{
    const struct onnx_value qkv = onnx_linear(n, onnx_name("layer.%zu.qkv", l), x);
    struct onnx_value attended = attend(n, onnx_name("layer.%zu", l), qkv, seen_by(n, l, r));
    if (n->shape->n_global > 0) {
        attended = replace_global(n, l, x, attended, r);
    }
    return onnx_linear(n, onnx_name("layer.%zu.out", l), attended);
}

/* x/2 (1 + erf(x/√2)) */
static struct onnx_value gelu(const struct onnx_net *n, size_t l, struct onnx_value x)
{
    struct onnx_graph *g = n->graph;
    const struct onnx_value scaled = onnx_binary(g, "Mul", onnx_name("layer.%zu.ff.scaled", l), x,
                                                 onnx_real(g, onnx_name("layer.%zu.ff.scale", l), 0.70710678f));
    const struct onnx_value erf = onnx_unary(g, "Erf", onnx_name("layer.%zu.ff.erf", l), scaled);
    const struct onnx_value above = onnx_binary(g, "Add", onnx_name("layer.%zu.ff.above", l), erf,
                                                onnx_real(g, onnx_name("layer.%zu.ff.one", l), 1.0f));
    const struct onnx_value half = onnx_binary(g, "Mul", onnx_name("layer.%zu.ff.half", l), x,
                                               onnx_real(g, onnx_name("layer.%zu.ff.factor", l), 0.5f));
    return onnx_binary(g, "Mul", onnx_name("layer.%zu.ff.act", l), half, above);
}

/* gate · sigmoid(gate) · value, of gate and value side by side */
static struct onnx_value swiglu(const struct onnx_net *n, size_t l, struct onnx_value x)
{
    struct onnx_graph *g = n->graph;
    const struct onnx_value part[] = {onnx_name("layer.%zu.ff.gate", l), onnx_name("layer.%zu.ff.value", l)};
    onnx_split(g, part, 2, x);
    const struct onnx_value open = onnx_unary(g, "Sigmoid", onnx_name("layer.%zu.ff.open", l), part[0]);
    const struct onnx_value silu = onnx_binary(g, "Mul", onnx_name("layer.%zu.ff.silu", l), part[0], open);
    return onnx_binary(g, "Mul", onnx_name("layer.%zu.ff.act", l), silu, part[1]);
}

static struct onnx_value activate(const struct onnx_net *n, size_t l, struct onnx_value x)
{
    switch (n->shape->activation) {
    case STG_ACTIVATION_GELU:
        return gelu(n, l, x);
    case STG_ACTIVATION_SWIGLU:
        return swiglu(n, l, x);
    case STG_ACTIVATION_RELU:
        break;
    }
    return onnx_unary(n->graph, "Relu", onnx_name("layer.%zu.ff.act", l), x);
}

static struct onnx_value feed_forward(const struct onnx_net *n, size_t l, struct onnx_value x)
{
    const struct onnx_value wide = onnx_linear(n, onnx_name("layer.%zu.ff_in", l), x);
    return onnx_linear(n, onnx_name("layer.%zu.ff_out", l), activate(n, l, wide));
}

static struct onnx_value norm(const struct onnx_net *n, struct onnx_value name, struct onnx_value x)
{
    const struct onnx_attribute epsilon = {.name = "epsilon", .type = ONNX_ATTRIBUTE_FLOAT, .real = EPSILON};
    const struct onnx_value in[] = {x, onnx_vector(n, onnx_name("%.50s.gain", name.name)),
                                    onnx_vector(n, onnx_name("%.50s.bias", name.name))};
    onnx_node(n->graph, "LayerNormalization", &name, 1, in, 3, &epsilon, 1);
    return name;
}

/* post-norm  y = norm(x + F(x))      pre-norm  y = x + F(norm(x))      none  y = x + F(x) */
static struct onnx_value sublayer(const struct onnx_net *n, size_t l, const char *name, struct onnx_value x,
                                  const struct rows *r)
{
    const enum stg_norm where = n->shape->norm;
    const struct onnx_value normed = onnx_name("layer.%zu.norm_%s", l, name);
    const bool attends = r != NULL;
    const struct onnx_value in = where == STG_NORM_PRE ? norm(n, normed, x) : x;
    const struct onnx_value sum = onnx_binary(n->graph, "Add", onnx_name("layer.%zu.%s.residual", l, name), x,
                                              attends ? attention(n, l, in, r) : feed_forward(n, l, in));
    return where == STG_NORM_POST ? norm(n, normed, sum) : sum;
}

struct onnx_value onnx_transformer(const struct onnx_net *n, struct onnx_value x, struct onnx_value any)
{
    const struct rows r = make_rows(n, any);
    size_t width = n->shape->n_waves * n->shape->wave_dim;
    for (size_t f = 0; f < n->shape->n_tables; f++) {
        width += n->shape->table_dim[f];
    }
    if (width != n->shape->hidden) {
        x = onnx_linear(n, onnx_name("project"), x);
    }
    for (size_t l = 0; l < n->shape->layers; l++) {
        x = sublayer(n, l, "attention", x, &r);
        x = sublayer(n, l, "ff", x, NULL);
    }
    return n->shape->norm == STG_NORM_NONE ? x : norm(n, onnx_name("norm"), x);
}
