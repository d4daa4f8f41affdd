#include "diff_support.h"
#include "event/syscalls.h"
#include "explain/diff_internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
    const struct stg_diff_row *write = find(r, STG_DIFF_CALLS, "write");
    const struct stg_diff_only *exec = find_only(r, "web", "execve");
    assert_non_null(write);
    assert_true(write->ratio > 1.8 && write->ratio < 2.2);
    assert_true(write->z > 5);
    assert_non_null(exec);
    assert_null(find(r, STG_DIFF_CALLS, "execve"));
    assert_true(exec->side == STG_DIFF_B && exec->decides && exec->n_occasions > 10 && exec->n >= exec->n_occasions);
    assert_null(find(r, STG_DIFF_CALLS, "read"));
    assert_null(find(r, STG_DIFF_CALLS, "close"));
    assert_non_null(find(r, STG_DIFF_TRANSITIONS, "execve"));
    const struct stg_diff_row *refused = find(r, STG_DIFF_RESULTS, "execve");
    assert_non_null(refused);
    assert_int_equal(refused->other, 2 + 13);
    for (size_t i = 1; i < r->n; i++) { /* in order */
        assert_true(
            r->rows[i - 1].facet < r->rows[i].facet ||
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

/* Rates have one unit on both sides: calls, where one has no clock. */
static void test_one_clock(void **state)
{
    (void)state;
    for (int without = 0; without < STG_DIFF_SIDES; without++) {
        struct comparison c;
        comparison_init(&c);
        for (int side = 0; side < STG_DIFF_SIDES; side++) {
            c.made.n = 0;
            for (int i = 0; i < 6000; i++) {
                put(&c.made, 1, i % (side == STG_DIFF_A ? 5 : 3) == 0 ? WRITE : READ, 8, 100);
            }
            for (size_t i = 0; i < c.made.n && side == without; i++) {
                c.made.events[i].has &= (uint16_t)~STG_HAS_TIME;
            }
            give(&c, side, 0, c.made.n);
        }
        const struct stg_diff_row *write = find(result_of(&c, false), STG_DIFF_CALLS, "write");
        assert_non_null(write);
        assert_true(fabs(write->rate[STG_DIFF_A] - 1. / 5) < 1e-9 && fabs(write->rate[STG_DIFF_B] - 1. / 3) < 1e-9);
        comparison_fini(&c);
    }
}

/* What becomes less is a change as what becomes more is, and what is not there any more is gone. */
static void test_less(void **state)
{
    (void)state;
    const struct rhythm sides[] = {{2, 30}, {4, 0}}; /* half the writes, and no execve */
    struct comparison c;
    const struct stg_diff_result *r = compare_rhythms(&c, sides);
    const struct stg_diff_row *write = find(r, STG_DIFF_CALLS, "write");
    const struct stg_diff_only *gone = find_only(r, "web", "execve");
    assert_non_null(write);
    assert_true(fabs(write->ratio - 0.5) < 1e-12 && write->z < -5);
    assert_non_null(gone);
    assert_true(gone->side == STG_DIFF_A && gone->decides && gone->n == 100);
    assert_null(find(r, STG_DIFF_CALLS, "read"));
    assert_non_null(find(r, STG_DIFF_RESULTS, "execve"));
    assert_true(r->divergence[STG_DIFF_CALLS] >= write->contribution - 1e-12);
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
    const struct stg_diff_only *exec = find_only(r, "web", "execve");
    assert_non_null(exec); /* told, all the same */
    assert_true(exec->n == 50 && exec->n_occasions == 1 && exec->chance >= 1 && !exec->decides);
    assert_false(r->changed);
    comparison_fini(&c);
}

/* Of four at .05: .0125, .05 / 3, and so on; what follows one that is above does not decide. A program needs no test.
 */
static void test_holm(void **state)
{
    struct stg_diff_only only[] = {{.kind = STG_DIFF_CALL, .chance = 0.026},
                                   {.kind = STG_DIFF_PROGRAM},
                                   {.kind = STG_DIFF_CALL, .chance = 0.0166},
                                   {.kind = STG_DIFF_CALL, .chance = 0.027},
                                   {.kind = STG_DIFF_CALL, .chance = 0.0124}};
    (void)state;
    diff_decide_singly(only, 5, 4, 0.05);
    assert_true(only[0].chance < 0.0125 && only[0].decides);
    assert_true(only[1].chance < 0.05 / 3 && only[1].decides);
    assert_true(only[2].chance > 0.05 / 2 && !only[2].decides);
    assert_true(only[3].chance < 0.05 && !only[3].decides);
    assert_true(only[4].kind == STG_DIFF_PROGRAM && !only[4].decides);
}

/* Seven occasions are rare by chance, 1 in 64 times, but one call in five that are looked at (Holm); ten decide. */
static void test_occasions(void **state)
{
    (void)state;
    static const struct odd none;
    for (size_t occasions = 7; occasions <= 10; occasions += 3) {
        struct comparison c;
        comparison_init(&c);
        fill(&c.made, 8000, 1, &none);
        give(&c, STG_DIFF_A, 0, c.made.n);
        fill(&c.made, 8000, 2, &none);
        const size_t n = c.made.n;
        for (size_t i = 0; i < occasions; i++) {
            give(&c, STG_DIFF_B, n / occasions * i, i + 1 < occasions ? n / occasions * (i + 1) : n);
            c.made.n = n;
            put(&c.made, 100, EXECVE, 0, 1000);
            give(&c, STG_DIFF_B, n, n + 2);
        }
        const struct stg_diff_result *r = result_of(&c, false);
        const struct stg_diff_only *exec = find_only(r, "web", "execve");
        assert_non_null(exec);
        assert_int_equal(exec->n_occasions, occasions);
        assert_true(occasions > 7 || (exec->chance < 0.025 && exec->chance > 0.005));
        assert_int_equal(exec->decides, occasions == 10);
        comparison_fini(&c);
    }
}

/* One side of 32,000 calls, the other of 2,000, to which n execve are added: from a quarter on, or there all together.
 */
static const struct stg_diff_result *compare_short(struct comparison *c, int shorter, size_t n, bool together)
{
    static const struct odd none;
    comparison_init(c);
    for (uint64_t i = 0; i < 4; i++) {
        fill(&c->made, 16000, 1 + i, &none);
        give(c, 1 - shorter, 0, c->made.n);
    }
    fill(&c->made, 4000, 7, &none);
    const size_t all = c->made.n, quarter = all / 8 * 2, step = together ? 0 : (all - quarter) / 2 / n * 2;
    put(&c->made, 100, EXECVE, 0, 1000);
    give(c, shorter, 0, quarter);
    for (size_t i = 0; i < n; i++) {
        give(c, shorter, all, all + 2);
        give(c, shorter, quarter + step * i, quarter + step * (i + 1));
    }
    give(c, shorter, quarter + step * n, all);
    return result_of(c, false);
}

/* That the longer side would have all occasions easily does not speak for the shorter one having them. What a burst
 * fills of the shorter side's blocks is one of the longer one's. */
static void test_unequal(void **state)
{
    (void)state;
    for (int shorter = 0; shorter < STG_DIFF_SIDES; shorter++) {
        for (int together = 0; together < 2; together++) {
            struct comparison c;
            const struct stg_diff_result *r = compare_short(&c, shorter, 200, together != 0);
            const struct stg_diff_only *exec = find_only(r, "web", "execve");
            const double b = r->scale / (1 + r->scale), share = shorter == STG_DIFF_B ? b : 1 - b;
            assert_non_null(exec);
            assert_true(exec->side == shorter && exec->n == 200 && share < 0.1);
            assert_true(exec->n_occasions == (together ? 1 : 3));
            assert_true(exec->n_occasions < 2 ? exec->chance >= 1
                                              : fabs(exec->chance / pow(share, exec->n_occasions) - 2) < 1e-6);
            assert_int_equal(exec->decides, !together);
            comparison_fini(&c);
        }
    }
}

/* Two equal sides; give_rare() adds to B, in its middle. */
static void begin_equal(struct comparison *c)
{
    static const struct odd none;
    comparison_init(c);
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        fill(&c->made, 8000, 1 + (uint64_t)side, &none);
        give(c, side, 0, c->made.n);
    }
}

/* Each of the first n rare calls once, by the process of the rest, in B. */
static void give_rare(struct comparison *c, uint32_t n)
{
    const size_t first = c->made.n;
    for (uint32_t i = 0; i < n; i++) {
        put(&c->made, 100, N_CALLS + i, 0, 1000);
    }
    give(c, STG_DIFF_B, first, c->made.n);
}

/* A program that only one side has is a change, though it made one call; the name of a thread is not. */
static void test_programs(void **state)
{
    (void)state;
    struct comparison c;
    begin_equal(&c);
    size_t first = c.made.n;
    put(&c.made, 100, READ, 0, 1000);
    rename_last(&c.made, 7, 200, WORKER);
    give(&c, STG_DIFF_B, first, c.made.n);
    const struct stg_diff_result *r = result_of(&c, false);
    const struct stg_diff_only *worker = find_only(r, "worker", NULL);
    assert_non_null(worker);
    assert_true(worker->kind == STG_DIFF_THREAD && worker->n_threads == 1 && !worker->decides);
    assert_false(r->changed);
    stg_diff_result_fini(&c.result);

    first = c.made.n;
    put(&c.made, 100, READ, 0, 1000);
    rename_last(&c.made, 300, 300, SHELL);
    give(&c, STG_DIFF_B, first, c.made.n);
    r = result_of(&c, false);
    const struct stg_diff_only *shell = find_only(r, "sh", NULL);
    assert_non_null(shell);
    assert_true(shell->kind == STG_DIFF_PROGRAM && shell->side == STG_DIFF_B && shell->n == 1 &&
                shell->n_processes == 1 && shell->decides);
    assert_ptr_equal(shell, r->only); /* programs come first */
    assert_true(r->changed && r->n_programs == 1 && r->n_deciding == 0);
    assert_null(find_only(r, "sh", "read")); /* its calls are the program's */
    comparison_fini(&c);
}

/* Eight sorts of call, each once, on one side only: equal runs hardly differ so. Three do. */
static void test_sorts(void **state)
{
    (void)state;
    for (uint32_t n = 3; n <= N_RARE; n += 5) {
        struct comparison c;
        begin_equal(&c);
        give_rare(&c, n);
        const struct stg_diff_result *r = result_of(&c, false);
        assert_int_equal(r->n_only, n);
        assert_int_equal(r->n_only_of[STG_DIFF_B], n);
        assert_int_equal(r->changed, n == N_RARE);
        assert_int_equal(r->n_deciding, n == N_RARE ? n : 0);
        assert_true(fabs(r->kinds_chance - 2 * pow(0.5, n)) < 0.01); /* as long as each other, nearly */
        comparison_fini(&c);
    }
}

/* Of calls on one occasion each, that which acts on others comes first, however often others are made. */
static void test_order(void **state)
{
    (void)state;
    struct comparison c;
    comparison_init(&c);
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        static const struct odd none;
        fill(&c.made, 8000, 3, &none);
        for (int i = 0; i < 3 && side == STG_DIFF_B; i++) {
            put(&c.made, 100, N_CALLS + 4, 0, 1000); /* lseek */
        }
        if (side == STG_DIFF_B) {
            put(&c.made, 100, N_CALLS + 7, 0, 1000); /* clone */
        }
        give(&c, side, 0, c.made.n);
    }
    const struct stg_diff_result *r = result_of(&c, false);
    assert_int_equal(r->n_only, 2);
    assert_int_equal(r->only[0].n_occasions, r->only[1].n_occasions);
    assert_string_equal(stg_strings_get(r->names->calls, r->only[0].call), "clone");
    assert_string_equal(stg_strings_get(r->names->calls, r->only[1].call), "lseek");
    comparison_fini(&c);
}

/* As many sorts on the other side take that away; strictly, one is enough. */
static void test_sorts_of_both(void **state)
{
    (void)state;
    struct comparison c;
    begin_equal(&c);
    give_rare(&c, N_RARE / 2);
    const size_t first = c.made.n;
    for (uint32_t i = N_RARE / 2; i < N_RARE; i++) {
        put(&c.made, 100, N_CALLS + i, 0, 1000);
    }
    give(&c, STG_DIFF_A, first, c.made.n);
    const struct stg_diff_result *r = result_of(&c, false);
    assert_int_equal(r->n_only_of[STG_DIFF_A], N_RARE / 2);
    assert_true(r->kinds_chance > 0.9 && !r->changed);
    stg_diff_result_fini(&c.result);
    struct stg_diff_settings s;
    stg_diff_settings_default(&s);
    s.strict = true;
    must(stg_diff_compare(&c.result, c.diff, &s));
    assert_true(c.result.changed && c.result.n_deciding == N_RARE);
    comparison_fini(&c);
}

/* A call's file and the kind of its descriptor. */
static void test_objects(void **state)
{
    (void)state;
    struct comparison c;
    begin_equal(&c);
    c.made.n = 0;
    put(&c.made, 100, N_CALLS, 0, 1000);
    put(&c.made, 100, N_CALLS + 1, 0, 1000);
    c.made.events[0].has |= STG_HAS_PATH;
    c.made.events[2].has |= STG_HAS_FD;
    c.made.events[2].fd_kind = STG_FD_INET;
    give(&c, STG_DIFF_B, 0, c.made.n);
    const struct stg_diff_result *r = result_of(&c, false);
    const struct stg_diff_only *chdir = find_only(r, "web", "chdir"), *rename = find_only(r, "web", "rename");
    assert_non_null(chdir);
    assert_non_null(rename);
    assert_string_equal(chdir->path, "/tmp/evil");
    assert_true(chdir->fd_kinds == 0 && !chdir->more_paths && rename->path == NULL);
    assert_int_equal(rename->fd_kinds, UINT32_C(1) << STG_FD_INET);
    comparison_fini(&c);
}

/* Two execve at first, and one after each of the reads from first to last, of 3,000. */
static void give_phase(struct comparison *c, int side, int first, int last)
{
    c->made.n = 0;
    c->made.now_ns = 0;
    for (int i = 0; i < 3000; i++) {
        put(&c->made, 1, READ, 0, 100);
        put(&c->made, 1, CLOSE, 0, 100);
        for (int n = i == 0 ? 2 : i >= first && i<last; n> 0; n--) {
            put(&c->made, 1, EXECVE, -13, 100);
        }
        if (c->made.n + 16 > MAX_EVENTS || i == 2999) {
            give(c, side, 0, c->made.n);
            c->made.n = 0;
        }
    }
}

static const struct stg_diff_result *compare_phases(struct comparison *c, const int a[2], const int b[2])
{
    comparison_init(c);
    give_phase(c, STG_DIFF_A, a[0], a[1]);
    give_phase(c, STG_DIFF_B, b[0], b[1]);
    return result_of(c, false);
}

/* What one side hardly has, and the other has in a part of its run alone, where its halves and blocks differ by as much
 * as the sides do. */
static void test_part(void **state)
{
    (void)state;
    static const int none[2] = {0, 0}, parts[][2] = {{1500, 3000}, {0, 750}, {1000, 2000}};
    for (size_t i = 0; i < 2 * sizeof parts / sizeof parts[0]; i++) {
        const bool more = i % 2 != 0;
        struct comparison c;
        const struct stg_diff_result *r = compare_phases(&c, more ? none : parts[i / 2], more ? parts[i / 2] : none);
        const struct stg_diff_row *exec = find(r, STG_DIFF_CALLS, "execve");
        assert_non_null(exec);
        assert_true(more ? exec->ratio > 100 && exec->z >= 5 : exec->ratio < 0.01 && exec->z <= -5);
        assert_non_null(find(r, STG_DIFF_TRANSITIONS, "execve"));
        assert_non_null(find(r, STG_DIFF_RESULTS, "execve"));
        assert_null(find(r, STG_DIFF_CALLS, "read"));
        stg_diff_result_fini(&c.result);
        struct stg_diff_settings s;
        stg_diff_settings_default(&s);
        s.min_bits = 1; /* is not asked of it */
        must(stg_diff_compare(&c.result, c.diff, &s));
        assert_non_null(find(&c.result, STG_DIFF_CALLS, "execve"));
        comparison_fini(&c);
    }
}

/* A phase that comes at another time, and lasts a little longer, is none; nor is a burst, or what a run like A has. */
static void test_no_part(void **state)
{
    (void)state;
    static const int none[2] = {0, 0}, early[2] = {300, 1500}, late[2] = {1400, 3000}, burst[2] = {1000, 1100};
    struct comparison c;
    assert_false(compare_phases(&c, early, late)->changed);
    comparison_fini(&c);
    assert_false(compare_phases(&c, none, burst)->changed);
    comparison_fini(&c);
    assert_true(compare_phases(&c, none, late)->changed);
    stg_diff_result_fini(&c.result);
    give_phase(&c, STG_DIFF_LIKE, 100, 1300);
    must(stg_diff_end_like(c.diff));
    assert_false(result_of(&c, false)->changed);
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
        cmocka_unit_test(test_same),          cmocka_unit_test(test_calls_and_transitions),
        cmocka_unit_test(test_results),       cmocka_unit_test(test_latencies),
        cmocka_unit_test(test_by_hand),       cmocka_unit_test(test_one_clock),
        cmocka_unit_test(test_less),          cmocka_unit_test(test_burst),
        cmocka_unit_test(test_holm),          cmocka_unit_test(test_occasions),
        cmocka_unit_test(test_unequal),       cmocka_unit_test(test_programs),
        cmocka_unit_test(test_order),         cmocka_unit_test(test_sorts),
        cmocka_unit_test(test_sorts_of_both), cmocka_unit_test(test_objects),
        cmocka_unit_test(test_part),          cmocka_unit_test(test_no_part),
        cmocka_unit_test(test_too_short),     cmocka_unit_test(test_waiting_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
