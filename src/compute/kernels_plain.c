/* The definition of every kernel, in plain C with the C library's functions. */
#include "compute/kernels_internal.h"

#include <math.h>
#include <string.h>

static size_t packed_size(size_t K, size_t N)
{
    return K * N;
}

static void pack(float *packed, const float *w, size_t ldw, size_t K, size_t N)
{
    for (size_t k = 0; k < K; k++) {
        memcpy(packed + k * N, w + k * ldw, N * sizeof(float));
    }
}

static void pack_transposed(float *packed, const float *w, size_t ldw, size_t K, size_t N)
{
    for (size_t k = 0; k < K; k++) {
        for (size_t n = 0; n < N; n++) {
            packed[k * N + n] = w[n * ldw + k];
        }
    }
}

static void rows_product(float *out, size_t ld_out, const float *start, size_t ld_start, const float *x, size_t ldx,
                         const float *packed, size_t B, size_t K, size_t N)
{
    for (size_t b = 0; b < B; b++) {
        float *row = out + b * ld_out;
        for (size_t n = 0; n < N; n++) {
            row[n] = start == NULL ? 0.0f : start[b * ld_start + n];
        }
        for (size_t k = 0; k < K; k++) {
            for (size_t n = 0; n < N; n++) {
                row[n] += x[b * ldx + k] * packed[k * N + n];
            }
        }
    }
}

static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

static void gates_forward(float *h, float *c, float *gates, const float *bias, const float *c_previous, size_t B,
                          size_t H)
{
    for (size_t b = 0; b < B; b++) {
        float *g = gates + b * 4 * H;
        for (size_t j = 0; j < H; j++) {
            g[j] = sigmoid(g[j] + bias[j]);
            g[H + j] = sigmoid(g[H + j] + bias[H + j]);
            g[2 * H + j] = tanhf(g[2 * H + j] + bias[2 * H + j]);
            g[3 * H + j] = sigmoid(g[3 * H + j] + bias[3 * H + j]);
            c[b * H + j] = g[H + j] * c_previous[b * H + j] + g[j] * g[2 * H + j];
            h[b * H + j] = g[3 * H + j] * tanhf(c[b * H + j]);
        }
    }
}

static void gates_backward(float *gates, float *dc, const float *dh, const float *dh_next, const float *c,
                           const float *c_previous, size_t B, size_t H)
{
    for (size_t b = 0; b < B; b++) {
        float *g = gates + b * 4 * H;
        for (size_t j = 0; j < H; j++) {
            const size_t at = b * H + j;
            const float i = g[j];
            const float f = g[H + j];
            const float z = g[2 * H + j];
            const float o = g[3 * H + j];
            const float t = tanhf(c[at]);
            const float d = dh[at] + dh_next[at];
            const float dcell = dc[at] + d * o * (1.0f - t * t);
            g[j] = dcell * z * i * (1.0f - i);
            g[H + j] = dcell * c_previous[at] * f * (1.0f - f);
            g[2 * H + j] = dcell * i * (1.0f - z * z);
            g[3 * H + j] = d * t * o * (1.0f - o);
            dc[at] = dcell * f;
        }
    }
}

static float log_sum_exp(const float *row, size_t V)
{
    float max = row[0];
    for (size_t v = 1; v < V; v++) {
        max = fmaxf(max, row[v]);
    }
    float sum = 0.0f;
    for (size_t v = 0; v < V; v++) {
        sum += expf(row[v] - max);
    }
    return max + logf(sum);
}

static void cross_entropy(float *row, float *loss, float *objective, size_t V, size_t target, float smoothing,
                          float scale)
{
    const float log_z = log_sum_exp(row, V);
    float mean = 0.0f;
    for (size_t v = 0; v < V; v++) {
        mean += (log_z - row[v]) / (float)V;
    }
    *loss = log_z - row[target];
    *objective = (1.0f - smoothing) * *loss + smoothing * mean;
    for (size_t v = 0; v < V; v++) {
        row[v] = scale * (expf(row[v] - log_z) - smoothing / (float)V - (v == target ? 1.0f - smoothing : 0.0f));
    }
}

static float log_sum_exp_at(const float *row, size_t V, float temperature)
{
    float max = row[0];
    for (size_t v = 1; v < V; v++) {
        max = fmaxf(max, row[v]);
    }
    float sum = 0.0f;
    for (size_t v = 0; v < V; v++) {
        sum += expf((row[v] - max) / temperature);
    }
    return max / temperature + logf(sum);
}

static void soft_cross_entropy(float *row, float *loss, float *objective, const float *soft, size_t V, size_t target,
                               float smoothing, float weight, float temperature, float scale)
{
    const float T = temperature;
    const float log_z = log_sum_exp(row, V);
    const float log_student = log_sum_exp_at(row, V, T);
    const float log_teacher = log_sum_exp_at(soft, V, T);
    float mean = 0.0f;
    float divergence = 0.0f;
    for (size_t v = 0; v < V; v++) {
        const float student = row[v] / T - log_student;
        const float teacher = soft[v] / T - log_teacher;
        mean += (log_z - row[v]) / (float)V;
        divergence += expf(teacher) * (teacher - student);
    }
    *loss = log_z - row[target];
    *objective = (1.0f - weight) * ((1.0f - smoothing) * *loss + smoothing * mean) + weight * T * T * divergence;
    for (size_t v = 0; v < V; v++) {
        const float hard = expf(row[v] - log_z) - smoothing / (float)V - (v == target ? 1.0f - smoothing : 0.0f);
        const float to_teacher = expf(row[v] / T - log_student) - expf(soft[v] / T - log_teacher);
        row[v] = scale * ((1.0f - weight) * hard + weight * T * to_teacher);
    }
}

static void log_softmax(float *row, size_t V)
{
    const float log_z = log_sum_exp(row, V);
    for (size_t v = 0; v < V; v++) {
        row[v] -= log_z;
    }
}

static void dropout(float *y, const float *x, size_t n, uint32_t first, uint64_t key, float p)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t hash = stg_dropout_hash(first + (uint32_t)i, (uint32_t)key, (uint32_t)(key >> 32));
        y[i] = hash >> 8 < stg_dropout_bound(p) ? 0.0f : x[i] / (1.0f - p);
    }
}

static void add(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] += x[i];
    }
}

static void column_sums(float *sums, const float *x, size_t ldx, size_t rows, size_t n)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < n; i++) {
            sums[i] += x[r * ldx + i];
        }
    }
}

static double square_sum(const float *x, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    return sum;
}

size_t stg_plain_split(float *below, float *above, size_t *n_above, const float *v, size_t n, float bound)
{
    size_t low = 0, high = 0;
    for (size_t i = 0; i < n; i++) { /* no branch depends on the values, as nothing predicts them */
        const float x = v[i];
        below[low] = x;
        low += x < bound;
        above[high] = x;
        high += x > bound;
    }
    *n_above = high;
    return low;
}

static void adam(float *value, float *moment1, float *moment2, const float *gradient, size_t n, float scale,
                 float beta1, float beta2, float rate, float root_correction, float epsilon)
{
    for (size_t i = 0; i < n; i++) {
        const float g = gradient[i] * scale;
        moment1[i] = beta1 * moment1[i] + (1.0f - beta1) * g;
        moment2[i] = beta2 * moment2[i] + (1.0f - beta2) * g * g;
        value[i] -= rate * moment1[i] / (sqrtf(moment2[i]) * root_correction + epsilon);
    }
}

const struct stg_kernels stg_kernels_plain = {
    .name = "plain",
    .packed_size = packed_size,
    .pack = pack,
    .pack_transposed = pack_transposed,
    .rows_product = rows_product,
    .bf16_packed_size = stg_plain_bf16_packed_size,
    .bf16_pack = stg_plain_bf16_pack,
    .bf16_pack_transposed = stg_plain_bf16_pack_transposed,
    .bf16_rows_product = stg_plain_bf16_rows_product,
    .weight_gradient = stg_plain_weight_gradient,
    .bf16_weight_gradient = stg_plain_bf16_weight_gradient,
    .to_bf16 = stg_plain_to_bf16,
    .from_bf16 = stg_plain_from_bf16,
    .gates_forward = gates_forward,
    .gates_backward = gates_backward,
    .attention_scratch = stg_plain_attention_scratch,
    .attention_forward = stg_plain_attention_forward,
    .attention_backward = stg_plain_attention_backward,
    .attention_step = stg_plain_attention_step,
    .bf16_attention_step = stg_plain_bf16_attention_step,
    .layer_norm_forward = stg_plain_layer_norm_forward,
    .layer_norm_backward = stg_plain_layer_norm_backward,
    .swiglu_forward = stg_plain_swiglu_forward,
    .swiglu_backward = stg_plain_swiglu_backward,
    .gelu_forward = stg_plain_gelu_forward,
    .gelu_backward = stg_plain_gelu_backward,
    .relu_forward = stg_plain_relu_forward,
    .relu_backward = stg_plain_relu_backward,
    .cross_entropy = cross_entropy,
    .soft_cross_entropy = soft_cross_entropy,
    .log_softmax = log_softmax,
    .dropout = dropout,
    .waves = stg_plain_waves,
    .add = add,
    .column_sums = column_sums,
    .square_sum = square_sum,
    .split = stg_plain_split,
    .adam = adam,
};
