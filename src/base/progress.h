/* Progress: one line on standard error with a bar, the rate and the time left; nothing when standard error is not a
 * terminal that lines can be cleared on, or logging is quiet. An update costs a look at the clock, and is drawn at most
 * 10 × a second. */
#ifndef STG_BASE_PROGRESS_H
#define STG_BASE_PROGRESS_H

#include <stdint.h>

struct stg_progress {
    const char *what; /* "train", borrowed */
    const char *unit; /* "events", borrowed; "": only the percentage is shown */
    uint64_t total;   /* in units; 0 = unknown */
    uint64_t done;    /* in units */
    uint64_t start_ns, drawn_ns;
    char note[96]; /* shown after the rate: loss, epoch … */
    int enabled;
};

void stg_progress_start(struct stg_progress *p, const char *what, const char *unit, uint64_t total);
/* done counts from the start, in units. p may be NULL. */
void stg_progress_update(struct stg_progress *p, uint64_t done);
void stg_progress_finish(struct stg_progress *p); /* clears the line */

#endif
