/* Model files: whatever the bytes, they are refused or make a model that scores. The checksum is repaired first, so
 * that the damage gets past it. */
#include "repair.h"

#include "model/model.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct stg_model *m)
{
    struct stg_model_run *run = NULL;
    struct stg_model_state *state = NULL;
    const size_t n = stg_symbols_count(m->symbols);
    float *log_p = malloc(n * sizeof *log_p);
    struct stg_model_token token = {.special = STG_TOKEN_START};
    float surprisal;
    if (log_p != NULL && m->ops->run_new(m, &run) == STG_OK && m->ops->state_new(m, &state) == STG_OK) {
        for (int i = 0; i < 4; i++) {
            (void)!m->ops->step(m, run, &state, &token, 1, &surprisal);
            (void)!m->ops->predict(m, run, state, log_p);
            token = (struct stg_model_token){
                .call = STG_TOKEN_UNKNOWN, .phase = STG_PHASE_ENTRY, .proc = STG_TOKEN_UNKNOWN};
        }
    }
    m->ops->state_free(state);
    m->ops->run_free(run);
    free(log_p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stg_model *m = NULL;
    if (stg_model_open(&m, fuzz_repaired_file(data, size)) == STG_OK) {
        use(m);
        stg_model_free(m);
    }
    return 0;
}
