/* Transformer decoder language model (Vaswani et al. 2017; as published for system calls in arXiv 2309.02206): layers
 * of causal attention and a feed-forward function, each with a residual sum. With small windows and global rows it is a
 * Longformer (Beltagy et al. 2020), made causal: a global row is seen by every later row, but itself sees no row after
 * it. */
#include "base/memory.h"
#include "nn/transformer_internal.h"

#include <math.h>
#include <stdio.h>

enum { MAX_WIDTH = 4096, MAX_FF = 16384, MAX_REACH = 1 << 20 };

static enum stg_status check(const struct stg_net_shape *s)
{
    if ((s->hidden != 0 && s->hidden < 8) || s->hidden > MAX_WIDTH || s->ff == 0 || s->ff > MAX_FF || s->heads == 0) {
        return stg_fail(STG_ERR_USAGE,
                        "Transformer: rows of %zu, %zu heads, feed-forward of %zu: use 8 to %d, 1 or more, 1 to %d",
                        s->hidden, s->heads, s->ff, MAX_WIDTH, MAX_FF);
    }
    if (s->n_global > STG_NET_MAX_GLOBAL) {
        return stg_fail(STG_ERR_USAGE, "Transformer: %zu global rows: use at most %d", s->n_global, STG_NET_MAX_GLOBAL);
    }
    for (size_t l = 0; l < s->layers; l++) {
        const size_t dilation = s->dilation[l];
        if (s->window[l] == 0 || dilation == 0 || dilation > MAX_REACH || s->window[l] > MAX_REACH / dilation) {
            return stg_fail(STG_ERR_USAGE,
                            "Transformer: window %zu with dilation %zu: use 1 or more, the product at most %d",
                            s->window[l], dilation, MAX_REACH);
        }
    }
    return STG_OK;
}

static enum stg_status declare_norm(struct stg_params *p, struct stg_transformer_norm *norm, const char *name, size_t d)
{
    char full[48];
    snprintf(full, sizeof full, "%.39s.gain", name);
    STG_RETURN_IF_FAILED(stg_params_add(p, full, 1, d, &norm->gain));
    snprintf(full, sizeof full, "%.39s.bias", name);
    return stg_params_add(p, full, 1, d, &norm->bias);
}

static enum stg_status declare_layer(struct stg_transformer *m, size_t l)
{
    const struct stg_net_shape *s = &m->net.shape;
    struct stg_transformer_layer *layer = &m->layer[l];
    struct stg_params *p = &m->net.params;
    const size_t d = s->hidden;
    char name[48];
    layer->ring = (s->window[l] - 1) * s->dilation[l] + 1;
    snprintf(name, sizeof name, "layer.%zu.qkv", l);
    STG_RETURN_IF_FAILED(stg_linear_declare(&layer->qkv, p, name, d, 3 * d));
    snprintf(name, sizeof name, "layer.%zu.out", l);
    STG_RETURN_IF_FAILED(stg_linear_declare(&layer->out, p, name, d, d));
    if (s->n_global > 0) {
        snprintf(name, sizeof name, "layer.%zu.global", l);
        STG_RETURN_IF_FAILED(stg_linear_declare(&layer->global, p, name, d, 3 * d));
    }
    snprintf(name, sizeof name, "layer.%zu.ff_in", l);
    STG_RETURN_IF_FAILED(
        stg_linear_declare(&layer->ff_in, p, name, d, s->activation == STG_ACTIVATION_SWIGLU ? 2 * s->ff : s->ff));
    snprintf(name, sizeof name, "layer.%zu.ff_out", l);
    STG_RETURN_IF_FAILED(stg_linear_declare(&layer->ff_out, p, name, s->ff, d));
    if (s->norm == STG_NORM_NONE) {
        return STG_OK;
    }
    snprintf(name, sizeof name, "layer.%zu.norm_attention", l);
    STG_RETURN_IF_FAILED(declare_norm(p, &layer->norm[STG_SUBLAYER_ATTENTION], name, d));
    snprintf(name, sizeof name, "layer.%zu.norm_ff", l);
    return declare_norm(p, &layer->norm[STG_SUBLAYER_FF], name, d);
}

static enum stg_status declare(struct stg_net *net)
{
    struct stg_transformer *m = (struct stg_transformer *)net;
    struct stg_net_shape *s = &net->shape;
    s->hidden = s->hidden == 0 ? net->input : s->hidden;
    if (s->hidden > MAX_WIDTH || s->hidden % s->heads != 0) {
        return stg_fail(STG_ERR_USAGE, "Transformer: %zu heads do not divide rows of %zu: use other numbers", s->heads,
                        s->hidden);
    }
    m->projects = s->hidden != net->input;
    if (m->projects) {
        STG_RETURN_IF_FAILED(stg_linear_declare(&m->project, &net->params, "project", net->input, s->hidden));
    }
    for (size_t l = 0; l < s->layers; l++) {
        STG_RETURN_IF_FAILED(declare_layer(m, l));
    }
    return s->norm == STG_NORM_NONE ? STG_OK : declare_norm(&net->params, &m->norm, "norm", s->hidden);
}

/* The linear parts of layer l that there are; returns how many. */
static size_t linears(struct stg_transformer *m, size_t l, struct stg_linear *out[5])
{
    struct stg_transformer_layer *layer = &m->layer[l];
    size_t n = 0;
    out[n++] = &layer->qkv;
    out[n++] = &layer->out;
    out[n++] = &layer->ff_in;
    out[n++] = &layer->ff_out;
    if (m->net.shape.n_global > 0) {
        out[n++] = &layer->global;
    }
    return n;
}

/* What reads the input row itself; NULL if a norm does. */
static const struct stg_linear *first_linear(const struct stg_transformer *m)
{
    return m->projects ? &m->project : m->net.shape.norm != STG_NORM_PRE ? &m->layer[0].qkv : NULL;
}

static enum stg_status alloc(struct stg_net *net)
{
    struct stg_transformer *m = (struct stg_transformer *)net;
    if (m->projects) {
        STG_RETURN_IF_FAILED(stg_linear_alloc(&m->project, net->shape.precision));
    }
    for (size_t l = 0; l < net->shape.layers; l++) {
        struct stg_linear *part[5];
        const size_t n = linears(m, l, part);
        for (size_t i = 0; i < n; i++) {
            STG_RETURN_IF_FAILED(stg_linear_alloc(part[i], net->shape.precision));
        }
    }
    const struct stg_linear *first = first_linear(m);
    return first == NULL ? STG_OK : stg_first_layer_init(&m->first, net, &first->product, first->weight, first->bias);
}

static void fini(struct stg_net *net)
{
    struct stg_transformer *m = (struct stg_transformer *)net;
    stg_linear_fini(&m->project);
    stg_first_layer_fini(&m->first);
    for (size_t l = 0; l < net->shape.layers; l++) {
        struct stg_linear *part[5];
        const size_t n = linears(m, l, part);
        for (size_t i = 0; i < n; i++) {
            stg_linear_fini(part[i]);
        }
    }
}

static void updated(struct stg_net *net)
{
    struct stg_transformer *m = (struct stg_transformer *)net;
    if (m->projects) {
        stg_linear_updated(&m->project, &net->params);
    }
    for (size_t l = 0; l < net->shape.layers; l++) {
        struct stg_linear *part[5];
        const size_t n = linears(m, l, part);
        for (size_t i = 0; i < n; i++) {
            stg_linear_updated(part[i], &net->params);
        }
    }
    const struct stg_linear *first = first_linear(m);
    if (first != NULL) {
        stg_first_layer_updated(&m->first, net, stg_params_value(&net->params, first->bias));
    }
}

/* Glorot and Bengio 2010 (uniform), for `blocks` matrices side by side; biases stay zero. */
static void init_linear(struct stg_net *net, const struct stg_linear *l, size_t blocks, double scale,
                        struct stg_rng *rng)
{
    const size_t outputs = l->outputs / blocks;
    stg_net_init_uniform(net, l->weight, scale * sqrt(6.0 / (double)(l->inputs + outputs)), rng);
}

static void init_norm(struct stg_net *net, const struct stg_transformer_norm *norm)
{
    float *gain = stg_params_value(&net->params, norm->gain);
    for (size_t i = 0; i < net->shape.hidden; i++) {
        gain[i] = 1.0f;
    }
}

/* T-Fixup scales down what a sublayer adds, as no norm does it: embeddings, values, and the matrices after them. */
static void init_layer(struct stg_transformer *m, size_t l, double fixup, struct stg_rng *rng)
{
    struct stg_net *net = &m->net;
    const struct stg_transformer_layer *layer = &m->layer[l];
    const size_t d = net->shape.hidden;
    init_linear(net, &layer->qkv, 3, 1.0, rng);
    float *weight = stg_params_value(&net->params, layer->qkv.weight);
    for (size_t i = 0; i < d * 3 * d; i++) {
        weight[i] *= i % (3 * d) >= 2 * d ? (float)fixup : 1.0f;
    }
    init_linear(net, &layer->out, 1, fixup, rng);
    if (net->shape.n_global > 0) {
        init_linear(net, &layer->global, 3, fixup, rng);
    }
    init_linear(net, &layer->ff_in, layer->ff_in.outputs / net->shape.ff, fixup, rng);
    init_linear(net, &layer->ff_out, 1, fixup, rng);
    if (net->shape.norm != STG_NORM_NONE) {
        init_norm(net, &layer->norm[STG_SUBLAYER_ATTENTION]);
        init_norm(net, &layer->norm[STG_SUBLAYER_FF]);
    }
}

static void init(struct stg_net *net, struct stg_rng *rng)
{
    struct stg_transformer *m = (struct stg_transformer *)net;
    const struct stg_net_shape *s = &net->shape;
    const bool norms = s->norm != STG_NORM_NONE;
    const double fixup = norms ? 1.0 : 0.67 * pow((double)s->layers, -0.25);
    for (size_t i = 0; i < s->n_tables; i++) {
        stg_net_init_normal(net, net->p_table[i], norms ? 1.0 : fixup / sqrt((double)s->hidden), rng);
    }
    if (m->projects) {
        init_linear(net, &m->project, 1, 1.0, rng);
    }
    for (size_t l = 0; l < s->layers; l++) {
        init_layer(m, l, fixup, rng);
    }
    if (norms) {
        init_norm(net, &m->norm);
    }
    init_linear(net, &net->head, 1, 1.0, rng);
}

const struct stg_net_ops stg_net_transformer = {
    .name = "Transformer",
    .size = sizeof(struct stg_transformer),
    .work_size = sizeof(struct stg_transformer_work),
    .check = check,
    .declare = declare,
    .alloc = alloc,
    .fini = fini,
    .init = init,
    .updated = updated,
    .work_fini = stg_transformer_work_fini,
    .part = stg_transformer_part,
    .score = stg_transformer_score,
    .state_size = stg_transformer_state_size,
    .state_reset = stg_transformer_state_reset,
    .step = stg_transformer_step,
    .step_watched = stg_transformer_step_watched,
    .top = stg_transformer_top,
};
