/* Fuzz target of the source `paper`. What stands in front of the first NUL is the text of both dictionaries, which lie
 * beside the file; without a NUL there are none. */
#include "fuzz_source.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[64];
static const char *const names[] = {"dict_sys.txt", "dict_proc.txt", "data.txt"};
static char paths[3][96];

static void clean_up(void)
{
    for (size_t i = 0; i < 3; i++) {
        (void)unlink(paths[i]);
    }
    (void)rmdir(directory);
}

static void make_directory(void)
{
    if (directory[0] != '\0') {
        return;
    }
    (void)snprintf(directory, sizeof directory, "%s/strange-fuzz-paper-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(directory) == NULL) {
        abort();
    }
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s/%s", directory, names[i]);
    }
    (void)atexit(clean_up);
}

static void write_file(const char *path, const uint8_t *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, n, file) != n || fclose(file) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *mark = size > 0 ? memchr(data, '\0', size) : NULL;
    if (mark == NULL) {
        fuzz_source(&stg_import_paper, data, size);
        return 0;
    }
    const size_t n = (size_t)(mark - data);
    make_directory();
    write_file(paths[0], data, n);
    write_file(paths[1], data, n);
    write_file(paths[2], mark + 1, size - n - 1);
    fuzz_source_file(&stg_import_paper, paths[2], mark + 1, size - n - 1);
    return 0;
}
