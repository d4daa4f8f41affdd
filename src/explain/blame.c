#include "explain/blame.h"

#include "base/memory.h"
#include "explain/segments.h"

#include <math.h>
#include <stdlib.h>

const char *stg_field_name(enum stg_field f)
{
    static const char *const names[STG_FIELDS_TO_BLAME] = {"call", "size", "errno", "pause", "descriptor"};
    return names[f];
}

double blame_entropy(const float *log_p, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (log_p[i] > -INFINITY) {
            sum -= exp((double)log_p[i]) * (double)log_p[i];
        }
    }
    return sum;
}

enum stg_field blame_field(const struct stg_model *m, const struct stg_explained_event *e, const float *log_p)
{
    const unsigned fields = stg_symbols_fields(m->symbols);
    double call = 0, other_errno = 0; /* probability of the call and phase; of these, with another errno */
    if (e->symbol < STG_TOKEN_SPECIALS && e->symbol != STG_TOKEN_UNKNOWN) {
        return STG_FIELD_TO_BLAME_CALL;
    }
    const uint16_t class = fields & STG_FIELD_RET ? stg_ret_errno_class(e->phase, e->ret) : 0;
    for (uint32_t id = STG_TOKEN_SPECIALS; id < stg_symbols_count(m->symbols); id++) {
        const struct stg_symbol_parts p = stg_symbols_parts(m->symbols, id);
        if (p.call == e->call && (p.phase == e->phase || !(fields & STG_FIELD_PHASE)) && log_p[id] > -INFINITY) {
            call += exp((double)log_p[id]);
            other_errno += p.errno_class != class ? exp((double)log_p[id]) : 0;
        }
    }
    if (-log(fmax(call, 1e-30)) >= 0.5 * (double)e->surprisal) {
        return STG_FIELD_TO_BLAME_CALL;
    }
    return other_errno > 0.5 * call ? STG_FIELD_TO_BLAME_ERRNO : STG_FIELD_TO_BLAME_SIZE;
}

/* What reading one walk with a side model needs. */
struct reader {
    const struct stg_model *side;
    struct stg_model_run *run;
    struct stg_model_state *state;
    struct stg_walker *walker;
    float *log_p;      /* (V) of the side model */
    uint32_t *symbols; /* (rows of the longest walk) */
    uint32_t *place;   /* (seq->n) index into events of a row, UINT32_MAX where it was not reached */
    size_t V, cap;
};

static void reader_fini(struct reader *r)
{
    if (r->state != NULL) {
        r->side->ops->state_free(r->state);
    }
    if (r->run != NULL) {
        r->side->ops->run_free(r->run);
    }
    stg_walker_free(r->walker);
    stg_mem_free(r->log_p);
    stg_mem_free(r->symbols);
    stg_mem_free(r->place);
}

static enum stg_status reader_init(struct reader *r, const struct stg_model *side, const struct stg_explanation *x,
                                   const struct stg_seq *seq)
{
    *r = (struct reader){.side = side, .V = stg_symbols_count(side->symbols)};
    STG_RETURN_IF_FAILED(stg_walker_new(&r->walker, STG_WALK_ALL));
    STG_RETURN_IF_FAILED(side->ops->run_new(side, &r->run));
    STG_RETURN_IF_FAILED(side->ops->state_new(side, &r->state));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&r->log_p, r->V, sizeof *r->log_p));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&r->place, seq->n, sizeof *r->place));
    for (size_t i = 0; i < seq->n; i++) {
        r->place[i] = UINT32_MAX;
    }
    for (size_t i = 0; i < x->n; i++) {
        if (x->events[i].index != UINT32_MAX) {
            r->place[x->events[i].index] = (uint32_t)i;
        }
    }
    return STG_OK;
}

/* The side models are n-grams of symbols that no event alone has, so they are fed the symbols themselves. There are
 * few: a class of times fits the byte; a class of descriptors need not, but a unigram has no use for what came
 * before. */
static enum stg_status feed(struct reader *r, uint32_t symbol)
{
    float ignored;
    const struct stg_model_token t = {.special = (uint8_t)symbol};
    return symbol > UINT8_MAX ? STG_OK : r->side->ops->step(r->side, r->run, &r->state, &t, 1, &ignored);
}

/* The likeliest elapsed time. */
static int64_t usual_elapsed(const struct reader *r)
{
    uint32_t best = STG_TOKEN_SPECIALS;
    for (uint32_t id = STG_TOKEN_SPECIALS; id < r->V; id++) {
        best = r->log_p[id] > r->log_p[best] ? id : best;
    }
    return best < r->V ? stg_symbols_parts(r->side->symbols, best).elapsed_ns : -1;
}

/* The surprisal of a time or descriptor, nats. A class of times is a power of two: one that just misses the likely
 * class is as good as in it, so a time has the probability of its class and the two beside it, which are neighbours in
 * the table. */
static double surprisal_of(const struct reader *r, enum stg_side side, uint32_t symbol)
{
    double p = exp((double)r->log_p[symbol]);
    if (side == STG_SIDE_TIME && symbol >= STG_TOKEN_SPECIALS) {
        p += symbol > STG_TOKEN_SPECIALS ? exp((double)r->log_p[symbol - 1]) : 0;
        p += symbol + 1 < r->V ? exp((double)r->log_p[symbol + 1]) : 0;
    }
    return -log(p);
}

static enum stg_status read_walk(struct reader *r, enum stg_side side, const struct stg_walk *w,
                                 struct stg_explanation *out)
{
    r->side->ops->state_reset(r->side, r->state);
    STG_RETURN_IF_FAILED(stg_mem_grow(&r->symbols, &r->cap, w->n, sizeof *r->symbols));
    stg_symbols_map(r->side->symbols, w, r->symbols);
    if (w->start) {
        STG_RETURN_IF_FAILED(feed(r, STG_TOKEN_START));
    }
    for (size_t i = 0; i < w->n; i++) {
        if (r->symbols[i] == STG_TOKEN_MASK) {
            continue; /* it has none */
        }
        struct stg_explained_event *e =
            i < w->n_context || r->place[w->index[i]] == UINT32_MAX ? NULL : &out->events[r->place[w->index[i]]];
        if (e != NULL) {
            STG_RETURN_IF_FAILED(r->side->ops->predict(r->side, r->run, r->state, r->log_p));
            e->side_expected[side] = (float)blame_entropy(r->log_p, r->V);
            e->side_excess[side] = (float)surprisal_of(r, side, r->symbols[i]) - e->side_expected[side];
            e->usual_ns = side == STG_SIDE_TIME ? usual_elapsed(r) : e->usual_ns;
        }
        STG_RETURN_IF_FAILED(feed(r, r->symbols[i]));
    }
    return STG_OK;
}

static enum stg_status read_side(struct stg_explanation *out, const struct stg_model *m, enum stg_side side,
                                 const struct stg_seq *seq)
{
    enum stg_status status = STG_OK;
    struct reader r = {0};
    size_t n_walks = 0;
    STG_TRY(reader_init(&r, m->side[side], out, seq));
    STG_TRY(stg_walker_begin(r.walker, seq, m->recipe.order, m->max_walk, &n_walks));
    for (size_t k = 0; k < n_walks; k++) {
        struct stg_walk w;
        stg_walker_get(r.walker, k, &w);
        STG_TRY(read_walk(&r, side, &w, out));
    }
out:
    reader_fini(&r);
    return status;
}

enum stg_status blame_sides(struct stg_explanation *out, const struct stg_model *m, const struct stg_seq *seq)
{
    enum stg_status status = STG_OK;
    float *surprisal = NULL;
    double end;
    STG_TRY(stg_mem_zeroed(&surprisal, seq->n, sizeof *surprisal));
    for (int side = 0; side < STG_SIDES; side++) {
        const bool judged = m->side[side] != NULL;
        if (judged) {
            STG_TRY(stg_score_events(m->side[side], seq, surprisal, &end));
        }
        for (size_t i = 0; i < out->n; i++) {
            struct stg_explained_event *e = &out->events[i];
            e->side[side] = judged && e->index != UINT32_MAX ? surprisal[e->index] : NAN;
            e->side_excess[side] = e->side_expected[side] = NAN;
            e->usual_ns = side == 0 ? -1 : e->usual_ns;
        }
        if (judged) {
            STG_TRY(read_side(out, m, (enum stg_side)side, seq));
        }
    }
out:
    stg_mem_free(surprisal);
    return status;
}

/* A nat is a nat in every channel: weighing times more finds no more pauses, but takes the place of the calls; weighing
 * them less loses pauses (docs/measurements.md). */
static void judge(struct stg_explained_event *e)
{
    e->blame = e->excess;
    for (int side = 0; side < STG_SIDES; side++) {
        if (e->side_excess[side] > e->blame) { /* never of NAN */
            e->blame = e->side_excess[side];
            e->field = side == STG_SIDE_TIME ? STG_FIELD_TO_BLAME_PAUSE : STG_FIELD_TO_BLAME_DESCRIPTOR;
        }
    }
}

struct place {
    float blame, surprisal;
    uint32_t index;
};

static int compare_blame(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->blame < y->blame || x->blame > y->blame) {
        return x->blame < y->blame ? 1 : -1;
    }
    if (x->surprisal < y->surprisal || x->surprisal > y->surprisal) {
        return x->surprisal < y->surprisal ? 1 : -1;
    }
    return (x->index > y->index) - (x->index < y->index);
}

static enum stg_status rank_events(struct stg_explanation *out)
{
    struct place *places = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->ranked, out->n, sizeof *out->ranked));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&places, out->n, sizeof *places));
    for (size_t i = 0; i < out->n; i++) {
        judge(&out->events[i]);
        places[i] = (struct place){out->events[i].blame, out->events[i].surprisal, (uint32_t)i};
    }
    qsort(places, out->n, sizeof *places, compare_blame);
    for (size_t i = 0; i < out->n; i++) {
        out->ranked[i] = places[i].index;
    }
    stg_mem_free(places);
    return STG_OK;
}

enum stg_status blame_rank(struct stg_explanation *out, const struct stg_model *m)
{
    STG_RETURN_IF_FAILED(rank_events(out));
    return segments_find(out, m->recipe.order);
}
