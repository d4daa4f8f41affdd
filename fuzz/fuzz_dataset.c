/* Fuzz target of data sets. The checksum is put right first, so that what lies behind it is reached; then every
 * sequence is walked in both orders, which reads all that the checks on open vouch for. */
#include "base/buffer.h"
#include "dataset/dataset.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void repair_checksum(uint8_t *data, size_t size)
{
    static const char key[] = "\"strange.checksum\":\"";
    uint64_t length = 0;
    if (size < 8) {
        return;
    }
    for (int i = 0; i < 8; i++) {
        length |= (uint64_t)data[i] << (8 * i);
    }
    if (length > size - 8) {
        return;
    }
    uint8_t *at = memmem(data + 8, (size_t)length, key, sizeof key - 1);
    if (at != NULL && at + sizeof key - 1 + 16 <= data + 8 + length) {
        char text[17];
        snprintf(text, sizeof text, "%016" PRIx64, (uint64_t)XXH3_64bits(data + 8 + length, size - 8 - (size_t)length));
        memcpy(at + sizeof key - 1, text, 16);
    }
}

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
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("fuzz", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    uint8_t *copy = malloc(size + 1);
    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, data, size);
    repair_checksum(copy, size);
    struct stg_dataset *d = NULL;
    if (ftruncate(fd, 0) == 0 && pwrite(fd, copy, size, 0) == (ssize_t)size && stg_dataset_open(&d, path) == STG_OK) {
        walk_all(d);
    }
    stg_dataset_free(d);
    free(copy);
    return 0;
}
