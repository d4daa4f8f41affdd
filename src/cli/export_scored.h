/* Export of scored sequences: what a model says of data, for other programs. */
#ifndef STG_CLI_EXPORT_SCORED_H
#define STG_CLI_EXPORT_SCORED_H

#include "cli/options.h"

enum stg_scored_format { STG_SCORED_PERFETTO, STG_SCORED_CTF, STG_SCORED_CSV_EVENTS, STG_SCORED_CSV_SEQUENCES };

/* cli->operands: the model, the data set or trace. out: the file, which appears when all of it is there; "-" is
 * standard output. CTF: a new directory. alpha: up to this p-value a sequence is novel; per_day > 0: false
 * alarms a day, instead. */
enum stg_status stg_export_scored(const struct stg_cli *cli, const char *out, enum stg_scored_format format,
                                  double alpha, double per_day) STG_MUST_USE;

#endif
