#include "bench/nets.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "compute/kernels.h"
#include "nn/optim.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define PAPER_FIELDS                                                                                \
    .n_tables = BENCH_TABLES, .table_rows = {BENCH_CALLS, 58, 3, 3}, .table_dim = {48, 48, 12, 12}, \
    .n_waves = BENCH_WAVES, .wave_dim = 12, .outputs = BENCH_CALLS, .layers = 2
#define PAPER_ATTENTION \
    .heads = 4, .ff = 448, .activation = STG_ACTIVATION_SWIGLU, .norm = STG_NORM_POST, .dropout = 0.01f

static const struct bench_net nets[] = {
    {"lstm", &stg_net_lstm, {PAPER_FIELDS, .hidden = 256, .dropout = 0.05f}},
    {"transformer", &stg_net_transformer, {PAPER_FIELDS, PAPER_ATTENTION, .window = {2048, 2048}, .dilation = {1, 1}}},
    {"longformer",
     &stg_net_transformer,
     {PAPER_FIELDS, PAPER_ATTENTION, .window = {32, 32}, .dilation = {1, 1}, .n_global = 1}},
};
enum { N_NETS = sizeof nets / sizeof nets[0] };

const struct bench_net *bench_net_find(const char *name)
{
    for (size_t i = 0; i < N_NETS; i++) {
        if (strcmp(nets[i].name, name) == 0) {
            return &nets[i];
        }
    }
    return NULL;
}

/* Lengths of n sequences that add up to the same whatever the kind. */
static size_t length_of(size_t length, enum bench_lengths lengths, size_t i, size_t n)
{
    if (lengths == BENCH_EQUAL || n < 2) {
        return length;
    }
    return length / 8 + (2 * length - 2 * (length / 8)) * (2 * i + 1) / (2 * n);
}

static enum stg_status fill(struct bench *b, size_t length, enum bench_lengths lengths)
{
    struct stg_rng rng;
    stg_rng_seed(&rng, 1);
    b->n = length < BENCH_ROWS ? BENCH_ROWS / length : 1;
    for (size_t i = 0; i < b->n; i++) {
        b->rows += length_of(length, lengths, i, b->n);
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->sequences, b->n, sizeof *b->sequences));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->ids, b->rows * BENCH_TABLES, sizeof *b->ids));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->targets, b->rows, sizeof *b->targets));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->scalars, b->rows * BENCH_WAVES, sizeof *b->scalars));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->surprisal, b->rows, sizeof *b->surprisal));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->to, b->n, sizeof *b->to));
    for (size_t i = 0; i < b->rows; i++) {
        for (size_t f = 0; f < BENCH_TABLES; f++) {
            b->ids[i * BENCH_TABLES + f] = (uint32_t)stg_rng_below(&rng, nets[0].shape.table_rows[f]);
        }
        for (size_t f = 0; f < BENCH_WAVES; f++) {
            b->scalars[i * BENCH_WAVES + f] = (double)stg_rng_below(&rng, 100000);
        }
        b->targets[i] = (uint32_t)stg_rng_below(&rng, BENCH_CALLS);
    }
    for (size_t s = 0, at = 0; s < b->n; at += b->sequences[s++].n) {
        b->sequences[s] = (struct stg_net_sequence){.n = length_of(length, lengths, s, b->n),
                                                    .ids = b->ids + at * BENCH_TABLES,
                                                    .scalars = b->scalars + at * BENCH_WAVES,
                                                    .target = b->targets + at};
        b->to[s] = b->surprisal + at;
    }
    return STG_OK;
}

enum stg_status bench_init(struct bench *b, const struct bench_net *net, enum stg_precision precision, bool recompute,
                           size_t threads, size_t length, enum bench_lengths lengths)
{
    struct stg_rng rng;
    struct stg_net_shape shape = net->shape;
    b->net = net;
    shape.precision = precision;
    shape.recompute = recompute;
    if (length == 0 || length > 1 << 20) {
        return stg_fail(STG_ERR_USAGE, "length: use 1 to 1048576");
    }
    STG_RETURN_IF_FAILED(fill(b, length, lengths));
    STG_RETURN_IF_FAILED(stg_pool_new(&b->pool, threads));
    STG_RETURN_IF_FAILED(stg_net_new(&b->model, net->ops, &shape, true));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&b->work, stg_pool_threads(b->pool), sizeof *b->work));
    for (size_t i = 0; i < stg_pool_threads(b->pool); i++) {
        STG_RETURN_IF_FAILED(stg_net_work_new(b->model, &b->work[i]));
    }
    stg_rng_seed(&rng, 1);
    stg_net_init(b->model, &rng);
    return stg_net_updated(b->model);
}

void bench_fini(struct bench *b)
{
    for (size_t i = 0; b->work != NULL && i < stg_pool_threads(b->pool); i++) {
        stg_net_work_free(b->work[i]);
    }
    stg_mem_free(b->work);
    stg_net_free(b->model);
    stg_pool_free(b->pool);
    stg_mem_free(b->sequences);
    stg_mem_free(b->ids);
    stg_mem_free(b->targets);
    stg_mem_free(b->scalars);
    stg_mem_free(b->surprisal);
    stg_mem_free(b->to);
    memset(b, 0, sizeof *b);
}

static double seconds_by(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Rows since a start. */
struct measured {
    double clock, cpu;
    size_t rows;
};

static void start(struct measured *m)
{
    *m = (struct measured){seconds_by(CLOCK_MONOTONIC), seconds_by(CLOCK_PROCESS_CPUTIME_ID), 0};
}

static bool is_over(const struct measured *m, double seconds)
{
    return seconds_by(CLOCK_MONOTONIC) - m->clock >= seconds;
}

static struct bench_rate rate_of(const struct measured *m)
{
    return (struct bench_rate){(double)m->rows / (seconds_by(CLOCK_MONOTONIC) - m->clock),
                               (double)m->rows / (seconds_by(CLOCK_PROCESS_CPUTIME_ID) - m->cpu)};
}

static enum stg_status update(struct bench *b, struct stg_optimizer *adam, uint64_t seed)
{
    struct stg_net_loss loss;
    double norm;
    STG_RETURN_IF_FAILED(stg_net_pass(b->model, b->sequences, b->n, 0.1, seed, true, b->pool, &loss));
    STG_RETURN_IF_FAILED(stg_optimizer_update(adam, stg_net_params(b->model), &norm));
    return stg_net_updated(b->model);
}

enum stg_status bench_train(struct bench *b, struct bench_rate *out)
{
    struct stg_optimizer adam = {.rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 10};
    struct measured m;
    STG_RETURN_IF_FAILED(update(b, &adam, 0)); /* allocates, and is not counted */
    start(&m);
    for (uint64_t i = 1; i == 1 || !is_over(&m, b->seconds); i++) {
        STG_RETURN_IF_FAILED(update(b, &adam, i));
        m.rows += b->rows;
    }
    *out = rate_of(&m);
    return STG_OK;
}

static enum stg_status score_part(void *context, size_t i, size_t i_thread)
{
    struct bench *b = context;
    const size_t n_parts = stg_pool_threads(b->pool);
    const size_t from = b->n * i / n_parts;
    const size_t n = b->n * (i + 1) / n_parts - from;
    (void)i_thread;
    return stg_net_score(b->model, b->work[i], b->sequences + from, n, b->to + from);
}

enum stg_status bench_score(struct bench *b, struct bench_rate *out)
{
    struct measured m;
    STG_RETURN_IF_FAILED(
        stg_pool_run(b->pool, stg_pool_threads(b->pool), score_part, b)); /* allocates, and is not counted */
    start(&m);
    do {
        STG_RETURN_IF_FAILED(stg_pool_run(b->pool, stg_pool_threads(b->pool), score_part, b));
        m.rows += b->rows;
    } while (!is_over(&m, b->seconds));
    *out = rate_of(&m);
    return STG_OK;
}

/* One step of all streams, with predictions. */
static enum stg_status step(struct bench *b, struct stg_net_work *run, float *const *states, size_t n, size_t i,
                            float *log_p)
{
    const size_t row = i * n % (b->rows - n + 1);
    STG_RETURN_IF_FAILED(
        stg_net_step(b->model, run, states, n, b->ids + row * BENCH_TABLES, b->scalars + row * BENCH_WAVES));
    return stg_net_predict(b->model, run, (const float *const *)states, n, log_p);
}

enum stg_status bench_stream(struct bench *b, size_t n, double *clock_us, double *fastest_us)
{
    enum stg_status status = STG_OK;
    struct stg_net_work *run = NULL;
    const size_t slice =
        n >= 100 ? 1 : 100 / n; /* steps: long enough for the clock, short enough to be left alone once */
    size_t stride = 0;
    float *memory = NULL;
    float **states = NULL;
    float *log_p = NULL;
    struct measured m;
    size_t i = 0;
    *fastest_us = 1e30;
    STG_TRY(stg_net_states_new(b->model, n, &memory, &stride));
    STG_TRY(stg_mem_zeroed(&states, n, sizeof *states));
    STG_TRY(stg_mem_zeroed(&log_p, n * BENCH_CALLS, sizeof *log_p));
    STG_TRY(stg_net_work_new(b->model, &run));
    for (size_t k = 0; k < n; k++) {
        states[k] = memory + k * stride;
    }
    start(&m);
    do {
        const double begin = seconds_by(CLOCK_THREAD_CPUTIME_ID);
        for (size_t k = 0; k < slice; k++) {
            STG_TRY(step(b, run, states, n, i++, log_p));
        }
        const double us = (seconds_by(CLOCK_THREAD_CPUTIME_ID) - begin) * 1e6 / (double)(slice * n);
        *fastest_us = us < *fastest_us ? us : *fastest_us;
    } while (!is_over(&m, b->seconds));
    *clock_us = (seconds_by(CLOCK_MONOTONIC) - m.clock) * 1e6 / (double)(i * n);
out:
    stg_net_work_free(run);
    stg_mem_free(memory);
    stg_mem_free(states);
    stg_mem_free(log_p);
    return status;
}

double bench_memory_mib(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? (double)u.ru_maxrss / 1024.0 : 0;
}

/* Elements of the matrices that every row is multiplied by: the parameters but for embeddings, biases and norms, and
 * those of the global rows, which are few. */
static double matrix_elements(const struct bench *b)
{
    const struct stg_params *p = stg_net_params(b->model);
    double n = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (p->table[i].rows > 1 && strncmp(p->table[i].name, "embed.", 6) != 0 &&
            strstr(p->table[i].name, ".global") == NULL) {
            n += (double)(p->table[i].rows * p->table[i].cols);
        }
    }
    return n;
}

/* Outputs of the first layer, where it is by tables (nn/first_layer.h), and 0 where not: all nets here have few ids. */
static double first_outputs(const struct bench *b)
{
    const struct stg_net_shape *s = stg_net_shape(b->model);
    return b->net->ops == &stg_net_lstm ? 4 * (double)s->hidden : s->norm == STG_NORM_PRE ? 0 : 3 * (double)s->hidden;
}

/* Elements of the first layer's matrix that no row is multiplied by, as its ids are looked up. */
static double looked_up_elements(const struct bench *b)
{
    const struct stg_net_shape *s = stg_net_shape(b->model);
    size_t width = 0;
    for (size_t t = 0; t < s->n_tables; t++) {
        width += s->table_dim[t];
    }
    return (double)width * first_outputs(b);
}

double bench_flop_of_row(const struct bench *b, size_t length, bool training)
{
    const struct stg_net_shape *s = stg_net_shape(b->model);
    double seen = 0; /* rows attended to by a row, on average, over all layers */
    for (size_t l = 0; l < s->layers && s->heads > 0; l++) {
        const double window = (double)(s->window[l] + s->n_global);
        const double all = (double)length;
        seen += window >= all ? (all + 1) / 2 : window - window * (window - 1) / (2 * all);
    }
    const double forward = 2 * (matrix_elements(b) - looked_up_elements(b)) + 4 * seen * (double)s->hidden;
    const double waves = (double)(s->n_waves * s->wave_dim) * first_outputs(b); /* have no gradient */
    return training ? 3 * forward - 2 * waves : forward;
}

double bench_step_bytes(const struct bench *b)
{
    const struct stg_net_shape *s = stg_net_shape(b->model);
    const double looked_up = (double)s->n_tables * first_outputs(b) * sizeof(float);
    return (matrix_elements(b) - looked_up_elements(b)) * (s->precision == STG_PRECISION_BF16 ? 2 : 4) + looked_up;
}
