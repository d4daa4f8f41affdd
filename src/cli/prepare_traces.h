/* Traces to one data set file. */
#ifndef STG_CLI_PREPARE_TRACES_H
#define STG_CLI_PREPARE_TRACES_H

#include "cli/options.h"

#include "dataset/dataset.h"

/* Cuts the traces at paths (n ≥ 1), one after another, by recipe into a data set at out. The recipe's STG_CUT_AUTO is
 * settled by the first trace. vocab grows unless frozen. format NULL = found by itself. counts (n) may be NULL. Nothing
 * is left at `out` after a failure. */
enum stg_status stg_prepare_traces(const char *out, const char *const *paths, size_t n, const char *format,
                                   struct stg_recipe *recipe, struct stg_vocab *vocab, struct stg_cut_counts *counts,
                                   const struct stg_cli *cli) STG_MUST_USE;

#endif
