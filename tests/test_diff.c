#include "explain/diff.h"

#include "base/rng.h"
#include "event/syscalls.h"
#include "must.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { READ, WRITE, CLOSE, FUTEX, EXECVE, N_CALLS, MAX_EVENTS = 16384 };

/* A source of made-up events. */
struct made {
    struct stg_source source;
    struct stg_event *events;
    size_t n;
    uint64_t now_ns;
};

static void made_init(struct made *m)
{
    static const char *const names[N_CALLS] = {"read", "write", "close", "futex", "execve"};
    uint32_t id;
    memset(m, 0, sizeof *m);
    must(stg_strings_new(&m->source.names));
    must(stg_strings_new(&m->source.comms));
    for (uint32_t i = 0; i < N_CALLS; i++) {
        must(stg_strings_put(m->source.names, names[i], strlen(names[i]), &id));
    }
    must(stg_strings_put(m->source.comms, "web", 3, &id));
    m->events = calloc(MAX_EVENTS, sizeof *m->events);
}

static void made_fini(struct made *m)
{
    stg_strings_free(m->source.names);
    stg_strings_free(m->source.comms);
    free(m->events);
}

static void put(struct made *m, int32_t tid, uint32_t call, int64_t ret, uint64_t lasts)
{
    assert_true(m->n + 2 <= MAX_EVENTS);
    struct stg_event e = {.ts_ns = m->now_ns,
                          .name = call,
                          .tid = tid,
                          .pid = 7,
                          .has = STG_HAS_TIME | STG_HAS_TID | STG_HAS_COMM,
                          .kind = STG_EVENT_ENTRY};
    m->events[m->n++] = e;
    e.ts_ns += lasts;
    e.kind = STG_EVENT_EXIT;
    e.has |= STG_HAS_RET;
    e.ret = ret;
    m->events[m->n++] = e;
    m->now_ns = e.ts_ns + 500;
}

struct odd {
    double more_writes, execs, errors; /* chance of each, in a round */
    uint64_t times;                    /* as long; 0: once */
};

/* About n events of rounds "read, sometimes write, close" by two threads. */
static void fill(struct made *m, size_t n, uint64_t seed, const struct odd *odd)
{
    struct stg_rng rng;
    stg_rng_seed(&rng, seed);
    m->n = 0;
    while (m->n + 16 < n) {
        const int32_t tid = 100 + (int32_t)stg_rng_below(&rng, 2);
        const uint64_t times = odd->times > 0 ? odd->times : 1;
        put(m, tid, READ,
            (double)stg_rng_below(&rng, 1000) < 1000 * odd->errors ? -5 : 100 + (int64_t)stg_rng_below(&rng, 20),
            (1000 + stg_rng_below(&rng, 300)) * times);
        if (stg_rng_below(&rng, 2) == 0 || (double)stg_rng_below(&rng, 1000) < 1000 * odd->more_writes) {
            put(m, tid, WRITE, 60, 900 + stg_rng_below(&rng, 300));
        }
        if ((double)stg_rng_below(&rng, 1000) < 1000 * odd->execs) {
            put(m, tid, EXECVE, -13, 5000);
        }
        put(m, tid, FUTEX, 0, (2000 + stg_rng_below(&rng, 300)) * times * times);
        put(m, tid, CLOSE, 0, 400 + stg_rng_below(&rng, 100));
    }
}

/* Two sides made one after the other, and what differs. */
struct comparison {
    struct made made;
    struct stg_diff *diff;
    struct stg_diff_result result;
};

static void comparison_init(struct comparison *c)
{
    made_init(&c->made);
    must(stg_diff_new(&c->diff));
}

static void comparison_fini(struct comparison *c)
{
    stg_diff_result_fini(&c->result);
    stg_diff_free(c->diff);
    made_fini(&c->made);
}

/* Events first to n of those made. */
static void give(struct comparison *c, int side, size_t first, size_t n)
{
    must(stg_diff_add_events(c->diff, side, &c->made.source, c->made.events + first, n - first));
}

/* Borrowed from c. */
static const struct stg_diff_result *result_of(struct comparison *c, bool waits)
{
    struct stg_diff_settings s;
    stg_diff_settings_default(&s);
    s.waits = waits;
    must(stg_diff_compare(&c->result, c->diff, &s));
    return &c->result;
}

/* A of n events as they are, B of n_b events that are odd; c is the caller's to end. */
static const struct stg_diff_result *compare(struct comparison *c, size_t n, size_t n_b, const struct odd *odd, bool waits)
{
    static const struct odd none;
    comparison_init(c);
    fill(&c->made, n, 1, &none);
    give(c, STG_DIFF_A, 0, c->made.n);
    fill(&c->made, n_b, 2, odd);
    give(c, STG_DIFF_B, 0, c->made.n);
    return result_of(c, waits);
}

/* After how many of 3,000 reads each comes (0: never). */
struct rhythm {
    int write, execve;
};

static const struct stg_diff_result *compare_rhythms(struct comparison *c, const struct rhythm sides[STG_DIFF_SIDES])
{
    comparison_init(c);
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        c->made.n = 0;
        c->made.now_ns = 0;
        for (int i = 0; i < 3000; i++) {
            put(&c->made, 1, READ, 0, 100);
            if (i % sides[side].write == 0) {
                put(&c->made, 1, WRITE, 8, 100);
            }
            if (sides[side].execve > 0 && i % sides[side].execve == 0) {
                put(&c->made, 1, EXECVE, -13, 100);
            }
        }
        give(c, side, 0, c->made.n);
    }
    return result_of(c, false);
}

static const char *call_of(const struct stg_diff_result *r, const struct stg_diff_row *row)
{
    return stg_strings_get(r->names->calls, row->call);
}

static const struct stg_diff_row *find(const struct stg_diff_result *r, enum stg_diff_facet facet, const char *call)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->rows[i].facet == facet && strcmp(call_of(r, &r->rows[i]), call) == 0) {
            return &r->rows[i];
        }
    }
    return NULL;
}

/* Another seed, and half as long: nothing has changed. */
static void test_same(void **state)
{
    (void)state;
    static const struct odd none;
    struct comparison c;
    const struct stg_diff_result *r = compare(&c, 16000, 8000, &none, true);
    assert_int_equal(r->n, 0);
    assert_false(r->too_short);
    assert_true(r->scale > 0.45 && r->scale < 0.55);
    comparison_fini(&c);
}

static void test_calls_and_transitions(void **state)
{
    (void)state;
    const struct odd odd = {.more_writes = 1, .execs = 0.05};
    struct comparison c;
    const struct stg_diff_result *r = compare(&c, 16000, 8000, &odd, false);
    const struct stg_diff_row *write = find(r, STG_DIFF_CALLS, "write"), *exec = find(r, STG_DIFF_CALLS, "execve");
    assert_non_null(write);
    assert_true(write->ratio > 1.8 && write->ratio < 2.2);
    assert_true(write->z > 5);
    assert_non_null(exec);
    assert_true(exec->ratio > 1e300); /* new */
    assert_true(exec->rate[STG_DIFF_A] < 1e-9 && exec->rate[STG_DIFF_B] > 0);
    assert_null(find(r, STG_DIFF_CALLS, "read"));
    assert_null(find(r, STG_DIFF_CALLS, "close"));
    assert_non_null(find(r, STG_DIFF_TRANSITIONS, "execve"));
    const struct stg_diff_row *refused = find(r, STG_DIFF_RESULTS, "execve");
    assert_non_null(refused);
    assert_int_equal(refused->other, 2 + 13);
    for (size_t i = 1; i < r->n; i++) { /* in order */
        assert_true(r->rows[i - 1].facet < r->rows[i].facet ||
                    (r->rows[i - 1].facet == r->rows[i].facet && r->rows[i - 1].contribution >= r->rows[i].contribution));
    }
    comparison_fini(&c);
}

static void test_results(void **state)
{
    (void)state;
    const struct odd odd = {.errors = 0.1};
    struct comparison c;
    const struct stg_diff_result *r = compare(&c, 12000, 12000, &odd, false);
    assert_int_equal(r->n, 1);
    assert_int_equal(r->rows[0].facet, STG_DIFF_RESULTS);
    assert_string_equal(call_of(r, &r->rows[0]), "read");
    assert_int_equal(r->rows[0].other, 2 + 5);
    assert_int_equal(r->rows[0].size, 0);
    comparison_fini(&c);
}

/* Three times as long; a call that waits is told only when it is asked for. */
static void test_latencies(void **state)
{
    (void)state;
    const struct odd odd = {.times = 3};
    for (int waits = 0; waits < 2; waits++) {
        struct comparison c;
        const struct stg_diff_result *r = compare(&c, 12000, 12000, &odd, waits != 0);
        const struct stg_diff_row *read = find(r, STG_DIFF_LATENCIES, "read");
        assert_non_null(read);
        assert_true(read->ratio > 2.1 &&
                    read->ratio < 3.6); /* to a quarter of an octave, and the lesser of two quantiles */
        assert_true(read->median_ns[STG_DIFF_A] > 900 && read->median_ns[STG_DIFF_A] < 1400);
        assert_null(find(r, STG_DIFF_LATENCIES, "write"));
        assert_int_equal(find(r, STG_DIFF_LATENCIES, "futex") != NULL, waits);
        comparison_fini(&c);
    }
}

/* The contribution and the rates against a count by hand. */
static void test_by_hand(void **state)
{
    (void)state;
    const struct rhythm sides[] = {{4, 0}, {2, 0}}; /* B writes after every second read, A after every fourth */
    struct comparison c;
    const struct stg_diff_result *r = compare_rhythms(&c, sides);
    const struct stg_diff_row *write = find(r, STG_DIFF_CALLS, "write");
    assert_non_null(write);
    const double a = 750. / 3750, b = 1500. / 3750,
                 middle = (a + b) / 2; /* read is the commonest call, and as often on both sides */
    assert_true(fabs(r->scale - 1) < 1e-12);
    assert_true(fabs(write->contribution - (a * log2(a / middle) + b * log2(b / middle)) / 2) < 1e-12);
    assert_true(fabs(write->ratio - 2) < 1e-12);
    assert_true(fabs(write->rate[STG_DIFF_B] * r->n_units[STG_DIFF_B] - 1500) < 1e-6);
    assert_int_equal(r->n_calls[STG_DIFF_A], 3750);
    comparison_fini(&c);
}

/* What becomes less is a change as what becomes more is, and what is not there any more is gone. */
static void test_less(void **state)
{
    (void)state;
    const struct rhythm sides[] = {{2, 30}, {4, 0}}; /* half the writes, and no execve */
    struct comparison c;
    const struct stg_diff_result *r = compare_rhythms(&c, sides);
    const struct stg_diff_row *write = find(r, STG_DIFF_CALLS, "write"), *gone = find(r, STG_DIFF_CALLS, "execve");
    assert_non_null(write);
    assert_true(fabs(write->ratio - 0.5) < 1e-12 && write->z < -5);
    assert_non_null(gone);
    assert_true(gone->ratio <= 0 && gone->rate[STG_DIFF_A] > 0 && gone->rate[STG_DIFF_B] <= 0);
    assert_null(find(r, STG_DIFF_CALLS, "read"));
    assert_non_null(find(r, STG_DIFF_RESULTS, "execve"));
    assert_true(r->divergence[STG_DIFF_CALLS] >= write->contribution + gone->contribution - 1e-12);
    comparison_fini(&c);
}

/* A burst in one place of B is no change: it is what the blocks are for. */
static void test_burst(void **state)
{
    (void)state;
    static const struct odd none;
    struct comparison c;
    comparison_init(&c);
    fill(&c.made, 8000, 1, &none);
    give(&c, STG_DIFF_A, 0, c.made.n);
    fill(&c.made, 8000, 2, &none);
    const size_t n = c.made.n, middle = n / 16 * 8;
    give(&c, STG_DIFF_B, 0, middle);
    for (size_t i = 0; i < 50; i++) {
        c.made.n = n;
        put(&c.made, 100, EXECVE, 0, 1000);
        give(&c, STG_DIFF_B, n, n + 2);
    }
    give(&c, STG_DIFF_B, middle, n);
    const struct stg_diff_result *r = result_of(&c, false);
    assert_null(find(r, STG_DIFF_CALLS, "execve"));
    comparison_fini(&c);
}

static void test_too_short(void **state)
{
    (void)state;
    static const struct odd none;
    struct comparison c;
    const struct stg_diff_result *r = compare(&c, 16000, 200, &none, false);
    assert_true(r->too_short);
    assert_int_equal(r->n, 0);
    comparison_fini(&c);
}

static void test_waiting_calls(void **state)
{
    (void)state;
    assert_true(stg_syscall_waits("accept"));
    assert_true(stg_syscall_waits("waitid"));
    assert_true(stg_syscall_waits("futex"));
    assert_false(stg_syscall_waits("write"));
    assert_false(stg_syscall_waits(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),      cmocka_unit_test(test_calls_and_transitions),
        cmocka_unit_test(test_results),   cmocka_unit_test(test_latencies),
        cmocka_unit_test(test_by_hand),   cmocka_unit_test(test_less),
        cmocka_unit_test(test_burst),
        cmocka_unit_test(test_too_short), cmocka_unit_test(test_waiting_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
