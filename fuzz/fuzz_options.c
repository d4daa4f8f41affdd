/* Command lines: the first line picks the command, every further one is an argument. */
#include "cli/commands.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_ARGUMENTS = 64 };

static void parse(const struct stg_command *c, int argc, char *const *argv)
{
    const char *operands[MAX_ARGUMENTS];
    struct stg_cli cli = {0};
    void *settings = NULL;
    int used = 0;
    if (stg_mem_zeroed(&settings, 1, c->settings_size) != STG_OK) {
        return;
    }
    if (c->defaults != NULL) {
        c->defaults(settings);
    }
    const enum stg_status status = stg_options_parse(&cli, c, settings, argc, argv, operands, &used);
    if (status == STG_OK && !cli.help && !cli.version && (cli.n_operands < c->n_min || cli.n_operands > c->n_max)) {
        abort(); /* a number of operands that the command does not take */
    }
    if (status != STG_OK && (status != STG_ERR_USAGE || strlen(stg_status_message()) == 0)) {
        abort(); /* a failure that is not the user's, or without a reason */
    }
    stg_options_fini(c, settings);
    stg_mem_free(settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *argv[MAX_ARGUMENTS];
    int argc = 0;
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    const struct stg_command *c = NULL;
    char *rest = NULL;
    for (char *word = strtok_r(text, "\n", &rest); word != NULL && argc < MAX_ARGUMENTS;
         word = strtok_r(NULL, "\n", &rest)) {
        if (c == NULL && argc == 0) {
            c = stg_command_find(word);
            c = c == NULL ? &stg_command_train : c;
        } else {
            argv[argc++] = word;
        }
    }
    if (c != NULL) {
        parse(c, argc, argv);
    }
    free(text);
    return 0;
}
