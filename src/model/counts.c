#include "model/counts.h"

#include "base/memory.h"
#include "token/token.h"

#include <string.h>

enum { FIRST_SLOTS = 1024 };

static enum stg_status reserve(struct stg_counts *c, size_t need)
{
    if (need <= c->cap) {
        return STG_OK;
    }
    if (need >= STG_COUNTS_NONE / 2) {
        return stg_fail(STG_ERR_MEMORY, "more than %u different n-grams: use a lower order", STG_COUNTS_NONE / 2);
    }
    struct {
        void *array;
        size_t size;
    } columns[] = {{&c->parent, 4}, {&c->suffix, 4}, {&c->symbol, 4}, {&c->left, 4},
                   {&c->raw, 8},    {&c->length, 1}, {&c->flags, 1}};
    size_t reached = c->cap;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        size_t cap = c->cap;
        STG_RETURN_IF_FAILED(stg_mem_grow(columns[i].array, &cap, need, columns[i].size));
        reached = cap;
    }
    c->cap = reached;
    return STG_OK;
}

enum stg_status stg_counts_init(struct stg_counts *c, uint32_t order)
{
    *c = (struct stg_counts){.order = order, .n_slots = FIRST_SLOTS};
    STG_RETURN_IF_FAILED(reserve(c, 1));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->slot, c->n_slots, sizeof *c->slot));
    c->parent[0] = c->suffix[0] = c->symbol[0] = c->left[0] = 0;
    c->raw[0] = 0;
    c->length[0] = c->flags[0] = 0;
    c->n = 1;
    return STG_OK;
}

void stg_counts_fini(struct stg_counts *c)
{
    stg_mem_free(c->parent);
    stg_mem_free(c->suffix);
    stg_mem_free(c->symbol);
    stg_mem_free(c->left);
    stg_mem_free(c->raw);
    stg_mem_free(c->length);
    stg_mem_free(c->flags);
    stg_mem_free(c->slot);
    *c = (struct stg_counts){0};
}

static void place(struct stg_counts *c, uint32_t node)
{
    size_t i = stg_counts_hash((uint64_t)c->parent[node] << 32 | c->symbol[node], c->n_slots);
    while (c->slot[i] != 0) {
        i = (i + 1) & (c->n_slots - 1);
    }
    c->slot[i] = node;
}

/* n slots and all nodes in them, in their order: where a node stands does not depend on how often there was no room. */
static enum stg_status make_slots(struct stg_counts *c, size_t n)
{
    uint32_t *slot = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&slot, n, sizeof *slot));
    stg_mem_free(c->slot);
    c->slot = slot;
    c->n_slots = n;
    for (uint32_t node = 1; node < c->n; node++) {
        place(c, node);
    }
    return STG_OK;
}

enum stg_status stg_counts_expect(struct stg_counts *c, size_t n)
{
    size_t n_slots = c->n_slots;
    while ((n + 1) * 2 > n_slots) {
        n_slots *= 2;
    }
    STG_RETURN_IF_FAILED(reserve(c, n + 1));
    return n_slots > c->n_slots ? make_slots(c, n_slots) : STG_OK;
}

static uint32_t find(const struct stg_counts *c, uint32_t parent, uint32_t symbol)
{
    return stg_counts_find(c->parent, c->symbol, c->slot, c->n_slots, parent, symbol);
}

/* The node parent + symbol, which is missing, made with all its suffixes that are. At most `order` levels deep. */
static enum stg_status make(struct stg_counts *c, uint32_t parent, uint32_t symbol, uint32_t *out)
{
    uint32_t path[STG_COUNTS_MAX_ORDER + 1]; /* parents whose child is missing, longest first */
    size_t n_path = 0;
    uint32_t at = parent, suffix;
    do {
        path[n_path++] = at;
        suffix = 0;
        if (at != 0) {
            at = c->suffix[at];
            suffix = find(c, at, symbol);
        }
    } while (suffix == STG_COUNTS_NONE);
    while (n_path > 0) { /* shortest first, so that each finds its suffix */
        at = path[--n_path];
        STG_RETURN_IF_FAILED(reserve(c, c->n + 1));
        if ((c->n + 1) * 2 > c->n_slots) {
            STG_RETURN_IF_FAILED(make_slots(c, c->n_slots * 2));
        }
        const uint32_t node = (uint32_t)c->n++;
        c->parent[node] = at;
        c->suffix[node] = suffix;
        c->symbol[node] = symbol;
        c->raw[node] = c->left[node] = 0;
        c->length[node] = (uint8_t)(c->length[at] + 1);
        c->flags[node] =
            (at == 0 ? symbol == STG_TOKEN_START : c->flags[at] & STG_COUNTS_BEGINS) ? STG_COUNTS_BEGINS : 0;
        place(c, node);
        suffix = node;
    }
    *out = suffix;
    return STG_OK;
}

/* A node's first prediction is one more symbol to the left of its suffix. */
static void see(struct stg_counts *c, uint32_t node)
{
    while (!(c->flags[node] & STG_COUNTS_SEEN)) {
        c->flags[node] |= STG_COUNTS_SEEN;
        if (c->length[node] == 1) {
            return;
        }
        node = c->suffix[node];
        c->left[node]++;
    }
}

enum stg_status stg_counts_add(struct stg_counts *c, uint32_t parent, uint32_t symbol, uint64_t times, uint32_t *node)
{
    *node = find(c, parent, symbol);
    if (*node == STG_COUNTS_NONE) {
        STG_RETURN_IF_FAILED(make(c, parent, symbol, node));
    }
    if (times > 0) {
        c->raw[*node] += times;
        see(c, *node);
    }
    return STG_OK;
}

enum stg_status stg_counts_put(struct stg_counts *c, uint32_t *state, uint32_t symbol, bool predict)
{
    uint32_t node;
    STG_RETURN_IF_FAILED(stg_counts_add(c, *state, symbol, predict ? 1 : 0, &node));
    *state = c->length[node] < c->order ? node : c->suffix[node];
    return STG_OK;
}
