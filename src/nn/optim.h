/* Optimiser: Adam (Kingma and Ba 2015, algorithm 1) with clipping by the global norm (Pascanu et al. 2013, algorithm 1). */
#ifndef STG_NN_OPTIM_H
#define STG_NN_OPTIM_H

#include "nn/params.h"

#include <stdint.h>

struct stg_adam {
    double rate, beta1, beta2, epsilon;
    double clip;      /* bound of the gradient's Euclidean norm; 0 = none */
    uint64_t n_steps; /* updates done; part of a checkpoint */
};

/* One update of p->value from p->gradient. *norm = the gradient's norm before clipping. A gradient that is not finite changes
 * nothing and is STG_ERR_INPUT. */
enum stg_status stg_adam_update(struct stg_adam *a, struct stg_params *p, double *norm) STG_MUST_USE;

#endif
