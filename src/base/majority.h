/* The majority of what is voted for, without counting: Boyer and Moore, "MJRTY" (1981), with weights. Whatever has more
 * than half of all weight is the candidate at the end; where nothing has, the candidate is one of those that came late
 * and often. */
#ifndef STG_BASE_MAJORITY_H
#define STG_BASE_MAJORITY_H

#include <stdint.h>

/* Zeroed: nothing was voted for. */
struct stg_majority {
    uint32_t candidate;
    float lead; /* ≥ 0; 0: no candidate */
};

/* weight > 0. */
static inline void stg_majority_vote(struct stg_majority *m, uint32_t candidate, float weight)
{
    m->lead += m->candidate == candidate ? weight : -weight;
    if (m->lead < 0) {
        m->candidate = candidate;
        m->lead = -m->lead;
    }
}

#endif
