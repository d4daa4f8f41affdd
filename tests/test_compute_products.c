/* Products in bf16, weight gradients and conversion: every variant against the definition, at odd sizes, in memory that
 * ends where the arrays end; the definition of bf16 against the rule it follows. */
#include "compute/kernels.h"

#include "compute/product.h"
#include "compute_support.h"

#include <string.h>

static struct stg_rng rng;

/* B rows of x (B,K) by w (K,N), or by w (N,K) transposed; strides wider than rows. Added to a bias, to what is there,
 * to nothing. */
static void check_product(const struct stg_kernels *plain, const struct stg_kernels *k, size_t B, size_t K, size_t N,
                          int transposed)
{
    const struct stg_kernels *const variant[2] = {plain, k};
    const size_t ldw = (transposed ? K : N) + 3;
    const size_t ldx = K + 1;
    const size_t ld_out = N + 2;
    struct tail tail[6];
    const size_t n_w = ((transposed ? N : K) - 1) * ldw + (transposed ? K : N);
    const size_t n_out = (B - 1) * ld_out + N;
    float *w = tail_new(&tail[0], n_w * sizeof(float));
    float *x = tail_new(&tail[1], ((B - 1) * ldx + K) * sizeof(float));
    float *out[2] = {tail_new(&tail[2], n_out * sizeof(float)), tail_new(&tail[3], n_out * sizeof(float))};
    float *bias = tail_new(&tail[4], N * sizeof(float));
    fill_normal(&rng, w, n_w, 1);
    fill_normal(&rng, x, (B - 1) * ldx + K, 1);
    fill_normal(&rng, bias, N, 1);
    fill_normal(&rng, out[0], n_out, 1);
    memcpy(out[1], out[0], n_out * sizeof(float));
    for (int how = 0; how < 3; how++) {
        for (size_t i = 0; i < 2; i++) {
            const size_t size = (variant[i]->bf16_packed_size(K, N) + 31) / 32 * 32; /* so that it is aligned */
            uint16_t *packed = tail_new(&tail[5], size * sizeof(uint16_t));
            (transposed ? variant[i]->bf16_pack_transposed : variant[i]->bf16_pack)(packed, w, ldw, K, N);
            const float *start = how == 0 ? bias : how == 1 ? out[i] : NULL;
            variant[i]->bf16_rows_product(out[i], ld_out, start, how == 0 ? 0 : ld_out, x, ldx, packed, B, K, N);
            tail_free(&tail[5]);
        }
        assert_near(k->name, "bf16_rows_product", out[1], out[0], n_out, 1e-5, 1e-5 * sqrt((double)K));
    }
    for (size_t i = 0; i < 5; i++) {
        tail_free(&tail[i]);
    }
}

/* Leaves NaN where a product before may have left what it rounded. */
static void poison(const struct stg_kernels *k)
{
    enum { B = 64, K = 300 };
    static float x[B * K], out[B];
    static uint16_t packed[4096 * 16] __attribute__((aligned(64)));
    assert_true(k->bf16_packed_size(K, 1) <= sizeof packed / sizeof packed[0]);
    for (size_t i = 0; i < B * K; i++) {
        x[i] = NAN;
    }
    k->bf16_rows_product(out, 1, NULL, 0, x, K, packed, B, K, 1);
    assert_true(out[0] != out[0]);
}

static void check_products(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    static const size_t sizes[][2] = {{1, 1},   {2, 16},  {3, 5},   {7, 31},  {8, 32}, {17, 33},
                                      {33, 64}, {40, 95}, {95, 17}, {64, 66}, {9, 168}};
    for (size_t B = 1; B <= 17; B++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            poison(k);
            check_product(plain, k, B, sizes[i][0], sizes[i][1], 0);
            check_product(plain, k, B, sizes[i][0], sizes[i][1], 1);
        }
    }
    check_product(plain, k, 3, 9001, 5, 0); /* more than is rounded at once, in K and in rows */
    check_product(plain, k, 300, 257, 40, 0);
}

static void products(void **state)
{
    (void)state;
    each_variant(check_products);
}

static void check_gradient(const struct stg_kernels *plain, const struct stg_kernels *k, size_t M, size_t K, size_t N)
{
    struct tail tail[4];
    const size_t ldx = K + 1;
    const size_t ldy = N + 5;
    const size_t ldw = N + 2;
    const size_t n_w = (K - 1) * ldw + N;
    float *x = tail_new(&tail[0], ((M - 1) * ldx + K) * sizeof(float));
    float *dy = tail_new(&tail[1], ((M - 1) * ldy + N) * sizeof(float));
    float *dw[2] = {tail_new(&tail[2], n_w * sizeof(float)), tail_new(&tail[3], n_w * sizeof(float))};
    fill_normal(&rng, x, (M - 1) * ldx + K, 1);
    fill_normal(&rng, dy, (M - 1) * ldy + N, 1);
    fill_normal(&rng, dw[0], n_w, 1);
    memcpy(dw[1], dw[0], n_w * sizeof(float));
    plain->weight_gradient(dw[0], ldw, x, ldx, dy, ldy, M, K, N);
    k->weight_gradient(dw[1], ldw, x, ldx, dy, ldy, M, K, N);
    assert_near(k->name, "weight_gradient", dw[1], dw[0], n_w, 1e-5, 1e-5 * sqrt((double)M));
    plain->bf16_weight_gradient(dw[0], ldw, x, ldx, dy, ldy, M, K, N);
    k->bf16_weight_gradient(dw[1], ldw, x, ldx, dy, ldy, M, K, N);
    assert_near(k->name, "bf16_weight_gradient", dw[1], dw[0], n_w, 1e-5, 1e-5 * sqrt((double)M));
    for (size_t i = 0; i < 4; i++) {
        tail_free(&tail[i]);
    }
}

static void check_gradients(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    static const size_t sizes[][2] = {{1, 1}, {7, 31}, {8, 48}, {9, 49}, {4, 24}, {17, 95}, {300, 20}, {16, 144}};
    static const size_t rows[] = {1, 2, 3, 64, 191, 192, 193, 400};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
            check_gradient(plain, k, rows[j], sizes[i][0], sizes[i][1]);
        }
    }
}

static void gradients(void **state)
{
    (void)state;
    each_variant(check_gradients);
}

/* The definition's rounding: the nearer of the two neighbours, in a tie the even one. */
static void bf16_is_rounded_to_nearest_even(void **state)
{
    const struct stg_kernels *k = stg_kernels_all()[0];
    (void)state;
    for (size_t i = 0; i < 100000; i++) {
        const uint32_t bits =
            i < 65536 ? (uint32_t)i << 15 : (uint32_t)stg_rng_next(&rng); /* all ties of positive numbers first */
        float x;
        float neighbour[2];
        uint16_t y;
        memcpy(&x, &bits, sizeof x);
        k->to_bf16(&y, &x, 1);
        if (x != x) {
            k->from_bf16(&x, &y, 1);
            assert_true(x != x);
            continue;
        }
        const uint16_t both[2] = {(uint16_t)(bits >> 16), (uint16_t)((bits >> 16) + 1)};
        k->from_bf16(neighbour, both, 2);
        const double below = fabs((double)x - (double)neighbour[0]);
        const double above =
            fabs((double)neighbour[1] - (double)x); /* infinite behind the largest: then only a tie is in question */
        if (isfinite(neighbour[1]) && below != above) {
            assert_int_equal(y, below < above ? both[0] : both[1]);
        } else if (isfinite(neighbour[1])) {
            assert_int_equal(y, both[both[0] % 2]);
        }
    }
}

static void check_conversion(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    enum { N = 999 };
    uint32_t bits[N];
    float x[N];
    uint16_t y[2][N];
    float back[2][N];
    for (size_t round = 0; round < 100; round++) {
        for (size_t i = 0; i < N; i++) {
            bits[i] = (uint32_t)stg_rng_next(&rng) & (round % 2 == 0 ? 0xffffffffu : 0xffff8000u);
        }
        memcpy(x, bits, sizeof x);
        plain->to_bf16(y[0], x, N);
        k->to_bf16(y[1], x, N);
        assert_memory_equal(y[0], y[1], sizeof y[0]);
        plain->from_bf16(back[0], y[0], N);
        k->from_bf16(back[1], y[0], N);
        assert_memory_equal(back[0], back[1], sizeof back[0]);
    }
}

static void conversions_are_identical(void **state)
{
    (void)state;
    each_variant(check_conversion);
}

/* The three products of a layer in both precisions against sums in double precision, and that a row does not depend on
 * others. */
static void layers(void **state)
{
    enum { M = 300, K = 19, N = 137 };
    static float x[M * K], w[K * N], dy[M * N], y[M * N], dx[M * K], dw[K * N], one[N];
    (void)state;
    for (int precision = STG_PRECISION_F32; precision <= STG_PRECISION_BF16; precision++) {
        struct stg_product p;
        const double bound = precision == STG_PRECISION_BF16 ? 0.2 : 3e-5; /* 2^-9 of each factor; both random */
        fill_normal(&rng, x, M * K, 1);
        fill_normal(&rng, w, K * N, 1);
        fill_normal(&rng, dy, M * N, 1);
        memset(dw, 0, sizeof dw);
        assert_int_equal(stg_product_init(&p, K, N, (enum stg_precision)precision, true), STG_OK);
        stg_product_pack(&p, w, N);
        stg_product_forward(&p, y, N, x, K, M, false);
        stg_product_forward(&p, y, N, x, K, M, true); /* twice the product */
        stg_product_backward(&p, dx, K, dy, N, M, false);
        stg_product_gradient(&p, dw, N, x, K, dy, N, M);
        for (size_t m = 0; m < M; m++) {
            for (size_t n = 0; n < N; n++) {
                double sum = 0;
                for (size_t k = 0; k < K; k++) {
                    sum += (double)x[m * K + k] * (double)w[k * N + n];
                }
                assert_true(fabs((double)y[m * N + n] - 2 * sum) < 2 * bound);
            }
            for (size_t k = 0; k < K; k++) {
                double sum = 0;
                for (size_t n = 0; n < N; n++) {
                    sum += (double)dy[m * N + n] * (double)w[k * N + n];
                }
                assert_true(fabs((double)dx[m * K + k] - sum) < bound);
            }
            stg_product_forward(&p, one, N, x + m * K, K, 1, false);
            stg_product_forward(&p, one, N, x + m * K, K, 1, true);
            assert_memory_equal(one, y + m * N, sizeof one);
        }
        for (size_t k = 0; k < K; k++) {
            for (size_t n = 0; n < N; n++) {
                double sum = 0;
                for (size_t m = 0; m < M; m++) {
                    sum += (double)x[m * K + k] * (double)dy[m * N + n];
                }
                assert_true(fabs((double)dw[k * N + n] - sum) < bound * 10);
            }
        }
        stg_product_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(gradients),
        cmocka_unit_test(bf16_is_rounded_to_nearest_even),
        cmocka_unit_test(conversions_are_identical),
        cmocka_unit_test(layers),
    };
    stg_rng_seed(&rng, 23);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
