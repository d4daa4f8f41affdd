#include "nn/linear.h"

#include "base/memory.h"
#include "compute/kernels.h"

#include <stdio.h>

enum { FEW = 64 }; /* rows up to which panels beat the large product */

enum stg_status stg_linear_declare(struct stg_linear *l, struct stg_params *p, const char *name, size_t inputs, size_t outputs)
{
    char full[48];
    l->inputs = inputs;
    l->outputs = outputs;
    snprintf(full, sizeof full, "%s.weight", name);
    STG_RETURN_IF_FAILED(stg_params_add(p, full, inputs, outputs, &l->weight));
    snprintf(full, sizeof full, "%s.bias", name);
    return stg_params_add(p, full, 1, outputs, &l->bias);
}

enum stg_status stg_linear_alloc(struct stg_linear *l)
{
    return stg_mem_aligned(&l->packed, stg_kernels()->packed_size(l->inputs, l->outputs), sizeof(float));
}

void stg_linear_fini(struct stg_linear *l)
{
    stg_mem_free(l->packed);
    l->packed = NULL;
}

void stg_linear_updated(const struct stg_linear *l, const struct stg_params *p)
{
    stg_kernels()->pack(l->packed, stg_params_value(p, l->weight), l->outputs, l->inputs, l->outputs);
}

void stg_linear_forward(const struct stg_linear *l, const struct stg_params *p, float *y, const float *x, size_t n)
{
    const struct stg_kernels *k = stg_kernels();
    const size_t I = l->inputs;
    const size_t O = l->outputs;
    const float *bias = stg_params_value(p, l->bias);
    if (n > FEW) {
        stg_gemm(0, 0, n, O, I, x, I, stg_params_value(p, l->weight), O, 0.0f, y, O);
    } else {
        k->rows_product(y, O, x, I, l->packed, n, I, O, 0);
    }
    for (size_t i = 0; i < n; i++) {
        k->add(y + i * O, bias, O);
    }
}

void stg_linear_backward(const struct stg_linear *l, const struct stg_params *p, float *gradient, float *dx, const float *dy,
                         const float *x, size_t n, int accumulate)
{
    const size_t I = l->inputs;
    const size_t O = l->outputs;
    stg_gemm(1, 0, I, O, n, x, I, dy, O, 1.0f, gradient + p->table[l->weight].offset, O);
    stg_kernels()->column_sums(gradient + p->table[l->bias].offset, dy, O, n, O);
    if (dx != NULL) {
        stg_gemm(0, 1, n, I, O, dy, O, stg_params_value(p, l->weight), O, accumulate ? 1.0f : 0.0f, dx, I);
    }
}
