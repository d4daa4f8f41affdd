/* Budget: false alarms a day, as the alpha and the interval that data is judged by. */
#ifndef STG_CLI_BUDGET_H
#define STG_CLI_BUDGET_H

#include "cli/groups.h"

/* Between these alpha and interval may be given, too. */
#define STG_BUDGET_MOST_ALPHA     0.5
#define STG_BUDGET_LEAST_INTERVAL 100.0

struct stg_budget {
    double per_day;         /* false alarms, as asked for */
    double sequences;       /* a day, at the rate of the data */
    double alpha, interval; /* with which so many known sequences a day are novel, and so many shifts a day are false */
};

/* `per_day` > 0 false alarms of a system that makes sequences as those of the group come: so many in the time from the
 * first to the last of each trace. STG_ERR_USAGE where that time is not known or none, and beside --alpha or
 * --interval, which would say something else. */
enum stg_status stg_budget_init(struct stg_budget *out, double per_day, const struct stg_group *group,
                                const struct stg_cli *cli) STG_MUST_USE;

/* "5 false alarms a day, of 43,200 sequences a day, as here: --alpha 0.000116, --interval 8640" */
#define STG_BUDGET_WORDS 160
void stg_budget_words(const struct stg_budget *b, char out[STG_BUDGET_WORDS]);

/* Where per_day > 0: what that comes to in place of *alpha and *interval (NULL: the command has none), which is told.
 */
enum stg_status stg_budget_apply(double per_day, const struct stg_group *group, const struct stg_cli *cli,
                                 double *alpha, double *interval) STG_MUST_USE;

/* double per_day; INSTEAD: of which options, WHAT: how many of what there will be */
#define STG_OPTION_PER_DAY(S, INSTEAD, WHAT)                                                                        \
    {                                                                                                               \
        .name = "per-day", .arg = "N", .type = STG_OPTION_DOUBLE, .offset = offsetof(S, per_day), .min = 0.001,     \
        .max = 1e6, .fallback = "off",                                                                              \
        .help = "false alarms a day instead of " INSTEAD ", for sequences that come as often as in the data: " WHAT \
    }

/* The same for commands that judge the stream, too, and for those that do not. */
#define STG_OPTION_PER_DAY_OF_STREAM(S)             \
    STG_OPTION_PER_DAY(S, "--alpha and --interval", \
                       "so many known ones called novel, and as many false shifts of the stream")
#define STG_OPTION_PER_DAY_OF_SEQUENCES(S) STG_OPTION_PER_DAY(S, "--alpha", "so many known ones called novel")

#endif
