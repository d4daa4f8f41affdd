/* Diff of whole runs of a command, and with further runs as A. */
#include "diff_support.h"
#include "report/report.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void put_fact(struct stg_strings *facts, const char *text)
{
    uint32_t id;
    must(stg_strings_put(facts, text, strlen(text), &id));
}

/* What the trace of a side says: its command has ended so, and all of it was recorded or not. */
static void give_facts(struct comparison *c, int side, const char *command, const char *end)
{
    struct stg_strings *facts = NULL;
    must(stg_strings_new(&facts));
    put_fact(facts, "hostname=here");
    put_fact(facts, command);
    put_fact(facts, end);
    const struct stg_source_info info = {.facts = facts};
    must(stg_diff_add_facts(c->diff, side, &info));
    stg_strings_free(facts);
}

/* A run of a command that failed early has the same rates as long as it goes, and less of everything. */
static void test_whole_runs(void **state)
{
    (void)state;
    static const struct odd none;
    struct comparison c;
    const struct stg_diff_result *r = compare(&c, 16000, 4000, &none, false);
    assert_false(r->changed);
    assert_true(r->total_ratio <= 0); /* of recordings that were stopped it means nothing */
    stg_diff_result_fini(&c.result);
    give_facts(&c, STG_DIFF_A, "command=exited 0", "recording_end=command-ended");
    give_facts(&c, STG_DIFF_B, "command=exited 0", "recording_end=stopped");
    r = result_of(&c, false);
    assert_false(r->changed);
    stg_diff_result_fini(&c.result);
    give_facts(&c, STG_DIFF_B, "command=exited 0", "recording_end=command-ended");
    r = result_of(&c, false);
    assert_true(r->changed && r->total_changed && !r->end_changed);
    assert_true(r->total_ratio > 0.24 && r->total_ratio < 0.26);
    stg_diff_result_fini(&c.result);
    give_facts(&c, STG_DIFF_B, "command=exited 2", "recording_end=stopped");
    r = result_of(&c, false);
    assert_true(r->changed && r->end_changed && !r->total_changed);
    assert_string_equal(r->run[STG_DIFF_B].ended, "exited 2");
    comparison_fini(&c);
}

/* How long a whole run takes is told, and asked for it is a change; not where a run like A takes as long. */
static void test_whole_time(void **state)
{
    (void)state;
    static const char *const paths[] = {"a", "b"};
    const struct odd odd = {.times = 8};
    for (int waits = 0; waits < 2; waits++) {
        struct comparison c;
        struct stg_buffer out = STG_BUFFER_INIT;
        (void)compare(&c, 12000, 12000, &odd, waits != 0);
        for (int side = 0; side <= STG_DIFF_LIKE; side++) {
            if (side == STG_DIFF_LIKE) {
                give(&c, side, 0, c.made.n);
                must(stg_diff_end_like(c.diff));
            } else {
                give_facts(&c, side, "command=exited 0", "recording_end=command-ended");
            }
            stg_diff_result_fini(&c.result);
            const struct stg_diff_result *r = result_of(&c, waits != 0);
            assert_int_equal(r->time_differs, side == STG_DIFF_B);
            assert_int_equal(r->time_changed, side == STG_DIFF_B && waits != 0);
            assert_true(side == STG_DIFF_A ? r->time_ratio <= 0 : r->time_ratio > 4);
            must(stg_report_diff_text(&out, r, paths, 0, false));
            must(stg_report_diff_json(&out, r, paths));
            must(stg_buffer_put(&out, "", 1));
            const char *text = (const char *)out.data;
            assert_int_equal(strstr(text, "\n   B takes ") != NULL, side == STG_DIFF_B);
            assert_int_equal(strstr(text, "how long it takes") != NULL, r->time_changed);
            assert_non_null(
                strstr(text, r->time_changed ? "\"duration_changed\": true" : "\"duration_changed\": false"));
            assert_int_equal(strstr(text, "\"duration_ratio\": null") != NULL, side == STG_DIFF_A);
            stg_buffer_fini(&out);
        }
        comparison_fini(&c);
    }
}

/* A whole run has all that it ever does, so little is enough to miss something. */
static void test_short_runs(void **state)
{
    (void)state;
    static const struct odd none;
    struct comparison c;
    (void)compare(&c, 16000, 200, &none, false);
    stg_diff_result_fini(&c.result);
    give_facts(&c, STG_DIFF_A, "command=exited 0", "recording_end=command-ended");
    give_facts(&c, STG_DIFF_B, "command=exited 0", "recording_end=command-ended");
    put(&c.made, 300, READ, 0, 1000);
    rename_last(&c.made, 300, 300, SHELL);
    give(&c, STG_DIFF_A, c.made.n - 2, c.made.n);
    const struct stg_diff_result *r = result_of(&c, false);
    assert_true(r->too_short && r->changed && r->total_changed);
    assert_non_null(find_only(r, "sh", NULL));
    assert_int_equal(r->n, 0);
    comparison_fini(&c);
}

/* What a run like A differs in from A by as much as B does is not told; by a little, it is. */
static void test_like(void **state)
{
    (void)state;
    const struct rhythm sides[] = {{8, 0}, {2, 0}};
    struct comparison c;
    assert_non_null(find(compare_rhythms(&c, sides), STG_DIFF_CALLS, "write"));
    assert_non_null(find(with_like(&c, (struct rhythm){7, 0}), STG_DIFF_CALLS, "write"));
    const struct stg_diff_result *r = with_like(&c, (struct rhythm){2, 0});
    assert_null(find(r, STG_DIFF_CALLS, "write"));
    assert_int_equal(r->n_like, 2);
    assert_false(r->changed);
    comparison_fini(&c);
}

/* What is only in B is in no run like A; what is only in A is in all of them. */
static void test_like_and_only(void **state)
{
    (void)state;
    const struct rhythm more[] = {{4, 0}, {4, 30}}, less[] = {{4, 30}, {4, 0}};
    struct comparison c;
    (void)compare_rhythms(&c, more);
    const struct stg_diff_result *r = with_like(&c, (struct rhythm){4, 0});
    const struct stg_diff_only *exec = find_only(r, "web", "execve");
    assert_non_null(exec);
    const double share = (1. + 0) / 3; /* B's part of three equal runs */
    assert_true(exec->decides && exec->n_occasions > 10);
    assert_true(fabs(exec->chance / pow(share, exec->n_occasions) - 2) < 1e-6); /* whatever that of A is */
    r = with_like(&c, (struct rhythm){4, 30});
    assert_null(find_only(r, "web", "execve"));
    assert_false(r->changed);
    comparison_fini(&c);

    (void)compare_rhythms(&c, less);
    r = with_like(&c, (struct rhythm){4, 30});
    exec = find_only(r, "web", "execve");
    assert_non_null(exec);
    assert_true(exec->side == STG_DIFF_A && exec->decides && exec->n_occasions > 32); /* of both runs */
    r = with_like(&c, (struct rhythm){4, 0});
    assert_int_equal(r->n_only, 0);
    assert_false(r->changed);
    comparison_fini(&c);
}

/* Durations of the runs, and how they ended. */
static void test_like_durations_and_ends(void **state)
{
    (void)state;
    static const struct odd none;
    const struct odd odd = {.times = 3};
    struct comparison c;
    const struct stg_diff_result *r = compare(&c, 12000, 12000, &odd, false);
    assert_non_null(find(r, STG_DIFF_LATENCIES, "read"));
    give_facts(&c, STG_DIFF_A, "command=exited 0", "recording_end=command-ended");
    give_facts(&c, STG_DIFF_B, "command=exited 1", "recording_end=command-ended");
    for (int i = 0; i < 2; i++) { /* the second is as B */
        fill(&c.made, 12000, 3, i == 0 ? &none : &odd);
        give(&c, STG_DIFF_LIKE, 0, c.made.n);
        give_facts(&c, STG_DIFF_LIKE, i == 0 ? "command=exited 0" : "command=exited 1", "recording_end=command-ended");
        must(stg_diff_end_like(c.diff));
        stg_diff_result_fini(&c.result);
        r = result_of(&c, false);
        assert_int_equal(find(r, STG_DIFF_LATENCIES, "read") != NULL, i == 0);
        assert_int_equal(r->end_changed, i == 0);
        assert_int_equal(r->changed, i == 0);
    }
    comparison_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_runs),    cmocka_unit_test(test_whole_time),
        cmocka_unit_test(test_short_runs),    cmocka_unit_test(test_like),
        cmocka_unit_test(test_like_and_only), cmocka_unit_test(test_like_durations_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
