#include "cli/train_calibrate.h"

#include "cli/facts.h"
#include "cli/input.h"

#include "base/log.h"
#include "base/majority.h"
#include "base/memory.h"
#include "detect/calibrate.h"
#include "detect/quarantine.h"
#include "detect/runs.h"
#include "detect/usual.h"

#include <math.h>

/* Sequences of a run, on the average: of fewer, as of files of one each, no run tells its rate. */
#define FEW_IN_RUN 20
#define MOST_NAMED 10 /* sequences in quarantine that are said, the most novel; the record has all */

/* A run is a recording: a trace of a data set, which may have several. runs (n_runs + 1) as of stg_calibrate_runs(),
 * owned by the caller. */
static enum stg_status find_runs(const struct stg_corpora *from, const struct stg_score *scores, size_t **runs,
                                 size_t *n_runs)
{
    size_t cap = 0;
    *n_runs = 0;
    for (size_t k = 0; k < from->n; k++) {
        for (size_t i = from->offset[k]; i < from->offset[k + 1]; i++) {
            if (i == from->offset[k] || scores[i].trace != scores[i - 1].trace) {
                STG_RETURN_IF_FAILED(stg_mem_grow(runs, &cap, *n_runs + 2, sizeof **runs));
                (*runs)[(*n_runs)++] = i;
                (*runs)[*n_runs] = from->offset[from->n];
            }
        }
    }
    return STG_OK;
}

/* The process that most sequences of each run are of; 0 where the runs have none in common, or sequences are of no
 * process. Such runs do not tell what differs after a restart. */
static int32_t common_process(const size_t *offset, size_t n_runs, const struct stg_score *scores)
{
    int32_t common = 0;
    for (size_t k = 0; k < n_runs; k++) {
        struct stg_majority of_run = {0};
        for (size_t i = offset[k]; i < offset[k + 1]; i++) {
            stg_majority_vote(&of_run, (uint32_t)scores[i].pid, 1);
        }
        if (offset[k + 1] > offset[k] && common == 0) {
            common = (int32_t)of_run.candidate;
        }
        if (common == 0 || (offset[k + 1] > offset[k] && (int32_t)of_run.candidate != common)) {
            return 0;
        }
    }
    return common;
}

/* Says what the runs of the calibration promise of a new one, and writes it into the record: runs (with sequences), the
 * least alpha, and the false-alarm rates of runs that were left out. */
static enum stg_status judge_runs(const struct stg_model *m, const size_t *offset, size_t n_all,
                                  const struct stg_score *scores)
{
    enum stg_status status = STG_OK;
    double *rate = NULL, low = 1, high = 0, mean = 0;
    size_t n_runs = 0, n = 0;
    json_t *facts = json_object_get(m->record, "calibration"), *rates = json_array();
    for (size_t k = 0; k < n_all; k++) {
        n_runs += offset[k + 1] > offset[k];
    }
    STG_TRY(stg_mem_zeroed(&rate, n_all, sizeof *rate));
    if (n_runs > 1) {
        STG_TRY(stg_runs_left_out(m, scores, offset, n_all, STG_ALPHA_DEFAULT, rate));
    }
    for (size_t k = 0; k < n_all && n_runs > 1; k++) {
        if (isfinite(rate[k])) {
            low = fmin(low, rate[k]);
            high = fmax(high, rate[k]);
            mean += rate[k];
            n++;
        }
        STG_TRY(json_array_append_new(rates, stg_facts_number(rate[k])) == 0
                    ? STG_OK
                    : stg_fail(STG_ERR_MEMORY, "training record: out of memory"));
    }
    STG_TRY(stg_facts_put(facts, "runs", json_integer((json_int_t)n_runs)));
    STG_TRY(stg_facts_put(facts, "least_alpha", stg_facts_number(1 / ((double)m->n_calibration + 1))));
    STG_TRY(stg_facts_put(facts, "left_out_rates", json_incref(rates)));
    if (n_runs == 1) {
        stg_log(
            STG_LOG_INFO,
            "calibrated on one run: how false alarms differ from run to run is not known; give --calibrate several");
    } else if (n > 0 && offset[n_all] < FEW_IN_RUN * n_runs) {
        stg_log(STG_LOG_INFO, "calibrated on %zu runs: at alpha %g those that are left out have %.2g %% false alarms",
                n_runs, STG_ALPHA_DEFAULT, 100 * mean / (double)n);
    } else if (n > 0) {
        stg_log(STG_LOG_INFO,
                "calibrated on %zu runs: at alpha %g a run that is left out has %.2g %% false alarms, from %.2g %% to "
                "%.2g %%",
                n_runs, STG_ALPHA_DEFAULT, 100 * mean / (double)n, 100 * low, 100 * high);
    }
    const int32_t process = n_runs > 1 ? common_process(offset, n_all, scores) : 0;
    if (process > 0) {
        stg_log(STG_LOG_WARN,
                "all runs of the calibration are of process %d: what differs after a restart is not known, and will "
                "seem novel; restart the "
                "service between runs",
                (int)process);
    }
out:
    json_decref(rates);
    stg_mem_free(rate);
    return status;
}

/* Leaves the most novel share out (rank, of all, is not 0), and says and keeps which. runs become those of what is
 * left; *n its number. */
static enum stg_status quarantine(struct stg_model *m, const struct stg_corpora *from, struct stg_score *scores,
                                  size_t *runs, size_t n_runs, double share, size_t *n, uint32_t *rank, json_t *named)
{
    STG_RETURN_IF_FAILED(stg_quarantine(m, scores, runs, n_runs, share, rank));
    for (size_t k = 0; k < from->n; k++) {
        for (size_t i = from->offset[k]; i < from->offset[k + 1]; i++) {
            const char *path = stg_dataset_path(from->sets[k]);
            if (rank[i] == 0) {
                continue;
            }
            json_t *one = json_pack("{s:o, s:I}", "data", stg_facts_string(path), "id", (json_int_t)scores[i].id);
            if (one == NULL || json_array_append_new(named, one) != 0) {
                return stg_fail(STG_ERR_MEMORY, "training record: out of memory");
            }
            if (rank[i] <= MOST_NAMED) {
                stg_log(STG_LOG_INFO, "quarantine: sequence %llu of %s", (unsigned long long)scores[i].id, path);
            }
        }
    }
    const size_t all = *n;
    *n = stg_quarantine_leave_out(scores, runs, n_runs, rank);
    stg_log(STG_LOG_INFO, "quarantine: %zu of %zu sequences do not calibrate: are they known?", all - *n, all);
    return STG_OK;
}

/* What a gap makes strange raises the threshold for all. */
static void warn_lost(const struct stg_score *scores, size_t n)
{
    size_t n_touched = 0;
    for (size_t i = 0; i < n; i++) {
        n_touched += scores[i].n_lost > 0;
    }
    if (n_touched > 0) {
        stg_log(STG_LOG_WARN,
                "lost events touch %zu of the %zu sequences that calibrate: what a gap makes strange passes for usual; "
                "calibrate with recordings without loss",
                n_touched, n);
    }
}

enum stg_status stg_train_calibrate(const struct stg_cli *cli, struct stg_model *m, struct stg_corpora *training,
                                    struct stg_corpora *from, double share, struct stg_pool *pool, double *loss)
{
    enum stg_status status = STG_OK;
    struct stg_corpus corpus, learnt;
    uint32_t *rank = NULL;
    struct stg_score *scores = NULL;
    size_t *runs = NULL, n_runs = 0, n;
    json_t *named = json_array();
    struct stg_progress progress;
    stg_corpora_corpus(from, &corpus);
    stg_corpora_corpus(training, &learnt);
    n = corpus.n;
    *loss = (double)NAN;
    if (n == 0) {
        stg_log(STG_LOG_WARN, "not calibrated: no sequence could be held out; give --calibrate DATA");
        json_decref(named);
        return STG_OK;
    }
    STG_TRY(stg_mem_zeroed(&scores, n, sizeof *scores));
    STG_TRY(stg_mem_zeroed(&rank, n, sizeof *rank));
    struct stg_progress *p = stg_cli_progress(cli, &progress, "calibrate", "sequences", n);
    status = stg_score_corpus(m, &corpus, pool, p, scores);
    stg_progress_finish(p);
    STG_TRY(status);
    *loss = stg_score_loss(scores, n);
    STG_TRY(find_runs(from, scores, &runs, &n_runs));
    if (share > 0) {
        STG_TRY(quarantine(m, from, scores, runs, n_runs, share, &n, rank, named));
    }
    warn_lost(scores, n);
    STG_TRY(stg_calibrate_runs(m, scores, runs, n_runs));
    if (share > 0) {
        STG_TRY(stg_facts_put(json_object_get(m->record, "calibration"), "quarantined", json_incref(named)));
    }
    STG_TRY(judge_runs(m, runs, n_runs, scores));
    STG_TRY(stg_usual_fit(m, &corpus, rank, &learnt));
    if ((double)n + 1 < 1 / STG_ALPHA_DEFAULT) {
        stg_log(STG_LOG_WARN,
                "only %zu sequence%s to calibrate the model: no single one can be called novel below alpha %.2g; give "
                "--calibrate more",
                n, n == 1 ? "" : "s", 1 / ((double)n + 1));
    }
out:
    json_decref(named);
    stg_mem_free(runs);
    stg_mem_free(rank);
    stg_mem_free(scores);
    return status;
}
