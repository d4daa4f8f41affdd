/* Layer normalisation and activations: the definitions' gradients against finite differences, every variant against the
 * definition, at odd widths and extremes, in memory that ends where the arrays end. */
#include "compute/kernels.h"

#include "compute_support.h"

#include <string.h>

enum { MAX_ARRAYS = 17 };

static struct stg_rng rng;

/* Arrays of one check, each ending at an inaccessible page. */
struct arrays {
    struct tail tail[MAX_ARRAYS];
    size_t n;
};

static float *array(struct arrays *s, size_t n, double scale)
{
    assert_true(s->n < MAX_ARRAYS);
    float *v = tail_new(&s->tail[s->n++], n * sizeof(float));
    fill_normal(&rng, v, n, scale);
    return v;
}

static float *copy(struct arrays *s, const float *of, size_t n)
{
    return memcpy(array(s, n, 0), of, n * sizeof(float));
}

static void release(struct arrays *s)
{
    while (s->n > 0) {
        tail_free(&s->tail[--s->n]);
    }
}

static void check_layer_norm(const struct stg_kernels *plain, const struct stg_kernels *k, size_t N, size_t C,
                             double scale)
{
    struct arrays s = {.n = 0};
    const float *x = array(&s, N * C, scale);
    const float *dy = array(&s, N * C, 1);
    const float *gamma = array(&s, C, 1);
    const float *beta = array(&s, C, 1);
    float *mean[2] = {array(&s, N, 0), array(&s, N, 0)};
    float *rstd[2] = {array(&s, N, 0), array(&s, N, 0)};
    float *y[2] = {array(&s, N * C, 0), copy(&s, x, N * C)};
    plain->layer_norm_forward(y[0], mean[0], rstd[0], x, gamma, beta, N, C, 1e-5f);
    k->layer_norm_forward(y[1], mean[1], rstd[1], y[1], gamma, beta, N, C, 1e-5f); /* in place */
    assert_near(k->name, "layer_norm: mean", mean[1], mean[0], N, 1e-6, 1e-6 * scale);
    assert_near(k->name, "layer_norm: rstd", rstd[1], rstd[0], N, 1e-5, 0);
    assert_near(k->name, "layer_norm: y", y[1], y[0], N * C, 1e-5, 1e-5);
    float *alone = array(&s, C, 0); /* each row is to the bit what it is alone */
    for (size_t n = 0; n < N; n++) {
        float of_row[2];
        k->layer_norm_forward(alone, &of_row[0], &of_row[1], x + n * C, gamma, beta, 1, C, 1e-5f);
        assert_memory_equal(alone, y[1] + n * C, C * sizeof(float));
    }

    float *dgamma[2] = {copy(&s, beta, C), copy(&s, beta, C)}; /* added to what is there */
    float *dbeta[2] = {copy(&s, gamma, C), copy(&s, gamma, C)};
    float *dx[2] = {array(&s, N * C, 0), copy(&s, dy, N * C)};
    plain->layer_norm_backward(dx[0], dgamma[0], dbeta[0], dy, x, mean[0], rstd[0], gamma, N, C);
    k->layer_norm_backward(dx[1], dgamma[1], dbeta[1], dx[1], x, mean[0], rstd[0], gamma, N, C); /* in place of dy */
    assert_near(k->name, "layer_norm: dx", dx[1], dx[0], N * C, 1e-4, 2e-5 * (double)rstd[0][0]);
    assert_near(k->name, "layer_norm: dgamma", dgamma[1], dgamma[0], C, 1e-5, 1e-5 * (double)N);
    assert_near(k->name, "layer_norm: dbeta", dbeta[1], dbeta[0], C, 1e-5, 1e-5 * (double)N);
    release(&s);
}

static void check_layer_norms(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    static const size_t widths[] = {1, 2, 7, 8, 15, 16, 17, 33, 64, 100, 168, 300};
    static const double scales[] = {1e-42, 1e-6, 1e-2, 1, 1e3, 1e10};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        for (size_t j = 0; j < sizeof scales / sizeof scales[0]; j++) {
            check_layer_norm(plain, k, 1 + (i * 5 + j) % 9, widths[i], scales[j]);
        }
    }
}

static void layer_norms(void **state)
{
    (void)state;
    each_variant(check_layer_norms);
}

static void check_swiglu(const struct stg_kernels *plain, const struct stg_kernels *k, size_t N, size_t C, double scale)
{
    struct arrays s = {.n = 0};
    const float *x = array(&s, N * 2 * C, scale);
    const float *dy = array(&s, N * C, 1);
    float *y[2] = {array(&s, N * C, 0), array(&s, N * C, 0)};
    plain->swiglu_forward(y[0], x, N, C);
    k->swiglu_forward(y[1], x, N, C);
    assert_near(k->name, "swiglu", y[1], y[0], N * C, 5e-6, 1e-30 * (1 + scale * scale));
    float *dx[2] = {array(&s, N * 2 * C, 0), copy(&s, x, N * 2 * C)};
    plain->swiglu_backward(dx[0], dy, x, N, C);
    k->swiglu_backward(dx[1], dy, dx[1], N, C); /* in place */
    assert_near(k->name, "swiglu: dx", dx[1], dx[0], N * 2 * C, 1e-5, 1e-6 * (1 + scale));
    release(&s);
}

static void check_activations(const struct stg_kernels *plain, const struct stg_kernels *k, size_t n, double scale)
{
    struct arrays s = {.n = 0};
    float *x = array(&s, n, scale);
    const float *dy = array(&s, n, 1);
    float *a = array(&s, n, 0);
    float *b = copy(&s, x, n);
    plain->gelu_forward(a, x, n);
    k->gelu_forward(b, b, n); /* in place */
    assert_near(k->name, "gelu", b, a, n, 2e-6, 1e-6 * scale + 1e-44);
    memcpy(b, dy, n * sizeof(float));
    plain->gelu_backward(a, dy, x, n);
    k->gelu_backward(b, b, x, n); /* in place of dy */
    assert_near(k->name, "gelu: dx", b, a, n, 2e-6, 2e-6);
    memcpy(b, x, n * sizeof(float));
    k->gelu_backward(b, dy, b, n); /* in place of x */
    assert_near(k->name, "gelu: dx in place of x", b, a, n, 2e-6, 2e-6);
    x[n / 2] = 0.0f;
    plain->relu_forward(a, x, n);
    k->relu_forward(b, x, n);
    assert_near(k->name, "relu", b, a, n, 0, 0);
    plain->relu_backward(a, dy, x, n);
    k->relu_backward(b, dy, b, n); /* y instead of x, in place */
    assert_near(k->name, "relu: dx", b, a, n, 0, 0);
    release(&s);
}

static void check_all_activations(const struct stg_kernels *plain, const struct stg_kernels *k)
{
    static const size_t sizes[] = {1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 100, 448};
    static const double scales[] = {0, 1e-42, 1e-6, 1, 10, 1e3, 1e10};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t j = 0; j < sizeof scales / sizeof scales[0]; j++) {
            check_swiglu(plain, k, 1 + (i + j) % 4, sizes[i], scales[j]);
            check_activations(plain, k, sizes[i], scales[j]);
        }
    }
}

static void activations(void **state)
{
    (void)state;
    each_variant(check_all_activations);
}

/* The functions themselves in double precision, to differentiate. */
enum { C = 5 };

static double exact_norm(const double *x, const float *gamma, const float *beta, const float *dy)
{
    double mean = 0;
    double variance = 0;
    double sum = 0;
    for (size_t c = 0; c < C; c++) {
        mean += x[c] / C;
    }
    for (size_t c = 0; c < C; c++) {
        variance += (x[c] - mean) * (x[c] - mean) / C;
    }
    for (size_t c = 0; c < C; c++) {
        sum += (double)dy[c] * ((x[c] - mean) / sqrt(variance + 1e-5) * (double)gamma[c] + (double)beta[c]);
    }
    return sum;
}

static double exact_swiglu(const double *x, const float *dy)
{
    double sum = 0;
    for (size_t c = 0; c < C; c++) {
        sum += (double)dy[c] * x[C + c] * x[c] / (1 + exp(-x[c]));
    }
    return sum;
}

static double exact_gelu(const double *x, const float *dy)
{
    double sum = 0;
    for (size_t c = 0; c < C; c++) {
        sum += (double)dy[c] * x[c] * 0.5 * erfc(-x[c] / sqrt(2));
    }
    return sum;
}

static void definitions_have_the_gradients_of_their_functions(void **state)
{
    const struct stg_kernels *k = stg_kernels_all()[0];
    float x[2 * C];
    float dy[C];
    float y[C];
    float gamma[C];
    float beta[C];
    float dx[3][2 * C] = {{0}};
    float sums[2][C] = {{0}};
    float mean;
    float rstd;
    (void)state;
    fill_normal(&rng, x, 2 * C, 1);
    fill_normal(&rng, dy, C, 1);
    fill_normal(&rng, gamma, C, 1);
    fill_normal(&rng, beta, C, 1);
    double at[2 * C];
    for (size_t i = 0; i < 2 * C; i++) {
        at[i] = (double)x[i];
    }
    double sum[3] = {0}; /* Σ dy·y of the forward functions */
    k->layer_norm_forward(y, &mean, &rstd, x, gamma, beta, 1, C, 1e-5f);
    k->layer_norm_backward(dx[0], sums[0], sums[1], dy, x, &mean, &rstd, gamma, 1, C);
    for (size_t c = 0; c < C; c++) {
        sum[0] += (double)(dy[c] * y[c]);
        assert_true(fabsf(sums[0][c] * gamma[c] + dy[c] * beta[c] - dy[c] * y[c]) < 1e-5f && sums[1][c] == dy[c]);
    }
    k->swiglu_forward(y, x, 1, C);
    k->swiglu_backward(dx[1], dy, x, 1, C);
    for (size_t c = 0; c < C; c++) {
        sum[1] += (double)(dy[c] * y[c]);
    }
    k->gelu_forward(y, x, C);
    k->gelu_backward(dx[2], dy, x, C);
    for (size_t c = 0; c < C; c++) {
        sum[2] += (double)(dy[c] * y[c]);
    }
    for (size_t i = 0; i < 2 * C; i++) {
        double side[2][3];
        for (size_t j = 0; j < 2; j++) {
            at[i] = (double)x[i] + (j == 0 ? 1e-5 : -1e-5);
            side[j][0] = exact_norm(at, gamma, beta, dy);
            side[j][1] = exact_swiglu(at, dy);
            side[j][2] = exact_gelu(at, dy);
        }
        at[i] = (double)x[i];
        for (size_t f = 0; f < 3; f++) { /* a mean of both sides is the function, their difference its slope */
            assert_true(fabs((side[0][f] + side[1][f]) / 2 - sum[f]) < 1e-5);
            assert_true((f != 1 && i >= C) || fabs((side[0][f] - side[1][f]) / 2e-5 - (double)dx[f][i]) < 1e-5);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layer_norms),
        cmocka_unit_test(activations),
        cmocka_unit_test(definitions_have_the_gradients_of_their_functions),
    };
    stg_rng_seed(&rng, 22);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
