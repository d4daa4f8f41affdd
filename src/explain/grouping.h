/* Grouping: sparse vectors of length 1, put together by their cosine. Private to explain/. */
#ifndef STG_EXPLAIN_GROUPING_H
#define STG_EXPLAIN_GROUPING_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { GROUPING_COMPONENTS = 64, GROUPING_MAX_GROUPS = 256, GROUPING_MAX_FEATURES = 4096 };

struct grouping_vector {
    uint32_t n;
    uint32_t feature[GROUPING_COMPONENTS]; /* below n_features; each once */
    float weight[GROUPING_COMPONENTS];     /* ≥ 0; their squares add up to 1 */
    uint16_t before[GROUPING_COMPONENTS];  /* goes along: the call before the most surprising event of the feature */
    float rank;                            /* of groups of one size the one with the highest comes first */
};

/* group[i] of each of n vectors, groups by size, the largest first, then by the highest rank of their vectors, equal
 * ones by their first vector. A vector joins the group whose mean is nearest when the cosine is at least similarity;
 * groups whose means are as near are merged, the nearest first. Past 256 groups vectors join whatever is nearest.
 * n_features ≤ GROUPING_MAX_FEATURES. */
enum stg_status grouping_find(const struct grouping_vector *vectors, size_t n, size_t n_features, double similarity,
                              uint32_t *group, size_t *n_groups) STG_MUST_USE;

/* Index of the vector of the group that is nearest to the mean of its group; SIZE_MAX for an empty group. */
enum stg_status grouping_centre(const struct grouping_vector *vectors, size_t n, size_t n_features,
                                const uint32_t *group, uint32_t which, size_t *centre) STG_MUST_USE;

#endif
