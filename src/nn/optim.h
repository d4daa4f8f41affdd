/* Optimisers, all with clipping by the global norm (Pascanu et al. 2013, algorithm 1):
 *   Adam    Kingma and Ba 2015, algorithm 1
 *   AdamW   Adam with decoupled weight decay (Loshchilov and Hutter 2019), of matrices only: embeddings and weights
 *   ranger  RAdam, whose warm-up follows from the variance of its step (Liu et al. 2020), inside Lookahead (Zhang et
 * al. 2019): every 6th update the parameters go back half way to where they were 6 updates before */
#ifndef STG_NN_OPTIM_H
#define STG_NN_OPTIM_H

#include "nn/params.h"

#include <stdint.h>

enum stg_optimizer_kind { STG_OPTIMIZER_ADAM, STG_OPTIMIZER_ADAMW, STG_OPTIMIZER_RANGER };

struct stg_optimizer {
    enum stg_optimizer_kind kind;
    double rate, beta1, beta2, epsilon;
    double clip;      /* bound of the gradient's Euclidean norm; 0 = none */
    double decay;     /* AdamW: part of a weight that goes in an update at rate 1 */
    uint64_t n_steps; /* updates done; part of a checkpoint */
    float *slow;      /* (params->size) ranger: Lookahead's slow weights, part of a checkpoint; owned */
};

/* Allocates what the kind needs beside the moments; begins at the values that p has. Adam and AdamW need no init. */
enum stg_status stg_optimizer_init(struct stg_optimizer *o, const struct stg_params *p) STG_MUST_USE;
void stg_optimizer_fini(struct stg_optimizer *o);

/* One update of p->value from p->gradient. *norm = the gradient's norm before clipping. A gradient that is not finite
 * changes nothing and is STG_ERR_INPUT. */
enum stg_status stg_optimizer_update(struct stg_optimizer *o, struct stg_params *p, double *norm) STG_MUST_USE;

#endif
