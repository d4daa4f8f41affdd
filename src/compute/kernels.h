/* CPU kernels: a table of functions, filled once for this processor. The plain C variant is the definition; the others
 * are checked against it and timed by the same harness. STRANGE_CPU=plain, avx2, avx512 or avx512bf16 forces a slower
 * (or the named) variant.
 *
 * Matrices are row-major. Arrays are float unless they say otherwise; sizes count elements. Nothing allocates. */
#ifndef STG_COMPUTE_KERNELS_H
#define STG_COMPUTE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Causal attention (Vaswani et al. 2017; windows of Beltagy et al. 2020) of one sequence of T rows. Row t sees the rows
 * s <= t that are all of them                                    if window is 0, else t − j·dilation, j = 0 … window −
 * 1             its band, itself included, and 0 … n_global − 1                               rows that every row sees;
 * none counts twice. q, k, v are rows of heads × dim elements, head after head, so the three parts of packed rows (T,
 * 3·heads·dim) are q, q + heads·dim and q + 2·heads·dim with ld_q = ld_kv = 3·heads·dim. The gradients dq, dk, dv have
 * the strides of q, k, v.
 *
 * first_query > 0 is the suffix form: q, out, lse, dq have only the T − first_query rows from first_query on (q points
 * at the first of these), k and v all T. So a long sequence can be done piece by piece. With a window, keys that no
 * query reaches can be left out altogether: n_global leading rows, then (window − 1)·dilation rows, then the piece. */
struct stg_attention {
    size_t T, first_query;
    size_t heads, dim;
    size_t ld_q, ld_kv, ld_out;        /* elements from row to row of q, of k and v, of out */
    size_t window, dilation, n_global; /* dilation >= 1, read only if window > 0, as n_global is */
    int bf16; /* forward and backward may round what they multiply to bf16 where that is faster; out is then good to
                 2^-7 */
};

#define STG_SPLIT_ROOM 16 /* a vector */

struct stg_kernels {
    const char *name; /* "plain", "avx2", "avx512", "avx512bf16" */

    /* Weights for rows_product: w (K,N) with row stride ldw, as panels; packed has packed_size(K, N) floats, 64-byte
     * aligned. */
    size_t (*packed_size)(size_t K, size_t N);
    void (*pack)(float *packed, const float *w, size_t ldw, size_t K, size_t N);
    void (*pack_transposed)(float *packed, const float *w, size_t ldw, size_t K, size_t N); /* of w (N,K) transposed */
    /* out (B,N) = start + x (B,K) · packed, for a matrix that is used again and again. Row b of start is at start +
     * b·ld_start: out itself is added to, a bias has ld_start 0, NULL are zeros. */
    void (*rows_product)(float *out, size_t ld_out, const float *start, size_t ld_start, const float *x, size_t ldx,
                         const float *packed, size_t B, size_t K, size_t N);

    /* The same with x and w rounded to bf16 (the upper half of a float, to nearest even) and sums in float: half the
     * memory, twice the speed where the processor multiplies bf16. packed has bf16_packed_size(K, N) elements, 64-byte
     * aligned. */
    size_t (*bf16_packed_size)(size_t K, size_t N);
    void (*bf16_pack)(uint16_t *packed, const float *w, size_t ldw, size_t K, size_t N);
    void (*bf16_pack_transposed)(uint16_t *packed, const float *w, size_t ldw, size_t K,
                                 size_t N); /* of w (N,K) transposed */
    void (*bf16_rows_product)(float *out, size_t ld_out, const float *start, size_t ld_start, const float *x,
                              size_t ldx, const uint16_t *packed, size_t B, size_t K, size_t N);

    /* dw (K,N) += xᵀ·dy with x (M,K), dy (M,N): the gradient of weights; and with x and dy rounded to bf16. */
    void (*weight_gradient)(float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t ldy, size_t M,
                            size_t K, size_t N);
    void (*bf16_weight_gradient)(float *dw, size_t ldw, const float *x, size_t ldx, const float *dy, size_t ldy,
                                 size_t M, size_t K, size_t N);

    /* To bf16, to nearest even (NaN stays NaN), and back. */
    void (*to_bf16)(uint16_t *y, const float *x, size_t n);
    void (*from_bf16)(float *y, const uint16_t *x, size_t n);

    /* LSTM gates (Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000), order i, f, g, o as in PyTorch.
     * forward: gates (B,4H) holds pre-activations without bias and receives the activations; c (B,H), h (B,H) are
     * written. */
    void (*gates_forward)(float *h, float *c, float *gates, const float *bias, const float *c_previous, size_t B,
                          size_t H);
    /* backward: gates (B,4H) receives the gradient of the pre-activations; dc (B,H) is the gradient of c from the step
     * after and receives that of c_previous; dh (B,H) is the gradient of h from above, dh_next (B,H) that from the step
     * after. */
    void (*gates_backward)(float *gates, float *dc, const float *dh, const float *dh_next, const float *c,
                           const float *c_previous, size_t B, size_t H);

    /* out (T',heads·dim) = softmax(q·kᵀ / √dim) v over what each row sees, T' = T − first_query; the (T,T) scores are
     * never stored. lse (heads,T') receives ln Σ exp of each row's scores, for backward. Memory is O(T·dim), time
     * O(T·(window + n_global)) or O(T²). scratch: attention_scratch(a) floats, 64-byte aligned, for any of the
     * three. */
    size_t (*attention_scratch)(const struct stg_attention *a);
    void (*attention_forward)(float *out, float *lse, const float *q, const float *k, const float *v,
                              const struct stg_attention *a, float *scratch);
    /* dq (T',heads·dim), dk, dv (T,heads·dim) are written (not added to) from dout (T',heads·dim) and what forward read
     * and wrote. */
    void (*attention_backward)(float *dq, float *dk, float *dv, const float *dout, const float *q, const float *k,
                               const float *v, const float *out, const float *lse, const struct stg_attention *a,
                               float *scratch);
    /* out (heads·dim) for the one query q (heads·dim) of row T − 1 against cached k and v, that row's included;
     * first_query, ld_q and ld_out are not read. ring 0: row s of the sequence is row s of the cache. Else the cache
     * has n_global + ring rows: the global ones, then row s at n_global + (s − n_global) % ring; ring >= (window −
     * 1)·dilation + 1. */
    void (*attention_step)(float *out, const float *q, const float *k, const float *v, const struct stg_attention *a,
                           size_t ring, float *scratch);
    /* The same against a cache in bf16: half the memory, and half of what a step reads; q and sums are in float. */
    void (*bf16_attention_step)(float *out, const float *q, const uint16_t *k, const uint16_t *v,
                                const struct stg_attention *a, size_t ring, float *scratch);

    /* Layer normalisation (Ba et al. 2016): y (N,C) = (x − mean)·rstd·gamma + beta with mean and rstd = 1/√(variance +
     * epsilon) of each row, kept in mean (N), rstd (N) for backward. y may be x if no backward follows. */
    void (*layer_norm_forward)(float *y, float *mean, float *rstd, const float *x, const float *gamma,
                               const float *beta, size_t N, size_t C, float epsilon);
    /* dx (N,C) is written and may be dy; dgamma (C), dbeta (C) are added to. */
    void (*layer_norm_backward)(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                                const float *mean, const float *rstd, const float *gamma, size_t N, size_t C);

    /* SwiGLU (Shazeer 2020): y (N,C) = silu(gate)·value with x (N,2C) = gate, value; silu(g) = g / (1 + e^−g). dx may
     * be x. */
    void (*swiglu_forward)(float *y, const float *x, size_t N, size_t C);
    void (*swiglu_backward)(float *dx, const float *dy, const float *x, size_t N, size_t C);
    /* GELU (Hendrycks and Gimpel 2016): y = x·Φ(x) with the normal distribution itself, not its tanh approximation. y
     * may be x, dx may be dy or x. */
    void (*gelu_forward)(float *y, const float *x, size_t n);
    void (*gelu_backward)(float *dx, const float *dy, const float *x, size_t n);
    /* y = max(x, 0), in place or not; backward reads x or y, whichever is kept: both are positive at the same
     * places. */
    void (*relu_forward)(float *y, const float *x, size_t n);
    void (*relu_backward)(float *dx, const float *dy, const float *x_or_y, size_t n);

    /* Softmax and cross-entropy with label smoothing e: loss = −ln p[target]; objective = (1 − e) loss − e/V Σ ln p.
     * row (V) holds logits and receives scale × d objective / d logits. */
    void (*cross_entropy)(float *row, float *loss, float *objective, size_t V, size_t target, float smoothing,
                          float scale);
    /* Distillation (Hinton, Vinyals, Dean 2015): as cross_entropy, but with a teacher's ln p in soft (V), each finite,
     * the objective is (1 − weight)·objective + weight·T²·KL(softmax(soft / T) ‖ softmax(row / T)), T the temperature:
     * T² keeps the size of its gradient the same at any temperature. soft needs no normalisation. loss is that of the
     * target alone. */
    void (*soft_cross_entropy)(float *row, float *loss, float *objective, const float *soft, size_t V, size_t target,
                               float smoothing, float weight, float temperature, float scale);
    /* row (V): logits in, ln p out. */
    void (*log_softmax)(float *row, size_t V);

    /* Inverted dropout: y = x × mask / (1 − p), mask from a hash of (key, index), the first index being `first`: the
     * same call gives the same mask, so that backward needs none stored. In place when y = x. */
    void (*dropout)(float *y, const float *x, size_t n, uint32_t first, uint64_t key, float p);

    /* x (2n): pairs sin, cos of v × scale[i]; in double, as times in nanoseconds leave no digits in float. */
    void (*waves)(float *x, double v, const double *scale, size_t n);

    void (*add)(float *y, const float *x, size_t n);                                     /* y += x */
    void (*column_sums)(float *sums, const float *x, size_t ldx, size_t rows, size_t n); /* sums (n) += Σ rows */
    double (*square_sum)(const float *x, size_t n);
    /* What of v (n) is below the bound goes to `below`, what is above it to `above`, in their order, and what equals it
     * nowhere; none is NaN. Returns how many went below, in *n_above how many above. Each has room for n +
     * STG_SPLIT_ROOM elements; one of them may be v. */
    size_t (*split)(float *below, float *above, size_t *n_above, const float *v, size_t n, float bound);
    void (*adam)(float *value, float *moment1, float *moment2, const float *gradient, size_t n, float scale,
                 float beta1, float beta2, float rate, float root_correction, float epsilon);
};

/* The table for this processor; never NULL. Thread-safe. */
const struct stg_kernels *stg_kernels(void);
/* The variants that this build has and this processor runs, plain first; NULL-terminated. For tests and benchmarks. */
const struct stg_kernels *const *stg_kernels_all(void);

#endif
