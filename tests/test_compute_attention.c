/* Attention: the definition against a matrix of scores in double precision and its finite differences; every variant
 * against the definition, at odd sizes and extremes, in memory that ends where the arrays end; the streaming step
 * against forward. */
#include "compute/kernels.h"

#include "compute_support.h"

#include <stdlib.h>
#include <string.h>

static struct stg_rng rng;

/* A problem with all its arrays. qkv and dqkv are packed rows, out and dout have a row stride of their own width. */
struct problem {
    struct stg_attention a;
    size_t n, width; /* queries, heads × dim */
    float *qkv, *dout, *out, *lse, *dqkv, *scratch;
    struct tail tail[6];
};

static const float *q_of(const struct problem *p)
{
    return p->qkv + p->a.first_query * p->a.ld_q;
}

static void problem_init(struct problem *p, const struct stg_attention *a, const struct stg_kernels *k)
{
    p->a = *a;
    p->n = a->T - a->first_query;
    p->width = a->heads * a->dim;
    p->a.ld_q = p->a.ld_kv = 3 * p->width;
    p->a.ld_out = p->width;
    p->qkv = tail_new(&p->tail[0], a->T * 3 * p->width * sizeof(float));
    p->dout = tail_new(&p->tail[1], p->n * p->width * sizeof(float));
    p->out = tail_new(&p->tail[2], p->n * p->width * sizeof(float));
    p->lse = tail_new(&p->tail[3], p->n * a->heads * sizeof(float));
    p->dqkv = tail_new(&p->tail[4], a->T * 3 * p->width * sizeof(float));
    const size_t scratch = k->attention_scratch(&p->a); /* rounded up, because it is to be aligned */
    p->scratch = tail_new(&p->tail[5], (scratch + 15) / 16 * 16 * sizeof(float));
    memset(p->scratch, 0xff, scratch * sizeof(float)); /* NaN: nothing may be read before it is written */
    memset(p->out, 0xff, p->n * p->width * sizeof(float));
    memset(p->lse, 0xff, p->n * a->heads * sizeof(float));
    memset(p->dqkv, 0xff, a->T * 3 * p->width * sizeof(float));
}

static void problem_fini(struct problem *p)
{
    for (size_t i = 0; i < 6; i++) {
        tail_free(&p->tail[i]);
    }
}

static void problem_fill(struct problem *p, double scale)
{
    fill_normal(&rng, p->qkv, p->a.T * 3 * p->width, scale);
    fill_normal(&rng, p->dout, p->n * p->width, 1);
}

static void forward(const struct stg_kernels *k, struct problem *p)
{
    k->attention_forward(p->out, p->lse, q_of(p), p->qkv + p->width, p->qkv + 2 * p->width, &p->a, p->scratch);
}

static void backward(const struct stg_kernels *k, struct problem *p)
{
    k->attention_backward(p->dqkv + p->a.first_query * p->a.ld_q, p->dqkv + p->width, p->dqkv + 2 * p->width, p->dout,
                          q_of(p), p->qkv + p->width, p->qkv + 2 * p->width, p->out, p->lse, &p->a, p->scratch);
    for (size_t t = 0; t < p->a.first_query; t++) { /* rows without a query have no dq: nothing to compare */
        memset(p->dqkv + t * p->a.ld_q, 0, p->width * sizeof(float));
    }
}

static int sees(const struct stg_attention *a, size_t t, size_t s)
{
    return s <= t &&
           (a->window == 0 || s < a->n_global || ((t - s) % a->dilation == 0 && (t - s) / a->dilation < a->window));
}

/* One output row of one head in double precision; returns ln Σ exp. */
static double exact_row(double *out, const struct problem *p, const double *qkv, size_t t, size_t h)
{
    const struct stg_attention *a = &p->a;
    double scores[64];
    double max = -INFINITY;
    double sum = 0;
    for (size_t s = 0; s <= t; s++) {
        scores[s] = 0;
        for (size_t i = 0; i < a->dim; i++) {
            scores[s] +=
                qkv[t * a->ld_q + h * a->dim + i] * qkv[s * a->ld_q + p->width + h * a->dim + i] / sqrt((double)a->dim);
        }
        max = sees(a, t, s) && scores[s] > max ? scores[s] : max;
    }
    for (size_t i = 0; i < a->dim; i++) {
        out[i] = 0;
    }
    for (size_t s = 0; s <= t; s++) {
        const double e = sees(a, t, s) ? exp(scores[s] - max) : 0;
        sum += e;
        for (size_t i = 0; i < a->dim; i++) {
            out[i] += e * qkv[s * a->ld_q + 2 * p->width + h * a->dim + i];
        }
    }
    for (size_t i = 0; i < a->dim; i++) {
        out[i] /= sum;
    }
    return max + log(sum);
}

/* Σ dout·out, whose derivatives backward gives. */
static double objective(const struct problem *p, const double *qkv)
{
    double out[64];
    double sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        for (size_t h = 0; h < p->a.heads; h++) {
            (void)exact_row(out, p, qkv, p->a.first_query + i, h);
            for (size_t j = 0; j < p->a.dim; j++) {
                sum += out[j] * (double)p->dout[i * p->width + h * p->a.dim + j];
            }
        }
    }
    return sum;
}

static void check_exact(const struct stg_kernels *k, const struct stg_attention *a)
{
    struct problem p;
    double row[64] = {0};
    problem_init(&p, a, k);
    problem_fill(&p, 1);
    const size_t n = a->T * 3 * p.width;
    double *qkv = calloc(n, sizeof *qkv);
    assert_non_null(qkv);
    for (size_t i = 0; i < n; i++) {
        qkv[i] = (double)p.qkv[i];
    }
    forward(k, &p);
    for (size_t i = 0; i < p.n; i++) {
        for (size_t h = 0; h < a->heads; h++) {
            const double lse = exact_row(row, &p, qkv, a->first_query + i, h);
            assert_true(fabs((double)p.lse[h * p.n + i] - lse) < 1e-5);
            for (size_t j = 0; j < a->dim; j++) {
                assert_true(fabs((double)p.out[i * p.width + h * a->dim + j] - row[j]) < 1e-5);
            }
        }
    }
    backward(k, &p);
    for (size_t i = 0; i < n; i++) {
        const double x = qkv[i];
        qkv[i] = x + 1e-5;
        const double above = objective(&p, qkv);
        qkv[i] = x - 1e-5;
        const double below = objective(&p, qkv);
        qkv[i] = x;
        const double expected = i / p.a.ld_q < a->first_query && i % p.a.ld_q < p.width ? 0 : (above - below) / 2e-5;
        if (!(fabs((double)p.dqkv[i] - expected) < 1e-5 * (1 + fabs(expected)))) {
            fail_msg("%s: gradient %zu of row %zu: %g is not %g", k->name, i % p.a.ld_q, i / p.a.ld_q,
                     (double)p.dqkv[i], expected);
        }
    }
    free(qkv);
    problem_fini(&p);
}

/* T, first query, heads, dim, strides, window, dilation, global rows, bf16 */
#define SHAPE(T, first, heads, dim, window, dilation, n_global)      \
    {                                                                \
        T, first, heads, dim, 0, 0, 0, window, dilation, n_global, 0 \
    }
#define BF16_SHAPE(T, first, heads, dim, window, dilation, n_global) \
    {                                                                \
        T, first, heads, dim, 0, 0, 0, window, dilation, n_global, 1 \
    }

static void variants_against_double_precision(void **state)
{
    static const struct stg_attention shapes[] = {
        SHAPE(9, 0, 2, 5, 0, 1, 0),   SHAPE(9, 4, 1, 3, 0, 1, 0),  SHAPE(11, 0, 1, 4, 3, 1, 0),
        SHAPE(11, 0, 1, 4, 3, 1, 2),  SHAPE(13, 0, 2, 3, 3, 2, 0), SHAPE(13, 6, 1, 3, 2, 3, 4),
        SHAPE(5, 0, 1, 2, 1, 1, 0),   SHAPE(20, 0, 1, 2, 4, 3, 5), SHAPE(5, 0, 1, 2, 1, 1, 9),
        SHAPE(40, 33, 1, 6, 5, 2, 1),
    };
    (void)state;
    for (size_t v = 0; stg_kernels_all()[v] != NULL; v++) {
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            check_exact(stg_kernels_all()[v], &shapes[i]);
        }
    }
}

/* Root of the mean square of the differences, relative to that of what is expected; all zeros are let pass. */
static void assert_alike(const char *variant, const char *what, const float *got, const float *expected, size_t n,
                         double bound)
{
    double wrong = 0;
    double size = 0;
    for (size_t i = 0; i < n; i++) {
        wrong += ((double)got[i] - (double)expected[i]) * ((double)got[i] - (double)expected[i]);
        size += (double)expected[i] * (double)expected[i];
    }
    if (size > 1e-30 && !(sqrt(wrong / size) < bound)) {
        fail_msg("%s: %s: relative error %g of %zu elements, more than %g", variant, what, sqrt(wrong / size), n,
                 bound);
    }
}

/* scale: of q, k and v. An error of 1e-7 of a score of size s is one of s·1e-7 of a weight, so the bound grows with the
 * scores. */
static void check_variant(const struct stg_kernels *plain, const struct stg_kernels *k, const struct stg_attention *a,
                          double scale)
{
    struct problem x;
    struct problem y;
    const double bound = a->bf16 ? 0.04 : 2e-6 * (1 + scale * scale) * (1 + scale);
    problem_init(&x, a, plain);
    problem_init(&y, a, k);
    problem_fill(&x, scale);
    memcpy(y.qkv, x.qkv, a->T * 3 * x.width * sizeof(float));
    memcpy(y.dout, x.dout, x.n * x.width * sizeof(float));
    forward(plain, &x);
    forward(k, &y);
    assert_near(k->name, "attention: out", y.out, x.out, x.n * x.width, bound, bound);
    assert_near(k->name, "attention: lse", y.lse, x.lse, x.n * a->heads, 2e-6, bound);
    if (a->bf16) {
        assert_alike(k->name, "attention: out in bf16", y.out, x.out, x.n * x.width, 0.01);
    }
    memcpy(y.out, x.out, x.n * x.width * sizeof(float)); /* so that only backward's own differences show */
    memcpy(y.lse, x.lse, x.n * a->heads * sizeof(float));
    backward(plain, &x);
    backward(k, &y);
    if (a->bf16) {
        assert_near(k->name, "attention: gradient in bf16", y.dqkv, x.dqkv, a->T * 3 * x.width, bound, bound);
        assert_alike(k->name, "attention: gradient in bf16", y.dqkv, x.dqkv, a->T * 3 * x.width, 0.02);
    } else {
        assert_near(k->name, "attention: gradient", y.dqkv, x.dqkv, a->T * 3 * x.width, 20 * bound, 20 * bound);
    }
    problem_fini(&x);
    problem_fini(&y);
}

static void every_variant(const struct stg_attention *a, double scale)
{
    const struct stg_kernels *const *all = stg_kernels_all();
    for (size_t i = 0; all[i] != NULL; i++) {
        check_variant(all[0], all[i], a, scale);
    }
}

static void full_attention(void **state)
{
    static const size_t lengths[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 95, 97, 130, 200, 261};
    static const size_t dims[] = {1, 7, 8, 16, 17, 32, 42, 50, 64, 80, 128};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t j = 0; j < 3; j++) {
            const size_t T = lengths[i];
            every_variant(&(struct stg_attention)SHAPE(T, 0, 1 + j, dims[(i + j * 5) % 11], 0, 1, 0), 1);
            every_variant(&(struct stg_attention)SHAPE(T, T / 2, 1, dims[(i + j * 3) % 11], 0, 1, 0), 1);
            every_variant(&(struct stg_attention)SHAPE(T, T - 1, 1, 42, 0, 1, 0), 1);
            every_variant(&(struct stg_attention)SHAPE(T, 0, 1, 8, 0, 3, 1 + j),
                          1); /* neither is read without a window */
        }
    }
}

static void banded_attention(void **state)
{
    static const size_t lengths[] = {1, 2, 9, 16, 31, 32, 33, 64, 100, 131, 300};
    static const size_t windows[] = {1, 2, 5, 16, 32, 33, 100, 1000};
    static const size_t globals[] = {0, 1, 3, 17, 70};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t j = 0; j < sizeof windows / sizeof windows[0]; j++) {
            const size_t T = lengths[i];
            const size_t n_global = globals[(i + j) % 5];
            const size_t first = (i + j) % 3 == 0 ? T / 3 : 0;
            every_variant(&(struct stg_attention)SHAPE(T, 0, 1, 42, windows[j], 1, 0), 1);
            every_variant(&(struct stg_attention)SHAPE(T, first, 2, 9 + j, windows[j], 1, n_global), 1);
            every_variant(&(struct stg_attention)SHAPE(T, first, 1, 20 - i, windows[j], 1 + j % 4, n_global), 1);
        }
    }
}

static void rounded_attention(void **state)
{
    static const size_t lengths[] = {1, 2, 3, 9, 16, 31, 33, 64, 65, 97, 130, 261};
    static const size_t dims[] = {7, 16, 17, 42, 64, 1, 80};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t j = 0; j < sizeof dims / sizeof dims[0]; j++) {
            const size_t T = lengths[i];
            const size_t first = (i + j) % 3 == 0 ? T / 2 : 0;
            every_variant(&(struct stg_attention)BF16_SHAPE(T, first, 1 + j % 2, dims[j], 0, 1, 0), 1);
            every_variant(&(struct stg_attention)BF16_SHAPE(T, first, 1, dims[j], 1 + i * 5, 1, j % 3), 1);
            every_variant(&(struct stg_attention)BF16_SHAPE(T, first, 1, dims[j], 1 + i * 3, 1 + j % 4, i % 7), 1);
        }
    }
}

static void extreme_scores(void **state)
{
    static const double scales[] = {0, 1e-42, 1e-20, 1e-3, 10, 50};
    (void)state;
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        every_variant(&(struct stg_attention)SHAPE(70, 0, 2, 42, 0, 1, 0), scales[i]);
        every_variant(&(struct stg_attention)SHAPE(70, 0, 1, 16, 5, 2, 3), scales[i]);
    }
}

/* One score far above all others: its value is the output, whatever comes before and after it. */
static void one_key_takes_all(void **state)
{
    enum { T = 150, DIM = 10 };
    static const struct stg_attention a = SHAPE(T, 0, 1, DIM, 0, 1, 0);
    (void)state;
    for (size_t i = 0; stg_kernels_all()[i] != NULL; i++) {
        struct problem p;
        problem_init(&p, &a, stg_kernels_all()[i]);
        problem_fill(&p, 1);
        for (size_t t = 0; t < T; t++) {
            p.qkv[t * p.a.ld_q] = 1e10f;
            p.qkv[t * p.a.ld_q + DIM] = t == 77 ? 1e10f : -1e10f;
        }
        forward(stg_kernels_all()[i], &p);
        for (size_t t = 77; t < T; t++) {
            assert_near(stg_kernels_all()[i]->name, "winner", p.out + t * DIM, p.qkv + 77 * p.a.ld_q + 2 * DIM, DIM,
                        1e-6, 0);
        }
        problem_fini(&p);
    }
}

/* A cache in bf16 gives what the same numbers in float give. */
static void check_half_step(const struct stg_kernels *k, const struct stg_attention *one, const float *q,
                            const float *cache, size_t n, size_t ring, float *scratch)
{
    const size_t width = one->heads * one->dim;
    struct tail tail[3];
    uint16_t *half = tail_new(&tail[0], n * sizeof *half);
    float *rounded = tail_new(&tail[1], n * sizeof *rounded);
    float *out = tail_new(&tail[2], 2 * width * sizeof *out);
    k->to_bf16(half, cache, n);
    k->from_bf16(rounded, half, n);
    k->attention_step(out, q, rounded, rounded + width, one, ring, scratch);
    k->bf16_attention_step(out + width, q, half, half + width, one, ring, scratch);
    assert_near(k->name, "bf16_attention_step", out + width, out, width, 2e-6, 2e-6);
    for (size_t i = 0; i < 3; i++) {
        tail_free(&tail[i]);
    }
}

/* Rows one by one, from a cache of all rows and from a ring, give what forward gives. */
static void check_steps(const struct stg_kernels *k, const struct stg_attention *a)
{
    struct problem p;
    struct tail tail[2];
    problem_init(&p, a, k);
    problem_fill(&p, 1);
    const size_t n_global = a->window == 0 ? 0 : a->n_global;
    const size_t ring = a->window == 0 ? a->T : (a->window - 1) * a->dilation + 1 + a->T % 3;
    float *cache = tail_new(&tail[0], (n_global + ring) * 2 * p.width * sizeof(float));
    float *out = tail_new(&tail[1], p.width * sizeof(float));
    memset(cache, 0, (n_global + ring) * 2 * p.width * sizeof(float));
    forward(k, &p);
    for (size_t t = 0; t < a->T; t++) {
        struct stg_attention one = p.a;
        const size_t at = t < n_global ? t : n_global + (t - n_global) % ring;
        one.T = t + 1;
        k->attention_step(out, p.qkv + t * p.a.ld_q, p.qkv + p.width, p.qkv + 2 * p.width, &one, 0, p.scratch);
        assert_near(k->name, "attention_step", out, p.out + t * p.width, p.width, 2e-6, 2e-6);
        memcpy(cache + at * 2 * p.width, p.qkv + t * p.a.ld_q + p.width, 2 * p.width * sizeof(float));
        one.ld_kv = 2 * p.width;
        k->attention_step(out, p.qkv + t * p.a.ld_q, cache, cache + p.width, &one, ring, p.scratch);
        assert_near(k->name, "attention_step from a ring", out, p.out + t * p.width, p.width, 2e-6, 2e-6);
        check_half_step(k, &one, p.qkv + t * p.a.ld_q, cache, (n_global + ring) * 2 * p.width, ring, p.scratch);
    }
    tail_free(&tail[0]);
    tail_free(&tail[1]);
    problem_fini(&p);
}

static void steps_equal_forward(void **state)
{
    static const struct stg_attention shapes[] = {
        SHAPE(100, 0, 2, 42, 0, 1, 0), SHAPE(40, 0, 3, 5, 0, 1, 0), SHAPE(100, 0, 2, 42, 32, 1, 1),
        SHAPE(60, 0, 1, 16, 4, 3, 5),  SHAPE(1, 0, 1, 1, 1, 1, 1),  SHAPE(30, 0, 1, 7, 6, 2, 0),
        SHAPE(20, 0, 1, 7, 0, 3, 4), /* the last two are not read */
    };
    (void)state;
    for (size_t v = 0; stg_kernels_all()[v] != NULL; v++) {
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            check_steps(stg_kernels_all()[v], &shapes[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_against_double_precision),
        cmocka_unit_test(full_attention),
        cmocka_unit_test(banded_attention),
        cmocka_unit_test(rounded_attention),
        cmocka_unit_test(extreme_scores),
        cmocka_unit_test(one_key_takes_all),
        cmocka_unit_test(steps_equal_forward),
    };
    stg_rng_seed(&rng, 21);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
