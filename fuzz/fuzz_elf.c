/* Fuzz target of the look-up of functions in programs: whatever the file is, the answer lies in it. */
#include "record/elf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t offset = UINT64_MAX;
    if (stg_elf_find(data, size, "main", &offset) == STG_ELF_FOUND && offset >= size) {
        abort();
    }
    return 0;
}
