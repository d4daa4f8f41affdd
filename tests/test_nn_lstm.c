/* LSTM engine: gradients against finite differences, values against PyTorch's, streams against batches, threads. */
#include "nn/lstm.h"

#include "base/memory.h"
#include "nn/lstm_internal.h"
#include "nn/optim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 24, SEQUENCES = 4, FIELDS = 2, OUTPUTS = 11 };

static const struct stg_lstm_shape small = {
    .n_tables = FIELDS,
    .table_rows = {OUTPUTS, 3},
    .table_dim = {5, 3},
    .n_waves = 1,
    .wave_dim = 4,
    .layers = 2,
    .hidden = 8,
    .outputs = OUTPUTS,
};

static void must(enum stg_status status)
{
    if (status != STG_OK) {
        fail_msg("%s", stg_status_message());
    }
}

static void assert_near(double a, double b, double tolerance, const char *what, size_t i)
{
    if (!(fabs(a - b) <= tolerance)) {
        fail_msg("%s %zu: %.9g is not %.9g within %g", what, i, a, b, tolerance);
    }
}

struct batch {
    struct stg_lstm_sequence sequences[SEQUENCES];
    uint32_t *ids, *targets;
    double *scalars;
};

/* Sequences of the given lengths; every fifth target is not scored. */
static void batch_make(struct batch *b, const struct stg_lstm_shape *shape, const size_t lengths[SEQUENCES])
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
        b->targets[i] = i % 5 == 4 ? STG_LSTM_UNSCORED : (uint32_t)stg_rng_below(&rng, shape->outputs);
    }
    for (size_t s = 0, at = 0; s < SEQUENCES; at += lengths[s++]) {
        b->sequences[s] = (struct stg_lstm_sequence){lengths[s], b->ids + at * shape->n_tables, b->scalars + at * shape->n_waves,
                                                     b->targets + at};
    }
}

static void batch_free(struct batch *b)
{
    stg_mem_free(b->ids);
    stg_mem_free(b->targets);
    stg_mem_free(b->scalars);
}

static struct stg_lstm *model_make(const struct stg_lstm_shape *shape, bool training)
{
    struct stg_lstm *m = NULL;
    struct stg_rng rng;
    stg_rng_seed(&rng, 3);
    must(stg_lstm_new(&m, shape, training));
    stg_lstm_init(m, &rng);
    must(stg_lstm_updated(m));
    return m;
}

/* The mean objective of a pass with backward's dropout. */
static double objective(struct stg_lstm *m, const struct batch *b, double smoothing, struct stg_pool *pool)
{
    struct stg_lstm_loss loss;
    must(stg_lstm_updated(m));
    must(stg_lstm_pass(m, b->sequences, SEQUENCES, smoothing, 77, true, pool, &loss));
    return loss.objective / (double)loss.n;
}

/* Every parameter of the net, by central differences. */
static void check_gradients(float dropout, double smoothing)
{
    struct stg_lstm_shape shape = small;
    struct batch b;
    shape.dropout = dropout;
    batch_make(&b, &shape, (const size_t[]){7, 1, 9, 7});
    struct stg_lstm *m = model_make(&shape, true);
    struct stg_params *p = stg_lstm_params(m);
    float *gradient = NULL;
    objective(m, &b, smoothing, NULL);
    must(stg_mem_dup(&gradient, p->gradient, p->size * sizeof *gradient));
    for (size_t i = 0; i < p->n; i++) {
        const struct stg_param *e = &p->table[i];
        for (size_t j = 0; j < e->rows * e->cols; j++) {
            float *v = p->value + e->offset + j;
            const float old = *v;
            *v = old + 4e-3f;
            const double step_up = (double)(*v - old);
            const double up = objective(m, &b, smoothing, NULL);
            *v = old - 4e-3f;
            const double step_down = (double)(old - *v);
            const double down = objective(m, &b, smoothing, NULL);
            *v = old;
            const double numeric = (up - down) / (step_up + step_down);
            assert_near((double)gradient[e->offset + j], numeric, 1e-4 + 1e-2 * fabs(numeric), e->name, j);
        }
    }
    stg_mem_free(gradient);
    stg_lstm_free(m);
    batch_free(&b);
}

static void gradients_agree_with_finite_differences(void **state)
{
    (void)state;
    check_gradients(0.0f, 0.0);
}

static void gradients_with_label_smoothing(void **state)
{
    (void)state;
    check_gradients(0.0f, 0.1);
}

static void gradients_with_dropout(void **state)
{
    (void)state;
    check_gradients(0.4f, 0.1);
}

static void dropout_depends_on_the_seed_alone(void **state)
{
    (void)state;
    struct stg_lstm_shape shape = small;
    struct stg_lstm_loss loss[3];
    struct stg_lstm_loss plain[2];
    struct batch b;
    shape.dropout = 0.4f;
    batch_make(&b, &shape, (const size_t[]){7, 1, 9, 7});
    struct stg_lstm *m = model_make(&shape, true);
    for (size_t i = 0; i < 3; i++) {
        must(stg_lstm_pass(m, b.sequences, SEQUENCES, 0, i == 2 ? 2 : 1, true, NULL, &loss[i]));
    }
    assert_true(loss[0].loss == loss[1].loss);
    assert_true(loss[0].loss != loss[2].loss);
    for (size_t i = 0; i < 2; i++) { /* without backward there is no dropout */
        must(stg_lstm_pass(m, b.sequences, SEQUENCES, 0, i, false, NULL, &plain[i]));
    }
    assert_true(plain[0].loss == plain[1].loss);
    assert_true(plain[0].loss != loss[0].loss);
    stg_lstm_free(m);
    batch_free(&b);
}

static void threads_do_not_change_the_result(void **state)
{
    (void)state;
    struct stg_pool *pool = NULL;
    struct stg_lstm_loss one;
    struct stg_lstm_loss two;
    struct batch b;
    float *gradient = NULL;
    must(stg_pool_new(&pool, 2));
    batch_make(&b, &small, (const size_t[]){ROWS, 1, 9, 7});
    struct stg_lstm *m = model_make(&small, true);
    struct stg_params *p = stg_lstm_params(m);
    must(stg_lstm_pass(m, b.sequences, SEQUENCES, 0.1, 1, true, NULL, &one));
    must(stg_mem_dup(&gradient, p->gradient, p->size * sizeof *gradient));
    must(stg_lstm_pass(m, b.sequences, SEQUENCES, 0.1, 1, true, pool, &two));
    assert_near(one.loss, two.loss, 1e-4, "loss of threads", 2);
    assert_near(one.objective, two.objective, 1e-4, "objective of threads", 2);
    assert_int_equal(one.n, two.n);
    assert_int_equal(one.n_correct, two.n_correct);
    for (size_t i = 0; i < p->size; i++) {
        assert_near((double)gradient[i], (double)p->gradient[i], 1e-6, "gradient of threads", i);
    }
    must(stg_lstm_pass(m, b.sequences, 1, 0.1, 1, true, pool, &two)); /* a thread without work */
    must(stg_lstm_pass(m, b.sequences, 0, 0.1, 1, true, pool, &two)); /* none with work */
    assert_int_equal(two.n, 0);
    stg_mem_free(gradient);
    stg_lstm_free(m);
    stg_pool_free(pool);
    batch_free(&b);
}

static void the_papers_shape_has_its_parameters(void **state)
{
    (void)state;
    const struct stg_lstm_shape paper = {
        .n_tables = 4, .table_rows = {95, 58, 3, 3}, .table_dim = {48, 48, 12, 12}, .n_waves = 4, .wave_dim = 12,
        .layers = 2, .hidden = 256, .outputs = 95,
    };
    struct stg_lstm *m = NULL;
    must(stg_lstm_new(&m, &paper, false));
    assert_int_equal(stg_lstm_params(m)->n_values, 994391);
    stg_lstm_free(m);
}

static void impossible_shapes_are_refused(void **state)
{
    (void)state;
    struct stg_lstm *m = NULL;
    struct stg_lstm_shape s;
    for (int i = 0; i < 8; i++) {
        s = small;
        s.n_tables = i == 0 ? STG_LSTM_MAX_TABLES + 1 : s.n_tables;
        s.hidden = i == 1 ? 12 : i == 2 ? 0 : s.hidden;
        s.layers = i == 3 ? STG_LSTM_MAX_LAYERS + 1 : s.layers;
        s.outputs = i == 4 ? 1 : s.outputs;
        s.dropout = i == 5 ? 1.0f : 0.0f;
        s.wave_dim = i == 6 ? 3 : i == 7 ? STG_LSTM_MAX_WAVE_DIM + 2 : s.wave_dim;
        assert_int_equal(stg_lstm_new(&m, &s, false), STG_ERR_USAGE);
        assert_null(m);
    }
}

static void score(const struct stg_lstm *m, const struct batch *b, float *const *to)
{
    struct stg_lstm_run *run = NULL;
    must(stg_lstm_run_new(m, &run));
    must(stg_lstm_score(m, run, b->sequences, SEQUENCES, to));
    stg_lstm_run_free(run);
}

/* Batch scores, the loss of a pass and a stream fed row by row are the same surprisals. */
static void streams_and_batches_agree(void **state)
{
    (void)state;
    enum { LONG = 300 };
    struct batch b;
    static float surprisal[SEQUENCES][LONG];
    float *const to[SEQUENCES] = {surprisal[0], surprisal[1], surprisal[2], surprisal[3]};
    struct stg_lstm_run *run = NULL;
    struct stg_lstm_loss loss;
    float *stream[SEQUENCES];
    float log_p[SEQUENCES * OUTPUTS];
    double total = 0;
    batch_make(&b, &small, (const size_t[]){LONG, 1, 129, LONG});
    struct stg_lstm *m = model_make(&small, true);
    score(m, &b, to);
    must(stg_lstm_run_new(m, &run));
    for (size_t s = 0; s < SEQUENCES; s++) {
        must(stg_mem_zeroed(&stream[s], stg_lstm_state_size(m), sizeof(float)));
    }
    for (size_t t = 0; t < LONG; t++) {
        float *states[SEQUENCES];
        const float *readable[SEQUENCES];
        uint32_t ids[SEQUENCES * FIELDS];
        double scalars[SEQUENCES];
        size_t which[SEQUENCES];
        size_t n = 0;
        for (size_t s = 0; s < SEQUENCES; s++) {
            if (t < b.sequences[s].n) {
                memcpy(ids + n * FIELDS, b.sequences[s].ids + t * FIELDS, FIELDS * sizeof *ids);
                scalars[n] = b.sequences[s].scalars[t];
                readable[n] = states[n] = stream[s];
                which[n++] = s;
            }
        }
        must(stg_lstm_step(m, run, states, n, ids, scalars));
        must(stg_lstm_predict(m, run, readable, n, log_p));
        for (size_t i = 0; i < n; i++) {
            const uint32_t target = b.sequences[which[i]].target[t];
            const double expected = target == STG_LSTM_UNSCORED ? 0.0 : -(double)log_p[i * OUTPUTS + target];
            assert_near((double)surprisal[which[i]][t], expected, 1e-4, "surprisal of row", t);
            total += expected;
        }
    }
    must(stg_lstm_pass(m, b.sequences, SEQUENCES, 0, 0, false, NULL, &loss));
    assert_near(loss.loss, total, 1e-5 * total, "loss", 0);
    for (size_t s = 0; s < SEQUENCES; s++) {
        stg_mem_free(stream[s]);
    }
    stg_lstm_run_free(run);
    stg_lstm_free(m);
    batch_free(&b);
}

static void the_future_changes_nothing_before_it(void **state)
{
    (void)state;
    enum { CUT = 10 };
    float before[SEQUENCES][ROWS];
    float after[SEQUENCES][ROWS];
    struct batch b;
    batch_make(&b, &small, (const size_t[]){ROWS, ROWS, ROWS, ROWS});
    struct stg_lstm *m = model_make(&small, false);
    score(m, &b, (float *const[]){before[0], before[1], before[2], before[3]});
    for (size_t s = 0; s < SEQUENCES; s++) {
        for (size_t t = CUT; t < ROWS; t++) {
            const size_t row = s * ROWS + t;
            b.ids[row * FIELDS] = (b.ids[row * FIELDS] + 1) % OUTPUTS;
            b.scalars[row] += 1000;
        }
    }
    score(m, &b, (float *const[]){after[0], after[1], after[2], after[3]});
    for (size_t s = 0; s < SEQUENCES; s++) {
        assert_memory_equal(before[s], after[s], CUT * sizeof(float));
        assert_true(memcmp(before[s] + CUT, after[s] + CUT, (ROWS - CUT) * sizeof(float)) != 0);
    }
    stg_lstm_free(m);
    batch_free(&b);
}

/* Longer than one backward segment: the loss is that of the whole, the gradient is finite and the state goes on. */
static void long_sequences_run_in_segments(void **state)
{
    (void)state;
    struct stg_lstm_loss trained;
    struct stg_lstm_loss scored;
    struct batch b;
    batch_make(&b, &small, (const size_t[]){STG_LSTM_BPTT + 700, 1, STG_LSTM_BPTT, 2 * STG_LSTM_BPTT + 1});
    struct stg_lstm *m = model_make(&small, true);
    must(stg_lstm_pass(m, b.sequences, SEQUENCES, 0, 0, true, NULL, &trained));
    must(stg_lstm_pass(m, b.sequences, SEQUENCES, 0, 0, false, NULL, &scored));
    assert_int_equal(trained.n, scored.n);
    assert_near(trained.loss, scored.loss, 1e-5 * scored.loss, "loss", 0);
    for (size_t i = 0; i < stg_lstm_params(m)->size; i++) {
        assert_true(isfinite(stg_lstm_params(m)->gradient[i]));
    }
    stg_lstm_free(m);
    batch_free(&b);
}

static void a_pass_without_memory_fails_cleanly(void **state)
{
    (void)state;
    struct stg_lstm_loss loss;
    struct batch b;
    enum stg_status status = STG_ERR_MEMORY;
    batch_make(&b, &small, (const size_t[]){7, 1, 9, 7});
    uint64_t n = 0;
    for (; status != STG_OK && n < 1000; n++) {
        struct stg_lstm *m = NULL;
        stg_mem_fail_at(n + 1);
        status = stg_lstm_new(&m, &small, true);
        if (status == STG_OK) {
            status = stg_lstm_pass(m, b.sequences, SEQUENCES, 0, 0, true, NULL, &loss);
        }
        stg_mem_fail_at(0);
        if (status != STG_OK) {
            assert_int_equal(status, STG_ERR_MEMORY);
        }
        stg_lstm_free(m);
    }
    assert_int_equal(status, STG_OK);
    assert_true(n > 20);
    batch_free(&b);
}

/* --- PyTorch's numbers (tools/lstm_fixture.py) --- */

enum { FIXTURE_ROWS = 13 };

static char *fixture;

static int fixture_read(void **state)
{
    (void)state;
    char path[4096];
    const char *dir = getenv("STRANGE_TEST_DATA");
    snprintf(path, sizeof path, "%s/lstm/fixture.txt", dir == NULL ? "tests/data" : dir);
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        return -1;
    }
    fixture = calloc(1, 1 << 17);
    const size_t n = fixture == NULL ? 0 : fread(fixture, 1, (1 << 17) - 1, f);
    fclose(f);
    return n > 0 ? 0 : -1;
}

static int fixture_free(void **state)
{
    (void)state;
    free(fixture);
    fixture = NULL;
    return 0;
}

/* The n values of the line that begins with prefix and name. */
static void values(double *out, size_t n, const char *prefix, const char *name)
{
    char key[128];
    snprintf(key, sizeof key, "%s%s %zu ", prefix, name, n);
    const char *at = strncmp(fixture, key, strlen(key)) == 0 ? fixture : NULL;
    if (at == NULL) {
        char after_newline[130];
        snprintf(after_newline, sizeof after_newline, "\n%s", key);
        at = strstr(fixture, after_newline);
        at = at == NULL ? NULL : at + 1;
    }
    if (at == NULL) {
        fail_msg("the fixture has no %s", key);
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

static void compare_params(const struct stg_params *p, const float *array, const char *prefix, double tolerance)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct stg_param *e = &p->table[i];
        const size_t n = e->rows * e->cols;
        double expected[512];
        assert_true(n <= 512);
        values(expected, n, prefix, e->name);
        for (size_t j = 0; j < n; j++) {
            assert_near((double)array[e->offset + j], expected[j], 1e-4 * fabs(expected[j]) + tolerance, e->name, j);
        }
    }
}

static struct stg_lstm *fixture_model(struct stg_lstm_sequence sequences[3])
{
    static uint32_t ids[FIXTURE_ROWS * FIELDS];
    static uint32_t targets[FIXTURE_ROWS];
    static double scalars[FIXTURE_ROWS];
    static const size_t lengths[] = {7, 5, 1};
    double read[512];
    struct stg_lstm *m = model_make(&small, true);
    struct stg_params *p = stg_lstm_params(m);
    for (size_t i = 0; i < p->n; i++) {
        values(read, p->table[i].rows * p->table[i].cols, "value.", p->table[i].name);
        for (size_t j = 0; j < p->table[i].rows * p->table[i].cols; j++) {
            stg_params_value(p, i)[j] = (float)read[j];
        }
    }
    must(stg_lstm_updated(m));
    values(scalars, FIXTURE_ROWS, "", "scalars");
    values(read, FIXTURE_ROWS * FIELDS, "", "ids");
    for (size_t i = 0; i < FIXTURE_ROWS * FIELDS; i++) {
        ids[i] = (uint32_t)read[i];
    }
    values(read, FIXTURE_ROWS, "", "target");
    for (size_t i = 0; i < FIXTURE_ROWS; i++) {
        targets[i] = read[i] < 0 ? STG_LSTM_UNSCORED : (uint32_t)read[i];
    }
    for (size_t s = 0, at = 0; s < 3; at += lengths[s++]) {
        sequences[s] = (struct stg_lstm_sequence){lengths[s], ids + at * FIELDS, scalars + at, targets + at};
    }
    return m;
}

static void scores_are_those_of_pytorch(void **state)
{
    (void)state;
    struct stg_lstm_sequence sequences[3];
    struct stg_lstm_run *run = NULL;
    float surprisal[FIXTURE_ROWS];
    float log_p[OUTPUTS];
    double expected[FIXTURE_ROWS * OUTPUTS];
    struct stg_lstm *m = fixture_model(sequences);
    float *lstm_state = NULL;
    must(stg_lstm_run_new(m, &run));
    must(stg_lstm_score(m, run, sequences, 3, (float *const[]){surprisal, surprisal + 7, surprisal + 12}));
    values(expected, FIXTURE_ROWS, "", "surprisal");
    for (size_t i = 0; i < FIXTURE_ROWS; i++) {
        assert_near((double)surprisal[i], expected[i], 1e-4 * expected[i], "surprisal", i);
    }
    values(expected, FIXTURE_ROWS * OUTPUTS, "", "log_p");
    must(stg_mem_zeroed(&lstm_state, stg_lstm_state_size(m), sizeof(float)));
    for (size_t t = 0; t < 7; t++) {
        must(stg_lstm_step(m, run, &lstm_state, 1, sequences[0].ids + t * FIELDS, sequences[0].scalars + t));
        must(stg_lstm_predict(m, run, (const float *const[]){lstm_state}, 1, log_p));
        for (size_t v = 0; v < OUTPUTS; v++) {
            assert_near((double)log_p[v], expected[t * OUTPUTS + v], 1e-4 * fabs(expected[t * OUTPUTS + v]), "log p", t);
        }
    }
    stg_mem_free(lstm_state);
    stg_lstm_run_free(run);
    stg_lstm_free(m);
}

static void training_is_that_of_pytorch(void **state)
{
    (void)state;
    enum { STEPS = 5 };
    struct stg_lstm_sequence sequences[3];
    struct stg_lstm *m = fixture_model(sequences);
    struct stg_params *p = stg_lstm_params(m);
    struct stg_adam adam = {.rate = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 0.1};
    struct stg_lstm_loss loss;
    double expected[1] = {0};
    double norms[STEPS];
    values(expected, 1, "", "objective");
    values(norms, STEPS, "", "norms");
    for (size_t i = 0; i < STEPS; i++) {
        double norm;
        must(stg_lstm_pass(m, sequences, 3, 0.1, 0, true, NULL, &loss));
        if (i == 0) {
            assert_near(loss.objective / (double)loss.n, expected[0], 1e-4 * expected[0], "objective", 0);
            compare_params(p, p->gradient, "gradient.", 1e-7);
        }
        must(stg_adam_update(&adam, p, &norm));
        assert_near(norm, norms[i], 1e-4 * norms[i], "norm of step", i);
        must(stg_lstm_updated(m));
    }
    /* Adam divides by the gradient's size: where that is 1e-6, so is what float leaves of it after two layers. */
    compare_params(p, p->value, "after.", 1e-4);
    stg_lstm_free(m);
}

static void a_gradient_that_is_not_finite_changes_nothing(void **state)
{
    (void)state;
    struct stg_lstm *m = model_make(&small, true);
    struct stg_params *p = stg_lstm_params(m);
    struct stg_adam adam = {.rate = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 0.1};
    const float old = p->value[0];
    double norm;
    p->gradient[3] = NAN;
    assert_int_equal(stg_adam_update(&adam, p, &norm), STG_ERR_INPUT);
    p->gradient[3] = INFINITY;
    assert_int_equal(stg_adam_update(&adam, p, &norm), STG_ERR_INPUT);
    assert_true(p->value[0] == old);
    assert_int_equal(adam.n_steps, 0);
    stg_lstm_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_agree_with_finite_differences),
        cmocka_unit_test(gradients_with_label_smoothing),
        cmocka_unit_test(gradients_with_dropout),
        cmocka_unit_test(dropout_depends_on_the_seed_alone),
        cmocka_unit_test(threads_do_not_change_the_result),
        cmocka_unit_test(the_papers_shape_has_its_parameters),
        cmocka_unit_test(impossible_shapes_are_refused),
        cmocka_unit_test(streams_and_batches_agree),
        cmocka_unit_test(the_future_changes_nothing_before_it),
        cmocka_unit_test(long_sequences_run_in_segments),
        cmocka_unit_test(a_pass_without_memory_fails_cleanly),
        cmocka_unit_test_setup_teardown(scores_are_those_of_pytorch, fixture_read, fixture_free),
        cmocka_unit_test_setup_teardown(training_is_that_of_pytorch, fixture_read, fixture_free),
        cmocka_unit_test(a_gradient_that_is_not_finite_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
