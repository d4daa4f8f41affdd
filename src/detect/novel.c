#include "detect/novel.h"

#include "detect/calibrate.h"
#include "detect/verdict.h"

bool stg_is_judged(const struct stg_model *m, double alpha)
{
    return stg_calibrated(m) && stg_verdict_rank(m->n_calibration, alpha) > 0;
}

bool stg_is_beyond(const struct stg_model *m, enum stg_aggregate a, const struct stg_score *s)
{
    return stg_calibrated(m) && stg_p_rank(m, a, (double)s->value[a]) == 1;
}

bool stg_is_novel(const struct stg_model *m, enum stg_aggregate a, const struct stg_score *s, double alpha)
{
    if (stg_verdict_rank(m->n_calibration, alpha) == 0) {
        return stg_is_beyond(m, a, s);
    }
    return stg_p_value(m, a, (double)s->value[a]) <= alpha;
}
