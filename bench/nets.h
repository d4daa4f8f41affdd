/* What the benchmarks of nets share: the paper's shapes, batches of numbers, and the measurements. */
#ifndef STG_BENCH_NETS_H
#define STG_BENCH_NETS_H

#include "base/pool.h"
#include "nn/net.h"

enum { BENCH_CALLS = 95, BENCH_TABLES = 4, BENCH_WAVES = 4, BENCH_ROWS = 17600, BENCH_LENGTH = 1100 };

struct bench_net {
    const char *name;
    const struct stg_net_ops *ops;
    struct stg_net_shape shape;
};
/* NULL when there is none of that name. */
const struct bench_net *bench_net_find(const char *name);

struct bench {
    const struct bench_net *net;
    size_t n, rows; /* sequences; all their rows */
    struct stg_net *model;
    struct stg_pool *pool;
    struct stg_net_sequence *sequences; /* (n) owned, like all that follow */
    uint32_t *ids;                      /* (rows, TABLES) */
    uint32_t *targets;                  /* (rows) */
    double *scalars;                    /* (rows, WAVES) */
    float *surprisal;                   /* (rows) */
    float **to;                         /* (n) */
    struct stg_net_work **work;         /* (threads) of scoring; kept, as who scores keeps it */
    double seconds;                     /* of a measurement, about */
};

/* How long the sequences of a batch are. */
enum bench_lengths {
    BENCH_EQUAL, /* all as given */
    BENCH_MIXED, /* from an eighth of that to nearly twice as long, evenly: the same rows in all */
};

/* b is zeroed before. A batch has BENCH_ROWS rows, or one sequence that is longer. _fini also after a failure. */
enum stg_status bench_init(struct bench *b, const struct bench_net *net, enum stg_precision precision, bool recompute,
                           size_t threads, size_t length, enum bench_lengths lengths) STG_MUST_USE;
void bench_fini(struct bench *b);

struct bench_rate {
    double rows_s;   /* rows a second, by the clock */
    double rows_cpu; /* … for each second of a processor: says more on a busy machine */
};
enum stg_status bench_train(struct bench *b, struct bench_rate *out) STG_MUST_USE;
enum stg_status bench_score(struct bench *b, struct bench_rate *out) STG_MUST_USE;
/* n streams stepped together with predictions, on one thread; µs of one event: by the clock, and the fastest of many
 * slices by processor time, as others' work only ever adds. */
enum stg_status bench_stream(struct bench *b, size_t n, double *clock_us, double *fastest_us) STG_MUST_USE;
double bench_memory_mib(void); /* the most that this process has had */

/* Multiplications and additions of one row that are done: products of the layers and the head, and attention over
 * `length` rows. Training's are three times those forward, less the gradient of the sinusoids, which nothing asks for;
 * what the embeddings add to the first layer is looked up. */
double bench_flop_of_row(const struct bench *b, size_t length, bool training);
/* Bytes of weights, and of what was looked up, that one step of a stream reads. */
double bench_step_bytes(const struct bench *b);

/* The limits of this machine, by one thread: multiply-adds that stay in registers, with the instructions of a variant
 * of the kernels (GFLOP/s; 0: not told for it), and reading an array of that many bytes again and again (GB/s). The
 * fastest of a few tries. */
double bench_peak_gflops(const char *variant, enum stg_precision precision);
double bench_read_gbs(size_t bytes);

#endif
