/* Compare: two models side by side on the same data: size, speed, known loss, and how well each tells novel
 * behaviour. */
#ifndef STG_CLI_COMPARE_H
#define STG_CLI_COMPARE_H

#include "cli/groups.h"

#include "base/buffer.h"

struct stg_compared {
    const char *role, *path;       /* "teacher"; its file */
    const struct stg_model *model; /* borrowed */
    bool has_learnt;               /* what the loss is measured on: its own is not */
};

/* What both are measured on; models of one vocabulary. */
struct stg_comparison {
    const struct stg_corpus *loss;    /* known data; empty: neither loss nor speed */
    struct stg_groups *known, *novel; /* opened for either; both empty: no AUROC */
    struct stg_compared side[2];
};

/* facts: {role: {"path", "kind", "file_size", "parameters", "tokens_per_second", "known_loss", "auroc": {name: …},
 * "macro_auroc"}} of both are added; what was not measured is null or missing. */
enum stg_status stg_compare(json_t *facts, const struct stg_comparison *c, const struct stg_cli *cli,
                            struct stg_pool *pool) STG_MUST_USE;
/* The same as a table for people: a column for each, and what became of each figure. */
enum stg_status stg_compare_text(struct stg_buffer *out, const json_t *facts,
                                 const struct stg_comparison *c) STG_MUST_USE;

#endif
