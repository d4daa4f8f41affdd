/* Answers of an n-gram by key: each is that of the trie, which is asked once. */
#include "model/ngram.h"

#include "base/memory.h"

#include <string.h>

/* What follows from the last `order` symbols: which surprisal the newest has, and the context that it leaves. So a
 * token waits neither for the one before nor, nearly always, for the trie. */
struct answer {
    uint64_t key; /* 0 = none yet */
    uint32_t next;
    float surprisal;
};
enum { WAYS = 4, QUICK = 2 }; /* places for each hash, one cache line, and how many of them are looked at first */
enum { LEAST_ANSWERS = 1 << 12, MOST_ANSWERS = 1 << 18, MOST_TAKEN = 2 * MOST_ANSWERS };
enum { CHUNK = 64 };    /* tokens whose answers are asked for together, so that they come into the cache meanwhile */
enum { PATIENCE = 32 }; /* part of the n-grams that are asked for one by one before all are taken */

struct stg_ngram_answers {
    struct answer *answers; /* (n_answers) by hash of the key */
    size_t n_answers; /* a power of two; when all are taken, room for twice the n-grams, within the bounds above */
    size_t n_asked;   /* of the trie */
    bool taken;
    struct stg_ngram_packing packing;
    enum stg_ngram_kind kind;
    uint32_t order;
    size_t n_symbols;
    const struct stg_ngram_table *table; /* borrowed */
};

enum stg_status stg_ngram_answers_new(struct stg_ngram_answers **out, enum stg_ngram_kind kind,
                                      const struct stg_ngram_table *table, uint32_t order, size_t n_symbols)
{
    enum stg_status status = STG_OK;
    struct stg_ngram_answers *r = NULL;
    struct stg_ngram_packing packing;
    *out = NULL;
    if (!stg_ngram_packing(&packing, order, n_symbols)) {
        return STG_OK;
    }
    STG_TRY(stg_mem_zeroed(&r, 1, sizeof *r));
    *r = (struct stg_ngram_answers){.n_answers = LEAST_ANSWERS,
                                    .packing = packing,
                                    .kind = kind,
                                    .order = order,
                                    .n_symbols = n_symbols,
                                    .table = table};
    STG_TRY(stg_mem_aligned(&r->answers, r->n_answers, sizeof *r->answers));
    *out = r;
    r = NULL;
out:
    stg_ngram_answers_free(r);
    return status;
}

void stg_ngram_answers_free(struct stg_ngram_answers *r)
{
    if (r != NULL) {
        stg_mem_free(r->answers);
        stg_mem_free(r);
    }
}

static inline struct answer *places_of(const struct stg_ngram_answers *r, uint64_t key)
{
    return &r->answers[stg_counts_hash(key, r->n_answers / WAYS) * WAYS];
}

/* Room for all n-grams, which whoever scores one sequence does without. */
static enum stg_status make_room(struct stg_ngram_answers *r)
{
    struct answer *more = NULL;
    size_t n = LEAST_ANSWERS;
    while (n < 2 * r->table->n && n < MOST_ANSWERS) {
        n *= 2;
    }
    STG_RETURN_IF_FAILED(stg_mem_aligned(&more, n, sizeof *more));
    stg_mem_free(r->answers);
    r->answers = more;
    r->n_answers = n;
    return STG_OK;
}

/* Takes the answers of all n-grams: after symbols that are one, its parent is the context. What finds no place is asked
 * for when it comes. In the order of the table, which is a tenth of the time of asking. Of more than there is room for
 * none is taken: the first ones are no better than those that come, and each has a key here meanwhile. */
static enum stg_status take_all(struct stg_ngram_answers *r)
{
    const struct stg_ngram_table *t = r->table;
    uint64_t *key = NULL;
    STG_RETURN_IF_FAILED(make_room(r));
    if (t->n > MOST_TAKEN) {
        r->taken = true;
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_mem_aligned(&key, t->n, sizeof *key));
    for (size_t i = 1; i < t->n; i++) { /* a parent's number is smaller */
        key[i] = stg_ngram_pack(r->packing, key[t->parent[i]], t->symbol[i]);
    }
    for (size_t i = 1; i < t->n; i++) {
        const bool longest = t->length[i] == r->order;
        struct answer *a = places_of(r, key[i]);
        if (i + CHUNK < t->n) {
            __builtin_prefetch(places_of(r, key[i + CHUNK]), 1);
        }
        if (!longest && stg_ngram_packed(r->packing, key[i], t->length[i] - 1U) != STG_TOKEN_START) {
            continue; /* something stands before it */
        }
        for (size_t way = 0; way < WAYS && a->key != key[i]; way++, a++) {
            if (a->key == 0) {
                *a = (struct answer){key[i], longest ? t->suffix[i] : (uint32_t)i, -(0.0f + t->log_p[i])};
                break;
            }
        }
    }
    stg_mem_free(key);
    r->taken = true;
    return STG_OK;
}

/* The surprisal of a symbol where the first places of its key, at a, have others; moves *state on. */
static float ask(struct stg_ngram_answers *r, struct answer *a, uint64_t key, uint32_t *state, uint32_t symbol)
{
    struct answer found = {.key = key};
    size_t way = QUICK;
    while (way < WAYS && a[way].key != key) {
        way++;
    }
    if (way < WAYS) {
        found = a[way];
        *state = found.next;
    } else {
        way--;
        r->n_asked++;
        found.surprisal = -stg_ngram_advance(r->kind, r->table, r->order, r->n_symbols, state, symbol);
        found.next = *state;
    }
    memmove(a + 1, a, way * sizeof *a); /* the newest comes first, the oldest goes */
    a[0] = found;
    return found.surprisal;
}

/* At most CHUNK symbols; *key and *state are of those before, and then of the last. */
static void score_chunk(struct stg_ngram_answers *r, const uint32_t *symbols, size_t n, uint64_t *key, uint32_t *state,
                        float *out)
{
    uint64_t keys[CHUNK];
    struct answer *places[CHUNK];
    uint64_t last = *key;
    for (size_t i = 0; i < n; i++) {
        last = symbols[i] == STG_TOKEN_MASK ? last : stg_ngram_pack(r->packing, last, symbols[i]);
        keys[i] = last;
        places[i] = places_of(r, last);
        __builtin_prefetch(places[i]);
    }
    *key = last;
    for (size_t i = 0; i < n; i++) {
        const struct answer *a = places[i];
        a += a->key != keys[i]; /* no branch, as nothing tells which of the two it is */
        if (symbols[i] == STG_TOKEN_MASK) {
            out[i] = 0;
        } else if (__builtin_expect(a->key == keys[i], 1)) {
            out[i] = a->surprisal;
            *state = a->next;
        } else {
            out[i] = ask(r, places[i], keys[i], state, symbols[i]);
        }
    }
}

enum stg_status stg_ngram_answers_score(struct stg_ngram_answers *r, const uint32_t *symbols, size_t n, size_t from,
                                        float *out)
{
    float unread[CHUNK];
    uint32_t state = 0;
    uint64_t key = 0;
    if (!r->taken && r->n_asked > r->table->n / PATIENCE) {
        STG_RETURN_IF_FAILED(take_all(r));
    }
    for (size_t i = 0, len; i < n; i += len) {
        const size_t end = i < from ? from : n;
        len = end - i < CHUNK ? end - i : CHUNK;
        score_chunk(r, symbols + i, len, &key, &state, i < from ? unread : out + (i - from));
    }
    return STG_OK;
}
