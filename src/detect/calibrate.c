#include "detect/calibrate.h"

#include "base/memory.h"
#include "base/sort.h"
#include "score/channels.h"

#include <math.h>
#include <string.h>

#define MAX_CALIBRATION 65536u

/* Row i of n_out evenly spread over n_in sorted rows, both ends included. */
static size_t thinned(size_t i, size_t n_in, size_t n_out)
{
    return n_in == n_out ? i : (size_t)((uint64_t)i * (n_in - 1) / (n_out - 1));
}

static enum stg_status put_record(struct stg_model *m, size_t n_given)
{
    if (m->record == NULL) {
        m->record = json_object();
    }
    json_t *facts = json_pack("{s:I, s:I}", "sequences", (json_int_t)n_given, "stored", (json_int_t)m->n_calibration);
    if (json_object_set_new(m->record, "calibration", facts) != 0) {
        return stg_fail(STG_ERR_MEMORY, "calibration: out of memory");
    }
    return STG_OK;
}

/* As it is when what is usual is known. */
static float novelty_of(const struct stg_model *m, const struct stg_score *score)
{
    struct stg_score s = *score;
    stg_channels_judge(m, &s);
    return s.value[STG_AGGREGATE_NOVELTY];
}

/* Whole sequences of neighbours are kept, as what follows what is what the stream is for. */
static enum stg_status put_stream(struct stg_model *m, const struct stg_score *scores, const size_t *offset,
                                  size_t n_runs)
{
    const size_t n = offset[n_runs];
    float *table = NULL;
    size_t n_rows = 0, run = 0;
    STG_RETURN_IF_FAILED(
        stg_mem_zeroed(&table, n > MAX_CALIBRATION ? MAX_CALIBRATION : n, STG_MODEL_STREAM_COLUMNS * sizeof *table));
    for (size_t k = 0; k < n_runs; k++) {
        const size_t all = offset[k + 1] - offset[k];
        const size_t kept = n > MAX_CALIBRATION ? (size_t)((uint64_t)all * MAX_CALIBRATION / n) : all;
        for (size_t i = 0, first = 0; i < kept; i++) {
            const struct stg_score *s = &scores[offset[k] + i];
            float *row = table + n_rows++ * STG_MODEL_STREAM_COLUMNS;
            const bool together = i > 0 && stg_score_overlap(m, &scores[offset[k] + first], s);
            first = together ? first : i;
            row[STG_STREAM_RUN] = (float)run;
            row[STG_STREAM_TOGETHER] = together;
            memcpy(row + STG_STREAM_VALUES, s->value, sizeof s->value);
            row[STG_STREAM_VALUES + STG_AGGREGATE_NOVELTY] = novelty_of(m, s);
        }
        run += kept > 0;
    }
    stg_mem_free(m->stream);
    m->stream = table;
    m->n_stream = n_rows;
    return STG_OK;
}

enum stg_status stg_calibrate(struct stg_model *m, const struct stg_score *scores, size_t n)
{
    return stg_calibrate_runs(m, scores, (const size_t[]){0, n}, 1);
}

enum stg_status stg_calibrate_runs(struct stg_model *m, const struct stg_score *scores, const size_t *offset,
                                   size_t n_runs)
{
    enum stg_status status = STG_OK;
    const size_t n = offset[n_runs];
    float *column = NULL, *table = NULL;
    const size_t n_out = n > MAX_CALIBRATION ? MAX_CALIBRATION : n;
    STG_TRY(stg_channels_fit(m, scores, offset, n_runs));
    STG_TRY(stg_mem_zeroed(&column, n, sizeof *column));
    STG_TRY(stg_mem_zeroed(&table, n_out, STG_AGGREGATES * sizeof *table));
    for (size_t a = 0; a < STG_AGGREGATES; a++) {
        for (size_t i = 0; i < n; i++) {
            if (isnan(scores[i].value[a])) {
                status = stg_fail(STG_ERR_INTERNAL, "sequence %llu: a score is not a number",
                                  (unsigned long long)scores[i].id);
                goto out;
            }
            column[i] = a == STG_AGGREGATE_NOVELTY ? novelty_of(m, &scores[i]) : scores[i].value[a];
        }
        stg_sort_floats(column, n);
        for (size_t i = 0; i < n_out; i++) {
            table[i * STG_AGGREGATES + a] = column[thinned(i, n, n_out)];
        }
    }
    STG_TRY(put_stream(m, scores, offset, n_runs));
    stg_mem_free(m->calibration);
    m->calibration = table;
    m->n_calibration = n_out;
    table = NULL;
    STG_TRY(put_record(m, n));
out:
    stg_mem_free(column);
    stg_mem_free(table);
    return status;
}

bool stg_calibrated(const struct stg_model *m)
{
    return m->calibration != NULL && m->n_calibration > 0;
}

static size_t n_stored(const struct stg_model *m)
{
    return m->calibration == NULL ? 0 : m->n_calibration;
}

/* Calibration scores of one aggregate that are below score. */
static size_t count_below(const struct stg_model *m, enum stg_aggregate a, double score)
{
    size_t low = 0, high = n_stored(m);
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if ((double)m->calibration[middle * STG_AGGREGATES + (size_t)a] < score) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t stg_p_rank(const struct stg_model *m, enum stg_aggregate a, double score)
{
    return 1 + n_stored(m) - count_below(m, a, score);
}

double stg_p_value(const struct stg_model *m, enum stg_aggregate a, double score)
{
    return (double)stg_p_rank(m, a, score) / (double)(n_stored(m) + 1);
}

size_t stg_quarantined(const struct stg_model *m)
{
    const json_t *facts = json_object_get(m->record, "calibration");
    const double n = (double)json_array_size(json_object_get(facts, "quarantined")),
                 given = (double)json_integer_value(json_object_get(facts, "sequences"));
    return given > 0 ? (size_t)ceil(n * (double)n_stored(m) / given) : 0;
}

double stg_p_value_most(const struct stg_model *m, enum stg_aggregate a, double score)
{
    const size_t q = stg_quarantined(m);
    return (double)(stg_p_rank(m, a, score) + q) / (double)(n_stored(m) + 1 + q);
}

double stg_p_value_left_out(const struct stg_model *m, enum stg_aggregate a, double score)
{
    const size_t rank = stg_p_rank(m, a, score) - 1, n = n_stored(m);
    return rank > 0 ? (double)rank / (double)n : 1 / (double)(n + 1); /* 0: it is none of them */
}

double stg_threshold(const struct stg_model *m, enum stg_aggregate a, double alpha)
{
    const size_t n = n_stored(m);
    const double all = (double)(n + 1);
    if (n == 0 || !(alpha * all < all)) {
        return alpha >= 1 ? -(double)INFINITY : (double)INFINITY;
    }
    /* The most calibration scores, plus one, that may be at or above it. The product is rounded; the comparison that
     * decides is the one of p-value and alpha, so that both functions agree. */
    size_t k = alpha > 0 ? (size_t)(alpha * all) : 0;
    while (k < n && (double)(k + 1) / all <= alpha) {
        k++;
    }
    while (k > 0 && (double)k / all > alpha) {
        k--;
    }
    if (k == 0) {
        return (double)INFINITY;
    }
    /* At most k − 1 scores are ≥ any score that is above the k-th largest. Scores are floats: the next float is the
     * smallest. */
    return (double)nextafterf(m->calibration[(n - k) * STG_AGGREGATES + (size_t)a], INFINITY);
}
