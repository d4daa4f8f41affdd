/* What the heads of an attention net looked at, for people and as JSON. */
#include "report/attention.h"
#include "report/words.h"
#include "report/writer.h"

#include <stdio.h>

static const char *const distances[STG_ATTENTION_DISTANCES] = {"begin", "1",    "2",     "3-4",
                                                               "5-8",   "9-16", "17-32", "more"};

const char *stg_report_attention_distance(size_t d)
{
    return distances[d];
}

/* Events are in order of their rows. */
const struct stg_explained_event *stg_report_attention_event(const struct stg_explanation *x, uint32_t index)
{
    size_t low = 0, high = x->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (x->events[middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < x->n && x->events[low].index == index ? &x->events[low] : NULL;
}

void stg_report_attended_words(const struct stg_explanation *x, const struct stg_attended *a, char out[WORDS_CALL])
{
    const struct stg_explained_event *e =
        a->index < STG_ATTENTION_CONTEXT ? stg_report_attention_event(x, a->index) : NULL;
    if (e != NULL) {
        words_event(x, e, out, WORDS_CALL);
    } else {
        snprintf(out, WORDS_CALL, "%s",
                 a->index == STG_ATTENTION_START ? "the beginning" : "its thread before the sequence");
    }
}

static void put_pattern(struct writer *w, const struct stg_attention_maps *a)
{
    writer_printf(w, "\nAttention (%%; where predictions came from, mean over %zu events), by events back:\n%18s",
                  a->n_pattern, "");
    for (size_t d = 0; d < STG_ATTENTION_DISTANCES; d++) {
        writer_printf(w, " %6s", distances[d]);
    }
    for (size_t h = 0; h < a->n_heads; h++) {
        const size_t per_layer = a->n_heads / a->n_layers;
        writer_printf(w, "\n  layer %2zu head %2zu ", h / per_layer + 1, h % per_layer + 1);
        for (size_t d = 0; d < STG_ATTENTION_DISTANCES; d++) {
            writer_printf(w, " %6.1f", 100 * (double)a->pattern[h][d]);
        }
    }
    writer_put(w, "\n");
}

static void put_event(struct writer *w, const struct stg_explanation *x, const struct stg_attention_event *e)
{
    const struct stg_explained_event *what = stg_report_attention_event(x, e->index);
    char time[40], call[WORDS_CALL], share[32];
    if (what == NULL) {
        return;
    }
    words_time(x, what, time);
    words_event(x, what, call, sizeof call);
    writer_printf(w, "%14s  ", time);
    writer_plain(w, call, 0);
    writer_put(w, " was predicted from");
    for (size_t i = 0; i < STG_ATTENDED && e->most[i].weight > 0; i++) {
        stg_report_attended_words(x, &e->most[i], call);
        words_percent((double)e->most[i].weight, share);
        writer_printf(w, "%s ", i == 0 ? "" : ",");
        writer_plain(w, call, 0);
        if (e->most[i].index != STG_ATTENTION_START) {
            writer_printf(w, " (%u back)", e->most[i].back);
        }
        writer_printf(w, " %s", share);
    }
    writer_put(w, e->most[0].weight > 0 ? "\n" : " nothing: it is the first of its thread\n");
}

enum stg_status stg_report_attention_text(struct stg_buffer *out, const struct stg_explanation *x,
                                          const struct stg_attention_maps *a)
{
    struct writer w = {out, STG_OK};
    put_pattern(&w, a);
    for (size_t i = 0; i < a->n_events; i++) {
        put_event(&w, x, &a->events[i]);
    }
    return w.status;
}

static json_t *attended(const struct stg_attended *a)
{
    json_t *index = a->index == STG_ATTENTION_START     ? json_string("start")
                    : a->index == STG_ATTENTION_CONTEXT ? json_string("context")
                                                        : json_integer(a->index);
    return json_pack("{s:o, s:I, s:f}", "index", index, "back", (json_int_t)a->back, "weight", (double)a->weight);
}

static int put_attended(json_t *array, const struct stg_attended *a, size_t n)
{
    int failed = array == NULL;
    for (size_t i = 0; i < n && !failed; i++) {
        failed = a[i].weight > 0 && json_array_append_new(array, attended(&a[i])) != 0;
    }
    return failed;
}

static json_t *event(const struct stg_attention_event *e, size_t n_heads)
{
    json_t *most = json_array(), *heads = json_array();
    int failed = put_attended(most, e->most, STG_ATTENDED);
    for (size_t h = 0; h < n_heads && !failed; h++) {
        failed = json_array_append_new(heads, e->head[h].weight > 0 ? attended(&e->head[h]) : json_null()) != 0;
    }
    if (failed) {
        json_decref(most);
        json_decref(heads);
        return NULL;
    }
    return json_pack("{s:I, s:o, s:o}", "index", (json_int_t)e->index, "most", most, "heads", heads);
}

json_t *stg_report_attention_json(const struct stg_attention_maps *a)
{
    json_t *heads = json_array(), *events = json_array();
    int failed = heads == NULL || events == NULL;
    for (size_t h = 0; h < a->n_heads && !failed; h++) {
        json_t *pattern = json_object();
        for (size_t d = 0; d < STG_ATTENTION_DISTANCES && !failed; d++) {
            failed = json_object_set_new(pattern, distances[d], json_real((double)a->pattern[h][d])) != 0;
        }
        const size_t per_layer = a->n_heads / a->n_layers;
        json_t *head = json_pack("{s:I, s:I, s:o}", "layer", (json_int_t)(h / per_layer) + 1, "head",
                                 (json_int_t)(h % per_layer) + 1, "pattern", pattern);
        failed = failed || head == NULL || json_array_append(heads, head) != 0;
        json_decref(head);
    }
    for (size_t i = 0; i < a->n_events && !failed; i++) {
        failed = json_array_append_new(events, event(&a->events[i], a->n_heads)) != 0;
    }
    json_t *out =
        failed ? NULL
               : json_pack("{s:I, s:O, s:O}", "pattern_of", (json_int_t)a->n_pattern, "heads", heads, "events", events);
    json_decref(heads);
    json_decref(events);
    return out;
}
