/* Laying out the rows of a batch. */
#include "base/memory.h"
#include "nn/lstm_internal.h"

#include <stdlib.h>

struct keyed {
    size_t n;
    uint32_t index;
};

static int longest_first(const void *a, const void *b)
{
    const struct keyed *x = a;
    const struct keyed *y = b;
    if (x->n != y->n) {
        return x->n > y->n ? -1 : 1;
    }
    return x->index < y->index ? -1 : x->index > y->index;
}

enum stg_status stg_lstm_pack_order(struct stg_lstm_pack *p, const struct stg_lstm_sequence *sequences, size_t n)
{
    struct keyed *keyed = NULL;
    STG_RETURN_IF_FAILED(stg_mem_grow(&p->order, &p->cap_sequences, n, sizeof *p->order));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&keyed, n, sizeof *keyed));
    for (size_t i = 0; i < n; i++) {
        keyed[i] = (struct keyed){sequences[i].n, (uint32_t)i};
    }
    qsort(keyed, n, sizeof *keyed, longest_first);
    for (size_t i = 0; i < n; i++) {
        p->order[i] = keyed[i].index;
    }
    p->n_sequences = n;
    stg_mem_free(keyed);
    return STG_OK;
}

enum stg_status stg_lstm_pack_segment(struct stg_lstm_pack *p, const struct stg_lstm_sequence *sequences, size_t first,
                                      size_t max_steps)
{
    const size_t longest = p->n_sequences == 0 ? 0 : sequences[p->order[0]].n;
    const size_t left = longest > first ? longest - first : 0;
    p->n_steps = left < max_steps ? left : max_steps;
    p->n_rows = 0;
    if (p->n_steps > p->cap_steps) {
        size_t cap = p->cap_steps;
        STG_RETURN_IF_FAILED(stg_mem_grow(&p->start, &cap, p->n_steps, sizeof *p->start));
        STG_RETURN_IF_FAILED(stg_mem_grow(&p->width, &p->cap_steps, p->n_steps, sizeof *p->width));
    }
    size_t width = p->n_sequences;
    for (size_t t = 0; t < p->n_steps; t++) {
        while (width > 0 && sequences[p->order[width - 1]].n <= first + t) {
            width--;
        }
        p->start[t] = p->n_rows;
        p->width[t] = width;
        p->n_rows += width;
    }
    return STG_OK;
}

void stg_lstm_pack_fini(struct stg_lstm_pack *p)
{
    stg_mem_free(p->start);
    stg_mem_free(p->width);
    stg_mem_free(p->order);
}
