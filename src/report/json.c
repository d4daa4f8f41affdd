#include "report/report.h"

#include "base/memory.h"
#include "detect/calibrate.h"
#include "detect/novel.h"
#include "report/attention.h"
#include "report/json_parts.h"
#include "report/words.h"
#include "report/writer.h"

#include "score/channels.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

json_t *json_of_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_of_text(const char *from)
{
    struct stg_buffer b = STG_BUFFER_INIT;
    struct writer w = {&b, STG_OK};
    json_t *out = NULL;
    writer_plain(&w, from, 0);
    if (w.status == STG_OK) {
        out = json_stringn(b.data == NULL ? "" : b.data, b.len);
    }
    stg_buffer_fini(&b);
    return out;
}

enum stg_status json_put_line(struct stg_buffer *out, json_t *object)
{
    char *line = object == NULL ? NULL : json_dumps(object, JSON_REAL_PRECISION(9));
    json_decref(object);
    if (line == NULL) {
        return stg_fail(STG_ERR_MEMORY, "JSON: out of memory");
    }
    const enum stg_status status = stg_buffer_printf(out, "%s\n", line);
    free(line);
    return status;
}

static json_t *confusion(const struct stg_confusion *c)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "tp", (json_int_t)c->tp, "fn", (json_int_t)c->fn, "fp",
                     (json_int_t)c->fp, "tn", (json_int_t)c->tn, "f1", json_of_number(c->f1), "accuracy",
                     json_of_number(c->accuracy), "fpr", json_of_number(c->fpr), "tpr", json_of_number(c->tpr));
}

static json_t *by_aggregate(const struct stg_evaluation_row *row)
{
    json_t *out = json_object();
    for (int a = 0; a < STG_AGGREGATES; a++) {
        if (!isnan(row->auroc_by[a]) && json_object_set_new(out, stg_aggregate_name((enum stg_aggregate)a),
                                                            json_of_number(row->auroc_by[a])) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

/* The ROC curve at some rates, which are the keys. */
static json_t *tpr_at(const struct stg_evaluation_row *row)
{
    json_t *out = json_object();
    for (size_t i = 0; i < STG_EVALUATION_RATES; i++) {
        char rate[16];
        snprintf(rate, sizeof rate, "%g", stg_evaluation_rates[i]);
        if (json_object_set_new(out, rate, json_of_number(row->tpr_at[i])) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

/* A row's decision at the paper's threshold, with that threshold. */
static json_t *paper_decision(const struct stg_evaluation_row *row)
{
    json_t *out = confusion(&row->paper);
    if (json_object_set_new(out, "threshold", json_of_number(row->paper_threshold)) != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static json_t *evaluation_row(const struct stg_evaluation *e, const struct stg_evaluation_row *row)
{
    json_t *out = json_pack("{s:o, s:o, s:[o, o], s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:s, s:o, s:o}", "name",
                            json_of_text(row->name), "auroc", json_of_number(row->auroc.value), "auroc_interval",
                            json_of_number(row->auroc.low), json_of_number(row->auroc.high), "auprc",
                            json_of_number(row->auprc), "f1", json_of_number(row->calibrated.f1), "accuracy",
                            json_of_number(row->calibrated.accuracy), "fpr", json_of_number(row->calibrated.fpr), "tpr",
                            json_of_number(row->calibrated.tpr), "n_known", (json_int_t)e->n_known, "n_novel",
                            (json_int_t)row->n_novel, "verdict", separation_words(separation_of(&row->auroc)),
                            "auroc_by", by_aggregate(row), "calibrated", confusion(&row->calibrated));
    if (out != NULL && (json_object_set_new(out, "tpr_at_fpr", tpr_at(row)) != 0 ||
                        json_object_set_new(out, "shift_delay", json_of_number(row->shift_delay)) != 0)) {
        json_decref(out);
        return NULL;
    }
    if (out != NULL && e->group > 0 &&
        (json_object_set_new(out, "n_groups", json_integer((json_int_t)row->n_groups)) != 0 ||
         json_object_set_new(out, "group_auroc", json_of_number(row->group_auroc)) != 0 ||
         json_object_set_new(out, "group_tpr", json_of_number(row->group_tpr)) != 0)) {
        json_decref(out);
        return NULL;
    }
    if (out != NULL && row->has_paper && json_object_set_new(out, "paper", paper_decision(row)) != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

enum stg_status stg_report_eval_json(struct stg_buffer *out, const struct stg_evaluation *e)
{
    json_t *behaviours = json_object();
    for (size_t i = 0; i < e->n_rows; i++) {
        json_t *name = json_of_text(e->rows[i].name);
        if (name == NULL ||
            json_object_set_new(behaviours, json_string_value(name), evaluation_row(e, &e->rows[i])) != 0) {
            json_decref(name);
            json_decref(behaviours);
            return stg_fail(STG_ERR_MEMORY, "JSON: out of memory");
        }
        json_decref(name);
    }
    json_t *whole = json_pack("{s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:I, s:o, s:o}", "schema", "strange.eval/1",
                              "aggregate", stg_aggregate_name(e->aggregate), "alpha", json_of_number(e->alpha),
                              "threshold", json_of_number(e->threshold), "n_known", (json_int_t)e->n_known, "known_fpr",
                              json_of_number(e->known_fpr), "shift_interval", json_of_number(e->shift_interval),
                              "shift_alarms", (json_int_t)e->shift_alarms, "macro_auroc",
                              json_of_number(e->n_rows > 0 ? e->macro_auroc : (double)NAN), "novel", behaviours);
    if (whole != NULL && e->per_trace && json_object_set_new(whole, "per_trace", json_true()) != 0) {
        json_decref(whole);
        whole = NULL;
    }
    if (whole != NULL && e->group > 0 &&
        (json_object_set_new(whole, "group", json_integer((json_int_t)e->group)) != 0 ||
         json_object_set_new(whole, "n_known_groups", json_integer((json_int_t)e->n_known_groups)) != 0 ||
         json_object_set_new(whole, "group_fpr", json_of_number(e->group_fpr)) != 0)) {
        json_decref(whole);
        whole = NULL;
    }
    return json_put_line(out, whole);
}

/* Adds it where there are members to disagree; takes to, which is NULL after a failure. */
static json_t *with_disagreement(json_t *to, const struct stg_model *m, double disagreement)
{
    if (to != NULL && m->ops->members != NULL &&
        json_object_set_new(to, "disagreement", json_of_number(disagreement)) != 0) {
        json_decref(to);
        return NULL;
    }
    return to;
}

/* Adds how unusual each channel is, where the model has several; takes to, as above. */
static json_t *with_channels(json_t *to, const struct stg_model *m, const struct stg_score *s)
{
    if (to == NULL || !stg_aggregate_has(m, STG_AGGREGATE_NOVELTY)) {
        return to;
    }
    json_t *z = json_object();
    int failed = json_object_set_new(to, "novelty", json_of_number(exp((double)s->value[STG_AGGREGATE_NOVELTY]))) != 0;
    for (int c = 0; c < STG_CHANNELS && !failed; c++) {
        if (stg_channel_has(m, (enum stg_channel)c)) {
            failed =
                json_object_set_new(z, stg_channel_name((enum stg_channel)c), json_of_number((double)s->z[c])) != 0;
        }
    }
    failed = failed || json_object_set(to, "channels", z) != 0;
    json_decref(z);
    if (failed) {
        json_decref(to);
        return NULL;
    }
    return to;
}

/* What score and explain say of a sequence, without a schema. */
static json_t *score_facts(const struct stg_model *m, const struct stg_score *s, enum stg_aggregate a)
{
    const double p = stg_p_value(m, a, (double)s->value[a]);
    json_t *out = json_pack(
        "{s:I, s:o, s:o, s:I, s:{s:o, s:o, s:o, s:o, s:o}, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "id",
        (json_int_t)s->id, "perplexity", json_of_number(exp((double)s->value[STG_AGGREGATE_MEAN])), "p_value",
        stg_calibrated(m) ? json_of_number(p) : json_null(), "lost", (json_int_t)s->n_lost, "surprisal", "mean",
        json_of_number((double)s->value[STG_AGGREGATE_MEAN]), "median",
        json_of_number((double)s->value[STG_AGGREGATE_MEDIAN]), "window",
        json_of_number((double)s->value[STG_AGGREGATE_WINDOW]), "upper",
        json_of_number((double)s->value[STG_AGGREGATE_UPPER]), "rms",
        json_of_number((double)s->value[STG_AGGREGATE_RMS]), "events", (json_int_t)s->n_events, "tokens",
        (json_int_t)s->n_tokens, "unknown", (json_int_t)s->n_unknown, "begin_ns", (json_int_t)s->begin_ns, "end_ns",
        (json_int_t)s->end_ns, "tid", (json_int_t)s->tid, "pid", (json_int_t)s->pid, "trace", (json_int_t)s->trace);
    return with_channels(with_disagreement(out, m, s->disagreement), m, s);
}

/* "schema" and the facts behind what head has, as a reader expects them; takes both, any of which may be NULL: so is
 * the result then. */
static json_t *with_schema(json_t *head, const char *schema, json_t *facts)
{
    if (head == NULL || facts == NULL || json_object_set_new(head, "schema", json_string(schema)) != 0 ||
        json_object_update(head, facts) != 0) {
        json_decref(head);
        head = NULL;
    }
    json_decref(facts);
    return head;
}

/* What a line begins with: where the sequence stands, as ids count per data set. */
static json_t *place_facts(const struct stg_score_place *p)
{
    json_t *out = json_object();
    if (out != NULL && p != NULL &&
        ((p->data != NULL && json_object_set_new(out, "data", json_of_text(p->data)) != 0) ||
         (p->file != NULL && json_object_set_new(out, "file", json_of_text(p->file)) != 0) ||
         (p->in_group && (json_object_set_new(out, "group", json_integer((json_int_t)p->group)) != 0 ||
                          json_object_set_new(out, "group_p_value", json_of_number(p->group_p)) != 0)) ||
         (p->shifted && json_object_set_new(out, "shift_since", json_integer((json_int_t)p->shift_since)) != 0))) {
        json_decref(out);
        return NULL;
    }
    return out;
}

/* Takes facts, which may be NULL. */
static json_t *with_verdict(json_t *facts, const struct stg_model *m, const struct stg_score *s,
                            struct stg_judged_by by)
{
    const bool judged = stg_is_judged(m, by.alpha);
    const bool novel = judged && stg_p_value(m, by.aggregate, (double)s->value[by.aggregate]) <= by.alpha;
    if (facts != NULL &&
        (json_object_set_new(facts, "novel", judged ? json_boolean(novel) : json_null()) != 0 ||
         json_object_set_new(facts, "aggregate", json_string(stg_aggregate_name(by.aggregate))) != 0)) {
        json_decref(facts);
        return NULL;
    }
    return facts;
}

enum stg_status stg_report_score_json(struct stg_buffer *out, const struct stg_model *m, const struct stg_score *s,
                                      const struct stg_score_place *place, enum stg_aggregate a, double alpha)
{
    json_t *facts = with_schema(place_facts(place), "strange.score/1", score_facts(m, s, a));
    return json_put_line(out, with_verdict(facts, m, s, (struct stg_judged_by){a, alpha}));
}

static json_t *return_value(int64_t ret)
{
    return ret == STG_RET_ABSENT      ? json_null()
           : ret == STG_RET_FAILED    ? json_string("failed")
           : ret == STG_RET_SUCCEEDED ? json_string("succeeded")
                                      : json_integer(ret);
}

static json_t *alternatives(const struct stg_model *m, const struct stg_explained_event *e)
{
    json_t *out = json_array();
    for (uint32_t i = 0; i < e->n_alternatives; i++) {
        char name[256];
        stg_symbols_describe(m->symbols, &m->vocab, e->alternatives[i].symbol, name, sizeof name);
        json_t *one = json_pack("{s:o, s:o}", "event", json_of_text(name), "probability",
                                json_of_number((double)e->alternatives[i].probability));
        if (json_array_append_new(out, one) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static const char *call_of(const struct stg_explanation *x, uint16_t call)
{
    return call < stg_strings_count(x->names->calls) ? stg_strings_get(x->names->calls, call) : "[UNKNOWN]";
}

static json_t *event(const struct stg_model *m, const struct stg_explanation *x, const struct stg_explained_event *e)
{
    static const char *const phases[] = {"", "entry", "exit"};
    const bool end = e->index == UINT32_MAX;
    const bool call_known = stg_vocab_known(e->call, stg_strings_count(m->vocab.calls)) != STG_TOKEN_UNKNOWN;
    const bool proc_known = stg_vocab_known(e->proc, stg_strings_count(m->vocab.procs)) != STG_TOKEN_UNKNOWN;
    json_t *out =
        json_pack("{s:o, s:o, s:s, s:o, s:I, s:o, s:I, s:I, s:o, s:o, s:o, s:s, s:b, s:b, s:b, s:o}", "index",
                  end ? json_null() : json_integer(e->index), "call", json_of_text(call_of(x, e->call)), "phase",
                  e->phase <= 2 ? phases[e->phase] : "", "ret", return_value(e->ret), "time_ns", (json_int_t)e->time_ns,
                  "process", json_of_text(words_process(x, e)), "pid", (json_int_t)e->pid, "tid", (json_int_t)e->tid,
                  "surprisal", json_of_number((double)e->surprisal), "excess", json_of_number((double)e->excess),
                  "blame", json_of_number((double)e->blame), "field", stg_field_name((enum stg_field)e->field),
                  "unknown", e->symbol == STG_TOKEN_UNKNOWN, "call_known", call_known, "process_known", proc_known,
                  "alternatives", alternatives(m, e));
    if (m->side[STG_SIDE_TIME] != NULL && !end && out != NULL &&
        (json_object_set_new(out, "elapsed_ns", json_integer(e->elapsed_ns)) != 0 ||
         json_object_set_new(out, "usual_ns", e->usual_ns >= 0 ? json_integer(e->usual_ns) : json_null()) != 0)) {
        json_decref(out);
        return NULL;
    }
    for (int side = 0; side < STG_SIDES && out != NULL; side++) {
        char key[32];
        snprintf(key, sizeof key, "surprisal_%s", stg_side_name((enum stg_side)side));
        if (m->side[side] != NULL && json_object_set_new(out, key, json_of_number((double)e->side[side])) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return with_disagreement(out, m, (double)e->disagreement);
}

static json_t *segment_calls(const struct stg_explanation *x, const struct stg_segment *s)
{
    json_t *out = json_array();
    for (uint32_t i = 0, n; i < s->n && out != NULL;) {
        const uint16_t call = x->events[x->order[s->first + i]].call;
        i = words_calls(x, s, i, &n);
        json_t *one = json_pack("{s:o, s:I}", "call", json_of_text(call_of(x, call)), "times", (json_int_t)n);
        if (json_array_append_new(out, one) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *segment(const struct stg_explanation *x, const struct stg_segment *s)
{
    const uint32_t first = x->order[s->first], last = x->order[s->first + s->n - 1];
    json_t *fields = json_array();
    for (int f = 0; f < STG_FIELDS_TO_BLAME; f++) {
        if ((s->fields & 1U << f) &&
            json_array_append_new(fields, json_string(stg_field_name((enum stg_field)f))) != 0) {
            json_decref(fields);
            return NULL;
        }
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "first", (json_int_t)first, "last",
                     (json_int_t)last, "events", (json_int_t)s->n, "blamed", (json_int_t)s->n_blamed, "worst",
                     (json_int_t)s->worst, "tid", (json_int_t)x->events[first].tid, "from_ns",
                     (json_int_t)x->events[first].time_ns, "to_ns", (json_int_t)x->events[last].time_ns, "blame",
                     json_of_number((double)s->blame), "fields", fields, "calls", segment_calls(x, s));
}

/* null where it is not novel. */
static json_t *counterfactual(const struct stg_counterfactual *c)
{
    json_t *segments = json_array();
    if (!c->novel) {
        json_decref(segments);
        return json_null();
    }
    for (size_t i = 0; i < c->n; i++) {
        if (json_array_append_new(segments, json_integer(c->segments[i])) != 0) {
            json_decref(segments);
            return NULL;
        }
    }
    return json_pack("{s:b, s:o, s:o, s:o, s:s}", "enough", c->enough, "segments", segments, "at_least",
                     c->enough ? json_integer((json_int_t)c->at_least) : json_null(), "p_value",
                     json_of_number(c->p_after), "aggregate", stg_aggregate_name(c->aggregate));
}

enum stg_status stg_report_explain_json(struct stg_buffer *out, const struct stg_model *m,
                                        const struct stg_explanation *x, struct stg_judged_by by,
                                        const struct stg_explained_more *more, const char *trace)
{
    json_t *facts = with_verdict(
        with_schema(json_object(), "strange.explain/1", score_facts(m, &x->score, by.aggregate)), m, &x->score, by);
    json_t *events = json_array(), *ranked = json_array(), *segments = json_array();
    int failed = facts == NULL || events == NULL || ranked == NULL || segments == NULL;
    for (size_t i = 0; i < x->n && !failed; i++) {
        failed = json_array_append_new(events, event(m, x, &x->events[i])) != 0 ||
                 json_array_append_new(ranked, json_integer(x->ranked[i])) != 0;
    }
    for (size_t i = 0; i < x->n_segments && !failed; i++) {
        failed = json_array_append_new(segments, segment(x, &x->segments[i])) != 0;
    }
    failed = failed || json_object_set_new(facts, "trace_path", json_of_text(trace)) != 0;
    failed = failed || (more != NULL && more->without != NULL &&
                        json_object_set_new(facts, "counterfactual", counterfactual(more->without)) != 0);
    failed = failed || (more != NULL && more->attention != NULL &&
                        json_object_set_new(facts, "attention", stg_report_attention_json(more->attention)) != 0);
    if (failed || json_object_set(facts, "segments", segments) != 0 || json_object_set(facts, "ranked", ranked) != 0 ||
        json_object_set(facts, "detail", events) != 0) {
        json_decref(facts);
        facts = NULL;
    }
    json_decref(events);
    json_decref(ranked);
    json_decref(segments);
    return json_put_line(out, facts);
}
