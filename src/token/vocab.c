#include "token/vocab.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "event/syscalls.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names are cut to what an interning table takes; longer ones occur in damaged traces only. */
#define MAX_NAME  4000
#define MAX_NAMES 65535

static const char *const specials[STG_TOKEN_SPECIALS] = {"[MASK]", "[UNKNOWN]", "[START]", "[END]", "[TRUNCATE]"};

static enum stg_status strings_init(struct stg_strings **out)
{
    STG_RETURN_IF_FAILED(stg_strings_new(out));
    for (size_t i = 0; i < STG_TOKEN_SPECIALS; i++) {
        uint32_t id;
        STG_RETURN_IF_FAILED(stg_strings_put(*out, specials[i], strlen(specials[i]), &id));
    }
    return STG_OK;
}

enum stg_status stg_vocab_init(struct stg_vocab *v)
{
    enum stg_status status;
    *v = (struct stg_vocab){0};
    STG_TRY(strings_init(&v->calls));
    STG_TRY(strings_init(&v->procs));
out:
    if (status != STG_OK) {
        stg_vocab_fini(v);
    }
    return status;
}

void stg_vocab_fini(struct stg_vocab *v)
{
    if (v == NULL) {
        return;
    }
    stg_strings_free(v->calls);
    stg_strings_free(v->procs);
    *v = (struct stg_vocab){0};
}

static enum stg_status strings_copy(struct stg_strings **out, const struct stg_strings *from)
{
    STG_RETURN_IF_FAILED(stg_strings_new(out));
    for (size_t i = 0; i < stg_strings_count(from); i++) {
        const char *name = stg_strings_get(from, (uint32_t)i);
        uint32_t id;
        STG_RETURN_IF_FAILED(stg_strings_put(*out, name, strlen(name), &id));
    }
    return STG_OK;
}

enum stg_status stg_vocab_copy(struct stg_vocab *out, const struct stg_vocab *from)
{
    enum stg_status status;
    *out = (struct stg_vocab){0};
    STG_TRY(strings_copy(&out->calls, from->calls));
    STG_TRY(strings_copy(&out->procs, from->procs));
    out->frozen = from->frozen;
    out->base_calls = from->base_calls;
    out->base_procs = from->base_procs;
out:
    if (status != STG_OK) {
        stg_vocab_fini(out);
    }
    return status;
}

void stg_vocab_extend(struct stg_vocab *v)
{
    v->frozen = false;
    v->base_calls = stg_strings_count(v->calls);
    v->base_procs = stg_strings_count(v->procs);
}

/* A thread may call itself anything, but JSON holds UTF-8 only: other bytes become "\xHH". */
static enum stg_status clean(struct stg_buffer *out, const char *name, size_t len)
{
    size_t i = 0;
    uint32_t code;
    while (i < len) {
        const size_t n = stg_utf8_decode(name + i, len - i, &code);
        if (n > 0) {
            STG_RETURN_IF_FAILED(stg_buffer_put(out, name + i, n));
        } else {
            STG_RETURN_IF_FAILED(stg_buffer_printf(out, "\\x%02X", (unsigned char)name[i]));
        }
        i += n > 0 ? n : 1;
    }
    return STG_OK;
}

static bool is_ascii(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

/* May a name that s does not have be added? */
static enum stg_status may_add(const struct stg_vocab *v, const struct stg_strings *s, bool *may)
{
    const bool full = stg_strings_count(s) >= MAX_NAMES;
    *may = !v->frozen && !full;
    if (!v->frozen && full && v->base_calls == 0) {
        return stg_fail(STG_ERR_INPUT, "more than %d different names: freeze the vocabulary with --vocab", MAX_NAMES);
    }
    return STG_OK;
}

static enum stg_status put(const struct stg_vocab *v, struct stg_strings *s, const char *text, size_t len, uint16_t *id)
{
    uint32_t found = stg_strings_find(s, text, len);
    if (found == STG_STRINGS_NONE) {
        bool may;
        STG_RETURN_IF_FAILED(may_add(v, s, &may));
        if (may) {
            STG_RETURN_IF_FAILED(stg_strings_put(s, text, len, &found));
        }
    }
    *id = found == STG_STRINGS_NONE ? STG_TOKEN_UNKNOWN : (uint16_t)found;
    /* A name that happens to be "[START]" is not the special token. */
    if (*id < STG_TOKEN_SPECIALS) {
        *id = STG_TOKEN_UNKNOWN;
    }
    return STG_OK;
}

static enum stg_status lookup(const struct stg_vocab *v, struct stg_strings *s, const char *name, uint16_t *id)
{
    const size_t len = strnlen(name, MAX_NAME / 4);
    if (is_ascii(name, len)) {
        return put(v, s, name, len, id);
    }
    struct stg_buffer text = STG_BUFFER_INIT;
    enum stg_status status;
    STG_TRY(clean(&text, name, len));
    STG_TRY(put(v, s, text.data, text.len, id));
out:
    stg_buffer_fini(&text);
    return status;
}

enum stg_status stg_vocab_call(struct stg_vocab *v, const char *name, uint16_t *id)
{
    const char *other = stg_syscall_synonym(name);
    if (other != NULL && stg_strings_find(v->calls, name, strlen(name)) == STG_STRINGS_NONE) {
        const uint32_t found = stg_strings_find(v->calls, other, strlen(other));
        if (found != STG_STRINGS_NONE) {
            *id = (uint16_t)found;
            return STG_OK;
        }
    }
    return lookup(v, v->calls, name, id);
}

enum stg_status stg_vocab_proc(struct stg_vocab *v, const char *name, uint16_t *id)
{
    return lookup(v, v->procs, name, id);
}

/* Both have n names at least, and the first n are the same. */
static bool strings_agree(const struct stg_strings *a, const struct stg_strings *b, size_t n)
{
    if (n > stg_strings_count(a) || n > stg_strings_count(b)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(stg_strings_get(a, (uint32_t)i), stg_strings_get(b, (uint32_t)i)) != 0) {
            return false;
        }
    }
    return true;
}

bool stg_vocab_begins_with(const struct stg_vocab *v, const struct stg_vocab *first)
{
    return strings_agree(v->calls, first->calls, stg_strings_count(first->calls)) &&
           strings_agree(v->procs, first->procs, stg_strings_count(first->procs));
}

bool stg_vocab_same_base(const struct stg_vocab *a, const struct stg_vocab *b)
{
    return a->base_calls > 0 && a->base_calls == b->base_calls && a->base_procs == b->base_procs &&
           strings_agree(a->calls, b->calls, a->base_calls) && strings_agree(a->procs, b->procs, a->base_procs);
}

bool stg_vocab_equal(const struct stg_vocab *a, const struct stg_vocab *b)
{
    return stg_vocab_begins_with(a, b) && stg_vocab_begins_with(b, a);
}

bool stg_vocab_is_new_call(const struct stg_vocab *v, uint16_t id)
{
    return id == STG_TOKEN_UNKNOWN || (v->base_calls > 0 && id >= v->base_calls);
}

static enum stg_status strings_save(const struct stg_strings *s, struct stg_tensors_writer *w, const char *key)
{
    enum stg_status status = STG_ERR_MEMORY;
    char *text = NULL;
    json_t *array = json_array();
    bool good = array != NULL;
    for (size_t i = 0; good && i < stg_strings_count(s); i++) {
        good = json_array_append_new(array, json_string(stg_strings_get(s, (uint32_t)i))) == 0;
    }
    text = good ? json_dumps(array, JSON_COMPACT) : NULL;
    if (text == NULL) {
        status = stg_fail(STG_ERR_MEMORY, "%s: out of memory", key);
        goto out;
    }
    status = stg_tensors_writer_meta(w, key, text);
out:
    free(text);
    json_decref(array);
    return status;
}

enum stg_status stg_vocab_save(const struct stg_vocab *v, struct stg_tensors_writer *w)
{
    STG_RETURN_IF_FAILED(strings_save(v->calls, w, "vocab.calls"));
    STG_RETURN_IF_FAILED(strings_save(v->procs, w, "vocab.procs"));
    if (v->base_calls == 0) {
        return STG_OK;
    }
    char base[64];
    snprintf(base, sizeof base, "[%zu,%zu]", v->base_calls, v->base_procs);
    return stg_tensors_writer_meta(w, "vocab.base", base);
}

static enum stg_status bad(const struct stg_tensors *t, const char *key, const char *what)
{
    return stg_fail(STG_ERR_INPUT, "%s: metadata: %s: %s: the file is damaged, make it again", stg_tensors_path(t), key,
                    what);
}

static enum stg_status strings_load(struct stg_strings **out, const struct stg_tensors *t, const char *key)
{
    enum stg_status status = STG_OK;
    const char *text = stg_tensors_meta(t, key);
    json_t *array = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const size_t n = json_array_size(array);
    if (n < STG_TOKEN_SPECIALS || n > MAX_NAMES) {
        status = bad(t, key, text == NULL ? "missing" : "not a list of 5 to 65535 names");
        goto out;
    }
    STG_TRY(stg_strings_new(out));
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(array, i);
        const char *name = json_string_value(item);
        uint32_t id;
        if (name == NULL || json_string_length(item) > MAX_NAME ||
            (i < STG_TOKEN_SPECIALS && strcmp(name, specials[i]) != 0)) {
            status = bad(t, key, "not a list of names that begins with the special tokens");
            goto out;
        }
        STG_TRY(stg_strings_put(*out, name, json_string_length(item), &id));
        if (id != i) {
            status = bad(t, key, "a name stands there twice");
            goto out;
        }
    }
out:
    json_decref(array);
    return status;
}

/* Absent: the vocabulary extends none. */
static enum stg_status base_load(struct stg_vocab *v, const struct stg_tensors *t)
{
    static const char key[] = "vocab.base";
    const char *text = stg_tensors_meta(t, key);
    if (text == NULL) {
        return STG_OK;
    }
    json_t *pair = json_loads(text, 0, NULL);
    const json_int_t calls = json_integer_value(json_array_get(pair, 0));
    const json_int_t procs = json_integer_value(json_array_get(pair, 1));
    const bool good = json_array_size(pair) == 2 && calls >= STG_TOKEN_SPECIALS && procs >= STG_TOKEN_SPECIALS &&
                      (uint64_t)calls <= stg_strings_count(v->calls) && (uint64_t)procs <= stg_strings_count(v->procs);
    json_decref(pair);
    if (!good) {
        return bad(t, key, "not two counts of names that are there");
    }
    v->base_calls = (size_t)calls;
    v->base_procs = (size_t)procs;
    return STG_OK;
}

enum stg_status stg_vocab_load(struct stg_vocab *out, const struct stg_tensors *t)
{
    enum stg_status status;
    *out = (struct stg_vocab){.frozen = true};
    STG_TRY(strings_load(&out->calls, t, "vocab.calls"));
    STG_TRY(strings_load(&out->procs, t, "vocab.procs"));
    STG_TRY(base_load(out, t));
out:
    if (status != STG_OK) {
        stg_vocab_fini(out);
    }
    return status;
}
