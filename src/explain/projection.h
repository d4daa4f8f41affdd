/* Projection: points of many dimensions in the plane in which they lie furthest apart, by principal component analysis
 * (Pearson 1901; Hotelling 1933). The two components are the eigenvectors of the covariance with the largest
 * eigenvalues, found by power iteration with deflation (Golub and Van Loan, Matrix Computations, section 8.2). */
#ifndef STG_EXPLAIN_PROJECTION_H
#define STG_EXPLAIN_PROJECTION_H

#include "base/status.h"

#include <stddef.h>

/* rows (n, dim) → out (n, 2), centred; share[k]: what part of the variance component k explains, 0 … 1 (0 where there
 * is none). The sign of a component is such that its largest coordinate is positive. Deterministic. Memory: dim²
 * doubles; time: dim² for each of at most 1,000 iterations, and n dim² once. */
enum stg_status stg_projection(const float *rows, size_t n, size_t dim, double (*out)[2], double share[2]) STG_MUST_USE;

#endif
