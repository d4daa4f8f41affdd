/* Groups: named sets of inputs, scored: known data, and each novel behaviour. */
#ifndef STG_CLI_GROUPS_H
#define STG_CLI_GROUPS_H

#include "cli/input.h"

#include "detect/evaluate.h"

struct stg_group {
    char *name;               /* owned */
    struct stg_input *inputs; /* (n_inputs) owned */
    size_t n_inputs;
    struct stg_score *scores; /* (n) all inputs' after one another; their streams numbered on; owned */
    size_t *offset;           /* (n_inputs + 1) first score of each input; owned */
    size_t n;
};

struct stg_groups {
    struct stg_group *groups; /* (n) owned, in order of first appearance */
    size_t n;
    struct stg_scored_set *sets; /* (n) the same for evaluate and report; owned */
    bool plain;                  /* scored without median and upper (stg_score_corpus_plain) */
};

/* Paths of one behaviour of the given name. Every group function: _fini also after a failure. */
enum stg_status stg_groups_open_one(struct stg_groups *out, const char *name, const struct stg_list *paths,
                                    const struct stg_model *m, struct stg_pool *pool,
                                    const struct stg_cli *cli) STG_MUST_USE;
/* NAME=PATH each, or PATH, whose last part is the name; the same name twice is one behaviour. option names the option
 * in messages. */
enum stg_status stg_groups_open_named(struct stg_groups *out, const char *option, const struct stg_list *named,
                                      const struct stg_model *m, struct stg_pool *pool,
                                      const struct stg_cli *cli) STG_MUST_USE;
/* Scores all sequences; again by another model of the same vocabulary, whose scores take the place of the first
 * one's. */
enum stg_status stg_groups_score(struct stg_groups *g, const struct stg_model *m, struct stg_pool *pool,
                                 const struct stg_cli *cli) STG_MUST_USE;
/* stg_group_check() of all. */
enum stg_status stg_groups_check(const struct stg_groups *g, const struct stg_model *m) STG_MUST_USE;
/* Fails when a behaviour of --valid-novel is none of --novel: nothing would be done with it. */
enum stg_status stg_groups_match(const struct stg_groups *valid_novel, const struct stg_groups *novel) STG_MUST_USE;
/* stg_output_apart() of what -o names and all inputs. */
enum stg_status stg_groups_apart(const struct stg_groups *g, const char *out) STG_MUST_USE;
void stg_groups_fini(struct stg_groups *g);
/* STG_ERR_INPUT when there is not one sequence: an empty recording must not pass for a known one. Warns of inputs
 * without any. */
enum stg_status stg_group_check(const struct stg_group *group, const struct stg_model *m) STG_MUST_USE;

/* Indices into group->scores of its k highest by aggregate a, highest first; *n ≤ k. *out owned by the caller. */
enum stg_status stg_group_worst(const struct stg_group *group, enum stg_aggregate a, size_t k, size_t **out,
                                size_t *n) STG_MUST_USE;
/* The input and the sequence behind score i. */
const struct stg_input *stg_group_sequence(const struct stg_group *group, size_t i, struct stg_seq *seq);

#endif
