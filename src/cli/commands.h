/* Commands: the table of what `strange` can do. Adding one = one file and one line in stg_command_list. */
#ifndef STG_CLI_COMMANDS_H
#define STG_CLI_COMMANDS_H

#include "cli/options.h"

/* NULL-terminated, in the order of help. */
extern const struct stg_command *const stg_command_list[];

extern const struct stg_command stg_command_record, stg_command_prepare, stg_command_train, stg_command_distill,
    stg_command_score, stg_command_eval, stg_command_explain, stg_command_diff, stg_command_report, stg_command_export,
    stg_command_info, stg_command_doctor, stg_command_help;
extern const struct stg_command stg_command_lab;

/* NULL when there is none of that name. */
const struct stg_command *stg_command_find(const char *name);
/* stg_command_find() or STG_ERR_USAGE with the nearest name. */
enum stg_status stg_command_need(const char *name, const struct stg_command **out) STG_MUST_USE;

/* The whole program but `main`: runs argv, prints the one line of a failure; returns the exit status. */
int stg_cli_main(int argc, char **argv);

#endif
