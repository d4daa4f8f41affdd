/* Fuzz target of the look-up of functions and static probes in programs: whatever the file is, the answer lies in
 * it. */
#include "record/elf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stg_elf_site sites[STG_ELF_MAX_SITES];
    uint64_t offset = UINT64_MAX;
    size_t n = 0;
    if (stg_elf_find(data, size, "main", &offset) == STG_ELF_FOUND && offset >= size) {
        abort();
    }
    (void)stg_elf_find_probe(data, size, "p", "main", sites, &n);
    if (n > STG_ELF_MAX_SITES) {
        abort();
    }
    for (size_t i = 0; i < n; i++) {
        if (sites[i].offset >= size || sites[i].semaphore >= size || sites[i].site.n_args > STG_ABI_SITE_ARGS) {
            abort();
        }
    }
    return 0;
}
