/* CTF writer: directories, metadata and stream files.
 *
 * Readers want packets to fill a stream file to its end, and a write is cut short between two pages when its process is
 * killed. So a file is longer than its packets, and the last packet's packet_size claims all up to the end: what lies
 * behind its content is padding.
 *
 * - A new packet is written into that padding, itself claiming the rest; then the claim of the packet before is reduced
 * to its own size, by a write of eight aligned bytes.
 * - The file becomes longer by pages each of which is a whole packet without events, so that any number of them may
 * arrive; then the last packet's claim is extended over them. They are many at a time and end at a multiple of their
 * number, so that the kernel takes memory for them in large pieces; what follows is written into these.
 * - In the end an empty packet is written behind the last one, the claim is reduced, and the file is cut between the
 * two.
 *
 * Every state in between is a valid file. */
#include "trace/ctf_internal.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE  ((uint64_t)4096) /* the smallest there is: what is whole in these is whole in larger ones */
#define EMPTY_SIZE ((uint64_t)88)   /* a header, padded to eight bytes */
#define NAME_SIZE  32

#define METADATA_DRAFT ".metadata"
/* A draft is a new file always: none that somebody has put there, nor what a link of that name leads to. */
#define CREATE_NEW (O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)

static const char *few_files(void)
{
    return errno == EMFILE ? " (raise ulimit -n)" : "";
}

static enum stg_status refuse(const char *path, const char *name, const char *what)
{
    const char *advice = errno == ENOSPC || errno == EDQUOT ? " (free space or write elsewhere)"
                         : errno == EFBIG                   ? " (raise ulimit -f or write elsewhere)"
                                                            : few_files();
    return stg_fail_errno("%s/%s: %s%s", path, name, what, advice);
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

static enum stg_status check_empty(int fd, const char *path)
{
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    if (directory == NULL) {
        const enum stg_status status = stg_fail_errno("%s: cannot read the directory%s", path, few_files());
        if (copy >= 0) {
            close(copy);
        }
        return status;
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

/* Who may write in a directory may put links and files among those of the trace: what root records is not for others to
 * say. */
static enum stg_status check_private(int fd, const char *path)
{
    struct stat info;
    if (geteuid() != 0) {
        return STG_OK;
    }
    if (fstat(fd, &info) != 0) {
        return stg_fail_errno("%s", path);
    }
    if (info.st_uid != 0 || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return stg_fail(
            STG_ERR_USAGE,
            "%s: others than root may write in this directory: name a new one, or make it root's alone (chown, chmod)",
            path);
    }
    return STG_OK;
}

/* What was made here is opened only if it is what stands there: a link was put into its place. */
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
    }
    d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (*made ? O_NOFOLLOW : 0));
    if (d->fd < 0) {
        STG_TRY(stg_fail_errno("%s: cannot open the directory%s", path, few_files()));
    }
    STG_TRY(check_empty(d->fd, path));
    if (!*made) {
        STG_TRY(check_private(d->fd, path));
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
    const int fd = openat(d->fd, METADATA_DRAFT, O_WRONLY | CREATE_NEW, 0666);
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

static uint64_t up_to(uint64_t size, uint64_t multiple)
{
    return (size + multiple - 1) / multiple * multiple;
}

static uint64_t step_of(const struct trace_growth *g)
{
    return up_to(g->step, PAGE_SIZE);
}

/* A packet without events that follows the n-th after the last one. */
static void make_empty(const struct trace_file *f, uint8_t *to, uint64_t n, uint64_t size)
{
    memcpy(to, f->header, TRACE_HEADER_SIZE);
    memcpy(to + TRACE_AT_BEGIN, f->header + TRACE_AT_END, 8);
    trace_put_u64(to + TRACE_AT_CONTENT_SIZE, (uint64_t)TRACE_HEADER_SIZE * 8);
    trace_put_u64(to + TRACE_AT_PACKET_SIZE, size * 8);
    trace_put_u64(to + TRACE_AT_SEQUENCE, trace_get_u64(f->header + TRACE_AT_SEQUENCE) + 1 + n);
}

/* The first packet: under a hidden name, which readers leave alone, until it is complete. */
static enum stg_status create(struct trace_file *f, const struct trace_dir *d, const char *hidden, uint8_t *packet,
                              size_t size, const struct trace_growth *g)
{
    const int fd = openat(d->fd, hidden, O_RDWR | CREATE_NEW, 0666);
    if (fd < 0) {
        return refuse(d->path, hidden + 1, "cannot create");
    }
    struct trace_file fresh = {.fd = fd, .size = up_to(size, step_of(g)), .used = size};
    memcpy(fresh.header, packet, TRACE_HEADER_SIZE);
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

/* Room on the disk for what comes next: asked for at once, it costs a write less than page by page. Where there is
 * none, or the file system cannot say, the writes will tell. */
static void allocate(struct trace_file *f, const struct trace_growth *g, uint64_t size)
{
    if (g->ahead > 0 && size > f->allocated) {
        const uint64_t to = up_to(size, g->ahead);
        const bool good = fallocate(f->fd, FALLOC_FL_KEEP_SIZE, (off_t)f->size, (off_t)(to - f->size)) == 0;
        f->allocated = good ? to : UINT64_MAX;
    }
}

/* Pages for n empty packets: zeros but for the frames, which are all that changes from one time to the next. */
static enum stg_status get_pages(struct trace_growth *g, uint64_t n)
{
    if (n > g->n_pages) {
        stg_mem_free(g->pages);
        g->n_pages = 0;
        STG_RETURN_IF_FAILED(stg_mem_zeroed(&g->pages, n, PAGE_SIZE));
        g->n_pages = n;
    }
    return STG_OK;
}

static enum stg_status lengthen(struct trace_file *f, const struct trace_dir *d, const char *name, uint64_t size,
                                struct trace_growth *g)
{
    const uint64_t n = (size - f->size) / PAGE_SIZE;
    STG_RETURN_IF_FAILED(get_pages(g, n));
    for (uint64_t i = 0; i < n; i++) {
        make_empty(f, g->pages + i * PAGE_SIZE, i, PAGE_SIZE);
    }
    allocate(f, g, size);
    if (write_at(f->fd, g->pages, n * PAGE_SIZE, f->size) != 0 || claim(f->fd, f->i_last, size) != 0) {
        return refuse(d->path, name, "cannot write");
    }
    f->size = size;
    return STG_OK;
}

void trace_growth_fini(struct trace_growth *g)
{
    stg_mem_free(g->pages);
    *g = (struct trace_growth){0};
}

enum stg_status trace_file_append(struct trace_file *f, const struct trace_dir *d, uint32_t cpu, uint8_t *packet,
                                  size_t size, struct trace_growth *g)
{
    char name[NAME_SIZE];
    stream_name(name, cpu);
    if (f->fd < 0) {
        return create(f, d, name, packet, size, g);
    }
    if (f->used + size > f->size) {
        STG_RETURN_IF_FAILED(lengthen(f, d, name + 1, up_to(f->used + size, step_of(g)), g));
    }
    memcpy(f->header, packet, TRACE_HEADER_SIZE);
    trace_put_u64(packet + TRACE_AT_PACKET_SIZE, (f->size - f->used) * 8);
    if (write_at(f->fd, packet, size, f->used) != 0 || claim(f->fd, f->i_last, f->used) != 0) {
        return refuse(d->path, name + 1, "cannot write");
    }
    f->i_last = f->used;
    f->used += size;
    return STG_OK;
}

/* A rest that has no room for an empty packet stays, and so does one on a full disk: it is padding. What was allocated
 * behind it goes. */
static bool cut(const struct trace_file *f)
{
    uint8_t empty[EMPTY_SIZE] = {0};
    uint64_t end = f->size;
    if (f->size - f->used >= EMPTY_SIZE) {
        make_empty(f, empty, 0, f->size - f->used);
        if (write_at(f->fd, empty, sizeof empty, f->used) == 0) {
            end = f->used;
        } else if (errno != ENOSPC && errno != EDQUOT) {
            return false;
        }
    }
    return (end == f->size || claim(f->fd, f->i_last, end) == 0) && ftruncate(f->fd, (off_t)end) == 0;
}

enum stg_status trace_file_finish(struct trace_file *f, const struct trace_dir *d, uint32_t cpu)
{
    char name[NAME_SIZE];
    enum stg_status status = STG_OK;
    if (f->fd < 0) {
        return STG_OK;
    }
    stream_name(name, cpu);
    bool good = cut(f);
    good = close(f->fd) == 0 && good;
    if (!good) {
        status = refuse(d->path, name + 1, "cannot end the file");
    }
    *f = (struct trace_file){.fd = -1};
    return status;
}
