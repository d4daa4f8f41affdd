/* strange score: how likely is each sequence under the model, and is the whole novel? */
#include "cli/behaviours.h"
#include "cli/budget.h"
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/groups.h"
#include "cli/output.h"
#include "cli/score_verdict.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "detect/calibrate.h"
#include "detect/fisher.h"
#include "detect/shift.h"
#include "detect/verdict.h"
#include "report/report.h"
#include "report/writer.h"
#include "score/channels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct settings {
    bool json, strict;
    double alpha, interval, per_day;
    const char *aggregate, *precision, *verdict;
    uint32_t worst, group;
};

struct score_run {
    const struct settings *s;
    const struct stg_model *model;
    const struct stg_group *group;
    struct stg_budget budget; /* --per-day */
    enum stg_aggregate aggregate;
    struct stg_verdict verdict;
    struct stg_shift shift;            /* after all sequences */
    struct stg_fisher known, groups;   /* --group: of the calibration, of the data; owned */
    struct stg_found_behaviours found; /* empty where they are not looked for */
};

static bool is_novel_group(const struct score_run *r, size_t i)
{
    return stg_fisher_reaches(&r->known, r->s->alpha) &&
           stg_fisher_p(&r->known, r->groups.value[i]) <= r->s->alpha * (1 + 1e-9);
}

static enum stg_status make_groups(struct score_run *r)
{
    if (r->s->group == 0 || !r->verdict.calibrated) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_fisher_known(&r->known, r->model, r->aggregate, r->s->group));
    STG_RETURN_IF_FAILED(
        stg_fisher_groups(&r->groups, r->model, r->aggregate, r->group->scores, r->group->n, r->s->group));
    if (!stg_fisher_reaches(&r->known, r->s->alpha)) {
        stg_log(STG_LOG_WARN,
                "%zu groups of %u in the calibration are too few for alpha %g: no group can be called novel",
                r->known.n, r->s->group, r->s->alpha);
    }
    return STG_OK;
}

static void judge(struct score_run *r)
{
    stg_verdict_judge(&r->verdict, r->model, r->group->scores, r->group->n, r->aggregate, r->s->alpha);
    stg_shift_judge(&r->shift, r->model, r->aggregate, r->s->interval, r->group->scores, r->group->n);
}

/* Some sequence is more surprising than all held-out known ones, or has what training had not, or one channel alone or
 * the stream says that many are: known data has that now and then, too. */
static bool has_sign(const struct score_run *r)
{
    return r->found.behaviours.n_unseen_sequences > 0 || r->verdict.n_beyond > 0 || r->verdict.n_alone > 0 ||
           r->shift.shifted;
}

/* Of sequence i, which is of input k. *i_group: the first group that does not end before it; rises with i. */
static struct stg_score_place place_of(const struct score_run *r, size_t k, size_t i, size_t *i_group)
{
    const struct stg_input *in = &r->group->inputs[k];
    struct stg_seq seq;
    stg_corpus_get(&in->corpus, i - r->group->offset[k], &seq);
    struct stg_score_place p = {.data = r->group->n_inputs > 1 ? in->path : NULL,
                                .file = stg_dataset_file(in->dataset, &seq)};
    while (*i_group < r->groups.n && i >= r->groups.first[*i_group] + r->s->group) {
        ++*i_group;
    }
    p.in_group = *i_group < r->groups.n && i >= r->groups.first[*i_group];
    p.group = *i_group;
    p.group_p = p.in_group ? stg_fisher_p(&r->known, r->groups.value[*i_group]) : (double)NAN;
    p.shifted = r->shift.shifted && i >= r->shift.noticed;
    p.shift_since = r->shift.began;
    return p;
}

static enum stg_status put_json(struct stg_buffer *out, const struct score_run *r)
{
    size_t i_group = 0;
    for (size_t k = 0; k < r->group->n_inputs; k++) {
        for (size_t i = r->group->offset[k]; i < r->group->offset[k + 1]; i++) {
            const struct stg_score_place place = place_of(r, k, i, &i_group);
            STG_RETURN_IF_FAILED(
                stg_report_score_json(out, r->model, &r->group->scores[i], &place, r->aggregate, r->s->alpha));
            STG_RETURN_IF_FAILED(stg_output_flush_large(out));
        }
    }
    return STG_OK;
}

/* From what on a sequence is novel. What is a logarithm without a unit (score/score.h) has the option's name, and where
 * as little as there can be is known, anything more is novel. */
static void threshold_words(const struct score_run *r, char *out, size_t cap)
{
    const enum stg_aggregate a = r->aggregate;
    const double threshold = stg_threshold(r->model, a, r->s->alpha);
    const bool bare = a == STG_AGGREGATE_LOAD || a == STG_AGGREGATE_MIGRATION,
               any = nextafterf((float)threshold, -INFINITY) <= 0;
    const double from = any ? 0 : threshold;
    snprintf(out, cap, "%s %s %.4g%s", bare ? stg_aggregate_name(a) : stg_report_score_words(a), any ? ">" : ">=",
             a == STG_AGGREGATE_NOVELTY   ? exp(from)
             : a == STG_AGGREGATE_WORKERS ? exp(from - 1)
                                          : from,
             stg_aggregate_is_surprisal(a) ? " nats" : "");
}

static enum stg_status put_counts(struct stg_buffer *out, const struct score_run *r, const char *sequences)
{
    const struct stg_verdict *v = &r->verdict;
    if (!v->reachable) {
        return stg_buffer_printf(out,
                                 "above all %zu calibration score%s: %zu of %s (p = %.2g, the least there can be)\n",
                                 r->model->n_calibration, r->model->n_calibration == 1 ? "" : "s", v->n_beyond,
                                 sequences, 1 / ((double)r->model->n_calibration + 1));
    }
    char threshold[96];
    threshold_words(r, threshold, sizeof threshold);
    return stg_buffer_printf(out, "novel: %zu of %s (p <= %g, %s); %zu above all %zu calibration score%s\n", v->n_novel,
                             sequences, r->s->alpha, threshold, v->n_beyond, r->model->n_calibration,
                             r->model->n_calibration == 1 ? "" : "s");
}

static size_t novel_groups(const struct score_run *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->groups.n; i++) {
        n += is_novel_group(r, i);
    }
    return n;
}

static enum stg_status put_group_count(struct stg_buffer *out, const struct score_run *r)
{
    if (r->s->group == 0) {
        return STG_OK;
    }
    return stg_buffer_printf(out, "groups of %u: %zu of %zu novel (p <= %g, against %zu of the calibration)\n",
                             r->s->group, novel_groups(r), r->groups.n, r->s->alpha, r->known.n);
}

static enum stg_status put_shift(struct stg_buffer *out, const struct score_run *r)
{
    const struct stg_shift *s = &r->shift;
    if (r->group->n < 2) {
        return STG_OK;
    }
    if (!s->shifted) {
        return stg_buffer_printf(
            out, "no shift of the stream (a false one in %g sequences, of runs that are like the calibration's)\n",
            r->s->interval);
    }
    return stg_buffer_printf(out,
                             "the stream shifted at sequence %llu, noticed at %llu (a false one in %g sequences, of "
                             "runs that are like the calibration's)\n",
                             (unsigned long long)s->began, (unsigned long long)s->noticed, r->s->interval);
}

/* The count that made the whole novel, where it is none of those that are always printed. */
static enum stg_status put_deciding(struct stg_buffer *out, const struct stg_verdict *v)
{
    if (v->deciding_rank == 0) {
        return STG_OK;
    }
    return stg_buffer_printf(out, "%.3g above all but %zu calibration score%s, where chance explains at most %llu\n",
                             v->deciding_apart, v->deciding_rank - 1, v->deciding_rank == 2 ? "" : "s",
                             (unsigned long long)v->deciding_bound);
}

/* As many as chance explains, where there are several incidents: one is judged by its own p-value. */
static enum stg_status put_chance(struct stg_buffer *out, const struct stg_verdict *v, size_t n)
{
    const double level = 100 * STG_VERDICT_LEVEL;
    if (n < 2) {
        return STG_OK;
    }
    if (v->n_apart < n) {
        char apart[32];
        stg_format_count(v->n_apart, apart, sizeof apart);
        STG_RETURN_IF_FAILED(
            v->reachable
                ? stg_buffer_printf(out, "those that overlap counted as one: %.3g of %s, and %.3g above all\n",
                                    v->novel_apart, apart, v->beyond_apart)
                : stg_buffer_printf(out, "those that overlap counted as one: %.3g of %s\n", v->beyond_apart, apart));
    }
    if (v->n_apart < 2) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(
        v->reachable
            ? stg_buffer_printf(out, "chance explains at most %llu, and %llu above all (%.1f %%)\n",
                                (unsigned long long)v->bound, (unsigned long long)v->bound_beyond, level)
            : stg_buffer_printf(out, "chance explains at most %llu (%.1f %%)\n", (unsigned long long)v->bound, level));
    return put_deciding(out, v);
}

/* What one channel says alone is shown by that channel; of several, the one that says the most. */
static enum stg_status put_alone(struct stg_buffer *out, const struct score_run *r)
{
    const size_t len = out->len;
    const struct stg_alone *most = r->verdict.alone;
    STG_RETURN_IF_FAILED(stg_report_alone(out, &r->verdict, r->group->n));
    for (size_t i = 1; i < r->verdict.n_alone; i++) {
        most = r->verdict.alone[i].n_beyond > most->n_beyond ? &r->verdict.alone[i] : most;
    }
    return out->len == len
               ? STG_OK
               : stg_buffer_printf(out, "  what these have in common: `strange explain --behaviours --aggregate %s`\n",
                                   stg_aggregate_name(most->aggregate));
}

static enum stg_status put_verdict(struct stg_buffer *out, const struct score_run *r)
{
    const struct stg_verdict *v = &r->verdict;
    if (!v->calibrated) {
        return stg_buffer_printf(out, "no verdict: the model is not calibrated\n");
    }
    if (v->novel) {
        return stg_buffer_printf(out, "verdict: novel\n");
    }
    if (!v->reachable) {
        return stg_buffer_printf(out, "no verdict: too few calibration sequences for alpha %g\n", r->s->alpha);
    }
    if (r->s->strict && has_sign(r)) {
        return stg_buffer_printf(out, "verdict: novel, by what counts only with --strict\n");
    }
    const char *sign = r->found.behaviours.n_unseen_sequences > 0 ? "at what training had not"
                       : v->n_alone > 0                           ? "at what one channel says alone"
                       : r->shift.shifted                         ? "at where the stream shifted"
                                                                  : NULL;
    return sign == NULL
               ? stg_buffer_printf(out, "verdict: nothing novel\n")
               : stg_buffer_printf(
                     out, "verdict: nothing novel by the number of sequences, but look %s (--strict: exit status 1)\n",
                     sign);
}

static enum stg_status put_budget(struct stg_buffer *out, const struct score_run *r)
{
    char words[STG_BUDGET_WORDS];
    if (r->s->per_day <= 0) {
        return STG_OK;
    }
    stg_budget_words(&r->budget, words);
    return stg_buffer_printf(out, "%s\n", words);
}

static enum stg_status put_summary(struct stg_buffer *out, const struct score_run *r)
{
    const struct stg_group *g = r->group;
    uint64_t n_lost = 0, n_events = 0;
    char sequences[32], events[32], lost[32];
    for (size_t i = 0; i < g->n; i++) {
        n_events += g->scores[i].n_events;
        n_lost += g->scores[i].n_lost;
    }
    stg_format_count(g->n, sequences, sizeof sequences);
    stg_format_count(n_events, events, sizeof events);
    stg_format_count(n_lost, lost, sizeof lost);
    STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%s sequence%s, %s event%s, %s lost event%s\n", sequences,
                                           g->n == 1 ? "" : "s", events, n_events == 1 ? "" : "s", lost,
                                           n_lost == 1 ? "" : "s"));
    STG_RETURN_IF_FAILED(put_budget(out, r));
    if (r->verdict.calibrated) {
        STG_RETURN_IF_FAILED(put_counts(out, r, sequences));
        STG_RETURN_IF_FAILED(put_chance(out, &r->verdict, g->n));
        STG_RETURN_IF_FAILED(
            stg_report_doubts(out, r->model, (struct stg_judged_by){r->aggregate, r->s->alpha}, &r->verdict, g->n));
        STG_RETURN_IF_FAILED(put_alone(out, r));
        STG_RETURN_IF_FAILED(put_group_count(out, r));
        STG_RETURN_IF_FAILED(put_shift(out, r));
    }
    STG_RETURN_IF_FAILED(put_verdict(out, r));
    if (r->verdict.novel && r->verdict.reachable) {
        STG_RETURN_IF_FAILED(stg_report_behaviours_brief(out, &r->found.behaviours, r->found.origins));
    }
    return stg_report_unseen(out, &r->found.behaviours, r->found.origins, r->verdict.novel ? STG_REPORT_BRIEF : 0);
}

static enum stg_status put_text(struct stg_buffer *out, const struct score_run *r)
{
    enum stg_status status = STG_OK;
    struct writer w = {out, STG_OK};
    size_t *worst = NULL, n = 0;
    STG_TRY(stg_group_worst(r->group, r->aggregate, r->s->worst, &worst, &n));
    if (n > 0) {
        STG_TRY(stg_buffer_printf(out, "%10s %10s %10s %s%8s %10s %8s  %s\n", "id", "perplexity", "p-value",
                                  r->model->ops->members != NULL ? "disagreement " : "", "events", "duration", "lost",
                                  "verdict"));
    }
    for (size_t i = 0; i < n; i++) {
        const struct stg_score *s = &r->group->scores[worst[i]];
        const double p =
            r->verdict.calibrated ? stg_p_value(r->model, r->aggregate, (double)s->value[r->aggregate]) : NAN;
        char duration[32] = "-", p_text[32] = "-", members[32] = "", novel[32] = "";
        struct stg_seq seq;
        const struct stg_input *in = stg_group_sequence(r->group, worst[i], &seq);
        const char *file = stg_dataset_file(in->dataset, &seq);
        if ((seq.flags & STG_SEQ_NO_TIME) == 0) {
            stg_format_ns(s->end_ns - s->begin_ns, duration, sizeof duration);
        }
        if (r->verdict.calibrated) {
            snprintf(p_text, sizeof p_text, "%.4g", p);
        }
        if (p <= r->s->alpha) {
            /* What one aggregate says has one reason, itself. */
            const char *why = r->aggregate == STG_AGGREGATE_NOVELTY ? stg_channel_loudest(r->model, s) : NULL;
            snprintf(novel, sizeof novel, "novel%s%s", why != NULL ? ": " : "", why != NULL ? why : "");
        }
        if (r->model->ops->members != NULL) {
            snprintf(members, sizeof members, "%12.3g ", s->disagreement);
        }
        STG_TRY(stg_buffer_printf(out, "%10llu %10.4g %10s %s%8u %*s %8llu  %s", (unsigned long long)s->id,
                                  exp((double)s->value[STG_AGGREGATE_MEAN]), p_text, members, s->n_events,
                                  (int)(10 + strlen(duration) - text_width(duration)), duration,
                                  (unsigned long long)s->n_lost, novel));
        if (file != NULL || r->group->n_inputs > 1) {
            writer_put(&w, "  ");
            writer_plain(&w, file != NULL ? file : in->path, 0);
        }
        writer_put(&w, "\n");
        STG_TRY(w.status);
    }
    STG_TRY(put_summary(out, r));
out:
    stg_mem_free(worst);
    return status;
}

static bool is_verdict_alone(const struct settings *s)
{
    return s->verdict != NULL && strcmp(s->verdict, "-") == 0 && !s->json;
}

/* --verdict: after what is printed, or instead of the table. */
static enum stg_status put_whole(struct stg_buffer *out, const struct score_run *r, int exit_status)
{
    const struct stg_score_whole whole = {.model = r->model,
                                          .group = r->group,
                                          .verdict = &r->verdict,
                                          .shift = &r->shift,
                                          .budget = r->s->per_day > 0 ? &r->budget : NULL,
                                          .aggregate = r->aggregate,
                                          .alpha = r->s->alpha,
                                          .interval = r->s->interval,
                                          .group_size = r->s->group,
                                          .n_groups = r->groups.n,
                                          .n_novel_groups = novel_groups(r),
                                          .n_known_groups = r->known.n,
                                          .groups_judged = stg_fisher_reaches(&r->known, r->s->alpha),
                                          .n_unseen = r->found.behaviours.n_unseen_sequences,
                                          .exit_status = exit_status};
    if (r->s->verdict == NULL) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_score_verdict_json(out, &whole));
    return stg_output_write_file(out, r->s->verdict);
}

static enum stg_status find_behaviours(struct score_run *r, const struct stg_groups *groups, struct stg_pool *pool)
{
    const struct settings *s = r->s;
    const bool listed = s->json || is_verdict_alone(s); /* no sentences */
    if (!r->verdict.calibrated || (listed && !s->strict && s->verdict == NULL)) {
        return STG_OK;
    }
    return stg_found_behaviours_init(&r->found, groups, r->model, r->aggregate, s->alpha,
                                     listed || !(r->verdict.novel && r->verdict.reachable), pool);
}

static enum stg_status put_results(struct stg_buffer *out, const struct score_run *r, int exit_status)
{
    if (!is_verdict_alone(r->s)) {
        STG_RETURN_IF_FAILED(r->s->json ? put_json(out, r) : put_text(out, r));
        STG_RETURN_IF_FAILED(stg_output_write(out));
    }
    return put_whole(out, r, exit_status);
}

static enum stg_status check_verdict_file(const struct settings *s, const struct stg_cli *cli)
{
    const struct stg_list inputs = {.items = (const char **)cli->operands, .n = cli->n_operands};
    if (s->verdict == NULL || strcmp(s->verdict, "-") == 0) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_output_apart("--verdict", s->verdict, &inputs));
    return stg_file_writer_try(s->verdict); /* before minutes of work */
}

static void warn_calibration(const struct score_run *r)
{
    const size_t n = r->model->n_calibration;
    if (!r->verdict.calibrated) {
        stg_log(STG_LOG_WARN, "the model is not calibrated: train it with --calibrate or more data for a verdict");
    } else if (!r->verdict.reachable && r->s->per_day > 0) {
        stg_log(STG_LOG_WARN,
                "so few false alarms need %.0f calibration sequences, and the model has %zu: no single sequence can be "
                "called novel; the shift of the stream keeps to --per-day all the same",
                ceil(1 / r->s->alpha - 1e-9) - 1, n);
    } else if (!r->verdict.reachable) {
        stg_log(STG_LOG_WARN,
                "alpha %g needs %.0f calibration sequences, and the model has %zu: no single sequence can be called "
                "novel; calibrate with more runs (train --calibrate), cut shorter sequences (prepare --cut window:N), "
                "or judge at --alpha %.2g",
                r->s->alpha, ceil(1 / r->s->alpha - 1e-9) - 1, n,
                1.1 / ((double)n + 1)); /* rounded, it is not less than the least p-value */
    }
}

/* A gate that cannot close is none. */
static enum stg_status check_strict(const struct score_run *r)
{
    if (!r->s->strict || r->verdict.reachable) {
        return STG_OK;
    }
    return stg_fail(
        STG_ERR_USAGE,
        "--strict: the model has %zu calibration sequences, too few for a verdict at alpha %g: calibrate it with more",
        r->verdict.calibrated ? r->model->n_calibration : 0, r->s->alpha);
}

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    struct settings *s = context;
    enum stg_status status = STG_OK;
    struct stg_model *model = NULL;
    struct stg_pool *pool = NULL;
    struct stg_groups groups = {0};
    struct stg_buffer out = STG_BUFFER_INIT;
    struct score_run r = {.s = s};
    const struct stg_list paths = {.items = (const char **)(cli->operands + 1), .n = cli->n_operands - 1};
    STG_TRY(check_verdict_file(s, cli));
    STG_TRY(stg_input_model_in(&model, cli->operands[0], s->precision));
    STG_TRY(stg_aggregate_parse(s->aggregate, model, &r.aggregate));
    STG_TRY(stg_pool_new(&pool, cli->threads));
    STG_TRY(stg_groups_open_one(&groups, "score", &paths, model, pool, cli));
    STG_TRY(stg_group_check(&groups.groups[0], model));
    groups.plain = !s->json && r.aggregate != STG_AGGREGATE_MEDIAN && r.aggregate != STG_AGGREGATE_UPPER;
    STG_TRY(stg_groups_score(&groups, model, pool, cli));
    r.model = model;
    r.group = &groups.groups[0];
    if (s->per_day > 0) {
        STG_TRY(stg_budget_init(&r.budget, s->per_day, r.group, cli));
        s->alpha = r.budget.alpha;
        s->interval = r.budget.interval;
    }
    judge(&r);
    warn_calibration(&r);
    STG_TRY(check_strict(&r));
    STG_TRY(make_groups(&r));
    STG_TRY(find_behaviours(&r, &groups, pool));
    if ((s->json || is_verdict_alone(s)) && s->per_day > 0) {
        char words[STG_BUDGET_WORDS];
        stg_budget_words(&r.budget, words);
        stg_log(STG_LOG_INFO, "%s", words);
    }
    *exit_code = r.verdict.novel || (s->strict && has_sign(&r)) ? 1 : 0;
    STG_TRY(put_results(&out, &r, *exit_code));
out:
    stg_found_behaviours_fini(&r.found);
    stg_buffer_fini(&out);
    stg_fisher_fini(&r.known);
    stg_fisher_fini(&r.groups);
    stg_groups_fini(&groups);
    stg_pool_free(pool);
    stg_model_free(model);
    return status;
}

static void defaults(void *context)
{
    struct settings *s = context;
    s->alpha = STG_ALPHA_DEFAULT;
    s->interval = STG_SHIFT_INTERVAL;
    s->worst = 10;
}

static const struct stg_option options[] = {
    STG_OPTION_JSON(struct settings, "one JSON object a line for every sequence, instead of the table"),
    STG_OPTION_ALPHA(struct settings, "false-alarm rate: a sequence is novel when its p-value is at most this"),
    STG_OPTION_AGGREGATE(
        struct settings,
        "what is made of the surprisals of a sequence: their mean (perplexity), their median, the highest mean of 16 "
        "neighbours, their 0.95 quantile, or the root of their mean square; or one of what is judged beside the calls, "
        "or novelty: all together"),
    STG_OPTION_GROUP(struct settings),
    STG_OPTION_INTERVAL(struct settings),
    STG_OPTION_PER_DAY_OF_STREAM(struct settings),
    STG_OPTION_PRECISION(struct settings),
    {.name = "strict",
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct settings, strict),
     .help = "exit status 1 also for a single sequence that is above all calibration scores, or has a call or a "
             "program that training had not, for what one channel says alone, and for a shift of the stream; "
             "without enough calibration for a verdict, 2"},
    {.name = "verdict",
     .arg = "FILE",
     .type = STG_OPTION_STRING,
     .offset = offsetof(struct settings, verdict),
     .help = "write the verdict on the whole, with its counts and what chance explains, as one JSON object; - is "
             "standard output, instead of the table or behind the lines of --json"},
    {.name = "worst",
     .arg = "K",
     .type = STG_OPTION_U32,
     .offset = offsetof(struct settings, worst),
     .fallback = "10",
     .help = "sequences in the table, most novel first"},
};

static const char *const description[] = {
    "Scores every sequence of the data under the model. A sequence's p-value is the share of held-out known sequences "
    "that were "
    "at least as surprising; it is novel when that is at most alpha.",
    "Of many sequences some pass any threshold by chance. So the whole is novel when more sequences are novel than "
    "chance explains: than a quantile of their number among known sequences, given alpha and how many calibration "
    "sequences there were (a beta-binomial law). So it is when more are above all calibration scores than chance "
    "explains, "
    "or above all but one, three, seven …. A single sequence is judged by its own p-value. The numbers are printed; "
    "of those between, the one that decides.",
    "Known data passes one of these bounds once in a thousand where it is exchangeable with the calibration: as if "
    "each "
    "of its sequences could have been one of those. A run under another load, on another machine or of another day "
    "differs from the calibration as a whole, and passes more often. How much runs differ is what train says of those "
    "that are left out (\"has 1.1 % false alarms, from 0 % to 3 %\" at alpha 0.01): where the highest is well above "
    "alpha, so may be a known run's share. Where a novel run has less than four times that, and no more above all "
    "calibration scores than chance explains, that is said; and so it is of a model that one run alone calibrated. "
    "Calibrate on several runs, of every load that is known.",
    "One sequence among many decides nothing by its number, however strange it is. Calls and programs that training "
    "had "
    "not are named, and --strict makes them, and every sequence above all calibration scores, a reason for exit status "
    "1. "
    "Known data has such sequences now and then: with as many sequences as the calibration, in every second run.",
    "Where lost events touch sequences it is said how many of them are novel, and whether the whole would be without "
    "them: a gap makes a sequence look stranger or plainer than it is.",
    "By default all channels are judged together, and times count for less, as they differ from run to run. Where by "
    "one "
    "channel alone (the calls, the times between them, descriptors) four times as many sequences as of any run of the "
    "calibration would be novel, that is said; --aggregate judges by one of them. It needs three runs (train "
    "--calibrate).",
    "With fewer calibration sequences than 1/alpha - 1 (99 for 0.01) no p-value can be alpha: no single sequence is "
    "called novel then, "
    "which "
    "is said; many sequences that are all above all calibration scores still can be too many for chance.",
    "The sequences are also taken as a stream, in the order of the data: it shifted when they became more surprising "
    "and "
    "stayed so, each perhaps a little. Where that began and where it was noticed is said, counted from 0 over all data "
    "given. "
    "Neither the stream (but with --strict) nor groups (--group) decide the exit status.",
    "Who has to look at what is found counts alerts a day: --per-day says how many false ones there may be, and prints "
    "the rate and the interval that this comes to, for other commands to be given. A busy server makes millions of "
    "sequences a day, and no calibration tells one in a million: there the shift of the stream keeps the budget. It "
    "holds for sequences that are exchangeable with the calibration, as above.",
    "A trace is cut into sequences by the rule stored in the model.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange score web.model next-run/", "judge a new recording; the exit status tells"},
    {"strange score --per-day 2 jobs.model yesterday/", "at most two false alarms a day are wanted"},
    {"strange score --verdict - web.model next-run/ | jq .novel", "true, false, or null where it cannot be told"},
    {"strange score --json web.model test.data | jq -c 'select(.novel)'", "all novel sequences as JSON"},
    {NULL, NULL},
};

const struct stg_command stg_command_score = {
    .name = "score",
    .summary = "tell how novel each sequence is",
    .operands = "MODEL DATA|TRACE…",
    .n_min = 2,
    .n_max = SIZE_MAX,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .exit_status = "0: nothing novel was found (also without a verdict: a warning says why). 1: novel. 2: failure, "
                   "also when there is no "
                   "sequence to judge; one line on standard error says what failed and what to do.",
    .settings_size = sizeof(struct settings),
    .defaults = defaults,
    .run = run,
};
