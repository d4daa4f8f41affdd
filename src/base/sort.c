#include "base/sort.h"

#include <stdlib.h>

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void stg_sort_floats(float *values, size_t n)
{
    if (n > 1) { /* of none there may be no array */
        qsort(values, n, sizeof *values, compare_floats);
    }
}

void stg_sort_doubles(double *values, size_t n)
{
    if (n > 1) {
        qsort(values, n, sizeof *values, compare_doubles);
    }
}
