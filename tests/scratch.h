/* Where tests put files: in memory where the system offers that, as thousands of small files that are synced one by one
 * keep a disk busy for minutes. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <stdio.h>
#include <unistd.h>

static inline const char *scratch_root(void)
{
    return access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

/* out = a path with this process's number in it; the end may be XXXXXX for mkdtemp(). */
static inline void scratch_path(char *out, size_t size, const char *name)
{
    snprintf(out, size, "%s/strange-%ld-%s", scratch_root(), (long)getpid(), name);
}

#endif
