/* Speed of a net on the paper's shape: bench_nets lstm|transformer|longformer [threads] [seconds] [f32|bf16] [length]
 * [recompute]. One line per measurement: tokens per second with the most memory so far, the time of a step of one
 * stream, and of many stepped together; then how far that is from the limits of the machine. A batch has 17,600 tokens,
 * or one sequence that is longer.
 *
 * bench_nets KIND THREADS SECONDS PRECISION mixed|streams|growth|threads prints one table instead:
 *   mixed    batches of sequences of an eighth to twice the length beside batches of equal ones
 *   streams  1 … 1,000 streams stepped together beside batches
 *   growth   time and memory of a token over the length, each in a process of its own
 *   threads  speed over the number of threads */
#include "bench/nets.h"

#include "compute/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STREAMS = 1000, ROUNDS = 3 };

struct options {
    const struct bench_net *net;
    size_t threads, length;
    double seconds;
    enum stg_precision precision;
    bool recompute;
};

static enum stg_status init(struct bench *b, const struct options *o, size_t threads, size_t length,
                            enum bench_lengths lengths)
{
    *b = (struct bench){.seconds = o->seconds};
    return bench_init(b, o->net, o->precision, o->recompute, threads, length, lengths);
}

/* How much of what one thread could do is done: products against multiply-adds in registers, a step against reading its
 * weights. */
static void print_limits(const struct bench *b, size_t length, const struct bench_rate *score,
                         const struct bench_rate *train, double step_us)
{
    const enum stg_precision precision = stg_net_shape(b->model)->precision;
    const double peak = bench_peak_gflops(stg_kernels()->name, precision);
    const double bytes = bench_step_bytes(b);
    const double gbs = bench_read_gbs((size_t)bytes);
    printf("limits: %.0f GFLOP/s for a thread, %.0f GB/s of an array of %.1f MB\n", peak, gbs, bytes * 1e-6);
    if (peak > 0) {
        printf("roofline score %.0f %%, train %.0f %% of the multiply-adds",
               100 * score->rows_cpu * bench_flop_of_row(b, length, false) / (peak * 1e9),
               100 * train->rows_cpu * bench_flop_of_row(b, length, true) / (peak * 1e9));
    }
    printf("%sstream %.0f %% of the reading\n", peak > 0 ? "; " : "roofline ", 100 * bytes / (step_us * 1e3) / gbs);
}

static enum stg_status all(struct bench *b, const struct options *o)
{
    struct bench_rate score;
    struct bench_rate train;
    double clock_us;
    double fastest_us;
    double together_us;
    STG_RETURN_IF_FAILED(init(b, o, o->threads, o->length, BENCH_EQUAL));
    printf("%s %s %s, %zu threads, %zu parameters\n", o->net->name, stg_kernels()->name,
           o->precision == STG_PRECISION_BF16 ? "bf16" : "f32", stg_pool_threads(b->pool),
           stg_net_params(b->model)->n_values);
    STG_RETURN_IF_FAILED(bench_score(b, &score));
    printf("score %.0f tokens/s (%.0f for each processor second; %.0f MiB so far)\n", score.rows_s, score.rows_cpu,
           bench_memory_mib());
    STG_RETURN_IF_FAILED(bench_train(b, &train));
    printf("train %.0f tokens/s (%.0f for each processor second; %.0f MiB so far)\n", train.rows_s, train.rows_cpu,
           bench_memory_mib());
    STG_RETURN_IF_FAILED(bench_stream(b, 1, &clock_us, &fastest_us));
    printf("stream %.1f us/event (fastest %.1f of a processor)\n", clock_us, fastest_us);
    printf("memory %.0f KiB\n",
           bench_memory_mib() * 1024); /* of what other programs are asked for, too: without the streams */
    if (b->rows >= STREAMS) {
        STG_RETURN_IF_FAILED(bench_stream(b, STREAMS, &clock_us, &together_us));
        printf("streams %.1f us/event (fastest %.1f of a processor)\n", clock_us, together_us);
    }
    print_limits(b, o->length, &score, &train, fastest_us);
    return STG_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    return v[n / 2];
}

/* Equal and mixed lengths in turn, so that whatever else the machine does meets both; processor time counts. */
static enum stg_status mixed(struct bench *b, const struct options *o)
{
    double rates[2][2][ROUNDS]; /* scoring and training, equal and mixed */
    (void)b;
    for (size_t r = 0; r < ROUNDS; r++) {
        for (size_t k = 0; k < 2; k++) {
            struct bench one;
            struct bench_rate rate[2];
            enum stg_status status = init(&one, o, o->threads, o->length, k == 0 ? BENCH_EQUAL : BENCH_MIXED);
            status = status == STG_OK ? bench_score(&one, &rate[0]) : status;
            status = status == STG_OK ? bench_train(&one, &rate[1]) : status;
            bench_fini(&one);
            STG_RETURN_IF_FAILED(status);
            for (size_t i = 0; i < 2; i++) {
                rates[i][k][r] = rate[i].rows_cpu;
            }
        }
    }
    printf("%-14s %-8s %14s %14s %8s\n", "", "", "equal, 1/s", "mixed, 1/s", "ratio");
    for (size_t i = 0; i < 2; i++) {
        const double equal = median(rates[i][0], ROUNDS);
        const double of_mixed = median(rates[i][1], ROUNDS);
        printf("%-14s %-8s %14.0f %14.0f %8.2f\n", o->net->name, i == 0 ? "score" : "train", equal, of_mixed,
               of_mixed / equal);
    }
    return STG_OK;
}

static enum stg_status streams(struct bench *b, const struct options *o)
{
    static const size_t numbers[] = {1, 4, 16, 64, 250, 1000};
    struct bench_rate score;
    STG_RETURN_IF_FAILED(init(b, o, 1, o->length, BENCH_EQUAL));
    STG_RETURN_IF_FAILED(bench_score(b, &score));
    printf("%-14s %10s %14s %18s\n", "", "streams", "us/event", "of the batch's");
    printf("%-14s %10s %14.2f\n", o->net->name, "batch", 1e6 / score.rows_cpu);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        double clock_us;
        double us;
        STG_RETURN_IF_FAILED(bench_stream(b, numbers[i], &clock_us, &us));
        printf("%-14s %10zu %14.2f %16.0f %%\n", o->net->name, numbers[i], us, 100 * 1e6 / score.rows_cpu / us);
    }
    return STG_OK;
}

/* One row of `growth`: in this process, which does nothing else. */
static enum stg_status grow_to(const struct options *o, size_t length)
{
    enum stg_status status = STG_OK;
    struct bench b;
    struct bench_rate score;
    struct bench_rate train;
    const double before = bench_memory_mib();
    STG_TRY(init(&b, o, o->threads, length, BENCH_EQUAL));
    STG_TRY(bench_score(&b, &score));
    const double scoring = bench_memory_mib();
    STG_TRY(bench_train(&b, &train));
    printf("%-14s %8zu %8zu %12.2f %12.2f %12.0f %12.0f\n", o->net->name, length, b.rows, 1e6 / score.rows_cpu,
           1e6 / train.rows_cpu, scoring - before, bench_memory_mib() - before);
    fflush(stdout);
out:
    bench_fini(&b);
    return status;
}

static enum stg_status growth(struct bench *b, const struct options *o)
{
    (void)b;
    printf("%-14s %8s %8s %12s %12s %12s %12s\n", "", "length", "batch", "score us", "train us", "score MiB",
           "train MiB");
    fflush(stdout);
    for (size_t length = 256; length <= 65536; length *= 4) {
        int how = 0;
        const pid_t pid = fork();
        if (pid == 0) {
            const enum stg_status status = grow_to(o, length);
            if (status != STG_OK) {
                fprintf(stderr, "bench_nets: %s\n", stg_status_message());
            }
            _exit(status == STG_OK ? 0 : 2);
        }
        if (pid < 0 || waitpid(pid, &how, 0) != pid || how != 0) {
            return stg_fail(STG_ERR_INTERNAL, "length %zu: the measurement failed", length);
        }
    }
    return STG_OK;
}

static enum stg_status threads(struct bench *b, const struct options *o)
{
    double first[2] = {0, 0};
    printf("%-14s %8s %14s %8s %14s %8s\n", "", "threads", "score, 1/s", "times", "train, 1/s", "times");
    for (size_t n = 1; n <= 2 * o->threads; n *= 2) {
        struct bench_rate score;
        struct bench_rate train;
        STG_RETURN_IF_FAILED(init(b, o, n, o->length, BENCH_EQUAL));
        STG_RETURN_IF_FAILED(bench_score(b, &score));
        STG_RETURN_IF_FAILED(bench_train(b, &train));
        first[0] = n == 1 ? score.rows_s : first[0];
        first[1] = n == 1 ? train.rows_s : first[1];
        printf("%-14s %8zu %14.0f %8.2f %14.0f %8.2f\n", o->net->name, n, score.rows_s, score.rows_s / first[0],
               train.rows_s, train.rows_s / first[1]);
        bench_fini(b);
    }
    return STG_OK;
}

static const struct {
    const char *name;
    enum stg_status (*run)(struct bench *b, const struct options *o);
} modes[] = {{"mixed", mixed}, {"streams", streams}, {"growth", growth}, {"threads", threads}};

static enum stg_status run(struct bench *b, int argc, char **argv)
{
    struct options o = {.net = argc > 1 ? bench_net_find(argv[1]) : NULL, .length = BENCH_LENGTH};
    if (o.net == NULL) {
        return stg_fail(STG_ERR_USAGE, "usage: bench_nets lstm|transformer|longformer [threads] [seconds] [f32|bf16] "
                                       "[length|mixed|streams|growth|threads] [recompute]");
    }
    o.threads = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    o.seconds = argc > 3 ? strtod(argv[3], NULL) : 10;
    o.precision = argc > 4 && strcmp(argv[4], "bf16") == 0 ? STG_PRECISION_BF16 : STG_PRECISION_F32;
    o.recompute = argc > 6;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0] && argc > 5; i++) {
        if (strcmp(argv[5], modes[i].name) == 0) {
            return modes[i].run(b, &o);
        }
    }
    o.length = argc > 5 ? strtoul(argv[5], NULL, 10) : BENCH_LENGTH;
    return all(b, &o);
}

int main(int argc, char **argv)
{
    struct bench b = {.seconds = 0};
    const enum stg_status status = run(&b, argc, argv);
    if (status != STG_OK) {
        fprintf(stderr, "bench_nets: %s\n", stg_status_message());
    }
    bench_fini(&b);
    return status == STG_OK ? 0 : 2;
}
