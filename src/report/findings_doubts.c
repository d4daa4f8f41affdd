/* What makes a verdict on many sequences less sure than it sounds. */
#include "report/findings.h"

#include "detect/calibrate.h"
#include "detect/runs.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>

bool findings_lost(const struct stg_verdict *v, size_t n, char out[WORDS_SENTENCE])
{
    char touched[32], all[32], novel[32];
    words_count(v->n_touched, touched);
    words_count(n, all);
    words_count(v->novel_touched, novel);
    snprintf(out, WORDS_SENTENCE,
             "lost events touch %s of %s sequence%s, %s of which %s %s: a gap makes a sequence look stranger or "
             "plainer than it is",
             touched, all, n == 1 ? "" : "s", novel, v->novel_touched == 1 ? "is" : "are",
             v->reachable ? "novel" : "above all calibration scores");
    return v->n_touched > 0;
}

const char *findings_rests(const struct stg_verdict *v)
{
    return v->rests_on_lost ? "without these it would not be novel: record again without loss before you act on it"
                            : NULL;
}

bool findings_one_run(const struct stg_model *m, const struct stg_verdict *v)
{
    return v->novel && stg_runs_count(m) == 1;
}

/* Where runs of the calibration differ, and this hardly by more, by no channel either. */
bool findings_runs_differ(const struct stg_model *m, struct stg_judged_by by, const struct stg_verdict *v, size_t n,
                          char out[WORDS_SENTENCE])
{
    const double share = (double)v->n_novel / (double)n, most = stg_runs_most(m);
    if (!v->novel || !v->reachable || v->n_alone > 0 || v->beyond_apart > (double)v->bound_beyond ||
        share >= STG_ALONE_TIMES * most || by.aggregate != stg_aggregate_default(m) ||
        fabs(by.alpha - STG_ALPHA_DEFAULT) > 1e-9) {
        return false;
    }
    snprintf(out, WORDS_SENTENCE,
             "known runs differ, too: one that is left out of the calibration has up to %.2g %% novel sequences, this "
             "%.2g %%; if it is known, calibrate with it",
             100 * most, 100 * share);
    return true;
}
