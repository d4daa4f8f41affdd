/* Linear layer: y = x W + b, with its gradient, over packed rows; the parameters are NAME.weight (I,O) and NAME.bias
 * (O). */
#ifndef STG_NN_LINEAR_H
#define STG_NN_LINEAR_H

#include "compute/product.h"
#include "nn/params.h"

/* Rows that are done at once: those of all outputs of a wide layer fit into the second cache. Backward reads a gradient
 * of weights for each of its runs of rows, so these are longer. */
enum { STG_LINEAR_ROWS = 128, STG_LINEAR_BACKWARD_ROWS = 192 };

struct stg_linear {
    size_t weight, bias;        /* indices into params */
    size_t inputs, outputs;     /* I, O */
    struct stg_product product; /* packed weights; owned */
};

enum stg_status stg_linear_declare(struct stg_linear *l, struct stg_params *p, const char *name, size_t inputs,
                                   size_t outputs) STG_MUST_USE;
enum stg_status stg_linear_alloc(struct stg_linear *l, enum stg_precision precision) STG_MUST_USE;
void stg_linear_fini(struct stg_linear *l);
void stg_linear_updated(struct stg_linear *l, const struct stg_params *p); /* packs the weights anew */

/* y (n,O) from x (n,I). */
void stg_linear_forward(const struct stg_linear *l, const struct stg_params *p, float *y, const float *x, size_t n);
/* Adds the parameters' gradients into gradient (like params) from dy (n,O) and x (n,I); writes dx (n,I) unless it
 * is NULL. */
void stg_linear_backward(const struct stg_linear *l, const struct stg_params *p, float *gradient, float *dx,
                         const float *dy, const float *x, size_t n);

#endif
