#include "explain/explain.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "explain/blame.h"
#include "score/disagreement.h"

#include <math.h>
#include <string.h>

/* What stepping through one sequence needs. Memory: V floats, the model's state, and the events. */
struct stepper {
    const struct stg_model *model;
    struct stg_walker *walker;
    struct stg_model_run *run;
    struct stg_model_state *state;
    float *log_p; /* (n_symbols) */
    size_t n_symbols;
    float *surprisal; /* of all walks, one after another */
    size_t *walk_len; /* (n_walks) */
    size_t n_tokens;
    struct stg_disagreement members;
    uint32_t n_unknown, n_alternatives;
    struct stg_explained_event *rows; /* (seq->n + n_walks) rows by time order, then ends */
    size_t n_ends;
};

static void stepper_fini(struct stepper *s)
{
    if (s->state != NULL) {
        s->model->ops->state_free(s->state);
    }
    if (s->run != NULL) {
        s->model->ops->run_free(s->run);
    }
    stg_walker_free(s->walker);
    stg_mem_free(s->log_p);
    stg_mem_free(s->surprisal);
    stg_mem_free(s->walk_len);
    stg_mem_free(s->rows);
}

/* Keeps the k likeliest symbols other than what happened, sorted; START and [MASK] are never next. */
static void put_alternatives(struct stg_explained_event *e, const float *log_p, size_t n, uint32_t k)
{
    for (uint32_t id = 0; id < n; id++) {
        if (id == e->symbol || id == STG_TOKEN_MASK || id == STG_TOKEN_START || !(log_p[id] > -INFINITY)) {
            continue;
        }
        const float p = expf(log_p[id]);
        uint32_t at = e->n_alternatives;
        while (at > 0 && e->alternatives[at - 1].probability < p) {
            at--;
        }
        if (at >= k) {
            continue;
        }
        const uint32_t kept = e->n_alternatives < k ? e->n_alternatives : k - 1;
        memmove(&e->alternatives[at + 1], &e->alternatives[at], (kept - at) * sizeof e->alternatives[0]);
        e->alternatives[at] = (struct stg_alternative){.symbol = id, .probability = p};
        e->n_alternatives = kept + 1;
    }
}

/* Predicts, then feeds one scored token; e describes it. */
static enum stg_status explain_token(struct stepper *s, const struct stg_model_token *t, struct stg_explained_event *e)
{
    const struct stg_model_ops *ops = s->model->ops;
    struct stg_model_state *states[1] = {s->state};
    STG_RETURN_IF_FAILED(ops->predict(s->model, s->run, s->state, s->log_p));
    put_alternatives(e, s->log_p, s->n_symbols, s->n_alternatives);
    STG_RETURN_IF_FAILED(ops->step(s->model, s->run, states, t, 1, &e->surprisal));
    e->excess = (float)((double)e->surprisal - blame_entropy(s->log_p, s->n_symbols));
    e->field = (uint8_t)blame_field(s->model, e, s->log_p);
    stg_disagreement_add(&s->members, s->model, s->run, 0, 1, &e->disagreement);
    s->surprisal[s->n_tokens++] = e->surprisal;
    return STG_OK;
}

static enum stg_status feed(struct stepper *s, const struct stg_walk *w, ptrdiff_t i)
{
    struct stg_model_state *states[1] = {s->state};
    struct stg_model_token t;
    float ignored = 0;
    stg_walk_token(w, i, &t);
    return s->model->ops->step(s->model, s->run, states, &t, 1, &ignored);
}

static enum stg_status explain_walk(struct stepper *s, const struct stg_seq *seq, const struct stg_walk *w)
{
    struct stg_model_token t;
    s->model->ops->state_reset(s->model, s->state);
    if (w->start) {
        STG_RETURN_IF_FAILED(feed(s, w, -1));
    }
    for (size_t i = 0; i < w->n_context; i++) {
        STG_RETURN_IF_FAILED(feed(s, w, (ptrdiff_t)i));
    }
    for (size_t i = w->n_context; i < w->n; i++) {
        struct stg_explained_event *e = &s->rows[w->index[i]];
        stg_walk_token(w, (ptrdiff_t)i, &t);
        *e = (struct stg_explained_event){.index = w->index[i],
                                          .call = t.call,
                                          .proc = t.proc,
                                          .phase = t.phase,
                                          .ret = t.ret,
                                          .time_ns = seq->time_ns[w->index[i]],
                                          .elapsed_ns = t.elapsed_ns,
                                          .pid = t.pid,
                                          .tid = t.tid};
        e->symbol = stg_symbols_find(s->model->symbols, t.call, t.phase, t.ret);
        s->n_unknown += e->symbol == STG_TOKEN_UNKNOWN;
        STG_RETURN_IF_FAILED(explain_token(s, &t, e));
    }
    if (w->end) {
        struct stg_explained_event *e = &s->rows[seq->n + s->n_ends++];
        const size_t last = w->n - 1; /* of its thread; a walk of nothing but an end has none */
        *e = (struct stg_explained_event){.index = UINT32_MAX,
                                          .symbol = STG_TOKEN_END,
                                          .call = STG_TOKEN_END,
                                          .ret = STG_RET_ABSENT,
                                          .time_ns = seq->end_ns - seq->begin_ns};
        if (w->n > 0) {
            e->proc = w->proc[last];
            e->pid = w->pid[last];
            e->tid = w->tid[last];
        }
        stg_walk_token(w, (ptrdiff_t)w->n, &t);
        STG_RETURN_IF_FAILED(explain_token(s, &t, e));
    }
    return STG_OK;
}

static enum stg_status begin(struct stepper *s, const struct stg_seq *seq, size_t *n_walks)
{
    const struct stg_model *m = s->model;
    s->n_symbols = stg_symbols_count(m->symbols);
    STG_RETURN_IF_FAILED(stg_walker_new(&s->walker, STG_WALK_ALL));
    STG_RETURN_IF_FAILED(stg_walker_begin(s->walker, seq, m->recipe.order, m->max_walk, n_walks));
    STG_RETURN_IF_FAILED(m->ops->run_new(m, &s->run));
    STG_RETURN_IF_FAILED(m->ops->state_new(m, &s->state));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->log_p, s->n_symbols, sizeof *s->log_p));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->surprisal, seq->n + *n_walks, sizeof *s->surprisal));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->walk_len, *n_walks, sizeof *s->walk_len));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->rows, seq->n + *n_walks, sizeof *s->rows));
    for (size_t i = 0; i < seq->n; i++) {
        s->rows[i].surprisal = NAN; /* until its walk gets there: a walk that is cut short does not */
    }
    return STG_OK;
}

/* Moves the rows that were reached to out. */
static void take_events(struct stg_explanation *out, struct stepper *s, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        if (!isnan(s->rows[i].surprisal)) {
            s->rows[out->n++] = s->rows[i];
        }
    }
    out->events = s->rows;
    s->rows = NULL;
}

enum stg_status stg_explain(struct stg_explanation *out, const struct stg_model *m, const struct stg_seq *seq,
                            const struct stg_vocab *names, uint32_t n_alternatives)
{
    enum stg_status status = STG_OK;
    struct stepper s = {.model = m};
    size_t n_walks = 0;
    *out = (struct stg_explanation){.id = seq->id, .names = names, .has_time = (seq->flags & STG_SEQ_NO_TIME) == 0};
    s.n_alternatives = n_alternatives < STG_EXPLAIN_MAX_ALTERNATIVES ? n_alternatives : STG_EXPLAIN_MAX_ALTERNATIVES;
    STG_TRY(begin(&s, seq, &n_walks));
    for (size_t k = 0; k < n_walks; k++) {
        struct stg_walk w;
        stg_walker_get(s.walker, k, &w);
        s.walk_len[k] = stg_walk_scored(&w);
        STG_TRY(stg_interrupt_check());
        STG_TRY(explain_walk(&s, seq, &w));
    }
    STG_TRY(stg_score_sequence(m, seq, &out->score));
    take_events(out, &s, seq->n + s.n_ends);
    STG_TRY(blame_sides(out, m, seq));
    STG_TRY(blame_rank(out, m));
out:
    stepper_fini(&s);
    if (status != STG_OK) {
        stg_explanation_fini(out);
    }
    return status;
}

void stg_explanation_fini(struct stg_explanation *e)
{
    stg_mem_free(e->events);
    stg_mem_free(e->ranked);
    stg_mem_free(e->order);
    stg_mem_free(e->segments);
    e->events = NULL;
    e->ranked = e->order = NULL;
    e->segments = NULL;
    e->n = e->n_segments = 0;
}
