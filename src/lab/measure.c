#include "lab/measure.h"

#include <string.h>

static const char *const names[STG_MEASURES] = {
    "requests",
    "rate",
    "answered_share",
    "failed_share",
    "p50_ms",
    "p99_ms",
    "late_share",
    "in_flight",
    "connects_per_request",
    "cut_connections",
    "tls",
    "log_bytes_per_request",
    "opcache",
    "page_bytes",
    "beside_cpus",
    "sync_slowdown",
    "new_processes",
    "new_threads",
    "lab_cpu_share",
    "foreign_cpu_share",
    "steal_cpu_share",
    "lost",
    "seconds",
    "settled_after",
};

const char *stg_measure_name(enum stg_measure m)
{
    return names[m];
}

static size_t find(const char *name)
{
    size_t i = 0;
    while (i < STG_MEASURES && strcmp(names[i], name) != 0) {
        i++;
    }
    return i;
}

enum stg_status stg_measure_check_names(const struct stg_scenario *s)
{
    for (size_t i = 0; i < s->n_checks; i++) {
        if (find(s->checks[i].fact) == STG_MEASURES) {
            return stg_fail(STG_ERR_INPUT, "scenario %s: check.%s: no such measure: docs/formats/lab.md lists them",
                            s->name, s->checks[i].fact);
        }
    }
    return STG_OK;
}

enum stg_status stg_measure_check(const struct stg_scenario *s, const double values[STG_MEASURES])
{
    for (size_t i = 0; i < s->n_checks; i++) {
        const size_t m = find(s->checks[i].fact);
        if (m < STG_MEASURES && !stg_check_holds(&s->checks[i], values[m])) {
            return stg_fail(STG_ERR_INPUT, "scenario %s did not have its effect: %s is %.4g, and not %s %.4g", s->name,
                            s->checks[i].fact, values[m], stg_check_op_name(s->checks[i].op), s->checks[i].value);
        }
    }
    return STG_OK;
}
