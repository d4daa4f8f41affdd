/* Lab, analysis: a campaign's traces through the product's own commands: prepare, train, eval, report. Each step is a
 * process of its own whose output is a file that appears only when it is complete; what is there is not made again. */
#ifndef STG_CLI_LAB_ANALYSIS_H
#define STG_CLI_LAB_ANALYSIS_H

#include "cli/options.h"

#include <jansson.h>

struct stg_analysis_settings {
    const char *dir;               /* of the campaign, absolute */
    const char *program;           /* `strange` itself */
    const struct stg_list *models; /* "ngram", "lstm-paper": a kind, and -paper for the published preset */
    const char *budget;            /* of a training by gradients: "60s" */
    uint64_t seed;
    uint32_t threads; /* 0 = one per processor */
};

/* STG_ERR_USAGE for a name that is no model. */
enum stg_status stg_analysis_check_models(const struct stg_list *models) STG_MUST_USE;
/* campaign: campaign.json. Leaves DIR/data, DIR/models, DIR/eval and DIR/report.html. */
enum stg_status stg_analysis_run(const struct stg_analysis_settings *s, const json_t *campaign) STG_MUST_USE;

#endif
