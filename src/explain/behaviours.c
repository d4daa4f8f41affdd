#include "explain/behaviours.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "detect/calibrate.h"
#include "detect/novel.h"
#include "detect/verdict.h"
#include "explain/behaviours_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_EXAMINED = 4096 };

void stg_behaviours_settings_default(struct stg_behaviours_settings *s, const struct stg_model *m)
{
    *s = (struct stg_behaviours_settings){
        .aggregate = stg_aggregate_default(m), .alpha = 0.01, .similarity = 0.5, .most = 8};
}

void stg_behaviours_fini(struct stg_behaviours *b)
{
    stg_vocab_fini(&b->names);
    stg_mem_free(b->items);
    stg_mem_free(b->members);
    memset(b, 0, sizeof *b);
}

/* The common id of each of an input's: the model's own are the same, the others by name. */
static enum stg_status map_names(uint16_t **out, const struct stg_strings *names, size_t n_same,
                                 struct stg_vocab *common,
                                 enum stg_status (*find)(struct stg_vocab *v, const char *name, uint16_t *id))
{
    const size_t n = stg_strings_count(names);
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, (size_t)UINT16_MAX + 1, sizeof **out));
    for (size_t i = 0; i <= UINT16_MAX; i++) {
        (*out)[i] = i < n_same ? (uint16_t)i : STG_TOKEN_UNKNOWN;
        if (i >= n_same && i < n) {
            STG_RETURN_IF_FAILED(find(common, stg_strings_get(names, (uint32_t)i), &(*out)[i]));
        }
    }
    return STG_OK;
}

static enum stg_status map_inputs(struct behaviour_search *s)
{
    struct stg_vocab *common = &s->out->names;
    const struct stg_vocab *own = &s->model->vocab;
    STG_RETURN_IF_FAILED(stg_vocab_copy(common, own));
    stg_vocab_extend(common);
    STG_RETURN_IF_FAILED(stg_mem_zeroed((void *)&s->call_of, s->n_inputs, sizeof *s->call_of));
    STG_RETURN_IF_FAILED(stg_mem_zeroed((void *)&s->proc_of, s->n_inputs, sizeof *s->proc_of));
    for (size_t i = 0; i < s->n_inputs; i++) {
        const struct stg_vocab *names = s->inputs[i].names;
        STG_RETURN_IF_FAILED(
            map_names(&s->call_of[i], names->calls, stg_strings_count(own->calls), common, stg_vocab_call));
        STG_RETURN_IF_FAILED(
            map_names(&s->proc_of[i], names->procs, stg_strings_count(own->procs), common, stg_vocab_proc));
    }
    return stg_usual_counted(&s->counted, common);
}

static enum stg_status choose(struct behaviour_search *s, const struct stg_behaviours_settings *settings)
{
    struct stg_behaviours *out = s->out;
    for (size_t k = 0; k < s->n_inputs; k++) {
        out->n_sequences += s->inputs[k].corpus->n;
        for (size_t i = 0; i < s->inputs[k].corpus->n; i++) {
            out->n_novel += stg_is_novel(s->model, settings->aggregate, &s->inputs[k].scores[i], settings->alpha);
        }
    }
    const size_t most = settings->most == 0 ? 0 : MAX_EXAMINED;
    s->n = out->n_examined = out->n_novel < most ? out->n_novel : most;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->members, s->n, sizeof *s->members));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->vectors, s->n, sizeof *s->vectors));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->group, s->n, sizeof *s->group));
    size_t place = 0, seen = 0, taken = 0;
    for (size_t k = 0; k < s->n_inputs; k++) {
        for (size_t i = 0; i < s->inputs[k].corpus->n; i++, place++) {
            if (stg_is_novel(s->model, settings->aggregate, &s->inputs[k].scores[i], settings->alpha)) {
                if (taken < s->n && seen == taken * out->n_novel / s->n) {
                    s->members[taken++] = (struct behaviour_member){(uint32_t)k, i, place};
                }
                seen++;
            }
        }
    }
    return STG_OK;
}

/* What one thread needs for a sequence. */
struct worker {
    struct stg_keys keys;
    struct component {
        uint64_t key;
        float weight, highest;
        uint16_t before;
    } * parts;
    float *surprisal;
    uint16_t *last;            /* (threads) call of the thread's event before */
    struct stg_walker *walker; /* NULL until an end surprises */
    struct stg_model_run *run;
    size_t cap_parts, cap_surprisal, cap_last;
};

struct job {
    struct behaviour_search *search;
    struct worker *workers;
    struct found {
        uint64_t key[GROUPING_COMPONENTS];
    } * found; /* (n) keys of the vectors' components, until they have numbers */
};

static enum stg_status add(struct worker *w, const struct stg_kind_of_call *kind, float weight, uint16_t before)
{
    uint32_t i;
    const size_t n = w->keys.n;
    STG_RETURN_IF_FAILED(stg_keys_put(&w->keys, stg_usual_key(kind), STG_USUAL_MAX_KINDS, &i));
    if (i == STG_KEYS_NONE) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->parts, &w->cap_parts, w->keys.n, sizeof *w->parts));
    if (w->keys.n > n) {
        w->parts[i] = (struct component){.key = stg_usual_key(kind)};
    }
    w->parts[i].weight += weight;
    if (weight > w->parts[i].highest) {
        w->parts[i].highest = weight;
        w->parts[i].before = before;
    }
    return STG_OK;
}

/* The ends of the walks: that a thread ends where known ones go on may be all that there is of a crash. Those of
 * windows are the cutter's. */
static enum stg_status add_ends(struct worker *w, const struct behaviour_search *s, const struct stg_seq *seq,
                                uint32_t input)
{
    const struct stg_model *m = s->model;
    size_t n_walks = 0;
    if (m->recipe.cut == STG_CUT_WINDOW) {
        return STG_OK;
    }
    if (w->walker == NULL) {
        STG_RETURN_IF_FAILED(stg_walker_new(&w->walker, stg_model_columns(m) | STG_WALK_INDEX));
        STG_RETURN_IF_FAILED(m->ops->run_new(m, &w->run));
    }
    STG_RETURN_IF_FAILED(stg_walker_begin(w->walker, seq, m->recipe.order, m->max_walk, &n_walks));
    for (size_t k = 0; k < n_walks; k++) {
        struct stg_walk walk;
        stg_walker_get(w->walker, k, &walk);
        if (!walk.end || walk.n == walk.n_context) {
            continue;
        }
        STG_RETURN_IF_FAILED(
            stg_mem_grow(&w->surprisal, &w->cap_surprisal, stg_walk_scored(&walk), sizeof *w->surprisal));
        float *target = w->surprisal;
        STG_RETURN_IF_FAILED(m->ops->score(m, w->run, &walk, 1, &target));
        const float surprisal = target[stg_walk_scored(&walk) - 1];
        const uint32_t last = walk.index[walk.n - 1];
        if (surprisal > BEHAVIOUR_HINGE) {
            const struct stg_kind_of_call kind = {.call = STG_TOKEN_END,
                                                  .proc = s->proc_of[input][seq->thread_proc[seq->thread[last]]]};
            STG_RETURN_IF_FAILED(add(w, &kind, surprisal - BEHAVIOUR_HINGE, s->call_of[input][seq->call[last]]));
        }
    }
    return STG_OK;
}

static enum stg_status add_calls(struct worker *w, const struct behaviour_search *s, const struct stg_seq *seq,
                                 uint32_t input)
{
    double end;
    STG_RETURN_IF_FAILED(stg_score_events(s->model, seq, w->surprisal, &end));
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->last, &w->cap_last, seq->n_threads, sizeof *w->last));
    for (size_t t = 0; t < seq->n_threads; t++) {
        w->last[t] = behaviour_call_before(seq, s->call_of[input], t);
    }
    for (size_t i = 0; i < seq->n; i++) {
        const uint16_t call = s->call_of[input][seq->call[i]],
                       proc = s->proc_of[input][seq->thread_proc[seq->thread[i]]];
        uint16_t *last = &w->last[seq->thread[i]];
        struct stg_kind_of_call kind;
        (void)stg_usual_kind(&kind, call, proc, seq->phase[i], seq->ret[i], s->counted[call] != 0);
        const bool whole =
            behaviour_is_new(s, call, seq->phase[i]) && stg_keys_find(&w->keys, stg_usual_key(&kind)) == STG_KEYS_NONE;
        const float least = whole ? 0 : BEHAVIOUR_HINGE;
        if (w->surprisal[i] > least) {
            STG_RETURN_IF_FAILED(add(w, &kind, w->surprisal[i] - least, *last));
        }
        *last = call;
    }
    return end > (double)BEHAVIOUR_HINGE ? add_ends(w, s, seq, input) : STG_OK; /* none surprises more than all */
}

static enum stg_status add_descriptors(struct worker *w, const struct behaviour_search *s, const struct stg_seq *seq,
                                       uint32_t input)
{
    double end;
    if (s->model->side[STG_SIDE_STATE] == NULL) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_score_events(s->model->side[STG_SIDE_STATE], seq, w->surprisal, &end));
    for (size_t i = 0; i < seq->n; i++) {
        if (w->surprisal[i] > BEHAVIOUR_HINGE) {
            const int64_t number = seq->ret[i] < 0 ? 0 : seq->ret[i] < 3 ? seq->ret[i] + 1 : 4;
            const struct stg_kind_of_call kind = {.call = STG_TOKEN_MASK,
                                                  .proc = s->proc_of[input][seq->thread_proc[seq->thread[i]]],
                                                  .phase = FEATURE_DESCRIPTOR,
                                                  .size = (uint8_t)number};
            STG_RETURN_IF_FAILED(add(w, &kind, w->surprisal[i] - BEHAVIOUR_HINGE, STG_TOKEN_START));
        }
    }
    return STG_OK;
}

static int heavier(const void *a_, const void *b_)
{
    const struct component *a = a_, *b = b_;
    if (a->weight != b->weight) {
        return a->weight > b->weight ? -1 : 1;
    }
    return (a->key > b->key) - (a->key < b->key);
}

/* The heaviest components; their square roots, as one vector of length 1. */
static void take_vector(struct worker *w, struct grouping_vector *out, struct found *found)
{
    double sum = 0;
    qsort(w->parts, w->keys.n, sizeof *w->parts, heavier);
    out->n = (uint32_t)(w->keys.n < GROUPING_COMPONENTS ? w->keys.n : GROUPING_COMPONENTS);
    for (uint32_t k = 0; k < out->n; k++) {
        sum += (double)w->parts[k].weight;
    }
    for (uint32_t k = 0; k < out->n; k++) {
        found->key[k] = w->parts[k].key;
        out->weight[k] = (float)sqrt((double)w->parts[k].weight / sum);
        out->before[k] = w->parts[k].before;
    }
}

static enum stg_status examine(void *context, size_t i, size_t i_thread)
{
    struct job *job = context;
    struct behaviour_search *s = job->search;
    struct worker *w = &job->workers[i_thread];
    const struct behaviour_member *member = &s->members[i];
    const struct stg_score *score = &s->inputs[member->input].scores[member->index];
    struct stg_seq seq;
    stg_corpus_get(s->inputs[member->input].corpus, member->index, &seq);
    STG_RETURN_IF_FAILED(stg_interrupt_check());
    stg_keys_fini(&w->keys);
    STG_RETURN_IF_FAILED(stg_mem_grow(&w->surprisal, &w->cap_surprisal, seq.n, sizeof *w->surprisal));
    STG_RETURN_IF_FAILED(add_calls(w, s, &seq, member->input));
    STG_RETURN_IF_FAILED(add_descriptors(w, s, &seq, member->input));
    const float times =
        fmaxf(fmaxf(score->z[STG_CHANNEL_TIME], score->z[STG_CHANNEL_PACE]), score->z[STG_CHANNEL_LOAD]);
    if (times > 2) { /* times are unusual as a whole, rarely one by one */
        const struct stg_kind_of_call kind = {.phase = FEATURE_TIME};
        STG_RETURN_IF_FAILED(add(w, &kind, times, STG_TOKEN_START));
    }
    if (w->keys.n == 0) {
        const struct stg_kind_of_call kind = {.phase = FEATURE_NOTHING};
        STG_RETURN_IF_FAILED(add(w, &kind, 1, STG_TOKEN_START));
    }
    take_vector(w, &s->vectors[i], &job->found[i]);
    s->vectors[i].rank = score->value[s->aggregate];
    return STG_OK;
}

/* Numbers for the features, in the order of the data: so nothing depends on which thread looked at a sequence. */
static enum stg_status number_features(struct behaviour_search *s, const struct found *found)
{
    for (size_t i = 0; i < s->n; i++) {
        struct grouping_vector *v = &s->vectors[i];
        uint32_t kept = 0;
        for (uint32_t k = 0; k < v->n; k++) {
            uint32_t feature;
            STG_RETURN_IF_FAILED(stg_keys_put(&s->features, found[i].key[k], GROUPING_MAX_FEATURES, &feature));
            if (feature != STG_KEYS_NONE) {
                v->feature[kept] = feature;
                v->weight[kept] = v->weight[k];
                v->before[kept++] = v->before[k];
            }
        }
        v->n = kept;
    }
    return STG_OK;
}

static enum stg_status make_vectors(struct behaviour_search *s, struct stg_pool *pool)
{
    enum stg_status status = STG_OK;
    const size_t n_threads = stg_pool_threads(pool);
    struct job job = {.search = s};
    STG_TRY(stg_mem_zeroed(&job.workers, n_threads, sizeof *job.workers));
    STG_TRY(stg_mem_zeroed(&job.found, s->n, sizeof *job.found));
    STG_TRY(stg_pool_run(pool, s->n, examine, &job));
    STG_TRY(number_features(s, job.found));
out:
    for (size_t i = 0; job.workers != NULL && i < n_threads; i++) {
        stg_keys_fini(&job.workers[i].keys);
        stg_mem_free(job.workers[i].parts);
        stg_mem_free(job.workers[i].surprisal);
        stg_mem_free(job.workers[i].last);
        stg_walker_free(job.workers[i].walker);
        if (job.workers[i].run != NULL) {
            s->model->ops->run_free(job.workers[i].run);
        }
    }
    stg_mem_free(job.workers);
    stg_mem_free(job.found);
    return status;
}

static void search_fini(struct behaviour_search *s)
{
    for (size_t i = 0; i < s->n_inputs; i++) {
        stg_mem_free(s->call_of == NULL ? NULL : s->call_of[i]);
        stg_mem_free(s->proc_of == NULL ? NULL : s->proc_of[i]);
    }
    stg_mem_free((void *)s->call_of);
    stg_mem_free((void *)s->proc_of);
    stg_mem_free(s->counted);
    stg_mem_free(s->members);
    stg_mem_free(s->vectors);
    stg_mem_free(s->group);
    stg_keys_fini(&s->features);
}

static enum stg_status list_members(struct behaviour_search *s)
{
    struct stg_behaviours *out = s->out;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->members, s->n, sizeof *out->members));
    for (size_t i = 0; i < s->n; i++) {
        out->members[i] = (struct stg_behaviour_member){s->members[i].input, s->members[i].index, s->group[i]};
    }
    out->n_members = s->n;
    return STG_OK;
}

static enum stg_status describe_all(struct behaviour_search *s, const struct stg_behaviours_settings *settings)
{
    struct stg_behaviours *out = s->out;
    out->n = out->n_groups < settings->most ? out->n_groups : settings->most;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->items, out->n, sizeof *out->items));
    out->n_rest = s->n;
    for (size_t k = 0; k < out->n; k++) {
        STG_RETURN_IF_FAILED(behaviour_describe(s, (uint32_t)k, &out->items[k]));
        out->n_rest -= out->items[k].n;
    }
    return STG_OK;
}

enum stg_status stg_behaviours_find(struct stg_behaviours *out, const struct stg_model *m,
                                    const struct stg_behaviour_input *inputs, size_t n_inputs,
                                    const struct stg_behaviours_settings *settings, struct stg_pool *pool)
{
    enum stg_status status = STG_OK;
    struct behaviour_search s = {
        .model = m, .aggregate = settings->aggregate, .inputs = inputs, .n_inputs = n_inputs, .out = out};
    *out = (struct stg_behaviours){.has_usual = m->n_usual > 0,
                                   .aggregate = settings->aggregate,
                                   .alpha = settings->alpha,
                                   .is_reachable = stg_verdict_rank(m->n_calibration, settings->alpha) > 0};
    if (!stg_calibrated(m)) {
        return stg_fail(STG_ERR_INPUT,
                        "no behaviours: the model is not calibrated: train it with --calibrate or more data");
    }
    (void)stg_usual_find(m, STG_USUAL_EVENTS, &out->events);
    (void)stg_usual_find(m, STG_USUAL_DURATION, &out->duration);
    STG_TRY(map_inputs(&s));
    STG_TRY(behaviour_find_unseen(&s));
    STG_TRY(choose(&s, settings));
    STG_TRY(make_vectors(&s, pool));
    if (s.n > 0) {
        STG_TRY(grouping_find(s.vectors, s.n, s.features.n, settings->similarity, s.group, &out->n_groups));
    }
    STG_TRY(describe_all(&s, settings));
    STG_TRY(list_members(&s));
out:
    search_fini(&s);
    return status;
}
