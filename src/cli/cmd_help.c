/* strange help: text, manual pages, completion. */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/output.h"

#include <string.h>

struct settings {
    bool man;
    const char *completion;
};

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    const struct settings *s = context;
    enum stg_status status = STG_OK;
    struct stg_buffer b = STG_BUFFER_INIT;
    const struct stg_command *c = NULL;
    (void)exit_code;
    if (cli->n_operands == 1 && strcmp(cli->operands[0], "strange") != 0) {
        STG_TRY(stg_command_need(cli->operands[0], &c));
    }
    if (s->completion != NULL) {
        STG_TRY(stg_help_completion(&b, s->completion));
    } else if (s->man) {
        STG_TRY(stg_help_man(&b, c));
    } else {
        STG_TRY(c == NULL ? stg_help_overview(&b, stg_output_width()) : stg_help_command(&b, c, stg_output_width()));
    }
    STG_TRY(stg_output_write(&b));
out:
    stg_buffer_fini(&b);
    return status;
}

static const struct stg_option options[] = {
    {.name = "man",
     .type = STG_OPTION_FLAG,
     .offset = offsetof(struct settings, man),
     .help = "write the manual page of COMMAND, or strange(1), as roff"},
    {.name = "completion",
     .arg = "SHELL",
     .type = STG_OPTION_CHOICE,
     .choices = "bash|zsh",
     .offset = offsetof(struct settings, completion),
     .help = "write the completion script for a shell"},
};

static const char *const description[] = {
    "Explains a command, or lists them all. What is printed, the manual pages and the completions all come from the "
    "tables that "
    "parse the command line.",
    NULL,
};

static const struct stg_example examples[] = {
    {"strange help train", "explain the options of train"},
    {"eval \"$(strange help --completion bash)\"", "complete commands and options in this shell"},
    {NULL, NULL},
};

const struct stg_command stg_command_help = {
    .name = "help",
    .summary = "explain a command",
    .operands = "[COMMAND]",
    .n_max = 1,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = examples,
    .settings_size = sizeof(struct settings),
    .run = run,
};
