/* What prepare says of a data set that it has made: how much, and what is not in it. */
#ifndef STG_CLI_PREPARE_SUMMARY_H
#define STG_CLI_PREPARE_SUMMARY_H

#include "token/cut.h"

/* To the log: a line on out, and one more for each thing that is amiss and that another recipe would change. counts: of
 * all traces; explained: why there are no sequences has been said. */
void stg_prepare_summary(const char *out, const struct stg_recipe *r, const struct stg_cut_counts *counts,
                         bool explained);

#endif
