#include "score/channels.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

#define WINDOW 16

static const char *const names[STG_AGGREGATES] = {"mean", "median", "window", "upper", "rms", "time", "state", "pace", "load", "migration", "workers", "novelty"};

const char *stg_aggregate_name(enum stg_aggregate a)
{
    return names[a];
}

bool stg_aggregate_has(const struct stg_model *m, enum stg_aggregate a)
{
    return a == STG_AGGREGATE_TIME      ? m->side[STG_SIDE_TIME] != NULL
           : a == STG_AGGREGATE_STATE   ? m->side[STG_SIDE_STATE] != NULL
           : a == STG_AGGREGATE_PACE    ? m->pace.fast != NULL
           : a == STG_AGGREGATE_LOAD || a == STG_AGGREGATE_MIGRATION || a == STG_AGGREGATE_WORKERS ? stg_channels_measures(m, a)
           : a == STG_AGGREGATE_NOVELTY ? m->n_channel_bins > 0
                                        : true;
}

enum stg_aggregate stg_aggregate_default(const struct stg_model *m)
{
    return stg_aggregate_has(m, STG_AGGREGATE_NOVELTY) ? STG_AGGREGATE_NOVELTY : STG_AGGREGATE_MEAN;
}

enum stg_status stg_aggregate_parse(const char *name, const struct stg_model *m, enum stg_aggregate *out)
{
    if (name == NULL) {
        *out = stg_aggregate_default(m);
        return STG_OK;
    }
    for (int i = 0; i < STG_AGGREGATES; i++) {
        if (strcmp(name, names[i]) == 0 && stg_aggregate_has(m, (enum stg_aggregate)i)) {
            *out = (enum stg_aggregate)i;
            return STG_OK;
        }
        if (strcmp(name, names[i]) == 0) {
            return stg_fail(STG_ERR_USAGE, "--aggregate %s: the model has no such channel: choose mean, median, window, upper or rms", name);
        }
    }
    return stg_fail(STG_ERR_USAGE, "%s: no such aggregate: choose mean, median, window, upper, rms, time, state, pace, load, migration, workers or novelty", name);
}

static void sift(float *v, size_t i, size_t n)
{
    for (size_t child = 2 * i + 1; child < n; i = child, child = 2 * i + 1) {
        if (child + 1 < n && v[child + 1] > v[child]) {
            child++;
        }
        if (v[i] >= v[child]) {
            return;
        }
        const float t = v[i];
        v[i] = v[child];
        v[child] = t;
    }
}

static void heap_sort(float *v, size_t n)
{
    for (size_t i = n / 2; i-- > 0;) {
        sift(v, i, n);
    }
    for (size_t i = n; i-- > 1;) {
        const float t = v[0];
        v[0] = v[i];
        v[i] = t;
        sift(v, 0, i);
    }
}

static float median_of_3(float a, float b, float c)
{
    const float low = a < b ? a : b;
    const float high = a < b ? b : a;
    return c < low ? low : c < high ? c : high;
}

/* Moves what is below (or, with equal, at most) the bound to the front of v[from … to); the place after it. No branch depends on the
 * values, as nothing predicts them. */
static inline size_t partition(float *v, size_t from, size_t to, float bound, bool equal)
{
    size_t next = from;
    for (size_t i = from; i < to; i++) {
        const float x = v[i];
        v[i] = v[next];
        v[next] = x;
        next += equal ? x <= bound : x < bound;
    }
    return next;
}

static void insertion_sort(float *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const float x = v[i];
        size_t k = i;
        for (; k > 0 && v[k - 1] > x; k--) {
            v[k] = v[k - 1];
        }
        v[k] = x;
    }
}

/* Hoare's selection: afterwards v[k] is what it would be if v were sorted, nothing before it is larger and nothing after it
 * smaller. Values equal to the pivot are set apart, as counted models give few different ones. Quadratic in the worst case, so
 * a run that does not halve soon is sorted by heap instead. */
static void select_kth(float *v, size_t n, size_t k)
{
    enum { SMALL = 12, ROUNDS = 64 };
    size_t low = 0, high = n;
    for (int rounds = 0; high - low > SMALL; rounds++) {
        if (rounds == ROUNDS) {
            heap_sort(v + low, high - low);
            return;
        }
        const float pivot = median_of_3(v[low], v[low + (high - low) / 2], v[high - 1]);
        const size_t equal = partition(v, low, high, pivot, false);
        if (k < equal) {
            high = equal;
            continue;
        }
        low = partition(v, equal, high, pivot, true);
        if (k < low) {
            return;
        }
    }
    insertion_sort(v + low, high - low);
}

/* Quantile by linear interpolation between order statistics (Hyndman and Fan 1996, type 7). Reorders v; what lies
 * before row `from` must already be no larger than the rest. */
static double quantile(float *v, size_t from, size_t n, double q, size_t *at)
{
    const double position = q * (double)(n - 1);
    const size_t k = (size_t)position;
    const double part = position - (double)k;
    select_kth(v + from, n - from, k - from);
    *at = k;
    if (part <= 0 || k + 1 >= n) {
        return (double)v[k];
    }
    float next = v[k + 1];
    for (size_t i = k + 2; i < n; i++) {
        next = v[i] < next ? v[i] : next;
    }
    return (double)v[k] + part * ((double)next - (double)v[k]);
}

struct sums {
    double all, squares;
    double window; /* the highest of WINDOW neighbours on a walk (of all, when it is shorter) */
};

/* Adds a walk. */
static void add_walk(struct sums *s, const float *v, size_t n)
{
    const size_t first = n < WINDOW ? n : WINDOW;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < first; i++) {
        sum += (double)v[i];
        squares += (double)v[i] * (double)v[i];
    }
    double all = sum, best = sum;
    for (size_t i = first; i < n; i++) {
        all += (double)v[i];
        squares += (double)v[i] * (double)v[i];
        sum += (double)v[i] - (double)v[i - WINDOW];
        best = sum > best ? sum : best;
    }
    best = isinf(all) ? INFINITY : best; /* the difference of infinite values is none */
    s->all += all;
    s->squares += squares;
    s->window = best > s->window ? best : s->window;
}

static enum stg_status not_a_number(const float *surprisal)
{
    size_t i = 0;
    while (!isnan(surprisal[i])) {
        i++;
    }
    return stg_fail(STG_ERR_INTERNAL, "token %zu: the model gives a surprisal that is not a number", i);
}

enum stg_status stg_aggregate_values(const float *surprisal, const size_t *walk_len, size_t n_walks,
                                     float out[STG_AGGREGATES])
{
    enum stg_status status = STG_OK;
    float *sorted = NULL;
    size_t n = 0, at = 0;
    struct sums sums = {.window = -INFINITY};
    memset(out, 0, STG_AGGREGATES * sizeof *out);
    for (size_t w = 0; w < n_walks; w++) {
        if (walk_len[w] > 0) {
            add_walk(&sums, surprisal + n, walk_len[w]);
        }
        n += walk_len[w];
    }
    if (isnan(sums.all)) {
        return not_a_number(surprisal);
    }
    if (n == 0) {
        return STG_OK;
    }
    STG_TRY(stg_mem_dup(&sorted, surprisal, n * sizeof *sorted));
    out[STG_AGGREGATE_MEAN] = (float)(sums.all / (double)n);
    out[STG_AGGREGATE_RMS] = (float)sqrt(sums.squares / (double)n);
    out[STG_AGGREGATE_MEDIAN] = (float)quantile(sorted, 0, n, 0.5, &at);
    out[STG_AGGREGATE_UPPER] = (float)quantile(sorted, at, n, 0.95, &at);
    /* A shorter walk counts as if certain events followed, so that one surprise in a walk of one event does not outweigh a
     * surprising stretch. */
    out[STG_AGGREGATE_WINDOW] = (float)(sums.window / (double)(n < WINDOW ? n : WINDOW));
out:
    stg_mem_free(sorted);
    return status;
}
