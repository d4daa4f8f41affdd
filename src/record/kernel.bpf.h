/* The parts of the kernel's structs that the programs read. Offsets are relocated when the programs are loaded (CO-RE),
 * so that only names and types count here and no vmlinux.h is needed to build. */
#ifndef STG_RECORD_KERNEL_BPF_H
#define STG_RECORD_KERNEL_BPF_H

#include <linux/types.h>
#include <stdbool.h>

#define __VMLINUX_H__ /* tells libbpf's headers that struct pt_regs has the kernel's names */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
    unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

typedef struct {
    int counter;
} atomic_t;

struct list_head {
    struct list_head *next;
};

struct signal_struct {
    atomic_t live;
};

struct thread_info {
    __u32 status;
};

struct super_block {
    unsigned long s_magic;
};

struct inode {
    __u16 i_mode;
    struct super_block *i_sb;
};

struct qstr {
    const unsigned char *name;
};

struct dentry {
    struct qstr d_name;
};

struct path {
    struct dentry *dentry;
};

struct file {
    struct inode *f_inode;
    struct path f_path;
    void *private_data;
};

struct proto_ops {
    int family;
};

struct socket {
    short type;
    const struct proto_ops *ops;
};

struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};

struct files_struct {
    struct fdtable *fdt;
};

struct rq {
    unsigned int nr_running;
};

struct cfs_rq {
    struct rq *rq;
};

struct sched_entity {
    struct cfs_rq *cfs_rq;
};

struct kernfs_node {
    __u64 id;
};

struct cgroup {
    struct kernfs_node *kn;
};

struct css_set {
    struct cgroup *dfl_cgrp;
};

struct task_struct {
    struct thread_info thread_info;
    struct sched_entity se;
    int pid, tgid;
    __u64 start_time;
    char comm[16];
    struct task_struct *group_leader;
    struct signal_struct *signal;
    struct files_struct *files;
    struct css_set *cgroups;
    int exit_code;
};

#pragma clang attribute pop

#endif
