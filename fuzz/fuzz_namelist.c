/* Fuzz target of the source `namelist`. */
#include "fuzz_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_source(&stg_import_namelist, data, size);
    return 0;
}
