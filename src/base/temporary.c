#include "base/temporary.h"

#include "base/file.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In fixed storage so that a signal handler may remove them. */
enum { MAX_TEMPORARY = 64, FREE = 0, REMEMBERED, BEING_FILLED };

static struct {
    atomic_int used;
    char path[PATH_MAX];
} temporaries[MAX_TEMPORARY];

int stg_temporary_remember(const char *path)
{
    for (int i = 0; i < MAX_TEMPORARY; i++) {
        int free_slot = FREE;
        if (atomic_compare_exchange_strong(&temporaries[i].used, &free_slot, BEING_FILLED)) {
            snprintf(temporaries[i].path, sizeof temporaries[i].path, "%s", path);
            atomic_store(&temporaries[i].used, REMEMBERED);
            return i;
        }
    }
    return -1;
}

void stg_temporary_forget(int number)
{
    if (number >= 0) {
        atomic_store(&temporaries[number].used, FREE);
    }
}

bool stg_temporary_holds(const char *path)
{
    for (int i = 0; i < MAX_TEMPORARY; i++) {
        const size_t len = atomic_load(&temporaries[i].used) == REMEMBERED ? strlen(temporaries[i].path) : 0;
        if (len > 0 && strncmp(path, temporaries[i].path, len) == 0 && path[len] == '/') {
            return true;
        }
    }
    return false;
}

/* By the system call, as a signal handler may not use opendir(). */
static void remove_directory(const char *path)
{
    alignas(struct dirent64) char entries[4096];
    long n;
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    while (fd >= 0 && (n = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0) {
        for (long i = 0; i < n;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(entries + i);
            (void)unlinkat(fd, entry->d_name, 0); /* not the directory itself and the one above, which are none */
            i += entry->d_reclen;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    (void)rmdir(path);
}

void stg_temporary_abandon_all(void)
{
    for (int i = 0; i < MAX_TEMPORARY; i++) {
        if (atomic_load(&temporaries[i].used) == REMEMBERED && unlink(temporaries[i].path) != 0 && errno == EISDIR) {
            remove_directory(temporaries[i].path);
        }
    }
}

/* name is base with ".tmp-PID-N", as a writer calls it, and that process is no more. */
static bool is_of_the_dead(const char *name, const char *base)
{
    static const char digits[] = "0123456789", infix[] = ".tmp-";
    const size_t len = strlen(base);
    if (strncmp(name, base, len) != 0 || strncmp(name + len, infix, strlen(infix)) != 0) {
        return false;
    }
    const char *pid = name + len + strlen(infix), *serial = pid + strspn(pid, digits);
    const size_t n_serial = *serial == '-' ? strspn(serial + 1, digits) : 0;
    const long number = strtol(pid, NULL, 10);
    return serial > pid && n_serial > 0 && serial[1 + n_serial] == '\0' && number > 0 && number <= INT_MAX &&
           kill((pid_t)number, 0) != 0 && errno == ESRCH;
}

void stg_temporary_remove_dead(const char *path, int64_t before_ns)
{
    char target[PATH_MAX], directory[PATH_MAX];
    if (realpath(path, target) == NULL) {
        snprintf(target, sizeof target, "%s", path);
    }
    const char *slash = strrchr(target, '/');
    const char *base = slash == NULL ? target : slash + 1;
    stg_file_directory_of(target, directory);
    DIR *dir = opendir(directory);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        struct stat st;
        if (is_of_the_dead(entry->d_name, base) && fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
            st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec < before_ns) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

const char *stg_temporary_root(void)
{
    const char *root = getenv("TMPDIR");
    return root == NULL || *root == '\0' ? "/tmp" : root;
}

enum stg_status stg_temporary_dir_make(struct stg_temporary_dir *out)
{
    const char *root = stg_temporary_root();
    char path[PATH_MAX];
    *out = (struct stg_temporary_dir){.number = -1};
    if (strlen(root) > PATH_MAX - 64) {
        return stg_fail(STG_ERR_USAGE, "TMPDIR: the name is too long: set a shorter one");
    }
    snprintf(path, sizeof path, "%s/strange-XXXXXX", root);
    if (mkdtemp(path) == NULL) {
        return stg_fail_errno("%s: cannot make a temporary directory (set TMPDIR to a directory with room)", root);
    }
    const enum stg_status status = stg_mem_strdup(&out->path, path);
    if (status != STG_OK) {
        (void)rmdir(path);
        return status;
    }
    out->number = stg_temporary_remember(path);
    return STG_OK;
}

void stg_temporary_dir_remove(struct stg_temporary_dir *d)
{
    if (d->path != NULL) {
        if (rmdir(d->path) != 0) {
            remove_directory(d->path);
        }
        stg_temporary_forget(d->number);
    }
    stg_mem_free(d->path);
    *d = (struct stg_temporary_dir){.number = -1};
}
