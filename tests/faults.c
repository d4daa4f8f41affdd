/* The redirected calls: each asks whether it is its turn, and otherwise goes through. */
#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int kind;
static atomic_int error_number;
static atomic_uint_fast64_t n_calls, fail_at;
static _Atomic(const char *) met;

void faults_arm(enum fault fault, uint64_t n, int error)
{
    atomic_store(&kind, (int)fault);
    atomic_store(&error_number, error);
    atomic_store(&n_calls, 0);
    atomic_store(&fail_at, n);
    atomic_store(&met, NULL);
}

uint64_t faults_count(void)
{
    return atomic_load(&n_calls);
}

const char *faults_met(void)
{
    return atomic_load(&met);
}

static bool is_turn(const char *name)
{
    if (atomic_fetch_add(&n_calls, 1) + 1 != atomic_load(&fail_at)) {
        return false;
    }
    atomic_store(&met, name);
    return true;
}

static _Noreturn void die(void)
{
    (void)kill(getpid(), SIGKILL);
    for (;;) {
        (void)pause();
    }
}

static bool allocates(const char *name)
{
    return strcmp(name, "calloc") == 0 || strcmp(name, "realloc") == 0 || strcmp(name, "aligned_alloc") == 0 ||
           strcmp(name, "strdup") == 0;
}

/* True when the call must fail; errno is set. */
static bool fails(const char *name)
{
    if (atomic_load(&kind) == FAULT_KILL && !allocates(name) && is_turn(name)) {
        die();
    }
    if (atomic_load(&kind) != FAULT_ERROR || !is_turn(name)) {
        return false;
    }
    errno = atomic_load(&error_number);
    return true;
}

/* As fails(), for calls that move *n bytes: they may also be interrupted or move less. */
static bool transfer_fails(const char *name, size_t *n)
{
    const int now = atomic_load(&kind);
    if (now == FAULT_ERROR) {
        return fails(name);
    }
    if (now == FAULT_NONE || !is_turn(name)) {
        return false;
    }
    if (now == FAULT_KILL) {
        die();
    }
    if (now == FAULT_SHORT) {
        *n = *n > 1 ? *n / 2 : *n;
        return false;
    }
    errno = EINTR;
    return true;
}

/* WRAP(result, name, parameters, arguments, failed): a function of the linker's making and what it stands before. */
#define WRAP(result, name, parameters, arguments, failed)         \
    result __real_##name parameters;                              \
    result __wrap_##name parameters;                              \
    result __wrap_##name parameters                               \
    {                                                             \
        return fails(#name) ? (failed) : __real_##name arguments; \
    }

#define WRAP_TRANSFER(name, parameters, arguments)                       \
    ssize_t __real_##name parameters;                                    \
    ssize_t __wrap_##name parameters;                                    \
    ssize_t __wrap_##name parameters                                     \
    {                                                                    \
        return transfer_fails(#name, &n) ? -1 : __real_##name arguments; \
    }

WRAP_TRANSFER(read, (int fd, void *data, size_t n), (fd, data, n))
WRAP_TRANSFER(write, (int fd, const void *data, size_t n), (fd, data, n))
WRAP_TRANSFER(pread64, (int fd, void *data, size_t n, off_t at), (fd, data, n, at))

ssize_t __real_pwrite64(int fd, const void *data, size_t n, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t n, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t n, off_t at)
{
    if (atomic_load(&kind) == FAULT_KILL) {
        if (is_turn("pwrite64")) {
            /* The kernel does not stop within a page. */
            const size_t rest = 4096 - (size_t)at % 4096;
            if (n > rest) {
                (void)__real_pwrite64(fd, data, rest + (n - rest) / 2 / 4096 * 4096, at);
            }
            die();
        }
        return __real_pwrite64(fd, data, n, at);
    }
    return transfer_fails("pwrite64", &n) ? -1 : __real_pwrite64(fd, data, n, at);
}

WRAP(int, ftruncate64, (int fd, off_t size), (fd, size), -1)
WRAP(int, fallocate64, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n), -1)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), -1)
WRAP(int, renameat, (int from_fd, const char *from, int to_fd, const char *to), (from_fd, from, to_fd, to), -1)

WRAP(int, fsync, (int fd), (fd), -1)
WRAP(int, rename, (const char *from, const char *to), (from, to), -1)
WRAP(int, fstat64, (int fd, struct stat *out), (fd, out), -1)
WRAP(int, stat64, (const char *path, struct stat *out), (path, out), -1)
WRAP(int, lstat64, (const char *path, struct stat *out), (path, out), -1)
WRAP(char *, mkdtemp, (char *name), (name), NULL)
WRAP(int, mkostemp64, (char *name, int flags), (name, flags), -1)
WRAP(int, dup, (int fd), (fd), -1)
WRAP(pid_t, fork, (void), (), -1)
WRAP(int, socketpair, (int domain, int type, int protocol, int pair[2]), (domain, type, protocol, pair), -1)
WRAP(FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL)
WRAP(DIR *, opendir, (const char *path), (path), NULL)
WRAP(void *, mmap64, (void *at, size_t n, int protection, int flags, int fd, off_t offset),
     (at, n, protection, flags, fd, offset), MAP_FAILED)
WRAP(int, pthread_create, (pthread_t * out, const pthread_attr_t *how, void *(*start)(void *), void *context),
     (out, how, start, context), EAGAIN)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), NULL)
WRAP(void *, realloc, (void *old, size_t size), (old, size), NULL)
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size), NULL)
WRAP(char *, strdup, (const char *text), (text), NULL)

/* jansson: our calls into it, not its own allocations, of which it does not check all (2.14: a string that it cannot
 * escape is left out of the text). */
WRAP(json_t *, json_object, (void), (), NULL)
WRAP(json_t *, json_array, (void), (), NULL)
WRAP(json_t *, json_string, (const char *text), (text), NULL)
WRAP(json_t *, json_integer, (json_int_t value), (value), NULL)
WRAP(json_t *, json_real, (double value), (value), NULL)
WRAP(char *, json_dumps, (const json_t *json, size_t flags), (json, flags), NULL)
WRAP(json_t *, json_loadb, (const char *text, size_t n, size_t flags, json_error_t *error), (text, n, flags, error),
     NULL)

/* The setters own the value, whatever happens. */
int __real_json_object_set_new(json_t *object, const char *key, json_t *value);
int __wrap_json_object_set_new(json_t *object, const char *key, json_t *value);
int __wrap_json_object_set_new(json_t *object, const char *key, json_t *value)
{
    if (fails("json_object_set_new")) {
        json_decref(value);
        return -1;
    }
    return __real_json_object_set_new(object, key, value);
}

int __real_json_array_append_new(json_t *array, json_t *value);
int __wrap_json_array_append_new(json_t *array, json_t *value);
int __wrap_json_array_append_new(json_t *array, json_t *value)
{
    if (fails("json_array_append_new")) {
        json_decref(value);
        return -1;
    }
    return __real_json_array_append_new(array, value);
}

/* A close that fails has closed all the same (Linux). */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    const int result = __real_close(fd);
    return fails("close") ? -1 : result;
}

/* With a file that is compiled for several programs, clang-tidy 14 forgets va_start() after the first: hence NOLINT. */
#define NEEDS_MODE(flags) (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE)

int __real_openat64(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode =
        NEEDS_MODE(flags) ? va_arg(arguments, mode_t) : 0; /* NOLINT(clang-analyzer-valist.Uninitialized) */
    va_end(arguments);
    return fails("openat64") ? -1 : __real_openat64(at, path, flags, mode);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode =
        NEEDS_MODE(flags) ? va_arg(arguments, mode_t) : 0; /* NOLINT(clang-analyzer-valist.Uninitialized) */
    va_end(arguments);
    return fails("open64") ? -1 : __real_open64(path, flags, mode);
}
