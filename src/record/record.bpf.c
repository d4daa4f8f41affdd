/* The programs that run in the kernel: each system call's entry and exit, markers, and the life of processes; filtered
 * here, and what passes goes into the ring of its CPU. */
#include "descriptor.bpf.h"
#include "kernel.bpf.h"
#include "record_abi.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define NR_RT_SIGRETURN    15
#define NR_EXECVE          59
#define NR_EXECVEAT        322
#define COMPAT_NR_EXECVE   11 /* of 32-bit calls */
#define COMPAT_NR_EXECVEAT 358
#define NR_URETPROBE       335 /* made by the kernel's trampoline of a uretprobe, … */
#define NR_UPROBE          336 /* … and of an optimised uprobe: never by a program */
#define X32_BIT            0x40000000
#define TS_COMPAT          2 /* thread_info.status: the call under way is a 32-bit one */

const volatile struct stg_abi_config config;
struct stg_abi_control control;
struct stg_abi_cpu cpus[STG_ABI_MAX_CPUS] __attribute__((aligned(64)));

/* The rings of all CPUs, mapped by the recorder, which sets how many blocks there are. Only programs of its CPU write
 * into a ring, and they need no lock for that, as the kernel's own ring buffer does. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct stg_abi_block);
} rings SEC(".maps");

/* The processes that are followed, by number. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, STG_ABI_MAX_PROCS);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u32);
    __type(value, __u8);
} procs SEC(".maps");

/* The cgroups whose threads are recorded. */
struct {
    __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
    __uint(max_entries, STG_ABI_MAX_CGROUPS);
    __type(key, __u32);
    __type(value, __u32);
} cgroups SEC(".maps");

/* Threads in a call whose file name was not in memory at its entry, at the place of their number: unnamed_value(). One
 * may take the place of another, whose name then is lost; so one that was killed in a call leaves nothing to tidy. */
__u64 unnamed[STG_ABI_MAX_UNNAMED];

/* Calls that change the number their exit is seen with, by thread: the number at entry. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 8192);
    __type(key, __u32);
    __type(value, __u32);
} renumbered SEC(".maps");

/* Processes of which a last thread was seen, by number: twice the time of their beginning, as numbers are given again,
 * plus 1 when they were followed. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 8192);
    __type(key, __u32);
    __type(value, __u64);
} ended SEC(".maps");

/* Places of static probes, by the cookie of what is attached there. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, STG_ABI_MAX_SITES);
    __type(key, __u32);
    __type(value, struct stg_abi_site);
} sites SEC(".maps");

static __always_inline struct stg_abi_cpu *this_cpu(void)
{
    return &cpus[bpf_get_smp_processor_id() & (STG_ABI_MAX_CPUS - 1)];
}

static __always_inline bool filtered(struct stg_abi_cpu *cpu, enum stg_abi_filter why)
{
    cpu->n_filtered[why]++;
    return false;
}

static __always_inline bool has_comm(const struct task_struct *task)
{
    const struct task_struct *leader = task->group_leader;
    __u64 own[2] = {*(const __u64 *)&task->comm[0], *(const __u64 *)&task->comm[8]};
    __u64 first[2] = {*(const __u64 *)&leader->comm[0], *(const __u64 *)&leader->comm[8]};
    stg_abi_name(own, own);
    stg_abi_name(first, first);
    for (__u32 i = 0; i < STG_ABI_MAX_COMMS; i++) {
        if (i < config.n_comms && ((own[0] == config.comms[i][0] && own[1] == config.comms[i][1]) ||
                                   (first[0] == config.comms[i][0] && first[1] == config.comms[i][1]))) {
            return true;
        }
    }
    return false;
}

/* In one of the cgroups or below. */
static __always_inline bool in_cgroup(void)
{
    for (__u32 i = 0; i < STG_ABI_MAX_CGROUPS; i++) {
        if (i < config.n_cgroups && bpf_current_task_under_cgroup(&cgroups, i) == 1) {
            return true;
        }
    }
    return false;
}

/* What an event may change in whether its process is followed. */
enum moment {
    DURING,
    BEGINS, /* the entry of an execve(), with which an armed process begins to be */
    ENDS,   /* the end of a thread: that of another one may have ended the process already */
};

static __always_inline bool ended_followed(const struct task_struct *task)
{
    __u32 tgid = (__u32)task->tgid;
    const __u64 *known = bpf_map_lookup_elem(&ended, &tgid);
    return known != NULL && *known == (task->group_leader->start_time << 1 | 1);
}

static __always_inline bool followed(const struct task_struct *task, enum moment moment)
{
    __u32 tgid = (__u32)task->tgid;
    __u8 *state = bpf_map_lookup_elem(&procs, &tgid);
    if (state == NULL) {
        return moment == ENDS && ended_followed(task);
    }
    if (*state == STG_ABI_ARMED && moment == BEGINS) {
        *state = STG_ABI_FOLLOWED;
    }
    return *state == STG_ABI_FOLLOWED;
}

static __always_inline bool wanted(struct stg_abi_cpu *cpu, const struct task_struct *task, enum moment moment)
{
    const __u32 tgid = (__u32)task->tgid;
    if (!control.enabled) {
        return false;
    }
    if (tgid == control.own_tgid) {
        return filtered(cpu, STG_ABI_BY_OWN);
    }
    if (config.by_process && !followed(task, moment)) {
        return filtered(cpu, STG_ABI_BY_PROCESS);
    }
    if (config.n_cgroups > 0 && !in_cgroup()) {
        return filtered(cpu, STG_ABI_BY_CGROUP);
    }
    if (config.n_comms > 0 && !has_comm(task)) {
        return filtered(cpu, STG_ABI_BY_COMM);
    }
    if (config.sample_below > 0 && tgid * 2654435761u >= config.sample_below) {
        return filtered(cpu, STG_ABI_BY_SAMPLE);
    }
    return true;
}

static __always_inline bool wants_call(struct stg_abi_cpu *cpu, __u32 number, bool compat)
{
    const __u32 word = (number / 64) & (STG_ABI_MAX_CALLS / 64 - 1);
    const __u64 bits = compat ? config.compat_calls[word] : config.calls[word];
    const bool wants = number < STG_ABI_MAX_CALLS ? bits >> (number % 64) & 1 : config.by_call == STG_ABI_CALLS_BUT;
    return wants || filtered(cpu, STG_ABI_BY_CALL);
}

static __always_inline void fill(struct stg_abi_head *head, const struct task_struct *task, __u64 ts_ns, __s32 id,
                                 __u8 kind, __u8 n_args)
{
    head->ts_ns = ts_ns;
    head->cgroup_id = task->cgroups->dfl_cgrp->kn->id; /* as the helper does, without a call */
    head->pid = (__u32)task->tgid;
    head->tid = (__u32)task->pid;
    *(__u64 *)&head->comm[0] = *(const __u64 *)&task->comm[0];
    *(__u64 *)&head->comm[8] = *(const __u64 *)&task->comm[8];
    head->id = id;
    head->kind = kind;
    head->n_args = n_args;
    head->flags = 0;
    head->fd_kind = 0;
}

static __always_inline __u64 place_of(__u64 size)
{
    return (size + STG_ABI_WORD_SIZE + 7) & ~7ull;
}

struct place {
    struct stg_abi_record *record;
    __u64 *word;      /* in front of it */
    __u64 word_value; /* what stands there when the record is written */
};

/* Place for a record in one of this CPU's rings, whose blocks begin at i_first. Whoever interrupts this program on its
 * CPU may take one too: then the next one is tried. False: there is no room. */
static __always_inline bool take_place(struct place *out, struct stg_abi_positions *ring, __u32 ring_size,
                                       __u32 i_first, __u64 size)
{
    const __u64 whole = place_of(size);
    for (int i = 0; i < 2; i++) {
        const __u64 at = *(volatile __u64 *)&ring->reserved, in_ring = at & (ring_size - 1);
        __u32 i_block = i_first + (__u32)(in_ring / STG_ABI_BLOCK_SIZE);
        struct stg_abi_block *block = bpf_map_lookup_elem(&rings, &i_block);
        if (block == NULL || at + whole - *(volatile __u64 *)&ring->consumed > ring_size) {
            return false;
        }
        if (__sync_val_compare_and_swap(&ring->reserved, at, at + whole) == at) {
            __u8 *word = block->data + (in_ring & (STG_ABI_BLOCK_SIZE - 1));
            out->word = (__u64 *)word;
            out->word_value = STG_ABI_WORD(config.ring_key, at, size);
            out->record = (struct stg_abi_record *)(word + STG_ABI_WORD_SIZE);
            return true;
        }
    }
    return false;
}

static __always_inline bool find_place(struct place *out, struct stg_abi_cpu *cpu, __u64 size)
{
    const __u32 i_first = bpf_get_smp_processor_id() * (config.near_blocks + config.far_blocks);
    return (config.near_size > 0 && take_place(out, &cpu->near, config.near_size, i_first, size)) ||
           take_place(out, &cpu->far, config.far_size, i_first + config.near_blocks, size);
}

/* The record is written: on x86-64 stores are seen in their order. An atomic operation here would wait until the record
 * has its cache lines. */
static __always_inline void commit(const struct place *place)
{
    barrier();
    *(volatile __u64 *)place->word = place->word_value;
}

/* Tells of what was lost in front of the first record that fits again, which may come much later: its time is that of
 * the loss. No record of this CPU is between the two. */
static __noinline void put_gap(struct stg_abi_cpu *cpu, const struct task_struct *task)
{
    struct place place;
    const __u64 since_ns = cpu->gap_ns, until_ns = cpu->gap_end_ns;
    const __u64 n = __sync_lock_test_and_set(&cpu->gap, 0);
    if (n > 0 && find_place(&place, cpu, sizeof(struct stg_abi_head) + 16)) {
        fill(&place.record->head, task, since_ns, 0, STG_ABI_LOST, 2);
        place.record->args[0] = n;
        place.record->args[1] = until_ns;
        commit(&place);
    } else if (n > 0) {
        __sync_fetch_and_add(&cpu->gap, n);
        cpu->gap_ns = since_ns; /* what was lost meanwhile was so later */
    }
}

/* The times are there before the count that lets them be told: what interrupts this may do that. */
static __always_inline void count_lost(struct stg_abi_cpu *cpu, __u64 ts_ns)
{
    if (cpu->gap == 0) {
        cpu->gap_ns = ts_ns;
    }
    cpu->gap_end_ns = ts_ns;
    barrier();
    __sync_fetch_and_add(&cpu->gap, 1);
    __sync_fetch_and_add(&cpu->n_lost, 1);
}

/* Place for an event, counted whether there is any or not. commit() when it is filled. */
static __always_inline bool reserve(struct place *out, struct stg_abi_cpu *cpu, const struct task_struct *task,
                                    __u64 ts_ns, __u64 size)
{
    if (cpu->gap > 0) {
        put_gap(cpu, task);
    }
    if (cpu->gap == 0 && find_place(out, cpu, size)) {
        cpu->n_put++;
        return true;
    }
    count_lost(cpu, ts_ns);
    return false;
}

static __always_inline bool is_compat(const struct task_struct *task)
{
    return bpf_core_field_exists(task->thread_info.status) && (task->thread_info.status & TS_COMPAT) != 0;
}

/* The flags of a call: whose table its number is of, and how many threads its CPU has to run, where the kernel groups
 * threads (CONFIG_FAIR_GROUP_SCHED), so that each knows the CPU's queue. */
static __always_inline __u8 call_flags(const struct task_struct *task, bool compat)
{
    __u32 n = 0;
    if (bpf_core_field_exists(task->se.cfs_rq->rq)) {
        n = task->se.cfs_rq->rq->nr_running;
        n = n > STG_ABI_RUNNABLE_MOST ? STG_ABI_RUNNABLE_MOST : n;
    }
    return (__u8)(n << STG_ABI_RUNNABLE_SHIFT | (compat ? STG_ABI_COMPAT : 0));
}

/* 32-bit calls have theirs in other registers, of 32 bits. */
static __always_inline void copy_args(__u64 args[6], const struct pt_regs *regs, bool compat)
{
    if (compat) {
        args[0] = (__u32)regs->bx;
        args[1] = (__u32)regs->cx;
        args[2] = (__u32)regs->dx;
        args[3] = (__u32)regs->si;
        args[4] = (__u32)regs->di;
        args[5] = (__u32)regs->bp;
        return;
    }
    args[0] = regs->di;
    args[1] = regs->si;
    args[2] = regs->dx;
    args[3] = regs->r10;
    args[4] = regs->r8;
    args[5] = regs->r9;
}

/* The value of the argument that a table of 1 + index names. */
static __always_inline __u64 arg_at(const __u64 args[6], __u8 place)
{
    return place == 1 ? args[0] : place == 2 ? args[1] : place == 3 ? args[2] : place == 4 ? args[3] : args[4];
}

/* The first n of the arguments. */
static __always_inline void put_args(struct stg_abi_record *record, const __u64 args[6], __u64 n)
{
    for (__u32 i = 0; i < 6; i++) {
        if (i < n) {
            record->args[i] = args[i];
        }
    }
}

struct file_name {
    __u64 words[STG_ABI_MAX_PATH / 8];
};

/* Bytes of a file name with its NUL, 0 when there is none. *missed: its page is not in memory, which is not waited for.
 */
static __always_inline __u64 read_path(struct file_name *out, const void *from, bool *missed)
{
    const long len = bpf_probe_read_user_str(out->words, sizeof out->words, from);
    *missed = len < 0 && from != NULL;
    return len <= 1 || len > (long)sizeof out->words ? 0 : (__u64)len;
}

static __always_inline __u64 unnamed_value(const struct task_struct *task, __u32 number)
{
    return (__u64)number << 32 | (__u32)task->pid;
}

static __always_inline __u64 *unnamed_place(const struct task_struct *task)
{
    return &unnamed[(__u32)task->pid & (STG_ABI_MAX_UNNAMED - 1)];
}

/* Puts it behind six arguments, in words: what is beyond the NUL in the last one is not read. */
static __always_inline void put_path(struct stg_abi_record *record, const struct file_name *name, __u64 len)
{
    record->head.flags |= len == sizeof record->path ? STG_ABI_HAS_PATH | STG_ABI_CUT_PATH : STG_ABI_HAS_PATH;
    for (__u32 i = 0; i < STG_ABI_MAX_PATH / 8; i++) {
        if (8 * i < len) {
            ((__u64 *)record->path)[i] = name->words[i];
        }
    }
}

static __always_inline void put_entry(struct stg_abi_cpu *cpu, const struct task_struct *task,
                                      const struct pt_regs *regs, __u32 number, bool compat)
{
    const __u64 ts_ns = bpf_ktime_get_ns();
    struct file_name name;
    __u64 args[6], n_args = 6, path_len = 0;
    __u8 fd_arg = 0, path_arg = 0, fd_kind = 0;
    bool missed = false;
    if (!compat && number < STG_ABI_MAX_CALLS) {
        const volatile struct stg_abi_call *call = &config.by_number[number & (STG_ABI_MAX_CALLS - 1)];
        n_args = call->n_args;
        fd_arg = call->fd_arg;
        path_arg = call->path_arg;
    }
    n_args = n_args > 6 ? 6 : n_args;
    copy_args(args, regs, compat);
    if (config.fd_kinds && fd_arg > 0) {
        fd_kind = fd_kind_of(task, (__s32)arg_at(args, fd_arg));
    }
    if (config.paths && path_arg > 0) {
        path_len = read_path(&name, (const void *)arg_at(args, path_arg), &missed);
    }
    const __u64 size = sizeof(struct stg_abi_head) + (path_len > 0 ? 48 + path_len : 8 * n_args);
    struct place place;
    if (!reserve(&place, cpu, task, ts_ns, size)) {
        return;
    }
    fill(&place.record->head, task, ts_ns, (__s32)number, STG_ABI_ENTRY, (__u8)n_args);
    place.record->head.flags = call_flags(task, compat);
    place.record->head.fd_kind = fd_kind;
    put_args(place.record, args, path_len > 0 ? 6 : n_args);
    if (path_len > 0) {
        put_path(place.record, &name, path_len);
    }
    commit(&place);
    if (missed) {
        *unnamed_place(task) = unnamed_value(task, number);
    }
}

static __always_inline bool is_exec(__u32 number, bool compat)
{
    return compat ? number == COMPAT_NR_EXECVE || number == COMPAT_NR_EXECVEAT
                  : number == NR_EXECVE || number == NR_EXECVEAT;
}

static __always_inline void note_number(const struct task_struct *task, __u32 number)
{
    __u32 tid = (__u32)task->pid;
    bpf_map_update_elem(&renumbered, &tid, &number, BPF_ANY);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(stg_sys_enter, const struct pt_regs *regs, long id)
{
    struct stg_abi_cpu *cpu = this_cpu();
    const struct task_struct *task = bpf_get_current_task_btf();
    const bool compat = is_compat(task);
    const __u32 number = (__u32)id & ~X32_BIT;
    const bool executes = is_exec(number, compat);
    if (!wanted(cpu, task, executes ? BEGINS : DURING)) {
        return 0;
    }
    if (executes) { /* either call, so that what a thread that was killed in one left is not found by another */
        note_number(task, number == NR_EXECVE || number == COMPAT_NR_EXECVE ? NR_EXECVE : NR_EXECVEAT);
    } else if (!compat && (number == NR_RT_SIGRETURN || number == NR_URETPROBE || number == NR_UPROBE)) {
        note_number(task, number);
        if (number != NR_RT_SIGRETURN) {
            filtered(cpu, STG_ABI_BY_ARTEFACT);
            return 0;
        }
    }
    if (config.by_call && !wants_call(cpu, number, compat)) {
        return 0;
    }
    put_entry(cpu, task, regs, number, compat);
    return 0;
}

/* Some calls reset the number in the registers, so that their exit has −1: *number is that of the entry. False for
 * tracing's own. */
static __always_inline bool find_number(struct stg_abi_cpu *cpu, const struct task_struct *task, __s32 *number)
{
    __u32 tid = (__u32)task->pid;
    const __u32 *found = bpf_map_lookup_elem(&renumbered, &tid);
    if (found == NULL) {
        return true;
    }
    *number = (__s32)*found;
    bpf_map_delete_elem(&renumbered, &tid);
    return *number == NR_RT_SIGRETURN || filtered(cpu, STG_ABI_BY_ARTEFACT);
}

/* The kernel has an execveat() that succeeds return as execve(), by the door of the new program. */
static __always_inline __s32 find_exec(const struct task_struct *task, __s32 number, bool compat)
{
    __u32 tid = (__u32)task->pid;
    const __u32 *found = bpf_map_lookup_elem(&renumbered, &tid);
    if (found != NULL && *found == NR_EXECVEAT) {
        number = compat ? COMPAT_NR_EXECVEAT : NR_EXECVEAT;
    }
    bpf_map_delete_elem(&renumbered, &tid);
    return number;
}

/* The file name that was not in memory at the call's entry, as the kernel has read it since. A program that was
 * executed has another memory, without the name. */
static __always_inline __u64 read_path_late(struct file_name *out, const struct task_struct *task,
                                            const struct pt_regs *regs, __u32 number, long ret)
{
    const __u8 path_arg = config.by_number[number & (STG_ABI_MAX_CALLS - 1)].path_arg;
    __u64 *place = unnamed_place(task), args[6];
    bool missed;
    if (number >= STG_ABI_MAX_CALLS || path_arg == 0 || *place != unnamed_value(task, number)) {
        return 0;
    }
    *place = 0;
    if (is_exec(number, false) && ret >= 0) {
        return 0;
    }
    copy_args(args, regs, false);
    return read_path(out, (const void *)arg_at(args, path_arg), &missed);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(stg_sys_exit, const struct pt_regs *regs, long ret)
{
    struct stg_abi_cpu *cpu = this_cpu();
    const struct task_struct *task = bpf_get_current_task_btf();
    struct file_name name;
    __u64 path_len = 0;
    __u8 fd_kind = 0;
    if (!wanted(cpu, task, DURING)) {
        return 0;
    }
    const bool compat = is_compat(task);
    __s32 number = (__s32)regs->orig_ax;
    if (number < 0 && !compat && !find_number(cpu, task, &number)) {
        return 0;
    }
    number = number < 0 ? number : number & ~X32_BIT;
    if (is_exec((__u32)number, compat)) {
        number = find_exec(task, number, compat);
    }
    if (config.by_call && !wants_call(cpu, (__u32)number, compat)) {
        return 0;
    }
    const __u64 ts_ns = bpf_ktime_get_ns();
    if (config.fd_kinds && !compat && ret >= 0 &&
        config.by_number[(__u32)number & (STG_ABI_MAX_CALLS - 1)].returns_fd) {
        fd_kind = fd_kind_of(task, (__s32)ret);
    }
    if (config.paths && !compat) {
        path_len = read_path_late(&name, task, regs, (__u32)number, ret);
    }
    const __u64 size = sizeof(struct stg_abi_head) + (path_len > 0 ? 48 + path_len : 8);
    struct place place;
    if (!reserve(&place, cpu, task, ts_ns, size)) {
        return 0;
    }
    fill(&place.record->head, task, ts_ns, number, STG_ABI_EXIT, 1);
    place.record->head.flags = call_flags(task, compat);
    place.record->head.fd_kind = fd_kind;
    place.record->args[0] = compat ? (__u64)(__s64)(__s32)ret : (__u64)ret;
    if (path_len > 0) {
        put_path(place.record, &name, path_len);
    }
    commit(&place);
    return 0;
}

static __always_inline void put_pair(struct stg_abi_cpu *cpu, const struct task_struct *task, __s32 id, __u8 kind,
                                     __u64 first, __u64 second)
{
    const __u64 ts_ns = bpf_ktime_get_ns(), size = sizeof(struct stg_abi_head) + 16;
    struct place place;
    if (!reserve(&place, cpu, task, ts_ns, size)) {
        return;
    }
    fill(&place.record->head, task, ts_ns, id, kind, 2);
    place.record->args[0] = first;
    place.record->args[1] = second;
    commit(&place);
}

/* A new process of a followed one is followed before it runs; a child of the recorder is armed. */
static __always_inline void follow(struct stg_abi_cpu *cpu, const struct task_struct *parent,
                                   const struct task_struct *child)
{
    __u32 from = (__u32)parent->tgid, to = (__u32)child->tgid;
    __u8 state = 0;
    if (from == to) {
        return;
    }
    if (control.arm_children && from == control.own_tgid) {
        state = STG_ABI_ARMED;
    } else if (config.follow_forks) {
        const __u8 *known = bpf_map_lookup_elem(&procs, &from);
        state = known == NULL ? 0 : *known;
    }
    if (state == 0) {
        return;
    }
    if (bpf_map_update_elem(&procs, &to, &state, BPF_NOEXIST) == 0) {
        __sync_fetch_and_add(&control.n_procs, 1);
    } else {
        __sync_fetch_and_add(&cpu->n_untracked, 1);
    }
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(stg_fork, const struct task_struct *parent, const struct task_struct *child)
{
    struct stg_abi_cpu *cpu = this_cpu();
    if (config.by_process) {
        follow(cpu, parent, child);
    }
    if (wanted(cpu, parent, DURING)) {
        put_pair(cpu, parent, 0, STG_ABI_FORK, (__u32)child->pid, (__u32)child->tgid);
    }
    return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(stg_exec, const struct task_struct *task, int old_pid)
{
    struct stg_abi_cpu *cpu = this_cpu();
    __u32 old_tid = (__u32)old_pid;
    const __u32 *noted = old_pid == task->pid ? NULL : bpf_map_lookup_elem(&renumbered, &old_tid);
    if (noted != NULL) { /* a thread that was not the first takes the first one's number */
        note_number(task, *noted);
        bpf_map_delete_elem(&renumbered, &old_tid);
    }
    if (wanted(cpu, task, DURING)) {
        put_pair(cpu, task, 0, STG_ABI_EXEC, (__u32)old_pid, 0);
    }
    return 0;
}

/* Threads that end together all see that none is left alive: the first of them to come here is the last one. */
static __always_inline bool is_last(const struct task_struct *task, bool was_followed)
{
    __u32 tgid = (__u32)task->tgid;
    const __u64 start = task->group_leader->start_time << 1, own = start | was_followed;
    if (task->signal->live.counter != 0) {
        return false;
    }
    __u64 *known = bpf_map_lookup_elem(&ended, &tgid);
    if (known == NULL) {
        return bpf_map_update_elem(&ended, &tgid, &own, BPF_NOEXIST) == 0;
    }
    const __u64 other = *known; /* of an earlier process of this number, or of this one */
    return (other & ~1ull) != start && __sync_val_compare_and_swap(known, other, own) == other;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(stg_task_exit, const struct task_struct *task)
{
    struct stg_abi_cpu *cpu = this_cpu();
    __u32 tgid = (__u32)task->tgid;
    const bool last = is_last(task, config.by_process && followed(task, DURING));
    if (wanted(cpu, task, ENDS)) {
        put_pair(cpu, task, 0, STG_ABI_TASK_EXIT, (__u32)task->exit_code, last);
    }
    if (config.by_process && last && bpf_map_delete_elem(&procs, &tgid) == 0) {
        __sync_fetch_and_sub(&control.n_procs, 1);
    }
    return 0;
}

/* The thread passes a marker, with the first n arguments. */
static __always_inline void put_mark(struct stg_abi_cpu *cpu, const struct task_struct *task, __s32 marker,
                                     const __u64 args[6], __u64 n)
{
    const __u64 ts_ns = bpf_ktime_get_ns(), size = sizeof(struct stg_abi_head) + 8 * n;
    struct place place;
    if (!reserve(&place, cpu, task, ts_ns, size)) {
        return;
    }
    fill(&place.record->head, task, ts_ns, marker, STG_ABI_MARKER, (__u8)n);
    put_args(place.record, args, n);
    commit(&place);
}

SEC("uprobe")
int stg_uprobe(struct pt_regs *regs)
{
    struct stg_abi_cpu *cpu = this_cpu();
    const struct task_struct *task = bpf_get_current_task_btf();
    const __u64 none[6] = {0};
    if (wanted(cpu, task, DURING)) {
        put_mark(cpu, task, (__s32)bpf_get_attach_cookie(regs), none, 0);
    }
    return 0;
}

SEC("uprobe")
int stg_uretprobe(struct pt_regs *regs)
{
    struct stg_abi_cpu *cpu = this_cpu();
    const struct task_struct *task = bpf_get_current_task_btf();
    const __u64 args[6] = {regs->ax};
    if (wanted(cpu, task, DURING)) {
        put_mark(cpu, task, (__s32)bpf_get_attach_cookie(regs), args, 1);
    }
    return 0;
}

/* False: it cannot be read. */
static __always_inline bool get_arg(const struct pt_regs *regs, const struct stg_abi_arg *arg, __u64 *out)
{
    __u64 value = arg->value;
    if (arg->where != STG_ABI_ARG_CONSTANT) {
        __u64 reg;
        if (arg->word >= STG_ABI_PT_REGS ||
            bpf_probe_read_kernel(&reg, sizeof reg, (const void *)regs + 8 * arg->word) != 0) {
            return false;
        }
        value = arg->where == STG_ABI_ARG_MEMORY ? value + reg : reg;
    }
    if (arg->where == STG_ABI_ARG_MEMORY && bpf_probe_read_user(&value, sizeof value, (const void *)value) != 0) {
        return false;
    }
    value <<= arg->shift & 63;
    *out = arg->is_signed ? (__u64)((__s64)value >> (arg->shift & 63)) : value >> (arg->shift & 63);
    return true;
}

SEC("uprobe")
int stg_usdt(struct pt_regs *regs)
{
    struct stg_abi_cpu *cpu = this_cpu();
    const struct task_struct *task = bpf_get_current_task_btf();
    __u64 args[6] = {0};
    if (!wanted(cpu, task, DURING)) {
        return 0;
    }
    __u32 i = (__u32)bpf_get_attach_cookie(regs);
    const struct stg_abi_site *site = bpf_map_lookup_elem(&sites, &i);
    if (site == NULL) {
        return 0;
    }
    __u64 n = 0;
    for (; n < STG_ABI_SITE_ARGS && n < site->n_args; n++) {
        if (!get_arg(regs, &site->args[n], &args[n])) {
            break;
        }
    }
    put_mark(cpu, task, site->marker, args, n);
    return 0;
}

/* Run once by the recorder, in its own context: its number as the kernel has it, whatever namespace it lives in. */
SEC("raw_tp")
int stg_whoami(void *context)
{
    (void)context;
    control.own_tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
    return 0;
}
