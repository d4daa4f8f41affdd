#include "score/channels.h"

#include "base/memory.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BIN_LEAST = 100, /* sequences in a bin: fewer do not tell a 0.9 quantile */
    BINS = 4,        /* at least, where there are enough */
    EDGE = 0, /* columns of m->channels: the longest sequence of the bin, then median and spread of each measure */
    MEASURES = 7,
};
_Static_assert(STG_MODEL_CHANNEL_COLUMNS == 1 + 2 * MEASURES, "the model file stores these columns");

#define BIN_RATIO          1.5 /* of the lengths in a bin, where there are enough: the few long ones are unlike the usual */
#define SPREAD_MIN         0.01 /* nats: what is always the same would make any difference infinite */
#define SPREAD_MIN_WORKERS 0.2  /* known runs differ by that */
#define SPREAD_MIN_STATE   0.3  /* a sum of a few classes, in most sequences the same */
#define WIDER_STATE        1.5  /* how descriptors are used differs by more than a few runs show */
#define SPREAD_MIN_LOAD    0.5  /* known runs differ by less, and by more than the few of a calibration show */

/* Quantiles and where the standard normal distribution has them. */
static const struct {
    double share, deviations;
} quantiles[] = {{0.9, 1.2816}, {0.98, 2.0537}, {0.995, 2.5758}};

/* A run that is not known yet differs from the known ones by as much as these differ from each other: shares of a run's
 * sequences above the quantiles that are compared, each of which two of its sequences must be beyond. */
static const double run_shares[] = {0.5, 0.1, 0.02};
enum { RUN_SHARES = sizeof run_shares / sizeof run_shares[0], RUN_BEYOND = 2 };
/* Standard deviations that a run may be off by, which n known runs tell: about the .977 quantile of one more
 * observation (of Student's t with n − 1 degrees of freedom, times √(1 + 1/n)), and less for two or three, of which
 * that asks so much that little is novel. */
#define RUN_DEVIATIONS(n) (2 + 4 / ((n)-1))

/* What is measured, and of which channel; of several measures the largest z is the channel's. */
static const struct measure {
    enum stg_aggregate value;
    enum stg_channel channel;
    double least_spread;
    double wider;   /* times the spread that the calibration shows */
    bool optional;  /* values and medians of 0: the traces do not tell; not of a model that is to judge calls alone */
    bool two_sided; /* less and more are novel alike */
} measures[MEASURES] = {
    {STG_AGGREGATE_RMS, STG_CHANNEL_CONTENT, SPREAD_MIN, 1, false, false},
    {STG_AGGREGATE_TIME, STG_CHANNEL_TIME, SPREAD_MIN, 1, false, false},
    {STG_AGGREGATE_STATE, STG_CHANNEL_STATE, SPREAD_MIN_STATE, WIDER_STATE, false, false},
    {STG_AGGREGATE_PACE, STG_CHANNEL_PACE, SPREAD_MIN, 1, false, false},
    {STG_AGGREGATE_LOAD, STG_CHANNEL_LOAD, SPREAD_MIN_LOAD, 1, true, false},
    {STG_AGGREGATE_MIGRATION, STG_CHANNEL_LOAD, SPREAD_MIN_LOAD, 1, true, false},
    {STG_AGGREGATE_WORKERS, STG_CHANNEL_STATE, SPREAD_MIN_WORKERS, 1, true, true},
};

/* What a channel counts in the sum. Times differ from run to run by more than a few runs of a calibration tell, and
 * pace by more still. */
static const double weights[STG_CHANNELS] = {[STG_CHANNEL_CONTENT] = 1,
                                             [STG_CHANNEL_TIME] = 0.5,
                                             [STG_CHANNEL_STATE] = 1,
                                             [STG_CHANNEL_PACE] = 0.25,
                                             [STG_CHANNEL_LOAD] = 1};

/* Where a row of m->channels has the median of a measure; its spread follows. */
static int column_of(enum stg_aggregate value)
{
    int i = 0;
    while (measures[i].value != value) {
        i++;
    }
    return 1 + 2 * i;
}

const char *stg_channel_name(enum stg_channel c)
{
    return c == STG_CHANNEL_CONTENT ? "content"
           : c == STG_CHANNEL_PACE  ? "pace"
           : c == STG_CHANNEL_LOAD  ? "load"
                                    : stg_side_name((enum stg_side)(c - 1));
}

bool stg_channels_measures(const struct stg_model *m, enum stg_aggregate optional)
{
    return m->side[STG_SIDE_TIME] != NULL && m->n_channel_bins > 0 && m->channels[column_of(optional)] > 0;
}

bool stg_channel_has(const struct stg_model *m, enum stg_channel c)
{
    switch (c) {
    case STG_CHANNEL_CONTENT:
        return true;
    case STG_CHANNEL_PACE:
        return m->pace.fast != NULL;
    case STG_CHANNEL_STATE:
        return m->side[STG_SIDE_STATE] != NULL || stg_channels_measures(m, STG_AGGREGATE_WORKERS);
    case STG_CHANNEL_LOAD:
        return stg_channels_measures(m, STG_AGGREGATE_LOAD) || stg_channels_measures(m, STG_AGGREGATE_MIGRATION);
    default:
        return m->side[c - 1] != NULL;
    }
}

/* What a channel brings to the sum. */
static double share(const float z[STG_CHANNELS], int c)
{
    return z[c] > 0 ? weights[c] * (double)z[c] : 0;
}

const char *stg_channel_loudest(const struct stg_model *m, const struct stg_score *s)
{
    int loudest = STG_CHANNEL_CONTENT;
    for (int c = 0; c < STG_CHANNELS; c++) {
        loudest = stg_channel_has(m, (enum stg_channel)c) && share(s->z, c) > share(s->z, loudest) ? c : loudest;
    }
    return stg_aggregate_has(m, STG_AGGREGATE_NOVELTY) ? stg_channel_name((enum stg_channel)loudest) : NULL;
}

float stg_channels_load(const struct stg_seq *seq)
{
    const double most = STG_EVENT_MOST_RUNNABLE, r = (double)seq->runnable;
    return r > 0 ? (float)fmax(log(most / (r * ((double)seq->alone + STG_CHANNELS_ALONE_LEAST))), FLT_MIN) : 0;
}

float stg_channels_migration(const struct stg_seq *seq)
{
    return seq->stayed > 0 ? (float)fmax(-log(1 - (double)seq->stayed + STG_CHANNELS_MIGRATED_LEAST), FLT_MIN) : 0;
}

float stg_channels_workers(const struct stg_seq *seq)
{
    return seq->workers > 0 ? 1 + logf(seq->workers) : 0;
}

double stg_channels_usual_workers(const struct stg_model *m)
{
    return stg_channels_measures(m, STG_AGGREGATE_WORKERS)
               ? exp((double)m->channels[column_of(STG_AGGREGATE_WORKERS)] - 1)
               : 0;
}

/* What is usual for a sequence of its length. */
static const float *bin_of(const struct stg_model *m, const struct stg_score *s)
{
    size_t bin = 0;
    while (bin + 1 < m->n_channel_bins && (float)s->n_events > m->channels[bin * STG_MODEL_CHANNEL_COLUMNS + EDGE]) {
        bin++;
    }
    return m->channels + bin * STG_MODEL_CHANNEL_COLUMNS;
}

/* Whether the sequence and what is usual for its length tell of an optional measure. */
static bool is_told(const struct stg_model *m, const struct stg_score *s, enum stg_aggregate optional)
{
    return stg_channels_measures(m, optional) && s->value[optional] > 0 && bin_of(m, s)[column_of(optional)] > 0;
}

enum stg_aggregate stg_channels_load_by(const struct stg_model *m, const struct stg_score *s)
{
    return is_told(m, s, STG_AGGREGATE_LOAD)        ? STG_AGGREGATE_LOAD
           : is_told(m, s, STG_AGGREGATE_MIGRATION) ? STG_AGGREGATE_MIGRATION
                                                    : STG_AGGREGATES;
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* A known sequence, and one measure of it. */
struct known {
    const struct stg_score *score;
    size_t run;
    float value;
};

static int by_length(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    return (x->score->n_events > y->score->n_events) - (x->score->n_events < y->score->n_events);
}

static int by_run(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    return x->run != y->run ? (x->run > y->run) - (x->run < y->run) : by_value(&x->value, &y->value);
}

/* By how much a run's quantile may be off at most; 0 of one run. Sorts the sequences. */
static double between_runs(struct known *known, size_t n)
{
    struct {
        double n, mean, squares; /* of the deviations from the mean (Welford, "Note on a method for calculating
                                    corrected sums", 1962) */
    } of[RUN_SHARES] = {{0, 0, 0}};
    double largest = 0;
    qsort(known, n, sizeof *known, by_run);
    for (size_t from = 0, to = 0; from < n; from = to) {
        while (to < n && known[to].run == known[from].run) {
            to++;
        }
        for (size_t q = 0; q < RUN_SHARES; q++) {
            if (run_shares[q] * (double)(to - from) >= RUN_BEYOND) {
                const double value =
                    (double)known[from + (size_t)((1 - run_shares[q]) * (double)(to - from - 1) + 0.5)].value;
                const double off = value - of[q].mean;
                of[q].n++;
                of[q].mean += off / of[q].n;
                of[q].squares += off * (value - of[q].mean);
            }
        }
    }
    for (size_t q = 0; q < RUN_SHARES; q++) {
        if (of[q].n > 1) {
            largest = fmax(largest, RUN_DEVIATIONS(of[q].n) * sqrt(of[q].squares / (of[q].n - 1)));
        }
    }
    return largest;
}

/* Median and spread of one measure over n sequences, whose order changes; sorted has room for them. */
static void usual(struct known *known, size_t n, const struct measure *x, float *sorted, float out[2])
{
    for (size_t i = 0; i < n; i++) {
        sorted[i] = known[i].value = known[i].score->value[x->value];
    }
    qsort(sorted, n, sizeof *sorted, by_value);
    double spread = x->least_spread;
    out[0] = sorted[n / 2];
    if (x->two_sided) { /* what lies below counts as if it lay above */
        for (size_t i = 0; i < n; i++) {
            sorted[i] = known[i].value = out[0] + fabsf(known[i].value - out[0]);
        }
        qsort(sorted, n, sizeof *sorted, by_value);
    }
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        const double above = (double)sorted[(size_t)(quantiles[i].share * (double)(n - 1) + 0.5)] - (double)out[0];
        spread = fmax(spread, above / quantiles[i].deviations);
    }
    out[1] = (float)(x->wider * hypot(spread, between_runs(known, n)));
}

/* The end of the bin that begins at row from. */
static size_t bin_end(const struct known *known, size_t n, size_t from)
{
    const double longest = BIN_RATIO * (double)known[from].score->n_events;
    size_t to = from + (n / BINS > BIN_LEAST ? n / BINS : BIN_LEAST);
    to = to < n ? to : n;
    while (to - from > BIN_LEAST && (double)known[to - 1].score->n_events > longest) {
        to--;
    }
    while (to < n && known[to].score->n_events == known[to - 1].score->n_events) {
        to++; /* equal lengths stay together */
    }
    return n - to < BIN_LEAST ? n : to;
}

/* How many of the first bin, which ends at `to`, are much shorter than its longest, where they are the fewer. */
static size_t n_short(const struct known *known, size_t to)
{
    size_t n = 0;
    while (BIN_RATIO * (double)known[n].score->n_events < (double)known[to - 1].score->n_events) {
        n++;
    }
    return 2 * n < to ? n : 0;
}

/* The few short ones do not tell what is usual of their length, and are measured with their neighbours; these are
 * measured without them. */
static enum stg_status fit(struct stg_model *m, struct known *known, size_t n, float *sorted)
{
    enum stg_status status = STG_OK;
    float *table = NULL;
    struct known *bin = NULL; /* their order changes */
    size_t n_rows = 0;
    STG_TRY(stg_mem_zeroed(&bin, n, sizeof *bin));
    STG_TRY(stg_mem_zeroed(&table, n / BIN_LEAST + 2, STG_MODEL_CHANNEL_COLUMNS * sizeof *table));
    qsort(known, n, sizeof *known, by_length);
    for (size_t from = 0, to = 0; from < n; from = to) {
        const size_t end = bin_end(known, n, from), few = from == 0 ? n_short(known, end) : 0;
        const double longest = (double)known[end - 1].score->n_events;
        float *row = table + n_rows++ * STG_MODEL_CHANNEL_COLUMNS;
        to = few > 0 ? few : end;
        row[EDGE] = (float)(few > 0 ? ceil(longest / BIN_RATIO) - 1 : longest);
        for (int i = 0; i < MEASURES; i++) {
            memcpy(bin, known + from, (end - from) * sizeof *bin);
            usual(bin, end - from, &measures[i], sorted, row + 1 + 2 * i);
        }
    }
    stg_mem_free(m->channels);
    m->channels = table;
    m->n_channel_bins = n_rows;
    table = NULL;
out:
    stg_mem_free(table);
    stg_mem_free(bin);
    return status;
}

/* A score that is not finite would make what is usual useless; STIDE's and the paper's n-gram's are finite, too. */
static bool is_usable(const struct stg_score *s)
{
    bool finite = true;
    for (int i = 0; i < MEASURES; i++) {
        finite &= (bool)isfinite(s->value[measures[i].value]);
    }
    return finite;
}

/* A model of names alone, or of interleaved threads, is the paper's: it keeps the paper's score, the mean. */
static bool is_judged_by_channels(const struct stg_model *m)
{
    return m->recipe.order == STG_ORDER_THREAD &&
           (m->symbols == NULL || stg_symbols_fields(m->symbols) != STG_FIELD_CALL);
}

enum stg_status stg_channels_fit(struct stg_model *m, const struct stg_score *scores, const size_t *offset,
                                 size_t n_runs)
{
    enum stg_status status = STG_OK;
    struct known *usable = NULL;
    float *sorted = NULL;
    size_t n_usable = 0;
    const size_t n = offset[n_runs];
    stg_mem_free(m->channels);
    m->channels = NULL;
    m->n_channel_bins = 0;
    STG_TRY(stg_mem_zeroed(&usable, n, sizeof *usable));
    STG_TRY(stg_mem_zeroed(&sorted, n, sizeof *sorted));
    for (size_t i = 0, run = 0; i < n; i++) {
        while (i >= offset[run + 1]) {
            run++;
        }
        if (is_usable(&scores[i])) {
            usable[n_usable++] = (struct known){.score = &scores[i], .run = run};
        }
    }
    if (n_usable >= STG_CHANNELS_LEAST && is_judged_by_channels(m)) {
        STG_TRY(fit(m, usable, n_usable, sorted));
    }
out:
    stg_mem_free(usable);
    stg_mem_free(sorted);
    return status;
}

/* Whether the measure counts for the sequence: of load one does. */
static bool counts(const struct stg_model *m, const struct stg_score *s, const struct measure *x)
{
    return x->channel == STG_CHANNEL_LOAD ? x->value == stg_channels_load_by(m, s)
           : x->optional                  ? is_told(m, s, x->value)
                                          : stg_aggregate_has(m, x->value);
}

double stg_channels_sum(const float z[STG_CHANNELS])
{
    double sum = 0;
    for (int c = 0; c < STG_CHANNELS; c++) {
        sum += share(z, c);
    }
    return sum;
}

void stg_channels_judge(const struct stg_model *m, struct stg_score *s)
{
    memset(s->z, 0, sizeof s->z);
    if (m->n_channel_bins == 0) {
        s->value[STG_AGGREGATE_NOVELTY] = s->value[STG_AGGREGATE_MEAN];
        return;
    }
    const float *row = bin_of(m, s);
    bool measured[STG_CHANNELS] = {false};
    for (int i = 0; i < MEASURES && s->n_tokens > 0; i++) {
        const struct measure *x = &measures[i];
        const float deviations = (s->value[x->value] - row[1 + 2 * i]) / row[2 + 2 * i];
        const float z = x->two_sided ? fabsf(deviations) - 1 : deviations; /* one of two sides is always above */
        if (counts(m, s, x) && (!measured[x->channel] || z > s->z[x->channel])) {
            s->z[x->channel] = z;
            measured[x->channel] = true;
        }
    }
    s->value[STG_AGGREGATE_NOVELTY] = (float)log1p(stg_channels_sum(s->z));
}
