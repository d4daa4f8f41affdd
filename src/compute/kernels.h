/* CPU kernels: a table of functions, filled once for this processor. The plain C variant is the definition; the others are checked
 * against it and timed by the same harness. STRANGE_CPU=plain, avx2 or avx512 forces a slower (or the named) variant.
 *
 * Matrices are row-major. All arrays are float; sizes count elements. Nothing allocates. */
#ifndef STG_COMPUTE_KERNELS_H
#define STG_COMPUTE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

struct stg_kernels {
    const char *name; /* "plain", "avx2", "avx512" */

    /* Weights for rows_product: w (K,N) with row stride ldw, as panels; packed has packed_size(K, N) floats, 64-byte aligned. */
    size_t (*packed_size)(size_t K, size_t N);
    void (*pack)(float *packed, const float *w, size_t ldw, size_t K, size_t N);
    void (*pack_transposed)(float *packed, const float *w, size_t ldw, size_t K, size_t N); /* of w (N,K) transposed */
    /* out (B,N) = [out +] x (B,K) · packed; for few rows and a matrix that is used again and again: the recurrent step. */
    void (*rows_product)(float *out, size_t ld_out, const float *x, size_t ldx, const float *packed, size_t B, size_t K, size_t N,
                         int accumulate);

    /* LSTM gates (Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000), order i, f, g, o as in PyTorch.
     * forward: gates (B,4H) holds pre-activations without bias and receives the activations; c (B,H), h (B,H) are written. */
    void (*gates_forward)(float *h, float *c, float *gates, const float *bias, const float *c_previous, size_t B, size_t H);
    /* backward: gates (B,4H) receives the gradient of the pre-activations; dc (B,H) is the gradient of c from the step after and
     * receives that of c_previous; dh (B,H) is the gradient of h from above, dh_next (B,H) that from the step after. */
    void (*gates_backward)(float *gates, float *dc, const float *dh, const float *dh_next, const float *c, const float *c_previous,
                           size_t B, size_t H);

    /* Softmax and cross-entropy with label smoothing e: loss = −ln p[target]; objective = (1 − e) loss − e/V Σ ln p.
     * row (V) holds logits and receives scale × d objective / d logits. */
    void (*cross_entropy)(float *row, float *loss, float *objective, size_t V, size_t target, float smoothing, float scale);
    /* row (V): logits in, ln p out. */
    void (*log_softmax)(float *row, size_t V);

    /* Inverted dropout: y = x × mask / (1 − p), mask from a hash of (key, index): the same call gives the same mask, so that
     * backward needs none stored. In place when y = x. */
    void (*dropout)(float *y, const float *x, size_t n, uint64_t key, float p);

    void (*add)(float *y, const float *x, size_t n);                                    /* y += x */
    void (*column_sums)(float *sums, const float *x, size_t ldx, size_t rows, size_t n); /* sums (n) += Σ rows */
    double (*square_sum)(const float *x, size_t n);
    void (*adam)(float *value, float *moment1, float *moment2, const float *gradient, size_t n, float scale, float beta1,
                 float beta2, float rate, float root_correction, float epsilon);
};

/* The table for this processor; never NULL. Thread-safe. */
const struct stg_kernels *stg_kernels(void);
/* The variants that this build has and this processor runs, plain first; NULL-terminated. For tests and benchmarks. */
const struct stg_kernels *const *stg_kernels_all(void);

/* C (M,N) = beta C + op(A) op(B), large: oneDNN on the calling thread alone. ta: A is (K,M); tb: B is (N,K). */
void stg_gemm(int ta, int tb, size_t M, size_t N, size_t K, const float *A, size_t lda, const float *B, size_t ldb, float beta,
              float *C, size_t ldc);

#endif
