/* strange eval: how well are labelled novel behaviours told from known data? */
#include "cli/budget.h"
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/eval_models.h"
#include "cli/groups.h"
#include "cli/output.h"

#include "base/log.h"
#include "base/memory.h"
#include "detect/evaluate.h"
#include "report/report.h"

#include <unistd.h>

struct settings {
    bool json, per_trace;
    double alpha, interval, per_day;
    const char *aggregate, *precision;
    uint32_t resamples, group;
    uint64_t seed;
    struct stg_list known, novel, valid_known, valid_novel;
};

/* The highest score of each trace in place of those of its sequences, which nothing asks for after that. */
static void keep_highest(struct stg_groups groups[4])
{
    for (size_t k = 0; k < 4; k++) {
        for (size_t i = 0; i < groups[k].n; i++) {
            groups[k].sets[i].n = stg_scores_per_trace(groups[k].groups[i].scores, groups[k].sets[i].n);
        }
    }
}

static enum stg_status open_all(struct stg_groups groups[4], const struct settings *s, const struct stg_model *model,
                                struct stg_pool *pool, const struct stg_cli *cli)
{
    STG_RETURN_IF_FAILED(stg_groups_open_one(&groups[0], "known", &s->known, model, pool, cli));
    STG_RETURN_IF_FAILED(stg_groups_open_named(&groups[1], "--novel", &s->novel, model, pool, cli));
    STG_RETURN_IF_FAILED(stg_groups_open_one(&groups[2], "known", &s->valid_known, model, pool, cli));
    STG_RETURN_IF_FAILED(stg_groups_open_named(&groups[3], "--valid-novel", &s->valid_novel, model, pool, cli));
    STG_RETURN_IF_FAILED(stg_groups_match(&groups[3], &groups[1]));
    for (size_t i = 0; i < 4; i++) {
        STG_RETURN_IF_FAILED(stg_groups_check(&groups[i], model));
        STG_RETURN_IF_FAILED(stg_groups_score(&groups[i], model, pool, cli));
    }
    return STG_OK;
}

static enum stg_status evaluate(struct stg_evaluation *out, const struct stg_groups groups[4], const struct settings *s,
                                const struct stg_model *model)
{
    struct stg_evaluate_settings e;
    const struct stg_scored_set none = {.name = "known"};
    stg_evaluate_settings_default(&e);
    e.alpha = s->alpha;
    e.n_resamples = s->resamples;
    e.seed = s->seed;
    e.group = s->group;
    e.interval = s->interval;
    e.per_trace = s->per_trace;
    STG_RETURN_IF_FAILED(stg_aggregate_parse(s->aggregate, model, &e.aggregate));
    return stg_evaluate(out, model, groups[0].sets, groups[1].sets, groups[1].n,
                        groups[2].n > 0 ? groups[2].sets : &none, groups[3].sets, groups[3].n, &e);
}

static enum stg_status check_usage(const struct settings *s)
{
    if (s->known.n == 0) {
        return stg_fail(STG_ERR_USAGE, "--known DATA… is missing: give held-out data of the known behaviour");
    }
    if (s->novel.n == 0) {
        return stg_fail(
            STG_ERR_USAGE,
            "--novel [NAME=]DATA… is missing: give labelled data of a novel behaviour, or use `strange score`");
    }
    if ((s->valid_known.n > 0) != (s->valid_novel.n > 0)) {
        return stg_fail(STG_ERR_USAGE, "--valid-known and --valid-novel go together: give both or neither");
    }
    if (s->per_trace && s->group > 0) {
        return stg_fail(STG_ERR_USAGE, "--per-trace and --group: sequences are taken together by trace or by number: "
                                       "give one of them");
    }
    return STG_OK;
}

/* One model; of several its figures go into all, too. */
static enum stg_status run_one(struct stg_buffer *out, json_t *all, const char *path, const struct settings *s,
                               const struct stg_cli *cli, struct stg_pool *pool)
{
    enum stg_status status = STG_OK;
    struct settings judged = *s;
    struct stg_model *model = NULL;
    struct stg_groups groups[4] = {0};
    struct stg_evaluation evaluation = {0};
    STG_TRY(stg_input_model_in(&model, path, s->precision));
    STG_TRY(open_all(groups, s, model, pool, cli));
    /* What is known comes as often as what will be judged. */
    STG_TRY(stg_budget_apply(s->per_day, &groups[0].groups[0], cli, &judged.alpha, &judged.interval));
    if (s->per_trace) {
        keep_highest(groups);
    }
    STG_TRY(evaluate(&evaluation, groups, &judged, model));
    if (s->json) {
        STG_TRY(stg_report_eval_json(out, &evaluation));
    } else if (all == NULL) {
        STG_TRY(stg_report_table(out, &evaluation, stg_log_may_colour(STDOUT_FILENO)));
    }
    STG_TRY(all != NULL ? stg_eval_models_add(all, &evaluation) : STG_OK);
out:
    stg_evaluation_fini(&evaluation);
    for (size_t i = 0; i < 4; i++) {
        stg_groups_fini(&groups[i]);
    }
    stg_model_free(model);
    return status;
}

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    const struct settings *s = context;
    enum stg_status status = STG_OK;
    struct stg_pool *pool = NULL;
    struct stg_buffer out = STG_BUFFER_INIT;
    json_t *all = cli->n_operands > 1 ? json_object() : NULL;
    (void)exit_code;
    STG_TRY(check_usage(s));
    STG_TRY(stg_pool_new(&pool, cli->threads));
    for (size_t i = 0; i < cli->n_operands; i++) {
        STG_TRY(run_one(&out, all, cli->operands[i], s, cli, pool));
    }
    if (all != NULL) {
        STG_TRY(s->json ? stg_eval_models_json(&out, all) : stg_eval_models_text(&out, all));
    }
    STG_TRY(stg_output_write(&out));
out:
    json_decref(all);
    stg_buffer_fini(&out);
    stg_pool_free(pool);
    return status;
}

static void defaults(void *context)
{
    struct settings *s = context;
    struct stg_evaluate_settings e;
    stg_evaluate_settings_default(&e);
    s->alpha = e.alpha;
    s->interval = e.interval;
    s->resamples = (uint32_t)e.n_resamples;
    s->seed = e.seed;
}

static const struct stg_option options[] = {
    STG_OPTION_KNOWN(struct settings, "held-out data or traces of the known behaviour"),
    STG_OPTIONS_NOVEL(struct settings),
    STG_OPTION_JSON(struct settings, "one JSON object instead of the table"),
    STG_OPTION_ALPHA(struct settings, "false-alarm rate of the calibrated threshold"),
    STG_OPTION_AGGREGATE(struct settings, "score of a sequence (see `strange help score`)"),
    {.name = "per-trace",
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct settings, per_trace),
     .help = "judge whole traces, each by the highest score of its sequences: recordings, or files of which each was "
             "given to prepare by its name; a folder of lists is one trace. The threshold stays that of a sequence"},
    STG_OPTION_GROUP(struct settings),
    STG_OPTION_INTERVAL(struct settings),
    STG_OPTION_PER_DAY_OF_STREAM(struct settings),
    STG_OPTION_PRECISION(struct settings),
    {.name = "resamples",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = offsetof(struct settings, resamples),
     .min = 10,
     .max = 1000000,
     .fallback = "1000",
     .help = "bootstrap resamples behind the intervals"},
    {.name = "seed",
     .arg = "N",
     .type = STG_OPTION_U64,
     .offset = offsetof(struct settings, seed),
     .help = "of the bootstrap"},
};

static const char *const description[] = {
    "Scores known data and labelled novel data, and prints for each novel behaviour: the area under the ROC curve with "
    "a 95 % "
    "bootstrap interval (wider where the sequences are too few to tell), the area under the precision-recall curve, "
    "and F1, accuracy and false-positive rate at the "
    "threshold that "
    "calibration on known data gives at alpha. Novel is the positive class.",
    "With --valid-known and --valid-novel it also chooses a threshold as the paper does (arXiv 2309.02206: best F1 on "
    "labelled "
    "validation data among 100 even steps) and applies it to the test data.",
    "Of several models, as of one training with several seeds, it prints the mean of each figure and its standard "
    "deviation over the models; with --json a line for each model before that.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange eval web.model --known known.data --novel io=io.data ssl=ssl.data", "one row for each of two behaviours"},
    {"strange eval --known known.data --novel io=io.data -- seed1.model seed2.model seed3.model",
     "mean ± deviation over three seeds"},
    {NULL, NULL},
};

const struct stg_command stg_command_eval = {
    .name = "eval",
    .summary = "measure how well novel behaviours are told from known ones",
    .operands = "--known DATA… --novel NAME=DATA… -- MODEL…",
    .n_min = 1,
    .n_max = SIZE_MAX,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .settings_size = sizeof(struct settings),
    .defaults = defaults,
    .run = run,
};
