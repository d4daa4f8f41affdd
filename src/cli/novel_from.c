#include "cli/novel_from.h"

#include "cli/common_options.h"
#include "cli/facts.h"

#include "detect/calibrate.h"
#include "score/score.h"

#include <math.h>

enum stg_status stg_novel_from_put(json_t *record, const struct stg_model *m)
{
    json_t *from = json_object();
    (void)json_object_del(record, "thresholds");
    STG_RETURN_IF_FAILED(stg_facts_put(record, "novel_from", from));
    for (unsigned i = 0; i < STG_AGGREGATES && stg_calibrated(m); i++) {
        const enum stg_aggregate a = (enum stg_aggregate)i;
        const double value = stg_threshold(m, a, STG_ALPHA_DEFAULT);
        if (a == STG_AGGREGATE_MEAN) {
            STG_RETURN_IF_FAILED(stg_facts_put(from, "perplexity", stg_facts_number(exp(value))));
        }
        if (stg_aggregate_has(m, a)) {
            STG_RETURN_IF_FAILED(stg_facts_put(from, stg_aggregate_name(a),
                                               stg_facts_number(a == STG_AGGREGATE_NOVELTY ? exp(value) : value)));
        }
    }
    return STG_OK;
}
