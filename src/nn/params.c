#include "nn/params.h"

#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { ALIGN = 16 }; /* floats: one cache line */

enum stg_status stg_params_add(struct stg_params *p, const char *name, size_t rows, size_t cols, size_t *index)
{
    size_t n;
    if (p->n == STG_PARAMS_MAX || !stg_mem_product(rows, cols, &n) || n == 0 || n > ((size_t)1 << 32)) {
        return stg_fail(STG_ERR_MEMORY, "parameter %s of %zu × %zu does not fit: use smaller settings", name, rows,
                        cols);
    }
    struct stg_param *e = &p->table[p->n];
    snprintf(e->name, sizeof e->name, "%s", name);
    e->rows = rows;
    e->cols = cols;
    e->offset = p->size;
    p->size += (n + ALIGN - 1) / ALIGN * ALIGN;
    p->n_values += n;
    *index = p->n++;
    return STG_OK;
}

enum stg_status stg_params_alloc(struct stg_params *p, int training)
{
    STG_RETURN_IF_FAILED(stg_mem_aligned(&p->value, p->size, sizeof(float)));
    if (training) {
        STG_RETURN_IF_FAILED(stg_mem_aligned(&p->gradient, p->size, sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&p->moment1, p->size, sizeof(float)));
        STG_RETURN_IF_FAILED(stg_mem_aligned(&p->moment2, p->size, sizeof(float)));
    }
    return STG_OK;
}

void stg_params_fini(struct stg_params *p)
{
    stg_mem_free(p->value);
    stg_mem_free(p->gradient);
    stg_mem_free(p->moment1);
    stg_mem_free(p->moment2);
    memset(p, 0, sizeof *p);
}

enum stg_status stg_params_put(const struct stg_params *p, const float *array, const char *prefix,
                               struct stg_tensors_writer *w)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct stg_param *e = &p->table[i];
        char name[96];
        snprintf(name, sizeof name, "%s%s", prefix, e->name);
        const size_t dims[2] = {e->rows, e->cols};
        STG_RETURN_IF_FAILED(stg_tensors_writer_put(w, name, STG_F32, 2, dims, array + e->offset));
    }
    return STG_OK;
}

static bool all_finite(const float *x, size_t n)
{
    size_t i = 0;
    while (i < n && isfinite(x[i])) {
        i++;
    }
    return i == n;
}

enum stg_status stg_params_get(const struct stg_params *p, float *array, const char *prefix,
                               const struct stg_tensors *t)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct stg_param *e = &p->table[i];
        const struct stg_tensor *tensor;
        char name[96];
        snprintf(name, sizeof name, "%s%s", prefix, e->name);
        STG_RETURN_IF_FAILED(stg_tensors_need(t, name, STG_F32, e->rows * e->cols, &tensor));
        memcpy(array + e->offset, tensor->data, tensor->n * sizeof(float));
        if (!all_finite(array + e->offset, tensor->n)) {
            return stg_fail(STG_ERR_INPUT, "%s: tensor %s: holds what is not a number: train the model again",
                            stg_tensors_path(t), name);
        }
    }
    return STG_OK;
}
