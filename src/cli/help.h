/* Help: what the tables say, as text, as a manual page, as a shell's completion. */
#ifndef STG_CLI_HELP_H
#define STG_CLI_HELP_H

#include "base/buffer.h"
#include "cli/options.h"

/* Text of `strange help` for a terminal of `width` columns. */
enum stg_status stg_help_overview(struct stg_buffer *out, size_t width) STG_MUST_USE;
/* Text of `strange help COMMAND`. */
enum stg_status stg_help_command(struct stg_buffer *out, const struct stg_command *c, size_t width) STG_MUST_USE;
/* Manual page strange-COMMAND(1), or strange(1) for command NULL. */
enum stg_status stg_help_man(struct stg_buffer *out, const struct stg_command *c) STG_MUST_USE;
/* shell is "bash" or "zsh". */
enum stg_status stg_help_completion(struct stg_buffer *out, const char *shell) STG_MUST_USE;

/* The choices of an option as "a, b, c"; empty where there are none, or where its help names them all. */
void stg_help_choices(const struct stg_option *o, char *out, size_t cap);

/* Text shared by help and manual. */
#define STG_EXIT_STATUS_USUAL "0: done. 2: failure; one line on standard error says what failed and what to do."
#define STG_PROJECT_SUMMARY \
    "learn what a system normally does from its system calls, and tell when it does something new"

#endif
