/* Interrupt: what the command's handler of SIGINT, SIGTERM and SIGHUP asks for. Long loops look at it and return
 * STG_ERR_INTERRUPTED. */
#ifndef STG_BASE_INTERRUPT_H
#define STG_BASE_INTERRUPT_H

#include "base/status.h"

#include <stdbool.h>

void stg_interrupt_ask(void); /* async-signal-safe */
bool stg_interrupt_asked(void);
enum stg_status stg_interrupt_check(void) STG_MUST_USE; /* STG_ERR_INTERRUPTED with a message, or STG_OK */

#endif
