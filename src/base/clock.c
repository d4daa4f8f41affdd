#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

uint64_t stg_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t stg_clock_real_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void stg_clock_date(char out[21])
{
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    time_t now = fixed != NULL && *fixed != '\0' ? (time_t)strtoll(fixed, NULL, 10) : time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm) == NULL || strftime(out, 21, "%Y-%m-%dT%H:%M:%SZ", &tm) != 20) {
        static const char unknown[] = "0000-00-00T00:00:00Z";
        for (int i = 0; i < 21; i++) {
            out[i] = unknown[i];
        }
    }
}
