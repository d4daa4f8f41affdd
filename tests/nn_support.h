/* What the tests of nets share: batches, finite differences, streams against batches, PyTorch's numbers
 * (tools/net_fixture.py). */
#ifndef STG_TESTS_NN_SUPPORT_H
#define STG_TESTS_NN_SUPPORT_H

#include "nn/net_internal.h"

#include "base/memory.h"
#include "effort.h"
#include "must.h"
#include "nn/optim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEQUENCES = 4, FIELDS = 2, OUTPUTS = 11, MAX_ROWS = 24 };

/* The fields of every test: two tables, one scalar. */
#define TEST_FIELDS \
    .n_tables = FIELDS, .table_rows = {OUTPUTS, 3}, .table_dim = {5, 3}, .n_waves = 1, .wave_dim = 4, .outputs = OUTPUTS

static inline void assert_near(double a, double b, double tolerance, const char *what, size_t i)
{
    if (!(fabs(a - b) <= tolerance)) {
        fail_msg("%s %zu: %.9g is not %.9g within %g", what, i, a, b, tolerance);
    }
}

struct batch {
    struct stg_net_sequence sequences[SEQUENCES];
    uint32_t *ids, *targets;
    double *scalars;
};

/* Sequences of the given lengths; every fifth target is not scored. */
static inline void batch_make(struct batch *b, const struct stg_net_shape *shape, const size_t lengths[SEQUENCES])
{
    struct stg_rng rng;
    size_t n = 0;
    stg_rng_seed(&rng, 5);
    for (size_t s = 0; s < SEQUENCES; s++) {
        n += lengths[s];
    }
    must(stg_mem_zeroed(&b->ids, n * shape->n_tables, sizeof *b->ids));
    must(stg_mem_zeroed(&b->targets, n, sizeof *b->targets));
    must(stg_mem_zeroed(&b->scalars, n * shape->n_waves, sizeof *b->scalars));
    for (size_t i = 0; i < n; i++) {
        for (size_t f = 0; f < shape->n_tables; f++) {
            b->ids[i * shape->n_tables + f] = (uint32_t)stg_rng_below(&rng, shape->table_rows[f]);
        }
        for (size_t f = 0; f < shape->n_waves; f++) {
            b->scalars[i * shape->n_waves + f] = (double)stg_rng_below(&rng, 100000);
        }
        b->targets[i] = i % 5 == 4 ? STG_NET_UNSCORED : (uint32_t)stg_rng_below(&rng, shape->outputs);
    }
    for (size_t s = 0, at = 0; s < SEQUENCES; at += lengths[s++]) {
        b->sequences[s] = (struct stg_net_sequence){.n = lengths[s],
                                                    .ids = b->ids + at * shape->n_tables,
                                                    .scalars = b->scalars + at * shape->n_waves,
                                                    .target = b->targets + at};
    }
}

static inline void batch_free(struct batch *b)
{
    stg_mem_free(b->ids);
    stg_mem_free(b->targets);
    stg_mem_free(b->scalars);
}

static inline struct stg_net *model_make(const struct stg_net_ops *ops, const struct stg_net_shape *shape,
                                         bool training)
{
    struct stg_net *m = NULL;
    struct stg_rng rng;
    stg_rng_seed(&rng, 3);
    must(stg_net_new(&m, ops, shape, training));
    stg_net_init(m, &rng);
    /* Nothing stays at a value where a mistake would not show: biases of zero, gains of one. */
    for (size_t i = 0; i < stg_net_params(m)->size; i++) {
        stg_net_params(m)->value[i] += 0.1f * (float)stg_rng_normal(&rng);
    }
    must(stg_net_updated(m));
    return m;
}

/* The mean objective of a pass with backward's dropout. */
static inline double objective(struct stg_net *m, const struct batch *b, double smoothing)
{
    struct stg_net_loss loss;
    must(stg_net_updated(m));
    must(stg_net_pass(m, b->sequences, SEQUENCES, smoothing, 77, true, NULL, &loss));
    return loss.objective / (double)loss.n;
}

/* Every parameter of the net (some of each tensor where tests are thinned), by central differences of the given
 * step. */
static inline void check_gradients_of(const struct batch *b, const struct stg_net_ops *ops,
                                      const struct stg_net_shape *shape, double smoothing, float step)
{
    struct stg_net *m = model_make(ops, shape, true);
    struct stg_params *p = stg_net_params(m);
    float *gradient = NULL;
    objective(m, b, smoothing);
    must(stg_mem_dup(&gradient, p->gradient, p->size * sizeof *gradient));
    for (size_t i = 0; i < p->n; i++) {
        const struct stg_param *e = &p->table[i];
        for (size_t j = 0; j < e->rows * e->cols; j += effort_step(1)) {
            float *v = p->value + e->offset + j;
            const float old = *v;
            *v = old + step;
            const double step_up = (double)(*v - old);
            const double up = objective(m, b, smoothing);
            *v = old - step;
            const double step_down = (double)(old - *v);
            const double down = objective(m, b, smoothing);
            *v = old;
            const double numeric = (up - down) / (step_up + step_down);
            assert_near((double)gradient[e->offset + j], numeric, 1e-4 + 1e-2 * fabs(numeric), e->name, j);
        }
    }
    stg_mem_free(gradient);
    stg_net_free(m);
}

static inline void check_gradients(const struct stg_net_ops *ops, const struct stg_net_shape *shape, double smoothing,
                                   float step)
{
    struct batch b;
    batch_make(&b, shape, (const size_t[]){7, 1, 9, 7});
    check_gradients_of(&b, ops, shape, smoothing, step);
    batch_free(&b);
}

/* The same with a teacher for three of four sequences; of one of them only from its third row on. */
static inline void check_soft_gradients(const struct stg_net_ops *ops, const struct stg_net_shape *shape, float step)
{
    float log_p[3][9 * OUTPUTS];
    struct stg_rng rng;
    struct batch b;
    stg_rng_seed(&rng, 8);
    batch_make(&b, shape, (const size_t[]){7, 1, 9, 7});
    for (size_t s = 0; s < 3; s++) {
        for (size_t i = 0; i < 9 * OUTPUTS; i++) {
            log_p[s][i] = -3 * (float)stg_rng_unit(&rng);
        }
        b.sequences[s].soft =
            (struct stg_net_soft){.log_p = log_p[s], .first = s == 2 ? 2 : 0, .weight = 0.7f, .temperature = 2};
    }
    b.targets[8] = b.targets[9] = STG_NET_UNSCORED; /* the first two of the third sequence */
    check_gradients_of(&b, ops, shape, 0.1, step);
    batch_free(&b);
}

/* The same seed drops the same activations, another one others, and without backward nothing is dropped. */
static inline void check_dropout(const struct stg_net_ops *ops, const struct stg_net_shape *shape)
{
    struct stg_net_loss loss[3];
    struct stg_net_loss plain[2];
    struct batch b;
    batch_make(&b, shape, (const size_t[]){7, 1, 9, 7});
    struct stg_net *m = model_make(ops, shape, true);
    for (size_t i = 0; i < 3; i++) {
        must(stg_net_pass(m, b.sequences, SEQUENCES, 0, i == 2 ? 2 : 1, true, NULL, &loss[i]));
    }
    assert_true(loss[0].loss == loss[1].loss);
    assert_true(loss[0].loss != loss[2].loss);
    for (size_t i = 0; i < 2; i++) {
        must(stg_net_pass(m, b.sequences, SEQUENCES, 0, i, false, NULL, &plain[i]));
    }
    assert_true(plain[0].loss == plain[1].loss);
    assert_true(plain[0].loss != loss[0].loss);
    stg_net_free(m);
    batch_free(&b);
}

/* Ids that are looked up, and the same ids of a net that has too many for that: the objective, within a share of it,
 * and the gradients, within a share of each tensor's largest. */
static inline void check_lookup(const struct stg_net_ops *ops, const struct stg_net_shape *shape, double tolerance)
{
    struct stg_net_shape many = *shape;
    struct stg_net_loss few_loss;
    struct stg_net_loss many_loss;
    struct batch b;
    many.table_rows[1] = 3000;
    batch_make(&b, shape, (const size_t[]){MAX_ROWS, 1, 9, 7});
    struct stg_net *few = model_make(ops, shape, true);
    struct stg_net *more = model_make(ops, &many, true);
    const struct stg_params *p = stg_net_params(few);
    const struct stg_params *q = stg_net_params(more);
    for (size_t i = 0; i < p->n; i++) {
        memcpy(stg_params_value(q, i), stg_params_value(p, i), p->table[i].rows * p->table[i].cols * sizeof(float));
    }
    must(stg_net_updated(more));
    must(stg_net_pass(few, b.sequences, SEQUENCES, 0.1, 1, true, NULL, &few_loss));
    must(stg_net_pass(more, b.sequences, SEQUENCES, 0.1, 1, true, NULL, &many_loss));
    assert_near(few_loss.objective, many_loss.objective, tolerance * many_loss.objective, "objective looked up", 0);
    for (size_t i = 0; i < p->n; i++) {
        const float *a = p->gradient + p->table[i].offset;
        const float *c = q->gradient + q->table[i].offset;
        double largest = 0;
        for (size_t j = 0; j < p->table[i].rows * p->table[i].cols; j++) {
            largest = fmax(largest, fabs((double)c[j]));
        }
        for (size_t j = 0; j < p->table[i].rows * p->table[i].cols; j++) {
            assert_near((double)a[j], (double)c[j], tolerance * largest, p->table[i].name, j);
        }
    }
    stg_net_free(few);
    stg_net_free(more);
    batch_free(&b);
}

/* Two threads compute what one does, with threads that have no work too. */
static inline void check_threads(const struct stg_net_ops *ops, const struct stg_net_shape *shape)
{
    struct stg_pool *pool = NULL;
    struct stg_net_loss one;
    struct stg_net_loss two;
    struct batch b;
    float *gradient = NULL;
    must(stg_pool_new(&pool, 2));
    batch_make(&b, shape, (const size_t[]){MAX_ROWS, 1, 9, 7});
    struct stg_net *m = model_make(ops, shape, true);
    struct stg_params *p = stg_net_params(m);
    must(stg_net_pass(m, b.sequences, SEQUENCES, 0.1, 1, true, NULL, &one));
    must(stg_mem_dup(&gradient, p->gradient, p->size * sizeof *gradient));
    must(stg_net_pass(m, b.sequences, SEQUENCES, 0.1, 1, true, pool, &two));
    assert_near(one.loss, two.loss, 1e-4, "loss of threads", 2);
    assert_near(one.objective, two.objective, 1e-4, "objective of threads", 2);
    assert_int_equal(one.n, two.n);
    assert_int_equal(one.n_correct, two.n_correct);
    for (size_t i = 0; i < p->size; i++) {
        assert_near((double)gradient[i], (double)p->gradient[i], 2e-6, "gradient of threads", i);
    }
    must(stg_net_pass(m, b.sequences, 1, 0.1, 1, true, pool, &two)); /* a thread without work */
    must(stg_net_pass(m, b.sequences, 0, 0.1, 1, true, pool, &two)); /* none with work */
    assert_int_equal(two.n, 0);
    stg_mem_free(gradient);
    stg_net_free(m);
    stg_pool_free(pool);
    batch_free(&b);
}

static inline void score(const struct stg_net *m, const struct batch *b, float *const *to)
{
    struct stg_net_work *work = NULL;
    must(stg_net_work_new(m, &work));
    must(stg_net_score(m, work, b->sequences, SEQUENCES, to));
    stg_net_work_free(work);
}

/* Row t of every sequence that has one, together; surprisals by predict. Returns their sum. */
static inline double step_together(const struct stg_net *m, struct stg_net_work *work, float *const stream[SEQUENCES],
                                   const struct batch *b, size_t t, float *const *expected, double tolerance)
{
    float *states[SEQUENCES];
    uint32_t ids[SEQUENCES * FIELDS];
    double scalars[SEQUENCES];
    float log_p[SEQUENCES * OUTPUTS];
    size_t which[SEQUENCES];
    size_t n = 0;
    double sum = 0;
    for (size_t s = 0; s < SEQUENCES; s++) {
        if (t < b->sequences[s].n) {
            memcpy(ids + n * FIELDS, b->sequences[s].ids + t * FIELDS, FIELDS * sizeof *ids);
            scalars[n] = b->sequences[s].scalars[t];
            states[n] = stream[s];
            which[n++] = s;
        }
    }
    must(stg_net_step(m, work, states, n, ids, scalars));
    must(stg_net_predict(m, work, (const float *const *)states, n, log_p));
    for (size_t i = 0; i < n; i++) {
        const uint32_t target = b->sequences[which[i]].target[t];
        const double surprisal = target == STG_NET_UNSCORED ? 0.0 : -(double)log_p[i * OUTPUTS + target];
        assert_near((double)expected[which[i]][t], surprisal, tolerance, "surprisal of row", t);
        sum += surprisal;
    }
    return sum;
}

/* The distributions of a batch are those behind its surprisals, and are distributions; rows of unscored targets have
 * them too. */
static inline void check_distributions(const struct stg_net *m, struct stg_net_work *work, const struct batch *b,
                                       float *const *surprisal)
{
    float *to[SEQUENCES];
    for (size_t s = 0; s < SEQUENCES; s++) {
        must(stg_mem_zeroed(&to[s], b->sequences[s].n * OUTPUTS, sizeof(float)));
    }
    must(stg_net_distributions(m, work, b->sequences, SEQUENCES, to));
    for (size_t s = 0; s < SEQUENCES; s++) {
        for (size_t t = 0; t < b->sequences[s].n; t++) {
            const float *log_p = to[s] + t * OUTPUTS;
            const uint32_t target = b->sequences[s].target[t];
            double sum = 0;
            for (size_t v = 0; v < OUTPUTS; v++) {
                sum += exp((double)log_p[v]);
            }
            assert_near(sum, 1, 1e-5, "sum of row", t);
            assert_true(target == STG_NET_UNSCORED || surprisal[s][t] == -log_p[target]);
        }
        stg_mem_free(to[s]);
    }
}

/* Batch scores, the loss of a pass and a stream fed row by row are the same surprisals within the tolerance (0: to the
 * bit); a reset stream begins anew. */
static inline void check_streams(const struct stg_net_ops *ops, const struct stg_net_shape *shape, size_t longest,
                                 double tolerance)
{
    struct batch b;
    struct stg_net_work *work = NULL;
    struct stg_net_loss loss;
    float *memory = NULL;
    float *stream[SEQUENCES];
    float *to[SEQUENCES];
    size_t stride = 0;
    double total = 0;
    batch_make(&b, shape, (const size_t[]){longest, 1, longest / 3, longest});
    struct stg_net *m = model_make(ops, shape, true);
    must(stg_net_states_new(m, SEQUENCES, &memory, &stride));
    assert_true(stride >= stg_net_state_size(m));
    for (size_t i = 0; i < SEQUENCES * stride; i++) {
        assert_true(memory[i] == 0.0f);
    }
    for (size_t s = 0; s < SEQUENCES; s++) {
        must(stg_mem_zeroed(&to[s], longest, sizeof(float)));
        stream[s] = memory + s * stride;
    }
    score(m, &b, to);
    must(stg_net_work_new(m, &work));
    check_distributions(m, work, &b, to);
    for (size_t t = 0; t < longest / 4; t++) {
        step_together(m, work, stream, &b, t, to, tolerance);
    }
    for (size_t s = 0; s < SEQUENCES; s++) {
        stg_net_state_reset(m, stream[s]);
    }
    for (size_t t = 0; t < longest; t++) {
        total += step_together(m, work, stream, &b, t, to, tolerance);
    }
    must(stg_net_pass(m, b.sequences, SEQUENCES, 0, 0, false, NULL, &loss));
    assert_near(loss.loss, total, (shape->precision == STG_PRECISION_BF16 ? 1e-3 : 1e-5) * total, "loss", 0);
    for (size_t s = 0; s < SEQUENCES; s++) {
        stg_mem_free(to[s]);
    }
    stg_mem_free(memory);
    stg_net_work_free(work);
    stg_net_free(m);
    batch_free(&b);
}

/* The same weights in bf16: streams agree with batches as they do in float, and both with float's within
 * STG_NET_BF16_TOLERANCE. */
static inline void check_bf16_streams(const struct stg_net_ops *ops, const struct stg_net_shape *shape, size_t longest,
                                      double tolerance)
{
    struct stg_net_shape shapes[2] = {*shape, *shape};
    float *to[2][SEQUENCES];
    struct batch b;
    double worst = 0;
    double mean[2] = {0, 0};
    shapes[1].precision = STG_PRECISION_BF16;
    check_streams(ops, &shapes[1], longest, tolerance);
    batch_make(&b, shape, (const size_t[]){longest, 1, longest / 3, longest});
    for (size_t k = 0; k < 2; k++) {
        struct stg_net *m = model_make(ops, &shapes[k], false);
        for (size_t s = 0; s < SEQUENCES; s++) {
            must(stg_mem_zeroed(&to[k][s], longest, sizeof(float)));
        }
        score(m, &b, to[k]);
        stg_net_free(m);
    }
    for (size_t s = 0; s < SEQUENCES; s++) {
        for (size_t t = 0; t < b.sequences[s].n; t++) {
            worst = fmax(worst, fabs((double)(to[0][s][t] - to[1][s][t])));
            mean[0] += (double)to[0][s][t];
            mean[1] += (double)to[1][s][t];
        }
        stg_mem_free(to[0][s]);
        stg_mem_free(to[1][s]);
    }
    print_message("%s in bf16: surprisals differ by at most %.2g nats, their mean by %.2g %%\n", ops->name, worst,
                  100 * fabs(mean[1] / mean[0] - 1));
    assert_true(worst > 0);
    assert_true(worst < STG_NET_BF16_TOLERANCE);
    batch_free(&b);
}

/* What follows row 10 changes no surprisal up to it, and every one after it. */
static inline void check_future(const struct stg_net_ops *ops, const struct stg_net_shape *shape)
{
    enum { CUT = 10 };
    float before[SEQUENCES][MAX_ROWS];
    float after[SEQUENCES][MAX_ROWS];
    struct batch b;
    batch_make(&b, shape, (const size_t[]){MAX_ROWS, MAX_ROWS, MAX_ROWS, MAX_ROWS});
    struct stg_net *m = model_make(ops, shape, false);
    score(m, &b, (float *const[]){before[0], before[1], before[2], before[3]});
    for (size_t s = 0; s < SEQUENCES; s++) {
        for (size_t t = CUT; t < MAX_ROWS; t++) {
            const size_t row = s * MAX_ROWS + t;
            b.ids[row * FIELDS] = (b.ids[row * FIELDS] + 1) % OUTPUTS;
            b.scalars[row] += 1000;
        }
    }
    score(m, &b, (float *const[]){after[0], after[1], after[2], after[3]});
    for (size_t s = 0; s < SEQUENCES; s++) {
        assert_memory_equal(before[s], after[s], CUT * sizeof(float));
        for (size_t t = CUT; t < MAX_ROWS; t++) {
            assert_true(before[s][t] != after[s][t] || b.sequences[s].target[t] == STG_NET_UNSCORED);
        }
    }
    stg_net_free(m);
    batch_free(&b);
}

/* Whatever allocation fails, a new net's first pass fails with it and nothing leaks. */
static inline void check_memory(const struct stg_net_ops *ops, const struct stg_net_shape *shape)
{
    struct stg_net_loss loss;
    struct batch b;
    enum stg_status status = STG_ERR_MEMORY;
    uint64_t n = 0;
    batch_make(&b, shape, (const size_t[]){7, 1, 9, 7});
    for (; status != STG_OK && n < 1000; n++) {
        struct stg_net *m = NULL;
        stg_mem_fail_at(n + 1);
        status = stg_net_new(&m, ops, shape, true);
        if (status == STG_OK) {
            status = stg_net_updated(m);
        }
        if (status == STG_OK) {
            status = stg_net_pass(m, b.sequences, SEQUENCES, 0, 0, true, NULL, &loss);
        }
        stg_mem_fail_at(0);
        if (status != STG_OK) {
            assert_int_equal(status, STG_ERR_MEMORY);
        }
        stg_net_free(m);
    }
    assert_int_equal(status, STG_OK);
    assert_true(n > 20);
    batch_free(&b);
}

/* --- PyTorch's numbers: tests/data/nets/NAME.txt --- */

enum { FIXTURE_ROWS = 13, FIXTURE_STEPS = 10 };

/* The file's text; to be freed. */
static inline char *fixture_read(const char *name)
{
    enum { MOST = 1 << 19 };
    char path[4096];
    const char *dir = getenv("STRANGE_TEST_DATA");
    snprintf(path, sizeof path, "%s/nets/%s.txt", dir == NULL ? "tests/data" : dir, name);
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        fail_msg("%s cannot be read", path);
        return NULL;
    }
    char *text = calloc(1, MOST);
    assert_non_null(text);
    const size_t n = fread(text, 1, MOST - 1, f);
    fclose(f);
    assert_true(n > 0 && n < MOST - 1);
    return text;
}

/* The n values of the line that begins with prefix and name. */
static inline void values(const char *fixture, double *out, size_t n, const char *prefix, const char *name)
{
    char key[128];
    snprintf(key, sizeof key, "\n%s%s %zu ", prefix, name, n);
    const char *at = strstr(fixture, key);
    if (at == NULL) {
        fail_msg("the fixture has no %s", key + 1);
        return;
    }
    at += strlen(key);
    for (size_t i = 0; i < n; i++) {
        char *end;
        out[i] = strtod(at, &end);
        assert_true(end != at);
        at = end;
    }
}

/* An array of the parameters' layout against the fixture's. */
static inline void compare_params(const char *fixture, const struct stg_params *p, const float *array,
                                  const char *prefix, double tolerance)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct stg_param *e = &p->table[i];
        const size_t n = e->rows * e->cols;
        double expected[1024];
        assert_true(n <= 1024);
        values(fixture, expected, n, prefix, e->name);
        for (size_t j = 0; j < n; j++) {
            assert_near((double)array[e->offset + j], expected[j], 1e-4 * fabs(expected[j]) + tolerance, e->name, j);
        }
    }
}

/* As compare_params() after updates. Adam divides by the gradient's size: where that is 1e-6, so is what float leaves
 * of it after two layers. Where it is nothing but rounding (a key's bias moves all scores of a row alike), the step is
 * any of at most the rate. */
static inline void compare_trained(const char *fixture, const struct stg_params *p, double rate)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct stg_param *e = &p->table[i];
        const size_t n = e->rows * e->cols;
        double expected[1024];
        double gradient[1024];
        assert_true(n <= 1024);
        values(fixture, expected, n, "after.", e->name);
        values(fixture, gradient, n, "gradient.", e->name);
        for (size_t j = 0; j < n; j++) {
            const double tolerance = fabs(gradient[j]) < 1e-9 ? FIXTURE_STEPS * rate : 1e-4;
            assert_near((double)p->value[e->offset + j], expected[j], 1e-4 * fabs(expected[j]) + tolerance, e->name, j);
        }
    }
}

/* The net and the sequences of the fixture, in arrays that live until the next call. */
static inline struct stg_net *fixture_model(const char *fixture, const struct stg_net_ops *ops,
                                            const struct stg_net_shape *shape, struct stg_net_sequence sequences[3])
{
    static uint32_t ids[FIXTURE_ROWS * FIELDS];
    static uint32_t targets[FIXTURE_ROWS];
    static double scalars[FIXTURE_ROWS];
    static const size_t lengths[] = {7, 5, 1};
    double read[1024] = {0};
    struct stg_net *m = model_make(ops, shape, true);
    struct stg_params *p = stg_net_params(m);
    for (size_t i = 0; i < p->n; i++) {
        values(fixture, read, p->table[i].rows * p->table[i].cols, "value.", p->table[i].name);
        for (size_t j = 0; j < p->table[i].rows * p->table[i].cols; j++) {
            stg_params_value(p, i)[j] = (float)read[j];
        }
    }
    must(stg_net_updated(m));
    values(fixture, scalars, FIXTURE_ROWS, "", "scalars");
    values(fixture, read, FIXTURE_ROWS * FIELDS, "", "ids");
    for (size_t i = 0; i < FIXTURE_ROWS * FIELDS; i++) {
        ids[i] = (uint32_t)read[i];
    }
    values(fixture, read, FIXTURE_ROWS, "", "target");
    for (size_t i = 0; i < FIXTURE_ROWS; i++) {
        targets[i] = read[i] < 0 ? STG_NET_UNSCORED : (uint32_t)read[i];
    }
    for (size_t s = 0, at = 0; s < 3; at += lengths[s++]) {
        sequences[s] = (struct stg_net_sequence){
            .n = lengths[s], .ids = ids + at * FIELDS, .scalars = scalars + at, .target = targets + at};
    }
    return m;
}

/* Surprisals in batch, and ln p of every output row by row as a stream. */
static inline void check_pytorch_scores(const char *name, const struct stg_net_ops *ops,
                                        const struct stg_net_shape *shape)
{
    char *fixture = fixture_read(name);
    struct stg_net_sequence sequences[3];
    struct stg_net_work *work = NULL;
    float surprisal[FIXTURE_ROWS];
    float log_p[OUTPUTS];
    double expected[FIXTURE_ROWS * OUTPUTS];
    struct stg_net *m = fixture_model(fixture, ops, shape, sequences);
    float *state = NULL;
    must(stg_net_work_new(m, &work));
    must(stg_net_score(m, work, sequences, 3, (float *const[]){surprisal, surprisal + 7, surprisal + 12}));
    values(fixture, expected, FIXTURE_ROWS, "", "surprisal");
    for (size_t i = 0; i < FIXTURE_ROWS; i++) {
        assert_near((double)surprisal[i], expected[i], 1e-4 * expected[i], "surprisal", i);
    }
    values(fixture, expected, FIXTURE_ROWS * OUTPUTS, "", "log_p");
    must(stg_mem_zeroed(&state, stg_net_state_size(m), sizeof(float)));
    for (size_t t = 0; t < 7; t++) {
        must(stg_net_step(m, work, &state, 1, sequences[0].ids + t * FIELDS, sequences[0].scalars + t));
        must(stg_net_predict(m, work, (const float *const[]){state}, 1, log_p));
        for (size_t v = 0; v < OUTPUTS; v++) {
            assert_near((double)log_p[v], expected[t * OUTPUTS + v], 1e-4 * fabs(expected[t * OUTPUTS + v]), "log p",
                        t);
        }
    }
    stg_mem_free(state);
    stg_net_work_free(work);
    stg_net_free(m);
    free(fixture);
}

/* Loss, gradients, and what ten steps of Adam with clipping make of the parameters. */
static inline void check_pytorch_training(const char *name, const struct stg_net_ops *ops,
                                          const struct stg_net_shape *shape)
{
    char *fixture = fixture_read(name);
    struct stg_net_sequence sequences[3];
    struct stg_net *m = fixture_model(fixture, ops, shape, sequences);
    struct stg_params *p = stg_net_params(m);
    struct stg_optimizer adam = {.rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 0.1};
    struct stg_net_loss loss;
    double expected[1] = {0};
    double norms[FIXTURE_STEPS] = {0};
    values(fixture, expected, 1, "", "objective");
    values(fixture, norms, FIXTURE_STEPS, "", "norms");
    for (size_t i = 0; i < FIXTURE_STEPS; i++) {
        double norm;
        must(stg_net_pass(m, sequences, 3, 0.1, 0, true, NULL, &loss));
        if (i == 0) {
            assert_near(loss.objective / (double)loss.n, expected[0], 1e-4 * expected[0], "objective", 0);
            compare_params(fixture, p, p->gradient, "gradient.", 2e-7);
        }
        must(stg_optimizer_update(&adam, p, &norm));
        assert_near(norm, norms[i], 1e-4 * norms[i], "norm of step", i);
        must(stg_net_updated(m));
    }
    compare_trained(fixture, p, adam.rate);
    stg_net_free(m);
    free(fixture);
}

/* Sequences so long that scoring, or the backward pass, takes them in pieces: training sees what scoring does, within a
 * part of the loss, and gradients stay finite. */
static inline void check_long(const struct stg_net_ops *ops, const struct stg_net_shape *shape,
                              const size_t lengths[SEQUENCES], double part)
{
    struct stg_net_loss trained;
    struct stg_net_loss scored;
    struct batch b;
    batch_make(&b, shape, lengths);
    struct stg_net *m = model_make(ops, shape, true);
    must(stg_net_pass(m, b.sequences, SEQUENCES, 0, 0, true, NULL, &trained));
    must(stg_net_pass(m, b.sequences, SEQUENCES, 0, 0, false, NULL, &scored));
    assert_int_equal(trained.n, scored.n);
    assert_near(trained.loss, scored.loss, part * scored.loss, "loss", 0);
    for (size_t i = 0; i < stg_net_params(m)->size; i++) {
        assert_true(isfinite(stg_net_params(m)->gradient[i]));
    }
    stg_net_free(m);
    batch_free(&b);
}

#endif
