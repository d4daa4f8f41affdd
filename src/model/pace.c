#include "model/pace.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/octave.h"

#include <math.h>

enum {
    STEP_BITS = 3,
    STEPS = 1 << STEP_BITS, /* bins of an octave */
    BINS = 64 * STEPS,
    CHUNK = 256, /* sequences of a task */
};

struct job {
    const struct stg_corpus *corpus;
    size_t n_calls;
    uint32_t **counts;           /* (threads) (n_calls × STG_PACE_PHASES × BINS) each; NULL until it is needed */
    struct stg_walker **walkers; /* (threads) */
};

/* The bin of a time: eighths of an octave; what is not above zero is in the first. */
static size_t bin_of(int64_t ns)
{
    return ns <= 0 ? 0 : (size_t)stg_octave_step((uint64_t)ns, STEP_BITS);
}

/* The least time of a bin, ns. */
static double edge_of(size_t bin)
{
    return (double)(UINT64_C(1) << (bin / STEPS)) * (1 + (double)(bin % STEPS) / STEPS);
}

static enum stg_status count_chunk(void *context, size_t i_task, size_t i_thread)
{
    struct job *job = context;
    const size_t first = i_task * CHUNK, last = first + CHUNK < job->corpus->n ? first + CHUNK : job->corpus->n;
    STG_RETURN_IF_FAILED(stg_interrupt_check());
    if (job->counts[i_thread] == NULL) {
        STG_RETURN_IF_FAILED(
            stg_mem_zeroed(&job->counts[i_thread], job->n_calls * STG_PACE_PHASES * BINS, sizeof **job->counts));
        STG_RETURN_IF_FAILED(stg_walker_new(&job->walkers[i_thread], STG_WALK_ELAPSED));
    }
    for (size_t i = first; i < last; i++) {
        struct stg_seq seq;
        size_t n_walks = 0;
        stg_corpus_get(job->corpus, i, &seq);
        STG_RETURN_IF_FAILED(stg_walker_begin(job->walkers[i_thread], &seq, STG_ORDER_THREAD, 0, &n_walks));
        for (size_t k = 0; k < n_walks; k++) {
            struct stg_walk w;
            stg_walker_get(job->walkers[i_thread], k, &w);
            for (size_t row = stg_pace_first(&w); row < w.n; row++) {
                if (w.call[row] < job->n_calls && w.phase[row] < STG_PACE_PHASES) {
                    const size_t kind = (size_t)w.call[row] * STG_PACE_PHASES + w.phase[row];
                    job->counts[i_thread][kind * BINS + bin_of(w.elapsed_ns[row])]++;
                }
            }
        }
    }
    return STG_OK;
}

/* The STG_PACE_SHARE quantile of what the bins count, n in all, events of a bin spread evenly over it. */
static int64_t quantile(const uint64_t counts[BINS], uint64_t n)
{
    uint64_t below = 0;
    const double wanted = STG_PACE_SHARE * (double)n;
    size_t b = 0;
    while (b + 1 < BINS && (double)(below + counts[b]) <= wanted) {
        below += counts[b++];
    }
    const double part = counts[b] == 0 ? 0 : (wanted - (double)below) / (double)counts[b];
    return (int64_t)fmin(edge_of(b) + part * (edge_of(b + 1) - edge_of(b)), (double)STG_TIME_MAX);
}

static void take_quantiles(struct stg_pace *p, const struct job *job, size_t n_threads)
{
    for (size_t kind = 0; kind < p->n_calls * STG_PACE_PHASES; kind++) {
        uint64_t sum[BINS] = {0}, n = 0;
        for (size_t t = 0; t < n_threads; t++) {
            for (size_t b = 0; b < BINS && job->counts[t] != NULL; b++) {
                sum[b] += job->counts[t][kind * BINS + b];
                n += job->counts[t][kind * BINS + b];
            }
        }
        p->fast[kind] = n < STG_PACE_LEAST ? 0 : quantile(sum, n);
    }
}

enum stg_status stg_pace_fit(struct stg_pace *p, const struct stg_corpus *corpus, size_t n_calls, struct stg_pool *pool)
{
    enum stg_status status = STG_OK;
    const size_t n_threads = stg_pool_threads(pool);
    struct job job = {.corpus = corpus, .n_calls = n_calls};
    stg_pace_fini(p);
    STG_TRY(stg_mem_zeroed((void *)&job.counts, n_threads, sizeof *job.counts));
    STG_TRY(stg_mem_zeroed((void *)&job.walkers, n_threads, sizeof *job.walkers));
    STG_TRY(stg_pool_run(pool, (corpus->n + CHUNK - 1) / CHUNK, count_chunk, &job));
    STG_TRY(stg_mem_zeroed(&p->fast, n_calls * STG_PACE_PHASES, sizeof *p->fast));
    p->n_calls = n_calls;
    take_quantiles(p, &job, n_threads);
out:
    for (size_t t = 0; t < n_threads; t++) {
        if (job.counts != NULL) {
            stg_mem_free(job.counts[t]);
        }
        if (job.walkers != NULL) {
            stg_walker_free(job.walkers[t]);
        }
    }
    stg_mem_free((void *)job.counts);
    stg_mem_free((void *)job.walkers);
    return status;
}

void stg_pace_fini(struct stg_pace *p)
{
    stg_mem_free(p->fast);
    *p = (struct stg_pace){0};
}

void stg_pace_count(const struct stg_pace *p, const struct stg_walk *w, size_t *n_fast, size_t *n_events)
{
    for (size_t row = stg_pace_first(w); row < w->n; row++) {
        *n_fast += stg_pace_is_fast(p, w->call[row], w->phase[row], w->elapsed_ns[row]);
        *n_events += 1;
    }
}
