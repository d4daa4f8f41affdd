/* Measures: the figures of a run that tell whether its scenario had its effect and whether other work disturbed it.
 * Scenario files name them in `check.` lines; docs/formats/lab.md lists them. */
#ifndef STG_LAB_MEASURE_H
#define STG_LAB_MEASURE_H

#include "lab/scenario.h"

enum stg_measure {
    STG_MEASURE_REQUESTS,       /* answered in the window */
    STG_MEASURE_RATE,           /* answered per second */
    STG_MEASURE_ANSWERED_SHARE, /* answered of those due in the window: do the servers keep up? */
    STG_MEASURE_FAILED_SHARE,   /* of those due: no answer, or of another status */
    STG_MEASURE_P50_MS,         /* latency from the time a request was due */
    STG_MEASURE_P99_MS,
    STG_MEASURE_LATE_SHARE, /* requests that the load sent more than 1 ms late */
    STG_MEASURE_IN_FLIGHT,  /* most requests under way at a time */
    STG_MEASURE_CONNECTS_PER_REQUEST,
    STG_MEASURE_CUT_CONNECTIONS,       /* kept connections that the server closed without a word, per 1000 requests */
    STG_MEASURE_TLS,                   /* 1: the answers came over TLS */
    STG_MEASURE_LOG_BYTES_PER_REQUEST, /* growth of Apache's error log */
    STG_MEASURE_OPCACHE,               /* 1: PHP says that OPcache is on */
    STG_MEASURE_PAGE_BYTES,            /* body of the page */
    STG_MEASURE_BESIDE_CPUS,           /* processors that the program beside the servers kept busy */
    STG_MEASURE_SYNC_SLOWDOWN,         /* fdatasync on the servers' disk: mean of the window by mean before */
    STG_MEASURE_NEW_PROCESSES,         /* of the servers, that began in the window */
    STG_MEASURE_NEW_THREADS,
    STG_MEASURE_LAB_CPU_SHARE, /* of all processors' time in the window */
    STG_MEASURE_FOREIGN_CPU_SHARE,
    STG_MEASURE_STEAL_CPU_SHARE,
    STG_MEASURE_LOST,          /* events that the recorder lost */
    STG_MEASURE_SECONDS,       /* length of the window */
    STG_MEASURE_SETTLED_AFTER, /* seconds of warm-up */
    STG_MEASURES,
};

const char *stg_measure_name(enum stg_measure m); /* "connects_per_request" */

/* STG_ERR_INPUT when a check names no measure. */
enum stg_status stg_measure_check_names(const struct stg_scenario *s) STG_MUST_USE;
/* STG_ERR_INPUT naming the first check of the scenario that does not hold: it had no effect, or had another. */
enum stg_status stg_measure_check(const struct stg_scenario *s, const double values[STG_MEASURES]) STG_MUST_USE;

#endif
