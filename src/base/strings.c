#include "base/strings.h"

#include "base/memory.h"

#include <string.h>
#include <xxhash.h>

enum { MAX_STRINGS = 1 << 24, MAX_LENGTH = 4096 };

struct stg_strings {
    char **texts; /* (n) each owned, so that addresses never move */
    uint64_t *hashes;
    size_t n, cap_texts, cap_hashes;
    uint32_t *slots; /* id + 1, 0 = free; n_slots is a power of two, at most half full */
    size_t n_slots;
};

enum stg_status stg_strings_new(struct stg_strings **out)
{
    struct stg_strings *s = NULL;
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s, 1, sizeof *s));
    s->n_slots = 64;
    const enum stg_status status = stg_mem_zeroed(&s->slots, s->n_slots, sizeof *s->slots);
    if (status != STG_OK) {
        stg_strings_free(s);
        return status;
    }
    *out = s;
    return STG_OK;
}

void stg_strings_free(struct stg_strings *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        stg_mem_free(s->texts[i]);
    }
    stg_mem_free(s->texts);
    stg_mem_free(s->hashes);
    stg_mem_free(s->slots);
    stg_mem_free(s);
}

/* The slot of the text, or the free one where it would go. */
static size_t slot_of(const struct stg_strings *s, const char *text, size_t len, uint64_t hash)
{
    size_t i = (size_t)hash & (s->n_slots - 1);
    while (s->slots[i] != 0) {
        const uint32_t id = s->slots[i] - 1;
        if (s->hashes[id] == hash && strncmp(s->texts[id], text, len) == 0 && s->texts[id][len] == '\0') {
            break;
        }
        i = (i + 1) & (s->n_slots - 1);
    }
    return i;
}

static enum stg_status grow_slots(struct stg_strings *s)
{
    uint32_t *slots = NULL;
    const size_t n_slots = s->n_slots * 2;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&slots, n_slots, sizeof *slots));
    for (uint32_t id = 0; id < s->n; id++) {
        size_t i = (size_t)s->hashes[id] & (n_slots - 1);
        while (slots[i] != 0) {
            i = (i + 1) & (n_slots - 1);
        }
        slots[i] = id + 1;
    }
    stg_mem_free(s->slots);
    s->slots = slots;
    s->n_slots = n_slots;
    return STG_OK;
}

enum stg_status stg_strings_put(struct stg_strings *s, const char *text, size_t len, uint32_t *id)
{
    /* A NUL inside would make two different names look the same. */
    len = strnlen(text, len);
    if (len > MAX_LENGTH || s->n >= MAX_STRINGS) {
        return stg_fail(STG_ERR_MEMORY, "too many or too long names: at most %d of %d bytes", MAX_STRINGS, MAX_LENGTH);
    }
    const uint64_t hash = XXH3_64bits(text, len);
    size_t slot = slot_of(s, text, len, hash);
    if (s->slots[slot] != 0) {
        *id = s->slots[slot] - 1;
        return STG_OK;
    }
    if ((s->n + 1) * 2 > s->n_slots) {
        STG_RETURN_IF_FAILED(grow_slots(s));
        slot = slot_of(s, text, len, hash);
    }
    STG_RETURN_IF_FAILED(stg_mem_grow(&s->texts, &s->cap_texts, s->n + 1, sizeof *s->texts));
    STG_RETURN_IF_FAILED(stg_mem_grow(&s->hashes, &s->cap_hashes, s->n + 1, sizeof *s->hashes));
    char *copy = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&copy, len + 1, 1));
    memcpy(copy, text, len);
    s->texts[s->n] = copy;
    s->hashes[s->n] = hash;
    *id = (uint32_t)s->n++;
    s->slots[slot] = *id + 1;
    return STG_OK;
}

uint32_t stg_strings_find(const struct stg_strings *s, const char *text, size_t len)
{
    len = strnlen(text, len);
    const uint32_t id = s->slots[slot_of(s, text, len, XXH3_64bits(text, len))];
    return id == 0 ? STG_STRINGS_NONE : id - 1;
}

const char *stg_strings_get(const struct stg_strings *s, uint32_t id)
{
    return s->texts[id];
}

size_t stg_strings_count(const struct stg_strings *s)
{
    return s->n;
}
