#include "token/vocab.h"

#include "base/memory.h"
#include "event/syscalls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An open-addressing table from keys to ids. A key packs the chosen fields:
 * bits 0–15 the call, 16–17 the phase, 18–33 the return class (stg_ret_errno_class). */
struct stg_symbols {
    unsigned fields;
    size_t n_calls; /* calls from here on are UNKNOWN */
    uint64_t *key;  /* (n) key of each symbol; the special tokens have their id */
    size_t n, cap;
    uint32_t *slot; /* (n_slots) id, 0 = free (no key has the id of [MASK]) */
    size_t n_slots; /* a power of two, at least twice n */
    /* Nearly every event succeeds or returns nothing: those symbols by call × DIRECT + phase × 2 + (0 none, 1 success). */
    uint32_t *direct; /* (n_direct × DIRECT) id, [UNKNOWN] where there is none */
    size_t n_direct, cap_direct;
};

enum { DIRECT = 8 };

#define KEY_PHASE_SHIFT 16
#define KEY_RET_SHIFT   18
#define KEY_LIMIT       (UINT64_C(1) << 34)
/* (calls) × (phases) × (classes) could be more; a model of that many symbols is not one. */
#define MAX_SYMBOLS (UINT32_C(1) << 24)

static uint64_t make_key(unsigned fields, uint16_t call, uint8_t phase, int64_t ret)
{
    uint64_t key = call;
    if (fields & STG_FIELD_PHASE) {
        key |= (uint64_t)(phase & 3) << KEY_PHASE_SHIFT;
    }
    if (fields & STG_FIELD_RET) {
        key |= (uint64_t)stg_ret_errno_class(phase, ret) << KEY_RET_SHIFT;
    }
    return key;
}

static size_t hash(uint64_t key, size_t n_slots)
{
    return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (n_slots - 1);
}

static void place(struct stg_symbols *s, uint32_t id)
{
    size_t i = hash(s->key[id], s->n_slots);
    while (s->slot[i] != 0) {
        i = (i + 1) & (s->n_slots - 1);
    }
    s->slot[i] = id;
}

static uint32_t find_key(const struct stg_symbols *s, uint64_t key)
{
    for (size_t i = hash(key, s->n_slots);; i = (i + 1) & (s->n_slots - 1)) {
        const uint32_t id = s->slot[i];
        if (id == 0 || s->key[id] == key) {
            return id;
        }
    }
}

static enum stg_status add_direct(struct stg_symbols *s, uint64_t key, uint32_t id)
{
    const size_t call = key & 0xFFFF;
    const size_t class = (size_t)(key >> KEY_RET_SHIFT);
    if (class > 1) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&s->direct, &s->cap_direct, call + 1, DIRECT * sizeof *s->direct));
    for (; s->n_direct <= call; s->n_direct++) {
        for (size_t i = 0; i < DIRECT; i++) {
            s->direct[s->n_direct * DIRECT + i] = STG_TOKEN_UNKNOWN;
        }
    }
    s->direct[call * DIRECT + ((key >> KEY_PHASE_SHIFT) & 3) * 2 + class] = id;
    return STG_OK;
}

static enum stg_status add_key(struct stg_symbols *s, uint64_t key)
{
    if (s->n >= MAX_SYMBOLS) {
        return stg_fail(STG_ERR_MEMORY, "more than %u different symbols: choose fewer fields", MAX_SYMBOLS);
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&s->key, &s->cap, s->n + 1, sizeof *s->key));
    if ((s->n + 1) * 2 > s->n_slots) {
        uint32_t *old = s->slot;
        uint32_t *bigger = NULL;
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&bigger, s->n_slots * 2, sizeof *bigger));
        s->slot = bigger;
        s->n_slots *= 2;
        stg_mem_free(old);
        for (size_t i = STG_TOKEN_SPECIALS; i < s->n; i++) {
            place(s, (uint32_t)i);
        }
    }
    s->key[s->n] = key;
    s->n++;
    if (s->n <= STG_TOKEN_SPECIALS) {
        return STG_OK;
    }
    place(s, (uint32_t)(s->n - 1));
    return add_direct(s, key, (uint32_t)(s->n - 1));
}

enum stg_status stg_symbols_new(struct stg_symbols **out, unsigned fields)
{
    enum stg_status status;
    struct stg_symbols *s = NULL;
    *out = NULL;
    STG_TRY(stg_mem_zeroed(&s, 1, sizeof *s));
    s->fields = (fields & (STG_FIELD_PHASE | STG_FIELD_RET)) | STG_FIELD_CALL;
    s->n_calls = (size_t)UINT16_MAX + 1;
    s->n_slots = 64;
    STG_TRY(stg_mem_zeroed(&s->slot, s->n_slots, sizeof *s->slot));
    for (uint64_t i = 0; i < STG_TOKEN_SPECIALS; i++) {
        STG_TRY(add_key(s, i));
    }
    *out = s;
    s = NULL;
out:
    stg_symbols_free(s);
    return status;
}

enum stg_status stg_symbols_copy(struct stg_symbols **out, const struct stg_symbols *s)
{
    enum stg_status status = STG_OK;
    struct stg_symbols *copy = NULL;
    *out = NULL;
    STG_TRY(stg_symbols_new(&copy, s->fields));
    for (size_t i = copy->n; i < s->n; i++) {
        STG_TRY(add_key(copy, s->key[i]));
    }
    copy->n_calls = s->n_calls;
    *out = copy;
    copy = NULL;
out:
    stg_symbols_free(copy);
    return status;
}

void stg_symbols_free(struct stg_symbols *s)
{
    if (s == NULL) {
        return;
    }
    stg_mem_free(s->key);
    stg_mem_free(s->slot);
    stg_mem_free(s->direct);
    stg_mem_free(s);
}

unsigned stg_symbols_fields(const struct stg_symbols *s)
{
    return s->fields;
}

size_t stg_symbols_count(const struct stg_symbols *s)
{
    return s->n;
}

void stg_symbols_limit(struct stg_symbols *s, size_t n)
{
    s->n_calls = n;
}

static bool is_known(const struct stg_symbols *s, uint16_t call)
{
    return call >= STG_TOKEN_SPECIALS && call < s->n_calls;
}

enum stg_status stg_symbols_fit(struct stg_symbols *s, const struct stg_corpus *corpus)
{
    for (size_t i = 0; i < corpus->n; i++) {
        struct stg_seq seq;
        stg_corpus_get(corpus, i, &seq);
        for (size_t k = 0; k < seq.n; k++) {
            if (is_known(s, seq.call[k]) &&
                stg_symbols_find(s, seq.call[k], seq.phase[k], seq.ret[k]) == STG_TOKEN_UNKNOWN) {
                STG_RETURN_IF_FAILED(add_key(s, make_key(s->fields, seq.call[k], seq.phase[k], seq.ret[k])));
            }
        }
    }
    return STG_OK;
}

enum stg_status stg_symbols_from_vocab(struct stg_symbols *s, const struct stg_vocab *v)
{
    if (s->fields != STG_FIELD_CALL || s->n != STG_TOKEN_SPECIALS) {
        return stg_fail(STG_ERR_INTERNAL, "symbols of a vocabulary have the field call only and start empty");
    }
    for (uint64_t i = STG_TOKEN_SPECIALS; i < stg_strings_count(v->calls); i++) {
        STG_RETURN_IF_FAILED(add_key(s, i));
    }
    return STG_OK;
}

static inline uint32_t find_event(const struct stg_symbols *s, unsigned fields, uint16_t call, uint8_t phase, int64_t ret)
{
    const size_t class = fields & STG_FIELD_RET ? stg_ret_errno_class(phase, ret) : 0;
    if (class <= 1) {
        const size_t shown = fields & STG_FIELD_PHASE ? phase & 3 : 0;
        return call < s->n_direct ? s->direct[call * (size_t)DIRECT + shown * 2 + class] : STG_TOKEN_UNKNOWN;
    }
    const uint32_t id = find_key(s, make_key(fields, call, phase, ret));
    return id == 0 ? STG_TOKEN_UNKNOWN : id;
}

uint32_t stg_symbols_find(const struct stg_symbols *s, uint16_t call, uint8_t phase, int64_t ret)
{
    return find_event(s, s->fields, call, phase, ret);
}

void stg_symbols_map(const struct stg_symbols *s, const struct stg_walk *w, uint32_t *out)
{
    if (s->fields == STG_FIELD_CALL) { /* neither phase nor ret is touched */
        for (size_t i = 0; i < w->n; i++) {
            out[i] = find_event(s, STG_FIELD_CALL, w->call[i], 0, 0);
        }
        return;
    }
    for (size_t i = 0; i < w->n; i++) {
        out[i] = find_event(s, s->fields, w->call[i], w->phase[i], w->ret[i]);
    }
}

void stg_symbols_describe(const struct stg_symbols *s, const struct stg_vocab *v, uint32_t id, char *out, size_t cap)
{
    static const char *const phases[] = {"", " entry", " exit", ""};
    const uint64_t key = id < s->n ? s->key[id] : STG_TOKEN_UNKNOWN;
    const uint32_t call = (uint32_t)(key & 0xFFFF);
    const char *name = call < stg_strings_count(v->calls) ? stg_strings_get(v->calls, call) : "[UNKNOWN]";
    const unsigned phase = (unsigned)(key >> KEY_PHASE_SHIFT) & 3;
    const int class = (int)(key >> KEY_RET_SHIFT);
    char failure[32] = "";
    if (class == 2) {
        snprintf(failure, sizeof failure, " failed");
    } else if (class > 2) {
        const char *symbolic = stg_errno_name(class - 2);
        if (symbolic != NULL) {
            snprintf(failure, sizeof failure, " %s", symbolic);
        } else {
            snprintf(failure, sizeof failure, " errno %d", class - 2);
        }
    }
    snprintf(out, cap, "%s%s%s", name, phases[phase], failure);
}

enum stg_status stg_symbols_save(const struct stg_symbols *s, struct stg_tensors_writer *w)
{
    char fields[16];
    snprintf(fields, sizeof fields, "%u", s->fields);
    STG_RETURN_IF_FAILED(stg_tensors_writer_meta(w, "symbols.fields", fields));
    return stg_tensors_writer_put(w, "symbols.key", STG_U64, 1, &s->n, s->key);
}

static bool key_is_valid(const struct stg_symbols *s, size_t i, uint64_t key)
{
    if (i < STG_TOKEN_SPECIALS) {
        return key == i;
    }
    const bool fits = key < KEY_LIMIT && (key & 0xFFFF) >= STG_TOKEN_SPECIALS &&
                      ((s->fields & STG_FIELD_PHASE) || ((key >> KEY_PHASE_SHIFT) & 3) == 0) &&
                      ((s->fields & STG_FIELD_RET) || key >> KEY_RET_SHIFT == 0);
    return fits && find_key(s, key) == 0;
}

enum stg_status stg_symbols_load(struct stg_symbols **out, const struct stg_tensors *t)
{
    enum stg_status status;
    struct stg_symbols *s = NULL;
    const struct stg_tensor *keys;
    const char *text = stg_tensors_meta(t, "symbols.fields");
    *out = NULL;
    if (text == NULL || text[0] < '0' || text[0] > '7' || text[1] != '\0' || (text[0] & STG_FIELD_CALL) == 0) {
        status = stg_fail(STG_ERR_INPUT, "%s: metadata: symbols.fields is not a set of fields: the file is damaged",
                          stg_tensors_path(t));
        goto out;
    }
    STG_TRY(stg_tensors_need(t, "symbols.key", STG_U64, SIZE_MAX, &keys));
    STG_TRY(stg_symbols_new(&s, (unsigned)(text[0] - '0')));
    const uint64_t *key = keys->data;
    for (size_t i = 0; i < keys->n; i++) {
        if (!key_is_valid(s, i, key[i])) {
            status = stg_fail(STG_ERR_INPUT, "%s: symbols.key: row %zu is not a symbol: the file is damaged",
                              stg_tensors_path(t), i);
            goto out;
        }
        if (i >= STG_TOKEN_SPECIALS) {
            STG_TRY(add_key(s, key[i]));
        }
    }
    if (keys->n < STG_TOKEN_SPECIALS) {
        status = stg_fail(STG_ERR_INPUT, "%s: symbols.key: too short: the file is damaged", stg_tensors_path(t));
        goto out;
    }
    *out = s;
    s = NULL;
out:
    stg_symbols_free(s);
    return status;
}
