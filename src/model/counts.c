#include "model/counts.h"

#include "base/memory.h"

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
    } columns[] = {{&c->parent, 4}, {&c->suffix, 4}, {&c->symbol, 4}, {&c->first, 4},
                   {&c->raw, 8},    {&c->left, 8},   {&c->length, 1}, {&c->seen, 1}};
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
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->slot_key, c->n_slots, sizeof *c->slot_key));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&c->slot_node, c->n_slots, sizeof *c->slot_node));
    c->parent[0] = c->suffix[0] = c->symbol[0] = c->first[0] = 0;
    c->raw[0] = c->left[0] = 0;
    c->length[0] = c->seen[0] = 0;
    c->n = 1;
    return STG_OK;
}

void stg_counts_fini(struct stg_counts *c)
{
    stg_mem_free(c->parent);
    stg_mem_free(c->suffix);
    stg_mem_free(c->symbol);
    stg_mem_free(c->first);
    stg_mem_free(c->raw);
    stg_mem_free(c->left);
    stg_mem_free(c->length);
    stg_mem_free(c->seen);
    stg_mem_free(c->slot_key);
    stg_mem_free(c->slot_node);
    *c = (struct stg_counts){0};
}

static void place(uint64_t *slot_key, uint32_t *slot_node, size_t n_slots, uint64_t key, uint32_t node)
{
    size_t i = stg_counts_hash(key, n_slots);
    while (slot_node[i] != 0) {
        i = (i + 1) & (n_slots - 1);
    }
    slot_key[i] = key;
    slot_node[i] = node;
}

static uint64_t key_of(const struct stg_counts *c, uint32_t node)
{
    return (uint64_t)c->parent[node] << 32 | c->symbol[node];
}

static enum stg_status grow_slots(struct stg_counts *c)
{
    uint64_t *slot_key = NULL;
    uint32_t *slot_node = NULL;
    const size_t n_slots = c->n_slots * 2;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&slot_key, n_slots, sizeof *slot_key));
    const enum stg_status status = stg_mem_zeroed(&slot_node, n_slots, sizeof *slot_node);
    if (status != STG_OK) {
        stg_mem_free(slot_key);
        return status;
    }
    for (uint32_t node = 1; node < c->n; node++) {
        place(slot_key, slot_node, n_slots, key_of(c, node), node);
    }
    stg_mem_free(c->slot_key);
    stg_mem_free(c->slot_node);
    c->slot_key = slot_key;
    c->slot_node = slot_node;
    c->n_slots = n_slots;
    return STG_OK;
}

static uint32_t find(const struct stg_counts *c, uint32_t parent, uint32_t symbol)
{
    return stg_counts_find(c->slot_key, c->slot_node, c->n_slots, parent, symbol);
}

/* The node parent + symbol, made with all its suffixes when new. At most `order` levels deep. */
static enum stg_status make(struct stg_counts *c, uint32_t parent, uint32_t symbol, uint32_t *out)
{
    uint32_t path[STG_COUNTS_MAX_ORDER + 1]; /* parents whose child is missing, longest first */
    size_t n_path = 0;
    uint32_t suffix = 0;
    for (uint32_t at = parent;; at = c->suffix[at]) {
        const uint32_t node = find(c, at, symbol);
        if (node != STG_COUNTS_NONE) {
            suffix = node;
            break;
        }
        path[n_path++] = at;
        if (at == 0) {
            suffix = 0;
            break;
        }
    }
    while (n_path > 0) { /* shortest first, so that each finds its suffix */
        const uint32_t at = path[--n_path];
        STG_RETURN_IF_FAILED(reserve(c, c->n + 1));
        if ((c->n + 1) * 2 > c->n_slots) {
            STG_RETURN_IF_FAILED(grow_slots(c));
        }
        const uint32_t node = (uint32_t)c->n++;
        c->parent[node] = at;
        c->suffix[node] = suffix;
        c->symbol[node] = symbol;
        c->first[node] = at == 0 ? symbol : c->first[at];
        c->raw[node] = c->left[node] = 0;
        c->length[node] = (uint8_t)(c->length[at] + 1);
        c->seen[node] = 0;
        place(c->slot_key, c->slot_node, c->n_slots, key_of(c, node), node);
        suffix = node;
    }
    *out = suffix;
    return STG_OK;
}

/* A node's first prediction is one more symbol to the left of its suffix. */
static void see(struct stg_counts *c, uint32_t node)
{
    while (!c->seen[node]) {
        c->seen[node] = 1;
        if (c->length[node] == 1) {
            return;
        }
        node = c->suffix[node];
        c->left[node]++;
    }
}

enum stg_status stg_counts_put(struct stg_counts *c, uint32_t *state, uint32_t symbol, bool predict)
{
    uint32_t node = find(c, *state, symbol);
    if (node == STG_COUNTS_NONE) {
        STG_RETURN_IF_FAILED(make(c, *state, symbol, &node));
    }
    if (predict) {
        c->raw[node]++;
        see(c, node);
    }
    *state = c->length[node] < c->order ? node : c->suffix[node];
    return STG_OK;
}

enum stg_status stg_counts_merge(struct stg_counts *c, const struct stg_counts *from)
{
    uint32_t *map = NULL;
    enum stg_status status = stg_mem_zeroed(&map, from->n, sizeof *map);
    for (uint32_t i = 1; i < from->n && status == STG_OK; i++) {
        const uint32_t parent = map[from->parent[i]];
        uint32_t node = find(c, parent, from->symbol[i]);
        if (node == STG_COUNTS_NONE) {
            status = make(c, parent, from->symbol[i], &node);
        }
        if (status == STG_OK) {
            map[i] = node;
            c->raw[node] += from->raw[i];
            if (from->seen[i]) {
                see(c, node);
            }
        }
    }
    stg_mem_free(map);
    return status;
}
