#include "lab/cgroup.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "lab/account.h"
#include "lab/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KILL_TURNS 500 /* of 20 ms */

enum stg_status stg_cgroup_mount(char *out, size_t cap, const char *mounts, size_t n)
{
    for (size_t at = 0; at < n;) {
        char line[1024], path[512], type[64];
        const char *newline = memchr(mounts + at, '\n', n - at);
        const size_t len = newline == NULL ? n - at : (size_t)(newline - mounts) - at;
        snprintf(line, sizeof line, "%.*s", (int)(len < sizeof line ? len : sizeof line - 1), mounts + at);
        if (sscanf(line, "%*s %511s %63s", path, type) == 2 && strcmp(type, "cgroup2") == 0 && strlen(path) < cap) {
            snprintf(out, cap, "%s", path);
            return STG_OK;
        }
        at += len + 1;
    }
    return stg_fail(STG_ERR_UNSUPPORTED, "cgroup v2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup");
}

enum stg_status stg_cgroup_find(char out[STG_CGROUP_PATH], const char *name)
{
    enum stg_status status;
    struct stg_buffer mounts = STG_BUFFER_INIT;
    char top[STG_CGROUP_PATH - 128];
    STG_TRY(stg_text_read(&mounts, "/proc/self/mounts"));
    STG_TRY(stg_cgroup_mount(top, sizeof top, mounts.data, mounts.len));
    snprintf(out, STG_CGROUP_PATH, "%s/%.100s", top, name);
out:
    stg_buffer_fini(&mounts);
    return status;
}

enum stg_status stg_cgroup_make(const char *path)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        return stg_fail_errno("%s: cannot make a control group: run as root", path);
    }
    return STG_OK;
}

/* visit(context, path) for each group directly below. */
static enum stg_status each_below(const char *path, enum stg_status (*visit)(void *, const char *), void *context)
{
    enum stg_status status = STG_OK;
    DIR *d = opendir(path);
    if (d == NULL) {
        return errno == ENOENT ? STG_OK : stg_fail_errno("%s", path);
    }
    for (struct dirent *e = readdir(d); e != NULL && status == STG_OK; e = readdir(d)) {
        char below[STG_CGROUP_PATH];
        if (e->d_type != DT_DIR || e->d_name[0] == '.') {
            continue;
        }
        if ((size_t)snprintf(below, sizeof below, "%s/%s", path, e->d_name) < sizeof below) {
            status = visit(context, below);
        }
    }
    closedir(d);
    return status;
}

/* Adds the numbers in a file of the group to an array. */
static enum stg_status add_ids(const char *path, const char *file, pid_t **ids, size_t *n, size_t *cap)
{
    enum stg_status status = STG_OK;
    struct stg_buffer text = STG_BUFFER_INIT;
    char name[STG_CGROUP_PATH + 32];
    snprintf(name, sizeof name, "%s/%s", path, file);
    if (access(name, F_OK) != 0) {
        return STG_OK; /* the group has gone */
    }
    STG_TRY(stg_text_read(&text, name));
    for (char *at = text.data, *end; at != NULL && *at != '\0'; at = end) {
        const long id = strtol(at, &end, 10);
        if (end == at) {
            break;
        }
        if (id > 0) {
            STG_TRY(stg_mem_grow(ids, cap, *n + 1, sizeof **ids));
            (*ids)[(*n)++] = (pid_t)id;
        }
        end += strspn(end, "\n ");
    }
out:
    stg_buffer_fini(&text);
    return status;
}

struct collect {
    struct stg_tasks *tasks;
    size_t cap_processes, cap_threads;
};

static enum stg_status collect(void *context, const char *path)
{
    struct collect *c = context;
    struct stg_tasks *t = c->tasks;
    STG_RETURN_IF_FAILED(add_ids(path, "cgroup.procs", &t->processes, &t->n_processes, &c->cap_processes));
    STG_RETURN_IF_FAILED(add_ids(path, "cgroup.threads", &t->threads, &t->n_threads, &c->cap_threads));
    return each_below(path, collect, c);
}

static int by_id(const void *a, const void *b)
{
    const pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
    return (x > y) - (x < y);
}

enum stg_status stg_cgroup_tasks(struct stg_tasks *out, const char *path)
{
    struct collect c = {.tasks = out};
    *out = (struct stg_tasks){0};
    STG_RETURN_IF_FAILED(collect(&c, path));
    if (out->n_processes > 0) {
        qsort(out->processes, out->n_processes, sizeof *out->processes, by_id);
    }
    if (out->n_threads > 0) {
        qsort(out->threads, out->n_threads, sizeof *out->threads, by_id);
    }
    return STG_OK;
}

void stg_tasks_fini(struct stg_tasks *t)
{
    stg_mem_free(t->processes);
    stg_mem_free(t->threads);
    *t = (struct stg_tasks){0};
}

size_t stg_tasks_new(const pid_t *before, size_t n_before, const pid_t *after, size_t n_after)
{
    size_t n_new = 0;
    for (size_t i = 0, k = 0; i < n_after; i++) {
        while (k < n_before && before[k] < after[i]) {
            k++;
        }
        n_new += k == n_before || before[k] != after[i];
    }
    return n_new;
}

/* cgroup.kill (Linux 5.14) ends even what forks meanwhile; without it, signals do, turn by turn. */
static enum stg_status kill_once(const char *path, size_t *n_left)
{
    struct stg_tasks tasks;
    char name[STG_CGROUP_PATH + 32];
    snprintf(name, sizeof name, "%s/cgroup.kill", path);
    const int fd = open(name, O_WRONLY | O_CLOEXEC);
    const bool killed = fd >= 0 && write(fd, "1", 1) == 1;
    if (fd >= 0) {
        close(fd);
    }
    const enum stg_status status = stg_cgroup_tasks(&tasks, path);
    for (size_t i = 0; i < tasks.n_processes && !killed; i++) {
        kill(tasks.processes[i], SIGKILL);
    }
    *n_left = tasks.n_processes;
    stg_tasks_fini(&tasks);
    return status;
}

enum stg_status stg_cgroup_kill(const char *path)
{
    if (access(path, F_OK) != 0) {
        return STG_OK;
    }
    for (int i = 0; i < KILL_TURNS; i++) {
        size_t n_left;
        STG_RETURN_IF_FAILED(kill_once(path, &n_left));
        if (n_left == 0) {
            return STG_OK;
        }
        stg_sleep_ns(UINT64_C(20000000));
    }
    return stg_fail(STG_ERR_IO, "%s: processes in it do not end: see its cgroup.procs", path);
}

static enum stg_status remove_tree(void *context, const char *path)
{
    STG_RETURN_IF_FAILED(each_below(path, remove_tree, context));
    for (int i = 0; rmdir(path) != 0; i++) { /* busy for a moment after its last process has ended */
        if (errno == ENOENT) {
            return STG_OK;
        }
        if (errno != EBUSY || i == KILL_TURNS) {
            return stg_fail_errno("%s: cannot remove the control group", path);
        }
        stg_sleep_ns(UINT64_C(20000000));
    }
    return STG_OK;
}

enum stg_status stg_cgroup_remove(const char *path)
{
    STG_RETURN_IF_FAILED(stg_cgroup_kill(path));
    return remove_tree(NULL, path);
}

/* The sum over the processes that are alive, and of those that they waited for. */
static enum stg_status sum_processes(const char *path, uint64_t *ns)
{
    struct stg_tasks tasks;
    enum stg_status status = stg_cgroup_tasks(&tasks, path);
    *ns = 0;
    for (size_t i = 0; i < tasks.n_processes && status == STG_OK; i++) {
        struct stg_buffer text = STG_BUFFER_INIT;
        char name[64];
        uint64_t own = 0;
        snprintf(name, sizeof name, "/proc/%d/stat", (int)tasks.processes[i]);
        if (stg_text_read(&text, name) == STG_OK && stg_cpu_of_stat(text.data, &own)) {
            *ns += own;
        }
        stg_buffer_fini(&text);
    }
    stg_tasks_fini(&tasks);
    return status;
}

enum stg_status stg_cgroup_cpu(const char *path, uint64_t *ns)
{
    struct stg_buffer text = STG_BUFFER_INIT;
    char name[STG_CGROUP_PATH + 32];
    snprintf(name, sizeof name, "%s/cpu.stat", path);
    if (stg_text_read(&text, name) == STG_OK && strncmp(text.data, "usage_usec ", 11) == 0) {
        *ns = strtoull(text.data + 11, NULL, 10) * 1000;
        stg_buffer_fini(&text);
        return STG_OK;
    }
    stg_buffer_fini(&text);
    return sum_processes(path, ns);
}
