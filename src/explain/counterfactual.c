#include "explain/counterfactual.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "detect/calibrate.h"
#include "score/channels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Events after a segment that were predicted from it: the model of times is a 5-gram, and so is the n-gram of calls as
 * it comes. */
#define AFTERMATH 4
/* What taking a segment back, or several, does to the values that are sums over events. No event is taken back by two
 * segments, so reliefs add up. */
struct relief {
    double calls, squares;     /* off the sum of the surprisals and of their squares, nats and nats² */
    double times, descriptors; /* nats off the sums */
    double fast;               /* fast events that would come when they usually do */
    bool taken;
};

struct search {
    const struct stg_model *m;
    const struct stg_explanation *x;
    enum stg_aggregate aggregate;
    double usual_call, usual_time; /* surprisal of an event of a known sequence, nats */
    double calls, squares;         /* sums over all events, nats and nats² */
    struct relief *reliefs;        /* (n_segments) */
    bool *in_segment;              /* (n) by place */
    struct relief off;             /* of all that is taken */
};

static double above(double surprisal, double expected)
{
    return surprisal > expected ? surprisal - expected : 0; /* 0 where there is none (NAN) */
}

static double square(float x)
{
    return (double)x * (double)x;
}

static const struct stg_explained_event *event_at(const struct search *s, size_t place)
{
    return &s->x->events[s->x->order[place]];
}

static bool same_walk(const struct search *s, size_t a, size_t b)
{
    return s->m->recipe.order != STG_ORDER_THREAD || event_at(s, a)->tid == event_at(s, b)->tid;
}

/* Of the segment, and of what comes after it on its walk until another begins. */
static struct relief relief_of(const struct search *s, const struct stg_segment *g)
{
    struct relief out = {.taken = false};
    size_t end = (size_t)g->first + g->n;
    for (size_t i = end, k = 0; k < AFTERMATH && i < s->x->n && same_walk(s, g->first, i) && !s->in_segment[i];
         i++, k++) {
        end = i + 1;
    }
    for (size_t i = g->first; i < end; i++) {
        const struct stg_explained_event *e = event_at(s, i);
        out.calls += above((double)e->surprisal, s->usual_call);
        out.squares += above(square(e->surprisal), square((float)s->usual_call));
        out.times += above((double)e->side[STG_SIDE_TIME], s->usual_time);
        out.descriptors += above((double)e->side[STG_SIDE_STATE], (double)e->side_expected[STG_SIDE_STATE]);
        out.fast += e->index != UINT32_MAX && stg_pace_is_fast(&s->m->pace, e->call, e->phase, e->elapsed_ns)
                        ? 1 - STG_PACE_SHARE
                        : 0;
    }
    return out;
}

static struct relief sum_of(const struct relief *a, const struct relief *b, double sign)
{
    return (struct relief){.calls = a->calls + sign * b->calls,
                           .squares = a->squares + sign * b->squares,
                           .times = a->times + sign * b->times,
                           .descriptors = a->descriptors + sign * b->descriptors,
                           .fast = a->fast + sign * b->fast};
}

/* In the measure in which what is taken off adds up at most: novelty is the logarithm of 1 + the sum of the
 * deviations. */
static double linear(const struct search *s, double value)
{
    return s->aggregate == STG_AGGREGATE_NOVELTY ? expm1(value) : value;
}

static double per_token(const struct search *s, double nats)
{
    return nats / (s->x->score.n_tokens > 0 ? (double)s->x->score.n_tokens : 1);
}

static void take_off(const struct search *s, double times, double descriptors, double fast, struct stg_score *score)
{
    score->value[STG_AGGREGATE_TIME] -= (float)per_token(s, times);
    score->value[STG_AGGREGATE_STATE] -= (float)descriptors;
    score->value[STG_AGGREGATE_PACE] -= (float)(per_token(s, fast) / STG_PACE_SHARE);
}

/* The value that is judged without what `off` takes. */
static double judge(const struct search *s, const struct relief *off)
{
    struct stg_score score = s->x->score;
    const double n = s->x->n > 0 ? (double)s->x->n : 1;
    score.value[STG_AGGREGATE_MEAN] = (float)((s->calls - off->calls) / n);
    score.value[STG_AGGREGATE_RMS] = (float)sqrt(fmax(0, s->squares - off->squares) / n);
    take_off(s, off->times, off->descriptors, off->fast, &score);
    stg_channels_judge(s->m, &score);
    return (double)score.value[s->aggregate];
}

/* Takes the segment that takes off most; *best is the number of segments where none takes off anything. */
static void step(struct search *s, double *value, size_t *best)
{
    double least = *value;
    *best = s->x->n_segments;
    for (size_t i = 0; i < s->x->n_segments; i++) {
        const struct relief off = sum_of(&s->off, &s->reliefs[i], 1);
        const double tried = s->reliefs[i].taken ? *value : judge(s, &off);
        if (tried < least) {
            *best = i;
            least = tried;
        }
    }
    if (*best < s->x->n_segments) {
        s->off = sum_of(&s->off, &s->reliefs[*best], 1);
        s->reliefs[*best].taken = true;
        *value = least;
    }
}

/* What was taken early may not be needed beside what was taken later: the first first, what the sequence would be
 * normal without, too, is given back. */
static void give_back(struct search *s, double alpha, struct stg_counterfactual *out)
{
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++) {
        const struct relief off = sum_of(&s->off, &s->reliefs[out->segments[i]], -1);
        const double p = stg_p_value(s->m, s->aggregate, judge(s, &off));
        if (p > alpha) {
            s->off = off;
            out->p_after = p;
        } else {
            out->segments[n++] = out->segments[i];
        }
    }
    out->n = n;
}

/* What the root of the mean square loses for each square that is taken off, when all segments are. */
static double slope_of(const struct search *s)
{
    double most = 0;
    for (size_t i = 0; i < s->x->n_segments; i++) {
        most += s->reliefs[i].squares;
    }
    const double now = (double)s->x->score.value[STG_AGGREGATE_RMS];
    return most > 0 ? (now - sqrt(fmax(0, now * now - per_token(s, most)))) / most : 0;
}

/* No higher than the value that is judged without r (NULL: with all), or several such; what is taken off adds up. */
static double relaxed(const struct search *s, double slope, const struct relief *r)
{
    struct stg_score score = s->x->score;
    if (r != NULL) {
        score.value[STG_AGGREGATE_MEAN] -= (float)per_token(s, r->calls);
        score.value[STG_AGGREGATE_RMS] -= (float)(slope * r->squares);
        take_off(s, r->times, r->descriptors, r->fast, &score);
    }
    stg_channels_judge(s->m, &score);
    return linear(s, (double)score.value[s->aggregate]);
}

static int by_relief(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The fewest segments whose reliefs, each as if it were alone, add up to what is needed. */
static enum stg_status bound(struct search *s, double alpha, size_t *out)
{
    double *alone = NULL, sum = 0;
    const size_t n = s->x->n_segments;
    const double slope = slope_of(s), before = relaxed(s, slope, NULL),
                 needed = before - linear(s, stg_threshold(s->m, s->aggregate, alpha));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&alone, n, sizeof *alone));
    for (size_t i = 0; i < n; i++) {
        alone[i] = before - relaxed(s, slope, &s->reliefs[i]);
    }
    qsort(alone, n, sizeof *alone, by_relief);
    *out = 0;
    while (*out < n && sum < needed) {
        sum += alone[(*out)++];
    }
    *out = *out > 0 ? *out : 1;
    stg_mem_free(alone);
    return STG_OK;
}

static void search_fini(struct search *s)
{
    stg_mem_free(s->reliefs);
    stg_mem_free(s->in_segment);
}

/* search_fini() also after a failure. */
static enum stg_status search_init(struct search *s)
{
    const struct stg_explanation *x = s->x;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->reliefs, x->n_segments, sizeof *s->reliefs));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->in_segment, x->n, sizeof *s->in_segment));
    s->usual_call = stg_threshold(s->m, STG_AGGREGATE_MEAN, 0.5);
    s->usual_time = stg_threshold(s->m, STG_AGGREGATE_TIME, 0.5);
    for (size_t i = 0; i < x->n; i++) {
        s->calls += (double)x->events[i].surprisal;
        s->squares += square(x->events[i].surprisal);
    }
    for (size_t i = 0; i < x->n_segments; i++) {
        memset(s->in_segment + x->segments[i].first, true, x->segments[i].n);
    }
    for (size_t i = 0; i < x->n_segments; i++) {
        s->reliefs[i] = relief_of(s, &x->segments[i]);
    }
    return STG_OK;
}

bool stg_counterfactual_can(enum stg_aggregate a)
{
    return a == STG_AGGREGATE_MEAN || a == STG_AGGREGATE_RMS || a == STG_AGGREGATE_TIME || a == STG_AGGREGATE_STATE ||
           a == STG_AGGREGATE_PACE || a == STG_AGGREGATE_NOVELTY;
}

enum stg_status stg_counterfactual(struct stg_counterfactual *out, const struct stg_model *m,
                                   const struct stg_explanation *x, enum stg_aggregate aggregate, double alpha)
{
    enum stg_status status = STG_OK;
    struct search s = {.m = m, .x = x, .aggregate = aggregate};
    *out = (struct stg_counterfactual){.aggregate = aggregate};
    if (!stg_calibrated(m)) {
        return STG_OK;
    }
    double value = (double)x->score.value[s.aggregate];
    out->p_before = out->p_after = stg_p_value(m, s.aggregate, value);
    out->novel = out->p_before <= alpha;
    if (!out->novel) {
        return STG_OK;
    }
    STG_TRY(search_init(&s));
    STG_TRY(stg_mem_zeroed(&out->segments, x->n_segments, sizeof *out->segments));
    for (size_t best = 0; out->p_after <= alpha && best < x->n_segments && out->n < STG_COUNTERFACTUAL_MOST;) {
        STG_TRY(stg_interrupt_check());
        step(&s, &value, &best);
        if (best < x->n_segments) {
            out->segments[out->n++] = (uint32_t)best;
            out->p_after = stg_p_value(m, s.aggregate, value);
        }
    }
    out->enough = out->p_after > alpha;
    if (out->enough) {
        give_back(&s, alpha, out);
        STG_TRY(bound(&s, alpha, &out->at_least));
    }
out:
    search_fini(&s);
    if (status != STG_OK) {
        stg_counterfactual_fini(out);
    }
    return status;
}

void stg_counterfactual_fini(struct stg_counterfactual *c)
{
    stg_mem_free(c->segments);
    c->segments = NULL;
    c->n = 0;
}
