#include "explain/projection.h"

#include "base/memory.h"

#include <math.h>

#define MOST_ITERATIONS 1000
#define CONVERGED       1e-12

struct pca {
    size_t n, dim;
    const float *rows;   /* (n, dim) */
    double *mean;        /* (dim) */
    double *covariance;  /* (dim, dim), less what was found */
    double *axis, *next; /* (dim) */
};

static void pca_fini(struct pca *p)
{
    stg_mem_free(p->mean);
    stg_mem_free(p->covariance);
    stg_mem_free(p->axis);
    stg_mem_free(p->next);
}

/* pca_fini() also after a failure. */
static enum stg_status pca_init(struct pca *p)
{
    const size_t dim = p->dim;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&p->mean, dim, sizeof *p->mean));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&p->covariance, dim * dim, sizeof *p->covariance));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&p->axis, dim, sizeof *p->axis));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&p->next, dim, sizeof *p->next));
    for (size_t i = 0; i < p->n * dim; i++) {
        p->mean[i % dim] += (double)p->rows[i] / (double)p->n;
    }
    for (size_t i = 0; i < p->n; i++) {
        const float *row = p->rows + i * dim;
        for (size_t a = 0; a < dim; a++) {
            const double da = ((double)row[a] - p->mean[a]) / (double)p->n;
            for (size_t b = 0; b < dim; b++) {
                p->covariance[a * dim + b] += da * ((double)row[b] - p->mean[b]);
            }
        }
    }
    return STG_OK;
}

/* The column of the covariance that is longest: not orthogonal to all that is left, and the same every time. */
static void begin_axis(struct pca *p)
{
    size_t best = 0;
    for (size_t a = 1; a < p->dim; a++) {
        best = p->covariance[a * p->dim + a] > p->covariance[best * p->dim + best] ? a : best;
    }
    for (size_t a = 0; a < p->dim; a++) {
        p->axis[a] = p->covariance[a * p->dim + best];
    }
}

/* To length 1; what it was. */
static double normalise(double *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += v[i] * v[i];
    }
    for (size_t i = 0; i < n && sum > 0; i++) {
        v[i] /= sqrt(sum);
    }
    return sqrt(sum);
}

static void multiply(struct pca *p)
{
    for (size_t a = 0; a < p->dim; a++) {
        p->next[a] = 0;
        for (size_t b = 0; b < p->dim; b++) {
            p->next[a] += p->covariance[a * p->dim + b] * p->axis[b];
        }
    }
}

/* Its largest coordinate becomes positive. */
static void turn(struct pca *p)
{
    double largest = 0;
    for (size_t a = 0; a < p->dim; a++) {
        largest = fabs(p->axis[a]) > fabs(largest) ? p->axis[a] : largest;
    }
    for (size_t a = 0; a < p->dim && largest < 0; a++) {
        p->axis[a] = -p->axis[a];
    }
}

/* The axis of the largest eigenvalue, which is returned; 0 where nothing is left. */
static double find_axis(struct pca *p)
{
    double value = 0;
    begin_axis(p);
    if (!(normalise(p->axis, p->dim) > 0)) {
        return 0;
    }
    for (int i = 0; i < MOST_ITERATIONS; i++) {
        double moved = 0;
        multiply(p);
        value = normalise(p->next, p->dim);
        for (size_t a = 0; a < p->dim; a++) {
            moved += (p->next[a] - p->axis[a]) * (p->next[a] - p->axis[a]);
            p->axis[a] = p->next[a];
        }
        if (!(moved > CONVERGED * CONVERGED)) {
            break;
        }
    }
    turn(p);
    return value;
}

static double dot(const struct pca *p, size_t i)
{
    double sum = 0;
    for (size_t a = 0; a < p->dim; a++) {
        sum += ((double)p->rows[i * p->dim + a] - p->mean[a]) * p->axis[a];
    }
    return sum;
}

enum stg_status stg_projection(const float *rows, size_t n, size_t dim, double (*out)[2], double share[2])
{
    enum stg_status status = STG_OK;
    struct pca p = {.n = n, .dim = dim, .rows = rows};
    double total = 0;
    share[0] = share[1] = 0;
    STG_TRY(pca_init(&p));
    for (size_t a = 0; a < dim; a++) {
        total += p.covariance[a * dim + a];
    }
    for (size_t k = 0; k < 2; k++) {
        const double value = dim > 0 ? find_axis(&p) : 0;
        share[k] = total > 0 ? value / total : 0;
        for (size_t i = 0; i < n; i++) {
            out[i][k] = value > 0 ? dot(&p, i) : 0;
        }
        for (size_t a = 0; a < dim; a++) { /* deflation: what is left is orthogonal to the axis */
            for (size_t b = 0; b < dim; b++) {
                p.covariance[a * dim + b] -= value * p.axis[a] * p.axis[b];
            }
        }
    }
out:
    pca_fini(&p);
    return status;
}
