/* Working memory: one arena, laid out for the rows of the group at hand. */
#include "base/memory.h"
#include "nn/transformer_internal.h"

/* Places arrays one after the other from base on; with base NULL it only counts. */
struct layout {
    float *base;
    size_t size; /* floats so far */
};

static void place(struct layout *to, float **array, size_t rows, size_t cols)
{
    *array = to->base == NULL ? NULL : to->base + to->size;
    to->size += (rows * cols + 15) / 16 * 16; /* whole cache lines */
}

static void place_layer(const struct stg_transformer *m, const struct stg_transformer_work *w, struct layout *to,
                        struct stg_transformer_activations *a)
{
    const struct stg_net_shape *s = &m->net.shape;
    const size_t N = w->n_rows;
    const size_t G = w->n_global;
    const size_t R = w->near_rows;
    const size_t d = s->hidden;
    for (size_t i = 0; i < STG_SUBLAYERS; i++) {
        place(to, &a->aux[i], s->norm == STG_NORM_POST ? R : N, s->norm == STG_NORM_NONE ? 0 : d);
        place(to, &a->mean[i], N, 1);
        place(to, &a->rstd[i], N, 1);
    }
    place(to, &a->middle, R, d);
    place(to, &a->qkv, N, 3 * d);
    place(to, &a->attended, N, d);
    place(to, &a->lse, N, s->heads);
    place(to, &a->global_in, G, d);
    place(to, &a->global_qkv, G, 3 * d);
    place(to, &a->global_lse, G, s->heads);
    place(to, &a->wide, R, m->layer[0].ff_in.outputs);
    place(to, &a->act, R, s->ff);
}

static void place_backward(const struct stg_transformer *m, struct stg_transformer_work *w, struct layout *to)
{
    const size_t d = m->net.shape.hidden;
    const size_t f = m->net.shape.ff;
    const size_t at_once = w->n_rows < STG_LINEAR_BACKWARD_ROWS ? w->n_rows : STG_LINEAR_BACKWARD_ROWS;
    place(to, &w->dy, w->n_rows, d);
    place(to, &w->df, at_once, d);
    place(to, &w->du, w->n_rows, d);
    place(to, &w->d_wide, 1, at_once * f > w->n_rows * 3 * d ? at_once * f : w->n_rows * 3 * d);
    place(to, &w->d_global, w->n_global, d);
    place(to, &w->d_global_qkv, w->n_global, 3 * d);
    place(to, &w->d_global_in, w->n_global, d);
    place(to, &w->d_input, w->n_rows, m->projects ? m->net.input : 0);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* At least as many rows as a stream of the group has then: a power of two, so that not every step asks for more. */
static size_t reach_of(const struct stg_transformer_work *w)
{
    size_t reach = 1024;
    for (size_t i = 0; i < w->n_spans; i++) {
        while (reach < w->spans[i].past + w->spans[i].n) {
            reach *= 2;
        }
    }
    return reach;
}

/* What the attention kernels want for the group: for its spans, or for a piece with all of its past. */
static size_t scratch_size(const struct stg_transformer *m, const struct stg_transformer_work *w, bool pieces)
{
    const size_t n_global = m->net.shape.n_global;
    const size_t reach = pieces ? reach_of(w) : 0;
    size_t most = 0;
    for (size_t l = 0; l < m->net.shape.layers; l++) {
        const size_t ring = m->layer[l].ring;
        const size_t turned = least(n_global + 2 * ring, reach);
        const size_t kept = least(n_global + ring, reach);
        for (size_t i = 0; i < w->n_spans; i++) {
            const size_t T = w->spans[i].n;
            /* A step's rows are counted within twice the ring, a piece's are keys of one ring and itself. */
            const struct stg_attention views[] = {
                stg_transformer_view(m, l, T, 0),
                stg_transformer_view(m, l, turned + T, 0),
                stg_transformer_view(m, l, kept + T, kept),
            };
            for (size_t k = 0; k < sizeof views / sizeof views[0]; k++) {
                const size_t size = stg_kernels()->attention_scratch(&views[k]);
                most = size > most ? size : most;
            }
            if (pieces) {
                break; /* streams have one row each, and a piece is alone */
            }
        }
    }
    return most;
}

/* Rows of keys that a piece of more than one row puts together; one, of what a step watches, otherwise. */
static size_t key_rows(const struct stg_transformer *m, const struct stg_transformer_work *w, bool pieces)
{
    size_t longest = 0;
    for (size_t l = 0; l < m->net.shape.layers; l++) {
        longest = m->layer[l].ring > longest ? m->layer[l].ring : longest;
    }
    const bool piece = pieces && w->n_spans == 1 && w->spans[0].n > 1;
    return piece ? least(m->net.shape.n_global + longest, reach_of(w)) + w->spans[0].n : 1;
}

static void place_all(const struct stg_transformer *m, struct stg_transformer_work *w, bool backward, bool pieces,
                      struct layout *to)
{
    const size_t L = m->net.shape.layers;
    const size_t d = m->net.shape.hidden;
    const size_t sets = backward && !m->net.shape.recompute ? L : 1;
    const size_t kept = backward ? L + 1 : 2; /* without backward two take turns */
    for (size_t l = 0; l <= L; l++) {
        if (l < kept) {
            place(to, &w->x[l], w->n_rows, d);
        } else {
            w->x[l] = w->x[l - 2];
        }
    }
    for (size_t l = 0; l < L; l++) {
        if (l < sets) {
            place_layer(m, w, to, &w->layer[l]);
        } else {
            w->layer[l] = w->layer[0];
        }
    }
    place(to, &w->top, w->n_rows, d);
    place(to, &w->mean, w->n_rows, 1);
    place(to, &w->rstd, w->n_rows, 1);
    place(to, &w->keys, key_rows(m, w, pieces), 2 * d);
    place(to, &w->scratch, scratch_size(m, w, pieces), 1);
    place(to, &w->input, m->projects ? w->n_rows : 0, m->net.input);
    if (!m->projects) {
        w->input = w->x[0];
    }
    if (backward) {
        place_backward(m, w, to);
    }
}

enum stg_status stg_transformer_reserve(const struct stg_transformer *m, struct stg_transformer_work *w, bool backward,
                                        bool pieces)
{
    struct layout to = {0};
    if (m->first.looked_up) {
        STG_RETURN_IF_FAILED(stg_mem_grow(&w->ids, &w->cap_ids, w->n_rows * m->net.shape.n_tables, sizeof *w->ids));
    }
    w->near_rows = backward || w->n_rows < STG_LINEAR_ROWS ? w->n_rows : STG_LINEAR_ROWS;
    w->rounded = backward && m->net.shape.precision == STG_PRECISION_BF16;
    place_all(m, w, backward, pieces, &to);
    if (to.size > w->arena_size) {
        stg_mem_free(w->arena);
        w->arena = NULL;
        w->arena_size = 0;
        STG_RETURN_IF_FAILED(stg_mem_aligned(&w->arena, to.size, sizeof(float)));
        w->arena_size = to.size;
    }
    to = (struct layout){.base = w->arena};
    place_all(m, w, backward, pieces, &to);
    return STG_OK;
}

void stg_transformer_work_fini(struct stg_net_work *work)
{
    struct stg_transformer_work *w = (struct stg_transformer_work *)work;
    stg_mem_free(w->arena);
    stg_mem_free(w->goals);
    stg_mem_free(w->ids);
    stg_first_layer_sums_fini(&w->first);
    stg_mem_free(w->spans);
    stg_mem_free(w->state);
}
