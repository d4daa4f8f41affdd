/* Probe: what recording needs of this machine, and the command that gets what is missing. Needs neither libbpf nor
 * privileges. */
#ifndef STG_RECORD_PROBE_H
#define STG_RECORD_PROBE_H

#include <stdbool.h>
#include <stddef.h>

struct stg_record_need {
    const char *name; /* "record_btf": a key of doctor's checks */
    bool works;
    char advice[320]; /* "" when it works */
};

#define STG_RECORD_MAX_NEEDS 16

/* 1 + the highest number of a CPU that is there. */
size_t stg_record_cpus(void);

/* In a user namespace of its own, as in a rootless container: capabilities, and being root, count for nothing of what
 * recording asks the kernel for. */
bool stg_in_user_namespace(void);
#define STG_RECORD_FROM_OUTSIDE                                                                                \
    "in a user namespace (a rootless container) even root may not do that: record from outside of it, as the " \
    "machine's root"

#define STG_RECORD_SET_USER_ID                                                                                 \
    "it has another user's rights than who calls it (set-user-ID), who could then be anybody: chmod u-s, and " \
    "sudo strange record …; `strange doctor` then says how a group may record"

/* The kernel describes itself there: what is missing in it says nothing of the kernel where something else is mounted.
 */
bool stg_has_sysfs(void);
#define STG_RECORD_NO_SYSFS "no sysfs is mounted at /sys, where the kernel tells what it has: mount -t sysfs sysfs /sys"

/* Fills out[0 … n − 1], the build first and what only some options need last; returns n ≤ STG_RECORD_MAX_NEEDS. */
size_t stg_record_probe(struct stg_record_need out[STG_RECORD_MAX_NEEDS]);

#endif
