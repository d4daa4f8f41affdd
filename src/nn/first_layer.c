#include "nn/first_layer.h"

#include "base/memory.h"
#include "nn/net_internal.h"

#include <string.h>

enum {
    MAX_IDS = 2048, /* beyond, tables and sums would leave the caches, and making them would cost as much as rows do */
    ROWS = 64,      /* ids done at once */
};

enum stg_status stg_first_layer_init(struct stg_first_layer *f, const struct stg_net *net,
                                     const struct stg_product *product, size_t weight, size_t bias)
{
    const struct stg_net_shape *s = &net->shape;
    *f = (struct stg_first_layer){.weight = weight, .bias = bias, .product = product};
    for (size_t t = 0; t < s->n_tables; t++) {
        if (s->table_rows[t] > MAX_IDS - f->n_ids) {
            return STG_OK;
        }
        f->n_ids += s->table_rows[t];
        f->first_wave += s->table_dim[t];
    }
    if (f->n_ids == 0) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_aligned(&f->x, ROWS, product->K * sizeof(float)));
    STG_RETURN_IF_FAILED(stg_mem_aligned(&f->table, f->n_ids, product->N * sizeof(float)));
    if (s->n_waves > 0) {
        STG_RETURN_IF_FAILED(
            stg_product_init(&f->waves, product->K - f->first_wave, product->N, product->precision, false));
    }
    f->looked_up = true;
    return STG_OK;
}

void stg_first_layer_fini(struct stg_first_layer *f)
{
    stg_mem_free(f->x);
    stg_mem_free(f->table);
    stg_product_fini(&f->waves);
}

/* Some ids of one field. */
struct run {
    size_t table, column; /* the field, and where it stands in x */
    size_t id, n;         /* ids id … id + n − 1 of it */
    size_t at;            /* the first one's row among all ids */
};

/* The next run after *r, which is zeroed before the first; false at the end. */
static bool next_run(const struct stg_net_shape *s, struct run *r)
{
    r->id += r->n;
    r->at += r->n;
    while (r->table < s->n_tables && r->id == s->table_rows[r->table]) {
        r->column += s->table_dim[r->table];
        r->table++;
        r->id = 0;
    }
    if (r->table == s->n_tables) {
        return false;
    }
    const size_t left = s->table_rows[r->table] - r->id;
    r->n = left < ROWS ? left : ROWS;
    return true;
}

/* x (n,I): the run's embeddings where they stand in a row, and zeros. */
static void put_run(const struct stg_net *net, float *x, size_t I, const struct run *r)
{
    const size_t dim = net->shape.table_dim[r->table];
    const float *from = stg_params_value(&net->params, net->p_table[r->table]) + r->id * dim;
    memset(x, 0, r->n * I * sizeof(float));
    for (size_t i = 0; i < r->n; i++) {
        memcpy(x + i * I + r->column, from + i * dim, dim * sizeof(float));
    }
}

void stg_first_layer_updated(struct stg_first_layer *f, const struct stg_net *net, const float *bias)
{
    const size_t I = f->product->K;
    const size_t O = f->product->N;
    if (!f->looked_up) {
        return;
    }
    for (struct run r = {0}; next_run(&net->shape, &r);) {
        put_run(net, f->x, I, &r);
        stg_product_forward(f->product, f->table + r.at * O, O, f->x, I, r.n, false);
    }
    for (size_t id = 0; id < net->shape.table_rows[0] && bias != NULL; id++) { /* a row shows one id of each field */
        stg_kernels()->add(f->table + id * O, bias, O);
    }
    if (net->shape.n_waves > 0) {
        stg_product_pack(&f->waves, stg_params_value(&net->params, f->weight) + f->first_wave * O, O);
    }
}

void stg_first_layer_row(const struct stg_first_layer *f, const struct stg_net *net, float *y, const uint32_t *ids)
{
    const size_t O = f->product->N;
    const float *table = f->table;
    for (size_t t = 0; t < net->shape.n_tables; table += net->shape.table_rows[t++] * O) {
        if (t == 0) {
            memcpy(y, table + ids[t] * O, O * sizeof(float));
        } else {
            stg_kernels()->add(y, table + ids[t] * O, O);
        }
    }
}

void stg_first_layer_waves(const struct stg_first_layer *f, const struct stg_net *net, float *y, const float *x,
                           size_t n)
{
    if (net->shape.n_waves > 0) {
        stg_product_forward(&f->waves, y, f->product->N, x + f->first_wave, f->product->K, n, true);
    }
}

void stg_first_layer_forward(const struct stg_first_layer *f, const struct stg_net *net, float *y, const uint32_t *ids,
                             const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        stg_first_layer_row(f, net, y + i * f->product->N, ids + i * net->shape.n_tables);
    }
    stg_first_layer_waves(f, net, y, x, n);
}

enum stg_status stg_first_layer_begin(const struct stg_first_layer *f, struct stg_first_layer_sums *sums)
{
    const size_t size = f->product->N * sizeof(float);
    if (sums->dy == NULL) {
        STG_RETURN_IF_FAILED(stg_mem_aligned(&sums->dy, f->n_ids, size));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&sums->x, ROWS, f->product->K * sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&sums->dx, ROWS, f->product->K * sizeof(float)));
    }
    memset(sums->dy, 0, f->n_ids * size);
    return STG_OK;
}

void stg_first_layer_row_backward(const struct stg_first_layer *f, const struct stg_net *net,
                                  struct stg_first_layer_sums *sums, const float *dy, const uint32_t *ids)
{
    const size_t O = f->product->N;
    float *sum = sums->dy;
    for (size_t t = 0; t < net->shape.n_tables; sum += net->shape.table_rows[t++] * O) {
        stg_kernels()->add(sum + ids[t] * O, dy, O);
    }
}

void stg_first_layer_waves_backward(const struct stg_first_layer *f, const struct stg_net *net, float *gradient,
                                    const float *dy, const float *x, size_t n)
{
    const size_t O = f->product->N;
    if (net->shape.n_waves > 0) {
        float *dw = gradient + net->params.table[f->weight].offset + f->first_wave * O;
        stg_product_gradient(&f->waves, dw, O, x + f->first_wave, f->product->K, dy, O, n);
    }
}

void stg_first_layer_end(const struct stg_first_layer *f, const struct stg_net *net,
                         const struct stg_first_layer_sums *sums, float *gradient)
{
    const struct stg_param *table = net->params.table;
    const size_t I = f->product->K;
    const size_t O = f->product->N;
    for (struct run r = {0}; next_run(&net->shape, &r);) {
        const size_t dim = net->shape.table_dim[r.table];
        float *to = gradient + table[net->p_table[r.table]].offset + r.id * dim;
        const float *dy = sums->dy + r.at * O;
        put_run(net, sums->x, I, &r);
        stg_product_gradient(f->product, gradient + table[f->weight].offset, O, sums->x, I, dy, O, r.n);
        stg_product_backward(f->product, sums->dx, I, dy, O, r.n, false);
        for (size_t i = 0; i < r.n; i++) {
            stg_kernels()->add(to + i * dim, sums->dx + i * I + r.column, dim);
        }
    }
    /* A row shows one of the first field's ids. */
    stg_kernels()->column_sums(gradient + table[f->bias].offset, sums->dy, O, net->shape.table_rows[0], O);
}

void stg_first_layer_sums_fini(struct stg_first_layer_sums *sums)
{
    stg_mem_free(sums->dy);
    stg_mem_free(sums->x);
    stg_mem_free(sums->dx);
}
