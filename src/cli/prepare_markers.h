/* Markers that a cut rule waits for in vain. */
#ifndef STG_CLI_PREPARE_MARKERS_H
#define STG_CLI_PREPARE_MARKERS_H

#include "token/cut.h"

/* Says in one line when a marker of the recipe occurs in none of the traces, with those that are in the trace at path
 * (its first million events), so that a mistyped name is seen. counts: of all traces. *said: there was something to
 * say. */
enum stg_status stg_prepare_check_markers(const struct stg_recipe *recipe, const struct stg_cut_counts *counts,
                                          const char *path, const char *format, bool *said) STG_MUST_USE;

#endif
