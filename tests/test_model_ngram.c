/* The n-gram against an independent, slow definition; streaming, files and threads. */
#include "base/memory.h"
#include "base/rng.h"
#include "model/model.h"
#include "model/ngram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SEQUENCES = 60, LENGTH = 24, CALLS = 6, FIRST_CALL = STG_TOKEN_SPECIALS };

struct data {
    uint16_t call[SEQUENCES][LENGTH];
    uint8_t phase[LENGTH];
    int64_t ret[LENGTH], time_ns[LENGTH], context_time_ns[LENGTH];
    uint16_t thread[LENGTH];
    size_t n[SEQUENCES];
    int32_t id;
    uint16_t proc;
    uint64_t context_offset[2]; /* the first rows of the next sequence; {0, 0}: none */
    struct stg_corpus corpus;
    struct stg_vocab vocab;
    struct stg_recipe recipe;
};

static void get(void *context, size_t i, struct stg_seq *out)
{
    const struct data *d = context;
    *out = (struct stg_seq){.id = i,
                            .n = d->n[i],
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
    if (d->context_offset[1] > 0) {
        out->context_offset = d->context_offset;
        out->context_call = d->call[(i + 1) % SEQUENCES];
        out->context_phase = d->phase;
        out->context_ret = d->ret;
        out->context_time_ns = d->context_time_ns;
    }
}

/* The sequences from `first` on. */
struct rest {
    struct data *d;
    size_t first;
};

static void get_rest(void *context, size_t i, struct stg_seq *out)
{
    const struct rest *r = context;
    get(r->d, r->first + i, out);
}

static int setup(void **state)
{
    struct data *d = calloc(1, sizeof *d);
    struct stg_rng rng;
    stg_rng_seed(&rng, 7);
    assert_non_null(d);
    assert_int_equal(stg_vocab_init(&d->vocab), STG_OK);
    for (int i = 0; i < CALLS; i++) {
        char name[16];
        uint16_t id;
        snprintf(name, sizeof name, "call%d", i);
        assert_int_equal(stg_vocab_call(&d->vocab, name, &id), STG_OK);
    }
    assert_int_equal(stg_vocab_proc(&d->vocab, "p", &d->proc), STG_OK);
    for (size_t i = 0; i < SEQUENCES; i++) {
        d->n[i] = 1 + stg_rng_below(&rng, LENGTH);
        for (size_t k = 0; k < LENGTH; k++) {
            /* The next call depends on the two before, so that every order has something to learn. */
            const unsigned before = k < 2 ? 0 : d->call[i][k - 1] + 2U * d->call[i][k - 2];
            const unsigned odd =
                (unsigned)stg_rng_below(&rng, 3) == 0 ? (unsigned)stg_rng_below(&rng, CALLS) : before % CALLS;
            d->call[i][k] = (uint16_t)(FIRST_CALL + odd);
        }
    }
    for (size_t k = 0; k < LENGTH; k++) {
        d->phase[k] = STG_PHASE_ENTRY;
        d->ret[k] = STG_RET_ABSENT;
        d->time_ns[k] = (int64_t)k;
        d->context_time_ns[k] = (int64_t)k - LENGTH;
    }
    d->id = 1;
    d->corpus = (struct stg_corpus){.n = SEQUENCES, .context = d, .get = get};
    stg_recipe_default(&d->recipe);
    d->recipe.order = STG_ORDER_TIME;
    *state = d;
    return 0;
}

static int teardown(void **state)
{
    struct data *d = *state;
    stg_vocab_fini(&d->vocab);
    free(d);
    return 0;
}

static struct stg_model *fitted(struct data *d, const char *kind, uint32_t order, const char *smoothing,
                                struct stg_pool *pool)
{
    struct stg_model_settings s;
    struct stg_model *m = NULL;
    stg_model_settings_default(&s);
    s.kind = kind;
    s.order = order;
    s.smoothing = smoothing;
    s.fields = STG_FIELD_CALL;
    assert_int_equal(stg_model_new(&m, &s, &d->recipe, &d->vocab), STG_OK);
    assert_int_equal(m->ops->fit(m, &d->corpus, pool, NULL), STG_OK);
    return m;
}

/* The symbols of sequence i with START in front and END behind. */
static size_t symbols_of(const struct data *d, size_t i, uint32_t *out)
{
    size_t n = 0;
    out[n++] = STG_TOKEN_START;
    for (size_t k = 0; k < d->n[i]; k++) {
        out[n++] = d->call[i][k];
    }
    out[n++] = STG_TOKEN_END;
    return n;
}

/* Occurrences of the n-gram g (k symbols) at predicted positions. */
static unsigned occurrences(const struct data *d, const uint32_t *g, size_t k)
{
    unsigned count = 0;
    uint32_t s[LENGTH + 2];
    for (size_t i = 0; i < SEQUENCES; i++) {
        const size_t n = symbols_of(d, i, s);
        for (size_t at = 0; at + k <= n; at++) {
            count += at + k - 1 >= 1 && memcmp(s + at, g, k * sizeof *g) == 0;
        }
    }
    return count;
}

enum { SYMBOLS = FIRST_CALL + CALLS };

/* The count that Kneser-Ney uses: occurrences at the highest order and behind START, else different left neighbours. */
static unsigned adjusted(const struct data *d, const uint32_t *g, size_t k, size_t order)
{
    if (k == order || g[0] == STG_TOKEN_START) {
        return occurrences(d, g, k);
    }
    unsigned left = 0;
    uint32_t longer[9];
    memcpy(longer + 1, g, k * sizeof *g);
    for (uint32_t v = 0; v < SYMBOLS; v++) {
        longer[0] = v;
        left += occurrences(d, longer, k + 1) > 0;
    }
    return left;
}

/* n[1 … 4]: how many different n-grams of k symbols have that adjusted count. */
static void count_counts(const struct data *d, size_t k, size_t order, unsigned n[5])
{
    size_t total = 1;
    for (size_t i = 0; i < k; i++) {
        total *= SYMBOLS;
    }
    memset(n, 0, 5 * sizeof *n);
    for (size_t code = 0; code < total; code++) {
        uint32_t g[8];
        size_t rest = code;
        for (size_t i = 0; i < k; i++, rest /= SYMBOLS) {
            g[i] = (uint32_t)(rest % SYMBOLS);
        }
        const unsigned a = adjusted(d, g, k, order);
        n[a <= 4 ? a : 0]++;
    }
}

static void discounts(const unsigned n[5], double out[4])
{
    const double fallback[4] = {0, 0.5, 1.0, 1.5};
    memcpy(out, fallback, sizeof fallback);
    if (n[1] == 0 || n[2] == 0 || n[3] == 0) {
        return;
    }
    const double y = n[1] / (n[1] + 2.0 * n[2]);
    double found[4] = {0};
    for (int i = 1; i <= 3; i++) {
        found[i] = i - (i + 1) * y * n[i + 1] / n[i];
        if (found[i] <= 0 || found[i] > i) {
            return;
        }
    }
    memcpy(out, found, sizeof found);
}

struct reference {
    const struct data *d;
    size_t order;
    double discount[9][4];
};

/* p(last symbol of g | the k − 1 before it), by the recursion of Chen and Goodman 1998, section 3. */
static double probability(const struct reference *r, const uint32_t *g, size_t k)
{
    const double lower = k == 1 ? 1.0 / (SYMBOLS - 3) : probability(r, g + 1, k - 1);
    uint32_t other[8];
    double total = 0;
    double reserved = 0;
    double own = 0;
    memcpy(other, g, k * sizeof *g);
    for (uint32_t v = 0; v < SYMBOLS; v++) {
        other[k - 1] = v;
        const unsigned a = adjusted(r->d, other, k, r->order);
        total += a;
        reserved += r->discount[k][a > 3 ? 3 : a];
        own = v == g[k - 1] ? a - r->discount[k][a > 3 ? 3 : a] : own;
    }
    return total == 0 ? lower : own / total + reserved / total * lower;
}

static void scores_of(const struct stg_model *m, const struct data *d, size_t i, float *out)
{
    struct stg_walker *walker = NULL;
    struct stg_model_run *run = NULL;
    struct stg_walk walk;
    struct stg_seq seq;
    size_t n_walks;
    get((void *)d, i, &seq);
    assert_int_equal(stg_walker_new(&walker, STG_WALK_ALL), STG_OK);
    assert_int_equal(stg_walker_begin(walker, &seq, STG_ORDER_TIME, 0, &n_walks), STG_OK);
    assert_int_equal(n_walks, 1);
    stg_walker_get(walker, 0, &walk);
    assert_int_equal(m->ops->run_new(m, &run), STG_OK);
    assert_int_equal(m->ops->score(m, run, &walk, 1, &out), STG_OK);
    m->ops->run_free(run);
    stg_walker_free(walker);
}

static void test_definition(void **state)
{
    struct data *d = *state;
    for (uint32_t order = 1; order <= 3; order++) {
        struct stg_model *m = fitted(d, "ngram", order, "kneser-ney", NULL);
        struct reference r = {.d = d, .order = order};
        for (size_t k = 1; k <= order; k++) {
            unsigned n[5];
            count_counts(d, k, order, n);
            discounts(n, r.discount[k]);
        }
        for (size_t i = 0; i < 6; i++) {
            uint32_t s[LENGTH + 2];
            float scores[LENGTH + 1];
            const size_t n = symbols_of(d, i, s);
            scores_of(m, d, i, scores);
            for (size_t at = 1; at < n; at++) {
                const size_t k = at + 1 < order ? at + 1 : order;
                assert_true(fabs(-log(probability(&r, s + at + 1 - k, k)) - (double)scores[at - 1]) < 1e-5);
            }
        }
        stg_model_free(m);
    }
}

/* In any context the predictable symbols share exactly one; steps give what batches give. */
static void test_sums_and_steps(void **state)
{
    struct data *d = *state;
    const char *const kinds[] = {"ngram", "stide"};
    for (size_t kind = 0; kind < 2; kind++) {
        struct stg_model *m = fitted(d, kinds[kind], 4, NULL, NULL);
        struct stg_model_run *run = NULL;
        struct stg_model_state *stream = NULL;
        assert_int_equal(m->ops->run_new(m, &run), STG_OK);
        assert_int_equal(m->ops->state_new(m, &stream), STG_OK);
        for (size_t i = 0; i < 10; i++) {
            uint32_t s[LENGTH + 2];
            float scores[LENGTH + 1];
            const size_t n = symbols_of(d, i, s);
            scores_of(m, d, i, scores);
            m->ops->state_reset(m, stream);
            for (size_t at = 0; at < n; at++) {
                float log_p[SYMBOLS];
                float surprisal;
                double sum = 0;
                struct stg_model_token token = {
                    .call = (uint16_t)s[at], .phase = STG_PHASE_ENTRY, .ret = STG_RET_ABSENT};
                token.special = s[at] < FIRST_CALL ? (uint8_t)s[at] : 0;
                assert_int_equal(m->ops->predict(m, run, stream, log_p), STG_OK);
                for (size_t v = 0; v < SYMBOLS; v++) {
                    sum += exp((double)log_p[v]);
                }
                assert_true(at == 0 || fabs(sum - 1.0) < 1e-5);
                assert_int_equal(m->ops->step(m, run, &stream, &token, 1, &surprisal), STG_OK);
                assert_true(at == 0 || surprisal == scores[at - 1]);
            }
        }
        m->ops->state_free(stream);
        m->ops->run_free(run);
        stg_model_free(m);
    }
}

static void test_paper_smoothing(void **state)
{
    struct data *d = *state;
    struct stg_model *m = fitted(d, "ngram", 2, "paper", NULL);
    uint32_t s[LENGTH + 2];
    float scores[LENGTH + 1];
    const size_t n = symbols_of(d, 3, s);
    scores_of(m, d, 3, scores);
    for (size_t at = 1; at < n; at++) {
        uint32_t pair[2] = {s[at - 1], 0};
        unsigned total = 0;
        for (uint32_t v = 0; v < SYMBOLS; v++) {
            pair[1] = v;
            total += occurrences(d, pair, 2);
        }
        assert_true(fabs(-log((double)occurrences(d, s + at - 1, 2) / total) - (double)scores[at - 1]) < 1e-5);
    }
    d->call[3][0] = STG_TOKEN_UNKNOWN; /* never seen: one in as many as there are outcomes */
    scores_of(m, d, 3, scores);
    assert_true(fabs((double)scores[0] - log(SYMBOLS - 3)) < 1e-5);
    stg_model_free(m);
}

static void test_stide_windows(void **state)
{
    struct data *d = *state;
    struct stg_model *m = fitted(d, "stide", 3, NULL, NULL);
    float scores[LENGTH + 1];
    scores_of(m, d, 5, scores);
    for (size_t i = 0; i <= d->n[5]; i++) {
        assert_true(fabs((double)scores[i] + log(1 - 1e-3)) < 1e-6); /* all windows are known */
    }
    d->call[5][0] = STG_TOKEN_UNKNOWN;
    scores_of(m, d, 5, scores);
    assert_true(fabs((double)scores[0] + log(1e-3)) < 1e-4);
    stg_model_free(m);
}

/* Counts by the definition, symbol by symbol. */
static void count_plainly(const struct data *d, struct stg_counts *c, uint32_t order)
{
    assert_int_equal(stg_counts_init(c, order), STG_OK);
    for (size_t i = 0; i < SEQUENCES; i++) {
        uint32_t s[LENGTH + 2];
        uint32_t state = 0;
        const size_t n_context = d->context_offset[1];
        const size_t n = symbols_of(d, i, s);
        for (size_t k = 0; k < n_context; k++) {
            assert_int_equal(stg_counts_put(c, &state, d->call[(i + 1) % SEQUENCES][k], false), STG_OK);
        }
        for (size_t k = n_context > 0 ? 1 : 0; k < n; k++) { /* what goes on after a context does not start */
            assert_int_equal(stg_counts_put(c, &state, s[k], k > 0), STG_OK);
        }
    }
}

static void assert_same_counts(const struct stg_counts *a, const struct stg_counts *b)
{
    uint32_t *map = calloc(a->n, sizeof *map);
    assert_non_null(map);
    assert_int_equal(a->n, b->n);
    for (uint32_t i = 1; i < a->n; i++) {
        map[i] = stg_counts_find(b->parent, b->symbol, b->slot, b->n_slots, map[a->parent[i]], a->symbol[i]);
        assert_true(map[i] != STG_COUNTS_NONE);
        assert_int_equal(a->raw[i], b->raw[map[i]]);
        assert_int_equal(a->left[i], b->left[map[i]]);
        assert_int_equal(a->flags[i], b->flags[map[i]]);
        assert_int_equal(a->length[i], b->length[map[i]]);
    }
    for (uint32_t i = 1; i < a->n; i++) {
        assert_int_equal(map[a->suffix[i]], b->suffix[map[i]]);
    }
    free(map);
}

/* The fast way of counting gives the counts of the definition, with contexts too, and on any number of threads the same
 * nodes. */
static void test_counts(void **state)
{
    struct data *d = *state;
    struct stg_pool *pool = NULL;
    assert_int_equal(stg_pool_new(&pool, 3), STG_OK);
    for (uint32_t order = 1; order <= STG_COUNTS_MAX_ORDER; order++) {
        for (uint64_t n_context = 0; n_context <= 2; n_context += 2) {
            struct stg_counts plain, fast, threads;
            d->context_offset[1] = n_context;
            d->recipe.order = n_context > 0 ? STG_ORDER_THREAD : STG_ORDER_TIME;
            struct stg_model *m = fitted(d, "ngram", order, NULL, NULL);
            count_plainly(d, &plain, order);
            assert_int_equal(stg_counts_init(&fast, order), STG_OK);
            assert_int_equal(stg_counts_init(&threads, order), STG_OK);
            assert_int_equal(stg_ngram_count(&fast, m, &d->corpus, NULL, NULL), STG_OK);
            assert_int_equal(stg_ngram_count(&threads, m, &d->corpus, pool, NULL), STG_OK);
            assert_same_counts(&plain, &fast);
            assert_int_equal(fast.n, threads.n);
            assert_memory_equal(fast.parent, threads.parent, fast.n * sizeof *fast.parent);
            assert_memory_equal(fast.raw, threads.raw, fast.n * sizeof *fast.raw);
            stg_counts_fini(&plain);
            stg_counts_fini(&fast);
            stg_counts_fini(&threads);
            stg_model_free(m);
        }
    }
    stg_pool_free(pool);
}

static void assert_same_scores(const struct stg_model *a, const struct stg_model *b, const struct data *d)
{
    for (size_t i = 0; i < SEQUENCES; i++) {
        float x[LENGTH + 1];
        float y[LENGTH + 1];
        scores_of(a, d, i, x);
        scores_of(b, d, i, y);
        assert_memory_equal(x, y, (d->n[i] + 1) * sizeof *x);
    }
}

/* More symbols than fit into a key: the definition counts and scores, as the fast way does with fewer. */
static void test_many_symbols(void **state)
{
    struct data *d = *state;
    struct stg_model *narrow =
        fitted(d, "stide", 8, NULL, NULL); /* its scores do not depend on the number of symbols */
    for (int i = CALLS; i < 300; i++) {
        char name[16];
        uint16_t id;
        snprintf(name, sizeof name, "call%d", i);
        assert_int_equal(stg_vocab_call(&d->vocab, name, &id), STG_OK);
    }
    struct stg_ngram_packing p;
    assert_false(stg_ngram_packing(&p, 8, 305));
    assert_true(stg_ngram_packing(&p, 8, 256));
    struct stg_model *wide = fitted(d, "stide", 8, NULL, NULL);
    for (size_t i = 0; i < SEQUENCES / 2; i++) {
        d->call[2 * i][d->n[2 * i] / 2] = FIRST_CALL; /* some unknown windows */
    }
    assert_same_scores(narrow, wide, d);
    stg_model_free(narrow);
    stg_model_free(wide);
}

/* Fitted on a part and updated with the rest = fitted on all; from a file too. */
static void test_update(void **state)
{
    struct data *d = *state;
    char path[] = "/tmp/strange-test-update-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    const char *const smoothings[] = {"kneser-ney", "paper"};
    for (size_t i = 0; i < 2; i++) {
        struct stg_model *loaded = NULL;
        struct stg_model *all = fitted(d, "ngram", 4, smoothings[i], NULL);
        d->corpus.n = SEQUENCES / 3;
        struct stg_model *part = fitted(d, "ngram", 4, smoothings[i], NULL);
        d->corpus.n = SEQUENCES;
        assert_int_equal(stg_model_save(part, path), STG_OK);
        assert_int_equal(stg_model_open(&loaded, path), STG_OK);
        struct rest rest = {d, SEQUENCES / 3};
        const struct stg_corpus more = {.n = SEQUENCES - SEQUENCES / 3, .context = &rest, .get = get_rest};
        assert_int_equal(part->ops->update(part, &more, NULL, NULL), STG_OK);
        assert_int_equal(loaded->ops->update(loaded, &more, NULL, NULL), STG_OK);
        assert_same_scores(all, part, d);
        assert_same_scores(all, loaded, d);
        stg_model_free(all);
        stg_model_free(part);
        stg_model_free(loaded);
    }
    unlink(path);
}

static char *saved(const struct stg_model *m, const char *path, size_t *size)
{
    assert_int_equal(stg_model_save(m, path), STG_OK);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *bytes = malloc(1 << 22);
    *size = fread(bytes, 1, 1 << 22, f);
    fclose(f);
    return bytes;
}

static void test_file_and_threads(void **state)
{
    struct data *d = *state;
    char path[] = "/tmp/strange-test-ngram-XXXXXX";
    struct stg_pool *pool = NULL;
    const int fd = mkstemp(path);
    size_t n_one;
    size_t n_three;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(stg_pool_new(&pool, 3), STG_OK);
    struct stg_model *one = fitted(d, "ngram", 5, NULL, NULL);
    struct stg_model *three = fitted(d, "ngram", 5, NULL, pool);
    char *a = saved(one, path, &n_one);
    char *b = saved(three, path, &n_three);
    assert_int_equal(n_one, n_three);
    assert_memory_equal(a, b, n_one);
    struct stg_model *loaded = NULL;
    assert_int_equal(stg_model_open(&loaded, path), STG_OK);
    assert_same_scores(one, loaded, d);
    assert_int_equal(stg_model_check_vocab(loaded, &d->vocab, "data"), STG_OK);
    uint16_t id;
    assert_int_equal(stg_vocab_call(&d->vocab, "another", &id), STG_OK);
    assert_int_equal(stg_model_check_vocab(loaded, &d->vocab, "data"), STG_OK); /* it extends the model's */
    struct stg_vocab other;
    assert_int_equal(stg_vocab_init(&other), STG_OK);
    assert_int_equal(stg_model_check_vocab(loaded, &other, "data"), STG_ERR_MISMATCH); /* shorter */
    assert_int_equal(stg_vocab_call(&other, "another", &id), STG_OK);
    assert_int_equal(stg_model_check_vocab(loaded, &other, "data"), STG_ERR_MISMATCH); /* other names */
    stg_vocab_fini(&other);
    unlink(path);
    free(a);
    free(b);
    stg_model_free(loaded);
    stg_model_free(one);
    stg_model_free(three);
    stg_pool_free(pool);
}

static struct stg_model *student_of(struct data *d, const struct stg_model *teacher, uint32_t order, double weight,
                                    double temperature, struct stg_pool *pool)
{
    const struct stg_teacher t = {teacher, weight, temperature};
    struct stg_model_settings s;
    struct stg_model *m = NULL;
    stg_model_settings_default(&s);
    s.order = order;
    s.symbols = teacher->symbols;
    assert_int_equal(stg_model_new(&m, &s, &d->recipe, &d->vocab), STG_OK);
    assert_int_equal(m->ops->learn(m, &d->corpus, &t, pool, NULL), STG_OK);
    return m;
}

/* A student that does not listen is the n-gram of the data, at any order, with contexts too. */
static void test_expected_without_a_teacher(void **state)
{
    struct data *d = *state;
    for (uint64_t n_context = 0; n_context <= 2; n_context += 2) {
        d->context_offset[1] = n_context;
        d->recipe.order = n_context > 0 ? STG_ORDER_THREAD : STG_ORDER_TIME;
        for (uint32_t order = 1; order <= 6; order++) {
            struct stg_model *counted = fitted(d, "ngram", order, NULL, NULL);
            struct stg_model *student = student_of(d, counted, order, 0, 1, NULL);
            for (size_t i = 0; i < SEQUENCES; i++) {
                float x[LENGTH + 1];
                float y[LENGTH + 1];
                scores_of(counted, d, i, x);
                scores_of(student, d, i, y);
                for (size_t k = 0; k <= d->n[i]; k++) {
                    assert_true(fabsf(x[k] - y[k]) < 1e-5f);
                }
            }
            stg_model_free(counted);
            stg_model_free(student);
        }
    }
}

/* The distribution of a sum of coin flips, by its generating function. */
static void flip(double p[5], double q)
{
    const double before[5] = {p[0], p[1], p[2], p[3], p[4]};
    for (int r = 0; r < 5; r++) {
        p[r] = before[r] * (1 - q) + (r > 0 ? before[r - 1] * q : 0);
    }
}

/* Order 2, by its definition over full tables: what the teacher says is mixed in, and all that Kneser-Ney counts is
 * expected. */
struct expected {
    double mean[SYMBOLS][SYMBOLS], p[SYMBOLS][SYMBOLS][5], missing[SYMBOLS]; /* of bigrams, by context */
    double left[SYMBOLS], left_p[SYMBOLS][5];                                /* of single symbols */
    double d[3][4];                                                          /* discounts by length */
};

static double discount(const double p[5], const double d[4])
{
    return p[1] * d[1] + p[2] * d[2] + (1 - p[0] - p[1] - p[2]) * d[3];
}

static void expected_discounts(struct expected *x)
{
    double n[3][5] = {{0}};
    for (size_t v = 0; v < SYMBOLS; v++) {
        x->left_p[v][0] = 1;
        for (size_t h = 0; h < SYMBOLS; h++) {
            flip(x->left_p[v], 1 - x->p[h][v][0]);
            x->left[v] += 1 - x->p[h][v][0];
            for (int r = 1; r < 5; r++) {
                n[2][r] += x->p[h][v][r];
            }
        }
        for (int r = 1; r < 5; r++) {
            n[1][r] += x->left_p[v][r];
        }
    }
    for (int k = 1; k < 3; k++) {
        const double y = n[k][1] / (n[k][1] + 2 * n[k][2]);
        for (int i = 1; i <= 3; i++) {
            x->d[k][i] = i - (i + 1) * y * n[k][i + 1] / n[k][i];
            if (!(x->d[k][i] > 0 && x->d[k][i] <= i)) { /* too few to estimate them */
                x->d[k][1] = 0.5;
                x->d[k][2] = 1;
                x->d[k][3] = 1.5;
                break;
            }
        }
    }
}

static double expected_probability(const struct expected *x, uint32_t h, uint32_t v)
{
    double total = x->missing[h];
    double reserved = x->missing[h];
    double all = 0;
    double all_reserved = 0;
    for (size_t u = 0; u < SYMBOLS; u++) {
        total += x->mean[h][u];
        reserved += discount(x->p[h][u], x->d[2]);
        all += x->left[u];
        all_reserved += discount(x->left_p[u], x->d[1]);
    }
    const double alone = (x->left[v] - discount(x->left_p[v], x->d[1]) + all_reserved / (SYMBOLS - 3)) / all;
    return (x->mean[h][v] - discount(x->p[h][v], x->d[2]) + reserved * alone) / total;
}

static void definition_at(struct data *d, double temperature)
{
    const double weight = 0.6;
    struct stg_model *teacher = fitted(d, "ngram", 3, NULL, NULL);
    struct stg_model *student = student_of(d, teacher, 2, weight, temperature, NULL);
    struct stg_model_run *run = NULL;
    static struct expected x;
    static float log_p[SEQUENCES][(LENGTH + 1) * SYMBOLS];
    memset(&x, 0, sizeof x);
    for (size_t h = 0; h < SYMBOLS; h++) {
        for (size_t v = 0; v < SYMBOLS; v++) {
            x.p[h][v][0] = 1;
        }
    }
    assert_int_equal(teacher->ops->run_new(teacher, &run), STG_OK);
    for (size_t i = 0; i < SEQUENCES; i++) {
        uint32_t s[LENGTH + 2];
        struct stg_walker *walker = NULL;
        struct stg_walk walk;
        struct stg_seq seq;
        size_t n_walks;
        float *to = log_p[i];
        const size_t n = symbols_of(d, i, s);
        get(d, i, &seq);
        assert_int_equal(stg_walker_new(&walker, STG_WALK_ALL), STG_OK);
        assert_int_equal(stg_walker_begin(walker, &seq, STG_ORDER_TIME, 0, &n_walks), STG_OK);
        stg_walker_get(walker, 0, &walk);
        assert_int_equal(stg_model_distributions(teacher, run, &walk, 1, &to), STG_OK);
        stg_walker_free(walker);
        for (size_t at = 1; at < n; at++, to += SYMBOLS) {
            double sum = 0;
            for (size_t v = 0; v < SYMBOLS; v++) {
                sum += exp((double)to[v] / temperature);
            }
            x.missing[s[at - 1]] += 1;
            for (uint32_t v = 0; v < SYMBOLS; v++) {
                const double q = weight * exp((double)to[v] / temperature) / sum + (v == s[at] ? 1 - weight : 0);
                if (q >= (double)STG_NGRAM_LEAST && stg_ngram_predictable(v)) {
                    x.mean[s[at - 1]][v] += q;
                    x.missing[s[at - 1]] -= q;
                    flip(x.p[s[at - 1]][v], q);
                }
            }
        }
    }
    teacher->ops->run_free(run);
    expected_discounts(&x);
    for (size_t i = 0; i < SEQUENCES; i++) {
        uint32_t s[LENGTH + 2];
        float scores[LENGTH + 1];
        const size_t n = symbols_of(d, i, s);
        scores_of(student, d, i, scores);
        for (size_t at = 1; at < n; at++) {
            assert_true(fabs(-log(expected_probability(&x, s[at - 1], s[at])) - (double)scores[at - 1]) < 1e-4);
        }
    }
    stg_model_free(teacher);
    stg_model_free(student);
}

static void test_expected_definition(void **state)
{
    definition_at(*state, 1.5);
    definition_at(*state, 0.01); /* where what is likeliest, too, has a power of nearly 0 */
}

/* A student says more of what its teacher says the more it listens; it is the same from a file and on any number of
 * threads, and cannot be added to. */
static void test_student(void **state)
{
    struct data *d = *state;
    char path[] = "/tmp/strange-test-student-XXXXXX";
    struct stg_pool *pool = NULL;
    struct stg_model *loaded = NULL;
    struct stg_model *teacher = fitted(d, "ngram", 1, NULL, NULL); /* which expects the same everywhere */
    const int fd = mkstemp(path);
    double distance[3] = {0};
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(stg_pool_new(&pool, 3), STG_OK);
    for (size_t k = 0; k < 3; k++) {
        struct stg_model *one = student_of(d, teacher, 4, 0.5 * (double)k, 1, NULL);
        struct stg_model *three = student_of(d, teacher, 4, 0.5 * (double)k, 1, pool);
        assert_same_scores(one, three, d);
        assert_int_equal(stg_model_save(one, path), STG_OK);
        assert_int_equal(stg_model_open(&loaded, path), STG_OK);
        assert_same_scores(one, loaded, d);
        assert_int_equal(loaded->ops->update(loaded, &d->corpus, NULL, NULL), STG_ERR_USAGE);
        stg_model_free(loaded);
        for (size_t i = 0; i < SEQUENCES; i++) {
            float x[LENGTH + 1];
            float y[LENGTH + 1];
            scores_of(teacher, d, i, x);
            scores_of(one, d, i, y);
            for (size_t at = 0; at <= d->n[i]; at++) {
                distance[k] += fabs((double)(x[at] - y[at]));
            }
        }
        stg_model_free(one);
        stg_model_free(three);
    }
    assert_true(distance[2] < distance[1] / 2 && distance[1] < distance[0]);
    stg_pool_free(pool);
    stg_model_free(teacher);
    unlink(path);
}

static void test_settings(void **state)
{
    struct data *d = *state;
    struct stg_model_settings s;
    struct stg_model *m = NULL;
    stg_model_settings_default(&s);
    s.order = 9;
    assert_int_equal(stg_model_new(&m, &s, &d->recipe, &d->vocab), STG_ERR_USAGE);
    s.order = 2;
    s.smoothing = "witten-bell";
    assert_int_equal(stg_model_new(&m, &s, &d->recipe, &d->vocab), STG_ERR_USAGE);
    s.smoothing = NULL;
    s.kind = "oracle";
    assert_int_equal(stg_model_new(&m, &s, &d->recipe, &d->vocab), STG_ERR_USAGE);
    s.kind = "lstm";
    s.preset = "unknown";
    assert_int_equal(stg_model_new(&m, &s, &d->recipe, &d->vocab), STG_ERR_USAGE);
    assert_null(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_definition, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sums_and_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paper_smoothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stide_windows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_symbols, setup, teardown),
        cmocka_unit_test_setup_teardown(test_update, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_and_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expected_without_a_teacher, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expected_definition, setup, teardown),
        cmocka_unit_test_setup_teardown(test_student, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
