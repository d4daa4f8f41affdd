/* Report parts: what the pictures of a report are drawn from beside scores and explanations. */
#ifndef STG_CLI_REPORT_PARTS_H
#define STG_CLI_REPORT_PARTS_H

#include "cli/groups.h"

#include "report/report.h"

struct stg_report_parts {
    struct stg_profile *profiles;  /* (n_sets) owned, as are the others */
    struct stg_extremes *extremes; /* (n_sets) */
    size_t n_sets;
    struct stg_attention_maps attention;
    struct stg_embedding embedding;
    struct stg_delay_effect delays;
    struct stg_training_log *trainings; /* (n_trainings) */
    size_t n_trainings;
};

/* The logs of trainings at these paths, which must outlive the parts. */
enum stg_status stg_report_parts_trainings(struct stg_report_parts *p, const struct stg_list *paths) STG_MUST_USE;
/* All else, of scored groups, by r's model and aggregate; r borrows what is made. Memory: that of stg_extreme_blame()
 * for each thread. */
enum stg_status stg_report_parts_make(struct stg_report_parts *p, struct stg_report *r, const struct stg_groups *known,
                                      const struct stg_groups *novel, struct stg_pool *pool) STG_MUST_USE;
/* What the event most to blame was predicted from; nothing for a model without attention or a sequence of more than
 * STG_EXTREME_EVENTS. */
enum stg_status stg_report_parts_worst(struct stg_attention_maps *out, const struct stg_model *m,
                                       const struct stg_explanation *x, const struct stg_seq *seq) STG_MUST_USE;
/* Also after a failure. */
void stg_report_parts_fini(struct stg_report_parts *p);

#endif
