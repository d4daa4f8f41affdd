#include "cli/budget.h"

#include "base/log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DAY_NS 86400e9

static enum stg_status check_given(const struct stg_cli *cli)
{
    for (size_t i = 0; i < cli->n_given; i++) {
        const char *name = cli->given[i]->name;
        if (strcmp(name, "alpha") == 0 || strcmp(name, "interval") == 0) {
            return stg_fail(STG_ERR_USAGE,
                            "--per-day and --%s: both say how many false alarms there may be: leave one out", name);
        }
    }
    return STG_OK;
}

/* Nanoseconds that the group's traces take together; *timed: all of them have times. */
static double time_of(const struct stg_group *group, bool *timed)
{
    double sum = 0;
    *timed = true;
    for (size_t from = 0, to = 0; from < group->n; from = to) {
        int64_t begin = INT64_MAX, end = INT64_MIN;
        for (; to < group->n && group->scores[to].stream == group->scores[from].stream; to++) {
            const struct stg_score *s = &group->scores[to];
            begin = s->begin_ns < begin ? s->begin_ns : begin;
            end = s->end_ns > end ? s->end_ns : end;
        }
        struct stg_seq seq;
        stg_group_sequence(group, from, &seq);
        *timed &= (seq.flags & STG_SEQ_NO_TIME) == 0;
        sum += (double)end - (double)begin;
    }
    return sum;
}

/* To what is printed: who gives that to another command gets the same there. */
static double rounded_down(double alpha)
{
    const double digits = pow(10, 2 - floor(log10(alpha)));
    return floor(alpha * digits * (1 + 1e-12)) / digits;
}

enum stg_status stg_budget_init(struct stg_budget *out, double per_day, const struct stg_group *group,
                                const struct stg_cli *cli)
{
    bool timed;
    STG_RETURN_IF_FAILED(check_given(cli));
    const double time = time_of(group, &timed);
    if (!timed || !(time > 0)) {
        return stg_fail(STG_ERR_USAGE,
                        "%s: --per-day: how many sequences a day come is not known, as the data has no times: give "
                        "--alpha, a false-alarm rate",
                        group->inputs[0].path);
    }
    out->per_day = per_day;
    out->sequences = (double)group->n / time * DAY_NS;
    out->alpha = fmin(STG_BUDGET_MOST_ALPHA, rounded_down(per_day / out->sequences));
    out->interval = fmax(STG_BUDGET_LEAST_INTERVAL, ceil(out->sequences / per_day));
    return STG_OK;
}

void stg_budget_words(const struct stg_budget *b, char out[STG_BUDGET_WORDS])
{
    char sequences[32];
    stg_format_count((uint64_t)(b->sequences + 0.5), sequences, sizeof sequences);
    snprintf(out, STG_BUDGET_WORDS,
             "%.10g false alarm%s a day, of %s sequences a day, as here: --alpha %.3g, --interval %.0f", b->per_day,
             fabs(b->per_day - 1) < 1e-9 ? "" : "s", sequences, b->alpha, b->interval);
}

enum stg_status stg_budget_apply(double per_day, const struct stg_group *group, const struct stg_cli *cli,
                                 double *alpha, double *interval)
{
    struct stg_budget b;
    char words[STG_BUDGET_WORDS];
    if (per_day <= 0) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_budget_init(&b, per_day, group, cli));
    *alpha = b.alpha;
    if (interval != NULL) {
        *interval = b.interval;
    }
    stg_budget_words(&b, words);
    stg_log(STG_LOG_INFO, "%s", words);
    return STG_OK;
}
