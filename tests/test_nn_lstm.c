/* LSTM: gradients against finite differences, values against PyTorch's, streams against batches, threads. */
#include "nn_support.h"

#include "nn/lstm_internal.h"

static const struct stg_net_shape small = {TEST_FIELDS, .layers = 2, .hidden = 8};
static const struct stg_net_shape dropping = {TEST_FIELDS, .layers = 2, .hidden = 8, .dropout = 0.4f};

static void gradients_agree_with_finite_differences(void **state)
{
    (void)state;
    check_gradients(&stg_net_lstm, &small, 0.0, 4e-3f);
}

static void gradients_with_label_smoothing(void **state)
{
    (void)state;
    check_gradients(&stg_net_lstm, &small, 0.1, 4e-3f);
}

static void gradients_with_soft_targets(void **state)
{
    (void)state;
    check_soft_gradients(&stg_net_lstm, &small, 4e-3f);
}

static void gradients_with_dropout(void **state)
{
    (void)state;
    check_gradients(&stg_net_lstm, &dropping, 0.1, 4e-3f);
}

static void dropout_depends_on_the_seed_alone(void **state)
{
    (void)state;
    check_dropout(&stg_net_lstm, &dropping);
}

static void threads_do_not_change_the_result(void **state)
{
    (void)state;
    check_threads(&stg_net_lstm, &small);
}

static void the_papers_shape_has_its_parameters(void **state)
{
    (void)state;
    const struct stg_net_shape paper = {
        .n_tables = 4,
        .table_rows = {95, 58, 3, 3},
        .table_dim = {48, 48, 12, 12},
        .n_waves = 4,
        .wave_dim = 12,
        .layers = 2,
        .hidden = 256,
        .outputs = 95,
    };
    struct stg_net *m = NULL;
    must(stg_net_new(&m, &stg_net_lstm, &paper, false));
    assert_int_equal(stg_net_params(m)->n_values, 994391);
    stg_net_free(m);
}

static void impossible_shapes_are_refused(void **state)
{
    (void)state;
    struct stg_net *m = NULL;
    struct stg_net_shape s;
    for (int i = 0; i < 8; i++) {
        s = small;
        s.n_tables = i == 0 ? STG_NET_MAX_TABLES + 1 : s.n_tables;
        s.hidden = i == 1 ? 12 : i == 2 ? 0 : s.hidden;
        s.layers = i == 3 ? STG_NET_MAX_LAYERS + 1 : s.layers;
        s.outputs = i == 4 ? 1 : s.outputs;
        s.dropout = i == 5 ? 1.0f : 0.0f;
        s.wave_dim = i == 6 ? 3 : i == 7 ? STG_NET_MAX_WAVE_DIM + 2 : s.wave_dim;
        assert_int_equal(stg_net_new(&m, &stg_net_lstm, &s, false), STG_ERR_USAGE);
        assert_null(m);
    }
}

/* Longer than one backward segment: the loss is that of the whole, the gradient is finite and the state goes on. */
static void long_sequences_run_in_segments(void **state)
{
    (void)state;
    check_long(&stg_net_lstm, &small, (const size_t[]){STG_LSTM_BPTT + 700, 1, STG_LSTM_BPTT, 2 * STG_LSTM_BPTT + 1},
               1e-5);
}

static void streams_and_batches_agree(void **state)
{
    (void)state;
    check_streams(&stg_net_lstm, &small, 300, 0);
}

static void streams_in_bf16(void **state)
{
    (void)state;
    struct stg_net_shape wide = small;
    wide.hidden = 128;
    check_bf16_streams(&stg_net_lstm, &small, 300, 0);
    check_bf16_streams(&stg_net_lstm, &wide, 300, 0);
}

/* Ids that are too many to be looked up: the rows themselves are multiplied. */
static void many_ids_are_not_looked_up(void **state)
{
    (void)state;
    struct stg_net_shape many = small;
    many.table_rows[1] = 3000;
    check_streams(&stg_net_lstm, &many, 60, 0);
    check_lookup(&stg_net_lstm, &small, 1e-5);
    check_lookup(&stg_net_lstm, &dropping, 1e-5);
    many = small;
    many.n_tables = 3;
    many.table_rows[2] = many.table_dim[2] = 4;
    check_lookup(&stg_net_lstm, &many, 1e-5);
    many = small;
    many.precision = STG_PRECISION_BF16;
    check_lookup(&stg_net_lstm, &many, 2e-2);
}

static void the_future_changes_nothing_before_it(void **state)
{
    (void)state;
    check_future(&stg_net_lstm, &small);
}

static void a_pass_without_memory_fails_cleanly(void **state)
{
    (void)state;
    check_memory(&stg_net_lstm, &small);
}

static void scores_are_those_of_pytorch(void **state)
{
    (void)state;
    check_pytorch_scores("lstm", &stg_net_lstm, &small);
}

static void training_is_that_of_pytorch(void **state)
{
    (void)state;
    check_pytorch_training("lstm", &stg_net_lstm, &small);
}

static void a_gradient_that_is_not_finite_changes_nothing(void **state)
{
    (void)state;
    struct stg_net *m = model_make(&stg_net_lstm, &small, true);
    struct stg_params *p = stg_net_params(m);
    struct stg_optimizer adam = {.rate = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 0.1};
    const float old = p->value[0];
    double norm;
    p->gradient[3] = NAN;
    assert_int_equal(stg_optimizer_update(&adam, p, &norm), STG_ERR_INPUT);
    p->gradient[3] = INFINITY;
    assert_int_equal(stg_optimizer_update(&adam, p, &norm), STG_ERR_INPUT);
    assert_true(p->value[0] == old);
    assert_int_equal(adam.n_steps, 0);
    stg_net_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_agree_with_finite_differences),
        cmocka_unit_test(gradients_with_label_smoothing),
        cmocka_unit_test(gradients_with_soft_targets),
        cmocka_unit_test(gradients_with_dropout),
        cmocka_unit_test(dropout_depends_on_the_seed_alone),
        cmocka_unit_test(threads_do_not_change_the_result),
        cmocka_unit_test(the_papers_shape_has_its_parameters),
        cmocka_unit_test(impossible_shapes_are_refused),
        cmocka_unit_test(streams_and_batches_agree),
        cmocka_unit_test(streams_in_bf16),
        cmocka_unit_test(many_ids_are_not_looked_up),
        cmocka_unit_test(the_future_changes_nothing_before_it),
        cmocka_unit_test(long_sequences_run_in_segments),
        cmocka_unit_test(a_pass_without_memory_fails_cleanly),
        cmocka_unit_test(scores_are_those_of_pytorch),
        cmocka_unit_test(training_is_that_of_pytorch),
        cmocka_unit_test(a_gradient_that_is_not_finite_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
