#include "detect/learning.h"

#include "fake_model.h"
#include "must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 64, LENGTH = 24, CALLS = 4, SHORT = 20 };

struct fixture {
    struct stg_vocab vocab;
    struct stg_recipe recipe;
    struct stg_model *model;
    struct stg_pool *pool;
    struct fake_seq train[N], held[N];
};

static void same_of(struct fake_seq *s, uint64_t id, uint16_t call, size_t n)
{
    memset(s, 0, sizeof *s);
    s->id = id;
    for (size_t k = 0; k < n; k++) {
        fake_put(s, 7, STG_TOKEN_UNKNOWN, (uint16_t)(STG_TOKEN_SPECIALS + call), STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    }
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct stg_model_settings s;
    must(fake_vocab(&f->vocab, CALLS));
    stg_recipe_default(&f->recipe);
    f->recipe.order = STG_ORDER_THREAD;
    stg_model_settings_default(&s);
    s.kind = "ngram";
    must(stg_model_new(&f->model, &s, &f->recipe, &f->vocab));
    must(stg_pool_new(&f->pool, 2));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stg_pool_free(f->pool);
    stg_model_free(f->model);
    stg_vocab_fini(&f->vocab);
    free(f);
    return 0;
}

/* A sequence of the same call again and again. */
static void same(struct fake_seq *s, uint64_t id, uint16_t call)
{
    same_of(s, id, call, LENGTH);
}

/* Points of the curve of f->train (the first n_train), on f->held. */
static size_t curve(struct fixture *f, size_t n_train, size_t n_held,
                    struct stg_learning_point points[STG_LEARNING_POINTS])
{
    const struct stg_corpus train = fake_corpus_of(f->train, n_train), held = fake_corpus_of(f->held, n_held);
    size_t n;
    must(stg_learning_curve(f->model, &train, &held, f->pool, NULL, points, &n));
    return n;
}

static void test_always_the_same(void **state)
{
    struct fixture *f = *state;
    struct stg_learning_point points[STG_LEARNING_POINTS];
    for (size_t i = 0; i < N; i++) {
        same(&f->train[i], i, 0);
        same(&f->held[i], i, 0);
    }
    assert_int_equal(curve(f, N, N, points), STG_LEARNING_POINTS);
    for (size_t i = 0; i < STG_LEARNING_POINTS; i++) {
        assert_int_equal(points[i].n_sequences, N >> (STG_LEARNING_POINTS - 1 - i));
        assert_true(points[i].unseen < 1e-6);
    }
    assert_true(points[3].surprisal < points[0].surprisal);
}

/* What begins in the second half of the data makes its last doubling worth much. */
static void test_late_behaviour(void **state)
{
    struct fixture *f = *state;
    struct stg_learning_point points[STG_LEARNING_POINTS];
    for (size_t i = 0; i < N; i++) {
        same(&f->train[i], i, i < N / 2 ? 0 : 1);
        same(&f->held[i], i, i % 2 == 0 ? 0 : 1);
    }
    const size_t n = curve(f, N, N, points);
    assert_true(points[n - 2].unseen > 0.4 && points[n - 2].unseen < 0.6); /* half of the held-out sequences */
    assert_true(points[n - 1].unseen < 1e-6);
    assert_true(points[n - 2].unknown > 0.4 && points[n - 2].unknown < 0.5 && points[n - 1].unknown <= 0);
    assert_true(stg_learning_gain(points, n) > 0.5);
    assert_false(stg_learning_enough(points, n));
}

/* What lives as long as a recording ends last, and stands last in its data; the first half of the recording has it. */
static void test_ends_last(void **state)
{
    struct fixture *f = *state;
    struct stg_learning_point points[STG_LEARNING_POINTS];
    for (size_t i = 0; i < N; i++) {
        same(&f->train[i], (i + 1) % N, i + 1 < N ? 0 : 1); /* the last one begins first */
        same(&f->held[i], i, i % 2 == 0 ? 0 : 1);
    }
    const size_t n = curve(f, N, N, points);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(points[i].n_sequences, N >> (STG_LEARNING_POINTS - 1 - i));
        assert_true(points[i].unseen < 1e-6);
    }
}

/* Windows count, not sequences: a long one of what is known has most of them. */
static void test_of_windows(void **state)
{
    struct fixture *f = *state;
    struct stg_learning_point points[STG_LEARNING_POINTS];
    for (size_t i = 0; i < N; i++) {
        same(&f->train[i], i, 0);
    }
    same_of(&f->held[0], 0, 0, 9 * SHORT);
    same_of(&f->held[1], 1, 2, SHORT);
    const size_t n = curve(f, N, 2, points);
    assert_true(points[n - 1].unseen > 0.08 && points[n - 1].unseen < 0.12);   /* 1 of 10, not 1 of 2 */
    assert_true(fabs(points[n - 1].unknown - 20.0 / (10 * SHORT + 2)) < 1e-9); /* of the calls and the two ends */
}

static void test_little(void **state)
{
    struct fixture *f = *state;
    struct stg_learning_point points[STG_LEARNING_POINTS];
    same(&f->train[0], 0, 0);
    same(&f->held[0], 0, 2);
    assert_int_equal(curve(f, 1, 1, points), 1);
    assert_true(points[0].unseen > 0.9);
    assert_true(isnan(stg_learning_gain(points, 1)));
    assert_false(stg_learning_enough(points, 1));
    assert_int_equal(curve(f, 1, 0, points), 0);
}

static void test_verdict(void **state)
{
    (void)state;
    struct stg_learning_point p[2] = {{1, 1.0, 0, 0.5}, {2, 0.99, 0, 0.0005}};
    assert_true(fabs(stg_learning_gain(p, 2) - 0.01) < 1e-12);
    assert_true(stg_learning_enough(p, 2));
    p[1].unseen = 0.002;
    assert_false(stg_learning_enough(p, 2));
    p[1] = (struct stg_learning_point){2, 0.97, 0, 0};
    assert_false(stg_learning_enough(p, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_always_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_behaviour, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ends_last, setup, teardown),
        cmocka_unit_test_setup_teardown(test_of_windows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_little, setup, teardown),
        cmocka_unit_test(test_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
