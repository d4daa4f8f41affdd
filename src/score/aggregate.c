#include "score/channels.h"

#include "base/memory.h"
#include "compute/kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

_Static_assert(STG_AGGREGATES == STG_MODEL_AGGREGATES, "the model file stores one calibration column per aggregate");

#define WINDOW 16

static const char *const names[STG_AGGREGATES] = {"mean",  "median", "window", "upper",     "rms",     "time",
                                                  "state", "pace",   "load",   "migration", "workers", "novelty"};

bool stg_aggregate_is_surprisal(enum stg_aggregate a)
{
    return a <= STG_AGGREGATE_STATE;
}

const char *stg_aggregate_name(enum stg_aggregate a)
{
    return names[a];
}

bool stg_aggregate_has(const struct stg_model *m, enum stg_aggregate a)
{
    return a == STG_AGGREGATE_TIME    ? m->side[STG_SIDE_TIME] != NULL
           : a == STG_AGGREGATE_STATE ? m->side[STG_SIDE_STATE] != NULL
           : a == STG_AGGREGATE_PACE  ? m->pace.fast != NULL
           : a == STG_AGGREGATE_LOAD || a == STG_AGGREGATE_MIGRATION || a == STG_AGGREGATE_WORKERS
               ? stg_channels_measures(m, a)
           : a == STG_AGGREGATE_NOVELTY ? m->n_channel_bins > 0
                                        : true;
}

enum stg_aggregate stg_aggregate_default(const struct stg_model *m)
{
    return stg_aggregate_has(m, STG_AGGREGATE_NOVELTY) ? STG_AGGREGATE_NOVELTY : STG_AGGREGATE_MEAN;
}

/* What the model has: "mean, median or rms". */
static void list_choices(const struct stg_model *m, char *out, size_t cap)
{
    int last = STG_AGGREGATES - 1;
    size_t len = 0;
    while (!stg_aggregate_has(m, (enum stg_aggregate)last)) {
        last--;
    }
    for (int i = 0; i <= last && len < cap; i++) {
        if (stg_aggregate_has(m, (enum stg_aggregate)i)) {
            len += (size_t)snprintf(out + len, cap - len, "%s%s", len == 0 ? "" : i == last ? " or " : ", ", names[i]);
        }
    }
}

enum stg_status stg_aggregate_parse(const char *name, const struct stg_model *m, enum stg_aggregate *out)
{
    if (name == NULL) {
        *out = stg_aggregate_default(m);
        return STG_OK;
    }
    bool known = false;
    for (int i = 0; i < STG_AGGREGATES; i++) {
        if (strcmp(name, names[i]) == 0 && stg_aggregate_has(m, (enum stg_aggregate)i)) {
            *out = (enum stg_aggregate)i;
            return STG_OK;
        }
        known |= strcmp(name, names[i]) == 0;
    }
    char choices[128];
    list_choices(m, choices, sizeof choices);
    return stg_fail(STG_ERR_USAGE, "--aggregate %s: %s: choose %s", name,
                    known ? "the model has no such channel" : "no such aggregate", choices);
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

/* Two of these have room for the values of a sequence. */
struct halves {
    float *below, *above;
};

/* Hoare's selection: row k of v (n), if it were sorted, and in *next the row behind it (INFINITY, when it is the last).
 * Values equal to the pivot are set apart, as counted models give few different ones. Quadratic in the worst case, so a
 * run that does not halve soon is sorted by heap instead. v is read alone. */
static float select_kth(const float *v, size_t n, size_t k, const struct halves *room, float *next)
{
    enum { SMALL = 12, ROUNDS = 64 };
    const struct stg_kernels *kernels = stg_kernels();
    float behind = INFINITY;   /* the least value above those that are left, if any */
    float *left = room->below; /* which stand in one of the halves after the first round */
    int rounds = 0;
    for (; n > SMALL && rounds < ROUNDS; rounds++) {
        const float pivot = median_of_3(v[0], v[n / 2], v[n - 1]);
        size_t n_above;
        const size_t n_below = kernels->split(room->below, room->above, &n_above, v, n, pivot);
        if (k < n_below) {
            v = left = room->below;
            n = n_below;
            behind = pivot;
            continue;
        }
        k -= n_below;
        n -= n_below + n_above; /* equal to the pivot */
        if (k < n) {
            for (size_t i = 0; k + 1 == n && i < n_above; i++) {
                behind = room->above[i] < behind ? room->above[i] : behind;
            }
            *next = k + 1 < n ? pivot : behind;
            return pivot;
        }
        k -= n;
        v = left = room->above;
        n = n_above;
    }
    if (rounds == 0) {
        memcpy(left, v, n * sizeof *v);
    }
    n > SMALL ? heap_sort(left, n) : insertion_sort(left, n);
    *next = k + 1 < n ? left[k + 1] : behind;
    return left[k];
}

/* Quantile by linear interpolation between order statistics (Hyndman and Fan 1996, type 7). */
static double quantile(const float *v, size_t n, double q, const struct halves *room)
{
    const double position = q * (double)(n - 1);
    const size_t k = (size_t)position;
    const double part = position - (double)k;
    float next;
    const double at = (double)select_kth(v, n, k, room, &next);
    return part <= 0 ? at : at + part * ((double)next - at);
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

/* Median and upper of n surprisals, at least one. */
static enum stg_status put_quantiles(const float *surprisal, size_t n, float out[STG_AGGREGATES])
{
    float *room = NULL;
    size_t cap = 0;
    STG_RETURN_IF_FAILED(stg_mem_grow(&room, &cap, 2 * (n + STG_SPLIT_ROOM), sizeof *room));
    const struct halves halves = {room, room + n + STG_SPLIT_ROOM};
    out[STG_AGGREGATE_MEDIAN] = (float)quantile(surprisal, n, 0.5, &halves);
    out[STG_AGGREGATE_UPPER] = (float)quantile(surprisal, n, 0.95, &halves);
    stg_mem_free(room);
    return STG_OK;
}

enum stg_status stg_aggregate_values(const float *surprisal, const size_t *walk_len, size_t n_walks, bool quantiles,
                                     float out[STG_AGGREGATES])
{
    size_t n = 0;
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
    out[STG_AGGREGATE_MEAN] = (float)(sums.all / (double)n);
    out[STG_AGGREGATE_RMS] = (float)sqrt(sums.squares / (double)n);
    /* A shorter walk counts as if certain events followed, so that one surprise in a walk of one event does not
     * outweigh a surprising stretch. */
    out[STG_AGGREGATE_WINDOW] = (float)(sums.window / (double)(n < WINDOW ? n : WINDOW));
    if (quantiles) {
        return put_quantiles(surprisal, n, out);
    }
    out[STG_AGGREGATE_MEDIAN] = out[STG_AGGREGATE_UPPER] = NAN;
    return STG_OK;
}
