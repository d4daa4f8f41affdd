/* Corpora: which sequences of which part are meant, and that what is released leaves the memory but not the corpus. */
#include "base/memory.h"
#include "cli/train_data.h"
#include "dataset/dataset.h"

#include "must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* --- What a corpus was asked for --- */

struct asked {
    size_t get;
    size_t first[8], end[8], n; /* releases */
};

static void asked_get(void *context, size_t i, struct stg_seq *out)
{
    *out = (struct stg_seq){.id = i};
    ((struct asked *)context)->get = i;
}

static void asked_release(void *context, size_t first, size_t end)
{
    struct asked *a = context;
    assert_true(a->n < 8 && first < end);
    a->first[a->n] = first;
    a->end[a->n++] = end;
}

static struct stg_corpus asking(struct asked *a, size_t n)
{
    return (struct stg_corpus){.n = n, .context = a, .get = asked_get, .release = asked_release};
}

static void test_a_slice_releases_its_own(void **state)
{
    (void)state;
    struct asked a = {0};
    struct stg_corpus all = asking(&a, 10), part;
    struct stg_slice slice = {.corpus = &all, .first = 3, .n = 4};
    stg_slice_corpus(&slice, &part);
    stg_corpus_release(&part, 1, 4);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.first[0], 4);
    assert_int_equal(a.end[0], 7);
}

/* Parts of 3, 0 and 5 sequences. */
static void test_several_data_sets_release_their_own(void **state)
{
    (void)state;
    struct asked a[3] = {0};
    struct stg_corpus parts[3] = {asking(&a[0], 3), asking(&a[1], 0), asking(&a[2], 5)}, all;
    size_t offset[4] = {0, 3, 3, 8};
    struct stg_corpora c = {.parts = parts, .offset = offset, .n = 3};
    struct stg_seq seq;
    stg_corpora_corpus(&c, &all);
    stg_corpus_get(&all, 3, &seq);
    assert_int_equal(seq.id, 0);
    assert_int_equal(a[2].get, 0);
    stg_corpus_release(&all, 2, 6);
    stg_corpus_release(&all, 6, 8);
    assert_int_equal(a[0].n, 1);
    assert_int_equal(a[0].first[0], 2);
    assert_int_equal(a[0].end[0], 3);
    assert_int_equal(a[1].n, 0);
    assert_int_equal(a[2].n, 2);
    assert_int_equal(a[2].first[0], 0);
    assert_int_equal(a[2].end[0], 3);
    assert_int_equal(a[2].first[1], 3);
    assert_int_equal(a[2].end[1], 5);
}

/* --- What is held out --- */

/* Sequences without times, `together` of each thread. */
struct list {
    size_t together, n_released;
    int32_t tid[64];
    uint32_t flags;
};

static void list_get(void *context, size_t i, struct stg_seq *out)
{
    struct list *l = context;
    l->tid[i] = (int32_t)(1 + i / l->together);
    *out = (struct stg_seq){.id = i, .n_threads = 1, .thread_tid = &l->tid[i], .flags = l->flags};
}

static void list_release(void *context, size_t first, size_t end)
{
    ((struct list *)context)->n_released += end - first;
}

struct held_out {
    struct list list;
    struct stg_dataset *set;
    struct stg_slice slice;
    struct stg_corpus whole, part;
    uint32_t *index;
    double spread;
    size_t offset[2];
    struct stg_corpora from, held;
};

/* from (borrowed arrays of one data set) of n sequences, and what is held out of it. */
static void hold_out(struct held_out *h, size_t n, size_t together, uint32_t flags, double part)
{
    memset(h, 0, sizeof *h);
    h->list = (struct list){.together = together, .flags = flags};
    h->whole = (struct stg_corpus){.n = n, .context = &h->list, .get = list_get, .release = list_release};
    h->slice = (struct stg_slice){.corpus = &h->whole, .n = n};
    h->offset[1] = n;
    h->from = (struct stg_corpora){.sets = &h->set,
                                   .slices = &h->slice,
                                   .index = &h->index,
                                   .spread = &h->spread,
                                   .whole = &h->whole,
                                   .parts = &h->part,
                                   .offset = h->offset,
                                   .n = 1,
                                   .borrowed = true};
    must(stg_corpora_hold_out(&h->held, &h->from, part));
}

static void hold_out_fini(struct held_out *h)
{
    stg_mem_free(h->index);
    stg_corpora_fini(&h->held);
}

/* Every sequence is in one of both, in its order; the ids of what is held out. */
static void check_parts(struct held_out *h, size_t *ids)
{
    struct stg_corpus rest, held;
    size_t i_rest = 0, i_held = 0;
    stg_corpora_corpus(&h->from, &rest);
    stg_corpora_corpus(&h->held, &held);
    assert_int_equal(rest.n + held.n, h->whole.n);
    for (size_t i = 0; i < h->whole.n; i++) {
        struct stg_seq seq = {.id = SIZE_MAX};
        if (i_held < held.n) {
            stg_corpus_get(&held, i_held, &seq);
        }
        if (seq.id == i) {
            ids[i_held++] = i;
        } else {
            stg_corpus_get(&rest, i_rest++, &seq);
            assert_int_equal(seq.id, i);
        }
    }
}

static void test_of_lists_an_even_part_is_held_out(void **state)
{
    (void)state;
    struct held_out h;
    size_t ids[40] = {0};
    hold_out(&h, 40, 1, STG_SEQ_NO_TIME, 0.1);
    check_parts(&h, ids);
    assert_int_equal(stg_corpora_count(&h.held), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(ids[i], 4 + 10 * i);
    }
    struct stg_corpus rest;
    stg_corpora_corpus(&h.from, &rest);
    stg_corpus_release(&rest, 3, 5); /* 3 and 5, and 4 between them */
    assert_int_equal(h.list.n_released, 3);
    hold_out_fini(&h);
    hold_out(&h, 40, 1, STG_SEQ_NO_TIME, 0.9);
    check_parts(&h, ids);
    assert_int_equal(stg_corpora_count(&h.held), 36);
    hold_out_fini(&h);
}

static void test_windows_of_a_file_stay_together(void **state)
{
    (void)state;
    struct held_out h;
    size_t ids[40] = {0};
    hold_out(&h, 40, 4, STG_SEQ_NO_TIME, 0.2);
    check_parts(&h, ids);
    assert_int_equal(stg_corpora_count(&h.held), 8);
    for (size_t i = 0; i < 8; i += 4) {
        assert_int_equal(ids[i] % 4, 0);
        assert_int_equal(ids[i + 3], ids[i] + 3);
    }
    hold_out_fini(&h);
}

static void test_the_last_part_is_held_out_otherwise(void **state)
{
    static const struct {
        size_t together;
        uint32_t flags;
    } cases[] = {{1, 0}, {40, STG_SEQ_NO_TIME}, {20, STG_SEQ_NO_TIME}};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct held_out h;
        size_t ids[40] = {0};
        hold_out(&h, 40, cases[k].together, cases[k].flags, 0.1);
        check_parts(&h, ids);
        assert_int_equal(stg_corpora_count(&h.held), 4);
        assert_int_equal(ids[0], 36);
        hold_out_fini(&h);
    }
}

/* --- A data set --- */

enum { N_SEQUENCES = 16, N_EVENTS = 32768 };

static void write_events(const char *path)
{
    static uint16_t call[N_EVENTS], thread[N_EVENTS];
    static uint8_t phase[N_EVENTS];
    static int64_t ret[N_EVENTS], time_ns[N_EVENTS];
    struct stg_recipe recipe;
    struct stg_dataset_writer *w = NULL;
    struct stg_vocab vocab;
    struct stg_dataset_trace trace = {.path = "x", .format = "scripted"};
    trace.counts.n_sequences = N_SEQUENCES;
    trace.counts.n_events = (uint64_t)N_SEQUENCES * N_EVENTS;
    stg_recipe_default(&recipe);
    recipe.n_context = 0;
    must(stg_vocab_init(&vocab));
    must(stg_dataset_writer_open(&w, path, &recipe));
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        const int32_t tid = 7, pid = 7;
        const uint16_t proc = STG_TOKEN_UNKNOWN;
        for (size_t k = 0; k < N_EVENTS; k++) {
            call[k] = STG_TOKEN_UNKNOWN;
            phase[k] = k % 2 == 0 ? STG_PHASE_ENTRY : STG_PHASE_EXIT;
            ret[k] = (int64_t)(i * N_EVENTS + k);
            time_ns[k] = (int64_t)k;
        }
        const struct stg_seq seq = {.n = N_EVENTS,
                                    .call = call,
                                    .phase = phase,
                                    .ret = ret,
                                    .time_ns = time_ns,
                                    .thread = thread,
                                    .n_threads = 1,
                                    .thread_tid = &tid,
                                    .thread_pid = &pid,
                                    .thread_proc = &proc,
                                    .end_ns = N_EVENTS,
                                    .tid = tid,
                                    .pid = pid};
        must(stg_dataset_writer_put(w, &seq));
    }
    must(stg_dataset_writer_trace(w, &trace));
    must(stg_dataset_writer_commit(w, &vocab));
    stg_dataset_writer_free(w);
    stg_vocab_fini(&vocab);
}

static size_t sum_of(const struct stg_corpus *c)
{
    size_t sum = 0;
    for (size_t i = 0; i < c->n; i++) {
        struct stg_seq seq;
        stg_corpus_get(c, i, &seq);
        for (size_t k = 0; k < seq.n; k++) {
            sum += (size_t)seq.ret[k] + (size_t)seq.time_ns[k] + seq.call[k] + seq.phase[k] + seq.thread[k];
        }
    }
    return sum;
}

/* Bytes of mapped files that are in this process's memory. */
static size_t of_files(void)
{
    size_t size, resident, shared = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%zu %zu %zu", &size, &resident, &shared), 3);
    fclose(f);
    return shared * (size_t)sysconf(_SC_PAGESIZE);
}

static void test_what_is_released_leaves_the_memory(void **state)
{
    (void)state;
    const size_t bytes = (size_t)N_SEQUENCES * N_EVENTS * (2 + 1 + 8 + 8 + 2);
    char path[64];
    snprintf(path, sizeof path, "/tmp/test_corpus.%d.data", (int)getpid());
    write_events(path);
    struct stg_dataset *d = NULL;
    struct stg_corpus all;
    must(stg_dataset_open(&d, path, NULL));
    stg_dataset_corpus(d, &all);
    const size_t sum = sum_of(&all), before = of_files();
    for (size_t i = 0; i < all.n; i += 4) {
        stg_corpus_release(&all, i, i + 4);
    }
    assert_true(before > bytes);
    assert_true(of_files() < before - bytes / 10 * 9);
    assert_int_equal(sum_of(&all), sum);
    stg_dataset_free(d);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_slice_releases_its_own),
        cmocka_unit_test(test_several_data_sets_release_their_own),
        cmocka_unit_test(test_of_lists_an_even_part_is_held_out),
        cmocka_unit_test(test_windows_of_a_file_stay_together),
        cmocka_unit_test(test_the_last_part_is_held_out_otherwise),
        cmocka_unit_test(test_what_is_released_leaves_the_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
