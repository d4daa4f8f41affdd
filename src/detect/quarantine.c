#include "detect/quarantine.h"

#include "base/memory.h"
#include "score/channels.h"

#include <stdlib.h>

struct ranked {
    float value;
    size_t index;
};

static int most_novel_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->value < y->value || x->value > y->value) {
        return x->value > y->value ? -1 : 1;
    }
    return (x->index < y->index) - (x->index > y->index);
}

enum stg_status stg_quarantine(struct stg_model *m, const struct stg_score *scores, const size_t *offset, size_t n_runs,
                               double share, uint32_t *rank)
{
    enum stg_status status = STG_OK;
    struct ranked *ranked = NULL;
    const size_t n = offset[n_runs];
    STG_TRY(stg_mem_zeroed(&ranked, n, sizeof *ranked));
    STG_TRY(stg_channels_fit(m, scores, offset, n_runs));
    const enum stg_aggregate aggregate = stg_aggregate_default(m);
    for (size_t i = 0; i < n; i++) {
        struct stg_score s = scores[i];
        stg_channels_judge(m, &s);
        ranked[i] = (struct ranked){s.value[aggregate], i};
        rank[i] = 0;
    }
    qsort(ranked, n, sizeof *ranked, most_novel_first);
    for (size_t i = 0; i < (size_t)(share * (double)n); i++) {
        rank[ranked[i].index] = (uint32_t)i + 1;
    }
out:
    stg_mem_free(ranked);
    return status;
}

size_t stg_quarantine_leave_out(struct stg_score *scores, size_t *offset, size_t n_runs, const uint32_t *rank)
{
    size_t n = 0, i = 0;
    for (size_t k = 0; k < n_runs; k++) {
        const size_t end = offset[k + 1];
        offset[k] = n;
        for (; i < end; i++) {
            scores[n] = scores[i];
            n += rank[i] == 0;
        }
    }
    offset[n_runs] = n;
    return n;
}
