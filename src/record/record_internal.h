/* What the files of the recorder share. */
#ifndef STG_RECORD_RECORD_INTERNAL_H
#define STG_RECORD_RECORD_INTERNAL_H

#include "record/merge.h"
#include "record/record.h"

#include <sys/types.h>

#define STG_RECORD_FEW_FILES "it may not have so many files open: ulimit -n 1024"
#define STG_RECORD_BATCH     1024 /* events handed out at a time */

struct stg_record_bpf;
struct bpf_link;

/* The command: started by open(), waits for start(). */
struct stg_record_launch {
    pid_t pid;      /* 0: none */
    char *name;     /* as it was given, owned */
    int go, failed; /* pipes: a byte lets it run; a struct launch_failure that comes back says why it did not */
    int status;     /* as waitpid() has it; −1 while it runs */
    uid_t uid;      /* as whom it runs */
    bool refused;   /* it may not be sent SIGTERM */
};

struct stg_record {
    struct stg_source source; /* first: the source interface is the same object */
    struct stg_record_bpf *bpf;
    struct bpf_link **links; /* (n_links), owned */
    size_t n_links;
    size_t n_sites;           /* of STG_ABI_MAX_SITES */
    size_t n_cpus, ring_size; /* bytes of a CPU's far ring */
    struct stg_merge merge;   /* two lanes a CPU: its near ring, which may be missing, and its far one */
    struct stg_decoder decoder;
    struct stg_record_launch launch;
    int *pid_fds; /* (n_pids) pidfds of the options' pids, owned */
    size_t n_pids;
    int *cgroup_fds; /* (n_cgroups) a file of each, owned */
    size_t n_cgroups;
    struct stg_event batch[STG_RECORD_BATCH];
    uint64_t limit_ns;         /* events before it may be handed out */
    uint64_t pause_ns;         /* between looks at the rings */
    uint64_t start_ns, end_ns; /* of recording; 0 before */
    uint64_t looked_ns;        /* when the cgroups were last looked at */
    bool started, stopped, drained;
    enum stg_record_end end;                     /* why it ends or ended */
    size_t i_gap;                                /* CPUs whose last gap was delivered */
    uint64_t hidden_by_cpu[STG_RECORD_MAX_CPUS]; /* records that the end did not get to see */
    struct stg_record_stats stats;
};

/* attach.c */
enum stg_status stg_record_load(struct stg_record *r, const struct stg_record_options *o) STG_MUST_USE;
enum stg_status stg_record_attach(struct stg_record *r, const struct stg_record_options *o) STG_MUST_USE;
void stg_record_detach(struct stg_record *r);
void stg_record_unload(struct stg_record *r);
/* filters.c: STG_ERR_USAGE for what cannot be. */
struct stg_abi_config;
enum stg_status stg_record_configure(struct stg_abi_config *c, const struct stg_record_options *o) STG_MUST_USE;
enum stg_status stg_record_open_pids(struct stg_record *r, const struct stg_record_options *o) STG_MUST_USE;
enum stg_status stg_record_open_cgroups(struct stg_record *r, const struct stg_record_options *o) STG_MUST_USE;
bool stg_record_cgroups_alive(const struct stg_record *r);
/* privileges.c: refuses what is run as another user than its caller, whose environment is not to be believed. */
enum stg_status stg_record_check_caller(void) STG_MUST_USE;
/* *out = the user who called sudo (borrowed from the C library), NULL when nobody did. */
struct passwd;
enum stg_status stg_record_find_caller(struct passwd **out) STG_MUST_USE;
/* launch.c */
enum stg_status stg_launch_prepare(struct stg_record_launch *l, char *const *command, const char *user) STG_MUST_USE;
enum stg_status stg_launch_go(struct stg_record_launch *l) STG_MUST_USE;
void stg_launch_check(struct stg_record_launch *l); /* looks whether it has ended */
void stg_launch_end(struct stg_record_launch *l);   /* SIGTERM if it still runs */
void stg_launch_close(struct stg_record_launch *l); /* one that never ran goes */

#endif
