/* Account: whose the processors were while a run was recorded. Foreign use is what was busy and not the lab's, so that
 * a run that other work disturbed is known and can be repeated. */
#ifndef STG_LAB_ACCOUNT_H
#define STG_LAB_ACCOUNT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Times since boot, in ns, over all processors. */
struct stg_cpu_times {
    uint64_t busy;  /* user, nice, system, irq, softirq */
    uint64_t idle;  /* idle, iowait */
    uint64_t steal; /* taken by the machine's host */
    uint32_t n_cpus;
};

/* From the n bytes of /proc/stat; STG_ERR_INPUT when they are not. */
enum stg_status stg_cpu_parse(struct stg_cpu_times *out, const char *text, size_t n) STG_MUST_USE;
enum stg_status stg_cpu_read(struct stg_cpu_times *out) STG_MUST_USE;
/* utime + stime + cutime + cstime of a line of /proc/PID/stat, in ns; false when it is none. */
bool stg_cpu_of_stat(const char *line, uint64_t *ns);

/* Shares (0 … 1) of all processors' time between two readings. */
struct stg_cpu_shares {
    double lab, foreign, steal;
};
/* lab_ns: CPU time of the lab's groups in between. The counters are of different grain (10 ms ticks and ns), so that a
 * small negative difference is no use at all. */
struct stg_cpu_shares stg_cpu_share(const struct stg_cpu_times *before, const struct stg_cpu_times *after,
                                    uint64_t lab_ns);

#endif
