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
/* Segments that are tried before each step: those most to blame that are left, and more where none of these takes
 * anything off. */
#define TRIED 32
/* Places of the explanation's order that a segment takes back, and what that does to the values that are sums over
 * events. */
struct relief {
    size_t first, end;
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
    struct relief *reliefs;        /* (n_segments) */
    bool *in_segment;              /* (n) by place */
    float *surprisal;              /* (n) of the calls, by place, less what is taken */
    float *kept;                   /* (n) of what is tried */
    size_t *walk_len;              /* (n at most) */
    size_t n_walks;
    double times, descriptors, fast; /* taken off */
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
    struct relief out = {.first = g->first, .end = (size_t)g->first + g->n};
    for (size_t i = out.end, k = 0; k < AFTERMATH && i < s->x->n && same_walk(s, g->first, i) && !s->in_segment[i];
         i++, k++) {
        out.end = i + 1;
    }
    for (size_t i = out.first; i < out.end; i++) {
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

/* The value that is judged, given the surprisals of the calls and what r takes off the others beside what is taken. */
static enum stg_status judge(const struct search *s, const struct relief *r, double *out)
{
    struct stg_score score = s->x->score;
    float value[STG_AGGREGATES];
    STG_RETURN_IF_FAILED(stg_aggregate_values(s->surprisal, s->walk_len, s->n_walks, false, value));
    score.value[STG_AGGREGATE_MEAN] = value[STG_AGGREGATE_MEAN];
    score.value[STG_AGGREGATE_RMS] = value[STG_AGGREGATE_RMS];
    take_off(s, s->times + r->times, s->descriptors + r->descriptors, s->fast + r->fast, &score);
    stg_channels_judge(s->m, &score);
    *out = (double)score.value[s->aggregate];
    return STG_OK;
}

/* Makes the calls of the relief as surprising as usual; `kept` holds what they were. */
static void take_back(struct search *s, const struct relief *r)
{
    memcpy(s->kept + r->first, s->surprisal + r->first, (r->end - r->first) * sizeof *s->kept);
    for (size_t i = r->first; i < r->end; i++) {
        s->surprisal[i] = fminf(s->surprisal[i], (float)s->usual_call);
    }
}

static enum stg_status try_one(struct search *s, const struct relief *r, double *out)
{
    take_back(s, r);
    const enum stg_status status = judge(s, r, out);
    memcpy(s->surprisal + r->first, s->kept + r->first, (r->end - r->first) * sizeof *s->kept);
    return status;
}

/* Takes the segment that takes off most; *best is the number of segments where none takes off anything. */
static enum stg_status step(struct search *s, double *value, size_t *best)
{
    double least = *value;
    size_t n_tried = 0;
    *best = s->x->n_segments;
    for (size_t i = 0; i < s->x->n_segments && (n_tried < TRIED || *best == s->x->n_segments); i++) {
        double tried;
        if (s->reliefs[i].taken) {
            continue;
        }
        STG_RETURN_IF_FAILED(try_one(s, &s->reliefs[i], &tried));
        n_tried++;
        if (tried < least) {
            *best = i;
            least = tried;
        }
    }
    if (*best < s->x->n_segments) {
        struct relief *r = &s->reliefs[*best];
        take_back(s, r);
        s->times += r->times;
        s->descriptors += r->descriptors;
        s->fast += r->fast;
        r->taken = true;
        *value = least;
    }
    return STG_OK;
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
    stg_mem_free(s->surprisal);
    stg_mem_free(s->kept);
    stg_mem_free(s->walk_len);
}

/* search_fini() also after a failure. */
static enum stg_status search_init(struct search *s)
{
    const struct stg_explanation *x = s->x;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->reliefs, x->n_segments, sizeof *s->reliefs));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->in_segment, x->n, sizeof *s->in_segment));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->surprisal, x->n, sizeof *s->surprisal));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->kept, x->n, sizeof *s->kept));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->walk_len, x->n, sizeof *s->walk_len));
    s->usual_call = stg_threshold(s->m, STG_AGGREGATE_MEAN, 0.5);
    s->usual_time = stg_threshold(s->m, STG_AGGREGATE_TIME, 0.5);
    for (size_t i = 0; i < x->n; i++) {
        s->surprisal[i] = event_at(s, i)->surprisal;
        s->n_walks += i == 0 || !same_walk(s, i - 1, i);
        s->walk_len[s->n_walks - 1]++;
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
        STG_TRY(step(&s, &value, &best));
        if (best < x->n_segments) {
            out->segments[out->n++] = (uint32_t)best;
            out->p_after = stg_p_value(m, s.aggregate, value);
        }
    }
    out->enough = out->p_after > alpha;
    if (out->enough) {
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
