/* Kernels: every variant that this processor runs against the plain one, at odd sizes and at the ends of float. */
#include "compute/kernels.h"

#include "base/memory.h"
#include "compute_support.h"

#include <float.h>
#include <string.h>

enum { MAX = 1 << 17, GUARD = 12345 };

static struct stg_rng rng;
static float *a, *b, *c, *d; /* (MAX) inputs */
static float *x[6], *y[6];   /* (MAX) what plain (x) and the variant (y) wrote */

static int setup(void **state)
{
    float **all[] = {&a,    &b,    &c,    &d,    &x[0], &x[1], &x[2], &x[3],
                     &x[4], &x[5], &y[0], &y[1], &y[2], &y[3], &y[4], &y[5]};
    (void)state;
    stg_rng_seed(&rng, 9);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (stg_mem_aligned(all[i], MAX, sizeof(float)) != STG_OK) {
            return -1;
        }
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    float *all[] = {a, b, c, d, x[0], x[1], x[2], x[3], x[4], x[5], y[0], y[1], y[2], y[3], y[4], y[5]};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        stg_mem_free(all[i]);
    }
    return 0;
}

/* The same bytes for both, with a guard after them. */
static void both(size_t k, const float *from, size_t n)
{
    memcpy(x[k], from, n * sizeof(float));
    memcpy(y[k], from, n * sizeof(float));
    x[k][n] = y[k][n] = GUARD;
}

static void same(const struct stg_kernels *k, const char *what, size_t array, size_t n, double relative,
                 double absolute)
{
    for (size_t i = 0; i < n; i++) {
        const double expected = (double)x[array][i];
        const double got = (double)y[array][i];
        if (!(fabs(expected - got) <= absolute + relative * fabs(expected))) {
            fail_msg("%s: %s: element %zu of %zu: %.9g is not %.9g", k->name, what, i, n, got, expected);
        }
    }
    if (x[array][n] != (float)GUARD || y[array][n] != (float)GUARD) {
        fail_msg("%s: %s: wrote behind %zu elements", k->name, what, n);
    }
}

static void the_list_begins_with_plain(void **state)
{
    (void)state;
    const struct stg_kernels *const *all = stg_kernels_all();
    assert_string_equal(all[0]->name, "plain");
    size_t n_chosen = 0;
    for (size_t i = 0; all[i] != NULL; i++) {
        n_chosen += all[i] == stg_kernels();
    }
    assert_int_equal(n_chosen, 1);
}

/* B rows of x (B,K) by w (K,N), or by w (N,K) transposed; strides wider than rows. Added to nothing, to what is there,
 * to a bias. */
static void check_product(const struct stg_kernels *plain, const struct stg_kernels *k, size_t B, size_t K, size_t N,
                          int transposed)
{
    const size_t rows = transposed ? N : K;
    const size_t ldw = (transposed ? K : N) + 3;
    const size_t ldx = K + 1;
    const size_t ld_out = N + 2;
    float *packed[2] = {NULL, NULL};
    const struct stg_kernels *const variant[2] = {plain, k};
    assert_true(rows * ldw <= MAX && B * ldx <= MAX && B * ld_out < MAX);
    fill_normal(&rng, a, rows * ldw, 1);
    fill_normal(&rng, b, B * ldx, 1);
    fill_normal(&rng, c, B * ld_out, 1);
    for (int how = 0; how < 3; how++) {
        both(0, c, B * ld_out);
        for (size_t i = 0; i < 2; i++) {
            float *out = i == 0 ? x[0] : y[0];
            const float *start = how == 0 ? NULL : how == 1 ? out : c;
            assert_int_equal(stg_mem_aligned(&packed[i], variant[i]->packed_size(K, N), sizeof(float)), STG_OK);
            (transposed ? variant[i]->pack_transposed : variant[i]->pack)(packed[i], a, ldw, K, N);
            variant[i]->rows_product(out, ld_out, start, how == 1 ? ld_out : 0, b, ldx, packed[i], B, K, N);
            stg_mem_free(packed[i]);
        }
        same(k, "rows_product", 0, B * ld_out, 1e-4, 1e-4);
        for (size_t r = 0; r < B; r++) { /* what lies between the rows is not touched */
            assert_memory_equal(y[0] + r * ld_out + N, c + r * ld_out + N, 2 * sizeof(float));
        }
    }
}

static void check_products(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    static const size_t sizes[][2] = {{1, 1},   {3, 5},   {7, 31},  {8, 32}, {17, 33},
                                      {33, 64}, {40, 95}, {95, 17}, {64, 66}};
    for (size_t B = 1; B <= 9; B++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            check_product(plain, k, B, sizes[i][0], sizes[i][1], 0);
            check_product(plain, k, B, sizes[i][0], sizes[i][1], 1);
        }
    }
}

/* Several panels, and more rows of them than are done at once: each row is to the bit what it is alone. */
static void check_row_alone(const struct stg_kernels *k, size_t K, size_t N)
{
    enum { B = 11 };
    float *packed = NULL;
    assert_int_equal(stg_mem_aligned(&packed, k->packed_size(K, N), sizeof(float)), STG_OK);
    fill_normal(&rng, a, K * N, 1);
    fill_normal(&rng, b, B * K, 1);
    fill_normal(&rng, c, B * N, 1);
    k->pack(packed, a, N, K, N);
    both(0, c, B * N);
    k->rows_product(x[0], N, x[0], N, b, K, packed, B, K, N);
    for (size_t r = 0; r < B; r++) {
        k->rows_product(y[0] + r * N, N, y[0] + r * N, N, b + r * K, K, packed, 1, K, N);
    }
    assert_memory_equal(x[0], y[0], B * N * sizeof(float));
    stg_mem_free(packed);
}

static void check_large_products(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    static const size_t depths[] = {192, 193, 400};
    static const size_t widths[] = {49, 100, 129, 160, 209, 224};
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        for (size_t j = 0; j < sizeof widths / sizeof widths[0]; j++) {
            check_product(plain, k, 1, depths[i], widths[j], 0);
            check_product(plain, k, 9, depths[i], widths[j], 0);
            check_product(plain, k, 17, depths[i], widths[j], 1);
            check_row_alone(k, depths[i], widths[j]);
        }
    }
}

static void products(void **state)
{
    (void)state;
    each_variant(check_products);
    each_variant(check_large_products);
}

static void check_gates_of(const struct stg_kernels *plain, const struct stg_kernels *k, size_t B, size_t H,
                           double scale)
{
    const size_t n = B * H;
    fill_normal(&rng, a, 4 * n, scale);
    fill_normal(&rng, b, 4 * H, 1);
    fill_normal(&rng, c, n, 1);
    both(0, a, 4 * n);
    both(1, c, n);
    both(2, c, n);
    plain->gates_forward(x[1], x[2], x[0], b, c, B, H);
    k->gates_forward(y[1], y[2], y[0], b, c, B, H);
    same(k, "gates_forward: gates", 0, 4 * n, 2e-6, 1e-6);
    same(k, "gates_forward: h", 1, n, 2e-6, 1e-6);
    same(k, "gates_forward: c", 2, n, 2e-6, 1e-6);
    both(0, x[0], 4 * n); /* backward from the plain activations, so that only its own differences show */
    memcpy(d, x[2], n * sizeof(float));
    fill_normal(&rng, a, n, 1);
    fill_normal(&rng, b, n, 1);
    both(3, a, n);
    plain->gates_backward(x[0], x[3], a, b, d, c, B, H);
    k->gates_backward(y[0], y[3], a, b, d, c, B, H);
    same(k, "gates_backward: gates", 0, 4 * n, 1e-4, 2e-6);
    same(k, "gates_backward: dc", 3, n, 1e-4, 2e-6);
}

static void check_gates(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    static const size_t widths[] = {1, 7, 8, 16, 17, 24, 32, 40};
    static const double scales[] = {0, 1e-40, 1e-6, 1, 10, 100, 1e4};
    for (size_t B = 1; B <= 9; B++) {
        for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
            check_gates_of(plain, k, B, widths[i], scales[(B + i) % 7]);
            check_gates_of(plain, k, B, widths[i], 1);
        }
    }
}

static void gates(void **state)
{
    (void)state;
    each_variant(check_gates);
}

static void check_loss(const struct stg_kernels *plain, const struct stg_kernels *k, size_t V, double scale,
                       float smoothing)
{
    float loss[2];
    float objective[2];
    const size_t target = (size_t)stg_rng_below(&rng, V);
    fill_normal(&rng, a, V, scale);
    both(0, a, V);
    both(1, a, V);
    plain->cross_entropy(x[0], &loss[0], &objective[0], V, target, smoothing, 0.25f);
    k->cross_entropy(y[0], &loss[1], &objective[1], V, target, smoothing, 0.25f);
    same(k, "cross_entropy: gradient", 0, V, 1e-4, 1e-6);
    assert_true(fabsf(loss[0] - loss[1]) <= 1e-5f * fabsf(loss[0]) + 1e-5f);
    assert_true(fabsf(objective[0] - objective[1]) <= 1e-5f * fabsf(objective[0]) + 1e-5f);
    plain->log_softmax(x[1], V);
    k->log_softmax(y[1], V);
    same(k, "log_softmax", 1, V, 1e-5, 1e-5);
}

/* ln p of a teacher, as small as they get. */
static void fill_soft(float *to, size_t V)
{
    fill_normal(&rng, to, V, 3);
    for (size_t v = 0; v < V; v++) {
        to[v] = -fabsf(to[v]);
    }
    to[V - 1] = -100.0f;
}

static void check_soft_loss(const struct stg_kernels *plain, const struct stg_kernels *k, size_t V, double scale,
                            float weight, float temperature)
{
    float loss[2];
    float objective[2];
    const size_t target = (size_t)stg_rng_below(&rng, V);
    fill_normal(&rng, a, V, scale);
    fill_soft(b, V);
    both(0, a, V);
    plain->soft_cross_entropy(x[0], &loss[0], &objective[0], b, V, target, 0.1f, weight, temperature, 0.25f);
    k->soft_cross_entropy(y[0], &loss[1], &objective[1], b, V, target, 0.1f, weight, temperature, 0.25f);
    same(k, "soft_cross_entropy: gradient", 0, V, 1e-4, 1e-6 * (double)fmaxf(temperature, 1));
    assert_true(fabsf(loss[0] - loss[1]) <= 1e-5f * fabsf(loss[0]) + 1e-5f);
    assert_true(fabsf(objective[0] - objective[1]) <=
                1e-5f * fabsf(objective[0]) + 1e-5f * fmaxf(1, temperature * temperature));
    /* Without weight it is the other kernel. */
    both(0, a, V);
    k->cross_entropy(y[0], &loss[0], &objective[0], V, target, 0.1f, 0.25f);
    k->soft_cross_entropy(x[0], &loss[1], &objective[1], b, V, target, 0.1f, 0.0f, temperature, 0.25f);
    same(k, "soft_cross_entropy: without weight", 0, V, 1e-4, 1e-6);
    assert_true(fabsf(objective[0] - objective[1]) <= 1e-5f * fabsf(objective[0]) + 1e-5f);
    /* Nothing is to be learned from a teacher of the same mind, whatever its normalisation. */
    for (size_t v = 0; v < V && scale <= 30; v++) {
        x[0][v] = a[v] + 3;
    }
    if (scale <= 30) {
        k->soft_cross_entropy(x[0], &loss[0], &objective[0], a, V, target, 0.1f, 1.0f, temperature, 1.0f);
        assert_true(fabsf(objective[0]) <= 1e-5f * fmaxf(1, temperature * temperature));
        for (size_t v = 0; v < V; v++) {
            assert_true(fabsf(x[0][v]) <= 1e-6f * fmaxf(1, temperature));
        }
    }
}

static void check_losses(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    static const size_t widths[] = {2, 3, 7, 8, 11, 15, 16, 17, 31, 33, 95, 397};
    static const double scales[] = {0, 1e-40, 1, 30, 1e4};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        for (size_t s = 0; s < sizeof scales / sizeof scales[0]; s++) {
            check_loss(plain, k, widths[i], scales[s], 0.0f);
            check_loss(plain, k, widths[i], scales[s], 0.1f);
            check_soft_loss(plain, k, widths[i], scales[s], 0.9f, 2.0f);
            check_soft_loss(plain, k, widths[i], scales[s], 0.5f, 1.0f);
            check_soft_loss(plain, k, widths[i], scales[s], 1.0f, 8.0f);
        }
    }
}

static void losses(void **state)
{
    (void)state;
    each_variant(check_losses);
}

/* The definition itself, in double, by central differences of the objective. */
static void soft_targets_have_their_gradient(void **state)
{
    enum { V = 7, TARGET = 2 };
    const struct stg_kernels *plain = stg_kernels_all()[0];
    (void)state;
    fill_normal(&rng, a, V, 1);
    fill_soft(b, V);
    for (size_t v = 0; v < V; v++) {
        float loss;
        float objective[2];
        memcpy(c, a, V * sizeof(float));
        plain->soft_cross_entropy(c, &loss, &objective[0], b, V, TARGET, 0.1f, 0.7f, 3.0f, 1.0f);
        const float gradient = c[v];
        for (size_t i = 0; i < 2; i++) {
            memcpy(d, a, V * sizeof(float));
            d[v] += i == 0 ? 0.03125f : -0.03125f;
            plain->soft_cross_entropy(d, &loss, &objective[i], b, V, TARGET, 0.1f, 0.7f, 3.0f, 1.0f);
        }
        assert_true(fabsf((objective[0] - objective[1]) / 0.0625f - gradient) <= 1e-3f);
    }
}

static void check_one_output_takes_all(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    (void)plain;
    for (size_t i = 0; i < 17; i++) {
        a[i] = i == 5 ? 1e4f : -1e4f;
    }
    both(0, a, 17);
    k->log_softmax(y[0], 17);
    assert_true(y[0][5] == 0.0f && y[0][0] == -2e4f);
    float loss;
    float objective;
    both(0, a, 17);
    k->cross_entropy(y[0], &loss, &objective, 17, 0, 0.0f, 1.0f);
    assert_true(loss == 2e4f && objective == 2e4f);
    for (size_t i = 0; i < 17; i++) { /* one to it, minus one to the target, nothing to the others */
        const float expected = i == 5 ? 1.0f : i == 0 ? -1.0f : 0.0f;
        assert_true(fabsf(y[0][i] - expected) <= 1e-6f);
    }
}

static void one_output_takes_all(void **state)
{
    (void)state;
    each_variant(check_one_output_takes_all);
}

static void check_dropout_masks_are_identical(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    static const size_t sizes[] = {1, 7, 16, 33, 1000, 4097};
    static const float rates[] = {0.0f, 0.05f, 0.5f, 0.9f};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] * 4; i++) {
        const size_t n = sizes[i / 4];
        const float p = rates[i % 4];
        const uint64_t key = stg_rng_next(&rng);
        size_t n_dropped = 0;
        fill_normal(&rng, a, n, 1);
        both(0, a, n);
        plain->dropout(x[0], x[0], n, 5, key, p); /* in place */
        k->dropout(y[0], a, n / 3, 5, key, p);
        k->dropout(y[0] + n / 3, a + n / 3, n - n / 3, 5 + (uint32_t)(n / 3), key, p); /* the mask goes on */
        same(k, "dropout", 0, n, 1e-6, 0);
        for (size_t j = 0; j < n; j++) {
            assert_int_equal(x[0][j] == 0.0f, y[0][j] == 0.0f);
            n_dropped += y[0][j] == 0.0f;
        }
        /* 5 standard deviations of a binomial */
        assert_true(fabs((double)n_dropped - (double)p * (double)n) <=
                    5.0 * sqrt((double)n * (double)p * (1.0 - (double)p)));
    }
}

static void dropout_masks_are_identical(void **state)
{
    (void)state;
    each_variant(check_dropout_masks_are_identical);
}

static void check_sums(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    static const size_t sizes[] = {1, 5, 8, 17, 31, 95, 256, 1023, 6000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t n = sizes[i];
        fill_normal(&rng, a, n, 1);
        fill_normal(&rng, b, n, 1);
        both(0, b, n);
        plain->add(x[0], a, n);
        k->add(y[0], a, n);
        same(k, "add", 0, n, 0, 0);
        const double expected = plain->square_sum(a, n);
        assert_true(fabs(k->square_sum(a, n) - expected) <= 1e-5 * expected);
        if (n < 256) {
            fill_normal(&rng, a, 9 * (n + 2), 1);
            both(0, b, n);
            plain->column_sums(x[0], a, n + 2, 9, n);
            k->column_sums(y[0], a, n + 2, 9, n);
            same(k, "column_sums", 0, n, 1e-6, 1e-6);
        }
    }
}

/* The same elements in the same order, apart or in place, and nothing behind the room. */
static void check_splits(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    static float want[2][600], got[2][600];
    for (size_t n = 0; n < 120; n++) {
        for (unsigned kinds = 1; kinds < 300; kinds *= 6) {
            for (size_t i = 0; i < n; i++) {
                a[i] = (float)stg_rng_below(&rng, kinds) - 2.0f;
            }
            const float bound = n == 0 || kinds == 36 ? (n % 2 == 0 ? INFINITY : -INFINITY) : a[n / 2];
            size_t high[3], low[3];
            memset(want, 0, sizeof want);
            memset(got, 0, sizeof got);
            low[0] = plain->split(want[0], want[1], &high[0], a, n, bound);
            got[0][n + STG_SPLIT_ROOM] = got[1][n + STG_SPLIT_ROOM] = 7;
            low[1] = k->split(got[0], got[1], &high[1], a, n, bound);
            assert_true(low[0] == low[1] && high[0] == high[1]);
            assert_memory_equal(got[0], want[0], low[0] * sizeof(float));
            assert_memory_equal(got[1], want[1], high[0] * sizeof(float));
            assert_true(got[0][n + STG_SPLIT_ROOM] == 7 && got[1][n + STG_SPLIT_ROOM] == 7);
            for (int place = 0; place < 2; place++) {
                memcpy(got[place], a, n * sizeof(float));
                low[2] = k->split(got[0], got[1], &high[2], got[place], n, bound);
                assert_true(low[0] == low[2] && high[0] == high[2]);
                assert_memory_equal(got[0], want[0], low[0] * sizeof(float));
                assert_memory_equal(got[1], want[1], high[0] * sizeof(float));
            }
            for (size_t i = 0; i < n; i++) {
                high[0] -= a[i] > bound;
                low[0] -= a[i] < bound;
            }
            assert_true(low[0] == 0 && high[0] == 0);
        }
    }
}

static void splits(void **state)
{
    (void)state;
    each_variant(check_splits);
}

/* Of times near and far, at the ends of a quarter of the circle, and of what is no time. */
static void sinusoids(void **state)
{
    (void)state;
    static const double ends[] = {
        0,      -0.0,   5e-324, 1e-300, 1e-8, 0x1.921fb54442d18p-1, 0x1.921fb54442d18p0, 0x1.2d97c7f3321d2p1,
        0x1p49, 0x1p50, 0x1p51, 1e300};
    enum { MOST = 24 };
    double scale[MOST];
    for (size_t i = 0; i < MOST; i++) {
        scale[i] = pow(10000, -(double)i / MOST);
    }
    const struct stg_kernels *const *all = stg_kernels_all();
    for (size_t i = 1; all[i] != NULL; i++) {
        for (size_t n = 1; n <= MOST; n++) {
            for (size_t at = 0; at < 400; at++) {
                const size_t n_ends = sizeof ends / sizeof ends[0];
                const double near = at < n_ends ? ends[at] : pow(2, (double)(at % 55) - 5) * (1 + (double)at / 400);
                const double v = at % 2 == 0 ? near : -near;
                both(0, a, 2 * n);
                all[0]->waves(x[0], v, scale, n);
                all[i]->waves(y[0], v, scale, n);
                same(all[i], "waves", 0, 2 * n, 0, 1.2e-7);
            }
        }
        y[0][0] = y[0][1] = 0;
        all[i]->waves(y[0], NAN, scale, 1);
        uint32_t bits;
        memcpy(&bits, &y[0][0], sizeof bits);
        assert_true((bits & 0x7fffffffu) > 0x7f800000u);
    }
}

static void sums(void **state)
{
    (void)state;
    each_variant(check_sums);
}

static void check_adam_steps(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    static const size_t sizes[] = {1, 7, 16, 33, 1000};
    static const double scales[] = {0, 1e-42, 1e-20, 1e-3, 1, 1e10};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] * 12; i++) {
        const size_t n = sizes[i / 12];
        const double before =
            i % 2 == 0 ? 1 : 0; /* from the first step on, when a small gradient's square is denormal */
        fill_normal(&rng, a, n, scales[i / 2 % 6]);
        fill_normal(&rng, b, n, 1);
        both(0, b, n);
        fill_normal(&rng, b, n, 1e-3 * before);
        both(1, b, n);
        fill_normal(&rng, b, n, 1e-2 * before);
        for (size_t j = 0; j < n; j++) {
            b[j] *= b[j];
        }
        both(2, b, n);
        plain->adam(x[0], x[1], x[2], a, n, 0.5f, 0.9f, 0.999f, 1e-3f, 2.0f, 1e-8f);
        k->adam(y[0], y[1], y[2], a, n, 0.5f, 0.9f, 0.999f, 1e-3f, 2.0f, 1e-8f);
        same(k, "adam: value", 0, n, 1e-5, 1e-6);
        same(k, "adam: moment 1", 1, n, 1e-5, 1e-9);
        same(k, "adam: moment 2", 2, n, 1e-5, 1e-12);
    }
}

static void adam_steps(void **state)
{
    (void)state;
    each_variant(check_adam_steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_begins_with_plain),
        cmocka_unit_test(products),
        cmocka_unit_test(gates),
        cmocka_unit_test(losses),
        cmocka_unit_test(soft_targets_have_their_gradient),
        cmocka_unit_test(one_output_takes_all),
        cmocka_unit_test(dropout_masks_are_identical),
        cmocka_unit_test(sinusoids),
        cmocka_unit_test(sums),
        cmocka_unit_test(splits),
        cmocka_unit_test(adam_steps),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
