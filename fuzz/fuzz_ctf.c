/* import/ctf*.c: two bytes with the length of the metadata, the metadata, then one stream file. Whatever babeltrace2
 * makes of it, the parent must come back with events or with one line. */
#include "import/import.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char directory[64];

static void clean_up(void)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/metadata", directory);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/stream", directory);
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
        (void)snprintf(directory, sizeof directory, "/tmp/strange-fuzz-ctf-XXXXXX");
        if (mkdtemp(directory) == NULL) {
            abort();
        }
        (void)atexit(clean_up);
    }
    size_t n_metadata = (size_t)data[0] | (size_t)data[1] << 8;
    n_metadata = n_metadata < n - 2 ? n_metadata : n - 2;
    write_file("metadata", data + 2, n_metadata);
    write_file("stream", data + 2 + n_metadata, n - 2 - n_metadata);
    read_events();
    return 0;
}
