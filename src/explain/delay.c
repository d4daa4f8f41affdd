#include "explain/delay.h"

#include "base/memory.h"
#include "base/sort.h"

#include <math.h>

const int64_t stg_delay_ns[STG_DELAYS] = {0, 1000, 10000, 100000, 1000000, 10000000};

static enum stg_status make_room(struct stg_delayed *out, size_t n)
{
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->call, n, sizeof *out->call));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->thread, n, sizeof *out->thread));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->phase, n, sizeof *out->phase));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->ret, n, sizeof *out->ret));
    return stg_mem_zeroed(&out->time_ns, n, sizeof *out->time_ns);
}

static void put_row(struct stg_delayed *out, size_t to, const struct stg_seq *seq, size_t from, int64_t time_ns)
{
    out->call[to] = seq->call[from];
    out->thread[to] = seq->thread[from];
    out->phase[to] = seq->phase[from];
    out->ret[to] = seq->ret[from];
    out->time_ns[to] = time_ns;
}

static int64_t later(int64_t time_ns, int64_t ns)
{
    return time_ns > STG_TIME_MAX - ns ? STG_TIME_MAX : time_ns + ns;
}

/* Merges the rows that wait with those that do not; at the same time, the one that came first stays first. */
static void merge(struct stg_delayed *out, const struct stg_seq *seq, size_t row, int64_t ns)
{
    const uint16_t thread = seq->thread[row];
    size_t stays = 0, waits = row;
    for (size_t to = 0; to < seq->n; to++) {
        while (stays < seq->n && stays >= row && seq->thread[stays] == thread) {
            stays++;
        }
        while (waits < seq->n && seq->thread[waits] != thread) {
            waits++;
        }
        const int64_t time_ns = waits < seq->n ? later(seq->time_ns[waits], ns) : 0;
        if (waits == seq->n ||
            (stays < seq->n && (seq->time_ns[stays] < time_ns || (seq->time_ns[stays] == time_ns && stays < waits)))) {
            put_row(out, to, seq, stays, seq->time_ns[stays]);
            stays++;
        } else {
            put_row(out, to, seq, waits, time_ns);
            waits++;
        }
    }
}

enum stg_status stg_delay_inject(struct stg_delayed *out, const struct stg_seq *seq, size_t row, int64_t ns)
{
    *out = (struct stg_delayed){.seq = *seq};
    STG_RETURN_IF_FAILED(make_room(out, seq->n));
    merge(out, seq, row, ns);
    out->seq.call = out->call;
    out->seq.thread = out->thread;
    out->seq.phase = out->phase;
    out->seq.ret = out->ret;
    out->seq.time_ns = out->time_ns;
    if (out->time_ns[seq->n - 1] > seq->end_ns - seq->begin_ns) {
        out->seq.end_ns = later(seq->begin_ns, out->time_ns[seq->n - 1]);
    }
    return STG_OK;
}

void stg_delayed_fini(struct stg_delayed *d)
{
    stg_mem_free(d->call);
    stg_mem_free(d->thread);
    stg_mem_free(d->phase);
    stg_mem_free(d->ret);
    stg_mem_free(d->time_ns);
    *d = (struct stg_delayed){.seq = {0}};
}

size_t stg_delay_place(const struct stg_seq *seq, struct stg_rng *rng)
{
    uint8_t seen[(UINT16_MAX + 1) / 8] = {0}; /* threads that have an event already, a bit each */
    size_t n_fit = 0, place = seq->n;
    for (size_t i = 0; i < seq->n && (seq->flags & STG_SEQ_NO_TIME) == 0; i++) {
        uint8_t *byte = &seen[seq->thread[i] / 8];
        const uint8_t bit = (uint8_t)(1U << seq->thread[i] % 8);
        if ((*byte & bit) != 0 && seq->phase[i] != STG_PHASE_EXIT && stg_rng_below(rng, ++n_fit) == 0) {
            place = i;
        }
        *byte |= bit;
    }
    return place;
}

bool stg_delay_seen(const struct stg_model *m)
{
    return (stg_model_columns(m) & STG_WALK_ELAPSED) != 0;
}

/* The sampled sequences, and with a pause. */
struct sample {
    struct stg_seq *seqs;        /* (n) borrowed columns */
    size_t *rows;                /* (n) what is delayed */
    struct stg_delayed *delayed; /* (n) */
    struct stg_score *scores;    /* (n) */
    double *sorted;              /* (n) */
    size_t n;
};

static void sample_fini(struct sample *s)
{
    stg_mem_free(s->seqs);
    stg_mem_free(s->rows);
    for (size_t i = 0; s->delayed != NULL && i < s->n; i++) {
        stg_delayed_fini(&s->delayed[i]);
    }
    stg_mem_free(s->delayed);
    stg_mem_free(s->scores);
    stg_mem_free(s->sorted);
}

/* How many to sample, by their mean length. */
static size_t sample_size(const struct stg_corpus *known)
{
    size_t n_events = 1;
    for (size_t i = 0; i < known->n; i++) {
        struct stg_seq seq;
        stg_corpus_get(known, i, &seq);
        n_events += seq.n;
    }
    const double fit = (double)known->n * (STG_DELAY_EVENTS / 2.0) / (double)n_events;
    const size_t most = known->n < STG_DELAY_SEQUENCES ? known->n : STG_DELAY_SEQUENCES;
    return fit < (double)most ? (size_t)ceil(fit) : most;
}

static enum stg_status sample_init(struct sample *s, const struct stg_corpus *known, uint64_t seed)
{
    struct stg_rng rng;
    size_t n_events = 0;
    const size_t most = sample_size(known);
    stg_rng_seed(&rng, seed);
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->seqs, most, sizeof *s->seqs));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->rows, most, sizeof *s->rows));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->delayed, most, sizeof *s->delayed));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->scores, most, sizeof *s->scores));
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s->sorted, most, sizeof *s->sorted));
    for (size_t k = 0; k < most; k++) {
        struct stg_seq *seq = &s->seqs[s->n];
        stg_corpus_get(known, k * known->n / most, seq);
        s->rows[s->n] = stg_delay_place(seq, &rng);
        if (s->rows[s->n] < seq->n && n_events + seq->n <= STG_DELAY_EVENTS) {
            n_events += seq->n;
            s->n++;
        }
    }
    return STG_OK;
}

static void get_delayed(void *context, size_t i, struct stg_seq *out)
{
    *out = ((const struct sample *)context)->delayed[i].seq;
}

static struct stg_delay_range range_of(struct sample *s, enum stg_aggregate a)
{
    for (size_t i = 0; i < s->n; i++) {
        s->sorted[i] = (double)s->scores[i].value[a];
    }
    stg_sort_doubles(s->sorted, s->n);
    const double last = (double)s->n - 1;
    return (struct stg_delay_range){s->sorted[lround(0.05 * last)], s->sorted[lround(0.5 * last)],
                                    s->sorted[lround(0.95 * last)]};
}

static enum stg_status score_delayed(struct sample *s, const struct stg_model *m, int64_t ns, struct stg_pool *pool)
{
    const struct stg_corpus corpus = {.n = s->n, .context = s, .get = get_delayed};
    for (size_t i = 0; i < s->n; i++) {
        stg_delayed_fini(&s->delayed[i]);
        STG_RETURN_IF_FAILED(stg_delay_inject(&s->delayed[i], &s->seqs[i], s->rows[i], ns));
    }
    return stg_score_corpus(m, &corpus, pool, NULL, s->scores);
}

enum stg_status stg_delay_effect(struct stg_delay_effect *out, const struct stg_model *m,
                                 const struct stg_corpus *known, uint64_t seed, struct stg_pool *pool)
{
    enum stg_status status = STG_OK;
    struct sample s = {.n = 0};
    *out = (struct stg_delay_effect){.n_all = known->n};
    STG_TRY(sample_init(&s, known, seed));
    for (size_t d = 0; d < STG_DELAYS && s.n > 0; d++) {
        STG_TRY(score_delayed(&s, m, stg_delay_ns[d], pool));
        for (int a = 0; a < STG_AGGREGATES; a++) {
            out->range[a][d] = range_of(&s, (enum stg_aggregate)a);
        }
    }
    out->n = s.n;
out:
    sample_fini(&s);
    return status;
}
