/* Behaviours of a scored group, as explain, score and report need them. */
#ifndef STG_CLI_BEHAVIOURS_H
#define STG_CLI_BEHAVIOURS_H

#include "cli/groups.h"

#include "explain/behaviours.h"
#include "report/report.h"

struct stg_found_behaviours {
    struct stg_behaviours behaviours;
    struct stg_behaviour_input *inputs;   /* (n_inputs) owned */
    struct stg_behaviour_origin *origins; /* (n_inputs) owned */
};

/* Of all sequences of the groups, which have been scored and must outlive what is found; only what training had not
 * where unseen_only. _fini also after a failure. */
enum stg_status stg_found_behaviours_init(struct stg_found_behaviours *out, const struct stg_groups *groups,
                                          const struct stg_model *m, enum stg_aggregate aggregate, double alpha,
                                          bool unseen_only, struct stg_pool *pool) STG_MUST_USE;
void stg_found_behaviours_fini(struct stg_found_behaviours *f);

#endif
