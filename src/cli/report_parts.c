#include "cli/report_parts.h"

#include "base/interrupt.h"
#include "base/memory.h"

#include <string.h>

#define N_EXTREMES          10 /* lowest and highest, each */
#define ATTENTION_SEQUENCES 16
#define MOST_TRAININGS      32
#define DELAY_SEED          1

enum stg_status stg_report_parts_trainings(struct stg_report_parts *p, const struct stg_list *paths)
{
    if (paths->n > MOST_TRAININGS) {
        return stg_fail(STG_ERR_USAGE, "--training: %zu logs: give at most %d", paths->n, MOST_TRAININGS);
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&p->trainings, paths->n, sizeof *p->trainings));
    for (; p->n_trainings < paths->n; p->n_trainings++) {
        const enum stg_status status =
            stg_training_log_read(&p->trainings[p->n_trainings], paths->items[p->n_trainings]);
        if (status != STG_OK) {
            stg_training_log_fini(&p->trainings[p->n_trainings]);
            return status;
        }
    }
    return STG_OK;
}

static const struct stg_group *group_at(const struct stg_groups *known, const struct stg_groups *novel, size_t k)
{
    return k == 0 ? &known->groups[0] : &novel->groups[k - 1];
}

static enum stg_status make_profile(struct stg_profile *p, const struct stg_group *group)
{
    STG_RETURN_IF_FAILED(stg_profile_init(p));
    for (size_t i = 0; i < group->n_inputs; i++) {
        STG_RETURN_IF_FAILED(stg_profile_add(p, &group->inputs[i].corpus, stg_dataset_vocab(group->inputs[i].dataset)));
    }
    return STG_OK;
}

struct blaming {
    const struct stg_model *model;
    const struct stg_group *group;
    struct stg_extremes *extremes;
};

static enum stg_status blame_one(void *context, size_t i, size_t i_thread)
{
    const struct blaming *b = context;
    struct stg_extreme *e = &b->extremes->items[i];
    struct stg_seq seq;
    (void)i_thread;
    STG_RETURN_IF_FAILED(stg_interrupt_check());
    const struct stg_input *in = stg_group_sequence(b->group, e->i, &seq);
    e->trace = stg_input_trace(in, &seq);
    return stg_extreme_blame(e, b->model, &seq, stg_dataset_vocab(in->dataset));
}

static enum stg_status make_set(struct stg_report_parts *p, size_t k, const struct stg_report *r,
                                const struct stg_group *group, struct stg_pool *pool)
{
    const struct stg_scored_set *set = k == 0 ? r->known : &r->novel[k - 1];
    struct blaming b = {.model = r->model, .group = group, .extremes = &p->extremes[k]};
    STG_RETURN_IF_FAILED(make_profile(&p->profiles[k], group));
    STG_RETURN_IF_FAILED(stg_extremes_pick(&p->extremes[k], set, r->aggregate, N_EXTREMES));
    return stg_pool_run(pool, p->extremes[k].n_low + p->extremes[k].n_high, blame_one, &b);
}

/* Evenly spaced sequences of a group that are watched. */
struct watching {
    const struct stg_model *model;
    const struct stg_group *group;
    struct stg_attention_maps maps[ATTENTION_SEQUENCES];
    size_t n;
};

static enum stg_status watch_one(void *context, size_t i, size_t i_thread)
{
    struct watching *w = context;
    struct stg_seq seq;
    (void)i_thread;
    stg_group_sequence(w->group, i * w->group->n / w->n, &seq);
    return seq.n > STG_ATTENTION_EVENTS ? STG_OK : stg_attention_of(&w->maps[i], w->model, &seq, NULL, 0);
}

static enum stg_status make_attention(struct stg_report_parts *p, struct stg_report *r, const struct stg_group *known,
                                      struct stg_pool *pool)
{
    enum stg_status status = STG_OK;
    struct watching w = {
        .model = r->model, .group = known, .n = known->n < ATTENTION_SEQUENCES ? known->n : ATTENTION_SEQUENCES};
    STG_TRY(stg_pool_run(pool, w.n, watch_one, &w));
    for (size_t i = 0; i < w.n; i++) {
        if (w.maps[i].n_pattern > 0) {
            STG_TRY(stg_attention_add(&p->attention, &w.maps[i]));
            r->n_attention++;
        }
    }
    r->attention = p->attention.n_pattern > 0 ? &p->attention : NULL;
out:
    for (size_t i = 0; i < w.n; i++) {
        stg_attention_fini(&w.maps[i]);
    }
    return status;
}

static enum stg_status make_embedding(struct stg_report_parts *p, struct stg_report *r)
{
    const struct stg_strings *calls = r->model->vocab.calls;
    uint64_t *count = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&count, stg_strings_count(calls), sizeof *count));
    for (uint32_t c = 0; c < stg_strings_count(calls); c++) {
        count[c] = stg_tally_of(&p->profiles[0].calls, stg_strings_get(calls, c));
    }
    const enum stg_status status = stg_embedding_of(&p->embedding, r->model, count);
    stg_mem_free(count);
    r->embedding = &p->embedding;
    return status;
}

static void get_of_group(void *context, size_t i, struct stg_seq *out)
{
    stg_group_sequence(context, i, out);
}

static enum stg_status make_delays(struct stg_report_parts *p, struct stg_report *r, struct stg_group *known,
                                   struct stg_pool *pool)
{
    const struct stg_corpus corpus = {.n = known->n, .context = known, .get = get_of_group};
    STG_RETURN_IF_FAILED(stg_delay_effect(&p->delays, r->model, &corpus, DELAY_SEED, pool));
    r->delays = &p->delays;
    return STG_OK;
}

enum stg_status stg_report_parts_make(struct stg_report_parts *p, struct stg_report *r, const struct stg_groups *known,
                                      const struct stg_groups *novel, struct stg_pool *pool)
{
    const size_t n_sets = 1 + novel->n;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&p->profiles, n_sets, sizeof *p->profiles));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&p->extremes, n_sets, sizeof *p->extremes));
    for (p->n_sets = 0; p->n_sets < n_sets;) {
        const size_t k = p->n_sets++; /* counted before, as a part of it may be made */
        STG_RETURN_IF_FAILED(make_set(p, k, r, group_at(known, novel, k), pool));
    }
    if (stg_attention_has(r->model)) {
        STG_RETURN_IF_FAILED(make_attention(p, r, &known->groups[0], pool));
    }
    if (stg_embedding_has(r->model)) {
        STG_RETURN_IF_FAILED(make_embedding(p, r));
    }
    if (stg_delay_seen(r->model)) {
        STG_RETURN_IF_FAILED(make_delays(p, r, &known->groups[0], pool));
    }
    r->profiles = p->profiles;
    r->extremes = p->extremes;
    r->trainings = p->trainings;
    r->n_trainings = p->n_trainings;
    return STG_OK;
}

enum stg_status stg_report_parts_worst(struct stg_attention_maps *out, const struct stg_model *m,
                                       const struct stg_explanation *x, const struct stg_seq *seq)
{
    size_t i = 0;
    while (i < x->n && x->events[x->ranked[i]].index == UINT32_MAX) { /* the end of a walk is no event of it */
        i++;
    }
    if (i == x->n || !stg_attention_has(m) || seq->n > STG_EXTREME_EVENTS) {
        return STG_OK;
    }
    return stg_attention_of(out, m, seq, &x->events[x->ranked[i]].index, 1);
}

void stg_report_parts_fini(struct stg_report_parts *p)
{
    for (size_t k = 0; k < p->n_sets; k++) {
        stg_profile_fini(&p->profiles[k]);
        stg_extremes_fini(&p->extremes[k]);
    }
    for (size_t i = 0; i < p->n_trainings; i++) {
        stg_training_log_fini(&p->trainings[i]);
    }
    stg_mem_free(p->profiles);
    stg_mem_free(p->extremes);
    stg_mem_free(p->trainings);
    stg_attention_fini(&p->attention);
    stg_embedding_fini(&p->embedding);
    memset(p, 0, sizeof *p);
}
