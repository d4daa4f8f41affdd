#include "token/vocab.h"

#include "base/memory.h"
#include "base/octave.h"
#include "event/syscalls.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An open-addressing table from keys to ids. A key packs the chosen fields: bits 0–15 the call, 16–17 the phase, 18–33
 * the return class (stg_ret_errno_class), 34–43 the size class; or, with STG_TOKEN_SPECIALS for a call, 44–50 the class
 * of the elapsed time or 51–63 that of the descriptor. */
struct stg_symbols {
    unsigned fields;
    size_t n_calls;  /* calls from here on are UNKNOWN */
    uint8_t *counts; /* (n_calls) whether the call returns a count; NULL before the vocabulary is known: none does */
    uint64_t *key;   /* (n) key of each symbol; the special tokens have their id */
    size_t n, cap;
    uint32_t *slot; /* (n_slots) id, 0 = free (no key has the id of [MASK]) */
    size_t n_slots; /* a power of two, at least twice n */
    /* Nearly every event succeeds or returns nothing: those symbols by call × DIRECT + phase × 2 + (0 none, 1
     * success). */
    uint32_t *direct; /* (n_direct × DIRECT) id, [UNKNOWN] where there is none */
    size_t n_direct, cap_direct;
    size_t n_same; /* calls STG_TOKEN_SPECIALS … n_same − 1 are, by themselves, the symbols of the same number */
    uint32_t *of_class; /* (CLASSES) ids of the classes of elapsed time or of descriptors; NULL for other fields */
};

enum { DIRECT = 8 };

#define KEY_PHASE_SHIFT      16
#define KEY_RET_SHIFT        18
#define KEY_SIZE_SHIFT       34
#define KEY_ELAPSED_SHIFT    44
#define KEY_DESCRIPTOR_SHIFT 51
#define TUPLE_FIELDS         (STG_FIELD_CALL | STG_FIELD_PHASE | STG_FIELD_RET | STG_FIELD_SIZE)
enum {
    LOG2_CLASSES = 65,
    SIZE_BITS = 3,
    SIZE_STEPS = 1 << SIZE_BITS, /* size classes of an octave; sizes below 16 are exact */
    SIZE_CLASSES = 2 + 63 * SIZE_STEPS,
    DESCRIPTOR_STANDARD = 3,                  /* 0 to 2 mean the same in every program */
    DESCRIPTOR_FEW = 2 + DESCRIPTOR_STANDARD, /* class of the others below 64, which many connections or files pass */
    DESCRIPTOR_CLASSES = 63,
    CLASSES = LOG2_CLASSES, /* the more of the two */
};
/* (calls) × (phases) × (classes) could be more; a model of that many symbols is not one. */
#define MAX_SYMBOLS (UINT32_C(1) << 24)

/* 1 for what is not above zero, 2 + floor(log2) otherwise. */
static uint64_t log2_class(int64_t value)
{
    return value <= 0 ? 1 : 65 - (uint64_t)__builtin_clzll((uint64_t)value);
}

/* 1 for AT_FDCWD and other negative ones, 2 to 4 for the standard ones, 5 for 3 to 63, floor(log2) for those above.
 * Which of the lower numbers a connection gets is chance that lasts for a whole run: it is the lowest that is free, and
 * with hundreds of requests on a connection the same few are free for long (docs/measurements.md, Descriptors). */
static uint64_t descriptor_class(int64_t descriptor)
{
    return descriptor < 0                           ? 1
           : descriptor < DESCRIPTOR_STANDARD       ? 2 + (uint64_t)descriptor
           : descriptor < 1 << (DESCRIPTOR_FEW + 1) ? DESCRIPTOR_FEW
                                                    : log2_class(descriptor) - 2;
}

/* The least and the highest descriptor of a class above 1. */
static int64_t least_descriptor(unsigned class)
{
    return class < DESCRIPTOR_FEW    ? (int64_t) class - 2
           : class == DESCRIPTOR_FEW ? DESCRIPTOR_STANDARD
                                     : INT64_C(1) << class;
}

static int64_t highest_descriptor(unsigned class)
{
    return class + 1 < DESCRIPTOR_CLASSES ? least_descriptor(class + 1) - 1 : INT64_MAX;
}

/* 1 for zero, 2 + SIZE_STEPS × floor(log2) + the SIZE_BITS bits that follow the highest otherwise. Whole octaves would
 * hide what encryption adds to a small response (docs/measurements.md). */
static uint64_t size_step(int64_t size)
{
    return size <= 0 ? 1 : 2 + stg_octave_step((uint64_t)size, SIZE_BITS);
}

/* The least size of a class above 1; the class above the last gives 2^63. */
static unsigned long long least_size(unsigned class)
{
    const unsigned highest = (class - 2) / SIZE_STEPS, shift = highest < SIZE_BITS ? SIZE_BITS - highest : 0;
    const uint64_t bits = SIZE_STEPS + (class - 2) % SIZE_STEPS;
    return highest >= SIZE_BITS ? bits << (highest - SIZE_BITS) : (bits + (1U << shift) - 1) >> shift;
}

static uint64_t size_class(const struct stg_symbols *s, uint16_t call, uint8_t phase, int64_t ret)
{
    const bool counted =
        phase == STG_PHASE_EXIT && ret >= 0 && s->counts != NULL && call < s->n_calls && s->counts[call] != 0;
    return counted ? size_step(ret) : 0;
}

static uint64_t make_key(const struct stg_symbols *s, uint16_t call, uint8_t phase, int64_t ret)
{
    uint64_t key = call;
    if (s->fields & STG_FIELD_PHASE) {
        key |= (uint64_t)(phase & 3) << KEY_PHASE_SHIFT;
    }
    if (s->fields & STG_FIELD_RET) {
        key |= (uint64_t)stg_ret_errno_class(phase, ret) << KEY_RET_SHIFT;
    }
    if (s->fields & STG_FIELD_SIZE) {
        key |= size_class(s, call, phase, ret) << KEY_SIZE_SHIFT;
    }
    return key;
}

static unsigned class_shift(const struct stg_symbols *s)
{
    return s->fields == STG_FIELD_ELAPSED ? KEY_ELAPSED_SHIFT : KEY_DESCRIPTOR_SHIFT;
}

static uint64_t class_key(const struct stg_symbols *s, uint64_t class)
{
    return STG_TOKEN_SPECIALS | class << class_shift(s);
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
    const size_t class = (size_t)(key >> KEY_RET_SHIFT); /* a size makes it large, too */
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
    s->n_same = key == s->n_same && id == s->n_same ? s->n_same + 1 : s->n_same;
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
    if (s->of_class != NULL) {
        s->of_class[key >> class_shift(s)] = (uint32_t)(s->n - 1);
        return STG_OK;
    }
    return add_direct(s, key, (uint32_t)(s->n - 1));
}

static bool fields_are_valid(unsigned fields)
{
    return fields == STG_FIELD_ELAPSED || fields == STG_FIELD_DESCRIPTOR ||
           ((fields & STG_FIELD_CALL) != 0 && (fields & ~(unsigned)TUPLE_FIELDS) == 0);
}

enum stg_status stg_symbols_new(struct stg_symbols **out, unsigned fields)
{
    enum stg_status status;
    struct stg_symbols *s = NULL;
    *out = NULL;
    if (!fields_are_valid(fields)) {
        return stg_fail(STG_ERR_INTERNAL, "fields %#x do not make a symbol", fields);
    }
    STG_TRY(stg_mem_zeroed(&s, 1, sizeof *s));
    s->fields = fields;
    s->n_calls = (size_t)UINT16_MAX + 1;
    s->n_same = STG_TOKEN_SPECIALS;
    s->n_slots = 64;
    STG_TRY(stg_mem_zeroed(&s->slot, s->n_slots, sizeof *s->slot));
    for (uint64_t i = 0; i < STG_TOKEN_SPECIALS; i++) {
        STG_TRY(add_key(s, i));
    }
    if ((fields & STG_FIELD_CALL) == 0) {
        STG_TRY(stg_mem_zeroed(&s->of_class, CLASSES, sizeof *s->of_class));
        for (size_t i = 0; i < CLASSES; i++) {
            s->of_class[i] = STG_TOKEN_UNKNOWN;
        }
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
    if (s->counts != NULL) {
        STG_TRY(stg_mem_dup(&copy->counts, s->counts, s->n_calls));
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
    stg_mem_free(s->of_class);
    stg_mem_free(s->counts);
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

enum stg_status stg_symbols_bind(struct stg_symbols *s, const struct stg_vocab *v)
{
    const size_t n = stg_strings_count(v->calls);
    uint8_t *counts = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&counts, n, sizeof *counts));
    for (size_t i = STG_TOKEN_SPECIALS; i < n; i++) {
        counts[i] = stg_syscall_returns_count(stg_strings_get(v->calls, (uint32_t)i));
    }
    stg_mem_free(s->counts);
    s->counts = counts;
    s->n_calls = n;
    return STG_OK;
}

static bool is_known(const struct stg_symbols *s, uint16_t call)
{
    return call >= STG_TOKEN_SPECIALS && call < s->n_calls;
}

static enum stg_status fit_descriptors(struct stg_symbols *s, const struct stg_seq *seq)
{
    for (size_t k = 0; k < seq->n; k++) {
        if (seq->phase[k] == STG_PHASE_ENTRY && seq->ret[k] != STG_RET_ABSENT) {
            const uint64_t class = descriptor_class(seq->ret[k]);
            if (s->of_class[class] == STG_TOKEN_UNKNOWN) {
                STG_RETURN_IF_FAILED(add_key(s, class_key(s, class)));
            }
        }
    }
    return STG_OK;
}

enum stg_status stg_symbols_fit(struct stg_symbols *s, const struct stg_corpus *corpus)
{
    /* Every class of time is possible, whatever the training data had. */
    for (uint64_t class = 1; class < LOG2_CLASSES && s->fields == STG_FIELD_ELAPSED; class ++) {
        STG_RETURN_IF_FAILED(add_key(s, class_key(s, class)));
    }
    for (size_t i = 0; i < corpus->n && s->fields != STG_FIELD_ELAPSED; i++) {
        struct stg_seq seq;
        stg_corpus_get(corpus, i, &seq);
        if (s->fields == STG_FIELD_DESCRIPTOR) {
            STG_RETURN_IF_FAILED(fit_descriptors(s, &seq));
            continue;
        }
        for (size_t k = 0; k < seq.n; k++) {
            if (is_known(s, seq.call[k]) &&
                stg_symbols_find(s, seq.call[k], seq.phase[k], seq.ret[k]) == STG_TOKEN_UNKNOWN) {
                STG_RETURN_IF_FAILED(add_key(s, make_key(s, seq.call[k], seq.phase[k], seq.ret[k])));
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

static inline uint32_t find_event(const struct stg_symbols *s, unsigned fields, uint16_t call, uint8_t phase,
                                  int64_t ret)
{
    const size_t class = fields & STG_FIELD_RET ? stg_ret_errno_class(phase, ret) : 0;
    if (class <= 1 && (!(fields & STG_FIELD_SIZE) || size_class(s, call, phase, ret) == 0)) {
        const size_t shown = fields & STG_FIELD_PHASE ? phase & 3 : 0;
        return call < s->n_direct ? s->direct[call * (size_t)DIRECT + shown * 2 + class] : STG_TOKEN_UNKNOWN;
    }
    const uint32_t id = find_key(s, make_key(s, call, phase, ret));
    return id == 0 ? STG_TOKEN_UNKNOWN : id;
}

uint32_t stg_symbols_find(const struct stg_symbols *s, uint16_t call, uint8_t phase, int64_t ret)
{
    return find_event(s, s->fields, call, phase, ret);
}

static void map_classes(const struct stg_symbols *s, const struct stg_walk *w, uint32_t *out)
{
    if (s->fields == STG_FIELD_ELAPSED) {
        for (size_t i = 0; i < w->n; i++) {
            out[i] = s->of_class[log2_class(w->elapsed_ns[i])];
        }
        return;
    }
    for (size_t i = 0; i < w->n; i++) { /* descriptors */
        const bool has_one = w->own && w->phase[i] == STG_PHASE_ENTRY && w->ret[i] != STG_RET_ABSENT;
        out[i] = has_one ? s->of_class[descriptor_class(w->ret[i])] : STG_TOKEN_MASK;
    }
}

/* Whether all of them are, which is nearly always so of a model of names and asks for no look-up. Without a branch for
 * each. */
static bool calls_are_symbols(const struct stg_symbols *s, const uint16_t *call, size_t n)
{
    if (s->fields != STG_FIELD_CALL) {
        return false;
    }
    const uint16_t n_same = (uint16_t)(s->n_same - STG_TOKEN_SPECIALS);
    uint16_t other = 0;
    for (size_t i = 0; i < n; i++) {
        other |= (uint16_t)(call[i] - STG_TOKEN_SPECIALS) >= n_same;
    }
    return other == 0;
}

void stg_symbols_map(const struct stg_symbols *s, const struct stg_walk *w, uint32_t *out)
{
    if (s->of_class != NULL) {
        map_classes(s, w, out);
        return;
    }
    if (calls_are_symbols(s, w->call, w->n)) {
        for (size_t i = 0; i < w->n; i++) {
            out[i] = w->call[i];
        }
        return;
    }
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

size_t stg_symbols_unknown(const struct stg_symbols *s, const struct stg_walk *w)
{
    enum { PART = 256 };
    uint32_t symbols[PART];
    size_t n = 0;
    if (calls_are_symbols(s, w->call + w->n_context, w->n - w->n_context)) {
        return 0;
    }
    for (size_t from = w->n_context; from < w->n; from += PART) {
        struct stg_walk part = *w;
        part.n = w->n - from < PART ? w->n - from : PART;
        part.call += from;
        part.phase += from;
        part.ret += from;
        part.elapsed_ns = s->fields == STG_FIELD_ELAPSED ? w->elapsed_ns + from : NULL;
        stg_symbols_map(s, &part, symbols);
        for (size_t i = 0; i < part.n; i++) {
            n += symbols[i] == STG_TOKEN_UNKNOWN;
        }
    }
    return n;
}

/* "1.02 us", the least that the class holds; "descriptor 2", "descriptor 3 to 63" */
static void describe_class(const struct stg_symbols *s, uint64_t key, char *out, size_t cap)
{
    const unsigned class = (unsigned)(key >> class_shift(s));
    if (s->fields == STG_FIELD_ELAPSED) {
        snprintf(out, cap, class <= 1 ? "0 ns" : "%.3g us", ldexp(1e-3, (int)class - 2));
    } else if (class <= 1) {
        snprintf(out, cap, "no descriptor");
    } else if (class < DESCRIPTOR_FEW) {
        snprintf(out, cap, "descriptor %u", class - 2);
    } else {
        snprintf(out, cap, "descriptor %" PRId64 " to %" PRId64, least_descriptor(class), highest_descriptor(class));
    }
}

void stg_symbols_describe(const struct stg_symbols *s, const struct stg_vocab *v, uint32_t id, char *out, size_t cap)
{
    static const char *const phases[] = {"", " entry", " exit", ""};
    const uint64_t key = id < s->n ? s->key[id] : STG_TOKEN_UNKNOWN;
    const uint32_t call = (uint32_t)(key & 0xFFFF);
    const char *name = call < stg_strings_count(v->calls) ? stg_strings_get(v->calls, call) : "[UNKNOWN]";
    const unsigned phase = (unsigned)(key >> KEY_PHASE_SHIFT) & 3;
    const int class = (int)(key >> KEY_RET_SHIFT) & 0xFFFF;
    const unsigned size = (unsigned)(key >> KEY_SIZE_SHIFT) & 0x3FF;
    char failure[48] = "";
    if (s->of_class != NULL && id < s->n && id >= STG_TOKEN_SPECIALS) {
        describe_class(s, key, out, cap);
        return;
    }
    if (size == 1) {
        snprintf(failure, sizeof failure, " 0");
    } else if (size > 1) {
        const unsigned long long least = least_size(size), most = least_size(size + 1) - 1;
        snprintf(failure, sizeof failure, least == most ? " %llu" : " %llu-%llu", least, most);
    } else if (class == 2) {
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

int64_t stg_symbols_highest_descriptor(const struct stg_symbols *s)
{
    int64_t highest = -1;
    for (size_t i = STG_TOKEN_SPECIALS; i < s->n && s->fields == STG_FIELD_DESCRIPTOR; i++) {
        const unsigned class = (unsigned)(s->key[i] >> KEY_DESCRIPTOR_SHIFT);
        const int64_t number = class > 1 ? highest_descriptor(class) : -1;
        highest = number > highest ? number : highest;
    }
    return highest;
}

struct stg_symbol_parts stg_symbols_parts(const struct stg_symbols *s, uint32_t id)
{
    struct stg_symbol_parts out = {0};
    if (id < STG_TOKEN_SPECIALS || id >= s->n) {
        return out;
    }
    if (s->of_class != NULL) {
        const uint64_t class = s->key[id] >> class_shift(s);
        out.elapsed_ns = s->fields == STG_FIELD_ELAPSED && class > 1 ? INT64_C(1) << (class - 2) : 0;
        return out;
    }
    out.call = s->key[id] & 0xFFFF;
    out.phase = (s->key[id] >> KEY_PHASE_SHIFT) & 3;
    out.errno_class = (s->key[id] >> KEY_RET_SHIFT) & 0xFFFF;
    return out;
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
    if (s->of_class != NULL) {
        const uint64_t class = key >> class_shift(s),
                       n = s->fields == STG_FIELD_ELAPSED ? LOG2_CLASSES : DESCRIPTOR_CLASSES;
        return class >= 1 && class < n && key == class_key(s, class) && find_key(s, key) == 0;
    }
    const uint64_t size = key >> KEY_SIZE_SHIFT;
    const bool size_fits = size <= 1 || (size < SIZE_CLASSES && size_step((int64_t)least_size((unsigned)size)) == size);
    const bool fits = size_fits && (key & 0xFFFF) >= STG_TOKEN_SPECIALS &&
                      ((s->fields & STG_FIELD_SIZE) || size == 0) &&
                      ((s->fields & STG_FIELD_PHASE) || ((key >> KEY_PHASE_SHIFT) & 3) == 0) &&
                      ((s->fields & STG_FIELD_RET) || ((key >> KEY_RET_SHIFT) & 0xFFFF) == 0);
    return fits && find_key(s, key) == 0;
}

static bool parse_fields(const char *text, unsigned *fields)
{
    char *end = NULL;
    const unsigned long value =
        text == NULL || text[0] < '0' || text[0] > '9' ? STG_FIELD_ALL + 1 : strtoul(text, &end, 10);
    *fields = (unsigned)(value <= STG_FIELD_ALL ? value : 0);
    return end != NULL && *end == '\0' && fields_are_valid(*fields);
}

enum stg_status stg_symbols_load(struct stg_symbols **out, const struct stg_tensors *t)
{
    enum stg_status status;
    struct stg_symbols *s = NULL;
    const struct stg_tensor *keys;
    const char *text = stg_tensors_meta(t, "symbols.fields");
    *out = NULL;
    unsigned fields;
    if (!parse_fields(text, &fields)) {
        status = stg_fail(STG_ERR_INPUT, "%s: metadata: symbols.fields is not a set of fields: the file is damaged",
                          stg_tensors_path(t));
        goto out;
    }
    STG_TRY(stg_tensors_need(t, "symbols.key", STG_U64, SIZE_MAX, &keys));
    STG_TRY(stg_symbols_new(&s, fields));
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
