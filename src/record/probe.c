#include "record/probe.h"

#include "record/record.h"
#include "record/record_abi.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

struct probe {
    struct stg_record_need *out;
    size_t n;
};

/* Adds a need; advice is for when it does not work. */
static void need(struct probe *p, const char *name, bool works, const char *advice, ...)
    __attribute__((format(printf, 4, 5)));

static void need(struct probe *p, const char *name, bool works, const char *advice, ...)
{
    struct stg_record_need *n = &p->out[p->n++];
    n->name = name;
    n->works = works;
    n->advice[0] = '\0';
    if (!works) {
        va_list args;
        va_start(args, advice);
        vsnprintf(n->advice, sizeof n->advice, advice, args);
        va_end(args);
    }
}

static bool read_text(const char *path, char *out, size_t cap)
{
    FILE *file = fopen(path, "re");
    out[0] = '\0';
    if (file == NULL) {
        return false;
    }
    const size_t n = fread(out, 1, cap - 1, file);
    out[n] = '\0';
    fclose(file);
    return true;
}

bool stg_in_user_namespace(void)
{
    static const char initial[] = "user:[4026531837]"; /* the kernel's PROC_USER_INIT_INO */
    char text[64];
    const ssize_t n = readlink("/proc/self/ns/user", text, sizeof text);
    return n > 0 && ((size_t)n != sizeof initial - 1 || memcmp(text, initial, (size_t)n) != 0);
}

bool stg_has_sysfs(void)
{
    struct statfs fs;
    return statfs("/sys", &fs) == 0 && fs.f_type == SYSFS_MAGIC;
}

/* Asked of the kernel, as /proc may not be there. */
static uint64_t own_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (stg_in_user_namespace() || syscall(SYS_capget, &head, data) != 0) {
        return 0;
    }
    return (uint64_t)data[1].effective << 32 | data[0].effective;
}

static bool has(uint64_t caps, int cap)
{
    return (caps >> cap & 1) != 0;
}

/* The kernel's own description of its types tells whether it has the tracepoints. */
static bool btf_names(const char *what)
{
    FILE *file = fopen("/sys/kernel/btf/vmlinux", "re");
    bool found = false;
    char *block = malloc(1 << 20);
    const size_t len = strlen(what) + 1;
    size_t kept = 0;
    while (file != NULL && block != NULL && !found) {
        const size_t n = fread(block + kept, 1, (1 << 20) - kept, file);
        if (n == 0) {
            break;
        }
        found = memmem(block, kept + n, what, len) != NULL;
        const size_t tail = kept + n < len ? kept + n : len - 1; /* a name may lie across two blocks */
        memmove(block, block + kept + n - tail, tail);
        kept = tail;
    }
    free(block);
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

size_t stg_record_cpus(void)
{
    unsigned last = 0;
    char text[256];
    if (read_text("/sys/devices/system/cpu/present", text, sizeof text)) {
        const char *at = strrchr(text, '-');
        const char *comma = strrchr(text, ',');
        at = at == NULL || (comma != NULL && comma > at) ? comma : at;
        if (sscanf(at == NULL ? text : at + 1, "%u", &last) != 1) {
            last = 0;
        }
    } else {
        const long n = sysconf(_SC_NPROCESSORS_CONF);
        last = n > 1 ? (unsigned)n - 1 : 0;
    }
    return (size_t)last + 1;
}

static void probe_privileges(struct probe *p)
{
    const uint64_t caps = own_capabilities();
    const bool admin = has(caps, CAP_SYS_ADMIN);
    if (stg_in_user_namespace()) {
        need(p, "record_privilege", false, "%s", STG_RECORD_FROM_OUTSIDE);
        need(p, "record_markers", false, "%s", STG_RECORD_FROM_OUTSIDE);
        return;
    }
    if (getuid() != geteuid()) {
        need(p, "record_privilege", false, "%s", STG_RECORD_SET_USER_ID);
        need(p, "record_markers", false, "%s", STG_RECORD_SET_USER_ID);
        return;
    }
    const bool load = admin || (has(caps, CAP_BPF) && has(caps, CAP_PERFMON));
    need(p, "record_privilege", load,
         "%s%s%s missing: sudo strange record …; or for a group, as who may run it sees all that the machine does: "
         "s=$(command -v strange); "
         "sudo chgrp GROUP $s && sudo chmod 750 $s && sudo setcap cap_bpf,cap_perfmon+ep $s",
         has(caps, CAP_BPF) ? "" : "CAP_BPF", has(caps, CAP_BPF) || has(caps, CAP_PERFMON) ? "" : " and ",
         has(caps, CAP_PERFMON) ? "" : "CAP_PERFMON");
    need(p, "record_markers", admin,
         "CAP_SYS_ADMIN is missing, which --begin, --end and --marker take: sudo strange record …");
}

static void probe_kernel(struct probe *p)
{
    char text[256];
    const bool sysfs = stg_has_sysfs(), btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
    need(p, "record_btf", btf, "%s",
         sysfs ? "/sys/kernel/btf/vmlinux is missing: boot a kernel with CONFIG_DEBUG_INFO_BTF=y: apt-get install "
                 "linux-image-amd64"
               : STG_RECORD_NO_SYSFS);
    need(p, "record_tracepoints", btf && btf_names("btf_trace_sys_enter"), "%s",
         btf ? "this kernel has no tracepoints of system calls: boot one with CONFIG_FTRACE_SYSCALLS=y: apt-get "
               "install linux-image-amd64"
             : "not known, as /sys/kernel/btf/vmlinux is missing");
    const size_t n_cpus = stg_record_cpus();
    need(p, "record_cpus", n_cpus <= STG_ABI_MAX_CPUS,
         "this machine has %zu CPUs, of which %d can be recorded: boot with nr_cpus=%d", n_cpus, STG_ABI_MAX_CPUS,
         STG_ABI_MAX_CPUS);
    read_text("/sys/kernel/security/lockdown", text, sizeof text);
    need(p, "record_lockdown", strstr(text, "[confidentiality]") == NULL,
         "the kernel is locked down to confidentiality, so that BPF may not read it: boot with lockdown=integrity");
    read_text("/proc/sys/net/core/bpf_jit_enable", text, sizeof text);
    need(p, "record_jit", text[0] != '0',
         "BPF programs are interpreted, which is slow: sysctl -w net.core.bpf_jit_enable=1");
    need(p, "record_uprobes", access("/sys/bus/event_source/devices/uprobe/type", R_OK) == 0, "%s",
         sysfs
             ? "this kernel has no uprobes, which markers take: boot one with CONFIG_UPROBE_EVENTS=y: apt-get install "
               "linux-image-amd64"
             : STG_RECORD_NO_SYSFS);
}

/* What can be had without swapping, most of the page cache included: where a machine runs for long, little is free. */
static bool available_memory(uint64_t *bytes)
{
    char text[4096];
    uint64_t kib = 0;
    const char *at = read_text("/proc/meminfo", text, sizeof text) ? strstr(text, "MemAvailable:") : NULL;
    const bool known = at != NULL && sscanf(at, "MemAvailable: %" SCNu64, &kib) == 1;
    *bytes = kib << 10;
    return known;
}

/* Since Linux 5.11 the memory of maps counts for the cgroup, before against RLIMIT_MEMLOCK. */
static void probe_memory(struct probe *p)
{
    struct utsname system;
    struct rlimit limit;
    unsigned major = 0, minor = 0;
    const long n_cpus = sysconf(_SC_NPROCESSORS_CONF);
    const uint64_t rings = (stg_record_ring_size((size_t)n_cpus) + STG_ABI_NEAR_SIZE) * (uint64_t)n_cpus;
    const bool old = uname(&system) == 0 && sscanf(system.release, "%u.%u", &major, &minor) == 2 &&
                     (major < 5 || (major == 5 && minor < 11));
    const bool fits = !old || has(own_capabilities(), CAP_SYS_RESOURCE) || getrlimit(RLIMIT_MEMLOCK, &limit) != 0 ||
                      limit.rlim_cur > rings + (16 << 20);
    need(p, "record_ring_memory", fits,
         "RLIMIT_MEMLOCK is too small for rings of %" PRIu64 " MiB: ulimit -l unlimited, or a smaller --ring",
         rings >> 20);
    uint64_t available = 0;
    const bool known = available_memory(&available);
    need(p, "record_free_memory", !known || available > 2 * rings,
         "%" PRIu64 " MiB of memory are available, less than twice what the rings take (%" PRIu64
         " MiB): give a smaller --ring",
         available >> 20, rings >> 20);
}

static void probe_cgroup(struct probe *p)
{
    char line[4096];
    bool found = false;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        found = found || strstr(line, " - cgroup2 ") != NULL;
    }
    if (file == NULL) {
        need(p, "record_cgroup", false,
             "not known whether cgroup v2 is mounted, which --cgroup takes, as /proc is not: mount -t proc proc /proc");
        return;
    }
    fclose(file);
    need(p, "record_cgroup", found,
         "cgroup v2 is not mounted, which --cgroup takes: mkdir -p /sys/fs/cgroup/unified; mount -t cgroup2 none "
         "/sys/fs/cgroup/unified");
}

size_t stg_record_probe(struct stg_record_need out[STG_RECORD_MAX_NEEDS])
{
    struct probe p = {.out = out};
    need(&p, "record_build", stg_record_is_built(),
         "this build has no recorder: apt-get install libbpf-dev clang bpftool libcap-ng-dev libseccomp-dev, then "
         "meson setup "
         "--reconfigure -Drecord=enabled");
    probe_kernel(&p);
    probe_privileges(&p);
    probe_memory(&p);
    probe_cgroup(&p);
    return p.n;
}
