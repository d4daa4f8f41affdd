#include "lab/text.h"

#include "base/file.h"
#include "base/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_TEXT ((size_t)16 << 20)

enum stg_status stg_text_read(struct stg_buffer *out, const char *path)
{
    enum stg_status status = STG_OK;
    char block[8192];
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return stg_fail_errno("%s: cannot open", path);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        STG_TRY(stg_fail(STG_ERR_INPUT, "%s: not a regular file", path));
    }
    STG_TRY(stg_buffer_put(out, "", 0)); /* an empty file is an empty text, not none */
    for (;;) {
        const ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            status = stg_fail_errno("%s: cannot read", path);
            break;
        }
        if (n == 0) {
            break;
        }
        STG_TRY(stg_buffer_put(out, block, (size_t)n));
        if (out->len > MAX_TEXT) {
            status = stg_fail(STG_ERR_INPUT, "%s: longer than 16 MiB", path);
            break;
        }
    }
out:
    close(fd);
    return status;
}

enum stg_status stg_text_write(const char *path, const char *text, size_t n)
{
    enum stg_status status;
    struct stg_file_writer *w = NULL;
    STG_RETURN_IF_FAILED(stg_file_writer_open(&w, path));
    STG_TRY(stg_file_writer_put(w, text, n));
    STG_TRY(stg_file_writer_commit(w));
out:
    stg_file_writer_free(w);
    return status;
}

uint64_t stg_text_size(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

json_t *stg_text_json(const char *path)
{
    struct stg_buffer text = STG_BUFFER_INIT;
    json_t *value = NULL;
    if (access(path, R_OK) == 0 && stg_text_read(&text, path) == STG_OK) {
        value = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    }
    stg_buffer_fini(&text);
    return value;
}

const char *stg_text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

enum stg_status stg_folder_make(const char *path)
{
    char part[4096];
    const size_t n = strlen(path);
    if (n == 0 || n >= sizeof part) {
        return stg_fail(STG_ERR_USAGE, "'%.40s': no path of a folder", path);
    }
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0') {
            continue;
        }
        const char keep = part[i];
        part[i] = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST) {
            return stg_fail_errno("%s: cannot make the folder", part);
        }
        part[i] = keep;
    }
    return stg_file_is_directory(path) ? STG_OK
                                       : stg_fail(STG_ERR_IO, "%s: is there and no folder: give another name", path);
}

/* nftw() has no context: the owner to be travels here, one call at a time. */
static _Thread_local uid_t new_owner;

static int give_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return lchown(path, new_owner, (gid_t)new_owner);
}

enum stg_status stg_folder_give(const char *path, uid_t uid)
{
    new_owner = uid;
    return nftw(path, give_one, 16, FTW_PHYS | FTW_MOUNT) == 0
               ? STG_OK
               : stg_fail_errno("%s: cannot give it to user %u", path, uid);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

enum stg_status stg_folder_remove(const char *path)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0 && errno != ENOENT) {
        return stg_fail_errno("%s: cannot remove it", path);
    }
    return STG_OK;
}

void stg_sleep_ns(uint64_t ns)
{
    struct timespec left = {.tv_sec = (time_t)(ns / UINT64_C(1000000000)),
                            .tv_nsec = (long)(ns % UINT64_C(1000000000))};
    while (nanosleep(&left, &left) != 0 && errno == EINTR && !stg_interrupt_asked()) {
    }
}
