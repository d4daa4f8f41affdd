/* Two sides that have been counted, compared (diff.h says how). */
#include "base/memory.h"
#include "event/syscalls.h"
#include "explain/diff_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t diff_sum(const uint32_t *n, size_t from, size_t to)
{
    uint64_t total = 0;
    for (size_t i = from; i < to; i++) {
        total += n[i];
    }
    return total;
}

/* One term of the divergence, bits. */
static double term(double a, double b)
{
    const double m = (a + b) / 2;
    return ((a > 0 ? a * log2(a / m) : 0) + (b > 0 ? b * log2(b / m) : 0)) / 2;
}

struct ratio {
    double value, weight;
};

static int by_ratio(const void *a_, const void *b_)
{
    const struct ratio *a = a_, *b = b_;
    return (a->value > b->value) - (a->value < b->value);
}

enum stg_status diff_scale(const struct stg_diff *d, int side, double *scale)
{
    struct ratio *ratios = NULL;
    size_t n = 0;
    double all = 0, below = 0;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&ratios, d->items.n, sizeof *ratios));
    for (size_t i = 0; i < d->items.n; i++) {
        const double a = (double)diff_sum(d->item[i].n[STG_DIFF_A], 0, DIFF_BLOCKS),
                     b = (double)diff_sum(d->item[i].n[side], 0, DIFF_BLOCKS);
        if (diff_facet_of(d->items.key[i]) == STG_DIFF_CALLS && a > 0 && b > 0) {
            ratios[n++] = (struct ratio){b / a, a};
            all += a;
        }
    }
    qsort(ratios, n, sizeof *ratios, by_ratio);
    *scale =
        n == 0 ? (double)d->side[side].n_calls / fmax(1, (double)d->side[STG_DIFF_A].n_calls) : ratios[n - 1].value;
    for (size_t i = 0; i < n; i++) {
        below += ratios[i].weight;
        if (below * 2 >= all) {
            *scale = ratios[i].value;
            break;
        }
    }
    stg_mem_free(ratios);
    return STG_OK;
}

/* What the earlier and the later half of a side differ in. */
static double halves_term(const struct stg_diff *d, const struct diff_item *item, int side)
{
    const struct diff_side *s = &d->side[side];
    const size_t n_blocks = s->block + 1, half = n_blocks / 2;
    double n[2] = {0};
    for (size_t b = 0; b < n_blocks; b++) {
        n[b >= half] += (double)s->n_in_block[b];
    }
    return n[0] > 0 && n[1] > 0 ? term((double)diff_sum(item->n[side], 0, half) / n[0],
                                       (double)diff_sum(item->n[side], half, n_blocks) / n[1])
                                : 0;
}

/* What the runs that are as A differ in, A among them. */
static double runs_term(const struct stg_diff *d, const struct diff_item *item)
{
    const double a = (double)diff_sum(item->n[STG_DIFF_A], 0, DIFF_BLOCKS) / (double)d->side[STG_DIFF_A].n_calls;
    if (d->n_like == 0) {
        return 0;
    }
    const double low = item->n_runs < d->n_like ? 0 : fmin(a, item->low),
                 high = item->n_runs == 0 ? a : fmax(a, item->high);
    return term(low, high);
}

/* Square of the standard error of the item's share of the side's calls: batch means, and Poisson's where that is
 * more. */
static double error_square(const struct stg_diff *d, const struct diff_item *item, int side)
{
    const struct diff_side *s = &d->side[side];
    const size_t n_blocks = s->block + 1;
    const double n = (double)s->n_calls, share = (double)diff_sum(item->n[side], 0, DIFF_BLOCKS) / n;
    double square = 0;
    for (size_t b = 0; b < n_blocks; b++) {
        const double difference = (double)item->n[side][b] - share * (double)s->n_in_block[b];
        square += difference * difference;
    }
    square = n_blocks > 1 ? square * (double)n_blocks / (double)(n_blocks - 1) / (n * n) : 0;
    return fmax(square, share / n);
}

/* The counts of blocks of len calls or more: those of the side, so many as it takes put together. Returns how many. */
static size_t counts_of_blocks(const struct diff_side *s, const uint32_t *n, uint64_t len, double out[DIFF_BLOCKS])
{
    const size_t group = len > s->block_len ? len / s->block_len : 1;
    size_t n_out = 0;
    for (size_t b = 0; b <= s->block; b += group) {
        out[n_out++] = (double)diff_sum(n, b, b + group < DIFF_BLOCKS ? b + group : DIFF_BLOCKS);
    }
    return n_out;
}

uint64_t diff_common_block(const struct stg_diff *d)
{
    const uint64_t a = d->side[STG_DIFF_A].block_len, b = d->side[STG_DIFF_B].block_len;
    return a > b ? a : b;
}

uint32_t diff_common_blocks(const struct stg_diff *d, int side, uint32_t blocks)
{
    const uint64_t common = diff_common_block(d);
    for (uint64_t len = d->side[side].block_len; len < common; len *= 2) {
        blocks = diff_halved(blocks);
    }
    return blocks;
}

double diff_densest(const struct diff_side *s, const uint32_t *n, uint64_t len)
{
    double counts[DIFF_BLOCKS], most = 0;
    for (size_t b = counts_of_blocks(s, n, len, counts); b > 0; b--) {
        most = fmax(most, counts[b - 1]);
    }
    return most;
}

static int descending(const void *a_, const void *b_)
{
    const double a = *(const double *)a_, b = *(const double *)b_;
    return (a < b) - (a > b);
}

enum { MOST_DENSE = 8 }; /* blocks: what goes on for longer is no surer, as blocks of a phase are alike */

/* How far what the side with more does in its k densest blocks is beyond the densest of the other and of the runs as A,
 * in standard errors of an equal chance; 0 where it is not (diff.h). to_a brings shares of B's calls to A's scale. */
static double dense_deviation(const struct stg_diff *d, const struct diff_item *item, int more, double to_a)
{
    const int less = 1 - more;
    const struct diff_side *side = d->side;
    const uint64_t len = diff_common_block(d);
    const double scale[STG_DIFF_SIDES] = {1, to_a};
    const double n_others = (double)side[less].n_calls * (more == STG_DIFF_B ? 1 + d->n_like : 1),
                 odds = n_others / (double)side[more].n_calls;
    double counts[DIFF_BLOCKS], densest = scale[less] * diff_densest(&side[less], item->n[less], len), most = 0;
    const size_t n = counts_of_blocks(&side[more], item->n[more], len, counts);
    densest = fmax(1, more == STG_DIFF_B ? fmax(densest, item->densest) : densest);
    qsort(counts, n, sizeof *counts, descending);
    for (size_t k = 1; k <= n && k <= MOST_DENSE; k++) {
        const double times = scale[more] * counts[k - 1] / densest;
        most = times > 1 ? fmax(most, (double)k * log1p(odds * times)) : most;
    }
    return sqrt(2 * fmax(0, most - log(MOST_DENSE))); /* the best of so many looks */
}

static void compare_item(const struct stg_diff *d, size_t i, double scale, const double n_units[STG_DIFF_SIDES],
                         struct stg_diff_row *row, double *dense)
{
    const struct diff_item *item = &d->item[i];
    const uint64_t key = d->items.key[i];
    const double n_a = (double)d->side[STG_DIFF_A].n_calls;
    const double a = (double)diff_sum(item->n[STG_DIFF_A], 0, DIFF_BLOCKS) / n_a;
    const double b = (double)diff_sum(item->n[STG_DIFF_B], 0, DIFF_BLOCKS) / n_a / scale;
    const double to_a = (double)d->side[STG_DIFF_B].n_calls / n_a / scale; /* shares of B's calls to those of A's */
    const double error = sqrt(error_square(d, item, STG_DIFF_A) + to_a * to_a * error_square(d, item, STG_DIFF_B));
    *row = (struct stg_diff_row){
        .facet = diff_facet_of(key),
        .call = diff_call_of(key),
        .proc = diff_proc_of(key),
        .other = (uint16_t)(key >> 32),
        .size = (uint8_t)(key >> 48 & 0x7F),
        .ratio = a > 0 ? b / a : (double)INFINITY,
        .contribution = term(a, b),
        .z = error > 0 ? (b - a) / error : 0,
    };
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        row->rate[side] = (double)diff_sum(item->n[side], 0, DIFF_BLOCKS) / n_units[side];
    }
    *dense = dense_deviation(d, item, b > a ? STG_DIFF_B : STG_DIFF_A, to_a);
}

/* One side has it, the other does not or hardly does: rare as it may be, it is another thing to do. */
static bool is_one_sided(const struct stg_diff_row *row)
{
    static const double hardly = 100;
    return row->ratio <= 1 / hardly || row->ratio >= hardly;
}

static bool is_changed(const struct stg_diff *d, size_t i, const struct stg_diff_row *row, double dense,
                       const struct stg_diff_settings *s)
{
    const double halves = fmax(halves_term(d, &d->item[i], STG_DIFF_A), halves_term(d, &d->item[i], STG_DIFF_B));
    const bool throughout = fabs(row->z) >= s->z && row->contribution > 2 * halves;
    const double least = 1 + s->min_change;
    return (throughout || dense >= s->z) && row->contribution > 2 * runs_term(d, &d->item[i]) &&
           (row->ratio >= least || row->ratio <= 1 / least) && (is_one_sided(row) || row->contribution >= s->min_bits);
}

/* --- Latencies --- */

/* The geometric middle of the bin in which the q-quantile lies. */
static double quantile(const uint32_t *n, double q)
{
    const uint64_t all = diff_sum(n, 0, DIFF_BINS);
    const uint64_t rank = (uint64_t)(q * (double)(all - 1) + 0.5);
    uint64_t below = 0;
    for (size_t i = 0; i < DIFF_BINS; i++) {
        below += n[i];
        if (below > rank) {
            return exp2(((double)i + 0.5) / 4);
        }
    }
    return 0;
}

enum { LEAST_LATENCIES = 100 };

/* |log2 ratio| of the q-quantile between the halves of each side, the larger one; INFINITY where a half has too few. */
static double halves_latency(const struct diff_latency *l, double q)
{
    double most = 0;
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        if (diff_sum(l->n[side][0], 0, DIFF_BINS) < LEAST_LATENCIES / 4 ||
            diff_sum(l->n[side][1], 0, DIFF_BINS) < LEAST_LATENCIES / 4) {
            return (double)INFINITY;
        }
        most = fmax(most, fabs(log2(quantile(l->n[side][0], q) / quantile(l->n[side][1], q))));
    }
    return most;
}

static const double quantiles[DIFF_QUANTILES] = {0.5, 0.95};

bool diff_quantiles(const struct diff_latency *l, int side, double out[DIFF_QUANTILES])
{
    uint32_t both[DIFF_BINS];
    for (size_t b = 0; b < DIFF_BINS; b++) {
        both[b] = l->n[side][0][b] + l->n[side][1][b];
    }
    for (size_t q = 0; q < DIFF_QUANTILES; q++) {
        out[q] = quantile(both, quantiles[q]);
    }
    return diff_sum(both, 0, DIFF_BINS) >= LEAST_LATENCIES;
}

/* |log2 ratio| of a quantile between A and the runs that are as A, the lowest and the highest. */
static double runs_latency(const struct diff_latency *l, size_t q, double a)
{
    return l->high[q] > 0 ? log2(fmax(a, l->high[q]) / fmin(a, l->low[q])) : 0;
}

static bool compare_latency(const struct stg_diff *d, size_t i, const double n_units[STG_DIFF_SIDES],
                            const struct stg_diff_settings *s, struct stg_diff_row *row)
{
    const struct diff_latency *l = &d->latency[i];
    const uint64_t key = d->latencies.key[i];
    double of[STG_DIFF_SIDES][DIFF_QUANTILES], lesser = 0;
    *row = (struct stg_diff_row){.facet = STG_DIFF_LATENCIES, .call = diff_call_of(key), .proc = diff_proc_of(key)};
    for (int side = 0; side < STG_DIFF_SIDES; side++) {
        if (!diff_quantiles(l, side, of[side])) {
            return false;
        }
        row->rate[side] =
            (double)(diff_sum(l->n[side][0], 0, DIFF_BINS) + diff_sum(l->n[side][1], 0, DIFF_BINS)) / n_units[side];
        row->median_ns[side] = of[side][0];
        row->upper_ns[side] = of[side][1];
    }
    for (size_t q = 0; q < DIFF_QUANTILES; q++) {
        const double change = log2(of[STG_DIFF_B][q] / of[STG_DIFF_A][q]);
        const double noise = fmax(halves_latency(l, quantiles[q]), runs_latency(l, q, of[STG_DIFF_A][q]));
        if (fabs(change) < log2(s->min_latency) || fabs(change) <= 2 * noise || change * lesser < 0) {
            return false;
        }
        lesser = q == 0 || fabs(change) < fabs(lesser) ? change : lesser;
        row->z = fmax(row->z, noise);
    }
    row->contribution = fabs(lesser);
    row->ratio = exp2(lesser);
    return true;
}

/* --- All --- */

static int by_contribution(const void *a_, const void *b_)
{
    const struct stg_diff_row *a = a_, *b = b_;
    if (a->facet != b->facet) {
        return a->facet < b->facet ? -1 : 1;
    }
    if (a->contribution < b->contribution || a->contribution > b->contribution) {
        return a->contribution > b->contribution ? -1 : 1;
    }
    const uint64_t x = diff_key(a->facet, a->proc, a->call, a->other, a->size),
                   y = diff_key(b->facet, b->proc, b->call, b->other, b->size);
    return (x > y) - (x < y);
}

double diff_seconds(const struct diff_side *s)
{
    return s->has_time ? (double)(s->last_ns - s->first_ns) / 1e9 : 0;
}

static void describe_sides(struct stg_diff_result *out, const struct stg_diff *d)
{
    out->by_sequence = d->side[STG_DIFF_A].n_sequences > 0;
    for (int i = 0; i < STG_DIFF_SIDES; i++) {
        const struct diff_side *s = &d->side[i];
        out->n_calls[i] = s->n_calls;
        out->n_lost[i] = s->n_lost;
        out->n_units[i] = out->by_sequence ? (double)s->n_sequences : diff_seconds(s);
        out->too_short |= s->n_calls < STG_DIFF_LEAST;
        out->run[i] = s->run;
    }
    out->n_left_out = d->n_left_out;
    out->n_like = d->n_like;
}

/* How a command ended, how much it did, and how long it took. */
static void compare_runs(struct stg_diff_result *out, const struct stg_diff *d, const struct stg_diff_settings *s)
{
    const struct stg_diff_run *a = &out->run[STG_DIFF_A], *b = &out->run[STG_DIFF_B];
    const double least = 1 + s->min_change;
    out->end_changed =
        a->ended[0] != '\0' && b->ended[0] != '\0' && strcmp(a->ended, b->ended) != 0 && !d->like_ended_so;
    if (a->whole && b->whole && out->n_calls[STG_DIFF_A] > 0) {
        out->total_ratio = (double)out->n_calls[STG_DIFF_B] / (double)out->n_calls[STG_DIFF_A];
        const double low = d->n_like > 0 ? fmin(1, d->like_low) : 1, high = d->n_like > 0 ? fmax(1, d->like_high) : 1;
        out->total_changed = out->total_ratio >= high * least || out->total_ratio <= low / least;
    }
    const double in_a = diff_seconds(&d->side[STG_DIFF_A]), in_b = diff_seconds(&d->side[STG_DIFF_B]);
    if (a->whole && b->whole && in_a > 0 && in_b > 0) {
        const double low = d->n_like > 0 ? fmin(in_a, d->time_low) : in_a,
                     high = d->n_like > 0 ? fmax(in_a, d->time_high) : in_a;
        out->time_ratio = in_b / in_a;
        out->time_differs = in_b >= high * s->min_latency || in_b * s->min_latency <= low;
    }
}

static void put_row(struct stg_diff_result *out)
{
    out->n_of[out->rows[out->n].facet]++;
    out->n++;
}

static bool is_alone(const struct stg_diff *d, size_t i)
{
    const struct diff_item *item = &d->item[i];
    return diff_side_alone(d, diff_sum(item->n[STG_DIFF_A], 0, DIFF_BLOCKS),
                           diff_sum(item->n[STG_DIFF_B], 0, DIFF_BLOCKS), item->n_runs) != STG_DIFF_SIDES;
}

/* A program's items are told by the program where one side has it alone, and so are calls that one side has alone. */
static void compare_items(struct stg_diff_result *out, const struct stg_diff *d, const uint8_t *sides,
                          const double n_units[STG_DIFF_SIDES], const struct stg_diff_settings *s)
{
    for (size_t i = 0; i < d->items.n; i++) {
        struct stg_diff_row *row = &out->rows[out->n];
        double dense;
        compare_item(d, i, out->scale, n_units, row, &dense);
        out->divergence[row->facet] += row->contribution;
        const bool told = sides[row->proc] != STG_DIFF_SIDES || (row->facet == STG_DIFF_CALLS && is_alone(d, i));
        if (!told && is_changed(d, i, row, dense, s)) {
            row->z = fabs(row->z) < dense ? copysign(dense, row->z) : row->z;
            put_row(out);
        }
    }
}

static void compare_latencies(struct stg_diff_result *out, const struct stg_diff *d,
                              const double n_units[STG_DIFF_SIDES], const struct stg_diff_settings *s)
{
    for (size_t i = 0; i < d->latencies.n; i++) {
        const uint16_t call = diff_call_of(d->latencies.key[i]);
        const bool waits = call >= STG_TOKEN_SPECIALS && stg_syscall_waits(stg_strings_get(d->names.calls, call));
        if ((s->waits || !waits) && compare_latency(d, i, n_units, s, &out->rows[out->n])) {
            put_row(out);
        }
    }
}

static enum stg_status compare_rates(struct stg_diff_result *out, const struct stg_diff *d, const uint8_t *sides,
                                     const struct stg_diff_settings *s)
{
    const bool has_units =
        out->n_units[STG_DIFF_A] > 0 && out->n_units[STG_DIFF_B] > 0; /* or the rates are not of one */
    double n_units[STG_DIFF_SIDES];
    for (int i = 0; i < STG_DIFF_SIDES; i++) {
        n_units[i] = has_units ? out->n_units[i] : (double)out->n_calls[i];
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->rows, d->items.n + d->latencies.n, sizeof *out->rows));
    compare_items(out, d, sides, n_units, s);
    compare_latencies(out, d, n_units, s);
    qsort(out->rows, out->n, sizeof *out->rows, by_contribution);
    return STG_OK;
}

enum stg_status stg_diff_compare(struct stg_diff_result *out, const struct stg_diff *d,
                                 const struct stg_diff_settings *s)
{
    enum stg_status status = STG_OK;
    uint8_t *sides = NULL;
    *out = (struct stg_diff_result){.names = &d->names, .scale = 1, .kinds_chance = 1, .files_chance = 1};
    describe_sides(out, d);
    compare_runs(out, d, s);
    out->time_changed = out->time_differs && s->waits;
    if (!out->too_short || out->total_ratio > 0) { /* a whole run has all of its programs, short as it is */
        STG_TRY(diff_scale(d, STG_DIFF_B, &out->scale));
        STG_TRY(diff_find_only(out, &sides, d, s));
    }
    if (!out->too_short) {
        STG_TRY(compare_rates(out, d, sides, s));
    }
    out->changed = out->end_changed || out->total_changed || out->time_changed || out->n > 0 || out->n_programs > 0 ||
                   out->n_deciding > 0 || out->n_files_deciding > 0;
out:
    stg_mem_free(sides);
    return status;
}

void stg_diff_result_fini(struct stg_diff_result *r)
{
    stg_mem_free(r->rows);
    stg_mem_free(r->only);
    stg_strings_free(r->patterns);
    memset(r, 0, sizeof *r);
}
