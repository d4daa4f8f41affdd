/* Loss on validation data, for both families of models. */
#include "train/run.h"

#include "base/interrupt.h"
#include "base/memory.h"

#define BATCH_TOKENS 16384 /* of one pass without gradients */

/* The i-th of n_used evenly spaced sequences out of n. */
static uint32_t spaced(size_t i, size_t n_used, size_t n)
{
    return (uint32_t)((uint64_t)i * n / n_used);
}

enum stg_status stg_train_evaluate(struct stg_train_run *r, double *loss, double *accuracy)
{
    enum stg_status status = STG_OK;
    const size_t n = r->valid->n, most = r->s->valid_sequences;
    const size_t n_used = most > 0 && most < n ? most : n;
    uint32_t batch[1024];
    struct stg_model_loss sum = {0};
    for (size_t i = 0; i < n_used;) {
        size_t n_batch = 0, tokens = 0;
        STG_TRY(stg_interrupt_check());
        while (i < n_used && n_batch < sizeof batch / sizeof batch[0]) {
            struct stg_seq seq;
            batch[n_batch] = spaced(i, n_used, n);
            stg_corpus_get(r->valid, batch[n_batch], &seq);
            if (n_batch > 0 && tokens + seq.n + 1 > BATCH_TOKENS) {
                break;
            }
            tokens += seq.n + 1;
            n_batch++;
            i++;
        }
        struct stg_model_loss part = {0};
        STG_TRY(stg_batch_walks_fill(&r->walks, r->valid, batch, n_batch, r->model->recipe.order, r->model->max_walk));
        if (r->walks.n == 0) {
            continue;
        }
        STG_TRY(r->model->ops->gradient->pass(r->model, r->walks.walks, r->walks.n, 0, NULL, 0, false, r->pool, &part));
        sum.loss += part.loss;
        sum.n_tokens += part.n_tokens;
        sum.n_correct += part.n_correct;
    }
    if (sum.n_tokens == 0) {
        status = stg_fail(STG_ERR_INPUT, "the validation data has no events: give other data");
        goto out;
    }
    *loss = sum.loss / (double)sum.n_tokens;
    *accuracy = (double)sum.n_correct / (double)sum.n_tokens;
out:
    return status;
}
