/* Memory: checked allocation. Every allocation of the library goes through here, so that tests can make the n-th one
 * fail. Sizes are multiplied with overflow checks; a size that cannot be is STG_ERR_MEMORY, not a wrap-around. */
#ifndef STG_BASE_MEMORY_H
#define STG_BASE_MEMORY_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = n × size zeroed bytes; n or size 0 gives a non-NULL pointer that may be freed. */
enum stg_status stg_mem_zeroed(void *out, size_t n, size_t size) STG_MUST_USE;

/* As stg_mem_zeroed() with an alignment of 64 bytes (a cache line, an AVX-512 register); free with stg_mem_free(). From
 * a megabyte on in pages of two where the system has them, at most one megabyte more than asked for: what is read all
 * over again waits for fewer translations of addresses. For what is filled, as all of it is touched. */
enum stg_status stg_mem_aligned(void *out, size_t n, size_t size) STG_MUST_USE;

/* Grows the array *array (NULL at first) of *cap elements to hold at least need; doubles. *array stays valid on
 * failure. */
enum stg_status stg_mem_grow(void *array, size_t *cap, size_t need, size_t size) STG_MUST_USE;

/* Copies n bytes / a string. */
enum stg_status stg_mem_dup(void *out, const void *from, size_t n) STG_MUST_USE;
enum stg_status stg_mem_strdup(char **out, const char *from) STG_MUST_USE;

void stg_mem_free(void *pointer);

/* True and *out = a × b, or false when the product does not fit. */
bool stg_mem_product(size_t a, size_t b, size_t *out);

/* Tests only: the n-th allocation from now (1 = the next one) fails, once; 0 switches that off. Process-wide. */
void stg_mem_fail_at(uint64_t n);
/* Allocations so far, to know how many there are to fail. */
uint64_t stg_mem_count(void);

#endif
