/* Speed of a net on the paper's shape: bench_nets lstm|transformer|longformer [threads] [seconds] [f32|bf16] [length]. One line per
 * measurement: tokens per second, and the time of a step of one stream. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/pool.h"
#include "compute/kernels.h"
#include "nn/net.h"
#include "nn/optim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 16, LENGTH = 1100, CALLS = 95, TABLES = 4, WAVES = 4 };

struct bench {
    const struct net *net;
    size_t length; /* of a sequence, at most LENGTH */
    struct stg_net *model;
    struct stg_pool *pool;
    struct stg_net_sequence sequences[BATCH];
    uint32_t ids[BATCH * LENGTH * TABLES];
    uint32_t targets[BATCH * LENGTH];
    double scalars[BATCH * LENGTH * WAVES];
    float surprisal[BATCH * LENGTH];
    double seconds;
};

#define PAPER_FIELDS                                                                                                                      \
    .n_tables = TABLES, .table_rows = {CALLS, 58, 3, 3}, .table_dim = {48, 48, 12, 12}, .n_waves = WAVES, .wave_dim = 12,                 \
    .outputs = CALLS, .layers = 2
#define PAPER_ATTENTION .heads = 4, .ff = 448, .activation = STG_ACTIVATION_SWIGLU, .norm = STG_NORM_POST, .dropout = 0.01f

static const struct net {
    const char *name;
    const struct stg_net_ops *ops;
    struct stg_net_shape shape;
} nets[] = {
    {"lstm", &stg_net_lstm, {PAPER_FIELDS, .hidden = 256, .dropout = 0.05f}},
    {"transformer", &stg_net_transformer, {PAPER_FIELDS, PAPER_ATTENTION, .window = {2048, 2048}, .dilation = {1, 1}}},
    {"longformer", &stg_net_transformer, {PAPER_FIELDS, PAPER_ATTENTION, .window = {32, 32}, .dilation = {1, 1}, .n_global = 1}},
};
enum { N_NETS = sizeof nets / sizeof nets[0] };

static void fill(struct bench *b)
{
    struct stg_rng rng;
    stg_rng_seed(&rng, 1);
    for (size_t i = 0; i < BATCH * LENGTH; i++) {
        for (size_t f = 0; f < TABLES; f++) {
            b->ids[i * TABLES + f] = (uint32_t)stg_rng_below(&rng, nets[0].shape.table_rows[f]);
        }
        for (size_t f = 0; f < WAVES; f++) {
            b->scalars[i * WAVES + f] = (double)stg_rng_below(&rng, 100000);
        }
        b->targets[i] = (uint32_t)stg_rng_below(&rng, CALLS);
    }
    for (size_t s = 0; s < BATCH; s++) {
        b->sequences[s] = (struct stg_net_sequence){.n = b->length,
                                                    .ids = b->ids + s * LENGTH * TABLES,
                                                    .scalars = b->scalars + s * LENGTH * WAVES,
                                                    .target = b->targets + s * LENGTH};
    }
}

/* Processor time of all threads: on a busy machine tokens by it say more than by the clock. */
static double cpu_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static enum stg_status train(struct bench *b, double *rate, double *per_cpu)
{
    struct stg_optimizer adam = {.rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 10};
    struct stg_net_loss loss;
    double norm;
    size_t n = 0;
    uint64_t start = 0;
    double cpu_start = 0;
    for (size_t i = 0; i == 0 || (double)(stg_clock_ns() - start) * 1e-9 < b->seconds; i++) {
        if (i == 1) {
            start = stg_clock_ns(); /* the first update allocates and is not counted */
            n = 0;
        }
        STG_RETURN_IF_FAILED(stg_net_pass(b->model, b->sequences, BATCH, 0.1, i, true, b->pool, &loss));
        STG_RETURN_IF_FAILED(stg_optimizer_update(&adam, stg_net_params(b->model), &norm));
        STG_RETURN_IF_FAILED(stg_net_updated(b->model));
        start = i == 0 ? stg_clock_ns() : start;
        cpu_start = i == 0 ? cpu_seconds() : cpu_start;
        n += BATCH * b->length;
    }
    *rate = (double)n / ((double)(stg_clock_ns() - start) * 1e-9);
    *per_cpu = (double)n / (cpu_seconds() - cpu_start);
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

static enum stg_status score(struct bench *b, double *rate, double *per_cpu)
{
    size_t n = 0;
    const double cpu_start = cpu_seconds();
    const uint64_t start = stg_clock_ns();
    do {
        STG_RETURN_IF_FAILED(stg_pool_run(b->pool, stg_pool_threads(b->pool), score_part, b));
        n += BATCH * b->length;
    } while ((double)(stg_clock_ns() - start) * 1e-9 < b->seconds);
    *rate = (double)n / ((double)(stg_clock_ns() - start) * 1e-9);
    *per_cpu = (double)n / (cpu_seconds() - cpu_start);
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

static enum stg_status measure(struct bench *b)
{
    double rate = 0;
    double per_cpu = 0;
    double stepped = 0;
    printf("%s %s, %zu threads, %zu parameters\n", b->net->name, stg_kernels()->name, stg_pool_threads(b->pool),
           stg_net_params(b->model)->n_values);
    STG_RETURN_IF_FAILED(train(b, &rate, &per_cpu));
    printf("train %.0f tokens/s, %.0f for each processor second\n", rate, per_cpu);
    STG_RETURN_IF_FAILED(score(b, &rate, &per_cpu));
    printf("score %.0f tokens/s, %.0f for each processor second\n", rate, per_cpu);
    STG_RETURN_IF_FAILED(stream(b, &stepped));
    printf("stream %.1f us/event\n", stepped);
    return STG_OK;
}

static enum stg_status setup(struct bench *b, int argc, char **argv)
{
    struct stg_rng rng;
    struct stg_net_shape shape;
    for (size_t i = 0; i < N_NETS && argc > 1; i++) {
        b->net = strcmp(nets[i].name, argv[1]) == 0 ? &nets[i] : b->net;
    }
    if (b->net == NULL) {
        return stg_fail(STG_ERR_USAGE, "usage: bench_nets lstm|transformer|longformer [threads] [seconds] [f32|bf16] [length]");
    }
    b->seconds = argc > 3 ? strtod(argv[3], NULL) : 10;
    b->length = argc > 5 ? strtoul(argv[5], NULL, 10) : LENGTH;
    if (b->length == 0 || b->length > LENGTH) {
        return stg_fail(STG_ERR_USAGE, "length: use 1 to %d", LENGTH);
    }
    shape = b->net->shape;
    shape.precision = argc > 4 && strcmp(argv[4], "bf16") == 0 ? STG_PRECISION_BF16 : STG_PRECISION_F32;
    fill(b);
    STG_RETURN_IF_FAILED(stg_pool_new(&b->pool, argc > 2 ? strtoul(argv[2], NULL, 10) : 0));
    STG_RETURN_IF_FAILED(stg_net_new(&b->model, b->net->ops, &shape, true));
    stg_rng_seed(&rng, 1);
    stg_net_init(b->model, &rng);
    return stg_net_updated(b->model);
}

int main(int argc, char **argv)
{
    enum stg_status status = STG_OK;
    struct bench *b = NULL;
    STG_TRY(stg_mem_zeroed(&b, 1, sizeof *b));
    STG_TRY(setup(b, argc, argv));
    STG_TRY(measure(b));
out:
    if (status != STG_OK) {
        fprintf(stderr, "bench_nets: %s\n", stg_status_message());
    }
    if (b != NULL) {
        stg_net_free(b->model);
        stg_pool_free(b->pool);
    }
    stg_mem_free(b);
    return status == STG_OK ? 0 : 2;
}
