/* Cutter: how busy the machine was around a sequence, and how many threads share the work. */
#include "token/cut.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "cut_bench.h"

/* What a sequence of the last n_in calls says of the machine's load, by its definition. NAN: nothing. */
static void load_by_definition(const struct bench *b, size_t n_calls, size_t n_in, double out[3])
{
    double n = 0, ln_runnable = 0, alone = 0, n_placed = 0, stayed = 0, weight = 1;
    for (size_t seen = 0, k = b->n; k-- > 0;) { /* from the last */
        const struct stg_event *e = &b->events[k];
        if (e->kind == STG_EVENT_MARKER) {
            continue;
        }
        weight = seen++ <= n_in ? 1 : weight * (1 - 1.0 / STG_SEQ_LOAD_EVENTS);
        if ((e->has & STG_HAS_RUNNABLE) != 0) {
            n += weight;
            ln_runnable += weight * log(e->runnable > STG_EVENT_MOST_RUNNABLE ? STG_EVENT_MOST_RUNNABLE : e->runnable);
            alone += e->runnable == 1 ? weight : 0;
        }
        const struct stg_event *before = NULL;
        for (size_t i = k; i-- > 0 && before == NULL;) {
            const struct stg_event *x = &b->events[i];
            before = x->tid == e->tid && x->kind != STG_EVENT_MARKER && (x->has & STG_HAS_CPU) != 0 ? x : NULL;
        }
        if ((e->has & STG_HAS_CPU) != 0 && before != NULL) {
            n_placed += weight;
            stayed += before->cpu == e->cpu ? weight : 0;
        }
    }
    assert_true(n_calls > n_in);
    out[0] = n >= STG_SEQ_LOAD_LEAST ? exp(ln_runnable / n) : 0;
    out[1] = n >= STG_SEQ_LOAD_LEAST ? alone / n : 0;
    out[2] = n_placed >= STG_SEQ_LOAD_LEAST ? stayed / n_placed : 0;
}

/* How many threads could run and how often they changed the CPU, in the whole trace around a sequence. */
static void test_load_around(void **state)
{
    static const struct {
        size_t n_before, n_in;
        bool queue, place; /* the trace tells */
    } cases[] = {{900, 20, true, true},  {1100, 20, true, true}, {3000, 20, true, true}, {3000, 0, true, true},
                 {20, 3000, true, true}, {3000, 5, false, true}, {3000, 5, true, false}, {3000, 5, false, false}};
    struct bench *b = *state;
    struct stg_rng rng;
    stg_rng_seed(&rng, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t n_calls = cases[i].n_before + cases[i].n_in;
        double expected[3];
        b->n = 0;
        for (size_t k = 0; k < n_calls; k++) {
            if (k == cases[i].n_before) {
                enter(b, k, 11, 1);
            }
            entry(b, k, k % 3 == 0 ? 11 : 21, "r"); /* another process's events count, too */
            struct stg_event *e = &b->events[b->n - 1];
            e->runnable = (uint8_t)(k < 2000 ? 1 + stg_rng_below(&rng, 3) : stg_rng_below(&rng, 2) * 39 + 1);
            e->cpu = stg_rng_below(&rng, k < 2000 ? 40 : 4) == 0;
            e->has |= (cases[i].queue && k % 7 != 0 ? STG_HAS_RUNNABLE : 0) |
                      (cases[i].place && k % 5 != 0 ? STG_HAS_CPU : 0);
        }
        if (cases[i].n_in == 0) {
            enter(b, n_calls, 11, 1);
        }
        leave(b, n_calls, 11);
        b->recipe.scope = STG_SCOPE_THREAD;
        cut(b);
        assert_int_equal(b->counts.n_sequences, 1);
        load_by_definition(b, n_calls, cases[i].n_in, expected);
        assert_true((expected[0] > 0) == (cases[i].queue && n_calls > 1000 + STG_SEQ_LOAD_LEAST / 5));
        assert_true(fabs((double)b->last.runnable - expected[0]) < 1e-5);
        assert_true(fabs((double)b->last.alone - expected[1]) < 1e-5);
        assert_true(fabs((double)b->last.stayed - expected[2]) < 1e-5);
    }
}

/* A number that a new thread gets: where the thread before was is nothing to it. Threads that nobody tells apart are on
 * every CPU. */
static void test_places_of_threads(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < 3000; i++) {
        entry(b, i, 11, i % 2 == 0 ? "read" : "exit");
        b->events[i].has |= STG_HAS_CPU;
        b->events[i].cpu = i % 4 >= 2; /* with each new one */
    }
    enter(b, 3000, 12, 1);
    leave(b, 3001, 12);
    cut(b);
    assert_true(b->last.stayed == 1);
    for (size_t i = 0; i < 3000; i++) {
        b->events[i].name = b->events[0].name;
    }
    cut(b);
    assert_true(fabs((double)b->last.stayed - 0.5) < 1e-3);
    for (size_t i = 0; i < 3000; i++) {
        b->events[i].has &= (uint16_t)~STG_HAS_TID;
    }
    cut(b);
    assert_true(b->last.stayed == 0);
}

/* What one trace tells is nothing to the next. */
static void test_load_of_each_trace(void **state)
{
    struct bench *b = *state;
    struct stg_cutter *c = NULL;
    for (size_t i = 0; i < 2000; i++) {
        entry(b, i, 12, "read");
        b->events[i].runnable = 2;
        b->events[i].has |= STG_HAS_RUNNABLE | STG_HAS_CPU;
    }
    enter(b, 2000, 11, 1);
    entry(b, 2001, 11, "read");
    leave(b, 2002, 11);
    must(stg_cutter_new(&c, &b->recipe, &b->vocab, take, b));
    must(stg_cutter_begin(c, 0, b->names, b->comms));
    must(stg_cutter_put(c, b->events, b->n));
    must(stg_cutter_finish(c));
    assert_true(fabs((double)b->last.runnable - 2) < 1e-6 && b->last.stayed == 1);
    must(stg_cutter_begin(c, 1, b->names, b->comms));
    must(stg_cutter_put(c, b->events + 2000, 3));
    must(stg_cutter_finish(c));
    stg_cutter_free(c);
    assert_int_equal(b->last.trace, 1);
    assert_true(b->last.runnable == 0 && b->last.stayed == 0 && b->last.workers == 0);
}

/* As many workers as make the events, however many others there are; by what they make, the later the more. */
static void test_workers(void **state)
{
    struct bench *b = *state;
    double weight[8] = {0}, sum = 0, entropy = 0;
    for (size_t i = 0; i < 4000; i++) {
        const size_t k = i % 10 < 7 ? 0 : 1 + i % 7;            /* one works most */
        entry(b, i, i % 100 == 99 ? 200 : 11 + (int)k, "read"); /* a thread of another name */
        for (size_t j = 0; j < 8 && i % 100 != 99; j++) {
            weight[j] = weight[j] * (1 - 1.0 / STG_SEQ_LOAD_EVENTS) + (j == k);
        }
    }
    for (size_t j = 0; j < 8; j++) {
        sum += weight[j];
        entropy += weight[j] > 0 ? weight[j] * log(weight[j]) : 0;
    }
    enter(b, 4000, 11, 1);
    leave(b, 4001, 11);
    cut(b);
    assert_true(fabs((double)b->last.workers - exp(log(sum) - entropy / sum)) < 1e-4);
    assert_true(b->last.workers > 1 && b->last.workers < 8);
    for (size_t i = 0; i < 4000; i++) { /* all alike */
        b->events[i].tid = 11 + (int)(i % 8);
        b->events[i].comm = b->events[0].comm;
    }
    cut(b);
    assert_true(fabs((double)b->last.workers - 8) < 1e-3);
    for (size_t i = 3000; i < 4000;
         i++) { /* one takes another name: it leaves the group, and comes back as a new one */
        b->events[i].comm = b->events[i].tid == 18 ? intern(b->comms, "other") : b->events[0].comm;
    }
    cut(b);
    assert_true(fabs((double)b->last.workers - 7) < 1e-3);
    b->n = 1000; /* too few */
    enter(b, 4000, 11, 1);
    leave(b, 4001, 11);
    cut(b);
    assert_true(b->last.workers == 0);
}

/* Of a long trace: weights are made small again, which changes nothing. */
static void test_workers_of_a_long_trace(void **state)
{
    struct bench *b = *state;
    struct stg_cutter *c = NULL;
    for (size_t i = 0; i < 4000; i++) {
        entry(b, 1, 11 + (int)(i % 5), "read");
    }
    enter(b, 1, 11, 1);
    leave(b, 1, 11);
    must(stg_cutter_new(&c, &b->recipe, &b->vocab, take, b));
    must(stg_cutter_begin(c, 0, b->names, b->comms));
    for (size_t i = 0; i < 300; i++) { /* 1.2 million events */
        must(stg_cutter_put(c, b->events, 4000));
    }
    for (size_t i = 0; i < 100; i++) { /* two of the five go on: the others are forgotten */
        for (size_t k = 0; k < 4000 && i == 0; k++) {
            b->events[k].tid = 11 + (int)(k % 2);
        }
        must(stg_cutter_put(c, b->events, 4000));
    }
    must(stg_cutter_put(c, b->events + 4000, 2));
    must(stg_cutter_finish(c));
    stg_cutter_free(c);
    assert_true(fabs((double)b->last.workers - 2) < 1e-4);
}

static enum stg_status count_told(void *context, const struct stg_seq *s)
{
    *(size_t *)context += s->workers > 0;
    return STG_OK;
}

/* How many of the trace's sequences are told how many threads share the work. */
static size_t n_told(struct bench *b)
{
    struct stg_cutter *c = NULL;
    size_t n = 0;
    must(stg_cutter_new(&c, &b->recipe, &b->vocab, count_told, &n));
    must(stg_cutter_begin(c, 0, b->names, b->comms));
    must(stg_cutter_put(c, b->events, b->n));
    must(stg_cutter_finish(c));
    stg_cutter_counts(c, &b->counts);
    stg_cutter_free(c);
    return n;
}

/* Threads that come and go: nothing is said of lives, nor of what the end of the trace closes where their ends are not
 * in it. */
static void test_workers_that_come_and_go(void **state)
{
    static const uint64_t windows[] = {0, 200, 40, 50}; /* lives; one each; full ones that a rest joins; full ones */
    struct bench *b = *state;
    b->recipe.scope = STG_SCOPE_THREAD;
    for (int ends = 0; ends < 2; ends++) {
        b->n = 0;
        for (size_t i = 0; i < 4000; i++) {
            entry(b, i, 11 + (int)(i / 50), ends == 1 && i % 50 == 49 ? "exit" : "read");
            b->events[i].comm = b->events[0].comm;
        }
        for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
            b->recipe.cut = windows[i] == 0 ? STG_CUT_THREAD : STG_CUT_WINDOW;
            b->recipe.window = windows[i];
            const bool at_its_end =
                windows[i] == 50 || (ends == 1 && windows[i] > 0); /* but for the first 21: too few events */
            assert_int_equal(n_told(b), at_its_end ? 59 : 0);
            assert_int_equal(b->counts.n_sequences, 80);
        }
    }
}

/* Windows of threads that live on: all are told but each thread's last one, where a rest joins it. */
static void test_workers_of_windows(void **state)
{
    struct bench *b = *state;
    b->recipe.cut = STG_CUT_WINDOW;
    b->recipe.scope = STG_SCOPE_THREAD;
    b->recipe.window = 100;
    for (size_t i = 0; i < 4000; i++) {
        entry(b, i, 11 + (int)(i % 8), "read");
    }
    assert_int_equal(n_told(b), 32); /* the first of each is too early */
    assert_int_equal(b->counts.n_sequences, 40);
    cut(b);
    assert_true(fabs((double)b->last.workers - 8) < 1e-3);
    entry(b, 4000, 11, "read");
    assert_int_equal(n_told(b), 31);
    assert_int_equal(b->counts.n_sequences, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_load_around),
        TEST(test_places_of_threads),
        TEST(test_load_of_each_trace),
        TEST(test_workers),
        TEST(test_workers_of_a_long_trace),
        TEST(test_workers_that_come_and_go),
        TEST(test_workers_of_windows),
    };
    return cmocka_run_group_tests_name("token load", tests, NULL, NULL);
}
