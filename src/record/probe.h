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

/* Fills out[0 … n − 1], the build first and what only some options need last; returns n ≤ STG_RECORD_MAX_NEEDS. */
size_t stg_record_probe(struct stg_record_need out[STG_RECORD_MAX_NEEDS]);

#endif
