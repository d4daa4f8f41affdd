/* Model files: what is cut, flipped or lies behind a right checksum is refused, or makes a model that still ends every
 * search. */
#include "effort.h"
#include "scratch.h"

#include "base/rng.h"
#include "model/ensemble.h"
#include "must.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include <cmocka.h>

enum { SEQUENCES = 4, LENGTH = 12, CALLS = 3, MAX_BYTES = 1 << 16, N_SCORES = SEQUENCES * (LENGTH + 1) };

static char path[64], damaged[64];
static uint8_t bytes[MAX_BYTES], work[MAX_BYTES];
static size_t n_bytes, data_at;
static int damaged_fd; /* in memory: thousands of files, that no disk need see */

struct data {
    uint16_t call[SEQUENCES][LENGTH];
    uint8_t phase[LENGTH];
    int64_t ret[LENGTH], time_ns[LENGTH];
    uint16_t thread[LENGTH];
    int32_t id;
    uint16_t proc;
};
static struct data data;

static void get(void *context, size_t i, struct stg_seq *out)
{
    const struct data *d = context;
    *out = (struct stg_seq){.id = i,
                            .n = LENGTH,
                            .call = d->call[i],
                            .phase = d->phase,
                            .ret = d->ret,
                            .time_ns = d->time_ns,
                            .thread = d->thread,
                            .n_threads = 1,
                            .thread_tid = &d->id,
                            .thread_pid = &d->id,
                            .thread_proc = &d->proc,
                            .end_ns = LENGTH,
                            .tid = 1};
}

static struct stg_model *fitted_as(const char *kind, const char *smoothing, const char *preset)
{
    struct stg_corpus corpus = {.n = SEQUENCES, .context = &data, .get = get};
    struct stg_vocab vocab;
    struct stg_recipe recipe;
    struct stg_rng rng;
    struct stg_model_settings s;
    struct stg_model *m = NULL;
    stg_rng_seed(&rng, 5);
    must(stg_vocab_init(&vocab));
    for (int i = 0; i < CALLS; i++) {
        char name[16];
        uint16_t id;
        snprintf(name, sizeof name, "call%d", i);
        must(stg_vocab_call(&vocab, name, &id));
    }
    must(stg_vocab_proc(&vocab, "p", &data.proc));
    data.id = 1;
    for (size_t k = 0; k < LENGTH; k++) {
        data.phase[k] = STG_PHASE_ENTRY;
        data.ret[k] = STG_RET_ABSENT;
        data.time_ns[k] = (int64_t)k;
        for (size_t i = 0; i < SEQUENCES; i++) {
            data.call[i][k] = (uint16_t)(STG_TOKEN_SPECIALS + stg_rng_below(&rng, CALLS));
        }
    }
    stg_recipe_default(&recipe);
    recipe.order = STG_ORDER_TIME;
    stg_model_settings_default(&s);
    s.kind = kind;
    s.smoothing = smoothing;
    s.preset = preset;
    s.order = 2;
    s.layers = 1;
    s.hidden = 8;
    s.ff = 16;
    s.fields = STG_FIELD_CALL;
    must(stg_model_new(&m, &s, &recipe, &vocab));
    must(m->ops->fit(m, &corpus, NULL, NULL));
    stg_vocab_fini(&vocab);
    return m;
}

static struct stg_model *fitted(const char *kind, const char *smoothing)
{
    return fitted_as(kind, smoothing, NULL);
}

static void score(const struct stg_model *m, float *out)
{
    struct stg_model_run *run = NULL;
    struct stg_walker *walker = NULL;
    must(stg_walker_new(&walker, STG_WALK_ALL));
    must(m->ops->run_new(m, &run));
    for (size_t i = 0; i < SEQUENCES; i++, out += LENGTH + 1) {
        struct stg_seq seq;
        struct stg_walk walk;
        size_t n_walks;
        get(&data, i, &seq);
        must(stg_walker_begin(walker, &seq, STG_ORDER_TIME, 0, &n_walks));
        stg_walker_get(walker, 0, &walk);
        must(m->ops->score(m, run, &walk, 1, &out));
    }
    m->ops->run_free(run);
    stg_walker_free(walker);
}

/* Saves a model with a calibration and what is usual, frees it, and reads its bytes. */
static void save_model(struct stg_model *m, float *scores)
{
    uint64_t header = 0;
    m->calibration = calloc(2 * STG_MODEL_AGGREGATES, sizeof *m->calibration);
    assert_non_null(m->calibration);
    m->n_calibration = 2;
    for (size_t i = 0; i < STG_MODEL_AGGREGATES; i++) {
        m->calibration[STG_MODEL_AGGREGATES + i] = 1.0f;
    }
    m->stream = calloc(3 * STG_MODEL_STREAM_COLUMNS, sizeof *m->stream);
    assert_non_null(m->stream);
    m->n_stream = 3;
    m->stream[2 * STG_MODEL_STREAM_COLUMNS] = 1.0f; /* the last is of the second run */
    m->usual_key = calloc(2, sizeof *m->usual_key);
    m->usual = calloc(2 * STG_MODEL_USUAL_COLUMNS, sizeof *m->usual);
    assert_true(m->usual_key != NULL && m->usual != NULL);
    m->n_usual = 2;
    m->usual_key[1] = 7;
    m->usual[STG_MODEL_USUAL_COLUMNS] = 3;
    must(stg_model_save(m, path));
    score(m, scores);
    stg_model_free(m);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    n_bytes = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    assert_in_range(n_bytes, 64, sizeof bytes - 1);
    memcpy(&header, bytes, sizeof header);
    data_at = 8 + (size_t)header;
    /* What lies behind the header's checksum is what is tested here: the file is one without. */
    uint8_t *key = memmem(bytes, data_at, "\"strange.header\":", 17);
    assert_non_null(key);
    key[1] = 'S';
}

static void save(const char *kind, const char *smoothing, float *scores)
{
    save_model(fitted(kind, smoothing), scores);
}

/* The checksum in `work` becomes that of its n bytes. */
static void repair(size_t n)
{
    static const char key[] = "\"strange.checksum\":\"";
    char text[17];
    uint8_t *at = memmem(work, data_at, key, sizeof key - 1);
    assert_non_null(at);
    snprintf(text, sizeof text, "%016" PRIx64, (uint64_t)XXH3_64bits(work + data_at, n - data_at));
    memcpy(at + sizeof key - 1, text, 16);
}

/* Opens the first n bytes of `work`; a model that opens is used, *scores (optional) receives what it says. */
static enum stg_status open_work(size_t n, float *scores)
{
    struct stg_model *m = NULL;
    float some[N_SCORES];
    assert_int_equal(ftruncate(damaged_fd, 0), 0);
    assert_int_equal(pwrite(damaged_fd, work, n, 0), n);
    const enum stg_status status = stg_model_open(&m, damaged);
    if (status == STG_OK) {
        score(m, scores != NULL ? scores : some);
        stg_model_free(m);
    } else {
        assert_null(m);
        assert_non_null(strstr(stg_status_message(), damaged)); /* one line that names the file */
        assert_null(strchr(stg_status_message(), '\n'));
    }
    return status;
}

static int setup(void **state)
{
    (void)state;
    scratch_path(path, sizeof path, "model");
    damaged_fd = memfd_create("model", 0);
    snprintf(damaged, sizeof damaged, "/proc/self/fd/%d", damaged_fd);
    return damaged_fd >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    close(damaged_fd);
    return 0;
}

static const struct {
    const char *kind, *smoothing;
} kinds[] = {{"ngram", "kneser-ney"}, {"ngram", "paper"}, {"stide", NULL}, {"lstm", NULL}, {"longformer", NULL}};

/* A weight that is no number makes all that is said of any data none: it is refused with the file that has it. */
static void test_weights_that_are_no_numbers(void **state)
{
    (void)state;
    for (size_t i = 3; i < sizeof kinds / sizeof kinds[0]; i++) {
        float scores[N_SCORES];
        save(kinds[i].kind, kinds[i].smoothing, scores);
        for (int infinite = 0; infinite < 2; infinite++) {
            const float bad = infinite ? HUGE_VALF : NAN;
            memcpy(work, bytes, n_bytes);
            memcpy(work + n_bytes - sizeof bad, &bad, sizeof bad); /* the tensor that comes last is one of the net's */
            repair(n_bytes);
            assert_int_equal(open_work(n_bytes, NULL), STG_ERR_INPUT);
            assert_non_null(strstr(stg_status_message(), "not a number"));
        }
    }
}

/* Data that extends the vocabulary: names that follow the model's are UNKNOWN to it. */
static void test_ids_beyond_the_vocabulary(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0] * 2; k++) {
        float unknown[N_SCORES], beyond[N_SCORES];
        struct stg_model *m = fitted_as(kinds[k / 2].kind, kinds[k / 2].smoothing, k % 2 == 1 ? "paper" : NULL);
        const uint16_t proc = data.proc, call = data.call[1][3];
        data.proc = data.call[1][3] = STG_TOKEN_UNKNOWN;
        score(m, unknown);
        data.proc = STG_TOKEN_SPECIALS + 1;
        data.call[1][3] = STG_TOKEN_SPECIALS + CALLS;
        score(m, beyond);
        assert_memory_equal(unknown, beyond, sizeof unknown);
        data.proc = data.call[1][3] = UINT16_MAX;
        score(m, beyond);
        assert_memory_equal(unknown, beyond, sizeof unknown);
        data.proc = proc;
        data.call[1][3] = call;
        stg_model_free(m);
    }
}

static void test_undamaged(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        float before[N_SCORES];
        float after[N_SCORES];
        save(kinds[k].kind, kinds[k].smoothing, before);
        memcpy(work, bytes, n_bytes);
        repair(n_bytes);
        assert_memory_equal(work, bytes, n_bytes); /* so the repair of these tests is the writer's own checksum */
        must(open_work(n_bytes, after));
        assert_memory_equal(before, after, sizeof before);
    }
}

/* Cut anywhere: refused. Of a net's many weights every 61st place. */
static void test_truncated(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        float scores[N_SCORES];
        save(kinds[k].kind, kinds[k].smoothing, scores);
        memcpy(work, bytes, n_bytes);
        for (size_t n = 0; n < n_bytes; n += effort_step(n < data_at ? 1 : k >= 3 ? 61 : 7)) {
            assert_int_equal(open_work(n, NULL), STG_ERR_INPUT);
        }
    }
}

/* A flipped bit of the data is refused; one of the header, whose checksum is set aside, is refused or leaves a model
 * that works. */
static void test_flipped(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        float scores[N_SCORES];
        save(kinds[k].kind, kinds[k].smoothing, scores);
        memcpy(work, bytes, n_bytes);
        for (size_t i = 0; i < n_bytes; i += effort_step(i < data_at ? 1 : k >= 3 ? 61 : 7)) {
            for (int bit = 0; bit < 8; bit += i < data_at ? 1 : 5) {
                work[i] ^= (uint8_t)(1 << bit);
                const enum stg_status status = open_work(n_bytes, NULL);
                assert_true(status == STG_ERR_INPUT || (status == STG_OK && i < data_at));
                work[i] = bytes[i];
            }
        }
    }
}

static void replace(const char *from, const char *to)
{
    assert_int_equal(strlen(from), strlen(to));
    memcpy(work, bytes, n_bytes);
    uint8_t *at = memmem(work, data_at, from, strlen(from));
    if (at == NULL) {
        fail_msg("no %s in the header", from);
    }
    memcpy(at, to, strlen(to));
}

static void test_header(void **state)
{
    (void)state;
    static const struct {
        size_t kind;
        const char *from, *to;
    } lies[] = {
        {0, "\"strange.format\":\"model\"", "\"strange.format\":\"other\""},
        {0, "\"strange.version\":\"9\"", "\"strange.version\":\"8\""},
        {0, "\"model.kind\":\"ngram\"", "\"model.kind\":\"n-gem\""},
        {0, "\"model.kind\":", "\"model.king\":"},
        {0, "\"ngram.order\":\"2\"", "\"ngram.order\":\"0\""},
        {0, "\"ngram.order\":\"2\"", "\"ngram.order\":\"1\""},
        {0, "\"ngram.order\":\"2\"", "\"ngram.order\":\"9\""},
        {0, "\"ngram.order\":", "\"ngram.odder\":"},
        {0, "\"ngram.smoothing\":\"kneser-ney\"", "\"ngram.smoothing\":\"witten-bel\""},
        {0, "\"symbols.fields\":\"1\"", "\"symbols.fields\":\"2\""},
        {0, "\"vocab.calls\":", "\"vocab.balls\":"},
        {0, "\"record\":", "\"rekord\":"},
        {0, "\"recipe\":", "\"recipy\":"},
        {0, "\"ngram.suffix\"", "\"ngram.suffox\""},
        {3, "\\\"hidden\\\":8", "\\\"hidden\\\":7"},
        {3, "\\\"layers\\\":1", "\\\"layers\\\":2"},
        {3, "\\\"layers\\\":1", "\\\"layers\\\":0"},
        {3, "\\\"input\\\":\\\"symbol\\\"", "\\\"input\\\":\\\"sybmol\\\""},
        {3, "\"lstm\":", "\"list\":"},
        {4, "\"model.kind\":\"longformer\"", "\"model.kind\":\"lingformer\""},
        {4, "\"longformer\":", "\"lingformer\":"},
        {4, "\\\"heads\\\":4", "\\\"heads\\\":3"},
        {4, "\\\"heads\\\":4", "\\\"heads\\\":0"},
        {4, "\\\"ff\\\":16", "\\\"ff\\\":17"},
        {4, "\\\"window\\\":[32]", "\\\"window\\\":[-2]"},
        {4, "\\\"window\\\":[32]", "\\\"window\\\":[  ]"},
        {4, "\\\"dilation\\\":[1]", "\\\"dilation\\\":[0]"},
        {4, "\\\"norm\\\":\\\"pre\\\"", "\\\"norm\\\":\\\"per\\\""},
        {4, "\\\"activation\\\":\\\"swiglu\\\"", "\\\"activation\\\":\\\"gluswi\\\""},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        float scores[N_SCORES];
        save(kinds[lies[i].kind].kind, kinds[lies[i].kind].smoothing, scores);
        replace(lies[i].from, lies[i].to);
        if (open_work(n_bytes, NULL) != STG_ERR_INPUT) {
            fail_msg("accepted: %s for %s", lies[i].to, lies[i].from);
        }
    }
}

/* `work` with a header that is longer or shorter; the number of its bytes. */
static size_t replace_any(const char *from, const char *to)
{
    uint8_t *at = memmem(bytes, data_at, from, strlen(from));
    if (at == NULL) {
        fail_msg("no %s in the header", from);
    }
    const size_t before = (size_t)(at - bytes);
    const uint8_t *after = at + strlen(from);
    const size_t rest = (size_t)(bytes + data_at - after);
    const size_t data_size = n_bytes - data_at;
    size_t n = before;
    memcpy(work, bytes, before);
    for (const char *c = to; *c != '\0'; c++) {
        work[n++] = (uint8_t)*c;
    }
    memcpy(work + n, after, rest);
    n += rest;
    for (; n % 64 != 0; n++) {
        work[n] = ' ';
    }
    const uint64_t header = n - 8;
    memcpy(work, &header, sizeof header);
    assert_true(n + data_size <= sizeof work);
    memcpy(work + n, bytes + data_at, data_size);
    return n + data_size;
}

/* Sizes that the file cannot hold are refused by themselves, before anything of that size is asked for. */
static void test_sizes_beyond_the_file(void **state)
{
    static const struct {
        size_t kind; /* 5: an ensemble */
        const char *from, *to, *part;
    } lies[] = {
        {3, "\\\"hidden\\\":8", "\\\"hidden\\\":4096", "configuration of the lstm"},
        {3, "\\\"hidden\\\":8", "\\\"hidden\\\":1048576", "configuration of the lstm"},
        {3, "\\\"hidden\\\":8", "\\\"hidden\\\":1048584", "configuration of the lstm"},
        {3, "\\\"hidden\\\":8", "\\\"hidden\\\":9223372036854775800", "configuration of the lstm"},
        {3, "\\\"layers\\\":1", "\\\"layers\\\":17", "configuration of the lstm"},
        {3, "\\\"layers\\\":1", "\\\"layers\\\":-1", "configuration of the lstm"},
        {3, "\\\"layers\\\":1", "\\\"precision\\\":\\\"f16\\\",\\\"layers\\\":1", "configuration of the lstm"},
        {4, "\\\"ff\\\":16", "\\\"ff\\\":65536", "configuration of the longformer"},
        {4, "\\\"ff\\\":16", "\\\"ff\\\":1048577", "configuration of the longformer"},
        {4, "\\\"ff\\\":16", "\\\"ff\\\":9223372036854775807", "configuration of the longformer"},
        {4, "\\\"hidden\\\":8", "\\\"hidden\\\":0", "configuration of the longformer"},
        {4, "\\\"hidden\\\":8", "\\\"hidden\\\":-8", "configuration of the longformer"},
        {4, "\\\"window\\\":[32]", "\\\"window\\\":[4294967296]", "configuration of the longformer"},
        {4, "\\\"window\\\":[32]", "\\\"window\\\":[32,32]", "configuration of the longformer"},
        {4, "\\\"global\\\":1", "\\\"global\\\":-1", "configuration of the longformer"},
        {4, "\\\"global\\\":1", "\\\"global\\\":17", "header"},
        {5, "\"ensemble.members\":\"2\"", "\"ensemble.members\":\"0\"", "configuration of the ensemble"},
        {5, "\"ensemble.members\":\"2\"", "\"ensemble.members\":\"65\"", "configuration of the ensemble"},
        {5, "\"ensemble.members\":\"2\"", "\"ensemble.members\":\"99999999999999999999\"",
         "configuration of the ensemble"},
        {5, "\"ensemble.members\":\"2\"", "\"ensemble.members\":\"-1\"", "configuration of the ensemble"},
        {5, "\"ensemble.members\":\"2\"", "\"ensemble.members\":\"3\"", "member.2."},
        {5, "\"ensemble.kind\":\"lstm\"", "\"ensemble.kind\":\"ensemble\"", "configuration of the net"},
        {5, "\"ensemble.kind\":\"lstm\"", "\"ensemble.kind\":\"longformer\"", "configuration of the longformer"},
        {5, "\"ensemble.kind\":\"lstm\"", "\"ensemble.king\":\"lstm\"", "configuration of the ensemble"},
        {0, "\"shape\":[2,12]", "\"shape\":[12,2]", "calibration: has another shape"},
        {0, "\"shape\":[2,12]", "\"shape\":[24]", "calibration: has another shape"},
        {0, "\"shape\":[2,12]", "\"shape\":[2,12,1]", "calibration: has another shape"},
        {0, "\"shape\":[2,12]", "\"shape\":[4611686018427387904,12]", "calibration"},
        {0, "\"shape\":[3,14]", "\"shape\":[14,3]", "stream: has another shape"},
        {0, "\"shape\":[3,14]", "\"shape\":[42]", "stream: has another shape"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        float scores[N_SCORES];
        if (lies[i].kind < 5) {
            save(kinds[lies[i].kind].kind, kinds[lies[i].kind].smoothing, scores);
        } else {
            struct stg_model *members[2] = {fitted("lstm", NULL), fitted("lstm", NULL)};
            struct stg_model *m = NULL;
            must(stg_ensemble_new(&m, members, 2));
            save_model(m, scores);
        }
        must(open_work(replace_any("{", "{"), NULL)); /* so it is the lie that is refused */
        if (open_work(replace_any(lies[i].from, lies[i].to), NULL) != STG_ERR_INPUT ||
            strstr(stg_status_message(), lies[i].part) == NULL) {
            fail_msg("%s for %s: %s", lies[i].to, lies[i].from, stg_status_message());
        }
    }
}

/* A tensor of the file `path` as it lies in `work`. */
static void *tensor(const char *name, size_t *n)
{
    struct stg_tensors *t = NULL;
    const uint8_t *first = NULL;
    must(stg_tensors_open(&t, path, STG_MODEL_FORMAT, STG_MODEL_VERSION));
    for (size_t i = 0; i < stg_tensors_count(t); i++) {
        const uint8_t *at = stg_tensors_at(t, i)->data;
        first = first == NULL || at < first ? at : first;
    }
    const struct stg_tensor *x = stg_tensors_find(t, name);
    assert_non_null(x);
    const size_t offset = data_at + (size_t)((const uint8_t *)x->data - first);
    *n = x->n;
    stg_tensors_free(t);
    return work + offset;
}

static void refused(const char *what)
{
    repair(n_bytes);
    if (open_work(n_bytes, NULL) != STG_ERR_INPUT) {
        fail_msg("accepted: %s", what);
    }
    memcpy(work, bytes, n_bytes);
}

static void put_u32(const char *name, size_t i, uint32_t value)
{
    size_t n;
    uint8_t *t = tensor(name, &n);
    assert_true(i < n);
    memcpy(t + i * sizeof value, &value, sizeof value);
}

static void put_float(const char *name, size_t i, float value)
{
    uint32_t raw;
    memcpy(&raw, &value, sizeof raw);
    put_u32(name, i, raw);
}

/* With a right checksum: every chain that a search follows must still end. */
static void test_hostile_nodes(void **state)
{
    (void)state;
    float scores[N_SCORES];
    size_t n;
    save("ngram", "kneser-ney", scores);
    memcpy(work, bytes, n_bytes);
    uint8_t *length = tensor("ngram.length", &n);
    const uint32_t last = (uint32_t)n - 1;
    put_u32("ngram.parent", last, last);
    refused("a node that is its own parent");
    put_u32("ngram.parent", 1, last);
    refused("a parent behind its child");
    put_u32("ngram.parent", last, UINT32_MAX);
    refused("a parent out of range");
    put_u32("ngram.suffix", last, last);
    refused("a node that is its own suffix");
    put_u32("ngram.suffix", last, UINT32_MAX);
    refused("a suffix out of range");
    put_u32("ngram.symbol", last, STG_TOKEN_SPECIALS + CALLS);
    refused("a symbol out of range");
    length[0] = 1;
    refused("an empty n-gram of length 1");
    length[last] = 3;
    refused("an n-gram longer than the order");
    length[1] = 2;
    refused("a length that is not its parent's and one");
    put_float("ngram.log_p", last, NAN);
    refused("a probability that is no number");
    put_float("ngram.backoff", 0, INFINITY);
    refused("an infinite weight");
    put_float("calibration", 0, NAN);
    refused("a calibration that is no number");
    put_float("calibration", 0, 2.0f);
    refused("a calibration that is not sorted");
    put_float("stream", STG_STREAM_VALUES, NAN);
    refused("a score of the stream that is no number");
    put_float("stream", 3 * STG_MODEL_STREAM_COLUMNS - 1, NAN);
    refused("the last score of a row that is no number");
    put_float("stream", STG_STREAM_TOGETHER, 1.0f);
    refused("a stream that begins in the middle of what overlaps");
    put_float("stream", STG_MODEL_STREAM_COLUMNS + STG_STREAM_TOGETHER, 0.5f);
    refused("a sequence that half overlaps");
    put_float("stream", 2 * STG_MODEL_STREAM_COLUMNS, 2.0f);
    refused("a run of the stream that is left out");
    put_float("stream", STG_STREAM_RUN, -1.0f);
    refused("a run before the first");
    put_float("stream", STG_STREAM_RUN, 1.0f);
    refused("runs of the stream that do not begin with 0");
}

static void test_hostile_slots(void **state)
{
    (void)state;
    float scores[N_SCORES];
    size_t n;
    size_t n_slots;
    save("ngram", "kneser-ney", scores);
    memcpy(work, bytes, n_bytes);
    (void)tensor("ngram.length", &n);
    uint8_t *node = tensor("ngram.slot", &n_slots);
    size_t used = 0;
    uint32_t value = 0;
    while (value == 0) {
        memcpy(&value, node + used++ * sizeof value, sizeof value);
    }
    put_u32("ngram.slot", used - 1, (uint32_t)n);
    refused("a slot with a node out of range");
    for (size_t i = 0; i < n_slots; i++) { /* all true, but a search for what is not there would never end */
        memcpy(node + i * sizeof value, &value, sizeof value);
    }
    refused("a table without a free slot");
    memset(node, 0, n_slots * sizeof value); /* an empty table is poor, but sound: nothing is known */
    repair(n_bytes);
    must(open_work(n_bytes, scores));
    for (size_t i = 0; i < N_SCORES; i++) {
        assert_true(isfinite(scores[i]));
    }
}

static void test_hostile_symbols(void **state)
{
    (void)state;
    float scores[N_SCORES];
    size_t n;
    save("ngram", "kneser-ney", scores);
    memcpy(work, bytes, n_bytes);
    uint8_t *key = tensor("symbols.key", &n);
    memset(key + (n - 1) * sizeof(uint64_t), 0xff, sizeof(uint64_t));
    refused("a symbol that is none");
    memcpy(key + (n - 1) * sizeof(uint64_t), key + (n - 2) * sizeof(uint64_t), sizeof(uint64_t));
    refused("a symbol that is there twice");
}

static void test_hostile_usual(void **state)
{
    (void)state;
    float scores[N_SCORES];
    const float nan = NAN, negative = -1;
    size_t n;
    save("ngram", "kneser-ney", scores);
    memcpy(work, bytes, n_bytes);
    memset(tensor("usual.key", &n), 0xff, sizeof(uint64_t));
    refused("keys that fall");
    memset((uint8_t *)tensor("usual.key", &n) + sizeof(uint64_t), 0, sizeof(uint64_t));
    refused("a key that is there twice");
    memcpy(tensor("usual", &n), &nan, sizeof nan);
    refused("a count that is none");
    memcpy((uint8_t *)tensor("usual", &n) + sizeof negative, &negative, sizeof negative);
    refused("a negative count");
}

/* The seeds of fuzz_model are of today's format, else they end at the version (tools/fuzz_models makes them anew). */
static void test_seeds(void **state)
{
    (void)state;
    static const char *const seeds[] = {"ngram", "stide", "lstm", "transformer", "longformer", "ensemble"};
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        char file[4096];
        struct stg_model *m = NULL;
        snprintf(file, sizeof file, "%s/fuzz/corpus/model/%s", getenv("STRANGE_SOURCE"), seeds[i]);
        must(stg_model_open(&m, file));
        stg_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_undamaged),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_hostile_nodes),
        cmocka_unit_test(test_hostile_slots),
        cmocka_unit_test(test_hostile_symbols),
        cmocka_unit_test(test_sizes_beyond_the_file),
        cmocka_unit_test(test_ids_beyond_the_vocabulary),
        cmocka_unit_test(test_weights_that_are_no_numbers),
        cmocka_unit_test(test_hostile_usual),
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
