#include "train/lesson.h"

#include "base/memory.h"

#include <string.h>

/* Tokens of one task at most: what a teacher needs to work on at once is bounded, however large the batch. */
enum { TASK_TOKENS = 8192 };

/* A batch cut into tasks of consecutive walks. */
struct work {
    struct stg_lesson *lesson;
    const struct stg_walk *walks;
    size_t n;
    size_t tokens; /* of a task, about */
};

static enum stg_status need_runs(struct stg_lesson *l, const struct stg_model *m, size_t n)
{
    if (l->runs == NULL) {
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&l->runs, n, sizeof(struct stg_model_run *)));
        l->model = m;
    }
    for (; l->n_runs < n; l->n_runs++) {
        STG_RETURN_IF_FAILED(m->ops->run_new(m, &l->runs[l->n_runs]));
    }
    return STG_OK;
}

/* The walks of task i_task: *first, and how many. */
static size_t walks_of(const struct work *w, size_t i_task, size_t *first)
{
    size_t n = 0;
    size_t tokens = 0;
    size_t task = 0;
    *first = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (n > 0 && tokens >= w->tokens) {
            if (task == i_task) {
                return n;
            }
            task++;
            *first = i;
            n = tokens = 0;
        }
        tokens += stg_walk_scored(&w->walks[i]);
        n++;
    }
    return task == i_task ? n : 0;
}

static enum stg_status run_task(void *context, size_t i_task, size_t i_thread)
{
    const struct work *w = context;
    size_t first = 0;
    const size_t n = walks_of(w, i_task, &first);
    return stg_model_distributions(w->lesson->model, w->lesson->runs[i_thread], w->walks + first, n,
                                   w->lesson->of_walk + first);
}

enum stg_status stg_lesson_prepare(struct stg_lesson *l, const struct stg_teacher *t, const struct stg_walk *walks,
                                   size_t n, struct stg_pool *pool, struct stg_model_soft *out)
{
    const size_t V = stg_symbols_count(t->model->symbols);
    const size_t n_threads = stg_pool_threads(pool);
    size_t tokens = 0;
    for (size_t i = 0; i < n; i++) {
        tokens += stg_walk_scored(&walks[i]);
    }
    STG_RETURN_IF_FAILED(need_runs(l, t->model, n_threads));
    STG_RETURN_IF_FAILED(stg_mem_grow(&l->log_p, &l->cap_log_p, tokens + 1, V * sizeof *l->log_p));
    STG_RETURN_IF_FAILED(stg_mem_grow(&l->of_walk, &l->cap_walks, n, sizeof *l->of_walk));
    for (size_t i = 0, at = 0; i < n; at += stg_walk_scored(&walks[i++])) {
        l->of_walk[i] = l->log_p + at * V;
    }
    struct work w = {.lesson = l, .walks = walks, .n = n, .tokens = tokens / n_threads + 1};
    w.tokens = w.tokens < TASK_TOKENS ? w.tokens : TASK_TOKENS;
    size_t n_tasks = 0;
    for (size_t first; walks_of(&w, n_tasks, &first) > 0;) {
        n_tasks++;
    }
    STG_RETURN_IF_FAILED(stg_pool_run(pool, n_tasks, run_task, &w));
    *out = (struct stg_model_soft){.log_p = l->of_walk, .weight = t->weight, .temperature = t->temperature};
    return STG_OK;
}

void stg_lesson_fini(struct stg_lesson *l)
{
    for (size_t i = 0; i < l->n_runs; i++) {
        l->model->ops->run_free(l->runs[i]);
    }
    stg_mem_free(l->runs);
    stg_mem_free(l->log_p);
    stg_mem_free(l->of_walk);
    memset(l, 0, sizeof *l);
}
