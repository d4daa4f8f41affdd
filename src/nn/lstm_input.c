/* The input row: embeddings side by side, then sinusoids. */
#include "nn/lstm_internal.h"

#include <math.h>
#include <string.h>

/* Pairs (sin, cos) of v / base^(2i/dim), in double: times in nanoseconds leave no digits in float. */
static void waves(const struct stg_lstm *m, float *x, double v)
{
    for (size_t i = 0; i < m->shape.wave_dim / 2; i++) {
        double s;
        double c;
        sincos(v * m->wave_scale[i], &s, &c);
        x[2 * i] = (float)s;
        x[2 * i + 1] = (float)c;
    }
}

void stg_lstm_input_row(const struct stg_lstm *m, float *x, const uint32_t *ids, const double *scalars)
{
    for (size_t f = 0; f < m->shape.n_tables; f++) {
        const size_t dim = m->shape.table_dim[f];
        memcpy(x, stg_params_value(&m->params, m->p_table[f]) + ids[f] * dim, dim * sizeof(float));
        x += dim;
    }
    for (size_t f = 0; f < m->shape.n_waves; f++) {
        waves(m, x, scalars[f]);
        x += m->shape.wave_dim;
    }
}

void stg_lstm_input_forward(const struct stg_lstm *m, float *x, const struct stg_lstm_pack *p,
                            const struct stg_lstm_sequence *sequences, size_t first)
{
    for (size_t t = 0; t < p->n_steps; t++) {
        for (size_t j = 0; j < p->width[t]; j++) {
            const struct stg_lstm_sequence *s = &sequences[p->order[j]];
            const double *scalars = s->scalars == NULL ? NULL : s->scalars + (first + t) * m->shape.n_waves;
            stg_lstm_input_row(m, x + (p->start[t] + j) * m->input, s->ids + (first + t) * m->shape.n_tables, scalars);
        }
    }
}

void stg_lstm_input_backward(const struct stg_lstm *m, float *gradient, const float *dx, const struct stg_lstm_pack *p,
                             const struct stg_lstm_sequence *sequences, size_t first)
{
    const struct stg_kernels *k = stg_kernels();
    for (size_t t = 0; t < p->n_steps; t++) {
        for (size_t j = 0; j < p->width[t]; j++) {
            const uint32_t *ids = sequences[p->order[j]].ids + (first + t) * m->shape.n_tables;
            const float *row = dx + (p->start[t] + j) * m->input;
            for (size_t f = 0; f < m->shape.n_tables; f++) {
                const size_t dim = m->shape.table_dim[f];
                k->add(gradient + m->params.table[m->p_table[f]].offset + ids[f] * dim, row, dim);
                row += dim;
            }
        }
    }
}
