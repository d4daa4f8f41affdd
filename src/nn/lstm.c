/* LSTM language model: layers of LSTM (Hochreiter and Schmidhuber 1997) between input rows and head. Parameters and
 * equations are PyTorch's (gates i, f, g, o; two biases a layer), so that fixtures from there compare. */
#include "base/memory.h"
#include "nn/lstm_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static enum stg_status check(const struct stg_net_shape *s)
{
    if (s->hidden == 0 || s->hidden > 4096 || s->hidden % 8 != 0) {
        return stg_fail(STG_ERR_USAGE, "LSTM: layers of %zu units: use 8 to 4096 units, a multiple of 8", s->hidden);
    }
    return STG_OK;
}

static enum stg_status declare_layer(struct stg_lstm *m, size_t l)
{
    const size_t H = m->net.shape.hidden;
    const size_t I = l == 0 ? m->net.input : H;
    struct stg_params *p = &m->net.params;
    char name[48];
    m->layer[l].inputs = I;
    snprintf(name, sizeof name, "lstm.%zu.weight_input", l);
    STG_RETURN_IF_FAILED(stg_params_add(p, name, I, 4 * H, &m->layer[l].w_input));
    snprintf(name, sizeof name, "lstm.%zu.weight_hidden", l);
    STG_RETURN_IF_FAILED(stg_params_add(p, name, H, 4 * H, &m->layer[l].w_hidden));
    snprintf(name, sizeof name, "lstm.%zu.bias_input", l);
    STG_RETURN_IF_FAILED(stg_params_add(p, name, 1, 4 * H, &m->layer[l].b_input));
    snprintf(name, sizeof name, "lstm.%zu.bias_hidden", l);
    return stg_params_add(p, name, 1, 4 * H, &m->layer[l].b_hidden);
}

static enum stg_status declare(struct stg_net *net)
{
    for (size_t l = 0; l < net->shape.layers; l++) {
        STG_RETURN_IF_FAILED(declare_layer((struct stg_lstm *)net, l));
    }
    return STG_OK;
}

static enum stg_status alloc(struct stg_net *net)
{
    struct stg_lstm *m = (struct stg_lstm *)net;
    const size_t H = net->shape.hidden;
    for (size_t l = 0; l < net->shape.layers; l++) {
        struct stg_lstm_layer *layer = &m->layer[l];
        STG_RETURN_IF_FAILED(stg_product_init(&layer->input, layer->inputs, 4 * H, net->shape.precision, true));
        STG_RETURN_IF_FAILED(stg_product_init(&layer->hidden, H, 4 * H, net->shape.precision, true));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&layer->bias, 4 * H, sizeof(float)));
    }
    return stg_first_layer_init(&m->first, net, &m->layer[0].input, m->layer[0].w_input, m->layer[0].b_input);
}

static void fini(struct stg_net *net)
{
    struct stg_lstm *m = (struct stg_lstm *)net;
    for (size_t l = 0; l < STG_NET_MAX_LAYERS; l++) {
        stg_product_fini(&m->layer[l].input);
        stg_product_fini(&m->layer[l].hidden);
        stg_mem_free(m->layer[l].bias);
    }
    stg_first_layer_fini(&m->first);
}

/* PyTorch's initial values: LSTM and head uniform in ±1/√H, embeddings normal. */
static void init(struct stg_net *net, struct stg_rng *rng)
{
    const double bound = 1.0 / sqrt((double)net->shape.hidden);
    for (size_t i = 0; i < net->params.n; i++) {
        if (i < net->shape.n_tables) {
            stg_net_init_normal(net, i, 1.0, rng);
        } else {
            stg_net_init_uniform(net, i, bound, rng);
        }
    }
}

static void updated(struct stg_net *net)
{
    const struct stg_kernels *k = stg_kernels();
    struct stg_lstm *m = (struct stg_lstm *)net;
    const size_t H = net->shape.hidden;
    for (size_t l = 0; l < net->shape.layers; l++) {
        struct stg_lstm_layer *layer = &m->layer[l];
        stg_product_pack(&layer->input, stg_params_value(&net->params, layer->w_input), 4 * H);
        stg_product_pack(&layer->hidden, stg_params_value(&net->params, layer->w_hidden), 4 * H);
        memcpy(layer->bias, stg_params_value(&net->params, layer->b_input), 4 * H * sizeof(float));
        k->add(layer->bias, stg_params_value(&net->params, layer->b_hidden), 4 * H);
    }
    stg_first_layer_updated(&m->first, net, NULL);
}

const struct stg_net_ops stg_net_lstm = {
    .name = "LSTM",
    .size = sizeof(struct stg_lstm),
    .work_size = sizeof(struct stg_lstm_work),
    .check = check,
    .declare = declare,
    .alloc = alloc,
    .fini = fini,
    .init = init,
    .updated = updated,
    .work_fini = stg_lstm_work_fini,
    .part = stg_lstm_part,
    .score = stg_lstm_score,
    .state_size = stg_lstm_state_size,
    .state_reset = stg_lstm_state_reset,
    .step = stg_lstm_step,
    .top = stg_lstm_top,
};
