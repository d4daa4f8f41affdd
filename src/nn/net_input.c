/* The input row: embeddings side by side, then sinusoids. */
#include "nn/net_internal.h"

#include <string.h>

void stg_net_input_row(const struct stg_net *m, float *x, const uint32_t *ids, const double *scalars)
{
    for (size_t f = 0; f < m->shape.n_tables; f++) {
        const size_t dim = m->shape.table_dim[f];
        memcpy(x, stg_params_value(&m->params, m->p_table[f]) + ids[f] * dim, dim * sizeof(float));
        x += dim;
    }
    for (size_t f = 0; f < m->shape.n_waves; f++) {
        stg_kernels()->waves(x, scalars[f], m->wave_scale, m->shape.wave_dim / 2);
        x += m->shape.wave_dim;
    }
}

const double *stg_net_scalars_of(const struct stg_net *m, const struct stg_net_sequence *s, size_t t)
{
    return m->shape.n_waves == 0 ? NULL : s->scalars + t * m->shape.n_waves;
}

void stg_net_sequence_row(const struct stg_net *m, float *x, const struct stg_net_sequence *s, size_t t)
{
    stg_net_input_row(m, x, s->ids + t * m->shape.n_tables, stg_net_scalars_of(m, s, t));
}

void stg_net_input_row_backward(const struct stg_net *m, float *gradient, const float *dx, const uint32_t *ids)
{
    const struct stg_kernels *k = stg_kernels();
    for (size_t f = 0; f < m->shape.n_tables; f++) {
        const size_t dim = m->shape.table_dim[f];
        k->add(gradient + m->params.table[m->p_table[f]].offset + ids[f] * dim, dx, dim);
        dx += dim;
    }
}
