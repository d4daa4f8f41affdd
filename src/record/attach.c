/* Loading and attaching the programs; the rings. */
#include "record/record_internal.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "base/program.h"
#include "record/bpf_object.h"
#include "record/elf.h"
#include "record/probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES_TO_LOAD 16 /* more than this takes to load the programs, less than to attach them, too */

/* The last warning of libbpf, which knows best why something failed. */
static _Thread_local char last_warning[256];

static int keep_warning(enum libbpf_print_level level, const char *format, va_list args)
{
    if (level == LIBBPF_WARN) {
        vsnprintf(last_warning, sizeof last_warning, format, args);
        last_warning[strcspn(last_warning, "\n")] = '\0';
    }
    return 0;
}

static enum stg_status refused(const char *what, int error)
{
    if (error == -EMFILE) {
        return stg_fail(STG_ERR_UNSUPPORTED, "record: %s: " STG_RECORD_FEW_FILES, what);
    }
    return stg_fail(error == -ENOMEM ? STG_ERR_MEMORY : STG_ERR_UNSUPPORTED,
                    "record: %s: %s%s%s: `strange doctor` says what is missing", what, strerror(-error),
                    last_warning[0] == '\0' ? "" : ": ", last_warning);
}

static size_t power_of_2(size_t size)
{
    size_t p = (size_t)sysconf(_SC_PAGESIZE);
    while (p < size && p < (size_t)1 << 30) {
        p *= 2;
    }
    return p;
}

/* How many and how large: fixed before the programs are loaded. A ring that is small itself has no smaller one before
 * it. */
static enum stg_status plan_rings(struct stg_record *r, size_t ring_size)
{
    __u64 key;
    if (getrandom(&key, sizeof key, 0) != sizeof key) {
        return stg_fail_errno("record: the kernel gives no random number");
    }
    r->bpf->rodata->config.ring_key = key;
    r->n_cpus = stg_record_cpus();
    if (r->n_cpus > STG_ABI_MAX_CPUS) {
        return stg_fail(STG_ERR_UNSUPPORTED,
                        "record: this machine has %zu CPUs: at most %d can be recorded: boot with nr_cpus=%d",
                        r->n_cpus, STG_ABI_MAX_CPUS, STG_ABI_MAX_CPUS);
    }
    r->ring_size = power_of_2(ring_size > 0 ? ring_size : stg_record_ring_size(r->n_cpus));
    const size_t near_size = r->ring_size > STG_ABI_NEAR_SIZE ? STG_ABI_NEAR_SIZE : 0;
    r->bpf->rodata->config.near_size = (uint32_t)near_size;
    r->bpf->rodata->config.near_blocks = (uint32_t)stg_ring_blocks(near_size);
    r->bpf->rodata->config.far_size = (uint32_t)r->ring_size;
    r->bpf->rodata->config.far_blocks = (uint32_t)stg_ring_blocks(r->ring_size);
    const size_t n_blocks = r->n_cpus * (stg_ring_blocks(near_size) + stg_ring_blocks(r->ring_size));
    const int error = bpf_map__set_max_entries(r->bpf->maps.rings, (uint32_t)n_blocks);
    return error == 0 ? stg_merge_init(&r->merge, 2 * r->n_cpus) : refused("cannot set the size of the rings", error);
}

static enum stg_status map_ring(struct stg_record *r, size_t i_lane, size_t size, size_t *i_block)
{
    struct stg_lane *l = &r->merge.lanes[i_lane];
    struct stg_abi_cpu *cpu = &r->bpf->bss->cpus[i_lane / 2];
    struct stg_abi_positions *positions = i_lane % 2 == 0 ? &cpu->near : &cpu->far;
    l->cpu = (int32_t)(i_lane / 2);
    l->i_first = i_lane / 2 * 2;
    if (size == 0) {
        return STG_OK;
    }
    STG_RETURN_IF_FAILED(stg_ring_map(&l->ring, bpf_map__fd(r->bpf->maps.rings), *i_block, size));
    l->ring.reserved = (const uint64_t *)&positions->reserved;
    l->ring.key = r->bpf->rodata->config.ring_key;
    l->ring.consumer = (uint64_t *)&positions->consumed;
    *i_block += stg_ring_blocks(size);
    return STG_OK;
}

static enum stg_status map_rings(struct stg_record *r)
{
    size_t i_block = 0;
    for (size_t i = 0; i < r->n_cpus; i++) {
        STG_RETURN_IF_FAILED(map_ring(r, 2 * i, r->bpf->rodata->config.near_size, &i_block));
        STG_RETURN_IF_FAILED(map_ring(r, 2 * i + 1, r->ring_size, &i_block));
    }
    return STG_OK;
}

/* What can be written into the programs' memory is not for the processes that it forks: the command, and what reads the
 * files of markers. */
static enum stg_status keep_to_itself(const struct stg_record *r)
{
    return madvise(r->bpf->bss, sizeof *r->bpf->bss, MADV_DONTFORK) == 0
               ? STG_OK
               : stg_fail_errno("record: cannot keep the programs' memory from other processes");
}

static bool needs(const struct stg_record_options *o, enum stg_marker_kind kind)
{
    for (size_t i = 0; i < o->n_markers; i++) {
        if (o->markers[i].kind == kind) {
            return true;
        }
    }
    return false;
}

/* libbpf asks the kernel what it can by trying, and takes it for no where no file may be opened for that. Then the
 * programs fail by another error; so it is not let try where it will not do. */
static bool may_open_files(void)
{
    struct rlimit limit;
    const int next = open("/", O_PATH | O_CLOEXEC);
    if (next < 0) {
        return errno != EMFILE;
    }
    close(next);
    return getrlimit(RLIMIT_NOFILE, &limit) != 0 || (rlim_t)next + FILES_TO_LOAD <= limit.rlim_cur;
}

enum stg_status stg_record_load(struct stg_record *r, const struct stg_record_options *o)
{
    last_warning[0] = '\0';
    libbpf_set_print(keep_warning);
    if (!stg_has_sysfs()) {
        return stg_fail(STG_ERR_UNSUPPORTED, "record: " STG_RECORD_NO_SYSFS);
    }
    if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
        return stg_fail(STG_ERR_UNSUPPORTED, "record: this kernel has no /sys/kernel/btf/vmlinux: use one with "
                                             "CONFIG_DEBUG_INFO_BTF=y (Debian's kernels have it)");
    }
    if (!may_open_files()) {
        return refused("cannot load the programs", -EMFILE);
    }
    r->bpf = stg_record_bpf__open();
    if (r->bpf == NULL) {
        return refused("cannot read the programs", -errno);
    }
    STG_RETURN_IF_FAILED(stg_record_configure((struct stg_abi_config *)&r->bpf->rodata->config, o));
    STG_RETURN_IF_FAILED(plan_rings(r, o->ring_size));
    bpf_program__set_autoload(r->bpf->progs.stg_uprobe, needs(o, STG_MARKER_UPROBE));
    bpf_program__set_autoload(r->bpf->progs.stg_uretprobe, needs(o, STG_MARKER_URETPROBE));
    bpf_program__set_autoload(r->bpf->progs.stg_usdt, needs(o, STG_MARKER_USDT));
    const int error = stg_record_bpf__load(r->bpf);
    if ((error == -EPERM || error == -EACCES) && stg_in_user_namespace()) {
        return stg_fail(STG_ERR_UNSUPPORTED, "record: no permission to load BPF programs: " STG_RECORD_FROM_OUTSIDE);
    }
    if (error == -EPERM || error == -EACCES) {
        return stg_fail(STG_ERR_UNSUPPORTED, "record: no permission to load BPF programs: run it as root (sudo strange "
                                             "record …), or give it CAP_BPF and "
                                             "CAP_PERFMON; `strange doctor` says what is missing");
    }
    if (error == -ENOMEM || error == -E2BIG) {
        return stg_fail(STG_ERR_MEMORY,
                        "record: the kernel has no memory for %zu rings of %zu bytes: give a smaller --ring", r->n_cpus,
                        r->ring_size);
    }
    if (error != 0) {
        return refused("the kernel does not take the programs", error);
    }
    STG_RETURN_IF_FAILED(map_rings(r));
    return keep_to_itself(r);
}

static enum stg_status add_link(struct stg_record *r, struct bpf_link *link, const char *what)
{
    if (link == NULL) {
        return refused(what, -errno);
    }
    r->links[r->n_links++] = link;
    return STG_OK;
}

/* A program without a slash is looked for as the shell does. A path stays as it is: below /proc/PID/root it means
 * another root. */
static enum stg_status find_file(const char *path, char out[PATH_MAX])
{
    if (strchr(path, '/') != NULL) {
        snprintf(out, PATH_MAX, "%s", path);
        return access(out, R_OK) == 0 ? STG_OK : stg_fail_errno("%s: cannot read it", path);
    }
    return stg_program_find(path, out, PATH_MAX)
               ? STG_OK
               : stg_fail(STG_ERR_USAGE, "%s: there is no such program: give its path", path);
}

/* A file where a marker is. It is opened once: while it is looked through, its path may be made to lead to another one,
 * of which the place that was found is in the middle of an instruction. */
struct marker_file {
    int fd;
    char path[PATH_MAX];  /* as it was found, for messages */
    char of_the_open[32]; /* a path by which the kernel finds this file and no other */
};

static enum stg_status open_marker_file(struct marker_file *f, const char *path)
{
    f->fd = -1;
    STG_RETURN_IF_FAILED(find_file(path, f->path));
    STG_RETURN_IF_FAILED(stg_elf_open(&f->fd, f->path));
    snprintf(f->of_the_open, sizeof f->of_the_open, "/proc/self/fd/%d", f->fd);
    return STG_OK;
}

static enum stg_status add_marker_link(struct stg_record *r, struct bpf_link *link)
{
    if (link == NULL && (errno == EACCES || errno == EPERM)) {
        return stg_fail(STG_ERR_UNSUPPORTED, "no permission to attach it: markers take root or CAP_SYS_ADMIN");
    }
    if (link == NULL && access("/proc/self/fd", F_OK) != 0) {
        return stg_fail(STG_ERR_UNSUPPORTED,
                        "cannot attach it, as /proc is not mounted here: mount -t proc proc /proc");
    }
    return add_link(r, link, "cannot attach it");
}

static enum stg_status attach_function(struct stg_record *r, const struct stg_marker *m, const struct marker_file *file,
                                       uint64_t cookie)
{
    uint64_t offset;
    const bool ret = m->kind == STG_MARKER_URETPROBE;
    LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = cookie, .retprobe = ret);
    STG_RETURN_IF_FAILED(stg_elf_find_in_file(file->fd, file->path, m->symbol, &offset));
    return add_marker_link(r,
                           bpf_program__attach_uprobe_opts(ret ? r->bpf->progs.stg_uretprobe : r->bpf->progs.stg_uprobe,
                                                           -1, file->of_the_open, offset, &options));
}

/* The compiler may have put a probe into several places. */
static enum stg_status attach_probe(struct stg_record *r, const struct stg_marker *m, const struct marker_file *file,
                                    size_t marker)
{
    enum stg_status status = STG_OK;
    struct stg_elf_site *found = NULL;
    size_t n;
    STG_TRY(stg_mem_zeroed(&found, STG_ELF_MAX_SITES, sizeof *found));
    STG_TRY(stg_elf_find_probe_in_file(file->fd, file->path, m->provider, m->symbol, found, &n));
    for (size_t i = 0; i < n; i++) {
        uint32_t key = (uint32_t)r->n_sites;
        LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = key, .ref_ctr_offset = found[i].semaphore);
        found[i].site.marker = (int32_t)marker;
        if (r->n_sites == STG_ABI_MAX_SITES) {
            STG_TRY(stg_fail(STG_ERR_UNSUPPORTED, "the static probes are in more than %d places: give fewer markers",
                             STG_ABI_MAX_SITES));
        }
        if (bpf_map_update_elem(bpf_map__fd(r->bpf->maps.sites), &key, &found[i].site, BPF_ANY) != 0) {
            STG_TRY(refused("the kernel does not take a static probe", -errno));
        }
        STG_TRY(add_marker_link(r, bpf_program__attach_uprobe_opts(r->bpf->progs.stg_usdt, -1, file->of_the_open,
                                                                   found[i].offset, &options)));
        r->n_sites++;
    }
out:
    stg_mem_free(found);
    return status;
}

static enum stg_status attach_marker(struct stg_record *r, const struct stg_marker *m, uint64_t cookie)
{
    struct marker_file file;
    enum stg_status status = open_marker_file(&file, m->path);
    if (status == STG_OK) {
        status = m->kind == STG_MARKER_USDT ? attach_probe(r, m, &file, cookie) : attach_function(r, m, &file, cookie);
    }
    if (file.fd >= 0) {
        close(file.fd);
    }
    return status == STG_OK ? STG_OK : stg_context(status, "marker %s", m->name);
}

static enum stg_status find_own_number(struct stg_record *r)
{
    LIBBPF_OPTS(bpf_test_run_opts, options);
    const int error = bpf_prog_test_run_opts(bpf_program__fd(r->bpf->progs.stg_whoami), &options);
    return error == 0 ? STG_OK : refused("cannot run a program to find this process's own number", error);
}

enum stg_status stg_record_attach(struct stg_record *r, const struct stg_record_options *o)
{
    const struct {
        struct bpf_program *program;
        const char *what;
    } all[] = {
        {r->bpf->progs.stg_fork, "cannot attach to the beginning of processes"},
        {r->bpf->progs.stg_exec, "cannot attach to execve()"},
        {r->bpf->progs.stg_task_exit, "cannot attach to the end of processes"},
        {r->bpf->progs.stg_sys_enter, "cannot attach to the entry of system calls"},
        {r->bpf->progs.stg_sys_exit, "cannot attach to the exit of system calls"},
    };
    const size_t n = sizeof all / sizeof all[0];
    STG_RETURN_IF_FAILED(stg_mem_zeroed(&r->links, n + o->n_markers + STG_ABI_MAX_SITES, sizeof *r->links));
    STG_RETURN_IF_FAILED(find_own_number(r));
    for (size_t i = 0; i < o->n_markers; i++) {
        STG_RETURN_IF_FAILED(attach_marker(r, &o->markers[i], i));
    }
    for (size_t i = 0; i < n; i++) {
        STG_RETURN_IF_FAILED(add_link(r, bpf_program__attach_trace(all[i].program), all[i].what));
    }
    return STG_OK;
}

void stg_record_detach(struct stg_record *r)
{
    if (r->bpf != NULL && r->bpf->bss != NULL) {
        __atomic_store_n(&r->bpf->bss->control.enabled, 0, __ATOMIC_RELEASE);
    }
    for (size_t i = r->n_links; i-- > 0;) {
        bpf_link__destroy(r->links[i]);
    }
    stg_mem_free(r->links);
    r->links = NULL;
    r->n_links = 0;
}

void stg_record_unload(struct stg_record *r)
{
    stg_record_bpf__destroy(r->bpf);
    r->bpf = NULL;
}
