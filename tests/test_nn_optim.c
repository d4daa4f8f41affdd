/* Optimisers against PyTorch's numbers (tools/net_fixture.py optimizers). */
#include "nn_support.h"

enum { STEPS = 20, ROWS = 3, COLS = 4 };

/* STEPS updates with the given gradients; the result must be the fixture's. */
static void check_kind(struct stg_optimizer o, const char *prefix)
{
    struct stg_params p = {0};
    size_t matrix;
    size_t bias;
    double gradient[2][STEPS * ROWS * COLS] = {{0}};
    double begin[2][ROWS * COLS] = {{0}};
    char *fixture = fixture_read("optimizers");
    must(stg_params_add(&p, "matrix", ROWS, COLS, &matrix));
    must(stg_params_add(&p, "bias", 1, COLS, &bias));
    must(stg_params_alloc(&p, 1));
    for (size_t i = 0; i < p.n; i++) {
        const size_t n = p.table[i].rows * p.table[i].cols;
        values(fixture, begin[i], n, "begin.", p.table[i].name);
        values(fixture, gradient[i], STEPS * n, "gradient.", p.table[i].name);
        for (size_t j = 0; j < n; j++) {
            stg_params_value(&p, i)[j] = (float)begin[i][j];
        }
    }
    must(stg_optimizer_init(&o, &p));
    for (size_t step = 0; step < STEPS; step++) {
        double norm;
        for (size_t i = 0; i < p.n; i++) {
            const size_t n = p.table[i].rows * p.table[i].cols;
            for (size_t j = 0; j < n; j++) {
                p.gradient[p.table[i].offset + j] = (float)gradient[i][step * n + j];
            }
        }
        must(stg_optimizer_update(&o, &p, &norm));
    }
    assert_int_equal(o.n_steps, STEPS);
    compare_params(fixture, &p, p.value, prefix, 1e-6);
    stg_optimizer_fini(&o);
    stg_params_fini(&p);
    free(fixture);
}

static struct stg_optimizer optimizer(enum stg_optimizer_kind kind)
{
    return (struct stg_optimizer){
        .kind = kind, .rate = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0.1};
}

static void adam_is_that_of_pytorch(void **state)
{
    (void)state;
    check_kind(optimizer(STG_OPTIMIZER_ADAM), "adam.");
}

/* Only the matrix decays. */
static void adamw_is_that_of_pytorch(void **state)
{
    (void)state;
    check_kind(optimizer(STG_OPTIMIZER_ADAMW), "adamw.");
}

/* The first steps are those without a known variance; Lookahead acts three times. */
static void ranger_is_that_of_pytorch(void **state)
{
    (void)state;
    check_kind(optimizer(STG_OPTIMIZER_RANGER), "ranger.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adam_is_that_of_pytorch),
        cmocka_unit_test(adamw_is_that_of_pytorch),
        cmocka_unit_test(ranger_is_that_of_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
