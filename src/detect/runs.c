#include "detect/runs.h"

#include "base/memory.h"
#include "detect/calibrate.h"
#include "score/channels.h"

#include <math.h>
#include <string.h>

/* m as it would be if `others` alone had calibrated it; _drop() it. */
static enum stg_status calibrated_like(struct stg_model *out, const struct stg_model *m, const struct stg_score *others,
                                       const size_t *offset, size_t n_runs)
{
    *out = *m;
    out->calibration = out->stream = out->channels = NULL;
    out->n_calibration = out->n_stream = out->n_channel_bins = 0;
    out->record = NULL;
    return stg_calibrate_runs(out, others, offset, n_runs);
}

/* What calibration made; all else is m's. */
static void drop(struct stg_model *m)
{
    stg_mem_free(m->calibration);
    stg_mem_free(m->stream);
    stg_mem_free(m->channels);
    json_decref(m->record);
}

static double rate_of(const struct stg_model *m, const struct stg_score *scores, size_t n, double alpha)
{
    const enum stg_aggregate a = stg_aggregate_default(m);
    size_t n_novel = 0;
    for (size_t i = 0; i < n; i++) {
        struct stg_score s = scores[i];
        stg_channels_judge(m, &s);
        n_novel += stg_p_value(m, a, (double)s.value[a]) <= alpha;
    }
    return isfinite(stg_threshold(m, a, alpha)) && n > 0 ? (double)n_novel / (double)n : (double)NAN;
}

enum stg_status stg_runs_left_out(const struct stg_model *m, const struct stg_score *scores, const size_t *offset,
                                  size_t n_runs, double alpha, double *rate)
{
    enum stg_status status = STG_OK;
    struct stg_score *others = NULL;
    size_t *others_offset = NULL;
    const size_t n = offset[n_runs], every = 1 + (n_runs - 1) / STG_RUNS_LEFT_OUT;
    STG_TRY(stg_mem_zeroed(&others, n, sizeof *others));
    STG_TRY(stg_mem_zeroed(&others_offset, n_runs, sizeof *others_offset));
    for (size_t k = 0; k < n_runs; k++) {
        struct stg_model left;
        const size_t from = offset[k], to = offset[k + 1];
        rate[k] = (double)NAN;
        if (k % every != 0) {
            continue;
        }
        memcpy(others, scores, from * sizeof *others);
        memcpy(others + from, scores + to, (n - to) * sizeof *others);
        for (size_t i = 0; i < n_runs; i++) {
            others_offset[i] = i < k ? offset[i] : offset[i + 1] - (to - from);
        }
        status = calibrated_like(&left, m, others, others_offset, n_runs - 1);
        if (status == STG_OK) {
            rate[k] = rate_of(&left, scores + from, to - from, alpha);
        }
        drop(&left);
        STG_TRY(status);
    }
out:
    stg_mem_free(others);
    stg_mem_free(others_offset);
    return status;
}

size_t stg_runs_count(const struct stg_model *m)
{
    const size_t last = m->n_stream - 1;
    return m->n_stream == 0 ? 0 : (size_t)m->stream[last * STG_MODEL_STREAM_COLUMNS + STG_STREAM_RUN] + 1;
}

double stg_runs_most(const struct stg_model *m)
{
    const json_t *rates = json_object_get(json_object_get(m->record, "calibration"), "left_out_rates");
    double most = 0;
    for (size_t i = 0; i < json_array_size(rates); i++) {
        most = fmax(most, json_number_value(json_array_get(rates, i))); /* 0 of null: not known */
    }
    return most;
}
