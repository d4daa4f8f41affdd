#include "report/behaviour_words.h"
#include "report/findings.h"
#include "report/json_parts.h"
#include "report/report.h"
#include "report/words.h"

#include "event/syscalls.h"
#include "score/channels.h"

#include <math.h>

/* Appends item (taken, may be NULL) to list (may be NULL); false when memory was out. */
static bool append(json_t *list, json_t *item)
{
    return json_array_append_new(list, item) == 0;
}

static json_t *usual(const struct stg_usual *u)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "low", json_of_number((double)u->low), "median",
                     json_of_number((double)u->median), "high", json_of_number((double)u->high), "share",
                     json_of_number((double)u->share));
}

static json_t *kind(const struct stg_behaviours *b, const struct stg_kind_of_call *k)
{
    char text[160];
    behaviour_kind(&b->names, k, text, sizeof text);
    return json_pack("{s:o, s:o, s:o}", "process", json_of_text(behaviour_process(&b->names, k->proc)), "call",
                     json_of_text(behaviour_call(&b->names, k->call)), "kind", json_of_text(text));
}

/* Adds what a call was about to one, where the trace says it; false when memory was out. */
static bool put_object(json_t *one, const struct stg_behaviour_object *o)
{
    return (o->fd_kind == STG_FD_OTHER ||
            json_object_set_new(one, "on", json_of_text(stg_fd_kind_name(o->fd_kind))) == 0) &&
           (o->path[0] == '\0' || json_object_set_new(one, "path", json_of_text(o->path)) == 0);
}

static json_t *changes(const struct stg_behaviours *b, const struct stg_behaviour_change *list, size_t n)
{
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *one = kind(b, &list[i].kind);
        json_t *rest = json_pack("{s:o, s:o, s:o, s:o}", "median", json_of_number((double)list[i].now), "share",
                                 json_of_number((double)list[i].share), "usual", usual(&list[i].usual), "weight",
                                 json_of_number((double)list[i].weight));
        const bool failed =
            one == NULL || rest == NULL || json_object_update(one, rest) != 0 || !put_object(one, &list[i].object);
        json_decref(rest);
        if (!append(out, one) || failed) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

/* What the representative has there, and what was expected: null where it is not known. */
static bool put_expected(json_t *one, const struct stg_model *m, const struct stg_behaviour_surprise *s)
{
    char text[WORDS_CALL];
    const bool known = s->expected != STG_TOKEN_MASK;
    words_symbol(m, known ? s->expected : (uint32_t)STG_TOKEN_UNKNOWN, text, sizeof text);
    return json_object_set_new(one, "returned",
                               s->ret == STG_RET_ABSENT ? json_null() : json_integer((json_int_t)s->ret)) == 0 &&
           json_object_set_new(one, "expected", known ? json_of_text(text) : json_null()) == 0 &&
           json_object_set_new(one, "expected_probability",
                               known ? json_of_number((double)s->expected_share) : json_null()) == 0;
}

static json_t *surprises(const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    json_t *out = json_array();
    for (size_t i = 0; i < x->n_surprises; i++) {
        const struct stg_behaviour_surprise *s = &x->surprises[i];
        json_t *one = kind(b, &s->kind);
        const bool failed =
            one == NULL || json_object_set_new(one, "after", json_of_text(behaviour_call(&b->names, s->before))) != 0 ||
            json_object_set_new(one, "weight", json_of_number((double)s->weight)) != 0 || !put_expected(one, m, s) ||
            !put_object(one, &s->object);
        if (!append(out, one) || failed) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *descriptors(const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    json_t *out = json_array();
    for (size_t i = 0; i < x->n_descriptors && out != NULL; i++) {
        json_t *one = json_pack(
            "{s:o, s:I, s:o, s:o}", "process", json_of_text(behaviour_process(&b->names, x->descriptors[i].proc)),
            "number", (json_int_t)x->descriptors[i].number, "weight", json_of_number((double)x->descriptors[i].weight),
            "call", json_of_text(behaviour_call(&b->names, x->descriptors[i].call)));
        const bool failed = one == NULL || !put_object(one, &x->descriptors[i].object);
        if (!append(out, one) || failed) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *findings(const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    struct finding f[FINDINGS];
    const size_t n = findings_make(m, b, x, f);
    json_t *out = json_array();
    for (size_t i = 0; i < n && out != NULL; i++) {
        if (!append(out, json_pack("{s:o, s:o}", "what", json_of_text(f[i].what), "means", json_of_text(f[i].means)))) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *places(const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    json_t *out = json_array();
    for (size_t i = 0; i < x->n_places && out != NULL; i++) {
        if (!append(out,
                    json_pack("{s:o, s:o, s:o}", "before", json_of_text(behaviour_call(&b->names, x->places[i].before)),
                              "after", json_of_text(behaviour_call(&b->names, x->places[i].after)), "share",
                              json_of_number((double)x->places[i].share)))) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *channels(const struct stg_model *m, const struct stg_behaviour *x)
{
    json_t *out = json_object();
    for (int c = 0; c < STG_CHANNELS && out != NULL; c++) {
        if (stg_channel_has(m, (enum stg_channel)c) &&
            json_object_set_new(out, stg_channel_name((enum stg_channel)c), json_of_number((double)x->z[c])) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *place(const struct stg_behaviour_origin *origins, size_t input, size_t index)
{
    const struct stg_score *s = &origins[input].input->scores[index];
    const char *file = behaviour_file(&origins[input], index);
    json_t *out = json_pack("{s:o, s:I, s:I}", "data", json_of_text(origins[input].path), "id", (json_int_t)s->id,
                            "begin_ns", (json_int_t)s->begin_ns);
    if (file != NULL && json_object_set_new(out, "file", json_of_text(file)) != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static json_t *sentence(const struct stg_behaviours *b, const struct stg_behaviour *x)
{
    char text[WORDS_SENTENCE];
    behaviour_sentence(b, x, text);
    return json_of_text(text);
}

static json_t *descriptor_or_null(int64_t number)
{
    return number < 0 ? json_null() : json_integer((json_int_t)number);
}

static json_t *behaviour(const struct stg_model *m, const struct stg_behaviours *b, const struct stg_behaviour *x,
                         const struct stg_behaviour_origin *origins)
{
    json_t *slices = json_array();
    for (size_t i = 0; i < STG_BEHAVIOUR_SLICES; i++) {
        if (!append(slices, json_integer(x->slices[i]))) {
            json_decref(slices);
            return NULL;
        }
    }
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "sequences", json_of_number(round(x->n_estimated)), "like", place(origins, x->input, x->index), "words",
        sentence(b, x), "first", place(origins, x->first_input, x->first), "last",
        place(origins, x->last_input, x->last), "tenths", slices, "trend", behaviour_trend(x), "channels",
        channels(m, x), "events", json_of_number((double)x->events), "duration_ns",
        json_of_number((double)x->duration_ns), "scale", json_of_number((double)x->scale), "more",
        changes(b, x->more, x->n_more), "fewer", changes(b, x->fewer, x->n_fewer), "between", places(b, x), "surprises",
        surprises(m, b, x), "findings", findings(m, b, x), "highest_descriptor", descriptor_or_null(x->highest),
        "highest_known_descriptor", descriptor_or_null(x->highest_known), "descriptors", descriptors(b, x),
        "weight_descriptors", json_of_number((double)x->weight_descriptors), "weight_time",
        json_of_number((double)x->weight_time));
}

/* Calls and programs that training had not. */
static json_t *unseen(const struct stg_behaviours *b, const struct stg_behaviour_origin *origins)
{
    json_t *out = json_array();
    for (size_t i = 0; i < b->n_unseen && out != NULL; i++) {
        const struct stg_behaviour_unseen *u = &b->unseen[i];
        json_t *one = json_pack(
            "{s:o, s:o, s:b, s:b, s:I, s:I, s:o, s:o}", "process", json_of_text(behaviour_process(&b->names, u->proc)),
            "call", json_of_text(behaviour_call(&b->names, u->call)), "new_process", u->is_new_program, "thread",
            u->is_new_program && u->is_thread, "calls", (json_int_t)u->n, "sequences", (json_int_t)u->n_sequences,
            "first", place(origins, u->input, u->index), "last", place(origins, u->last_input, u->last));
        const bool failed = one == NULL || !put_object(one, &u->object);
        if (!append(out, one) || failed) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

enum stg_status stg_report_behaviours_json(struct stg_buffer *out, const struct stg_model *m,
                                           const struct stg_behaviours *b, const struct stg_behaviour_origin *origins)
{
    json_t *list = json_array();
    for (size_t i = 0; i < b->n && list != NULL; i++) {
        if (!append(list, behaviour(m, b, &b->items[i], origins))) {
            json_decref(list);
            list = NULL;
        }
    }
    return json_put_line(
        out, json_pack("{s:s, s:I, s:I, s:b, s:I, s:I, s:I, s:o, s:b, s:o, s:o, s:o}", "schema", "strange.behaviours/1",
                       "sequences", (json_int_t)b->n_sequences, "novel", (json_int_t)b->n_novel, "above_all",
                       !b->is_reachable, "examined", (json_int_t)b->n_examined, "groups", (json_int_t)b->n_groups,
                       "sequences_unseen", (json_int_t)b->n_unseen_sequences, "unseen", unseen(b, origins), "has_usual",
                       b->has_usual, "usual_events", usual(&b->events), "usual_duration_ns", usual(&b->duration),
                       "behaviours", list));
}
