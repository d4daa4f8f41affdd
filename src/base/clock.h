/* Clock: time in nanoseconds. */
#ifndef STG_BASE_CLOCK_H
#define STG_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic. */
uint64_t stg_clock_ns(void);
/* Wall-clock time, since 1970. */
int64_t stg_clock_real_ns(void);
/* Wall-clock time as ISO 8601 UTC ("2026-01-31T12:00:00Z") into out[21]. SOURCE_DATE_EPOCH overrides it. */
void stg_clock_date(char out[21]);

#endif
