/* What a descriptor of the current process refers to, by the file behind it. */
#ifndef STG_RECORD_DESCRIPTOR_BPF_H
#define STG_RECORD_DESCRIPTOR_BPF_H

#include "event/event.h"
#include "kernel.bpf.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define MODE_TYPE      0170000
#define MODE_FIFO      0010000
#define MODE_CHAR      0020000
#define MODE_DIRECTORY 0040000
#define MODE_BLOCK     0060000
#define MODE_FILE      0100000
#define MODE_SOCKET    0140000

#define MAGIC_ANON  0x09041934
#define MAGIC_PIDFS 0x50494446
#define MAGIC_PROC  0x9fa0
#define MAGIC_TMPFS 0x01021994

#define FAMILY_UNIX    1
#define FAMILY_INET    2
#define FAMILY_INET6   10
#define FAMILY_NETLINK 16
#define TYPE_STREAM    1

/* Linux 6.2 and later can read through a pointer that is declared to be of a type, which costs a load; before, it takes
 * a call. */
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

#define READ(type, object, field)                                                                           \
    ({                                                                                                      \
        __typeof__(((struct type *)0)->field) value_;                                                       \
        if (bpf_rdonly_cast) {                                                                              \
            value_ = ((struct type *)bpf_rdonly_cast(object, bpf_core_type_id_kernel(struct type)))->field; \
        } else {                                                                                            \
            bpf_core_read(&value_, sizeof value_, &((struct type *)(object))->field);                       \
        }                                                                                                   \
        value_;                                                                                             \
    })

#define WORD(a, b, c, d, e, f, g, h)                                                                            \
    ((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | (__u64)(f) << 40 | \
     (__u64)(g) << 48 | (__u64)(h) << 56)

/* The first eight bytes of the file's name. */
static __always_inline __u64 name_of(const void *file)
{
    __u64 name = 0;
    const void *dentry = READ(file, file, f_path.dentry);
    const void *text = READ(dentry, dentry, d_name.name);
    bpf_probe_read_kernel(&name, sizeof name, text);
    return name;
}

/* Files without a place in a file system are told apart by their names. */
static __always_inline __u8 kind_of_anonymous(const void *file)
{
    const __u64 name = name_of(file);
    switch (name) {
    case WORD('[', 'e', 'v', 'e', 'n', 't', 'p', 'o'):
        return STG_FD_EPOLL;
    case WORD('[', 'e', 'v', 'e', 'n', 't', 'f', 'd'):
        return STG_FD_EVENTFD;
    case WORD('[', 't', 'i', 'm', 'e', 'r', 'f', 'd'):
        return STG_FD_TIMERFD;
    case WORD('[', 's', 'i', 'g', 'n', 'a', 'l', 'f'):
        return STG_FD_SIGNALFD;
    case WORD('[', 'p', 'i', 'd', 'f', 'd', ']', 0):
        return STG_FD_PIDFD;
    case WORD('[', 'i', 'o', '_', 'u', 'r', 'i', 'n'):
        return STG_FD_IO_URING;
    case WORD('[', 'p', 'e', 'r', 'f', '_', 'e', 'v'):
        return STG_FD_PERF;
    case WORD('i', 'n', 'o', 't', 'i', 'f', 'y', 0):
        return STG_FD_INOTIFY;
    case WORD('b', 'p', 'f', '-', 'p', 'r', 'o', 'g'):
    case WORD('b', 'p', 'f', '-', 'm', 'a', 'p', 0):
    case WORD('b', 'p', 'f', '_', 'l', 'i', 'n', 'k'):
        return STG_FD_BPF;
    default:
        return STG_FD_OTHER;
    }
}

static __always_inline __u8 kind_of_socket(const void *file)
{
    const void *socket = READ(file, file, private_data);
    const void *ops = READ(socket, socket, ops);
    const short type = READ(socket, socket, type);
    switch (READ(proto_ops, ops, family)) {
    case FAMILY_UNIX:
        return STG_FD_UNIX;
    case FAMILY_INET:
    case FAMILY_INET6:
        return type == TYPE_STREAM ? STG_FD_INET : STG_FD_DGRAM;
    case FAMILY_NETLINK:
        return STG_FD_NETLINK;
    default:
        return STG_FD_SOCKET;
    }
}

static __always_inline __u8 kind_of_file(const void *file)
{
    const void *inode = READ(file, file, f_inode);
    const __u32 type = READ(inode, inode, i_mode) & MODE_TYPE;
    if (type == MODE_SOCKET) {
        return kind_of_socket(file);
    }
    if (type == MODE_FIFO) {
        return STG_FD_PIPE;
    }
    const void *block = READ(inode, inode, i_sb);
    const unsigned long magic = READ(super_block, block, s_magic);
    if (magic == MAGIC_ANON) {
        return kind_of_anonymous(file);
    }
    if (magic == MAGIC_PIDFS) {
        return STG_FD_PIDFD;
    }
    if (magic == MAGIC_PROC) {
        return STG_FD_PROC;
    }
    switch (type) {
    case MODE_FILE:
        return magic == MAGIC_TMPFS && (name_of(file) & 0xffffffffffff) == WORD('m', 'e', 'm', 'f', 'd', ':', 0, 0)
                   ? STG_FD_MEMFD
                   : STG_FD_FILE;
    case MODE_DIRECTORY:
        return STG_FD_DIRECTORY;
    case MODE_CHAR:
        return STG_FD_CHAR;
    case MODE_BLOCK:
        return STG_FD_BLOCK;
    default:
        return STG_FD_OTHER;
    }
}

/* 1 + the kind of descriptor fd; 0 for −1 and AT_FDCWD, which are none by design. */
static __always_inline __u8 fd_kind_of(const struct task_struct *task, __s32 fd)
{
    const struct fdtable *table = task->files->fdt;
    if (fd == -100 || fd == -1) {
        return 0;
    }
    if (fd < 0 || (__u32)fd >= table->max_fds) {
        return 1 + STG_FD_BAD;
    }
    const void *file =
        READ(list_head, &table->fd[fd],
             next); /* a type of the kernel that begins with a pointer, as an array is none that can be named */
    return 1 + (file == NULL ? STG_FD_BAD : kind_of_file(file));
}

#endif
