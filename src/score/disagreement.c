#include "score/disagreement.h"

#include <math.h>

/* In two passes, as the members are often near each other and far from zero. */
static double deviation(const double *x, size_t n)
{
    double mean = 0;
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        mean += x[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        squares += (x[i] - mean) * (x[i] - mean);
    }
    return sqrt(squares / (double)n);
}

void stg_disagreement_add(struct stg_disagreement *d, const struct stg_model *m, const struct stg_model_run *run,
                          size_t first, size_t n, float *event)
{
    size_t n_members = 0;
    size_t stride = 0;
    const float *said = m->ops->members == NULL ? NULL : m->ops->members(run, &n_members, &stride);
    d->n_members = n_members;
    d->n_tokens += n;
    if (n_members == 0 && event == NULL) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        double one[STG_MODEL_MAX_MEMBERS];
        for (size_t k = 0; k < n_members; k++) {
            one[k] = (double)said[k * stride + first + i];
            d->sum[k] += one[k];
        }
        if (event != NULL) {
            event[i] = n_members == 0 ? NAN : (float)deviation(one, n_members);
        }
    }
}

double stg_disagreement_of(const struct stg_disagreement *d)
{
    double mean[STG_MODEL_MAX_MEMBERS];
    if (d->n_members == 0) {
        return (double)NAN;
    }
    for (size_t k = 0; k < d->n_members; k++) {
        mean[k] = d->n_tokens == 0 ? 0 : d->sum[k] / (double)d->n_tokens;
    }
    return deviation(mean, d->n_members);
}
