#include "report/fold.h"
#include "report/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_EVENTS = 4096 };

/* An explanation written down as text: one letter for each event, upper case where it is surprising. `a` to `m` are
 * calls of thread 1, `n` to `z` of thread 2. */
struct fixture {
    struct stg_model model;
    struct stg_vocab names;
    struct stg_explanation x;
    struct stg_explained_event events[MAX_EVENTS];
    uint32_t ranked[MAX_EVENTS];
    struct fold f;
    char text[65536];
};

static struct fixture fixture;

static int compare_blame(const void *a, const void *b)
{
    const float x = fixture.events[*(const uint32_t *)a].blame, y = fixture.events[*(const uint32_t *)b].blame;
    return x > y ? -1 : x < y ? 1 : *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static int setup(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof fixture);
    fixture.model.recipe.order = STG_ORDER_THREAD;
    if (stg_vocab_init(&fixture.names) != STG_OK) {
        return -1;
    }
    for (int c = 'a'; c <= 'z'; c++) {
        const char name[2] = {(char)c, '\0'};
        uint16_t id;
        if (stg_vocab_call(&fixture.names, name, &id) != STG_OK) {
            return -1;
        }
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stg_vocab_fini(&fixture.names);
    return 0;
}

static void explain_n(const char *events, size_t n)
{
    assert_true(n <= MAX_EVENTS);
    for (size_t i = 0; i < n; i++) {
        const bool odd = events[i] >= 'A' && events[i] <= 'Z';
        const char letter = odd ? (char)(events[i] - 'A' + 'a') : events[i];
        fixture.events[i] = (struct stg_explained_event){
            .index = (uint32_t)i,
            .symbol = STG_TOKEN_SPECIALS,
            .call = (uint16_t)(STG_TOKEN_SPECIALS + letter - 'a'),
            .phase = STG_PHASE_ENTRY,
            .ret = STG_RET_ABSENT,
            .tid = letter < 'n' ? 1 : 2,
            .surprisal = odd ? 5 : 0,
            .blame = odd ? 5 : 0,
        };
        fixture.ranked[i] = (uint32_t)i;
    }
    qsort(fixture.ranked, n, sizeof fixture.ranked[0], compare_blame);
    fixture.x =
        (struct stg_explanation){.names = &fixture.names, .events = fixture.events, .n = n, .ranked = fixture.ranked};
}

/* "a >B×3 [42 events as expected]": events, > before what is blamed, other rows in brackets. */
static const char *folded(size_t n_top)
{
    size_t len = 0;
    fixture.text[0] = '\0';
    assert_int_equal(fold_explanation(&fixture.f, &fixture.model, &fixture.x, n_top), STG_OK);
    for (size_t i = 0; i < fixture.f.n; i++) {
        const struct fold_row *row = &fixture.f.rows[i];
        char text[512], times[16] = "";
        if (row->kind == FOLD_EVENT) {
            const char *name = stg_strings_get(fixture.names.calls, fixture.events[row->event].call);
            if (row->n > 1) {
                snprintf(times, sizeof times, "×%u", row->n);
            }
            snprintf(text, sizeof text, "%s%s%s", row->blamed ? ">" : "", name, times);
        } else {
            char words[500];
            words_fold(&fixture.x, &fixture.f, row, words, sizeof words);
            snprintf(text, sizeof text, "[%s]", words);
        }
        len += (size_t)snprintf(fixture.text + len, sizeof fixture.text - len, "%s%s", i > 0 ? " " : "", text);
        assert_true(len < sizeof fixture.text);
    }
    fold_fini(&fixture.f);
    return fixture.text;
}

static const char *fold_text(const char *events)
{
    explain_n(events, strlen(events));
    return folded(10);
}

static void test_what_is_expected_is_left_out(void **state)
{
    (void)state;
    assert_string_equal(fold_text("aaaa"), "");
    assert_string_equal(fold_text("abcdeFghi"), "[3 events as expected] d e >f g [2 events as expected]");
    assert_string_equal(fold_text("F"), ">f");
    assert_string_equal(fold_text(""), "");
}

/* A gap of one event would take as much room as the event. */
static void test_no_gap_of_one_event_between(void **state)
{
    (void)state;
    assert_string_equal(fold_text("Abcde"), ">a b [3 events as expected]");
    assert_string_equal(fold_text("AbcdeF"), ">a b c d e >f");
    assert_string_equal(fold_text("AbcddeF"), ">a b [2 events as expected] d e >f");
}

static void test_kinds_are_shown_once(void **state)
{
    (void)state;
    assert_string_equal(fold_text("aBcdefghaBcdefghiBacd"),
                        "a >b×3 c [18 events, 2 like those shown]"); /* no neighbours of the others either */
    explain_n("aBcdCfgh", 8);
    assert_string_equal(folded(1), "a >b c [5 events, 1 surprising in other ways]");
}

/* Calls of a segment are counted, an entry and its exit as one. */
static void test_segment_in_words(void **state)
{
    (void)state;
    enum { N = 363 };
    static uint32_t order[N];
    char events[N + 1], text[256];
    memset(events, 'B', N);
    events[0] = 'A';
    events[N - 1] = 'C';
    events[N] = '\0';
    explain_n(events, N);
    for (uint32_t i = 0; i < N; i++) {
        order[i] = i;
        fixture.events[i].phase = i % 2 == 1 ? STG_PHASE_ENTRY : STG_PHASE_EXIT;
    }
    fixture.x.order = order;
    const struct stg_segment s = {
        .n = N, .n_blamed = N, .fields = 1U << STG_FIELD_TO_BLAME_CALL | 1U << STG_FIELD_TO_BLAME_PAUSE, .blame = 5};
    words_segment(&fixture.x, &s, text, sizeof text);
    assert_string_equal(text, "thread 1, #0 to #362: a, b ×181, c (call, pause)");
    words_segment(&fixture.x, &s, text, 12); /* cut, not overrun */
    assert_string_equal(text, "thread 1, #");
}

static void test_a_lesser_event_is_not_alike(void **state)
{
    (void)state;
    explain_n("aBcdefgB", 8);
    fixture.events[1].blame = 1.5f; /* less than half of the other's */
    qsort(fixture.ranked, 8, sizeof fixture.ranked[0], compare_blame);
    assert_string_equal(folded(10), "[5 events, 1 surprising in other ways] f g >b");
}

static void test_repeated_blocks(void **state)
{
    (void)state;
    assert_string_equal(fold_text("efgBcBcBcBchij"), "e f g >b×4 c [×3 more: → b, → c] "
                                                     "[3 events as expected]");
    assert_string_equal(fold_text("BcBc"), ">b×2 c [2 events, 1 like one shown]"); /* too short to say so */
    /* One repetition has something of its own: it is shown, and the count goes on after it. */
    assert_string_equal(fold_text("BcBcBcBcBC"), ">b×5 c [×3 more: → b, → c] b >c");
}

static void test_repetition_of_the_expected(void **state)
{
    (void)state;
    assert_string_equal(fold_text("bcbcbcbcbcAd"), "[8 events as expected] b c >a d");
}

static void test_long_blocks_are_cut_in_words(void **state)
{
    (void)state;
    assert_string_equal(fold_text("BcdefgBcdefgBcdefg"), ">b×3 c d e f g [×2 more: → b, → c, → d, → e, … (6 events)]");
}

static void test_threads_apart(void **state)
{
    (void)state;
    assert_string_equal(fold_text("aanannaBnanoPn"),
                        "[2 events as expected] a a >b a [next thread: 4 events as expected]"
                        " n o >p n");
    fixture.model.recipe.order = STG_ORDER_TIME;
    const char *text = fold_text("aanB");
    fixture.model.recipe.order = STG_ORDER_THREAD;
    assert_string_equal(text, "a a n >b");
}

static void test_threads_without_surprise_are_left_out(void **state)
{
    (void)state;
    assert_string_equal(fold_text("abnocP"), "n o >p");
    assert_string_equal(fold_text("anoP"), "n o >p"); /* nor is a gap of one filled in them */
}

static void test_very_long(void **state)
{
    (void)state;
    char *events = malloc(MAX_EVENTS);
    assert_non_null(events);
    for (size_t i = 0; i < MAX_EVENTS; i++) {
        events[i] = i % 2 == 0 ? 'B' : 'c';
    }
    explain_n(events, MAX_EVENTS);
    free(events);
    assert_string_equal(folded(10), ">b×2048 c [×2,047 more: → b, → c]");
}

/* Every event is in exactly one row. */
static void test_nothing_is_lost(void **state)
{
    (void)state;
    char events[200];
    unsigned seed = 1;
    for (int round = 0; round < 2000; round++) {
        const size_t n = (size_t)(rand_r(&seed) % 199);
        const int letters = 1 + rand_r(&seed) % 5, threads = rand_r(&seed) % 2;
        size_t counted = 0;
        for (size_t i = 0; i < n; i++) {
            const int base = threads == 1 && rand_r(&seed) % 2 == 0 ? 'n' : 'a';
            const int letter = base + rand_r(&seed) % letters;
            events[i] = (char)(rand_r(&seed) % 6 == 0 ? letter - 'a' + 'A' : letter);
        }
        explain_n(events, n);
        fixture.model.recipe.order = STG_ORDER_TIME; /* no thread is left out */
        assert_int_equal(fold_explanation(&fixture.f, &fixture.model, &fixture.x, 1 + (size_t)(rand_r(&seed) % 3)),
                         STG_OK);
        for (size_t i = 0; i < fixture.f.n; i++) {
            const struct fold_row *row = &fixture.f.rows[i];
            counted += row->kind == FOLD_EVENT ? 1 : row->kind == FOLD_REPEAT ? (size_t)row->n * row->period : row->n;
        }
        assert_int_equal(counted, fixture.f.n == 0 ? 0 : n);
        fold_fini(&fixture.f);
    }
    fixture.model.recipe.order = STG_ORDER_THREAD;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_expected_is_left_out),
        cmocka_unit_test(test_no_gap_of_one_event_between),
        cmocka_unit_test(test_kinds_are_shown_once),
        cmocka_unit_test(test_segment_in_words),
        cmocka_unit_test(test_a_lesser_event_is_not_alike),
        cmocka_unit_test(test_repeated_blocks),
        cmocka_unit_test(test_repetition_of_the_expected),
        cmocka_unit_test(test_long_blocks_are_cut_in_words),
        cmocka_unit_test(test_threads_apart),
        cmocka_unit_test(test_threads_without_surprise_are_left_out),
        cmocka_unit_test(test_very_long),
        cmocka_unit_test(test_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
