/* Speed of a net on the paper's shape: bench_nets lstm|transformer|longformer [threads] [seconds] [f32|bf16] [length] [recompute]. One line
 * per measurement: tokens per second with the most memory so far, the time of a step of one stream, and of many stepped together. A batch
 * has 17,600 tokens, or one sequence that is longer. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/pool.h"
#include "compute/kernels.h"
#include "nn/net.h"
#include "nn/optim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { ROWS = 17600, LENGTH = 1100, STREAMS = 1000, CALLS = 95, TABLES = 4, WAVES = 4 };

struct bench {
    const struct net *net;
    size_t length; /* of a sequence */
    size_t n, rows; /* sequences; all their rows */
    struct stg_net *model;
    struct stg_pool *pool;
    struct stg_net_sequence *sequences; /* (n) owned, like all that follow */
    uint32_t *ids;                      /* (rows, TABLES) */
    uint32_t *targets;                  /* (rows) */
    double *scalars;                    /* (rows, WAVES) */
    float *surprisal;                   /* (rows) */
    float **to;                         /* (n) */
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

static enum stg_status fill(struct bench *b)
{
    struct stg_rng rng;
    stg_rng_seed(&rng, 1);
    b->n = b->length < ROWS ? ROWS / b->length : 1;
    b->rows = b->n * b->length;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->sequences, b->n, sizeof *b->sequences));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->ids, b->rows * TABLES, sizeof *b->ids));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->targets, b->rows, sizeof *b->targets));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->scalars, b->rows * WAVES, sizeof *b->scalars));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->surprisal, b->rows, sizeof *b->surprisal));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->to, b->n, sizeof *b->to));
    for (size_t i = 0; i < b->rows; i++) {
        for (size_t f = 0; f < TABLES; f++) {
            b->ids[i * TABLES + f] = (uint32_t)stg_rng_below(&rng, nets[0].shape.table_rows[f]);
        }
        for (size_t f = 0; f < WAVES; f++) {
            b->scalars[i * WAVES + f] = (double)stg_rng_below(&rng, 100000);
        }
        b->targets[i] = (uint32_t)stg_rng_below(&rng, CALLS);
    }
    for (size_t s = 0, at = 0; s < b->n; s++, at += b->length) {
        b->sequences[s] = (struct stg_net_sequence){
            .n = b->length, .ids = b->ids + at * TABLES, .scalars = b->scalars + at * WAVES, .target = b->targets + at};
        b->to[s] = b->surprisal + at;
    }
    return STG_OK;
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
        STG_RETURN_IF_FAILED(stg_net_pass(b->model, b->sequences, b->n, 0.1, i, true, b->pool, &loss));
        STG_RETURN_IF_FAILED(stg_optimizer_update(&adam, stg_net_params(b->model), &norm));
        STG_RETURN_IF_FAILED(stg_net_updated(b->model));
        start = i == 0 ? stg_clock_ns() : start;
        cpu_start = i == 0 ? cpu_seconds() : cpu_start;
        n += b->rows;
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
    const size_t from = b->n * i / n_parts;
    const size_t n = b->n * (i + 1) / n_parts - from;
    (void)i_thread;
    STG_RETURN_IF_FAILED(stg_net_work_new(b->model, &run));
    const enum stg_status status = stg_net_score(b->model, run, b->sequences + from, n, b->to + from);
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
        n += b->rows;
    } while ((double)(stg_clock_ns() - start) * 1e-9 < b->seconds);
    *rate = (double)n / ((double)(stg_clock_ns() - start) * 1e-9);
    *per_cpu = (double)n / (cpu_seconds() - cpu_start);
    return STG_OK;
}

/* `steps` steps of n streams together; microseconds of one event. */
static enum stg_status stream(struct bench *b, size_t n, size_t steps, double *microseconds)
{
    enum stg_status status = STG_OK;
    struct stg_net_work *run = NULL;
    const size_t size = stg_net_state_size(b->model);
    float *memory = NULL;
    float **states = NULL;
    float *log_p = NULL;
    STG_TRY(stg_mem_zeroed(&memory, n * size, sizeof *memory));
    STG_TRY(stg_mem_zeroed(&states, n, sizeof *states));
    STG_TRY(stg_mem_zeroed(&log_p, n * CALLS, sizeof *log_p));
    STG_TRY(stg_net_work_new(b->model, &run));
    for (size_t i = 0; i < n; i++) {
        states[i] = memory + i * size;
    }
    const uint64_t start = stg_clock_ns();
    for (size_t i = 0; i < steps; i++) {
        const size_t row = i * n % (b->rows - n);
        STG_TRY(stg_net_step(b->model, run, states, n, b->ids + row * TABLES, b->scalars + row * WAVES));
        STG_TRY(stg_net_predict(b->model, run, (const float *const *)states, n, log_p));
    }
    *microseconds = (double)(stg_clock_ns() - start) * 1e-3 / (double)(steps * n);
out:
    stg_net_work_free(run);
    stg_mem_free(memory);
    stg_mem_free(states);
    stg_mem_free(log_p);
    return status;
}

/* The most memory that this process has had, MiB. */
static double memory_mib(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? (double)u.ru_maxrss / 1024.0 : 0;
}

static enum stg_status measure(struct bench *b)
{
    double rate = 0;
    double per_cpu = 0;
    double stepped = 0;
    printf("%s %s, %zu threads, %zu parameters\n", b->net->name, stg_kernels()->name, stg_pool_threads(b->pool),
           stg_net_params(b->model)->n_values);
    STG_RETURN_IF_FAILED(score(b, &rate, &per_cpu));
    printf("score %.0f tokens/s (%.0f for each processor second; %.0f MiB so far)\n", rate, per_cpu, memory_mib());
    STG_RETURN_IF_FAILED(train(b, &rate, &per_cpu));
    printf("train %.0f tokens/s (%.0f for each processor second; %.0f MiB so far)\n", rate, per_cpu, memory_mib());
    STG_RETURN_IF_FAILED(stream(b, 1, 5000, &stepped));
    printf("stream %.1f us/event\n", stepped);
    STG_RETURN_IF_FAILED(stream(b, STREAMS, 40, &stepped));
    printf("streams %.1f us/event\n", stepped);
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
        return stg_fail(STG_ERR_USAGE, "usage: bench_nets lstm|transformer|longformer [threads] [seconds] [f32|bf16] [length] "
                                       "[recompute]");
    }
    b->seconds = argc > 3 ? strtod(argv[3], NULL) : 10;
    b->length = argc > 5 ? strtoul(argv[5], NULL, 10) : LENGTH;
    if (b->length == 0 || b->length > 1 << 20) {
        return stg_fail(STG_ERR_USAGE, "length: use 1 to 1048576");
    }
    shape = b->net->shape;
    shape.precision = argc > 4 && strcmp(argv[4], "bf16") == 0 ? STG_PRECISION_BF16 : STG_PRECISION_F32;
    shape.recompute = argc > 6;
    STG_RETURN_IF_FAILED(fill(b));
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
        stg_mem_free(b->sequences);
        stg_mem_free(b->ids);
        stg_mem_free(b->targets);
        stg_mem_free(b->scalars);
        stg_mem_free(b->surprisal);
        stg_mem_free(b->to);
    }
    stg_mem_free(b);
    return status == STG_OK ? 0 : 2;
}
