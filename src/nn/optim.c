#include "nn/optim.h"

#include "compute/kernels.h"

#include <math.h>

enum stg_status stg_adam_update(struct stg_adam *a, struct stg_params *p, double *norm)
{
    const struct stg_kernels *k = stg_kernels();
    *norm = sqrt(k->square_sum(p->gradient, p->size));
    if (!isfinite(*norm)) {
        return stg_fail(STG_ERR_INPUT, "the gradient is not finite after %llu updates: use a lower --rate", (unsigned long long)a->n_steps);
    }
    a->n_steps++;
    const double scale = a->clip > 0 && *norm > a->clip ? a->clip / *norm : 1.0;
    const double correct1 = 1.0 - pow(a->beta1, (double)a->n_steps);
    const double correct2 = 1.0 - pow(a->beta2, (double)a->n_steps);
    k->adam(p->value, p->moment1, p->moment2, p->gradient, p->size, (float)scale, (float)a->beta1, (float)a->beta2,
            (float)(a->rate / correct1), (float)(1.0 / sqrt(correct2)), (float)a->epsilon);
    return STG_OK;
}
