/* Sorting of plain numbers, rising. */
#ifndef STG_BASE_SORT_H
#define STG_BASE_SORT_H

#include <stddef.h>

void stg_sort_floats(float *values, size_t n);
void stg_sort_doubles(double *values, size_t n);

#endif
