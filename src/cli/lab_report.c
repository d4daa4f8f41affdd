#include "cli/lab_report.h"

#include "cli/facts.h"
#include "lab/campaign.h"
#include "lab/text.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Two-sided 95 % quantiles of Student's t with 1, 2, … degrees of freedom. */
static const double student[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228};

bool stg_lab_interval(const double *values, size_t n, double *low, double *high)
{
    double mean = 0, squares = 0;
    if (n < 2) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        mean += values[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        squares += (values[i] - mean) * (values[i] - mean);
    }
    const size_t k = n - 2, last = sizeof student / sizeof student[0] - 1;
    const double t = k <= last ? student[k] : 2.0;
    const double half = t * sqrt(squares / (double)(n - 1) / (double)n);
    *low = fmax(mean - half, 0); /* of shares: none is beyond these */
    *high = fmin(mean + half, 1);
    return true;
}

static json_t *read_eval(const char *dir, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/eval/%s.json", dir, name);
    return stg_text_json(path);
}

/* The macro AUROC against each known test run by itself, and from them an interval. */
static enum stg_status put_macro(json_t *model, const json_t *runs, const char *dir, const char *name)
{
    double values[64], low, high;
    size_t n = 0, i;
    json_t *run, *list = json_array();
    json_array_foreach(runs, i, run)
    {
        char eval[512];
        if (strcmp(stg_text_of(run, "behaviour"), "known") != 0 || strcmp(stg_text_of(run, "role"), "test") != 0 ||
            n == 64) {
            continue;
        }
        snprintf(eval, sizeof eval, "%.250s.%.250s", name, stg_text_of(run, "name"));
        json_t *e = read_eval(dir, eval);
        if (json_is_number(json_object_get(e, "macro_auroc"))) {
            values[n] = json_number_value(json_object_get(e, "macro_auroc"));
            json_array_append_new(list, json_real(values[n++]));
        }
        json_decref(e);
    }
    STG_RETURN_IF_FAILED(stg_facts_put(model, "macro_auroc_by_known_run", list));
    return stg_facts_put(model, "macro_auroc_interval",
                         stg_lab_interval(values, n, &low, &high) ? json_pack("[f, f]", low, high) : json_null());
}

static enum stg_status put_behaviours(json_t *model, const json_t *eval)
{
    static const char *const keys[] = {"auroc", "auroc_interval", "auprc", "f1", "accuracy", "fpr",
                                       "tpr",   "n_novel",        "paper"};
    const char *name;
    json_t *from, *all = json_object();
    json_object_foreach((json_t *)json_object_get(eval, "novel"), name, from)
    {
        json_t *to = json_object();
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            json_t *value = json_object_get(from, keys[i]);
            if (value != NULL) {
                json_object_set(to, keys[i], value);
            }
        }
        json_object_set_new(all, name, to);
    }
    return stg_facts_put(model, "behaviours", all);
}

static enum stg_status put_model(json_t *models, const json_t *runs, const char *dir, const char *name)
{
    enum stg_status status = STG_OK;
    json_t *eval = read_eval(dir, name);
    if (!json_is_object(json_object_get(eval, "novel")) || json_object_get(eval, "macro_auroc") == NULL ||
        json_object_get(eval, "known_fpr") == NULL || json_object_get(eval, "n_known") == NULL) {
        json_decref(eval);
        return stg_fail(
            STG_ERR_INPUT,
            "%s/eval/%s.json: not what `strange eval --json` writes: remove it, and `strange lab run` makes it again",
            dir, name);
    }
    json_t *model = json_object();
    STG_TRY(stg_facts_put(model, "name", stg_facts_string(name)));
    STG_TRY(stg_facts_put(model, "macro_auroc", json_incref(json_object_get(eval, "macro_auroc"))));
    STG_TRY(put_macro(model, runs, dir, name));
    STG_TRY(stg_facts_put(model, "known_fpr", json_incref(json_object_get(eval, "known_fpr"))));
    STG_TRY(stg_facts_put(model, "n_known", json_incref(json_object_get(eval, "n_known"))));
    STG_TRY(put_behaviours(model, eval));
    if (json_array_append(models, model) != 0) {
        status = stg_fail(STG_ERR_MEMORY, "lab report: out of memory");
    }
out:
    json_decref(model);
    json_decref(eval);
    return status;
}

/* DIR/eval/MODEL.json, in alphabetical order; MODEL.RUN.json are those by known run. */
static enum stg_status put_models(json_t *models, const json_t *runs, const char *dir)
{
    char path[PATH_MAX];
    struct dirent **found = NULL;
    enum stg_status status = STG_OK;
    snprintf(path, sizeof path, "%s/eval", dir);
    const int n = scandir(path, &found, NULL, alphasort);
    if (n < 0) {
        return errno == ENOENT ? STG_OK : stg_fail_errno("%s", path);
    }
    for (int i = 0; i < n; i++) {
        char name[256];
        const size_t len = strlen(found[i]->d_name);
        const char *dot = strchr(found[i]->d_name, '.');
        if (status == STG_OK && dot != NULL && strcmp(dot, ".json") == 0 && len < sizeof name) {
            snprintf(name, sizeof name, "%.*s", (int)(len - 5), found[i]->d_name);
            status = put_model(models, runs, dir, name);
        }
        free(found[i]);
    }
    free((void *)found);
    return status;
}

/* The measures of the runs that are done. */
static enum stg_status put_runs(json_t *report, const json_t *runs, const char *dir)
{
    size_t i;
    json_t *run, *list = json_array();
    json_array_foreach(runs, i, run)
    {
        json_t *facts = stg_campaign_run_facts(dir, stg_text_of(run, "name"));
        if (facts != NULL && json_array_append_new(list, facts) != 0) {
            json_decref(list);
            return stg_fail(STG_ERR_MEMORY, "lab report: out of memory");
        }
    }
    return stg_facts_put(report, "runs", list);
}

enum stg_status stg_lab_report(json_t **out, const char *dir)
{
    enum stg_status status;
    json_t *campaign = NULL, *models = json_array();
    *out = json_object();
    STG_TRY(stg_campaign_read(&campaign, dir));
    const json_t *runs = json_object_get(campaign, "runs");
    STG_TRY(stg_facts_put(*out, "campaign", stg_facts_string(dir)));
    STG_TRY(stg_facts_put(*out, "settings", json_incref(json_object_get(campaign, "settings"))));
    STG_TRY(stg_facts_put(*out, "behaviours", json_incref(json_object_get(campaign, "behaviours"))));
    STG_TRY(stg_facts_put(*out, "runs_planned", json_integer((json_int_t)json_array_size(runs))));
    STG_TRY(put_runs(*out, runs, dir));
    STG_TRY(put_models(models, runs, dir));
    STG_TRY(stg_facts_put(*out, "models", json_incref(models)));
out:
    json_decref(models);
    json_decref(campaign);
    if (status != STG_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

static double measure(const json_t *run, const char *name)
{
    return json_number_value(json_object_get(json_object_get(run, "measures"), name));
}

static enum stg_status put_accounts(struct stg_buffer *b, const json_t *report)
{
    const json_t *runs = json_object_get(report, "runs");
    size_t i, n_disturbed = 0, n_repeated = 0;
    double worst = 0, lost = 0, requests = 0;
    json_t *run;
    json_array_foreach(runs, i, run)
    {
        const double foreign = measure(run, "foreign_cpu_share") + measure(run, "steal_cpu_share");
        worst = foreign > worst ? foreign : worst;
        lost += measure(run, "lost");
        requests += measure(run, "requests");
        n_disturbed += json_is_true(json_object_get(run, "disturbed"));
        n_repeated += json_integer_value(json_object_get(run, "attempts")) > 1;
    }
    return stg_buffer_printf(
        b,
        "%zu of %lld runs, %.0f requests, %.0f event%s lost; foreign CPU at most %.1f %%, %zu run%s repeated, %zu "
        "disturbed\n",
        json_array_size(runs), (long long)json_integer_value(json_object_get(report, "runs_planned")), requests, lost,
        lost == 1 ? "" : "s", 100 * worst, n_repeated, n_repeated == 1 ? "" : "s", n_disturbed);
}

static enum stg_status put_row(struct stg_buffer *b, const json_t *model, const json_t *behaviours)
{
    size_t i;
    json_t *behaviour;
    const json_t *interval = json_object_get(model, "macro_auroc_interval");
    STG_RETURN_IF_FAILED(stg_buffer_printf(b, "%-18s", stg_text_of(model, "name")));
    json_array_foreach(behaviours, i, behaviour)
    {
        const json_t *row = json_object_get(json_object_get(model, "behaviours"), stg_text_of(behaviour, "name"));
        if (strcmp(stg_text_of(behaviour, "name"), "known") != 0) {
            STG_RETURN_IF_FAILED(
                row == NULL ? stg_buffer_printf(b, "%12s", "-")
                            : stg_buffer_printf(b, "%12.3f", json_number_value(json_object_get(row, "auroc"))));
        }
    }
    STG_RETURN_IF_FAILED(stg_buffer_printf(b, "%8.3f", json_number_value(json_object_get(model, "macro_auroc"))));
    if (json_is_array(interval)) {
        STG_RETURN_IF_FAILED(stg_buffer_printf(b, " [%.3f, %.3f]", json_number_value(json_array_get(interval, 0)),
                                               json_number_value(json_array_get(interval, 1))));
    }
    return stg_buffer_printf(b, "%11.1f %%\n", 100 * json_number_value(json_object_get(model, "known_fpr")));
}

enum stg_status stg_lab_report_text(struct stg_buffer *b, const json_t *report)
{
    size_t i;
    json_t *item;
    const json_t *behaviours = json_object_get(report, "behaviours"), *models = json_object_get(report, "models");
    STG_RETURN_IF_FAILED(put_accounts(b, report));
    if (json_array_size(models) == 0) {
        return stg_buffer_printf(b, "no model has been evaluated yet\n");
    }
    STG_RETURN_IF_FAILED(
        stg_buffer_printf(b, "\nAUROC per request, novel against the known test runs (.5 is chance)\n%-18s", "model"));
    json_array_foreach(behaviours, i, item)
    {
        if (strcmp(stg_text_of(item, "name"), "known") != 0) {
            STG_RETURN_IF_FAILED(stg_buffer_printf(b, "%12s", stg_text_of(item, "name")));
        }
    }
    const bool interval = json_is_array(json_object_get(json_array_get(models, 0), "macro_auroc_interval"));
    STG_RETURN_IF_FAILED(
        stg_buffer_printf(b, "%8s%s%13s\n", "mean", interval ? " by known run  " : "", "known alarms"));
    json_array_foreach(models, i, item)
    {
        STG_RETURN_IF_FAILED(put_row(b, item, behaviours));
    }
    return STG_OK;
}
