/* Laying out the rows of a batch. */
#include "base/memory.h"
#include "nn/lstm_internal.h"

enum stg_status stg_lstm_pack_order(struct stg_lstm_pack *p, const struct stg_net_sequence *sequences, size_t n)
{
    STG_RETURN_IF_FAILED(stg_mem_grow(&p->order, &p->cap_sequences, n, sizeof *p->order));
    STG_RETURN_IF_FAILED(stg_net_longest_first(p->order, sequences, n));
    p->n_sequences = n;
    return STG_OK;
}

enum stg_status stg_lstm_pack_segment(struct stg_lstm_pack *p, const struct stg_net_sequence *sequences, size_t first,
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
