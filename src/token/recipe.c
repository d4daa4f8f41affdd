#include "token/cut.h"

#include "base/buffer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MAX_LEN 65536
#define DEFAULT_CONTEXT 16

static const char *const cut_names[] = {"auto", "given", "request", "accept", "thread", "process", "window"};
static const char *const scope_names[] = {"system", "process", "thread"};
static const char *const order_names[] = {"time", "thread"};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The index of name, or n when there is none. */
static size_t find_name(const char *const *names, size_t n, const char *name)
{
    size_t i = 0;
    while (i < n && strcmp(names[i], name) != 0) {
        i++;
    }
    return i;
}

const char *stg_cut_name(enum stg_cut cut)
{
    return (size_t)cut < COUNT(cut_names) ? cut_names[cut] : "unknown";
}

const char *stg_scope_name(enum stg_scope scope)
{
    return (size_t)scope < COUNT(scope_names) ? scope_names[scope] : "unknown";
}

const char *stg_order_name(enum stg_order order)
{
    return (size_t)order < COUNT(order_names) ? order_names[order] : "unknown";
}

enum stg_status stg_cut_parse(const char *text, enum stg_cut *cut, uint64_t *window)
{
    if (strncmp(text, "window:", 7) == 0) {
        char *end;
        const unsigned long long n = strtoull(text + 7, &end, 10);
        if (text[7] < '0' || text[7] > '9' || *end != '\0' || n == 0 || n > STG_RECIPE_MAX_LEN) {
            return stg_fail(STG_ERR_USAGE, "%s: a window has between 1 and %u events: window:1000", text,
                            STG_RECIPE_MAX_LEN);
        }
        *cut = STG_CUT_WINDOW;
        *window = n;
        return STG_OK;
    }
    const size_t i = find_name(cut_names, COUNT(cut_names), text);
    if (i >= COUNT(cut_names) || i == STG_CUT_WINDOW) {
        return stg_fail(STG_ERR_USAGE,
                        "%s: no such cut rule: one of auto, given, request, accept, thread, process, window:N", text);
    }
    *cut = (enum stg_cut)i;
    return STG_OK;
}

enum stg_status stg_scope_parse(const char *text, enum stg_scope *out)
{
    const size_t i = find_name(scope_names, COUNT(scope_names), text);
    if (i >= COUNT(scope_names)) {
        return stg_fail(STG_ERR_USAGE, "%s: no such scope: one of system, process, thread", text);
    }
    *out = (enum stg_scope)i;
    return STG_OK;
}

enum stg_status stg_order_parse(const char *text, enum stg_order *out)
{
    const size_t i = find_name(order_names, COUNT(order_names), text);
    if (i >= COUNT(order_names)) {
        return stg_fail(STG_ERR_USAGE, "%s: no such order: time or thread", text);
    }
    *out = (enum stg_order)i;
    return STG_OK;
}

#define DEFAULT_BEGIN "httpd:enter_event_handler"
#define DEFAULT_END   "httpd:exit_event_handler"

void stg_recipe_default(struct stg_recipe *r)
{
    *r = (struct stg_recipe){
        .cut = STG_CUT_AUTO,
        .scope = STG_SCOPE_SYSTEM,
        .order = STG_ORDER_THREAD,
        .max_len = DEFAULT_MAX_LEN,
        .n_context = DEFAULT_CONTEXT,
        .begin = DEFAULT_BEGIN,
        .end = DEFAULT_END,
        .skip_state = {6, 7},
        .n_skip_state = 2,
        .own_markers = true,
    };
}

bool stg_recipe_set_markers(struct stg_recipe *r, const char *begin, const char *end)
{
    if (strlen(begin) >= sizeof r->begin || strlen(end) >= sizeof r->end) {
        return false;
    }
    memcpy(r->begin, begin, strlen(begin) + 1);
    memcpy(r->end, end, strlen(end) + 1);
    r->own_markers = false;
    if (strcmp(begin, DEFAULT_BEGIN) != 0) {
        r->n_skip_state = 0;
    }
    return true;
}

void stg_recipe_paper(struct stg_recipe *r)
{
    stg_recipe_default(r);
    r->order = STG_ORDER_TIME; /* the cut stays open: requests of a trace, the given sequences of data.txt */
    r->n_context = 0;
}

void stg_recipe_settle(struct stg_recipe *r)
{
    if (r->cut == STG_CUT_THREAD) {
        r->scope = STG_SCOPE_THREAD;
    } else if (r->cut == STG_CUT_PROCESS) {
        r->scope = STG_SCOPE_PROCESS;
    } else if (r->cut == STG_CUT_GIVEN) {
        r->scope = STG_SCOPE_SYSTEM;
    }
    /* Whole lives and a source's own sequences have nothing of their own before them. */
    if (r->cut == STG_CUT_THREAD || r->cut == STG_CUT_PROCESS || r->cut == STG_CUT_GIVEN) {
        r->n_context = 0;
    }
    if (r->cut == STG_CUT_WINDOW && r->max_len < r->window) {
        r->max_len = r->window;
    }
}

const char *stg_recipe_difference(const struct stg_recipe *a, const struct stg_recipe *b)
{
    const bool given = a->cut == STG_CUT_GIVEN || b->cut == STG_CUT_GIVEN;
    const bool markers =
        strcmp(a->begin, b->begin) != 0 || strcmp(a->end, b->end) != 0 || strcmp(a->confirm, b->confirm) != 0;
    if (a->order != b->order) {
        return "order";
    }
    if (given) {
        return NULL;
    }
    return a->cut != b->cut                                     ? "cut"
           : a->scope != b->scope                               ? "scope"
           : a->cut == STG_CUT_WINDOW && a->window != b->window ? "window"
           : a->cut == STG_CUT_REQUEST && markers               ? "markers"
           : a->n_context != b->n_context                       ? "context"
                                                                : NULL;
}

/* NULL, or what is wrong with it. */
static const char *recipe_fault(const struct stg_recipe *r)
{
    if ((size_t)r->cut >= COUNT(cut_names) || (size_t)r->scope >= COUNT(scope_names) ||
        (size_t)r->order >= COUNT(order_names)) {
        return "unknown cut rule, scope or order";
    }
    if (r->max_len == 0 || r->max_len > STG_RECIPE_MAX_LEN) {
        return "a sequence has between 1 and 16777216 events";
    }
    if (r->n_context > STG_RECIPE_MAX_CONTEXT) {
        return "at most 255 context events are kept per thread";
    }
    if (r->cut == STG_CUT_WINDOW && (r->window == 0 || r->window > STG_RECIPE_MAX_LEN)) {
        return "a window has between 1 and 16777216 events";
    }
    if (r->skip_first_ns < 0) {
        return "skip_first is negative";
    }
    if (r->n_skip_state > COUNT(r->skip_state)) {
        return "more than 8 states to skip";
    }
    if (memchr(r->begin, 0, sizeof r->begin) == NULL || memchr(r->end, 0, sizeof r->end) == NULL ||
        memchr(r->confirm, 0, sizeof r->confirm) == NULL) {
        return "a marker's name is too long";
    }
    if (r->cut == STG_CUT_REQUEST && (r->begin[0] == '\0' || r->end[0] == '\0' || strcmp(r->begin, r->end) == 0)) {
        return "requests need two different markers, --begin and --end";
    }
    if (r->confirm[0] != '\0' && (strcmp(r->confirm, r->begin) == 0 || strcmp(r->confirm, r->end) == 0)) {
        return "the marker that confirms a request is a third one, neither --begin nor --end";
    }
    return NULL;
}

enum stg_status stg_recipe_check(const struct stg_recipe *r)
{
    const char *fault = recipe_fault(r);
    return fault == NULL ? STG_OK : stg_fail(STG_ERR_USAGE, "cut: %s", fault);
}

static json_t *skip_states(const struct stg_recipe *r)
{
    json_t *out = json_array();
    for (uint32_t i = 0; i < r->n_skip_state; i++) {
        if (json_array_append_new(out, json_integer(r->skip_state[i])) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

enum stg_status stg_recipe_save(const struct stg_recipe *r, struct stg_tensors_writer *w)
{
    enum stg_status status;
    char *text = NULL;
    json_t *states = skip_states(r);
    if (states == NULL) {
        return stg_fail(STG_ERR_MEMORY, "recipe: out of memory");
    }
    json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:s*, s:o}", "cut", stg_cut_name(r->cut),
                             "scope", stg_scope_name(r->scope), "order", stg_order_name(r->order), "window",
                             (json_int_t)r->window, "max_len", (json_int_t)r->max_len, "n_context",
                             (json_int_t)r->n_context, "skip_first_ns", (json_int_t)r->skip_first_ns, "begin", r->begin,
                             "end", r->end, "confirm", r->confirm[0] == '\0' ? NULL : r->confirm, "skip_state", states);
    text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    if (text == NULL) {
        status = stg_fail(STG_ERR_USAGE, "recipe: cannot be written: are the markers' names UTF-8?");
        goto out;
    }
    status = stg_tensors_writer_meta(w, "recipe", text);
out:
    free(text);
    json_decref(json);
    return status;
}

static bool load_states(struct stg_recipe *r, const json_t *states)
{
    const size_t n = json_array_size(states);
    if (n > COUNT(r->skip_state)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(states, i);
        const json_int_t value = json_integer_value(item);
        if (!json_is_integer(item) || value < 0 || value > UINT32_MAX) {
            return false;
        }
        r->skip_state[i] = (uint32_t)value;
    }
    r->n_skip_state = (uint32_t)n;
    return true;
}

static bool load_fields(struct stg_recipe *r, json_t *json)
{
    const char *cut, *scope, *order, *begin, *end, *confirm = "";
    json_int_t window, max_len, n_context, skip_first;
    json_t *states;
    if (json_unpack(json, "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s?s, s:o}", "cut", &cut, "scope", &scope,
                    "order", &order, "window", &window, "max_len", &max_len, "n_context", &n_context, "skip_first_ns",
                    &skip_first, "begin", &begin, "end", &end, "confirm", &confirm, "skip_state", &states) != 0) {
        return false;
    }
    if (window < 0 || max_len < 0 || n_context < 0 || n_context > UINT32_MAX || strlen(begin) >= sizeof r->begin ||
        strlen(end) >= sizeof r->end || strlen(confirm) >= sizeof r->confirm) {
        return false;
    }
    *r = (struct stg_recipe){
        .cut = (enum stg_cut)find_name(cut_names, COUNT(cut_names), cut),
        .scope = (enum stg_scope)find_name(scope_names, COUNT(scope_names), scope),
        .order = (enum stg_order)find_name(order_names, COUNT(order_names), order),
        .window = (uint64_t)window,
        .max_len = (uint64_t)max_len,
        .n_context = (uint32_t)n_context,
        .skip_first_ns = skip_first,
    };
    snprintf(r->begin, sizeof r->begin, "%s", begin);
    snprintf(r->end, sizeof r->end, "%s", end);
    snprintf(r->confirm, sizeof r->confirm, "%s", confirm);
    return load_states(r, states) && recipe_fault(r) == NULL;
}

enum stg_status stg_recipe_load(struct stg_recipe *out, const struct stg_tensors *t)
{
    const char *text = stg_tensors_meta(t, "recipe");
    json_t *json = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const bool good = json != NULL && load_fields(out, json);
    json_decref(json);
    return good ? STG_OK
                : stg_fail(STG_ERR_INPUT,
                           "%s: metadata: recipe is missing or not one: the file is damaged, make it again",
                           stg_tensors_path(t));
}
