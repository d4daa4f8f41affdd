#include "nn/linear.h"

#include "compute/kernels.h"

#include <stdio.h>

enum stg_status stg_linear_declare(struct stg_linear *l, struct stg_params *p, const char *name, size_t inputs,
                                   size_t outputs)
{
    char full[48];
    l->inputs = inputs;
    l->outputs = outputs;
    snprintf(full, sizeof full, "%s.weight", name);
    STG_RETURN_IF_FAILED(stg_params_add(p, full, inputs, outputs, &l->weight));
    snprintf(full, sizeof full, "%s.bias", name);
    return stg_params_add(p, full, 1, outputs, &l->bias);
}

enum stg_status stg_linear_alloc(struct stg_linear *l, enum stg_precision precision)
{
    /* Backward's panels too, as a model that is loaded to be scored may be trained on. */
    return stg_product_init(&l->product, l->inputs, l->outputs, precision, true);
}

void stg_linear_fini(struct stg_linear *l)
{
    stg_product_fini(&l->product);
}

void stg_linear_updated(struct stg_linear *l, const struct stg_params *p)
{
    stg_product_pack(&l->product, stg_params_value(p, l->weight), l->outputs);
}

void stg_linear_forward(const struct stg_linear *l, const struct stg_params *p, float *y, const float *x, size_t n)
{
    stg_product_affine(&l->product, y, l->outputs, stg_params_value(p, l->bias), x, l->inputs, n);
}

void stg_linear_backward(const struct stg_linear *l, const struct stg_params *p, float *gradient, float *dx,
                         const float *dy, const float *x, size_t n)
{
    const size_t I = l->inputs;
    const size_t O = l->outputs;
    for (size_t from = 0; from < n; from += STG_LINEAR_BACKWARD_ROWS) {
        const size_t rows = n - from < STG_LINEAR_BACKWARD_ROWS ? n - from : STG_LINEAR_BACKWARD_ROWS;
        const float *d = dy + from * O;
        stg_product_gradient(&l->product, gradient + p->table[l->weight].offset, O, x + from * I, I, d, O, rows);
        stg_kernels()->column_sums(gradient + p->table[l->bias].offset, d, O, rows, O);
        if (dx != NULL) {
            stg_product_backward(&l->product, dx + from * I, I, d, O, rows, false);
        }
    }
}
