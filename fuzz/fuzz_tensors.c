/* Fuzz target of tensor files: what opens is read to its last byte. */
#include "base/tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stg_tensors *t = NULL;
    char path[64];
    volatile uint8_t sum = 0;
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (stg_tensors_open(&t, path, NULL, -1) == STG_OK) {
        for (size_t i = 0; i < stg_tensors_count(t); i++) {
            const struct stg_tensor *tensor = stg_tensors_at(t, i);
            const uint8_t *bytes = tensor->data;
            for (size_t k = 0; k < tensor->n * stg_dtype_size(tensor->dtype); k++) {
                sum = (uint8_t)(sum + bytes[k]);
            }
            if (stg_tensors_find(t, tensor->name) != tensor) {
                abort(); /* names are different */
            }
        }
        stg_tensors_free(t);
    }
    close(fd);
    return 0;
}
