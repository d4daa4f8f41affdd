/* CTF writer: directories, metadata and stream files.
 *
 * Readers want packets to fill a stream file to its end, and a write of more than a page can be cut short by a kill. So
 * a file is longer than its packets (a hole: it takes no space), and its last packet's packet_size reaches to the end:
 * all behind its content is padding. A new packet is written into that padding, already claiming the rest; then the
 * claim of the packet before is reduced to its own size, by a write of eight aligned bytes. Every state in between is a
 * valid file. Only where the file itself changes its length do two system calls follow each other directly: a kill
 * between them leaves a last packet that claims too much or too little, which the importer of this project repairs. */
#include "trace/ctf_internal.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file grows by as much as it has, within these. */
#define MIN_GROWTH ((uint64_t)256 << 10)
#define MAX_GROWTH ((uint64_t)32 << 20)
#define NAME_SIZE  32

#define METADATA_DRAFT ".metadata"

static enum stg_status refuse(const char *path, const char *name, const char *what)
{
    const bool full = errno == ENOSPC || errno == EDQUOT;
    return stg_fail_errno("%s/%s: %s%s", path, name, what, full ? " (free space or write elsewhere)" : "");
}

static int write_at(int fd, const void *data, size_t n, uint64_t offset)
{
    const uint8_t *from = data;
    while (n > 0) {
        const ssize_t k = pwrite(fd, from, n, (off_t)offset);
        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k <= 0) {
            errno = k == 0 ? ENOSPC : errno;
            return -1;
        }
        from += k;
        n -= (size_t)k;
        offset += (uint64_t)k;
    }
    return 0;
}

/* --- Directories --- */

static enum stg_status check_empty(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return stg_fail_errno("%s", path);
    }
    const struct dirent *entry = NULL;
    bool empty = true;
    while (empty && (entry = readdir(directory)) != NULL) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    closedir(directory);
    return empty ? STG_OK
                 : stg_fail(STG_ERR_USAGE, "%s: the directory is not empty: remove it or name another one", path);
}

enum stg_status trace_dir_make(struct trace_dir *d, const char *path, bool may_exist, bool *made)
{
    enum stg_status status = STG_OK;
    *d = (struct trace_dir){.fd = -1};
    *made = false;
    STG_TRY(stg_mem_strdup(&d->path, path));
    if (mkdir(path, 0777) == 0) {
        *made = true;
    } else if (errno != EEXIST || !may_exist) {
        STG_TRY(stg_fail_errno("%s: cannot make the directory", path));
    } else {
        STG_TRY(check_empty(path));
    }
    d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0) {
        STG_TRY(stg_fail_errno("%s: cannot open the directory", path));
    }
    return STG_OK;
out:
    if (*made) {
        (void)rmdir(path);
        *made = false;
    }
    trace_dir_fini(d);
    return status;
}

void trace_dir_fini(struct trace_dir *d)
{
    if (d->fd >= 0) {
        close(d->fd);
    }
    stg_mem_free(d->path);
    *d = (struct trace_dir){.fd = -1};
}

enum stg_status trace_dir_metadata(const struct trace_dir *d, const struct stg_buffer *text)
{
    const int fd = openat(d->fd, METADATA_DRAFT, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return refuse(d->path, "metadata", "cannot create");
    }
    bool good = write_at(fd, text->data, text->len, 0) == 0;
    good = close(fd) == 0 && good;
    good = good && renameat(d->fd, METADATA_DRAFT, d->fd, "metadata") == 0;
    if (!good) {
        const enum stg_status status = refuse(d->path, "metadata", "cannot write");
        (void)unlinkat(d->fd, METADATA_DRAFT, 0);
        return status;
    }
    return STG_OK;
}

static bool is_ours(const char *name)
{
    name += *name == '.';
    return strcmp(name, "metadata") == 0 || strncmp(name, "channel0_", 9) == 0;
}

bool trace_dir_remove(const char *path, bool all)
{
    bool good = true;
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return false;
    }
    /* Without metadata it is no trace any more, should this be interrupted. */
    (void)unlinkat(dirfd(directory), "metadata", 0);
    const struct dirent *entry = NULL;
    while ((entry = readdir(directory)) != NULL) {
        if (is_ours(entry->d_name) && unlinkat(dirfd(directory), entry->d_name, 0) != 0) {
            good = errno == ENOENT && good;
        }
    }
    closedir(directory);
    return (!all || rmdir(path) == 0) && good;
}

/* --- Stream files --- */

static void stream_name(char name[NAME_SIZE], uint32_t cpu)
{
    if (cpu == TRACE_NO_CPU) {
        (void)snprintf(name, NAME_SIZE, ".channel0_none");
    } else {
        (void)snprintf(name, NAME_SIZE, ".channel0_%u", cpu);
    }
}

/* The packet under which all up to `end` is padding. */
static int claim(int fd, uint64_t i_packet, uint64_t end)
{
    uint8_t bits[8];
    trace_put_u64(bits, (end - i_packet) * 8);
    return write_at(fd, bits, sizeof bits, i_packet + TRACE_AT_PACKET_SIZE);
}

static uint64_t grown(const struct trace_file *f, size_t size)
{
    const uint64_t more = f->used < MIN_GROWTH ? MIN_GROWTH : f->used > MAX_GROWTH ? MAX_GROWTH : f->used;
    return f->used + size + ((more + 7) & ~(uint64_t)7);
}

/* The first packet: under a hidden name, which readers leave alone, until it is complete. */
static enum stg_status create(struct trace_file *f, const struct trace_dir *d, const char *hidden, uint8_t *packet,
                              size_t size)
{
    const int fd = openat(d->fd, hidden, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return refuse(d->path, hidden + 1, "cannot create");
    }
    const struct trace_file fresh = {.fd = fd, .size = grown(f, size), .used = size};
    trace_put_u64(packet + TRACE_AT_PACKET_SIZE, fresh.size * 8);
    if (ftruncate(fd, (off_t)fresh.size) != 0 || write_at(fd, packet, size, 0) != 0 ||
        renameat(d->fd, hidden, d->fd, hidden + 1) != 0) {
        const enum stg_status status = refuse(d->path, hidden + 1, "cannot write");
        close(fd);
        (void)unlinkat(d->fd, hidden, 0);
        return status;
    }
    *f = fresh;
    return STG_OK;
}

enum stg_status trace_file_append(struct trace_file *f, const struct trace_dir *d, uint32_t cpu, uint8_t *packet,
                                  size_t size)
{
    char name[NAME_SIZE];
    stream_name(name, cpu);
    if (f->fd < 0) {
        return create(f, d, name, packet, size);
    }
    if (f->used + size > f->size) {
        const uint64_t longer = grown(f, size);
        if (claim(f->fd, f->i_last, longer) != 0) {
            return refuse(d->path, name + 1, "cannot write");
        }
        if (ftruncate(f->fd, (off_t)longer) != 0) {
            const enum stg_status status = refuse(d->path, name + 1, "cannot make it longer");
            (void)claim(f->fd, f->i_last, f->size);
            return status;
        }
        f->size = longer;
    }
    trace_put_u64(packet + TRACE_AT_PACKET_SIZE, (f->size - f->used) * 8);
    if (write_at(f->fd, packet, size, f->used) != 0 || claim(f->fd, f->i_last, f->used) != 0) {
        return refuse(d->path, name + 1, "cannot write");
    }
    f->i_last = f->used;
    f->used += size;
    return STG_OK;
}

enum stg_status trace_file_finish(struct trace_file *f, const struct trace_dir *d, uint32_t cpu)
{
    char name[NAME_SIZE];
    enum stg_status status = STG_OK;
    if (f->fd < 0) {
        return STG_OK;
    }
    stream_name(name, cpu);
    bool good = f->used == f->size || (claim(f->fd, f->i_last, f->used) == 0 && ftruncate(f->fd, (off_t)f->used) == 0);
    good = close(f->fd) == 0 && good;
    if (!good) {
        status = refuse(d->path, name + 1, "cannot end the file");
    }
    *f = (struct trace_file){.fd = -1};
    return status;
}
