/* Novel: which single sequences are called so, the same for all who list, count or explain them. */
#ifndef STG_DETECT_NOVEL_H
#define STG_DETECT_NOVEL_H

#include "model/model.h"
#include "score/score.h"

/* Whether it can be told of a single sequence: the model is calibrated, and a p-value can be as small as alpha. Else
 * whoever tells of one sequence gives no verdict. */
bool stg_is_judged(const struct stg_model *m, double alpha);
/* Above every calibration score; false where there are none. */
bool stg_is_beyond(const struct stg_model *m, enum stg_aggregate a, const struct stg_score *s);
/* Its p-value is alpha or less. With too few calibration scores for that (fewer than 1 / alpha − 1), it is beyond them
 * all: that is the least p-value there is, and what the verdict on many sequences counts then (detect/verdict.h). */
bool stg_is_novel(const struct stg_model *m, enum stg_aggregate a, const struct stg_score *s, double alpha);

#endif
