/* Behaviours: what finding and describing them share. Private to explain/. */
#ifndef STG_EXPLAIN_BEHAVIOURS_INTERNAL_H
#define STG_EXPLAIN_BEHAVIOURS_INTERNAL_H

#include "explain/behaviours.h"
#include "explain/grouping.h"

/* One in a hundred, nats: what is less surprising is in every sequence. */
#define BEHAVIOUR_HINGE 4.605f

/* Features that are no kind of call: of a process's descriptors (proc, and in size 1 + the number, at most 4), of
 * times, of a sequence in which nothing stands out. */
enum { FEATURE_DESCRIPTOR = STG_PHASE_ENTRY, FEATURE_TIME = STG_PHASE_EXIT, FEATURE_NOTHING = STG_PHASE_NONE };

struct behaviour_member {
    uint32_t input;
    size_t index; /* in its input */
    size_t place; /* among the sequences of all inputs */
};

/* What is known of the novel sequences when they have been grouped. */
struct behaviour_search {
    const struct stg_model *model;
    enum stg_aggregate aggregate;
    const struct stg_behaviour_input *inputs;
    size_t n_inputs;
    uint16_t **call_of, **proc_of;    /* (n_inputs) what the ids of each input are in the common names; owned */
    uint8_t *counted;                 /* of the common names: the call returns a count */
    struct behaviour_member *members; /* (n) */
    struct grouping_vector *vectors;  /* (n) */
    uint32_t *group;                  /* (n) */
    size_t n;
    struct stg_keys features; /* stg_usual_key() of a kind of call, or of what FEATURE_* says */
    struct stg_behaviours *out;
};

/* Of an event that begins a call that the model has no name for, by its common id: no known sequence has any, so the
 * first one of a sequence counts whole. */
static inline bool behaviour_is_new(const struct behaviour_search *s, uint16_t call, uint8_t phase)
{
    return call >= stg_strings_count(s->model->vocab.calls) && phase != STG_PHASE_EXIT;
}

/* The last call of a thread before the sequence began, by its common id; START where none is known. */
static inline uint16_t behaviour_call_before(const struct stg_seq *seq, const uint16_t *call_of, size_t thread)
{
    const bool known = seq->context_offset != NULL && seq->context_offset[thread + 1] > seq->context_offset[thread];
    return known ? call_of[seq->context_call[seq->context_offset[thread + 1] - 1]] : (uint16_t)STG_TOKEN_START;
}

enum { BEHAVIOUR_MAX_COUNTED = 512 }; /* sequences of a group whose calls are counted */

/* How many of each kind the sequences of a group have. */
struct behaviour_counts {
    struct stg_usual_counts now;
    struct stg_usual *quantiles; /* (now.kinds.n) */
};

/* Whether of n members the one after `seen` others is to be looked at, if `taken` are: `most`, evenly thinned. */
bool behaviour_is_chosen(size_t seen, size_t n, size_t taken, size_t most);

/* What is usual of the kind: among known sequences with its process where nearly all of the group have that, else among
 * all. False where no known sequence has it. */
bool behaviour_usual_of(const struct stg_model *m, const struct behaviour_counts *c, uint64_t key,
                        struct stg_usual *out);

/* Whether descriptors are opened and not closed. */
enum stg_status behaviour_find_balance(const struct behaviour_search *s, uint32_t group,
                                       const struct behaviour_counts *c, struct stg_behaviour *out) STG_MUST_USE;

/* The calls and programs that the model has no name for, of all sequences. */
enum stg_status behaviour_find_unseen(struct behaviour_search *s) STG_MUST_USE;

/* What surprised in the representative, and what was expected instead. */
enum stg_status behaviour_find_expected(struct behaviour_search *s, struct stg_behaviour *out) STG_MUST_USE;

/* out: the group as people shall see it. */
enum stg_status behaviour_describe(struct behaviour_search *s, uint32_t group, struct stg_behaviour *out) STG_MUST_USE;

#endif
