#include "base/file.h"

#include "base/memory.h"
#include "base/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

bool stg_file_is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool stg_file_is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

bool stg_file_is_same(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && S_ISREG(of_a.st_mode) && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

/* Open maps, in fixed storage so that a signal handler may look at them. A slot is free while its fd is 0. */
enum { MAX_MAPS = 64, BEING_FILLED = -1 };

static struct {
    atomic_int fd;
    uintptr_t begin, end;
} maps[MAX_MAPS];

static void remember_map(const struct stg_file_map *map)
{
    for (int i = 0; i < MAX_MAPS; i++) {
        int free_slot = 0;
        if (atomic_compare_exchange_strong(&maps[i].fd, &free_slot, BEING_FILLED)) {
            maps[i].begin = (uintptr_t)map->data;
            maps[i].end = maps[i].begin + map->size;
            atomic_store(&maps[i].fd, map->fd);
            return;
        }
    }
}

static void forget_map(const struct stg_file_map *map)
{
    for (int i = 0; map->fd > 0 && i < MAX_MAPS; i++) {
        int fd = map->fd;
        if (atomic_compare_exchange_strong(&maps[i].fd, &fd, 0)) {
            return;
        }
    }
}

bool stg_file_map_find(const void *address, char *path, size_t cap)
{
    const uintptr_t at = (uintptr_t)address;
    for (int i = 0; i < MAX_MAPS; i++) {
        const int fd = atomic_load(&maps[i].fd);
        if (fd <= 0 || at < maps[i].begin || at >= maps[i].end) {
            continue;
        }
        char link[32] = "/proc/self/fd/", digits[12];
        size_t n_digits = 0, len = strlen(link);
        for (int left = fd; left > 0; left /= 10) {
            digits[n_digits++] = (char)('0' + left % 10);
        }
        while (n_digits > 0) {
            link[len++] = digits[--n_digits];
        }
        link[len] = '\0';
        const ssize_t n = readlink(link, path, cap - 1);
        path[n < 0 ? 0 : n] = '\0';
        return n > 0;
    }
    return false;
}

enum stg_status stg_file_map_open(struct stg_file_map *out, const char *path)
{
    enum stg_status status = STG_OK;
    struct stat st;
    *out = (struct stg_file_map){.fd = -1};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return stg_fail_errno("%s: cannot open", path);
    }
    if (fstat(fd, &st) != 0) {
        status = stg_fail_errno("%s: cannot stat", path);
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        status = stg_fail(STG_ERR_INPUT, "%s: not a regular file: give the path of a file", path);
        goto out;
    }
    if (st.st_size > 0) {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            status = stg_fail_errno("%s: cannot map %lld bytes", path, (long long)st.st_size);
            goto out;
        }
        out->data = data;
        out->size = (size_t)st.st_size;
    }
    out->fd = fd;
    remember_map(out);
out:
    if (status != STG_OK) {
        close(fd);
    }
    return status;
}

void stg_file_map_close(struct stg_file_map *map)
{
    forget_map(map);
    if (map->data != NULL) {
        munmap((void *)map->data, map->size);
    }
    if (map->fd > 0) { /* 0 is a map that was never opened */
        close(map->fd);
    }
    *map = (struct stg_file_map){.fd = -1};
}

void stg_file_map_release(const void *from, const void *to)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)from + page - 1) / page * page;
    const uintptr_t end = (uintptr_t)to / page * page;
    if (end > first) {
        (void)madvise((char *)from + (first - (uintptr_t)from), end - first,
                      MADV_DONTNEED); /* a hint: nothing depends on it */
    }
}

/* Reads some bytes from the file instead. */
static enum stg_status read_block(const struct stg_file_map *map, size_t from, uint8_t *block, size_t wanted, size_t *n)
{
    ssize_t got;
    do {
        got = pread(map->fd, block, wanted, (off_t)from);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return got < 0 ? stg_fail_errno("offset %zu: cannot read", from)
                       : stg_fail(STG_ERR_INPUT, "offset %zu: the file became shorter while it was read", from);
    }
    *n = (size_t)got;
    return STG_OK;
}

enum stg_status stg_file_map_visit(const struct stg_file_map *map, size_t from,
                                   void (*visit)(void *, const void *, size_t), void *context)
{
    enum { BLOCK = 1 << 19 };
    enum stg_status status = STG_OK;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *block = NULL;
    for (size_t n; from < map->size; from += n) {
        const uint8_t *at = map->data + from;
        n = map->size - from < BLOCK ? map->size - from : BLOCK - from % BLOCK;
        /* Where the pages can be had, nothing is copied. Asked for like this, what cannot be read is no signal. */
        if (block == NULL && madvise((void *)(at - from % page), n + from % page, MADV_POPULATE_READ) == 0) {
            visit(context, at, n);
            stg_file_map_release(at - from % page, at + n);
            continue;
        }
        if (block == NULL) {
            STG_TRY(stg_mem_zeroed(&block, BLOCK, 1));
        }
        STG_TRY(read_block(map, from, block, n, &n));
        visit(context, block, n);
    }
out:
    stg_mem_free(block);
    return status;
}

enum { WRITE_BUFFER = 1 << 16 };

struct stg_file_writer {
    int fd;
    int slot;                 /* of what is to be removed, −1 = none */
    bool in_place;            /* a pipe or device, or open already: nothing to rename */
    char *path;               /* as given, for messages */
    char *target, *temporary; /* path, or what it is a link to; beside it */
    uint64_t size;
    size_t n_buffered;
    uint8_t buffer[WRITE_BUFFER];
};

static enum stg_status write_all(int fd, const void *data, size_t n, const char *path, uint64_t offset)
{
    const uint8_t *p = data;
    while (n > 0) {
        const ssize_t k = write(fd, p, n);
        if (k < 0) {
            if (errno == EINTR) {
                continue;
            }
            const char *advice = errno == ENOSPC ? " (free space or write elsewhere)" : "";
            return stg_fail_errno("%s: offset %llu: cannot write%s", path, (unsigned long long)offset, advice);
        }
        p += k;
        n -= (size_t)k;
        offset += (uint64_t)k;
    }
    return STG_OK;
}

/* A link that the kernel follows is followed; it does not where others could have put it (fs.protected_symlinks), and
 * then it is replaced. */
static enum stg_status find_target(struct stg_file_writer *w)
{
    struct stat st;
    char full[PATH_MAX];
    const bool leads = lstat(w->path, &st) == 0 && S_ISLNK(st.st_mode) && stat(w->path, &st) == 0;
    if (!leads) {
        return stg_mem_strdup(&w->target, w->path);
    }
    if (realpath(w->path, full) == NULL || strlen(full) > PATH_MAX - 64) {
        return stg_fail_errno("%s: cannot find what it is a link to", w->path);
    }
    return stg_mem_strdup(&w->target, full);
}

void stg_file_directory_of(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    const int n = slash == NULL ? 1 : (int)(slash - path + 1);
    snprintf(out, PATH_MAX, "%.*s", n, slash == NULL ? "." : path);
}

/* Where everybody may put files (a sticky directory), one of somebody else's counts for nothing, as for the kernel with
 * fs.protected_regular: it is replaced by a new one, which is not given to who put it there. */
static bool is_planted(const char *path, const struct stat *file)
{
    char dir[PATH_MAX];
    struct stat info;
    stg_file_directory_of(path, dir);
    return file->st_uid != geteuid() && stat(dir, &info) == 0 && (info.st_mode & S_ISVTX) != 0 &&
           (info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && file->st_uid != info.st_uid;
}

/* False when the old file has a list that the new one cannot get. */
static bool take_access_list(int fd, const char *target)
{
    static const char name[] = "system.posix_acl_access";
    char list[4096];
    const ssize_t n = getxattr(target, name, list, sizeof list);
    if (n > 0) {
        return fsetxattr(fd, name, list, (size_t)n, 0) == 0;
    }
    const bool had_none = n == 0 || errno == ENODATA || errno == EOPNOTSUPP;
    (void)fremovexattr(fd, name); /* the directory may give one to new files */
    return had_none;
}

/* What is written anew is for those whom the file was for. Its owner and group are kept where that is allowed; where it
 * is not, its group's rights are not for another group. */
static enum stg_status take_access(int fd, const char *path, const char *target, const struct stat *old)
{
    struct stat new;
    mode_t mode = old->st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
    if (fstat(fd, &new) != 0) {
        return stg_fail_errno("%s: cannot stat", path);
    }
    const bool other = new.st_uid != old->st_uid || new.st_gid != old->st_gid;
    const bool group_kept =
        !other || fchown(fd, old->st_uid, old->st_gid) == 0 || fchown(fd, (uid_t)-1, old->st_gid) == 0;
    if (!group_kept || !take_access_list(fd, target)) {
        mode &= ~(mode_t)S_IRWXG | (mode & S_IRWXO) << 3;
    }
    if (fstat(fd, &new) != 0 || ((new.st_mode ^ mode) & (S_IRWXU | S_IRWXG | S_IRWXO)) != 0) {
        return fchmod(fd, mode) == 0 ? STG_OK : stg_fail_errno("%s: cannot give it the permissions that it had", path);
    }
    return STG_OK;
}

static enum stg_status open_temporary(struct stg_file_writer *w)
{
    static atomic_uint serial;
    struct stat old;
    const bool replaces = lstat(w->target, &old) == 0 && S_ISREG(old.st_mode) && !is_planted(w->target, &old);
    const size_t cap = strlen(w->target) + 48;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&w->temporary, cap, 1));
    for (int i = 0; i < 100; i++) {
        snprintf(w->temporary, cap, "%s.tmp-%ld-%u", w->target, (long)getpid(), atomic_fetch_add(&serial, 1));
        w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, replaces ? 0600 : 0666);
        if (w->fd >= 0 || errno != EEXIST) {
            break;
        }
    }
    if (w->fd < 0) {
        return stg_fail_errno("%s: cannot create", w->path);
    }
    w->slot = stg_temporary_remember(w->temporary);
    return replaces ? take_access(w->fd, w->path, w->target, &old) : STG_OK;
}

/* /dev/stdout, /dev/fd/N and links to them stand for what is open already: a file renamed to that name would replace
 * the link. */
static bool is_open_already(const char *path)
{
    struct stat process, link;
    char target[PATH_MAX];
    if (stat("/proc/self", &process) != 0 || lstat(path, &link) != 0 || !S_ISLNK(link.st_mode)) {
        return false;
    }
    const ssize_t n = readlink(path, target, sizeof target - 1);
    target[n < 0 ? 0 : n] = '\0';
    return link.st_dev == process.st_dev ||
           (target[0] == '/' && lstat(target, &link) == 0 && S_ISLNK(link.st_mode) && link.st_dev == process.st_dev);
}

enum stg_status stg_file_writer_open(struct stg_file_writer **out, const char *path)
{
    enum stg_status status = STG_OK;
    struct stg_file_writer *w = NULL;
    struct stat st;
    *out = NULL;
    if (*path == '\0' || strlen(path) > PATH_MAX - 64) {
        return stg_fail(STG_ERR_USAGE, "the output path is empty or too long: give another one");
    }
    if (strcmp(path, "-") == 0) {
        return stg_fail(
            STG_ERR_USAGE,
            "-: this is not written to standard output: give the path of a file (./- for one of that name)");
    }
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&w, 1, sizeof *w));
    w->fd = -1;
    w->slot = -1;
    STG_TRY(stg_mem_strdup(&w->path, path));
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        status = stg_fail(STG_ERR_USAGE, "%s: is a directory: give the path of a file", path);
        goto out;
    }
    if (stat(path, &st) == 0 && (!S_ISREG(st.st_mode) || is_open_already(path))) {
        w->in_place = true;
        w->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        if (w->fd < 0) {
            status = stg_fail_errno("%s: cannot open for writing", path);
        }
    } else {
        STG_TRY(find_target(w));
        status = open_temporary(w);
    }
out:
    if (status != STG_OK) {
        stg_file_writer_free(w);
        return status;
    }
    *out = w;
    return STG_OK;
}

enum stg_status stg_file_writer_try(const char *path)
{
    struct stg_file_writer *trial = NULL;
    if (stg_file_is_special(path) && !stg_file_is_directory(path)) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_file_writer_open(&trial, path));
    stg_file_writer_free(trial);
    return STG_OK;
}

static enum stg_status flush(struct stg_file_writer *w)
{
    const size_t n = w->n_buffered;
    w->n_buffered = 0;
    return write_all(w->fd, w->buffer, n, w->path, w->size - n);
}

enum stg_status stg_file_writer_put(struct stg_file_writer *w, const void *data, size_t n)
{
    if (n > WRITE_BUFFER - w->n_buffered) {
        STG_RETURN_IF_FAILED(flush(w));
    }
    if (n > WRITE_BUFFER) {
        STG_RETURN_IF_FAILED(write_all(w->fd, data, n, w->path, w->size));
    } else if (n > 0) {
        memcpy(w->buffer + w->n_buffered, data, n);
        w->n_buffered += n;
    }
    w->size += n;
    return STG_OK;
}

/* The rename is on disk only when its directory is. A directory that cannot be synced (some network file systems) is no
 * failure. */
static void sync_directory(const char *path)
{
    char dir[PATH_MAX];
    stg_file_directory_of(path, dir);
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

enum stg_status stg_file_writer_commit(struct stg_file_writer *w)
{
    STG_RETURN_IF_FAILED(flush(w));
    const bool lasts = !w->in_place && !stg_temporary_holds(w->path);
    if (lasts && fsync(w->fd) != 0) {
        return stg_fail_errno("%s: cannot write to disk", w->path);
    }
    const int fd = w->fd;
    w->fd = -1;
    if (close(fd) != 0) {
        return stg_fail_errno("%s: cannot close", w->path);
    }
    if (w->in_place) {
        return STG_OK;
    }
    if (rename(w->temporary, w->target) != 0) {
        return stg_fail_errno("%s: cannot rename the finished file into place", w->path);
    }
    stg_temporary_forget(w->slot);
    w->slot = -1;
    stg_mem_free(w->temporary);
    w->temporary = NULL;
    if (lasts) {
        sync_directory(w->target);
    }
    return STG_OK;
}

void stg_file_writer_free(struct stg_file_writer *w)
{
    if (w == NULL) {
        return;
    }
    const bool created = w->fd >= 0 || w->slot >= 0;
    if (w->fd >= 0) {
        close(w->fd);
    }
    if (!w->in_place && w->temporary != NULL && created) {
        unlink(w->temporary);
    }
    stg_temporary_forget(w->slot);
    stg_mem_free(w->temporary);
    stg_mem_free(w->target);
    stg_mem_free(w->path);
    stg_mem_free(w);
}

struct stg_file_spill {
    int fd;
    char *path; /* beside which it lies, for messages */
    uint64_t size;
    size_t n_buffered;
    uint8_t buffer[WRITE_BUFFER];
};

/* A file in the directory that has no name, so that nothing is left of it whenever the program ends. Where a file
 * system has no such files, one that has a name for a moment. */
static int open_unnamed(const char *directory)
{
    char name[PATH_MAX + 32];
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) {
        return fd;
    }
    snprintf(name, sizeof name, "%s/.strange-XXXXXX", directory);
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0) {
        unlink(name);
    }
    return fd;
}

enum stg_status stg_file_spill_open(struct stg_file_spill **out, const char *path)
{
    enum stg_status status = STG_OK;
    struct stg_file_spill *s = NULL;
    const bool beside = !stg_file_is_special(path) && !is_open_already(path);
    const char *root = stg_temporary_root();
    char directory[PATH_MAX];
    *out = NULL;
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&s, 1, sizeof *s));
    s->fd = -1;
    STG_TRY(stg_mem_strdup(&s->path, path));
    if (strlen(path) >= PATH_MAX || strlen(root) >= PATH_MAX) {
        status = stg_fail(STG_ERR_USAGE, "the output path, or TMPDIR, is too long: give a shorter one");
        goto out;
    }
    if (beside) {
        stg_file_directory_of(path, directory);
    } else {
        memcpy(directory, root, strlen(root) + 1);
    }
    s->fd = open_unnamed(directory);
    if (s->fd < 0) {
        status = beside
                     ? stg_fail_errno("%s: cannot create a temporary file beside it", path)
                     : stg_fail_errno("%s: cannot create a temporary file in %s (set TMPDIR to a directory with room)",
                                      path, root);
    }
out:
    if (status != STG_OK) {
        stg_file_spill_free(s);
        return status;
    }
    *out = s;
    return STG_OK;
}

enum stg_status stg_file_spill_put(struct stg_file_spill *s, const void *data, size_t n)
{
    if (n > WRITE_BUFFER - s->n_buffered) {
        STG_RETURN_IF_FAILED(write_all(s->fd, s->buffer, s->n_buffered, s->path, s->size - s->n_buffered));
        s->n_buffered = 0;
    }
    if (n > WRITE_BUFFER) {
        STG_RETURN_IF_FAILED(write_all(s->fd, data, n, s->path, s->size));
    } else if (n > 0) {
        memcpy(s->buffer + s->n_buffered, data, n);
        s->n_buffered += n;
    }
    s->size += n;
    return STG_OK;
}

enum stg_status stg_file_spill_visit(struct stg_file_spill *s, void (*visit)(void *, const void *, size_t),
                                     void *context)
{
    STG_RETURN_IF_FAILED(write_all(s->fd, s->buffer, s->n_buffered, s->path, s->size - s->n_buffered));
    s->n_buffered = 0;
    for (uint64_t at = 0; at < s->size;) {
        const ssize_t k = pread(s->fd, s->buffer, sizeof s->buffer, (off_t)at);
        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k <= 0) {
            return k < 0
                       ? stg_fail_errno("%s: cannot read back its temporary file", s->path)
                       : stg_fail(STG_ERR_IO, "%s: its temporary file became shorter while it was read back", s->path);
        }
        visit(context, s->buffer, (size_t)k);
        at += (uint64_t)k;
    }
    return STG_OK;
}

struct copy {
    struct stg_file_writer *to;
    enum stg_status status;
};

static void copy_block(void *context, const void *data, size_t n)
{
    struct copy *c = context;
    if (c->status == STG_OK) {
        c->status = stg_file_writer_put(c->to, data, n);
    }
}

enum stg_status stg_file_spill_copy(struct stg_file_spill *s, struct stg_file_writer *to)
{
    struct copy c = {.to = to, .status = STG_OK};
    STG_RETURN_IF_FAILED(stg_file_spill_visit(s, copy_block, &c));
    return c.status;
}

void stg_file_spill_free(struct stg_file_spill *s)
{
    if (s == NULL) {
        return;
    }
    if (s->fd >= 0) {
        close(s->fd);
    }
    stg_mem_free(s->path);
    stg_mem_free(s);
}
