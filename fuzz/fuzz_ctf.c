/* import/ctf*.c: two bytes with the length of the metadata, the metadata, then one stream file (named as trace/ does,
 * whose torn files are repaired). Whatever babeltrace2 makes of it, the parent must come back with events or with one
 * line.
 *
 * Most of the code runs in a forked process, whose coverage the fuzzer would not see. So the linker redirects _exit()
 * to this file (fuzz_ctf_wrap.txt): the process leaves its counters in shared memory, and they are added to those of
 * this one. */
#include "import/import.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char directory[64];

/* --- Coverage of the reading process --- */

/* One byte per edge of the program (inline 8-bit counters), and as many that are shared with the forked process. The
 * compiler tells the fuzzer where they are when the program starts. */
static uint8_t *counters, *shared;
static size_t n_counters;

void __real___sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end);
void __wrap___sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end);

void __wrap___sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end)
{
    counters = begin;
    n_counters = (size_t)(end - begin);
    __real___sanitizer_cov_8bit_counters_init(begin, end);
}

static void share_counters(void)
{
    if (n_counters > 0) {
        shared = mmap(NULL, n_counters, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        shared = shared == MAP_FAILED ? NULL : shared;
    }
}

static void take_counters(void)
{
    for (size_t i = 0; shared != NULL && i < n_counters; i++) {
        counters[i] |= shared[i];
        shared[i] = 0;
    }
}

_Noreturn void __real__exit(int code);
_Noreturn void __wrap__exit(int code);

void __wrap__exit(int code)
{
    if (shared != NULL) {
        memcpy(shared, counters, n_counters);
    }
    __real__exit(code);
}

/* --- Input --- */

static void clean_up(void)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/metadata", directory);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/channel0_0", directory);
    (void)unlink(path);
    (void)rmdir(directory);
}

static void write_file(const char *name, const uint8_t *data, size_t n)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, n, file) != n || fclose(file) != 0) {
        abort();
    }
}

static void read_events(void)
{
    struct stg_source *source = NULL;
    const struct stg_event *events = NULL;
    size_t n = 0;
    enum stg_status status = stg_import_ctf.open(&source, directory);
    while (status == STG_OK) {
        status = stg_source_next(source, &events, &n);
        if (n == 0) {
            break;
        }
        for (size_t i = 0; i < n; i++) {
            if (events[i].kind != STG_EVENT_LOST && stg_strings_get(source->names, events[i].name) == NULL) {
                abort();
            }
        }
    }
    if (status != STG_OK && (strchr(stg_status_message(), '\n') != NULL || status == STG_ERR_INTERNAL)) {
        abort();
    }
    stg_source_close(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2) {
        return 0;
    }
    if (directory[0] == '\0') {
        share_counters();
        (void)snprintf(directory, sizeof directory, "%s/strange-fuzz-ctf-XXXXXX",
                       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (mkdtemp(directory) == NULL) {
            abort();
        }
        (void)atexit(clean_up);
    }
    size_t n_metadata = (size_t)data[0] | (size_t)data[1] << 8;
    n_metadata = n_metadata < n - 2 ? n_metadata : n - 2;
    write_file("metadata", data + 2, n_metadata);
    write_file("channel0_0", data + 2 + n_metadata, n - 2 - n_metadata);
    read_events();
    take_counters();
    return 0;
}
