#include "explain/attention.h"

#include "fake_model.h"
#include "must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 40, CALLS = 5, WINDOW = 4, THREADS = 2 };

struct fixture {
    struct stg_vocab vocab;
    struct stg_recipe recipe;
    struct stg_model *model;
    struct fake_seq seq;
};

static void make_model(struct fixture *f, const char *kind)
{
    struct stg_model_settings s;
    const struct stg_corpus corpus = fake_corpus_of(&f->seq, 1);
    stg_model_settings_default(&s);
    s.kind = kind;
    s.fields = STG_FIELD_CALL;
    s.layers = 2;
    s.hidden = 8;
    s.heads = 2;
    s.window = strcmp(kind, "longformer") == 0 ? "4" : NULL;
    s.seed = 1;
    stg_model_free(f->model);
    must(stg_model_new(&f->model, &s, &f->recipe, &f->vocab));
    must(f->model->ops->fit(f->model, &corpus, NULL, NULL));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct stg_rng rng;
    stg_rng_seed(&rng, 1);
    must(fake_vocab(&f->vocab, CALLS));
    stg_recipe_default(&f->recipe);
    f->recipe.order = STG_ORDER_THREAD;
    for (size_t i = 0; i < N; i++) {
        const uint16_t call = (uint16_t)(STG_TOKEN_SPECIALS + stg_rng_below(&rng, CALLS));
        fake_put(&f->seq, 7 + (int32_t)(i % THREADS), STG_TOKEN_UNKNOWN, call, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stg_model_free(f->model);
    stg_vocab_fini(&f->vocab);
    free(f);
    return 0;
}

static void sums_to_one(const float *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(v[i] >= 0);
        sum += (double)v[i];
    }
    assert_true(fabs(sum - 1) < 1e-4);
}

/* What was looked at lies on the same thread, before the event, no further back than the model sees. */
static void check_attended(const struct stg_attended *a, uint32_t index, size_t furthest)
{
    assert_true(a->weight > 0 && a->weight <= 1.0001f);
    if (a->index == STG_ATTENTION_START) {
        return;
    }
    assert_true(a->index < index);
    assert_int_equal((index - a->index) % THREADS, 0);
    assert_int_equal((index - a->index) / THREADS, a->back);
    assert_in_range(a->back, 1, furthest);
}

static void check_maps(struct fixture *f, const char *kind, size_t furthest)
{
    const uint32_t rows[] = {N - 1, 0, 17};
    struct stg_attention_maps a;
    struct stg_seq seq;
    make_model(f, kind);
    fake_seq_get(&f->seq, &seq);
    assert_true(stg_attention_has(f->model));
    must(stg_attention_of(&a, f->model, &seq, rows, 3));
    assert_int_equal(a.n_layers, 2);
    assert_int_equal(a.n_heads, 4);
    assert_int_equal(a.n_pattern, N);
    assert_int_equal(a.n_events, 3);
    for (size_t h = 0; h < a.n_heads; h++) {
        sums_to_one(a.pattern[h], STG_ATTENTION_DISTANCES);
    }
    for (size_t i = 0; i < 3; i++) {
        float before = 2;
        assert_int_equal(a.events[i].index, rows[i]);
        for (size_t h = 0; h < a.n_heads; h++) {
            check_attended(&a.events[i].head[h], rows[i], furthest);
        }
        for (size_t k = 0; k < STG_ATTENDED && a.events[i].most[k].weight > 0; k++) {
            check_attended(&a.events[i].most[k], rows[i], furthest);
            assert_true(a.events[i].most[k].weight <= before);
            before = a.events[i].most[k].weight;
        }
    }
    /* The first event of a thread has its beginning only. */
    assert_int_equal(a.events[1].most[0].index, STG_ATTENTION_START);
    assert_true(fabs((double)a.events[1].most[0].weight - 1) < 1e-4);
    assert_true(a.events[1].most[1].weight <= 0);
    stg_attention_fini(&a);
}

static void test_transformer(void **state)
{
    check_maps(*state, "transformer", N);
}

static void test_longformer(void **state)
{
    check_maps(*state, "longformer", WINDOW);
}

/* The mean of two sequences is over the events of both. */
static void test_add(void **state)
{
    (void)state;
    float first[2][STG_ATTENTION_DISTANCES] = {{1}, {0, 1}}, second[2][STG_ATTENTION_DISTANCES] = {{0, 1}, {0, 1}};
    const struct stg_attention_maps a = {.n_layers = 1, .n_heads = 2, .pattern = first, .n_pattern = 30};
    const struct stg_attention_maps b = {.n_layers = 1, .n_heads = 2, .pattern = second, .n_pattern = 10};
    const struct stg_attention_maps none = {.n_layers = 1, .n_heads = 2, .pattern = second};
    struct stg_attention_maps sum = {0};
    must(stg_attention_add(&sum, &none));
    must(stg_attention_add(&sum, &a));
    must(stg_attention_add(&sum, &b));
    assert_int_equal(sum.n_layers, 1);
    assert_int_equal(sum.n_heads, 2);
    assert_int_equal(sum.n_pattern, 40);
    assert_true(fabs((double)sum.pattern[0][0] - 0.75) < 1e-6 && fabs((double)sum.pattern[0][1] - 0.25) < 1e-6);
    assert_true(fabs((double)sum.pattern[1][1] - 1) < 1e-6);
    stg_attention_fini(&sum);
}

static void test_without_heads(void **state)
{
    static const char *const kinds[] = {"ngram", "lstm"};
    struct fixture *f = *state;
    struct stg_attention_maps a;
    struct stg_seq seq;
    fake_seq_get(&f->seq, &seq);
    for (size_t i = 0; i < 2; i++) {
        make_model(f, kinds[i]);
        assert_false(stg_attention_has(f->model));
        assert_int_equal(stg_attention_of(&a, f->model, &seq, NULL, 0), STG_ERR_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_transformer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_longformer, setup, teardown),
        cmocka_unit_test(test_add),
        cmocka_unit_test_setup_teardown(test_without_heads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
