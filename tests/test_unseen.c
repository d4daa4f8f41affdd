/* report/unseen: what training had not, of many programs. */
#include "report/unseen.h"

#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 12 };

static void put(struct stg_behaviours *b, const char *call, const char *program)
{
    struct stg_behaviour_unseen *u = &b->unseen[b->n_unseen++];
    *u = (struct stg_behaviour_unseen){.is_new_program = strcmp(program, "apache2") != 0, .n = 1, .n_sequences = 1};
    assert_int_equal(stg_vocab_call(&b->names, call, &u->call), STG_OK);
    assert_int_equal(stg_vocab_proc(&b->names, program, &u->proc), STG_OK);
    b->n_sequences = 20;
    b->n_unseen_sequences = 1;
}

static void put_many(struct stg_behaviours *b)
{
    assert_int_equal(stg_vocab_init(&b->names), STG_OK);
    for (int i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof name, "new%d", i);
        put(b, i == MANY - 1 ? "execve" : "openat", name);
    }
    put(b, "getpid", "apache2");
}

static void assert_begins(const struct finding *f, const char *what)
{
    if (strncmp(f->what, what, strlen(what)) != 0) {
        assert_string_equal(f->what, what);
    }
}

/* Those of which something acts on others are told, a known program before new ones; what asks for itself alone is not
 * told before a new program. Of the others it is said how many there are. */
static void test_many(void **state)
{
    static struct stg_behaviours b;
    const struct findings_told told = {.any = false};
    const struct stg_verdict v = {.novel = true};
    struct unseen u;
    (void)state;
    put_many(&b);
    unseen_make(&u, &b, &told);
    assert_int_equal(u.n, FINDINGS);
    assert_begins(&u.f[0], "new program: new11, with execve (once)");
    assert_begins(&u.f[1], "new program: new0, with openat (once)");
    put(&b, "memfd_create", "apache2");
    unseen_make(&u, &b, &told);
    assert_int_equal(u.n, FINDINGS);
    assert_int_equal(u.n_more, MANY + 1 - FINDINGS);
    assert_begins(&u.f[0], "apache2 makes calls that no known sequence makes: memfd_create (once), getpid (once)");
    assert_begins(&u.f[1], "new program: new11, with execve (once)");
    assert_begins(&u.f[2], "new program: new0, with openat (once)");
    assert_string_equal(u.more, "and 9 more: new2, new3, new4, new5, new6, new7, new8, new9, …");
    assert_true(unseen_leads(&v, &u)); /* there are new programs, though none is first */
    stg_vocab_fini(&b.names);
}

/* What a behaviour has told is not told again, and does not make a program come first. */
static void test_told(void **state)
{
    static struct stg_behaviours b;
    struct findings_told told = {.any = true};
    struct unseen u;
    (void)state;
    put_many(&b);
    told.unseen[MANY - 1] = true; /* that new11 makes execve */
    unseen_make(&u, &b, &told);
    assert_int_equal(u.n, FINDINGS);
    assert_int_equal(u.n_more, MANY - 1 - FINDINGS);
    assert_begins(&u.f[0], "new program: new0, with openat");
    memset(told.unseen, true, sizeof told.unseen);
    unseen_make(&u, &b, &told);
    assert_true(u.n == 0 && u.n_more == 0 && u.more[0] == '\0');
    stg_vocab_fini(&b.names);
}

static void test_text(void **state)
{
    static struct stg_behaviours b;
    const struct stg_score score = {.id = 7};
    const struct stg_behaviour_input input = {.scores = &score};
    const struct stg_behaviour_origin origin = {.path = "x.data", .input = &input};
    struct stg_buffer text = STG_BUFFER_INIT;
    (void)state;
    put_many(&b);
    assert_int_equal(stg_report_unseen(&text, &b, &origin, 0), STG_OK);
    assert_non_null(strstr(text.data, ", first in 7 of x.data:\n  - new program: new11, with execve (once)"));
    assert_non_null(strstr(text.data, "\n    and 9 more: new3, "));
    b.n_unseen = FINDINGS;
    stg_buffer_clear(&text);
    assert_int_equal(stg_report_unseen(&text, &b, &origin, 0), STG_OK);
    assert_null(strstr(text.data, " more"));
    stg_buffer_fini(&text);
    stg_vocab_fini(&b.names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many), cmocka_unit_test(test_told),
                                       cmocka_unit_test(test_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
