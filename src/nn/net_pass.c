/* One pass over a batch: sequences dealt to the threads, gradients added in a fixed order. */
#include "base/memory.h"
#include "nn/net_internal.h"

#include <stdlib.h>
#include <string.h>

struct keyed {
    size_t n;
    uint32_t index;
};

static int by_length(const void *a, const void *b)
{
    const struct keyed *x = a;
    const struct keyed *y = b;
    if (x->n != y->n) {
        return x->n > y->n ? -1 : 1;
    }
    return x->index < y->index ? -1 : x->index > y->index;
}

enum stg_status stg_net_longest_first(uint32_t *order, const struct stg_net_sequence *sequences, size_t n)
{
    struct keyed *keyed = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&keyed, n, sizeof *keyed));
    for (size_t i = 0; i < n; i++) {
        keyed[i] = (struct keyed){sequences[i].n, (uint32_t)i};
    }
    qsort(keyed, n, sizeof *keyed, by_length);
    for (size_t i = 0; i < n; i++) {
        order[i] = keyed[i].index;
    }
    stg_mem_free(keyed);
    return STG_OK;
}

/* A batch, dealt. */
struct deal {
    struct stg_net *m;
    struct stg_net_pass pass;
    size_t n_parts;
    struct stg_net_sequence *sorted;      /* (n) part after part; owned */
    const struct stg_net_sequence **part; /* (n_parts) borrowed runs of sorted; owned */
    size_t *part_n;                       /* (n_parts) owned */
    struct stg_net_loss *loss;            /* (n_parts) owned */
};

static void deal_fini(struct deal *d)
{
    stg_mem_free(d->sorted);
    stg_mem_free(d->part);
    stg_mem_free(d->part_n);
    stg_mem_free(d->loss);
}

/* Deals the sequences out, longest first, each to the part with the fewest rows: the same parts every time. */
static enum stg_status deal_out(struct deal *d, const struct stg_net_sequence *sequences, size_t n)
{
    enum stg_status status = STG_OK;
    uint32_t *order = NULL;
    size_t *part_of = NULL;
    size_t *rows = NULL;
    STG_TRY(stg_mem_zeroed(&order, n, sizeof *order));
    STG_TRY(stg_mem_zeroed(&part_of, n, sizeof *part_of));
    STG_TRY(stg_mem_zeroed(&rows, d->n_parts, sizeof *rows));
    STG_TRY(stg_net_longest_first(order, sequences, n));
    for (size_t i = 0; i < n; i++) {
        size_t best = 0;
        for (size_t k = 1; k < d->n_parts; k++) {
            best = rows[k] < rows[best] ? k : best;
        }
        part_of[i] = best;
        rows[best] += sequences[order[i]].n;
        d->part_n[best]++;
    }
    struct stg_net_sequence *to = d->sorted;
    for (size_t k = 0; k < d->n_parts; k++) {
        d->part[k] = to;
        for (size_t i = 0; i < n; i++) {
            if (part_of[i] == k) {
                *to++ = sequences[order[i]];
            }
        }
    }
out:
    stg_mem_free(order);
    stg_mem_free(part_of);
    stg_mem_free(rows);
    return status;
}

/* Working memory for every part, kept from pass to pass. */
static enum stg_status reserve_parts(struct stg_net *m, size_t n_parts)
{
    if (n_parts > m->n_work) {
        size_t cap = m->n_work;
        STG_RETURN_IF_FAILED(stg_mem_grow(&m->work, &cap, n_parts, sizeof *m->work));
    }
    while (m->n_work < n_parts) {
        STG_RETURN_IF_FAILED(stg_net_work_new(m, &m->work[m->n_work]));
        m->n_work++;
    }
    return STG_OK;
}

static enum stg_status run_part(void *context, size_t i_part, size_t i_thread)
{
    const struct deal *d = context;
    struct stg_net_work *w = d->m->work[i_part];
    (void)i_thread;
    STG_RETURN_IF_FAILED(stg_net_work_logits(d->m, w));
    if (d->pass.backward) {
        if (w->gradient == NULL) {
            STG_RETURN_IF_FAILED(stg_mem_aligned(&w->gradient, d->m->params.size, sizeof(float)));
        }
        memset(w->gradient, 0, d->m->params.size * sizeof(float));
    }
    return d->m->ops->part(d->m, w, &d->pass, i_part, d->part[i_part], d->part_n[i_part], &d->loss[i_part]);
}

static void add_up(const struct deal *d, struct stg_net_loss *out)
{
    struct stg_params *p = &d->m->params;
    *out = (struct stg_net_loss){0};
    for (size_t k = 0; k < d->n_parts; k++) {
        out->loss += d->loss[k].loss;
        out->objective += d->loss[k].objective;
        out->n += d->loss[k].n;
        out->n_correct += d->loss[k].n_correct;
        if (d->pass.backward && k == 0) {
            memcpy(p->gradient, d->m->work[0]->gradient, p->size * sizeof(float));
        } else if (d->pass.backward) {
            stg_kernels()->add(p->gradient, d->m->work[k]->gradient, p->size);
        }
    }
}

static uint64_t count_scored(const struct stg_net_sequence *sequences, size_t n)
{
    uint64_t scored = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < sequences[i].n; t++) {
            scored += sequences[i].target[t] != STG_NET_UNSCORED;
        }
    }
    return scored;
}

enum stg_status stg_net_pass(struct stg_net *m, const struct stg_net_sequence *sequences, size_t n,
                             double label_smoothing, uint64_t dropout_seed, bool backward, struct stg_pool *pool,
                             struct stg_net_loss *out)
{
    enum stg_status status = STG_OK;
    const uint64_t n_scored = count_scored(sequences, n);
    struct deal d = {.m = m, .n_parts = stg_pool_threads(pool)};
    d.pass = (struct stg_net_pass){.smoothing = label_smoothing,
                                   .scale = n_scored == 0 ? 0.0f : (float)(1.0 / (double)n_scored),
                                   .seed = dropout_seed,
                                   .backward = backward};
    STG_TRY(stg_mem_zeroed(&d.sorted, n, sizeof *d.sorted));
    STG_TRY(stg_mem_zeroed(&d.part, d.n_parts, sizeof *d.part));
    STG_TRY(stg_mem_zeroed(&d.part_n, d.n_parts, sizeof *d.part_n));
    STG_TRY(stg_mem_zeroed(&d.loss, d.n_parts, sizeof *d.loss));
    STG_TRY(deal_out(&d, sequences, n));
    STG_TRY(reserve_parts(m, d.n_parts));
    STG_TRY(stg_pool_run(pool, d.n_parts, run_part, &d));
    add_up(&d, out);
out:
    deal_fini(&d);
    return status;
}
