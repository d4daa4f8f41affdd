#include "cli/score_verdict.h"

#include "cli/facts.h"

#include "detect/calibrate.h"
#include "detect/runs.h"

#include <stdio.h>

/* Adds value to an array; takes the reference. */
static enum stg_status push(json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0 ? STG_OK : stg_fail(STG_ERR_MEMORY, "verdict: out of memory");
}

/* How many there are, and how many of them chance explains; of one sequence nothing of the kind is asked. */
static json_t *count(size_t n, double apart, const struct stg_verdict *v, uint64_t bound)
{
    return json_pack("{s:I, s:f, s:o}", "n", (json_int_t)n, "apart", apart, "chance",
                     v->n_apart < 2 ? json_null() : json_integer((json_int_t)bound));
}

static enum stg_status put_counts(json_t *facts, const struct stg_verdict *v)
{
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "apart", json_integer((json_int_t)v->n_apart)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "level", json_real(STG_VERDICT_LEVEL)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "beyond_alpha",
                                       v->reachable ? count(v->n_novel, v->novel_apart, v, v->bound) : json_null()));
    STG_RETURN_IF_FAILED(stg_facts_put(
        facts, "above_all", count(v->n_beyond, v->beyond_apart, v, v->reachable ? v->bound_beyond : v->bound)));
    if (v->deciding_rank == 0) {
        return STG_OK;
    }
    return stg_facts_put(facts, "deciding",
                         json_pack("{s:I, s:f, s:I}", "rank", (json_int_t)v->deciding_rank, "apart", v->deciding_apart,
                                   "chance", (json_int_t)v->deciding_bound));
}

static enum stg_status put_alone(json_t *facts, const struct stg_verdict *v)
{
    json_t *alone = json_array();
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "alone", alone));
    for (size_t i = 0; i < v->n_alone; i++) {
        const struct stg_alone *x = &v->alone[i];
        STG_RETURN_IF_FAILED(push(alone, json_pack("{s:s, s:I, s:f}", "aggregate", stg_aggregate_name(x->aggregate),
                                                   "n", (json_int_t)x->n_beyond, "most_of_a_run", x->most_known)));
    }
    return STG_OK;
}

/* What --strict counts. */
static enum stg_status put_signs(json_t *facts, const struct stg_score_whole *w)
{
    const struct {
        const char *name;
        bool is;
    } all[] = {{"unseen", w->n_unseen > 0},
               {"above_all", w->verdict->n_beyond > 0},
               {"alone", w->verdict->n_alone > 0},
               {"shift", w->shift->shifted}};
    json_t *signs = json_array();
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "signs", signs));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].is) {
            STG_RETURN_IF_FAILED(push(signs, json_string(all[i].name)));
        }
    }
    return STG_OK;
}

static enum stg_status put_judged(json_t *facts, const struct stg_score_whole *w)
{
    const struct stg_verdict *v = w->verdict;
    const struct stg_shift *s = w->shift;
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "calibration_runs", json_integer((json_int_t)stg_runs_count(w->model))));
    STG_RETURN_IF_FAILED(
        stg_facts_put(facts, "threshold", stg_facts_number(stg_threshold(w->model, w->aggregate, w->alpha))));
    STG_RETURN_IF_FAILED(put_counts(facts, v));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "lost",
                                       json_pack("{s:I, s:I, s:b}", "touched", (json_int_t)v->n_touched, "novel",
                                                 (json_int_t)v->novel_touched, "decides", v->rests_on_lost)));
    STG_RETURN_IF_FAILED(put_alone(facts, v));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "unseen", json_integer((json_int_t)w->n_unseen)));
    if (w->group_size > 0) {
        json_t *novel = w->groups_judged ? json_integer((json_int_t)w->n_novel_groups) : json_null();
        STG_RETURN_IF_FAILED(stg_facts_put(facts, "groups",
                                           json_pack("{s:I, s:I, s:o, s:I}", "size", (json_int_t)w->group_size, "n",
                                                     (json_int_t)w->n_groups, "novel", novel, "calibration",
                                                     (json_int_t)w->n_known_groups)));
    }
    if (w->group->n < 2) { /* one sequence is no stream */
        return STG_OK;
    }
    return stg_facts_put(facts, "shift",
                         json_pack("{s:b, s:f, s:o, s:o}", "shifted", s->shifted, "interval", w->interval, "began",
                                   s->shifted ? json_integer((json_int_t)s->began) : json_null(), "noticed",
                                   s->shifted ? json_integer((json_int_t)s->noticed) : json_null()));
}

static enum stg_status put_all(json_t *facts, const struct stg_score_whole *w)
{
    const struct stg_verdict *v = w->verdict;
    uint64_t n_lost = 0, n_events = 0;
    for (size_t i = 0; i < w->group->n; i++) {
        n_events += w->group->scores[i].n_events;
        n_lost += w->group->scores[i].n_lost;
    }
    STG_RETURN_IF_FAILED(
        stg_facts_put(facts, "novel", v->novel || v->reachable ? json_boolean(v->novel) : json_null()));
    STG_RETURN_IF_FAILED(put_signs(facts, w));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "exit_status", json_integer(w->exit_status)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "aggregate", json_string(stg_aggregate_name(w->aggregate))));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "alpha", json_real(w->alpha)));
    if (w->budget != NULL) {
        STG_RETURN_IF_FAILED(stg_facts_put(
            facts, "per_day",
            json_pack("{s:f, s:f}", "false_alarms", w->budget->per_day, "sequences", w->budget->sequences)));
    }
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "sequences", json_integer((json_int_t)w->group->n)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "events", json_integer((json_int_t)n_events)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "lost_events", json_integer((json_int_t)n_lost)));
    STG_RETURN_IF_FAILED(
        stg_facts_put(facts, "calibration_sequences", json_integer((json_int_t)w->model->n_calibration)));
    return v->calibrated ? put_judged(facts, w) : STG_OK;
}

enum stg_status stg_score_verdict_json(struct stg_buffer *out, const struct stg_score_whole *w)
{
    enum stg_status status = STG_OK;
    json_t *facts = json_object();
    STG_TRY(facts != NULL ? STG_OK : stg_fail(STG_ERR_MEMORY, "verdict: out of memory"));
    STG_TRY(put_all(facts, w));
    STG_TRY(stg_facts_json(out, "strange.verdict/1", facts));
out:
    json_decref(facts);
    return status;
}
