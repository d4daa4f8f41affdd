#include "explain/explain.h"

#include "base/memory.h"
#include "explain/segments.h"
#include "fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 300 };

struct fixture {
    struct fake_seq seqs[N], odd;
    struct fake_model model;
};

static int setup(void **state)
{
    static struct fixture f;
    struct stg_rng rng;
    stg_rng_seed(&rng, 3);
    for (size_t i = 0; i < N; i++) {
        fake_request(&f.seqs[i], i, &rng,
                     i == 0 ? 0.5 : 0); /* one, so that the failure is a symbol, though a rare one */
    }
    fake_request(&f.odd, 77, &rng, 0);
    f.odd.ret[3] = f.odd.call[3] == FAKE_READ ? -5 : f.odd.ret[3];
    *state = &f;
    return fake_model_open(&f.model, f.seqs, N, STG_ORDER_THREAD) == STG_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fake_model_close(&((struct fixture *)*state)->model);
    return 0;
}

/* Surprisals are those of batch scoring, excess is surprisal − entropy by definition. */
static void test_agrees_with_score(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 30; i++) {
        struct stg_seq seq;
        struct stg_explanation x;
        struct stg_score score;
        float surprisal[FAKE_MAX_EVENTS];
        double end = 0, ends = 0;
        const struct stg_corpus one = fake_corpus_of(&f->seqs[i], 1);
        fake_seq_get(&f->seqs[i], &seq);
        assert_int_equal(stg_score_events(&f->model.base, &seq, surprisal, &end), STG_OK);
        assert_int_equal(stg_score_corpus(&f->model.base, &one, NULL, NULL, &score), STG_OK);
        assert_int_equal(stg_explain(&x, &f->model.base, &seq, &f->model.base.vocab, 3), STG_OK);
        assert_int_equal(x.n, seq.n + seq.n_threads);
        assert_memory_equal(&x.score, &score, sizeof score);
        for (size_t k = 0; k < x.n; k++) {
            if (k < seq.n) {
                assert_int_equal(x.events[k].index, k);
                assert_true(fabsf(x.events[k].surprisal - surprisal[k]) < 1e-6f);
                assert_int_equal(x.events[k].time_ns, seq.time_ns[k]);
            } else {
                assert_int_equal(x.events[k].index, UINT32_MAX);
                ends += (double)x.events[k].surprisal;
            }
        }
        assert_true(fabs(ends - end) < 1e-5);
        stg_explanation_fini(&x);
    }
}

static void test_blames_the_odd_one(void **state)
{
    struct fixture *f = *state;
    struct stg_seq seq;
    struct stg_explanation x;
    size_t at = 0;
    while (f->odd.call[at] != FAKE_READ || f->odd.phase[at] != STG_PHASE_EXIT) {
        at++;
    }
    f->odd.ret[at] = -5;
    fake_seq_get(&f->odd, &seq);
    assert_int_equal(stg_explain(&x, &f->model.base, &seq, &f->model.base.vocab, 3), STG_OK);
    const struct stg_explained_event *top = &x.events[x.ranked[0]];
    assert_int_equal(top->index, at);
    assert_int_equal(top->tid, 101);
    assert_int_equal(top->ret, -5);
    assert_true(top->n_alternatives >= 1);
    /* The success that nearly always follows. */
    assert_int_equal(top->alternatives[0].symbol,
                     stg_symbols_find(f->model.base.symbols, FAKE_READ, STG_PHASE_EXIT, 1));
    assert_true(top->alternatives[0].probability > 0.9f);
    for (size_t i = 0; i < x.n; i++) {
        const struct stg_explained_event *e = &x.events[i];
        assert_true(i == 0 || x.events[x.ranked[i]].excess <= x.events[x.ranked[i - 1]].excess);
        assert_true(e->n_alternatives <= 3);
        for (uint32_t k = 0; k < e->n_alternatives; k++) {
            assert_true(e->alternatives[k].symbol != e->symbol);
            assert_true(k == 0 || e->alternatives[k].probability <= e->alternatives[k - 1].probability);
        }
    }
    stg_explanation_fini(&x);
}

static void test_excess(void **state)
{
    struct fixture *f = *state;
    struct stg_seq seq;
    struct stg_explanation x;
    double entropy = 0;
    fake_seq_get(&f->seqs[5], &seq);
    assert_int_equal(stg_explain(&x, &f->model.base, &seq, &f->model.base.vocab, 0), STG_OK);
    for (size_t b = 0; b < f->model.n_symbols; b++) {
        const double l = (double)f->model.log_p[STG_TOKEN_START * f->model.n_symbols + b];
        entropy -= isinf(l) ? 0 : exp(l) * l;
    }
    assert_true(fabs((double)x.events[0].excess - ((double)x.events[0].surprisal - entropy)) < 1e-5);
    assert_int_equal(x.events[0].n_alternatives, 0);
    stg_explanation_fini(&x);
}

static void test_edges(void **state)
{
    struct fixture *f = *state;
    struct stg_seq seq;
    struct stg_explanation x;
    struct fake_seq nothing = {0};
    fake_seq_get(&nothing, &seq);
    assert_int_equal(stg_explain(&x, &f->model.base, &seq, &f->model.base.vocab, 3), STG_OK);
    assert_int_equal(x.n, 0);
    stg_explanation_fini(&x);
    fake_seq_get(&f->seqs[1], &seq);
    f->model.base.max_walk = 2; /* the walk is cut: only what was reached is explained */
    assert_int_equal(stg_explain(&x, &f->model.base, &seq, &f->model.base.vocab, 99), STG_OK);
    f->model.base.max_walk = 0;
    assert_true(x.n < seq.n && x.n >= 2);
    stg_explanation_fini(&x);
}

static void test_memory_fails(void **state)
{
    struct fixture *f = *state;
    struct stg_seq seq;
    struct stg_explanation x;
    enum stg_status status = STG_ERR_MEMORY;
    fake_seq_get(&f->seqs[2], &seq);
    for (uint64_t n = 1; status != STG_OK; n++) {
        assert_true(n < 1000);
        stg_mem_fail_at(n);
        status = stg_explain(&x, &f->model.base, &seq, &f->model.base.vocab, 3);
        stg_mem_fail_at(0);
        assert_true(status == STG_OK || status == STG_ERR_MEMORY);
    }
    stg_explanation_fini(&x);
}

/* An event between two that are to blame goes with them, two do not; a walk ends a segment. The worst is named. */
static void test_segments(void **state)
{
    static const struct {
        float blame;
        int32_t tid;
        uint8_t field;
    } given[] = {{2, 1, STG_FIELD_TO_BLAME_CALL},
                 {0, 1, 0},
                 {5, 1, STG_FIELD_TO_BLAME_PAUSE},
                 {0, 1, 0},
                 {0, 1, 0},
                 {3, 1, STG_FIELD_TO_BLAME_ERRNO},
                 {4, 2, STG_FIELD_TO_BLAME_SIZE}};
    enum { N_GIVEN = sizeof given / sizeof given[0] };
    struct stg_explained_event events[N_GIVEN] = {0};
    uint32_t ranked[N_GIVEN] = {2, 6, 5, 0, 1, 3, 4};
    struct stg_explanation x = {.events = events, .n = N_GIVEN, .ranked = ranked};
    (void)state;
    for (size_t i = 0; i < N_GIVEN; i++) {
        events[i] = (struct stg_explained_event){
            .index = (uint32_t)i, .blame = given[i].blame, .tid = given[i].tid, .field = given[i].field};
    }
    assert_int_equal(segments_find(&x, STG_ORDER_THREAD), STG_OK);
    assert_int_equal(x.n_segments, 3);
    const struct stg_segment *s = x.segments; /* most to blame first */
    assert_true(s[0].first == 0 && s[0].n == 3 && s[0].n_blamed == 2 && s[0].worst == 2 && s[0].blame >= 5);
    assert_int_equal(s[0].fields, 1U << STG_FIELD_TO_BLAME_CALL | 1U << STG_FIELD_TO_BLAME_PAUSE);
    assert_true(s[1].first == 6 && s[1].n == 1 && s[1].worst == 6);
    assert_true(s[2].first == 5 && s[2].n == 1 && s[2].worst == 5);
    stg_mem_free(x.order);
    stg_mem_free(x.segments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_score),
        cmocka_unit_test(test_blames_the_odd_one),
        cmocka_unit_test(test_excess),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_memory_fails),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
