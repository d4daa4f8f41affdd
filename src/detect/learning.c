#include "detect/learning.h"

#include "base/memory.h"
#include "model/ngram.h"
#include "score/score.h"

#include <math.h>
#include <stdlib.h>

#define GAIN_ENOUGH   0.02
#define UNSEEN_ENOUGH 0.001

/* --- The first of the data --- */

struct begin {
    int64_t ns;
    size_t index;
};

/* Sequences of a corpus by when they begin. In its own order they stand as they end, and what lives as long as the
 * recording is the last: a first half of that would lack it, as no shorter recording does. */
struct by_begin {
    const struct stg_corpus *corpus;
    struct begin *order; /* (corpus->n) owned */
};

/* Equal ones, as where there are no times, in the order of the data. */
static int earlier(const void *a, const void *b)
{
    const struct begin *x = a, *y = b;
    return x->ns != y->ns ? (x->ns > y->ns) - (x->ns < y->ns) : (x->index > y->index) - (x->index < y->index);
}

static enum stg_status by_begin_init(struct by_begin *out, const struct stg_corpus *corpus)
{
    *out = (struct by_begin){.corpus = corpus};
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&out->order, corpus->n, sizeof *out->order));
    for (size_t i = 0; i < corpus->n; i++) {
        struct stg_seq seq;
        stg_corpus_get(corpus, i, &seq);
        out->order[i] = (struct begin){seq.begin_ns, i};
    }
    if (corpus->n > 0) {
        qsort(out->order, corpus->n, sizeof *out->order, earlier);
    }
    return STG_OK;
}

static void get_by_begin(void *context, size_t i, struct stg_seq *out)
{
    const struct by_begin *b = context;
    stg_corpus_get(b->corpus, b->order[i].index, out);
}

/* --- The curve --- */

/* Part of the tokens that the model had no symbol for. */
static double unknown_part(const struct stg_score *scores, size_t n)
{
    double unknown = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        unknown += (double)scores[i].n_unknown;
        all += (double)scores[i].n_tokens;
    }
    return all > 0 ? unknown / all : 0;
}

/* The mean over the tokens of held of the surprisal under a model of this kind that has learnt train; 0 without
 * tokens. Scores stay in scores. */
static enum stg_status surprisal(const char *kind, const struct stg_model *like, const struct stg_corpus *train,
                                 const struct stg_corpus *held, struct stg_pool *pool, struct stg_score *scores,
                                 double *out)
{
    enum stg_status status = STG_OK;
    struct stg_model *m = NULL;
    struct stg_model_settings s;
    stg_model_settings_default(&s);
    s.kind = kind;
    s.fields = like->symbols == NULL ? 0 : stg_symbols_fields(like->symbols);
    *out = 0;
    STG_TRY(stg_model_new(&m, &s, &like->recipe, &like->vocab));
    m->max_walk = like->max_walk;
    STG_TRY(m->ops->fit(m, train, pool, NULL));
    STG_TRY(stg_score_corpus_plain(m, held, pool, NULL, scores));
    const double loss = stg_score_loss(scores, held->n);
    *out = isnan(loss) ? 0 : loss;
out:
    stg_model_free(m);
    return status;
}

/* STIDE gives a window that it knows the one surprisal, any other the other. */
static double unseen_part(double stide)
{
    const double known = -log(1 - STG_STIDE_UNKNOWN), unknown = -log(STG_STIDE_UNKNOWN);
    return fmin(1, fmax(0, (stide - known) / (unknown - known)));
}

enum stg_status stg_learning_curve(const struct stg_model *m, const struct stg_corpus *train,
                                   const struct stg_corpus *held, struct stg_pool *pool, struct stg_progress *progress,
                                   struct stg_learning_point out[STG_LEARNING_POINTS], size_t *n)
{
    enum stg_status status = STG_OK;
    struct stg_score *scores = NULL;
    struct by_begin first = {0};
    *n = 0;
    STG_TRY(by_begin_init(&first, train));
    STG_TRY(stg_mem_zeroed(&scores, held->n, sizeof *scores));
    for (unsigned i = 0; i < STG_LEARNING_POINTS && held->n > 0; i++) {
        const struct stg_corpus part = {
            .n = train->n >> (STG_LEARNING_POINTS - 1 - i), .context = &first, .get = get_by_begin};
        if (part.n > 0) {
            double stide;
            out[*n].n_sequences = part.n;
            STG_TRY(surprisal("ngram", m, &part, held, pool, scores, &out[*n].surprisal));
            out[*n].unknown = unknown_part(scores, held->n);
            STG_TRY(surprisal("stide", m, &part, held, pool, scores, &stide));
            out[(*n)++].unseen = unseen_part(stide);
        }
        stg_progress_update(progress, i + 1);
    }
out:
    stg_mem_free(first.order);
    stg_mem_free(scores);
    return status;
}

double stg_learning_gain(const struct stg_learning_point *points, size_t n)
{
    return n < 2 ? (double)NAN : 1 - points[n - 1].surprisal / points[n - 2].surprisal;
}

bool stg_learning_enough(const struct stg_learning_point *points, size_t n)
{
    return stg_learning_gain(points, n) < GAIN_ENOUGH && points[n - 1].unseen < UNSEEN_ENOUGH;
}
