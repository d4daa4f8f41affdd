#include "lab/scenario.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINE 4096
#define UPPER    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
#define LOWER    "abcdefghijklmnopqrstuvwxyz0123456789_"

static const char *const op_names[] = {"<", "<=", "==", ">=", ">"};

const char *stg_check_op_name(enum stg_check_op op)
{
    return op_names[op];
}

bool stg_check_holds(const struct stg_check *c, double fact)
{
    switch (c->op) {
    case STG_CHECK_LESS:
        return fact < c->value;
    case STG_CHECK_AT_MOST:
        return fact <= c->value;
    case STG_CHECK_EQUAL:
        return fact == c->value;
    case STG_CHECK_AT_LEAST:
        return fact >= c->value;
    case STG_CHECK_MORE:
        return fact > c->value;
    }
    return false;
}

static struct stg_setting *find_setting(struct stg_scenario *s, const char *name)
{
    for (size_t i = 0; i < s->n_settings; i++) {
        if (strcmp(s->settings[i].name, name) == 0) {
            return &s->settings[i];
        }
    }
    return NULL;
}

const char *stg_scenario_get(const struct stg_scenario *s, const char *name)
{
    for (size_t i = 0; i < s->n_settings; i++) {
        if (strcmp(s->settings[i].name, name) == 0) {
            return s->settings[i].value;
        }
    }
    return NULL;
}

bool stg_scenario_on(const struct stg_scenario *s, const char *name)
{
    const char *value = stg_scenario_get(s, name);
    return value != NULL && value[0] != '\0' && strcmp(value, "off") != 0;
}

/* *slot = a copy of value, in place of what was there. */
static enum stg_status replace(char **slot, const char *value)
{
    char *copy;
    STG_RETURN_IF_FAILED(stg_mem_strdup(&copy, value));
    stg_mem_free(*slot);
    *slot = copy;
    return STG_OK;
}

enum stg_status stg_scenario_set(struct stg_scenario *s, const char *name, const char *value)
{
    struct stg_setting *old = find_setting(s, name);
    if (old != NULL) {
        return replace(&old->value, value);
    }
    if (s->n_settings == STG_SCENARIO_MAX) {
        return stg_fail(STG_ERR_INPUT, "more than %d settings", STG_SCENARIO_MAX);
    }
    struct stg_setting *new = &s->settings[s->n_settings++];
    STG_RETURN_IF_FAILED(stg_mem_strdup(&new->name, name));
    return stg_mem_strdup(&new->value, value);
}

static enum stg_status put_check(struct stg_scenario *s, const char *fact, enum stg_check_op op, double value)
{
    for (size_t i = 0; i < s->n_checks; i++) {
        if (strcmp(s->checks[i].fact, fact) == 0) {
            s->checks[i].op = op;
            s->checks[i].value = value;
            return STG_OK;
        }
    }
    if (s->n_checks == STG_SCENARIO_MAX) {
        return stg_fail(STG_ERR_INPUT, "more than %d checks", STG_SCENARIO_MAX);
    }
    struct stg_check *new = &s->checks[s->n_checks++];
    new->op = op;
    new->value = value;
    return stg_mem_strdup(&new->fact, fact);
}

static enum stg_status parse_check(struct stg_scenario *s, const char *fact, const char *value)
{
    const size_t len = strcspn(value, " \t0123456789.-");
    for (size_t op = 0; op < sizeof op_names / sizeof op_names[0]; op++) {
        if (strlen(op_names[op]) == len && strncmp(op_names[op], value, len) == 0) {
            char *end;
            const double number = strtod(value + len, &end);
            if (end == value + len || *end != '\0' || !isfinite(number)) {
                break;
            }
            return put_check(s, fact, (enum stg_check_op)op, number);
        }
    }
    return stg_fail(STG_ERR_INPUT, "check.%s: '%.40s' is no bound: give one of < <= == >= > and a number", fact, value);
}

static enum stg_status parse_status(struct stg_scenario *s, const char *value)
{
    char *end;
    const unsigned long status = strtoul(value, &end, 10);
    if (*end != '\0' || status < 200 || status > 599) {
        return stg_fail(STG_ERR_INPUT, "status: '%.40s' is no HTTP status: give 200 to 599", value);
    }
    s->status = (uint32_t)status;
    return STG_OK;
}

static bool is_name(const char *name, const char *letters)
{
    return name[0] != '\0' && strspn(name, letters) == strlen(name) && strlen(name) < 64;
}

static enum stg_status take_pair(struct stg_scenario *s, const char *key, const char *value,
                                 const struct stg_scenario *base)
{
    if (strncmp(key, "set.", 4) == 0 && is_name(key + 4, UPPER)) {
        if (base != NULL && stg_scenario_get(base, key + 4) == NULL) {
            return stg_fail(STG_ERR_INPUT, "%s: known.conf has no such setting: check its name, or add it there", key);
        }
        return stg_scenario_set(s, key + 4, value);
    }
    if (strncmp(key, "check.", 6) == 0 && is_name(key + 6, LOWER)) {
        return parse_check(s, key + 6, value);
    }
    if (strcmp(key, "description") == 0) {
        return replace(&s->description, value);
    }
    if (strcmp(key, "beside") == 0) {
        return replace(&s->beside, value);
    }
    if (strcmp(key, "status") == 0) {
        return parse_status(s, value);
    }
    return stg_fail(STG_ERR_INPUT, "unknown key '%.40s': one of description, beside, status, set.NAME, check.fact",
                    key);
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t n = strlen(text);
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t')) {
        text[--n] = '\0';
    }
    return text;
}

static enum stg_status take_line(struct stg_scenario *s, char *line, const struct stg_scenario *base)
{
    uint32_t code;
    for (size_t at = 0, len; line[at] != '\0'; at += len) {
        len = stg_utf8_decode(line + at, 4, &code);
        if (len == 0) {
            return stg_fail(STG_ERR_INPUT, "byte %zu is not UTF-8: save the file as such", at + 1);
        }
        if (code < ' ' && code != '\t') {
            return stg_fail(STG_ERR_INPUT, "a control character: remove it");
        }
    }
    line = trim(line);
    if (*line == '\0' || *line == '#') {
        return STG_OK;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        return stg_fail(STG_ERR_INPUT, "'%.40s' is no line of a scenario: give key = value", line);
    }
    *equals = '\0';
    return take_pair(s, trim(line), trim(equals + 1), base);
}

static enum stg_status inherit(struct stg_scenario *s, const struct stg_scenario *base)
{
    s->status = base->status;
    for (size_t i = 0; i < base->n_settings; i++) {
        STG_RETURN_IF_FAILED(stg_scenario_set(s, base->settings[i].name, base->settings[i].value));
    }
    for (size_t i = 0; i < base->n_checks; i++) {
        STG_RETURN_IF_FAILED(put_check(s, base->checks[i].fact, base->checks[i].op, base->checks[i].value));
    }
    return STG_OK;
}

enum stg_status stg_scenario_parse(struct stg_scenario *out, const char *name, const char *where, const char *text,
                                   size_t n, const struct stg_scenario *base)
{
    char line[MAX_LINE];
    unsigned number = 0;
    *out = (struct stg_scenario){.status = 200};
    STG_RETURN_IF_FAILED(stg_mem_strdup(&out->name, name));
    if (base != NULL) {
        STG_RETURN_IF_FAILED(inherit(out, base));
    }
    for (size_t at = 0; at < n;) {
        const char *newline = memchr(text + at, '\n', n - at);
        const size_t len = newline == NULL ? n - at : (size_t)(newline - text) - at;
        number++;
        if (len >= sizeof line || memchr(text + at, '\0', len) != NULL) {
            return stg_fail(STG_ERR_INPUT, "%s:%u: longer than %d bytes, or with a NUL: not a scenario", where, number,
                            MAX_LINE - 1);
        }
        memcpy(line, text + at, len);
        line[len] = '\0';
        at += len + 1;
        const enum stg_status status = take_line(out, line, base);
        if (status != STG_OK) {
            return stg_context(status, "%s:%u", where, number);
        }
    }
    return STG_OK;
}

enum stg_status stg_scenario_load(struct stg_scenario *out, const char *path, const struct stg_scenario *base)
{
    struct stg_file_map map;
    char name[64];
    const char *slash = strrchr(path, '/');
    const char *file = slash == NULL ? path : slash + 1;
    const size_t len = strlen(file);
    *out = (struct stg_scenario){0};
    if (len <= 5 || len - 5 >= sizeof name || strcmp(file + len - 5, ".conf") != 0) {
        return stg_fail(STG_ERR_INPUT, "%s: a scenario's file is called NAME.conf, with a name of at most %zu bytes",
                        path, sizeof name - 1);
    }
    memcpy(name, file, len - 5);
    name[len - 5] = '\0';
    if (!is_name(name, LOWER "-")) {
        return stg_fail(STG_ERR_INPUT, "%s: a scenario's name has small letters, digits, - and _ only", path);
    }
    STG_RETURN_IF_FAILED(stg_file_map_open(&map, path));
    const enum stg_status status = stg_scenario_parse(out, name, path, (const char *)map.data, map.size, base);
    stg_file_map_close(&map);
    return status;
}

void stg_scenario_fini(struct stg_scenario *s)
{
    for (size_t i = 0; i < s->n_settings; i++) {
        stg_mem_free(s->settings[i].name);
        stg_mem_free(s->settings[i].value);
    }
    for (size_t i = 0; i < s->n_checks; i++) {
        stg_mem_free(s->checks[i].fact);
    }
    stg_mem_free(s->name);
    stg_mem_free(s->description);
    stg_mem_free(s->beside);
    *s = (struct stg_scenario){0};
}
