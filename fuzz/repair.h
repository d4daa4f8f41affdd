/* Files with a checksum: put right before they are read, so that what lies behind the checksum is reached. And a file
 * in memory. */
#ifndef STG_FUZZ_REPAIR_H
#define STG_FUZZ_REPAIR_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

/* Overwrites the value of "strange.checksum" in the header with that of the bytes after the header, and the name of
 * "strange.header", the header's own, so that there is none. */
static inline void fuzz_repair_checksum(uint8_t *bytes, size_t size)
{
    static const char key[] = "\"strange.checksum\":\"";
    uint64_t length = 0; /* of the header, little endian */
    if (size < 8) {
        return;
    }
    for (int i = 0; i < 8; i++) {
        length |= (uint64_t)bytes[i] << (8 * i);
    }
    if (length > size - 8) {
        return;
    }
    uint8_t *at = memmem(bytes + 8, (size_t)length, key, sizeof key - 1);
    if (at != NULL && at + sizeof key - 1 + 16 <= bytes + 8 + length) {
        char text[17];
        snprintf(text, sizeof text, "%016" PRIx64,
                 (uint64_t)XXH3_64bits(bytes + 8 + length, size - 8 - (size_t)length));
        memcpy(at + sizeof key - 1, text, 16);
    }
    at = memmem(bytes + 8, (size_t)length, "\"strange.header\":", 17);
    if (at != NULL) {
        at[1] = 'S';
    }
}

/* The path of a file in memory (the same for every call) that holds the data with its checksum repaired. */
static inline const char *fuzz_repaired_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    uint8_t *bytes = malloc(size + 1);
    if (fd < 0 || bytes == NULL) {
        abort();
    }
    memcpy(bytes, data, size);
    fuzz_repair_checksum(bytes, size);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size) {
        abort();
    }
    free(bytes);
    return path;
}

#endif
