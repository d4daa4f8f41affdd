/* Thread pool: one call that runs n tasks on the pool's threads and returns when all are done. */
#ifndef STG_BASE_POOL_H
#define STG_BASE_POOL_H

#include "base/status.h"

#include <stddef.h>

struct stg_pool;

/* n_threads 0 = one per processor that this process may use; 1 starts no thread at all. The threads
 * wait for work when it returns, so that the process may fork between runs. */
enum stg_status stg_pool_new(struct stg_pool **out, size_t n_threads) STG_MUST_USE;
void stg_pool_free(struct stg_pool *pool);
size_t stg_pool_threads(const struct stg_pool *pool); /* at least 1; pool may be NULL (= 1) */

/* task(context, i_task, i_thread) for every i_task < n_tasks, handed out in order to whichever thread is free; i_thread
 * < stg_pool_threads(). The first failure (of the lowest i_task) stops further tasks and is returned with its message.
 * pool may be NULL: the caller runs them all. */
typedef enum stg_status (*stg_pool_task)(void *context, size_t i_task, size_t i_thread);
enum stg_status stg_pool_run(struct stg_pool *pool, size_t n_tasks, stg_pool_task task, void *context) STG_MUST_USE;

#endif
