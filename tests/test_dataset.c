/* Data set: what is written comes back; what is damaged is refused. */
#include "scratch.h"

#include "dataset/dataset.h"

#include "base/file.h"
#include "base/memory.h"
#include "dataset/columns.h"
#include "dataset/prepare.h"
#include "must.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_BEFORE = 1800 }; /* events of another thread before them: enough to tell how busy the machine is */

static char path[64], other[64];

/* --- A source of two requests of two threads, with a gap --- */

struct scripted {
    struct stg_source source;
    struct stg_event events[2000];
    size_t n, at;
    bool given;
    struct stg_strings *facts; /* owned; NULL: says nothing */
};

static enum stg_status scripted_next(struct stg_source *source, const struct stg_event **events, size_t *n)
{
    struct scripted *s = (struct scripted *)source;
    *n = s->at < s->n ? 1 : 0;
    *events = &s->events[s->at];
    s->at += *n;
    return STG_OK;
}

static void scripted_info(const struct stg_source *source, struct stg_source_info *out)
{
    const struct scripted *s = (const struct scripted *)source;
    *out = (struct stg_source_info){.format = "scripted",
                                    .path = "a \xff path",
                                    .done = s->at,
                                    .total = s->n,
                                    .has_sequences = s->given,
                                    .facts = s->facts};
}

static void scripted_close(struct stg_source *source)
{
    stg_strings_free(source->names);
    stg_strings_free(source->comms);
    stg_strings_free(((struct scripted *)source)->facts);
    stg_mem_free(source);
}

static const struct stg_source_ops scripted_ops = {
    .name = "scripted", .next = scripted_next, .info = scripted_info, .close = scripted_close};

static void script(struct scripted *s, uint64_t ts, int tid, enum stg_event_kind kind, const char *name)
{
    struct stg_event *e = &s->events[s->n++];
    *e = (struct stg_event){.ts_ns = ts,
                            .tid = tid,
                            .pid = 10,
                            .kind = (uint8_t)kind,
                            .ret = -11,
                            .n_lost = 3,
                            .runnable = (uint8_t)(ts % 10),
                            .cpu = s->n % 4 == 0,
                            .has = STG_HAS_TIME | STG_HAS_TID | STG_HAS_PID | STG_HAS_COMM | STG_HAS_RET |
                                   STG_HAS_RUNNABLE | STG_HAS_CPU};
    must(stg_strings_put(s->source.names, name, strlen(name), &e->name));
    must(stg_strings_put(s->source.comms, "httpd", 5, &e->comm));
}

static void say_markers(struct scripted *s)
{
    static const char *const facts[] = {"hostname=x", "begin_marker=web:begin", "end_marker=web:end"};
    must(stg_strings_new(&s->facts));
    for (size_t i = 0; i < 3; i++) {
        uint32_t id;
        must(stg_strings_put(s->facts, facts[i], strlen(facts[i]), &id));
    }
}

/* format selects what the trace holds: "requests", "own" (with markers that it says are its own), "unmarked" (says so,
 * but has none of them), "given" or "plain". */
static enum stg_status scripted_open(struct stg_source **out, const char *at, const char *format)
{
    struct scripted *s = NULL;
    (void)at;
    must(stg_mem_zeroed(&s, 1, sizeof *s));
    s->source.ops = &scripted_ops;
    must(stg_strings_new(&s->source.names));
    must(stg_strings_new(&s->source.comms));
    s->given = strcmp(format, "given") == 0;
    const bool own = strcmp(format, "own") == 0, marked = strcmp(format, "requests") == 0;
    if (own || strcmp(format, "unmarked") == 0) {
        say_markers(s);
    }
    for (size_t i = 0; i < N_BEFORE; i++) {
        script(s, i % 3, 13, STG_EVENT_ENTRY, "poll");
    }
    script(s, 3, 11, STG_EVENT_ENTRY, "poll");
    for (uint64_t i = 0; i < 2; i++) {
        script(s, 10 + i * 10, 11, STG_EVENT_MARKER, marked ? "httpd:enter_event_handler" : own ? "web:begin" : "mark");
        script(s, 11 + i * 10, 11, STG_EVENT_ENTRY, "read");
        script(s, 12 + i * 10, 11, STG_EVENT_EXIT, "read");
        script(s, 13 + i * 10, 12, STG_EVENT_ENTRY, "write");
        if (i == 1) {
            script(s, 24, 0, STG_EVENT_LOST, "lost");
        }
        script(s, 15 + i * 10, 11, STG_EVENT_MARKER, marked ? "httpd:exit_event_handler" : own ? "web:end" : "mark");
    }
    *out = &s->source;
    return STG_OK;
}

static void write_two(const char *to, const struct stg_recipe *recipe)
{
    struct stg_dataset_writer *w = NULL;
    struct stg_source *source = NULL;
    struct stg_vocab vocab;
    struct stg_cut_counts counts;
    must(stg_vocab_init(&vocab));
    must(stg_dataset_writer_open(&w, to, recipe));
    must(stg_dataset_writer_meta(w, "command", "strange prepare"));
    for (uint32_t i = 0; i < 2; i++) { /* the same trace twice */
        assert_int_equal(stg_dataset_writer_traces(w), i);
        must(scripted_open(&source, "x", "requests"));
        must(stg_prepare_source(w, recipe, &vocab, source, NULL, &counts));
        assert_int_equal(counts.n_sequences, 2);
        assert_int_equal(counts.n_lost, 3);
        stg_source_close(source);
    }
    must(stg_dataset_writer_commit(w, &vocab));
    stg_dataset_writer_free(w);
    stg_vocab_fini(&vocab);
}

static struct stg_recipe request_recipe(void)
{
    struct stg_recipe r;
    stg_recipe_default(&r);
    r.cut = STG_CUT_REQUEST;
    return r;
}

static void test_what_is_written_comes_back(void **state)
{
    (void)state;
    const struct stg_recipe recipe = request_recipe();
    struct stg_dataset *d = NULL;
    struct stg_seq s;
    write_two(path, &recipe);
    must(stg_dataset_open(&d, path, NULL));
    assert_string_equal(stg_dataset_path(d), path);
    assert_int_equal(stg_dataset_count(d), 4);
    assert_int_equal(stg_dataset_events(d), 12);
    assert_string_equal(stg_dataset_meta(d, "command"), "strange prepare");
    assert_int_equal(stg_dataset_recipe(d)->n_context, 16);
    assert_int_equal(stg_dataset_recipe(d)->n_skip_state, 2);
    assert_string_equal(stg_dataset_recipe(d)->begin, recipe.begin);
    assert_true(stg_dataset_vocab(d)->frozen);
    assert_int_equal(stg_strings_count(stg_dataset_vocab(d)->calls), STG_TOKEN_SPECIALS + 2);
    assert_int_equal(stg_dataset_traces(d), 2);
    assert_string_equal(stg_dataset_trace(d, 1)->path, "a ? path");
    assert_string_equal(stg_dataset_trace(d, 1)->format, "scripted");
    assert_int_equal(stg_dataset_trace(d, 1)->counts.n_events, 7 + N_BEFORE);
    assert_int_equal(stg_dataset_trace(d, 1)->counts.n_gaps, 1);
    stg_dataset_get(d, 3, &s);
    assert_int_equal(s.id, 3);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.n_threads, 2);
    assert_int_equal(s.trace, 1);
    assert_int_equal(s.n_lost, 3);
    assert_int_equal(s.begin_ns, 20);
    assert_int_equal(s.end_ns, 25);
    assert_int_equal(s.tid, 11);
    assert_int_equal(s.pid, 10);
    assert_true(fabs((double)s.runnable - sqrt(2)) < 0.01); /* of 1 and 2, mostly; 0 is not known */
    assert_true(fabs((double)s.alone - 0.5) < 0.01);
    assert_true(s.workers > 1 && s.workers < 1.2f);    /* threads 11 and 12 made nearly none of the events */
    assert_true(fabs((double)s.stayed - 0.52) < 0.03); /* every fourth event is on the other CPU */
    assert_int_equal(s.ret[0], STG_RET_ABSENT);
    assert_int_equal(s.ret[1], -11);
    assert_int_equal(s.time_ns[2], 3);
    assert_int_equal(s.thread[2], 1);
    assert_int_equal(s.thread_tid[1], 12);
    assert_string_equal(stg_strings_get(stg_dataset_vocab(d)->procs, s.thread_proc[1]), "httpd");
    assert_int_equal(s.context_offset[1] - s.context_offset[0], 3); /* poll, read, read' */
    assert_int_equal(s.context_time_ns[s.context_offset[0]], -17);
    assert_int_equal(s.context_call[s.context_offset[0]], STG_TOKEN_UNKNOWN);
    assert_int_equal(s.context_offset[2] - s.context_offset[1], 1);
    stg_dataset_free(d);
}

static void test_files_come_back(void **state)
{
    (void)state;
    static const char *const files[] = {"d/a", "d/b"};
    const struct stg_recipe recipe = request_recipe();
    struct stg_dataset_writer *w = NULL;
    struct stg_dataset *d = NULL;
    struct stg_vocab vocab;
    const int32_t tids[] = {2, 3, 0};
    char *names = calloc(1, (9 << 20) + 1);
    assert_non_null(names);
    const char *long_name = memset(names, 'x', 9 << 20);
    const struct stg_dataset_trace traces[] = {{.path = "d", .format = "intlist", .files = files, .n_files = 2},
                                               {.path = "e", .format = "intlist"},
                                               {.path = "f", .format = "intlist", .files = &long_name, .n_files = 1}};
    must(stg_vocab_init(&vocab));
    must(stg_dataset_writer_open(&w, path, &recipe));
    for (size_t i = 0; i < 3; i++) {
        must(stg_dataset_writer_trace(w, &traces[i]));
    }
    must(stg_dataset_writer_commit(w, &vocab));
    stg_dataset_writer_free(w);
    stg_vocab_fini(&vocab);
    must(stg_dataset_open(&d, path, NULL));
    struct stg_seq seq = {.n_threads = 1, .thread_tid = tids};
    assert_string_equal(stg_dataset_file(d, &seq), "d/b");
    seq.thread_tid = tids + 1;
    assert_null(stg_dataset_file(d, &seq));
    seq.thread_tid = tids + 2;
    assert_null(stg_dataset_file(d, &seq));
    seq.thread_tid = tids;
    seq.n_threads = 0;
    assert_null(stg_dataset_file(d, &seq));
    for (uint32_t i = 1; i < 4; i++) { /* none, those that have no room, and a trace that is none */
        seq = (struct stg_seq){.n_threads = 1, .thread_tid = tids, .trace = i};
        assert_null(stg_dataset_file(d, &seq));
    }
    stg_dataset_free(d);
    free(names);
}

static void test_all_counts_come_back(void **state)
{
    (void)state;
    const struct stg_recipe recipe = request_recipe();
    struct stg_dataset *d = NULL;
    struct stg_dataset_writer *w = NULL;
    struct stg_vocab vocab;
    struct stg_dataset_trace trace = {.path = "x", .format = "scripted"};
    uint64_t each[sizeof trace.counts / sizeof(uint64_t)];
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        each[i] = 3 + i;
    }
    memcpy(&trace.counts, each, sizeof each);
    must(stg_vocab_init(&vocab));
    must(stg_dataset_writer_open(&w, path, &recipe));
    must(stg_dataset_writer_trace(w, &trace));
    must(stg_dataset_writer_commit(w, &vocab));
    stg_dataset_writer_free(w);
    stg_vocab_fini(&vocab);
    must(stg_dataset_open(&d, path, NULL));
    assert_memory_equal(&stg_dataset_trace(d, 0)->counts, &trace.counts, sizeof trace.counts);
    stg_dataset_free(d);
    /* … each under its own name. */
    struct stg_tensors *t = NULL;
    must(stg_tensors_open(&t, path, STG_DATASET_FORMAT, STG_DATASET_VERSION));
    json_t *traces = json_loads(stg_tensors_meta(t, "traces"), 0, NULL);
    const json_t *first = json_array_get(traces, 0);
    assert_int_equal(json_integer_value(json_object_get(first, "covered")), trace.counts.n_covered);
    assert_int_equal(json_integer_value(json_object_get(first, "stored")), trace.counts.n_stored);
    assert_int_equal(json_integer_value(json_object_get(first, "truncated_memory")), trace.counts.n_relieved);
    json_decref(traces);
    stg_tensors_free(t);
}

static void test_slices(void **state)
{
    (void)state;
    const struct stg_recipe recipe = request_recipe();
    struct stg_dataset *d = NULL;
    struct stg_corpus all, part;
    struct stg_seq s;
    write_two(path, &recipe);
    must(stg_dataset_open(&d, path, NULL));
    stg_dataset_corpus(d, &all);
    assert_int_equal(all.n, 4);
    struct stg_slice slice = {.corpus = &all, .first = 1, .n = 2};
    stg_slice_corpus(&slice, &part);
    assert_int_equal(part.n, 2);
    stg_corpus_get(&part, 1, &s);
    assert_int_equal(s.id, 2);
    stg_dataset_free(d);
}

static void test_without_context_and_empty(void **state)
{
    (void)state;
    struct stg_recipe recipe = request_recipe();
    struct stg_dataset *d = NULL;
    struct stg_dataset_writer *w = NULL;
    struct stg_vocab vocab;
    struct stg_seq s;
    recipe.n_context = 0;
    write_two(path, &recipe);
    must(stg_dataset_open(&d, path, NULL));
    stg_dataset_get(d, 0, &s);
    assert_null(s.context_offset);
    stg_dataset_free(d);

    must(stg_vocab_init(&vocab));
    must(stg_dataset_writer_open(&w, path, &recipe));
    must(stg_dataset_writer_commit(w, &vocab));
    stg_dataset_writer_free(w);
    stg_vocab_fini(&vocab);
    must(stg_dataset_open(&d, path, NULL));
    assert_int_equal(stg_dataset_count(d), 0);
    assert_int_equal(stg_dataset_traces(d), 0);
    stg_dataset_free(d);
}

static void test_abandoned_writer_leaves_nothing(void **state)
{
    (void)state;
    const struct stg_recipe recipe = request_recipe();
    struct stg_dataset_writer *w = NULL;
    unlink(path);
    must(stg_dataset_writer_open(&w, path, &recipe));
    stg_dataset_writer_free(w);
    assert_int_equal(access(path, F_OK), -1);
}

static void expect_cut(const char *format, enum stg_cut expected)
{
    struct stg_recipe recipe;
    struct stg_source *opened = NULL;
    stg_recipe_default(&recipe);
    must(stg_prepare_resolve(&recipe, scripted_open, "x", format, &opened));
    assert_int_equal(recipe.cut, expected);
    assert_int_equal(opened != NULL, expected == STG_CUT_GIVEN); /* what tells without being read */
    stg_source_close(opened);
    assert_int_equal(recipe.n_context, expected == STG_CUT_REQUEST ? 16 : 0);
}

static void test_auto_cut(void **state)
{
    (void)state;
    expect_cut("requests", STG_CUT_REQUEST);
    expect_cut("given", STG_CUT_GIVEN);
    expect_cut("plain", STG_CUT_THREAD);
    expect_cut("own", STG_CUT_REQUEST);
    expect_cut("unmarked", STG_CUT_THREAD);
}

static void test_a_trace_is_cut_by_its_own_markers(void **state)
{
    (void)state;
    struct stg_source *opened = NULL;
    for (int i = 0; i < 2; i++) {
        struct stg_recipe recipe;
        stg_recipe_default(&recipe);
        recipe.cut = i == 0 ? STG_CUT_AUTO : STG_CUT_REQUEST;
        must(stg_prepare_resolve(&recipe, scripted_open, "x", "own", &opened));
        assert_int_equal(recipe.cut, STG_CUT_REQUEST);
        assert_string_equal(recipe.begin, "web:begin");
        assert_string_equal(recipe.end, "web:end");
        assert_int_equal(recipe.n_skip_state, 0); /* its first field is no state of httpd's connections */
        assert_null(opened);
    }
}

static void test_chosen_markers_stay(void **state)
{
    (void)state;
    struct stg_recipe recipe;
    struct stg_source *opened = NULL;
    char longest[129];
    stg_recipe_default(&recipe);
    recipe.cut = STG_CUT_REQUEST;
    assert_true(stg_recipe_set_markers(&recipe, recipe.begin, "x"));
    assert_int_equal(recipe.n_skip_state, 2);
    assert_true(stg_recipe_set_markers(&recipe, "a", "b"));
    assert_int_equal(recipe.n_skip_state, 0);
    memset(longest, 'a', 128);
    longest[128] = '\0';
    assert_false(stg_recipe_set_markers(&recipe, longest, "b"));
    must(stg_prepare_resolve(&recipe, scripted_open, "x", "own", &opened));
    assert_string_equal(recipe.begin, "a");
    assert_string_equal(recipe.end, "b");
}

static void test_recipe_words(void **state)
{
    (void)state;
    enum stg_cut cut;
    enum stg_scope scope;
    enum stg_order order;
    uint64_t window = 0;
    must(stg_cut_parse("window:100", &cut, &window));
    assert_int_equal(cut, STG_CUT_WINDOW);
    assert_int_equal(window, 100);
    must(stg_cut_parse("accept", &cut, &window));
    assert_string_equal(stg_cut_name(cut), "accept");
    must(stg_scope_parse("process", &scope));
    assert_string_equal(stg_scope_name(scope), "process");
    must(stg_order_parse("time", &order));
    assert_string_equal(stg_order_name(order), "time");
    static const char *const bad[] = {
        "", "window", "window:", "window:0", "window:-1", "window:9x", "window:99999999999", "x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(stg_cut_parse(bad[i], &cut, &window), STG_ERR_USAGE);
    }
    assert_int_equal(stg_scope_parse("x", &scope), STG_ERR_USAGE);
    assert_int_equal(stg_order_parse("x", &order), STG_ERR_USAGE);
}

/* --- Damage --- */

/* Copies the data set to `other`, checksum in order, with one element of one column changed; of the column `without`
 * nothing. */
static void copy_changed(const char *column, size_t row, int64_t value, const char *without)
{
    struct stg_tensors *t = NULL;
    struct stg_tensors_writer *w = NULL;
    void *copy = NULL;
    static const char *const keys[] = {"recipe", "vocab.calls", "vocab.procs", "traces"};
    must(stg_tensors_open(&t, path, STG_DATASET_FORMAT, STG_DATASET_VERSION));
    must(stg_tensors_writer_open(&w, other, STG_DATASET_FORMAT, STG_DATASET_VERSION));
    for (size_t i = 0; i < 4; i++) {
        must(stg_tensors_writer_meta(w, keys[i], stg_tensors_meta(t, keys[i])));
    }
    for (size_t i = 0; i < stg_tensors_count(t); i++) {
        const struct stg_tensor *tensor = stg_tensors_at(t, i);
        const void *data = tensor->data;
        if (strcmp(tensor->name, without) == 0) {
            continue;
        }
        if (strcmp(tensor->name, column) == 0) {
            const size_t size = stg_dtype_size(tensor->dtype);
            must(stg_mem_dup(&copy, tensor->data, tensor->n * size));
            assert_true(row < tensor->n);
            memcpy((char *)copy + row * size, &value, size);
            data = copy;
        }
        must(stg_tensors_writer_put(w, tensor->name, tensor->dtype, tensor->n_dims, tensor->dims, data));
    }
    assert_non_null(copy);
    must(stg_tensors_writer_commit(w));
    stg_tensors_writer_free(w);
    stg_tensors_free(t);
    stg_mem_free(copy);
}

static enum stg_status open_changed(const char *column, size_t row, int64_t value, struct stg_pool *pool)
{
    struct stg_dataset *d = NULL;
    copy_changed(column, row, value, "");
    const enum stg_status status = stg_dataset_open(&d, other, pool);
    stg_dataset_free(d);
    return status;
}

/* Three sequences of threads 1 and 2; with `back`, thread 1 has a second row in the second. */
static void write_rows(bool with_back)
{
    static const uint16_t call[] = {STG_TOKEN_UNKNOWN}, row[] = {0}, proc[] = {1, 1, 1}, back[] = {0, 0, 2};
    static const uint8_t phase[] = {STG_PHASE_ENTRY};
    static const int64_t ret[] = {0}, time_ns[] = {0};
    static const int32_t tid[] = {1, 2, 1}, pid[] = {1, 1, 1};
    static const uint64_t no_context[] = {0, 0, 0, 0};
    const struct stg_recipe recipe = request_recipe();
    struct stg_dataset_writer *w = NULL;
    struct stg_vocab vocab;
    must(stg_vocab_init(&vocab));
    must(stg_dataset_writer_open(&w, path, &recipe));
    for (size_t i = 0; i < 3; i++) {
        struct stg_seq s = {.n = 1,
                            .call = call,
                            .phase = phase,
                            .ret = ret,
                            .time_ns = time_ns,
                            .thread = row,
                            .n_threads = i == 1 ? 3 : 2,
                            .thread_tid = tid,
                            .thread_pid = pid,
                            .thread_proc = proc,
                            .context_offset = no_context};
        s.thread_back = i == 1 && with_back ? back : NULL;
        must(stg_dataset_writer_put(w, &s));
    }
    must(stg_dataset_writer_trace(w, &(struct stg_dataset_trace){.path = "x", .format = "scripted"}));
    must(stg_dataset_writer_commit(w, &vocab));
    stg_dataset_writer_free(w);
    stg_vocab_fini(&vocab);
}

static void test_rows_of_threads_come_back(void **state)
{
    (void)state;
    struct stg_dataset *d = NULL;
    struct stg_seq s;
    write_rows(false);
    must(stg_dataset_open(&d, path, NULL));
    stg_dataset_get(d, 1, &s);
    assert_null(s.thread_back); /* files without such threads are as they always were */
    stg_dataset_free(d);
    write_rows(true);
    must(stg_dataset_open(&d, path, NULL));
    static const uint16_t expected[][3] = {{0, 0}, {0, 0, 2}, {0, 0}};
    for (size_t i = 0; i < 3; i++) {
        stg_dataset_get(d, i, &s);
        assert_memory_equal(s.thread_back, expected[i], s.n_threads * sizeof(uint16_t));
    }
    stg_dataset_free(d);
    assert_int_equal(open_changed("thread_back", 4, 0, NULL), STG_OK);
    assert_int_equal(open_changed("thread_back", 4, 1, NULL), STG_ERR_INPUT); /* of another thread */
    assert_int_equal(open_changed("thread_back", 4, 3, NULL), STG_ERR_INPUT); /* before the sequence's */
    assert_int_equal(open_changed("thread_back", 0, 1, NULL), STG_ERR_INPUT);
    assert_int_equal(open_changed("thread_tid", 2, 3, NULL), STG_ERR_INPUT);
}

static void test_every_index_is_checked(void **state)
{
    (void)state;
    const struct stg_recipe recipe = request_recipe();
    write_two(path, &recipe);
    assert_int_equal(open_changed("call", 0, 6, NULL), STG_OK);
    static const struct {
        const char *column;
        size_t row;
        int64_t value;
    } changes[] = {
        {"call", 1, 7},
        {"call", 11, 65535},
        {"phase", 2, 3},
        {"thread", 3, 2},
        {"time_ns", 0, -1},
        {"time_ns", 2, 1},
        {"time_ns", 11, 6},
        {"offsets", 0, 1},
        {"offsets", 1, 7},
        {"offsets", 4, 13},
        {"offsets", 2, -1},
        {"end_ns", 0, 9},
        {"begin_ns", 1, INT64_MIN},
        {"begin_ns", 1, INT64_MAX},
        {"trace", 3, 2},
        {"runnable", 0, 0x43800000}, /* 256 */
        {"runnable", 1, 0xbf800000}, /* −1 */
        {"runnable", 2, 0x7fc00000}, /* not a number */
        {"runnable", 3, 0x3f000000}, /* ½ */
        {"alone", 0, 0x3f800001},    /* above 1 */
        {"alone", 3, 0x7fc00000},
        {"stayed", 1, 0x3f800001},
        {"stayed", 2, 0xbf800000},
        {"stayed", 3, 0x7fc00000},
        {"workers", 0, 0x3f000000}, /* ½ */
        {"workers", 1, 0x7f800000}, /* infinite */
        {"workers", 2, 0x7fc00000},
        {"thread_offsets", 1, 5},
        {"thread_offsets", 4, 9},
        {"thread_offsets", 0, 1},
        {"thread_proc", 7, 6},
        {"context_offset", 1, 99},
        {"context_offset", 0, 1},
        {"context_call", 0, 7},
        {"context_phase", 1, 3},
        {"context_time_ns", 0, 1},
        {"context_time_ns", 1, INT64_MIN},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const enum stg_status status = open_changed(changes[i].column, changes[i].row, changes[i].value, NULL);
        if (status != STG_ERR_INPUT) {
            fail_msg("%s[%zu] = %lld is accepted", changes[i].column, changes[i].row, (long long)changes[i].value);
        }
        assert_non_null(strstr(stg_status_message(), other));
    }
}

/* Data sets of before did not say how busy the machine was, or meant another thing by it. */
static void test_older_files_are_read(void **state)
{
    (void)state;
    const struct stg_recipe recipe = request_recipe();
    struct stg_dataset *d = NULL;
    struct stg_seq s;
    write_two(path, &recipe);
    copy_changed("call", 0, 6, "workers"); /* then the three before it are not looked for */
    must(stg_dataset_open(&d, other, NULL));
    stg_dataset_get(d, 3, &s);
    assert_true(s.runnable == 0 && s.alone == 0 && s.stayed == 0 && s.workers == 0);
    assert_int_equal(s.tid, 11);
    stg_dataset_free(d);
}

/* So many events that threads share the checks: a fault is found wherever it is, in the first stretch, the last, or
 * between. */
static void test_threads_share_the_checks(void **state)
{
    (void)state;
    enum { N = 1000, N_SEQUENCES = 1400 };
    static uint16_t call[N], thread[N];
    static uint8_t phase[N];
    static int64_t ret[N], time_ns[N];
    struct stg_dataset_writer *w = NULL;
    struct stg_recipe recipe = request_recipe();
    struct stg_vocab vocab;
    struct stg_pool *pool = NULL;
    recipe.n_context = 0;
    const int32_t one = 1;
    const uint16_t proc = STG_TOKEN_UNKNOWN;
    const struct stg_seq s = {.n = N,
                              .call = call,
                              .phase = phase,
                              .ret = ret,
                              .time_ns = time_ns,
                              .thread = thread,
                              .n_threads = 1,
                              .thread_tid = &one,
                              .thread_pid = &one,
                              .thread_proc = &proc,
                              .end_ns = 1};
    for (size_t i = 0; i < N; i++) {
        call[i] = STG_TOKEN_UNKNOWN;
    }
    must(stg_vocab_init(&vocab));
    must(stg_dataset_writer_open(&w, path, &recipe));
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        must(stg_dataset_writer_put(w, &s));
    }
    must(stg_dataset_writer_trace(w, &(struct stg_dataset_trace){.path = "x", .format = "scripted"}));
    must(stg_dataset_writer_commit(w, &vocab));
    stg_dataset_writer_free(w);
    stg_vocab_fini(&vocab);
    must(stg_pool_new(&pool, 3));
    assert_int_equal(open_changed("phase", 0, STG_PHASE_EXIT, pool), STG_OK);
    static const size_t rows[] = {0, (1 << 19) - 1, 1 << 19, 524999, 525000, (1 << 20) + 1, N * N_SEQUENCES - 1};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(open_changed("phase", rows[i], STG_PHASE_EXIT + 1, pool), STG_ERR_INPUT);
    }
    stg_pool_free(pool);
}

static void write_bytes(const char *to, const void *data, size_t n)
{
    FILE *f = fopen(to, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Truncated at every byte and with every bit of every byte flipped in turn: refused, or the same to the last column. */
static void test_damaged_bytes_are_refused(void **state)
{
    (void)state;
    const struct stg_recipe recipe = request_recipe();
    struct stg_file_map map;
    struct stg_dataset *d = NULL;
    uint8_t *copy = NULL;
    write_two(path, &recipe);
    must(stg_file_map_open(&map, path));
    must(stg_mem_dup(&copy, map.data, map.size));
    for (size_t n = 0; n < map.size; n++) {
        write_bytes(other, copy, n);
        assert_int_not_equal(stg_dataset_open(&d, other, NULL), STG_OK);
        assert_null(d);
    }
    for (size_t i = 0; i < map.size; i++) {
        copy[i] ^= (uint8_t)(1 << (i % 8));
        write_bytes(other, copy, map.size);
        if (stg_dataset_open(&d, other, NULL) == STG_OK) {
            assert_int_equal(stg_dataset_count(d), 4);
        }
        stg_dataset_free(d);
        d = NULL;
        copy[i] ^= (uint8_t)(1 << (i % 8));
    }
    stg_mem_free(copy);
    stg_file_map_close(&map);
}

/* Everything from a trace to an open data set, each allocation failing in turn: an error, nothing leaked, nothing
 * half-written. */
static enum stg_status whole_way(const struct stg_recipe *recipe, struct stg_source *source)
{
    enum stg_status status;
    struct stg_dataset_writer *w = NULL;
    struct stg_dataset *d = NULL;
    struct stg_vocab vocab = {0};
    STG_TRY(stg_vocab_init(&vocab));
    STG_TRY(stg_dataset_writer_open(&w, other, recipe));
    STG_TRY(stg_prepare_source(w, recipe, &vocab, source, NULL, NULL));
    STG_TRY(stg_dataset_writer_commit(w, &vocab));
    STG_TRY(stg_dataset_open(&d, other, NULL));
out:
    stg_dataset_free(d);
    stg_dataset_writer_free(w);
    stg_vocab_fini(&vocab);
    return status;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    const struct stg_recipe recipe = request_recipe();
    enum stg_status status = STG_ERR_MEMORY;
    uint64_t at = 0;
    while (status != STG_OK) {
        struct stg_source *source = NULL;
        unlink(other);
        must(scripted_open(&source, "x", "requests"));
        stg_mem_fail_at(++at);
        status = whole_way(&recipe, source);
        stg_mem_fail_at(0);
        stg_source_close(source);
        assert_true(status == STG_OK || status == STG_ERR_MEMORY);
        assert_true(at < 10000);
    }
    assert_true(at > 50);
    assert_int_equal(access(other, F_OK), 0);
}

static void test_other_files_are_refused(void **state)
{
    (void)state;
    struct stg_dataset *d = NULL;
    struct stg_tensors_writer *w = NULL;
    assert_int_equal(stg_dataset_open(&d, "/nonexistent/x", NULL), STG_ERR_IO);
    must(stg_tensors_writer_open(&w, other, "model", 1));
    must(stg_tensors_writer_commit(w));
    stg_tensors_writer_free(w);
    assert_int_equal(stg_dataset_open(&d, other, NULL), STG_ERR_INPUT);
    must(stg_tensors_writer_open(&w, other, STG_DATASET_FORMAT, STG_DATASET_VERSION + 1));
    must(stg_tensors_writer_commit(w));
    stg_tensors_writer_free(w);
    assert_int_equal(stg_dataset_open(&d, other, NULL), STG_ERR_INPUT);
    assert_null(d);
}

static int set_up(void **state)
{
    (void)state;
    scratch_path(path, sizeof path, "dataset");
    scratch_path(other, sizeof other, "dataset-b");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_comes_back),
        cmocka_unit_test(test_files_come_back),
        cmocka_unit_test(test_all_counts_come_back),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_without_context_and_empty),
        cmocka_unit_test(test_abandoned_writer_leaves_nothing),
        cmocka_unit_test(test_auto_cut),
        cmocka_unit_test(test_a_trace_is_cut_by_its_own_markers),
        cmocka_unit_test(test_chosen_markers_stay),
        cmocka_unit_test(test_recipe_words),
        cmocka_unit_test(test_rows_of_threads_come_back),
        cmocka_unit_test(test_every_index_is_checked),
        cmocka_unit_test(test_older_files_are_read),
        cmocka_unit_test(test_threads_share_the_checks),
        cmocka_unit_test(test_damaged_bytes_are_refused),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_other_files_are_refused),
    };
    return cmocka_run_group_tests_name("dataset", tests, set_up, tear_down);
}
