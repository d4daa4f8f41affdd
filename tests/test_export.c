#include "report/export.h"

#include "fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A name as a hostile trace could have it. */
#define HOSTILE "a\"b\\\n,\x9b;\033[2J"

enum { N = 200 };

struct fixture {
    struct fake_seq seqs[N];
    struct fake_model model;
    struct stg_vocab names;
    float surprisal[FAKE_MAX_EVENTS];
};

static int setup(void **state)
{
    static struct fixture f;
    struct stg_rng rng;
    uint16_t id;
    stg_rng_seed(&rng, 3);
    for (size_t i = 0; i < N; i++) {
        fake_request(&f.seqs[i], i, &rng, 0);
    }
    *state = &f;
    return fake_model_open(&f.model, f.seqs, N, STG_ORDER_THREAD) == STG_OK &&
                   stg_vocab_copy(&f.names, &f.model.base.vocab) == STG_OK &&
                   (stg_vocab_extend(&f.names), stg_vocab_proc(&f.names, HOSTILE, &id)) == STG_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stg_vocab_fini(&f->names);
    fake_model_close(&f->model);
    return 0;
}

static struct stg_scored_sequence scored(struct fixture *f, const struct fake_seq *from, struct stg_seq *seq,
                                         struct stg_score *score)
{
    double end;
    fake_seq_get(from, seq);
    assert_int_equal(stg_score_sequence(&f->model.base, seq, score), STG_OK);
    assert_int_equal(stg_score_events(&f->model.base, seq, f->surprisal, &end), STG_OK);
    return (struct stg_scored_sequence){.seq = seq,
                                        .score = score,
                                        .names = &f->names,
                                        .surprisal = f->surprisal,
                                        .p_value = 0.001,
                                        .judged = true,
                                        .novel = true};
}

static const char *kind_of(const json_t *event)
{
    return json_string_value(json_object_get(event, "ph"));
}

/* What the format asks of every event, and of each kind (Trace Event Format, Google, 2016). Returns how many are of a
 * kind. */
static size_t check_events(const json_t *events, const char *kind)
{
    size_t i, n = 0;
    json_t *e;
    json_array_foreach(events, i, e)
    {
        const char *ph = kind_of(e);
        assert_non_null(ph);
        assert_non_null(strstr("XiCbeM", ph));
        assert_true(json_is_string(json_object_get(e, "name")));
        assert_true(json_is_number(json_object_get(e, "ts")));
        assert_true(json_is_integer(json_object_get(e, "pid")));
        assert_true(json_is_integer(json_object_get(e, "tid")));
        if (ph[0] == 'X') {
            assert_true(json_number_value(json_object_get(e, "dur")) >= 0);
        } else if (ph[0] == 'i') {
            assert_string_equal(json_string_value(json_object_get(e, "s")), "t");
        } else if (ph[0] == 'b' || ph[0] == 'e') {
            assert_true(json_is_integer(json_object_get(e, "id")));
            assert_true(json_is_string(json_object_get(e, "cat")));
        } else if (ph[0] == 'M') {
            assert_true(json_is_string(json_object_get(json_object_get(e, "args"), "name")));
        } else if (ph[0] == 'C') {
            assert_true(json_is_number(json_object_get(json_object_get(e, "args"), "nats")));
        }
        n += ph[0] == kind[0];
    }
    return n;
}

static json_t *document_of(struct fixture *f, const struct fake_seq *seqs, size_t n, bool novel)
{
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_perfetto *p = NULL;
    json_error_t error;
    assert_int_equal(stg_perfetto_begin(&p, &b), STG_OK);
    for (size_t i = 0; i < n; i++) {
        struct stg_seq seq;
        struct stg_score score;
        struct stg_scored_sequence s = scored(f, &seqs[i], &seq, &score);
        s.novel = novel;
        assert_int_equal(stg_perfetto_put(p, &b, &f->model.base, &s), STG_OK);
    }
    assert_int_equal(stg_perfetto_end(p, &b), STG_OK);
    stg_perfetto_free(p);
    json_t *out = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, &error);
    if (out == NULL) {
        print_error("%s at line %d\n", error.text, error.line);
    }
    assert_non_null(out);
    stg_buffer_fini(&b);
    return out;
}

static json_t *document(struct fixture *f, const struct fake_seq *seqs, size_t n)
{
    return document_of(f, seqs, n, true);
}

static size_t calls_of(const struct fake_seq *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        n += s->phase[i] == STG_PHASE_ENTRY;
    }
    return n;
}

static void test_perfetto(void **state)
{
    struct fixture *f = *state;
    json_t *d = document(f, f->seqs, 3);
    const json_t *events = json_object_get(d, "traceEvents");
    size_t calls = 0;
    for (size_t i = 0; i < 3; i++) {
        calls += calls_of(&f->seqs[i]);
    }
    assert_int_equal(check_events(events, "X") + check_events(events, "i"), calls);
    assert_int_equal(check_events(events, "b"), 3);
    assert_int_equal(check_events(events, "e"), 3);
    assert_int_equal(check_events(events, "M"), 1 + f->seqs[0].n_threads); /* one process */
    /* The first call, to the nanosecond. */
    size_t i;
    json_t *e;
    json_array_foreach(events, i, e)
    {
        if (kind_of(e)[0] == 'X') {
            assert_string_equal(json_string_value(json_object_get(e, "name")), "openat");
            assert_true(fabs(json_number_value(json_object_get(e, "ts")) - 345678.901) < 1e-6);
            assert_true(fabs(json_number_value(json_object_get(e, "dur")) - 12) < 1e-6);
            assert_int_equal(json_integer_value(json_object_get(json_object_get(e, "args"), "ret")), 7);
            break;
        }
    }
    json_decref(d);
}

static const json_t *args_of(const json_t *event, const char *key)
{
    return json_object_get(json_object_get(event, "args"), key);
}

/* Viewers read numbers as doubles: also of a clock that counts since 1970, the times are those of the trace, and calls
 * of a thread that follow each other at once do not overlap. */
static void test_perfetto_clock(void **state)
{
    struct fixture *f = *state;
    static struct fake_seq dense;
    const int64_t begin_ns = 1795709473106548192;
    struct stg_seq seq;
    struct stg_score score;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_perfetto *p = NULL;
    size_t i, n = 0;
    json_t *e;
    dense = f->seqs[0];
    for (i = 0; i < dense.n; i++) {
        dense.time_ns[i] = 110 * (int64_t)i;
    }
    struct stg_scored_sequence s = scored(f, &dense, &seq, &score);
    seq.begin_ns = begin_ns;
    assert_int_equal(stg_perfetto_begin(&p, &b), STG_OK);
    assert_int_equal(stg_perfetto_put(p, &b, &f->model.base, &s), STG_OK);
    assert_int_equal(stg_perfetto_end(p, &b), STG_OK);
    stg_perfetto_free(p);
    json_t *d = json_loadb(b.data, b.len, 0, NULL);
    assert_non_null(d);
    const int64_t origin_s = json_integer_value(json_object_get(json_object_get(d, "otherData"), "origin_s"));
    json_array_foreach(json_object_get(d, "traceEvents"), i, e)
    {
        if (kind_of(e)[0] == 'X') {
            const long long ns = llround(1000 * json_number_value(json_object_get(e, "ts")));
            assert_int_equal((origin_s * 1000000000 + ns - begin_ns) % 110, 0);
            n++;
        }
    }
    assert_true(n > 2);
    json_decref(d);
    stg_buffer_fini(&b);
}

/* Where a trace tells threads alone, what they stand below is not called by the name of the first of them. */
static void test_perfetto_no_process(void **state)
{
    struct fixture *f = *state;
    static struct fake_seq odd;
    size_t i, n = 0;
    json_t *e;
    odd = f->seqs[0];
    memset(odd.pid, 0, sizeof odd.pid);
    json_t *d = document(f, &odd, 1);
    json_array_foreach(json_object_get(d, "traceEvents"), i, e)
    {
        if (strcmp(json_string_value(json_object_get(e, "name")), "process_name") == 0) {
            assert_string_equal(json_string_value(args_of(e, "name")), "(processes not known)");
            n++;
        }
    }
    assert_int_equal(n, 1);
    json_decref(d);
}

/* What failed has its name, and a call the surprisal of its entry. */
static void test_perfetto_args(void **state)
{
    struct fixture *f = *state;
    json_t *d = document(f, f->seqs, 1), *e;
    struct stg_seq seq;
    struct stg_score score;
    size_t i, n_failed = 0;
    (void)scored(f, &f->seqs[0], &seq, &score);
    json_array_foreach(json_object_get(d, "traceEvents"), i, e)
    {
        const json_int_t ret = json_integer_value(args_of(e, "ret"));
        const char *error = json_string_value(args_of(e, "error"));
        if (kind_of(e)[0] == 'X') {
            assert_true(json_is_true(args_of(e, "returned")) || json_integer_value(args_of(e, "returned")) == 1);
            assert_int_equal(error != NULL, ret < 0);
            assert_true(error == NULL || strcmp(error, "EAGAIN") == 0);
            n_failed += ret < 0;
        }
        if (kind_of(e)[0] == 'X' && strcmp(json_string_value(json_object_get(e, "name")), "openat") == 0) {
            assert_true(fabs(json_number_value(args_of(e, "surprisal")) - (double)f->surprisal[0]) <
                        1e-3 * (double)f->surprisal[0]);
            assert_true(fabs(json_number_value(args_of(e, "surprisal_return")) - (double)f->surprisal[1]) <
                        1e-3 * (double)f->surprisal[1]);
        }
    }
    assert_true(n_failed > 0);
    json_decref(d);
}

/* A novel sequence is a slice from its beginning to its end; one that is not novel is none. */
static void test_perfetto_novel(void **state)
{
    struct fixture *f = *state;
    json_t *d = document(f, f->seqs, 2), *none = document_of(f, f->seqs, 2, false), *e;
    struct stg_seq seq;
    size_t i;
    json_array_foreach(json_object_get(d, "traceEvents"), i, e)
    {
        const char kind = kind_of(e)[0];
        if (kind == 'b' || kind == 'e') {
            fake_seq_get(&f->seqs[json_integer_value(json_object_get(e, "id"))], &seq);
            const double us = (double)((kind == 'b' ? seq.begin_ns : seq.end_ns) - 12000000000) / 1000;
            assert_true(fabs(json_number_value(json_object_get(e, "ts")) - us) < 1e-3);
        }
        if (kind == 'b') {
            assert_true(fabs(json_number_value(args_of(e, "p_value")) - 0.001) < 1e-9);
            assert_int_equal(json_integer_value(args_of(e, "events")), seq.n);
        }
    }
    assert_int_equal(check_events(json_object_get(none, "traceEvents"), "b"), 0);
    json_decref(none);
    json_decref(d);
}

/* The counter of a process moves when there is something to see, and back to 0 once. */
static void test_perfetto_counter(void **state)
{
    struct fixture *f = *state;
    json_t *d = document(f, f->seqs, 3), *e;
    size_t i, n = 0, n_back = 0;
    double before = 0;
    json_array_foreach(json_object_get(d, "traceEvents"), i, e)
    {
        if (kind_of(e)[0] == 'C') {
            const double nats = json_number_value(args_of(e, "nats"));
            assert_true(nats >= 1 || (nats <= 0 && before >= 1));
            n_back += nats < 1;
            n++;
            before = nats;
        }
    }
    assert_true(n_back > 0 && n > n_back);
    json_decref(d);
}

/* What has not returned when the data ends, and what was entered before it begins, are points in time. */
static void test_perfetto_halves(void **state)
{
    struct fixture *f = *state;
    static struct fake_seq odd;
    size_t i, n_open = 0, n_begun = 0;
    json_t *e;
    odd = f->seqs[0];
    odd.n--; /* the last write goes on */
    odd.phase[0] = STG_PHASE_EXIT;
    odd.ret[0] = 3;
    json_t *d = document(f, &odd, 1);
    const json_t *events = json_object_get(d, "traceEvents");
    assert_int_equal(check_events(events, "i"), 3); /* two returns of openat */
    json_array_foreach(events, i, e)
    {
        const char *name = json_string_value(json_object_get(e, "name"));
        if (kind_of(e)[0] == 'i') {
            const bool returned = json_integer_value(args_of(e, "returned")) == 1;
            n_open += strcmp(name, "write") == 0 && !returned && args_of(e, "ret") == NULL;
            n_begun += strcmp(name, "openat") == 0 && returned;
        }
    }
    assert_int_equal(n_open, 1);
    assert_int_equal(n_begun, 2);
    json_decref(d);
}

/* The same events in two sequences, as where all threads' calls belong to every open request: written once. Events of
 * one time are not lost. */
static void test_overlap(void **state)
{
    struct fixture *f = *state;
    static struct fake_seq twice[2];
    twice[0] = f->seqs[0];
    for (size_t i = 0; i + 1 < twice[0].n; i++) {
        twice[0].time_ns[i + 1] = twice[0].time_ns[i] + (i % 3 == 0 ? 0 : 1000);
    }
    twice[1] = twice[0];
    json_t *once = document(f, twice, 1), *both = document(f, twice, 2);
    const json_t *a = json_object_get(once, "traceEvents"), *b = json_object_get(both, "traceEvents");
    assert_int_equal(check_events(a, "X") + check_events(a, "i"), calls_of(&twice[0]));
    assert_int_equal(check_events(b, "X"), check_events(a, "X"));
    assert_int_equal(check_events(b, "i"), check_events(a, "i"));
    assert_int_equal(check_events(b, "C"), check_events(a, "C"));
    assert_int_equal(check_events(b, "b"), 2);
    json_decref(once);
    json_decref(both);
}

/* Threads for which there is no room are not left out in silence. */
static void test_perfetto_many_threads(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_perfetto *p = NULL;
    uint64_t n_events = 0;
    int32_t tid = 1;
    assert_int_equal(stg_perfetto_begin(&p, &b), STG_OK);
    while (n_events < STG_PERFETTO_THREADS + FAKE_MAX_THREADS) {
        static struct fake_seq many;
        struct stg_seq seq;
        struct stg_score score;
        memset(&many, 0, sizeof many);
        for (int i = 0; i < FAKE_MAX_THREADS; i++) {
            fake_put(&many, tid++, f->seqs[0].proc[0], f->seqs[0].call[0], STG_PHASE_ENTRY, STG_RET_ABSENT, 1);
        }
        const struct stg_scored_sequence s = scored(f, &many, &seq, &score);
        assert_int_equal(stg_perfetto_put(p, &b, &f->model.base, &s), STG_OK);
        n_events += seq.n;
        stg_buffer_clear(&b);
    }
    assert_int_equal(stg_perfetto_left_out(p), n_events - STG_PERFETTO_THREADS);
    assert_int_equal(stg_perfetto_end(p, &b), STG_OK);
    assert_int_equal(stg_buffer_put(&b, "", 1), STG_OK);
    assert_non_null(strstr(b.data, "\"left_out_events\": 8}"));
    stg_perfetto_free(p);
    stg_buffer_fini(&b);
}

static size_t count(const char *text, char c)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += *text == c;
    }
    return n;
}

/* Names of a hostile trace are data in both formats. */
static void test_hostile(void **state)
{
    struct fixture *f = *state;
    static struct fake_seq odd;
    struct stg_seq seq;
    struct stg_score score;
    struct stg_buffer b = STG_BUFFER_INIT;
    odd = f->seqs[0];
    odd.proc[0] = (uint16_t)(stg_strings_count(f->names.procs) - 1);
    json_t *d = document(f, &odd, 1);
    assert_true(check_events(json_object_get(d, "traceEvents"), "M") > 0);
    json_decref(d);
    const struct stg_scored_sequence s = scored(f, &odd, &seq, &score);
    assert_int_equal(stg_export_csv_event_head(&b, false), STG_OK);
    assert_int_equal(stg_export_csv_events(&b, &s), STG_OK);
    assert_int_equal(stg_buffer_put(&b, "", 1), STG_OK);
    assert_int_equal(count(b.data, '\n'), 1 + odd.n); /* a row for each event, none torn */
    assert_int_equal(count(b.data, '\r'), 1 + odd.n);
    assert_int_equal(count(b.data, '\033'), 0);
    assert_non_null(strstr(b.data, "\"a\"\"b\\"));
    stg_buffer_fini(&b);
}

/* Row i (from 0) of the events of s, in buffers that are the test's. */
static void check_row(struct fixture *f, const struct fake_seq *from, size_t i, const char *wanted)
{
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_seq seq;
    struct stg_score score;
    const struct stg_scored_sequence s = scored(f, from, &seq, &score);
    assert_int_equal(stg_export_csv_events(&b, &s), STG_OK);
    assert_int_equal(stg_buffer_put(&b, "", 1), STG_OK);
    char *line = strtok(b.data, "\r\n");
    for (; i > 0; i--) {
        line = strtok(NULL, "\r\n");
    }
    const char *phase = strstr(line, "\"openat\",");
    assert_non_null(phase);
    assert_int_equal(strncmp(phase + strlen("\"openat\","), wanted, strlen(wanted)), 0);
    stg_buffer_fini(&b);
}

/* What returned is in one column, the descriptor of what was entered in another. */
static void test_csv_values(void **state)
{
    struct fixture *f = *state;
    static struct fake_seq odd;
    odd = f->seqs[5];
    odd.ret[0] = 4;
    check_row(f, &odd, 0, "entry,,4,");
    check_row(f, &odd, 1, "exit,7,,");
    odd.ret[1] = -2;
    check_row(f, &odd, 1, "exit,-2,,");
    odd.ret[1] = STG_RET_FAILED;
    check_row(f, &odd, 1, "exit,failed,,");
    odd.ret[1] = STG_RET_SUCCEEDED;
    check_row(f, &odd, 1, "exit,succeeded,,");
    odd.ret[1] = STG_RET_ABSENT;
    check_row(f, &odd, 1, "exit,,,");
}

/* What a spreadsheet would compute is a text. */
static void test_csv_formula(void **state)
{
    static const char *const names[][2] = {{"=1+1", ",\"'=1+1\","}, {"@SUM(A1)", ",\"'@SUM(A1)\","},
                                           {"-x", ",\"'-x\","},     {"+x", ",\"'+x\","},
                                           {"a=1", ",\"a=1\","},    {"'=1", ",\"'=1\","}};
    struct fixture *f = *state;
    static struct fake_seq odd;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stg_seq seq;
        struct stg_score score;
        struct stg_buffer b = STG_BUFFER_INIT;
        odd = f->seqs[5];
        assert_int_equal(stg_vocab_proc(&f->names, names[i][0], &odd.proc[0]), STG_OK);
        const struct stg_scored_sequence s = scored(f, &odd, &seq, &score);
        assert_int_equal(stg_export_csv_events(&b, &s), STG_OK);
        assert_int_equal(stg_buffer_put(&b, "", 1), STG_OK);
        assert_non_null(strstr(b.data, names[i][1]));
        stg_buffer_fini(&b);
    }
}

/* As many fields in each row as in the head, and the values where they belong. */
static void test_csv(void **state)
{
    struct fixture *f = *state;
    struct stg_buffer b = STG_BUFFER_INIT;
    struct stg_seq seq;
    struct stg_score score;
    struct stg_scored_sequence s = scored(f, &f->seqs[5], &seq, &score);
    assert_int_equal(stg_export_csv_event_head(&b, false), STG_OK);
    assert_int_equal(stg_export_csv_events(&b, &s), STG_OK);
    assert_int_equal(stg_buffer_put(&b, "", 1), STG_OK);
    size_t row = 0;
    for (char *line = strtok(b.data, "\r\n"); line != NULL; line = strtok(NULL, "\r\n"), row++) {
        assert_int_equal(count(line, ','), 11);
        if (row == 1) {
            char want[200];
            snprintf(want, sizeof want, "5,17345678901,1000,101,\"apache2\",\"openat\",entry,,,%.6g,,",
                     (double)f->surprisal[0]);
            assert_string_equal(line, want);
        }
    }
    assert_int_equal(row, 1 + f->seqs[5].n);
    stg_buffer_clear(&b);
    assert_int_equal(stg_export_csv_sequence_head(&b, false), STG_OK);
    assert_int_equal(stg_export_csv_sequence(&b, &f->model.base, &s), STG_OK);
    assert_int_equal(stg_buffer_put(&b, "", 1), STG_OK);
    char *head = strtok(b.data, "\r\n"), *line = strtok(NULL, "\r\n");
    assert_int_equal(count(head, ','), count(line, ','));
    char want[300];
    snprintf(want, sizeof want, "5,17345678901,%lld,1000,101,%u,0,%u,%.6g,,0.001,1,,,,,", (long long)seq.end_ns,
             (unsigned)seq.n, score.n_unknown, exp((double)score.value[STG_AGGREGATE_MEAN]));
    assert_string_equal(line, want);
    stg_buffer_clear(&b);
    s.judged = s.novel = false; /* too few calibration sequences: a p-value, but no verdict */
    assert_int_equal(stg_export_csv_sequence(&b, &f->model.base, &s), STG_OK);
    assert_int_equal(stg_buffer_put(&b, "", 1), STG_OK);
    assert_non_null(strstr(b.data, ",0.001,,"));
    stg_buffer_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_perfetto),
        cmocka_unit_test(test_perfetto_args),
        cmocka_unit_test(test_perfetto_clock),
        cmocka_unit_test(test_perfetto_many_threads),
        cmocka_unit_test(test_perfetto_no_process),
        cmocka_unit_test(test_perfetto_novel),
        cmocka_unit_test(test_perfetto_counter),
        cmocka_unit_test(test_perfetto_halves),
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_values),
        cmocka_unit_test(test_csv_formula),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
