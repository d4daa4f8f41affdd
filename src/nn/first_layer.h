/* The first linear layer of a net, y = x W + b, by tables: x is embeddings side by side, then sinusoids, so what an id
 * adds to y is made once for every id instead of once for every row. A row of ids is looked up, and only its sinusoids
 * are multiplied. Backward, the gradients of the rows that showed an id are added up first: from these sums come the
 * gradients of the embeddings and of the weights that they are multiplied by, as both are linear in them. Nothing asks
 * for gradients of the sinusoids, so no row's dx is made at all.
 *
 * In the published nets five of seven multiplications by W are saved, forward and in the gradient of W, and all for dx.
 * The same sums in another order: results differ from those of whole rows by rounding. */
#ifndef STG_NN_FIRST_LAYER_H
#define STG_NN_FIRST_LAYER_H

#include "compute/product.h"
#include "nn/net.h"

struct stg_first_layer {
    bool looked_up;      /* false: there are too many ids, or no tables; rows are multiplied as they are */
    size_t weight, bias; /* W (I,O), b (O): indices into params */
    const struct stg_product *product; /* W packed; borrowed */
    size_t n_ids;                      /* of all tables */
    float *table;                      /* (n_ids,O) owned */
    float *x;                          /* some rows of one field to make it of; owned */
    size_t first_wave;                 /* column of x where the sinusoids begin */
    struct stg_product waves;          /* (I − first_wave,O) packed rows of W; owned */
};

/* What the backward pass of one part adds up. */
struct stg_first_layer_sums {
    float *dy;     /* (n_ids,O) of the rows that showed an id; owned */
    float *x, *dx; /* some rows of one field, and the gradients of their embeddings; owned */
};

/* The product is packed by the caller, before _updated(). _fini also after a failure. */
enum stg_status stg_first_layer_init(struct stg_first_layer *f, const struct stg_net *net,
                                     const struct stg_product *product, size_t weight, size_t bias) STG_MUST_USE;
void stg_first_layer_fini(struct stg_first_layer *f);
/* After values changed; bias (O) is added to every y, or NULL: the caller adds it. */
void stg_first_layer_updated(struct stg_first_layer *f, const struct stg_net *net, const float *bias);

/* All that follows only where looked_up. y (O) = bias + the share of a row's embeddings. */
void stg_first_layer_row(const struct stg_first_layer *f, const struct stg_net *net, float *y, const uint32_t *ids);
/* y (n,O) of rows whose ids (n,n_tables) and input x (n,I) stand together: both shares. */
void stg_first_layer_forward(const struct stg_first_layer *f, const struct stg_net *net, float *y, const uint32_t *ids,
                             const float *x, size_t n);
/* y (n,O) += the share of the sinusoids of x (n,I). */
void stg_first_layer_waves(const struct stg_first_layer *f, const struct stg_net *net, float *y, const float *x,
                           size_t n);

/* Backward of a part: zeroed sums, then every row and its sinusoids in any order, then what they add to gradient (like
 * params): to that of the bias, too. */
enum stg_status stg_first_layer_begin(const struct stg_first_layer *f, struct stg_first_layer_sums *sums) STG_MUST_USE;
void stg_first_layer_row_backward(const struct stg_first_layer *f, const struct stg_net *net,
                                  struct stg_first_layer_sums *sums, const float *dy, const uint32_t *ids);
void stg_first_layer_waves_backward(const struct stg_first_layer *f, const struct stg_net *net, float *gradient,
                                    const float *dy, const float *x, size_t n);
void stg_first_layer_end(const struct stg_first_layer *f, const struct stg_net *net,
                         const struct stg_first_layer_sums *sums, float *gradient);
void stg_first_layer_sums_fini(struct stg_first_layer_sums *sums);

#endif
