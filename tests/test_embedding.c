#include "explain/embedding.h"
#include "explain/projection.h"

#include "fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CALLS = 6, DIM = 5, N = 4 };

static void near(double a, double b)
{
    if (!(fabs(a - b) < 1e-6)) {
        fail_msg("%g instead of %g", a, b);
    }
}

/* A cross of two axes that are no coordinates, in two of five dimensions: variances 5 and 1. */
static void test_known_answer(void **state)
{
    static const double along[N] = {-3, -1, 1, 3}, across[N] = {1, -1, -1, 1};
    float rows[N][DIM];
    double out[N][2], share[2];
    (void)state;
    for (size_t i = 0; i < N; i++) {
        for (size_t d = 0; d < DIM; d++) {
            rows[i][d] = 7; /* the mean does not matter */
        }
        rows[i][1] += (float)(0.6 * along[i] - 0.8 * across[i]);
        rows[i][3] += (float)(0.8 * along[i] + 0.6 * across[i]);
    }
    assert_int_equal(stg_projection(rows[0], N, DIM, out, share), STG_OK);
    near(share[0], 5.0 / 6);
    near(share[1], 1.0 / 6);
    for (size_t i = 0; i < N; i++) {
        near(out[i][0], along[i]);
        near(out[i][1], -across[i]); /* the larger coordinate of the axis, 0.8, is positive */
    }
}

/* The coordinate that grows from the longest column of the covariance need not be the axis' largest: here that is
 * another one, below zero. */
static void test_sign(void **state)
{
    static const double along[N] = {-3, -1, 1, 3}, across[N] = {1, -1, -1, 1};
    const double axis[] = {-0.7, 0.6, sqrt(0.15)},
                 second[] = {0.42, 0.64, -0.6 * sqrt(0.15)}; /* orthogonal; the second of length 0.8 */
    float rows[N][3];
    double out[N][2], share[2];
    (void)state;
    for (size_t i = 0; i < N; i++) {
        for (size_t d = 0; d < 3; d++) {
            rows[i][d] = (float)(along[i] * axis[d] + sqrt(4.5) * across[i] * second[d] / 0.8);
        }
    }
    assert_int_equal(stg_projection(rows[0], N, 3, out, share), STG_OK);
    near(share[0], 5 / 9.5);
    for (size_t i = 0; i < N; i++) {
        assert_true(fabs(out[i][0] + along[i]) < 1e-5);
    }
}

static void test_little(void **state)
{
    const float rows[] = {1, 2, 1, 2, 1, 2}, line[] = {0, 0, 1, 1, 2, 2};
    double out[3][2], share[2];
    (void)state;
    assert_int_equal(stg_projection(rows, 3, 2, out, share), STG_OK); /* all the same */
    for (size_t i = 0; i < 3; i++) {
        near(out[i][0], 0);
        near(out[i][1], 0);
    }
    near(share[0], 0);
    assert_int_equal(stg_projection(line, 3, 2, out, share), STG_OK);
    near(share[0], 1);
    near(share[1], 0);
    near(out[2][0] - out[0][0], sqrt(8));
    assert_int_equal(stg_projection(rows, 1, 2, out, share), STG_OK);
    near(out[0][0], 0);
    near(share[0], 0);
    assert_int_equal(stg_projection(rows, 0, 2, out, share), STG_OK);
    for (uint64_t n = 1; n <= 4; n++) {
        stg_mem_fail_at(n);
        assert_int_equal(stg_projection(line, 3, 2, out, share), STG_ERR_MEMORY);
        stg_mem_fail_at(0);
    }
}

struct fixture {
    struct stg_vocab vocab;
    struct stg_recipe recipe;
    struct fake_seq seq;
    struct stg_model *model;
};

static void make(struct fixture *f, const char *kind, const char *preset)
{
    struct stg_model_settings s;
    memset(f, 0, sizeof *f);
    assert_int_equal(fake_vocab(&f->vocab, CALLS + 1), STG_OK); /* one that never comes */
    stg_recipe_default(&f->recipe);
    for (int c = 0; c < CALLS; c++) {
        fake_put(&f->seq, 7, STG_TOKEN_UNKNOWN, (uint16_t)(STG_TOKEN_SPECIALS + c), STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
        fake_put(&f->seq, 7, STG_TOKEN_UNKNOWN, (uint16_t)(STG_TOKEN_SPECIALS + c), STG_PHASE_EXIT, 0, 1);
    }
    /* The last call was never seen to begin. */
    f->seq.n -= 2;
    fake_put(&f->seq, 7, STG_TOKEN_UNKNOWN, STG_TOKEN_SPECIALS + CALLS - 1, STG_PHASE_EXIT, 0, 1);
    const struct stg_corpus corpus = fake_corpus_of(&f->seq, 1);
    stg_model_settings_default(&s);
    s.kind = kind;
    s.preset = preset;
    s.layers = 1;
    s.hidden = preset != NULL ? 0 : 16;
    s.heads = 2;
    s.fields = preset != NULL ? STG_FIELD_CALL | STG_FIELD_PHASE
                              : 0; /* so that symbols are not the names, whatever the input */
    s.seed = 1;
    assert_int_equal(stg_model_new(&f->model, &s, &f->recipe, &f->vocab), STG_OK);
    assert_int_equal(f->model->ops->fit(f->model, &corpus, NULL, NULL), STG_OK);
}

static void discard(struct fixture *f)
{
    stg_model_free(f->model);
    stg_vocab_fini(&f->vocab);
}

/* The row of the call's symbol with this phase, or of the call itself. */
static float *row_of(const struct fixture *f, int call, uint8_t phase)
{
    size_t n, dim;
    bool of_symbols;
    const float *table = f->model->ops->embedding(f->model, &n, &dim, &of_symbols);
    const uint16_t id = (uint16_t)(STG_TOKEN_SPECIALS + call);
    const uint32_t row =
        of_symbols ? stg_symbols_find(f->model->symbols, id, phase, phase == STG_PHASE_EXIT ? 0 : STG_RET_ABSENT) : id;
    assert_true(row >= STG_TOKEN_SPECIALS && row < n);
    return (float *)(table + row * dim); /* the model is the test's own */
}

/* Axis k and nothing else. */
static void set_row(const struct fixture *f, int call, uint8_t phase, size_t k, float value)
{
    size_t n, dim;
    bool of_symbols;
    (void)f->model->ops->embedding(f->model, &n, &dim, &of_symbols);
    float *row = row_of(f, call, phase);
    for (size_t d = 0; d < dim; d++) {
        row[d] = d == k ? value : 0;
    }
}

/* Calls 0 and 2 look one way, 1 another; exits, which look like something else, count for the call that has nothing
 * else. */
static void check_calls(const char *kind, const char *preset, bool of_symbols)
{
    static const uint64_t count[STG_TOKEN_SPECIALS + CALLS + 1] = {
        [STG_TOKEN_UNKNOWN] = 99, [5] = 10, [6] = 30, [7] = 20, [10] = 10, [11] = 1};
    static const uint64_t one[STG_TOKEN_SPECIALS + CALLS + 1] = {[7] = 1};
    struct fixture f;
    struct stg_embedding e;
    make(&f, kind, preset);
    assert_true(stg_embedding_has(f.model));
    size_t n, dim;
    bool rows_are_symbols;
    (void)f.model->ops->embedding(f.model, &n, &dim, &rows_are_symbols);
    assert_int_equal(rows_are_symbols, of_symbols);
    assert_int_equal(n, of_symbols ? stg_symbols_count(f.model->symbols) : stg_strings_count(f.model->vocab.calls));
    set_row(&f, 0, STG_PHASE_ENTRY, 0, 2);
    set_row(&f, 1, STG_PHASE_ENTRY, 1, 1);
    set_row(&f, 2, STG_PHASE_ENTRY, 0, 3);
    if (of_symbols) {
        set_row(&f, 0, STG_PHASE_EXIT, 1, 9);
        set_row(&f, 2, STG_PHASE_EXIT, 2, 9);
    } else {
        set_row(&f, 6, STG_PHASE_ENTRY, 1, 1);
    }
    set_row(&f, 5, STG_PHASE_EXIT, 1, 4);
    assert_int_equal(stg_embedding_of(&e, f.model, count), STG_OK);
    assert_int_equal(e.n, of_symbols ? 4 : 5); /* what never came has no symbol */
    assert_int_equal(e.n_all, 5);
    assert_int_equal(e.calls[0].call, 6); /* most frequent first */
    assert_int_equal(e.calls[1].call, 7);
    assert_int_equal(e.calls[2].call, 5);
    assert_int_equal(e.calls[3].call, 10); /* as often, and later in the vocabulary */
    assert_int_equal(e.calls[0].nearest, 10);
    assert_int_equal(e.calls[1].nearest, 5);
    assert_int_equal(e.calls[2].nearest, 7);
    near(e.calls[2].likeness, 1);
    near(e.share[0] + e.share[1], 1); /* two dimensions were used */
    near(hypot(e.calls[1].x - e.calls[2].x, e.calls[1].y - e.calls[2].y), 1);
    near(hypot(e.calls[0].x - e.calls[3].x, e.calls[0].y - e.calls[3].y), 3);
    stg_embedding_fini(&e);
    assert_int_equal(stg_embedding_of(&e, f.model, one), STG_OK);
    assert_int_equal(e.n, 1);
    assert_int_equal(e.calls[0].nearest, 7); /* alone: itself */
    near(e.calls[0].likeness, 1);
    stg_embedding_fini(&e);
    discard(&f);
}

enum { MANY = STG_EMBEDDING_CALLS + 50, LATE = 10 };

/* A row for all but the LATE last calls, as where data brought new names. */
static const float *many_rows(const struct stg_model *m, size_t *n, size_t *dim, bool *of_symbols)
{
    static float table[STG_TOKEN_SPECIALS + MANY - LATE];
    (void)m;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        table[i] = (float)i;
    }
    *n = sizeof table / sizeof table[0];
    *dim = 1;
    *of_symbols = false;
    return table;
}

static void test_many(void **state)
{
    const struct stg_model_ops ops = {.embedding = many_rows};
    struct stg_model m = {.ops = &ops};
    struct stg_embedding e;
    uint64_t count[STG_TOKEN_SPECIALS + MANY];
    (void)state;
    assert_int_equal(fake_vocab(&m.vocab, MANY), STG_OK);
    for (size_t i = 0; i < STG_TOKEN_SPECIALS + MANY; i++) {
        count[i] = i >= STG_TOKEN_SPECIALS + MANY - LATE ? 2 : 1;
    }
    assert_int_equal(stg_embedding_of(&e, &m, count), STG_OK);
    assert_int_equal(e.n_all, MANY);
    assert_int_equal(e.n, STG_EMBEDDING_CALLS - LATE); /* the late ones are the most frequent, and have no row */
    assert_int_equal(e.calls[0].call, STG_TOKEN_SPECIALS);
    stg_embedding_fini(&e);
    stg_vocab_fini(&m.vocab);
}

static void test_symbols(void **state)
{
    (void)state;
    check_calls("transformer", NULL, true);
    check_calls("lstm", NULL, true);
}

static void test_names(void **state)
{
    (void)state;
    check_calls("lstm", "paper", false);
}

static void test_none(void **state)
{
    (void)state;
    struct fake_model model;
    static struct fake_seq f;
    struct stg_embedding e;
    const uint64_t count[FAKE_CALLS] = {0};
    fake_put(&f, 1, FAKE_PHP, FAKE_READ, STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
    assert_int_equal(fake_model_open(&model, &f, 1, STG_ORDER_THREAD), STG_OK);
    assert_false(stg_embedding_has(&model.base));
    assert_int_equal(stg_embedding_of(&e, &model.base, count), STG_ERR_USAGE);
    fake_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answer), cmocka_unit_test(test_sign),  cmocka_unit_test(test_little),
        cmocka_unit_test(test_symbols),      cmocka_unit_test(test_names), cmocka_unit_test(test_many),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
