/* Fuzz target of the source `pairs`. */
#include "fuzz_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_source(&stg_import_pairs, data, size);
    return 0;
}
