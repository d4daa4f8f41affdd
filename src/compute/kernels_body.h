/* The fast kernels, written once with the compiler's vectors and compiled for each instruction set: the including file
 * defines VL (floats of a vector), ROWS (rows of a block of rows_product) and VARIANT (its name). Checked against
 * kernels_plain.c. */
#include "compute/kernels_internal.h"

#include "compute/vector_body.h"

#include "compute/attention_body.h"
#include "compute/attention_step_body.h"
#include "compute/panels_body.h"
#include "compute/products_body.h"
#include "compute/rows_body.h"
#include "compute/split_body.h"
#include "compute/waves_body.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Vector j of one row's gates; `width` is that of what exists of the row. */
INLINE void gates_forward_vec(float *h, float *c, float *gates, const float *bias, const float *c_previous, size_t H,
                              size_t j, size_t width)
{
    vec sum[4];
    UNROLL
    for (size_t g = 0; g < 4; g++) {
        sum[g] = load_columns(gates + g * H, j, width) + load_columns(bias + g * H, j, width);
    }
    const vec i = vsigmoid(sum[0]);
    const vec f = vsigmoid(sum[1]);
    const vec z = vtanh(sum[2]);
    const vec o = vsigmoid(sum[3]);
    const vec cell = f * load_columns(c_previous, j, width) + i * z;
    store_columns(gates, j, width, i);
    store_columns(gates + H, j, width, f);
    store_columns(gates + 2 * H, j, width, z);
    store_columns(gates + 3 * H, j, width, o);
    store_columns(c, j, width, cell);
    store_columns(h, j, width, o * vtanh(cell));
}

static void gates_forward(float *h, float *c, float *gates, const float *bias, const float *c_previous, size_t B,
                          size_t H)
{
    for (size_t b = 0; b < B; b++, h += H, c += H, gates += 4 * H, c_previous += H) {
        size_t j = 0;
        for (; (j + 1) * VL <= H; j++) {
            gates_forward_vec(h, c, gates, bias, c_previous, H, j, (j + 1) * VL);
        }
        if (j * VL < H) {
            gates_forward_vec(h, c, gates, bias, c_previous, H, j, H);
        }
    }
}

INLINE void gates_backward_vec(float *gates, float *dc, const float *dh, const float *dh_next, const float *c,
                               const float *c_previous, size_t H, size_t j, size_t width)
{
    const vec i = load_columns(gates, j, width);
    const vec f = load_columns(gates + H, j, width);
    const vec z = load_columns(gates + 2 * H, j, width);
    const vec o = load_columns(gates + 3 * H, j, width);
    const vec t = vtanh(load_columns(c, j, width));
    const vec d = load_columns(dh, j, width) + load_columns(dh_next, j, width);
    const vec dcell = load_columns(dc, j, width) + d * o * (1.0f - t * t);
    store_columns(gates, j, width, dcell * z * i * (1.0f - i));
    store_columns(gates + H, j, width, dcell * load_columns(c_previous, j, width) * f * (1.0f - f));
    store_columns(gates + 2 * H, j, width, dcell * i * (1.0f - z * z));
    store_columns(gates + 3 * H, j, width, d * t * o * (1.0f - o));
    store_columns(dc, j, width, dcell * f);
}

static void gates_backward(float *gates, float *dc, const float *dh, const float *dh_next, const float *c,
                           const float *c_previous, size_t B, size_t H)
{
    for (size_t b = 0; b < B; b++, gates += 4 * H, dc += H, dh += H, dh_next += H, c += H, c_previous += H) {
        size_t j = 0;
        for (; (j + 1) * VL <= H; j++) {
            gates_backward_vec(gates, dc, dh, dh_next, c, c_previous, H, j, (j + 1) * VL);
        }
        if (j * VL < H) {
            gates_backward_vec(gates, dc, dh, dh_next, c, c_previous, H, j, H);
        }
    }
}

static float exp_row(float *restrict row, size_t V, float *restrict sum_logits, float *restrict top)
{
    float max = row[0];
    float sum_row = 0.0f;
    for (size_t v = 0; v < V; v++) {
        max = fmaxf(max, row[v]);
        sum_row += row[v];
    }
    float sum = 0.0f;
    for (size_t v = 0; v < V; v++) {
        row[v] = exp_fast(row[v] - max);
        sum += row[v];
    }
    *sum_logits = sum_row;
    *top = max;
    return sum;
}

static void cross_entropy(float *row, float *loss, float *objective, size_t V, size_t target, float smoothing,
                          float scale)
{
    float sum_logits;
    float max;
    const float logit = row[target];
    const float sum = exp_row(row, V, &sum_logits, &max);
    const float log_z = max + logf(sum);
    *loss = log_z - logit;
    *objective = (1.0f - smoothing) * *loss + smoothing * (log_z - sum_logits / (float)V);
    const float norm = scale / sum;
    const float even = scale * smoothing / (float)V;
    for (size_t v = 0; v < V; v++) {
        row[v] = row[v] * norm - even;
    }
    row[target] -= scale * (1.0f - smoothing);
}

/* What both loops of soft_cross_entropy() need of a row and its teacher's, at a temperature of 1 / cold. */
struct soft_sums {
    float max, soft_max; /* logits, teacher's ln p */
    float logits;        /* Σ */
    float hard;          /* Σ e^(row − max) */
    float student;       /* Σ e^((row − max) / T) */
    float teacher;       /* Σ e^((soft − soft_max) / T) */
    float cross;         /* Σ of teacher's terms × the difference of both exponents */
};

static struct soft_sums sum_soft(const float *restrict row, const float *restrict soft, size_t V, float cold)
{
    float max = row[0];
    float soft_max = soft[0];
    for (size_t v = 0; v < V; v++) {
        max = fmaxf(max, row[v]);
        soft_max = fmaxf(soft_max, soft[v]);
    }
    float logits = 0.0f;
    float hard = 0.0f;
    float student = 0.0f;
    float teacher = 0.0f;
    float cross = 0.0f;
    for (size_t v = 0; v < V; v++) {
        const float x = row[v] - max;
        const float y = soft[v] - soft_max;
        const float e = exp_fast(y * cold);
        logits += row[v];
        hard += exp_fast(x);
        student += exp_fast(x * cold);
        teacher += e;
        cross += e * (y - x) * cold;
    }
    return (struct soft_sums){max, soft_max, logits, hard, student, teacher, cross};
}

static void soft_cross_entropy(float *restrict row, float *restrict loss, float *restrict objective,
                               const float *restrict soft, size_t V, size_t target, float smoothing, float weight,
                               float temperature, float scale)
{
    const float cold = 1.0f / temperature;
    const struct soft_sums s = sum_soft(row, soft, V, cold);
    const float log_z = s.max + logf(s.hard);
    *loss = log_z - row[target];
    const float divergence = s.cross / s.teacher - logf(s.teacher) + logf(s.student);
    *objective = (1.0f - weight) * ((1.0f - smoothing) * *loss + smoothing * (log_z - s.logits / (float)V)) +
                 weight * temperature * temperature * divergence;
    const float hard = scale * (1.0f - weight) / s.hard;
    const float student = scale * weight * temperature / s.student;
    const float teacher = scale * weight * temperature / s.teacher;
    const float even = scale * (1.0f - weight) * smoothing / (float)V;
    const float max = s.max;
    const float soft_max = s.soft_max;
    for (size_t v = 0; v < V; v++) {
        const float x = row[v] - max;
        row[v] =
            exp_fast(x) * hard - even + exp_fast(x * cold) * student - exp_fast((soft[v] - soft_max) * cold) * teacher;
    }
    row[target] -= scale * (1.0f - weight) * (1.0f - smoothing);
}

static void log_softmax(float *row, size_t V)
{
    float max = row[0];
    for (size_t v = 0; v < V; v++) {
        max = fmaxf(max, row[v]);
    }
    float sum = 0.0f;
    for (size_t v = 0; v < V; v++) {
        sum += exp_fast(row[v] - max);
    }
    const float log_z = max + logf(sum);
    for (size_t v = 0; v < V; v++) {
        row[v] -= log_z;
    }
}

static void dropout(float *y, const float *x, size_t n, uint32_t first, uint64_t key, float p)
{
    const uint32_t k0 = (uint32_t)key;
    const uint32_t k1 = (uint32_t)(key >> 32);
    const uint32_t bound = stg_dropout_bound(p);
    const float scale = 1.0f / (1.0f - p);
    for (size_t i = 0; i < n; i++) {
        y[i] = stg_dropout_hash(first + (uint32_t)i, k0, k1) >> 8 < bound ? 0.0f : x[i] * scale;
    }
}

static void add(float *restrict y, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] += x[i];
    }
}

static void column_sums(float *restrict sums, const float *restrict x, size_t ldx, size_t rows, size_t n)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < n; i++) {
            sums[i] += x[r * ldx + i];
        }
    }
}

static double square_sum(const float *x, size_t n)
{
    double total = 0.0;
    for (size_t i = 0; i < n; i += 4096) {
        const size_t end = n - i < 4096 ? n : i + 4096;
        float sum = 0.0f;
        for (size_t j = i; j < end; j++) {
            sum += x[j] * x[j];
        }
        total += (double)sum;
    }
    return total;
}

static void adam(float *restrict value, float *restrict moment1, float *restrict moment2,
                 const float *restrict gradient, size_t n, float scale, float beta1, float beta2, float rate,
                 float root_correction, float epsilon)
{
    /* Were it known that these are 1 − beta, reordering could turn the sums into differences of near numbers. */
    const float fresh1 = opaque(1.0f - beta1);
    const float fresh2 = opaque(1.0f - beta2);
    for (size_t i = 0; i < n; i++) {
        const float g = gradient[i] * scale;
        const float m = beta1 * moment1[i] + fresh1 * g;
        const float v = beta2 * moment2[i] + fresh2 * g * g;
        moment1[i] = m;
        moment2[i] = v;
        /* Reordered, a root is x/√x, and what some processors have for 1/√x is infinite where x is denormal. Beside
         * epsilon such a root is nothing. */
        value[i] -= rate * m / (sqrtf(v < FLT_MIN ? 0.0f : v) * root_correction + epsilon);
    }
}

const struct stg_kernels VARIANT = {
    .name = VARIANT_NAME,
    .packed_size = packed_size,
    .pack = pack,
    .pack_transposed = pack_transposed,
    .rows_product = rows_product,
    .bf16_packed_size = bf16_packed_size,
    .bf16_pack = bf16_pack,
    .bf16_pack_transposed = bf16_pack_transposed,
    .bf16_rows_product = bf16_rows_product,
    .weight_gradient = weight_gradient,
    .bf16_weight_gradient = bf16_weight_gradient,
    .to_bf16 = to_bf16,
    .from_bf16 = from_bf16,
    .gates_forward = gates_forward,
    .gates_backward = gates_backward,
    .attention_scratch = attention_scratch,
    .attention_forward = attention_forward,
    .attention_backward = attention_backward,
    .attention_step = attention_step,
    .bf16_attention_step = bf16_attention_step,
    .layer_norm_forward = layer_norm_forward,
    .layer_norm_backward = layer_norm_backward,
    .swiglu_forward = swiglu_forward,
    .swiglu_backward = swiglu_backward,
    .gelu_forward = gelu_forward,
    .gelu_backward = gelu_backward,
    .relu_forward = relu_forward,
    .relu_backward = relu_backward,
    .cross_entropy = cross_entropy,
    .soft_cross_entropy = soft_cross_entropy,
    .log_softmax = log_softmax,
    .dropout = dropout,
    .waves = waves,
    .add = add,
    .column_sums = column_sums,
    .square_sum = square_sum,
    .split = split_by,
    .adam = adam,
};
