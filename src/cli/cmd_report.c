/* strange report: everything about known and novel data in one HTML file. */
#include "cli/behaviour_objects.h"
#include "cli/behaviours.h"
#include "cli/budget.h"
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/groups.h"
#include "cli/output.h"
#include "cli/report_parts.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/memory.h"
#include "detect/calibrate.h"
#include "detect/shift.h"
#include "detect/verdict.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    const char *out, *title, *aggregate;
    double alpha, interval, per_day;
    uint32_t explain; /* sequences of each set */
    struct stg_list known, novel, valid_known, valid_novel, training;
};

/* What is explained, with where it comes from; parallel arrays as the report takes them. */
struct explained {
    struct stg_explanation *items; /* owned, as are the arrays */
    const char **sets, **traces;
    struct stg_attention_maps *attention; /* of the event most to blame, where the model attends */
    size_t n;
};

static void explained_fini(struct explained *x)
{
    for (size_t i = 0; i < x->n; i++) {
        stg_explanation_fini(&x->items[i]);
        stg_attention_fini(&x->attention[i]);
    }
    stg_mem_free(x->items);
    stg_mem_free(x->attention);
    stg_mem_free((void *)x->sets);
    stg_mem_free((void *)x->traces);
}

static enum stg_status explain_group(struct explained *x, const struct stg_group *group, const struct stg_model *m,
                                     enum stg_aggregate aggregate, size_t k)
{
    enum stg_status status = STG_OK;
    size_t *worst = NULL, n = 0;
    STG_TRY(stg_group_worst(group, aggregate, k, &worst, &n));
    for (size_t i = 0; i < n; i++) {
        struct stg_seq seq;
        STG_TRY(stg_interrupt_check());
        const struct stg_input *in = stg_group_sequence(group, worst[i], &seq);
        STG_TRY(stg_explain(&x->items[x->n], m, &seq, stg_dataset_vocab(in->dataset), 3));
        x->items[x->n].score.stream = group->scores[worst[i]].stream; /* of all inputs, by which the page finds it */
        x->sets[x->n] = group->name;
        x->traces[x->n] = stg_input_trace(in, &seq);
        x->n++;
        STG_TRY(stg_report_parts_worst(&x->attention[x->n - 1], m, &x->items[x->n - 1], &seq));
    }
out:
    stg_mem_free(worst);
    return status;
}

/* The worst k of every novel behaviour, or of the known data when there is none. */
static enum stg_status explain_all(struct explained *x, const struct stg_groups *known, const struct stg_groups *novel,
                                   const struct stg_model *m, enum stg_aggregate aggregate, size_t k)
{
    const struct stg_groups *from = novel->n > 0 ? novel : known;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&x->items, from->n * k, sizeof *x->items));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&x->sets, from->n * k, sizeof *x->sets));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&x->traces, from->n * k, sizeof *x->traces));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&x->attention, from->n * k, sizeof *x->attention));
    for (size_t i = 0; i < from->n; i++) {
        STG_RETURN_IF_FAILED(explain_group(x, &from->groups[i], m, aggregate, k));
    }
    return STG_OK;
}

static void count_lost(struct stg_report *r, const struct stg_groups *g)
{
    for (size_t i = 0; i < g->n; i++) {
        for (size_t k = 0; k < g->groups[i].n_inputs; k++) {
            r->n_lost += g->groups[i].inputs[k].n_lost;
            r->n_gaps += g->groups[i].inputs[k].n_gaps;
        }
    }
}

static enum stg_status evaluate(struct stg_evaluation *out, const struct stg_model *m, const struct stg_groups g[4],
                                const struct settings *s, enum stg_aggregate aggregate)
{
    struct stg_evaluate_settings e;
    const struct stg_scored_set none = {.name = "known"};
    stg_evaluate_settings_default(&e);
    e.alpha = s->alpha;
    e.interval = s->interval;
    e.aggregate = aggregate;
    return stg_evaluate(out, m, g[0].sets, g[1].sets, g[1].n, g[2].n > 0 ? g[2].sets : &none, g[3].sets, g[3].n, &e);
}

/* The behaviours of each novel set, or of the known one where there is none, so that what is said of all of a set is
 * true of it; and the verdicts. */
struct judged {
    struct stg_found_behaviours *found;       /* (n) owned, as are the arrays */
    struct stg_reported_behaviours *reported; /* (n) */
    struct stg_verdict *verdicts;             /* (1 + novel sets) the known one first */
    struct stg_shift *shifts;                 /* the same */
    size_t n;
};

static void judged_fini(struct judged *j)
{
    for (size_t i = 0; i < j->n; i++) {
        stg_found_behaviours_fini(&j->found[i]);
    }
    stg_mem_free(j->found);
    stg_mem_free(j->reported);
    stg_mem_free(j->verdicts);
    stg_mem_free(j->shifts);
}

static enum stg_status judge_all(struct judged *j, struct stg_report *r, const struct stg_groups *known,
                                 const struct stg_groups *novel, struct stg_pool *pool)
{
    const struct stg_groups *from = novel->n > 0 ? novel : known;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&j->verdicts, 1 + novel->n, sizeof *j->verdicts));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&j->shifts, 1 + novel->n, sizeof *j->shifts));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&j->found, from->n, sizeof *j->found));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&j->reported, from->n, sizeof *j->reported));
    j->n = from->n;
    for (size_t i = 0; i < 1 + novel->n; i++) {
        const struct stg_group *g = i == 0 ? &known->groups[0] : &novel->groups[i - 1];
        stg_verdict_judge(&j->verdicts[i], r->model, g->scores, g->n, r->aggregate, r->alpha);
        stg_shift_judge(&j->shifts[i], r->model, r->aggregate, r->interval, g->scores, g->n);
    }
    for (size_t i = 0; i < from->n; i++) {
        const struct stg_groups one = {.groups = &from->groups[i], .n = 1};
        STG_RETURN_IF_FAILED(
            stg_found_behaviours_init(&j->found[i], &one, r->model, r->aggregate, r->alpha, false, pool));
        STG_RETURN_IF_FAILED(stg_behaviour_objects(&j->found[i].behaviours, &one, r->model));
        j->reported[i] = (struct stg_reported_behaviours){&j->found[i].behaviours, j->found[i].origins};
    }
    r->behaviours = j->reported;
    r->verdicts = j->verdicts;
    r->shifts = j->shifts;
    return STG_OK;
}

static enum stg_status write_report(const struct settings *s, const char *model_path, const struct stg_model *m,
                                    const struct stg_groups g[4], struct stg_report_parts *parts, struct stg_pool *pool)
{
    enum stg_status status = STG_OK;
    struct stg_evaluation evaluation = {0};
    struct explained x = {0};
    struct judged judged = {0};
    struct stg_buffer html = STG_BUFFER_INIT;
    char date[21];
    struct stg_report r = {.title = s->title,
                           .model_path = model_path,
                           .date = date,
                           .model = m,
                           .known = g[0].sets,
                           .novel = g[1].sets,
                           .n_novel = g[1].n,
                           .alpha = s->alpha,
                           .interval = s->interval};
    stg_clock_date(date);
    STG_TRY(stg_aggregate_parse(s->aggregate, m, &r.aggregate));
    if (g[1].n > 0) {
        STG_TRY(evaluate(&evaluation, m, g, s, r.aggregate));
        r.evaluation = &evaluation;
    }
    STG_TRY(explain_all(&x, &g[0], &g[1], m, r.aggregate, s->explain));
    if (stg_calibrated(m)) {
        STG_TRY(judge_all(&judged, &r, &g[0], &g[1], pool));
    }
    r.explanations = x.items;
    r.explanation_sets = x.sets;
    r.explanation_traces = x.traces;
    r.n_explanations = x.n;
    r.attention_worst = x.attention;
    STG_TRY(stg_report_parts_make(parts, &r, &g[0], &g[1], pool));
    count_lost(&r, &g[0]);
    count_lost(&r, &g[1]);
    STG_TRY(stg_report_html(&html, &r));
    STG_TRY(stg_output_write_file(&html, s->out));
out:
    stg_buffer_fini(&html);
    explained_fini(&x);
    judged_fini(&judged);
    stg_evaluation_fini(&evaluation);
    return status;
}

static enum stg_status check_usage(const struct settings *s)
{
    if (s->out == NULL) {
        return stg_fail(STG_ERR_USAGE, "-o FILE.html is missing: say where to write the report");
    }
    if (s->known.n == 0) {
        return stg_fail(STG_ERR_USAGE, "--known DATA… is missing: give data to report on");
    }
    if ((s->valid_known.n > 0) != (s->valid_novel.n > 0)) {
        return stg_fail(STG_ERR_USAGE, "--valid-known and --valid-novel go together: give both or neither");
    }
    return STG_OK;
}

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    struct settings *s = context;
    enum stg_status status = STG_OK;
    struct stg_model *model = NULL;
    struct stg_pool *pool = NULL;
    struct stg_groups groups[4] = {0};
    struct stg_report_parts parts = {0};
    (void)exit_code;
    const struct stg_list operands = {.items = (const char **)cli->operands, .n = cli->n_operands};
    STG_TRY(check_usage(s));
    STG_TRY(stg_output_apart("-o", s->out, &operands));
    STG_TRY(stg_output_apart("-o", s->out, &s->training));
    STG_TRY(strcmp(s->out, "-") == 0 ? STG_OK : stg_file_writer_try(s->out)); /* before minutes of work */
    STG_TRY(stg_report_parts_trainings(&parts, &s->training));
    STG_TRY(stg_input_model(&model, cli->operands[0]));
    STG_TRY(stg_pool_new(&pool, cli->threads));
    STG_TRY(stg_groups_open_one(&groups[0], "known", &s->known, model, pool, cli));
    STG_TRY(stg_groups_open_named(&groups[1], "--novel", &s->novel, model, pool, cli));
    STG_TRY(stg_groups_open_one(&groups[2], "known", &s->valid_known, model, pool, cli));
    STG_TRY(stg_groups_open_named(&groups[3], "--valid-novel", &s->valid_novel, model, pool, cli));
    STG_TRY(stg_groups_match(&groups[3], &groups[1]));
    for (size_t i = 0; i < 4; i++) {
        STG_TRY(stg_groups_apart(&groups[i], s->out));
        STG_TRY(stg_groups_check(&groups[i], model));
        STG_TRY(stg_groups_score(&groups[i], model, pool, cli));
    }
    /* What is known comes as often as what will be judged. */
    STG_TRY(stg_budget_apply(s->per_day, &groups[0].groups[0], cli, &s->alpha, &s->interval));
    STG_TRY(write_report(s, cli->operands[0], model, groups, &parts, pool));
    if (strcmp(s->out, "-") != 0) {
        stg_log(STG_LOG_INFO, "wrote %s", s->out);
    }
out:
    stg_report_parts_fini(&parts);
    for (size_t i = 0; i < 4; i++) {
        stg_groups_fini(&groups[i]);
    }
    stg_pool_free(pool);
    stg_model_free(model);
    return status;
}

static void defaults(void *context)
{
    struct settings *s = context;
    s->title = "Behaviour report";
    s->alpha = STG_ALPHA_DEFAULT;
    s->interval = STG_SHIFT_INTERVAL;
    s->explain = 3;
}

static const struct stg_option options[] = {
    {.name = "output",
     .letter = 'o',
     .arg = "FILE.html",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, out),
     .help = "where to write the page; - is standard output"},
    STG_OPTION_KNOWN(struct settings,
                     "data or traces of the known behaviour, or to be compared with what the model knows"),
    STG_OPTIONS_NOVEL(struct settings),
    {.name = "title",
     .arg = "TEXT",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, title),
     .fallback = "Behaviour report",
     .help = "heading of the page"},
    STG_OPTION_ALPHA(struct settings, "false-alarm rate of the threshold that is drawn"),
    STG_OPTION_AGGREGATE(struct settings, "score of a sequence (see `strange help score`)"),
    STG_OPTION_INTERVAL(struct settings),
    STG_OPTION_PER_DAY_OF_STREAM(struct settings),
    {.name = "explain",
     .arg = "K",
     .type = STG_OPTION_U32,
     .offset = offsetof(struct settings, explain),
     .min = 0,
     .max = 100,
     .fallback = "3",
     .help = "sequences to explain of each behaviour"},
    {.name = "training",
     .arg = "LOG…",
     .type = STG_OPTION_LIST,
     .offset = offsetof(struct settings, training),
     .help = "logs of trainings (`strange train --log`), at most 32, whose learning curves are drawn"},
};

static const char *const description[] = {
    "Writes one HTML file that needs nothing else, no network either: how scores and perplexities are distributed and "
    "depend on "
    "length and duration, the ROC curves "
    "and the table "
    "of `strange eval`, whether and since when each data set as a stream has shifted, what it is made of, the most "
    "novel sequences explained, the lowest and the highest "
    "of "
    "each set, what was lost, and what the model was trained on.",
    "Where the model sees elapsed times, known sequences are scored again with a delay in front of one call. Of a net "
    "it "
    "shows how it sees the calls (its embeddings in two dimensions), and of an attention net what it looks at. Every "
    "picture has its figures as text.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange report -o report.html web.model --known known.data --novel io=io.data",
     "one page about one novel behaviour"},
    {"strange report -o report.html --known known.data --training first.log second.log -- lstm.model",
     "with the learning curves of two trainings"},
    {NULL, NULL},
};

const struct stg_command stg_command_report = {
    .name = "report",
    .summary = "write everything as one self-contained HTML page",
    .operands = "-o FILE --known DATA… -- MODEL",
    .n_min = 1,
    .n_max = 1,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .settings_size = sizeof(struct settings),
    .defaults = defaults,
    .run = run,
};
