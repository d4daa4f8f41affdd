/* The first layer's share of a row's gates that comes from its embeddings, made once for every id instead of once for
 * every row: a row of ids is looked up, and only its sinusoids are multiplied. A stream, whose every step waits for the
 * weights from memory, reads an eighth less in the published net and a fifth less in the default one. For scoring and
 * streams alone, which do the same sums in the same order; training needs the rows themselves, and gets sums that
 * differ by rounding. */
#include "nn/lstm_internal.h"

#include "base/memory.h"

#include <string.h>

enum {
    MAX_FOLDED = 1 << 22, /* floats of all tables: a vocabulary that needs more is looked up the plain way */
    FOLD_ROWS = 64,       /* ids done at once */
};

enum stg_status stg_lstm_fold_alloc(struct stg_lstm *m)
{
    const struct stg_net_shape *s = &m->net.shape;
    struct stg_lstm_fold *f = &m->fold;
    const size_t G = 4 * s->hidden;
    size_t rows = 0;
    for (size_t t = 0; t < s->n_tables; t++) {
        rows += s->table_rows[t];
    }
    if (s->n_tables == 0 || rows > MAX_FOLDED / G) {
        return STG_OK;
    }
    f->first_wave = m->net.input - s->n_waves * s->wave_dim;
    STG_RETURN_IF_FAILED(stg_mem_aligned(&f->x, FOLD_ROWS, m->net.input * sizeof(float)));
    STG_RETURN_IF_FAILED(stg_mem_aligned(&f->gates, rows, G * sizeof(float)));
    if (s->n_waves > 0) {
        STG_RETURN_IF_FAILED(stg_product_init(&f->waves, m->net.input - f->first_wave, G, s->precision, false));
    }
    f->folded = true;
    return STG_OK;
}

void stg_lstm_fold_fini(struct stg_lstm *m)
{
    stg_mem_free(m->fold.x);
    stg_mem_free(m->fold.gates);
    stg_product_fini(&m->fold.waves);
}

void stg_lstm_fold_updated(struct stg_lstm *m)
{
    const struct stg_net_shape *s = &m->net.shape;
    struct stg_lstm_fold *f = &m->fold;
    const size_t G = 4 * s->hidden;
    const size_t I = m->net.input;
    float *to = f->gates;
    size_t column = 0;
    if (!f->folded) {
        return;
    }
    for (size_t t = 0; t < s->n_tables; column += s->table_dim[t++]) {
        const float *embedding = stg_params_value(&m->net.params, m->net.p_table[t]);
        memset(f->x, 0, FOLD_ROWS * I * sizeof(float)); /* the other fields are not there, and add nothing */
        for (size_t row = 0; row < s->table_rows[t]; row += FOLD_ROWS) {
            const size_t n = s->table_rows[t] - row < FOLD_ROWS ? s->table_rows[t] - row : FOLD_ROWS;
            for (size_t i = 0; i < n; i++) {
                memcpy(f->x + i * I + column, embedding + (row + i) * s->table_dim[t], s->table_dim[t] * sizeof(float));
            }
            stg_product_forward(&m->layer[0].input, to, G, f->x, I, n, false);
            to += n * G;
        }
    }
    if (s->n_waves > 0) {
        stg_product_pack(&f->waves, stg_params_value(&m->net.params, m->layer[0].w_input) + f->first_wave * G, G);
    }
}

void stg_lstm_fold_row(const struct stg_lstm *m, float *gates, const uint32_t *ids)
{
    const struct stg_net_shape *s = &m->net.shape;
    const size_t G = 4 * s->hidden;
    const float *table = m->fold.gates;
    for (size_t t = 0; t < s->n_tables; table += s->table_rows[t++] * G) {
        if (t == 0) {
            memcpy(gates, table + ids[t] * G, G * sizeof(float));
        } else {
            stg_kernels()->add(gates, table + ids[t] * G, G);
        }
    }
}

void stg_lstm_fold_waves(const struct stg_lstm *m, float *gates, const float *x, size_t n)
{
    if (m->net.shape.n_waves > 0) {
        stg_product_forward(&m->fold.waves, gates, 4 * m->net.shape.hidden, x + m->fold.first_wave, m->net.input, n,
                            true);
    }
}
