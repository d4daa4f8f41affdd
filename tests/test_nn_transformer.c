/* Transformer and Longformer, every option: gradients against finite differences, values against PyTorch's, streams
 * against batches, nothing seen of the future, published sizes. */
#include "nn_support.h"

#include "nn/transformer_internal.h"

/* One of every option; the first are those of the fixtures. */
static const struct variant {
    const char *name;
    struct stg_net_shape shape;
} variants[] = {
    {"transformer",
     {TEST_FIELDS, .layers = 2, .hidden = 12, .heads = 2, .ff = 10, .activation = STG_ACTIVATION_SWIGLU,
      .norm = STG_NORM_POST, .window = {1000, 1000}, .dilation = {1, 1}}},
    {"transformer-pre",
     {TEST_FIELDS, .layers = 2, .hidden = 8, .heads = 2, .ff = 10, .activation = STG_ACTIVATION_GELU,
      .norm = STG_NORM_PRE, .window = {1000, 1000}, .dilation = {1, 1}}},
    {"transformer-fixup",
     {TEST_FIELDS, .layers = 2, .hidden = 0, .heads = 3, .ff = 10, .activation = STG_ACTIVATION_RELU,
      .norm = STG_NORM_NONE, .window = {1000, 1000}, .dilation = {1, 1}}},
    {"longformer",
     {TEST_FIELDS, .layers = 2, .hidden = 12, .heads = 2, .ff = 10, .activation = STG_ACTIVATION_SWIGLU,
      .norm = STG_NORM_POST, .window = {3, 2}, .dilation = {1, 2}, .n_global = 1}},
    {"longformer-2",
     {TEST_FIELDS, .layers = 2, .hidden = 12, .heads = 2, .ff = 10, .activation = STG_ACTIVATION_GELU,
      .norm = STG_NORM_PRE, .window = {2, 2}, .dilation = {1, 1}, .n_global = 2}},
    {"window without global rows",
     {TEST_FIELDS, .layers = 3, .hidden = 8, .heads = 1, .ff = 8, .activation = STG_ACTIVATION_SWIGLU,
      .norm = STG_NORM_PRE, .window = {1, 5, 4}, .dilation = {1, 3, 1}}},
};
enum { N_VARIANTS = sizeof variants / sizeof variants[0], N_FIXTURES = 5 };

static void gradients_agree_with_finite_differences(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        check_gradients(&stg_net_transformer, &variants[i].shape, i % 2 == 0 ? 0.1 : 0.0, 2e-3f);
    }
}

static void gradients_with_soft_targets(void **state)
{
    (void)state;
    check_soft_gradients(&stg_net_transformer, &variants[0].shape, 2e-3f);
    check_soft_gradients(&stg_net_transformer, &variants[3].shape, 2e-3f);
}

static void gradients_with_dropout(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        struct stg_net_shape shape = variants[i].shape;
        shape.dropout = 0.3f;
        check_gradients(&stg_net_transformer, &shape, 0.1, 2e-3f);
    }
}

/* Memory is saved, not bits. */
static void recomputing_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        struct stg_net_shape shape = variants[i].shape;
        struct stg_net *nets[2];
        struct batch b;
        shape.dropout = 0.3f;
        batch_make(&b, &shape, (const size_t[]){MAX_ROWS, 1, 9, 7});
        for (size_t k = 0; k < 2; k++) {
            struct stg_net_loss loss;
            shape.recompute = k == 1;
            nets[k] = model_make(&stg_net_transformer, &shape, true);
            must(stg_net_pass(nets[k], b.sequences, SEQUENCES, 0.1, 5, true, NULL, &loss));
        }
        const struct stg_params *p = stg_net_params(nets[0]);
        assert_memory_equal(p->gradient, stg_net_params(nets[1])->gradient, p->size * sizeof(float));
        stg_net_free(nets[0]);
        stg_net_free(nets[1]);
        batch_free(&b);
    }
}

static void dropout_depends_on_the_seed_alone(void **state)
{
    (void)state;
    struct stg_net_shape shape = variants[0].shape;
    shape.dropout = 0.4f;
    check_dropout(&stg_net_transformer, &shape);
}

/* By a projection and by the first layer itself; a norm before it leaves nothing to look up. */
static void many_ids_are_not_looked_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        struct stg_net_shape shape = variants[i].shape;
        check_lookup(&stg_net_transformer, &shape, 1e-5);
        shape.precision = STG_PRECISION_BF16;
        check_lookup(&stg_net_transformer, &shape, 3e-2);
    }
}

static void threads_do_not_change_the_result(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        check_threads(&stg_net_transformer, &variants[i].shape);
    }
}

/* Longer than a group, so that scoring cuts; longer than any ring, so that it turns. */
static void streams_and_batches_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        check_streams(&stg_net_transformer, &variants[i].shape, 2500, 1e-4);
    }
}

/* What a watched step tells makes of the values what the step made of them: of each row's own, and of the global rows'
 * own ones. */
/* tolerance: of what is attended to, as keys and values may be kept rounded. */
static void check_watched(const struct variant *v, enum stg_precision precision, double tolerance)
{
    enum { ROWS = 40 };
    struct batch b;
    struct stg_net_work *work = NULL;
    float *state = NULL, *weights = NULL, *values[2] = {NULL, NULL}, watched[256], plain[256];
    struct stg_net_shape asked = v->shape;
    asked.precision = precision;
    batch_make(&b, &v->shape, (const size_t[]){ROWS, 1, 1, 1});
    struct stg_net *m = model_make(&stg_net_transformer, &asked, false);
    const struct stg_net_shape *shape = stg_net_shape(m);
    const size_t d = shape->hidden, last = shape->layers - 1, dim = d / shape->heads;
    const struct stg_net_sequence *s = &b.sequences[0];
    assert_int_equal(stg_net_heads(m), shape->layers * shape->heads);
    must(stg_net_work_new(m, &work));
    must(stg_mem_zeroed(&state, stg_net_state_size(m), sizeof *state));
    must(stg_mem_zeroed(&weights, stg_net_heads(m) * ROWS, sizeof *weights));
    must(stg_mem_zeroed(&values[0], ROWS * d, sizeof(float)));
    must(stg_mem_zeroed(&values[1], ROWS * d, sizeof(float)));
    for (size_t t = 0; t < ROWS; t++) {
        const size_t global = t < shape->n_global;
        must(stg_net_step_watched(m, work, state, s->ids + t * shape->n_tables, s->scalars + t * shape->n_waves,
                                  weights));
        const struct stg_transformer_activations *a = &((struct stg_transformer_work *)work)->layer[last];
        memcpy(values[0] + t * d, a->qkv + 2 * d, d * sizeof(float));
        if (global) {
            memcpy(values[1] + t * d, a->global_qkv + 2 * d, d * sizeof(float));
        }
        for (size_t h = 0; h < shape->layers * shape->heads; h++) {
            double sum = 0;
            for (size_t k = 0; k <= t; k++) {
                const size_t l = h / shape->heads, back = t - k;
                const bool seen = k < shape->n_global || global ||
                                  (back % shape->dilation[l] == 0 && back / shape->dilation[l] < shape->window[l]);
                assert_true(seen ? weights[h * (t + 1) + k] > 0 : weights[h * (t + 1) + k] <= 0);
                sum += (double)weights[h * (t + 1) + k];
            }
            assert_near(1, sum, 1e-5, v->name, t);
        }
        for (size_t i = 0; i < d; i++) {
            double sum = 0;
            for (size_t k = 0; k <= t; k++) {
                sum += (double)(weights[(last * shape->heads + i / dim) * (t + 1) + k] * values[global][k * d + i]);
            }
            assert_near((double)a->attended[i], sum, tolerance, v->name, t);
        }
    }
    /* Watching changes nothing. */
    must(stg_net_predict(m, work, (const float *const *)&state, 1, watched));
    stg_net_state_reset(m, state);
    for (size_t t = 0; t < ROWS; t++) {
        must(stg_net_step(m, work, &state, 1, s->ids + t * shape->n_tables, s->scalars + t * shape->n_waves));
    }
    must(stg_net_predict(m, work, (const float *const *)&state, 1, plain));
    assert_memory_equal(watched, plain, shape->outputs * sizeof(float));
    stg_mem_free(weights);
    stg_mem_free(state);
    stg_mem_free(values[0]);
    stg_mem_free(values[1]);
    stg_net_work_free(work);
    stg_net_free(m);
    batch_free(&b);
}

static void watched_steps_tell_what_was_attended_to(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        check_watched(&variants[i], STG_PRECISION_F32, 1e-4);
        check_watched(&variants[i], STG_PRECISION_BF16, 0.02);
    }
}

static void streams_in_bf16(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        check_bf16_streams(&stg_net_transformer, &variants[i].shape, 300, 0.05);
    }
}

static void the_future_changes_nothing_before_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        check_future(&stg_net_transformer, &variants[i].shape);
    }
}

/* Sequences longer than a group: what training sees of them, whole, is what scoring sees in pieces. */
static void long_sequences_train_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        struct stg_net_shape shape = variants[i].shape;
        check_long(&stg_net_transformer, &shape, (const size_t[]){3000, 1, 1025, 1024}, 1e-5);
        shape.precision = STG_PRECISION_BF16; /* the past is kept in it, too */
        check_long(&stg_net_transformer, &shape, (const size_t[]){3000, 1, 1025, 1024}, 1e-4);
    }
}

/* However far a row may look back: what a piece or a step works on is taken for the rows that came before it. */
static void a_window_takes_no_memory_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VARIANTS; i++) {
        struct stg_net_shape shape = variants[i].shape;
        struct stg_net_work *work = NULL;
        float *surprisal = NULL;
        struct batch b;
        for (size_t l = 0; l < shape.layers; l++) {
            shape.window[l] = (1 << 20) / shape.dilation[l];
        }
        batch_make(&b, &shape, (const size_t[]){1500, 0, 0, 0});
        struct stg_net *m = model_make(&stg_net_transformer, &shape, false);
        must(stg_net_work_new(m, &work));
        must(stg_mem_zeroed(&surprisal, 1500, sizeof *surprisal));
        must(stg_net_score(m, work, b.sequences, 1, &surprisal));
        assert_true(((struct stg_transformer_work *)work)->arena_size < 1 << 20);
        stg_mem_free(surprisal);
        stg_net_work_free(work);
        stg_net_free(m);
        batch_free(&b);
        if (i % 3 == 0) {
            check_streams(&stg_net_transformer, &shape, 1500, 1e-4);
        }
    }
}

static void a_pass_without_memory_fails_cleanly(void **state)
{
    (void)state;
    check_memory(&stg_net_transformer, &variants[1].shape);
    check_memory(&stg_net_transformer, &variants[3].shape);
}

static void scores_are_those_of_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        check_pytorch_scores(variants[i].name, &stg_net_transformer, &variants[i].shape);
    }
}

static void training_is_that_of_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        check_pytorch_training(variants[i].name, &stg_net_transformer, &variants[i].shape);
    }
}

static void the_papers_shapes_have_their_parameters(void **state)
{
    (void)state;
    struct stg_net_shape paper = {
        .n_tables = 4,
        .table_rows = {95, 58, 3, 3},
        .table_dim = {48, 48, 12, 12},
        .n_waves = 4,
        .wave_dim = 12,
        .layers = 2,
        .heads = 4,
        .ff = 448,
        .outputs = 95,
        .activation = STG_ACTIVATION_SWIGLU,
        .norm = STG_NORM_POST,
        .window = {2048, 2048},
        .dilation = {1, 1},
    };
    struct stg_net *m = NULL;
    must(stg_net_new(&m, &stg_net_transformer, &paper, false));
    assert_int_equal(stg_net_shape(m)->hidden, 168);
    assert_int_equal(stg_net_params(m)->n_values, 705999);
    stg_net_free(m);
    paper.window[0] = paper.window[1] = 32;
    paper.n_global = 1;
    must(stg_net_new(&m, &stg_net_transformer, &paper, false));
    assert_int_equal(stg_net_params(m)->n_values, 876351);
    stg_net_free(m);
}

static void impossible_shapes_are_refused(void **state)
{
    (void)state;
    struct stg_net *m = NULL;
    for (int i = 0; i < 10; i++) {
        struct stg_net_shape s = variants[3].shape;
        s.heads = i == 0 ? 5 : i == 1 ? 0 : s.heads;
        s.ff = i == 2 ? 0 : i == 3 ? SIZE_MAX : s.ff;
        s.window[1] = i == 4 ? 0 : i == 5 ? SIZE_MAX : s.window[1];
        s.dilation[1] = i == 6 ? 0 : i == 7 ? SIZE_MAX : s.dilation[1];
        s.n_global = i == 8 ? STG_NET_MAX_GLOBAL + 1 : s.n_global;
        s.hidden = i == 9 ? 4 : s.hidden;
        assert_int_equal(stg_net_new(&m, &stg_net_transformer, &s, false), STG_ERR_USAGE);
        assert_null(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_agree_with_finite_differences),
        cmocka_unit_test(gradients_with_soft_targets),
        cmocka_unit_test(gradients_with_dropout),
        cmocka_unit_test(recomputing_changes_nothing),
        cmocka_unit_test(dropout_depends_on_the_seed_alone),
        cmocka_unit_test(many_ids_are_not_looked_up),
        cmocka_unit_test(threads_do_not_change_the_result),
        cmocka_unit_test(streams_and_batches_agree),
        cmocka_unit_test(streams_in_bf16),
        cmocka_unit_test(watched_steps_tell_what_was_attended_to),
        cmocka_unit_test(the_future_changes_nothing_before_it),
        cmocka_unit_test(long_sequences_train_whole),
        cmocka_unit_test(a_window_takes_no_memory_of_its_own),
        cmocka_unit_test(a_pass_without_memory_fails_cleanly),
        cmocka_unit_test(scores_are_those_of_pytorch),
        cmocka_unit_test(training_is_that_of_pytorch),
        cmocka_unit_test(the_papers_shapes_have_their_parameters),
        cmocka_unit_test(impossible_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
