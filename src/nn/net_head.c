/* The linear head with softmax and cross-entropy, and dropout. */
#include "nn/net_internal.h"

#include <string.h>

static size_t likeliest(const float *row, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        best = row[i] > row[best] ? i : best;
    }
    return best;
}

/* Logits in, their gradients out; unscored rows get a zero gradient. */
static void losses(const struct stg_net_pass *pass, float *logits, const struct stg_net_goal *goals, size_t n, size_t V,
                   struct stg_net_loss *sum)
{
    const struct stg_kernels *k = stg_kernels();
    for (size_t i = 0; i < n; i++) {
        float *row = logits + i * V;
        float loss;
        float objective;
        const struct stg_net_goal *g = &goals[i];
        if (g->target == STG_NET_UNSCORED) {
            memset(row, 0, V * sizeof(float));
            continue;
        }
        sum->n_correct += likeliest(row, V) == g->target;
        if (g->soft.log_p == NULL) {
            k->cross_entropy(row, &loss, &objective, V, g->target, (float)pass->smoothing, pass->scale);
        } else {
            k->soft_cross_entropy(row, &loss, &objective, g->soft.log_p, V, g->target, (float)pass->smoothing,
                                  g->soft.weight, g->soft.temperature, pass->scale);
        }
        sum->loss += (double)loss;
        sum->objective += (double)objective;
        sum->n++;
    }
}

void stg_net_head_pass(const struct stg_net *m, struct stg_net_work *w, const struct stg_net_pass *pass, float *dh,
                       const float *h, const struct stg_net_goal *goals, size_t n, struct stg_net_loss *loss)
{
    stg_linear_forward(&m->head, &m->params, w->logits, h, n);
    losses(pass, w->logits, goals, n, m->shape.outputs, loss);
    if (pass->backward) {
        stg_linear_backward(&m->head, &m->params, w->gradient, dh, w->logits, h, n);
    }
}

void stg_net_head_log_p(const struct stg_net *m, float *log_p, const float *h, size_t n)
{
    const size_t V = m->shape.outputs;
    stg_linear_forward(&m->head, &m->params, log_p, h, n);
    for (size_t i = 0; i < n; i++) {
        stg_kernels()->log_softmax(log_p + i * V, V);
    }
}

void stg_net_put_log_p(float *to, size_t t, const float *log_p, size_t V, uint32_t target, bool all)
{
    if (all) {
        memcpy(to + t * V, log_p, V * sizeof(float));
    } else {
        to[t] = target == STG_NET_UNSCORED ? 0.0f : -log_p[target];
    }
}

struct stg_net_goal stg_net_goal_of(const struct stg_net_sequence *s, size_t t, size_t V)
{
    struct stg_net_goal g = {.target = s->target[t], .soft = s->soft};
    g.soft.log_p = s->soft.log_p == NULL || t < s->soft.first ? NULL : s->soft.log_p + (t - s->soft.first) * V;
    return g;
}

uint64_t stg_net_drop_key(uint64_t seed, size_t part, size_t run, size_t place)
{
    uint64_t x = seed ^ (0x9e3779b97f4a7c15u * (part * 1048576u + run * 64u + place + 1u));
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    return x ^ x >> 31;
}

/* In runs of rows, so that the 32-bit index of the kernel never wraps. */
void stg_net_drop(float *y, const float *x, size_t first, size_t rows, size_t H, uint64_t key, float p)
{
    enum { RUN = 65536 };
    for (size_t n = 0; rows > 0; first += n, rows -= n, y += n * H, x += n * H) {
        const size_t begin = first % RUN;
        n = RUN - begin < rows ? RUN - begin : rows;
        stg_kernels()->dropout(y, x, n * H, (uint32_t)(begin * H), key + (first - begin), p);
    }
}
