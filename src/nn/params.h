/* Parameters: one arena and one table of names. Values, gradients and Adam's moments are four arrays of the same
 * layout; saving, loading, the optimiser and the tests walk the table. */
#ifndef STG_NN_PARAMS_H
#define STG_NN_PARAMS_H

#include "base/status.h"
#include "base/tensors.h"

#include <stddef.h>
#include <stdint.h>

#define STG_PARAMS_MAX 256

struct stg_param {
    char name[48];
    size_t rows, cols; /* row-major; a vector has rows 1 */
    size_t offset;     /* of its first element in the four arrays; a multiple of 16 */
};

struct stg_params {
    struct stg_param table[STG_PARAMS_MAX];
    size_t n;        /* entries of table */
    size_t size;     /* elements of each array, padding included */
    size_t n_values; /* elements without padding: the number of parameters */
    float *value;    /* (size), 64-byte aligned; the four are owned */
    float *gradient; /* (size); allocated by stg_params_alloc(training) */
    float *moment1;  /* (size) Adam's first moment */
    float *moment2;  /* (size) Adam's second moment */
};

/* Declares a parameter before stg_params_alloc(); *index is its place in the table. */
enum stg_status stg_params_add(struct stg_params *p, const char *name, size_t rows, size_t cols,
                               size_t *index) STG_MUST_USE;
/* Allocates value; with training also the other three. Zeroed. */
enum stg_status stg_params_alloc(struct stg_params *p, int training) STG_MUST_USE;
void stg_params_fini(struct stg_params *p);
static inline float *stg_params_value(const struct stg_params *p, size_t i)
{
    return p->value + p->table[i].offset;
}

/* Tensors `<prefix><name>` of one of the arrays. put borrows the array until the writer commits; get refuses what is
 * not finite. */
enum stg_status stg_params_put(const struct stg_params *p, const float *array, const char *prefix,
                               struct stg_tensors_writer *w) STG_MUST_USE;
enum stg_status stg_params_get(const struct stg_params *p, float *array, const char *prefix,
                               const struct stg_tensors *t) STG_MUST_USE;

#endif
