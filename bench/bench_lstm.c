/* Speed of the LSTM on the paper's shape: bench_lstm [threads] [seconds]. One line per measurement, tokens per second. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/pool.h"
#include "compute/kernels.h"
#include "nn/net.h"
#include "nn/optim.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 16, LENGTH = 1100, CALLS = 95, TABLES = 4, WAVES = 4 };

struct bench {
    struct stg_net *model;
    struct stg_pool *pool;
    struct stg_net_sequence sequences[BATCH];
    uint32_t ids[BATCH * LENGTH * TABLES];
    uint32_t targets[BATCH * LENGTH];
    double scalars[BATCH * LENGTH * WAVES];
    float surprisal[BATCH * LENGTH];
    double seconds;
};

static const struct stg_net_shape paper = {
    .n_tables = TABLES,
    .table_rows = {CALLS, 58, 3, 3},
    .table_dim = {48, 48, 12, 12},
    .n_waves = WAVES,
    .wave_dim = 12,
    .layers = 2,
    .hidden = 256,
    .outputs = CALLS,
    .dropout = 0.05f,
};

static void fill(struct bench *b)
{
    struct stg_rng rng;
    stg_rng_seed(&rng, 1);
    for (size_t i = 0; i < BATCH * LENGTH; i++) {
        for (size_t f = 0; f < TABLES; f++) {
            b->ids[i * TABLES + f] = (uint32_t)stg_rng_below(&rng, paper.table_rows[f]);
        }
        for (size_t f = 0; f < WAVES; f++) {
            b->scalars[i * WAVES + f] = (double)stg_rng_below(&rng, 100000);
        }
        b->targets[i] = (uint32_t)stg_rng_below(&rng, CALLS);
    }
    for (size_t s = 0; s < BATCH; s++) {
        b->sequences[s] = (struct stg_net_sequence){LENGTH, b->ids + s * LENGTH * TABLES, b->scalars + s * LENGTH * WAVES,
                                                     b->targets + s * LENGTH};
    }
}

static enum stg_status train(struct bench *b, double *rate)
{
    struct stg_optimizer adam = {.rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 10};
    struct stg_net_loss loss;
    double norm;
    size_t n = 0;
    uint64_t start = 0;
    for (size_t i = 0; i == 0 || (double)(stg_clock_ns() - start) * 1e-9 < b->seconds; i++) {
        if (i == 1) {
            start = stg_clock_ns(); /* the first update allocates and is not counted */
            n = 0;
        }
        STG_RETURN_IF_FAILED(stg_net_pass(b->model, b->sequences, BATCH, 0.1, i, true, b->pool, &loss));
        STG_RETURN_IF_FAILED(stg_optimizer_update(&adam, stg_net_params(b->model), &norm));
        STG_RETURN_IF_FAILED(stg_net_updated(b->model));
        start = i == 0 ? stg_clock_ns() : start;
        n += BATCH * LENGTH;
    }
    *rate = (double)n / ((double)(stg_clock_ns() - start) * 1e-9);
    return STG_OK;
}

static enum stg_status score_part(void *context, size_t i, size_t i_thread)
{
    struct bench *b = context;
    struct stg_net_work *run = NULL;
    const size_t n_parts = stg_pool_threads(b->pool);
    const size_t from = BATCH * i / n_parts;
    const size_t n = BATCH * (i + 1) / n_parts - from;
    float *to[BATCH];
    (void)i_thread;
    for (size_t s = 0; s < n; s++) {
        to[s] = b->surprisal + (from + s) * LENGTH;
    }
    STG_RETURN_IF_FAILED(stg_net_work_new(b->model, &run));
    const enum stg_status status = stg_net_score(b->model, run, b->sequences + from, n, to);
    stg_net_work_free(run);
    return status;
}

static enum stg_status score(struct bench *b, double *rate)
{
    size_t n = 0;
    const uint64_t start = stg_clock_ns();
    do {
        STG_RETURN_IF_FAILED(stg_pool_run(b->pool, stg_pool_threads(b->pool), score_part, b));
        n += BATCH * LENGTH;
    } while ((double)(stg_clock_ns() - start) * 1e-9 < b->seconds);
    *rate = (double)n / ((double)(stg_clock_ns() - start) * 1e-9);
    return STG_OK;
}

static enum stg_status stream(struct bench *b, double *microseconds)
{
    enum stg_status status = STG_OK;
    struct stg_net_work *run = NULL;
    float *state = NULL;
    float log_p[CALLS];
    STG_TRY(stg_mem_zeroed(&state, stg_net_state_size(b->model), sizeof *state));
    STG_TRY(stg_net_work_new(b->model, &run));
    const uint64_t start = stg_clock_ns();
    for (size_t i = 0; i < 20000; i++) {
        const size_t row = i % (BATCH * LENGTH);
        const float *states[1] = {state};
        STG_TRY(stg_net_step(b->model, run, &state, 1, b->ids + row * TABLES, b->scalars + row * WAVES));
        STG_TRY(stg_net_predict(b->model, run, states, 1, log_p));
    }
    *microseconds = (double)(stg_clock_ns() - start) * 1e-3 / 20000;
out:
    stg_net_work_free(run);
    stg_mem_free(state);
    return status;
}

int main(int argc, char **argv)
{
    enum stg_status status = STG_OK;
    struct bench *b = NULL;
    struct stg_rng rng;
    double trained = 0;
    double scored = 0;
    double stepped = 0;
    stg_rng_seed(&rng, 1);
    STG_TRY(stg_mem_zeroed(&b, 1, sizeof *b));
    b->seconds = argc > 2 ? strtod(argv[2], NULL) : 10;
    fill(b);
    STG_TRY(stg_pool_new(&b->pool, argc > 1 ? strtoul(argv[1], NULL, 10) : 0));
    STG_TRY(stg_net_new(&b->model, &stg_net_lstm, &paper, true));
    stg_net_init(b->model, &rng);
    STG_TRY(stg_net_updated(b->model));
    printf("lstm %s, %zu threads, %zu parameters\n", stg_kernels()->name, stg_pool_threads(b->pool), stg_net_params(b->model)->n_values);
    STG_TRY(train(b, &trained));
    printf("train %.0f tokens/s\n", trained);
    STG_TRY(score(b, &scored));
    printf("score %.0f tokens/s\n", scored);
    STG_TRY(stream(b, &stepped));
    printf("stream %.1f us/event\n", stepped);
out:
    if (status != STG_OK) {
        fprintf(stderr, "bench_lstm: %s\n", stg_status_message());
    }
    if (b != NULL) {
        stg_net_free(b->model);
        stg_pool_free(b->pool);
    }
    stg_mem_free(b);
    return status == STG_OK ? 0 : 2;
}
