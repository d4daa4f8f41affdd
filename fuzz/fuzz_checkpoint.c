/* Checkpoints: whatever the bytes, they are refused or restore a state whose numbers are sound. The checksum is
 * repaired first, and the digest of the run is taken from the file, so that the damage gets past both. */
#include "repair.h"

#include "base/memory.h"
#include "train/run.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_state(const struct stg_train_state *s)
{
    if (!isfinite(s->factor) || s->factor <= 0 || !isfinite(s->best_loss) || !isfinite(s->train_loss) ||
        s->seconds < 0) {
        abort();
    }
}

static void restore(struct stg_model *m, const struct stg_tensors *file)
{
    struct stg_train_run r = {.model = m, .params = m->ops->gradient->params(m)};
    const char *digest = stg_tensors_meta(file, "train.digest");
    r.digest = digest == NULL ? 0 : strtoull(digest, NULL, 16);
    /* The moments belong to the parameters, which free them with the model. */
    if (stg_mem_aligned(&r.params->moment1, r.params->size, sizeof *r.params->moment1) == STG_OK &&
        stg_mem_aligned(&r.params->moment2, r.params->size, sizeof *r.params->moment2) == STG_OK &&
        stg_mem_aligned(&r.best, r.params->size, sizeof *r.best) == STG_OK &&
        stg_checkpoint_restore(&r, file) == STG_OK) {
        check_state(&r.state);
    }
    stg_mem_free(r.best);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stg_model *m = NULL;
    struct stg_tensors *file = NULL;
    if (stg_checkpoint_open(fuzz_repaired_file(data, size), &m, &file) == STG_OK) {
        restore(m, file);
    }
    stg_tensors_free(file);
    stg_model_free(m);
    return 0;
}
