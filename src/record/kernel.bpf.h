/* The parts of the kernel's structs that the programs read. Offsets are relocated when the programs are loaded (CO-RE), so that
 * only names and types count here and no vmlinux.h is needed to build. */
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

struct signal_struct {
    atomic_t live;
};

struct thread_info {
    __u32 status;
};

struct inode {
    __u16 i_mode;
};

struct file_operations;

struct file {
    struct inode *f_inode;
    const struct file_operations *f_op;
};

struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};

struct files_struct {
    struct fdtable *fdt;
};

struct task_struct {
    struct thread_info thread_info;
    int pid, tgid;
    char comm[16];
    struct task_struct *group_leader;
    struct signal_struct *signal;
    struct files_struct *files;
    int exit_code;
};

#pragma clang attribute pop

#endif
