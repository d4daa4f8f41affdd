/* Score: the verdict on the whole as JSON. */
#ifndef STG_CLI_SCORE_VERDICT_H
#define STG_CLI_SCORE_VERDICT_H

#include "cli/budget.h"
#include "cli/groups.h"

#include "base/buffer.h"
#include "detect/shift.h"
#include "detect/verdict.h"

/* What was judged, and how; all pointers are borrowed. */
struct stg_score_whole {
    const struct stg_model *model;
    const struct stg_group *group;
    const struct stg_verdict *verdict;
    const struct stg_shift *shift;
    const struct stg_budget *budget; /* NULL: none was given */
    enum stg_aggregate aggregate;
    double alpha, interval;
    uint32_t group_size; /* 0: without groups; what follows is of them */
    size_t n_groups, n_novel_groups, n_known_groups;
    bool groups_judged; /* these are enough for one to be novel */
    size_t n_unseen;    /* sequences with what training had not */
    int exit_status;
};

/* One line of schema strange.verdict/1 (docs/formats/score.md). */
enum stg_status stg_score_verdict_json(struct stg_buffer *out, const struct stg_score_whole *w) STG_MUST_USE;

#endif
