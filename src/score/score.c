#include "score/channels.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "score/disagreement.h"

#include <math.h>
#include <stdatomic.h>

#define BATCH_TOKENS    32768
#define BATCH_SEQUENCES 64

/* What one thread needs for a batch; grows to the largest one and is kept from batch to batch. */
struct worker {
    unsigned columns;                           /* STG_WALK_* of the walkers */
    struct stg_walker *walker[BATCH_SEQUENCES]; /* made on first use */
    struct stg_model_run *run, *side_run[STG_SIDES];
    struct stg_walk *walks; /* of the batch, one sequence after another */
    size_t cap_walks;
    float **target; /* (walks) where the surprisals of each go */
    size_t cap_target;
    size_t *walk_len; /* (walks) scored tokens */
    size_t cap_len;
    float *surprisal; /* of the batch */
    float *side;      /* of the batch, by a side model */
    size_t cap_surprisal, cap_side;
    size_t n_walks_of[BATCH_SEQUENCES];
};

struct job {
    const struct stg_model *model;
    const struct stg_corpus *corpus;
    bool quantiles;
    struct stg_score *scores;
    struct stg_progress *progress;
    uint64_t n_before;    /* done when it began */
    atomic_size_t n_done; /* sequences, since then */
    size_t *first;        /* (n_batches + 1) first sequence of each batch */
    struct worker *workers;
};

void stg_score_describe(struct stg_score *out, const struct stg_seq *seq)
{
    *out = (struct stg_score){
        .id = seq->id,
        .n_lost = seq->n_lost,
        .begin_ns = seq->begin_ns,
        .end_ns = seq->end_ns,
        .n_events = seq->n > UINT32_MAX ? UINT32_MAX : (uint32_t)seq->n,
        .trace = seq->trace,
        .stream = seq->trace,
        .tid = seq->tid,
        .pid = seq->pid,
        .runnable = seq->runnable,
        .alone = seq->alone,
        .stayed = seq->stayed,
        .workers = seq->workers,
        .disagreement = (double)NAN,
    };
}

bool stg_score_overlap(const struct stg_model *m, const struct stg_score *a, const struct stg_score *b)
{
    const bool one_scope = m->recipe.scope == STG_SCOPE_SYSTEM ||
                           (m->recipe.scope == STG_SCOPE_PROCESS ? a->pid == b->pid : a->tid == b->tid);
    return one_scope && a->stream == b->stream && a->begin_ns < b->end_ns && b->begin_ns < a->end_ns;
}

double stg_score_loss(const struct stg_score *scores, size_t n)
{
    double sum = 0, tokens = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)scores[i].value[STG_AGGREGATE_MEAN] * (double)scores[i].n_tokens;
        tokens += (double)scores[i].n_tokens;
    }
    return tokens > 0 ? sum / tokens : (double)NAN;
}

static void worker_fini(struct worker *w, const struct stg_model *m)
{
    for (size_t i = 0; i < BATCH_SEQUENCES; i++) {
        stg_walker_free(w->walker[i]);
    }
    if (w->run != NULL) {
        m->ops->run_free(w->run);
    }
    for (int i = 0; i < STG_SIDES; i++) {
        if (w->side_run[i] != NULL) {
            m->side[i]->ops->run_free(w->side_run[i]);
        }
    }
    stg_mem_free(w->side);
    stg_mem_free(w->walks);
    stg_mem_free((void *)w->target);
    stg_mem_free(w->walk_len);
    stg_mem_free(w->surprisal);
}

/* Appends the walks of a sequence to the worker's, which had *n_walks walks of *n_tokens tokens. */
static enum stg_status add_walks(struct worker *w, size_t slot, const struct stg_model *m, const struct stg_seq *seq,
                                 size_t *n_walks, size_t *n_tokens)
{
    size_t n = 0;
    if (w->walker[slot] == NULL) {
        STG_RETURN_IF_FAILED(stg_walker_new(&w->walker[slot], w->columns));
    }
    STG_RETURN_IF_FAILED(stg_walker_begin(w->walker[slot], seq, m->recipe.order, m->max_walk, &n));
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->walks, &w->cap_walks, *n_walks + n, sizeof *w->walks));
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->walk_len, &w->cap_len, *n_walks + n, sizeof *w->walk_len));
    for (size_t k = 0; k < n; k++) {
        struct stg_walk *walk = &w->walks[*n_walks + k];
        stg_walker_get(w->walker[slot], k, walk);
        w->walk_len[*n_walks + k] = stg_walk_scored(walk);
        *n_tokens += stg_walk_scored(walk);
    }
    w->n_walks_of[slot] = n;
    *n_walks += n;
    return STG_OK;
}

/* Surprisals of the batch's walks by m, one walk after another, into *to, which grows. */
static enum stg_status score_walks(struct worker *w, const struct stg_model *m, struct stg_model_run **run,
                                   size_t n_walks, size_t n_tokens, float **to, size_t *cap)
{
    STG_RETURN_IF_FAILED(stg_mem_grow(to, cap, n_tokens + 1, sizeof **to));
    STG_RETURN_IF_FAILED(stg_mem_grow((void *)&w->target, &w->cap_target, n_walks + 1, sizeof *w->target));
    float *at = *to;
    for (size_t k = 0; k < n_walks; k++) {
        w->target[k] = at;
        at += w->walk_len[k];
    }
    if (*run == NULL) {
        STG_RETURN_IF_FAILED(m->ops->run_new(m, run));
    }
    return m->ops->score(m, *run, w->walks, n_walks, w->target);
}

/* The values of the side models for the n sequences of the batch. */
static enum stg_status score_sides(struct worker *w, const struct stg_model *m, struct stg_score *scores, size_t n,
                                   size_t n_walks, size_t n_tokens)
{
    for (int side = 0; side < STG_SIDES; side++) {
        if (m->side[side] == NULL) {
            continue;
        }
        STG_RETURN_IF_FAILED(
            score_walks(w, m->side[side], &w->side_run[side], n_walks, n_tokens, &w->side, &w->cap_side));
        const float *at = w->side;
        for (size_t i = 0; i < n; i++) {
            double sum = 0;
            for (size_t k = 0; k < scores[i].n_tokens; k++) {
                sum += (double)at[k];
            }
            at += scores[i].n_tokens;
            const bool mean = side == STG_SIDE_TIME && scores[i].n_tokens > 0;
            scores[i].value[STG_AGGREGATE_TIME + side] = (float)(mean ? sum / scores[i].n_tokens : sum);
        }
    }
    return STG_OK;
}

/* The pace of the n sequences of the batch. */
static void measure_pace(const struct worker *w, const struct stg_model *m, struct stg_score *scores, size_t n)
{
    const struct stg_walk *walk = w->walks;
    for (size_t i = 0; i < n && m->pace.fast != NULL; i++) {
        size_t n_fast = 0, n_events = 0;
        for (size_t k = 0; k < w->n_walks_of[i]; k++) {
            stg_pace_count(&m->pace, walk++, &n_fast, &n_events);
        }
        scores[i].value[STG_AGGREGATE_PACE] =
            n_events == 0 ? 1.0f : (float)((double)n_fast / (STG_PACE_SHARE * (double)n_events));
    }
}

static enum stg_status finish_scores(struct job *job, struct worker *w, size_t first, size_t n)
{
    size_t walk = 0, token = 0;
    for (size_t i = 0; i < n; i++) {
        struct stg_seq seq;
        struct stg_score *out = &job->scores[first + i];
        struct stg_disagreement members = {0};
        const size_t n_walks = w->n_walks_of[i];
        size_t n_tokens = 0;
        for (size_t k = 0; k < n_walks; k++) {
            n_tokens += w->walk_len[walk + k];
        }
        stg_corpus_get(job->corpus, first + i, &seq);
        stg_score_describe(out, &seq);
        out->n_tokens = (uint32_t)n_tokens;
        for (size_t k = 0; k < n_walks; k++) {
            out->n_unknown += (uint32_t)stg_symbols_unknown(job->model->symbols, &w->walks[walk + k]);
        }
        const enum stg_status status =
            stg_aggregate_values(w->surprisal + token, w->walk_len + walk, n_walks, job->quantiles, out->value);
        if (status != STG_OK) {
            return stg_context(status, "sequence %llu", (unsigned long long)seq.id);
        }
        out->value[STG_AGGREGATE_LOAD] = stg_channels_load(&seq);
        out->value[STG_AGGREGATE_MIGRATION] = stg_channels_migration(&seq);
        out->value[STG_AGGREGATE_WORKERS] = stg_channels_workers(&seq);
        stg_disagreement_add(&members, job->model, w->run, token, n_tokens, NULL);
        out->disagreement = stg_disagreement_of(&members);
        walk += n_walks;
        token += n_tokens;
    }
    return STG_OK;
}

static enum stg_status score_batch(void *context, size_t i_task, size_t i_thread)
{
    struct job *job = context;
    struct worker *w = &job->workers[i_thread];
    const size_t first = job->first[i_task], n = job->first[i_task + 1] - first;
    size_t n_walks = 0, n_tokens = 0;
    w->columns = stg_model_columns(job->model);
    STG_RETURN_IF_FAILED(stg_interrupt_check());
    for (size_t i = 0; i < n; i++) {
        struct stg_seq seq;
        stg_corpus_get(job->corpus, first + i, &seq);
        STG_RETURN_IF_FAILED(add_walks(w, i, job->model, &seq, &n_walks, &n_tokens));
    }
    STG_RETURN_IF_FAILED(score_walks(w, job->model, &w->run, n_walks, n_tokens, &w->surprisal, &w->cap_surprisal));
    STG_RETURN_IF_FAILED(finish_scores(job, w, first, n));
    STG_RETURN_IF_FAILED(score_sides(w, job->model, job->scores + first, n, n_walks, n_tokens));
    measure_pace(w, job->model, job->scores + first, n);
    for (size_t i = 0; i < n; i++) {
        stg_channels_judge(job->model, &job->scores[first + i]);
    }
    const size_t done = atomic_fetch_add(&job->n_done, n) + n;
    if (i_thread == 0) {
        stg_progress_update(job->progress, job->n_before + done);
    }
    return STG_OK;
}

/* Batches depend on the corpus alone: a model whose arithmetic depends on what is batched together still gives the same
 * scores on any number of threads. */
static enum stg_status plan_batches(struct job *job, size_t *n_batches)
{
    size_t n = 0, tokens = 0;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&job->first, job->corpus->n + 1, sizeof *job->first));
    for (size_t i = 0; i < job->corpus->n; i++) {
        struct stg_seq seq;
        stg_corpus_get(job->corpus, i, &seq);
        const size_t context =
            seq.context_offset == NULL ? 0 : (size_t)(seq.context_offset[seq.n_threads] - seq.context_offset[0]);
        const size_t length = seq.n + context + seq.n_threads;
        if (i > job->first[n] && (tokens + length > BATCH_TOKENS || i - job->first[n] == BATCH_SEQUENCES)) {
            job->first[++n] = i;
            tokens = 0;
        }
        tokens += length;
    }
    if (job->corpus->n > 0) {
        job->first[++n] = job->corpus->n;
    }
    *n_batches = n;
    return STG_OK;
}

static enum stg_status score_corpus(const struct stg_model *m, const struct stg_corpus *corpus, bool quantiles,
                                    struct stg_pool *pool, struct stg_progress *progress, struct stg_score *scores)
{
    enum stg_status status = STG_OK;
    struct job job = {.model = m,
                      .corpus = corpus,
                      .quantiles = quantiles,
                      .scores = scores,
                      .progress = progress,
                      .n_before = progress != NULL ? progress->done : 0};
    const size_t n_threads = stg_pool_threads(pool);
    size_t n_batches = 0;
    STG_TRY(stg_mem_zeroed(&job.workers, n_threads, sizeof *job.workers));
    STG_TRY(plan_batches(&job, &n_batches));
    STG_TRY(stg_pool_run(pool, n_batches, score_batch, &job));
    stg_progress_update(progress, job.n_before + atomic_load(&job.n_done));
out:
    for (size_t i = 0; job.workers != NULL && i < n_threads; i++) {
        worker_fini(&job.workers[i], m);
    }
    stg_mem_free(job.workers);
    stg_mem_free(job.first);
    return status;
}

enum stg_status stg_score_corpus(const struct stg_model *m, const struct stg_corpus *corpus, struct stg_pool *pool,
                                 struct stg_progress *progress, struct stg_score *scores)
{
    return score_corpus(m, corpus, true, pool, progress, scores);
}

enum stg_status stg_score_corpus_plain(const struct stg_model *m, const struct stg_corpus *corpus,
                                       struct stg_pool *pool, struct stg_progress *progress, struct stg_score *scores)
{
    return score_corpus(m, corpus, false, pool, progress, scores);
}

static void get_only(void *context, size_t i, struct stg_seq *out)
{
    (void)i;
    *out = *(const struct stg_seq *)context;
}

enum stg_status stg_score_sequence(const struct stg_model *m, const struct stg_seq *seq, struct stg_score *out)
{
    const struct stg_corpus corpus = {.n = 1, .context = (void *)seq, .get = get_only};
    return stg_score_corpus(m, &corpus, NULL, NULL, out);
}

enum stg_status stg_score_events(const struct stg_model *m, const struct stg_seq *seq, float *surprisal,
                                 double *end_sum)
{
    enum stg_status status = STG_OK;
    struct worker *w = NULL;
    size_t n_walks = 0, n_tokens = 0;
    *end_sum = 0;
    for (size_t i = 0; i < seq->n; i++) {
        surprisal[i] = NAN;
    }
    STG_TRY(stg_mem_zeroed(&w, 1, sizeof *w));
    w->columns = stg_model_columns(m) | STG_WALK_INDEX;
    STG_TRY(add_walks(w, 0, m, seq, &n_walks, &n_tokens));
    STG_TRY(score_walks(w, m, &w->run, n_walks, n_tokens, &w->surprisal, &w->cap_surprisal));
    for (size_t k = 0; k < n_walks; k++) {
        const struct stg_walk *walk = &w->walks[k];
        for (size_t i = walk->n_context; i < walk->n; i++) {
            surprisal[walk->index[i]] = w->target[k][i - walk->n_context];
        }
        *end_sum += walk->end ? (double)w->target[k][walk->n - walk->n_context] : 0;
    }
out:
    if (w != NULL) {
        worker_fini(w, m);
    }
    stg_mem_free(w);
    return status;
}
