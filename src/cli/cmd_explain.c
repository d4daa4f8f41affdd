/* strange explain: which calls of a sequence were unlikely, and what was expected instead. */
#include "cli/behaviour_objects.h"
#include "cli/behaviours.h"
#include "cli/budget.h"
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/groups.h"
#include "cli/output.h"

#include "base/log.h"
#include "base/memory.h"
#include "detect/verdict.h"
#include "explain/explain.h"
#include "report/report.h"

#include <unistd.h>

struct settings {
    bool json, counterfactual, attention, behaviours;
    double alpha, per_day;
    uint64_t sequence; /* UINT64_MAX: the worst ones */
    uint32_t worst, alternatives, events;
    const char *aggregate;
};

/* What the heads looked at for the events most to blame. */
static enum stg_status look(struct stg_attention_maps *out, const struct settings *s, const struct stg_model *m,
                            const struct stg_seq *seq, const struct stg_explanation *x)
{
    enum stg_status status = STG_OK;
    uint32_t *rows = NULL;
    size_t n = 0;
    STG_TRY(stg_mem_zeroed(&rows, x->n, sizeof *rows));
    for (size_t i = 0; i < x->n && n < s->events; i++) {
        const uint32_t index = x->events[x->ranked[i]].index;
        rows[n] = index;
        n += index != UINT32_MAX;
    }
    status = stg_attention_of(out, m, seq, rows, n);
out:
    stg_mem_free(rows);
    return status;
}

static enum stg_status explain_one(struct stg_buffer *out, const struct settings *s, const struct stg_model *m,
                                   const struct stg_input *in, const struct stg_seq *seq, enum stg_aggregate aggregate)
{
    const struct stg_judged_by by = {aggregate, s->alpha};
    struct stg_explanation x = {0};
    struct stg_counterfactual without = {0};
    struct stg_attention_maps attention = {0};
    const struct stg_explained_more more = {.without = s->counterfactual ? &without : NULL,
                                            .attention = s->attention ? &attention : NULL};
    const char *trace = stg_input_trace(in, seq);
    enum stg_status status = STG_OK;
    STG_TRY(stg_explain(&x, m, seq, stg_dataset_vocab(in->dataset), s->alternatives));
    if (s->counterfactual) {
        STG_TRY(stg_counterfactual(&without, m, &x,
                                   stg_counterfactual_can(aggregate) ? aggregate : stg_aggregate_default(m), s->alpha));
    }
    if (s->attention) {
        STG_TRY(look(&attention, s, m, seq, &x));
    }
    STG_TRY(s->json
                ? stg_report_explain_json(out, m, &x, by, &more, trace)
                : stg_report_explain_text(out, m, &x, by, &more, trace, s->events, stg_log_may_colour(STDOUT_FILENO)));
    STG_TRY(stg_output_write(out));
out:
    stg_attention_fini(&attention);
    stg_counterfactual_fini(&without);
    stg_explanation_fini(&x);
    return status;
}

static enum stg_status explain_id(struct stg_buffer *out, const struct settings *s, const struct stg_model *m,
                                  const struct stg_group *group)
{
    struct stg_seq seq;
    enum stg_aggregate aggregate;
    STG_RETURN_IF_FAILED(stg_aggregate_parse(s->aggregate, m, &aggregate));
    if (s->sequence >= group->n) {
        return stg_fail(STG_ERR_USAGE, "--sequence: there is no sequence %llu: %s has 0 to %lld",
                        (unsigned long long)s->sequence, group->inputs[0].path, (long long)group->n - 1);
    }
    const struct stg_input *in = stg_group_sequence(group, (size_t)s->sequence, &seq);
    return explain_one(out, s, m, in, &seq, aggregate);
}

/* Above the sequences: what all novel ones have in common, as the worst need not be like the others. Not where none can
 * be novel, which says nothing. */
static enum stg_status put_findings(struct stg_buffer *out, const struct settings *s, const struct stg_model *m,
                                    const struct stg_groups *groups, enum stg_aggregate aggregate,
                                    struct stg_pool *pool)
{
    enum stg_status status = STG_OK;
    struct stg_found_behaviours found = {0};
    const struct stg_group *group = &groups->groups[0];
    struct stg_verdict verdict;
    stg_verdict_judge(&verdict, m, group->scores, group->n, aggregate, s->alpha);
    if (!verdict.calibrated) {
        return STG_OK;
    }
    STG_TRY(stg_found_behaviours_init(&found, groups, m, aggregate, s->alpha, false, pool));
    STG_TRY(stg_behaviour_objects(&found.behaviours, groups, m));
    if (verdict.reachable || verdict.novel || found.behaviours.n_unseen_sequences > 0) {
        STG_TRY(stg_report_findings_text(out, m, &found.behaviours, found.origins, group->scores, &verdict,
                                         (struct stg_judged_by){aggregate, s->alpha}));
    }
out:
    stg_found_behaviours_fini(&found);
    return status;
}

static enum stg_status explain_worst(struct stg_buffer *out, const struct settings *s, const struct stg_model *m,
                                     const struct stg_groups *groups, struct stg_pool *pool)
{
    const struct stg_group *group = &groups->groups[0];
    enum stg_status status = STG_OK;
    enum stg_aggregate aggregate;
    size_t *worst = NULL, n = 0;
    STG_TRY(stg_aggregate_parse(s->aggregate, m, &aggregate));
    STG_TRY(stg_group_worst(group, aggregate, s->worst, &worst, &n));
    if (!s->json && group->n > 1) {
        STG_TRY(put_findings(out, s, m, groups, aggregate, pool));
    }
    for (size_t i = 0; i < n; i++) {
        struct stg_seq seq;
        const struct stg_input *in = stg_group_sequence(group, worst[i], &seq);
        if (i > 0 && !s->json) {
            STG_TRY(stg_buffer_printf(out, "\n"));
        }
        STG_TRY(explain_one(out, s, m, in, &seq, aggregate));
    }
out:
    stg_mem_free(worst);
    return status;
}

static enum stg_status explain_behaviours(struct stg_buffer *out, const struct settings *s, const struct stg_model *m,
                                          const struct stg_groups *groups, struct stg_pool *pool)
{
    enum stg_status status = STG_OK;
    struct stg_found_behaviours found = {0};
    enum stg_aggregate aggregate;
    STG_TRY(stg_aggregate_parse(s->aggregate, m, &aggregate));
    STG_TRY(stg_found_behaviours_init(&found, groups, m, aggregate, s->alpha, false, pool));
    STG_TRY(stg_behaviour_objects(&found.behaviours, groups, m));
    STG_TRY(s->json ? stg_report_behaviours_json(out, m, &found.behaviours, found.origins)
                    : stg_report_behaviours_text(out, m, &found.behaviours, found.origins,
                                                 stg_log_may_colour(STDOUT_FILENO)));
    STG_TRY(stg_output_write(out));
out:
    stg_found_behaviours_fini(&found);
    return status;
}

static enum stg_status check_usage(const struct settings *s, const struct stg_cli *cli)
{
    if (s->behaviours && s->sequence != UINT64_MAX) {
        return stg_fail(STG_ERR_USAGE,
                        "--behaviours and --sequence: one is of all sequences, the other of one: leave one out");
    }
    if (!s->behaviours && cli->n_operands > 2) {
        return stg_fail(STG_ERR_USAGE,
                        "'%s': one operand too many: several are explained together with --behaviours only",
                        cli->operands[2]);
    }
    return STG_OK;
}

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    struct settings *s = context;
    enum stg_status status = STG_OK;
    struct stg_model *model = NULL;
    struct stg_pool *pool = NULL;
    struct stg_groups groups = {0};
    struct stg_buffer out = STG_BUFFER_INIT;
    const struct stg_list paths = {.items = (const char **)(cli->operands + 1), .n = cli->n_operands - 1};
    (void)exit_code;
    STG_TRY(check_usage(s, cli));
    STG_TRY(stg_input_model(&model, cli->operands[0]));
    STG_TRY(stg_pool_new(&pool, cli->threads));
    STG_TRY(stg_groups_open_one(&groups, "score", &paths, model, pool, cli));
    STG_TRY(stg_group_check(&groups.groups[0], model));
    if (s->sequence == UINT64_MAX || s->per_day > 0) {
        STG_TRY(stg_groups_score(&groups, model, pool, cli));
        STG_TRY(stg_budget_apply(s->per_day, &groups.groups[0], cli, &s->alpha, NULL));
    }
    if (s->behaviours) {
        STG_TRY(explain_behaviours(&out, s, model, &groups, pool));
    } else if (s->sequence != UINT64_MAX) {
        STG_TRY(explain_id(&out, s, model, &groups.groups[0]));
    } else {
        STG_TRY(explain_worst(&out, s, model, &groups, pool));
    }
out:
    stg_buffer_fini(&out);
    stg_groups_fini(&groups);
    stg_pool_free(pool);
    stg_model_free(model);
    return status;
}

static void defaults(void *context)
{
    struct settings *s = context;
    s->sequence = UINT64_MAX;
    s->worst = 1;
    s->alternatives = 3;
    s->events = 10;
    s->alpha = STG_ALPHA_DEFAULT;
}

static const struct stg_option options[] = {
    {.name = "sequence",
     .arg = "ID",
     .type = STG_OPTION_U64,
     .offset = offsetof(struct settings, sequence),
     .help = "explain this sequence (the id that `strange score` prints)"},
    {.name = "worst",
     .arg = "K",
     .type = STG_OPTION_U32,
     .offset = offsetof(struct settings, worst),
     .min = 1,
     .max = 1000000,
     .fallback = "1",
     .help = "explain the K most novel sequences"},
    {.name = "behaviours",
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct settings, behaviours),
     .help = "instead of single sequences: group the novel ones into a few behaviours and say what each has more or "
             "less of than known "
             "sequences, where, and when"},
    STG_OPTION_ALPHA(struct settings, "sequences of a p-value up to this are novel: those of --behaviours, those "
                                      "of which is said above single ones what they have in common, and a single one"),
    STG_OPTION_PER_DAY_OF_SEQUENCES(struct settings),
    {.name = "alternatives",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = offsetof(struct settings, alternatives),
     .min = 0,
     .max = STG_EXPLAIN_MAX_ALTERNATIVES,
     .fallback = "3",
     .help = "calls to list that were expected instead"},
    {.name = "events",
     .arg = "N",
     .type = STG_OPTION_U32,
     .offset = offsetof(struct settings, events),
     .fallback = "10",
     .help = "kinds of event most to blame to show, each once with its neighbours"},
    {.name = "counterfactual",
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct settings, counterfactual),
     .help = "say without which segments to blame a novel sequence would be normal: a greedy search, with the number "
             "below which no set of them would do. By --alpha and --aggregate; by the default where that is median, "
             "window, upper, load, migration or workers"},
    {.name = "attention",
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct settings, attention),
     .help = "of a transformer or longformer: how far back each head looks, and what the events most to blame were "
             "predicted from"},
    STG_OPTION_AGGREGATE(struct settings,
                         "what --worst ranks by, and by what sequences are novel: those of which is said what they "
                         "have in common, and a single one with its p-value (see `strange help score`)"),
    STG_OPTION_JSON(struct settings,
                    "one JSON object a line for each sequence, with all its events; one for all behaviours"),
};

static const char *const description[] = {
    "Prints the events of a sequence that the model found most surprising, what it expected instead and with which "
    "probability, and "
    "where they are: trace, time, thread. Above the most novel ones (not with --sequence) stands in plain words what "
    "the novel sequences have in "
    "common, and what that often is a sign of; and, as `strange score` has it, what makes a verdict less sure: lost "
    "events, and how far known runs differ. With --behaviours, all that many novel sequences have in common.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange explain --worst 3 web.model next-run/", "the three most novel sequences of a recording"},
    {"strange explain --counterfactual web.model next-run/", "what the most novel sequence would be normal without"},
    {"strange explain --attention transformer.model next-run/", "and what the net looked at"},
    {"strange explain --behaviours web.model next-run/",
     "the few ways in which its novel sequences differ from known ones"},
    {"strange explain --sequence 17 --json web.model test.data", "everything about one sequence"},
    {NULL, NULL},
};

const struct stg_command stg_command_explain = {
    .name = "explain",
    .summary = "show which calls make a sequence novel, and what was expected",
    .operands = "MODEL DATA|TRACE…",
    .n_min = 2,
    .n_max = SIZE_MAX,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .settings_size = sizeof(struct settings),
    .defaults = defaults,
    .run = run,
};
