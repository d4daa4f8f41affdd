#include "detect/fisher.h"

#include "base/memory.h"
#include "base/sort.h"
#include "detect/calibrate.h"

#include <math.h>

/* A stream that falls into parts, in none of which a group may begin and in another end. */
struct stream {
    double (*p_value)(const struct stream *s, size_t i);
    bool (*begins)(const struct stream *s, size_t i); /* i > 0 is the first of a part */
    const struct stg_model *model;
    enum stg_aggregate aggregate;
    const struct stg_score *scores; /* NULL: the calibration's */
    size_t n;
};

static double given_p_value(const struct stream *s, size_t i)
{
    return stg_p_value_most(s->model, s->aggregate, (double)s->scores[i].value[s->aggregate]);
}

static bool given_begins(const struct stream *s, size_t i)
{
    const struct stg_score *x = &s->scores[i];
    return x->stream != x[-1].stream || x->id <= x[-1].id;
}

static double known_p_value(const struct stream *s, size_t i)
{
    const float *row = s->model->stream + i * STG_MODEL_STREAM_COLUMNS;
    return stg_p_value_left_out(s->model, s->aggregate, (double)row[STG_STREAM_VALUES + (size_t)s->aggregate]);
}

static bool known_begins(const struct stream *s, size_t i)
{
    const float *row = s->model->stream + i * STG_MODEL_STREAM_COLUMNS;
    return row[STG_STREAM_RUN] > row[STG_STREAM_RUN - STG_MODEL_STREAM_COLUMNS];
}

static enum stg_status group(struct stg_fisher *out, const struct stream *s, size_t size)
{
    double sum = 0;
    *out = (struct stg_fisher){0};
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->value, s->n / size, sizeof *out->value));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->first, s->n / size, sizeof *out->first));
    for (size_t i = 0, filled = 0; i < s->n; i++) {
        if (i > 0 && s->begins(s, i)) {
            filled = 0;
        }
        sum = filled == 0 ? 0 : sum;
        sum -= log(s->p_value(s, i));
        if (++filled == size) {
            out->first[out->n] = i + 1 - size;
            out->value[out->n++] = sum / (double)size;
            filled = 0;
        }
    }
    return STG_OK;
}

enum stg_status stg_fisher_groups(struct stg_fisher *out, const struct stg_model *m, enum stg_aggregate a,
                                  const struct stg_score *scores, size_t n, size_t size)
{
    const struct stream s = {given_p_value, given_begins, m, a, scores, n};
    return group(out, &s, size);
}

enum stg_status stg_fisher_known(struct stg_fisher *out, const struct stg_model *m, enum stg_aggregate a, size_t size)
{
    const struct stream s = {known_p_value, known_begins, m, a, NULL, m->n_stream};
    STG_RETURN_IF_FAILED(group(out, &s, size));
    if (out->n > 0) {
        stg_sort_doubles(out->value, out->n);
    }
    return STG_OK;
}

void stg_fisher_fini(struct stg_fisher *f)
{
    stg_mem_free(f->value);
    stg_mem_free(f->first);
    *f = (struct stg_fisher){0};
}

double stg_fisher_p(const struct stg_fisher *known, double value)
{
    size_t low = 0, high = known->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (known->value[middle] < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (double)(1 + known->n - low) / (double)(known->n + 1);
}

bool stg_fisher_reaches(const struct stg_fisher *known, double alpha)
{
    return 1 / ((double)known->n + 1) <= alpha * (1 + 1e-9);
}
