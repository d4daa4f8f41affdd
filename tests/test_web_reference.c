/* The web-server runs of the reference data: what `prepare` makes of their CTF must be the requests of their text form.
 *
 * Reads $STRANGE_DATA/web-a/{ctf,text}; skipped when STRANGE_DATA is unset. CTF does not order events of the same
 * nanosecond on different processors, so a request may differ from the text form where times are equal, and nowhere
 * else. */
#include "base/memory.h"
#include "base/strings.h"
#include "dataset/prepare.h"
#include "import/import.h"
#include "must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    size_t n_requests;
} runs[] = {
    {"known-train", 12000},     {"socket-valid", 1500},    {"cpu-test", 1500},  {"known-valid", 2000},
    {"known-test", 2000},       {"opcache-test", 1500},    {"cpu-valid", 1500}, {"io-valid", 1500},
    {"connection-valid", 1500}, {"connection-test", 1500}, {"ssl-valid", 1500}, {"socket-test", 1500},
    {"ssl-test", 1500},         {"opcache-valid", 1500},   {"io-test", 1500},
};

static const char *data_root;
static char work[] = "/tmp/strange-web-XXXXXX";

static void shell(const char *command)
{
    if (system(command) != 0) {
        fail_msg("failed: %s", command);
    }
}

/* The vocabulary that the text form was written with. */
static void read_names(struct stg_strings *names, const char *file)
{
    char path[4096], line[4096];
    snprintf(path, sizeof path, "%s/web-a/text/%s", data_root, file);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    while (fgets(line, sizeof line, in) != NULL) {
        char *name = strchr(line, '\t');
        uint32_t id;
        assert_non_null(name);
        name++;
        must(stg_strings_put(names, name, strcspn(name, "\r\n"), &id));
        assert_int_equal(id, strtoul(line, NULL, 10));
    }
    fclose(in);
}

static void read_vocab(struct stg_vocab *v)
{
    must(stg_vocab_init(v));
    read_names(v->calls, "dict_sys.txt");
    read_names(v->procs, "dict_proc.txt");
    v->frozen = true;
}

static void prepare(const char *path, const char *format, const struct stg_recipe *recipe, struct stg_vocab *vocab,
                    const char *out, struct stg_cut_counts *counts)
{
    struct stg_source *source = NULL;
    struct stg_dataset_writer *writer = NULL;
    must(stg_import_open(&source, path, format));
    must(stg_dataset_writer_open(&writer, out, recipe));
    must(stg_prepare_source(writer, recipe, vocab, source, NULL, counts));
    must(stg_dataset_writer_commit(writer, vocab));
    stg_dataset_writer_free(writer);
    stg_source_close(source);
}

/* One event as the two forms share it. */
struct shared_event {
    int64_t time_ns;
    int32_t pid, tid;
    uint16_t call;
    uint8_t phase, ret;
};

static struct shared_event event_of(const struct stg_seq *s, size_t k)
{
    return (struct shared_event){.time_ns = s->time_ns[k],
                                 .pid = s->thread_pid[s->thread[k]],
                                 .tid = s->thread_tid[s->thread[k]],
                                 .call = s->call[k],
                                 .phase = s->phase[k],
                                 .ret = stg_ret_class(s->phase[k], s->ret[k])};
}

/* By time, then anyhow. */
static int compare_events(const void *a, const void *b)
{
    const struct shared_event *x = a, *y = b;
    const int64_t of_x[] = {x->time_ns, x->pid, x->tid, x->call, x->phase, x->ret};
    const int64_t of_y[] = {y->time_ns, y->pid, y->tid, y->call, y->phase, y->ret};
    for (size_t i = 0; i < sizeof of_x / sizeof of_x[0]; i++) {
        if (of_x[i] != of_y[i]) {
            return of_x[i] < of_y[i] ? -1 : 1;
        }
    }
    return 0;
}

static bool is_equal(const struct stg_seq *a, const struct stg_seq *b)
{
    if (a->n != b->n || a->end_ns - a->begin_ns != b->end_ns - b->begin_ns) {
        return false;
    }
    for (size_t k = 0; k < a->n; k++) {
        const struct shared_event x = event_of(a, k), y = event_of(b, k);
        if (compare_events(&x, &y) != 0) {
            return false;
        }
    }
    return true;
}

/* The events strictly inside the request, sorted by time and then anyhow: equal when only the order of ties differs. */
static size_t inner_events(const struct stg_seq *s, struct shared_event *out)
{
    size_t n = 0;
    for (size_t k = 0; k < s->n; k++) {
        if (s->time_ns[k] > 0 && s->time_ns[k] < s->end_ns - s->begin_ns) {
            out[n++] = event_of(s, k);
        }
    }
    qsort(out, n, sizeof *out, compare_events);
    return n;
}

static bool differs_in_ties_only(const struct stg_seq *a, const struct stg_seq *b)
{
    struct shared_event *x = NULL, *y = NULL;
    must(stg_mem_zeroed(&x, a->n + 1, sizeof *x));
    must(stg_mem_zeroed(&y, b->n + 1, sizeof *y));
    const size_t n = inner_events(a, x);
    bool same = a->end_ns - a->begin_ns == b->end_ns - b->begin_ns && n == inner_events(b, y);
    for (size_t k = 0; k < n && same; k++) {
        same = compare_events(&x[k], &y[k]) == 0;
    }
    stg_mem_free(x);
    stg_mem_free(y);
    return same;
}

static bool same_processes(const struct stg_seq *a, const struct stg_seq *b)
{
    for (size_t k = 0; k < a->n && k < b->n; k++) {
        if (a->thread_proc[a->thread[k]] != b->thread_proc[b->thread[k]]) {
            return false;
        }
    }
    return true;
}

static void compare(const char *run, size_t n_requests, const struct stg_dataset *ctf, const struct stg_dataset *text)
{
    size_t n_equal = 0, n_ties = 0, n_other = 0, n_proc = 0;
    assert_int_equal(stg_dataset_count(text), n_requests);
    assert_int_equal(stg_dataset_count(ctf), n_requests);
    for (size_t i = 0; i < n_requests; i++) {
        struct stg_seq a, b;
        stg_dataset_get(ctf, i, &a);
        stg_dataset_get(text, i, &b);
        if (is_equal(&a, &b)) {
            n_equal++;
            n_proc += !same_processes(&a, &b);
        } else if (differs_in_ties_only(&a, &b)) {
            n_ties++;
        } else {
            n_other++;
        }
    }
    print_message(
        "%-17s %6zu requests, %9llu events: %zu equal, %zu differ in ties, %zu otherwise; %zu in process names\n", run,
        n_requests, (unsigned long long)stg_dataset_events(ctf), n_equal, n_ties, n_other, n_proc);
    assert_int_equal(n_other, 0);
    assert_int_equal(n_proc, 0);
}

static void prepare_run(const char *run, struct stg_vocab *vocab, char *ctf, char *text, size_t cap)
{
    char command[16384], path[4096];
    struct stg_recipe recipe;
    struct stg_cut_counts counts;
    stg_recipe_paper(&recipe);
    recipe.cut = STG_CUT_REQUEST;
    recipe.skip_first_ns = 1000000000;
    snprintf(ctf, cap, "%s/%s-ctf.strange", work, run);
    snprintf(text, cap, "%s/%s-text.strange", work, run);
    snprintf(command, sizeof command, "zstd -qdc '%s/web-a/ctf/%s.tar.zst' | tar -xf - -C '%s'", data_root, run, work);
    shell(command);
    snprintf(path, sizeof path, "%s/%s", work, run);
    prepare(path, "ctf", &recipe, vocab, ctf, &counts);
    assert_int_equal(counts.n_backward, 0);
    assert_int_equal(counts.n_lost, 0);
    snprintf(command, sizeof command, "rm -rf '%s/%s' && zstd -qdc '%s/web-a/text/%s.txt.zst' >'%s/data.txt'", work,
             run, data_root, run, work);
    shell(command);
    snprintf(command, sizeof command, "cp '%s'/web-a/text/dict_*.txt '%s'", data_root, work);
    shell(command);
    recipe.cut = STG_CUT_GIVEN;
    recipe.skip_first_ns = 0;
    snprintf(path, sizeof path, "%s/data.txt", work);
    prepare(path, "paper", &recipe, vocab, text, &counts);
}

static void test_requests_equal_text_form(void **state)
{
    (void)state;
    const char *only = getenv("STRANGE_WEB_RUN");
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        char ctf_path[4096], text_path[4096];
        struct stg_vocab vocab;
        struct stg_dataset *ctf = NULL, *text = NULL;
        if (only != NULL && strcmp(only, runs[i].name) != 0) {
            continue;
        }
        read_vocab(&vocab);
        prepare_run(runs[i].name, &vocab, ctf_path, text_path, sizeof ctf_path);
        must(stg_dataset_open(&ctf, ctf_path, NULL));
        must(stg_dataset_open(&text, text_path, NULL));
        compare(runs[i].name, runs[i].n_requests, ctf, text);
        stg_dataset_free(ctf);
        stg_dataset_free(text);
        unlink(ctf_path);
        unlink(text_path);
        stg_vocab_fini(&vocab);
    }
}

static void assert_names(const struct stg_strings *a, const struct stg_strings *b)
{
    assert_int_equal(stg_strings_count(a), stg_strings_count(b));
    for (uint32_t i = 0; i < stg_strings_count(a); i++) {
        assert_string_equal(stg_strings_get(a, i), stg_strings_get(b, i));
    }
}

/* A vocabulary that grows while known-train is cut is the published one: the same names in the same order. */
static void test_vocabulary_of_known_train(void **state)
{
    (void)state;
    char ctf_path[4096], text_path[4096];
    struct stg_vocab vocab, published;
    if (getenv("STRANGE_WEB_RUN") != NULL) {
        skip();
    }
    read_vocab(&published);
    must(stg_vocab_init(&vocab));
    prepare_run("known-train", &vocab, ctf_path, text_path, sizeof ctf_path);
    assert_names(vocab.calls, published.calls);
    assert_names(vocab.procs, published.procs);
    unlink(ctf_path);
    unlink(text_path);
    stg_vocab_fini(&vocab);
    stg_vocab_fini(&published);
}

static int set_up(void **state)
{
    (void)state;
    data_root = getenv("STRANGE_DATA");
    return data_root != NULL && mkdtemp(work) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[4096];
    snprintf(command, sizeof command, "rm -rf '%s'", work);
    return data_root != NULL ? system(command) : 0;
}

static void test_skipped_without_data(void **state)
{
    (void)state;
    print_message("STRANGE_DATA is unset: the reference data is not compared\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_equal_text_form),
        cmocka_unit_test(test_vocabulary_of_known_train),
    };
    const struct CMUnitTest skipped[] = {cmocka_unit_test(test_skipped_without_data)};
    if (getenv("STRANGE_DATA") == NULL) {
        return cmocka_run_group_tests_name("web reference", skipped, NULL, NULL);
    }
    return cmocka_run_group_tests_name("web reference", tests, set_up, tear_down);
}
