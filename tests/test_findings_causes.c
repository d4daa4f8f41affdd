/* report/findings: what the commonest troubles are told as, and why sequences last longer. */
#include "findings_support.h"

/* What has more events lasts longer for that, unless these are of others that go on while it waits. */
static void test_longer(void **state)
{
    struct fixture *t = *state;
    begin(t);
    t->model.recipe.scope = STG_SCOPE_THREAD;
    t->b.duration = (struct stg_usual){1e6f, 2e6f, 3e6f, 1};
    t->b.events = (struct stg_usual){10, 20, 30, 1};
    t->x.duration_ns = 6e6f;
    t->x.events = 60;
    t->x.z[STG_CHANNEL_PACE] = 4;
    make(t);
    assert_says(
        &t->f[0],
        "calls come sooner after one another than in known sequences, and sequences last longer: half of them more "
        "than 6.000 ms (known ones: 2.000 ms), with 60 events (known ones: 20)",
        "they do more");
    t->x.duration_ns = 12e6f;
    t->x.z[STG_CHANNEL_PACE] = 0;
    t->x.n = 1;
    make(t);
    assert_says(&t->f[0],
                "the sequence lasts longer: 12.000 ms (known ones: 2.000 ms), with 60 events (known ones: 20)",
                "it does more, and some of it takes long or waits");
    t->model.recipe.scope = STG_SCOPE_SYSTEM;
    t->x.scale = 3;
    make(t);
    assert_non_null(strstr(t->f[0].means, "it waits for something"));
    assert_null(strstr(t->f[0].what, "events"));
    t->b.events = (struct stg_usual){0};
}

/* What is waited for is told by the calls of which there are more. */
static void test_waits(void **state)
{
    static const struct {
        const char *call;
        float events;
        const char *means;
    } cases[] = {{"clock_nanosleep", 20, "they wait on purpose"},
                 {"futex", 20, "they wait for other threads"},
                 {"fsync", 60, "they do more, and wait for the disk"},
                 {"read", 60, "they do more, and some of it takes long or waits"}};
    struct fixture *t = *state;
    t->b.events = (struct stg_usual){10, 20, 30, 1};
    t->model.recipe.scope = STG_SCOPE_THREAD;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(t);
        t->b.duration = (struct stg_usual){1e6f, 2e6f, 3e6f, 1};
        t->x.duration_ns = 20e6f;
        t->x.events = cases[i].events;
        more(t, cases[i].call, 5, 1, 0);
        make(t);
        assert_int_equal(t->n, 2);
        assert_string_equal(t->f[1].means, cases[i].means);
    }
    more(t, "futex", 5, 1, 0);
    more(t, "nanosleep", 5, 1, 0);
    t->x.n = 1;
    make(t);
    assert_string_equal(t->f[1].means, "it does more, and waits on purpose, and for other threads");
    t->b.events = (struct stg_usual){0};
}

/* Smaller amounts of more calls are pieces, unless more is opened; a call that is new is none of the same. */
static void test_pieces(void **state)
{
    struct fixture *t = *state;
    begin(t);
    more(t, "read", 82, 1, 2);
    surprise(t, "read", STG_PHASE_EXIT, 16, 108);
    reads(t->x.more, &t->x.n_more, 16, 80, 0);
    make(t);
    assert_non_null(strstr(t->f[0].what, "the same calls return other amounts"));
    assert_null(strstr(t->f[0].means, "something else"));
    begin(t);
    more(t, "read", 82, 1, 2);
    struct stg_behaviour_surprise *s = surprise(t, "read", STG_PHASE_EXIT, 16, 108);
    s->kind.size = class_of(108); /* of which there are more than usual, too */
    make(t);
    assert_string_equal(t->f[0].means, "it goes in smaller pieces, as with a small buffer or none");
    more(t, "openat", 42, 1, 2);
    make(t);
    assert_string_equal(t->f[0].means, "something else is read or written there");
    begin(t);
    more(t, "poll", 200, 1, 0);
    surprise(t, "poll", STG_PHASE_EXIT, 0, 8);
    make(t);
    assert_int_equal(t->n, 1);
    assert_says(&t->f[0], "apache2 makes calls that no known sequence makes: poll (200 in each)",
                "it asks whether something is ready");
    begin(t); /* writes are to whom most of them go */
    struct stg_behaviour_object *o = &more(t, "write", 201, 1, 2)->object;
    o->fd_kind = STG_FD_INET;
    o->of_kind[STG_FD_INET] = 200;
    o->of_kind[STG_FD_FILE] = 1;
    more(t, "futex", 9, 1, 2);
    make(t);
    assert_string_equal(t->f[0].means, "it sends more, or in smaller pieces; it waits for other threads or wakes them, "
                                       "as at a lock");
    o->of_kind[STG_FD_FILE] = 100;
    make(t);
    assert_non_null(strstr(t->f[0].means, "it writes more, as to a log or a file"));
}

/* That descriptors stay open is told before the calls that open them. */
static void test_leak(void **state)
{
    struct fixture *t = *state;
    begin(t);
    more(t, "openat", 3, 1, 1)->weight = 0.6f;
    more(t, "read", 3, 1, 1)->weight = 0.3f;
    t->x.balance.opened = 3;
    t->x.balance.closed = t->x.balance.usual_opened = t->x.balance.usual_closed = 1;
    make(t);
    assert_int_equal(t->n, 1);
    t->x.balance.leaks = true;
    make(t);
    assert_int_equal(t->n, 2);
    assert_says(&t->f[0], "more descriptors are opened than closed: 3 and 1 in a sequence, usually 1 and 1",
                "descriptors leak, unless they are closed later: a process that lives on runs out of them");
    assert_true(t->f[1].is_calls);
}

/* An early end is told by its weight, before the times that follow from it where it is much of the surprise. */
static void test_end(void **state)
{
    struct fixture *t = *state;
    begin(t);
    t->x.z[STG_CHANNEL_TIME] = 5;
    t->x.weight_time = 0.5f;
    t->x.fewer[0] = (struct stg_behaviour_change){
        .kind = {.call = call_of(t, "fcntl"), .proc = FAKE_APACHE}, .now = 0, .usual = {5, 5, 5, 1}};
    t->x.n_fewer = 1;
    struct stg_behaviour_surprise *s = surprise(t, "futex", 0, STG_RET_ABSENT, 8);
    s->kind.call = STG_TOKEN_END;
    make(t);
    assert_int_equal(t->n, 3);
    assert_says(&t->f[0], "sequences end where known ones go on: apache2 after read (usually ← read 8)", "");
    t->model.recipe.cut = STG_CUT_THREAD; /* whose life it is */
    make(t);
    assert_says(&t->f[0], "threads end where known ones go on: apache2 after read (usually ← read 8)",
                "it crashed, was ended, or gave up there");
    s->weight = 0.1f;
    make(t);
    assert_non_null(strstr(t->f[0].what, "the times between calls"));
    assert_non_null(strstr(t->f[1].what, "threads end"));
    s->weight = 0.02f; /* one of many */
    make(t);
    assert_int_equal(t->n, 2);
    t->model.recipe.cut = STG_CUT_AUTO;
}

/* Where nothing stands out, what is said is true of the channels; a length is something. */
static void test_little(void **state)
{
    struct fixture *t = *state;
    char text[WORDS_SENTENCE];
    begin(t);
    make(t);
    assert_says(&t->f[0], "no call stands out by itself: many are a little unlikely", "");
    t->model.side[STG_SIDE_TIME] = &t->model;
    t->x.z[STG_CHANNEL_CONTENT] = 1.28f;
    t->x.z[STG_CHANNEL_TIME] = 1.46f;
    t->x.z[STG_CHANNEL_PACE] = 2; /* of which the model knows nothing */
    make(t);
    assert_says(&t->f[0],
                "nothing stands out by itself; a little unusual: the times between calls (1.46 deviations above the "
                "usual), calls and what they return (1.28)",
                "");
    behaviour_sentence(&t->b, &t->x, text);
    assert_string_equal(text, "nothing stands out by itself");
    t->x.weight_time = 1;
    t->b.duration = (struct stg_usual){1e6f, 2e6f, 3e6f, 1};
    t->x.duration_ns = 4e6f;
    behaviour_sentence(&t->b, &t->x, text);
    assert_string_equal(text, "unusual length: 4.000 ms (usually 2.000 ms)");
    begin(t);
    t->x.z[STG_CHANNEL_CONTENT] = 3;
    make(t);
    assert_says(&t->f[0], "no call stands out by itself: many are a little unlikely", "");
    t->model.side[STG_SIDE_TIME] = NULL;
}

/* What there is more of is told where none of it is surprising, too: the fiftieth EAGAIN is not. */
static void test_no_weight(void **state)
{
    struct fixture *t = *state;
    begin(t);
    struct stg_behaviour_change *c = more(t, "read", 50, 1, 0);
    c->kind.phase = STG_PHASE_EXIT;
    c->kind.errno_class = 2 + EAGAIN;
    c->weight = 0;
    make(t);
    assert_says(&t->f[0], "calls fail: apache2 read EAGAIN (50 in each)",
                "nothing is ready: it asks too early, or again and again");
    c->kind.call = call_of(t, "futex");
    make(t);
    assert_says(&t->f[0], "calls fail: apache2 futex EAGAIN (50 in each)", "");
    begin(t);
    more(t, "read", 50, 1, 2)->weight = 0;
    make(t);
    assert_says(&t->f[0], "apache2 makes more of read (50 in each, usually 2)", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longer),    cmocka_unit_test(test_waits), cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_leak),      cmocka_unit_test(test_end),   cmocka_unit_test(test_little),
        cmocka_unit_test(test_no_weight),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
