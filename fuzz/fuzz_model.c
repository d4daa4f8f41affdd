/* Model files: whatever the bytes, they are refused or make a model that scores. The checksum is repaired first, so that the damage
 * gets past it. */
#include "base/file.h"
#include "model/model.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void repair(uint8_t *bytes, size_t size)
{
    static const char key[] = "\"strange.checksum\":\"";
    uint64_t length = 0;
    if (size < 16) {
        return;
    }
    memcpy(&length, bytes, 8);
    if (length > size - 8) {
        return;
    }
    uint8_t *at = memmem(bytes + 8, (size_t)length, key, sizeof key - 1);
    if (at != NULL && (size_t)(at - bytes) + sizeof key - 1 + 16 <= size) {
        char text[17];
        snprintf(text, sizeof text, "%016" PRIx64, (uint64_t)XXH3_64bits(bytes + 8 + length, size - 8 - (size_t)length));
        memcpy(at + sizeof key - 1, text, 16);
    }
}

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
            token = (struct stg_model_token){.call = STG_TOKEN_UNKNOWN, .phase = STG_PHASE_ENTRY, .proc = STG_TOKEN_UNKNOWN};
        }
    }
    m->ops->state_free(state);
    m->ops->run_free(run);
    free(log_p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("model", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    uint8_t *bytes = malloc(size + 1);
    if (fd < 0 || bytes == NULL) {
        abort();
    }
    memcpy(bytes, data, size);
    repair(bytes, size);
    struct stg_model *m = NULL;
    if (ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size && stg_model_open(&m, path) == STG_OK) {
        use(m);
        stg_model_free(m);
    }
    free(bytes);
    return 0;
}
