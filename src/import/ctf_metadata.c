/* CTF import: the frame of a trace's metadata, looked at before babeltrace2 does, which (2.0.4) reads a truncated
 * packet for ever. Packetised metadata (CTF 1.8.3, section 7.1) is a run of packets with a header of 37 bytes: magic,
 * UUID, checksum, content size and packet size in bits (32 bits each, the trace's byte order), then compression,
 * encryption and checksum scheme and the version. */
#include "import/ctf_internal.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PACKET_MAGIC 0x75d11d57u
#define HEADER_SIZE  37u
#define MAX_METADATA (UINT64_C(64) << 20)

static uint32_t read_u32(const uint8_t *at, bool swapped)
{
    uint32_t value = 0;
    memcpy(&value, at, sizeof value);
    return swapped ? __builtin_bswap32(value) : value;
}

/* What is wrong with the packet at `at`, or NULL; *size is its length in bytes. */
static const char *check_packet(const uint8_t *header, bool swapped, uint64_t at, uint64_t n_file, uint64_t *size)
{
    const uint32_t content_bits = read_u32(header + 24, swapped);
    const uint32_t packet_bits = read_u32(header + 28, swapped);
    *size = packet_bits / 8;
    if (read_u32(header, swapped) != PACKET_MAGIC) {
        return "a metadata packet without its magic number";
    }
    if (content_bits % 8 != 0 || packet_bits % 8 != 0 || content_bits / 8 < HEADER_SIZE || packet_bits < content_bits) {
        return "a metadata packet with impossible sizes";
    }
    if (*size > n_file - at) {
        return "a truncated metadata packet";
    }
    if (header[32] != 0 || header[33] != 0 || header[34] != 0) {
        return "a compressed, encrypted or checksummed metadata packet, which is not supported";
    }
    if (header[35] != 1 || header[36] != 8) {
        return "not CTF 1.8";
    }
    return NULL;
}

static enum stg_status check_packets(FILE *file, const char *path, bool swapped, uint64_t n_file)
{
    for (uint64_t at = 0; at < n_file;) {
        uint8_t header[HEADER_SIZE];
        uint64_t size = 0;
        const char *wrong = "a truncated metadata packet";
        if (fseek(file, (long)at, SEEK_SET) == 0 && fread(header, 1, sizeof header, file) == sizeof header) {
            wrong = check_packet(header, swapped, at, n_file, &size);
        }
        if (wrong != NULL) {
            return stg_fail(STG_ERR_INPUT, "%s: %llu: %s: copy or record the trace again", path, (unsigned long long)at,
                            wrong);
        }
        at += size;
    }
    return STG_OK;
}

static enum stg_status check_file(FILE *file, const char *path)
{
    uint8_t magic[4] = {0};
    struct stat info;
    if (fstat(fileno(file), &info) != 0) {
        return stg_fail_errno("%s", path);
    }
    const uint64_t n_file = (uint64_t)info.st_size;
    if (n_file == 0) {
        return stg_fail(STG_ERR_INPUT, "%s: the file is empty: copy or record the trace again", path);
    }
    if (n_file > MAX_METADATA) {
        return stg_fail(STG_ERR_INPUT, "%s: more than 64 MiB of metadata: the trace is malformed", path);
    }
    if (fread(magic, 1, sizeof magic, file) == sizeof magic) {
        if (read_u32(magic, false) == PACKET_MAGIC) {
            return check_packets(file, path, false, n_file);
        }
        if (read_u32(magic, true) == PACKET_MAGIC) {
            return check_packets(file, path, true, n_file);
        }
    }
    return memcmp(magic, "/* C", sizeof magic) == 0
               ? STG_OK
               : stg_fail(STG_ERR_INPUT, "%s: 0: neither `/* CTF 1.8 */` nor a metadata packet: this is not CTF 1.8",
                          path);
}

enum stg_status ctf_metadata_check(const char *trace)
{
    char path[PATH_MAX];
    const int len = snprintf(path, sizeof path, "%s/metadata", trace);
    if (len < 0 || (size_t)len >= sizeof path) {
        return stg_fail(STG_ERR_INPUT, "%s: the path is too long", trace);
    }
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return stg_fail_errno("%s", path);
    }
    const enum stg_status status = check_file(file, path);
    fclose(file);
    return status;
}
