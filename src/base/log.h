/* Log: talk on standard error. Libraries log warnings at most; what failed is returned, not logged. */
#ifndef STG_BASE_LOG_H
#define STG_BASE_LOG_H

#include "base/status.h"

#include <stdbool.h>

enum stg_log_level { STG_LOG_ERROR, STG_LOG_WARN, STG_LOG_INFO, STG_LOG_DEBUG };

void stg_log_set_level(enum stg_log_level level);
/* "strange: warning: …\n" on standard error; colour only on a terminal without NO_COLOR. Clears a progress line
 * first. */
void stg_log(enum stg_log_level level, const char *fmt, ...) STG_PRINTF(2, 3);
/* True when fd is a terminal that lines can be cleared on: TERM is set and not dumb. */
bool stg_log_is_screen(int fd);
/* True when fd is such a terminal and NO_COLOR is unset or empty. */
bool stg_log_may_colour(int fd);

#endif
