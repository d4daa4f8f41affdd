/* Vocabulary and symbols: ids, freezing, odd names, files. */
#include "base/memory.h"
#include "must.h"
#include "token/vocab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void path_of(char out[64], const char *what)
{
    snprintf(out, 64, "/tmp/strange-test-%s-%d", what, (int)getpid());
}

static uint16_t call(struct stg_vocab *v, const char *name)
{
    uint16_t id;
    must(stg_vocab_call(v, name, &id));
    return id;
}

static void test_ids_and_freezing(void **state)
{
    (void)state;
    struct stg_vocab v, copy;
    must(stg_vocab_init(&v));
    assert_int_equal(stg_strings_count(v.calls), STG_TOKEN_SPECIALS);
    assert_string_equal(stg_strings_get(v.calls, STG_TOKEN_TRUNCATE), "[TRUNCATE]");
    assert_int_equal(call(&v, "read"), 5);
    assert_int_equal(call(&v, "write"), 6);
    assert_int_equal(call(&v, "read"), 5);
    assert_int_equal(call(&v, "[END]"), STG_TOKEN_UNKNOWN);
    must(stg_vocab_copy(&copy, &v));
    assert_true(stg_vocab_equal(&v, &copy));
    v.frozen = true;
    assert_int_equal(call(&v, "open"), STG_TOKEN_UNKNOWN);
    assert_int_equal(call(&copy, "open"), 7);
    assert_false(stg_vocab_equal(&v, &copy));
    stg_vocab_fini(&v);
    stg_vocab_fini(&copy);
}

static void test_names_that_are_not_utf8(void **state)
{
    (void)state;
    struct stg_vocab v;
    uint16_t id, again;
    must(stg_vocab_init(&v));
    must(stg_vocab_proc(&v, "a\xff\xc3\xa4\xc3", &id));
    assert_string_equal(stg_strings_get(v.procs, id), "a\\xFF\xc3\xa4\\xC3");
    must(stg_vocab_proc(&v, "a\xff\xc3\xa4\xc3", &again));
    assert_int_equal(id, again);
    must(stg_vocab_proc(&v, "\xed\xa0\x80\xe0\x80\x80\xf4\x90\x80\x80", &id)); /* surrogate, overlong, beyond Unicode */
    assert_string_equal(stg_strings_get(v.procs, id), "\\xED\\xA0\\x80\\xE0\\x80\\x80\\xF4\\x90\\x80\\x80");
    stg_vocab_fini(&v);
}

static void test_too_many_names(void **state)
{
    (void)state;
    struct stg_vocab v;
    char name[16];
    uint16_t id = 0;
    must(stg_vocab_init(&v));
    for (unsigned i = STG_TOKEN_SPECIALS; i < 65535; i++) {
        snprintf(name, sizeof name, "n%u", i);
        must(stg_vocab_call(&v, name, &id));
        assert_int_equal(id, i);
    }
    assert_int_equal(stg_vocab_call(&v, "one more", &id), STG_ERR_INPUT);
    stg_vocab_fini(&v);
}

static void test_spellings_of_a_call(void **state)
{
    (void)state;
    struct stg_vocab v;
    must(stg_vocab_init(&v));
    assert_int_equal(call(&v, "newfstat"), 5);
    assert_int_equal(call(&v, "fstat"), 5);
    assert_int_equal(call(&v, "sendfile"), 6);
    assert_int_equal(call(&v, "newfstatat"), 7); /* another call */
    assert_int_equal(call(&v, "<unknown>"), 8);  /* perf's text and sysdig; a CTF trace of the same has: */
    assert_int_equal(call(&v, "unknown"), 8);
    v.frozen = true;
    assert_int_equal(call(&v, "sendfile64"), 6);
    assert_int_equal(call(&v, "stat"), STG_TOKEN_UNKNOWN);
    assert_string_equal(stg_strings_get(v.calls, 5), "newfstat"); /* as the training data has it */
    stg_vocab_fini(&v);
}

static void test_extended(void **state)
{
    (void)state;
    struct stg_vocab first, v, other, also;
    char name[16];
    uint16_t id = 0;
    must(stg_vocab_init(&first));
    assert_int_equal(call(&first, "read"), 5);
    must(stg_vocab_proc(&first, "p", &id));
    must(stg_vocab_copy(&v, &first));
    assert_false(stg_vocab_is_new_call(&v, 5));
    stg_vocab_extend(&v);
    assert_int_equal(call(&v, "write"), 6);
    assert_int_equal(call(&v, "read"), 5);
    must(stg_vocab_proc(&v, "q", &id));
    assert_int_equal(id, 6);
    assert_false(stg_vocab_is_new_call(&v, 5));
    assert_true(stg_vocab_is_new_call(&v, 6));
    assert_true(stg_vocab_is_new_call(&v, STG_TOKEN_UNKNOWN));
    assert_true(stg_vocab_begins_with(&v, &first));
    assert_true(stg_vocab_begins_with(&v, &v));
    assert_false(stg_vocab_begins_with(&first, &v));
    must(stg_vocab_init(&other));
    assert_int_equal(call(&other, "write"), 5);
    must(stg_vocab_proc(&other, "p", &id));
    assert_false(stg_vocab_begins_with(&v, &other));
    must(stg_vocab_copy(&also, &first));
    stg_vocab_extend(&also);
    assert_int_equal(call(&also, "open"), 6);
    assert_false(stg_vocab_begins_with(&v, &also) || stg_vocab_begins_with(&also, &v));
    assert_true(stg_vocab_same_base(&v, &also));
    stg_vocab_fini(&also);
    assert_false(stg_vocab_same_base(&v, &first)); /* which extends none */
    assert_false(stg_vocab_same_base(&first, &first));
    for (unsigned i = 7; i < 65535; i++) {
        snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(call(&v, name), i);
    }
    assert_int_equal(call(&v, "one more"), STG_TOKEN_UNKNOWN); /* the names that matter are there */
    assert_int_equal(stg_vocab_known(5, 6), 5);
    assert_int_equal(stg_vocab_known(6, 6), STG_TOKEN_UNKNOWN);
    stg_vocab_fini(&other);
    stg_vocab_fini(&v);
    stg_vocab_fini(&first);
}

static void test_vocab_survives_a_file(void **state)
{
    (void)state;
    char path[64];
    struct stg_vocab v, loaded;
    struct stg_tensors_writer *w = NULL;
    struct stg_tensors *t = NULL;
    uint16_t id;
    path_of(path, "vocab");
    must(stg_vocab_init(&v));
    call(&v, "read");
    stg_vocab_extend(&v);
    call(&v, "write");
    must(stg_vocab_proc(&v, "quote\" \\ \n \xc3\xa4 \xff", &id));
    must(stg_tensors_writer_open(&w, path, "test", 1));
    must(stg_vocab_save(&v, w));
    must(stg_tensors_writer_commit(w));
    stg_tensors_writer_free(w);
    must(stg_tensors_open(&t, path, "test", 1));
    must(stg_vocab_load(&loaded, t));
    assert_true(loaded.frozen);
    assert_true(stg_vocab_equal(&v, &loaded));
    assert_int_equal(loaded.base_calls, 6);
    assert_int_equal(loaded.base_procs, 5);
    stg_vocab_fini(&loaded);
    stg_vocab_fini(&v);
    stg_tensors_free(t);
    unlink(path);
}

/* Metadata that are absent are NULL. */
static void expect_bad(const char *calls, const char *procs, const char *base)
{
    char path[64];
    struct stg_vocab loaded;
    struct stg_tensors_writer *w = NULL;
    struct stg_tensors *t = NULL;
    path_of(path, "bad-vocab");
    must(stg_tensors_writer_open(&w, path, "test", 1));
    must(calls == NULL ? STG_OK : stg_tensors_writer_meta(w, "vocab.calls", calls));
    must(procs == NULL ? STG_OK : stg_tensors_writer_meta(w, "vocab.procs", procs));
    must(base == NULL ? STG_OK : stg_tensors_writer_meta(w, "vocab.base", base));
    must(stg_tensors_writer_commit(w));
    stg_tensors_writer_free(w);
    must(stg_tensors_open(&t, path, "test", 1));
    assert_int_equal(stg_vocab_load(&loaded, t), STG_ERR_INPUT);
    assert_non_null(strstr(stg_status_message(), "vocab."));
    stg_tensors_free(t);
    unlink(path);
}

static void expect_bad_vocab(const char *calls)
{
    expect_bad(calls, NULL, NULL);
}

static void test_bad_bases_are_refused(void **state)
{
    (void)state;
    static const char good[] = "[\"[MASK]\",\"[UNKNOWN]\",\"[START]\",\"[END]\",\"[TRUNCATE]\",\"a\"]";
    static const char *const bases[] = {"",      "7",     "[6]",   "[6,6,6]", "[4,6]",
                                        "[6,4]", "[7,6]", "[6,7]", "[-1,6]",  "[6,\"6\"]"};
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        expect_bad(good, good, bases[i]);
    }
}

static void test_bad_vocabularies_are_refused(void **state)
{
    (void)state;
    expect_bad_vocab(NULL);
    expect_bad_vocab("");
    expect_bad_vocab("{}");
    expect_bad_vocab("[\"[MASK]\"]");
    expect_bad_vocab("[\"[MASK]\",\"[UNKNOWN]\",\"[START]\",\"[TRUNCATE]\",\"[END]\"]");
    expect_bad_vocab("[\"[MASK]\",\"[UNKNOWN]\",\"[START]\",\"[END]\",\"[TRUNCATE]\",7]");
    expect_bad_vocab("[\"[MASK]\",\"[UNKNOWN]\",\"[START]\",\"[END]\",\"[TRUNCATE]\",\"a\",\"a\"]");
    /* good calls, but no procs */
    expect_bad_vocab("[\"[MASK]\",\"[UNKNOWN]\",\"[START]\",\"[END]\",\"[TRUNCATE]\",\"a\"]");
}

/* One sequence as a corpus. */
static void get_one(void *context, size_t i, struct stg_seq *out)
{
    (void)i;
    *out = *(const struct stg_seq *)context;
}

static const uint16_t calls[] = {5, 5, 6, 6, STG_TOKEN_UNKNOWN, 6};
static const uint8_t phases[] = {STG_PHASE_ENTRY, STG_PHASE_EXIT,  STG_PHASE_EXIT,
                                 STG_PHASE_EXIT,  STG_PHASE_ENTRY, STG_PHASE_EXIT};
static const int64_t rets[] = {STG_RET_ABSENT, 3, -EAGAIN, 17, STG_RET_ABSENT, STG_RET_FAILED};
static const struct stg_seq seq = {.n = 6, .call = calls, .phase = phases, .ret = rets};

static void test_symbols_are_tuples(void **state)
{
    (void)state;
    const struct stg_corpus corpus = {.n = 1, .context = (void *)&seq, .get = get_one};
    struct stg_symbols *s = NULL;
    struct stg_vocab v;
    char text[64], path[64];
    must(stg_vocab_init(&v));
    call(&v, "read");
    call(&v, "write");
    must(stg_symbols_new(&s, STG_FIELD_CALL | STG_FIELD_PHASE | STG_FIELD_RET));
    must(stg_symbols_fit(s, &corpus));
    assert_int_equal(stg_symbols_count(s), STG_TOKEN_SPECIALS + 5);
    assert_int_equal(stg_symbols_find(s, 5, STG_PHASE_ENTRY, STG_RET_ABSENT), 5);
    assert_int_equal(stg_symbols_find(s, 5, STG_PHASE_EXIT, 99), 6);
    assert_int_equal(stg_symbols_find(s, 6, STG_PHASE_EXIT, -EAGAIN), 7);
    assert_int_equal(stg_symbols_find(s, 6, STG_PHASE_EXIT, 0), 8);
    assert_int_equal(stg_symbols_find(s, 6, STG_PHASE_EXIT, -EINTR), STG_TOKEN_UNKNOWN);
    assert_int_equal(stg_symbols_find(s, STG_TOKEN_UNKNOWN, STG_PHASE_ENTRY, STG_RET_ABSENT), STG_TOKEN_UNKNOWN);
    stg_symbols_describe(s, &v, 7, text, sizeof text);
    assert_string_equal(text, "write exit EAGAIN");
    stg_symbols_describe(s, &v, 5, text, sizeof text);
    assert_string_equal(text, "read entry");
    stg_symbols_describe(s, &v, STG_TOKEN_END, text, sizeof text);
    assert_string_equal(text, "[END]");
    stg_symbols_describe(s, &v, 7, text, 6);
    assert_string_equal(text, "write");

    struct stg_tensors_writer *w = NULL;
    struct stg_tensors *t = NULL;
    struct stg_symbols *loaded = NULL;
    path_of(path, "symbols");
    must(stg_tensors_writer_open(&w, path, "test", 1));
    must(stg_symbols_save(s, w));
    must(stg_tensors_writer_commit(w));
    stg_tensors_writer_free(w);
    must(stg_tensors_open(&t, path, "test", 1));
    must(stg_symbols_load(&loaded, t));
    assert_int_equal(stg_symbols_count(loaded), stg_symbols_count(s));
    assert_int_equal(stg_symbols_fields(loaded), stg_symbols_fields(s));
    assert_int_equal(stg_symbols_find(loaded, 6, STG_PHASE_EXIT, STG_RET_FAILED), 9);
    stg_tensors_free(t);
    unlink(path);
    stg_symbols_free(loaded);
    stg_symbols_free(s);
    stg_vocab_fini(&v);
}

/* The highest descriptor is that of the classes of the data; of other symbols there is none. */
static void test_highest_descriptor(void **state)
{
    static const uint16_t own_calls[] = {5, 5, 5, 5, 5}, own_threads[5] = {0};
    static const uint8_t own_phases[] = {STG_PHASE_ENTRY, STG_PHASE_ENTRY, STG_PHASE_ENTRY, STG_PHASE_EXIT,
                                         STG_PHASE_ENTRY};
    static const int64_t own_rets[] = {3, 41, -100, 99,
                                       STG_RET_ABSENT}; /* an exit's is no descriptor; −100 is AT_FDCWD */
    static const int64_t highest[][2] = {{-1, -1}, {0, 0},    {2, 2},     {3, 63},
                                         {63, 63}, {64, 127}, {127, 127}, {INT64_MAX, INT64_MAX}};
    struct stg_seq own = seq;
    const struct stg_corpus corpus = {.n = 1, .context = &own, .get = get_one};
    struct stg_symbols *s = NULL;
    (void)state;
    own.n = sizeof own_calls / sizeof own_calls[0];
    own.call = own_calls;
    own.phase = own_phases;
    own.ret = own_rets;
    own.thread = own_threads;
    must(stg_symbols_new(&s, STG_FIELD_DESCRIPTOR));
    assert_int_equal(stg_symbols_highest_descriptor(s), -1);
    must(stg_symbols_fit(s, &corpus));
    assert_int_equal(stg_symbols_highest_descriptor(s), 63);
    stg_symbols_free(s);
    own.n = 1;
    for (size_t i = 0; i < sizeof highest / sizeof highest[0]; i++) {
        own.ret = &highest[i][0];
        must(stg_symbols_new(&s, STG_FIELD_DESCRIPTOR));
        must(stg_symbols_fit(s, &corpus));
        assert_int_equal(stg_symbols_highest_descriptor(s), highest[i][1]);
        stg_symbols_free(s);
    }
    own.n = sizeof own_calls / sizeof own_calls[0];
    own.ret = own_rets;
    must(stg_symbols_new(&s, STG_FIELD_CALL | STG_FIELD_PHASE));
    must(stg_symbols_fit(s, &corpus));
    assert_int_equal(stg_symbols_highest_descriptor(s), -1);
    stg_symbols_free(s);
}

static void test_symbols_of_extended_data(void **state)
{
    (void)state;
    const struct stg_corpus corpus = {.n = 1, .context = (void *)&seq, .get = get_one};
    struct stg_symbols *s = NULL;
    struct stg_vocab v;
    must(stg_vocab_init(&v));
    call(&v, "read");
    must(stg_symbols_new(&s, STG_FIELD_CALL));
    must(stg_symbols_bind(s, &v)); /* call 6 extends the vocabulary */
    stg_vocab_fini(&v);
    must(stg_symbols_fit(s, &corpus));
    assert_int_equal(stg_symbols_count(s), STG_TOKEN_SPECIALS + 1);
    assert_int_equal(stg_symbols_find(s, 5, STG_PHASE_ENTRY, STG_RET_ABSENT), 5);
    assert_int_equal(stg_symbols_find(s, 6, STG_PHASE_EXIT, 0), STG_TOKEN_UNKNOWN);
    stg_symbols_free(s);
}

/* Whole walks are mapped as event by event; up to `last` all the calls that are symbols. */
static void expect_mapped(const struct stg_symbols *s, uint16_t last)
{
    enum { MOST = 700 };
    static uint16_t call[MOST];
    static uint8_t phase[MOST];
    static int64_t ret[MOST];
    static uint32_t out[MOST];
    const uint16_t odd[] = {
        STG_TOKEN_SPECIALS + 2, STG_TOKEN_SPECIALS - 1, 0, last, (uint16_t)(last + 1), 299, UINT16_MAX};
    for (size_t n = 0; n < MOST; n += 1 + n / 3) {
        for (size_t i = 0; i < 7 * n; i++) {
            struct stg_walk w = {.n = n, .n_context = n / 5, .call = call, .phase = phase, .ret = ret};
            size_t n_unknown = 0;
            for (size_t k = 0; k < n; k++) {
                call[k] = (uint16_t)(STG_TOKEN_SPECIALS + k % 2);
            }
            call[i / 7] = odd[i % 7];
            stg_symbols_map(s, &w, out);
            for (size_t k = 0; k < n; k++) {
                assert_int_equal(out[k], stg_symbols_find(s, call[k], 0, 0));
                n_unknown += k >= w.n_context && out[k] == STG_TOKEN_UNKNOWN;
            }
            assert_int_equal(stg_symbols_unknown(s, &w), n_unknown);
        }
    }
}

static void get_calls(void *context, size_t i, struct stg_seq *out)
{
    static const uint8_t phase[4];
    static const int64_t ret[4];
    (void)i;
    *out = (struct stg_seq){.n = 4, .call = context, .phase = phase, .ret = ret};
}

static void test_symbols_of_a_vocabulary_have_its_ids(void **state)
{
    (void)state;
    struct stg_symbols *s = NULL;
    struct stg_vocab v;
    char name[16];
    must(stg_vocab_init(&v));
    for (int i = 0; i < 500; i++) { /* the table grows on the way */
        snprintf(name, sizeof name, "n%d", i);
        call(&v, name);
    }
    must(stg_symbols_new(&s, STG_FIELD_CALL));
    must(stg_symbols_from_vocab(s, &v));
    assert_int_equal(stg_symbols_count(s), 505);
    for (uint16_t i = STG_TOKEN_SPECIALS; i < 505; i++) {
        assert_int_equal(stg_symbols_find(s, i, STG_PHASE_EXIT, -EAGAIN), i);
    }
    assert_int_equal(stg_symbols_find(s, 505, STG_PHASE_ENTRY, 0), STG_TOKEN_UNKNOWN);
    expect_mapped(s, 504);
    stg_symbols_free(s);
    must(stg_symbols_new(&s, STG_FIELD_CALL)); /* not all of them, and not in their order */
    const uint16_t some[] = {STG_TOKEN_SPECIALS, STG_TOKEN_SPECIALS + 1, 300, 200};
    const struct stg_corpus corpus = {.n = 1, .context = (void *)some, .get = get_calls};
    must(stg_symbols_fit(s, &corpus));
    assert_int_equal(stg_symbols_count(s), STG_TOKEN_SPECIALS + 4);
    expect_mapped(s, 300);
    stg_symbols_free(s);
    stg_vocab_fini(&v);
}

static void expect_bad_symbols(const char *fields, const uint64_t *keys, size_t n)
{
    char path[64];
    struct stg_tensors_writer *w = NULL;
    struct stg_tensors *t = NULL;
    struct stg_symbols *s = NULL;
    path_of(path, "bad-symbols");
    must(stg_tensors_writer_open(&w, path, "test", 1));
    must(stg_tensors_writer_meta(w, "symbols.fields", fields));
    must(stg_tensors_writer_put(w, "symbols.key", STG_U64, 1, &n, keys));
    must(stg_tensors_writer_commit(w));
    stg_tensors_writer_free(w);
    must(stg_tensors_open(&t, path, "test", 1));
    assert_int_equal(stg_symbols_load(&s, t), STG_ERR_INPUT);
    assert_null(s);
    stg_tensors_free(t);
    unlink(path);
}

static void test_bad_symbols_are_refused(void **state)
{
    (void)state;
    const uint64_t good[] = {0, 1, 2, 3, 4, 5};
    const uint64_t twice[] = {0, 1, 2, 3, 4, 5, 5};
    const uint64_t wide[] = {0, 1, 2, 3, 4, UINT64_MAX};
    const uint64_t field[] = {0, 1, 2, 3, 4, 5 | 1 << 16};
    const uint64_t special[] = {0, 1, 2, 3, 4, 3};
    expect_bad_symbols("0", good, 6);
    expect_bad_symbols("2", good, 6);
    expect_bad_symbols("17", good, 6);
    expect_bad_symbols("64", good, 6);
    expect_bad_symbols("16", good, 6);
    expect_bad_symbols("32", good, 6);
    expect_bad_symbols("", good, 6);
    expect_bad_symbols("1", good, 4);
    expect_bad_symbols("1", good + 1, 5);
    expect_bad_symbols("1", twice, 7);
    expect_bad_symbols("7", wide, 6);
    expect_bad_symbols("1", field, 6);
    expect_bad_symbols("1", special, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_and_freezing),
        cmocka_unit_test(test_names_that_are_not_utf8),
        cmocka_unit_test(test_too_many_names),
        cmocka_unit_test(test_vocab_survives_a_file),
        cmocka_unit_test(test_spellings_of_a_call),
        cmocka_unit_test(test_extended),
        cmocka_unit_test(test_bad_vocabularies_are_refused),
        cmocka_unit_test(test_bad_bases_are_refused),
        cmocka_unit_test(test_symbols_of_extended_data),
        cmocka_unit_test(test_symbols_are_tuples),
        cmocka_unit_test(test_highest_descriptor),
        cmocka_unit_test(test_symbols_of_a_vocabulary_have_its_ids),
        cmocka_unit_test(test_bad_symbols_are_refused),
    };
    return cmocka_run_group_tests_name("token vocab", tests, NULL, NULL);
}
