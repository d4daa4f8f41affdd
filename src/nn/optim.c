#include "nn/optim.h"

#include "base/memory.h"
#include "compute/kernels.h"

#include <math.h>
#include <string.h>

enum { LOOKAHEAD_EVERY = 6 };
#define LOOKAHEAD_PART 0.5f

enum stg_status stg_optimizer_init(struct stg_optimizer *o, const struct stg_params *p)
{
    if (o->kind != STG_OPTIMIZER_RANGER) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_aligned(&o->slow, p->size, sizeof *o->slow));
    memcpy(o->slow, p->value, p->size * sizeof *o->slow);
    return STG_OK;
}

void stg_optimizer_fini(struct stg_optimizer *o)
{
    stg_mem_free(o->slow);
    o->slow = NULL;
}

/* Biases and gains have their place without being small. */
static void decay_matrices(const struct stg_optimizer *o, const struct stg_params *p)
{
    const float keep = (float)(1.0 - o->rate * o->decay);
    for (size_t i = 0; i < p->n; i++) {
        const struct stg_param *e = &p->table[i];
        float *value = stg_params_value(p, i);
        for (size_t j = 0; j < e->rows * e->cols && e->rows > 1; j++) {
            value[j] *= keep;
        }
    }
}

/* The kernel's update is rate · m / (√v · root + ε). RAdam has the bias corrections in rate, and while the variance of
 * 1/√v is unknown (Liu et al. 2020, ρ ≤ 5) divides by nothing: root 0, ε 1. */
struct step {
    double rate, root, epsilon;
};

static struct step radam_step(const struct stg_optimizer *o)
{
    const double t = (double)o->n_steps;
    const double power2 = pow(o->beta2, t);
    const double limit = 2.0 / (1.0 - o->beta2) - 1.0;
    const double rho = limit - 2.0 * t * power2 / (1.0 - power2);
    const double rate = o->rate / (1.0 - pow(o->beta1, t));
    if (rho <= 5.0) {
        return (struct step){rate, 0.0, 1.0};
    }
    const double rectification = sqrt((rho - 4.0) * (rho - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * rho));
    return (struct step){rate * rectification * sqrt(1.0 - power2), 1.0, o->epsilon};
}

static struct step adam_step(const struct stg_optimizer *o)
{
    const double correct1 = 1.0 - pow(o->beta1, (double)o->n_steps);
    const double correct2 = 1.0 - pow(o->beta2, (double)o->n_steps);
    return (struct step){o->rate / correct1, 1.0 / sqrt(correct2), o->epsilon};
}

static void look_ahead(const struct stg_optimizer *o, struct stg_params *p)
{
    for (size_t i = 0; i < p->size; i++) {
        o->slow[i] += LOOKAHEAD_PART * (p->value[i] - o->slow[i]);
    }
    memcpy(p->value, o->slow, p->size * sizeof *o->slow);
}

enum stg_status stg_optimizer_update(struct stg_optimizer *o, struct stg_params *p, double *norm)
{
    const struct stg_kernels *k = stg_kernels();
    *norm = sqrt(k->square_sum(p->gradient, p->size));
    if (!isfinite(*norm)) {
        return stg_fail(STG_ERR_INPUT, "the gradient is not finite after %llu updates: use a lower --rate",
                        (unsigned long long)o->n_steps);
    }
    o->n_steps++;
    const double scale = o->clip > 0 && *norm > o->clip ? o->clip / *norm : 1.0;
    const struct step step = o->kind == STG_OPTIMIZER_RANGER ? radam_step(o) : adam_step(o);
    if (o->kind == STG_OPTIMIZER_ADAMW) {
        decay_matrices(o, p);
    }
    k->adam(p->value, p->moment1, p->moment2, p->gradient, p->size, (float)scale, (float)o->beta1, (float)o->beta2,
            (float)step.rate, (float)step.root, (float)step.epsilon);
    if (o->kind == STG_OPTIMIZER_RANGER && o->n_steps % LOOKAHEAD_EVERY == 0) {
        look_ahead(o, p);
    }
    return STG_OK;
}
