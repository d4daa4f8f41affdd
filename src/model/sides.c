/* Side models (model.h): which data has them, and how they are kept in the model's file. */
#include "model/sides.h"
#include "base/memory.h"
#include "model/model.h"

#include <string.h>

static const struct {
    const char *name, *scope;
    unsigned fields;
    uint32_t order;
} sides[STG_SIDES] = {
    [STG_SIDE_TIME] = {"time", "side.time.", STG_FIELD_ELAPSED, 5},
    [STG_SIDE_STATE] = {"state", "side.state.", STG_FIELD_DESCRIPTOR, 1},
};

const char *stg_side_name(enum stg_side side)
{
    return sides[side].name;
}

static bool has_own_descriptor(const struct stg_seq *seq)
{
    for (size_t k = 0; k < seq->n && seq->tid != 0; k++) {
        if (seq->phase[k] == STG_PHASE_ENTRY && seq->ret[k] != STG_RET_ABSENT &&
            seq->thread_tid[seq->thread[k]] == seq->tid) {
            return true;
        }
    }
    return false;
}

/* Whether any sequence has times, or descriptors. */
static bool applies(enum stg_side side, const struct stg_corpus *corpus)
{
    for (size_t i = 0; i < corpus->n; i++) {
        struct stg_seq seq;
        stg_corpus_get(corpus, i, &seq);
        if (seq.n > 0 && (side == STG_SIDE_TIME ? (seq.flags & STG_SEQ_NO_TIME) == 0 : has_own_descriptor(&seq))) {
            return true;
        }
    }
    return false;
}

static enum stg_status fit_side(struct stg_model *m, enum stg_side side, const struct stg_corpus *corpus,
                                struct stg_pool *pool, struct stg_progress *progress)
{
    struct stg_model *own = NULL;
    struct stg_model_settings s;
    stg_model_settings_default(&s);
    s.kind = "ngram";
    s.fields = sides[side].fields;
    s.order = sides[side].order;
    STG_RETURN_IF_FAILED(stg_model_new(&own, &s, &m->recipe, &m->vocab));
    m->side[side] = own;
    own->max_walk = m->max_walk;
    return own->ops->fit(own, corpus, pool, progress);
}

enum stg_status stg_model_fit_sides(struct stg_model *m, const struct stg_corpus *corpus, struct stg_pool *pool,
                                    struct stg_progress *progress)
{
    for (int i = 0; i < STG_SIDES; i++) {
        stg_model_free(m->side[i]);
        m->side[i] = NULL;
        if (m->recipe.order == STG_ORDER_THREAD && applies((enum stg_side)i, corpus)) {
            STG_RETURN_IF_FAILED(fit_side(m, (enum stg_side)i, corpus, pool, progress));
        }
    }
    stg_pace_fini(&m->pace);
    return m->side[STG_SIDE_TIME] == NULL ? STG_OK
                                          : stg_pace_fit(&m->pace, corpus, stg_strings_count(m->vocab.calls), pool);
}

unsigned stg_model_columns(const struct stg_model *m)
{
    const bool timed =
        m->side[STG_SIDE_TIME] != NULL || (m->symbols != NULL && stg_symbols_fields(m->symbols) == STG_FIELD_ELAPSED);
    return m->ops->columns | (timed ? (unsigned)STG_WALK_ELAPSED : 0);
}

enum stg_status stg_model_put_sides(const struct stg_model *m, struct stg_tensors_writer *w)
{
    enum stg_status status = STG_OK;
    for (int i = 0; i < STG_SIDES && status == STG_OK; i++) {
        if (m->side[i] != NULL) {
            stg_tensors_writer_scope(w, sides[i].scope);
            status = stg_model_put(m->side[i], w);
            stg_tensors_writer_scope(w, "");
        }
    }
    if (m->pace.fast != NULL && status == STG_OK) {
        const size_t dims[2] = {m->pace.n_calls, STG_PACE_PHASES};
        status = stg_tensors_writer_put(w, "pace", STG_I64, 2, dims, m->pace.fast);
    }
    return status;
}

/* Only the table of the side's own fields may stand in its place: its symbols say what is read of a walk. */
static enum stg_status check_side(const struct stg_model *m, enum stg_side side, const struct stg_tensors *t)
{
    const struct stg_model *s = m->side[side];
    if (strcmp(s->ops->kind, "ngram") == 0 && stg_symbols_fields(s->symbols) == sides[side].fields &&
        stg_vocab_equal(&s->vocab, &m->vocab) && s->max_walk == m->max_walk && s->side[0] == NULL &&
        s->side[1] == NULL) {
        return STG_OK;
    }
    return stg_fail(STG_ERR_INPUT, "%s: the model of %s is not one that goes with this model: train it again",
                    stg_tensors_path(t), sides[side].name);
}

/* A model of times has a pace, another has none: it is read from walks that have times. */
static enum stg_status get_pace(struct stg_model *m, const struct stg_tensors *t)
{
    const struct stg_tensor *x = stg_tensors_find(t, "pace");
    if (x == NULL && m->side[STG_SIDE_TIME] == NULL) {
        return STG_OK;
    }
    bool sound = x != NULL && m->side[STG_SIDE_TIME] != NULL && x->dtype == STG_I64 && x->n_dims == 2 &&
                 x->dims[1] == STG_PACE_PHASES && x->dims[0] == stg_strings_count(m->vocab.calls);
    for (size_t i = 0; sound && i < x->n; i++) {
        sound = ((const int64_t *)x->data)[i] >= 0;
    }
    if (!sound) {
        return stg_fail(STG_ERR_INPUT, "%s: tensor pace: is missing or damaged: train the model again",
                        stg_tensors_path(t));
    }
    m->pace.n_calls = x->dims[0];
    return stg_mem_dup(&m->pace.fast, x->data, x->n * sizeof *m->pace.fast);
}

enum stg_status stg_model_get_sides(struct stg_model *m, struct stg_tensors *t)
{
    enum stg_status status = STG_OK;
    for (int i = 0; i < STG_SIDES && status == STG_OK; i++) {
        stg_tensors_scope(t, sides[i].scope);
        if (stg_tensors_meta(t, "model.kind") != NULL) {
            status = stg_model_read(&m->side[i], t, false);
        }
        stg_tensors_scope(t, "");
        if (status == STG_OK && m->side[i] != NULL) {
            status = check_side(m, (enum stg_side)i, t);
        }
    }
    return status == STG_OK ? get_pace(m, t) : status;
}
