/* What passes between the BPF programs (record.bpf.c) and the recorder: fixed widths, sizes asserted on both sides. A
 * record of the ring is a word of 8 bytes with its length, a head, then n_args registers of 8 bytes; with
 * STG_ABI_HAS_PATH room for six registers and a path. It begins at a multiple of 8. Whoever reads a ring trusts no
 * length. */
#ifndef STG_RECORD_RECORD_ABI_H
#define STG_RECORD_RECORD_ABI_H

#include <linux/types.h>

#define STG_ABI_MAX_CPUS    512 /* power of 2 */
#define STG_ABI_MAX_CALLS   512 /* numbers of system calls that are told apart; power of 2 */
#define STG_ABI_MAX_COMMS   8
#define STG_ABI_MAX_CGROUPS 8
#define STG_ABI_MAX_PROCS   65536 /* processes followed at a time */
#define STG_ABI_MAX_UNNAMED 4096  /* threads whose file name is looked for again at a time; power of 2 */
#define STG_ABI_MAX_PATH    128   /* bytes of a path with its NUL; longer ones are cut off and flagged */
#define STG_ABI_COMM_SIZE   16
#define STG_ABI_MAX_SITES   256     /* places of static probes, of all markers together */
#define STG_ABI_SITE_ARGS   6       /* arguments of a static probe that are recorded */
#define STG_ABI_PT_REGS     21      /* words of the kernel's struct pt_regs */
#define STG_ABI_BLOCK_SIZE  262144  /* bytes of a ring that lie together; power of 2 */
#define STG_ABI_WORD_SIZE   8       /* of the word in front of a record */
#define STG_ABI_NEAR_SIZE   1048576 /* bytes of a CPU's first ring, where it has two; power of 2 */

/* Ones up to the first NUL among eight bytes. The lowest bit that is left of a word is the highest of that byte. */
static inline __u64 stg_abi_up_to_nul(__u64 word)
{
    const __u64 nuls = (word - 0x0101010101010101ull) & ~word & 0x8080808080808080ull;
    return (nuls & -nuls) - 1;
}

/* What a name of STG_ABI_COMM_SIZE bytes is compared by: before Linux 5.17 an older name may stand behind its NUL. out
 * may be name. */
static inline void stg_abi_name(__u64 out[2], const __u64 name[2])
{
    const __u64 first = stg_abi_up_to_nul(name[0]);
    out[0] = name[0] & first;
    out[1] = first == ~0ull ? name[1] & stg_abi_up_to_nul(name[1]) : 0;
}

enum stg_abi_kind {
    STG_ABI_ENTRY = 1,
    STG_ABI_EXIT,   /* args[0]: the return value */
    STG_ABI_MARKER, /* id: index of the marker */
    STG_ABI_LOST,   /* args[0]: events lost on this CPU since the record before, the first of them at its time; args[1]:
                       when the last was, ns */
    STG_ABI_FORK,   /* args: tid and pid of the child */
    STG_ABI_EXEC,   /* args[0]: tid before, which differs when a thread that is not the first calls execve() */
    STG_ABI_TASK_EXIT, /* args: exit code as wait() has it; whether it was the last thread of its process */
};

enum {                       /* flags of a record */
       STG_ABI_COMPAT = 1,   /* a 32-bit call: id is a number of that table */
       STG_ABI_HAS_PATH = 2, /* room for six registers whatever n_args says, then the path with its NUL; of an exit
                                where it was not in memory at the entry */
       STG_ABI_CUT_PATH = 4, /* the path was longer */
};

/* The five bits above: threads that could run on this CPU, the recorded one included, 0 = not known. */
enum { STG_ABI_RUNNABLE_SHIFT = 3, STG_ABI_RUNNABLE_MOST = 31 };

struct stg_abi_head {
    __u64 ts_ns;     /* CLOCK_MONOTONIC */
    __u64 cgroup_id; /* cgroup v2 of the thread */
    __u32 pid, tid;  /* as the initial pid namespace numbers them */
    char comm[STG_ABI_COMM_SIZE];
    __s32 id; /* number of the call, index of the marker */
    __u8 kind, n_args, flags;
    __u8 fd_kind; /* 1 + enum stg_fd_kind of the descriptor argument (entry) or of what is returned (exit); 0 = unknown
                   */
};
_Static_assert(sizeof(struct stg_abi_head) == 48, "the head of a record has 48 bytes");

struct stg_abi_record { /* the longest */
    struct stg_abi_head head;
    __u64 args[6];
    char path[STG_ABI_MAX_PATH];
};
_Static_assert(sizeof(struct stg_abi_record) == 224, "the longest record has 224 bytes");

/* A piece of a ring. A record that begins in it and does not fit runs on behind it, never into the next one, so that it
 * lies in one piece; whole pages, so that each ring can be mapped by itself. */
struct stg_abi_block {
    __u8 data[STG_ABI_BLOCK_SIZE + 4096];
};
_Static_assert(STG_ABI_WORD_SIZE + sizeof(struct stg_abi_record) <= 4096,
               "the longest record runs on by a page at most");

enum stg_abi_filter {                     /* why an event was not recorded */
                      STG_ABI_BY_OWN,     /* the recorder's own */
                      STG_ABI_BY_PROCESS, /* not a process that is followed */
                      STG_ABI_BY_COMM,
                      STG_ABI_BY_CGROUP,
                      STG_ABI_BY_SAMPLE,
                      STG_ABI_BY_CALL,
                      STG_ABI_BY_ARTEFACT, /* the calls of a uretprobe's trampoline, which are tracing itself */
                      STG_ABI_N_FILTERS,
};

/* Of a ring, in bytes since the start, of which the ring holds the last. */
struct stg_abi_positions {
    __u64 reserved; /* records before it have their places; whether one is written says its word */
    __u64 consumed; /* the recorder's: what is before may be overwritten */
};

/* The word in front of a record of len bytes at a position is written last. It is of this position alone, so that what
 * the ring held there before is none, and of a random key, so that a program cannot put one into its arguments. */
#define STG_ABI_WORD(key, at, len) \
    ((key) ^ (__u64)(at) << 5 ^ (__u64)(len)) /* at is a multiple of 8, len less than 256 */

/* A CPU has two rings: the near one is so small that it stays in the processor's cache, and the far one holds what does
 * not fit while the recorder is late. Counts are on cache lines of their own. */
struct stg_abi_cpu {
    struct stg_abi_positions near, far;
    __u64 n_put;      /* records that went into the ring, gaps not counted */
    __u64 n_lost;     /* records that did not */
    __u64 gap;        /* of n_lost, those that no LOST record tells of yet */
    __u64 gap_ns;     /* when the first of these was */
    __u64 gap_end_ns; /* … and the last */
    __u64 n_filtered[STG_ABI_N_FILTERS];
    __u64 n_untracked; /* children of followed processes for which there was no room */
    __u64 unused[7];
};
_Static_assert(sizeof(struct stg_abi_cpu) == 192, "three cache lines");

/* What is known of a call: together, as they are read together. */
struct stg_abi_call {
    __u8 n_args;
    __u8 fd_arg;     /* 1 + index of the first descriptor argument, 0 = none */
    __u8 path_arg;   /* 1 + index of the first path argument, 0 = none */
    __u8 returns_fd; /* 1: what it returns is a new descriptor */
};

enum { STG_ABI_ARG_CONSTANT, STG_ABI_ARG_REGISTER, STG_ABI_ARG_MEMORY };

/* Where a static probe has an argument. */
struct stg_abi_arg {
    __u64 value; /* of a constant; of memory what is added to the register to have its address */
    __u8 where;  /* STG_ABI_ARG_* */
    __u8 word;   /* the register: which word of struct pt_regs */
    __u8 shift;  /* bits of a word that do not belong to it: 64 less its width */
    __u8 is_signed;
    __u32 reserved;
};
_Static_assert(sizeof(struct stg_abi_arg) == 16, "two words");

/* A place in a program where a marker's static probe is. */
struct stg_abi_site {
    __s32 marker;
    __u32 n_args;
    struct stg_abi_arg args[STG_ABI_SITE_ARGS];
};
_Static_assert(sizeof(struct stg_abi_site) == 104, "a word and six arguments");

/* Which calls are recorded: all, all but some, or some. They differ in the numbers that the bits do not reach. */
enum { STG_ABI_CALLS_ALL, STG_ABI_CALLS_BUT, STG_ABI_CALLS_ONLY };

/* Constant while the programs are loaded: what is off costs nothing, as the verifier removes it. */
struct stg_abi_config {
    __u32 by_process, by_call, follow_forks; /* by_call: STG_ABI_CALLS_* */
    __u32 n_comms, n_cgroups;
    __u32 sample_below; /* a process is recorded when the hash of its number is below; 0 = all */
    __u32 fd_kinds, paths;
    __u32 near_size, far_size;           /* bytes of a CPU's rings, powers of 2; near_size 0: it has the far one only */
    __u32 near_blocks, far_blocks;       /* that they take: those of a CPU follow each other */
    __u64 ring_key;                      /* of the words in front of records */
    __u64 comms[STG_ABI_MAX_COMMS][2];   /* names, padded with NULs */
    __u64 calls[STG_ABI_MAX_CALLS / 64]; /* bit set: recorded */
    __u64 compat_calls[STG_ABI_MAX_CALLS / 64];
    struct stg_abi_call by_number[STG_ABI_MAX_CALLS]; /* the 64-bit calls */
};

/* Changed while they run. */
struct stg_abi_control {
    __u32 enabled;      /* 0: nothing is recorded */
    __u32 own_tgid;     /* the recorder, never recorded */
    __u32 arm_children; /* its children are followed from their first execve() on */
    __u32 n_procs;      /* processes followed now */
};

enum { STG_ABI_ARMED = 1, STG_ABI_FOLLOWED = 2 }; /* values of the map of processes */

#endif
