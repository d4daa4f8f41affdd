/* Cgroup: the control groups (v2) that hold all processes of a campaign, so that they can be recorded, counted and
 * ended as one, whatever they do. A tree TOP with the groups TOP/server (what is recorded), TOP/beside,
 * TOP/client and TOP/tools. */
#ifndef STG_LAB_CGROUP_H
#define STG_LAB_CGROUP_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STG_CGROUP_PATH 512

/* Where cgroup v2 is mounted, from the text of /proc/self/mounts; STG_ERR_UNSUPPORTED when it is not. */
enum stg_status stg_cgroup_mount(char *out, size_t cap, const char *mounts, size_t n) STG_MUST_USE;
/* The path of the tree of that name (it need not exist). */
enum stg_status stg_cgroup_find(char out[STG_CGROUP_PATH], const char *name) STG_MUST_USE;

/* Makes the group; there already is fine. */
enum stg_status stg_cgroup_make(const char *path) STG_MUST_USE;
/* Ends all processes in it and below, waits until they are gone, removes it and all below. Not there is fine. */
enum stg_status stg_cgroup_remove(const char *path) STG_MUST_USE;
/* Ends them, and leaves the groups. */
enum stg_status stg_cgroup_kill(const char *path) STG_MUST_USE;

/* CPU time used so far in it and below, in ns: cpu.stat, or where there is none the sum over its processes. */
enum stg_status stg_cgroup_cpu(const char *path, uint64_t *ns) STG_MUST_USE;

/* Its tasks, groups below included: ids sorted, in memory owned by the caller. */
struct stg_tasks {
    pid_t *processes, *threads;
    size_t n_processes, n_threads;
};
enum stg_status stg_cgroup_tasks(struct stg_tasks *out, const char *path) STG_MUST_USE;
void stg_tasks_fini(struct stg_tasks *t);
/* How many of `after` are not in `before` (sorted). */
size_t stg_tasks_new(const pid_t *before, size_t n_before, const pid_t *after, size_t n_after);

#endif
