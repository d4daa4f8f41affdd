/* Fuzz target of data sets. The checksum is put right first, so that what lies behind it is reached; then every
 * sequence is walked in both orders, which reads all that the checks on open vouch for. */
#include "repair.h"

#include "dataset/dataset.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk_all(const struct stg_dataset *d)
{
    struct stg_walker *w = NULL;
    if (stg_walker_new(&w, STG_WALK_ALL) != STG_OK) {
        return;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < stg_dataset_count(d); i++) {
        for (int order = STG_ORDER_TIME; order <= STG_ORDER_THREAD; order++) {
            struct stg_seq seq;
            size_t n_walks;
            stg_dataset_get(d, i, &seq);
            if (stg_walker_begin(w, &seq, (enum stg_order)order, 0, &n_walks) != STG_OK) {
                break;
            }
            for (size_t k = 0; k < n_walks; k++) {
                struct stg_walk walk;
                stg_walker_get(w, k, &walk);
                for (size_t row = 0; row < walk.n; row++) {
                    const char *name = stg_strings_get(stg_dataset_vocab(d)->calls, walk.call[row]);
                    const char *proc = stg_strings_get(stg_dataset_vocab(d)->procs, walk.proc[row]);
                    sum += (uint64_t)walk.elapsed_ns[row] + (uint8_t)name[0] + (uint8_t)proc[0];
                }
            }
        }
    }
    stg_walker_free(w);
    __asm__ volatile("" : : "r"(sum));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stg_dataset *d = NULL;
    if (stg_dataset_open(&d, fuzz_repaired_file(data, size), NULL) == STG_OK) {
        walk_all(d);
    }
    stg_dataset_free(d);
    return 0;
}
