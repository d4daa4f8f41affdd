/* Info on a trace: one pass over its events, in bounded memory. */
#ifndef STG_CLI_INFO_TRACE_H
#define STG_CLI_INFO_TRACE_H

#include "cli/options.h"

#include <jansson.h>

/* Fills facts with what the trace at path holds; format NULL = found by itself. */
enum stg_status stg_info_trace(json_t *facts, const char *path, const char *format,
                               const struct stg_cli *cli) STG_MUST_USE;

#endif
