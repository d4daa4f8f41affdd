#include "cli/facts.h"

#include "cli/input.h"

#include "base/memory.h"
#include "report/writer.h"
#include "token/token.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum stg_status stg_facts_put(json_t *facts, const char *key, json_t *value)
{
    if (json_object_set_new(facts, key, value) != 0) { /* which takes value even when facts is NULL */
        return stg_fail(STG_ERR_MEMORY, "cannot describe '%s': out of memory", key);
    }
    return STG_OK;
}

json_t *stg_facts_string(const char *text)
{
    json_t *whole = json_string(text);
    if (whole != NULL) {
        return whole;
    }
    struct stg_buffer b = STG_BUFFER_INIT;
    enum stg_status status = STG_OK;
    for (; *text != '\0' && status == STG_OK; text++) {
        status = (unsigned char)*text < 0x80 ? stg_buffer_put(&b, text, 1) : stg_buffer_printf(&b, "\xef\xbf\xbd");
    }
    whole = status == STG_OK ? json_string(b.data == NULL ? "" : b.data) : NULL;
    stg_buffer_fini(&b);
    return whole;
}

json_t *stg_facts_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_int_t stg_facts_named(size_t n_ids)
{
    return n_ids < STG_TOKEN_SPECIALS ? 0 : (json_int_t)(n_ids - STG_TOKEN_SPECIALS);
}

enum stg_status stg_facts_json(struct stg_buffer *out, const char *schema, const json_t *facts)
{
    json_t *whole = json_pack("{s:s}", "schema", schema);
    char *text = whole == NULL || json_object_update(whole, (json_t *)facts) != 0
                     ? NULL
                     : json_dumps(whole, JSON_REAL_PRECISION(12));
    json_decref(whole);
    if (text == NULL) {
        return stg_fail(STG_ERR_MEMORY, "cannot write JSON: out of memory");
    }
    const enum stg_status status = stg_buffer_printf(out, "%s\n", text);
    free(text);
    return status;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void scalar_text(const char *key, const json_t *value, char *out, size_t cap)
{
    out[0] = '\0';
    switch (json_typeof(value)) {
    case JSON_STRING:
        snprintf(out, cap, "%s", json_string_value(value));
        break;
    case JSON_INTEGER:
        if (ends_with(key, "_ns")) {
            stg_format_ns(json_integer_value(value), out, cap);
        } else if (json_integer_value(value) >= 0) {
            stg_format_count((uint64_t)json_integer_value(value), out, cap);
        } else {
            snprintf(out, cap, "%lld", (long long)json_integer_value(value));
        }
        break;
    case JSON_REAL:
        if (json_real_value(value) >= 1000 && json_real_value(value) < 1e15) {
            stg_format_count((uint64_t)(json_real_value(value) + 0.5), out, cap);
        } else {
            snprintf(out, cap, "%.4g", json_real_value(value));
        }
        break;
    case JSON_TRUE:
        snprintf(out, cap, "yes");
        break;
    case JSON_FALSE:
        snprintf(out, cap, "no");
        break;
    default:
        snprintf(out, cap, "-");
        break;
    }
}

static enum stg_status put_object(struct stg_buffer *out, const json_t *object, int indent);

/* "length_ns" is shown as "length", "top_calls" as "top calls". */
static void label(const char *key, char *out, size_t cap)
{
    snprintf(out, cap, "%s", key);
    if (ends_with(out, "_ns")) {
        out[strlen(out) - 3] = '\0';
    }
    for (char *at = out; *at != '\0'; at++) {
        if (*at == '_') {
            *at = ' ';
        }
    }
}

/* Names come from traces: what could drive the terminal is replaced. */
static enum stg_status put_line(struct stg_buffer *out, const char *text)
{
    struct writer w = {out, STG_OK};
    writer_plain(&w, text, 0);
    writer_put(&w, "\n");
    return w.status;
}

static enum stg_status put_array(struct stg_buffer *out, const char *key, const json_t *array, int indent)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        const json_t *name = json_object_get(item, "name"), *count = json_object_get(item, "count");
        char text[4352];
        if (json_is_string(name) && json_is_integer(count)) {
            scalar_text("count", count, text, sizeof text);
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%*s%16s  ", indent, "", text));
            STG_RETURN_IF_FAILED(put_line(out, json_string_value(name)));
        } else if (json_is_object(item)) {
            STG_RETURN_IF_FAILED(put_object(out, item, indent));
        } else {
            scalar_text(key, item, text, sizeof text);
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%*s", indent, ""));
            STG_RETURN_IF_FAILED(put_line(out, text));
        }
    }
    return STG_OK;
}

/* An object of scalars fits on one line: "min 170, median 440". */
static bool is_flat(const json_t *object)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    json_object_foreach((json_t *)object, key, value)
    {
        if (json_is_object(value) || json_is_array(value) || json_is_string(value)) {
            return false;
        }
        n++;
    }
    return n <= 8;
}

static enum stg_status put_flat(struct stg_buffer *out, const char *outer, const json_t *object)
{
    const char *key, *comma = "";
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        char text[4352], name[64];
        label(key, name, sizeof name);
        scalar_text(ends_with(outer, "_ns") ? outer : key, value, text, sizeof text);
        STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%s%s %s", comma, name, text));
        comma = ", ";
    }
    return stg_buffer_printf(out, "\n");
}

static enum stg_status put_object(struct stg_buffer *out, const json_t *object, int indent)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        char name[64], text[4352];
        label(key, name, sizeof name);
        if (json_object_size(value) + json_array_size(value) == 0 && (json_is_object(value) || json_is_array(value))) {
            continue; /* a heading over nothing */
        }
        if (json_is_object(value) && is_flat(value)) {
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%*s%-16s ", indent, "", name));
            STG_RETURN_IF_FAILED(put_flat(out, key, value));
        } else if (json_is_object(value)) {
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%*s%s\n", indent, "", name));
            STG_RETURN_IF_FAILED(put_object(out, value, indent + 2));
        } else if (json_is_array(value)) {
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%*s%s\n", indent, "", name));
            STG_RETURN_IF_FAILED(put_array(out, key, value, indent + 2));
        } else {
            scalar_text(key, value, text, sizeof text);
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "%*s%-16s ", indent, "", name));
            STG_RETURN_IF_FAILED(put_line(out, text));
        }
    }
    return STG_OK;
}

enum stg_status stg_facts_text(struct stg_buffer *out, const json_t *facts)
{
    return put_object(out, facts, 0);
}

struct counted {
    uint64_t count;
    uint32_t id;
};

static int by_count(const void *a_, const void *b_)
{
    const struct counted *a = a_, *b = b_;
    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    return a->id < b->id ? -1 : 1;
}

static bool add_counted(json_t *array, const char *name, uint64_t count)
{
    json_t *item = json_object();
    if (stg_facts_put(item, "name", stg_facts_string(name)) != STG_OK ||
        stg_facts_put(item, "count", json_integer((json_int_t)count)) != STG_OK) {
        json_decref(item);
        return false;
    }
    return json_array_append_new(array, item) == 0;
}

json_t *stg_facts_counts(const struct stg_facts_count *counts, size_t n)
{
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++) {
        if (json_object_set_new(object, counts[i].key, json_integer((json_int_t)counts[i].value)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

json_t *stg_facts_top(const uint64_t *counts, size_t n, size_t k, const struct stg_strings *names)
{
    struct counted *sorted = NULL;
    json_t *array = json_array();
    if (array == NULL || stg_mem_zeroed(&sorted, n, sizeof *sorted) != STG_OK) {
        json_decref(array);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        sorted[i] = (struct counted){.count = counts[i], .id = (uint32_t)i};
    }
    qsort(sorted, n, sizeof *sorted, by_count);
    for (size_t i = 0; i < n && i < k && sorted[i].count > 0; i++) {
        if (!add_counted(array, stg_strings_get(names, sorted[i].id), sorted[i].count)) {
            json_decref(array);
            array = NULL;
            break;
        }
    }
    stg_mem_free(sorted);
    return array;
}

static int by_int64(const void *a_, const void *b_)
{
    const int64_t a = *(const int64_t *)a_, b = *(const int64_t *)b_;
    return a < b ? -1 : a > b;
}

json_t *stg_facts_quantiles(int64_t *values, size_t n)
{
    qsort(values, n, sizeof *values, by_int64);
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I}", "min", (json_int_t)stg_quantile_sorted(values, n, 0), "p25",
        (json_int_t)stg_quantile_sorted(values, n, 0.25), "median", (json_int_t)stg_quantile_sorted(values, n, 0.5),
        "p75", (json_int_t)stg_quantile_sorted(values, n, 0.75), "p99",
        (json_int_t)stg_quantile_sorted(values, n, 0.99), "max", (json_int_t)stg_quantile_sorted(values, n, 1));
}
