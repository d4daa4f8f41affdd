#include "explain/counterfactual.h"

#include "base/memory.h"
#include "detect/calibrate.h"
#include "score/channels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Events after a segment that were predicted from it: the model of times is a 5-gram, and so is the n-gram of calls as
 * it comes. */
#define AFTERMATH 4

/* What a segment takes off the values of the channels. */
struct relief {
    double value[STG_CHANNELS];
    double alone; /* off the sum of the channels' deviations, by itself */
    bool taken;
};

struct search {
    const struct stg_model *m;
    const struct stg_explanation *x;
    bool *in_segment;           /* (n) by place in the explanation's order */
    struct relief *reliefs;     /* (n_segments) */
    double usual[STG_CHANNELS]; /* surprisal of an event of a known sequence, nats: the median of their means; state:
                                   not used */
    double off[STG_CHANNELS];   /* by what is taken */
    enum stg_aggregate aggregate;
};

static const enum stg_aggregate value_of[STG_CHANNELS] = {STG_AGGREGATE_MEAN, STG_AGGREGATE_TIME, STG_AGGREGATE_STATE};

static double above(double surprisal, double expected)
{
    return surprisal > expected ? surprisal - expected : 0; /* 0 where there is none (NAN) */
}

static void add_event(const struct search *s, struct relief *out, size_t place)
{
    const struct stg_explained_event *e = &s->x->events[s->x->order[place]];
    const double n = s->x->score.n_tokens > 0 ? (double)s->x->score.n_tokens : 1;
    out->value[STG_CHANNEL_CONTENT] += above((double)e->surprisal, s->usual[STG_CHANNEL_CONTENT]) / n;
    out->value[STG_CHANNEL_TIME] += above((double)e->side[STG_SIDE_TIME], s->usual[STG_CHANNEL_TIME]) / n;
    out->value[STG_CHANNEL_STATE] += above((double)e->side[STG_SIDE_STATE], (double)e->side_expected[STG_SIDE_STATE]);
}

/* Of the segment, and of what comes after it on its walk until another begins. */
static struct relief relief_of(const struct search *s, const struct stg_segment *g)
{
    struct relief out = {.alone = 0};
    const struct stg_explanation *x = s->x;
    const size_t end = (size_t)g->first + g->n;
    for (size_t i = g->first; i < x->n && i < end + AFTERMATH; i++) {
        const bool same_walk =
            s->m->recipe.order != STG_ORDER_THREAD || x->events[x->order[i]].tid == x->events[x->order[g->first]].tid;
        if (i >= end && (!same_walk || s->in_segment[i])) {
            break;
        }
        add_event(s, &out, i);
    }
    return out;
}

/* The value that is judged, less what is taken and one more segment (NULL: none). */
static double judged(const struct search *s, const struct relief *more)
{
    struct stg_score score = s->x->score;
    for (int c = 0; c < STG_CHANNELS; c++) {
        score.value[value_of[c]] -= (float)(s->off[c] + (more != NULL ? more->value[c] : 0));
    }
    stg_channels_judge(s->m, &score);
    return (double)score.value[s->aggregate];
}

/* In the measure in which what is taken off adds up at most: novelty is the logarithm of 1 + the sum of the deviations.
 */
static double linear(const struct search *s, double value)
{
    return s->aggregate == STG_AGGREGATE_NOVELTY ? expm1(value) : value;
}

static int by_relief(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The fewest segments whose reliefs, each as if it were alone, add up to what is needed. */
static enum stg_status lower_bound(const struct search *s, double needed, size_t *out)
{
    double *alone = NULL;
    const size_t n = s->x->n_segments;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&alone, n, sizeof *alone));
    for (size_t i = 0; i < n; i++) {
        alone[i] = s->reliefs[i].alone;
    }
    qsort(alone, n, sizeof *alone, by_relief);
    double sum = 0;
    for (*out = 0; *out < n && sum < needed;) {
        sum += alone[(*out)++];
    }
    stg_mem_free(alone);
    return STG_OK;
}

/* Takes the segment that takes off most; false where none takes off anything. */
static bool take(struct search *s, struct stg_counterfactual *out)
{
    size_t best = s->x->n_segments;
    double least = judged(s, NULL);
    for (size_t i = 0; i < s->x->n_segments; i++) {
        const double value = s->reliefs[i].taken ? INFINITY : judged(s, &s->reliefs[i]);
        if (value < least) {
            best = i;
            least = value;
        }
    }
    if (best == s->x->n_segments) {
        return false;
    }
    for (int c = 0; c < STG_CHANNELS; c++) {
        s->off[c] += s->reliefs[best].value[c];
    }
    s->reliefs[best].taken = true;
    out->segments[out->n++] = (uint32_t)best;
    return true;
}

static double p_of(const struct search *s, double value)
{
    return stg_p_value(s->m, s->aggregate, value);
}

enum stg_status stg_counterfactual(struct stg_counterfactual *out, const struct stg_model *m,
                                   const struct stg_explanation *x, double alpha)
{
    enum stg_status status = STG_OK;
    struct search s = {.m = m, .x = x, .aggregate = stg_aggregate_default(m)};
    *out = (struct stg_counterfactual){.novel = false};
    if (!stg_calibrated(m)) {
        return STG_OK;
    }
    s.usual[STG_CHANNEL_CONTENT] = stg_threshold(m, STG_AGGREGATE_MEAN, 0.5);
    s.usual[STG_CHANNEL_TIME] = stg_threshold(m, STG_AGGREGATE_TIME, 0.5);
    const double before = judged(&s, NULL);
    out->p_before = out->p_after = p_of(&s, before);
    out->novel = out->p_before <= alpha;
    if (!out->novel) {
        return STG_OK;
    }
    STG_TRY(stg_mem_zeroed(&s.reliefs, x->n_segments, sizeof *s.reliefs));
    STG_TRY(stg_mem_zeroed(&out->segments, x->n_segments, sizeof *out->segments));
    STG_TRY(stg_mem_zeroed(&s.in_segment, x->n, sizeof *s.in_segment));
    for (size_t i = 0; i < x->n_segments; i++) {
        memset(s.in_segment + x->segments[i].first, true, x->segments[i].n);
    }
    for (size_t i = 0; i < x->n_segments; i++) {
        s.reliefs[i] = relief_of(&s, &x->segments[i]);
        s.reliefs[i].alone = linear(&s, before) - linear(&s, judged(&s, &s.reliefs[i]));
    }
    while (out->p_after <= alpha && take(&s, out)) {
        STG_TRY(stg_pool_check());
        out->p_after = p_of(&s, judged(&s, NULL));
    }
    out->enough = out->p_after > alpha;
    if (out->enough) {
        const double threshold = stg_threshold(m, s.aggregate, alpha);
        STG_TRY(lower_bound(&s, linear(&s, before) - linear(&s, threshold), &out->at_least));
        out->at_least = out->at_least < 1 ? 1 : out->at_least;
    }
out:
    stg_mem_free(s.reliefs);
    stg_mem_free(s.in_segment);
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
