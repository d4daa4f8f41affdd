/* Faithfulness of explanations: bench_explain MODEL KNOWN.data N [NOVEL.data…]
 *
 * Makes one change of each kind in N held-out known sequences and says how often it is the first, or the first or
 * second, segment to blame; then takes what is to blame out of novel sequences, and as many events at random, and says
 * how far the score falls. */
#include "tests/changes.h"

#include "dataset/dataset.h"
#include "detect/calibrate.h"
#include "explain/counterfactual.h"
#include "explain/explain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ALPHA 0.01

enum { N_DRAWS = 5, SHARE = 20 /* one event in so many is taken out */ };

struct bench {
    struct stg_model *model;
    struct stg_rng rng;
    size_t n;
};

struct found {
    size_t n, first, second;
    size_t n_turned, n_alone; /* judged novel by the change alone; of these, normal again without the segment that has
                                 it, and no other */
    size_t field[STG_FIELDS_TO_BLAME]; /* what the segment that has it is said to be about */
};

static bool covers(const struct stg_explanation *x, const struct stg_segment *s, const struct changed *c)
{
    for (uint32_t i = s->first; i < s->first + s->n; i++) {
        const uint32_t row = x->events[x->order[i]].index;
        if (row != UINT32_MAX && c->rows[row].changed) {
            return true;
        }
    }
    return false;
}

/* Whether the sequence was normal before, and what the counterfactual makes of the changed one. */
static enum stg_status look_back(struct bench *b, const struct stg_seq *before, const struct stg_explanation *x,
                                 const struct changed *c, struct found *f)
{
    struct stg_counterfactual w;
    struct stg_score score;
    const enum stg_aggregate a = stg_aggregate_default(b->model);
    STG_RETURN_IF_FAILED(stg_score_sequence(b->model, before, &score));
    STG_RETURN_IF_FAILED(stg_counterfactual(&w, b->model, x, stg_aggregate_default(b->model), ALPHA));
    if (w.novel && stg_p_value(b->model, a, (double)score.value[a]) > ALPHA) {
        f->n_turned++;
        f->n_alone += w.enough && w.n == 1 && covers(x, &x->segments[w.segments[0]], c);
    }
    stg_counterfactual_fini(&w);
    return STG_OK;
}

static enum stg_status look(struct bench *b, const struct stg_vocab *names, const struct stg_seq *before,
                            const struct changed *c, struct found *f)
{
    struct stg_explanation x;
    STG_RETURN_IF_FAILED(stg_explain(&x, b->model, &c->seq, names, 3));
    size_t at = 0;
    while (at < x.n_segments && !covers(&x, &x.segments[at], c)) {
        at++;
    }
    f->n++;
    f->first += at == 0 && x.n_segments > 0;
    f->second += at <= 1 && at < x.n_segments;
    if (at <= 1 && at < x.n_segments) {
        f->field[x.events[x.segments[at].worst].field]++;
    }
    const enum stg_status status = look_back(b, before, &x, c, f);
    stg_explanation_fini(&x);
    return status;
}

static enum stg_status measure_change(struct bench *b, const struct stg_dataset *known, enum change what)
{
    struct found f = {0};
    const size_t n_known = stg_dataset_count(known);
    for (size_t i = 0; i < b->n; i++) {
        struct stg_seq seq;
        struct changed c = {0};
        bool made;
        stg_dataset_get(known, i * n_known / b->n, &seq);
        enum stg_status status = change_somewhere(&c, what, &seq, stg_dataset_vocab(known), &b->rng, &made);
        if (status == STG_OK && made) {
            status = look(b, stg_dataset_vocab(known), &seq, &c, &f);
        }
        changed_fini(&c);
        STG_RETURN_IF_FAILED(status);
    }
    printf("%-14s %4zu made, first %5.1f %%, first or second %5.1f %%; blamed:", change_names[what], f.n,
           100.0 * (double)f.first / (double)f.n, 100.0 * (double)f.second / (double)f.n);
    for (int k = 0; k < STG_FIELDS_TO_BLAME; k++) {
        if (f.field[k] > 0) {
            printf(" %s %zu", stg_field_name((enum stg_field)k), f.field[k]);
        }
    }
    printf("; turned %zu novel, counterfactual is it alone in %zu\n", f.n_turned, f.n_alone);
    return STG_OK;
}

static size_t mark(const struct stg_seq *s, bool *marked, size_t row)
{
    const size_t partner = changed_partner(s, row),
                 n = (size_t)!marked[row] + (size_t)(partner != row && !marked[partner]);
    marked[row] = marked[partner] = true;
    return n;
}

/* Marks n events of a walk from a place of the explanation's order on, and what belongs to the same calls. */
static size_t mark_stretch(const struct stg_explanation *x, const struct stg_seq *s, bool *marked, size_t first,
                           size_t n)
{
    size_t n_marked = 0;
    for (size_t i = first; i < first + n && i < x->n; i++) {
        const uint32_t row = x->events[x->order[i]].index;
        n_marked += row != UINT32_MAX ? mark(s, marked, row) : 0;
    }
    return n_marked;
}

/* Marks the segments most to blame until they are at least `want` events, or as many stretches of the same lengths
 * somewhere else. */
static void mark_segments(struct bench *b, const struct stg_explanation *x, const struct stg_seq *s, bool *marked,
                          size_t want, bool anywhere)
{
    size_t n = 0, n_other = 0;
    bool *other = marked + s->n;
    memset(marked, 0, 2 * s->n * sizeof *marked);
    for (size_t i = 0; i < x->n_segments && n < want; i++) {
        const struct stg_segment *g = &x->segments[i];
        n += mark_stretch(x, s, anywhere ? other : marked, g->first, g->n);
    }
    while (anywhere && n_other < n) {
        const size_t len = x->segments[stg_rng_below(&b->rng, x->n_segments)].n;
        n_other +=
            mark_stretch(x, s, marked, (size_t)stg_rng_below(&b->rng, x->n), len < n - n_other ? len : n - n_other);
    }
}

/* The score, and the nats of all channels: unlike the score, these do not rise because the rest is shorter. */
struct worth {
    double score, nats;
};

static struct worth worth_of(const struct stg_model *m, const struct stg_score *s)
{
    const double n = s->n_tokens;
    return (struct worth){(double)s->value[stg_aggregate_default(m)],
                          n * ((double)s->value[STG_AGGREGATE_MEAN] + (double)s->value[STG_AGGREGATE_TIME]) +
                              (double)s->value[STG_AGGREGATE_STATE]};
}

/* Adds what the sequence loses with the rows that are marked. */
static enum stg_status add_fall(const struct bench *b, const struct stg_seq *s, const bool *marked, struct worth before,
                                double share, struct worth *fall)
{
    struct changed c = {0};
    struct stg_score score;
    enum stg_status status = changed_init(&c, s);
    if (status == STG_OK) {
        changed_remove(&c, marked);
        status = stg_score_sequence(b->model, &c.seq, &score);
        if (status == STG_OK) {
            const struct worth after = worth_of(b->model, &score);
            fall->score += share * (before.score - after.score);
            fall->nats += share * (before.nats - after.nats);
        }
    }
    changed_fini(&c);
    return status;
}

static enum stg_status measure_removal(struct bench *b, const struct stg_vocab *names, const struct stg_seq *s,
                                       struct worth fall[2])
{
    enum stg_status status = STG_OK;
    struct stg_explanation x = {0};
    bool *marked = NULL;
    STG_TRY(stg_explain(&x, b->model, s, names, 0));
    STG_TRY(stg_mem_zeroed(&marked, 2 * s->n, sizeof *marked));
    const struct worth before = worth_of(b->model, &x.score);
    mark_segments(b, &x, s, marked, s->n / SHARE + 1, false);
    STG_TRY(add_fall(b, s, marked, before, 1, &fall[0]));
    for (int k = 0; k < N_DRAWS; k++) {
        mark_segments(b, &x, s, marked, s->n / SHARE + 1, true);
        STG_TRY(add_fall(b, s, marked, before, 1.0 / N_DRAWS, &fall[1]));
    }
out:
    stg_mem_free(marked);
    stg_explanation_fini(&x);
    return status;
}

static enum stg_status measure_novel(struct bench *b, const char *path)
{
    enum stg_status status = STG_OK;
    struct stg_dataset *novel = NULL;
    struct worth fall[2] = {{0, 0}, {0, 0}};
    STG_TRY(stg_dataset_open(&novel, path, NULL));
    const size_t n_novel = stg_dataset_count(novel), n = b->n < n_novel ? b->n : n_novel;
    for (size_t i = 0; i < n; i++) {
        struct stg_seq seq;
        stg_dataset_get(novel, i * n_novel / n, &seq);
        if (seq.n > 2 * SHARE) {
            STG_TRY(measure_removal(b, stg_dataset_vocab(novel), &seq, fall));
        }
    }
    printf("%s: %zu sequences less one event in %d, mean fall of the surprisals %.1f nats (blamed), %.1f (at random)",
           path, n, SHARE, fall[0].nats / (double)n, fall[1].nats / (double)n);
    if (fall[1].nats > 0) {
        printf(", ratio %.2f", fall[0].nats / fall[1].nats);
    }
    printf("; of the score %.3f and %.3f\n", fall[0].score / (double)n, fall[1].score / (double)n);
out:
    stg_dataset_free(novel);
    return status;
}

int main(int argc, char **argv)
{
    enum stg_status status = STG_OK;
    struct bench b = {.n = argc > 3 ? strtoul(argv[3], NULL, 10) : 0};
    struct stg_dataset *known = NULL;
    if (b.n == 0) {
        fprintf(stderr, "usage: bench_explain MODEL KNOWN.data N [NOVEL.data…]\n");
        return 2;
    }
    stg_rng_seed(&b.rng, 1);
    STG_TRY(stg_model_open(&b.model, argv[1]));
    STG_TRY(stg_dataset_open(&known, argv[2], NULL));
    for (int what = 0; what < CHANGES; what++) {
        STG_TRY(measure_change(&b, known, (enum change)what));
    }
    for (int i = 4; i < argc; i++) {
        STG_TRY(measure_novel(&b, argv[i]));
    }
out:
    if (status != STG_OK) {
        fprintf(stderr, "bench_explain: %s\n", stg_status_message());
    }
    stg_dataset_free(known);
    stg_model_free(b.model);
    return status == STG_OK ? 0 : 2;
}
