#include "score/score.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

#define WINDOW 16

static const char *const names[STG_AGGREGATES] = {"mean", "median", "window", "upper"};

const char *stg_aggregate_name(enum stg_aggregate a)
{
    return names[a];
}

enum stg_status stg_aggregate_parse(const char *name, enum stg_aggregate *out)
{
    for (int i = 0; i < STG_AGGREGATES; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum stg_aggregate)i;
            return STG_OK;
        }
    }
    return stg_fail(STG_ERR_USAGE, "%s: no such aggregate: choose mean, median, window or upper", name);
}

/* Hoare's selection: afterwards v[k] is what it would be if v were sorted, nothing before it is larger and nothing
 * after it smaller. Quadratic in the worst case, so a run that does not halve soon is sorted by heap instead. */
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
    return fmaxf(fminf(a, b), fminf(fmaxf(a, b), c));
}

static void select_kth(float *v, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;
    for (int rounds = 0; low < high; rounds++) {
        if (rounds == 64) {
            heap_sort(v + low, high - low + 1);
            return;
        }
        const float pivot = median_of_3(v[low], v[low + (high - low) / 2], v[high]);
        size_t i = low, j = high;
        while (true) {
            while (v[i] < pivot) {
                i++;
            }
            while (v[j] > pivot) {
                j--;
            }
            if (i >= j) {
                break;
            }
            const float t = v[i];
            v[i++] = v[j];
            v[j--] = t;
        }
        /* Left of i nothing is above the pivot, right of j nothing below it; i − j is 0 or 1. */
        if (i == j && k == i) {
            return;
        }
        if (k <= j && !(i == j && k == j)) {
            high = i == j ? j - 1 : j;
        } else {
            low = i == j ? i + 1 : i;
        }
    }
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
        next = fminf(next, v[i]);
    }
    return (double)v[k] + part * ((double)next - (double)v[k]);
}

/* The highest sum of WINDOW neighbours of a walk, over min(WINDOW, all tokens of the sequence): a shorter walk counts
 * as if certain events followed, so that one surprise in a walk of one event does not outweigh a surprising stretch. */
static double window_sum(const float *v, size_t n)
{
    double sum = 0, best = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (isinf(v[i])) {
            return INFINITY;
        }
        sum += (double)v[i];
        if (i >= WINDOW) {
            sum -= (double)v[i - WINDOW];
        }
        if (i + 1 >= WINDOW || i + 1 == n) {
            best = fmax(best, sum);
        }
    }
    return best;
}

enum stg_status stg_aggregate_values(const float *surprisal, const size_t *walk_len, size_t n_walks,
                                     float out[STG_AGGREGATES])
{
    enum stg_status status = STG_OK;
    float *sorted = NULL;
    size_t n = 0, at = 0;
    double sum = 0, window = -INFINITY;
    memset(out, 0, STG_AGGREGATES * sizeof *out);
    for (size_t w = 0; w < n_walks; w++) {
        for (size_t i = 0; i < walk_len[w]; i++) {
            if (isnan(surprisal[n + i])) {
                return stg_fail(STG_ERR_INTERNAL, "token %zu: the model gives a surprisal that is not a number", n + i);
            }
            sum += (double)surprisal[n + i];
        }
        window = walk_len[w] > 0 ? fmax(window, window_sum(surprisal + n, walk_len[w])) : window;
        n += walk_len[w];
    }
    if (n == 0) {
        return STG_OK;
    }
    STG_TRY(stg_mem_dup(&sorted, surprisal, n * sizeof *sorted));
    out[STG_AGGREGATE_MEAN] = (float)(sum / (double)n);
    out[STG_AGGREGATE_MEDIAN] = (float)quantile(sorted, 0, n, 0.5, &at);
    out[STG_AGGREGATE_UPPER] = (float)quantile(sorted, at, n, 0.95, &at);
    out[STG_AGGREGATE_WINDOW] = (float)(window / (double)(n < WINDOW ? n : WINDOW));
out:
    stg_mem_free(sorted);
    return status;
}
