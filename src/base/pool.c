#include "base/pool.h"

#include "base/memory.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MAX_THREADS = 1024 };

struct worker {
    struct stg_pool *pool;
    size_t i_thread;
    pthread_t thread;
};

/* One job at a time: workers wait for `round` to change, take task numbers until there are none, and count themselves
 * out. */
struct stg_pool {
    size_t n_threads;          /* with the caller, who is thread 0 */
    struct worker *workers;    /* (n_threads − 1) */
    size_t n_started, n_ready; /* threads that were made; of these, who have come to wait for work */
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    bool quit;
    uint64_t round;
    size_t n_busy;

    stg_pool_task task;
    void *context;
    size_t n_tasks;
    atomic_size_t next;
    size_t failed_task; /* lowest that failed; under lock */
    enum stg_status status;
    char message[STG_STATUS_MESSAGE_SIZE];
};

static void work(struct stg_pool *pool, size_t i_thread)
{
    for (;;) {
        const size_t i = atomic_fetch_add(&pool->next, 1);
        if (i >= pool->n_tasks) {
            return;
        }
        const enum stg_status status = pool->task(pool->context, i, i_thread);
        if (status == STG_OK) {
            continue;
        }
        pthread_mutex_lock(&pool->lock);
        if (pool->status == STG_OK || i < pool->failed_task) {
            pool->status = status;
            pool->failed_task = i;
            snprintf(pool->message, sizeof pool->message, "%s", stg_status_message());
        }
        pthread_mutex_unlock(&pool->lock);
        atomic_store(&pool->next, pool->n_tasks); /* no further tasks; those under way finish */
        return;
    }
}

static void *worker_main(void *argument)
{
    struct worker *me = argument;
    struct stg_pool *pool = me->pool;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    pool->n_ready++;
    pthread_cond_signal(&pool->done);
    for (;;) {
        while (!pool->quit && pool->round == seen) {
            pthread_cond_wait(&pool->wake, &pool->lock);
        }
        if (pool->quit) {
            break;
        }
        seen = pool->round;
        pthread_mutex_unlock(&pool->lock);
        work(pool, me->i_thread);
        pthread_mutex_lock(&pool->lock);
        if (--pool->n_busy == 0) {
            pthread_cond_signal(&pool->done);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static size_t processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    const int n = CPU_COUNT(&set);
    return n < 1 ? 1 : (size_t)n;
}

/* A thread that starts takes locks, of the allocator and of sanitizers. Whoever forks meanwhile, as the reader of
 * traces does, would leave them taken in the child for ever. */
static void wait_until_ready(struct stg_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->n_ready < pool->n_started) {
        pthread_cond_wait(&pool->done, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

enum stg_status stg_pool_new(struct stg_pool **out, size_t n_threads)
{
    enum stg_status status = STG_OK;
    struct stg_pool *pool = NULL;
    *out = NULL;
    n_threads = n_threads == 0 ? processors() : n_threads;
    n_threads = n_threads > MAX_THREADS ? MAX_THREADS : n_threads;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&pool, 1, sizeof *pool));
    pool->n_threads = n_threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    STG_TRY(stg_mem_zeroed(&pool->workers, n_threads, sizeof *pool->workers));
    for (size_t i = 0; i + 1 < n_threads; i++) {
        struct worker *w = &pool->workers[i];
        w->pool = pool;
        w->i_thread = i + 1;
        if (pthread_create(&w->thread, NULL, worker_main, w) != 0) {
            status =
                stg_fail(STG_ERR_MEMORY, "cannot start thread %zu of %zu: use --threads with fewer", i + 1, n_threads);
            goto out;
        }
        pool->n_started++;
    }
    wait_until_ready(pool);
out:
    if (status != STG_OK) {
        stg_pool_free(pool);
        return status;
    }
    *out = pool;
    return STG_OK;
}

void stg_pool_free(struct stg_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->quit = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->n_started; i++) {
        pthread_join(pool->workers[i].thread, NULL);
    }
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    stg_mem_free(pool->workers);
    stg_mem_free(pool);
}

size_t stg_pool_threads(const struct stg_pool *pool)
{
    return pool == NULL ? 1 : pool->n_threads;
}

enum stg_status stg_pool_run(struct stg_pool *pool, size_t n_tasks, stg_pool_task task, void *context)
{
    if (pool == NULL || pool->n_threads == 1 || n_tasks == 1) {
        for (size_t i = 0; i < n_tasks; i++) {
            STG_RETURN_IF_FAILED(task(context, i, 0));
        }
        return STG_OK;
    }
    pthread_mutex_lock(&pool->lock);
    pool->task = task;
    pool->context = context;
    pool->n_tasks = n_tasks;
    pool->status = STG_OK;
    atomic_store(&pool->next, 0);
    pool->n_busy = pool->n_started;
    pool->round++;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    work(pool, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->n_busy > 0) {
        pthread_cond_wait(&pool->done, &pool->lock);
    }
    const enum stg_status status = pool->status;
    pthread_mutex_unlock(&pool->lock);
    return status == STG_OK ? STG_OK : stg_fail(status, "%s", pool->message);
}
