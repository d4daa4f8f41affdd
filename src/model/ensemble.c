/* Ensemble: several neural models of one kind and configuration, trained with different seeds. A token's surprisal is
 * the mean of the members' (that of the geometric mean of their probabilities), so the ensemble's loss is the mean of
 * theirs, and what only one of them believes counts less. Those geometric means sum to less than one, by the more the
 * less the members agree; what the ensemble predicts is the same normalised (a logarithmic opinion pool), as readers
 * and students need a distribution. It ranks symbols as the score does. The members borrow the ensemble's symbols;
 * their own bases are not used. */
#include "model/ensemble.h"

#include "base/memory.h"
#include "compute/kernels.h"
#include "model/neural.h"

#include <stdio.h>
#include <stdlib.h>

struct ensemble {
    struct stg_model base;
    struct stg_model **member; /* (n) owned */
    size_t n;
};

struct stg_model_run {
    size_t n;
    const struct stg_model_ops *ops; /* the members' */
    struct stg_model_run **member;   /* (n) owned */
    struct stg_model_state **state;  /* (cap_states) one member's states of the streams of a step */
    float *said;                     /* (cap_said) what each member says, one after another */
    float **to;                      /* (cap_to) where in it */
    size_t n_said;                   /* floats of a member in the last score or step */
    size_t cap_states, cap_said, cap_to;
};

struct stg_model_state {
    size_t n;
    const struct stg_model_ops *ops; /* the members' */
    struct stg_model_state **member; /* (n) owned */
};

static const struct ensemble *ensemble_of(const struct stg_model *m)
{
    return (const struct ensemble *)m;
}

static const struct stg_model_ops *member_ops(const struct ensemble *e)
{
    return e->member[0]->ops;
}

static enum stg_status new_ensemble(struct ensemble **out, size_t n)
{
    *out = NULL;
    if (n == 0 || n > STG_MODEL_MAX_MEMBERS) {
        return stg_fail(STG_ERR_USAGE, "an ensemble of %zu: use 1 to %d members", n, STG_MODEL_MAX_MEMBERS);
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(out, 1, sizeof **out));
    const enum stg_status status = stg_mem_zeroed(&(*out)->member, n, sizeof *(*out)->member);
    if (status != STG_OK) {
        stg_mem_free(*out);
        *out = NULL;
        return status;
    }
    (*out)->n = n;
    (*out)->base.ops = &stg_model_ensemble;
    return STG_OK;
}

enum stg_status stg_ensemble_new(struct stg_model **out, struct stg_model **members, size_t n)
{
    struct ensemble *e = NULL;
    *out = NULL;
    for (size_t i = 0; i < n; i++) {
        if (members[i]->ops->gradient == NULL || members[i]->ops != members[0]->ops) {
            return stg_fail(STG_ERR_INTERNAL, "an ensemble is made of neural models of one kind");
        }
        if (!stg_neural_alike((const struct stg_neural *)members[i], (const struct stg_neural *)members[0])) {
            return stg_fail(STG_ERR_MISMATCH,
                            "member %zu has other settings than the first: train all with the same options", i + 1);
        }
    }
    STG_RETURN_IF_FAILED(new_ensemble(&e, n));
    e->base.record = json_object();
    if (e->base.record == NULL) {
        stg_mem_free(e->member);
        stg_mem_free(e);
        return stg_fail(STG_ERR_MEMORY, "out of memory: free memory");
    }
    /* Nothing fails from here on: the members and the first one's base are taken, the other bases go. */
    e->base.recipe = members[0]->recipe;
    e->base.vocab = members[0]->vocab;
    e->base.symbols = members[0]->symbols;
    e->base.max_walk = members[0]->max_walk;
    for (size_t i = 0; i < n; i++) {
        struct stg_model *m = members[i];
        e->member[i] = m;
        members[i] = NULL;
        if (i > 0) {
            stg_vocab_fini(&m->vocab);
            stg_symbols_free(m->symbols);
        }
        m->symbols = e->base.symbols;
        json_decref(m->record);
        m->record = NULL;
        stg_mem_free(m->calibration);
        m->calibration = NULL;
        stg_mem_free(m->stream);
        m->stream = NULL;
        stg_tensors_free(m->file); /* nets own what they loaded */
        m->file = NULL;
    }
    *out = &e->base;
    return STG_OK;
}

static enum stg_status create(struct stg_model **out, const struct stg_model_settings *s)
{
    *out = NULL;
    (void)s;
    return stg_fail(STG_ERR_USAGE, "an ensemble is trained with --ensemble N and the kind of its members");
}

static enum stg_status fit(struct stg_model *m, const struct stg_corpus *corpus, struct stg_pool *pool,
                           struct stg_progress *progress)
{
    (void)m;
    (void)corpus;
    (void)pool;
    (void)progress;
    return stg_fail(STG_ERR_INTERNAL, "an ensemble's members are trained one by one");
}

static void run_free(struct stg_model_run *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->n; i++) {
        r->ops->run_free(r->member[i]);
    }
    stg_mem_free(r->member);
    stg_mem_free(r->state);
    stg_mem_free(r->said);
    stg_mem_free(r->to);
    stg_mem_free(r);
}

static enum stg_status run_new(const struct stg_model *m, struct stg_model_run **out)
{
    enum stg_status status = STG_OK;
    const struct ensemble *e = ensemble_of(m);
    struct stg_model_run *r = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&r, 1, sizeof *r));
    r->ops = member_ops(e);
    STG_TRY(stg_mem_zeroed(&r->member, e->n, sizeof *r->member));
    for (; r->n < e->n; r->n++) {
        STG_TRY(member_ops(e)->run_new(e->member[r->n], &r->member[r->n]));
    }
out:
    if (status != STG_OK) {
        run_free(r);
        return status;
    }
    *out = r;
    return STG_OK;
}

/* The mean of what the members said, (n_members, n). */
static void mean_of(float *to, const float *said, size_t n, size_t stride, size_t n_members)
{
    for (size_t i = 0; i < n; i++) {
        float sum = said[i];
        for (size_t k = 1; k < n_members; k++) {
            sum += said[k * stride + i];
        }
        to[i] = sum / (float)n_members;
    }
}

/* to = to + from, and with the last member their mean. */
static void add_member(float *to, const float *from, size_t n, size_t i_member, size_t n_members)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = i_member == 0 ? from[i] : to[i] + from[i];
        to[i] = i_member + 1 == n_members ? to[i] / (float)n_members : to[i];
    }
}

static enum stg_status score(const struct stg_model *m, struct stg_model_run *r, const struct stg_walk *walks, size_t n,
                             float *const *surprisal)
{
    const struct ensemble *e = ensemble_of(m);
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += stg_walk_scored(&walks[i]);
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->said, &r->cap_said, e->n * total + 1, sizeof *r->said));
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->to, &r->cap_to, n, sizeof *r->to));
    r->n_said = total;
    for (size_t k = 0; k < e->n; k++) {
        for (size_t i = 0, at = k * total; i < n; at += stg_walk_scored(&walks[i++])) {
            r->to[i] = r->said + at;
        }
        STG_RETURN_IF_FAILED(member_ops(e)->score(e->member[k], r->member[k], walks, n, r->to));
    }
    for (size_t i = 0, at = 0; i < n; at += stg_walk_scored(&walks[i++])) {
        mean_of(surprisal[i], r->said + at, stg_walk_scored(&walks[i]), total, e->n);
    }
    return STG_OK;
}

static const float *said(const struct stg_model_run *r, size_t *n_members, size_t *n)
{
    *n_members = r->n;
    *n = r->n_said;
    return r->said;
}

static void state_free(struct stg_model_state *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        s->ops->state_free(s->member[i]);
    }
    stg_mem_free(s->member);
    stg_mem_free(s);
}

static enum stg_status state_new(const struct stg_model *m, struct stg_model_state **out)
{
    enum stg_status status = STG_OK;
    const struct ensemble *e = ensemble_of(m);
    struct stg_model_state *s = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s, 1, sizeof *s));
    s->ops = member_ops(e);
    STG_TRY(stg_mem_zeroed(&s->member, e->n, sizeof *s->member));
    for (; s->n < e->n; s->n++) {
        STG_TRY(member_ops(e)->state_new(e->member[s->n], &s->member[s->n]));
    }
out:
    if (status != STG_OK) {
        state_free(s);
        return status;
    }
    *out = s;
    return STG_OK;
}

static void state_reset(const struct stg_model *m, struct stg_model_state *s)
{
    const struct ensemble *e = ensemble_of(m);
    for (size_t i = 0; i < e->n; i++) {
        member_ops(e)->state_reset(e->member[i], s->member[i]);
    }
}

static enum stg_status step(const struct stg_model *m, struct stg_model_run *r, struct stg_model_state *const *states,
                            const struct stg_model_token *tokens, size_t n, float *surprisal)
{
    const struct ensemble *e = ensemble_of(m);
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->said, &r->cap_said, e->n * n, sizeof *r->said));
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->state, &r->cap_states, n, sizeof *r->state));
    for (size_t k = 0; k < e->n; k++) {
        for (size_t i = 0; i < n; i++) {
            r->state[i] = states[i]->member[k];
        }
        STG_RETURN_IF_FAILED(member_ops(e)->step(e->member[k], r->member[k], r->state, tokens, n, r->said + k * n));
    }
    r->n_said = n;
    mean_of(surprisal, r->said, n, n, e->n);
    return STG_OK;
}

/* The mean of the members' ln p, which is what step and score charge for each symbol, normalised. */
static enum stg_status predict(const struct stg_model *m, struct stg_model_run *r, const struct stg_model_state *s,
                               float *log_p)
{
    const struct ensemble *e = ensemble_of(m);
    const size_t V = stg_symbols_count(m->symbols);
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->said, &r->cap_said, V, sizeof *r->said));
    r->n_said = 0; /* what the last step said is gone */
    for (size_t k = 0; k < e->n; k++) {
        STG_RETURN_IF_FAILED(member_ops(e)->predict(e->member[k], r->member[k], s->member[k], r->said));
        add_member(log_p, r->said, V, k, e->n);
    }
    stg_kernels()->log_softmax(log_p, V);
    return STG_OK;
}

static enum stg_status distributions(const struct stg_model *m, struct stg_model_run *r, const struct stg_walk *walks,
                                     size_t n, float *const *log_p)
{
    const struct ensemble *e = ensemble_of(m);
    const size_t V = stg_symbols_count(m->symbols);
    size_t rows = 0;
    for (size_t i = 0; i < n; i++) {
        rows += stg_walk_scored(&walks[i]);
    }
    r->n_said = 0;
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->said, &r->cap_said, rows * V + 1, sizeof *r->said));
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->to, &r->cap_to, n, sizeof *r->to));
    for (size_t i = 0, at = 0; i < n; at += stg_walk_scored(&walks[i++]) * V) {
        r->to[i] = r->said + at;
    }
    for (size_t k = 0; k < e->n; k++) {
        STG_RETURN_IF_FAILED(stg_model_distributions(e->member[k], r->member[k], walks, n, r->to));
        for (size_t i = 0; i < n; i++) {
            add_member(log_p[i], r->to[i], stg_walk_scored(&walks[i]) * V, k, e->n);
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < stg_walk_scored(&walks[i]); t++) {
            stg_kernels()->log_softmax(log_p[i] + t * V, V);
        }
    }
    return STG_OK;
}

static enum stg_status set_precision(struct stg_model *m, enum stg_precision precision)
{
    const struct ensemble *e = ensemble_of(m);
    for (size_t i = 0; i < e->n; i++) {
        STG_RETURN_IF_FAILED(member_ops(e)->set_precision(e->member[i], precision));
    }
    return STG_OK;
}

static void member_prefix(char prefix[32], size_t i)
{
    snprintf(prefix, 32, "member.%zu.", i);
}

static enum stg_status save(const struct stg_model *m, struct stg_tensors_writer *w)
{
    const struct ensemble *e = ensemble_of(m);
    char number[32];
    snprintf(number, sizeof number, "%zu", e->n);
    STG_RETURN_IF_FAILED(stg_tensors_writer_meta(w, "ensemble.kind", member_ops(e)->kind));
    STG_RETURN_IF_FAILED(stg_tensors_writer_meta(w, "ensemble.members", number));
    STG_RETURN_IF_FAILED(stg_neural_save_config((const struct stg_neural *)e->member[0], w));
    for (size_t i = 0; i < e->n; i++) {
        char prefix[32];
        member_prefix(prefix, i);
        STG_RETURN_IF_FAILED(stg_neural_put((const struct stg_neural *)e->member[i], prefix, w));
    }
    return STG_OK;
}

static void free_ensemble(struct stg_model *m)
{
    struct ensemble *e = (struct ensemble *)m;
    for (size_t i = 0; i < e->n; i++) {
        if (e->member[i] != NULL) {
            e->member[i]->ops->free(e->member[i]);
        }
    }
    stg_mem_free(e->member);
    stg_mem_free(e);
}

static enum stg_status load(struct stg_model **out, const struct stg_tensors *t, const struct stg_vocab *vocab,
                            const struct stg_symbols *symbols)
{
    enum stg_status status = STG_OK;
    struct ensemble *e = NULL;
    const char *kind = stg_tensors_meta(t, "ensemble.kind");
    const char *members = stg_tensors_meta(t, "ensemble.members");
    const unsigned long n = members == NULL ? 0 : strtoul(members, NULL, 10);
    *out = NULL;
    if (kind == NULL || n == 0 || n > STG_MODEL_MAX_MEMBERS) {
        return stg_fail(STG_ERR_INPUT, "%s: header: configuration of the ensemble is damaged: train the model again",
                        stg_tensors_path(t));
    }
    STG_TRY(new_ensemble(&e, n));
    for (size_t i = 0; i < n; i++) {
        char prefix[32];
        member_prefix(prefix, i);
        STG_TRY(stg_neural_get(&e->member[i], kind, prefix, t, vocab, symbols));
        /* The file's symbols become the ensemble's, which outlive the members; they are only read. */
        e->member[i]->symbols = (struct stg_symbols *)symbols;
    }
out:
    if (status != STG_OK) {
        if (e != NULL) {
            free_ensemble(&e->base);
        }
        return status;
    }
    *out = &e->base;
    return STG_OK;
}

static json_t *describe(const struct stg_model *m)
{
    const struct ensemble *e = ensemble_of(m);
    json_t *facts = stg_neural_describe((const struct stg_neural *)e->member[0]);
    const json_int_t of_one = json_integer_value(json_object_get(facts, "parameters")), n = (json_int_t)e->n;
    if (facts != NULL && (json_object_set_new(facts, "parameters", json_integer(n * of_one)) != 0 ||
                          json_object_set_new(facts, "members", json_integer(n)) != 0 ||
                          json_object_set_new(facts, "kind of members", json_string(member_ops(e)->kind)) != 0)) {
        json_decref(facts);
        return NULL;
    }
    return facts;
}

static const float *embedding(const struct stg_model *m, size_t *n, size_t *dim, bool *of_symbols)
{
    const struct stg_model *first = ensemble_of(m)->member[0];
    return first->ops->embedding(first, n, dim, of_symbols);
}

const struct stg_model_ops stg_model_ensemble = {
    .kind = "ensemble",
    .columns = STG_WALK_THREAD | STG_WALK_ELAPSED, /* as its members */
    .summary = "several neural models of one kind, trained with different seeds and scored together",
    .create = create,
    .fit = fit,
    .run_new = run_new,
    .run_free = run_free,
    .score = score,
    .state_new = state_new,
    .state_reset = state_reset,
    .state_free = state_free,
    .step = step,
    .members = said,
    .predict = predict,
    .distributions = distributions,
    .embedding = embedding,
    .set_precision = set_precision,
    .save = save,
    .load = load,
    .describe = describe,
    .free = free_ensemble,
};
