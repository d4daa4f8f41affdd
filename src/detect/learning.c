#include "detect/learning.h"

#include "base/memory.h"
#include "model/ngram.h"
#include "score/score.h"

#include <math.h>

#define GAIN_ENOUGH   0.02
#define UNSEEN_ENOUGH 0.001

/* The mean over the tokens of held of the surprisal under a model of this kind that has learnt train; 0 without
 * tokens. */
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
    *n = 0;
    STG_TRY(stg_mem_zeroed(&scores, held->n, sizeof *scores));
    for (unsigned i = 0; i < STG_LEARNING_POINTS && held->n > 0; i++) {
        struct stg_corpus part = *train;
        part.n = train->n >> (STG_LEARNING_POINTS - 1 - i);
        if (part.n > 0) {
            double stide;
            out[*n].n_sequences = part.n;
            STG_TRY(surprisal("ngram", m, &part, held, pool, scores, &out[*n].surprisal));
            STG_TRY(surprisal("stide", m, &part, held, pool, scores, &stide));
            out[(*n)++].unseen = unseen_part(stide);
        }
        stg_progress_update(progress, i + 1);
    }
out:
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
