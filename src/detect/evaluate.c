#include "detect/evaluate.h"

#include "base/memory.h"
#include "base/sort.h"
#include "detect/calibrate.h"
#include "detect/fisher.h"
#include "detect/shift.h"

#include <math.h>
#include <string.h>

const double stg_evaluation_rates[STG_EVALUATION_RATES] = {0.001, 0.01, 0.05, 0.1};

/* What every row is computed from. */
struct run {
    const struct stg_model *model;
    const struct stg_evaluate_settings *settings;
    const struct stg_scored_set *known, *valid_known, *valid_novel;
    size_t n_valid_novel;
    double threshold;
    double *known_values[STG_AGGREGATES]; /* owned */
    struct stg_shift shift;               /* at its beginning */
    struct stg_fisher calibration_groups, known_groups;
    double *valid_values; /* of the chosen aggregate; owned */
};

void stg_evaluate_settings_default(struct stg_evaluate_settings *s)
{
    *s = (struct stg_evaluate_settings){
        .aggregate = STG_AGGREGATE_MEAN, .alpha = 0.01, .interval = STG_SHIFT_INTERVAL, .n_resamples = 1000, .seed = 1};
}

static enum stg_status values_of(double **out, const struct stg_scored_set *set, enum stg_aggregate a)
{
    const size_t n = set == NULL ? 0 : set->n;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, n, sizeof **out));
    for (size_t i = 0; i < n; i++) {
        (*out)[i] = (double)set->scores[i].value[a];
    }
    return STG_OK;
}

static const struct stg_scored_set *find_set(const struct stg_scored_set *sets, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(sets[i].name, name) == 0) {
            return &sets[i];
        }
    }
    return NULL;
}

/* The published protocol: threshold from labelled validation data, figures from test data. */
static enum stg_status apply_paper(struct stg_evaluation_row *row, const struct run *r, const double *novel,
                                   size_t n_novel)
{
    enum stg_status status = STG_OK;
    double *valid = NULL;
    const struct stg_scored_set *set = find_set(r->valid_novel, r->n_valid_novel, row->name);
    if (set == NULL || set->n == 0 || r->valid_known == NULL || r->valid_known->n == 0) {
        return STG_OK;
    }
    STG_TRY(values_of(&valid, set, r->settings->aggregate));
    row->has_paper = true;
    row->paper_threshold = stg_threshold_paper(r->valid_values, r->valid_known->n, valid, set->n);
    stg_confusion_at(r->known_values[r->settings->aggregate], r->known->n, novel, n_novel, row->paper_threshold,
                     &row->paper);
out:
    stg_mem_free(valid);
    return status;
}

/* Share of the groups whose p-value is at most alpha. */
static double share_novel(const struct run *r, const struct stg_fisher *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        n += stg_fisher_p(&r->calibration_groups, f->value[i]) <= r->settings->alpha * (1 + 1e-9);
    }
    const bool judged = f->n > 0 && stg_fisher_reaches(&r->calibration_groups, r->settings->alpha);
    return judged ? (double)n / (double)f->n : (double)NAN;
}

static enum stg_status group_row(struct stg_evaluation_row *row, const struct run *r, const struct stg_scored_set *set)
{
    enum stg_status status = STG_OK;
    struct stg_fisher novel = {0};
    row->group_auroc = row->group_tpr = (double)NAN;
    if (r->settings->group == 0) {
        return STG_OK;
    }
    STG_TRY(stg_fisher_groups(&novel, r->model, r->settings->aggregate, set->scores, set->n, r->settings->group));
    row->n_groups = novel.n;
    row->group_tpr = share_novel(r, &novel);
    STG_TRY(stg_auroc(r->known_groups.value, r->known_groups.n, novel.value, novel.n, &row->group_auroc));
out:
    stg_fisher_fini(&novel);
    return status;
}

static enum stg_status group_known(struct stg_evaluation *out, struct run *r)
{
    const struct stg_evaluate_settings *s = r->settings;
    out->group = s->group;
    out->group_fpr = (double)NAN;
    if (s->group == 0) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_fisher_known(&r->calibration_groups, r->model, s->aggregate, s->group));
    STG_RETURN_IF_FAILED(
        stg_fisher_groups(&r->known_groups, r->model, s->aggregate, r->known->scores, r->known->n, s->group));
    out->n_known_groups = r->known_groups.n;
    out->group_fpr = share_novel(r, &r->known_groups);
    return STG_OK;
}

enum { STARTS = 200 }; /* beginnings of the stream that a delay is the median of */

static size_t count_alarms(const struct stg_shift *begin, const struct stg_scored_set *set)
{
    struct stg_shift s = *begin;
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        if (stg_shift_add(&s, &set->scores[i])) {
            n++;
            stg_shift_reset(&s);
        }
    }
    return n + stg_shift_end(&s);
}

/* Median over the beginnings; one from which no shift is noticed counts as never. */
static double shift_delay(const struct stg_shift *begin, const struct stg_scored_set *set)
{
    const size_t half = (set->n + 1) / 2, n = half < STARTS ? half : STARTS;
    double delay[STARTS];
    for (size_t k = 0; k < n; k++) {
        struct stg_shift s = *begin;
        for (size_t i = half * k / n; i < set->n && !s.shifted; i++) {
            stg_shift_add(&s, &set->scores[i]);
        }
        stg_shift_end(&s);
        delay[k] = s.shifted ? (double)s.noticed + 1 : (double)INFINITY;
    }
    stg_sort_doubles(delay, n);
    return delay[n / 2];
}

static enum stg_status fill_row(struct stg_evaluation_row *row, const struct run *r, const struct stg_scored_set *set,
                                struct stg_rng *rng)
{
    enum stg_status status = STG_OK;
    const enum stg_aggregate chosen = r->settings->aggregate;
    const double *known = r->known_values[chosen];
    double *novel = NULL;
    *row = (struct stg_evaluation_row){.name = set->name, .n_novel = set->n};
    for (int a = 0; a < STG_AGGREGATES; a++) {
        stg_mem_free(novel);
        novel = NULL;
        if (!stg_aggregate_has(r->model, (enum stg_aggregate)a)) {
            row->auroc_by[a] = (double)NAN;
            continue;
        }
        STG_TRY(values_of(&novel, set, (enum stg_aggregate)a));
        STG_TRY(stg_auroc(r->known_values[a], r->known->n, novel, set->n, &row->auroc_by[a]));
    }
    stg_mem_free(novel);
    novel = NULL;
    STG_TRY(values_of(&novel, set, chosen));
    row->auroc.value = row->auroc_by[chosen];
    STG_TRY(stg_auroc_interval(known, r->known->n, novel, set->n, r->settings->n_resamples, 0.95, rng, &row->auroc.low,
                               &row->auroc.high));
    STG_TRY(stg_auprc(known, r->known->n, novel, set->n, &row->auprc));
    STG_TRY(stg_tpr_at(known, r->known->n, novel, set->n, stg_evaluation_rates, STG_EVALUATION_RATES, row->tpr_at));
    stg_confusion_at(known, r->known->n, novel, set->n, r->threshold, &row->calibrated);
    STG_TRY(apply_paper(row, r, novel, set->n));
    STG_TRY(group_row(row, r, set));
    row->shift_delay = stg_calibrated(r->model) ? shift_delay(&r->shift, set) : (double)NAN;
out:
    stg_mem_free(novel);
    return status;
}

size_t stg_scores_per_trace(struct stg_score *scores, size_t n)
{
    size_t n_traces = 0;
    for (size_t i = 0; i < n; i++) {
        if (n_traces == 0 || scores[n_traces - 1].stream != scores[i].stream) {
            scores[n_traces++] = scores[i];
            continue;
        }
        float *highest = scores[n_traces - 1].value;
        for (int a = 0; a < STG_AGGREGATES; a++) {
            highest[a] = scores[i].value[a] > highest[a] ? scores[i].value[a] : highest[a];
        }
    }
    return n_traces;
}

static enum stg_status check(const struct stg_scored_set *known, const struct stg_scored_set *novel, size_t n_novel,
                             const struct stg_evaluate_settings *s)
{
    if (known->n == 0) {
        return stg_fail(STG_ERR_USAGE, "%s: no sequences: give known data to compare with", known->name);
    }
    for (size_t i = 0; i < n_novel; i++) {
        if (novel[i].n == 0) {
            return stg_fail(STG_ERR_USAGE, "%s: no sequences: give data of that behaviour or leave it out",
                            novel[i].name);
        }
    }
    if (!(s->alpha > 0 && s->alpha < 1) || (unsigned)s->aggregate >= STG_AGGREGATES) {
        return stg_fail(STG_ERR_USAGE, "alpha %g: give a false-alarm rate between 0 and 1", s->alpha);
    }
    return STG_OK;
}

enum stg_status stg_evaluate(struct stg_evaluation *out, const struct stg_model *m, const struct stg_scored_set *known,
                             const struct stg_scored_set *novel, size_t n_novel,
                             const struct stg_scored_set *valid_known, const struct stg_scored_set *valid_novel,
                             size_t n_valid_novel, const struct stg_evaluate_settings *s)
{
    enum stg_status status = STG_OK;
    struct run r = {.model = m,
                    .settings = s,
                    .known = known,
                    .valid_known = valid_known,
                    .valid_novel = valid_novel,
                    .n_valid_novel = n_valid_novel};
    *out = (struct stg_evaluation){
        .aggregate = s->aggregate, .alpha = s->alpha, .per_trace = s->per_trace, .n_known = known->n};
    STG_RETURN_IF_FAILED(check(known, novel, n_novel, s));
    r.threshold = stg_threshold(m, s->aggregate, s->alpha);
    out->threshold = r.threshold;
    for (int a = 0; a < STG_AGGREGATES; a++) {
        STG_TRY(values_of(&r.known_values[a], known, (enum stg_aggregate)a));
    }
    STG_TRY(values_of(&r.valid_values, valid_known, s->aggregate));
    STG_TRY(stg_mem_zeroed(&out->rows, n_novel, sizeof *out->rows));
    struct stg_confusion c;
    stg_confusion_at(r.known_values[s->aggregate], known->n, NULL, 0, r.threshold, &c);
    out->known_fpr = c.fpr;
    STG_TRY(group_known(out, &r));
    stg_shift_init(&r.shift, m, s->aggregate, s->interval);
    out->shift_interval = s->interval;
    out->shift_alarms = stg_calibrated(m) ? count_alarms(&r.shift, known) : 0;
    for (size_t i = 0; i < n_novel; i++) {
        struct stg_rng rng; /* each row by itself: a row does not depend on which others there are */
        stg_rng_seed(&rng, s->seed);
        STG_TRY(fill_row(&out->rows[i], &r, &novel[i], &rng));
        out->n_rows++;
        out->macro_auroc += out->rows[i].auroc.value / (double)n_novel;
    }
out:
    for (int a = 0; a < STG_AGGREGATES; a++) {
        stg_mem_free(r.known_values[a]);
    }
    stg_mem_free(r.valid_values);
    stg_fisher_fini(&r.calibration_groups);
    stg_fisher_fini(&r.known_groups);
    if (status != STG_OK) {
        stg_evaluation_fini(out);
    }
    return status;
}

void stg_evaluation_fini(struct stg_evaluation *e)
{
    stg_mem_free(e->rows);
    e->rows = NULL;
    e->n_rows = 0;
}
